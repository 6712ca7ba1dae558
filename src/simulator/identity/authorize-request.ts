import type { SimulatedRequest } from '../http/http-types.ts';
import { readClaims } from './claims-request.ts';
import { findClient } from './client-authentication.ts';
import type { Tenant } from './directory.ts';
import type { Platform } from './platform.ts';
import { isRegistered, isSpaAddress, type ResponseMode, type ReturnAddress } from './redirects.ts';
import { readScopes, type ScopeRequest, unknownPermission } from './scopes.ts';
import { IdentityError, malformedRequest, missingParameter } from './token-errors.ts';
import type { ClientRegistration } from './tokens.ts';

export type Prompt = 'login' | 'none' | 'consent' | 'select_account';

/** Who asks, and where the answer may go. */
export interface Asker {
  readonly tenant: Tenant;
  readonly client: ClientRegistration;
  readonly to: ReturnAddress;
}

/** What an authorize request asks for. */
export interface AuthorizeRequest {
  readonly scopes: ScopeRequest;
  readonly prompt: Prompt | undefined;
  readonly loginHint: string | undefined;
  readonly domainHint: string | undefined;
  readonly challenge: string | null;
  readonly method: 'S256' | 'plain';
  readonly nonce: string | null;
  readonly claims: string | null;
  readonly isSpa: boolean;
  readonly wantsClientInfo: boolean;
}

/** Parameters of the query, and of a posted form. */
export function readParameters(request: SimulatedRequest): URLSearchParams {
  const parameters = new URLSearchParams(request.url.search);
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '');
  if (request.method === 'POST' && isForm) {
    for (const [name, value] of new URLSearchParams(request.body)) parameters.set(name, value);
  }
  return parameters;
}

/** @throws {IdentityError} to be shown, never to be sent to the address in the request */
export function readAsker({ directory }: Platform, segment: string, parameters: URLSearchParams): Asker {
  const tenant = directory.findTenant(segment);
  const client = findClient(directory, tenant, segment, parameters.get('client_id') ?? '');
  const registered = [...(client.redirectUris ?? []), ...(client.spaRedirectUris ?? [])];
  const redirectUri = parameters.get('redirect_uri') ?? (registered.length === 1 ? registered[0]! : '');
  if (redirectUri === '') throw missingParameter('redirect_uri');
  if (!isRegistered(client, redirectUri)) {
    throw new IdentityError(
      400,
      'invalid_request',
      50011,
      `The redirect URI '${redirectUri}' specified in the request does not match the redirect URIs configured for the application '${client.clientId}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.`,
    );
  }
  const given = parameters.get('response_mode');
  const mode: ResponseMode = given === 'fragment' || given === 'form_post' ? given : 'query';
  const to = { redirectUri, mode, state: parameters.get('state') };
  return { tenant: tenant!, client, to };
}

const refused = (error: string, number: number, text: string) => new IdentityError(400, error, number, text);

/** @throws {IdentityError} to be sent back to the application */
export function readAuthorizeRequest({ client, to }: Asker, parameters: URLSearchParams): AuthorizeRequest {
  const responseType = parameters.get('response_type');
  if (responseType === null) throw missingParameter('response_type');
  if (responseType !== 'code') {
    const text = `response_type '${responseType}' is not enabled for the application '${client.clientId}'.`;
    throw refused('unsupported_response_type', 700054, text);
  }
  const mode = parameters.get('response_mode');
  if (mode !== null && mode !== to.mode) {
    throw refused(
      'invalid_request',
      70007,
      `'${mode}' is not a supported value of 'response_mode' when requesting a token.`,
    );
  }
  const scopes = readScopes(parameters.get('scope') ?? '');
  if (scopes.written.length === 0) throw missingParameter('scope');
  const unknown = unknownPermission(scopes);
  if (unknown !== undefined) {
    const text = `The application '${client.clientId}' asked for scope '${unknown}' that doesn't exist on the resource '00000003-0000-0000-c000-000000000000'. Contact the app vendor.`;
    throw refused('invalid_client', 650053, text);
  }
  if (scopes.isDefault && scopes.permissions.length > 0) {
    const text = `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. .default scope can't be combined with resource-specific scopes.`;
    throw refused('invalid_scope', 70011, text);
  }
  const claims = parameters.get('claims');
  if (readClaims(claims) === undefined) throw malformedRequest();
  const isSpa = isSpaAddress(client, to.redirectUri);
  const proof = readProof(parameters);
  if (proof.challenge === null && (isSpa || client.isPublic)) {
    throw refused(
      'invalid_request',
      9002325,
      'Proof Key for Code Exchange is required for cross-origin authorization code redemption.',
    );
  }
  return {
    scopes,
    prompt: readPrompt(parameters.get('prompt')),
    loginHint: parameters.get('login_hint') ?? undefined,
    domainHint: parameters.get('domain_hint') ?? undefined,
    ...proof,
    nonce: parameters.get('nonce'),
    claims,
    isSpa,
    wantsClientInfo: parameters.get('client_info') === '1',
  };
}

function readPrompt(text: string | null): Prompt | undefined {
  if (text === null || text === '') return undefined;
  if (text === 'login' || text === 'none' || text === 'consent' || text === 'select_account') return text;
  throw refused('invalid_request', 90023, `Unsupported 'prompt' value '${text}'.`);
}

/** RFC 7636; without a method the challenge is the verifier itself. */
function readProof(parameters: URLSearchParams): { challenge: string | null; method: 'S256' | 'plain' } {
  const challenge = parameters.get('code_challenge');
  const method = parameters.get('code_challenge_method') ?? 'plain';
  if (method !== 'S256' && method !== 'plain') throw malformedRequest();
  if (challenge !== null && !/^[\w.~-]{43,128}$/.test(challenge)) {
    throw refused('invalid_request', 501491, 'Invalid size of Code_Challenge parameter.');
  }
  return { challenge, method };
}
