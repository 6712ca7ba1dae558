import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ALICE, BOB, type JobsWorld, openJobsWorld } from '../../test/support/jobs-world.ts';
import { silentLogger } from '../core/runtime.ts';
import { PauseKeeper } from './pause-keeper.ts';

let world: JobsWorld;

beforeAll(async () => {
  world = await openJobsWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await sql`truncate "CalendarConnection"`.execute(world.db.kysely);
});

const inSeconds = (seconds: number): Date => new Date(world.clock.now().getTime() + seconds * 1000);

function openKeeper() {
  const kept = new Map<string, string>();
  const warnings: string[] = [];
  const keeper = new PauseKeeper({
    ...world,
    limiter: { pauseUntil: (mailbox, until) => kept.set(mailbox, until.toISOString()) },
    logger: { ...silentLogger, warn: (_fields, message) => warnings.push(message) },
  });
  return { keeper, kept, warnings };
}

/** As another process does when Graph asks it for silence. */
async function anotherIsAskedForSilence(mailboxId: string, until: Date): Promise<void> {
  await world.db.transaction(async (tx) => {
    for (const userId of [ALICE, BOB]) {
      const connection = { userId, mailbox: `${userId}@example.com`, mailboxId, mode: 'application' as const };
      await world.connections.save(tx, { ...connection, timeZone: 'UTC' }, world.clock.now());
    }
    await world.connections.savePause(tx, mailboxId, until);
  });
}

describe('PauseKeeper', () => {
  it('hears within a second of the silence that another process was asked for', async () => {
    const { keeper, kept } = openKeeper();
    keeper.start();
    const until = inSeconds(20);
    await anotherIsAskedForSilence('shared-mailbox', until);
    expect(kept.size).toBe(0);
    world.clock.advance(1_000);
    await expect.poll(() => kept.get('shared-mailbox')).toBe(until.toISOString());
    await keeper.stop();
  });

  it('says nothing of what is over', async () => {
    const { keeper, kept } = openKeeper();
    await anotherIsAskedForSilence('shared-mailbox', inSeconds(20));
    world.clock.advance(20_000);
    await keeper.look();
    expect(kept.size).toBe(0);
  });

  it('goes on after the database was away', async () => {
    const { keeper, kept } = openKeeper();
    const list = vi.spyOn(world.connections, 'listPauses').mockRejectedValueOnce(new Error('away'));
    keeper.start();
    await anotherIsAskedForSilence('shared-mailbox', inSeconds(60));
    world.clock.advance(1_000);
    await expect.poll(() => list.mock.calls.length).toBe(1);
    list.mockRestore();
    await expect
      .poll(() => {
        world.clock.advance(1_000);
        return kept.size;
      })
      .toBe(1);
    await keeper.stop();
  });

  it('says once that the database is away, and once more when it goes away again', async () => {
    const { keeper, warnings } = openKeeper();
    let isAway = true;
    const list = vi.spyOn(world.connections, 'listPauses').mockImplementation(async () => {
      if (isAway) throw new Error('away');
      return [];
    });
    keeper.start();
    /** Looks again, as often. */
    const looks = async (times: number) => {
      const before = list.mock.calls.length;
      const seen = () => {
        world.clock.advance(1_000);
        return list.mock.calls.length - before;
      };
      await expect.poll(seen).toBeGreaterThanOrEqual(times);
    };
    await looks(3);
    expect(warnings).toHaveLength(1);
    isAway = false;
    await looks(2);
    expect(warnings).toHaveLength(1);
    isAway = true;
    await looks(3);
    expect(warnings).toHaveLength(2);
    await keeper.stop();
    list.mockRestore();
  });
});
