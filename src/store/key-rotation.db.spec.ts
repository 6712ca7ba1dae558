import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { onEachDatabase, type StoreWorld } from '../../test/support/store-world.ts';
import type { UserId } from '../core/ids.ts';
import { ContentCipher, KeyRing } from './encryption.ts';
import { KeyRotation, type RotationProgress } from './key-rotation.ts';

const keyOf = (fill: number) => Buffer.alloc(32, fill).toString('base64');
const OLD = KeyRing.parse(`old:${keyOf(1)}`);
const BOTH = KeyRing.parse(`new:${keyOf(2)},old:${keyOf(1)}`);
const NEW = KeyRing.parse(`new:${keyOf(2)}`);
const CHUNK = 4;
const USERS = 10;
const userOf = (n: number) => `user-${String(n).padStart(3, '0')}` as UserId;

/** @returns what each user has written, by user */
async function furnish(world: StoreWorld, count = USERS): Promise<Map<UserId, string>> {
  const cipher = new ContentCipher(OLD, world.random);
  const sealed = new Map<UserId, string>();
  for (let n = 0; n < count; n += 1) {
    sealed.set(userOf(n), (await cipher.forUser(world.db, userOf(n))).encryptText('subject', `of ${userOf(n)}`));
  }
  return sealed;
}

async function expectReadable(world: StoreWorld, ring: KeyRing, sealed: Map<UserId, string>): Promise<void> {
  const cipher = new ContentCipher(ring, world.random);
  for (const [userId, value] of sealed) {
    expect((await cipher.forUser(world.db, userId)).decryptText('subject', value)).toBe(`of ${userId}`);
  }
}

async function counts(world: StoreWorld): Promise<Record<string, number>> {
  const { rows } = await sql<{ keyId: string; count: number }>`
    select "keyId", count(*)::int as count from "UserKey" group by 1
  `.execute(world.db.kysely);
  return Object.fromEntries(rows.map(({ keyId, count }) => [keyId, count]));
}

const rotationOf = (world: StoreWorld, ring = BOTH) => new KeyRotation({ ring, random: world.random, chunk: CHUNK });

describe('rotating keys', () =>
  onEachDatabase((world) => {
    it('goes chunk by chunk and tells how far it is', async () => {
      const sealed = await furnish(world);
      const seen: RotationProgress[] = [];
      const outcome = await rotationOf(world).run(world.db, { onProgress: (progress) => seen.push(progress) });
      expect(seen.map(({ rewrapped }) => rewrapped)).toEqual([4, 8, 10]);
      expect(seen.map(({ total }) => total)).toEqual([10, 10, 10]);
      expect(outcome).toEqual({
        ...{ currentKey: 'new', total: 10, rewrapped: 10, failed: 0, remaining: {}, mayRemoveOldKeys: true },
      });
      await expectReadable(world, NEW, sealed);
    });

    it('may be killed between two chunks: everything stays readable, and the next one does the rest', async () => {
      const sealed = await furnish(world);
      const killed = rotationOf(world).run(world.db, {
        onProgress: () => {
          throw new Error('killed');
        },
      });
      await expect(killed).rejects.toThrow('killed');
      expect(await counts(world)).toEqual({ new: 4, old: 6 });
      await expectReadable(world, BOTH, sealed);
      expect(await rotationOf(world).run(world.db)).toMatchObject({ total: 6, rewrapped: 6, mayRemoveOldKeys: true });
      await expectReadable(world, NEW, sealed);
    });

    it('may be killed in the middle of a chunk, of which nothing is left', async () => {
      const sealed = await furnish(world);
      let draws = 0;
      const random = {
        ...world.random,
        bytes: (count: number) => {
          draws += 1;
          if (draws === CHUNK + 2) throw new Error('killed');
          return world.random.bytes(count);
        },
      };
      const killed = new KeyRotation({ ring: BOTH, random, chunk: CHUNK }).run(world.db);
      await expect(killed).rejects.toThrow('killed');
      expect(await counts(world)).toEqual({ new: 4, old: 6 });
      await expectReadable(world, BOTH, sealed);
    });

    it('stops between two chunks when it is asked to, and says that old keys must stay', async () => {
      await furnish(world);
      const stop = new AbortController();
      const outcome = await rotationOf(world).run(world.db, {
        onProgress: () => stop.abort(),
        signal: stop.signal,
      });
      expect(outcome).toMatchObject({ rewrapped: 4, remaining: { old: 6 }, mayRemoveOldKeys: false });
    });

    it('two at a time do the work once, and both say the truth', async () => {
      const sealed = await furnish(world, 24);
      const [one, two] = await Promise.all([rotationOf(world).run(world.db), rotationOf(world).run(world.db)]);
      expect(one.rewrapped + two.rewrapped).toBe(24);
      expect(await counts(world)).toEqual({ new: 24 });
      expect([one.failed, two.failed]).toEqual([0, 0]);
      expect(one.mayRemoveOldKeys || two.mayRemoveOldKeys).toBe(true);
      await expectReadable(world, NEW, sealed);
    });

    it('goes on while the service reads, writes, and makes keys for new users', async () => {
      const sealed = await furnish(world);
      const service = new ContentCipher(BOTH, world.random);
      await service.forUser(world.db, userOf(0));
      let n = 0;
      const work: Promise<unknown>[] = [];
      const outcome = await rotationOf(world).run(world.db, {
        onProgress: () => {
          n += 1;
          const fresh = `aaa-${n}` as UserId;
          work.push(
            world.db.transaction(async (tx) => {
              for (const userId of [userOf(0), userOf(9), fresh]) {
                const cipher = await service.forUser(tx, userId);
                sealed.set(userId, cipher.encryptText('subject', `of ${userId}`));
              }
            }),
          );
        },
      });
      await Promise.all(work);
      expect(outcome).toMatchObject({ failed: 0, mayRemoveOldKeys: true });
      await expectReadable(world, NEW, sealed);
    });

    it('comes back for keys that a process with the old ring has made behind it', async () => {
      const sealed = await furnish(world);
      const forgotten = new ContentCipher(OLD, world.random);
      const made: Promise<unknown>[] = [];
      const outcome = await rotationOf(world).run(world.db, {
        onProgress: ({ rewrapped }) => {
          if (rewrapped === CHUNK) made.push(forgotten.forUser(world.db, 'aaa-0' as UserId));
        },
      });
      await Promise.all(made);
      expect(outcome).toMatchObject({ rewrapped: USERS + 1, mayRemoveOldKeys: true });
      await expectReadable(world, NEW, sealed);
    });

    it('leaves alone what does not open, goes on with the others, and says that old keys must stay', async () => {
      const sealed = await furnish(world);
      await sql`
        update "UserKey" set "wrappedKey" = (select "wrappedKey" from "UserKey" where "userId" = ${userOf(2)})
        where "userId" = ${userOf(5)}
      `.execute(world.db.kysely);
      const outcome = await rotationOf(world).run(world.db);
      expect(outcome).toMatchObject({ rewrapped: 9, failed: 1, remaining: { old: 1 }, mayRemoveOldKeys: false });
      sealed.delete(userOf(5));
      await expectReadable(world, BOTH, sealed);
    });

    it.each([
      ['lacks the old key', NEW],
      ['has another key of its name', KeyRing.parse(`new:${keyOf(2)},old:${keyOf(3)}`)],
      ['has two names swapped', KeyRing.parse(`new:${keyOf(1)},old:${keyOf(2)}`)],
      [
        'is a bit away from it',
        KeyRing.parse(`new:${keyOf(2)},old:${Buffer.alloc(32, 1).fill(0, 31).toString('base64')}`),
      ],
    ])('changes nothing when the ring %s', async (_what, ring) => {
      const sealed = await furnish(world);
      await expect(rotationOf(world, ring).run(world.db)).rejects.toMatchObject({ code: 'decryption-failed' });
      await expect(new ContentCipher(ring, world.random).verify(world.db)).rejects.toMatchObject({
        code: 'misconfigured',
      });
      expect(await counts(world)).toEqual({ old: 10 });
      await expectReadable(world, OLD, sealed);
    });
  }));
