import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bodyOf, SCOPE, simulateSignIn, WEB_CLIENT } from '../../../test/support/identity-client.ts';
import { ADDRESS, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { DEFAULT_CLIENT, GraphSimulator, startGraphSimulator, type TokenErrorName } from '../index.ts';

const CAPABLE = JSON.stringify({ access_token: { xms_cc: { values: ['CP1'] } } });

describe('what happens to an account', () => {
  it.each([
    ['sessions are revoked', 'revokeSessions', 50173],
    ['it is disabled', 'disableUser', 50057],
    ['it is deleted', 'deleteUser', 50034],
    ['consent is withdrawn', 'revokeConsent', 65001],
  ] as const)('ends its refresh tokens: %s', async (_name, control, number) => {
    const { sim, tokens, post, refreshForm, callGraph } = simulateSignIn();
    const eve = sim.addMailbox({ address: 'eve@example.com' });
    const [mine, hers] = [await tokens(), await tokens({}, eve.address)];
    sim.identity[control](ADDRESS);
    const refused = await post(refreshForm(mine['refresh_token']));
    expect(refused.status).toBe(400);
    expect(await bodyOf(refused)).toMatchObject({ error: 'invalid_grant', error_codes: [number] });
    expect((await post(refreshForm(hers['refresh_token']))).status).toBe(200);
    // A client that did not say it can answer challenges keeps its token for its hour.
    expect((await callGraph(mine['access_token'])).status).toBe(200);
  });

  it('also ends a code that was not redeemed yet', async () => {
    const { sim, signIn, post, codeForm } = simulateSignIn();
    const code = (await signIn()).get('code');
    sim.identity.revokeSessions(ADDRESS);
    expect(await bodyOf(await post(codeForm(code)))).toMatchObject({ error_codes: [50173] });
  });

  it('is mended by signing in again', async () => {
    const { sim, tokens, post, refreshForm } = simulateSignIn();
    sim.identity.revokeSessions(ADDRESS);
    sim.identity.disableUser(ADDRESS);
    sim.identity.enableUser(ADDRESS);
    const { refresh_token } = await tokens();
    expect((await post(refreshForm(refresh_token))).status).toBe(200);
  });

  it('can be the loss of one permission', async () => {
    const { sim, tokens, post, refreshForm } = simulateSignIn();
    const { refresh_token } = await tokens({ scope: `${SCOPE} MailboxSettings.Read` });
    sim.identity.revokeConsent(ADDRESS, WEB_CLIENT, ['https://graph.microsoft.com/MailboxSettings.Read']);
    expect(await bodyOf(await post(refreshForm(refresh_token)))).toMatchObject({ error_codes: [65001] });
    expect((await post(refreshForm(refresh_token, { scope: 'Calendars.ReadWrite' }))).status).toBe(200);
  });

  it('is refused for names nobody has', () => {
    const { sim } = simulateSignIn();
    expect(() => sim.identity.revokeSessions('nobody@example.com')).toThrow(/nobody@example.com/);
    expect(() => sim.identity.expireSecret('nobody')).toThrow('no application nobody is registered');
  });
});

describe('secrets', () => {
  it('expire, and are replaced', async () => {
    const { sim, tokens, post, refreshForm } = simulateSignIn();
    const { refresh_token } = await tokens();
    sim.identity.expireSecret();
    const expired = await post(refreshForm(refresh_token));
    expect(expired.status).toBe(401);
    expect(await bodyOf(expired)).toMatchObject({ error: 'invalid_client', error_codes: [7000222] });
    const client_secret = sim.identity.rotateSecret();
    expect((await post(refreshForm(refresh_token, { client_secret }))).status).toBe(200);
    expect(await bodyOf(await post(refreshForm(refresh_token)))).toMatchObject({ error_codes: [7000215] });
    const next = sim.identity.rotateSecret(undefined, { keepOld: true });
    for (const secret of [client_secret, next]) {
      expect((await post(refreshForm(refresh_token, { client_secret: secret }))).status).toBe(200);
    }
  });
});

describe('scripted refusals', () => {
  it.each<[TokenErrorName, number, string, number, Record<string, unknown>]>([
    ['grant-expired', 400, 'invalid_grant', 70008, {}],
    ['refresh-token-inactive', 400, 'invalid_grant', 700082, { suberror: 'bad_token' }],
    ['spa-token-expired', 400, 'invalid_grant', 700084, {}],
    ['revoked', 400, 'invalid_grant', 50173, {}],
    ['consent-missing', 400, 'invalid_grant', 65001, { suberror: 'consent_required' }],
    ['admin-consent-missing', 400, 'invalid_grant', 90094, {}],
    ['admin-consent-requested', 400, 'invalid_grant', 90095, {}],
    ['mfa-required', 400, 'invalid_grant', 50076, { claims: expect.stringContaining('capolids') }],
    ['mfa-enrollment-required', 400, 'invalid_grant', 50079, { claims: expect.any(String) }],
    ['mfa-expired', 400, 'invalid_grant', 50078, { claims: expect.any(String) }],
    ['external-challenge', 400, 'interaction_required', 50158, { claims: expect.any(String) }],
    ['conditional-access', 400, 'invalid_grant', 53003, { suberror: 'message_only', claims: expect.any(String) }],
    ['code-redeemed', 400, 'invalid_grant', 54005, {}],
    ['pkce-mismatch', 400, 'invalid_grant', 501481, {}],
    ['user-unknown', 400, 'invalid_grant', 50034, {}],
    ['user-disabled', 400, 'invalid_grant', 50057, {}],
    ['user-of-other-tenant', 400, 'invalid_grant', 50020, {}],
    ['secret-wrong', 401, 'invalid_client', 7000215, {}],
    ['secret-expired', 401, 'invalid_client', 7000222, {}],
    ['app-unknown', 400, 'unauthorized_client', 700016, {}],
    ['app-disabled', 400, 'unauthorized_client', 7000112, {}],
    ['unavailable', 503, 'temporarily_unavailable', 90033, {}],
    ['server-error', 500, 'server_error', 90033, {}],
    ['tenant-unknown', 400, 'invalid_request', 90002, {}],
    ['client-loop', 400, 'invalid_request', 50196, {}],
  ])('%s: %i %s', async (name, status, error, number, more) => {
    const { sim, tokens, post, refreshForm } = simulateSignIn();
    const { refresh_token } = await tokens({ scope: 'offline_access Calendars.ReadWrite' });
    sim.identity.failTokens({ name });
    const answer = await post(refreshForm(refresh_token));
    expect(answer.status).toBe(status);
    expect(await bodyOf(answer)).toMatchObject({
      error,
      error_codes: [number],
      error_description: expect.stringMatching(new RegExp(`^AADSTS${number}: .*Correlation ID: .* Timestamp: `)),
      error_uri: `https://login.sim.test/error?code=${number}`,
      ...more,
    });
    expect((await post(refreshForm(refresh_token))).status).toBe(200);
  });

  it('hit one user, so often, or until they are cleared', async () => {
    const { sim, tokens, post, refreshForm } = simulateSignIn();
    const eve = sim.addMailbox({ address: 'eve@example.com' });
    const [mine, hers] = [await tokens(), await tokens({}, eve.address)];
    const status = async (body: Record<string, string>) => (await post(refreshForm(body['refresh_token']!))).status;
    sim.identity.failTokens({ name: 'revoked', user: ADDRESS, count: 2 });
    expect([await status(hers), await status(mine), await status(mine), await status(mine)]).toEqual([
      200, 400, 400, 200,
    ]);
    sim.identity.failTokens({ name: 'unavailable', count: 'all' });
    expect([await status(hers), await status(mine), await status(mine)]).toEqual([503, 503, 503]);
    sim.identity.clearFailures();
    expect(await status(mine)).toBe(200);
  });

  it('do not use a code up', async () => {
    const { sim, signIn, post, codeForm } = simulateSignIn();
    const code = (await signIn()).get('code');
    sim.identity.failTokens({ name: 'mfa-required', user: ADDRESS, error: 'interaction_required', claims: '{"x":1}' });
    expect(await bodyOf(await post(codeForm(code)))).toMatchObject({
      error: 'interaction_required',
      claims: '{"x":1}',
    });
    expect((await post(codeForm(code))).status).toBe(200);
  });

  it('must have a name there is', () => {
    const { sim } = simulateSignIn();
    expect(() => sim.identity.failTokens({ name: 'bad luck' as TokenErrorName })).toThrow('bad luck is no refusal');
  });
});

describe('continuous access evaluation', () => {
  const challengeOf = (response: Response): string => {
    const header = response.headers.get('www-authenticate') ?? '';
    expect(header).toMatch(/^Bearer realm="", authorization_uri="[^"]+", error="insufficient_claims", claims="[^"]+"$/);
    return Buffer.from(/claims="([^"]+)"/.exec(header)![1]!, 'base64').toString();
  };

  /** What MSAL sends: the challenge, and what the client can do. */
  const answered = (challenge: string): string => {
    const claims = JSON.parse(challenge) as { access_token: object };
    return JSON.stringify({ access_token: { ...claims.access_token, xms_cc: { values: ['CP1'] } } });
  };

  it('gives capable clients tokens for a day, unless told how long tokens live', async () => {
    const long = await simulateSignIn().tokens({}, ADDRESS, { claims: CAPABLE });
    expect(long['expires_in']).toBeGreaterThanOrEqual(24 * 3600);
    expect(long['expires_in']).toBeLessThan(28 * 3600);
    const told = await simulateSignIn({ tokenLifetimeSeconds: 300 }).tokens({}, ADDRESS, { claims: CAPABLE });
    expect(told['expires_in']).toBe(300);
  });

  it('challenges a capable client’s token once the sessions are revoked; a new sign-in is let in', async () => {
    const { sim, tokens, callGraph } = simulateSignIn();
    const [capable, other] = [await tokens({ claims: CAPABLE }), await tokens()];
    sim.identity.revokeSessions(ADDRESS);
    const refused = await callGraph(capable['access_token']);
    expect(refused.status).toBe(401);
    expect(challengeOf(refused)).toBe(
      JSON.stringify({ access_token: { nbf: { essential: true, value: String(NOW / 1000) } } }),
    );
    expect((await bodyOf(refused))['error'].code).toBe('InvalidAuthenticationToken');
    expect((await callGraph(other['access_token'])).status).toBe(200);
    const again = await tokens({ claims: CAPABLE });
    expect((await callGraph(again['access_token'])).status).toBe(200);
  });

  it('is satisfied by a token requested with the claims of the challenge, and by no other', async () => {
    const { sim, tokens, post, refreshForm, callGraph } = simulateSignIn();
    const { access_token, refresh_token } = await tokens({}, ADDRESS, { claims: CAPABLE });
    sim.identity.requireClaims(ADDRESS);
    const challenge = challengeOf(await callGraph(access_token));
    const without = await bodyOf(await post(refreshForm(refresh_token, { claims: CAPABLE })));
    expect((await callGraph(without['access_token'])).status).toBe(401);
    const met = await bodyOf(await post(refreshForm(refresh_token, { claims: answered(challenge) })));
    expect((await callGraph(met['access_token'])).status).toBe(200);
    sim.identity.requireClaims(ADDRESS);
    expect((await callGraph(met['access_token'])).status).toBe(401);
    sim.identity.forgetClaims(ADDRESS);
    expect((await callGraph(met['access_token'])).status).toBe(200);
  });

  it('may challenge an application, and its batches', async () => {
    const { sim } = simulate();
    const { clientId, clientSecret, tenantId } = DEFAULT_CLIENT;
    const token = async (claims: string) => {
      const response = await sim.fetch(`https://login.sim.test/${tenantId}/oauth2/v2.0/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: clientId,
          client_secret: clientSecret,
          scope: 'https://graph.microsoft.com/.default',
          claims,
        }),
      });
      return (await bodyOf(response))['access_token'] as string;
    };
    const batch = (accessToken: string) =>
      sim.fetch('/v1.0/$batch', {
        method: 'POST',
        headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ requests: [{ id: '1', method: 'GET', url: `/users/${ADDRESS}` }] }),
      });
    const first = await token(CAPABLE);
    sim.identity.requireClaims(clientId);
    const challenge = challengeOf(await batch(first));
    expect((await batch(await token(answered(challenge)))).status).toBe(200);
  });

  it('refuses claims that are no JSON', async () => {
    const { tokens } = simulateSignIn();
    expect(await tokens({}, ADDRESS, { claims: 'nbf' })).toMatchObject({ error_codes: [9002313] });
  });
});

describe('state', () => {
  it('goes on in another simulator: codes, refresh tokens, consents, revocations, secrets, keys', async () => {
    const one = simulateSignIn();
    const eve = one.sim.addMailbox({ address: 'eve@example.com' });
    const { refresh_token: mine, access_token } = await one.tokens({ claims: CAPABLE });
    const { refresh_token: hers } = await one.tokens({}, eve.address);
    const kid = one.sim.identity.rotateSigningKey();
    one.sim.identity.revokeSessions(ADDRESS);
    const code = (await one.signIn()).get('code');
    const client_secret = one.sim.identity.rotateSecret();

    const other = simulateSignIn({ seed: 5 });
    other.sim.restore(one.sim.snapshot());
    expect(await bodyOf(await other.post(other.refreshForm(mine, { client_secret })))).toMatchObject({
      error_codes: [50173],
    });
    expect((await other.callGraph(access_token)).status).toBe(401);
    const body = await bodyOf(await other.post(other.refreshForm(hers, { client_secret })));
    expect(JSON.parse(Buffer.from(body['id_token'].split('.')[0], 'base64url').toString()).kid).toBe(kid);
    expect((await other.post(other.codeForm(code, { client_secret }))).status).toBe(200);
    expect(await bodyOf(await other.post(other.codeForm(code, { client_secret })))).toMatchObject({
      error_codes: [54005],
    });
  });

  it('of before there were sign-ins has none', () => {
    const { sim } = simulateSignIn();
    const { parts, ...old } = JSON.parse(sim.snapshot()) as { parts: object };
    expect(parts).toHaveProperty('identity');
    sim.identity.grantConsent(ADDRESS, ['Calendars.Read']);
    sim.restore(JSON.stringify(old));
    expect(sim.identity.consents(ADDRESS)).toEqual([]);
  });

  it('is in the journal before the answer is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'graph-identity-'));
    try {
      const start = () => startGraphSimulator({ stateFile: join(folder, 'graph.json'), events: 0, now: () => NOW });
      const first = await start();
      first.simulator.identity.grantConsent(first.mailbox, ['Calendars.Read']);
      const second = await start();
      expect(second.simulator.identity.consents(second.mailbox)).toEqual(['Calendars.Read']);
      await second.close();
      await first.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('makes the same simulator from the same seed, tokens included', () => {
    const make = () => {
      const sim = new GraphSimulator({ now: () => NOW, seed: 9 });
      sim.addMailbox({ address: ADDRESS });
      return sim.accessToken({ user: ADDRESS, scopes: ['Calendars.Read'] });
    };
    expect(make()).toBe(make());
  });
});
