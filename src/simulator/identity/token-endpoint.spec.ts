import { createHash, X509Certificate } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, importPKCS8, jwtVerify, SignJWT } from 'jose';
import { generate } from 'selfsigned';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  bodyOf,
  CHALLENGE,
  REDIRECT,
  SCOPE,
  simulateSignIn,
  VERIFIER,
  WEB_CLIENT,
} from '../../../test/support/identity-client.ts';
import { ADDRESS, NOW } from '../../../test/support/simulator-client.ts';

const DAY = 86_400_000;

describe('an authorization code', () => {
  it('becomes tokens that open Graph for the user who signed in', async () => {
    const { tokens, callGraph } = simulateSignIn();
    const body = await tokens();
    expect(body).toMatchObject({
      token_type: 'Bearer',
      scope: 'openid profile email Calendars.ReadWrite',
      expires_in: 3599,
      ext_expires_in: 3599,
      refresh_token: expect.any(String),
      id_token: expect.any(String),
    });
    expect(body).not.toHaveProperty('client_info');
    expect(decodeJwt(body['access_token'])).toMatchObject({ idtyp: 'user', scp: 'Calendars.ReadWrite' });
    expect((await callGraph(body['access_token'])).status).toBe(200);
  });

  it('brings a refresh token, an id token and client info only for those who ask', async () => {
    const { tokens, client, tenant, mailbox } = simulateSignIn();
    const bare = await tokens({ scope: 'https://graph.microsoft.com/Calendars.Read' });
    expect(bare['scope']).toBe('https://graph.microsoft.com/Calendars.Read');
    expect(bare).not.toHaveProperty('refresh_token');
    expect(bare).not.toHaveProperty('id_token');
    const full = await tokens({ nonce: 'n-1' }, ADDRESS, { client_info: '1' });
    expect(JSON.parse(Buffer.from(full['client_info'], 'base64url').toString())).toEqual({
      uid: mailbox.id,
      utid: tenant,
    });
    expect(decodeJwt(full['id_token'])).toMatchObject({
      aud: client.clientId,
      iss: `https://login.sim.test/${tenant}/v2.0`,
      nonce: 'n-1',
      oid: mailbox.id,
      tid: tenant,
      preferred_username: ADDRESS,
      ver: '2.0',
    });
  });

  it.each([
    ['a second time', {}, 'invalid_grant', 54005, 400],
    ['by another application', { client_id: '44444444-4444-4444-8444-444444444444' }, 'invalid_grant', 70000, 400],
    ['that nobody issued', { code: 'made up' }, 'invalid_grant', 9002313, 400],
    ['without a code', { code: undefined }, 'invalid_request', 900144, 400],
    ['with another redirect URI', { redirect_uri: `${REDIRECT}/x` }, 'invalid_client', 500112, 401],
    ['with another verifier', { code_verifier: `${VERIFIER}x` }, 'invalid_grant', 501481, 400],
    ['without a verifier', { code_verifier: undefined }, 'invalid_grant', 501481, 400],
    ['without a secret', { client_secret: undefined }, 'invalid_client', 7000218, 401],
    ['with a wrong secret', { client_secret: 'no' }, 'invalid_client', 7000215, 401],
  ])('is refused %s', async (name, change, error, number, status) => {
    const other = { ...WEB_CLIENT, clientId: '44444444-4444-4444-8444-444444444444' };
    const { signIn, post, codeForm } = simulateSignIn({ clients: [WEB_CLIENT, other] });
    const code = (await signIn()).get('code');
    if (name === 'a second time') expect((await post(codeForm(code))).status).toBe(200);
    const answer = await post(codeForm(code, change));
    expect(answer.status).toBe(status);
    expect(await bodyOf(answer)).toMatchObject({ error, error_codes: [number] });
  });

  it('dies after ten minutes', async () => {
    const { signIn, post, codeForm, clock } = simulateSignIn();
    const [first, second] = [(await signIn()).get('code'), (await signIn()).get('code')];
    clock.now += 600_000 - 1;
    expect((await post(codeForm(first))).status).toBe(200);
    clock.now += 1;
    expect(await bodyOf(await post(codeForm(second)))).toMatchObject({ error_codes: [70008] });
  });

  it('takes a plain challenge, which is the default, and none at all from a confidential client', async () => {
    const { signIn, post, codeForm } = simulateSignIn();
    const plain = await signIn({ code_challenge: VERIFIER, code_challenge_method: undefined });
    expect((await post(codeForm(plain.get('code')))).status).toBe(200);
    const hashed = await signIn({ code_challenge: CHALLENGE, code_challenge_method: 'plain' });
    expect((await post(codeForm(hashed.get('code')))).status).toBe(400);
    const none = await signIn({ code_challenge: undefined, code_challenge_method: undefined });
    expect((await post(codeForm(none.get('code'), { code_verifier: undefined }))).status).toBe(200);
  });

  it('of a public client needs no secret, and refuses one', async () => {
    const { signIn, post, codeForm } = simulateSignIn({ clients: [{ ...WEB_CLIENT, isPublic: true }] });
    const code = (await signIn()).get('code');
    expect(await bodyOf(await post(codeForm(code)))).toMatchObject({ error: 'invalid_client', error_codes: [700025] });
    expect((await post(codeForm(code, { client_secret: undefined }))).status).toBe(200);
  });
});

describe('a refresh token', () => {
  it('is replaced each time, and the old one stays good', async () => {
    const { tokens, post, refreshForm, callGraph } = simulateSignIn();
    const { refresh_token: first } = await tokens();
    const one = await bodyOf(await post(refreshForm(first)));
    const two = await bodyOf(await post(refreshForm(first)));
    expect(new Set([first, one['refresh_token'], two['refresh_token']]).size).toBe(3);
    const three = await bodyOf(await post(refreshForm(one['refresh_token'], { scope: 'Calendars.ReadWrite' })));
    expect(three).toMatchObject({ scope: 'Calendars.ReadWrite', refresh_token: expect.any(String) });
    expect((await callGraph(three['access_token'])).status).toBe(200);
  });

  it('dies of ninety idle days, and lives as long as somebody uses it', async () => {
    const { tokens, post, refreshForm, clock } = simulateSignIn();
    const { refresh_token: first } = await tokens();
    clock.now += 90 * DAY - 1;
    const { refresh_token: second } = await bodyOf(await post(refreshForm(first)));
    clock.now += 1;
    expect(await bodyOf(await post(refreshForm(first)))).toMatchObject({
      error: 'invalid_grant',
      suberror: 'bad_token',
      error_codes: [700082],
      error_description: expect.stringContaining(
        `The token was issued on ${new Date(NOW).toISOString()} and was inactive for 90.00:00:00.`,
      ),
    });
    expect((await post(refreshForm(second))).status).toBe(200);
  });

  it('of a single-page application dies after a day, used or not', async () => {
    const spa = { ...WEB_CLIENT, redirectUris: [], spaRedirectUris: [REDIRECT] };
    const { signIn, post, codeForm, refreshForm, clock } = simulateSignIn({ clients: [spa] });
    const headers = { origin: 'https://app.example.com' };
    const code = (await signIn()).get('code');
    const form = codeForm(code, { client_secret: undefined });
    expect(await bodyOf(await post(form))).toMatchObject({ error_codes: [9002327] });
    const redeemed = await post(form, { headers });
    expect(redeemed.headers.get('access-control-allow-origin')).toBe(headers.origin);
    const { refresh_token: first } = await bodyOf(redeemed);
    clock.now += DAY - 1;
    expect((await post(refreshForm(first, { client_secret: undefined }))).status).toBe(400);
    const again = await post(refreshForm(first, { client_secret: undefined }), { headers });
    const { refresh_token: second } = await bodyOf(again);
    clock.now += 1;
    const late = await post(refreshForm(second, { client_secret: undefined }), { headers });
    expect(await bodyOf(late)).toMatchObject({ error: 'invalid_grant', error_codes: [700084] });
  });

  it('is refused when it is forged, or another client’s', async () => {
    const other = { ...WEB_CLIENT, clientId: '44444444-4444-4444-8444-444444444444' };
    const { tokens, post, refreshForm } = simulateSignIn({ clients: [WEB_CLIENT, other] });
    const { refresh_token } = await tokens();
    expect(await bodyOf(await post(refreshForm(`${refresh_token}x`)))).toMatchObject({ error_codes: [9002313] });
    const stolen = await post(refreshForm(refresh_token, { client_id: other.clientId }));
    expect(await bodyOf(stolen)).toMatchObject({ error: 'invalid_grant', error_codes: [70000] });
  });

  it('brings no permission that was not consented to', async () => {
    const { tokens, post, refreshForm } = simulateSignIn();
    const { refresh_token } = await tokens();
    const more = await bodyOf(await post(refreshForm(refresh_token, { scope: 'Mail.Read' })));
    expect(more).toMatchObject({ error: 'invalid_grant', suberror: 'consent_required', error_codes: [65001] });
    const all = await bodyOf(await post(refreshForm(refresh_token, { scope: 'https://graph.microsoft.com/.default' })));
    expect(all['scope']).toBe('https://graph.microsoft.com/Calendars.ReadWrite');
  });

  it('of a personal account is no good in a tenant', async () => {
    const { sim, visit, press, post, codeForm } = simulateSignIn();
    sim.addMailbox({ address: 'private@outlook.com' });
    const page = await (await visit({}, { segment: 'common' })).text();
    const answer = await press(page, 'accept', 'private@outlook.com');
    const code = new URL(answer.headers.get('location')!).searchParams.get('code');
    expect(await bodyOf(await post(codeForm(code)))).toMatchObject({ error_codes: [50020] });
    const body = await bodyOf(await post(codeForm(code), { segment: 'consumers' }));
    expect(decodeJwt(body['id_token'])['tid']).toBe('9188040d-6c67-4c5b-b112-36a304b66dad');
  });
});

describe('an application’s credentials', () => {
  const appForm = { grant_type: 'client_credentials', scope: 'https://graph.microsoft.com/.default' };

  it('may come as Basic authorization', async () => {
    const { post, client } = simulateSignIn();
    const basic = (secret: string) => ({
      authorization: `Basic ${Buffer.from(`${client.clientId}:${encodeURIComponent(secret)}`).toString('base64')}`,
    });
    expect((await post(appForm, { headers: basic(client.clientSecret) })).status).toBe(200);
    expect((await post(appForm, { headers: basic('no') })).status).toBe(401);
  });

  it('need a tenant', async () => {
    const { post, client } = simulateSignIn();
    const form = { ...appForm, client_id: client.clientId, client_secret: client.clientSecret };
    expect(await bodyOf(await post(form, { segment: 'common' }))).toMatchObject({ error_codes: [50059] });
    expect((await post(form, { segment: 'example.com' })).status).toBe(200);
  });

  let own: { private: string; cert: string };
  let foreign: { private: string; cert: string };
  beforeAll(async () => {
    const make = () =>
      generate([{ name: 'commonName', value: 'app' }], {
        algorithm: 'sha256',
        notBeforeDate: new Date('2026-01-01'),
        notAfterDate: new Date('2027-01-01'),
      });
    [own, foreign] = await Promise.all([make(), make()]);
  });

  const thumbprint = (cert: string, algorithm: string) =>
    createHash(algorithm).update(new X509Certificate(cert).raw).digest();

  async function assertion(
    o: { alg?: string; key?: string; header?: object; claims?: object; now?: number; audience?: string } = {},
  ): Promise<string> {
    const { alg = 'PS256', now = NOW / 1000 } = o;
    const { clientId, tenantId } = WEB_CLIENT;
    const header = o.header ?? { 'x5t#S256': thumbprint(own.cert, 'sha256').toString('base64url') };
    return new SignJWT({
      aud: o.audience ?? `https://login.sim.test/${tenantId}/oauth2/v2.0/token`,
      iss: clientId,
      sub: clientId,
      exp: now + 600,
      nbf: now,
      jti: 'once',
      ...o.claims,
    })
      .setProtectedHeader({ alg, typ: 'JWT', ...header })
      .sign(await importPKCS8(o.key ?? own.private, alg));
  }

  function simulateCertificate() {
    const world = simulateSignIn({ clients: [{ ...WEB_CLIENT, certificates: [own.cert] }] });
    const send = async (text: string, change: Record<string, string | undefined> = {}) =>
      world.post({
        ...appForm,
        client_id: world.client.clientId,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: text,
        ...change,
      });
    return { ...world, send };
  }

  it('may be a certificate, named in any of the ways there are', async () => {
    const { send } = simulateCertificate();
    expect((await send(await assertion())).status).toBe(200);
    expect((await send(await assertion(), { client_id: undefined })).status).toBe(200);
    const sha1 = thumbprint(own.cert, 'sha1');
    const names = [{ x5t: sha1.toString('base64url') }, { kid: sha1.toString('hex').toUpperCase() }];
    for (const header of names) {
      expect((await send(await assertion({ alg: 'RS256', header }))).status).toBe(200);
    }
    const issuer = `https://login.sim.test/${WEB_CLIENT.tenantId}/v2.0`;
    expect((await send(await assertion({ audience: issuer }))).status).toBe(200);
  });

  it.each([
    ['signed with another key', () => ({ key: foreign.private }), 700027],
    [
      'of a certificate nobody registered',
      () => ({ key: foreign.private, header: { x5t: thumbprint(foreign.cert, 'sha1').toString('base64url') } }),
      700027,
    ],
    ['without a name', () => ({ header: {} }), 700027],
    ['that has expired', () => ({ now: NOW / 1000 - 2000 }), 700024],
    ['from the future', () => ({ claims: { nbf: NOW / 1000 + 2000, exp: NOW / 1000 + 3000 } }), 700024],
    ['without an expiry', () => ({ claims: { exp: undefined } }), 700024],
    ['for somebody else', () => ({ audience: 'https://login.example.com/token' }), 700023],
    ['in another application’s name', () => ({ claims: { sub: 'somebody' } }), 700021],
  ])('are refused as an assertion %s', async (_name, o, number) => {
    const { send } = simulateCertificate();
    const answer = await send(await assertion(o()));
    expect(answer.status).toBe(401);
    expect(await bodyOf(answer)).toMatchObject({ error: 'invalid_client', error_codes: [number] });
  });

  it('are refused as an assertion of another type, or of no shape', async () => {
    const { send } = simulateCertificate();
    expect(await bodyOf(await send('rubbish'))).toMatchObject({ error_codes: [50027] });
    const text = await assertion();
    expect(await bodyOf(await send(text, { client_assertion_type: 'saml' }))).toMatchObject({ error_codes: [9002313] });
    expect(await bodyOf(await send(text, { client_assertion_type: undefined }))).toMatchObject({
      error_codes: [900144],
    });
  });
});

describe('what the platform publishes', () => {
  it('verifies its id tokens, also those signed before the key was changed', async () => {
    const { sim, tokens, tenant } = simulateSignIn();
    const { id_token: before } = await tokens();
    const kid = sim.identity.rotateSigningKey();
    const { id_token: after } = await tokens();
    expect(decodeProtectedHeader(after)).toMatchObject({ alg: 'RS256', kid });
    const keys = await (await sim.fetch(`https://login.sim.test/${tenant}/discovery/v2.0/keys`)).json();
    const jwks = createLocalJWKSet(keys as Parameters<typeof createLocalJWKSet>[0]);
    for (const token of [before, after]) {
      await expect(jwtVerify(token, jwks, { currentDate: new Date(NOW) })).resolves.toBeTruthy();
    }
    expect(decodeProtectedHeader(before).kid).not.toBe(kid);
  });

  it.each(['v2.0/', ''])(
    'says where its endpoints are: /{tenant}/%s.well-known/openid-configuration',
    async (layout) => {
      const { sim, tenant } = simulateSignIn();
      const read = async (segment: string) =>
        bodyOf(await sim.fetch(`https://login.sim.test/${segment}/${layout}.well-known/openid-configuration`));
      expect(await read(tenant)).toMatchObject({
        issuer: `https://login.sim.test/${tenant}/v2.0`,
        jwks_uri: `https://login.sim.test/${tenant}/discovery/v2.0/keys`,
        authorization_endpoint: `https://login.sim.test/${tenant}/oauth2/v2.0/authorize`,
      });
      expect((await read('common'))['issuer']).toBe('https://login.sim.test/{tenantid}/v2.0');
      expect((await read('nowhere'))['error_codes']).toEqual([90002]);
    },
  );

  it('tells who signed in to whoever has their token', async () => {
    const { sim, tokens } = simulateSignIn();
    const { access_token, id_token } = await tokens();
    const ask = (headers: Record<string, string>) => sim.fetch('https://login.sim.test/oidc/userinfo', { headers });
    const answer = await ask({ authorization: `Bearer ${access_token}` });
    expect(await answer.json()).toEqual({ sub: decodeJwt(id_token).sub, name: 'Ada Lemke', email: ADDRESS });
    expect((await ask({})).status).toBe(401);
  });
});

it('asks for form-encoded POSTs', async () => {
  const { sim, tenant } = simulateSignIn();
  const address = `https://login.sim.test/${tenant}/oauth2/v2.0/token`;
  expect(await bodyOf(await sim.fetch(address))).toMatchObject({ error_codes: [900561] });
  const json = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ scope: SCOPE }),
  };
  expect(await bodyOf(await sim.fetch(address, json))).toMatchObject({ error_codes: [900144] });
});
