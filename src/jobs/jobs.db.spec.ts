import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALICE, BOB, type JobsWorld, openJobsWorld, waitingDoorbells } from '../../test/support/jobs-world.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres-server.ts';
import { DEFAULT_CALENDAR_ID, type JobId } from '../core/ids.ts';
import { silentLogger } from '../core/runtime.ts';
import { inScopeOf } from '../store/row-scope.ts';
import { SCOPED_ROLE } from '../store/scoped-connection.ts';
import { SyncWorker } from './sync.worker.ts';

let server: PostgresServer;
let url: string;
let world: JobsWorld;
let other: JobsWorld;

beforeAll(async () => {
  server = await startPostgres();
  url = await server.createDatabase('jobs');
  // Two processes that start at the same moment on an empty database.
  [world, other] = await Promise.all([openJobsWorld(url), openJobsWorld(url)]);
});
afterAll(async () => {
  await Promise.all([world?.close(), other?.close()]);
  await server?.stop();
});

describe('jobs on a PostgreSQL server', () => {
  it('queues one run when two processes ask for the same at once', async () => {
    const ask = ({ db, queue }: JobsWorld) =>
      db.transaction((tx) => queue.enqueue(tx, { userId: BOB, calendarId: DEFAULT_CALENDAR_ID, trigger: 'api' }));
    const answers = await Promise.all([ask(world), ask(other), ask(world), ask(other)]);
    expect(new Set(answers.map(({ jobId }) => jobId)).size).toBe(1);
    expect(answers.filter(({ status }) => status === 'started')).toHaveLength(1);
    expect(await waitingDoorbells(world)).toHaveLength(1);
    await world.boss.deleteAllJobs('calendar-sync');
  });

  it('has one worker of several at a mailbox, and wakes them across processes', async () => {
    const calendars = ['a', 'b', 'c', 'd'];
    const done: JobId[] = [];
    let working = 0;
    let most = 0;
    const finished = Promise.withResolvers<void>();
    const workerOf = (process: JobsWorld) =>
      new SyncWorker({
        ...process,
        logger: silentLogger,
        concurrency: 2,
        engine: {
          run: async ({ jobId, lease }) => {
            working += 1;
            most = Math.max(most, working);
            await process.db.transaction(async (tx) => {
              await process.leases.assert(tx, lease);
              await process.runs.update(tx, jobId, { status: 'COMPLETED' });
            });
            working -= 1;
            done.push(jobId);
            if (done.length === calendars.length) finished.resolve();
            return { continuation: false };
          },
          fail: async (_jobId, error) => finished.reject(error),
        },
      });
    const workers = [workerOf(world), workerOf(other)];
    await Promise.all(workers.map((worker) => worker.start()));
    for (const id of calendars) {
      await world.db.transaction((tx) =>
        world.queue.enqueue(tx, { userId: ALICE, calendarId: id as typeof DEFAULT_CALENDAR_ID, trigger: 'api' }),
      );
    }
    await finished.promise;
    await Promise.all(workers.map((worker) => worker.stop()));
    expect(most).toBe(1);
    expect(new Set(done).size).toBe(calendars.length);
  });

  it('queues in a user’s scope for a login that bypasses row-level security without being a superuser', async () => {
    await sql.raw("create role hosted login createrole bypassrls password 'hosted'").execute(world.db.kysely);
    await sql.raw(`grant ${SCOPED_ROLE} to hosted with admin true, set false`).execute(world.db.kysely);
    const own = new URL(await server.createDatabase('hosted'));
    await sql.raw('alter database hosted owner to hosted').execute(world.db.kysely);
    const hosted = await openJobsWorld(Object.assign(own, { username: 'hosted', password: 'hosted' }).href);
    try {
      const ask = { userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, trigger: 'api' } as const;
      const queued = inScopeOf(ALICE, () => hosted.db.transaction((tx) => hosted.queue.enqueue(tx, ask)));
      expect(await queued).toMatchObject({ status: 'started' });
    } finally {
      await hosted.close();
    }
  });
});
