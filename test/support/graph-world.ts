import { isSyncError, type SyncError } from '../../src/core/errors.ts';
import type { GraphCalendarId } from '../../src/core/ids.ts';
import { type Clock, type Fetch, type Random, silentLogger } from '../../src/core/runtime.ts';
import type { GraphSession, RemoteEvent, WriteOutcome } from '../../src/graph/calendar-graph.ts';
import { GraphClient } from '../../src/graph/graph.client.ts';
import { GraphCalendarClient } from '../../src/graph/graph-calendar.client.ts';
import { newGraphStats } from '../../src/graph/graph-stats.ts';
import { MailboxLimiter } from '../../src/graph/mailbox-limiter.ts';
import type { TokenProvider } from '../../src/graph/token.provider.ts';
import { GraphSimulator, type SimulatedMailbox, type SimulatorSwitches } from '../../src/simulator/index.ts';
import { watchOutbox } from './outbox-watch.ts';

export const MAILBOX = 'ada@example.com';
export const START = '2026-03-02T08:00:00Z';
export const CORRELATION_ID = '3f2c1a70-5b1e-4c7d-9a2b-6f0e8d4c1b2a';

/** A clock that moves on by itself whenever somebody sleeps, and remembers how long they slept. */
export class SleepwalkingClock implements Clock {
  readonly sleeps: number[] = [];
  #nowMs: number;

  constructor(start = START) {
    this.#nowMs = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.sleeps.push(ms);
    this.#nowMs += ms;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

/** No chance at all: jitter in the middle of its range, ids by number. */
export function steadyRandom(): Random {
  let count = 0;
  return {
    next: () => 0.5,
    id: () => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`,
    bytes: (length) => new Uint8Array(length),
  };
}

export interface GraphWorldOptions {
  readonly switches?: Partial<SimulatorSwitches>;
  readonly clock?: Clock;
  readonly batchSize?: number;
  readonly pageSize?: number;
  readonly concurrency?: number;
  readonly tokens?: TokenProvider;
  readonly requestTimeoutMs?: number;
  /** Stands between client and simulator. */
  readonly wrap?: (fetch: Fetch) => Fetch;
}

/** The Graph client with a simulated Graph behind it, one mailbox, and nothing else of the service. */
export function openGraphWorld(options: GraphWorldOptions = {}) {
  const clock = options.clock ?? new SleepwalkingClock();
  const sim = new GraphSimulator({
    now: () => clock.now().getTime(),
    ...(options.switches ? { switches: options.switches } : {}),
  });
  watchOutbox(sim);
  const mailbox = sim.addMailbox({ address: MAILBOX, name: 'Ada Lemke', timeZone: 'W. Europe Standard Time' });
  const token = sim.accessToken();
  const limiter = new MailboxLimiter({ clock, concurrency: options.concurrency ?? 4 });
  const client = new GraphClient({
    fetch: options.wrap ? options.wrap(sim.fetch) : sim.fetch,
    clock,
    random: steadyRandom(),
    logger: silentLogger,
    tokens: options.tokens ?? { getToken: async () => token },
    limiter,
    baseUrl: 'http://graph.sim.test',
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
  });
  const { batchSize = 20, pageSize = 50 } = options;
  const graph = new GraphCalendarClient({ client, batchSize, pageSize });
  const session = newSession(mailbox);
  const calendarId = mailbox.defaultCalendarId as GraphCalendarId;
  return { sim, mailbox, clock, limiter, client, graph, session, calendarId };
}

export function newSession(mailbox: SimulatedMailbox, signal?: AbortSignal): GraphSession {
  return { mailbox: mailbox.id, correlationId: CORRELATION_ID, stats: newGraphStats(), ...(signal ? { signal } : {}) };
}

/** @returns the answered events by key, and fails when one of the writes did */
export function answered(outcomes: readonly WriteOutcome[]): Record<string, RemoteEvent> {
  return Object.fromEntries(
    outcomes.map((outcome) => {
      if (!outcome.ok) throw outcome.error;
      if (!outcome.event) throw new Error(`${outcome.key} was answered without its event`);
      return [outcome.key, outcome.event];
    }),
  );
}

/** @returns what the work failed with, and fails when it did not, or with anything but a `SyncError` */
export async function errorOf(work: Promise<unknown>): Promise<SyncError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isSyncError(error)) throw new Error(`a SyncError was expected, not ${String(error)}`);
  return error;
}
