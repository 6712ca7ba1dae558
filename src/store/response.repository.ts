import { sql } from 'kysely';
import type { ResponseKind } from '../core/event-response.ts';
import type { CalendarId, EventId, UserId } from '../core/ids.ts';
import { json, optional, textList, toDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher, UserCipher } from './encryption.ts';

/** `sending`: it may have reached Graph, and nobody heard. `failed`: it will not be sent again. */
export type ResponseState = 'pending' | 'sending' | 'sent' | 'failed';

/** The latest answer somebody gave here to an invitation, or to one date of a series. */
export interface StoredResponse {
  /** Of this very answer: a later one in its place has another. */
  readonly id: string;
  readonly userId: UserId;
  readonly eventId: EventId;
  /** `yyyy-MM-dd`; empty for the whole event. */
  readonly originalDate: string;
  readonly calendarId: CalendarId;
  readonly response: ResponseKind;
  readonly comment?: string | undefined;
  readonly sendResponse: boolean;
  readonly state: ResponseState;
  readonly requestedAt: Date;
  /** How often it was sent. */
  readonly attempts: number;
  readonly errorCode?: string | undefined;
  readonly errorMessage?: string | undefined;
}

export type NewResponse = Omit<StoredResponse, 'state' | 'attempts' | 'errorCode' | 'errorMessage'>;

interface ResponseRow {
  readonly id: string;
  readonly userId: string;
  readonly eventId: string;
  readonly originalDate: string;
  readonly calendarId: string;
  readonly response: ResponseKind;
  readonly comment: unknown;
  readonly sendResponse: boolean;
  readonly state: ResponseState;
  readonly requestedAt: unknown;
  readonly attempts: number;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
}

export class ResponseRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  /** @returns the answers by event: to the whole of it and to its dates */
  async findByEventIds(q: Queryable, userId: UserId, ids: readonly EventId[]): Promise<Map<EventId, StoredResponse[]>> {
    const byEvent = new Map<EventId, StoredResponse[]>();
    if (ids.length === 0) return byEvent;
    for (const response of await this.#find(q, userId, sql`"eventId" in ${textList(ids)}`)) {
      byEvent.set(response.eventId, [...(byEvent.get(response.eventId) ?? []), response]);
    }
    return byEvent;
  }

  /** Answers of a calendar that the organizer has not got yet as far as we know, oldest first. */
  async listOwed(q: Queryable, userId: UserId, calendarId: CalendarId, limit: number): Promise<StoredResponse[]> {
    const owed = sql`"calendarId" = ${calendarId} and state in ('pending', 'sending')`;
    return this.#find(q, userId, sql`${owed} order by "requestedAt", "eventId", "originalDate" limit ${limit}`);
  }

  /** All of a user's, in order. */
  async listAll(
    q: Queryable,
    userId: UserId,
    page: { after?: { eventId: EventId; originalDate: string } | undefined; limit: number },
  ): Promise<StoredResponse[]> {
    const { eventId = '', originalDate = '' } = page.after ?? {};
    const following = sql`("eventId", "originalDate") > (${eventId}, ${originalDate})`;
    return this.#find(q, userId, sql`${following} order by "eventId", "originalDate" limit ${page.limit}`);
  }

  /** In the place of an earlier answer, sent or not. */
  async save(tx: Tx, response: NewResponse): Promise<void> {
    const cipher = await this.#cipher.forUser(tx, response.userId);
    const comment = cipher.encryptJson('response.comment', response.comment ?? null);
    await sql`
      insert into "EventResponse" ("userId", "eventId", "originalDate", id, "calendarId", response, comment, "sendResponse",
        state, "requestedAt")
      values (${response.userId}, ${response.eventId}, ${response.originalDate}, ${response.id}, ${response.calendarId},
        ${response.response}, ${json(comment)}, ${response.sendResponse},
        'pending', ${response.requestedAt.toISOString()}::timestamptz)
      on conflict ("userId", "eventId", "originalDate") do update set
        id = excluded.id, "calendarId" = excluded."calendarId", response = excluded.response, comment = excluded.comment,
        "sendResponse" = excluded."sendResponse", state = excluded.state, "requestedAt" = excluded."requestedAt",
        attempts = 0, "errorCode" = null, "errorMessage" = null
    `.execute(tx.kysely);
  }

  /** Before it leaves, so that a crash is not followed by a second one. @returns false when another answer took its place */
  async markSending(tx: Tx, { userId, id }: StoredResponse): Promise<boolean> {
    const marked = await sql`
      update "EventResponse" set state = 'sending', attempts = attempts + 1
      where "userId" = ${userId} and id = ${id} and state in ('pending', 'sending') returning id
    `.execute(tx.kysely);
    return marked.rows.length > 0;
  }

  /** It did not leave after all: it is owed as it was before, and nobody need look for it. */
  async unmarkSending(tx: Tx, { userId, id, state, attempts }: StoredResponse): Promise<void> {
    await sql`
      update "EventResponse" set state = ${state}, attempts = ${attempts}
      where "userId" = ${userId} and id = ${id} and state = 'sending'
    `.execute(tx.kysely);
  }

  /** What came of it; a later answer that took its place meanwhile is left alone. */
  async settle(
    tx: Tx,
    { userId, id }: StoredResponse,
    outcome: { readonly state: 'sent' } | { readonly state: 'failed'; readonly code: string; readonly message: string },
  ): Promise<void> {
    const { code, message } = outcome.state === 'failed' ? outcome : { code: null, message: null };
    await sql`
      update "EventResponse" set state = ${outcome.state}, "errorCode" = ${code}, "errorMessage" = ${message}
      where "userId" = ${userId} and id = ${id}
    `.execute(tx.kysely);
    await sql`
      delete from "EventResponse" r where r."userId" = ${userId} and r.id = ${id}
        and not exists (select 1 from "CalendarEvent" e where e.id = r."eventId" and e."userId" = r."userId")
    `.execute(tx.kysely);
  }

  async #find(q: Queryable, userId: UserId, condition: ReturnType<typeof sql>): Promise<StoredResponse[]> {
    const found = await sql<ResponseRow>`
      select * from "EventResponse" where "userId" = ${userId} and ${condition}
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => fromRow(row, cipher));
  }
}

function fromRow(row: ResponseRow, cipher: UserCipher): StoredResponse {
  const comment = cipher.decryptJson('response.comment', row.comment);
  return {
    ...row,
    userId: row.userId as UserId,
    eventId: row.eventId as EventId,
    calendarId: row.calendarId as CalendarId,
    comment: typeof comment === 'string' ? comment : undefined,
    requestedAt: toDate(row.requestedAt),
    errorCode: optional(row.errorCode),
    errorMessage: optional(row.errorMessage),
  };
}
