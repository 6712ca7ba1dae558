import { assert, SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { SignIn, SignInClient } from './sign-in.client.ts';
import type { TokenProvider, TokenRequest } from './token.provider.ts';

/** Where people's sign-ins are kept. */
export interface SignInStore {
  load(userId: UserId): Promise<KeptSignIn | undefined>;
  /**
   * @returns whether it was kept: not when another process has kept a newer one meanwhile, which is as good, or when the
   *   sign-in is gone
   */
  save(userId: UserId, cache: string, o: { readonly version: number; readonly usedAt: Date }): Promise<boolean>;
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

/** Tokens in memory; the least lately used make room, and are fetched again when they are wanted. */
const CACHED_TOKENS = 5_000;

/** Access on behalf of people who signed in. One refresh at a time for each of them, whoever asks. */
export class DelegatedTokenProvider implements TokenProvider {
  readonly #signIns: SignInClient;
  readonly #store: SignInStore;
  readonly #clock: Clock;
  readonly #cached = new Map<UserId, CachedToken>();
  readonly #provisional = new Map<UserId, KeptSignIn>();
  #provisionalCount = 0;
  readonly #refreshing = new Map<
    UserId,
    { readonly claims: string | undefined; readonly token: Promise<CachedToken> }
  >();

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
      const refreshing = this.#refreshing.get(signIn);
      if (!refreshing) return (await this.#refresh(signIn, claims)).value;
      if (claims === undefined || refreshing.claims === claims) return (await refreshing.token).value;
      await refreshing.token.catch(() => {});
    }
  }

  /** Fetches a token although one may be at hand: a grant that is not used for 90 days is forgotten by Microsoft. */
  async keepAlive(userId: UserId): Promise<void> {
    await (this.#refreshing.get(userId)?.token ?? this.#refresh(userId, undefined));
  }

  /**
   * Does something with a sign-in that is not kept anywhere yet.
   *
   * @param work  is given the name to ask for its tokens by
   * @returns what `work` returned, and the sign-in with its tokens as they are then
   */
  async provisionally<T>(
    signIn: SignIn,
    work: (name: UserId) => Promise<T>,
  ): Promise<{ readonly value: T; readonly latest: SignIn }> {
    // No user's id has such a character.
    const name = `\0sign-in ${this.#provisionalCount++}` as UserId;
    this.#provisional.set(name, { accountId: signIn.accountId, cache: signIn.cache, version: 0 });
    try {
      const value = await work(name);
      return { value, latest: { ...signIn, cache: this.#provisional.get(name)?.cache ?? signIn.cache } };
    } finally {
      this.#provisional.delete(name);
      this.forget(name);
    }
  }

  /** To be called when the person has signed in anew, or has gone. */
  forget(userId: UserId): void {
    this.#cached.delete(userId);
  }

  #take(userId: UserId): CachedToken | undefined {
    const cached = this.#cached.get(userId);
    if (!cached) return undefined;
    this.#cached.delete(userId);
    this.#cached.set(userId, cached);
    return cached;
  }

  #refresh(userId: UserId, claims: string | undefined): Promise<CachedToken> {
    const token = this.#fetch(userId, claims).finally(() => this.#refreshing.delete(userId));
    this.#refreshing.set(userId, { claims, token });
    return token;
  }

  async #fetch(userId: UserId, claims: string | undefined): Promise<CachedToken> {
    const provisional = this.#provisional.get(userId);
    const kept = provisional ?? (await this.#store.load(userId));
    if (!kept) {
      throw new SyncError('unauthenticated', 'nobody has signed in', { details: { operator: false } });
    }
    const usedAt = this.#clock.now();
    const fetched = await this.#signIns.refresh(kept, claims);
    if (provisional) this.#provisional.set(userId, { ...provisional, cache: fetched.cache });
    else await this.#store.save(userId, fetched.cache, { version: kept.version, usedAt });
    const token = { value: fetched.value, renewAtMs: usedAt.getTime() + fetched.usableMs, claims };
    this.#cached.delete(userId);
    this.#cached.set(userId, token);
    const oldest = this.#cached.keys().next();
    if (this.#cached.size > CACHED_TOKENS && !oldest.done) this.#cached.delete(oldest.value);
    return token;
  }
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
