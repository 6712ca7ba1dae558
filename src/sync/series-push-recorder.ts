import { changedUnits, sameUnit, type Unit, unitsOf, withUnit } from '../core/canonical-event.ts';
import { withRounds } from '../core/convergence.ts';
import type { SyncError } from '../core/errors.ts';
import type { EventContent } from '../core/event.ts';
import { isOccurrenceUnit } from '../core/outgoing-change.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { RemoteSeries } from '../graph/calendar-graph.ts';
import type { AttachmentMarkRepository } from '../store/attachment-mark.repository.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { NewSyncOperation, OperationRepository } from '../store/operation.repository.ts';
import { noteUnsettled, UNSETTLED } from '../store/unsettled-dates.ts';
import { attachmentSignsIn } from './attachment-signs.ts';
import { seriesEtagsOf } from './planned-event.ts';
import { parkedWith } from './pushed-base.ts';
import { byOurClock, type RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';
import { staleMark } from './stale-edit.ts';

/** One date of a series, as a unit of its content. */
export type OccurrenceUnit = `occurrence:${string}`;

/** What came of sending the dates of one series. */
export interface PushedSeries {
  readonly event: StoredEvent;
  /** As it was when the dates were chosen. */
  readonly base: EventBase;
  /** As Graph has the series now. */
  readonly verified: RemoteSeries;
  /** The dates that were to be sent, and those of them that Graph has as they are here. */
  readonly units: readonly OccurrenceUnit[];
  readonly settled: readonly OccurrenceUnit[];
  readonly held: readonly Unit[];
  /** Something is held because the change is too old to mail anybody about it. */
  readonly isStale: boolean;
  readonly error: SyncError | undefined;
  /** Not sent again before it changes here, or a pause is over. */
  readonly isParked: boolean;
  /** The series counts as written already. */
  readonly isCounted: boolean;
}

/** Commits what is known of the dates of one series after they were sent: base, audit trail and progress together. */
export class SeriesPushRecorder {
  readonly #db: Db;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #operations: OperationRepository;
  readonly #attachmentMarks: AttachmentMarkRepository;
  readonly #leases: LeaseRepository;
  readonly #recorder: RunRecorder;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    db: Db;
    events: EventRepository;
    bases: BaseRepository;
    operations: OperationRepository;
    attachmentMarks: AttachmentMarkRepository;
    leases: LeaseRepository;
    recorder: RunRecorder;
    clock: Clock;
    random: Random;
  }) {
    this.#db = parts.db;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#operations = parts.operations;
    this.#attachmentMarks = parts.attachmentMarks;
    this.#leases = parts.leases;
    this.#recorder = parts.recorder;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /** @throws {SyncError} `lease-lost`; nothing is written */
  async save(context: RunContext, pushed: PushedSeries): Promise<void> {
    const { event, settled, error, isParked, isCounted } = pushed;
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#events.lockMany(tx, context.userId, [event.id]);
      // As it is now: while the dates were on their way a person may have decided a conflict.
      const locked = await this.#bases.lockByEventIds(tx, context.userId, [event.id]);
      const base = locked.get(event.id) ?? pushed.base;
      const now = this.#clock.now();
      const saved = seriesBase(context, pushed, base, now);
      await this.#bases.saveMany(tx, context.userId, [saved]);
      // The tags are known now, so that no pull tells of a file that somebody hung on it while its dates were on their way.
      const seen = {
        eventId: event.id,
        plan: { base: { kind: 'save' as const } },
        stored: event,
        remote: pushed.verified,
      };
      await this.#attachmentMarks.note(tx, context.userId, attachmentSignsIn([seen]));
      if (isParked && error?.graphCode === UNSETTLED) await noteUnsettled(tx, saved);
      if (isParked) context.counters.failed += 1;
      if (settled.length > 0 && !isCounted) context.counters.remote.updated += 1;
      await this.#operations.append(tx, this.#operationsOf(context, pushed, base, now));
      await this.#recorder.saveProgress(tx, context);
    });
  }

  /** Remembers that Graph broke down on the dates of a series, and on nothing else of it that was sent beside them. */
  async countFailure(context: RunContext, known: EventBase): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#events.lockMany(tx, context.userId, [known.eventId]);
      const locked = await this.#bases.lockByEventIds(tx, context.userId, [known.eventId]);
      const base = locked.get(known.eventId) ?? known;
      await this.#bases.saveMany(tx, context.userId, [{ ...base, failures: (base.failures ?? 0) + 1 }]);
    });
  }

  #operationsOf(context: RunContext, pushed: PushedSeries, base: EventBase, at: Date): NewSyncOperation[] {
    const { event, verified, units, held, error, isParked } = pushed;
    const shared = {
      runId: context.jobId,
      userId: context.userId,
      calendarId: context.calendarId,
      eventId: event.id,
      graphEventId: verified.id,
      side: 'remote' as const,
      at,
      before: base.remote ?? undefined,
    };
    const operations: NewSyncOperation[] = [];
    const newlyHeld = held.filter((unit) => !pushed.base.heldUnits.includes(unit));
    if (newlyHeld.length > 0) {
      const reason = 'kept here: sending it would mail guests';
      operations.push({ ...shared, id: this.#random.id(), operation: 'hold', fields: newlyHeld, reason });
    }
    if (units.length > 0) {
      operations.push({
        ...shared,
        id: this.#random.id(),
        operation: isParked ? 'fail' : 'update',
        fields: [...units],
        reason: isParked ? reasonOf(error) : 'dates of the series changed here',
        after: event.content,
        errorCode: error ? (error.graphCode ?? error.code) : undefined,
      });
    }
    return operations;
  }
}

/** @param base  as it is now, which what the dates tell is added to */
function seriesBase(context: RunContext, pushed: PushedSeries, base: EventBase, now: Date): EventBase {
  const { event, verified, units, settled, held, isStale, error, isParked } = pushed;
  const isDone = settled.length === units.length;
  // Whoever brought a date into step, be it Exchange by dropping what the old rule had: both sides say the same of it.
  const inStep = unitsOf(base.local ?? event.content, base.remote ?? event.content, event.content, verified.content)
    .filter(isOccurrenceUnit)
    .filter((unit) => sameUnit(event.content, verified.content, unit));
  // What Graph makes of a date again and again is its own doing as well: no news for the next round.
  const madeThere = isParked && error?.graphCode === UNSETTLED ? units.filter((unit) => !settled.includes(unit)) : [];
  const seen = agreedRemote(base, verified, [...inStep, ...madeThere]);
  const local = agreedLocal(base, event.content, inStep);
  // The event was read anew for its dates: what was changed of the series itself since it was sent has not gone with them.
  const unsent = changedUnits(local, event.content)
    .filter((unit) => !isOccurrenceUnit(unit))
    .filter((unit) => !held.includes(unit) && !base.conflictUnits.includes(unit));
  return {
    ...base,
    // Only a series without anybody else's changes counts as seen; else the next round looks at it again.
    ...(changedUnits(seen, verified.content).length === 0
      ? {
          etag: verified.etag,
          seriesEtags: seriesEtagsOf(verified),
          remoteModifiedAt: byOurClock(verified.lastModifiedAt, context),
        }
      : {}),
    local,
    remote: seen,
    agreedRevision: isDone && unsent.length === 0 ? agreedUpTo(event.revision, pushed.base, base) : base.agreedRevision,
    heldUnits: [...held],
    ...(isParked && error
      ? { ...parkedWith(base, error, now), failedRevision: event.revision }
      : { ...staleMark(isStale ? held : []), failedRevision: undefined, failures: undefined, retryAt: undefined }),
    syncedAt: now,
    ...(settled.length > 0
      ? { rounds: withRounds(base.rounds, { kind: 'sent', content: event.content, units: settled, at: now }) }
      : {}),
  };
}

function reasonOf(error: SyncError | undefined): string {
  return error?.graphCode === UNSETTLED ? error.message : 'refused by Graph';
}

/** How far the series is agreed on once its dates were sent; not so far if somebody meanwhile wants it looked at again. */
function agreedUpTo(revision: bigint, before: EventBase, now: EventBase): bigint {
  if (now.agreedRevision === before.agreedRevision) return revision;
  return now.agreedRevision < revision ? now.agreedRevision : revision;
}

/** Once sent and seen there, a date counts as agreed on. */
function agreedLocal(base: EventBase, content: EventContent, settled: readonly OccurrenceUnit[]): EventContent {
  let local = base.local ?? { ...content, occurrences: {} };
  for (const unit of settled) local = withUnit(local, unit, content);
  // What was equal all along needs no writing but is agreed on as well.
  for (const unit of unitsOf(local, content).filter(isOccurrenceUnit)) {
    if (base.remote && sameUnit(content, base.remote, unit)) local = withUnit(local, unit, content);
  }
  return local;
}

/** What of Graph's present state is our own doing: the dates just sent, and exceptions Exchange dropped with a new rule. */
function agreedRemote(base: EventBase, verified: RemoteSeries, settled: readonly OccurrenceUnit[]): EventContent {
  let remote = base.remote ?? verified.content;
  for (const unit of settled) remote = withUnit(remote, unit, verified.content);
  return remote;
}
