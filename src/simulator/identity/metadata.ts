import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import { CONSUMER_TENANT, type Tenant } from './directory.ts';
import type { Platform } from './platform.ts';
import { publicJwk } from './signing-keys.ts';
import { answerError, identityJson, tokenError } from './token-errors.ts';
import { readAccessToken } from './tokens.ts';

/** What the platform says of itself: endpoints, keys, instances. */

export function answerMetadata(request: SimulatedRequest, segment: string, platform: Platform): SimulatedResponse {
  const tenant = platform.directory.findTenant(segment);
  if (tenant === undefined) {
    return answerError(
      platform.world,
      tokenError('tenant-unknown', { text: `Tenant '${segment}' not found.` }),
      request,
    );
  }
  return identityJson(200, openIdConfiguration(request.url.origin, segment, tenant));
}

function openIdConfiguration(origin: string, segment: string, tenant: Tenant): object {
  const base = `${origin}/${segment}`;
  return {
    token_endpoint: `${base}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    jwks_uri: `${base}/discovery/v2.0/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: `${origin}/${issuerTenant(tenant)}/v2.0`,
    request_uri_parameter_supported: false,
    userinfo_endpoint: `${origin}/oidc/userinfo`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    http_logout_supported: true,
    frontchannel_logout_supported: true,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    claims_supported: [
      ...['sub', 'iss', 'cloud_instance_name', 'cloud_instance_host_name', 'cloud_graph_host_name', 'msgraph_host'],
      ...['aud', 'exp', 'iat', 'auth_time', 'acr', 'nonce', 'preferred_username', 'name', 'tid', 'ver'],
      ...['at_hash', 'c_hash', 'email'],
    ],
    tenant_region_scope: null,
    cloud_instance_name: 'microsoftonline.com',
    cloud_graph_host_name: 'graph.windows.net',
    msgraph_host: 'graph.microsoft.com',
    rbac_url: 'https://pas.windows.net',
  };
}

/** `common` has no tenant of its own; the placeholder is literal in the real document too. */
function issuerTenant(tenant: Tenant): string {
  if (tenant.kind === 'single') return tenant.id;
  return tenant.kind === 'consumers' ? CONSUMER_TENANT : '{tenantid}';
}

export const answerKeys = ({ directory }: Platform): SimulatedResponse =>
  identityJson(200, { keys: directory.signingKeys.map(publicJwk) });

export function answerInstanceDiscovery({ url }: SimulatedRequest): SimulatedResponse {
  const asked = url.searchParams.get('authorization_endpoint');
  const authority = asked !== null && URL.canParse(asked) ? new URL(asked) : new URL(`${url.origin}/common/`);
  const tenant = authority.pathname.split('/')[1] || 'common';
  const { host } = authority;
  return identityJson(200, {
    tenant_discovery_endpoint: `${authority.origin}/${tenant}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  });
}

/** The OpenID Connect endpoint that real metadata puts on Graph's own host. */
export function answerUserInfo(request: SimulatedRequest, { world, issuer }: Platform): SimulatedResponse {
  const token = readAccessToken(world, request.headers['authorization']);
  const user = typeof token === 'string' || token.oid === undefined ? undefined : world.findMailbox(token.oid);
  if (typeof token === 'string' || user === undefined) {
    return { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } };
  }
  const { id, name, address } = user.state;
  return identityJson(200, { sub: issuer.subject(token.appid, id), name, email: address });
}
