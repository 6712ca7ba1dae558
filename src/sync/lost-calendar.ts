import { SyncError } from '../core/errors.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { CalendarGraph } from '../graph/calendar-graph.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import { saveCalendarList } from './calendar-list.ts';
import type { RunContext } from './run-context.ts';

export interface LostCalendarParts {
  readonly db: Db;
  readonly graph: CalendarGraph;
  readonly calendars: CalendarRepository;
  readonly cursors: CursorRepository;
  readonly leases: LeaseRepository;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Looks for a calendar Graph does not find under the id we know: ids of calendars change (graph contract 14, trap 15), and
 * calendars are deleted or not shared any more.
 *
 * @returns the calendar under its new id; `undefined` when the id was right, so that something else is missing
 * @throws {SyncError} `not-found` when it has left the mailbox; what is known of its events is kept. `lease-lost` when our
 *   ids stand for other calendars now: the run starts again, as all it knows is of the former ones
 */
export async function findAgain(parts: LostCalendarParts, context: RunContext): Promise<StoredCalendar | undefined> {
  const { userId, calendarId } = context;
  const { calendars, cursors, random } = parts;
  const listed = await parts.graph.listCalendars(context.session);
  const { change, calendar } = await parts.db.transaction(async (tx) => {
    // In the order of everybody else who changes the list.
    await calendars.lockList(tx, userId);
    await parts.leases.assert(tx, context.lease);
    const changed = await saveCalendarList(tx, { calendars, cursors, random }, userId, listed, parts.clock.now());
    return { change: changed, calendar: await calendars.find(tx, userId, calendarId) };
  });
  if (change === 'relabelled') {
    throw new SyncError(
      'lease-lost',
      `another calendar has become the default one of user ${userId}; the run starts again`,
    );
  }
  if (!calendar?.graphCalendarId || calendar.removedAt) {
    throw new SyncError(
      'not-found',
      `calendar ${calendarId} is not in the mailbox any more: it was deleted there, or is not shared with it now. ` +
        'Its events are kept here; see GET /calendar/calendars',
    );
  }
  return calendar.graphCalendarId === context.graphCalendarId ? undefined : calendar;
}
