import { sql } from 'kysely';
import type { AttachmentKind, AttachmentState, NotCarried } from '../core/attachment.ts';
import type { EventId, GraphEventId, UserId } from '../core/ids.ts';
import { jsonChunks, optional, textList, timestamp, toBigInt, toDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher, UserCipher } from './encryption.ts';

/** An attachment as our store holds it, without its content. */
export interface StoredAttachment {
  readonly id: string;
  readonly eventId: EventId;
  /** Of one date of a series. */
  readonly originalDate?: string | undefined;
  /** The event of Outlook it hangs on there, and its id there. */
  readonly graphEventId?: GraphEventId | undefined;
  readonly graphAttachmentId?: string | undefined;
  readonly kind: AttachmentKind;
  readonly name: string;
  readonly contentType: string;
  readonly contentId?: string | undefined;
  /** Of the content, by which a file is known again after an answer that never came. */
  readonly digest?: string | undefined;
  readonly size: number;
  /** As Graph says it, which counts more than the bytes; unknown of what was added here. */
  readonly listedSize?: number | undefined;
  readonly isInline: boolean;
  readonly hasContent: boolean;
  readonly notCarried?: NotCarried | undefined;
  readonly state: AttachmentState;
  /** Sent already, perhaps: nobody knows before a list of Graph's was looked at. */
  readonly isAnnounced: boolean;
  readonly isHeld: boolean;
  readonly errorCode?: string | undefined;
  readonly errorMessage?: string | undefined;
  /** How often in a row Graph broke down over it, and when it is tried again. */
  readonly failures?: number | undefined;
  readonly retryAt?: Date | undefined;
  readonly createdAt: Date;
  readonly lastModifiedAt: Date;
}

interface AttachmentRow {
  readonly id: string;
  readonly eventId: string;
  readonly originalDate: string | null;
  readonly graphEventId: string | null;
  readonly graphAttachmentId: string | null;
  readonly kind: AttachmentKind;
  readonly details: unknown;
  readonly size: number;
  readonly isInline: boolean;
  readonly hasContent: boolean;
  readonly notCarried: NotCarried | null;
  readonly state: AttachmentState;
  readonly isAnnounced: boolean;
  readonly isHeld: boolean;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly createdAt: unknown;
  readonly lastModifiedAt: unknown;
}

const columns = sql`
  a.id, a."eventId", a."originalDate", a."graphEventId", a."graphAttachmentId", a.kind, a.details, a.size, a."isInline",
  a.content is not null as "hasContent", a."notCarried", a.state, a."isAnnounced", a."isHeld", a."errorCode",
  a."errorMessage", a."createdAt", a."lastModifiedAt"
`;

/** Attachments of events; contents are read and written one at a time. */
export class AttachmentRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  /** All of these events', oldest first. */
  async listOf(q: Queryable, userId: UserId, eventIds: readonly EventId[]): Promise<StoredAttachment[]> {
    if (eventIds.length === 0) return [];
    return this.#find(q, userId, sql`a."eventId" in ${textList(eventIds)} order by a."createdAt", a.id`);
  }

  /** All of a user's, in the order of their ids. */
  async listAll(q: Queryable, userId: UserId, page: { after?: string | undefined; limit: number }) {
    return this.#find(q, userId, sql`a.id > ${page.after ?? ''} order by a.id limit ${page.limit}`);
  }

  /** Which of these events have files that are to go to Outlook and are not there yet. */
  async findUnsent(q: Queryable, userId: UserId, eventIds: readonly EventId[]): Promise<Set<EventId>> {
    if (eventIds.length === 0) return new Set();
    const found = await sql<{ eventId: EventId }>`
      select distinct "eventId" from "EventAttachment"
      where "userId" = ${userId} and "eventId" in ${textList(eventIds)}
        and state = 'pending' and not "isHeld" and "errorCode" is null
    `.execute(q.kysely);
    return new Set(found.rows.map(({ eventId }) => eventId));
  }

  async find(q: Queryable, userId: UserId, id: string): Promise<StoredAttachment | undefined> {
    return (await this.#find(q, userId, sql`a.id = ${id}`))[0];
  }

  async readContent(q: Queryable, userId: UserId, id: string): Promise<Uint8Array | undefined> {
    const found = await sql<{ content: Uint8Array | null }>`
      select content from "EventAttachment" where "userId" = ${userId} and id = ${id}
    `.execute(q.kysely);
    const sealed = found.rows[0]?.content;
    if (!sealed) return undefined;
    const cipher = await this.#cipher.forUser(q, userId);
    return cipher.decryptBytes(contentPlace(id), sealed);
  }

  /** How much of the user's is kept here, in bytes. */
  async bytesOf(q: Queryable, userId: UserId): Promise<number> {
    const found = await sql<{ bytes: unknown }>`
      select coalesce(sum(size), 0)::bigint as bytes from "EventAttachment"
      where "userId" = ${userId} and content is not null
    `.execute(q.kysely);
    return Number(toBigInt(found.rows[0]?.bytes));
  }

  /** Writes them whole but for their content, new ones and known ones; what hangs on no event of the user's is left out. */
  async saveMany(tx: Tx, userId: UserId, attachments: readonly StoredAttachment[]): Promise<void> {
    if (attachments.length === 0) return;
    const cipher = await this.#cipher.forUser(tx, userId);
    for (const rows of jsonChunks(attachments.map((attachment) => toRow(attachment, cipher)))) {
      await sql`
        insert into "EventAttachment" (id, "userId", "eventId", "originalDate", "graphEventId", "graphAttachmentId", kind,
          details, size, "isInline", "notCarried", state, "isAnnounced", "isHeld", "errorCode", "errorMessage", "createdAt",
          "lastModifiedAt")
        select r.id, ${userId}, r."eventId", r."originalDate", r."graphEventId", r."graphAttachmentId", r.kind, r.details,
          r.size, r."isInline", r."notCarried", r.state, r."isAnnounced", r."isHeld", r."errorCode", r."errorMessage",
          r."createdAt", r."lastModifiedAt"
        from jsonb_to_recordset(${rows}) as r(
          id text, "eventId" text, "originalDate" text, "graphEventId" text, "graphAttachmentId" text, kind text,
          details jsonb, size integer, "isInline" boolean, "notCarried" text, state text, "isAnnounced" boolean,
          "isHeld" boolean, "errorCode" text, "errorMessage" text, "createdAt" timestamptz, "lastModifiedAt" timestamptz)
        join "CalendarEvent" e on e.id = r."eventId" and e."userId" = ${userId}
        on conflict ("userId", id) do update set
          "graphEventId" = excluded."graphEventId", "graphAttachmentId" = excluded."graphAttachmentId",
          details = excluded.details, size = excluded.size, "notCarried" = excluded."notCarried", state = excluded.state,
          "isAnnounced" = excluded."isAnnounced", "isHeld" = excluded."isHeld", "errorCode" = excluded."errorCode",
          "errorMessage" = excluded."errorMessage", "lastModifiedAt" = excluded."lastModifiedAt"
      `.execute(tx.kysely);
    }
  }

  async saveContent(tx: Tx, userId: UserId, id: string, content: Uint8Array | null): Promise<void> {
    const cipher = await this.#cipher.forUser(tx, userId);
    const sealed = content && cipher.encryptBytes(contentPlace(id), content);
    await sql`
      update "EventAttachment" set content = ${sealed} where "userId" = ${userId} and id = ${id}
    `.execute(tx.kysely);
  }

  async deleteMany(tx: Tx, userId: UserId, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await sql`delete from "EventAttachment" where "userId" = ${userId} and id in ${textList(ids)}`.execute(tx.kysely);
  }

  /** Content that is in Outlook and not here yet, of one calendar. */
  async listMissing(
    q: Queryable,
    userId: UserId,
    of: { calendarId: string; eventId?: EventId | undefined; limit: number },
  ): Promise<StoredAttachment[]> {
    return this.#find(
      q,
      userId,
      sql`a.state = 'synced' and a.content is null and a."notCarried" is null and a."graphAttachmentId" is not null
        ${of.eventId ? sql`and a."eventId" = ${of.eventId}` : sql``}
        and exists (select 1 from "CalendarEvent" e where e.id = a."eventId" and e."calendarId" = ${of.calendarId})
        order by a."createdAt", a.id limit ${of.limit}`,
    );
  }

  async #find(q: Queryable, userId: UserId, condition: ReturnType<typeof sql>): Promise<StoredAttachment[]> {
    const found = await sql<AttachmentRow>`
      select ${columns} from "EventAttachment" a where a."userId" = ${userId} and ${condition}
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => fromRow(row, cipher));
  }
}

/** No content can be read as another attachment's. */
function contentPlace(id: string): string {
  return `attachment.content:${id}`;
}

function toRow(attachment: StoredAttachment, cipher: UserCipher): Record<string, unknown> {
  const {
    name,
    contentType,
    contentId,
    digest,
    listedSize,
    failures,
    retryAt,
    hasContent: _derived,
    ...rest
  } = attachment;
  const described = { name, contentType, contentId, digest, listedSize, failures, retryAt: retryAt?.toISOString() };
  return {
    ...rest,
    details: cipher.encryptJson('attachment.details', described),
    createdAt: timestamp(attachment.createdAt),
    lastModifiedAt: timestamp(attachment.lastModifiedAt),
  };
}

function fromRow(row: AttachmentRow, cipher: UserCipher): StoredAttachment {
  const details = cipher.decryptJson('attachment.details', row.details) as {
    name: string;
    contentType: string;
    contentId?: string;
    digest?: string;
    listedSize?: number;
    failures?: number;
    retryAt?: string;
  };
  return {
    id: row.id,
    eventId: row.eventId as EventId,
    originalDate: optional(row.originalDate),
    graphEventId: optional(row.graphEventId) as GraphEventId | undefined,
    graphAttachmentId: optional(row.graphAttachmentId),
    kind: row.kind,
    name: details.name,
    contentType: details.contentType,
    contentId: details.contentId,
    digest: details.digest,
    size: row.size,
    listedSize: details.listedSize,
    isInline: row.isInline,
    hasContent: row.hasContent,
    notCarried: optional(row.notCarried),
    state: row.state,
    isAnnounced: row.isAnnounced,
    isHeld: row.isHeld,
    errorCode: optional(row.errorCode),
    errorMessage: optional(row.errorMessage),
    failures: details.failures,
    retryAt: details.retryAt === undefined ? undefined : new Date(details.retryAt),
    createdAt: toDate(row.createdAt),
    lastModifiedAt: toDate(row.lastModifiedAt),
  };
}
