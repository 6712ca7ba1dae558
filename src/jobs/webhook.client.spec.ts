import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HookReceiver } from '../../test/support/hook-receiver.ts';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { type Address, WebhookAddresses } from '../core/webhook-address.ts';
import { makeCertificate } from '../simulator/http/certificate.ts';
import { type Resolve, type SendOutcome, systemResolve, WebhookClient } from './webhook.client.ts';

const BODY = '{"type":"ping","timestamp":"2026-03-02T08:00:00.000Z","data":{}}';

let receiver: HookReceiver;
let clock: ManualClock;
/** Who was asked for, and what each name leads to, one answer after the other. */
let asked: string[];
let names: Record<string, string[][]>;

beforeEach(async () => {
  receiver = await HookReceiver.listen();
  clock = new ManualClock('2026-03-02T08:00:00Z');
  asked = [];
  names = { 'app.localhost': [['127.0.0.1']] };
});
afterEach(() => receiver.close());

const resolve: Resolve = async (hostname) => {
  asked.push(hostname);
  const answers = names[hostname] ?? [];
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  if (!answer) throw new Error(`getaddrinfo ENOTFOUND ${hostname}`);
  return answer.map((address): Address => ({ address, family: address.includes(':') ? 6 : 4 }));
};

function send(url: string, policy: { allowsLoopback?: boolean; allowed?: string[] } = {}): Promise<SendOutcome> {
  const addresses = new WebhookAddresses({ allowsLoopback: true, allowed: [], ...policy });
  return new WebhookClient({ addresses, resolve, clock }).send({ url, headers: { 'webhook-id': 'msg_1' }, body: BODY });
}

const here = (path = '/hooks') => `http://app.localhost:${receiver.port}${path}`;
const REFUSED: SendOutcome = { kind: 'failed', fault: 'address' };

describe('sending a webhook', () => {
  it('posts the very bytes that were signed, to the address the name led to', async () => {
    expect(await send(here())).toEqual({ kind: 'answered', status: 204, retryAfterMs: undefined });
    const [hook] = receiver.hooks;
    expect(hook).toMatchObject({ path: '/hooks', body: BODY });
    expect(hook?.headers).toMatchObject({
      ...{ 'content-type': 'application/json', 'webhook-id': 'msg_1', host: `app.localhost:${receiver.port}` },
      'content-length': String(Buffer.byteLength(BODY)),
    });
    expect(asked).toEqual(['app.localhost']);
  });

  it('follows no redirect, wherever it leads', async () => {
    receiver.answerNext(307, { location: here('/elsewhere') });
    expect(await send(here())).toMatchObject({ kind: 'answered', status: 307 });
    receiver.answerNext(302, { location: 'http://169.254.169.254/latest/meta-data/' });
    expect(await send(here())).toMatchObject({ kind: 'answered', status: 302 });
    expect(receiver.hooks.map(({ path }) => path)).toEqual(['/hooks', '/hooks']);
  });

  it('tells how long the receiver wishes to be left alone', async () => {
    receiver.answerNext(503, { 'retry-after': '90' });
    expect(await send(here())).toEqual({ kind: 'answered', status: 503, retryAfterMs: 90_000 });
  });

  it('does not wait for the end of an answer that has none', async () => {
    receiver.meetNext((response) => {
      response.writeHead(200);
      const pour = (): boolean => {
        let hasRoom = true;
        while (hasRoom && !response.destroyed) hasRoom = response.write('x'.repeat(8_192));
        return hasRoom;
      };
      response.on('drain', pour);
      pour();
    });
    expect(await send(here())).toMatchObject({ kind: 'answered', status: 200 });
  });

  it('gives a receiver that does not answer ten seconds', async () => {
    receiver.meetNext(() => {});
    const sent = send(here());
    await receiver.until(() => receiver.hooks.length === 1);
    clock.advance(9_999);
    expect(await Promise.race([sent, new Promise((done) => setImmediate(done, 'waiting'))])).toBe('waiting');
    clock.advance(1);
    expect(await sent).toEqual({ kind: 'failed', fault: 'timeout' });
  });

  it('says of a connection that broke, or never came, that there was none', async () => {
    receiver.meetNext((response) => response.destroy());
    expect(await send(here())).toEqual({ kind: 'failed', fault: 'unreachable' });
    const url = here();
    await receiver.close();
    expect(await send(url)).toEqual({ kind: 'failed', fault: 'unreachable' });
  });
});

describe('a certificate', () => {
  it('that nobody vouches for is no good, and nothing is sent', async () => {
    const { ca: _, ...certificate } = await makeCertificate('app.localhost');
    let requests = 0;
    const server = createServer(certificate, () => {
      requests += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await send(`https://app.localhost:${port}/`)).toEqual({ kind: 'failed', fault: 'certificate' });
    expect(requests).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a name', () => {
  it.each([
    ['a private network', ['10.0.0.7']],
    ['the cloud’s metadata', ['169.254.169.254']],
    ['a unique local address', ['fd00::1']],
    ['a mapped address', ['::ffff:10.0.0.7']],
    ['a translated address', ['64:ff9b::a00:7']],
    ['nowhere in particular', ['0.0.0.0']],
    ['something that is no address', ['app.example.com']],
    ['good and bad addresses together', ['93.184.216.34', '192.168.0.1']],
    ['nothing at all', []],
  ])('that leads to %s is not connected to', async (_what, addresses) => {
    names['app.example.com'] = [addresses];
    names['app.localhost'] = [addresses];
    expect(await send('https://app.example.com/')).toEqual(REFUSED);
    expect(await send(here())).toEqual(REFUSED);
    expect(receiver.hooks).toEqual([]);
  });

  it('that does not exist looks like one that is refused: what the network knows is nobody’s business', async () => {
    expect(await send('https://missing.example.com/')).toEqual(REFUSED);
  });

  it('that leads to this machine is not connected to in production', async () => {
    names['app.example.com'] = [['127.0.0.1']];
    expect(await send(`https://app.example.com:${receiver.port}/`, { allowsLoopback: false })).toEqual(REFUSED);
  });

  it('is asked for once an attempt: an answer that changes meanwhile is never used unchecked', async () => {
    names['app.localhost'] = [['127.0.0.1'], ['169.254.169.254']];
    expect(await send(here())).toMatchObject({ status: 204 });
    expect(asked).toEqual(['app.localhost']);
    // The next attempt opens a connection of its own, and so asks and checks again.
    expect(await send(here())).toEqual(REFUSED);
    expect(asked).toHaveLength(2);
    expect(receiver.hooks).toHaveLength(1);
  });

  it('may lead into private networks that an operator allows', async () => {
    names['hooks.intranet'] = [['127.0.0.1']];
    const policy = { allowsLoopback: false, allowed: ['hooks.intranet'] };
    // It gets as far as a server that speaks no TLS.
    expect(await send(`https://hooks.intranet:${receiver.port}/`, policy)).not.toEqual(REFUSED);
    const byNetwork = { ...policy, allowed: ['127.0.0.0/8'] };
    expect(await send(`https://hooks.intranet:${receiver.port}/`, byNetwork)).not.toEqual(REFUSED);
    const another = { ...policy, allowed: ['10.0.0.0/8'] };
    expect(await send(`https://hooks.intranet:${receiver.port}/`, another)).toEqual(REFUSED);
  });
});

describe('an address in numbers', () => {
  it('is looked up nowhere, and judged all the same', async () => {
    expect(await send(`http://127.0.0.1:${receiver.port}/`)).toMatchObject({ status: 204 });
    expect(await send(`http://2130706433:${receiver.port}/`)).toMatchObject({ status: 204 });
    for (const host of ['10.0.0.1', '169.254.169.254', '[fd00::1]', '0.0.0.0', '0xa9fea9fe']) {
      expect(await send(`https://${host}/`), host).toEqual(REFUSED);
    }
    expect(await send(`http://127.0.0.1:${receiver.port}/`, { allowsLoopback: false })).toEqual(REFUSED);
    expect(asked).toEqual([]);
  });
});

describe('the machine’s own resolver', () => {
  it('names all addresses of a name, with their families', async () => {
    const found = await systemResolve('localhost');
    expect(found.length).toBeGreaterThan(0);
    for (const { address, family } of found) expect(address.includes(':') ? 6 : 4).toBe(family);
  });
});
