import { type RawBuilder, sql } from 'kysely';
import type { CalendarId, EventId, JobId, UserId } from '../core/ids.ts';
import { jsonRows, textList, toBigInt } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import {
  assignmentsOf,
  fromRow,
  type NewRun,
  type RunPatch,
  type RunRow,
  type RunStatus,
  type StoredRun,
} from './run-row.ts';

export type { NewRun, RunGraphStats, RunPatch, RunStatus, RunTrigger, StoredRun, StoredRunRequest } from './run-row.ts';

export interface RunQuery {
  readonly userId?: UserId | undefined;
  readonly calendarId?: string | undefined;
  readonly status?: RunStatus | undefined;
  readonly limit: number;
  readonly offset: number;
}

/** Runs: what was asked, how far each is, what came of it. How a run ended first stands. */
export class RunRepository {
  async create(tx: Tx, run: NewRun): Promise<void> {
    const row = { ...run, queuedAt: run.queuedAt.toISOString() };
    await sql`
      insert into "CalendarSyncState" (id, "userId", "calendarId", status, direction, request, "requestHash", trigger,
        "queuedAt", "startedAt", "correlationId", "parentId")
      select r.id, r."userId", r."calendarId", 'PENDING', r.direction, r.request, r."requestHash", r.trigger, r."queuedAt",
        r."queuedAt", r."correlationId", r."parentId"
      from jsonb_to_recordset(${jsonRows([row])}) as r(id text, "userId" text, "calendarId" text, direction text,
        request jsonb, "requestHash" text, trigger text, "queuedAt" timestamptz, "correlationId" text, "parentId" text)
    `.execute(tx.kysely);
  }

  async update(tx: Tx, id: JobId, patch: RunPatch): Promise<void> {
    const values = assignmentsOf(patch);
    if (values.length === 0) return;
    await sql`update "CalendarSyncState" set ${sql.join(values)} where id = ${id}`.execute(tx.kysely);
  }

  /**
   * Ends a run that has not ended yet. How it ended first stands: a mailbox may be disconnected while its run works.
   *
   * @returns false when it had ended already, or is not there: nothing was written, and nothing is to follow from it
   */
  async end(
    tx: Tx,
    id: JobId,
    patch: RunPatch & { readonly status: 'COMPLETED' | 'FAILED' | 'CANCELLED' },
  ): Promise<boolean> {
    const ended = await sql`
      update "CalendarSyncState" set ${sql.join(assignmentsOf(patch))}
      where id = ${id} and status in ('PENDING', 'IN_PROGRESS') returning id
    `.execute(tx.kysely);
    return ended.rows.length > 0;
  }

  /**
   * Marks a run as being worked on.
   *
   * @returns false when it was ended, or asked to end, before the work began: nothing is to be done
   */
  async begin(tx: Tx, id: JobId, startedAt: Date): Promise<boolean> {
    const begun = await sql`
      update "CalendarSyncState" set status = 'IN_PROGRESS', "startedAt" = ${startedAt.toISOString()}::timestamptz, error = null
      where id = ${id} and status in ('PENDING', 'IN_PROGRESS') and "cancelRequestedAt" is null returning id
    `.execute(tx.kysely);
    return begun.rows.length > 0;
  }

  /**
   * Ends a waiting run, or asks the one at work to end.
   *
   * @param how.isAtWork  a worker has the mailbox, and notices; else nobody would, and the run ends here
   * @returns the run as it is then; `undefined` when it has ended already, or is not there
   */
  async requestCancel(
    tx: Tx,
    userId: UserId | undefined,
    id: JobId,
    how: { at: Date; isAtWork: boolean },
  ): Promise<StoredRun | undefined> {
    const at = sql`${how.at.toISOString()}::timestamptz`;
    const isEnded = how.isAtWork ? sql`status = 'PENDING'` : sql`true`;
    const asked = await sql<RunRow>`
      update "CalendarSyncState" set "cancelRequestedAt" = coalesce("cancelRequestedAt", ${at}),
        status = case when ${isEnded} then 'CANCELLED'::"CalendarSyncStatus" else status end,
        "startedAt" = case when status = 'PENDING' then ${at} else "startedAt" end,
        "completedAt" = case when ${isEnded} then ${at} else "completedAt" end,
        "durationMs" = case when status = 'PENDING' then 0 when ${isEnded} then ${durationTo(at)} else "durationMs" end
      where id = ${id} ${userId ? sql`and "userId" = ${userId}` : sql``} and status in ('PENDING', 'IN_PROGRESS')
      returning *
    `.execute(tx.kysely);
    return asked.rows.map(fromRow)[0];
  }

  /** Ends everything of a user that waits or runs; whoever is at work on it has lost the mailbox. */
  async cancelAll(tx: Tx, userId: UserId, at: Date): Promise<void> {
    const now = sql`${at.toISOString()}::timestamptz`;
    await sql`
      update "CalendarSyncState" set status = 'CANCELLED', "cancelRequestedAt" = coalesce("cancelRequestedAt", ${now}),
        "completedAt" = ${now}, "startedAt" = case when status = 'PENDING' then ${now} else "startedAt" end,
        "durationMs" = case when status = 'PENDING' then 0 else ${durationTo(now)} end
      where "userId" = ${userId} and status in ('PENDING', 'IN_PROGRESS')
    `.execute(tx.kysely);
  }

  /** @param userId  whose run it must be; `undefined` for the worker, who serves everybody */
  async find(q: Queryable, userId: UserId | undefined, id: JobId): Promise<StoredRun | undefined> {
    const found = await sql<RunRow>`
      select * from "CalendarSyncState" where id = ${id} ${userId ? sql`and "userId" = ${userId}` : sql``}
    `.execute(q.kysely);
    return found.rows.map(fromRow)[0];
  }

  /** Runs of a calendar that are queued or running, the oldest first. */
  async listActive(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId | 'all',
  ): Promise<(StoredRun & { readonly requestHash: string })[]> {
    const found = await sql<RunRow>`
      select * from "CalendarSyncState"
      where "userId" = ${userId} and "calendarId" = ${calendarId} and status in ('PENDING', 'IN_PROGRESS')
        and "cancelRequestedAt" is null
      order by "queuedAt", id
    `.execute(q.kysely);
    return found.rows.map((row) => ({ ...fromRow(row), requestHash: String(row['requestHash'] ?? '') }));
  }

  /**
   * How many of these deletions earlier runs of the user's have been refused; `ids` are our event ids.
   *
   * @returns `slow`: those of runs that were refused because of the ones before them
   */
  async countRefused(
    q: Queryable,
    userId: UserId,
    ids: readonly EventId[],
  ): Promise<{ readonly all: number; readonly slow: number }> {
    if (ids.length === 0) return { all: 0, slow: 0 };
    const found = await sql<{ all: unknown; slow: unknown }>`
      select count(distinct refused.id) as all,
        count(distinct refused.id) filter (where s."errorDetails" @? '$.**.deletedBefore') as slow
      from "CalendarSyncState" s, jsonb_array_elements_text(s."confirmationIds") as refused(id)
      where s."userId" = ${userId} and s."errorCode" = 'MASS_DELETE_REFUSED' and refused.id in ${textList(ids)}
    `.execute(q.kysely);
    const [row] = found.rows;
    return { all: Number(toBigInt(row?.all)), slow: Number(toBigInt(row?.slow)) };
  }

  /** All of a user's, in the order of their ids. */
  async listAll(
    q: Queryable,
    userId: UserId,
    page: { after?: JobId | undefined; limit: number },
  ): Promise<StoredRun[]> {
    const found = await sql<RunRow>`
      select * from "CalendarSyncState" where "userId" = ${userId} and id > ${page.after ?? ''}
      order by id limit ${page.limit}
    `.execute(q.kysely);
    return found.rows.map(fromRow);
  }

  /** Keeps a run where it is until the transaction ends. @returns false when there is none, or it has ended */
  async holdUnfinished(tx: Tx, id: JobId): Promise<boolean> {
    const held = await sql`
      select 1 from "CalendarSyncState" where id = ${id} and status in ('PENDING', 'IN_PROGRESS') for key share
    `.execute(tx.kysely);
    return held.rows.length > 0;
  }

  async list(q: Queryable, query: RunQuery): Promise<{ items: StoredRun[]; total: number }> {
    const condition = sql`true
      ${query.userId ? sql`and "userId" = ${query.userId}` : sql``}
      ${query.calendarId ? sql`and "calendarId" = ${query.calendarId}` : sql``}
      ${query.status ? sql`and status = ${query.status}::"CalendarSyncStatus"` : sql``}`;
    const found = await sql<RunRow>`
      select * from "CalendarSyncState" where ${condition}
      order by "queuedAt" desc, id desc limit ${query.limit} offset ${query.offset}
    `.execute(q.kysely);
    const counted = await sql<{ count: unknown }>`
      select count(*) as count from "CalendarSyncState" where ${condition}
    `.execute(q.kysely);
    return { items: found.rows.map(fromRow), total: Number(toBigInt(counted.rows[0]?.count)) };
  }
}

/** Milliseconds from the run's start, as many as the column holds: a run may have been forgotten for months. */
function durationTo(at: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`least(extract(epoch from ${at} - "startedAt") * 1000, 2147483647)::integer`;
}
