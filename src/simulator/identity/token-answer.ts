import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { type ClaimsRequest, readClaims } from './claims-request.ts';
import type { ClientCredentials } from './client-authentication.ts';
import type { Tenant } from './directory.ts';
import type { Platform } from './platform.ts';
import { areGranted, isOidcScope, readScopes, type ScopeRequest, unknownPermission } from './scopes.ts';
import { IdentityError, identityJson, tokenError } from './token-errors.ts';
import { clientInfo } from './token-issuer.ts';
import type { ClientRegistration } from './tokens.ts';

/** A token request whose tenant, application and claims are known. */
export interface TokenRequest {
  readonly platform: Platform;
  readonly request: SimulatedRequest;
  readonly form: URLSearchParams;
  readonly tenant: Tenant;
  readonly client: ClientRegistration;
  readonly credentials: ClientCredentials;
  readonly claims: ClaimsRequest;
}

/** A grant that proved good: whose it is, and what was asked for when it was made. */
export interface UserGrantFacts {
  readonly user: Mailbox;
  /** Scopes as they were written. */
  readonly granted: string;
  readonly nonce: string | null;
  /** `claims` of the sign-in. */
  readonly claims: string | null;
  /** When a single-page application's refresh tokens die. */
  readonly diesMs?: number;
}

/**
 * The tokens of somebody signed in: new ones each time, the refresh token included.
 *
 * @throws {IdentityError} 65001 for what the user has not (or no longer) consented to
 */
export function answerTokens(o: TokenRequest, grant: UserGrantFacts): SimulatedResponse {
  const { platform, client, form, request } = o;
  const { user, granted, nonce, diesMs } = grant;
  const original = readScopes(granted);
  const scopeText = form.get('scope') || granted;
  const asked = readScopes(scopeText);
  const permissions = checkConsent(o, user, asked);
  const token = platform.issuer.forUser({ client, user, permissions, claims: claimsOf(o, grant) });
  const isOffline = asked.isOffline || original.isOffline;
  const refreshToken = () =>
    platform.issuer.refreshToken({
      client: client.clientId,
      user: user.state.id,
      scope: `${scopeText}${asked.isOffline ? '' : ' offline_access'}`,
      ...(diesMs === undefined ? {} : { diesMs }),
    });
  const idToken = () =>
    platform.issuer.idToken({ client, user, origin: request.url.origin, scope: `${granted} ${scopeText}`, nonce });
  return identityJson(200, {
    token_type: 'Bearer',
    scope: grantedScope(asked, permissions),
    expires_in: token.seconds,
    ext_expires_in: token.seconds,
    access_token: token.text,
    ...(isOffline ? { refresh_token: refreshToken() } : {}),
    ...(asked.isOpenId || original.isOpenId ? { id_token: idToken() } : {}),
    ...(form.get('client_info') === '1' ? { client_info: clientInfo(user, client) } : {}),
  });
}

/** @returns the permissions of the access token */
function checkConsent({ platform, client }: TokenRequest, user: Mailbox, asked: ScopeRequest): readonly string[] {
  const unknown = unknownPermission(asked);
  if (unknown !== undefined) {
    const text = `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope '${unknown}' does not exist.`;
    throw new IdentityError(400, 'invalid_scope', 70011, text);
  }
  const consented = platform.directory.consentsOf(user.state.id, client.clientId);
  if (consented.length === 0 || !areGranted(asked.permissions, consented)) {
    throw tokenError('consent-missing', {
      text: `The user or administrator has not consented to use the application with ID '${client.clientId}' named '${client.displayName ?? client.clientId}'. Send an interactive authorization request for this user and resource.`,
    });
  }
  return asked.isDefault ? consented.filter((name) => !isOidcScope(name)) : asked.permissions;
}

/** The sign-in may have answered a challenge already; redeeming its code need not repeat the claims. */
function claimsOf(o: TokenRequest, grant: UserGrantFacts): ClaimsRequest {
  const before = readClaims(grant.claims);
  return {
    isCapable: o.claims.isCapable || before?.isCapable === true,
    notBefore: o.claims.notBefore ?? before?.notBefore,
  };
}

/** `offline_access` is never told; `.default` is told as what it stands for. */
function grantedScope(asked: ScopeRequest, permissions: readonly string[]): string {
  const told = asked.written.filter((each) => !/^offline_access$|(^|\/)\.default$/i.test(each));
  const behind = asked.isDefault ? permissions.map((name) => `https://graph.microsoft.com/${name}`) : [];
  return [...told, ...behind].join(' ');
}
