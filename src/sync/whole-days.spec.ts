import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld } from '../../test/support/sync-world.ts';
import type { DateTimeTimeZone } from '../core/event.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
beforeAll(async () => {
  await openWorldDatabase();
});
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const at = (dateTime: string, timeZone = 'Europe/Berlin'): DateTimeTimeZone => ({ dateTime, timeZone });
const everyMonday = (zone: string): EventInput => ({
  subject: 'Weekly',
  start: at('2026-03-09T09:00:00', zone),
  end: at('2026-03-09T10:00:00', zone),
  recurrence: {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
    range: { type: 'noEnd', startDate: '2026-03-09' },
  },
});

async function graphIdOf(id: EventId): Promise<string> {
  return String((await world.get(id)).graphEventId);
}

describe('whole days', () => {
  it('become hours, and hours become whole days, on both sides; start, end and isAllDay go along, and nothing else', async () => {
    const hours = { isAllDay: false, start: at('2026-03-28T22:00:00'), end: at('2026-03-29T04:00:00') };
    const days = { isAllDay: true, start: at('2026-03-28T00:00:00'), end: at('2026-03-30T00:00:00') };
    const [a, b] = (await world.bookAll([
      { subject: 'a', ...hours },
      { subject: 'b', ...days },
    ])) as [EventId, EventId];
    await world.sync();
    await world.edit(a, days);
    await world.edit(b, hours);
    world.simulator.clearLog();
    await world.sync();
    const sent = world.simulator.writes().map(({ method, body }) => [method, Object.keys(body as object).sort()]);
    expect(sent).toEqual(Array(2).fill(['PATCH', ['end', 'isAllDay', 'start']]));
    expect(await world.differences()).toEqual([]);
    expect(world.mailbox.getEvent(await graphIdOf(a))).toMatchObject({ isAllDay: true, type: 'singleInstance' });
    await expectQuiet(world);
    world.mailbox.updateEvent(await graphIdOf(a), hours);
    world.mailbox.updateEvent(await graphIdOf(b), days);
    await world.sync();
    expect((await world.get(a)).content).toMatchObject(hours);
    expect((await world.get(b)).content).toMatchObject(days);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('that become hours here while they become a series there, where If-Match is ignored, are a series on both sides', async () => {
    await world.close();
    world = await SyncWorld.open({ switches: { ifMatch: 'ignore' } });
    const id = await world.book({
      ...{ subject: 'a', isAllDay: true },
      ...{ start: at('2026-03-09T00:00:00'), end: at('2026-03-10T00:00:00') },
    });
    await world.sync();
    const graphId = await graphIdOf(id);
    await world.edit(id, { isAllDay: false, start: at('2026-03-09T09:00:00'), end: at('2026-03-09T10:00:00') });
    const recurrence = {
      pattern: { type: 'daily', interval: 1 },
      range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 3 },
    };
    world.onRequest(/\/\$batch|\/events\//, () => world.mailbox.updateEvent(graphId, { recurrence }));
    await world.sync();
    await world.sync();
    expect((await world.get(id)).content.recurrence?.range.type).toBe('numbered');
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('of a series become hours, and back, with their rule; of a series that ends as one event the end of the rule is said', async () => {
    const hours = { isAllDay: false, start: at('2026-03-09T09:00:00'), end: at('2026-03-09T10:00:00') };
    const days = { isAllDay: true, start: at('2026-03-09T00:00:00'), end: at('2026-03-10T00:00:00') };
    const id = await world.book(everyMonday('Europe/Berlin'));
    await world.sync();
    for (const times of [days, hours]) {
      await world.edit(id, times);
      world.simulator.clearLog();
      await world.sync();
      expect(world.simulator.writes()).toMatchObject([
        { body: { isAllDay: times.isAllDay, recurrence: { range: {} } } },
      ]);
      expect(Object.keys(world.simulator.writes()[0]?.body as object).sort()).toEqual([
        ...['end', 'isAllDay', 'recurrence', 'start'],
      ]);
      expect(await world.differences()).toEqual([]);
    }
    await world.edit(id, { ...days, recurrence: null });
    world.simulator.clearLog();
    await world.sync();
    expect(world.simulator.writes()).toMatchObject([{ body: { isAllDay: true, recurrence: null } }]);
    expect(world.mailbox.getEvent(await graphIdOf(id))?.type).toBe('singleInstance');
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});
