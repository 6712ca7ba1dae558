import { SyncError } from '../core/errors.ts';
import type { Clock } from '../core/runtime.ts';

/** Failures in a row after which a service counts as down; below, single hiccups are simply retried. */
const FAILURES_TO_OPEN = 10;
/** How long nothing is sent; then one request tries whether it is back. */
const OPEN_MS = 30_000;
/** Some pauses are too short for a run to be put back because of them: a probe's answer is waited for. */
export const PROBE_WAIT_MS = 1_000;

export type BreakerState = 'closed' | 'open' | 'half-open';

/**
 * Stops sending to a service that does not answer, so that neither side is worn out by retries. Runs on the given clock,
 * so that a simulated history is the same each time.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #longestOpenMs: number;
  #failures = 0;
  #probes = 0;
  #openUntilMs = 0;
  #isProbing = false;

  /** @param longestOpenMs  how long the pause may grow, twice as long with each probe that fails */
  constructor(clock: Clock, name: string, longestOpenMs: number = OPEN_MS) {
    this.#clock = clock;
    this.#name = name;
    this.#longestOpenMs = longestOpenMs;
  }

  get state(): BreakerState {
    if (this.#failures < FAILURES_TO_OPEN) return 'closed';
    return this.#clock.now().getTime() < this.#openUntilMs ? 'open' : 'half-open';
  }

  /** Of a breaker that is not closed: when one request may try again. */
  get openUntil(): Date {
    return new Date(this.#openUntilMs);
  }

  /** @throws {SyncError} `unavailable`, with the time left, while the breaker is open or its one probe is out */
  assertClosed(): void {
    const { state } = this;
    if (state === 'closed') return;
    if (state === 'half-open' && !this.#isProbing) {
      this.#isProbing = true;
      return;
    }
    const retryAfterMs = Math.max(PROBE_WAIT_MS, this.#openUntilMs - this.#clock.now().getTime());
    throw new SyncError('unavailable', `${this.#name} does not answer; nothing is sent for a while`, {
      retryAfterMs,
      details: { isUnasked: true },
    });
  }

  succeeded(): void {
    this.#failures = 0;
    this.#probes = 0;
    this.#isProbing = false;
  }

  failed(): void {
    if (this.#isProbing) this.#probes += 1;
    this.#failures += 1;
    this.#isProbing = false;
    if (this.#failures < FAILURES_TO_OPEN) return;
    const openMs = Math.min(OPEN_MS * 2 ** this.#probes, this.#longestOpenMs);
    this.#openUntilMs = this.#clock.now().getTime() + openMs;
  }

  /** The probe ended without telling anything, e.g. because its run was cancelled. */
  abandoned(): void {
    this.#isProbing = false;
  }
}
