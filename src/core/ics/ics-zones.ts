import { WINDOWS_TO_IANA_MAP } from 'windows-iana';
import type { DateTimeTimeZone } from '../event.ts';
import { atInstant, ianaZone, isKnownZone, toInstant } from '../time-zones.ts';
import { type IcsComponent, readProperties, refused, textOf } from './ics-text.ts';
import { readDefinition, type ZoneDefinition } from './ics-vtimezone-reader.ts';

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

/** One definition of the file, read once somebody asks for it. */
interface Definition {
  readonly location: string | undefined;
  readonly offsets: () => ZoneDefinition | undefined;
}

type Resolved =
  | { readonly kind: 'zone'; readonly zone: string; readonly isGuess: boolean }
  | { readonly kind: 'offsets'; readonly offsets: ZoneDefinition };

/** Zones are compared where the offsets of all of them are known, and rules of today hold. */
const FIRST_COMPARED_YEAR = 1970;
const LAST_COMPARED_YEAR = 2035;
/** A definition may mean one zone in one year and another in the next; a file that plays on that is taken by its instants. */
const MAX_SEARCHES = 12;

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
  const searches = new Map<string, number>();
  const resolve = (tzid: string, wallClock: string): Resolved | undefined => {
    const year = Math.min(Math.max(Number(wallClock.slice(0, 4)), FIRST_COMPARED_YEAR), LAST_COMPARED_YEAR);
    const key = `${year} ${tzid}`;
    if (!known.has(key)) {
      const count = searches.get(tzid) ?? 0;
      searches.set(tzid, count + 1);
      known.set(key, resolveZone(tzid, definitions.get(tzid), count < MAX_SEARCHES ? year : undefined));
    }
    return known.get(key);
  };
  return {
    floating,
    read: (wallClock, tzid, { say, isSeries }) => {
      const resolved = resolve(tzid, wallClock);
      const shown = tzid.slice(0, 60);
      if (!resolved)
        throw refused(`its time zone "${shown}" is no name anybody knows, and the file does not define it`);
      if (resolved.kind === 'zone') {
        if (resolved.isGuess) say(`its time zone "${shown}" was taken for ${resolved.zone}`);
        return { dateTime: wallClock, timeZone: resolved.zone };
      }
      if (isSeries) throw refused(`its time zone "${shown}" is like no real one, and a series needs one to follow`);
      say(`its time zone "${shown}" is like no real one: its times were kept as the instants they are, in UTC`);
      return inUtc(wallClock, resolved.offsets);
    },
  };
}

function definitionOf(component: IcsComponent): (Definition & { tzid: string }) | undefined {
  const properties = readProperties(component);
  const tzid = textOf(properties.first('TZID'));
  if (!tzid) return undefined;
  let read: { readonly offsets: ZoneDefinition | undefined } | undefined;
  const offsets = () => {
    read ??= { offsets: readDefinition(component) };
    return read.offsets;
  };
  return { tzid, location: textOf(properties.first('X-LIC-LOCATION')), offsets };
}

/** @param year  in which to compare a definition with real zones; without it, it is like none */
function resolveZone(tzid: string, definition: Definition | undefined, year: number | undefined): Resolved | undefined {
  const name = tzid.trim();
  const zone = (found: string, isGuess = false): Resolved => ({ kind: 'zone', zone: found, isGuess });
  if (isKnownZone(name)) return zone(name);
  const hidden = [definition?.location, ...hiddenNames(name)].find((one) => one !== undefined && isKnownZone(one));
  // A full name says more than a definition, which is often of the year the file's program was built.
  if (hidden) return zone(hidden);
  const offsets = definition?.offsets();
  if (offsets) {
    const alike = year === undefined ? undefined : zoneDefinedLike(offsets, year);
    return alike ? zone(alike, true) : { kind: 'offsets', offsets };
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
  return Math.min(...['2026-01-15T12:00:00', '2026-07-15T12:00:00'].map((wallClock) => offsetIn(zone, wallClock) / 60));
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

/**
 * The zone whose offsets a definition gives, fortnight by fortnight, for three years from the start of one; midsummer and
 * midwinter are compared first, because most zones differ from most others there.
 */
function zoneDefinedLike({ since, offsetSecondsAt }: ZoneDefinition, year: number): string | undefined {
  const wallClocks = Array.from({ length: 72 }, (_none, index) => wallClockOf(year, index))
    .filter((wallClock) => wallClock > since)
    .sort((a, b) => Number(isMidSeason(b)) - Number(isMidSeason(a)));
  const wanted = new Map<string, number>();
  const wantedAt = (wallClock: string): number => {
    const known = wanted.get(wallClock) ?? offsetSecondsAt(wallClock);
    wanted.set(wallClock, known);
    return known;
  };
  return CANDIDATES.find((zone) => wallClocks.every((wallClock) => offsetIn(zone, wallClock) === wantedAt(wallClock)));
}

function wallClockOf(year: number, fortnight: number): string {
  const month = String((Math.floor(fortnight / 2) % 12) + 1).padStart(2, '0');
  const shown = String(year + Math.floor(fortnight / 24)).padStart(4, '0');
  return `${shown}-${month}-${fortnight % 2 === 0 ? '01' : '15'}T12:00:00`;
}

function isMidSeason(wallClock: string): boolean {
  return /-(01|07)-15T/.test(wallClock);
}

/** Seconds from UTC, in a zone that is one. */
function offsetIn(zone: string, wallClock: string): number {
  const instant = toInstant({ dateTime: wallClock, timeZone: zone });
  return instant ? (Date.parse(`${wallClock}Z`) - instant.getTime()) / 1000 : Number.NaN;
}

function inUtc(wallClock: string, { offsetSecondsAt }: ZoneDefinition): DateTimeTimeZone {
  const instant = new Date(Date.parse(`${wallClock}Z`) - offsetSecondsAt(wallClock) * 1000);
  return atInstant(instant, 'UTC') ?? { dateTime: wallClock, timeZone: 'UTC' };
}
