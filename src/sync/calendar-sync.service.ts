import { isSyncError, SyncError } from '../core/errors.ts';
import type { CalendarId, JobId } from '../core/ids.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { CalendarGraph, GraphSession } from '../graph/calendar-graph.ts';
import { newGraphStats } from '../graph/graph-stats.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import { type ConnectionRepository, type StoredConnection, signInOf } from '../store/connection.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { Lease, LeaseRepository } from '../store/lease.repository.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import type { RunRepository, StoredRun } from '../store/run.repository.ts';
import type { CalendarExchange, CalendarResult } from './calendar-exchange.ts';
import { watchForCancellation } from './cancellation-watch.ts';
import { assertUsable, type ConnectionState } from './connection-state.ts';
import { findAgain, type LostCalendarParts } from './lost-calendar.ts';
import type { PullOutcome } from './pull-round.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import { RunCounters } from './run-counters.ts';
import { errorColumns, isOfOneCalendar, joined, mayBeOfOneCalendar } from './run-errors.ts';
import type { RunQueue, RunRequest } from './run-queue.ts';
import { progressOf } from './run-recorder.ts';
import { calendarsOf, type ScopeParts, scopeOf } from './run-scope.ts';
import type { SettingsService } from './settings.service.ts';

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
  readonly #connections: ConnectionRepository;
  readonly #connectionState: ConnectionState;
  readonly #leases: LeaseRepository;
  readonly #scope: ScopeParts;
  readonly #lookup: LostCalendarParts;
  readonly #queue: RunQueue;
  readonly #watch: { readonly db: Db; readonly runs: RunRepository; readonly clock: Clock };
  readonly #exchange: CalendarExchange;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #maxEventsPerRun: number;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    runs: RunRepository;
    operations: OperationRepository;
    calendars: CalendarRepository;
    cursors: CursorRepository;
    connections: ConnectionRepository;
    connectionState: ConnectionState;
    leases: LeaseRepository;
    settings: SettingsService;
    queue: RunQueue;
    exchange: CalendarExchange;
    clock: Clock;
    random: Random;
    logger: Logger;
    /** `CALENDAR_MAX_EVENTS_PER_SYNC` */
    maxEventsPerRun: number;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#runs = parts.runs;
    this.#connections = parts.connections;
    this.#connectionState = parts.connectionState;
    this.#leases = parts.leases;
    this.#scope = parts;
    this.#lookup = parts;
    this.#queue = parts.queue;
    this.#watch = parts;
    this.#exchange = parts.exchange;
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
    const watch = watchForCancellation(this.#watch, row, cancellation);
    let connection: StoredConnection | undefined;
    try {
      if (row.cancelRequestedAt) throw new SyncError('cancelled', `run ${row.id} was cancelled before it began`);
      connection = await this.#connections.find(this.#db, row.userId);
      const result = await this.#runCalendars(row, run.lease, { connection, counters, session, signal, startedAt });
      const { failure } = result;
      if (failure) logger.error({ err: failure, code: failure.code }, 'run failed');
      const status = failure ? 'FAILED' : 'COMPLETED';
      const rest = result.outcome === 'out-of-capacity' ? { pulled: result.pulled } : undefined;
      const hasEnded = await this.#finish(row, { status, counters, session, startedAt, rest, error: failure });
      const continuation = hasEnded && rest !== undefined;
      logger.info({ status, continuation, graphRequests: session.stats.requests }, 'run ended');
      return { continuation };
    } catch (error) {
      if (isSyncError(error, 'lease-lost')) throw error;
      if (isSyncError(error, 'cancelled') || (cancellation.signal.aborted && signal.aborted)) {
        await this.#finish(row, { status: 'CANCELLED', counters, session, startedAt });
        return { continuation: false };
      }
      if (run.signal.aborted) throw error;
      if (isSyncError(error) && error.recovery === 'retry') {
        await this.#db.transaction((tx) => this.#runs.update(tx, row.id, progressOf({ counters, session })));
        throw error;
      }
      if (connection) await this.#connectionState.noteTrouble(connection, error, row.correlationId);
      logger.error({ err: error, code: isSyncError(error) ? error.code : 'internal' }, 'run failed');
      await this.#finish(row, { status: 'FAILED', counters, session, startedAt, error });
      return { continuation: false };
    } finally {
      watch.stop();
      await watch.done;
    }
  }

  /** Ends a run the worker gives up on: its retries are spent. */
  async fail(jobId: JobId, error: unknown): Promise<void> {
    const now = this.#clock.now();
    await this.#db.transaction((tx) =>
      this.#runs.end(tx, jobId, { status: 'FAILED', completedAt: now, ...errorColumns(error) }),
    );
  }

  async #runCalendars(
    row: StoredRun,
    lease: Lease,
    shared: {
      connection: StoredConnection | undefined;
      counters: RunCounters;
      session: GraphSession;
      signal: AbortSignal;
      startedAt: Date;
    },
  ): Promise<{ outcome: PullOutcome; failure: SyncError | undefined; pulled: ReadonlySet<CalendarId> }> {
    const hasBegun = await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, lease);
      return this.#runs.begin(tx, row.id, shared.startedAt);
    });
    if (!hasBegun) throw new SyncError('cancelled', `run ${row.id} was cancelled before it began`);
    const { connection } = shared;
    if (!connection) throw new SyncError('not-connected', 'no mailbox is connected: PUT /calendar/connection first');
    assertUsable(connection);
    const session: GraphSession = Object.assign(shared.session, {
      mailbox: connection.mailboxId,
      signIn: signInOf(connection),
    });
    let outcome: PullOutcome = 'complete';
    const failures: SyncError[] = [];
    let breakdown: SyncError | undefined;
    const pulled = new Set(row.request.pulledCalendars);
    for (const calendar of await calendarsOf(this.#scope, row)) {
      const contextFor = (it: StoredCalendar) => this.#contextFor(row, it, lease, { ...shared, session });
      try {
        const result = await this.#runFound(calendar, contextFor, pulled);
        if (result.outcome === 'out-of-capacity') outcome = result.outcome;
        failures.push(...result.failures);
      } catch (error) {
        // One calendar that a person must look at, or that Graph breaks down over, does not keep the others waiting.
        if (isOfOneCalendar(error)) failures.push(error);
        else if (mayBeOfOneCalendar(error)) breakdown ??= error;
        else throw error;
      }
    }
    // The run is tried again as a whole; what was done of it costs next to nothing then.
    if (breakdown) throw breakdown;
    const failure = joined(failures);
    if (!failure) await this.#connectionState.noteWell(connection);
    return { outcome, failure, pulled };
  }

  /** A calendar may have another id at Graph by now. It is looked for once, and then worked on under that one. */
  async #runFound(
    calendar: StoredCalendar,
    contextFor: (calendar: StoredCalendar) => Promise<RunContext>,
    pulled: Set<CalendarId>,
  ): Promise<CalendarResult> {
    const context = await contextFor(calendar);
    assertNotCancelled(context);
    try {
      return await this.#exchange.run(context, calendar, pulled);
    } catch (error) {
      if (!isSyncError(error, 'not-found') && !isSyncError(error, 'cursor-expired')) throw error;
      const found = await findAgain(this.#lookup, context);
      if (!found) throw error;
      return this.#exchange.run(await contextFor(found), found, pulled);
    }
  }

  async #contextFor(
    row: StoredRun,
    calendar: StoredCalendar,
    lease: Lease,
    shared: { counters: RunCounters; session: GraphSession; signal: AbortSignal },
  ): Promise<RunContext> {
    return {
      ...(await scopeOf(this.#scope, row, calendar)),
      jobId: row.id,
      lease,
      session: shared.session,
      clockOffsetMs: () => this.#graph.serverClockOffsetMs() ?? 0,
      counters: shared.counters,
      signal: shared.signal,
    };
  }

  /**
   * @param end.rest  what its continuation needs to know, if it has one
   * @returns false when the run had ended already, which then stands: nothing is written, and nothing goes on with it
   */
  async #finish(
    row: StoredRun,
    end: {
      status: 'COMPLETED' | 'FAILED' | 'CANCELLED';
      counters: RunCounters;
      session: GraphSession;
      startedAt: Date;
      rest?: { pulled: ReadonlySet<CalendarId> } | undefined;
      error?: unknown;
    },
  ): Promise<boolean> {
    end.counters.expected = 0;
    const now = this.#clock.now();
    return this.#db.transaction(async (tx) => {
      const hasEnded = await this.#runs.end(tx, row.id, {
        ...progressOf(end),
        status: end.status,
        completedAt: now,
        ...(end.status === 'COMPLETED' ? { lastSyncTime: now } : {}),
        durationMs: now.getTime() - end.startedAt.getTime(),
        ...(end.error === undefined ? {} : errorColumns(end.error)),
      });
      if (hasEnded && end.rest) await this.#queue.enqueue(tx, continuationOf(row, end.rest.pulled));
      return hasEnded;
    });
  }
}

function continuationOf(row: StoredRun, pulled: ReadonlySet<CalendarId>): RunRequest {
  return {
    ...row.request,
    userId: row.userId,
    calendarId: row.calendarId,
    trigger: 'continuation',
    parentId: row.id,
    ...(pulled.size > 0 ? { pulledCalendars: [...pulled].sort() } : {}),
    ...(row.correlationId ? { correlationId: row.correlationId } : {}),
  };
}
