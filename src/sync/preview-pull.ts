import { createHash } from 'node:crypto';
import { isSyncError } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { CalendarGraph } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import { type CursorRepository, joinedMarks, type SeriesMark } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { AbsenceManager } from './absence.manager.ts';
import type { AdoptionIndex } from './adoption.ts';
import type { DeletionGuard } from './deletion-guard.ts';
import { idsIn, isEcho, lastOfEach, RoundLinks } from './delta-page.ts';
import type { DepartureManager } from './departure.manager.ts';
import { behind, isListedAlive } from './late-servers.ts';
import { prepare } from './outgoing.ts';
import { nextBase, type PlannedEvent } from './planned-event.ts';
import type { PreviewTally } from './preview-tally.ts';
import { type Proofs, withoutThose } from './proofs.ts';
import type { PullMode, PullRound } from './pull-round.ts';
import type { RemotePlanner, RemoteState } from './remote-planner.ts';
import { adoptReplaced } from './replaced-events.ts';
import type { RunContext } from './run-context.ts';
import { FirstPages, isRead, startOf } from './rung-pages.ts';
import { isSeriesEcho, seriesMarksIn } from './series-reader.ts';
import { ladderFrom, type Rung, readAgain, spanOf } from './window-ladder.ts';

const PROOFS_PER_STEP = 100;
const SERIES_PER_READ = 20;
const LINKED_PER_STEP = 500;
/** Marks left by a round that was interrupted; more would have been read by it. */
const MAX_STORED_MARKS = 100_000;

export interface PreviewPullParts {
  readonly db: Db;
  readonly graph: CalendarGraph;
  readonly bases: BaseRepository;
  readonly cursors: CursorRepository;
  readonly planner: RemotePlanner;
  readonly guard: DeletionGuard;
  readonly absences: AbsenceManager;
  readonly departures: DepartureManager;
  readonly clock: Clock;
  readonly random: Random;
  /** `CALENDAR_DELTA_TOKEN_EXPIRY` */
  readonly tokenExpiryMs: number;
}

/**
 * Walks a pull as the run would, page by page, and writes nothing: the same cursor, the same pages, the same proofs and the
 * same plans, tallied instead of applied. What it must remember of a calendar is a few bytes an event.
 */
export class PreviewPull {
  readonly #parts: PreviewPullParts;
  readonly #context: RunContext;
  readonly #adoption: AdoptionIndex;
  readonly #tally: PreviewTally;
  readonly #isPushing: boolean;
  /** Events here whose push the pull has decided about already. */
  readonly settled = new Set<EventId>();
  /** Deletions here that would not reach Outlook, because the event comes back or waits for a decision. */
  readonly overridden = new Set<EventId>();
  /** What of events deleted here the pull has learned about Outlook's: rules and guests go by that. */
  readonly agreedOfDeleted = new Map<EventId, EventBase>();
  readonly #seen = new Set<number>();
  readonly #planned = new Set<number>();
  readonly #marks = new Map<GraphEventId, SeriesMark>();
  readonly #gone = new Set<GraphEventId>();

  constructor(
    parts: PreviewPullParts,
    of: { context: RunContext; adoption: AdoptionIndex; tally: PreviewTally; isPushing: boolean },
  ) {
    this.#parts = parts;
    this.#context = of.context;
    this.#adoption = of.adoption;
    this.#tally = of.tally;
    this.#isPushing = of.isPushing;
  }

  /**
   * @param how.isRestart  the stored token died: a full round is made, as the run would
   * @throws {SyncError} `cursor-expired`, and whatever Graph answers for good
   */
  async walk(mode: PullMode, how: { isRestart: boolean }): Promise<void> {
    const { db, graph, cursors, clock, random, tokenExpiryMs } = this.#parts;
    const { userId, calendarId, dateRange } = this.#context;
    const isCursorKept = mode === 'apply' && dateRange === undefined;
    const stored = isCursorKept && !how.isRestart ? await cursors.list(db, userId, calendarId) : [];
    const making = { roundId: random.id(), now: clock.now(), mode, isCursorKept, isRestart: how.isRestart };
    const { rungs } = ladderFrom(stored, { ...this.#context, ...making, tokenExpiryMs });
    for (const mark of await cursors.listDirtySeries(db, userId, calendarId, MAX_STORED_MARKS)) this.#mark(mark);
    const first = await FirstPages.fetch(graph, this.#context, rungs);
    for (const rung of rungs) await this.#readRung(rung, first, { isAlone: rungs.length === 1, making });
    const whole = rungs.find(({ round }) => round.isFullRound && !round.isRolled);
    const round = { ...((whole ?? rungs[0]) as Rung).round, window: spanOf(rungs) };
    if (whole) await this.#findLost(round);
    await this.#readSeries(round);
    if (mode === 'apply') await this.#planDeletions();
  }

  /** As the run does: a slice whose own token is dead is read again from its beginning. */
  async #readRung(
    rung: Rung,
    first: FirstPages,
    { isAlone, making }: { isAlone: boolean; making: { readonly roundId: string; readonly now: Date } },
  ): Promise<void> {
    const { round } = rung;
    try {
      if (!isRead(rung)) await this.#readPages(rung, first);
    } catch (error) {
      if (!isSyncError(error, 'cursor-expired') || isAlone || !rung.cursor) throw error;
      return this.#readRung(readAgain(rung, { ...this.#context, ...making }), FirstPages.NONE, { isAlone, making });
    }
    if (round.isFullRound && round.mode === 'apply') await this.#proveUnseen(round);
  }

  async #readPages(rung: Rung, first: FirstPages): Promise<void> {
    const { graph, db, bases, absences } = this.#parts;
    const { session, userId, signal } = this.#context;
    const { round, cursor } = rung;
    const links = new RoundLinks(cursor?.completedAt === undefined ? (cursor?.pages ?? 0) : 0);
    const fetched = first.pageOf(rung.number);
    let from = startOf(rung, this.#context);
    for (let isFirst = fetched !== undefined; ; isFirst = false) {
      signal.throwIfAborted();
      const page = isFirst && fetched ? fetched : await graph.fetchDeltaPage(session, from);
      const link = links.follow(page);
      const latest = lastOfEach(page.items);
      const ids = idsIn(latest);
      if (round.isFullRound) for (const id of ids) this.#seen.add(digest(id));
      const removed = latest.flatMap((item) => (item.kind === 'removed' ? [item.id] : []));
      const asked = isFirst ? first.unexplained(rung.number, removed) : removed;
      if (round.mode === 'apply')
        await this.#plan(await this.#noteProofs(await absences.prove(this.#context, asked, round.window)), round.mode);
      const known = await bases.findByGraphIds(db, userId, ids);
      const changed = latest.flatMap((item): RemoteState[] =>
        item.kind === 'event' &&
        item.event.type === 'singleInstance' &&
        !isEcho(item.event, known.get(item.event.id), this.#context.calendarId)
          ? [{ id: item.event.id, event: item.event }]
          : [],
      );
      await this.#plan(changed, round.mode);
      for (const mark of seriesMarksIn(latest, known)) this.#mark(mark);
      if (page.nextLink === undefined) return;
      from = { link };
    }
  }

  /** Everything of the window that is known here and that the round did not list. */
  async #proveUnseen(round: PullRound): Promise<void> {
    const { db, bases, absences } = this.#parts;
    const { userId, calendarId, signal } = this.#context;
    let after: EventId | undefined;
    for (;;) {
      signal.throwIfAborted();
      const step = await bases.listLinked(db, userId, calendarId, {
        window: round.window,
        limit: LINKED_PER_STEP,
        after,
        isOfSinglesOnly: round.isRolled,
      });
      const unseen = step.filter(
        ({ graphEventId, seenRound }) => seenRound !== round.roundId && !this.#seen.has(digest(graphEventId)),
      );
      for (let at = 0; at < unseen.length; at += PROOFS_PER_STEP) {
        const ids = unseen.slice(at, at + PROOFS_PER_STEP).map(({ graphEventId }) => graphEventId);
        const proofs = await absences.prove(this.#context, ids, round.window);
        await this.#plan(await this.#noteProofs(proofs), round.mode);
      }
      after = step.at(-1)?.eventId;
      if (step.length < LINKED_PER_STEP) return;
    }
  }

  /** What was at Graph once and is not linked: what is still there is joined, the rest is created again by the push. */
  async #findLost(round: PullRound): Promise<void> {
    const ids = this.#adoption.lost().map(({ graphEventId }) => graphEventId);
    for (let at = 0; at < ids.length; at += PROOFS_PER_STEP) {
      const { singles, series } = await this.#parts.absences.ask(this.#context, ids.slice(at, at + PROOFS_PER_STEP));
      for (const mark of series) this.#mark(mark);
      await this.#plan(singles, round.mode);
    }
  }

  async #readSeries(round: PullRound): Promise<void> {
    const { db, bases, graph } = this.#parts;
    const { session, userId, signal } = this.#context;
    const marks = [...this.#marks.values()];
    for (let at = 0; at < marks.length; at += SERIES_PER_READ) {
      signal.throwIfAborted();
      const step = marks.slice(at, at + SERIES_PER_READ);
      const known = await bases.findByGraphIds(
        db,
        userId,
        step.map((mark) => mark.graphEventId),
      );
      const dirty = step.filter((mark) => !isSeriesEcho(mark, known.get(mark.graphEventId), this.#context.calendarId));
      if (dirty.length === 0) continue;
      const ids = dirty.map((mark) => mark.graphEventId);
      // What Graph does not let be read is left out, as a run leaves it for the next.
      const read = await graph.readSeries(session, ids, round.window, new Map());
      const states = [...read].map(([id, event]): RemoteState => ({ id, event }));
      const now = this.#parts.clock.now();
      for (const { id, event } of states) {
        const base = known.get(id);
        if (event === 'gone' && base && !isListedAlive(id, dirty, { base, now })) this.#gone.add(id);
      }
      const doubted = new Set(behind(states, { bases: known, marks: dirty, window: round.window }));
      const present = states.filter(({ id, event }) => event !== 'gone' && !doubted.has(id));
      await this.#plan(present, round.mode);
    }
  }

  /** What is proven to be gone in Outlook, and whether the run would stop and ask. */
  async #planDeletions(): Promise<void> {
    const { db, bases, guard } = this.#parts;
    const { userId, calendarId, confirmedDeletions } = this.#context;
    for (const { graphEventId } of await bases.listGone(db, userId, calendarId)) this.#gone.add(graphEventId);
    const ids = [...this.#gone];
    const linked = this.#tally.linked;
    let confirmed = 0;
    const unconfirmed: EventId[] = [];
    for (let at = 0; at < ids.length; at += PROOFS_PER_STEP) {
      const step = ids.slice(at, at + PROOFS_PER_STEP);
      const known = await bases.findByGraphIds(db, userId, step);
      // What another calendar knows, the run deletes with that one.
      const due = step.filter((id) => {
        const base = known.get(id);
        return base?.calendarId === calendarId && base.conflictUnits.length === 0;
      });
      const planned = await this.#plan(
        due.map((id) => ({ id, event: 'gone' })),
        'apply',
      );
      for (const { plan, eventId } of planned) {
        if (plan.local.kind !== 'delete') continue;
        if (confirmedDeletions.has(eventId)) confirmed += 1;
        else unconfirmed.push(eventId);
      }
    }
    const synced = (await bases.countSynced(db, userId, calendarId)) + linked - confirmed;
    const refused = await guard.refused(this.#context, { side: 'local', eventIds: unconfirmed, of: synced });
    if (refused) this.#tally.refuse({ side: 'local', count: unconfirmed.length, of: synced });
  }

  async #plan(states: readonly RemoteState[], mode: PullMode): Promise<PlannedEvent[]> {
    // A page may be served twice, and an event be named in two; the run finds it agreed on the second time.
    const fresh = states.filter(({ id }) => !this.#planned.has(digest(id)));
    if (fresh.length === 0) return [];
    const { db, planner } = this.#parts;
    const adoption = this.#adoption;
    const replaced = { states: fresh, gone: this.#gone, adoption };
    if (mode === 'apply') await adoptReplaced(this.#parts, this.#context, replaced);
    const planned = await db.transaction((tx) => planner.plan(tx, this.#context, fresh, adoption, mode));
    for (const target of planned) {
      for (const id of [target.graphEventId, target.base?.graphEventId]) if (id) this.#planned.add(digest(id));
      this.#tally.addLocal(target);
      this.#lookAhead(target);
    }
    return planned;
  }

  /** What the push would find of an event once its plan is carried out. */
  #lookAhead(target: PlannedEvent): void {
    const { plan, stored, base, eventId, remote } = target;
    if (!stored) {
      if (base && !plan.isPushNeeded) this.overridden.add(eventId);
      const agreed = plan.base.kind === 'save' ? nextBase(target, this.#context, undefined, this.#now) : undefined;
      if (agreed) this.agreedOfDeleted.set(eventId, agreed);
      return;
    }
    this.settled.add(eventId);
    if (!plan.isPushNeeded || plan.local.kind === 'delete' || !this.#isPushing) return;
    const content = plan.local.kind === 'write' ? plan.local.content : stored.content;
    const facts = remote?.facts ?? stored.facts;
    const agreed = plan.base.kind === 'keep' ? base : nextBase(target, this.#context, stored.revision, this.#now);
    this.#tally.addOutgoing(prepare(this.#context, { ...stored, content, facts }, agreed));
  }

  get #now(): Date {
    return this.#parts.clock.now();
  }

  async #noteProofs(asked: Proofs): Promise<readonly RemoteState[]> {
    const { db, departures } = this.#parts;
    const leaving =
      asked.away.length > 0 ? await db.transaction((tx) => departures.plan(tx, this.#context, asked.away)) : [];
    const left = new Set(leaving.flatMap(({ graphEventId }) => (graphEventId ? [graphEventId] : [])));
    for (const target of leaving) {
      if (!target.graphEventId || this.#planned.has(digest(target.graphEventId))) continue;
      this.#planned.add(digest(target.graphEventId));
      this.#marks.delete(target.graphEventId);
      this.#tally.addLocal(target);
      this.settled.add(target.eventId);
    }
    const { gone, singles, series } = withoutThose(asked, left);
    for (const id of gone) this.#gone.add(id);
    const isUnread = new Set(asked.unread);
    for (const mark of series) if (!isUnread.has(mark.graphEventId)) this.#mark(mark);
    return singles;
  }

  #mark(mark: SeriesMark): void {
    this.#marks.set(mark.graphEventId, joinedMarks(this.#marks.get(mark.graphEventId), mark));
  }
}

/** Ids are 150 characters long and there may be a hundred thousand; 48 bits of a hash tell them apart well enough. */
function digest(id: GraphEventId): number {
  return createHash('sha1').update(id).digest().readUIntBE(0, 6);
}
