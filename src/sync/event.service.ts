import { isDeepStrictEqual } from 'node:util';
import type { EventContent } from '../core/event.ts';
import { createContent, type EventInput } from '../core/event-input.ts';
import type { CalendarId, EventId, UserId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { SafeBody } from '../core/safe-html.ts';
import { cancelOccurrence, patchEvent, patchOccurrence, withoutRevived } from '../core/series-edit.ts';
import type { AttachmentRepository } from '../store/attachment.repository.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { ChangeFeedRepository } from '../store/change-feed.repository.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { IdempotencyRepository } from '../store/idempotency.repository.ts';
import type { ResponseRepository } from '../store/response.repository.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import type { TombstoneRepository } from '../store/tombstone.repository.ts';
import { assertMatches } from './event-etag.ts';
import { exportEvents } from './event-export.ts';
import { EventGate } from './event-gate.ts';
import { takeKey } from './event-idempotency.ts';
import { EventImport, type ImportResult } from './event-import.ts';
import { type EventChangeView, type EventQuery, EventReader } from './event-reader.ts';
import { assertMended } from './event-request.ts';
import { type EventTarget, idsIn, targetOf } from './event-target.ts';
import { type EventView, eventView } from './event-views.ts';
import type { RunQueue } from './run-queue.ts';
import { SeriesSplitter } from './series-splitter.ts';

export type { ImportResult } from './event-import.ts';
export type { EventChangeView, EventQuery } from './event-reader.ts';
export type { EventView, SyncState } from './event-views.ts';

export interface WriteOptions {
  readonly ifMatch?: string;
  readonly correlationId?: string;
}

export interface EventServiceParts {
  readonly db: Db;
  readonly events: EventRepository;
  readonly tombstones: TombstoneRepository;
  readonly bases: BaseRepository;
  readonly calendars: CalendarRepository;
  readonly connections: ConnectionRepository;
  readonly settings: SettingsRepository;
  readonly changeFeed: ChangeFeedRepository;
  readonly idempotency: IdempotencyRepository;
  readonly responses: ResponseRepository;
  readonly attachments: AttachmentRepository;
  readonly queue: RunQueue;
  readonly clock: Clock;
  readonly random: Random;
  /** `RETENTION_TOMBSTONES_DAYS` */
  readonly tombstonesDays?: number;
}

/**
 * The application's side of the calendar. Every write stores the event, whereby it becomes pending, and queues the run that
 * carries it to Outlook, in one transaction. An id that is not the user's own is answered as one that does not exist.
 */
export class EventService {
  readonly #parts: EventServiceParts;
  readonly #db: Db;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #gate: EventGate;
  readonly #reader: EventReader;
  readonly #splitter: SeriesSplitter;
  readonly #clock: Clock;

  constructor(parts: EventServiceParts) {
    this.#parts = parts;
    this.#db = parts.db;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#gate = new EventGate(parts);
    this.#reader = new EventReader(parts);
    this.#splitter = new SeriesSplitter({ ...parts, gate: this.#gate });
    this.#clock = parts.clock;
  }

  /** As `EventReader`. */
  list(userId: UserId, query: EventQuery): Promise<{ items: EventView[]; nextCursor: string | null }> {
    return this.#reader.list(userId, query);
  }

  /** As `EventReader`. */
  get(userId: UserId, id: string): Promise<EventView> {
    return this.#reader.get(userId, id);
  }

  /** As `EventReader`. */
  body(userId: UserId, id: string, how: { withImages: boolean }): Promise<SafeBody> {
    return this.#reader.body(userId, id, how);
  }

  /** As `EventReader`. */
  instances(userId: UserId, masterId: string, range: { start: string; end: string }): Promise<{ items: EventView[] }> {
    return this.#reader.instances(userId, masterId, range);
  }

  /** As `EventReader`. */
  changes(
    userId: UserId,
    page: { cursor?: string; limit: number },
  ): Promise<{ items: EventChangeView[]; cursor: string; hasMore: boolean }> {
    return this.#reader.changes(userId, page);
  }

  /**
   * @returns `isRepeated` when the same request came under the same key before: the event it made, as it is now
   * @throws {SyncError} `conflict-state` for a key that another request used, or whose event is gone; `not-found`,
   *   `access-denied` for the calendar; `invalid-input`, `impossible-input` for the event
   */
  async create(
    userId: UserId,
    input: EventInput & { calendarId?: string },
    how: { idempotencyKey?: string; correlationId?: string } = {},
  ): Promise<{ event: EventView; isRepeated: boolean }> {
    const { calendarId: wanted, ...fields } = input;
    const content = createContent(fields);
    const id = this.#parts.random.id() as EventId;
    const now = this.#clock.now();
    return this.#db.transaction(async (tx) => {
      const key = how.idempotencyKey;
      const earlier =
        key === undefined ? undefined : await takeKey(tx, this.#parts, { userId, key, eventId: id, input, at: now });
      if (earlier) return { event: await this.#reader.view(tx, userId, { event: earlier }), isRepeated: true };
      const calendarId = await this.#gate.openForNew(tx, userId, wanted);
      const saved = { id, calendarId, content, lastModifiedAt: now, createdAt: now };
      const revisions = await this.#events.saveMany(tx, userId, [saved]);
      await this.#gate.sendOnItsWay(tx, { userId, calendarId, correlationId: how.correlationId });
      const event: StoredEvent = { ...saved, userId, revision: revisions.get(id) ?? 0n };
      return { event: eventView(event, undefined), isRepeated: false };
    });
  }

  /**
   * Changes what is named and keeps the rest. A change to nothing is none: the event stays as it is, etag included.
   *
   * @throws {SyncError} `not-found`, `version-mismatch`, `access-denied`, `impossible-input`
   */
  async update(userId: UserId, id: string, input: EventInput, how: WriteOptions = {}): Promise<EventView> {
    return this.#change(userId, id, how, (target) => {
      assertMended(target.event, input);
      const { content } = target.event;
      return target.originalDate === undefined
        ? patchEvent(content, input)
        : patchOccurrence(content, target.originalDate, input);
    });
  }

  /**
   * Changes one date of a series and all that follow: the series ends before it, and a new one begins.
   *
   * @returns the series that begins there; `isRepeated` as for `create`
   * @throws {SyncError} as `update`; `conflict-state` for a used key, and where Outlook would keep the old series beside the new
   */
  async updateFollowing(
    userId: UserId,
    id: string,
    input: EventInput,
    how: WriteOptions & { readonly idempotencyKey?: string } = {},
  ): Promise<{ event: EventView; isRepeated: boolean }> {
    return this.#db.transaction(async (tx) => {
      const { event, isRepeated } = await this.#splitter.change(tx, userId, id, input, how);
      return { event: await this.#reader.view(tx, userId, { event }), isRepeated };
    });
  }

  /** @throws {SyncError} `not-found`, `version-mismatch`, `access-denied`, `impossible-input` */
  async deleteFollowing(userId: UserId, id: string, how: WriteOptions = {}): Promise<void> {
    await this.#db.transaction((tx) => this.#splitter.delete(tx, userId, id, how));
  }

  /** @throws {SyncError} `not-found`, `version-mismatch`, `access-denied` */
  async delete(userId: UserId, id: string, how: WriteOptions = {}): Promise<void> {
    const { originalDate } = await this.#reader.getTarget(this.#db, userId, id);
    if (originalDate !== undefined) {
      await this.#change(userId, id, how, ({ event }) => cancelOccurrence(event.content, originalDate));
      return;
    }
    await this.#db.transaction(async (tx) => {
      const { event } = await this.#lock(tx, userId, id);
      assertMatches(how.ifMatch, event);
      await this.#gate.assertWritable(tx, userId, event.calendarId);
      await this.#events.deleteMany(tx, userId, [event.id], this.#clock.now());
      await this.#gate.sendOnItsWay(tx, { userId, calendarId: event.calendarId, correlationId: how.correlationId });
    });
  }

  /**
   * Takes an iCalendar file in; the same file again changes nothing. What cannot be held is refused by name and does not
   * hold up the rest.
   *
   * @throws {SyncError} `invalid-input` for what is no iCalendar file; `not-found`, `access-denied` for the calendar
   */
  async importIcs(
    userId: UserId,
    ics: string,
    how: { calendarId?: string; correlationId?: string } = {},
  ): Promise<ImportResult> {
    const calendarId = await this.#gate.openForNew(this.#db, userId, how.calendarId);
    const homeZone = await this.#gate.homeZone(this.#db, userId);
    const { correlationId } = how;
    const { db, events, tombstones, bases, clock } = this.#parts;
    const run = { db, events, tombstones, bases, clock, gate: this.#gate };
    return new EventImport({ ...run, userId, calendarId, correlationId }).run(ics, homeZone);
  }

  /** @returns all of the user's events, or those of one calendar, as an iCalendar file */
  async exportIcs(userId: UserId, how: { calendarId?: string } = {}): Promise<string> {
    const calendarId = how.calendarId as CalendarId | undefined;
    if (calendarId !== undefined) await this.#gate.assertKnown(this.#db, userId, calendarId);
    const calendar = calendarId && (await this.#gate.find(this.#db, userId, calendarId));
    const described = { name: calendar?.name, timeZone: await this.#gate.homeZone(this.#db, userId) };
    return exportEvents(this.#db, this.#events, { userId, calendarId, now: this.#clock.now(), calendar: described });
  }

  async #change(
    userId: UserId,
    id: string,
    how: WriteOptions,
    edit: (target: EventTarget) => EventContent,
  ): Promise<EventView> {
    return this.#db.transaction(async (tx) => {
      const target = await this.#lock(tx, userId, id);
      const { event, originalDate } = target;
      assertMatches(how.ifMatch, event);
      await this.#gate.assertWritable(tx, userId, event.calendarId);
      const base = (await this.#reader.basesOf(tx, userId, [event])).get(event.id);
      const content = withoutRevived(edit(target), base?.remote);
      if (isDeepStrictEqual(content, event.content)) return this.#reader.view(tx, userId, target);
      const lastModifiedAt = this.#clock.now();
      const revisions = await this.#events.saveMany(tx, userId, [{ ...event, content, lastModifiedAt }]);
      const { calendarId } = event;
      await this.#gate.sendOnItsWay(tx, { userId, calendarId, correlationId: how.correlationId });
      const revision = revisions.get(event.id) ?? event.revision;
      const changed = { ...event, content, lastModifiedAt, revision, problem: undefined, unreadable: [] };
      const isGone = originalDate !== undefined && content.occurrences[originalDate]?.isCancelled === true;
      return this.#reader.view(tx, userId, isGone ? { event: changed } : { ...target, event: changed });
    });
  }

  /** What an id names, with the event's row locked until the transaction ends. */
  async #lock(tx: Tx, userId: UserId, id: string): Promise<EventTarget> {
    return targetOf(id, await this.#events.lockMany(tx, userId, idsIn(id)));
  }
}
