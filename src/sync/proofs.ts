import type { GraphEventId } from '../core/ids.ts';
import type { SeriesMark } from '../store/cursor.repository.ts';
import type { RemoteState } from './remote-planner.ts';

/** What asking Graph for events one by one told about those that left the view. */
export interface Proofs {
  readonly gone: readonly GraphEventId[];
  /** Still there: moved out of the window, or merely touched. */
  readonly singles: readonly RemoteState[];
  readonly series: readonly SeriesMark[];
  /** Of those still there: in a calendar that is not synced. */
  readonly away: readonly GraphEventId[];
  /** Of those Graph did not let be read, which are marked: the next run asks again. */
  readonly unread: readonly GraphEventId[];
}

export const NO_PROOFS: Proofs = { gone: [], singles: [], series: [], away: [], unread: [] };

/** What is left to do once some of the events have left. */
export function withoutThose(proofs: Proofs, left: ReadonlySet<GraphEventId>): Proofs {
  if (left.size === 0) return proofs;
  const singles = proofs.singles.filter(({ id }) => !left.has(id));
  return { ...proofs, singles, series: proofs.series.filter(({ graphEventId }) => !left.has(graphEventId)) };
}
