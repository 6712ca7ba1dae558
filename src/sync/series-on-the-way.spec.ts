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
