import { sql } from 'kysely';
import type { EventId, UserId } from '../core/ids.ts';
import { toDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';

/** Which event a caller's `Idempotency-Key` made, and from which request. */
export class IdempotencyRepository {
  async find(
    q: Queryable,
    userId: UserId,
    key: string,
  ): Promise<{ requestHash: string; eventId: EventId } | undefined> {
    const found = await sql<{ requestHash: string; eventId: string }>`
      select "requestHash", "eventId" from "IdempotencyKey" where "userId" = ${userId} and key = ${key}
    `.execute(q.kysely);
    const row = found.rows[0];
    return row ? { requestHash: row.requestHash, eventId: row.eventId as EventId } : undefined;
  }

  /** All of a user's, in order. */
  async listAll(
    q: Queryable,
    userId: UserId,
    page: { after?: string | undefined; limit: number },
  ): Promise<{ key: string; eventId: EventId; at: Date }[]> {
    const found = await sql<{ key: string; eventId: EventId; createdAt: unknown }>`
      select key, "eventId", "createdAt" from "IdempotencyKey" where "userId" = ${userId} and key > ${page.after ?? ''}
      order by key limit ${page.limit}
    `.execute(q.kysely);
    return found.rows.map(({ key, eventId, createdAt }) => ({ key, eventId, at: toDate(createdAt) }));
  }

  /** @returns false when somebody took the key in the meantime */
  async take(
    tx: Tx,
    userId: UserId,
    entry: { key: string; requestHash: string; eventId: EventId; at: Date },
  ): Promise<boolean> {
    const taken = await sql`
      insert into "IdempotencyKey" ("userId", key, "requestHash", "eventId", "createdAt")
      values (${userId}, ${entry.key}, ${entry.requestHash}, ${entry.eventId}, ${entry.at.toISOString()}::timestamptz)
      on conflict do nothing returning key
    `.execute(tx.kysely);
    return taken.rows.length > 0;
  }
}
