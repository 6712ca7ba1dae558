import { changedUnits, sameUnit, type Unit, unitsOf, withUnit } from '../core/canonical-event.ts';
import { withRounds } from '../core/convergence.ts';
import { SyncError } from '../core/errors.ts';
import type { EventContent } from '../core/event.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import { inWritableOrder } from '../core/occurrence-order.ts';
import { dateOfUnit, isOccurrenceUnit, mayOverwrite, planOutgoing } from '../core/outgoing-change.ts';
import type { Clock, Random } from '../core/runtime.ts';
import { occurrenceContent, unitsOfFields } from '../core/series.ts';
import type { CalendarGraph, RemoteSeries, WriteOperation } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import { noteUnsettled, UNSETTLED } from '../store/unsettled-dates.ts';
import { policyFor } from './outgoing.ts';
import { seriesEtagsOf } from './plan-applier.ts';
import { agreedContent } from './remote-planner.ts';
import { assertNotCancelled, byOurClock, type RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';
import { staleMark } from './stale-edit.ts';

type OccurrenceUnit = `occurrence:${string}`;

interface Series {
  readonly event: StoredEvent;
  readonly base: EventBase;
  readonly remote: RemoteSeries;
}

/**
 * Sends the dates of a series that differ from its rule, after the master: exceptions as changes of one occurrence, cancelled
 * dates as deletions of one. Works from what Graph holds now, because changing a master may have dropped its exceptions, and
 * reads the series back afterwards, because Graph gives single occurrences no guard.
 */
export class SeriesPusher {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #operations: OperationRepository;
  readonly #leases: LeaseRepository;
  readonly #recorder: RunRecorder;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    events: EventRepository;
    bases: BaseRepository;
    operations: OperationRepository;
    leases: LeaseRepository;
    recorder: RunRecorder;
    clock: Clock;
    random: Random;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#operations = parts.operations;
    this.#leases = parts.leases;
    this.#recorder = parts.recorder;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /**
   * @param how.counted  series that count as written already, because their master was
   * @param how.isFirstTry  nothing of these was sent in this run yet: what differs from the last reading is somebody else's
   * @param how.isLastTry  what Graph still keeps otherwise is parked until it changes here: each attempt may mail guests
   * @returns how many of these series are not settled and deserve another pass, and those of them that are to be merged
   *   first: somebody changed in Outlook what was about to be overwritten
   */
  async pushOccurrences(
    context: RunContext,
    eventIds: readonly EventId[],
    how: { counted: ReadonlySet<EventId>; isFirstTry: boolean; isLastTry: boolean },
  ): Promise<{ unsettled: number; stale: ReadonlyMap<EventId, GraphEventId> }> {
    const stale = new Map<EventId, GraphEventId>();
    if (eventIds.length === 0) return { unsettled: 0, stale };
    let unsettled = 0;
    for (const series of await this.#load(context, eventIds)) {
      assertNotCancelled(context);
      const { event, remote } = series;
      const isCounted = how.counted.has(event.id);
      if (how.isFirstTry && !isCounted && isForestalled(series, this.#unitsToSend(context, series).units)) {
        stale.set(event.id, remote.id);
        unsettled += 1;
        continue;
      }
      const isSettled = await this.#pushOne(context, series, { isCounted, isLastTry: how.isLastTry });
      if (!isSettled) unsettled += 1;
    }
    return { unsettled, stale };
  }

  async #load(context: RunContext, eventIds: readonly EventId[]): Promise<Series[]> {
    const events = await this.#events.findMany(this.#db, context.userId, [...eventIds]);
    const bases = await this.#bases.findByEventIds(this.#db, context.userId, [...eventIds]);
    const linked = [...events.values()].flatMap((event) => {
      const base = bases.get(event.id);
      return base?.graphEventId && agreedContent(base) ? [{ event, base, graphEventId: base.graphEventId }] : [];
    });
    const ids = linked.map(({ graphEventId }) => graphEventId);
    const remotes = ids.length > 0 ? await this.#graph.readSeries(context.session, ids, context.window) : new Map();
    return linked.flatMap(({ event, base, graphEventId }) => {
      const remote: RemoteSeries | 'gone' | undefined = remotes.get(graphEventId);
      return remote && remote !== 'gone' ? [{ event, base, remote }] : [];
    });
  }

  async #pushOne(
    context: RunContext,
    series: Series,
    { isCounted, isLastTry }: { isCounted: boolean; isLastTry: boolean },
  ): Promise<boolean> {
    const { event, base, remote } = series;
    const { units, held, isStale, sendAttendees } = this.#unitsToSend(context, series);
    const dates = inWritableOrder(units.map(dateOfUnit), event.content, remote.content);
    const zone = event.content.start.timeZone;
    const ids =
      dates.length > 0 ? await this.#graph.findOccurrences(context.session, remote.id, dates, zone) : new Map();
    const operations = dates.flatMap((date) => occurrenceOperation(series, date, ids.get(date), sendAttendees));
    const outcomes = operations.length > 0 ? await this.#graph.write(context.session, operations) : [];
    const fatal = outcomes.find((outcome) => !outcome.ok && isFatal(outcome.error));
    if (fatal && !fatal.ok) throw fatal.error;
    const after = await this.#graph.readSeries(context.session, [remote.id], context.window);
    const verified = after.get(remote.id);
    if (!verified || verified === 'gone') return false;
    const settled = units.filter((unit) => sameUnit(event.content, verified.content, unit));
    const lost = dates.filter((date) => !ids.has(date) && remote.content.occurrences[date]?.isCancelled);
    const refused = outcomes.find((outcome) => !outcome.ok);
    const error =
      refused && !refused.ok ? refused.error : lost.length > 0 ? notRestorable(lost) : unsettledError(units, settled);
    const isParked = error !== undefined && (error.graphCode !== UNSETTLED || isLastTry);
    await this.#save(context, {
      ...{ event, base, verified, units, settled, held, isStale, error, isParked, isCounted },
    });
    return error === undefined || isParked;
  }

  /** What differs from Graph's present state because of what was changed here. */
  #unitsToSend(
    context: RunContext,
    { event, base, remote }: Series,
  ): { units: OccurrenceUnit[]; held: readonly Unit[]; isStale: boolean; sendAttendees: boolean } {
    const agreed = agreedContent(base);
    const policy = policyFor(context, event, base);
    // Judged by the guests Graph has now: single occurrences carry no guard against somebody invited since the pull.
    const facts = remote.facts;
    const standing = agreed && { ...agreed, remote: remote.content };
    const change = planOutgoing({ content: event.content, agreed: standing, facts, policy });
    // A master whose time moved may have lost exceptions nobody touched: those are re-applied as well.
    const dropped = unitsOf(event.content, remote.content)
      .filter(isOccurrenceUnit)
      .filter((unit) => !agreed?.conflictUnits.includes(unit) && !change.held.includes(unit))
      .filter((unit) => agreed !== null && changedUnits(agreed.remote, remote.content).includes(unit))
      .filter((unit) => remote.content.occurrences[dateOfUnit(unit)] === undefined);
    const wanted = new Set([...change.occurrences.filter(isOccurrenceUnit), ...dropped]);
    const differing = [...wanted].filter((unit) => !sameUnit(event.content, remote.content, unit));
    const units = differing.filter((unit) => mayOverwrite(unit, { content: event.content, standing: remote, policy }));
    const refused = differing.filter((unit) => !units.includes(unit));
    const held = [...change.held, ...refused];
    const isStale = held.length > 0 && policy !== context.notifyAttendees;
    return { units, held, isStale, sendAttendees: change.sendAttendees };
  }

  async #save(
    context: RunContext,
    result: {
      event: StoredEvent;
      base: EventBase;
      verified: RemoteSeries;
      units: readonly OccurrenceUnit[];
      settled: readonly OccurrenceUnit[];
      held: readonly Unit[];
      isStale: boolean;
      error: SyncError | undefined;
      isParked: boolean;
      isCounted: boolean;
    },
  ): Promise<void> {
    const { event, verified, units, settled, held, isStale, error, isParked, isCounted } = result;
    const isDone = settled.length === units.length;
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#events.lockMany(tx, context.userId, [event.id]);
      // As it is now: while the dates were on their way a person may have decided a conflict.
      const locked = await this.#bases.lockByEventIds(tx, context.userId, [event.id]);
      const base = locked.get(event.id) ?? result.base;
      // Whoever brought a date into step, be it Exchange by dropping what the old rule had: both sides say the same of it.
      const inStep = unitsOf(base.local ?? event.content, base.remote ?? event.content, event.content, verified.content)
        .filter(isOccurrenceUnit)
        .filter((unit) => sameUnit(event.content, verified.content, unit));
      // What Graph makes of a date again and again is its own doing as well: no news for the next round.
      const madeThere =
        isParked && error?.graphCode === UNSETTLED ? units.filter((unit) => !settled.includes(unit)) : [];
      const seen = agreedRemote(base, verified, [...inStep, ...madeThere]);
      const saved: EventBase = {
        ...base,
        // Only a series without anybody else's changes counts as seen; else the next round looks at it again.
        ...(changedUnits(seen, verified.content).length === 0
          ? {
              etag: verified.etag,
              seriesEtags: seriesEtagsOf(verified),
              remoteModifiedAt: byOurClock(verified.lastModifiedAt, context),
            }
          : {}),
        local: agreedLocal(base, event.content, inStep),
        remote: seen,
        agreedRevision: isDone ? agreedUpTo(event.revision, result.base, base) : base.agreedRevision,
        heldUnits: [...held],
        ...(isParked && error
          ? { errorCode: error.graphCode ?? error.code, errorMessage: error.message, failedRevision: event.revision }
          : { ...staleMark(isStale ? held : []), failedRevision: undefined }),
        syncedAt: this.#clock.now(),
        ...(settled.length > 0
          ? {
              rounds: withRounds(base.rounds, {
                kind: 'sent',
                content: event.content,
                units: settled,
                at: this.#clock.now(),
              }),
            }
          : {}),
      };
      await this.#bases.saveMany(tx, context.userId, [saved]);
      if (isParked && error?.graphCode === UNSETTLED) await noteUnsettled(tx, saved);
      if (isParked) context.counters.failed += 1;
      if (settled.length > 0 && !isCounted) context.counters.remote.updated += 1;
      const newlyHeld = held.filter((unit) => !result.base.heldUnits.includes(unit));
      const shared = {
        runId: context.jobId,
        userId: context.userId,
        calendarId: context.calendarId,
        eventId: event.id,
        graphEventId: verified.id,
        side: 'remote' as const,
        at: this.#clock.now(),
        before: base.remote ?? undefined,
      };
      if (newlyHeld.length > 0) {
        const reason = 'kept here: sending it would mail guests';
        await this.#operations.append(tx, [
          { ...shared, id: this.#random.id(), operation: 'hold', fields: newlyHeld, reason },
        ]);
      }
      if (units.length > 0) {
        await this.#operations.append(tx, [
          {
            ...shared,
            id: this.#random.id(),
            operation: isParked ? 'fail' : 'update',
            fields: [...units],
            reason: isParked ? reasonOf(error) : 'dates of the series changed here',
            after: event.content,
            errorCode: error ? (error.graphCode ?? error.code) : undefined,
          },
        ]);
      }
      await this.#recorder.saveProgress(tx, context);
    });
  }
}

/** Whether somebody changed one of these dates in Outlook since it was last looked at: to send ours would undo that. */
function isForestalled({ base, remote }: Series, units: readonly OccurrenceUnit[]): boolean {
  const known = base.remote;
  if (!known) return false;
  return units.some(
    (unit) => remote.content.occurrences[dateOfUnit(unit)] !== undefined && !sameUnit(known, remote.content, unit),
  );
}

/** Graph refused nothing and yet reads back otherwise (graph contract 3.2). */
function unsettledError(units: readonly OccurrenceUnit[], settled: readonly OccurrenceUnit[]): SyncError | undefined {
  const dates = units.filter((unit) => !settled.includes(unit)).map(dateOfUnit);
  if (dates.length === 0) return undefined;
  const message = `Outlook keeps a value of its own for ${dates.join(', ')} of this series, however often ours is sent: change the date here to try again, or take what Outlook has`;
  return new SyncError('rejected', message, { graphCode: UNSETTLED });
}

function reasonOf(error: SyncError | undefined): string {
  return error?.graphCode === UNSETTLED ? error.message : 'refused by Graph';
}

/** How far the series is agreed on once its dates were sent; not so far if somebody meanwhile wants it looked at again. */
function agreedUpTo(revision: bigint, before: EventBase, now: EventBase): bigint {
  if (now.agreedRevision === before.agreedRevision) return revision;
  return now.agreedRevision < revision ? now.agreedRevision : revision;
}

/** Exchange has no undelete for a date of a series (graph contract 3.2): asking again and again would change nothing. */
function notRestorable(dates: readonly string[]): SyncError {
  const message = `Outlook cannot restore dates that were deleted from the series: ${dates.join(', ')}; delete them here as well, or make events of their own`;
  return new SyncError('rejected', message, { graphCode: 'ErrorItemNotFound' });
}

function isFatal(error: SyncError): boolean {
  return error.recovery === 'retry' || error.recovery === 'reauthorize';
}

/** Once sent and seen there, a date counts as agreed on. */
function agreedLocal(base: EventBase, content: EventContent, settled: readonly OccurrenceUnit[]): EventContent {
  let local = base.local ?? { ...content, occurrences: {} };
  for (const unit of settled) local = withUnit(local, unit, content);
  // What was equal all along needs no writing but is agreed on as well.
  for (const unit of unitsOf(local, content).filter(isOccurrenceUnit)) {
    if (base.remote && sameUnit(content, base.remote, unit)) local = withUnit(local, unit, content);
  }
  return local;
}

/** What of Graph's present state is our own doing: the dates just sent, and exceptions Exchange dropped with a new rule. */
function agreedRemote(base: EventBase, verified: RemoteSeries, settled: readonly OccurrenceUnit[]): EventContent {
  let remote = base.remote ?? verified.content;
  for (const unit of settled) remote = withUnit(remote, unit, verified.content);
  return remote;
}

function occurrenceOperation(
  { event, remote }: Series,
  date: string,
  target: { id: RemoteSeries['id']; etag: string } | undefined,
  sendAttendees: boolean,
): WriteOperation[] {
  if (!target) return [];
  const wanted = event.content.occurrences[date];
  const shared = { key: `${event.id}/${date}`, id: target.id, etag: target.etag, seriesMasterId: remote.id };
  if (wanted?.isCancelled) return [{ kind: 'delete', ...shared }];
  const there = remote.content.occurrences[date];
  const fields = { ...(there && !there.isCancelled ? there.fields : {}), ...(wanted ? wanted.fields : {}) };
  const content = occurrenceContent(event.content, date);
  const standing = occurrenceContent(remote.content, date);
  const units = unitsOfFields(fields).filter((unit) => !sameUnit(content, standing, unit));
  if (units.length === 0) return [];
  return [{ kind: 'update', ...shared, content, units, sendAttendees }];
}
