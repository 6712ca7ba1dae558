import fc from 'fast-check';
import { type FixedUnit, withUnit } from '../../src/core/canonical-event.ts';
import { isSyncError } from '../../src/core/errors.ts';
import type { EventContent, OccurrenceOverride } from '../../src/core/event.ts';
import { patchContent } from '../../src/core/event-input.ts';
import { withoutIdleDates } from '../../src/core/idle-dates.ts';
import { onLaterDay } from '../../src/core/occurrence-fields.ts';
import { datesBetween } from '../../src/core/recurrence.ts';
import { arbitraryEvent, arbitrarySeries } from './events.ts';

/** What a person does to an event at one sitting, as data, so that it can be printed and made smaller. */
export interface Edit {
  readonly from: EventContent;
  readonly units: readonly FixedUnit[];
  readonly dates: readonly { readonly nth: number; readonly change: 'cancel' | 'rename' | 'move' | 'reset' }[];
  /** How a series' rule changes: by so many days, or to a single event. */
  readonly rule: number | 'single' | null;
}

const UNITS: FixedUnit[] = [
  'subject',
  'body',
  'time',
  'locations',
  'attendees',
  'showAs',
  'sensitivity',
  'importance',
  'categories',
  'reminder',
  'isOnlineMeeting',
];

/** As both sides hold it: of a date, what differs from what it inherits and nothing else. */
export function arbitraryContent(): fc.Arbitrary<EventContent> {
  return fc.oneof(arbitraryEvent(), arbitrarySeries().map(withoutIdleDates));
}

export function arbitraryEdit(): fc.Arbitrary<Edit> {
  return fc.record({
    from: arbitraryEvent(),
    units: fc.subarray(UNITS, { maxLength: 4 }),
    dates: fc.array(
      fc.record({
        nth: fc.nat({ max: 4 }),
        change: fc.constantFrom('cancel' as const, 'rename' as const, 'move' as const, 'reset' as const),
      }),
      { maxLength: 2 },
    ),
    rule: fc.oneof(
      { weight: 6, arbitrary: fc.constant(null) },
      { weight: 2, arbitrary: fc.integer({ min: -3, max: 8 }) },
      { weight: 1, arbitrary: fc.constant('single' as const) },
    ),
  });
}

/**
 * @param how.dropsDates  as Exchange does when a series' rule or time changes; our own side keeps what the rule still gives
 */
export function edited(content: EventContent, edit: Edit, how: { readonly dropsDates: boolean }): EventContent {
  let next = content;
  for (const unit of edit.units) {
    if (unit !== 'time' || !content.recurrence) next = withUnit(next, unit, edit.from);
  }
  if (content.recurrence && edit.rule !== null) next = withRule(next, edit.rule, how.dropsDates);
  for (const { nth, change } of edit.dates) next = withDate(next, nth, change, edit.from.subject);
  // Here, what a date and its series have come to say alike is no exception any more (series-edit.ts).
  return how.dropsDates ? next : withoutIdleDates(next);
}

function withRule(series: EventContent, rule: number | 'single', dropsDates: boolean): EventContent {
  if (rule === 'single') return patchContent(series, { recurrence: null });
  if (rule === 0) return series;
  const moved = movedBy(series, rule);
  if (!moved) return series;
  return dropsDates ? { ...moved, occurrences: {} } : moved;
}

/** @returns nothing where nobody may: an event that a change of the clock would let end before it starts is refused */
function movedBy(series: EventContent, days: number): EventContent | undefined {
  try {
    return patchContent(series, { start: onLaterDay(series.start, days), end: onLaterDay(series.end, days) });
  } catch (error) {
    if (isSyncError(error)) return undefined;
    throw error;
  }
}

function withDate(series: EventContent, nth: number, change: Edit['dates'][number]['change'], subject: string) {
  if (!series.recurrence) return series;
  const { startDate } = series.recurrence.range;
  const dates = datesBetween(series.recurrence, startDate, '9999-12-31', 5);
  const date = dates[nth % Math.max(1, dates.length)];
  if (date === undefined) return series;
  const { [date]: _replaced, ...others } = series.occurrences;
  const override = changedDate(series, date, change, subject);
  return { ...series, occurrences: override ? { ...others, [date]: override } : others };
}

function changedDate(
  series: EventContent,
  date: string,
  change: Edit['dates'][number]['change'],
  subject: string,
): OccurrenceOverride | undefined {
  if (change === 'reset') return undefined;
  if (change === 'cancel') return { isCancelled: true };
  if (change === 'rename') return { isCancelled: false, fields: { subject: `${subject} on ${date}` } };
  const on = (value: EventContent['start']) => ({ ...value, dateTime: `${date}${value.dateTime.slice(10)}` });
  const end = onLaterDay(on(series.start), 1);
  return { isCancelled: false, fields: { start: on(series.start), end, isAllDay: series.isAllDay } };
}
