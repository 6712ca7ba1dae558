import type { EventContent, EventFields, ItemBody, PatternedRecurrence } from '../../src/core/event.ts';
import { inheritedFields } from '../../src/core/occurrence-fields.ts';
import { normalDateTime } from '../../src/core/time-zones.ts';

/**
 * The same event as Graph hands it back: other names of zones, fillers, seven digits, other order, its own HTML.
 *
 * @param dates  exceptions with all their fields, as they are on the wire, or as they are read: with what is their own
 */
export function asGraphSays(content: EventContent, dates: 'all fields' | 'own fields' = 'all fields'): EventContent {
  const spelled = ({ dateTime, timeZone }: EventContent['start']) => ({
    dateTime: `${normalDateTime(dateTime).slice(0, 19)}.0000000`,
    timeZone: timeZone === 'Europe/Berlin' ? 'W. Europe Standard Time' : timeZone,
  });
  const exceptions = Object.entries(content.occurrences).map(([date, override]) => {
    if (override.isCancelled) return [date, override] as const;
    const inherited = dates === 'all fields' ? inheritedFields(content, date) : {};
    const fields: Partial<EventFields> = { ...inherited, ...override.fields };
    const said = {
      ...fields,
      ...(fields.start ? { start: spelled(fields.start) } : {}),
      ...(fields.end ? { end: spelled(fields.end) } : {}),
      ...(fields.body ? { body: storedBody(fields.body) } : {}),
    };
    return [date, { isCancelled: false, fields: said }] as const;
  });
  return {
    ...content,
    body: storedBody(content.body),
    start: spelled(content.start),
    end: spelled(content.end),
    categories: [...content.categories].reverse(),
    attendees: [...content.attendees].reverse().map((attendee) => ({
      ...attendee,
      emailAddress: { ...attendee.emailAddress, address: attendee.emailAddress.address?.toUpperCase() ?? '' },
    })),
    locations: content.locations.map((place) => ({ locationUri: '', locationEmailAddress: '', ...place })),
    recurrence: content.recurrence && withFillers(content.recurrence, content.start.timeZone),
    occurrences: Object.fromEntries(exceptions),
  };
}

function withFillers({ pattern, range }: PatternedRecurrence, zone: string): PatternedRecurrence {
  return {
    pattern: { dayOfMonth: 0, month: 0, index: 'first', firstDayOfWeek: 'sunday', daysOfWeek: [], ...pattern },
    range: { endDate: '0001-01-01', numberOfOccurrences: 0, recurrenceTimeZone: zone, ...range },
  };
}

/** As Exchange stores a body it is given, as text or as a fragment; a whole document stays one. */
export function storedBody(body: ItemBody | null): ItemBody | null {
  if (!body || body.content.includes('<body>')) return body;
  return {
    contentType: 'html',
    content: body.contentType === 'html' ? wrapped(body.content) : converted(body.content),
  };
}

export function wrapped(fragment: string): string {
  const head = '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">';
  return `<html>\r\n<head>\r\n${head}\r\n</head>\r\n<body>\r\n${fragment.replaceAll('\n', '\r\n')}\r\n</body>\r\n</html>\r\n`;
}

export function converted(given: string): string {
  const escaped = given.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return wrapped(
    '<meta name="Generator" content="Microsoft Exchange Server">\n<!-- converted from text -->\n' +
      '<font size="2"><span style="font-size:11pt;"><div class="PlainText">' +
      `${escaped.replaceAll('\n', '<br>\n')}</div></span></font>`,
  );
}
