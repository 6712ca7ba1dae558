import type { SyncError } from '../core/errors.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { ConflictRepository } from '../store/conflict.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { NewSyncOperation, OperationRepository } from '../store/operation.repository.ts';
import type { ResponseRepository } from '../store/response.repository.ts';
import type { PlannedResponse } from './invitation-copy.ts';
import type { RunContext } from './run-context.ts';

/** Commits what became of answers to invitations. */
export class ResponseRecorder {
  readonly #db: Db;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #responses: ResponseRepository;
  readonly #conflicts: ConflictRepository;
  readonly #operations: OperationRepository;
  readonly #leases: LeaseRepository;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    db: Db;
    events: EventRepository;
    bases: BaseRepository;
    responses: ResponseRepository;
    conflicts: ConflictRepository;
    operations: OperationRepository;
    leases: LeaseRepository;
    clock: Clock;
    random: Random;
  }) {
    this.#db = parts.db;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#responses = parts.responses;
    this.#conflicts = parts.conflicts;
    this.#operations = parts.operations;
    this.#leases = parts.leases;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /** @param error  what Graph said, when it refused the answer */
  async settle(context: RunContext, planned: PlannedResponse, error?: SyncError): Promise<void> {
    const { response, copy, step } = planned;
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#responses.settle(
        tx,
        response,
        step.do === 'refuse' ? { state: 'failed', ...step } : { state: 'sent' },
      );
      if (step.do === 'refuse') context.counters.failed += 1;
      const isDeclined = step.do !== 'refuse' && response.response === 'decline' && response.originalDate === '';
      if (copy.event !== 'gone') await this.#relink(tx, context, planned);
      else if (isDeclined) await this.#takeOut(tx, context, planned);
      await this.#operations.append(tx, [this.#operation(context, planned, error)]);
    });
  }

  /** The answer is shown at once; whatever else answering did to the event, the pull brings. */
  async #relink(tx: Tx, context: RunContext, { response, copy }: PlannedResponse): Promise<void> {
    const { eventId, originalDate } = response;
    const event = (await this.#events.lockMany(tx, context.userId, [eventId])).get(eventId);
    const base = (await this.#bases.lockByEventIds(tx, context.userId, [eventId])).get(eventId);
    if (copy.event === 'gone' || !base?.graphEventId) return;
    const graphEventId = copy.master ?? base.graphEventId;
    if (graphEventId !== base.graphEventId) {
      await this.#bases.saveMany(tx, context.userId, [{ ...base, graphEventId, remoteGoneAt: undefined }]);
    }
    const isWhole = originalDate === '';
    if (!event || (!isWhole && graphEventId === event.graphEventId)) return;
    const { facts } = isWhole ? copy.event : event;
    const syncedAt = event.syncedAt ?? this.#clock.now();
    await this.#events.linkMany(tx, context.userId, [
      { id: eventId, graphEventId, iCalUId: facts?.iCalUId, facts, syncedAt },
    ]);
  }

  /**
   * Declining took the meeting out of the person's calendar, by their own wish: its copy here goes as well. Neither a deletion
   * by the organizer nor one to be careful about.
   */
  async #takeOut(tx: Tx, context: RunContext, { response }: PlannedResponse): Promise<void> {
    const { eventId } = response;
    const event = (await this.#events.lockMany(tx, context.userId, [eventId])).get(eventId);
    await this.#bases.lockByEventIds(tx, context.userId, [eventId]);
    await this.#bases.deleteMany(tx, context.userId, [eventId]);
    // Nothing is left to decide about an event that is gone on both sides by the person's own wish.
    await this.#conflicts.settle(tx, context.userId, [eventId], this.#clock.now());
    if (!event) return;
    await this.#events.deleteMany(tx, context.userId, [eventId], this.#clock.now());
    await this.#operations.append(tx, [
      {
        ...this.#line(context, response),
        graphEventId: event.graphEventId,
        side: 'local',
        operation: 'delete',
        fields: [],
        reason: 'declined',
        before: event.content,
      },
    ]);
    context.counters.local.deleted += 1;
  }

  #operation(context: RunContext, planned: PlannedResponse, error: SyncError | undefined): NewSyncOperation {
    const { response, step, base } = planned;
    const isRefused = step.do === 'refuse';
    const date = response.originalDate === '' ? '' : ` for ${response.originalDate}`;
    return {
      ...this.#line(context, response),
      graphEventId: base?.graphEventId,
      side: 'remote',
      operation: isRefused ? 'fail' : 'update',
      fields: ['responseStatus'],
      reason: isRefused ? step.message : `answered here${date}: ${response.response}`,
      graphRequestId: error?.graphRequestId,
      errorCode: isRefused ? step.code : undefined,
    };
  }

  #line(context: RunContext, { eventId }: PlannedResponse['response']) {
    return {
      id: this.#random.id(),
      runId: context.jobId,
      userId: context.userId,
      calendarId: context.calendarId,
      eventId,
      at: this.#clock.now(),
    };
  }
}
