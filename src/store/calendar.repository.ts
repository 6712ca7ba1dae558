import { sql } from 'kysely';
import type { CalendarId, GraphCalendarId, UserId } from '../core/ids.ts';
import type { SyncSettings } from '../core/settings.ts';
import { json, optional, toOptionalDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher, UserCipher } from './encryption.ts';

export interface StoredCalendar {
  readonly userId: UserId;
  readonly id: CalendarId;
  readonly graphCalendarId?: GraphCalendarId | undefined;
  readonly name: string;
  readonly isDefault: boolean;
  /** False for calendars Graph lets nobody write to (holidays, subscriptions, read-only shares). */
  readonly canEdit: boolean;
  readonly ownerAddress?: string | undefined;
  readonly color?: string | undefined;
  /** What this calendar sets for itself; the rest comes from its user. */
  readonly settings: Partial<SyncSettings>;
  readonly removedAt?: Date | undefined;
  readonly lastSyncedAt?: Date | undefined;
  readonly nextSyncAt?: Date | undefined;
}

export type SaveCalendar = Pick<
  StoredCalendar,
  'id' | 'graphCalendarId' | 'name' | 'isDefault' | 'canEdit' | 'ownerAddress' | 'color'
>;

interface CalendarRow {
  readonly userId: string;
  readonly id: string;
  readonly graphCalendarId: string | null;
  readonly name: string;
  readonly isDefault: boolean;
  readonly canEdit: boolean;
  readonly ownerAddress: string | null;
  readonly color: string | null;
  readonly settings: Partial<SyncSettings>;
  readonly removedAt: unknown;
  readonly lastSyncedAt: unknown;
  readonly nextSyncAt: unknown;
}

export class CalendarRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  async list(q: Queryable, userId: UserId): Promise<StoredCalendar[]> {
    const found = await sql<CalendarRow>`
      select * from "Calendar" where "userId" = ${userId} order by "isDefault" desc, "createdAt", id
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => fromRow(row, cipher));
  }

  /** Keeps two who bring a user's list of calendars up to date from doing it at once. */
  async lockList(tx: Tx, userId: UserId): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`calendars ${userId}`}, 0))`.execute(tx.kysely);
  }

  async find(q: Queryable, userId: UserId, id: CalendarId): Promise<StoredCalendar | undefined> {
    const found = await sql<CalendarRow>`
      select * from "Calendar" where "userId" = ${userId} and id = ${id}
    `.execute(q.kysely);
    const row = found.rows[0];
    return row ? fromRow(row, await this.#cipher.forUser(q, userId)) : undefined;
  }

  async save(tx: Tx, userId: UserId, calendar: SaveCalendar): Promise<void> {
    const cipher = await this.#cipher.forUser(tx, userId);
    const { id, graphCalendarId = null, isDefault, canEdit, color = null } = calendar;
    const name = cipher.encryptText('calendar.name', calendar.name);
    const owner = calendar.ownerAddress ? cipher.encryptText('calendar.owner', calendar.ownerAddress) : null;
    await sql`
      insert into "Calendar" ("userId", id, "graphCalendarId", name, "isDefault", "canEdit", "ownerAddress", color)
      values (${userId}, ${id}, ${graphCalendarId}, ${name}, ${isDefault}, ${canEdit}, ${owner}, ${color})
      on conflict ("userId", id) do update set "graphCalendarId" = excluded."graphCalendarId", name = excluded.name,
        "isDefault" = excluded."isDefault", "canEdit" = excluded."canEdit", "ownerAddress" = excluded."ownerAddress",
        color = excluded.color, "removedAt" = null, "updatedAt" = now()
    `.execute(tx.kysely);
  }

  /** The calendar is not in the mailbox any more; what is known of its events is kept. */
  async markRemoved(tx: Tx, userId: UserId, id: CalendarId, at: Date): Promise<void> {
    await sql`
      update "Calendar" set "removedAt" = ${at.toISOString()}::timestamptz where "userId" = ${userId} and id = ${id}
    `.execute(tx.kysely);
  }

  async saveSettings(tx: Tx, userId: UserId, id: CalendarId, settings: Partial<SyncSettings>): Promise<void> {
    await sql`
      update "Calendar" set settings = ${json(settings)}, "nextSyncAt" = null, "updatedAt" = now()
      where "userId" = ${userId} and id = ${id}
    `.execute(tx.kysely);
  }

  /** Nothing has been seen of the mailbox yet: the first run of each calendar joins both sides anew. */
  async forgetProgress(tx: Tx, userId: UserId): Promise<void> {
    await sql`
      update "Calendar" set "lastSyncedAt" = null, "nextSyncAt" = null, "updatedAt" = now() where "userId" = ${userId}
    `.execute(tx.kysely);
    await sql`delete from "DeltaCursor" where "userId" = ${userId}`.execute(tx.kysely);
    await sql`delete from "DirtySeries" where "userId" = ${userId}`.execute(tx.kysely);
  }

  /** The calendars' next background sync is due now. */
  async bringForward(tx: Tx, userId: UserId): Promise<void> {
    await sql`update "Calendar" set "nextSyncAt" = null where "userId" = ${userId}`.execute(tx.kysely);
  }

  /** Gives a calendar, with everything in it, another id of ours: `default` goes with the mailbox's default calendar. */
  async relabel(tx: Tx, userId: UserId, from: CalendarId, to: CalendarId): Promise<void> {
    await sql`update "Calendar" set id = ${to} where "userId" = ${userId} and id = ${from}`.execute(tx.kysely);
    for (const table of TABLES_BY_CALENDAR) {
      await sql`
        update ${sql.table(table)} set "calendarId" = ${to} where "userId" = ${userId} and "calendarId" = ${from}
      `.execute(tx.kysely);
    }
  }

  async saveLastSynced(tx: Tx, userId: UserId, id: CalendarId, at: Date): Promise<void> {
    await sql`
      update "Calendar" set "lastSyncedAt" = ${at.toISOString()}::timestamptz where "userId" = ${userId} and id = ${id}
    `.execute(tx.kysely);
  }

  /** Calendars whose next background sync is due, the longest waiting first. */
  async listDue(q: Queryable, now: Date, limit: number): Promise<{ userId: UserId; id: CalendarId }[]> {
    const found = await sql<{ userId: string; id: string }>`
      select c."userId", c.id from "Calendar" c join "CalendarConnection" n on n."userId" = c."userId"
      where c."removedAt" is null and n.status <> 'REAUTH_REQUIRED'
        and (c."nextSyncAt" is null or c."nextSyncAt" <= ${now.toISOString()}::timestamptz)
      order by c."nextSyncAt" nulls first limit ${limit}
    `.execute(q.kysely);
    return found.rows.map((row) => ({ userId: row.userId as UserId, id: row.id as CalendarId }));
  }

  /** @returns false when there is no such calendar */
  async saveNextSync(tx: Tx, userId: UserId, id: CalendarId, at: Date): Promise<boolean> {
    const saved = await sql`
      update "Calendar" set "nextSyncAt" = ${at.toISOString()}::timestamptz where "userId" = ${userId} and id = ${id}
    `.execute(tx.kysely);
    return (saved.numAffectedRows ?? 0n) > 0n;
  }

  async deleteAll(tx: Tx, userId: UserId): Promise<void> {
    await sql`delete from "Calendar" where "userId" = ${userId}`.execute(tx.kysely);
    await sql`delete from "DeltaCursor" where "userId" = ${userId}`.execute(tx.kysely);
    await sql`delete from "DirtySeries" where "userId" = ${userId}`.execute(tx.kysely);
  }
}

/** Runs are left out: they tell what was asked for then. */
const TABLES_BY_CALENDAR = [
  'CalendarEvent',
  'CalendarEventTombstone',
  'EventBase',
  'DeltaCursor',
  'DirtySeries',
  'CalendarSyncConflict',
];

function fromRow(row: CalendarRow, cipher: UserCipher): StoredCalendar {
  return {
    userId: row.userId as UserId,
    id: row.id as CalendarId,
    graphCalendarId: optional(row.graphCalendarId) as GraphCalendarId | undefined,
    name: cipher.decryptText('calendar.name', row.name),
    isDefault: row.isDefault,
    canEdit: row.canEdit,
    ownerAddress: row.ownerAddress === null ? undefined : cipher.decryptText('calendar.owner', row.ownerAddress),
    color: optional(row.color),
    settings: row.settings,
    removedAt: toOptionalDate(row.removedAt),
    lastSyncedAt: toOptionalDate(row.lastSyncedAt),
    nextSyncAt: toOptionalDate(row.nextSyncAt),
  };
}
