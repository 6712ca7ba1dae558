import { sql } from 'kysely';
import { fromPglite, PgBoss } from 'pg-boss';
import type { Logger } from '../core/runtime.ts';
import type { Db } from '../store/db.ts';
import { SCOPED_ROLE } from '../store/scoped-connection.ts';

/** The one queue: a job in it is a doorbell that says "look at this run". The run's own row is the truth. */
export const SYNC_QUEUE = 'calendar-sync';

/** A worker that has not been heard of for this long is dead, and its job is given to another. */
const HEARTBEAT_SECONDS = 30;
/** No honest run lasts this long: `CALENDAR_MAX_EVENTS_PER_SYNC` ends it, and its continuation goes on. */
const EXPIRE_SECONDS = 6 * 60 * 60;
/** Only for a worker that dies again and again; errors of a run are counted on the run. */
const CRASH_RETRIES = 10;
/** History is kept in the runs; a doorbell that has been answered is of no use. */
const KEEP_DONE_SECONDS = 60 * 60;
/** Enough for polling, heartbeats and supervision beside the one connection that listens. */
const QUEUE_CONNECTIONS = 4;
const SUPERVISE_SECONDS = 15;

/** The job queue over our own database: in process on the embedded one, with a small pool of its own on a server. */
export function createBoss(db: Db, logger: Logger): PgBoss {
  const { raw } = db;
  const boss = new PgBoss({
    ...(raw.kind === 'pglite'
      ? { db: fromPglite(raw.pglite), backend: 'pglite' as const }
      : { connectionString: raw.connectionString, max: QUEUE_CONNECTIONS }),
    application_name: 'graph-calendar-sync jobs',
    useListenNotify: true,
    // Background syncs are our scheduler's, which reads the service's clock.
    schedule: false,
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: SUPERVISE_SECONDS,
  });
  boss.on('error', (error) => logger.error({ err: error }, 'the job queue met an error'));
  boss.on('warning', (warning) => logger.warn({ warning: warning.message }, 'the job queue warns'));
  return boss;
}

/** Starts the queue and makes sure that it exists; safe from many processes at once. */
export async function startBoss(boss: PgBoss, db: Db): Promise<void> {
  await boss.start();
  await boss.createQueue(SYNC_QUEUE, {
    policy: 'standard',
    notify: true,
    retryLimit: CRASH_RETRIES,
    heartbeatSeconds: HEARTBEAT_SECONDS,
    expireInSeconds: EXPIRE_SECONDS,
    deleteAfterSeconds: KEEP_DONE_SECONDS,
  });
  await allowScopedQueueing(db);
}

/** A run is queued in the transaction of whoever asks for it, which a login that no policy binds carries out in a lesser role. */
async function allowScopedQueueing(db: Db): Promise<void> {
  await sql
    .raw(`
    do $$ begin
      if to_regrole('${SCOPED_ROLE}') is not null
        and (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) then
        grant usage on schema pgboss to ${SCOPED_ROLE};
        grant select, insert, update, delete on all tables in schema pgboss to ${SCOPED_ROLE};
        grant usage on all sequences in schema pgboss to ${SCOPED_ROLE};
      end if;
    end $$
  `)
    .execute(db.kysely);
}
