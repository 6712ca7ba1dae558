import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { ADDRESS } from '../../../test/support/simulator-client.ts';
import { DEFAULT_CLIENT, type RunningSimulator, startGraphSimulator } from '../index.ts';
import { ConnectionDropped } from './fault-injection.ts';
import type { SimulatedRequest, SimulatedResponse } from './http-types.ts';
import { startServer } from './server.ts';

/** An application as anybody would write it: nothing in it knows of the simulator but the address. */
const APPLICATION = `
import { ConfidentialClientApplication, CryptoProvider } from '@azure/msal-node';
const [url, clientId, clientSecret, tenantId] = process.argv.slice(1);
const application = new ConfidentialClientApplication({
  auth: { clientId, clientSecret, authority: url + '/' + tenantId, knownAuthorities: [new URL(url).host] },
});
const own = await application.acquireTokenByClientCredential({ scopes: ['https://graph.microsoft.com/.default'] });
const events = await fetch(url + '/v1.0/users/${ADDRESS}/events', { headers: { authorization: 'Bearer ' + own.accessToken } });
const scopes = ['Calendars.Read'];
const redirectUri = 'http://localhost:1/signed-in';
const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
const address = await application.getAuthCodeUrl({ scopes, redirectUri, codeChallenge: challenge, codeChallengeMethod: 'S256' });
const back = await fetch(address, { redirect: 'manual' });
const code = new URL(back.headers.get('location')).searchParams.get('code');
const { account } = await application.acquireTokenByCode({ code, scopes, redirectUri, codeVerifier: verifier });
const silent = await application.acquireTokenSilent({ account, scopes, forceRefresh: true });
const mine = await fetch(url + '/v1.0/me/events', { headers: { authorization: 'Bearer ' + silent.accessToken } });
console.log(JSON.stringify({ events: events.status, username: account.username, mine: mine.status }));
`;

let running: RunningSimulator | undefined;
const folder = mkdtempSync(join(tmpdir(), 'graph-https-'));
afterEach(async () => {
  await running?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('HTTPS', () => {
  it('serves an unmodified MSAL that trusts the certificate authority, as a process of its own', async () => {
    running = await startGraphSimulator({ https: true, mailbox: ADDRESS, events: 1, switches: { autoConsent: true } });
    expect(running.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, running.ca ?? '');
    const { clientId, clientSecret, tenantId } = DEFAULT_CLIENT;
    const run = (url: string, trusted: Record<string, string>) =>
      promisify(execFile)(
        process.execPath,
        ['--input-type=module', '--eval', APPLICATION, url, clientId, clientSecret, tenantId],
        {
          cwd: resolve(import.meta.dirname, '../../..'),
          env: { PATH: process.env['PATH'], ...trusted },
          timeout: 30_000,
        },
      );
    for (const url of [running.url, `https://localhost:${running.port}`]) {
      const { stdout } = await run(url, { NODE_EXTRA_CA_CERTS: caFile });
      expect(JSON.parse(stdout)).toEqual({ events: 200, username: ADDRESS, mine: 200 });
    }
    await expect(run(running.url, {})).rejects.toThrow();
  }, 60_000);
});

describe('what reaches no route', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  /** One request in its bytes. @returns status and body of the answer, or nothing when the connection was cut */
  async function raw(handle: (request: SimulatedRequest) => Promise<SimulatedResponse>, text: string) {
    const server = await startServer(handle, {});
    closing.push(() => server.close());
    const socket = connect(server.port, '127.0.0.1');
    socket.end(text);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    return { status: Number(head.split(' ')[1]), head, body };
  }

  const echo = async ({ url }: SimulatedRequest): Promise<SimulatedResponse> => ({
    status: 200,
    headers: {},
    body: { url: url.href },
  });

  it('takes the outermost address of several proxies', async () => {
    const { status, body } = await raw(
      echo,
      'GET /v1.0/me HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: https, http\r\nX-Forwarded-Host: graph.test, b.test\r\nConnection: close\r\n\r\n',
    );
    expect([status, JSON.parse(body)]).toEqual([200, { url: 'https://graph.test/v1.0/me' }]);
  });

  it.each(['Host: a b', 'Host: [', 'Host: x\r\nX-Forwarded-Proto: ://'])(
    'refuses an address nobody can read: %j',
    async (header) => {
      const { status, body } = await raw(echo, `GET /v1.0/me HTTP/1.1\r\n${header}\r\nConnection: close\r\n\r\n`);
      expect([status, JSON.parse(body).error.code]).toEqual([400, 'BadRequest']);
    },
  );

  it('says that a body is too large, as Graph does', async () => {
    const length = 5 * 1024 * 1024;
    const { status, head, body } = await raw(
      echo,
      `POST /v1.0/me/events HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${'x'.repeat(length)}`,
    );
    expect([status, JSON.parse(body).error.code]).toEqual([413, 'RequestEntityTooLarge']);
    expect(head).toContain('request-id: ');
  });

  it('tells a defect of its own from a dropped connection', async () => {
    const text = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';
    const defect = async () => {
      throw new TypeError('of the simulator');
    };
    const { status, body } = await raw(defect, text);
    expect([status, JSON.parse(body).error.code]).toEqual([500, 'SimulatorDefect']);
    const dropped = async () => {
      throw new ConnectionDropped('by a fault');
    };
    await expect(raw(dropped, text)).resolves.toMatchObject({ body: '' });
  });
});
