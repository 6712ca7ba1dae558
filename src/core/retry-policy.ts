import { assert } from './errors.ts';

const RETRY_BASE_MS = 500;
/** Past a minute the next scheduled sync is the better retry. */
const RETRY_CEILING_MS = 60_000;

/**
 * How long to wait before trying a Graph request again.
 *
 * A wait the server asked for is obeyed in full: shortening it spends the mailbox's quota and earns a longer one. Only our
 * own guess has a ceiling.
 *
 * @param wait.attempt       attempts already made, 1 or more
 * @param wait.retryAfterMs  the server's `Retry-After`, in milliseconds
 * @param wait.jitter        one draw from `Random.next()`, in [0, 1)
 * @returns milliseconds to wait
 */
export function retryDelayMs(wait: { attempt: number; retryAfterMs?: number | undefined; jitter: number }): number {
  assert(wait.attempt >= 1, 'retryDelayMs: no attempt has been made yet');
  if (wait.retryAfterMs !== undefined) return wait.retryAfterMs;
  const guessMs = Math.min(RETRY_BASE_MS * 2 ** (wait.attempt - 1), RETRY_CEILING_MS);
  return Math.round((guessMs * (1 + wait.jitter)) / 2);
}
