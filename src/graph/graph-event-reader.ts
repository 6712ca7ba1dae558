import { type FixedUnit, unchangedUnit } from '../core/canonical-event.ts';
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

/**
 * From Graph's `event` to our content. Fillers are dropped, odd values of real mailboxes are read tolerantly (graph
 * contract 2.2).
 */

/** An event as it stands on the wire: every property may be missing, and unknown ones may be there. */
export type WireEvent = Readonly<Record<string, unknown>>;

const ALL_UNITS = Object.keys(FIELDS_OF_UNIT) as FixedUnit[];
const NEVER = /^(0001-01-01|9999-12-31)/;
const TYPES = ['singleInstance', 'seriesMaster', 'occurrence', 'exception'] as const;

/** @param mailboxZone  what an event without a usable zone is read in */
export function fromWire(event: WireEvent, mailboxZone?: string): RemoteEvent {
  const recurrence = readRecurrence(event['recurrence']);
  const type = TYPES.find((known) => known === event['type']) ?? (recurrence ? 'seriesMaster' : 'singleInstance');
  const isMember = type === 'exception' || type === 'occurrence';
  const zones = zonesOf(event, recurrence, mailboxZone);
  const isAllDay = event['isAllDay'] === true;
  const start = readTime(event['start'], zones.start, isAllDay);
  const end = readTime(event['end'], zones.end, isAllDay);
  return {
    id: text(event['id']) as GraphEventId,
    etag: text(event['@odata.etag']) || `W/"${text(event['changeKey'])}"`,
    type,
    seriesMasterId: optionalText(event['seriesMasterId']) as GraphEventId | undefined,
    // What never moved has its own date.
    originalDate: isMember ? (statedOriginalDate(event, start.timeZone) ?? datePart(start.dateTime)) : undefined,
    content: {
      ...readFields(event, start, end, isAllDay),
      recurrence: recurrence ? withZone(recurrence, start) : null,
      occurrences: {},
    },
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

/** What an occurrence says differently from what it inherits. */
function differences(master: EventContent, date: string, exception: EventContent): Partial<EventFields> {
  const inherited = occurrenceContent({ ...master, occurrences: {} }, date);
  const changed = ALL_UNITS.filter((unit) => !unchangedUnit(inherited, { ...exception, recurrence: null }, unit));
  const names = changed.flatMap((unit) => FIELDS_OF_UNIT[unit]);
  return Object.fromEntries(names.map((name) => [name, exception[name]])) as Partial<EventFields>;
}

function readFields(event: WireEvent, start: DateTimeTimeZone, end: DateTimeTimeZone, isAllDay: boolean): EventFields {
  const body = event['body'] as { contentType?: string; content?: string } | null | undefined;
  return {
    subject: text(event['subject']),
    body: body?.content
      ? { contentType: body.contentType?.toLowerCase() === 'text' ? 'text' : 'html', content: body.content }
      : null,
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
    reminderMinutesBeforeStart:
      typeof event['reminderMinutesBeforeStart'] === 'number' ? event['reminderMinutesBeforeStart'] : 0,
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
    ...(response?.response
      ? { responseStatus: { response: response.response, ...(response.time ? { time: response.time } : {}) } }
      : {}),
    ...(event['webLink'] ? { webLink: text(event['webLink']) } : {}),
    ...(joinUrl ? { onlineMeeting: { joinUrl } } : {}),
    hasAttachments: event['hasAttachments'] === true,
  };
}

/** Whether none of an event's own zones names one, so that the mailbox's has to stand in (graph contract 2.2). */
export function needsMailboxZone(event: WireEvent): boolean {
  return !event['@removed'] && !ownZones(event, readRecurrence(event['recurrence'])).some(isUsable);
}

function ownZones(event: WireEvent, recurrence: PatternedRecurrence | null): string[] {
  const own = [text(event['originalStartTimeZone']), text(event['originalEndTimeZone'])];
  return recurrence ? [recurrence.range.recurrenceTimeZone ?? '', ...own] : own;
}

function isUsable(zone: string): boolean {
  return zone !== '' && isKnownZone(zone);
}

/** What the person chose, not what the answer happens to be in: a series read as UTC would drift with daylight saving. */
function zonesOf(
  event: WireEvent,
  recurrence: PatternedRecurrence | null,
  mailboxZone: string | undefined,
): { start: string; end: string } {
  const end = text(event['originalEndTimeZone']);
  const usable = [...ownZones(event, recurrence), mailboxZone ?? ''].find(isUsable) ?? 'UTC';
  return { start: usable, end: !recurrence && isUsable(end) ? end : usable };
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
  const days = list(pattern['daysOfWeek']).map((day) => String(day).toLowerCase()) as NonNullable<
    RecurrencePattern['daysOfWeek']
  >;
  return {
    type,
    interval: Number(pattern['interval'] ?? 1),
    ...(usesDays ? { daysOfWeek: days } : {}),
    ...(type === 'weekly'
      ? {
          firstDayOfWeek: (text(pattern['firstDayOfWeek']).toLowerCase() || 'sunday') as NonNullable<
            RecurrencePattern['firstDayOfWeek']
          >,
        }
      : {}),
    ...(type.startsWith('absolute') ? { dayOfMonth: Number(pattern['dayOfMonth']) } : {}),
    ...(type.endsWith('Yearly') ? { month: Number(pattern['month']) } : {}),
    ...(type.startsWith('relative')
      ? { index: oneOf(['first', 'second', 'third', 'fourth', 'last'], pattern['index'], 'first') }
      : {}),
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
  const hasCoordinates =
    typeof latitude === 'number' && typeof longitude === 'number' && (latitude !== 0 || longitude !== 0);
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

/**
 * The date an occurrence or exception has by its rule, as far as Graph tells: `occurrenceId` names it; else the bytes of
 * the `iCalUId` do; else `originalStart`, which comes only when selected (graph contract 18).
 *
 * @param zone  the series' zone
 */
export function statedOriginalDate(event: WireEvent, zone: string): string | undefined {
  const fromId = /\.(\d{4}-\d{2}-\d{2})$/.exec(text(event['occurrenceId']))?.[1];
  if (fromId) return fromId;
  const fromICalUId = dateInICalUId(text(event['iCalUId']));
  if (fromICalUId) return fromICalUId;
  const original = normalDateTime(text(event['originalStart']));
  if (original === '') return undefined;
  // All-day dates float: midnight UTC is the date itself, not a moment of the evening before.
  if (event['isAllDay'] === true && original.endsWith('T00:00:00')) return datePart(original);
  return datePart(inZone({ dateTime: original, timeZone: 'UTC' }, zone)?.dateTime ?? original);
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
