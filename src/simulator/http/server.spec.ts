import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { ADDRESS } from '../../../test/support/simulator-client.ts';
import { DEFAULT_CLIENT, type RunningSimulator, startGraphSimulator } from '../index.ts';

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
