import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, simulate } from '../../../test/support/simulator-client.ts';

const subject = (length: number) => ({ body: { contentType: 'text', content: 'x'.repeat(length) } });

describe('uploads', () => {
  it('are limited per five minutes and mailbox, refused ones counted, reads free', async () => {
    const { call, clock, sim } = simulate({ switches: { uploadLimitBytes: 3000 } });
    sim.addMailbox({ address: 'bob@example.com' });
    const post = (path = '~/events') => call('POST', path, anEvent(subject(1200)));
    expect([(await post()).status, (await post()).status]).toEqual([201, 201]);
    const refused = await post();
    expect(refused).toMatchObject({ status: 429, body: { error: { code: 'TooManyRequests' } } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await call('GET', '~/events')).status).toBe(200);
    expect((await post('/users/bob@example.com/events')).status).toBe(201);
    clock.now += 299_000;
    expect((await post()).status).toBe(429);
    clock.now += 2_000;
    expect((await post()).status).toBe(201);
  });
});

describe('an application', () => {
  it('is limited over all its mailboxes when told so', async () => {
    const { call, clock, sim } = simulate({ switches: { appRequestLimit: 3 } });
    sim.addMailbox({ address: 'bob@example.com' });
    const statuses = [];
    for (const path of ['~/events', '/users/bob@example.com/events', '~/events', '/users/bob@example.com/events']) {
      statuses.push((await call('GET', path)).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429]);
    clock.now += 10_001;
    expect((await call('GET', '~/events')).status).toBe(200);
  });
});

describe('batches', () => {
  const chain = (length: number) => ({
    requests: Array.from({ length }, (_, at) => ({
      id: String(at),
      method: 'GET',
      url: `/users/${ADDRESS}/events`,
      ...(at === 0 ? {} : { dependsOn: [String(at - 1)] }),
    })),
  });

  it('run one at a time when ordered, four of those side by side, a fifth is throttled', async () => {
    const { call, sim } = simulate();
    await call('POST', '/$batch', chain(6));
    expect(sim.concurrencyHighWater(ADDRESS)).toBe(1);
    const four = await Promise.all(Array.from({ length: 4 }, () => call('POST', '/$batch', chain(4))));
    const statuses = four.flatMap(({ body }) => body.responses.map(({ status }: { status: number }) => status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(sim.concurrencyHighWater(ADDRESS)).toBe(4);
    const five = await Promise.all(Array.from({ length: 5 }, () => call('POST', '/$batch', chain(4))));
    const seen = new Set(five.flatMap(({ body }) => body.responses.map(({ status }: { status: number }) => status)));
    expect(seen.has(429)).toBe(true);
  });

  it('count each item against the limits', async () => {
    const { call } = simulate({ switches: { requestLimit: 5 } });
    const { body } = await call('POST', '/$batch', chain(7));
    const statuses = body.responses.map(({ status }: { status: number }) => status).sort();
    expect(statuses).toEqual([200, 200, 200, 200, 200, 424, 429]);
  });
});
