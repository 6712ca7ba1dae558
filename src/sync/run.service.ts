import { SyncError } from '../core/errors.ts';
import { isStorable, type JobId, type UserId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { AuditRepository } from '../store/audit.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db, Queryable } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import type { RunRepository, RunStatus, StoredRun } from '../store/run.repository.ts';
import type { QueuedRun, RunQueue } from './run-queue.ts';
import { checkRequest, type SyncRequest } from './run-request.ts';
import {
  type HistoryView,
  historyView,
  isEnded,
  type OperationView,
  operationView,
  ownOperationView,
  type RunView,
  runView,
} from './run-view.ts';

export interface HistoryQuery {
  /** Left out: everybody's, for operators. */
  readonly userId?: UserId;
  readonly calendarId?: string;
  readonly status?: RunStatus;
  readonly limit: number;
  readonly offset: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
}

/** Soon enough for a progress bar; what it costs is one primary-key read. */
const WATCH_INTERVAL_MS = 300;

/**
 * Runs as people see them: start, look, cancel. `userId` says whose run it must be; `undefined` stands for an operator, who
 * sees anybody's runs and nobody's events.
 */
export class RunService {
  readonly #db: Db;
  readonly #runs: RunRepository;
  readonly #operations: OperationRepository;
  readonly #connections: ConnectionRepository;
  readonly #calendars: CalendarRepository;
  readonly #leases: LeaseRepository;
  readonly #queue: RunQueue;
  readonly #audit: AuditRepository;
  readonly #clock: Clock;

  constructor(parts: {
    db: Db;
    runs: RunRepository;
    operations: OperationRepository;
    connections: ConnectionRepository;
    calendars: CalendarRepository;
    leases: LeaseRepository;
    queue: RunQueue;
    audit: AuditRepository;
    clock: Clock;
  }) {
    this.#db = parts.db;
    this.#runs = parts.runs;
    this.#operations = parts.operations;
    this.#connections = parts.connections;
    this.#calendars = parts.calendars;
    this.#leases = parts.leases;
    this.#queue = parts.queue;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
  }

  /**
   * Queues a run, or finds the one that is doing the same already.
   *
   * @throws {SyncError} `not-connected`; `not-found` for a calendar that is not in the mailbox; `invalid-input` or
   *   `impossible-input` for a date range or a confirmation that cannot be
   */
  async start(userId: UserId, asked: SyncRequest, how: { correlationId?: string } = {}): Promise<QueuedRun> {
    const parts = { db: this.#db, connections: this.#connections, calendars: this.#calendars, runs: this.#runs };
    const { calendarId, request } = await checkRequest(parts, userId, asked);
    return this.#db.transaction((tx) =>
      this.#queue.enqueue(tx, {
        ...request,
        userId,
        calendarId,
        trigger: 'api',
        ...(how.correlationId ? { correlationId: how.correlationId } : {}),
      }),
    );
  }

  /** @throws {SyncError} `not-found`, also for another user's run */
  async status(userId: UserId | undefined, jobId: JobId): Promise<RunView> {
    return runView(await this.#get(this.#db, userId, jobId));
  }

  /** Newest first. */
  async history(query: HistoryQuery): Promise<Page<HistoryView>> {
    if (!isStorable(query.calendarId ?? '')) return { items: [], total: 0, limit: query.limit, offset: query.offset };
    const { items, total } = await this.#runs.list(this.#db, query);
    return { items: items.map(historyView), total, limit: query.limit, offset: query.offset };
  }

  /**
   * The audit trail of a run, in the order things were done. What events held before and after is shown to the user whose
   * run it was, never to an operator.
   *
   * @throws {SyncError} `not-found`, also for another user's run
   */
  async operations(
    userId: UserId | undefined,
    jobId: JobId,
    page: { limit: number; offset: number },
  ): Promise<Page<OperationView>> {
    await this.#get(this.#db, userId, jobId);
    const { limit, offset } = page;
    if (userId === undefined) {
      const { items, total } = await this.#operations.list(this.#db, { runId: jobId, limit, offset });
      return { items: items.map(operationView), total, limit, offset };
    }
    const { items, total } = await this.#operations.listOwn(this.#db, { userId, runId: jobId, limit, offset });
    return { items: items.map(ownOperationView), total, limit, offset };
  }

  /**
   * Ends a run that waits at once, and asks one at work to end at its next safe point; what was done stays done. That it
   * was somebody else's is on record.
   *
   * @throws {SyncError} `not-found`; `conflict-state` when it has ended already
   */
  async cancel(
    userId: UserId | undefined,
    jobId: JobId,
    how: { caller?: { userId: UserId; roles: readonly string[] }; correlationId?: string } = {},
  ): Promise<RunView> {
    return this.#db.transaction(async (tx) => {
      const run = await this.#get(tx, userId, jobId);
      const at = this.#clock.now();
      const isAtWork = await this.#leases.isHeld(tx, run.userId, at);
      const asked = await this.#runs.requestCancel(tx, userId, jobId, { at, isAtWork });
      if (asked) {
        const { caller, correlationId } = how;
        if (caller && caller.userId !== run.userId) {
          const who = { actor: caller.userId, actorRoles: caller.roles, subject: run.userId };
          await this.#audit.append(tx, { at, action: 'run.cancelled', target: jobId, correlationId, ...who });
        }
        return runView(asked);
      }
      const { status } = await this.#get(tx, userId, jobId);
      throw new SyncError('conflict-state', `run ${jobId} has ended already: it is ${status}`);
    });
  }

  /**
   * A run's status, at once and then whenever it changes, until it has ended or the signal is aborted.
   *
   * @throws {SyncError} `not-found` before the first one
   */
  async *watch(userId: UserId | undefined, jobId: JobId, signal: AbortSignal): AsyncGenerator<RunView> {
    let shown: string | undefined;
    while (!signal.aborted) {
      const run = isStorable(jobId) ? await this.#runs.find(this.#db, userId, jobId) : undefined;
      if (!run && shown === undefined) throw notFound(jobId);
      // Erased while it was watched: there is nothing more to tell.
      if (!run) return;
      const view = runView(run);
      const text = JSON.stringify(view);
      if (text !== shown) yield view;
      shown = text;
      if (isEnded(view)) return;
      await this.#clock.sleep(WATCH_INTERVAL_MS, signal).catch(() => {});
    }
  }

  async #get(q: Queryable, userId: UserId | undefined, jobId: JobId): Promise<StoredRun> {
    const run = isStorable(jobId) ? await this.#runs.find(q, userId, jobId) : undefined;
    if (!run) throw notFound(jobId);
    return run;
  }
}

function notFound(jobId: JobId): SyncError {
  return new SyncError('not-found', `there is no run ${jobId}`);
}
