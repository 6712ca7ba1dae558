import type { CalendarId, GraphEventId } from '../core/ids.ts';
import type { DeltaItem } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { SeriesMark } from '../store/cursor.repository.ts';

/**
 * Which series a delta page gave a sign of life of. A series is read whole once a run; bare occurrences are never stored.
 *
 * A mark is only suspicious when something in the page is not what we know already: a master or exception whose tag is
 * the one our own write returned is an echo, and an echo costs nothing.
 */
export function seriesMarksIn(
  items: readonly DeltaItem[],
  basesByGraphId: ReadonlyMap<GraphEventId, EventBase>,
): SeriesMark[] {
  const marks = new Map<GraphEventId, { masterEtag: string | undefined; isSuspicious: boolean }>();
  const mark = (id: GraphEventId, sign: { masterEtag?: string; isSuspicious: boolean }): void => {
    const seen = marks.get(id);
    marks.set(id, {
      masterEtag: sign.masterEtag ?? seen?.masterEtag,
      isSuspicious: sign.isSuspicious || (seen?.isSuspicious ?? false),
    });
  };
  for (const item of items) {
    if (item.kind === 'occurrence') mark(item.seriesMasterId, { isSuspicious: false });
    if (item.kind !== 'event') continue;
    const { event } = item;
    if (event.type === 'seriesMaster') mark(event.id, { masterEtag: event.etag, isSuspicious: false });
    if (event.type === 'exception' && event.seriesMasterId) {
      const known = basesByGraphId.get(event.seriesMasterId)?.seriesEtags?.[event.id];
      mark(event.seriesMasterId, { isSuspicious: known !== event.etag });
    }
  }
  return [...marks].map(([graphEventId, sign]) => ({
    graphEventId,
    masterEtag: sign.masterEtag,
    suspicious: sign.isSuspicious,
  }));
}

/** Whether a marked series is only the echo of what we wrote or read last, in this calendar, and need not be read again. */
export function isSeriesEcho(mark: SeriesMark, base: EventBase | undefined, calendarId: CalendarId): boolean {
  if (base?.calendarId !== calendarId) return false;
  return !mark.suspicious && mark.masterEtag !== undefined && base.etag === mark.masterEtag;
}
