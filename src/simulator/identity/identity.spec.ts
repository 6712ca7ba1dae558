import { ConfidentialClientApplication, type INetworkModule, type NetworkRequestOptions } from '@azure/msal-node';
import { describe, expect, it } from 'vitest';
import { ADDRESS, simulate } from '../../../test/support/simulator-client.ts';
import { DEFAULT_CLIENT, type GraphSimulator } from '../index.ts';

const { clientId, clientSecret, tenantId } = DEFAULT_CLIENT;

function networkOf(sim: GraphSimulator): INetworkModule {
  async function send(method: string, url: string, options?: NetworkRequestOptions) {
    const response = await sim.fetch(url, {
      method,
      headers: options?.headers ?? {},
      ...(options?.body ? { body: options.body } : {}),
    });
    return { headers: Object.fromEntries(response.headers), body: await response.json(), status: response.status };
  }
  return {
    sendGetRequestAsync: (url, options) => send('GET', url, options) as never,
    sendPostRequestAsync: (url, options) => send('POST', url, options) as never,
  };
}

const application = (sim: GraphSimulator, secret = clientSecret) =>
  new ConfidentialClientApplication({
    auth: {
      clientId,
      clientSecret: secret,
      authority: `https://login.sim.test/${tenantId}`,
      knownAuthorities: ['login.sim.test'],
    },
    system: { networkClient: networkOf(sim) },
  });

const scopes = ['https://graph.microsoft.com/.default'];

describe('the identity platform', () => {
  it('gives MSAL a token that opens Graph until it expires', async () => {
    const { sim, clock } = simulate({ tokenLifetimeSeconds: 600 });
    const result = await application(sim).acquireTokenByClientCredential({ scopes });
    const read = () =>
      sim.fetch(`/v1.0/users/${ADDRESS}/events`, { headers: { authorization: `Bearer ${result!.accessToken}` } });
    expect((await read()).status).toBe(200);
    clock.now += 600_000;
    const expired = await read();
    expect(expired.status).toBe(401);
    expect((await expired.json()).error).toMatchObject({
      code: 'InvalidAuthenticationToken',
      message: 'Lifetime validation failed, the token is expired.',
    });
  });

  it('tells MSAL that the secret is wrong', async () => {
    const { sim } = simulate();
    await expect(application(sim, 'wrong').acquireTokenByClientCredential({ scopes })).rejects.toMatchObject({
      errorCode: 'invalid_client',
    });
  });

  it('discovers the instance by the host that asks', async () => {
    const { sim } = simulate();
    const asked = encodeURIComponent(`https://login.sim.test/${tenantId}/oauth2/v2.0/authorize`);
    const response = await sim.fetch(
      `https://login.sim.test/common/discovery/instance?api-version=1.1&authorization_endpoint=${asked}`,
    );
    expect(await response.json()).toMatchObject({
      tenant_discovery_endpoint: `https://login.sim.test/${tenantId}/v2.0/.well-known/openid-configuration`,
      metadata: [{ preferred_network: 'login.sim.test' }],
    });
  });

  const form = (change: Record<string, string>) => ({
    client_id: clientId,
    client_secret: clientSecret,
    grant_type: 'client_credentials',
    scope: scopes[0]!,
    ...change,
  });
  const post = (sim: GraphSimulator, tenant: string, fields: Record<string, string>) =>
    sim.fetch(`https://login.sim.test/${tenant}/oauth2/v2.0/token`, {
      method: 'POST',
      body: new URLSearchParams(fields),
    });

  it.each([
    ['a wrong secret', tenantId, form({ client_secret: 'no' }), 401, 'invalid_client', 7000215],
    ['no secret', tenantId, form({ client_secret: '' }), 401, 'invalid_client', 7000218],
    ['an unknown application', tenantId, form({ client_id: 'nobody' }), 400, 'unauthorized_client', 700016],
    ['an unknown tenant', 'elsewhere', form({}), 400, 'invalid_request', 90002],
    ['another grant', tenantId, form({ grant_type: 'password' }), 400, 'unsupported_grant_type', 70003],
    [
      'a single permission as scope',
      tenantId,
      form({ scope: 'https://graph.microsoft.com/Calendars.Read' }),
      400,
      'invalid_scope',
      1002012,
    ],
  ])('refuses %s', async (_name, tenant, fields, status, error, number) => {
    const { sim } = simulate();
    const response = await post(sim, tenant, fields);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      error,
      error_codes: [number],
      error_description: expect.stringMatching(
        new RegExp(`^AADSTS${number}: .* Trace ID: .* Timestamp: 2026-03-02 08:00:00Z$`),
      ),
      timestamp: '2026-03-02 08:00:00Z',
    });
  });

  it.each([
    ['none', undefined, 'Access token is empty.'],
    ['not a token', 'Bearer nonsense', 'CompactToken parsing failed with error code: 80049217'],
  ])('refuses Graph calls with %s', async (_name, authorization, message) => {
    const { sim } = simulate();
    const response = await sim.fetch(`/v1.0/users/${ADDRESS}/events`, {
      headers: authorization === undefined ? {} : { authorization },
    });
    expect(response.status).toBe(401);
    expect((await response.json()).error.message).toBe(message);
  });

  it('refuses a token with a changed signature, and one of another simulator', async () => {
    const { sim, token } = simulate();
    const stranger = simulate({ seed: 99 }).token;
    for (const forged of [`${token.slice(0, -4)}AAAA`, stranger]) {
      const response = await sim.fetch(`/v1.0/users/${ADDRESS}/events`, {
        headers: { authorization: `Bearer ${forged}` },
      });
      expect(response.status).toBe(401);
    }
  });

  it('fails by script only when the script names its path', async () => {
    const { sim } = simulate();
    sim.failNext({ status: 503 });
    expect((await post(sim, tenantId, form({}))).status).toBe(200);
    sim.failNext({ path: /oauth2/, status: 503 });
    expect((await post(sim, tenantId, form({}))).status).toBe(503);
  });
});
