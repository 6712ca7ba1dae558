import ICAL from 'ical.js';
import type { DateTimeTimeZone, EmailAddress, EventContent, PatternedRecurrence } from '../event.ts';
import { inheritedFields } from '../occurrence-fields.ts';
import { firstOccurrenceDate, occurrenceOn, toRRule } from '../recurrence.ts';
import { datePart, ianaZone, isReadableDateTime, normalDateTime, toInstant } from '../time-zones.ts';
import { alarm, clean, escaped, writeBody, writeFlags, writePeople, writePlace } from './ics-field-writer.ts';
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

/** What a reader elsewhere shows of the calendar as a whole. */
export interface IcsCalendar {
  readonly name?: string | undefined;
  /** Its owner's zone, in either spelling. */
  readonly timeZone?: string | undefined;
}

/** Writes a calendar event by event; the time zones they are in come first in the text. */
export class IcsWriter {
  readonly #now: Date;
  readonly #calendar: IcsCalendar;
  readonly #events: string[] = [];
  readonly #zones = new Map<string, { from: number; to: number }>();
  readonly #toldZones = new Set<string>();

  constructor(now: Date, calendar: IcsCalendar = {}) {
    this.#now = now;
    this.#calendar = calendar;
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
    const head = ['BEGIN:VCALENDAR', 'VERSION:2.0', `PRODID:${PRODUCT}`, 'CALSCALE:GREGORIAN', 'METHOD:PUBLISH'];
    return lines([...head, ...this.#describe(), ...this.#takeZones()]);
  }

  /** The events that were added since they were last taken. */
  takeEvents(): string {
    return lines(this.#events.splice(0));
  }

  /** What comes after the events; among it zones that nobody knew of when the head was written. */
  tail(): string {
    return lines([...this.#takeZones(), 'END:VCALENDAR']);
  }

  /** No RFC's words, and understood by everybody: Apple and Google name a calendar so, Outlook a folder. */
  #describe(): string[] {
    const { name, timeZone } = this.#calendar;
    const zone = timeZone === undefined ? undefined : ianaZone(timeZone);
    const told = [...(name ? [['x-wr-calname', name]] : []), ...(zone ? [['x-wr-timezone', zone]] : [])];
    return told.map(([property, value = '']) =>
      new ICAL.Property([property, {}, 'unknown', escaped(value)]).toICALString(),
    );
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

function utcProperty(name: string, instant: Date): ICAL.Property {
  return new ICAL.Property([name, {}, 'date-time', `${instant.toISOString().slice(0, 19)}Z`]);
}
