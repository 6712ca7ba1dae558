import { type InputProblem, SyncError } from '../core/errors.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, isStorable, type JobId, type UserId } from '../core/ids.ts';
import { type ConflictStrategy, MAX_WINDOW_DAYS, type SyncDirection } from '../core/settings.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db } from '../store/db.ts';
import type { RunRepository, StoredRunRequest } from '../store/run.repository.ts';
import { assertUsable } from './connection-state.ts';
import { confirmationIn } from './run-errors.ts';

/** What a caller asks a run to do; what is left out comes from the calendar's, then the user's settings, at run time. */
export interface SyncRequest {
  readonly direction?: SyncDirection;
  /** An id of `/calendar/calendars`, `default` (also when left out) or `all`. */
  readonly calendarId?: string;
  readonly conflictResolution?: ConflictStrategy;
  readonly forceFull?: boolean;
  /** ISO 8601 instants; the run is limited to events that overlap them. */
  readonly dateRange?: { readonly start: string; readonly end: string };
  /** `error.details.confirmationToken` of a run that the mass-deletion brake stopped. */
  readonly confirmDeletions?: string;
}

export interface CheckedRequest {
  readonly calendarId: CalendarId | 'all';
  readonly request: StoredRunRequest;
}

/** Date, time and offset: an instant, whatever the reader's zone. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Whether a run, or its preview, can be made from a request at all.
 *
 * @throws {SyncError} `invalid-input`, `impossible-input`, `not-connected`, `reauth-required`, or `not-found` for a calendar
 */
export async function checkRequest(
  parts: { db: Db; connections: ConnectionRepository; calendars: CalendarRepository; runs: RunRepository },
  userId: UserId,
  asked: SyncRequest,
): Promise<CheckedRequest> {
  const { calendarId, ...request } = asked;
  if (request.dateRange) assertRange(request.dateRange);
  const connection = await parts.connections.find(parts.db, userId);
  if (!connection) {
    throw new SyncError('not-connected', 'no mailbox is connected: PUT /calendar/connection first');
  }
  assertUsable(connection);
  const confirmed = await confirmedCalendar(parts, userId, request.confirmDeletions);
  const wanted = (calendarId ?? confirmed ?? DEFAULT_CALENDAR_ID) as CalendarId | 'all';
  if (wanted !== 'all') {
    const calendar = isStorable(wanted) ? await parts.calendars.find(parts.db, userId, wanted) : undefined;
    if (!calendar || calendar.removedAt || !calendar.graphCalendarId) {
      throw new SyncError(
        'not-found',
        `calendar ${wanted} is not (any more) in the mailbox; see GET /calendar/calendars`,
      );
    }
  }
  return { calendarId: wanted, request };
}

/** @returns the calendar of the run whose deletions are confirmed */
async function confirmedCalendar(
  { db, runs }: { db: Db; runs: RunRepository },
  userId: UserId,
  token: string | undefined,
): Promise<string | undefined> {
  if (token === undefined) return undefined;
  const refused = isStorable(token) ? await runs.find(db, userId, token.split('.')[0] as JobId) : undefined;
  const confirmation = confirmationIn(refused, token);
  if (confirmation) return confirmation.calendarId;
  throw new SyncError('invalid-input', 'the confirmation does not belong to a run of yours that was stopped', {
    problems: [
      {
        path: 'confirmDeletions',
        message: 'must be error.details.confirmationToken of a run that ended with MASS_DELETE_REFUSED',
      },
    ],
  });
}

function assertRange({ start, end }: { readonly start: string; readonly end: string }): void {
  const problems = Object.entries({ start, end }).flatMap(([name, text]): InputProblem[] =>
    isInstant(text)
      ? []
      : [{ path: `dateRange.${name}`, message: 'must be an ISO 8601 instant, e.g. 2026-03-01T00:00:00Z' }],
  );
  if (problems.length > 0) throw new SyncError('invalid-input', 'the date range cannot be read', { problems });
  const lengthMs = Date.parse(end) - Date.parse(start);
  if (lengthMs <= 0) {
    throw new SyncError('impossible-input', 'the date range ends before it starts', {
      problems: [{ path: 'dateRange.end', message: 'must be later than dateRange.start' }],
    });
  }
  if (lengthMs > MAX_WINDOW_DAYS * DAY_MS) {
    throw new SyncError(
      'impossible-input',
      `the date range is longer than Graph serves at once, ${MAX_WINDOW_DAYS} days`,
      {
        problems: [{ path: 'dateRange', message: `must span at most ${MAX_WINDOW_DAYS} days` }],
      },
    );
  }
}

function isInstant(text: string): boolean {
  return INSTANT.test(text) && !Number.isNaN(Date.parse(text));
}
