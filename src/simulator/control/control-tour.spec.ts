import { describe, expect, it } from 'vitest';
import { type Steer, steering } from '../../../test/support/control-client.ts';
import { ADDRESS, anEvent, aSeries, at, simulate } from '../../../test/support/simulator-client.ts';
import { CONTROL_ROUTES } from './control-plane.ts';
import { matchPath } from './control-route.ts';

const MINE = `/mailboxes/${ADDRESS}`;
const GRACE = '/mailboxes/grace@example.com';
const organizer = { emailAddress: { address: 'x@example.net', name: 'X' } };

const ICS = [
  ...['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//x//x//EN', 'BEGIN:VEVENT', 'UID:1', 'DTSTAMP:20260301T000000Z'],
  ...['DTSTART:20260304T090000Z', 'DTEND:20260304T100000Z', 'SUMMARY:From a file', 'END:VEVENT', 'END:VCALENDAR', ''],
].join('\r\n');

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
  {
    call: 'POST /mailboxes',
    body: { address: 'file@example.com', timeZone: 'Asia/Tokyo', furnish: { ics: ICS } },
    status: 201,
    answers: { events: 1, timeZone: 'Asia/Tokyo' },
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
  { call: `GET ${MINE}/deleted-events`, answers: [] },
  {
    call: `POST ${MINE}/events/<tile>/attach`,
    body: { name: 'plan.txt', contentBase64: 'cGxhbg==' },
    status: 201,
    answers: { number: expect.any(Number) },
  },
  { call: `POST ${MINE}/events/<tile>/edit-without-sending`, body: { subject: 'T' }, answers: { isDraft: true } },
  { call: `POST ${MINE}/calendars/Family/import`, body: { ics: ICS }, answers: { loaded: 1, refused: [] } },
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
});
