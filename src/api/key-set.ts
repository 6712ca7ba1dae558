import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { isSyncError, SyncError } from '../core/errors.ts';
import type { Clock, Fetch } from '../core/runtime.ts';

/** A key that was withdrawn is trusted no longer than this while the key server answers. */
const FRESH_MS = 10 * 60_000;
/** While it does not answer, known keys serve on: an hour of its absence is no reason to lock everybody out. */
const STALE_MS = 60 * 60_000;
/** Tokens with made-up key ids must not make us ask for keys all the time. */
const COOLDOWN_MS = 30_000;
/** Between two attempts to reach a key server that does not answer. */
const FAILURE_PAUSE_MS = 5_000;
const FETCH_TIMEOUT_MS = 5_000;
/** Of a key set: providers publish a handful of keys, each a few thousand characters with its certificates. */
const MOST_BYTES = 1024 * 1024;

interface Keys {
  readonly find: JWTVerifyGetKey;
  readonly fetchedAtMs: number;
}

/** The public keys of an identity provider (RFC 7517), fetched when needed and again when they rotate. */
export class KeySet {
  readonly #url: string;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  #keys: Keys | undefined;
  #failure: { readonly error: SyncError; readonly atMs: number } | undefined;
  #loading: Promise<Keys> | undefined;

  constructor(parts: { url: string; fetch: Fetch; clock: Clock }) {
    this.#url = parts.url;
    this.#fetch = parts.fetch;
    this.#clock = parts.clock;
  }

  /**
   * The key a token was signed with.
   *
   * @throws {SyncError} `unavailable` when the key server does not answer and no key is known that could serve
   * @throws jose's `JWKSNoMatchingKey` when the set has no such key
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const keys = await this.#current();
    try {
      return await keys.find(header, token);
    } catch (error) {
      const isTooSoon = this.#nowMs() - keys.fetchedAtMs < COOLDOWN_MS;
      if (!(error instanceof errors.JWKSNoMatchingKey) || isTooSoon) throw refusalOf(error);
      const { find } = await this.#load();
      try {
        return await find(header, token);
      } catch (again) {
        throw refusalOf(again);
      }
    }
  };

  async #current(): Promise<Keys> {
    const known = this.#keys;
    const ageMs = known ? this.#nowMs() - known.fetchedAtMs : Number.POSITIVE_INFINITY;
    if (known && ageMs < FRESH_MS) return known;
    try {
      return await this.#load();
    } catch (error) {
      if (known && ageMs < STALE_MS && isSyncError(error, 'unavailable')) return known;
      throw error;
    }
  }

  /** One request at a time, whoever waits for it. */
  #load(): Promise<Keys> {
    const failure = this.#failure;
    if (failure && this.#nowMs() - failure.atMs < FAILURE_PAUSE_MS) return Promise.reject(failure.error);
    this.#loading ??= this.#fetchKeys().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #fetchKeys(): Promise<Keys> {
    try {
      const keys = { find: createLocalJWKSet(await this.#download()), fetchedAtMs: this.#nowMs() };
      this.#keys = keys;
      this.#failure = undefined;
      return keys;
    } catch (cause) {
      const message = 'the key server (JWT_JWKS_URL) does not answer with a key set, so that no token can be verified';
      const error = new SyncError('unavailable', message, { cause, retryAfterMs: FAILURE_PAUSE_MS });
      this.#failure = { error, atMs: this.#nowMs() };
      throw error;
    }
  }

  async #download(): Promise<JSONWebKeySet> {
    const answered = new AbortController();
    const timeout = new AbortController();
    this.#clock.sleep(FETCH_TIMEOUT_MS, answered.signal).then(
      () => timeout.abort(new Error('no answer in time')),
      () => {},
    );
    try {
      const headers = { accept: 'application/jwk-set+json, application/json' };
      const answer = await this.#fetch(this.#url, { headers, signal: timeout.signal });
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      return JSON.parse(await textOf(answer)) as JSONWebKeySet;
    } finally {
      answered.abort();
    }
  }

  #nowMs(): number {
    return this.#clock.now().getTime();
  }
}

/** A key that cannot be read is the key server's mistake, and no word about the token. */
function refusalOf(error: unknown): unknown {
  if (error instanceof errors.JOSEError) return error;
  return new SyncError('unavailable', 'the key server (JWT_JWKS_URL) publishes a key that cannot be read', {
    cause: error,
  });
}

/** Leaving the loop ends the answer: one without end costs no memory. */
async function textOf(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) throw new Error(`answered with more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
