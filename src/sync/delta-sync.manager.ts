import { isSyncError, SyncError } from '../core/errors.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { CalendarGraph, DeltaItem, DeltaPage, RemoteEvent } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { CursorRepository, DeltaCursor } from '../store/cursor.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import { type AbsenceManager, NO_PROOFS } from './absence.manager.ts';
import { AdoptionIndex } from './adoption.ts';
import type { PlanApplier } from './plan-applier.ts';
import type { PullMode, PullOutcome, PullRound } from './pull-round.ts';
import type { RemotePlanner, RemoteState } from './remote-planner.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';
import type { SeriesManager } from './series.manager.ts';
import { seriesMarksIn } from './series-reader.ts';

/** Graph has served identical pages for ever (graph contract 5.3); no honest round is this long. */
const MAX_PAGES_PER_ROUND = 20_000;
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
   *   confirm; `cancelled`; and whatever Graph answers for good
   */
  async pull(context: RunContext, mode: PullMode = 'apply'): Promise<PullOutcome> {
    const adoption = await this.#adoptionIndex(context);
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
    const cursor = await this.#cursors.find(this.#db, context.userId, context.calendarId);
    return cursor?.completedAt !== undefined || (cursor !== undefined && !cursor.isFullRound);
  }

  async #pullRound(
    context: RunContext,
    mode: PullMode,
    adoption: AdoptionIndex,
    isRestart: boolean,
  ): Promise<PullOutcome> {
    const isCursorKept = mode === 'apply' && context.dateRange === undefined;
    const cursor = isCursorKept ? await this.#usableCursor(context, isRestart) : undefined;
    const round = this.#roundFrom(context, cursor, mode, isCursorKept);
    const isRead = cursor?.linkKind === 'delta' && cursor.completedAt === undefined;
    let last: DeltaCursor | undefined = cursor;
    if (!isRead) {
      const read = await this.#readPages(context, round, cursor, adoption);
      if (read.outcome === 'out-of-capacity') return read.outcome;
      last = read.cursor;
    }
    if (round.isFullRound && mode === 'apply') await this.#absences.proveUnseen(context, round, adoption);
    const series = await this.#series.readMarked(context, round, adoption);
    if (series === 'out-of-capacity') return series;
    if (mode === 'apply') await this.#absences.applyDeletions(context);
    if (isCursorKept && last) await this.#complete(context, last);
    return 'complete';
  }

  async #usableCursor(context: RunContext, isRestart: boolean): Promise<DeltaCursor | undefined> {
    const cursor = await this.#cursors.find(this.#db, context.userId, context.calendarId);
    if (!cursor) return undefined;
    const isUnfinished = cursor.completedAt === undefined;
    // A continuation of the same forced round must not start it again.
    if (context.isFullForced && !isRestart && !(isUnfinished && cursor.isFullRound)) return undefined;
    const ageMs = this.#clock.now().getTime() - cursor.roundStartedAt.getTime();
    if (ageMs > this.#tokenExpiryMs) return undefined;
    if (isUnfinished) return cursor;
    return isSameWindow(cursor, context.window) ? cursor : undefined;
  }

  #roundFrom(
    context: RunContext,
    cursor: DeltaCursor | undefined,
    mode: PullMode,
    isCursorKept: boolean,
  ): PullRound {
    if (cursor && cursor.completedAt === undefined) {
      const { roundId, isFullRound, roundStartedAt } = cursor;
      const window = { start: cursor.windowStart, end: cursor.windowEnd };
      return { roundId, isFullRound, window, startedAt: roundStartedAt, mode, isCursorKept };
    }
    return {
      roundId: this.#random.id(),
      isFullRound: cursor === undefined,
      window: context.dateRange ?? (cursor ? { start: cursor.windowStart, end: cursor.windowEnd } : context.window),
      // A token's age counts from its last full round, so that its window moves on with the days.
      startedAt: cursor?.roundStartedAt ?? this.#clock.now(),
      mode,
      isCursorKept,
    };
  }

  async #readPages(
    context: RunContext,
    round: PullRound,
    cursor: DeltaCursor | undefined,
    adoption: AdoptionIndex,
  ): Promise<{ outcome: PullOutcome; cursor: DeltaCursor | undefined }> {
    const first = cursor
      ? { link: cursor.link }
      : { calendarId: context.graphCalendarId, window: round.window };
    const seenLinks = new Set<string>();
    let pages = cursor?.completedAt === undefined ? (cursor?.pages ?? 0) : 0;
    let pending = this.#fetch(context, first);
    for (;;) {
      const page = await pending;
      assertNotCancelled(context);
      const link = nextLinkOf(page, seenLinks, pages);
      const isLast = page.nextLink === undefined;
      const isFull = !isLast && context.counters.remaining <= handledBy(page);
      // The next page travels while this one is applied; a failure is met when it is awaited.
      if (!isLast && !isFull) pending = this.#fetch(context, { link });
      pages += 1;
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
        pages,
      };
      await this.#applyPage(context, round, page, next, adoption);
      if (isLast) return { outcome: 'complete', cursor: next };
      if (isFull && round.isCursorKept) return { outcome: 'out-of-capacity', cursor: next };
      if (isFull) pending = this.#fetch(context, { link });
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
    page: DeltaPage,
    next: DeltaCursor,
    adoption: AdoptionIndex,
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
      const changed = singles.filter((event) => !isEcho(event, known.get(event.id)));
      const states: RemoteState[] = [...changed.map((event) => ({ id: event.id, event })), ...proofs.singles];
      await this.#applier.apply(tx, context, await this.#planner.plan(tx, context, states, adoption, round.mode));
      await this.#absences.markGone(tx, context, proofs.gone);
      const marks = [...seriesMarksIn(latest, known), ...proofs.series];
      await this.#cursors.markSeries(tx, context.userId, context.calendarId, round.roundId, marks);
      if (round.isFullRound) {
        await this.#bases.markSeen(tx, context.userId, idsIn(latest), round.roundId);
      }
      if (round.isCursorKept) await this.#cursors.save(tx, next);
      context.counters.found(handled);
      context.counters.handled(handled);
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

  async #adoptionIndex(context: RunContext): Promise<AdoptionIndex> {
    const index = new AdoptionIndex();
    for (const { event, base } of await this.#events.listUnlinked(this.#db, context.userId, context.calendarId)) {
      index.add(event, base);
    }
    return index;
  }
}

function isSameWindow(cursor: DeltaCursor, window: { start: Date; end: Date }): boolean {
  // The window moves on with each full round (at the latest when the token has aged); only a change of its length
  // calls for a new round at once.
  const length = (from: Date, to: Date) => to.getTime() - from.getTime();
  return length(cursor.windowStart, cursor.windowEnd) === length(window.start, window.end);
}

/** Later items win: a round may name an event several times, and only the order of the stream counts. */
function lastOfEach(items: readonly DeltaItem[]): DeltaItem[] {
  const latest = new Map<string, DeltaItem>();
  for (const item of items) {
    const id = item.kind === 'event' ? item.event.id : item.id;
    latest.delete(id);
    latest.set(id, item);
  }
  return [...latest.values()];
}

function idsIn(items: readonly DeltaItem[]): GraphEventId[] {
  const ids = items.map((item) =>
    item.kind === 'event'
      ? item.event.type === 'exception' && item.event.seriesMasterId
        ? item.event.seriesMasterId
        : item.event.id
      : item.kind === 'occurrence'
        ? item.seriesMasterId
        : item.id,
  );
  return [...new Set(ids)];
}

function isEcho(event: RemoteEvent, base: EventBase | undefined): boolean {
  return base !== undefined && base.etag === event.etag && base.remoteGoneAt === undefined;
}

function handledBy(page: DeltaPage): number {
  return page.items.filter((item) => item.kind !== 'occurrence').length;
}

/** @throws {SyncError} `unavailable` when Graph serves the same page for ever; the next run tries again */
function nextLinkOf(page: DeltaPage, seenLinks: Set<string>, pages: number): string {
  const link = page.nextLink ?? page.deltaLink;
  if (!link) throw new SyncError('unavailable', 'Graph sent a delta page with neither nextLink nor deltaLink');
  if (page.nextLink && (seenLinks.has(page.nextLink) || pages >= MAX_PAGES_PER_ROUND)) {
    throw new SyncError('cursor-expired', 'Graph repeats the same delta page for ever; the round is started again');
  }
  seenLinks.add(link);
  return link;
}
