import { isSyncError, SyncError } from '../core/errors.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { SignInRef } from '../core/sign-in.ts';
import type { GraphSession } from '../graph/calendar-graph.ts';
import { newGraphStats } from '../graph/graph-stats.ts';
import { isPersonsTrouble, signInAgain } from './connection-state.ts';

/** A person waits for the answer; what takes longer is not worth waiting for. */
const PATIENCE_MS = 25_000;

/**
 * Asks Graph something while a caller waits.
 *
 * @throws {SyncError} what a caller can do something with: `not-found` (no such mailbox), `rejected` (Graph refuses the
 *   account), `unavailable` (no answer in time, or the service's own credentials are refused), `throttled`
 */
export async function askMailbox<T>(
  parts: { readonly clock: Clock; readonly random: Random },
  whom: {
    readonly mailbox: string;
    /** Whose sign-in opens it; the application's own permissions without. */
    readonly signIn?: SignInRef | undefined;
    readonly pausedUntil?: Date | undefined;
    readonly correlationId?: string | undefined;
  },
  question: (session: GraphSession) => Promise<T>,
): Promise<T> {
  assertNotPaused(whom.pausedUntil, parts.clock.now(), PATIENCE_MS);
  const late = new AbortController();
  const answered = new AbortController();
  const deadline = parts.clock.sleep(PATIENCE_MS, answered.signal).then((): never => {
    const error = new SyncError(
      'unavailable',
      `Microsoft Graph did not answer in ${PATIENCE_MS / 1000} seconds; try again`,
    );
    late.abort(error);
    throw error;
  });
  // Lost by whoever is faster; nobody else listens to the loser.
  deadline.catch(() => {});
  const session: GraphSession = {
    mailbox: whom.mailbox,
    signIn: whom.signIn,
    correlationId: whom.correlationId ?? parts.random.id(),
    signal: late.signal,
    stats: newGraphStats(),
  };
  try {
    const answer = question(session);
    answer.catch(() => {});
    return await Promise.race([answer, deadline]);
  } catch (error) {
    throw inCallersWords(error, whom.signIn !== undefined && isPersonsTrouble(error));
  } finally {
    answered.abort();
  }
}

/** @throws {SyncError} `throttled`, with the time left, when Graph asked for more silence than anybody waits for */
export function assertNotPaused(pausedUntil: Date | undefined, now: Date, patienceMs: number): void {
  const retryAfterMs = pausedUntil ? pausedUntil.getTime() - now.getTime() : 0;
  if (retryAfterMs <= patienceMs) return;
  throw new SyncError('throttled', 'Microsoft Graph asked this service to leave the mailbox alone for a while', {
    retryAfterMs,
  });
}

function inCallersWords(error: unknown, isPersons: boolean): unknown {
  if (!isSyncError(error)) return error;
  const options = {
    cause: error,
    ...(error.graphCode === undefined ? {} : { graphCode: error.graphCode }),
    ...(error.httpStatus === undefined ? {} : { httpStatus: error.httpStatus }),
    ...(error.graphRequestId === undefined ? {} : { graphRequestId: error.graphRequestId }),
  };
  switch (error.code) {
    case 'not-found':
      return new SyncError(
        'not-found',
        'Microsoft Graph knows no such mailbox: check the address, and that it is a mailbox of this tenant',
        options,
      );
    case 'forbidden':
      return new SyncError(
        'rejected',
        'Microsoft Graph does not let this service read the mailbox: the app registration needs Calendars.ReadWrite, with admin consent and for this mailbox',
        options,
      );
    case 'rejected':
      return new SyncError(
        'rejected',
        `Microsoft Graph cannot serve this account's calendars (${error.graphCode ?? 'no reason given'}): it needs an Exchange Online mailbox`,
        options,
      );
    case 'unauthenticated':
      if (isPersons) return signInAgain(error);
      // Not the caller's token but ours; answered as 401 they would look for the fault in the wrong place.
      return new SyncError(
        'unavailable',
        "Microsoft's identity platform refuses this service's own credentials; an operator has to look at GRAPH_CLIENT_ID, GRAPH_CLIENT_SECRET and GRAPH_TENANT_ID",
        options,
      );
    default:
      return error;
  }
}
