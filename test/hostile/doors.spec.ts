import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createSocketServer, type Socket, type Server as SocketServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebhookAddresses } from '../../src/core/webhook-address.ts';
import { WebhookClient } from '../../src/jobs/webhook.client.ts';
import { ApiWorld, OPEN_PATIENCE_MS } from '../support/api-world.ts';
import { ManualClock } from '../support/jobs-world.ts';
import { openWorldDatabase } from '../support/sync-world.ts';

describe('doors that anybody may knock at', () => {
  let world: ApiWorld;
  beforeAll(async () => {
    await openWorldDatabase();
    world = await ApiWorld.open();
  }, OPEN_PATIENCE_MS);
  afterAll(async () => {
    await world?.close();
  });
  const HOOK = '/calendar/sync/webhooks/graph';
  const runs = async () =>
    (await world.sync.runs.list(world.sync.db, { userId: 'ada' as never, limit: 100, offset: 0 })).total;

  it.each([
    '<script>alert(1)</script>',
    'a%0d%0aX-Evil: 1',
    '%00',
    '%E2%80%AE',
    'x'.repeat(2_048),
    '',
    '{"a":1}',
    '{{7*7}}',
  ])('the handshake gives %.30s back as plain text and nothing else', async (token) => {
    const answer = await world.server.inject({
      method: 'POST',
      url: `${HOOK}?validationToken=${token.includes('%') ? token.replace(' ', '%20') : encodeURIComponent(token)}`,
      headers: { 'content-type': 'text/plain' },
    });
    expect(answer.headers).not.toHaveProperty('x-evil');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    if (answer.statusCode === 200) expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    else
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([
        400,
        expect.stringMatching(/problem\+json/),
      ]);
  });

  it.each<[what: string, body: unknown, status: number]>([
    ['a forged secret', { value: [{ subscriptionId: 'x', clientState: 'y' }] }, 202],
    ['a secret that is an object', { value: [{ subscriptionId: 'x', clientState: { length: 32 } }] }, 202],
    ['no secret', { value: [{ subscriptionId: 'x' }] }, 202],
    ['an id that is an object', { value: [{ subscriptionId: { toString: 1 } }] }, 400],
    ['nobody', { value: [null] }, 400],
    ['more than anybody sends', { value: Array.from({ length: 100_000 }, () => ({})) }, 400],
    [
      'ids without end',
      {
        value: Array.from({ length: 1_000 }, (_, at) => ({
          subscriptionId: `${at}${'x'.repeat(3_000)}`,
          clientState: 's',
        })),
      },
      202,
    ],
    ['an id that is NUL', { value: [{ subscriptionId: '\0', clientState: 's' }] }, 400],
    ['half a character', { value: [{ subscriptionId: '\ud800', clientState: '\ud800' }] }, 202],
    ['a list', [], 400],
    ['text', '"x"', 400],
  ])('notifications with %s start nothing', async (_what, body, status) => {
    const before = await runs();
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await world.server.inject({
      method: 'POST',
      url: HOOK,
      headers: { 'content-type': 'application/json' },
      payload,
    });
    expect(answer.statusCode).toBe(status);
    expect(await runs()).toBe(before);
  });

  it.each([
    'code=x&state=y',
    'code=x&code=y&state=z&state=w',
    'state=%00&code=%00',
    `state=${'s'.repeat(12_000)}&code=${'c'.repeat(2_000)}`,
    'error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E&state=x',
    'error=%3Cimg%20src=x%20onerror=alert(1)%3E',
    '__proto__[state]=x&constructor=y',
    'admin_consent=True&tenant=%3Cscript%3E&state=x',
    '',
  ])('the way back from Microsoft takes %.40s for nobody’s', async (query) => {
    const answer = await world.server.inject(`/calendar/connection/callback?${query}`);
    expect(answer.statusCode).toBeLessThan(500);
    expect(answer.headers['content-type']).toMatch(/^(text\/html|application\/problem\+json)/);
    expect(answer.body).not.toMatch(/<script>alert|<img src=x/);
  });
});

describe('a receiver of webhooks', () => {
  const clock = new ManualClock('2026-03-02T08:00:00Z');
  const servers: (Server | SocketServer)[] = [];
  const sockets = new Set<Socket>();
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  async function meet(server: Server | SocketServer): Promise<string> {
    servers.push(server);
    server.on('connection', (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://app.localhost:${(server.address() as AddressInfo).port}/`;
  }
  const send = (url: string) =>
    new WebhookClient({
      addresses: new WebhookAddresses({ allowsLoopback: true, allowed: [] }),
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      clock,
    }).send({ url, headers: {}, body: '{}' });

  it.each<[what: string, answer: string, filler: string]>([
    ['headers without end', 'HTTP/1.1 200 OK\r\n', 'x-more: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n'],
    ['one header without end', 'HTTP/1.1 200 OK\r\nx: ', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],
    ['a body without end', 'HTTP/1.1 200 OK\r\n\r\n', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],
    ['chunks without end', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
    ['early hints without end', '', 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'],
    ['noise', '', '\0\u00ff\r\n'],
  ])('that answers with %s is let go, and costs no memory', async (_what, answer, filler) => {
    let poured = 0;
    const url = await meet(
      createSocketServer((socket) => {
        socket.on('error', () => {});
        socket.write(answer);
        const piece = filler.repeat(2_000);
        const pour = () => {
          while (!socket.destroyed && poured < 400 * 2 ** 20) {
            poured += piece.length;
            if (!socket.write(piece)) return;
          }
        };
        socket.on('drain', pour);
        pour();
      }),
    );
    const sent = send(url);
    const impatience = setInterval(() => clock.advance(1_000), 20);
    const outcome = await sent.finally(() => clearInterval(impatience));
    expect(['answered', 'failed']).toContain(outcome.kind);
    expect(poured).toBeLessThan(400 * 2 ** 20);
  });

  it('that drips is given up after ten seconds', async () => {
    let drops = 0;
    const url = await meet(
      createServer((_request, response) => {
        response.writeHead(200);
        const drip = setInterval(() => {
          if (response.destroyed) return clearInterval(drip);
          drops += 1;
          response.write('.');
        }, 5);
        response.on('close', () => clearInterval(drip));
      }),
    );
    const began = clock.now().getTime();
    const sent = send(url);
    await expect.poll(() => drops).toBeGreaterThan(2);
    const impatience = setInterval(() => clock.advance(1_000), 20);
    const { kind } = await sent.finally(() => clearInterval(impatience));
    expect(kind).toMatch(/answered|failed/);
    expect(clock.now().getTime() - began).toBeLessThan(30_000);
  });
});
