import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiWorld, OWNER } from '../../test/support/api-world.ts';
import { MAILBOX, USER } from '../../test/support/sync-world.ts';
import { anEndpoint } from '../../test/support/webhook-receiver.ts';
import type { UserId } from '../core/ids.ts';

const HOOK = '/calendar/sync/webhooks/graph';
const PUBLIC_URL = 'https://sync.example.com';
const HOUR_MS = 60 * 60_000;

let api: ApiWorld;
beforeEach(async () => {
  let server: ApiWorld['server'] | undefined;
  api = await ApiWorld.open({
    env: { PUBLIC_URL },
    // Microsoft's side of the network: its requests arrive at our server.
    webhookFetch: async (url, init) => {
      const { pathname, search } = new URL(String(url));
      const answer = await server!.inject({
        method: 'POST',
        url: `${pathname}${search}`,
        headers: Object.fromEntries(new Headers(init?.headers)),
        payload: typeof init?.body === 'string' ? init.body : '',
      });
      return new Response(answer.body, {
        status: answer.statusCode,
        headers: { 'content-type': String(answer.headers['content-type'] ?? '') },
      });
    },
  });
  server = api.server;
});
afterEach(async () => {
  await api.close();
});

const manager = () => api.sync.services.subscriptionManager;
const subscriptions = () => api.sync.simulator.notifications.list();

async function waitingRuns(userId = USER): Promise<(string | undefined)[]> {
  const { items } = await api.sync.services.runService.history({ userId, status: 'PENDING', limit: 20, offset: 0 });
  return (items as readonly { trigger?: string }[]).map(({ trigger }) => trigger);
}

/** The scheduler looks, and looks again when the first reading of a mailbox is over. */
async function tick(): Promise<number> {
  await manager().tick();
  api.sync.clock.advance(30_000);
  return manager().tick();
}

async function subscribe(): Promise<{ id: string; clientState: string }> {
  await tick();
  await api.sync.dropQueuedRuns();
  const [made] = subscriptions();
  return { id: made!.id, clientState: String(made!.clientState) };
}

const notify = (value: unknown[]) =>
  api.call('POST', HOOK, { as: null, body: { value }, headers: { 'content-type': 'application/json' } });

describe('being told of changes in Outlook', () => {
  it('subscribes to the mailbox of whoever is connected, answers the handshake, and looks at once', async () => {
    expect(await tick()).toBe(1);
    expect(subscriptions()).toMatchObject([
      {
        resource: `/users/${api.sync.mailbox.id}/events`,
        notificationUrl: `${PUBLIC_URL}${HOOK}`,
        lifecycleNotificationUrl: `${PUBLIC_URL}${HOOK}`,
      },
    ]);
    expect(await waitingRuns()).toEqual(['notification']);
    // Once is enough.
    expect(await manager().tick()).toBe(0);
  });

  it('turns a change in Outlook into one run, however many notifications tell of it', async () => {
    await subscribe();
    for (let made = 0; made < 5; made += 1) {
      api.sync.mailbox.createEvent({
        subject: `made ${made}`,
        start: { dateTime: '2026-03-10T09:00:00', timeZone: 'UTC' },
        end: { dateTime: '2026-03-10T10:00:00', timeZone: 'UTC' },
      });
    }
    api.sync.clock.advance(60_000);
    await api.sync.simulator.settled();
    expect(api.sync.simulator.notifications.deliveries.length).toBeGreaterThan(0);
    expect(await waitingRuns()).toEqual(['notification']);
  });

  it('leaves nothing of somebody who was erased while Microsoft was asked', async () => {
    await manager().tick();
    api.sync.clock.advance(30_000);
    api.sync.onRequest(/\/subscriptions$/, () =>
      api.sync.services.privacyService.erase({ userId: USER, roles: ['user'] }, USER),
    );
    await manager().tick();
    expect(await waitingRuns()).toEqual([]);
    expect(subscriptions()).toEqual([]);
  });

  it.each([
    ['an unknown subscription', () => ({ subscriptionId: 'b1f50000-0000-4000-8000-000000000000' })],
    ['another secret', () => ({ clientState: 'guessed' })],
    ['no secret', () => ({ clientState: undefined })],
    ['a secret that is no text', () => ({ clientState: { $ne: null } })],
  ])('believes nothing that comes with %s, and says nothing about it', async (_what, wrong) => {
    const { id, clientState } = await subscribe();
    const answer = await notify([{ subscriptionId: id, clientState, changeType: 'updated', ...wrong() }]);
    expect(answer.status).toBe(202);
    expect(await waitingRuns()).toEqual([]);
  });

  it('judges each notification of a request for itself', async () => {
    const { id, clientState } = await subscribe();
    await notify([{ subscriptionId: 'unknown' }, { subscriptionId: id, clientState }, { subscriptionId: id }]);
    expect(await waitingRuns()).toEqual(['notification']);
  });

  it.each([
    ['not JSON', '{', { 'content-type': 'application/json' }, 400],
    ['no list', { value: 5 }, {}, 400],
    ['nothing', undefined, {}, 202],
    ['a form', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ])('takes %s as what it is', async (_what, body, headers, status) => {
    expect((await api.call('POST', HOOK, { as: null, body, headers })).status).toBe(status);
  });

  it('gives the token of the handshake back as plain text that no browser runs', async () => {
    const token = '<script>alert(1)</script> & so on';
    const answer = await api.server.inject({
      method: 'POST',
      url: `${HOOK}?validationToken=${encodeURIComponent(token)}`,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    });
    expect([answer.statusCode, answer.body]).toEqual([200, token]);
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });

  it('renews before the end, and makes a new one when it has vanished without a word', async () => {
    const { id } = await subscribe();
    const before = subscriptions()[0]!.expiresMs;
    api.sync.clock.advance(7 * HOUR_MS);
    await manager().tick();
    expect(subscriptions()).toMatchObject([{ id }]);
    expect(subscriptions()[0]!.expiresMs > before).toBe(true);
    api.sync.simulator.notifications.vanish(id);
    api.sync.clock.advance(7 * HOUR_MS);
    await manager().tick();
    expect(subscriptions()).toHaveLength(1);
    expect(subscriptions()[0]!.id).not.toBe(id);
    expect(await waitingRuns()).toEqual(['notification']);
  });

  it('does what lifecycle notifications ask for', async () => {
    const { id } = await subscribe();
    api.sync.simulator.notifications.missed(id);
    api.sync.clock.advance(60_000);
    await api.sync.simulator.settled();
    expect(await waitingRuns()).toEqual(['notification']);
    await api.sync.dropQueuedRuns();
    const renewals = () =>
      api.sync.simulator.requests.filter(({ method, path }) => method === 'PATCH' && path.includes(id));
    api.sync.simulator.notifications.requireReauthorization(id);
    api.sync.clock.advance(60_000);
    await api.sync.simulator.settled();
    expect(await waitingRuns()).toEqual([]);
    await manager().tick();
    expect(renewals()).toHaveLength(1);
    api.sync.simulator.notifications.remove(id);
    api.sync.clock.advance(60_000);
    await api.sync.simulator.settled();
    await manager().tick();
    expect(subscriptions()).toHaveLength(1);
    expect(subscriptions()[0]!.id).not.toBe(id);
  });

  it('takes the place of a subscription of its own that it has forgotten', async () => {
    const { id } = await subscribe();
    await api.sync.db.transaction((tx) => api.sync.subscriptions.delete(tx, USER));
    await tick();
    expect(subscriptions()).toHaveLength(1);
    expect(subscriptions()[0]!.id).not.toBe(id);
  });

  it('tells everybody who is bound to the mailbox by the one subscription there can be', async () => {
    const other = 'ursula' as UserId;
    await api.sync.services.connectionService.connectApplication(
      { userId: 'root' as UserId, roles: ['admin'], mailboxes: [] },
      { mailbox: MAILBOX, userId: other },
    );
    await api.sync.dropQueuedRuns();
    const { id, clientState } = await subscribe();
    expect(subscriptions()).toHaveLength(1);
    await notify([{ subscriptionId: id, clientState }]);
    expect(await waitingRuns()).toContain('notification');
    expect(await waitingRuns(other)).toContain('notification');
    // Whoever had it goes, and the other one gets a subscription of their own.
    const owner = (await api.sync.subscriptions.find(api.sync.db, USER))?.subscriptionId === id ? USER : other;
    await api.sync.services.connectionService.disconnect(owner);
    expect(subscriptions()).toHaveLength(0);
    await manager().tick();
    expect(subscriptions()).toHaveLength(1);
  });

  it('is ended at Microsoft when the mailbox is let go', async () => {
    await subscribe();
    await api.call('DELETE', '/calendar/connection', { as: OWNER });
    expect(subscriptions()).toEqual([]);
  });

  it('lets the mailbox go also when Microsoft cannot be reached', async () => {
    await subscribe();
    api.sync.simulator.failNext({ path: '/subscriptions', status: 403, count: 'always' });
    expect((await api.call('DELETE', '/calendar/connection', { as: OWNER })).status).toBe(204);
  });

  it('tries again, less and less often, while Microsoft refuses', async () => {
    api.sync.simulator.failNext({ path: '/subscriptions', status: 403, count: 'always' });
    let attempts = 0;
    for (let minute = 0; minute < 60; minute += 1) {
      attempts += await manager().tick();
      api.sync.clock.advance(60_000);
    }
    expect(attempts).toBeGreaterThan(3);
    expect(attempts).toBeLessThan(9);
    api.sync.simulator.clearFaults();
    api.sync.clock.advance(7 * HOUR_MS);
    await manager().tick();
    expect(subscriptions()).toHaveLength(1);
  });

  it('costs nothing where Microsoft could not reach this service', async () => {
    const endpoint = anEndpoint();
    const local = await ApiWorld.open({
      env: { PUBLIC_URL: 'http://intranet.example' },
      webhookFetch: endpoint.webhookFetch,
    });
    await local.sync.services.subscriptionManager.tick();
    local.sync.clock.advance(60_000);
    expect(await local.sync.services.subscriptionManager.tick()).toBe(0);
    expect(local.sync.simulator.requests).toEqual([]);
    await local.close();
  });
});
