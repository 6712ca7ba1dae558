import { Temporal } from 'temporal-polyfill';
import { findIana, findWindows } from 'windows-iana';
import { GraphError } from './graph-error.ts';

/** Exchange's zone names and wall clocks, written from Microsoft's pages; it shares nothing with the service's own. */
const cache = new Map<string, string>();

/** @throws {GraphError} 400 `TimeZoneNotSupportedException`, as Graph answers to unknown and empty names */
export function requireZone(name: unknown): string {
  const found = typeof name === 'string' ? ianaOf(name) : undefined;
  if (found) return found;
  throw new GraphError(
    400,
    'TimeZoneNotSupportedException',
    `The following TimeZone value is not supported: ${typeof name === 'string' ? name : ''}.`,
  );
}

export function ianaOf(name: string): string | undefined {
  const known = cache.get(name);
  if (known) return known;
  const found = find(name);
  if (found) cache.set(name, found);
  return found;
}

function find(name: string): string | undefined {
  if (name === 'UTC' || name === 'tzone://Microsoft/Utc') return 'UTC';
  const windows = findIana(name)[0];
  if (windows) return windows;
  if (name === '' || /^[+-]/.test(name)) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** Bare occurrences carry the Windows name, whatever the Prefer header asked for. */
export function windowsOf(name: string): string {
  const iana = ianaOf(name);
  if (!iana || iana === 'UTC') return 'UTC';
  return findWindows(iana as Parameters<typeof findWindows>[0])[0] ?? name;
}

export function isSameZone(a: string, b: string): boolean {
  return a === b || windowsOf(a) === windowsOf(b);
}

/** @returns epoch milliseconds of a wall clock */
export function instantOf(wallClock: string, zone: string): number {
  const iana = requireZone(zone);
  if (iana === 'UTC') return Date.parse(`${wallClock.slice(0, 23)}Z`);
  return Temporal.PlainDateTime.from(wallClock).toZonedDateTime(iana).epochMilliseconds;
}

/** @returns `yyyy-MM-ddTHH:mm:ss` on the zone's wall clock */
export function wallClockAt(instant: number, zone: string): string {
  const iana = requireZone(zone);
  if (iana === 'UTC') return new Date(instant).toISOString().slice(0, 19);
  const there = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(iana);
  return there.toPlainDateTime().toString({ smallestUnit: 'second' });
}

/** @throws {GraphError} 400 for a wall clock that cannot be read */
export function readWallClock(value: unknown): string {
  const match = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(?::(\d{2}))?(?:\.\d+)?)?Z?$/.exec(typeof value === 'string' ? value : '');
  if (!match) throw new GraphError(400, 'ErrorInvalidRequest', 'The value of parameter dateTime is invalid.');
  const wallClock = `${match[1]}T${match[2] ?? '00:00'}:${match[3] ?? '00'}`;
  if (Number.isNaN(Date.parse(`${wallClock}Z`))) {
    throw new GraphError(400, 'ErrorInvalidRequest', 'The value of parameter dateTime is invalid.');
  }
  return wallClock;
}
