import type { PatternedRecurrence } from '../core/event.ts';
import { firstOccurrenceDate } from '../core/rule-dates.ts';
import { atInstant, datePart, isKnownZone, toInstant } from '../core/time-zones.ts';
import { readRecurrence } from './graph-recurrence-reader.ts';
import { members, text, type WireEvent } from './wire-values.ts';

/** Which zone an event's times are read in (graph contract 2.2). */

export interface EventZones {
  readonly start: string;
  readonly end: string;
  /** What the event names, and nobody knows; empty when it names nothing although a rule needs a zone. */
  readonly unknown?: string | undefined;
}

/** Whether none of an event's own zones names one, so that the mailbox's has to stand in. */
export function needsMailboxZone(event: WireEvent): boolean {
  return !event['@removed'] && !ownZones(event, readRecurrence(event['recurrence'])).some(isUsable);
}

/** What the person chose, not what the answer happens to be in: a series read as UTC would drift with daylight saving. */
export function zonesOf(
  event: WireEvent,
  recurrence: PatternedRecurrence | null,
  mailboxZone: string | undefined,
): EventZones {
  const own = ownZones(event, recurrence);
  const chosen = own.find(isUsable);
  if (chosen === undefined) return substituted(event, recurrence, mailboxZone);
  const end = zoneName(event['originalEndTimeZone']);
  return { start: chosen, end: !recurrence && isUsable(end) ? end : chosen };
}

/** UTC has a name by which Graph calls it and would not be called. */
export function zoneName(name: unknown): string {
  return text(name).toLowerCase() === 'tzone://microsoft/utc' ? 'UTC' : text(name);
}

function ownZones(event: WireEvent, recurrence: PatternedRecurrence | null): string[] {
  const own = [zoneName(event['originalStartTimeZone']), zoneName(event['originalEndTimeZone'])];
  return recurrence ? [zoneName(recurrence.range.recurrenceTimeZone), ...own] : own;
}

function isUsable(zone: string): boolean {
  return zone !== '' && isKnownZone(zone);
}

/** Moments stay what they are in any zone, and whole days are in none; only a rule can suffer from a substitute. */
function substituted(
  event: WireEvent,
  recurrence: PatternedRecurrence | null,
  mailboxZone: string | undefined,
): EventZones {
  const isAllDay = event['isAllDay'] === true;
  const usual = mailboxZone !== undefined && isUsable(mailboxZone) ? mailboxZone : 'UTC';
  const zone = recurrence && !isAllDay ? zoneOfRule(event, recurrence, usual) : usual;
  const named = ownZones(event, recurrence).find((name) => name !== '');
  const unknown = isAllDay ? undefined : (named ?? (recurrence ? '' : undefined));
  return { start: zone, end: zone, ...(unknown === undefined ? {} : { unknown }) };
}

/** Nearest to the usual zone first, and at equal distance the eastern one. */
const OFFSETS = Array.from({ length: 27 }, (_, index) => index - 12);
const HOUR_MS = 60 * 60 * 1000;

/**
 * The dates of a rule are those of its own zone. In another one the series may begin a day before or after its rule, and
 * all its occurrences with it; then a fixed offset in which it does not keeps every instant right but for the hour that
 * the unknown zone's clocks may change by.
 */
function zoneOfRule(event: WireEvent, recurrence: PatternedRecurrence, usual: string): string {
  const { dateTime, timeZone } = members(event['start']);
  const start = toInstant({ dateTime: text(dateTime), timeZone: zoneName(timeZone) || 'UTC' });
  if (start === undefined) return usual;
  const dates = [recurrence.range.startDate, firstOccurrenceDate(recurrence)];
  const isOnRule = (zone: string) => dates.includes(datePart(atInstant(start, zone)?.dateTime ?? ''));
  if (isOnRule(usual)) return usual;
  const there = toInstant({ dateTime: atInstant(start, usual)?.dateTime ?? '', timeZone: 'UTC' });
  const usualHours = there ? (there.getTime() - start.getTime()) / HOUR_MS : 0;
  const distance = (hours: number) => Math.abs(hours - usualHours);
  const nearest = [...OFFSETS].sort((a, b) => distance(a) - distance(b) || b - a);
  return nearest.map(fixedZone).find(isOnRule) ?? usual;
}

/** Signs are the other way round in these names; all of them have a Windows name, which Graph may answer with. */
function fixedZone(hours: number): string {
  return hours === 0 ? 'UTC' : `Etc/GMT${hours > 0 ? '-' : '+'}${Math.abs(hours)}`;
}
