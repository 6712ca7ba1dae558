import { itemNotFound } from '../http/graph-error.ts';
import type { Content, Recurrence, StoredException, StoredItem } from './model.ts';
import { expandDates, firstDate } from './recurrence-rule.ts';
import { DAY_MS, dateOf, findZone, parseDate, toInstant, toLocal } from './zones.ts';

/** One member of a series as it stands: computed, or overridden by an exception. */
export interface Instance {
  date: string;
  content: Content;
  exception: StoredException | undefined;
  /** Instant the pattern gives this date, whole minutes (Exchange keys occurrences so). */
  originalStartMs: number;
}

/** The zone a series is expanded in; a custom zone has no rule and is taken as UTC. */
export const zoneOf = (content: Content): string => (content.isAllDay ? 'UTC' : (findZone(content.startZone) ?? 'UTC'));

const localStart = (content: Content): number => toLocal(zoneOf(content), content.startMs);

/** Date of the event's start in its own zone. */
export const startDateOf = (content: Content): string => dateOf(localStart(content));

/**
 * One occurrence of a master by its original date.
 *
 * @throws {GraphError} 404 `ErrorItemNotFound` when the pattern has no such date or it was deleted
 */
export function instanceOf(item: StoredItem, date: string): Instance {
  const recurrence = item.recurrence;
  if (recurrence === null || item.cancelled.includes(date)) throw itemNotFound();
  if (item.exceptions[date] === undefined && expandDates(recurrence, date, date).length === 0) throw itemNotFound();
  return instanceAt(item, date);
}

function instanceAt(item: StoredItem, date: string): Instance {
  const master = item.content;
  const zone = zoneOf(master);
  const begins = localStart(master);
  const clock = Math.floor((begins - Math.floor(begins / DAY_MS) * DAY_MS) / 60_000) * 60_000;
  const local = parseDate(date)! + clock;
  const length = toLocal(zone, master.endMs) - begins;
  const originalStartMs = toInstant(zone, local);
  const exception = item.exceptions[date];
  const computed = {
    ...master,
    startMs: originalStartMs,
    endMs: toInstant(zone, local + length),
    endZone: master.startZone,
  };
  return { date, originalStartMs, exception, content: exception ? { ...computed, ...exception.override } : computed };
}

/**
 * A master's `start` and `end` are those of its first occurrence, also when the start that was written
 * does not fit the pattern.
 */
export function startOnPattern(content: Content, recurrence: Recurrence): Content {
  const zone = zoneOf(content);
  const shift = parseDate(firstDate(recurrence)!)! - parseDate(startDateOf(content))!;
  if (shift === 0) return content;
  const move = (ms: number) => toInstant(zone, toLocal(zone, ms) + shift);
  return { ...content, startMs: move(content.startMs), endMs: move(content.endMs) };
}

/** Living members that overlap [startMs, endMs), in order of original date. */
export function instancesBetween(item: StoredItem, startMs: number, endMs: number, allDayByZone = false): Instance[] {
  if (item.recurrence === null) return [];
  const length = item.content.endMs - item.content.startMs;
  const from = dateOf(Math.max(startMs - length - 2 * DAY_MS, FIRST_DAY));
  const to = dateOf(Math.min(endMs + 2 * DAY_MS, LAST_DAY));
  const dates = new Set(expandDates(item.recurrence, from, to));
  // A moved occurrence may have come here from anywhere.
  for (const date of Object.keys(item.exceptions)) dates.add(date);
  for (const date of item.cancelled) dates.delete(date);
  const found: Instance[] = [];
  for (const date of [...dates].sort()) {
    const instance = instanceAt(item, date);
    if (overlaps(instance.content, startMs, endMs, allDayByZone)) found.push(instance);
  }
  return found;
}

const FIRST_DAY = parseDate('0001-01-02')!;
const LAST_DAY = parseDate('9999-12-31')!;

/** Half-open overlap; an event without length belongs to the instant it starts at. */
export function overlaps(content: Content, startMs: number, endMs: number, allDayByZone = false): boolean {
  let { startMs: from, endMs: to } = content;
  if (content.isAllDay && allDayByZone) {
    const zone = findZone(content.startZone) ?? 'UTC';
    from = toInstant(zone, from);
    to = toInstant(zone, to);
  }
  return from < endMs && (to > startMs || (to === from && from >= startMs));
}

/** How far apart two dates of each pattern can lie, in days. */
const SPAN: Record<string, number> = {
  daily: 1,
  weekly: 7,
  absoluteMonthly: 31,
  relativeMonthly: 38,
  absoluteYearly: 366,
  relativeYearly: 373,
};

/** Days (in the series' zone) on which the neighbours of a date stand now; undefined where there is none. */
export function neighbourDays(
  item: StoredItem,
  date: string,
): { before: string | undefined; after: string | undefined } {
  const { pattern } = item.recurrence!;
  const reach = (SPAN[pattern.type] ?? 366) * pattern.interval * (2 + item.cancelled.length) * DAY_MS;
  const at = parseDate(date)!;
  const living = (from: number, to: number) =>
    expandDates(item.recurrence!, dateOf(Math.max(from, FIRST_DAY)), dateOf(Math.min(to, LAST_DAY))).filter(
      (day) => day !== date && !item.cancelled.includes(day),
    );
  const day = (original: string | undefined) =>
    original === undefined ? undefined : startDateOf(instanceAt(item, original).content);
  return { before: day(living(at - reach, at).at(-1)), after: day(living(at, at + reach)[0]) };
}
