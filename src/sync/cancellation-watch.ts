import { SyncError } from '../core/errors.ts';
import type { Clock } from '../core/runtime.ts';
import type { Db } from '../store/db.ts';
import type { RunRepository, StoredRun } from '../store/run.repository.ts';

/** How often a running run asks whether somebody cancelled it. */
const CANCELLATION_CHECK_MS = 2_000;

/**
 * Looks whether somebody cancelled the run while it works, also through long waits.
 *
 * @param cancellation  aborted with `cancelled` then
 * @returns `done` once it looks no more, after `stop` or a cancellation
 */
export function watchForCancellation(
  { db, runs, clock }: { db: Db; runs: RunRepository; clock: Clock },
  row: Pick<StoredRun, 'id' | 'userId'>,
  cancellation: AbortController,
): { stop: () => void; done: Promise<void> } {
  const stopped = new AbortController();
  const look = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await clock.sleep(CANCELLATION_CHECK_MS, stopped.signal).catch(() => {});
      if (stopped.signal.aborted) return;
      const now = await runs.find(db, row.userId, row.id).catch(() => undefined);
      if (now?.cancelRequestedAt) {
        cancellation.abort(new SyncError('cancelled', `run ${row.id} was cancelled`));
        return;
      }
    }
  };
  return { stop: () => stopped.abort(), done: look() };
}
