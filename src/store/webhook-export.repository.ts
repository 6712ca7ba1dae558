import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import { toDate, toOptionalDate } from './columns.ts';
import type { Queryable } from './db.ts';
import type { ContentCipher } from './encryption.ts';

interface WebhookRow {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly createdAt: unknown;
  readonly disabledAt: unknown;
}

interface DeliveryRow {
  readonly id: string;
  readonly webhookId: string;
  readonly payload: unknown;
  readonly createdAt: unknown;
  readonly deliveredAt: unknown;
  readonly attempts: number;
  readonly lastStatus: number | null;
}

/** A user's webhooks as they may see them, secrets left out, and what was told to them. */
export class WebhookExportRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  async listWebhooks(q: Queryable, userId: UserId): Promise<object[]> {
    const found = await sql<WebhookRow>`
      select id, url, events, "createdAt", "disabledAt" from "OutgoingWebhook" where "userId" = ${userId} order by id
    `.execute(q.kysely);
    if (found.rows.length === 0) return [];
    const cipher = await this.#cipher.forUser(q, userId);
    return found.rows.map((row) => ({
      ...row,
      url: cipher.decryptText('webhook.url', row.url),
      createdAt: toDate(row.createdAt),
      disabledAt: toOptionalDate(row.disabledAt) ?? null,
    }));
  }

  /** In the order of their ids. */
  async listDeliveries(
    q: Queryable,
    userId: UserId,
    page: { after?: string | undefined; limit: number },
  ): Promise<{ id: string }[]> {
    const found = await sql<DeliveryRow>`
      select id, "webhookId", payload, "createdAt", "deliveredAt", attempts, "lastStatus" from "WebhookDelivery"
      where "userId" = ${userId} and id > ${page.after ?? ''} order by id limit ${page.limit}
    `.execute(q.kysely);
    return found.rows.map(({ payload, ...row }) => ({
      ...row,
      message: payload,
      createdAt: toDate(row.createdAt),
      deliveredAt: toOptionalDate(row.deliveredAt) ?? null,
    }));
  }
}
