import { UnsecuredJWT } from 'jose';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ApiWorld,
  type Claims,
  OPEN_PATIENCE_MS,
  OWNER,
  SECRET,
  STRANGER,
  sign,
} from '../../test/support/api-world.ts';
import { MAILBOX, USER } from '../../test/support/sync-world.ts';

/**
 * Mallory has an account, a good token, every id of Ada's, and time. What she tries here, over real connections, is told in
 * docs/security.md.
 */
const WORDS = 'biopsy of Mr Harlow';
const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const EVENT = { subject: WORDS, start: at('2026-03-09T09:00:00'), end: at('2026-03-09T09:30:00') };
const RULE = { pattern: { type: 'daily', interval: 1 }, range: { type: 'numbered', numberOfOccurrences: 3 } };
const RANGE = 'start=2026-03-01T00:00:00Z&end=2026-06-01T00:00:00Z';
const EVERY_ANSWER: string[] = [];

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
}

interface Asking {
  readonly as?: Claims | null;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

let api: ApiWorld;
let base: string;
const ids: Record<'event' | 'series' | 'run' | 'waiting' | 'conflict' | 'webhook' | 'etag', string> = {
  ...{ event: '', series: '', run: '', waiting: '', conflict: '', webhook: '', etag: '' },
};

async function ask(method: string, path: string, asking: Asking = {}): Promise<Reply> {
  const { as = STRANGER, body, headers } = asking;
  const token = asking.token ?? (as && (await sign(as, api.sync.clock.now(), { validSeconds: 10 ** 9 })));
  const isText = typeof body === 'string';
  const answer = await fetch(`${base}${path}`, {
    method,
    redirect: 'manual',
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': isText ? 'text/calendar' : 'application/json' }),
      ...headers,
    },
  });
  const text = await answer.text();
  if (as !== OWNER) EVERY_ANSWER.push(`${method} ${path} ${answer.status} ${text}`);
  const isJson = answer.headers.get('content-type')?.includes('json') && text !== '';
  return { status: answer.status, text, headers: answer.headers, json: isJson ? JSON.parse(text) : {} };
}

const asAda = (method: string, path: string, asking: Asking = {}) => ask(method, path, { ...asking, as: OWNER });
const statusOf = async (method: string, path: string, asking: Asking = {}) => (await ask(method, path, asking)).status;

/** Everything of Ada's, as the database has it. */
async function adasRows(): Promise<string> {
  const { db } = api.sync;
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.columns
    where column_name = 'userId' and table_schema = 'public' order by 1
  `.execute(db.kysely);
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await sql<{ row: string }>`
      select t::text as row from ${sql.table(name)} t where "userId" = ${USER} order by 1
    `.execute(db.kysely);
    found.push(...rows.map(({ row }) => `${name} ${row}`));
  }
  return found.join('\n');
}

let before: string;
beforeAll(async () => {
  api = await ApiWorld.open();
  base = await api.server.listen({ host: '127.0.0.1', port: 0 });
  await asAda('PUT', '/calendar/sync/settings', { body: { conflictResolution: 'manual' } });
  ids.event = String(
    (await asAda('POST', '/calendar/events', { body: EVENT, headers: { 'idempotency-key': 'hers' } })).json['id'],
  );
  ids.series = String((await asAda('POST', '/calendar/events', { body: { ...EVENT, recurrence: RULE } })).json['id']);
  const webhook = { url: 'https://hooks.example.com/ada', events: ['event.created'] };
  ids.webhook = String((await asAda('POST', '/calendar/webhooks', { body: webhook })).json['id']);
  ids.run = await api.runNow();
  const { sync } = api;
  const contested = await sync.get(ids.event as never);
  sync.mailbox.updateEvent(contested.graphEventId ?? '', { subject: `${WORDS}, there` });
  await sync.edit(contested.id, { subject: `${WORDS}, here` });
  await api.runNow();
  ids.conflict = String((await sync.pendingConflicts())[0]?.id);
  ids.waiting = String((await asAda('POST', '/calendar/sync/start', { body: {} })).json['jobId']);
  ids.etag = (await asAda('GET', `/calendar/events/${ids.event}`)).headers.get('etag') ?? '';
  before = await adasRows();
  expect(Object.entries(ids).filter(([, id]) => id.length < 3 || id === 'undefined')).toEqual([]);
  expect(before.length).toBeGreaterThan(2_000);
}, OPEN_PATIENCE_MS);
afterEach(async () => {
  // Whatever was tried: nothing of Ada's has changed.
  expect(await adasRows()).toBe(before);
});
afterAll(async () => {
  // And none of her words, nor her address, was in any answer to anybody else.
  expect(EVERY_ANSWER.length).toBeGreaterThan(60);
  expect(EVERY_ANSWER.filter((answer) => answer.includes('Harlow') || answer.includes(MAILBOX))).toEqual([]);
  await api?.close();
});

/** An answer about somebody else's thing is that about a thing that does not exist, but for the id. */
async function expectLikeNothing(method: string, path: string, id: string, asking: Asking = {}): Promise<void> {
  const madeUp = id.startsWith(ids.series) ? id.replace(ids.series, 'made-up') : 'made-up';
  const [theirs, nobodys] = [await ask(method, path, asking), await ask(method, path.replace(id, madeUp), asking)];
  const plain = ({ status, json }: Reply, name: string) =>
    JSON.stringify({ status, ...json, correlationId: '', instance: '' }).replaceAll(name, '…');
  expect([theirs.status, plain(theirs, id)], `${method} ${path}`).toEqual([404, plain(nobodys, madeUp)]);
}

describe('a hostile user, with every id of another’s', () => {
  it('1. reads, changes or deletes the event by its id: it is like one that does not exist', async () => {
    await expectLikeNothing('GET', `/calendar/events/${ids.event}`, ids.event);
    await expectLikeNothing('PATCH', `/calendar/events/${ids.event}`, ids.event, { body: { subject: 'mine' } });
    await expectLikeNothing('DELETE', `/calendar/events/${ids.event}`, ids.event);
  });

  it('2. goes by the ids of occurrences and the list of a series', async () => {
    const id = `${ids.series}_2026-03-10`;
    await expectLikeNothing('GET', `/calendar/events/${id}`, id);
    await expectLikeNothing('PATCH', `/calendar/events/${id}`, id, { body: { subject: 'mine' } });
    await expectLikeNothing('DELETE', `/calendar/events/${id}`, id);
    await expectLikeNothing('GET', `/calendar/events/${ids.series}/instances?${RANGE}`, ids.series);
  });

  it('3. asks for lists with the other’s calendar, cursor and place in the change feed', async () => {
    const feed = (await asAda('GET', '/calendar/events/changes?limit=1')).json['cursor'];
    const page = (await asAda('GET', '/calendar/events?limit=1')).json['nextCursor'];
    expect([typeof feed, typeof page]).toEqual(['string', 'string']);
    for (const path of [
      '/calendar/events',
      `/calendar/events?calendarId=default&expand=occurrences&${RANGE}`,
      `/calendar/events?cursor=${encodeURIComponent(String(page))}`,
      '/calendar/events/changes',
      `/calendar/events/changes?cursor=${encodeURIComponent(String(feed))}`,
    ]) {
      const { status, json } = await ask('GET', path);
      expect([200, 400, 410]).toContain(status);
      expect(json['items'] ?? []).toEqual([]);
    }
  });

  it('4. watches, reads up on and cancels the other’s runs', async () => {
    await expectLikeNothing('GET', `/calendar/sync/status/${ids.run}`, ids.run);
    await expectLikeNothing('GET', `/calendar/sync/status/${ids.run}/stream`, ids.run);
    await expectLikeNothing('GET', `/calendar/sync/history/${ids.run}/operations`, ids.run);
    await expectLikeNothing('POST', `/calendar/sync/cancel/${ids.waiting}`, ids.waiting);
  });

  it('5. looks at the conflict, with all three values in it, and decides it', async () => {
    await expectLikeNothing('GET', `/calendar/sync/conflicts/${ids.conflict}`, ids.conflict);
    const body = { resolution: 'MANUAL', resolvedData: { event: { subject: 'mine' } } };
    await expectLikeNothing('PUT', `/calendar/sync/conflicts/${ids.conflict}/resolve`, ids.conflict, { body });
    expect((await ask('GET', '/calendar/sync/conflicts?status=all')).json['items']).toEqual([]);
  });

  it('6. repeats the other’s request with its idempotency key: it is a request of her own', async () => {
    const body = { ...EVENT, subject: 'mine' };
    const mine = await ask('POST', '/calendar/events', { body, headers: { 'idempotency-key': 'hers' } });
    expect([mine.status, mine.json['subject']]).toEqual([201, 'mine']);
    expect(mine.json['id']).not.toBe(ids.event);
  });

  it('7. takes the calendar out as a file, and everything that is held', async () => {
    expect((await ask('GET', '/calendar/events/export.ics')).status).toBe(200);
    const archive = await ask('GET', '/calendar/privacy/export');
    expect(archive.text).not.toContain(ids.event);
    expect(await statusOf('GET', `/calendar/privacy/export?userId=${USER}`)).toBeGreaterThanOrEqual(400);
    expect(await statusOf('DELETE', `/calendar/privacy/data?userId=${USER}`)).toBeGreaterThanOrEqual(400);
  });

  it('8. imports a file with the other’s UID: it is an event of her own', async () => {
    const uid = (await asAda('GET', `/calendar/events/${ids.event}`)).json['iCalUId'];
    const own = (await asAda('GET', '/calendar/events/export.ics')).text;
    const theirs = /^UID:(.+?)\r$/m.exec(own)?.[1];
    for (const id of [theirs, uid, ids.event]) {
      const lines = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:x', 'BEGIN:VEVENT', `UID:${id}`, 'SUMMARY:mine'];
      const times = ['DTSTAMP:20260301T000000Z', 'DTSTART:20260309T090000Z', 'DTEND:20260309T100000Z'];
      const file = [...lines, ...times, 'END:VEVENT', 'END:VCALENDAR', ''].join('\r\n');
      expect(await statusOf('POST', '/calendar/events/import', { body: file })).toBe(200);
    }
    const { json } = await ask('GET', '/calendar/events');
    expect((json['items'] as { id: string }[]).map(({ id }) => id)).not.toContain(ids.event);
  });

  it('9. says she is the other: in the query, in headers, in the body', async () => {
    for (const path of ['/calendar/sync/history', '/calendar/sync/metrics', '/calendar/sync/conflicts/stats']) {
      expect(await statusOf('GET', `${path}?userId=${USER}`)).toBe(403);
      expect(await statusOf('GET', `${path}?userId=*`)).toBe(403);
      expect(await statusOf('GET', `${path}?userId=${STRANGER.sub}&userId=${USER}`)).toBeGreaterThanOrEqual(400);
    }
    expect(await statusOf('GET', `/calendar/connection?userId=${USER}`)).toBe(403);
    expect(await statusOf('GET', `/calendar/events?userId=${USER}`)).toBe(400);
    for (const more of [{ userId: USER }, { id: ids.event }, { graphEventId: 'x' }, { etag: ids.etag }]) {
      expect(await statusOf('POST', '/calendar/events', { body: { ...EVENT, subject: 'mine', ...more } })).toBe(400);
    }
    const headers = { 'x-user-id': USER, 'x-forwarded-user': USER, 'x-http-method-override': 'DELETE' };
    expect(await statusOf('GET', `/calendar/events/${ids.event}`, { headers })).toBe(404);
  });

  it('10. forges a token: unsigned, with another secret, with the claims of hers exchanged, with a role', async () => {
    const now = api.sync.clock.now();
    const [header, , signature] = (await sign(STRANGER, now)).split('.');
    const claims = { ...OWNER, roles: ['admin'], exp: 9_999_999_999 };
    const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
    const forged = [
      new UnsecuredJWT(claims).encode(),
      await sign(claims, now, { secret: 'a secret that is as long, and not the one that counts here' }),
      `${header}.${payload}.${signature}`,
      `${header}.${payload}.`,
      await sign(claims, now, { secret: SECRET.toUpperCase() }),
      await sign({ ...OWNER }, new Date(now.getTime() - 86_400_000)),
    ];
    for (const token of forged) {
      expect(await statusOf('GET', `/calendar/events/${ids.event}`, { token })).toBe(401);
      expect(await statusOf('DELETE', `/calendar/connection?userId=${USER}`, { token })).toBe(401);
    }
  });

  it('11. binds the other’s mailbox to herself, or takes it off', async () => {
    const body = { mode: 'application', mailbox: MAILBOX };
    expect(await statusOf('PUT', '/calendar/connection', { body })).toBe(403);
    expect(await statusOf('PUT', `/calendar/connection?userId=${USER}`, { body })).toBe(403);
    expect(await statusOf('DELETE', `/calendar/connection?userId=${USER}`)).toBe(403);
  });

  it('12. ends the other’s sign-in, with its state, in her own browser', async () => {
    const begun = await asAda('POST', '/calendar/connection/authorize');
    before = await adasRows();
    const state = new URL(String(begun.json['authorizationUrl'])).searchParams.get('state');
    const page = await ask('GET', `/calendar/connection/callback?state=${state}&code=made-up`, { as: null });
    expect(page.text).not.toContain(USER);
    expect((await ask('GET', '/calendar/connection')).status).toBe(404);
    // What Ada began is over, and that is all: she begins anew.
    const { rows } = await sql`select 1 from "AuthorizationRequest" where "userId" = ${USER}`.execute(
      api.sync.db.kysely,
    );
    expect(rows).toEqual([]);
    before = await adasRows();
  });

  it('13. lists and deletes the other’s webhooks', async () => {
    expect((await ask('GET', '/calendar/webhooks')).json['items']).toEqual([]);
    await expectLikeNothing('DELETE', `/calendar/webhooks/${ids.webhook}`, ids.webhook);
    await expectLikeNothing('GET', `/calendar/webhooks/${ids.webhook}/deliveries`, ids.webhook);
  });

  it('14. writes SQL, patterns and paths where ids go', async () => {
    for (const id of [
      ...["' or '1'='1", `${ids.event}' --`, `'; delete from "CalendarEvent"; --`, '%', '_', '*', `${ids.event}%`],
      ...[`../${USER}/${ids.event}`, `${ids.event}\\`, '{"$ne":""}', `${ids.event},${ids.series}`, '$1'],
    ]) {
      const name = encodeURIComponent(id);
      for (const path of [
        `/calendar/events/${name}`,
        `/calendar/sync/status/${name}`,
        `/calendar/sync/conflicts/${name}`,
      ]) {
        expect([path, await statusOf('GET', path)]).toEqual([path, 404]);
      }
      expect((await ask('GET', `/calendar/events?calendarId=${name}`)).json['items'] ?? []).toEqual([]);
      expect(await statusOf('GET', `/calendar/sync/history?userId=${name}`)).toBe(403);
    }
  });

  it('15. learns from tags whether the event is there, or whether it has changed', async () => {
    for (const etag of [ids.etag, '"other"', '*']) {
      const headers = { 'if-match': etag };
      await expectLikeNothing('PATCH', `/calendar/events/${ids.event}`, ids.event, { body: { subject: 'x' }, headers });
      await expectLikeNothing('DELETE', `/calendar/events/${ids.event}`, ids.event, { headers });
      await expectLikeNothing('GET', `/calendar/events/${ids.event}`, ids.event, {
        headers: { 'if-none-match': etag },
      });
    }
  });

  it('16. reads the log of who did what, and everybody’s figures', async () => {
    for (const path of ['/calendar/audit', `/calendar/audit?subject=${USER}`, '/metrics']) {
      expect(await statusOf('GET', path)).toBe(403);
    }
  });
});
