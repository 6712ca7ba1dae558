/** What one caller may ask. Constants, because what they protect is the service and nobody else. */
export interface Limits {
  /** Requests a minute of one user, all processes together: fifty a second carries any dashboard, and a loop gone wild shows. */
  readonly userRequests: number;
  /** Requests a minute of one address that come without a good token: health checks, pages, and guesses. */
  readonly addressRequests: number;
  /** Open event streams of one user; each asks the database a few times a second. */
  readonly userStreams: number;
  /** How long an answer may take, milliseconds, where a route does not say otherwise. */
  readonly handlerTimeoutMs: number;
  /** Connections that are open at a time; what comes on top of them is closed unheard. */
  readonly connections: number;
}

export const DEFAULT_LIMITS: Limits = {
  userRequests: 3_000,
  addressRequests: 600,
  userStreams: 20,
  handlerTimeoutMs: 60_000,
  connections: 5_000,
};

export const RATE_WINDOW_MS = 60_000;
/** Users and addresses whose counts are kept; the longest unseen go first. */
export const COUNTED_CALLERS = 20_000;
/** How long a request waits for the database to count it. */
export const COUNTING_PATIENCE_MS = 500;
/** How long a process counts alone after the database did not. */
export const COUNTING_PAUSE_MS = 5_000;

const MB = 1024 * 1024;
/** Graph takes no event larger than this either. */
export const JSON_BODY_BYTES = 4 * MB;
/** What Graph takes in one request, and so what is carried. */
export const ATTACHMENT_BYTES = 3 * MB;
/** The same in base64, and somewhat more: what is a little too large is told so in words. */
export const ATTACHMENT_BODY_BYTES = 6 * MB;
/** A calendar of some twenty thousand events as an iCalendar file. */
export const ICS_BODY_BYTES = 16 * MB;

/** All header lines of a request together; Node's own limit, said here so that no setting of the machine moves it. */
export const HEADER_BYTES = 16 * 1024;
/** No client of ours sends a third of them. */
export const HEADER_LINES = 100;
/** Headers that have not arrived by then are given up: whoever sends a byte a minute holds a connection no longer. */
export const HEADERS_TIMEOUT_MS = 30_000;
/** How long an idle connection is kept; proxies in front give theirs up sooner, or are told by its end. */
export const KEEP_ALIVE_MS = 72_000;

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
