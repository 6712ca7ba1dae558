import type { SyncError } from '../core/errors.ts';
import type { BatchOutcome } from './graph-batch.ts';
import { isBreakdown } from './graph-errors.ts';

/**
 * Whether an error says something of that one event, whose mailbox has just been read or written to. What is refused is:
 * a mailbox that were closed as a whole would not have got that far. What breaks down is where others are served, or alone.
 */
export function isOwnTrouble(error: SyncError, outcomes: readonly BatchOutcome[]): boolean {
  if (error.code === 'forbidden' || error.code === 'rejected') return true;
  const isServed = outcomes.length === 1 || outcomes.some((outcome) => outcome.ok || !isBreakdown(outcome.error));
  return isBreakdown(error) && isServed;
}
