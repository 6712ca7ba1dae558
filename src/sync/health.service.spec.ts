import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import { SyncError } from '../core/errors.ts';
import type { Db } from '../store/db.ts';
import { type HealthReport, HealthService, type Outages } from './health.service.ts';

const NEVER = new Promise<never>(() => {});

/** A service in which everything is well, but for what a test says. */
function healthOf(
  trouble: Partial<{
    ping: () => Promise<void>;
    oldestWaitMs: () => Promise<number | undefined>;
    graphState: () => 'closed' | 'open' | 'half-open';
    troubledMailboxes: () => number;
    refusal: () => string | undefined;
    hasTrouble: () => Promise<boolean>;
    outagesElsewhere: () => Promise<Outages>;
    verifyKeys: () => Promise<void>;
  }> = {},
) {
  const clock = new ManualClock('2026-03-02T08:00:00Z');
  const db = { ping: trouble.ping ?? (async () => {}) } as unknown as Db;
  const service = new HealthService({
    db,
    oldestWaitMs: trouble.oldestWaitMs ?? (async () => undefined),
    graphState: trouble.graphState ?? (() => 'closed'),
    troubledMailboxes: trouble.troubledMailboxes ?? (() => 0),
    refusal: trouble.refusal ?? (() => undefined),
    hasTrouble: trouble.hasTrouble ?? (async () => false),
    outagesElsewhere: trouble.outagesElsewhere ?? (async () => ({ state: 'closed', mailboxes: 0 })),
    verifyKeys: trouble.verifyKeys ?? (async () => {}),
    clock,
    version: '1.2.3',
  });
  return { service, clock };
}

/** Lets pending steps happen, then as much time pass as a probe may take at most. */
async function afterPatience(clock: ManualClock, asked: Promise<HealthReport>): Promise<HealthReport> {
  for (let step = 0; step < 5; step += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
  }
  return asked;
}

describe('health', () => {
  it('is ok when everything is', async () => {
    const ok = { status: 'ok' };
    expect(await healthOf().service.check()).toEqual({
      status: 'ok',
      checks: { database: ok, queue: ok, graph: ok, encryption: ok },
      version: '1.2.3',
    });
  });

  it('is degraded while Graph cannot serve some mailboxes, and says how many', async () => {
    const report = await healthOf({ troubledMailboxes: () => 2 }).service.check();
    expect(report).toMatchObject({
      status: 'degraded',
      checks: { graph: { status: 'degraded', message: expect.stringContaining('2 mailboxes') } },
    });
  });

  it('is down when the database does not answer in time, and looks no further', async () => {
    const { service, clock } = healthOf({ ping: () => NEVER, oldestWaitMs: () => NEVER });
    const report = await afterPatience(clock, service.check());
    expect(report).toMatchObject({
      status: 'down',
      checks: {
        database: { status: 'down', message: 'the database did not answer in 2 seconds' },
        queue: { status: 'down', message: expect.stringContaining('not looked at') },
        encryption: { status: 'down' },
        graph: { status: 'ok' },
      },
    });
  });

  it('says nothing of what a driver’s error may hold', async () => {
    const ping = async () => {
      throw new Error('password authentication failed for user "secret" at db.internal');
    };
    const report = await healthOf({ ping }).service.check();
    expect(report.checks.database).toEqual({ status: 'down', message: 'the database: it could not be reached' });
  });

  it('is degraded, never down, while Graph does not answer', async () => {
    for (const state of ['open', 'half-open'] as const) {
      const report = await healthOf({ graphState: () => state }).service.check();
      expect(report).toMatchObject({
        status: 'degraded',
        checks: { graph: { status: 'degraded' }, database: { status: 'ok' } },
      });
    }
  });

  it('tells what other processes know as well, and counts no mailbox twice', async () => {
    const messageWith = async (outagesElsewhere: () => Promise<Outages>) => {
      const { service } = healthOf({ troubledMailboxes: () => 2, outagesElsewhere });
      return (await service.check()).checks.graph.message;
    };
    expect(await messageWith(async () => ({ state: 'closed', mailboxes: 1 }))).toContain('2 mailboxes');
    expect(await messageWith(async () => ({ state: 'closed', mailboxes: 3 }))).toContain('3 mailboxes');
    expect(await messageWith(async () => ({ state: 'open', mailboxes: 0 }))).toContain(
      'Microsoft Graph does not answer',
    );
    const away = async () => {
      throw new Error('away');
    };
    expect(await messageWith(away)).toContain('2 mailboxes');
  });

  it.each([
    ['this process', { refusal: () => 'invalid_client' }, 'invalid_client'],
    ['another one', { hasTrouble: async () => true }, 'the last hour'],
  ])('is degraded while Microsoft refuses the application itself, as %s knows', async (_who, trouble, message) => {
    const { status, checks } = await healthOf(trouble).service.check();
    expect([status, checks.graph]).toEqual([
      'degraded',
      { status: 'degraded', message: expect.stringContaining(message) },
    ]);
  });

  it('is degraded when a job has been due too long, and down when the queue cannot be asked', async () => {
    expect(await healthOf({ oldestWaitMs: async () => 60_000 }).service.check()).toMatchObject({ status: 'ok' });
    expect(await healthOf({ oldestWaitMs: async () => 900_000 }).service.check()).toMatchObject({
      status: 'degraded',
      checks: { queue: { status: 'degraded', message: expect.stringContaining('900 seconds') } },
    });
    const { service, clock } = healthOf({ oldestWaitMs: () => NEVER });
    expect(await afterPatience(clock, service.check())).toMatchObject({
      status: 'down',
      checks: { queue: { status: 'down' } },
    });
  });

  it('is down when the key ring does not open the database, and asks it again only after a while when it does', async () => {
    const wrong = async () => {
      throw new SyncError('misconfigured', 'CALENDAR_ENCRYPTION_KEYS does not open this database');
    };
    expect(await healthOf({ verifyKeys: wrong }).service.check()).toMatchObject({
      status: 'down',
      checks: { encryption: { message: expect.stringContaining('CALENDAR_ENCRYPTION_KEYS') } },
    });
    let asked = 0;
    const { service, clock } = healthOf({
      verifyKeys: async () => {
        asked += 1;
      },
    });
    await service.check();
    await service.check();
    expect(asked).toBe(1);
    clock.advance(60_000);
    await service.check();
    expect(asked).toBe(2);
  });
});

describe('health of the whole service', () => {
  let world: SyncWorld;
  beforeAll(async () => {
    world = await SyncWorld.open();
  });
  afterAll(async () => {
    await world.close();
  });
  const check = () => world.services.healthService.check();

  it('is ok, and tells which version runs', async () => {
    expect(await check()).toMatchObject({ status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });

  it('notices a doorbell that nobody answers', async () => {
    await world.enqueue();
    expect(await check()).toMatchObject({ checks: { queue: { status: 'ok' } } });
    await sql`update pgboss.job set start_after = now() - interval '1 hour' where state < 'active'`.execute(
      world.db.kysely,
    );
    expect(await check()).toMatchObject({ status: 'degraded', checks: { queue: { status: 'degraded' } } });
    await sql`delete from pgboss.job where state < 'active'`.execute(world.db.kysely);
    expect(await check()).toMatchObject({ status: 'ok' });
  });

  it('notices that Graph is down from what runs meet, and asks it nothing itself', async () => {
    world.simulator.clearLog();
    await check();
    expect(world.simulator.requests).toEqual([]);
    world.simulator.failNext({ kind: 'drop-before', count: 20 });
    for (let run = 0; run < 2; run += 1) {
      await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    }
    const report = await check();
    expect(report).toMatchObject({ status: 'degraded', checks: { graph: { status: 'degraded' } } });
    expect(JSON.stringify(report)).not.toContain(USER);
  });
});
