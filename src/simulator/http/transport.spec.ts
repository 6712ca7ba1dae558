import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';

const JSON_HEADERS = { 'Content-Type': 'application/json' };
const create = (id: string, change: object = {}) => ({
  id,
  method: 'POST',
  url: `/users/${ADDRESS}/events`,
  headers: JSON_HEADERS,
  body: anEvent({ subject: id, ...change }),
});
const byId = (body: { responses: { id: string; status: number }[] }) =>
  new Map(body.responses.map((each) => [each.id, each]));

describe('$batch', () => {
  it('runs each item for itself and answers in any order', async () => {
    const { call, mailbox, sim } = simulate({ seed: 7 });
    const ids = Array.from({ length: 12 }, (_, at) => String(at));
    const { status, body } = await call('POST', '/$batch', {
      requests: [...ids.map((id) => create(id)), create('bad', { nonsense: 1 })],
    });
    expect(status).toBe(200);
    expect(body.responses.map(({ id }: { id: string }) => id)).not.toEqual([...ids, 'bad']);
    expect(ids.map((id) => byId(body).get(id)!.status)).toEqual(ids.map(() => 201));
    expect(byId(body).get('bad')).toMatchObject({ status: 400, body: { error: { code: 'RequestBodyRead' } } });
    expect(byId(body).get('0')).toMatchObject({
      headers: { Location: expect.stringContaining('/events('), ETag: expect.stringMatching(/^W\//) },
    });
    expect(mailbox.listEvents()).toHaveLength(12);
    expect(sim.requests).toHaveLength(1);
    expect(sim.requests[0]!.children).toHaveLength(13);
    expect(sim.writes()).toHaveLength(13);
  });

  it('honours dependsOn: in order, and 424 after a failure', async () => {
    const { call, mailbox } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    const item = (name: string, method: string, dependsOn: string[], body?: object) => ({
      id: name,
      method,
      url: `/users/${ADDRESS}/events/${id}`,
      dependsOn,
      ...(body === undefined ? {} : { headers: JSON_HEADERS, body }),
    });
    const requests = [
      item('4', 'GET', ['3']),
      item('1', 'PATCH', [], { subject: 'a' }),
      item('2', 'GET', ['1']),
      item('3', 'PATCH', ['2'], { nonsense: 1 }),
    ];
    const { body } = await call('POST', '/$batch', { requests });
    expect(byId(body).get('2')).toMatchObject({ body: { subject: 'a' } });
    expect([...byId(body)].map(([name, { status }]) => [name, status]).sort()).toEqual([
      ['1', 200],
      ['2', 200],
      ['3', 400],
      ['4', 424],
    ]);
  });

  it.each([
    ['over twenty', Array.from({ length: 21 }, (_, at) => create(String(at)))],
    ['none', []],
    ['ids that differ only in case', [create('a'), create('A')]],
    ['a body without Content-Type', [{ ...create('a'), headers: {} }]],
    ['no id', [{ method: 'GET', url: '/users' }]],
    ['an absolute url', [{ id: '1', method: 'GET', url: 'https://graph.microsoft.com/v1.0/users' }]],
    ['an unknown dependency', [{ ...create('a'), dependsOn: ['z'] }]],
    [
      'a circle',
      [
        { ...create('a'), dependsOn: ['b'] },
        { ...create('b'), dependsOn: ['a'] },
      ],
    ],
  ])('refuses the whole batch for %s', async (_name, requests) => {
    const { call, mailbox } = simulate();
    const { status, body } = await call('POST', '/$batch', { requests });
    expect([status, body.error.code]).toEqual([400, 'BadRequest']);
    expect(mailbox.listEvents()).toEqual([]);
  });

  it('never trips the concurrency limit by itself, but together with others', async () => {
    const { call, sim } = simulate();
    const requests = Array.from({ length: 20 }, (_, at) => create(String(at)));
    const alone = await call('POST', '/$batch', { requests });
    expect(alone.body.responses.every(({ status }: { status: number }) => status === 201)).toBe(true);
    expect(sim.concurrencyHighWater(ADDRESS)).toBe(4);
    const both = await Promise.all([call('POST', '/$batch', { requests }), call('POST', '/$batch', { requests })]);
    const throttled = both
      .flatMap(({ body }) => body.responses)
      .filter(({ status }: { status: number }) => status === 429);
    expect(throttled.length).toBeGreaterThan(0);
    expect(throttled[0]).toMatchObject({
      headers: { 'Retry-After': '1' },
      body: { error: { code: 'ApplicationThrottled' } },
    });
  });
});

describe('limits', () => {
  it('lets four requests at a time to a mailbox through', async () => {
    const { call, sim } = simulate();
    sim.addMailbox({ address: 'bob@example.com' });
    const five = await Promise.all(Array.from({ length: 5 }, () => call('GET', '~/events')));
    expect(five.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 429]);
    expect(sim.concurrencyHighWater(ADDRESS)).toBe(5);
    const apart = await Promise.all(
      [...Array(4).fill('~/events'), '/users/bob@example.com/events'].map((path) => call('GET', path)),
    );
    expect(apart.every(({ status }) => status === 200)).toBe(true);
  });

  it.each([
    ['integer', '2'],
    ['decimal', '1.628'],
    ['date', 'Mon, 02 Mar 2026 08:00:01 GMT'],
    ['absent', null],
  ] as const)('says when to come back: %s', async (retryAfter, expected) => {
    const { call } = simulate({ switches: { retryAfter, retryAfterSeconds: 1.5, concurrencyStatus: 503 } });
    const five = await Promise.all(Array.from({ length: 5 }, () => call('GET', '~/events')));
    const refused = five.find(({ status }) => status === 503)!;
    expect(refused.headers.get('retry-after')).toBe(expected);
    expect(refused.body.error.message).toContain('MailboxConcurrency');
  });

  it('counts requests over ten minutes, refused ones too', async () => {
    const { call, clock } = simulate({ switches: { requestLimit: 3 } });
    for (let request = 0; request < 3; request += 1) expect((await call('GET', '~/events')).status).toBe(200);
    expect((await call('GET', '~/events')).body.error.code).toBe('TooManyRequests');
    clock.now += 600_001;
    expect((await call('GET', '~/events')).status).toBe(200);
  });
});

describe('answers and the log', () => {
  it('echoes client-request-id, dates by its own clock, and sends no RateLimit headers', async () => {
    const { call, sim } = simulate();
    const { headers } = await call('GET', '~/events', undefined, { 'client-request-id': 'abc' });
    expect(headers.get('client-request-id')).toBe('abc');
    expect(headers.get('request-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(headers.get('date')).toBe('Mon, 02 Mar 2026 08:00:00 GMT');
    expect([...headers.keys()].filter((name) => /ratelimit/i.test(name))).toEqual([]);
    expect(sim.requests).toMatchObject([
      {
        method: 'GET',
        path: `/v1.0/users/${ADDRESS}/events`,
        status: 200,
        mailbox: ADDRESS,
        headers: { 'client-request-id': 'abc' },
      },
    ]);
    expect(JSON.stringify(sim.requests)).not.toContain('Bearer');
    sim.clearLog();
    expect(sim.requests).toEqual([]);
  });

  it('refuses a path that cannot be decoded', async () => {
    const { call } = simulate();
    expect((await call('GET', '/users/%E0%A4%A/events')).status).toBe(400);
  });

  it('makes links with the origin of the request', async () => {
    const { round } = simulate();
    const { link } = await round(`https://graph.example.test/v1.0/users/${ADDRESS}/calendarView/delta?${MARCH_TO_MAY}`);
    expect(new URL(link).origin).toBe('https://graph.example.test');
  });
});

describe('scripted faults', () => {
  it('fails the next matching requests and only those', async () => {
    const { call, sim } = simulate();
    sim.failNext({ method: 'POST', status: 503, retryAfter: 7, count: 2, after: 1 });
    const statuses = [];
    for (let attempt = 0; attempt < 4; attempt += 1) statuses.push((await call('POST', '~/events', anEvent())).status);
    expect(statuses).toEqual([201, 503, 503, 201]);
    expect((await call('GET', '~/events')).body.value).toHaveLength(2);
    sim.failNext({ path: /delta/, mailbox: ADDRESS, status: 410 });
    sim.clearFaults();
    expect((await call('GET', `~/calendarView/delta?${MARCH_TO_MAY}`)).status).toBe(200);
  });

  it('loses the answer after the write was done, or the request before', async () => {
    const { call, sim, mailbox } = simulate();
    sim.failNext({ kind: 'drop-after-commit', method: 'POST' });
    await expect(call('POST', '~/events', anEvent())).rejects.toThrow(new TypeError('fetch failed'));
    expect(mailbox.listEvents()).toHaveLength(1);
    sim.failNext({ kind: 'drop-before', method: 'POST' });
    await expect(call('POST', '~/events', anEvent())).rejects.toThrow('fetch failed');
    sim.failNext({ kind: 'status-after-commit', method: 'POST', status: 504 });
    expect((await call('POST', '~/events', anEvent())).status).toBe(504);
    expect(mailbox.listEvents()).toHaveLength(2);
  });

  it('hits one item of a batch, or drops the whole answer with it', async () => {
    const { call, sim, mailbox } = simulate();
    sim.failNext({ path: /\/events/, batchItem: true, status: 429, retryAfter: 3 });
    const { body } = await call('POST', '/$batch', { requests: [create('1'), create('2')] });
    expect(body.responses.map(({ status }: { status: number }) => status).sort()).toEqual([201, 429]);
    sim.failNext({ path: /\/events/, batchItem: true, kind: 'drop-after-commit' });
    await expect(call('POST', '/$batch', { requests: [create('3'), create('4')] })).rejects.toThrow('fetch failed');
    expect(mailbox.listEvents()).toHaveLength(3);
  });

  it('answers broken JSON, a gateway page, slowly, or never', async () => {
    const { sim, token } = simulate();
    const fetch = (signal?: AbortSignal) =>
      sim.fetch(`/v1.0/users/${ADDRESS}/events`, {
        headers: { authorization: `Bearer ${token}` },
        ...(signal ? { signal } : {}),
      });
    sim.failNext({ kind: 'truncated-json' });
    await expect((await fetch()).json()).rejects.toThrow(SyntaxError);
    sim.failNext({ kind: 'gateway-html' });
    const page = await fetch();
    expect([page.status, page.headers.get('content-type')]).toEqual([502, 'text/html']);
    sim.failNext({ kind: 'slow', slowMs: 1 });
    expect((await fetch()).status).toBe(200);
    sim.failNext({ kind: 'hang' });
    const stop = new AbortController();
    const hanging = fetch(stop.signal);
    stop.abort(new Error('gave up'));
    await expect(hanging).rejects.toThrow('gave up');
  });

  it('fails at random when told a rate', async () => {
    const { call } = simulate({ switches: { faultRate: 0.5 } });
    const statuses = new Set<number>();
    for (let request = 0; request < 40; request += 1) statuses.add((await call('GET', '~/events')).status);
    expect(statuses.has(200)).toBe(true);
    expect(statuses.size).toBeGreaterThan(3);
  });
});
