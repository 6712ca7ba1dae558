import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSimulator, startGraphSimulator } from '../../src/simulator/index.ts';
import { Browser, type Page } from '../support/browser.ts';
import { runCli, ServiceProcess } from '../support/service-process.ts';

const ADA = 'ada@example.com';
const PATIENCE = { timeout: 30_000, interval: 200 };
/** Within the window that is synced. */
const DAY = new Date(Date.now() + 24 * 60 * 60_000).toISOString().slice(0, 10);
const TOMORROW = {
  start: { dateTime: `${DAY}T09:00:00`, timeZone: 'UTC' },
  end: { dateTime: `${DAY}T09:30:00`, timeZone: 'UTC' },
};

let folder: string;
let microsoft: RunningSimulator;
let service: ServiceProcess;
let url: string;
let token: string;
const browser = new Browser();

interface EventView {
  readonly id: string;
  readonly subject: string;
  readonly syncState: string;
}

async function call<T>(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: T; raw: Response }> {
  const raw = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await raw.text();
  return { status: raw.status, body: (text === '' ? undefined : JSON.parse(text)) as T, raw };
}

/** Ada signs in: from the application to Microsoft's page, and back. */
async function signIn(how: { withCookie: boolean } = { withCookie: true }): Promise<Page> {
  const begun = await call<{ authorizationUrl: string }>('POST', '/calendar/connection/authorize');
  if (how.withCookie) browser.keepCookies(url, begun.raw.headers);
  const page = await browser.visit(begun.body.authorizationUrl);
  expect(page.html).toContain('Permissions requested');
  const account = microsoft.simulator.mailbox(ADA).id;
  return browser.press(page, { name: 'decision', value: 'accept' }, { account });
}

const connection = async () => (await call<{ status: string; mode: string }>('GET', '/calendar/connection')).body;
const subjects = async () =>
  (await call<{ items: EventView[] }>('GET', '/calendar/events?limit=100')).body.items.map(({ subject }) => subject);
const inOutlook = () =>
  microsoft.simulator
    .mailbox(ADA)
    .listEvents()
    .map(({ subject }) => subject);

async function book(subject: string): Promise<EventView> {
  const { status, body } = await call<EventView>('POST', '/calendar/events', {
    subject,
    ...TOMORROW,
  });
  expect(status).toBe(201);
  return body;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-e2e-'));
  microsoft = await startGraphSimulator({ mailbox: ADA, events: 5 });
  const { clientId, tenantId, clientSecret } = microsoft.client;
  service = ServiceProcess.start(folder, [], {
    PORT: String(await freePort()),
    GRAPH_CLIENT_ID: clientId,
    GRAPH_TENANT_ID: tenantId,
    GRAPH_CLIENT_SECRET: clientSecret,
    GRAPH_BASE_URL: microsoft.url,
    GRAPH_AUTHORITY_HOST: microsoft.url,
  });
  url = await service.url();
  token = (await runCli(folder, ['token', '--user', 'ada'])).out.trim();
});
afterAll(async () => {
  await service?.signal('SIGKILL');
  await microsoft?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('signing in with Microsoft, over sockets', () => {
  it('connects the calendar of whoever agrees on Microsoft’s page', async () => {
    const page = await signIn();
    expect(page.url).toContain('/calendar/connection/callback');
    expect(page.html).toContain('Your calendar is connected');
    expect(await connection()).toMatchObject({ status: 'CONNECTED', mode: 'delegated' });
    await expect.poll(async () => (await subjects()).length, PATIENCE).toBeGreaterThan(0);
  });

  it('carries events both ways with nothing but their own token', async () => {
    const { id } = await book('From the application');
    await expect
      .poll(async () => (await call<EventView>('GET', `/calendar/events/${id}`)).body.syncState, PATIENCE)
      .toBe('synced');
    expect(inOutlook()).toContain('From the application');
    microsoft.simulator.mailbox(ADA).createEvent({
      subject: 'From Outlook',
      ...TOMORROW,
    });
    await call('POST', '/calendar/sync/start', {});
    await expect.poll(subjects, PATIENCE).toContain('From Outlook');
    const { requests } = microsoft.simulator;
    expect(requests.filter(({ path }) => /\/me(\/|$)/.test(path))).toEqual([]);
    expect(requests.filter(({ body }) => String(body).includes('client_credentials'))).toEqual([]);
  });

  it('waits when the person was signed out everywhere, and goes on when they are back', async () => {
    microsoft.simulator.identity.revokeSessions(ADA);
    await call('POST', '/calendar/sync/start', {});
    await expect.poll(connection, PATIENCE).toMatchObject({ status: 'REAUTH_REQUIRED' });
    const refused = await call<{ code: string }>('POST', '/calendar/sync/start', {});
    expect([refused.status, refused.body.code]).toEqual([409, 'REAUTH_REQUIRED']);
    const { id } = await book('Written meanwhile');
    const page = await signIn({ withCookie: false });
    const back = page.html.includes('Is this what you want?')
      ? await browser.press(page, { name: 'connect', value: 'yes' })
      : page;
    expect(back.html).toContain('Your calendar is connected');
    await expect
      .poll(async () => (await call<EventView>('GET', `/calendar/events/${id}`)).body.syncState, PATIENCE)
      .toBe('synced');
    expect(inOutlook()).toContain('Written meanwhile');
    expect(await connection()).toMatchObject({ status: 'CONNECTED' });
  });

  it('connects nothing when the person says no at Microsoft', async () => {
    const begun = await call<{ authorizationUrl: string }>('POST', '/calendar/connection/authorize');
    const page = await browser.visit(begun.body.authorizationUrl);
    const back = await browser.press(page, { name: 'decision', value: 'cancel' });
    expect(back.html).toContain('Nothing was connected');
    expect(await connection()).toMatchObject({ status: 'CONNECTED' });
  });
});
