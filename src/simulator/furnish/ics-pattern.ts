import type ICAL from 'ical.js';
import type { Pattern, Range, Recurrence } from '../mailbox/model.ts';
import { DAYS, firstDate, INDEXES } from '../mailbox/recurrence-rule.ts';
import { dateOf, parseDate } from '../mailbox/zones.ts';
import { IcsRefusal, type IcsTime } from './ics-parts.ts';

const CODES = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];
const PARTS = new Set(['BYDAY', 'BYMONTHDAY', 'BYMONTH', 'BYSETPOS']);

interface Rule {
  freq: string;
  interval: number;
  days: { nth: number; day: string }[];
  monthDays: number[];
  months: number[];
  position: number | undefined;
}

/**
 * A recurrence rule as Outlook holds it.
 *
 * @param until the last moment, seen in the series' zone
 * @throws {IcsRefusal} for a rule that has no Outlook pattern, or another one would mean other dates
 */
export function recurrenceOf(recur: ICAL.Recur, start: IcsTime, until: IcsTime | undefined): Recurrence {
  const rule = readRule(recur);
  const startDate = dateOf(start.local);
  const pattern: Pattern = {
    ...{ interval: rule.interval, month: 0, dayOfMonth: 0, daysOfWeek: [], index: 'first' },
    firstDayOfWeek: DAYS[(recur.wkst ?? 2) - 1] ?? 'monday',
    ...patternOf(rule, new Date(start.local)),
  };
  const recurrence = { pattern, range: rangeOf(recur, start, until) };
  if (firstDate(recurrence) !== startDate) throw new IcsRefusal('the first date does not follow the rule');
  return recurrence;
}

function readRule(recur: ICAL.Recur): Rule {
  const parts = recur.parts as Record<string, unknown[] | undefined>;
  const unknown = Object.keys(parts).filter((name) => (parts[name]?.length ?? 0) > 0 && !PARTS.has(name));
  if (unknown.length > 0) throw new IcsRefusal(`Outlook has no pattern with ${unknown.join(', ')}`);
  const positions = (parts['BYSETPOS'] ?? []).map(Number);
  if (positions.length > 1) throw new IcsRefusal('Outlook has no pattern with several positions');
  return {
    freq: recur.freq,
    interval: recur.interval,
    days: (parts['BYDAY'] ?? []).map((text) => {
      const [, nth, code] = /^([+-]?\d+)?([A-Z]{2})$/.exec(String(text)) ?? [];
      const day = DAYS[CODES.indexOf(code ?? '')];
      if (day === undefined) throw new IcsRefusal(`'${String(text)}' is no day`);
      return { nth: Number(nth ?? 0), day };
    }),
    monthDays: (parts['BYMONTHDAY'] ?? []).map(Number),
    months: (parts['BYMONTH'] ?? []).map(Number),
    position: positions[0],
  };
}

function patternOf(rule: Rule, start: Date): Pick<Pattern, 'type'> & Partial<Pattern> {
  const { days, monthDays, months, position } = rule;
  const plainDays = days.filter(({ nth }) => nth === 0).map(({ day }) => day);
  const none =
    monthDays.length === 0 && months.length === 0 && position === undefined && plainDays.length === days.length;
  if (rule.freq === 'DAILY' && none) {
    if (days.length === 0) return { type: 'daily' };
    if (rule.interval === 1) return { type: 'weekly', daysOfWeek: plainDays };
  }
  if (rule.freq === 'WEEKLY' && none) {
    return { type: 'weekly', daysOfWeek: days.length === 0 ? [DAYS[start.getUTCDay()]!] : plainDays };
  }
  if (rule.freq === 'MONTHLY' && months.length === 0) {
    if (days.length > 0 && monthDays.length === 0) return { type: 'relativeMonthly', ...relative(rule) };
    if (days.length === 0 && position === undefined)
      return { type: 'absoluteMonthly', dayOfMonth: dayOfMonth(rule, start) };
  }
  if (rule.freq === 'YEARLY' && months.length <= 1) {
    const month = months[0] ?? start.getUTCMonth() + 1;
    if (days.length > 0 && monthDays.length === 0 && months.length === 1) {
      return { type: 'relativeYearly', month, ...relative(rule) };
    }
    if (days.length === 0 && position === undefined && (monthDays.length === 0 || months.length === 1)) {
      return { type: 'absoluteYearly', month, dayOfMonth: dayOfYear(rule, start, month) };
    }
  }
  throw new IcsRefusal(`Outlook has no pattern for this ${rule.freq} rule`);
}

/** `2TU`, or days with a position: the second of them in the month. */
function relative({ days, position }: Rule): { daysOfWeek: string[]; index: string } {
  const own = days.length === 1 && position === undefined ? days[0]!.nth : 0;
  const nth = days.every((each) => each.nth === 0) ? (position ?? 0) : own;
  const index = nth === -1 ? 'last' : nth >= 1 && nth <= 4 ? INDEXES[nth - 1] : undefined;
  if (index === undefined)
    throw new IcsRefusal('Outlook counts the days of a month from first to fourth, and the last');
  return { daysOfWeek: days.map(({ day }) => day), index };
}

function dayOfMonth({ monthDays }: Rule, start: Date): number {
  if (monthDays.length > 1) throw new IcsRefusal('Outlook has no pattern with several days of a month');
  const day = monthDays[0] ?? start.getUTCDate();
  if (day === -1) return 31;
  // Where a month is too short Outlook takes its last day, the rule none.
  if (day < 1 || day > 28) throw new IcsRefusal(`Outlook reads day ${day} of a month in another way`);
  return day;
}

function dayOfYear(rule: Rule, start: Date, month: number): number {
  const day = rule.monthDays[0] ?? start.getUTCDate();
  const length = new Date(Date.UTC(2025, month, 0)).getUTCDate();
  if (rule.monthDays.length > 1 || day < 1 || day > length) {
    throw new IcsRefusal(`Outlook reads day ${rule.monthDays.join() || day} of a month in another way`);
  }
  return day;
}

function rangeOf(recur: ICAL.Recur, start: IcsTime, until: IcsTime | undefined): Range {
  const startDate = dateOf(start.local);
  const range: Range = {
    type: 'noEnd',
    startDate,
    endDate: '0001-01-01',
    recurrenceTimeZone: start.zone,
    numberOfOccurrences: 0,
  };
  if (recur.count) return { ...range, type: 'numbered', numberOfOccurrences: recur.count };
  if (until === undefined) return range;
  const clock = start.local - parseDate(startDate)!;
  const day = parseDate(dateOf(until.local))!;
  const isPast = !until.isDate && until.local - day < clock;
  const endDate = dateOf(isPast ? day - 86_400_000 : day);
  if (endDate < startDate) throw new IcsRefusal('the rule ends before it begins');
  return { ...range, type: 'endDate', endDate };
}
