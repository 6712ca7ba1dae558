import type { DayOfWeek, PatternedRecurrence, RecurrencePattern } from './event.ts';
import { isCalendarDate } from './time-zones.ts';

/**
 * Which dates a rule gives, by arithmetic on day numbers: no time of day, no zone, and no walk from the first date to the
 * one asked for, so that the year 2080 of a series from 1990 costs as much as tomorrow.
 *
 * Every period (day, week, month or year) after the first gives the same number of dates, because Exchange clamps to a
 * month's last day instead of skipping the month; that is what makes counting an ordinal a division.
 */

export const DAYS: readonly DayOfWeek[] = [
  'sunday',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
];
const DAY_MS = 24 * 60 * 60 * 1000;
/** No calendar counts further, and four digits is what a date has. */
const LAST_DAY = dayNumber('9999-12-31');

/** @returns days since 1970-01-01 of a date, `yyyy-MM-dd` */
export function dayNumber(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / DAY_MS;
}

export function dateOfDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** @returns 0 for Sunday to 6 for Saturday */
export function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}

/** @returns the dates of a rule between two dates, both included, as `yyyy-MM-dd`; at most `limit` */
export function datesBetween(
  recurrence: PatternedRecurrence,
  first: string,
  last: string,
  limit = Number.POSITIVE_INFINITY,
): string[] {
  if (!isCalendarDate(first) || !isCalendarDate(last) || !isCalendarDate(recurrence.range.startDate)) return [];
  const rule = new DateRule(recurrence);
  const from = dayNumber(first);
  const to = Math.min(dayNumber(last), rule.lastDay);
  const dates: string[] = [];
  for (let period = rule.periodOf(from); dates.length < limit; period += 1) {
    const days = rule.daysIn(period);
    for (const day of days) {
      if (day >= from && day <= to && dates.length < limit) dates.push(dateOfDay(day));
    }
    // Only the first period may be empty, unless the rule names no day at all.
    if (days.length === 0 && period > 0) break;
    if ((days.at(-1) ?? rule.startDay) >= to) break;
  }
  return dates;
}

/** @returns the first date the rule gives, or `undefined` when it never occurs */
export function firstOccurrenceDate(recurrence: PatternedRecurrence): string | undefined {
  return datesBetween(recurrence, recurrence.range.startDate, '9999-12-31', 1)[0];
}

/** @returns the last date the rule gives; `null` for an endless one, `undefined` for one that never occurs */
export function lastOccurrenceDate(recurrence: PatternedRecurrence): string | null | undefined {
  const { range } = recurrence;
  if (range.type === 'noEnd') return null;
  if (!isCalendarDate(range.startDate)) return undefined;
  const rule = new DateRule(recurrence);
  // The last date is in the period of the last day, or in the one before when that period begins with later days.
  const period = rule.periodOf(rule.lastDay);
  const days = [...(period > 0 ? rule.daysIn(period - 1) : []), ...rule.daysIn(period)];
  const last = days.filter((day) => day <= rule.lastDay).at(-1);
  return last === undefined ? undefined : dateOfDay(last);
}

export function occursOn(recurrence: PatternedRecurrence, date: string): boolean {
  return datesBetween(recurrence, date, date, 1).length > 0;
}

class DateRule {
  readonly startDay: number;
  /** No date lies after it: the range's end, the day of the last one counted, or the end of all calendars. */
  readonly lastDay: number;
  readonly #pattern: RecurrencePattern;
  readonly #interval: number;

  constructor({ pattern, range }: PatternedRecurrence) {
    this.#pattern = pattern;
    this.#interval = Math.max(1, Math.trunc(pattern.interval) || 1);
    this.startDay = dayNumber(range.startDate);
    this.lastDay = LAST_DAY;
    if (range.type === 'endDate' && range.endDate && isCalendarDate(range.endDate)) {
      this.lastDay = dayNumber(range.endDate);
    }
    if (range.type === 'numbered') this.lastDay = Math.min(this.#dayOf(range.numberOfOccurrences ?? 1), LAST_DAY);
  }

  /** The number, from 0, of the last period that begins on or before a day. */
  periodOf(day: number): number {
    const from = Math.max(day, this.startDay);
    switch (this.#pattern.type) {
      case 'daily':
        return Math.floor((from - this.startDay) / this.#interval);
      case 'weekly':
        return Math.floor((from - this.#firstWeek()) / (7 * this.#interval));
      case 'absoluteMonthly':
      case 'relativeMonthly':
        return Math.floor((monthOf(from) - monthOf(this.startDay)) / this.#interval);
      case 'absoluteYearly':
      case 'relativeYearly':
        return Math.floor((yearOf(from) - yearOf(this.startDay)) / this.#interval);
    }
  }

  /** The rule's days in a period, in order, none of them before the start. */
  daysIn(period: number): number[] {
    return this.#allDaysIn(period).filter((day) => day >= this.startDay);
  }

  #allDaysIn(period: number): number[] {
    const pattern = this.#pattern;
    const steps = period * this.#interval;
    switch (pattern.type) {
      case 'daily':
        return [this.startDay + steps];
      case 'weekly': {
        const week = this.#firstWeek() + 7 * steps;
        return this.#weekdays()
          .map((weekday) => week + ((weekday - weekdayOf(week) + 7) % 7))
          .sort((a, b) => a - b);
      }
      case 'absoluteMonthly':
        return [dayInMonth(monthOf(this.startDay) + steps, pattern.dayOfMonth ?? 1)];
      case 'relativeMonthly':
        return this.#relativeDay(monthOf(this.startDay) + steps);
      case 'absoluteYearly':
        return [dayInMonth(this.#monthOfYear(steps), pattern.dayOfMonth ?? 1)];
      case 'relativeYearly':
        return this.#relativeDay(this.#monthOfYear(steps));
    }
  }

  /** The day of the n-th date, counted from 1. */
  #dayOf(ordinal: number): number {
    const first = this.daysIn(0);
    if (ordinal <= first.length) return first[Math.max(0, ordinal - 1)] ?? this.startDay;
    const perPeriod = this.#pattern.type === 'weekly' ? Math.max(1, this.#weekdays().length) : 1;
    const rest = ordinal - first.length - 1;
    return this.daysIn(1 + Math.floor(rest / perPeriod))[rest % perPeriod] ?? LAST_DAY;
  }

  /** The start of the week the series starts in; every n-th week is counted from there. */
  #firstWeek(): number {
    const firstWeekday = DAYS.indexOf(this.#pattern.firstDayOfWeek ?? 'sunday');
    return this.startDay - ((weekdayOf(this.startDay) - firstWeekday + 7) % 7);
  }

  #weekdays(): number[] {
    return [...new Set(this.#pattern.daysOfWeek)].map((day) => DAYS.indexOf(day)).filter((weekday) => weekday >= 0);
  }

  #monthOfYear(years: number): number {
    return (yearOf(this.startDay) + years) * 12 + (this.#pattern.month ?? 1) - 1;
  }

  /** Of several days of the week the index counts all: the last of Monday to Friday is the last working day. */
  #relativeDay(month: number): number[] {
    const weekdays = this.#weekdays();
    const first = dayInMonth(month, 1);
    const days = Array.from({ length: dayInMonth(month, 31) - first + 1 }, (_, offset) => first + offset);
    const matching = days.filter((day) => weekdays.includes(weekdayOf(day)));
    const { index = 'first' } = this.#pattern;
    const found = index === 'last' ? matching.at(-1) : matching[['first', 'second', 'third', 'fourth'].indexOf(index)];
    return found === undefined ? [] : [found];
  }
}

function yearOf(day: number): number {
  return new Date(day * DAY_MS).getUTCFullYear();
}

/** Months counted from the year 0. */
function monthOf(day: number): number {
  return yearOf(day) * 12 + new Date(day * DAY_MS).getUTCMonth();
}

/** A day of a month, or the month's last where it is shorter: so does Exchange, where RFC 5545 skips the month. */
function dayInMonth(month: number, dayOfMonth: number): number {
  const first = Date.UTC(Math.floor(month / 12), month % 12, 1);
  const next = Date.UTC(Math.floor((month + 1) / 12), (month + 1) % 12, 1);
  return Math.min(first / DAY_MS + dayOfMonth - 1, next / DAY_MS - 1);
}
