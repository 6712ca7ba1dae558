/**
 * The plugs through which time, chance and the network reach us, so that a whole history can be replayed from a seed.
 * The real ones are made in `system-runtime.ts`; the database's plug is `store/db.ts`.
 */
export interface Clock {
  now(): Date;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A new id, a UUID. */
  id(): string;
  bytes(count: number): Uint8Array;
}

/** The network: WHATWG `fetch` with a string address. It rejects only when no answer arrived. */
export type Fetch = (url: string, init?: FetchInit) => Promise<Response>;

export interface FetchInit {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** What moved is answered as such, and not followed. */
  redirect?: 'manual';
  signal?: AbortSignal;
}

/** Structured log; fields carry ids, never content, addresses or tokens. */
export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}

/** For tests and for embedding applications that bring no log. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
