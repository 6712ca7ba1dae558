import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../core/runtime.ts';
import { systemRandom } from '../system-runtime.ts';
import { showDemo } from './demo.ts';
import type { RunView } from './run-view.ts';
import { ServiceClient } from './service-client.ts';
import type { Terminal } from './terminal.ts';

interface Seen {
  readonly place: string;
  readonly key: string | undefined;
  readonly body: unknown;
}

const MONDAY = '2026-03-02T08:00:00.000Z';
const TUESDAY = '2026-03-03T08:00:00.000Z';

let folder: string;
let server: Server;
let seen: Seen[];
/** Requests the service still answers before it dies; the demonstration is killed half way like this. */
let lifespan: number;
let conflicts: number;
let isFaster: boolean;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-demo-'));
  seen = [];
  lifespan = Number.POSITIVE_INFINITY;
  conflicts = 0;
  isFaster = false;
  server = createServer(async (request, response) => {
    if (lifespan <= 0) {
      request.socket.destroy();
      return;
    }
    lifespan -= 1;
    const { method = '', url = '', headers } = request;
    const body = method === 'GET' ? undefined : await json(request);
    const place = `${method} ${url}`;
    const key = headers['idempotency-key'];
    seen.push({ place, key: typeof key === 'string' ? key : undefined, body });
    const answer = answerTo(place);
    if (url.endsWith('/stream')) response.end(`data: ${JSON.stringify(answer)}\n\n`);
    else response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

function answerTo(place: string): unknown {
  if (place === 'POST /calendar/events') return { id: `event-${seen.length}` };
  if (place.startsWith('GET /calendar/events/')) return { graphEventId: 'AAMk' };
  if (place.startsWith('PATCH ')) {
    conflicts = 1;
    return {};
  }
  if (place === 'POST /calendar/sync/start') return { jobId: 'asked' };
  if (place.startsWith('GET /calendar/sync/history')) return { items: [aRun('asked', 0), aRun('faster', conflicts)] };
  return aRun('asked', isFaster ? 0 : conflicts);
}

function aRun(jobId: string, conflictsDetected: number): unknown {
  return { jobId, status: 'COMPLETED', result: { conflictsDetected } };
}

async function show(how: { now?: string; database?: string; folder?: string | undefined } = {}) {
  const steps: { headline: string; run?: RunView }[] = [];
  const edits: string[] = [];
  const now = how.now ?? MONDAY;
  const clock: Clock = { now: () => new Date(now), sleep: async () => {} };
  const silent = { write: () => {} };
  const terminal: Terminal = {
    out: silent,
    err: silent,
    env: {},
    clock,
    random: systemRandom,
    interrupted: new AbortController().signal,
    readInput: async () => '',
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await showDemo({
    client: await ServiceClient.connect({ url, token: 'token', user: 'demo' }, terminal),
    simulator: { editEvent: (id) => edits.push(id) },
    folder: 'folder' in how ? how.folder : folder,
    database: how.database ?? 'PGlite in ./data',
    terminal,
    report: (step) => steps.push(step),
  });
  return { steps, edits };
}

const bookings = () => seen.filter(({ place }) => place === 'POST /calendar/events');

describe('demonstration', () => {
  it('books, connects, syncs, and lets both sides change one appointment', async () => {
    const { steps, edits } = await show();
    expect(bookings()).toHaveLength(12);
    expect(seen.map(({ place }) => place)).toContain('PUT /calendar/connection');
    expect(edits).toEqual(['AAMk']);
    expect(steps.filter(({ run }) => run).map(({ run }) => run?.result?.conflictsDetected)).toEqual([0, 1]);
  });

  it('only syncs once it has been set up', async () => {
    await show();
    seen = [];
    const { steps, edits } = await show({ now: TUESDAY });
    expect(seen.map(({ place }) => place)).toEqual([
      'POST /calendar/sync/start',
      'GET /calendar/sync/status/asked/stream',
    ]);
    expect(edits).toEqual([]);
    expect(steps.at(-1)?.headline).toContain('Going on');
  });

  it('asks for the same bookings again after it was killed half way, also on another day', async () => {
    lifespan = 5;
    await expect(show()).rejects.toThrow('no service answers');
    const before = bookings();
    expect(before).toHaveLength(5);
    lifespan = Number.POSITIVE_INFINITY;
    seen = [];
    await show({ now: TUESDAY });
    expect(bookings()).toHaveLength(12);
    expect(bookings().slice(0, 5)).toEqual(before);
    expect(new Set(bookings().map(({ key }) => key)).size).toBe(12);
  });

  it('shows the run that met the conflict when the application’s own write was faster', async () => {
    isFaster = true;
    const { steps } = await show();
    expect(steps.at(-1)?.run?.jobId).toBe('faster');
  });

  it.each([
    ['another database', { database: 'PostgreSQL at 127.0.0.1:5432/calendar' }],
    ['a database that is kept nowhere', { folder: undefined }],
  ])('begins anew in %s', async (_, how) => {
    await show();
    seen = [];
    await show(how);
    expect(bookings()).toHaveLength(12);
  });

  it('begins anew when its mark cannot be read', async () => {
    writeFileSync(join(folder, 'demo.json'), '{"database":');
    await show();
    expect(bookings()).toHaveLength(12);
  });
});
