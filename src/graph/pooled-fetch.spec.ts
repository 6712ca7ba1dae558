import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createPooledFetch } from './pooled-fetch.ts';

const open: { server: Server; close: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const { server, close } of open.splice(0)) {
    await close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function withServer(answer: (path: string) => { status: number; body: string } | undefined) {
  let connections = 0;
  const seen: { method?: string; path?: string; headers: Record<string, unknown>; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({ method: request.method!, path: request.url!, headers: request.headers, body });
    const found = answer(request.url ?? '');
    if (found) response.writeHead(found.status, { 'request-id': 'r-1' }).end(found.body);
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const pooled = createPooledFetch();
  open.push({ server, close: pooled.close });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, seen, fetch: pooled.fetch, connections: () => connections };
}

describe('the way to Graph', () => {
  it('carries what is sent there and what is answered back', async () => {
    const world = await withServer(() => ({ status: 201, body: '{"id":"x"}' }));
    const response = await world.fetch(`${world.url}/v1.0/x`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{}',
    });
    expect([response.status, response.headers.get('request-id'), await response.text()]).toEqual([
      201,
      'r-1',
      '{"id":"x"}',
    ]);
    expect(world.seen).toMatchObject([{ method: 'POST', path: '/v1.0/x', body: '{}' }]);
  });

  it('is kept open from one request to the next', async () => {
    const world = await withServer(() => ({ status: 200, body: '{}' }));
    for (let count = 0; count < 20; count += 1) await (await world.fetch(world.url)).text();
    // A second one may be opened while the first is just being set free.
    expect(world.connections()).toBeLessThanOrEqual(2);
  });

  it('is given up when the caller gives up', async () => {
    const world = await withServer(() => undefined);
    const abort = new AbortController();
    const pending = world.fetch(world.url, { signal: abort.signal });
    const outcome = expect(pending).rejects.toThrow('enough');
    await expect.poll(() => world.seen.length).toBe(1);
    abort.abort(new Error('enough'));
    await outcome;
  });

  it('fails when nobody is there', async () => {
    const world = await withServer(() => undefined);
    const { server, close } = open.pop()!;
    await new Promise((resolve) => server.close(resolve));
    await expect(world.fetch(world.url)).rejects.toThrow();
    await close();
  });
});
