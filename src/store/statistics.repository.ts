import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import { toBigInt } from './columns.ts';
import type { Queryable } from './db.ts';

export interface SyncMetrics {
  readonly days: number;
  readonly syncs: {
    readonly total: number;
    readonly completed: number;
    readonly failed: number;
    readonly cancelled: number;
    readonly averageDurationMs: number | null;
    readonly p95DurationMs: number | null;
  };
  readonly events: {
    readonly processed: number;
    readonly created: number;
    readonly updated: number;
    readonly deleted: number;
    readonly failed: number;
  };
  readonly conflicts: { readonly detected: number; readonly resolved: number };
  readonly graph: {
    readonly requests: number;
    readonly throttled: number;
    readonly retried: number;
    readonly failed: number;
    readonly byErrorCategory: Readonly<Record<string, number>>;
  };
  readonly byDay: readonly {
    readonly day: string;
    readonly syncs: number;
    readonly events: number;
    readonly conflicts: number;
  }[];
}

export interface ConflictStatistics {
  readonly days: number;
  readonly total: number;
  readonly pending: number;
  readonly resolved: number;
  readonly byType: Readonly<Record<string, number>>;
  readonly byResolution: Readonly<Record<string, number>>;
  readonly averageResolutionMs: number | null;
  readonly byDay: readonly { readonly day: string; readonly detected: number; readonly resolved: number }[];
}

export interface StatisticsQuery {
  /** `undefined`: everybody's, for operators. */
  readonly userId: UserId | undefined;
  readonly days: number;
  readonly now: Date;
}

/** Figures over runs and conflicts: counted in the database, days in UTC, never content. */
export class StatisticsRepository {
  async metrics(q: Queryable, query: StatisticsQuery): Promise<SyncMetrics> {
    const runs = sql`from "CalendarSyncState" where "queuedAt" > ${since(query)}::timestamptz ${ofUser(query)}`;
    const totals = await sql<Record<string, unknown>>`
      select count(*) as total,
        count(*) filter (where status = 'COMPLETED') as completed,
        count(*) filter (where status = 'FAILED') as failed,
        count(*) filter (where status = 'CANCELLED') as cancelled,
        avg("durationMs") as average, percentile_cont(0.95) within group (order by "durationMs") as p95,
        coalesce(sum("processedEvents"), 0) as processed, coalesce(sum("createdEvents"), 0) as created,
        coalesce(sum("updatedEvents"), 0) as updated, coalesce(sum("deletedEvents"), 0) as deleted,
        coalesce(sum("failedEvents"), 0) as "failedEvents", coalesce(sum("conflictsDetected"), 0) as conflicts,
        coalesce(sum("graphRequests"), 0) as requests, coalesce(sum(throttled), 0) as throttled,
        coalesce(sum(retried), 0) as retried, coalesce(sum("failedRequests"), 0) as "failedRequests"
      ${runs}
    `.execute(q.kysely);
    const categories = await sql<{ key: string; count: unknown }>`
      select c.key, sum(c.value::bigint) as count
      from "CalendarSyncState" s cross join jsonb_each_text(s."errorsByCategory") c
      where s."queuedAt" > ${since(query)}::timestamptz ${query.userId ? sql`and s."userId" = ${query.userId}` : sql``}
      group by c.key order by c.key
    `.execute(q.kysely);
    const byDay = await sql<{ day: string; syncs: unknown; events: unknown; conflicts: unknown }>`
      select to_char("queuedAt" at time zone 'UTC', 'YYYY-MM-DD') as day, count(*) as syncs,
        coalesce(sum("processedEvents"), 0) as events, coalesce(sum("conflictsDetected"), 0) as conflicts
      ${runs} group by 1 order by 1
    `.execute(q.kysely);
    const resolved = await sql<{ count: unknown }>`
      select count(*) as count from "CalendarSyncConflict" where "resolvedAt" > ${since(query)}::timestamptz ${ofUser(query)}
    `.execute(q.kysely);
    const row = totals.rows[0] ?? {};
    return {
      days: query.days,
      syncs: {
        total: count(row['total']),
        completed: count(row['completed']),
        failed: count(row['failed']),
        cancelled: count(row['cancelled']),
        averageDurationMs: rounded(row['average']),
        p95DurationMs: rounded(row['p95']),
      },
      events: {
        processed: count(row['processed']),
        created: count(row['created']),
        updated: count(row['updated']),
        deleted: count(row['deleted']),
        failed: count(row['failedEvents']),
      },
      conflicts: { detected: count(row['conflicts']), resolved: count(resolved.rows[0]?.count) },
      graph: {
        requests: count(row['requests']),
        throttled: count(row['throttled']),
        retried: count(row['retried']),
        failed: count(row['failedRequests']),
        byErrorCategory: Object.fromEntries(categories.rows.map((category) => [category.key, count(category.count)])),
      },
      byDay: byDay.rows.map((day) => ({
        day: day.day,
        syncs: count(day.syncs),
        events: count(day.events),
        conflicts: count(day.conflicts),
      })),
    };
  }

  async conflicts(q: Queryable, query: StatisticsQuery): Promise<ConflictStatistics> {
    const conflicts = sql`from "CalendarSyncConflict" where "detectedAt" > ${since(query)}::timestamptz ${ofUser(query)}`;
    const totals = await sql<Record<string, unknown>>`
      select count(*) as total, count(*) filter (where "resolvedAt" is null) as pending,
        avg(extract(epoch from "resolvedAt" - "detectedAt") * 1000) as average ${conflicts}
    `.execute(q.kysely);
    const types = await sql<{ key: string; count: unknown }>`
      select "conflictType"::text as key, count(*) as count ${conflicts} group by 1 order by 1
    `.execute(q.kysely);
    const resolutions = await sql<{ key: string; count: unknown }>`
      select resolution::text as key, count(*) as count ${conflicts} and "resolvedAt" is not null group by 1 order by 1
    `.execute(q.kysely);
    const byDay = await sql<{ day: string; detected: unknown; resolved: unknown }>`
      select to_char("detectedAt" at time zone 'UTC', 'YYYY-MM-DD') as day, count(*) as detected,
        count("resolvedAt") as resolved ${conflicts} group by 1 order by 1
    `.execute(q.kysely);
    const row = totals.rows[0] ?? {};
    const total = count(row['total']);
    const pending = count(row['pending']);
    const table = (rows: readonly { key: string; count: unknown }[]) =>
      Object.fromEntries(rows.map((entry) => [entry.key, count(entry.count)]));
    return {
      days: query.days,
      total,
      pending,
      resolved: total - pending,
      byType: table(types.rows),
      byResolution: table(resolutions.rows),
      averageResolutionMs: rounded(row['average']),
      byDay: byDay.rows.map((day) => ({ day: day.day, detected: count(day.detected), resolved: count(day.resolved) })),
    };
  }
}

function since({ now, days }: StatisticsQuery): string {
  return new Date(now.getTime() - days * 24 * 60 * 60 * 1000).toISOString();
}

function ofUser({ userId }: StatisticsQuery) {
  return userId ? sql`and "userId" = ${userId}` : sql``;
}

function count(value: unknown): number {
  return Number(toBigInt(value));
}

function rounded(value: unknown): number | null {
  return value === null || value === undefined ? null : Math.round(Number(value));
}
