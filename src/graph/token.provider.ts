import { AuthError } from '@azure/msal-node';
import { SyncError } from '../core/errors.ts';
import type { Clock } from '../core/runtime.ts';
import type { SignInRef } from '../core/sign-in.ts';
import {
  applicationRefusal,
  type IdentityPlatform,
  type SeenAnswer,
  usableMs,
  withoutWords,
} from './identity-platform.ts';

/** Which token is wanted, and what is wrong with the one there was. */
export interface TokenRequest {
  /** Whose sign-in; without one, the application's own token. */
  readonly signIn?: SignInRef | undefined;
  /** Graph refused it: another one is wanted, which somebody else may have fetched already. */
  readonly refusedToken?: string | undefined;
  /** A decoded claims challenge to pass on (continuous access evaluation). */
  readonly claims?: string | undefined;
}

/** Where access tokens for Graph come from. */
export interface TokenProvider {
  /**
   * @throws {SyncError} `unauthenticated`; `details.operator` when the application's own credentials are wrong.
   *   `impossible-input` for the application's own token where GRAPH_TENANT_ID stands for many tenants
   */
  getToken(request?: TokenRequest): Promise<string>;
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

/** Application access by client credentials, through MSAL. One refresh at a time, whoever asks. */
export class ApplicationTokenProvider implements TokenProvider {
  readonly #platform: IdentityPlatform;
  readonly #clock: Clock;
  #cached: CachedToken | undefined;
  #refreshing: Refresh | undefined;

  constructor(parts: { platform: IdentityPlatform; clock: Clock }) {
    this.#platform = parts.platform;
    this.#clock = parts.clock;
  }

  async getToken({ refusedToken, claims }: TokenRequest = {}): Promise<string> {
    for (;;) {
      const cached = this.#cached;
      if (cached && cached.renewAtMs > this.#clock.now().getTime() && cached.value !== refusedToken) {
        if (claims === undefined || cached.claims === claims) return cached.value;
      }
      // A refresh without the challenge would bring a token that is refused again.
      const refreshing = this.#refreshing;
      if (!refreshing) return (await this.#refresh(claims)).value;
      if (claims === undefined || refreshing.claims === claims) return (await refreshing.token).value;
      await refreshing.token.catch(() => {});
    }
  }

  #refresh(claims: string | undefined): Promise<CachedToken> {
    const token = this.#acquire(claims).finally(() => {
      this.#refreshing = undefined;
    });
    this.#refreshing = { claims, token };
    return token;
  }

  async #acquire(claims: string | undefined): Promise<CachedToken> {
    this.#platform.assertOneTenant();
    // Our own cache takes the place of MSAL's.
    const seen: SeenAnswer = {};
    const application = this.#platform.application(seen);
    const requestedAtMs = this.#clock.now().getTime();
    try {
      const result = await application.acquireTokenByClientCredential({
        scopes: [`${this.#platform.resource}/.default`],
        skipCache: true,
        ...(claims ? { claims } : {}),
      });
      // MSAL reports success without a token when the token endpoint answers 404 with JSON.
      if (!result?.accessToken) throw new SyncError('unavailable', 'the identity platform answered without a token');
      this.#cached = { value: result.accessToken, renewAtMs: requestedAtMs + usableMs(seen), claims };
      return this.#cached;
    } catch (error) {
      // MSAL makes a network error of whatever its network client throws, and forgets what it was.
      throw seen.failure ?? toTokenError(error);
    }
  }
}

function toTokenError(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const refused = applicationRefusal(error);
  if (refused) return refused;
  if (error instanceof AuthError && error.errorCode === 'invalid_grant') {
    return new SyncError(
      'unauthenticated',
      'the identity platform refused the application (invalid_grant); check GRAPH_CLIENT_ID, GRAPH_CLIENT_SECRET and GRAPH_TENANT_ID',
      { cause: withoutWords(error), graphCode: error.errorCode, details: { operator: false } },
    );
  }
  return new SyncError('unavailable', 'the identity platform cannot be reached', { cause: withoutWords(error) });
}
