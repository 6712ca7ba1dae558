import { sql } from 'kysely';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import { json, jsonChunks, optional, textList, timestamp, toDate } from './columns.ts';
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
  /** How often in a row its list was not believed. */
  readonly doubts?: number | undefined;
}

/** One that is to be read again, and not before then. */
export interface PostponedMark extends AttachmentMark {
  readonly retryAt: Date;
}

/** What a pull saw of an event. */
export interface AttachmentSign extends AttachmentMark {
  /** Whether Graph says that there are any; of events that had some, every sign counts. */
  readonly hasAttachments: boolean;
}

/** An event whose attachments we have lately written, so that a list may not know of it yet. */
export interface Settling {
  readonly graphEventId: GraphEventId;
  readonly eventId: EventId;
  readonly originalDate?: string | undefined;
  /** By Graph's ids: whether it is there. */
  readonly written: Readonly<Record<string, boolean>>;
  readonly settlesAt: Date;
}

interface MarkRow {
  readonly graphEventId: string;
  readonly eventId: string;
  readonly originalDate: string | null;
  readonly etag: string;
  readonly failures: number;
  readonly doubts: number;
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
      select m."graphEventId", m."eventId", m."originalDate", m.etag, m.failures, m.doubts
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
      doubts: row.doubts,
    }));
  }

  /** Read under these tags; one that moved on meanwhile stays due. */
  async saveSeen(tx: Tx, userId: UserId, marks: readonly AttachmentMark[], now: Date): Promise<void> {
    for (const rows of jsonChunks(marks.map((mark) => ({ ...mark })))) {
      await sql`
        update "AttachmentMark" m set "seenEtag" = r.etag, failures = 0, doubts = 0, "retryAt" = null,
          written = case when m."settlesAt" > ${timestamp(now)} then m.written end,
          "settlesAt" = case when m."settlesAt" > ${timestamp(now)} then m."settlesAt" end
        from jsonb_to_recordset(${rows}) as r("graphEventId" text, etag text)
        where m."userId" = ${userId} and m."graphEventId" = r."graphEventId"
      `.execute(tx.kysely);
    }
  }

  /** Graph broke down over their lists: they are left alone until then, unless they change. */
  async postpone(tx: Tx, userId: UserId, marks: readonly PostponedMark[]): Promise<void> {
    for (const { graphEventId, etag, retryAt } of marks) {
      await sql`
        update "AttachmentMark" set failures = failures + 1, "retryAt" = ${timestamp(retryAt)}
        where "userId" = ${userId} and "graphEventId" = ${graphEventId} and etag = ${etag}
      `.execute(tx.kysely);
    }
  }

  /** Their lists are not believed: they are read again then, whatever their tags say, or once they change. */
  async doubt(tx: Tx, userId: UserId, marks: readonly PostponedMark[]): Promise<void> {
    for (const { graphEventId, etag, retryAt } of marks) {
      await sql`
        update "AttachmentMark" set "seenEtag" = null, failures = 0, doubts = doubts + 1, "retryAt" = ${timestamp(retryAt)}
        where "userId" = ${userId} and "graphEventId" = ${graphEventId} and etag = ${etag}
      `.execute(tx.kysely);
    }
  }

  /** What a write of ours made of an attachment, until every list knows of it. */
  async remember(
    tx: Tx,
    userId: UserId,
    write: {
      readonly graphEventId: GraphEventId;
      readonly eventId: EventId;
      readonly originalDate?: string | undefined;
      readonly graphAttachmentId: string;
      readonly isThere: boolean;
      readonly now: Date;
      readonly settlesAt: Date;
    },
  ): Promise<void> {
    const { graphEventId, eventId, originalDate = null, now } = write;
    const written = json({ [write.graphAttachmentId]: write.isThere });
    await sql`
      insert into "AttachmentMark" ("userId", "graphEventId", "eventId", "originalDate", etag, written, "settlesAt")
      select e."userId", ${graphEventId}, e.id, ${originalDate}::text, '', ${written}, ${timestamp(write.settlesAt)}
      from "CalendarEvent" e where e.id = ${eventId} and e."userId" = ${userId}
      on conflict ("userId", "graphEventId") do update set
        written = case when "AttachmentMark"."settlesAt" > ${timestamp(now)} or "AttachmentMark".doubts > 0
          then coalesce("AttachmentMark".written, '{}') || excluded.written else excluded.written end,
        "settlesAt" = excluded."settlesAt", doubts = 0
    `.execute(tx.kysely);
  }

  /** Those of these events whose lists may not know yet of what we wrote: it is too early, or too few lists have said so. */
  async listSettling(
    tx: Tx,
    userId: UserId,
    { eventIds, now, mostDoubts }: { eventIds: readonly EventId[]; now: Date; mostDoubts: number },
  ): Promise<Map<GraphEventId, Settling>> {
    const found = await sql<{
      graphEventId: GraphEventId;
      eventId: EventId;
      originalDate: string | null;
      written: Record<string, boolean>;
      settlesAt: unknown;
    }>`
      select "graphEventId", "eventId", "originalDate", written, "settlesAt" from "AttachmentMark"
      where "userId" = ${userId} and "eventId" in ${textList(eventIds)} and written is not null
        and ("settlesAt" > ${timestamp(now)} or (doubts > 0 and doubts < ${mostDoubts}::integer))
    `.execute(tx.kysely);
    return new Map(
      found.rows.map((row) => [
        row.graphEventId,
        { ...row, originalDate: optional(row.originalDate), settlesAt: toDate(row.settlesAt) },
      ]),
    );
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
