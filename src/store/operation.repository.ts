import { sql } from 'kysely';
import { assert } from '../core/errors.ts';
import type { EventContent } from '../core/event.ts';
import type { CalendarId, EventId, GraphEventId, JobId, UserId } from '../core/ids.ts';
import { jsonChunks, optional, textList, toBigInt, toDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher } from './encryption.ts';

/** One line of the audit trail: what a run did to one event on one side, and why. */
export interface NewSyncOperation {
  readonly id: string;
  readonly runId: JobId;
  readonly userId: UserId;
  readonly calendarId: CalendarId;
  readonly eventId: EventId;
  readonly graphEventId?: GraphEventId | undefined;
  readonly side: 'local' | 'remote';
  readonly operation: 'create' | 'update' | 'delete' | 'adopt' | 'fail' | 'hold';
  /** Units of content, by name. */
  readonly fields: readonly string[];
  readonly reason: string;
  readonly at: Date;
  readonly before?: EventContent | undefined;
  readonly after?: EventContent | undefined;
  readonly graphRequestId?: string | undefined;
  readonly errorCode?: string | undefined;
}

/** What the audit trail shows anybody who may see it; the contents before and after are for the owner of the run alone. */
export type SyncOperation = Omit<NewSyncOperation, 'before' | 'after'>;

export type OwnSyncOperation = NewSyncOperation;

interface OperationRow {
  readonly id: string;
  readonly runId: string;
  readonly userId: string;
  readonly calendarId: string;
  readonly eventId: string;
  readonly graphEventId: string | null;
  readonly side: 'local' | 'remote';
  readonly operation: NewSyncOperation['operation'];
  readonly fields: readonly string[];
  readonly reason: string;
  readonly at: unknown;
  readonly graphRequestId: string | null;
  readonly errorCode: string | null;
  readonly before: unknown;
  readonly after: unknown;
}

export class OperationRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  async append(tx: Tx, operations: readonly NewSyncOperation[]): Promise<void> {
    const [first] = operations;
    if (!first) return;
    assert(
      operations.every(({ userId }) => userId === first.userId),
      'operations of several users are appended together',
    );
    const cipher = await this.#cipher.forUser(tx, first.userId);
    const rows = operations.map((operation) => ({
      ...operation,
      at: operation.at.toISOString(),
      before: cipher.encryptJson('operation.before', operation.before),
      after: cipher.encryptJson('operation.after', operation.after),
    }));
    for (const chunk of jsonChunks(rows)) {
      await sql`
        insert into "SyncOperation" (id, "runId", "userId", "calendarId", "eventId", "graphEventId", side, operation, fields,
          reason, at, before, after, "graphRequestId", "errorCode")
        select r.id, r."runId", r."userId", r."calendarId", r."eventId", r."graphEventId", r.side, r.operation,
          array(select jsonb_array_elements_text(r.fields)), r.reason, r.at, r.before, r.after,
          r."graphRequestId", r."errorCode"
        from jsonb_to_recordset(${chunk}) as r(id text, "runId" text, "userId" text, "calendarId" text,
          "eventId" text, "graphEventId" text, side text, operation text, fields jsonb, reason text, at timestamptz,
          before jsonb, after jsonb, "graphRequestId" text, "errorCode" text)
      `.execute(tx.kysely);
    }
  }

  async list(
    q: Queryable,
    query: { userId?: UserId | undefined; runId: JobId; limit: number; offset: number },
  ): Promise<{ items: SyncOperation[]; total: number }> {
    const { rows, total } = await this.#rows(q, query);
    return { items: rows.map(fromRow), total };
  }

  /** The same with the contents before and after, decrypted: for the user whose run it was. */
  async listOwn(
    q: Queryable,
    query: { userId: UserId; runId: JobId; limit: number; offset: number },
  ): Promise<{ items: OwnSyncOperation[]; total: number }> {
    const { rows, total } = await this.#rows(q, query);
    if (rows.length === 0) return { items: [], total };
    return { items: await this.#withContents(q, query.userId, rows), total };
  }

  /** All of a user's, with contents, event by event. */
  async listAllOwn(
    q: Queryable,
    userId: UserId,
    page: { after?: { readonly eventId: EventId; readonly id: string } | undefined; limit: number },
  ): Promise<OwnSyncOperation[]> {
    const { eventId, id } = page.after ?? { eventId: '', id: '' };
    const found = await sql<OperationRow>`
      select * from "SyncOperation" where "userId" = ${userId} and ("eventId", id) > (${eventId}, ${id})
      order by "eventId", id limit ${page.limit}
    `.execute(q.kysely);
    return found.rows.length === 0 ? [] : this.#withContents(q, userId, found.rows);
  }

  /**
   * By how many events less than at its largest since then a calendar is synced, because of deletions nobody was asked
   * about. What came meanwhile makes up for what went.
   *
   * @param of.reasonHere  of deletions here that follow one in Outlook; others are somebody's own doing
   */
  async shrunkSince(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId,
    of: { since: Date; reasonHere: string },
  ): Promise<number> {
    const since = sql`${of.since.toISOString()}::timestamptz`;
    const found = await sql<{ shrunk: unknown }>`
      with runs as materialized (
        select id, "confirmationIds" from "CalendarSyncState"
        where "userId" = ${userId} and ("completedAt" is null or "completedAt" > ${since})
      ), asked as materialized (
        select distinct refused.id from "CalendarSyncState" s, jsonb_array_elements_text(s."confirmationIds") as refused(id)
        where s."userId" = ${userId} and s."errorCode" = 'MASS_DELETE_REFUSED'
      ), balance as (
        select sum(case when o.operation = 'delete' then 1 else -1 end) over (order by o.sequence desc) as shrunk
        from "SyncOperation" o join runs on runs.id = o."runId"
        where o."userId" = ${userId} and o."calendarId" = ${calendarId} and o.at > ${since}
          and (o.operation in ('create', 'adopt') or o.operation = 'delete'
            and (o.side = 'remote' or o.reason = ${of.reasonHere}) and o."eventId" not in (select id from asked))
      )
      select coalesce(max(shrunk), 0) as shrunk from balance
    `.execute(q.kysely);
    return Math.max(0, Number(toBigInt(found.rows[0]?.shrunk)));
  }

  /** Of these events, those that have been deleted on that side from that moment on. */
  async listDeletedSince(
    q: Queryable,
    userId: UserId,
    ids: readonly string[],
    by: { side: 'local' | 'remote'; since: Date },
  ): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const found = await sql<{ eventId: string }>`
      select distinct "eventId" from "SyncOperation"
      where "userId" = ${userId} and "eventId" in ${textList(ids)} and operation = 'delete'
        and side = ${by.side} and at >= ${by.since.toISOString()}::timestamptz
    `.execute(q.kysely);
    return new Set(found.rows.map(({ eventId }) => eventId));
  }

  /** Under how many ids of Graph's each of these events was ever known here, as far back as the trail goes. */
  async countGraphIds(q: Queryable, userId: UserId, ids: readonly EventId[]): Promise<Map<EventId, number>> {
    if (ids.length === 0) return new Map();
    const found = await sql<{ eventId: string; count: unknown }>`
      select "eventId", count(distinct "graphEventId") as count from "SyncOperation"
      where "userId" = ${userId} and "eventId" in ${textList(ids)} group by "eventId"
    `.execute(q.kysely);
    return new Map(found.rows.map((row) => [row.eventId as EventId, Number(toBigInt(row.count))]));
  }

  async #withContents(q: Queryable, userId: UserId, rows: readonly OperationRow[]): Promise<OwnSyncOperation[]> {
    const cipher = await this.#cipher.forUser(q, userId);
    const content = (column: string, value: unknown) =>
      optional(cipher.decryptJson(column, value) as EventContent | null);
    return rows.map((row) => ({
      ...fromRow(row),
      before: content('operation.before', row.before),
      after: content('operation.after', row.after),
    }));
  }

  async #rows(
    q: Queryable,
    query: { userId?: UserId | undefined; runId: JobId; limit: number; offset: number },
  ): Promise<{ rows: readonly OperationRow[]; total: number }> {
    const condition = sql`"runId" = ${query.runId} ${query.userId ? sql`and "userId" = ${query.userId}` : sql``}`;
    const found = await sql<OperationRow>`
      select * from "SyncOperation" where ${condition} order by sequence limit ${query.limit} offset ${query.offset}
    `.execute(q.kysely);
    const counted = await sql<{ count: unknown }>`
      select count(*) as count from "SyncOperation" where ${condition}
    `.execute(q.kysely);
    return { rows: found.rows, total: Number(toBigInt(counted.rows[0]?.count)) };
  }
}

function fromRow(row: OperationRow): SyncOperation {
  return {
    id: row.id,
    runId: row.runId as JobId,
    userId: row.userId as UserId,
    calendarId: row.calendarId as CalendarId,
    eventId: row.eventId as EventId,
    graphEventId: optional(row.graphEventId) as GraphEventId | undefined,
    side: row.side,
    operation: row.operation,
    fields: row.fields,
    reason: row.reason,
    at: toDate(row.at),
    graphRequestId: optional(row.graphRequestId),
    errorCode: optional(row.errorCode),
  };
}
