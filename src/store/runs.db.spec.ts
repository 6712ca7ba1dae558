import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, type StoreWorld } from '../../test/support/store-world.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type EventId, type JobId, type UserId } from '../core/ids.ts';
import type { NewRun, RunPatch } from './run.repository.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const LATER = new Date('2026-03-02T09:30:00Z');
const DAY_MS = 24 * 60 * 60 * 1000;

describe('runs', () =>
  onEachDatabase((world) => {
    it('are as they were asked for until the work begins', async () => {
      const request = { direction: 'pull', dateRange: { start: 'a\0', end: 'b' }, confirmDeletions: 'token' } as const;
      await create(world, run('r1', { request, correlationId: 'c\0', parentId: 'r0' as JobId, calendarId: 'all' }));
      expect(await world.runs.find(world.db, ALICE, 'r1' as JobId)).toMatchObject({
        ...{
          id: 'r1',
          userId: ALICE,
          calendarId: 'all',
          status: 'PENDING',
          direction: 'bidirectional',
          trigger: 'api',
        },
        ...{ request: { ...request, dateRange: { start: 'a\ufffd', end: 'b' } }, queuedAt: NOW, parentId: 'r0' },
        ...{ startedAt: undefined, completedAt: undefined, attempts: 0, totalEvents: 0, error: undefined },
        ...{ errorDetails: undefined, confirmationIds: undefined, durationMs: undefined, percentage: 0 },
      });
    });

    it('keep whatever is noted of them, and take it back when told', async () => {
      await create(world, run('r1'));
      const counts = {
        ...{
          totalEvents: 10,
          processedEvents: 4,
          createdEvents: 3,
          updatedEvents: 2,
          deletedEvents: 1,
          failedEvents: 5,
        },
        ...{
          conflictsDetected: 6,
          localCreated: 1,
          localUpdated: 2,
          localDeleted: 3,
          remoteCreated: 4,
          remoteUpdated: 5,
        },
        ...{ remoteDeleted: 6, graphRequests: 7, attempts: 2, durationMs: 1_234 },
      };
      await update(world, 'r1', {
        ...{ ...counts, status: 'FAILED', startedAt: NOW, completedAt: LATER, lastSyncTime: LATER },
        ...{ throttled: 1, retried: 2, failedRequests: 3, errorsByCategory: { throttled: 2 }, error: 'ref\0used' },
        ...{ errorCode: 'REJECTED', errorDetails: { side: 'local', note: '\0' }, confirmationToken: 't' },
        confirmationIds: ['a', 'b'],
      });
      expect(await world.runs.find(world.db, undefined, 'r1' as JobId)).toMatchObject({
        ...{ ...counts, status: 'FAILED', startedAt: NOW, completedAt: LATER, lastSyncTime: LATER, percentage: 40 },
        ...{ error: 'ref\ufffdused', errorCode: 'REJECTED', errorDetails: { side: 'local', note: '\ufffd' } },
        ...{ confirmationToken: 't', confirmationIds: ['a', 'b'] },
      });
      await update(world, 'r1', {
        error: null,
        errorCode: null,
        errorDetails: null,
        confirmationToken: null,
        confirmationIds: null,
      });
      await update(world, 'r1', {});
      expect(await world.runs.find(world.db, ALICE, 'r1' as JobId)).toMatchObject({
        ...{ error: undefined, errorCode: undefined, errorDetails: undefined, confirmationIds: undefined },
        ...{ ...counts, status: 'FAILED' },
      });
    });

    it('show a progress that never goes back, and is not through before they end', async () => {
      await create(world, run('r1'));
      const percentages: (number | undefined)[] = [];
      for (const [processed, total] of [
        [0, 0],
        [5, 10],
        [5, 100],
        [100, 100],
      ] as const) {
        await update(world, 'r1', { processedEvents: processed, totalEvents: total });
        percentages.push((await world.runs.find(world.db, ALICE, 'r1' as JobId))?.percentage);
      }
      expect(percentages).toEqual([0, 50, 50, 99]);
    });

    it('are another user’s for nobody but workers and operators', async () => {
      await create(world, run('r1'));
      expect(await world.runs.find(world.db, BOB, 'r1' as JobId)).toBeUndefined();
      expect(await world.runs.find(world.db, undefined, 'r1' as JobId)).toMatchObject({ id: 'r1' });
      expect(await world.runs.listActive(world.db, BOB, DEFAULT_CALENDAR_ID)).toEqual([]);
      expect(await world.runs.list(world.db, { userId: BOB, limit: 10, offset: 0 })).toEqual({ items: [], total: 0 });
      await world.db.transaction(async (tx) => {
        expect(await world.runs.requestCancel(tx, BOB, 'r1' as JobId, { at: NOW, isAtWork: false })).toBeUndefined();
        await world.runs.cancelAll(tx, BOB, NOW);
      });
      expect(await world.runs.find(world.db, ALICE, 'r1' as JobId)).toMatchObject({ status: 'PENDING' });
    });

    it('are active while they wait or work and nobody cancelled them, the oldest first', async () => {
      await create(world, run('young', { queuedAt: LATER }), run('old'), run('working'), run('done'), run('cancelled'));
      await create(world, run('elsewhere', { calendarId: 'other' as CalendarId }));
      await update(world, 'working', { status: 'IN_PROGRESS' });
      await update(world, 'done', { status: 'COMPLETED' });
      await update(world, 'cancelled', { status: 'IN_PROGRESS', cancelRequestedAt: NOW });
      const active = await world.runs.listActive(world.db, ALICE, DEFAULT_CALENDAR_ID);
      expect(active.map(({ id }) => id)).toEqual(['old', 'working', 'young']);
      expect(active[0]?.requestHash).toBe('hash');
    });

    it('are listed newest first, in pages, by calendar and by status', async () => {
      for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
        await create(world, run(id, { queuedAt: new Date(NOW.getTime() + index), userId: id === 'd' ? BOB : ALICE }));
      }
      await create(world, run('e', { calendarId: 'other' as CalendarId }));
      await update(world, 'b', { status: 'COMPLETED' });
      const ids = async (query: object) => {
        const { items, total } = await world.runs.list(world.db, { limit: 10, offset: 0, ...query });
        return [items.map(({ id }) => id).join(' '), total];
      };
      expect(await ids({})).toEqual(['d c b e a', 5]);
      expect(await ids({ userId: ALICE, limit: 2, offset: 1 })).toEqual(['b e', 4]);
      expect(await ids({ userId: ALICE, calendarId: 'other' })).toEqual(['e', 1]);
      expect(await ids({ calendarId: 'no\0ne' })).toEqual(['', 0]);
      expect(await ids({ status: 'COMPLETED' })).toEqual(['b', 1]);
      expect(await ids({ offset: 9 })).toEqual(['', 5]);
    });

    it('begin unless they were ended or cancelled first', async () => {
      await create(world, run('fresh'), run('again'), run('ended'), run('cancelled'));
      await update(world, 'again', { status: 'IN_PROGRESS', error: 'interrupted' });
      await update(world, 'ended', { status: 'FAILED' });
      await update(world, 'cancelled', { cancelRequestedAt: NOW });
      const begin = (id: string) => world.db.transaction((tx) => world.runs.begin(tx, id as JobId, LATER));
      expect(await Promise.all(['fresh', 'again', 'ended', 'cancelled', 'nobody'].map(begin))).toEqual([
        ...[true, true, false, false, false],
      ]);
      expect(await world.runs.find(world.db, ALICE, 'again' as JobId)).toMatchObject({
        ...{ status: 'IN_PROGRESS', startedAt: LATER, error: undefined },
      });
    });

    it('end at once when cancelled while they wait; one at work is asked, or ended when nobody is at it', async () => {
      const ids = ['waiting', 'working', 'abandoned', 'forgotten', 'ended'];
      await create(world, ...ids.map((id) => run(id)));
      await update(world, 'working', { status: 'IN_PROGRESS', startedAt: NOW });
      await update(world, 'abandoned', { status: 'IN_PROGRESS', startedAt: NOW });
      await update(world, 'forgotten', { status: 'IN_PROGRESS', startedAt: new Date('2020-01-01T00:00:00Z') });
      await update(world, 'ended', { status: 'COMPLETED', completedAt: NOW });
      const cancel = (id: string, isAtWork: boolean) =>
        world.db.transaction((tx) => world.runs.requestCancel(tx, ALICE, id as JobId, { at: LATER, isAtWork }));
      expect(await cancel('waiting', false)).toMatchObject({
        ...{ status: 'CANCELLED', startedAt: LATER, completedAt: LATER, durationMs: 0, cancelRequestedAt: LATER },
      });
      const asked = await cancel('working', true);
      expect(asked).toMatchObject({ status: 'IN_PROGRESS', cancelRequestedAt: LATER, completedAt: undefined });
      expect(await cancel('abandoned', false)).toMatchObject({ status: 'CANCELLED', durationMs: 90 * 60_000 });
      expect(await cancel('forgotten', false)).toMatchObject({ status: 'CANCELLED', durationMs: 2_147_483_647 });
      expect(await cancel('ended', false)).toBeUndefined();
      expect(await cancel('nobody', false)).toBeUndefined();
    });

    it('of one user can all be ended together', async () => {
      await create(world, run('waiting'), run('working'), run('ended'), run('his', { userId: BOB }));
      await update(world, 'working', { status: 'IN_PROGRESS', startedAt: NOW });
      await update(world, 'ended', { status: 'FAILED' });
      await world.db.transaction((tx) => world.runs.cancelAll(tx, ALICE, LATER));
      const { items } = await world.runs.list(world.db, { limit: 10, offset: 0 });
      expect(Object.fromEntries(items.map(({ id, status, durationMs }) => [id, [status, durationMs]]))).toEqual({
        ...{ waiting: ['CANCELLED', 0], working: ['CANCELLED', 90 * 60_000], ended: ['FAILED', undefined] },
        his: ['PENDING', undefined],
      });
    });
  }));

describe('statistics', () =>
  onEachDatabase((world) => {
    const query = (more: object = {}) => ({ userId: ALICE as UserId | undefined, days: 7, now: NOW, ...more });

    it('are zeros and nothing where there were no runs', async () => {
      expect(await world.statistics.metrics(world.db, query())).toEqual({
        days: 7,
        syncs: { total: 0, completed: 0, failed: 0, cancelled: 0, averageDurationMs: null, p95DurationMs: null },
        events: { processed: 0, created: 0, updated: 0, deleted: 0, failed: 0 },
        conflicts: { detected: 0, resolved: 0 },
        graph: { requests: 0, throttled: 0, retried: 0, failed: 0, byErrorCategory: {} },
        byDay: [],
      });
      expect(await world.statistics.conflicts(world.db, query())).toEqual({
        ...{
          days: 7,
          total: 0,
          pending: 0,
          resolved: 0,
          byType: {},
          byResolution: {},
          averageResolutionMs: null,
          byDay: [],
        },
      });
    });

    it('add up the runs of the period, days in UTC', async () => {
      const ended: [string, Date, RunPatch][] = [
        [
          'r1',
          daysAgo(0.1),
          { status: 'COMPLETED', durationMs: 100, processedEvents: 10, createdEvents: 4, graphRequests: 3 },
        ],
        [
          'r2',
          daysAgo(0.2),
          { status: 'COMPLETED', durationMs: 300, processedEvents: 20, updatedEvents: 5, throttled: 2 },
        ],
        [
          'r3',
          daysAgo(2),
          { status: 'FAILED', durationMs: 200, deletedEvents: 6, failedEvents: 7, retried: 1, failedRequests: 8 },
        ],
        ['r4', daysAgo(2), { status: 'CANCELLED', conflictsDetected: 9 }],
        ['too-old', daysAgo(7), { status: 'COMPLETED', durationMs: 99_999, processedEvents: 1_000 }],
      ];
      for (const [id, queuedAt, patch] of ended) {
        await create(world, run(id, { queuedAt }));
        await update(world, id, patch);
      }
      await create(world, run('waiting', { queuedAt: new Date('2026-03-01T23:59:59.999Z') }));
      await create(world, run('his', { queuedAt: daysAgo(1), userId: BOB }));
      await update(world, 'his', { status: 'COMPLETED', durationMs: 5_000, errorsByCategory: { network: 1 } });
      await update(world, 'r1', { errorsByCategory: { throttled: 2, network: 1 } });
      await update(world, 'r3', { errorsByCategory: { throttled: 3 } });
      expect(await world.statistics.metrics(world.db, query())).toEqual({
        days: 7,
        syncs: { total: 5, completed: 2, failed: 1, cancelled: 1, averageDurationMs: 200, p95DurationMs: 290 },
        events: { processed: 30, created: 4, updated: 5, deleted: 6, failed: 7 },
        conflicts: { detected: 9, resolved: 0 },
        graph: { requests: 3, throttled: 2, retried: 1, failed: 8, byErrorCategory: { network: 1, throttled: 5 } },
        byDay: [
          { day: '2026-02-28', syncs: 2, events: 0, conflicts: 9 },
          { day: '2026-03-01', syncs: 1, events: 0, conflicts: 0 },
          { day: '2026-03-02', syncs: 2, events: 30, conflicts: 0 },
        ],
      });
      const everybody = await world.statistics.metrics(world.db, query({ userId: undefined }));
      expect(everybody.syncs).toMatchObject({ total: 6, completed: 3 });
      expect(everybody.graph.byErrorCategory).toEqual({ network: 2, throttled: 5 });
    });

    it('tell the 95th percentile of many durations, not their worst', async () => {
      const ids = Array.from({ length: 101 }, (_, index) => `r${index}`);
      await create(world, ...ids.map((id) => run(id, { queuedAt: daysAgo(1) })));
      await world.db.transaction(async (tx) => {
        for (const [index, id] of ids.entries()) {
          await world.runs.update(tx, id as JobId, { durationMs: index === 100 ? 1_000_000 : index * 10 });
        }
      });
      const { syncs } = await world.statistics.metrics(world.db, query());
      expect(syncs.p95DurationMs).toBe(950);
    });

    it('add up conflicts by kind, by how they ended, and by day', async () => {
      const record = async (id: string, at: Date, more: object = {}, userId: UserId = ALICE) =>
        world.db.transaction((tx) =>
          world.conflicts.record(tx, [
            {
              ...{ id, userId, calendarId: DEFAULT_CALENDAR_ID, syncStateId: 'r' as JobId, eventId: id as EventId, at },
              ...{ conflictType: 'UPDATE_UPDATE', units: ['subject'], resolution: 'PENDING' },
              ...{ data: { base: null, local: anEvent(), remote: anEvent() }, ...more },
            },
          ]),
        );
      await record('pending', daysAgo(0.1));
      await record('settled', daysAgo(1));
      await record('at-once', daysAgo(2), { resolution: 'PREFER_LATEST', conflictType: 'DUPLICATE_CREATE' });
      await record('too-old', daysAgo(7));
      await record('his', daysAgo(1), {}, BOB);
      await world.db.transaction(async (tx) => {
        await world.conflicts.settle(tx, ALICE, ['settled' as EventId, 'too-old' as EventId], NOW);
      });
      expect(await world.statistics.conflicts(world.db, query())).toEqual({
        ...{ days: 7, total: 3, pending: 1, resolved: 2, averageResolutionMs: DAY_MS / 2 },
        byType: { DUPLICATE_CREATE: 1, UPDATE_UPDATE: 2 },
        byResolution: { MERGE: 1, PREFER_LATEST: 1 },
        byDay: [
          { day: '2026-02-28', detected: 1, resolved: 1 },
          { day: '2026-03-01', detected: 1, resolved: 1 },
          { day: '2026-03-02', detected: 1, resolved: 0 },
        ],
      });
      expect((await world.statistics.metrics(world.db, query())).conflicts.resolved).toBe(3);
      expect((await world.statistics.conflicts(world.db, query({ userId: undefined }))).total).toBe(4);
      expect((await world.statistics.conflicts(world.db, query({ userId: BOB }))).total).toBe(1);
    });
  }));

function run(id: string, more: Partial<NewRun> = {}): NewRun {
  return {
    ...{ id: id as JobId, userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, direction: 'bidirectional', request: {} },
    ...{ requestHash: 'hash', trigger: 'api', queuedAt: NOW, ...more },
  };
}

async function create(world: StoreWorld, ...runs: NewRun[]): Promise<void> {
  await world.db.transaction(async (tx) => {
    for (const one of runs) await world.runs.create(tx, one);
  });
}

function update(world: StoreWorld, id: string, patch: RunPatch): Promise<void> {
  return world.db.transaction((tx) => world.runs.update(tx, id as JobId, patch));
}

function daysAgo(days: number): Date {
  return new Date(NOW.getTime() - days * DAY_MS);
}
