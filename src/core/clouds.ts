/** Microsoft's clouds (graph contract 11.1): each has a Graph and an identity platform of its own, with tokens for nobody else. */
export interface Cloud {
  readonly name: string;
  readonly graphHosts: readonly string[];
  readonly loginHosts: readonly string[];
}

const CLOUDS: readonly Cloud[] = [
  { name: 'global', graphHosts: ['graph.microsoft.com'], loginHosts: ['login.microsoftonline.com'] },
  {
    name: 'US Government',
    graphHosts: ['graph.microsoft.us', 'dod-graph.microsoft.us'],
    loginHosts: ['login.microsoftonline.us'],
  },
  {
    name: 'China (21Vianet)',
    graphHosts: ['microsoftgraph.chinacloudapi.cn'],
    loginHosts: ['login.chinacloudapi.cn', 'login.partner.microsoftonline.cn'],
  },
];

export const cloudOfGraph = (address: string): Cloud | undefined =>
  CLOUDS.find(({ graphHosts }) => graphHosts.includes(new URL(address).host));

export const cloudOfLogin = (address: string): Cloud | undefined =>
  CLOUDS.find(({ loginHosts }) => loginHosts.includes(new URL(address).host));

/** What tokens are for: Graph itself, also where a proxy or a simulator stands before it. */
export function graphResource(at: { readonly graphOrigin: string; readonly authorityHost: string }): string {
  if (cloudOfGraph(at.graphOrigin)) return new URL(at.graphOrigin).origin;
  return `https://${(cloudOfLogin(at.authorityHost) ?? CLOUDS[0])?.graphHosts[0]}`;
}

/** Names in place of a tenant, at which people of many can sign in: no application has permissions of its own there. */
export function isManyTenants(tenantId: string): boolean {
  return ['common', 'organizations', 'consumers'].includes(tenantId.toLowerCase());
}
