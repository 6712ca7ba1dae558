import { describe, expect, it } from 'vitest';
import { steering } from '../../../test/support/control-client.ts';
import { simulate } from '../../../test/support/simulator-client.ts';
import type { SimulatedRequest } from '../http/http-types.ts';
import { requireSteering } from './guard.ts';

const KEY = 'open sesame';

function refused(o: { headers?: Record<string, string>; from?: string; key?: string }): string {
  const request: SimulatedRequest = {
    method: 'GET',
    url: new URL('http://localhost:4000/simulator'),
    headers: { host: 'localhost:4000', ...o.headers },
    body: '',
    remoteAddress: o.from ?? '127.0.0.1',
  };
  try {
    requireSteering(request, o.key);
    return 'let in';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('who may steer', () => {
  it.each([
    [{}, 'let in'],
    [{ from: '::1', headers: { host: '[::1]:4000' } }, 'let in'],
    [{ from: '::ffff:127.0.0.1' }, 'let in'],
    [{ from: '192.168.1.7' }, 'not-local'],
    [{ headers: { host: 'localhost.evil.example:4000' } }, 'not-local'],
    [{ headers: { host: 'graph.corp.example' } }, 'not-local'],
    [{ headers: { 'x-forwarded-for': '203.0.113.9' } }, 'not-local'],
    [{ headers: { 'x-forwarded-host': 'localhost' } }, 'not-local'],
    [{ headers: { origin: 'http://localhost:4000' } }, 'let in'],
    [{ headers: { origin: 'http://localhost:5173' } }, 'cross-site'],
    [{ headers: { origin: 'https://evil.example' } }, 'cross-site'],
    [{ headers: { origin: 'null' } }, 'cross-site'],
    [{ headers: { 'sec-fetch-site': 'cross-site' } }, 'cross-site'],
    [{ headers: { 'sec-fetch-site': 'none' } }, 'let in'],
    [{ key: KEY }, 'control-key-needed'],
    [{ key: KEY, headers: { authorization: 'Bearer wrong' } }, 'control-key-needed'],
    [{ key: KEY, headers: { authorization: `Basic ${KEY}` } }, 'control-key-needed'],
    [{ key: KEY, from: '192.168.1.7', headers: { authorization: `Bearer ${KEY}` } }, 'let in'],
    [{ key: KEY, headers: { authorization: `Bearer ${KEY}`, origin: 'https://evil.example' } }, 'cross-site'],
  ])('%j: %s', (request, outcome) => {
    expect(refused(request)).toBe(outcome);
  });

  it('asks for the key over a socket and in-process alike', async () => {
    const { sim } = simulate({ controlKey: KEY });
    const server = await sim.listen();
    try {
      for (const steer of [steering(sim), steering(sim, server.url)]) {
        const without = await steer('GET', '/clock');
        expect([without.status, without.headers.get('www-authenticate')]).toEqual([
          401,
          'Bearer realm="simulator control"',
        ]);
        expect((await steer('GET', '/clock', undefined, { authorization: `Bearer ${KEY}` })).status).toBe(200);
      }
    } finally {
      await server.close();
    }
  });

  it('lets no web page of another site write, and a snapshot larger than a Graph body in', async () => {
    const { sim } = simulate();
    const server = await sim.listen();
    try {
      const steer = steering(sim, server.url);
      const foreign = await steer('POST', '/mailboxes', { address: 'b@x.test' }, { origin: 'https://evil.example' });
      expect([foreign.status, sim.mailboxes.length]).toEqual([403, 1]);
      const snapshot = JSON.parse(sim.snapshot()) as Record<string, unknown>;
      const large = { ...snapshot, parts: { padding: 'x'.repeat(5 * 1024 * 1024) } };
      expect((await steer('PUT', '/snapshot', large)).status).toBe(204);
    } finally {
      await server.close();
    }
  });
});
