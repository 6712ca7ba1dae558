import { type RawBuilder, sql } from 'kysely';
import type { GraphFacts } from '../core/event.ts';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import { type BaseRow, type EventBase, fromBaseRow, isDueAgain } from './base-row.ts';
import { optional, textList, toBigInt, toDate } from './columns.ts';
import type { Queryable } from './db.ts';
import type { ContentCipher } from './encryption.ts';
import { readFacts } from './event-row.ts';

/** A deleted event, until its deletion is agreed on and for the change feed. */
export interface Tombstone {
  readonly eventId: EventId;
  readonly userId: UserId;
  readonly calendarId: CalendarId;
  readonly graphEventId?: GraphEventId | undefined;
  readonly revision: bigint;
  readonly deletedAt: Date;
}

/** A deletion that Graph does not know yet; `facts` are what Graph told of the event last. */
export interface PendingDeletion {
  readonly tombstone: Tombstone;
  readonly base: EventBase;
  readonly facts?: GraphFacts | undefined;
}

interface TombstoneRow {
  readonly eventId: string;
  readonly userId: string;
  readonly calendarId: string;
  readonly graphEventId: string | null;
  readonly revision: unknown;
  readonly deletedAt: unknown;
}

/** What is left of deleted events; a trigger writes it. Every statement is scoped by user. */
export class TombstoneRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  async findMany(q: Queryable, userId: UserId, ids: readonly EventId[]): Promise<Map<EventId, Tombstone>> {
    if (ids.length === 0) return new Map();
    const found = await sql<TombstoneRow>`
      select * from "CalendarEventTombstone" t where t."userId" = ${userId} and t."eventId" in ${textList(ids)}
    `.execute(q.kysely);
    return new Map(found.rows.map((row) => [row.eventId as EventId, fromTombstone(row)]));
  }

  /** Which of our events those were that are not here any more, by the ids they had at Graph: the last one of each. */
  async findFormer(q: Queryable, userId: UserId, ids: readonly GraphEventId[]): Promise<Map<GraphEventId, EventId>> {
    if (ids.length === 0) return new Map();
    const found = await sql<{ graphEventId: string; eventId: string }>`
      select t."graphEventId", t."eventId" from "CalendarEventTombstone" t
      where t."userId" = ${userId} and t."graphEventId" in ${textList(ids)} order by t.revision
    `.execute(q.kysely);
    return new Map(found.rows.map((row) => [row.graphEventId as GraphEventId, row.eventId as EventId]));
  }

  /** All of a user's, in the order of their events' ids. */
  async list(q: Queryable, userId: UserId, page: { after?: EventId | undefined; limit: number }): Promise<Tombstone[]> {
    const found = await sql<TombstoneRow>`
      select * from "CalendarEventTombstone" where "userId" = ${userId} and "eventId" > ${page.after ?? ''}
      order by "eventId" limit ${page.limit}
    `.execute(q.kysely);
    return found.rows.map(fromTombstone);
  }

  /** Events deleted here whose deletion Graph does not know yet. */
  async listPending(q: Queryable, userId: UserId, calendarId: CalendarId, now?: Date): Promise<PendingDeletion[]> {
    return this.#listUntold(
      q,
      userId,
      sql`b."calendarId" = ${calendarId}
        and (b."failedRevision" is null or b."failedRevision" < t.revision or ${isDueAgain(now)})`,
    );
  }

  /** Of these events, those deleted here alone so far: Graph has them still, as far as we know, and no conflict is about it. */
  async findUntold(q: Queryable, userId: UserId, ids: readonly EventId[]): Promise<Map<EventId, PendingDeletion>> {
    if (ids.length === 0) return new Map();
    const found = await this.#listUntold(
      q,
      userId,
      sql`t."eventId" in ${textList(ids)} and b."graphEventId" is not null and b."remoteGoneAt" is null`,
    );
    return new Map(found.map((deletion) => [deletion.tombstone.eventId, deletion]));
  }

  async #listUntold(q: Queryable, userId: UserId, which: RawBuilder<unknown>): Promise<PendingDeletion[]> {
    const found = await sql<TombstoneRow & { facts: unknown; base: BaseRow }>`
      select t.*, to_jsonb(b) as base
      from "CalendarEventTombstone" t join "EventBase" b on b."eventId" = t."eventId" and b."userId" = t."userId"
      where t."userId" = ${userId} and t.revision > b."agreedRevision" and ${which}
      order by t.revision
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => ({
      tombstone: fromTombstone(row),
      base: fromBaseRow(row.base, cipher),
      facts: readFacts(row.facts, cipher),
    }));
  }

  /** Events deleted here after a create was sent whose answer never came: what Graph has of them is to be deleted as well. */
  async listUnanswered(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId,
  ): Promise<{ userId: UserId; eventId: EventId; generation: number }[]> {
    const found = await sql<{ eventId: string; generation: number }>`
      select t."eventId", b.generation
      from "CalendarEventTombstone" t join "EventBase" b on b."eventId" = t."eventId" and b."userId" = t."userId"
      where t."userId" = ${userId} and b."calendarId" = ${calendarId} and b."graphEventId" is null
        and b.local is not null and b.remote is null
        and not exists (select 1 from "CalendarEvent" e where e.id = t."eventId" and e."userId" = t."userId")
    `.execute(q.kysely);
    return found.rows.map((row) => ({ userId, eventId: row.eventId as EventId, generation: row.generation }));
  }
}

function fromTombstone(row: TombstoneRow): Tombstone {
  return {
    eventId: row.eventId as EventId,
    userId: row.userId as UserId,
    calendarId: row.calendarId as CalendarId,
    graphEventId: optional(row.graphEventId) as GraphEventId | undefined,
    revision: toBigInt(row.revision),
    deletedAt: toDate(row.deletedAt),
  };
}
