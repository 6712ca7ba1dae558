import type { Outage } from '../core/outage.ts';
import type { Clock } from '../core/runtime.ts';
import { type BreakerState, CircuitBreaker } from './circuit-breaker.ts';

/** This many mailboxes in trouble, with nobody's request answered in between, are no trouble of theirs any more. */
const MAILBOXES_TO_BLAME_GRAPH = 3;
/** A mailbox that stays dead costs a worker one request in this time, which may take a minute to fail. */
const LONGEST_PAUSE_MS = 8 * 60_000;
/** Mailboxes in trouble that are remembered; beyond, the one whose trouble began first is given another chance. */
const MOST_REMEMBERED = 10_000;

/**
 * Whom requests are kept from: one mailbox that Graph cannot serve, or Graph as a whole.
 *
 * A mailbox on which every request ends in a 504 must not cost others their sync, so its failures are its own. They count
 * against Graph when no connection is to be had at all, or when several mailboxes fail without any success in between.
 */
export class Breakers {
  readonly #clock: Clock;
  readonly #whole: CircuitBreaker;
  /** Only of mailboxes whose last request failed. */
  readonly #mailboxes = new Map<string, CircuitBreaker>();
  readonly #failingSinceSuccess = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#whole = new CircuitBreaker(clock, 'Microsoft Graph');
  }

  /** Of Graph as a whole. */
  get state(): BreakerState {
    return this.#whole.state;
  }

  /** Mailboxes that are not asked for a while, or tried again by one request only. */
  get troubledMailboxes(): number {
    return [...this.#mailboxes.values()].filter(({ state }) => state !== 'closed').length;
  }

  stateOf(mailbox: string): BreakerState {
    return this.#mailboxes.get(mailbox)?.state ?? 'closed';
  }

  /** What keeps requests from a mailbox now; Graph as a whole comes first. */
  outageAt(mailbox: string): Outage | undefined {
    if (this.state !== 'closed') return { of: 'graph', until: this.#whole.openUntil };
    const own = this.#mailboxes.get(mailbox);
    return own && own.state !== 'closed' ? { of: 'mailbox', until: own.openUntil } : undefined;
  }

  /** @throws {SyncError} `unavailable`, with the time left, while the mailbox, or Graph, is not asked */
  assertClosed(mailbox: string): void {
    this.#whole.assertClosed();
    try {
      this.#mailboxes.get(mailbox)?.assertClosed();
    } catch (error) {
      // Graph's probe was not sent after all; somebody else's request may be it.
      this.#whole.abandoned();
      throw error;
    }
  }

  succeeded(mailbox: string): void {
    this.#mailboxes.delete(mailbox);
    this.#failingSinceSuccess.clear();
    this.#whole.succeeded();
  }

  /** @param how.isConnected  Graph was reached, whatever it then did; false when no connection was to be had */
  failed(mailbox: string, how: { isConnected: boolean }): void {
    this.#breakerOf(mailbox).failed();
    this.#failingSinceSuccess.add(mailbox);
    const isGraphs = !how.isConnected || this.#failingSinceSuccess.size >= MAILBOXES_TO_BLAME_GRAPH;
    if (isGraphs) this.#whole.failed();
    else this.#whole.abandoned();
  }

  /** The probe ended without telling anything, e.g. because its run was cancelled. */
  abandoned(mailbox: string): void {
    this.#mailboxes.get(mailbox)?.abandoned();
    this.#whole.abandoned();
  }

  #breakerOf(mailbox: string): CircuitBreaker {
    const known = this.#mailboxes.get(mailbox);
    if (known) return known;
    const [oldest] = this.#mailboxes.keys();
    if (this.#mailboxes.size >= MOST_REMEMBERED && oldest !== undefined) this.#mailboxes.delete(oldest);
    const breaker = new CircuitBreaker(this.#clock, 'the mailbox', LONGEST_PAUSE_MS);
    this.#mailboxes.set(mailbox, breaker);
    return breaker;
  }
}
