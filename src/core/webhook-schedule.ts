import { assert } from './errors.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Standard Webhooks' own schedule: the last attempt is made a little more than three days after the first. */
const DELAYS_MS = [
  ...[5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS],
  ...[2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS],
];
/** The first attempt, and one after each delay. */
export const MAX_DELIVERY_ATTEMPTS = DELAYS_MS.length + 1;
/** A receiver's wish counts, but not for longer than our own longest wait. */
const LONGEST_WISH_MS = 24 * HOUR_MS;
/** Receivers that came back together after an outage are not met by everything at the same second. */
const JITTER = 0.2;

/** An endpoint that does not answer is left alone for this long at first, and for twice as long after each failure. */
const PAUSE_BASE_MS = 2 * SECOND_MS;
const PAUSE_CEILING_MS = 5 * MINUTE_MS;

/**
 * How long to wait before a delivery is tried again.
 *
 * @param wait.attempts      attempts already made, 1 or more
 * @param wait.retryAfterMs  the receiver's `Retry-After`
 * @param wait.jitter        one draw from `Random.next()`, in [0, 1)
 * @returns milliseconds, or `undefined` when it has been tried often enough
 */
export function redeliveryDelayMs(wait: {
  readonly attempts: number;
  readonly retryAfterMs?: number | undefined;
  readonly jitter: number;
}): number | undefined {
  assert(wait.attempts >= 1, 'redeliveryDelayMs: no attempt has been made yet');
  const delayMs = DELAYS_MS[wait.attempts - 1];
  if (delayMs === undefined) return undefined;
  const ownMs = Math.round(delayMs * (1 + JITTER * wait.jitter));
  return Math.max(ownMs, Math.min(wait.retryAfterMs ?? 0, LONGEST_WISH_MS));
}

/**
 * How long an endpoint is left alone altogether, after it did not answer or asked for it.
 *
 * @param wait.failures  attempts at it that failed in a row, 1 or more
 */
export function pauseMs(wait: {
  readonly failures: number;
  readonly retryAfterMs?: number | undefined;
  readonly jitter: number;
}): number {
  assert(wait.failures >= 1, 'pauseMs: nothing has failed');
  const guessMs = Math.min(PAUSE_BASE_MS * 2 ** Math.min(wait.failures - 1, 20), PAUSE_CEILING_MS);
  return Math.max(Math.round(guessMs * (1 + JITTER * wait.jitter)), Math.min(wait.retryAfterMs ?? 0, PAUSE_CEILING_MS));
}

/**
 * Reads a receiver's `Retry-After`: whole seconds, or an HTTP date.
 *
 * @returns milliseconds; `undefined` when it is absent or cannot be read
 */
export function readRetryAfter(header: string | undefined, now: Date): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * SECOND_MS;
  const date = /^[A-Za-z]{3,9}, .*\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
