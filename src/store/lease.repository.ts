import { type RawBuilder, sql } from 'kysely';
import { SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { toBigInt } from './columns.ts';
import type { Queryable, Tx } from './db.ts';

/** The right to work on a user's mailbox. The fence grows with every claim, so that a stalled holder is told apart. */
export interface Lease {
  readonly userId: UserId;
  readonly holder: string;
  readonly fence: bigint;
}

/** Three missed renewals make a holder dead; soon enough for another worker, late enough for a slow database. */
export const LEASE_MS = 30_000;
/**
 * Further than this the clocks of two machines are not apart. A lease that ends later than any could was written before a
 * clock was set back, and must not keep a mailbox for as long as that was; the fence makes taking it over safe.
 */
const MOST_SKEW_MS = 5 * 60_000;

/**
 * That a lease under this alias keeps the mailbox for its holder at that moment: one condition for those who claim and those
 * who only look.
 */
export function isHeldLease(alias: string, now: Date, ttlMs: number): RawBuilder<unknown> {
  const latest = new Date(now.getTime() + ttlMs + MOST_SKEW_MS).toISOString();
  const expiresAt = sql.ref(`${alias}.expiresAt`);
  return sql`(${sql.ref(`${alias}.holder`)} is not null
    and ${expiresAt} > ${now.toISOString()}::timestamptz and ${expiresAt} <= ${latest}::timestamptz)`;
}

export class LeaseRepository {
  /**
   * @returns `undefined` while somebody else holds a lease that has not expired: of this user, or of another one who is bound
   *   to the same mailbox (whom only a session without a scope can see)
   */
  async claim(tx: Tx, userId: UserId, holder: string, now: Date, ttlMs: number): Promise<Lease | undefined> {
    const expiresAt = new Date(now.getTime() + ttlMs).toISOString();
    const claimed = await sql<{ fence: unknown }>`
      insert into "MailboxLease" ("userId", holder, fence, "expiresAt")
      select ${userId}::text, ${holder}::text, 1, ${expiresAt}::timestamptz
      where not exists (
        select 1 from "CalendarConnection" own
          join "CalendarConnection" other on other."mailboxId" = own."mailboxId" and other."userId" <> own."userId"
          join "MailboxLease" held on held."userId" = other."userId"
        where own."userId" = ${userId} and ${isHeldLease('held', now, ttlMs)})
      on conflict ("userId") do update set holder = excluded.holder, fence = "MailboxLease".fence + 1,
        "expiresAt" = excluded."expiresAt"
      where not ${isHeldLease('MailboxLease', now, ttlMs)}
      returning fence
    `.execute(tx.kysely);
    const row = claimed.rows[0];
    return row ? { userId, holder, fence: toBigInt(row.fence) } : undefined;
  }

  /**
   * Proves inside a transaction that the lease is still ours, and keeps others from claiming it until the end of it.
   *
   * @throws {SyncError} `lease-lost` when another worker took the mailbox over
   */
  async assert(tx: Tx, lease: Lease): Promise<void> {
    const found = await sql`
      select 1 from "MailboxLease"
      where "userId" = ${lease.userId} and holder = ${lease.holder} and fence = ${lease.fence.toString()}::bigint
      for update
    `.execute(tx.kysely);
    if (found.rows.length === 0) {
      throw new SyncError('lease-lost', `another worker took over the mailbox of user ${lease.userId}`);
    }
  }

  /** @throws {SyncError} `lease-lost` */
  async renew(tx: Tx, lease: Lease, now: Date, ttlMs: number): Promise<void> {
    await this.assert(tx, lease);
    const expiresAt = new Date(now.getTime() + ttlMs).toISOString();
    await sql`
      update "MailboxLease" set "expiresAt" = ${expiresAt}::timestamptz where "userId" = ${lease.userId}
    `.execute(tx.kysely);
  }

  async release(tx: Tx, lease: Lease): Promise<void> {
    await sql`
      update "MailboxLease" set holder = null
      where "userId" = ${lease.userId} and holder = ${lease.holder} and fence = ${lease.fence.toString()}::bigint
    `.execute(tx.kysely);
  }

  /** Takes the mailbox away from whoever works on it: their next transaction meets `lease-lost`. */
  async revoke(tx: Tx, userId: UserId): Promise<void> {
    await sql`
      update "MailboxLease" set holder = null, fence = fence + 1 where "userId" = ${userId}
    `.execute(tx.kysely);
  }

  /** On an embedded database a new process is the only one: whoever held a lease is dead. */
  async releaseAll(tx: Tx): Promise<void> {
    await sql`update "MailboxLease" set holder = null where holder is not null`.execute(tx.kysely);
  }

  /** Whether somebody is at work, as one who claims would find it. */
  async isHeld(q: Queryable, userId: UserId, now: Date, ttlMs: number = LEASE_MS): Promise<boolean> {
    const found = await sql`
      select 1 from "MailboxLease" where "userId" = ${userId} and ${isHeldLease('MailboxLease', now, ttlMs)}
    `.execute(q.kysely);
    return found.rows.length > 0;
  }
}
