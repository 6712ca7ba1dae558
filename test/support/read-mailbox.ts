import type { EventContent } from '../../src/core/event.ts';
import { fromWire, seriesFromWire } from '../../src/graph/graph-event.mapper.ts';
import type { SimulatedMailbox } from '../../src/simulator/index.ts';

/** From a series' beginning on: long enough for every exception a test makes. */
const YEARS = 12;

/**
 * What a mailbox's calendar holds, by immutable id, series whole: read from inside the simulator, so that looking at it
 * leaves no request behind.
 */
export function readMailbox(
  mailbox: SimulatedMailbox,
  calendarId = mailbox.defaultCalendarId,
): Map<string, EventContent> {
  const contents = mailbox.listEvents({ calendarId }).map((wire): [string, EventContent] => {
    const event = fromWire(wire as unknown as Record<string, unknown>);
    if (event.type !== 'seriesMaster') return [event.id, event.content];
    const from = Number(event.content.start.dateTime.slice(0, 4)) - 1;
    const exceptions = mailbox
      .occurrences(event.id, `${from}-12-30T00:00:00Z`, `${from + YEARS}-12-31T00:00:00Z`)
      .filter(({ type }) => type === 'exception')
      .map((occurrence) => fromWire(occurrence as unknown as Record<string, unknown>));
    return [event.id, seriesFromWire(event, exceptions, mailbox.cancelledDates(event.id)).content];
  });
  return new Map(contents);
}
