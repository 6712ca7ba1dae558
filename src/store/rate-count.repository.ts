import { createHmac, type KeyObject } from 'node:crypto';
import { sql } from 'kysely';
import { toDate } from './columns.ts';
import type { Queryable } from './db.ts';

/** How often one caller has asked since when. */
export interface RateCount {
  readonly count: number;
  readonly startedAt: Date;
}

/**
 * Requests counted by all processes together. The table is unlogged, so that counting costs no write to the disk; what a
 * crash of the server forgets are a minute's counts.
 */
export class RateCountRepository {
  readonly #key: KeyObject;

  /** @param key  callers are written down as their HMAC under it: who they are is not in the table */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /** Counts one more request; the first one after a window has ended begins a new one. */
  async add(q: Queryable, caller: string, now: Date, windowMs: number): Promise<RateCount> {
    const key = createHmac('sha256', this.#key).update(caller).digest('base64url');
    const startedAt = now.toISOString();
    const endedBefore = new Date(now.getTime() - windowMs).toISOString();
    const counted = await sql<{ count: number; startedAt: unknown }>`
      insert into "RateCount" as c (key, "startedAt", count) values (${key}, ${startedAt}::timestamptz, 1)
      on conflict (key) do update set
        count = case when c."startedAt" <= ${endedBefore}::timestamptz then 1 else c.count + 1 end,
        "startedAt" = case when c."startedAt" <= ${endedBefore}::timestamptz then excluded."startedAt" else c."startedAt" end
      returning count, "startedAt"
    `.execute(q.kysely);
    const row = counted.rows[0];
    return { count: Number(row?.count ?? 1), startedAt: row ? toDate(row.startedAt) : now };
  }

  /** @returns how many callers' counts were forgotten */
  async deleteBefore(q: Queryable, before: Date): Promise<number> {
    const deleted = await sql`
      delete from "RateCount" where "startedAt" < ${before.toISOString()}::timestamptz
    `.execute(q.kysely);
    return Number(deleted.numAffectedRows ?? 0n);
  }
}
