import { SyncError, type SyncErrorCode } from '../core/errors.ts';

/**
 * What Graph's answers mean to us; the only place that knows. Status first, then code without regard to case, never the
 * message (Microsoft Graph error responses page; graph contract 9.4).
 */

/** An error answer, as far as it could be read. */
export interface GraphFailure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
  /** The claims challenge of a 401, still encoded (continuous access evaluation). */
  readonly claims?: string | undefined;
  /** `@event.existingEventId` of `ErrorDuplicateTransactionId`. */
  readonly existingEventId?: string | undefined;
}

/** Codes whose meaning the status does not tell, in lower case. */
const BY_CODE: Readonly<Record<string, SyncErrorCode>> = {
  erroritemnotfound: 'not-found',
  erroriddoesnotmatchfolder: 'not-found',
  errorinvalididmalformed: 'not-found',
  erroreventnotfound: 'not-found',
  errorirresolvableconflict: 'precondition-failed',
  errorduplicatetransactionid: 'duplicate-transaction',
  errorinternalservertransienterror: 'unavailable',
  errormailboxstoreunavailable: 'unavailable',
  errormailboxmoveinprogress: 'unavailable',
  mailboxinfostale: 'unavailable',
  applicationthrottled: 'throttled',
  toomanyrequests: 'throttled',
  activitylimitreached: 'throttled',
  errortoomanyrequests: 'throttled',
  errorquotaexceeded: 'rejected',
  mailboxnotenabledforrestapi: 'rejected',
};

/** "Not found" that speaks of the mailbox or the user: nothing about any event. */
const MAILBOX_CODES = new Set([
  ...['errorinvaliduser', 'errornonexistentmailbox', 'request_resourcenotfound', 'resourcenotfound'],
  ...['mailboxnotenabledforrestapi', 'mailboxnotfound', 'errormailboxnotfound'],
]);

/** Whether an error proves that the event asked for is not there any more; nothing is deleted for less. */
export function isGone(error: SyncError): boolean {
  return error.code === 'not-found' && !MAILBOX_CODES.has((error.graphCode ?? '').toLowerCase());
}

const TOKEN_DEATH = /^(syncstate|resync|errorinvalidsyncstatedata|errorsyncfoldernotfound)/;

const BY_STATUS: Readonly<Record<number, SyncErrorCode>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  408: 'unavailable',
  409: 'precondition-failed',
  410: 'not-found',
  412: 'precondition-failed',
  424: 'unavailable',
  429: 'throttled',
  500: 'unavailable',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
  509: 'throttled',
};

/** @param failure.retryAfterMs  a 503 that names a wait is a throttle (mailbox concurrency is answered so) */
export function classify(failure: Pick<GraphFailure, 'status' | 'code' | 'retryAfterMs'>): SyncErrorCode {
  const code = failure.code.toLowerCase();
  const byCode = BY_CODE[code];
  if (byCode) return byCode;
  if (failure.status === 503 && failure.retryAfterMs !== undefined) return 'throttled';
  return BY_STATUS[failure.status] ?? 'rejected';
}

/** Whether an answer to a delta request says that its token is dead, in whatever words. */
export function isTokenDeath(
  { status, code }: Pick<GraphFailure, 'status' | 'code'>,
  isContinuation: boolean,
): boolean {
  if (status === 410 || TOKEN_DEATH.test(code.toLowerCase())) return true;
  // A stored link that Graph cannot read any more says "Badly formed token" with a plain 400.
  return isContinuation && status === 400;
}

export function toSyncError(failure: GraphFailure, what: string, cause?: unknown): SyncError {
  const code = classify(failure);
  const id = failure.requestId ? `, request-id ${failure.requestId}` : '';
  return new SyncError(code, `Graph answered ${what} with ${failure.status} ${failure.code || 'and no code'}${id}`, {
    ...(cause === undefined ? {} : { cause }),
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    graphCode: failure.code,
    httpStatus: failure.status,
    ...(failure.requestId ? { graphRequestId: failure.requestId } : {}),
    ...(failure.existingEventId ? { details: { existingEventId: failure.existingEventId } } : {}),
  });
}

/** Reads an error body of whatever dialect; gateways send HTML or nothing. */
export function readFailure(
  status: number,
  body: unknown,
  headers: {
    readonly retryAfterMs?: number | undefined;
    readonly requestId?: string | undefined;
    readonly claims?: string | undefined;
  },
): GraphFailure {
  const error = (body as { error?: unknown } | null | undefined)?.error;
  const fields = typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : {};
  const inner = (fields['innerError'] ?? fields['innererror'] ?? {}) as Record<string, unknown>;
  const existing = fields['@event.existingEventId'];
  return {
    status,
    code: typeof fields['code'] === 'string' ? fields['code'] : typeof error === 'string' ? error : '',
    message: typeof fields['message'] === 'string' ? fields['message'] : '',
    retryAfterMs: headers.retryAfterMs,
    requestId: headers.requestId ?? (typeof inner['request-id'] === 'string' ? inner['request-id'] : undefined),
    claims: headers.claims,
    existingEventId: typeof existing === 'string' ? existing : undefined,
  };
}
