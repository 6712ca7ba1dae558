import { describe, expect, it } from 'vitest';
import { type Steer, steering } from '../../../test/support/control-client.ts';
import { ADDRESS, anEvent, aSeries, at, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';
import { CONTROL_ROUTES } from './control-plane.ts';
import { matchPath } from './control-route.ts';

const MINE = `/mailboxes/${ADDRESS}`;
const GRACE = '/mailboxes/grace@example.com';
const organizer = { emailAddress: { address: 'x@example.net', name: 'X' } };

/** Values of earlier answers, by the name a step gave them. */
type Kept = Record<string, string>;
interface Step {
  /** Method and path; `<name>` stands for the id of the answer a step kept under it. */
  call: string;
  body?: unknown;
  status?: number;
  /** Part of the answer. */
  answers?: object;
  /** Keeps the answer's id. */
  keep?: string;
}

const filled = (text: string, kept: Kept) => text.replaceAll(/<(\w+)>/g, (_, name: string) => String(kept[name]));

async function run(steer: Steer, steps: readonly Step[], kept: Kept = {}): Promise<string[]> {
  const called: string[] = [];
  for (const { call, body, status = 200, answers, keep } of steps) {
    const [method = '', path = ''] = filled(call, kept).split(' ');
    const sent = body === undefined ? undefined : JSON.parse(filled(JSON.stringify(body), kept));
    const answer = await steer(method, path, sent);
    expect([call, answer.status, answer.status >= 400 ? answer.body : undefined]).toEqual([call, status, undefined]);
    if (answers !== undefined) expect(answer.body, call).toMatchObject(answers);
    if (keep !== undefined) kept[keep] = String(answer.body.id);
    called.push(`${method} ${path}`);
  }
  return called;
}

const TOUR: readonly Step[] = [
  { call: 'GET /', answers: { now: '2026-03-02T08:00:00.000Z', mailboxes: [ADDRESS], pendingFaults: 0 } },
  // mailboxes
  { call: 'GET /mailboxes', answers: [{ address: ADDRESS, events: 0 }] },
  {
    call: 'POST /mailboxes',
    body: { address: 'grace@example.com', name: 'Grace', timeZone: 'Asia/Tokyo' },
    status: 201,
  },
  {
    call: 'GET /mailboxes/GRACE@example.com',
    answers: { name: 'Grace', timeZone: 'Asia/Tokyo', calendars: [{ name: 'Calendar' }] },
  },
  {
    call: 'POST /mailboxes',
    body: { address: 'big@example.com', furnish: { events: 60, seed: 3, shape: { series: 0.1, calendars: 1 } } },
    status: 201,
    answers: { events: 60 },
  },
  // calendars
  { call: `POST ${MINE}/calendars`, body: { name: 'Family' }, status: 201, keep: 'family' },
  { call: `GET ${MINE}/calendars`, answers: [{ name: 'Calendar' }, { name: 'Family', canEdit: true }] },
  { call: `GET ${MINE}/calendars/default`, answers: { name: 'Calendar' } },
  { call: `PATCH ${MINE}/calendars/<family>`, body: { canEdit: false }, answers: { canEdit: false } },
  { call: `PATCH ${MINE}/calendars/family`, body: { canEdit: true }, answers: { canEdit: true } },
  { call: `POST ${MINE}/calendars/Family/events`, body: anEvent({ subject: 'Zoo' }), status: 201, keep: 'zoo' },
  { call: `GET ${MINE}/calendars/Family/events`, answers: [{ subject: 'Zoo' }] },
  // a person's events
  { call: `POST ${MINE}/events?calendar=Family`, body: anEvent({ subject: 'Park' }), status: 201, keep: 'park' },
  { call: `POST ${MINE}/events`, body: anEvent(), status: 201, keep: 'tile' },
  { call: `POST ${MINE}/events`, body: aSeries(), status: 201, keep: 'standup' },
  { call: `GET ${MINE}/events?subject=Park`, answers: [{ subject: 'Park' }] },
  {
    call: `GET ${MINE}/events/<tile>?bodyText=true`,
    answers: { subject: 'Tile order', body: { contentType: 'text' } },
  },
  { call: `GET ${MINE}/events/<tile>?idForm=default`, keep: 'tileDefault' },
  { call: `PATCH ${MINE}/events/<tileDefault>`, body: { subject: 'Tiles' }, answers: { subject: 'Tiles' } },
  { call: `POST ${MINE}/events/<tile>/touch`, answers: { subject: 'Tiles' } },
  { call: `POST ${MINE}/events/<tile>/move`, body: { calendar: 'Family' } },
  {
    call: `POST ${MINE}/events/<tile>/reschedule`,
    body: { start: at('2026-03-05T09:00:00'), end: at('2026-03-05T10:00:00') },
    answers: { start: { dateTime: '2026-03-05T08:00:00.0000000' } },
  },
  { call: `DELETE ${MINE}/events/<tile>`, status: 204 },
  { call: `POST ${MINE}/events/<tile>/restore`, body: {}, answers: { subject: 'Tiles' } },
  // series
  {
    call: `GET ${MINE}/events/<standup>/occurrences?start=2026-03-01T00:00:00Z&end=2026-03-10T00:00:00Z`,
    answers: [{}, {}],
  },
  {
    call: `PATCH ${MINE}/events/<standup>/occurrences/2026-03-09`,
    body: { subject: 'Long' },
    answers: { type: 'exception' },
  },
  { call: `DELETE ${MINE}/events/<standup>/occurrences/2026-03-16`, status: 204 },
  {
    call: `POST ${MINE}/events/<standup>/update-following`,
    body: { from: '2026-03-30', change: { subject: 'Daily' } },
    answers: { subject: 'Daily' },
    keep: 'daily',
  },
  { call: `POST ${MINE}/events/<daily>/delete-following`, body: { from: '2026-04-13' }, status: 204 },
  { call: `GET ${MINE}/events/<daily>/occurrences`, answers: [{}, {}] },
  { call: `POST ${MINE}/events/<daily>/delete-series`, status: 204 },
  // meetings
  {
    call: `POST ${MINE}/foreign-meetings`,
    body: { ...anEvent({ subject: 'Demo' }), organizer },
    status: 201,
    answers: { isOrganizer: false },
    keep: 'demo',
  },
  {
    call: `POST ${MINE}/events/<demo>/respond`,
    body: { response: 'accept' },
    answers: { responseStatus: { response: 'accepted' } },
  },
  {
    call: `POST ${MINE}/events/<demo>/update-by-organizer`,
    body: { subject: 'Demo 2' },
    answers: { subject: 'Demo 2' },
  },
  { call: `POST ${MINE}/events/<demo>/cancel-by-organizer`, answers: { isCancelled: true } },
  { call: `POST ${MINE}/foreign-meetings`, body: { ...anEvent(), organizer }, status: 201, keep: 'second' },
  { call: `POST ${MINE}/events/<second>/respond`, body: { response: 'decline', comment: 'Away' }, status: 204 },
  {
    call: `POST ${MINE}/events`,
    body: anEvent({ attendees: [{ type: 'required', emailAddress: { address: 'x@example.net' } }] }),
    status: 201,
    keep: 'own',
  },
  { call: `POST ${MINE}/events/<own>/cancel`, body: { comment: 'Rain' }, status: 204 },
  { call: 'GET /outbox?kind=cancellation', answers: [{ kind: 'cancellation', to: ['x@example.net'] }] },
  {
    call: `GET /outbox?mailbox=${ADDRESS}`,
    answers: [{ kind: 'response' }, { kind: 'response' }, { kind: 'invitation' }, { kind: 'cancellation' }],
  },
  { call: 'DELETE /outbox', status: 204 },
  // weather
  { call: 'GET /switches', answers: { ifMatch: 'enforce' } },
  { call: 'PATCH /switches', body: { ifMatch: 'ignore', maxTop: 50 }, answers: { ifMatch: 'ignore', maxTop: 50 } },
  { call: 'PATCH /switches', body: { ifMatch: null }, answers: { ifMatch: 'enforce', maxTop: 50 } },
  { call: 'GET /switches/ifMatch', answers: { value: 'enforce', default: 'enforce', takes: 'one of enforce, ignore' } },
  {
    call: 'POST /faults',
    body: { status: 429, retryAfter: 3, path: '/events', count: 'always' },
    status: 201,
    answers: { left: 'always' },
    keep: 'fault',
  },
  { call: 'GET /faults', answers: [{ fault: { status: 429, path: '/events' } }] },
  { call: 'DELETE /faults/<fault>', status: 204 },
  { call: 'POST /faults', body: { kind: 'drop-after-commit', method: 'POST' }, status: 201 },
  { call: 'DELETE /faults', status: 204 },
  { call: 'GET /', answers: { pendingFaults: 0 } },
  // clock
  { call: 'POST /clock', body: { advanceMs: 60_000 }, answers: { now: '2026-03-02T08:01:00.000Z', shiftMs: 60_000 } },
  { call: 'POST /clock', body: { to: '2026-03-02T08:02:00Z' }, answers: { now: '2026-03-02T08:02:00.000Z' } },
  { call: 'POST /clock', body: { jumpMs: -120_000 }, answers: { shiftMs: 0 } },
  { call: 'GET /clock', answers: { now: '2026-03-02T08:00:00.000Z' } },
  { call: 'POST /settle' },
  // log
  { call: 'GET /requests', answers: [] },
  { call: 'DELETE /requests', status: 204 },
  { call: 'GET /concurrency', answers: { [ADDRESS]: 0 } },
  { call: 'POST /expire-delta-tokens', status: 204 },
  { call: 'POST /expire-delta-tokens', body: { mailbox: ADDRESS }, status: 204 },
  // sharing
  { call: `POST ${MINE}/calendars/Family/share`, body: { with: 'grace@example.com', role: 'read' } },
  { call: `POST ${MINE}/calendars/Family/unshare`, body: { with: 'grace@example.com' }, status: 204 },
  {
    call: `POST ${MINE}/read-only-calendars`,
    body: { name: 'Holidays', events: [anEvent({ subject: 'New Year' })] },
    status: 201,
    answers: { name: 'Holidays', canEdit: false },
  },
  {
    call: `PUT ${MINE}/calendars/Holidays/feed`,
    body: { events: [anEvent({ subject: 'Easter' })] },
    status: 204,
  },
  { call: `GET ${MINE}/calendars/Holidays/events`, answers: [{ subject: 'Easter' }] },
  // misfortunes
  { call: `PATCH ${MINE}/misfortunes`, body: { full: true, unreachable: 'moving' }, answers: { full: true } },
  { call: `PATCH ${MINE}/misfortunes`, body: { unreachable: null } },
  { call: `GET ${MINE}/misfortunes`, answers: { full: true } },
  { call: `DELETE ${MINE}/misfortunes`, status: 204 },
  {
    call: `POST ${MINE}/events/<standup>/corrupt`,
    body: { oddity: 'unknown-type' },
    answers: { type: 'unknownFutureValue' },
  },
  { call: `POST ${MINE}/calendars/Family/empty`, status: 204 },
  { call: `GET ${MINE}/calendars/Family/events`, answers: [] },
  // notifications
  { call: 'GET /subscriptions', answers: [{ resource: '/users/ada@example.com/events' }, {}] },
  { call: 'POST /notifications/pause', answers: { isPaused: true } },
  { call: 'GET /notifications', answers: { isPaused: true } },
  { call: 'POST /subscriptions/<sub1>/missed', status: 204 },
  { call: 'POST /subscriptions/<sub1>/require-reauthorization', body: { lapse: true }, status: 204 },
  { call: 'POST /subscriptions/<sub1>/remove', status: 204 },
  { call: 'POST /subscriptions/<sub2>/vanish', status: 204 },
  { call: 'GET /subscriptions', answers: [] },
  { call: 'POST /notifications/resume', answers: { isPaused: false } },
  { call: 'GET /deliveries' },
  { call: 'DELETE /deliveries', status: 204 },
  // identity
  { call: 'GET /identity', answers: { clients: [{ clientId: expect.any(String) }] } },
  { call: 'POST /identity/access-token', answers: { accessToken: expect.any(String) } },
  {
    call: 'POST /identity/access-token',
    body: { user: ADDRESS, scopes: ['Calendars.Read'] },
    answers: { accessToken: expect.any(String) },
  },
  { call: 'POST /identity/grant-consent', body: { user: ADDRESS, scopes: ['Calendars.Read'] }, status: 204 },
  { call: `GET /identity/consents?user=${ADDRESS}`, answers: ['Calendars.Read'] },
  { call: 'POST /identity/revoke-consent', body: { user: ADDRESS }, status: 204 },
  { call: 'POST /identity/grant-consent', body: { scopes: ['Calendars.ReadWrite'] }, status: 204 },
  { call: 'POST /identity/revoke-consent', status: 204 },
  { call: `POST /identity/users/${ADDRESS}/revoke-sessions`, status: 204 },
  { call: `POST /identity/users/${ADDRESS}/disable`, status: 204 },
  { call: `POST /identity/users/${ADDRESS}/enable`, status: 204 },
  { call: `POST /identity/users/${ADDRESS}/delete`, status: 204 },
  { call: 'POST /identity/require-claims', body: { subject: ADDRESS }, status: 204 },
  { call: 'POST /identity/forget-claims', body: { subject: ADDRESS }, status: 204 },
  { call: 'POST /identity/rotate-secret', body: { secret: 'new', keepOld: true }, answers: { secret: 'new' } },
  { call: 'POST /identity/expire-secret', status: 204 },
  { call: 'POST /identity/rotate-signing-key', answers: { kid: expect.any(String) } },
  { call: 'POST /identity/failures', body: { name: 'mfa-required' }, status: 204 },
  { call: 'DELETE /identity/failures', status: 204 },
  // the end of things
  { call: `DELETE ${MINE}/calendars/Family`, status: 204 },
  { call: `DELETE ${GRACE}`, status: 204 },
  { call: `POST ${MINE}/restore-from-backup`, status: 204 },
];

/** A simulator with two subscriptions, whose endpoint answers every handshake. */
async function furnished() {
  const webhookFetch = async (input: unknown) =>
    new Response(new URL(String(input)).searchParams.get('validationToken') ?? '', {
      headers: { 'content-type': 'text/plain' },
    });
  const { sim, call } = simulate({ webhookFetch: webhookFetch as typeof fetch });
  const subscribe = async (resource: string): Promise<string> => {
    const body = { changeType: 'updated', resource, notificationUrl: 'https://app.example.com/hook' };
    const expirationDateTime = '2026-03-03T08:00:00Z';
    const created = await call('POST', '/subscriptions', { ...body, expirationDateTime });
    expect(created.status).toBe(201);
    return created.body.id;
  };
  const first = await subscribe(`/users/${ADDRESS}/events`);
  const second = await subscribe(`/users/${ADDRESS}/calendars`);
  sim.clearRequests();
  return { sim, kept: { sub1: first, sub2: second } };
}

async function tour(steer: Steer, kept: Kept): Promise<void> {
  const called = await run(steer, TOUR, kept);
  for (const path of ['/snapshot', `${MINE}/snapshot`]) {
    const snapshot = await steer('GET', path);
    expect(snapshot.status).toBe(200);
    expect((await steer('PUT', path, snapshot.body)).status).toBe(204);
    called.push(`GET ${path}`, `PUT ${path}`);
  }
  const missed = CONTROL_ROUTES.filter(
    (route) =>
      !called.some((call) => {
        const [method, path = ''] = call.split(' ');
        const segments = path.split('?')[0]!.split('/').filter(Boolean);
        return method === route.method && matchPath(route.path, segments) !== undefined;
      }),
  );
  expect(missed.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
}

describe('steering over HTTP', () => {
  it('does everything in-process', async () => {
    const { sim, kept } = await furnished();
    await tour(steering(sim), kept);
  });

  it('does everything over a socket', async () => {
    const { sim, kept } = await furnished();
    const server = await sim.listen();
    try {
      await tour(steering(sim, server.url), kept);
    } finally {
      await server.close();
    }
  });

  it('is no part of Graph: not logged, not limited, not struck', async () => {
    const { sim } = simulate({ switches: { faultRate: 1, requestLimit: 1, latencyMs: 0 } });
    const steer = steering(sim);
    sim.failNext({ status: 500, count: 'always' });
    for (let time = 0; time < 5; time += 1) expect((await steer('GET', '/mailboxes')).status).toBe(200);
    expect(sim.requests).toEqual([]);
    expect(sim.faults.list()).toHaveLength(1);
  });

  it('lists its routes, each with what it does', async () => {
    const { sim } = simulate();
    const { routes } = (await steering(sim)('GET', '/')).body;
    expect(routes).toContainEqual({ method: 'GET', path: '/simulator/clock', does: 'what time it is here' });
    expect(routes).toHaveLength(CONTROL_ROUTES.length - 1);
  });
});

describe('what was asked of Graph', () => {
  it('is told with filters, items of batches below their batch', async () => {
    const { sim, call } = simulate();
    sim.addMailbox({ address: 'grace@example.com' });
    const steer = steering(sim);
    const { id } = (await call('POST', '~/events', anEvent())).body;
    await call('PATCH', `~/events/${id}`, { subject: 'x' });
    await call('GET', '/users/grace@example.com/events/nonsense');
    const requests = [{ id: '1', method: 'DELETE', url: `/users/${ADDRESS}/events/${id}` }];
    await call('POST', '/$batch', { requests });
    const methods = async (query: string) =>
      (await steer('GET', `/requests${query}`)).body.map((entry: { method: string }) => entry.method);
    expect(await methods('')).toEqual(['POST', 'PATCH', 'GET', 'POST']);
    expect(await methods('?method=patch')).toEqual(['PATCH']);
    expect(await methods('?mailbox=grace@example.com')).toEqual(['GET']);
    expect(await methods(`?mailbox=${ADDRESS}`)).toEqual(['POST', 'PATCH', 'POST']);
    expect(await methods('?writes=true')).toEqual(['POST', 'PATCH', 'DELETE']);
    expect(await methods('?status=201')).toEqual(['POST']);
    expect(await methods('?since=2')).toEqual(['GET', 'POST']);
    expect(await methods('?since=2026-03-02T08:00:01Z')).toEqual([]);
    expect(await methods('?limit=1')).toEqual(['POST']);
    const [batch] = (await steer('GET', '/requests?limit=1')).body;
    expect(batch.children).toMatchObject([{ method: 'DELETE', batchItem: true, status: 204 }]);
    expect(JSON.stringify((await steer('GET', '/requests')).body)).not.toContain('Bearer');
  });

  it('meets the faults that were scripted', async () => {
    const { sim, call } = simulate();
    const steer = steering(sim);
    await steer('POST', '/faults', { path: '^/v1.0/users/[^/]+/events$', status: 503, retryAfter: 7, after: 1 });
    expect((await call('GET', '~/events')).status).toBe(200);
    const struck = await call('GET', '~/events');
    expect([struck.status, struck.headers.get('retry-after')]).toEqual([503, '7']);
    expect((await call('GET', '~/events')).status).toBe(200);
  });

  it('gets 410 for the links of an expired or undone time', async () => {
    const { sim, mailbox, call, round } = simulate();
    const steer = steering(sim);
    const first = await round(`~/calendarView/delta?${MARCH_TO_MAY}`);
    const before = (await steer('GET', `${MINE}/snapshot`)).body;
    mailbox.createEvent(anEvent());
    const later = await round(first.link);
    await steer('PUT', `${MINE}/snapshot`, before);
    mailbox.createEvent(anEvent());
    expect((await call('GET', later.link)).status).toBe(410);
    expect((await call('GET', first.link)).status).toBe(200);
    await steer('POST', '/expire-delta-tokens', { mailbox: ADDRESS });
    expect((await call('GET', first.link)).status).toBe(410);
  });
});

describe('wrong input', () => {
  const event = `${MINE}/events`;
  it.each<[method: string, path: string, body: unknown, status: number, code: string, detail: RegExp]>([
    ['GET', '/nonsense', undefined, 404, 'no-such-path', /GET \/simulator lists/],
    ['GET', '/%E0%A4%A', undefined, 404, 'no-such-path', /percent-encoding/],
    ['DELETE', '/clock', undefined, 405, 'wrong-method', /takes GET, POST, not DELETE/],
    ['GET', '/mailboxes/bob@example.com', undefined, 404, 'no-such-mailbox', /There are: ada@example.com; POST/],
    ['POST', '/mailboxes', undefined, 400, 'invalid-input', /body: is required/],
    ['POST', '/mailboxes', 'x', 400, 'invalid-input', /no valid JSON/],
    ['POST', '/mailboxes', {}, 400, 'invalid-input', /address: is required/],
    ['POST', '/mailboxes', { address: 'bob' }, 400, 'invalid-input', /address: .*grace@example.com/],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', colour: 1 },
      400,
      'invalid-input',
      /colour: is not known here; known: address/,
    ],
    ['POST', '/mailboxes', { address: 'b@x.test', timeZone: 'Mars' }, 400, 'invalid-input', /timeZone: 'Mars' is no/],
    ['POST', '/mailboxes', { address: ADDRESS.toUpperCase() }, 409, 'mailbox-exists', /already/],
    ['POST', '/mailboxes', { address: 'b@x.test', furnish: {} }, 400, 'invalid-input', /furnish/],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { events: 'many' } },
      400,
      'invalid-input',
      /furnish.events: must be integer/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { seed: 1 } },
      400,
      'invalid-input',
      /one of sample and events/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', name: 'B', furnish: { events: 1 } },
      400,
      'invalid-input',
      /name: is part of the furniture/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { events: 1, shape: { organised: 2 } } },
      400,
      'invalid-input',
      /organised must be a share/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { events: 1, shape: { size: 2 } } },
      400,
      'invalid-input',
      /shape.size: is not known here; known: spreadDays/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { sample: true, seed: 2 } },
      400,
      'invalid-input',
      /belong to events/,
    ],
    ['POST', `${MINE}/calendars`, { name: 'calendar' }, 409, 'ErrorFolderExists', /already exists/],
    ['GET', `${MINE}/calendars/Work`, undefined, 404, 'no-such-calendar', /By name there are: Calendar/],
    ['DELETE', `${MINE}/calendars/default`, undefined, 403, 'ErrorAccessDenied', /denied/],
    ['GET', `${event}?colour=red`, undefined, 400, 'invalid-input', /known: calendar, subject/],
    ['GET', `${event}?idForm=short`, undefined, 400, 'invalid-input', /immutable or default/],
    ['GET', `${event}?bodyText=yes`, undefined, 400, 'invalid-input', /bodyText: must be true or false/],
    ['POST', event, [], 400, 'invalid-input', /body: must be object/],
    ['POST', event, { subject: 'No times' }, 400, 'ErrorPropertyValidationFailure', /validation/],
    ['POST', event, anEvent({ subjekt: 'x' }), 400, 'RequestBodyRead', /subjekt/],
    ['GET', `${event}/nonsense`, undefined, 400, 'ErrorInvalidIdMalformed', /malformed/],
    [
      'POST',
      `${event}/nonsense/respond`,
      { response: 'maybe' },
      400,
      'invalid-input',
      /one of accept, tentativelyAccept, decline/,
    ],
    ['POST', `${event}/nonsense/move`, {}, 400, 'invalid-input', /calendar: is required/],
    ['POST', `${event}/nonsense/reschedule`, { start: at('x') }, 400, 'invalid-input', /end: is required/],
    ['DELETE', `${event}/nonsense/occurrences/monday`, undefined, 400, 'invalid-input', /yyyy-MM-dd, not 'monday'/],
    [
      'GET',
      `${event}/nonsense/occurrences?start=soon`,
      undefined,
      400,
      'invalid-input',
      /start: must be an ISO 8601 instant/,
    ],
    ['POST', `${MINE}/foreign-meetings`, anEvent(), 400, 'invalid-input', /organizer: is required/],
    ['PATCH', '/switches', { ifmatch: 'ignore' }, 400, 'invalid-input', /no switch ifmatch; there is ifMatch/],
    [
      'PATCH',
      '/switches',
      { ifMatch: 'maybe', faultRate: 2 },
      400,
      'invalid-input',
      /ifMatch: must be one of enforce, ignore \(and 1 more\)/,
    ],
    ['PATCH', '/switches', { secondDelete: 410 }, 400, 'invalid-input', /one of 404, 400/],
    ['PATCH', '/switches', { spontaneousTouch: 1 }, 400, 'invalid-input', /true or false/],
    ['PATCH', '/switches', { latencyMs: -1 }, 400, 'invalid-input', /0 or more/],
    ['PATCH', '/switches', { faultKinds: { nonsense: 1 } }, 400, 'invalid-input', /weights by kind/],
    ['GET', '/switches/nonsense', undefined, 404, 'no-such-switch', /there are ifMatch/],
    ['POST', '/faults', {}, 400, 'invalid-input', /body/],
    ['POST', '/faults', { kind: 'explode' }, 400, 'invalid-input', /kind: must be one of status/],
    ['POST', '/faults', { path: '(' }, 400, 'invalid-input', /path must be a regular expression/],
    ['POST', '/faults', { status: 99 }, 400, 'invalid-input', /status/],
    ['DELETE', '/faults/7', undefined, 404, 'no-such-fault', /No fault 7 waits/],
    ['POST', '/clock', {}, 400, 'invalid-input', /body/],
    ['POST', '/clock', { advanceMs: 1, jumpMs: 1 }, 400, 'invalid-input', /one of advanceMs, jumpMs, to/],
    ['POST', '/clock', { advanceMs: -1 }, 400, 'invalid-input', /advanceMs/],
    ['POST', '/clock', { to: '2026-03-01T00:00:00Z' }, 400, 'invalid-input', /is past: it is 2026-03-02.*jumpMs/],
    ['POST', '/clock', { to: 'tomorrow' }, 400, 'invalid-input', /ISO 8601/],
    ['GET', '/requests?since=yesterday', undefined, 400, 'invalid-input', /since/],
    ['GET', '/requests?limit=all', undefined, 400, 'invalid-input', /whole number/],
    ['PUT', '/snapshot', { format: 1 }, 400, 'invalid-input', /secret: is required/],
    ['PUT', `${MINE}/snapshot`, { format: 1, mailbox: {} }, 400, 'invalid-input', /mailbox.state: is required/],
    [
      'POST',
      `${MINE}/calendars/default/share`,
      { with: 'b@x.test', role: 'boss' },
      400,
      'invalid-input',
      /one of none/,
    ],
    ['PATCH', `${MINE}/misfortunes`, { unreachable: 'lost' }, 400, 'invalid-input', /unreachable: must be one of/],
    ['PATCH', `${MINE}/misfortunes`, { rain: true }, 400, 'invalid-input', /known: unreachable/],
    ['POST', `${MINE}/restore-from-backup`, { snapshot: {} }, 400, 'invalid-input', /snapshot has no mailbox/],
    ['POST', `${event}/nonsense/corrupt`, { oddity: 'odd' }, 400, 'invalid-input', /one of custom-zone/],
    ['POST', '/subscriptions/none/vanish', undefined, 404, 'no-such-subscription', /GET \/simulator\/subscriptions/],
    ['POST', '/identity/access-token', { user: ADDRESS }, 400, 'invalid-input', /give both or neither/],
    ['POST', '/identity/access-token', { client: 'none' }, 400, 'invalid-input', /no application none/],
    ['POST', '/identity/users/bob@example.com/disable', undefined, 404, 'no-such-mailbox', /bob/],
    ['POST', '/identity/rotate-secret', { client: 'none' }, 400, 'invalid-input', /no application none/],
    ['POST', '/identity/failures', { name: 'bad-day' }, 400, 'invalid-input', /bad-day is no refusal/],
    ['GET', '/identity/consents', undefined, 400, 'invalid-input', /user: is required/],
    ['POST', '/expire-delta-tokens', { mailbox: 'bob@example.com' }, 404, 'no-such-mailbox', /bob/],
  ])('%s %s %j', async (method, path, body, status, code, detail) => {
    const { sim } = simulate();
    const answer = await steering(sim)(method, path, body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.detail).toMatch(detail);
    expect(answer.body).toMatchObject({ status, instance: expect.stringMatching(/^\/simulator\//) });
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  });

  it('leaves every switch as it was when one value is wrong', async () => {
    const { sim } = simulate();
    await steering(sim)('PATCH', '/switches', { maxTop: 7, ifMatch: 'maybe' });
    expect(sim.switches.maxTop).toBe(1000);
  });

  it('names every wrong place', async () => {
    const { sim } = simulate();
    const { body } = await steering(sim)('PATCH', '/switches', { nonsense: 1, ifMatch: 'maybe' });
    expect(body.problems.map(({ at }: { at: string }) => at)).toEqual(['nonsense', 'ifMatch']);
  });

  it('takes JSON only', async () => {
    const { sim } = simulate();
    const answer = await steering(sim)('POST', '/mailboxes', 'address=x', { 'content-type': 'text/plain' });
    expect([answer.status, answer.body.code]).toEqual([415, 'not-json']);
  });

  it('puts no snapshot of one mailbox in the place of another', async () => {
    const { sim } = simulate();
    sim.addMailbox({ address: 'grace@example.com' });
    const steer = steering(sim);
    const hers = (await steer('GET', `${GRACE}/snapshot`)).body;
    expect((await steer('PUT', `${MINE}/snapshot`, hers)).body).toMatchObject({ status: 409, code: 'another-mailbox' });
    await steer('DELETE', GRACE);
    await steer('POST', '/mailboxes', { address: 'grace@example.com' });
    expect((await steer('PUT', `${GRACE}/snapshot`, hers)).body).toMatchObject({
      status: 409,
      detail: expect.stringContaining('DELETE it first'),
    });
  });
});
