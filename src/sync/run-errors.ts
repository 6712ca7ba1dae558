import { isSyncError, type SyncError, type SyncErrorCode } from '../core/errors.ts';

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
  const { eventIds, claims: _claims, tokenVersion: _version, ...details } = error.details ?? {};
  const token = details['confirmationToken'];
  return {
    error: error.message,
    errorCode: error.code.replaceAll('-', '_').toUpperCase(),
    errorDetails: Object.keys(details).length > 0 ? details : null,
    confirmationToken: typeof token === 'string' ? token : null,
    confirmationIds: Array.isArray(eventIds) ? eventIds.map(String) : null,
  };
}
