import {
  AuthError,
  ConfidentialClientApplication,
  type INetworkModule,
  type NetworkRequestOptions,
} from '@azure/msal-node';
import { SyncError } from '../core/errors.ts';
import type { Clock, Fetch } from '../core/runtime.ts';

/** Where access tokens for Graph come from. */
export interface TokenProvider {
  /**
   * @param how.isForced  the last token was refused: get another one
   * @param how.claims    a decoded claims challenge to pass on
   * @throws {SyncError} `unauthenticated`; `details.operator` when the application's own credentials are wrong
   */
  getToken(how?: { isForced?: boolean; claims?: string | undefined }): Promise<string>;
}

export interface ApplicationCredentials {
  readonly clientId: string;
  readonly tenantId: string;
  readonly secret?: string | undefined;
  readonly certificate?: { readonly privateKey: string; readonly thumbprintSha256: string } | undefined;
}

/** A token is renewed this long before it expires: a request must not outlive the token it carries. */
const EXPIRY_MARGIN_MS = 5 * 60_000;

interface CachedToken {
  readonly value: string;
  readonly expiresAtMs: number;
}

/** Application access by client credentials, through MSAL. One refresh at a time, whoever asks. */
export class ApplicationTokenProvider implements TokenProvider {
  readonly #credentials: ApplicationCredentials;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #authorityHost: URL;
  readonly #graphOrigin: string;
  #cached: CachedToken | undefined;
  #refreshing: Promise<CachedToken> | undefined;
  /** Of the newest answer; MSAL would tell it on the system's clock, not on ours. */
  #lifetimeMs = 0;

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

  async getToken(how: { isForced?: boolean; claims?: string | undefined } = {}): Promise<string> {
    const cached = this.#cached;
    const isFresh = cached !== undefined && cached.expiresAtMs - EXPIRY_MARGIN_MS > this.#clock.now().getTime();
    if (cached && isFresh && !how.isForced) return cached.value;
    this.#refreshing ??= this.#acquire(how.claims).finally(() => {
      this.#refreshing = undefined;
    });
    this.#cached = await this.#refreshing;
    return this.#cached.value;
  }

  async #acquire(claims: string | undefined): Promise<CachedToken> {
    // A new MSAL application each time: after one failed answer MSAL refuses the same request by itself for a minute,
    // and retrying is decided here, not there. Our own cache takes the place of its.
    const application = this.#application();
    const requestedAtMs = this.#clock.now().getTime();
    this.#lifetimeMs = 0;
    try {
      const result = await application.acquireTokenByClientCredential({
        scopes: [`${this.#resource()}/.default`],
        skipCache: true,
        ...(claims ? { claims } : {}),
      });
      // MSAL reports success without a token when the token endpoint answers 404 with JSON.
      if (!result?.accessToken) throw new SyncError('unavailable', 'the identity platform answered without a token');
      return { value: result.accessToken, expiresAtMs: requestedAtMs + this.#lifetimeMs };
    } catch (error) {
      throw toTokenError(error);
    }
  }

  /** Simulators and proxies stand in for Graph; the token's audience is Graph all the same. */
  #resource(): string {
    return this.#graphOrigin.startsWith('https:') ? this.#graphOrigin : 'https://graph.microsoft.com';
  }

  #application(): ConfidentialClientApplication {
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
      system: { networkClient: this.#networkClient() },
    });
  }

  /** MSAL speaks https only; what it sends goes to the configured authority over our own network plug. */
  #networkClient(): INetworkModule {
    const send = async <T>(method: string, url: string, options?: NetworkRequestOptions) => {
      const target = new URL(url);
      if (target.host === this.#authorityHost.host) target.protocol = this.#authorityHost.protocol;
      const response = await this.#fetch(target.href, {
        method,
        headers: options?.headers ?? {},
        ...(options?.body === undefined ? {} : { body: options.body }),
      });
      const text = await response.text();
      const body = parsed(text);
      if (body === undefined) {
        throw new SyncError('unavailable', `the identity platform answered ${response.status} without JSON`);
      }
      const expiresIn = (body as { expires_in?: unknown }).expires_in;
      if (typeof expiresIn === 'number') this.#lifetimeMs = expiresIn * 1000;
      return { headers: Object.fromEntries(response.headers), body: body as T, status: response.status };
    };
    return {
      sendGetRequestAsync: (url, options) => send('GET', url, options),
      sendPostRequestAsync: (url, options) => send('POST', url, options),
    };
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
