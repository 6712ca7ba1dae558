import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';

/** A recurrence as a client sends it: only what its kind needs. */
export interface Drawn {
  readonly pattern: {
    readonly type: (typeof TYPES)[number];
    readonly interval: number;
    readonly daysOfWeek?: readonly string[];
    readonly firstDayOfWeek?: string;
    readonly index?: string;
    readonly dayOfMonth?: number;
    readonly month?: number;
  };
  readonly range:
    | { readonly type: 'noEnd'; readonly startDate: string }
    | { readonly type: 'endDate'; readonly startDate: string; readonly endDate: string }
    | { readonly type: 'numbered'; readonly startDate: string; readonly numberOfOccurrences: number };
}

const TYPES = ['daily', 'weekly', 'absoluteMonthly', 'relativeMonthly', 'absoluteYearly', 'relativeYearly'] as const;
const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const INDEXES = ['first', 'second', 'third', 'fourth', 'last'];

/** Every type with every range; days of the month go to 31, weeks may be without a first day. */
export function drawnRecurrence(): fc.Arbitrary<Drawn> {
  return fc
    .record({
      type: fc.constantFrom(...TYPES),
      range: fc.constantFrom('noEnd' as const, 'endDate' as const, 'numbered' as const),
      interval: fc.integer({ min: 1, max: 4 }),
      daysOfWeek: fc.uniqueArray(fc.constantFrom(...DAYS), { minLength: 1, maxLength: 4 }),
      firstDayOfWeek: fc.option(fc.constantFrom(...DAYS), { nil: undefined }),
      index: fc.option(fc.constantFrom(...INDEXES), { nil: undefined }),
      dayOfMonth: fc.integer({ min: 1, max: 31 }),
      month: fc.integer({ min: 1, max: 12 }),
      start: fc.integer({ min: 0, max: 800 }),
      length: fc.integer({ min: 0, max: 900 }),
      count: fc.integer({ min: 1, max: 60 }),
    })
    .filter(({ type, month, dayOfMonth }) => !type.startsWith('absoluteY') || dayOfMonth <= LONGEST[month - 1]!)
    .map((each): Drawn => {
      const startDate = Temporal.PlainDate.from('2026-01-01').add({ days: each.start });
      const ranges = {
        noEnd: { type: 'noEnd', startDate: `${startDate}` },
        endDate: { type: 'endDate', startDate: `${startDate}`, endDate: `${startDate.add({ days: each.length })}` },
        numbered: { type: 'numbered', startDate: `${startDate}`, numberOfOccurrences: each.count },
      } as const;
      return { pattern: patternOf(each), range: ranges[each.range] };
    });
}

const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function patternOf(each: {
  type: (typeof TYPES)[number];
  interval: number;
  daysOfWeek: string[];
  firstDayOfWeek: string | undefined;
  index: string | undefined;
  dayOfMonth: number;
  month: number;
}): Drawn['pattern'] {
  const { type, interval, daysOfWeek, firstDayOfWeek, index, dayOfMonth, month } = each;
  const inYear = type.endsWith('Yearly') ? { month } : {};
  if (type === 'daily') return { type, interval };
  if (type === 'weekly') return { type, interval, daysOfWeek, ...(firstDayOfWeek ? { firstDayOfWeek } : {}) };
  if (type.startsWith('absolute')) return { type, interval, dayOfMonth, ...inYear };
  return { type, interval, daysOfWeek, ...(index ? { index } : {}), ...inYear };
}

/**
 * The dates by Outlook's reading, in the plainest way: every day from the start is asked whether it is one. Written
 * from the page "recurrencePattern" and without a look at the simulator.
 */
export function datesByOutlook({ pattern, range }: Drawn, until: string): string[] {
  const start = dayOf(range.startDate);
  const last = range.type === 'endDate' ? dayOf(range.endDate).getTime() : Number.POSITIVE_INFINITY;
  const end = Math.min(dayOf(until).getTime(), last + 1);
  const most = range.type === 'numbered' ? range.numberOfOccurrences : Number.POSITIVE_INFINITY;
  const dates: string[] = [];
  for (let time = start.getTime(); time < end && dates.length < most; time += DAY_MS) {
    const day = new Date(time);
    if (isOne(day, start, pattern)) dates.push(day.toISOString().slice(0, 10));
  }
  return dates;
}

const DAY_MS = 86_400_000;
const dayOf = (date: string): Date => new Date(`${date}T00:00:00Z`);
const daysBetween = (from: Date, to: Date): number => (to.getTime() - from.getTime()) / DAY_MS;
const nameOf = (day: Date): string => DAYS[(day.getUTCDay() + 6) % 7]!;

function isOne(day: Date, start: Date, pattern: Drawn['pattern']): boolean {
  const { type, interval } = pattern;
  const years = day.getUTCFullYear() - start.getUTCFullYear();
  const months = years * 12 + day.getUTCMonth() - start.getUTCMonth();
  switch (type) {
    case 'daily':
      return daysBetween(start, day) % interval === 0;
    case 'weekly': {
      const first = pattern.firstDayOfWeek ?? 'sunday';
      const weeks = (daysBetween(start, day) + daysIntoWeek(start, first) - daysIntoWeek(day, first)) / 7;
      return weeks % interval === 0 && pattern.daysOfWeek!.includes(nameOf(day));
    }
    case 'absoluteMonthly':
      return months % interval === 0 && isDay(day, pattern.dayOfMonth!);
    case 'relativeMonthly':
      return months % interval === 0 && isRelative(day, pattern);
    case 'absoluteYearly':
      return years % interval === 0 && day.getUTCMonth() + 1 === pattern.month && isDay(day, pattern.dayOfMonth!);
    case 'relativeYearly':
      return years % interval === 0 && day.getUTCMonth() + 1 === pattern.month && isRelative(day, pattern);
  }
}

const daysIntoWeek = (day: Date, first: string): number => (DAYS.indexOf(nameOf(day)) - DAYS.indexOf(first) + 7) % 7;

const daysInMonth = (day: Date): number =>
  new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();

/** A day the month lacks is its last one. */
const isDay = (day: Date, dayOfMonth: number): boolean => day.getUTCDate() === Math.min(dayOfMonth, daysInMonth(day));

/** The nth day of the month that is any of those named. */
function isRelative(day: Date, { daysOfWeek, index = 'first' }: Drawn['pattern']): boolean {
  if (!daysOfWeek!.includes(nameOf(day))) return false;
  const inMonth = (date: number) => nameOf(new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), date)));
  const matches: number[] = [];
  for (let date = 1; date <= daysInMonth(day); date += 1) if (daysOfWeek!.includes(inMonth(date))) matches.push(date);
  const chosen = index === 'last' ? matches.at(-1) : matches[INDEXES.indexOf(index)];
  return chosen === day.getUTCDate();
}

/** Whether the two readings of a rule part: short months, weeks without a first day, the nth of several days. */
export function differsFromRfc({ pattern }: Drawn): boolean {
  const { type, interval, dayOfMonth, month, daysOfWeek, firstDayOfWeek } = pattern;
  if (type === 'absoluteMonthly') return dayOfMonth! > 28;
  if (type === 'absoluteYearly') return month === 2 && dayOfMonth! > 28;
  if (type === 'weekly') return interval > 1 && firstDayOfWeek === undefined;
  return type.startsWith('relative') && daysOfWeek!.length > 1;
}

/** The rule of RFC 5545 that names the same things; the nth of several days as each of them, as its text has it. */
export function rruleOf({ pattern, range }: Drawn): string {
  const { type, interval, daysOfWeek, firstDayOfWeek, index = 'first', dayOfMonth, month } = pattern;
  const nth = index === 'last' ? -1 : INDEXES.indexOf(index) + 1;
  const days = (daysOfWeek ?? []).map((day) => `${type === 'weekly' ? '' : nth}${day.slice(0, 2).toUpperCase()}`);
  const parts = {
    daily: ['FREQ=DAILY'],
    weekly: ['FREQ=WEEKLY', `BYDAY=${days}`],
    absoluteMonthly: ['FREQ=MONTHLY', `BYMONTHDAY=${dayOfMonth}`],
    relativeMonthly: ['FREQ=MONTHLY', `BYDAY=${days}`],
    absoluteYearly: ['FREQ=YEARLY', `BYMONTH=${month}`, `BYMONTHDAY=${dayOfMonth}`],
    relativeYearly: ['FREQ=YEARLY', `BYMONTH=${month}`, `BYDAY=${days}`],
  }[type];
  const weekStart = firstDayOfWeek === undefined ? [] : [`WKST=${firstDayOfWeek.slice(0, 2).toUpperCase()}`];
  const ends = {
    noEnd: [],
    endDate: range.type === 'endDate' ? [`UNTIL=${range.endDate.replaceAll('-', '')}T000000Z`] : [],
    numbered: range.type === 'numbered' ? [`COUNT=${range.numberOfOccurrences}`] : [],
  }[range.type];
  return [...parts, `INTERVAL=${interval}`, ...weekStart, ...ends].join(';');
}
