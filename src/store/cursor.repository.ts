import { sql } from 'kysely';
import type { CalendarId, GraphEventId, UserId } from '../core/ids.ts';
import { jsonRows, optional, textList, toDate, toOptionalDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher, UserCipher } from './encryption.ts';

/** Where one of a calendar's delta streams is read on: each reads a slice of its window. */
export interface DeltaCursor {
  readonly userId: UserId;
  readonly calendarId: CalendarId;
  /** Which slice; the first is read from the beginning, later ones are what the window moved on by. */
  readonly rung: number;
  /** The slice is read for the first time, because the window has just reached it. */
  readonly isRolled: boolean;
  /** Opaque; `next` within a round, `delta` after it. */
  readonly link: string;
  readonly linkKind: 'next' | 'delta';
  readonly windowStart: Date;
  readonly windowEnd: Date;
  readonly roundId: string;
  readonly isFullRound: boolean;
  /** When everything in the slice was last listed. */
  readonly roundStartedAt: Date;
  /** When Graph gave the link: what its age is counted from. */
  readonly issuedAt: Date;
  /** Absent while anything of the round is still to be applied. */
  readonly completedAt?: Date | undefined;
  readonly pages: number;
}

/** A series a round gave a sign of life of; or any event that the next pull is to read whole, whatever its tag. */
export interface SeriesMark {
  readonly graphEventId: GraphEventId;
  readonly masterEtag?: string | undefined;
  readonly suspicious: boolean;
  /** A date of it left the view: the series may have come to its end. */
  readonly isLosing?: boolean | undefined;
  /** It left the view, and is still to be found where it was: one of the two is the word of a server that is behind. */
  readonly isToldGone?: boolean | undefined;
  /** How often it was read in another state than the one that was told of. */
  readonly doubts?: number | undefined;
}

/** Later signs of a series are added to earlier ones. */
export function joinedMarks(earlier: SeriesMark | undefined, later: SeriesMark): SeriesMark {
  return {
    graphEventId: later.graphEventId,
    masterEtag: later.masterEtag ?? earlier?.masterEtag,
    suspicious: later.suspicious || (earlier?.suspicious ?? false),
    isLosing: (later.isLosing ?? false) || (earlier?.isLosing ?? false),
    isToldGone: (later.isToldGone ?? false) || (earlier?.isToldGone ?? false),
  };
}

interface CursorRow {
  readonly userId: string;
  readonly calendarId: string;
  readonly rung: number;
  readonly isRolled: boolean;
  readonly issuedAt: unknown;
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

  /** A calendar's cursors, from the first slice of its window to the last. */
  async list(q: Queryable, userId: UserId, calendarId: CalendarId): Promise<DeltaCursor[]> {
    const found = await sql<CursorRow>`
      select * from "DeltaCursor" where "userId" = ${userId} and "calendarId" = ${calendarId} order by rung
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => fromRow(row, cipher));
  }

  async save(tx: Tx, cursor: DeltaCursor): Promise<void> {
    await this.saveMany(tx, cursor.userId, [cursor]);
  }

  async saveMany(tx: Tx, userId: UserId, cursors: readonly DeltaCursor[]): Promise<void> {
    if (cursors.length === 0) return;
    const cipher = await this.#cipher.forUser(tx, userId);
    const rows = cursors.map((cursor) => ({
      ...cursor,
      link: cipher.encryptText('cursor.link', cursor.link),
      windowStart: cursor.windowStart.toISOString(),
      windowEnd: cursor.windowEnd.toISOString(),
      roundStartedAt: cursor.roundStartedAt.toISOString(),
      completedAt: cursor.completedAt?.toISOString() ?? null,
      issuedAt: cursor.issuedAt.toISOString(),
    }));
    await sql`
      insert into "DeltaCursor" ("userId", "calendarId", rung, link, "linkKind", "windowStart", "windowEnd", "roundId",
        "isFullRound", "isRolled", "roundStartedAt", "completedAt", "issuedAt", pages)
      select ${userId}, r.* from jsonb_to_recordset(${jsonRows(rows)}) as r("calendarId" text, rung integer, link text,
        "linkKind" text, "windowStart" timestamptz, "windowEnd" timestamptz, "roundId" text, "isFullRound" boolean,
        "isRolled" boolean, "roundStartedAt" timestamptz, "completedAt" timestamptz, "issuedAt" timestamptz, pages integer)
      on conflict ("userId", "calendarId", rung) do update set
        link = excluded.link, "linkKind" = excluded."linkKind", "windowStart" = excluded."windowStart",
        "windowEnd" = excluded."windowEnd", "roundId" = excluded."roundId", "isFullRound" = excluded."isFullRound",
        "isRolled" = excluded."isRolled", "roundStartedAt" = excluded."roundStartedAt",
        "completedAt" = excluded."completedAt", "issuedAt" = excluded."issuedAt", pages = excluded.pages
    `.execute(tx.kysely);
  }

  async delete(tx: Tx, userId: UserId, calendarId: CalendarId): Promise<void> {
    await sql`delete from "DeltaCursor" where "userId" = ${userId} and "calendarId" = ${calendarId}`.execute(tx.kysely);
  }

  /** Some of the slices are not read any more; what is known of their events stays. */
  async deleteRungs(tx: Tx, userId: UserId, calendarId: CalendarId, rungs: readonly number[]): Promise<void> {
    if (rungs.length === 0) return;
    await sql`
      delete from "DeltaCursor"
      where "userId" = ${userId} and "calendarId" = ${calendarId} and rung in (${sql.join(rungs)})
    `.execute(tx.kysely);
  }

  /** What of each of a user's calendars has been read to its end at least once: its slices overlap, so it has no gaps. */
  async listCoverage(
    q: Queryable,
    userId: UserId,
  ): Promise<Map<CalendarId, { readonly start: Date; readonly end: Date }>> {
    const found = await sql<{ calendarId: string; start: unknown; end: unknown }>`
      select "calendarId", min("windowStart") as start, max("windowEnd") as "end" from "DeltaCursor"
      where "userId" = ${userId} and ("completedAt" is not null or not "isFullRound") group by "calendarId"
    `.execute(q.kysely);
    return new Map(
      found.rows.map((row) => [row.calendarId as CalendarId, { start: toDate(row.start), end: toDate(row.end) }]),
    );
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
    for (const mark of marks) unique.set(mark.graphEventId, joinedMarks(unique.get(mark.graphEventId), mark));
    await sql`
      insert into "DirtySeries"
        ("userId", "calendarId", "graphEventId", "roundId", "masterEtag", suspicious, "isLosing", "isToldGone")
      select ${userId}, ${calendarId}, r."graphEventId", ${roundId}, r."masterEtag", r.suspicious, r."isLosing",
        r."isToldGone"
      from jsonb_to_recordset(${jsonRows([...unique.values()].map((mark) => ({ ...mark })))}) as
        r("graphEventId" text, "masterEtag" text, suspicious boolean, "isLosing" boolean, "isToldGone" boolean)
      on conflict ("userId", "calendarId", "graphEventId") do update set
        "masterEtag" = coalesce(excluded."masterEtag", "DirtySeries"."masterEtag"),
        suspicious = excluded.suspicious or "DirtySeries".suspicious,
        "isLosing" = excluded."isLosing" or "DirtySeries"."isLosing",
        "isToldGone" = excluded."isToldGone" or "DirtySeries"."isToldGone",
        doubts = case when coalesce(excluded."masterEtag", "DirtySeries"."masterEtag")
          is distinct from "DirtySeries"."masterEtag" then 0 else "DirtySeries".doubts end
    `.execute(tx.kysely);
  }

  async listDirtySeries(q: Queryable, userId: UserId, calendarId: CalendarId, limit: number): Promise<SeriesMark[]> {
    const found = await sql<{
      graphEventId: string;
      masterEtag: string | null;
      suspicious: boolean;
      isLosing: boolean;
      isToldGone: boolean;
      doubts: number;
    }>`
      select "graphEventId", "masterEtag", suspicious, "isLosing", "isToldGone", doubts from "DirtySeries"
      where "userId" = ${userId} and "calendarId" = ${calendarId} order by "graphEventId" limit ${limit}
    `.execute(q.kysely);
    return found.rows.map((row) => ({
      graphEventId: row.graphEventId as GraphEventId,
      masterEtag: optional(row.masterEtag),
      suspicious: row.suspicious,
      isLosing: row.isLosing,
      isToldGone: row.isToldGone,
      doubts: row.doubts,
    }));
  }

  /** They stay marked: what was read is not what was told of. */
  async doubtSeries(tx: Tx, userId: UserId, calendarId: CalendarId, ids: readonly GraphEventId[]): Promise<void> {
    if (ids.length === 0) return;
    await sql`
      update "DirtySeries" set doubts = doubts + 1
      where "userId" = ${userId} and "calendarId" = ${calendarId} and "graphEventId" in ${textList(ids)}
    `.execute(tx.kysely);
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

function fromRow(row: CursorRow, cipher: UserCipher): DeltaCursor {
  return {
    userId: row.userId as UserId,
    calendarId: row.calendarId as CalendarId,
    rung: row.rung,
    isRolled: row.isRolled,
    link: cipher.decryptText('cursor.link', row.link),
    linkKind: row.linkKind === 'delta' ? 'delta' : 'next',
    windowStart: toDate(row.windowStart),
    windowEnd: toDate(row.windowEnd),
    roundId: row.roundId,
    isFullRound: row.isFullRound,
    roundStartedAt: toDate(row.roundStartedAt),
    completedAt: toOptionalDate(row.completedAt),
    issuedAt: toDate(row.issuedAt),
    pages: row.pages,
  };
}
