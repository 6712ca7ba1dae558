import { sql } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, onPostgres, type StoreWorld } from '../../test/support/store-world.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type UserId } from '../core/ids.ts';
import type { Tx } from './db.ts';

const HOUR_MS = 60 * 60_000;
const [A, B, C] = ['a', 'b', 'c'] as [EventId, EventId, EventId];

describe('the change feed', () =>
  onEachDatabase((world) => {
    it('tells everything that is there to begin with, and nothing that is gone', async () => {
      await save(world, [A, B]);
      await remove(world, [B]);
      const first = await read(world);
      expect(first.items).toEqual([{ change: 'created', id: A }]);
      expect(first.hasMore).toBe(false);
      expect((await read(world, first.cursor)).items).toEqual([]);
    });

    it('goes on from a cursor: new, changed and deleted events, each as it is now', async () => {
      await save(world, [A, B]);
      const { cursor } = await read(world);
      await save(world, [A], 'Changed');
      await save(world, [A], 'Changed again');
      await save(world, [C]);
      await remove(world, [B]);
      const next = await read(world, cursor);
      expect(next.items).toEqual([
        { change: 'updated', id: A },
        { change: 'created', id: C },
        { change: 'deleted', id: B },
      ]);
      const last = await read(world, next.cursor);
      expect(last).toEqual({ items: [], cursor: next.cursor, hasMore: false });
    });

    it('calls an event new that was made and changed since the cursor', async () => {
      const { cursor } = await read(world);
      await save(world, [A]);
      await save(world, [A], 'Changed');
      expect((await read(world, cursor)).items).toEqual([{ change: 'created', id: A }]);
    });

    it('comes in pages, also where one transaction wrote more than a page', async () => {
      const ids = Array.from({ length: 7 }, (_, index) => `event-${index}` as EventId);
      await save(world, ids);
      await remove(world, [ids[0] as EventId]);
      const seen: string[] = [];
      let cursor = (await read(world, undefined, 0)).cursor;
      for (let page = await read(world, cursor, 3); ; page = await read(world, cursor, 3)) {
        expect(page.items.length).toBeLessThanOrEqual(3);
        seen.push(...page.items.map(({ id, change }) => `${change} ${id}`));
        cursor = page.cursor;
        if (!page.hasMore) break;
      }
      expect(seen).toEqual([...ids.slice(1).map((id) => `created ${id}`), `deleted ${ids[0]}`]);
    });

    it('tells an event once that was deleted and made again', async () => {
      await save(world, [A]);
      const { cursor } = await read(world);
      await remove(world, [A]);
      await save(world, [A]);
      expect((await read(world, cursor)).items).toEqual([{ change: 'created', id: A }]);
    });

    it('shows each user their own changes only, whoever’s cursor is used', async () => {
      await save(world, [A]);
      await save(world, [B], 'Hers', BOB);
      await remove(world, [B], BOB);
      const { items, cursor } = await read(world);
      expect(items).toEqual([{ change: 'created', id: A }]);
      await save(world, [C], 'His', BOB);
      await save(world, ['d' as EventId], 'His', BOB);
      await remove(world, ['d' as EventId], BOB);
      expect((await read(world, cursor)).items).toEqual([]);
    });

    it.each([
      ['nothing', ''],
      ['words', 'the beginning'],
      ['a number alone', encoded('12')],
      ['negative numbers', encoded('-1.-1.-1')],
      ['numbers no database holds', encoded('9223372036854775808.1.1')],
      ['numbers of twenty digits', encoded('1.99999999999999999999.1')],
      ['an injection', encoded("1.1.1'; drop table x; --")],
      ['one of ours with more behind it', `${encoded('1.1.1')}.`],
      ['one of ours in another alphabet', `${encoded('1.1.1')}=`],
    ])('refuses a cursor of %s, and says what would be right', async (_what, cursor) => {
      await expect(read(world, cursor)).rejects.toMatchObject({
        code: 'invalid-input',
        problems: [{ path: 'cursor', message: expect.stringContaining('an earlier answer') }],
      });
    });

    it('tells a reader to start over who may have missed a deletion', async () => {
      await save(world, [A, B]);
      const { cursor } = await read(world);
      world.clock.advance(29 * 24 * HOUR_MS);
      const fresh = await read(world, cursor);
      world.clock.advance(2 * 24 * HOUR_MS);
      await expect(read(world, cursor)).rejects.toMatchObject({
        code: 'cursor-expired',
        message: expect.stringContaining('start over'),
      });
      expect((await read(world, fresh.cursor)).items).toEqual([]);
    });

    it('reckons from where a reader began, however many pages they take', async () => {
      await save(world, [A, B, C]);
      const first = await read(world, undefined, 1);
      world.clock.advance(29 * 24 * HOUR_MS);
      const second = await read(world, first.cursor, 1);
      expect(second.hasMore).toBe(true);
      world.clock.advance(2 * 24 * HOUR_MS);
      await expect(read(world, second.cursor)).rejects.toMatchObject({ code: 'cursor-expired' });
    });

    it('goes on after the database was restored on another server, where transactions count anew', async () => {
      await save(world, [A, B]);
      await remove(world, [B]);
      await pretendOtherServer(world);
      const foreign = Buffer.from(
        `900000000001.${await lastRevision(world)}.${Math.floor(world.clock.now().getTime() / HOUR_MS)}`,
      ).toString('base64url');
      expect((await read(world)).items).toEqual([]);

      await world.db.transaction((tx) => world.feed.adoptRestored(tx));
      expect((await read(world)).items).toEqual([{ change: 'created', id: A }]);
      await save(world, [C]);
      const next = await read(world, foreign);
      expect(next.items.map(({ id }) => id)).toEqual([C]);
      await save(world, [A], 'Changed');
      expect((await read(world, next.cursor)).items).toEqual([{ change: 'updated', id: A }]);
    });
  }));

describe('the change feed with several writers', () =>
  onPostgres((world) => {
    // Made by an open transaction, the user's key would keep the other writers waiting.
    beforeEach(async () => {
      await world.cipher.forUser(world.db, ALICE);
    });

    it('never skips a change that commits late', async () => {
      const { cursor } = await read(world);
      const late = await openTransaction(world, (tx) => saveIn(world, tx, [A], 'Late'));
      await save(world, [B], 'Early');
      // B stands, but A may still come before it.
      expect(await read(world, cursor)).toEqual({ items: [], cursor, hasMore: false });
      await late.commit();
      const next = await read(world, cursor);
      expect(next.items.map(({ id }) => id)).toEqual([A, B]);
      expect((await read(world, next.cursor)).items).toEqual([]);
    });

    it('shows what committed before the oldest open transaction began, and never shows what was rolled back', async () => {
      const { cursor } = await read(world);
      await save(world, [A]);
      const open = await openTransaction(world, (tx) => saveIn(world, tx, [B], 'Never'));
      await save(world, [C]);
      const first = await read(world, cursor);
      expect(first.items).toEqual([{ change: 'created', id: A }]);
      await open.rollback();
      expect((await read(world, first.cursor)).items).toEqual([{ change: 'created', id: C }]);
    });

    it('calls an event new that was made before the cursor and came to be seen after it', async () => {
      const { cursor } = await read(world);
      const first = Promise.withResolvers<void>();
      const second = Promise.withResolvers<void>();
      const early = world.db.transaction(async (tx) => {
        await saveIn(world, tx, [A], 'Early');
        first.resolve();
        await second.promise;
        await saveIn(world, tx, [B], 'Early, under a later revision');
      });
      await first.promise;
      const late = await openTransaction(world, (tx) => saveIn(world, tx, [C], 'Late'));
      second.resolve();
      await early;
      const seen = await read(world, cursor);
      expect(seen.items.map(({ id }) => id)).toEqual([A, B]);
      await late.commit();
      await save(world, [C], 'Changed');
      expect((await read(world, seen.cursor)).items).toEqual([{ change: 'created', id: C }]);
    });

    it('loses nothing to many writers and a reader who never stops', async () => {
      const writers = Array.from({ length: 8 }, (_, writer) =>
        Array.from({ length: 15 }, (__, index) => `w${writer}-${index}` as EventId),
      );
      const seen = new Set<string>();
      let isWriting = true;
      let { cursor } = await read(world);
      const reader = (async () => {
        for (let more = true; more; ) {
          more = isWriting;
          const page = await read(world, cursor, 5);
          for (const { id } of page.items) seen.add(id);
          cursor = page.cursor;
          more ||= page.hasMore;
        }
      })();
      await Promise.all(
        writers.map(async (ids) => {
          for (const id of ids) await save(world, [id]);
        }),
      );
      isWriting = false;
      await reader;
      expect([...seen].sort()).toEqual(writers.flat().sort());
    });
  }));

/** What is remembered of deletions reaches back thirty days. */
function read(world: StoreWorld, cursor?: string, limit = 100) {
  const now = world.clock.now();
  const forgottenBefore = new Date(now.getTime() - 30 * 24 * HOUR_MS);
  return world.feed.list(world.db, ALICE, { limit, now, forgottenBefore, ...(cursor === undefined ? {} : { cursor }) });
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64url');
}

async function save(world: StoreWorld, ids: readonly EventId[], subject = 'Event', userId: UserId = ALICE) {
  await world.db.transaction((tx) => saveIn(world, tx, ids, subject, userId));
}

async function saveIn(world: StoreWorld, tx: Tx, ids: readonly EventId[], subject: string, userId: UserId = ALICE) {
  const now = world.clock.now();
  await world.events.saveMany(
    tx,
    userId,
    ids.map((id) => ({
      id,
      calendarId: DEFAULT_CALENDAR_ID,
      content: anEvent({ subject }),
      lastModifiedAt: now,
      createdAt: now,
    })),
  );
}

async function remove(world: StoreWorld, ids: readonly EventId[], userId: UserId = ALICE): Promise<void> {
  await world.db.transaction((tx) => world.events.deleteMany(tx, userId, ids));
}

/** Does its work, and waits with the end of the transaction until it is told. */
async function openTransaction(world: StoreWorld, work: (tx: Tx) => Promise<void>) {
  const isDone = Promise.withResolvers<void>();
  const isToEnd = Promise.withResolvers<void>();
  const transaction = world.db.transaction(async (tx) => {
    await work(tx);
    isDone.resolve();
    await isToEnd.promise;
  });
  await Promise.race([isDone.promise, transaction]);
  return {
    commit: async () => {
      isToEnd.resolve();
      await transaction;
    },
    rollback: async () => {
      isToEnd.reject(new Error('rolled back'));
      await expect(transaction).rejects.toThrow('rolled back');
    },
  };
}

/** As a dump leaves it that was made where many more transactions had been. */
async function pretendOtherServer(world: StoreWorld): Promise<void> {
  const statements = [
    'alter table "CalendarEvent" disable trigger all',
    'update "CalendarEvent" set "revisionXid" = 900000000000, "createdXid" = 900000000000',
    'alter table "CalendarEvent" enable trigger all',
    'update "CalendarEventTombstone" set "revisionXid" = 900000000001',
  ];
  for (const statement of statements) await sql.raw(statement).execute(world.db.kysely);
}

async function lastRevision(world: StoreWorld): Promise<string> {
  const found = await sql<{ last: unknown }>`select last_value::text as last from calendar_event_revision`.execute(
    world.db.kysely,
  );
  return String(found.rows[0]?.last);
}
