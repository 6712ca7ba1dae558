import type { SyncError } from '../core/errors.ts';
import type { RemoteEvent } from '../graph/calendar-graph.ts';
import type { NewSyncOperation } from '../store/operation.repository.ts';
import type { Outgoing, OutgoingDeletion } from './outgoing-event.ts';
import type { RunContext } from './run-context.ts';

type Scope = Pick<RunContext, 'jobId' | 'userId' | 'calendarId'>;

/** The line that a change sent to Graph, held back from it or refused by it leaves in the audit trail. */
export function pushedOperation(
  { jobId, userId, calendarId }: Scope,
  { event, base, sent }: Outgoing,
  line: Pick<NewSyncOperation, 'id' | 'at' | 'operation'> & {
    readonly fields: readonly string[];
    readonly remote?: RemoteEvent;
    readonly error?: SyncError;
  },
): NewSyncOperation {
  const { id, at, operation, fields, remote, error } = line;
  return {
    ...{ id, runId: jobId, userId, calendarId, at },
    eventId: event.id,
    graphEventId: remote?.id ?? base?.graphEventId,
    side: 'remote',
    operation,
    fields: [...fields],
    reason: error && error.httpStatus === undefined ? error.message : REASON[operation],
    before: base?.remote ?? undefined,
    after: operation === 'create' || operation === 'update' ? sent : undefined,
    ...refusalOf(error),
  };
}

/** The same for a deletion. */
export function pushedDeletion(
  { jobId, userId, calendarId }: Scope,
  { base }: OutgoingDeletion,
  line: Pick<NewSyncOperation, 'id' | 'at'> & {
    readonly operation: 'delete' | 'hold' | 'fail';
    readonly error?: SyncError;
  },
): NewSyncOperation {
  const { id, at, operation, error } = line;
  return {
    ...{ id, runId: jobId, userId, calendarId, at },
    eventId: base.eventId,
    graphEventId: base.graphEventId,
    side: 'remote',
    operation,
    fields: [],
    reason: REASON[operation],
    before: base.remote ?? undefined,
    after: undefined,
    ...refusalOf(error),
  };
}

const REASON: Record<NewSyncOperation['operation'], string> = {
  create: 'new here',
  update: 'changed here',
  delete: 'deleted here',
  adopt: 'the same event exists on both sides',
  fail: 'refused by Graph',
  hold: 'kept here: sending it would mail guests, or the event belongs to somebody else',
};

function refusalOf(error: SyncError | undefined): Pick<NewSyncOperation, 'graphRequestId' | 'errorCode'> {
  return { graphRequestId: error?.graphRequestId, errorCode: error ? (error.graphCode ?? error.code) : undefined };
}
