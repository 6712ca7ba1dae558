import { unchangedUnit } from './canonical-event.ts';
import { SyncError } from './errors.ts';
import type { EventContent, EventFields, OccurrenceOverride, RecurrenceRange } from './event.ts';
import type { EventInput } from './event-input.ts';
import { inheritedFields } from './occurrence-fields.ts';
import { dateOfDay, datesBetween, dayNumber, occursOn } from './rule-dates.ts';
import { FIELDS_OF_UNIT, unitsOfFields } from './series.ts';
import { patchEvent } from './series-edit.ts';

/** "This and following": Exchange has no such operation; a series ends earlier, and another goes on from there. */

export interface SplitSeries {
  /** The series ended before the date; `null` when nothing of it would be left. */
  readonly before: EventContent | null;
  /** From the date on, with what was said about later dates. */
  readonly after: EventContent;
}

/**
 * Both parts together say on every date what the series said. Where nothing lives before the date there is no first part:
 * a series of cancelled dates alone would be one that nobody can see or delete.
 *
 * @param date  an original date, `yyyy-MM-dd` in the series' zone
 * @throws {SyncError} `impossible-input` for a date the rule does not give
 */
export function splitSeries(series: EventContent, date: string): SplitSeries {
  const { recurrence } = series;
  if (!recurrence || !occursOn(recurrence, date)) {
    throw new SyncError('impossible-input', `the series' rule does not give ${date}: it cannot be split there`);
  }
  const earlier = datesBetween(recurrence, recurrence.range.startDate, dayBefore(date));
  const [overridesBefore, overridesAfter] = [
    overridesWhere(series, (other) => other < date),
    overridesWhere(series, (other) => other >= date),
  ];
  const isAnythingLeft =
    earlier.some((other) => !overridesBefore[other]?.isCancelled) ||
    Object.values(overridesBefore).some((override) => !override.isCancelled);
  const { start, end } = inheritedFields(series, date);
  return {
    before:
      isAnythingLeft && earlier.length > 0
        ? {
            ...series,
            recurrence: { ...recurrence, range: endedRange(recurrence.range, date, earlier.length) },
            occurrences: overridesBefore,
          }
        : null,
    after: {
      ...series,
      start,
      end,
      recurrence: { ...recurrence, range: remainingRange(recurrence.range, date, earlier.length) },
      occurrences: overridesAfter,
    },
  };
}

/**
 * The same with a change of the later part. The change is meant for the date it was made on first of all: what was said
 * about that date alone gives way to it. Later dates keep what is their own, as they do when a whole series is changed.
 *
 * @returns `undefined` when the change is none
 * @throws {SyncError} `impossible-input` for what no calendar can hold
 */
export function changeFollowing(series: EventContent, date: string, input: EventInput): SplitSeries | undefined {
  const { before, after } = splitSeries(series, date);
  const asked = withoutOwn(after, date, input);
  const changed = patchEvent(asked, input);
  if (changed === asked && asked === after) return undefined;
  // Another event at Exchange: nobody has answered its invitation yet.
  return { before, after: before ? unanswered(changed) : changed };
}

function endedRange(range: RecurrenceRange, date: string, count: number): RecurrenceRange {
  if (range.type === 'numbered') return { ...range, numberOfOccurrences: count };
  return { ...range, type: 'endDate', endDate: dayBefore(date) };
}

function remainingRange(range: RecurrenceRange, startDate: string, passed: number): RecurrenceRange {
  if (range.type !== 'numbered') return { ...range, startDate };
  return { ...range, startDate, numberOfOccurrences: (range.numberOfOccurrences ?? 1) - passed };
}

function overridesWhere({ occurrences }: EventContent, isMeant: (date: string) => boolean) {
  return Object.fromEntries(Object.entries(occurrences).filter(([date]) => isMeant(date)));
}

function withoutOwn(series: EventContent, date: string, input: EventInput): EventContent {
  const own = series.occurrences[date];
  if (!own || own.isCancelled) return series;
  const { location, recurrence: _rule, locations, ...fields } = input;
  const places = locations ?? (location === undefined ? undefined : []);
  const asked = unitsOfFields({ ...(fields as Partial<EventFields>), ...(places ? { locations: places } : {}) });
  const named = new Set<string>(asked.flatMap((unit) => FIELDS_OF_UNIT[unit]));
  const left = Object.entries(own.fields).filter(([field]) => !named.has(field));
  if (left.length === Object.keys(own.fields).length) return series;
  const kept: OccurrenceOverride = { isCancelled: false, fields: Object.fromEntries(left) };
  const { [date]: _replaced, ...others } = series.occurrences;
  const bare = { ...series, occurrences: others };
  const candidate = { ...series, occurrences: { ...others, [date]: kept } };
  return unchangedUnit(bare, candidate, `occurrence:${date}`) ? bare : candidate;
}

function unanswered(content: EventContent): EventContent {
  const attendees = content.attendees.map(({ status: _answer, ...attendee }) => attendee);
  const occurrences = Object.entries(content.occurrences).map(([date, override]): [string, OccurrenceOverride] => {
    if (override.isCancelled || !override.fields.attendees) return [date, override];
    const invited = override.fields.attendees.map(({ status: _answer, ...attendee }) => attendee);
    return [date, { isCancelled: false, fields: { ...override.fields, attendees: invited } }];
  });
  return { ...content, attendees, occurrences: Object.fromEntries(occurrences) };
}

function dayBefore(date: string): string {
  return dateOfDay(dayNumber(date) - 1);
}
