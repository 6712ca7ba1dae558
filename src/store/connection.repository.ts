import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import { optional, toDate, toOptionalDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';
import type { ContentCipher } from './encryption.ts';

export type ConnectionStatus = 'CONNECTED' | 'REAUTH_REQUIRED' | 'ERROR';

/** Which mailbox a user's calendars are in, and how we reach it. */
export interface StoredConnection {
  readonly userId: UserId;
  /** The mailbox's address, for people. */
  readonly mailbox: string;
  /** The mailbox's object id at Graph, for requests. */
  readonly mailboxId: string;
  readonly mode: 'application' | 'delegated';
  readonly status: ConnectionStatus;
  readonly errorMessage?: string | undefined;
  readonly timeZone?: string | undefined;
  readonly pausedUntil?: Date | undefined;
  readonly createdAt: Date;
}

interface ConnectionRow {
  readonly userId: string;
  readonly mailbox: string;
  readonly mailboxId: string;
  readonly mode: 'application' | 'delegated';
  readonly status: ConnectionStatus;
  readonly errorMessage: string | null;
  readonly timeZone: string | null;
  readonly pausedUntil: unknown;
  readonly createdAt: unknown;
}

/** Whose sign-in opens the mailbox; `undefined`: the application's own permissions do. */
export const signInOf = ({ mode, userId }: Pick<StoredConnection, 'mode' | 'userId'>): UserId | undefined =>
  mode === 'delegated' ? userId : undefined;

export class ConnectionRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  async find(q: Queryable, userId: UserId): Promise<StoredConnection | undefined> {
    const found = await sql<ConnectionRow>`
      select * from "CalendarConnection" where "userId" = ${userId}
    `.execute(q.kysely);
    const row = found.rows[0];
    if (!row) return undefined;
    const cipher = await this.#cipher.forUser(q, userId);
    return {
      userId,
      mailbox: cipher.decryptText('connection.mailbox', row.mailbox),
      mailboxId: row.mailboxId,
      mode: row.mode,
      status: row.status,
      errorMessage: optional(row.errorMessage),
      timeZone: optional(row.timeZone),
      pausedUntil: toOptionalDate(row.pausedUntil),
      createdAt: toDate(row.createdAt),
    };
  }

  async save(
    tx: Tx,
    connection: Pick<StoredConnection, 'userId' | 'mailbox' | 'mailboxId' | 'mode' | 'timeZone'>,
    now: Date,
  ): Promise<void> {
    const cipher = await this.#cipher.forUser(tx, connection.userId);
    const mailbox = cipher.encryptText('connection.mailbox', connection.mailbox);
    const at = now.toISOString();
    await sql`
      insert into "CalendarConnection" ("userId", mailbox, "mailboxId", mode, status, "timeZone", "createdAt", "updatedAt")
      values (${connection.userId}, ${mailbox}, ${connection.mailboxId}, ${connection.mode}, 'CONNECTED',
        ${connection.timeZone ?? null}, ${at}::timestamptz, ${at}::timestamptz)
      on conflict ("userId") do update set mailbox = excluded.mailbox, "mailboxId" = excluded."mailboxId",
        mode = excluded.mode, status = 'CONNECTED', "errorMessage" = null, "timeZone" = excluded."timeZone",
        "updatedAt" = excluded."updatedAt"
    `.execute(tx.kysely);
  }

  async setStatus(tx: Tx, userId: UserId, status: ConnectionStatus, message?: string): Promise<void> {
    await sql`
      update "CalendarConnection" set status = ${status}, "errorMessage" = ${message ?? null}, "updatedAt" = now()
      where "userId" = ${userId}
    `.execute(tx.kysely);
  }

  /** Graph asked for silence at a mailbox; a shorter wish never cuts a longer one. */
  async savePause(tx: Tx, mailboxId: string, until: Date): Promise<void> {
    await sql`
      update "CalendarConnection" set "pausedUntil" = greatest("pausedUntil", ${until.toISOString()}::timestamptz)
      where "mailboxId" = ${mailboxId}
    `.execute(tx.kysely);
  }

  /** Mailboxes, whoever they are bound to, at which silence is still to be kept. */
  async listPauses(q: Queryable, now: Date): Promise<{ mailboxId: string; until: Date }[]> {
    const found = await sql<{ mailboxId: string; until: unknown }>`
      select "mailboxId", max("pausedUntil") as until from "CalendarConnection"
      where "pausedUntil" > ${now.toISOString()}::timestamptz group by "mailboxId"
    `.execute(q.kysely);
    return found.rows.map((row) => ({ mailboxId: row.mailboxId, until: toDate(row.until) }));
  }

  async delete(tx: Tx, userId: UserId): Promise<void> {
    await sql`delete from "CalendarConnection" where "userId" = ${userId}`.execute(tx.kysely);
  }
}
