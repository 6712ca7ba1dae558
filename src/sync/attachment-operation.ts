import type { SyncError } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import type { NewSyncOperation } from '../store/operation.repository.ts';
import type { RunContext } from './run-context.ts';

/** A line of the audit trail about an event's attachments: how many, and never which or what is in them. */
export function attachmentOperation(
  context: RunContext,
  of: { id: string; at: Date; eventId: EventId; graphEventId?: GraphEventId | undefined },
  what: {
    side: 'local' | 'remote';
    operation?: 'update' | 'hold' | 'fail';
    reason: string;
    error?: SyncError | undefined;
  },
): NewSyncOperation {
  const { error } = what;
  return {
    id: of.id,
    runId: context.jobId,
    userId: context.userId,
    calendarId: context.calendarId,
    eventId: of.eventId,
    graphEventId: of.graphEventId,
    side: what.side,
    operation: what.operation ?? 'update',
    fields: ['attachments'],
    reason: what.reason,
    at: of.at,
    graphRequestId: error?.graphRequestId,
    errorCode: error ? (error.graphCode ?? error.code) : undefined,
  };
}
