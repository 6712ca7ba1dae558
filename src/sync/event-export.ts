import { type IcsCalendar, type IcsSource, IcsWriter } from '../core/ics/ics-writer.ts';
import type { CalendarId, UserId } from '../core/ids.ts';
import type { Queryable } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';

/** Events read at a time. */
const STEP = 500;

/**
 * A user's events as one iCalendar file, by start. An event goes under the UID it has in Outlook, or under its own id as
 * long as it has none; by either it is known again when the file is imported here. Events whose time cannot be read are
 * left out: there is no place for them in a file.
 */
export async function exportEvents(
  q: Queryable,
  events: EventRepository,
  of: { userId: UserId; calendarId: CalendarId | undefined; now: Date; calendar: IcsCalendar },
): Promise<string> {
  const writer = new IcsWriter(of.now, of.calendar);
  let after: { startAt: Date | null; id: string } | undefined;
  for (;;) {
    const rows = await events.listWindow(q, of.userId, { calendarId: of.calendarId, limit: STEP, after });
    for (const { event, startAt } of rows) {
      after = { startAt, id: event.id };
      if (event.problem) continue;
      writer.add(icsSourceOf(event));
    }
    if (rows.length < STEP) return writer.end();
  }
}

/** An event as it goes into a calendar file. */
export function icsSourceOf(event: StoredEvent): IcsSource {
  return {
    uid: event.iCalUId ?? event.id,
    content: event.content,
    createdAt: event.createdAt,
    lastModifiedAt: event.lastModifiedAt,
    organizer: event.facts?.organizer,
    joinUrl: event.facts?.onlineMeeting?.joinUrl,
  };
}
