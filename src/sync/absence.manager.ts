import type { EventId, GraphEventId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { CalendarGraph, Unread } from '../graph/calendar-graph.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CursorRepository, SeriesMark } from '../store/cursor.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { AdoptionIndex } from './adoption.ts';
import { type DeletionGuard, massDeleteRefused } from './deletion-guard.ts';
import type { DepartureManager } from './departure.manager.ts';
import { isInView } from './late-servers.ts';
import type { PlanApplier } from './plan-applier.ts';
import type { PlannedEvent } from './planned-event.ts';
import { NO_PROOFS, type Proofs, withoutThose } from './proofs.ts';
import type { PullRound } from './pull-round.ts';
import type { RemotePlanner, RemoteState } from './remote-planner.ts';
import { underNewIds } from './renumbered-events.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';

/** Five batches of twenty: enough to keep the mailbox busy, few enough to commit often. */
const PROOFS_PER_STEP = 100;
/** Asked for to see whether the ids of a calendar are still good: one batch. */
const SAMPLE = 20;
/** Deletions applied in one transaction. */
const DELETIONS_PER_STEP = 200;

/**
 * A tombstone says "no longer in this view", not "deleted" (graph contract 5.4). Nothing is deleted here before a GET
 * of that very event said it is gone, and a run that would delete suspiciously much stops and asks.
 *
 * A proven absence is a mark on the base row first, so that a crash between proof and deletion loses nothing.
 */
export class AbsenceManager {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #departures: DepartureManager;
  readonly #bases: BaseRepository;
  readonly #cursors: CursorRepository;
  readonly #leases: LeaseRepository;
  readonly #guard: DeletionGuard;
  readonly #planner: RemotePlanner;
  readonly #applier: PlanApplier;
  readonly #recorder: RunRecorder;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    departures: DepartureManager;
    bases: BaseRepository;
    cursors: CursorRepository;
    leases: LeaseRepository;
    guard: DeletionGuard;
    planner: RemotePlanner;
    applier: PlanApplier;
    recorder: RunRecorder;
    clock: Clock;
    random: Random;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#departures = parts.departures;
    this.#bases = parts.bases;
    this.#cursors = parts.cursors;
    this.#leases = parts.leases;
    this.#guard = parts.guard;
    this.#planner = parts.planner;
    this.#applier = parts.applier;
    this.#recorder = parts.recorder;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /**
   * Asks Graph for those of `ids` we know; tombstones of strangers are normal and cost nothing. One that is a member of a
   * series we know is a sign of life of that series (graph contract 5.5), which is then to be read whole.
   *
   * @param window  the slice they should have been seen in; what is still there, in it, has changed its calendar
   */
  async prove(context: RunContext, ids: readonly GraphEventId[], window: RunContext['window']): Promise<Proofs> {
    if (ids.length === 0) return NO_PROOFS;
    const { userId, calendarId } = context;
    const known = await this.#bases.findByGraphIds(this.#db, userId, [...ids]);
    const strangers = ids.filter((id) => !known.has(id));
    const masters = await this.#cursors.findSeriesOf(this.#db, userId, calendarId, strangers);
    const ofOthers = new Set(ids.filter((id) => known.has(id) && known.get(id)?.calendarId !== calendarId));
    const unread: Unread = new Map();
    const asked = await this.ask(
      context,
      ids.filter((id) => known.has(id)),
      unread,
    );
    // An event known in another calendar may have been moved into this one and deleted before this one was read: the other
    // one heard of the move alone. Anything else about it is the other one's to tell.
    const proofs = { ...withoutThose(asked, ofOthers), gone: asked.gone };
    // A series that was itself named has been asked for.
    const suspects = masters.filter((id) => !known.has(id)).map((id) => ({ ...suspect(id), isLosing: true }));
    const { away, here } = await this.#departures.whereabouts(context, proofs, window);
    // A slice tells of whatever changes outside of it as gone: of a series that says something only where it shows it.
    const missed = here.filter((id) => {
      const content = known.get(id)?.remote;
      return !content?.recurrence || isInView(content, window);
    });
    // The tombstone is told once, and the calendar goes on: of what nobody could ask about, the question is kept.
    const open = [...unread.keys()].filter((id) => !ofOthers.has(id));
    const doubted = [...missed, ...open].map((id) => ({ ...suspect(id), isToldGone: true }));
    const rest = withoutThose(proofs, new Set(missed));
    return { ...rest, series: [...rest.series, ...suspects, ...doubted], away, unread: open };
  }

  /**
   * Asks Graph for events one by one, twenty to a batch, whoever knows them.
   *
   * @param unread  takes those that Graph does not let be read while it serves others; without it they end the run
   */
  async ask(context: RunContext, ids: readonly GraphEventId[], unread?: Unread): Promise<Proofs> {
    if (ids.length === 0) return NO_PROOFS;
    const answers = await this.#graph.readEvents(context.session, [...ids], unread);
    const gone: GraphEventId[] = [];
    const singles: RemoteState[] = [];
    const series: SeriesMark[] = [];
    // Whatever Graph says nothing certain of is not in the answer: it is neither deleted nor changed here.
    for (const [id, event] of answers) {
      if (event === 'gone') gone.push(id);
      else if (event.type === 'singleInstance') singles.push({ id, event });
      else series.push(suspect(event.seriesMasterId ?? id));
    }
    return { gone, singles, series, away: [], unread: [] };
  }

  /**
   * After a full round: looks for everything of the window that we know and the round did not list. Of a slice that the window
   * has just reached a series need not show any date, and is looked for with the whole window the next time.
   */
  async proveUnseen(
    context: RunContext,
    round: PullRound,
    { adoption, unread }: { adoption: AdoptionIndex; unread: Set<GraphEventId> },
  ): Promise<void> {
    for (;;) {
      assertNotCancelled(context);
      const unseen = await this.#bases.listUnseen(this.#db, context.userId, context.calendarId, {
        roundId: round.roundId,
        window: round.window,
        limit: PROOFS_PER_STEP,
        isOfSinglesOnly: round.isRolled,
      });
      if (unseen.length === 0) return;
      const refused: Unread = new Map();
      const asked = await this.ask(context, unseen, refused);
      const open = [...refused.keys()].map((id) => ({ ...suspect(id), isToldGone: true }));
      for (const id of refused.keys()) unread.add(id);
      const { away } = await this.#departures.whereabouts(context, asked, round.window);
      await this.#db.transaction(async (tx) => {
        await this.#leases.assert(tx, context.lease);
        const proofs = withoutThose(asked, await this.takeOut(tx, context, away));
        await this.#applier.apply(tx, context, await this.#planner.plan(tx, context, proofs.singles, adoption));
        await this.markGone(tx, context, proofs.gone);
        await this.#cursors.markSeries(tx, context.userId, context.calendarId, round.roundId, [
          ...proofs.series,
          ...open,
        ]);
        await this.#bases.markSeen(tx, context.userId, unseen, round.roundId);
        await this.#recorder.saveProgress(tx, context);
      });
    }
  }

  /**
   * Before a calendar is read anew that was read before: asks for a few of its events under the ids they had. Where none of
   * them is there, the whole mailbox may have come back under other ids (graph contract 14, trap 59): all are asked for and
   * marked, so that each is known again by its UID instead of being made here a second time.
   *
   * @returns whether ids were found to be of nothing
   */
  async proveRenumbered(context: RunContext): Promise<boolean> {
    const { userId, calendarId, window } = context;
    let after: EventId | undefined;
    for (let limit = SAMPLE; ; limit = PROOFS_PER_STEP) {
      assertNotCancelled(context);
      const linked = await this.#bases.listLinked(this.#db, userId, calendarId, {
        ...{ window, limit },
        ...(after === undefined ? {} : { after }),
      });
      const isSample = after === undefined;
      if (linked.length === 0) return !isSample;
      const ids = linked.map(({ graphEventId }) => graphEventId);
      const { gone } = await this.ask(context, ids, new Map());
      if (isSample && gone.length < ids.length) return false;
      await this.#db.transaction(async (tx) => {
        await this.#leases.assert(tx, context.lease);
        await this.markGone(tx, context, gone);
      });
      after = linked.at(-1)?.eventId;
    }
  }

  /** @returns those that are not here any more; others have something to be written there first, or decided */
  async takeOut(tx: Tx, context: RunContext, away: readonly GraphEventId[]): Promise<ReadonlySet<GraphEventId>> {
    const planned = await this.#departures.plan(tx, context, away);
    await this.#applier.apply(tx, context, planned);
    const left = planned.flatMap(({ graphEventId }) => (graphEventId ? [graphEventId] : []));
    await this.#cursors.clearDirtySeries(tx, context.userId, context.calendarId, left);
    return new Set(left);
  }

  async markGone(tx: Tx, context: RunContext, ids: readonly GraphEventId[]): Promise<void> {
    await this.#bases.markGone(tx, context.userId, [...ids], this.#clock.now());
  }

  /**
   * Deletes here what is proven to be gone in Outlook; an edit made here meanwhile is a conflict instead.
   *
   * @throws {SyncError} `mass-delete-refused` when a person must confirm; nothing is deleted
   */
  async applyDeletions(context: RunContext): Promise<void> {
    const gone = await this.#withoutRenumbered(
      context,
      await this.#bases.listGone(this.#db, context.userId, context.calendarId),
    );
    if (gone.length === 0) return;
    const confirmed = gone.filter(({ eventId }) => context.confirmedDeletions.has(eventId));
    const unconfirmed = gone.filter(({ eventId }) => !context.confirmedDeletions.has(eventId));
    await this.#apply(context, confirmed);
    const synced = await this.#bases.countSynced(this.#db, context.userId, context.calendarId);
    const eventIds = await this.#plannedDeletions(context, unconfirmed);
    const refused = await this.#guard.refused(context, { side: 'local', eventIds, of: synced });
    if (refused) throw massDeleteRefused(context, this.#random, refused);
    await this.#apply(context, unconfirmed);
  }

  /**
   * Of a mailbox that came back under other ids, only the window is listed: what was edited here, and would be made anew for
   * that, may stand outside of it as what it was before the edit; and what was deleted here would come back with the window.
   * What was put back in Outlook since it was proven to be gone is not gone any more.
   *
   * @returns those that are gone for good
   */
  async #withoutRenumbered(
    context: RunContext,
    gone: readonly (GoneEvent & { readonly isChanged: boolean })[],
  ): Promise<readonly GoneEvent[]> {
    const changed = gone.filter(({ isChanged }) => isChanged);
    if (changed.length === 0) return gone;
    const asked = changed.map(({ graphEventId }): RemoteState => ({ id: graphEventId, event: 'gone' }));
    const parts = { db: this.#db, bases: this.#bases, graph: this.#graph };
    const { states, adoption } = await underNewIds(parts, context, asked, { mayBeBack: true });
    const found = states.filter(({ event }) => event !== 'gone');
    if (found.length === 0) return gone;
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#applier.apply(tx, context, await this.#planner.plan(tx, context, found, adoption));
    });
    const moved = new Set(changed.filter((_, at) => states[at]?.event !== 'gone').map(({ eventId }) => eventId));
    return gone.filter(({ eventId }) => !moved.has(eventId));
  }

  async #plannedDeletions(context: RunContext, gone: readonly GoneEvent[]): Promise<EventId[]> {
    if (gone.length === 0) return [];
    const planned = await this.#db.transaction((tx) => this.#plan(tx, context, gone));
    return planned.filter(({ plan }) => plan.local.kind === 'delete').map(({ eventId }) => eventId);
  }

  async #apply(context: RunContext, gone: readonly GoneEvent[]): Promise<void> {
    for (let from = 0; from < gone.length; from += DELETIONS_PER_STEP) {
      assertNotCancelled(context);
      const step = gone.slice(from, from + DELETIONS_PER_STEP);
      await this.#db.transaction(async (tx) => {
        await this.#leases.assert(tx, context.lease);
        await this.#applier.apply(tx, context, await this.#plan(tx, context, step));
        await this.#recorder.saveProgress(tx, context);
      });
    }
  }

  #plan(tx: Tx, context: RunContext, gone: readonly GoneEvent[]): Promise<PlannedEvent[]> {
    const states = gone.map(({ graphEventId }): RemoteState => ({ id: graphEventId, event: 'gone' }));
    return this.#planner.plan(tx, context, states, undefined);
  }
}

function suspect(graphEventId: GraphEventId): SeriesMark {
  return { graphEventId, masterEtag: undefined, suspicious: true };
}

interface GoneEvent {
  readonly eventId: EventId;
  readonly graphEventId: GraphEventId;
}
