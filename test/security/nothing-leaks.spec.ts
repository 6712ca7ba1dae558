import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { type App, createApp } from '../../src/app.ts';
import type { LogLevel } from '../../src/config.ts';
import { silentLogger } from '../../src/core/runtime.ts';
import { GraphSimulator, type SimulatedMailbox } from '../../src/simulator/index.ts';
import { type Db, openDatabase } from '../../src/store/db.ts';
import { openPglite } from '../../src/store/pglite.db.ts';
import { createLogger } from '../../src/system-logger.ts';
import { systemClock } from '../../src/system-runtime.ts';
import { ADMIN, type Claims, SECRET, sign } from '../support/api-world.ts';
import { emptyDatabase } from '../support/embedded-database.ts';
import { expectMails, watchOutbox } from '../support/outbox-watch.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { configFor } from '../support/sync-world.ts';

/** Stands in everything a person writes, in every address, and in every secret that can be chosen. */
const MARK = 'Xq7Marker';
const MAILBOX = `${MARK.toLowerCase()}.mailbox@example.com`;
const ADA: Claims = { sub: 'ada', email: MAILBOX };
const at = (hour: number) => ({ dateTime: `2026-12-07T${String(hour).padStart(2, '0')}:00:00`, timeZone: 'UTC' });

/** What nobody may find anywhere but in the answers to the person it belongs to. */
class Secrets {
  readonly #known = new Map<string, string>([[MARK.toLowerCase(), 'what a person wrote, or an address']]);

  add(what: string, value: unknown): void {
    if (typeof value === 'string' && value.length >= 12) this.#known.set(value.toLowerCase(), what);
  }

  /** Also where it stands in base64, wherever it begins. */
  foundIn(text: string): string[] {
    const lower = text.toLowerCase();
    const found = [...this.#known].filter(([value]) => lower.includes(value)).map(([, what]) => what);
    const inBase64 = [0, 1, 2].some((shift) => {
      const encoded = Buffer.from(' '.repeat(shift) + MARK).toString('base64');
      return text.includes(encoded.slice(shift === 0 ? 0 : 4, -4));
    });
    return [...new Set([...found, ...(inBase64 ? ['what a person wrote, in base64'] : [])])];
  }

  get kinds(): string[] {
    return [...new Set(this.#known.values())];
  }
}

class World {
  readonly secrets = new Secrets();
  readonly logs: string[] = [];
  readonly refusals: string[] = [];
  readonly app: App;
  readonly mailbox: SimulatedMailbox;
  readonly #simulator: GraphSimulator;
  /** How Graph refuses the next write: by quoting what was written. */
  quotesNextWrite = false;

  private constructor(app: App, simulator: GraphSimulator, mailbox: SimulatedMailbox) {
    this.app = app;
    this.#simulator = simulator;
    this.mailbox = mailbox;
  }

  static async open(db: Db): Promise<World> {
    const simulator = new GraphSimulator({ now: () => systemClock.now().getTime(), switches: { autoConsent: true } });
    watchOutbox(simulator);
    const mailbox = simulator.addMailbox({ address: MAILBOX, name: `${MARK} Lemke` });
    const logs: string[] = [];
    const logger = createLogger('trace' as LogLevel, { write: (line: string) => logs.push(line) } as never);
    let world: World | undefined;
    const config = configFor(simulator, { JWT_SECRET: SECRET });
    const app = await createApp(config, {
      db,
      logger,
      fetch: async (url, init) => {
        if (world?.refuses(init?.method, String(init?.body))) return quoting(init?.method, String(init?.body));
        const answer = await simulator.fetch(url, init);
        world?.learn(String(init?.body ?? ''), await answer.clone().text());
        return answer;
      },
    });
    world = new World(app, simulator, mailbox);
    (world as { logs: string[] }).logs = logs;
    const { secret } = config.graph.credential as { secret: string };
    world.secrets.add('the application’s secret', secret);
    world.secrets.add('the secret of callers’ tokens', SECRET);
    world.secrets.add('the key ring', config.encryptionKeys.split(':')[1]);
    await app.start({ isApi: false, isWorker: true });
    return world;
  }

  /** Tokens, codes and delta links, as they come by. */
  learn(asked: string, answered: string): void {
    for (const name of ['access_token', 'refresh_token', 'id_token']) {
      for (const [, value] of answered.matchAll(new RegExp(`"${name}":"([^"]+)"`, 'g'))) this.secrets.add(name, value);
    }
    for (const [, value] of answered.matchAll(/\$(?:delta|skip)token=([^"&\\]+)/g))
      this.secrets.add('a delta link', value);
    const form = new URLSearchParams(asked);
    for (const name of ['code', 'code_verifier', 'client_secret']) this.secrets.add(name, form.get(name));
  }

  refuses(method: string | undefined, body: string): boolean {
    if (!this.quotesNextWrite || (method !== 'PATCH' && !body.includes('"method":"PATCH"'))) return false;
    this.quotesNextWrite = false;
    return true;
  }

  async call<T = Record<string, unknown>>(
    method: string,
    url: string,
    o: { as?: Claims | null; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; body: T; headers: Record<string, unknown> }> {
    const { as = ADA, body, headers } = o;
    const token = as && (await sign(as, systemClock.now()));
    this.secrets.add('a caller’s token', token);
    const answer = await this.app.server.inject({
      method: method as 'GET',
      url,
      ...(body === undefined ? {} : { payload: body as object }),
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    });
    const isJson = String(answer.headers['content-type']).includes('json') && answer.body !== '';
    if (answer.statusCode >= 400)
      this.refusals.push(`${method} ${url} ${JSON.stringify(answer.headers)} ${answer.body}`);
    return { status: answer.statusCode, body: (isJson ? answer.json() : answer.body) as T, headers: answer.headers };
  }

  /** Starts a run and waits for its end, whichever it is. */
  async run(as: Claims = ADA): Promise<string> {
    const { body } = await this.call<{ jobId: string }>('POST', '/calendar/sync/start', { as, body: {} });
    const status = async () =>
      (await this.call<{ status: string }>('GET', `/calendar/sync/status/${body.jobId}`, { as })).body.status;
    await expect.poll(status, { timeout: 60_000, interval: 100 }).toMatch(/COMPLETED|FAILED|CANCELLED/);
    return status();
  }

  /** The person signs in with Microsoft, in the browser that began it. */
  async signIn(): Promise<void> {
    const begun = await this.call<{ authorizationUrl: string }>('POST', '/calendar/connection/authorize');
    const cookie = String(begun.headers['set-cookie']).split(';')[0] ?? '';
    this.secrets.add('the browser’s cookie', cookie.split('=')[1]);
    const url = new URL(begun.body.authorizationUrl);
    this.secrets.add('the state of a sign-in', url.searchParams.get('state'));
    const answer = await this.#simulator.fetch(url.href, { redirect: 'manual' });
    const back = new URL(answer.headers.get('location') ?? '');
    const page = await this.call('GET', `${back.pathname}${back.search}`, { as: null, headers: { cookie } });
    expect(page.status).toBe(200);
  }

  revokeSignIn(): void {
    this.#simulator.identity.revokeSessions(MAILBOX);
  }
}

/** Graph's way to refuse a change, alone or in a batch: with what it did not like in the message. */
function quoting(method: string | undefined, sent: string): Response {
  const refusal = (body: unknown) => ({
    error: { code: 'ErrorInvalidProperty', message: `not allowed: ${JSON.stringify(body)}` },
  });
  const headers = { 'content-type': 'application/json' };
  if (method === 'PATCH') return new Response(JSON.stringify(refusal(sent)), { status: 400, headers });
  const { requests } = JSON.parse(sent) as { requests: { id: string; body?: unknown }[] };
  const responses = requests.map(({ id, body }) => ({ id, status: 400, headers, body: refusal(body) }));
  return new Response(JSON.stringify({ responses }), { headers });
}

const event = (name: string, hour: number) => ({
  subject: `${MARK} subject ${name}`,
  body: { contentType: 'text', content: `${MARK} body` },
  start: at(hour),
  end: at(hour + 1),
  location: { displayName: `${MARK} room` },
  attendees: [{ type: 'required', emailAddress: { address: `${MARK}.guest@example.com`, name: `${MARK} Guest` } }],
  categories: [`${MARK} category`],
});

/** Everything that writes something down, through the API and through Outlook, and much of what goes wrong. */
async function live(world: World): Promise<void> {
  expectMails('perhaps');
  const { mailbox } = world;
  mailbox.addCalendar(`${MARK} calendar`);
  const there = mailbox.createEvent(event('from Outlook', 8) as never) as { id: string };
  await world.signIn();
  await world.call('PUT', '/calendar/sync/settings', {
    body: { conflictResolution: 'manual', notifyAttendees: 'all' },
  });
  const webhook = await world.call('POST', '/calendar/webhooks', {
    body: {
      url: `https://hooks.example.com/${MARK}`,
      events: ['event.created', 'conflict.detected', 'sync.completed'],
    },
  });
  expect(webhook.status).toBe(201);
  world.secrets.add('a webhook’s secret', webhook.body['secret']);
  expect(await world.run()).toBe('COMPLETED');

  const rule = { pattern: { type: 'daily', interval: 1 }, range: { type: 'numbered', numberOfOccurrences: 3 } };
  const headers = { 'idempotency-key': 'a-key' };
  const own = await world.call<{ id: string }>('POST', '/calendar/events', { body: event('of ours', 10), headers });
  const series = await world.call<{ id: string }>('POST', '/calendar/events', {
    body: { ...event('series', 12), recurrence: rule },
  });
  await world.call('PATCH', `/calendar/events/${series.body.id}_2026-12-08`, {
    body: { subject: `${MARK} exception` },
  });
  const ics = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:x', 'BEGIN:VEVENT', 'UID:u1', 'DTSTAMP:20261201T000000Z'];
  const rest = [
    'DTSTART:20261207T150000Z',
    'DTEND:20261207T160000Z',
    `SUMMARY:${MARK}`,
    'END:VEVENT',
    'END:VCALENDAR',
    '',
  ];
  const file = [...ics, ...rest].join('\r\n');
  await world.call('POST', '/calendar/events/import', { body: file, headers: { 'content-type': 'text/calendar' } });
  expect(await world.run()).toBe('COMPLETED');

  // A conflict that waits, and is decided by hand.
  const { body: list } = await world.call<{ items: { id: string; graphEventId: string }[] }>('GET', '/calendar/events');
  const contested = list.items.find(({ graphEventId }) => graphEventId === there.id) ?? list.items[0];
  mailbox.updateEvent(contested?.graphEventId ?? '', { subject: `${MARK} there` });
  await world.call('PATCH', `/calendar/events/${contested?.id}`, { body: { subject: `${MARK} here` } });
  await world.run();
  const { body: conflicts } = await world.call<{ items: { id: string }[] }>('GET', '/calendar/sync/conflicts');
  expect(conflicts.items.length).toBeGreaterThan(0);
  const decision = {
    resolution: 'MANUAL',
    resolvedData: { event: { subject: `${MARK} kept` }, reason: `${MARK} reason` },
  };
  await world.call('PUT', `/calendar/sync/conflicts/${conflicts.items[0]?.id}/resolve`, { body: decision });
  await world.run();

  // Graph refuses a change, and says of what.
  world.quotesNextWrite = true;
  await world.call('PATCH', `/calendar/events/${own.body.id}`, { body: { subject: `${MARK} refused` } });
  await world.run();
  await world.call('DELETE', `/calendar/events/${series.body.id}`);
  await world.run();

  await goWrong(world);
  world.revokeSignIn();
  expect(await world.run()).toBe('FAILED');
  // Another sign-in that nobody ends.
  await world.call('POST', '/calendar/connection/authorize');
}

/** Refusals of all kinds; what was sent must not come back with them. */
async function goWrong(world: World): Promise<void> {
  const wrong: readonly [method: string, url: string, body?: unknown, headers?: Record<string, string>][] = [
    ['POST', '/calendar/events', { ...event('x', 10), end: at(9) }],
    ['POST', '/calendar/events', { ...event('x', 10), start: { dateTime: `${MARK}`, timeZone: 'UTC' } }],
    ['POST', '/calendar/events', { ...event('x', 10), showAs: MARK }],
    ['POST', '/calendar/events', `{"subject": "${MARK}`, { 'content-type': 'application/json' }],
    ['POST', '/calendar/events/import', `BEGIN:VCALENDAR\r\nSUMMARY:${MARK}`, { 'content-type': 'text/calendar' }],
    ['PUT', '/calendar/connection', { mode: 'application', mailbox: `${MARK}.other@example.com` }],
    ['POST', '/calendar/webhooks', { url: `http://${MARK}.example.com`, events: ['event.created'] }],
    ['GET', `/calendar/events?cursor=${MARK}`],
    ['GET', `/calendar/connection/callback?state=${MARK}&code=${MARK}`],
  ];
  for (const [method, url, body, headers] of wrong)
    await world.call(method, url, { body, ...(headers ? { headers } : {}) });
  await world.call('GET', '/calendar/events', { as: null, headers: { authorization: `Bearer ${MARK}.a.b` } });
}

/** Every row of every table there is, whoever made it. */
async function rowsOf(db: Db): Promise<{ table: string; row: string }[]> {
  const { rows: tables } = await sql<{ schema: string; name: string }>`
    select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
  `.execute(db.kysely);
  const found: { table: string; row: string }[] = [];
  for (const { schema, name } of tables) {
    const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.table(`${schema}.${name}`)} t`.execute(
      db.kysely,
    );
    found.push(...rows.map(({ row }) => ({ table: `${schema}.${name}`, row })));
  }
  return found;
}

async function expectNothing(world: World, db: Db): Promise<void> {
  const { secrets, logs, refusals } = world;
  // Enough was learnt for the search to mean something.
  expect(world.quotesNextWrite).toBe(false);
  expect(secrets.kinds).toEqual(
    expect.arrayContaining([
      ...['access_token', 'refresh_token', 'id_token', 'code', 'code_verifier', 'a delta link', 'a webhook’s secret'],
      ...['the browser’s cookie', 'the state of a sign-in', 'a caller’s token', 'the key ring'],
    ]),
  );
  expect(secrets.foundIn(Buffer.from(`"subject":"${MARK}"`).toString('base64'))).toHaveLength(1);
  const rows = await rowsOf(db);
  const tables = new Set(rows.map(({ table }) => table.split('.')[1]));
  expect([...tables]).toEqual(
    expect.arrayContaining([
      ...['CalendarEvent', 'CalendarEventTombstone', 'EventBase', 'Calendar', 'CalendarConnection', 'DeltaCursor'],
      ...['CalendarSyncConflict', 'SyncOperation', 'UserKey', 'IdempotencyKey', 'OutgoingWebhook', 'AuditEntry'],
      ...['WebhookDelivery', 'AuthorizationRequest', 'CalendarSyncState'],
    ]),
  );
  expect([...tables].some((table) => table?.startsWith('job'))).toBe(true);
  const leaks = (texts: readonly { where: string; text: string }[]) =>
    texts.flatMap(({ where, text }) =>
      secrets.foundIn(text).map((what) => `${where}: ${what} in ${text.slice(0, 600)}`),
    );
  expect(leaks(rows.map(({ table, row }) => ({ where: table, text: row })))).toEqual([]);
  expect(logs.length).toBeGreaterThan(20);
  expect(leaks(logs.map((line) => ({ where: 'log', text: line })))).toEqual([]);
  // A path that was asked for is told back, as RFC 9457 has it; no more than that.
  const answers = refusals.map((text) => ({ where: 'refusal', text: text.slice(text.indexOf('{')) }));
  expect(answers.length).toBeGreaterThan(8);
  expect(leaks(answers)).toEqual([]);
  for (const url of ['/metrics', '/calendar/sync/health', '/openapi.json', '/calendar/sync/history?userId=*']) {
    const { body, headers } = await world.call('GET', url, { as: ADMIN });
    expect(leaks([{ where: url, text: JSON.stringify([body, headers]) }])).toEqual([]);
  }
}

describe('nothing of what people write, of addresses, tokens and secrets can be read', () => {
  it('in the embedded database and in its files on the disk, in logs, figures and refusals', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gcs-leaks-'));
    const db = await openPglite(folder, await emptyDatabase());
    const world = await World.open(db);
    try {
      await live(world);
      await expectNothing(world, db);
      await sql`checkpoint`.execute(db.kysely);
    } finally {
      await world.app.stop();
      await db.close();
    }
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(100);
    const leaks = files.flatMap(({ parentPath, name }) =>
      world.secrets.foundIn(readFileSync(join(parentPath, name), 'latin1')).map((what) => `${name}: ${what}`),
    );
    expect(leaks).toEqual([]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('in a PostgreSQL server, in logs, figures and refusals', async () => {
    const server = await startPostgres();
    const db = await openDatabase({ url: await server.createDatabase('leaks'), logger: silentLogger });
    const world = await World.open(db);
    try {
      await live(world);
      await expectNothing(world, db);
    } finally {
      await world.app.stop();
      await db.close();
      await server.stop();
    }
  });
});
