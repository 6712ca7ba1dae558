import { isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Clock, Logger } from '../core/runtime.ts';
import { COUNTED_CALLERS, COUNTING_PATIENCE_MS, COUNTING_PAUSE_MS, type Limits, RATE_WINDOW_MS } from './limits.ts';
import { HttpProblem } from './problem.ts';

/** Counts a request, and refuses it when its caller has made too many. */
export type Guard = (request: FastifyRequest) => Promise<void>;

interface Count {
  readonly count: number;
  readonly startedAt: Date;
}

/** Where all processes count together. */
export interface SharedCounts {
  add(caller: string, now: Date, windowMs: number): Promise<Count>;
  deleteBefore(before: Date): Promise<unknown>;
}

/**
 * Users are counted by their id, whatever address they come from: behind a proxy all have the same one. Addresses are
 * counted for what comes without a good token, so that guessing does not pay and does not shut out who has one.
 */
export function createGuards(parts: {
  limits: Limits;
  clock: Clock;
  logger: Logger;
  shared?: SharedCounts | undefined;
}): { user: Guard; address: Guard } {
  const { limits } = parts;
  const counter = new CallerCounter(parts);
  const guard = (max: number, callerOf: (request: FastifyRequest) => string): Guard => {
    return async (request) => {
      const waitMs = await counter.count(callerOf(request), max);
      if (waitMs > 0) throw tooMany(`more than ${max} requests a minute`, Math.ceil(waitMs / 1000));
    };
  };
  return {
    user: guard(limits.userRequests, (request) => `user:${request.caller?.userId ?? ''}`),
    address: guard(limits.addressRequests, (request) => `address:${networkOf(request.ip)}`),
  };
}

/**
 * Counts callers in windows of time. What this process knows is enough to refuse: a caller who is over the limit costs the
 * database nothing more until their window ends. While the database is away, each process counts alone.
 */
export class CallerCounter {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #shared: SharedCounts | undefined;
  /** In the order in which callers were last seen. */
  readonly #known = new Map<string, { count: number; startedAtMs: number }>();
  #aloneUntilMs = 0;
  #tidiedAtMs: number;

  constructor(parts: { clock: Clock; logger: Logger; shared?: SharedCounts | undefined }) {
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#shared = parts.shared;
    this.#tidiedAtMs = this.#nowMs();
  }

  /** @returns how long the caller has to wait, in milliseconds; 0: the request is within the limit */
  async count(caller: string, max: number): Promise<number> {
    const known = this.#countHere(caller);
    const here = known.count;
    // Which one in a row this request is; those that come while the database counts are no concern of it.
    const position = here > max ? here : ((await this.#countTogether(caller, known)) ?? here);
    if (position <= max) return 0;
    const waitMs = known.startedAtMs + RATE_WINDOW_MS - this.#nowMs();
    return Math.min(Math.max(waitMs, 1), RATE_WINDOW_MS);
  }

  #countHere(caller: string): { count: number; startedAtMs: number } {
    const nowMs = this.#nowMs();
    const found = this.#known.get(caller);
    const isOver = !found || found.startedAtMs + RATE_WINDOW_MS <= nowMs;
    const known = isOver ? { count: 0, startedAtMs: nowMs } : found;
    known.count += 1;
    this.#known.delete(caller);
    this.#known.set(caller, known);
    if (this.#known.size > COUNTED_CALLERS) this.#known.delete(this.#known.keys().next().value as string);
    return known;
  }

  async #countTogether(caller: string, known: { count: number; startedAtMs: number }): Promise<number | undefined> {
    const shared = this.#shared;
    const now = this.#clock.now();
    if (!shared || now.getTime() < this.#aloneUntilMs) return undefined;
    try {
      await this.#inTime(this.#tidy(shared, now));
      const { count, startedAt } = await this.#inTime(shared.add(caller, now, RATE_WINDOW_MS));
      // Answers may overtake each other: within a window, counts only grow.
      if (startedAt.getTime() === known.startedAtMs) known.count = Math.max(known.count, count);
      else Object.assign(known, { count, startedAtMs: Math.min(startedAt.getTime(), now.getTime()) });
      return count;
    } catch (error) {
      const { code, message } = error as { code?: unknown; message?: string };
      this.#logger.warn({ code, reason: message }, 'requests are counted by this process alone for a while');
      this.#aloneUntilMs = now.getTime() + COUNTING_PAUSE_MS;
      return undefined;
    }
  }

  /** Callers that did not come back leave a row each; once a minute somebody takes them out. */
  async #tidy(shared: SharedCounts, now: Date): Promise<void> {
    if (now.getTime() - this.#tidiedAtMs < RATE_WINDOW_MS) return;
    this.#tidiedAtMs = now.getTime();
    await shared.deleteBefore(new Date(now.getTime() - 2 * RATE_WINDOW_MS));
  }

  /** No request waits for a database that does not answer only because it is to be counted. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    const done = new AbortController();
    const late = this.#clock.sleep(COUNTING_PATIENCE_MS, done.signal).then(() => {
      throw new Error('the database did not count in time');
    });
    late.catch(() => {});
    work.catch(() => {});
    try {
      return await Promise.race([work, late]);
    } finally {
      done.abort();
    }
  }

  #nowMs(): number {
    return this.#clock.now().getTime();
  }
}

/** Whoever has one address of IPv6 has the 2^64 of its network, too. */
export function networkOf(address: string): string {
  const plain = address.split('%', 1)[0] ?? address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped || !isIPv6(plain)) return mapped ?? plain;
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
    while (groups.length < 8 - after) groups.push('0');
    groups.push(...(tail === '' ? [] : tail.split(':')));
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

export function tooMany(what: string, retryAfterSeconds: number): HttpProblem {
  const seconds = Math.max(1, retryAfterSeconds);
  return new HttpProblem(429, 'RATE_LIMITED', `${what}; try again in ${seconds} s`, {
    headers: { 'retry-after': String(seconds) },
  });
}
