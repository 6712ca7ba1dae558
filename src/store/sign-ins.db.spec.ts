import { describe, expect, it } from 'vitest';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, onPostgres, type StoreWorld } from '../../test/support/store-world.ts';
import type { UserId } from '../core/ids.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const LATER = new Date('2026-03-09T08:00:00Z');
const DAY_MS = 24 * 60 * 60_000;

async function signIn(world: StoreWorld, userId: UserId, o: { account?: string; at?: Date } = {}): Promise<string> {
  const { account: accountId = `${userId}.tenant`, at = NOW } = o;
  await world.db.transaction(async (tx) => {
    const mailbox = {
      userId,
      mailbox: `${userId}@example.com`,
      mailboxId: accountId,
      mode: 'delegated',
      timeZone: 'UTC',
    };
    await world.connections.save(tx, mailbox as never, at);
    await world.connections.saveSignIn(tx, userId, { accountId, cache: `tokens of ${accountId}`, scopes: ['s'] }, at);
  });
  return accountId;
}

const claim = (world: StoreWorld, limit = 10) =>
  world.db.transaction((tx) =>
    world.connections.claimUnusedSignIns(tx, {
      before: new Date(LATER.getTime() - 5 * DAY_MS),
      claimedAs: new Date(LATER.getTime() - 5 * DAY_MS + 1),
      limit,
    }),
  );

describe('sign-ins', () =>
  onEachDatabase((world) => {
    it('keep the tokens of their own account, and the newest of them', async () => {
      const accountId = await signIn(world, ALICE);
      const kept = await world.connections.findSignIn(world.db, ALICE);
      expect(kept).toMatchObject({ accountId, cache: `tokens of ${accountId}` });
      const version = kept?.version ?? -1;
      const save = (account: string, at: number) =>
        world.db.transaction((tx) =>
          world.connections.saveTokens(tx, { userId: ALICE, accountId: account }, 'new', {
            version: at,
            usedAt: LATER,
          }),
        );
      expect(await save('somebody.else', version)).toBe(false);
      expect(await save(accountId, version)).toBe(true);
      expect(await save(accountId, version)).toBe(false);
      expect(await world.connections.findSignIn(world.db, ALICE)).toMatchObject({ cache: 'new', version: version + 1 });
    });

    it('are claimed when they have not been used for long, each once, the longest first', async () => {
      await signIn(world, ALICE);
      await signIn(world, BOB, { at: new Date(NOW.getTime() - DAY_MS) });
      await signIn(world, 'fresh' as UserId, { at: LATER });
      await world.db.transaction((tx) => world.connections.save(tx, application('app' as UserId), NOW));
      expect(await claim(world, 1)).toEqual([{ userId: BOB, accountId: 'bob.tenant' }]);
      expect(await claim(world)).toEqual([{ userId: ALICE, accountId: 'alice.tenant' }]);
      expect(await claim(world)).toEqual([]);
    });

    it('that wait for their person are left alone, and are news once', async () => {
      const accountId = await signIn(world, ALICE);
      const mark = (o: object) =>
        world.db.transaction((tx) =>
          world.connections.markReauthRequired(tx, { userId: ALICE, accountId }, { message: 'x', ...o }),
        );
      expect(await mark({ tokenVersion: 99 })).toBe(false);
      expect(await mark({ tokenVersion: 1, challenge: '{}' })).toBe(true);
      expect(await mark({})).toBe(false);
      expect(await claim(world)).toEqual([]);
      await signIn(world, ALICE);
      expect(await world.connections.find(world.db, ALICE)).toMatchObject({
        status: 'CONNECTED',
        challenge: undefined,
      });
    });
  }));

describe('sign-ins, looked after by several processes', () =>
  onPostgres((world) => {
    it('are each claimed by one of them', async () => {
      const users = Array.from({ length: 12 }, (_, index) => `user-${index}` as UserId);
      for (const userId of users) await signIn(world, userId);
      const claimed = (await Promise.all(Array.from({ length: 6 }, () => claim(world, 4)))).flat();
      const left = await claim(world, 100);
      expect([...claimed, ...left].map(({ userId }) => userId).sort()).toEqual([...users].sort());
    });
  }));

const application = (userId: UserId) => ({
  ...{ userId, mailbox: 'a@example.com', mailboxId: 'a', mode: 'application' as const, timeZone: 'UTC' },
});
