import { SyncError } from '../core/errors.ts';
import { parseOccurrenceId } from '../core/event-view.ts';
import type { EventId } from '../core/ids.ts';
import { occurrenceState } from '../core/series-edit.ts';
import type { StoredEvent } from '../store/event.repository.ts';

/** What an id names: an event, or one date of a series. */
export interface EventTarget {
  readonly event: StoredEvent;
  readonly originalDate?: string;
}

/** An id may be an event's own, or `<master id>_<yyyy-MM-dd>`; an application's own ids may happen to look like that too. */
export function idsIn(id: string): EventId[] {
  if (id.includes('\0')) return [];
  const occurrence = parseOccurrenceId(id);
  return (occurrence ? [id, occurrence.masterId] : [id]) as EventId[];
}

/** @throws {SyncError} `not-found` */
export function targetOf(id: string, found: ReadonlyMap<EventId, StoredEvent>): EventTarget {
  const event = found.get(id as EventId);
  if (event) return { event };
  const occurrence = parseOccurrenceId(id);
  const master = occurrence ? found.get(occurrence.masterId as EventId) : undefined;
  if (!occurrence || !master?.content.recurrence) throw new SyncError('not-found', `there is no event ${id}`);
  const { originalDate } = occurrence;
  switch (occurrenceState(master.content, originalDate)) {
    case 'living':
      return { event: master, originalDate };
    case 'cancelled':
      throw new SyncError('not-found', `the occurrence of ${originalDate} was deleted from series ${master.id}`);
    case 'none':
      throw new SyncError('not-found', `series ${master.id} does not occur on ${originalDate}`);
  }
}
