import { afterEach, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import { DEFAULT_RETENTION } from '../core/retention.ts';
import { silentLogger } from '../core/runtime.ts';
import { AuditRepository } from '../store/audit.repository.ts';
import { RetentionRepository } from '../store/retention.repository.ts';
import { RetentionWorker } from './retention.worker.ts';

const DAY_MS = 24 * 60 * 60_000;
const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const on = (day: string, subject: string) => ({ subject, start: at(`${day}T09:00:00`), end: at(`${day}T10:00:00`) });

let world: SyncWorld;
afterEach(() => world?.close());

it('a past event that is let go here stays in Outlook, and does not come back', async () => {
  world = await SyncWorld.open();
  await world.bookAll([on('2026-03-03', 'Of this week'), on('2026-12-24', 'Of this winter')]);
  await world.sync();
  const { cursor } = await world.services.eventService.changes(USER, { limit: 100 });
  world.clock.advance(120 * DAY_MS);
  await world.sync();
  const before = world.remoteContents().size;

  const periods = { ...DEFAULT_RETENTION, tombstonesDays: 365, pastEventsDays: 30 };
  const parts = { db: world.db, clock: world.clock, logger: silentLogger, audit: new AuditRepository() };
  const worker = new RetentionWorker({ ...parts, retention: new RetentionRepository(), periods });
  expect(await worker.tick()).toMatchObject({ pastEvents: 1 });

  expect((await world.all()).map(({ content }) => content.subject)).toEqual(['Of this winter']);
  await world.sync({ forceFull: true });
  expect(world.remoteContents().size).toBe(before);
  expect((await world.all()).map(({ content }) => content.subject)).toEqual(['Of this winter']);
  await expectQuiet(world);
  // Four months are beyond what the feed remembers, so whoever asks is told to start over.
  await expect(world.services.eventService.changes(USER, { cursor, limit: 100 })).rejects.toMatchObject({
    code: 'cursor-expired',
  });
});
