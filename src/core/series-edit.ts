import { changedUnits } from './canonical-event.ts';
import { SyncError } from './errors.ts';
import type { EventContent, EventFields, OccurrenceOverride } from './event.ts';
import { type EventInput, patchContent } from './event-input.ts';
import { inheritedFields } from './occurrence-fields.ts';
import { datesBetween, occurrenceOn, occursOn } from './recurrence.ts';
import { FIELDS_OF_UNIT, occurrenceContent } from './series.ts';
import { datePart, inZone, isCalendarDate } from './time-zones.ts';

/** Changes a person makes to an event, to a whole series, or to one of its dates. */

/** What is behind one date of a series. */
export type OccurrenceState = 'living' | 'cancelled' | 'none';

export function occurrenceState(content: EventContent, date: string): OccurrenceState {
  if (!content.recurrence || !isCalendarDate(date)) return 'none';
  const override = content.occurrences[date];
  if (override) return override.isCancelled ? 'cancelled' : 'living';
  return occursOn(content.recurrence, date) ? 'living' : 'none';
}

/**
 * A patch of a single event or of a whole series. When a series' rule or time changes, Exchange drops every exception and
 * every cancelled date (graph contract 3.2), and the push sends ours again: those the new rule still has.
 *
 * @throws {SyncError} `impossible-input` for what no calendar can hold, also when the new rule would put an occurrence in the
 *   way of an exception that was moved
 */
export function patchEvent(current: EventContent, input: EventInput): EventContent {
  const patched = patchContent(current, input);
  if (JSON.stringify(patched) === JSON.stringify(current)) return current;
  if (!patched.recurrence || Object.keys(patched.occurrences).length === 0) return patched;
  const series = { ...patched, occurrences: stillDiffering(patched) };
  if (patched.occurrences === current.occurrences) return series;
  for (const [date, override] of Object.entries(series.occurrences)) {
    if (!override.isCancelled && override.fields.start) assertBetweenNeighbours(series, date);
  }
  return series;
}

/**
 * The exceptions of a series without what they and the series have come to say alike: an exception that says nothing of its
 * own is none at Exchange either, and has nothing to be told by there when the series moves on.
 */
function stillDiffering(series: EventContent): Record<string, OccurrenceOverride> {
  const kept = Object.entries(series.occurrences).flatMap(([date, override]): [string, OccurrenceOverride][] => {
    if (override.isCancelled) return [[date, override]];
    const own = overrideFor(series, date, { ...inheritedFields(series, date), ...override.fields });
    return own ? [[date, own]] : [];
  });
  return Object.fromEntries(kept);
}

/**
 * A patch of one date of a series: kept as what differs from the series, so that everything else goes on following it.
 *
 * @returns the whole series; without an override for the date when nothing differs any more
 * @throws {SyncError} `impossible-input`, naming the neighbour, for a move to or past another occurrence's day
 */
export function patchOccurrence(series: EventContent, date: string, input: EventInput): EventContent {
  const { recurrence, ...changes } = input;
  if (recurrence) {
    throw new SyncError('impossible-input', 'one occurrence cannot recur: change the recurrence of its series', {
      problems: [{ path: 'recurrence', message: 'must be left out, or be null; the series master has it' }],
    });
  }
  const before = occurrenceContent(series, date);
  const after = patchEvent(before, changes);
  const next = withOverride(series, date, overrideFor(series, date, after));
  const isMoved = datePart(before.start.dateTime) !== datePart(after.start.dateTime);
  if (isMoved || before.start.timeZone !== after.start.timeZone) assertBetweenNeighbours(next, date);
  return next;
}

export function cancelOccurrence(series: EventContent, date: string): EventContent {
  return withOverride(series, date, { isCancelled: true });
}

/**
 * A date that is deleted in Outlook stays deleted as long as the rule has it: Exchange knows no way to restore one (graph
 * contract 3.2), so a series in which it lives again could never be brought into step.
 *
 * @param there  the series as Outlook has it, as far as we know
 * @returns the series itself when it revives nothing
 */
export function withoutRevived(series: EventContent, there: EventContent | null | undefined): EventContent {
  const { recurrence } = series;
  if (!recurrence || !there?.recurrence) return series;
  const revived = Object.entries(there.occurrences)
    .filter(([date, override]) => override.isCancelled && series.occurrences[date]?.isCancelled !== true)
    .map(([date]) => date)
    .filter((date) => isCalendarDate(date) && occursOn(recurrence, date));
  if (revived.length === 0) return series;
  const gone = Object.fromEntries(revived.map((date) => [date, { isCancelled: true as const }]));
  return { ...series, occurrences: { ...series.occurrences, ...gone } };
}

/**
 * What an occurrence's content says that its series does not, unit by unit: a start is kept with its end, so that a later
 * move of the series cannot tear the two apart.
 *
 * @returns `undefined` when it says nothing of its own
 */
export function overrideFor(
  series: EventContent,
  date: string,
  content: EventFields,
): Extract<OccurrenceOverride, { isCancelled: false }> | undefined {
  const inherited = asSingle(inheritedFields(series, date));
  const fields: Record<string, unknown> = {};
  for (const unit of changedUnits(inherited, asSingle(content))) {
    for (const field of FIELDS_OF_UNIT[unit as keyof typeof FIELDS_OF_UNIT]) fields[field] = content[field];
  }
  return Object.keys(fields).length === 0 ? undefined : { isCancelled: false, fields: fields as Partial<EventFields> };
}

/**
 * Exchange keeps every occurrence between the days of its neighbours and answers `ErrorOccurrenceCrossingBoundary` to
 * anything else (graph contract 3.2).
 *
 * @throws {SyncError} `impossible-input`
 */
function assertBetweenNeighbours(series: EventContent, date: string): void {
  const crossing = crossedNeighbour(series, date);
  if (!crossing) return;
  const { day, neighbour, side } = crossing;
  const message = `must be ${side} ${neighbour.day}, the day of the series' ${side === 'after' ? 'previous' : 'next'} occurrence (${neighbour.date}): Exchange lets no occurrence reach its neighbour's day`;
  throw new SyncError('impossible-input', `the occurrence of ${date} cannot be on ${day}: its start ${message}`, {
    graphCode: 'ErrorOccurrenceCrossingBoundary',
    problems: [{ path: 'start', message }],
  });
}

interface Neighbour {
  /** Its original date. */
  readonly date: string;
  /** Where it stands now. */
  readonly day: string;
}

/** @returns the neighbour whose day an occurrence reaches or passes, if it does */
export function crossedNeighbour(
  series: EventContent,
  date: string,
): { day: string; neighbour: Neighbour; side: 'before' | 'after' } | undefined {
  const day = dayOf(series, date);
  const previous = neighbourOf(series, date, -1);
  if (previous && day <= previous.day) return { day, neighbour: previous, side: 'after' };
  const next = neighbourOf(series, date, 1);
  if (next && day >= next.day) return { day, neighbour: next, side: 'before' };
  return undefined;
}

/** How far to look for a neighbour, in days: most rules have one within the first, every rule within the last. */
const REACHES_IN_DAYS = [8, 40, 400, 4_000, 40_000];

function neighbourOf(series: EventContent, date: string, direction: -1 | 1): Neighbour | undefined {
  const { recurrence } = series;
  if (!recurrence) return undefined;
  for (const reach of REACHES_IN_DAYS) {
    const far = shifted(date, reach * direction);
    const dates = direction < 0 ? datesBetween(recurrence, far, date) : datesBetween(recurrence, date, far);
    const living = dates.filter((other) => other !== date && !series.occurrences[other]?.isCancelled);
    const nearest = direction < 0 ? living.at(-1) : living[0];
    if (nearest !== undefined) return { date: nearest, day: dayOf(series, nearest) };
    if (direction < 0 && far <= recurrence.range.startDate) return undefined;
  }
  return undefined;
}

function shifted(date: string, days: number): string {
  const far = new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString();
  return far.startsWith('-') || far.startsWith('+') ? (days < 0 ? '0001-01-01' : '9999-12-31') : far.slice(0, 10);
}

/** The day an occurrence starts on, in the series' zone. */
function dayOf(series: EventContent, date: string): string {
  const fields = occurrenceOn(series, date)?.fields ?? inheritedFields(series, date);
  if (fields.isAllDay || series.isAllDay) return datePart(fields.start.dateTime);
  return datePart((inZone(fields.start, series.start.timeZone) ?? fields.start).dateTime);
}

function withOverride(series: EventContent, date: string, override: OccurrenceOverride | undefined): EventContent {
  const { [date]: _replaced, ...others } = series.occurrences;
  return { ...series, occurrences: override ? { ...others, [date]: override } : others };
}

function asSingle(fields: EventFields): EventContent {
  return { ...fields, recurrence: null, occurrences: {} };
}

/** A series without what is said about dates its rule does not give; it goes with the rule that gave them. */
export function onOwnDates(series: EventContent): EventContent {
  const { recurrence, occurrences } = series;
  const kept = Object.entries(occurrences).filter(([date]) => recurrence && occursOn(recurrence, date));
  if (kept.length === Object.keys(occurrences).length) return series;
  return { ...series, occurrences: Object.fromEntries(kept) };
}
