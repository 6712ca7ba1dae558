import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';

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

const STANDUP: EventInput = {
  subject: 'Standup',
  start: { dateTime: '2026-03-09T09:00:00', timeZone: 'UTC' },
  end: { dateTime: '2026-03-09T09:15:00', timeZone: 'UTC' },
  recurrence: {
    pattern: { type: 'daily', interval: 1 },
    range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 4 },
  },
};
const OUTSIDE = { '2026-03-10': { isCancelled: false, fields: { subject: 'Standup, outside' } } } as const;
const CANCELLED = { '2026-03-11': { isCancelled: true } } as const;

describe('a series whose create was carried out and never answered', () => {
  it('keeps what was said here about single dates, which no create carries', async () => {
    const id = await world.book(STANDUP);
    await world.editContent(id, (content) => ({ ...content, occurrences: { ...OUTSIDE, ...CANCELLED } }));
    world.simulator.failNext({ method: 'POST', path: /events$/, kind: 'drop-after-commit' });
    world.simulator.failNext({ method: 'POST', path: /events$/, like: 'service-not-available', count: 'always' });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    world.simulator.clearFaults();

    await world.sync();

    expect((await world.get(id)).content.occurrences).toMatchObject({ ...OUTSIDE, ...CANCELLED });
    expect(await world.differences()).toEqual([]);
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await world.sync();
    await expectQuiet(world);
  });
});

it('an event whose repeated create was answered is not made again when the next look does not find it', async () => {
  const id = await world.book({ ...STANDUP, recurrence: null });
  world.simulator.failNext({ method: 'POST', path: /events$/, kind: 'drop-after-commit' });
  world.simulator.failNext({ method: 'POST', path: /events$/, like: 'service-not-available', count: 'always' });
  await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
  world.simulator.clearFaults();
  await world.edit(id, { subject: 'Standup, later' });
  world.simulator.failNext({ method: 'GET', path: /\/events\/[^/?]+(\?|$)/, like: 'item-not-found' });
  await world.syncWhileTimePasses({ direction: 'push' }).catch(() => undefined);
  await world.syncWhileTimePasses();
  expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['Standup, later']);
  expect(await world.all()).toHaveLength(1);
  expect(await world.differences()).toEqual([]);
  await world.sync();
  await expectQuiet(world);
});

describe('a series Graph lists and does not find', () => {
  it('is not deleted here for the word of a server that has not heard of it yet', async () => {
    const id = await world.book(STANDUP);
    await world.sync();
    const { graphEventId } = await world.get(id);
    world.mailbox.deleteOccurrence(graphEventId!, '2026-03-11');
    world.simulator.failNext({ method: 'GET', path: /\/events\/[^/]+$|\/events\/[^/?]+\?/, like: 'item-not-found' });

    await world.sync();
    expect(await world.find(id)).toBeDefined();
    await world.sync();

    expect((await world.get(id)).content.occurrences).toEqual(CANCELLED);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('is not deleted here for that word either when a date of it was just edited there', async () => {
    const id = await world.book(STANDUP);
    await world.sync();
    const { graphEventId } = await world.get(id);
    world.mailbox.updateOccurrence(graphEventId!, '2026-03-10', { subject: 'Standup, outside' });
    world.simulator.failNext({ method: 'GET', path: /\/events\/[^/]+$|\/events\/[^/?]+\?/, like: 'item-not-found' });

    await world.sync();
    expect(await world.find(id)).toBeDefined();
    await world.sync();

    expect((await world.get(id)).content.occurrences).toEqual(OUTSIDE);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('is deleted by no preview for that word', async () => {
    const id = await world.book(STANDUP);
    await world.sync();
    const { graphEventId } = await world.get(id);
    world.mailbox.updateOccurrence(graphEventId!, '2026-03-10', { subject: 'Standup, outside' });
    const like = { method: 'GET', path: /\/events\/[^/]+$|\/events\/[^/?]+\?/, like: 'item-not-found' } as const;

    world.simulator.failNext(like);
    expect((await world.services.previewService.preview(USER, {})).local).toMatchObject({ deleted: 0 });
    world.simulator.failNext(like);
    expect(await world.sync()).toMatchObject({ localDeleted: 0 });
    expect(await world.sync()).toMatchObject({ localUpdated: 1 });
    await expectQuiet(world);
  });

  it('is deleted here once its end is told, also when that comes between the list and the look', async () => {
    const id = await world.book(STANDUP);
    await world.sync();
    const { graphEventId } = await world.get(id);
    world.mailbox.updateEvent(graphEventId!, { subject: 'Standup, all' });
    world.onRequest(/\/events\/[^/]+$|\/events\/[^/?]+\?/, () => world.mailbox.deleteSeries(graphEventId!));

    await world.sync();
    await world.sync();

    expect(await world.find(id)).toBeUndefined();
    await expectQuiet(world);
  });
});

describe('an event whose tag Graph compared and that it does not find then', () => {
  const VISIT = { ...STANDUP, subject: 'Visit', recurrence: null };
  const missing = () =>
    world.simulator.failNext({ method: 'GET', path: /\/events\/[^/?]+(\?|$)/, like: 'item-not-found', count: 1 });

  it.each([
    ['a single event', VISIT],
    ['a series', STANDUP],
  ])('is not made a second time for that word: %s', async (_, input) => {
    const id = await world.book(input);
    await world.sync();
    world.mailbox.updateEvent((await world.get(id)).graphEventId!, { importance: 'high' });
    await world.edit(id, { subject: 'Renamed' });
    missing();
    await world.sync({ direction: 'push' });
    world.simulator.clearFaults();
    await world.sync();
    expect(world.mailbox.listEvents()).toMatchObject([{ subject: 'Renamed', importance: 'high' }]);
    expect(await world.all()).toHaveLength(1);
    expect(await world.allConflicts()).toEqual([]);
    expect(await world.differences()).toEqual([]);
    await world.sync();
    await expectQuiet(world);
  });

  it('is deleted there all the same when it was deleted here', async () => {
    const id = await world.book(VISIT);
    await world.sync();
    world.mailbox.updateEvent((await world.get(id)).graphEventId!, { importance: 'high' });
    await world.remove(id);
    missing();
    await world.sync({ direction: 'push', conflictResolution: 'prefer_local' });
    world.simulator.clearFaults();
    await world.sync({ conflictResolution: 'prefer_local' });
    await world.sync({ conflictResolution: 'prefer_local' });
    expect(world.mailbox.listEvents()).toEqual([]);
    expect(await world.all()).toEqual([]);
    await expectQuiet(world);
  });
});
