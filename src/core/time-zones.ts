import { Temporal } from 'temporal-polyfill';
import { findIana, findWindows, WINDOWS_TO_IANA_MAP } from 'windows-iana';
import type { DateTimeTimeZone } from './event.ts';

/**
 * Zone names in both of Graph's families, Windows and IANA, by CLDR; and wall clocks turned into instants.
 * A wall clock is never computed with as if it were an instant.
 */

const MICROSOFT_UTC = 'tzone://microsoft/utc';
/** Zone lookups are on the hot path of every event, and a mailbox uses a handful of names. */
const ianaByName = new Map<string, string | undefined>();
const canonicalByName = new Map<string, string>();
/** Names come from outside; a stream of invented ones must not grow the tables for ever. */
const MAX_CACHED_NAMES = 5_000;

/** @returns the IANA name for a Windows or IANA name, or `undefined` for what names no zone (custom, empty, unknown) */
export function ianaZone(name: string): string | undefined {
  if (ianaByName.has(name)) return ianaByName.get(name);
  const found = lookUpIana(name);
  if (ianaByName.size < MAX_CACHED_NAMES) ianaByName.set(name, found);
  return found;
}

function lookUpIana(name: string): string | undefined {
  const trimmed = name.trim();
  const lower = trimmed.toLowerCase();
  if (lower === '' || lower.startsWith('tzone://')) return lower === MICROSOFT_UTC ? 'UTC' : undefined;
  const windows = windowsNames.get(lower);
  const fromWindows = windows === undefined ? NOT_IN_CLDR[lower] : findIana(windows)[0];
  return canonicalIana(fromWindows ?? trimmed);
}

/** Zones that Windows has given up and Graph still lists; events that were made in them are still there. */
const NOT_IN_CLDR: Readonly<Record<string, string>> = {
  'kamchatka standard time': 'Asia/Kamchatka',
  'mid-atlantic standard time': 'Etc/GMT+2',
};

/** Windows names in their own spelling, by lower case: people and programs write them in any case. */
const windowsNames = new Map(WINDOWS_TO_IANA_MAP.map(({ windowsName }) => [windowsName.toLowerCase(), windowsName]));

const UTC_NAMES = new Set(['UTC', 'GMT', 'Etc/UTC', 'Etc/GMT']);

function canonicalIana(name: string): string | undefined {
  // An offset is no zone: it has no rules, and Graph refuses it.
  if (/^[+-]/.test(name) || /^(utc|gmt)[+-]/i.test(name)) return undefined;
  try {
    const zone = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
    return UTC_NAMES.has(zone) ? 'UTC' : zone;
  } catch {
    return undefined;
  }
}

export function isKnownZone(name: string): boolean {
  return ianaZone(name) !== undefined;
}

/** @returns the Windows name of an IANA zone, the family Graph prefers */
export function windowsZone(iana: string): string | undefined {
  return iana === 'UTC' ? 'UTC' : findWindows(iana as Parameters<typeof findWindows>[0])[0];
}

/**
 * One name for all names of a zone: its Windows name, or its IANA name where Windows has none. Zones that CLDR puts under
 * one Windows name count as the same, because Graph answers with that name for any of them.
 *
 * @returns the name itself for what names no zone, so that two custom zones stay apart
 */
export function canonicalZone(name: string): string {
  const known = canonicalByName.get(name);
  if (known !== undefined) return known;
  const iana = ianaZone(name);
  const canonical = iana === undefined ? name : (windowsZone(iana) ?? iana);
  if (canonicalByName.size < MAX_CACHED_NAMES) canonicalByName.set(name, canonical);
  return canonical;
}

/** Equal as zones, whatever family the names are of. */
export function sameZone(a: string, b: string): boolean {
  return a === b || canonicalZone(a) === canonicalZone(b);
}

const DATE_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Wall clock in one spelling: no zone designator, no fraction unless it says something. What is no wall clock is returned
 * as it is. `0001-01-01T00:00:00.0000000Z` and `9999-…`, which Exchange uses for "never", pass through.
 */
export function normalDateTime(dateTime: string): string {
  const match = DATE_TIME.exec(dateTime.trim());
  if (!match) return dateTime;
  const [, date, hour = '00', minute = '00', second = '00', fraction = ''] = match;
  const significant = fraction.replace(/0+$/, '');
  return `${date}T${hour}:${minute}:${second}${significant === '' ? '' : `.${significant}`}`;
}

/** @returns `yyyy-MM-dd` of a wall clock */
export function datePart(dateTime: string): string {
  return dateTime.slice(0, 10);
}

/**
 * Whether a caller's value is a wall clock that exists on some calendar. An offset is refused rather than dropped, because
 * dropping it would move the event by hours.
 */
export function isReadableDateTime(dateTime: string): boolean {
  const offset = DATE_TIME.exec(dateTime)?.[6];
  return offset === undefined && toInstant({ dateTime, timeZone: 'UTC' }) !== undefined;
}

/** `yyyy-MM-dd` of a day that exists. */
export function isCalendarDate(date: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(date) && isReadableDateTime(date);
}

/**
 * The instant of a wall clock in its zone. In a gap the later, in an overlap the earlier reading is meant, as calendars
 * do it (Temporal's `compatible`).
 *
 * @returns `undefined` for an unreadable wall clock or an unknown zone
 */
export function toInstant({ dateTime, timeZone }: DateTimeTimeZone): Date | undefined {
  const zone = ianaZone(timeZone);
  if (zone === undefined) return undefined;
  const normal = normalDateTime(dateTime);
  if (!DATE_TIME.test(normal)) return undefined;
  const asUtcMs = Date.parse(`${normal.slice(0, 23)}Z`);
  // `Date` reads 30 February as 2 March.
  if (Number.isNaN(asUtcMs) || new Date(asUtcMs).getUTCDate() !== Number(normal.slice(8, 10))) return undefined;
  const offsetMs = steadyOffsetMs(zone, asUtcMs);
  if (offsetMs !== undefined) return new Date(asUtcMs - offsetMs);
  return new Date(Temporal.PlainDateTime.from(normal).toZonedDateTime(zone).epochMilliseconds);
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** A few thousand days in each of a handful of zones; emptied when full, as it only saves time. */
const MAX_CACHED_OFFSETS = 20_000;
const offsetsByDay = new Map<string, Map<number, number | undefined>>();
let cachedOffsets = 0;

/**
 * A zone's offset from UTC if it is the same from the day before to the day after, whether the time given is its wall
 * clock or UTC; `undefined` near a change of the clocks, where only Temporal may answer.
 */
function steadyOffsetMs(zone: string, timeMs: number): number | undefined {
  if (zone === 'UTC') return 0;
  let offsets = offsetsByDay.get(zone);
  if (!offsets || cachedOffsets >= MAX_CACHED_OFFSETS) {
    if (cachedOffsets >= MAX_CACHED_OFFSETS) {
      offsetsByDay.clear();
      cachedOffsets = 0;
    }
    offsets = new Map();
    offsetsByDay.set(zone, offsets);
  }
  const day = Math.floor(timeMs / DAY_MS);
  if (offsets.has(day)) return offsets.get(day);
  const before = offsetMsAt(zone, (day - 1) * DAY_MS);
  const after = offsetMsAt(zone, (day + 2) * DAY_MS);
  const steady = before === after ? before : undefined;
  offsets.set(day, steady);
  cachedOffsets += 1;
  return steady;
}

function offsetMsAt(zone: string, epochMs: number): number {
  return Temporal.Instant.fromEpochMilliseconds(epochMs).toZonedDateTimeISO(zone).offsetNanoseconds / 1_000_000;
}

/**
 * The same instant on another zone's wall clock.
 *
 * @returns `undefined` when either zone or the wall clock cannot be read
 */
export function inZone(value: DateTimeTimeZone, timeZone: string): DateTimeTimeZone | undefined {
  if (sameZone(value.timeZone, timeZone)) return { dateTime: normalDateTime(value.dateTime), timeZone };
  const instant = toInstant(value);
  return instant ? atInstant(instant, timeZone) : undefined;
}

/** @returns the wall clock of an instant in a zone, or `undefined` for an unknown zone */
export function atInstant(instant: Date, timeZone: string): DateTimeTimeZone | undefined {
  const zone = ianaZone(timeZone);
  if (zone === undefined || Number.isNaN(instant.getTime())) return undefined;
  const offsetMs = steadyOffsetMs(zone, instant.getTime());
  const wallClock =
    offsetMs === undefined
      ? Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(zone).toPlainDateTime().toString()
      : new Date(instant.getTime() + offsetMs).toISOString();
  return { dateTime: normalDateTime(wallClock), timeZone };
}
