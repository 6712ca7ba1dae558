import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, ApiWorld, bearer, OPEN_PATIENCE_MS, OPERATOR, OWNER, STRANGER } from '../../test/support/api-world.ts';
import { MAILBOX, USER } from '../../test/support/sync-world.ts';

let api: ApiWorld;

beforeAll(async () => {
  api = await ApiWorld.open();
}, OPEN_PATIENCE_MS);
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

describe('conflicts over HTTP', () => {
  it('shows the three values, and carries a person’s own choice to Outlook', async () => {
    await api.call('PUT', '/calendar/sync/settings', { body: { conflictResolution: 'manual' } });
    const { body: event } = await api.call<EventBody>('POST', '/calendar/events', {
      body: { ...EVENT, subject: 'Fitting' },
    });
    await api.runNow();
    const { graphEventId } = (await api.call<EventBody>('GET', `/calendar/events/${event.id}`)).body;
    api.sync.mailbox.updateEvent(String(graphEventId), { subject: 'Fitting there' });
    await api.call('PATCH', `/calendar/events/${event.id}`, { body: { subject: 'Fitting here' } });
    await api.runNow();

    const listed = await api.call<{ items: { id: string }[]; total: number }>('GET', '/calendar/sync/conflicts');
    expect(listed.body).toMatchObject({ total: 1, items: [{ eventId: event.id, conflictType: 'UPDATE_UPDATE' }] });
    const url = `/calendar/sync/conflicts/${listed.body.items[0]?.id}`;
    expect((await api.call('GET', url)).body).toMatchObject({
      resolution: null,
      fields: [{ field: 'subject', base: 'Fitting', local: 'Fitting here', remote: 'Fitting there' }],
    });

    const decide = (body: unknown) => api.call<{ jobId: string }>('PUT', `${url}/resolve`, { body });
    const resolvedData = { event: { subject: 7, colour: 'red' }, reason: 'agreed' };
    expect(await decide({ resolution: 'MANUAL', resolvedData })).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'resolvedData.event.colour' }, { path: 'resolvedData.event.subject' }] },
    });
    expect((await decide({ resolution: 'MANUAL' })).status).toBe(400);
    const decided = await decide({
      resolution: 'manual',
      resolvedData: { event: { subject: 'Fitting, second' }, reason: 'agreed' },
    });
    expect(decided).toMatchObject({
      status: 200,
      body: { resolution: 'MANUAL', resolutionData: { reason: 'agreed' }, jobId: expect.any(String) },
    });
    await api.sync.carryOut(decided.body.jobId as never);
    expect(api.sync.mailbox.getEvent(String(graphEventId))).toMatchObject({ subject: 'Fitting, second' });
    expect(await decide({ resolution: 'PREFER_LOCAL' })).toMatchObject({
      status: 409,
      body: { code: 'CONFLICT_STATE' },
    });
    expect((await api.call('GET', '/calendar/sync/conflicts/stats?days=1')).body).toMatchObject({
      total: 1,
      resolved: 1,
      byResolution: { MANUAL: 1 },
    });
  });

  it('says beforehand what a run would do', async () => {
    const before = await api.call<{ total: number }>('GET', '/calendar/sync/history');
    await api.call('POST', '/calendar/events', { body: { ...EVENT, subject: 'To be sent' } });
    const { status, body } = await api.call('POST', '/calendar/sync/preview', { body: {} });
    expect(status).toBe(200);
    expect(body).toMatchObject({ remote: { created: expect.any(Number) }, wouldRefuse: null, truncated: false });
    expect((body['remote'] as { created: number }).created).toBeGreaterThan(0);
    const after = await api.call<{ total: number }>('GET', '/calendar/sync/history');
    expect(after.body.total).toBe(before.body.total + 1);
  });
});

describe('runs over HTTP', () => {
  it('starts, joins, shows and lists a run', async () => {
    api.sync.clock.advance(1_000);
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
