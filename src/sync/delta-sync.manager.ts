import { isSyncError, type SyncError } from '../core/errors.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { CalendarGraph, DeltaItem, DeltaPage } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { CursorRepository, DeltaCursor } from '../store/cursor.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import { type AbsenceManager, NO_PROOFS } from './absence.manager.ts';
import { type AdoptionIndex, adoptionIndexOf } from './adoption.ts';
import { handledBy, idsIn, isEcho, lastOfEach, RoundLinks } from './delta-page.ts';
import type { PlanApplier } from './plan-applier.ts';
import {
  isRoundSeen,
  type OwnMarks,
  type PullMode,
  type PullOutcome,
  type PullRound,
  roundFrom,
  usableCursor,
} from './pull-round.ts';
import type { RelinkManager } from './relink.manager.ts';
import type { RemotePlanner, RemoteState } from './remote-planner.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';
import type { SeriesManager } from './series.manager.ts';
import { seriesMarksIn } from './series-reader.ts';

/** A round whose token dies again and again is given up, and tried again by the next run. */
const MAX_RESTARTS = 2;

/**
 * Reads what changed in Outlook: delta pages, one transaction each, the next fetched while one is applied; then the series
 * they marked, whole; then what is missing, proven. A crash at any instant continues from the last committed page.
 */
export class DeltaSyncManager {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #cursors: CursorRepository;
  readonly #leases: LeaseRepository;
  readonly #planner: RemotePlanner;
  readonly #applier: PlanApplier;
  readonly #series: SeriesManager;
  readonly #absences: AbsenceManager;
  readonly #relinks: RelinkManager;
  readonly #recorder: RunRecorder;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #tokenExpiryMs: number;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    events: EventRepository;
    bases: BaseRepository;
    cursors: CursorRepository;
    leases: LeaseRepository;
    planner: RemotePlanner;
    applier: PlanApplier;
    series: SeriesManager;
    absences: AbsenceManager;
    relinks: RelinkManager;
    recorder: RunRecorder;
    clock: Clock;
    random: Random;
    logger: Logger;
    /** `CALENDAR_DELTA_TOKEN_EXPIRY`: a token older than this is not trusted any more. */
    tokenExpiryMs: number;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#cursors = parts.cursors;
    this.#leases = parts.leases;
    this.#planner = parts.planner;
    this.#applier = parts.applier;
    this.#series = parts.series;
    this.#absences = parts.absences;
    this.#relinks = parts.relinks;
    this.#recorder = parts.recorder;
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
    const adoption = await adoptionIndexOf(this.#db, this.#events, context);
    for (let restarts = 0; ; restarts += 1) {
      try {
        return await this.#pullRound(context, mode, adoption, restarts > 0);
      } catch (error) {
        if (!isSyncError(error, 'cursor-expired') || restarts >= MAX_RESTARTS) throw error;
        this.#logger.warn(
          { userId: context.userId, calendarId: context.calendarId, jobId: context.jobId, graphCode: error.graphCode },
          'the delta token died; starting a full round, which is reconciled as a difference',
        );
        await this.#db.transaction((tx) => this.#cursors.delete(tx, context.userId, context.calendarId));
      }
    }
  }

  /** @returns whether everything in Graph's view has been seen at least once, so that creating there cannot double */
  async isLinked(context: Pick<RunContext, 'userId' | 'calendarId'>): Promise<boolean> {
    return isRoundSeen(await this.#cursors.find(this.#db, context.userId, context.calendarId));
  }

  async #pullRound(
    context: RunContext,
    mode: PullMode,
    adoption: AdoptionIndex,
    isRestart: boolean,
  ): Promise<PullOutcome> {
    const isCursorKept = mode === 'apply' && context.dateRange === undefined;
    const stored = isCursorKept ? await this.#cursors.find(this.#db, context.userId, context.calendarId) : undefined;
    const now = this.#clock.now();
    const cursor = usableCursor(stored, { ...context, now, tokenExpiryMs: this.#tokenExpiryMs, isRestart });
    const round = roundFrom(cursor, { ...context, roundId: this.#random.id(), now, mode, isCursorKept });
    const isRead = cursor?.linkKind === 'delta' && cursor.completedAt === undefined;
    const own = isCursorKept ? undefined : await this.#series.ownMarks(context);
    let last: DeltaCursor | undefined = cursor;
    if (!isRead) {
      const read = await this.#readPages(context, round, cursor, { adoption, own });
      if (read.outcome === 'out-of-capacity') return read.outcome;
      last = read.cursor;
    }
    if (round.isFullRound && mode === 'apply') await this.#absences.proveUnseen(context, round, adoption);
    if (round.isFullRound) await this.#relinks.relink(context, round, adoption);
    const series = await this.#series.readMarked(context, round, adoption, own);
    if (series === 'out-of-capacity') return series;
    const refusal = mode === 'apply' ? await this.#applyDeletions(context) : undefined;
    // What is refused stays marked as gone; only the deletions wait for a person, not whatever happens meanwhile.
    if (isCursorKept && last) await this.#complete(context, last);
    if (refusal) throw refusal;
    return 'complete';
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

  async #readPages(
    context: RunContext,
    round: PullRound,
    cursor: DeltaCursor | undefined,
    known: { adoption: AdoptionIndex; own: OwnMarks | undefined },
  ): Promise<{ outcome: PullOutcome; cursor: DeltaCursor | undefined }> {
    const first = cursor ? { link: cursor.link } : { calendarId: context.graphCalendarId, window: round.window };
    const links = new RoundLinks(cursor?.completedAt === undefined ? (cursor?.pages ?? 0) : 0);
    let pending = this.#fetch(context, first);
    for (;;) {
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
        link,
        linkKind: isLast ? 'delta' : 'next',
        windowStart: round.window.start,
        windowEnd: round.window.end,
        roundId: round.roundId,
        isFullRound: round.isFullRound,
        roundStartedAt: round.startedAt,
        completedAt: undefined,
        pages: links.pages,
      };
      await this.#applyPage(context, round, { page, next }, known);
      if (isLast) return { outcome: 'complete', cursor: next };
      if (isFull) return { outcome: 'out-of-capacity', cursor: next };
    }
  }

  #fetch(
    context: RunContext,
    from: { link: string } | { calendarId: RunContext['graphCalendarId']; window: PullRound['window'] },
  ): Promise<DeltaPage> {
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
    round: PullRound,
    { page, next }: { page: DeltaPage; next: DeltaCursor },
    { adoption, own }: { adoption: AdoptionIndex; own: OwnMarks | undefined },
  ): Promise<void> {
    const latest = lastOfEach(page.items);
    const singles = latest.flatMap((item) =>
      item.kind === 'event' && item.event.type === 'singleInstance' ? [item.event] : [],
    );
    const removed = latest.flatMap((item) => (item.kind === 'removed' ? [item.id] : []));
    const proofs = round.mode === 'apply' ? await this.#absences.prove(context, removed) : NO_PROOFS;
    const handled = singles.length + proofs.gone.length + proofs.singles.length;
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
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
      if (round.isCursorKept) await this.#cursors.save(tx, next);
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

  async #complete(context: RunContext, cursor: DeltaCursor): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#cursors.save(tx, { ...cursor, completedAt: this.#clock.now() });
    });
  }
}
