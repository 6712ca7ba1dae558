import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { counting, onEachDatabase, type StoreWorld } from '../../test/support/store-world.ts';
import type { EventContent } from '../core/event.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type EventId, type GraphEventId, type UserId } from '../core/ids.ts';
import type { EventBase } from './base.repository.ts';

const [A, B, C] = ['a', 'b', 'c'] as [EventId, EventId, EventId];
const OTHER = 'other' as CalendarId;
const NOW = new Date('2026-03-02T08:00:00Z');
const WINDOW = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-04-01T00:00:00Z') };

describe('bases', () =>
  onEachDatabase((world) => {
    it('come back as they were saved, found by either id, in whichever calendar', async () => {
      const whole: EventBase = {
        ...{ eventId: A, userId: ALICE, calendarId: OTHER, graphEventId: graphId('a'), iCalUId: 'uid', etag: 'W/"1"' },
        ...{ agreedRevision: 9_007_199_254_740_993n, failedRevision: 9_007_199_254_740_995n, generation: 3 },
        ...{ local: aSeries({ subject: 'here' }), remote: aSeries({ subject: 'th\0ere \ud83c' }) },
        seriesEtags: { 'graph-1': 'W/"2"' },
        ...{ remoteModifiedAt: new Date('2026-03-01T00:00:00.123Z'), remoteGoneAt: NOW, syncedAt: NOW },
        ...{ conflictUnits: ['subject', 'occurrence:2026-03-16'], heldUnits: ['attendees'] },
        ...{ errorCode: 'ErrorInvalidRequest', errorMessage: 'refused', seenRound: 'round-1' },
      };
      const sparse = base(B);
      await save(world, [whole, sparse]);
      expect(await world.bases.findByEventIds(world.db, ALICE, [A, B, C])).toEqual(
        new Map([
          [A, whole],
          [B, sparse],
        ]),
      );
      expect(await world.bases.findByGraphIds(world.db, ALICE, [graphId('a'), graphId('b')])).toEqual(
        new Map([[graphId('a'), whole]]),
      );
    });

    it('are replaced as a whole when saved again, but for the round that saw them', async () => {
      await save(world, [
        base(A, {
          ...{ graphEventId: graphId('a'), etag: 'e', local: anEvent(), remote: anEvent(), seenRound: 'round-1' },
          ...{ errorCode: 'x', errorMessage: 'x', failedRevision: 1n, remoteGoneAt: NOW, conflictUnits: ['subject'] },
        }),
      ]);
      const next = base(A, { graphEventId: graphId('other'), generation: 1 });
      await save(world, [next]);
      expect(await find(world, A)).toEqual({ ...next, seenRound: 'round-1' });
      await save(world, [{ ...next, seenRound: 'round-2' }]);
      expect((await find(world, A))?.seenRound).toBe('round-2');
    });

    it('may tell of a change in the year 1, as Graph does when it means never', async () => {
      const remoteModifiedAt = new Date('0001-01-01T00:00:00Z');
      await saveEvents(world, [A]);
      await save(world, [base(A, { remoteModifiedAt })]);
      expect((await find(world, A))?.remoteModifiedAt).toEqual(remoteModifiedAt);
      const [pending] = await world.events.listPending(world.db, ALICE, DEFAULT_CALENDAR_ID, { limit: 10 });
      expect(pending?.base?.remoteModifiedAt).toEqual(remoteModifiedAt);
    });

    it('are one a Graph event for a user; two users may know the same one', async () => {
      await save(world, [base(A, { graphEventId: graphId('g') })]);
      await save(world, [base(B, { userId: BOB, graphEventId: graphId('g') })], BOB);
      await expect(save(world, [base(C, { graphEventId: graphId('g') })])).rejects.toMatchObject({ code: '23505' });
      expect((await world.bases.findByGraphIds(world.db, BOB, [graphId('g')])).get(graphId('g'))?.eventId).toBe(B);
    });

    it('are nobody else’s: another user’s ids find nothing and change nothing', async () => {
      await saveEvents(world, [A]);
      await save(world, [base(A, { graphEventId: graphId('a'), heldUnits: ['attendees'], agreedRevision: 5n })]);
      const before = await find(world, A);
      const { bases, db } = world;
      expect(await bases.findByEventIds(db, BOB, [A])).toEqual(new Map());
      expect(await bases.findByGraphIds(db, BOB, [graphId('a')])).toEqual(new Map());
      expect(await bases.listUnseen(db, BOB, DEFAULT_CALENDAR_ID, { roundId: 'r', window: WINDOW, limit: 9 })).toEqual(
        [],
      );
      expect(await bases.listLinked(db, BOB, DEFAULT_CALENDAR_ID, { window: WINDOW, limit: 9 })).toEqual([]);
      expect(await bases.countSynced(db, BOB, DEFAULT_CALENDAR_ID)).toBe(0);
      await db.transaction(async (tx) => {
        await bases.saveMany(tx, BOB, [base(A, { userId: BOB, graphEventId: graphId('stolen') })]);
        await bases.markSeen(tx, BOB, [graphId('a')], 'round');
        await bases.markGone(tx, BOB, [graphId('a')], NOW);
        await bases.reopenHeld(tx, BOB);
        await bases.deleteMany(tx, BOB, [A]);
        expect(await bases.lockByEventIds(tx, BOB, [A])).toEqual(new Map());
        await bases.nextGeneration(tx, BOB, DEFAULT_CALENDAR_ID, [A]);
        expect(await bases.findByEventIds(tx, BOB, [A])).toEqual(new Map());
        await bases.unlinkAll(tx, BOB);
        await bases.deleteMany(tx, BOB, [A]);
      });
      expect(await find(world, A)).toEqual(before);
      await db.transaction((tx) => bases.markGone(tx, ALICE, [graphId('a')], NOW));
      expect(await bases.listGone(db, BOB, DEFAULT_CALENDAR_ID)).toEqual([]);
    });

    it('that a full round did not list are those of its window, a page at a time', async () => {
      await saveEvents(world, [A, B, C]);
      await saveEvents(
        world,
        ['far' as EventId],
        anEvent({ start: at('2027-01-01T09:00:00'), end: at('2027-01-01T10:00:00') }),
      );
      await saveEvents(
        world,
        ['edge' as EventId],
        anEvent({ start: at('2026-03-01T00:00:00', 'UTC'), end: at('2026-03-01T00:00:00', 'UTC') }),
      );
      await save(world, [
        ...[A, B, C].map((id) => base(id, { graphEventId: graphId(id), seenRound: 'round-1' })),
        base('far' as EventId, { graphEventId: graphId('far') }),
        base('edge' as EventId, { graphEventId: graphId('edge') }),
        base('deleted-here' as EventId, { graphEventId: graphId('deleted-here') }),
        base('unlinked' as EventId),
        base('elsewhere' as EventId, { graphEventId: graphId('elsewhere'), calendarId: OTHER }),
        base('gone' as EventId, { graphEventId: graphId('gone'), remoteGoneAt: NOW }),
      ]);
      await world.db.transaction((tx) => world.bases.markSeen(tx, ALICE, [graphId('b'), graphId('nobody')], 'round-2'));
      const unseen = (limit: number) =>
        world.bases.listUnseen(world.db, ALICE, DEFAULT_CALENDAR_ID, { roundId: 'round-2', window: WINDOW, limit });
      expect(await unseen(10)).toEqual(['g-a', 'g-c', 'g-deleted-here', 'g-edge']);
      expect(await unseen(2)).toEqual(['g-a', 'g-c']);
      await world.db.transaction((tx) => world.bases.markSeen(tx, ALICE, [graphId('a'), graphId('c')], 'round-2'));
      expect(await unseen(2)).toEqual(['g-deleted-here', 'g-edge']);
    });

    it('that are linked come in pages, with the round that saw them', async () => {
      await saveEvents(world, [A, B]);
      await save(world, [
        base(A, { graphEventId: graphId('a'), seenRound: 'round-1' }),
        base(B, { graphEventId: graphId('b') }),
        base(C),
      ]);
      const page = (after?: EventId) =>
        world.bases.listLinked(world.db, ALICE, DEFAULT_CALENDAR_ID, { window: WINDOW, limit: 1, after });
      expect(await page()).toEqual([{ eventId: A, graphEventId: 'g-a', seenRound: 'round-1' }]);
      expect(await page(A)).toEqual([{ eventId: B, graphEventId: 'g-b', seenRound: undefined }]);
      expect(await page(B)).toEqual([]);
      expect(await world.bases.countSynced(world.db, ALICE, DEFAULT_CALENDAR_ID)).toBe(2);
    });

    it('that are proven to be gone are listed until they are seen to, those in conflict and those edited here too', async () => {
      await saveEvents(world, [B]);
      await save(world, [
        base(A, { graphEventId: graphId('a') }),
        base(B, { graphEventId: graphId('b'), conflictUnits: ['subject'] }),
        base(C, { graphEventId: graphId('c') }),
      ]);
      await world.db.transaction((tx) => world.bases.markGone(tx, ALICE, [graphId('a'), graphId('b')], NOW));
      expect((await find(world, A))?.remoteGoneAt).toEqual(NOW);
      const gone = () => world.bases.listGone(world.db, ALICE, DEFAULT_CALENDAR_ID);
      expect(await gone()).toEqual([
        { eventId: A, graphEventId: 'g-a', isChanged: false },
        { eventId: B, graphEventId: 'g-b', isChanged: true },
      ]);
      await save(world, [base(A, { graphEventId: graphId('a') }), base(B)]);
      expect(await gone()).toEqual([]);
    });

    it('of what a policy held back are pending again when it is reopened', async () => {
      await saveEvents(world, [A, B]);
      await save(world, [base(A, { heldUnits: ['attendees'], agreedRevision: 99n }), base(B, { agreedRevision: 99n })]);
      await world.db.transaction((tx) => world.bases.reopenHeld(tx, ALICE));
      expect((await find(world, A))?.agreedRevision).toBe(0n);
      expect((await find(world, B))?.agreedRevision).toBe(99n);
    });

    it('of events to be made at Graph anew count up, and forget what was sent before', async () => {
      await saveEvents(world, [A, B, C]);
      await save(world, [
        base(A, { generation: 2, local: anEvent() }),
        base(B, { generation: 2, graphEventId: graphId('b') }),
      ]);
      await world.db.transaction((tx) => world.bases.nextGeneration(tx, ALICE, DEFAULT_CALENDAR_ID, [A, B, C]));
      expect(await find(world, A)).toEqual(base(A, { generation: 3 }));
      expect(await find(world, B)).toEqual(base(B, { generation: 2, graphEventId: graphId('b') }));
      expect(await find(world, C)).toEqual(base(C, { generation: 1 }));
    });

    it('of a mailbox that is disconnected keep only what keeps an event from being made twice', async () => {
      await saveEvents(world, [A, B]);
      await save(world, [
        base(A, { graphEventId: graphId('a'), local: anEvent(), remote: anEvent(), generation: 2, etag: 'e' }),
        base(B, { local: anEvent({ subject: 'sent, never answered' }), generation: 1 }),
        base(C, { graphEventId: graphId('c') }),
      ]);
      await world.db.transaction((tx) => world.bases.unlinkAll(tx, ALICE));
      expect(await find(world, A)).toEqual(base(A, { generation: 2 }));
      expect(await find(world, B)).toEqual(
        base(B, { generation: 1, local: anEvent({ subject: 'sent, never answered' }) }),
      );
      expect(await find(world, C)).toBeUndefined();
    });

    it('cost one statement however many they are, and none when there are none', async () => {
      const bases = Array.from({ length: 300 }, (_, index) =>
        base(`e${index}` as EventId, { graphEventId: graphId(String(index)), local: anEvent(), remote: anEvent() }),
      );
      const ids = bases.map(({ eventId }) => eventId);
      const graphIds = bases.map(({ graphEventId }) => graphEventId as GraphEventId);
      await world.db.transaction(async (transaction) => {
        const { tx, count } = counting(transaction);
        await world.cipher.forUser(tx, ALICE);
        const cost = async (work: () => Promise<unknown>) => {
          const before = count();
          await work();
          return count() - before;
        };
        expect(await cost(() => world.bases.saveMany(tx, ALICE, bases))).toBe(1);
        expect(await cost(() => world.bases.saveMany(tx, ALICE, bases))).toBe(1);
        expect(await cost(() => world.bases.findByGraphIds(tx, ALICE, graphIds))).toBe(1);
        expect(await cost(() => world.bases.findByEventIds(tx, ALICE, ids))).toBe(1);
        expect(await cost(() => world.bases.lockByEventIds(tx, ALICE, ids))).toBe(1);
        expect(await cost(() => world.bases.markSeen(tx, ALICE, graphIds, 'round'))).toBe(1);
        expect(await cost(() => world.bases.markGone(tx, ALICE, graphIds, NOW))).toBe(1);
        expect(await cost(() => world.bases.deleteMany(tx, ALICE, ids))).toBe(1);

        expect(await cost(() => world.bases.saveMany(tx, ALICE, []))).toBe(0);
        expect(await cost(() => world.bases.findByGraphIds(tx, ALICE, []))).toBe(0);
        expect(await cost(() => world.bases.findByEventIds(tx, ALICE, []))).toBe(0);
        expect(await cost(() => world.bases.lockByEventIds(tx, ALICE, []))).toBe(0);
        expect(await cost(() => world.bases.markSeen(tx, ALICE, [], 'round'))).toBe(0);
        expect(await cost(() => world.bases.markGone(tx, ALICE, [], NOW))).toBe(0);
        expect(await cost(() => world.bases.deleteMany(tx, ALICE, []))).toBe(0);
      });
    });
  }));

function base(eventId: EventId, more: Partial<EventBase> = {}): EventBase {
  return {
    ...{ eventId, userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, agreedRevision: 0n, local: null, remote: null },
    ...{ generation: 0, conflictUnits: [], heldUnits: [], ...more },
  };
}

function graphId(name: string): GraphEventId {
  return `g-${name}` as GraphEventId;
}

async function save(world: StoreWorld, bases: readonly EventBase[], userId: UserId = ALICE): Promise<void> {
  await world.db.transaction((tx) => world.bases.saveMany(tx, userId, bases));
}

async function saveEvents(
  world: StoreWorld,
  ids: readonly EventId[],
  content: EventContent = anEvent(),
): Promise<void> {
  const events = ids.map((id) => ({
    id,
    calendarId: DEFAULT_CALENDAR_ID,
    content,
    lastModifiedAt: NOW,
    createdAt: NOW,
  }));
  await world.db.transaction((tx) => world.events.saveMany(tx, ALICE, events));
}

async function find(world: StoreWorld, id: EventId): Promise<EventBase | undefined> {
  return (await world.bases.findByEventIds(world.db, ALICE, [id])).get(id);
}
