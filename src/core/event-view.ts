import type { Location } from './event.ts';

/** Graph joins the names of several places like this (user-post-events). */
const LOCATION_SEPARATOR = '; ';

/** @returns Graph's single `location`, derived from all places */
export function joinedLocation(locations: readonly Location[]): Location | null {
  const [first] = locations;
  if (!first) return null;
  if (locations.length === 1) return first;
  return { displayName: locations.map(({ displayName }) => displayName).join(LOCATION_SEPARATOR) };
}

/** An occurrence's id in the HTTP API: `<master id>_<yyyy-MM-dd>`, its original date. */
export function occurrenceId(masterId: string, originalDate: string): string {
  return `${masterId}_${originalDate}`;
}

/** @returns master and date of an occurrence id, or `undefined` for any other id */
export function parseOccurrenceId(id: string): { masterId: string; originalDate: string } | undefined {
  const match = /^(.+)_(\d{4}-\d{2}-\d{2})$/.exec(id);
  return match?.[1] && match[2] ? { masterId: match[1], originalDate: match[2] } : undefined;
}
