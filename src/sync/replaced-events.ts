import type { GraphEventId } from '../core/ids.ts';
import type { RemoteEvent } from '../graph/calendar-graph.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import { type LinkedUid, listLinkedByICalUIds } from '../store/event-uids.ts';
import type { AbsenceManager } from './absence.manager.ts';
import type { AdoptionIndex } from './adoption.ts';
import type { RemoteState } from './remote-planner.ts';
import type { RunContext } from './run-context.ts';

/**
 * Accepting an invitation in Outlook may delete the copy and make another under a new id (graph contract 6.1). Whatever is new
 * and carries the UID of an event of this calendar is that event if the id it had is proven to be of nothing; Graph may tell
 * of the two in any order, in one page or in several.
 *
 * Copies in several calendars share a UID as well, and so may two in one: as long as the known one is there, they are two. One
 * date of a series is no series, and is never taken for one. What was deleted here meanwhile is known again as well, so that it
 * does not come back.
 *
 * @param gone  the ids proven to be of nothing already
 */
export async function adoptReplaced(
  { db, bases, absences }: { readonly db: Db; readonly bases: BaseRepository; readonly absences: AbsenceManager },
  context: RunContext,
  of: {
    readonly states: readonly RemoteState[];
    readonly gone: Iterable<GraphEventId>;
    readonly adoption: AdoptionIndex;
  },
): Promise<void> {
  const events = of.states.flatMap(({ event }) => (event === 'gone' ? [] : [event]));
  const uids = [...new Set(events.flatMap(({ facts }) => facts.iCalUId ?? []))];
  const found = await listLinkedByICalUIds(db, context.userId, context.calendarId, uids);
  if (found.length === 0) return;
  const known = await withThoseDeleted({ db, bases }, context, found);
  const linked = new Set(known.map(({ graphEventId }) => graphEventId));
  const strangers = events.filter(({ id }) => !linked.has(id));
  const suspects = known.filter((event) => strangers.some((stranger) => isAlike(stranger, event)));
  const proven = new Set(of.gone);
  const open = suspects.filter(({ graphEventId, isGone }) => !isGone && !proven.has(graphEventId));
  const { gone } = await absences.ask(
    context,
    open.map(({ graphEventId }) => graphEventId),
  );
  for (const id of gone) proven.add(id);
  for (const { eventId, graphEventId, iCalUId, isGone } of suspects) {
    if (isGone || proven.has(graphEventId)) of.adoption.addGone(eventId, iCalUId);
  }
}

/** What was deleted here is told by what was agreed on about it. */
async function withThoseDeleted(
  { db, bases }: { readonly db: Db; readonly bases: BaseRepository },
  { userId }: RunContext,
  found: readonly LinkedUid[],
): Promise<LinkedUid[]> {
  const deleted = found.filter(({ isSeries }) => isSeries === null).map(({ eventId }) => eventId);
  const agreed = await bases.findByEventIds(db, userId, deleted);
  return found.map((event) => {
    const base = agreed.get(event.eventId);
    return base ? { ...event, isSeries: (base.remote ?? base.local)?.recurrence != null } : event;
  });
}

function isAlike({ facts, content }: RemoteEvent, known: LinkedUid): boolean {
  return facts.iCalUId === known.iCalUId && (content.recurrence !== null) === known.isSeries;
}
