import { describe, expect, it } from 'vitest';
import { aSeries, at } from '../../test/support/events.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type GraphEventId, type UserId } from '../core/ids.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository, PendingEvent, StoredEvent } from '../store/event.repository.ts';
import { earlierSeriesOf, sortFollowers } from './earlier-series.ts';

const userId = 'ada' as UserId;
const ids = (...names: string[]) => names as EventId[];
const weekly = aSeries();
const ended = aSeries({ end: at('2026-03-09T09:30:00') });
const renamed = aSeries({ subject: 'Renamed' });

function stored(id: string, more: Partial<StoredEvent> = {}): StoredEvent {
  const now = new Date('2026-03-02T08:00:00Z');
  const shared = { userId, calendarId: DEFAULT_CALENDAR_ID, lastModifiedAt: now, createdAt: now };
  return { ...shared, id: id as EventId, content: weekly, revision: 5n, ...more };
}
/** What both sides agreed on, one revision ago. */
function known(id: string, more: Partial<EventBase> = {}): EventBase {
  return {
    ...{ eventId: id as EventId, userId, calendarId: DEFAULT_CALENDAR_ID, graphEventId: `there ${id}` as GraphEventId },
    ...{ agreedRevision: 4n, local: weekly, remote: weekly, generation: 0, conflictUnits: [], heldUnits: [] },
    ...more,
  };
}

/** Sorts `next`, which goes on from earlier ones, among others. */
async function sorted(earlier: PendingEvent | undefined | PendingEvent[], next: PendingEvent[]) {
  const looked: EventId[] = [];
  const known = [earlier ?? []].flat();
  const events: Pick<EventRepository, 'findMany'> = {
    findMany: async (_q, _user, asked) => {
      looked.push(...asked);
      return new Map(known.filter(({ event }) => asked.includes(event.id)).map(({ event }) => [event.id, event]));
    },
  };
  const bases: Pick<BaseRepository, 'findByEventIds'> = {
    findByEventIds: async (_q, _user, asked) =>
      new Map(known.flatMap(({ base }) => (base && asked.includes(base.eventId) ? [[base.eventId, base]] : []))),
  };
  const parts = { db: {} as Db, events: events as EventRepository, bases: bases as BaseRepository };
  const { ready, waiting } = await sortFollowers(parts, userId, next);
  return {
    ready: ready.map(({ event }) => event.id),
    waiting: waiting.map(({ event, isStuck, behind }) => [event.id, isStuck, behind.map((each) => each.event.id)]),
    looked,
  };
}

const next: PendingEvent = { event: stored('next', { follows: ids('first') }), base: undefined };
const first = (event: Partial<StoredEvent> = {}, base: Partial<EventBase> = {}): PendingEvent => ({
  event: stored('first', { content: ended, ...event }),
  base: known('first', base),
});

describe('a series that goes on from another', () => {
  it('waits for the end of the other to be sent, and keeps nobody else waiting', async () => {
    const others = ['before', 'after'].map((id) => ({ event: stored(id), base: undefined }));
    expect(await sorted(first(), [others[0]!, next, others[1]!])).toEqual({
      ready: ['before', 'after'],
      waiting: [['next', false, ['first']]],
      looked: ['first'],
    });
  });

  it.each<[string, Partial<StoredEvent>, Partial<EventBase>]>([
    ['is held', {}, { agreedRevision: 5n, heldUnits: ['time'] }],
    ['was refused', {}, { failedRevision: 5n }],
    ['is in conflict', { content: weekly }, { conflictUnits: ['time'] }],
    ['cannot be read', { problem: 'no start' }, {}],
  ])('waits for somebody to do something when the other’s end %s', async (_why, event, base) => {
    expect((await sorted(first(event, base), [next])).waiting).toEqual([['next', true, ['first']]]);
  });

  it('waits by itself when an older change of the other was refused, or something else of it is in conflict', async () => {
    const base = { failedRevision: 4n, conflictUnits: ['subject' as const] };
    expect((await sorted(first({}, base), [next])).waiting).toEqual([['next', false, ['first']]]);
  });

  it('waits for all it goes on from, and for somebody as soon as one of them does', async () => {
    const second = { event: stored('second', { content: ended }), base: known('second', { failedRevision: 5n }) };
    const both = { event: stored('next', { follows: ids('first', 'second') }), base: undefined };
    expect((await sorted([first(), second], [both])).waiting).toEqual([['next', true, ['first', 'second']]]);
    const ready = first({ content: weekly });
    expect((await sorted([ready, second], [both])).waiting).toEqual([['next', true, ['second']]]);
  });

  it('waits beside one that may be in Outlook, because its create was never answered', async () => {
    const unanswered = first({}, { graphEventId: undefined, remote: null });
    expect((await sorted(unanswered, [next])).waiting).toEqual([['next', false, ['first']]]);
  });

  it.each<[string, PendingEvent | undefined]>([
    ['has ended there', first({ content: weekly })],
    ['differs in something else', first({ content: renamed })],
    ['is gone from Outlook', first({}, { remoteGoneAt: new Date() })],
    ['was never there', { event: stored('first', { content: ended }), base: undefined }],
    ['is no more', undefined],
  ])('waits for nothing when the other %s', async (_why, other) => {
    expect(await sorted(other, [next])).toEqual({ ready: ['next'], waiting: [], looked: ['first'] });
  });

  it('waits for nothing once it is in Outlook itself, or may be', async () => {
    for (const base of [known('next'), known('next', { graphEventId: undefined, remote: null })]) {
      expect(await sorted(first(), [{ ...next, base }])).toEqual({ ready: ['next'], waiting: [], looked: [] });
    }
    // Known of, and not there: what was disconnected, or deleted in Outlook and wanted again.
    const gone = known('next', { graphEventId: undefined, local: null, remote: null });
    expect((await sorted(first(), [{ ...next, base: gone }])).waiting).toEqual([['next', false, ['first']]]);
  });

  it('costs no look at the database where nothing goes on from anything', async () => {
    expect((await sorted(undefined, [{ event: stored('alone'), base: undefined }])).looked).toEqual([]);
  });
});

describe('what a series has to wait for that goes on from one', () => {
  it('is that one, and what it waits for itself as long as it is not there', () => {
    expect(earlierSeriesOf(next.event, undefined)).toEqual(['first', 'next']);
    expect(earlierSeriesOf(next.event, known('next'))).toEqual(['next']);
    expect(earlierSeriesOf(stored('alone'), undefined)).toEqual(['alone']);
  });
});
