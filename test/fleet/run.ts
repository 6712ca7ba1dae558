import { parseArgs } from 'node:util';
import { Dice } from './dice.ts';
import { numberOf, seconds, writeReport } from './report.ts';
import { type Outcome, play } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';

/** Real processes, real kills; see README.md. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string', multiple: true },
    report: { type: 'string' },
  },
});
const seed = numberOf('seed', values.seed);
const chosen = SCENARIOS.filter(({ name }) => values.only === undefined || values.only.includes(name));
if (chosen.length === 0) throw new Error(`--only takes: ${SCENARIOS.map(({ name }) => name).join(', ')}`);
const weatherMs = (numberOf('minutes', values.minutes) * 60_000) / chosen.length;

console.log(`seed ${seed}; ${seconds(weatherMs)} of bad weather in each of ${chosen.length} scenarios\n`);
const outcomes: Outcome[] = [];
for (const scenario of chosen) {
  console.log(`${scenario.name}: ${scenario.does}`);
  // Of its own name, so that one scenario alone meets what it met among the others.
  const outcome = await play(scenario, { dice: new Dice(seed + hashOf(scenario.name)), weatherMs });
  outcomes.push(outcome);
  if (outcome.skipped) {
    console.log(`  skipped: ${outcome.skipped}\n`);
    continue;
  }
  const { deeds, writes, events, convergedMs, idleMs, mostAtOnce } = outcome;
  for (const [what, times] of Object.entries(deeds)) console.log(`  ${what}: ${times}`);
  console.log(`  ${writes} acknowledged writes of ${events} events; asked again ${outcome.asksRepeated} times`);
  console.log(
    `  equal ${seconds(convergedMs)} after the weather, idle ${seconds(idleMs)} later; at most ${mostAtOnce} requests at once`,
  );
  for (const complaint of outcome.complaints) console.log(`  WRONG: ${complaint}`);
  for (const example of outcome.verdict?.examples ?? []) console.log(`    ${example}`);
  console.log(outcome.complaints.length === 0 ? '  nothing lost, nothing doubled, nothing stuck\n' : '');
}

const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
const totals = {
  kills: sum(({ kills }) => kills),
  starts: sum(({ starts }) => starts),
  writes: sum(({ writes }) => writes),
  events: sum(({ events }) => events),
  complaints: sum(({ complaints }) => complaints.length),
};
console.table(totals);
writeReport(values.report, { seed, weatherMs, totals, outcomes });
process.exitCode = totals.complaints === 0 ? 0 : 1;

function hashOf(text: string): number {
  return [...text].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) >>> 0, 7);
}
