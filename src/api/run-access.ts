import { isSyncError } from '../core/errors.ts';
import type { JobId, UserId } from '../core/ids.ts';
import { widenScope } from '../store/row-scope.ts';
import { isOperator, subjectOf } from './access.ts';
import type { ApiServices, Caller, RunAnswer } from './services.ts';

export interface FoundRun {
  readonly run: RunAnswer;
  /** Whose run services are to look for; `undefined`: anybody's, as an operator sees it. */
  readonly scope: UserId | undefined;
}

/**
 * A run by its id, for whom it may concern: its owner, and operators, who need not know whose it is.
 *
 * @param userId  as in the address: one user's runs only, or `*`
 * @throws {SyncError} `not-found`; `access-denied` for plain users who name somebody else
 */
export async function findRun(
  runs: ApiServices['runService'],
  caller: Caller,
  jobId: JobId,
  userId: string | undefined,
): Promise<FoundRun> {
  const subject = subjectOf(caller, userId);
  const isAnybodys = isOperator(caller) && (userId === undefined || userId === '*');
  if (!isAnybodys) return { run: await runs.status(subject, jobId), scope: subject };
  try {
    // An operator's own run is theirs like any user's.
    return { run: await runs.status(caller.userId, jobId), scope: caller.userId };
  } catch (error) {
    if (!isSyncError(error, 'not-found')) throw error;
    widenScope();
    return { run: await runs.status(undefined, jobId), scope: undefined };
  }
}
