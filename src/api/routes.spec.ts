import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, ApiWorld, bearer, OPERATOR, OWNER, STRANGER } from '../../test/support/api-world.ts';
import { MAILBOX, USER } from '../../test/support/sync-world.ts';

let api: ApiWorld;

beforeAll(async () => {
  api = await ApiWorld.open();
});
afterAll(async () => {
  await api?.close();
});

const EVENT = {
  subject: 'Check-up',
  start: { dateTime: '2026-03-09T09:00:00', timeZone: 'Europe/Berlin' },
  end: { dateTime: '2026-03-09T09:30:00', timeZone: 'Europe/Berlin' },
};

interface EventBody extends Record<string, unknown> {
  readonly id: string;
  readonly etag: string;
  readonly syncState: string;
}

describe('events over HTTP', () => {
  it('creates, reads, changes and deletes an event', async () => {
    const created = await api.call<EventBody>('POST', '/calendar/events', { body: EVENT });
    expect(created.status).toBe(201);
    expect(created.headers['location']).toBe(`/calendar/events/${created.body.id}`);
    expect(created.headers['etag']).toBe(created.body.etag);
    expect(created.body).toMatchObject({ ...EVENT, calendarId: 'default', syncState: 'pending' });
    const url = `/calendar/events/${created.body.id}`;

    const read = await api.call<EventBody>('GET', url);
    expect(read).toMatchObject({ status: 200, body: created.body });
    expect(read.headers['etag']).toBe(created.body.etag);

    const changed = await api.call<EventBody>('PATCH', url, {
      body: { subject: 'Check-up and cleaning' },
      headers: { 'if-match': created.body.etag },
    });
    expect(changed).toMatchObject({ status: 200, body: { subject: 'Check-up and cleaning', start: EVENT.start } });
    expect(changed.headers['etag']).not.toBe(created.body.etag);

    const late = await api.call('DELETE', url, { headers: { 'if-match': created.body.etag } });
    expect(late).toMatchObject({ status: 412, body: { code: 'VERSION_MISMATCH' } });

    const deleted = await api.call('DELETE', url, { headers: { 'if-match': '*' } });
    expect(deleted).toMatchObject({ status: 204, body: '' });
    expect(await api.call('GET', url)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });

  it('makes one event of a request that is repeated under its key', async () => {
    const headers = { 'idempotency-key': 'booking 4711' };
    const first = await api.call<EventBody>('POST', '/calendar/events', { body: EVENT, headers });
    const second = await api.call<EventBody>('POST', '/calendar/events', { body: EVENT, headers });
    expect(second).toMatchObject({ status: 201, body: { id: first.body.id } });
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    expect(second.headers['idempotent-replayed']).toBe('true');
    const other = await api.call('POST', '/calendar/events', { body: { ...EVENT, subject: 'Other' }, headers });
    expect(other.status).toBe(409);
  });

  it('says what is impossible place by place', async () => {
    const body = { ...EVENT, end: { dateTime: '2026-03-08T09:00:00', timeZone: 'Europe/Berlin' } };
    expect(await api.call('POST', '/calendar/events', { body })).toMatchObject({
      status: 422,
      body: { code: 'IMPOSSIBLE_INPUT', errors: [{ path: 'end' }] },
    });
  });

  it('serves a series as its occurrences, one of which can be changed and removed', async () => {
    const recurrence = {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'] },
      range: { type: 'numbered', numberOfOccurrences: 4 },
    };
    const at = (time: string) => ({ dateTime: `2026-04-07T${time}`, timeZone: 'Europe/Berlin' });
    const master = await api.call<EventBody>('POST', '/calendar/events', {
      body: { subject: 'Team', start: at('10:00:00'), end: at('11:00:00'), recurrence },
    });
    expect(master).toMatchObject({ status: 201, body: { type: 'seriesMaster' } });
    const { id } = master.body;
    const changed = await api.call('PATCH', `/calendar/events/${id}_2026-04-14`, { body: { subject: 'Retro' } });
    expect(changed).toMatchObject({ status: 200, body: { type: 'exception', subject: 'Retro' } });
    expect((await api.call('DELETE', `/calendar/events/${id}_2026-04-21`)).status).toBe(204);

    const range = 'start=2026-04-01T00:00:00Z&end=2026-05-31T00:00:00Z';
    const listed = await api.call<{ items: EventBody[] }>('GET', `/calendar/events?${range}&expand=occurrences`);
    const dates = listed.body.items.map((item) => [item['id'], item['subject']]);
    expect(dates).toEqual([
      [`${id}_2026-04-07`, 'Team'],
      [`${id}_2026-04-14`, 'Retro'],
      [`${id}_2026-04-28`, 'Team'],
    ]);
    const instances = await api.call<{ items: EventBody[] }>('GET', `/calendar/events/${id}/instances?${range}`);
    expect(instances.body.items.map((item) => item.id)).toEqual(listed.body.items.map((item) => item.id));
    const again = await api.call<EventBody>('GET', `/calendar/events/${id}`);
    expect(again.body).toMatchObject({
      exceptionOccurrences: [{ id: `${id}_2026-04-14` }],
      cancelledOccurrences: [`${id}_2026-04-21`],
    });
  });

  it('pages through events and through changes', async () => {
    const first = await api.call<{ items: EventBody[]; nextCursor: string }>('GET', '/calendar/events?limit=1');
    expect(first.body.items).toHaveLength(1);
    const next = await api.call<{ items: EventBody[] }>(
      'GET',
      `/calendar/events?limit=1&cursor=${encodeURIComponent(first.body.nextCursor)}`,
    );
    expect(next.body.items[0]?.id).not.toBe(first.body.items[0]?.id);

    interface Changes {
      readonly items: { change: string; id: string }[];
      readonly cursor: string;
      readonly hasMore: boolean;
    }
    const all = await api.call<Changes>('GET', '/calendar/events/changes?limit=1000');
    expect(all.body.hasMore).toBe(false);
    const { body } = await api.call<EventBody>('POST', '/calendar/events', { body: EVENT });
    const news = await api.call<Changes>(
      'GET',
      `/calendar/events/changes?cursor=${encodeURIComponent(all.body.cursor)}`,
    );
    expect(news.body.items).toMatchObject([{ change: 'created', id: body.id }]);
  });
});

describe('runs over HTTP', () => {
  it('starts, joins, shows and lists a run', async () => {
    const started = await api.call<{ jobId: string }>('POST', '/calendar/sync/start', { body: { forceFull: true } });
    expect(started).toMatchObject({ status: 202, body: { status: 'started' } });
    expect(started.headers['location']).toBe(`/calendar/sync/status/${started.body.jobId}`);
    const joined = await api.call('POST', '/calendar/sync/start', { body: { forceFull: true } });
    expect(joined).toMatchObject({ status: 200, body: { jobId: started.body.jobId, status: 'already_running' } });
    await api.sync.carryOut(started.body.jobId as never);

    const status = await api.call('GET', `/calendar/sync/status/${started.body.jobId}`);
    expect(status).toMatchObject({ status: 200, body: { status: 'COMPLETED', progress: { percentage: 100 } } });
    const history = await api.call<{ items: Record<string, unknown>[]; total: number }>(
      'GET',
      '/calendar/sync/history?limit=5&status=COMPLETED',
    );
    expect(history.body.items[0]).toMatchObject({ jobId: started.body.jobId, userId: USER, trigger: 'api' });
    const operations = await api.call<{ items: Record<string, unknown>[] }>(
      'GET',
      `/calendar/sync/history/${started.body.jobId}/operations`,
    );
    expect(operations.body.items.length).toBeGreaterThan(0);
    expect(operations.body.items[0]).toMatchObject({ side: 'remote', operation: 'create', after: expect.anything() });
  });

  it('takes a start without a body', async () => {
    const { status, body } = await api.call<{ jobId: string }>('POST', '/calendar/sync/start');
    // An event was written before, so that a run may wait already.
    expect([200, 202]).toContain(status);
    expect((await api.call('POST', `/calendar/sync/cancel/${body.jobId}`)).status).toBe(202);
    const again = await api.call('POST', `/calendar/sync/cancel/${body.jobId}`);
    expect(again).toMatchObject({ status: 409, body: { code: 'CONFLICT_STATE' } });
  });

  it('streams a run as it waits, works and ends', async () => {
    const { body } = await api.call<{ jobId: string }>('POST', '/calendar/sync/start', { body: {} });
    const path = `/calendar/sync/status/${body.jobId}`;
    const { clock } = api.sync;
    const url = await api.server.listen({ host: '127.0.0.1', port: 0 });
    const answer = await fetch(`${url}${path}/stream`, { headers: await bearer(OWNER, clock.now()) });
    let heard = '';
    const listening = (async () => {
      for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) heard += chunk;
    })();
    await expect.poll(() => heard).toContain('PENDING');
    await api.sync.carryOut(body.jobId as never);
    clock.advance(300);
    await listening;
    const events = [...heard.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? ''));
    expect(events[0]).toMatchObject({ jobId: body.jobId, status: 'PENDING', startedAt: null });
    expect(events.at(-1)).toMatchObject({ status: 'COMPLETED', progress: { percentage: 100 } });
    expect(events.at(-1)).toEqual((await api.call('GET', path)).body);
  });

  it('shows an operator whose run it was and what was done, never what was in it', async () => {
    const jobId = await api.runNow({ forceFull: true });
    expect((await api.call('GET', `/calendar/sync/status/${jobId}`, { as: OPERATOR })).status).toBe(200);
    expect((await api.call('GET', `/calendar/sync/status/${jobId}?userId=${USER}`, { as: OPERATOR })).status).toBe(200);
    expect((await api.call('GET', `/calendar/sync/status/${jobId}?userId=bob`, { as: OPERATOR })).status).toBe(404);
    for (const query of ['', '?userId=*', `?userId=${USER}`]) {
      const url = `/calendar/sync/history/${jobId}/operations${query}`;
      const { status, body } = await api.call<{ items: Record<string, unknown>[] }>('GET', url, { as: OPERATOR });
      expect(status).toBe(200);
      for (const item of body.items) expect(Object.keys(item)).not.toContain('after');
    }
    const mine = await api.call<{ total: number }>('GET', '/calendar/sync/history', { as: OPERATOR });
    expect(mine.body.total).toBe(0);
    const everybodys = await api.call<{ total: number }>('GET', '/calendar/sync/history?userId=*', { as: OPERATOR });
    expect(everybodys.body.total).toBeGreaterThan(0);
  });

  it('lets an administrator stop anybody’s run, and an operator nobody’s', async () => {
    const { body } = await api.call<{ jobId: string }>('POST', '/calendar/sync/start', { body: {} });
    const url = `/calendar/sync/cancel/${body.jobId}`;
    expect((await api.call('POST', url, { as: STRANGER })).status).toBe(404);
    expect((await api.call('POST', url, { as: OPERATOR })).status).toBe(404);
    expect((await api.call('POST', `${url}?userId=${USER}`, { as: OPERATOR })).status).toBe(403);
    expect((await api.call('POST', url, { as: ADMIN })).status).toBe(202);
  });
});

describe('settings, calendars, connection and figures over HTTP', () => {
  it('keeps what a change of settings does not name', async () => {
    const before = await api.call('GET', '/calendar/sync/settings');
    const after = await api.call('PUT', '/calendar/sync/settings', { body: { conflictResolution: 'merge' } });
    expect(after).toMatchObject({ status: 200, body: { ...before.body, conflictResolution: 'merge' } });
    const tooLong = { window: { pastDays: 1800, futureDays: 1800 } };
    expect((await api.call('PUT', '/calendar/sync/settings', { body: tooLong })).status).toBe(422);
  });

  it('lists and refreshes calendars, and lets one differ', async () => {
    const listed = await api.call<{ items: { id: string }[] }>('GET', '/calendar/calendars');
    expect(listed.body.items[0]).toMatchObject({ id: 'default', isDefault: true });
    expect((await api.call('POST', '/calendar/calendars/refresh')).body).toEqual(listed.body);
    const url = '/calendar/calendars/default';
    expect(await api.call('PATCH', url, { body: { direction: 'pull' } })).toMatchObject({
      status: 200,
      body: { direction: 'pull' },
    });
    expect((await api.call('PATCH', url, { body: { direction: null } })).body).toMatchObject({
      direction: 'bidirectional',
    });
    expect((await api.call('PATCH', '/calendar/calendars/none', { body: {} })).status).toBe(404);
  });

  it('connects the mailbox a token names, and for an administrator any', async () => {
    expect((await api.call('GET', '/calendar/connection')).body).toMatchObject({ mailbox: MAILBOX });
    expect((await api.call('GET', '/calendar/connection', { as: STRANGER })).status).toBe(404);
    const body = { mode: 'application', mailbox: MAILBOX };
    expect(await api.call('PUT', '/calendar/connection', { as: STRANGER, body })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    });
    expect((await api.call('PUT', '/calendar/connection?userId=bob', { as: OPERATOR, body })).status).toBe(403);
    expect((await api.call('PUT', '/calendar/connection?userId=bob', { as: ADMIN, body })).status).toBe(200);
    expect((await api.call('DELETE', '/calendar/connection?userId=bob', { as: ADMIN })).status).toBe(204);
    expect((await api.call('GET', '/calendar/connection', { as: { sub: 'bob' } })).status).toBe(404);
    const unknown = { mode: 'application', mailbox: 'nobody@example.com' };
    expect((await api.call('PUT', '/calendar/connection?userId=bob', { as: ADMIN, body: unknown })).status).toBe(404);
  });

  it('answers in figures: one’s own, and an operator everybody’s', async () => {
    const own = await api.call<{ syncs: { total: number } }>('GET', '/calendar/sync/metrics');
    expect(own.body.syncs.total).toBeGreaterThan(0);
    const strangers = await api.call('GET', '/calendar/sync/metrics', { as: STRANGER });
    expect(strangers.body).toMatchObject({ days: 7, syncs: { total: 0 } });
    const theirs = await api.call('GET', `/calendar/sync/metrics?userId=${USER}&days=1`, { as: OPERATOR });
    expect(theirs.body).toMatchObject({ days: 1, syncs: own.body.syncs });
    const all = await api.call<typeof own.body>('GET', '/calendar/sync/metrics?userId=*', { as: OPERATOR });
    expect(all.body.syncs.total).toBeGreaterThan(own.body.syncs.total);
    expect((await api.call('GET', '/calendar/sync/conflicts/stats?userId=*', { as: OPERATOR })).status).toBe(200);
    expect((await api.call('GET', '/calendar/sync/metrics?userId=*')).status).toBe(403);
  });

  it('tells its health to anybody', async () => {
    const { status, body } = await api.call('GET', '/calendar/sync/health', { as: null });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'ok', checks: { database: { status: 'ok' } } });
    expect((await api.call('HEAD', '/calendar/sync/health', { as: null })).status).toBe(200);
  });
});
