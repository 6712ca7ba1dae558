import type ICAL from 'ical.js';
import type { DateTimeTimeZone } from '../event.ts';
import { onLaterDay } from '../occurrence-fields.ts';
import { atInstant, datePart, inZone, isReadableDateTime, normalDateTime, toInstant } from '../time-zones.ts';
import { type IcsProperties, parameterOf, refused } from './ics-text.ts';
import type { ZoneReader } from './ics-zones.ts';

/** A date, or a wall clock in its zone. */
export interface IcsTime {
  readonly isDate: boolean;
  readonly value: DateTimeTimeZone;
}

/** Start and end of a VEVENT in Graph's shapes. */
export interface IcsExtent {
  readonly start: DateTimeTimeZone;
  readonly end: DateTimeTimeZone;
  readonly isAllDay: boolean;
}

const TIME = /^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})?(Z)?)?$/i;

export interface TimeContext {
  readonly properties: IcsProperties;
  readonly zones: ZoneReader;
  readonly say: (note: string) => void;
  /** A series follows its zone's rules for years; a single event needs no more than an offset. */
  readonly isSeries: boolean;
}

/**
 * Every value of a date or date-time property.
 *
 * @param home  where a time without a zone is: at the event's start, for all of its other times
 * @throws {SyncError} for what is no time, or is in a zone that nothing tells about
 */
export function readTimes(property: ICAL.Property, context: TimeContext, home?: string): IcsTime[] {
  const tzid = parameterOf(property, 'tzid');
  const values = context.properties.raw(property).split(',');
  return values.map((value) => readTime(property, value.trim(), { ...context, tzid, home }));
}

function readTime(
  property: ICAL.Property,
  text: string,
  { zones, say, isSeries, tzid, home }: TimeContext & { tzid: string | undefined; home: string | undefined },
): IcsTime {
  const [, year, month, day, hour, minute, second = '00', utc] = TIME.exec(text) ?? [];
  const date = `${year}-${month}-${day}`;
  const name = property.name.toUpperCase();
  if (!isReadableDateTime(date)) throw refused(`${name} is not a date or time`);
  // Many programs leave VALUE=DATE out, and some say it of a time.
  const isMidnight = `${hour}${minute}${second}` === '000000';
  if (hour === undefined || (property.type === 'date' && isMidnight)) {
    return { isDate: true, value: { dateTime: `${date}T00:00:00`, timeZone: home ?? zones.floating } };
  }
  // Sixty seconds: a leap second, which no calendar has room for.
  const dateTime = `${date}T${hour}:${minute}:${second === '60' ? '59' : second}`;
  if (second === '60') say(`${name} is a leap second, which was taken for the second before it`);
  if (!isReadableDateTime(dateTime)) throw refused(`${name} is not a date or time`);
  if (utc) return { isDate: false, value: { dateTime, timeZone: 'UTC' } };
  if (tzid !== undefined) return { isDate: false, value: zones.read(dateTime, tzid, { say, isSeries }) };
  say(`${name} names no time zone: it was taken in ${home ?? zones.floating}`);
  return { isDate: false, value: { dateTime, timeZone: home ?? zones.floating } };
}

/** @throws {SyncError} for a VEVENT without a readable start, or one that ends before it starts */
export function readExtent(context: TimeContext): IcsExtent {
  const { properties, say } = context;
  const startProperty = properties.first('DTSTART');
  const first = startProperty && readTimes(startProperty, context)[0];
  if (!first) throw refused('it has no DTSTART');
  const endProperty = properties.first('DTEND');
  const end = endProperty && readTimes(endProperty, context, first.value.timeZone)[0];
  const duration = durationOf(properties);
  return first.isDate ? allDay(first, end, duration, say) : timed(first, end, duration);
}

function allDay(
  first: IcsTime,
  end: IcsTime | undefined,
  duration: IcsDuration | undefined,
  say: (note: string) => void,
): IcsExtent {
  const start = first.value;
  if (end && !end.isDate) throw refused('DTSTART is a date and DTEND is a time');
  let last = end ? { ...end.value, timeZone: start.timeZone } : onLaterDay(start, 1);
  if (!end && duration) {
    if (duration.seconds % 86_400 !== 0) throw refused('DTSTART is a date and DURATION is not a number of days');
    last = onLaterDay(start, duration.days + duration.seconds / 86_400);
  }
  if (last.dateTime === start.dateTime) {
    say('it ends on the day it starts, which is before that day is over: it was taken for one whole day');
    last = onLaterDay(start, 1);
  }
  if (last.dateTime < start.dateTime) throw refused('it ends before it starts');
  return { start, end: last, isAllDay: true };
}

function timed(first: IcsTime, end: IcsTime | undefined, duration: IcsDuration | undefined): IcsExtent {
  const start = first.value;
  if (end?.isDate) throw refused('DTSTART is a time and DTEND is a date');
  const last = end?.value ?? (duration ? afterDuration(start, duration) : start);
  const [from, to] = [toInstant(start), toInstant(last)];
  if (!from || !to || to < from) throw refused('it ends before it starts');
  return { start, end: last, isAllDay: false };
}

interface IcsDuration {
  /** Days of the calendar, by the wall clock. */
  readonly days: number;
  /** Exact time. */
  readonly seconds: number;
}

function durationOf(properties: IcsProperties): IcsDuration | undefined {
  const property = properties.first('DURATION');
  if (!property) return undefined;
  const value = property.getFirstValue();
  if (typeof value !== 'object' || value === null || !('isNegative' in value))
    throw refused('DURATION is not a duration');
  if (value.isNegative && value.toSeconds() !== 0) throw refused('DURATION is negative');
  const days = value.weeks * 7 + value.days;
  const seconds = (value.hours * 60 + value.minutes) * 60 + value.seconds;
  if (!Number.isSafeInteger(days) || !Number.isSafeInteger(seconds) || days > 36_600)
    throw refused('DURATION is not a duration');
  return { days, seconds };
}

function afterDuration(start: DateTimeTimeZone, { days, seconds }: IcsDuration): DateTimeTimeZone {
  const day = onLaterDay(start, days);
  const instant = toInstant(day);
  if (seconds === 0 || !instant) return day;
  return atInstant(new Date(instant.getTime() + seconds * 1000), start.timeZone) ?? day;
}

/** @returns the date in the series' zone on which a time falls, and its wall clock there to the minute */
export function placeInSeries(time: IcsTime, seriesZone: string): { date: string; minute: string | undefined } {
  if (time.isDate) return { date: datePart(time.value.dateTime), minute: undefined };
  const local = normalDateTime((inZone(time.value, seriesZone) ?? time.value).dateTime);
  return { date: datePart(local), minute: local.slice(11, 16) };
}
