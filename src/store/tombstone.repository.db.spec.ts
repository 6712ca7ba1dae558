import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, type StoreWorld } from '../../test/support/store-world.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type EventId, type GraphEventId } from '../core/ids.ts';
import type { EventBase } from './base.repository.ts';
import type { SaveEvent } from './event.repository.ts';

const [A, B, C] = ['a', 'b', 'c'] as [EventId, EventId, EventId];
const G = 'g' as GraphEventId;
const OTHER = 'other' as CalendarId;
const NOW = new Date('2026-03-02T08:00:00Z');
const LATER = new Date('2026-03-02T10:00:00Z');

describe('tombstones', () =>
  onEachDatabase((world) => {
    it('tell what was deleted when, and from which calendar', async () => {
      await save(world, [event(A, { calendarId: OTHER, graphEventId: G }), event(B), event(C)]);
      await remove(world, [A, B], LATER);
      const found = await world.tombstones.findMany(world.db, ALICE, [A, B, C]);
      expect([...found.keys()].toSorted()).toEqual([A, B]);
      expect(found.get(A)).toMatchObject({ userId: ALICE, calendarId: OTHER, graphEventId: G, deletedAt: LATER });
      expect(found.get(B)).toMatchObject({ calendarId: DEFAULT_CALENDAR_ID, graphEventId: undefined });
    });

    it('come in pages, in the order of their events’ ids', async () => {
      await save(world, [event(C), event(A), event(B)]);
      await remove(world, [B]);
      await remove(world, [C, A]);
      const page = async (after?: EventId) =>
        (await world.tombstones.list(world.db, ALICE, { after, limit: 2 })).map(({ eventId }) => eventId);
      expect(await page()).toEqual([A, B]);
      expect(await page(B)).toEqual([C]);
      expect(await page(C)).toEqual([]);
    });

    it('know whose an id at Graph was, of several the last one', async () => {
      await save(world, [event(B, { graphEventId: G })]);
      await remove(world, [B]);
      await save(world, [event(A, { graphEventId: G })]);
      await remove(world, [A]);
      await save(world, [event(C, { graphEventId: 'g-c' as GraphEventId })]);
      const former = await world.tombstones.findFormer(world.db, ALICE, [G, 'g-c' as GraphEventId]);
      expect(former).toEqual(new Map([[G, A]]));
    });

    it('are nobody else’s', async () => {
      await save(world, [event(A, { graphEventId: G })]);
      await saveBase(world, { eventId: A, graphEventId: G });
      await save(world, [event(B)]);
      await saveBase(world, { eventId: B, local: anEvent() });
      await remove(world, [A, B]);
      const { db, tombstones } = world;
      expect(await tombstones.findMany(db, BOB, [A, B])).toEqual(new Map());
      expect(await tombstones.findFormer(db, BOB, [G])).toEqual(new Map());
      expect(await tombstones.list(db, BOB, { limit: 10 })).toEqual([]);
      expect(await tombstones.listPending(db, BOB, DEFAULT_CALENDAR_ID)).toEqual([]);
      expect(await tombstones.listUnanswered(db, BOB, DEFAULT_CALENDAR_ID)).toEqual([]);
    });
  }));

describe('pending deletions', () =>
  onEachDatabase((world) => {
    const pending = (now?: Date) => world.tombstones.listPending(world.db, ALICE, DEFAULT_CALENDAR_ID, now);
    const revisionOf = async (id: EventId) =>
      (await world.tombstones.findMany(world.db, ALICE, [id])).get(id)?.revision ?? 0n;

    it('are those of what was linked, until they are agreed on or refused', async () => {
      await save(world, [event(A), event(B), event(C)]);
      await saveBase(world, { eventId: A, agreedRevision: 1n, graphEventId: G });
      await saveBase(world, { eventId: B, agreedRevision: 1n, calendarId: OTHER });
      await remove(world, [A, B, C], LATER);
      const [deletion, ...others] = await pending();
      expect(others).toEqual([]);
      expect(deletion).toMatchObject({
        tombstone: { eventId: A, userId: ALICE, deletedAt: LATER },
        base: { eventId: A, graphEventId: G },
      });
      const revision = deletion?.tombstone.revision ?? 0n;
      await saveBase(world, { eventId: A, agreedRevision: 1n, failedRevision: revision });
      expect(await pending()).toEqual([]);
      await saveBase(world, { eventId: A, agreedRevision: revision });
      expect(await pending()).toEqual([]);
    });

    it('bring what Graph told of the event last', async () => {
      const facts = { isOrganizer: false, isCancelled: false, iCalUId: 'uid' };
      await save(world, [event(A, { facts })]);
      await saveBase(world, { eventId: A, graphEventId: G });
      await remove(world, [A]);
      expect((await pending())[0]?.facts).toEqual(facts);
    });

    it('are due again once the pause is over that a breakdown gave them', async () => {
      await save(world, [event(A)]);
      await remove(world, [A]);
      const failed = { eventId: A, graphEventId: G, failedRevision: await revisionOf(A), retryAt: LATER };
      await saveBase(world, failed);
      expect(await pending(NOW)).toEqual([]);
      expect(await pending(LATER)).toHaveLength(1);
      expect(await pending()).toEqual([]);
    });

    it('of creates that were never answered are told by their generation, as long as the event is gone', async () => {
      await save(world, [event(A), event(B), event(C)]);
      await saveBase(world, { eventId: A, generation: 2, local: anEvent() });
      await saveBase(world, { eventId: B, graphEventId: G, local: anEvent(), remote: anEvent() });
      await saveBase(world, { eventId: C, generation: 1, local: anEvent() });
      await remove(world, [A, B, C]);
      await save(world, [event(C)]);
      expect(await world.tombstones.listUnanswered(world.db, ALICE, DEFAULT_CALENDAR_ID)).toEqual([
        { userId: ALICE, eventId: A, generation: 2 },
      ]);
      expect(await world.tombstones.listUnanswered(world.db, ALICE, OTHER)).toEqual([]);
    });
  }));

function event(id: EventId, more: Partial<SaveEvent> = {}): SaveEvent {
  return { id, calendarId: DEFAULT_CALENDAR_ID, content: anEvent(), lastModifiedAt: NOW, createdAt: NOW, ...more };
}

async function save(world: StoreWorld, events: readonly SaveEvent[]): Promise<void> {
  await world.db.transaction((tx) => world.events.saveMany(tx, ALICE, events));
}

async function remove(world: StoreWorld, ids: readonly EventId[], when?: Date): Promise<void> {
  await world.db.transaction((tx) => world.events.deleteMany(tx, ALICE, ids, when));
}

async function saveBase(world: StoreWorld, some: Partial<EventBase> & { eventId: EventId }): Promise<void> {
  const base: EventBase = {
    ...{ userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, agreedRevision: 0n, local: null, remote: null, generation: 0 },
    ...{ conflictUnits: [], heldUnits: [], ...some },
  };
  await world.db.transaction((tx) => world.bases.saveMany(tx, ALICE, [base]));
}
