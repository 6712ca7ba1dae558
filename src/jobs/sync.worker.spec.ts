import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ALICE, BOB, type JobsWorld, openJobsWorld, waitingDoorbells } from '../../test/support/jobs-world.ts';
import { SyncError } from '../core/errors.ts';
import { DEFAULT_CALENDAR_ID, type JobId } from '../core/ids.ts';
import { silentLogger } from '../core/runtime.ts';
import type { Lease } from '../store/lease.repository.ts';
import { MAX_ATTEMPTS, type RunEngine, SyncWorker } from './sync.worker.ts';

let world: JobsWorld;

beforeAll(async () => {
  world = await openJobsWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await sql`truncate "CalendarSyncState", "MailboxLease"`.execute(world.db.kysely);
  await world.boss.deleteAllJobs('calendar-sync');
});

type Work = (run: { jobId: JobId; lease: Lease; signal: AbortSignal }) => Promise<unknown>;

function workerWith(work: Work): { worker: SyncWorker; failed: unknown[] } {
  const failed: unknown[] = [];
  const engine: RunEngine = {
    run: async (run) => {
      await work(run);
      return { continuation: false };
    },
    fail: async (_jobId, error) => {
      failed.push(error);
    },
  };
  const worker = new SyncWorker({ ...world, engine, logger: silentLogger, concurrency: 2 });
  return { worker, failed };
}

/** A run that is queued, its doorbell already taken from the queue. */
async function aRun(patch: { attempts?: number; status?: 'COMPLETED' } = {}): Promise<JobId> {
  const { jobId } = await world.db.transaction((tx) =>
    world.queue.enqueue(tx, { userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, trigger: 'api' }),
  );
  await world.db.transaction((tx) => world.runs.update(tx, jobId, patch));
  await world.boss.deleteAllJobs('calendar-sync');
  return jobId;
}

/** Seconds from now until the one doorbell rings; `now` is the database's. */
async function delayOfDoorbell(jobId: JobId): Promise<number> {
  const found = await sql<{ delay: number }>`
    select extract(epoch from start_after - created_on)::float8 as delay from pgboss.job
    where name = 'calendar-sync' and state = 'created' and data ->> 'runId' = ${jobId}
  `.execute(world.db.kysely);
  expect(found.rows).toHaveLength(1);
  return found.rows[0]?.delay ?? Number.NaN;
}

const isMailboxFree = async (): Promise<boolean> => !(await world.leases.isHeld(world.db, ALICE, world.clock.now()));

describe('SyncWorker', () => {
  it('holds the mailbox while the engine works, and gives it back after', async () => {
    const jobId = await aRun();
    const { worker } = workerWith(async ({ lease, jobId: given }) => {
      expect(given).toBe(jobId);
      await world.db.transaction((tx) => world.leases.assert(tx, lease));
    });
    await worker.handle(jobId);
    expect(await isMailboxFree()).toBe(true);
    expect(await waitingDoorbells(world)).toEqual([]);
  });

  it('puts a run back for a moment when somebody else has the mailbox', async () => {
    const jobId = await aRun();
    await world.db.transaction((tx) => world.leases.claim(tx, ALICE, 'another', world.clock.now(), 60_000));
    const { worker } = workerWith(async () => expect.unreachable());
    await worker.handle(jobId);
    expect(await delayOfDoorbell(jobId)).toBe(2);
  });

  it('puts a run back at once while its mailbox is not asked, which counts as no attempt', async () => {
    const jobId = await aRun({ attempts: MAX_ATTEMPTS - 1 });
    const { worker, failed } = workerWith(async () => {
      throw new SyncError('unavailable', 'does not answer', { retryAfterMs: 240_000, details: { isUnasked: true } });
    });
    await worker.handle(jobId);
    expect(failed).toEqual([]);
    expect(await delayOfDoorbell(jobId)).toBe(240);
    expect((await world.runs.find(world.db, ALICE, jobId))?.attempts).toBe(MAX_ATTEMPTS - 1);
    expect(await isMailboxFree()).toBe(true);
  });

  it('claims no mailbox at which Graph asked anybody for silence, and comes back when it is over', async () => {
    const jobId = await aRun();
    await world.db.transaction(async (tx) => {
      const connection = {
        userId: ALICE,
        mailbox: 'alice@example.com',
        mailboxId: 'm-1',
        mode: 'application' as const,
      };
      await world.connections.save(tx, { ...connection, timeZone: 'UTC' }, world.clock.now());
      await world.connections.savePause(tx, 'm-1', new Date(world.clock.now().getTime() + 37_000));
    });
    const work = vi.fn(async () => {});
    const { worker } = workerWith(work);
    await worker.handle(jobId);
    expect(work).not.toHaveBeenCalled();
    expect(await delayOfDoorbell(jobId)).toBe(37);
    expect((await world.runs.find(world.db, ALICE, jobId))?.attempts).toBe(0);
    expect(await isMailboxFree()).toBe(true);
    world.clock.advance(37_000);
    await worker.handle(jobId);
    expect(work).toHaveBeenCalledOnce();
    await sql`truncate "CalendarConnection"`.execute(world.db.kysely);
  });

  it('waits while a worker is at the same mailbox for somebody else who is bound to it', async () => {
    const jobId = await aRun();
    await world.db.transaction(async (tx) => {
      for (const userId of [ALICE, BOB]) {
        const connection = { userId, mailbox: 'shared@example.com', mailboxId: 'm-2', mode: 'application' as const };
        await world.connections.save(tx, { ...connection, timeZone: 'UTC' }, world.clock.now());
      }
    });
    const claimed = await world.db.transaction((tx) =>
      world.leases.claim(tx, BOB, 'another', world.clock.now(), 60_000),
    );
    const work = vi.fn(async () => {});
    const { worker } = workerWith(work);
    await worker.handle(jobId);
    expect(work).not.toHaveBeenCalled();
    expect(await delayOfDoorbell(jobId)).toBe(2);
    await world.db.transaction((tx) => world.leases.release(tx, claimed as Lease));
    await worker.handle(jobId);
    expect(work).toHaveBeenCalledOnce();
    await sql`truncate "CalendarConnection"`.execute(world.db.kysely);
  });

  it('leaves no lease of somebody who was erased since the run was looked for', async () => {
    const jobId = await aRun();
    const run = await world.runs.find(world.db, ALICE, jobId);
    await sql`delete from "CalendarSyncState"`.execute(world.db.kysely);
    await sql`delete from "MailboxLease"`.execute(world.db.kysely);
    const find = vi.spyOn(world.runs, 'find').mockResolvedValueOnce(run);
    const { worker } = workerWith(async () => expect.unreachable());
    await worker.handle(jobId);
    find.mockRestore();
    expect((await sql`select 1 from "MailboxLease"`.execute(world.db.kysely)).rows).toEqual([]);
  });

  it('ignores a doorbell for a run that has ended', async () => {
    const jobId = await aRun({ status: 'COMPLETED' });
    const { worker } = workerWith(async () => expect.unreachable());
    await worker.handle(jobId);
    expect(await waitingDoorbells(world)).toEqual([]);
  });

  it('tries again after exactly the wait the server asked for', async () => {
    const jobId = await aRun();
    const { worker, failed } = workerWith(async () => {
      throw new SyncError('throttled', 'too many requests', { retryAfterMs: 137_000 });
    });
    await worker.handle(jobId);
    expect(await delayOfDoorbell(jobId)).toBe(137);
    expect((await world.runs.find(world.db, ALICE, jobId))?.attempts).toBe(1);
    expect(failed).toEqual([]);
    expect(await isMailboxFree()).toBe(true);
  });

  it('tries again when the database was away for a moment, also where the mailbox could not be given back', async () => {
    const jobId = await aRun();
    const { worker, failed } = workerWith(async () => {
      throw new SyncError('unavailable', 'the database cannot be reached just now');
    });
    const release = vi.spyOn(world.leases, 'release').mockRejectedValueOnce(new SyncError('unavailable', 'away'));
    await expect(worker.handle(jobId)).resolves.toBeUndefined();
    release.mockRestore();
    expect(await delayOfDoorbell(jobId)).toBeGreaterThan(0);
    expect(failed).toEqual([]);
    expect(await isMailboxFree()).toBe(false);
    world.clock.advance(30_000);
    expect(await isMailboxFree()).toBe(true);
  });

  it('waits longer with each attempt of its own guess', async () => {
    const jobId = await aRun({ attempts: 3 });
    const { worker } = workerWith(async () => {
      throw new SyncError('unavailable', 'no answer');
    });
    await worker.handle(jobId);
    const delay = await delayOfDoorbell(jobId);
    expect(delay).toBeGreaterThanOrEqual(20);
    expect(delay).toBeLessThanOrEqual(40);
  });

  it('gives a run up when its attempts are spent', async () => {
    const jobId = await aRun({ attempts: MAX_ATTEMPTS - 1 });
    const { worker, failed } = workerWith(async () => {
      throw new SyncError('unavailable', 'no answer');
    });
    await worker.handle(jobId);
    expect(failed).toMatchObject([{ code: 'unavailable' }]);
    expect(await waitingDoorbells(world)).toEqual([]);
  });

  it('interrupts the run when another worker took the mailbox over, and puts it back', async () => {
    const jobId = await aRun();
    const { worker } = workerWith(async ({ signal }) => {
      await world.db.transaction((tx) => world.leases.releaseAll(tx));
      await world.db.transaction((tx) => world.leases.claim(tx, ALICE, 'another', world.clock.now(), 60_000));
      world.clock.advance(10_000);
      await aborted(signal);
    });
    await worker.handle(jobId);
    expect(await delayOfDoorbell(jobId)).toBe(2);
    // The other one's lease is none of ours to give back.
    expect(await isMailboxFree()).toBe(false);
  });

  it('renews the lease of a long run', async () => {
    const jobId = await aRun();
    const { worker } = workerWith(async () => {
      for (let passed = 0; passed < 60; passed += 10) {
        world.clock.advance(10_000);
        await vitestUntil(async () => !(await isExpiringSoon()));
      }
      expect(await isMailboxFree()).toBe(false);
    });
    await worker.handle(jobId);
  });

  it('stops by interrupting what runs and putting it back at once', async () => {
    const jobId = await aRun();
    const { worker } = workerWith(async ({ signal }) => {
      void worker.stop();
      await aborted(signal);
    });
    await worker.handle(jobId);
    expect(await delayOfDoorbell(jobId)).toBe(0);
    expect((await world.runs.find(world.db, ALICE, jobId))?.attempts).toBe(0);
  });

  it('is woken by the queue, one run at a time for a mailbox', async () => {
    const order: string[] = [];
    let working = 0;
    const finished = Promise.withResolvers<void>();
    const { worker } = workerWith(async ({ jobId }) => {
      working += 1;
      order.push(`${working} at a time`);
      await world.db.transaction((tx) => world.runs.update(tx, jobId, { status: 'COMPLETED' }));
      working -= 1;
      if (order.length === 2) finished.resolve();
    });
    await worker.start();
    await world.db.transaction(async (tx) => {
      await world.queue.enqueue(tx, { userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, trigger: 'api' });
      await world.queue.enqueue(tx, { userId: ALICE, calendarId: 'all', trigger: 'api' });
    });
    await finished.promise;
    await worker.stop();
    expect(order).toEqual(['1 at a time', '1 at a time']);
  });
});

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

async function isExpiringSoon(): Promise<boolean> {
  const found = await sql`
    select 1 from "MailboxLease" where "expiresAt" <= ${new Date(world.clock.now().getTime() + 20_000).toISOString()}::timestamptz
  `.execute(world.db.kysely);
  return found.rows.length > 0;
}

/** Lets other work of this process go on until something is true. */
async function vitestUntil(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setImmediate(resolve));
}
