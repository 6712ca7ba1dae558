import type { EventContent } from '../core/event.ts';
import type { GraphEventId } from '../core/ids.ts';
import { expandOccurrences } from '../core/recurrence.ts';
import { toInstant } from '../core/time-zones.ts';
import type { RemoteEvent, RemoteSeries } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { SeriesMark } from '../store/cursor.repository.ts';
import type { RemoteState } from './remote-planner.ts';
import type { RunContext } from './run-context.ts';

type Window = RunContext['window'];

/** No server of Graph's is behind the others for longer. */
const FRESH_MS = 10 * 60_000;
/** Runs that wait for a server to catch up before they take what it says for the truth. */
const MOST_DOUBTS = 3;
/** What we know of Graph's times is by our clock, to the second. */
const CLOCK_SLACK_MS = 2_000;
/** All-day events float: where exactly an edge lies depends on the zone. */
const EDGE_MS = 24 * 60 * 60_000;

/**
 * Of events that are known here, those that were read in another state than the one that was told of: by a server of Graph's
 * that has not heard of it yet. The next run asks again.
 */
export function behind(
  states: readonly RemoteState[],
  of: {
    readonly bases: ReadonlyMap<GraphEventId, EventBase>;
    readonly marks: readonly SeriesMark[];
    readonly window: Window;
  },
): GraphEventId[] {
  const marks = new Map(of.marks.map((mark) => [mark.graphEventId, mark]));
  return states.flatMap(({ id, event }) => {
    const mark = marks.get(id);
    const base = of.bases.get(id);
    if (event === 'gone' || !mark || !base) return [];
    const { masterEtag: told, isToldGone, doubts = 0 } = mark;
    const isOther = told !== undefined && event.etag !== told && doubts < MOST_DOUBTS && !isLater(event, base);
    const isStillThere = isToldGone === true && doubts < MOST_DOUBTS && isInView(event.content, of.window);
    return isOther || isStillThere ? [id] : [];
  });
}

/** Whether it is a state that came after the one we know: the next round tells of it as well. */
function isLater({ lastModifiedAt, etag }: RemoteEvent | RemoteSeries, base: EventBase): boolean {
  if (etag === base.etag || !lastModifiedAt || !base.remoteModifiedAt) return false;
  return lastModifiedAt.getTime() - base.remoteModifiedAt.getTime() > CLOCK_SLACK_MS;
}

/** Whether a view of the window shows it for certain. */
export function isInView(content: EventContent, window: Window): boolean {
  const marginMs = content.isAllDay ? EDGE_MS : 0;
  const view = {
    start: new Date(window.start.getTime() + marginMs),
    end: new Date(window.end.getTime() - marginMs),
  };
  if (content.recurrence) return expandOccurrences(content, view).length > 0;
  const [start, end] = [toInstant(content.start), toInstant(content.end)];
  return start !== undefined && end !== undefined && start < view.end && end > view.start;
}

/**
 * Graph listed dates of a series and said nothing of an end: that it is not found then is the word of a server that has not
 * heard of it yet, or of one that will tell of its end in the next page. Neither is proof enough to delete it here, as long
 * as both of us have just spoken of it.
 */
export function isListedAlive(
  id: GraphEventId,
  marks: readonly SeriesMark[],
  { base, now }: { base: EventBase | undefined; now: Date },
): boolean {
  const isLosing = marks.some((mark) => mark.graphEventId === id && (mark.isLosing || mark.isToldGone));
  if (isLosing || !base?.syncedAt || base.remoteGoneAt) return false;
  return now.getTime() - base.syncedAt.getTime() < FRESH_MS;
}
