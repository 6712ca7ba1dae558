import type { EventContent } from '../core/event.ts';
import { EARLIER_SERIES_FIRST } from '../core/event-notices.ts';
import { seriesEndsAt } from '../core/recurrence.ts';
import { isStaleChange, STALE_CHANGE } from '../core/stale-change.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { StoredEvent } from '../store/event.repository.ts';

/** Whether what is pending of an event was changed too long ago to mail its guests about it now. */
export function isStaleEdit(event: StoredEvent, base: EventBase | undefined, now: Date): boolean {
  const { lastModifiedAt: madeAt, content } = event;
  const isHeldAsStale = base?.errorCode === STALE_CHANGE;
  // A run that took in what changed in Outlook dates the event by that: no news of what was changed here.
  if (isHeldAsStale && base.remoteModifiedAt?.getTime() === madeAt.getTime()) return true;
  // In step since: what is pending was written by plain SQL, which need not say when.
  const isUndated = base?.syncedAt !== undefined && base.heldUnits.length === 0 && madeAt < base.syncedAt;
  return !isUndated && isStaleChange({ madeAt, endsAt: endOf(content), now });
}

/** When an event is over, a series its last date; `null` when that never is, or cannot be told. */
export function endOf(content: EventContent): Date | null {
  try {
    return seriesEndsAt(content);
  } catch {
    // A rule nobody can expand never ends.
    return null;
  }
}

/** What a base carries while a change is held for being too old; nothing otherwise. */
export function staleMark(stale: readonly unknown[] | undefined): Pick<EventBase, 'errorCode' | 'errorMessage'> {
  if (!stale || stale.length === 0) return { errorCode: undefined, errorMessage: undefined };
  return { errorCode: STALE_CHANGE, errorMessage: 'changed too long ago to mail guests about it now' };
}

/** The same for an event whose other marks are to stay. */
export function newMark(base: EventBase, stale: readonly unknown[] | undefined): Partial<EventBase> {
  return (stale && stale.length > 0) || isMarked(base) ? staleMark(stale) : {};
}

function isMarked({ errorCode }: EventBase): boolean {
  return errorCode === STALE_CHANGE || errorCode === EARLIER_SERIES_FIRST;
}

/** The mark outlives what Outlook does to the event meanwhile. */
export function keptMark(base: EventBase | undefined): Pick<EventBase, 'errorCode' | 'errorMessage'> {
  return base?.errorCode === STALE_CHANGE ? staleMark([base]) : {};
}
