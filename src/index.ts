/** What an embedding application may import; the simulator has a path of its own, `graph-calendar-sync/simulator`. */
export { type App, type AppPlugs, type AppRoles, createApp, migrate, openDatabase, type Services } from './app.ts';
export { type AppConfig, type Config, type Environment, readConfig } from './config.ts';
export { isSyncError, SyncError, type SyncErrorCode } from './core/errors.ts';
export type {
  Attendee,
  DateTimeTimeZone,
  EventContent,
  EventFields,
  GraphFacts,
  ItemBody,
  Location,
  OccurrenceOverride,
  PatternedRecurrence,
} from './core/event.ts';
export type { EventInput } from './core/event-input.ts';
export type { CalendarId, ConflictId, EventId, GraphCalendarId, GraphEventId, JobId, UserId } from './core/ids.ts';
export type { Clock, Fetch, Logger, Random } from './core/runtime.ts';
export { silentLogger } from './core/runtime.ts';
export type { ConflictStrategy, NotifyAttendees, SyncDirection, SyncSettings } from './core/settings.ts';
export type { Db, Queryable, Tx } from './store/db.ts';
export type { QueuedRun, RunQueue, RunRequest } from './sync/run-queue.ts';
