import type { EventContent, OccurrenceOverride, PatternedRecurrence, RecurrencePattern, WeekIndex } from './event.ts';
import { daysBetween, inheritedFields, onLaterDay } from './occurrence-fields.ts';
import { DAYS, dateOfDay, dayNumber, firstOccurrenceDate, occursOn, weekdayOf } from './rule-dates.ts';
import { datePart } from './time-zones.ts';

/** What happens to a series' rule, and to what was said about its single dates, when the series is moved. */

export interface MovedRule {
  readonly recurrence: PatternedRecurrence;
  /** Every date of the series became the date so many days later; 0 when the dates kept their places. */
  readonly shiftDays: number;
}

/**
 * The rule of a series whose start moves, as in Outlook: to another of its own dates, it begins there and keeps the rest;
 * to any other date, all of it moves along, so that Mondays become Tuesdays and the end moves by as much.
 *
 * @param to  the new start
 */
export function movedRule(series: EventContent, to: EventContent['start']): MovedRule | null {
  const { recurrence } = series;
  if (!recurrence) return null;
  const [from, date] = [datePart(series.start.dateTime), datePart(to.dateTime)];
  const shiftDays = isOwnDate(recurrence, from, date) ? 0 : daysBetween(from, date);
  const { recurrenceTimeZone, endDate, ...range } = recurrence.range;
  return {
    shiftDays,
    recurrence: {
      pattern: shiftDays === 0 ? recurrence.pattern : movedPattern(recurrence.pattern, date, shiftDays),
      range: {
        ...range,
        startDate: date,
        ...(endDate === undefined ? {} : { endDate: later(endDate, shiftDays) }),
        ...(recurrenceTimeZone === undefined ? {} : { recurrenceTimeZone: to.timeZone }),
      },
    },
  };
}

/** Whether a series from `from` has that date, or would have it by beginning earlier. */
function isOwnDate({ pattern, range }: PatternedRecurrence, from: string, date: string): boolean {
  if (date >= from) return date === from || occursOn({ pattern, range: { ...range, startDate: from } }, date);
  const earlier: PatternedRecurrence = { pattern, range: { type: 'noEnd', startDate: date } };
  return occursOn(earlier, date) && occursOn(earlier, from);
}

function movedPattern(pattern: RecurrencePattern, date: string, shiftDays: number): RecurrencePattern {
  const dayOfMonth = Number(date.slice(8, 10));
  const month = Number(date.slice(5, 7));
  const weekday = DAYS[weekdayOf(dayNumber(date))] ?? 'sunday';
  switch (pattern.type) {
    case 'daily':
      return pattern;
    case 'weekly': {
      const moved = (day: (typeof DAYS)[number]) => DAYS[(((DAYS.indexOf(day) + shiftDays) % 7) + 7) % 7] ?? day;
      const daysOfWeek = (pattern.daysOfWeek ?? []).map(moved);
      // Where weeks are skipped, the week's first day says which days are skipped together.
      return pattern.interval > 1
        ? { ...pattern, daysOfWeek, firstDayOfWeek: moved(pattern.firstDayOfWeek ?? 'sunday') }
        : { ...pattern, daysOfWeek };
    }
    case 'absoluteMonthly':
      return { ...pattern, dayOfMonth };
    case 'absoluteYearly':
      return { ...pattern, dayOfMonth, month };
    case 'relativeMonthly':
      return { ...pattern, daysOfWeek: [weekday], index: weekIndex(date, pattern) };
    case 'relativeYearly':
      return { ...pattern, daysOfWeek: [weekday], index: weekIndex(date, pattern), month };
  }
}

const INDEXES: readonly WeekIndex[] = ['first', 'second', 'third', 'fourth', 'last'];

/** The last Friday moved to the last Thursday stays the last; a fifth one can only be called the last. */
function weekIndex(date: string, { index }: RecurrencePattern): WeekIndex {
  const isLast = later(date, 7).slice(5, 7) !== date.slice(5, 7);
  if (isLast && index === 'last') return 'last';
  return INDEXES[Math.ceil(Number(date.slice(8, 10)) / 7) - 1] ?? 'last';
}

/** A series begins with its first occurrence, as Exchange has it, also when the start given is on no date of the rule. */
export function startingOnRule(content: EventContent): EventContent {
  const { recurrence } = content;
  const first = recurrence ? firstOccurrenceDate(recurrence) : undefined;
  const days = first ? daysBetween(datePart(content.start.dateTime), first) : 0;
  if (!recurrence || !first || days === 0) return content;
  return {
    ...content,
    start: onLaterDay(content.start, days),
    end: onLaterDay(content.end, days),
    recurrence: { ...recurrence, range: { ...recurrence.range, startDate: first } },
  };
}

/**
 * What was said about single dates, carried over to a series' new rule or time. Dates the rule still has keep it, and a
 * series moved as a whole takes it along: a cancelled holiday stays cancelled, a renamed date renamed. An exception with
 * times of its own keeps them, by the day it belongs to; one without follows the series. What was said about dates a new
 * rule does not have goes with them, as it does at Exchange.
 */
export function carriedOccurrences(before: EventContent, after: EventContent, shiftDays: number) {
  const { recurrence } = after;
  if (!recurrence || !before.recurrence) return {};
  const isSameRule = JSON.stringify(recurrence) === JSON.stringify(before.recurrence);
  const carried = Object.entries(before.occurrences).flatMap(([date, override]) => {
    const target = later(date, shiftDays);
    const isKept = isSameRule || occursOn(recurrence, target);
    return isKept ? [[target, pinned(before, date, override, shiftDays)] as const] : [];
  });
  return Object.fromEntries(carried);
}

/** With both its times and its kind of day, if any of them is its own, whatever becomes of the series'. */
function pinned(
  series: EventContent,
  date: string,
  override: OccurrenceOverride,
  shiftDays: number,
): OccurrenceOverride {
  if (override.isCancelled) return override;
  const { fields } = override;
  if (fields.start === undefined && fields.end === undefined && fields.isAllDay === undefined) return override;
  const { start, end, isAllDay } = { ...inheritedFields(series, date), ...fields };
  const times = { start: onLaterDay(start, shiftDays), end: onLaterDay(end, shiftDays), isAllDay };
  return { isCancelled: false, fields: { ...fields, ...times } };
}

/** @returns the date itself when it cannot be read, or would leave the calendar */
function later(date: string, days: number): string {
  const day = dayNumber(date) + days;
  return days === 0 || !(day >= dayNumber('0001-01-01') && day <= dayNumber('9999-12-31')) ? date : dateOfDay(day);
}
