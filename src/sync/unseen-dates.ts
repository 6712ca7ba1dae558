import type { EventContent } from '../core/event.ts';
import { datePart } from '../core/time-zones.ts';
import type { RemoteEvent, RemoteSeries } from '../graph/calendar-graph.ts';

/**
 * A series whose dates could only be seen within a window says nothing about the others: those stay as they were last known
 * to be at Graph. Otherwise a date cancelled long ago would come back as soon as the window had passed it.
 */
export function withUnseenDates<Remote extends RemoteEvent | RemoteSeries>(
  event: Remote,
  lastKnown: EventContent | null | undefined,
): Remote {
  const seen = 'seenWithin' in event ? event.seenWithin : undefined;
  if (!seen || !lastKnown?.recurrence || !event.content.recurrence) return event;
  const from = datePart(seen.start.toISOString());
  const to = datePart(seen.end.toISOString());
  const unseen = Object.entries(lastKnown.occurrences).filter(([date]) => date < from || date > to);
  if (unseen.length === 0) return event;
  const occurrences = { ...Object.fromEntries(unseen), ...event.content.occurrences };
  return { ...event, content: { ...event.content, occurrences } };
}
