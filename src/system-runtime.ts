import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock, Random } from './core/runtime.ts';

/** Node's timers hold 32 signed bits of milliseconds and fire at once beyond. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own time. With `random` below, the only place where time and chance come in. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (ms, signal) => {
    const until = Date.now() + ms;
    for (let rest = ms; rest > 0; rest = until - Date.now()) {
      await timer(Math.min(rest, LONGEST_TIMER_MS), signal);
    }
    signal?.throwIfAborted();
  },
};

export const systemRandom: Random = {
  next: () => Math.random(),
  id: () => randomUUID(),
  bytes: (count) => randomBytes(count),
};

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      clearTimeout(handle);
      reject(signal?.reason);
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
