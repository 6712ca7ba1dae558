import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import { optional, toDate, toOptionalDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';

/** A user's subscription to the changes in their mailbox, or the wish for one. */
export interface StoredSubscription {
  readonly userId: UserId;
  /** Graph's id; none while there is no subscription yet. */
  readonly subscriptionId?: string | undefined;
  readonly mailboxId: string;
  readonly clientStateHash?: string | undefined;
  readonly expiresAt?: Date | undefined;
  /** When to look at it next. */
  readonly dueAt: Date;
  /** Attempts in a row that came to nothing. */
  readonly failures: number;
  readonly lastNotifiedAt?: Date | undefined;
}

type Row = Readonly<Record<string, unknown>>;

export class SubscriptionRepository {
  async find(q: Queryable, userId: UserId): Promise<StoredSubscription | undefined> {
    const found = await sql<Row>`select * from "GraphSubscription" where "userId" = ${userId}`.execute(q.kysely);
    return found.rows[0] && subscriptionOf(found.rows[0]);
  }

  /** Whose subscriptions these are; unknown ids are left out. */
  async findMany(q: Queryable, subscriptionIds: readonly string[]): Promise<StoredSubscription[]> {
    const found = await sql<Row>`
      select * from "GraphSubscription" where "subscriptionId" = any(${[...subscriptionIds]}::text[])
    `.execute(q.kysely);
    return found.rows.map(subscriptionOf);
  }

  /** The subscription to a mailbox that somebody has: several users may be bound to one. */
  async findActive(q: Queryable, mailboxId: string, now: Date): Promise<StoredSubscription | undefined> {
    const found = await sql<Row>`
      select * from "GraphSubscription" where "mailboxId" = ${mailboxId} and "subscriptionId" is not null
        and "expiresAt" > ${now.toISOString()}::timestamptz
      order by "createdAt" limit 1
    `.execute(q.kysely);
    return found.rows[0] && subscriptionOf(found.rows[0]);
  }

  /** Everybody whose calendars are in these mailboxes and who can be served. */
  async listUsers(q: Queryable, mailboxIds: readonly string[]): Promise<{ userId: UserId; mailboxId: string }[]> {
    const found = await sql<{ userId: UserId; mailboxId: string }>`
      select "userId", "mailboxId" from "CalendarConnection"
      where "mailboxId" = any(${[...mailboxIds]}::text[]) and status <> 'REAUTH_REQUIRED'
    `.execute(q.kysely);
    return found.rows;
  }

  /** The others of a mailbox have lost the subscription they shared. */
  async markMailboxDue(tx: Tx, mailboxId: string, at: Date): Promise<void> {
    await sql`
      update "GraphSubscription" set "dueAt" = least("dueAt", ${at.toISOString()}::timestamptz)
      where "mailboxId" = ${mailboxId}
    `.execute(tx.kysely);
  }

  /** Somebody else's subscription serves as well. */
  async saveShared(tx: Tx, userId: UserId, o: { readonly mailboxId: string; readonly dueAt: Date }): Promise<void> {
    await sql`
      update "GraphSubscription" set "mailboxId" = ${o.mailboxId}, "subscriptionId" = null, "clientStateHash" = null,
        "expiresAt" = null, "dueAt" = ${o.dueAt.toISOString()}::timestamptz, failures = 0, "lastErrorCode" = null
      where "userId" = ${userId}
    `.execute(tx.kysely);
  }

  /** Every connected mailbox without a row gets one that is due at `dueAt`. */
  async wishForMissing(tx: Tx, o: { readonly now: Date; readonly dueAt: Date }): Promise<void> {
    const [at, due] = [o.now.toISOString(), o.dueAt.toISOString()];
    await sql`
      insert into "GraphSubscription" ("userId", "mailboxId", "dueAt", "createdAt")
      select n."userId", n."mailboxId", ${due}::timestamptz, ${at}::timestamptz from "CalendarConnection" n
      where n.status = 'CONNECTED'
        and not exists (select 1 from "GraphSubscription" s where s."userId" = n."userId")
      on conflict ("userId") do nothing
    `.execute(tx.kysely);
  }

  /**
   * Takes what is due, so that no other process works on it meanwhile: it is due again at `until`.
   */
  async claimDue(
    tx: Tx,
    o: { readonly now: Date; readonly until: Date; readonly limit: number },
  ): Promise<StoredSubscription[]> {
    const claimed = await sql<Row>`
      update "GraphSubscription" s set "dueAt" = ${o.until.toISOString()}::timestamptz
      from (
        select d."userId" from "GraphSubscription" d join "CalendarConnection" n on n."userId" = d."userId"
        where d."dueAt" <= ${o.now.toISOString()}::timestamptz and n.status <> 'REAUTH_REQUIRED'
        order by d."dueAt" limit ${o.limit} for update of d skip locked
      ) due
      where s."userId" = due."userId" returning s.*
    `.execute(tx.kysely);
    return claimed.rows.map(subscriptionOf);
  }

  /** A subscription as Graph made or renewed it. @returns false when nobody wishes for it any more */
  async saveActive(
    tx: Tx,
    userId: UserId,
    active: {
      readonly subscriptionId: string;
      readonly clientStateHash: string;
      readonly mailboxId: string;
      readonly expiresAt: Date;
      readonly dueAt: Date;
    },
  ): Promise<boolean> {
    const saved = await sql`
      update "GraphSubscription" set "subscriptionId" = ${active.subscriptionId}, "mailboxId" = ${active.mailboxId},
        "clientStateHash" = ${active.clientStateHash}, "expiresAt" = ${active.expiresAt.toISOString()}::timestamptz,
        "dueAt" = ${active.dueAt.toISOString()}::timestamptz, failures = 0, "lastErrorCode" = null
      where "userId" = ${userId}
    `.execute(tx.kysely);
    return saved.numAffectedRows === 1n;
  }

  async saveFailure(tx: Tx, userId: UserId, failed: { readonly code: string; readonly dueAt: Date }): Promise<void> {
    await sql`
      update "GraphSubscription" set failures = failures + 1, "lastErrorCode" = ${failed.code},
        "dueAt" = ${failed.dueAt.toISOString()}::timestamptz
      where "userId" = ${userId}
    `.execute(tx.kysely);
  }

  /** It is gone at Graph, and is to be made anew at `dueAt`. */
  async saveLost(tx: Tx, userId: UserId, dueAt: Date): Promise<void> {
    await sql`
      update "GraphSubscription" set "subscriptionId" = null, "clientStateHash" = null, "expiresAt" = null,
        "dueAt" = ${dueAt.toISOString()}::timestamptz
      where "userId" = ${userId}
    `.execute(tx.kysely);
  }

  async markDue(tx: Tx, userId: UserId, at: Date): Promise<void> {
    await sql`
      update "GraphSubscription" set "dueAt" = least("dueAt", ${at.toISOString()}::timestamptz) where "userId" = ${userId}
    `.execute(tx.kysely);
  }

  async markNotified(tx: Tx, userId: UserId, at: Date): Promise<void> {
    await sql`
      update "GraphSubscription" set "lastNotifiedAt" = ${at.toISOString()}::timestamptz where "userId" = ${userId}
    `.execute(tx.kysely);
  }

  async delete(tx: Tx, userId: UserId): Promise<void> {
    await sql`delete from "GraphSubscription" where "userId" = ${userId}`.execute(tx.kysely);
  }
}

function subscriptionOf(row: Row): StoredSubscription {
  return {
    userId: row['userId'] as UserId,
    subscriptionId: optional(row['subscriptionId'] as string | null),
    mailboxId: String(row['mailboxId']),
    clientStateHash: optional(row['clientStateHash'] as string | null),
    expiresAt: toOptionalDate(row['expiresAt']),
    dueAt: toDate(row['dueAt']),
    failures: Number(row['failures']),
    lastNotifiedAt: toOptionalDate(row['lastNotifiedAt']),
  };
}
