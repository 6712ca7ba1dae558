import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitrarySeries } from '../../test/support/events.ts';
import { answered, openGraphWorld } from '../../test/support/graph-world.ts';
import { canonicalEvent } from '../core/canonical-event.ts';
import type { EventContent } from '../core/event.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { Fetch } from '../core/runtime.ts';
import { occurrenceContent, unitsOfFields } from '../core/series.ts';
import { atInstant, toInstant } from '../core/time-zones.ts';
import type { RemoteSeries, WriteOperation } from './calendar-graph.ts';

const BERLIN = 'W. Europe Standard Time';
const at = (dateTime: string, timeZone = BERLIN) => ({ dateTime, timeZone });
const WINDOW = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-06-01T00:00:00Z') };

/** Mondays at nine from 2 March 2026 on. */
function aSeries(change: Record<string, unknown> = {}) {
  return {
    subject: 'Standup',
    start: at('2026-03-02T09:00:00'),
    end: at('2026-03-02T09:30:00'),
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
      range: { type: 'noEnd', startDate: '2026-03-02' },
    },
    ...change,
  };
}

type World = ReturnType<typeof openGraphWorld>;
type Options = Parameters<typeof openGraphWorld>[0];

/** A Graph that answers no `$expand` of exceptions, as a request or by leaving the properties out. */
const withoutExpand =
  (how: 'refused' | 'left out' | 'half left out') =>
  (fetch: Fetch): Fetch =>
  async (url, init) => {
    if (how === 'refused' && url.includes('$expand')) {
      return Response.json({ error: { code: 'BadRequest', message: '' } }, { status: 400 });
    }
    const response = await fetch(url, init);
    const isExpanded = url.includes('$expand');
    if (!isExpanded || !response.ok) return response;
    const body = (await response.json()) as Record<string, unknown>;
    delete body['cancelledOccurrences'];
    if (how === 'left out') delete body['exceptionOccurrences'];
    return Response.json(body);
  };

const paths: [string, Options][] = [
  ['by what Graph lists', {}],
  ['by its instances, as Graph refuses to list them', { wrap: withoutExpand('refused') }],
  ['by its instances, as Graph leaves the lists out', { wrap: withoutExpand('left out') }],
  ['by its instances, as Graph leaves one list out', { wrap: withoutExpand('half left out') }],
];

async function readOne(world: World, id: string, window = WINDOW): Promise<RemoteSeries> {
  const series = (await world.graph.readSeries(world.session, [id as GraphEventId], window)).get(id as GraphEventId);
  if (!series || series === 'gone') throw new Error('the series is not there');
  return series;
}

describe.each(paths)('a series, read %s', (_, options) => {
  it('comes with its exceptions and cancelled dates, by original date', async () => {
    const world = openGraphWorld(options);
    const { id } = world.mailbox.createEvent(aSeries());
    world.mailbox.deleteOccurrence(id, '2026-03-16');
    world.mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    const moved = { start: at('2026-04-08T14:00:00'), end: at('2026-04-08T15:00:00') };
    world.mailbox.updateOccurrence(id, '2026-04-06', moved);
    const series = await readOne(world, id);
    const usesInstances = world.sim.requests.some(({ path }) => path.endsWith('/instances'));
    expect(usesInstances).toBe(options?.wrap !== undefined);
    expect(series.type).toBe('seriesMaster');
    expect(series.content.occurrences).toEqual({
      '2026-03-09': { isCancelled: false, fields: { subject: 'Special' } },
      '2026-03-16': { isCancelled: true },
      '2026-04-06': { isCancelled: false, fields: { ...moved, isAllDay: false } },
    });
    const exceptions = world.mailbox
      .occurrences(id, '2026-03-01T00:00:00Z', '2026-06-01T00:00:00Z')
      .filter(({ type }) => type === 'exception');
    expect(Object.values(series.occurrenceIds)).toEqual(
      exceptions.map((exception) => ({ id: exception.id, etag: exception['@odata.etag'] })),
    );
  });

  it('is whole without anything of the kind, across the change of the clocks', async () => {
    const world = openGraphWorld(options);
    const { id } = world.mailbox.createEvent(aSeries());
    const series = await readOne(world, id);
    expect([series.content.occurrences, series.occurrenceIds]).toEqual([{}, {}]);
  });

  it('that ended before the window, or begins after it, has lost nothing', async () => {
    const world = openGraphWorld(options);
    const { id } = world.mailbox.createEvent(aSeries());
    for (const year of [2020, 2040]) {
      const window = { start: new Date(`${year}-01-01T00:00:00Z`), end: new Date(`${year}-06-01T00:00:00Z`) };
      expect((await readOne(world, id, window)).content.occurrences).toEqual({});
    }
  });

  it('does not take an exception that was moved out of the window for cancelled', async () => {
    const world = openGraphWorld(options);
    const monthly = {
      pattern: { type: 'absoluteMonthly', interval: 1, dayOfMonth: 2 },
      range: { type: 'noEnd', startDate: '2026-03-02' },
    };
    const { id } = world.mailbox.createEvent(aSeries({ recurrence: monthly }));
    const moved = { start: at('2026-05-28T09:00:00'), end: at('2026-05-28T09:30:00') };
    world.mailbox.updateOccurrence(id, '2026-05-02', moved);
    const window = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-05-10T00:00:00Z') };
    expect((await readOne(world, id, window)).content.occurrences).toEqual({
      '2026-05-02': { isCancelled: false, fields: { ...moved, isAllDay: false } },
    });
  });

  it.each([['Tokyo Standard Time'], ['Pacific Standard Time'], ['UTC']])(
    'of whole days in %s has its dates where its people see them',
    async (zone) => {
      const world = openGraphWorld(options);
      const days = { isAllDay: true, start: at('2026-03-02T00:00:00', zone), end: at('2026-03-03T00:00:00', zone) };
      const { id } = world.mailbox.createEvent(aSeries(days));
      world.mailbox.deleteOccurrence(id, '2026-03-09');
      world.mailbox.updateOccurrence(id, '2026-03-16', { subject: 'Fair' });
      expect((await readOne(world, id)).content.occurrences).toEqual({
        '2026-03-09': { isCancelled: true },
        '2026-03-16': { isCancelled: false, fields: { subject: 'Fair' } },
      });
    },
  );

  it.each([['Tokyo Standard Time'], ['Pacific Standard Time']])(
    'at night in %s, which is another day in UTC, has its dates where its people see them',
    async (zone) => {
      const world = openGraphWorld(options);
      const night = zone.startsWith('Tokyo') ? '01' : '23';
      const times = { start: at(`2026-03-02T${night}:00:00`, zone), end: at(`2026-03-02T${night}:30:00`, zone) };
      const { id } = world.mailbox.createEvent(aSeries(times));
      world.mailbox.deleteOccurrence(id, '2026-03-09');
      world.mailbox.updateOccurrence(id, '2026-03-16', { subject: 'Late' });
      expect((await readOne(world, id)).content.occurrences).toEqual({
        '2026-03-09': { isCancelled: true },
        '2026-03-16': { isCancelled: false, fields: { subject: 'Late' } },
      });
    },
  );

  it('that became a single event comes as one', async () => {
    const world = openGraphWorld(options);
    const { id } = world.mailbox.createEvent(aSeries());
    world.mailbox.updateEvent(id, { recurrence: null });
    expect(await readOne(world, id)).toMatchObject({
      type: 'singleInstance',
      content: { recurrence: null, occurrences: {} },
      occurrenceIds: {},
    });
  });

  it('is answered under its own id when one of its members was asked for', async () => {
    const world = openGraphWorld(options);
    const { id } = world.mailbox.createEvent(aSeries());
    world.mailbox.deleteOccurrence(id, '2026-03-16');
    const [occurrence] = world.mailbox.occurrences(id, '2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z');
    const found = await world.graph.readSeries(world.session, [occurrence!.id as GraphEventId], WINDOW);
    expect([...found.keys()]).toEqual([id]);
    expect(found.get(id as GraphEventId)).toMatchObject({
      content: { occurrences: { '2026-03-16': { isCancelled: true } } },
    });
  });

  it.each([
    ['the master', /\/events\/[^/]+$/, {}],
    ['one of its exceptions', /\/events\/[^/]+$/, { wrap: withoutExpand('left out') }],
  ])('is left out when Graph can make nothing of the id of %s', async (what, path, options) => {
    const world = openGraphWorld(options);
    const { id } = world.mailbox.createEvent(aSeries());
    world.mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    const after = what === 'the master' ? 0 : 1;
    world.sim.failNext({ method: 'GET', path, after, status: 400, code: 'ErrorInvalidIdMalformed' });
    expect(await world.graph.readSeries(world.session, [id as GraphEventId], WINDOW)).toEqual(new Map());
    expect(Object.keys((await readOne(world, id)).occurrenceIds)).toEqual(['2026-03-09']);
  });

  it('that is gone is gone, and takes no other with it', async () => {
    const world = openGraphWorld(options);
    const [gone, there] = [1, 2].map(() => world.mailbox.createEvent(aSeries()).id as GraphEventId);
    world.mailbox.deleteEvent(gone!);
    // Each alone, so that what stands between client and simulator sees them.
    const found = new Map([
      ...(await world.graph.readSeries(world.session, [gone!], WINDOW)),
      ...(await world.graph.readSeries(world.session, [there!], WINDOW)),
    ]);
    expect([found.get(gone!), found.get(there!) === 'gone']).toEqual(['gone', false]);
  });

  it('whose window is longer than Graph allows is read in parts', async () => {
    const world = openGraphWorld(options);
    const { id } = world.mailbox.createEvent(aSeries());
    for (const date of ['2026-03-09', '2029-01-01', '2031-03-10']) world.mailbox.deleteOccurrence(id, date);
    const window = { start: new Date('2026-01-01T00:00:00Z'), end: new Date('2031-06-01T00:00:00Z') };
    expect(Object.keys((await readOne(world, id, window)).content.occurrences)).toEqual([
      '2026-03-09',
      '2029-01-01',
      '2031-03-10',
    ]);
  });
});

describe('reading series', () => {
  it('takes one request for many', async () => {
    const world = openGraphWorld();
    const ids = Array.from({ length: 20 }, () => world.mailbox.createEvent(aSeries()).id as GraphEventId);
    for (const id of ids) world.mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    expect((await world.graph.readSeries(world.session, ids, WINDOW)).size).toBe(20);
    expect(world.sim.requests).toHaveLength(1);
  });

  it('selects nothing the published schema does not have', async () => {
    const world = openGraphWorld();
    const { id } = world.mailbox.createEvent(aSeries());
    await readOne(world, id);
    const selected = world.sim.requests[0]!.query['$select']!.split(',');
    expect(selected).toEqual(expect.arrayContaining(['cancelledOccurrences', 'exceptionOccurrences', 'recurrence']));
    for (const unpublished of ['occurrenceId', 'uid', 'id', '@odata.etag']) expect(selected).not.toContain(unpublished);
  });

  it('says the same of an event, whether it was selected or came by itself', async () => {
    const world = openGraphWorld();
    const content = {
      location: { displayName: 'Yard' },
      categories: ['Red'],
      body: { contentType: 'text', content: 'x' },
    };
    const id = world.mailbox.createEvent(aSeries({ ...content, isOnlineMeeting: true })).id as GraphEventId;
    const { occurrenceIds: _ids, ...series } = await readOne(world, id);
    expect(series).toEqual((await world.graph.readEvents(world.session, [id])).get(id));
  });

  it('asks for the original date of an exception that does not tell it', async () => {
    const untold =
      (fetch: Fetch): Fetch =>
      async (url, init) => {
        const response = await fetch(url, init);
        if (!url.includes('$expand')) return response;
        const text = (await response.text()).replaceAll('"occurrenceId"', '"x"').replaceAll('"iCalUId"', '"y"');
        return new Response(text, response);
      };
    const world = openGraphWorld({ wrap: untold });
    const { id } = world.mailbox.createEvent(aSeries());
    const moved = { start: at('2026-03-11T09:00:00'), end: at('2026-03-11T09:30:00') };
    world.mailbox.updateOccurrence(id, '2026-03-09', moved);
    expect(Object.keys((await readOne(world, id)).content.occurrences)).toEqual(['2026-03-09']);
    expect(world.sim.requests.at(-1)!.query).toEqual({ $select: 'id,isAllDay,originalStart' });
  });

  it('follows the exceptions onto their next page', async () => {
    const link = 'http://graph.sim.test/v1.0/more-exceptions';
    let rest: unknown[] = [];
    const paged =
      (fetch: Fetch): Fetch =>
      async (url, init) => {
        if (url === link) return Response.json({ value: rest });
        const response = await fetch(url, init);
        if (!url.includes('$expand')) return response;
        const body = (await response.json()) as { exceptionOccurrences: unknown[] };
        rest = body.exceptionOccurrences.splice(1);
        return Response.json({ ...body, 'exceptionOccurrences@odata.nextLink': link });
      };
    const world = openGraphWorld({ wrap: paged });
    const { id } = world.mailbox.createEvent(aSeries());
    for (const date of ['2026-03-09', '2026-03-16', '2026-03-23']) {
      world.mailbox.updateOccurrence(id, date, { subject: 'Special' });
    }
    expect(Object.keys((await readOne(world, id)).content.occurrences)).toHaveLength(3);
  });

  it('reads an exception without a usable zone in the zone of its series', async () => {
    const custom =
      (fetch: Fetch): Fetch =>
      async (url, init) => {
        const response = await fetch(url, init);
        if (!url.includes('$expand')) return response;
        const body = (await response.json()) as { exceptionOccurrences: Record<string, unknown>[] };
        const zones = { originalStartTimeZone: 'tzone://Microsoft/Custom', originalEndTimeZone: '' };
        return Response.json({
          ...body,
          exceptionOccurrences: body.exceptionOccurrences.map((each) => ({ ...each, ...zones })),
        });
      };
    const world = openGraphWorld({ wrap: custom });
    const { id } = world.mailbox.createEvent(aSeries());
    const moved = { start: at('2026-03-11T14:00:00'), end: at('2026-03-11T14:30:00') };
    world.mailbox.updateOccurrence(id, '2026-03-09', moved);
    expect((await readOne(world, id)).content.occurrences['2026-03-09']).toEqual({
      isCancelled: false,
      fields: { ...moved, isAllDay: false },
    });
  });

  it.each([403, 429, 503])('fails as a whole with %i: half a series would look like a change', async (status) => {
    const world = openGraphWorld();
    const ids = [1, 2].map(() => world.mailbox.createEvent(aSeries()).id as GraphEventId);
    world.sim.failNext({
      path: /exceptionOccurrences/,
      status,
      count: 99,
      ...(status === 429 ? { retryAfter: 300 } : {}),
    });
    await expect(world.graph.readSeries(world.session, ids, WINDOW)).rejects.toMatchObject({ httpStatus: status });
  });

  it('gives back a series with all its dates as it was written', async () => {
    const exists = (content: EventContent) =>
      [content.start, content.end].every(
        (time) => atInstant(toInstant(time)!, time.timeZone)?.dateTime === time.dateTime,
      );
    const plain = arbitrarySeries()
      .map((content): EventContent => ({ ...content, isOnlineMeeting: false }))
      .filter(exists);
    await fc.assert(
      fc.asyncProperty(plain, async (content) => {
        const world = openGraphWorld();
        const { graph, session, calendarId } = world;
        const master: EventContent = { ...content, occurrences: {} };
        const { made } = answered(
          await graph.write(session, [
            { kind: 'create', key: 'made', calendarId, content: master, transactionId: 't-1', sendAttendees: false },
          ]),
        );
        const dates = Object.keys(content.occurrences);
        const targets = await graph.findOccurrences(session, made!.id, dates, content.start.timeZone);
        expect([...targets.keys()].sort()).toEqual(dates.sort());
        const operations = dates.flatMap((date): WriteOperation[] => {
          const override = content.occurrences[date]!;
          const target = { key: date, seriesMasterId: made!.id, ...targets.get(date)! };
          if (override.isCancelled) return [{ kind: 'delete', ...target }];
          const units = unitsOfFields(override.fields);
          const fields = occurrenceContent(content, date);
          return units.length === 0
            ? []
            : [{ kind: 'update', ...target, content: fields, units, sendAttendees: false }];
        });
        for (const outcome of await graph.write(session, operations)) if (!outcome.ok) throw outcome.error;
        const read = await readOne(world, made!.id);
        expect(canonicalEvent({ ...read.content, attendees: content.attendees })).toEqual(canonicalEvent(content));
      }),
      { numRuns: 60 },
    );
  });
});
