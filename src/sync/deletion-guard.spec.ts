import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type UserId } from '../core/ids.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import type { RunRepository } from '../store/run.repository.ts';
import { DeletionGuard } from './deletion-guard.ts';

const NOW = '2026-03-10T08:00:00.000Z';

interface History {
  /** How much smaller the calendar has become within a day. */
  readonly shrunk?: number;
  /** Of those to be deleted now: how many were refused before, and how many of them as a slow wipe. */
  readonly refused?: { all: number; slow: number };
}

/** What the guard says of so many deletions among so many synced events, with such a history. */
async function judged(deletions: number, of: number, { shrunk = 0, refused = { all: 0, slow: 0 } }: History = {}) {
  const eventIds = Array.from({ length: deletions }, (_, each) => `event ${each}` as EventId);
  const asked: Date[] = [];
  const operations: Pick<OperationRepository, 'shrunkSince'> = {
    shrunkSince: async (_q, _userId, _calendarId, { since }) => {
      asked.push(since);
      return shrunk;
    },
  };
  const runs: Pick<RunRepository, 'countRefused'> = { countRefused: async () => refused };
  const guard = new DeletionGuard({
    ...{ db: {} as Db, operations: operations as OperationRepository, runs: runs as RunRepository },
    bases: {} as BaseRepository,
    clock: new ManualClock(NOW),
  });
  const context = { userId: 'ada' as UserId, calendarId: DEFAULT_CALENDAR_ID };
  const said = await guard.refused(context, { side: 'local', eventIds, of });
  if (said) expect(said).toMatchObject({ side: 'local', eventIds, of });
  for (const since of asked) expect(since.toISOString()).toBe('2026-03-09T08:00:00.000Z');
  return said ? { deletedBefore: said.deletedBefore } : 'let through';
}

describe('deletions of one run', () => {
  it('are asked about when they are many by themselves, whatever went before', async () => {
    expect(await judged(20, 20)).toBe('let through');
    expect(await judged(21, 62)).toEqual({ deletedBefore: undefined });
    expect(await judged(21, 63)).toBe('let through');
    expect(await judged(30, 40, { shrunk: 30, refused: { all: 30, slow: 30 } })).toEqual({ deletedBefore: undefined });
  });

  it('are asked about when they are many together with what the calendar has lost within a day', async () => {
    expect(await judged(10, 25, { shrunk: 15 })).toEqual({ deletedBefore: 15 });
    expect(await judged(1, 20, { shrunk: 20 })).toEqual({ deletedBefore: 20 });
    expect(await judged(1, 21, { shrunk: 19 })).toBe('let through');
    expect(await judged(10, 100, { shrunk: 20 })).toBe('let through');
  });

  it('are asked about again when many of them were refused before, although the calendar has grown', async () => {
    expect(await judged(21, 1000, { refused: { all: 21, slow: 0 } })).toEqual({ deletedBefore: undefined });
    expect(await judged(20, 1000, { refused: { all: 21, slow: 0 } })).toBe('let through');
    expect(await judged(21, 1000, { refused: { all: 20, slow: 0 } })).toBe('let through');
  });

  it('are asked about again when any of them was refused as part of a slow wipe, although the day is over', async () => {
    expect(await judged(5, 1000, { refused: { all: 1, slow: 1 } })).toEqual({ deletedBefore: 0 });
    expect(await judged(5, 1000, { shrunk: 3, refused: { all: 5, slow: 5 } })).toEqual({ deletedBefore: 3 });
    expect(await judged(5, 1000, { refused: { all: 5, slow: 0 } })).toBe('let through');
  });

  it('that are none are nothing to ask about, however much went before', async () => {
    expect(await judged(0, 10, { shrunk: 500, refused: { all: 500, slow: 500 } })).toBe('let through');
  });
});
