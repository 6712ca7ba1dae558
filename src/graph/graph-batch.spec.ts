import { describe, expect, it } from 'vitest';
import { MAILBOX, openGraphWorld, type SleepwalkingClock } from '../../test/support/graph-world.ts';
import type { Fetch } from '../core/runtime.ts';
import { type BatchItem, sendBatch } from './graph-batch.ts';

const sleepsOf = ({ clock }: { clock: unknown }) => (clock as SleepwalkingClock).sleeps;

/** A mailbox with so many events, and the items that read them. */
function withEvents(count: number, options: Parameters<typeof openGraphWorld>[0] = {}) {
  const world = openGraphWorld(options);
  const ids = Array.from({ length: count }, (_, index) => {
    const time = (hour: string) => ({ dateTime: `2026-03-04T${hour}:00:00`, timeZone: 'UTC' });
    return world.mailbox.createEvent({ subject: `Event ${index}`, start: time('09'), end: time('10') }).id;
  });
  const items = ids.map((id): BatchItem => ({ key: id, method: 'GET', path: pathOf(world.mailbox.id, id) }));
  world.sim.clearLog();
  return { ...world, ids, items, send: (batchSize = 20) => sendBatch(world.client, world.session, items, batchSize) };
}

const pathOf = (mailbox: string, id: string) => `/users/${mailbox}/events/${encodeURIComponent(id)}`;
const subjects = (outcomes: Awaited<ReturnType<typeof sendBatch>>) =>
  Object.fromEntries(
    outcomes.map((outcome) => [
      outcome.key,
      outcome.ok ? (outcome.body as { subject: string }).subject : outcome.error.code,
    ]),
  );
const expected = (ids: string[]) => Object.fromEntries(ids.map((id, index) => [id, `Event ${index}`]));

describe('a batch', () => {
  it('gives each item its own answer, in whatever order they come', async () => {
    const world = withEvents(20, { switches: { shuffleBatch: true } });
    expect(subjects(await world.send())).toEqual(expected(world.ids));
    expect(world.sim.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /v1.0/$batch']);
  });

  it('is cut into requests of the given size', async () => {
    const world = withEvents(7);
    expect(subjects(await world.send(3))).toEqual(expected(world.ids));
    expect(world.sim.requests.map(({ children }) => children.length)).toEqual([3, 3, 0]);
  });

  it('of one item is sent as a plain request', async () => {
    const world = withEvents(1);
    await world.send();
    expect(world.sim.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET /v1.0${decodeURIComponent(world.items[0]!.path)}`,
    ]);
  });

  it('of nothing sends nothing', async () => {
    const world = withEvents(0);
    expect(await world.send()).toEqual([]);
    expect(world.sim.requests).toEqual([]);
  });

  it('carries preferences and the correlation id on every item', async () => {
    const world = withEvents(2);
    await world.send();
    for (const { headers } of world.sim.requests[0]!.children) {
      expect(headers).toMatchObject({
        prefer: 'IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="html"',
        'client-request-id': world.session.correlationId,
      });
    }
  });

  it('sends again, after the wait it was told, only what was throttled', async () => {
    const world = withEvents(5);
    world.sim.failNext({ batchItem: true, status: 429, retryAfter: 7, count: 2 });
    expect(subjects(await world.send())).toEqual(expected(world.ids));
    expect(world.sim.requests.map(({ children }) => children.length)).toEqual([5, 2]);
    expect(sleepsOf(world)).toEqual([7_000]);
    expect(world.session.stats).toMatchObject({ requests: 2, retried: 1, throttled: 1 });
  });

  it('silences the whole mailbox for what one item was told', async () => {
    const world = withEvents(3);
    world.sim.failNext({ batchItem: true, status: 429, retryAfter: 30 });
    let paused: Date | undefined;
    const original = world.clock.sleep.bind(world.clock);
    world.clock.sleep = async (ms, signal) => {
      paused ??= world.limiter.pausedUntil(world.session.mailbox);
      return original(ms, signal);
    };
    await world.send();
    expect(paused).toEqual(new Date('2026-03-02T08:00:30Z'));
  });

  it('keeps the silence of the last try, too, before the next items are sent', async () => {
    const world = withEvents(8);
    world.sim.failNext({ batchItem: true, status: 429, retryAfter: 30, count: 20 });
    const outcomes = await world.send(4);
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(4);
    // Four between five tries, and one before the items that come next.
    expect(sleepsOf(world)).toEqual([30_000, 30_000, 30_000, 30_000, 30_000]);
  });

  it('waits for what it was told without being throttled, and so does the mailbox', async () => {
    const world = withEvents(4);
    world.sim.failNext({ batchItem: true, status: 429, retryAfter: 3 });
    world.sim.failNext({ batchItem: true, status: 503, code: 'MailboxInfoStale', retryAfter: 40 });
    expect(subjects(await world.send())).toEqual(expected(world.ids));
    expect(sleepsOf(world)).toEqual([40_000]);
    expect(world.limiter.pausedUntil(world.session.mailbox)).toBeUndefined();
  });

  it.each([
    [500, undefined],
    [502, undefined],
    [503, undefined],
    [504, undefined],
    [424, 'FailedDependency'],
    [503, 'MailboxInfoStale'],
  ])('sends again what failed in passing with %i %s', async (status, code) => {
    const world = withEvents(4);
    world.sim.failNext({ batchItem: true, status, ...(code ? { code } : {}) });
    expect(subjects(await world.send())).toEqual(expected(world.ids));
    expect(world.sim.requests).toHaveLength(2);
  });

  it('waits for the longest of several waits', async () => {
    const world = withEvents(4);
    world.sim.failNext({ batchItem: true, status: 429, retryAfter: 3 });
    world.sim.failNext({ batchItem: true, status: 503, retryAfter: 11 });
    world.sim.failNext({ batchItem: true, status: 500 });
    expect(subjects(await world.send())).toEqual(expected(world.ids));
    expect(sleepsOf(world)).toEqual([11_000]);
  });

  it('reads a wait given as a date by the clock of Graph', async () => {
    const world = withEvents(3);
    world.sim.failNext({ batchItem: true, status: 429, retryAfter: 'Mon, 02 Mar 2026 08:00:09 GMT' });
    expect(subjects(await world.send())).toEqual(expected(world.ids));
    expect(sleepsOf(world)).toEqual([9_000]);
  });

  it('gives up on an item in the end, and on none of the others', async () => {
    const world = withEvents(3);
    const broken = world.ids[1]!;
    world.sim.failNext({ path: new RegExp(escaped(broken)), status: 504, count: 1_000 });
    expect(subjects(await world.send())).toEqual({ ...expected(world.ids), [broken]: 'unavailable' });
    expect(world.sim.requests.flatMap((entry) => [entry, ...entry.children]).length).toBeLessThan(20);
  });

  it('tells apart what Graph refuses for good, without a second try', async () => {
    const world = withEvents(2);
    const { id } = world.mailbox;
    world.items.push({ key: 'nobody', method: 'GET', path: pathOf(id, 'AAMkAGone') });
    expect(subjects(await world.send())).toEqual({ ...expected(world.ids), nobody: 'not-found' });
    expect(world.sim.requests).toHaveLength(1);
  });

  it('keeps the other outcomes when one item has to wait longer than a run may', async () => {
    const world = withEvents(4);
    const slow = world.ids[0]!;
    world.sim.failNext({ path: new RegExp(escaped(slow)), batchItem: true, status: 429, retryAfter: 600, count: 9 });
    const outcomes = await world.send();
    expect(subjects(outcomes)).toEqual({ ...expected(world.ids), [slow]: 'throttled' });
    const failed = outcomes.find(({ ok }) => !ok);
    expect(failed?.ok === false && failed.error.retryAfterMs).toBe(600_000);
    expect(sleepsOf(world)).toEqual([]);
  });

  it('keeps what earlier requests were answered when a later one fails', async () => {
    const world = withEvents(6);
    world.sim.failNext({ path: /\$batch$/, status: 503, after: 1, count: 1_000 });
    const outcomes = subjects(await world.send(2));
    expect(Object.values(outcomes)).toEqual([
      ...['Event 0', 'Event 1'],
      ...['unavailable', 'unavailable', 'unavailable', 'unavailable'],
    ]);
    // What could not be delivered once is not tried again for each further request.
    expect(world.sim.requests).toHaveLength(6);
  });

  it('sends the items one by one when Graph refuses the batch as such', async () => {
    const world = withEvents(3);
    world.sim.failNext({ path: /\$batch$/, status: 413, code: 'RequestEntityTooLarge' });
    expect(subjects(await world.send())).toEqual(expected(world.ids));
    expect(world.sim.requests.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET', 'GET']);
  });

  it('asks again for an answer that was left out', async () => {
    let isFirst = true;
    const withoutOne =
      (fetch: Fetch): Fetch =>
      async (url, init) => {
        const response = await fetch(url, init);
        if (!url.endsWith('$batch') || !isFirst) return response;
        isFirst = false;
        const body = (await response.json()) as { responses: { id: string }[] };
        return Response.json({ responses: body.responses.filter(({ id }) => id !== '2') });
      };
    const world = withEvents(4, { wrap: withoutOne });
    expect(subjects(await world.send())).toEqual(expected(world.ids));
    expect(world.sim.requests.map(({ method }) => method)).toEqual(['POST', 'GET']);
  });

  it.each(['truncated-json', 'gateway-html', 'drop-before', 'drop-after-commit'] as const)(
    'is repeated as a whole after %s',
    async (kind) => {
      const world = withEvents(3);
      world.sim.failNext({ path: /\$batch$/, kind });
      expect(subjects(await world.send())).toEqual(expected(world.ids));
      expect(world.sim.requests).toHaveLength(2);
    },
  );

  it('renews the token when an item says it has expired', async () => {
    let issued = 0;
    const world = withEvents(3, {
      tokens: {
        getToken: async () => {
          issued += 1;
          return world.sim.accessToken();
        },
      },
    });
    world.sim.failNext({ batchItem: true, status: 401, count: 3 });
    world.sim.failNext({ batchItem: false, method: 'GET', status: 401 });
    expect(subjects(await world.send())).toEqual(expected(world.ids));
    expect(issued).toBeGreaterThan(1);
  });

  it('never has more than four of its items at a mailbox, other requests counted in', async () => {
    const world = withEvents(20, { switches: { latencyMs: 2 } });
    const { client, session } = world;
    const path = `/users/${world.mailbox.id}/calendar`;
    await Promise.all([
      world.send(),
      ...Array.from({ length: 6 }, () => client.send(session, { method: 'GET', path })),
      world.send(),
    ]);
    expect(world.sim.concurrencyHighWater(MAILBOX)).toBeLessThanOrEqual(4);
    expect(world.session.stats.throttled).toBe(0);
  });

  it('rejects with the reason of the run that was cancelled', async () => {
    const world = withEvents(3);
    const abort = new AbortController();
    const reason = new Error('the run was cancelled');
    abort.abort(reason);
    const session = { ...world.session, signal: abort.signal };
    await expect(sendBatch(world.client, session, world.items, 20)).rejects.toBe(reason);
    expect(world.sim.requests).toEqual([]);
  });
});

describe('items that wait for another', () => {
  const subject = (text: string) => ({ subject: text });

  it('are carried out in their order, in one request', async () => {
    const world = withEvents(1);
    const [id] = world.ids as [string];
    const patch = (key: string, after?: string): BatchItem => ({
      key,
      method: 'PATCH',
      path: pathOf(world.mailbox.id, id),
      body: subject(key),
      ...(after ? { after } : {}),
    });
    const items = [patch('first'), patch('second', 'first'), patch('third', 'second')];
    const outcomes = await sendBatch(world.client, world.session, items, 20);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, true]);
    expect(world.mailbox.getEvent(id)?.subject).toBe('third');
    expect(world.sim.requests).toHaveLength(1);
    expect(
      (world.sim.requests[0]!.body as { requests: { dependsOn?: string[] }[] }).requests.map((r) => r.dependsOn),
    ).toEqual([undefined, ['1'], ['2']]);
  });

  it('are sent nevertheless when the one before them was refused', async () => {
    const world = withEvents(1);
    const [id] = world.ids as [string];
    const path = pathOf(world.mailbox.id, id);
    const items: BatchItem[] = [
      { key: 'refused', method: 'PATCH', path, body: { subject: 'x', nonsense: true } },
      { key: 'second', method: 'PATCH', path, body: subject('second'), after: 'refused' },
      { key: 'refused too', method: 'PATCH', path, body: { nonsense: true }, after: 'second' },
      { key: 'fourth', method: 'PATCH', path, body: subject('fourth'), after: 'refused too' },
    ];
    const outcomes = await sendBatch(world.client, world.session, items, 20);
    const byKey = Object.fromEntries(outcomes.map((outcome) => [outcome.key, outcome.ok || outcome.error.code]));
    expect(byKey).toEqual({ refused: 'rejected', second: true, 'refused too': 'rejected', fourth: true });
    expect(world.mailbox.getEvent(id)?.subject).toBe('fourth');
    // Nobody told us to wait.
    expect(sleepsOf(world)).toEqual([]);
  });

  it('are not lost when the one they wait for went with an earlier request', async () => {
    const world = withEvents(1);
    const [id] = world.ids as [string];
    const path = pathOf(world.mailbox.id, id);
    const items = Array.from({ length: 5 }, (_, index): BatchItem => {
      const shared = { key: String(index), method: 'PATCH' as const, path, body: subject(`step ${index}`) };
      return index === 0 ? shared : { ...shared, after: String(index - 1) };
    });
    const outcomes = await sendBatch(world.client, world.session, items, 2);
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(world.mailbox.getEvent(id)?.subject).toBe('step 4');
  });
});

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
