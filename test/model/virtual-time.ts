import type { Clock } from '../../src/core/runtime.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Turns of the event loop without anybody at work, after which everybody is taken to be waiting for time to pass. */
const QUIET_TURNS = 4;
/** With nobody asleep either, nothing will ever happen again. */
const HUNG_TURNS = 2_000;

/** Somebody waits for what never comes: neither for the network or the database, nor for time to pass. */
export class HungError extends Error {
  override readonly name = 'HungError';
}

/**
 * Time that passes only when everybody waits for it. The service's own clock shows it until somebody sets that; Exchange's, and
 * everybody's patience, go by what really passes.
 */
export class VirtualTime implements Clock {
  #nowMs: number;
  /** By how much the service's clock is wrong. */
  #offsetMs = 0;
  readonly #sleepers = new Set<Sleeper>();
  /** Calls under way that will be answered without time passing. */
  busy = 0;

  constructor(start: string) {
    this.#nowMs = Date.parse(start);
  }

  /** As the service's clock shows it. */
  now(): Date {
    return new Date(this.#nowMs + this.#offsetMs);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const forget = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper = {
        atMs: this.#nowMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', forget);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', forget, { once: true });
    });
  }

  /** Sets the service's clock, back as well; nobody wakes by that. */
  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  advance(ms: number): void {
    this.#advanceTo(this.#nowMs + ms);
  }

  /** Counts as work while it runs. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.busy += 1;
    try {
      return await work();
    } finally {
      this.busy -= 1;
    }
  }

  /**
   * Lets things happen until `isOver`, and time pass whenever everybody waits for it.
   *
   * @throws {HungError} when nobody waits for anything that can still happen
   */
  async passUntil(isOver: () => boolean, o: { untilMs?: number } = {}): Promise<void> {
    let quiet = 0;
    while (!isOver()) {
      await turn();
      quiet = this.busy > 0 ? 0 : quiet + 1;
      if (quiet < QUIET_TURNS) continue;
      const next = this.#nextWakeMs();
      if (next !== undefined && next <= (o.untilMs ?? Number.POSITIVE_INFINITY)) {
        quiet = 0;
        this.#advanceTo(Math.max(next, this.#nowMs));
      } else if (o.untilMs !== undefined) {
        this.#advanceTo(Math.max(o.untilMs, this.#nowMs));
        return;
      } else if (quiet > HUNG_TURNS) {
        throw new HungError('somebody waits for what never comes');
      }
    }
  }

  /** Lets time pass while somebody waits for it, until their work is done. */
  async passing<T>(work: () => Promise<T>): Promise<T> {
    let isDone = false;
    const result = work().finally(() => {
      isDone = true;
    });
    result.catch(() => {});
    // Within a run's instant somebody else watches the time already.
    await this.passUntil(() => isDone);
    return result;
  }

  #nextWakeMs(): number | undefined {
    let next: number | undefined;
    for (const { atMs } of this.#sleepers) next = Math.min(next ?? atMs, atMs);
    return next;
  }

  #advanceTo(ms: number): void {
    this.#nowMs = ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.atMs > ms) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}

export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
