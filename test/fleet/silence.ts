import { type Program, pause } from './processes.ts';
import type { Weather } from './scenario.ts';

const SILENCE_SECONDS = 30;
/** What was on its way when Graph spoke, and the second until the other processes have heard of it. */
const HEARD_WITHIN_MS = 2_000;
const PATIENCE_MS = 120_000;

interface LoggedRequest {
  readonly seq: number;
  readonly at: string;
  readonly status: number;
  readonly path: string;
  readonly fault?: string;
}

/**
 * Graph answers one request with 429 and `Retry-After`. From then on no process may send to the mailbox until it is over,
 * though one of them is killed meanwhile and started again.
 */
export async function silenceKept(weather: Weather): Promise<void> {
  const { fleet, deeds, complaints, dice } = weather;
  const mailbox = fleet.people[0]?.mailbox ?? '';
  do {
    await pause(dice.between(2_000, 5_000));
    const since = await lastSeq(weather, mailbox);
    await fleet.outlook('POST', '/faults', {
      status: 429,
      retryAfter: SILENCE_SECONDS,
      mailbox,
      // One of a batch's items would be told of inside an answer that is a success.
      batchItem: false,
      path: '/events|/calendarView',
    });
    const told = await untilTold(weather, mailbox, since);
    if (!told) {
      complaints.push('nobody asked Graph for anything');
      return;
    }
    const toldMs = Date.parse(told.at);
    deeds['silences asked for'] = (deeds['silences asked for'] ?? 0) + 1;
    await pause(dice.between(2_500, 6_000));
    const victim: Program = dice.pick(fleet.workers);
    await victim.kill();
    deeds['kills of worker'] = (deeds['kills of worker'] ?? 0) + 1;
    await victim.start();
    await pause(Math.max(0, toldMs + (SILENCE_SECONDS + 1) * 1_000 - Date.now()));
    const early = (await requestsAfter(weather, mailbox, told.seq)).filter(
      ({ at }) => Date.parse(at) > toldMs + HEARD_WITHIN_MS && Date.parse(at) < toldMs + SILENCE_SECONDS * 1_000,
    );
    if (early.length > 0) {
      const when = early.slice(0, 3).map(({ at }) => ((Date.parse(at) - toldMs) / 1000).toFixed(1));
      complaints.push(`${early.length} requests while Graph had asked for silence, after ${when.join(', ')} s`);
    }
  } while (Date.now() < weather.until);
}

async function requestsAfter({ fleet }: Weather, mailbox: string, seq: number): Promise<LoggedRequest[]> {
  const { status, body } = await fleet.outlook<LoggedRequest[]>('GET', `/requests?mailbox=${mailbox}&since=${seq}`);
  return status === 200 ? body : [];
}

async function lastSeq({ fleet }: Weather, mailbox: string): Promise<number> {
  const { body } = await fleet.outlook<LoggedRequest[]>('GET', `/requests?mailbox=${mailbox}&limit=1`);
  return body?.[0]?.seq ?? 0;
}

async function untilTold(weather: Weather, mailbox: string, since: number): Promise<LoggedRequest | undefined> {
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await pause(100)) {
    const found = (await requestsAfter(weather, mailbox, since)).find(({ status, fault }) => status === 429 && fault);
    if (found) return found;
  }
  return undefined;
}
