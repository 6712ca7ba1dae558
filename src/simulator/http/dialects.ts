import { GraphError } from './graph-error.ts';

/** One way Graph, Exchange behind it or a gateway before it says no. */
interface Dialect {
  status: number;
  code?: string;
  message?: string;
  headers?: Record<string, string>;
  /** Members of `innerError` besides the date and the request's ids. */
  inner?: Record<string, unknown>;
  /** A body that is no JSON; '' for none. */
  text?: string;
}

const MAILBOX_CONCURRENCY = 'Application is over its MailboxConcurrency limit.';
const CONFLICT =
  'The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.';
const LOST_STATE = 'The sync state generation is not found; generation=12;[highest=19][19][17][18].';
const html = (title: string): string =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body><center><h1>${title}</h1></center></body>\r\n</html>\r\n`;
const HTML = { 'content-type': 'text/html' };

/** Every refusal of the wild by a name of ours; the texts are those of captures and documentation. */
export const DIALECTS = {
  // throttling
  'too-many-requests': {
    status: 429,
    code: 'TooManyRequests',
    message: 'Please retry again later.',
    headers: { 'retry-after': '2.128' },
    inner: { code: '429', message: 'Please retry after', status: '429' },
  },
  'mailbox-concurrency': {
    status: 429,
    code: 'ApplicationThrottled',
    message: MAILBOX_CONCURRENCY,
    headers: { 'retry-after': '1' },
  },
  'mailbox-concurrency-503': {
    status: 503,
    code: 'ApplicationThrottled',
    message: MAILBOX_CONCURRENCY,
    headers: { 'retry-after': '1' },
  },
  'server-busy': { status: 429, code: 'TooManyRequests', message: 'The server is busy. Please try again later.' },
  'activity-limit': {
    status: 429,
    code: 'activityLimitReached',
    message: 'The app or user has been throttled.',
    headers: { 'retry-after': '5' },
  },
  'exchange-throttled': {
    status: 429,
    code: 'ErrorTooManyRequests',
    message: 'The request has been throttled.',
    headers: { 'retry-after': '3' },
  },
  'unknown-error-429': { status: 429, code: 'UnknownError', message: '' },
  'bandwidth-limit': {
    status: 509,
    code: 'activityLimitReached',
    message: 'Your app has been throttled for exceeding the maximum bandwidth cap.',
  },
  // passing
  'service-not-available': {
    status: 503,
    code: 'serviceNotAvailable',
    message: 'The service is temporarily unavailable.',
  },
  'service-unavailable': {
    status: 503,
    code: 'ServiceUnavailable',
    message: 'The service is temporarily unavailable.',
    headers: { 'retry-after': '10' },
  },
  'mailbox-info-stale': {
    status: 503,
    code: 'MailboxInfoStale',
    message: "Target resource 'mailbox' hosted on database 'unknown' is currently on backend 'Unknown'",
  },
  'move-in-progress': {
    status: 503,
    code: 'ErrorMailboxMoveInProgress',
    message: 'The mailbox is being moved. Try again later.',
  },
  'store-unavailable': {
    status: 503,
    code: 'ErrorMailboxStoreUnavailable',
    message: 'The mailbox database is temporarily unavailable.',
  },
  'unknown-error': { status: 504, code: 'UnknownError', message: '' },
  'bad-gateway': { status: 502, code: 'UnknownError', message: '' },
  'gateway-html': { status: 502, headers: HTML, text: html('502 Bad Gateway') },
  'gateway-timeout-html': { status: 504, headers: HTML, text: html('504 Gateway Time-out') },
  'gateway-empty': { status: 502, text: '' },
  'gateway-timeout-empty': { status: 504, text: '' },
  'transient-error': {
    status: 500,
    code: 'ErrorInternalServerTransientError',
    message: 'An internal server error occurred. Try again later.',
  },
  'internal-server-error': {
    status: 500,
    code: 'InternalServerError',
    message: 'An internal server error occurred. The operation failed.',
  },
  'general-exception': { status: 500, code: 'generalException', message: 'An unspecified error has occurred.' },
  // conflicts
  'conflict-412': { status: 412, code: 'ErrorIrresolvableConflict', message: CONFLICT },
  'conflict-409': { status: 409, code: 'ErrorIrresolvableConflict', message: CONFLICT },
  'unknown-error-412': { status: 412, code: 'UnknownError', message: '' },
  locked: { status: 423, code: 'resourceLocked', message: 'The resource that is being accessed is locked.' },
  // full, too much
  'quota-exceeded': {
    status: 403,
    code: 'ErrorQuotaExceeded',
    message: 'Cannot save changes made to an item to store.',
  },
  'quota-507': { status: 507, code: 'QuotaExceededException', message: 'Target mailbox quota exceeded.' },
  'message-limit': {
    status: 403,
    code: 'ErrorExceededMessageLimit',
    message: 'Cannot send mail. The message submission limit of the mailbox has been reached.',
  },
  // nobody there
  'item-not-found': {
    status: 404,
    code: 'ErrorItemNotFound',
    message: 'The specified object was not found in the store.',
  },
  'item-not-found-400': {
    status: 400,
    code: 'ErrorItemNotFound',
    message: 'The specified object was not found in the store.',
  },
  'malformed-id': { status: 400, code: 'ErrorInvalidIdMalformed', message: 'Id is malformed.' },
  'not-enabled-for-rest': {
    status: 404,
    code: 'MailboxNotEnabledForRESTAPI',
    message: 'REST API is not yet supported for this mailbox.',
  },
  'non-existent-mailbox': {
    status: 404,
    code: 'ErrorNonExistentMailbox',
    message: 'The SMTP address has no mailbox associated with it.',
  },
  'invalid-user': { status: 404, code: 'ErrorInvalidUser', message: 'The requested user is invalid.' },
  'sync-folder-not-found': {
    status: 404,
    code: 'ErrorSyncFolderNotFound',
    message: 'The folder to be synchronized was not found.',
  },
  // delta tokens that died
  'sync-state-not-found': { status: 410, code: 'SyncStateNotFound', message: LOST_STATE },
  'sync-state-not-found-camel': { status: 410, code: 'syncStateNotFound', message: LOST_STATE },
  'sync-state-not-found-400': { status: 400, code: 'SyncStateNotFound', message: LOST_STATE },
  'sync-state-not-found-404': { status: 404, code: 'syncStateNotFound', message: LOST_STATE },
  'sync-state-invalid': { status: 410, code: 'SyncStateInvalid', message: 'The sync state is invalid.' },
  'resync-required': {
    status: 410,
    code: 'ResyncRequired',
    message: 'Resync required. Replace any local items with the server’s version.',
  },
  'invalid-sync-state-data': {
    status: 400,
    code: 'ErrorInvalidSyncStateData',
    message: 'The sync state data is invalid.',
  },
  'malformed-token': { status: 400, code: 'BadRequest', message: 'Badly formed token.' },
  // who are you
  'token-expired': {
    status: 401,
    code: 'InvalidAuthenticationToken',
    message: 'Lifetime validation failed, the token is expired.',
  },
  'token-malformed': {
    status: 401,
    code: 'InvalidAuthenticationToken',
    message: 'CompactToken parsing failed with error code: 80049217',
  },
  'authentication-error': {
    status: 401,
    code: 'AuthenticationError',
    message: 'Error authenticating with resource',
  },
  'access-denied': {
    status: 403,
    code: 'ErrorAccessDenied',
    message: 'Access is denied. Check credentials and try again.',
  },
  'access-policy': { status: 403, code: 'ErrorAccessDenied', message: 'Access to OData is disabled.' },
  'request-denied': {
    status: 403,
    code: 'Authorization_RequestDenied',
    message: 'Insufficient privileges to complete the operation.',
  },
} as const satisfies Record<string, Dialect>;

export type DialectName = keyof typeof DIALECTS;

/** What a dead delta token may be answered with. */
export type DeltaTokenDeath = Extract<
  DialectName,
  `sync-state-${string}` | 'resync-required' | 'invalid-sync-state-data' | 'malformed-token'
>;

export const dialect = (name: DialectName): Dialect => DIALECTS[name];

export const isDialect = (name: unknown): name is DialectName =>
  typeof name === 'string' && Object.hasOwn(DIALECTS, name);

/** A refusal in one of the dialects, to be thrown. */
export function refuseLike(name: DialectName, change: { status?: number; message?: string } = {}): GraphError {
  const { status, code = 'UnknownError', message = '', headers, inner } = dialect(name);
  return new GraphError(change.status ?? status, code, change.message ?? message, {
    ...(headers === undefined ? {} : { headers }),
    ...(inner === undefined ? {} : { inner }),
  });
}
