import { sql } from 'kysely';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import { type BaseRow, type EventBase, fromBaseRow, toBaseRow } from './base-row.ts';
import { jsonChunks, optional, textList, toBigInt } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher } from './encryption.ts';
import { overlaps } from './time-range.ts';

export type { EventBase } from './base-row.ts';

/** An event that is here, once, at a time that can be read. */
const SINGLE = sql`and e."startAt" is not null and e.recurrence is null`;

export class BaseRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  /** Looks in all of the user's calendars: an event keeps its immutable id when it moves between them. */
  async findByGraphIds(
    q: Queryable,
    userId: UserId,
    ids: readonly GraphEventId[],
  ): Promise<Map<GraphEventId, EventBase>> {
    const bases = await this.#find(q, userId, sql`b."graphEventId" in ${textList(ids)}`, ids.length);
    return new Map(bases.flatMap((base) => (base.graphEventId ? [[base.graphEventId, base] as const] : [])));
  }

  async findByEventIds(q: Queryable, userId: UserId, ids: readonly EventId[]): Promise<Map<EventId, EventBase>> {
    const bases = await this.#find(q, userId, sql`b."eventId" in ${textList(ids)}`, ids.length);
    return new Map(bases.map((base) => [base.eventId, base]));
  }

  /** The same, locked until the transaction ends. Lock the events first: whoever needs both takes them in this order. */
  async lockByEventIds(tx: Tx, userId: UserId, ids: readonly EventId[]): Promise<Map<EventId, EventBase>> {
    const condition = sql`b."eventId" in ${textList(ids)} order by b."eventId" for update`;
    const bases = await this.#find(tx, userId, condition, ids.length);
    return new Map(bases.map((base) => [base.eventId, base]));
  }

  async saveMany(tx: Tx, userId: UserId, bases: readonly EventBase[]): Promise<void> {
    if (bases.length === 0) return;
    const cipher = await this.#cipher.forUser(tx, userId);
    for (const rows of jsonChunks(bases.map((base) => toBaseRow(base, cipher)))) {
      await sql`
        insert into "EventBase" ("eventId", "userId", "calendarId", "graphEventId", "iCalUId", etag, "agreedRevision", local,
          remote, "seriesEtags", generation, "remoteModifiedAt", "remoteGoneAt", "conflictUnits", "heldUnits", "errorCode",
          "errorMessage", "failedRevision", "seenRound", "syncedAt", rounds, failures, "retryAt")
        select r."eventId", ${userId}, r."calendarId", r."graphEventId", r."iCalUId", r.etag, r."agreedRevision",
          r.local, r.remote, r."seriesEtags", r.generation,
          r."remoteModifiedAt", r."remoteGoneAt", array(select jsonb_array_elements_text(r."conflictUnits")),
          array(select jsonb_array_elements_text(r."heldUnits")), r."errorCode", r."errorMessage", r."failedRevision",
          r."seenRound", r."syncedAt", r.rounds, r.failures, r."retryAt"
        from jsonb_to_recordset(${rows}) as r(
          "eventId" text, "calendarId" text, "graphEventId" text, "iCalUId" text, etag text, "agreedRevision" bigint,
          local jsonb, remote jsonb, "seriesEtags" jsonb, generation integer, "remoteModifiedAt" timestamptz,
          "remoteGoneAt" timestamptz, "conflictUnits" jsonb, "heldUnits" jsonb, "errorCode" text, "errorMessage" text,
          "failedRevision" bigint, "seenRound" text, "syncedAt" timestamptz, rounds jsonb,
          failures integer, "retryAt" timestamptz)
        on conflict ("userId", "eventId") do update set
          "calendarId" = excluded."calendarId", "graphEventId" = excluded."graphEventId", "iCalUId" = excluded."iCalUId",
          etag = excluded.etag, "agreedRevision" = excluded."agreedRevision", local = excluded.local,
          remote = excluded.remote, "seriesEtags" = excluded."seriesEtags", generation = excluded.generation,
          "remoteModifiedAt" = excluded."remoteModifiedAt", "remoteGoneAt" = excluded."remoteGoneAt",
          "conflictUnits" = excluded."conflictUnits", "heldUnits" = excluded."heldUnits",
          "errorCode" = excluded."errorCode", "errorMessage" = excluded."errorMessage",
          "failedRevision" = excluded."failedRevision", "seenRound" = coalesce(excluded."seenRound", "EventBase"."seenRound"),
          "syncedAt" = excluded."syncedAt", rounds = coalesce(excluded.rounds, "EventBase".rounds),
          failures = excluded.failures, "retryAt" = excluded."retryAt"
      `.execute(tx.kysely);
    }
  }

  async deleteMany(tx: Tx, userId: UserId, ids: readonly EventId[]): Promise<void> {
    if (ids.length === 0) return;
    await sql`delete from "EventBase" where "userId" = ${userId} and "eventId" in ${textList(ids)}`.execute(tx.kysely);
  }

  async markSeen(tx: Tx, userId: UserId, ids: readonly GraphEventId[], roundId: string): Promise<void> {
    if (ids.length === 0) return;
    await sql`
      update "EventBase" set "seenRound" = ${roundId} where "userId" = ${userId} and "graphEventId" in ${textList(ids)}
    `.execute(tx.kysely);
  }

  async markGone(tx: Tx, userId: UserId, ids: readonly GraphEventId[], at: Date): Promise<void> {
    if (ids.length === 0) return;
    await sql`
      update "EventBase" set "remoteGoneAt" = ${at.toISOString()}::timestamptz
      where "userId" = ${userId} and "graphEventId" in ${textList(ids)}
    `.execute(tx.kysely);
  }

  /** What a full round should have listed and did not: known, in the window as far as we know, not proven gone yet. */
  async listUnseen(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId,
    of: { roundId: string; window: { start: Date; end: Date }; limit: number; isOfSinglesOnly?: boolean },
  ): Promise<GraphEventId[]> {
    const found = await sql<{ graphEventId: string }>`
      select b."graphEventId" from "EventBase" b left join "CalendarEvent" e on e.id = b."eventId" and e."userId" = b."userId"
      where b."userId" = ${userId} and b."calendarId" = ${calendarId} and b."graphEventId" is not null
        and b."seenRound" is distinct from ${of.roundId} and b."remoteGoneAt" is null
        and ${overlaps(of.window)} ${of.isOfSinglesOnly ? SINGLE : sql``}
      order by b."eventId" limit ${of.limit}
    `.execute(q.kysely);
    return found.rows.map((row) => row.graphEventId as GraphEventId);
  }

  /** What is proven to be gone in Graph and is not settled yet; `isChanged`: and was edited or deleted here since both sides agreed. */
  async listGone(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId,
  ): Promise<{ eventId: EventId; graphEventId: GraphEventId; isChanged: boolean }[]> {
    const found = await sql<{ eventId: string; graphEventId: string; isChanged: boolean | null }>`
      select b."eventId", b."graphEventId", coalesce(e.revision, t.revision) > b."agreedRevision" as "isChanged"
      from "EventBase" b left join "CalendarEvent" e on e.id = b."eventId" and e."userId" = b."userId"
        left join "CalendarEventTombstone" t on t."eventId" = b."eventId" and t."userId" = b."userId"
      where b."userId" = ${userId} and b."calendarId" = ${calendarId} and b."remoteGoneAt" is not null
        and b."graphEventId" is not null
      order by b."eventId"
    `.execute(q.kysely);
    return found.rows.map((row) => ({
      eventId: row.eventId as EventId,
      graphEventId: row.graphEventId as GraphEventId,
      isChanged: row.isChanged === true,
    }));
  }

  /** How many events of the calendar are linked to Graph. */
  async countSynced(q: Queryable, userId: UserId, calendarId: CalendarId): Promise<number> {
    const found = await sql<{ count: unknown }>`
      select count(*) as count from "EventBase"
      where "userId" = ${userId} and "calendarId" = ${calendarId} and "graphEventId" is not null
    `.execute(q.kysely);
    return Number(toBigInt(found.rows[0]?.count));
  }

  /** All of a user's, in the order of their events' ids. */
  async listAll(
    q: Queryable,
    userId: UserId,
    page: { after?: EventId | undefined; limit: number },
  ): Promise<EventBase[]> {
    const following = sql`b."eventId" > ${page.after ?? ''} order by b."eventId" limit ${page.limit}`;
    return this.#find(q, userId, following, page.limit);
  }

  /** Events linked to Graph that lie in the window as far as we know, in the order of their ids. */
  async listLinked(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId,
    page: { window: { start: Date; end: Date }; limit: number; after?: EventId | undefined; isOfSinglesOnly?: boolean },
  ): Promise<{ eventId: EventId; graphEventId: GraphEventId; seenRound?: string | undefined }[]> {
    const found = await sql<{ eventId: string; graphEventId: string; seenRound: string | null }>`
      select b."eventId", b."graphEventId", b."seenRound"
      from "EventBase" b left join "CalendarEvent" e on e.id = b."eventId" and e."userId" = b."userId"
      where b."userId" = ${userId} and b."calendarId" = ${calendarId} and b."graphEventId" is not null
        and b."remoteGoneAt" is null ${page.after ? sql`and b."eventId" > ${page.after}` : sql``}
        and ${overlaps(page.window)} ${page.isOfSinglesOnly ? SINGLE : sql``}
      order by b."eventId" limit ${page.limit}
    `.execute(q.kysely);
    return found.rows.map((row) => ({
      eventId: row.eventId as EventId,
      graphEventId: row.graphEventId as GraphEventId,
      seenRound: optional(row.seenRound),
    }));
  }

  /** Events that are gone at Graph and are to be created there anew: under a marker Graph has not met. */
  async nextGeneration(tx: Tx, userId: UserId, calendarId: CalendarId, ids: readonly EventId[]): Promise<void> {
    if (ids.length === 0) return;
    await sql`
      insert into "EventBase" ("eventId", "userId", "calendarId", generation)
      select e.id, ${userId}, ${calendarId}, 1 from "CalendarEvent" e where e."userId" = ${userId} and e.id in ${textList(ids)}
      on conflict ("userId", "eventId") do update set generation = "EventBase".generation + 1, local = null
      where "EventBase"."graphEventId" is null
    `.execute(tx.kysely);
  }

  /**
   * Forgets what was agreed on with a mailbox that is being disconnected. Only how often an event was created there is
   * kept, and what was sent in a create whose answer never came: both keep it from being created twice. Events that are
   * deleted here are forgotten altogether, so that nothing is deleted there when the mailbox is connected again.
   */
  async unlinkAll(tx: Tx, userId: UserId): Promise<void> {
    await sql`
      delete from "EventBase" b where b."userId" = ${userId}
        and not exists (select 1 from "CalendarEvent" e where e.id = b."eventId" and e."userId" = b."userId")
    `.execute(tx.kysely);
    await sql`
      update "EventBase" set "graphEventId" = null, "iCalUId" = null, etag = null, "agreedRevision" = 0,
        local = case when "graphEventId" is null then local end, remote = null, "seriesEtags" = null,
        "remoteModifiedAt" = null, "remoteGoneAt" = null, "conflictUnits" = '{}', "heldUnits" = '{}', "errorCode" = null,
        "errorMessage" = null, "failedRevision" = null, failures = 0, "retryAt" = null, "seenRound" = null, "syncedAt" = null
      where "userId" = ${userId}
    `.execute(tx.kysely);
  }

  /** Lets what a policy held back be looked at again. */
  async reopenHeld(tx: Tx, userId: UserId): Promise<void> {
    await sql`
      update "EventBase" set "agreedRevision" = 0 where "userId" = ${userId} and cardinality("heldUnits") > 0
    `.execute(tx.kysely);
  }

  async #find(q: Queryable, userId: UserId, condition: ReturnType<typeof sql>, wanted: number): Promise<EventBase[]> {
    if (wanted === 0) return [];
    const found = await sql<BaseRow>`
      select b.* from "EventBase" b where b."userId" = ${userId} and ${condition}
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => fromBaseRow(row, cipher));
  }
}
