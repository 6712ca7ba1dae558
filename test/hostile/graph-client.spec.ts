import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSyncError } from '../../src/core/errors.ts';
import type { GraphEventId } from '../../src/core/ids.ts';
import type { Fetch } from '../../src/core/runtime.ts';
import { AttachmentClient } from '../../src/graph/attachment.client.ts';
import type { DeltaPage } from '../../src/graph/calendar-graph.ts';
import { SubscriptionClient } from '../../src/graph/subscription.client.ts';
import { errorOf, openGraphWorld } from '../support/graph-world.ts';
import { type Dice, diceOf, rolls, tries } from './dice.ts';
import { furnish } from './evil-mailbox.ts';
import { misfit, mutatedBytes, mutatedJson, nestedText } from './mutations.ts';

type World = ReturnType<typeof openGraphWorld>;

const WINDOW = { start: new Date('2026-02-01T00:00:00Z'), end: new Date('2026-06-01T00:00:00Z') };
/** What one call may ask of Graph, however badly it answers. */
const MOST_REQUESTS = 400;

/** A client whose Graph answers what `evil` makes of the right answer; every request is looked at. */
function evilGraph(evil: (right: Response, url: string) => Response | Promise<Response>) {
  const asked: { url: string; authorization: string | null }[] = [];
  const state = { isEvil: false };
  const world = openGraphWorld({
    wrap:
      (fetch): Fetch =>
      async (url, init) => {
        asked.push({ url, authorization: new Headers(init?.headers).get('authorization') });
        const right = await fetch(url, init);
        return state.isEvil ? evil(right, url) : right;
      },
  });
  return { ...world, asked, state };
}

/** Everything the engine ever asks of Graph. */
function questions(world: World): Record<string, () => Promise<unknown>> {
  const { graph, session, calendarId, client, mailbox } = world;
  const ids = mailbox.listEvents().map(({ id }) => id as GraphEventId);
  const masters = mailbox.listEvents().flatMap((event) => (event.type === 'seriesMaster' ? [event.id] : []));
  const attachments = new AttachmentClient({ client, batchSize: 20 });
  const subscriptions = new SubscriptionClient({ client });
  const wish = { notificationUrl: 'https://hooks.example.com/g', clientState: 's', expiresAt: new Date('2026-03-04') };
  return {
    mailbox: () => graph.getMailbox(session),
    calendars: () => graph.listCalendars(session),
    round: async () => {
      let page: DeltaPage = await graph.fetchDeltaPage(session, { calendarId, window: WINDOW });
      for (let pages = 0; page.nextLink && pages < 10; pages += 1)
        page = await graph.fetchDeltaPage(session, { link: page.nextLink });
      return page;
    },
    rounds: () =>
      graph.fetchDeltaPages(session, [
        { calendarId, window: WINDOW },
        { calendarId, window: { start: WINDOW.end, end: new Date('2026-09-01T00:00:00Z') } },
      ]),
    places: () => graph.findCalendars(session, ids),
    events: () => graph.readEvents(session, ids),
    series: () => graph.readSeries(session, masters as GraphEventId[], WINDOW),
    dates: () => graph.findOccurrences(session, masters[0] as GraphEventId, ['2026-03-09', '2026-04-06'], 'UTC'),
    copy: () => graph.findByICalUId(session, 'some-uid'),
    files: () => attachments.list(session, ids),
    file: () => attachments.download(session, ids[0] as GraphEventId, String(ids[1])),
    subscription: () => subscriptions.create(session, wish),
  };
}

/** @returns what was thrown that is no answer to anything Graph says */
async function bugIn(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    await ask();
    return undefined;
  } catch (error) {
    return isSyncError(error) ? undefined : error;
  }
}

function expectNoTokenElsewhere({ asked }: ReturnType<typeof evilGraph>): void {
  const elsewhere = asked.filter(({ url }) => !url.startsWith('http://graph.sim.test/v1.0/'));
  expect(elsewhere.map(({ url }) => url)).toEqual([]);
}

async function mutated(right: Response, dice: Dice): Promise<Response> {
  const body = Buffer.from(await right.arrayBuffer());
  const headers = new Headers(right.headers);
  if (dice.is(0.1)) headers.set('retry-after', dice.oneOf(RETRY_AFTERS));
  if (dice.is(0.05)) headers.set('date', String(dice.oneOf(['x', '0', 'Fri, 31 Dec 9999 23:59:59 GMT', '-1'])));
  const status = dice.is(0.2)
    ? dice.oneOf([200, 201, 202, 204, 299, 301, 400, 401, 403, 404, 410, 412, 429, 500, 503, 507, 599])
    : right.status;
  if (status === 204) return new Response(null, { status, headers });
  return new Response(broken(body, dice), { status, headers });
}

function broken(body: Buffer, dice: Dice): BodyInit {
  const how = dice.below(5);
  if (how === 0) return mutatedBytes(body, dice);
  if (how === 1) return JSON.stringify(misfit(dice));
  if (how === 2) return new Uint8Array(body);
  try {
    return JSON.stringify(mutatedJson(JSON.parse(body.toString()), dice)) ?? 'null';
  } catch {
    return '<html>502 Bad Gateway</html>';
  }
}

function placesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, item) => sum + placesIn(item), 1);
}

/** Each place in a longer run; every third in a short one. */
const STRIDE = process.env['HOSTILE_RUNS'] === undefined ? 3 : 1;
const RETRY_AFTERS = [
  ...['-1', '1e300', 'NaN', 'Infinity', '9'.repeat(400), '0x10', '1,2', '', 'Fri, 31 Dec 9999 23:59:59 GMT'],
  ...['Thu, 01 Jan 1970 00:00:00 GMT', '99999999999', '0.0000001', '  7 ', '7;8'],
];

describe('whatever Graph answers', () => {
  it('is taken in or refused as what it is, asks for little more, and takes no token elsewhere', async () => {
    await fc.assert(
      fc.asyncProperty(rolls(), async (dice) => {
        const world = evilGraph((right) => (dice.is(0.7) ? mutated(right, dice) : right));
        furnish(world.mailbox);
        const all = Object.entries(questions(world));
        world.state.isEvil = true;
        for (let left = 4; left > 0; left -= 1) {
          const [name, ask] = dice.oneOf(all);
          const before = world.asked.length;
          const bug = await bugIn(ask);
          if (bug) throw new Error(`${name}: ${(bug as Error).stack}`);
          expect(world.asked.length - before).toBeLessThan(MOST_REQUESTS);
          // A mailbox Graph asked to be left alone, or a breaker that is open, would hide the rest.
          (world.clock as { advance?: (ms: number) => void }).advance?.(8 * 24 * 60 * 60_000);
        }
        expectNoTokenElsewhere(world);
      }),
      tries(150),
    );
  });

  it('may be wrong in every single property, one by one', async () => {
    const world = evilGraph(async (right) => Response.json(await place(right), { status: right.status }));
    furnish(world.mailbox);
    let wanted = 0;
    let places = 0;
    async function place(right: Response): Promise<unknown> {
      const dice = diceOf(wanted);
      const answer: unknown = await right.json();
      const total = placesIn(answer);
      places = Math.max(places, total);
      const at = ((wanted - 1) % total) + 1;
      let count = 0;
      const walk = (value: unknown): unknown => {
        count += 1;
        if (count === at) return misfit(dice);
        if (Array.isArray(value)) return value.map(walk);
        if (typeof value !== 'object' || value === null) return value;
        return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item)]));
      };
      return walk(answer);
    }
    const { rounds, series, events, calendars } = questions(world);
    world.state.isEvil = true;
    for (const ask of [rounds, series, events, calendars] as (() => Promise<unknown>)[]) {
      for (wanted = 1, places = 1; wanted <= places; wanted += STRIDE) {
        const bug = await bugIn(ask);
        if (bug) throw new Error(`place ${wanted}: ${(bug as Error).stack}`);
        (world.clock as { advance?: (ms: number) => void }).advance?.(8 * 24 * 60 * 60_000);
      }
    }
    expectNoTokenElsewhere(world);
  });
});

describe('a link', () => {
  it.each([
    'https://graph.sim.test@evil.example/v1.0/me',
    'http://graph.sim.test@evil.example/v1.0/me',
    'http://graph.sim.test:80@evil.example/',
    'http://graph.sim.test.evil.example/v1.0/me',
    'https://graph.sim.test/v1.0/me',
    'http://graph.sim.test:8080/v1.0/me',
    'http://someone:secret@graph.sim.test/v1.0/me',
    'http:\\\\evil.example\\v1.0',
    'http://evil.example\\@graph.sim.test/v1.0/',
    'http:evil.example/v1.0',
    'HTTP://evil.example/v1.0',
    '//evil.example/v1.0',
    '\thttp://evil.example/v1.0',
    '@evil.example/v1.0',
    '.evil.example/v1.0',
    ':80@evil.example/',
    'http://[::1]/v1.0',
    'httpx://evil.example',
    'file:///etc/passwd',
    'http://graph.sim.test/beta/me',
    'http://graph.sim.test/v1.0/../../admin',
    'http://graph.sim.test/v1.0/%2e%2e/%2e%2e/admin',
    `http://graph.sim.test/v1.0/me?${'x'.repeat(1_000_000)}`,
  ])('%# brings no token anywhere else', async (link) => {
    for (const name of ['@odata.nextLink', '@odata.deltaLink']) {
      const world = evilGraph((_right, url) =>
        url.includes('delta')
          ? Response.json({ value: [], [name]: link })
          : Response.json({ value: [], '@odata.nextLink': link }),
      );
      world.state.isEvil = true;
      const { graph, session, calendarId } = world;
      const page = await graph.fetchDeltaPage(session, { calendarId, window: WINDOW }).catch(() => undefined);
      const next = page?.nextLink ?? page?.deltaLink;
      if (next) {
        expect(await bugIn(() => graph.fetchDeltaPage(session, { link: next }))).toBeUndefined();
        expect(await bugIn(() => graph.fetchDeltaPages(session, [{ link: next }, { link: next }]))).toBeUndefined();
      }
      expect(await bugIn(() => graph.listCalendars(session))).toBeUndefined();
      for (const { url } of world.asked) expect(new URL(url).href).toMatch(/^http:\/\/graph\.sim\.test\//);
      expect(world.asked.every(({ url }) => url.length < 100_000)).toBe(true);
    }
  });

  it('that is answered with a redirection is not followed: it might lead anywhere', async () => {
    const inits: (RequestInit | undefined)[] = [];
    const world = openGraphWorld({
      wrap: () => async (_url, init) => {
        inits.push(init);
        return new Response(null, { status: 307, headers: { location: 'https://evil.example/' } });
      },
    });
    expect(await errorOf(world.graph.listCalendars(world.session))).toMatchObject({ code: 'unavailable' });
    expect(new Set(inits.map((init) => init?.redirect))).toEqual(new Set(['manual']));
  });
});

describe('a batch', () => {
  const RIGHT = { id: '1', status: 200, headers: {}, body: {} };
  it.each<[what: string, body: unknown]>([
    ['null', null],
    ['a list', []],
    ['responses: null', { responses: null }],
    ['responses: text', { responses: 'x' }],
    ['responses: object', { responses: { 0: RIGHT } }],
    ['responses of nothing', { responses: [null, 5, 'x', []] }],
    [
      'other ids',
      {
        responses: [
          { ...RIGHT, id: '77' },
          { ...RIGHT, id: null },
        ],
      },
    ],
    ['doubled ids', { responses: [RIGHT, RIGHT, { ...RIGHT, status: 500 }] }],
    [
      'statuses as text',
      {
        responses: [
          { ...RIGHT, status: '200' },
          { ...RIGHT, id: '2', status: 'OK' },
        ],
      },
    ],
    ['no statuses', { responses: [{ id: '1' }, { id: '2', status: null }] }],
    [
      'statuses beyond',
      {
        responses: [
          { ...RIGHT, status: 1e300 },
          { ...RIGHT, id: 2, status: -1 },
        ],
      },
    ],
    ['bodies as base64', { responses: [1, 2].map((id) => ({ ...RIGHT, id, body: btoa('{"id":"x"}') })) }],
    [
      'headers of the wrong kind',
      { responses: [1, 2].map((id) => ({ id, status: 429, headers: { 'Retry-After': 7 } })) },
    ],
    ['headers in a list', { responses: [1, 2].map((id) => ({ id, status: 429, headers: [null] })) }],
    [
      'an innererror of null',
      { responses: [1, 2].map((id) => ({ id, status: 500, body: { error: { innerError: 'x' } } })) },
    ],
  ])('answered with %s fails as such, and only that', async (_what, body) => {
    const world = evilGraph((right, url) => (url.endsWith('$batch') ? Response.json(body) : right));
    furnish(world.mailbox);
    const { events, series, files } = questions(world);
    world.state.isEvil = true;
    for (const ask of [events, series, files] as (() => Promise<unknown>)[]) expect(await bugIn(ask)).toBeUndefined();
    expect(world.asked.length).toBeLessThan(MOST_REQUESTS);
  });

  it('whose items say the opposite of each other is not believed', async () => {
    const contradiction = (id: string) => [
      { id, status: 404, body: { error: { code: 'ErrorItemNotFound' } } },
      { id, status: 200, body: { id: 'x' } },
    ];
    const world = evilGraph((right, url) =>
      url.endsWith('$batch')
        ? Response.json({ responses: ['1', '2', '3', '4', '5', '6', '7', '8'].flatMap(contradiction).reverse() })
        : right,
    );
    furnish(world.mailbox);
    const { events } = questions(world);
    world.state.isEvil = true;
    expect(await errorOf((events as () => Promise<unknown>)())).toMatchObject({ code: 'unavailable' });
  });
});

describe('an answer without measure', () => {
  function ofMegabytes(megabytes: number, piece: string): ReadableStream<Uint8Array> {
    let left = megabytes;
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        left -= 1;
        if (left >= 0) controller.enqueue(Buffer.from(piece.repeat(Math.ceil(2 ** 20 / piece.length))));
        else controller.close();
      },
    });
  }

  it.each<[what: string, piece: string]>([
    ['of empty space', ' '],
    ['of lists', '[],'],
    ['of nesting', '['],
    ['of text', 'A'],
  ])('%s is left off, and what was read of it forgotten', async (_what, piece) => {
    const world = evilGraph((_right) => new Response(ofMegabytes(300, piece)));
    world.state.isEvil = true;
    const before = process.memoryUsage().rss;
    const startedAt = process.cpuUsage();
    expect(await errorOf(world.graph.listCalendars(world.session))).toMatchObject({
      code: 'rejected',
      message: /larger than/,
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(600 * 2 ** 20);
    expect(process.cpuUsage(startedAt).user / 1e6).toBeLessThan(10);
    expect(world.asked).toHaveLength(1);
  });

  it.each<[what: string, page: () => string, outcome: string]>([
    [
      'a million items',
      () =>
        `{"value":[${'{"id":"x"},'.repeat(1_000_000)}{"id":"x"}],"@odata.deltaLink":"http://graph.sim.test/v1.0/d"}`,
      'refused',
    ],
    [
      'a million of nothing',
      () => `{"value":[${'null,'.repeat(1_000_000)}null],"@odata.deltaLink":"http://graph.sim.test/v1.0/d"}`,
      'refused',
    ],
    [
      'a hundred thousand levels',
      () => `{"value":${nestedText(100_000)},"@odata.deltaLink":"http://graph.sim.test/v1.0/d"}`,
      'refused',
    ],
    [
      'an event of 20 MB',
      () =>
        JSON.stringify({
          value: [
            {
              id: 'x',
              subject: 'A'.repeat(20 * 2 ** 20),
              body: null,
              start: null,
              end: null,
              isAllDay: false,
              recurrence: null,
            },
          ],
          '@odata.deltaLink': 'http://graph.sim.test/v1.0/d',
        }),
      'read',
    ],
  ])('%s take no time that grows with the square', async (_what, page, outcome) => {
    const text = page();
    const world = evilGraph((right, url) =>
      url.includes('delta') || url.includes('/calendars') ? new Response(text) : right,
    );
    world.state.isEvil = true;
    const { graph, session, calendarId } = world;
    const startedAt = process.cpuUsage();
    const asked = await graph.fetchDeltaPage(session, { calendarId, window: WINDOW }).then(
      () => 'read',
      (error: unknown) => (isSyncError(error) ? 'refused' : error),
    );
    expect(asked).toBe(outcome);
    expect(await bugIn(() => graph.listCalendars(session))).toBeUndefined();
    expect(process.cpuUsage(startedAt).user / 1e6).toBeLessThan(15);
    expect(world.asked.length).toBeLessThan(20);
  });
});
