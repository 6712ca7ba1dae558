/** What can go wrong, as a closed list: every table below must place each of them, or the project does not compile. */
export type SyncErrorCode =
  // what Graph says
  | 'throttled'
  | 'unavailable'
  | 'unauthenticated'
  | 'forbidden'
  | 'precondition-failed'
  | 'cursor-expired'
  | 'not-found'
  | 'duplicate-transaction'
  | 'rejected'
  // what our own rules say
  | 'lease-lost'
  | 'mass-delete-refused'
  | 'guest-mail-budget'
  | 'cancelled'
  | 'not-connected'
  | 'reauth-required'
  | 'invalid-input'
  | 'impossible-input'
  | 'conflict-state'
  | 'version-mismatch'
  | 'access-denied'
  | 'misconfigured'
  | 'decryption-failed';

/** What a caller does about an error. */
export type Recovery = 'retry' | 'reauthorize' | 'refetch' | 'resync' | 'abandon' | 'ask' | 'give-up';

const RECOVERY: Record<SyncErrorCode, Recovery> = {
  throttled: 'retry',
  unavailable: 'retry',
  unauthenticated: 'reauthorize',
  forbidden: 'give-up',
  'precondition-failed': 'refetch',
  'cursor-expired': 'resync',
  'not-found': 'give-up',
  'duplicate-transaction': 'refetch',
  rejected: 'give-up',
  'lease-lost': 'abandon',
  'mass-delete-refused': 'ask',
  'guest-mail-budget': 'ask',
  cancelled: 'abandon',
  'not-connected': 'ask',
  'reauth-required': 'ask',
  'invalid-input': 'give-up',
  'impossible-input': 'give-up',
  'conflict-state': 'give-up',
  'version-mismatch': 'refetch',
  'access-denied': 'give-up',
  misconfigured: 'give-up',
  'decryption-failed': 'give-up',
};

export interface SyncErrorOptions {
  readonly cause?: unknown;
  /** The server's `Retry-After`, milliseconds. */
  readonly retryAfterMs?: number;
  /** Graph's own `error.code`, as sent. */
  readonly graphCode?: string;
  readonly httpStatus?: number;
  /** Graph's `request-id`, which Microsoft's support asks for. */
  readonly graphRequestId?: string;
  /** Ids and numbers that help the caller; never content. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Bad input, place by place. */
  readonly problems?: readonly InputProblem[];
}

export interface InputProblem {
  /** JSON Pointer-like path of the field, e.g. `start.timeZone`. */
  readonly path: string;
  readonly message: string;
}

/** The one error class of the service. Messages carry ids and never subject, body, attendees or tokens. */
export class SyncError extends Error {
  readonly code: SyncErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly graphCode: string | undefined;
  readonly httpStatus: number | undefined;
  readonly graphRequestId: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly problems: readonly InputProblem[];

  constructor(code: SyncErrorCode, message: string, options: SyncErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SyncError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.graphCode = options.graphCode;
    this.httpStatus = options.httpStatus;
    this.graphRequestId = options.graphRequestId;
    this.details = options.details;
    this.problems = options.problems ?? [];
  }

  get recovery(): Recovery {
    return RECOVERY[this.code];
  }
}

export function isSyncError(error: unknown, code?: SyncErrorCode): error is SyncError {
  return error instanceof SyncError && (code === undefined || error.code === code);
}

/** For what cannot happen unless we have a bug. It is not retried as if the network had hiccupped. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}
