import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
beforeAll(async () => {
  await openWorldDatabase();
});
beforeEach(async () => {
  world = await SyncWorld.open({ switches: { acceptReplacesEvent: true } });
});
afterEach(async () => {
  await world.close();
});

const organizer = { emailAddress: { address: 'boss@example.com', name: 'Boss' } };
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const visit = { subject: 'Visit', start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00') };
const daily = {
  ...visit,
  recurrence: {
    pattern: { type: 'daily', interval: 1 },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
  },
};
const graphIdOf = async (id: EventId) => String((await world.get(id)).graphEventId);
const namesById = async () => new Map((await world.all()).map(({ id, content }) => [id, content.subject]));
const replaced = { status: 'COMPLETED', localCreated: 0, localDeleted: 0, remoteCreated: 0, conflictsDetected: 0 };

/** A preview knows it as well. */
async function expectPreviewed(): Promise<void> {
  const { local, conflicts } = await world.services.previewService.preview(USER, {});
  expect({ local, conflicts }).toMatchObject({ local: { created: 0, deleted: 0 }, conflicts: 0 });
}

describe('an invitation that is accepted in Outlook, and has another id from then on', () => {
  it('stays the event it was, with what was written here meanwhile', async () => {
    world.mailbox.addForeignMeeting({ ...visit, organizer });
    await world.sync();
    const { id } = await world.bySubject('Visit');
    const before = await graphIdOf(id);
    await world.edit(id, { categories: ['Travel'] });

    world.mailbox.respond(before, 'accept');
    await expectPreviewed();
    expect(await world.sync()).toMatchObject(replaced);

    expect(await namesById()).toEqual(new Map([[id, 'Visit']]));
    expect(await graphIdOf(id)).not.toBe(before);
    expect((await world.get(id)).facts?.responseStatus?.response).toBe('accepted');
    expect(world.mailbox.getEvent(await graphIdOf(id))?.categories).toEqual(['Travel']);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('stays the series it was, with the dates that differ', async () => {
    const { id: before } = world.mailbox.addForeignMeeting({ ...daily, organizer });
    world.mailbox.updateOccurrence(before as string, '2026-03-12', { categories: ['Travel'] });
    await world.sync();
    const { id } = await world.bySubject('Visit');

    world.mailbox.respond(before as string, 'accept');
    await expectPreviewed();
    expect(await world.sync()).toMatchObject(replaced);

    expect(await namesById()).toEqual(new Map([[id, 'Visit']]));
    expect(await graphIdOf(id)).not.toBe(before);
    expect(Object.keys((await world.get(id)).content.occurrences)).toEqual(['2026-03-12']);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it.each([visit, daily])('stays deleted when it was deleted here before Outlook heard of it', async (event) => {
    const { id: before, iCalUId } = world.mailbox.createEvent(event);
    await world.sync();
    await world.remove((await world.bySubject('Visit')).id);

    world.mailbox.deleteEvent(before as string);
    world.mailbox.misfortunes.corrupt(world.mailbox.createEvent(event).id, { shown: { iCalUId } });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localCreated: 0, remoteDeleted: 1 });

    expect(await namesById()).toEqual(new Map());
    expect(world.mailbox.listEvents()).toEqual([]);
    expect(await world.allConflicts()).toEqual([]);
    await expectQuiet(world);
  });

  it.each([
    { first: 'the new one', pageSize: 1 },
    { first: 'the new one', pageSize: 10 },
    { first: 'the end of the old one', pageSize: 1 },
    { first: 'the end of the old one', pageSize: 10 },
  ])('is known again when Graph tells of $first first, in pages of $pageSize', async ({ first, pageSize }) => {
    await world.close();
    world = await SyncWorld.open({ switches: { deltaPageSize: pageSize } });
    const old = [visit, daily].map((event) => world.mailbox.createEvent(event));
    await world.sync();
    const before = await namesById();
    const end = () => {
      for (const { id } of old) world.mailbox.deleteEvent(id as string);
    };
    if (first !== 'the new one') end();
    for (const [index, event] of [visit, daily].entries()) {
      const { id } = world.mailbox.createEvent(event);
      world.mailbox.misfortunes.corrupt(id as string, { shown: { iCalUId: old[index]?.iCalUId } });
    }
    if (first === 'the new one') end();
    world.mailbox.createEvent({ ...visit, subject: 'New' });

    expect(await world.sync()).toMatchObject({ ...replaced, localCreated: 1 });

    expect(await namesById()).toEqual(new Map([...before, [(await world.bySubject('New')).id, 'New']]));
    expect(await world.differences()).toEqual([]);
    await world.sync();
    await expectQuiet(world);
  });
});

describe('two events of one UID', () => {
  /** A second event that shows the UID of the first. */
  const twinOf = (iCalUId: string, event: object, calendarId?: string) => {
    const { id } = world.mailbox.createEvent({ ...event, subject: 'Twin' }, calendarId ? { calendarId } : {});
    world.mailbox.misfortunes.corrupt(id, { shown: { iCalUId } });
    return id;
  };

  it('stay two while both are there, and while one goes', async () => {
    const first = world.mailbox.createEvent(visit);
    await world.sync();
    const { id } = await world.bySubject('Visit');
    twinOf(first.iCalUId as string, visit);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localCreated: 1, localDeleted: 0 });
    const { id: twin } = await world.bySubject('Twin');
    expect(twin).not.toBe(id);
    world.mailbox.deleteEvent(first.id as string);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localCreated: 0, localDeleted: 1 });
    expect(await namesById()).toEqual(new Map([[twin, 'Twin']]));
    await expectQuiet(world);
  });

  it('are two when one date of a series comes as the series goes', async () => {
    const series = world.mailbox.createEvent(daily);
    await world.sync();
    const { id } = await world.bySubject('Visit');
    world.mailbox.deleteEvent(series.id as string);
    twinOf(series.iCalUId as string, visit);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localCreated: 1, localDeleted: 1 });
    const [only] = await world.all();
    expect(only).toMatchObject({ content: { subject: 'Twin', recurrence: null } });
    expect(only?.id).not.toBe(id);
    await expectQuiet(world);
  });

  it('are two when each is in a calendar of its own', async () => {
    const teamThere = world.mailbox.addCalendar('Team');
    const { items } = await world.services.calendarService.refresh(USER);
    await world.services.calendarService.update(USER, items.find(({ name }) => name === 'Team')!.id, { enabled: true });
    const first = world.mailbox.createEvent(visit);
    await world.sync({ calendarId: 'all' });
    const { id } = await world.bySubject('Visit');
    twinOf(first.iCalUId as string, visit, teamThere);
    world.mailbox.deleteEvent(first.id as string);
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ localCreated: 1, localDeleted: 1 });
    const [only] = await world.all();
    expect(only).toMatchObject({ content: { subject: 'Twin' } });
    expect(only?.id).not.toBe(id);
  });
});
