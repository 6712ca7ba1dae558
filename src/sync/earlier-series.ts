import { changedUnits } from '../core/canonical-event.ts';
import type { EventId, UserId } from '../core/ids.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository, PendingEvent, StoredEvent } from '../store/event.repository.ts';

/**
 * A series that goes on from another, and is not at Graph yet, begins there only once the other has ended there: side by
 * side with one that goes on, every later meeting would be there twice.
 */
export interface Follower extends PendingEvent {
  /** The earlier ones. */
  readonly behind: readonly PendingEvent[];
  /** Nothing sends the end of the earlier series by itself: it is held, refused, or in conflict. */
  readonly isStuck: boolean;
}

interface Parts {
  readonly db: Db;
  readonly events: EventRepository;
  readonly bases: BaseRepository;
}

/** @returns `ready` to be sent, in order, and the series that have to wait for an earlier one */
export async function sortFollowers<Item extends PendingEvent>(
  parts: Parts,
  userId: UserId,
  pending: readonly Item[],
): Promise<{ ready: Item[]; waiting: (Item & Follower)[] }> {
  const ids = new Set(pending.flatMap((item) => (isUnsent(item.base) ? (item.event.follows ?? []) : [])));
  if (ids.size === 0) return { ready: [...pending], waiting: [] };
  const events = await parts.events.findMany(parts.db, userId, [...ids]);
  const bases = await parts.bases.findByEventIds(parts.db, userId, [...ids]);
  const goingOn = [...events.values()].filter((event) => isGoingOn(event, bases.get(event.id)));
  const ready: Item[] = [];
  const waiting: (Item & Follower)[] = [];
  for (const item of pending) {
    const earlier = isUnsent(item.base) ? goingOn.filter(({ id }) => item.event.follows?.includes(id)) : [];
    const behind = earlier.map((event) => ({ event, base: bases.get(event.id) }));
    if (behind.length === 0) ready.push(item);
    else waiting.push({ ...item, behind, isStuck: behind.some(isLeftStanding) });
  }
  return { ready, waiting };
}

/** What a series has to wait for that goes on from this one; what is not at Graph itself is not there beside anything. */
export function earlierSeriesOf(event: StoredEvent, base: EventBase | undefined): readonly EventId[] {
  return [...(isUnsent(base) ? (event.follows ?? []) : []), event.id];
}

/** Neither there nor on its way: one whose create was never answered may be there, and is asked for as it was. */
function isUnsent(base: EventBase | undefined): boolean {
  return base?.graphEventId === undefined && !base?.local;
}

/** Graph has it, or may have it, with other times than it has here. */
function isGoingOn({ content }: StoredEvent, base: EventBase | undefined): boolean {
  if (!base?.local || base.remoteGoneAt) return false;
  return base.conflictUnits.includes('time') || changedUnits(base.local, content).includes('time');
}

function isLeftStanding({ event, base }: PendingEvent): boolean {
  const { revision, problem } = event;
  if (!base || problem !== undefined || base.conflictUnits.includes('time')) return true;
  return base.agreedRevision >= revision || (base.failedRevision !== undefined && base.failedRevision >= revision);
}
