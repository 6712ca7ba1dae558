import { sql } from 'kysely';
import type { CalendarId, UserId } from '../core/ids.ts';
import type { EventBase } from './base-row.ts';
import type { Queryable, Tx } from './db.ts';

/** The code of a series whose dates Graph keeps other than they were sent. */
export const UNSETTLED = 'UNSETTLED';

/** Remembers that dates of a series did not settle at the revision its base is parked at. */
export async function noteUnsettled(
  tx: Tx,
  { userId, eventId, graphEventId, failedRevision, errorMessage }: EventBase,
): Promise<void> {
  const note = { graphEventId, revision: String(failedRevision), message: errorMessage };
  await sql`
    update "EventBase" set unsettled = ${JSON.stringify(note)}::jsonb
    where "userId" = ${userId} and "eventId" = ${eventId}
  `.execute(tx.kysely);
}

/**
 * Parks again what a pull has laid open because Outlook touched the series: what has not changed here is not sent once more,
 * for each time may mail the guests. A series created there anew begins afresh.
 */
export async function parkUnsettled(q: Queryable, userId: UserId, calendarId: CalendarId): Promise<void> {
  await sql`
    update "EventBase" b set "failedRevision" = e.revision, "errorCode" = ${UNSETTLED},
      "errorMessage" = b.unsettled->>'message'
    from "CalendarEvent" e
    where b."userId" = ${userId} and b."calendarId" = ${calendarId} and b.unsettled is not null
      and b."failedRevision" is null and b."graphEventId" = b.unsettled->>'graphEventId'
      and e.id = b."eventId" and e."userId" = b."userId" and e.revision = (b.unsettled->>'revision')::bigint
      and e.revision > b."agreedRevision"
  `.execute(q.kysely);
}
