import type { SyncError } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import type { Logger, Random } from '../core/runtime.ts';
import type { CalendarGraph, WriteOperation } from '../graph/calendar-graph.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { TombstoneRepository } from '../store/tombstone.repository.ts';
import { type DeletionGuard, massDeleteRefused } from './deletion-guard.ts';
import type { ForbiddenWrites } from './forbidden-writes.ts';
import type { GuestMailBudget } from './guest-mail-budget.ts';
import { asPassing } from './item-trouble.ts';
import { sortDeletions } from './outgoing.ts';
import type { OutgoingDeletion } from './outgoing-event.ts';
import type { PullOutcome } from './pull-round.ts';
import type { PushRecorder } from './push-recorder.ts';
import { PUSH_STEP, type SortedDeletions, sortDeleted } from './push-step.ts';
import type { Reconciler } from './reconciler.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import { isUnanswered, learnIds } from './unanswered-creates.ts';

/**
 * Deletes in Outlook what was deleted here, guarded by the tag of what was last seen and by the brake on mass deletions.
 * Where a create was never answered it is first asked what Graph has of the event.
 */
export class DeletionPusher {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #tombstones: TombstoneRepository;
  readonly #bases: BaseRepository;
  readonly #leases: LeaseRepository;
  readonly #recorder: PushRecorder;
  readonly #reconciler: Reconciler;
  readonly #guard: DeletionGuard;
  readonly #mails: GuestMailBudget;
  readonly #random: Random;
  readonly #logger: Logger;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    tombstones: TombstoneRepository;
    bases: BaseRepository;
    leases: LeaseRepository;
    recorder: PushRecorder;
    reconciler: Reconciler;
    guard: DeletionGuard;
    mails: GuestMailBudget;
    random: Random;
    logger: Logger;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#tombstones = parts.tombstones;
    this.#bases = parts.bases;
    this.#leases = parts.leases;
    this.#recorder = parts.recorder;
    this.#reconciler = parts.reconciler;
    this.#guard = parts.guard;
    this.#mails = parts.mails;
    this.#random = parts.random;
    this.#logger = parts.logger;
  }

  /**
   * @param forbidden  takes what Graph forbids; the deletions after that wait until it is known what that means
   * @returns how far it came, and `mass-delete-refused` for what a person must confirm: the rest is deleted
   * @throws {SyncError} `lease-lost`, `cancelled`, and whatever Graph answers for good
   */
  async push(
    context: RunContext,
    forbidden: ForbiddenWrites,
  ): Promise<{ outcome: PullOutcome; refusal: SyncError | undefined }> {
    const { due: wanted, held, left } = sortDeletions(context, await this.#pending(context));
    await this.#recorder.holdDeletions(context, held);
    await this.#recorder.forgetDeletions(context, left);
    const { due, refusal } = await this.#sortOutUnintended(context, wanted);
    let waiting = 0;
    for (let from = 0; from < due.length; from += PUSH_STEP) {
      assertNotCancelled(context);
      if (context.counters.isExhausted) return { outcome: 'out-of-capacity', refusal };
      const step = due.slice(from, from + PUSH_STEP);
      const allowed = await this.#mails.take(context, step);
      waiting += step.length - allowed.length;
      await this.#pushStep(context, allowed, forbidden);
      if (forbidden.isOpen) break;
    }
    // Where it is not known yet what is forbidden, all that waits comes again.
    if (!forbidden.isOpen) context.counters.waitingForMails += waiting;
    return { outcome: 'complete', refusal };
  }

  /** Events deleted here, with the ids of those whose create was never answered. */
  async #pending(context: RunContext): Promise<readonly OutgoingDeletion[]> {
    const list = () => this.#tombstones.listPending(this.#db, context.userId, context.calendarId, context.now);
    const pending = await list();
    const unanswered = sortDeletions(context, pending).due.filter(({ base }) => isUnanswered(base));
    if (unanswered.length === 0) return pending;
    const parts = { db: this.#db, graph: this.#graph, bases: this.#bases, leases: this.#leases };
    for (let from = 0; from < unanswered.length; from += PUSH_STEP) {
      assertNotCancelled(context);
      const learned = await learnIds(parts, context, unanswered.slice(from, from + PUSH_STEP));
      // Somebody may have edited there what nobody here knew to be there.
      await this.#reconciler.reconcile(context, learned, { isLastTry: false });
    }
    return list();
  }

  async #pushStep(context: RunContext, step: readonly OutgoingDeletion[], forbidden: ForbiddenWrites): Promise<void> {
    const operations = step.flatMap(({ base }): WriteOperation[] =>
      base.graphEventId
        ? [{ kind: 'delete', key: base.eventId, id: base.graphEventId, ...(base.etag ? { etag: base.etag } : {}) }]
        : [],
    );
    const outcomes = operations.length > 0 ? await this.#graph.write(context.session, operations) : [];
    await forbidden.note(outcomes);
    const sorted = sortDeleted(step, outcomes, forbidden.isServed);
    const { settled, stale, present, counted, fatal } = sorted;
    const renumbered = await this.#reconciler.followRenumbered(context, unknownIn(settled));
    await this.#recorder.settleDeletions(
      context,
      settled.filter(({ target }) => !renumbered.has(target.base.eventId)),
    );
    await this.#recorder.countFailures(context, counted);
    await this.#mails.giveBack(context, step, outcomes);
    if (fatal) throw fatal;
    this.#holdForbidden(context, sorted.forbidden, forbidden);
    const { unread } = await this.#reconciler.reconcile(context, stale, { isLastTry: false, present });
    await this.#recorder.settleDeletions(context, unreadOf(step, unread));
    context.counters.found(step.length);
    context.counters.handled(step.length);
  }

  #holdForbidden(context: RunContext, refused: SortedDeletions['forbidden'], forbidden: ForbiddenWrites): void {
    const [error] = refused.flatMap(({ outcome }) => (outcome && !outcome.ok ? [outcome.error] : []));
    if (!error) return;
    const bases = refused.map(({ target }) => target.base);
    forbidden.hold({ error, bases, park: () => this.#recorder.settleDeletions(context, refused) });
  }

  /** Takes out what is suspiciously much, unless a person has confirmed it. */
  async #sortOutUnintended(
    context: RunContext,
    due: readonly OutgoingDeletion[],
  ): Promise<{ due: readonly OutgoingDeletion[]; refusal: SyncError | undefined }> {
    const refused = await this.#guard.refusedThere(context, { due });
    if (!refused) return { due, refusal: undefined };
    const { eventIds, of } = refused;
    this.#logger.warn({ jobId: context.jobId, count: eventIds.length, of }, 'mass deletion refused');
    const confirmed = due.filter(({ base }) => context.confirmedDeletions.has(base.eventId));
    return { due: confirmed, refusal: massDeleteRefused(context, this.#random, refused) };
  }
}

/** What was edited there meanwhile and does not let itself be read is tried again after a pause. */
function unreadOf(
  step: readonly OutgoingDeletion[],
  unread: ReadonlyMap<EventId, SyncError>,
): SortedDeletions['settled'] {
  return step.flatMap((target) => {
    const error = unread.get(target.base.eventId);
    return error
      ? [{ target, outcome: { key: target.base.eventId, ok: false as const, error: asPassing(error) } }]
      : [];
  });
}

/** Deletions that Graph knew no event for: gone already, or there under another id. */
function unknownIn(settled: SortedDeletions['settled']): ReadonlyMap<EventId, GraphEventId> {
  return new Map(
    settled.flatMap(({ target: { base }, outcome }) =>
      outcome?.ok && outcome.wasGone && base.graphEventId ? [[base.eventId, base.graphEventId] as const] : [],
    ),
  );
}
