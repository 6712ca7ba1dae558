import { SyncError } from '../core/errors.ts';
import type { CalendarId, GraphCalendarId, JobId, UserId } from '../core/ids.ts';
import type { ConflictStrategy, NotifyAttendees, SyncDirection, SyncRule, SyncWindow } from '../core/settings.ts';
import type { GraphSession } from '../graph/calendar-graph.ts';
import type { Lease } from '../store/lease.repository.ts';
import type { RunCounters } from './run-counters.ts';

/** Everything the stages of one run share about one calendar. Made by `CalendarSyncService`, changed by nobody but `counters`. */
export interface RunContext {
  readonly jobId: JobId;
  readonly userId: UserId;
  readonly calendarId: CalendarId;
  readonly graphCalendarId: GraphCalendarId;
  /** Of the mailbox's calendars that are known here, which are kept in step. */
  readonly syncedCalendars: () => Promise<ReadonlyMap<GraphCalendarId, boolean>>;
  readonly lease: Lease;
  readonly session: GraphSession;
  readonly direction: SyncDirection;
  readonly strategy: ConflictStrategy;
  readonly notifyAttendees: NotifyAttendees;
  readonly rules: readonly SyncRule[];
  readonly window: { readonly start: Date; readonly end: Date };
  /** Of the window's lengths and the rules: a round read by others leaves out what nobody has looked at since. */
  readonly readingId: string;
  /** Limits this run to events that overlap it; the stored cursor is then left alone. */
  readonly dateRange: { readonly start: Date; readonly end: Date } | undefined;
  readonly isFullForced: boolean;
  /** When the run came to this calendar: by it a change is too old to mail anybody about. */
  readonly now: Date;
  /** The deletions a person confirmed after the brake refused them, by our event ids. */
  readonly confirmedDeletions: ReadonlySet<string>;
  /** Graph's clock minus ours, milliseconds: what makes modification instants of both sides comparable. */
  readonly clockOffsetMs: () => number;
  /** How many more events this run may handle before it hands over to its continuation. */
  readonly counters: RunCounters;
  readonly signal: AbortSignal;
}

/** @throws {SyncError} `cancelled`, with what was done already done and consistent */
export function assertNotCancelled(context: Pick<RunContext, 'signal' | 'jobId'>): void {
  if (!context.signal.aborted) return;
  const reason: unknown = context.signal.reason;
  throw reason instanceof SyncError ? reason : new SyncError('cancelled', `run ${context.jobId} was cancelled`);
}

/** The window of a calendar as half-open UTC instants, whole days so that a day's runs ask for the same window. */
export function windowAround(now: Date, window: SyncWindow): { start: Date; end: Date } {
  const dayMs = 24 * 60 * 60 * 1000;
  const today = Math.floor(now.getTime() / dayMs) * dayMs;
  return { start: new Date(today - window.pastDays * dayMs), end: new Date(today + (window.futureDays + 1) * dayMs) };
}

/** An instant of Graph's by our clock: what makes it comparable with those of edits made here. */
export function byOurClock(
  instant: Date | undefined,
  { clockOffsetMs }: Partial<Pick<RunContext, 'clockOffsetMs'>>,
): Date | undefined {
  return instant && new Date(instant.getTime() - (clockOffsetMs?.() ?? 0));
}
