import type { PgBoss } from 'pg-boss';
import { type CalendarId, DEFAULT_CALENDAR_ID, type JobId, type UserId } from '../../src/core/ids.ts';
import { type Clock, type Random, silentLogger } from '../../src/core/runtime.ts';
import { createBoss, startBoss } from '../../src/jobs/boss.ts';
import { PgBossRunQueue } from '../../src/jobs/queue.ts';
import { CalendarRepository } from '../../src/store/calendar.repository.ts';
import { ConnectionRepository } from '../../src/store/connection.repository.ts';
import { type Db, openDatabase } from '../../src/store/db.ts';
import { ContentCipher, KeyRing } from '../../src/store/encryption.ts';
import { LeaseRepository } from '../../src/store/lease.repository.ts';
import { migrate } from '../../src/store/migrator.ts';
import { RunRepository } from '../../src/store/run.repository.ts';
import { SettingsRepository } from '../../src/store/settings.repository.ts';
import { systemRandom } from '../../src/system-runtime.ts';
import { openMigrated } from './embedded-database.ts';

export const ALICE = 'alice' as UserId;
export const BOB = 'bob' as UserId;

/** A clock that stands still until it is moved; whoever sleeps wakes when its time has come. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #sleepers = new Set<{ atMs: number; wake: () => void }>();

  constructor(start: string) {
    this.#nowMs = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const sleeper = { atMs: this.#nowMs + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      });
    });
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.atMs > this.#nowMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}

/** The queue over a real (embedded) database, with everything around it that it needs, and no engine. */
export interface JobsWorld {
  readonly db: Db;
  readonly boss: PgBoss;
  readonly queue: PgBossRunQueue;
  readonly runs: RunRepository;
  readonly leases: LeaseRepository;
  readonly calendars: CalendarRepository;
  readonly connections: ConnectionRepository;
  readonly clock: ManualClock;
  readonly random: Random;
  close(): Promise<void>;
}

/** @param url  a server's; otherwise an embedded database in memory */
export async function openJobsWorld(url?: string): Promise<JobsWorld> {
  const clock = new ManualClock('2026-03-02T08:00:00Z');
  const random = systemRandom;
  const db = url === undefined ? await openMigrated() : await openDatabase({ url, logger: silentLogger });
  await migrate(db, { logger: silentLogger, clock, random });
  const cipher = new ContentCipher(KeyRing.parse(`test:${Buffer.alloc(32, 1).toString('base64')}`), random);
  const boss = createBoss(db, silentLogger);
  await startBoss(boss, db);
  const runs = new RunRepository();
  const calendars = new CalendarRepository(cipher);
  const queue = new PgBossRunQueue({ boss, runs, calendars, settings: new SettingsRepository(), clock, random });
  return {
    db,
    boss,
    queue,
    runs,
    leases: new LeaseRepository(),
    calendars,
    connections: new ConnectionRepository(cipher),
    clock,
    random,
    close: async () => {
      await boss.stop({ graceful: false, close: false });
      await db.close();
    },
  };
}

export async function addCalendar(
  world: JobsWorld,
  userId: UserId,
  id: CalendarId = DEFAULT_CALENDAR_ID,
): Promise<void> {
  await world.db.transaction((tx) =>
    world.calendars.save(tx, userId, { id, graphCalendarId: undefined, name: id, isDefault: true, canEdit: true }),
  );
}

/** Doorbells that wait in the queue, as the runs they ring for. */
export async function waitingDoorbells(world: JobsWorld): Promise<{ runId: JobId; startAfter: Date }[]> {
  const jobs = await world.boss.findJobs<{ runId: JobId }>('calendar-sync', { queued: true });
  return jobs.map((job) => ({ runId: job.data.runId, startAfter: job.startAfter }));
}
