import type { CalendarId, JobId, UserId } from '../core/ids.ts';
import type { Tx } from '../store/db.ts';
import type { RunTrigger, StoredRunRequest } from '../store/run.repository.ts';

/** What a run is asked to do, for whom, and why; what is left out comes from the calendar's, then the user's settings. */
export interface RunRequest extends StoredRunRequest {
  readonly userId: UserId;
  readonly calendarId: CalendarId | 'all';
  readonly trigger: RunTrigger;
  readonly correlationId?: string;
  /** The run this one continues. */
  readonly parentId?: JobId;
  /** What comes in the meantime is done by the same run. */
  readonly delayMs?: number;
}

export interface QueuedRun {
  readonly jobId: JobId;
  readonly status: 'started' | 'already_running';
}

/** How use cases ask for a run. `jobs` implements it, so that nothing in here knows what a job is. */
export interface RunQueue {
  /**
   * Queues a run in the caller's transaction: it exists if, and only if, what it is about was committed too.
   *
   * @returns the run that will do the work: a new one, or one already queued or running that does just this
   */
  enqueue(tx: Tx, request: RunRequest): Promise<QueuedRun>;
}
