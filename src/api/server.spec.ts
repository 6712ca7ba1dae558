import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { bearer, type Claims, OWNER, STRANGER, serverWith } from '../../test/support/api-world.ts';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { SyncError } from '../core/errors.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

let server: FastifyInstance;
afterEach(async () => {
  await server?.close();
});

async function get(url: string, headers: Record<string, string> = {}, as: Claims | null = OWNER) {
  return server.inject({ url, headers: { ...(as ? await bearer(as) : {}), ...headers } });
}

describe('correlation', () => {
  it.each(['7f9c', 'a'.repeat(128), 'trace-1:span_2.3', 'd32e5130-59a1-4414-94f6-08eec8416288', 'user@host/4+5='])(
    'keeps the caller’s id %s, in answers good and bad',
    async (id) => {
      server = await serverWith({ settings: { get: async () => ({}) as never } });
      const headers = { 'x-correlation-id': id };
      expect((await get('/calendar/sync/settings', headers)).headers['x-correlation-id']).toBe(id);
      for (const [url, as] of [
        ['/calendar/sync/settings?x=1', OWNER],
        ['/calendar/sync/settings', null],
        ['/nowhere', OWNER],
        ['/%ff', OWNER],
        ['/metrics', OWNER],
      ] as const) {
        const answer = await get(url, headers, as);
        expect(answer.statusCode).toBeGreaterThanOrEqual(400);
        expect(answer.headers['x-correlation-id']).toBe(id);
        expect(answer.json().correlationId).toBe(id);
      }
    },
  );

  it.each(['', 'a'.repeat(129), 'with space', 'quote"', 'semi;colon', 'ümlaut', '<script>'])(
    'gives a new id instead of %j',
    async (id) => {
      server = await serverWith({ settings: { get: async () => ({}) as never } });
      const answer = await get('/calendar/sync/settings', { 'x-correlation-id': id });
      expect(answer.headers['x-correlation-id']).toMatch(UUID);
    },
  );

  it('is passed on to the services', async () => {
    const seen: unknown[] = [];
    server = await serverWith({
      runService: {
        start: async (_userId, _request, how) => {
          seen.push(how);
          return { jobId: 'r1' as never, status: 'started' };
        },
      },
    });
    const headers = { ...(await bearer()), 'x-correlation-id': 'mine' };
    await server.inject({ method: 'POST', url: '/calendar/sync/start', payload: {}, headers });
    expect(seen).toEqual([{ correlationId: 'mine' }]);
  });
});

describe('addresses and methods', () => {
  it.each([
    ['GET', '/'],
    ['GET', '/calendar'],
    ['GET', '/calendar/events/'],
    ['GET', '/CALENDAR/events'],
    ['GET', '/calendar/sync/status/'],
    ['POST', '/calendar/nothing'],
    ['GET', '/docs/static/../../package.json'],
    ['GET', '/docs/static/%2e%2e/%2e%2e/package.json'],
  ])('%s %s is not there', async (method, url) => {
    const nothing = async () => Promise.reject(new SyncError('not-found', 'no'));
    server = await serverWith({ eventService: { get: nothing }, runService: { status: nothing } });
    const answer = await server.inject({ method: method as 'GET', url, headers: await bearer() });
    expect(answer.statusCode).toBe(404);
    expect(answer.body).not.toContain('devDependencies');
  });

  it.each([
    ['DELETE', '/calendar/sync/start', 'POST'],
    ['POST', '/calendar/sync/settings', 'GET, PUT'],
    ['PUT', '/calendar/events/e1', 'DELETE, GET, PATCH'],
    ['GET', '/calendar/sync/conflicts/c1/resolve', 'PUT'],
    ['OPTIONS', '/calendar/events', 'GET, POST'],
    ['POST', '/calendar/sync/health', 'GET, HEAD'],
  ])('%s %s is told which methods there are', async (method, url, allow) => {
    server = await serverWith();
    const payload = method === 'POST' || method === 'PUT' ? { payload: 'x', headers: { 'content-type': 'x/y' } } : {};
    const answer = await server.inject({ method: method as 'GET', url, ...payload });
    expect([answer.statusCode, answer.json().code, answer.headers['allow']]).toEqual([
      405,
      'METHOD_NOT_ALLOWED',
      allow,
    ]);
  });

  it('answers an id of any length or shape like any other that does not exist', async () => {
    const asked: string[] = [];
    server = await serverWith({
      eventService: {
        get: async (_userId, id) => {
          asked.push(id);
          throw new SyncError('not-found', 'there is no event');
        },
      },
    });
    for (const id of ['x'.repeat(400), 'a b', 'ü', '..', "'; drop table", '%2F%2F']) {
      expect((await get(`/calendar/events/${encodeURIComponent(id)}`)).statusCode).toBe(404);
    }
    expect((await get(`/calendar/events/${'x'.repeat(600)}`)).statusCode).toBe(404);
    expect((await get('/calendar/events/a%00b')).statusCode).toBe(400);
    expect(asked).toContain('%2F%2F');
  });

  it('protects what it sends: no framing, no sniffing, no scripts, no caching, no other origins', async () => {
    server = await serverWith({ settings: { get: async () => ({}) as never } });
    const { headers } = await get('/calendar/sync/settings', { origin: 'https://other.example.com' });
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none';base-uri 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect(headers).not.toHaveProperty('x-powered-by');
  });
});

describe('too many requests', () => {
  it('limits a user, whatever address they come from, and nobody else', async () => {
    server = await serverWith({ settings: { get: async () => ({}) as never } }, { limits: { userRequests: 3 } });
    for (let round = 0; round < 3; round += 1) expect((await get('/calendar/sync/settings')).statusCode).toBe(200);
    const refused = await server.inject({
      url: '/calendar/sync/settings',
      headers: await bearer(),
      remoteAddress: '192.0.2.7',
    });
    expect([refused.statusCode, refused.json().code]).toEqual([429, 'RATE_LIMITED']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await get('/calendar/sync/settings', {}, STRANGER)).statusCode).toBe(200);
  });

  it('limits guessing by address, and lets who has a token pass from there', async () => {
    server = await serverWith({ settings: { get: async () => ({}) as never } }, { limits: { addressRequests: 3 } });
    const guess = () => get('/calendar/sync/settings', { authorization: 'Bearer a.b.c' }, null);
    expect((await guess()).statusCode).toBe(401);
    expect((await get('/nowhere')).statusCode).toBe(404);
    expect((await get('/openapi.json', {}, null)).statusCode).toBe(200);
    expect((await guess()).statusCode).toBe(429);
    expect((await get('/openapi.json', {}, null)).statusCode).toBe(429);
    expect((await get('/calendar/sync/settings')).statusCode).toBe(200);
  });
});

describe('over sockets', () => {
  async function raw(port: number, request: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    socket.write(request);
    return text(socket);
  }

  it('answers what is no HTTP with a problem too', async () => {
    server = await serverWith();
    const url = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const answer = await raw(Number(url.port), 'HELLO\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    const head = `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`;
    expect(await raw(Number(url.port), head)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('tells who still asks while it is stopping to come back, after it has answered who was there', async () => {
    const arrived = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    server = await serverWith({
      settings: {
        get: async () => {
          arrived.resolve();
          await released.promise;
          return {} as never;
        },
      },
    });
    const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const { authorization } = await bearer();
    const request = `GET /calendar/sync/settings HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`;
    const socket = connect(Number(port), '127.0.0.1');
    const answers = text(socket);
    socket.write(request);
    await arrived.promise;
    const closed = server.close();
    await new Promise((resolve) => socket.write(request, resolve));
    await expect.poll(() => server.server.listening).toBe(false);
    released.resolve();
    await closed;
    const statuses = [...(await answers).matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1]);
    expect(statuses).toEqual(['200', '503']);
    expect(await answers).toMatch(/"code":"STOPPING"/);
  });

  it('does not wait for the slowest answer of all', async () => {
    const clock = new ManualClock('2026-03-02T08:00:00Z');
    const arrived = Promise.withResolvers<void>();
    const get = () => {
      arrived.resolve();
      return new Promise<never>(() => {});
    };
    server = await serverWith({ settings: { get } }, { clock });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const headers = await bearer(OWNER, clock.now());
    const answer = fetch(`${url}/calendar/sync/settings`, { headers }).catch(() => 'cut off');
    await arrived.promise;
    const closed = server.close();
    await expect.poll(() => server.server.listening).toBe(false);
    clock.advance(5_000);
    await closed;
    expect(await answer).toBe('cut off');
  });

  it('closes at once, also with an idle connection and an open stream', async () => {
    const clock = new ManualClock('2026-03-02T08:00:00Z');
    const run = { jobId: 'r1' as never, status: 'IN_PROGRESS' as const };
    server = await serverWith(
      {
        runService: {
          status: async () => run,
          watch: async function* (_userId, _jobId, signal) {
            yield run;
            await clock.sleep(1_000_000, signal).catch(() => {});
          },
        },
      },
      { clock },
    );
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const headers = await bearer(OWNER, clock.now());
    await (await fetch(`${url}/openapi.json`)).text();
    const stream = await fetch(`${url}/calendar/sync/status/r1/stream`, { headers });
    const reader = stream.body?.getReader();
    await reader?.read();
    const began = performance.now();
    await server.close();
    expect(performance.now() - began).toBeLessThan(2_000);
    for (let isDone = false; !isDone; ) isDone = (await reader?.read())?.done ?? true;
  });
});
