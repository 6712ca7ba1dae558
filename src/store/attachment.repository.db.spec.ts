import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, type StoreWorld } from '../../test/support/store-world.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type GraphEventId } from '../core/ids.ts';
import { AttachmentRepository, type StoredAttachment } from './attachment.repository.ts';
import { AttachmentMarkRepository } from './attachment-mark.repository.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const EVENT = 'event' as EventId;
const GRAPH = 'graph' as GraphEventId;

const attachment = (more: Partial<StoredAttachment> = {}): StoredAttachment => ({
  ...{ id: 'file', eventId: EVENT, kind: 'file', name: 'plan \u0000\ud800.pdf', contentType: 'application/pdf' },
  ...{ size: 4, isInline: false, hasContent: false, state: 'pending', isAnnounced: false, isHeld: false },
  ...{ createdAt: NOW, lastModifiedAt: NOW },
  ...more,
});

async function book({ db, events }: StoreWorld): Promise<void> {
  const saved = { id: EVENT, calendarId: DEFAULT_CALENDAR_ID, content: anEvent(), lastModifiedAt: NOW, createdAt: NOW };
  await db.transaction((tx) => events.saveMany(tx, ALICE, [saved]));
}

describe('attachments in the store', () =>
  onEachDatabase((world) => {
    const repository = () => new AttachmentRepository(world.cipher);
    const marks = new AttachmentMarkRepository();
    const save = (user: typeof ALICE, ...saved: StoredAttachment[]) =>
      world.db.transaction((tx) => repository().saveMany(tx, user, saved));

    it('come back byte for byte, names and contents encrypted', async () => {
      await book(world);
      await save(ALICE, attachment());
      const content = Uint8Array.from({ length: 70_000 }, (_, n) => n % 256);
      await world.db.transaction((tx) => repository().saveContent(tx, ALICE, 'file', content));
      expect(await repository().listOf(world.db, ALICE, [EVENT])).toEqual([
        expect.objectContaining({ ...attachment(), hasContent: true }),
      ]);
      const read = await repository().readContent(world.db, ALICE, 'file');
      expect(Buffer.from(read!).equals(Buffer.from(content))).toBe(true);
      expect(await repository().bytesOf(world.db, ALICE)).toBe(4);
      const { rows } = await sql<{ text: string }>`
        select a.details::text || encode(a.content, 'escape') as text from "EventAttachment" a
      `.execute(world.db.kysely);
      expect(rows[0]?.text).not.toContain('plan');
    });

    it('cannot be read as one another', async () => {
      await book(world);
      await save(ALICE, attachment(), attachment({ id: 'other' }));
      const content = new TextEncoder().encode('mine');
      await world.db.transaction((tx) => repository().saveContent(tx, ALICE, 'file', content));
      await sql`
        update "EventAttachment" set content = (select content from "EventAttachment" where id = 'file') where id = 'other'
      `.execute(world.db.kysely);
      await expect(repository().readContent(world.db, ALICE, 'other')).rejects.toMatchObject({
        code: 'decryption-failed',
      });
    });

    it('tell the event that it has some, and go with it', async () => {
      await book(world);
      const has = async () => (await world.events.find(world.db, ALICE, EVENT))?.hasAttachments ?? false;
      const { revision } = (await world.events.find(world.db, ALICE, EVENT))!;
      await save(ALICE, attachment());
      expect(await has()).toBe(true);
      await save(ALICE, attachment({ state: 'deleting' }));
      expect(await has()).toBe(false);
      await save(ALICE, attachment({ state: 'synced' }));
      expect(await has()).toBe(true);
      await world.db.transaction((tx) => repository().deleteMany(tx, ALICE, ['file']));
      expect(await has()).toBe(false);
      // No content changed, so nothing is pending for it.
      expect((await world.events.find(world.db, ALICE, EVENT))?.revision).toBe(revision);
      await save(ALICE, attachment());
      await sql`delete from "CalendarEvent"`.execute(world.db.kysely);
      expect((await sql`select * from "EventAttachment"`.execute(world.db.kysely)).rows).toEqual([]);
    });

    it('hang on nobody else’s event', async () => {
      await book(world);
      await save(BOB, attachment());
      expect((await sql`select * from "EventAttachment"`.execute(world.db.kysely)).rows).toEqual([]);
      await save(ALICE, attachment());
      expect(await repository().find(world.db, BOB, 'file')).toBeUndefined();
      expect(await repository().readContent(world.db, BOB, 'file')).toBeUndefined();
      expect(await repository().listOf(world.db, BOB, [EVENT])).toEqual([]);
      await world.db.transaction((tx) => repository().deleteMany(tx, BOB, ['file']));
      expect(await repository().find(world.db, ALICE, 'file')).toBeDefined();
    });

    it('are due while their event has another tag than it had when they were read', async () => {
      await book(world);
      const sign = { graphEventId: GRAPH, eventId: EVENT, etag: 'one', hasAttachments: false };
      const note = (more: object) => world.db.transaction((tx) => marks.note(tx, ALICE, [{ ...sign, ...more }]));
      const due = async (now = NOW) =>
        (await marks.listDue(world.db, ALICE, DEFAULT_CALENDAR_ID, { limit: 10, now })).map(({ etag }) => etag);
      await note({});
      expect(await due()).toEqual([]);
      await note({ hasAttachments: true });
      expect(await due()).toEqual(['one']);
      expect(await marks.hasWork(world.db, ALICE, DEFAULT_CALENDAR_ID, NOW)).toBe(true);
      expect(await marks.hasWork(world.db, BOB, DEFAULT_CALENDAR_ID, NOW)).toBe(false);
      await world.db.transaction((tx) => marks.saveSeen(tx, ALICE, [{ ...sign, etag: 'one' }], NOW));
      expect(await marks.hasWork(world.db, ALICE, DEFAULT_CALENDAR_ID, NOW)).toBe(false);
      // Once there were some, every other tag is a reason to look.
      await note({ etag: 'two' });
      await world.db.transaction((tx) => marks.saveSeen(tx, ALICE, [{ ...sign, etag: 'one' }], NOW));
      expect(await due()).toEqual(['two']);
      // Graph broke down over its list: not before then, unless it changes.
      const later = new Date(NOW.getTime() + 60_000);
      await world.db.transaction((tx) => marks.postpone(tx, BOB, [{ ...sign, etag: 'two', retryAt: later }]));
      expect(await due()).toEqual(['two']);
      await world.db.transaction((tx) => marks.postpone(tx, ALICE, [{ ...sign, etag: 'two', retryAt: later }]));
      expect([await due(), await due(later)]).toEqual([[], ['two']]);
      expect(await marks.hasWork(world.db, ALICE, DEFAULT_CALENDAR_ID, NOW)).toBe(false);
      await note({ etag: 'two' });
      expect(await due()).toEqual([]);
      await note({ etag: 'three' });
      expect(await due()).toEqual(['three']);
    });

    it('remember what was written, until it is time and enough lists have said otherwise', async () => {
      await book(world);
      const after = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);
      const write = (graphAttachmentId: string, isThere: boolean, now: Date, user = ALICE) =>
        world.db.transaction((tx) =>
          marks.remember(tx, user, {
            ...{ graphEventId: GRAPH, eventId: EVENT, graphAttachmentId, isThere, now },
            settlesAt: new Date(now.getTime() + 5 * 60_000),
          }),
        );
      const settling = (now: Date, user = ALICE) =>
        world.db.transaction((tx) => marks.listSettling(tx, user, { eventIds: [EVENT], now, mostDoubts: 2 }));
      const written = async (now: Date) => (await settling(now)).get(GRAPH)?.written;

      await write('of bob', true, NOW, BOB);
      expect(await settling(NOW, BOB)).toEqual(new Map());
      // Also where nobody has noted anything of the event.
      await write('one', true, NOW);
      await write('two', true, after(1));
      await write('one', false, after(2));
      expect(await settling(after(2))).toEqual(
        new Map([
          [GRAPH, { graphEventId: GRAPH, eventId: EVENT, settlesAt: after(7), written: { one: false, two: true } }],
        ]),
      );
      expect([await written(after(7)), (await settling(after(2), BOB)).size]).toEqual([undefined, 0]);

      const due = async (now: Date) =>
        (await marks.listDue(world.db, ALICE, DEFAULT_CALENDAR_ID, { limit: 10, now })).map(({ etag }) => etag);
      const mark = { graphEventId: GRAPH, eventId: EVENT, etag: 'new' };
      await world.db.transaction((tx) => marks.note(tx, ALICE, [{ ...mark, hasAttachments: true }]));
      await world.db.transaction((tx) => marks.saveSeen(tx, ALICE, [mark], after(3)));
      expect([await due(after(3)), await written(after(3))]).toEqual([[], { one: false, two: true }]);
      // Whatever its tag: it was not believed.
      await world.db.transaction((tx) => marks.doubt(tx, ALICE, [{ ...mark, retryAt: after(7) }]));
      expect([await due(after(6)), await due(after(7))]).toEqual([[], ['new']]);
      expect(await written(after(8))).toEqual({ one: false, two: true });
      // What is doubted is not forgotten over another write.
      await write('three', true, after(8));
      expect(await written(after(8))).toEqual({ one: false, two: true, three: true });
      await world.db.transaction((tx) => marks.doubt(tx, ALICE, [{ ...mark, retryAt: after(8) }]));
      await world.db.transaction((tx) => marks.doubt(tx, ALICE, [{ ...mark, retryAt: after(8) }]));
      expect(await written(after(14))).toBeUndefined();
      await world.db.transaction((tx) => marks.saveSeen(tx, ALICE, [mark], after(20)));
      const { rows } = await sql`select written, "settlesAt", doubts from "AttachmentMark"`.execute(world.db.kysely);
      expect(rows).toEqual([{ written: null, settlesAt: null, doubts: 0 }]);
    });
  }));
