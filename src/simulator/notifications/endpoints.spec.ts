import { describe, expect, it } from 'vitest';
import { anEvent, NOW } from '../../../test/support/simulator-client.ts';
import { HOOK, HOUR, LIFECYCLE, MINUTE, SECOND, subscribed } from '../../../test/support/subscribed-mailbox.ts';

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
    mailbox.createEvent(anEvent());
    expect(told()).toEqual([]);
    await sim.advance(MINUTE + SECOND);
    expect(told()).toEqual(['missed']);
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
