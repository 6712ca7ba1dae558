import { SyncError } from '../core/errors.ts';
import type { CalendarId, UserId } from '../core/ids.ts';
import { expandOccurrences, occurrenceOn } from '../core/recurrence.ts';
import { DEFAULT_RETENTION } from '../core/retention.ts';
import type { Clock } from '../core/runtime.ts';
import { type SafeBody, safeBody } from '../core/safe-html.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { ChangeFeedRepository } from '../store/change-feed.repository.ts';
import type { Db, Queryable } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { ResponseRepository } from '../store/response.repository.ts';
import { assertOrder, readInstant, readRange } from './event-cursor.ts';
import { assertExpandable, type ListedOccurrence, listEvents, listOccurrences } from './event-listing.ts';
import { assertLimit, inOrderOfStart, rangeMissing } from './event-request.ts';
import { type EventTarget, idsIn, targetOf } from './event-target.ts';
import { type EventView, eventView, occurrenceView } from './event-views.ts';

export interface EventQuery {
  readonly calendarId?: string;
  /** ISO 8601 instants of a half-open range. */
  readonly start?: string;
  readonly end?: string;
  /** Series as their occurrences; needs `start` and `end`. */
  readonly expand?: 'occurrences';
  readonly limit: number;
  readonly cursor?: string;
}

export interface EventChangeView {
  readonly change: 'created' | 'updated' | 'deleted';
  readonly id: string;
  readonly event?: EventView;
}

const DAY_MS = 24 * 60 * 60_000;
const MAX_PAGE = 1000;

/** Events and their occurrences as the application sees them: each with where it stands between the two sides. */
export class EventReader {
  readonly #db: Db;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #responses: ResponseRepository;
  readonly #changeFeed: ChangeFeedRepository;
  readonly #clock: Clock;
  readonly #tombstonesDays: number;

  constructor(parts: {
    db: Db;
    events: EventRepository;
    bases: BaseRepository;
    responses: ResponseRepository;
    changeFeed: ChangeFeedRepository;
    clock: Clock;
    /** `RETENTION_TOMBSTONES_DAYS` */
    tombstonesDays?: number;
  }) {
    this.#db = parts.db;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#responses = parts.responses;
    this.#changeFeed = parts.changeFeed;
    this.#clock = parts.clock;
    this.#tombstonesDays = parts.tombstonesDays ?? DEFAULT_RETENTION.tombstonesDays;
  }

  /** @throws {SyncError} `invalid-input`, `impossible-input` for a query that cannot be answered */
  async list(userId: UserId, query: EventQuery): Promise<{ items: EventView[]; nextCursor: string | null }> {
    assertLimit(query.limit, MAX_PAGE);
    const start = query.start === undefined ? undefined : readInstant(query.start, 'start');
    const end = query.end === undefined ? undefined : readInstant(query.end, 'end');
    if (start && end) assertOrder(start, end);
    const calendarId = query.calendarId as CalendarId | undefined;
    // Nothing is called by a name that PostgreSQL cannot hold.
    if (calendarId?.includes('\0')) return { items: [], nextCursor: null };
    const { limit, cursor } = query;
    if (query.expand !== 'occurrences') {
      const page = await listEvents(this.#db, this.#events, userId, { calendarId, start, end, limit, cursor });
      const bases = await this.basesOf(this.#db, userId, page.items);
      const responses = await this.#responsesTo(this.#db, userId, page.items);
      return {
        items: page.items.map((event) => eventView(event, bases.get(event.id), responses.get(event.id))),
        nextCursor: page.nextCursor,
      };
    }
    if (!start || !end) throw rangeMissing({ start, end });
    assertExpandable({ start, end });
    const page = await listOccurrences(this.#db, this.#events, userId, { calendarId, start, end, limit, cursor });
    return { items: await this.#occurrenceViews(userId, page.items), nextCursor: page.nextCursor };
  }

  /** @throws {SyncError} `not-found` */
  async get(userId: UserId, id: string): Promise<EventView> {
    return this.view(this.#db, userId, await this.getTarget(this.#db, userId, id));
  }

  /**
   * An event's body, or an occurrence's, for a page to show; what is stored stays as it was written.
   *
   * @throws {SyncError} `not-found`
   */
  async body(userId: UserId, id: string, how: { withImages: boolean }): Promise<SafeBody> {
    const { event, originalDate } = await this.getTarget(this.#db, userId, id);
    const occurrence = originalDate === undefined ? undefined : occurrenceOn(event.content, originalDate);
    return safeBody((occurrence?.fields ?? event.content).body, how);
  }

  /** @throws {SyncError} `not-found`; `impossible-input` for an event that does not recur */
  async instances(
    userId: UserId,
    masterId: string,
    range: { start: string; end: string },
  ): Promise<{ items: EventView[] }> {
    const instants = readRange(range);
    assertExpandable(instants);
    const { event, originalDate } = await this.getTarget(this.#db, userId, masterId);
    if (originalDate !== undefined || !event.content.recurrence) {
      throw new SyncError('impossible-input', `event ${masterId} is not a series: only a series master has instances`);
    }
    const occurrences = inOrderOfStart(expandOccurrences(event.content, instants));
    const items = await this.#occurrenceViews(
      userId,
      occurrences.map((occurrence) => ({ event, occurrence })),
    );
    return { items };
  }

  /**
   * The application's own delta query: what became of each event since the cursor, the latest state only.
   *
   * @throws {SyncError} `invalid-input` for what is no cursor; `cursor-expired` for one older than what is remembered
   */
  async changes(
    userId: UserId,
    page: { cursor?: string; limit: number },
  ): Promise<{ items: EventChangeView[]; cursor: string; hasMore: boolean }> {
    assertLimit(page.limit, MAX_PAGE);
    const now = this.#clock.now();
    const { items, cursor, hasMore } = await this.#changeFeed.list(this.#db, userId, {
      ...page,
      now,
      forgottenBefore: new Date(now.getTime() - this.#tombstonesDays * DAY_MS),
    });
    const ids = items.flatMap(({ change, id }) => (change === 'deleted' ? [] : [id]));
    const events = await this.#events.findMany(this.#db, userId, ids);
    const bases = await this.#bases.findByEventIds(this.#db, userId, ids);
    const responses = await this.#responsesTo(this.#db, userId, [...events.values()]);
    return {
      items: items.map(({ change, id }) => {
        const event = events.get(id);
        return event ? { change, id, event: eventView(event, bases.get(id), responses.get(id)) } : { change, id };
      }),
      cursor,
      hasMore,
    };
  }

  /** @throws {SyncError} `not-found` */
  async getTarget(q: Queryable, userId: UserId, id: string): Promise<EventTarget> {
    return targetOf(id, await this.#events.findMany(q, userId, idsIn(id)));
  }

  /** As the application sees it, within the caller's transaction. */
  async view(q: Queryable, userId: UserId, { event, originalDate }: EventTarget): Promise<EventView> {
    const base = (await this.basesOf(q, userId, [event])).get(event.id);
    const responses = (await this.#responsesTo(q, userId, [event])).get(event.id);
    const occurrence = originalDate === undefined ? undefined : occurrenceOn(event.content, originalDate);
    return occurrence ? occurrenceView(event, base, occurrence, responses) : eventView(event, base, responses);
  }

  async #occurrenceViews(userId: UserId, listed: readonly ListedOccurrence[]): Promise<EventView[]> {
    const bases = await this.basesOf(
      this.#db,
      userId,
      listed.map(({ event }) => event),
    );
    const events = listed.map(({ event }) => event);
    const responses = await this.#responsesTo(this.#db, userId, events);
    return listed.map(({ event, occurrence }) => {
      const base = bases.get(event.id);
      const answers = responses.get(event.id);
      return event.content.recurrence
        ? occurrenceView(event, base, occurrence, answers)
        : eventView(event, base, answers);
    });
  }

  /** Only invitations are answered. */
  async #responsesTo(q: Queryable, userId: UserId, events: readonly StoredEvent[]) {
    const invitations = events.filter(({ facts }) => facts?.isOrganizer === false).map(({ id }) => id);
    return this.#responses.findByEventIds(q, userId, [...new Set(invitations)]);
  }

  async basesOf(q: Queryable, userId: UserId, events: readonly StoredEvent[]) {
    return this.#bases.findByEventIds(q, userId, [...new Set(events.map(({ id }) => id))]);
  }
}
