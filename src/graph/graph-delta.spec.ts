import { describe, expect, it } from 'vitest';
import { errorOf, openGraphWorld } from '../../test/support/graph-world.ts';
import type { GraphCalendarId } from '../core/ids.ts';
import type { Fetch } from '../core/runtime.ts';
import type { DeltaPage } from './calendar-graph.ts';

const BERLIN = 'W. Europe Standard Time';
const at = (dateTime: string, timeZone = BERLIN) => ({ dateTime, timeZone });
const anEvent = (change: Record<string, unknown> = {}) => ({
  subject: 'Tile order',
  start: at('2026-03-04T09:00:00'),
  end: at('2026-03-04T10:00:00'),
  ...change,
});
/** Eight Mondays from 2 March 2026 on. */
const aSeries = (change: Record<string, unknown> = {}) =>
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
const WINDOW = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-06-01T00:00:00Z') };

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

describe('a delta round', () => {
  const start = (world: ReturnType<typeof openGraphWorld>) =>
    world.graph.fetchDeltaPage(world.session, { calendarId: world.calendarId, window: WINDOW });
  async function whole(world: ReturnType<typeof openGraphWorld>, first: Promise<DeltaPage> = start(world)) {
    const pages = [await first];
    for (let next = pages[0]!.nextLink; next; next = pages.at(-1)!.nextLink) {
      pages.push(await world.graph.fetchDeltaPage(world.session, { link: next }));
    }
    return { pages, items: pages.flatMap(({ items }) => items), deltaLink: pages.at(-1)!.deltaLink! };
  }

  it('asks for the window and the page size, and says the size again on every page', async () => {
    const world = openGraphWorld({ pageSize: 2 });
    for (let count = 0; count < 5; count += 1) world.mailbox.createEvent(anEvent());
    const { pages, items } = await whole(world);
    expect(pages.map((page) => page.items.length)).toEqual([2, 2, 1]);
    expect(pages.map((page) => Object.keys(page))).toEqual([
      ['items', 'nextLink'],
      ['items', 'nextLink'],
      ['items', 'deltaLink'],
    ]);
    expect(items.every(({ kind }) => kind === 'event')).toBe(true);
    expect(world.sim.requests[0]).toMatchObject({
      path: `/v1.0/users/${world.mailbox.id}/calendars/${world.calendarId}/calendarView/delta`,
      query: { startDateTime: '2026-03-01T00:00:00.000Z', endDateTime: '2026-06-01T00:00:00.000Z' },
    });
    for (const { headers } of world.sim.requests) expect(headers['prefer']).toContain('odata.maxpagesize=2');
    expect(world.sim.requests.slice(1).map(({ url }) => url)).toEqual(
      pages.slice(0, -1).map(({ nextLink }) => nextLink),
    );
  });

  it('goes on for several streams in one request, each with its own page size and its own outcome', async () => {
    const world = openGraphWorld({ pageSize: 2 });
    const later = { start: WINDOW.end, end: new Date('2026-09-01T00:00:00Z') };
    const { deltaLink } = await whole(world);
    world.mailbox.createEvent(anEvent());
    world.sim.clearLog();
    const outcomes = await world.graph.fetchDeltaPages(world.session, [
      { link: deltaLink },
      { calendarId: world.calendarId, window: later },
      { link: `${deltaLink}xyz` },
      { link: deltaLink.replace(/^http:\/\/[^/]+/, 'http://elsewhere.example.com') },
      { link: deltaLink.replace('/v1.0/', '/beta/') },
    ]);
    expect(outcomes).toMatchObject([
      { ok: true, page: { items: [{ kind: 'event' }] } },
      { ok: true, page: { items: [] } },
      ...[1, 2, 3].map(() => ({ ok: false, error: { code: 'cursor-expired' } })),
    ]);
    const [batch, ...others] = world.sim.requests.filter(({ batchItem }) => !batchItem);
    expect(others).toEqual([]);
    expect(batch?.children).toHaveLength(3);
    for (const { headers } of batch!.children) {
      expect(headers['prefer']).toContain('odata.maxpagesize=2');
      expect(headers['prefer']).toContain('IdType="ImmutableId"');
    }
  });

  it('tells single events whole, masters with their first date, exceptions with their original one, and bare occurrences', async () => {
    const world = openGraphWorld();
    const single = world.mailbox.createEvent(anEvent());
    const old = { start: at('2020-01-06T09:00:00'), end: at('2020-01-06T09:30:00') };
    const pattern = { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' };
    const series = world.mailbox.createEvent(
      aSeries({ ...old, recurrence: { pattern, range: { type: 'noEnd', startDate: '2020-01-06' } } }),
    );
    world.mailbox.updateOccurrence(series.id, '2026-03-09', {
      subject: 'Moved',
      start: at('2026-03-11T09:00:00'),
      end: at('2026-03-11T09:30:00'),
    });
    const { items } = await whole(world);
    const events = items.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
    expect(events.map(({ id, type, originalDate }) => ({ id, type, originalDate }))).toEqual([
      { id: single.id, type: 'singleInstance', originalDate: undefined },
      { id: series.id, type: 'seriesMaster', originalDate: undefined },
      { id: expect.any(String), type: 'exception', originalDate: '2026-03-09' },
    ]);
    expect(events[0]).toMatchObject({
      etag: single['@odata.etag'],
      content: { subject: 'Tile order', start: at('2026-03-04T09:00:00') },
    });
    expect(events[1]!.content).toMatchObject({ start: at('2020-01-06T09:00:00'), occurrences: {} });
    expect(events[2]!.seriesMasterId).toBe(series.id);
    const occurrences = items.filter(({ kind }) => kind === 'occurrence');
    expect(occurrences).toHaveLength(12);
    expect(occurrences[0]).toEqual({
      kind: 'occurrence',
      id: expect.any(String),
      seriesMasterId: series.id,
      etag: expect.stringMatching(/^W\/"/),
    });
  });

  it('tells what left the view, with or without a type', async () => {
    for (const tombstoneType of [true, false]) {
      const world = openGraphWorld({ switches: { tombstoneType } });
      const { id } = world.mailbox.createEvent(anEvent());
      const { deltaLink } = await whole(world);
      world.mailbox.deleteEvent(id);
      const { items } = await whole(world, world.graph.fetchDeltaPage(world.session, { link: deltaLink }));
      expect(items).toEqual([{ kind: 'removed', id }]);
    }
  });

  it('goes on over empty pages', async () => {
    const world = openGraphWorld({ switches: { deltaEmptyPages: 'every' } });
    world.mailbox.createEvent(anEvent());
    const { pages, items } = await whole(world);
    expect(pages[0]).toMatchObject({ items: [], nextLink: expect.any(String) });
    expect(items).toHaveLength(1);
  });

  it('reads again whole what was told only in part', async () => {
    const partial =
      (fetch: Fetch): Fetch =>
      async (url, init) => {
        const response = await fetch(url, init);
        if (!url.includes('/delta')) return response;
        const body = (await response.json()) as { value: Record<string, unknown>[] };
        const value = body.value.map((item) => ({
          id: item['id'],
          '@odata.etag': item['@odata.etag'],
          subject: item['subject'],
        }));
        return Response.json({ ...body, value });
      };
    const world = openGraphWorld({ wrap: partial });
    world.mailbox.createEvent(anEvent({ location: { displayName: 'Yard' } }));
    const gone = world.mailbox.createEvent(anEvent());
    world.sim.failNext({ path: new RegExp(`${gone.id.replace(/[=+/]/g, '.')}`), status: 404 });
    const { items } = await whole(world);
    expect(items[0]).toMatchObject({ kind: 'event', event: { content: { locations: [{ displayName: 'Yard' }] } } });
    expect(items[1]).toEqual({ kind: 'removed', id: gone.id });
  });

  it.each([
    ['410', { status: 410 }],
    ['a 40X with a code of its own', { status: 404, code: 'syncStateNotFound' }],
    ['a resync code', { status: 409, code: 'ResyncRequired' }],
    ['a plain 400', { status: 400, code: 'BadRequest' }],
  ])('says that its token is dead when Graph says %s', async (_, fault) => {
    const world = openGraphWorld();
    const { deltaLink } = await whole(world);
    world.sim.failNext({ path: /deltatoken/, ...fault });
    const error = await errorOf(world.graph.fetchDeltaPage(world.session, { link: deltaLink }));
    expect(error).toMatchObject({ code: 'cursor-expired', httpStatus: fault.status, recovery: 'resync' });
  });

  it('that has no token yet cannot have lost it', async () => {
    const world = openGraphWorld();
    world.sim.failNext({ status: 404, code: 'ErrorSyncFolderNotFound' });
    expect((await errorOf(start(world))).code).not.toBe('cursor-expired');
    world.sim.failNext({ status: 400, code: 'ErrorInvalidParameter' });
    expect((await errorOf(start(world))).code).toBe('rejected');
  });

  it('of a calendar that is gone ends there', async () => {
    const world = openGraphWorld();
    const team = world.mailbox.addCalendar('Team') as GraphCalendarId;
    const first = await world.graph.fetchDeltaPage(world.session, { calendarId: team, window: WINDOW });
    world.mailbox.removeCalendar(team);
    expect((await errorOf(world.graph.fetchDeltaPage(world.session, { link: first.deltaLink! }))).code).toBe(
      'cursor-expired',
    );
    const again = world.graph.fetchDeltaPage(world.session, { calendarId: team, window: WINDOW });
    expect((await errorOf(again)).recovery).toBe('give-up');
  });

  it('does not follow a link to another host', async () => {
    const world = openGraphWorld();
    const link = 'https://evil.example.com/v1.0/users/x/calendarView/delta?$skiptoken=1';
    expect((await errorOf(world.graph.fetchDeltaPage(world.session, { link }))).code).toBe('cursor-expired');
    expect(world.sim.requests).toEqual([]);
  });

  it('without any link at its end is not taken for complete', async () => {
    const world = openGraphWorld({ wrap: answering(/delta/, () => Response.json({ value: [] })) });
    expect((await errorOf(start(world))).code).toBe('unavailable');
  });

  it('asks for the zone of the mailbox only when an event has none of its own, and once', async () => {
    const world = openGraphWorld();
    world.mailbox.createEvent(anEvent());
    await whole(world);
    expect(asked(world)).toHaveLength(1);
    const custom =
      (fetch: Fetch): Fetch =>
      async (url, init) => {
        const response = await fetch(url, init);
        if (!url.includes('/delta')) return response;
        return new Response((await response.text()).replaceAll(BERLIN, 'tzone://Microsoft/Custom'), response);
      };
    const other = openGraphWorld({ wrap: custom });
    other.mailbox.createEvent(anEvent());
    for (let round = 0; round < 2; round += 1) {
      const { items } = await whole(other);
      expect(items[0]).toMatchObject({ event: { content: { start: at('2026-03-04T09:00:00') } } });
    }
    expect(asked(other).filter((line) => line.includes('mailboxSettings'))).toHaveLength(1);
  });
});
