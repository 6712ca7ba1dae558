import {
  type Attendee,
  type DateTimeTimeZone,
  type EventContent,
  type EventFields,
  type GraphFacts,
  type ItemBody,
  type Location,
  NEW_EVENT_DEFAULTS,
  type OccurrenceOverride,
  type PatternedRecurrence,
} from '../core/event.ts';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import { seriesEndsAt } from '../core/recurrence.ts';
import { joinedLocation } from '../core/event-view.ts';
import { toInstant } from '../core/time-zones.ts';
import { optional, toBigInt, toDate, toOptionalDate } from './columns.ts';
import type { UserCipher } from './encryption.ts';

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
  /** What of the row could not be read as an event; plain SQL may write anything. */
  readonly problem?: string | undefined;
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
}

type Details = Partial<Omit<EventFields, 'subject' | 'body' | 'start' | 'end' | 'isAllDay'>>;

/** @returns the columns of a row to write, content encrypted, times readable */
export function toRow(userId: UserId, event: SaveEvent, cipher: UserCipher): Record<string, unknown> {
  const { content } = event;
  const { subject, body, start, end, isAllDay, recurrence, occurrences, ...details } = content;
  const endsAt = seriesEndsAt(content);
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
    startAt: toInstant(start)?.toISOString() ?? null,
    endAt: endsAt?.toISOString() ?? null,
    isEndless: recurrence !== null && endsAt === null,
  };
}

/** Reads a row, also one written by plain SQL: what is missing is a default, what is unreadable is named and never thrown. */
export function fromRow(row: EventRow, cipher: UserCipher): StoredEvent {
  const problems: string[] = [];
  const details = (asObject(cipher.decryptJson('details', row.details)) ?? {}) as Details;
  const content: EventContent = {
    ...NEW_EVENT_DEFAULTS,
    ...details,
    subject: cipher.decryptText('subject', row.subject),
    body: readBody(cipher.decryptJson('body', row.body)),
    start: readDateTime(row.start, 'start', problems),
    end: readDateTime(row.end, 'end', problems),
    isAllDay: row.isAllDay,
    locations: readLocations(cipher.decryptJson('location', row.location), details.locations),
    attendees: (details.attendees ?? []) as readonly Attendee[],
    recurrence: readRecurrence(row.recurrence, problems),
    occurrences: (asObject(cipher.decryptJson('occurrences', row.occurrences)) ?? {}) as Record<string, OccurrenceOverride>,
  };
  return {
    id: row.id as EventId,
    userId: row.userId as UserId,
    calendarId: row.calendarId as CalendarId,
    graphEventId: optional(row.graphEventId) as GraphEventId | undefined,
    iCalUId: optional(row.iCalUId),
    content,
    facts: (asObject(cipher.decryptJson('facts', row.facts)) ?? undefined) as GraphFacts | undefined,
    revision: toBigInt(row.revision),
    lastModifiedAt: readInstant(row.lastModifiedDateTime),
    createdAt: readInstant(row.createdDateTime),
    syncedAt: toOptionalDate(row.syncedAt),
    problem: problems.length > 0 ? problems.join('; ') : undefined,
  };
}

function asObject(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}

function readBody(value: unknown): ItemBody | null {
  if (typeof value === 'string') return value === '' ? null : { contentType: 'text', content: value };
  const body = asObject(value);
  if (typeof body?.['content'] !== 'string') return null;
  return { contentType: body['contentType'] === 'html' ? 'html' : 'text', content: body['content'] };
}

/** `location` is what plain SQL changes; when it is still what we derived from `locations`, those hold more. */
function readLocations(value: unknown, known: readonly Location[] | undefined): readonly Location[] {
  const location = typeof value === 'string' ? { displayName: value } : (asObject(value) as Location | null);
  if (!location || typeof location.displayName !== 'string') return [];
  if (known && joinedLocation(known)?.displayName === location.displayName) return known;
  return [location];
}

function readDateTime(value: unknown, column: string, problems: string[]): DateTimeTimeZone {
  const text = typeof value === 'string' ? value : undefined;
  const object = asObject(value);
  const dateTime = text ?? object?.['dateTime'];
  if (typeof dateTime !== 'string') {
    problems.push(`${column} must be { "dateTime", "timeZone" }`);
    return { dateTime: '1970-01-01T00:00:00', timeZone: 'UTC' };
  }
  const timeZone = object?.['timeZone'];
  return { dateTime: dateTime.replace(/Z$/, ''), timeZone: typeof timeZone === 'string' ? timeZone : 'UTC' };
}

function readRecurrence(value: unknown, problems: string[]): PatternedRecurrence | null {
  if (value === null || value === undefined) return null;
  const recurrence = asObject(value);
  if (asObject(recurrence?.['pattern']) && asObject(recurrence?.['range'])) {
    return recurrence as unknown as PatternedRecurrence;
  }
  problems.push('recurrence must be { "pattern", "range" }');
  return null;
}

function readInstant(text: string): Date {
  const instant = toDate(text);
  return Number.isNaN(instant.getTime()) ? new Date(0) : instant;
}
