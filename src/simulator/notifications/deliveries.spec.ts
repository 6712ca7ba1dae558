import { afterEach, describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { anEndpoint, listenForWebhooks, type WebhookHandler } from '../../../test/support/webhook-receiver.ts';
import { GraphSimulator, type SimulatorOptions } from '../index.ts';

const HOOK = 'https://sync.example.test/hooks/graph?c=42';
const LIFECYCLE = 'https://sync.example.test/hooks/graph-lifecycle';
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const expirationDateTime = new Date(NOW + 4230 * MINUTE).toISOString();

/** A mailbox, an endpoint that takes everything unless told otherwise, and a subscription on all changes. */
async function subscribed(
  o: { options?: SimulatorOptions; change?: Record<string, unknown>; handle?: WebhookHandler; prefer?: string } = {},
) {
  const endpoint = anEndpoint(o.handle);
  const world = simulate({
    webhookFetch: endpoint.webhookFetch,
    ...o.options,
    switches: { createdIsAlsoUpdated: false, reauthorizationLeadMs: 0, ...o.options?.switches },
  });
  const body = {
    changeType: 'created,updated,deleted',
    resource: `/users/${ADDRESS}/events`,
    notificationUrl: HOOK,
    lifecycleNotificationUrl: LIFECYCLE,
    expirationDateTime,
    clientState: 'k3y',
    ...o.change,
  };
  const subscribe = async (change: Record<string, unknown> = {}) => {
    const prefer = o.prefer === undefined ? {} : { prefer: o.prefer };
    const answer = await world.call('POST', '/subscriptions', { ...body, ...change }, prefer);
    expect(answer.status).toBe(201);
    return answer.body.id as string;
  };
  const id = await subscribe();
  const told = () => endpoint.notifications().map(({ changeType, lifecycleEvent }) => changeType ?? lifecycleEvent);
  return { ...world, endpoint, id, subscribe, told };
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe('a notification', () => {
  it('has exactly the properties Graph sends, and the ids of the kind the creator asked for', async () => {
    const { mailbox, sim, endpoint, id } = await subscribed();
    const event = mailbox.createEvent(anEvent());
    await sim.advance(SECOND);
    const defaultId = mailbox.getEvent(event.id!, { idForm: 'default' })!.id;
    expect(endpoint.received).toHaveLength(1);
    expect(endpoint.received[0]).toMatchObject({ url: HOOK, contentType: expect.stringContaining('application/json') });
    expect(JSON.parse(endpoint.received[0]!.body)).toEqual({
      value: [
        {
          subscriptionId: id,
          subscriptionExpirationDateTime: '2026-03-05T06:30:00+00:00',
          clientState: 'k3y',
          changeType: 'created',
          tenantId: '22222222-2222-4222-8222-222222222222',
          resource: `Users/${mailbox.id}/Events/${defaultId}`,
          resourceData: {
            '@odata.type': '#Microsoft.Graph.Event',
            '@odata.id': `Users/${mailbox.id}/Events/${defaultId}`,
            '@odata.etag': event['@odata.etag'],
            id: defaultId,
          },
        },
      ],
    });
    const immutable = await subscribed({ prefer: 'IdType="ImmutableId"' });
    const other = immutable.mailbox.createEvent(anEvent());
    await immutable.sim.advance(SECOND);
    expect(immutable.endpoint.notifications()[0].resourceData.id).toBe(other.id);
  });

  it('is raised for what happens to an event, over HTTP as well', async () => {
    const { call, sim, told } = await subscribed();
    const { body } = await call('POST', '~/events', anEvent());
    await sim.advance(SECOND);
    await call('PATCH', `~/events/${body.id}`, { subject: 'x' });
    await sim.advance(SECOND);
    await call('DELETE', `~/events/${body.id}`);
    await sim.advance(SECOND);
    expect(told()).toEqual(['created', 'updated', 'deleted']);
  });

  it('says created and updated of a new event, and updated as often as the service likes', async () => {
    const { mailbox, sim, told } = await subscribed({
      options: { switches: { createdIsAlsoUpdated: true, updatedPerEdit: 3 } },
    });
    const { id } = mailbox.createEvent(anEvent());
    mailbox.updateEvent(id!, { subject: 'x' });
    await sim.advance(SECOND);
    expect(told()).toEqual(['created', 'updated', 'updated', 'updated', 'updated']);
  });

  it('says deleted and created of a move, each with the id of its calendar', async () => {
    const { mailbox, sim, endpoint, subscribe } = await subscribed({ change: { changeType: 'created' } });
    const work = mailbox.addCalendar('Work');
    await subscribe({ changeType: 'deleted' });
    const { id } = mailbox.createEvent(anEvent());
    const before = mailbox.getEvent(id!, { idForm: 'default' })!.id;
    await sim.advance(SECOND);
    mailbox.moveEvent(id!, work);
    await sim.advance(SECOND);
    const after = mailbox.getEvent(id!, { idForm: 'default' })!.id;
    const moves = endpoint.notifications().slice(1);
    expect(moves.map(({ changeType, resourceData }) => [changeType, resourceData.id])).toEqual([
      ['deleted', before],
      ['created', after],
    ]);
  });

  it('names the master for a changed or removed occurrence', async () => {
    const { mailbox, sim, endpoint } = await subscribed({ prefer: 'IdType="ImmutableId"' });
    const { id } = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(id!, '2026-03-09', { subject: 'Special' });
    mailbox.deleteOccurrence(id!, '2026-03-16');
    sim.switches.exceptionNotifications = 'exception';
    const exception = mailbox.updateOccurrence(id!, '2026-03-09', { subject: 'Very special' });
    await sim.advance(SECOND);
    expect(endpoint.notifications().map(({ changeType, resourceData }) => [changeType, resourceData.id])).toEqual([
      ['created', id],
      ['updated', id],
      ['updated', id],
      ['updated', exception.id],
    ]);
    expect(endpoint.notifications()[3].resourceData['@odata.etag']).toBe(exception['@odata.etag']);
  });

  it('comes for the calendar subscribed to, or for the scope /events has', async () => {
    const { mailbox, sim, endpoint, subscribe, id } = await subscribed();
    const work = mailbox.addCalendar('Work');
    const onWork = await subscribe({ resource: `/users/${ADDRESS}/calendars/${work}/events` });
    mailbox.createEvent(anEvent());
    mailbox.createEvent(anEvent(), { calendarId: work });
    sim.switches.userEventsScope = 'default-calendar';
    mailbox.createEvent(anEvent(), { calendarId: work });
    await sim.advance(SECOND);
    expect(endpoint.notifications().map(({ subscriptionId }) => subscriptionId)).toEqual([id, id, onWork, onWork]);
    expect(endpoint.received).toHaveLength(1);
  });

  it('comes as updated for whatever happens to the list of calendars', async () => {
    const { mailbox, sim, endpoint, call } = await subscribed({
      change: { resource: `/users/${ADDRESS}/calendars`, changeType: 'updated' },
    });
    const { body } = await call('POST', '~/calendars', { name: 'Work' });
    await call('PATCH', `~/calendars/${body.id}`, { name: 'Job' });
    mailbox.createEvent(anEvent());
    await call('DELETE', `~/calendars/${body.id}`);
    await sim.advance(SECOND);
    const resource = `Users/${mailbox.id}/Calendars/${body.id}`;
    const update = {
      changeType: 'updated',
      resource,
      resourceData: { '@odata.type': '#Microsoft.Graph.Calendar', '@odata.id': resource, id: body.id },
    };
    expect(endpoint.notifications()).toMatchObject([update, update, update]);
  });

  it('waits with others for the same address, and only as long as the service likes', async () => {
    const { mailbox, sim, endpoint } = await subscribed({ options: { switches: { notificationDelayMs: 5 * SECOND } } });
    mailbox.createEvent(anEvent());
    await sim.advance(3 * SECOND);
    mailbox.createEvent(anEvent());
    expect(sim.notifications.outstanding).toBe(2);
    await sim.advance(2 * SECOND);
    expect(sim.notifications.outstanding).toBe(0);
    mailbox.createEvent(anEvent());
    await sim.advance(5 * SECOND);
    expect(endpoint.received.map(({ body }) => JSON.parse(body).value.length)).toEqual([2, 1]);
  });

  it('may come twice, and in any order', async () => {
    const doubled = await subscribed({ options: { switches: { notificationDuplicates: 1 } } });
    doubled.mailbox.createEvent(anEvent());
    await doubled.sim.advance(MINUTE);
    const [first, second] = doubled.endpoint.notifications();
    expect(second).toEqual(first);
    expect(doubled.endpoint.received).toHaveLength(2);

    const mixed = await subscribed({ options: { switches: { notificationReordering: true } } });
    const ids = Array.from({ length: 12 }, (_, at) => mixed.mailbox.createEvent(anEvent({ subject: String(at) })).id);
    await mixed.sim.advance(MINUTE);
    const sent = mixed.endpoint.notifications().map(({ resourceData }) => resourceData.id);
    const stored = ids.map((id) => mixed.mailbox.getEvent(id!, { idForm: 'default' })!.id);
    expect(sent).not.toEqual(stored);
    expect(sent.sort()).toEqual(stored.sort());
  });

  it('reaches a real receiver, which may call back', async () => {
    const { sim, call, mailbox } = simulate();
    const seen: number[] = [];
    const receiver = await listenForWebhooks(async ({ body }) => {
      if (body !== '') seen.push((await call('GET', '~/events')).status);
      return undefined;
    });
    closing.push(receiver.close);
    const { status } = await call('POST', '/subscriptions', {
      changeType: 'created',
      resource: `/users/${ADDRESS}/events`,
      notificationUrl: `${receiver.url}/hook?c=1`,
      expirationDateTime,
    });
    expect(status).toBe(201);
    mailbox.createEvent(anEvent());
    await sim.advance(SECOND);
    expect(receiver.received.map(({ url }) => url)).toEqual(['/hook?c=1']);
    expect(receiver.notifications()[0]).not.toHaveProperty('clientState');
    expect(seen).toEqual([200]);
  });

  it('goes out by itself when the clock runs by itself', async () => {
    const { mailbox, endpoint } = await subscribed({
      options: { now: () => Date.now(), switches: { notificationDelayMs: 5 } },
      change: { expirationDateTime: new Date(Date.now() + HOUR).toISOString() },
    });
    mailbox.createEvent(anEvent());
    await expect.poll(() => endpoint.received.length, { interval: 5 }).toBe(1);
  });
});

describe('an endpoint that does not take it', () => {
  it('is tried again after ever longer waits, until it does', async () => {
    let answers = 0;
    const { mailbox, sim, endpoint, told } = await subscribed({
      handle: ({ body }) => (body !== '' && ++answers <= 3 ? { status: answers === 1 ? 500 : 400 } : undefined),
    });
    mailbox.createEvent(anEvent());
    await sim.advance(2 * MINUTE);
    expect(told()).toEqual(['created', 'created', 'created', 'created']);
    expect(new Set(endpoint.received.map(({ body }) => body)).size).toBe(1);
    const tries = sim.notifications.deliveries.filter(({ kind }) => kind === 'change');
    expect(tries.map(({ at, status, outcome }) => [(Date.parse(at) - NOW) / SECOND, status, outcome])).toEqual([
      [1, 500, 'retry'],
      [11, 400, 'retry'],
      [31, 400, 'retry'],
      [71, 202, 'accepted'],
    ]);
  });

  it('loses it after four hours, and hears missed where that still arrives', async () => {
    const { mailbox, sim, endpoint, id } = await subscribed({
      handle: ({ url, body }) => (url === HOOK && body !== '' ? { status: 503 } : undefined),
    });
    mailbox.createEvent(anEvent());
    await sim.advance(4 * HOUR);
    expect(sim.notifications.outstanding).toBe(1);
    await sim.advance(2 * SECOND);
    expect(sim.notifications.outstanding).toBe(0);
    const last = sim.notifications.deliveries.findLast(({ kind }) => kind === 'change')!;
    expect([Date.parse(last.at) - NOW, last.outcome]).toEqual([4 * HOUR + SECOND, 'lost']);
    const lifecycle = endpoint.received.filter(({ url }) => url === LIFECYCLE);
    expect(lifecycle.map(({ body }) => JSON.parse(body))).toEqual([
      {
        value: [
          {
            lifecycleEvent: 'missed',
            subscriptionId: id,
            subscriptionExpirationDateTime: '2026-03-05T06:30:00+00:00',
            clientState: 'k3y',
            tenantId: '22222222-2222-4222-8222-222222222222',
            resource: `Users/${mailbox.id}/Events`,
            organizationId: '22222222-2222-4222-8222-222222222222',
          },
        ],
      },
    ]);
  });

  it('hears missed as soon as it can be reached, when everything was down for longer', async () => {
    let isDown = true;
    const { mailbox, sim, told, endpoint } = await subscribed({
      handle: ({ body }) => {
        if (isDown && body !== '') throw new TypeError('fetch failed');
        return undefined;
      },
    });
    mailbox.createEvent(anEvent());
    await sim.advance(10 * HOUR);
    expect(sim.notifications.outstanding).toBe(0);
    isDown = false;
    endpoint.received.length = 0;
    mailbox.createEvent(anEvent());
    await sim.advance(MINUTE);
    expect(told()).toEqual(['created', 'missed']);
    await sim.advance(HOUR);
    expect(told()).toEqual(['created', 'missed']);
  });

  it('is given up when it does not answer in time', async () => {
    const { mailbox, sim } = await subscribed({
      options: { switches: { deliveryTimeoutMs: 30 } },
      handle: ({ body }) => (body === '' ? undefined : new Promise(() => {})),
    });
    mailbox.createEvent(anEvent());
    await sim.advance(SECOND);
    expect(sim.notifications.deliveries.at(-1)).toMatchObject({ outcome: 'retry', error: 'timeout' });
  });
});

describe('a slow endpoint', () => {
  const slow = (durationMs: number) => ({ headers: { 'x-simulated-duration-ms': String(durationMs) } });

  /** So many notifications, each in a POST of its own, of which those from one number to another are slow. */
  async function answering(o: {
    total: number;
    slow: [from: number, to: number];
    durationMs: number;
    policy: 'current' | '2022';
  }) {
    let answers = 0;
    const world = await subscribed({
      options: { switches: { slowEndpointPolicy: o.policy, deliveryTimeoutMs: 60 * SECOND } },
      handle: ({ body }) => {
        if (body !== '') answers += 1;
        return answers >= o.slow[0] && answers <= o.slow[1] ? slow(o.durationMs) : undefined;
      },
    });
    for (let sent = 0; sent < o.total; sent += 1) {
      world.mailbox.createEvent(anEvent());
      await world.sim.advance(SECOND);
    }
    world.endpoint.received.length = 0;
    world.mailbox.createEvent(anEvent());
    return world;
  }

  it('gets its notifications ten seconds later when more than a tenth took over ten seconds', async () => {
    const { sim, endpoint } = await answering({ total: 8, slow: [8, 8], durationMs: 10_500, policy: 'current' });
    await sim.advance(10 * SECOND);
    expect(endpoint.received).toEqual([]);
    await sim.advance(SECOND);
    expect(endpoint.received).toHaveLength(1);
  });

  it('gets none for a while when it is worse, and hears missed', async () => {
    const { sim, endpoint, mailbox, told } = await answering({
      total: 1,
      slow: [1, 1],
      durationMs: 10_500,
      policy: 'current',
    });
    await sim.advance(9 * MINUTE);
    expect(told()).toEqual(['missed']);
    await sim.advance(MINUTE);
    endpoint.received.length = 0;
    mailbox.createEvent(anEvent());
    await sim.advance(SECOND);
    expect(told()).toEqual(['created']);
  });

  it('is judged by three seconds and a hundred answers in the older pages', async () => {
    const few = await answering({ total: 50, slow: [1, 50], durationMs: 3000, policy: '2022' });
    await few.sim.advance(SECOND);
    expect(few.told()).toEqual(['created']);
    const many = await answering({ total: 100, slow: [1, 10], durationMs: 3000, policy: '2022' });
    await many.sim.advance(9 * MINUTE);
    expect(many.told()).toEqual([]);
    await many.sim.advance(2 * MINUTE);
    expect(many.told()).toEqual(['created']);
    const worse = await answering({ total: 100, slow: [1, 15], durationMs: 3000, policy: '2022' });
    await worse.sim.advance(20 * MINUTE);
    expect(worse.told()).toEqual(['missed']);
  });
});

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
