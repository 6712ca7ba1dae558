import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { fromKysely, type PgBoss } from 'pg-boss';
import type { JobId, UserId } from '../core/ids.ts';
import type { Outage } from '../core/outage.ts';
import type { Clock, Random } from '../core/runtime.ts';
import { DEFAULT_SETTINGS, type SyncDirection } from '../core/settings.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import { toOptionalDate } from '../store/columns.ts';
import type { Db, Queryable, Tx } from '../store/db.ts';
import type { RunRepository, RunTrigger, StoredRun, StoredRunRequest } from '../store/run.repository.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import type { Outages } from '../sync/health.service.ts';
import type { QueuedRun, RunQueue, RunRequest } from '../sync/run-queue.ts';
import { SYNC_QUEUE } from './boss.ts';

/** What a job carries: which run to look at. */
export interface Doorbell {
  readonly runId: JobId;
  /** Why the run was put back, for the health that other processes tell; `until` as ISO 8601. */
  readonly outage?: { readonly of: Outage['of']; readonly until: string };
}

/** Once its time has come, a doorbell is heard within about a second; what nobody hears by then tells nothing of Graph. */
const HEARD_WITHIN_MS = 5_000;
/** A request that tries whether an outage is over fails within this time, or the run has got through and goes on. */
const PROBE_MS = 60_000;

/**
 * These ask for what has just happened to be carried over. A run already at work may have passed that point, so only one
 * that still waits will do.
 */
const NEEDS_FRESH_RUN: Readonly<Record<RunTrigger, boolean>> = {
  api: false,
  schedule: false,
  change: true,
  continuation: true,
  resolution: true,
  notification: true,
};

/** Queues runs with pg-boss: the run's row and the job that rings for it are written in the caller's transaction. */
export class PgBossRunQueue implements RunQueue {
  readonly #boss: PgBoss;
  readonly #runs: RunRepository;
  readonly #calendars: CalendarRepository;
  readonly #settings: SettingsRepository;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    boss: PgBoss;
    runs: RunRepository;
    calendars: CalendarRepository;
    settings: SettingsRepository;
    clock: Clock;
    random: Random;
  }) {
    this.#boss = parts.boss;
    this.#runs = parts.runs;
    this.#calendars = parts.calendars;
    this.#settings = parts.settings;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  async enqueue(tx: Tx, request: RunRequest): Promise<QueuedRun> {
    const { userId, calendarId, trigger, correlationId, parentId, delayMs, ...asked } = request;
    // Two callers who ask at once must not both find nothing queued.
    await sql`select pg_advisory_xact_lock(hashtextextended(${`run-queue ${userId}`}, 0))`.execute(tx.kysely);
    const requestHash = hashOf(asked);
    const active = await this.#runs.listActive(tx, userId, calendarId);
    const same = active
      .filter((run) => run.requestHash === requestHash)
      .filter((run) => run.status === 'PENDING' || !NEEDS_FRESH_RUN[trigger]);
    // The last one: it sees the most of what has happened.
    const found = same.at(-1);
    if (found) return { jobId: found.id, status: 'already_running' };
    const jobId = this.#random.id() as JobId;
    await this.#runs.create(tx, {
      id: jobId,
      userId,
      calendarId,
      direction: asked.direction ?? (await this.#directionOf(tx, request)),
      request: asked,
      requestHash,
      trigger,
      queuedAt: this.#clock.now(),
      correlationId,
      parentId,
    });
    await this.ring(tx, { id: jobId, userId }, delayMs);
    return { jobId, status: 'started' };
  }

  /**
   * Makes a worker look at a run, at once or later.
   *
   * One run at a time works on a user's mailbox: jobs are grouped by user, and a group has one active job.
   */
  async ring(tx: Tx, run: Pick<StoredRun, 'id' | 'userId'>, delayMs = 0, outage?: Outage): Promise<void> {
    const doorbell: Doorbell = {
      runId: run.id,
      ...(outage ? { outage: { of: outage.of, until: outage.until.toISOString() } } : {}),
    };
    await this.#boss.send(SYNC_QUEUE, doorbell, {
      db: fromKysely(tx.kysely),
      group: { id: run.userId },
      ...(delayMs > 0 ? { startAfter: Math.ceil(delayMs / 1000) } : {}),
    });
  }

  /** Takes everything of a user out of the queue, also what is being worked on: whoever does finds nothing to settle. */
  async forget(tx: Tx, userId: UserId): Promise<void> {
    await sql`delete from pgboss.job where group_id = ${userId}`.execute(tx.kysely);
  }

  /**
   * Rings again for every unfinished run that has lost its doorbell.
   *
   * @param isAlone  no other process can be at work (embedded database): jobs marked active belong to a dead one
   * @returns how many were picked up
   */
  async recover(db: Db, { isAlone }: { isAlone: boolean }): Promise<number> {
    return db.transaction(async (tx) => {
      if (isAlone) {
        await sql`
          update pgboss.job set state = 'cancelled', completed_on = now() where name = ${SYNC_QUEUE} and state = 'active'
        `.execute(tx.kysely);
      }
      const lost = await sql<{ id: string; userId: string }>`
        select s.id, s."userId" from "CalendarSyncState" s
        where s.status in ('PENDING', 'IN_PROGRESS') and not exists (
          select 1 from pgboss.job j
          where j.name = ${SYNC_QUEUE} and j.state < 'completed' and j.data ->> 'runId' = s.id)
        order by s."queuedAt"
      `.execute(tx.kysely);
      for (const { id, userId } of lost.rows) await this.ring(tx, { id: id as JobId, userId: userId as UserId });
      return lost.rows.length;
    });
  }

  /** @returns how long the doorbell that is due longest has been due, milliseconds; `undefined` when none is */
  async oldestWaitMs(q: Queryable): Promise<number | undefined> {
    const found = await sql<{ waitMs: unknown }>`
      select extract(epoch from now() - min(start_after)) * 1000 as "waitMs" from pgboss.job
      where name = ${SYNC_QUEUE} and state < 'active' and start_after <= now()
    `.execute(q.kysely);
    const waitMs = found.rows[0]?.waitMs;
    return waitMs === null || waitMs === undefined ? undefined : Math.round(Number(waitMs));
  }

  /**
   * Outages that runs in whatever process were put back for, or that they are trying now. It takes no news to end one: its
   * time passes, also when whoever met it was killed.
   */
  async outages(q: Queryable): Promise<Outages> {
    const now = this.#clock.now();
    const ago = (ms: number) => sql`${new Date(now.getTime() - ms).toISOString()}::timestamptz`;
    const found = await sql<{ mailboxes: unknown; graphUntil: unknown }>`
      select count(distinct c."mailboxId") filter (where o.of = 'mailbox') as mailboxes,
        max(o.until) filter (where o.of = 'graph') as "graphUntil"
      from pgboss.job j
      cross join jsonb_to_record(j.data -> 'outage') as o(of text, until timestamptz)
      join "CalendarConnection" c on c."userId" = j.group_id
      where j.name = ${SYNC_QUEUE} and j.state < 'completed'
        and (o.until > ${ago(HEARD_WITHIN_MS)} or (j.state = 'active' and o.until > ${ago(PROBE_MS)}))
    `.execute(q.kysely);
    const [row] = found.rows;
    const until = toOptionalDate(row?.graphUntil);
    const state = until === undefined ? 'closed' : until > now ? 'open' : 'half-open';
    return { state, mailboxes: Number(row?.mailboxes ?? 0) };
  }

  async #directionOf(tx: Tx, { userId, calendarId }: RunRequest): Promise<SyncDirection> {
    const calendar = calendarId === 'all' ? undefined : await this.#calendars.find(tx, userId, calendarId);
    const user = await this.#settings.find(tx, userId);
    return calendar?.settings.direction ?? user.direction ?? DEFAULT_SETTINGS.direction;
  }
}

/** Equal for requests that ask for the same thing, however their members are ordered. */
function hashOf(asked: StoredRunRequest): string {
  const { direction, conflictResolution, forceFull, dateRange, confirmDeletions, pulledCalendars } = asked;
  const parts = [
    direction ?? null,
    conflictResolution ?? null,
    forceFull ?? false,
    dateRange ? [instant(dateRange.start), instant(dateRange.end)] : null,
    confirmDeletions ?? null,
    // A continuation that does not read again is not what somebody wants who asks for the same anew.
    ...(pulledCalendars ? [[...pulledCalendars].sort()] : []),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

function instant(text: string): number | string {
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? text : parsed;
}
