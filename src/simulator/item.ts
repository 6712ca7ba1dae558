import { rewriteBody, type StoredBody } from './body.ts';
import { GraphError, invalidProperty } from './graph-error.ts';
import { readRecurrence, type StoredRecurrence } from './recurrence.ts';
import { instantOf, isSameZone, readWallClock, requireZone } from './zones.ts';

/** What a person wrote into an event, as Exchange keeps it. Times are wall clocks of the zone they were written in. */
export interface ItemData {
  readonly subject: string;
  readonly body: StoredBody;
  readonly start: { readonly wallClock: string; readonly zone: string };
  readonly end: { readonly wallClock: string; readonly zone: string };
  readonly isAllDay: boolean;
  readonly recurrence: StoredRecurrence | null;
  readonly locations: readonly Record<string, unknown>[];
  readonly attendees: readonly Record<string, unknown>[];
  readonly showAs: string;
  readonly sensitivity: string;
  readonly importance: string;
  readonly categories: readonly string[];
  readonly isReminderOn: boolean;
  readonly reminderMinutesBeforeStart: number;
  readonly isOnlineMeeting: boolean;
  readonly onlineMeetingProvider: string;
  readonly responseRequested: boolean;
  readonly allowNewTimeProposals: boolean;
  readonly hideAttendees: boolean;
}

export interface Exception {
  readonly data: Partial<ItemData>;
  readonly changeKey: string;
}

export interface Item {
  readonly immutableId: string;
  defaultId: string;
  calendarId: string;
  /** Place in the mailbox's change log; grows with every change. */
  seq: number;
  changeKey: string;
  readonly createdAt: number;
  modifiedAt: number;
  isDeleted: boolean;
  data: ItemData;
  exceptions: Record<string, Exception>;
  exclusions: string[];
  readonly iCalUId: string;
  readonly transactionId: string | null;
  readonly createHash: string;
  isOrganizer: boolean;
  organizer: { name: string; address: string };
  isCancelled: boolean;
  response: string;
  joinUrl: string | null;
  extendedProperties: Record<string, string>;
}

const SHOW_AS = ['free', 'tentative', 'busy', 'oof', 'workingElsewhere', 'unknown'];
const SENSITIVITY = ['normal', 'personal', 'private', 'confidential'];
const IMPORTANCE = ['low', 'normal', 'high'];
const ATTENDEE_TYPES = ['required', 'optional', 'resource'];
const MAX_ATTENDEES = 500;

const WRITABLE = new Set([
  'subject', 'body', 'start', 'end', 'isAllDay', 'recurrence', 'location', 'locations', 'attendees', 'showAs', 'sensitivity',
  'importance', 'categories', 'isReminderOn', 'reminderMinutesBeforeStart', 'isOnlineMeeting', 'onlineMeetingProvider',
  'responseRequested', 'allowNewTimeProposals', 'hideAttendees', 'transactionId', 'singleValueExtendedProperties',
]);
/** Sent back by clients that return what they read; Exchange takes no notice of them. */
const READ_ONLY = new Set([
  'id', 'changeKey', 'createdDateTime', 'lastModifiedDateTime', 'bodyPreview', 'originalStartTimeZone',
  'originalEndTimeZone', 'originalStart', 'type', 'seriesMasterId', 'occurrenceId', 'iCalUId', 'uid', 'isOrganizer',
  'organizer', 'responseStatus', 'onlineMeeting', 'onlineMeetingUrl', 'isCancelled', 'isDraft', 'hasAttachments', 'webLink',
  'cancelledOccurrences', 'exceptionOccurrences', 'calendar', 'instances', 'attachments', 'extensions', 'reminder',
  'multiValueExtendedProperties', 'groupClassId',
]);

/** @throws {GraphError} 400 naming a property that events do not have */
export function assertKnownProperties(input: Record<string, unknown>): void {
  for (const name of Object.keys(input)) {
    if (WRITABLE.has(name) || READ_ONLY.has(name) || name.includes('@odata.') || name.startsWith('@')) continue;
    throw new GraphError(
      400,
      'RequestBodyRead',
      `The property '${name}' does not exist on type 'microsoft.graph.event'. Make sure to only use property names that are defined by the type or mark the type as open type.`,
    );
  }
}

export function newData(now: string): ItemData {
  return {
    subject: '',
    body: rewriteBody({ contentType: 'html', content: '' }),
    start: { wallClock: now, zone: 'UTC' },
    end: { wallClock: now, zone: 'UTC' },
    isAllDay: false,
    recurrence: null,
    locations: [],
    attendees: [],
    showAs: 'busy',
    sensitivity: 'normal',
    importance: 'normal',
    categories: [],
    isReminderOn: true,
    reminderMinutesBeforeStart: 15,
    isOnlineMeeting: false,
    onlineMeetingProvider: 'unknown',
    responseRequested: true,
    allowNewTimeProposals: true,
    hideAttendees: false,
  };
}

/**
 * Puts a request's properties over what is stored, with Exchange's checks.
 *
 * @throws {GraphError} 400 for everything Exchange refuses; nothing is changed then
 */
export function applyInput(before: ItemData, input: Record<string, unknown>): ItemData {
  assertKnownProperties(input);
  if ('isAllDay' in input && input['isAllDay'] !== before.isAllDay && !('start' in input && 'end' in input)) {
    throw invalidProperty();
  }
  const start = 'start' in input ? readTime(input['start']) : before.start;
  const end = 'end' in input ? readTime(input['end']) : before.end;
  const plain: ItemData = {
    ...before,
    ...(input['subject'] === undefined ? {} : { subject: String(input['subject'] ?? '').slice(0, 255) }),
    ...(input['body'] ? { body: rewriteBody(input['body'] as Record<string, unknown>) } : {}),
    start,
    end,
    ...flag(input, 'isAllDay'),
    ...places(input),
    ...(Array.isArray(input['attendees']) ? { attendees: input['attendees'].map(readAttendee) } : {}),
    ...choice(input, 'showAs', SHOW_AS),
    ...choice(input, 'sensitivity', SENSITIVITY),
    ...choice(input, 'importance', IMPORTANCE),
    ...(Array.isArray(input['categories']) ? { categories: input['categories'].map(String) } : {}),
    ...flag(input, 'isReminderOn'),
    ...(typeof input['reminderMinutesBeforeStart'] === 'number'
      ? { reminderMinutesBeforeStart: input['reminderMinutesBeforeStart'] }
      : {}),
    ...flag(input, 'isOnlineMeeting'),
    ...flag(input, 'responseRequested'),
    ...flag(input, 'allowNewTimeProposals'),
    ...flag(input, 'hideAttendees'),
    ...(typeof input['onlineMeetingProvider'] === 'string' ? { onlineMeetingProvider: input['onlineMeetingProvider'] } : {}),
  };
  if (plain.attendees.length > MAX_ATTENDEES) throw invalidProperty();
  // Once online, an event stays so (event resource).
  const data = before.isOnlineMeeting ? { ...plain, isOnlineMeeting: true } : plain;
  assertTimes(data);
  return withRecurrence(before, data, input);
}

function withRecurrence(before: ItemData, data: ItemData, input: Record<string, unknown>): ItemData {
  const start = { date: data.start.wallClock.slice(0, 10), zone: data.start.zone };
  if ('recurrence' in input) {
    const recurrence = input['recurrence'] === null ? null : readRecurrence(input['recurrence'], start);
    return recurrence ? toWholeMinutes({ ...data, recurrence }) : { ...data, recurrence };
  }
  const { recurrence } = before;
  if (!recurrence) return data;
  if (!isSameZone(start.zone, recurrence.range.recurrenceTimeZone)) throw invalidProperty();
  const moved = { ...recurrence, range: { ...recurrence.range, startDate: start.date } };
  return toWholeMinutes({ ...data, recurrence: moved });
}

/** Exchange keys occurrences at whole minutes. */
function toWholeMinutes(data: ItemData): ItemData {
  const cut = (time: ItemData['start']) => ({ ...time, wallClock: `${time.wallClock.slice(0, 16)}:00` });
  return { ...data, start: cut(data.start), end: cut(data.end) };
}

function assertTimes({ start, end, isAllDay }: ItemData): void {
  const from = instantOf(start.wallClock, start.zone);
  const to = instantOf(end.wallClock, end.zone);
  if (to < from) {
    throw new GraphError(
      400,
      'ErrorCalendarEndDateIsEarlierThanStartDate',
      "Your request can't be completed. The end date is earlier than the start date.",
    );
  }
  if (!isAllDay) return;
  const isMidnight = start.wallClock.endsWith('T00:00:00') && end.wallClock.endsWith('T00:00:00');
  if (!isMidnight || !isSameZone(start.zone, end.zone) || to - from < 23 * 3_600_000) {
    throw new GraphError(
      400,
      'ErrorInvalidRequest',
      "Your request can't be completed. The start and end of an all-day event must be at midnight, at least a day apart.",
    );
  }
}

function readTime(value: unknown): ItemData['start'] {
  const { dateTime, timeZone } = (value ?? {}) as { dateTime?: unknown; timeZone?: unknown };
  requireZone(timeZone);
  return { wallClock: readWallClock(dateTime), zone: String(timeZone) };
}

function readAttendee(value: unknown): Record<string, unknown> {
  const { type, emailAddress, status } = value as Record<string, unknown>;
  const { name, address } = (emailAddress ?? {}) as { name?: string; address?: string };
  const known = ATTENDEE_TYPES.find((candidate) => candidate === String(type ?? 'required').toLowerCase());
  if (!known) throw invalidProperty();
  return {
    type: known,
    status: status ?? { response: 'none', time: '0001-01-01T00:00:00Z' },
    emailAddress: { name: name ?? address ?? '', ...(address === undefined ? {} : { address }) },
  };
}

/** Writing `location` replaces all places (event resource); the service fills in what a name lacks. */
function places(input: Record<string, unknown>): { locations?: readonly Record<string, unknown>[] } {
  if (Array.isArray(input['locations'])) return { locations: input['locations'].map(enriched) };
  if (!('location' in input)) return {};
  const location = input['location'] as Record<string, unknown> | null;
  return { locations: location?.['displayName'] ? [enriched(location)] : [] };
}

function enriched(location: Record<string, unknown>): Record<string, unknown> {
  const name = String(location['displayName'] ?? '');
  return { ...location, displayName: name, locationType: location['locationType'] ?? 'default', uniqueId: name, uniqueIdType: 'private' };
}

function flag(input: Record<string, unknown>, name: keyof ItemData): Partial<ItemData> {
  const value = input[name];
  if (value === undefined || value === null) return {};
  if (typeof value !== 'boolean') {
    throw new GraphError(400, 'RequestBodyRead', `Cannot convert the value of '${name}' to the expected type 'Edm.Boolean'.`);
  }
  return { [name]: value };
}

function choice(input: Record<string, unknown>, name: keyof ItemData, allowed: readonly string[]): Partial<ItemData> {
  const value = input[name];
  if (value === undefined || value === null) return {};
  const known = allowed.find((candidate) => candidate.toLowerCase() === String(value).toLowerCase());
  if (!known) {
    throw new GraphError(400, 'RequestBodyRead', `Requested value '${String(value)}' was not found.`);
  }
  return { [name]: known };
}
