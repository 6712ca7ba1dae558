import type { Dice } from './dice.ts';
import { Fleet, type Layout } from './fleet.ts';
import { LEFTOVERS, type Leftovers, lookForLeftovers } from './leftovers.ts';
import { Load } from './load.ts';
import { COUNTS, converge, quietRun, type Verdict } from './oracle.ts';
import { pause } from './processes.ts';

/** What a scenario did to the fleet, by name: `kills`, `databaseStops`, … */
export type Deeds = Record<string, number>;

export interface Weather {
  readonly fleet: Fleet;
  readonly load: Load;
  readonly dice: Dice;
  readonly until: number;
  readonly deeds: Deeds;
  /** What is wrong and is no matter of events. */
  readonly complaints: string[];
}

export interface Scenario {
  readonly name: string;
  readonly does: string;
  readonly layout: Layout;
  readonly restMs?: number;
  /** @returns why it cannot be done on this machine */
  readonly prepare?: () => string | undefined;
  readonly cleanUp?: () => void;
  readonly weather: (weather: Weather) => Promise<void>;
}

export interface Outcome {
  readonly name: string;
  readonly skipped?: string;
  readonly deeds: Deeds;
  readonly starts: number;
  readonly kills: number;
  readonly writes: number;
  readonly asksRepeated: number;
  readonly events: number;
  readonly convergedMs: number;
  readonly idleMs: number;
  readonly mostAtOnce: number;
  readonly verdict: Verdict | undefined;
  readonly leftovers: Leftovers | undefined;
  readonly complaints: readonly string[];
}

const CONVERGE_WITHIN_MS = 180_000;
const HEALTHY_WITHIN_MS = 60_000;
/** What a killed process had taken of the outbox is due again after two minutes. */
const ANNOUNCED_WITHIN_MS = 180_000;
/** Graph's own limit; the fleet as a whole must keep to it. */
const MOST_AT_ONCE = 4;
const REST_MS = 400;

/** Load on both sides, bad weather, and then the account: what is wrong stands in `complaints`. */
export async function play(
  scenario: Scenario,
  o: { dice: Dice; weatherMs: number /** Deliveries of a killed process take minutes. */; isOutboxLeftOut?: boolean },
): Promise<Outcome> {
  const { name } = scenario;
  const skipped = scenario.prepare?.();
  if (skipped !== undefined) return { ...NOTHING, name, skipped };
  let fleet: Fleet | undefined;
  try {
    // Only now: what was prepared may say where the data is.
    fleet = await Fleet.start(scenario.layout, o.dice.fork());
    const load = new Load(fleet, o.dice.fork(), { restMs: scenario.restMs ?? REST_MS });
    const weather: Weather = {
      ...{ fleet, load, dice: o.dice.fork(), until: Date.now() + o.weatherMs },
      ...{ deeds: {}, complaints: [] },
    };
    load.begin();
    await scenario.weather(weather);
    await fleet.revive();
    await load.end();
    return await account(name, weather, o.isOutboxLeftOut === true);
  } finally {
    await fleet?.destroy();
    scenario.cleanUp?.();
  }
}

async function account(
  name: string,
  { fleet, load, deeds, complaints }: Weather,
  isOutboxLeftOut: boolean,
): Promise<Outcome> {
  const { verdict, tookMs: convergedMs } = await converge(fleet, load, CONVERGE_WITHIN_MS);
  if (!verdict) complaints.push('a side did not answer');
  for (const what of COUNTS) if (verdict && verdict[what] > 0) complaints.push(`${what}: ${verdict[what]}`);
  complaints.push(...load.refusals.slice(0, 5), ...(await quietRun(fleet)));
  if (!(await isHealthy(fleet))) complaints.push('health is not ok');
  const unannounced = isOutboxLeftOut ? 0 : await withoutAnnouncement(fleet, load);
  if (unannounced > 0) complaints.push(`${unannounced} new events were not told to the webhook`);
  await fleet.noteConcurrency();
  if (fleet.mostAtOnce > MOST_AT_ONCE) complaints.push(`${fleet.mostAtOnce} requests at once in one mailbox`);
  for (const program of [fleet.simulator, ...fleet.ours]) complaints.push(...program.crashes);
  const expected = LEFTOVERS.filter((what) => what !== 'outbox' || !isOutboxLeftOut);
  const { leftovers, tookMs: idleMs } = await lookForLeftovers(fleet, expected);
  for (const what of expected) if (leftovers[what] > 0) complaints.push(`${what}: ${leftovers[what]}`);
  if (leftovers.failedRuns > 0) complaints.push(`runs that failed: ${leftovers.failedRuns}`);
  const programs = [fleet.simulator, ...fleet.ours];
  return {
    ...{ name, deeds, convergedMs, idleMs, verdict, leftovers, complaints },
    starts: programs.reduce((sum, { starts }) => sum + starts, 0),
    kills: programs.reduce((sum, { kills }) => sum + kills, 0),
    writes: load.writes,
    asksRepeated: load.asksRepeated,
    events: load.events.size,
    mostAtOnce: fleet.mostAtOnce,
  };
}

async function isHealthy(fleet: Fleet): Promise<boolean> {
  for (const until = Date.now() + HEALTHY_WITHIN_MS; Date.now() < until; await pause(1_000)) {
    const { status, body } = await fleet.operate<{ status: string }>('/calendar/sync/health');
    if (status === 200 && body.status === 'ok') return true;
  }
  return false;
}

/** Each event the application has by now was announced to it, at least once. */
async function withoutAnnouncement(fleet: Fleet, load: Load): Promise<number> {
  let missing = 0;
  for (const person of fleet.people) {
    const { body } = await fleet.call<{ items: { id: string }[] }>(person, 'GET', '/calendar/events?limit=1000');
    const wanted = body.items.map(({ id }) => id);
    for (const until = Date.now() + ANNOUNCED_WITHIN_MS; ; await pause(1_000)) {
      const told = new Set(fleet.hooks.hooks.map(({ message }) => String(message.data['id'])));
      const left = wanted.filter((id) => !told.has(id)).length;
      if (left > 0 && Date.now() < until) continue;
      missing += left;
      break;
    }
  }
  return load.events.size === 0 ? 0 : missing;
}

const NOTHING = {
  ...{
    deeds: {},
    starts: 0,
    kills: 0,
    writes: 0,
    asksRepeated: 0,
    events: 0,
    convergedMs: 0,
    idleMs: 0,
    mostAtOnce: 0,
  },
  ...{ verdict: undefined, leftovers: undefined, complaints: [] },
};
