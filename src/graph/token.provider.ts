import {
  AuthError,
  ConfidentialClientApplication,
  type INetworkModule,
  type NetworkRequestOptions,
} from '@azure/msal-node';
import { SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Clock, Fetch } from '../core/runtime.ts';
import { parseRetryAfter } from './retry-after.ts';

/** Which token is wanted, and what is wrong with the one there was. */
export interface TokenRequest {
  /** Whose sign-in; without one, the application's own token. */
  readonly signIn?: UserId | undefined;
  /** Graph refused it: another one is wanted, which somebody else may have fetched already. */
  readonly refusedToken?: string | undefined;
  /** A decoded claims challenge to pass on (continuous access evaluation). */
  readonly claims?: string | undefined;
}

/** Where access tokens for Graph come from. */
export interface TokenProvider {
  /** @throws {SyncError} `unauthenticated`; `details.operator` when the application's own credentials are wrong */
  getToken(request?: TokenRequest): Promise<string>;
}

export interface ApplicationCredentials {
  readonly clientId: string;
  readonly tenantId: string;
  readonly secret?: string | undefined;
  readonly certificate?: { readonly privateKey: string; readonly thumbprintSha256: string } | undefined;
}

/** A token is renewed this long before it expires: a request must not outlive the token it carries. */
const EXPIRY_MARGIN_MS = 5 * 60_000;
/** What an answer without `expires_in` is taken to mean; Microsoft's shortest lifetime. */
const UNSTATED_LIFETIME_MS = 10 * 60_000;
const REQUEST_TIMEOUT_MS = 30_000;

interface CachedToken {
  readonly value: string;
  readonly renewAtMs: number;
  readonly claims: string | undefined;
}

/** What MSAL does not hand on of the answer it got. */
interface SeenAnswer {
  lifetimeMs?: number;
  failure?: SyncError;
}

interface Refresh {
  readonly claims: string | undefined;
  readonly token: Promise<CachedToken>;
}

/** Application access by client credentials, through MSAL. One refresh at a time, whoever asks. */
export class ApplicationTokenProvider implements TokenProvider {
  readonly #credentials: ApplicationCredentials;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #authorityHost: URL;
  readonly #graphOrigin: string;
  #cached: CachedToken | undefined;
  #refreshing: Refresh | undefined;

  constructor(parts: {
    credentials: ApplicationCredentials;
    fetch: Fetch;
    clock: Clock;
    /** `GRAPH_AUTHORITY_HOST`; plain http is for loopback only, as the configuration checks. */
    authorityHost: string;
    /** `GRAPH_BASE_URL`: the resource the token is for. */
    graphOrigin: string;
  }) {
    this.#credentials = parts.credentials;
    this.#fetch = parts.fetch;
    this.#clock = parts.clock;
    this.#authorityHost = new URL(parts.authorityHost);
    this.#graphOrigin = new URL(parts.graphOrigin).origin;
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
    // A new MSAL application each time: after one failed answer MSAL refuses the same request by itself for a minute,
    // and retrying is decided here, not there. Our own cache takes the place of its.
    const seen: SeenAnswer = {};
    const application = this.#application(seen);
    const requestedAtMs = this.#clock.now().getTime();
    try {
      const result = await application.acquireTokenByClientCredential({
        scopes: [`${this.#resource()}/.default`],
        skipCache: true,
        ...(claims ? { claims } : {}),
      });
      // MSAL reports success without a token when the token endpoint answers 404 with JSON.
      if (!result?.accessToken) throw new SyncError('unavailable', 'the identity platform answered without a token');
      const { lifetimeMs = UNSTATED_LIFETIME_MS } = seen;
      // Half of a short life at least is used: else every request would fetch a token of its own.
      const renewAtMs = requestedAtMs + Math.max(lifetimeMs - EXPIRY_MARGIN_MS, lifetimeMs / 2);
      this.#cached = { value: result.accessToken, renewAtMs, claims };
      return this.#cached;
    } catch (error) {
      // MSAL makes a network error of whatever its network client throws, and forgets what it was.
      throw seen.failure ?? toTokenError(error);
    }
  }

  /** Simulators and proxies stand in for Graph; the token's audience is Graph all the same. */
  #resource(): string {
    return this.#graphOrigin.startsWith('https:') ? this.#graphOrigin : 'https://graph.microsoft.com';
  }

  #application(seen: SeenAnswer): ConfidentialClientApplication {
    const { clientId, tenantId, secret, certificate } = this.#credentials;
    const host = this.#authorityHost.host;
    const authority = `https://${host}/${tenantId}`;
    return new ConfidentialClientApplication({
      auth: {
        clientId,
        authority,
        knownAuthorities: [host],
        // Known by construction: no discovery request, and no issuer check that a loopback authority could not pass.
        authorityMetadata: JSON.stringify({
          authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
          token_endpoint: `${authority}/oauth2/v2.0/token`,
          end_session_endpoint: `${authority}/oauth2/v2.0/logout`,
          issuer: `${authority}/v2.0`,
          jwks_uri: `${authority}/discovery/v2.0/keys`,
        }),
        clientCapabilities: ['CP1'],
        ...(certificate ? { clientCertificate: { ...certificate } } : { clientSecret: secret ?? '' }),
      },
      system: { networkClient: this.#networkClient(seen) },
    });
  }

  /** MSAL speaks https only; what it sends goes to the configured authority over our own network plug. */
  #networkClient(seen: SeenAnswer): INetworkModule {
    const send = async <T>(method: string, url: string, options?: NetworkRequestOptions) => {
      const target = new URL(url);
      if (target.host === this.#authorityHost.host) target.protocol = this.#authorityHost.protocol;
      const { status, headers, body } = await this.#exchange(target.href, method, options).catch((error: unknown) => {
        if (error instanceof SyncError) seen.failure = error;
        throw error;
      });
      // Told on our clock; MSAL would tell it on the system's.
      const seconds = Number((body as { expires_in?: unknown }).expires_in);
      if (seconds > 0) seen.lifetimeMs = seconds * 1000;
      return { headers, body: body as T, status };
    };
    return {
      sendGetRequestAsync: (url, options) => send('GET', url, options),
      sendPostRequestAsync: (url, options) => send('POST', url, options),
    };
  }

  /** @throws {SyncError} `unavailable` for everything that is no decision about us: MSAL would make one of it */
  async #exchange(url: string, method: string, options: NetworkRequestOptions | undefined) {
    const response = await this.#fetch(url, {
      method,
      headers: options?.headers ?? {},
      ...(options?.body === undefined ? {} : { body: options.body }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const { status } = response;
    const headers = Object.fromEntries(response.headers);
    const body = parsed(await response.text());
    if (status === 429 || status >= 500 || body === undefined) {
      const retryAfterMs = parseRetryAfter(headers['retry-after'], this.#clock.now());
      const what = body === undefined ? `${status} without JSON` : String(status);
      throw new SyncError('unavailable', `the identity platform answered ${what}`, {
        httpStatus: status,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
    return { status, headers, body };
  }
}

/** Errors that say the application itself is not known or its credentials are wrong: the operator's, nobody else's. */
const OPERATOR_ERRORS = new Set(['invalid_client', 'unauthorized_client', 'invalid_scope', 'invalid_request']);

function toTokenError(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  if (error instanceof AuthError) {
    const isOperators = OPERATOR_ERRORS.has(error.errorCode);
    if (isOperators || error.errorCode === 'invalid_grant') {
      return new SyncError(
        'unauthenticated',
        `the identity platform refused the application (${error.errorCode}); check GRAPH_CLIENT_ID, GRAPH_CLIENT_SECRET and GRAPH_TENANT_ID`,
        { cause: error, graphCode: error.errorCode, details: { operator: isOperators } },
      );
    }
  }
  return new SyncError('unavailable', 'the identity platform cannot be reached', { cause: error });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
