import { describe, expect, it } from 'vitest';
import {
  CORRELATION_ID,
  errorOf,
  newSession,
  openGraphWorld,
  type SleepwalkingClock,
} from '../../test/support/graph-world.ts';
import type { Fetch } from '../core/runtime.ts';
import type { TokenRequest } from './token.provider.ts';

type World = ReturnType<typeof openGraphWorld>;

const sleepsOf = ({ clock }: World) => (clock as SleepwalkingClock).sleeps;
const read = (world: World) =>
  world.client.send(world.session, { method: 'GET', path: `/users/${world.mailbox.id}/calendar` });
/** Answers everything itself. */
const _answering = (answer: (url: string, attempt: number) => Response | Promise<Response>) => {
  let attempt = 0;
  return (): Fetch => async (url) => answer(url, ++attempt);
};
const _refusal = (status: number, code: string, headers: Record<string, string> = {}) =>
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
