import {
  AuthError,
  type AuthenticationResult,
  type ICachePlugin,
  InteractionRequiredAuthError,
} from '@azure/msal-node';
import { SyncError } from '../core/errors.ts';
import {
  applicationRefusal,
  type IdentityPlatform,
  type SeenAnswer,
  usableMs,
  withoutWords,
} from './identity-platform.ts';

/** What a person who signs in lets the service do; nothing that it does not use. */
const PERMISSIONS = ['Calendars.ReadWrite', 'MailboxSettings.Read', 'User.Read'];

/** A person's sign-in, as it is kept. */
export interface SignIn {
  /** MSAL's `homeAccountId`: object id and tenant, which never change (addresses do). */
  readonly accountId: string;
  /** The object id, under which Graph knows the account's mailbox. */
  readonly objectId: string;
  /** The address the account signs in with, for people. */
  readonly username: string;
  readonly scopes: readonly string[];
  /** MSAL's token cache with this one account in it: a secret. */
  readonly cache: string;
}

/** An access token, and the sign-in as it is to be kept from now on. */
export interface FetchedToken {
  readonly value: string;
  readonly usableMs: number;
  /** Microsoft hands out a new refresh token with each access token; the cache holds it. */
  readonly cache: string;
}

/** OAuth 2.0 with Microsoft on behalf of people: authorization code with PKCE, and refreshing (RFC 6749, RFC 7636). */
export class SignInClient {
  readonly #platform: IdentityPlatform;

  constructor(parts: { platform: IdentityPlatform }) {
    this.#platform = parts.platform;
  }

  /** Where the person's browser is to be sent. */
  async authorizationUrl(request: {
    readonly state: string;
    /** SHA-256 of the verifier, base64url. */
    readonly codeChallenge: string;
    readonly redirectUri: string;
    readonly loginHint?: string | undefined;
    /** The claims Microsoft asked for when it refused to refresh. */
    readonly claims?: string | undefined;
  }): Promise<string> {
    const { state, codeChallenge, redirectUri, loginHint, claims } = request;
    const url = await this.#platform.application({}).getAuthCodeUrl({
      scopes: this.#scopes,
      redirectUri,
      state,
      codeChallenge,
      codeChallengeMethod: 'S256',
      // Whoever is signed in at Microsoft already need not be who is meant.
      prompt: 'select_account',
      ...(loginHint ? { loginHint } : {}),
      ...(claims ? { claims } : {}),
    });
    const { pathname, search } = new URL(url);
    return this.#platform.publicAddress(`${pathname.split('/').slice(2).join('/')}${search}`).href;
  }

  /** Where an administrator of the tenant consents for everybody in it. */
  adminConsentUrl(request: { readonly redirectUri: string; readonly state: string }): string {
    const url = this.#platform.publicAddress('v2.0/adminconsent');
    url.searchParams.set('client_id', this.#platform.clientId);
    url.searchParams.set('scope', `${this.#platform.resource}/.default`);
    url.searchParams.set('redirect_uri', request.redirectUri);
    url.searchParams.set('state', request.state);
    return url.href;
  }

  /**
   * Exchanges the code that came back for tokens.
   *
   * @throws {SyncError} `rejected` for a code that is spent, expired or not ours; `forbidden` when not everything was allowed
   *   that was asked for; `unauthenticated` when more is wanted of the person, or (the operator's) the application itself is
   *   refused; `unavailable`
   */
  async redeem(request: {
    readonly code: string;
    readonly codeVerifier: string;
    readonly redirectUri: string;
  }): Promise<SignIn> {
    const seen: SeenAnswer = {};
    const application = this.#platform.application(seen);
    let result: AuthenticationResult | null;
    try {
      result = await application.acquireTokenByCode({ ...request, scopes: this.#scopes });
    } catch (error) {
      throw seen.failure ?? applicationRefusal(error) ?? codeRefusal(error, seen.challenge);
    }
    const { account, accessToken, scopes = [] } = result ?? {};
    if (!account || !accessToken) throw new SyncError('unavailable', 'the identity platform answered without a token');
    const cache = application.getTokenCache().serialize();
    assertAllowed(scopes, cache);
    return {
      accountId: account.homeAccountId,
      objectId: account.localAccountId,
      username: account.username,
      scopes,
      cache,
    };
  }

  /**
   * Fetches an access token with what is kept of a sign-in.
   *
   * @param claims  a decoded challenge to pass on (continuous access evaluation)
   * @throws {SyncError} `unauthenticated` when the person has to sign in again, `details.claims` what Microsoft wants to see
   *   met then; `unauthenticated` with `details.operator` when the application itself is refused; `unavailable`
   */
  async refresh(kept: Pick<SignIn, 'accountId' | 'cache'>, claims: string | undefined): Promise<FetchedToken> {
    const seen: SeenAnswer = {};
    const application = this.#platform.application(seen, preloaded(kept.cache));
    try {
      const account = await application.getTokenCache().getAccountByHomeId(kept.accountId);
      if (!account) throw signInAgain('what was kept of the sign-in cannot be used', { cause: undefined });
      const result = await application.acquireTokenSilent({
        account,
        scopes: this.#scopes,
        // MSAL tells by the system's clock what has expired; our own cache tells by ours.
        forceRefresh: true,
        ...(claims ? { claims } : {}),
      });
      if (!result?.accessToken) throw new SyncError('unavailable', 'the identity platform answered without a token');
      return {
        value: result.accessToken,
        usableMs: usableMs(seen),
        cache: application.getTokenCache().serialize(),
      };
    } catch (error) {
      throw seen.failure ?? refreshRefusal(error, seen.challenge);
    }
  }

  /** National clouds have Graphs of their own, and permissions are the resource's. */
  get #scopes(): string[] {
    return PERMISSIONS.map((permission) => `${this.#platform.resource}/${permission}`);
  }
}

/** A cache plugin that brings one person's tokens along and keeps nothing. */
function preloaded(cache: string): ICachePlugin {
  return {
    beforeCacheAccess: async ({ tokenCache, hasChanged }) => {
      if (!hasChanged) tokenCache.deserialize(cache);
    },
    afterCacheAccess: async () => {},
  };
}

/**
 * People may allow less than they were asked for, and what is missing would only show in the middle of a run.
 *
 * @throws {SyncError} `forbidden`
 */
function assertAllowed(scopes: readonly string[], cache: string): void {
  // Microsoft tells its own Graph's permissions without the resource they belong to.
  const allowed = new Set(scopes.map((scope) => scope.slice(scope.lastIndexOf('/') + 1).toLowerCase()));
  const missing = PERMISSIONS.filter((permission) => !allowed.has(permission.toLowerCase()));
  const { RefreshToken = {} } = JSON.parse(cache) as { RefreshToken?: object };
  if (Object.keys(RefreshToken).length === 0) missing.push('offline_access');
  if (missing.length === 0) return;
  throw new SyncError('forbidden', `not everything was allowed that was asked for: ${missing.join(', ')}`, {
    details: { missing },
  });
}

function codeRefusal(error: unknown, challenge: string | undefined): SyncError {
  if (error instanceof SyncError) return error;
  if (error instanceof InteractionRequiredAuthError) {
    const graphCode = error.subError === 'consent_required' ? error.subError : error.errorCode;
    return signInAgain(`Microsoft wants more than this sign-in (${graphCode})`, {
      cause: withoutWords(error),
      graphCode,
      claims: challenge,
    });
  }
  if (error instanceof AuthError) {
    return new SyncError('rejected', `Microsoft does not take the code of this sign-in (${error.errorCode})`, {
      cause: withoutWords(error),
      graphCode: error.errorCode,
    });
  }
  return new SyncError('unavailable', 'the identity platform cannot be reached', { cause: withoutWords(error) });
}

/** What MSAL says, in either of its classes, when the person has to do something. */
const SIGN_IN_AGAIN = new Set([
  ...['invalid_grant', 'interaction_required', 'consent_required', 'login_required', 'bad_token'],
  ...['no_tokens_found', 'refresh_token_expired', 'no_account_in_silent_request', 'token_refresh_required'],
]);

function refreshRefusal(error: unknown, challenge: string | undefined): SyncError {
  if (error instanceof SyncError) return error;
  const refused = applicationRefusal(error);
  if (refused) return refused;
  if (
    error instanceof InteractionRequiredAuthError ||
    (error instanceof AuthError && SIGN_IN_AGAIN.has(error.errorCode))
  ) {
    return signInAgain(`Microsoft wants a new sign-in (${error.errorCode})`, {
      cause: withoutWords(error),
      graphCode: error.errorCode,
      claims: challenge,
    });
  }
  return new SyncError('unavailable', 'the identity platform cannot be reached', { cause: withoutWords(error) });
}

function signInAgain(
  message: string,
  o: { cause: unknown; graphCode?: string; claims?: string | undefined },
): SyncError {
  return new SyncError('unauthenticated', message, {
    ...(o.cause === undefined ? {} : { cause: o.cause }),
    ...(o.graphCode === undefined ? {} : { graphCode: o.graphCode }),
    details: { operator: false, ...(o.claims === undefined ? {} : { claims: o.claims }) },
  });
}
