import { type FixedUnit, unchangedUnit, type Unit } from '../core/canonical-event.ts';
import type {
  Attendee,
  DateTimeTimeZone,
  EventContent,
  EventFields,
  GraphFacts,
  Location,
  OccurrenceOverride,
  PatternedRecurrence,
  RecurrencePattern,
} from '../core/event.ts';
import type { GraphEventId } from '../core/ids.ts';
import { FIELDS_OF_UNIT, occurrenceContent } from '../core/series.ts';
import { datePart, inZone, isKnownZone, normalDateTime } from '../core/time-zones.ts';
import type { RemoteEvent, RemoteSeries } from './calendar-graph.ts';

/** Between Graph's `event` and our content. Fillers are dropped, odd values of real mailboxes are read tolerantly. */

/** An event as it stands on the wire: every property may be missing, and unknown ones may be there. */
export type WireEvent = Readonly<Record<string, unknown>>;

const ALL_UNITS = Object.keys(FIELDS_OF_UNIT) as FixedUnit[];
const NEVER = /^(0001-01-01|9999-12-31)/;
const TYPES = ['singleInstance', 'seriesMaster', 'occurrence', 'exception'] as const;

/** @param mailboxZone  what an event without a usable zone is read in */
export function fromWire(event: WireEvent, mailboxZone?: string): RemoteEvent {
  const recurrence = readRecurrence(event['recurrence']);
  const type = TYPES.find((known) => known === event['type']) ?? (recurrence ? 'seriesMaster' : 'singleInstance');
  const zones = zonesOf(event, recurrence, mailboxZone);
  const isAllDay = event['isAllDay'] === true;
  const start = readTime(event['start'], zones.start, isAllDay);
  const end = readTime(event['end'], zones.end, isAllDay);
  return {
    id: text(event['id']) as GraphEventId,
    etag: text(event['@odata.etag']) || `W/"${text(event['changeKey'])}"`,
    type,
    seriesMasterId: optionalText(event['seriesMasterId']) as GraphEventId | undefined,
    originalDate: type === 'exception' || type === 'occurrence' ? readOriginalDate(event, start) : undefined,
    content: { ...readFields(event, start, end, isAllDay), recurrence: recurrence ? withZone(recurrence, start) : null, occurrences: {} },
    facts: readFacts(event),
    transactionId: optionalText(event['transactionId']),
    lastModifiedAt: readInstant(event['lastModifiedDateTime']),
    createdAt: readInstant(event['createdDateTime']),
  };
}

/** A master with its exceptions and cancelled dates as one aggregate. */
export function seriesFromWire(
  master: RemoteEvent,
  exceptions: readonly RemoteEvent[],
  cancelledDates: readonly string[],
): RemoteSeries {
  const occurrences: Record<string, OccurrenceOverride> = {};
  const occurrenceIds: Record<string, { id: GraphEventId; etag: string }> = {};
  for (const date of cancelledDates) occurrences[date] = { isCancelled: true };
  for (const exception of exceptions) {
    const date = exception.originalDate;
    if (!date) continue;
    occurrenceIds[date] = { id: exception.id, etag: exception.etag };
    const fields = differences(master.content, date, exception.content);
    if (Object.keys(fields).length > 0) occurrences[date] = { isCancelled: false, fields };
  }
  return { ...master, type: 'seriesMaster', content: { ...master.content, occurrences }, occurrenceIds };
}

/** The body of a POST: everything there is to say, guests only when they may be invited. */
export function toCreateBody(
  content: EventContent,
  how: { transactionId: string; sendAttendees: boolean },
): Record<string, unknown> {
  const units = ALL_UNITS.filter((unit) => !isSilentDefault(content, unit));
  return { ...toUpdateBody(content, units, how), transactionId: how.transactionId };
}

/**
 * The body of a PATCH: only the fields of the given units, so that what was not changed survives untouched.
 *
 * @param how.endsSeries  the event was a series at Graph and is to be a single event
 */
export function toUpdateBody(
  content: EventContent,
  units: readonly Unit[],
  how: { sendAttendees: boolean; endsSeries?: boolean },
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const unit of ALL_UNITS.filter((known) => units.includes(known))) {
    if (unit === 'attendees' && !how.sendAttendees) continue;
    Object.assign(body, writeUnit(content, unit, how.endsSeries ?? false));
  }
  return body;
}

/** What an occurrence says differently from what it inherits. */
function differences(master: EventContent, date: string, exception: EventContent): Partial<EventFields> {
  const inherited = occurrenceContent({ ...master, occurrences: {} }, date);
  const changed = ALL_UNITS.filter((unit) => !unchangedUnit(inherited, { ...exception, recurrence: null }, unit));
  const names = changed.flatMap((unit) => FIELDS_OF_UNIT[unit]);
  return Object.fromEntries(names.map((name) => [name, exception[name]])) as Partial<EventFields>;
}

function writeUnit(content: EventContent, unit: FixedUnit, endsSeries: boolean): Record<string, unknown> {
  switch (unit) {
    case 'subject':
      return { subject: content.subject };
    case 'body':
      return { body: content.body ?? { contentType: 'text', content: '' } };
    case 'time':
      return writeTime(content, endsSeries);
    case 'locations':
      return writeLocations(content.locations);
    case 'attendees':
      return { attendees: content.attendees.map(({ type, emailAddress }) => ({ type, emailAddress })) };
    case 'categories':
      return { categories: content.categories };
    case 'reminder': {
      const { isReminderOn, reminderMinutesBeforeStart } = content;
      return { isReminderOn, reminderMinutesBeforeStart };
    }
    case 'isOnlineMeeting':
      return content.isOnlineMeeting
        ? { isOnlineMeeting: true, onlineMeetingProvider: 'teamsForBusiness' }
        : { isOnlineMeeting: false };
    case 'showAs':
    case 'sensitivity':
    case 'importance':
      return { [unit]: content[unit] };
  }
}

/** Start, end, all-day and rule belong together: Graph refuses a rule whose zone or first day is not the event's. */
function writeTime(content: EventContent, endsSeries: boolean): Record<string, unknown> {
  const { recurrence, isAllDay } = content;
  const cut = (value: DateTimeTimeZone): DateTimeTimeZone =>
    // Exchange keys occurrences at whole minutes.
    recurrence ? { ...value, dateTime: `${normalDateTime(value.dateTime).slice(0, 16)}:00` } : value;
  return {
    start: cut(content.start),
    end: cut(content.end),
    isAllDay,
    ...(recurrence ? { recurrence: writeRecurrence(recurrence, content.start) } : endsSeries ? { recurrence: null } : {}),
  };
}

function writeRecurrence({ pattern, range }: PatternedRecurrence, start: DateTimeTimeZone): Record<string, unknown> {
  // RFC 5545 counts weeks from Monday, Graph from Sunday: it is always said.
  const withFirstDay = pattern.type === 'weekly' ? { ...pattern, firstDayOfWeek: pattern.firstDayOfWeek ?? 'sunday' } : pattern;
  return {
    pattern: withFirstDay,
    range: { ...range, startDate: datePart(start.dateTime), recurrenceTimeZone: start.timeZone },
  };
}

/** Writing `location` replaces all places; several have to be written as `locations`. */
function writeLocations(locations: readonly Location[]): Record<string, unknown> {
  if (locations.length > 1) return { locations };
  return { location: locations[0] ?? { displayName: '' } };
}

/** What Graph fills in by itself exactly so need not be sent with a new event. */
function isSilentDefault(content: EventContent, unit: FixedUnit): boolean {
  switch (unit) {
    case 'body':
      return content.body === null;
    case 'locations':
      return content.locations.length === 0;
    case 'attendees':
      return content.attendees.length === 0;
    case 'categories':
      return content.categories.length === 0;
    case 'isOnlineMeeting':
      return !content.isOnlineMeeting;
    default:
      return false;
  }
}

function readFields(event: WireEvent, start: DateTimeTimeZone, end: DateTimeTimeZone, isAllDay: boolean): EventFields {
  const body = event['body'] as { contentType?: string; content?: string } | null | undefined;
  return {
    subject: text(event['subject']),
    body: body?.content ? { contentType: body.contentType?.toLowerCase() === 'text' ? 'text' : 'html', content: body.content } : null,
    start,
    end,
    isAllDay,
    locations: readLocations(event),
    attendees: list(event['attendees']).map(readAttendee),
    showAs: oneOf(['free', 'tentative', 'busy', 'oof', 'workingElsewhere', 'unknown'], event['showAs'], 'busy'),
    sensitivity: oneOf(['normal', 'personal', 'private', 'confidential'], event['sensitivity'], 'normal'),
    importance: oneOf(['low', 'normal', 'high'], event['importance'], 'normal'),
    categories: list(event['categories']).filter((name): name is string => typeof name === 'string'),
    isReminderOn: event['isReminderOn'] === true,
    reminderMinutesBeforeStart: typeof event['reminderMinutesBeforeStart'] === 'number' ? event['reminderMinutesBeforeStart'] : 0,
    isOnlineMeeting: event['isOnlineMeeting'] === true,
  };
}

function readFacts(event: WireEvent): GraphFacts {
  const organizer = (event['organizer'] as { emailAddress?: GraphFacts['organizer'] } | null | undefined)?.emailAddress;
  const response = event['responseStatus'] as { response?: string; time?: string } | null | undefined;
  const joinUrl = (event['onlineMeeting'] as { joinUrl?: string } | null | undefined)?.joinUrl;
  return {
    ...(event['iCalUId'] ? { iCalUId: text(event['iCalUId']) } : {}),
    ...(organizer ? { organizer } : {}),
    isOrganizer: event['isOrganizer'] !== false,
    isCancelled: event['isCancelled'] === true,
    ...(response?.response ? { responseStatus: { response: response.response, ...(response.time ? { time: response.time } : {}) } } : {}),
    ...(event['webLink'] ? { webLink: text(event['webLink']) } : {}),
    ...(joinUrl ? { onlineMeeting: { joinUrl } } : {}),
    hasAttachments: event['hasAttachments'] === true,
  };
}

/** What the person chose, not what the answer happens to be in: a series read as UTC would drift with daylight saving. */
function zonesOf(
  event: WireEvent,
  recurrence: PatternedRecurrence | null,
  mailboxZone: string | undefined,
): { start: string; end: string } {
  const start = text(event['originalStartTimeZone']);
  const end = text(event['originalEndTimeZone']);
  const own = recurrence ? [recurrence.range.recurrenceTimeZone ?? '', start, end] : [start, end];
  const usable = [...own, mailboxZone ?? '', 'UTC'].find((name) => name !== '' && isKnownZone(name)) ?? 'UTC';
  return { start: usable, end: !recurrence && end !== '' && isKnownZone(end) ? end : usable };
}

function readTime(value: unknown, zone: string, isAllDay: boolean): DateTimeTimeZone {
  const { dateTime, timeZone } = (value ?? {}) as { dateTime?: unknown; timeZone?: unknown };
  const wallClock = { dateTime: clamped(text(dateTime)), timeZone: text(timeZone) || 'UTC' };
  // All-day events float: the date is what was meant, whatever zone the answer is labelled with.
  if (isAllDay) return { dateTime: `${datePart(wallClock.dateTime)}T00:00:00`, timeZone: zone };
  return inZone(wallClock, zone) ?? wallClock;
}

/** "Never" and "for ever" as Exchange writes them, brought to years that dates can be computed with. */
function clamped(dateTime: string): string {
  if (dateTime === '') return '1970-01-01T00:00:00';
  if (!NEVER.test(dateTime)) return normalDateTime(dateTime);
  return dateTime.startsWith('0001') ? '1601-01-01T00:00:00' : '4500-09-01T00:00:00';
}

function readRecurrence(value: unknown): PatternedRecurrence | null {
  const { pattern, range } = (value ?? {}) as { pattern?: WireEvent; range?: WireEvent };
  if (!pattern || !range) return null;
  const rangeType = oneOf(['endDate', 'noEnd', 'numbered'], range['type'], 'noEnd');
  const zone = text(range['recurrenceTimeZone']);
  return {
    pattern: readPattern(pattern),
    range: {
      type: rangeType,
      startDate: text(range['startDate']),
      ...(rangeType === 'endDate' ? { endDate: text(range['endDate']) } : {}),
      ...(rangeType === 'numbered' ? { numberOfOccurrences: Number(range['numberOfOccurrences']) } : {}),
      ...(zone ? { recurrenceTimeZone: zone } : {}),
    },
  };
}

function readPattern(pattern: WireEvent): RecurrencePattern {
  const types = ['daily', 'weekly', 'absoluteMonthly', 'relativeMonthly', 'absoluteYearly', 'relativeYearly'] as const;
  const type = oneOf(types, pattern['type'], 'daily');
  const usesDays = type === 'weekly' || type.startsWith('relative');
  const days = list(pattern['daysOfWeek']).map((day) => String(day).toLowerCase()) as NonNullable<RecurrencePattern['daysOfWeek']>;
  return {
    type,
    interval: Number(pattern['interval'] ?? 1),
    ...(usesDays ? { daysOfWeek: days } : {}),
    ...(type === 'weekly' ? { firstDayOfWeek: (text(pattern['firstDayOfWeek']).toLowerCase() || 'sunday') as NonNullable<RecurrencePattern['firstDayOfWeek']> } : {}),
    ...(type.startsWith('absolute') ? { dayOfMonth: Number(pattern['dayOfMonth']) } : {}),
    ...(type.endsWith('Yearly') ? { month: Number(pattern['month']) } : {}),
    ...(type.startsWith('relative') ? { index: oneOf(['first', 'second', 'third', 'fourth', 'last'], pattern['index'], 'first') } : {}),
  };
}

/** The rule and its event speak of one zone, whatever families the two names are of. */
function withZone(recurrence: PatternedRecurrence, start: DateTimeTimeZone): PatternedRecurrence {
  return { ...recurrence, range: { ...recurrence.range, recurrenceTimeZone: start.timeZone } };
}

function readLocations(event: WireEvent): Location[] {
  const all = list(event['locations']) as WireEvent[];
  const single = event['location'] as WireEvent | null | undefined;
  const given = all.length > 0 ? all : single ? [single] : [];
  return given.filter((location) => text(location['displayName']) !== '').map(readLocation);
}

function readLocation(location: WireEvent): Location {
  const address = Object.entries((location['address'] ?? {}) as Record<string, unknown>).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
  );
  const { latitude, longitude } = (location['coordinates'] ?? {}) as { latitude?: unknown; longitude?: unknown };
  const hasCoordinates = typeof latitude === 'number' && typeof longitude === 'number' && (latitude !== 0 || longitude !== 0);
  return {
    displayName: text(location['displayName']),
    ...(location['locationEmailAddress'] ? { locationEmailAddress: text(location['locationEmailAddress']) } : {}),
    ...(location['locationUri'] ? { locationUri: text(location['locationUri']) } : {}),
    ...(address.length > 0 ? { address: Object.fromEntries(address) } : {}),
    ...(hasCoordinates ? { coordinates: { latitude, longitude } } : {}),
  };
}

function readAttendee(value: unknown): Attendee {
  const { type, emailAddress, status } = (value ?? {}) as {
    type?: unknown;
    emailAddress?: Attendee['emailAddress'];
    status?: Attendee['status'];
  };
  return {
    type: oneOf(['required', 'optional', 'resource'], type, 'required'),
    emailAddress: emailAddress ?? {},
    ...(status ? { status } : {}),
  };
}

/** `occurrenceId` names it; else the bytes of the `iCalUId` do; else it is asked for (`originalStart`); else it never moved. */
function readOriginalDate(event: WireEvent, start: DateTimeTimeZone): string {
  const fromId = /\.(\d{4}-\d{2}-\d{2})$/.exec(text(event['occurrenceId']))?.[1];
  if (fromId) return fromId;
  const fromICalUId = dateInICalUId(text(event['iCalUId']));
  if (fromICalUId) return fromICalUId;
  const original = text(event['originalStart']);
  if (original === '') return datePart(start.dateTime);
  const there = inZone({ dateTime: normalDateTime(original), timeZone: 'UTC' }, start.timeZone);
  return datePart(there?.dateTime ?? original);
}

/** Bytes 17 to 20 of a global object id: year (two), month, day; zeros in masters. */
function dateInICalUId(iCalUId: string): string | undefined {
  const bytes = /^[0-9A-F]{40}/i.test(iCalUId) ? Buffer.from(iCalUId.slice(32, 40), 'hex') : undefined;
  if (bytes?.length !== 4) return undefined;
  const year = bytes.readUInt16BE(0);
  const [month = 0, day = 0] = [bytes[2], bytes[3]];
  if (year < 1601 || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  return `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}

function readInstant(value: unknown): Date | undefined {
  const instant = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(instant) || text(value).startsWith('0001') ? undefined : new Date(instant);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Enum values compare without regard to case; what is unknown reads as the usual value. */
function oneOf<T extends string>(allowed: readonly T[], value: unknown, usual: T): T {
  return allowed.find((name) => name.toLowerCase() === text(value).toLowerCase()) ?? usual;
}
