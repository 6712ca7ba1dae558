import { describe, expect, it } from 'vitest';
import { errorOf, MAILBOX, openGraphWorld, SleepwalkingClock } from '../../test/support/graph-world.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { Fetch } from '../core/runtime.ts';

const BERLIN = 'W. Europe Standard Time';
const at = (dateTime: string, timeZone = BERLIN) => ({ dateTime, timeZone });
const anEvent = (change: Record<string, unknown> = {}) => ({
  subject: 'Tile order',
  start: at('2026-03-04T09:00:00'),
  end: at('2026-03-04T10:00:00'),
  ...change,
});
/** Eight Mondays from 2 March 2026 on. */
const _aSeries = (change: Record<string, unknown> = {}) =>
  anEvent({
    subject: 'Standup',
    start: at('2026-03-02T09:00:00'),
    end: at('2026-03-02T09:30:00'),
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
      range: { type: 'numbered', startDate: '2026-03-02', numberOfOccurrences: 8 },
    },
    ...change,
  });
const _WINDOW = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-06-01T00:00:00Z') };

/** Answers some requests itself, and passes the others on. */
const answering =
  (path: RegExp, answer: (url: string) => Response | undefined) =>
  (fetch: Fetch): Fetch =>
  async (url, init) =>
    (path.test(decodeURIComponent(url)) ? answer(url) : undefined) ?? fetch(url, init);
const asked = ({ sim }: ReturnType<typeof openGraphWorld>) =>
  sim.requests
    .flatMap((entry) => [entry, ...entry.children])
    .map(({ method, path }) => `${method} ${path.replace('/v1.0', '')}`);

describe('a mailbox', () => {
  const byAddress = (world: ReturnType<typeof openGraphWorld>, mailbox = MAILBOX) =>
    world.graph.getMailbox({ ...world.session, mailbox });

  it('is found by its address, with the zone it is set to', async () => {
    const world = openGraphWorld();
    expect(await byAddress(world)).toEqual({
      id: world.mailbox.id,
      address: MAILBOX,
      displayName: 'Ada Lemke',
      timeZone: BERLIN,
    });
    expect(asked(world)).toEqual([`GET /users/${MAILBOX}`, `GET /users/${world.mailbox.id}/mailboxSettings/timeZone`]);
  });

  it.each([403, 404])('comes without its zone when settings may not be read (%i)', async (status) => {
    const world = openGraphWorld();
    world.sim.failNext({ path: /mailboxSettings/, status });
    expect(await byAddress(world)).toEqual({ id: world.mailbox.id, address: MAILBOX, displayName: 'Ada Lemke' });
  });

  it('is asked for its zone anew, because settings and permissions change', async () => {
    const world = openGraphWorld();
    world.sim.failNext({ path: /mailboxSettings/, status: 403 });
    expect((await byAddress(world)).timeZone).toBeUndefined();
    expect((await byAddress(world)).timeZone).toBe(BERLIN);
  });

  it('that nobody has is not found', async () => {
    expect((await errorOf(byAddress(openGraphWorld(), 'nobody@example.com'))).code).toBe('not-found');
  });

  it('is addressed as one segment, whatever is in its address', async () => {
    const world = openGraphWorld();
    const odd = world.sim.addMailbox({ address: "o'brien+cal/x@example.com", name: 'Pat' });
    expect((await byAddress(world, odd.address)).id).toBe(odd.id);
    expect(new URL(world.sim.requests[0]!.url).pathname).toBe('/v1.0/users/o%27brien%2Bcal%2Fx%40example.com');
  });

  it('with a user name but no mail address is known by that', async () => {
    const user = { id: 'u-1', displayName: null, mail: null, userPrincipalName: 'ada@example.com' };
    const world = openGraphWorld({ wrap: answering(/users\/[^/]+\?/, () => Response.json(user)) });
    world.sim.failNext({ path: /mailboxSettings/, status: 403 });
    expect(await byAddress(world)).toEqual({ id: 'u-1', address: 'ada@example.com' });
  });
});

describe('calendars', () => {
  it('are listed with what may be done with them', async () => {
    const world = openGraphWorld();
    const team = world.mailbox.addCalendar('Team');
    const holidays = world.mailbox.addCalendar('Holidays', { canEdit: false });
    expect(await world.graph.listCalendars(world.session)).toEqual([
      { id: world.calendarId, name: 'Calendar', isDefault: true, canEdit: true, ownerAddress: MAILBOX, color: 'auto' },
      { id: team, name: 'Team', isDefault: false, canEdit: true, ownerAddress: MAILBOX, color: 'auto' },
      { id: holidays, name: 'Holidays', isDefault: false, canEdit: false, ownerAddress: MAILBOX, color: 'auto' },
    ]);
    expect(world.sim.requests[0]!.query).toEqual({ $top: '100' });
  });

  /** Graph as it lists `/calendars`: the default group, page by page; other groups have to be asked for. */
  function groupedCalendars() {
    const calendar = (id: string) => ({ id, name: id, hexColor: '#ff0000', color: 'auto' });
    const root = 'http://graph.sim.test/v1.0';
    return answering(/calendar(s|Groups)\b/, (url) => {
      const path = decodeURIComponent(url)
        .replace(root, '')
        .replace(/^\/users\/[^/]+/, '')
        .replace(/\?\$top=100$/, '');
      switch (path) {
        case '/calendars':
          return Response.json({
            value: [calendar('a'), calendar('b')],
            '@odata.nextLink': `${root}/calendars?page=2`,
          });
        case '/calendars?page=2':
          return Response.json({ value: [calendar('c')] });
        case '/calendarGroups':
          return Response.json({ value: [{ id: 'mine' }, { id: 'others' }, { id: 'gone' }] });
        case '/calendarGroups/mine/calendars':
          return Response.json({ value: [calendar('a'), calendar('b'), calendar('c')] });
        case '/calendarGroups/others/calendars':
          return Response.json({ value: [calendar('d')], '@odata.nextLink': `${root}/calendars?page=4` });
        case '/calendars?page=4':
          return Response.json({ value: [calendar('e')] });
        default:
          return Response.json({ error: { code: 'ErrorItemNotFound' } }, { status: 404 });
      }
    });
  }

  it('of all pages and all groups are listed once', async () => {
    // One item a batch, so that each group's request passes by here.
    const world = openGraphWorld({ wrap: groupedCalendars(), batchSize: 1 });
    const calendars = await world.graph.listCalendars(world.session);
    expect(calendars.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(calendars[0]).toEqual({ id: 'a', name: 'a', isDefault: false, canEdit: true, color: '#ff0000' });
  });

  it('cannot be listed without permission', async () => {
    const world = openGraphWorld();
    world.sim.failNext({ status: 403 });
    expect((await errorOf(world.graph.listCalendars(world.session))).code).toBe('forbidden');
  });

  it('are not half listed because their groups could not be reached', async () => {
    const world = openGraphWorld();
    world.sim.failNext({ path: /calendarGroups/, status: 503, count: 99 });
    expect((await errorOf(world.graph.listCalendars(world.session))).code).toBe('unavailable');
  });

  it('are not listed for ever when the pages do not end', async () => {
    const link = 'http://graph.sim.test/v1.0/calendars?page=2';
    const world = openGraphWorld({
      wrap: answering(/calendars/, () => Response.json({ value: [], '@odata.nextLink': link })),
    });
    expect((await errorOf(world.graph.listCalendars(world.session))).code).toBe('unavailable');
    expect(world.session.stats.requests).toBeLessThan(250);
  });
});

describe('events by id', () => {
  it('are read in batches, whole', async () => {
    const world = openGraphWorld({ batchSize: 3 });
    const ids = Array.from(
      { length: 7 },
      (_, index) => world.mailbox.createEvent(anEvent({ subject: `${index}` })).id as GraphEventId,
    );
    const events = await world.graph.readEvents(world.session, [...ids, ids[0]!]);
    expect([...events.values()].map((event) => event !== 'gone' && event.content.subject)).toEqual([
      ...['0', '1', '2', '3', '4', '5', '6'],
    ]);
    expect(world.sim.requests).toHaveLength(3);
  });

  it('that nobody asks for cost nothing', async () => {
    const world = openGraphWorld();
    expect(await world.graph.readEvents(world.session, [])).toEqual(new Map());
    expect(world.sim.requests).toEqual([]);
  });

  it.each([
    [404, 'ErrorItemNotFound'],
    [400, 'ErrorItemNotFound'],
    [410, 'ErrorItemNotFound'],
  ])('are gone when Graph says %i %s, alone and in a batch', async (status, code) => {
    const world = openGraphWorld();
    const [a, b] = [world.mailbox.createEvent(anEvent()).id, world.mailbox.createEvent(anEvent()).id] as GraphEventId[];
    world.sim.failNext({ path: /\/events\//, status, code });
    expect((await world.graph.readEvents(world.session, [a!])).get(a!)).toBe('gone');
    world.sim.failNext({ path: new RegExp(b!.replace(/[=+/]/g, '.')), status, code });
    const events = await world.graph.readEvents(world.session, [a!, b!]);
    expect([events.get(a!) === 'gone', events.get(b!)]).toEqual([false, 'gone']);
  });

  it.each([
    [400, 'ErrorInvalidIdMalformed'],
    [400, 'ErrorIdDoesNotMatchFolder'],
  ])('are neither there nor gone when Graph says %i %s: nothing is said of them', async (status, code) => {
    const world = openGraphWorld();
    const ids = [1, 2, 3].map(() => world.mailbox.createEvent(anEvent()).id as GraphEventId);
    world.sim.failNext({ path: /\/events\//, status, code });
    expect(await world.graph.readEvents(world.session, ids.slice(0, 1))).toEqual(new Map());
    world.sim.failNext({ path: new RegExp(ids[1]!.replace(/[=+/]/g, '.')), status, code });
    const events = await world.graph.readEvents(world.session, ids);
    expect([...events.entries()].map(([id, event]) => event !== 'gone' && event.id === id)).toEqual([true, true]);
    expect(events.has(ids[1]!)).toBe(false);
  });

  it.each([
    [404, 'ErrorInvalidUser'],
    [404, 'ErrorNonExistentMailbox'],
    [404, 'MailboxNotEnabledForRESTAPI'],
    [403, 'ErrorAccessDenied'],
    [500, 'ErrorInternalServerError'],
  ])('are not gone because of %i %s: that is an error of the whole', async (status, code) => {
    const world = openGraphWorld();
    const ids = [1, 2].map(() => world.mailbox.createEvent(anEvent()).id as GraphEventId);
    world.sim.failNext({ path: /\/events\//, status, code, count: 99 });
    expect((await errorOf(world.graph.readEvents(world.session, ids))).graphCode).toBe(code);
  });
});

describe('an answer that is no event', () => {
  it.each([{}, [], 'x', { value: [] }])('is not taken for one: %j', async (body) => {
    const world = openGraphWorld({ wrap: () => async () => Response.json(body) });
    const reading = world.graph.readEvents(world.session, ['AAMk1' as GraphEventId]);
    expect((await errorOf(reading)).code).toBe('unavailable');
  });
});

describe('the clock of Graph', () => {
  const AHEAD_MS = 90_000;

  /** Answers told by the spec, one after the other; the last goes on for ever. */
  function worldWith(...answers: ((clock: SleepwalkingClock) => Response)[]) {
    const clock = new SleepwalkingClock();
    let at = 0;
    const world = openGraphWorld({
      clock,
      wrap: () => async () => answers[Math.min(at++, answers.length - 1)]!(clock),
    });
    return { ...world, clock };
  }

  const ask = ({ client, session }: ReturnType<typeof worldWith>) =>
    client.send(session, { method: 'GET', path: '/me/calendars' });
  const dated = (clock: SleepwalkingClock, aheadMs = AHEAD_MS, headers = { 'request-id': 'r-1' }) => ({
    headers: { date: new Date(clock.now().getTime() + aheadMs).toUTCString(), ...headers },
  });
  const listed = (clock: SleepwalkingClock, aheadMs?: number) => Response.json({ value: [] }, dated(clock, aheadMs));

  it('is known from its first answer on', async () => {
    const world = worldWith((clock) => listed(clock));
    expect(world.graph.serverClockOffsetMs()).toBeUndefined();
    world.clock.advance(700);
    await ask(world);
    expect(world.graph.serverClockOffsetMs()).toBe(AHEAD_MS);
  });

  it('is not that of a gateway, nor of whoever answers without being Graph', async () => {
    const world = worldWith(
      (clock) => listed(clock),
      (clock) => new Response('<html></html>', { status: 502, ...dated(clock, 3_600_000) }),
      (clock) => Response.json({ value: [] }, dated(clock, 3_600_000, {} as { 'request-id': string })),
    );
    await ask(world);
    await ask(world);
    expect(world.session.stats.requests).toBe(3);
    expect(world.graph.serverClockOffsetMs()).toBe(AHEAD_MS);
  });

  it('is read when its answer begins, halfway after the question, however long the rest takes', async () => {
    const world = worldWith((clock) => {
      const { headers } = dated(clock);
      clock.advance(4_000);
      const body = new ReadableStream(
        {
          pull(controller) {
            clock.advance(40_000);
            controller.enqueue(new TextEncoder().encode('{"value":[]}'));
            controller.close();
          },
        },
        { highWaterMark: 0 },
      );
      return new Response(body, { headers });
    });
    await ask(world);
    expect(world.graph.serverClockOffsetMs()).toBe(AHEAD_MS - 2_000);
  });

  it('is the middle one of what the last answers said, so that one strange answer does not count', async () => {
    const said = [0, 1_000, 3_600_000, 0, 1_000, 1_000, 60_000, 60_000, 60_000];
    const world = worldWith(...said.map((aheadMs) => (clock: SleepwalkingClock) => listed(clock, aheadMs)));
    const known: unknown[] = [];
    for (const _ of said) {
      await ask(world);
      known.push(world.graph.serverClockOffsetMs());
    }
    expect(known).toEqual([0, 0, 1_000, 0, 1_000, 1_000, 1_000, 1_000, 60_000]);
  });
});
