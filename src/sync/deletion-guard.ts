import { BRAKE_MIN_DELETIONS, BRAKE_WINDOW_MS, isMassDeletion } from '../core/deletion-brake.ts';
import { SyncError } from '../core/errors.ts';
import type { EventId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import type { RunRepository } from '../store/run.repository.ts';
import type { OutgoingDeletion } from './outgoing-event.ts';
import { DELETED_THERE } from './remote-planner.ts';
import type { RunContext } from './run-context.ts';

/** Deletions that a person must confirm. */
export interface RefusedDeletions {
  readonly side: 'local' | 'remote';
  readonly eventIds: readonly EventId[];
  /** Synced events they are part of. */
  readonly of: number;
  /** By how much the calendar had shrunk within a day before, where these alone would have been few enough. */
  readonly deletedBefore?: number | undefined;
}

/**
 * Tells whether deletions are suspiciously many: in one run, or together with those of the runs before it. The same for a
 * run and for its preview.
 */
export class DeletionGuard {
  readonly #db: Db;
  readonly #bases: BaseRepository;
  readonly #operations: OperationRepository;
  readonly #runs: RunRepository;
  readonly #clock: Clock;

  constructor(parts: {
    db: Db;
    bases: BaseRepository;
    operations: OperationRepository;
    runs: RunRepository;
    clock: Clock;
  }) {
    this.#db = parts.db;
    this.#bases = parts.bases;
    this.#operations = parts.operations;
    this.#runs = parts.runs;
    this.#clock = parts.clock;
  }

  /**
   * Of deletions that are about to be sent, those that a person confirmed are neither asked about nor counted with.
   *
   * @param linked  by how many events the calendar grows before
   */
  async refusedThere(
    context: Pick<RunContext, 'userId' | 'calendarId' | 'confirmedDeletions'>,
    { due, linked = 0 }: { due: readonly OutgoingDeletion[]; linked?: number },
  ): Promise<RefusedDeletions | undefined> {
    const ids = due.map(({ base }) => base.eventId);
    const eventIds = ids.filter((id) => !context.confirmedDeletions.has(id));
    if (eventIds.length === 0) return undefined;
    const synced = await this.#bases.countSynced(this.#db, context.userId, context.calendarId);
    return this.refused(context, { side: 'remote', eventIds, of: synced + linked - (ids.length - eventIds.length) });
  }

  /**
   * @param eventIds  what would be deleted on `side`, without what a person confirmed
   * @param of        how many events are synced now, those included
   * @returns what a person must be asked about, if they must
   */
  async refused(
    { userId, calendarId }: Pick<RunContext, 'userId' | 'calendarId'>,
    { side, eventIds, of }: { side: 'local' | 'remote'; eventIds: readonly EventId[]; of: number },
  ): Promise<RefusedDeletions | undefined> {
    const deletions = eventIds.length;
    if (deletions === 0) return undefined;
    if (isMassDeletion({ deletions, synced: of })) return { side, eventIds, of };
    const since = new Date(this.#clock.now().getTime() - BRAKE_WINDOW_MS);
    const shrunk = await this.#operations.shrunkSince(this.#db, userId, calendarId, {
      since,
      reasonHere: DELETED_THERE,
    });
    if (isMassDeletion({ deletions: deletions + shrunk, synced: of + shrunk })) {
      return { side, eventIds, of, deletedBefore: shrunk };
    }
    // What was refused once is not let through because the calendar has grown, or the day is over.
    const before = await this.#runs.countRefused(this.#db, userId, eventIds);
    if (deletions > BRAKE_MIN_DELETIONS && before.all > BRAKE_MIN_DELETIONS) return { side, eventIds, of };
    return before.slow > 0 ? { side, eventIds, of, deletedBefore: shrunk } : undefined;
  }
}

/** The refusal, with the token by which a person confirms exactly these deletions. */
export function massDeleteRefused(
  { jobId, calendarId }: Pick<RunContext, 'jobId' | 'calendarId'>,
  random: Random,
  { side, eventIds, of, deletedBefore }: RefusedDeletions,
): SyncError {
  const count = eventIds.length;
  const where = side === 'local' ? 'here' : 'in Outlook';
  const before = deletedBefore === undefined ? '' : `, after the calendar had lost ${deletedBefore} within a day`;
  return new SyncError(
    'mass-delete-refused',
    `the run would delete ${count} of ${of} synced events ${where}${before}; nothing of that was deleted. ` +
      'If that is intended, start again with confirmDeletions set to error.details.confirmationToken',
    {
      details: {
        ...{ side, count, of, confirmationToken: `${jobId}.${random.id()}`, eventIds, calendarId },
        ...(deletedBefore === undefined ? {} : { deletedBefore }),
      },
    },
  );
}
