import { sql } from 'kysely';
import type { EventId, UserId } from '../core/ids.ts';
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
