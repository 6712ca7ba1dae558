import type { InputProblem } from './errors.ts';
import type {
  DateTimeTimeZone,
  DayOfWeek,
  EventContent,
  EventFields,
  PatternedRecurrence,
  RecurrencePattern,
} from './event.ts';
import { daysBetween, inheritedFields, onLaterDay } from './occurrence-fields.ts';
import { DAYS, datesBetween, firstOccurrenceDate, lastOccurrenceDate, occursOn } from './rule-dates.ts';
import { atInstant, datePart, isCalendarDate, isKnownZone, sameZone, toInstant } from './time-zones.ts';

export { datesBetween, firstOccurrenceDate, occursOn };

/**
 * Graph's `patternedRecurrence` as an RFC 5545 rule, and its occurrences. Rules are expanded as calendar dates, in the
 * series' own wall-clock time; an instant is made of them last, so that no hour shifts with daylight saving.
 */

const RFC_DAY: Record<DayOfWeek, string> = {
  sunday: 'SU',
  monday: 'MO',
  tuesday: 'TU',
  wednesday: 'WE',
  thursday: 'TH',
  friday: 'FR',
  saturday: 'SA',
};
const INDEX = { first: 1, second: 2, third: 3, fourth: 4, last: -1 } as const;
/** Exchange clamps to a month's last day where RFC 5545 skips the month. */
const FIRST_CLAMPED_DAY = 29;
/** No view shows more; an endless series is never expanded whole. */
const MAX_EXPANDED = 5_000;
const DAY_MS = 24 * 60 * 60 * 1000;
/** A day inside the years that four digits can say, whatever the zone. */
const FIRST_INSTANT_MS = Date.parse('0001-01-02T00:00:00Z');
const LAST_INSTANT_MS = Date.parse('9999-12-30T00:00:00Z');

export interface Occurrence {
  /** `yyyy-MM-dd` in the series' zone: the date the rule gives it, wherever an exception moved it. */
  readonly originalDate: string;
  readonly isException: boolean;
  /** What the occurrence says, its own times included. */
  readonly fields: EventFields;
}

/**
 * @param event  what the rule belongs to: the end of a rule is an instant in RFC 5545, and the last day of a series ends
 *   when its zone's day does. Without it the rule is one on bare dates.
 * @returns the rule without DTSTART, e.g. `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU`
 */
export function toRRule(
  { pattern, range }: PatternedRecurrence,
  event?: Pick<EventFields, 'start' | 'isAllDay'>,
): string {
  const parts = [...patternParts(pattern)];
  if (range.type === 'endDate' && range.endDate) parts.push(`UNTIL=${untilOf(range.endDate, event)}`);
  if (range.type === 'numbered') parts.push(`COUNT=${range.numberOfOccurrences}`);
  return parts.join(';');
}

function untilOf(endDate: string, event: Pick<EventFields, 'start' | 'isAllDay'> | undefined): string {
  if (!event || event.isAllDay) return endDate.replaceAll('-', '');
  const endOfDay = toInstant({ dateTime: `${endDate}T23:59:59`, timeZone: event.start.timeZone });
  return endOfDay ? `${endOfDay.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z` : endDate.replaceAll('-', '');
}

function patternParts(pattern: RecurrencePattern): string[] {
  const days = (pattern.daysOfWeek ?? []).map((day) => RFC_DAY[day]).join(',');
  const interval = `INTERVAL=${pattern.interval}`;
  switch (pattern.type) {
    case 'daily':
      return ['FREQ=DAILY', interval];
    case 'weekly':
      return ['FREQ=WEEKLY', interval, `BYDAY=${days}`, `WKST=${RFC_DAY[pattern.firstDayOfWeek ?? 'sunday']}`];
    case 'absoluteMonthly':
      return ['FREQ=MONTHLY', interval, ...monthDayParts(pattern.dayOfMonth ?? 1)];
    case 'relativeMonthly':
      return ['FREQ=MONTHLY', interval, `BYDAY=${days}`, `BYSETPOS=${INDEX[pattern.index ?? 'first']}`];
    case 'absoluteYearly':
      return ['FREQ=YEARLY', interval, `BYMONTH=${pattern.month}`, ...monthDayParts(pattern.dayOfMonth ?? 1)];
    case 'relativeYearly':
      return [
        'FREQ=YEARLY',
        interval,
        `BYMONTH=${pattern.month}`,
        `BYDAY=${days}`,
        `BYSETPOS=${INDEX[pattern.index ?? 'first']}`,
      ];
  }
}

function monthDayParts(dayOfMonth: number): string[] {
  if (dayOfMonth < FIRST_CLAMPED_DAY) return [`BYMONTHDAY=${dayOfMonth}`];
  const days = Array.from({ length: dayOfMonth - 27 }, (_, offset) => 28 + offset);
  return [`BYMONTHDAY=${days.join(',')}`, 'BYSETPOS=-1'];
}

/**
 * The occurrences of a series that overlap a half-open range of instants: exceptions in place, cancelled dates left out.
 * A single event is its own only occurrence.
 */
export function expandOccurrences(content: EventContent, range: { start: Date; end: Date }): Occurrence[] {
  const { recurrence } = content;
  const inRange = ({ fields }: Occurrence) => isInside(fields, range);
  if (!recurrence) {
    const single = { originalDate: datePart(content.start.dateTime), isException: false, fields: content };
    return [single].filter(inRange);
  }
  const durationDays = Math.ceil(durationMs(content) / DAY_MS) + 1;
  const first = dateIn(range.start.getTime() - durationDays * DAY_MS, content.start.timeZone);
  const last = dateIn(range.end.getTime() + DAY_MS, content.start.timeZone);
  const dates = new Set(datesBetween(recurrence, first, last, MAX_EXPANDED));
  // An exception may have been moved into the range from outside it.
  for (const date of Object.keys(content.occurrences)) dates.add(date);
  return [...dates]
    .sort()
    .flatMap((date) => expanded(content, date) ?? [])
    .filter(inRange)
    .slice(0, MAX_EXPANDED);
}

/** @returns the occurrence of one original date, or `undefined` for a cancelled one and for a date the series does not have */
export function occurrenceOn(content: EventContent, originalDate: string): Occurrence | undefined {
  const isOwn = content.occurrences[originalDate] !== undefined;
  if (!content.recurrence || !(isOwn || occursOn(content.recurrence, originalDate))) return undefined;
  return expanded(content, originalDate);
}

function expanded(content: EventContent, originalDate: string): Occurrence | undefined {
  const override = content.occurrences[originalDate];
  if (override?.isCancelled) return undefined;
  const fields: EventFields = { ...inheritedFields(content, originalDate), ...override?.fields };
  return { originalDate, isException: override !== undefined, fields };
}

/** @returns the instant after which a series has no more occurrences; `null` when it is endless or cannot be read */
export function seriesEndsAt(content: EventContent): Date | null {
  const { recurrence } = content;
  if (!recurrence) return toInstant(content.end) ?? null;
  const last = lastOccurrenceDate(recurrence);
  if (last === null) return null;
  const end = onLaterDay(
    content.end,
    daysBetween(datePart(content.start.dateTime), last ?? recurrence.range.startDate),
  );
  const endsAt = toInstant(end);
  if (!endsAt) return null;
  const moved = Object.values(content.occurrences).flatMap((override) =>
    !override.isCancelled && override.fields.end ? [toInstant(override.fields.end)?.getTime() ?? 0] : [],
  );
  return new Date(Math.max(endsAt.getTime(), ...moved));
}

/** Everything that makes Exchange refuse a rule (graph contract 3.1), named so that the caller can mend it. */
export function validateRecurrence(recurrence: PatternedRecurrence, start: DateTimeTimeZone): InputProblem[] {
  const problems: InputProblem[] = [];
  const say = (path: string, message: string) => problems.push({ path: `recurrence.${path}`, message });
  const { pattern, range } = recurrence;
  const needsDays = pattern.type === 'weekly' || pattern.type.startsWith('relative');
  // Outlook's own limits: 999 days, 99 weeks, months or years.
  const mostOften = pattern.type === 'daily' ? 999 : 99;
  if (!isWithin(pattern.interval, 1, mostOften)) {
    say('pattern.interval', `must be a whole number from 1 to ${mostOften} for ${pattern.type}`);
  }
  if (needsDays && (pattern.daysOfWeek?.length ?? 0) === 0) {
    say('pattern.daysOfWeek', `must name at least one day for ${pattern.type}, e.g. ["monday"]`);
  }
  // Exchange checks what the type does not use as well.
  if (pattern.daysOfWeek?.some((day) => !DAYS.includes(day))) {
    say('pattern.daysOfWeek', `may hold only ${DAYS.join(', ')}`);
  }
  if (pattern.firstDayOfWeek !== undefined && !DAYS.includes(pattern.firstDayOfWeek)) {
    say('pattern.firstDayOfWeek', `must be one of ${DAYS.join(', ')}`);
  }
  if (pattern.index !== undefined && !(pattern.index in INDEX)) {
    say('pattern.index', `must be one of ${Object.keys(INDEX).join(', ')}`);
  }
  if (pattern.type.startsWith('absolute') && !isWithin(pattern.dayOfMonth, 1, 31)) {
    say('pattern.dayOfMonth', `must be 1 to 31 for ${pattern.type}`);
  }
  if (pattern.type.endsWith('Yearly') && !isWithin(pattern.month, 1, 12)) {
    say('pattern.month', `must be 1 to 12 for ${pattern.type}`);
  }
  if (range.startDate !== datePart(start.dateTime)) {
    say('range.startDate', `must be the date of start, ${datePart(start.dateTime)}`);
  }
  if (
    range.type === 'endDate' &&
    !(range.endDate && isCalendarDate(range.endDate) && range.endDate >= range.startDate)
  ) {
    say('range.endDate', 'must be a date, yyyy-MM-dd, not before range.startDate');
  }
  if (range.type === 'numbered' && !isWithin(range.numberOfOccurrences, 1, 999)) {
    say('range.numberOfOccurrences', 'must be 1 to 999');
  }
  const zone = range.recurrenceTimeZone;
  if (zone && !isKnownZone(zone)) say('range.recurrenceTimeZone', 'must be a Windows or IANA time zone name');
  else if (zone && !sameZone(zone, start.timeZone)) {
    say('range.recurrenceTimeZone', `must be the zone of start, ${start.timeZone}, or be left out`);
  }
  if (problems.length === 0 && range.type === 'endDate' && firstOccurrenceDate(recurrence) === undefined) {
    say('range.endDate', 'leaves no date on which the event occurs');
  }
  return problems;
}

function isWithin(value: number | undefined, low: number, high: number): boolean {
  return value !== undefined && Number.isInteger(value) && value >= low && value <= high;
}

function isInside(fields: EventFields, range: { start: Date; end: Date }): boolean {
  const start = toInstant(fields.start);
  const end = toInstant(fields.end);
  if (!start || !end) return false;
  return start < range.end && (end > range.start || (end.getTime() === start.getTime() && start >= range.start));
}

function durationMs(content: EventContent): number {
  const start = toInstant(content.start);
  const end = toInstant(content.end);
  return start && end ? Math.max(0, end.getTime() - start.getTime()) : DAY_MS;
}

/** A range may be wide open; dates have four digits. */
function dateIn(instantMs: number, timeZone: string): string {
  const instant = new Date(Math.min(Math.max(instantMs, FIRST_INSTANT_MS), LAST_INSTANT_MS));
  return datePart(atInstant(instant, timeZone)?.dateTime ?? instant.toISOString());
}
