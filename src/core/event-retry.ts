const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 24 * 60 * 60_000;

/**
 * How long an event is left alone that Graph keeps failing on while it serves others: four times as long each time, up to a
 * day. For ever, then, but once a day at most.
 *
 * @param failures  in a row, 1 or more
 */
export function eventRetryMs(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 4 ** Math.min(failures - 1, 20), LONGEST_PAUSE_MS);
}
