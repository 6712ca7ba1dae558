import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { counting, onEachDatabase, onPostgres, type StoreWorld } from '../../test/support/store-world.ts';
import {
  type CalendarId,
  type ConflictId,
  DEFAULT_CALENDAR_ID,
  type EventId,
  type GraphCalendarId,
  type GraphEventId,
  type JobId,
  type UserId,
} from '../core/ids.ts';
import type { NewConflict } from './conflict.repository.ts';
import type { DeltaCursor } from './cursor.repository.ts';
import type { NewSyncOperation } from './operation.repository.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const LATER = new Date('2026-03-02T09:30:00Z');
const OTHER = 'other' as CalendarId;
const RUN = 'run-1' as JobId;

describe('calendars', () =>
  onEachDatabase((world) => {
    const calendar = (id: string, more = {}) => ({
      ...{ id: id as CalendarId, name: `Calendar ${id}`, isDefault: false, canEdit: true, ...more },
    });
    const save = (id: string, more = {}, userId: UserId = ALICE) =>
      world.db.transaction((tx) => world.calendars.save(tx, userId, calendar(id, more)));

    it('come back whole, the default one first', async () => {
      await save('b', { color: 'red\0', ownerAddress: 'ada@example.com', canEdit: false, name: 'Größe 🏝️ \0' });
      await save('default', { isDefault: true, graphCalendarId: 'g-1' as GraphCalendarId });
      const [first, second, ...rest] = await world.calendars.list(world.db, ALICE);
      expect(rest).toEqual([]);
      expect(first).toMatchObject({ id: 'default', isDefault: true, graphCalendarId: 'g-1', settings: {} });
      expect(second).toMatchObject({ id: 'b', canEdit: false, name: 'Größe 🏝️ \0', ownerAddress: 'ada@example.com' });
      expect(second?.color).toBe('red\ufffd');
      expect(await world.calendars.find(world.db, ALICE, 'b' as CalendarId)).toEqual(second);
      expect(await world.calendars.find(world.db, ALICE, 'b\0' as CalendarId)).toBeUndefined();
    });

    it('keep their settings and progress when Graph’s view of them is saved again, and are back when they had gone', async () => {
      await save('a');
      const id = 'a' as CalendarId;
      const settings = { enabled: false, rules: [{ action: 'exclude' as const, subjectContains: 'p\0rivate' }] };
      await world.db.transaction(async (tx) => {
        await world.calendars.saveSettings(tx, ALICE, id, settings);
        await world.calendars.saveLastSynced(tx, ALICE, id, NOW);
        await world.calendars.saveNextSync(tx, ALICE, id, LATER);
        await world.calendars.markRemoved(tx, ALICE, id, NOW);
      });
      expect((await world.calendars.find(world.db, ALICE, id))?.removedAt).toEqual(NOW);
      await save('a', { name: 'Renamed' });
      expect(await world.calendars.find(world.db, ALICE, id)).toMatchObject({
        ...{ name: 'Renamed', removedAt: undefined, lastSyncedAt: NOW, nextSyncAt: LATER },
        settings: { enabled: false, rules: [{ action: 'exclude', subjectContains: 'p\ufffdrivate' }] },
      });
    });

    it('are due when their time has come, the longest waiting first, and new ones at once', async () => {
      await connect(world, ALICE);
      await connect(world, BOB);
      await save('new');
      await save('due');
      await save('overdue', {}, BOB);
      await save('not-yet');
      await save('removed');
      await save('nobody', {}, 'carol' as UserId);
      await world.db.transaction(async (tx) => {
        await world.calendars.saveNextSync(tx, ALICE, 'due' as CalendarId, NOW);
        await world.calendars.saveNextSync(tx, BOB, 'overdue' as CalendarId, new Date(NOW.getTime() - 1));
        await world.calendars.saveNextSync(tx, ALICE, 'not-yet' as CalendarId, new Date(NOW.getTime() + 1));
        await world.calendars.markRemoved(tx, ALICE, 'removed' as CalendarId, NOW);
      });
      const due = async (limit = 10) => (await world.calendars.listDue(world.db, NOW, limit)).map(({ id }) => id);
      expect(await due()).toEqual(['new', 'overdue', 'due']);
      expect(await due(1)).toEqual(['new']);
      await world.db.transaction((tx) => world.calendars.bringForward(tx, ALICE));
      expect((await due()).sort()).toEqual(['due', 'new', 'not-yet', 'overdue']);
      await sql`
        update "CalendarConnection" set status = 'REAUTH_REQUIRED' where "userId" = ${BOB}
      `.execute(world.db.kysely);
      expect(await due()).not.toContain('overdue');
    });

    it('take everything in them along when they get another id', async () => {
      await save('default');
      const events = ['a', 'b'].map((id) => ({ ...eventOf(id as EventId), calendarId: DEFAULT_CALENDAR_ID }));
      await world.db.transaction(async (tx) => {
        await world.events.saveMany(tx, ALICE, events);
        await world.events.deleteMany(tx, ALICE, ['b' as EventId]);
        await world.cursors.save(tx, cursor());
        await world.calendars.relabel(tx, ALICE, DEFAULT_CALENDAR_ID, OTHER);
      });
      expect((await world.events.find(world.db, ALICE, 'a' as EventId))?.calendarId).toBe(OTHER);
      const tombstones = await world.tombstones.findMany(world.db, ALICE, ['b' as EventId]);
      expect(tombstones.get('b' as EventId)?.calendarId).toBe(OTHER);
      expect(await world.cursors.list(world.db, ALICE, OTHER)).toHaveLength(1);
      expect(await world.calendars.find(world.db, ALICE, DEFAULT_CALENDAR_ID)).toBeUndefined();
      // Nobody edited it, so it is no younger than it was.
      expect((await world.events.find(world.db, ALICE, 'a' as EventId))?.lastModifiedAt).toEqual(NOW);
    });

    it('are nobody else’s: another user’s id finds nothing and changes nothing', async () => {
      await save('a', { name: 'Alice' });
      const before = await world.calendars.find(world.db, ALICE, 'a' as CalendarId);
      expect(await world.calendars.list(world.db, BOB)).toEqual([]);
      expect(await world.calendars.find(world.db, BOB, 'a' as CalendarId)).toBeUndefined();
      await world.db.transaction(async (tx) => {
        const id = 'a' as CalendarId;
        await world.calendars.markRemoved(tx, BOB, id, NOW);
        await world.calendars.saveSettings(tx, BOB, id, { enabled: false });
        await world.calendars.saveLastSynced(tx, BOB, id, NOW);
        await world.calendars.saveNextSync(tx, BOB, id, NOW);
        await world.calendars.relabel(tx, BOB, id, OTHER);
        await world.calendars.forgetProgress(tx, BOB);
        await world.calendars.bringForward(tx, BOB);
        await world.calendars.deleteAll(tx, BOB);
      });
      await save('a', { name: 'Bob' }, BOB);
      expect(await world.calendars.find(world.db, ALICE, 'a' as CalendarId)).toEqual(before);
      await world.db.transaction((tx) => world.calendars.deleteAll(tx, ALICE));
      expect((await world.calendars.list(world.db, BOB)).map(({ name }) => name)).toEqual(['Bob']);
    });
  }));

describe('connections', () =>
  onEachDatabase((world) => {
    it('are one a user, and forget their trouble when they are saved again', async () => {
      await connect(world, ALICE);
      await connect(world, BOB);
      const hers = { userId: ALICE, mailboxId: 'id-alice' };
      await world.db.transaction((tx) => world.connections.markTroubled(tx, hers, 'refused'));
      expect(await world.connections.find(world.db, ALICE)).toEqual({
        ...{ userId: ALICE, mailbox: 'alice@example.com', mailboxId: 'id-alice', mode: 'application', timeZone: 'UTC' },
        ...{ status: 'ERROR', errorMessage: 'refused', createdAt: NOW },
        pausedUntil: undefined,
      });
      await connect(world, ALICE, LATER);
      expect(await world.connections.find(world.db, ALICE)).toMatchObject({
        ...{ status: 'CONNECTED', errorMessage: undefined, createdAt: NOW },
      });
      await world.db.transaction((tx) => world.connections.delete(tx, ALICE));
      expect(await world.connections.find(world.db, ALICE)).toBeUndefined();
      expect(await world.connections.find(world.db, BOB)).toMatchObject({ status: 'CONNECTED' });
    });
  }));

describe('cursors', () =>
  onEachDatabase((world) => {
    it('are one for each slice of a calendar, and replaced as a whole', async () => {
      const first = cursor({
        link: 'https://graph.example.com/delta?token=\0ü🎂',
        linkKind: 'next',
        completedAt: LATER,
      });
      await world.db.transaction((tx) => world.cursors.save(tx, first));
      expect(await world.cursors.list(world.db, ALICE, DEFAULT_CALENDAR_ID)).toEqual([first]);
      const second = cursor({ link: 'x'.repeat(20_000), roundId: 'round-2', isFullRound: false, pages: 7 });
      await world.db.transaction(async (tx) => {
        await world.cursors.save(tx, second);
        await world.cursors.save(tx, cursor({ calendarId: OTHER }));
        await world.cursors.save(tx, cursor({ userId: BOB }));
      });
      expect(await world.cursors.list(world.db, ALICE, DEFAULT_CALENDAR_ID)).toEqual([
        { ...second, completedAt: undefined },
      ]);
      await world.db.transaction((tx) => world.cursors.delete(tx, ALICE, DEFAULT_CALENDAR_ID));
      expect(await world.cursors.list(world.db, ALICE, DEFAULT_CALENDAR_ID)).toEqual([]);
      expect(await world.cursors.list(world.db, ALICE, OTHER)).toHaveLength(1);
      expect(await world.cursors.list(world.db, BOB, DEFAULT_CALENDAR_ID)).toHaveLength(1);
    });

    it('of several slices are listed in order and retired one by one, and tell together what is covered', async () => {
      const later = new Date('2026-05-01T00:00:00Z');
      const rungs = [
        cursor({ rung: 3, windowStart: LATER, windowEnd: later, isRolled: true, isFullRound: false }),
        cursor({ rung: 0, completedAt: LATER }),
        cursor({ rung: 7, windowEnd: new Date('2027-01-01T00:00:00Z'), isRolled: true }),
      ];
      await world.db.transaction(async (tx) => {
        await world.cursors.saveMany(tx, ALICE, rungs);
        await world.cursors.save(tx, cursor({ userId: BOB, rung: 3 }));
        await world.cursors.save(tx, cursor({ calendarId: OTHER }));
      });
      const listed = async () =>
        (await world.cursors.list(world.db, ALICE, DEFAULT_CALENDAR_ID)).map(({ rung }) => rung);
      expect(await listed()).toEqual([0, 3, 7]);
      // What has not been read to its end is not covered.
      expect(await world.cursors.listCoverage(world.db, ALICE)).toEqual(
        new Map([[DEFAULT_CALENDAR_ID, { start: NOW, end: later }]]),
      );
      await world.db.transaction((tx) => world.cursors.deleteRungs(tx, ALICE, DEFAULT_CALENDAR_ID, [0, 3]));
      expect(await listed()).toEqual([7]);
      expect(await world.cursors.list(world.db, BOB, DEFAULT_CALENDAR_ID)).toHaveLength(1);
    });

    it('remember the series a round marked: signs add up, and only reading the series clears them', async () => {
      const mark = (id: string, suspicious: boolean, masterEtag?: string, isLosing = false) => ({
        ...{ graphEventId: id as GraphEventId, suspicious, masterEtag, isLosing, isToldGone: false, doubts: 0 },
      });
      const marks = (limit = 10) => world.cursors.listDirtySeries(world.db, ALICE, DEFAULT_CALENDAR_ID, limit);
      const markSeries = (...all: ReturnType<typeof mark>[]) =>
        world.db.transaction((tx) => world.cursors.markSeries(tx, ALICE, DEFAULT_CALENDAR_ID, 'round-1', all));
      await markSeries(mark('a', false, 'e1'), mark('a', true), mark('b', true, 'e2'), mark('b', false));
      await markSeries(mark('a', false, 'e3', true), mark('c', false));
      await markSeries(mark('a', false));
      await markSeries();
      expect(await marks()).toEqual([mark('a', true, 'e3', true), mark('b', true, 'e2'), mark('c', false)]);
      expect(await marks(1)).toEqual([mark('a', true, 'e3', true)]);
      expect(await world.cursors.listDirtySeries(world.db, BOB, DEFAULT_CALENDAR_ID, 10)).toEqual([]);
      expect(await world.cursors.listDirtySeries(world.db, ALICE, OTHER, 10)).toEqual([]);
      await world.db.transaction(async (tx) => {
        const ids = ['a', 'c'] as GraphEventId[];
        await world.cursors.clearDirtySeries(tx, BOB, DEFAULT_CALENDAR_ID, ids);
        await world.cursors.clearDirtySeries(tx, ALICE, OTHER, ids);
        await world.cursors.clearDirtySeries(tx, ALICE, DEFAULT_CALENDAR_ID, []);
      });
      expect(await marks()).toHaveLength(3);
      await world.db.transaction((tx) =>
        world.cursors.clearDirtySeries(tx, ALICE, DEFAULT_CALENDAR_ID, ['a', 'c'] as GraphEventId[]),
      );
      expect(await marks()).toEqual([mark('b', true, 'e2')]);
    });
  }));

describe('series', () =>
  onEachDatabase((world) => {
    it('are found by the ids of their exceptions, each in its own calendar', async () => {
      const id = (text: string) => text as GraphEventId;
      const row = (eventId: string, calendarId: CalendarId, members: readonly string[] | null) => {
        const etags = members && JSON.stringify(Object.fromEntries(members.map((member) => [member, 'e1'])));
        return sql`
          insert into "EventBase" ("userId", "eventId", "calendarId", "graphEventId", "seriesEtags")
          values (${ALICE}, ${eventId}, ${calendarId}, ${`g-${eventId}`}, ${etags}::text::jsonb)
        `.execute(world.db.kysely);
      };
      await row('a', DEFAULT_CALENDAR_ID, ['x-1', "x'2"]);
      await row('b', DEFAULT_CALENDAR_ID, ['x-3']);
      await row('c', DEFAULT_CALENDAR_ID, null);
      await row('d', OTHER, ['x-4']);
      const find = (calendarId: CalendarId, ...ids: string[]) =>
        world.cursors.findSeriesOf(world.db, ALICE, calendarId, ids.map(id));
      expect(await find(DEFAULT_CALENDAR_ID, 'x-1', "x'2", 'x-3', 'x-4', 'g-a')).toEqual(['g-a', 'g-b']);
      expect(await find(DEFAULT_CALENDAR_ID, 'x-4', 'x', 'e1')).toEqual([]);
      expect(await find(OTHER, 'x-4')).toEqual(['g-d']);
      expect(await find(OTHER)).toEqual([]);
      expect(await world.cursors.findSeriesOf(world.db, BOB, OTHER, [id('x-4')])).toEqual([]);
    });
  }));

describe('conflicts', () =>
  onEachDatabase((world) => {
    const record = (...conflicts: NewConflict[]) => world.db.transaction((tx) => world.conflicts.record(tx, conflicts));
    const list = (status: 'pending' | 'resolved' | 'all' = 'all', page = {}) =>
      world.conflicts.list(world.db, { userId: ALICE, status, limit: 10, offset: 0, ...page });

    it('come back with all three values', async () => {
      const data = { base: anEvent({ subject: 'b\0' }), local: anEvent({ subject: '\ud83c' }), remote: null };
      await record(conflict('c1', { data, units: ['subject', 'time'], conflictType: 'LOCAL_UPDATE_REMOTE_DELETE' }));
      const found = await world.conflicts.find(world.db, ALICE, 'c1' as ConflictId);
      expect(found).toEqual({
        ...{ id: 'c1', userId: ALICE, calendarId: 'default', syncStateId: RUN, eventId: 'event', data },
        ...{ conflictType: 'LOCAL_UPDATE_REMOTE_DELETE', units: ['subject', 'time'], resolution: 'PENDING' },
        ...{ detectedAt: NOW, resolvedAt: undefined, resolutionData: null },
      });
    });

    it('wait as one record an event, which a further change updates', async () => {
      await record(conflict('c1'), conflict('other', { eventId: 'other' as EventId }));
      const data = { base: anEvent(), local: anEvent({ subject: 'changed again' }), remote: anEvent() };
      await record(conflict('c2', { at: LATER, data, units: ['body'], conflictType: 'LOCAL_DELETE_REMOTE_UPDATE' }));
      const { items, total } = await list('pending');
      expect(total).toBe(2);
      expect(items.find(({ eventId }) => eventId === 'event')).toMatchObject({
        ...{ id: 'c1', detectedAt: NOW, data, units: ['body'], conflictType: 'LOCAL_DELETE_REMOTE_UPDATE' },
      });
    });

    it('that decided themselves close the one that waited, or leave a record of their own', async () => {
      await record(conflict('c1'));
      await record(
        conflict('c2', { resolution: 'PREFER_REMOTE', at: LATER }),
        conflict('c3', { resolution: 'MERGE', eventId: 'new' as EventId, at: LATER }),
      );
      expect(
        (await list('resolved')).items.map(({ id, resolution, resolvedAt }) => [id, resolution, resolvedAt]),
      ).toEqual(
        expect.arrayContaining([
          ['c1', 'PREFER_REMOTE', LATER],
          ['c3', 'MERGE', LATER],
        ]),
      );
      expect((await list('pending')).total).toBe(0);
      await record(conflict('c4', { resolution: 'MERGE', at: LATER }));
      await record(conflict('c5'));
      expect((await list()).items.map(({ id }) => id).sort()).toEqual(['c1', 'c3', 'c4', 'c5']);
    });

    it('of two users about one id are two', async () => {
      await record(conflict('c1'));
      await record(conflict('c2', { userId: BOB }));
      expect((await list('pending')).items.map(({ id }) => id)).toEqual(['c1']);
    });

    it('are decided once: who comes second is told', async () => {
      await record(conflict('c1'));
      const decide = (resolution: 'MERGE' | 'MANUAL', userId: UserId = ALICE) =>
        world.db.transaction((tx) =>
          world.conflicts.resolve(tx, {
            ...{ id: 'c1' as ConflictId, userId, resolution, at: LATER },
            resolutionData: { reason: 'a compromise \0' },
          }),
        );
      await expect(decide('MERGE', BOB)).rejects.toMatchObject({ code: 'conflict-state' });
      await decide('MANUAL');
      await expect(decide('MERGE')).rejects.toMatchObject({
        code: 'conflict-state',
        message: 'conflict c1 is not waiting for a decision any more',
      });
      expect(await world.conflicts.find(world.db, ALICE, 'c1' as ConflictId)).toMatchObject({
        ...{ resolution: 'MANUAL', resolvedAt: LATER, resolutionData: { reason: 'a compromise \0' } },
      });
    });

    it('settle when the sides agree, and are closed when the mailbox goes', async () => {
      const events = ['one', 'two', 'three'] as EventId[];
      await record(...events.map((eventId) => conflict(`c-${eventId}`, { eventId })));
      await world.db.transaction(async (tx) => {
        await world.conflicts.settle(tx, ALICE, [], LATER);
        await world.conflicts.settle(tx, BOB, events, LATER);
        await world.conflicts.settle(tx, ALICE, ['one' as EventId, 'nobody' as EventId], LATER);
      });
      const pending = await world.conflicts.pendingFor(world.db, ALICE, events);
      expect([...pending.keys()].sort()).toEqual(['three', 'two']);
      expect(await world.conflicts.pendingFor(world.db, BOB, events)).toEqual(new Map());
      expect(await world.conflicts.pendingFor(world.db, ALICE, [])).toEqual(new Map());
      expect((await list('resolved')).items).toMatchObject([{ id: 'c-one', resolution: 'MERGE', resolvedAt: LATER }]);
      await world.db.transaction(async (tx) => {
        await world.conflicts.closePending(tx, BOB, { at: LATER, reason: 'gone' });
        expect((await world.conflicts.pendingFor(tx, ALICE, events)).size).toBe(2);
        await world.conflicts.closePending(tx, ALICE, { at: LATER, reason: 'gone' });
      });
      expect((await list('pending')).total).toBe(0);
    });

    it('are listed newest first, in pages, and to nobody else', async () => {
      for (const [index, id] of ['a', 'b', 'c'].entries()) {
        await record(conflict(id, { eventId: id as EventId, at: new Date(NOW.getTime() + index) }));
      }
      expect((await list('all', { limit: 2 })).items.map(({ id }) => id)).toEqual(['c', 'b']);
      expect(await list('all', { limit: 2, offset: 2 })).toMatchObject({ items: [{ id: 'a' }], total: 3 });
      expect(await list('all', { offset: 5 })).toEqual({ items: [], total: 3 });
      expect(await list('all', { userId: BOB })).toEqual({ items: [], total: 0 });
      expect(await world.conflicts.find(world.db, BOB, 'a' as ConflictId)).toBeUndefined();
    });

    it('cost one statement however many they are, and none when there are none', async () => {
      await world.db.transaction(async (transaction) => {
        const { tx, count } = counting(transaction);
        await world.cipher.forUser(tx, ALICE);
        const before = count();
        await world.conflicts.record(tx, []);
        expect(count() - before).toBe(0);
        const many = Array.from({ length: 200 }, (_, index) =>
          conflict(`c${index}`, { eventId: `e${index}` as EventId }),
        );
        await world.conflicts.record(tx, many);
        expect(count() - before).toBe(1);
      });
      expect((await list('pending')).total).toBe(200);
    });
  }));

describe('conflicts between processes', () =>
  onPostgres((world) => {
    it('are one record when two find the same at once, and decided by one of two people', async () => {
      await world.cipher.forUser(world.db, ALICE);
      const record = (id: string) => world.db.transaction((tx) => world.conflicts.record(tx, [conflict(id)]));
      await Promise.all([record('c1'), record('c2'), record('c3')]);
      const { items } = await world.conflicts.list(world.db, { userId: ALICE, status: 'all', limit: 10, offset: 0 });
      expect(items).toHaveLength(1);
      const id = items[0]?.id as ConflictId;
      const decisions = await Promise.allSettled(
        (['MERGE', 'PREFER_LOCAL', 'PREFER_REMOTE'] as const).map((resolution) =>
          world.db.transaction((tx) =>
            world.conflicts.resolve(tx, { id, userId: ALICE, resolution, resolutionData: null, at: LATER }),
          ),
        ),
      );
      expect(decisions.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });
  }));

describe('the audit trail', () =>
  onEachDatabase((world) => {
    it('is kept in order, a run’s own, and shows contents to its owner alone', async () => {
      const before = anEvent({ subject: 'b\0fore' });
      const after = anEvent({ subject: 'after' });
      const operations = [
        operation('o2', { before, after, graphEventId: 'g' as GraphEventId, graphRequestId: 'request-1' }),
        operation('o1', {
          side: 'remote',
          operation: 'fail',
          fields: [],
          errorCode: 'ErrorX',
          reason: 'refused by Graph',
        }),
        operation('o3', { runId: 'run-2' as JobId }),
      ];
      await world.db.transaction(async (tx) => {
        await world.operations.append(tx, operations);
        await world.operations.append(tx, []);
        await world.operations.append(tx, [operation('o4', { userId: BOB })]);
      });
      const page = { runId: RUN, limit: 10, offset: 0 };
      const { before: _b, after: _a, ...shown } = operations[0] as NewSyncOperation;
      const mine = await world.operations.list(world.db, { ...page, userId: ALICE });
      expect(mine.total).toBe(2);
      expect(mine.items.map(({ id }) => id)).toEqual(['o2', 'o1']);
      expect(mine.items[0]).toEqual({ ...shown, errorCode: undefined });
      expect((await world.operations.list(world.db, page)).items.map(({ id }) => id)).toEqual(['o2', 'o1', 'o4']);
      expect((await world.operations.listOwn(world.db, { ...page, userId: ALICE })).items).toMatchObject([
        { id: 'o2', before, after },
        { id: 'o1', before: undefined, after: undefined },
      ]);
      expect((await world.operations.listOwn(world.db, { ...page, userId: BOB })).items.map(({ id }) => id)).toEqual([
        'o4',
      ]);
      expect(await world.operations.list(world.db, { ...page, userId: ALICE, limit: 1, offset: 1 })).toMatchObject({
        ...{ items: [{ id: 'o1' }], total: 2 },
      });
    });

    it('tells under how many ids of Graph’s an event was known, to its owner alone', async () => {
      const of = (eventId: string, graphEventId?: string) => ({
        eventId: eventId as EventId,
        graphEventId: graphEventId as GraphEventId | undefined,
      });
      await world.db.transaction(async (tx) => {
        await world.operations.append(tx, [
          operation('o1', of('twice', 'g1')),
          operation('o2', of('twice', 'g1')),
          operation('o3', of('twice', 'g2')),
          operation('o4', of('never')),
          operation('o5', of('another', 'g3')),
        ]);
        await world.operations.append(tx, [operation('o6', { ...of('twice', 'g4'), userId: BOB })]);
      });
      const ids = ['twice', 'never', 'unheard of'] as EventId[];
      expect([...(await world.operations.countGraphIds(world.db, ALICE, ids))].sort()).toEqual([
        ['never', 0],
        ['twice', 2],
      ]);
      expect(await world.operations.countGraphIds(world.db, ALICE, [])).toEqual(new Map());
    });

    it('takes the steps of one user at a time, in one statement', async () => {
      const mixed = [operation('o1'), operation('o2', { userId: BOB })];
      await expect(world.db.transaction((tx) => world.operations.append(tx, mixed))).rejects.toThrow(/several users/);
      await world.db.transaction(async (transaction) => {
        const { tx, count } = counting(transaction);
        await world.cipher.forUser(tx, ALICE);
        const before = count();
        await world.operations.append(
          tx,
          Array.from({ length: 300 }, (_, index) => operation(`o${index}`)),
        );
        expect(count() - before).toBe(1);
      });
    });
  }));

describe('settings', () =>
  onEachDatabase((world) => {
    it('are each user’s own, replaced as a whole, and nothing until they are saved', async () => {
      expect(await world.settings.find(world.db, ALICE)).toEqual({});
      const rules = [{ action: 'exclude' as const, categories: ['Größe 🎂', 'N\0'] }];
      await world.db.transaction(async (tx) => {
        await world.settings.save(tx, ALICE, { enabled: false, rules });
        await world.settings.save(tx, BOB, { direction: 'pull' });
      });
      expect(await world.settings.find(world.db, ALICE)).toEqual({
        enabled: false,
        rules: [{ action: 'exclude', categories: ['Größe 🎂', 'N\ufffd'] }],
      });
      await world.db.transaction((tx) => world.settings.save(tx, ALICE, { syncIntervalMinutes: 5 }));
      expect(await world.settings.find(world.db, ALICE)).toEqual({ syncIntervalMinutes: 5 });
      expect(await world.settings.find(world.db, BOB)).toEqual({ direction: 'pull' });
    });
  }));

describe('idempotency keys', () =>
  onEachDatabase((world) => {
    const take = (userId: UserId, eventId: string) =>
      world.db.transaction((tx) =>
        world.idempotency.take(tx, userId, {
          key: 'key',
          requestHash: `hash of ${eventId}`,
          eventId: eventId as EventId,
          at: NOW,
        }),
      );

    it('belong to the first request, and to one user', async () => {
      expect(await world.idempotency.find(world.db, ALICE, 'key')).toBeUndefined();
      expect(await take(ALICE, 'a')).toBe(true);
      expect(await take(ALICE, 'b')).toBe(false);
      expect(await take(BOB, 'c')).toBe(true);
      expect(await world.idempotency.find(world.db, ALICE, 'key')).toEqual({ requestHash: 'hash of a', eventId: 'a' });
      expect(await world.idempotency.find(world.db, BOB, 'key')).toEqual({ requestHash: 'hash of c', eventId: 'c' });
    });

    it('go to one of several requests that come at once', async () => {
      const answers = await Promise.all(['a', 'b', 'c', 'd'].map((eventId) => take(ALICE, eventId)));
      expect(answers.filter(Boolean)).toHaveLength(1);
    });

    it('are free again when the request that took them failed', async () => {
      const failed = world.db.transaction(async (tx) => {
        await world.idempotency.take(tx, ALICE, { key: 'key', requestHash: 'h', eventId: 'a' as EventId, at: NOW });
        throw new Error('failed');
      });
      await expect(failed).rejects.toThrow('failed');
      expect(await take(ALICE, 'b')).toBe(true);
    });
  }));

describe('on a server that shows time in another zone', () =>
  onPostgres((world) => {
    it('instants are the same', async () => {
      const never = new Date('0001-01-01T00:00:00Z');
      await world.db.transaction(async (tx) => {
        await sql`set local timezone = 'Europe/Amsterdam'`.execute(tx.kysely);
        await world.events.saveMany(tx, ALICE, [{ ...eventOf('a' as EventId), syncedAt: never }]);
        await world.bases.saveMany(tx, ALICE, [
          {
            ...{
              eventId: 'a' as EventId,
              userId: ALICE,
              calendarId: DEFAULT_CALENDAR_ID,
              agreedRevision: 0n,
              local: null,
            },
            ...{
              remote: null,
              generation: 0,
              conflictUnits: [],
              heldUnits: [],
              remoteModifiedAt: never,
              syncedAt: LATER,
            },
          },
        ]);
        const [pending] = await world.events.listPending(tx, ALICE, DEFAULT_CALENDAR_ID, { limit: 10 });
        expect(pending).toMatchObject({
          ...{ event: { syncedAt: never }, base: { remoteModifiedAt: never, syncedAt: LATER } },
        });
      });
    });
  }));

function connect(world: StoreWorld, userId: UserId, at: Date = NOW): Promise<void> {
  const connection = { userId, mailbox: `${userId}@example.com`, mailboxId: `id-${userId}`, timeZone: 'UTC' };
  return world.db.transaction((tx) => world.connections.save(tx, { ...connection, mode: 'application' }, at));
}

function eventOf(id: EventId) {
  return { id, calendarId: DEFAULT_CALENDAR_ID, content: anEvent(), lastModifiedAt: NOW, createdAt: NOW };
}

function cursor(more: Partial<DeltaCursor> = {}): DeltaCursor {
  return {
    ...{ userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, link: 'https://graph.example.com/delta', linkKind: 'delta' },
    ...{ windowStart: NOW, windowEnd: LATER, roundId: 'round-1', isFullRound: true, roundStartedAt: NOW, pages: 1 },
    ...{ rung: 0, isRolled: false, issuedAt: NOW },
    ...more,
  };
}

function conflict(id: string, more: Partial<NewConflict> = {}): NewConflict {
  return {
    ...{ id, userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, syncStateId: RUN, eventId: 'event' as EventId },
    ...{ conflictType: 'UPDATE_UPDATE', units: ['subject'], resolution: 'PENDING', at: NOW },
    data: { base: anEvent(), local: anEvent(), remote: anEvent() },
    ...more,
  };
}

function operation(id: string, more: Partial<NewSyncOperation> = {}): NewSyncOperation {
  return {
    ...{ id, runId: RUN, userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, eventId: 'event' as EventId, side: 'local' },
    ...{ operation: 'update', fields: ['subject', 'time'], reason: 'changed in Outlook', at: NOW, ...more },
  };
}
