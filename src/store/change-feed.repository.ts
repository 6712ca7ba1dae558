import { sql } from 'kysely';
import { SyncError } from '../core/errors.ts';
import type { EventId, UserId } from '../core/ids.ts';
import { toBigInt } from './columns.ts';
import type { Queryable, Tx } from './db.ts';

export interface EventChange {
  readonly change: 'created' | 'updated' | 'deleted';
  readonly id: EventId;
}

interface Position {
  readonly xid: bigint;
  readonly revision: bigint;
}

/** Where a reader is, and since when the deletions are told that they may not have heard of. */
interface Cursor extends Position {
  /** Whole hours since 1970, so that a reader who asks again and again keeps one cursor for a while. */
  readonly sinceHour: number;
}

interface ChangeRow {
  readonly id: string;
  readonly isDeleted: boolean;
  readonly revisionXid: unknown;
  readonly revision: unknown;
  readonly createdXid: unknown;
  readonly createdRevision: unknown;
}

/** Both parts are `bigint` columns; more would be an error of the database's instead of the caller's. */
const LARGEST = 2n ** 63n - 1n;
const HOUR_MS = 60 * 60_000;

/**
 * The application's own delta query. Changes come in the order of the transactions that made them, and only once every
 * transaction that began before has ended: one that commits late is never skipped.
 */
export class ChangeFeedRepository {
  /**
   * @param page.forgottenBefore  deletions from before that may not be told any more
   * @throws {SyncError} `invalid-input` for a cursor that is not one of ours; `cursor-expired` for one whose reader may
   *   miss a deletion, or knows what a restored backup does not: they have to start over
   */
  async list(
    q: Queryable,
    userId: UserId,
    page: { cursor?: string | undefined; limit: number; now: Date; forgottenBefore: Date },
  ): Promise<{ items: EventChange[]; cursor: string; hasMore: boolean }> {
    const thisHour = Math.floor(page.now.getTime() / HOUR_MS);
    const from =
      page.cursor === undefined ? { xid: 0n, revision: 0n, sinceHour: thisHour } : await this.#cursorOf(q, page.cursor);
    if (from.sinceHour < Math.floor(page.forgottenBefore.getTime() / HOUR_MS)) throw tooOld();
    const found = await sql<ChangeRow>`
      select * from (
        select id, false as "isDeleted", "revisionXid", revision, "createdXid", "createdRevision"
        from "CalendarEvent" where "userId" = ${userId}
        union all
        select "eventId", true, "revisionXid", revision, 0, 0
        from "CalendarEventTombstone" where "userId" = ${userId}
      ) c
      where ("revisionXid", revision) > (${from.xid.toString()}::bigint, ${from.revision.toString()}::bigint)
        and "revisionXid" < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      order by "revisionXid", revision limit ${page.limit + 1}
    `.execute(q.kysely);
    const rows = found.rows.slice(0, page.limit);
    const hasMore = found.rows.length > page.limit;
    const last = rows.at(-1);
    const position = last ? { xid: toBigInt(last.revisionXid), revision: toBigInt(last.revision) } : from;
    return {
      // From the very beginning nothing that is gone needs telling.
      items: rows.filter((row) => page.cursor !== undefined || !row.isDeleted).map((row) => changeOf(row, from)),
      // Who is not through yet has still to hear of what was deleted since they began.
      cursor: writeCursor({ ...position, sinceHour: hasMore ? from.sinceHour : thisHour }),
      hasMore,
    };
  }

  /**
   * Makes rows readable that were restored from another database server's dump: their transactions' ids say nothing here,
   * and those that are yet to come would hold them back. They count as old; their revisions still order them.
   */
  async adoptRestored(tx: Tx): Promise<void> {
    const next = sql`pg_snapshot_xmax(pg_current_snapshot())::text::bigint`;
    await sql`
      update "CalendarEvent" set "revisionXid" = 0, "createdXid" = 0 where "revisionXid" >= ${next}
    `.execute(tx.kysely);
    await sql`
      update "CalendarEventTombstone" set "revisionXid" = 0 where "revisionXid" >= ${next}
    `.execute(tx.kysely);
  }

  async #cursorOf(q: Queryable, text: string): Promise<Cursor> {
    const cursor = readCursor(text);
    const found = await sql<{ next: unknown; last: unknown }>`
      select pg_snapshot_xmax(pg_current_snapshot())::text as next, last_value::text as last from calendar_event_revision
    `.execute(q.kysely);
    // Its reader has seen changes that are not here any more: a backup was restored.
    if (cursor.revision > toBigInt(found.rows[0]?.last)) throw rewound();
    // Handed out before the database was restored on another server, whose transactions are counted anew.
    return cursor.xid < toBigInt(found.rows[0]?.next) ? cursor : { ...cursor, xid: 0n };
  }
}

function changeOf(row: ChangeRow, from: Position): EventChange {
  const id = row.id as EventId;
  if (row.isDeleted) return { change: 'deleted', id };
  const [xid, revision] = [toBigInt(row.createdXid), toBigInt(row.createdRevision)];
  const isNew = xid > from.xid || (xid === from.xid && revision > from.revision);
  return { change: isNew ? 'created' : 'updated', id };
}

function writeCursor({ xid, revision, sinceHour }: Cursor): string {
  return Buffer.from(`${xid}.${revision}.${sinceHour}`, 'utf8').toString('base64url');
}

function readCursor(text: string): Cursor {
  const match = /^(\d{1,19})\.(\d{1,19})\.(\d{1,9})$/.exec(Buffer.from(text, 'base64url').toString('utf8'));
  const [xid, revision, sinceHour] = [BigInt(match?.[1] ?? -1), BigInt(match?.[2] ?? -1), Number(match?.[3] ?? -1)];
  const isOurs = xid >= 0n && xid <= LARGEST && revision >= 0n && revision <= LARGEST;
  if (isOurs && writeCursor({ xid, revision, sinceHour }) === text) return { xid, revision, sinceHour };
  throw new SyncError('invalid-input', 'the cursor is not one this service gave out', {
    problems: [{ path: 'cursor', message: 'must be the cursor of an earlier answer, or be left out' }],
  });
}

function rewound(): SyncError {
  return new SyncError(
    'cursor-expired',
    'the cursor is ahead of everything that is here, as a backup was restored: start over without one, and drop what is not told',
  );
}

function tooOld(): SyncError {
  return new SyncError(
    'cursor-expired',
    'the cursor is older than what is remembered of deleted events: start over without one, and drop what is not told',
  );
}
