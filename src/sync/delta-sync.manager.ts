import { isSyncError, type SyncError } from '../core/errors.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { CalendarGraph } from '../graph/calendar-graph.ts';
import type { CursorRepository, DeltaCursor } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { TombstoneRepository } from '../store/tombstone.repository.ts';
import type { AbsenceManager } from './absence.manager.ts';
import { type AdoptionIndex, adoptionIndexOf } from './adoption.ts';
import { isRoundSeen, type PullMode, type PullOutcome, type PullRound } from './pull-round.ts';
import type { RelinkManager } from './relink.manager.ts';
import type { RunContext } from './run-context.ts';
import type { PullKnowledge, RungManager } from './rung.manager.ts';
import { FirstPages, isRead } from './rung-pages.ts';
import type { SeriesManager } from './series.manager.ts';
import { type Ladder, ladderFrom, type Rung, readAgain, spanOf } from './window-ladder.ts';

/** A round whose token dies again and again is given up, and tried again by the next run. */
const MAX_RESTARTS = 2;

/** How far a run came with one rung, and the round it was read by in the end. */
interface RungResult {
  readonly round: PullRound;
  readonly cursor: DeltaCursor | undefined;
  readonly outcome: PullOutcome;
}

/**
 * Reads what changed in Outlook: each slice of the calendar's window, their next pages fetched together; then the series
 * they marked, whole; then what is missing, proven.
 */
export class DeltaSyncManager {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #known: { readonly events: EventRepository; readonly tombstones: TombstoneRepository };
  readonly #cursors: CursorRepository;
  readonly #leases: LeaseRepository;
  readonly #rungs: RungManager;
  readonly #series: SeriesManager;
  readonly #absences: AbsenceManager;
  readonly #relinks: RelinkManager;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #tokenExpiryMs: number;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    events: EventRepository;
    tombstones: TombstoneRepository;
    cursors: CursorRepository;
    leases: LeaseRepository;
    rungs: RungManager;
    series: SeriesManager;
    absences: AbsenceManager;
    relinks: RelinkManager;
    clock: Clock;
    random: Random;
    logger: Logger;
    /** `CALENDAR_DELTA_TOKEN_EXPIRY`: a link Graph gave longer ago than this is not trusted any more. */
    tokenExpiryMs: number;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#known = parts;
    this.#cursors = parts.cursors;
    this.#leases = parts.leases;
    this.#rungs = parts.rungs;
    this.#series = parts.series;
    this.#absences = parts.absences;
    this.#relinks = parts.relinks;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
    this.#tokenExpiryMs = parts.tokenExpiryMs;
  }

  /**
   * Brings the local side up to date with Graph.
   *
   * @throws {SyncError} `lease-lost` if another worker took the mailbox over; `mass-delete-refused` when a person must
   *   confirm, with everything else pulled as if nothing had been deleted; `cancelled`; and whatever Graph answers for good
   */
  async pull(context: RunContext, mode: PullMode = 'apply'): Promise<PullOutcome> {
    const adoption = await adoptionIndexOf(this.#db, this.#known, context);
    for (let restarts = 0; ; restarts += 1) {
      try {
        return await this.#pullOnce(context, mode, adoption, restarts > 0);
      } catch (error) {
        if (!isSyncError(error, 'cursor-expired')) throw error;
        // Also where this run gives up: what a link leads to that has failed us is no continuation of what was read before it.
        await this.#db.transaction((tx) => this.#cursors.delete(tx, context.userId, context.calendarId));
        if (restarts >= MAX_RESTARTS) throw error;
        this.#warn(context, error, 'the delta token died; starting a full round, which is reconciled as a difference');
      }
    }
  }

  /** @returns whether everything in Graph's view has been seen at least once, so that creating there cannot double */
  async isLinked(context: Pick<RunContext, 'userId' | 'calendarId'>): Promise<boolean> {
    return isRoundSeen(await this.#cursors.list(this.#db, context.userId, context.calendarId));
  }

  async #pullOnce(
    context: RunContext,
    mode: PullMode,
    unlinked: AdoptionIndex,
    isRestart: boolean,
  ): Promise<PullOutcome> {
    const isCursorKept = mode === 'apply' && context.dateRange === undefined;
    const stored = isCursorKept ? await this.#cursors.list(this.#db, context.userId, context.calendarId) : [];
    const isReadAnew = isCursorKept && stored.length === 0 && !isRestart;
    const isRenumbered = isReadAnew && (await this.#absences.proveRenumbered(context));
    const adoption = isRenumbered ? await adoptionIndexOf(this.#db, this.#known, context) : unlinked;
    const how = { roundId: this.#random.id(), now: this.#clock.now(), mode, isCursorKept, isRestart };
    const ladder = ladderFrom(stored, { ...context, ...how, tokenExpiryMs: this.#tokenExpiryMs });
    const own = isCursorKept ? undefined : await this.#series.ownMarks(context);
    const first = await FirstPages.fetch(this.#graph, context, ladder.rungs);
    const replaced = ladder.isWhole ? ladder.retired : [];
    const known: PullKnowledge = { adoption, own, first, replaced, unread: new Set() };
    const results = await this.#readRungs(context, ladder, known);
    if (results === 'out-of-capacity') return results;

    const rounds = results.map(({ round }) => round);
    const lead = rounds.find(({ isFullRound, isRolled }) => isFullRound && !isRolled) ?? rounds[0];
    const round = { ...(lead as PullRound), window: spanOf(ladder.rungs) };
    if (round.isFullRound && !round.isRolled) await this.#relinks.relink(context, round, adoption);
    const series = await this.#series.readMarked(context, round, known);
    if (series === 'out-of-capacity') return series;
    const refusal = mode === 'apply' ? await this.#applyDeletions(context) : undefined;
    // What is refused stays marked as gone; only the deletions wait for a person, not whatever happens meanwhile.
    if (isCursorKept) await this.#complete(context, ladder, results);
    if (refusal) throw refusal;
    return 'complete';
  }

  /**
   * Reads all rungs, as far as each lets itself be read.
   *
   * @throws {SyncError} what kept one of them from being read, once the others were
   */
  async #readRungs(
    context: RunContext,
    { rungs }: Ladder,
    known: PullKnowledge,
  ): Promise<readonly RungResult[] | 'out-of-capacity'> {
    const results: RungResult[] = [];
    let failure: SyncError | undefined;
    for (const rung of rungs) {
      const refused = known.first.failureOf(rung.number);
      if (refused && !isSyncError(refused, 'cursor-expired')) {
        failure ??= refused;
        continue;
      }
      const result = await this.#readRung(context, rung, { isAlone: rungs.length === 1, known });
      if (result.outcome === 'out-of-capacity') return result.outcome;
      results.push(result);
    }
    if (failure) throw failure;
    return results;
  }

  /** One whose token is dead starts over alone; the only one there is starts over as the whole window. */
  async #readRung(
    context: RunContext,
    begun: Rung,
    { isAlone, known }: { isAlone: boolean; known: PullKnowledge },
  ): Promise<RungResult> {
    let rung = begun;
    let first = known.first;
    for (let restarts = 0; ; restarts += 1) {
      try {
        const read = isRead(rung)
          ? { outcome: 'complete' as const, cursor: rung.cursor }
          : await this.#rungs.read(context, rung, { ...known, first });
        const { round } = rung;
        if (read.outcome === 'complete' && round.isFullRound && round.mode === 'apply') {
          await this.#absences.proveUnseen(context, round, known);
        }
        return { ...read, round };
      } catch (error) {
        if (!isSyncError(error, 'cursor-expired') || isAlone || restarts >= MAX_RESTARTS) throw error;
        this.#warn(context, error, 'the delta token of one slice of the window died; that slice is read again');
        rung = readAgain(rung, { ...context, roundId: this.#random.id(), now: this.#clock.now() });
        first = FirstPages.NONE;
      }
    }
  }

  async #applyDeletions(context: RunContext): Promise<SyncError | undefined> {
    try {
      await this.#absences.applyDeletions(context);
      return undefined;
    } catch (error) {
      if (isSyncError(error, 'mass-delete-refused')) return error;
      throw error;
    }
  }

  async #complete(context: RunContext, { retired }: Ladder, results: readonly RungResult[]): Promise<void> {
    const { userId, calendarId } = context;
    const completedAt = this.#clock.now();
    const read = results.flatMap(({ cursor }) => (cursor ? [{ ...cursor, completedAt }] : []));
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#cursors.deleteRungs(tx, userId, calendarId, retired);
      await this.#cursors.saveMany(tx, userId, read);
    });
  }

  #warn({ userId, calendarId, jobId }: RunContext, { graphCode }: SyncError, message: string): void {
    this.#logger.warn({ userId, calendarId, jobId, graphCode }, message);
  }
}
