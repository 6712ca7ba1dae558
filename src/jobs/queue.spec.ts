import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ALICE, BOB, type JobsWorld, openJobsWorld, waitingDoorbells } from '../../test/support/jobs-world.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type JobId } from '../core/ids.ts';
import type { QueuedRun, RunRequest } from '../sync/run-queue.ts';

let world: JobsWorld;

beforeAll(async () => {
  world = await openJobsWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await sql`truncate "CalendarSyncState", "MailboxLease"`.execute(world.db.kysely);
  await world.boss.deleteAllJobs('calendar-sync');
});

function enqueue(request: Partial<RunRequest> = {}): Promise<QueuedRun> {
  return world.db.transaction((tx) =>
    world.queue.enqueue(tx, { userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, trigger: 'api', ...request }),
  );
}

function setStatus(jobId: JobId, status: 'IN_PROGRESS' | 'COMPLETED'): Promise<void> {
  return world.db.transaction((tx) => world.runs.update(tx, jobId, { status }));
}

describe('PgBossRunQueue', () => {
  it('writes the run, PENDING, and one doorbell for it', async () => {
    const { jobId, status } = await enqueue({ direction: 'pull', forceFull: true, correlationId: 'c-1' });
    expect(status).toBe('started');
    expect(await world.runs.find(world.db, ALICE, jobId)).toMatchObject({
      status: 'PENDING',
      direction: 'pull',
      trigger: 'api',
      request: { direction: 'pull', forceFull: true },
      correlationId: 'c-1',
      queuedAt: world.clock.now(),
    });
    expect(await waitingDoorbells(world)).toMatchObject([{ runId: jobId }]);
  });

  it('leaves nothing behind when the caller’s transaction is rolled back', async () => {
    const refused = world.db.transaction(async (tx) => {
      await world.queue.enqueue(tx, { userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, trigger: 'change' });
      throw new Error('the event could not be stored');
    });
    await expect(refused).rejects.toThrow('could not be stored');
    expect((await world.runs.list(world.db, { limit: 10, offset: 0 })).total).toBe(0);
    expect(await waitingDoorbells(world)).toEqual([]);
  });

  it('answers with the run that is queued already when the request asks for the same', async () => {
    const dateRange = { start: '2026-01-01T00:00:00Z', end: '2026-02-01T00:00:00Z' };
    const first = await enqueue({ dateRange });
    const sameInstants = { start: '2026-01-01T01:00:00+01:00', end: '2026-02-01T00:00:00.000Z' };
    expect(await enqueue({ dateRange: sameInstants })).toEqual({ jobId: first.jobId, status: 'already_running' });
    expect(await waitingDoorbells(world)).toHaveLength(1);
  });

  it('answers with the run that is at work when the request asks for the same', async () => {
    const { jobId } = await enqueue();
    await setStatus(jobId, 'IN_PROGRESS');
    expect(await enqueue()).toEqual({ jobId, status: 'already_running' });
  });

  it('queues a different request behind it', async () => {
    const first = await enqueue();
    const second = await enqueue({ forceFull: true });
    expect(second).toMatchObject({ status: 'started' });
    expect((await waitingDoorbells(world)).map(({ runId }) => runId)).toEqual([first.jobId, second.jobId]);
  });

  it('joins a change to a run that still waits, never to one that may have passed it', async () => {
    const first = await enqueue();
    expect(await enqueue({ trigger: 'change' })).toEqual({ jobId: first.jobId, status: 'already_running' });
    await setStatus(first.jobId, 'IN_PROGRESS');
    const second = await enqueue({ trigger: 'change' });
    expect(second.status).toBe('started');
    expect(await enqueue({ trigger: 'change' })).toEqual({ jobId: second.jobId, status: 'already_running' });
  });

  it('keeps calendars, users and finished runs apart', async () => {
    const first = await enqueue();
    expect((await enqueue({ calendarId: 'work' as CalendarId })).status).toBe('started');
    expect((await enqueue({ userId: BOB })).status).toBe('started');
    await setStatus(first.jobId, 'COMPLETED');
    expect((await enqueue()).status).toBe('started');
  });

  it('does not join a run that was asked to stop', async () => {
    const { jobId } = await enqueue();
    await world.db.transaction((tx) => world.runs.update(tx, jobId, { cancelRequestedAt: world.clock.now() }));
    expect((await enqueue()).status).toBe('started');
  });

  it('after a crash rings again for every unfinished run, and only for those', async () => {
    const [working, waiting, finished] = [
      await enqueue(),
      await enqueue({ userId: BOB }),
      await enqueue({ forceFull: true }),
    ];
    await setStatus(finished.jobId, 'COMPLETED');
    // The process took one job, and died with it.
    await world.boss.fetch('calendar-sync');
    await setStatus(working.jobId, 'IN_PROGRESS');
    expect(await world.queue.recover(world.db, { isAlone: false })).toBe(0);
    expect(await world.queue.recover(world.db, { isAlone: true })).toBe(1);
    expect(await world.queue.recover(world.db, { isAlone: true })).toBe(0);
    const rung = (await waitingDoorbells(world)).map(({ runId }) => runId);
    expect(rung).toContain(working.jobId);
    expect(rung).toContain(waiting.jobId);
  });
});
