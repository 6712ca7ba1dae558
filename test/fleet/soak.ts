import { parseArgs } from 'node:util';
import { Dice } from './dice.ts';
import { judgeFlatness, type Sample, type Trend } from './flatness.ts';
import { Fleet } from './fleet.ts';
import { Load } from './load.ts';
import { converge, isClean, quietRun } from './oracle.ts';
import { pause } from './processes.ts';
import { numberOf, writeReport } from './report.ts';
import { tableSizes, takeSample } from './samples.ts';

/** Steady load for a long time: whatever should stay flat is measured every few seconds; see README.md. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    rest: { type: 'string', default: '2000' },
    store: { type: 'string', multiple: true, default: ['postgres', 'pglite'] },
    report: { type: 'string' },
  },
});
const SAMPLE_EVERY_MS = 10_000;
/** Living events of one writer: the calendar stays as large as it is, so that what grows grows by itself. */
const LIVING_EVENTS = 60;
const CONVERGE_WITHIN_MS = 180_000;
const soakMs = numberOf('minutes', values.minutes) * 60_000;
const restMs = numberOf('rest', values.rest);

interface Soaked {
  readonly store: string;
  readonly writes: number;
  readonly trends: readonly Trend[];
  readonly complaints: readonly string[];
  readonly samples: readonly Sample[];
  /** Rows of every table at the end, which on an embedded database nobody can look at before. */
  readonly tables: Readonly<Record<string, number>>;
}

/** All stores at the same time: twenty minutes are twenty minutes. */
const soaked = await Promise.all(
  values.store.map((store) => {
    if (store !== 'postgres' && store !== 'pglite') throw new Error('--store takes postgres and pglite');
    return soak(store);
  }),
);
for (const { store, trends, complaints, writes, tables } of soaked) {
  console.log(`\n${store}: ${writes} acknowledged writes`);
  console.table(
    trends.map(({ name, atHalf, atEnd, least, most, perHour, restPerHour, floorPerHour, bound, isFlat }) => ({
      figure: name,
      'at half': round(atHalf),
      'at the end': round(atEnd),
      least: round(least),
      most: round(most),
      'an hour': round(perHour),
      'in the last quarter': round(restPerHour),
      'at its least': round(floorPerHour),
      bound: bound === undefined ? '' : round(bound),
      flat: bound === undefined ? '' : isFlat,
    })),
  );
  console.log(
    `rows at the end: ${Object.entries(tables)
      .map((entry) => entry.join(' '))
      .join(', ')}`,
  );
  for (const complaint of complaints) console.log(`WRONG: ${complaint}`);
}
writeReport(values.report, { minutes: soakMs / 60_000, restMs, soaked });
process.exitCode = soaked.every(({ complaints }) => complaints.length === 0) ? 0 : 1;

async function soak(store: 'postgres' | 'pglite'): Promise<Soaked> {
  const dice = new Dice(numberOf('seed', values.seed));
  const fleet = await Fleet.start({ store, workers: store === 'postgres' ? 1 : 0, mailboxes: 2 }, dice.fork());
  try {
    const load = new Load(fleet, dice.fork(), { restMs, most: LIVING_EVENTS });
    load.begin();
    const began = Date.now();
    const samples: Sample[] = [];
    while (Date.now() - began < soakMs) {
      await pause(SAMPLE_EVERY_MS);
      const sample = await takeSample(fleet, load, began);
      samples.push(sample);
      if (samples.length % 6 === 0) console.log(`${store} ${JSON.stringify(sample)}`);
    }
    await load.end();
    const { verdict } = await converge(fleet, load, CONVERGE_WITHIN_MS);
    const complaints = [...load.refusals, ...(await quietRun(fleet))];
    if (!verdict || !isClean(verdict)) complaints.push(JSON.stringify(verdict));
    for (const program of [fleet.simulator, ...fleet.ours]) complaints.push(...program.crashes);
    const trends = judgeFlatness(samples);
    for (const { name, isFlat, perHour } of trends)
      if (!isFlat) complaints.push(`${name} grows by ${round(perHour)} an hour`);
    return { store, writes: load.writes, trends, complaints, samples, tables: await tableSizes(fleet) };
  } finally {
    await fleet.destroy();
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
