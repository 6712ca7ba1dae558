import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Claims, SECRET, sign } from '../../test/support/api-world.ts';
import { ManualClock } from '../../test/support/jobs-world.ts';
import type { Fetch } from '../core/runtime.ts';
import { TokenVerifier } from './authentication.ts';
import type { TokenRules } from './services.ts';

const NO_RULES: TokenRules = { secret: undefined, jwksUrl: undefined, issuer: undefined, audience: undefined };
const SECOND = 1000;
const MINUTE = 60 * SECOND;

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock('2026-03-02T08:00:00Z');
});

function verifierOf(rules: Partial<TokenRules>, fetch: Fetch = globalThis.fetch): TokenVerifier {
  return new TokenVerifier({ rules: { ...NO_RULES, ...rules }, clock, fetch });
}

const bearer = (token: string) => `Bearer ${token}`;
const now = () => Math.floor(clock.now().getTime() / SECOND);

async function refusal(verifying: Promise<unknown>): Promise<unknown> {
  return verifying.then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  );
}

describe('with a shared secret', () => {
  const verify = (token: string, rules: Partial<TokenRules> = {}) =>
    verifierOf({ secret: SECRET, ...rules }).verify(bearer(token));

  it('knows the caller, their roles and their mailboxes', async () => {
    const claims: Claims = {
      sub: 'ann',
      roles: ['operator', 'king'],
      email: ' Ann@Example.com',
      preferred_username: 'ann@example.com',
      upn: 'a.nyman@example.com',
    };
    expect(await verify(await sign(claims, clock.now()))).toEqual({
      userId: 'ann',
      roles: ['operator'],
      mailboxes: ['ann@example.com', 'a.nyman@example.com'],
    });
  });

  it.each([
    [{}, ['user']],
    [{ roles: [] }, ['user']],
    [{ roles: ['king'] }, ['user']],
    [{ roles: 'admin' }, ['admin']],
    [{ roles: ['admin', 'user'] }, ['user', 'admin']],
    [{ roles: { admin: true } }, ['user']],
  ] as [Claims, string[]][])('reads roles %j as %j', async (claims, roles) => {
    expect(await verify(await sign({ sub: 'ann', ...claims }, clock.now()))).toMatchObject({ roles });
  });

  it.each([
    ['no sub', {}],
    ['an empty sub', { sub: '' }],
    ['a blank sub', { sub: '  ' }],
    ['a sub that is no text', { sub: 7 as unknown as string }],
    ['a sub that no database holds', { sub: 'a\0b' }],
    ['a sub that is too long', { sub: 'x'.repeat(256) }],
  ] as [string, Claims][])('refuses a token with %s', async (_what, claims) => {
    expect(await refusal(verify(await sign(claims, clock.now())))).toBe('TOKEN_INVALID');
  });

  it('takes a sub of the full length', async () => {
    expect(await verify(await sign({ sub: 'x'.repeat(255) }, clock.now()))).toMatchObject({ roles: ['user'] });
  });

  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic YW5uOnB3', 'Bearer a b', `Token ${'x'.repeat(20)}`])(
    'misses the token in %j',
    async (header) => {
      expect(await refusal(verifierOf({ secret: SECRET }).verify(header))).toBe('TOKEN_MISSING');
    },
  );

  it.each(['x', 'a.b', 'a.b.c', '..', 'eyJhbGciOiJIUzI1NiJ9..', 'a.b.c.d.e'])(
    'refuses %j, which is no JWT',
    async (token) => {
      expect(await refusal(verify(token))).toBe('TOKEN_INVALID');
    },
  );

  it('lets clocks differ a little, on either side, and no more', async () => {
    const short = await sign({ sub: 'ann' }, clock.now(), { validSeconds: 60 });
    clock.advance(60 * SECOND + 29 * SECOND);
    expect(await refusal(verify(short))).toBe('accepted');
    clock.advance(2 * SECOND);
    expect(await refusal(verify(short))).toBe('TOKEN_EXPIRED');
    const early = (seconds: number) => sign({ sub: 'ann', nbf: now() + seconds }, clock.now());
    expect(await refusal(verify(await early(29)))).toBe('accepted');
    expect(await refusal(verify(await early(31)))).toBe('TOKEN_INVALID');
  });

  const headed = (header: Record<string, unknown>, claims: Claims = { sub: 'ann' }) =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'HS256', ...header })
      .setExpirationTime(now() + 60)
      .sign(new TextEncoder().encode(SECRET));

  it.each([undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt'])('takes a token whose typ is %s', async (typ) => {
    expect(await refusal(verify(await headed(typ === undefined ? {} : { typ })))).toBe('accepted');
  });

  it.each(['logout+jwt', 'dpop+jwt', 'secevent+jwt', 'JOSE', '', 'rt+jwt'])(
    'refuses a token that was made for something else: typ %j',
    async (typ) => {
      expect(await refusal(verify(await headed({ typ })))).toBe('TOKEN_INVALID');
    },
  );

  it.each(['soon', '9999999999', null, true, -1, 0, [9_999_999_999]])('refuses an exp of %j', async (exp) => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'HS256' })}.${part({ sub: 'ann', exp })}`;
    const signature = createHmac('sha256', SECRET).update(signed).digest('base64url');
    expect(await refusal(verify(`${signed}.${signature}`))).toMatch(/^TOKEN_(INVALID|EXPIRED)$/);
  });

  it('refuses a token that is too long before anything of it is read, and claims beyond measure count for nothing', async () => {
    const long = await sign({ sub: 'ann', groups: 'x'.repeat(12_000) }, clock.now());
    expect(await refusal(verify(long))).toBe('TOKEN_INVALID');
    const roles = [...Array.from({ length: 100 }, () => 'x'), 'admin'];
    const email = `${'a'.repeat(250)}@example.com`;
    expect(await verify(await sign({ sub: 'ann', roles, email }, clock.now()))).toMatchObject({
      roles: ['user'],
      mailboxes: [],
    });
  });

  it('believes no key that the token brings along or points to, and no extension it does not know', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    for (const header of [
      { jwk },
      { jku: 'https://evil.example.com/keys' },
      { x5u: 'https://evil.example.com/cert' },
      { kid: '../../../../dev/null' },
      { kid: "' union select 'secret" },
    ]) {
      const brought = new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'RS256', ...header });
      expect(await refusal(verify(await brought.setExpirationTime(now() + 60).sign(privateKey)))).toBe('TOKEN_INVALID');
    }
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const header of [
      { alg: 'HS256', crit: ['x'], x: 1 },
      { alg: 'HS256', crit: ['b64'], b64: false },
      { alg: 'hs256' },
      { alg: ['HS256'] },
      { alg: 'nOnE' },
    ]) {
      const signed = `${part(header)}.${part({ sub: 'ann', exp: now() + 60 })}`;
      const signature = createHmac('sha256', SECRET).update(signed).digest('base64url');
      expect(await refusal(verify(`${signed}.${signature}`))).toBe('TOKEN_INVALID');
    }
  });

  it('refuses a token that never expires', async () => {
    const key = new TextEncoder().encode(SECRET);
    const token = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'HS256' }).sign(key);
    expect(await refusal(verify(token))).toBe('TOKEN_INVALID');
  });

  it('refuses other algorithms than HS256, and none at all', async () => {
    for (const algorithm of ['HS384', 'HS512']) {
      expect(await refusal(verify(await sign({ sub: 'ann' }, clock.now(), { algorithm })))).toBe('TOKEN_INVALID');
    }
    const unsigned = new UnsecuredJWT({ sub: 'ann' }).setExpirationTime(now() + 60).encode();
    expect(await refusal(verify(unsigned))).toBe('TOKEN_INVALID');
    const { privateKey } = await generateKeyPair('ES256');
    const signed = new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'ES256' }).setExpirationTime(now() + 60);
    expect(await refusal(verify(await signed.sign(privateKey)))).toBe('TOKEN_INVALID');
  });

  it('holds issuer and audience against what is configured', async () => {
    const rules = { issuer: 'https://login.example.com', audience: 'calendar' };
    const check = async (claims: Claims) => refusal(verify(await sign({ sub: 'ann', ...claims }, clock.now()), rules));
    expect(await check({ iss: rules.issuer, aud: 'calendar' })).toBe('accepted');
    expect(await check({ iss: rules.issuer, aud: ['mail', 'calendar'] })).toBe('accepted');
    expect(await check({ iss: rules.issuer, aud: 'mail' })).toBe('TOKEN_INVALID');
    expect(await check({ iss: 'https://other.example.com', aud: 'calendar' })).toBe('TOKEN_INVALID');
    expect(await check({})).toBe('TOKEN_INVALID');
  });

  it('says why in the challenge, in words that a header can carry', async () => {
    const error = await verify(await sign({ sub: '' }, clock.now())).catch((caught) => caught);
    expect(error.headers['www-authenticate']).toMatch(
      /^Bearer realm="graph-calendar-sync", error="invalid_token", error_description="[ -!#-~]+"$/,
    );
  });
});

describe('with a key set', () => {
  interface Key {
    readonly kid: string;
    readonly privateKey: CryptoKey;
    readonly publicKey: CryptoKey;
    readonly jwk: JWK;
  }

  let server: Server;
  let url: string;
  let published: JWK[];
  let requests: number;
  let status: number;

  beforeEach(async () => {
    published = [];
    requests = 0;
    status = 200;
    server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: published }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function newKey(kid: string, algorithm = 'RS256'): Promise<Key> {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } };
  }

  function signedBy(key: Key, algorithm = 'RS256', header: Record<string, string> = { kid: key.kid }): Promise<string> {
    return new SignJWT({ sub: 'ann' })
      .setProtectedHeader({ alg: algorithm, ...header })
      .setExpirationTime(now() + 100_000)
      .sign(key.privateKey);
  }

  it.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])(
    'verifies %s, and asks for the keys once',
    async (algorithm) => {
      const key = await newKey('k1', algorithm);
      published = [key.jwk];
      const verifier = verifierOf({ jwksUrl: url });
      const token = bearer(await signedBy(key, algorithm));
      await Promise.all([verifier.verify(token), verifier.verify(token)]);
      expect(await verifier.verify(token)).toMatchObject({ userId: 'ann' });
      expect(requests).toBe(1);
    },
  );

  it('follows a rotation: the new key works at once, the old one no longer once it is withdrawn', async () => {
    const [old, fresh] = [await newKey('k1'), await newKey('k2')];
    published = [old.jwk];
    const verifier = verifierOf({ jwksUrl: url });
    expect(await refusal(verifier.verify(bearer(await signedBy(old))))).toBe('accepted');
    published = [fresh.jwk];
    clock.advance(MINUTE);
    expect(await refusal(verifier.verify(bearer(await signedBy(fresh))))).toBe('accepted');
    expect(await refusal(verifier.verify(bearer(await signedBy(old))))).toBe('TOKEN_INVALID');
  });

  it('forgets a key that was withdrawn without a successor in ten minutes', async () => {
    const key = await newKey('k1');
    published = [key.jwk];
    const verifier = verifierOf({ jwksUrl: url });
    const token = bearer(await signedBy(key));
    await verifier.verify(token);
    published = [];
    clock.advance(9 * MINUTE);
    expect(await refusal(verifier.verify(token))).toBe('accepted');
    clock.advance(2 * MINUTE);
    expect(await refusal(verifier.verify(token))).toBe('TOKEN_INVALID');
  });

  it('does not let made-up key ids drive it to the key server', async () => {
    const [known, stranger] = [await newKey('k1'), await newKey('made-up')];
    published = [known.jwk];
    const verifier = verifierOf({ jwksUrl: url });
    for (let round = 0; round < 20; round += 1) {
      expect(await refusal(verifier.verify(bearer(await signedBy(stranger))))).toBe('TOKEN_INVALID');
    }
    expect(requests).toBe(1);
  });

  it('is unavailable while the key server is, which is not the caller’s fault', async () => {
    status = 500;
    const key = await newKey('k1');
    const verifier = verifierOf({ jwksUrl: url });
    const token = bearer(await signedBy(key));
    expect(await refusal(verifier.verify(token))).toBe('unavailable');
    expect(await refusal(verifier.verify(token))).toBe('unavailable');
    expect(requests).toBe(1);
    status = 200;
    published = [key.jwk];
    clock.advance(6 * SECOND);
    expect(await refusal(verifier.verify(token))).toBe('accepted');
  });

  it('goes on with the keys it has while the key server is away, for an hour', async () => {
    const key = await newKey('k1');
    published = [key.jwk];
    const verifier = verifierOf({ jwksUrl: url });
    const token = bearer(await signedBy(key));
    await verifier.verify(token);
    status = 503;
    clock.advance(30 * MINUTE);
    expect(await refusal(verifier.verify(token))).toBe('accepted');
    clock.advance(31 * MINUTE);
    expect(await refusal(verifier.verify(token))).toBe('unavailable');
  });

  it('is unavailable when the key server answers with something else, or not at all', async () => {
    const key = await newKey('k1');
    const token = bearer(await signedBy(key));
    const page: Fetch = async () => new Response('<html>welcome</html>');
    expect(await refusal(verifierOf({ jwksUrl: url }, page).verify(token))).toBe('unavailable');
    const nothing: Fetch = (_url, init) =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)));
    const waiting = refusal(verifierOf({ jwksUrl: url }, nothing).verify(token));
    await Promise.resolve();
    clock.advance(5 * SECOND);
    expect(await waiting).toBe('unavailable');
  });

  it('is not fooled into taking a public key for a secret', async () => {
    const key = await newKey('k1');
    published = [key.jwk];
    const verifier = verifierOf({ jwksUrl: url });
    for (const secret of [await exportSPKI(key.publicKey), JSON.stringify(key.jwk), String(key.jwk.n)]) {
      const confused = await new SignJWT({ sub: 'ann', roles: ['admin'] })
        .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
        .setExpirationTime(now() + 60)
        .sign(new TextEncoder().encode(secret));
      expect(await refusal(verifier.verify(bearer(confused)))).toBe('TOKEN_INVALID');
    }
    const unsigned = new UnsecuredJWT({ sub: 'ann' }).setExpirationTime(now() + 60).encode();
    expect(await refusal(verifier.verify(bearer(unsigned)))).toBe('TOKEN_INVALID');
  });

  it('is not led by the key id: to an empty key, a file, or another key than the one that signed', async () => {
    const [mine, theirs] = [await newKey('k1'), await newKey('k2')];
    published = [mine.jwk, theirs.jwk];
    const verifier = verifierOf({ jwksUrl: url });
    expect(await refusal(verifier.verify(bearer(await signedBy(mine, 'RS256', { kid: 'k2' }))))).toBe('TOKEN_INVALID');
    for (const kid of ['', '/dev/null', '../k1', "k1' --", '__proto__', 'constructor']) {
      const empty = await new SignJWT({ sub: 'ann' })
        .setProtectedHeader({ alg: 'HS256', kid })
        .setExpirationTime(now() + 60)
        .sign(new Uint8Array([0]));
      expect(await refusal(verifier.verify(bearer(empty)))).toBe('TOKEN_INVALID');
      expect(await refusal(verifier.verify(bearer(await signedBy(mine, 'RS256', { kid }))))).toBe('TOKEN_INVALID');
    }
    expect(requests).toBe(1);
  });

  it('does not verify with a symmetric key, should one be published', async () => {
    const k = Buffer.from(SECRET).toString('base64url');
    published = [{ kty: 'oct', k, kid: 'k1', alg: 'HS256' }];
    const token = await new SignJWT({ sub: 'ann' })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .setExpirationTime(now() + 60)
      .sign(new TextEncoder().encode(SECRET));
    expect(await refusal(verifierOf({ jwksUrl: url }).verify(bearer(token)))).toBe('TOKEN_INVALID');
  });

  it('needs no key id while there is one key, and asks for one when there are more', async () => {
    const [one, two] = [await newKey('k1'), await newKey('k2')];
    published = [one.jwk];
    const token = bearer(await signedBy(one, 'RS256', {}));
    expect(await refusal(verifierOf({ jwksUrl: url }).verify(token))).toBe('accepted');
    published = [one.jwk, two.jwk];
    expect(await refusal(verifierOf({ jwksUrl: url }).verify(token))).toBe('TOKEN_INVALID');
  });
});
