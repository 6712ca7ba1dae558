import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { aGuest, anEvent, aSeries } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, type StoreWorld, storeOver, TEST_RING, tablesOf } from '../../test/support/store-world.ts';
import {
  type CalendarId,
  type ConflictId,
  DEFAULT_CALENDAR_ID,
  type EventId,
  type GraphEventId,
  type JobId,
  type UserId,
} from '../core/ids.ts';
import { ContentCipher, KeyRing } from './encryption.ts';
import { KeyRotation } from './key-rotation.ts';

const ID = 'event-1' as EventId;
const keyOf = (fill: number) => Buffer.alloc(32, fill).toString('base64');

describe('encryption at rest', () =>
  onEachDatabase((world) => {
    it('leaves nothing readable of what people wrote, of addresses and of tokens', async () => {
      await writeEverywhere(world, 'MARKER');
      const tables = await tablesOf(world.db);
      const dump: string[] = [];
      for (const table of tables) {
        const rows = await sql<{ row: string }>`select t::text as row from ${sql.table(table)} t`.execute(
          world.db.kysely,
        );
        dump.push(...rows.rows.map(({ row }) => `${table} ${row}`));
      }
      const writtenTables = new Set(dump.map((line) => line.split(' ')[0]));
      expect([...writtenTables]).toEqual(
        expect.arrayContaining([
          ...['CalendarEvent', 'EventBase', 'CalendarSyncConflict', 'SyncOperation', 'Calendar', 'DeltaCursor'],
          ...['CalendarConnection', 'UserKey'],
        ]),
      );
      expect(dump.filter((line) => line.includes('MARKER'))).toEqual([]);
      // What has to be found and sorted by stays readable.
      expect(dump.join('\n')).toContain('2026-03-09T09:00:00');
    });

    it('reads with an old key of the ring, and makes new users’ keys with the first', async () => {
      await save(world, 'Old');
      const ring = KeyRing.parse(`new:${keyOf(9)},test:${keyOf(1)}`);
      const rotated = storeOver(world.db, world.clock, ring);
      await rotated.cipher.verify(world.db);
      expect((await rotated.events.find(world.db, ALICE, ID))?.content.subject).toBe('Old');
      await rotated.cipher.forUser(world.db, BOB);
      expect(await keyIds(world)).toEqual({ alice: 'test', bob: 'new' });
    });

    it('wraps every user’s key anew, after which the old key can go', async () => {
      await save(world, 'Old');
      await world.cipher.forUser(world.db, BOB);
      const ring = KeyRing.parse(`new:${keyOf(9)},test:${keyOf(1)}`);
      const rotation = new KeyRotation({ ring, random: world.random });
      expect(await rotation.run(world.db)).toMatchObject({ rewrapped: 2, mayRemoveOldKeys: true });
      expect(await rotation.run(world.db)).toMatchObject({ rewrapped: 0, mayRemoveOldKeys: true });
      expect(await keyIds(world)).toEqual({ alice: 'new', bob: 'new' });
      const alone = storeOver(world.db, world.clock, KeyRing.parse(`new:${keyOf(9)}`));
      await alone.cipher.verify(world.db);
      expect((await alone.events.find(world.db, ALICE, ID))?.content.subject).toBe('Old');
    });

    it('wraps nothing when the ring lacks a key that is in use', async () => {
      await world.cipher.forUser(world.db, ALICE);
      await new ContentCipher(KeyRing.parse(`other:${keyOf(5)}`), world.random).forUser(world.db, BOB);
      const ring = KeyRing.parse(`new:${keyOf(9)},test:${keyOf(1)}`);
      const rotating = new KeyRotation({ ring, random: world.random }).run(world.db);
      await expect(rotating).rejects.toMatchObject({ code: 'decryption-failed' });
      expect(await keyIds(world)).toEqual({ alice: 'test', bob: 'other' });
    });

    it.each([
      ['is missing', `other:${keyOf(1)}`, 'key "test" is not in the key ring'],
      [
        'is another one of the same name',
        `test:${keyOf(2)}`,
        'key "test" of the key ring is not the one that was used',
      ],
    ])('refuses at start a ring whose key %s', async (_what, ring, reason) => {
      await save(world, 'Secret');
      const wrong = storeOver(world.db, world.clock, KeyRing.parse(ring));
      await expect(wrong.cipher.verify(world.db)).rejects.toMatchObject({
        code: 'misconfigured',
        message: `CALENDAR_ENCRYPTION_KEYS does not open this database: ${reason}`,
      });
      await expect(wrong.events.find(world.db, ALICE, ID)).rejects.toMatchObject({ code: 'decryption-failed' });
      await expect(
        wrong.db.transaction((tx) => wrong.events.saveMany(tx, ALICE, [eventNamed(world, 'Overwritten')])),
      ).rejects.toMatchObject({ code: 'decryption-failed' });
      expect((await world.events.find(world.db, ALICE, ID))?.content.subject).toBe('Secret');
    });

    it('accepts any ring on an empty database', async () => {
      await expect(world.cipher.verify(world.db)).resolves.toBeUndefined();
    });

    it('makes one key for a user when several processes need one at once', async () => {
      const processes = Array.from({ length: 5 }, () => new ContentCipher(TEST_RING, world.random));
      const ciphers = await Promise.all(
        processes.map((process) => world.db.transaction((tx) => process.forUser(tx, ALICE))),
      );
      const sealed = ciphers[0]?.encryptText('subject', 'Shared') ?? '';
      for (const cipher of ciphers) expect(cipher.decryptText('subject', sealed)).toBe('Shared');
    });

    it('forgets a key whose transaction was rolled back', async () => {
      const undone = world.db.transaction(async (tx) => {
        await world.events.saveMany(tx, ALICE, [eventNamed(world, 'Undone')]);
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      await save(storeOver(world.db, world.clock), 'Kept');
      expect((await world.events.find(world.db, ALICE, ID))?.content.subject).toBe('Kept');
    });

    it('keeps no more keys open than it may, those that are used longest', async () => {
      const cipher = new ContentCipher(TEST_RING, world.random, { cachedKeys: 2 });
      const of = (userId: string) => cipher.forUser(world.db, userId as UserId);
      const names = ['a', 'b', 'c'];
      for (const name of names) await of(name);
      const sealed = (await of('a')).encryptText('subject', 'Still hers');
      const [a, b] = [await of('a'), await of('b')];
      await of('a');
      await of('c');
      expect(await of('a')).toBe(a);
      expect(await of('b')).not.toBe(b);
      expect((await of('a')).decryptText('subject', sealed)).toBe('Still hers');
    });

    it('makes no key for somebody who only looks', async () => {
      const { db } = world;
      await world.events.find(db, ALICE, ID);
      await world.events.listWindow(db, ALICE, { limit: 10 });
      await world.calendars.list(db, ALICE);
      await world.calendars.find(db, ALICE, DEFAULT_CALENDAR_ID);
      await world.connections.find(db, ALICE);
      await world.cursors.list(db, ALICE, DEFAULT_CALENDAR_ID);
      await world.conflicts.list(db, { userId: ALICE, status: 'all', limit: 10, offset: 0 });
      await world.conflicts.find(db, ALICE, 'c' as ConflictId);
      await world.conflicts.pendingFor(db, ALICE, [ID]);
      await world.operations.listOwn(db, { userId: ALICE, runId: 'r' as JobId, limit: 10, offset: 0 });
      expect(await keyIds(world)).toEqual({});
    });

    it('makes what was written unreadable for ever when the key is destroyed', async () => {
      await save(world, 'Secret');
      await world.db.transaction((tx) => world.cipher.destroy(tx, ALICE));
      const stored = await world.events.find(world.db, ALICE, ID);
      expect(stored?.content).toMatchObject({ subject: '', body: null, attendees: [] });
      expect(stored?.problem).toMatch(/subject cannot be decrypted/);
    });

    it('is never written with a destroyed key, however long another process has known it', async () => {
      const other = storeOver(world.db, world.clock);
      await save(world, 'Before');
      expect((await other.events.find(world.db, ALICE, ID))?.content.subject).toBe('Before');
      await world.db.transaction(async (tx) => {
        await world.events.deleteMany(tx, ALICE, [ID]);
        await world.cipher.destroy(tx, ALICE);
      });
      await save(other, 'After');
      const restarted = storeOver(world.db, world.clock);
      expect((await restarted.events.find(world.db, ALICE, ID))?.content.subject).toBe('After');
    });

    it('reads again with the right key, after one failure, what was written under a new one elsewhere', async () => {
      const other = storeOver(world.db, world.clock);
      await save(world, 'Before');
      await other.events.find(world.db, ALICE, ID);
      await world.db.transaction((tx) => world.cipher.destroy(tx, ALICE));
      await save(world, 'After');
      expect((await other.events.find(world.db, ALICE, ID))?.problem).toMatch(/cannot be decrypted/);
      expect((await other.events.find(world.db, ALICE, ID))?.content.subject).toBe('After');
    });
  }));

function eventNamed(world: StoreWorld, subject: string) {
  const now = world.clock.now();
  return {
    id: ID,
    calendarId: DEFAULT_CALENDAR_ID,
    content: anEvent({ subject }),
    lastModifiedAt: now,
    createdAt: now,
  };
}

async function save(world: StoreWorld, subject: string): Promise<void> {
  await world.db.transaction((tx) => world.events.saveMany(tx, ALICE, [eventNamed(world, subject)]));
}

async function keyIds(world: StoreWorld): Promise<Record<string, string>> {
  const found = await sql<{ userId: string; keyId: string }>`select "userId", "keyId" from "UserKey"`.execute(
    world.db.kysely,
  );
  return Object.fromEntries(found.rows.map(({ userId, keyId }) => [userId, keyId]));
}

/** One of everything a run writes, with the marker wherever a person's words, addresses or a token may stand. */
async function writeEverywhere(world: StoreWorld, marker: string): Promise<void> {
  const now = world.clock.now();
  const content = aSeries({
    subject: `${marker} subject`,
    body: { contentType: 'html', content: `<p>${marker} body</p>` },
    locations: [{ displayName: `${marker} room`, locationEmailAddress: `${marker}@example.com` }],
    attendees: [aGuest(`${marker}@example.com`)],
    categories: [`${marker} category`],
    occurrences: { '2026-03-16': { isCancelled: false, fields: { subject: `${marker} exception` } } },
  });
  const facts = {
    isOrganizer: false,
    isCancelled: false,
    organizer: { address: `${marker}@example.com` },
    webLink: `https://outlook.example.com/${marker}`,
    onlineMeeting: { joinUrl: `https://teams.example.com/${marker}` },
  };
  const shared = { userId: ALICE, calendarId: DEFAULT_CALENDAR_ID };
  const graphEventId = 'graph-1' as GraphEventId;
  const runId = 'run-1' as JobId;
  const { db } = world;
  await db.transaction(async (tx) => {
    await world.events.saveMany(tx, ALICE, [
      { id: ID, ...shared, graphEventId, content, facts, lastModifiedAt: now, createdAt: now },
    ]);
    await world.events.linkMany(tx, ALICE, [{ id: ID, graphEventId, facts, syncedAt: now }]);
    await world.bases.saveMany(tx, ALICE, [
      {
        ...{ eventId: ID, ...shared, graphEventId, agreedRevision: 1n, generation: 0, local: content, remote: content },
        ...{ conflictUnits: [], heldUnits: [] },
      },
    ]);
    await world.conflicts.record(tx, [
      {
        ...{
          id: 'conflict-1',
          ...shared,
          syncStateId: runId,
          eventId: ID,
          conflictType: 'UPDATE_UPDATE',
          units: ['subject'],
        },
        ...{ data: { base: content, local: content, remote: content }, resolution: 'PENDING', at: now },
      },
    ]);
    await world.conflicts.resolve(tx, {
      ...{ id: 'conflict-1' as ConflictId, userId: ALICE, resolution: 'MANUAL', at: now },
      resolutionData: { event: { subject: `${marker} decision` }, reason: `${marker} reason` },
    });
    await world.operations.append(tx, [
      {
        ...{
          id: 'operation-1',
          runId,
          ...shared,
          eventId: ID,
          side: 'local',
          operation: 'update',
          fields: ['subject'],
        },
        ...{ reason: 'changed in Outlook', at: now, before: content, after: content },
      },
    ]);
    await world.calendars.save(tx, ALICE, {
      ...{ id: 'calendar-1' as CalendarId, name: `${marker} calendar`, isDefault: false, canEdit: true },
      ownerAddress: `${marker}@example.com`,
    });
    await world.connections.save(
      tx,
      { userId: ALICE, mailbox: `${marker}@example.com`, mailboxId: 'mailbox-1', mode: 'application', timeZone: 'UTC' },
      now,
    );
    await world.cursors.save(tx, {
      ...{ ...shared, link: `https://graph.example.com/delta?$deltatoken=${marker}`, linkKind: 'delta' },
      ...{ windowStart: now, windowEnd: now, roundId: 'round-1', isFullRound: true, roundStartedAt: now, pages: 1 },
      ...{ rung: 0, isRolled: false, issuedAt: now },
    });
    await world.events.deleteMany(tx, ALICE, []);
  });
}
