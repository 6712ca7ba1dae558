import { describe, expect, it } from 'vitest';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, onPostgres, type StoreWorld } from '../../test/support/store-world.ts';
import type { UserId } from '../core/ids.ts';
import type { Lease } from './lease.repository.ts';

const TTL_MS = 30_000;

describe('mailbox leases', () =>
  onEachDatabase((world) => {
    it('are one holder’s at a time, and each mailbox has its own', async () => {
      expect(await claim(world, 'one')).toMatchObject({ userId: ALICE, holder: 'one', fence: 1n });
      expect(await claim(world, 'two')).toBeUndefined();
      expect(await claim(world, 'one')).toBeUndefined();
      expect(await claim(world, 'two', BOB)).toMatchObject({ userId: BOB, fence: 1n });
      expect(await world.leases.isHeld(world.db, ALICE, world.clock.now())).toBe(true);
      expect(await world.leases.isHeld(world.db, 'carol' as UserId, world.clock.now())).toBe(false);
    });

    it('go to one of several who claim at once', async () => {
      const claims = await Promise.all(['one', 'two', 'three', 'four'].map((holder) => claim(world, holder)));
      expect(claims.filter((lease) => lease !== undefined)).toHaveLength(1);
    });

    it('are one at a time, too, for all who are bound to the same mailbox', async () => {
      await bindTogether(world, [ALICE, BOB]);
      const both = await Promise.all([claimInTurn(world, ALICE), claimInTurn(world, BOB)]);
      const [lease, ...others] = both.filter((each) => each !== undefined);
      expect(others).toEqual([]);
      await world.db.transaction((tx) => world.leases.release(tx, lease as Lease));
      expect(await claimInTurn(world, BOB)).toMatchObject({ userId: BOB });
      expect(await claimInTurn(world, ALICE)).toBeUndefined();
      world.clock.advance(TTL_MS);
      expect(await claimInTurn(world, ALICE)).toMatchObject({ userId: ALICE });
    });

    it('may be taken over at the instant they expire, and not before; the fence tells the two apart', async () => {
      const first = await claimed(world, 'one');
      world.clock.advance(TTL_MS - 1);
      expect(await claim(world, 'two')).toBeUndefined();
      world.clock.advance(1);
      expect(await world.leases.isHeld(world.db, ALICE, world.clock.now())).toBe(false);
      const second = await claimed(world, 'two');
      expect(second.fence).toBeGreaterThan(first.fence);
      await expect(assertHeld(world, first)).rejects.toMatchObject({ code: 'lease-lost', recovery: 'abandon' });
      await expect(assertHeld(world, second)).resolves.toBeUndefined();
    });

    it('left behind by a clock that was set back keep nobody out for that long, and one from a machine that is ahead holds', async () => {
      const first = await claimed(world, 'one');
      world.clock.advance(-60_000);
      expect(await world.leases.isHeld(world.db, ALICE, world.clock.now())).toBe(true);
      expect(await claim(world, 'two')).toBeUndefined();
      world.clock.advance(-60 * 60_000);
      expect(await world.leases.isHeld(world.db, ALICE, world.clock.now())).toBe(false);
      const second = await claimed(world, 'two');
      expect(second.fence).toBeGreaterThan(first.fence);
      await expect(assertHeld(world, first)).rejects.toMatchObject({ code: 'lease-lost' });
      expect(await claim(world, 'three')).toBeUndefined();
    });

    it('left behind by a clock that was set back keep out nobody who is bound to the same mailbox', async () => {
      await bindTogether(world, [ALICE, BOB]);
      expect(await claimInTurn(world, ALICE)).toBeDefined();
      world.clock.advance(-60 * 60_000);
      expect(await claimInTurn(world, BOB)).toMatchObject({ userId: BOB });
    });

    it('that expired still hold as long as nobody took them: a slow run is not thrown away for nothing', async () => {
      const lease = await claimed(world, 'one');
      world.clock.advance(TTL_MS * 10);
      await expect(assertHeld(world, lease)).resolves.toBeUndefined();
      await renew(world, lease);
      expect(await claim(world, 'two')).toBeUndefined();
    });

    it('last on when they are renewed, and cannot be renewed once lost', async () => {
      const lease = await claimed(world, 'one');
      world.clock.advance(TTL_MS - 1);
      await renew(world, lease);
      world.clock.advance(TTL_MS - 1);
      expect(await claim(world, 'two')).toBeUndefined();
      world.clock.advance(1);
      await claimed(world, 'two');
      await expect(renew(world, lease)).rejects.toMatchObject({ code: 'lease-lost' });
      expect(await claim(world, 'three')).toBeUndefined();
    });

    it('are free at once when released, but not through the release of one who lost them', async () => {
      const first = await claimed(world, 'one');
      await world.db.transaction((tx) => world.leases.release(tx, first));
      const second = await claimed(world, 'one');
      expect(second.fence).toBe(first.fence + 1n);
      await world.db.transaction((tx) => world.leases.release(tx, first));
      expect(await claim(world, 'two')).toBeUndefined();
      await expect(assertHeld(world, first)).rejects.toMatchObject({ code: 'lease-lost' });
    });

    it('are no proof for another mailbox, though holder and fence be the same', async () => {
      const lease = await claimed(world, 'one');
      await expect(assertHeld(world, { ...lease, userId: BOB })).rejects.toMatchObject({ code: 'lease-lost' });
    });

    it('can be revoked from whoever holds them', async () => {
      const lease = await claimed(world, 'one');
      await world.db.transaction((tx) => world.leases.revoke(tx, ALICE));
      await expect(assertHeld(world, lease)).rejects.toMatchObject({ code: 'lease-lost' });
      expect((await claimed(world, 'one')).fence).toBeGreaterThan(lease.fence);
    });

    it('of dead processes are released together, each under a new fence', async () => {
      const [ofAlice, ofBob] = [await claimed(world, 'one'), await claimed(world, 'one', BOB)];
      await world.db.transaction((tx) => world.leases.releaseAll(tx));
      expect((await claimed(world, 'two')).fence).toBe(ofAlice.fence + 1n);
      await expect(assertHeld(world, ofBob)).rejects.toMatchObject({ code: 'lease-lost' });
    });

    it('a transaction that fails its check leaves nothing behind', async () => {
      const lost = await claimed(world, 'one');
      world.clock.advance(TTL_MS);
      await claimed(world, 'two');
      const page = world.db.transaction(async (tx) => {
        await world.settings.save(tx, ALICE, { enabled: false });
        await world.leases.assert(tx, lost);
      });
      await expect(page).rejects.toMatchObject({ code: 'lease-lost' });
      expect(await world.settings.find(world.db, ALICE)).toEqual({});
    });
  }));

describe('mailbox leases between processes', () =>
  onPostgres((world) => {
    it('cannot be taken over in the middle of a transaction that checked them', async () => {
      const lease = await claimed(world, 'one');
      world.clock.advance(TTL_MS);
      const isChecked = Promise.withResolvers<void>();
      const isToEnd = Promise.withResolvers<void>();
      const order: string[] = [];
      const page = world.db.transaction(async (tx) => {
        await world.leases.assert(tx, lease);
        isChecked.resolve();
        await isToEnd.promise;
        order.push('page');
      });
      await isChecked.promise;
      const takeOver = claim(world, 'two').then((taken) => {
        order.push('take-over');
        return taken;
      });
      await expect.poll(() => isSomebodyWaiting(world)).toBe(true);
      isToEnd.resolve();
      await page;
      expect(await takeOver).toMatchObject({ holder: 'two' });
      expect(order).toEqual(['page', 'take-over']);
    });
  }));

function claim(world: StoreWorld, holder: string, userId: UserId = ALICE): Promise<Lease | undefined> {
  return world.db.transaction((tx) => world.leases.claim(tx, userId, holder, world.clock.now(), TTL_MS));
}

/** As a worker claims. */
function claimInTurn(world: StoreWorld, userId: UserId): Promise<Lease | undefined> {
  return world.db.transaction(async (tx) => {
    await world.connections.queueAtMailbox(tx, userId, world.clock.now());
    return world.leases.claim(tx, userId, `for ${userId}`, world.clock.now(), TTL_MS);
  });
}

async function bindTogether(world: StoreWorld, users: readonly UserId[]): Promise<void> {
  await world.db.transaction(async (tx) => {
    for (const userId of users) {
      const connection = { userId, mailbox: 'shared@example.com', mailboxId: 'shared', mode: 'application' as const };
      await world.connections.save(tx, { ...connection, timeZone: 'UTC' }, world.clock.now());
    }
  });
}

async function claimed(world: StoreWorld, holder: string, userId: UserId = ALICE): Promise<Lease> {
  const lease = await claim(world, holder, userId);
  expect(lease).toBeDefined();
  return lease as Lease;
}

function assertHeld(world: StoreWorld, lease: Lease): Promise<void> {
  return world.db.transaction((tx) => world.leases.assert(tx, lease));
}

function renew(world: StoreWorld, lease: Lease): Promise<void> {
  return world.db.transaction((tx) => world.leases.renew(tx, lease, world.clock.now(), TTL_MS));
}

async function isSomebodyWaiting(world: StoreWorld): Promise<boolean> {
  const found = await world.db.kysely
    .selectFrom('pg_stat_activity')
    .select('pid')
    .where('wait_event_type', '=', 'Lock')
    .execute();
  return found.length > 0;
}
