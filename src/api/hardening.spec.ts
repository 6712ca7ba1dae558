import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { ADMIN, bearer, OWNER, SECRET, serverWith } from '../../test/support/api-world.ts';
import { SyncError } from '../core/errors.ts';
import type { Logger } from '../core/runtime.ts';
import { PAGES_POLICY } from './security-headers.ts';
import type { ApiServices, ServerParts } from './services.ts';

const APP = 'https://app.example.com';
const JWT = { secret: SECRET, jwksUrl: undefined, issuer: undefined, audience: undefined };
const SETTINGS = { settings: { get: async () => ({}) as never } };

let server: FastifyInstance;
afterEach(async () => {
  await server?.close();
});

const configured = (config: Partial<ServerParts['config']>, limits: ServerParts['limits'] = {}) =>
  serverWith(SETTINGS, { config: { jwt: JWT, publicUrl: undefined, ...config }, limits });

describe('pages of other origins', () => {
  const preflight = (origin: string, url = '/calendar/events/e1', more: Record<string, string> = {}) =>
    server.inject({
      method: 'OPTIONS',
      url,
      headers: { origin, 'access-control-request-method': 'PATCH', ...more },
    });
  const allowances = (headers: object) =>
    Object.keys(headers).filter((name) => name.startsWith('access-control-allow'));

  it('are let in by name: preflight and answer say what they may send and read', async () => {
    server = await configured({ corsOrigins: [APP, 'http://localhost:5173'] });
    const asked = await preflight(APP, '/calendar/events/e1', { 'access-control-request-headers': 'authorization' });
    expect([asked.statusCode, asked.body]).toEqual([204, '']);
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'DELETE, GET, PATCH',
      vary: 'Origin',
    });
    expect(asked.headers['access-control-allow-headers']).toMatch(/authorization, .*if-match/);
    const headers = { ...(await bearer()), origin: APP };
    const answer = await server.inject({ url: '/calendar/sync/settings', headers });
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': APP, vary: 'Origin' });
    expect(answer.headers['access-control-expose-headers']).toContain('x-correlation-id');
  });

  it('can read refusals as well, so that a person learns what is wrong', async () => {
    server = await configured({ corsOrigins: [APP] });
    for (const [url, status] of [
      ['/calendar/sync/settings', 401],
      ['/nowhere', 404],
    ] as const) {
      const answer = await server.inject({ url, headers: { origin: APP } });
      expect([answer.statusCode, answer.headers['access-control-allow-origin']]).toEqual([status, APP]);
    }
  });

  it.each(['https://evil.example.com', 'https://app.example.com.evil.example', 'http://app.example.com', 'null', '*'])(
    'are kept out when they are %s',
    async (origin) => {
      server = await configured({ corsOrigins: [APP] });
      const asked = await preflight(origin);
      expect([asked.statusCode, allowances(asked.headers)]).toEqual([405, []]);
      const answer = await server.inject({ url: '/calendar/sync/settings', headers: { ...(await bearer()), origin } });
      expect([allowances(answer.headers), answer.headers['vary']]).toEqual([[], 'Origin']);
    },
  );

  it('are kept out altogether unless some are named, and nowhere is nowhere for all', async () => {
    server = await configured({});
    expect((await preflight(APP)).statusCode).toBe(405);
    await server.close();
    server = await configured({ corsOrigins: [APP] });
    expect((await preflight(APP, '/nowhere')).statusCode).toBe(404);
  });
});

describe('where a request comes from', () => {
  const guess = (remoteAddress: string, forwarded: string) =>
    server
      .inject({ url: '/nowhere', remoteAddress, headers: { 'x-forwarded-for': forwarded } })
      .then(({ statusCode }) => statusCode);

  it('is the other end of the connection, whatever it says itself', async () => {
    server = await configured({}, { addressRequests: 1 });
    expect([await guess('10.0.0.1', '192.0.2.1'), await guess('10.0.0.1', '192.0.2.2')]).toEqual([404, 429]);
  });

  it.each([[1], [['10.0.0.0/8']]])(
    'is what a proxy that is trusted (%j) saw, and not what came to it',
    async (trustProxy) => {
      server = await configured({ trustProxy }, { addressRequests: 1 });
      expect([await guess('10.0.0.1', '192.0.2.1'), await guess('10.0.0.1', '192.0.2.2')]).toEqual([404, 404]);
      // The first one comes again, behind an address it made up.
      expect(await guess('10.0.0.1', '198.51.100.9, 192.0.2.1')).toBe(429);
    },
  );

  it('is not believed from a proxy nobody named', async () => {
    server = await configured({ trustProxy: ['10.0.0.0/8'] }, { addressRequests: 1 });
    expect([await guess('192.0.2.7', '192.0.2.1'), await guess('192.0.2.7', '192.0.2.2')]).toEqual([404, 429]);
  });
});

describe('what every answer carries', () => {
  it.each(['/calendar/sync/settings', '/calendar/sync/settings?x=1', '/nowhere', '/metrics', '/openapi.json', '/%ff'])(
    '%s: no sniffing, no caching, nothing of who made it',
    async (url) => {
      server = await configured({});
      for (const headers of [{}, await bearer()]) {
        const answer = await server.inject({ url, headers });
        expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
        expect(answer.headers).not.toHaveProperty('x-powered-by');
        expect(answer.headers).not.toHaveProperty('server');
        if (url !== '/%ff') expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'/);
      }
    },
  );

  it('tells browsers to stay with https where that is how they come, and only there', async () => {
    server = await configured({ publicUrl: 'https://calendar.example.com' });
    const header = 'strict-transport-security';
    expect((await server.inject('/openapi.json')).headers[header]).toBe('max-age=31536000');
    expect((await server.inject('/calendar/sync/settings')).headers[header]).toBe('max-age=31536000');
    await server.close();
    server = await configured({ publicUrl: 'http://calendar.internal' });
    expect((await server.inject('/openapi.json')).headers).not.toHaveProperty(header);
  });

  it('pages of our own load nothing of anybody else’s and run nothing written into them', () => {
    const rules = new Map(
      PAGES_POLICY.split('; ').map((rule) => [rule.split(' ')[0] ?? '', rule.split(' ').slice(1).join(' ')]),
    );
    expect(rules.get('default-src')).toBe("'none'");
    expect(rules.get('script-src')).toBe("'self'");
    expect(rules.get('frame-ancestors')).toBe("'none'");
    expect(PAGES_POLICY).not.toMatch(/unsafe|https?:|\*/);
  });
});

describe('over a socket', () => {
  async function raw(lines: readonly string[]): Promise<string> {
    const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connect(Number(port), '127.0.0.1');
    socket.write([...lines, 'connection: close', '', ''].join('\r\n'));
    return text(socket);
  }
  const GET = 'GET /calendar/sync/settings HTTP/1.1';

  it.each(['authorization', 'host', 'content-type', 'idempotency-key'])(
    'a second header %s is refused: a proxy may have believed the other one',
    async (name) => {
      server = await configured({});
      const { authorization } = await bearer();
      const base = { host: 'x', authorization, 'content-type': 'application/json', 'idempotency-key': 'k' };
      const lines = Object.entries(base).map(([header, value]) => `${header}: ${value}`);
      const answer = await raw([GET, ...lines, `${name.toUpperCase()}: ${base[name as 'host']}`]);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    },
  );

  it.each([
    ['two lengths', ['content-length: 2', 'content-length: 3']],
    ['a length beside chunks', ['content-length: 2', 'transfer-encoding: chunked']],
    ['chunks that are hidden', ['transfer-encoding: xchunked']],
    ['a folded line', ['x: a', ' b']],
    ['a space before the colon', ['content-length : 2']],
  ])('%s are refused, which smuggling needs', async (_what, lines) => {
    server = await configured({});
    expect(await raw([GET.replace('GET', 'PUT'), 'host: x', ...lines])).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('more connections than the limit are closed unheard, and it goes on when others end', async () => {
    server = await configured({}, { connections: 2 });
    const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const open = async () => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      return { socket, ended: new Promise<void>((resolve) => socket.once('close', () => resolve())) };
    };
    const ask = async () => {
      const { socket } = await open();
      socket.write('GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
      return text(socket).catch(() => '');
    };
    const [one, two] = [await open(), await open()];
    await expect.poll(() => new Promise((resolve) => server.server.getConnections((_e, n) => resolve(n)))).toBe(2);
    expect(await ask()).toBe('');
    one.socket.destroy();
    two.socket.destroy();
    await Promise.all([one.ended, two.ended]);
    await expect.poll(ask).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('is given up when it never says what it wants', async () => {
    server = await configured({});
    expect(server.server.headersTimeout).toBeLessThanOrEqual(30_000);
    expect(server.server.requestTimeout).toBeLessThanOrEqual(120_000);
    expect(server.server.keepAliveTimeout).toBeGreaterThan(0);
    expect(server.server.maxHeadersCount).toBe(100);
  });
});

describe('what goes wrong inside stays inside', () => {
  const MARKER = 'MARKER-7d1c';
  const WRONG: readonly [what: string, thrown: () => unknown][] = [
    ['an error', () => new Error(`${MARKER} in the message`)],
    ['a bug', () => new TypeError(`${MARKER}.foo is not a function`)],
    ['an error of the database', () => pgError()],
    ['an error that says which status it would like', () => Object.assign(new Error(MARKER), { statusCode: 400 })],
    [
      'an error that looks like the framework’s',
      () => Object.assign(new Error(MARKER), { code: 'FST_X', statusCode: 418 }),
    ],
    ['an error with a number for a code', () => Object.assign(new Error(MARKER), { code: 7 })],
    ['an error with a cause', () => new SyncError('decryption-failed', 'it', { cause: new Error(MARKER) })],
    ['text', () => MARKER],
    ['an object', () => ({ statusCode: 200, message: MARKER, stack: MARKER })],
    ['nothing', () => undefined],
    ['null', () => null],
  ];

  function pgError(): Error {
    return Object.assign(new Error(`invalid input: "${MARKER}"`), {
      ...{ severity: 'ERROR', code: '22P02', detail: `Key (subject)=(${MARKER})`, where: MARKER, hint: MARKER },
    });
  }

  /** Services of which nothing works. */
  function broken(thrown: () => unknown): ApiServices {
    const service = new Proxy(
      {},
      {
        get: (_target, name) => {
          if (name === 'then') return undefined;
          return name === 'watch' ? () => failing(thrown) : async () => Promise.reject(thrown());
        },
      },
    );
    return new Proxy({} as ApiServices, { get: () => service, has: () => true });
  }

  // biome-ignore lint/correctness/useYield: it fails before there is anything
  async function* failing(thrown: () => unknown): AsyncGenerator<never> {
    throw thrown();
  }

  interface Document {
    readonly paths: Record<string, Record<string, { requestBody?: { content: Record<string, unknown> } }>>;
  }

  it.each(WRONG)('no answer of any route tells of %s', async (_what, thrown) => {
    const logged: string[] = [];
    const write = (fields: object) => logged.push(JSON.stringify(fields));
    const logger = { debug: write, info: write, warn: write, error: write, child: () => logger } as unknown as Logger;
    const services = broken(thrown);
    const names = [
      'eventService',
      'connectionService',
      'authorizationService',
      'calendarService',
      'runService',
    ] as const;
    const others = ['previewService', 'statisticsService', 'healthService', 'settings', 'conflicts'] as const;
    const standIns = Object.fromEntries([...names, ...others].map((name) => [name, services[name]]));
    server = await serverWith(standIns, { logger });
    const { paths } = (await server.inject('/openapi.json')).json<Document>();
    const reached: number[] = [];
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { requestBody }] of Object.entries(operations)) {
        const [type] = Object.keys(requestBody?.content ?? {});
        const url = `${path.replaceAll(/\{\w+\}/g, 'x')}${QUERIES[path] ?? ''}`;
        const answer = await server.inject({
          method: method.toUpperCase() as 'GET',
          url,
          headers: { ...(await bearer(ADMIN)), ...(type ? { 'content-type': type } : {}) },
          ...(type ? { payload: bodyFor(path, method, type) } : {}),
        });
        const whole = JSON.stringify([answer.headers, answer.body]);
        expect(whole, `${method} ${url}`).not.toContain(MARKER);
        expect(whole, `${method} ${url}`).not.toMatch(/\bat .+\.ts:\d+|node_modules|\/src\//);
        if (answer.statusCode >= 500 || answer.statusCode === 418) reached.push(answer.statusCode);
      }
    }
    // Nearly all get as far as the service; /metrics answers with its own figures, a stream has begun.
    expect(reached.length).toBeGreaterThan(20);
    expect(logged.join('\n')).not.toContain('Key (subject)');
  });

  const RANGE = '?start=2026-03-01T00:00:00Z&end=2026-03-02T00:00:00Z';
  const QUERIES: Readonly<Record<string, string>> = { '/calendar/events/{masterId}/instances': RANGE };

  function bodyFor(path: string, method: string, type: string): string {
    if (type === 'text/calendar') return 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n';
    if (type !== 'application/json') return 'token=x&connect=yes';
    const at = { dateTime: '2026-03-09T09:00:00', timeZone: 'UTC' };
    const bodies: Readonly<Record<string, unknown>> = {
      'post /calendar/events': { subject: 'x', start: at, end: at },
      'put /calendar/connection': { mode: 'application', mailbox: 'a@example.com' },
      'put /calendar/sync/conflicts/{conflictId}/resolve': { resolution: 'merge' },
    };
    return JSON.stringify(bodies[`${method} ${path}`] ?? {});
  }
});

describe('a request’s own id', () => {
  it('is the one it may choose, and no header line of anybody else', async () => {
    server = await configured({});
    const answer = await server.inject({
      url: '/nowhere',
      headers: { 'x-correlation-id': 'a\tb', 'x-request-id': 'mine', ...(await bearer(OWNER)) },
    });
    expect(answer.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});
