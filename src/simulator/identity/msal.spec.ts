import { createHash, X509Certificate } from 'node:crypto';
import {
  ConfidentialClientApplication,
  CryptoProvider,
  type INetworkModule,
  InteractionRequiredAuthError,
  type NetworkRequestOptions,
  type NodeAuthOptions,
  ServerError,
} from '@azure/msal-node';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';
import { REDIRECT, returned, simulateSignIn, WEB_CLIENT } from '../../../test/support/identity-client.ts';
import { ADDRESS } from '../../../test/support/simulator-client.ts';
import type { GraphSimulator, SimulatorOptions } from '../index.ts';

/** MSAL speaks https only: its requests to https://login.sim.test go to the simulator over whatever there is. */
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

const scopes = ['https://graph.microsoft.com/Calendars.ReadWrite'];

function msal(o: { auth?: Partial<NodeAuthOptions>; simulator?: SimulatorOptions; tenant?: string } = {}) {
  const world = simulateSignIn({ now: () => Date.now(), switches: { autoConsent: true }, ...o.simulator });
  const { clientId, clientSecret, tenantId } = WEB_CLIENT;
  const application = new ConfidentialClientApplication({
    auth: {
      clientId,
      ...(o.auth?.clientCertificate === undefined ? { clientSecret } : {}),
      authority: `https://login.sim.test/${o.tenant ?? tenantId}`,
      knownAuthorities: ['login.sim.test'],
      ...o.auth,
    },
    system: { networkClient: networkOf(world.sim) },
  });
  const crypto = new CryptoProvider();

  async function signIn(change: { claims?: string } = {}) {
    const { verifier, challenge } = await crypto.generatePkceCodes();
    const state = crypto.createNewGuid();
    const url = await application.getAuthCodeUrl({
      scopes,
      redirectUri: REDIRECT,
      state,
      codeChallenge: challenge,
      codeChallengeMethod: 'S256',
      loginHint: ADDRESS,
      ...change,
    });
    const back = returned(await world.sim.fetch(url));
    expect(back.get('state')).toBe(state);
    return application.acquireTokenByCode({
      code: back.get('code')!,
      scopes,
      redirectUri: REDIRECT,
      codeVerifier: verifier,
      ...change,
    });
  }
  const grants = () =>
    world.sim.requests
      .map(({ body }) => new URLSearchParams(String(body)).get('grant_type'))
      .filter((grant) => grant !== null);
  return { ...world, application, signIn, grants };
}

describe('MSAL', () => {
  it('signs a user in with a code and PKCE, and knows the account', async () => {
    const { signIn, mailbox, tenant, callGraph } = msal();
    const result = await signIn();
    expect(result.account).toMatchObject({
      homeAccountId: `${mailbox.id}.${tenant}`,
      tenantId: tenant,
      username: ADDRESS,
      name: 'Ada Lemke',
    });
    expect((await callGraph(result.accessToken)).status).toBe(200);
  });

  it('signs in under common too, whose issuer is a placeholder', async () => {
    const { signIn, tenant } = msal({ tenant: 'common' });
    expect((await signIn()).tenantId).toBe(tenant);
  });

  it('serves the cache, then refreshes and keeps the rotated token', async () => {
    const { signIn, application, grants, callGraph } = msal();
    const { account, accessToken } = await signIn();
    const silent = (forceRefresh: boolean) =>
      application.acquireTokenSilent({ account: account!, scopes, forceRefresh });
    expect((await silent(false)).accessToken).toBe(accessToken);
    const refreshed = await silent(true);
    expect(refreshed.accessToken).not.toBe(accessToken);
    await silent(true);
    expect(grants()).toEqual(['authorization_code', 'refresh_token', 'refresh_token']);
    const cached = JSON.parse(application.getTokenCache().serialize()) as { RefreshToken: object };
    expect(Object.keys(cached.RefreshToken)).toHaveLength(1);
    expect((await callGraph(refreshed.accessToken)).status).toBe(200);
  });

  it('refreshes by itself a token that has less than five minutes left', async () => {
    const { signIn, application, grants } = msal({ simulator: { tokenLifetimeSeconds: 200 } });
    const { account } = await signIn();
    await application.acquireTokenSilent({ account: account!, scopes });
    expect(grants()).toEqual(['authorization_code', 'refresh_token']);
  });

  it('makes a ServerError of a plain invalid_grant', async () => {
    const { sim, signIn, application } = msal();
    const { account } = await signIn();
    sim.identity.revokeSessions(ADDRESS);
    const error = await application
      .acquireTokenSilent({ account: account!, scopes, forceRefresh: true })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ServerError);
    expect(error).not.toBeInstanceOf(InteractionRequiredAuthError);
    expect(error).toMatchObject({ errorCode: 'invalid_grant', errorNo: 50173 });
  });

  it.each([
    ['consent is gone', (sim: GraphSimulator) => sim.identity.revokeConsent(ADDRESS), { subError: 'consent_required' }],
    [
      'Conditional Access wants more',
      (sim: GraphSimulator) => sim.identity.failTokens({ name: 'mfa-required', user: ADDRESS, claims: '{"a":1}' }),
      { subError: 'basic_action', claims: '{"a":1}' },
    ],
    [
      'the token idled for ninety days',
      (sim: GraphSimulator) => sim.identity.failTokens({ name: 'refresh-token-inactive', user: ADDRESS }),
      { subError: 'bad_token' },
    ],
    [
      'the platform says interaction_required',
      (sim: GraphSimulator) => sim.identity.failTokens({ name: 'external-challenge', user: ADDRESS }),
      { errorCode: 'interaction_required' },
    ],
  ])('makes an InteractionRequiredAuthError when %s', async (_name, befall, expected) => {
    const { sim, signIn, application } = msal();
    const { account } = await signIn();
    befall(sim);
    const error = await application
      .acquireTokenSilent({ account: account!, scopes, forceRefresh: true })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InteractionRequiredAuthError);
    expect(error).toMatchObject(expected);
  });

  it('throttles itself after one outage: the second failure makes no traffic', async () => {
    const { sim, signIn, application, grants } = msal();
    const { account } = await signIn();
    sim.identity.failTokens({ name: 'unavailable' });
    const silent = () => application.acquireTokenSilent({ account: account!, scopes, forceRefresh: true });
    await expect(silent()).rejects.toMatchObject({ errorCode: 'temporarily_unavailable' });
    await expect(silent()).rejects.toBeInstanceOf(ServerError);
    expect(grants()).toEqual(['authorization_code', 'refresh_token']);
  });

  it('answers a claims challenge with a token that is let in', async () => {
    const { sim, signIn, application, callGraph } = msal({ auth: { clientCapabilities: ['CP1'] } });
    const { account, accessToken, expiresOn } = await signIn();
    expect(expiresOn!.getTime() - Date.now()).toBeGreaterThan(23 * 3_600_000);
    sim.identity.requireClaims(ADDRESS);
    const refused = await callGraph(accessToken);
    expect(refused.status).toBe(401);
    const encoded = /claims="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')![1]!;
    const claims = Buffer.from(encoded, 'base64').toString();
    const result = await application.acquireTokenSilent({ account: account!, scopes, claims });
    expect((await callGraph(result.accessToken)).status).toBe(200);
  });

  it('proves the application by certificate, with either thumbprint', async () => {
    const { private: privateKey, cert } = await generate([{ name: 'commonName', value: 'app' }], {
      algorithm: 'sha256',
    });
    const thumbprint = (algorithm: string) =>
      createHash(algorithm).update(new X509Certificate(cert).raw).digest('hex').toUpperCase();
    const simulator: SimulatorOptions = { clients: [{ ...WEB_CLIENT, certificates: [cert] }] };
    const request = { scopes: ['https://graph.microsoft.com/.default'] };
    const named = [{ thumbprintSha256: thumbprint('sha256') }, { thumbprint: thumbprint('sha1') }];
    for (const name of named) {
      const { application, sim } = msal({ simulator, auth: { clientCertificate: { privateKey, ...name } } });
      const result = await application.acquireTokenByClientCredential(request);
      const answer = await sim.fetch(`/v1.0/users/${ADDRESS}/events`, {
        headers: { authorization: `Bearer ${result!.accessToken}` },
      });
      expect(answer.status).toBe(200);
    }
    const stranger = msal({ auth: { clientCertificate: { privateKey, ...named[0] } } });
    await expect(stranger.application.acquireTokenByClientCredential(request)).rejects.toMatchObject({
      errorCode: 'invalid_client',
      errorNo: 700027,
    });
  });
});
