import { Temporal } from 'temporal-polyfill';
import { findIana, findWindows } from 'windows-iana';
import type { DateTimeTimeZone } from './event.ts';

/**
 * Zone names in both of Graph's families, Windows and IANA, by CLDR; and wall clocks turned into instants.
 * A wall clock is never computed with as if it were an instant.
 */

const MICROSOFT_UTC = 'tzone://microsoft/utc';
/** Zone lookups are on the hot path of every event, and a mailbox uses a handful of names. */
const ianaByName = new Map<string, string | undefined>();

/** @returns the IANA name for a Windows or IANA name, or `undefined` for what names no zone (custom, empty, unknown) */
export function ianaZone(name: string): string | undefined {
  if (ianaByName.has(name)) return ianaByName.get(name);
  const found = lookUpIana(name);
  // Names come from outside; a stream of invented ones must not grow the table for ever.
  if (ianaByName.size < 5_000) ianaByName.set(name, found);
  return found;
}

function lookUpIana(name: string): string | undefined {
  const trimmed = name.trim();
  if (trimmed === '') return undefined;
  const lower = trimmed.toLowerCase();
  if (lower === MICROSOFT_UTC || lower === 'utc' || lower === 'z' || lower === 'etc/utc' || lower === 'gmt') return 'UTC';
  if (lower.startsWith('tzone://')) return undefined;
  const fromWindows = findIana(trimmed)[0] ?? findIana(windowsSpelling(lower) ?? '')[0];
  if (fromWindows) return canonicalIana(fromWindows);
  return canonicalIana(trimmed);
}

/** Windows names compare without regard to case. */
function windowsSpelling(lower: string): string | undefined {
  const words = lower.split(' ').map((word) => (word.length > 0 ? word[0]?.toUpperCase() + word.slice(1) : word));
  return words.join(' ');
}

function canonicalIana(name: string): string | undefined {
  // An offset is no zone: it has no rules, and Graph refuses it.
  if (/^[+-]/.test(name) || /^(utc|gmt)[+-]/i.test(name)) return undefined;
  try {
    const zone = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
    return zone === 'Etc/UTC' || zone === 'Etc/GMT' ? 'UTC' : zone;
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

/** Equal as zones, whatever family the names are of. Zones CLDR puts under one Windows name count as the same. */
export function sameZone(a: string, b: string): boolean {
  if (a === b) return true;
  const first = ianaZone(a);
  const second = ianaZone(b);
  if (first === undefined || second === undefined) return false;
  if (first === second) return true;
  const windows = windowsZone(first);
  return windows !== undefined && windows === windowsZone(second);
}

/**
 * Wall clock in one spelling: no zone designator, no fraction unless it says something.
 * `0001-01-01T00:00:00.0000000Z` and `9999-…`, which Exchange uses for "never", pass through.
 */
export function normalDateTime(dateTime: string): string {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?(?:Z|[+-]\d{2}:?\d{2})?$/i.exec(
    dateTime.trim(),
  );
  if (!match) return dateTime;
  const [, date, hour = '00', minute = '00', second = '00', fraction = ''] = match;
  const significant = fraction.replace(/0+$/, '');
  return `${date}T${hour}:${minute}:${second}${significant === '' ? '' : `.${significant}`}`;
}

/** @returns `yyyy-MM-dd` of a wall clock */
export function datePart(dateTime: string): string {
  return dateTime.slice(0, 10);
}

export function isReadableDateTime(dateTime: string): boolean {
  try {
    Temporal.PlainDateTime.from(normalDateTime(dateTime));
    return /^\d{4}-\d{2}-\d{2}/.test(dateTime);
  } catch {
    return false;
  }
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
  if (zone === 'UTC') {
    const parsed = new Date(`${normal.slice(0, 23)}Z`);
    return Number.isNaN(parsed.getTime()) ? undefined : parsed;
  }
  try {
    return new Date(Temporal.PlainDateTime.from(normal).toZonedDateTime(zone).epochMilliseconds);
  } catch {
    return undefined;
  }
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
  if (zone === undefined) return undefined;
  try {
    const there = Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(zone);
    return { dateTime: normalDateTime(there.toPlainDateTime().toString()), timeZone };
  } catch {
    return undefined;
  }
}
