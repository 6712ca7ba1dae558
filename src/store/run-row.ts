import { type RawBuilder, sql } from 'kysely';
import type { CalendarId, JobId, UserId } from '../core/ids.ts';
import type { ConflictStrategy, SyncDirection } from '../core/settings.ts';
import { json, optional, toDate, toOptionalDate } from './columns.ts';

export type RunStatus = 'PENDING' | 'IN_PROGRESS' | 'COMPLETED' | 'FAILED' | 'CANCELLED';
export type RunTrigger = 'api' | 'schedule' | 'change' | 'continuation' | 'resolution' | 'notification';

/** What a run was asked to do; what is left out comes from the settings. */
export interface StoredRunRequest {
  readonly direction?: SyncDirection;
  readonly conflictResolution?: ConflictStrategy;
  readonly forceFull?: boolean;
  readonly dateRange?: { readonly start: string; readonly end: string };
  readonly confirmDeletions?: string;
  /** Calendars that the runs this one continues have read as the request says; it only goes on from there. */
  readonly pulledCalendars?: readonly CalendarId[];
}

export interface RunGraphStats {
  readonly requests: number;
  readonly throttled: number;
  readonly retried: number;
  readonly failed: number;
  readonly byCategory: Readonly<Record<string, number>>;
}

/** One run: a job's public face, what status and history show. */
export interface StoredRun {
  readonly id: JobId;
  readonly userId: UserId;
  readonly calendarId: CalendarId | 'all';
  readonly status: RunStatus;
  readonly direction: SyncDirection;
  readonly request: StoredRunRequest;
  readonly trigger: RunTrigger;
  readonly queuedAt: Date;
  readonly startedAt?: Date | undefined;
  readonly completedAt?: Date | undefined;
  readonly lastSyncTime?: Date | undefined;
  readonly attempts: number;
  readonly totalEvents: number;
  readonly processedEvents: number;
  readonly createdEvents: number;
  readonly updatedEvents: number;
  readonly deletedEvents: number;
  readonly conflictsDetected: number;
  readonly failedEvents: number;
  /** Of `processedEvents` in `totalEvents`, the highest it ever was: a growing total does not take it back. */
  readonly percentage: number;
  readonly localCreated: number;
  readonly localUpdated: number;
  readonly localDeleted: number;
  readonly remoteCreated: number;
  readonly remoteUpdated: number;
  readonly remoteDeleted: number;
  readonly graphRequests: number;
  /** All of the run's conversation with Graph so far; a later attempt at the run goes on counting from it. */
  readonly graphStats: RunGraphStats;
  readonly durationMs?: number | undefined;
  readonly error?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly errorDetails?: Readonly<Record<string, unknown>> | undefined;
  readonly confirmationToken?: string | undefined;
  readonly confirmationIds?: readonly string[] | undefined;
  readonly cancelRequestedAt?: Date | undefined;
  readonly correlationId?: string | undefined;
  readonly parentId?: JobId | undefined;
}

export interface NewRun {
  readonly id: JobId;
  readonly userId: UserId;
  readonly calendarId: CalendarId | 'all';
  readonly direction: SyncDirection;
  readonly request: StoredRunRequest;
  readonly requestHash: string;
  readonly trigger: RunTrigger;
  readonly queuedAt: Date;
  readonly correlationId?: string | undefined;
  readonly parentId?: JobId | undefined;
}

/** Columns of a run that change while it works. */
export interface RunPatch {
  readonly status?: RunStatus;
  readonly startedAt?: Date;
  readonly completedAt?: Date;
  readonly lastSyncTime?: Date;
  readonly attempts?: number;
  readonly totalEvents?: number;
  readonly processedEvents?: number;
  readonly createdEvents?: number;
  readonly updatedEvents?: number;
  readonly deletedEvents?: number;
  readonly conflictsDetected?: number;
  readonly failedEvents?: number;
  readonly localCreated?: number;
  readonly localUpdated?: number;
  readonly localDeleted?: number;
  readonly remoteCreated?: number;
  readonly remoteUpdated?: number;
  readonly remoteDeleted?: number;
  readonly graphRequests?: number;
  readonly throttled?: number;
  readonly retried?: number;
  readonly failedRequests?: number;
  readonly errorsByCategory?: Readonly<Record<string, number>>;
  readonly durationMs?: number;
  readonly error?: string | null;
  readonly errorCode?: string | null;
  readonly errorDetails?: Readonly<Record<string, unknown>> | null;
  readonly confirmationToken?: string | null;
  readonly confirmationIds?: readonly string[] | null;
  readonly cancelRequestedAt?: Date;
}

export type RunRow = Record<string, unknown> & { readonly id: string };

const JSON_COLUMNS = new Set(['errorsByCategory', 'errorDetails', 'confirmationIds']);

/** What a patch sets, `percentage` included where it follows from it. */
export function assignmentsOf(patch: RunPatch): RawBuilder<unknown>[] {
  const values = Object.entries(patch).map(([column, value]) => {
    const name = sql.ref(column);
    if (JSON_COLUMNS.has(column)) return sql`${name} = ${json(value)}`;
    if (column === 'status') return sql`${name} = ${value as string}::"CalendarSyncStatus"`;
    if (value instanceof Date) return sql`${name} = ${value.toISOString()}::timestamptz`;
    return sql`${name} = ${value}`;
  });
  const { totalEvents, processedEvents } = patch;
  if (totalEvents !== undefined && processedEvents !== undefined) {
    const reached = percentageOf(processedEvents, totalEvents);
    values.push(sql`percentage = greatest(percentage, ${reached}::integer)`);
  }
  return values;
}

/** A run that has not ended is never through: more may still arrive. */
function percentageOf(processed: number, total: number): number {
  return total > 0 ? Math.min(99, Math.floor((100 * processed) / total)) : 0;
}

export function fromRow(row: RunRow): StoredRun {
  const number = (column: string) => Number(row[column] ?? 0);
  const text = (column: string) => optional(row[column] as string | null);
  const isStarted = row['status'] !== 'PENDING';
  return {
    id: row.id as JobId,
    userId: row['userId'] as UserId,
    calendarId: row['calendarId'] as CalendarId | 'all',
    status: row['status'] as RunStatus,
    direction: row['direction'] as SyncDirection,
    request: (row['request'] ?? {}) as StoredRunRequest,
    trigger: row['trigger'] as RunTrigger,
    queuedAt: toDate(row['queuedAt']),
    startedAt: isStarted ? toOptionalDate(row['startedAt']) : undefined,
    completedAt: toOptionalDate(row['completedAt']),
    lastSyncTime: toOptionalDate(row['lastSyncTime']),
    attempts: number('attempts'),
    totalEvents: number('totalEvents'),
    processedEvents: number('processedEvents'),
    createdEvents: number('createdEvents'),
    updatedEvents: number('updatedEvents'),
    deletedEvents: number('deletedEvents'),
    conflictsDetected: number('conflictsDetected'),
    failedEvents: number('failedEvents'),
    percentage: number('percentage'),
    localCreated: number('localCreated'),
    localUpdated: number('localUpdated'),
    localDeleted: number('localDeleted'),
    remoteCreated: number('remoteCreated'),
    remoteUpdated: number('remoteUpdated'),
    remoteDeleted: number('remoteDeleted'),
    graphRequests: number('graphRequests'),
    graphStats: {
      requests: number('graphRequests'),
      throttled: number('throttled'),
      retried: number('retried'),
      failed: number('failedRequests'),
      byCategory: { ...(row['errorsByCategory'] as Record<string, number> | null) },
    },
    durationMs: row['durationMs'] === null ? undefined : number('durationMs'),
    error: text('error'),
    errorCode: text('errorCode'),
    errorDetails: optional(row['errorDetails'] as Record<string, unknown> | null),
    confirmationToken: text('confirmationToken'),
    confirmationIds: optional(row['confirmationIds'] as string[] | null),
    cancelRequestedAt: toOptionalDate(row['cancelRequestedAt']),
    correlationId: text('correlationId'),
    parentId: optional(row['parentId'] as JobId | null),
  };
}
