import { EARLIER_SERIES_FIRST } from '../core/event-notices.ts';
import type { EventId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { CursorRepository, SeriesMark } from '../store/cursor.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository, PendingEvent } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { NewSyncOperation, OperationRepository } from '../store/operation.repository.ts';
import type { Outgoing, OutgoingDeletion } from './outgoing-event.ts';
import { acceptedBase, agreedUpTo, emptyBase, isNewlyHeld, parkedBase, parkedWith } from './pushed-base.ts';
import { pushedDeletion, pushedOperation } from './pushed-operation.ts';
import type { RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';
import { newMark } from './stale-edit.ts';
import { linkVanished, type VanishedCreate, type VanishedOutcome } from './vanished-creates.ts';

/**
 * Commits what is known about our writes to Graph: the base moves when Graph said yes, an event Graph refuses for good is
 * parked with its error, and every write leaves a line in the audit trail. One transaction per step.
 */
export class PushRecorder {
  readonly #db: Db;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #operations: OperationRepository;
  readonly #cursors: CursorRepository;
  readonly #leases: LeaseRepository;
  readonly #recorder: RunRecorder;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    db: Db;
    events: EventRepository;
    bases: BaseRepository;
    operations: OperationRepository;
    cursors: CursorRepository;
    leases: LeaseRepository;
    recorder: RunRecorder;
    clock: Clock;
    random: Random;
  }) {
    this.#db = parts.db;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#operations = parts.operations;
    this.#cursors = parts.cursors;
    this.#leases = parts.leases;
    this.#recorder = parts.recorder;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /** Nothing of these is to be sent: reverted, held, or waiting for a decision. They are not pending any more. */
  async agree(context: RunContext, quiet: readonly Outgoing[]): Promise<void> {
    if (quiet.length === 0) return;
    await this.#inTransaction(context, async (tx) => {
      const fresh = await this.#freshBases(tx, context, quiet);
      const bases = quiet.map(({ event, base, change }) => {
        const known = fresh.get(event.id) ?? base ?? emptyBase(event);
        const now = { ...known, heldUnits: [...change.held], ...newMark(known, change.stale) };
        return { ...now, agreedRevision: agreedUpTo(event, base, now) };
      });
      await this.#bases.saveMany(tx, context.userId, bases);
      const held = quiet.filter(({ change, base }) => isNewlyHeld(change, base));
      await this.#operations.append(
        tx,
        held.map((target) =>
          pushedOperation(context, target, { ...this.#stamp(), operation: 'hold', fields: target.change.held }),
        ),
      );
    });
  }

  /** They stay pending, and say what for. */
  async noteFollowers(context: RunContext, waiting: readonly PendingEvent[]): Promise<void> {
    const unmarked = waiting.filter(({ base }) => base?.errorCode !== EARLIER_SERIES_FIRST);
    if (unmarked.length === 0) return;
    await this.#inTransaction(context, async (tx) => {
      const fresh = await this.#freshBases(tx, context, unmarked);
      const bases = unmarked.map(({ event, base }) => ({
        ...(fresh.get(event.id) ?? base ?? emptyBase(event)),
        errorCode: EARLIER_SERIES_FIRST,
        errorMessage: 'the series it goes on from has not ended in Outlook yet',
      }));
      await this.#bases.saveMany(tx, context.userId, bases);
    });
  }

  /**
   * Remembers what is about to be created, before it is: should the answer be lost, the next attempt sends the same words
   * under the same `transactionId`, and Exchange recognises it.
   */
  async announceCreates(context: RunContext, sent: readonly Outgoing[]): Promise<void> {
    const creates = sent.filter(({ operation, isResent }) => operation?.kind === 'create' && !isResent);
    if (creates.length === 0) return;
    await this.#inTransaction(context, async (tx) => {
      const fresh = await this.#freshBases(tx, context, creates);
      const bases = creates.map(({ event, base, sent: content }) => ({
        ...(fresh.get(event.id) ?? base ?? emptyBase(event)),
        local: content,
        errorCode: undefined,
        errorMessage: undefined,
        failedRevision: undefined,
      }));
      await this.#bases.saveMany(tx, context.userId, bases);
    });
  }

  /**
   * Events whose first create met a marker that an earlier event under the same id has used up: somebody wrote them again
   * after they had been deleted on both sides, or after a backup was restored. They are created under another one.
   */
  async beginNextLife(context: RunContext, reborn: readonly Outgoing[]): Promise<void> {
    if (reborn.length === 0) return;
    const ids = reborn.map(({ event }) => event.id);
    await this.#inTransaction(context, async (tx) => {
      await this.#events.lockMany(tx, context.userId, ids);
      await this.#bases.nextGeneration(tx, context.userId, context.calendarId, ids);
    });
  }

  /** Repeated creates whose event was deleted in Outlook before anybody here knew its id. */
  async linkVanished(context: RunContext, vanished: readonly VanishedCreate[]): Promise<VanishedOutcome> {
    if (vanished.length === 0) return { gone: new Map(), reborn: [] };
    const parts = { events: this.#events, bases: this.#bases, operations: this.#operations };
    return this.#inTransaction(context, async (tx) => {
      const outcome = await linkVanished(tx, parts, context, { vanished, at: this.#clock.now() });
      // What was kept from Outlook goes with the event: the journal is where it can be found.
      const kept = vanished.filter(({ target }) => outcome.gone.has(target.event.id) && target.change.held.length > 0);
      const hold = 'hold' as const;
      const lines = kept.map(({ target }) =>
        pushedOperation(context, target, { ...this.#stamp(), operation: hold, fields: target.change.held }),
      );
      await this.#operations.append(tx, lines);
      return outcome;
    });
  }

  /** Remembers on which events Graph broke down while nothing was written beside them. */
  async countFailures(context: RunContext, failed: readonly EventBase[]): Promise<void> {
    if (failed.length === 0) return;
    const ids = failed.map(({ eventId }) => eventId);
    await this.#inTransaction(context, async (tx) => {
      await this.#events.lockMany(tx, context.userId, ids);
      const fresh = await this.#bases.lockByEventIds(tx, context.userId, ids);
      const bases = failed.map((base) => fresh.get(base.eventId) ?? base);
      const counted = bases.map((base) => ({ ...base, failures: (base.failures ?? 0) + 1 }));
      await this.#bases.saveMany(tx, context.userId, counted);
    });
  }

  async settle(context: RunContext, settled: readonly { target: Outgoing; outcome: WriteOutcome }[]): Promise<void> {
    if (settled.length === 0) return;
    const now = this.#clock.now();
    await this.#inTransaction(context, async (tx) => {
      const bases: EventBase[] = [];
      const operations: NewSyncOperation[] = [];
      const links: Parameters<EventRepository['linkMany']>[2][number][] = [];
      const marks: SeriesMark[] = [];
      const fresh = await this.#freshBases(
        tx,
        context,
        settled.map(({ target }) => target),
      );
      for (const { target, outcome } of settled) {
        const base = fresh.get(target.event.id) ?? target.base ?? emptyBase(target.event);
        if (outcome.ok && outcome.event) {
          bases.push(acceptedBase(context, { target, base, remote: outcome.event, now }));
          const { id, facts } = outcome.event;
          links.push({ id: target.event.id, graphEventId: id, iCalUId: facts.iCalUId, facts, syncedAt: now });
          const line = { operation: sideOperation(target), fields: target.change.units, remote: outcome.event };
          operations.push(pushedOperation(context, target, { ...this.#stamp(), ...line }));
          if (isNewlyHeld(target.change, target.base)) {
            const held = { operation: 'hold' as const, fields: target.change.held };
            operations.push(pushedOperation(context, target, { ...this.#stamp(), ...held }));
          }
          if (hasDumbExceptions(base)) marks.push({ graphEventId: id, suspicious: true });
          count(context, target);
        } else if (!outcome.ok) {
          bases.push(parkedBase(target, base, outcome.error, now));
          const line = { operation: 'fail' as const, fields: target.change.units, error: outcome.error };
          operations.push(pushedOperation(context, target, { ...this.#stamp(), ...line }));
          context.counters.failed += 1;
        }
      }
      await this.#bases.saveMany(tx, context.userId, bases);
      await this.#events.linkMany(tx, context.userId, links);
      await this.#operations.append(tx, operations);
      await this.#cursors.markSeries(tx, context.userId, context.calendarId, context.jobId, marks);
      await this.#recorder.saveProgress(tx, context);
    });
  }

  /** The event is gone here and stays in Outlook, because deleting it there would mail its guests. */
  async holdDeletions(context: RunContext, held: readonly OutgoingDeletion[]): Promise<void> {
    if (held.length === 0) return;
    await this.#inTransaction(context, async (tx) => {
      await this.#bases.saveMany(
        tx,
        context.userId,
        held.map(({ base, tombstone }) => ({
          ...base,
          agreedRevision: tombstone.revision,
          heldUnits: ['time' as const],
        })),
      );
      await this.#operations.append(
        tx,
        held.map((target) => pushedDeletion(context, target, { ...this.#stamp(), operation: 'hold' })),
      );
    });
  }

  /** The rules exclude what was deleted here: its copy in Outlook becomes an event like any other that is left out. */
  async forgetDeletions(context: RunContext, left: readonly OutgoingDeletion[]): Promise<void> {
    if (left.length === 0) return;
    const ids = left.map(({ base }) => base.eventId);
    await this.#inTransaction(context, (tx) => this.#bases.deleteMany(tx, context.userId, ids));
  }

  async settleDeletions(
    context: RunContext,
    settled: readonly { target: OutgoingDeletion; outcome: WriteOutcome | undefined }[],
  ): Promise<void> {
    if (settled.length === 0) return;
    const gone = settled.filter(({ outcome }) => outcome === undefined || outcome.ok).map(({ target }) => target);
    const refused = settled.filter(({ outcome }) => outcome !== undefined && !outcome.ok);
    await this.#inTransaction(context, async (tx) => {
      const ids = gone.map(({ base }) => base.eventId);
      await this.#bases.deleteMany(tx, context.userId, ids);
      await this.#operations.append(
        tx,
        gone
          .filter(({ base }) => base.graphEventId)
          .map((target) => pushedDeletion(context, target, { ...this.#stamp(), operation: 'delete' })),
      );
      for (const { target, outcome } of refused) {
        if (!outcome || outcome.ok) continue;
        const { error } = outcome;
        await this.#bases.saveMany(tx, context.userId, [
          {
            ...target.base,
            ...parkedWith(target.base, error, this.#clock.now()),
            failedRevision: target.tombstone.revision,
          },
        ]);
        const line = { ...this.#stamp(), operation: 'fail' as const, error };
        await this.#operations.append(tx, [pushedDeletion(context, target, line)]);
        context.counters.failed += 1;
      }
      context.counters.remote.deleted += gone.filter(({ base }) => base.graphEventId).length;
      await this.#recorder.saveProgress(tx, context);
    });
  }

  /**
   * The bases as they are now, locked: while a write was on its way a person may have decided a conflict, or a policy may
   * have changed. What the write itself tells is added to that, never put over it.
   */
  async #freshBases(
    tx: Tx,
    context: RunContext,
    targets: readonly Pick<Outgoing, 'event'>[],
  ): Promise<Map<EventId, EventBase>> {
    const ids = targets.map(({ event }) => event.id);
    await this.#events.lockMany(tx, context.userId, ids);
    return this.#bases.lockByEventIds(tx, context.userId, ids);
  }

  async #inTransaction<Result>(context: RunContext, work: (tx: Tx) => Promise<Result>): Promise<Result> {
    return this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      return work(tx);
    });
  }

  #stamp(): { id: string; at: Date } {
    return { id: this.#random.id(), at: this.#clock.now() };
  }
}

function sideOperation({ operation }: Outgoing): 'create' | 'update' {
  return operation?.kind === 'create' ? 'create' : 'update';
}

function count({ counters }: RunContext, target: Outgoing): void {
  if (target.operation?.kind === 'create') counters.remote.created += 1;
  else counters.remote.updated += 1;
}

/**
 * Whether Exchange holds exceptions of a series that say nothing but what the series says, as one does that was changed and
 * changed back. They keep saying it when the series changes, and Graph tells nobody: the series is then read again.
 */
function hasDumbExceptions({ seriesEtags, remote }: EventBase): boolean {
  const speaking = Object.values(remote?.occurrences ?? {}).filter(({ isCancelled }) => !isCancelled);
  return Object.keys(seriesEtags ?? {}).length > speaking.length;
}
