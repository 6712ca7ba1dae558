import { cloudOfGraph, cloudOfLogin } from './core/clouds.ts';
import type { EnvironmentReader } from './environment-reader.ts';

/** Where Graph is: Microsoft (or a national cloud, or a simulator run elsewhere), or the simulator that `serve` brings up. */
export type GraphConfig =
  | {
      readonly kind: 'microsoft';
      readonly clientId: string;
      readonly tenantId: string;
      readonly credential: GraphCredential;
      readonly baseUrl: string;
      readonly authorityHost: string;
    }
  | { readonly kind: 'simulator' };

export type GraphCredential =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'certificate'; readonly path: string };

/** What is wrong is told to the reader; what is returned is then of no use. */
export function graphConfig(reader: EnvironmentReader, isProduction: boolean): GraphConfig {
  const clientId = reader.text('GRAPH_CLIENT_ID');
  const tenantId = reader.text('GRAPH_TENANT_ID');
  const secret = reader.secret('GRAPH_CLIENT_SECRET');
  const certificate = reader.text('GRAPH_CLIENT_CERTIFICATE_PATH');
  const baseUrl = reader.url('GRAPH_BASE_URL', 'https://graph.microsoft.com', 'origin');
  const authorityHost = reader.url('GRAPH_AUTHORITY_HOST', 'https://login.microsoftonline.com', 'origin');
  const isSecretGiven = reader.isGiven('GRAPH_CLIENT_SECRET');
  const isAnyGiven = isSecretGiven || [clientId, tenantId, certificate, baseUrl, authorityHost].some((value) => value);
  if (!isAnyGiven && !isProduction) return { kind: 'simulator' };
  const why = isProduction
    ? 'is missing, and production has no simulator'
    : 'is missing, while another GRAPH_ variable is set';
  const example = '3f2a7c1e-0000-0000-0000-000000000000';
  if (!clientId) reader.problem('GRAPH_CLIENT_ID', why, example);
  if (!tenantId) reader.problem('GRAPH_TENANT_ID', why, `${example} or contoso.onmicrosoft.com`);
  if (!isSecretGiven && !certificate) {
    reader.problem(
      'GRAPH_CLIENT_SECRET',
      why,
      'the app registration’s secret, or GRAPH_CLIENT_CERTIFICATE_PATH=/run/secrets/graph.pem instead',
    );
  }
  checkClouds(reader, {
    graph: baseUrl ?? 'https://graph.microsoft.com',
    login: authorityHost ?? 'https://login.microsoftonline.com',
  });
  return {
    kind: 'microsoft',
    clientId: clientId ?? '',
    tenantId: tenantId ?? '',
    credential: certificate ? { kind: 'certificate', path: certificate } : { kind: 'secret', secret: secret ?? '' },
    baseUrl: baseUrl ?? 'https://graph.microsoft.com',
    authorityHost: authorityHost ?? 'https://login.microsoftonline.com',
  };
}

/** Tokens of one cloud open nothing in another, and Microsoft's own messages about it help nobody. */
function checkClouds(reader: EnvironmentReader, at: { readonly graph: string; readonly login: string }): void {
  const [graph, login] = [cloudOfGraph(at.graph), cloudOfLogin(at.login)];
  if (!graph || !login || graph === login) return;
  reader.problem(
    'GRAPH_AUTHORITY_HOST',
    `is the ${login.name} cloud's ${at.login}, while GRAPH_BASE_URL is the ${graph.name} cloud's ${at.graph}; both must be of one cloud`,
    `https://${graph.loginHosts[0]}`,
  );
}
