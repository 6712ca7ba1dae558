import { isSyncError, SyncError, type SyncErrorCode } from '../core/errors.ts';
import type { CalendarId } from '../core/ids.ts';
import type { StoredRun } from '../store/run.repository.ts';

/** Errors that say something of one calendar only, not of its mailbox, the way to Graph, or this worker. */
const OF_ONE_CALENDAR: ReadonlySet<SyncErrorCode> = new Set<SyncErrorCode>([
  'mass-delete-refused',
  'guest-mail-budget',
  'not-found',
  'forbidden',
  'rejected',
  'cursor-expired',
  'precondition-failed',
]);

export function isOfOneCalendar(error: unknown): error is SyncError {
  return isSyncError(error) && OF_ONE_CALENDAR.has(error.code);
}

/** Graph broke down on a question of this calendar; where nothing at all is asked any more, it is down as a whole. */
export function mayBeOfOneCalendar(error: unknown): error is SyncError {
  return isSyncError(error, 'unavailable') && error.details?.['isUnasked'] !== true;
}

/**
 * One error for all that kept a run from being complete. Refused deletions come first, as they wait for somebody; each further
 * one is listed in `details.others`, with a token of its own and its calendar.
 */
export function joined(failures: readonly SyncError[]): SyncError | undefined {
  const refusals = failures.filter(({ code }) => code === 'mass-delete-refused');
  const [first, ...others] = refusals;
  if (!first || others.length === 0) return first ?? failures[0];
  const eventIds = refusals.flatMap(({ details }) => idsIn(details));
  const listed = others.map(({ details }) => ({ ...details, eventIds: undefined }));
  return new SyncError(first.code, first.message, { details: { ...first.details, eventIds, others: listed } });
}

/** What a token confirms: the calendar it is of, and exactly the events that were refused with it. */
export interface Confirmation {
  readonly calendarId: CalendarId | 'all';
  readonly side: 'local' | 'remote';
  readonly eventIds: readonly string[];
  readonly refusedAt: Date | undefined;
}

/** The ids of all refusals stand one after the other, in the order in which the run's error names them. */
export function confirmationIn(run: StoredRun | undefined, token: string): Confirmation | undefined {
  if (run?.status !== 'FAILED' || !run.confirmationToken) return undefined;
  const { confirmationIds = [], errorDetails = {}, completedAt: refusedAt } = run;
  const others = (errorDetails['others'] ?? []) as readonly Refusal[];
  const isShared = others.length > 0;
  let from = isShared ? Number(errorDetails['count']) : confirmationIds.length;
  if (run.confirmationToken === token) {
    const side = sideOf(errorDetails);
    return { calendarId: run.calendarId, side, eventIds: confirmationIds.slice(0, from), refusedAt };
  }
  for (const { calendarId, side, count, confirmationToken } of others) {
    if (confirmationToken === token) {
      return { calendarId, side, eventIds: confirmationIds.slice(from, from + count), refusedAt };
    }
    from += count;
  }
  return undefined;
}

interface Refusal {
  readonly calendarId: CalendarId;
  readonly side: 'local' | 'remote';
  readonly count: number;
  readonly confirmationToken: string;
}

function sideOf(details: Readonly<Record<string, unknown>>): 'local' | 'remote' {
  return details['side'] === 'remote' ? 'remote' : 'local';
}

function idsIn(details: SyncError['details']): readonly unknown[] {
  const ids = details?.['eventIds'];
  return Array.isArray(ids) ? ids : [];
}

/** What errors carry for ourselves, and no caller is told. */
const OURS_ALONE = new Set(['claims', 'tokenVersion', 'calendarId', 'isUnasked']);

/** The columns of a run row that say why it ended. What a bug says goes to the log, not to callers. */
export function errorColumns(error: unknown): {
  error: string;
  errorCode: string;
  errorDetails: Record<string, unknown> | null;
  confirmationToken: string | null;
  confirmationIds: string[] | null;
} {
  if (!isSyncError(error)) {
    return {
      error: 'an unexpected error ended the run; the log has it under this run’s id',
      errorCode: 'INTERNAL',
      errorDetails: null,
      confirmationToken: null,
      confirmationIds: null,
    };
  }
  const { eventIds, ...told } = error.details ?? {};
  const details = Object.fromEntries(Object.entries(told).filter(([name]) => !OURS_ALONE.has(name)));
  const token = details['confirmationToken'];
  return {
    error: error.message,
    errorCode: error.code.replaceAll('-', '_').toUpperCase(),
    errorDetails: Object.keys(details).length > 0 ? details : null,
    confirmationToken: typeof token === 'string' ? token : null,
    confirmationIds: Array.isArray(eventIds) ? eventIds.map(String) : null,
  };
}
