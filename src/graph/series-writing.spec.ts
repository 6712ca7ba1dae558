import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at } from '../../test/support/events.ts';
import { answered, openGraphWorld, type SleepwalkingClock } from '../../test/support/graph-world.ts';
import { change, errorCodes, make, type Update } from '../../test/support/graph-writes.ts';
import type { Unit } from '../core/canonical-event.ts';
import type { EventContent } from '../core/event.ts';
import type { GraphEventId } from '../core/ids.ts';
import { occurrenceContent } from '../core/series.ts';
import type { RemoteEvent, WriteOperation } from './calendar-graph.ts';

describe('changing dates of a series', () => {
  async function seriesWithDates(dates: string[], options: Parameters<typeof openGraphWorld>[0] = {}) {
    const world = openGraphWorld(options);
    const series = await make(world, aSeries());
    const targets = await world.graph.findOccurrences(world.session, series.id, dates, 'Europe/Berlin');
    world.sim.clearLog();
    const operation = (date: string, fields: Partial<EventContent>, units: Unit[]): WriteOperation => ({
      kind: 'update',
      key: date,
      ...targets.get(date)!,
      seriesMasterId: series.id,
      content: { ...occurrenceContent(series.content, date), ...fields },
      units,
      sendAttendees: false,
    });
    return { ...world, series, targets, operation };
  }
  const dates = ['2026-03-16', '2026-03-23', '2026-03-30', '2026-04-06', '2026-04-13'];

  it('happens in turn, in one request, without a word about the rule', async () => {
    const world = await seriesWithDates(dates);
    const moved = (date: string) => ({ start: at(`${date}T14:00:00`), end: at(`${date}T15:00:00`) });
    const outcomes = await world.graph.write(
      world.session,
      dates.map((date) => world.operation(date, moved(date), ['time'])),
    );
    expect(Object.values(answered(outcomes)).map(({ type }) => type)).toEqual(dates.map(() => 'exception'));
    expect(world.sim.requests).toHaveLength(1);
    const { requests } = world.sim.requests[0]!.body as { requests: { dependsOn?: string[]; body: object }[] };
    expect(requests.map(({ dependsOn }) => dependsOn)).toEqual([undefined, ['1'], ['2'], ['3'], ['4']]);
    for (const { body } of requests) expect(body).not.toHaveProperty('recurrence');
    expect(world.sim.concurrencyHighWater(world.mailbox.address)).toBe(1);
  });

  it('goes on after a date that Graph refuses', async () => {
    const world = await seriesWithDates(dates);
    const outcomes = await world.graph.write(
      world.session,
      dates.map((date, index) =>
        // Moved past its neighbour.
        index % 2 === 0
          ? world.operation(date, { start: at('2026-09-01T09:00:00'), end: at('2026-09-01T10:00:00') }, ['time'])
          : world.operation(date, { subject: 'Special' }, ['subject']),
      ),
    );
    expect(errorCodes(outcomes)).toEqual({
      '2026-03-16': 'rejected',
      '2026-03-23': 'ok',
      '2026-03-30': 'rejected',
      '2026-04-06': 'ok',
      '2026-04-13': 'rejected',
    });
    expect((world.clock as SleepwalkingClock).sleeps).toEqual([]);
  });

  it('cancels dates, and takes one that is cancelled already for done', async () => {
    for (const secondDelete of [404, 400] as const) {
      const world = await seriesWithDates(dates.slice(0, 2), { switches: { secondDelete } });
      world.mailbox.deleteOccurrence(world.series.id, '2026-03-16');
      const operations = [...world.targets].map(
        ([key, target]): WriteOperation => ({
          kind: 'delete',
          key,
          ...target,
          seriesMasterId: world.series.id,
        }),
      );
      expect(errorCodes(await world.graph.write(world.session, operations))).toEqual({
        '2026-03-16': 'ok',
        '2026-03-23': 'ok',
      });
      expect(world.mailbox.cancelledDates(world.series.id)).toEqual(['2026-03-16', '2026-03-23']);
    }
  });
});

describe('the body of an online meeting', () => {
  const text = (content: string) => ({ contentType: 'text', content }) as const;
  const online = () => anEvent({ isOnlineMeeting: true, body: text('Agenda') });

  it('is changed without ending the meeting', async () => {
    const world = openGraphWorld();
    const event = await make(world, online());
    const joinUrl = event.facts.onlineMeeting!.joinUrl!;
    const outcomes = await world.graph.write(world.session, [
      change(event, { body: text('New agenda') }, ['body', 'subject']),
    ]);
    const after = answered(outcomes)[event.id]!;
    expect(after.content.isOnlineMeeting).toBe(true);
    expect(after.facts.onlineMeeting?.joinUrl).toBe(joinUrl);
    expect(after.content.body!.content).toContain('New agenda');
    expect(after.content.body!.content).not.toContain('>Agenda');
    expect(after.content.body!.content.split(joinUrl)).toHaveLength(2);
  });

  it('is changed again and again without gathering join blocks', async () => {
    const world = openGraphWorld();
    let event = await make(world, online());
    for (const words of ['one', 'two', 'three']) {
      event = answered(await world.graph.write(world.session, [change(event, { body: text(words) }, ['body'])]))[
        event.id
      ]!;
    }
    expect(event.content.isOnlineMeeting).toBe(true);
    expect(event.content.body!.content.match(/me-email-text/g)).toHaveLength(1);
  });

  it('is left alone, and the event with it, when its join block cannot be told from the text', async () => {
    const world = openGraphWorld();
    const event = await make(world, online());
    const { joinUrl } = event.facts.onlineMeeting!;
    world.mailbox.updateEvent(event.id, { body: text(`Dial in: ${joinUrl} or come by`) });
    const there = (await world.graph.readEvents(world.session, [event.id])).get(event.id) as RemoteEvent;
    world.sim.clearLog();
    const [outcome] = await world.graph.write(world.session, [change(there, { body: text('New') }, ['body'])]);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'rejected', graphCode: 'JoinBlockNotFound' } });
    expect(world.sim.writes()).toEqual([]);
    expect(world.mailbox.getEvent(event.id)?.isOnlineMeeting).toBe(true);
  });

  it('is read first only when there is a meeting to lose', async () => {
    const world = openGraphWorld();
    const [plain, meeting] = [await make(world, anEvent(), 'plain'), await make(world, online(), 'meeting')];
    await world.graph.write(world.session, [
      change(plain, { body: text('x') }, ['body']),
      change(meeting, { subject: 'x' }, ['subject']),
    ]);
    expect(world.sim.requests).toHaveLength(1);
    const unguarded = change(plain, { body: text('y') }, ['body'], { etag: undefined });
    await world.graph.write(world.session, [unguarded]);
    expect(world.sim.requests.map(({ method }) => method)).toEqual(['POST', 'GET', 'PATCH']);
  });

  it('is refused as the event is when that is gone or out of reach', async () => {
    const world = openGraphWorld();
    const event = await make(world, online());
    world.mailbox.deleteEvent(event.id);
    expect(errorCodes(await world.graph.write(world.session, [change(event, { body: text('x') }, ['body'])]))).toEqual({
      [event.id]: 'not-found',
    });
    expect(world.sim.writes()).toEqual([]);
  });

  it('of one date of a series is changed without ending that meeting', async () => {
    const world = openGraphWorld();
    const series = await make(world, aSeries({ isOnlineMeeting: true, body: text('Agenda') }));
    const [[, target]] = [
      ...(await world.graph.findOccurrences(world.session, series.id, ['2026-03-16'], 'Europe/Berlin')),
    ] as [[string, { id: GraphEventId; etag: string }]];
    const content = { ...occurrenceContent(series.content, '2026-03-16'), body: text('Special agenda') };
    const operation: Update = {
      kind: 'update',
      key: 'one',
      ...target,
      seriesMasterId: series.id,
      content,
      units: ['body'],
      sendAttendees: false,
    };
    expect(answered(await world.graph.write(world.session, [operation]))['one']!.content.isOnlineMeeting).toBe(true);
  });
});
