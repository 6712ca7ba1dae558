import { afterEach, beforeEach, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const at = (time: string) => ({ dateTime: `2026-03-10T${time}:00`, timeZone: 'UTC' });
const SERIES = {
  subject: 'Visit',
  start: at('09:00'),
  end: at('10:00'),
  recurrence: {
    pattern: { type: 'daily' as const, interval: 1 },
    range: { type: 'numbered' as const, startDate: '2026-03-10', numberOfOccurrences: 5 },
  },
};

it('a series that is renamed while it is created with its edited dates is renamed in Outlook too', async () => {
  const id = await world.book(SERIES);
  await world.services.eventService.update(USER, `${id}_2026-03-12`, { subject: 'One date' });
  world.onRequest(/\/events$/, () => world.edit(id, { subject: 'Renamed' }));
  await world.sync();
  await world.sync();
  expect(world.mailbox.listEvents()).toMatchObject([{ subject: 'Renamed' }]);
  expect(await world.differences()).toEqual([]);
  await expectQuiet(world);
});

it('a series that is renamed while its edited dates are sent is renamed in Outlook too', async () => {
  const id = await world.book(SERIES);
  await world.sync();
  await world.services.eventService.update(USER, `${id}_2026-03-12`, { subject: 'One date' });
  world.onRequest(/\/events\//, () => world.edit(id, { subject: 'Renamed' }));
  await world.sync();
  await world.sync();
  expect(world.mailbox.listEvents()).toMatchObject([{ subject: 'Renamed' }]);
  expect(await world.differences()).toEqual([]);
  await expectQuiet(world);
});

it('a date whose tag was out of date, because a late server told it, is sent again and not given up', async () => {
  const id = await world.book(SERIES);
  await world.sync();
  await world.services.eventService.update(USER, `${id}_2026-03-12`, { subject: 'One date' });
  await world.services.eventService.update(USER, id, { subject: 'Renamed' });
  world.simulator.failNext({ kind: 'stale-read', reads: 3, deltaRounds: 0, path: '/events/' });
  await world.sync();
  world.simulator.clearFaults();
  await world.sync();
  expect(await world.differences()).toEqual([]);
  expect((await world.bases.findByEventIds(world.db, USER, [id])).get(id)?.errorCode).toBeUndefined();
  await expectQuiet(world);
});

it('somebody else’s meeting that was given a rule here, and lost a date of it, fails no run: both stay here', async () => {
  const organizer = { emailAddress: { name: 'Bo', address: 'bo@example.com' } };
  world.mailbox.addForeignMeeting({ subject: 'Visit', start: at('09:00'), end: at('10:00'), organizer });
  await world.sync();
  const { id } = await world.bySubject('Visit');
  await world.services.eventService.update(USER, id, { recurrence: SERIES.recurrence });
  await world.sync();
  await world.services.eventService.delete(USER, `${id}_2026-03-11`);
  await world.edit(id, { categories: ['Mine'] });
  expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
  expect(world.mailbox.listEvents()).toMatchObject([{ categories: ['Mine'], recurrence: null }]);
  const base = (await world.bases.findByEventIds(world.db, USER, [id])).get(id);
  expect(base?.heldUnits).toEqual(expect.arrayContaining(['time', 'occurrence:2026-03-11']));
  await expectQuiet(world);
});

it.each([
  ['a series', SERIES],
  ['a single event', { ...SERIES, recurrence: null }],
])(
  'what Outlook said of %s is found by the next pull, though a run that only pushes met it and got no further',
  async (_, input) => {
    const id = await world.book(input);
    await world.sync();
    const { graphEventId } = await world.get(id);
    world.mailbox.updateEvent(graphEventId!, { subject: 'Renamed there' });
    await world.edit(id, { importance: 'high' });
    // The first write meets the change; what is sent after a look at it is refused for good.
    world.simulator.failNext({ method: 'PATCH', status: 400, code: 'ErrorInvalidRequest', after: 1, count: 'always' });
    expect(await world.sync({ direction: 'push' })).toMatchObject({ failedEvents: 1 });
    expect((await world.get(id)).content).toMatchObject({ subject: 'Visit', importance: 'high' });
    await world.sync();
    expect((await world.get(id)).content).toMatchObject({ subject: 'Renamed there', importance: 'high' });
  },
);

it('what Outlook said of a series is found by the next pull, though a run that only pushes sent dates of it', async () => {
  const id = await world.book(SERIES);
  await world.sync();
  const { graphEventId } = await world.get(id);
  world.mailbox.updateEvent(graphEventId!, { subject: 'Renamed there' });
  world.mailbox.deleteOccurrence(graphEventId!, '2026-03-13');
  await world.services.eventService.update(USER, `${id}_2026-03-13`, { subject: 'Another' });
  await world.sync({ direction: 'push', conflictResolution: 'prefer_local' });
  await world.sync();
  await world.sync();
  expect((await world.get(id)).content).toMatchObject({ subject: 'Renamed there' });
});

it('a date that Outlook edited goes into a record when a run that only pushes gives the series another rule', async () => {
  const id = await world.book(SERIES);
  await world.sync();
  const { graphEventId } = await world.get(id);
  world.mailbox.updateOccurrence(graphEventId!, '2026-03-13', { subject: 'One date, there' });
  const later = (time: string) => ({ dateTime: `2026-03-09T${time}:00`, timeZone: 'UTC' });
  await world.services.eventService.update(USER, id, { start: later('07:00'), end: later('08:00') });
  await world.sync({ direction: 'push' });
  await world.sync();
  const stands = JSON.stringify([(await world.get(id)).content, world.mailbox.listEvents()]).includes(
    'One date, there',
  );
  const [record] = await world.allConflicts();
  if (!stands) expect(record).toMatchObject({ conflictType: 'UPDATE_UPDATE', units: ['occurrence:2026-03-13'] });
  if (!stands)
    expect(record?.data.remote?.occurrences['2026-03-13']).toMatchObject({ fields: { subject: 'One date, there' } });
  expect(await world.differences()).toEqual([]);
  await world.sync();
  await expectQuiet(world);
});
