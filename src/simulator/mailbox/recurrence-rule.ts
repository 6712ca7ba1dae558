import type { Pattern, Recurrence } from './model.ts';
import { DAY_MS, dateOf, parseDate } from './zones.ts';

/**
 * The dates of a `patternedRecurrence`, by Outlook's reading of it
 * (Microsoft Graph "recurrencePattern", "recurrenceRange").
 *
 * Two readings differ from RFC 5545: a day of the month that a month lacks falls on its last day, and the
 * week starts on Sunday unless said otherwise. All arithmetic is on whole days, so no zone is involved.
 */
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
const INDEXES = ['first', 'second', 'third', 'fourth', 'last'] as const;

/** After this no pattern continues: the end of the calendar Graph can write. */
const LAST_DAY = parseDate('9999-12-31')! / DAY_MS;

const dayNumber = (date: string): number => parseDate(date)! / DAY_MS;
const weekday = (day: number): number => (((day + 4) % 7) + 7) % 7;
const dayIndexes = (names: readonly string[]): Set<number> => new Set(names.map((name) => DAYS.indexOf(name as never)));

/**
 * Original dates in order, `from` to `to` inclusive (`yyyy-MM-dd`; lexical order is date order).
 * Exclusions are the caller's business.
 */
export function expandDates(recurrence: Recurrence, from: string, to: string): string[] {
  const { range } = recurrence;
  const first = dayNumber(from);
  const last = Math.min(dayNumber(to), range.type === 'endDate' ? dayNumber(range.endDate) : LAST_DAY);
  const dates: string[] = [];
  let counted = 0;
  // A numbered range counts from its start; every other one may be entered anywhere.
  const enterAt = range.type === 'numbered' ? dayNumber(range.startDate) : Math.max(first, dayNumber(range.startDate));
  for (const day of days(recurrence, enterAt)) {
    if (day > last) break;
    counted += 1;
    if (range.type === 'numbered' && counted > range.numberOfOccurrences) break;
    if (day >= first) dates.push(dateOf(day * DAY_MS));
  }
  return dates;
}

/** The first date of the series, or undefined when the range holds none. */
export function firstDate(recurrence: Recurrence): string | undefined {
  const { range } = recurrence;
  const last = range.type === 'endDate' ? dayNumber(range.endDate) : LAST_DAY;
  for (const day of days(recurrence, dayNumber(range.startDate))) return day > last ? undefined : dateOf(day * DAY_MS);
  return undefined;
}

/** Days of the pattern at or after both the range's start and `enterAt`, without the range's end. */
function* days(recurrence: Recurrence, enterAt: number): Generator<number> {
  const { pattern, range } = recurrence;
  const start = dayNumber(range.startDate);
  const periods = pattern.type === 'daily' || pattern.type === 'weekly' ? dayPeriods : monthPeriods;
  for (const day of periods(pattern, start, enterAt)) {
    if (day > LAST_DAY) return;
    if (day >= start && day >= enterAt) yield day;
  }
}

function* dayPeriods(pattern: Pattern, start: number, enterAt: number): Generator<number> {
  if (pattern.type === 'daily') {
    const skipped = Math.ceil((enterAt - start) / pattern.interval) * pattern.interval;
    for (let day = start + skipped; day <= LAST_DAY; day += pattern.interval) yield day;
    return;
  }
  const firstDayOfWeek = DAYS.indexOf(pattern.firstDayOfWeek as never);
  const wanted = dayIndexes(pattern.daysOfWeek);
  const week = start - ((weekday(start) - firstDayOfWeek + 7) % 7);
  const step = 7 * pattern.interval;
  for (let monday = week + Math.floor((enterAt - week) / step) * step; monday <= LAST_DAY; monday += step) {
    for (let day = monday; day < monday + 7; day += 1) if (wanted.has(weekday(day))) yield day;
  }
}

function* monthPeriods(pattern: Pattern, start: number, enterAt: number): Generator<number> {
  const yearly = pattern.type === 'absoluteYearly' || pattern.type === 'relativeYearly';
  const step = pattern.interval * (yearly ? 12 : 1);
  const begins = new Date(start * DAY_MS);
  const month0 = begins.getUTCFullYear() * 12 + (yearly ? pattern.month - 1 : begins.getUTCMonth());
  const enters = new Date(enterAt * DAY_MS);
  const enterMonth = enters.getUTCFullYear() * 12 + enters.getUTCMonth();
  let month = month0 + Math.max(0, Math.floor((enterMonth - month0) / step)) * step;
  for (; month < 10_000 * 12; month += step) {
    const day = dayOfMonth(pattern, Math.floor(month / 12), month % 12);
    if (day !== undefined) yield day;
  }
}

function dayOfMonth(pattern: Pattern, year: number, month: number): number | undefined {
  const first = Date.UTC(year, month, 1) / DAY_MS;
  const length = Date.UTC(year, month + 1, 1) / DAY_MS - first;
  if (pattern.type === 'absoluteMonthly' || pattern.type === 'absoluteYearly') {
    return first + Math.min(pattern.dayOfMonth, length) - 1;
  }
  const wanted = dayIndexes(pattern.daysOfWeek);
  const matches: number[] = [];
  for (let day = first; day < first + length; day += 1) if (wanted.has(weekday(day))) matches.push(day);
  return pattern.index === 'last' ? matches.at(-1) : matches[INDEXES.indexOf(pattern.index as never)];
}

export { DAYS, INDEXES };
