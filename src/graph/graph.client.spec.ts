import { describe, expect, it } from 'vitest';
import {
  CORRELATION_ID,
  newSession,
  openGraphWorld,
  SleepwalkingClock,
  START,
} from '../../test/support/graph-world.ts';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { isSyncError, type SyncError } from '../core/errors.ts';
import type { Fetch } from '../core/runtime.ts';
import type { TokenRequest } from './token.provider.ts';

type World = ReturnType<typeof openGraphWorld>;

const sleepsOf = ({ clock }: World) => (clock as SleepwalkingClock).sleeps;
const read = (world: World) =>
  world.client.send(world.session, { method: 'GET', path: `/users/${world.mailbox.id}/calendar` });
const errorOf = async (work: Promise<unknown>): Promise<SyncError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isSyncError(error)) throw new Error(`a SyncError was expected, not ${String(error)}`);
  return error;
};
/** Answers everything itself. */
const answering = (answer: (url: string, attempt: number) => Response | Promise<Response>) => {
  let attempt = 0;
  return (): Fetch => async (url) => answer(url, ++attempt);
};
const refusal = (status: number, code: string, headers: Record<string, string> = {}) =>
  Response.json({ error: { code, message: '' } }, { status, headers });

describe('a request', () => {
  it('asks for immutable ids, UTC and HTML, and says under which id it is to be found', async () => {
    const world = openGraphWorld();
    await world.client.send(world.session, {
      method: 'GET',
      path: `/users/${world.mailbox.id}/calendar`,
      prefer: ['odata.maxpagesize=7'],
    });
    expect(world.sim.requests[0]!.headers).toMatchObject({
      prefer: 'IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="html", odata.maxpagesize=7',
      'client-request-id': CORRELATION_ID,
      accept: 'application/json',
    });
  });

  it('keeps its correlation id through retries', async () => {
    const world = openGraphWorld();
    world.sim.failNext({ status: 503 });
    await read(world);
    expect(world.sim.requests.map(({ headers }) => headers['client-request-id'])).toEqual([
      CORRELATION_ID,
      CORRELATION_ID,
    ]);
  });

  it('gets an id of its own when the run has none that Graph would take', async () => {
    const world = openGraphWorld();
    const session = { ...world.session, correlationId: 'run number 7' };
    await world.client.send(session, { method: 'GET', path: `/users/${world.mailbox.id}/calendar` });
    expect(world.sim.requests[0]!.headers['client-request-id']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('guards what it changes with the tag it was given, and answers with the new one', async () => {
    const world = openGraphWorld();
    const time = { dateTime: '2026-03-04T09:00:00', timeZone: 'UTC' };
    const event = world.mailbox.createEvent({ subject: 'Tiles', start: time, end: time });
    const path = `/users/${world.mailbox.id}/events/${encodeURIComponent(event.id)}`;
    const patch = { method: 'PATCH', path, body: { subject: 'Bricks' }, ifMatch: event['@odata.etag'] } as const;
    const answer = await world.client.send(world.session, patch);
    expect(answer.etag).toBe(world.mailbox.getEvent(event.id)?.['@odata.etag']);
    expect((await errorOf(world.client.send(world.session, patch))).code).toBe('precondition-failed');
  });

  it('names the error, its request id and nothing of the content', async () => {
    const world = openGraphWorld();
    const path = `/users/${world.mailbox.id}/events`;
    const body = { subject: 'Secret plans', nonsense: true };
    const error = await errorOf(world.client.send(world.session, { method: 'POST', path, body }));
    const { requestId } = world.sim.requests[0]!;
    expect(error).toMatchObject({
      code: 'rejected',
      graphCode: 'RequestBodyRead',
      httpStatus: 400,
      graphRequestId: requestId,
    });
    expect(error.message).toBe(`Graph answered POST with 400 RequestBodyRead, request-id ${requestId}`);
  });
});

describe('a token that is refused', () => {
  function withTokens(answers: (asked: TokenRequest | undefined) => string) {
    const asked: (TokenRequest | undefined)[] = [];
    const world = openGraphWorld({
      tokens: {
        getToken: async (request) => {
          asked.push(request);
          return answers(request);
        },
      },
    });
    return { ...world, asked };
  }

  it('is replaced once, and the request repeated with the new one', async () => {
    const world = withTokens((request) => (request?.refusedToken === 'stale' ? world.sim.accessToken() : 'stale'));
    await read(world);
    expect(world.asked).toEqual([undefined, { refusedToken: 'stale', claims: undefined }]);
    expect(world.sim.requests.map(({ status }) => status)).toEqual([401, 200]);
    expect(sleepsOf(world)).toEqual([]);
  });

  it('is not replaced twice: then somebody has to sign in again', async () => {
    const world = withTokens(() => 'stale');
    expect(await errorOf(read(world))).toMatchObject({ code: 'unauthenticated', httpStatus: 401 });
    expect(world.sim.requests).toHaveLength(2);
  });

  it('is asked for again without force when the retry after the new token has other reasons', async () => {
    const world = withTokens((request) => (request?.refusedToken ? world.sim.accessToken() : 'stale'));
    let token = 'stale';
    const tokens = {
      getToken: async (request?: TokenRequest) => {
        world.asked.push(request);
        if (request?.refusedToken) token = world.sim.accessToken();
        return token;
      },
    };
    const other = openGraphWorld({ tokens, wrap: () => world.sim.fetch });
    world.sim.failNext({ path: /calendar$/, status: 503, after: 1 });
    await other.client.send(newSession(world.mailbox), { method: 'GET', path: `/users/${world.mailbox.id}/calendar` });
    expect(world.asked).toEqual([undefined, { refusedToken: 'stale', claims: undefined }, undefined]);
  });

  it('has its claims challenge passed on, decoded', async () => {
    const claims = '{"access_token":{"nbf":{"essential":true,"value":"1772438400"}}}';
    const challenge = `Bearer realm="", error="insufficient_claims", claims="${Buffer.from(claims).toString('base64')}"`;
    const world = withTokens(() => world.sim.accessToken());
    world.sim.failNext({ status: 401, headers: { 'www-authenticate': challenge } });
    await read(world);
    expect(world.asked.map((request) => request?.claims)).toEqual([undefined, claims]);
  });
});

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
    expect(world.client.breakerState).toBe('closed');
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

  it('reads a date by the clock of Graph when the two differ', async () => {
    const clock = new SleepwalkingClock();
    const later = (ms: number) => new Date(clock.now().getTime() + 3_600_000 + ms).toUTCString();
    const answer = answering((_, attempt) =>
      attempt === 1
        ? refusal(429, 'TooManyRequests', { date: later(0), 'retry-after': later(5_000) })
        : Response.json({ id: 'x' }, { headers: { date: later(0) } }),
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

describe('a Graph that does not answer', () => {
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
    expect(world.client.breakerState).toBe('open');
    const waiting = read(world);
    for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(world.session.stats.requests).toBe(10);
    world.state.isDown = false;
    world.clock.advance(30_000);
    await waiting;
    expect(world.session.stats.requests).toBe(11);
  });

  it('is tried by one request after half a minute, and open to all once that succeeds', async () => {
    const world = downWorld();
    for (let run = 0; run < 2; run += 1) await errorOf(world.through(read(world)));
    world.clock.advance(30_000);
    expect(world.client.breakerState).toBe('half-open');
    world.state.isDown = false;
    await world.through(Promise.all([read(world), read(world), read(world)]));
    expect(world.client.breakerState).toBe('closed');
  });

  it('is left alone for another half minute when the probe fails', async () => {
    const world = downWorld();
    for (let run = 0; run < 2; run += 1) await errorOf(world.through(read(world)));
    world.clock.advance(30_000);
    const pending = read(world);
    await expect.poll(() => world.client.breakerState).toBe('open');
    expect(world.session.stats.requests).toBe(11);
    world.state.isDown = false;
    await world.through(pending);
  });

  it('is not taken for down because of single failures', async () => {
    const world = openGraphWorld();
    for (let failures = 0; failures < 15; failures += 1) {
      world.sim.failNext({ status: 502 });
      await read(world);
    }
    expect(world.client.breakerState).toBe('closed');
  });

  it('does not seem to answer because a link to elsewhere was refused', async () => {
    const world = downWorld();
    await errorOf(world.through(read(world)));
    await errorOf(world.client.send(world.session, { method: 'GET', path: 'https://elsewhere.example.com/' }));
    await errorOf(world.through(read(world)));
    expect(world.client.breakerState).toBe('open');
  });
});

describe('a link Graph sent', () => {
  it('is followed as it is', async () => {
    const world = openGraphWorld();
    const link = `http://graph.sim.test/v1.0/users('${world.mailbox.address}')/calendars?$top=5`;
    await world.client.send(world.session, { method: 'GET', path: link });
    expect(world.sim.requests[0]!.url).toBe(link);
  });

  it.each([
    'https://graph.sim.test/v1.0/x',
    'http://evil.example.com/v1.0/x',
    'http://graph.sim.test@evil.example.com/v1.0/x',
    'http://',
  ])('is not followed to another host: the token must not go to %s', async (link) => {
    const seen: string[] = [];
    const world = openGraphWorld({
      wrap: () => async (url) => {
        seen.push(url);
        return Response.json({});
      },
    });
    expect((await errorOf(world.client.send(world.session, { method: 'GET', path: link }))).code).toBe('rejected');
    expect(seen).toEqual([]);
    expect(world.session.stats.requests).toBe(0);
  });

  it('counts as a dead cursor when it is a delta link to another host', async () => {
    const world = openGraphWorld();
    const request = {
      method: 'GET',
      path: 'https://other.example.com/v1.0/delta?$deltatoken=x',
      isDelta: true,
    } as const;
    expect((await errorOf(world.client.send(world.session, request))).code).toBe('cursor-expired');
    expect(world.sim.requests).toEqual([]);
  });
});
