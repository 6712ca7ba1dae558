import type { EventContent } from '../../src/core/event.ts';
import { fromWire, seriesFromWire } from '../../src/graph/graph-event.mapper.ts';
import type { SimulatedMailbox } from '../../src/simulator/index.ts';

/** Wide enough for every series a test makes; Graph's own limit does not bind a look from inside. */
const FROM = '1990-01-01T00:00:00Z';
const TO = '2060-01-01T00:00:00Z';

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
    const exceptions = mailbox
      .occurrences(event.id, FROM, TO)
      .filter(({ type }) => type === 'exception')
      .map((occurrence) => fromWire(occurrence as unknown as Record<string, unknown>));
    return [event.id, seriesFromWire(event, exceptions, mailbox.cancelledDates(event.id)).content];
  });
  return new Map(contents);
}
