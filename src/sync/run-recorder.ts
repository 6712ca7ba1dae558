import type { Clock } from '../core/runtime.ts';
import type { Tx } from '../store/db.ts';
import type { RunRepository } from '../store/run.repository.ts';
import type { RunContext } from './run-context.ts';

/** Writes a run's progress with the work it is the progress of: in the same transaction, so that it never runs ahead. */
export class RunRecorder {
  readonly #runs: RunRepository;
  readonly #clock: Clock;

  constructor(parts: { runs: RunRepository; clock: Clock }) {
    this.#runs = parts.runs;
    this.#clock = parts.clock;
  }

  async saveProgress(tx: Tx, context: Pick<RunContext, 'jobId' | 'counters' | 'session'>): Promise<void> {
    await this.#runs.update(tx, context.jobId, progressOf(context));
  }

  get now(): Date {
    return this.#clock.now();
  }
}

/** The columns of a run row that grow while it works. */
export function progressOf({ counters, session }: Pick<RunContext, 'counters' | 'session'>) {
  const { local, remote } = counters;
  return {
    totalEvents: counters.total + counters.expected,
    processedEvents: counters.processed,
    createdEvents: local.created + remote.created,
    updatedEvents: local.updated + remote.updated,
    deletedEvents: local.deleted + remote.deleted,
    conflictsDetected: counters.conflicts,
    failedEvents: counters.failed,
    localCreated: local.created,
    localUpdated: local.updated,
    localDeleted: local.deleted,
    remoteCreated: remote.created,
    remoteUpdated: remote.updated,
    remoteDeleted: remote.deleted,
    graphRequests: session.stats.requests,
    throttled: session.stats.throttled,
    retried: session.stats.retried,
    failedRequests: session.stats.failed,
    errorsByCategory: { ...session.stats.byCategory },
  };
}
