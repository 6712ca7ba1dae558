import type { GraphEventId } from '../core/ids.ts';
import type { CalendarGraph, RemoteEvent } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import { AdoptionIndex } from './adoption.ts';
import type { RemoteState } from './remote-planner.ts';
import type { RunContext } from './run-context.ts';

/** What Graph says of events, under the ids they have now, and by what those are known as the same. */
export interface Renumbered {
  readonly states: readonly RemoteState[];
  readonly adoption: AdoptionIndex | undefined;
}

/**
 * Events that a write met a 404 on may be there under another id: the mailbox was restored (graph contract 14, trap 59), and
 * what lies outside of the window was never listed since. Each is asked for by its UID before it counts as deleted; made anew,
 * it would stand there twice.
 *
 * @param how.mayBeBack  they were proven to be gone a while ago: somebody may have put them back since, under the same id
 * @returns the states in their order, each under the id it has now
 */
export async function underNewIds(
  parts: { readonly db: Db; readonly bases: BaseRepository; readonly graph: CalendarGraph },
  context: RunContext,
  states: readonly RemoteState[],
  how: { readonly mayBeBack: boolean } = { mayBeBack: false },
): Promise<Renumbered> {
  const gone = states.flatMap(({ id, event }) => (event === 'gone' ? [id] : []));
  if (gone.length === 0) return { states, adoption: undefined };
  const known = await parts.bases.findByGraphIds(parts.db, context.userId, gone);
  const adoption = new AdoptionIndex();
  const moved = new Map<GraphEventId, RemoteState>();
  for (const [id, base] of known) {
    const found = await copyOf(parts, context, base, how);
    if (!found || !base.iCalUId) continue;
    moved.set(id, found);
    if (found.id !== id) adoption.addGone(base.eventId, base.iCalUId);
  }
  return { states: states.map((state) => moved.get(state.id) ?? state), adoption };
}

async function copyOf(
  { db, bases, graph }: { readonly db: Db; readonly bases: BaseRepository; readonly graph: CalendarGraph },
  context: RunContext,
  base: EventBase,
  { mayBeBack }: { readonly mayBeBack: boolean },
): Promise<RemoteState | undefined> {
  const found = base.iCalUId
    ? await graph.findByICalUId(context.session, base.iCalUId, context.graphCalendarId)
    : undefined;
  if (!found || !isAlike(found, base)) return undefined;
  const isBack = found.id === base.graphEventId;
  if (isBack && !mayBeBack) return undefined;
  // Copies in several calendars share a UID as well: one that is another event here is not this one.
  if (!isBack && (await bases.findByGraphIds(db, context.userId, [found.id])).size > 0) return undefined;
  if (found.content.recurrence === null) return { id: found.id, event: found };
  const series = (await graph.readSeries(context.session, [found.id], context.window)).get(found.id);
  return series && series !== 'gone' ? { id: found.id, event: series } : undefined;
}

/** One date of a series is no series, and is never taken for one. */
function isAlike({ type, content }: RemoteEvent, base: EventBase): boolean {
  if (type === 'occurrence' || type === 'exception') return false;
  return (content.recurrence !== null) === ((base.remote ?? base.local)?.recurrence != null);
}
