import { afterEach, describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { anEndpoint, listenForWebhooks } from '../../../test/support/webhook-receiver.ts';

/** What goes wrong for a client that is told of changes, each under the number it has in docs/simulator.md. */
const subscription = (change: Record<string, unknown> = {}) => ({
  changeType: 'created,updated,deleted',
  resource: `/users/${ADDRESS}/events`,
  notificationUrl: 'https://sync.example.test/hook',
  expirationDateTime: new Date(NOW + 3 * 86_400_000).toISOString(),
  ...change,
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe('traps of notifications', () => {
  it('45: they duplicate, lag, change order and stop without a word; a create says updated as well', async () => {
    const endpoint = anEndpoint();
    const { call, sim, mailbox } = simulate({
      webhookFetch: endpoint.webhookFetch,
      switches: { notificationDuplicates: 0.5, notificationReordering: true, notificationDelayMs: 30_000 },
    });
    const { body } = await call('POST', '/subscriptions', subscription());
    for (let made = 0; made < 10; made += 1) mailbox.createEvent(anEvent());
    await sim.advance(20_000);
    expect(endpoint.received).toEqual([]);
    await sim.advance(200_000);
    const kinds = endpoint.notifications().map(({ changeType }) => changeType);
    expect(kinds.length).toBeGreaterThan(20);
    expect(kinds.slice(0, 4)).not.toEqual(['created', 'updated', 'created', 'updated']);
    sim.notifications.vanish(body.id);
    endpoint.received.length = 0;
    mailbox.createEvent(anEvent());
    await sim.advance(600_000);
    expect(endpoint.received).toEqual([]);
    expect((await call('GET', `/subscriptions/${body.id}`)).status).toBe(404);
  });

  it('46: whoever is slow loses notifications', async () => {
    const slow = { headers: { 'x-simulated-duration-ms': '11000' } };
    const endpoint = anEndpoint(({ body }) => (body === '' ? undefined : slow));
    const { call, sim, mailbox } = simulate({ webhookFetch: endpoint.webhookFetch });
    await call('POST', '/subscriptions', subscription());
    mailbox.createEvent(anEvent());
    await sim.advance(1_000);
    endpoint.received.length = 0;
    mailbox.deleteEvent(mailbox.listEvents()[0]!.id!);
    await sim.advance(600_000);
    expect(endpoint.notifications().map(({ changeType }) => changeType)).not.toContain('deleted');
  });

  it('47: the endpoint is asked while the create call is open', async () => {
    const { call, sim } = simulate();
    const order: string[] = [];
    const receiver = await listenForWebhooks(async () => {
      order.push(`asked with ${(await call('GET', '/subscriptions')).body.value.length}`);
      return undefined;
    });
    closing.push(receiver.close);
    const { status } = await call('POST', '/subscriptions', subscription({ notificationUrl: receiver.url }));
    order.push(`answered ${status}`);
    expect(order).toEqual(['asked with 0', 'answered 201']);
    expect(sim.notifications.list()).toHaveLength(1);
  });

  it('48: a lifecycle address cannot be added later, and a second subscription for the same is refused', async () => {
    const { webhookFetch } = anEndpoint();
    const { call } = simulate({ webhookFetch });
    const { body } = await call('POST', '/subscriptions', subscription());
    const lifecycleNotificationUrl = 'https://sync.example.test/lifecycle';
    expect((await call('PATCH', `/subscriptions/${body.id}`, { lifecycleNotificationUrl })).status).toBe(400);
    expect((await call('POST', '/subscriptions', subscription({ lifecycleNotificationUrl }))).status).toBe(409);
    expect((await call('DELETE', `/subscriptions/${body.id}`)).status).toBe(204);
    expect((await call('POST', '/subscriptions', subscription({ lifecycleNotificationUrl }))).status).toBe(201);
  });
});
