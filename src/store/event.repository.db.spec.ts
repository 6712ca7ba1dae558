import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { anEvent, arbitraryEvent, arbitrarySeries, aSeries, at } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { counting, onEachDatabase, onPostgres, type StoreWorld } from '../../test/support/store-world.ts';
import type { EventContent } from '../core/event.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type EventId, type GraphEventId, type UserId } from '../core/ids.ts';
import type { EventBase } from './base.repository.ts';
import type { SaveEvent, StoredEvent } from './event.repository.ts';

const [A, B, C] = ['a', 'b', 'c'] as [EventId, EventId, EventId];
const OTHER = 'other' as CalendarId;
const NOW = new Date('2026-03-02T08:00:00Z');

describe('stored events', () =>
  onEachDatabase((world) => {
    it('come back as they were written, whatever is in them', async () => {
      const contents = fc.sample(fc.oneof(arbitraryEvent(), arbitrarySeries()), 60);
      const events = contents.map((content, index) => event(`e${index}` as EventId, { content }));
      await save(world, events);
      const found = await world.events.findMany(
        world.db,
        ALICE,
        events.map(({ id }) => id),
      );
      expect([...found.values()].map(({ problem }) => problem).filter(Boolean)).toEqual([]);
      expect(events.map(({ id }) => found.get(id)?.content)).toEqual(contents);
    });

    it('keep everything beside the content too', async () => {
      const facts = { isOrganizer: false, isCancelled: true, organizer: { address: 'eve@example.com', name: 'Eve' } };
      const whole = event(A, {
        ...{ calendarId: OTHER, graphEventId: 'g-1' as GraphEventId, iCalUId: 'uid-1', facts, syncedAt: NOW },
        ...{ createdAt: new Date('2020-01-01T00:00:00.001Z'), lastModifiedAt: new Date('2026-02-01T00:00:00.999Z') },
      });
      await save(world, [whole]);
      const { revision, ...stored } = await get(world, A);
      expect(stored).toEqual({ ...whole, userId: ALICE, problem: undefined });
      expect(revision).toBeGreaterThan(0n);
    });

    it('keep which series they go on from when they are written without it', async () => {
      await save(world, [event(A), event(B, { follows: [A, C] })]);
      await save(world, [event(B, { content: anEvent({ subject: 'changed' }) })]);
      expect((await get(world, B)).follows).toEqual([A, C]);
      const { revision } = await get(world, B);
      await sql`update "CalendarEvent" set follows = '{}' where id = ${B}`.execute(world.db.kysely);
      expect(await get(world, B)).not.toHaveProperty('follows');
      expect((await get(world, B)).revision).toBe(revision);
    });

    it.each<[string, Partial<EventContent>]>([
      ['nothing at all', { subject: '', body: { contentType: 'text', content: '' } }],
      ['NUL', { subject: 'a\0b', body: { contentType: 'html', content: '\0' }, categories: ['\0'] }],
      ['emoji and other scripts', { subject: '👩‍👩‍👧‍👦 打ち合わせ اجتماع', locations: [{ displayName: 'Café 🏝️' }] }],
      ['half an emoji, as a cut leaves it', { subject: `${'x'.repeat(254)}\ud83c` }],
      ['control characters and quotes', { subject: '\u0001\u001f\u007f\u0085 "\'\\ \\u0000 {} $$ %' }],
      ['what looks encrypted', { subject: 'enc:v1:hello', body: { contentType: 'text', content: '{"$enc":"v1:x"}' } }],
      ['a body of five million characters', { body: { contentType: 'html', content: '<p>ü</p>'.repeat(625_000) } }],
    ])('keep %s, next to others of the same page', async (_what, fields) => {
      const content = anEvent(fields);
      await save(world, [event(A), event(B, { content }), event(C)]);
      expect((await get(world, B)).content).toEqual(content);
      await save(world, [event(B, { content: { ...content, importance: 'high' } })]);
      expect((await get(world, B)).content).toEqual({ ...content, importance: 'high' });
    });

    it('do not hold up their page with a character the database refuses in what is kept in the clear', async () => {
      const content = anEvent({ start: at('2026-03-09T09:00:00', 'Zone\0\ud83c') });
      await save(world, [event(A), event(B, { content, iCalUId: 'uid\0\ud83c' })]);
      expect(await get(world, B)).toMatchObject({
        iCalUId: 'uid\ufffd\ufffd',
        content: { start: { dateTime: '2026-03-09T09:00:00', timeZone: 'Zone\ufffd\ufffd' } },
      });
      await world.db.transaction((tx) =>
        world.events.linkMany(tx, ALICE, [{ id: B, iCalUId: 'other\0', syncedAt: NOW }]),
      );
      expect((await get(world, B)).iCalUId).toBe('other\ufffd');
      expect(await world.events.findMany(world.db, ALICE, ['no\0ne' as EventId])).toEqual(new Map());
    });

    it('take an identity of any length', async () => {
      const iCalUId = Buffer.from(world.random.bytes(6_000)).toString('hex');
      await save(world, [event(A, { iCalUId })]);
      expect((await get(world, A)).iCalUId).toBe(iCalUId);
    });

    it.each([
      ['the year 0001', '0001-01-01T00:00:00', 'UTC'],
      ['the year 0001 east of Greenwich', '0001-01-01T00:00:00', 'Asia/Tokyo'],
      ['the year 9999', '9999-12-31T23:59:59.9999999', 'UTC'],
      ['the year 9999 west of Greenwich', '9999-12-31T23:59:59', 'America/New_York'],
      ['a zone nobody knows', '2026-03-09T09:00:00', 'Customized Time Zone'],
      ['a day that does not exist', '2026-02-30T09:00:00', 'UTC'],
    ])('may lie in %s', async (_what, dateTime, timeZone) => {
      const content = anEvent({ start: at(dateTime, timeZone), end: at(dateTime, timeZone) });
      await save(world, [event(A, { content }), event(B)]);
      expect((await get(world, A)).content).toEqual(content);
      const all = await world.events.listWindow(world.db, ALICE, { limit: 10 });
      expect(all.map((row) => row.event.id).sort()).toEqual([A, B]);
      // As a caller pages on: the position of the one is where the other begins.
      const [first] = await world.events.listWindow(world.db, ALICE, { limit: 1 });
      const after = { startAt: first?.startAt ?? null, id: first?.event.id ?? '' };
      const rest = await world.events.listWindow(world.db, ALICE, { limit: 10, after });
      expect([first, ...rest].map((row) => row?.event.id).sort()).toEqual([A, B]);
    });

    it('tell the instants of their rows to the millisecond, also before there were time zones', async () => {
      const never = new Date('0001-01-01T00:00:00Z');
      await save(world, [event(A, { lastModifiedAt: never, createdAt: never, syncedAt: never })]);
      expect(await get(world, A)).toMatchObject({ lastModifiedAt: never, createdAt: never, syncedAt: never });
    });

    it('may have a rule that nobody can expand', async () => {
      const recurrence = {} as NonNullable<EventContent['recurrence']>;
      await save(world, [event(A, { content: anEvent({ recurrence }) }), event(B)]);
      const far = { start: new Date('2090-01-01T00:00:00Z'), end: new Date('2090-02-01T00:00:00Z'), limit: 10 };
      expect(await world.events.listWindow(world.db, ALICE, far)).toMatchObject([
        { event: { id: A, problem: expect.stringMatching(/^recurrence must be/) } },
      ]);
    });

    it('are written five thousand at once, each under a revision of its own', async () => {
      const events = Array.from({ length: 5_000 }, (_, index) => event(`e${index}` as EventId));
      const revisions = await save(world, events);
      expect(revisions.size).toBe(5_000);
      expect(new Set(revisions.values()).size).toBe(5_000);
      const ids = events.map(({ id }) => id);
      expect((await world.events.findMany(world.db, ALICE, ids)).size).toBe(5_000);
      await world.db.transaction((tx) => world.events.deleteMany(tx, ALICE, ids));
      expect((await world.tombstones.findMany(world.db, ALICE, ids)).size).toBe(5_000);
    }, 120_000);

    it('cost one statement however many they are, and none when there are none', async () => {
      const events = Array.from({ length: 300 }, (_, index) => event(`e${index}` as EventId));
      const ids = events.map(({ id }) => id);
      await world.db.transaction(async (transaction) => {
        const { tx, count } = counting(transaction);
        // Once in a transaction the user's key is looked at.
        await world.cipher.forUser(tx, ALICE);
        const cost = async (work: () => Promise<unknown>) => {
          const before = count();
          await work();
          return count() - before;
        };
        expect(await cost(() => world.events.saveMany(tx, ALICE, events))).toBe(1);
        expect(await cost(() => world.events.lockMany(tx, ALICE, ids))).toBe(1);
        expect(await cost(() => world.events.findMany(tx, ALICE, ids))).toBe(1);
        expect(
          await cost(() =>
            world.events.linkMany(
              tx,
              ALICE,
              ids.map((id) => ({ id, syncedAt: NOW })),
            ),
          ),
        ).toBe(1);
        expect(await cost(() => world.events.listPending(tx, ALICE, DEFAULT_CALENDAR_ID, { limit: 300 }))).toBe(1);
        expect(await cost(() => world.events.listUnlinked(tx, ALICE, DEFAULT_CALENDAR_ID))).toBe(1);
        expect(await cost(() => world.events.deleteMany(tx, ALICE, ids, NOW))).toBe(1);
        expect(await cost(() => world.tombstones.findMany(tx, ALICE, ids))).toBe(1);

        expect(await cost(() => world.events.saveMany(tx, ALICE, []))).toBe(0);
        expect(await cost(() => world.events.lockMany(tx, ALICE, []))).toBe(0);
        expect(await cost(() => world.events.findMany(tx, ALICE, []))).toBe(0);
        expect(await cost(() => world.events.linkMany(tx, ALICE, []))).toBe(0);
        expect(await cost(() => world.events.deleteMany(tx, ALICE, []))).toBe(0);
        expect(await cost(() => world.tombstones.findMany(tx, ALICE, []))).toBe(0);
      });
    });

    it('are nobody else’s: another user’s id finds nothing and changes nothing', async () => {
      await save(world, [event(A, { graphEventId: 'g' as GraphEventId })]);
      const before = await get(world, A);
      const { db, events } = world;
      expect(await events.find(db, BOB, A)).toBeUndefined();
      expect(await events.findMany(db, BOB, [A, B])).toEqual(new Map());
      expect(await events.listWindow(db, BOB, { limit: 10 })).toEqual([]);
      expect(await events.listPending(db, BOB, DEFAULT_CALENDAR_ID, { limit: 10 })).toEqual([]);
      expect(await events.listUnlinked(db, BOB, DEFAULT_CALENDAR_ID)).toEqual([]);
      await db.transaction(async (tx) => {
        expect(await events.lockMany(tx, BOB, [A])).toEqual(new Map());
        await events.linkMany(tx, BOB, [{ id: A, graphEventId: 'stolen' as GraphEventId, syncedAt: NOW }]);
        await events.forgetGraphIds(tx, BOB, [A]);
        await events.deleteMany(tx, BOB, [A]);
      });
      await expect(save(world, [event(A), event(C)], BOB)).rejects.toThrow(/user bob has the id of another user's/);
      expect(await get(world, A)).toEqual(before);
      expect(await events.find(db, BOB, C)).toBeUndefined();
    });

    it('keep their revision when only Graph’s view of them is noted', async () => {
      const facts = { isOrganizer: true, isCancelled: false, iCalUId: 'uid' };
      await save(world, [event(A, { iCalUId: 'uid', facts })]);
      const { revision } = await get(world, A);
      const syncedAt = new Date('2026-03-02T09:00:00Z');
      await world.db.transaction((tx) =>
        world.events.linkMany(tx, ALICE, [{ id: A, graphEventId: 'g' as GraphEventId, syncedAt }]),
      );
      expect(await get(world, A)).toMatchObject({ graphEventId: 'g', iCalUId: 'uid', facts, syncedAt, revision });
      await world.db.transaction((tx) => world.events.forgetGraphIds(tx, ALICE, [A]));
      expect(await get(world, A)).toMatchObject({ graphEventId: undefined, iCalUId: 'uid', revision });
    });
  }));

describe('the events of a window', () =>
  onEachDatabase((world) => {
    const RANGE = { start: new Date('2026-03-10T00:00:00Z'), end: new Date('2026-03-11T00:00:00Z') };
    const listed = async (more: Partial<Parameters<StoreWorld['events']['listWindow']>[2]> = {}) =>
      (await world.events.listWindow(world.db, ALICE, { ...RANGE, limit: 100, ...more })).map((row) => row.event.id);

    it.each<[string, Partial<EventContent>, boolean]>([
      ['lies inside', utc('2026-03-10T09:00:00', '2026-03-10T10:00:00'), true],
      ['ends where it begins', utc('2026-03-09T23:00:00', '2026-03-10T00:00:00'), false],
      ['ends just after it begins', utc('2026-03-09T23:00:00', '2026-03-10T00:00:01'), true],
      ['begins where it ends', utc('2026-03-11T00:00:00', '2026-03-11T01:00:00'), false],
      ['spans it whole', utc('2026-03-01T00:00:00', '2026-04-01T00:00:00'), true],
      ['has no length and stands where it begins', utc('2026-03-10T00:00:00', '2026-03-10T00:00:00'), true],
      ['has no length and stands where it ends', utc('2026-03-11T00:00:00', '2026-03-11T00:00:00'), false],
      [
        'is a series without end that began before',
        { ...aSeries(), ...utc('2020-01-01T09:00:00', '2020-01-01T10:00:00') },
        true,
      ],
      ['is a series that begins later', { ...aSeries(), ...utc('2026-03-16T09:00:00', '2026-03-16T10:00:00') }, false],
      ['is a series that ended before', series('2026-03-02', { type: 'endDate', endDate: '2026-03-09' }), false],
      ['is a series that ends in it', series('2026-03-03', { type: 'endDate', endDate: '2026-03-10' }), true],
      [
        'is a series of three dates, the last in it',
        series('2026-02-24', { type: 'numbered', numberOfOccurrences: 3 }),
        true,
      ],
      [
        'is a series of three dates, all before',
        series('2026-02-17', { type: 'numbered', numberOfOccurrences: 3 }),
        false,
      ],
      [
        'is a series whose first date was moved into it from later',
        {
          ...series('2026-03-17', { type: 'noEnd' }),
          occurrences: {
            '2026-03-17': { isCancelled: false, fields: utc('2026-03-10T09:00:00', '2026-03-10T10:00:00') },
          },
        },
        true,
      ],
      [
        'is a series whose last date was moved into it from before',
        {
          ...series('2026-02-24', { type: 'endDate', endDate: '2026-03-03' }),
          occurrences: {
            '2026-03-03': { isCancelled: false, fields: utc('2026-03-10T09:00:00', '2026-03-10T10:00:00') },
          },
        },
        true,
      ],
      ['has times nobody can read', { start: at('2026-03-09T09:00:00', 'Nowhere') }, true],
    ])('hold or leave out one that %s', async (_what, fields, isInside) => {
      await save(world, [event(A, { content: anEvent(fields) })]);
      expect(await listed()).toEqual(isInside ? [A] : []);
    });

    it('come oldest first, in pages, one calendar’s or all', async () => {
      await save(world, [
        event('late' as EventId, { content: anEvent(utc('2026-03-10T10:00:00', '2026-03-10T11:00:00')) }),
        event('early' as EventId, { content: anEvent(utc('2026-03-10T09:00:00', '2026-03-10T11:00:00')) }),
        event('early-too' as EventId, { content: anEvent(utc('2026-03-10T09:00:00', '2026-03-10T11:00:00')) }),
        event('unknown' as EventId, { content: anEvent({ start: at('soon') }) }),
        event('elsewhere' as EventId, {
          ...{ calendarId: OTHER, content: anEvent(utc('2026-03-10T08:00:00', '2026-03-10T11:00:00')) },
        }),
      ]);
      const order = ['unknown', 'elsewhere', 'early', 'early-too', 'late'];
      expect(await listed()).toEqual(order);
      expect(await listed({ calendarId: OTHER })).toEqual(['elsewhere']);
      const paged: string[] = [];
      let after: { startAt: Date | null; id: string } | undefined;
      for (let page = 0; page < 10; page += 1) {
        const [row] = await world.events.listWindow(world.db, ALICE, { ...RANGE, limit: 1, after });
        if (!row) break;
        paged.push(row.event.id);
        after = { startAt: row.startAt, id: row.event.id };
      }
      expect(paged).toEqual(order);
    });
  }));

describe('pending events', () =>
  onEachDatabase((world) => {
    const pending = async (page: Partial<Parameters<StoreWorld['events']['listPending']>[3]> = {}) =>
      world.events.listPending(world.db, ALICE, DEFAULT_CALENDAR_ID, { limit: 100, ...page });
    const pendingIds = async (page: Parameters<typeof pending>[0] = {}) =>
      (await pending(page)).map((one) => one.event.id);

    it('are those ahead of what was agreed on, in the order they were written, with their bases', async () => {
      await save(world, [event(C), event(A), event(B), event('d' as EventId, { calendarId: OTHER })]);
      await save(world, [event(A)]);
      await saveBase(world, { eventId: B, agreedRevision: (await get(world, B)).revision });
      const base = await saveBase(world, { eventId: A, agreedRevision: 1n, graphEventId: 'g' as GraphEventId });
      const found = await pending();
      expect(found.map((one) => one.event.id)).toEqual([C, A]);
      expect(found.map((one) => one.base)).toEqual([undefined, { ...base, userId: ALICE }]);
      await save(world, [event(B)]);
      expect(await pendingIds()).toEqual([C, A, B]);
    });

    it('come in pages by revision', async () => {
      await save(world, [event(A), event(B), event(C)]);
      const [first, second] = await pending({ limit: 2 });
      expect([first?.event.id, second?.event.id]).toEqual([A, B]);
      expect(await pendingIds({ limit: 2, after: second?.event.revision ?? 0n })).toEqual([C]);
    });

    it('leave out what Graph refused for good, until it is changed', async () => {
      await save(world, [event(A)]);
      await saveBase(world, { eventId: A, agreedRevision: 0n, failedRevision: (await get(world, A)).revision });
      expect(await pendingIds()).toEqual([]);
      await save(world, [event(A)]);
      expect(await pendingIds()).toEqual([A]);
    });

    it('can be limited to a range', async () => {
      await save(world, [
        event(A, { content: anEvent(utc('2026-03-09T09:00:00', '2026-03-09T10:00:00')) }),
        event(B, { content: anEvent(utc('2026-04-09T09:00:00', '2026-04-09T10:00:00')) }),
        event(C, { content: { ...aSeries(), ...utc('2026-01-05T09:00:00', '2026-01-05T10:00:00') } }),
      ]);
      const march = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-04-01T00:00:00Z') };
      expect(await pendingIds({ range: march })).toEqual([A, C]);
    });

    it('are told from those that are at Graph', async () => {
      await save(world, [event(A), event(B), event(C), event('d' as EventId, { calendarId: OTHER })]);
      await saveBase(world, { eventId: A, graphEventId: 'g' as GraphEventId });
      await saveBase(world, { eventId: B, generation: 2, local: anEvent({ subject: 'sent' }) });
      const unlinked = await world.events.listUnlinked(world.db, ALICE, DEFAULT_CALENDAR_ID);
      const summary = unlinked.map(({ event: { id }, base }) => [id, base?.generation, base?.local?.subject]);
      expect(summary.sort()).toEqual([
        [B, 2, 'sent'],
        [C, undefined, undefined],
      ]);
    });
  }));

describe('locked events', () =>
  onPostgres((world) => {
    it('are changed by nobody else before the transaction ends', async () => {
      await save(world, [event(A, { content: anEvent({ subject: 'Before' }) }), event(B)]);
      const order: string[] = [];
      const isLocked = Promise.withResolvers<void>();
      const isToEnd = Promise.withResolvers<void>();
      const reader = world.db.transaction(async (tx) => {
        await world.events.lockMany(tx, ALICE, [B, A]);
        isLocked.resolve();
        await isToEnd.promise;
        order.push((await world.events.findMany(tx, ALICE, [A])).get(A)?.content.subject ?? '');
      });
      await isLocked.promise;
      const writer = save(world, [event(A, { content: anEvent({ subject: 'After' }) })]).then(() =>
        order.push('written'),
      );
      // Reading does not wait.
      expect((await get(world, A)).content.subject).toBe('Before');
      isToEnd.resolve();
      await Promise.all([reader, writer]);
      expect(order).toEqual(['Before', 'written']);
    });
  }));

function event(id: EventId, more: Partial<SaveEvent> = {}): SaveEvent {
  return { id, calendarId: DEFAULT_CALENDAR_ID, content: anEvent(), lastModifiedAt: NOW, createdAt: NOW, ...more };
}

function utc(start: string, end: string): Pick<EventContent, 'start' | 'end'> {
  return { start: at(start, 'UTC'), end: at(end, 'UTC') };
}

/** A weekly hour on the weekday of its first date. */
function series(
  first: string,
  range: { type: 'noEnd' | 'endDate' | 'numbered'; endDate?: string; numberOfOccurrences?: number },
) {
  const day = new Date(`${first}T00:00:00Z`).getUTCDay();
  const daysOfWeek = [
    (['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const)[day] ?? 'monday',
  ];
  return {
    ...utc(`${first}T09:00:00`, `${first}T10:00:00`),
    recurrence: {
      pattern: { type: 'weekly' as const, interval: 1, daysOfWeek },
      range: { ...range, startDate: first },
    },
  };
}

function save(world: StoreWorld, events: readonly SaveEvent[], userId: UserId = ALICE): Promise<Map<EventId, bigint>> {
  return world.db.transaction((tx) => world.events.saveMany(tx, userId, events));
}

async function get(world: StoreWorld, id: EventId): Promise<StoredEvent> {
  const stored = await world.events.find(world.db, ALICE, id);
  expect(stored).toBeDefined();
  return stored as StoredEvent;
}

async function saveBase(world: StoreWorld, some: Partial<EventBase> & { eventId: EventId }): Promise<EventBase> {
  const base: EventBase = {
    ...{ userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, agreedRevision: 0n, local: null, remote: null, generation: 0 },
    ...{ conflictUnits: [], heldUnits: [], ...some },
  };
  await world.db.transaction((tx) => world.bases.saveMany(tx, ALICE, [base]));
  return base;
}
