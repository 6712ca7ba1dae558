import { sql } from 'kysely';
import { SyncError } from '../core/errors.ts';
import type { EventId, UserId } from '../core/ids.ts';
import { toBigInt } from './columns.ts';
import type { Queryable } from './db.ts';

export interface EventChange {
  readonly change: 'created' | 'updated' | 'deleted';
  readonly id: EventId;
}

interface Position {
  readonly xid: bigint;
  readonly revision: bigint;
}

interface ChangeRow {
  readonly id: string;
  readonly isDeleted: boolean;
  readonly revisionXid: unknown;
  readonly revision: unknown;
  readonly createdRevision: unknown;
}

/**
 * The application's own delta query. Changes come in the order of the transactions that made them, and only once every
 * transaction that began before has ended: one that commits late is never skipped.
 */
export class ChangeFeedRepository {
  /** @throws {SyncError} `invalid-input` for a cursor that is not one of ours */
  async list(
    q: Queryable,
    userId: UserId,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{ items: EventChange[]; cursor: string; hasMore: boolean }> {
    const from = page.cursor === undefined ? { xid: 0n, revision: 0n } : readCursor(page.cursor);
    const found = await sql<ChangeRow>`
      select * from (
        select id, false as "isDeleted", "revisionXid", revision, "createdRevision"
        from "CalendarEvent" where "userId" = ${userId}
        union all
        select "eventId", true, "revisionXid", revision, 0
        from "CalendarEventTombstone" where "userId" = ${userId}
      ) c
      where ("revisionXid", revision) > (${from.xid.toString()}::bigint, ${from.revision.toString()}::bigint)
        and "revisionXid" < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      order by "revisionXid", revision limit ${page.limit + 1}
    `.execute(q.kysely);
    const rows = found.rows.slice(0, page.limit);
    const last = rows.at(-1);
    const position = last ? { xid: toBigInt(last.revisionXid), revision: toBigInt(last.revision) } : from;
    return {
      // From the very beginning nothing that is gone needs telling.
      items: rows.filter((row) => page.cursor !== undefined || !row.isDeleted).map((row) => changeOf(row, from)),
      cursor: writeCursor(position),
      hasMore: found.rows.length > page.limit,
    };
  }
}

function changeOf(row: ChangeRow, from: Position): EventChange {
  const id = row.id as EventId;
  if (row.isDeleted) return { change: 'deleted', id };
  const created = toBigInt(row.createdRevision);
  return { change: created === toBigInt(row.revision) || created > from.revision ? 'created' : 'updated', id };
}

function writeCursor({ xid, revision }: Position): string {
  return Buffer.from(`${xid}.${revision}`, 'utf8').toString('base64url');
}

function readCursor(text: string): Position {
  const match = /^(\d{1,19})\.(\d{1,19})$/.exec(Buffer.from(text, 'base64url').toString('utf8'));
  if (!match?.[1] || !match[2]) {
    throw new SyncError('invalid-input', 'the cursor is not one this service gave out', {
      problems: [{ path: 'cursor', message: 'must be the cursor of an earlier answer, or be left out' }],
    });
  }
  return { xid: BigInt(match[1]), revision: BigInt(match[2]) };
}
