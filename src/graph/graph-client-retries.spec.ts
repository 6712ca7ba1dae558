import { describe, expect, it } from 'vitest';
import { errorOf, newSession, openGraphWorld, SleepwalkingClock, START } from '../../test/support/graph-world.ts';
import { ManualClock } from '../../test/support/jobs-world.ts';
import type { Fetch } from '../core/runtime.ts';

type World = ReturnType<typeof openGraphWorld>;

const sleepsOf = ({ clock }: World) => (clock as SleepwalkingClock).sleeps;
const read = (world: World) =>
  world.client.send(world.session, { method: 'GET', path: `/users/${world.mailbox.id}/calendar` });
/** Answers everything itself. */
const answering = (answer: (url: string, attempt: number) => Response | Promise<Response>) => {
  let attempt = 0;
  return (): Fetch => async (url) => answer(url, ++attempt);
};
const refusal = (status: number, code: string, headers: Record<string, string> = {}) =>
  Response.json({ error: { code, message: '' } }, { status, headers });

describe('a failure in passing', () => {
  it.each([408, 423, 500, 502, 503, 504, 520])('is tried again after %i, a little later each time', async (status) => {
    const world = openGraphWorld({
      wrap: answering((_, attempt) => (attempt < 4 ? refusal(status, 'UnknownError') : Response.json({ id: 'x' }))),
    });
    await read(world);
    expect(sleepsOf(world)).toEqual([375, 750, 1500]);
    expect(world.session.stats).toMatchObject({ requests: 4, retried: 3, failed: 3, byCategory: { unavailable: 3 } });
  });

  it('is given up after five tries, and says how long to stay away', async () => {
    const world = openGraphWorld();
    world.sim.failNext({ status: 504, count: 1_000 });
    const error = await errorOf(read(world));
    expect(error).toMatchObject({ code: 'unavailable', httpStatus: 504, retryAfterMs: 6_000 });
    expect(error.graphRequestId).toBe(world.sim.requests.at(-1)!.requestId);
    expect(world.sim.requests).toHaveLength(5);
  });

  it.each([400, 403, 405, 413, 422, 501, 507])(
    'is none when Graph says %i: that is not tried again',
    async (status) => {
      const world = openGraphWorld();
      world.sim.failNext({ status, code: 'SomethingElse' });
      expect((await errorOf(read(world))).recovery).toBe('give-up');
      expect(world.sim.requests).toHaveLength(1);
    },
  );

  it.each(['drop-before', 'drop-after-commit', 'truncated-json', 'gateway-html'] as const)(
    'is tried again after %s',
    async (kind) => {
      const world = openGraphWorld();
      world.sim.failNext({ kind });
      expect((await read(world)).body).toMatchObject({ name: 'Calendar' });
      expect(world.sim.requests).toHaveLength(2);
    },
  );

  it.each([
    ['an empty 200', () => new Response('', { status: 200 })],
    ['an empty 201', () => new Response('', { status: 201 })],
    ['HTML with status 200', () => new Response('<html>Sign in to the airport wifi</html>', { status: 200 })],
    ['a 404 of a gateway', () => new Response('<html>not found</html>', { status: 404 })],
    ['a 410 of a gateway', () => new Response('', { status: 410 })],
  ])('is tried again after %s', async (_, broken) => {
    const world = openGraphWorld({
      wrap: answering((_url, attempt) => (attempt === 1 ? broken() : Response.json({ id: 'x' }))),
    });
    expect((await read(world)).body).toEqual({ id: 'x' });
  });

  it('takes an empty 204 for what it is', async () => {
    const world = openGraphWorld({ wrap: answering(() => new Response(null, { status: 204 })) });
    expect(await read(world)).toEqual({ status: 204, body: undefined, etag: undefined });
  });

  it('is tried again when the answer does not come', async () => {
    const world = openGraphWorld({ requestTimeoutMs: 20 });
    world.sim.failNext({ kind: 'hang' });
    expect((await read(world)).status).toBe(200);
    expect(world.sim.requests).toHaveLength(2);
  });

  it('ends at once when the run is cancelled', async () => {
    const abort = new AbortController();
    const world = openGraphWorld({ clock: new ManualClock(START) });
    world.sim.failNext({ status: 503 });
    const pending = world.client.send(newSession(world.mailbox, abort.signal), {
      method: 'GET',
      path: `/users/${world.mailbox.id}/calendar`,
    });
    const outcome = expect(pending).rejects.toThrow('enough');
    await expect.poll(() => world.sim.requests.length).toBe(1);
    abort.abort(new Error('enough'));
    await outcome;
    expect(world.sim.requests).toHaveLength(1);
  });

  it('ends at once when the run is cancelled while the answer is awaited', async () => {
    const abort = new AbortController();
    const world = openGraphWorld();
    world.sim.failNext({ kind: 'hang' });
    const pending = world.client.send(newSession(world.mailbox, abort.signal), {
      method: 'GET',
      path: `/users/${world.mailbox.id}/calendar`,
    });
    const outcome = expect(pending).rejects.toThrow('enough');
    await expect.poll(() => world.sim.requests.length).toBe(1);
    abort.abort(new Error('enough'));
    await outcome;
    expect(world.client.breakers.stateOf(world.mailbox.id)).toBe('closed');
  });
});

describe('a throttled mailbox', () => {
  it.each([
    ['whole seconds', '7', 7_000],
    ['decimal seconds', '2.128', 2_128],
    ['a date', 'Mon, 02 Mar 2026 08:00:12 GMT', 12_000],
    ['a date that is over', 'Mon, 02 Mar 2026 07:00:00 GMT', 0],
    ['nothing', undefined, 375],
    ['something unreadable', 'soon', 375],
  ])('is left alone for the wait given as %s', async (_, retryAfter, waitMs) => {
    const world = openGraphWorld();
    world.sim.failNext({ status: 429, ...(retryAfter === undefined ? {} : { retryAfter }) });
    await read(world);
    expect(sleepsOf(world).reduce((sum, ms) => sum + ms, 0)).toBe(waitMs);
    expect(world.session.stats).toMatchObject({ throttled: 1, retried: 1 });
  });

  it.each([
    [429, 'ApplicationThrottled'],
    [429, 'UnknownError'],
    [503, 'ApplicationThrottled'],
    [509, 'BandwidthExceeded'],
    [400, 'activityLimitReached'],
  ])('is recognised by %i %s', async (status, code) => {
    const world = openGraphWorld();
    world.sim.failNext({ status, code, retryAfter: 3 });
    await read(world);
    expect(world.session.stats.byCategory).toEqual({ throttled: 1 });
    expect(sleepsOf(world)).toEqual([3_000]);
  });

  it('keeps its silence and is told, where what was asked for is not to be done twice', async () => {
    const world = openGraphWorld();
    world.sim.failNext({ status: 429, code: 'TooManyRequests', retryAfter: 3 });
    const asked = world.client.send(world.session, { method: 'POST', path: '/users/x/events/y/accept', isOnce: true });
    expect((await errorOf(asked)).code).toBe('throttled');
    expect(sleepsOf(world)).toEqual([3_000]);
    expect(world.sim.requests).toHaveLength(1);
  });

  it('reads a date by the clock of Graph when the two differ', async () => {
    const clock = new SleepwalkingClock();
    const later = (ms: number) => new Date(clock.now().getTime() + 3_600_000 + ms).toUTCString();
    const answer = answering((_, attempt) =>
      attempt === 1
        ? refusal(429, 'TooManyRequests', { date: later(0), 'retry-after': later(5_000) })
        : Response.json({ id: 'x' }, { headers: { date: later(0), 'request-id': 'r-1' } }),
    );
    const world = openGraphWorld({ clock, wrap: answer });
    await read(world);
    expect(clock.sleeps).toEqual([5_000]);
    expect(world.client.clockOffsetMs).toBe(3_600_000);
  });

  it('is silent for everybody, and no other mailbox is', async () => {
    const clock = new ManualClock(START);
    const world = openGraphWorld({ clock });
    const other = world.sim.addMailbox({ address: 'bob@example.com' });
    world.sim.failNext({ status: 429, retryAfter: 30, mailbox: 'ada@example.com' });
    const first = read(world);
    await expect.poll(() => world.limiter.pausedUntil(world.mailbox.id)).toEqual(new Date('2026-03-02T08:00:30Z'));
    const second = read(world);
    await world.client.send(newSession(other), { method: 'GET', path: `/users/${other.id}/calendar` });
    expect(world.sim.requests).toHaveLength(2);
    clock.advance(29_999);
    await Promise.resolve();
    expect(world.sim.requests).toHaveLength(2);
    clock.advance(1);
    await Promise.all([first, second]);
    expect(world.sim.requests).toHaveLength(4);
  });

  it.each([
    [503, 'ErrorMailboxStoreUnavailable'],
    [503, 'ErrorMailboxMoveInProgress'],
    [503, 'MailboxInfoStale'],
    [500, 'ErrorInternalServerTransientError'],
  ])('is silent for everybody when %i %s names a wait', async (status, code) => {
    const world = openGraphWorld();
    world.sim.failNext({ status, code, retryAfter: 300 });
    expect(await errorOf(read(world))).toMatchObject({ code: 'unavailable', retryAfterMs: 300_000 });
    expect(world.limiter.pausedUntil(world.mailbox.id)).toEqual(new Date('2026-03-02T08:05:00Z'));
    expect(await errorOf(read(world))).toMatchObject({ code: 'throttled', retryAfterMs: 300_000 });
    expect(world.sim.requests).toHaveLength(1);
  });

  it('is given back to the job when the wait is longer than a run should hold its mailbox', async () => {
    const world = openGraphWorld();
    world.sim.failNext({ status: 429, retryAfter: 600 });
    expect(await errorOf(read(world))).toMatchObject({ code: 'throttled', retryAfterMs: 600_000 });
    expect(sleepsOf(world)).toEqual([]);
    // The pause stays in force for whoever comes next, who does not sit it out either.
    (world.clock as SleepwalkingClock).advance(100_000);
    expect(await errorOf(read(world))).toMatchObject({ code: 'throttled', retryAfterMs: 500_000 });
    expect(world.sim.requests).toHaveLength(1);
    expect(sleepsOf(world)).toEqual([]);
  });

  it('never gets more than four requests at a time', async () => {
    const world = openGraphWorld({ switches: { latencyMs: 2 } });
    await Promise.all(Array.from({ length: 25 }, () => read(world)));
    expect(world.sim.concurrencyHighWater('ada@example.com')).toBe(4);
    expect(world.session.stats).toMatchObject({ requests: 25, throttled: 0 });
  });
});

describe('a mailbox that gets no answer', () => {
  /** Down until told otherwise. */
  function downWorld() {
    const clock = new ManualClock(START);
    const state = { isDown: true };
    const world = openGraphWorld({
      clock,
      wrap: (fetch) => async (url, init) => (state.isDown ? refusal(503, 'serviceNotAvailable') : fetch(url, init)),
    });
    /** Lets time pass in small steps until the work is done. */
    const through = async <T>(work: Promise<T>): Promise<T> => {
      let isDone = false;
      const done = work.finally(() => {
        isDone = true;
      });
      done.catch(() => {});
      while (!isDone) {
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(100);
      }
      return done;
    };
    return { ...world, clock, state, through };
  }

  it('is not asked any more after ten failures in a row', async () => {
    const world = downWorld();
    for (let run = 0; run < 2; run += 1) {
      expect((await errorOf(world.through(read(world)))).httpStatus).toBe(503);
    }
    expect(world.client.breakers.stateOf(world.mailbox.id)).toBe('open');
    // Nobody sits that out: the job is told when to come back.
    const refused = await errorOf(read(world));
    expect(refused.code).toBe('unavailable');
    expect(refused.retryAfterMs).toBeGreaterThan(25_000);
    expect(world.session.stats.requests).toBe(10);
    world.state.isDown = false;
    world.clock.advance(30_000);
    await read(world);
    expect(world.session.stats.requests).toBe(11);
  });

  it('is tried by one request after half a minute, and open to all once that succeeds', async () => {
    const world = downWorld();
    for (let run = 0; run < 2; run += 1) await errorOf(world.through(read(world)));
    world.clock.advance(30_000);
    expect(world.client.breakers.stateOf(world.mailbox.id)).toBe('half-open');
    world.state.isDown = false;
    await world.through(Promise.all([read(world), read(world), read(world)]));
    expect(world.client.breakers.stateOf(world.mailbox.id)).toBe('closed');
  });

  it('is left alone twice as long when the probe fails, up to eight minutes', async () => {
    const world = downWorld();
    for (let run = 0; run < 2; run += 1) await errorOf(world.through(read(world)));
    world.clock.advance(30_000);
    const waits: (number | undefined)[] = [];
    for (let probes = 1; probes <= 6; probes += 1) {
      await errorOf(world.through(read(world)));
      expect(world.session.stats.requests).toBe(10 + probes);
      const { retryAfterMs = 0 } = await errorOf(read(world));
      waits.push(Math.round(retryAfterMs / 60_000));
      world.clock.advance(retryAfterMs);
    }
    expect(waits).toEqual([1, 2, 4, 8, 8, 8]);
    world.state.isDown = false;
    await read(world);
    expect(world.client.breakers.stateOf(world.mailbox.id)).toBe('closed');
  });

  it('keeps a worker waiting for two requests that hang, not for five', async () => {
    const clock = new ManualClock(START);
    let asked = 0;
    const world = openGraphWorld({
      clock,
      wrap: () => async () => {
        asked += 1;
        throw new DOMException('The operation was aborted due to timeout', 'TimeoutError');
      },
    });
    const failed = errorOf(read(world));
    await expect.poll(() => asked).toBe(1);
    for (let turns = 0; turns < 200; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1_000);
    }
    expect(await failed).toMatchObject({ code: 'unavailable', retryAfterMs: expect.any(Number) });
    expect(asked).toBe(2);
  });

  it('is not taken for down because of single failures', async () => {
    const world = openGraphWorld();
    for (let failures = 0; failures < 15; failures += 1) {
      world.sim.failNext({ status: 502 });
      await read(world);
    }
    expect(world.client.breakers.stateOf(world.mailbox.id)).toBe('closed');
  });

  it('does not seem to answer because a link to elsewhere was refused', async () => {
    const world = downWorld();
    await errorOf(world.through(read(world)));
    await errorOf(world.client.send(world.session, { method: 'GET', path: 'https://elsewhere.example.com/' }));
    await errorOf(world.through(read(world)));
    expect(world.client.breakers.stateOf(world.mailbox.id)).toBe('open');
  });
});

describe('a Graph that cannot be reached', () => {
  it('is asked by nobody after ten failures in a row, of whichever mailbox', async () => {
    const world = openGraphWorld({
      wrap: () => async () => {
        throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
      },
    });
    await errorOf(read(world));
    await errorOf(read(world));
    expect(world.client.breakers.state).toBe('open');
  });
});
