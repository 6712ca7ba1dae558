import type { GraphEventId } from '../core/ids.ts';
import type { RemoteEvent } from '../graph/calendar-graph.ts';
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
 * date of a series is no series, and is never taken for one.
 *
 * @param gone  the ids proven to be of nothing already
 */
export async function adoptReplaced(
  { db, absences }: { readonly db: Db; readonly absences: AbsenceManager },
  context: RunContext,
  of: {
    readonly states: readonly RemoteState[];
    readonly gone: Iterable<GraphEventId>;
    readonly adoption: AdoptionIndex;
  },
): Promise<void> {
  const events = of.states.flatMap(({ event }) => (event === 'gone' ? [] : [event]));
  const uids = [...new Set(events.flatMap(({ facts }) => facts.iCalUId ?? []))];
  const known = await listLinkedByICalUIds(db, context.userId, context.calendarId, uids);
  if (known.length === 0) return;
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

function isAlike({ facts, content }: RemoteEvent, known: LinkedUid): boolean {
  return facts.iCalUId === known.iCalUId && (content.recurrence !== null) === known.isSeries;
}
