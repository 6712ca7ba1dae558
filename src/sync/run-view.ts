import type { EventContent } from '../core/event.ts';
import type { JobId } from '../core/ids.ts';
import type { OwnSyncOperation, SyncOperation } from '../store/operation.repository.ts';
import type { RunStatus, StoredRun } from '../store/run.repository.ts';

/** A run as its status shows it; counts grow while it works. */
export interface RunView {
  readonly jobId: JobId;
  readonly status: RunStatus;
  readonly direction: string;
  readonly calendarId: string;
  readonly progress: { readonly total: number; readonly processed: number; readonly percentage: number };
  /** `null` before the work begins. */
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly result: {
    /** Events handled so far, on either side. */
    readonly totalEvents: number;
    readonly createdEvents: number;
    readonly updatedEvents: number;
    readonly deletedEvents: number;
    readonly conflictsDetected: number;
    readonly failedEvents: number;
    readonly local: SideView;
    readonly remote: SideView;
    readonly graphRequests: number;
    /** `null` until it has ended. */
    readonly durationMs: number | null;
  };
  readonly error: RunErrorView | null;
}

interface SideView {
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
}

export interface RunErrorView {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A run in the history. */
export interface HistoryView extends RunView {
  readonly userId: string;
  readonly trigger: string;
  readonly queuedAt: string;
}

/** One line of the audit trail; the contents only for the user whose run it was. */
export interface OperationView {
  readonly id: string;
  readonly eventId: string;
  readonly graphEventId: string | null;
  readonly calendarId: string;
  readonly side: 'local' | 'remote';
  readonly operation: string;
  readonly fields: readonly string[];
  readonly reason: string;
  readonly at: string;
  readonly errorCode: string | null;
  readonly graphRequestId: string | null;
  readonly before?: EventContent | null;
  readonly after?: EventContent | null;
}

export function isEnded({ status }: { readonly status: RunStatus }): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED';
}

export function runView(run: StoredRun): RunView {
  return {
    jobId: run.id,
    status: run.status,
    direction: run.direction,
    calendarId: run.calendarId,
    progress: {
      total: run.totalEvents,
      processed: run.processedEvents,
      percentage: run.status === 'COMPLETED' ? 100 : run.percentage,
    },
    startedAt: hasBegun(run) ? (run.startedAt?.toISOString() ?? null) : null,
    completedAt: run.completedAt?.toISOString() ?? null,
    result: {
      totalEvents: run.processedEvents,
      createdEvents: run.createdEvents,
      updatedEvents: run.updatedEvents,
      deletedEvents: run.deletedEvents,
      conflictsDetected: run.conflictsDetected,
      failedEvents: run.failedEvents,
      local: { created: run.localCreated, updated: run.localUpdated, deleted: run.localDeleted },
      remote: { created: run.remoteCreated, updated: run.remoteUpdated, deleted: run.remoteDeleted },
      graphRequests: run.graphRequests,
      durationMs: run.durationMs ?? null,
    },
    error: errorView(run),
  };
}

export function historyView(run: StoredRun): HistoryView {
  return { ...runView(run), userId: run.userId, trigger: run.trigger, queuedAt: run.queuedAt.toISOString() };
}

export function operationView(operation: SyncOperation): OperationView {
  return {
    id: operation.id,
    eventId: operation.eventId,
    graphEventId: operation.graphEventId ?? null,
    calendarId: operation.calendarId,
    side: operation.side,
    operation: operation.operation,
    fields: operation.fields,
    reason: operation.reason,
    at: operation.at.toISOString(),
    errorCode: operation.errorCode ?? null,
    graphRequestId: operation.graphRequestId ?? null,
  };
}

export function ownOperationView(operation: OwnSyncOperation): OperationView {
  return { ...operationView(operation), before: operation.before ?? null, after: operation.after ?? null };
}

/** The column holds a time for every row; a run that was cancelled while it waited has never begun. */
function hasBegun({ status, startedAt, completedAt }: StoredRun): boolean {
  if (status === 'PENDING') return false;
  return status !== 'CANCELLED' || startedAt?.getTime() !== completedAt?.getTime();
}

function errorView({ error, errorCode, errorDetails }: StoredRun): RunErrorView | null {
  if (errorCode === undefined && error === undefined) return null;
  return {
    code: errorCode ?? 'INTERNAL',
    message: error ?? 'the run ended with an error',
    ...(errorDetails ? { details: errorDetails } : {}),
  };
}
