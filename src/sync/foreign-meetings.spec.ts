import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { StoredEvent } from '../store/event.repository.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open({ settings: { notifyAttendees: 'all' } });
});
afterEach(async () => {
  expect(world.simulator.outbox).toEqual([]);
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const organizer = { emailAddress: { address: 'boss@example.com', name: 'Boss' } };
const visit: EventInput = {
  subject: 'Visit',
  start: berlin('2026-03-10T09:00:00'),
  end: berlin('2026-03-10T10:00:00'),
};
const daily: EventInput = {
  ...visit,
  recurrence: {
    pattern: { type: 'daily', interval: 1 },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
  },
};

async function invited(event: EventInput = visit): Promise<StoredEvent & { graphEventId: string }> {
  const { id } = world.mailbox.addForeignMeeting({ ...event, organizer });
  await world.sync();
  world.simulator.clearLog();
  const found = (await world.all()).find(({ graphEventId }) => graphEventId === id)!;
  return { ...found, graphEventId: id } as StoredEvent & { graphEventId: string };
}
const view = (id: string) => world.services.eventService.get(USER, id);

describe('somebody else’s meeting', () => {
  it('takes what is one’s own about it, and holds the rest, where everybody sees it', async () => {
    const { id, graphEventId } = await invited();
    const own = { categories: ['Blue'], showAs: 'oof', sensitivity: 'private', reminderMinutesBeforeStart: 5 } as const;
    await world.services.eventService.update(USER, id, {
      ...own,
      subject: 'Mine',
      start: berlin('2026-03-10T09:15:00'),
      attendees: [],
    });
    await world.sync();
    expect(world.mailbox.getEvent(graphEventId)).toMatchObject({ ...own, subject: 'Visit' });
    const shown = await view(id);
    expect([...shown.held].sort()).toEqual(['attendees', 'subject', 'time']);
    expect(shown).toMatchObject({ subject: 'Mine', notices: [{ code: 'CHANGE_HELD' }] });
    await expectQuiet(world);
  });

  it('is not made again as one’s own when the organizer takes it away', async () => {
    const { id, graphEventId } = await invited();
    await world.edit(id, { subject: 'Mine' });
    await world.sync();
    world.mailbox.deleteEvent(graphEventId);
    await world.sync();
    expect(await world.find(id)).toBeUndefined();
    expect(world.mailbox.listEvents()).toEqual([]);
    await expectQuiet(world);
  });

  it('loses only one’s own copy by being deleted here, a single date likewise', async () => {
    const single = await invited();
    const series = await invited({ ...daily, subject: 'Round' });
    await world.services.eventService.delete(USER, single.id);
    await world.services.eventService.delete(USER, `${series.id}_2026-03-12`);
    await world.sync();
    expect(world.mailbox.getEvent(single.graphEventId)).toBeUndefined();
    expect(world.mailbox.cancelledDates(series.graphEventId)).toEqual(
      (await view(series.id)).held.length > 0 ? [] : ['2026-03-12'],
    );
    await expectQuiet(world);
  });
});

describe('a meeting that its organizer cancelled', () => {
  it('is shown as that, and neither its subject nor its being free is taken for a change made here', async () => {
    const { id, graphEventId } = await invited();
    world.mailbox.cancelByOrganizer(graphEventId);
    await world.sync();
    expect(await view(id)).toMatchObject({ isCancelled: true, showAs: 'free', syncState: 'synced', held: [] });
    await expectQuiet(world);
  });

  it('stays cancelled when somebody edits it here, and gives its prefix to nothing', async () => {
    const { id, graphEventId } = await invited();
    await world.edit(id, { categories: ['Blue'] });
    world.mailbox.cancelByOrganizer(graphEventId);
    await world.sync();
    await world.edit(id, { subject: 'Visit after all' });
    await world.sync();
    expect(world.mailbox.getEvent(graphEventId)).toMatchObject({ isCancelled: true, subject: 'Canceled: Visit' });
    expect(world.mailbox.listEvents()).toHaveLength(1);
    expect(await view(id)).toMatchObject({ isCancelled: true, held: ['subject'] });
    await expectQuiet(world);
  });

  it('can be removed from one’s own calendar', async () => {
    const { id, graphEventId } = await invited();
    world.mailbox.cancelByOrganizer(graphEventId);
    await world.sync();
    await world.services.eventService.delete(USER, id);
    await world.sync();
    expect(world.mailbox.listEvents()).toEqual([]);
    await expectQuiet(world);
  });

  it('on one date only, is gone on that date', async () => {
    const { id, graphEventId } = await invited(daily);
    world.mailbox.quietly(() => world.mailbox.deleteOccurrence(graphEventId, '2026-03-12'));
    await world.sync();
    expect((await world.get(id)).content.occurrences['2026-03-12']).toEqual({ isCancelled: true });
    await expectQuiet(world);
  });
});

describe('an online meeting that Outlook did not provide', () => {
  it('is reported, as long as that is so, and is no difference for ever', async () => {
    await world.close();
    world = await SyncWorld.open({
      furnish: (mailbox) => mailbox.addCalendar('Rooms', { allowsOnlineMeetings: false }),
    });
    const calendars = await world.calendars.list(world.db, USER);
    const calendarId = calendars.find(({ name }) => name === 'Rooms')!.id;
    const id = await world.book({ ...visit, isOnlineMeeting: true }, calendarId);
    await world.sync({ calendarId });
    const { graphEventId = '' } = await world.get(id);
    expect(world.mailbox.getEvent(graphEventId)).toMatchObject({ isOnlineMeeting: false });
    expect(await view(id)).toMatchObject({ syncState: 'synced', notices: [{ code: 'ONLINE_MEETING_NOT_PROVIDED' }] });
    await world.sync({ calendarId });
    world.simulator.clearLog();
    await world.sync({ calendarId });
    expect(world.simulator.writes()).toEqual([]);
    expect(await world.allConflicts()).toEqual([]);
    expect((await view(id)).notices).toHaveLength(1);
    await world.edit(id, { isOnlineMeeting: false });
    await world.sync({ calendarId });
    expect((await view(id)).notices).toEqual([]);
  });
});
