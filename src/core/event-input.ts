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
import { validateRecurrence } from './recurrence.ts';
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
  return checked({ ...NEW_EVENT_DEFAULTS, start, end, ...changesOf(input) });
}

/** @throws {SyncError} `impossible-input` when the event would become one no calendar can hold */
export function patchContent(current: EventContent, input: EventInput): EventContent {
  const changes = changesOf(input);
  const moved = { ...current, ...changes };
  // A series whose start moves takes its rule along, as in Outlook, unless the caller gives the rule.
  const recurrence =
    changes.start && moved.recurrence && input.recurrence === undefined
      ? movedRule(moved.recurrence, current.start, changes.start)
      : moved.recurrence;
  return checked({ ...moved, recurrence, occurrences: recurrence ? current.occurrences : {} });
}

function changesOf(input: EventInput): Partial<EventContent> {
  const { location, locations, attendees, recurrence, start, end, ...plain } = input;
  return {
    ...plain,
    ...(start ? { start: spelled(start) } : {}),
    ...(end ? { end: spelled(end) } : {}),
    ...(locations ? { locations } : location !== undefined ? { locations: location ? [location] : [] } : {}),
    ...(attendees
      ? { attendees: attendees.map((attendee) => ({ ...attendee, type: attendee.type ?? 'required' })) }
      : {}),
    ...(recurrence !== undefined ? { recurrence: recurrence ? withStartDate(recurrence, start) : null } : {}),
  };
}

function spelled({ dateTime, timeZone }: DateTimeTimeZone): DateTimeTimeZone {
  return { dateTime: normalDateTime(dateTime), timeZone };
}

function withStartDate(recurrence: PatternedRecurrence, start: DateTimeTimeZone | undefined): PatternedRecurrence {
  if (recurrence.range.startDate || !start) return recurrence;
  return { ...recurrence, range: { ...recurrence.range, startDate: datePart(start.dateTime) } };
}

function movedRule(
  recurrence: PatternedRecurrence,
  before: DateTimeTimeZone,
  after: DateTimeTimeZone,
): PatternedRecurrence {
  const { recurrenceTimeZone, ...range } = recurrence.range;
  const isMovedDate = datePart(before.dateTime) !== datePart(after.dateTime);
  return {
    ...recurrence,
    range: {
      ...range,
      startDate: isMovedDate ? datePart(after.dateTime) : range.startDate,
      ...(recurrenceTimeZone ? { recurrenceTimeZone: after.timeZone } : {}),
    },
  };
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
