import type { Clock } from '../core/runtime.ts';

const LOOK_EVERY_MS = 250;

/**
 * Under `npm start` the program is npm's child, and `kill -9` of npm would leave it behind with the port and the data
 * folder. So it looks whether its parent is still the one it began with.
 *
 * @returns resolves when the parent is gone; never rejects
 */
export async function parentIsGone(clock: Clock, signal: AbortSignal): Promise<void> {
  const parent = process.ppid;
  while (process.ppid === parent && !signal.aborted) await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {});
}
