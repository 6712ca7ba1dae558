import ICAL from 'ical.js';
import { bodyText } from '../canonical-body.ts';
import type {
  Attendee,
  DateTimeTimeZone,
  EmailAddress,
  EventContent,
  EventFields,
  PatternedRecurrence,
} from '../event.ts';
import { joinedLocation } from '../event-view.ts';
import { inheritedFields } from '../occurrence-fields.ts';
import { firstOccurrenceDate, occurrenceOn, toRRule } from '../recurrence.ts';
import { datePart, ianaZone, isReadableDateTime, normalDateTime, toInstant } from '../time-zones.ts';
import { vtimezone } from './ics-vtimezone.ts';

/** An event to be written, with what a reader elsewhere needs to know about it. */
export interface IcsSource {
  readonly uid: string;
  readonly content: EventContent;
  readonly createdAt: Date;
  readonly lastModifiedAt: Date;
  readonly organizer?: EmailAddress | undefined;
  readonly joinUrl?: string | undefined;
}

// The library counts what stands behind the space of a continued line, RFC 5545 (3.1) the whole line: 75 octets.
ICAL.foldLength = 74;

const PRODUCT = '-//graph-calendar-sync//iCalendar export//EN';
/** How far ahead a zone's changes are listed one by one; regular ones go on for ever. */
const YEARS_AHEAD = 5;

/** Writes a calendar event by event; the time zones they are in come first in the text. */
export class IcsWriter {
  readonly #now: Date;
  readonly #events: string[] = [];
  readonly #zones = new Map<string, { from: number; to: number }>();
  readonly #toldZones = new Set<string>();

  constructor(now: Date) {
    this.#now = now;
  }

  /** @returns false for an event whose time nobody can read, which has no place in a calendar file */
  add(source: IcsSource): boolean {
    const { content } = source;
    if (![content.start, content.end].every(isWritable)) return false;
    const master = onPattern(content);
    this.#write(source, { ...master, recurrence: master.recurrence });
    for (const date of Object.keys(content.occurrences).sort()) {
      const occurrence = content.recurrence ? occurrenceOn(content, date) : undefined;
      if (!occurrence || ![occurrence.fields.start, occurrence.fields.end].every(isWritable)) continue;
      const original = inheritedFields(content, date).start;
      this.#write(source, { ...occurrence.fields, recurrence: null, occurrences: {} }, { original, series: content });
    }
    return true;
  }

  /** @returns the whole text */
  end(): string {
    return this.head() + this.takeEvents() + this.tail();
  }

  // A file that is too long to be kept in memory is written in parts, after its events were seen once for their zones.

  /** Takes note of the zones an event is in. */
  see({ content }: Pick<IcsSource, 'content'>): void {
    if (![content.start, content.end].every(isWritable)) return;
    const exceptions = Object.keys(content.occurrences).flatMap((date) => {
      const occurrence = content.recurrence ? occurrenceOn(content, date) : undefined;
      const original = { ...inheritedFields(content, date), isAllDay: content.isAllDay };
      return occurrence ? [original, occurrence.fields] : [original];
    });
    for (const { start, end, isAllDay } of [content, ...exceptions]) {
      for (const time of [start, end]) if (!isAllDay && isWritable(time)) this.#noteZone(time);
    }
  }

  /** What comes before the events, with the time zones of all that were added or seen so far. */
  head(): string {
    const head = ['BEGIN:VCALENDAR', 'VERSION:2.0', `PRODID:${PRODUCT}`, 'CALSCALE:GREGORIAN'];
    return lines([...head, ...this.#takeZones()]);
  }

  /** The events that were added since they were last taken. */
  takeEvents(): string {
    return lines(this.#events.splice(0));
  }

  /** What comes after the events; among it zones that nobody knew of when the head was written. */
  tail(): string {
    return lines([...this.#takeZones(), 'END:VCALENDAR']);
  }

  #takeZones(): string[] {
    const untold = [...this.#zones].filter(([tzid]) => !this.#toldZones.has(tzid));
    return untold.flatMap(([tzid, years]) => {
      this.#toldZones.add(tzid);
      const to = Math.max(years.to, this.#now.getUTCFullYear() + YEARS_AHEAD);
      const zone = vtimezone(tzid, { from: years.from - 1, to });
      return zone ? [zone.toString()] : [];
    });
  }

  #write(
    source: IcsSource,
    content: EventContent,
    exception?: { readonly original: DateTimeTimeZone; readonly series: EventContent },
  ): void {
    const vevent = new ICAL.Component('vevent');
    const text = (name: string, value: string): void =>
      void vevent.addProperty(new ICAL.Property([name, {}, 'text', clean(value)]));
    text('uid', source.uid);
    vevent.addProperty(utcProperty('dtstamp', this.#now));
    vevent.addProperty(utcProperty('created', source.createdAt));
    vevent.addProperty(utcProperty('last-modified', source.lastModifiedAt));
    if (exception) vevent.addProperty(this.#time('recurrence-id', exception.original, exception.series.isAllDay));
    vevent.addProperty(this.#time('dtstart', content.start, content.isAllDay));
    vevent.addProperty(this.#time('dtend', content.end, content.isAllDay));
    if (content.recurrence) this.#writeRule(vevent, content, content.recurrence);
    if (content.subject !== '') text('summary', content.subject);
    writeBody(vevent, content);
    writePlace(vevent, content);
    writePeople(vevent, content.attendees, source.organizer);
    writeFlags(vevent, content);
    if (source.joinUrl)
      vevent.addProperty(
        new ICAL.Property(['x-microsoft-skypeteamsmeetingurl', {}, 'unknown', escaped(source.joinUrl)]),
      );
    if (content.isReminderOn) vevent.addSubcomponent(alarm(content.reminderMinutesBeforeStart));
    this.#events.push(vevent.toString());
  }

  #writeRule(vevent: ICAL.Component, content: EventContent, recurrence: PatternedRecurrence): void {
    const rule = ICAL.Recur.fromString(plainRule(recurrence, content)).toJSON();
    vevent.addProperty(new ICAL.Property(['rrule', {}, 'recur', rule]));
    for (const [date, override] of Object.entries(content.occurrences).sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!override.isCancelled) continue;
      vevent.addProperty(this.#time('exdate', inheritedFields(content, date).start, content.isAllDay));
    }
  }

  #time(name: string, value: DateTimeTimeZone, isAllDay: boolean): ICAL.Property {
    if (isAllDay) return new ICAL.Property([name, {}, 'date', datePart(value.dateTime)]);
    const wallClock = normalDateTime(value.dateTime).slice(0, 19);
    if (ianaZone(value.timeZone) === 'UTC') return new ICAL.Property([name, {}, 'date-time', `${wallClock}Z`]);
    this.#noteZone(value);
    return new ICAL.Property([name, { tzid: value.timeZone }, 'date-time', wallClock]);
  }

  #noteZone({ dateTime, timeZone }: DateTimeTimeZone): void {
    if (ianaZone(timeZone) === 'UTC') return;
    const year = Number(normalDateTime(dateTime).slice(0, 4));
    const known = this.#zones.get(timeZone) ?? { from: year, to: year };
    this.#zones.set(timeZone, { from: Math.min(known.from, year), to: Math.max(known.to, year) });
  }
}

/**
 * The rule without the detour through BYSETPOS that few programs follow, wherever the day needs none: every January has a
 * 31st, and the 31st of every month, as Exchange means it, is the month's last day.
 */
function plainRule(recurrence: PatternedRecurrence, content: EventContent): string {
  const { type, dayOfMonth = 1, month = 1 } = recurrence.pattern;
  const isYearly = type === 'absoluteYearly';
  const isAlwaysThere = isYearly && dayOfMonth <= (DAYS_IN_MONTH[month - 1] ?? 28);
  const plainDay = isAlwaysThere ? dayOfMonth : isYearly || dayOfMonth === 31 ? -1 : undefined;
  const rule = toRRule(recurrence, content);
  return plainDay === undefined ? rule : rule.replace(/BYMONTHDAY=[\d,]+;BYSETPOS=-1/, `BYMONTHDAY=${plainDay}`);
}

/** In every year. */
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A rule whose start does not fit it: RFC 5545 wants the first date there is, where Graph keeps what was written. */
function onPattern(content: EventContent): EventContent {
  const { recurrence } = content;
  const first = recurrence ? firstOccurrenceDate(recurrence) : undefined;
  if (!recurrence || !first || first === datePart(content.start.dateTime)) return content;
  const { start, end } = inheritedFields(content, first);
  return { ...content, start, end, recurrence: { ...recurrence, range: { ...recurrence.range, startDate: first } } };
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\r\n`).join('');
}

function isWritable(value: DateTimeTimeZone): boolean {
  return isReadableDateTime(value.dateTime) && toInstant(value) !== undefined;
}

function writeBody(vevent: ICAL.Component, { body }: EventFields): void {
  if (!body || body.content === '') return;
  if (body.contentType === 'text') {
    vevent.addProperty(new ICAL.Property(['description', {}, 'text', clean(body.content)]));
    return;
  }
  // For readers that know no markup.
  vevent.addProperty(new ICAL.Property(['description', {}, 'text', clean(bodyText(body))]));
  vevent.addProperty(new ICAL.Property(['x-alt-desc', { fmttype: 'text/html' }, 'unknown', escaped(body.content)]));
}

function writePlace(vevent: ICAL.Component, { locations }: EventFields): void {
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

function writePeople(
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
function writeFlags(vevent: ICAL.Component, fields: EventFields): void {
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

function alarm(minutes: number): ICAL.Component {
  const component = new ICAL.Component('valarm');
  component.addPropertyWithValue('action', 'DISPLAY');
  component.addPropertyWithValue('description', 'Reminder');
  component.addProperty(new ICAL.Property(['trigger', {}, 'duration', minutes === 0 ? 'PT0S' : `-PT${minutes}M`]));
  return component;
}

function utcProperty(name: string, instant: Date): ICAL.Property {
  return new ICAL.Property([name, {}, 'date-time', `${instant.toISOString().slice(0, 19)}Z`]);
}

/** Line ends in one spelling, and none of the control characters a content line cannot hold. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/\r\n?/g, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
}

/** Text in a property of no type that iCalendar knows, which is written as it is given. */
function escaped(text: string): string {
  return clean(text)
    .replace(/[\\;,]/g, '\\$&')
    .replaceAll('\n', '\\n');
}
