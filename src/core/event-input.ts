import { attendeeKey } from './canonical-event.ts';
import { type InputProblem, SyncError } from './errors.ts';
import {
  type Attendee,
  type DateTimeTimeZone,
  type EventContent,
  type EventFields,
  type ItemBody,
  type Location,
  NEW_EVENT_DEFAULTS,
  type PatternedRecurrence,
} from './event.ts';
import { joinedLocation } from './event-view.ts';
import { validateRecurrence } from './recurrence.ts';
import { carriedOccurrences, movedRule, startingOnRule } from './series-move.ts';
import { datePart, isKnownZone, isReadableDateTime, normalDateTime, sameZone, toInstant } from './time-zones.ts';

/**
 * Event fields as a caller sends them, in Graph's names; their shapes are already checked by the API's schemas.
 * `location` is Graph's single place and replaces all places, as it does at Graph.
 */
export interface EventInput extends Partial<Omit<EventFields, 'body' | 'locations' | 'attendees'>> {
  readonly body?: ItemBody | null;
  readonly location?: Location | null;
  readonly locations?: readonly Location[];
  readonly attendees?: readonly (Omit<Attendee, 'type'> & { readonly type?: Attendee['type'] })[];
  readonly recurrence?: PatternedRecurrence | null;
}

/** @throws {SyncError} `invalid-input` without start or end; `impossible-input` for what no calendar can hold */
export function createContent(input: EventInput): EventContent {
  const problems = (['start', 'end'] as const)
    .filter((field) => input[field] === undefined)
    .map((field) => ({
      path: field,
      message: 'is required, e.g. { "dateTime": "2026-03-09T09:00:00", "timeZone": "Europe/Berlin" }',
    }));
  if (problems.length > 0) throw new SyncError('invalid-input', 'an event needs a start and an end', { problems });
  const { start, end } = input as { start: DateTimeTimeZone; end: DateTimeTimeZone };
  return startingOnRule(checked({ ...NEW_EVENT_DEFAULTS, start, end, ...changesOf(input) }));
}

/** @throws {SyncError} `impossible-input` when the event would become one no calendar can hold */
export function patchContent(current: EventContent, input: EventInput): EventContent {
  const changes = changesOf(input, current);
  const patched = { ...current, ...changes };
  // What is not touched is not judged: an event with a time nobody here would accept can still be renamed.
  if (!TIME_FIELDS.some((field) => input[field] !== undefined)) return patched;
  const moved = changes.start && input.recurrence === undefined ? movedRule(current, changes.start) : null;
  const series = startingOnRule(checked(moved ? { ...patched, recurrence: moved.recurrence } : patched));
  return { ...series, occurrences: carriedOccurrences(current, series, moved?.shiftDays ?? 0) };
}

const TIME_FIELDS = ['start', 'end', 'isAllDay', 'recurrence'] as const;
const PLAIN_FIELDS = [
  ...(['subject', 'body', 'isAllDay', 'showAs', 'sensitivity', 'importance', 'categories'] as const),
  ...(['isReminderOn', 'reminderMinutesBeforeStart', 'isOnlineMeeting'] as const),
];

/** Only fields a person may write are taken over, whatever else stands in the input. */
function changesOf(input: EventInput, current?: EventContent): Partial<EventContent> {
  const { attendees, recurrence, start, end } = input;
  const plain = PLAIN_FIELDS.filter((field) => input[field] !== undefined).map((field) => [field, input[field]]);
  const locations = locationsOf(input, current);
  return {
    ...Object.fromEntries(plain),
    ...(start ? { start: spelled(start) } : {}),
    ...(end ? { end: spelled(end) } : {}),
    ...(locations ? { locations } : {}),
    ...(attendees ? { attendees: attendees.map((attendee) => invited(attendee, current?.attendees ?? [])) } : {}),
    ...(recurrence === undefined
      ? {}
      : { recurrence: recurrence && withStartDate(recurrence, start ?? current?.start) }),
  };
}

/**
 * `locations` says more than `location` and wins, unless a caller sends an event back as it was read with another single
 * place: then that is what they changed.
 */
function locationsOf({ location, locations }: EventInput, current?: EventContent): readonly Location[] | undefined {
  const single = location === undefined ? undefined : location ? [location] : [];
  if (!single || !locations) return locations ?? single;
  const before = current?.locations ?? [];
  const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const isSingleChanged = !isSame(location, joinedLocation(before));
  return isSame(locations, before) && isSingleChanged ? single : locations;
}

/** A guest's answer is the guest's: it stays with them when the list is written anew. */
function invited(given: NonNullable<EventInput['attendees']>[number], before: readonly Attendee[]): Attendee {
  const attendee: Attendee = { ...given, type: given.type ?? 'required' };
  const known = before.find((other) => attendeeKey(other) === attendeeKey(attendee));
  return known?.status ? { ...attendee, status: known.status } : attendee;
}

/** An offset is left standing, so that it is refused: dropping it would move the event by hours. */
function spelled({ dateTime, timeZone }: DateTimeTimeZone): DateTimeTimeZone {
  return { dateTime: isReadableDateTime(dateTime) ? normalDateTime(dateTime) : dateTime, timeZone };
}

function withStartDate(recurrence: PatternedRecurrence, start: DateTimeTimeZone | undefined): PatternedRecurrence {
  if (recurrence.range.startDate || !start) return recurrence;
  return { ...recurrence, range: { ...recurrence.range, startDate: datePart(start.dateTime) } };
}

function checked(content: EventContent): EventContent {
  const problems = [...timeProblems(content), ...allDayProblems(content)];
  if (problems.length === 0 && content.recurrence)
    problems.push(...validateRecurrence(content.recurrence, content.start));
  if (problems.length > 0) {
    const first = problems[0];
    throw new SyncError('impossible-input', `the event is impossible: ${first?.path} ${first?.message}`, { problems });
  }
  return content;
}

function timeProblems({ start, end }: EventContent): InputProblem[] {
  const problems: InputProblem[] = [];
  for (const [path, value] of [
    ['start', start],
    ['end', end],
  ] as const) {
    if (!isReadableDateTime(value.dateTime)) {
      problems.push({
        path: `${path}.dateTime`,
        message: 'must be a wall clock without offset, e.g. 2026-03-09T09:00:00',
      });
    }
    if (!isKnownZone(value.timeZone)) {
      problems.push({
        path: `${path}.timeZone`,
        message: 'must be a Windows or IANA time zone name, e.g. "W. Europe Standard Time" or "Europe/Berlin"',
      });
    }
  }
  if (problems.length > 0) return problems;
  const from = toInstant(start);
  const to = toInstant(end);
  if (from && to && to < from) problems.push({ path: 'end', message: 'must not be before start' });
  return problems;
}

function allDayProblems({ isAllDay, start, end }: EventContent): InputProblem[] {
  if (!isAllDay) return [];
  const problems: InputProblem[] = [];
  for (const [path, value] of [
    ['start', start],
    ['end', end],
  ] as const) {
    if (normalDateTime(value.dateTime).slice(10) !== 'T00:00:00') {
      problems.push({
        path: `${path}.dateTime`,
        message: 'must be midnight for an all-day event, e.g. 2026-03-09T00:00:00',
      });
    }
  }
  if (!sameZone(start.timeZone, end.timeZone)) {
    problems.push({ path: 'end.timeZone', message: 'must be the zone of start for an all-day event' });
  }
  if (datePart(end.dateTime) <= datePart(start.dateTime)) {
    problems.push({
      path: 'end.dateTime',
      message: 'must be at least the day after start: the end of an all-day event is exclusive',
    });
  }
  return problems;
}
