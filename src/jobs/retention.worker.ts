import type { RetentionPeriods } from '../core/retention.ts';
import type { Clock, Logger } from '../core/runtime.ts';
import { DEFAULT_SETTINGS } from '../core/settings.ts';
import type { AuditRepository } from '../store/audit.repository.ts';
import type { Db } from '../store/db.ts';
import { RETAINED_KINDS, type RetainedKind, type RetentionRepository } from '../store/retention.repository.ts';
import { Ticker } from './ticker.ts';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** UTC; when most calendars are quiet. A service that is not up then does it as soon as it is. */
const HOUR_OF_NIGHT = 3;
const LOOK_MS = 10 * 60_000;
/** Whoever began this long ago and has not ended has died. */
const PATIENCE_MS = HOUR_MS;
/** Rows of one transaction: short enough that nobody waits for it. */
const BATCH = 1_000;
/** Between two batches others have their turn, on the one connection of the embedded database too. */
const PAUSE_MS = 20;
/** The feed's cursors are judged by one clock, and deletions by plain SQL are dated by another. */
const TOMBSTONE_MARGIN_MS = HOUR_MS;
const IDEMPOTENCY_DAYS = 7;
const DELIVERIES_DAYS = 30;
const AUTHORIZATIONS_DAYS = 1;
const RATE_COUNTS_DAYS = 1;

export type RetentionCounts = Readonly<Record<RetainedKind | 'auditEntries', number>>;

/** Deletes, once a night and in one of the processes, what has been kept long enough. */
export class RetentionWorker {
  readonly #db: Db;
  readonly #retention: RetentionRepository;
  readonly #audit: AuditRepository;
  readonly #periods: RetentionPeriods;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ticker: Ticker;

  constructor(parts: {
    db: Db;
    retention: RetentionRepository;
    audit: AuditRepository;
    periods: RetentionPeriods;
    clock: Clock;
    logger: Logger;
  }) {
    this.#db = parts.db;
    this.#retention = parts.retention;
    this.#audit = parts.audit;
    this.#periods = parts.periods;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#ticker = new Ticker({
      clock: parts.clock,
      pauseMs: LOOK_MS,
      tick: () => this.tick(),
      onError: (err) => {
        if (!this.#ticker.signal.aborted) this.#logger.error({ err }, 'old data could not be deleted');
      },
    });
  }

  start(): void {
    this.#ticker.start();
  }

  async stop(): Promise<void> {
    await this.#ticker.stop();
  }

  /** @returns what was deleted; `undefined` when it is not the time, or another process does it */
  async tick(): Promise<RetentionCounts | undefined> {
    const now = this.#clock.now();
    const hasBegun = await this.#db.transaction(async (tx) => {
      const o = { since: lastNight(now), givenUpBefore: new Date(now.getTime() - PATIENCE_MS) };
      if (!(await this.#retention.mayBegin(tx, o))) return false;
      await this.#audit.append(tx, { at: now, actor: null, action: 'retention.began' });
      return true;
    });
    if (!hasBegun) return undefined;
    try {
      const counts = await this.#deleteAll(now);
      await this.#note('done', counts);
      this.#logger.info({ ...counts }, 'what was kept long enough was deleted');
      return counts;
    } catch (error) {
      if (!this.#ticker.signal.aborted) await this.#note('failed');
      throw error;
    }
  }

  async #deleteAll(now: Date): Promise<RetentionCounts> {
    const counts = { auditEntries: 0 } as Record<RetainedKind | 'auditEntries', number>;
    for (const kind of RETAINED_KINDS) {
      const before = this.#limitOf(kind, now);
      counts[kind] = before
        ? await this.#inBatches((limit) =>
            this.#db.transaction((tx) =>
              this.#retention.deleteBatch(tx, kind, {
                before,
                now,
                limit,
                pastDays: DEFAULT_SETTINGS.window.pastDays,
              }),
            ),
          )
        : 0;
    }
    const before = new Date(now.getTime() - this.#periods.auditDays * DAY_MS);
    counts.auditEntries = await this.#inBatches((limit) =>
      this.#db.transaction((tx) => this.#audit.deleteBefore(tx, before, limit)),
    );
    return counts;
  }

  /** What is older goes; `undefined`: it is kept for good. */
  #limitOf(kind: RetainedKind, now: Date): Date | undefined {
    const { historyDays, conflictsDays, tombstonesDays, pastEventsDays } = this.#periods;
    const days: Record<RetainedKind, number> = {
      operations: historyDays,
      runs: historyDays,
      conflicts: conflictsDays,
      pastEvents: pastEventsDays,
      tombstones: tombstonesDays,
      authorizations: AUTHORIZATIONS_DAYS,
      idempotencyKeys: IDEMPOTENCY_DAYS,
      webhookDeliveries: DELIVERIES_DAYS,
      rateCounts: RATE_COUNTS_DAYS,
    };
    if (days[kind] === 0) return undefined;
    const marginMs = kind === 'tombstones' ? TOMBSTONE_MARGIN_MS : 0;
    return new Date(now.getTime() - days[kind] * DAY_MS - marginMs);
  }

  async #inBatches(deleteBatch: (limit: number) => Promise<number>): Promise<number> {
    let total = 0;
    for (;;) {
      this.#ticker.signal.throwIfAborted();
      const deleted = await deleteBatch(BATCH);
      total += deleted;
      if (deleted < BATCH) return total;
      await this.#clock.sleep(PAUSE_MS, this.#ticker.signal);
    }
  }

  async #note(outcome: 'done' | 'failed', counts?: RetentionCounts): Promise<void> {
    const at = this.#clock.now();
    const details = counts ? { details: { ...counts } } : {};
    await this.#db.transaction((tx) =>
      this.#audit.append(tx, { at, actor: null, action: 'retention.ran', outcome, ...details }),
    );
  }
}

/** The last time the hour of night struck. */
function lastNight(now: Date): Date {
  const struckMs = Math.floor((now.getTime() - HOUR_OF_NIGHT * HOUR_MS) / DAY_MS) * DAY_MS + HOUR_OF_NIGHT * HOUR_MS;
  return new Date(struckMs);
}
