import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type InputProblem, isSyncError, type SyncError, type SyncErrorCode } from '../core/errors.ts';
import type { Logger } from '../core/runtime.ts';
import { CORRELATION_HEADER } from './correlation.ts';
import { HttpProblem, PROBLEM_TYPE, problemDetails } from './problem.ts';
import { allProblems, invalidInput } from './validation.ts';

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly problems?: readonly InputProblem[];
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** The one table from what went wrong to an answer's status, and its stable code. */
const ANSWERS: Record<SyncErrorCode, readonly [status: number, code: string]> = {
  'invalid-input': [400, 'INVALID_INPUT'],
  'impossible-input': [422, 'IMPOSSIBLE_INPUT'],
  'access-denied': [403, 'FORBIDDEN'],
  'not-found': [404, 'NOT_FOUND'],
  'conflict-state': [409, 'CONFLICT_STATE'],
  'not-connected': [409, 'NOT_CONNECTED'],
  'reauth-required': [409, 'REAUTH_REQUIRED'],
  'mass-delete-refused': [409, 'MASS_DELETE_REFUSED'],
  'guest-mail-budget': [409, 'GUEST_MAIL_BUDGET'],
  cancelled: [409, 'CANCELLED'],
  'version-mismatch': [412, 'VERSION_MISMATCH'],
  throttled: [429, 'THROTTLED'],
  unavailable: [503, 'UNAVAILABLE'],
  'lease-lost': [503, 'LEASE_LOST'],
  // What Graph says of what the caller asked for.
  rejected: [422, 'GRAPH_REJECTED'],
  forbidden: [422, 'GRAPH_FORBIDDEN'],
  // Our own standing with Graph, about which the caller can do nothing: their token is good, so this is no 401.
  unauthenticated: [503, 'GRAPH_UNAUTHENTICATED'],
  'precondition-failed': [500, 'PRECONDITION_FAILED'],
  'cursor-expired': [410, 'CURSOR_EXPIRED'],
  'duplicate-transaction': [500, 'DUPLICATE_TRANSACTION'],
  misconfigured: [500, 'MISCONFIGURED'],
  'decryption-failed': [500, 'DECRYPTION_FAILED'],
};

/** What the framework refuses by itself, in its own codes. */
const FRAMEWORK: Readonly<Record<string, readonly [status: number, code: string, detail: string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'UNSUPPORTED_MEDIA_TYPE', 'the body has no content type that this accepts'],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'BODY_TOO_LARGE', 'the body is larger than this accepts'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'INVALID_CONTENT_LENGTH', 'the body is not as long as Content-Length says'],
  FST_ERR_BAD_URL: [400, 'INVALID_URL', 'the address is not percent-encoded UTF-8'],
  FST_ERR_MAX_PARAM_LENGTH: [404, 'NOT_FOUND', 'there is no such thing: its id is longer than any of ours'],
  FST_ERR_HANDLER_TIMEOUT: [503, 'TIMEOUT', 'this took too long; what was begun may yet come to its end'],
};

/** PostgreSQL's and the network's names for a database that cannot be reached just now. */
const DATABASE_AWAY = /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|08[0-9A-Z]{3}|57P0[1-5]|53300)$/;
const RETRY_AFTER_SECONDS = '5';

export function createErrorHandler(logger: Logger) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const answer = answerTo(error, request);
    if (answer.status >= 500) logFailure(logger, error, request, answer);
    sendProblem(request, reply, answer);
  };
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, answer: Answer): void {
  const { status, code, detail, headers, problems, details } = answer;
  const { id: correlationId, url } = request;
  reply
    .code(status)
    .headers({
      ...headers,
      [CORRELATION_HEADER]: correlationId,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problemDetails({ status, code, detail, url, correlationId, problems, details })));
}

function answerTo(error: unknown, request: FastifyRequest): Answer {
  if (error instanceof HttpProblem) return fromProblem(error, request);
  if (isSyncError(error)) return fromSyncError(error);
  // Anything may be thrown, and what is not an error has neither.
  const { code: named, statusCode = 500 } = Object(error) as FastifyError;
  const code = typeof named === 'string' ? named : '';
  const known = FRAMEWORK[code];
  if (known) return { status: known[0], code: known[1], detail: known[2] };
  if (code.startsWith('FST_') && statusCode < 500) {
    return { status: statusCode, code: 'BAD_REQUEST', detail: 'the request could not be read' };
  }
  if (DATABASE_AWAY.test(code)) {
    const detail = 'the database cannot be reached just now';
    return { status: 503, code: 'UNAVAILABLE', detail, headers: { 'retry-after': RETRY_AFTER_SECONDS } };
  }
  return {
    status: 500,
    code: 'INTERNAL',
    detail: 'something went wrong in here; the correlation id finds it in the log',
  };
}

function fromProblem(error: HttpProblem, request: FastifyRequest): Answer {
  const { status, code, message, headers } = error;
  if (code !== 'INVALID_INPUT') return { status, code, detail: message, headers, problems: error.problems };
  const problems = allProblems(request);
  return problems.length > 0
    ? { status, code, detail: invalidInput(problems).message, problems }
    : { status, code, detail: message, problems: error.problems };
}

function fromSyncError(error: SyncError): Answer {
  const [status, code] = ANSWERS[error.code];
  if (status === 500)
    return { status, code, detail: 'something went wrong in here; the correlation id finds it in the log' };
  const { graphCode, graphRequestId, retryAfterMs, details } = error;
  const isRetry = status === 429 || status === 503;
  const seconds =
    retryAfterMs === undefined ? RETRY_AFTER_SECONDS : String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  const more = { ...details, ...(graphCode ? { graphCode } : {}), ...(graphRequestId ? { graphRequestId } : {}) };
  return {
    status,
    code,
    detail: error.message,
    problems: error.problems,
    ...(isRetry ? { headers: { 'retry-after': seconds } } : {}),
    ...(Object.keys(more).length > 0 ? { details: more } : {}),
  };
}

/** Messages of the database and of parsers can quote what a person wrote; those stay out of the log. */
function logFailure(logger: Logger, error: unknown, request: FastifyRequest, { status, code }: Answer): void {
  const {
    name,
    message,
    stack,
    severity,
    code: errorCode,
  } = Object(error) as Error & { severity?: string; code?: string };
  const isQuoting = severity !== undefined || error instanceof SyntaxError;
  const fields = {
    correlationId: request.id,
    method: request.method,
    route: request.routeOptions?.url,
    status,
    code,
    error: { name, code: errorCode, ...(isQuoting ? {} : { message }), at: framesOf(stack) },
  };
  if (status === 500) logger.error(fields, 'a request failed');
  else logger.warn(fields, 'a request could not be served');
}

function framesOf(stack: string | undefined): string[] {
  return (stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8)
    .map((line) => line.trim());
}
