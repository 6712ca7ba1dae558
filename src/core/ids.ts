/**
 * Ids are branded, so that one kind cannot be passed where another is meant. They are plain strings at run time.
 */
declare const brand: unique symbol;
type Brand<Name extends string> = string & { readonly [brand]: Name };

/** The caller's id: the `sub` claim of their JWT. */
export type UserId = Brand<'UserId'>;
/** Our event's id (`CalendarEvent.id`). */
export type EventId = Brand<'EventId'>;
/** Our calendar's id, unique within one user; the mailbox's default calendar is always `default`. */
export type CalendarId = Brand<'CalendarId'>;
/** An event's immutable id at Graph. */
export type GraphEventId = Brand<'GraphEventId'>;
/** A calendar's id at Graph, valid for one mailbox only. */
export type GraphCalendarId = Brand<'GraphCalendarId'>;
/** A run's id (`CalendarSyncState.id`), the `jobId` of the HTTP API. */
export type JobId = Brand<'JobId'>;
export type ConflictId = Brand<'ConflictId'>;

export const DEFAULT_CALENDAR_ID = 'default' as CalendarId;

/** PostgreSQL holds no NUL in a text, so nothing is called by one; asking for it would be an error of the database. */
export function isStorable(id: string): boolean {
  return !id.includes('\0');
}
