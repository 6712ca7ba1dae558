/** What one caller may ask of this process. Constants, because what they protect is this process and nobody else. */
export interface Limits {
  /** Requests a minute of one user: fifty a second carries any dashboard, and a loop gone wild shows. */
  readonly userRequests: number;
  /** Requests a minute of one address that come without a good token: health checks, pages, and guesses. */
  readonly addressRequests: number;
  /** Open event streams of one user; each asks the database a few times a second. */
  readonly userStreams: number;
  /** How long an answer may take, milliseconds, where a route does not say otherwise. */
  readonly handlerTimeoutMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  userRequests: 3_000,
  addressRequests: 600,
  userStreams: 20,
  handlerTimeoutMs: 60_000,
};

export const RATE_WINDOW_MS = 60_000;
/** Users and addresses whose counts are kept; the longest unseen go first. */
export const COUNTED_CALLERS = 20_000;

const MB = 1024 * 1024;
/** Graph takes no event larger than this either. */
export const JSON_BODY_BYTES = 4 * MB;
/** A calendar of some twenty thousand events as an iCalendar file. */
export const ICS_BODY_BYTES = 16 * MB;

/** A request that has not arrived whole by then is given up. */
export const REQUEST_TIMEOUT_MS = 120_000;
/** For what reads a whole calendar while the caller waits. */
export const SLOW_HANDLER_TIMEOUT_MS = 5 * 60_000;
/** Streams end with their run; the largest timer there is stands for "no limit". */
export const STREAM_TIMEOUT_MS = 2 ** 31 - 1;
/** How long requests that are being answered may hold up a server that is to close. */
export const CLOSE_PATIENCE_MS = 5_000;
/** Proxies cut connections that are silent for half a minute or more. */
export const HEARTBEAT_MS = 15_000;
