import { GraphError, invalidProperty } from './graph-error.ts';
import { isSameZone, requireZone } from './zones.ts';

/**
 * Exchange's recurrence, from `recurrencePattern` and `recurrenceRange`: six patterns, three ranges, a month's last day
 * where a month is too short. Computed by counting days, with no rule library: a second, independent reading.
 */

export interface StoredRecurrence {
  readonly pattern: {
    readonly type: string;
    readonly interval: number;
    readonly month: number;
    readonly dayOfMonth: number;
    readonly daysOfWeek?: readonly string[];
    readonly firstDayOfWeek: string;
    readonly index: string;
  };
  readonly range: {
    readonly type: string;
    readonly startDate: string;
    readonly endDate: string;
    readonly recurrenceTimeZone: string;
    readonly numberOfOccurrences: number;
  };
}

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const INDEXES = ['first', 'second', 'third', 'fourth', 'last'];
const PATTERNS = ['daily', 'weekly', 'absoluteMonthly', 'relativeMonthly', 'absoluteYearly', 'relativeYearly'];
const RANGES = ['endDate', 'noEnd', 'numbered'];
const DAY_MS = 86_400_000;
/** Far enough for any window Graph allows. */
const LAST_YEAR = 2200;

export const dayNumber = (date: string): number => Math.floor(Date.parse(`${date}T00:00:00Z`) / DAY_MS);
export const dateOfDay = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/**
 * Reads and completes a recurrence as Exchange stores it, with its fillers.
 *
 * @throws {GraphError} 400 for everything section "Recurrence" says is refused
 */
export function readRecurrence(input: unknown, start: { date: string; zone: string }): StoredRecurrence {
  const { pattern, range } = (input ?? {}) as { pattern?: Record<string, unknown>; range?: Record<string, unknown> };
  if (!pattern || !range) throw invalidProperty();
  const type = oneOf(PATTERNS, pattern['type']);
  const daysOfWeek = pattern['daysOfWeek'] as unknown[] | undefined;
  const stored = {
    type,
    interval: whole(pattern['interval'] ?? 0),
    month: whole(pattern['month'] ?? 0),
    dayOfMonth: whole(pattern['dayOfMonth'] ?? 0),
    ...(daysOfWeek && daysOfWeek.length > 0 ? { daysOfWeek: daysOfWeek.map((day) => oneOf(DAYS, day)) } : {}),
    firstDayOfWeek: oneOf(DAYS, pattern['firstDayOfWeek'] ?? 'sunday'),
    index: oneOf(INDEXES, pattern['index'] ?? 'first'),
  };
  const usesDays = type === 'weekly' || type.startsWith('relative');
  if (stored.interval < 1 || stored.interval > 99) throw invalidProperty();
  if (usesDays && !stored.daysOfWeek) throw invalidProperty();
  if (type.startsWith('absolute') && (stored.dayOfMonth < 1 || stored.dayOfMonth > 31)) throw invalidProperty();
  if (type.endsWith('Yearly') && (stored.month < 1 || stored.month > 12)) throw invalidProperty();
  return { pattern: stored, range: readRange(range, start) };
}

function readRange(range: Record<string, unknown>, start: { date: string; zone: string }): StoredRecurrence['range'] {
  const type = oneOf(RANGES, range['type']);
  const startDate = String(range['startDate'] ?? '');
  if (startDate !== start.date) throw invalidProperty();
  const zone = range['recurrenceTimeZone'];
  if (typeof zone === 'string' && zone !== '') {
    requireZone(zone);
    if (!isSameZone(zone, start.zone)) throw invalidProperty();
  }
  const endDate = String(range['endDate'] ?? '0001-01-01');
  const numberOfOccurrences = whole(range['numberOfOccurrences'] ?? 0);
  if (type === 'endDate' && !(/^\d{4}-\d{2}-\d{2}$/.test(endDate) && endDate >= startDate)) throw invalidProperty();
  if (type === 'numbered' && (numberOfOccurrences < 1 || numberOfOccurrences > 999)) throw invalidProperty();
  return {
    type,
    startDate,
    endDate: type === 'endDate' ? endDate : '0001-01-01',
    recurrenceTimeZone: typeof zone === 'string' && zone !== '' ? zone : start.zone,
    numberOfOccurrences: type === 'numbered' ? numberOfOccurrences : 0,
  };
}

/** @returns the dates of a rule between two dates, both included */
export function datesOf(recurrence: StoredRecurrence, from: string, to: string): string[] {
  const dates: string[] = [];
  const first = dayNumber(from);
  const last = dayNumber(to);
  for (const day of days(recurrence, first)) {
    if (day > last) break;
    if (day >= first) dates.push(dateOfDay(day));
  }
  return dates;
}

/** Every day of the rule, in order; may begin at `near` when nothing has to be counted from the start. */
function* days({ pattern, range }: StoredRecurrence, near: number): Generator<number> {
  const start = dayNumber(range.startDate);
  const end = range.type === 'endDate' ? dayNumber(range.endDate) : dayNumber(`${LAST_YEAR}-12-31`);
  let left = range.type === 'numbered' ? range.numberOfOccurrences : Number.POSITIVE_INFINITY;
  const skipTo = range.type === 'numbered' ? start : Math.max(start, near);
  for (const day of rawDays(pattern, start, skipTo)) {
    if (day < start) continue;
    if (day > end || left <= 0) return;
    left -= 1;
    yield day;
  }
}

function* rawDays(pattern: StoredRecurrence['pattern'], start: number, near: number): Generator<number> {
  const { interval } = pattern;
  if (pattern.type === 'daily') {
    for (let day = start + Math.max(0, Math.floor((near - start) / interval)) * interval; ; day += interval) yield day;
  }
  if (pattern.type === 'weekly') {
    const first = DAYS.indexOf(pattern.firstDayOfWeek);
    const weekStart = start - ((weekday(start) - first + 7) % 7);
    const step = interval * 7;
    for (let week = weekStart + Math.max(0, Math.floor((near - weekStart) / step)) * step; ; week += step) {
      for (let day = week; day < week + 7; day += 1) {
        if (pattern.daysOfWeek?.includes(DAYS[weekday(day)] ?? '')) yield day;
      }
    }
  }
  const isYearly = pattern.type.endsWith('Yearly');
  const stepMonths = isYearly ? interval * 12 : interval;
  const anchor = new Date(start * DAY_MS);
  const firstMonth = anchor.getUTCFullYear() * 12 + (isYearly ? pattern.month - 1 : anchor.getUTCMonth());
  const nearDate = new Date(near * DAY_MS);
  const nearMonth = nearDate.getUTCFullYear() * 12 + nearDate.getUTCMonth();
  const skipped = Math.max(0, Math.floor((nearMonth - firstMonth) / stepMonths) - 1);
  for (let month = firstMonth + skipped * stepMonths; month < LAST_YEAR * 12; month += stepMonths) {
    const day = pattern.type.startsWith('absolute') ? dayInMonth(month, pattern.dayOfMonth) : relativeDay(month, pattern);
    if (day !== undefined) yield day;
  }
}

const weekday = (day: number): number => (((day + 4) % 7) + 7) % 7;
const firstOfMonth = (month: number): number => Math.floor(Date.UTC(Math.floor(month / 12), month % 12, 1) / DAY_MS);
const lengthOfMonth = (month: number): number => firstOfMonth(month + 1) - firstOfMonth(month);

function dayInMonth(month: number, dayOfMonth: number): number {
  return firstOfMonth(month) + Math.min(dayOfMonth, lengthOfMonth(month)) - 1;
}

function relativeDay(month: number, pattern: StoredRecurrence['pattern']): number | undefined {
  const first = firstOfMonth(month);
  const matching: number[] = [];
  for (let day = first; day < first + lengthOfMonth(month); day += 1) {
    if (pattern.daysOfWeek?.includes(DAYS[weekday(day)] ?? '')) matching.push(day);
  }
  return pattern.index === 'last' ? matching.at(-1) : matching[INDEXES.indexOf(pattern.index)];
}

/** Enum values of requests are taken in any case, as on the wire. */
function oneOf(allowed: readonly string[], value: unknown): string {
  const found = allowed.find((name) => name.toLowerCase() === String(value).toLowerCase());
  if (!found) throw invalidProperty();
  return found;
}

function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new GraphError(400, 'RequestBodyRead', 'Cannot convert a value to target type Edm.Int32.');
  }
  return value;
}
