import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import type { World } from '../mailbox/world.ts';
import { type ClientRegistration, issueToken } from './tokens.ts';

/** The Microsoft identity platform's part: metadata and client credentials ("v2-oauth2-client-creds-grant-flow"). */
export interface IdentityOptions {
  world: World;
  clients: readonly ClientRegistration[];
  tokenLifetimeSeconds: number;
}

const METADATA = /^\/([^/]+)\/v2\.0\/\.well-known\/openid-configuration$/;
const TOKEN = /^\/([^/]+)\/oauth2\/v2\.0\/token$/;

export const isIdentityPath = (pathname: string): boolean =>
  METADATA.test(pathname) || TOKEN.test(pathname) || pathname === '/common/discovery/instance';

export function answerIdentity(request: SimulatedRequest, options: IdentityOptions): SimulatedResponse {
  const { url } = request;
  const metadata = METADATA.exec(url.pathname);
  if (metadata !== null) return json(200, openIdConfiguration(url.origin, decodeURIComponent(metadata[1]!)));
  const token = TOKEN.exec(url.pathname);
  if (token !== null) return answerToken(request, decodeURIComponent(token[1]!), options);
  return json(200, instanceDiscovery(url));
}

function openIdConfiguration(origin: string, tenant: string): object {
  const base = `${origin}/${tenant}`;
  return {
    token_endpoint: `${base}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    jwks_uri: `${base}/discovery/v2.0/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    // `common` has no tenant of its own; the placeholder is literal in the real document too.
    issuer: `${origin}/${tenant === 'common' || tenant === 'organizations' ? '{tenantid}' : tenant}/v2.0`,
    request_uri_parameter_supported: false,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    tenant_region_scope: null,
    cloud_instance_name: 'microsoftonline.com',
    msgraph_host: 'graph.microsoft.com',
  };
}

function instanceDiscovery(url: URL): object {
  const asked = url.searchParams.get('authorization_endpoint');
  const authority = asked !== null && URL.canParse(asked) ? new URL(asked) : new URL(`${url.origin}/common/`);
  const tenant = authority.pathname.split('/')[1] || 'common';
  const { host } = authority;
  return {
    tenant_discovery_endpoint: `${authority.origin}/${tenant}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

function answerToken(request: SimulatedRequest, tenant: string, options: IdentityOptions): SimulatedResponse {
  const { world, clients } = options;
  const refuse = (status: number, error: string, number: number, text: string) =>
    json(status, refusal(world, error, number, text, request));
  if (request.method !== 'POST')
    return refuse(400, 'invalid_request', 900561, 'The endpoint only accepts POST requests.');
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '');
  const form = new URLSearchParams(isForm ? request.body : '');
  const grant = form.get('grant_type');
  if (grant === null) {
    return refuse(
      400,
      'invalid_request',
      900144,
      "The request body must contain the following parameter: 'grant_type'.",
    );
  }
  if (grant !== 'client_credentials') {
    return refuse(400, 'unsupported_grant_type', 70003, `The app requested an unsupported grant type '${grant}'.`);
  }
  const inTenant = clients.filter(({ tenantId }) => tenantId.toLowerCase() === tenant.toLowerCase());
  if (inTenant.length === 0) return refuse(400, 'invalid_request', 90002, `Tenant '${tenant}' not found.`);
  const { id, secret } = credentialsOf(request, form);
  const client = inTenant.find(({ clientId }) => clientId.toLowerCase() === id.toLowerCase());
  if (client === undefined) {
    return refuse(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${id}' was not found in the directory.`,
    );
  }
  if (secret === '') {
    return refuse(
      401,
      'invalid_client',
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    );
  }
  if (secret !== client.clientSecret) {
    return refuse(
      401,
      'invalid_client',
      7000215,
      'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.',
    );
  }
  const scopes = (form.get('scope') ?? '').split(/\s+/).filter((scope) => scope.includes('/') || scope === '.default');
  if (scopes.length !== 1 || !scopes[0]!.endsWith('/.default')) {
    return refuse(
      400,
      'invalid_scope',
      1002012,
      'The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.',
    );
  }
  const seconds = options.tokenLifetimeSeconds;
  const access_token = issueToken(world, client, seconds);
  return json(200, { token_type: 'Bearer', expires_in: seconds, ext_expires_in: seconds, access_token });
}

/** `client_secret_post`, else `client_secret_basic`. */
function credentialsOf(request: SimulatedRequest, form: URLSearchParams): { id: string; secret: string } {
  const basic = /^Basic\s+(\S+)$/i.exec(request.headers['authorization'] ?? '')?.[1];
  if (form.has('client_id') || basic === undefined) {
    return { id: form.get('client_id') ?? '', secret: form.get('client_secret') ?? '' };
  }
  const [id = '', ...rest] = Buffer.from(basic, 'base64').toString().split(':');
  return { id: decodeURIComponent(id), secret: decodeURIComponent(rest.join(':')) };
}

function refusal(world: World, error: string, number: number, text: string, request: SimulatedRequest): object {
  const timestamp = new Date(world.now()).toISOString().slice(0, 19).replace('T', ' ').concat('Z');
  const trace = world.guid();
  const correlation = request.headers['client-request-id'] ?? world.guid();
  return {
    error,
    error_description: `AADSTS${number}: ${text} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
    error_codes: [number],
    timestamp,
    trace_id: trace,
    correlation_id: correlation,
    error_uri: `${request.url.origin}/error?code=${number}`,
  };
}

const json = (status: number, body: object): SimulatedResponse => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store, no-cache' },
  body,
});
