import {
  type DateTimeTimeZone,
  type EventContent,
  type GraphFacts,
  type Location,
  NEW_EVENT_DEFAULTS,
} from '../core/event.ts';
import { joinedLocation } from '../core/event-view.ts';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import { seriesEndsAt } from '../core/recurrence.ts';
import { toInstant } from '../core/time-zones.ts';
import { optional, timestamp, toBigInt, toDate, toOptionalDate } from './columns.ts';
import type { UserCipher } from './encryption.ts';
import {
  asObject,
  DETAIL_FIELDS,
  readBody,
  readDateTime,
  readDetails,
  readLocation,
  readOccurrences,
  readRecurrence,
} from './plain-values.ts';

/** An event as our store holds it, decrypted. */
export interface StoredEvent {
  readonly id: EventId;
  readonly userId: UserId;
  readonly calendarId: CalendarId;
  readonly graphEventId?: GraphEventId | undefined;
  readonly iCalUId?: string | undefined;
  readonly content: EventContent;
  readonly facts?: GraphFacts | undefined;
  readonly revision: bigint;
  readonly lastModifiedAt: Date;
  readonly createdAt: Date;
  readonly syncedAt?: Date | undefined;
  readonly hasAttachments?: boolean;
  /** Series that this one goes on from and that must have ended at Graph before it begins there; no matter once it has. */
  readonly follows?: readonly EventId[];
  /** What of the row could not be read as an event, and what would be right; plain SQL may write anything. */
  readonly problem?: string | undefined;
  /** The fields of `content` that hold a default because of it; not to be taken for what somebody wrote. */
  readonly unreadable?: readonly (keyof EventContent)[];
}

export interface SaveEvent {
  readonly id: EventId;
  readonly calendarId: CalendarId;
  readonly graphEventId?: GraphEventId | undefined;
  readonly iCalUId?: string | undefined;
  readonly content: EventContent;
  readonly facts?: GraphFacts | undefined;
  readonly lastModifiedAt: Date;
  readonly createdAt: Date;
  readonly syncedAt?: Date | undefined;
  /** Of a new event; a known one keeps what it has. */
  readonly follows?: readonly EventId[];
}

export interface EventRow {
  readonly id: string;
  readonly userId: string;
  readonly calendarId: string;
  readonly graphEventId: string | null;
  readonly iCalUId: string | null;
  readonly subject: string;
  readonly body: unknown;
  readonly start: unknown;
  readonly end: unknown;
  readonly location: unknown;
  readonly isAllDay: boolean;
  readonly recurrence: unknown;
  readonly details: unknown;
  readonly facts: unknown;
  readonly occurrences: unknown;
  readonly lastModifiedDateTime: string;
  readonly createdDateTime: string;
  readonly syncedAt: unknown;
  readonly revision: unknown;
  readonly hasAttachments?: boolean;
  readonly follows?: readonly string[] | null;
}

/** @returns the columns of a row to write, content encrypted, times readable */
export function toRow(userId: UserId, event: SaveEvent, cipher: UserCipher): Record<string, unknown> {
  const { content } = event;
  const { subject, body, start, end, isAllDay, recurrence, occurrences, ...details } = content;
  return {
    id: event.id,
    userId,
    calendarId: event.calendarId,
    graphEventId: event.graphEventId ?? null,
    iCalUId: event.iCalUId ?? null,
    subject: cipher.encryptText('subject', subject),
    body: cipher.encryptJson('body', body),
    start,
    end,
    location: cipher.encryptJson('location', joinedLocation(content.locations)),
    isAllDay,
    recurrence,
    details: cipher.encryptJson('details', details),
    facts: cipher.encryptJson('facts', event.facts),
    occurrences: Object.keys(occurrences).length > 0 ? cipher.encryptJson('occurrences', occurrences) : null,
    lastModifiedDateTime: event.lastModifiedAt.toISOString(),
    createdDateTime: event.createdAt.toISOString(),
    syncedAt: event.syncedAt?.toISOString() ?? null,
    follows: event.follows ?? [],
    ...extentOf(content),
  };
}

/** Where an event lies in time, all dates of a series included; what cannot be computed is left open, never left out. */
function extentOf(content: EventContent): { startAt: string | null; endAt: string | null; isEndless: boolean } {
  const moved = Object.values(content.occurrences).flatMap((override) =>
    !override.isCancelled && override.fields.start ? [toInstant(override.fields.start)?.getTime() ?? Number.NaN] : [],
  );
  const starts = [toInstant(content.start)?.getTime() ?? Number.NaN, ...moved];
  const startMs = Math.min(...starts);
  const endsAt = endOf(content);
  return {
    startAt: Number.isNaN(startMs) ? null : timestamp(new Date(startMs)),
    endAt: endsAt ? timestamp(endsAt) : null,
    isEndless: content.recurrence !== null && !endsAt,
  };
}

function endOf(content: EventContent): Date | null {
  try {
    const endsAt = seriesEndsAt(content);
    return endsAt && !Number.isNaN(endsAt.getTime()) ? endsAt : null;
  } catch {
    // A rule nobody can expand: the event is shown always rather than never, and its page is not held up.
    return null;
  }
}

/** Reads a row, also one written by plain SQL: what is missing is a default, what is unreadable is named and never thrown. */
export function fromRow(row: EventRow, cipher: UserCipher): StoredEvent {
  const problems: string[] = [];
  const unreadable = new Set<keyof EventContent>();
  const say = (fields: readonly (keyof EventContent)[], problem: string): void => {
    for (const field of fields) unreadable.add(field);
    problems.push(problem);
  };
  const decrypted = (
    column: 'body' | 'location' | 'details' | 'facts' | 'occurrences',
    ...fields: (keyof EventContent)[]
  ) => {
    try {
      return cipher.decryptJson(column, row[column]);
    } catch {
      say(fields, `${column} cannot be decrypted: it was changed, or copied from another event`);
      return null;
    }
  };
  const read = <T>(field: keyof EventContent, value: T | undefined, otherwise: T, shape: string): T => {
    if (value !== undefined) return value;
    say([field], `${field} must be ${shape}`);
    return otherwise;
  };
  const subject = readSubject(row, cipher, () =>
    say(['subject'], 'subject cannot be decrypted: it was changed, or copied from another event'),
  );
  const { details, unreadable: badDetails } = readDetails(decrypted('details', ...DETAIL_FIELDS));
  if (badDetails.length > 0) say(badDetails, `details must hold ${badDetails.join(', ')} as the HTTP API has them`);
  const start = readDateTime(row.start);
  const location = readLocation(decrypted('location', 'locations'));
  const content: EventContent = {
    ...NEW_EVENT_DEFAULTS,
    ...details,
    subject,
    body: read('body', readBody(decrypted('body', 'body')), null, '{ "contentType", "content" }'),
    start: read('start', start, NO_TIME, '{ "dateTime", "timeZone" }'),
    end: read('end', readDateTime(row.end), NO_TIME, '{ "dateTime", "timeZone" }'),
    isAllDay: row.isAllDay,
    locations: locationsOf(read('locations', location, null, '{ "displayName" }'), details.locations),
    recurrence: read(
      'recurrence',
      readRecurrence(row.recurrence ?? null, start),
      null,
      '{ "pattern", "range" } as Graph has them',
    ),
    occurrences: read(
      'occurrences',
      readOccurrences(decrypted('occurrences', 'occurrences')),
      {},
      'dates with their changes',
    ),
  };
  return {
    id: row.id as EventId,
    userId: row.userId as UserId,
    calendarId: row.calendarId as CalendarId,
    graphEventId: optional(row.graphEventId) as GraphEventId | undefined,
    iCalUId: optional(row.iCalUId),
    content,
    facts: asObject(decrypted('facts')) as GraphFacts | undefined,
    revision: toBigInt(row.revision),
    lastModifiedAt: readInstant(row.lastModifiedDateTime),
    createdAt: readInstant(row.createdDateTime),
    syncedAt: toOptionalDate(row.syncedAt),
    ...(row.hasAttachments ? { hasAttachments: true } : {}),
    ...(row.follows && row.follows.length > 0 ? { follows: row.follows as EventId[] } : {}),
    problem: problems.length > 0 ? problems.join('; ') : undefined,
    ...(unreadable.size > 0 ? { unreadable: [...unreadable] } : {}),
  };
}

/** What Graph tells of an event; `undefined` where it cannot be read, which is as good as unknown. */
export function readFacts(value: unknown, cipher: UserCipher): GraphFacts | undefined {
  try {
    return asObject(cipher.decryptJson('facts', value)) as GraphFacts | undefined;
  } catch {
    return undefined;
  }
}

const NO_TIME: DateTimeTimeZone = { dateTime: '1970-01-01T00:00:00', timeZone: 'UTC' };

function readSubject(row: EventRow, cipher: UserCipher, onUnreadable: () => void): string {
  try {
    return cipher.decryptText('subject', row.subject);
  } catch {
    onUnreadable();
    return '';
  }
}

/** `location` is what plain SQL changes; when it is still what we derived from `locations`, those hold more. */
function locationsOf(location: Location | null, known: readonly Location[] | undefined): readonly Location[] {
  if (!location) return [];
  if (known && joinedLocation(known)?.displayName === location.displayName) return known;
  return [location];
}

function readInstant(text: string): Date {
  const instant = toDate(text);
  return Number.isNaN(instant.getTime()) ? new Date(0) : instant;
}
