import { SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { Db } from '../store/db.ts';
import type { ConflictStatistics, StatisticsRepository, SyncMetrics } from '../store/statistics.repository.ts';

const MAX_DAYS = 366;

/** What runs did and how conflicts went, in figures. `userId` `undefined` stands for an operator: everybody's together. */
export class StatisticsService {
  readonly #db: Db;
  readonly #statistics: StatisticsRepository;
  readonly #clock: Clock;

  constructor(parts: { db: Db; statistics: StatisticsRepository; clock: Clock }) {
    this.#db = parts.db;
    this.#statistics = parts.statistics;
    this.#clock = parts.clock;
  }

  /** @throws {SyncError} `invalid-input` for a period that is not a number of days */
  async metrics(userId: UserId | undefined, days: number): Promise<SyncMetrics> {
    assertDays(days);
    return this.#statistics.metrics(this.#db, { userId, days, now: this.#clock.now() });
  }

  /** @throws {SyncError} `invalid-input` for a period that is not a number of days */
  async conflicts(userId: UserId | undefined, days: number): Promise<ConflictStatistics> {
    assertDays(days);
    return this.#statistics.conflicts(this.#db, { userId, days, now: this.#clock.now() });
  }
}

function assertDays(days: number): void {
  if (Number.isInteger(days) && days >= 1 && days <= MAX_DAYS) return;
  throw new SyncError('invalid-input', 'the period cannot be read', {
    problems: [{ path: 'days', message: `must be a whole number of days, 1 to ${MAX_DAYS}` }],
  });
}
