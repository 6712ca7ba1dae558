import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { developmentSecrets } from '../development-secrets.ts';
import { systemClock, systemRandom } from '../system-runtime.ts';
import { runCommand } from './main.ts';
import type { RunView } from './run-view.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
}

type Answer = { status?: number; body: unknown } | { stream: readonly unknown[] };

let folder: string;
let server: Server | undefined;
let seen: Seen[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-cli-'));
  seen = [];
});
afterEach(async () => {
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Runs one command line against a data folder of its own. */
async function run(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<Outcome> {
  let out = '';
  let err = '';
  const code = await runCommand(args, {
    out: { write: (chunk: string) => (out += chunk) },
    err: { write: (chunk: string) => (err += chunk) },
    env: { DATABASE_URL: `pglite:${folder}`, LOG_LEVEL: 'silent', ...env },
    clock: systemClock,
    random: systemRandom,
    interrupted: new AbortController().signal,
    readInput: async () => input,
  });
  return { code, out, err };
}

/** A service that answers as it is told and remembers what it was asked. */
async function serviceAnswering(answers: Readonly<Record<string, Answer>>): Promise<string> {
  developmentSecrets(folder, systemRandom);
  server = createServer(async (request: IncomingMessage, response) => {
    const { method = '', url = '', headers } = request;
    seen.push({
      method,
      url,
      body: await text(request),
      authorization: headers.authorization,
      contentType: headers['content-type'],
    });
    const answer = answers[`${method} ${url}`] ?? {
      status: 404,
      body: { detail: `nothing at ${url}`, code: 'NOT_FOUND' },
    };
    if ('stream' in answer) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of answer.stream) response.write(`event: status\ndata: ${JSON.stringify(event)}\n\n`);
      response.end();
      return;
    }
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function aRun(patch: Partial<RunView> = {}): RunView {
  return {
    jobId: 'run-1',
    status: 'COMPLETED',
    direction: 'bidirectional',
    calendarId: 'default',
    progress: { total: 4, processed: 4, percentage: 100 },
    startedAt: '2026-03-02T08:00:00.000Z',
    completedAt: '2026-03-02T08:00:01.500Z',
    result: {
      conflictsDetected: 1,
      failedEvents: 0,
      local: { created: 3, updated: 0, deleted: 0 },
      remote: { created: 0, updated: 1, deleted: 0 },
      graphRequests: 7,
      durationMs: 1500,
    },
    error: null,
    ...patch,
  };
}

describe('command line', () => {
  it.each([
    ['--help'],
    ['serve', '--help'],
    ['worker', '--help'],
    ['migrate', '--help'],
    ['sync', '--help'],
    ['status', '--help'],
    ['history', '--help'],
    ['revert', '--help'],
    ['conflicts', 'resolve', '--help'],
    ['events', 'import', '--help'],
    ['privacy', 'erase', '--help'],
    ['simulator', '--help'],
    ['token', '--help'],
    ['keys', 'rotate', '--help'],
    ['doctor', '--help'],
  ])('explains itself: %s %s', async (...args) => {
    const { code, out } = await run(args);
    expect(code).toBe(0);
    expect(out).toContain('Usage: graph-calendar-sync');
  });

  it.each([
    [['synk'], 'unknown command'],
    [[], 'Usage:'],
    [['sync', '--direction', 'sideways'], 'Allowed choices are pull, push, bidirectional'],
    [['sync', '--start', '2026-01-01T00:00:00Z'], '--start and --end go together'],
    [['history', '--limit', 'ten'], 'whole number from 1 to 100'],
    [['conflicts', 'resolve', 'c1'], 'required option'],
    [['conflicts', 'resolve', 'c1', '--resolution', 'nobody'], 'must be one of prefer_local'],
    [['token', '--roles', 'king'], 'none of user, operator, admin'],
  ])('is told that it is used wrongly, with exit code 2: %j', async (args, message) => {
    const { code, err } = await run(args);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });

  it('says that no service answers, and how to start it', async () => {
    developmentSecrets(folder, systemRandom);
    const { code, err } = await run(['status', '--url', 'http://127.0.0.1:9']);
    expect(err).toBe(
      'error: no service answers at http://127.0.0.1:9: start it with "npm start" (or graph-calendar-sync serve), or give its address with --url\n',
    );
    expect(code).toBe(1);
  });

  it('says in one line each what is wrong with the environment', async () => {
    const { code, err } = await run(['migrate'], { PORT: 'x', CALENDAR_SYNC_INTERVAL: '-5' });
    expect(err.trim().split('\n')).toHaveLength(2);
    expect(err).toMatch(/PORT must be a port.*e\.g\. PORT=3000/);
    expect(code).toBe(1);
  });

  it('prints the service’s own words for a refusal', async () => {
    const url = await serviceAnswering({
      'POST /calendar/sync/start': {
        status: 409,
        body: {
          status: 409,
          code: 'NOT_CONNECTED',
          detail: 'no mailbox is connected',
          errors: [{ path: 'x', message: 'y' }],
        },
      },
    });
    const { code, err } = await run(['sync', '--url', url]);
    expect(err).toBe('error: no mailbox is connected (409 NOT_CONNECTED)\n  x: y\n');
    expect(code).toBe(1);
  });
});

describe('sync', () => {
  it('starts a run as asked and streams it as JSON lines to programs', async () => {
    const url = await serviceAnswering({
      'POST /calendar/sync/start': { status: 202, body: { jobId: 'run-1', status: 'started' } },
      'GET /calendar/sync/status/run-1/stream': { stream: [aRun({ status: 'IN_PROGRESS' }), aRun()] },
    });
    const { code, out } = await run(['sync', '--url', url, '--direction', 'pull', '--calendar', 'all', '--full']);
    expect(code).toBe(0);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).status),
    ).toEqual(['IN_PROGRESS', 'COMPLETED']);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ direction: 'pull', calendarId: 'all', forceFull: true });
  });

  it('fails with the run', async () => {
    const error = { code: 'MASS_DELETE_REFUSED', message: '40 events would go' };
    const url = await serviceAnswering({
      'POST /calendar/sync/start': { status: 202, body: { jobId: 'run-1', status: 'started' } },
      'GET /calendar/sync/status/run-1/stream': { stream: [aRun({ status: 'FAILED', error })] },
    });
    const { code, err } = await run(['sync', '--url', url]);
    expect(code).toBe(1);
    expect(err).toContain('run run-1 ended as FAILED: 40 events would go');
  });

  it('asks for a preview and changes nothing with --dry-run', async () => {
    const url = await serviceAnswering({ 'POST /calendar/sync/preview': { body: { local: { created: 2 } } } });
    const { out } = await run(['sync', '--url', url, '--dry-run', '--json']);
    expect(JSON.parse(out)).toEqual({ local: { created: 2 } });
    expect(seen.map(({ url: asked }) => asked)).toEqual(['/calendar/sync/preview']);
  });

  it('does not take a stream that breaks off for an end', async () => {
    const url = await serviceAnswering({
      'POST /calendar/sync/start': { status: 202, body: { jobId: 'run-1', status: 'started' } },
      'GET /calendar/sync/status/run-1/stream': { stream: [aRun({ status: 'IN_PROGRESS' })] },
    });
    const { code, err } = await run(['sync', '--url', url]);
    expect(code).toBe(1);
    expect(err).toContain('ask again with: status run-1');
  });
});

describe('status and history', () => {
  it('shows the latest run to people', async () => {
    const url = await serviceAnswering({
      'GET /calendar/sync/history?limit=1': { body: { items: [aRun()], total: 1 } },
    });
    const { out } = await run(['status', '--url', url]);
    expect(out).toContain('Run run-1: COMPLETED in 1.5 s (bidirectional, calendar default)');
    expect(out).toContain('application  3 created, 0 updated, 0 deleted');
    expect(out).toContain('Outlook      0 created, 1 updated, 0 deleted');
  });

  it('lists runs with what they did on each side', async () => {
    const url = await serviceAnswering({
      'GET /calendar/sync/history?limit=5&offset=0&status=FAILED': { body: { items: [aRun()], total: 1 } },
    });
    const { out, code } = await run(['history', '--url', url, '--limit', '5', '--status', 'failed']);
    expect(code).toBe(0);
    expect(out).toContain('+3 ~0 -0');
  });

  it('takes a run back, and says what was left', async () => {
    const report = {
      jobIds: ['run-2'],
      reverted: [{ eventId: 'e1', action: 'restored', fields: ['subject'], newEventId: null }],
      kept: [{ eventId: 'e2', field: 'time', why: 'changed-since' }],
    };
    const url = await serviceAnswering({ 'POST /calendar/sync/history/run-1/revert': { body: report } });
    const { out, code } = await run(['revert', 'run-1', '--url', url, '--event', 'e1', 'e2']);
    expect(code).toBe(0);
    expect(out).toMatch(/e1\s+restored\s+subject/);
    expect(out).toMatch(/e2\s+kept: changed-since\s+time/);
    expect(out).toContain('1 taken back, 1 kept');
    expect(JSON.parse((await run(['revert', 'run-1', '--url', url, '--json'])).out)).toEqual(report);
  });
});

describe('conflicts', () => {
  it('sends a decision with the fields to keep', async () => {
    const conflict = {
      id: 'c1',
      conflictType: 'UPDATE_UPDATE',
      eventId: 'e1',
      fields: [],
      resolution: 'MANUAL',
      jobId: 'run-2',
    };
    const url = await serviceAnswering({ 'PUT /calendar/sync/conflicts/c1/resolve': { body: conflict } });
    const args = [
      'conflicts',
      'resolve',
      'c1',
      '--url',
      url,
      '--resolution',
      'Manual',
      '--event',
      '{"subject":"Both"}',
      '--reason',
      'agreed',
    ];
    const { out, code } = await run(args);
    expect(code).toBe(0);
    expect(out).toContain('carried to Outlook by run run-2');
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      resolution: 'MANUAL',
      resolvedData: { event: { subject: 'Both' }, reason: 'agreed' },
    });
  });
});

describe('commands under one name', () => {
  it.each([
    [['events', 'list'], '/calendar/events?limit=50'],
    [['events'], '/calendar/events?limit=50'],
    [['conflicts', 'list'], '/calendar/sync/conflicts?status=pending&limit=20&offset=0'],
    [['conflicts'], '/calendar/sync/conflicts?status=pending&limit=20&offset=0'],
  ])('answer in JSON when they are asked to: %j', async (args, path) => {
    const page = { items: [], total: 0, nextCursor: null };
    const url = await serviceAnswering({ [`GET ${path}`]: { body: page } });
    const { out, err } = await run([...args, '--json', '--url', url]);
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual(page);
  });
});

describe('events', () => {
  it('answers an invitation', async () => {
    const url = await serviceAnswering({
      'POST /calendar/events/e1_2026-03-09/respond': {
        status: 202,
        body: { id: 'e1_2026-03-09', syncState: 'pending' },
      },
    });
    const args = ['events', 'respond', '--url', url, 'e1_2026-03-09', 'tentative', '--comment', 'Perhaps', '--no-send'];
    expect((await run(args)).out).toBe('tentative for e1_2026-03-09 (pending)\n');
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      response: 'tentative',
      comment: 'Perhaps',
      sendResponse: false,
    });
  });

  it('creates an event from options', async () => {
    const url = await serviceAnswering({
      'POST /calendar/events': { status: 201, body: { id: 'e1', syncState: 'pending' } },
    });
    const args = ['events', 'create', '--url', url, '--subject', 'Standup', '--start', '2026-03-09T09:00:00'];
    const { out } = await run([
      ...args,
      '--end',
      '2026-03-09T09:15:00',
      '--time-zone',
      'Europe/Berlin',
      '--location',
      'Room 1',
    ]);
    expect(out).toBe('created e1 (pending)\n');
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      subject: 'Standup',
      start: { dateTime: '2026-03-09T09:00:00', timeZone: 'Europe/Berlin' },
      end: { dateTime: '2026-03-09T09:15:00', timeZone: 'Europe/Berlin' },
      location: { displayName: 'Room 1' },
    });
  });

  it('imports an iCalendar file, or standard input', async () => {
    const url = await serviceAnswering({ 'POST /calendar/events/import': { body: { created: 1 } } });
    writeFileSync(join(folder, 'a.ics'), 'BEGIN:VCALENDAR');
    await run(['events', 'import', join(folder, 'a.ics'), '--url', url]);
    await run(['events', 'import', '-', '--url', url], {}, 'BEGIN:VCALENDAR from stdin');
    expect(seen.map(({ body }) => body)).toEqual(['BEGIN:VCALENDAR', 'BEGIN:VCALENDAR from stdin']);
    expect(seen[0]?.contentType).toContain('text/calendar');
  });

  it('exports to a file', async () => {
    const url = await serviceAnswering({
      'GET /calendar/events/export.ics': { body: 'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n' },
    });
    const file = join(folder, 'out.ics');
    const { out } = await run(['events', 'export', '--url', url, '--out', file]);
    expect(out).toBe(`1 events written to ${file}\n`);
    expect(readFileSync(file, 'utf8')).toContain('BEGIN:VEVENT');
  });
});

describe('privacy', () => {
  it('writes everything held about the caller to a file', async () => {
    const url = await serviceAnswering({ 'GET /calendar/privacy/export': { body: 'PK and so on' } });
    const file = join(folder, 'data.zip');
    const { out, code } = await run(['privacy', 'export', '--url', url, '--out', file, '--json']);
    expect([code, JSON.parse(out)]).toEqual([0, { file, bytes: 12 }]);
    expect(readFileSync(file, 'utf8')).toBe('PK and so on');
  });

  it('leaves the file of last time alone when there is none this time', async () => {
    const url = await serviceAnswering({});
    const file = join(folder, 'data.zip');
    writeFileSync(file, 'of last time');
    expect((await run(['privacy', 'export', '--url', url, '--out', file])).code).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe('of last time');
  });

  it('erases only whom it is told to, and only when it is meant', async () => {
    const url = await serviceAnswering({ 'DELETE /calendar/privacy/data?userId=ann': { body: '{}' } });
    const refused = await run(['privacy', 'erase', '--url', url, '--of', 'ann']);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('--yes') });
    expect(seen).toEqual([]);
    expect(await run(['privacy', 'erase', '--url', url, '--of', 'ann', '--yes'])).toMatchObject({
      code: 0,
      out: 'erased\n',
    });
  });
});

describe('token', () => {
  it('signs with the data folder’s own secret, which only its owner can read', async () => {
    const { jwtSecret } = developmentSecrets(folder, systemRandom);
    const { out, code } = await run([
      'token',
      '--user',
      'ann',
      '--roles',
      'user,operator',
      '--email',
      'ann@example.com',
    ]);
    expect(code).toBe(0);
    const { payload } = await jwtVerify(out.trim(), new TextEncoder().encode(jwtSecret));
    expect(payload).toMatchObject({ sub: 'ann', roles: ['user', 'operator'], email: 'ann@example.com' });
    expect(statSync(join(folder, 'development-secrets.json')).mode & 0o777).toBe(0o600);
  });

  it('signs with JWT_SECRET, issuer and audience where they are set', async () => {
    const secret = 's'.repeat(40);
    const { out } = await run(['token'], { JWT_SECRET: secret, JWT_ISSUER: 'me', JWT_AUDIENCE: 'calendar' });
    const verified = await jwtVerify(out.trim(), new TextEncoder().encode(secret), {
      issuer: 'me',
      audience: 'calendar',
    });
    expect(verified.payload.sub).toBe('demo');
  });

  it('is impossible in production', async () => {
    const { code, err } = await run(['token'], {
      NODE_ENV: 'production',
      GRAPH_CLIENT_ID: 'c',
      GRAPH_TENANT_ID: 't',
      GRAPH_CLIENT_SECRET: 's',
      JWT_SECRET: 'x'.repeat(40),
      CALENDAR_ENCRYPTION_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
    });
    expect(code).toBe(1);
    expect(err).toContain('development only');
  });

  it('says what to do when no service has ever run here', async () => {
    expect(await run(['token'])).toMatchObject({ code: 1, err: expect.stringContaining('start the service once') });
  });
});

describe('worker', () => {
  it('refuses the embedded database, which belongs to one process', async () => {
    expect(await run(['worker'])).toMatchObject({ code: 1, err: expect.stringContaining('needs a PostgreSQL server') });
  });
});
