import type { SyncError } from '../core/errors.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import { isBreakdown } from '../graph/graph-errors.ts';

/** Graph may be in trouble itself; an event that failed alone this often, in a mailbox that could be read, is the trouble. */
export const FAILURES_ALONE = 3;

/**
 * What a failed write means: `event` when the others go on without it, `all` when none makes sense now, `count` when that
 * cannot be told yet because nothing else was written beside it.
 *
 * @param of.failures  how often in a row it had broken down before
 */
export function blame(
  error: SyncError,
  of: { outcomes: readonly WriteOutcome[]; failures: number | undefined },
): 'event' | 'count' | 'all' {
  if (error.code === 'rejected' || error.code === 'duplicate-transaction') return 'event';
  // Where other writes go through, one that does not says something of that event only.
  const isAlone = of.outcomes.some(({ ok }) => ok);
  // Several that are all forbidden: it is the mailbox, which no event is parked for.
  if (error.code === 'forbidden' && !isAlone && of.outcomes.length > 1) return 'all';
  if (!isWorthRetrying(error)) return 'all';
  return isAlone || (of.failures ?? 0) >= FAILURES_ALONE - 1 ? 'event' : 'count';
}

/** What may pass by itself: Graph recovers, permissions are given back. Anything else is refused until the event is edited. */
export function isWorthRetrying(error: SyncError): boolean {
  return error.code === 'forbidden' || isBreakdown(error);
}
