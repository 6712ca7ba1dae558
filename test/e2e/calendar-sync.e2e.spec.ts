import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, ServiceProcess } from '../support/service-process.ts';

const DEMO_EVENTS = 12;

let folder: string;
let service: ServiceProcess;
let url: string;
let token: string;

/** Calls the service as a user's program would. */
async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  bearer = token,
): Promise<{ status: number; body: T }> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
}

interface Run {
  readonly jobId: string;
  readonly status: string;
  readonly result: {
    readonly conflictsDetected: number;
    readonly failedEvents: number;
    readonly local: Record<string, number>;
    readonly remote: Record<string, number>;
    readonly graphRequests: number;
  };
}

interface EventView {
  readonly id: string;
  readonly subject: string;
  readonly graphEventId: string | null;
  readonly syncState: string;
}

const NOTHING = { created: 0, updated: 0, deleted: 0 };

async function start(): Promise<void> {
  service = ServiceProcess.start(folder);
  url = await service.url();
  token = (await runCli(folder, ['token', '--user', 'demo'])).out.trim();
}

/** Follows a run over server-sent events to its end. */
async function followed(jobId: string): Promise<Run[]> {
  const answer = await fetch(`${url}/calendar/sync/status/${jobId}/stream`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  const text = await answer.text();
  return [...text.matchAll(/^data: ?(.*)$/gm)].map((match) => JSON.parse(match[1] ?? '') as Run);
}

async function syncNow(request: Record<string, unknown> = {}): Promise<Run> {
  const { body } = await call<{ jobId: string }>('POST', '/calendar/sync/start', request);
  const last = (await followed(body.jobId)).at(-1);
  if (!last) throw new Error('the stream said nothing');
  return last;
}

async function allEvents(): Promise<EventView[]> {
  const events: EventView[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
    const { body }: { body: { items: EventView[]; nextCursor: string | null } } = await call(
      'GET',
      `/calendar/events?limit=100${query}`,
    );
    events.push(...body.items);
    cursor = body.nextCursor;
  } while (cursor);
  return events;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-e2e-'));
  await start();
});
afterAll(async () => {
  await service?.signal('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('calendar-sync: the whole service, from outside', () => {
  it('syncs the sample mailbox and the application’s events both ways at its first start', async () => {
    const { run } = (await service.line((line) => 'run' in line)) as { run: Run };
    expect(run.status).toBe('COMPLETED');
    expect(run.result.failedEvents).toBe(0);
    expect(run.result.remote['created']).toBe(DEMO_EVENTS);
    expect(run.result.local['created']).toBeGreaterThan(10);
  });

  it('finds the appointment that both sides renamed, and keeps both names until somebody decides', async () => {
    const { run } = (await service.line((line) => String(line['step']).startsWith('Then'))) as { run: Run };
    expect(run).toMatchObject({ status: 'COMPLETED', result: { conflictsDetected: 1 } });
    const { body } = await call<{
      items: { id: string; fields: { field: string; local: string; remote: string }[] }[];
    }>('GET', '/calendar/sync/conflicts?status=pending');
    expect(body.items).toHaveLength(1);
    expect(body.items[0]?.fields).toMatchObject([
      { field: 'subject', local: expect.stringContaining('X-rays'), remote: expect.stringContaining('Lindqvist') },
    ]);
  });

  it('writes nothing and asks once when nothing has changed', async () => {
    const run = await syncNow();
    expect(run).toMatchObject({ status: 'COMPLETED', result: { local: NOTHING, remote: NOTHING, graphRequests: 1 } });
  });

  it('carries a new event to Outlook without being asked to', async () => {
    const { status, body } = await call<EventView>('POST', '/calendar/events', {
      subject: 'Follow-up',
      start: { dateTime: '2026-12-01T09:00:00', timeZone: 'Europe/Berlin' },
      end: { dateTime: '2026-12-01T09:30:00', timeZone: 'Europe/Berlin' },
    });
    expect(status).toBe(201);
    await expect
      .poll(async () => (await call<EventView>('GET', `/calendar/events/${body.id}`)).body, {
        timeout: 20_000,
        interval: 100,
      })
      .toMatchObject({ syncState: 'synced', graphEventId: expect.any(String) });
  });

  it('lets a person decide, and carries the decision to Outlook', async () => {
    const { body } = await call<{ items: { id: string; eventId: string }[] }>('GET', '/calendar/sync/conflicts');
    const conflict = body.items[0];
    const decided = await call<{ jobId: string }>('PUT', `/calendar/sync/conflicts/${conflict?.id}/resolve`, {
      resolution: 'PREFER_LOCAL',
      resolvedData: { reason: 'the practice knows' },
    });
    expect(decided.status).toBe(200);
    expect((await followed(decided.body.jobId)).at(-1)).toMatchObject({
      status: 'COMPLETED',
      result: { remote: { updated: 1 } },
    });
    expect((await call<EventView>('GET', `/calendar/events/${conflict?.eventId}`)).body).toMatchObject({
      syncState: 'synced',
    });
    expect(await syncNow()).toMatchObject({ result: { local: NOTHING, remote: NOTHING } });
  });

  it('turns away whoever has no token, a forged one, or another user’s id in hand', async () => {
    expect((await call('GET', '/calendar/events', undefined, '')).status).toBe(401);
    expect((await call('GET', '/calendar/events', undefined, `${token.slice(0, -4)}AAAA`)).status).toBe(401);
    const [event] = await allEvents();
    const stranger = (await runCli(folder, ['token', '--user', 'mallory'])).out.trim();
    expect((await call('GET', `/calendar/events/${event?.id}`, undefined, stranger)).status).toBe(404);
  });

  it('answers bad input with a problem that names the place', async () => {
    const unknown = await call<{ code: string; errors: { path: string }[] }>('POST', '/calendar/sync/start', {
      directon: 'pull',
    });
    expect(unknown.status).toBe(400);
    expect(JSON.stringify(unknown.body)).toContain('directon');
    const missing = await call('POST', '/calendar/sync/start', { calendarId: 'no-such-calendar' });
    expect(missing.status).toBe(404);
  });

  it('is driven from the command line as well', async () => {
    const synced = await runCli(folder, ['sync', '--url', url]);
    expect(synced).toMatchObject({ code: 0 });
    const lines = synced.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Run);
    expect(lines.at(-1)?.status).toBe('COMPLETED');
    const history = await runCli(folder, ['history', '--url', url, '--json', '--limit', '3']);
    expect(JSON.parse(history.out).items[0].jobId).toBe(lines.at(-1)?.jobId);
    expect((await runCli(folder, ['conflicts', '--url', url])).out).toContain('0 of 0');
    expect((await runCli(folder, ['status', 'no-such-run', '--url', url])).code).toBe(1);
  });

  it('keeps a second process out of its data folder, and says who is in there', async () => {
    const second = ServiceProcess.start(folder);
    expect(await second.exited).toBe(1);
    expect(second.stderr).toMatch(/^error: the data folder .* is in use by process \d+/m);
  });

  it('goes on after kill -9 as if nothing had happened: nothing lost, nothing doubled', async () => {
    const before = await allEvents();
    const { body } = await call<{ jobId: string }>('POST', '/calendar/sync/start', { forceFull: true });
    await service.signal('SIGKILL');
    await start();
    const interrupted = (await followed(body.jobId)).at(-1);
    expect(interrupted).toMatchObject({ status: 'COMPLETED', result: { local: NOTHING, remote: NOTHING } });
    const { run } = (await service.line((line) => 'run' in line)) as { run: Run };
    expect(run).toMatchObject({ status: 'COMPLETED', result: { local: NOTHING, remote: NOTHING } });
    const after = await allEvents();
    expect(after.map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id).sort());
    expect(new Set(after.map(({ graphEventId }) => graphEventId)).size).toBe(after.length);
  });

  it('ends in peace when it is asked to', async () => {
    expect(await service.signal('SIGTERM')).toBe(0);
    expect(service.stderr).toBe('');
  });
});

describe('calendar-sync: what can be wrong at start', () => {
  it('says that the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const refused = ServiceProcess.start(mkdtempSync(join(tmpdir(), 'gcs-e2e-')), ['--port', String(port)]);
    expect(await refused.exited).toBe(1);
    expect(refused.stderr).toBe(`error: port ${port} of 127.0.0.1 is in use: stop the other program, or set PORT\n`);
    other.close();
  });

  it('says that the database cannot be reached, without its password', async () => {
    const refused = ServiceProcess.start(folder, [], {
      DATABASE_URL: 'postgres://someone:pass-word@127.0.0.1:9/calendar',
    });
    expect(await refused.exited).toBe(1);
    expect(refused.stderr).toMatch(
      /^error: PostgreSQL at 127\.0\.0\.1:9\/calendar is not reachable .*check DATABASE_URL/,
    );
    expect(refused.stderr).not.toContain('pass-word');
  });

  it('refuses production without real secrets, naming them all', async () => {
    const refused = ServiceProcess.start(folder, [], { NODE_ENV: 'production' });
    expect(await refused.exited).toBe(1);
    for (const name of ['GRAPH_CLIENT_ID', 'JWT_SECRET', 'CALENDAR_ENCRYPTION_KEYS'])
      expect(refused.stderr).toContain(name);
  });
});
