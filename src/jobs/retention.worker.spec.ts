import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, type StoreWorld } from '../../test/support/store-world.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type EventId, type JobId, type UserId } from '../core/ids.ts';
import { DEFAULT_RETENTION, type RetentionPeriods } from '../core/retention.ts';
import { type Clock, silentLogger } from '../core/runtime.ts';
import { AuditRepository } from '../store/audit.repository.ts';
import { RetentionRepository } from '../store/retention.repository.ts';
import { RetentionWorker } from './retention.worker.ts';

const DAY_MS = 24 * 60 * 60_000;
const audit = new AuditRepository();

/** The world's clock, whose sleepers do not wait to be woken. */
function workerOf(world: StoreWorld, periods: Partial<RetentionPeriods> = {}, retention = new RetentionRepository()) {
  const clock: Clock = { now: () => world.clock.now(), sleep: async (_ms, signal) => signal?.throwIfAborted() };
  return new RetentionWorker({
    ...{ db: world.db, retention, audit, periods: { ...DEFAULT_RETENTION, ...periods } },
    ...{ clock, logger: silentLogger },
  });
}

const daysAgo = (world: StoreWorld, days: number) => new Date(world.clock.now().getTime() - days * DAY_MS);

async function book(
  world: StoreWorld,
  id: string,
  o: { userId?: UserId; day?: string; calendarId?: CalendarId; isAgreed?: boolean } = {},
): Promise<void> {
  const { userId = ALICE, day = '2025-01-10', calendarId = DEFAULT_CALENDAR_ID, isAgreed = true } = o;
  const at = (time: string) => ({ dateTime: `${day}T${time}`, timeZone: 'UTC' });
  const content = anEvent({ start: at('09:00:00'), end: at('10:00:00') });
  const stamps = { lastModifiedAt: world.clock.now(), createdAt: world.clock.now() };
  await world.db.transaction(async (tx) => {
    const eventId = id as EventId;
    const revisions = await world.events.saveMany(tx, userId, [{ id: eventId, calendarId, content, ...stamps }]);
    const agreedRevision = isAgreed ? (revisions.get(eventId) ?? 0n) : 0n;
    await world.bases.saveMany(tx, userId, [
      {
        eventId,
        userId,
        calendarId,
        agreedRevision,
        local: content,
        remote: content,
        generation: 0,
        conflictUnits: [],
        heldUnits: [],
      },
    ]);
  });
}

async function ids(world: StoreWorld, table: string, column = 'id'): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select ${sql.ref(column)}::text as id from ${sql.table(table)} order by 1
  `.execute(world.db.kysely);
  return rows.map(({ id }) => id);
}

async function addRun(world: StoreWorld, id: string, days: number, status = 'COMPLETED'): Promise<void> {
  const queuedAt = daysAgo(world, days);
  await world.db.transaction(async (tx) => {
    await world.runs.create(tx, {
      ...{ id: id as JobId, userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, direction: 'pull', request: {} },
      ...{ requestHash: id, trigger: 'api', queuedAt },
    });
    if (status !== 'PENDING')
      await world.runs.update(tx, id as JobId, { status: status as 'COMPLETED', completedAt: queuedAt });
    await world.operations.append(tx, [
      {
        ...{
          id: `op of ${id}`,
          runId: id as JobId,
          userId: ALICE,
          calendarId: DEFAULT_CALENDAR_ID,
          eventId: 'e' as EventId,
        },
        ...{ side: 'local', operation: 'create', fields: [], reason: 'new', at: queuedAt },
      },
    ]);
  });
}

describe('retention', () =>
  onEachDatabase((world) => {
    it('deletes what is older than it is to be kept, and says how much', async () => {
      await addRun(world, 'old', 91);
      await addRun(world, 'young', 89);
      await addRun(world, 'waiting', 200, 'PENDING');
      await world.db.transaction(async (tx) => {
        for (const [id, days, resolution] of [
          ['c-old', 181, 'MERGE'],
          ['c-young', 179, 'MERGE'],
          ['c-open', 400, 'PENDING'],
        ] as const) {
          await world.conflicts.record(tx, [
            {
              ...{
                id,
                userId: ALICE,
                calendarId: DEFAULT_CALENDAR_ID,
                syncStateId: 'old' as JobId,
                eventId: id as EventId,
              },
              ...{ conflictType: 'UPDATE_UPDATE', units: ['subject'], resolution, at: daysAgo(world, days) },
              data: { base: null, local: null, remote: null },
            },
          ]);
        }
        for (const days of [366, 364])
          await audit.append(tx, {
            at: daysAgo(world, days),
            actor: 'a',
            action: 'settings.changed',
            target: String(days),
          });
        for (const days of [8, 6]) {
          const at = daysAgo(world, days);
          await world.idempotency.take(tx, ALICE, {
            key: `key-${days}`,
            requestHash: 'h',
            eventId: 'e' as EventId,
            at,
          });
        }
        for (const days of [31, 29]) {
          await sql`
            insert into "WebhookDelivery" (id, "userId", "webhookId", "eventType", payload, "createdAt", "nextAttemptAt")
            values (${`d-${days}`}, 'alice', 'w', 'event.created', '{}', ${daysAgo(world, days).toISOString()}::timestamptz, null),
              (${`d-${days}-waiting`}, 'alice', 'w', 'event.created', '{}', ${daysAgo(world, days).toISOString()}::timestamptz, now())
          `.execute(tx.kysely);
        }
        for (const days of [2, 0]) {
          const at = daysAgo(world, days).toISOString();
          await sql`
            insert into "AuthorizationRequest" ("stateHash", "userId", secret, "createdAt", "expiresAt")
            values (${`a-${days}`}, 'alice', '{}', ${at}::timestamptz, ${at}::timestamptz)
          `.execute(tx.kysely);
          await sql`insert into "RateCount" values (${`r-${days}`}, ${at}::timestamptz, 1)`.execute(tx.kysely);
        }
      });

      const counts = await workerOf(world).tick();

      const expected = { operations: 2, runs: 1, conflicts: 1, pastEvents: 0, tombstones: 0, auditEntries: 1 };
      expect(counts).toEqual({
        ...expected,
        authorizations: 1,
        idempotencyKeys: 1,
        webhookDeliveries: 1,
        rateCounts: 1,
      });
      expect(await ids(world, 'CalendarSyncState')).toEqual(['waiting', 'young']);
      expect(await ids(world, 'SyncOperation')).toEqual(['op of young']);
      expect(await ids(world, 'CalendarSyncConflict')).toEqual(['c-open', 'c-young']);
      expect(await ids(world, 'IdempotencyKey', 'key')).toEqual(['key-6']);
      expect(await ids(world, 'WebhookDelivery')).toEqual(['d-29', 'd-29-waiting', 'd-31-waiting']);
      expect(await ids(world, 'AuthorizationRequest', 'stateHash')).toEqual(['a-0']);
      expect(await ids(world, 'RateCount', 'key')).toEqual(['r-0']);
      expect(await audit.list(world.db, { limit: 10 })).toMatchObject([
        { action: 'retention.ran', actor: null, outcome: 'done', details: { runs: 1, auditEntries: 1 } },
        { action: 'retention.began' },
        { target: '364' },
      ]);
      expect((await new RetentionRepository().lastRun(world.db))?.counts).toMatchObject({ runs: 1 });
    });

    it('goes on until a large heap is gone', async () => {
      await sql`
        insert into "IdempotencyKey" select 'alice', n::text, 'h', 'e', '2020-01-01' from generate_series(1, 2500) n
      `.execute(world.db.kysely);
      expect(await workerOf(world).tick()).toMatchObject({ idempotencyKeys: 2500 });
    });

    it('is done once a night, by one of several', async () => {
      const workers = [workerOf(world), workerOf(world), workerOf(world)];
      const done = await Promise.all(workers.map((worker) => worker.tick()));
      expect(done.filter((counts) => counts)).toHaveLength(1);
      // It is eight in the morning; the next night begins at three.
      world.clock.advance(18.9 * 60 * 60_000);
      expect(await workerOf(world).tick()).toBeUndefined();
      world.clock.advance(0.2 * 60 * 60_000);
      expect(await workerOf(world).tick()).toBeDefined();
    });

    it('is tried again after an hour when it failed, or whoever was at it died', async () => {
      class Failing extends RetentionRepository {
        override async deleteBatch(): Promise<number> {
          throw new Error('the disk is full');
        }
      }
      await expect(workerOf(world, {}, new Failing()).tick()).rejects.toThrow('the disk is full');
      expect(await workerOf(world).tick()).toBeUndefined();
      world.clock.advance(61 * 60_000);
      expect(await workerOf(world).tick()).toBeDefined();
      expect((await audit.list(world.db, { action: 'retention.ran', limit: 5 })).map(({ outcome }) => outcome)).toEqual(
        ['done', 'failed'],
      );
    });

    it('keeps tombstones that are still to be carried to Outlook', async () => {
      await book(world, 'agreed');
      await book(world, 'owed');
      await book(world, 'fresh');
      await world.db.transaction(async (tx) => {
        await world.events.deleteMany(tx, ALICE, ['agreed', 'owed'] as EventId[], daysAgo(world, 91));
        await world.events.deleteMany(tx, ALICE, ['fresh'] as EventId[], daysAgo(world, 89));
        await world.bases.deleteMany(tx, ALICE, ['agreed', 'fresh'] as EventId[]);
      });
      expect(await workerOf(world).tick()).toMatchObject({ tombstones: 1 });
      expect(await ids(world, 'CalendarEventTombstone', 'eventId')).toEqual(['fresh', 'owed']);
    });

    describe('of past events', () => {
      const connect = (userId: UserId) =>
        world.db.transaction((tx) =>
          world.connections.save(
            tx,
            { userId, mailbox: 'a@example.com', mailboxId: userId, mode: 'application', timeZone: 'UTC' },
            world.clock.now(),
          ),
        );

      it('is off unless somebody wants it', async () => {
        await book(world, 'ancient', { day: '2010-01-10' });
        expect(await workerOf(world).tick()).toMatchObject({ pastEvents: 0 });
        expect(await ids(world, 'CalendarEvent')).toEqual(['ancient']);
      });

      it('takes those outside the window that wait for nobody, and has nothing deleted in Outlook', async () => {
        await connect(ALICE);
        await book(world, 'past', { day: '2025-06-10' });
        await book(world, 'pending', { day: '2025-06-10', isAgreed: false });
        await book(world, 'recent', { day: '2026-02-10' });
        expect(await workerOf(world, { pastEventsDays: 30 }).tick()).toMatchObject({ pastEvents: 1 });
        // Thirty days would be enough, but the calendar's window reaches back ninety.
        expect(await ids(world, 'CalendarEvent')).toEqual(['pending', 'recent']);
        expect(await world.tombstones.listPending(world.db, ALICE, DEFAULT_CALENDAR_ID)).toEqual([]);
        expect(await ids(world, 'EventBase', 'eventId')).toEqual(['pending', 'recent']);
        expect(await ids(world, 'CalendarEventTombstone', 'eventId')).toEqual(['past']);
      });

      it('goes by the window of the calendar, else of the user', async () => {
        const wide = 'wide' as CalendarId;
        await Promise.all([connect(ALICE), connect(BOB)]);
        await world.db.transaction(async (tx) => {
          await world.calendars.save(tx, ALICE, { id: wide, name: 'wide', isDefault: false, canEdit: true });
          await world.calendars.saveSettings(tx, ALICE, wide, { window: { pastDays: 1000, futureDays: 30 } });
          await world.settings.save(tx, BOB, { window: { pastDays: 1000, futureDays: 30 } });
        });
        await book(world, 'in the window', { calendarId: wide });
        await book(world, 'outside');
        await book(world, 'his', { userId: BOB });
        expect(await workerOf(world, { pastEventsDays: 30 }).tick()).toMatchObject({ pastEvents: 1 });
        expect(await ids(world, 'CalendarEvent')).toEqual(['his', 'in the window']);
      });

      it('keeps out of the way of a run at work', async () => {
        await connect(ALICE);
        await book(world, 'past');
        await world.db.transaction((tx) => world.leases.claim(tx, ALICE, 'a worker', world.clock.now(), 60_000));
        expect(await workerOf(world, { pastEventsDays: 30 }).tick()).toMatchObject({ pastEvents: 0 });
      });

      it('does not take a lease from before the clock was set back for a run at work', async () => {
        await connect(ALICE);
        await book(world, 'past');
        const ahead = new Date(world.clock.now().getTime() + 86_400_000);
        await world.db.transaction((tx) => world.leases.claim(tx, ALICE, 'a worker', ahead, 30_000));
        expect(await workerOf(world, { pastEventsDays: 30 }).tick()).toMatchObject({ pastEvents: 1 });
      });
    });
  }));
