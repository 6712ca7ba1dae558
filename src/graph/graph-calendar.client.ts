import { SyncError } from '../core/errors.ts';
import type { GraphCalendarId, GraphEventId } from '../core/ids.ts';
import type {
  CalendarGraph,
  DeltaItem,
  DeltaOutcome,
  DeltaPage,
  DeltaStart,
  GraphSession,
  MeetingResponse,
  RemoteCalendar,
  RemoteEvent,
  RemoteMailbox,
  RemoteSeries,
  Unread,
  WriteOperation,
  WriteOutcome,
} from './calendar-graph.ts';
import { fetchTogether } from './delta-batch.ts';
import { writeEvents } from './event-writing.ts';
import type { GraphClient, GraphRequest } from './graph.client.ts';
import { type GraphAccess, getEvents, itemsOf, toRemoteEvents } from './graph-access.ts';
import { isDoubtful, isGone } from './graph-errors.ts';
import type { WireEvent } from './graph-event-reader.ts';
import { calendarPath, query } from './graph-paths.ts';
import { isOwnTrouble } from './item-reading.ts';
import { readCalendars, readCalendarsOf, readMailbox } from './mailbox-reading.ts';
import { MailboxZones } from './mailbox-zones.ts';
import { copyOf, sendResponse } from './meeting-response.ts';
import { searchOccurrences } from './occurrence-search.ts';
import { readSeriesWhole } from './series-reading.ts';
import { members, text } from './wire-values.ts';

/** Properties every complete event has, if only as `null`; an item without one of them tells only what changed. */
const ALWAYS_THERE = ['subject', 'body', 'start', 'end', 'isAllDay', 'recurrence'];

/** Calendars at Microsoft Graph v1.0: who reads and writes what, over which request. */
export class GraphCalendarClient implements CalendarGraph {
  readonly #access: GraphAccess;
  readonly #pageSize: number;

  /**
   * @param parts.batchSize  items of one `$batch`, at most twenty
   * @param parts.pageSize   items of one delta page, an upper bound
   */
  constructor(parts: { client: GraphClient; batchSize: number; pageSize: number }) {
    this.#access = { client: parts.client, batchSize: parts.batchSize, zones: new MailboxZones() };
    this.#pageSize = parts.pageSize;
  }

  async getMailbox(session: GraphSession): Promise<RemoteMailbox> {
    return readMailbox(this.#access, session);
  }

  async listCalendars(session: GraphSession): Promise<RemoteCalendar[]> {
    return readCalendars(this.#access, session);
  }

  async fetchDeltaPage(session: GraphSession, from: DeltaStart): Promise<DeltaPage> {
    const { body } = await this.#access.client.send(session, this.#deltaRequest(session, from));
    return this.#deltaPage(session, body);
  }

  async fetchDeltaPages(session: GraphSession, starts: readonly DeltaStart[]): Promise<DeltaOutcome[]> {
    return fetchTogether(
      this.#access,
      session,
      starts.map((from) => this.#deltaRequest(session, from)),
      (body) => this.#deltaPage(session, body),
    );
  }

  async findCalendars(
    session: GraphSession,
    ids: readonly GraphEventId[],
  ): Promise<Map<GraphEventId, GraphCalendarId | 'gone'>> {
    return readCalendarsOf(this.#access, session, ids);
  }

  async readEvents(
    session: GraphSession,
    ids: readonly GraphEventId[],
    unread?: Unread,
  ): Promise<Map<GraphEventId, RemoteEvent | 'gone'>> {
    const outcomes = await getEvents(this.#access, session, ids);
    const found: WireEvent[] = [];
    for (const [id, outcome] of outcomes) {
      if (outcome.ok) found.push(outcome.body as WireEvent);
      else if (isGone(outcome.error) || isDoubtful(outcome.error)) continue;
      else if (unread && isOwnTrouble(outcome.error, [...outcomes.values()])) {
        unread.set(id as GraphEventId, outcome.error);
      } else throw outcome.error;
    }
    const events = (await toRemoteEvents(this.#access, session, found)).values();
    return new Map(
      [...outcomes].flatMap(([id, outcome]): [GraphEventId, RemoteEvent | 'gone'][] => {
        if (outcome.ok) return [[id as GraphEventId, events.next().value as RemoteEvent]];
        return isGone(outcome.error) ? [[id as GraphEventId, 'gone']] : [];
      }),
    );
  }

  async readSeries(
    session: GraphSession,
    masterIds: readonly GraphEventId[],
    window: { readonly start: Date; readonly end: Date },
    unread?: Unread,
  ): Promise<Map<GraphEventId, RemoteSeries | 'gone'>> {
    return readSeriesWhole(this.#access, session, masterIds, { window, unread });
  }

  async write(session: GraphSession, operations: readonly WriteOperation[]): Promise<WriteOutcome[]> {
    return writeEvents(this.#access, session, operations);
  }

  async findOccurrences(
    session: GraphSession,
    masterId: GraphEventId,
    originalDates: readonly string[],
    timeZone: string,
  ): Promise<Map<string, { readonly id: GraphEventId; readonly etag: string }>> {
    return searchOccurrences(this.#access, session, masterId, originalDates, timeZone);
  }

  async findByICalUId(
    session: GraphSession,
    iCalUId: string,
    calendarId?: GraphCalendarId,
  ): Promise<RemoteEvent | undefined> {
    return copyOf(this.#access, session, { iCalUId, calendarId });
  }

  async respond(session: GraphSession, id: GraphEventId, answer: MeetingResponse): Promise<void> {
    await sendResponse(this.#access, session, id, answer);
  }

  serverClockOffsetMs(): number | undefined {
    return this.#access.client.clockOffsetMs;
  }

  #deltaRequest(session: GraphSession, from: DeltaStart): GraphRequest {
    return {
      method: 'GET',
      path: 'link' in from ? from.link : deltaPath(session, from),
      // A header, not part of a link: it has to be said on every page.
      prefer: [`odata.maxpagesize=${this.#pageSize}`],
      isDelta: true,
    };
  }

  async #deltaPage(session: GraphSession, body: unknown): Promise<DeltaPage> {
    const { '@odata.nextLink': nextLink, '@odata.deltaLink': deltaLink } = members(body);
    const wires = itemsOf(body);
    if (wires.some((wire) => idOf(wire) === '')) {
      throw new SyncError('unavailable', 'Graph sent a delta page with an item that has no id');
    }
    const items = await this.#deltaItems(session, wires);
    if (typeof nextLink === 'string') return { items, nextLink };
    if (typeof deltaLink === 'string') return { items, deltaLink };
    throw new SyncError('unavailable', 'Graph sent a delta page with neither nextLink nor deltaLink');
  }

  /** Bare occurrences and tombstones carry an id and little else; anything else is complete, or is read again whole. */
  async #deltaItems(session: GraphSession, wires: readonly WireEvent[]): Promise<DeltaItem[]> {
    const complete = wires.filter((wire) => isFull(wire) && ALWAYS_THERE.every((name) => name in wire));
    const read = new Set(complete);
    const partial = wires.filter((wire) => isFull(wire) && !read.has(wire)).map(idOf);
    const events = new Map<WireEvent | GraphEventId, RemoteEvent | 'gone'>();
    const mapped = await toRemoteEvents(this.#access, session, complete);
    for (const [index, wire] of complete.entries()) events.set(wire, mapped[index] as RemoteEvent);
    const unread: Unread = new Map();
    const whole = partial.length > 0 ? await this.readEvents(session, partial, unread) : events;
    for (const [id, event] of whole) events.set(id, event);
    return wires.map((wire): DeltaItem => {
      const id = idOf(wire);
      if (isBare(wire)) {
        return { kind: 'occurrence', id, seriesMasterId: masterOf(wire) ?? id, etag: text(wire['@odata.etag']) };
      }
      // Only a sign of life, then: whoever reads the page asks for it again, until it can be read.
      if (unread.has(id))
        return { kind: 'occurrence', id, seriesMasterId: masterOf(wire) ?? id, etag: '', isUnread: true };
      const event = events.get(wire) ?? events.get(id);
      return event === undefined || event === 'gone' ? { kind: 'removed', id } : { kind: 'event', event };
    });
  }
}

function deltaPath(session: GraphSession, from: Extract<DeltaStart, { calendarId: unknown }>): string {
  const window = { startDateTime: from.window.start.toISOString(), endDateTime: from.window.end.toISOString() };
  return `${calendarPath(session, from.calendarId)}/calendarView/delta${query(window)}`;
}

function idOf(wire: WireEvent): GraphEventId {
  return text(wire['id']) as GraphEventId;
}

function masterOf(wire: WireEvent): GraphEventId | undefined {
  return (text(wire['seriesMasterId']) as GraphEventId) || undefined;
}

function isFull(wire: WireEvent): boolean {
  return !wire['@removed'] && !isBare(wire);
}

/** What of an occurrence is its own are its times; the rest is its master's, so even a complete one is only a sign of life. */
function isBare(wire: WireEvent): boolean {
  return wire['type'] === 'occurrence' && typeof wire['seriesMasterId'] === 'string' && !wire['@removed'];
}
