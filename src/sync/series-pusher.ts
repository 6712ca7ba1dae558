import { changedUnits, sameUnit, type Unit, unitsOf } from '../core/canonical-event.ts';
import { SyncError } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import { inWritableOrder } from '../core/occurrence-order.ts';
import { dateOfUnit, isOccurrenceUnit, mayOverwrite, planOutgoing } from '../core/outgoing-change.ts';
import { occurrenceContent, unitsOfFields } from '../core/series.ts';
import type { CalendarGraph, RemoteSeries, Unread, WriteOperation, WriteOutcome } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import { UNSETTLED } from '../store/unsettled-dates.ts';
import type { ForbiddenWrites } from './forbidden-writes.ts';
import { blame, isWorthRetrying } from './item-trouble.ts';
import { policyFor } from './outgoing.ts';
import { agreedContent } from './remote-planner.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import type { OccurrenceUnit, SeriesPushRecorder } from './series-push-recorder.ts';

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
  readonly #recorder: SeriesPushRecorder;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    events: EventRepository;
    bases: BaseRepository;
    recorder: SeriesPushRecorder;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#recorder = parts.recorder;
  }

  /**
   * @param how.counted  series that count as written already, because their master was
   * @param how.replaced  the tags of masters that this run has written over
   * @param how.forbidden  hears of what goes through
   * @param how.isFirstTry  nothing of these was sent in this run yet: what differs from the last reading is somebody else's
   * @param how.isLastTry  what Graph still keeps otherwise is parked until it changes here: each attempt may mail guests
   * @returns how many of these series are not settled and deserve another pass; those of them that are to be merged first:
   *   somebody changed in Outlook what was about to be overwritten; and those that Graph does not let be read
   */
  async pushOccurrences(
    context: RunContext,
    eventIds: readonly EventId[],
    how: {
      counted: ReadonlySet<EventId>;
      replaced: ReadonlyMap<EventId, string>;
      forbidden: ForbiddenWrites;
      isFirstTry: boolean;
      isLastTry: boolean;
    },
  ): Promise<{
    unsettled: number;
    stale: ReadonlyMap<EventId, GraphEventId>;
    unread: ReadonlyMap<EventId, SyncError>;
  }> {
    const stale = new Map<EventId, GraphEventId>();
    const unread = new Map<EventId, SyncError>();
    if (eventIds.length === 0) return { unsettled: 0, stale, unread };
    let unsettled = 0;
    for (const series of await this.#load(context, eventIds, unread)) {
      assertNotCancelled(context);
      const { event, remote } = series;
      const isCounted = how.counted.has(event.id);
      // A server shows what this very run has written over: what it says of the dates is as old.
      if (how.replaced.get(event.id) === remote.etag) {
        unsettled += 1;
        continue;
      }
      if (how.isFirstTry && !isCounted && isForestalled(series, this.#unitsToSend(context, series).units)) {
        stale.set(event.id, remote.id);
        unsettled += 1;
        continue;
      }
      const isSettled = await this.#pushOne(context, series, { ...how, isCounted });
      if (!isSettled) unsettled += 1;
    }
    return { unsettled, stale, unread };
  }

  async #load(context: RunContext, eventIds: readonly EventId[], unread: Map<EventId, SyncError>): Promise<Series[]> {
    const events = await this.#events.findMany(this.#db, context.userId, [...eventIds]);
    const bases = await this.#bases.findByEventIds(this.#db, context.userId, [...eventIds]);
    const linked = [...events.values()].flatMap((event) => {
      const base = bases.get(event.id);
      return base?.graphEventId && agreedContent(base) ? [{ event, base, graphEventId: base.graphEventId }] : [];
    });
    const ids = linked.map(({ graphEventId }) => graphEventId);
    const refused: Unread = new Map();
    const remotes =
      ids.length > 0 ? await this.#graph.readSeries(context.session, ids, context.window, refused) : new Map();
    for (const { event, graphEventId } of linked) {
      const error = refused.get(graphEventId);
      if (error) unread.set(event.id, error);
    }
    return linked.flatMap(({ event, base, graphEventId }) => {
      const remote: RemoteSeries | 'gone' | undefined = remotes.get(graphEventId);
      return remote && remote !== 'gone' ? [{ event, base, remote }] : [];
    });
  }

  async #pushOne(
    context: RunContext,
    series: Series,
    { isCounted, isLastTry, forbidden }: { isCounted: boolean; isLastTry: boolean; forbidden: ForbiddenWrites },
  ): Promise<boolean> {
    const { event, base, remote } = series;
    const { units, held, isStale, sendAttendees } = this.#unitsToSend(context, series);
    const dates = inWritableOrder(units.map(dateOfUnit), event.content, remote.content);
    const zone = event.content.start.timeZone;
    const ids =
      dates.length > 0 ? await this.#graph.findOccurrences(context.session, remote.id, dates, zone) : new Map();
    const operations = dates.flatMap((date) => occurrenceOperation(series, date, ids.get(date), sendAttendees));
    const outcomes = operations.length > 0 ? await this.#graph.write(context.session, operations) : [];
    await forbidden.note(outcomes);
    const broken = firstError(outcomes, isFatal);
    if (broken) {
      const whose = blame(broken, { outcomes, failures: base.failures });
      if (whose === 'count') await this.#recorder.countFailure(context, base);
      if (whose !== 'event') throw broken;
    }
    const after = await this.#graph.readSeries(context.session, [remote.id], context.window);
    const verified = after.get(remote.id);
    if (!verified || verified === 'gone') return false;
    const settled = units.filter((unit) => sameUnit(event.content, verified.content, unit));
    const lost = dates.filter((date) => !ids.has(date) && remote.content.occurrences[date]?.isCancelled);
    // What may pass by itself comes first: with it the others are tried again as well.
    const refused = firstError(outcomes, isWorthRetrying) ?? firstError(outcomes, () => true);
    const failure = refused ?? (lost.length > 0 ? notRestorable(lost) : unsettledError(units, settled));
    // A write whose answer was lost has done its work all the same.
    const error = settled.length < units.length ? failure : undefined;
    // A tag that is out of date refuses nothing for good: it may be a late server's, and the next look has a newer one.
    const isOutdated = refused?.code === 'precondition-failed';
    const isParked = error !== undefined && !isOutdated && (error.graphCode !== UNSETTLED || isLastTry);
    await this.#recorder.save(context, {
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
    // Graph's event may be a single one, the rule being held here, or in conflict: it has no dates to write to.
    const units = remote.content.recurrence
      ? differing.filter((unit) => mayOverwrite(unit, { content: event.content, standing: remote, policy }))
      : [];
    const refused = differing.filter((unit) => !units.includes(unit));
    const held = [...change.held, ...refused];
    const isStale = held.length > 0 && policy !== context.notifyAttendees;
    return { units, held, isStale, sendAttendees: change.sendAttendees };
  }
}

/**
 * Whether somebody changed one of these dates in Outlook since it was last looked at: to send ours would undo that; or the
 * rule itself, by which there may be no such date any more.
 */
function isForestalled({ base, remote }: Series, units: readonly OccurrenceUnit[]): boolean {
  const known = base.remote;
  if (!known) return false;
  if (units.length > 0 && !sameUnit(known, remote.content, 'time')) return true;
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

/** Exchange has no undelete for a date of a series (graph contract 3.2): asking again and again would change nothing. */
function notRestorable(dates: readonly string[]): SyncError {
  const message = `Outlook cannot restore dates that were deleted from the series: ${dates.join(', ')}; delete them here as well, or make events of their own`;
  return new SyncError('rejected', message, { graphCode: 'ErrorItemNotFound' });
}

function firstError(outcomes: readonly WriteOutcome[], is: (error: SyncError) => boolean): SyncError | undefined {
  return outcomes.flatMap((outcome) => (!outcome.ok && is(outcome.error) ? [outcome.error] : []))[0];
}

function isFatal(error: SyncError): boolean {
  return error.recovery === 'retry' || error.recovery === 'reauthorize';
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
