import { describe, expect, it } from 'vitest';
import { openGraphWorld } from '../../test/support/graph-world.ts';
import { isSyncError } from '../core/errors.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { Fetch } from '../core/runtime.ts';

const BERLIN = 'W. Europe Standard Time';
const at = (dateTime: string, timeZone = BERLIN) => ({ dateTime, timeZone });

type World = ReturnType<typeof openGraphWorld>;

function withSeries(change: Record<string, unknown> = {}, options: Parameters<typeof openGraphWorld>[0] = {}) {
  const world = openGraphWorld(options);
  const { id } = world.mailbox.createEvent({
    subject: 'Standup',
    start: at('2026-03-02T09:00:00'),
    end: at('2026-03-02T09:30:00'),
    recurrence: {
      pattern: { type: 'daily', interval: 1 },
      range: { type: 'noEnd', startDate: '2026-03-02' },
    },
    ...change,
  });
  world.sim.clearLog();
  return { ...world, id: id as GraphEventId };
}

const find = (world: World & { id: GraphEventId }, dates: string[], zone = BERLIN) =>
  world.graph.findOccurrences(world.session, world.id, dates, zone);

/** What Outlook itself calls the members of the series. */
const members = (world: World & { id: GraphEventId }) =>
  world.mailbox.occurrences(world.id, '2026-03-01T00:00:00Z', '2027-03-01T00:00:00Z');
const target = (event: { id: string; '@odata.etag': string } | undefined) => ({
  id: event?.id,
  etag: event?.['@odata.etag'],
});

describe('occurrences', () => {
  it('are found by their dates, with ids and tags, in one request', async () => {
    const world = withSeries();
    const dates = ['2026-03-02', '2026-03-20', '2026-07-01', '2026-12-24'];
    const found = await find(world, dates);
    const byDate = new Map(members(world).map((event) => [event.start.dateTime.slice(0, 10), event]));
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries(dates.map((date) => [date, target(byDate.get(date))])),
    );
    expect(world.sim.requests).toHaveLength(1);
    // Dates near each other share a list; the exceptions of the series are asked for besides.
    expect(world.sim.requests[0]!.children).toHaveLength(4);
  });

  it('are found wherever exceptions have moved them', async () => {
    const monthly = {
      pattern: { type: 'absoluteMonthly', interval: 1, dayOfMonth: 2 },
      range: { type: 'noEnd', startDate: '2026-03-02' },
    };
    const world = withSeries({ recurrence: monthly });
    const exception = world.mailbox.updateOccurrence(world.id, '2026-05-02', {
      start: at('2026-05-28T09:00:00'),
      end: at('2026-05-28T09:30:00'),
    });
    expect(Object.fromEntries(await find(world, ['2026-05-02']))).toEqual({ '2026-05-02': target(exception) });
  });

  it('are found in a wider search where Graph does not list the exceptions', async () => {
    const refusing =
      (fetch: Fetch): Fetch =>
      async (url, init) => {
        const body = init?.body?.replaceAll('$expand=exceptionOccurrences', '$expand=nonsense');
        return fetch(url, { ...init, ...(body === undefined ? {} : { body }) });
      };
    const monthly = {
      pattern: { type: 'absoluteMonthly', interval: 1, dayOfMonth: 2 },
      range: { type: 'noEnd', startDate: '2026-03-02' },
    };
    const world = withSeries({ recurrence: monthly }, { wrap: refusing });
    const exception = world.mailbox.updateOccurrence(world.id, '2026-05-02', {
      start: at('2026-05-28T09:00:00'),
      end: at('2026-05-28T09:30:00'),
    });
    const found = await find(world, ['2026-04-02', '2026-05-02']);
    expect(found.get('2026-05-02')).toEqual(target(exception));
    expect(found.has('2026-04-02')).toBe(true);
  });

  it('are not confused when one stands on the date another had', async () => {
    const world = withSeries({
      recurrence: {
        pattern: { type: 'daily', interval: 3 },
        range: { type: 'noEnd', startDate: '2026-03-02' },
      },
    });
    const moved = world.mailbox.updateOccurrence(world.id, '2026-03-05', {
      start: at('2026-03-06T09:00:00'),
      end: at('2026-03-06T09:30:00'),
    });
    const found = await find(world, ['2026-03-05', '2026-03-06', '2026-03-08']);
    expect([...found.keys()].sort()).toEqual(['2026-03-05', '2026-03-08']);
    expect(found.get('2026-03-05')).toEqual(target(moved));
  });

  it('that do not occur are left out', async () => {
    const world = withSeries();
    world.mailbox.deleteOccurrence(world.id, '2026-03-10');
    expect([...(await find(world, ['2026-02-01', '2026-03-10', '2026-03-11'])).keys()]).toEqual(['2026-03-11']);
  });

  it.each([
    ['Tokyo Standard Time', '01'],
    ['Pacific Standard Time', '23'],
    ['UTC', '00'],
  ])('have the dates of their zone, %s, where it is another day in UTC', async (zone, hour) => {
    const times = { start: at(`2026-03-02T${hour}:00:00`, zone), end: at(`2026-03-02T${hour}:30:00`, zone) };
    const world = withSeries(times);
    const found = await find(world, ['2026-03-10'], zone);
    const wanted = members(world)[8];
    expect(wanted?.occurrenceId).toMatch(/2026-03-10$/);
    expect(found.get('2026-03-10')).toEqual(target(wanted));
  });

  it.each(['Tokyo Standard Time', 'Pacific Standard Time'])(
    'of whole days have their own dates, in %s too',
    async (zone) => {
      const days = { isAllDay: true, start: at('2026-03-02T00:00:00', zone), end: at('2026-03-03T00:00:00', zone) };
      const world = withSeries(days);
      const found = await find(world, ['2026-03-02', '2026-03-10'], zone);
      expect([...found.keys()]).toEqual(['2026-03-02', '2026-03-10']);
      expect(found.get('2026-03-10')).toEqual(target(members(world)[8]));
    },
  );

  it.each(['Tokyo Standard Time', 'Pacific Standard Time'])(
    'of whole days have their own dates even when their iCalUId does not tell, in %s too',
    async (zone) => {
      const untold =
        (fetch: Fetch): Fetch =>
        async (url, init) => {
          const response = await fetch(url, init);
          return new Response(
            (await response.text()).replaceAll('iCalUId', 'x').replaceAll('occurrenceId', 'y'),
            response,
          );
        };
      const days = { isAllDay: true, start: at('2026-03-02T00:00:00', zone), end: at('2026-03-03T00:00:00', zone) };
      const world = withSeries(days, { wrap: untold });
      expect((await find(world, ['2026-03-10'], zone)).get('2026-03-10')).toEqual(target(members(world)[8]));
    },
  );

  it('beyond one page are found as well', async () => {
    const world = withSeries({}, { switches: { maxTop: 5 } });
    const dates = ['2026-03-05', '2026-03-31', '2026-04-20'];
    expect([...(await find(world, dates)).keys()].sort()).toEqual(dates);
  });

  it('of no date cost nothing', async () => {
    const world = withSeries();
    expect((await find(world, [])).size).toBe(0);
    expect(world.sim.requests).toEqual([]);
  });

  it('of a series that is gone are an error, not an absence', async () => {
    const world = withSeries();
    world.mailbox.deleteEvent(world.id);
    await expect(find(world, ['2026-03-10'])).rejects.toSatisfy((error) => isSyncError(error, 'not-found'));
  });
});
