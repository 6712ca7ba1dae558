import { sql } from 'kysely';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
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

/** An event that is linked to one of Graph. */
export interface LinkedUid {
  readonly eventId: EventId;
  readonly graphEventId: GraphEventId;
  readonly iCalUId: string;
  /** `null`: it is not here any more, and only its base tells. */
  readonly isSeries: boolean | null;
  /** Graph said that the id is of nothing any more. */
  readonly isGone: boolean;
}

/** Which events of a calendar carry one of these UIDs and are linked to Graph; those whose deletion Graph is still to hear of, too. */
export async function listLinkedByICalUIds(
  q: Queryable,
  userId: UserId,
  calendarId: CalendarId,
  uids: readonly string[],
): Promise<LinkedUid[]> {
  if (uids.length === 0) return [];
  const found = await sql<LinkedUid>`
    select e.id as "eventId", b."graphEventId", e."iCalUId", e.recurrence is not null as "isSeries",
      b."remoteGoneAt" is not null as "isGone"
    from "CalendarEvent" e join "EventBase" b on b."eventId" = e.id and b."userId" = e."userId"
    where e."userId" = ${userId} and e."iCalUId" in ${textList(uids)}
      and b."calendarId" = ${calendarId} and b."graphEventId" is not null
    union all
    select b."eventId", b."graphEventId", b."iCalUId", null, b."remoteGoneAt" is not null
    from "EventBase" b
    where ${isDeletedHere(userId, calendarId)} and b."iCalUId" in ${textList(uids)}
    order by 1
  `.execute(q.kysely);
  return found.rows;
}

/** Events deleted here whose ids are proven to be of nothing: only by their UIDs what they were can be known again. */
export async function listGoneDeletions(
  q: Queryable,
  userId: UserId,
  calendarId: CalendarId,
): Promise<{ eventId: EventId; iCalUId: string }[]> {
  const found = await sql<{ eventId: EventId; iCalUId: string }>`
    select b."eventId", b."iCalUId" from "EventBase" b
    where ${isDeletedHere(userId, calendarId)} and b."iCalUId" is not null and b."remoteGoneAt" is not null
    order by 1
  `.execute(q.kysely);
  return found.rows;
}

const isDeletedHere = (userId: UserId, calendarId: CalendarId) => sql`
  b."userId" = ${userId} and b."calendarId" = ${calendarId} and b."graphEventId" is not null
    and not exists (select 1 from "CalendarEvent" e where e.id = b."eventId" and e."userId" = b."userId")
`;

/** One import of a user at a time looks and writes: two of the same file at once must not both find nothing. */
export async function lockImports(tx: Tx, userId: UserId): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`event-import ${userId}`}, 0))`.execute(tx.kysely);
}
