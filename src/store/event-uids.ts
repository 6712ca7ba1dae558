import { sql } from 'kysely';
import type { CalendarId, EventId, UserId } from '../core/ids.ts';
import { textList } from './columns.ts';
import type { Queryable, Tx } from './db.ts';

export interface KnownUid {
  readonly id: EventId;
  readonly calendarId: CalendarId;
  readonly iCalUId: string;
}

/** Which of a user's events carry one of these iCalendar UIDs; copies in several calendars carry the same one. */
export async function listByICalUIds(q: Queryable, userId: UserId, uids: readonly string[]): Promise<KnownUid[]> {
  if (uids.length === 0) return [];
  const found = await sql<{ id: string; calendarId: string; iCalUId: string }>`
    select e.id, e."calendarId", e."iCalUId" from "CalendarEvent" e
    where e."userId" = ${userId} and e."iCalUId" in ${textList(uids)} order by e.id
  `.execute(q.kysely);
  return found.rows.map((row) => ({
    id: row.id as EventId,
    calendarId: row.calendarId as CalendarId,
    iCalUId: row.iCalUId,
  }));
}

/** One import of a user at a time looks and writes: two of the same file at once must not both find nothing. */
export async function lockImports(tx: Tx, userId: UserId): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`event-import ${userId}`}, 0))`.execute(tx.kysely);
}
