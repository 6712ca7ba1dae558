import { afterAll, beforeAll, expect, it } from 'vitest';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { UserId } from '../core/ids.ts';

const BOB = 'bob' as UserId;
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const visit = (subject: string, day: string) => ({
  subject,
  start: berlin(`${day}T09:00:00`),
  end: berlin(`${day}T10:00:00`),
});

let world: SyncWorld;
beforeAll(async () => {
  world = await SyncWorld.open({ settings: { conflictResolution: 'manual' } });
  const [id] = await world.bookAll([visit('one', '2026-03-10'), visit('two', '2026-03-11')]);
  world.mailbox.createEvent(visit('three', '2026-03-12'));
  await world.sync();
  world.clock.advance(60_000);
  const { graphEventId } = await world.get(id!);
  world.mailbox.updateEvent(graphEventId!, { subject: 'one there' });
  await world.edit(id!, { subject: 'one here' });
  await world.sync();
  world.clock.advance(60_000);
  const [conflict] = await world.pendingConflicts();
  await world.services.conflicts.resolve(USER, conflict!.id, { resolution: 'PREFER_LOCAL' });
  await world.dropQueuedRuns();
});
afterAll(async () => {
  await world.close();
});

const service = () => world.services.statisticsService;

it('counts what runs did, day by day, and leaves other users out', async () => {
  const metrics = await service().metrics(USER, 7);
  expect(metrics).toMatchObject({
    days: 7,
    syncs: { completed: 2, failed: 0 },
    events: { created: 3, updated: 0, deleted: 0, failed: 0 },
    conflicts: { detected: 1, resolved: 1 },
    byDay: [{ day: '2026-03-02' }],
  });
  expect(metrics.syncs.total).toBe(metrics.syncs.completed + metrics.syncs.cancelled);
  expect(metrics.graph.requests).toBeGreaterThan(0);
  expect(await service().metrics(BOB, 7)).toMatchObject({ syncs: { total: 0, averageDurationMs: null }, byDay: [] });
  expect(await service().metrics(undefined, 7)).toEqual(metrics);
});

it('tells how conflicts went', async () => {
  expect(await service().conflicts(USER, 30)).toMatchObject({
    days: 30,
    total: 1,
    pending: 0,
    resolved: 1,
    byType: { UPDATE_UPDATE: 1 },
    byResolution: { PREFER_LOCAL: 1 },
    averageResolutionMs: 60_000,
  });
  expect(await service().conflicts(BOB, 30)).toMatchObject({ total: 0, averageResolutionMs: null });
});

it('looks back as many days as asked for, and no other number', async () => {
  world.clock.advance(3 * 24 * 60 * 60_000);
  expect(await service().metrics(USER, 2)).toMatchObject({ syncs: { total: 0 } });
  expect(await service().metrics(USER, 4)).toMatchObject({ syncs: { completed: 2 } });
  for (const days of [0, -1, 1.5, 367, Number.NaN]) {
    await expect(service().metrics(USER, days)).rejects.toMatchObject({
      code: 'invalid-input',
      problems: [{ path: 'days' }],
    });
    await expect(service().conflicts(USER, days)).rejects.toMatchObject({ code: 'invalid-input' });
  }
});
