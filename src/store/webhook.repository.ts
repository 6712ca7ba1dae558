import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import type { WebhookEvent } from '../core/webhook-event.ts';
import { toBigInt, toDate, toOptionalDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher, UserCipher } from './encryption.ts';

/** An address of the application's that wants to hear of things. */
export interface StoredWebhook {
  readonly id: string;
  readonly userId: UserId;
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  readonly secret: string;
  readonly createdAt: Date;
  readonly disabledAt?: Date | undefined;
  /** Attempts at it that failed in a row. */
  readonly failures: number;
}

interface WebhookRow {
  readonly id: string;
  readonly userId: string;
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  readonly secret: string;
  readonly createdAt: unknown;
  readonly disabledAt: unknown;
  readonly failures: number;
}

/** The application's own webhooks. Address and secret are encrypted: either alone lets others do harm. */
export class WebhookRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  /** Until the transaction ends, nobody else adds one for this user: what was counted stays counted. */
  async lockList(tx: Tx, userId: UserId): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`webhooks ${userId}`}, 0))`.execute(tx.kysely);
  }

  async count(q: Queryable, userId: UserId): Promise<number> {
    const found = await sql<{ count: unknown }>`
      select count(*) as count from "OutgoingWebhook" where "userId" = ${userId}
    `.execute(q.kysely);
    return Number(toBigInt(found.rows[0]?.count));
  }

  async create(tx: Tx, webhook: Omit<StoredWebhook, 'disabledAt' | 'failures'>): Promise<void> {
    const cipher = await this.#cipher.forUser(tx, webhook.userId);
    await sql`
      insert into "OutgoingWebhook" (id, "userId", url, events, secret, "createdAt")
      values (${webhook.id}, ${webhook.userId}, ${cipher.encryptText('webhook.url', webhook.url)},
        ${[...webhook.events]}::text[], ${cipher.encryptText('webhook.secret', webhook.secret)},
        ${webhook.createdAt.toISOString()}::timestamptz)
    `.execute(tx.kysely);
  }

  /** Oldest first. */
  async list(q: Queryable, userId: UserId): Promise<StoredWebhook[]> {
    const found = await sql<WebhookRow>`
      select * from "OutgoingWebhook" where "userId" = ${userId} order by "createdAt", id
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => fromRow(row, cipher));
  }

  async find(q: Queryable, userId: UserId, id: string): Promise<StoredWebhook | undefined> {
    const found = await sql<WebhookRow>`
      select * from "OutgoingWebhook" where id = ${id} and "userId" = ${userId}
    `.execute(q.kysely);
    const row = found.rows[0];
    return row ? fromRow(row, await this.#cipher.forUser(q, userId)) : undefined;
  }

  /** One that is enabled begins anew: what failed before does not count any more. */
  async update(
    tx: Tx,
    userId: UserId,
    id: string,
    patch: { readonly events?: readonly WebhookEvent[]; readonly disabledAt?: Date | null },
  ): Promise<void> {
    const { events, disabledAt } = patch;
    await sql`
      update "OutgoingWebhook" set
        events = ${events ? sql`${[...events]}::text[]` : sql`events`},
        failures = ${disabledAt === null ? sql`0` : sql`failures`},
        "disabledAt" = ${disabledAt === undefined ? sql`"disabledAt"` : sql`${disabledAt?.toISOString() ?? null}::timestamptz`}
      where id = ${id} and "userId" = ${userId}
    `.execute(tx.kysely);
  }

  /** @returns attempts that have failed in a row, this one included */
  async countFailure(tx: Tx, userId: UserId, id: string): Promise<number> {
    const counted = await sql<{ failures: number }>`
      update "OutgoingWebhook" set failures = failures + 1 where id = ${id} and "userId" = ${userId} returning failures
    `.execute(tx.kysely);
    return counted.rows[0]?.failures ?? 1;
  }

  async forgetFailures(tx: Tx, userId: UserId, id: string): Promise<void> {
    await sql`
      update "OutgoingWebhook" set failures = 0 where id = ${id} and "userId" = ${userId} and failures > 0
    `.execute(tx.kysely);
  }

  /** @returns false when there is none */
  async delete(tx: Tx, userId: UserId, id: string): Promise<boolean> {
    const deleted = await sql`
      delete from "OutgoingWebhook" where id = ${id} and "userId" = ${userId}
    `.execute(tx.kysely);
    return (deleted.numAffectedRows ?? 0n) > 0n;
  }
}

function fromRow(row: WebhookRow, cipher: UserCipher): StoredWebhook {
  return {
    id: row.id,
    userId: row.userId as UserId,
    url: cipher.decryptText('webhook.url', row.url),
    events: row.events,
    secret: cipher.decryptText('webhook.secret', row.secret),
    createdAt: toDate(row.createdAt),
    disabledAt: toOptionalDate(row.disabledAt),
    failures: row.failures,
  };
}
