import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { anEvent, aSeries } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, type StoreWorld } from '../../test/support/store-world.ts';
import type { EventContent } from '../core/event.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type UserId } from '../core/ids.ts';
import type { StoredEvent } from './event.repository.ts';

const ID = 'event-1' as EventId;

describe('events written by plain SQL', () =>
  onEachDatabase((world) => {
    it('needs only the columns the product started with', async () => {
      await insert(world);
      const [pending] = await pendingOf(world);
      expect(pending?.event).toMatchObject({
        id: ID,
        userId: ALICE,
        calendarId: 'default',
        content: {
          ...anEvent(),
          subject: 'From SQL',
          start: { dateTime: '2026-03-09T09:00:00', timeZone: 'Europe/Berlin' },
          end: { dateTime: '2026-03-09T10:00:00', timeZone: 'Europe/Berlin' },
        },
        lastModifiedAt: new Date('2026-03-01T10:00:00Z'),
        createdAt: new Date('2026-03-01T09:00:00Z'),
      });
      expect(pending?.event.problem).toBeUndefined();
      expect(pending?.base).toBeUndefined();
    });

    it('makes every insert, update and deletion pending under a revision of its own', async () => {
      await insert(world);
      const inserted = await revisionOf(world);
      await agreeOn(world);
      expect(await pendingOf(world)).toEqual([]);

      await run(world, `update "CalendarEvent" set subject = 'Renamed'`);
      expect(await revisionOf(world)).toBeGreaterThan(inserted);
      expect((await pendingOf(world)).map(({ event }) => event.content.subject)).toEqual(['Renamed']);

      const updated = await revisionOf(world);
      await run(world, `delete from "CalendarEvent"`);
      const [deletion] = await world.tombstones.listPending(world.db, ALICE, DEFAULT_CALENDAR_ID);
      expect(deletion?.tombstone).toMatchObject({ eventId: ID, userId: ALICE, calendarId: 'default' });
      expect(deletion?.tombstone.revision).toBeGreaterThan(updated);
    });

    it.each([
      ['subject', `subject = 'Other'`],
      ['body', `body = '"Agenda"'`],
      ['start', `start = '{"dateTime":"2026-03-10T09:00:00","timeZone":"UTC"}'`],
      ['end', `"end" = '{"dateTime":"2026-03-10T09:00:00","timeZone":"UTC"}'`],
      ['location', `location = '{"displayName":"Room 1"}'`],
      ['isAllDay', `"isAllDay" = true`],
      ['recurrence', `recurrence = '{"pattern":{"type":"daily","interval":1},"range":{"type":"noEnd"}}'`],
      ['details', `details = '{"showAs":"free"}'`],
      ['occurrences', `occurrences = '{"2026-03-09":{"isCancelled":true}}'`],
      ['calendarId', `"calendarId" = 'other'`],
    ])('counts a new %s as a change', async (_column, assignment) => {
      await insert(world);
      const before = await revisionOf(world);
      await run(world, `update "CalendarEvent" set ${assignment}`);
      expect(await revisionOf(world)).toBeGreaterThan(before);
    });

    it('does not count an update that changes nothing, or only what the sync keeps', async () => {
      await insert(world);
      const before = await revisionOf(world);
      await run(world, `update "CalendarEvent" set subject = subject, start = start, "updatedAt" = now()`);
      await run(
        world,
        `update "CalendarEvent" set "graphEventId" = 'g', "iCalUId" = 'i', "syncedAt" = now(), facts = '{}'`,
      );
      await run(world, `update "CalendarEvent" set revision = 0, "revisionXid" = 7777777, "createdRevision" = 0`);
      expect(await revisionOf(world)).toBe(before);
    });

    it('reads plain values as they are, and encrypts them when the event is next written', async () => {
      await insert(world);
      await run(
        world,
        `update "CalendarEvent" set body = '{"contentType":"HTML","content":"<p>Good day</p>"}',
           location = '{"displayName":"Room 1"}', details = '{"categories":["Red"],"showAs":"free"}'`,
      );
      const stored = await get(world);
      expect(stored.content).toMatchObject({
        subject: 'From SQL',
        body: { contentType: 'html', content: '<p>Good day</p>' },
        locations: [{ displayName: 'Room 1' }],
        categories: ['Red'],
        showAs: 'free',
      });
      await world.db.transaction((tx) => world.events.saveMany(tx, ALICE, [stored]));
      const [row] = await run(world, `select subject, body::text, location::text, details::text from "CalendarEvent"`);
      expect(Object.values(row ?? {}).join()).not.toMatch(/From SQL|Good day|Room 1|categories|showAs/);
      expect((await get(world)).content).toEqual(stored.content);
    });

    it('reads an edit over encrypted values: a new location replaces all places, the rest stays', async () => {
      await save(world, anEvent({ locations: [{ displayName: 'A' }, { displayName: 'B' }], categories: ['Red'] }));
      expect((await get(world)).content.locations).toHaveLength(2);
      await run(world, `update "CalendarEvent" set location = '{"displayName":"Yard"}', subject = 'Plain'`);
      expect((await get(world)).content).toMatchObject({
        subject: 'Plain',
        locations: [{ displayName: 'Yard' }],
        categories: ['Red'],
      });
    });

    it('notes the instant of an edit that does not tell its own', async () => {
      await insert(world);
      await run(world, `update "CalendarEvent" set subject = 'Edited'`);
      expect((await get(world)).lastModifiedAt.getTime()).toBeGreaterThan(Date.parse('2026-03-01T10:00:00Z'));
      await run(world, `update "CalendarEvent" set subject = 'Told', "lastModifiedDateTime" = '2026-03-05T00:00:00Z'`);
      expect((await get(world)).lastModifiedAt).toEqual(new Date('2026-03-05T00:00:00Z'));
    });

    it('keeps the instant the service gives, also when it is the same as before', async () => {
      await save(world, anEvent({ subject: 'One' }));
      await save(world, anEvent({ subject: 'Two' }));
      expect((await get(world)).lastModifiedAt).toEqual(world.clock.now());
    });

    it('finds an event on the day plain SQL moved it to, and not on the day it left', async () => {
      await save(world, anEvent());
      await run(
        world,
        `update "CalendarEvent" set start = '{"dateTime":"2026-06-01T09:00:00","timeZone":"UTC"}',
           "end" = '{"dateTime":"2026-06-01T10:00:00","timeZone":"UTC"}'`,
      );
      const june = { start: new Date('2026-06-01T00:00:00Z'), end: new Date('2026-06-02T00:00:00Z') };
      expect(await world.events.listWindow(world.db, ALICE, { ...june, limit: 10 })).toMatchObject([
        { event: { id: ID }, startAt: null },
      ]);
      const stored = await get(world);
      await world.db.transaction((tx) => world.events.saveMany(tx, ALICE, [stored]));
      const march = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-04-01T00:00:00Z') };
      expect(await world.events.listWindow(world.db, ALICE, { ...june, limit: 10 })).toHaveLength(1);
      expect(await world.events.listWindow(world.db, ALICE, { ...march, limit: 10 })).toEqual([]);
    });

    it('refuses to give an event another id or another user, which would leave its other half behind in Outlook', async () => {
      await insert(world);
      await expect(run(world, `update "CalendarEvent" set "userId" = 'bob'`)).rejects.toThrow(/cannot be changed/);
      await expect(run(world, `update "CalendarEvent" set id = 'event-2'`)).rejects.toThrow(/cannot be changed/);
    });

    it('is seen whatever schemas the writer’s session looks in', async () => {
      await world.db.transaction(async (tx) => {
        await sql`set local search_path = pg_catalog`.execute(tx.kysely);
        await sql`
          insert into public."CalendarEvent" (id, "userId", subject, start, "end", "lastModifiedDateTime", "createdDateTime")
          values (${ID}, ${ALICE}, 'Elsewhere', '{}', '{}', '', '')
        `.execute(tx.kysely);
        await sql`delete from public."CalendarEvent"`.execute(tx.kysely);
      });
      expect([...(await world.tombstones.findMany(world.db, ALICE, [ID])).keys()]).toEqual([ID]);
    });

    it('takes an event back that is inserted again under its old id', async () => {
      await insert(world);
      await agreeOn(world);
      await run(world, `delete from "CalendarEvent"`);
      await insert(world);
      expect(await world.tombstones.listPending(world.db, ALICE, DEFAULT_CALENDAR_ID)).toEqual([]);
      expect(await world.tombstones.findMany(world.db, ALICE, [ID])).toEqual(new Map());
      expect(await pendingOf(world)).toHaveLength(1);
    });

    it('keeps one user’s tombstone when another uses the same id', async () => {
      await insert(world);
      await run(world, `delete from "CalendarEvent"`);
      await insert(world, BOB);
      expect([...(await world.tombstones.findMany(world.db, ALICE, [ID])).keys()]).toEqual([ID]);
      await run(world, `delete from "CalendarEvent"`);
      expect((await world.tombstones.findMany(world.db, BOB, [ID])).get(ID)).toMatchObject({ userId: BOB });
      expect((await world.tombstones.findMany(world.db, ALICE, [ID])).get(ID)).toMatchObject({ userId: ALICE });
    });

    it('tells a deletion the time of the service’s clock, and plain SQL’s the database’s', async () => {
      await save(world, anEvent());
      await world.db.transaction((tx) => world.events.deleteMany(tx, ALICE, [ID], world.clock.now()));
      const mine = (await world.tombstones.findMany(world.db, ALICE, [ID])).get(ID);
      expect(mine?.deletedAt).toEqual(world.clock.now());
      await save(world, anEvent());
      await run(world, `delete from "CalendarEvent"`);
      const plain = (await world.tombstones.findMany(world.db, ALICE, [ID])).get(ID);
      expect(plain?.deletedAt.getTime()).not.toBe(world.clock.now().getTime());
    });

    describe('that cannot be read', () => {
      it.each<[string, string, RegExp, readonly (keyof EventContent)[]]>([
        ['a start that is no time', `start = '{"at":"noon"}'`, /start must be/, ['start']],
        ['an end in words', `"end" = '"tomorrow"'`, /end must be/, ['end']],
        ['a rule without a pattern', `recurrence = '{"every":"monday"}'`, /recurrence must be/, ['recurrence']],
        [
          'a rule on no weekday',
          `recurrence = '{"pattern":{"type":"weekly","interval":1},"range":{"type":"noEnd","startDate":"2026-03-09"}}'`,
          /recurrence must be/,
          ['recurrence'],
        ],
        [
          'a rule without end in a year of dates',
          `recurrence = '{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","numberOfOccurrences":1000000000}}'`,
          /recurrence must be/,
          ['recurrence'],
        ],
        ['a body that is a list', `body = '[1]'`, /body must be/, ['body']],
        ['a place without a name', `location = '{"room":1}'`, /locations must be/, ['locations']],
        ['guests that are no list', `details = '{"attendees":"bob"}'`, /details must hold attendees/, ['attendees']],
        ['guests without addresses', `details = '{"attendees":[{"name":"Bob"}]}'`, /attendees/, ['attendees']],
        ['dates that are none', `occurrences = '{"soon":{}}'`, /occurrences must be/, ['occurrences']],
        ['a subject that only looks encrypted', `subject = 'enc:v1:hello'`, /subject cannot be decrypted/, ['subject']],
        ['a body that only looks encrypted', `body = '{"$enc":"v1:AAAA"}'`, /body cannot be decrypted/, ['body']],
      ])('names %s, and still reads the rest', async (_what, assignment, problem, unreadable) => {
        await insert(world);
        await insert(world, ALICE, 'event-2');
        await run(world, `update "CalendarEvent" set ${assignment} where id = 'event-1'`);
        const pending = await pendingOf(world);
        expect(pending.map(({ event }) => event.id)).toEqual(['event-2', ID]);
        expect(pending[1]?.event.problem).toMatch(problem);
        expect(pending[1]?.event.unreadable).toEqual(unreadable);
        expect(pending[0]?.event.problem).toBeUndefined();
        // Whoever writes it again is not held up by what is in it.
        await world.db.transaction((tx) => world.events.saveMany(tx, ALICE, [pending[1]?.event as StoredEvent]));
      });

      it('says so of another user’s ciphertext, which a copy by SQL brings along', async () => {
        await save(world, anEvent({ subject: 'Private' }));
        await run(
          world,
          `insert into "CalendarEvent" (id, "userId", subject, start, "end", details, "lastModifiedDateTime", "createdDateTime")
           select 'copy', 'bob', subject, start, "end", details, "lastModifiedDateTime", "createdDateTime" from "CalendarEvent"`,
        );
        const [pending] = await world.events.listPending(world.db, BOB, DEFAULT_CALENDAR_ID, { limit: 10 });
        expect(pending?.event.content.subject).toBe('');
        expect(pending?.event.problem).toMatch(/subject cannot be decrypted/);
        expect(pending?.event.unreadable).toContain('attendees');
      });
    });

    it.each([
      ['a wall clock as text', '"2026-03-09T09:00:00"', '2026-03-09T09:00:00', 'UTC'],
      ['a date alone', '"2026-03-09"', '2026-03-09T00:00:00', 'UTC'],
      ['an instant', '"2026-03-09T09:00:00.000Z"', '2026-03-09T09:00:00', 'UTC'],
      ['an instant with an offset', '"2026-03-09T09:00:00+02:00"', '2026-03-09T07:00:00', 'UTC'],
      [
        'an instant and the zone to show it in',
        '{"dateTime":"2026-03-09T08:00:00Z","timeZone":"Europe/Berlin"}',
        '2026-03-09T09:00:00',
        'Europe/Berlin',
      ],
      [
        'a Windows zone',
        '{"dateTime":"2026-03-09T09:00:00.5","timeZone":"W. Europe Standard Time"}',
        '2026-03-09T09:00:00.5',
        'W. Europe Standard Time',
      ],
    ])('reads %s as a start', async (_what, json, dateTime, timeZone) => {
      await insert(world);
      await run(world, `update "CalendarEvent" set start = '${json}'`);
      expect((await get(world)).content.start).toEqual({ dateTime, timeZone });
    });

    it('takes the date of the start for a rule that names none', async () => {
      await save(world, aSeries());
      await run(
        world,
        `update "CalendarEvent" set recurrence = '{"pattern":{"type":"daily","interval":1},"range":{"type":"noEnd"}}'`,
      );
      expect((await get(world)).content.recurrence?.range).toEqual({ type: 'noEnd', startDate: '2026-03-09' });
    });
  }));

async function run(world: StoreWorld, statement: string): Promise<Record<string, unknown>[]> {
  return (await sql<Record<string, unknown>>`${sql.raw(statement)}`.execute(world.db.kysely)).rows;
}

async function insert(world: StoreWorld, userId: UserId = ALICE, id: string = ID): Promise<void> {
  await run(
    world,
    `insert into "CalendarEvent" (id, "userId", subject, start, "end", "lastModifiedDateTime", "createdDateTime")
     values ('${id}', '${userId}', 'From SQL', '{"dateTime":"2026-03-09T09:00:00","timeZone":"Europe/Berlin"}',
       '{"dateTime":"2026-03-09T10:00:00","timeZone":"Europe/Berlin"}', '2026-03-01T10:00:00Z', '2026-03-01T09:00:00Z')`,
  );
}

async function save(world: StoreWorld, content: EventContent): Promise<void> {
  const now = world.clock.now();
  await world.db.transaction((tx) =>
    world.events.saveMany(tx, ALICE, [
      { id: ID, calendarId: DEFAULT_CALENDAR_ID, content, lastModifiedAt: now, createdAt: now },
    ]),
  );
}

async function get(world: StoreWorld): Promise<StoredEvent> {
  const stored = await world.events.find(world.db, ALICE, ID);
  expect(stored).toBeDefined();
  return stored as StoredEvent;
}

async function revisionOf(world: StoreWorld): Promise<bigint> {
  return (await get(world)).revision;
}

function pendingOf(world: StoreWorld) {
  return world.events.listPending(world.db, ALICE, DEFAULT_CALENDAR_ID, { limit: 10 });
}

async function agreeOn(world: StoreWorld): Promise<void> {
  const { content, revision } = await get(world);
  await world.db.transaction((tx) =>
    world.bases.saveMany(tx, ALICE, [
      {
        eventId: ID,
        userId: ALICE,
        calendarId: DEFAULT_CALENDAR_ID,
        agreedRevision: revision,
        local: content,
        remote: content,
        generation: 0,
        conflictUnits: [],
        heldUnits: [],
      },
    ]),
  );
}
