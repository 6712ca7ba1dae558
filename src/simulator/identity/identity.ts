import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import { answerAdminConsent, answerLogout } from './admin-consent.ts';
import { answerAuthorize } from './authorize.ts';
import { answerInstanceDiscovery, answerKeys, answerMetadata, answerUserInfo } from './metadata.ts';
import type { Platform } from './platform.ts';
import { answerToken } from './token-endpoint.ts';

/** The Microsoft identity platform's endpoints. */

type Endpoint = (
  request: SimulatedRequest,
  segment: string,
  platform: Platform,
) => SimulatedResponse | Promise<SimulatedResponse>;

/** Below a tenant. Both layouts of the metadata: MSAL asks for the second in its OIDC mode. */
const ENDPOINTS: readonly [path: RegExp, endpoint: Endpoint][] = [
  [/^\/([^/]+)\/(?:v2\.0\/)?\.well-known\/openid-configuration$/i, answerMetadata],
  [/^\/([^/]+)\/oauth2\/v2\.0\/token$/i, answerToken],
  [/^\/([^/]+)\/oauth2\/v2\.0\/authorize$/i, answerAuthorize],
  [/^\/([^/]+)\/oauth2\/v2\.0\/logout$/i, (request, _segment, platform) => answerLogout(request, platform)],
  [/^\/([^/]+)\/discovery\/v2\.0\/keys$/i, (_request, _segment, platform) => answerKeys(platform)],
  [/^\/([^/]+)\/v2\.0\/adminconsent$/i, answerAdminConsent],
  [/^\/common\/(discovery)\/instance$/i, (request) => answerInstanceDiscovery(request)],
  [/^\/(oidc)\/userinfo$/i, (request, _segment, platform) => answerUserInfo(request, platform)],
];

export const isIdentityPath = (pathname: string): boolean => ENDPOINTS.some(([path]) => path.test(pathname));

export async function answerIdentity(request: SimulatedRequest, platform: Platform): Promise<SimulatedResponse> {
  for (const [path, endpoint] of ENDPOINTS) {
    const segment = path.exec(request.url.pathname)?.[1];
    if (segment !== undefined) return endpoint(request, decoded(segment), platform);
  }
  return { status: 404, headers: {} };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
