import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import { optional, toDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher } from './encryption.ts';

/** A sign-in with Microsoft that was begun. `Secret` is what only the service may read of it. */
export interface StoredAuthorization<Secret> {
  /** Of the `state` that goes to Microsoft and back; the state itself is kept nowhere. */
  readonly stateHash: string;
  readonly userId: UserId;
  readonly secret: Secret;
  /** Of the cookie in the browser that asked. */
  readonly browserHash?: string | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

interface Row {
  readonly stateHash: string;
  readonly userId: UserId;
  readonly secret: unknown;
  readonly browserHash: string | null;
  readonly createdAt: unknown;
  readonly expiresAt: unknown;
}

export class AuthorizationRepository<Secret> {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  /** Whose it is; nothing else can be told of it before that. */
  async findOwner(q: Queryable, stateHash: string): Promise<UserId | undefined> {
    const found = await sql<{ userId: UserId }>`
      select "userId" from "AuthorizationRequest" where "stateHash" = ${stateHash}
    `.execute(q.kysely);
    return found.rows[0]?.userId;
  }

  async save(tx: Tx, authorization: StoredAuthorization<Secret>): Promise<void> {
    const { stateHash, userId, secret, browserHash, createdAt, expiresAt } = authorization;
    const cipher = await this.#cipher.forUser(tx, userId);
    await sql`
      insert into "AuthorizationRequest" ("stateHash", "userId", secret, "browserHash", "createdAt", "expiresAt")
      values (${stateHash}, ${userId}, ${JSON.stringify(cipher.encryptJson('authorization.secret', secret))}::jsonb,
        ${browserHash ?? null}, ${createdAt.toISOString()}::timestamptz, ${expiresAt.toISOString()}::timestamptz)
    `.execute(tx.kysely);
  }

  /**
   * Takes it, once: whoever comes second, or too late, finds nothing.
   */
  async take(tx: Tx, userId: UserId, stateHash: string, now: Date): Promise<StoredAuthorization<Secret> | undefined> {
    const at = now.toISOString();
    const taken = await sql<Row>`
      update "AuthorizationRequest" set "usedAt" = ${at}::timestamptz
      where "stateHash" = ${stateHash} and "userId" = ${userId} and "usedAt" is null and "expiresAt" > ${at}::timestamptz
      returning *
    `.execute(tx.kysely);
    const row = taken.rows[0];
    if (!row) return undefined;
    const cipher = await this.#cipher.forUser(tx, userId);
    return {
      stateHash,
      userId,
      secret: cipher.decryptJson('authorization.secret', row.secret) as Secret,
      browserHash: optional(row.browserHash),
      createdAt: toDate(row.createdAt),
      expiresAt: toDate(row.expiresAt),
    };
  }

  /**
   * Ends one that was taken.
   *
   * @returns false when it is gone: what it was taken for must not happen any more
   */
  async finish(tx: Tx, userId: UserId, stateHash: string): Promise<boolean> {
    const finished = await sql`
      delete from "AuthorizationRequest" where "userId" = ${userId} and "stateHash" = ${stateHash}
    `.execute(tx.kysely);
    return finished.numAffectedRows === 1n;
  }

  /** Deletes one user's expired ones, and those that are open beside the `keep` newest. */
  async tidy(tx: Tx, userId: UserId, o: { readonly now: Date; readonly keep: number }): Promise<void> {
    await sql`
      delete from "AuthorizationRequest" where "userId" = ${userId}
        and ("expiresAt" <= ${o.now.toISOString()}::timestamptz or "usedAt" is null and "stateHash" in (
          select "stateHash" from "AuthorizationRequest" where "userId" = ${userId} and "usedAt" is null
          order by "createdAt" desc, "stateHash" offset ${o.keep}))
    `.execute(tx.kysely);
  }

  async deleteAll(tx: Tx, userId: UserId): Promise<void> {
    await sql`delete from "AuthorizationRequest" where "userId" = ${userId}`.execute(tx.kysely);
  }
}
