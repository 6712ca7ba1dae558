import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, onPostgres, type StoreWorld, storeOver } from '../../test/support/store-world.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type UserId } from '../core/ids.ts';
import { AuditRepository } from './audit.repository.ts';
import type { Tx } from './db.ts';
import { ErasureRepository, USER_TABLES } from './erasure.repository.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const [A, B] = ['a', 'b'] as [EventId, EventId];
const audit = new AuditRepository();

async function book(world: StoreWorld, tx: Tx, userId: UserId, id: EventId): Promise<void> {
  const saved = { id, calendarId: DEFAULT_CALENDAR_ID, content: anEvent(), lastModifiedAt: NOW, createdAt: NOW };
  await world.events.saveMany(tx, userId, [saved]);
}

const erase = (world: StoreWorld, userId: UserId) =>
  world.db.transaction((tx) => new ErasureRepository(world.cipher).eraseRows(tx, userId));

async function ownersOf(world: StoreWorld): Promise<string[]> {
  const owners = await Promise.all(
    USER_TABLES.map((table) =>
      sql<{ userId: string }>`select "userId" from ${sql.table(table)}`.execute(world.db.kysely),
    ),
  );
  return [...new Set(owners.flatMap(({ rows }) => rows.map(({ userId }) => userId)))].sort();
}

describe('erasure', () =>
  onEachDatabase((world) => {
    it('knows every table with somebody’s rows', async () => {
      const { rows } = await sql<{ name: string }>`
        select table_name as name from information_schema.columns
        where column_name = 'userId' and table_schema = current_schema() order by 1
      `.execute(world.db.kysely);
      expect([...USER_TABLES].sort()).toEqual(rows.map(({ name }) => name));
    });

    it('knows every column that names a user by another name', async () => {
      const { rows } = await sql<{ place: string }>`
        select table_name || '.' || column_name as place from information_schema.columns
        where table_schema = current_schema() and column_name ~* '(user|owner|actor|subject|account|person)'
          and column_name <> 'userId' order by 1
      `.execute(world.db.kysely);
      // Whose lines of the log are renamed; and what goes with its row.
      expect(rows.map(({ place }) => place)).toEqual([
        ...['AuditEntry.actor', 'AuditEntry.actorRoles', 'AuditEntry.subject'],
        ...['Calendar.ownerAddress', 'CalendarConnection.accountId', 'CalendarEvent.subject'],
      ]);
    });

    it('leaves what is another user’s', async () => {
      await world.db.transaction((tx) => book(world, tx, ALICE, A));
      await world.db.transaction((tx) => book(world, tx, BOB, B));
      expect(await erase(world, ALICE)).toBeGreaterThan(1);
      expect(await ownersOf(world)).toEqual([BOB]);
      expect((await world.events.find(world.db, BOB, B))?.problem).toBeUndefined();
      expect(await erase(world, ALICE)).toBe(0);
    });

    it('makes whoever comes back somebody new', async () => {
      await world.db.transaction((tx) => book(world, tx, ALICE, A));
      await erase(world, ALICE);
      await world.db.transaction((tx) => book(world, tx, ALICE, B));
      expect((await world.events.find(world.db, ALICE, B))?.problem).toBeUndefined();
      expect(await world.tombstones.findMany(world.db, ALICE, [A])).toEqual(new Map());
    });

    it('leaves no new key when a token comes too late', async () => {
      const connection = {
        userId: ALICE,
        mailbox: 'a@example.com',
        mailboxId: 'm',
        mode: 'delegated',
        timeZone: 'UTC',
      };
      await world.db.transaction((tx) => world.connections.save(tx, connection as never, NOW));
      await erase(world, ALICE);
      const token = { userId: ALICE, accountId: 'hers' };
      const keep = (tx: Tx) => world.connections.saveTokens(tx, token, '{}', { version: 0, usedAt: NOW });
      expect(await world.db.transaction(keep)).toBe(false);
      expect(await ownersOf(world)).toEqual([]);
    });

    it('leaves lines of the log that name nobody', async () => {
      const line = { at: NOW, action: 'connection.connected' as const, correlationId: 'c-1' };
      await world.db.transaction(async (tx) => {
        await audit.append(tx, {
          ...line,
          actor: ALICE,
          subject: ALICE,
          target: 'oid.tid',
          details: { isAgain: false },
        });
        await audit.append(tx, { ...line, actor: ALICE, subject: BOB, target: 'his' });
        await audit.append(tx, { ...line, actor: BOB, subject: BOB, target: 'his' });
      });
      expect(await world.db.transaction((tx) => audit.forgetPerson(tx, ALICE, 'nobody'))).toBe(2);
      expect(await audit.list(world.db, { limit: 10 })).toMatchObject([
        { actor: BOB, subject: BOB, target: 'his', correlationId: 'c-1' },
        { actor: 'nobody', subject: BOB, target: 'his', correlationId: null },
        { actor: 'nobody', subject: 'nobody', target: null, correlationId: null, details: null },
      ]);
      await expect(sql`delete from "AuditEntry"`.execute(world.db.kysely)).rejects.toThrow('append-only');
    });
  }));

describe('erasure beside others who write', () =>
  onPostgres((world) => {
    it('waits for whoever writes with the key, and takes that along', async () => {
      await world.cipher.forUser(world.db, ALICE);
      const isWritten = Promise.withResolvers<void>();
      const mayCommit = Promise.withResolvers<void>();
      const writing = world.db.transaction(async (tx) => {
        await book(world, tx, ALICE, A);
        isWritten.resolve();
        await mayCommit.promise;
      });
      await isWritten.promise;
      let isErased = false;
      // Another process, which knows nothing of the writer but what the database says.
      const other = storeOver(world.db, world.clock);
      const erasing = erase(other, ALICE).then(() => {
        isErased = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(isErased).toBe(false);
      mayCommit.resolve();
      await Promise.all([writing, erasing]);
      expect(await ownersOf(world)).toEqual([]);
    });

    it('lets nothing be written with the old key afterwards', async () => {
      await world.db.transaction((tx) => book(world, tx, ALICE, A));
      await erase(storeOver(world.db, world.clock), ALICE);
      await world.db.transaction((tx) => book(world, tx, ALICE, B));
      const reader = storeOver(world.db, world.clock);
      expect((await reader.events.find(world.db, ALICE, B))?.problem).toBeUndefined();
    });

    it('takes the mailbox from a run at work before anything else', async () => {
      const { leases, db } = world;
      const lease = await db.transaction((tx) => leases.claim(tx, ALICE, 'a worker', NOW, 60_000));
      await erase(world, ALICE);
      await expect(db.transaction((tx) => leases.assert(tx, lease!))).rejects.toMatchObject({ code: 'lease-lost' });
      // Also when somebody else has the mailbox by then, under the same number.
      await db.transaction((tx) => leases.claim(tx, ALICE, 'another worker', NOW, 60_000));
      await expect(db.transaction((tx) => leases.assert(tx, lease!))).rejects.toMatchObject({ code: 'lease-lost' });
    });
  }));
