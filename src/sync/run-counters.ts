/** What one run did, as its status shows it. Counted where a transaction commits, so that a retried page counts once. */
export interface SideCounts {
  created: number;
  updated: number;
  deleted: number;
}

/** What a run row holds of an attempt that was interrupted; committed work is in it, so it is not counted again. */
export interface EarlierAttempt {
  readonly processedEvents: number;
  readonly conflictsDetected: number;
  readonly failedEvents: number;
  readonly localCreated: number;
  readonly localUpdated: number;
  readonly localDeleted: number;
  readonly remoteCreated: number;
  readonly remoteUpdated: number;
  readonly remoteDeleted: number;
}

export class RunCounters {
  /** Events known to need handling; may grow while pages arrive. */
  total = 0;
  processed = 0;
  conflicts = 0;
  failed = 0;
  /** Changes that would mail guests and wait, because the day's mails are spent. */
  waitingForMails = 0;
  /** How many more are to come at least, beside `total`: Graph never says how many there are. For the progress only. */
  expected = 0;
  readonly local: SideCounts = { created: 0, updated: 0, deleted: 0 };
  readonly remote: SideCounts = { created: 0, updated: 0, deleted: 0 };
  readonly #capacity: number;
  #spent = 0;

  /** @param capacity  most events one run handles (`CALENDAR_MAX_EVENTS_PER_SYNC`) */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Goes on counting where an earlier attempt at the same run was interrupted; its capacity is its own. */
  resume(run: EarlierAttempt): void {
    this.total = run.processedEvents;
    this.processed = run.processedEvents;
    this.conflicts = run.conflictsDetected;
    this.failed = run.failedEvents;
    Object.assign(this.local, { created: run.localCreated, updated: run.localUpdated, deleted: run.localDeleted });
    Object.assign(this.remote, { created: run.remoteCreated, updated: run.remoteUpdated, deleted: run.remoteDeleted });
  }

  get remaining(): number {
    return Math.max(0, this.#capacity - this.#spent);
  }

  get isExhausted(): boolean {
    return this.remaining === 0;
  }

  /** @param events  events found; they count as work to do */
  found(events: number): void {
    this.total += events;
  }

  /**
   * @param how.isCharged  false for what a continuation would have to do again as a whole: a capacity that stopped it would
   *   stop every one that follows at the same place
   */
  handled(events: number, how: { isCharged: boolean } = { isCharged: true }): void {
    this.processed += events;
    if (how.isCharged) this.#spent += events;
    if (this.total < this.processed) this.total = this.processed;
  }
}
