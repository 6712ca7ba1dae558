import type { GraphEventId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { CalendarGraph, Unread } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { CursorRepository, SeriesMark } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { AbsenceManager } from './absence.manager.ts';
import type { AdoptionIndex } from './adoption.ts';
import { behind, isListedAlive } from './late-servers.ts';
import type { PlanApplier } from './plan-applier.ts';
import { OwnMarks, type PullOutcome, type PullRound } from './pull-round.ts';
import type { RemotePlanner, RemoteState } from './remote-planner.ts';
import { adoptReplaced } from './replaced-events.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';
import type { PullKnowledge } from './rung.manager.ts';
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

  /** Begins the marks of a round that keeps no cursor. */
  async ownMarks(context: RunContext): Promise<OwnMarks> {
    return new OwnMarks(await this.#stored(context, ALL_MARKS));
  }

  /**
   * @param known.own  the marks of a round that keeps no cursor; those of others are left to them
   * @param known.unread  what could not be read a moment ago stays marked, for the next run to ask again
   */
  async readMarked(
    context: RunContext,
    round: PullRound,
    { adoption, own, unread }: Pick<PullKnowledge, 'adoption' | 'own' | 'unread'>,
  ): Promise<PullOutcome> {
    if (own) {
      await this.#readOwn(context, round, { adoption, own, unread });
      return 'complete';
    }
    const doubtful = new Set(unread);
    for (;;) {
      assertNotCancelled(context);
      const stored = await this.#stored(context, SERIES_PER_READ + doubtful.size);
      const marks = stored.filter(({ graphEventId }) => !doubtful.has(graphEventId));
      if (marks.length === 0) return 'complete';
      if (context.counters.isExhausted) return 'out-of-capacity';
      for (const id of await this.#readStep(context, round, adoption, { marks, cleared: marks })) doubtful.add(id);
    }
  }

  async #readOwn(
    context: RunContext,
    round: PullRound,
    { adoption, own, unread }: { adoption: AdoptionIndex; own: OwnMarks; unread: ReadonlySet<GraphEventId> },
  ): Promise<void> {
    const stored = own.madeSince(await this.#stored(context, ALL_MARKS));
    own.add(stored);
    const isStored = new Set(stored.map(({ graphEventId }) => graphEventId));
    const all = own.all.filter(({ graphEventId }) => !unread.has(graphEventId));
    for (let from = 0; from < all.length; from += SERIES_PER_READ) {
      assertNotCancelled(context);
      const marks = all.slice(from, from + SERIES_PER_READ);
      const cleared = marks.filter(({ graphEventId }) => isStored.has(graphEventId));
      await this.#readStep(context, round, adoption, { marks, cleared });
    }
  }

  /**
   * Reads a few series and commits what they are like, with the end of their marks.
   *
   * @returns those of which Graph says two things, or that it does not let be read: they stay marked, for the next run to ask again
   */
  async #readStep(
    context: RunContext,
    round: PullRound,
    adoption: AdoptionIndex,
    { marks, cleared }: { marks: readonly SeriesMark[]; cleared: readonly SeriesMark[] },
  ): Promise<ReadonlySet<GraphEventId>> {
    const ids = marks.map((mark) => mark.graphEventId);
    const bases = await this.#bases.findByGraphIds(this.#db, context.userId, ids);
    const dirty = marks.filter((mark) => !isSeriesEcho(mark, bases.get(mark.graphEventId), context.calendarId));
    const unread: Unread = new Map();
    const dirtyIds = dirty.map((mark) => mark.graphEventId);
    const states = await this.#read(context, dirtyIds, { window: round.window, unread });
    const missing = states.filter((state) => state.event === 'gone' && bases.has(state.id)).map((state) => state.id);
    const now = this.#clock.now();
    const contradicted = new Set(missing.filter((id) => isListedAlive(id, marks, { base: bases.get(id), now })));
    const gone = missing.filter((id) => !contradicted.has(id));
    const moved = new Set(marks.filter((mark) => isElsewhere(mark, bases.get(mark.graphEventId), context)).map(idOf));
    const told = states.filter(({ id, event }) => event === 'gone' || !moved.has(id));
    const doubted = new Set(behind(told, { bases, marks: cleared, window: round.window }));
    const kept = new Set([...contradicted, ...unread.keys(), ...doubted]);
    const present = told.filter((state) => state.event !== 'gone' && !doubted.has(state.id));
    if (round.mode === 'apply') {
      const parts = { db: this.#db, bases: this.#bases, absences: this.#absences };
      await adoptReplaced(parts, context, { states: present, gone, adoption });
    }
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#applier.apply(tx, context, await this.#planner.plan(tx, context, present, adoption, round.mode));
      await this.#absences.markGone(tx, context, gone);
      // What is here only now was not when its page was applied; a later run of the round need not ask for it again.
      if (round.isFullRound && round.isCursorKept) {
        await this.#bases.markSeen(tx, context.userId, ids, round.roundId);
      }
      const clearedIds = cleared.flatMap(({ graphEventId }) => (kept.has(graphEventId) ? [] : [graphEventId]));
      await this.#cursors.clearDirtySeries(tx, context.userId, context.calendarId, clearedIds);
      await this.#cursors.doubtSeries(tx, context.userId, context.calendarId, [...doubted]);
      context.counters.found(dirty.length);
      context.counters.handled(dirty.length, { isCharged: round.isCursorKept });
      await this.#recorder.saveProgress(tx, context);
    });
    return kept;
  }

  #stored({ userId, calendarId }: RunContext, limit: number): Promise<SeriesMark[]> {
    return this.#cursors.listDirtySeries(this.#db, userId, calendarId, limit);
  }

  async #read(
    context: RunContext,
    ids: readonly GraphEventId[],
    { window, unread }: { window: RunContext['window']; unread: Unread },
  ): Promise<RemoteState[]> {
    if (ids.length === 0) return [];
    const series = await this.#graph.readSeries(context.session, [...ids], window, unread);
    return [...series].map(([id, event]) => ({ id, event }));
  }
}

/** Told of here as gone alone, and known in another calendar by now: what it is like is the other one's to tell. */
function isElsewhere(
  { isToldGone, masterEtag }: SeriesMark,
  base: EventBase | undefined,
  { calendarId }: RunContext,
): boolean {
  return isToldGone === true && masterEtag === undefined && base !== undefined && base.calendarId !== calendarId;
}

function idOf({ graphEventId }: SeriesMark): GraphEventId {
  return graphEventId;
}
