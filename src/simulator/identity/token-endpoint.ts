import { createHash } from 'node:crypto';
import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { readClaims } from './claims-request.ts';
import { authenticate, findClient, readCredentials } from './client-authentication.ts';
import { belongsTo, type StoredCode } from './directory.ts';
import type { Platform } from './platform.ts';
import { isOidcScope, readScopes } from './scopes.ts';
import { answerTokens, type TokenRequest } from './token-answer.ts';
import {
  answerError,
  IdentityError,
  identityJson,
  malformedRequest,
  missingParameter,
  tokenError,
} from './token-errors.ts';
import { type RefreshGrant, SPA_LIFETIME_MS } from './token-issuer.ts';

/** A refresh token dies when nobody used it for so long (Microsoft identity platform "refresh tokens"). */
const IDLE_MS = 90 * 86_400_000;

const GRANTS: Record<string, (o: TokenRequest) => Promise<SimulatedResponse>> = {
  authorization_code: redeemCode,
  refresh_token: refresh,
  client_credentials: forApplication,
};

/** `POST /{tenant}/oauth2/v2.0/token`. */
export async function answerToken(
  request: SimulatedRequest,
  segment: string,
  platform: Platform,
): Promise<SimulatedResponse> {
  // Single-page applications call from a page of another origin.
  const origin = request.headers['origin'];
  const cors = origin === undefined ? {} : { 'access-control-allow-origin': origin };
  if (request.method === 'OPTIONS') {
    const allowed = { 'access-control-allow-methods': 'POST, OPTIONS', 'access-control-allow-headers': '*' };
    return { status: 204, headers: { ...cors, ...allowed } };
  }
  const response = await answerGrant(request, segment, platform).catch((error: unknown) => {
    if (error instanceof IdentityError) return answerError(platform.world, error, request);
    throw error;
  });
  return { ...response, headers: { ...response.headers, ...cors } };
}

async function answerGrant(request: SimulatedRequest, segment: string, platform: Platform): Promise<SimulatedResponse> {
  if (request.method !== 'POST') {
    throw new IdentityError(400, 'invalid_request', 900561, 'The endpoint only accepts POST requests.');
  }
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '');
  const form = new URLSearchParams(isForm ? request.body : '');
  const grant = form.get('grant_type');
  if (grant === null || grant === '') throw missingParameter('grant_type');
  const answer = Object.hasOwn(GRANTS, grant) ? GRANTS[grant] : undefined;
  if (answer === undefined) {
    const text = `The app requested an unsupported grant type '${grant}'.`;
    throw new IdentityError(400, 'unsupported_grant_type', 70003, text);
  }
  const credentials = readCredentials(request, form);
  const tenant = platform.directory.findTenant(segment);
  const client = findClient(platform.directory, tenant, segment, credentials.id);
  platform.failures.strike({ client: client.clientId });
  const claims = readClaims(form.get('claims'));
  if (claims === undefined) throw malformedRequest();
  return answer({ platform, request, form, tenant: tenant!, client, credentials, claims });
}

/** "v2-oauth2-client-creds-grant-flow". */
async function forApplication(o: TokenRequest): Promise<SimulatedResponse> {
  const { platform, request, client, credentials, form, tenant, claims } = o;
  if (tenant.kind !== 'single') {
    const text =
      'No tenant-identifying information found in either the request or implied by any provided credentials.';
    throw new IdentityError(400, 'invalid_request', 50059, text);
  }
  await authenticate(request, { ...platform, client, credentials, isPublic: false });
  const scopes = readScopes(form.get('scope') ?? '').written.filter((scope) => !isOidcScope(scope));
  if (scopes.length !== 1 || !/(^|\/)\.default$/.test(scopes[0]!)) {
    const text =
      'The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.';
    throw new IdentityError(400, 'invalid_scope', 1002012, text);
  }
  const { text, seconds } = platform.issuer.forApplication(client, claims);
  return identityJson(200, {
    token_type: 'Bearer',
    expires_in: seconds,
    ext_expires_in: seconds,
    access_token: text,
  });
}

/** "v2-oauth2-auth-code-flow", its second half. */
async function redeemCode(o: TokenRequest): Promise<SimulatedResponse> {
  const { platform, request, client, credentials, form } = o;
  const { directory, failures } = platform;
  const given = form.get('code');
  if (given === null || given === '') throw missingParameter('code');
  const code = directory.findCode(given);
  await authenticate(request, {
    directory,
    client,
    credentials,
    isPublic: code?.isSpa === true || client.isPublic === true,
  });
  if (code === undefined) throw malformedRequest('invalid_grant');
  if (code.client !== client.clientId) throw notThisClients('code');
  const user = findUser(o, code.user);
  failures.strike({ client: client.clientId, user: user.state.id });
  checkCode(o, code);
  checkUser(o, user, code.seq);
  directory.redeem(given);
  const diesMs = code.isSpa ? { diesMs: platform.world.now() + SPA_LIFETIME_MS } : {};
  return answerTokens(o, { user, granted: code.scope, nonce: code.nonce, ...diesMs, claims: code.claims });
}

function checkCode({ platform, form, request }: TokenRequest, code: Readonly<StoredCode>): void {
  if (code.isRedeemed) throw tokenError('code-redeemed');
  if (code.expiresMs <= platform.world.now()) throw tokenError('grant-expired');
  const redirectUri = form.get('redirect_uri') ?? '';
  if (redirectUri !== code.redirectUri) {
    const text = `The reply address '${redirectUri}' does not match the reply address '${code.redirectUri}' provided when requesting Authorization code.`;
    throw new IdentityError(401, 'invalid_client', 500112, text);
  }
  if (code.isSpa) requireCrossOrigin(request);
  if (code.challenge === null) return;
  const verifier = form.get('code_verifier') ?? '';
  const answer = code.method === 'plain' ? verifier : createHash('sha256').update(verifier).digest('base64url');
  if (answer !== code.challenge) throw tokenError('pkce-mismatch');
}

/** "v2-oauth2-auth-code-flow", refreshing. The old token stays good: clients may lose the answer. */
async function refresh(o: TokenRequest): Promise<SimulatedResponse> {
  const { platform, request, client, credentials, form } = o;
  const given = form.get('refresh_token');
  if (given === null || given === '') throw missingParameter('refresh_token');
  const grant = platform.issuer.readRefreshToken(given);
  const isPublic = grant?.diesMs !== undefined || client.isPublic === true;
  await authenticate(request, { ...platform, client, credentials, isPublic });
  if (grant === undefined) throw malformedRequest('invalid_grant');
  if (grant.client !== client.clientId) throw notThisClients('refresh token');
  const user = findUser(o, grant.user);
  platform.failures.strike({ client: client.clientId, user: user.state.id });
  checkUser(o, user, grant.seq, grant.issuedMs);
  checkAge(o, grant);
  const diesMs = grant.diesMs === undefined ? {} : { diesMs: grant.diesMs };
  return answerTokens(o, { user, granted: grant.scope, nonce: null, ...diesMs, claims: null });
}

function requireCrossOrigin({ headers }: SimulatedRequest): void {
  if (headers['origin'] !== undefined) return;
  const text =
    "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.";
  throw new IdentityError(400, 'invalid_request', 9002327, text);
}

function checkAge({ platform, request }: TokenRequest, { diesMs, issuedMs }: RefreshGrant): void {
  const now = platform.world.now();
  const issued = new Date(issuedMs).toISOString();
  if (diesMs !== undefined) requireCrossOrigin(request);
  if (diesMs !== undefined && diesMs <= now) throw tokenError('spa-token-expired');
  if (diesMs === undefined && issuedMs + IDLE_MS <= now) {
    throw tokenError('refresh-token-inactive', {
      text: `The refresh token has expired due to inactivity. The token was issued on ${issued} and was inactive for 90.00:00:00.`,
    });
  }
}

const notThisClients = (what: string) =>
  new IdentityError(
    400,
    'invalid_grant',
    70000,
    `Provided grant is invalid or malformed. The ${what} was issued to another client.`,
  );

function findUser({ platform }: TokenRequest, id: string): Mailbox {
  const user = platform.world.findMailbox(id);
  if (user === undefined) throw tokenError('user-unknown');
  return user;
}

/** @param seq  place of the grant in the order of things: whatever ended sessions after it ended it */
function checkUser({ platform, tenant }: TokenRequest, user: Mailbox, seq: number, issuedMs?: number): void {
  const { id, address } = user.state;
  const usability = platform.directory.usability(id);
  if (usability === 'deleted') throw tokenError('user-unknown');
  if (usability === 'disabled') throw tokenError('user-disabled');
  if (!belongsTo(user, tenant)) {
    throw tokenError('user-of-other-tenant', {
      text: `User account '${address}' from identity provider does not exist in this tenant and cannot access the application in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different user account.`,
    });
  }
  const revoked = platform.directory.revocationOf(id);
  if (revoked === undefined || revoked.seq <= seq) return;
  const times =
    issuedMs === undefined
      ? ''
      : ` The grant was issued on '${new Date(issuedMs).toISOString()}' and the TokensValidFrom date (before which tokens are not valid) for this user is '${new Date(revoked.atMs).toISOString()}'.`;
  throw tokenError('revoked', {
    text: `The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.${times}`,
  });
}
