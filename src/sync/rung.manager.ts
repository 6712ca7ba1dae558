import type { GraphEventId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { CalendarGraph, DeltaItem, DeltaPage, DeltaStart } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { CursorRepository, DeltaCursor } from '../store/cursor.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { AbsenceManager } from './absence.manager.ts';
import type { AdoptionIndex } from './adoption.ts';
import { handledBy, idsIn, isEcho, lastOfEach, RoundLinks } from './delta-page.ts';
import type { PlanApplier } from './plan-applier.ts';
import { NO_PROOFS, withoutThose } from './proofs.ts';
import type { OwnMarks, PullOutcome } from './pull-round.ts';
import type { RemotePlanner, RemoteState } from './remote-planner.ts';
import { adoptReplaced } from './replaced-events.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';
import { type FirstPages, startOf } from './rung-pages.ts';
import { seriesMarksIn } from './series-reader.ts';
import type { Rung } from './window-ladder.ts';

/** What the rungs of one pull share. */
export interface PullKnowledge {
  readonly adoption: AdoptionIndex;
  /** The marks of a round that keeps no cursor. */
  readonly own: OwnMarks | undefined;
  readonly first: FirstPages;
  /** Rungs that make way for this one with its first page. */
  readonly replaced: readonly number[];
  /** What Graph has not let be read in this pull: to ask for it again at once would only add to its trouble. */
  readonly unread: Set<GraphEventId>;
}

/**
 * Reads one slice of a calendar's window: delta pages, one transaction each, the next fetched while one is applied. A crash
 * at any instant continues from the last committed page.
 */
export class RungManager {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #bases: BaseRepository;
  readonly #cursors: CursorRepository;
  readonly #leases: LeaseRepository;
  readonly #planner: RemotePlanner;
  readonly #applier: PlanApplier;
  readonly #absences: AbsenceManager;
  readonly #recorder: RunRecorder;
  readonly #clock: Clock;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    bases: BaseRepository;
    cursors: CursorRepository;
    leases: LeaseRepository;
    planner: RemotePlanner;
    applier: PlanApplier;
    absences: AbsenceManager;
    recorder: RunRecorder;
    clock: Clock;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#bases = parts.bases;
    this.#cursors = parts.cursors;
    this.#leases = parts.leases;
    this.#planner = parts.planner;
    this.#applier = parts.applier;
    this.#absences = parts.absences;
    this.#recorder = parts.recorder;
    this.#clock = parts.clock;
  }

  /**
   * @returns where the rung is to be read on, and whether the run's capacity lasted to the end of the round
   * @throws {SyncError} `cursor-expired` when its token is dead; `lease-lost`; `cancelled`; and what Graph answers for good
   */
  async read(
    context: RunContext,
    rung: Rung,
    known: PullKnowledge,
  ): Promise<{ outcome: PullOutcome; cursor: DeltaCursor }> {
    const { round, cursor } = rung;
    const links = new RoundLinks(cursor?.completedAt === undefined ? (cursor?.pages ?? 0) : 0);
    const fetched = known.first.pageOf(rung.number);
    let pending = fetched ? Promise.resolve(fetched) : this.#fetch(context, startOf(rung, context));
    for (let isFirst = fetched !== undefined; ; isFirst = false) {
      const page = await pending;
      assertNotCancelled(context);
      const link = links.follow(page);
      const isLast = page.nextLink === undefined;
      // Without a cursor nobody could go on from here.
      const isFull = round.isCursorKept && !isLast && context.counters.remaining <= handledBy(page);
      // The next page travels while this one is applied; a failure is met when it is awaited.
      if (!isLast && !isFull) pending = this.#fetch(context, { link });
      const next: DeltaCursor = {
        userId: context.userId,
        calendarId: context.calendarId,
        rung: rung.number,
        link,
        linkKind: isLast ? 'delta' : 'next',
        windowStart: round.window.start,
        windowEnd: round.window.end,
        roundId: round.roundId,
        isFullRound: round.isFullRound,
        isRolled: round.isRolled,
        roundStartedAt: round.startedAt,
        completedAt: undefined,
        issuedAt: this.#clock.now(),
        pages: links.pages,
      };
      await this.#applyPage(context, rung, { page, next, isFirst }, known);
      if (isLast) return { outcome: 'complete', cursor: next };
      if (isFull) return { outcome: 'out-of-capacity', cursor: next };
    }
  }

  #fetch(context: RunContext, from: DeltaStart): Promise<DeltaPage> {
    const page = this.#graph.fetchDeltaPage(context.session, from);
    // Awaited later; without this a failure while the previous page is applied would count as unhandled.
    page.catch(() => {});
    return page;
  }

  /**
   * Applies one delta page: events, bases, conflicts, marks and the cursor commit together or not at all.
   *
   * @throws {SyncError} `lease-lost` if another worker took the mailbox over; nothing is written
   */
  async #applyPage(
    context: RunContext,
    { number, round }: Rung,
    { page, next, isFirst }: { page: DeltaPage; next: DeltaCursor; isFirst: boolean },
    { adoption, own, first, replaced, unread }: PullKnowledge,
  ): Promise<void> {
    const latest = lastOfEach(page.items);
    const singles = latest.flatMap((item) =>
      item.kind === 'event' && item.event.type === 'singleInstance' ? [item.event] : [],
    );
    const removed = latest.flatMap((item) => (item.kind === 'removed' ? [item.id] : []));
    const asked = isFirst ? first.unexplained(number, removed) : removed;
    const proven = round.mode === 'apply' ? await this.#absences.prove(context, asked, round.window) : NO_PROOFS;
    for (const id of [...proven.unread, ...unreadIn(latest)]) unread.add(id);
    const handled = singles.length + proven.gone.length + proven.singles.length;
    if (round.mode === 'apply') {
      const states = singles.map((event) => ({ id: event.id, event }));
      const parts = { db: this.#db, bases: this.#bases, absences: this.#absences };
      await adoptReplaced(parts, context, { states, gone: proven.gone, adoption });
    }
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      const proofs = withoutThose(proven, await this.#absences.takeOut(tx, context, proven.away));
      const known = await this.#basesOf(tx, context, latest);
      const changed = singles.filter((event) => !isEcho(event, known.get(event.id), context.calendarId));
      const states: RemoteState[] = [...changed.map((event) => ({ id: event.id, event })), ...proofs.singles];
      await this.#applier.apply(tx, context, await this.#planner.plan(tx, context, states, adoption, round.mode));
      await this.#absences.markGone(tx, context, proofs.gone);
      const marks = [...seriesMarksIn(latest, known), ...proofs.series];
      if (own) own.add(marks);
      else await this.#cursors.markSeries(tx, context.userId, context.calendarId, round.roundId, marks);
      // A round that only adopts asks for nothing it has not seen, and leaves the signs of one that does.
      if (round.isFullRound && round.mode === 'apply') {
        await this.#bases.markSeen(tx, context.userId, idsIn(latest), round.roundId);
      }
      if (round.isCursorKept) {
        await this.#cursors.deleteRungs(tx, context.userId, context.calendarId, replaced);
        await this.#cursors.save(tx, next);
      }
      context.counters.found(handled);
      context.counters.handled(handled, { isCharged: round.isCursorKept });
      // Where there is another page, it is likely to be as full as this one.
      context.counters.expected = next.linkKind === 'next' ? handled : 0;
      await this.#recorder.saveProgress(tx, context);
    });
  }

  async #basesOf(tx: Tx, context: RunContext, items: readonly DeltaItem[]): Promise<Map<GraphEventId, EventBase>> {
    return this.#bases.findByGraphIds(tx, context.userId, idsIn(items));
  }
}

function unreadIn(items: readonly DeltaItem[]): GraphEventId[] {
  return items.flatMap((item) => (item.kind === 'occurrence' && item.isUnread ? [item.seriesMasterId] : []));
}
