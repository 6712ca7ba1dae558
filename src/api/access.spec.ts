import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ADMIN,
  ApiWorld,
  type Claims,
  OPEN_PATIENCE_MS,
  OPERATOR,
  OWNER,
  STRANGER,
  sign,
} from '../../test/support/api-world.ts';
import { MAILBOX, USER } from '../../test/support/sync-world.ts';

/** What a caller is told: served, may not, there is no such thing (for them), or that they have no mailbox themselves. */
type Outcome = 'served' | 'forbidden' | 'missing' | 'unconnected';

interface Row {
  /** The owner's own things; `$event` and the like stand for their ids. */
  readonly url: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly stranger: Outcome;
  readonly operator: Outcome;
  readonly admin: Outcome;
}

type Outcomes = Pick<Row, 'stranger' | 'operator' | 'admin'>;
const toAll = (outcome: Outcome): Outcomes => ({ stranger: outcome, operator: outcome, admin: outcome });
const OWN = toAll('served');
const PRIVATE = toAll('missing');
const UNCONNECTED = toAll('unconnected');
const FOR_OPERATORS: Outcomes = { stranger: 'forbidden', operator: 'served', admin: 'served' };
const RUN_OF_ANYBODY: Outcomes = { stranger: 'missing', operator: 'served', admin: 'served' };
const FOR_ADMINS: Outcomes = { stranger: 'forbidden', operator: 'forbidden', admin: 'served' };

/** Stands in the owner's events, and must not be in anybody else's answers. */
const SECRET_WORDS = 'biopsy of Mr Harlow';
const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const EVENT = { subject: SECRET_WORDS, start: at('2026-03-09T09:00:00'), end: at('2026-03-09T09:30:00') };
const RULE = { pattern: { type: 'daily', interval: 1 }, range: { type: 'numbered', numberOfOccurrences: 3 } };
const RANGE = 'start=2026-03-01T00:00:00Z&end=2026-06-01T00:00:00Z';
const ICS = 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nEND:VCALENDAR\r\n';

/** Every route with a token; one that is missing here fails the walk. */
const ROUTES: Readonly<Record<string, readonly Row[]>> = {
  'POST /calendar/sync/start': [{ url: '/calendar/sync/start', body: {}, ...UNCONNECTED }],
  'POST /calendar/sync/preview': [{ url: '/calendar/sync/preview', body: {}, ...UNCONNECTED }],
  'GET /calendar/sync/status/:jobId': [
    { url: '/calendar/sync/status/$run', ...RUN_OF_ANYBODY },
    { url: `/calendar/sync/status/$run?userId=${USER}`, ...FOR_OPERATORS },
    { url: '/calendar/sync/status/$run?userId=*', ...FOR_OPERATORS },
  ],
  'GET /calendar/sync/status/:jobId/stream': [{ url: '/calendar/sync/status/$run/stream', ...RUN_OF_ANYBODY }],
  'POST /calendar/sync/cancel/:jobId': [
    { url: '/calendar/sync/cancel/$waiting', ...PRIVATE, admin: 'served' },
    { url: `/calendar/sync/cancel/$waiting?userId=${USER}`, ...FOR_ADMINS },
  ],
  'GET /calendar/sync/history': [
    { url: '/calendar/sync/history', ...OWN },
    { url: `/calendar/sync/history?userId=${USER}`, ...FOR_OPERATORS },
    { url: '/calendar/sync/history?userId=*', ...FOR_OPERATORS },
  ],
  'GET /calendar/sync/history/:jobId/operations': [
    { url: '/calendar/sync/history/$run/operations', ...RUN_OF_ANYBODY },
    { url: `/calendar/sync/history/$run/operations?userId=${USER}`, ...FOR_OPERATORS },
    { url: '/calendar/sync/history/$run/operations?userId=*', ...FOR_OPERATORS },
  ],
  'POST /calendar/sync/history/:jobId/revert': [
    { url: '/calendar/sync/history/$run/revert', body: { eventIds: [] }, ...PRIVATE },
  ],
  'GET /calendar/sync/conflicts': [{ url: '/calendar/sync/conflicts?status=all', ...OWN }],
  'GET /calendar/sync/conflicts/stats': [
    { url: '/calendar/sync/conflicts/stats', ...OWN },
    { url: '/calendar/sync/conflicts/stats?userId=*', ...FOR_OPERATORS },
  ],
  'GET /calendar/sync/conflicts/:conflictId': [{ url: '/calendar/sync/conflicts/$conflict', ...PRIVATE }],
  'PUT /calendar/sync/conflicts/:conflictId/resolve': [
    { url: '/calendar/sync/conflicts/$conflict/resolve', body: { resolution: 'prefer_local' }, ...PRIVATE },
  ],
  'GET /calendar/sync/metrics': [
    { url: '/calendar/sync/metrics', ...OWN },
    { url: `/calendar/sync/metrics?userId=${USER}`, ...FOR_OPERATORS },
  ],
  'GET /metrics': [{ url: '/metrics', ...FOR_OPERATORS }],
  'GET /calendar/sync/settings': [{ url: '/calendar/sync/settings', ...OWN }],
  'PUT /calendar/sync/settings': [{ url: '/calendar/sync/settings', body: {}, ...OWN }],
  'GET /calendar/events': [{ url: '/calendar/events', ...OWN }],
  'POST /calendar/events': [{ url: '/calendar/events', body: { ...EVENT, subject: 'Mine' }, ...OWN }],
  'GET /calendar/events/:id': [
    { url: '/calendar/events/$event', ...PRIVATE },
    { url: '/calendar/events/$series_2026-03-10', ...PRIVATE },
  ],
  'GET /calendar/events/:id/body': [
    { url: '/calendar/events/$event/body', ...PRIVATE },
    { url: '/calendar/events/$series_2026-03-10/body', ...PRIVATE },
  ],
  'PATCH /calendar/events/:id': [{ url: '/calendar/events/$event', body: { importance: 'high' }, ...PRIVATE }],
  'GET /calendar/events/:id/attachments': [{ url: '/calendar/events/$event/attachments', ...PRIVATE }],
  'POST /calendar/events/:id/attachments': [
    {
      url: '/calendar/events/$event/attachments',
      body: { name: 'notes.txt', contentType: 'text/plain', contentBytes: 'bm90ZXM=' },
      ...PRIVATE,
    },
  ],
  'GET /calendar/events/:id/attachments/:attachmentId/content': [
    { url: '/calendar/events/$event/attachments/$attachment/content', ...PRIVATE },
  ],
  'DELETE /calendar/events/:id/attachments/:attachmentId': [
    { url: '/calendar/events/$event/attachments/$attachment', ...PRIVATE },
  ],
  'DELETE /calendar/events/:id': [{ url: '/calendar/events/$spare', ...PRIVATE }],
  'POST /calendar/events/:id/respond': [
    { url: '/calendar/events/$invitation/respond', body: { response: 'accept' }, ...PRIVATE },
  ],
  'GET /calendar/events/changes': [{ url: '/calendar/events/changes', ...OWN }],
  'GET /calendar/events/:masterId/instances': [{ url: `/calendar/events/$series/instances?${RANGE}`, ...PRIVATE }],
  'POST /calendar/events/import': [
    { url: '/calendar/events/import', body: ICS, headers: { 'content-type': 'text/calendar' }, ...OWN },
  ],
  'GET /calendar/events/export.ics': [{ url: '/calendar/events/export.ics', ...OWN }],
  'GET /calendar/calendars': [{ url: '/calendar/calendars', ...OWN }],
  'POST /calendar/calendars/refresh': [{ url: '/calendar/calendars/refresh', ...UNCONNECTED }],
  'PATCH /calendar/calendars/:id': [{ url: '/calendar/calendars/default', body: { enabled: true }, ...PRIVATE }],
  'GET /calendar/connection': [
    { url: '/calendar/connection', ...PRIVATE },
    { url: `/calendar/connection?userId=${USER}`, ...FOR_ADMINS },
  ],
  'PUT /calendar/connection': [
    {
      url: '/calendar/connection',
      body: { mode: 'application', mailbox: MAILBOX },
      ...toAll('forbidden'),
      admin: 'served',
    },
    {
      url: `/calendar/connection?userId=${USER}`,
      body: { mode: 'application', mailbox: MAILBOX },
      ...FOR_ADMINS,
    },
  ],
  'GET /calendar/webhooks': [{ url: '/calendar/webhooks', ...OWN }],
  'POST /calendar/webhooks': [
    { url: '/calendar/webhooks', body: { url: 'https://app.example.com/hooks', events: ['sync.failed'] }, ...OWN },
  ],
  'PATCH /calendar/webhooks/:id': [{ url: '/calendar/webhooks/$webhook', body: { enabled: true }, ...PRIVATE }],
  'GET /calendar/webhooks/:id/deliveries': [{ url: '/calendar/webhooks/$webhook/deliveries', ...PRIVATE }],
  'POST /calendar/webhooks/:id/test': [{ url: '/calendar/webhooks/$webhook/test', ...PRIVATE }],
  'DELETE /calendar/webhooks/:id': [{ url: '/calendar/webhooks/$webhook', ...PRIVATE }],
  'POST /calendar/connection/authorize': [{ url: '/calendar/connection/authorize', ...OWN }],
  'DELETE /calendar/connection': [{ url: `/calendar/connection?userId=${USER}`, ...FOR_ADMINS }],
  'GET /calendar/audit': [
    { url: '/calendar/audit', ...FOR_ADMINS },
    { url: `/calendar/audit?userId=${USER}`, ...FOR_ADMINS },
  ],
  'GET /calendar/privacy/export': [{ url: '/calendar/privacy/export', ...OWN }],
  // The last one: nothing is left after it.
  'DELETE /calendar/privacy/data': [
    { url: '/calendar/privacy/data', ...OWN },
    { url: `/calendar/privacy/data?userId=${USER}`, ...FOR_ADMINS },
  ],
};

/** Routes that anybody may call, and nothing more. */
const PUBLIC = [
  ...['GET /calendar/sync/health', 'HEAD /calendar/sync/health', 'GET /openapi.json'],
  ...['GET /docs', 'GET /docs/', 'GET /docs/static/index.html', 'GET /docs/static/swagger-initializer.js'],
  ...['GET /calendar/connection/callback', 'POST /calendar/connection/callback'],
  'POST /calendar/sync/webhooks/graph',
  ...['GET /docs/*', 'HEAD /docs/*', 'GET /docs/json', 'GET /docs/yaml'],
];

const PUBLIC_CALLS: Readonly<Record<string, { body: unknown; headers: Record<string, string> }>> = {
  'POST /calendar/connection/callback': {
    body: 'token=made-up&connect=yes',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  },
};

let api: ApiWorld;
const ids: Record<string, string> = {};

beforeAll(async () => {
  api = await ApiWorld.open();
  await api.call('PUT', '/calendar/sync/settings', { body: { conflictResolution: 'manual' } });
  ids['event'] = await newEvent();
  ids['series'] = await newEvent({ recurrence: RULE });
  const organizer = { emailAddress: { address: 'boss@example.com' } };
  const { id: invitation } = api.sync.mailbox.addForeignMeeting({ ...EVENT, organizer });
  ids['run'] = await api.runNow();
  ids['invitation'] = (await api.sync.all()).find(({ graphEventId }) => graphEventId === invitation)?.id ?? '';
  const webhook = { url: 'https://app.example.com/hooks', events: ['event.created'] };
  ids['webhook'] = (await api.call<{ id: string }>('POST', '/calendar/webhooks', { body: webhook })).body.id;
  const { sync } = api;
  const contested = await sync.get(ids['event'] as never);
  sync.mailbox.updateEvent(contested.graphEventId ?? '', { subject: `${SECRET_WORDS}, there` });
  await sync.edit(contested.id, { subject: `${SECRET_WORDS}, here` });
  await api.runNow();
  ids['conflict'] = String((await sync.pendingConflicts())[0]?.id);
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await api?.close();
});

async function newEvent(more: Record<string, unknown> = {}): Promise<string> {
  const { body } = await api.call<{ id: string }>('POST', '/calendar/events', { body: { ...EVENT, ...more } });
  return body.id;
}

let waitingRuns = 0;
/** Things that a call uses up are made anew for each. */
async function withIds(url: string): Promise<string> {
  if (url.includes('$spare')) ids['spare'] = await newEvent();
  if (url.includes('$attachment')) {
    const body = { name: 'notes.txt', contentType: 'text/plain', contentBytes: 'bm90ZXM=' };
    const added = await api.call<{ id: string }>('POST', `/calendar/events/${ids['event']}/attachments`, { body });
    ids['attachment'] = added.body.id;
  }
  if (url.includes('$waiting')) {
    waitingRuns += 1;
    const day = String(waitingRuns).padStart(2, '0');
    const dateRange = { start: `2026-01-${day}T00:00:00Z`, end: '2026-03-01T00:00:00Z' };
    const { body } = await api.call<{ jobId: string }>('POST', '/calendar/sync/start', { body: { dateRange } });
    ids['waiting'] = body.jobId;
  }
  return url.replaceAll(/\$([a-z]+)/g, (_all, name: string) => ids[name] ?? `no ${name}`);
}

async function expectOutcome(method: string, row: Row, as: Claims, outcome: Outcome): Promise<void> {
  const url = await withIds(row.url);
  const { status, body } = await api.call<{ code?: string }>(method, url, {
    as,
    body: row.body,
    ...(row.headers ? { headers: row.headers } : {}),
  });
  const place = `${method} ${url} as ${as.sub}: ${JSON.stringify(body)}`;
  if (outcome === 'served') expect(status, place).toBeLessThan(300);
  if (outcome === 'forbidden') expect([status, body.code], place).toEqual([403, 'FORBIDDEN']);
  if (outcome === 'missing') expect([status, body.code], place).toEqual([404, 'NOT_FOUND']);
  if (outcome === 'unconnected') expect([status, body.code], place).toEqual([409, 'NOT_CONNECTED']);
  if (as !== OWNER) expect(JSON.stringify(body), place).not.toContain(SECRET_WORDS);
}

/** The server's own list, as `GET /calendar/events/:`: parameters go by different names in one place. */
function registeredRoutes(): string[] {
  const routes: string[] = [];
  const trail: string[] = [];
  for (const line of api.server.printRoutes({ commonPrefix: false }).split('\n')) {
    const match = /^([│ ]*)[├└]── (\S+) \(([A-Z, ]+)\)$/.exec(line);
    if (!match) continue;
    const [, indent = '', step = '', methods = ''] = match;
    trail.length = indent.length / 4;
    trail.push(step);
    for (const method of methods.split(', ')) routes.push(nameless(`${method} ${trail.join('')}`));
  }
  return routes;
}

function nameless(route: string): string {
  return route.replaceAll(/:[^/]+/g, ':');
}

describe('who may call what', () => {
  it('is decided for every route of the server', () => {
    expect(registeredRoutes().sort()).toEqual([...Object.keys(ROUTES), ...PUBLIC].map(nameless).sort());
  });

  it.each(Object.entries(ROUTES))('%s is nothing for callers without a good token', async (route, rows) => {
    const method = route.split(' ')[0] ?? '';
    const now = api.sync.clock.now();
    const good = await sign(OWNER, now);
    const [header, , signature] = good.split('.');
    const adminsPayload = Buffer.from(JSON.stringify({ ...OWNER, roles: ['admin'], exp: 9_999_999_999 })).toString(
      'base64url',
    );
    const unsigned = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const tokens: [token: string | undefined, code: string][] = [
      [undefined, 'TOKEN_MISSING'],
      [await sign(OWNER, now, { secret: 'another secret, of which nobody here has ever heard' }), 'TOKEN_INVALID'],
      [await sign(OWNER, new Date(now.getTime() - 7_200_000)), 'TOKEN_EXPIRED'],
      [`${unsigned}.${adminsPayload}.`, 'TOKEN_INVALID'],
      [`${header}.${adminsPayload}.${signature}`, 'TOKEN_INVALID'],
    ];
    for (const { url, body, headers } of rows) {
      for (const [token, code] of tokens) {
        const answer = await api.call(method, url.replaceAll('$', ''), {
          as: null,
          body,
          headers: { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) },
        });
        expect([answer.status, answer.body['code']], `${url} with ${code}`).toEqual([401, code]);
        expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm=/);
      }
    }
  });

  // Others first: what the owner does may change what there is.
  it.each(Object.entries(ROUTES))('%s keeps to itself what is the owner’s', async (route, rows) => {
    const method = route.split(' ')[0] ?? '';
    for (const row of rows) {
      await expectOutcome(method, row, STRANGER, row.stranger);
      await expectOutcome(method, row, OPERATOR, row.operator);
      await expectOutcome(method, row, ADMIN, row.admin);
    }
    if (route === 'DELETE /calendar/connection') await api.sync.connect();
    if (route === 'PUT /calendar/connection') await api.call('DELETE', '/calendar/connection', { as: ADMIN });
    for (const row of rows) {
      const isOwnersToo = !row.url.includes('userId=*') && !['GET /metrics', 'GET /calendar/audit'].includes(route);
      await expectOutcome(method, row, OWNER, isOwnersToo ? 'served' : 'forbidden');
    }
  });

  it.each(PUBLIC.filter((route) => !route.includes('*')))('%s is for anybody', async (route) => {
    const [method = '', url = ''] = route.split(' ');
    const { status } = await api.call(method, url, { as: null, ...PUBLIC_CALLS[route] });
    // Of a sign-in that nobody began there is nothing but a page that says so.
    expect(status).toBeLessThan(url.endsWith('/callback') ? 401 : 400);
  });
});
