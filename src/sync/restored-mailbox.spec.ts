import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';

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

const at = (day: number, hour: number) => {
  const date = `2026-03-${String(day).padStart(2, '0')}T${String(hour).padStart(2, '0')}`;
  return {
    start: { dateTime: `${date}:00:00`, timeZone: 'UTC' },
    end: { dateTime: `${date}:30:00`, timeZone: 'UTC' },
  };
};
/** More than may be deleted without somebody's word. */
const MANY = 30;
const idsBySubject = async () => new Map((await world.all()).map(({ id, content }) => [content.subject, id]));

describe('a mailbox that comes back from a backup, where every id is another', () => {
  it('is known again: each event stays the same one, and what was written here meanwhile reaches it', async () => {
    for (let day = 1; day <= MANY; day += 1) world.mailbox.createEvent({ subject: `Visit ${day}`, ...at(day, 10) });
    const recurrence = {
      pattern: { type: 'daily', interval: 1 },
      range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 4 },
    };
    const series = world.mailbox.createEvent({ subject: 'Standup', ...at(9, 8), recurrence });
    world.mailbox.updateOccurrence(series.id as string, '2026-03-10', { subject: 'Standup, outside' });
    await world.sync();
    const before = await idsBySubject();
    const edited = before.get('Visit 7')!;
    await world.edit(edited, { subject: 'Visit 7, with Grace' });

    world.mailbox.misfortunes.restoreFromBackup();
    const run = await world.sync();

    expect(run).toMatchObject({ status: 'COMPLETED', localCreated: 0, localDeleted: 0, remoteCreated: 0 });
    before.delete('Visit 7');
    before.set('Visit 7, with Grace', edited);
    expect(await idsBySubject()).toEqual(before);
    expect(await world.differences()).toEqual([]);
    expect(await world.allConflicts()).toEqual([]);
    await expectQuiet(world);
  });

  it('does not bring back what was deleted here before Outlook heard of it, and loses no other', async () => {
    const recurrence = {
      pattern: { type: 'daily', interval: 1 },
      range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 4 },
    };
    world.mailbox.createEvent({ subject: 'Cancelled', ...at(9, 8) });
    world.mailbox.createEvent({ subject: 'Cancelled series', ...at(9, 9), recurrence });
    world.mailbox.createEvent({ subject: 'Kept', ...at(9, 10) });
    await world.sync();
    for (const subject of ['Cancelled', 'Cancelled series']) await world.remove((await world.bySubject(subject)).id);

    world.mailbox.misfortunes.restoreFromBackup();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localCreated: 0, remoteDeleted: 2 });

    expect((await world.all()).map(({ content }) => content.subject)).toEqual(['Kept']);
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['Kept']);
    expect(await world.allConflicts()).toEqual([]);
    await expectQuiet(world);
  });

  it('does not bring back with the window what was deleted here and lies outside of it now', async () => {
    world.mailbox.createEvent({ subject: 'Kept', ...at(9, 10) });
    world.mailbox.createEvent({ subject: 'Cancelled', ...at(30, 10) });
    await world.sync();
    await world.remove((await world.bySubject('Cancelled')).id);
    await world.services.settings.put(USER, { window: { pastDays: 7, futureDays: 14 } });

    world.mailbox.misfortunes.restoreFromBackup();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localCreated: 0 });
    await world.services.settings.put(USER, { window: { pastDays: 7, futureDays: 60 } });
    await world.sync();

    expect((await world.all()).map(({ content }) => content.subject)).toEqual(['Kept']);
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['Kept']);
    await expectQuiet(world);
  });

  it.each([
    ['an event', {}],
    [
      'a series',
      {
        recurrence: {
          pattern: { type: 'daily', interval: 1 },
          range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 4 },
        },
      },
    ],
  ] as const)('deletes %s under its new id when nobody has read that one yet', async (_, more) => {
    world.mailbox.createEvent({ subject: 'Cancelled', ...at(9, 8), ...more });
    world.mailbox.createEvent({ subject: 'Gone on both sides', ...at(9, 9) });
    world.mailbox.createEvent({ subject: 'Kept', ...at(9, 10) });
    await world.sync();
    for (const subject of ['Cancelled', 'Gone on both sides']) await world.remove((await world.bySubject(subject)).id);
    const there = world.mailbox.listEvents().find(({ subject }) => subject === 'Gone on both sides');
    world.mailbox.deleteEvent(there?.id as string);
    world.mailbox.misfortunes.restoreFromBackup();

    await world.sync({ direction: 'push' });
    await world.sync();

    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['Kept']);
    expect((await world.all()).map(({ content }) => content.subject)).toEqual(['Kept']);
    expect(await world.allConflicts()).toEqual([]);
    await expectQuiet(world);
  });

  it('finds what is deleted and edited in another calendar than the default one as well', async () => {
    const team = world.mailbox.addCalendar('Team');
    await world.services.calendarService.refresh(USER);
    for (const [subject, day] of [
      ['Cancelled', 9],
      ['Edited', 10],
    ] as const) {
      world.mailbox.createEvent({ subject, ...at(day, 8) }, { calendarId: team });
    }
    await world.sync({ calendarId: 'all' });
    await world.remove((await world.bySubject('Cancelled')).id);
    await world.edit((await world.bySubject('Edited')).id, { subject: 'Edited later' });
    world.mailbox.misfortunes.restoreFromBackup();

    await world.syncWhileTimePasses({ calendarId: 'all', direction: 'push' });
    await world.sync({ calendarId: 'all' });
    await world.sync({ calendarId: 'all' });

    expect((await world.all()).map(({ content }) => content.subject)).toEqual(['Edited later']);
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['Edited later']);
  });

  it('keeps what may not leave the service with its event instead of making two of it', async () => {
    const organizer = { emailAddress: { name: 'Grace', address: 'grace@elsewhere.example' } };
    world.mailbox.addForeignMeeting({ subject: 'Review', ...at(12, 9), organizer });
    await world.sync();
    const { id } = await world.bySubject('Review');
    await world.edit(id, { subject: 'Review, mine' });
    await world.sync();

    world.mailbox.misfortunes.restoreFromBackup();
    await world.sync();

    expect((await world.all()).map((event) => [event.id, event.content.subject])).toEqual([[id, 'Review, mine']]);
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['Review']);
    await expectQuiet(world);
  });

  it.each([
    ['a single event', {}],
    [
      'a series',
      {
        recurrence: {
          pattern: { type: 'daily', interval: 1 },
          range: { type: 'numbered', startDate: '2026-03-25', numberOfOccurrences: 2 },
        },
      },
    ],
  ] as const)('does not double %s outside of the window that is edited here', async (_, more) => {
    world.mailbox.createEvent({ subject: 'Far', ...at(25, 9), ...more });
    world.mailbox.createEvent({ subject: 'Near', ...at(3, 9) });
    await world.sync();
    const { id } = await world.bySubject('Far');
    await world.services.settings.put(USER, { window: { pastDays: 7, futureDays: 7 } });
    await world.sync();

    world.mailbox.misfortunes.restoreFromBackup();
    await world.sync();
    await world.edit(id, { subject: 'Far, later' });
    await world.sync();
    await world.services.settings.put(USER, { window: { pastDays: 30, futureDays: 365 } });
    await world.sync();

    const subjects = ['Far, later', 'Near'];
    expect((await world.all()).map(({ content }) => content.subject).sort()).toEqual(subjects);
    expect(
      world.mailbox
        .listEvents()
        .map(({ subject }) => String(subject))
        .sort(),
    ).toEqual(subjects);
    expect((await world.bySubject('Far, later')).id).toBe(id);
    expect(await world.differences()).toEqual([]);
    await world.sync();
    await expectQuiet(world);
  });

  it('does not double what was brought into the window here while it stood outside of it in Outlook', async () => {
    world.mailbox.createEvent({ subject: 'Far', ...at(25, 9) });
    world.mailbox.createEvent({ subject: 'Near', ...at(3, 9) });
    await world.sync();
    const { id } = await world.bySubject('Far');
    await world.services.settings.put(USER, { window: { pastDays: 7, futureDays: 7 } });
    await world.sync();
    await world.edit(id, { subject: 'Far, sooner', ...at(5, 9) });

    world.mailbox.misfortunes.restoreFromBackup();
    await world.sync();
    await world.sync();

    expect(world.mailbox.listEvents()).toHaveLength(2);
    expect(await world.all()).toHaveLength(2);
    expect((await world.bySubject('Far, sooner')).id).toBe(id);
    expect(await world.differences()).toEqual([]);
    expect(await world.allConflicts()).toEqual([]);
    await expectQuiet(world);
  });
});
