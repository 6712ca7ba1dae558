import { type IcsComponent, rawValues } from './ics-text.ts';

/**
 * The offsets a VTIMEZONE defines (RFC 5545, 3.6.5), for any time at once: by arithmetic on the one year asked for, because
 * most definitions begin in 1601 and nobody wants to wait for every change of the clocks since.
 */
export interface ZoneDefinition {
  /** `yyyy-MM-dd`: it says nothing of the time before. */
  readonly since: string;
  /** Minutes, seconds and all: some zones once were minutes and seconds off. */
  offsetSecondsAt(wallClock: string): number;
}

/** One kind of change of the clocks, on the clock that is changed. */
interface Observance {
  readonly offsetFrom: number;
  readonly offsetTo: number;
  /** Every single change known by its date, in order, in milliseconds as if the clock were UTC's. */
  readonly onsets: readonly number[];
  readonly rule: YearlyRule | undefined;
}

interface YearlyRule {
  readonly first: number;
  readonly until: number;
  readonly interval: number;
  onsetIn(year: number): number | undefined;
}

/** Generous for a zone that lists its changes one by one since there are zones. */
const MAX_ONSETS = 5_000;
const WEEKDAYS = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];
const DAY_MS = 86_400_000;

/** @returns `undefined` for a definition that cannot be computed with, or not by yearly rules */
export function readDefinition(component: IcsComponent): ZoneDefinition | undefined {
  const observances: Observance[] = [];
  let onsets = 0;
  for (const part of component.components) {
    if (part.name !== 'STANDARD' && part.name !== 'DAYLIGHT') continue;
    const observance = readObservance(part);
    if (!observance) return undefined;
    observances.push(observance);
    onsets += observance.onsets.length;
  }
  if (observances.length === 0 || observances.length > MAX_ONSETS || onsets > MAX_ONSETS) return undefined;
  const [earliest] = [...observances].sort((a, b) => (a.onsets[0] ?? 0) - (b.onsets[0] ?? 0));
  if (!earliest) return undefined;
  return {
    since: new Date(earliest.onsets[0] ?? 0).toISOString().slice(0, 10),
    offsetSecondsAt: (wallClock) => {
      const at = Date.parse(`${wallClock}Z`);
      let offset = earliest.offsetFrom;
      let latest = Number.NEGATIVE_INFINITY;
      for (const observance of observances) {
        const onset = latestOnset(observance, at);
        if (onset === undefined || onset <= latest) continue;
        latest = onset;
        // What the clocks skip when they are put forward is told by the clock before (RFC 5545, 3.3.5).
        const skippedMs = (observance.offsetTo - observance.offsetFrom) * 1000;
        offset = at < onset + skippedMs ? observance.offsetFrom : observance.offsetTo;
      }
      return offset;
    },
  };
}

function readObservance(part: IcsComponent): Observance | undefined {
  const first = readClock(rawValues(part, 'DTSTART')[0] ?? '');
  const offsetFrom = readOffset(rawValues(part, 'TZOFFSETFROM')[0] ?? '');
  const offsetTo = readOffset(rawValues(part, 'TZOFFSETTO')[0] ?? '');
  const rules = rawValues(part, 'RRULE');
  if (first === undefined || offsetFrom === undefined || offsetTo === undefined || rules.length > 1) return undefined;
  const dates = rawValues(part, 'RDATE').flatMap((value) => value.split(',').map((date) => readClock(date)));
  if (dates.some((date) => date === undefined)) return undefined;
  const rule = rules[0] === undefined ? undefined : readYearly(rules[0], first, offsetFrom);
  if (rules.length > 0 && !rule) return undefined;
  return { offsetFrom, offsetTo, rule, onsets: [first, ...(dates as number[])].sort((a, b) => a - b) };
}

function latestOnset({ onsets, rule }: Observance, at: number): number | undefined {
  const listed = onsets.findLast((onset) => onset <= at);
  if (!rule) return listed;
  const year = new Date(Math.min(at, rule.until)).getUTCFullYear();
  const firstYear = new Date(rule.first).getUTCFullYear();
  const last = year - ((((year - firstYear) % rule.interval) + rule.interval) % rule.interval);
  for (const candidate of [last, last - rule.interval]) {
    const onset = rule.onsetIn(candidate);
    if (onset !== undefined && onset >= rule.first && onset <= at && onset <= rule.until) {
      return Math.max(onset, listed ?? onset);
    }
  }
  return listed;
}

/** `FREQ=YEARLY` by month, and by a counted weekday, a weekday among days, a day, or the day it began on. */
function readYearly(text: string, first: number, offsetFrom: number): YearlyRule | undefined {
  const parts = new Map(
    text
      .toUpperCase()
      .split(';')
      .map((part) => part.trim().split('=', 2) as [string, string | undefined]),
  );
  const begun = new Date(first);
  const clock = first - Date.UTC(begun.getUTCFullYear(), begun.getUTCMonth(), begun.getUTCDate());
  const month = Number(parts.get('BYMONTH') ?? begun.getUTCMonth() + 1);
  const interval = Number(parts.get('INTERVAL') ?? 1);
  const days = daysOf(parts, begun);
  const isReadable =
    Number.isInteger(month) && month >= 1 && month <= 12 && Number.isInteger(interval) && interval >= 1;
  if (parts.get('FREQ') !== 'YEARLY' || parts.has('COUNT') || !isReadable || !days) return undefined;
  const until = parts.get('UNTIL');
  const end = until === undefined ? Number.POSITIVE_INFINITY : readUntil(until, offsetFrom);
  if (end === undefined) return undefined;
  return {
    first,
    until: end,
    interval,
    onsetIn: (year) => {
      const day = days(year, month);
      return day === undefined ? undefined : utcDate(year, month, day) + clock;
    },
  };
}

type DayOfYear = (year: number, month: number) => number | undefined;

function daysOf(parts: ReadonlyMap<string, string | undefined>, begun: Date): DayOfYear | undefined {
  const monthDays = parts.get('BYMONTHDAY')?.split(',').map(Number);
  if (monthDays?.some((day) => !Number.isInteger(day) || day < 1 || day > 31)) return undefined;
  const byDay = parts.get('BYDAY');
  if (byDay === undefined) return (_year, _month) => monthDays?.[0] ?? begun.getUTCDate();
  const [, counted, name = ''] = /^([+-]?\d)?(SU|MO|TU|WE|TH|FR|SA)$/.exec(byDay.trim()) ?? [];
  const weekday = WEEKDAYS.indexOf(name);
  if (weekday < 0) return undefined;
  const isOn = (year: number, month: number, day: number) => weekdayOf(year, month, day) === weekday;
  if (monthDays) return (year, month) => monthDays.find((day) => isOn(year, month, day));
  const nth = Number(counted ?? 1);
  return (year, month) => {
    const length = new Date(utcDate(year, month + 1, 1) - DAY_MS).getUTCDate();
    const first = 1 + ((weekday - weekdayOf(year, month, 1) + 7) % 7);
    const last = first + 7 * Math.floor((length - first) / 7);
    const day = nth > 0 ? first + 7 * (nth - 1) : last + 7 * (nth + 1);
    return nth !== 0 && day >= 1 && day <= length ? day : undefined;
  };
}

/** 0 for Sunday. */
function weekdayOf(year: number, month: number, day: number): number {
  return new Date(utcDate(year, month, day)).getUTCDay();
}

/** `Date.UTC` takes the years before 100 for the twentieth century. */
function utcDate(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime();
}

function readClock(text: string): number | undefined {
  const [, year, month, day, hour = '00', minute = '00', second = '00'] =
    /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?Z?)?$/i.exec(text.trim()) ?? [];
  const clock = year === undefined ? Number.NaN : Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(clock) ? undefined : clock;
}

function readUntil(text: string, offsetFrom: number): number | undefined {
  const clock = readClock(text);
  if (clock === undefined) return undefined;
  // UNTIL is UTC's clock, an onset is on the clock that is changed.
  if (/Z$/i.test(text)) return clock + offsetFrom * 1000;
  return /T/i.test(text) ? clock : clock + DAY_MS - 1;
}

function readOffset(text: string): number | undefined {
  const [, sign, hours, minutes, seconds = '00'] = /^([+-])(\d\d)(\d\d)(\d\d)?$/.exec(text.trim()) ?? [];
  if (sign === undefined) return undefined;
  return (sign === '-' ? -1 : 1) * ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds));
}
