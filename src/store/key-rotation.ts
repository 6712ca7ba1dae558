import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import type { Random } from '../core/runtime.ts';
import { jsonChunks } from './columns.ts';
import type { Db, Queryable, Tx } from './db.ts';
import { IV_BYTES, type KeyRing, type WrappedKey } from './key-ring.ts';

/** Few enough to be done in a moment, many enough that a hundred thousand users take no hour. */
const CHUNK = 200;
/** Somebody who goes on making keys with the old ring must be stopped, not run after. */
const MAX_PASSES = 5;

export interface RotationProgress {
  /** Users' keys that were not wrapped with the current key when it began. */
  readonly total: number;
  readonly rewrapped: number;
  /** Those that the ring does not open; they stay as they are. */
  readonly failed: number;
}

export interface RotationOutcome extends RotationProgress {
  readonly currentKey: string;
  /** How many users' keys still need another key of the ring than the current one, by that key's name. */
  readonly remaining: Readonly<Record<string, number>>;
  /** Whether all other keys may be taken out of the ring now. */
  readonly mayRemoveOldKeys: boolean;
}

/**
 * Wraps users' keys with the ring's current key, so that older ones can be taken out of the ring. Content stays as it is: it
 * is encrypted with the users' own keys.
 *
 * It may be stopped or killed at any moment, and run again, beside the service and beside itself: each chunk is one
 * transaction, and what is wrapped already is not looked for again. The service reads with any key of its ring, so all
 * processes must have the new ring before this begins.
 */
export class KeyRotation {
  readonly #ring: KeyRing;
  readonly #random: Random;
  readonly #chunk: number;

  constructor(parts: { ring: KeyRing; random: Random; chunk?: number }) {
    this.#ring = parts.ring;
    this.#random = parts.random;
    this.#chunk = parts.chunk ?? CHUNK;
  }

  /**
   * @param o.onProgress  told after each chunk is committed
   * @param o.signal  ends it between two chunks
   * @throws {SyncError} `decryption-failed` when a key of the ring is missing or wrong altogether; nothing is changed
   */
  async run(
    db: Db,
    o: { onProgress?: (progress: RotationProgress) => void; signal?: AbortSignal } = {},
  ): Promise<RotationOutcome> {
    const total = sum(await this.#remaining(db));
    await proveRing(this.#ring, db);
    let [rewrapped, failed, after, passes] = [0, 0, '', 1];
    while (!o.signal?.aborted) {
      const chunk = await db.transaction((tx) => this.#wrapChunk(tx, after));
      if (chunk.last === undefined) {
        // Whoever appeared behind us while we were at it: a process that has the old ring still makes keys with it.
        if (passes === MAX_PASSES || after === '' || (await this.#countUpTo(db, after)) <= failed) break;
        [after, failed, passes] = ['', 0, passes + 1];
        continue;
      }
      rewrapped += chunk.rewrapped;
      failed += chunk.failed;
      after = chunk.last;
      o.onProgress?.({ total: Math.max(total, rewrapped + failed), rewrapped, failed });
    }
    const remaining = await this.#remaining(db);
    const mayRemoveOldKeys = sum(remaining) === 0;
    return {
      ...{ currentKey: this.#ring.currentId, total: Math.max(total, rewrapped + failed), rewrapped, failed },
      ...{ remaining, mayRemoveOldKeys },
    };
  }

  /** Locks no more than it has to: whoever writes with one of these keys meanwhile is not held up. */
  async #wrapChunk(
    tx: Tx,
    after: string,
  ): Promise<{ readonly rewrapped: number; readonly failed: number; readonly last: string | undefined }> {
    const old = await sql<WrappedKey & { readonly userId: UserId }>`
      select "userId", "keyId", "wrappedKey" from "UserKey"
      where "keyId" <> ${this.#ring.currentId} and "userId" > ${after}
      order by "userId" limit ${this.#chunk} for no key update
    `.execute(tx.kysely);
    const rows = old.rows.flatMap((row) => {
      const key = this.#opened(row.userId, row);
      return key
        ? [{ userId: row.userId, wrappedKey: this.#ring.wrap(row.userId, key, this.#random.bytes(IV_BYTES)) }]
        : [];
    });
    for (const chunk of jsonChunks(rows)) {
      await sql`
        update "UserKey" k set "keyId" = ${this.#ring.currentId}, "wrappedKey" = r."wrappedKey"
        from jsonb_to_recordset(${chunk}) as r("userId" text, "wrappedKey" text) where k."userId" = r."userId"
      `.execute(tx.kysely);
    }
    return { rewrapped: rows.length, failed: old.rows.length - rows.length, last: old.rows.at(-1)?.userId };
  }

  #opened(userId: UserId, row: WrappedKey): Uint8Array | undefined {
    try {
      return this.#ring.unwrap(userId, row);
    } catch {
      return undefined;
    }
  }

  async #remaining(q: Queryable): Promise<Record<string, number>> {
    const found = await sql<{ keyId: string; count: number }>`
      select "keyId", count(*)::int as count from "UserKey" where "keyId" <> ${this.#ring.currentId} group by 1 order by 1
    `.execute(q.kysely);
    return Object.fromEntries(found.rows.map(({ keyId, count }) => [keyId, Number(count)]));
  }

  async #countUpTo(q: Queryable, userId: string): Promise<number> {
    const found = await sql<{ count: number }>`
      select count(*)::int as count from "UserKey" where "keyId" <> ${this.#ring.currentId} and "userId" <= ${userId}
    `.execute(q.kysely);
    return Number(found.rows[0]?.count ?? 0);
  }
}

/**
 * Opens one user's key of each that the database's keys are wrapped with.
 *
 * @throws {SyncError} `decryption-failed` when one is missing in the ring, or another one of that name
 */
export async function proveRing(ring: KeyRing, q: Queryable): Promise<void> {
  const used = await sql<WrappedKey & { readonly userId: UserId }>`
    select distinct on ("keyId") "keyId", "userId", "wrappedKey" from "UserKey" order by "keyId", "userId"
  `.execute(q.kysely);
  for (const row of used.rows) ring.unwrap(row.userId, row);
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
