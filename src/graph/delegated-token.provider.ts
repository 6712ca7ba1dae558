import { assert, isSyncError, SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { SignInRef } from '../core/sign-in.ts';
import type { SignIn, SignInClient } from './sign-in.client.ts';
import type { TokenProvider, TokenRequest } from './token.provider.ts';

/** Where people's sign-ins are kept. */
export interface SignInStore {
  load(userId: UserId): Promise<KeptSignIn | undefined>;
  /** @returns false when a newer one is kept by now, or none of this account */
  save(signIn: SignInRef, cache: string, o: { readonly version: number; readonly usedAt: Date }): Promise<boolean>;
}

export interface KeptSignIn {
  readonly accountId: string;
  readonly cache: string;
  /** Counts the caches that were kept. */
  readonly version: number;
}

interface CachedToken {
  readonly value: string;
  readonly renewAtMs: number;
  readonly claims: string | undefined;
}

interface Refresh {
  readonly claims: string | undefined;
  readonly token: Promise<CachedToken>;
}

/** Tokens in memory; the least lately used make room, and are fetched again when they are wanted. */
const CACHED_TOKENS = 5_000;

/** Access on behalf of people who signed in. One refresh at a time for each of them, whoever asks. */
export class DelegatedTokenProvider implements TokenProvider {
  readonly #signIns: SignInClient;
  readonly #store: SignInStore;
  readonly #clock: Clock;
  /** By user and account: what is remembered of one account never opens another one's mailbox. */
  readonly #cached = new Map<string, CachedToken>();
  readonly #refreshing = new Map<string, Refresh>();
  readonly #provisional = new Map<UserId, KeptSignIn>();
  #provisionalCount = 0;

  constructor(parts: { signIns: SignInClient; store: SignInStore; clock: Clock }) {
    this.#signIns = parts.signIns;
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  async getToken({ signIn, refusedToken, claims }: TokenRequest = {}): Promise<string> {
    assert(signIn, 'a delegated token is somebody’s');
    for (;;) {
      const cached = this.#take(signIn);
      if (cached && cached.renewAtMs > this.#clock.now().getTime() && cached.value !== refusedToken) {
        if (claims === undefined || cached.claims === claims) return cached.value;
      }
      const refreshing = this.#refreshing.get(keyOf(signIn));
      if (!refreshing) return (await this.#refresh(signIn, claims)).value;
      if (claims === undefined || refreshing.claims === claims) return (await refreshing.token).value;
      await refreshing.token.catch(() => {});
    }
  }

  /** Fetches a token although one may be at hand: a grant that is not used for 90 days is forgotten by Microsoft. */
  async keepAlive(signIn: SignInRef): Promise<void> {
    await (this.#refreshing.get(keyOf(signIn))?.token ?? this.#refresh(signIn, undefined));
  }

  /**
   * Does something with a sign-in that is not kept anywhere yet.
   *
   * @param work  is given the name to ask for its tokens by
   * @returns what `work` returned, and the sign-in with its tokens as they are then
   */
  async provisionally<T>(
    { accountId, ...signIn }: SignIn,
    work: (name: SignInRef) => Promise<T>,
  ): Promise<{ readonly value: T; readonly latest: SignIn }> {
    // No user's id has such a character.
    const userId = `\0sign-in ${this.#provisionalCount++}` as UserId;
    this.#provisional.set(userId, { accountId, cache: signIn.cache, version: 0 });
    try {
      const value = await work({ userId, accountId });
      const cache = this.#provisional.get(userId)?.cache ?? signIn.cache;
      return { value, latest: { ...signIn, accountId, cache } };
    } finally {
      this.#provisional.delete(userId);
      this.forget(userId);
    }
  }

  /** To be called when the person has signed in anew, or has gone. */
  forget(userId: UserId): void {
    for (const key of this.#cached.keys())
      if (key.startsWith(keyOf({ userId, accountId: '' }))) this.#cached.delete(key);
  }

  #take(signIn: SignInRef): CachedToken | undefined {
    const key = keyOf(signIn);
    const cached = this.#cached.get(key);
    if (!cached) return undefined;
    this.#cached.delete(key);
    this.#cached.set(key, cached);
    return cached;
  }

  #refresh(signIn: SignInRef, claims: string | undefined): Promise<CachedToken> {
    const key = keyOf(signIn);
    const token = this.#fetch(signIn, claims).finally(() => this.#refreshing.delete(key));
    this.#refreshing.set(key, { claims, token });
    return token;
  }

  async #fetch(signIn: SignInRef, claims: string | undefined): Promise<CachedToken> {
    const token = await this.#fetchAndKeep(signIn, claims);
    const key = keyOf(signIn);
    this.#cached.delete(key);
    this.#cached.set(key, token);
    const oldest = this.#cached.keys().next();
    if (this.#cached.size > CACHED_TOKENS && !oldest.done) this.#cached.delete(oldest.value);
    return token;
  }

  /** What is kept may be replaced while Microsoft is asked: then once more, with what has taken its place. */
  async #fetchAndKeep(signIn: SignInRef, claims: string | undefined): Promise<CachedToken> {
    let kept = await this.#load(signIn);
    for (let attempt = 1; ; attempt += 1) {
      const usedAt = this.#clock.now();
      try {
        const fetched = await this.#signIns.refresh(kept, claims);
        const token = { value: fetched.value, renewAtMs: usedAt.getTime() + fetched.usableMs, claims };
        if (await this.#keep(signIn, fetched.cache, { version: kept.version, usedAt })) return token;
        // Another process has refreshed as well, which is as good; unless the sign-in itself is gone.
        await this.#load(signIn);
        return token;
      } catch (error) {
        const isRefused = isSyncError(error, 'unauthenticated') && error.details?.['operator'] === false;
        if (!isRefused || this.#provisional.has(signIn.userId)) throw error;
        const now = await this.#load(signIn);
        if (now.version === kept.version || attempt > 1) throw ofVersion(error, kept.version);
        kept = now;
      }
    }
  }

  async #load({ userId, accountId }: SignInRef): Promise<KeptSignIn> {
    const kept = this.#provisional.get(userId) ?? (await this.#store.load(userId));
    if (kept?.accountId === accountId) return kept;
    const what = kept ? 'somebody else has signed in since' : 'nobody has signed in';
    throw new SyncError('unauthenticated', what, { details: { operator: false } });
  }

  async #keep(signIn: SignInRef, cache: string, o: { version: number; usedAt: Date }): Promise<boolean> {
    const provisional = this.#provisional.get(signIn.userId);
    if (!provisional) return this.#store.save(signIn, cache, o);
    this.#provisional.set(signIn.userId, { ...provisional, cache });
    return true;
  }
}

const keyOf = ({ userId, accountId }: SignInRef): string => `${userId}\n${accountId}`;

/** Says which tokens were refused: whoever writes it down must not blame newer ones. */
function ofVersion(error: SyncError, tokenVersion: number): SyncError {
  return new SyncError(error.code, error.message, {
    cause: error,
    ...(error.graphCode === undefined ? {} : { graphCode: error.graphCode }),
    details: { ...error.details, tokenVersion },
  });
}

/** Each request by the right that opens its mailbox. */
export class TokenRouter implements TokenProvider {
  readonly #application: TokenProvider;
  readonly #delegated: TokenProvider;

  constructor(parts: { application: TokenProvider; delegated: TokenProvider }) {
    this.#application = parts.application;
    this.#delegated = parts.delegated;
  }

  getToken(request: TokenRequest = {}): Promise<string> {
    return request.signIn === undefined ? this.#application.getToken(request) : this.#delegated.getToken(request);
  }
}
