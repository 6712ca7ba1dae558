import {
  AuthError,
  ConfidentialClientApplication,
  type ICachePlugin,
  type INetworkModule,
  type NetworkRequestOptions,
} from '@azure/msal-node';
import { graphResource, isManyTenants } from '../core/clouds.ts';
import { SyncError } from '../core/errors.ts';
import type { Clock, Fetch } from '../core/runtime.ts';
import { boundedText } from './bounded-answer.ts';
import type { OperatorAlarm } from './operator-alarm.ts';
import { parseRetryAfter } from './retry-after.ts';

export interface ApplicationCredentials {
  readonly clientId: string;
  readonly tenantId: string;
  readonly secret?: string | undefined;
  readonly certificate?: { readonly privateKey: string; readonly thumbprintSha256: string } | undefined;
}

/** What MSAL does not hand on of the answer it got. */
export interface SeenAnswer {
  lifetimeMs?: number;
  failure?: SyncError;
  /** The claims Microsoft wants to see met before it hands out a token again. */
  challenge?: string;
}

const REQUEST_TIMEOUT_MS = 30_000;
/** A token with all the groups somebody is in is a few thousand characters long. */
const ANSWER_BYTES = 1024 * 1024;
/** A token is renewed this long before it expires: a request must not outlive the token it carries. */
const EXPIRY_MARGIN_MS = 5 * 60_000;
/** What an answer without `expires_in` is taken to mean; Microsoft's shortest lifetime. */
const UNSTATED_LIFETIME_MS = 10 * 60_000;

/**
 * For how long a token is used, from when it was asked for. Half of a short life at least: else every request would fetch
 * one of its own.
 */
export function usableMs({ lifetimeMs = UNSTATED_LIFETIME_MS }: SeenAnswer): number {
  return Math.max(lifetimeMs - EXPIRY_MARGIN_MS, lifetimeMs / 2);
}

/** Microsoft's identity platform, as the registered application speaks to it: MSAL over our own network plug. */
export class IdentityPlatform {
  readonly #credentials: ApplicationCredentials;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #authorityHost: URL;
  readonly #graphOrigin: string;
  readonly #operatorAlarm: OperatorAlarm | undefined;

  constructor(parts: {
    credentials: ApplicationCredentials;
    fetch: Fetch;
    clock: Clock;
    /** `GRAPH_AUTHORITY_HOST`; plain http is for loopback only, as the configuration checks. */
    authorityHost: string;
    /** `GRAPH_BASE_URL`: the resource tokens are for. */
    graphOrigin: string;
    /** Told what the identity platform answers. */
    operatorAlarm?: OperatorAlarm | undefined;
  }) {
    this.#credentials = parts.credentials;
    this.#fetch = parts.fetch;
    this.#clock = parts.clock;
    this.#authorityHost = new URL(parts.authorityHost);
    this.#graphOrigin = new URL(parts.graphOrigin).origin;
    this.#operatorAlarm = parts.operatorAlarm;
  }

  get clientId(): string {
    return this.#credentials.clientId;
  }

  /** Where people are sent, by the configured origin: MSAL itself makes https of everything. */
  publicAddress(path: string): URL {
    return new URL(`/${this.#credentials.tenantId}/${path}`, this.#authorityHost);
  }

  /** Simulators and proxies stand in for Graph; the token's audience is Graph all the same. */
  get resource(): string {
    return graphResource({ graphOrigin: this.#graphOrigin, authorityHost: this.#authorityHost.href });
  }

  /** @throws {SyncError} `impossible-input` where people of many tenants sign in: the application has no rights of its own */
  assertOneTenant(): void {
    const { tenantId } = this.#credentials;
    if (!isManyTenants(tenantId)) return;
    throw new SyncError(
      'impossible-input',
      `mailboxes cannot be reached with the application’s own permissions while GRAPH_TENANT_ID is ${tenantId}: it has to be one tenant’s id for that; people sign in instead, POST /calendar/connection/authorize`,
    );
  }

  /**
   * A new MSAL application each time: after one failed answer MSAL refuses the same request by itself for a minute, and
   * retrying is decided here, not there.
   *
   * @param seen  takes what MSAL keeps to itself
   */
  application(seen: SeenAnswer, cachePlugin?: ICachePlugin): ConfidentialClientApplication {
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
        cloudDiscoveryMetadata: JSON.stringify({
          tenant_discovery_endpoint: `${authority}/v2.0/.well-known/openid-configuration`,
          metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
        }),
        clientCapabilities: ['CP1'],
        ...(certificate ? { clientCertificate: { ...certificate } } : { clientSecret: secret ?? '' }),
      },
      ...(cachePlugin ? { cache: { cachePlugin } } : {}),
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
      const { expires_in: seconds, claims } = body as { expires_in?: unknown; claims?: unknown };
      if (Number(seconds) > 0) seen.lifetimeMs = Number(seconds) * 1000;
      if (typeof claims === 'string') seen.challenge = claims;
      this.#operatorAlarm?.note(body ?? {});
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
      // What is sent holds the application's secret.
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const { status } = response;
    const headers = Object.fromEntries(response.headers);
    const body = parsed(await boundedText(response, 'the identity platform’s answer', ANSWER_BYTES));
    if (status === 429 || status >= 500 || body === undefined) {
      const retryAfterMs = parseRetryAfter(headers['retry-after'], this.#clock.now());
      const what = body === undefined ? `${status} without a JSON object` : String(status);
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

/** Whether Microsoft's answer is about the application itself rather than about who signed in. */
const isOperatorsError = (error: AuthError): boolean => OPERATOR_ERRORS.has(error.errorCode);

/** @returns `unauthenticated`, the operator's, where the application itself is refused; `undefined` for anything else */
export function applicationRefusal(error: unknown): SyncError | undefined {
  if (!(error instanceof AuthError) || !isOperatorsError(error)) return undefined;
  return new SyncError(
    'unauthenticated',
    `the identity platform refused the application (${error.errorCode}); check GRAPH_CLIENT_ID, GRAPH_CLIENT_SECRET and GRAPH_TENANT_ID`,
    { cause: withoutWords(error), graphCode: error.errorCode, details: { operator: true } },
  );
}

/** Microsoft's sentences name people by their addresses, and causes are logged; its numbers say as much to an operator. */
export function withoutWords(error: unknown): unknown {
  if (!(error instanceof AuthError)) return error;
  const { errorNo = '' } = error as AuthError & { errorNo?: string };
  const number = /AADSTS(\d+)/.exec(error.errorMessage)?.[1] ?? errorNo;
  const words = [error.errorCode, error.subError, number && `AADSTS${number}`, error.correlationId];
  return new Error(`the identity platform answered ${words.filter(Boolean).join(' ')}`);
}

/** What MSAL hands on, and keeps, as it comes. */
const TEXTS = ['access_token', 'refresh_token', 'id_token', 'client_info', 'scope', 'token_type'];

/** @returns the object an answer is, `undefined` for anything else, and for tokens that are none */
function parsed(text: string): object | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
    const told = body as Record<string, unknown>;
    return TEXTS.every((name) => told[name] === undefined || typeof told[name] === 'string') ? body : undefined;
  } catch {
    return undefined;
  }
}
