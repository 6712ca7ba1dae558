import { changedUnits, type Unit, unitValue } from '../core/canonical-event.ts';
import { SyncError } from '../core/errors.ts';
import type { EventContent } from '../core/event.ts';
import { patchContent } from '../core/event-input.ts';
import type { ConflictId, JobId, UserId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import { unitsOfFields } from '../core/series.ts';
import { CONFLICT_STRATEGIES, type ConflictStrategy } from '../core/settings.ts';
import { planEvent } from '../core/sync-plan.ts';
import type { AuditRepository } from '../store/audit.repository.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { ConflictRepository, StoredConflict } from '../store/conflict.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { TombstoneRepository } from '../store/tombstone.repository.ts';
import type { PlanApplier } from './plan-applier.ts';
import { resolutionOf } from './plan-applier.ts';
import { agreedContent, localState } from './remote-planner.ts';
import { RunCounters } from './run-counters.ts';
import type { RunQueue } from './run-queue.ts';
import { waitingRemote } from './waiting-conflict.ts';

/** A conflict as people see it: the three values, whole and field by field. */
export interface ConflictView {
  readonly id: ConflictId;
  readonly eventId: string;
  readonly calendarId: string;
  readonly conflictType: string;
  readonly detectedAt: string;
  readonly base: EventContent | null;
  readonly local: EventContent | null;
  readonly remote: EventContent | null;
  readonly fields: readonly { field: string; base: unknown; local: unknown; remote: unknown }[];
  /** `null` while it waits. */
  readonly resolution: string | null;
  readonly resolvedAt: string | null;
  readonly resolutionData: Readonly<Record<string, unknown>> | null;
}

export interface ConflictQuery {
  readonly status: 'pending' | 'resolved' | 'all';
  readonly limit: number;
  readonly offset: number;
}

/** Shows conflicts and carries a person's decision out: at once here, and by the run it queues in Outlook. */
export class ConflictService {
  readonly #db: Db;
  readonly #conflicts: ConflictRepository;
  readonly #events: EventRepository;
  readonly #tombstones: TombstoneRepository;
  readonly #bases: BaseRepository;
  readonly #applier: PlanApplier;
  readonly #queue: RunQueue;
  readonly #audit: AuditRepository;
  readonly #clock: Clock;

  constructor(parts: {
    db: Db;
    conflicts: ConflictRepository;
    events: EventRepository;
    tombstones: TombstoneRepository;
    bases: BaseRepository;
    applier: PlanApplier;
    queue: RunQueue;
    audit: AuditRepository;
    clock: Clock;
  }) {
    this.#db = parts.db;
    this.#conflicts = parts.conflicts;
    this.#events = parts.events;
    this.#tombstones = parts.tombstones;
    this.#bases = parts.bases;
    this.#applier = parts.applier;
    this.#queue = parts.queue;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
  }

  async list(
    userId: UserId,
    query: ConflictQuery,
  ): Promise<{ items: ConflictView[]; total: number; limit: number; offset: number }> {
    const { items, total } = await this.#conflicts.list(this.#db, { userId, ...query });
    return { items: items.map(conflictView), total, limit: query.limit, offset: query.offset };
  }

  /** @throws {SyncError} `not-found` also for another user's conflict */
  async get(userId: UserId, id: ConflictId): Promise<ConflictView> {
    return conflictView(await this.#find(this.#db, userId, id));
  }

  /**
   * Decides a pending conflict.
   *
   * @throws {SyncError} `conflict-state` when it is decided already; `invalid-input` for a decision that cannot be read
   */
  async resolve(
    userId: UserId,
    id: ConflictId,
    decision: {
      resolution: string;
      resolvedData?: Readonly<Record<string, unknown>> | undefined;
      correlationId?: string;
    },
  ): Promise<{ conflict: ConflictView; jobId: JobId }> {
    const resolution = readResolution(decision.resolution);
    return this.#db.transaction(async (tx) => {
      const { eventId } = await this.#find(tx, userId, id);
      // From here on neither a run nor another decision touches the event: what is read now is what is decided about.
      const stored = (await this.#events.lockMany(tx, userId, [eventId])).get(eventId);
      const base = (await this.#bases.lockByEventIds(tx, userId, [eventId])).get(eventId);
      const conflict = await this.#find(tx, userId, id);
      if (conflict.resolvedAt) {
        throw new SyncError('conflict-state', `conflict ${id} was resolved at ${conflict.resolvedAt.toISOString()}`);
      }
      await this.#keepLatest(tx, conflict, stored);
      if (base) await this.#carryOut(tx, { conflict, stored, base }, resolution, decision.resolvedData);
      await this.#conflicts.resolve(tx, {
        id,
        userId,
        resolution: resolutionOf(resolution),
        resolutionData: decision.resolvedData ?? null,
        at: this.#clock.now(),
      });
      await this.#audit.append(tx, {
        at: this.#clock.now(),
        actor: userId,
        action: 'conflict.resolved',
        subject: userId,
        target: id,
        correlationId: decision.correlationId,
        details: { resolution: resolutionOf(resolution) },
      });
      const { jobId } = await this.#queue.enqueue(tx, {
        userId,
        calendarId: conflict.calendarId,
        trigger: 'resolution',
        ...(decision.correlationId ? { correlationId: decision.correlationId } : {}),
      });
      return { conflict: conflictView(await this.#find(tx, userId, id)), jobId };
    });
  }

  /** What was written here since the conflict was recorded may be overwritten by the decision: the record holds it. */
  async #keepLatest(tx: Tx, conflict: StoredConflict, stored: StoredEvent | undefined): Promise<void> {
    const { data, detectedAt: _, resolvedAt: _open, resolutionData: _none, ...record } = conflict;
    if (!stored || !data.local || changedUnits(data.local, stored.content).length === 0) return;
    const now = { ...data, local: stored.content };
    await this.#conflicts.record(tx, [{ ...record, data: now, at: this.#clock.now() }]);
  }

  async #carryOut(
    tx: Tx,
    { conflict, stored, base }: { conflict: StoredConflict; stored: StoredEvent | undefined; base: EventBase },
    resolution: ConflictStrategy,
    resolvedData: Readonly<Record<string, unknown>> | undefined,
  ): Promise<void> {
    const { userId, eventId } = conflict;
    const tombstone = (await this.#tombstones.findMany(tx, userId, [eventId])).get(eventId);
    const remote = waitingRemote(conflict, base);
    const current = stored?.content ?? (remote.state === 'present' ? remote.content : null);
    const values = resolution === 'manual' ? chosenValues(resolvedData, current) : undefined;
    const plan = planEvent({
      base: agreedContent(base),
      local: localState(stored, tombstone, base),
      remote,
      strategy: resolution,
      decision: { resolution, ...(values ? { values } : {}) },
    });
    const { conflict: _recordedByResolve, ...carried } = plan;
    const counters = new RunCounters(Number.POSITIVE_INFINITY);
    await this.#applier.apply(
      tx,
      {
        jobId: conflict.syncStateId,
        userId,
        calendarId: conflict.calendarId,
        strategy: resolution,
        counters,
      },
      [
        {
          eventId,
          graphEventId: base.graphEventId,
          plan: carried,
          stored,
          // The record is closed by the decision itself, not as one that settled on its own.
          base: { ...base, conflictUnits: [] },
          remote: undefined,
          reason: 'a person decided the conflict',
        },
      ],
    );
  }

  async #find(q: Parameters<ConflictRepository['find']>[0], userId: UserId, id: ConflictId): Promise<StoredConflict> {
    const conflict = await this.#conflicts.find(q, userId, id);
    if (!conflict) throw new SyncError('not-found', `there is no conflict ${id}`);
    return conflict;
  }
}

function readResolution(text: string): ConflictStrategy {
  const wanted = text.toLowerCase();
  const strategy = CONFLICT_STRATEGIES.find((name) => name === wanted);
  if (strategy) return strategy;
  const allowed = CONFLICT_STRATEGIES.map((name) => name.toUpperCase()).join(', ');
  throw new SyncError('invalid-input', 'resolution is not one this service knows', {
    problems: [{ path: 'resolution', message: `must be one of ${allowed}` }],
  });
}

/** The event fields a person wants to keep, as content over what stands now. */
function chosenValues(
  resolvedData: Readonly<Record<string, unknown>> | undefined,
  current: EventContent | null,
): { content: EventContent; units: readonly string[] } {
  const fields = resolvedData?.['event'];
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields) || !current) {
    throw new SyncError('invalid-input', 'a MANUAL resolution needs the fields to keep', {
      problems: [{ path: 'resolvedData.event', message: 'must be an object of event fields, e.g. { "subject": "…" }' }],
    });
  }
  const content = patchContent(current, fields as Record<string, unknown>);
  const given = fields as Record<string, unknown>;
  const units: Unit[] = unitsOfFields(given);
  if ('location' in given || 'locations' in given) units.push('locations');
  if ('recurrence' in given) units.push('time');
  return { content, units };
}

export function conflictView(conflict: StoredConflict): ConflictView {
  const { base, local, remote } = conflict.data;
  return {
    id: conflict.id,
    eventId: conflict.eventId,
    calendarId: conflict.calendarId,
    conflictType: conflict.conflictType,
    detectedAt: conflict.detectedAt.toISOString(),
    base,
    local,
    remote,
    fields: conflict.units.map((unit) => ({
      field: unit,
      base: base ? unitValue(base, unit) : null,
      local: local ? unitValue(local, unit) : null,
      remote: remote ? unitValue(remote, unit) : null,
    })),
    resolution: conflict.resolution === 'PENDING' ? null : conflict.resolution,
    resolvedAt: conflict.resolvedAt?.toISOString() ?? null,
    resolutionData: conflict.resolutionData,
  };
}
