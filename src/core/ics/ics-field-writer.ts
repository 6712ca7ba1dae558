import ICAL from 'ical.js';
import { bodyText } from '../canonical-body.ts';
import type { Attendee, EmailAddress, EventFields } from '../event.ts';
import { joinedLocation } from '../event-view.ts';

export function writeBody(vevent: ICAL.Component, { body }: EventFields): void {
  if (!body || body.content === '') return;
  if (body.contentType === 'text') {
    vevent.addProperty(new ICAL.Property(['description', {}, 'text', clean(body.content)]));
    return;
  }
  // For readers that know no markup.
  vevent.addProperty(new ICAL.Property(['description', {}, 'text', clean(bodyText(body))]));
  vevent.addProperty(new ICAL.Property(['x-alt-desc', { fmttype: 'text/html' }, 'unknown', escaped(body.content)]));
}

export function writePlace(vevent: ICAL.Component, { locations }: EventFields): void {
  const location = joinedLocation(locations);
  if (location?.displayName)
    vevent.addProperty(new ICAL.Property(['location', {}, 'text', clean(location.displayName)]));
  const { latitude, longitude } = (locations.length === 1 && locations[0]?.coordinates) || {};
  if (latitude !== undefined && longitude !== undefined) {
    vevent.addProperty(new ICAL.Property(['geo', {}, 'float', [latitude, longitude]]));
  }
}

const PARTSTAT: Readonly<Record<string, string>> = {
  accepted: 'ACCEPTED',
  declined: 'DECLINED',
  tentativelyAccepted: 'TENTATIVE',
  organizer: 'ACCEPTED',
};

export function writePeople(
  vevent: ICAL.Component,
  attendees: readonly Attendee[],
  organizer: EmailAddress | undefined,
): void {
  if (organizer?.address) {
    const parameters = organizer.name ? { cn: clean(organizer.name) } : {};
    vevent.addProperty(
      new ICAL.Property(['organizer', parameters, 'cal-address', `mailto:${clean(organizer.address)}`]),
    );
  }
  for (const { type, emailAddress, status } of attendees) {
    if (!emailAddress.address) continue;
    const parameters = {
      ...(emailAddress.name ? { cn: clean(emailAddress.name) } : {}),
      ...(type === 'resource' ? { cutype: 'RESOURCE' } : {}),
      role: type === 'optional' ? 'OPT-PARTICIPANT' : 'REQ-PARTICIPANT',
      ...(status ? { partstat: PARTSTAT[status.response] ?? 'NEEDS-ACTION' } : {}),
    };
    vevent.addProperty(
      new ICAL.Property(['attendee', parameters, 'cal-address', `mailto:${clean(emailAddress.address)}`]),
    );
  }
}

const BUSY_STATUS = {
  free: 'FREE',
  tentative: 'TENTATIVE',
  busy: 'BUSY',
  oof: 'OOF',
  workingElsewhere: 'WORKINGELSEWHERE',
  unknown: 'UNKNOWN',
} as const;
const CLASS = { normal: 'PUBLIC', personal: 'PRIVATE', private: 'PRIVATE', confidential: 'CONFIDENTIAL' } as const;
const PRIORITY = { low: 9, normal: 5, high: 1 } as const;

/** In RFC 5545's words, and beside them in Outlook's where those say more. */
export function writeFlags(vevent: ICAL.Component, fields: EventFields): void {
  const unknown = (name: string, value: string): void =>
    void vevent.addProperty(new ICAL.Property([name, {}, 'unknown', value]));
  vevent.addPropertyWithValue('transp', fields.showAs === 'free' ? 'TRANSPARENT' : 'OPAQUE');
  unknown('x-microsoft-cdo-busystatus', BUSY_STATUS[fields.showAs]);
  vevent.addPropertyWithValue('class', CLASS[fields.sensitivity]);
  if (fields.sensitivity === 'personal') unknown('x-graph-sensitivity', 'personal');
  vevent.addPropertyWithValue('priority', PRIORITY[fields.importance]);
  if (fields.isOnlineMeeting) unknown('x-graph-isonlinemeeting', 'TRUE');
  const categories = fields.categories.map(clean).filter((category) => category !== '');
  if (categories.length > 0) vevent.addProperty(new ICAL.Property(['categories', {}, 'text', ...categories]));
}

export function alarm(minutes: number): ICAL.Component {
  const component = new ICAL.Component('valarm');
  component.addPropertyWithValue('action', 'DISPLAY');
  component.addPropertyWithValue('description', 'Reminder');
  component.addProperty(new ICAL.Property(['trigger', {}, 'duration', minutes === 0 ? 'PT0S' : `-PT${minutes}M`]));
  return component;
}

/** Line ends in one spelling, and none of the control characters a content line cannot hold. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/\r\n?/g, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
}

/** Text in a property of no type that iCalendar knows, which is written as it is given. */
export function escaped(text: string): string {
  return clean(text)
    .replace(/[\\;,]/g, '\\$&')
    .replaceAll('\n', '\\n');
}
