import type { GraphCalendarId, GraphEventId } from '../core/ids.ts';
import type { EventPlan } from '../core/sync-plan.ts';
import { toInstant } from '../core/time-zones.ts';
import type { CalendarGraph } from '../graph/calendar-graph.ts';
import type { AttachmentRepository } from '../store/attachment.repository.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { SeriesMark } from '../store/cursor.repository.ts';
import type { Tx } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { ResponseRepository, StoredResponse } from '../store/response.repository.ts';
import type { PlannedEvent } from './planned-event.ts';
import type { RemoteState } from './remote-planner.ts';
import type { RunContext } from './run-context.ts';

/** As the audit trail has it. */
export const MOVED_OUT = 'moved-out-of-sync';
/** Its copy here goes and is no deletion: Outlook keeps the event, and nothing is agreed on about it any more. */
const TAKE_OUT: EventPlan = { action: 'none', local: { kind: 'delete' }, base: { kind: 'drop' }, isPushNeeded: false };
/** Where events are that are missing from a calendar and exist all the same. */
export interface Whereabouts {
  /** In a calendar that is not synced. */
  readonly away: readonly GraphEventId[];
  /** In the very calendar that does not list them, or told of as there and as gone in one breath. */
  readonly here: readonly GraphEventId[];
}

/** All-day events float: where exactly an edge lies depends on the zone. */
const EDGE_MS = 24 * 60 * 60_000;

/**
 * Events that were moved into a calendar that is not synced. Outlook has them still, so nothing is deleted there; here they
 * would be copies nobody keeps in step, so they go, and come back under the same id when they, or their calendar, do.
 */
export class DepartureManager {
  readonly #graph: CalendarGraph;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #attachments: AttachmentRepository;
  readonly #responses: ResponseRepository;

  constructor(parts: {
    graph: CalendarGraph;
    events: EventRepository;
    bases: BaseRepository;
    attachments: AttachmentRepository;
    responses: ResponseRepository;
  }) {
    this.#graph = parts.graph;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#attachments = parts.attachments;
    this.#responses = parts.responses;
  }

  /**
   * Asks for the calendars of events that are missing from a slice of this one and exist all the same.
   *
   * @returns those that are in one that is not synced, and those that are in this one still. What Graph does not say for
   *   certain, and a calendar that it does not list, is taken for no move
   */
  async whereabouts(
    context: RunContext,
    missing: { readonly singles: readonly RemoteState[]; readonly series: readonly SeriesMark[] },
    window: RunContext['window'],
  ): Promise<Whereabouts> {
    const ids = [
      ...missing.singles.filter((state) => liesIn(state, window)).map(({ id }) => id),
      ...missing.series.map(({ graphEventId }) => graphEventId),
    ];
    if (ids.length === 0) return { away: [], here: [] };
    const found = await this.#graph.findCalendars(context.session, ids);
    const here: GraphEventId[] = [];
    const elsewhere: [GraphEventId, GraphCalendarId][] = [];
    for (const [id, calendarId] of found) {
      if (calendarId === 'gone' || calendarId === context.graphCalendarId) here.push(id);
      else elsewhere.push([id, calendarId]);
    }
    if (elsewhere.length === 0) return { away: [], here };
    const synced = new Map(await context.syncedCalendars());
    if (elsewhere.some(([, calendarId]) => !synced.has(calendarId))) {
      // Made since the list was read last. What it is not on, another spelling of an id perhaps, says nothing.
      for (const { id } of await this.#graph.listCalendars(context.session)) if (!synced.has(id)) synced.set(id, false);
    }
    return { away: elsewhere.filter((each) => isNotSynced(each, synced)).map(([id]) => id), here };
  }

  /**
   * Plans how their copies go. Left out are those with something that Outlook does not know yet, or that waits for a person:
   * it is written to the event where it is now, and the copy goes with a later reconciliation.
   */
  async plan(tx: Tx, context: RunContext, ids: readonly GraphEventId[]): Promise<PlannedEvent[]> {
    if (ids.length === 0) return [];
    const bases = await this.#bases.findByGraphIds(tx, context.userId, ids);
    const eventIds = [...bases.values()].map(({ eventId }) => eventId);
    const stored = await this.#events.lockMany(tx, context.userId, eventIds);
    const locked = await this.#bases.lockByEventIds(tx, context.userId, eventIds);
    const attachments = await this.#attachments.listOf(tx, context.userId, eventIds);
    const responses = await this.#responses.findByEventIds(tx, context.userId, eventIds);
    const unsent = new Set([
      ...attachments.filter(({ state }) => state !== 'synced').map(({ eventId }) => eventId),
      ...[...responses.values()]
        .flat()
        .filter(isOwed)
        .map(({ eventId }) => eventId),
    ]);
    return ids.flatMap((id): PlannedEvent[] => {
      const eventId = bases.get(id)?.eventId;
      const base = eventId && locked.get(eventId);
      const event = eventId && stored.get(eventId);
      if (!base || !event || base.calendarId !== context.calendarId || !isSettled(event, base)) return [];
      if (unsent.has(eventId)) return [];
      return [{ eventId, graphEventId: id, plan: TAKE_OUT, stored: event, base, remote: undefined, reason: MOVED_OUT }];
    });
  }
}

function isNotSynced(
  [, calendarId]: readonly [GraphEventId, GraphCalendarId],
  synced: ReadonlyMap<GraphCalendarId, boolean>,
): boolean {
  return synced.get(calendarId) === false;
}

function liesIn({ event }: RemoteState, { start, end }: RunContext['window']): boolean {
  if (event === 'gone') return false;
  const begins = toInstant(event.content.start) ?? start;
  const ends = toInstant(event.content.end) ?? end;
  return begins.getTime() < end.getTime() + EDGE_MS && ends.getTime() > start.getTime() - EDGE_MS;
}

function isOwed({ state }: StoredResponse): boolean {
  return state === 'pending' || state === 'sending';
}

function isSettled(event: StoredEvent, base: EventBase): boolean {
  const isWaiting = base.conflictUnits.length > 0 || base.heldUnits.length > 0 || event.problem !== undefined;
  return !isWaiting && event.revision <= base.agreedRevision;
}
