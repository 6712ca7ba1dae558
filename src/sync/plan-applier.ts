import type { Unit } from '../core/canonical-event.ts';
import type { EventId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { ConflictStrategy } from '../core/settings.ts';
import type { PlannedConflict } from '../core/sync-plan.ts';
import type { AttachmentMarkRepository } from '../store/attachment-mark.repository.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { ConflictRepository, ConflictResolutionKind } from '../store/conflict.repository.ts';
import type { Tx } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { NewSyncOperation, OperationRepository } from '../store/operation.repository.ts';
import { attachmentSignsIn } from './attachment-signs.ts';
import {
  type ApplyContext,
  countPlanned,
  localOperation,
  nextBase,
  type PlannedEvent,
  savedEvent,
} from './planned-event.ts';

/**
 * Carries plans out inside the caller's transaction: events, bases, conflict records and the audit trail commit together
 * or not at all. A fixed number of statements, however many events.
 */
export class PlanApplier {
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #attachmentMarks: AttachmentMarkRepository;
  readonly #conflicts: ConflictRepository;
  readonly #operations: OperationRepository;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    events: EventRepository;
    bases: BaseRepository;
    attachmentMarks: AttachmentMarkRepository;
    conflicts: ConflictRepository;
    operations: OperationRepository;
    clock: Clock;
    random: Random;
  }) {
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#attachmentMarks = parts.attachmentMarks;
    this.#conflicts = parts.conflicts;
    this.#operations = parts.operations;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  async apply(tx: Tx, context: ApplyContext, planned: readonly PlannedEvent[]): Promise<void> {
    if (planned.length === 0) return;
    const now = this.#clock.now();
    const revisions = await this.#saveEvents(tx, context, planned, now);
    await this.#deleteEvents(tx, context, planned);
    await this.#saveBases(tx, context, planned, revisions, now);
    await this.#attachmentMarks.note(tx, context.userId, attachmentSignsIn(planned));
    await this.#recordConflicts(tx, context, planned, now);
    await this.#operations.append(tx, this.#operationsOf(context, planned, now));
    countPlanned(context, planned);
  }

  async #saveEvents(
    tx: Tx,
    context: ApplyContext,
    planned: readonly PlannedEvent[],
    now: Date,
  ): Promise<ReadonlyMap<EventId, bigint>> {
    const written = planned.filter(({ plan }) => plan.local.kind === 'write');
    const revisions = await this.#events.saveMany(
      tx,
      context.userId,
      written.map((target) => savedEvent(target, context, now)),
    );
    const linked = planned.filter(({ plan, stored, remote }) => plan.local.kind === 'keep' && stored && remote);
    await this.#events.linkMany(
      tx,
      context.userId,
      linked.map(({ eventId, remote }) => ({
        id: eventId,
        graphEventId: remote?.id,
        iCalUId: remote?.facts.iCalUId,
        facts: remote?.facts,
        syncedAt: now,
      })),
    );
    return revisions;
  }

  async #deleteEvents(tx: Tx, context: ApplyContext, planned: readonly PlannedEvent[]): Promise<void> {
    const deleted = planned.filter(({ plan }) => plan.local.kind === 'delete').map(({ eventId }) => eventId);
    await this.#events.deleteMany(tx, context.userId, deleted);
  }

  async #saveBases(
    tx: Tx,
    context: ApplyContext,
    planned: readonly PlannedEvent[],
    revisions: ReadonlyMap<EventId, bigint>,
    now: Date,
  ): Promise<void> {
    const saved = planned.flatMap((target) => {
      const revision = revisions.get(target.eventId) ?? target.stored?.revision;
      const base = nextBase(target, context, revision, now);
      return base ? [base] : [];
    });
    const dropped = planned.filter(({ plan, base }) => plan.base.kind === 'drop' && base).map(({ eventId }) => eventId);
    await this.#bases.saveMany(tx, context.userId, saved);
    await this.#bases.deleteMany(tx, context.userId, dropped);
  }

  async #recordConflicts(tx: Tx, context: ApplyContext, planned: readonly PlannedEvent[], now: Date): Promise<void> {
    const settled = planned.filter(({ plan, base }) => !plan.conflict && (base?.conflictUnits.length ?? 0) > 0);
    await this.#conflicts.settle(
      tx,
      context.userId,
      settled.map(({ eventId }) => eventId),
      now,
    );
    const conflicts = planned.flatMap(({ eventId, plan }) =>
      plan.conflict
        ? [
            {
              id: this.#random.id(),
              userId: context.userId,
              calendarId: context.calendarId,
              syncStateId: context.jobId,
              eventId,
              at: now,
              ...conflictRow(plan.conflict, context.strategy),
            },
          ]
        : [],
    );
    await this.#conflicts.record(tx, conflicts);
  }

  #operationsOf(context: ApplyContext, planned: readonly PlannedEvent[], now: Date): NewSyncOperation[] {
    return planned.flatMap((target) => {
      const operation = localOperation(target);
      if (!operation) return [];
      const after = target.plan.local.kind === 'write' ? target.plan.local.content : undefined;
      return [
        {
          id: this.#random.id(),
          runId: context.jobId,
          userId: context.userId,
          calendarId: context.calendarId,
          eventId: target.eventId,
          graphEventId: target.graphEventId,
          side: 'local' as const,
          operation,
          fields: target.plan.local.kind === 'write' ? [...target.plan.local.units] : [],
          reason: target.reason,
          at: now,
          before: target.stored?.content,
          after,
        },
      ];
    });
  }
}

const RESOLUTION: Record<ConflictStrategy, ConflictResolutionKind> = {
  prefer_local: 'PREFER_LOCAL',
  prefer_remote: 'PREFER_REMOTE',
  prefer_latest: 'PREFER_LATEST',
  merge: 'MERGE',
  manual: 'MANUAL',
};

export function resolutionOf(strategy: ConflictStrategy): ConflictResolutionKind {
  return RESOLUTION[strategy];
}

function conflictRow(conflict: PlannedConflict, strategy: ConflictStrategy) {
  return {
    conflictType: conflict.type,
    units: [...conflict.units] as Unit[],
    data: { base: conflict.base, local: conflict.local, remote: conflict.remote },
    resolution: conflict.status === 'pending' ? ('PENDING' as const) : resolutionOf(strategy),
  };
}
