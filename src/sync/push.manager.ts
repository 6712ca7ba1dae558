import { SyncError } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { CalendarGraph, WriteOutcome } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository, PendingEvent, StoredEvent } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import { parkUnsettled } from '../store/unsettled-dates.ts';
import type { DeletionPusher } from './deletion-pusher.ts';
import { recognised } from './earlier-creates.ts';
import { sortFollowers } from './earlier-series.ts';
import { ForbiddenWrites } from './forbidden-writes.ts';
import type { GuestMailBudget } from './guest-mail-budget.ts';
import { hasOccurrencesToPush, isUndecided, prepare, type UndecidedEvent } from './outgoing.ts';
import type { Outgoing } from './outgoing-event.ts';
import type { PullOutcome } from './pull-round.ts';
import type { PushRecorder } from './push-recorder.ts';
import { noteReplaced, PUSH_STEP, refusedToShow, sortWrites } from './push-step.ts';
import { emptyBase } from './pushed-base.ts';
import type { Reconciler } from './reconciler.ts';
import { restlessOf } from './restless.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import type { SeriesPusher } from './series-pusher.ts';

/** The code an event carries that plain SQL left unreadable. */
const UNREADABLE = 'UNREADABLE_EVENT';
/** A guarded write that failed is merged and tried again this often; then the next run, or a person, decides. */
const MAX_PASSES = 3;

/** One time through what is pending. */
interface Pass {
  readonly number: number;
  /** Tags of states that this run has written over: who shows one of them is behind. */
  readonly replaced: Map<EventId, string>;
  readonly forbidden: ForbiddenWrites;
}

/**
 * Sends what changed here to Outlook with the fewest requests: the deletions first, then batches of twenty, creates under a
 * `transactionId`, updates with only the changed fields and guarded by the tag of what was last seen. Each outcome is
 * committed as it is known.
 */
export class PushManager {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #leases: LeaseRepository;
  readonly #recorder: PushRecorder;
  readonly #reconciler: Reconciler;
  readonly #series: SeriesPusher;
  readonly #deletions: DeletionPusher;
  readonly #mails: GuestMailBudget;
  readonly #clock: Clock;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    events: EventRepository;
    bases: BaseRepository;
    leases: LeaseRepository;
    recorder: PushRecorder;
    reconciler: Reconciler;
    series: SeriesPusher;
    deletions: DeletionPusher;
    mails: GuestMailBudget;
    clock: Clock;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#leases = parts.leases;
    this.#recorder = parts.recorder;
    this.#reconciler = parts.reconciler;
    this.#series = parts.series;
    this.#deletions = parts.deletions;
    this.#mails = parts.mails;
    this.#clock = parts.clock;
  }

  /**
   * @returns how far it came, and `mass-delete-refused` for deletions that a person must confirm: all else is sent
   * @throws {SyncError} `lease-lost`, `cancelled`, and whatever Graph answers for good
   */
  async push(context: RunContext): Promise<{ outcome: PullOutcome; refusal: SyncError | undefined }> {
    const forbidden = new ForbiddenWrites();
    const first = await this.#deletions.push(context, forbidden);
    const isInDoubt = forbidden.isOpen;
    const outcome = first.outcome === 'complete' ? await this.#pushChanges(context, forbidden) : first.outcome;
    const close = () => forbidden.close((bases) => this.#recorder.countFailures(context, bases));
    await close();
    if (!isInDoubt || outcome !== 'complete') return { outcome, refusal: first.refusal };
    // Not all writes are forbidden: the deletions behind those that are have their turn now.
    const second = await this.#deletions.push(context, forbidden);
    await close();
    return second;
  }

  async #pushChanges(context: RunContext, forbidden: ForbiddenWrites): Promise<PullOutcome> {
    await this.#keepParked(context);
    const replaced = new Map<EventId, string>();
    const first = await this.#pushPass(context, { number: 1, replaced, forbidden });
    let { unsettled } = first;
    // Also a run that is at the end of its capacity: else its continuation would try the same ones, again as the first time.
    for (let number = 2; number <= MAX_PASSES && unsettled > 0 && !forbidden.isOpen; number += 1) {
      ({ unsettled } = await this.#pushPass(context, { number, replaced, forbidden }, first.upTo));
    }
    return first.outcome;
  }

  /**
   * Goes once through what is pending, in the order it was written.
   *
   * @param upTo  the last revision to be looked at: how far the first pass got, if it did not get through
   */
  async #pushPass(
    context: RunContext,
    pass: Pass,
    upTo?: bigint,
  ): Promise<{ outcome: PullOutcome; unsettled: number; upTo?: bigint | undefined }> {
    let unsettled = 0;
    let after: bigint | undefined;
    for (;;) {
      assertNotCancelled(context);
      // A mailbox in which nothing may be written is not tried with all there is; what was written last is its last chance.
      const isLastChance = pass.forbidden.isOpen && pass.forbidden.isAlmostSure;
      const found = await this.#events.listPending(this.#db, context.userId, context.calendarId, {
        limit: PUSH_STEP,
        now: context.now,
        ...(after === undefined ? {} : { after }),
        ...(context.dateRange ? { range: context.dateRange } : {}),
        isNewestFirst: isLastChance,
      });
      const pending = found.filter(({ event: { id, revision } }) => {
        return (upTo === undefined || revision <= upTo) && !(isLastChance && pass.forbidden.holds(id));
      });
      if (pending.length === 0) return { outcome: 'complete', unsettled };
      if (pass.number === 1 && context.counters.isExhausted) {
        return { outcome: 'out-of-capacity', unsettled, upTo: after ?? 0n };
      }
      if (!isLastChance) after = pending.at(-1)?.event.revision;
      unsettled += await this.#pushStep(context, pending, pass);
      if (isLastChance && pass.forbidden.isOpen) return { outcome: 'complete', unsettled };
    }
  }

  /**
   * A series that goes on from another is created after the other's end is known to be there: a crash in between leaves
   * dates out of Outlook until the next run, never in it twice.
   *
   * @returns how many of these events are still not settled and deserve another pass
   */
  async #pushStep(context: RunContext, pending: readonly PendingEvent[], pass: Pass): Promise<number> {
    const parts = { db: this.#db, events: this.#events, bases: this.#bases };
    const { ready, waiting } = await sortFollowers(parts, context.userId, pending);
    const unsettled = await this.#sendStep(context, ready, pass);
    if (waiting.length === 0) return unsettled;
    const late = await sortFollowers(parts, context.userId, waiting);
    const stuck = late.waiting.filter(({ isStuck }) => isStuck);
    await this.#recorder.noteFollowers(context, stuck);
    const unsent = late.waiting.length - stuck.length;
    return unsettled + unsent + (await this.#sendStep(context, late.ready, pass));
  }

  async #sendStep(context: RunContext, pending: readonly PendingEvent[], pass: Pass): Promise<number> {
    if (pending.length === 0) return 0;
    const unreadable = pending.filter(({ event }) => event.problem !== undefined);
    await this.#park(context, unreadable);
    const readable = pending.filter((item) => !unreadable.includes(item));
    const undecided: UndecidedEvent[] = pass.number === 1 ? readable.filter(isUndecided) : [];
    await this.#reconciler.refreshConflicts(context, undecided);
    const prepared = readable
      .filter((item) => pass.number > 1 || !isUndecided(item))
      .map(({ event, base }) => prepare(context, event, base));
    const restless = restlessOf(prepared, this.#clock.now());
    await this.#recorder.settle(context, restless);
    const calm = prepared.filter((target) => !restless.some((refused) => refused.target === target));
    const outgoing = await this.#mails.take(context, calm);
    const waiting = calm.length - outgoing.length;
    if (pass.number === 1) context.counters.waitingForMails += waiting;
    const quiet = outgoing.filter(({ operation, change }) => !operation && change.occurrences.length === 0);
    const sent = outgoing.filter(({ operation }) => operation !== undefined);
    await this.#recorder.agree(context, quiet);
    await this.#recorder.announceCreates(context, sent);
    const operations = sent.flatMap(({ operation }) => (operation ? [operation] : []));
    const answered = operations.length > 0 ? await this.#graph.write(context.session, operations) : [];
    noteReplaced(pass.replaced, sent, answered);
    const known = await recognised({ db: this.#db, bases: this.#bases }, context, { sent, outcomes: answered });
    const { stale, present, unknown, fatal, reborn, vanished, forbidden } = await this.#settle(context, known, pass);
    if (fatal) throw fatal;
    const { left, unread } = await this.#reconciler.reconcile(context, stale, {
      isLastTry: pass.number >= MAX_PASSES,
      present,
      unknown,
      made: new Set(known.outcomes.flatMap((outcome) => (outcome.ok && outcome.event ? [outcome.key as EventId] : []))),
    });
    await this.#recorder.settle(context, refusedToShow(known.sent, unread));
    const isOut = ({ event: { id } }: Outgoing) => stale.has(id) || vanished.has(id) || forbidden.has(id);
    const series = outgoing.filter((target) => !isOut(target) && hasOccurrencesToPush(target));
    const dates = await this.#series.pushOccurrences(
      context,
      series.map(({ event }) => event.id),
      {
        counted: new Set(sent.map(({ event }) => event.id)),
        replaced: pass.replaced,
        forbidden: pass.forbidden,
        isFirstTry: pass.number === 1,
        isLastTry: pass.number >= MAX_PASSES,
      },
    );
    const ofDates = await this.#reconciler.reconcile(context, dates.stale, { isLastTry: false });
    await this.#recorder.settle(context, refusedToShow(series, new Map([...dates.unread, ...ofDates.unread])));
    if (pass.number === 1) {
      // What waits for the day to pass uses up no run: else each continuation would end at the same place.
      context.counters.found(pending.length - waiting);
      context.counters.handled(pending.length - waiting);
    }
    // A create whose answer was lost before is sent as it was then; what was edited since goes out in the next pass.
    const edited = sent.filter((target) => target.isResent).length;
    const parked = unread.size + ofDates.unread.size;
    return undecided.length + stale.size - left.size - parked + dates.unsettled + edited + reborn;
  }

  async #keepParked(context: RunContext): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await parkUnsettled(tx, context.userId, context.calendarId);
    });
  }

  /** A row that something else wrote and nobody can read stays here, with what is wrong with it, until it is written again. */
  async #park(
    context: RunContext,
    unreadable: readonly { event: StoredEvent; base: EventBase | undefined }[],
  ): Promise<void> {
    const settled = unreadable.map(({ event, base }) => ({
      target: prepare(context, event, base),
      outcome: {
        key: event.id,
        ok: false as const,
        error: new SyncError('rejected', `the stored event cannot be read: ${event.problem}`, {
          graphCode: UNREADABLE,
        }),
      },
    }));
    await this.#recorder.settle(context, settled);
  }

  /** Commits every outcome; what was refused because Graph had moved on is handed back with what Graph was like then. */
  async #settle(
    context: RunContext,
    { sent, outcomes }: { sent: readonly Outgoing[]; outcomes: readonly WriteOutcome[] },
    pass: Pass,
  ): Promise<{
    stale: ReadonlyMap<EventId, GraphEventId>;
    present: ReadonlySet<EventId>;
    unknown: ReadonlySet<EventId>;
    fatal: SyncError | undefined;
    reborn: number;
    vanished: ReadonlySet<EventId>;
    forbidden: ReadonlySet<EventId>;
  }> {
    await pass.forbidden.note(outcomes);
    const sorted = sortWrites(sent, outcomes, pass.forbidden.isServed);
    const { settled, stale, present, unknown, counted, forbidden, fatal, reborn, vanished } = sorted;
    await this.#recorder.settle(context, settled);
    await this.#recorder.countFailures(context, counted);
    const lost = await this.#recorder.linkVanished(context, vanished);
    const toCreate = [...reborn, ...lost.reborn];
    await this.#recorder.beginNextLife(context, toCreate);
    await this.#mails.giveBack(context, sent, outcomes);
    const [refused] = forbidden.flatMap(({ outcome }) => (outcome.ok ? [] : [outcome.error]));
    const bases = forbidden.map(({ target }) => target.base ?? emptyBase(target.event));
    const park = () => this.#recorder.settle(context, forbidden);
    if (refused) pass.forbidden.hold({ error: refused, bases, park });
    return {
      stale: new Map([...stale, ...lost.gone]),
      present,
      unknown,
      fatal,
      reborn: toCreate.length,
      vanished: new Set(vanished.map(({ target }) => target.event.id)),
      forbidden: new Set(forbidden.map(({ target }) => target.event.id)),
    };
  }
}
