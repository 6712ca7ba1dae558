import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { errorOf, SleepwalkingClock } from '../../test/support/graph-world.ts';
import type { Fetch } from '../core/runtime.ts';
import { GraphSimulator } from '../simulator/index.ts';
import { type ApplicationCredentials, IdentityPlatform } from './identity-platform.ts';
import { ApplicationTokenProvider } from './token.provider.ts';

const SECRET = 'simulated-secret';
const CREDENTIALS: ApplicationCredentials = {
  clientId: '11111111-1111-4111-8111-111111111111',
  tenantId: '22222222-2222-4222-8222-222222222222',
  secret: SECRET,
};

function openIdentity(
  options: {
    credentials?: Partial<ApplicationCredentials>;
    lifetimeSeconds?: number;
    wrap?: (fetch: Fetch) => Fetch;
    graphOrigin?: string;
  } = {},
) {
  const clock = new SleepwalkingClock();
  const sim = new GraphSimulator({
    now: () => clock.now().getTime(),
    ...(options.lifetimeSeconds === undefined ? {} : { tokenLifetimeSeconds: options.lifetimeSeconds }),
  });
  const platform = new IdentityPlatform({
    credentials: { ...CREDENTIALS, ...options.credentials },
    fetch: options.wrap ? options.wrap(sim.fetch) : sim.fetch,
    clock,
    authorityHost: 'http://login.sim.test:8080',
    graphOrigin: options.graphOrigin ?? 'http://graph.sim.test',
  });
  const provider = new ApplicationTokenProvider({ platform, clock });
  return { clock, sim, provider, forms: () => sim.requests.map(({ body }) => new URLSearchParams(String(body))) };
}

const answering = (answer: () => Response | Promise<Response>) => () => async () => answer();

describe('an access token', () => {
  it('is fetched once, from the tenant, for Graph', async () => {
    const { provider, sim, forms } = openIdentity();
    const token = await provider.getToken();
    expect(await provider.getToken()).toBe(token);
    expect(sim.requests.map(({ method, url }) => `${method} ${new URL(url).origin}${new URL(url).pathname}`)).toEqual([
      `POST http://login.sim.test:8080/${CREDENTIALS.tenantId}/oauth2/v2.0/token`,
    ]);
    expect(Object.fromEntries(forms()[0]!)).toMatchObject({
      grant_type: 'client_credentials',
      client_id: CREDENTIALS.clientId,
      scope: 'https://graph.microsoft.com/.default',
    });
  });

  it.each(['organizations', 'common', 'Consumers'])(
    'is not to be had where many tenants sign in: %s',
    async (tenantId) => {
      const { provider, sim } = openIdentity({ credentials: { tenantId } });
      expect(await errorOf(provider.getToken())).toMatchObject({
        code: 'impossible-input',
        message: expect.stringContaining('GRAPH_TENANT_ID'),
      });
      expect(sim.requests).toEqual([]);
    },
  );

  it('is for the national cloud that Graph is in', async () => {
    const { provider, forms } = openIdentity({ graphOrigin: 'https://microsoftgraph.chinacloudapi.cn/' });
    await provider.getToken();
    expect(forms()[0]!.get('scope')).toBe('https://microsoftgraph.chinacloudapi.cn/.default');
  });

  it('is renewed five minutes before it expires', async () => {
    const { provider, clock, sim } = openIdentity({ lifetimeSeconds: 3_600 });
    const first = await provider.getToken();
    clock.advance(55 * 60_000 - 1);
    expect(await provider.getToken()).toBe(first);
    clock.advance(1);
    expect(await provider.getToken()).not.toBe(first);
    expect(sim.requests).toHaveLength(2);
  });

  it('with a short life is used for half of it, not fetched for every request', async () => {
    const { provider, clock, sim } = openIdentity({ lifetimeSeconds: 60 });
    await provider.getToken();
    clock.advance(29_999);
    await provider.getToken();
    expect(sim.requests).toHaveLength(1);
    clock.advance(1);
    await provider.getToken();
    expect(sim.requests).toHaveLength(2);
  });

  it.each([
    ['text', '3600', 55 * 60_000],
    ['nothing', undefined, 5 * 60_000],
  ])('whose lifetime is told as %s is cached all the same', async (_, expires_in, lastsMs) => {
    let fetched = 0;
    const wrap = answering(() => {
      fetched += 1;
      return Response.json({ token_type: 'Bearer', expires_in, access_token: `token ${fetched}` });
    });
    const { provider, clock } = openIdentity({ wrap });
    await provider.getToken();
    clock.advance(lastsMs - 1);
    expect(await provider.getToken()).toBe('token 1');
    clock.advance(1);
    expect(await provider.getToken()).toBe('token 2');
  });

  it('is fetched by one request, however many wait for it', async () => {
    const { provider, sim } = openIdentity();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => provider.getToken()));
    expect(new Set(tokens).size).toBe(1);
    expect(sim.requests).toHaveLength(1);
  });

  it('that was refused is replaced once for all whom it was refused to', async () => {
    const { provider, sim } = openIdentity();
    const refusedToken = await provider.getToken();
    const together = await Promise.all([provider.getToken({ refusedToken }), provider.getToken({ refusedToken })]);
    const late = await provider.getToken({ refusedToken });
    expect(new Set([...together, late]).size).toBe(1);
    expect(late).not.toBe(refusedToken);
    expect(sim.requests).toHaveLength(2);
  });

  it('is fetched with the claims that were asked for, even while another fetch is under way', async () => {
    const claims = '{"access_token":{"nbf":{"essential":true,"value":"1772438400"}}}';
    const { provider, sim, forms } = openIdentity();
    const [plain, challenged] = await Promise.all([provider.getToken(), provider.getToken({ claims })]);
    expect(challenged).not.toBe(plain);
    expect(sim.requests).toHaveLength(2);
    const sent = JSON.parse(forms()[1]!.get('claims') ?? '{}') as { access_token: Record<string, unknown> };
    expect(sent.access_token).toMatchObject({ nbf: { essential: true, value: '1772438400' } });
    // Whoever needs no claims is served by it, and whoever needs the same ones as well.
    expect(await provider.getToken()).toBe(challenged);
    expect(await provider.getToken({ claims })).toBe(challenged);
    expect(sim.requests).toHaveLength(2);
  });

  it('says that this client can answer claims challenges', async () => {
    const { provider, forms } = openIdentity();
    await provider.getToken();
    expect(forms()[0]!.get('claims')).toContain('"CP1"');
  });

  it('can be had with a certificate', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })).export({
      type: 'pkcs8',
      format: 'pem',
    });
    let form = new URLSearchParams();
    const wrap = () => async (_url: string, init?: { body?: string }) => {
      form = new URLSearchParams(init?.body ?? '');
      return Response.json({ token_type: 'Bearer', expires_in: 3600, access_token: 'token' });
    };
    const certificate = { privateKey: String(pem), thumbprintSha256: 'ab'.repeat(32) };
    const { provider } = openIdentity({ credentials: { secret: undefined, certificate }, wrap });
    expect(await provider.getToken()).toBe('token');
    expect(form.has('client_secret')).toBe(false);
    const [head = ''] = (form.get('client_assertion') ?? '').split('.');
    expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toMatchObject({ alg: 'PS256' });
  });
});

describe('an identity platform that refuses', () => {
  it.each([
    ['a wrong secret', { secret: 'wrong' }, 'invalid_client'],
    ['an unknown application', { clientId: '99999999-9999-4999-8999-999999999999' }, 'unauthorized_client'],
    ['an unknown tenant', { tenantId: '99999999-9999-4999-8999-999999999999' }, 'invalid_request'],
  ])('%s is the operator’s to mend', async (_, credentials, graphCode) => {
    const { provider } = openIdentity({ credentials });
    const error = await errorOf(provider.getToken());
    expect(error).toMatchObject({ code: 'unauthenticated', graphCode, details: { operator: true } });
    expect(error.message).toContain('GRAPH_CLIENT_SECRET');
    expect(error.message).not.toContain('wrong');
  });

  it('is believed at once when the credentials are mended', async () => {
    const { provider, sim } = openIdentity();
    sim.failNext({ path: /token/, status: 401, code: 'x', kind: 'status' });
    await errorOf(provider.getToken());
    expect(await provider.getToken()).toBeTruthy();
  });

  it('says with invalid_grant that consent is missing, which is no matter of credentials', async () => {
    const wrap = answering(() =>
      Response.json(
        { error: 'invalid_grant', error_description: 'AADSTS65001', error_codes: [65001] },
        { status: 400 },
      ),
    );
    const { provider } = openIdentity({ wrap });
    expect(await errorOf(provider.getToken())).toMatchObject({
      code: 'unauthenticated',
      graphCode: 'invalid_grant',
      details: { operator: false },
    });
  });
});

describe('an identity platform that does not answer', () => {
  it.each([
    ['a connection that fails', () => Promise.reject(new TypeError('fetch failed')), undefined],
    ['a gateway’s HTML', () => new Response('<html>', { status: 502 }), 502],
    ['HTML that claims to be fine', () => new Response('<html>Sign in to the airport wifi</html>'), 200],
    ['nothing', () => new Response(''), 200],
    ['an error of its own', () => Response.json({ error: 'server_error' }, { status: 500 }), 500],
    ['too much to do', () => Response.json({ error: 'temporarily_unavailable' }, { status: 503 }), 503],
    // MSAL reports success without a token for this one.
    ['a 404 with JSON', () => Response.json({}, { status: 404 }), undefined],
    ['an answer without a token', () => Response.json({ token_type: 'Bearer', expires_in: 3600 }), undefined],
  ])('because of %s is tried again by whoever asked', async (_, answer, httpStatus) => {
    const { provider } = openIdentity({ wrap: answering(answer) });
    expect(await errorOf(provider.getToken())).toMatchObject({ code: 'unavailable', recovery: 'retry', httpStatus });
  });

  it('is obeyed when it names a wait', async () => {
    const wrap = answering(() => Response.json({ error: 'x' }, { status: 429, headers: { 'retry-after': '17' } }));
    const { provider } = openIdentity({ wrap });
    expect(await errorOf(provider.getToken())).toMatchObject({ code: 'unavailable', retryAfterMs: 17_000 });
  });

  it('is asked again right away: MSAL’s own minute of silence is not ours', async () => {
    const { provider, sim } = openIdentity();
    for (const status of [500, 503, 429]) {
      sim.failNext({ path: /token/, status, retryAfter: 60 });
      await errorOf(provider.getToken());
    }
    expect(await provider.getToken()).toBeTruthy();
    expect(sim.requests).toHaveLength(4);
  });
});
