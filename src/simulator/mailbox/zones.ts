import { findIana, findWindows, WINDOWS_TO_IANA_MAP } from 'windows-iana';
import { GraphError } from '../http/graph-error.ts';

/** Wall clock and instant. Times are epoch milliseconds; a *local* time is the wall clock read as if it were UTC. */
const DAY_MS = 86_400_000;

const windowsByLowerName = new Map<string, string>(
  WINDOWS_TO_IANA_MAP.map(({ windowsName }) => [windowsName.toLowerCase(), windowsName as string]),
);
const ianaByName = new Map<string, string | undefined>();
const formatters = new Map<string, Intl.DateTimeFormat>();
const offsetsByDay = new Map<string, Map<number, number>>();

/** Dates by day and days by date: expanding series asks for the same few thousand over and over. */
const dates = new Map<number, string>();
const days = new Map<string, number>();
const DATES_KEPT = 50_000;

/** The IANA zone behind a Windows or IANA name, or undefined for a name Graph refuses. */
export function findZone(name: string): string | undefined {
  if (!ianaByName.has(name)) ianaByName.set(name, lookUp(name));
  return ianaByName.get(name);
}

/** @throws {GraphError} 400 `TimeZoneNotSupportedException`, also for an empty name */
export function requireZone(name: unknown): string {
  const found = typeof name === 'string' ? findZone(name) : undefined;
  if (found === undefined) {
    const shown = typeof name === 'string' ? name : '';
    throw new GraphError(
      400,
      'TimeZoneNotSupportedException',
      `The following TimeZone value is not supported: ${shown}.`,
    );
  }
  return found;
}

function lookUp(name: string): string | undefined {
  if (/^(utc|etc\/utc|etc\/gmt|tzone:\/\/microsoft\/utc)$/i.test(name)) return 'UTC';
  const windows = windowsByLowerName.get(name.toLowerCase());
  if (windows !== undefined) return findIana(windows as string)[0];
  // Intl would also take offsets ("+01:00"), which Graph does not know.
  if (!/^[A-Za-z]+([/_+-][A-Za-z0-9_+-]+)*$/.test(name) || !name.includes('/')) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** The Windows name of a zone; bare occurrences in delta always use this family. */
export function windowsName(name: string): string {
  const zone = findZone(name);
  if (zone === undefined) return name;
  if (zone === 'UTC') return 'UTC';
  return windowsByLowerName.get(name.toLowerCase()) ?? findWindows(name as string)[0] ?? findWindows(zone)[0] ?? name;
}

/** Whether two names mean the same zone, Windows and IANA mixed. */
export function sameZone(a: string, b: string): boolean {
  return a === b || findZone(a) === findZone(b) || windowsName(a) === windowsName(b);
}

export const windowsNames = (): string[] => [...new Set(windowsByLowerName.values())].sort();

/** Offset east of UTC at an instant, in milliseconds. */
function offsetAt(zone: string, utcMs: number): number {
  if (zone === 'UTC') return 0;
  const day = Math.floor(utcMs / DAY_MS);
  const before = dayOffset(zone, day);
  if (before === dayOffset(zone, day + 1)) return before;
  return readOffset(zone, utcMs);
}

function dayOffset(zone: string, day: number): number {
  let days = offsetsByDay.get(zone);
  if (days === undefined) {
    days = new Map();
    offsetsByDay.set(zone, days);
  }
  let offset = days.get(day);
  if (offset === undefined) {
    offset = readOffset(zone, day * DAY_MS);
    days.set(day, offset);
  }
  return offset;
}

function readOffset(zone: string, utcMs: number): number {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-u-ca-iso8601', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(zone, formatter);
  }
  const read: Record<string, number> = {};
  const wholeSeconds = Math.floor(utcMs / 1000) * 1000;
  for (const { type, value } of formatter.formatToParts(wholeSeconds)) read[type] = Number(value);
  const local = Date.UTC(
    read['year']!,
    read['month']! - 1,
    read['day']!,
    read['hour']!,
    read['minute']!,
    read['second']!,
  );
  return local - wholeSeconds;
}

export const toLocal = (zone: string, utcMs: number): number => utcMs + offsetAt(zone, utcMs);

/** A wall clock to an instant; in a gap the clock is pushed forward, in an overlap the earlier instant is meant. */
export function toInstant(zone: string, localMs: number): number {
  if (zone === 'UTC') return localMs;
  const before = offsetAt(zone, localMs - DAY_MS);
  const after = offsetAt(zone, localMs + DAY_MS);
  const early = localMs - before;
  if (before === after || offsetAt(zone, early) === before) return early;
  const late = localMs - after;
  return offsetAt(zone, late) === after ? late : early;
}

/** Seven fractional digits and no offset, as every `dateTimeTimeZone` is written. */
export function wireLocal(localMs: number): string {
  if (localMs % MINUTE_MS === 0) return `${dateOf(localMs)}T${clockOf(localMs)}:00.0000000`;
  return `${new Date(localMs).toISOString().slice(0, -1)}0000`;
}

const MINUTE_MS = 60_000;
const two = (value: number): string => String(value).padStart(2, '0');
/** `HH:mm` of every minute of a day: nearly all times of calendars are whole minutes. */
const CLOCKS = Array.from({ length: 1440 }, (_, minute) => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`);

const clockOf = (localMs: number): string => CLOCKS[(((localMs % DAY_MS) + DAY_MS) % DAY_MS) / MINUTE_MS]!;

/** `DateTimeOffset` as Graph writes it: UTC, trailing zeros of the fraction trimmed. */
export function wireInstant(utcMs: number): string {
  if (utcMs % MINUTE_MS === 0) return `${dateOf(utcMs)}T${clockOf(utcMs)}:00Z`;
  const text = new Date(utcMs).toISOString();
  if (utcMs % 1000 === 0) return `${text.slice(0, -5)}Z`;
  const [seconds, fraction] = text.slice(0, -1).split('.') as [string, string];
  const trimmed = fraction.replace(/0+$/, '');
  return trimmed === '' ? `${seconds}Z` : `${seconds}.${trimmed}Z`;
}

/** `2026-03-04T09:00:00.0000000` or fewer digits, with an optional (ignored) `Z`; undefined when it is not a time. */
export function parseLocal(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const found = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?Z?$/.exec(text);
  if (found === null) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const midnight = parseDate(`${found[1]}-${found[2]}-${found[3]}`);
  if (midnight === undefined || month < 1 || day < 1 || year < 1) return undefined;
  const ms = Number((found[7] ?? '').slice(0, 3).padEnd(3, '0'));
  return midnight + hour * 3_600_000 + minute * 60_000 + second * 1000 + ms;
}

/** Midnight of a `yyyy-MM-dd` date as a local time, or undefined for something that is no date. */
export function parseDate(text: string): number | undefined {
  const known = days.get(text);
  if (known !== undefined) return known * DAY_MS;
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(ms) || dateOf(ms) !== text ? undefined : ms;
}

/** `yyyy-MM-dd` of a local time. */
export function dateOf(localMs: number): string {
  const day = Math.floor(localMs / DAY_MS);
  let text = dates.get(day);
  if (text === undefined) {
    text = new Date(localMs).toISOString().slice(0, 10);
    if (dates.size === DATES_KEPT) {
      dates.clear();
      days.clear();
    }
    dates.set(day, text);
    if (/^\d/.test(text)) days.set(text, day);
  }
  return text;
}

/** An instant in a query: ISO 8601 with offset, UTC without. */
export function parseInstant(text: string): number | undefined {
  const found = /^(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?)(Z|[+-]\d\d:?\d\d)?$/i.exec(text);
  if (found === null) return undefined;
  const local = parseLocal(found[1]);
  if (local === undefined) return undefined;
  const offset = found[2] ?? 'Z';
  if (offset.toUpperCase() === 'Z') return local;
  const digits = offset.replace(':', '');
  const sign = digits.startsWith('-') ? -1 : 1;
  return local - sign * (Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3))) * 60_000;
}

export { DAY_MS };
