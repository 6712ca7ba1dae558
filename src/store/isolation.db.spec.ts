import { type RawBuilder, sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, type StoreWorld } from '../../test/support/store-world.ts';
import {
  type CalendarId,
  type ConflictId,
  DEFAULT_CALENDAR_ID,
  type EventId,
  type GraphEventId,
  type JobId,
  type UserId,
} from '../core/ids.ts';
import { silentLogger } from '../core/runtime.ts';
import type { EventBase } from './base.repository.ts';
import { openDatabase, type Tx } from './db.ts';
import { migrate } from './migrator.ts';
import { inNobodysScope, inScopeOf } from './row-scope.ts';
import { SCOPED_ROLE } from './scoped-connection.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const LATER = new Date('2026-03-02T09:00:00Z');
const HERE = 'here' as EventId;
const GONE = 'gone' as EventId;
const GRAPH_HERE = 'g-here' as GraphEventId;
const CONFLICT = 'conflict' as ConflictId;
const OTHER = 'other' as CalendarId;
const HOOK = 'hook';

/** Every method that writes, as another user who knows all the ids. */
const WRITES: Readonly<Record<string, (world: StoreWorld, tx: Tx) => Promise<unknown>>> = {
  'events.linkMany': ({ events }, tx) =>
    events.linkMany(tx, BOB, [{ id: HERE, graphEventId: GRAPH_HERE, syncedAt: LATER }]),
  'events.forgetGraphIds': ({ events }, tx) => events.forgetGraphIds(tx, BOB, [HERE]),
  'events.deleteMany': ({ events }, tx) => events.deleteMany(tx, BOB, [HERE], LATER),
  'bases.saveMany': ({ bases }, tx) => bases.saveMany(tx, BOB, [baseOf(HERE, BOB), baseOf(GONE, BOB)]),
  'bases.deleteMany': ({ bases }, tx) => bases.deleteMany(tx, BOB, [HERE, GONE]),
  'bases.markSeen': ({ bases }, tx) => bases.markSeen(tx, BOB, [GRAPH_HERE], 'round-2'),
  'bases.markGone': ({ bases }, tx) => bases.markGone(tx, BOB, [GRAPH_HERE], LATER),
  'bases.nextGeneration': ({ bases }, tx) => bases.nextGeneration(tx, BOB, DEFAULT_CALENDAR_ID, [HERE, GONE]),
  'bases.unlinkAll': ({ bases }, tx) => bases.unlinkAll(tx, BOB),
  'bases.reopenHeld': ({ bases }, tx) => bases.reopenHeld(tx, BOB),
  'calendars.save': ({ calendars }, tx) => calendars.save(tx, BOB, calendarOf('his')),
  'calendars.markRemoved': ({ calendars }, tx) => calendars.markRemoved(tx, BOB, DEFAULT_CALENDAR_ID, LATER),
  'calendars.saveSettings': ({ calendars }, tx) =>
    calendars.saveSettings(tx, BOB, DEFAULT_CALENDAR_ID, { enabled: true }),
  'calendars.saveLastSynced': ({ calendars }, tx) => calendars.saveLastSynced(tx, BOB, DEFAULT_CALENDAR_ID, LATER),
  'calendars.saveNextSync': ({ calendars }, tx) => calendars.saveNextSync(tx, BOB, DEFAULT_CALENDAR_ID, LATER),
  'calendars.forgetProgress': ({ calendars }, tx) => calendars.forgetProgress(tx, BOB),
  'calendars.bringForward': ({ calendars }, tx) => calendars.bringForward(tx, BOB),
  'calendars.relabel': ({ calendars }, tx) => calendars.relabel(tx, BOB, DEFAULT_CALENDAR_ID, OTHER),
  'calendars.deleteAll': ({ calendars }, tx) => calendars.deleteAll(tx, BOB),
  'connections.save': ({ connections }, tx) => connections.save(tx, connectionOf(BOB), LATER),
  'connections.saveSignIn': ({ connections }, tx) =>
    connections.saveSignIn(tx, BOB, { accountId: 'his', cache: '{}', scopes: [] }, LATER),
  'connections.saveTokens': ({ connections }, tx) =>
    connections.saveTokens(tx, { userId: BOB, accountId: 'hers' }, '{}', { version: 0, usedAt: LATER }),
  'connections.markReauthRequired': ({ connections }, tx) =>
    connections.markReauthRequired(tx, { userId: BOB, accountId: 'hers' }, { message: 'his' }),
  'connections.markTroubled': ({ connections }, tx) =>
    connections.markTroubled(tx, { userId: BOB, mailboxId: ALICE }, 'his'),
  'connections.markWell': ({ connections }, tx) => connections.markWell(tx, { userId: BOB, mailboxId: ALICE }),
  'connections.delete': ({ connections }, tx) => connections.delete(tx, BOB),
  'cursors.save': ({ cursors }, tx) => cursors.save(tx, cursorOf(BOB)),
  'cursors.saveMany': ({ cursors }, tx) => cursors.saveMany(tx, BOB, [cursorOf(BOB)]),
  'cursors.deleteRungs': ({ cursors }, tx) => cursors.deleteRungs(tx, BOB, DEFAULT_CALENDAR_ID, [0]),
  'cursors.delete': ({ cursors }, tx) => cursors.delete(tx, BOB, DEFAULT_CALENDAR_ID),
  'cursors.markSeries': ({ cursors }, tx) =>
    cursors.markSeries(tx, BOB, DEFAULT_CALENDAR_ID, 'round-2', [{ graphEventId: GRAPH_HERE, suspicious: true }]),
  'cursors.clearDirtySeries': ({ cursors }, tx) => cursors.clearDirtySeries(tx, BOB, DEFAULT_CALENDAR_ID, [GRAPH_HERE]),
  'conflicts.record': ({ conflicts }, tx) =>
    conflicts.record(tx, [conflictOf('his-1', BOB), { ...conflictOf('his-2', BOB), resolution: 'MERGE' }]),
  'conflicts.record decided': ({ conflicts }, tx) =>
    conflicts.record(tx, [{ ...conflictOf('his-3', BOB), resolution: 'MERGE' }]),
  'conflicts.settle': ({ conflicts }, tx) => conflicts.settle(tx, BOB, [HERE], LATER),
  'conflicts.closePending': ({ conflicts }, tx) => conflicts.closePending(tx, BOB, { at: LATER, reason: 'his' }),
  'runs.requestCancel': ({ runs }, tx) => runs.requestCancel(tx, BOB, 'run' as JobId, { at: LATER, isAtWork: false }),
  'runs.cancelAll': ({ runs }, tx) => runs.cancelAll(tx, BOB, LATER),
  'leases.claim': ({ leases }, tx) => leases.claim(tx, BOB, 'his', LATER, 1_000),
  'leases.renew': async ({ leases }, tx) => {
    const lease = await leases.claim(tx, BOB, 'his', new Date('2026-04-01T00:00:00Z'), 1_000);
    if (lease) await leases.renew(tx, lease, LATER, 5_000);
  },
  'leases.revoke': ({ leases }, tx) => leases.revoke(tx, BOB),
  'leases.release': ({ leases }, tx) => leases.release(tx, { userId: BOB, holder: 'hers', fence: 1n }),
  'settings.save': ({ settings }, tx) => settings.save(tx, BOB, { enabled: true }),
  'idempotency.take': ({ idempotency }, tx) =>
    idempotency.take(tx, BOB, { key: 'key', requestHash: 'his', eventId: HERE, at: LATER }),
  'webhooks.update': ({ webhooks }, tx) =>
    webhooks.update(tx, BOB, HOOK, { events: ['sync.failed'], disabledAt: LATER }),
  'webhooks.countFailure': ({ webhooks }, tx) => webhooks.countFailure(tx, BOB, HOOK),
  'webhooks.forgetFailures': ({ webhooks }, tx) => webhooks.forgetFailures(tx, BOB, HOOK),
  'webhooks.delete': ({ webhooks }, tx) => webhooks.delete(tx, BOB, HOOK),
  'deliveries.settle': ({ deliveries }, tx) =>
    deliveries.settle(tx, { id: 'msg_1', userId: BOB, attempts: 0 }, { deliveredAt: LATER, status: 200 }),
  'deliveries.pause': ({ deliveries }, tx) => deliveries.pause(tx, BOB, HOOK, { now: LATER, until: LATER }),
  'deliveries.giveUpAll': ({ deliveries }, tx) => deliveries.giveUpAll(tx, BOB, HOOK),
  'deliveries.deleteAll': ({ deliveries }, tx) => deliveries.deleteAll(tx, BOB, HOOK),
  'cipher.destroy': ({ cipher }, tx) => cipher.destroy(tx, BOB),
};

onEachDatabase((world) => {
  it('what one user has is out of reach of every write of another’s', async () => {
    await furnish(world);
    const before = await rowsOf(world, ALICE);
    for (const [name, write] of Object.entries(WRITES)) {
      await world.db.transaction((tx) => write(world, tx));
      expect({ name, rows: await rowsOf(world, ALICE) }).toEqual({ name, rows: before });
    }
    await expect(
      world.db.transaction((tx) => world.conflicts.resolve(tx, { ...decisionOf(BOB), id: CONFLICT })),
    ).rejects.toMatchObject({ code: 'conflict-state' });
    const saved = { id: HERE, calendarId: OTHER, content: anEvent(), lastModifiedAt: LATER, createdAt: LATER };
    await expect(world.db.transaction((tx) => world.events.saveMany(tx, BOB, [saved]))).rejects.toThrow(
      "another user's",
    );
    expect(await rowsOf(world, ALICE)).toEqual(before);
  });

  describe('a statement that forgot to say whose rows it means', () => {
    it('finds, changes and deletes nothing of another user', async () => {
      await furnish(world);
      const before = await rowsOf(world, ALICE);
      expect(before.length).toBeGreaterThan(TABLES_FURNISHED);
      for (const table of await userTablesOf(world)) {
        const reached = await inScopeOf(BOB, async () => ({
          table,
          read: (await sql`select * from ${sql.table(table)}`.execute(world.db.kysely)).rows,
          updated: await affected(world, sql`update ${sql.table(table)} set "userId" = ${BOB}`),
          deleted: await affected(world, sql`delete from ${sql.table(table)}`),
        }));
        expect(reached).toEqual({ table, read: [], updated: 0n, deleted: 0n });
      }
      expect(await rowsOf(world, ALICE)).toEqual(before);
    });

    it('sees what is the user’s own, in transactions and outside', async () => {
      await furnish(world);
      const count = sql<{ n: number }>`select count(*)::int as n from "CalendarEvent"`;
      expect((await inScopeOf(ALICE, () => count.execute(world.db.kysely))).rows).toMatchObject([{ n: 1 }]);
      const inTransaction = () => world.db.transaction((tx) => count.execute(tx.kysely));
      expect((await inScopeOf(ALICE, inTransaction)).rows).toMatchObject([{ n: 1 }]);
      expect((await inScopeOf(BOB, inTransaction)).rows).toMatchObject([{ n: 0 }]);
      expect((await inNobodysScope(inTransaction)).rows).toMatchObject([{ n: 0 }]);
    });

    it('cannot write in another user’s name', async () => {
      const settings = (userId: UserId) =>
        inScopeOf(BOB, () => world.db.transaction((tx) => world.settings.save(tx, userId, { enabled: false })));
      await settings(BOB);
      await expect(settings(ALICE)).rejects.toThrow('row-level security');
      expect(await world.settings.find(world.db, ALICE)).toEqual({});
    });

    it('is no worse off for the scope of whoever used the connection before', async () => {
      await furnish(world);
      const count = async () =>
        Number((await sql<{ n: string }>`select count(*) as n from "EventBase"`.execute(world.db.kysely)).rows[0]?.n);
      const asked = Array.from({ length: 60 }, (_, n) =>
        [() => inScopeOf(ALICE, count), () => inScopeOf(BOB, count), () => count(), () => inNobodysScope(count)][
          n % 4
        ]!(),
      );
      expect(await Promise.all(asked)).toEqual(asked.map((_, n) => [2, 0, 2, 0][n % 4]));
    });

    it('stays in its scope after an error', async () => {
      await furnish(world);
      await inScopeOf(BOB, async () => {
        await expect(sql`select no_such_thing`.execute(world.db.kysely)).rejects.toThrow('no_such_thing');
        await expect(world.db.transaction((tx) => sql`select no_such_thing`.execute(tx.kysely))).rejects.toThrow(
          'no_such_thing',
        );
        expect((await sql`select * from "CalendarEvent"`.execute(world.db.kysely)).rows).toEqual([]);
      });
      expect((await sql`select * from "CalendarEvent"`.execute(world.db.kysely)).rows.length).toBe(1);
    });
  });

  it('a login that owns the tables, and is no superuser, is bound as well', async () => {
    if (world.kind === 'pglite') return; // It has one login, a superuser.
    const { raw } = world.db;
    if (raw.kind !== 'postgres') return;
    await sql.raw("create role plain_owner login password 'plain'").execute(world.db.kysely);
    await sql.raw('create database plainly owner plain_owner').execute(world.db.kysely);
    const url = new URL(raw.connectionString);
    Object.assign(url, { username: 'plain_owner', password: 'plain', pathname: '/plainly' });
    const db = await openDatabase({ url: url.href, logger: silentLogger });
    try {
      await migrate(db, { logger: silentLogger, clock: world.clock, random: world.random });
      await db.transaction((tx) => world.settings.save(tx, ALICE, { enabled: false }));
      const count = async () => (await sql`select * from "UserSettings"`.execute(db.kysely)).rows.length;
      expect([await count(), await inScopeOf(ALICE, count), await inScopeOf(BOB, count)]).toEqual([1, 1, 0]);
    } finally {
      await db.close();
    }
  });

  it('a login that bypasses row-level security without being a superuser is bound as well', async () => {
    const { raw } = world.db;
    if (raw.kind !== 'postgres') return; // The embedded database has one login, a superuser.
    // Its own of that name, as in a cluster that knows no other: roles are the cluster's.
    await sql.raw("create role hosted_owner login createrole bypassrls password 'hosted'").execute(world.db.kysely);
    await sql.raw(`grant ${SCOPED_ROLE} to hosted_owner with admin true, set false`).execute(world.db.kysely);
    await sql.raw('create database hosted owner hosted_owner').execute(world.db.kysely);
    const url = new URL(raw.connectionString);
    Object.assign(url, { username: 'hosted_owner', password: 'hosted', pathname: '/hosted' });
    const db = await openDatabase({ url: url.href, logger: silentLogger });
    try {
      await migrate(db, { logger: silentLogger, clock: world.clock, random: world.random });
      await db.transaction((tx) => world.settings.save(tx, ALICE, { enabled: false }));
      const count = async () => (await sql`select * from "UserSettings"`.execute(db.kysely)).rows.length;
      expect([await count(), await inScopeOf(ALICE, count), await inScopeOf(BOB, count)]).toEqual([1, 1, 0]);
    } finally {
      await db.close();
    }
  });

  it('every table with somebody’s rows is under row-level security, owners included', async () => {
    const { rows } = await sql<{ table: string }>`
      select c.relname as table from pg_class c
      where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
        and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'userId')
        and not (c.relrowsecurity and c.relforcerowsecurity
          and exists (select from pg_policy p where p.polrelid = c.oid))
    `.execute(world.db.kysely);
    expect(rows).toEqual([]);
  });
});

const TABLES_FURNISHED = 10;

async function userTablesOf(world: StoreWorld): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.columns
    where column_name = 'userId' and table_schema = current_schema()
  `.execute(world.db.kysely);
  return rows.map(({ name }) => name);
}

async function affected(world: StoreWorld, statement: RawBuilder<unknown>): Promise<bigint | undefined> {
  return (await statement.execute(world.db.kysely)).numAffectedRows;
}

/** One of everything, some of it with a history. */
async function furnish(world: StoreWorld): Promise<void> {
  const userId = ALICE;
  const event = (id: EventId) => ({
    ...{ id: id, calendarId: DEFAULT_CALENDAR_ID, graphEventId: `g-${id}` as GraphEventId },
    ...{ content: anEvent(), lastModifiedAt: NOW, createdAt: NOW },
  });
  await world.db.transaction(async (tx) => {
    await world.events.saveMany(tx, userId, [event(HERE), event(GONE)]);
    await world.events.deleteMany(tx, userId, [GONE], NOW);
    await world.bases.saveMany(tx, userId, [baseOf(HERE, userId), baseOf(GONE, userId)]);
    await world.calendars.save(tx, userId, calendarOf('default'));
    await world.calendars.saveSettings(tx, userId, DEFAULT_CALENDAR_ID, { enabled: false });
    await world.calendars.saveLastSynced(tx, userId, DEFAULT_CALENDAR_ID, NOW);
    await world.calendars.saveNextSync(tx, userId, DEFAULT_CALENDAR_ID, NOW);
    await world.connections.save(tx, connectionOf(userId), NOW);
    await world.cursors.save(tx, cursorOf(userId));
    await world.cursors.markSeries(tx, userId, DEFAULT_CALENDAR_ID, 'round-1', [
      { graphEventId: GRAPH_HERE, suspicious: false },
    ]);
    await world.conflicts.record(tx, [conflictOf(CONFLICT, userId)]);
    await world.runs.create(tx, {
      ...{ id: 'run' as JobId, userId, calendarId: DEFAULT_CALENDAR_ID, direction: 'bidirectional', request: {} },
      ...{ requestHash: 'hash', trigger: 'api', queuedAt: NOW },
    });
    await world.leases.claim(tx, userId, 'hers', NOW, 60 * 60_000);
    await world.settings.save(tx, userId, { enabled: false });
    const webhook = { id: HOOK, userId, url: 'https://app.example.com/', secret: 'whsec_aGVycw==', createdAt: NOW };
    await world.webhooks.create(tx, { ...webhook, events: ['sync.completed'] });
    const message = { type: 'ping', timestamp: NOW.toISOString(), data: { id: HOOK } } as const;
    await world.deliveries.add(tx, { id: 'msg_1', userId, webhookId: HOOK, message, createdAt: NOW });
    await world.idempotency.take(tx, userId, { key: 'key', requestHash: 'hers', eventId: HERE, at: NOW });
  });
}

async function rowsOf(world: StoreWorld, userId: UserId): Promise<string[]> {
  const rows: string[] = [];
  for (const table of await userTablesOf(world)) {
    const found = await sql<{ row: string }>`
      select t::text as row from ${sql.table(table)} t where t."userId" = ${userId} order by 1
    `.execute(world.db.kysely);
    rows.push(...found.rows.map(({ row }) => `${table} ${row}`));
  }
  return rows;
}

function baseOf(eventId: EventId, userId: UserId): EventBase {
  return {
    ...{
      eventId,
      userId,
      calendarId: DEFAULT_CALENDAR_ID,
      graphEventId: `g-${eventId}` as GraphEventId,
      generation: 1,
    },
    ...{ agreedRevision: 5n, local: anEvent(), remote: anEvent(), conflictUnits: [], heldUnits: ['attendees'] },
    seenRound: 'round-1',
  };
}

function calendarOf(id: string) {
  return { id: id as CalendarId, name: id, isDefault: false, canEdit: true };
}

function connectionOf(userId: UserId) {
  return { userId, mailbox: `${userId}@example.com`, mailboxId: userId, mode: 'application' as const, timeZone: 'UTC' };
}

function cursorOf(userId: UserId) {
  return {
    ...{ userId, calendarId: DEFAULT_CALENDAR_ID, link: 'https://graph.example.com/delta', linkKind: 'delta' as const },
    ...{ windowStart: NOW, windowEnd: LATER, roundId: 'round-1', isFullRound: true, roundStartedAt: NOW, pages: 1 },
    ...{ rung: 0, isRolled: false, issuedAt: NOW },
  };
}

function conflictOf(id: string, userId: UserId) {
  return {
    ...{ id, userId, calendarId: DEFAULT_CALENDAR_ID, syncStateId: 'run' as JobId, eventId: HERE, at: NOW },
    ...{ conflictType: 'UPDATE_UPDATE' as const, units: ['subject' as const], resolution: 'PENDING' as const },
    data: { base: anEvent(), local: anEvent(), remote: anEvent() },
  };
}

function decisionOf(userId: UserId) {
  return { userId, resolution: 'MERGE' as const, resolutionData: null, at: LATER };
}
