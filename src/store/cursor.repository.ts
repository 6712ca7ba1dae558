import { sql } from 'kysely';
import type { CalendarId, GraphEventId, UserId } from '../core/ids.ts';
import { jsonRows, optional, textList, toDate, toOptionalDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher } from './encryption.ts';

/** Where a calendar's delta stream is read on. */
export interface DeltaCursor {
  readonly userId: UserId;
  readonly calendarId: CalendarId;
  /** Opaque; `next` within a round, `delta` after it. */
  readonly link: string;
  readonly linkKind: 'next' | 'delta';
  readonly windowStart: Date;
  readonly windowEnd: Date;
  readonly roundId: string;
  readonly isFullRound: boolean;
  /** Of the last full round: what the token's age is counted from. */
  readonly roundStartedAt: Date;
  /** Absent while anything of the round is still to be applied. */
  readonly completedAt?: Date | undefined;
  readonly pages: number;
}

/** A series a round gave a sign of life of. */
export interface SeriesMark {
  readonly graphEventId: GraphEventId;
  readonly masterEtag?: string | undefined;
  readonly suspicious: boolean;
}

interface CursorRow {
  readonly userId: string;
  readonly calendarId: string;
  readonly link: string;
  readonly linkKind: string;
  readonly windowStart: unknown;
  readonly windowEnd: unknown;
  readonly roundId: string;
  readonly isFullRound: boolean;
  readonly roundStartedAt: unknown;
  readonly completedAt: unknown;
  readonly pages: number;
}

export class CursorRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  async find(q: Queryable, userId: UserId, calendarId: CalendarId): Promise<DeltaCursor | undefined> {
    const found = await sql<CursorRow>`
      select * from "DeltaCursor" where "userId" = ${userId} and "calendarId" = ${calendarId}
    `.execute(q.kysely);
    const row = found.rows[0];
    if (!row) return undefined;
    const cipher = await this.#cipher.forUser(q, userId);
    return {
      userId,
      calendarId,
      link: cipher.decryptText('cursor.link', row.link),
      linkKind: row.linkKind === 'delta' ? 'delta' : 'next',
      windowStart: toDate(row.windowStart),
      windowEnd: toDate(row.windowEnd),
      roundId: row.roundId,
      isFullRound: row.isFullRound,
      roundStartedAt: toDate(row.roundStartedAt),
      completedAt: toOptionalDate(row.completedAt),
      pages: row.pages,
    };
  }

  async save(tx: Tx, cursor: DeltaCursor): Promise<void> {
    const cipher = await this.#cipher.forUser(tx, cursor.userId);
    const row = {
      ...cursor,
      link: cipher.encryptText('cursor.link', cursor.link),
      windowStart: cursor.windowStart.toISOString(),
      windowEnd: cursor.windowEnd.toISOString(),
      roundStartedAt: cursor.roundStartedAt.toISOString(),
      completedAt: cursor.completedAt?.toISOString() ?? null,
    };
    await sql`
      insert into "DeltaCursor" ("userId", "calendarId", link, "linkKind", "windowStart", "windowEnd", "roundId",
        "isFullRound", "roundStartedAt", "completedAt", pages)
      select r.* from jsonb_to_recordset(${jsonRows([row])}) as r("userId" text, "calendarId" text, link text,
        "linkKind" text, "windowStart" timestamptz, "windowEnd" timestamptz, "roundId" text, "isFullRound" boolean,
        "roundStartedAt" timestamptz, "completedAt" timestamptz, pages integer)
      on conflict ("userId", "calendarId") do update set
        link = excluded.link, "linkKind" = excluded."linkKind", "windowStart" = excluded."windowStart",
        "windowEnd" = excluded."windowEnd", "roundId" = excluded."roundId", "isFullRound" = excluded."isFullRound",
        "roundStartedAt" = excluded."roundStartedAt", "completedAt" = excluded."completedAt", pages = excluded.pages
    `.execute(tx.kysely);
  }

  async delete(tx: Tx, userId: UserId, calendarId: CalendarId): Promise<void> {
    await sql`delete from "DeltaCursor" where "userId" = ${userId} and "calendarId" = ${calendarId}`.execute(tx.kysely);
  }

  /** Later signs of a series are added to earlier ones; nothing takes a suspicion back but reading the series. */
  async markSeries(
    tx: Tx,
    userId: UserId,
    calendarId: CalendarId,
    roundId: string,
    marks: readonly SeriesMark[],
  ): Promise<void> {
    if (marks.length === 0) return;
    const unique = new Map<GraphEventId, SeriesMark>();
    for (const mark of marks) {
      const seen = unique.get(mark.graphEventId);
      unique.set(mark.graphEventId, {
        graphEventId: mark.graphEventId,
        masterEtag: mark.masterEtag ?? seen?.masterEtag,
        suspicious: mark.suspicious || (seen?.suspicious ?? false),
      });
    }
    await sql`
      insert into "DirtySeries" ("userId", "calendarId", "graphEventId", "roundId", "masterEtag", suspicious)
      select ${userId}, ${calendarId}, r."graphEventId", ${roundId}, r."masterEtag", r.suspicious
      from jsonb_to_recordset(${jsonRows([...unique.values()].map((mark) => ({ ...mark })))}) as
        r("graphEventId" text, "masterEtag" text, suspicious boolean)
      on conflict ("userId", "calendarId", "graphEventId") do update set
        "masterEtag" = coalesce(excluded."masterEtag", "DirtySeries"."masterEtag"),
        suspicious = excluded.suspicious or "DirtySeries".suspicious
    `.execute(tx.kysely);
  }

  async listDirtySeries(q: Queryable, userId: UserId, calendarId: CalendarId, limit: number): Promise<SeriesMark[]> {
    const found = await sql<{ graphEventId: string; masterEtag: string | null; suspicious: boolean }>`
      select "graphEventId", "masterEtag", suspicious from "DirtySeries"
      where "userId" = ${userId} and "calendarId" = ${calendarId} order by "graphEventId" limit ${limit}
    `.execute(q.kysely);
    return found.rows.map((row) => ({
      graphEventId: row.graphEventId as GraphEventId,
      masterEtag: optional(row.masterEtag),
      suspicious: row.suspicious,
    }));
  }

  /** The masters of those series of the calendar that have one of these ids among their exceptions, as far as we know. */
  async findSeriesOf(
    q: Queryable,
    userId: UserId,
    calendarId: CalendarId,
    memberIds: readonly GraphEventId[],
  ): Promise<GraphEventId[]> {
    if (memberIds.length === 0) return [];
    const found = await sql<{ graphEventId: string }>`
      select "graphEventId" from "EventBase"
      where "userId" = ${userId} and "calendarId" = ${calendarId} and "graphEventId" is not null
        and "seriesEtags" is not null and jsonb_exists_any("seriesEtags", array${textList(memberIds)})
      order by "graphEventId"
    `.execute(q.kysely);
    return found.rows.map((row) => row.graphEventId as GraphEventId);
  }

  async clearDirtySeries(tx: Tx, userId: UserId, calendarId: CalendarId, ids: readonly GraphEventId[]): Promise<void> {
    if (ids.length === 0) return;
    await sql`
      delete from "DirtySeries"
      where "userId" = ${userId} and "calendarId" = ${calendarId} and "graphEventId" in ${textList(ids)}
    `.execute(tx.kysely);
  }
}
