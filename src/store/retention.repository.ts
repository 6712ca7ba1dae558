import { type RawBuilder, sql } from 'kysely';
import { toDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import { isHeldLease, LEASE_MS } from './lease.repository.ts';

/** What gets old, as a closed list. */
export const RETAINED_KINDS = [
  'operations',
  'runs',
  'conflicts',
  'pastEvents',
  'tombstones',
  'authorizations',
  'idempotencyKeys',
  'webhookDeliveries',
  'rateCounts',
] as const;
export type RetainedKind = (typeof RETAINED_KINDS)[number];

/** How far outside its calendar's window an event must lie: a round that began days ago still has its old window. */
const WINDOW_MARGIN_DAYS = 7;

/** Deletes what has been kept long enough, a batch at a time, whoever it belongs to. */
export class RetentionRepository {
  /**
   * One process does it for all. To be followed, in the same transaction, by the line that says it has begun.
   *
   * @param o.since  whoever has begun since then has done it, or is at it
   * @param o.givenUpBefore  whoever began before that and has not ended, or failed before that, does not count
   */
  async mayBegin(tx: Tx, o: { readonly since: Date; readonly givenUpBefore: Date }): Promise<boolean> {
    await sql`select pg_advisory_xact_lock(hashtextextended('retention', 0))`.execute(tx.kysely);
    const found = await sql<{ action: string; outcome: string; at: unknown }>`
      select action, outcome, at from "AuditEntry"
      where action in ('retention.began', 'retention.ran') and at >= ${o.since.toISOString()}::timestamptz
      order by id desc limit 1
    `.execute(tx.kysely);
    const last = found.rows[0];
    if (!last) return true;
    if (last.action === 'retention.ran' && last.outcome === 'done') return false;
    return toDate(last.at) < o.givenUpBefore;
  }

  /** @returns how many rows were deleted; fewer than `limit` when nothing is left */
  async deleteBatch(
    tx: Tx,
    kind: RetainedKind,
    o: { readonly before: Date; readonly now: Date; readonly limit: number; readonly pastDays: number },
  ): Promise<number> {
    const before = sql`${o.before.toISOString()}::timestamptz`;
    const limit = sql`limit ${o.limit}`;
    if (kind === 'pastEvents') return this.#deletePastEvents(tx, o);
    const statements: Record<Exclude<RetainedKind, 'pastEvents'>, RawBuilder<unknown>> = {
      operations: sql`
        delete from "SyncOperation" where id in (select id from "SyncOperation" where at < ${before} ${limit})`,
      runs: sql`
        delete from "CalendarSyncState" where id in (
          select id from "CalendarSyncState" where status in ('COMPLETED', 'FAILED', 'CANCELLED')
            and coalesce("completedAt", "queuedAt") < ${before} ${limit})`,
      conflicts: sql`
        delete from "CalendarSyncConflict" where id in (
          select id from "CalendarSyncConflict" where "resolvedAt" < ${before} ${limit})`,
      // A deletion that is not agreed on still has its base, and is still to be carried to Outlook.
      tombstones: sql`
        delete from "CalendarEventTombstone" where ("userId", "eventId") in (
          select t."userId", t."eventId" from "CalendarEventTombstone" t where t."deletedAt" < ${before}
            and not exists (select from "EventBase" b where b."userId" = t."userId" and b."eventId" = t."eventId")
          ${limit})`,
      authorizations: sql`
        delete from "AuthorizationRequest" where "stateHash" in (
          select "stateHash" from "AuthorizationRequest" where "expiresAt" < ${before} ${limit})`,
      idempotencyKeys: sql`
        delete from "IdempotencyKey" where ("userId", key) in (
          select "userId", key from "IdempotencyKey" where "createdAt" < ${before} ${limit})`,
      webhookDeliveries: sql`
        delete from "WebhookDelivery" where id in (
          select id from "WebhookDelivery" where "createdAt" < ${before} and "nextAttemptAt" is null ${limit})`,
      rateCounts: sql`
        delete from "RateCount" where key in (
          select key from "RateCount" where "startedAt" < ${before} ${limit})`,
    };
    return Number((await statements[kind].execute(tx.kysely)).numAffectedRows ?? 0n);
  }

  /**
   * Past events that lie outside the window of their calendar, are agreed on, and wait for nobody. They go here and stay in
   * Outlook: with the event goes what was agreed on about it, so that its deletion is none to be carried over. Users whose
   * run is at work are left for the next night.
   */
  async #deletePastEvents(tx: Tx, o: { before: Date; now: Date; limit: number; pastDays: number }): Promise<number> {
    const now = sql`${o.now.toISOString()}::timestamptz`;
    const daysOf = (settings: RawBuilder<unknown>) => sql`(${settings} -> 'window' ->> 'pastDays')::numeric`;
    const pastDays = sql`coalesce(${daysOf(sql`c.settings`)}, ${daysOf(sql`u.settings`)}, ${o.pastDays}::numeric)`;
    const deleted = await sql`
      with old as (
        select e.id, e."userId" from "CalendarEvent" e
          left join "EventBase" b on b."userId" = e."userId" and b."eventId" = e.id
          left join "Calendar" c on c."userId" = e."userId" and c.id = e."calendarId"
          left join "UserSettings" u on u."userId" = e."userId"
          left join "CalendarConnection" n on n."userId" = e."userId"
        where not e."isEndless" and e."endAt" < ${o.before.toISOString()}::timestamptz
          and (n."userId" is null or e."endAt" < ${now} - (${pastDays} + ${WINDOW_MARGIN_DAYS}) * interval '1 day')
          and (n."userId" is null or b."agreedRevision" >= e.revision)
          and coalesce(cardinality(b."conflictUnits"), 0) = 0
          and not exists (select from "MailboxLease" l
            where l."userId" = e."userId" and ${isHeldLease('l', o.now, LEASE_MS)})
        limit ${o.limit}
        for update of e skip locked
      ), unlinked as (
        delete from "EventBase" b using old where b."userId" = old."userId" and b."eventId" = old.id
      ), clock as (select set_config('gcs.now', ${o.now.toISOString()}, true))
      delete from "CalendarEvent" e using old, clock where e.id = old.id and e."userId" = old."userId"
    `.execute(tx.kysely);
    return Number(deleted.numAffectedRows ?? 0n);
  }

  /** When old rows were last deleted, and how many of each kind. */
  async lastRun(q: Queryable): Promise<{ at: Date; counts: Readonly<Record<string, number>> } | undefined> {
    const found = await sql<{ at: unknown; details: Record<string, number> | null }>`
      select at, details from "AuditEntry" where action = 'retention.ran' and outcome = 'done' order by at desc limit 1
    `.execute(q.kysely);
    const row = found.rows[0];
    return row && { at: toDate(row.at), counts: row.details ?? {} };
  }
}
