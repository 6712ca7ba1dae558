import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, NOW } from '../../../test/support/simulator-client.ts';
import { HOUR, MINUTE, SECOND, subscribed } from '../../../test/support/subscribed-mailbox.ts';
import { anEndpoint } from '../../../test/support/webhook-receiver.ts';
import { GraphSimulator } from '../index.ts';

describe('the life of a subscription', () => {
  it('ends in silence, or with a word', async () => {
    const { sim, id, call, told, mailbox, subscribe } = await subscribed();
    mailbox.createEvent(anEvent());
    sim.notifications.vanish(id);
    await sim.advance(MINUTE);
    expect(told()).toEqual([]);
    expect((await call('GET', `/subscriptions/${id}`)).status).toBe(404);
    expect(() => sim.notifications.vanish(id)).toThrow(/there is no subscription/);
    const again = await subscribe();
    sim.notifications.remove(again);
    await sim.advance(SECOND);
    expect(told()).toEqual(['subscriptionRemoved']);
    expect((await call('GET', `/subscriptions/${again}`)).status).toBe(404);
  });

  it('asks for reauthorisation before it ends, once for each end', async () => {
    const { sim, told, call, id } = await subscribed({ options: { switches: { reauthorizationLeadMs: HOUR } } });
    sim.tokenLifetimeSeconds = 1_000_000;
    const headers = { authorization: `Bearer ${sim.accessToken()}` };
    await sim.advance(4230 * MINUTE - HOUR);
    await sim.advance(SECOND);
    expect(told()).toEqual(['reauthorizationRequired']);
    const later = new Date(NOW + 6000 * MINUTE).toISOString();
    expect((await call('PATCH', `/subscriptions/${id}`, { expirationDateTime: later }, headers)).status).toBe(200);
    await sim.advance(6000 * MINUTE - 4230 * MINUTE);
    expect(told()).toEqual(['reauthorizationRequired', 'reauthorizationRequired']);
    await sim.advance(HOUR);
    expect(sim.notifications.list()).toEqual([]);
  });

  it('delivers nothing without authorisation, and everything after it', async () => {
    const { sim, told, call, id, mailbox } = await subscribed();
    sim.notifications.requireReauthorization(id, { lapse: true });
    mailbox.createEvent(anEvent());
    await sim.advance(30 * SECOND);
    expect(told()).toEqual(['reauthorizationRequired']);
    expect((await call('POST', `/subscriptions/${id}/reauthorize`)).status).toBe(204);
    await sim.advance(MINUTE);
    expect(told()).toEqual(['reauthorizationRequired', 'created']);
  });

  it('waits for its own authorisation only, not for that of others with the same address', async () => {
    const { sim, subscribe, id, mailbox, endpoint } = await subscribed();
    const other = await subscribe({ changeType: 'created' });
    mailbox.createEvent(anEvent());
    sim.notifications.requireReauthorization(other, { lapse: true });
    await sim.advance(MINUTE);
    const changes = endpoint.notifications().filter(({ changeType }) => changeType === 'created');
    expect(changes.map(({ subscriptionId }) => subscriptionId)).toEqual([id]);
    expect(sim.notifications.outstanding).toBe(1);
    await sim.advance(4 * HOUR);
    expect(sim.notifications.outstanding).toBe(0);
    expect(endpoint.notifications().at(-1)).toMatchObject({ lifecycleEvent: 'missed', subscriptionId: other });
  });

  it('is over without a word when its mailbox comes back from a backup', async () => {
    const { sim, mailbox, told } = await subscribed();
    mailbox.createEvent(anEvent());
    mailbox.misfortunes.restoreFromBackup();
    await sim.advance(MINUTE);
    expect([sim.notifications.list(), told()]).toEqual([[], []]);
  });

  it('can be told that something was missed, and be paused', async () => {
    const { sim, told, id, mailbox } = await subscribed();
    sim.notifications.pause();
    mailbox.createEvent(anEvent());
    sim.notifications.missed(id);
    await sim.advance(MINUTE);
    expect([told(), sim.notifications.outstanding]).toEqual([[], 2]);
    sim.notifications.resume();
    await sim.settled();
    expect(told()).toEqual(['created', 'missed']);
  });
});

describe('state', () => {
  it('goes on in another simulator: subscriptions, what is on its way, what is new', async () => {
    const { sim, mailbox, call, id } = await subscribed();
    const { id: old } = mailbox.createEvent(anEvent());
    const snapshot = sim.snapshot();
    const endpoint = anEndpoint();
    const other = new GraphSimulator({ now: () => NOW, seed: 5, webhookFetch: endpoint.webhookFetch });
    other.restore(snapshot);
    await other.advance(SECOND);
    expect(endpoint.notifications()).toMatchObject([{ subscriptionId: id, changeType: 'created' }]);
    other.mailbox(ADDRESS).updateEvent(old!, { subject: 'x' });
    other.mailbox(ADDRESS).createEvent(anEvent());
    await other.advance(SECOND);
    const kinds = endpoint.notifications().map(({ changeType }) => changeType);
    expect(kinds).toEqual(['created', 'updated', 'created', 'updated']);
    await other.advance(4230 * MINUTE);
    expect(other.notifications.list()).toEqual([]);
    expect((await call('GET', `/subscriptions/${id}`)).status).toBe(200);
  });

  it('is in the journal with every step', async () => {
    const { sim, mailbox, id } = await subscribed();
    const endpoint = anEndpoint();
    const other = new GraphSimulator({ now: () => NOW, seed: 5, webhookFetch: endpoint.webhookFetch });
    other.restore(sim.snapshot());
    sim.onChange((changes) => other.replay(JSON.parse(JSON.stringify(changes))));
    mailbox.createEvent(anEvent());
    await sim.advance(SECOND);
    expect(other.notifications.outstanding).toBe(0);
    mailbox.createEvent(anEvent());
    expect(other.notifications.outstanding).toBe(1);
    sim.notifications.vanish(id);
    expect(other.notifications.list()).toEqual([]);
  });
});
