import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type GraphEventId, type UserId } from '../core/ids.ts';
import type { SyncDirection } from '../core/settings.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Tx } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import type { Outgoing } from './outgoing-event.ts';
import { linkVanished } from './vanished-creates.ts';

const at = new Date('2026-03-02T08:00:00Z');
const shared = { userId: 'ada' as UserId, calendarId: DEFAULT_CALENDAR_ID };
const sent = anEvent({ subject: 'as it was sent' });

interface Given {
  readonly base?: Partial<EventBase> | null;
  /** What the event says by now, when it was edited since. */
  readonly edited?: boolean;
  readonly direction?: SyncDirection;
  /** The id at Graph is known, as another event's. */
  readonly isTaken?: boolean;
  /** How many ids at Graph the event has had here. */
  readonly knownIds?: number;
}

/** What becomes of one event whose repeated create met its own marker on what is not there any more. */
async function linked({ base = {}, edited = false, direction = 'bidirectional', isTaken, knownIds = 0 }: Given = {}) {
  const content = edited ? anEvent({ subject: 'edited since' }) : sent;
  const event = { ...shared, id: 'visit' as EventId, content, revision: 5n, lastModifiedAt: at, createdAt: at };
  const announced: EventBase | undefined = base
    ? {
        ...{ ...shared, eventId: event.id, agreedRevision: 0n, local: sent, remote: null, generation: 0 },
        ...{ conflictUnits: [], heldUnits: [], etag: 'old', failures: 3, retryAt: at, errorCode: 'broken' },
        ...base,
      }
    : undefined;
  const saved: EventBase[] = [];
  const bases: Partial<BaseRepository> = {
    lockByEventIds: async () => new Map(announced ? [[event.id, announced]] : []),
    findByGraphIds: async (_q, _user, ids) => new Map(isTaken ? [[ids[0]!, { eventId: 'other' } as EventBase]] : []),
    saveMany: async (_tx, _user, many) => void saved.push(...many),
  };
  const events: Partial<EventRepository> = { lockMany: async () => new Map() };
  const operations: Partial<OperationRepository> = {
    countGraphIds: async () => new Map(knownIds > 0 ? [[event.id, knownIds]] : []),
  };
  const change = { units: [], occurrences: [], held: ['attendees' as const], sendAttendees: false };
  const target: Outgoing = { event, base: announced, change, operation: undefined, sent, isResent: true };
  const repositories = { bases, events, operations } as Parameters<typeof linkVanished>[1];
  const vanished = [{ target, graphEventId: 'gone there' as GraphEventId }];
  const { gone, reborn } = await linkVanished({} as Tx, repositories, { ...shared, direction }, { vanished, at });
  return { gone: [...gone], reborn: reborn.map((each) => each.event.id), saved };
}

describe('an event that was created, never answered for, and deleted in Outlook', () => {
  it('is remembered as agreed on as it was sent, and gone since', async () => {
    const { gone, reborn, saved } = await linked();
    expect(gone).toEqual([['visit', 'gone there']]);
    expect(reborn).toEqual([]);
    expect(saved).toMatchObject([
      {
        ...{ graphEventId: 'gone there', local: sent, remote: sent, remoteGoneAt: at, agreedRevision: 5n },
        ...{ heldUnits: ['attendees'], etag: undefined, failures: undefined, retryAt: undefined, errorCode: undefined },
      },
    ]);
  });

  it('is left to a run that reads, unless it was edited and is to be made anew', async () => {
    expect(await linked({ direction: 'push' })).toMatchObject({ gone: [], saved: [{ agreedRevision: 5n }] });
    const edited = await linked({ direction: 'push', edited: true });
    expect(edited.gone).toEqual([['visit', 'gone there']]);
    expect(edited.saved[0]!.agreedRevision).toBeLessThan(5n);
    expect((await linked({ edited: true })).gone).toEqual([['visit', 'gone there']]);
  });

  it('is created under another marker where an earlier life has used its own up', async () => {
    const nothing = { gone: [], saved: [] };
    expect(await linked({ knownIds: 1 })).toEqual({ ...nothing, reborn: ['visit'] });
    expect(await linked({ knownIds: 3, base: { generation: 2 } })).toEqual({ ...nothing, reborn: ['visit'] });
    // Each generation has one id: those of former generations are no earlier life.
    expect(await linked({ knownIds: 2, base: { generation: 2 } })).toMatchObject({ reborn: [], saved: [{}] });
  });

  it.each<[string, Given]>([
    ['was pulled as another one', { isTaken: true }],
    ['has been answered for meanwhile', { base: { graphEventId: 'known' as GraphEventId } }],
    ['is not waited for any more', { base: null }],
  ])('is left as it is when it %s', async (_what, given) => {
    expect(await linked(given)).toEqual({ gone: [], reborn: [], saved: [] });
  });
});
