import { sql } from 'kysely';
import { assert } from '../core/errors.ts';
import type { GraphFacts } from '../core/event.ts';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import { type BaseRow, type EventBase, fromBaseRow, isDueAgain } from './base-row.ts';
import { jsonChunks, textList, timestamp, toBigInt, toDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher } from './encryption.ts';
import { type EventRow, fromRow, readFacts, type SaveEvent, type StoredEvent, toRow } from './event-row.ts';
import { overlaps } from './time-range.ts';

export type { SaveEvent, StoredEvent } from './event-row.ts';

export interface EventLink {
  readonly id: EventId;
  readonly graphEventId?: GraphEventId | undefined;
  readonly iCalUId?: string | undefined;
  readonly facts?: GraphFacts | undefined;
  readonly syncedAt: Date;
}

export interface PendingEvent {
  readonly event: StoredEvent;
  readonly base: EventBase | undefined;
}

const eventColumns = sql`
  e.id, e."userId", e."calendarId", e."graphEventId", e."iCalUId", e.subject, e.body, e.start, e."end", e.location,
  e."isAllDay", e.recurrence, e.details, e.facts, e.occurrences, e."lastModifiedDateTime", e."createdDateTime",
  e."syncedAt", e.revision, e."hasAttachments", e.follows
`;

/** The application's events. Every statement is scoped by user. */
export class EventRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  async find(q: Queryable, userId: UserId, id: EventId): Promise<StoredEvent | undefined> {
    return (await this.findMany(q, userId, [id])).get(id);
  }

  async findMany(q: Queryable, userId: UserId, ids: readonly EventId[]): Promise<Map<EventId, StoredEvent>> {
    return this.#findMany(q, userId, ids, sql``);
  }

  /** The same, locked until the transaction ends: nobody changes them between our reading and our writing. */
  async lockMany(tx: Tx, userId: UserId, ids: readonly EventId[]): Promise<Map<EventId, StoredEvent>> {
    return this.#findMany(tx, userId, ids, sql`order by e.id for update`);
  }

  /** Which of these are, or were when they were deleted, meetings that somebody else organizes. */
  async listForeign(q: Queryable, userId: UserId, ids: readonly EventId[]): Promise<Set<EventId>> {
    if (ids.length === 0) return new Set();
    const found = await sql<{ id: string; facts: unknown }>`
      select id, facts from "CalendarEvent" where "userId" = ${userId} and id in ${textList(ids)}
      union all
      select "eventId", facts from "CalendarEventTombstone" where "userId" = ${userId} and "eventId" in ${textList(ids)}
    `.execute(q.kysely);
    if (found.rows.length === 0) return new Set();
    const cipher = await this.#cipher.forUser(q, userId);
    const foreign = found.rows.filter(({ facts }) => readFacts(facts, cipher)?.isOrganizer === false);
    return new Set(foreign.map(({ id }) => id as EventId));
  }

  /** All of a user's events by name, in the order of their ids. */
  async listIds(
    q: Queryable,
    userId: UserId,
    page: { after?: EventId | undefined; limit: number },
  ): Promise<EventId[]> {
    const found = await sql<{ id: EventId }>`
      select id from "CalendarEvent" where "userId" = ${userId} and id > ${page.after ?? ''} order by id limit ${page.limit}
    `.execute(q.kysely);
    return found.rows.map(({ id }) => id);
  }

  /** Events overlapping a half-open range, oldest first; those without a readable instant are left to the caller to judge. */
  async listWindow(
    q: Queryable,
    userId: UserId,
    query: {
      calendarId?: CalendarId | undefined;
      start?: Date | undefined;
      end?: Date | undefined;
      limit: number;
      after?: { startAt: Date | null; id: string } | undefined;
    },
  ): Promise<{ event: StoredEvent; startAt: Date | null }[]> {
    const { calendarId, start, end, after } = query;
    const found = await sql<EventRow & { startAt: unknown }>`
      select ${eventColumns}, e."startAt" from "CalendarEvent" e
      where e."userId" = ${userId}
        ${calendarId ? sql`and e."calendarId" = ${calendarId}` : sql``}
        and ${overlaps({ start, end })}
        ${after ? sql`and (coalesce(e."startAt", '-infinity'), e.id) > (coalesce(${after.startAt ? timestamp(after.startAt) : null}::timestamptz, '-infinity'), ${after.id})` : sql``}
      order by coalesce(e."startAt", '-infinity'), e.id limit ${query.limit}
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => ({
      event: fromRow(row, cipher),
      startAt: row.startAt === null ? null : toDate(row.startAt),
    }));
  }

  /** Events ahead of what was agreed on, in the order they were written; parked ones only once changed again. */
  async listPending(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId,
    page: { limit: number; now?: Date; after?: bigint; range?: { start: Date; end: Date }; isNewestFirst?: boolean },
  ): Promise<PendingEvent[]> {
    const { range } = page;
    const found = await sql<EventRow & { base: BaseRow | null }>`
      select ${eventColumns}, case when b."eventId" is null then null else to_jsonb(b) end as base
      from "CalendarEvent" e left join "EventBase" b on b."eventId" = e.id and b."userId" = e."userId"
      where e."userId" = ${userId} and e."calendarId" = ${calendarId}
        and e.revision > coalesce(b."agreedRevision", 0)
        and (b."failedRevision" is null or b."failedRevision" < e.revision or ${isDueAgain(page.now)})
        ${page.after === undefined ? sql`` : sql`and e.revision > ${page.after.toString()}::bigint`}
        ${range ? sql`and ${overlaps(range)}` : sql``}
      order by e.revision ${page.isNewestFirst ? sql`desc` : sql``} limit ${page.limit}
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => ({
      event: fromRow(row, cipher),
      base: row.base ? fromBaseRow(row.base, cipher) : undefined,
    }));
  }

  /**
   * Events that are not at Graph as far as we know, those proven to be gone from there among them: what an event found there
   * may be the same as. Of other calendars those that were at Graph once, because they may have been moved.
   */
  async listUnlinked(q: Queryable, userId: UserId, calendarId: CalendarId): Promise<PendingEvent[]> {
    const found = await sql<EventRow & { base: BaseRow | null }>`
      select ${eventColumns}, case when b."eventId" is null then null else to_jsonb(b) end as base
      from "CalendarEvent" e left join "EventBase" b on b."eventId" = e.id and b."userId" = e."userId"
      where e."userId" = ${userId} and (e."calendarId" = ${calendarId} or e."graphEventId" is not null)
        and (b."eventId" is null or b."graphEventId" is null
          or (b."remoteGoneAt" is not null and b."calendarId" = ${calendarId}))
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => ({
      event: fromRow(row, cipher),
      base: row.base ? fromBaseRow(row.base, cipher) : undefined,
    }));
  }

  /**
   * Writes events whole, new ones and known ones.
   *
   * @returns the revision each event has now
   */
  async saveMany(tx: Tx, userId: UserId, events: readonly SaveEvent[]): Promise<Map<EventId, bigint>> {
    if (events.length === 0) return new Map();
    const cipher = await this.#cipher.forUser(tx, userId);
    const revisions = new Map<EventId, bigint>();
    for (const rows of jsonChunks(events.map((event) => toRow(userId, event, cipher)))) {
      const saved = await sql<{ id: string; revision: unknown }>`
        insert into "CalendarEvent" (id, "userId", "calendarId", "graphEventId", "iCalUId", subject, body, start, "end",
          location, "isAllDay", recurrence, details, facts, occurrences, "lastModifiedDateTime", "createdDateTime",
          "syncedAt", "startAt", "endAt", "isEndless", follows)
        select r.id, r."userId", r."calendarId", r."graphEventId", r."iCalUId", r.subject, r.body, r.start, r."end",
          r.location, r."isAllDay", r.recurrence, r.details, r.facts, r.occurrences, r."lastModifiedDateTime",
          r."createdDateTime", r."syncedAt", r."startAt", r."endAt", r."isEndless", r.follows
        from jsonb_to_recordset(${rows}) as r(
          id text, "userId" text, "calendarId" text, "graphEventId" text, "iCalUId" text, subject text, body jsonb,
          start jsonb, "end" jsonb, location jsonb, "isAllDay" boolean, recurrence jsonb, details jsonb, facts jsonb,
          occurrences jsonb, "lastModifiedDateTime" text, "createdDateTime" text, "syncedAt" timestamptz,
          "startAt" timestamptz, "endAt" timestamptz, "isEndless" boolean, follows text[])
        on conflict (id) do update set
          "calendarId" = excluded."calendarId", "graphEventId" = excluded."graphEventId", "iCalUId" = excluded."iCalUId",
          subject = excluded.subject, body = excluded.body, start = excluded.start, "end" = excluded."end",
          location = excluded.location, "isAllDay" = excluded."isAllDay", recurrence = excluded.recurrence,
          details = excluded.details, facts = excluded.facts, occurrences = excluded.occurrences,
          "lastModifiedDateTime" = excluded."lastModifiedDateTime", "syncedAt" = excluded."syncedAt",
          "startAt" = excluded."startAt", "endAt" = excluded."endAt", "isEndless" = excluded."isEndless",
          "updatedAt" = now(), revision = -1
        where "CalendarEvent"."userId" = excluded."userId"
        returning id, revision
      `.execute(tx.kysely);
      for (const row of saved.rows) revisions.set(row.id as EventId, toBigInt(row.revision));
    }
    assert(revisions.size === events.length, `an event to be saved for user ${userId} has the id of another user's`);
    return revisions;
  }

  /** Notes what Graph tells about events; their revisions stay, because their content does. */
  async linkMany(tx: Tx, userId: UserId, links: readonly EventLink[]): Promise<void> {
    if (links.length === 0) return;
    const cipher = await this.#cipher.forUser(tx, userId);
    const rows = links.map((link) => ({
      id: link.id,
      graphEventId: link.graphEventId ?? null,
      iCalUId: link.iCalUId ?? null,
      facts: cipher.encryptJson('facts', link.facts),
      syncedAt: link.syncedAt.toISOString(),
    }));
    for (const chunk of jsonChunks(rows)) {
      await sql`
        update "CalendarEvent" e set "graphEventId" = r."graphEventId", "iCalUId" = coalesce(r."iCalUId", e."iCalUId"),
          facts = coalesce(r.facts, e.facts), "syncedAt" = r."syncedAt"
        from jsonb_to_recordset(${chunk}) as r(id text, "graphEventId" text, "iCalUId" text, facts jsonb, "syncedAt" timestamptz)
        where e.id = r.id and e."userId" = ${userId}
      `.execute(tx.kysely);
    }
  }

  /** They are not at Graph any more; their content, and so their revision, stays. */
  async forgetGraphIds(tx: Tx, userId: UserId, ids: readonly EventId[]): Promise<void> {
    if (ids.length === 0) return;
    await sql`
      update "CalendarEvent" set "graphEventId" = null where "userId" = ${userId} and id in ${textList(ids)}
    `.execute(tx.kysely);
  }

  /** @param at  when, by our clock: what `prefer_latest` compares with */
  async deleteMany(tx: Tx, userId: UserId, ids: readonly EventId[], at?: Date): Promise<void> {
    if (ids.length === 0) return;
    // The trigger that leaves the tombstone runs when the statement is through, and reads the time then.
    await sql`
      delete from "CalendarEvent" e using (select set_config('gcs.now', ${at?.toISOString() ?? ''}, true)) as clock
      where e."userId" = ${userId} and e.id in ${textList(ids)}
    `.execute(tx.kysely);
  }

  async #findMany(
    q: Queryable,
    userId: UserId,
    ids: readonly EventId[],
    suffix: ReturnType<typeof sql>,
  ): Promise<Map<EventId, StoredEvent>> {
    if (ids.length === 0) return new Map();
    const found = await sql<EventRow>`
      select ${eventColumns} from "CalendarEvent" e
      where e."userId" = ${userId} and e.id in ${textList(ids)} ${suffix}
    `.execute(q.kysely);
    if (found.rows.length === 0) return new Map();
    const cipher = await this.#cipher.forUser(q, userId);
    return new Map(found.rows.map((row) => [row.id as EventId, fromRow(row, cipher)]));
  }
}
