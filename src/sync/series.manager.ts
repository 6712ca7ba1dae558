import type { GraphEventId } from '../core/ids.ts';
import type { CalendarGraph } from '../graph/calendar-graph.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CursorRepository, SeriesMark } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { AbsenceManager } from './absence.manager.ts';
import type { AdoptionIndex } from './adoption.ts';
import type { PlanApplier } from './plan-applier.ts';
import { OwnMarks, type PullOutcome, type PullRound } from './pull-round.ts';
import type { RemotePlanner, RemoteState } from './remote-planner.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';
import { isSeriesEcho } from './series-reader.ts';

/** As many as fit into one `$batch`. */
const SERIES_PER_READ = 20;
/** More than any calendar has: what SQL takes for a limit. */
const ALL_MARKS = 2_147_483_647;

/**
 * Reads the series a round marked, each whole and once: master, exceptions and cancelled dates are one aggregate, compared
 * and saved as one. Marks are rows, so a crash between pages and series loses nothing.
 */
export class SeriesManager {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #bases: BaseRepository;
  readonly #cursors: CursorRepository;
  readonly #leases: LeaseRepository;
  readonly #planner: RemotePlanner;
  readonly #applier: PlanApplier;
  readonly #absences: AbsenceManager;
  readonly #recorder: RunRecorder;

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
  }

  /** Begins the marks of a round that keeps no cursor. */
  async ownMarks(context: RunContext): Promise<OwnMarks> {
    return new OwnMarks(await this.#stored(context, ALL_MARKS));
  }

  /** @param own  the marks of a round that keeps no cursor; those of others are left to them */
  async readMarked(
    context: RunContext,
    round: PullRound,
    adoption: AdoptionIndex,
    own?: OwnMarks,
  ): Promise<PullOutcome> {
    if (own) {
      await this.#readOwn(context, round, adoption, own);
      return 'complete';
    }
    for (;;) {
      assertNotCancelled(context);
      const marks = await this.#stored(context, SERIES_PER_READ);
      if (marks.length === 0) return 'complete';
      if (context.counters.isExhausted) return 'out-of-capacity';
      await this.#readStep(context, round, adoption, { marks, cleared: marks });
    }
  }

  async #readOwn(context: RunContext, round: PullRound, adoption: AdoptionIndex, own: OwnMarks): Promise<void> {
    const stored = own.madeSince(await this.#stored(context, ALL_MARKS));
    own.add(stored);
    const isStored = new Set(stored.map(({ graphEventId }) => graphEventId));
    const all = own.all;
    for (let from = 0; from < all.length; from += SERIES_PER_READ) {
      assertNotCancelled(context);
      const marks = all.slice(from, from + SERIES_PER_READ);
      const cleared = marks.filter(({ graphEventId }) => isStored.has(graphEventId));
      await this.#readStep(context, round, adoption, { marks, cleared });
    }
  }

  /** Reads a few series and commits what they are like, with the end of their marks. */
  async #readStep(
    context: RunContext,
    round: PullRound,
    adoption: AdoptionIndex,
    { marks, cleared }: { marks: readonly SeriesMark[]; cleared: readonly SeriesMark[] },
  ): Promise<void> {
    const ids = marks.map((mark) => mark.graphEventId);
    const bases = await this.#bases.findByGraphIds(this.#db, context.userId, ids);
    const dirty = marks.filter((mark) => !isSeriesEcho(mark, bases.get(mark.graphEventId), context.calendarId));
    const states = await this.#read(
      context,
      dirty.map((mark) => mark.graphEventId),
      round.window,
    );
    const known = new Set(bases.keys());
    const gone = states.filter((state) => state.event === 'gone' && known.has(state.id)).map((state) => state.id);
    const present = states.filter((state) => state.event !== 'gone');
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#applier.apply(tx, context, await this.#planner.plan(tx, context, present, adoption, round.mode));
      await this.#absences.markGone(tx, context, gone);
      // What is here only now was not when its page was applied; a later run of the round need not ask for it again.
      if (round.isFullRound && round.isCursorKept) {
        await this.#bases.markSeen(tx, context.userId, ids, round.roundId);
      }
      const clearedIds = cleared.map((mark) => mark.graphEventId);
      await this.#cursors.clearDirtySeries(tx, context.userId, context.calendarId, clearedIds);
      context.counters.found(dirty.length);
      context.counters.handled(dirty.length, { isCharged: round.isCursorKept });
      await this.#recorder.saveProgress(tx, context);
    });
  }

  #stored({ userId, calendarId }: RunContext, limit: number): Promise<SeriesMark[]> {
    return this.#cursors.listDirtySeries(this.#db, userId, calendarId, limit);
  }

  async #read(context: RunContext, ids: readonly GraphEventId[], window: RunContext['window']): Promise<RemoteState[]> {
    if (ids.length === 0) return [];
    const series = await this.#graph.readSeries(context.session, [...ids], window);
    return [...series].map(([id, event]) => ({ id, event }));
  }
}
