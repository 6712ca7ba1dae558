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

const at = (dateTime: string) => ({ dateTime: `2026-03-${dateTime}:00`, timeZone: 'UTC' });
const VISIT = { subject: 'Visit', start: at('10T09:00'), end: at('10T10:00') };
const DAILY = {
  pattern: { type: 'daily', interval: 1 },
  range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 4 },
} as const;
const late = (reads: number) => world.simulator.failNext({ kind: 'stale-read', reads, deltaRounds: 0 });
const here = async () => (await world.all()).map(({ content }) => content.subject);
const there = () => world.mailbox.listEvents().map(({ subject }) => subject);

describe('an event that a delta says left the view and that a late server still shows', () => {
  it.each([
    ['an event', {}],
    ['a series', { recurrence: DAILY }],
  ] as const)('is asked for again by the next run: %s', async (_, more) => {
    const kept = { ...VISIT, subject: 'Kept' };
    world.mailbox.createEvent({ ...VISIT, ...more });
    world.mailbox.createEvent(kept);
    await world.sync();
    const event = world.mailbox.listEvents().find(({ subject }) => subject === 'Visit');
    let isLate = true;
    // Somebody deletes it through another server than the ones that answer us.
    late(4);
    await world.simulator.fetch(`http://127.0.0.1:1/v1.0/users/${world.mailbox.id}/events/${event?.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${world.simulator.accessToken()}` },
    });
    expect(there()).toEqual(['Kept']);

    for (let runs = 0; isLate && runs < 5; runs += 1) {
      await world.sync();
      isLate = (await here()).length > 1;
    }

    expect(await here()).toEqual(['Kept']);
    await expectQuiet(world);
  });
});

describe('a series of which a late server shows what was before we wrote', () => {
  it('gets its dates when the servers have heard of its new rule, which took back what was said about them', async () => {
    const { id: master } = world.mailbox.createEvent({ ...VISIT, recurrence: DAILY });
    world.mailbox.deleteOccurrence(String(master), '2026-03-10');
    await world.sync();
    const { id } = await world.bySubject('Visit');
    late(2);
    await world.edit(id, { recurrence: { ...DAILY, pattern: { ...DAILY.pattern, interval: 2 } } });

    for (let runs = 0; runs < 3; runs += 1) await world.sync();

    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('keeps what was written, also where it is to be read because it was moved', async () => {
    const team = world.mailbox.addCalendar('Team');
    await world.services.calendarService.refresh(USER);
    const { id } = world.mailbox.createEvent(VISIT);
    await world.sync({ calendarId: 'all' });
    world.mailbox.moveEvent(String(id), team);
    await world.edit((await world.bySubject('Visit')).id, { recurrence: DAILY });
    late(3);

    for (let runs = 0; runs < 4; runs += 1) await world.sync({ calendarId: 'all' });

    expect((await world.bySubject('Visit')).content.recurrence).toMatchObject({ pattern: { type: 'daily' } });
    expect(world.mailbox.listEvents()[0]?.recurrence).toMatchObject({ pattern: { type: 'daily' } });
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ graphRequests: 2 });
  });
});

describe('an event Graph does not know when it is written to, and shows as it was before', () => {
  it('keeps what was written here: what a server shows that is behind tells nothing', async () => {
    const id = await world.book({ ...VISIT, location: { displayName: 'Room 1' } });
    await world.sync();
    late(1);
    await world.edit(id, { location: { displayName: 'Room 2' } });
    await world.sync();
    await world.edit(id, { location: { displayName: 'Room 1' } });
    // The mailbox comes back with other ids while the change is on its way.
    world.onRequest(/\/events\//, () => world.mailbox.misfortunes.restoreFromBackup());

    for (let runs = 0; runs < 3; runs += 1) await world.syncWhileTimePasses();

    expect((await world.get(id)).content.locations).toMatchObject([{ displayName: 'Room 1' }]);
    expect(world.mailbox.listEvents()).toMatchObject([{ location: { displayName: 'Room 1' } }]);
    await world.sync();
    await expectQuiet(world);
  });
});
