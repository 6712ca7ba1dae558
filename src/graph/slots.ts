import { assert } from '../core/errors.ts';

/** Callers that may wait for their turn; more means somebody forgot to wait for answers. */
const MAX_WAITING = 10_000;

interface Waiting {
  readonly count: number;
  readonly start: () => void;
}

/** A semaphore for takers of different sizes: first come, first served, so that a large one is never starved by small ones. */
export class Slots {
  readonly #total: number;
  #free: number;
  readonly #queue: Waiting[] = [];

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  get isIdle(): boolean {
    return this.#free === this.#total && this.#queue.length === 0;
  }

  /**
   * @param count  at most the total, or it would wait for ever
   * @returns a function that gives the slots back
   * @throws the signal's reason as soon as it is aborted
   */
  async take(count: number, signal?: AbortSignal): Promise<() => void> {
    assert(count >= 1 && count <= this.#total, `slots: ${count} of ${this.#total} can never be free`);
    signal?.throwIfAborted();
    if (this.#queue.length > 0 || this.#free < count) await this.#wait(count, signal);
    else this.#free -= count;
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#free += count;
      this.#startWaiting();
    };
  }

  #wait(count: number, signal: AbortSignal | undefined): Promise<void> {
    assert(this.#queue.length < MAX_WAITING, `slots: ${MAX_WAITING} callers are waiting already`);
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(signal?.reason);
        // Whoever stood behind a large taker may be small enough.
        this.#startWaiting();
      };
      const start = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const waiting: Waiting = { count, start };
      this.#queue.push(waiting);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  #startWaiting(): void {
    for (let next = this.#queue[0]; next && next.count <= this.#free; next = this.#queue[0]) {
      this.#queue.shift();
      this.#free -= next.count;
      next.start();
    }
  }
}
