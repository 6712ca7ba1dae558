/**
 * The simulator's only contact with real time and chance.
 *
 * Everything else takes `now` and `seed` from the options, so a whole history can be replayed; these
 * are the defaults for somebody who starts the simulator as a program.
 */

/** Captured when the module loads, so that a test's fake timers do not stop the simulated network. */
const scheduleImmediate = setImmediate;
const scheduleTimeout = setTimeout;
const cancelTimeout = clearTimeout;

/** @returns epoch milliseconds of the machine's clock */
export const systemNow = (): number => Date.now();

/** @returns milliseconds of a clock that nobody sets, for durations */
export const monotonicMs = (): number => performance.now();

/** A small deterministic generator (mulberry32): good enough for filler bytes and shuffles. Its state is one number. */
export class SeededRandom {
  /** Saved and restored with the world, so that nothing drawn before a restart is drawn again after it. */
  state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** @returns a number in [0, 1) */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

export function seededRandom(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.next();
}

/** One turn of the event loop: what makes two in-process requests overlap as two sockets would. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    scheduleImmediate(resolve);
  });
}

/** Waits in real time (slow and hanging answers); `ms` of Infinity waits for the signal alone. */
export function wait(ms: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = Number.isFinite(ms) ? scheduleTimeout(resolve, ms) : undefined;
    signal?.addEventListener('abort', () => {
      cancelTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** Runs `action` once, `ms` from now, unless cancelled; never keeps the process alive. */
export function later(ms: number, action: () => void): () => void {
  const timer = scheduleTimeout(action, ms);
  timer.unref();
  return () => cancelTimeout(timer);
}
