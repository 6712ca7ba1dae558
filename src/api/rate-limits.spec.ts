import { sql } from 'kysely';
import { afterEach, describe, expect, it } from 'vitest';
import { bearer, OWNER, STRANGER, serverWith } from '../../test/support/api-world.ts';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { onEachDatabase, type StoreWorld, TEST_RING } from '../../test/support/store-world.ts';
import { type Logger, silentLogger } from '../core/runtime.ts';
import { RateCountRepository } from '../store/rate-count.repository.ts';
import { CallerCounter, networkOf, type SharedCounts } from './rate-limits.ts';

const WINDOW = 60_000;

let closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
});

/** The database's counts, as every process has them; `statements` are those it was asked for. */
function countsOf(world: Pick<StoreWorld, 'db'>): SharedCounts & { statements: number } {
  const repository = new RateCountRepository(TEST_RING.derived('rate counts'));
  return {
    statements: 0,
    add(caller, now, windowMs) {
      this.statements += 1;
      return repository.add(world.db, caller, now, windowMs);
    },
    deleteBefore: (before) => repository.deleteBefore(world.db, before),
  };
}

async function processOver(world: StoreWorld, limits: { userRequests?: number; addressRequests?: number }) {
  const counts = countsOf(world);
  const server = await serverWith(
    { settings: { get: async () => ({}) as never } },
    { limits, clock: world.clock, rateCounts: counts },
  );
  closing.push(() => server.close());
  const ask = async (as = OWNER, remoteAddress = '127.0.0.1', url = '/calendar/sync/settings') => {
    const headers = await bearer(as, world.clock.now());
    return (await server.inject({ url, headers, remoteAddress })).statusCode;
  };
  return { server, counts, ask };
}

describe('requests are counted by all processes together', () =>
  onEachDatabase((world) => {
    it('a user has one limit, whichever process answers, and others have theirs', async () => {
      const [one, two] = [await processOver(world, { userRequests: 4 }), await processOver(world, { userRequests: 4 })];
      expect([await one.ask(), await two.ask(), await one.ask(), await two.ask()]).toEqual([200, 200, 200, 200]);
      expect([await one.ask(), await two.ask()]).toEqual([429, 429]);
      expect([await one.ask(STRANGER), await two.ask(STRANGER)]).toEqual([200, 200]);
    });

    it('an address that guesses has one, too', async () => {
      const limits = { addressRequests: 2 };
      const [one, two] = [await processOver(world, limits), await processOver(world, limits)];
      const nowhere = (process: typeof one, address: string) => process.ask(OWNER, address, '/nowhere');
      expect([await nowhere(one, '192.0.2.1'), await nowhere(two, '192.0.2.1')]).toEqual([404, 404]);
      expect([await nowhere(one, '192.0.2.1'), await nowhere(two, '192.0.2.1')]).toEqual([429, 429]);
      expect(await nowhere(two, '192.0.2.2')).toBe(404);
      expect(await one.ask(OWNER, '192.0.2.1')).toBe(200);
    });

    it('refusing more costs the database nothing until the window ends', async () => {
      const { ask, counts } = await processOver(world, { userRequests: 2 });
      await ask();
      await ask();
      for (let round = 0; round < 50; round += 1) expect(await ask()).toBe(429);
      expect(counts.statements).toBe(2);
    });

    it('a window ends a minute after its first request, to the millisecond, in every process', async () => {
      const [one, two] = [await processOver(world, { userRequests: 1 }), await processOver(world, { userRequests: 1 })];
      expect(await one.ask()).toBe(200);
      world.clock.advance(WINDOW / 2);
      expect(await two.ask()).toBe(429);
      world.clock.advance(WINDOW / 2 - 1);
      expect([await one.ask(), await two.ask()]).toEqual([429, 429]);
      world.clock.advance(1);
      expect([await two.ask(), await one.ask()]).toEqual([200, 429]);
    });

    it('tells how long to wait: until the window that another process began ends', async () => {
      const [one, two] = [await processOver(world, { userRequests: 1 }), await processOver(world, { userRequests: 1 })];
      await one.ask();
      world.clock.advance(45_000);
      const headers = await bearer(OWNER, world.clock.now());
      const answer = await two.server.inject({ url: '/calendar/sync/settings', headers });
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([429, '15']);
    });

    it('writes down nobody’s id and nobody’s address', async () => {
      const { ask } = await processOver(world, {});
      await ask();
      await ask(OWNER, '192.0.2.1', '/nowhere');
      const { rows } = await sql<{ row: string }>`select t::text as row from "RateCount" t`.execute(world.db.kysely);
      expect(rows).toHaveLength(2);
      expect(rows.map(({ row }) => row).join()).not.toMatch(/ada|192\.0\.2\.1|user|address/);
    });

    it('forgets who did not come back', async () => {
      const { ask } = await processOver(world, {});
      await ask(STRANGER);
      world.clock.advance(2 * WINDOW + 1);
      await ask(OWNER);
      const { rows } = await sql`select key from "RateCount"`.execute(world.db.kysely);
      expect(rows).toHaveLength(1);
    });

    it('lets no more than the limit through when all ask at once', async () => {
      const [one, two] = [
        await processOver(world, { userRequests: 10 }),
        await processOver(world, { userRequests: 10 }),
      ];
      const all = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? one : two).ask()));
      expect(all.filter((status) => status === 200)).toHaveLength(10);
      expect(one.counts.statements + two.counts.statements).toBeLessThanOrEqual(20);
    });
  }));

describe('while the database does not count', () => {
  const clock = new ManualClock('2026-03-02T08:00:00Z');
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => warnings.push(message) };

  it('each process counts alone, tries again a little later, and says so once each time', async () => {
    let [asked, isAway] = [0, true];
    const shared: SharedCounts = {
      add: async (_caller, now) => {
        asked += 1;
        if (isAway) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
        return { count: 3, startedAt: now };
      },
      deleteBefore: async () => 0,
    };
    const counter = new CallerCounter({ clock, logger, shared });
    expect([await counter.count('ann', 2), await counter.count('ann', 2)]).toEqual([0, 0]);
    expect(await counter.count('ann', 2)).toBeGreaterThan(0);
    expect([asked, warnings.length]).toEqual([1, 1]);
    isAway = false;
    clock.advance(5_000);
    // The others have counted three of Bob's already.
    expect(await counter.count('bob', 2)).toBeGreaterThan(0);
    expect(asked).toBe(2);
  });

  it('no request waits long for it', async () => {
    const shared: SharedCounts = { add: () => new Promise(() => {}), deleteBefore: async () => 0 };
    const counter = new CallerCounter({ clock, logger, shared });
    const counted = counter.count('ann', 2);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(500);
    expect(await counted).toBe(0);
    expect(await counter.count('ann', 2)).toBe(0);
    expect(await counter.count('ann', 2)).toBeGreaterThan(0);
  });
});

describe('an address of IPv6', () => {
  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['192.0.2.7', '192.0.2.7'],
  ])('%s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
