import { createHash } from 'node:crypto';
import { SyncError } from '../core/errors.ts';
import type { CalendarId, GraphCalendarId, JobId, UserId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { SyncSettings } from '../core/settings.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import type { Db } from '../store/db.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import type { RunRepository, StoredRunRequest } from '../store/run.repository.ts';
import { type RunContext, windowAround } from './run-context.ts';
import { confirmationIn } from './run-errors.ts';
import type { SettingsService } from './settings.service.ts';

/** What a run works on and by which rules, from its request and the settings: the same for a preview. */
export type RunScope = Pick<
  RunContext,
  | 'userId'
  | 'calendarId'
  | 'graphCalendarId'
  | 'syncedCalendars'
  | 'direction'
  | 'strategy'
  | 'notifyAttendees'
  | 'rules'
  | 'window'
  | 'readingId'
  | 'dateRange'
  | 'isFullForced'
  | 'now'
  | 'confirmedDeletions'
>;

export interface ScopeParts {
  readonly db: Db;
  readonly calendars: CalendarRepository;
  readonly runs: RunRepository;
  readonly operations: OperationRepository;
  readonly settings: SettingsService;
  readonly clock: Clock;
}

/** @throws {SyncError} `not-found` for a calendar that is not in the mailbox */
export async function calendarsOf(
  { db, calendars, settings }: ScopeParts,
  { userId, calendarId }: { readonly userId: UserId; readonly calendarId: CalendarId | 'all' },
): Promise<StoredCalendar[]> {
  if (calendarId === 'all') {
    const all = await calendars.list(db, userId);
    const resolved = await Promise.all(all.map((calendar) => settings.resolve(userId, calendar.id)));
    return all.filter((calendar, index) => resolved[index]?.enabled && !calendar.removedAt && calendar.graphCalendarId);
  }
  const calendar = await calendars.find(db, userId, calendarId);
  if (!calendar || calendar.removedAt || !calendar.graphCalendarId) {
    throw new SyncError(
      'not-found',
      `calendar ${calendarId} is not (any more) in the mailbox; see GET /calendar/calendars`,
    );
  }
  return [calendar];
}

export async function scopeOf(
  parts: ScopeParts,
  run: { readonly userId: UserId; readonly request: StoredRunRequest },
  calendar: StoredCalendar,
): Promise<RunScope> {
  const { userId, request } = run;
  const settings = await parts.settings.resolve(userId, calendar.id);
  const now = parts.clock.now();
  if (!calendar.graphCalendarId) throw new SyncError('not-found', `calendar ${calendar.id} is not at Graph`);
  return {
    userId,
    calendarId: calendar.id,
    graphCalendarId: calendar.graphCalendarId,
    syncedCalendars: () => syncedCalendars(parts, userId),
    direction: request.direction ?? settings.direction,
    strategy: request.conflictResolution ?? settings.conflictResolution,
    notifyAttendees: settings.notifyAttendees,
    rules: settings.rules,
    window: windowAround(now, settings.window),
    now,
    readingId: readingOf(settings),
    dateRange: request.dateRange
      ? { start: new Date(request.dateRange.start), end: new Date(request.dateRange.end) }
      : undefined,
    // Once a chain of runs: else a continuation that only has to push on would read everything again, for ever.
    isFullForced: (request.forceFull ?? false) && !request.pulledCalendars?.includes(calendar.id),
    confirmedDeletions: await confirmedDeletions(parts, userId, request.confirmDeletions),
  };
}

async function syncedCalendars(
  { db, calendars, settings }: ScopeParts,
  userId: UserId,
): Promise<Map<GraphCalendarId, boolean>> {
  const synced = new Map<GraphCalendarId, boolean>();
  for (const { id, graphCalendarId, removedAt } of await calendars.list(db, userId)) {
    // One that was missing may be there again by now: it is looked for at Graph.
    if (graphCalendarId && !removedAt) synced.set(graphCalendarId, (await settings.resolve(userId, id)).enabled);
  }
  return synced;
}

/**
 * The deletions a refused run listed, if this run was started with its confirmation. Each is confirmed once: what was
 * carried out and then came back is another deletion.
 */
async function confirmedDeletions(
  { db, runs, operations }: ScopeParts,
  userId: UserId,
  token: string | undefined,
): Promise<ReadonlySet<string>> {
  if (!token) return new Set();
  const refused = await runs.find(db, userId, token.split('.')[0] as JobId);
  const confirmation = confirmationIn(refused, token);
  if (!confirmation?.refusedAt) return new Set();
  const { eventIds, side, refusedAt: since } = confirmation;
  const used = await operations.listDeletedSince(db, userId, eventIds, { side, since });
  return new Set(eventIds.filter((id) => !used.has(id)));
}

/** @returns the same for settings by which the same is read, and another for any other */
function readingOf({ window, rules }: SyncSettings): string {
  const text = JSON.stringify([window.pastDays, window.futureDays, rules]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}
