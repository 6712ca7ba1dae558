import { type FixedUnit, sameUnit, unchangedUnit } from '../core/canonical-event.ts';
import type {
  Attendee,
  DateTimeTimeZone,
  EmailAddress,
  EventContent,
  EventFields,
  GraphFacts,
  ItemBody,
  Location,
  OccurrenceOverride,
} from '../core/event.ts';
import type { GraphEventId } from '../core/ids.ts';
import { FIELDS_OF_UNIT, occurrenceContent } from '../core/series.ts';
import { datePart, inZone, normalDateTime, toInstant } from '../core/time-zones.ts';
import type { RemoteEvent, RemoteSeries } from './calendar-graph.ts';
import { zoneName, zonesOf } from './event-zones.ts';
import { readRecurrence, withZone } from './graph-recurrence-reader.ts';
import { statedOriginalDate } from './original-date.ts';
import { list, members, oneOf, optionalText, text, type WireEvent } from './wire-values.ts';

export { needsMailboxZone } from './event-zones.ts';
export { statedOriginalDate } from './original-date.ts';
export type { WireEvent } from './wire-values.ts';

/**
 * From Graph's `event` to our content. Fillers are dropped, odd values of real mailboxes are read tolerantly (graph
 * contract 2.2).
 */

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
  const how = { isAllDay, isOfRule: recurrence !== null };
  const start = readTime(event['start'], zones.start, how);
  const end = readTime(event['end'], zones.end, how);
  return {
    id: text(event['id']) as GraphEventId,
    etag: text(event['@odata.etag']) || etagOf(text(event['changeKey'])),
    type,
    seriesMasterId: optionalText(event['seriesMasterId']) as GraphEventId | undefined,
    // What never moved has its own date.
    originalDate: isMember ? (statedOriginalDate(event, start.timeZone) ?? datePart(start.dateTime)) : undefined,
    content: {
      ...readFields(event, start, end, isAllDay),
      recurrence: recurrence ? withZone(recurrence, start) : null,
      occurrences: {},
    },
    facts: { ...readFacts(event), ...(zones.unknown === undefined ? {} : { unknownTimeZone: zones.unknown }) },
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
  const occurrenceIds: Record<string, { id: GraphEventId; etag: string; hasAttachments?: true }> = {};
  for (const date of cancelledDates) occurrences[date] = { isCancelled: true };
  for (const exception of exceptions) {
    const date = exception.originalDate;
    if (!date) continue;
    const { id, etag, facts } = exception;
    occurrenceIds[date] = { id, etag, ...(facts.hasAttachments ? { hasAttachments: true } : {}) };
    const fields = differences(master.content, date, exception.content);
    if (Object.keys(fields).length > 0) occurrences[date] = { isCancelled: false, fields };
  }
  return { ...master, type: 'seriesMaster', content: { ...master.content, occurrences }, occurrenceIds };
}

/** What an occurrence says differently from what it inherits. */
function differences(master: EventContent, date: string, exception: EventContent): Partial<EventFields> {
  const inherited = occurrenceContent({ ...master, occurrences: {} }, date);
  const own = { ...exception, recurrence: null };
  // One occurrence is the same at the same instant; Exchange labels it with whatever zone it was last looked at in.
  const isSame = (unit: FixedUnit) => (unit === 'time' ? sameUnit : unchangedUnit)(inherited, own, unit);
  const names = ALL_UNITS.filter((unit) => !isSame(unit)).flatMap((unit) => FIELDS_OF_UNIT[unit]);
  return Object.fromEntries(names.map((name) => [name, exception[name]])) as Partial<EventFields>;
}

function readFields(event: WireEvent, start: DateTimeTimeZone, end: DateTimeTimeZone, isAllDay: boolean): EventFields {
  return {
    subject: text(event['subject']),
    body: readBody(event['body']),
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
  const organizer = readAddress(members(event['organizer'])['emailAddress']);
  const { response, time } = members(event['responseStatus']);
  const { joinUrl } = members(event['onlineMeeting']);
  return {
    ...(text(event['iCalUId']) ? { iCalUId: text(event['iCalUId']) } : {}),
    ...(Object.keys(organizer).length > 0 ? { organizer } : {}),
    isOrganizer: event['isOrganizer'] !== false,
    isCancelled: event['isCancelled'] === true,
    ...(text(response)
      ? { responseStatus: { response: text(response), ...(text(time) ? { time: text(time) } : {}) } }
      : {}),
    ...(text(event['webLink']) ? { webLink: text(event['webLink']) } : {}),
    ...(text(joinUrl) ? { onlineMeeting: { joinUrl: text(joinUrl) } } : {}),
    hasAttachments: event['hasAttachments'] === true,
  };
}

function readBody(value: unknown): ItemBody | null {
  const { contentType, content } = members(value);
  if (text(content) === '') return null;
  return { contentType: text(contentType).toLowerCase() === 'text' ? 'text' : 'html', content: text(content) };
}

function readAddress(value: unknown): EmailAddress {
  const { name, address } = members(value);
  return { ...(text(name) ? { name: text(name) } : {}), ...(text(address) ? { address: text(address) } : {}) };
}

function readTime(value: unknown, zone: string, how: { isAllDay: boolean; isOfRule: boolean }): DateTimeTimeZone {
  const { dateTime, timeZone } = members(value);
  const wallClock = { dateTime: clamped(text(dateTime)), timeZone: zoneName(timeZone) || 'UTC' };
  // All-day events float: the date is what was meant, whatever zone the answer is labelled with.
  if (how.isAllDay) return { dateTime: `${datePart(wallClock.dateTime)}T00:00:00`, timeZone: zone };
  const there = inZone(wallClock, zone) ?? wallClock;
  // When the clocks go back, an hour comes twice, and a wall clock names its first coming only. A rule has no other words.
  const isSame = how.isOfRule || toInstant(there)?.getTime() === toInstant(wallClock)?.getTime();
  return isSame ? there : wallClock;
}

/**
 * "Never" and "for ever" as Exchange writes them, brought to years that dates can be computed with. What is no time at all
 * becomes the one that a row of the database would hold of it, or it would seem to have been changed there.
 */
function clamped(dateTime: string): string {
  if (!NEVER.test(dateTime)) {
    const isReadable = toInstant({ dateTime, timeZone: 'UTC' }) !== undefined;
    return isReadable ? normalDateTime(dateTime) : '1970-01-01T00:00:00';
  }
  return dateTime.startsWith('0001') ? '1601-01-01T00:00:00' : '4500-09-01T00:00:00';
}

function readLocations(event: WireEvent): Location[] {
  const all = list(event['locations']);
  const given = all.length > 0 ? all : [event['location']];
  return given
    .map(members)
    .filter(({ displayName }) => text(displayName) !== '')
    .map(readLocation);
}

function readLocation(location: WireEvent): Location {
  const address = Object.entries(members(location['address'])).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
  );
  const { latitude, longitude } = members(location['coordinates']);
  const isSomewhere =
    typeof latitude === 'number' && typeof longitude === 'number' && (latitude !== 0 || longitude !== 0);
  const email = text(location['locationEmailAddress']);
  const uri = text(location['locationUri']);
  return {
    displayName: text(location['displayName']),
    ...(email ? { locationEmailAddress: email } : {}),
    ...(uri ? { locationUri: uri } : {}),
    ...(address.length > 0 ? { address: Object.fromEntries(address) } : {}),
    ...(isSomewhere ? { coordinates: { latitude, longitude } } : {}),
  };
}

function readAttendee(value: unknown): Attendee {
  const { type, emailAddress, status } = members(value);
  const { response, time } = members(status);
  return {
    type: oneOf(['required', 'optional', 'resource'], type, 'required'),
    emailAddress: readAddress(emailAddress),
    ...(text(response) ? { status: { response: text(response), ...(text(time) ? { time: text(time) } : {}) } } : {}),
  };
}

function readInstant(value: unknown): Date | undefined {
  const instant = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(instant) || text(value).startsWith('0001') ? undefined : new Date(instant);
}

function etagOf(changeKey: string): string {
  return changeKey === '' ? '' : `W/"${changeKey}"`;
}
