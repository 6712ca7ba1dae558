import { SyncError } from '../core/errors.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import { isBreakdown } from '../graph/graph-errors.ts';

/** Graph may be in trouble itself; an event that failed alone this often, in a mailbox that could be read, is the trouble. */
export const FAILURES_ALONE = 3;

/**
 * What a failed write means: `event` when the others go on without it, `all` when none makes sense now, `count` when that
 * cannot be told yet because nothing else was written beside it, `unknown` when what else is written in the run tells.
 *
 * @param of.failures  how often in a row it had broken down before
 * @param of.isServed  whether anything was written in this run
 */
export function blame(
  error: SyncError,
  of: { outcomes: readonly WriteOutcome[]; failures: number | undefined; isServed?: boolean },
): 'event' | 'count' | 'all' | 'unknown' {
  if (error.code === 'rejected' || error.code === 'duplicate-transaction') return 'event';
  // Where nothing at all may be written it is the mailbox, which no event is parked for.
  if (error.code === 'forbidden') return of.isServed || of.outcomes.some(wentThrough) ? 'event' : 'unknown';
  if (!isWorthRetrying(error)) return 'all';
  // Where other writes go through, one that does not says something of that event only.
  const isAlone = of.outcomes.some(({ ok }) => ok);
  return isAlone || (of.failures ?? 0) >= FAILURES_ALONE - 1 ? 'event' : 'count';
}

/** What may pass by itself: Graph recovers, permissions are given back. Anything else is refused until the event is edited. */
export function isWorthRetrying(error: SyncError): boolean {
  return error.code === 'forbidden' || isBreakdown(error);
}

/** Whether a write changed something in Outlook: that there was nothing to delete any more does not say that it may. */
export function wentThrough(outcome: WriteOutcome): boolean {
  return outcome.ok && !outcome.wasGone;
}

/** That an event does not let itself be read may pass, whatever Graph calls it: somebody may edit it there. */
export function asPassing(error: SyncError): SyncError {
  if (isWorthRetrying(error)) return error;
  const { graphCode, httpStatus } = error;
  return new SyncError('forbidden', error.message, {
    cause: error,
    ...(graphCode === undefined ? {} : { graphCode }),
    ...(httpStatus === undefined ? {} : { httpStatus }),
  });
}
