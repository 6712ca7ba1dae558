import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, MARCH_TO_MAY, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { DIALECTS, type DialectName } from './dialects.ts';
import type { ScriptedFault } from './faults.ts';

const DELTA = `~/calendarView/delta?${MARCH_TO_MAY}`;
type World = ReturnType<typeof simulate>;

/** The answer as it came, whatever it is. */
async function raw({ sim, token }: World, path = `/v1.0/users/${ADDRESS}/events`) {
  const response = await sim.fetch(path, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe('refusals by name', () => {
  it.each(Object.keys(DIALECTS) as DialectName[])('says %s as it was seen', async (like) => {
    const world = simulate();
    world.sim.failNext({ like });
    const { status, headers, text } = await raw(world);
    const known: { status: number; code?: string; message?: string; text?: string; headers?: Record<string, string> } =
      DIALECTS[like];
    expect(status).toBe(known.status);
    if (known.text === undefined) {
      expect(JSON.parse(text).error).toMatchObject({ code: known.code, message: known.message });
    } else expect(text).toBe(known.text);
    for (const [name, value] of Object.entries(known.headers ?? {})) expect(headers.get(name)).toBe(value);
  });

  it('has the documented body of 429, its Retry-After decimal', async () => {
    const { call, sim } = simulate();
    sim.failNext({ like: 'too-many-requests' });
    const { headers, body } = await call('GET', '~/events');
    expect(headers.get('retry-after')).toBe('2.128');
    expect(body).toEqual({
      error: {
        code: 'TooManyRequests',
        message: 'Please retry again later.',
        innerError: {
          code: '429',
          message: 'Please retry after',
          status: '429',
          date: '2026-03-02T08:00:00',
          'request-id': headers.get('request-id'),
          'client-request-id': headers.get('client-request-id'),
        },
      },
    });
  });

  it('takes any change to a refusal, and any body', async () => {
    const { call, sim } = simulate();
    sim.failNext({ like: 'too-many-requests', retryAfter: null, message: 'Later.' });
    const first = await call('GET', '~/events');
    expect([first.headers.get('retry-after'), first.body.error.message]).toEqual([null, 'Later.']);
    sim.failNext({ status: 418, body: { error: { code: 'Teapot', innererror: { code: 'Nested' } } } });
    expect(await call('GET', '~/events')).toMatchObject({
      status: 418,
      body: { error: { code: 'Teapot', innererror: { code: 'Nested' } } },
    });
    expect(sim.requests.at(-1)).toMatchObject({ status: 418, code: 'Teapot', fault: 'status' });
  });
});

describe('which requests a fault hits', () => {
  const hits = async (fault: ScriptedFault, requests: [method: string, path: string][]) => {
    const { call, sim } = simulate();
    sim.failNext({ status: 418, count: 'always', ...fault });
    const statuses = [];
    for (const [method, path] of requests) {
      statuses.push((await call(method, path, method === 'GET' ? undefined : anEvent())).status === 418);
    }
    return statuses;
  };

  it('takes a path as text, as JSON carries it', async () => {
    const fault = JSON.parse(JSON.stringify({ path: '/calendarView\\?', method: 'get' })) as ScriptedFault;
    const seen = await hits(fault, [
      ['GET', '~/events'],
      ['GET', `~/calendarView?${MARCH_TO_MAY}`],
      ['POST', '~/events'],
    ]);
    expect(seen).toEqual([false, true, false]);
  });

  it('asks a predicate', async () => {
    const seen = await hits({ when: ({ method }) => method === 'POST' }, [
      ['GET', '~/events'],
      ['POST', '~/events'],
    ]);
    expect(seen).toEqual([false, true]);
  });

  it('hits a share of the requests, the same ones for the same seed', async () => {
    const requests = Array.from({ length: 40 }, (): [string, string] => ['GET', '~/events']);
    const seen = await hits({ probability: 0.3 }, requests);
    expect(await hits({ probability: 0.3 }, requests)).toEqual(seen);
    const share = seen.filter(Boolean).length;
    expect([share > 3, share < 25]).toEqual([true, true]);
  });

  it('hits one item of a batch by its id', async () => {
    const { call, sim } = simulate();
    sim.failNext({ batchItemId: 'b', like: 'mailbox-concurrency' });
    const item = (id: string) => ({ id, method: 'GET', url: `/users/${ADDRESS}/events` });
    const { body } = await call('POST', '/$batch', { requests: ['a', 'b', 'c'].map(item) });
    const statuses = body.responses.map(({ id, status }: { id: string; status: number }) => [id, status]).sort();
    expect(statuses).toEqual([
      ['a', 200],
      ['b', 429],
      ['c', 200],
    ]);
  });

  it('lists what is pending as JSON, and takes it back', async () => {
    const { call, sim } = simulate();
    const first = sim.failNext({ path: /events/, status: 503, count: 3 });
    const second = sim.failNext({ status: 500 });
    await call('GET', '~/events');
    expect(JSON.parse(JSON.stringify(sim.faults.list()))).toEqual([
      { id: first.id, fault: { path: 'events', status: 503, count: 3 }, passes: 0, left: 2, hits: 1 },
      { id: second.id, fault: { status: 500 }, passes: 0, left: 1, hits: 0 },
    ]);
    expect([sim.faults.remove(first.id), sim.faults.remove(first.id)]).toEqual([true, false]);
    expect((await call('GET', '~/events')).status).toBe(500);
    expect((await call('GET', '~/events')).status).toBe(200);
  });

  it.each([
    { kind: 'explode' },
    { like: 'toString' },
    { path: '(' },
    { count: 0 },
    { count: 1.5 },
    { probability: 2 },
    { status: 99 },
    { slowMs: -1 },
  ] as unknown as ScriptedFault[])('refuses %o', (fault) => {
    expect(() => simulate().sim.failNext(fault)).toThrow(TypeError);
  });
});

describe('what goes wrong on the wire', () => {
  it('breaks off in the middle of the body, in-process and over a socket', async () => {
    const world = simulate();
    const { sim, token, mailbox } = world;
    mailbox.createEvent(anEvent());
    sim.failNext({ kind: 'reset-in-body', count: 2 });
    await expect(raw(world)).rejects.toThrow('terminated');
    const server = await sim.listen();
    try {
      const url = `${server.url}/v1.0/users/${ADDRESS}/events`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow();
    } finally {
      await server.close();
    }
  });

  it('has the write done before the body breaks off', async () => {
    const { sim, call, mailbox } = simulate();
    sim.failNext({ kind: 'reset-in-body', method: 'POST' });
    await expect(call('POST', '~/events', anEvent())).rejects.toThrow('terminated');
    expect(mailbox.listEvents()).toHaveLength(1);
  });

  it('lets a gateway answer with nothing, under any status', async () => {
    const world = simulate();
    world.sim.failNext({ kind: 'gateway-empty', status: 504 });
    const { status, text, headers } = await raw(world);
    expect([status, text, headers.get('retry-after')]).toEqual([504, '', null]);
  });

  it('challenges with claims a client can hand on', async () => {
    const { sim, call } = simulate();
    sim.failNext({ kind: 'claims-challenge' });
    const { status, headers } = await call('GET', '~/events');
    const challenge = headers.get('www-authenticate')!;
    expect([status, challenge.includes('error="insufficient_claims"')]).toEqual([401, true]);
    const claims = JSON.parse(Buffer.from(/claims="([^"]+)"/.exec(challenge)![1]!, 'base64').toString());
    expect(claims).toEqual({ access_token: { nbf: { essential: true, value: String(NOW / 1000) } } });
  });

  it('jumps the clock, for good or for one answer', async () => {
    const { sim, call } = simulate();
    sim.failNext({ kind: 'clock-jump', jumpMs: 3_600_000, momentary: true });
    expect((await call('GET', '~/events')).headers.get('date')).toBe('Mon, 02 Mar 2026 09:00:00 GMT');
    expect((await call('GET', '~/events')).headers.get('date')).toBe('Mon, 02 Mar 2026 08:00:00 GMT');
    sim.failNext({ kind: 'clock-jump', jumpMs: -86_400_000 });
    await call('GET', '~/events');
    expect((await call('GET', '~/events')).headers.get('date')).toBe('Sun, 01 Mar 2026 08:00:00 GMT');
  });
});

describe('an answer that is late', () => {
  it('comes late, or never, to a write that was done at once', async () => {
    const { sim, token, mailbox } = simulate();
    const post = (signal?: AbortSignal) =>
      sim.fetch(`/v1.0/users/${ADDRESS}/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(anEvent()),
        ...(signal ? { signal } : {}),
      });
    sim.failNext({ kind: 'slow', slowMs: 1, afterCommit: true });
    expect((await post()).status).toBe(201);
    sim.failNext({ kind: 'hang', afterCommit: true });
    const hanging = post(AbortSignal.timeout(50));
    await expect(hanging).rejects.toThrow();
    expect(mailbox.listEvents()).toHaveLength(2);
    sim.failNext({ kind: 'hang' });
    await expect(post(AbortSignal.timeout(50))).rejects.toThrow();
    expect(mailbox.listEvents()).toHaveLength(2);
  });
});

describe('what goes wrong in delta', () => {
  it('kills any link, and a Location with an empty token starts again', async () => {
    const { sim, mailbox, round, call } = simulate();
    mailbox.createEvent(anEvent());
    const { link } = await round(DELTA);
    sim.failNext({ kind: 'resync', location: true });
    const dead = await call('GET', link);
    expect([dead.status, dead.body.error.code]).toEqual([410, 'SyncStateNotFound']);
    const again = dead.headers.get('location')!;
    expect(again).toMatch(/\$deltatoken=$/);
    expect((await round(again)).items).toHaveLength(1);
    sim.failNext({ kind: 'resync', like: 'sync-state-not-found-404' });
    expect(await call('GET', link)).toMatchObject({ status: 404, body: { error: { code: 'syncStateNotFound' } } });
    expect((await call('GET', '~/events')).status).toBe(200);
  });

  it('leads a page to itself, so many times, then goes on', async () => {
    const { sim, mailbox, call } = simulate();
    mailbox.createEvent(anEvent());
    sim.failNext({ kind: 'repeat-page', count: 3 });
    let url = DELTA;
    const seen: string[] = [];
    for (let page = 0; page < 5 && url !== undefined; page += 1) {
      const { body } = await call('GET', url);
      seen.push(`${body.value.length} ${body['@odata.nextLink'] === undefined ? 'end' : 'more'}`);
      url = body['@odata.nextLink'];
    }
    expect(seen).toEqual(['1 more', '1 more', '1 more', '1 end']);
  });

  it('tells nothing for a round and everything in the next', async () => {
    const { sim, mailbox, round } = simulate();
    const { link } = await round(DELTA);
    mailbox.createEvent(anEvent());
    sim.failNext({ kind: 'silent-delta' });
    const silent = await round(link);
    expect(silent.items).toEqual([]);
    expect((await round(silent.link)).items).toHaveLength(1);
    sim.failNext({ kind: 'silent-delta' });
    expect((await round(link.replace('$', '%24'))).items).toEqual([]);
  });

  it('tells every item of a page twice', async () => {
    const { sim, mailbox, round } = simulate();
    mailbox.createEvent(anEvent());
    sim.failNext({ kind: 'duplicate-items' });
    const { items } = await round(DELTA);
    expect(items).toHaveLength(2);
    expect(items[0]).toEqual(items[1]);
  });
});

describe('reads that lag behind a write', () => {
  it('shows the old event for so many reads, in lists too, and stores the new one', async () => {
    const { sim, mailbox, call } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    sim.failNext({ kind: 'stale-read', method: 'PATCH', reads: 2 });
    const before = (await call('GET', `~/events/${id}`)).body;
    const patched = await call('PATCH', `~/events/${id}`, { subject: 'New' });
    expect(patched.body.subject).toBe('New');
    expect((await call('GET', `~/events/${id}`)).body).toEqual(before);
    expect((await call('GET', '~/events')).body.value[0].subject).toBe('Tile order');
    expect((await call('GET', `~/events/${id}`)).body.subject).toBe('New');
    expect(mailbox.getEvent(id)!.subject).toBe('New');
    const stale = await call('PATCH', `~/events/${id}`, { subject: 'x' }, { 'if-match': before['@odata.etag'] });
    expect(stale.status).toBe(412);
  });

  it('brings nothing back into a state that never had it', async () => {
    const { sim, mailbox, call } = simulate();
    const empty = sim.snapshot();
    sim.failNext({ kind: 'stale-read', method: 'PATCH' });
    const { id } = mailbox.createEvent(anEvent());
    await call('PATCH', `~/events/${id}`, { subject: 'New' });
    sim.restore(empty);
    expect((await call('GET', '~/events')).body.value).toEqual([]);
    expect(sim.mailbox(ADDRESS).listEvents()).toEqual([]);
  });

  it('hides what was created, and still shows what was deleted', async () => {
    const { sim, call } = simulate();
    sim.failNext({ kind: 'stale-read', method: 'POST' });
    const { id } = (await call('POST', '~/events', anEvent())).body;
    expect((await call('GET', `~/events/${id}`)).status).toBe(404);
    expect((await call('GET', `~/events/${id}`)).status).toBe(200);
    sim.failNext({ kind: 'stale-read', method: 'DELETE' });
    expect((await call('DELETE', `~/events/${id}`)).status).toBe(204);
    expect((await call('GET', `~/events/${id}`)).status).toBe(200);
    expect((await call('GET', `~/events/${id}`)).status).toBe(404);
  });

  it('53: a PATCHed occurrence reads back unchanged', async () => {
    const { sim, mailbox, call } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    const member = mailbox.occurrences(id, '2026-03-09T00:00:00Z', '2026-03-10T00:00:00Z')[0]!;
    sim.failNext({ kind: 'stale-read', method: 'PATCH' });
    await call('PATCH', `~/events/${member.id}`, { subject: 'Special' });
    expect((await call('GET', `~/events/${member.id}`)).body).toMatchObject({ subject: 'Standup', type: 'occurrence' });
    expect((await call('GET', `~/events/${member.id}`)).body).toMatchObject({ subject: 'Special', type: 'exception' });
  });

  it('lags in delta as well', async () => {
    const { sim, mailbox, call, round } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    const { link } = await round(DELTA);
    sim.failNext({ kind: 'stale-read', method: 'PATCH', reads: 0, deltaRounds: 1 });
    await call('PATCH', `~/events/${id}`, { subject: 'New' });
    const first = await round(link);
    expect(first.items).toEqual([]);
    expect((await round(first.link)).items).toMatchObject([{ subject: 'New' }]);
  });
});
