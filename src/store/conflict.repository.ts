import { sql } from 'kysely';
import type { Unit } from '../core/canonical-event.ts';
import { assert, SyncError } from '../core/errors.ts';
import type { EventContent } from '../core/event.ts';
import type { CalendarId, ConflictId, EventId, JobId, UserId } from '../core/ids.ts';
import type { ConflictType } from '../core/sync-plan.ts';
import { json, jsonChunks, textList, toBigInt, toDate, toOptionalDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher, UserCipher } from './encryption.ts';

export type ConflictResolutionKind =
  | 'PENDING'
  | 'PREFER_LOCAL'
  | 'PREFER_REMOTE'
  | 'PREFER_LATEST'
  | 'MERGE'
  | 'MANUAL';

/** All three values of a conflict, whole: nothing anybody wrote is lost, however it was decided. */
export interface ConflictData {
  readonly base: EventContent | null;
  readonly local: EventContent | null;
  readonly remote: EventContent | null;
}

export interface StoredConflict {
  readonly id: ConflictId;
  readonly userId: UserId;
  readonly calendarId: CalendarId;
  readonly syncStateId: JobId;
  readonly eventId: EventId;
  readonly conflictType: ConflictType;
  readonly units: readonly Unit[];
  readonly data: ConflictData;
  readonly resolution: ConflictResolutionKind;
  readonly detectedAt: Date;
  readonly resolvedAt?: Date | undefined;
  readonly resolutionData: Readonly<Record<string, unknown>> | null;
}

export interface NewConflict {
  readonly id: string;
  readonly userId: UserId;
  readonly calendarId: CalendarId;
  readonly syncStateId: JobId;
  readonly eventId: EventId;
  readonly conflictType: ConflictType;
  readonly units: readonly Unit[];
  readonly data: ConflictData;
  /** `PENDING` waits; anything else is a record of what was decided. */
  readonly resolution: ConflictResolutionKind;
  readonly at: Date;
}

interface ConflictRow {
  readonly id: string;
  readonly userId: string;
  readonly calendarId: string;
  readonly syncStateId: string;
  readonly eventId: string;
  readonly conflictType: ConflictType;
  readonly units: readonly string[];
  readonly conflictData: unknown;
  readonly resolution: ConflictResolutionKind;
  readonly detectedAt: unknown;
  readonly resolvedAt: unknown;
  readonly resolutionData: unknown;
}

export class ConflictRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  /** Records conflicts; the one waiting for the same event is updated, never doubled. */
  async record(tx: Tx, conflicts: readonly NewConflict[]): Promise<void> {
    const [first] = conflicts;
    if (!first) return;
    assert(
      conflicts.every(({ userId }) => userId === first.userId),
      'conflicts of several users are recorded together',
    );
    const cipher = await this.#cipher.forUser(tx, first.userId);
    const rows = conflicts.map((conflict) => ({
      ...conflict,
      conflictData: cipher.encryptJson('conflict.data', conflict.data),
      data: undefined,
      at: conflict.at.toISOString(),
      resolvedAt: conflict.resolution === 'PENDING' ? null : conflict.at.toISOString(),
    }));
    for (const chunk of jsonChunks(rows)) {
      await sql`
        with r as (
          select * from jsonb_to_recordset(${chunk}) as r(id text, "userId" text, "calendarId" text, "syncStateId" text,
            "eventId" text, "conflictType" text, "conflictData" jsonb, units jsonb, resolution text,
            "resolvedAt" timestamptz, at timestamptz)
        ), decided as (
          update "CalendarSyncConflict" c set "conflictType" = r."conflictType"::"CalendarConflictType",
            "conflictData" = r."conflictData", units = array(select jsonb_array_elements_text(r.units)),
            resolution = r.resolution::"CalendarConflictResolution", "resolvedAt" = r."resolvedAt", "updatedAt" = r.at
          from r
          where r."resolvedAt" is not null and c."userId" = r."userId" and c."eventId" = r."eventId"
            and c."resolvedAt" is null
          returning r.id
        )
        insert into "CalendarSyncConflict" (id, "userId", "calendarId", "syncStateId", "eventId", "conflictType",
          "conflictData", units, resolution, "resolvedAt", "detectedAt", "updatedAt")
        select r.id, r."userId", r."calendarId", r."syncStateId", r."eventId", r."conflictType"::"CalendarConflictType",
          r."conflictData", array(select jsonb_array_elements_text(r.units)), r.resolution::"CalendarConflictResolution",
          r."resolvedAt", r.at, r.at
        from r where r.id not in (select id from decided)
        on conflict ("userId", "eventId") where "resolvedAt" is null do update set
          "conflictType" = excluded."conflictType", "conflictData" = excluded."conflictData", units = excluded.units,
          "updatedAt" = excluded."updatedAt"
      `.execute(tx.kysely);
    }
  }

  /** Closes what waited for events whose sides meanwhile agree. */
  async settle(tx: Tx, userId: UserId, eventIds: readonly EventId[], at: Date): Promise<void> {
    if (eventIds.length === 0) return;
    const cipher = await this.#cipher.forUser(tx, userId);
    const data = cipher.encryptJson('conflict.resolution', { reason: 'both sides came to hold the same' });
    await sql`
      update "CalendarSyncConflict" set resolution = 'MERGE', "resolvedAt" = ${at.toISOString()}::timestamptz,
        "updatedAt" = ${at.toISOString()}::timestamptz, "resolutionData" = ${json(data)}
      where "userId" = ${userId} and "resolvedAt" is null and "eventId" in ${textList(eventIds)}
    `.execute(tx.kysely);
  }

  /** Closes everything that waits: what stands here stays, and the record keeps the other values. */
  async closePending(tx: Tx, userId: UserId, how: { at: Date; reason: string }): Promise<void> {
    const cipher = await this.#cipher.forUser(tx, userId);
    const data = cipher.encryptJson('conflict.resolution', { reason: how.reason });
    await sql`
      update "CalendarSyncConflict" set resolution = 'PREFER_LOCAL', "resolvedAt" = ${how.at.toISOString()}::timestamptz,
        "updatedAt" = ${how.at.toISOString()}::timestamptz, "resolutionData" = ${json(data)}
      where "userId" = ${userId} and "resolvedAt" is null
    `.execute(tx.kysely);
  }

  /** @throws {SyncError} `conflict-state` when somebody else has decided it in the meantime */
  async resolve(
    tx: Tx,
    decision: {
      id: ConflictId;
      userId: UserId;
      resolution: ConflictResolutionKind;
      resolutionData: Readonly<Record<string, unknown>> | null;
      at: Date;
    },
  ): Promise<void> {
    const cipher = await this.#cipher.forUser(tx, decision.userId);
    const data = cipher.encryptJson('conflict.resolution', decision.resolutionData);
    const resolved = await sql`
      update "CalendarSyncConflict" set resolution = ${decision.resolution}::"CalendarConflictResolution",
        "resolvedAt" = ${decision.at.toISOString()}::timestamptz, "updatedAt" = ${decision.at.toISOString()}::timestamptz,
        "resolutionData" = ${json(data)}
      where id = ${decision.id} and "userId" = ${decision.userId} and "resolvedAt" is null
      returning id
    `.execute(tx.kysely);
    if (resolved.rows.length === 0) {
      throw new SyncError('conflict-state', `conflict ${decision.id} is not waiting for a decision any more`);
    }
  }

  async find(q: Queryable, userId: UserId, id: ConflictId): Promise<StoredConflict | undefined> {
    const found = await sql<ConflictRow>`
      select * from "CalendarSyncConflict" where id = ${id} and "userId" = ${userId}
    `.execute(q.kysely);
    const row = found.rows[0];
    return row ? fromRow(row, await this.#cipher.forUser(q, userId)) : undefined;
  }

  async list(
    q: Queryable,
    query: { userId: UserId; status: 'pending' | 'resolved' | 'all'; limit: number; offset: number },
  ): Promise<{ items: StoredConflict[]; total: number }> {
    const condition = sql`"userId" = ${query.userId} ${
      query.status === 'pending'
        ? sql`and "resolvedAt" is null`
        : query.status === 'resolved'
          ? sql`and "resolvedAt" is not null`
          : sql``
    }`;
    const found = await sql<ConflictRow>`
      select * from "CalendarSyncConflict" where ${condition}
      order by "detectedAt" desc, id limit ${query.limit} offset ${query.offset}
    `.execute(q.kysely);
    const counted = await sql<{ count: unknown }>`
      select count(*) as count from "CalendarSyncConflict" where ${condition}
    `.execute(q.kysely);
    const total = Number(toBigInt(counted.rows[0]?.count));
    if (found.rows.length === 0) return { items: [], total };
    const cipher = await this.#cipher.forUser(q, query.userId);
    return { items: found.rows.map((row) => fromRow(row, cipher)), total };
  }

  /** All of a user's, in the order of their ids. */
  async listAll(
    q: Queryable,
    userId: UserId,
    page: { after?: ConflictId | undefined; limit: number },
  ): Promise<StoredConflict[]> {
    const found = await sql<ConflictRow>`
      select * from "CalendarSyncConflict" where "userId" = ${userId} and id > ${page.after ?? ''}
      order by id limit ${page.limit}
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => fromRow(row, cipher));
  }

  async pendingFor(q: Queryable, userId: UserId, eventIds: readonly EventId[]): Promise<Map<EventId, StoredConflict>> {
    if (eventIds.length === 0) return new Map();
    const found = await sql<ConflictRow>`
      select * from "CalendarSyncConflict"
      where "userId" = ${userId} and "resolvedAt" is null and "eventId" in ${textList(eventIds)}
    `.execute(q.kysely);
    if (found.rows.length === 0) return new Map();
    const cipher = await this.#cipher.forUser(q, userId);
    return new Map(found.rows.map((row) => [row.eventId as EventId, fromRow(row, cipher)]));
  }
}

function fromRow(row: ConflictRow, cipher: UserCipher): StoredConflict {
  return {
    id: row.id as ConflictId,
    userId: row.userId as UserId,
    calendarId: row.calendarId as CalendarId,
    syncStateId: row.syncStateId as JobId,
    eventId: row.eventId as EventId,
    conflictType: row.conflictType,
    units: row.units as Unit[],
    data: cipher.decryptJson('conflict.data', row.conflictData) as ConflictData,
    resolution: row.resolution,
    detectedAt: toDate(row.detectedAt),
    resolvedAt: toOptionalDate(row.resolvedAt),
    resolutionData: cipher.decryptJson('conflict.resolution', row.resolutionData) as Record<string, unknown> | null,
  };
}
