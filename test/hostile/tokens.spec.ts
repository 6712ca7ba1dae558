import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { exportJWK, type JWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { TokenVerifier } from '../../src/api/authentication.ts';
import { HttpProblem } from '../../src/api/problem.ts';
import { isSyncError } from '../../src/core/errors.ts';
import type { Fetch } from '../../src/core/runtime.ts';
import { IdentityPlatform } from '../../src/graph/identity-platform.ts';
import { SignInClient } from '../../src/graph/sign-in.client.ts';
import { ApplicationTokenProvider } from '../../src/graph/token.provider.ts';
import { GraphSimulator } from '../../src/simulator/index.ts';
import { SECRET } from '../support/api-world.ts';
import { ManualClock } from '../support/jobs-world.ts';
import { type Dice, rolls, tries } from './dice.ts';
import { misfit, mutatedBytes, mutatedJson, nestedText } from './mutations.ts';

const NOW = '2026-03-02T08:00:00Z';
const SOON = Date.parse(NOW) / 1000 + 3600;
const clock = new ManualClock(NOW);
const JWKS = 'https://keys.example/jwks';
const NO_RULES = { secret: undefined, jwksUrl: undefined, issuer: undefined, audience: undefined };
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
let jwk: JWK;
beforeAll(async () => {
  jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' };
});

const nowhere: Fetch = async () => Promise.reject(new Error('nobody is to be asked'));
const bySecret = new TokenVerifier({ rules: { ...NO_RULES, secret: SECRET }, clock, fetch: nowhere });
const byKeys = (answer: () => Response) =>
  new TokenVerifier({ rules: { ...NO_RULES, jwksUrl: JWKS }, clock, fetch: async () => answer() });

type Verdict = 'let in' | 'refused' | 'unavailable';

/** @throws what is neither */
async function verdict(verifier: TokenVerifier, token: string): Promise<Verdict> {
  try {
    await verifier.verify(`Bearer ${token}`);
    return 'let in';
  } catch (error) {
    if (error instanceof HttpProblem && error.status === 401) return 'refused';
    if (isSyncError(error, 'unavailable')) return 'unavailable';
    throw error;
  }
}

const encoded = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url');

/** A token whose signature is right, whatever its parts say. */
async function signedText(header: string, payload: string): Promise<string> {
  const key = await crypto.subtle.importKey('raw', Buffer.from(SECRET), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ]);
  const text = `${encoded(header)}.${encoded(payload)}`;
  return `${text}.${encoded(new Uint8Array(await crypto.subtle.sign('HMAC', key, Buffer.from(text))))}`;
}

const HEADER = '{"alg":"HS256"}';
const GOOD = `{"sub":"ann","exp":${SOON}}`;

describe('a token', () => {
  it.each<[what: string, header: string, payload: string]>([
    ['of no algorithm', '{"alg":"none"}', GOOD],
    ['of no algorithm, shouted', '{"alg":"NONE"}', GOOD],
    ['of an algorithm that is a list', '{"alg":["HS256"]}', GOOD],
    ['of the other kind', '{"alg":"RS256"}', GOOD],
    ['with something critical', '{"alg":"HS256","crit":["x"],"x":1}', GOOD],
    ['with nothing critical', '{"alg":"HS256","crit":[]}', GOOD],
    ['with b64 switched off', '{"alg":"HS256","crit":["b64"],"b64":false}', GOOD],
    ['whose header is a list', '[]', GOOD],
    ['whose header is null', 'null', GOOD],
    ['whose header is no JSON', '{', GOOD],
    ['whose payload is a list', HEADER, '[]'],
    ['whose payload is null', HEADER, 'null'],
    ['whose payload is text', HEADER, '"x"'],
    ['whose payload is deep', HEADER, nestedText(3_000)],
    ['that never expires', HEADER, '{"sub":"ann"}'],
    ['that expires at null', HEADER, '{"sub":"ann","exp":null}'],
    ['that expires before time began', HEADER, '{"sub":"ann","exp":-1e300}'],
    ['that expires in text', HEADER, `{"sub":"ann","exp":"${SOON}"}`],
    ['that begins at the end of days', HEADER, `{"sub":"ann","exp":1e308,"nbf":1e300}`],
    ['that begins in text', HEADER, `{"sub":"ann","exp":${SOON},"nbf":"x"}`],
    ['made in text', HEADER, `{"sub":"ann","exp":${SOON},"iat":"x"}`],
    ['whose sub is an object', HEADER, `{"sub":{"toString":1},"exp":${SOON}}`],
    ['whose sub is a list', HEADER, `{"sub":["ann"],"exp":${SOON}}`],
    ['whose sub is NUL', HEADER, `{"sub":"a\\u0000b","exp":${SOON}}`],
    ['whose sub comes from its prototype', HEADER, `{"__proto__":{"sub":"ann"},"exp":${SOON}}`],
    ['of a type that is an object', '{"alg":"HS256","typ":{"x":1}}', GOOD],
    ['of a type that is a number', '{"alg":"HS256","typ":5}', GOOD],
  ])('%s is refused', async (_what, header, payload) => {
    expect(await verdict(bySecret, await signedText(header, payload))).toBe('refused');
  });

  it.each<[what: string, payload: string, claims: object]>([
    ['the last of doubled claims', `{"sub":"mallory","sub":"ann","exp":${SOON}}`, { userId: 'ann' }],
    ['roles in odd shapes as none', `{"sub":"ann","roles":{"admin":true},"exp":${SOON}}`, { roles: ['user'] }],
    [
      'roles in nested lists as none',
      `{"sub":"ann","roles":[["admin"],{"0":"admin"}],"exp":${SOON}}`,
      { roles: ['user'] },
    ],
    ['no roles of a prototype', `{"sub":"ann","__proto__":{"roles":["admin"]},"exp":${SOON}}`, { roles: ['user'] }],
    [
      'no mailboxes in odd shapes',
      `{"sub":"ann","email":["a@example.com"],"upn":{"x":1},"exp":${SOON}}`,
      { mailboxes: [] },
    ],
  ])('has %s', async (_what, payload, claims) => {
    expect(await bySecret.verify(`Bearer ${await signedText(HEADER, payload)}`)).toMatchObject(claims);
  });

  it('that is garbage is refused, and costs nothing', async () => {
    const good = await signedText(HEADER, GOOD);
    await fc.assert(
      fc.asyncProperty(rolls(), async (dice) => {
        const [header = '', payload = '', signature = ''] = good.split('.');
        const bent = (text: string) => encoded(mutatedBytes(Buffer.from(text, 'base64url'), dice));
        const made = dice.oneOf([
          () => Buffer.from(mutatedBytes(Buffer.from(good), dice)).toString('latin1'),
          () => `${bent(header)}.${payload}.${signature}`,
          () => `${header}.${bent(payload)}.${signature}`,
          () => `${header}.${payload}.${bent(signature)}`,
          () => `${header}.${payload}.`,
          () => `${header}.${payload}`,
          () => `${good}.${signature}`,
          () => good.repeat(dice.below(200)),
          () => '.'.repeat(dice.below(20_000)),
        ])();
        // Nothing that says the same in other letters is wrong.
        const isSame =
          encoded(Buffer.from(made.split('.').at(-1) ?? '', 'base64url')) === signature &&
          made.startsWith(`${header}.${payload}.`);
        expect(isSame ? 'refused' : await verdict(bySecret, made)).toBe('refused');
      }),
      tries(400),
    );
    // However right its signature is, what it says is looked at.
    await fc.assert(
      fc.asyncProperty(rolls(), async (dice) => {
        const payload =
          JSON.stringify(
            mutatedJson({ ...JSON.parse(GOOD), roles: ['admin'], email: 'a@example.com', nbf: 1 }, dice),
          ) ?? '';
        const header = dice.is(0.5)
          ? HEADER
          : (JSON.stringify(mutatedJson({ alg: 'HS256', typ: 'JWT', kid: 'k' }, dice)) ?? '');
        expect(['let in', 'refused']).toContain(await verdict(bySecret, await signedText(header, payload)));
      }),
      tries(400),
    );
  });
});

describe('a key set', () => {
  const token = (header: Record<string, unknown> = {}) =>
    new SignJWT({ sub: 'ann' })
      .setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header })
      .setExpirationTime(SOON)
      .sign(privateKey);

  it.each([
    '../../etc/passwd',
    "' or 1=1 --",
    '__proto__',
    'constructor',
    '',
    'x'.repeat(5_000),
    '\u0000',
    'http://evil.example/k',
  ])('has no key called %.30s', async (kid) => {
    expect(
      await verdict(
        byKeys(() => Response.json({ keys: [jwk] })),
        await token({ kid }),
      ),
    ).toBe('refused');
  });

  it('that is garbage lets nobody in, nor breaks anything', async () => {
    const good = await token();
    expect(
      await verdict(
        byKeys(() => Response.json({ keys: [jwk] })),
        good,
      ),
    ).toBe('let in');
    await fc.assert(
      fc.asyncProperty(rolls(), async (dice) => {
        const text = JSON.stringify({ keys: [jwk, { ...jwk, kid: 'k2' }] });
        const answer = dice.oneOf<() => BodyInit>([
          () => mutatedBytes(Buffer.from(text), dice),
          () => JSON.stringify(mutatedJson(JSON.parse(text), dice)) ?? '',
          () => JSON.stringify(misfit(dice)) ?? '',
          () => nestedText(50_000),
        ])();
        const other = await new SignJWT({ sub: 'mallory' })
          .setProtectedHeader({ alg: 'RS256', kid: dice.oneOf(['k1', 'k2']) })
          .setExpirationTime(SOON)
          .sign(OTHER);
        const verifier = byKeys(
          () => new Response(answer, { status: dice.oneOf([200, 200, 200, 204, 301, 404, 500]) === 200 ? 200 : 500 }),
        );
        await verdict(verifier, good);
        expect(await verdict(verifier, other)).not.toBe('let in');
      }),
      tries(150),
    );
  });

  it('with a key that cannot be read is the key server’s mistake, not the caller’s', async () => {
    const { n: _modulus, ...broken } = jwk;
    expect(
      await verdict(
        byKeys(() => Response.json({ keys: [broken] })),
        await token(),
      ),
    ).toBe('unavailable');
  });

  it('without end is not read to its end', async () => {
    let megabytes = 0;
    const endless = () =>
      new Response(
        new ReadableStream<Uint8Array>({
          pull(controller) {
            megabytes += 1;
            if (megabytes > 200) controller.close();
            else controller.enqueue(new Uint8Array(2 ** 20).fill(0x20));
          },
        }),
      );
    expect(await verdict(byKeys(endless), await token())).toBe('unavailable');
    expect(megabytes).toBeLessThan(10);
  });
});

const OTHER = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

describe('an identity platform', () => {
  const CREDENTIALS = {
    clientId: '11111111-1111-4111-8111-111111111111',
    tenantId: '22222222-2222-4222-8222-222222222222',
    secret: 'simulated-secret',
  };

  function platformThat(answer: (right: Response) => Response | Promise<Response>) {
    const asked: { url: string; redirect: string | undefined }[] = [];
    const simulator = new GraphSimulator({ now: () => clock.now().getTime() });
    const platform = new IdentityPlatform({
      credentials: CREDENTIALS,
      fetch: async (url, init) => {
        asked.push({ url, redirect: init?.redirect });
        return answer(await simulator.fetch(url, init));
      },
      clock,
      authorityHost: 'http://login.sim.test:8080',
      graphOrigin: 'http://graph.sim.test',
    });
    return { platform, asked };
  }

  async function bugIn(work: () => Promise<unknown>): Promise<unknown> {
    try {
      await work();
      return undefined;
    } catch (error) {
      return isSyncError(error) ? undefined : error;
    }
  }

  const mutated = async (right: Response, dice: Dice): Promise<Response> => {
    const text = await right.text();
    const body = dice.oneOf<() => BodyInit>([
      () => mutatedBytes(Buffer.from(text), dice),
      () => JSON.stringify(mutatedJson(JSON.parse(text), dice)) ?? '',
      () => JSON.stringify(misfit(dice)) ?? '',
      () => JSON.stringify({ access_token: misfit(dice), token_type: misfit(dice), expires_in: misfit(dice) }) ?? '',
      () =>
        JSON.stringify({
          error: misfit(dice),
          error_description: misfit(dice),
          error_codes: misfit(dice),
          claims: misfit(dice),
        }) ?? '',
    ])();
    return new Response(body, {
      status: dice.oneOf([200, 200, 302, 400, 401, 403, 429, 500, 503]),
      headers: { 'retry-after': dice.oneOf(['-1', '9'.repeat(400), 'x']) },
    });
  };

  it('that answers garbage is believed nothing, and what holds our secret goes nowhere else', async () => {
    await fc.assert(
      fc.asyncProperty(rolls(), async (dice) => {
        const { platform, asked } = platformThat((right) => mutated(right, dice));
        const provider = new ApplicationTokenProvider({ platform, clock });
        const signIns = new SignInClient({ platform });
        const redeem = { code: 'x', codeVerifier: 'y'.repeat(50), redirectUri: 'https://app.example/cb' };
        for (const work of [() => provider.getToken(), () => signIns.redeem(redeem)]) {
          const bug = await bugIn(work);
          if (bug) throw bug;
        }
        expect(
          await provider.getToken().then(
            (value) => typeof value,
            () => 'string',
          ),
        ).toBe('string');
        expect(
          asked.every(({ url, redirect }) => url.startsWith('http://login.sim.test:8080/') && redirect === 'manual'),
        ).toBe(true);
      }),
      tries(150),
    );
  });

  it('without end is not read to its end', async () => {
    const { platform } = platformThat(() => new Response(' '.repeat(3 * 2 ** 20)));
    const error = await new ApplicationTokenProvider({ platform, clock }).getToken().catch((thrown: unknown) => thrown);
    expect(isSyncError(error)).toBe(true);
  });
});
