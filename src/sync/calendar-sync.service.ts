import { isSyncError, SyncError } from '../core/errors.ts';
import type { CalendarId, JobId, UserId } from '../core/ids.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { CalendarGraph, GraphSession } from '../graph/calendar-graph.ts';
import { newGraphStats } from '../graph/graph-stats.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import type { ConnectionRepository, StoredConnection } from '../store/connection.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { Lease, LeaseRepository } from '../store/lease.repository.ts';
import type { RunRepository, StoredRun } from '../store/run.repository.ts';
import type { DeltaSyncManager } from './delta-sync.manager.ts';
import { findAgain, type LostCalendarParts } from './lost-calendar.ts';
import type { PullOutcome } from './pull-round.ts';
import type { PushManager } from './push.manager.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import { RunCounters } from './run-counters.ts';
import { errorColumns, isOfOneCalendar } from './run-errors.ts';
import type { RunQueue } from './run-queue.ts';
import { progressOf } from './run-recorder.ts';
import { calendarsOf, type ScopeParts, scopeOf } from './run-scope.ts';
import type { SettingsService } from './settings.service.ts';

/** How often a running run asks whether somebody cancelled it. */
const CANCELLATION_CHECK_MS = 2_000;

/**
 * Carries out one run: pull, push, record, for one calendar or all of them, under the mailbox's lease.
 *
 * What a run did stays done and consistent, however it ends. An error that passes by itself (throttling, network) is
 * thrown to the worker, which tries the same run again; any other error ends the run as `FAILED` with its code.
 */
export class CalendarSyncService {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #runs: RunRepository;
  readonly #calendars: CalendarRepository;
  readonly #connections: ConnectionRepository;
  readonly #leases: LeaseRepository;
  readonly #scope: ScopeParts;
  readonly #lookup: LostCalendarParts;
  readonly #queue: RunQueue;
  readonly #delta: DeltaSyncManager;
  readonly #push: PushManager;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #maxEventsPerRun: number;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    runs: RunRepository;
    calendars: CalendarRepository;
    cursors: CursorRepository;
    connections: ConnectionRepository;
    leases: LeaseRepository;
    settings: SettingsService;
    queue: RunQueue;
    delta: DeltaSyncManager;
    push: PushManager;
    clock: Clock;
    random: Random;
    logger: Logger;
    /** `CALENDAR_MAX_EVENTS_PER_SYNC` */
    maxEventsPerRun: number;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#runs = parts.runs;
    this.#calendars = parts.calendars;
    this.#connections = parts.connections;
    this.#leases = parts.leases;
    this.#scope = parts;
    this.#lookup = parts;
    this.#queue = parts.queue;
    this.#delta = parts.delta;
    this.#push = parts.push;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
    this.#maxEventsPerRun = parts.maxEventsPerRun;
  }

  /**
   * @param run.lease  the mailbox's, already claimed; every transaction of the run checks it
   * @returns whether the rest was queued as a continuation
   * @throws {SyncError} `lease-lost` (another worker has the mailbox: abandon), or one whose recovery is `retry`
   */
  async run(run: { jobId: JobId; lease: Lease; signal: AbortSignal }): Promise<{ continuation: boolean }> {
    const row = await this.#runs.find(this.#db, undefined, run.jobId);
    if (!row || row.status === 'COMPLETED' || row.status === 'FAILED' || row.status === 'CANCELLED') {
      return { continuation: false };
    }
    const logger = this.#logger.child({ jobId: row.id, userId: row.userId, correlationId: row.correlationId });
    const counters = new RunCounters(this.#maxEventsPerRun);
    counters.resume(row);
    const cancellation = new AbortController();
    const signal = AbortSignal.any([run.signal, cancellation.signal]);
    const session: GraphSession = {
      mailbox: '',
      correlationId: row.correlationId ?? row.id,
      signal,
      stats: { ...newGraphStats(), ...row.graphStats },
    };
    const startedAt = row.startedAt ?? this.#clock.now();
    const watch = this.#watchForCancellation(row, cancellation);
    try {
      if (row.cancelRequestedAt) throw new SyncError('cancelled', `run ${row.id} was cancelled before it began`);
      const outcome = await this.#runCalendars(row, run.lease, { counters, session, signal, startedAt });
      const continuation = outcome === 'out-of-capacity';
      await this.#finish(row, { status: 'COMPLETED', counters, session, startedAt, continuation });
      logger.info({ status: 'COMPLETED', continuation, graphRequests: session.stats.requests }, 'run ended');
      return { continuation };
    } catch (error) {
      if (isSyncError(error, 'lease-lost')) throw error;
      if (isSyncError(error, 'cancelled') || (cancellation.signal.aborted && signal.aborted)) {
        await this.#finish(row, { status: 'CANCELLED', counters, session, startedAt, continuation: false });
        return { continuation: false };
      }
      if (run.signal.aborted) throw error;
      if (isSyncError(error) && error.recovery === 'retry') {
        await this.#db.transaction((tx) => this.#runs.update(tx, row.id, progressOf({ counters, session })));
        throw error;
      }
      await this.#noteConnectionTrouble(row.userId, error);
      logger.error({ err: error, code: isSyncError(error) ? error.code : 'internal' }, 'run failed');
      await this.#finish(row, { status: 'FAILED', counters, session, startedAt, continuation: false, error });
      return { continuation: false };
    } finally {
      watch.stop();
      await watch.done;
    }
  }

  /** Ends a run the worker gives up on: its retries are spent. */
  async fail(jobId: JobId, error: unknown): Promise<void> {
    const row = await this.#runs.find(this.#db, undefined, jobId);
    if (!row || (row.status !== 'PENDING' && row.status !== 'IN_PROGRESS')) return;
    const now = this.#clock.now();
    await this.#db.transaction((tx) =>
      this.#runs.update(tx, jobId, { status: 'FAILED', completedAt: now, ...errorColumns(error) }),
    );
  }

  async #runCalendars(
    row: StoredRun,
    lease: Lease,
    shared: { counters: RunCounters; session: GraphSession; signal: AbortSignal; startedAt: Date },
  ): Promise<PullOutcome> {
    const hasBegun = await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, lease);
      return this.#runs.begin(tx, row.id, shared.startedAt);
    });
    if (!hasBegun) throw new SyncError('cancelled', `run ${row.id} was cancelled before it began`);
    const connection = await this.#connections.find(this.#db, row.userId);
    if (!connection) throw new SyncError('not-connected', 'no mailbox is connected: PUT /calendar/connection first');
    const session: GraphSession = Object.assign(shared.session, { mailbox: connection.mailboxId });
    let outcome: PullOutcome = 'complete';
    const failures: SyncError[] = [];
    for (const calendar of await calendarsOf(this.#scope, row)) {
      const contextFor = (it: StoredCalendar) => this.#contextFor(row, connection, it, lease, { ...shared, session });
      try {
        const result = await this.#runFound(calendar, contextFor);
        if (result === 'out-of-capacity') outcome = result;
      } catch (error) {
        // One calendar that a person must look at does not keep the others waiting.
        if (!isOfOneCalendar(error)) throw error;
        failures.push(error);
      }
    }
    const [failure] = failures;
    if (failure) throw failure;
    await this.#noteConnectionIsWell(connection);
    return outcome;
  }

  /** A calendar may have another id at Graph by now. It is looked for once, and then worked on under that one. */
  async #runFound(
    calendar: StoredCalendar,
    contextFor: (calendar: StoredCalendar) => Promise<RunContext>,
  ): Promise<PullOutcome> {
    const context = await contextFor(calendar);
    assertNotCancelled(context);
    try {
      return await this.#runCalendar(context, calendar);
    } catch (error) {
      if (!isSyncError(error, 'not-found') && !isSyncError(error, 'cursor-expired')) throw error;
      const found = await findAgain(this.#lookup, context);
      if (!found) throw error;
      return this.#runCalendar(await contextFor(found), found);
    }
  }

  async #runCalendar(context: RunContext, calendar: StoredCalendar): Promise<PullOutcome> {
    if (context.direction === 'push') {
      const isLinked = calendar.lastSyncedAt !== undefined || (await this.#delta.isLinked(context));
      if (!isLinked) await this.#delta.pull(context, 'adopt');
    } else {
      const pulled = await this.#delta.pull(context);
      // Creating before everything at Graph has been seen could double what already exists there.
      if (pulled === 'out-of-capacity') return pulled;
    }
    if (context.direction !== 'pull' && calendar.canEdit) {
      const pushed = await this.#push.push(context);
      if (pushed === 'out-of-capacity') return pushed;
    }
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#calendars.saveLastSynced(tx, context.userId, context.calendarId, this.#clock.now());
    });
    return 'complete';
  }

  async #contextFor(
    row: StoredRun,
    connection: StoredConnection,
    calendar: StoredCalendar,
    lease: Lease,
    shared: { counters: RunCounters; session: GraphSession; signal: AbortSignal },
  ): Promise<RunContext> {
    return {
      ...(await scopeOf(this.#scope, row, calendar)),
      jobId: row.id,
      lease,
      session: shared.session,
      clockOffsetMs: () => this.#graph.serverClockOffsetMs() ?? connection.clockOffsetMs,
      counters: shared.counters,
      signal: shared.signal,
    };
  }

  async #finish(
    row: StoredRun,
    end: {
      status: 'COMPLETED' | 'FAILED' | 'CANCELLED';
      counters: RunCounters;
      session: GraphSession;
      startedAt: Date;
      continuation: boolean;
      error?: unknown;
    },
  ): Promise<void> {
    end.counters.expected = 0;
    const now = this.#clock.now();
    await this.#db.transaction(async (tx) => {
      await this.#runs.update(tx, row.id, {
        ...progressOf(end),
        status: end.status,
        completedAt: now,
        ...(end.status === 'COMPLETED' ? { lastSyncTime: now } : {}),
        durationMs: now.getTime() - end.startedAt.getTime(),
        ...(end.error === undefined ? {} : errorColumns(end.error)),
      });
      if (end.continuation) {
        await this.#queue.enqueue(tx, {
          ...row.request,
          userId: row.userId,
          calendarId: row.calendarId as CalendarId | 'all',
          trigger: 'continuation',
          parentId: row.id,
          ...(row.correlationId ? { correlationId: row.correlationId } : {}),
        });
      }
    });
  }

  async #noteConnectionTrouble(userId: UserId, error: unknown): Promise<void> {
    if (!isSyncError(error, 'unauthenticated')) return;
    const connection = await this.#connections.find(this.#db, userId);
    // Wrong app credentials are the operator's trouble: nobody is asked to sign in again for them.
    const isOperators = error.details?.['operator'] === true || connection?.mode === 'application';
    await this.#db.transaction((tx) =>
      this.#connections.setStatus(tx, userId, isOperators ? 'ERROR' : 'REAUTH_REQUIRED', error.message),
    );
  }

  async #noteConnectionIsWell({ userId, status }: StoredConnection): Promise<void> {
    if (status === 'CONNECTED') return;
    await this.#db.transaction((tx) => this.#connections.setStatus(tx, userId, 'CONNECTED'));
  }

  /** Looks whether somebody cancelled the run while it works, also through long waits. */
  #watchForCancellation(row: StoredRun, cancellation: AbortController): { stop: () => void; done: Promise<void> } {
    const stopped = new AbortController();
    const look = async (): Promise<void> => {
      while (!stopped.signal.aborted) {
        await this.#clock.sleep(CANCELLATION_CHECK_MS, stopped.signal).catch(() => {});
        if (stopped.signal.aborted) return;
        const now = await this.#runs.find(this.#db, row.userId, row.id).catch(() => undefined);
        if (now?.cancelRequestedAt) {
          cancellation.abort(new SyncError('cancelled', `run ${row.id} was cancelled`));
          return;
        }
      }
    };
    return { stop: () => stopped.abort(), done: look() };
  }
}
