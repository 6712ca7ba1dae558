import type {
  DateTimeTimeZone,
  DayOfWeek,
  PatternedRecurrence,
  RecurrencePattern,
  RecurrenceRange,
  WeekIndex,
} from '../event.ts';
import { onLaterDay } from '../occurrence-fields.ts';
import { datesBetween, firstOccurrenceDate } from '../recurrence.ts';
import { lastOccurrenceDate } from '../rule-dates.ts';
import { datePart, inZone, isReadableDateTime, normalDateTime } from '../time-zones.ts';
import { refused } from './ics-text.ts';

/**
 * An RRULE as Graph's `patternedRecurrence`. What Graph cannot say (graph contract 3.1) is refused by name, and so is what
 * it would say differently: RFC 5545 leaves out months that have no 31st, Graph moves to their last day.
 */

const DAY: Readonly<Record<string, DayOfWeek>> = {
  SU: 'sunday',
  MO: 'monday',
  TU: 'tuesday',
  WE: 'wednesday',
  TH: 'thursday',
  FR: 'friday',
  SA: 'saturday',
};
const DAYS = Object.values(DAY);
const INDEX: Readonly<Record<string, WeekIndex>> = {
  '1': 'first',
  '2': 'second',
  '3': 'third',
  '4': 'fourth',
  '-1': 'last',
};
const PARTS = new Set(
  'FREQ UNTIL COUNT INTERVAL BYSECOND BYMINUTE BYHOUR BYDAY BYMONTHDAY BYYEARDAY BYWEEKNO BYMONTH BYSETPOS WKST RSCALE SKIP'.split(
    ' ',
  ),
);
/** A day that no month misses in so many occurrences is missed by none: every pattern has come round, leap years included. */
const CHECKED_DATES = 500;
const MAX_NUMBERED = 999;

type Parts = ReadonlyMap<string, string>;

interface RuleStart {
  readonly start: DateTimeTimeZone;
  readonly isAllDay: boolean;
}

/** @throws {SyncError} naming the part of the rule that no Outlook series can follow */
export function readRule(rule: string, event: RuleStart, say: (note: string) => void): PatternedRecurrence {
  const parts = partsOf(rule);
  refuseUnsayable(parts, event.start);
  const startDate = datePart(event.start.dateTime);
  const recurrence = { pattern: patternOf(parts, startDate), range: rangeOf(parts, event, say) };
  const first = firstOccurrenceDate(recurrence);
  if (first === undefined) throw refused('its RRULE never occurs');
  const exactDay = exactDayOf(parts, recurrence.pattern);
  const dates = exactDay === undefined ? [first] : datesBetween(recurrence, startDate, '9999-12-31', CHECKED_DATES);
  if (dates.some((date) => exactDay !== undefined && Number(date.slice(8)) !== exactDay)) {
    throw refused('some months have no such day, which RFC 5545 leaves out and Outlook moves to their last day');
  }
  if (first !== startDate)
    throw refused('DTSTART is not one of the dates its RRULE gives, which RFC 5545 leaves undefined');
  return numberedOrDated(recurrence, say);
}

function partsOf(rule: string): Parts {
  const parts = new Map<string, string>();
  for (const part of rule
    .trim()
    .split(';')
    .filter((one) => one !== '')) {
    const [, name = '', value = ''] = /^([A-Z]+)=(.+)$/i.exec(part.trim()) ?? [];
    if (name === '' || !(PARTS.has(name.toUpperCase()) || /^X-/i.test(name)) || parts.has(name.toUpperCase())) {
      throw refused('RRULE is not a rule of RFC 5545');
    }
    parts.set(name.toUpperCase(), value.toUpperCase());
  }
  return parts;
}

function refuseUnsayable(parts: Parts, start: DateTimeTimeZone): void {
  const rscale = parts.get('RSCALE');
  if (rscale !== undefined && rscale !== 'GREGORIAN')
    throw refused(`RSCALE=${rscale}: Outlook keeps Gregorian rules only`);
  const skip = parts.get('SKIP');
  if (skip !== undefined && skip !== 'OMIT') throw refused(`SKIP=${skip} has no counterpart in Outlook`);
  for (const name of ['BYYEARDAY', 'BYWEEKNO'] as const) {
    if (parts.has(name)) throw refused(`${name} has no counterpart in Outlook`);
  }
  const [hour, minute, second] = normalDateTime(start.dateTime).slice(11, 19).split(':').map(Number);
  for (const [name, own] of [
    ['BYHOUR', hour],
    ['BYMINUTE', minute],
    ['BYSECOND', second],
  ] as const) {
    const value = parts.get(name);
    // One time a day that is the start's own says nothing.
    if (value !== undefined && !(/^\d+$/.test(value) && Number(value) === own)) {
      throw refused(`${name} gives other times of day than the start's, which no Outlook series has`);
    }
  }
}

function patternOf(parts: Parts, startDate: string): RecurrencePattern {
  const frequency = parts.get('FREQ');
  const interval = numberOf(parts.get('INTERVAL') ?? '1', 'INTERVAL');
  switch (frequency) {
    case 'DAILY':
      return dailyPattern(parts, interval);
    case 'WEEKLY':
      return weeklyPattern(parts, interval, startDate);
    case 'MONTHLY':
      return parts.has('BYMONTH')
        ? monthInYearPattern(parts, interval, startDate)
        : monthlyPattern(parts, interval, startDate);
    case 'YEARLY':
      return yearlyPattern(parts, interval, startDate);
    case 'HOURLY':
    case 'MINUTELY':
    case 'SECONDLY':
      throw refused(`FREQ=${frequency}: Outlook has no series more frequent than daily`);
    default:
      throw refused('RRULE has no FREQ of RFC 5545');
  }
}

function dailyPattern(parts: Parts, interval: number): RecurrencePattern {
  refuse(parts, ['BYMONTH', 'BYMONTHDAY', 'BYSETPOS'], 'FREQ=DAILY');
  if (!parts.has('BYDAY')) return { type: 'daily', interval };
  // Every day that is one of these days: a weekly rule in other words.
  if (interval !== 1) throw refused('BYDAY in a rule for every so many days has no counterpart in Outlook');
  return { type: 'weekly', interval: 1, daysOfWeek: plainDays(parts), firstDayOfWeek: weekStart(parts) };
}

function weeklyPattern(parts: Parts, interval: number, startDate: string): RecurrencePattern {
  refuse(parts, ['BYMONTH', 'BYMONTHDAY', 'BYSETPOS'], 'FREQ=WEEKLY');
  const daysOfWeek = parts.has('BYDAY') ? plainDays(parts) : [dayOfWeek(startDate)];
  return { type: 'weekly', interval, daysOfWeek, firstDayOfWeek: weekStart(parts) };
}

function monthlyPattern(parts: Parts, interval: number, startDate: string): RecurrencePattern {
  if (parts.has('BYDAY')) {
    refuse(parts, ['BYMONTHDAY'], 'BYDAY');
    const ordinal = ordinalDays(parts);
    if (ordinal) return { type: 'relativeMonthly', interval, ...ordinal };
    if (interval === 1)
      return { type: 'weekly', interval: 1, daysOfWeek: plainDays(parts), firstDayOfWeek: weekStart(parts) };
    throw refused('BYDAY gives several days in one month, which no Outlook series has');
  }
  return { type: 'absoluteMonthly', interval, dayOfMonth: dayOfMonth(parts, startDate) };
}

/** Every month that is this month: a yearly rule in other words. */
function monthInYearPattern(parts: Parts, interval: number, startDate: string): RecurrencePattern {
  if (interval !== 1) throw refused('BYMONTH in a rule for every so many months has no counterpart in Outlook');
  return yearlyPattern(parts, 1, startDate);
}

function yearlyPattern(parts: Parts, interval: number, startDate: string): RecurrencePattern {
  // Without a month RFC 5545 means every month by a day of the month, and every week by a day of the week.
  const isOfEveryMonth = !parts.has('BYMONTH') && (parts.has('BYMONTHDAY') || parts.has('BYDAY'));
  if (isOfEveryMonth && (interval > 1 || /\d/.test(parts.get('BYDAY') ?? '') || parts.has('BYSETPOS'))) {
    throw refused('its days are counted through the whole year, which no Outlook series does');
  }
  if (isOfEveryMonth) return monthlyPattern(parts, 1, startDate);
  const months = parts.get('BYMONTH')?.split(',') ?? [];
  if (months.length > 1) throw refused('BYMONTH names several months, which no Outlook series has');
  const month = months[0] === undefined ? Number(startDate.slice(5, 7)) : numberOf(months[0], 'BYMONTH');
  if (!parts.has('BYDAY')) return { type: 'absoluteYearly', interval, month, dayOfMonth: dayOfMonth(parts, startDate) };
  refuse(parts, ['BYMONTHDAY'], 'BYDAY');
  const ordinal = ordinalDays(parts);
  if (!ordinal) throw refused('BYDAY gives several days in one month, which no Outlook series has');
  return { type: 'relativeYearly', interval, month, ...ordinal };
}

/** `2TU`, or `MO,TU,WE,TH,FR` with `BYSETPOS=-1`. */
function ordinalDays(parts: Parts): { daysOfWeek: DayOfWeek[]; index: WeekIndex } | undefined {
  const days = (parts.get('BYDAY') ?? '')
    .split(',')
    .map((day) => /^([+-]?\d+)?(SU|MO|TU|WE|TH|FR|SA)$/.exec(day.trim()));
  const setPosition = parts.get('BYSETPOS');
  const counted = days.filter((day) => day?.[1] !== undefined);
  if (counted.length === 0 && setPosition === undefined) return undefined;
  if (counted.length > 0 && (days.length > 1 || (setPosition !== undefined && Math.abs(Number(setPosition)) !== 1))) {
    throw refused('BYDAY names several counted days, which no Outlook series has');
  }
  const position = counted[0]?.[1] ?? setPosition ?? '';
  const index = INDEX[String(Number(position))];
  if (!index)
    throw refused(`the ${position} of a kind of day in a month: Outlook knows the first to fourth and the last`);
  return { daysOfWeek: namedDays(days), index };
}

function plainDays(parts: Parts): DayOfWeek[] {
  const days = (parts.get('BYDAY') ?? '').split(',').map((day) => /^()(SU|MO|TU|WE|TH|FR|SA)$/.exec(day.trim()));
  refuse(parts, ['BYSETPOS'], 'BYDAY');
  return namedDays(days);
}

function namedDays(days: readonly (RegExpExecArray | null)[]): DayOfWeek[] {
  const named = days.map((day) => DAY[day?.[2] ?? '']);
  if (named.some((day) => day === undefined)) throw refused('BYDAY does not name days of the week');
  return DAYS.filter((day) => named.includes(day));
}

function dayOfMonth(parts: Parts, startDate: string): number {
  const text = parts.get('BYMONTHDAY');
  if (text === undefined) {
    refuse(parts, ['BYSETPOS'], 'a rule without BYDAY');
    return Number(startDate.slice(8, 10));
  }
  const days = text.split(',').map((day) => numberOf(day, 'BYMONTHDAY', true));
  const [only] = days;
  if (days.length === 1 && only !== undefined && !parts.has('BYSETPOS')) {
    if (only > 0) return only;
    // The last day of February is the 29th, as far as Exchange is concerned; of any other month, the 31st.
    if (only === -1) return parts.get('BYMONTH') === '2' ? 29 : 31;
    throw refused('BYMONTHDAY counts from the end of the month: Outlook knows its last day only');
  }
  // The last day there is, up to a day that short months do not have: what Graph means by that day.
  const sorted = [...days].sort((a, b) => a - b);
  const isRun = sorted[0] === 28 && sorted.every((day, index) => day === 28 + index);
  if (isRun && parts.get('BYSETPOS') === '-1') return sorted.at(-1) ?? 28;
  throw refused('BYMONTHDAY names several days of a month, which no Outlook series has');
}

function rangeOf(parts: Parts, event: RuleStart, say: (note: string) => void): RecurrenceRange {
  const startDate = datePart(event.start.dateTime);
  const until = parts.get('UNTIL');
  if (until !== undefined) return { type: 'endDate', startDate, endDate: endDateOf(until, event, say) };
  const count = parts.get('COUNT');
  if (count === undefined) return { type: 'noEnd', startDate };
  const numberOfOccurrences = numberOf(count, 'COUNT');
  if (numberOfOccurrences < 1 || numberOfOccurrences > 100_000) throw refused('COUNT is not a number of occurrences');
  return { type: 'numbered', startDate, numberOfOccurrences };
}

/** The last date whose occurrence starts by UNTIL, which is an instant for a timed series. */
function endDateOf(until: string, { start, isAllDay }: RuleStart, say: (note: string) => void): string {
  const [, year, month, day, time, utc] = /^(\d{4})(\d\d)(\d\d)(?:T(\d{6})(Z?))?$/.exec(until) ?? [];
  const date = `${year}-${month}-${day}`;
  if (!isReadableDateTime(date)) throw refused('UNTIL is not a date or time');
  if (time === undefined || isAllDay) {
    if (!isAllDay) say('UNTIL is a date: the occurrence on that day was taken to be part of the series');
    return date;
  }
  const clock = `${date}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4, 6)}`;
  if (!isReadableDateTime(clock)) throw refused('UNTIL is not a date or time');
  const local = utc === 'Z' ? inZone({ dateTime: clock, timeZone: 'UTC' }, start.timeZone)?.dateTime : clock;
  const end = normalDateTime(local ?? clock);
  if (end.slice(11) >= normalDateTime(start.dateTime).slice(11)) return datePart(end);
  return datePart(onLaterDay({ dateTime: `${datePart(end)}T00:00:00`, timeZone: 'UTC' }, -1).dateTime);
}

/** A count Outlook does not take is the date it ends on. */
function numberedOrDated(recurrence: PatternedRecurrence, say: (note: string) => void): PatternedRecurrence {
  const { range } = recurrence;
  const endDate = lastOccurrenceDate(recurrence);
  if (range.type !== 'numbered' || (range.numberOfOccurrences ?? 0) <= MAX_NUMBERED || !endDate) return recurrence;
  say(
    `COUNT=${range.numberOfOccurrences} is more than Outlook counts to: the series ends on ${endDate} instead, which is the same`,
  );
  return { ...recurrence, range: { type: 'endDate', startDate: range.startDate, endDate } };
}

/** The day of the month RFC 5545 insists on; `undefined` where the last day of a short month will do, or any day. */
function exactDayOf(parts: Parts, pattern: RecurrencePattern): number | undefined {
  if (pattern.type !== 'absoluteMonthly' && pattern.type !== 'absoluteYearly') return undefined;
  const isClamped = /-|,/.test(parts.get('BYMONTHDAY') ?? '');
  return isClamped ? undefined : pattern.dayOfMonth;
}

function weekStart(parts: Parts): DayOfWeek {
  // RFC 5545 begins its weeks on Monday, Graph on Sunday: it is always said.
  const day = DAY[parts.get('WKST') ?? 'MO'];
  if (!day) throw refused('WKST does not name a day of the week');
  return day;
}

function dayOfWeek(date: string): DayOfWeek {
  return DAYS[new Date(`${date}T00:00:00Z`).getUTCDay()] ?? 'sunday';
}

function numberOf(text: string, name: string, isSigned = false): number {
  if (!(isSigned ? /^[+-]?\d{1,6}$/ : /^\+?\d{1,6}$/).test(text.trim())) throw refused(`${name} is not a number`);
  return Number(text);
}

function refuse(parts: Parts, names: readonly string[], beside: string): void {
  const found = names.find((name) => parts.has(name));
  if (found) throw refused(`${found} beside ${beside} has no counterpart in Outlook`);
}
