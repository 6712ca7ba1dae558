import ICAL from 'ical.js';
import { WINDOWS_TO_IANA_MAP } from 'windows-iana';
import type { DateTimeTimeZone } from '../event.ts';
import { atInstant, ianaZone, isKnownZone, toInstant } from '../time-zones.ts';
import { type IcsComponent, rawValues, readProperties, refused, textOf } from './ics-text.ts';

/**
 * The time zones of one file. A TZID is a name its author made up; most are IANA or Windows names, some hide one, and the
 * rest are known by the VTIMEZONE that defines them.
 */
export interface ZoneReader {
  /** Where times without a zone are taken to be. */
  readonly floating: string;
  /**
   * @throws {SyncError} for a zone that neither its name nor a definition tells about, and for one a series cannot follow
   */
  read(wallClock: string, tzid: string, how: { say: (note: string) => void; isSeries: boolean }): DateTimeTimeZone;
}

/** One definition of the file. */
interface Definition {
  readonly timezone: ICAL.Timezone;
  readonly location: string | undefined;
  /** `yyyy-MM-dd`: it says nothing of the time before. */
  readonly since: string;
}

type Resolved =
  | { readonly kind: 'zone'; readonly zone: string; readonly isGuess: boolean }
  | { readonly kind: 'offsets'; readonly timezone: ICAL.Timezone };

/** @param homeZone  the user's own zone, for times that name none when the file names none either */
export function zonesOf(calendar: IcsComponent, homeZone: string | undefined): ZoneReader {
  const definitions = new Map<string, Definition>();
  for (const component of calendar.components) {
    if (component.name !== 'VTIMEZONE') continue;
    const defined = definitionOf(component);
    if (defined) definitions.set(defined.tzid, defined);
  }
  const named = textOf(readProperties({ ...calendar, components: [] }).first('X-WR-TIMEZONE'))?.trim();
  const floating = named && isKnownZone(named) ? named : (homeZone ?? 'UTC');
  const known = new Map<string, Resolved | undefined>();
  const resolve = (tzid: string, year: number): Resolved | undefined => {
    const key = `${year} ${tzid}`;
    if (!known.has(key)) known.set(key, resolveZone(tzid, definitions.get(tzid), year));
    return known.get(key);
  };
  return {
    floating,
    read: (wallClock, tzid, { say, isSeries }) => {
      const resolved = resolve(tzid, Number(wallClock.slice(0, 4)));
      const shown = tzid.slice(0, 60);
      if (!resolved)
        throw refused(`its time zone "${shown}" is no name anybody knows, and the file does not define it`);
      if (resolved.kind === 'zone') {
        if (resolved.isGuess) say(`its time zone "${shown}" was taken for ${resolved.zone}`);
        return { dateTime: wallClock, timeZone: resolved.zone };
      }
      if (isSeries) throw refused(`its time zone "${shown}" is like no real one, and a series needs one to follow`);
      say(`its time zone "${shown}" is like no real one: its times were kept as the instants they are, in UTC`);
      return inUtc(wallClock, resolved.timezone);
    },
  };
}

function definitionOf(component: IcsComponent): (Definition & { tzid: string }) | undefined {
  const properties = readProperties(component);
  const tzid = textOf(properties.first('TZID'));
  const observances = component.components;
  if (!tzid || observances.length === 0 || observances.length > MAX_OBSERVANCES) return undefined;
  // A zone that changes every second would be computed for hours.
  if (!observances.flatMap((one) => rawValues(one, 'RRULE')).every((rule) => /(^|;)FREQ=YEARLY(;|$)/i.test(rule)))
    return undefined;
  const starts = observances.flatMap((one) => rawValues(one, 'DTSTART')).sort();
  const since = /^(\d{4})(\d\d)(\d\d)/
    .exec(starts[0] ?? '')
    ?.slice(1)
    .join('-');
  if (!since) return undefined;
  try {
    const timezone = new ICAL.Timezone({ component: new ICAL.Component(asJCal(component)), tzid });
    // A definition that cannot be computed with is none.
    timezone.utcOffset(ICAL.Time.fromDateTimeString(`${since}T12:00:00`));
    return { tzid, timezone, since, location: textOf(properties.first('X-LIC-LOCATION')) };
  } catch {
    return undefined;
  }
}

/** Generous for a zone that lists its changes one by one since there are zones. */
const MAX_OBSERVANCES = 1_000;

function asJCal(component: IcsComponent): unknown[] {
  const lines = component.lines.flatMap((line) => {
    try {
      return [ICAL.parse.property(line)];
    } catch {
      return [];
    }
  });
  return [component.name.toLowerCase(), lines, component.components.map(asJCal)];
}

function resolveZone(tzid: string, definition: Definition | undefined, year: number): Resolved | undefined {
  const name = tzid.trim();
  const zone = (found: string, isGuess = false): Resolved => ({ kind: 'zone', zone: found, isGuess });
  if (isKnownZone(name)) return zone(name);
  const hidden = [definition?.location, ...hiddenNames(name)].find((one) => one !== undefined && isKnownZone(one));
  // A full name says more than a definition, which is often of the year the file's program was built.
  if (hidden) return zone(hidden);
  if (definition) {
    const alike = CANDIDATES.find((candidate) => isDefinedLike(candidate, definition, year));
    return alike ? zone(alike, true) : { kind: 'offsets', timezone: definition.timezone };
  }
  const displayed = displayedZone(name);
  return displayed === undefined ? undefined : zone(displayed, true);
}

/** `/vendor.example/2024_1/Europe/Berlin`, `Europe_Berlin`, `US-Eastern`. */
function hiddenNames(name: string): string[] {
  const segments = name.split('/').filter((segment) => segment !== '');
  const suffixes = segments.slice(0, -1).map((_segment, index) => segments.slice(index).join('/'));
  return [...suffixes, name.replace(/[_-]/, '/')];
}

/** What Windows shows people: `(UTC-05:00) Eastern Time (US & Canada)`, `(UTC+07:00) Bangkok, Hanoi, Jakarta`, `UTC+01`. */
function displayedZone(name: string): string | undefined {
  const [, sign = '', hours = '', minutes = '00', rest = ''] =
    /^\(?(?:UTC|GMT) ?(?:([+-])(\d{1,2})(?:[:.]?(\d\d))?)?\)?(.*)$/i.exec(name) ?? ['', '', '', '00', name];
  const american = /^\s*(\w+) Time \((?:US|Canada)/.exec(rest)?.[1];
  if (american && isKnownZone(`${american} Standard Time`)) return `${american} Standard Time`;
  const offsetMinutes = hours === '' ? undefined : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  for (const city of rest.split(',').map((part) => part.trim().replaceAll(' ', '_'))) {
    const zone = city === '' ? undefined : zonesByCity().get(city.toLowerCase());
    if (zone && (offsetMinutes === undefined || standardMinutes(zone) === offsetMinutes)) return zone;
  }
  const isBare = rest.trim() === '' && offsetMinutes !== undefined && offsetMinutes % 60 === 0;
  const fixed = isBare ? fixedZone(offsetMinutes / 60) : undefined;
  return fixed && isKnownZone(fixed) ? fixed : undefined;
}

let cities: ReadonlyMap<string, string> | undefined;

function zonesByCity(): ReadonlyMap<string, string> {
  cities ??= new Map(
    Intl.supportedValuesOf('timeZone').map((zone) => [zone.slice(zone.lastIndexOf('/') + 1).toLowerCase(), zone]),
  );
  return cities;
}

/** The smaller of winter's and summer's offset from UTC. */
function standardMinutes(zone: string): number {
  const offsets = ['2026-01-15T12:00:00', '2026-07-15T12:00:00'].map((wallClock) => {
    const instant = toInstant({ dateTime: wallClock, timeZone: zone });
    return instant ? (Date.parse(`${wallClock}Z`) - instant.getTime()) / 60_000 : Number.NaN;
  });
  return Math.min(...offsets);
}

/** POSIX counts the hours to Greenwich, everybody else those from it. */
function fixedZone(hours: number): string {
  return hours === 0 ? 'UTC' : `Etc/GMT${hours > 0 ? '-' : '+'}${Math.abs(hours)}`;
}

/** Fixed offsets first, because they claim least; then the main city of every Windows zone. */
const CANDIDATES: readonly string[] = [
  ...Array.from({ length: 27 }, (_none, index) => fixedZone(index - 12)),
  ...new Set(WINDOWS_TO_IANA_MAP.flatMap(({ windowsName }) => ianaZone(windowsName) ?? [])),
];

/** Whether a definition gives the offsets of a zone, fortnight by fortnight, for three years from the start of one. */
function isDefinedLike(zone: string, { timezone, since }: Definition, year: number): boolean {
  for (let month = 0; month < 36; month += 1) {
    for (const day of [1, 15]) {
      const wallClock = wallClockOf(year, month, day);
      if (wallClock <= since) continue;
      const instant = toInstant({ dateTime: wallClock, timeZone: zone });
      if (!instant) return false;
      const offsetMs = Date.parse(`${wallClock}Z`) - instant.getTime();
      if (offsetMs !== offsetSecondsAt(timezone, wallClock) * 1000) return false;
    }
  }
  return true;
}

function wallClockOf(year: number, month: number, day: number): string {
  const wanted = year + Math.floor(month / 12);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${String(wanted).padStart(4, '0')}-${two((((month % 12) + 12) % 12) + 1)}-${two(day)}T12:00:00`;
}

function offsetSecondsAt(timezone: ICAL.Timezone, wallClock: string): number {
  return timezone.utcOffset(ICAL.Time.fromDateTimeString(wallClock));
}

function inUtc(wallClock: string, timezone: ICAL.Timezone): DateTimeTimeZone {
  const instant = new Date(Date.parse(`${wallClock}Z`) - offsetSecondsAt(timezone, wallClock) * 1000);
  return atInstant(instant, 'UTC') ?? { dateTime: wallClock, timeZone: 'UTC' };
}
