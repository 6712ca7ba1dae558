import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import type { SignInRef } from '../core/sign-in.ts';
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
  /** Who signed in (delegated mode). */
  readonly accountId?: string | undefined;
  /** The claims Microsoft wants to see met at the next sign-in. */
  readonly challenge?: string | undefined;
  readonly createdAt: Date;
}

/** What is kept of a person's sign-in with Microsoft. */
export interface StoredSignIn {
  readonly accountId: string;
  readonly cache: string;
  readonly version: number;
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
  readonly accountId: string | null;
  readonly challenge: string | null;
  readonly createdAt: unknown;
}

/** Whose sign-in opens the mailbox; `undefined`: the application's own permissions do. */
export const signInOf = ({
  mode,
  userId,
  accountId = '',
}: Pick<StoredConnection, 'mode' | 'userId' | 'accountId'>): SignInRef | undefined =>
  mode === 'delegated' ? { userId, accountId } : undefined;

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
      accountId: optional(row.accountId),
      challenge: optional(row.challenge),
      createdAt: toDate(row.createdAt),
    };
  }

  /** @returns the mailbox's object id at Graph */
  async findMailboxId(q: Queryable, userId: UserId): Promise<string | undefined> {
    const found = await sql<{ mailboxId: string }>`
      select "mailboxId" from "CalendarConnection" where "userId" = ${userId}
    `.execute(q.kysely);
    return found.rows[0]?.mailboxId;
  }

  /** Keeps it until the transaction ends. @returns false when there is none */
  async hold(tx: Tx, userId: UserId): Promise<boolean> {
    const held = await sql`
      select 1 from "CalendarConnection" where "userId" = ${userId} for key share
    `.execute(tx.kysely);
    return held.rows.length > 0;
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
        challenge = null, "tokenCache" = null, "accountId" = null, scopes = null, "tokensUsedAt" = null,
        "updatedAt" = excluded."updatedAt"
    `.execute(tx.kysely);
  }

  // --- sign-ins

  async findSignIn(q: Queryable, userId: UserId): Promise<StoredSignIn | undefined> {
    const found = await sql<{ accountId: string | null; tokenCache: string | null; tokenVersion: number }>`
      select "accountId", "tokenCache", "tokenVersion" from "CalendarConnection"
      where "userId" = ${userId} and mode = 'delegated'
    `.execute(q.kysely);
    const { accountId, tokenCache, tokenVersion } = found.rows[0] ?? {};
    if (!accountId || !tokenCache) return undefined;
    const cipher = await this.#cipher.forUser(q, userId);
    return { accountId, cache: cipher.decryptText('connection.tokenCache', tokenCache), version: tokenVersion ?? 0 };
  }

  /** A sign-in that has just been made, of the connection that was just saved. */
  async saveSignIn(
    tx: Tx,
    userId: UserId,
    signIn: { readonly accountId: string; readonly cache: string; readonly scopes: readonly string[] },
    now: Date,
  ): Promise<void> {
    const cipher = await this.#cipher.forUser(tx, userId);
    await sql`
      update "CalendarConnection" set "accountId" = ${signIn.accountId}, scopes = ${[...signIn.scopes]}::text[],
        "tokenCache" = ${cipher.encryptText('connection.tokenCache', signIn.cache)}, "tokenVersion" = "tokenVersion" + 1,
        "tokensUsedAt" = ${now.toISOString()}::timestamptz
      where "userId" = ${userId}
    `.execute(tx.kysely);
  }

  /**
   * The tokens as a refresh left them.
   *
   * @returns false when somebody else has kept newer ones since they were read, or the sign-in is another one by now
   */
  async saveTokens(
    tx: Tx,
    { userId, accountId }: SignInRef,
    cache: string,
    o: { readonly version: number; readonly usedAt: Date },
  ): Promise<boolean> {
    // Before the key: whoever was erased meanwhile must not get a new one.
    if (!(await this.hold(tx, userId))) return false;
    const cipher = await this.#cipher.forUser(tx, userId);
    const saved = await sql`
      update "CalendarConnection" set "tokenCache" = ${cipher.encryptText('connection.tokenCache', cache)},
        "tokenVersion" = "tokenVersion" + 1, "tokensUsedAt" = ${o.usedAt.toISOString()}::timestamptz
      where "userId" = ${userId} and "accountId" = ${accountId} and "tokenVersion" = ${o.version}
        and mode = 'delegated'
    `.execute(tx.kysely);
    return saved.numAffectedRows === 1n;
  }

  /**
   * Sign-ins that were last used before `before`, longest ago first, for the caller to use. Another process does not get them
   * until `before` has passed `claimedAs`; a refresh that comes off writes down when it really was.
   */
  async claimUnusedSignIns(
    tx: Tx,
    o: { readonly before: Date; readonly claimedAs: Date; readonly limit: number },
  ): Promise<SignInRef[]> {
    const claimed = await sql<SignInRef>`
      update "CalendarConnection" set "tokensUsedAt" = ${o.claimedAs.toISOString()}::timestamptz
      where "userId" in (
        select "userId" from "CalendarConnection"
        where mode = 'delegated' and status <> 'REAUTH_REQUIRED' and "tokenCache" is not null
          and coalesce("tokensUsedAt", "createdAt") < ${o.before.toISOString()}::timestamptz
        order by coalesce("tokensUsedAt", "createdAt") limit ${o.limit} for update skip locked)
      returning "userId", "accountId"
    `.execute(tx.kysely);
    return claimed.rows;
  }

  /**
   * The person has to sign in again.
   *
   * @param o.challenge  the claims Microsoft wants to see met then
   * @param o.tokenVersion  of the tokens that were refused; newer ones may be good
   * @returns whether this is news; not when it was known, or when the connection is another one by now
   */
  async markReauthRequired(
    tx: Tx,
    { userId, accountId }: Pick<StoredConnection, 'userId' | 'accountId'>,
    o: { readonly message: string; readonly challenge?: string | undefined; readonly tokenVersion?: number },
  ): Promise<boolean> {
    const marked = await sql`
      update "CalendarConnection" set status = 'REAUTH_REQUIRED', "errorMessage" = ${o.message},
        challenge = ${o.challenge ?? null}, "updatedAt" = now()
      where "userId" = ${userId} and mode = 'delegated' and "accountId" = ${accountId ?? null}
        and status <> 'REAUTH_REQUIRED' and "tokenVersion" = coalesce(${o.tokenVersion ?? null}::integer, "tokenVersion")
    `.execute(tx.kysely);
    return marked.numAffectedRows === 1n;
  }

  /** The way to the mailbox is closed, and not by anything its person could do. */
  async markTroubled(
    tx: Tx,
    connection: Pick<StoredConnection, 'userId' | 'mailboxId'>,
    message: string,
  ): Promise<void> {
    await sql`
      update "CalendarConnection" set status = 'ERROR', "errorMessage" = ${message}, "updatedAt" = now()
      where "userId" = ${connection.userId} and "mailboxId" = ${connection.mailboxId} and status <> 'REAUTH_REQUIRED'
    `.execute(tx.kysely);
  }

  /** Whether a run of the last hour, in whatever process, found the way to a mailbox closed by the operator's trouble. */
  async hasTrouble(q: Queryable): Promise<boolean> {
    const found = await sql`
      select 1 from "CalendarConnection" where status = 'ERROR' and "updatedAt" > now() - interval '1 hour' limit 1
    `.execute(q.kysely);
    return found.rows.length > 0;
  }

  async markWell(tx: Tx, connection: Pick<StoredConnection, 'userId' | 'mailboxId'>): Promise<void> {
    await sql`
      update "CalendarConnection" set status = 'CONNECTED', "errorMessage" = null, "updatedAt" = now()
      where "userId" = ${connection.userId} and "mailboxId" = ${connection.mailboxId} and status = 'ERROR'
    `.execute(tx.kysely);
  }

  /** Graph asked for silence at a mailbox; a shorter wish never cuts a longer one. */
  async savePause(tx: Tx, mailboxId: string, until: Date): Promise<void> {
    await sql`
      update "CalendarConnection" set "pausedUntil" = greatest("pausedUntil", ${until.toISOString()}::timestamptz)
      where "mailboxId" = ${mailboxId}
    `.execute(tx.kysely);
  }

  /**
   * Has whoever is about to claim a user's mailbox wait for each other until the transaction ends: of several users that are
   * bound to one mailbox, one at a time is to be worked for.
   *
   * @returns until when silence is still to be kept there
   */
  async queueAtMailbox(tx: Tx, userId: UserId, now: Date): Promise<Date | undefined> {
    const found = await sql<{ pausedUntil: unknown }>`
      select "pausedUntil", pg_advisory_xact_lock(hashtextextended('mailbox ' || "mailboxId", 0))
      from "CalendarConnection" where "userId" = ${userId}
    `.execute(tx.kysely);
    const pausedUntil = toOptionalDate(found.rows[0]?.pausedUntil);
    return pausedUntil && pausedUntil > now ? pausedUntil : undefined;
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
