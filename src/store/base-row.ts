import { type RawBuilder, sql } from 'kysely';
import type { Unit } from '../core/canonical-event.ts';
import type { Round } from '../core/convergence.ts';
import type { EventContent } from '../core/event.ts';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import { optional, timestamp, toBigInt, toOptionalDate } from './columns.ts';
import type { UserCipher } from './encryption.ts';

/** What both sides of one event last agreed on, and everything known about its link to Graph. Outlives the event's row. */
export interface EventBase {
  readonly eventId: EventId;
  readonly userId: UserId;
  readonly calendarId: CalendarId;
  /** Absent: not at Graph (yet, or any more). */
  readonly graphEventId?: GraphEventId | undefined;
  readonly iCalUId?: string | undefined;
  readonly etag?: string | undefined;
  /** The local revision that is settled: an event is pending while its own is ahead of this. */
  readonly agreedRevision: bigint;
  /** Before the first agreement: what was sent in a create whose answer is not known. */
  readonly local: EventContent | null;
  readonly remote: EventContent | null;
  /** Tags of a series' exceptions by Graph id. */
  readonly seriesEtags?: Readonly<Record<string, string>> | undefined;
  readonly generation: number;
  /** Brought to our clock. */
  readonly remoteModifiedAt?: Date | undefined;
  /** Proven to be gone at Graph, not deleted here yet. */
  readonly remoteGoneAt?: Date | undefined;
  readonly conflictUnits: readonly Unit[];
  readonly heldUnits: readonly Unit[];
  readonly errorCode?: string | undefined;
  readonly errorMessage?: string | undefined;
  /** The revision Graph refused for good: not sent again before it changes. */
  readonly failedRevision?: bigint | undefined;
  /** How often in a row Graph failed on this event while it served others. */
  readonly failures?: number | undefined;
  /** When the failed revision is sent again nevertheless. */
  readonly retryAt?: Date | undefined;
  readonly seenRound?: string | undefined;
  readonly syncedAt?: Date | undefined;
  /** What was sent and changed back lately; left out when saving, it stays as it is. */
  readonly rounds?: readonly Round[] | undefined;
}

export interface BaseRow {
  readonly eventId: string;
  readonly userId: string;
  readonly calendarId: string;
  readonly graphEventId: string | null;
  readonly iCalUId: string | null;
  readonly etag: string | null;
  readonly agreedRevision: unknown;
  readonly local: unknown;
  readonly remote: unknown;
  readonly seriesEtags: Record<string, string> | null;
  readonly generation: number;
  readonly remoteModifiedAt: unknown;
  readonly remoteGoneAt: unknown;
  readonly conflictUnits: readonly string[] | null;
  readonly heldUnits: readonly string[] | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly failedRevision: unknown;
  readonly failures: number | null;
  readonly retryAt: unknown;
  readonly seenRound: string | null;
  readonly syncedAt: unknown;
  readonly rounds: unknown;
}

export function fromBaseRow(row: BaseRow, cipher: UserCipher): EventBase {
  return {
    eventId: row.eventId as EventId,
    userId: row.userId as UserId,
    calendarId: row.calendarId as CalendarId,
    graphEventId: optional(row.graphEventId) as GraphEventId | undefined,
    iCalUId: optional(row.iCalUId),
    etag: optional(row.etag),
    agreedRevision: toBigInt(row.agreedRevision),
    local: cipher.decryptJson('base.local', row.local) as EventContent | null,
    remote: cipher.decryptJson('base.remote', row.remote) as EventContent | null,
    seriesEtags: optional(row.seriesEtags),
    generation: row.generation,
    remoteModifiedAt: toOptionalDate(row.remoteModifiedAt),
    remoteGoneAt: toOptionalDate(row.remoteGoneAt),
    conflictUnits: (row.conflictUnits ?? []) as Unit[],
    heldUnits: (row.heldUnits ?? []) as Unit[],
    errorCode: optional(row.errorCode),
    errorMessage: optional(row.errorMessage),
    failedRevision:
      row.failedRevision === null || row.failedRevision === undefined ? undefined : toBigInt(row.failedRevision),
    failures: row.failures || undefined,
    retryAt: toOptionalDate(row.retryAt),
    seenRound: optional(row.seenRound),
    syncedAt: toOptionalDate(row.syncedAt),
    rounds: optional(cipher.decryptJson('base.rounds', row.rounds) as readonly Round[] | null),
  };
}

export function toBaseRow(base: EventBase, cipher: UserCipher): Record<string, unknown> {
  return {
    ...base,
    local: cipher.encryptJson('base.local', base.local),
    remote: cipher.encryptJson('base.remote', base.remote),
    rounds: base.rounds === undefined ? null : cipher.encryptJson('base.rounds', base.rounds),
    remoteModifiedAt: base.remoteModifiedAt ? timestamp(base.remoteModifiedAt) : null,
    remoteGoneAt: base.remoteGoneAt?.toISOString() ?? null,
    failures: base.failures ?? 0,
    retryAt: base.failedRevision === undefined ? null : (base.retryAt?.toISOString() ?? null),
    syncedAt: base.syncedAt?.toISOString() ?? null,
  };
}

/** Of a base `b`: Graph failed on it, and the pause it was given is over. */
export function isDueAgain(now: Date | undefined): RawBuilder<unknown> {
  return now ? sql`b."retryAt" <= ${now.toISOString()}::timestamptz` : sql`false`;
}
