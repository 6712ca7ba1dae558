import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld } from '../../test/support/sync-world.ts';

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

const MANY = 30;
const REFUSED = { status: 'FAILED', errorCode: 'MASS_DELETE_REFUSED', localDeleted: 0, remoteCreated: 0 };
const visit = (day: number) => ({
  subject: `Visit ${day}`,
  start: { dateTime: `2026-03-${String(day).padStart(2, '0')}T09:00:00`, timeZone: 'UTC' },
  end: { dateTime: `2026-03-${String(day).padStart(2, '0')}T10:00:00`, timeZone: 'UTC' },
});
const idsHere = async () => (await world.all()).map(({ id }) => id).sort();

async function filled(): Promise<string[]> {
  for (let day = 1; day <= MANY; day += 1) world.mailbox.createEvent(visit(day));
  await world.sync();
  return idsHere();
}

describe('a mailbox that is empty all at once', () => {
  it.each([
    ['and its delta tokens know it', false],
    ['and every delta token is dead', true],
  ])('takes nothing with it here, run after run, %s', async (_what, isDead) => {
    const before = await filled();
    world.mailbox.misfortunes.emptyCalendar();
    if (isDead) world.simulator.expireDeltaTokens();
    for (let run = 0; run < 3; run += 1) {
      expect(await world.sync()).toMatchObject(REFUSED);
      expect(await idsHere()).toEqual(before);
    }
    expect(await world.sync({ forceFull: true })).toMatchObject(REFUSED);
  });

  it('while it is being moved, and filled again with other ids, has its events known again', async () => {
    const before = await filled();
    const snapshot = world.simulator.snapshot();
    world.mailbox.misfortunes.emptyCalendar();
    world.simulator.expireDeltaTokens();
    expect(await world.sync()).toMatchObject(REFUSED);

    world.mailbox.misfortunes.restoreFromBackup(snapshot);
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'COMPLETED', localCreated: 0, localDeleted: 0, remoteCreated: 0 });
    expect(await idsHere()).toEqual(before);
    expect(world.mailbox.listEvents()).toHaveLength(MANY);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('that only answers 404 for a while is as it was afterwards', async () => {
    const before = await filled();
    world.simulator.expireDeltaTokens();
    world.simulator.failNext({ method: 'GET', path: /\/events\/[^/]+$/, status: 404, count: 'always' });
    await world.sync();
    expect(await idsHere()).toEqual(before);
    world.simulator.clearFaults();
    await world.sync();
    expect(await idsHere()).toEqual(before);
    expect(world.mailbox.listEvents()).toHaveLength(MANY);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});
