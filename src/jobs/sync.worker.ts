import type { Job, PgBoss } from 'pg-boss';
import { isSyncError, SyncError } from '../core/errors.ts';
import type { JobId } from '../core/ids.ts';
import type { Outage } from '../core/outage.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import { LEASE_MS, type Lease, type LeaseRepository } from '../store/lease.repository.ts';
import { inScopeOf, withoutScope } from '../store/row-scope.ts';
import type { RunRepository, StoredRun } from '../store/run.repository.ts';
import { SYNC_QUEUE } from './boss.ts';
import type { Doorbell, PgBossRunQueue } from './queue.ts';

/** What a worker needs of the engine; `CalendarSyncService` is it. */
export interface RunEngine {
  run(run: { jobId: JobId; lease: Lease; signal: AbortSignal }): Promise<{ continuation: boolean }>;
  fail(jobId: JobId, error: unknown): Promise<void>;
}

const LEASE_RENEW_MS = 10_000;
/** Somebody else works on the mailbox: their run, or one whose process died and whose lease still has to expire. */
const BUSY_DELAY_MS = 2_000;
const POLL_SECONDS = 1;
/** Trouble that passes by itself (throttling, network, Graph down) is met this often before a run fails. */
export const MAX_ATTEMPTS = 6;
const RETRY_BASE_MS = 5_000;
const RETRY_CEILING_MS = 5 * 60_000;

/**
 * Works off the queue: claims the mailbox, runs the engine, and puts back what could not be finished.
 *
 * Nothing here fails a job: a run that must be tried again gets a new doorbell in the same transaction that counts the
 * attempt, so that a crash between the two cannot lose it.
 */
export class SyncWorker {
  readonly #db: Db;
  readonly #boss: PgBoss;
  readonly #queue: PgBossRunQueue;
  readonly #engine: RunEngine;
  readonly #runs: RunRepository;
  readonly #leases: LeaseRepository;
  readonly #connections: Pick<ConnectionRepository, 'queueAtMailbox' | 'findMailboxId'>;
  readonly #outageAt: (mailboxId: string) => Outage | undefined;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #concurrency: number;
  readonly #holder: string;
  readonly #shutdown = new AbortController();
  readonly #active = new Set<Promise<void>>();

  constructor(parts: {
    db: Db;
    boss: PgBoss;
    queue: PgBossRunQueue;
    engine: RunEngine;
    runs: RunRepository;
    leases: LeaseRepository;
    connections: Pick<ConnectionRepository, 'queueAtMailbox' | 'findMailboxId'>;
    /** What keeps this process from asking a mailbox for a while. */
    outageAt?: (mailboxId: string) => Outage | undefined;
    clock: Clock;
    random: Random;
    logger: Logger;
    /** Mailboxes this process works on at a time. */
    concurrency: number;
  }) {
    this.#db = parts.db;
    this.#boss = parts.boss;
    this.#queue = parts.queue;
    this.#engine = parts.engine;
    this.#runs = parts.runs;
    this.#leases = parts.leases;
    this.#connections = parts.connections;
    this.#outageAt = parts.outageAt ?? (() => undefined);
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
    this.#concurrency = parts.concurrency;
    this.#holder = `worker ${parts.random.id()}`;
  }

  async start(): Promise<void> {
    await this.#boss.work<Doorbell>(
      SYNC_QUEUE,
      {
        localConcurrency: this.#concurrency,
        groupConcurrency: 1,
        pollingIntervalSeconds: POLL_SECONDS,
        // A deferred job rings no bell when its time comes, so polling stays brisk.
        notifyPollingIntervalSeconds: POLL_SECONDS,
      },
      async (jobs) => {
        for (const job of jobs) await this.#track(job);
      },
    );
  }

  /** Interrupts what is running, each at its next safe point, and puts it back for the next worker. */
  async stop(): Promise<void> {
    await this.#boss.offWork(SYNC_QUEUE, { wait: false });
    this.#shutdown.abort(new SyncError('unavailable', 'the service is shutting down'));
    await Promise.allSettled(this.#active);
  }

  /**
   * Carries one run as far as it goes now.
   *
   * @param abandoned  aborted when the queue has given this job to somebody else
   */
  async handle(runId: JobId, abandoned?: AbortSignal): Promise<void> {
    const run = await this.#runs.find(this.#db, undefined, runId);
    if (!run || (run.status !== 'PENDING' && run.status !== 'IN_PROGRESS')) return;
    await inScopeOf(run.userId, () => this.#carryOut(run, abandoned));
  }

  async #carryOut(run: StoredRun, abandoned: AbortSignal | undefined): Promise<void> {
    if (this.#shutdown.signal.aborted) return this.#putBack(run, 0);
    const claimed = await this.#claim(run);
    if ('delayMs' in claimed) return this.#putBack(run, claimed.delayMs);
    const { lease } = claimed;
    const lost = new AbortController();
    const signal = AbortSignal.any([this.#shutdown.signal, lost.signal, ...(abandoned ? [abandoned] : [])]);
    const renewal = this.#keepLease(lease, lost);
    try {
      await this.#engine.run({ jobId: run.id, lease, signal });
    } catch (error) {
      // The queue has given the job to somebody else already, with a doorbell of its own.
      if (abandoned?.aborted && !this.#shutdown.signal.aborted) return;
      await this.#afterError(run, lost.signal.aborted ? lost.signal.reason : error);
    } finally {
      await renewal.stop();
      await this.#release(lease);
    }
  }

  /** @returns the mailbox's lease, or when to ask for it again */
  async #claim({ id, userId }: StoredRun): Promise<{ lease: Lease } | { delayMs: number }> {
    // Others may be bound to the same mailbox; whether somebody works for them is no secret to a worker.
    const transaction: Db['transaction'] = (work) => withoutScope(() => this.#db.transaction(work));
    return transaction(async (tx) => {
      // It may have been erased with its user since it was looked for: then nothing is to be left of it.
      if (!(await this.#runs.holdUnfinished(tx, id))) return { delayMs: BUSY_DELAY_MS };
      const now = this.#clock.now();
      // Graph may have asked another process for silence, which was killed since.
      const pausedUntil = await this.#connections.queueAtMailbox(tx, userId, now);
      if (pausedUntil) return { delayMs: pausedUntil.getTime() - now.getTime() };
      const holder = `${this.#holder} ${this.#random.id()}`;
      const lease = await this.#leases.claim(tx, userId, holder, now, LEASE_MS);
      return lease ? { lease } : { delayMs: BUSY_DELAY_MS };
    });
  }

  async #track(job: Job<Doorbell>): Promise<void> {
    const work = this.handle(job.data.runId, job.signal);
    this.#active.add(work);
    try {
      await work;
    } finally {
      this.#active.delete(work);
    }
  }

  async #afterError(run: StoredRun, error: unknown): Promise<void> {
    if (this.#shutdown.signal.aborted) return this.#putBack(run, 0);
    // Whoever has the mailbox now works on a run of their own; this one goes on after it.
    if (isSyncError(error, 'lease-lost')) return this.#putBack(run, BUSY_DELAY_MS);
    // Nothing was sent to a mailbox, or a Graph, that does not answer: that is no attempt, and the slot is free for others.
    if (isUnasked(error)) return this.#putBack(run, error.retryAfterMs ?? BUSY_DELAY_MS, error);
    const attempts = run.attempts + 1;
    const fields = { jobId: run.id, userId: run.userId, attempts, err: error };
    if (attempts >= MAX_ATTEMPTS || (isSyncError(error) && error.recovery !== 'retry')) {
      this.#logger.error(fields, 'run given up');
      return this.#engine.fail(run.id, error);
    }
    const delayMs = this.#retryDelayMs(attempts, isSyncError(error) ? error.retryAfterMs : undefined);
    this.#logger.warn({ ...fields, delayMs }, 'run will be tried again');
    await this.#db.transaction(async (tx) => {
      if (!(await this.#runs.holdUnfinished(tx, run.id))) return;
      await this.#runs.update(tx, run.id, { attempts });
      await this.#queue.ring(tx, run, delayMs, await this.#outageOf(tx, run, error));
    });
  }

  /** @returns the outage behind an error, which the doorbell carries: other processes' health knows of it from there */
  async #outageOf(tx: Tx, { userId }: StoredRun, error: unknown): Promise<Outage | undefined> {
    if (!isSyncError(error, 'unavailable')) return undefined;
    const mailboxId = await this.#connections.findMailboxId(tx, userId);
    return mailboxId === undefined ? undefined : this.#outageAt(mailboxId);
  }

  /** A wait the server asked for is obeyed in full; our own guess grows to a ceiling, past which nothing is gained. */
  #retryDelayMs(attempts: number, retryAfterMs: number | undefined): number {
    if (retryAfterMs !== undefined) return retryAfterMs;
    const guessMs = Math.min(RETRY_BASE_MS * 2 ** (attempts - 1), RETRY_CEILING_MS);
    return Math.round((guessMs * (1 + this.#random.next())) / 2);
  }

  async #putBack(run: StoredRun, delayMs: number, error?: unknown): Promise<void> {
    await this.#db.transaction(async (tx) => {
      // It may have been ended meanwhile, or erased with its user: then nothing is to be left of it.
      if (!(await this.#runs.holdUnfinished(tx, run.id))) return;
      await this.#queue.ring(tx, run, delayMs, await this.#outageOf(tx, run, error));
    });
  }

  /** A lease that cannot be given back expires by itself; that must not hide how the run went. */
  async #release(lease: Lease): Promise<void> {
    try {
      await this.#db.transaction((tx) => this.#leases.release(tx, lease));
    } catch (error) {
      this.#logger.warn({ userId: lease.userId, err: error }, 'the mailbox lease could not be given back; it expires');
    }
  }

  #keepLease(lease: Lease, lost: AbortController): { stop: () => Promise<void> } {
    const stopped = new AbortController();
    const renewing = (async (): Promise<void> => {
      for (;;) {
        await this.#clock.sleep(LEASE_RENEW_MS, stopped.signal).catch(() => {});
        if (stopped.signal.aborted) return;
        try {
          await this.#db.transaction((tx) => this.#leases.renew(tx, lease, this.#clock.now(), LEASE_MS));
        } catch (error) {
          if (isSyncError(error, 'lease-lost')) {
            lost.abort(error);
            return;
          }
          this.#logger.warn(
            { userId: lease.userId, err: error },
            'the mailbox lease could not be renewed; trying again',
          );
        }
      }
    })();
    return {
      stop: async () => {
        stopped.abort();
        await renewing;
      },
    };
  }
}

function isUnasked(error: unknown): error is SyncError {
  return isSyncError(error, 'unavailable') && error.details?.['isUnasked'] === true;
}
