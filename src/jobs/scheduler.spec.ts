import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ALICE, addCalendar, type JobsWorld, openJobsWorld, waitingDoorbells } from '../../test/support/jobs-world.ts';
import { DEFAULT_CALENDAR_ID } from '../core/ids.ts';
import { silentLogger } from '../core/runtime.ts';
import { DEFAULT_SETTINGS, type SyncSettings } from '../core/settings.ts';
import { Scheduler } from './scheduler.ts';

let world: JobsWorld;

beforeAll(async () => {
  world = await openJobsWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await sql`truncate "CalendarSyncState", "Calendar", "CalendarConnection"`.execute(world.db.kysely);
  await world.boss.deleteAllJobs('calendar-sync');
  await addCalendar(world, ALICE);
  await sql`
    insert into "CalendarConnection" ("userId", mailbox, "mailboxId", mode, status, "updatedAt")
    values (${ALICE}, 'alice@example.com', 'm1', 'application', 'CONNECTED', now())
  `.execute(world.db.kysely);
});

function scheduler(settings: Partial<SyncSettings> = {}, isOn = true): Scheduler {
  return new Scheduler({
    ...world,
    settings: { resolve: async () => ({ ...DEFAULT_SETTINGS, ...settings }) },
    recover: () => world.queue.recover(world.db, { isAlone: false }),
    logger: silentLogger,
    isOn,
  });
}

async function finishRuns(): Promise<void> {
  await sql`update "CalendarSyncState" set status = 'COMPLETED'`.execute(world.db.kysely);
  await world.boss.deleteAllJobs('calendar-sync');
}

describe('Scheduler', () => {
  it('queues a run when the interval of a calendar has passed, and not before', async () => {
    const { tick } = bound(scheduler({ syncIntervalMinutes: 15 }));
    expect(await tick()).toBe(1);
    await finishRuns();
    world.clock.advance(13 * 60_000);
    expect(await tick()).toBe(0);
    world.clock.advance(4 * 60_000);
    expect(await tick()).toBe(1);
  });

  it('does not pile runs up behind one that is still at work', async () => {
    const { tick } = bound(scheduler());
    await tick();
    world.clock.advance(60 * 60_000);
    expect(await tick()).toBe(0);
    expect(await waitingDoorbells(world)).toHaveLength(1);
  });

  it.each([{ enabled: false }, { syncIntervalMinutes: 0 }])(
    'leaves a calendar alone that is set to %o',
    async (settings) => {
      expect(await scheduler(settings).tick()).toBe(0);
    },
  );

  it('queues nothing when background syncs are off, and still picks up interrupted runs', async () => {
    await world.db.transaction((tx) =>
      world.queue.enqueue(tx, { userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, trigger: 'api' }),
    );
    await world.boss.deleteAllJobs('calendar-sync');
    expect(await scheduler({}, false).tick()).toBe(0);
    expect(await waitingDoorbells(world)).toHaveLength(1);
  });
});

function bound(subject: Scheduler): { tick: () => Promise<number> } {
  return { tick: () => subject.tick() };
}
