/** What one run did, as its status shows it. Counted where a transaction commits, so that a retried page counts once. */
export interface SideCounts {
  created: number;
  updated: number;
  deleted: number;
}

export class RunCounters {
  /** Events known to need handling; may grow while pages arrive. */
  total = 0;
  processed = 0;
  conflicts = 0;
  failed = 0;
  readonly local: SideCounts = { created: 0, updated: 0, deleted: 0 };
  readonly remote: SideCounts = { created: 0, updated: 0, deleted: 0 };
  readonly #capacity: number;

  /** @param capacity  most events one run handles (`CALENDAR_MAX_EVENTS_PER_SYNC`) */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get remaining(): number {
    return Math.max(0, this.#capacity - this.processed);
  }

  get isExhausted(): boolean {
    return this.remaining === 0;
  }

  /** @param events  events found; they count as work to do */
  found(events: number): void {
    this.total += events;
  }

  handled(events: number): void {
    this.processed += events;
    if (this.total < this.processed) this.total = this.processed;
  }
}
