import type { World } from '../mailbox/world.ts';
import { GraphError } from './graph-error.ts';

/** Outlook's limits per application and mailbox (Microsoft Graph "throttling limits"): four at once, 10,000 in ten minutes. */
const PERIOD_MS = 600_000;

interface Usage {
  active: number;
  /** Arrival times within the period, oldest first from `head`. */
  arrivals: number[];
  head: number;
}

export class Limits {
  readonly #world: World;
  readonly #usage = new Map<string, Usage>();
  readonly #highestByMailbox = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /**
   * Takes a slot; the returned function gives it back.
   *
   * @throws {GraphError} 429 or 503; refused requests count as well
   */
  enter(app: string, mailboxId: string): () => void {
    const { switches } = this.#world;
    const usage = this.#usageOf(`${app}|${mailboxId}`);
    this.#countArrival(usage, switches.requestLimit);
    if (switches.concurrencyLimit > 0 && usage.active >= switches.concurrencyLimit) {
      this.#noteHighest(mailboxId, usage.active + 1);
      throw this.#refusal(
        switches.concurrencyStatus,
        'ApplicationThrottled',
        'Application is over its MailboxConcurrency limit.',
      );
    }
    usage.active += 1;
    this.#noteHighest(mailboxId, usage.active);
    return () => {
      usage.active -= 1;
    };
  }

  #countArrival(usage: Usage, limit: number): void {
    if (limit <= 0) return;
    const now = this.#world.now();
    while (usage.head < usage.arrivals.length && usage.arrivals[usage.head]! <= now - PERIOD_MS) usage.head += 1;
    if (usage.head > 10_000) {
      usage.arrivals = usage.arrivals.slice(usage.head);
      usage.head = 0;
    }
    usage.arrivals.push(now);
    if (usage.arrivals.length - usage.head > limit)
      throw this.#refusal(429, 'TooManyRequests', 'Please retry again later.');
  }

  #refusal(status: number, code: string, message: string): GraphError {
    const { retryAfter, retryAfterSeconds } = this.#world.switches;
    if (retryAfter === 'absent') return new GraphError(status, code, message);
    const value = {
      integer: () => String(Math.ceil(retryAfterSeconds)),
      decimal: () => (retryAfterSeconds + 0.128).toFixed(3),
      date: () => new Date(this.#world.now() + retryAfterSeconds * 1000).toUTCString(),
    }[retryAfter]();
    return new GraphError(status, code, message, { headers: { 'retry-after': value } });
  }

  /** Most requests seen at once, those refused included. */
  highest(mailboxId: string): number {
    return this.#highestByMailbox.get(mailboxId) ?? 0;
  }

  forgetHighest(): void {
    this.#highestByMailbox.clear();
  }

  #noteHighest(mailboxId: string, active: number): void {
    this.#highestByMailbox.set(mailboxId, Math.max(this.highest(mailboxId), active));
  }

  #usageOf(key: string): Usage {
    let usage = this.#usage.get(key);
    if (usage === undefined) {
      usage = { active: 0, arrivals: [], head: 0 };
      this.#usage.set(key, usage);
    }
    return usage;
  }
}
