import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { errorOf, SleepwalkingClock } from '../../test/support/graph-world.ts';
import type { UserId } from '../core/ids.ts';
import { DEFAULT_CLIENT, GraphSimulator } from '../simulator/index.ts';
import { DelegatedTokenProvider, type KeptSignIn } from './delegated-token.provider.ts';
import { IdentityPlatform } from './identity-platform.ts';
import { type SignIn, SignInClient } from './sign-in.client.ts';

const ADA = 'ada@example.com';
const USER = 'u-ada' as UserId;
const REDIRECT = 'http://127.0.0.1:3000/calendar/connection/callback';
const VERIFIER = 'a verifier of forty-three characters or more, as PKCE asks'.replaceAll(/[ ,]/g, '-');
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

/** @param o.untick  what the person does not allow: Microsoft's answer goes without it */
function openIdentity(o: { untick?: RegExp; tenantId?: string } = {}) {
  const clock = new SleepwalkingClock();
  const sim = new GraphSimulator({ now: () => clock.now().getTime(), switches: { autoConsent: true } });
  const mailbox = sim.addMailbox({ address: ADA, name: 'Ada Lemke' });
  const { clientId, clientSecret } = DEFAULT_CLIENT;
  const tenantId = o.tenantId ?? DEFAULT_CLIENT.tenantId;
  const platform = new IdentityPlatform({
    credentials: { clientId, tenantId, secret: clientSecret },
    fetch: async (url, init) => {
      const answer = await sim.fetch(url, init);
      if (!o.untick) return answer;
      return new Response((await answer.text()).replace(o.untick, ''), { status: answer.status });
    },
    clock,
    authorityHost: 'http://login.sim.test:8080',
    graphOrigin: 'http://graph.sim.test',
  });
  const client = new SignInClient({ platform });

  /** The person's browser: goes where it is sent, and comes back. */
  async function visit(url: string): Promise<URLSearchParams> {
    const answer = await sim.fetch(url, { redirect: 'manual' });
    expect({ url, status: answer.status }).toMatchObject({ status: 302 });
    return new URL(answer.headers.get('location') ?? '').searchParams;
  }

  async function signIn(): Promise<SignIn> {
    const state = 'state-1';
    const back = await visit(
      await client.authorizationUrl({ state, codeChallenge: CHALLENGE, redirectUri: REDIRECT, loginHint: ADA }),
    );
    expect(back.get('state')).toBe(state);
    return client.redeem({ code: back.get('code') ?? '', codeVerifier: VERIFIER, redirectUri: REDIRECT });
  }

  function provide(kept: SignIn) {
    const store: { kept: KeptSignIn | undefined } = { kept: { ...kept, version: 1 } };
    const provider = new DelegatedTokenProvider({
      signIns: client,
      clock,
      store: {
        load: async () => store.kept,
        save: async (ref, cache, { version }) => {
          if (store.kept?.version !== version || store.kept.accountId !== ref.accountId) return false;
          store.kept = { ...store.kept, cache, version: version + 1 };
          return true;
        },
      },
    });
    return { store, provider, ref: { userId: USER, accountId: kept.accountId } };
  }

  const refreshes = () => sim.requests.filter(({ body }) => String(body).includes('grant_type=refresh_token')).length;
  return { clock, sim, mailbox, client, visit, signIn, provide, refreshes };
}

describe('a sign-in with Microsoft', () => {
  it('asks for little, with PKCE and a choice of accounts', async () => {
    const { client } = openIdentity();
    const url = new URL(
      await client.authorizationUrl({ state: 's', codeChallenge: CHALLENGE, redirectUri: REDIRECT, claims: '{"a":1}' }),
    );
    expect(url.origin).toBe('http://login.sim.test:8080');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: DEFAULT_CLIENT.clientId,
      redirect_uri: REDIRECT,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
      prompt: 'select_account',
      state: 's',
      claims: expect.stringContaining('"a":1'),
    });
    const scopes = url.searchParams.get('scope')?.split(' ') ?? [];
    expect(scopes).toEqual(
      expect.arrayContaining(['https://graph.microsoft.com/Calendars.ReadWrite', 'offline_access']),
    );
    expect(scopes.join()).not.toMatch(/Mail\.|Files|Directory|\.All/);
  });

  it('tells whose account it is by what never changes', async () => {
    const { signIn, mailbox } = openIdentity();
    expect(await signIn()).toMatchObject({
      accountId: `${mailbox.id}.${DEFAULT_CLIENT.tenantId}`,
      objectId: mailbox.id,
      username: ADA,
    });
  });

  it('does not take a code twice, nor with another verifier', async () => {
    const { client, visit } = openIdentity();
    const begin = async () =>
      (await visit(await client.authorizationUrl({ state: 's', codeChallenge: CHALLENGE, redirectUri: REDIRECT }))).get(
        'code',
      ) ?? '';
    const code = await begin();
    const how = { code, codeVerifier: VERIFIER, redirectUri: REDIRECT };
    await client.redeem(how);
    expect(await errorOf(client.redeem(how))).toMatchObject({ code: 'rejected', graphCode: 'invalid_grant' });
    const other = { ...how, code: await begin(), codeVerifier: `${VERIFIER}x` };
    expect(await errorOf(client.redeem(other))).toMatchObject({ code: 'rejected' });
  });

  it.each([
    ['the calendars', /[^" ]*Calendars\.ReadWrite/, 'Calendars.ReadWrite'],
    ['to be asked again later', /"refresh_token":"[^"]*",?/, 'offline_access'],
  ])('is none when the person did not allow %s', async (_what, untick, missing) => {
    const { signIn } = openIdentity({ untick });
    expect(await errorOf(signIn())).toMatchObject({ code: 'forbidden', details: { missing: [missing] } });
  });

  it.each(['organizations', 'common'])('works for people of any tenant: %s', async (tenantId) => {
    const { sim, signIn, provide } = openIdentity({ tenantId });
    const { provider, ref } = provide(await signIn());
    const token = await provider.getToken({ signIn: ref });
    const answer = await sim.fetch('http://graph.sim.test/v1.0/me', { headers: { authorization: `Bearer ${token}` } });
    expect(await answer.json()).toMatchObject({ mail: ADA });
  });

  it('names the tenant’s administrator’s page', async () => {
    const { client } = openIdentity();
    const url = new URL(client.adminConsentUrl({ redirectUri: REDIRECT, state: 's' }));
    expect(url.pathname).toBe(`/${DEFAULT_CLIENT.tenantId}/v2.0/adminconsent`);
    expect(url.searchParams.get('scope')).toBe('https://graph.microsoft.com/.default');
  });
});

describe('a person’s access token', () => {
  it('is fetched with the refresh token, opens their mailbox, and is used until it is old', async () => {
    const { sim, clock, signIn, provide, refreshes } = openIdentity();
    const { provider, store, ref } = provide(await signIn());
    const token = await provider.getToken({ signIn: ref });
    const answer = await sim.fetch('http://graph.sim.test/v1.0/me', { headers: { authorization: `Bearer ${token}` } });
    expect(await answer.json()).toMatchObject({ mail: ADA });
    expect(await provider.getToken({ signIn: ref })).toBe(token);
    expect(refreshes()).toBe(1);
    clock.advance(30 * 60 * 60_000);
    expect(await provider.getToken({ signIn: ref })).not.toBe(token);
    expect(store.kept?.version).toBe(3);
  });

  it('is fetched once, however many ask for it', async () => {
    const { signIn, provide, refreshes } = openIdentity();
    const { provider, ref } = provide(await signIn());
    const tokens = await Promise.all(Array.from({ length: 20 }, () => provider.getToken({ signIn: ref })));
    expect(new Set(tokens).size).toBe(1);
    expect(refreshes()).toBe(1);
  });

  it('passes a claims challenge on', async () => {
    const { sim, signIn, provide } = openIdentity();
    const { provider, ref } = provide(await signIn());
    const refusedToken = await provider.getToken({ signIn: ref });
    sim.identity.requireClaims(ADA);
    const challenged = await sim.fetch('http://graph.sim.test/v1.0/me', {
      headers: { authorization: `Bearer ${refusedToken}` },
    });
    expect(challenged.status).toBe(401);
    const encoded = /claims="([^"]+)"/.exec(challenged.headers.get('www-authenticate') ?? '')?.[1] ?? '';
    const claims = Buffer.from(encoded, 'base64').toString();
    const token = await provider.getToken({ signIn: ref, refusedToken, claims });
    const answer = await sim.fetch('http://graph.sim.test/v1.0/me', { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
  });

  it.each([
    ['everything signed out', (sim: GraphSimulator) => sim.identity.revokeSessions(ADA)],
    ['consent withdrawn', (sim: GraphSimulator) => sim.identity.revokeConsent(ADA)],
    ['the account disabled', (sim: GraphSimulator) => sim.identity.disableUser(ADA)],
    ['the account deleted', (sim: GraphSimulator) => sim.identity.deleteUser(ADA)],
  ])('wants a new sign-in: %s', async (_what, happen) => {
    const { sim, signIn, provide } = openIdentity();
    const { provider, ref } = provide(await signIn());
    happen(sim);
    expect(await errorOf(provider.getToken({ signIn: ref }))).toMatchObject({
      code: 'unauthenticated',
      details: { operator: false },
    });
  });

  it('wants a new sign-in after ninety days without use, and not when it was kept alive', async () => {
    const { clock, signIn, provide } = openIdentity();
    const dead = provide(await signIn());
    const alive = provide(await signIn());
    const day = 24 * 60 * 60_000;
    for (let week = 0; week < 14; week += 1) {
      clock.advance(7 * day);
      await alive.provider.keepAlive(alive.ref);
    }
    expect(await errorOf(dead.provider.getToken({ signIn: dead.ref }))).toMatchObject({ code: 'unauthenticated' });
    expect(await alive.provider.getToken({ signIn: alive.ref })).toBeTruthy();
  });

  it('says that it is the operator’s trouble when the application’s secret has expired', async () => {
    const { sim, signIn, provide } = openIdentity();
    const { provider, ref } = provide(await signIn());
    sim.identity.expireSecret();
    expect(await errorOf(provider.getToken({ signIn: ref }))).toMatchObject({
      code: 'unauthenticated',
      details: { operator: true },
    });
  });

  it('is waited for when the identity platform is away', async () => {
    const { sim, signIn, provide } = openIdentity();
    const { provider, ref } = provide(await signIn());
    sim.failNext({ path: '/token', status: 503, retryAfter: 7 });
    expect(await errorOf(provider.getToken({ signIn: ref }))).toMatchObject({
      code: 'unavailable',
      retryAfterMs: 7000,
    });
    expect(await provider.getToken({ signIn: ref })).toBeTruthy();
  });

  it('is not to be had by somebody who never signed in', async () => {
    const { signIn, provide } = openIdentity();
    const { provider, store, ref } = provide(await signIn());
    store.kept = undefined;
    expect(await errorOf(provider.getToken({ signIn: ref }))).toMatchObject({ code: 'unauthenticated' });
  });

  it('is never that of the account that signed in before, whatever this process remembers', async () => {
    const { sim, signIn, provide } = openIdentity();
    const { provider, store, ref } = provide(await signIn());
    await provider.getToken({ signIn: ref });
    // Another process has kept somebody else's sign-in under this user meanwhile.
    const grace = sim.addMailbox({ address: 'grace@example.com' });
    const accountId = `${grace.id}.${DEFAULT_CLIENT.tenantId}`;
    store.kept = { ...store.kept!, accountId, version: 9 };
    const wanted = { userId: ref.userId, accountId };
    expect(await errorOf(provider.getToken({ signIn: wanted }))).toMatchObject({ code: 'unauthenticated' });
    provider.forget(ref.userId);
    expect(await errorOf(provider.getToken({ signIn: ref }))).toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining('somebody else'),
    });
  });

  it('is not kept, nor handed out, when the sign-in was let go while Microsoft was asked', async () => {
    const { sim, client, signIn, provide } = openIdentity();
    const { provider, store, ref } = provide(await signIn());
    const refresh = client.refresh.bind(client);
    client.refresh = async (...request) => {
      const fetched = await refresh(...request);
      store.kept = undefined;
      return fetched;
    };
    expect(await errorOf(provider.getToken({ signIn: ref }))).toMatchObject({ code: 'unauthenticated' });
    expect(store.kept).toBeUndefined();
    expect(sim.requests.length).toBeGreaterThan(0);
  });

  it('is asked for once more with what another process has kept, before anybody is told to sign in again', async () => {
    const { sim, signIn, provide, refreshes, client } = openIdentity();
    const { provider, store, ref } = provide(await signIn());
    sim.identity.revokeSessions(ADA);
    const again = await signIn();
    const refresh = client.refresh.bind(client);
    let isFirst = true;
    client.refresh = async (kept, claims) => {
      if (isFirst) store.kept = { ...again, version: 7 };
      isFirst = false;
      return refresh(kept, claims);
    };
    expect(await provider.getToken({ signIn: ref })).toBeTruthy();
    expect(refreshes()).toBe(2);
    expect(store.kept?.version).toBe(8);
  });

  it.each([
    ['interaction required', { name: 'conditional-access' }],
    ['a plain server error', { name: 'revoked' }],
    ['the newer spelling', { name: 'mfa-required', error: 'interaction_required' }],
  ] as const)('wants a new sign-in whichever class MSAL makes of the refusal: %s', async (_what, failure) => {
    const { sim, signIn, provide } = openIdentity();
    const { provider, ref } = provide(await signIn());
    sim.identity.failTokens({ ...failure, user: ADA });
    const error = await errorOf(provider.getToken({ signIn: ref }));
    expect(error).toMatchObject({ code: 'unauthenticated', details: { operator: false, tokenVersion: 1 } });
    const isPolicy = failure.name !== 'revoked';
    expect(typeof error.details?.['claims']).toBe(isPolicy ? 'string' : 'undefined');
  });

  it('is refused without Microsoft’s words, which name people: causes are logged', async () => {
    const { sim, signIn, provide } = openIdentity();
    const { provider, ref } = provide(await signIn());
    sim.identity.failTokens({
      name: 'user-of-other-tenant',
      user: ADA,
      text: `User account '${ADA}' does not exist.`,
    } as never);
    const error = await errorOf(provider.getToken({ signIn: ref }));
    const told: string[] = [];
    for (let it: unknown = error; it instanceof Error; it = it.cause) told.push(`${it.message} ${JSON.stringify(it)}`);
    expect(told.join('\n')).toContain('AADSTS50020');
    expect(told.join('\n')).not.toContain(ADA);
  });
});
