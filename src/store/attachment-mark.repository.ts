import { sql } from 'kysely';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import { jsonChunks, optional, textList, timestamp } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import { overlaps } from './time-range.ts';

/** An event of Outlook's that has attachments, or had: its tag, and the one under which they were looked at last. */
export interface AttachmentMark {
  readonly graphEventId: GraphEventId;
  readonly eventId: EventId;
  /** Of one date of a series. */
  readonly originalDate?: string | undefined;
  readonly etag: string;
  /** How often in a row Graph broke down over its list. */
  readonly failures?: number | undefined;
}

/** What a pull saw of an event. */
export interface AttachmentSign extends AttachmentMark {
  /** Whether Graph says that there are any; of events that had some, every sign counts. */
  readonly hasAttachments: boolean;
}

interface MarkRow {
  readonly graphEventId: string;
  readonly eventId: string;
  readonly originalDate: string | null;
  readonly etag: string;
  readonly failures: number;
}

/** Which events' attachments are to be read: rows, so that a crash between pull and reading loses nothing. */
export class AttachmentMarkRepository {
  async note(tx: Tx, userId: UserId, signs: readonly AttachmentSign[]): Promise<void> {
    for (const rows of jsonChunks(signs.map((sign) => ({ ...sign })))) {
      await sql`
        insert into "AttachmentMark" ("userId", "graphEventId", "eventId", "originalDate", etag)
        select e."userId", r."graphEventId", e.id, r."originalDate", r.etag
        from jsonb_to_recordset(${rows}) as r(
          "graphEventId" text, "eventId" text, "originalDate" text, etag text, "hasAttachments" boolean)
        join "CalendarEvent" e on e.id = r."eventId" and e."userId" = ${userId}
        where r."hasAttachments" or exists (
          select 1 from "AttachmentMark" m where m."userId" = ${userId} and m."graphEventId" = r."graphEventId")
        on conflict ("userId", "graphEventId") do update set
          "eventId" = excluded."eventId", "originalDate" = excluded."originalDate", etag = excluded.etag,
          failures = case when excluded.etag = "AttachmentMark".etag then "AttachmentMark".failures else 0 end,
          "retryAt" = case when excluded.etag = "AttachmentMark".etag then "AttachmentMark"."retryAt" end
      `.execute(tx.kysely);
    }
  }

  /** Whether anything is to be done about a calendar's attachments: one question for a run that has nothing to do. */
  async hasWork(q: Queryable, userId: UserId, calendarId: CalendarId, now: Date): Promise<boolean> {
    const found = await sql<{ hasWork: boolean }>`
      select exists (
        select 1 from "AttachmentMark" m join "CalendarEvent" e on e.id = m."eventId"
        where m."userId" = ${userId} and e."calendarId" = ${calendarId} and ${isDue(now)}
      ) or exists (
        select 1 from "EventAttachment" a join "CalendarEvent" e on e.id = a."eventId"
        where a."userId" = ${userId} and (a.state <> 'synced' or (a.content is null and a."notCarried" is null))
          and e."calendarId" = ${calendarId}
      ) or exists (
        select 1 from "EventAttachment" a join "EventBase" b on b."eventId" = a."eventId" and b."userId" = a."userId"
        where a."userId" = ${userId} and b."calendarId" = ${calendarId} and a."originalDate" is null
          and a."graphEventId" <> b."graphEventId"
      ) as "hasWork"
    `.execute(q.kysely);
    return found.rows[0]?.hasWork === true;
  }

  /** Changed since their attachments were read; masters before their dates. */
  async listDue(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId,
    { limit, now }: { limit: number; now: Date },
  ): Promise<AttachmentMark[]> {
    const found = await sql<MarkRow>`
      select m."graphEventId", m."eventId", m."originalDate", m.etag, m.failures
      from "AttachmentMark" m join "CalendarEvent" e on e.id = m."eventId" and e."userId" = m."userId"
      where m."userId" = ${userId} and e."calendarId" = ${calendarId} and ${isDue(now)}
      order by m."originalDate" nulls first, m."graphEventId" limit ${limit}
    `.execute(q.kysely);
    return found.rows.map((row) => ({
      graphEventId: row.graphEventId as GraphEventId,
      eventId: row.eventId as EventId,
      originalDate: optional(row.originalDate),
      etag: row.etag,
      failures: row.failures,
    }));
  }

  /** Read under these tags; one that moved on meanwhile stays due. */
  async saveSeen(tx: Tx, userId: UserId, marks: readonly AttachmentMark[]): Promise<void> {
    for (const rows of jsonChunks(marks.map((mark) => ({ ...mark })))) {
      await sql`
        update "AttachmentMark" m set "seenEtag" = r.etag, failures = 0, "retryAt" = null
        from jsonb_to_recordset(${rows}) as r("graphEventId" text, etag text)
        where m."userId" = ${userId} and m."graphEventId" = r."graphEventId"
      `.execute(tx.kysely);
    }
  }

  /** Graph broke down over their lists: they are left alone until then, unless they change. */
  async postpone(tx: Tx, userId: UserId, marks: readonly (AttachmentMark & { retryAt: Date })[]): Promise<void> {
    for (const { graphEventId, etag, retryAt } of marks) {
      await sql`
        update "AttachmentMark" set failures = failures + 1, "retryAt" = ${timestamp(retryAt)}
        where "userId" = ${userId} and "graphEventId" = ${graphEventId} and etag = ${etag}
      `.execute(tx.kysely);
    }
  }

  /** They have none any more, or are gone. */
  async deleteMany(tx: Tx, userId: UserId, ids: readonly GraphEventId[]): Promise<void> {
    if (ids.length === 0) return;
    await sql`
      delete from "AttachmentMark" where "userId" = ${userId} and "graphEventId" in ${textList(ids)}
    `.execute(tx.kysely);
  }

  /** Events with attachments that were added or deleted here, or that hang on an event of Outlook's that is another now. */
  async listWaiting(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId,
    page: { limit: number; after?: EventId | undefined; range?: { start: Date; end: Date } | undefined },
  ): Promise<EventId[]> {
    const found = await sql<{ eventId: EventId }>`
      select distinct a."eventId"
      from "EventAttachment" a
        join "EventBase" b on b."eventId" = a."eventId" and b."userId" = a."userId"
        join "CalendarEvent" e on e.id = a."eventId" and e."userId" = a."userId"
      where a."userId" = ${userId} and b."calendarId" = ${calendarId} and b."graphEventId" is not null
        and b."remoteGoneAt" is null and a."originalDate" is null
        and ((a.state <> 'synced' and a."errorCode" is null) or a."graphEventId" <> b."graphEventId")
        -- Whether the event goes to Outlook again waits for a person.
        and not exists (
          select 1 from "CalendarSyncConflict" c where c."eventId" = a."eventId" and c."userId" = a."userId"
            and c."resolvedAt" is null and c."conflictType" = 'LOCAL_UPDATE_REMOTE_DELETE')
        ${page.after ? sql`and a."eventId" > ${page.after}` : sql``}
        ${page.range ? sql`and ${overlaps(page.range)}` : sql``}
      order by a."eventId" limit ${page.limit}
    `.execute(q.kysely);
    return found.rows.map(({ eventId }) => eventId);
  }

  /** The tag our own write gave an event, as long as nobody has seen another one meanwhile. */
  async learnEtag(tx: Tx, userId: UserId, of: { eventId: EventId; from: string; to: string }): Promise<void> {
    await sql`
      update "EventBase" set etag = ${of.to}
      where "userId" = ${userId} and "eventId" = ${of.eventId} and etag = ${of.from}
    `.execute(tx.kysely);
  }
}

function isDue(now: Date) {
  return sql`m."seenEtag" is distinct from m.etag and (m."retryAt" is null or m."retryAt" <= ${timestamp(now)})`;
}
