import { isSyncError, SyncError } from '../core/errors.ts';
import { retryDelayMs } from '../core/retry-policy.ts';
import type { Clock, Fetch, Logger, Random } from '../core/runtime.ts';
import { boundedText } from './bounded-answer.ts';
import { Breakers } from './breakers.ts';
import type { GraphSession } from './calendar-graph.ts';
import { PROBE_WAIT_MS } from './circuit-breaker.ts';
import { type GraphFailure, isTokenDeath, readFailure, toSyncError } from './graph-errors.ts';
import { GraphRoot } from './graph-root.ts';
import { countFailure } from './graph-stats.ts';
import type { MailboxLimiter } from './mailbox-limiter.ts';
import { parseRetryAfter } from './retry-after.ts';
import { dateOf, ServerClock } from './server-clock.ts';
import type { TokenProvider, TokenRequest } from './token.provider.ts';

export interface GraphRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/v1.0`, or a whole link Graph gave us. */
  readonly path: string;
  /** `Prefer` entries besides those that every request carries. */
  readonly prefer?: readonly string[];
  readonly ifMatch?: string | undefined;
  readonly body?: unknown;
  /** Not sent again by itself once Graph may have acted on it: nothing at Graph would know the second one for the same. */
  readonly isOnce?: boolean;
  /** A delta request: the signs of a dead token count as such. */
  readonly isDelta?: boolean;
  /** Graph's requests in one of ours: the items of a `$batch` that are carried out side by side. */
  readonly slots?: number;
}

export interface GraphAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly etag: string | undefined;
}

/** Where a request goes, and by what right. */
interface Destination {
  readonly url: string;
  readonly token: string;
}

/** Tries of one request, the first included. What is not settled then is left to the job's own retries. */
const MAX_ATTEMPTS = 5;
/** Each of these takes a minute of a worker's time. */
const MAX_TIMEOUTS = 2;
/** A longer wait is not sat out while a run holds its mailbox; the run is put back and the pause stays in force. */
const LONGEST_WAIT_MS = 120_000;
const REQUEST_TIMEOUT_MS = 60_000;
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** On every request and every page: ids that survive moves, UTC, and bodies as HTML (they are not part of a link). */
export const PREFER: readonly string[] = [
  'IdType="ImmutableId"',
  'outlook.timezone="UTC"',
  'outlook.body-content-type="html"',
];

/**
 * One request to Graph, with everything around it: token, gate, breaker, retries.
 *
 * Requests this client sends may be repeated: reads by nature, creates by their `transactionId`, changes and
 * deletions by their `If-Match` (repeated after a lost answer they meet their own work and say 412, which is re-read). What
 * may not, says so (`isOnce`).
 */
export class GraphClient {
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #tokens: TokenProvider;
  readonly #limiter: MailboxLimiter;
  readonly breakers: Breakers;
  readonly #root: GraphRoot;
  readonly #requestTimeoutMs: number;
  readonly #serverClock = new ServerClock();

  constructor(parts: {
    fetch: Fetch;
    clock: Clock;
    random: Random;
    logger: Logger;
    tokens: TokenProvider;
    limiter: MailboxLimiter;
    /** `GRAPH_BASE_URL` */
    baseUrl: string;
    requestTimeoutMs?: number;
  }) {
    this.#fetch = parts.fetch;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
    this.#tokens = parts.tokens;
    this.#limiter = parts.limiter;
    this.breakers = new Breakers(parts.clock);
    this.#root = new GraphRoot(parts.baseUrl);
    this.#requestTimeoutMs = parts.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  }

  get clockOffsetMs(): number | undefined {
    return this.#serverClock.offsetMs;
  }

  /** Graph's present time, as far as known: what a `Retry-After` date is counted from. */
  get serverNow(): Date {
    return new Date(this.#clock.now().getTime() + (this.clockOffsetMs ?? 0));
  }

  /**
   * @returns the answer of a request Graph carried out
   * @throws {SyncError} what Graph, or the way to it, says instead, after the retries that make sense
   */
  async send(session: GraphSession, request: GraphRequest): Promise<GraphAnswer> {
    const url = this.#root.urlOf(request);
    let renewal: TokenRequest | undefined;
    let isRenewed = false;
    for (let attempt = 1; ; attempt += 1) {
      let token: string | undefined;
      try {
        token = await this.#tokens.getToken(session.signIn ? { ...renewal, signIn: session.signIn } : renewal);
        renewal = undefined;
        return await this.#attempt(session, request, { url, token });
      } catch (error) {
        if (!isSyncError(error)) throw error;
        countFailure(session.stats, error.code);
        if (token !== undefined && error.code === 'unauthenticated' && error.httpStatus === 401 && !isRenewed) {
          isRenewed = true;
          renewal = { refusedToken: token, claims: readClaims(error.details?.['claims']) };
        } else {
          if (request.isOnce && error.code === 'unavailable') throw error;
          await this.waitForRetry(session, error, attempt);
          // The silence is kept; whether it was carried out all the same is for whoever asked to see.
          if (request.isOnce && error.code === 'throttled') throw error;
        }
        session.stats.retried += 1;
      }
    }
  }

  /** An id under which Microsoft's support finds a request of this run. */
  clientRequestId(session: GraphSession): string {
    return GUID.test(session.correlationId) ? session.correlationId : this.#random.id();
  }

  #attempt(session: GraphSession, request: GraphRequest, to: Destination): Promise<GraphAnswer> {
    const gate = { signal: session.signal, slots: request.slots ?? 1, patienceMs: LONGEST_WAIT_MS };
    const { mailbox } = session;
    return this.#limiter.run(mailbox, gate, async () => {
      this.breakers.assertClosed(mailbox);
      session.stats.requests += 1;
      try {
        const answer = await this.#exchange(session, request, to);
        this.breakers.succeeded(mailbox);
        return answer;
      } catch (error) {
        if (isSyncError(error, 'unavailable')) this.breakers.failed(mailbox, { isConnected: isConnected(error) });
        else if (session.signal?.aborted) this.breakers.abandoned(mailbox);
        else this.breakers.succeeded(mailbox);
        throw error;
      }
    });
  }

  async #exchange(session: GraphSession, request: GraphRequest, { url, token }: Destination): Promise<GraphAnswer> {
    const timeout = AbortSignal.timeout(this.#requestTimeoutMs);
    const signal = session.signal ? AbortSignal.any([session.signal, timeout]) : timeout;
    let response: Response;
    let text: string;
    const sentAt = this.#clock.now();
    try {
      response = await this.#fetch(url, {
        method: request.method,
        headers: {
          Authorization: `Bearer ${token}`,
          Accept: 'application/json',
          Prefer: [...PREFER, ...(request.prefer ?? [])].join(', '),
          'client-request-id': this.clientRequestId(session),
          ...(request.ifMatch ? { 'If-Match': request.ifMatch } : {}),
          ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        // Graph moves nothing; whoever does would be sent what we write.
        redirect: 'manual',
        signal,
      });
      this.#serverClock.note(response, { sentAt, answeredAt: this.#clock.now() });
      text = await boundedText(response, `Graph's answer to ${request.method}`);
    } catch (cause) {
      session.signal?.throwIfAborted();
      if (isSyncError(cause)) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SyncError('unavailable', `no answer from Graph to ${request.method} (${reason})`, { cause });
    }
    return this.#read(request, response, text);
  }

  #read(request: GraphRequest, response: Response, text: string): GraphAnswer {
    const body = parsed(text);
    const requestId = response.headers.get('request-id') ?? undefined;
    if (response.ok) {
      // 202 and 204 have nothing to say; an empty 200 or 201 was lost on its way.
      if (body === undefined && (text.trim() !== '' || response.status <= 201)) {
        throw new SyncError('unavailable', `Graph's answer to ${request.method} was cut off, request-id ${requestId}`);
      }
      return { status: response.status, body, etag: response.headers.get('etag') ?? undefined };
    }
    const failure = readFailure(response.status, body, {
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), dateOf(response) ?? this.serverNow),
      requestId,
      claims: /claims="([^"]+)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1],
    });
    throw this.errorOf(request, failure);
  }

  /** What a refusal means: for a delta request, its token may be dead. */
  errorOf(request: GraphRequest, failure: GraphFailure, doing: string = request.method): SyncError {
    const isContinuation = request.path.startsWith('http');
    if (request.isDelta && isContinuation && isTokenDeath(failure)) {
      const { status, code, requestId } = failure;
      return new SyncError('cursor-expired', `Graph does not know the delta token any more (${status} ${code})`, {
        graphCode: code,
        httpStatus: status,
        ...(requestId ? { graphRequestId: requestId } : {}),
      });
    }
    return toSyncError(failure, doing);
  }

  /**
   * Waits before the next try, the whole mailbox with it when Graph asked for silence.
   *
   * @throws the error itself when another try makes no sense, or is the job's business
   */
  async waitForRetry(session: GraphSession, error: SyncError, attempt: number): Promise<void> {
    if (error.code === 'throttled') session.stats.throttled += 1;
    if (error.recovery !== 'retry') throw error;
    // Nothing is sent for now: a worker that sat that out would be missing to other mailboxes.
    if (error.details?.['isUnasked'] && (error.retryAfterMs ?? 0) > PROBE_WAIT_MS) throw error;
    const delayMs = this.keepSilence(session, error, attempt);
    const isSlow = isTimeout(error) && attempt >= MAX_TIMEOUTS;
    if (attempt >= MAX_ATTEMPTS || isSlow || delayMs > LONGEST_WAIT_MS) throw withWait(error, delayMs);
    this.#logger.debug({ mailbox: session.mailbox, code: error.code, delayMs, attempt }, 'waiting before a retry');
    await this.#clock.sleep(delayMs, session.signal);
  }

  /**
   * Lets nothing go to the mailbox before the wait is over that Graph asked for, in whatever words and whether or not there
   * is another try (graph contract 8.3).
   *
   * @returns the wait before another try, in ms
   */
  keepSilence(session: GraphSession, error: SyncError, attempt: number): number {
    const delayMs = retryDelayMs({ attempt, retryAfterMs: error.retryAfterMs, jitter: this.#random.next() });
    const isTold = error.httpStatus !== undefined && error.retryAfterMs !== undefined;
    if (isTold || error.code === 'throttled') this.#limiter.pause(session.mailbox, delayMs);
    return delayMs;
  }

  /** A request as an item of a batch has it. */
  relativeUrl(request: GraphRequest): string {
    return this.#root.relativeUrl(request);
  }
}

/** The same error with the wait the job should give it, should it try again. */
function withWait(error: SyncError, retryAfterMs: number): SyncError {
  return new SyncError(error.code, error.message, {
    cause: error,
    retryAfterMs,
    ...(error.graphCode === undefined ? {} : { graphCode: error.graphCode }),
    ...(error.httpStatus === undefined ? {} : { httpStatus: error.httpStatus }),
    ...(error.graphRequestId === undefined ? {} : { graphRequestId: error.graphRequestId }),
  });
}

/** Whether Graph was reached: it answered, however badly, or kept us waiting until we gave up. */
function isConnected(error: SyncError): boolean {
  if (error.httpStatus !== undefined || error.cause === undefined) return true;
  return isTimeout(error);
}

function isTimeout({ cause }: SyncError): boolean {
  return cause instanceof Error && cause.name === 'TimeoutError';
}

function readClaims(encoded: unknown): string | undefined {
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
