import type {
  Attendee,
  DateTimeTimeZone,
  EventContent,
  ItemBody,
  Location,
  OccurrenceOverride,
  PatternedRecurrence,
} from '../core/event.ts';
import { atInstant, isCalendarDate, isReadableDateTime, normalDateTime } from '../core/time-zones.ts';

/**
 * Reading columns that any program may write by plain SQL. What cannot be read is `undefined`, never a guess: a guess
 * would be carried to Outlook as if a person had meant it.
 */

/** The fields kept together in `details`. */
export type DetailFields = Omit<
  EventContent,
  'subject' | 'body' | 'start' | 'end' | 'isAllDay' | 'recurrence' | 'occurrences'
>;

const WALL_CLOCK = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?$/;
const OFFSET = /[T ]\d{2}:\d{2}.*(Z|[+-]\d{2}:?\d{2})$/i;

const CHOICES = {
  showAs: ['free', 'tentative', 'busy', 'oof', 'workingElsewhere', 'unknown'],
  sensitivity: ['normal', 'personal', 'private', 'confidential'],
  importance: ['low', 'normal', 'high'],
};
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const PATTERNS = ['daily', 'weekly', 'absoluteMonthly', 'relativeMonthly', 'absoluteYearly', 'relativeYearly'];

export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** A text, or `{ contentType, content }`. */
export function readBody(value: unknown): ItemBody | null | undefined {
  if (value === null || value === '') return null;
  if (typeof value === 'string') return { contentType: 'text', content: value };
  const { contentType, content } = asObject(value) ?? {};
  if (typeof content !== 'string') return undefined;
  const isHtml = typeof contentType === 'string' && contentType.toLowerCase() === 'html';
  return { contentType: isHtml ? 'html' : 'text', content };
}

/** A name, or `{ displayName, … }`. */
export function readLocation(value: unknown): Location | null | undefined {
  if (value === null || value === '') return null;
  if (typeof value === 'string') return { displayName: value };
  const location = asObject(value);
  if (typeof location?.['displayName'] !== 'string') return undefined;
  return location as unknown as Location;
}

/** A wall clock, or `{ dateTime, timeZone }`. One with an offset is an instant, shown on the clock of its zone. */
export function readDateTime(value: unknown): DateTimeTimeZone | undefined {
  const object = asObject(value);
  const dateTime = typeof value === 'string' ? value : object?.['dateTime'];
  if (typeof dateTime !== 'string') return undefined;
  const timeZone = typeof object?.['timeZone'] === 'string' ? object['timeZone'] : 'UTC';
  if (WALL_CLOCK.test(dateTime)) return { dateTime, timeZone };
  if (isReadableDateTime(dateTime)) return { dateTime: normalDateTime(dateTime), timeZone };
  if (!OFFSET.test(dateTime)) return undefined;
  const instant = new Date(dateTime);
  return atInstant(instant, timeZone) ?? atInstant(instant, 'UTC');
}

/** @param start  whose date an absent `range.startDate` takes */
export function readRecurrence(
  value: unknown,
  start: DateTimeTimeZone | undefined,
): PatternedRecurrence | null | undefined {
  if (value === null) return null;
  const pattern = asObject(asObject(value)?.['pattern']);
  const range = asObject(asObject(value)?.['range']);
  if (!pattern || !range || !isPattern(pattern)) return undefined;
  const dated = { ...range, startDate: range['startDate'] ?? start?.dateTime.slice(0, 10) };
  return isRange(dated) ? ({ pattern, range: dated } as unknown as PatternedRecurrence) : undefined;
}

function isPattern(pattern: Record<string, unknown>): boolean {
  const type = String(pattern['type']);
  const days = pattern['daysOfWeek'];
  const needsDays = type === 'weekly' || type.startsWith('relative');
  return (
    PATTERNS.includes(type) &&
    isCount(pattern['interval']) &&
    (!needsDays || (Array.isArray(days) && days.length > 0)) &&
    (!Array.isArray(days) || days.every((day) => DAYS.includes(day))) &&
    (!type.startsWith('absolute') || isCount(pattern['dayOfMonth'])) &&
    (!type.endsWith('Yearly') || isCount(pattern['month']))
  );
}

function isRange(range: Record<string, unknown>): boolean {
  const isDate = (date: unknown) => typeof date === 'string' && isCalendarDate(date);
  if (!isDate(range['startDate'])) return false;
  if (range['type'] === 'numbered') return isCount(range['numberOfOccurrences']);
  return range['type'] === 'noEnd' || (range['type'] === 'endDate' && isDate(range['endDate']));
}

/** Exchange takes up to 999 of anything. */
function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 999;
}

export function readOccurrences(value: unknown): Record<string, OccurrenceOverride> | undefined {
  if (value === null) return {};
  const occurrences = asObject(value);
  const isReadable = Object.entries(occurrences ?? {}).every(([date, override]) => {
    const { isCancelled, fields } = asObject(override) ?? {};
    return isCalendarDate(date) && (isCancelled === true || (isCancelled === false && asObject(fields)));
  });
  return isReadable ? (occurrences as Record<string, OccurrenceOverride> | undefined) : undefined;
}

/** @returns those of the details that are there, and the names of those that cannot be read */
export function readDetails(value: unknown): {
  details: Partial<DetailFields>;
  unreadable: readonly (keyof DetailFields)[];
} {
  const given = asObject(value) ?? {};
  const details: Record<string, unknown> = {};
  const unreadable: (keyof DetailFields)[] = [];
  for (const [field, isReadable] of Object.entries(DETAILS)) {
    if (given[field] === undefined || given[field] === null) continue;
    if (isReadable(given[field])) details[field] = given[field];
    else unreadable.push(field as keyof DetailFields);
  }
  return { details, unreadable };
}

const oneOf = (choices: readonly string[]) => (value: unknown) => choices.includes(String(value));
const listOf = (isReadable: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every(isReadable);
const isBoolean = (value: unknown) => typeof value === 'boolean';
const isText = (value: unknown) => typeof value === 'string';
const isAttendee = (value: unknown) =>
  asObject((asObject(value) as Partial<Attendee> | undefined)?.emailAddress) !== undefined;

const DETAILS: Readonly<Record<keyof DetailFields, (value: unknown) => boolean>> = {
  locations: listOf((value) => isText(asObject(value)?.['displayName'])),
  attendees: listOf(isAttendee),
  showAs: oneOf(CHOICES.showAs),
  sensitivity: oneOf(CHOICES.sensitivity),
  importance: oneOf(CHOICES.importance),
  categories: listOf(isText),
  isReminderOn: isBoolean,
  reminderMinutesBeforeStart: (value) => Number.isFinite(value),
  isOnlineMeeting: isBoolean,
};

export const DETAIL_FIELDS = Object.keys(DETAILS) as (keyof DetailFields)[];
