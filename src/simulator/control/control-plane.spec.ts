import { describe, expect, it } from 'vitest';
import { steering } from '../../../test/support/control-client.ts';
import { ADDRESS, anEvent, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';
import { CONTROL_ROUTES } from './control-plane.ts';

const MINE = `/mailboxes/${ADDRESS}`;

describe('steering over HTTP', () => {
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
