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
const BY_CODE: ReadonlyMap<string, SyncErrorCode> = new Map(
  Object.entries<SyncErrorCode>({
    erroritemnotfound: 'not-found',
    erroriddoesnotmatchfolder: 'not-found',
    errorinvalididmalformed: 'not-found',
    erroreventnotfound: 'not-found',
    // An occurrence that was deleted, or that a new rule does not have any more.
    errorcalendaroccurrenceisdeletedfromrecurrence: 'not-found',
    errorcalendaroccurrenceindexisoutofrecurrencerange: 'not-found',
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
    quotaexceededexception: 'rejected',
    mailboxnotenabledforrestapi: 'rejected',
  }),
);

/** "Not found" that speaks of the mailbox or the user: nothing about any event. */
const MAILBOX_CODES = new Set([
  ...['errorinvaliduser', 'errornonexistentmailbox', 'request_resourcenotfound', 'resourcenotfound'],
  ...['mailboxnotenabledforrestapi', 'mailboxnotfound', 'errormailboxnotfound'],
]);

/** What Graph calls an event, or a date of a series, that it looked for and that is not there. */
const GONE_CODES = new Set([
  ...['erroritemnotfound', 'itemnotfound', 'erroreventnotfound'],
  ...['errorcalendaroccurrenceisdeletedfromrecurrence', 'errorcalendaroccurrenceindexisoutofrecurrencerange'],
]);

/** Whether an error proves that the event asked for is not there any more; nothing is deleted for less. */
export function isGone(error: SyncError): boolean {
  return error.code === 'not-found' && GONE_CODES.has((error.graphCode ?? '').toLowerCase());
}

/**
 * Whether an error says only that this id leads nowhere: malformed, of another folder, or in words we do not know. The event
 * may well be there under another id (graph contract 9.4), so it is neither deleted nor changed for that.
 */
export function isDoubtful(error: SyncError): boolean {
  return error.code === 'not-found' && !isGone(error) && !MAILBOX_CODES.has((error.graphCode ?? '').toLowerCase());
}

/** Graph, or the way to it, broke over one request: an answer of 5xx, or none in time. */
export function isBreakdown({ code, httpStatus, cause }: SyncError): boolean {
  const isTimeout = cause instanceof Error && cause.name === 'TimeoutError';
  return code === 'unavailable' && (httpStatus !== undefined || isTimeout);
}

/** Server errors that will be the same tomorrow: not implemented, version, full. */
const FINAL_STATUS = new Set([501, 505, 507, 510]);

const TOKEN_DEATH = /^(syncstate|resync|errorinvalidsyncstatedata|errorsyncfoldernotfound)/;

const BY_STATUS: Readonly<Record<number, SyncErrorCode>> = {
  // Something between us and Graph wants to be asked first; no redirection is followed.
  301: 'unavailable',
  302: 'unavailable',
  303: 'unavailable',
  307: 'unavailable',
  308: 'unavailable',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  408: 'unavailable',
  409: 'precondition-failed',
  410: 'not-found',
  412: 'precondition-failed',
  423: 'unavailable',
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
  const { status } = failure;
  const byCode = BY_CODE.get(failure.code.toLowerCase());
  if (byCode) return byCode;
  if (status === 503 && failure.retryAfterMs !== undefined) return 'throttled';
  // A "not found" that names no code is a gateway's: it says nothing about any event.
  if ((status === 404 || status === 410) && failure.code === '') return 'unavailable';
  const byStatus = BY_STATUS[status];
  if (byStatus) return byStatus;
  return status >= 500 && !FINAL_STATUS.has(status) ? 'unavailable' : 'rejected';
}

/** Whether an answer to a stored delta link says that its token is dead, in whatever words (graph contract 5.6). */
export function isTokenDeath(failure: Pick<GraphFailure, 'status' | 'code'>): boolean {
  const code = failure.code.toLowerCase();
  if (failure.status === 410 || TOKEN_DEATH.test(code)) return true;
  // A link that Graph cannot read any more says "Badly formed token" with a plain 400; a full mailbox says 400, too.
  const known = BY_CODE.get(code);
  return failure.status === 400 && (known === undefined || known === 'not-found');
}

export function toSyncError(failure: GraphFailure, what: string, cause?: unknown): SyncError {
  const code = classify(failure);
  const id = failure.requestId ? `, request-id ${failure.requestId}` : '';
  const details = {
    ...(failure.existingEventId ? { existingEventId: failure.existingEventId } : {}),
    ...(failure.claims ? { claims: failure.claims } : {}),
  };
  return new SyncError(code, `Graph answered ${what} with ${failure.status} ${failure.code || 'and no code'}${id}`, {
    ...(cause === undefined ? {} : { cause }),
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    graphCode: failure.code,
    httpStatus: failure.status,
    ...(failure.requestId ? { graphRequestId: failure.requestId } : {}),
    ...(Object.keys(details).length > 0 ? { details } : {}),
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
