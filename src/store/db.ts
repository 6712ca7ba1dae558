import type { PGlite } from '@electric-sql/pglite';
import type { Driver, Kysely } from 'kysely';
import type { Pool } from 'pg';
import { SyncError } from '../core/errors.ts';
import type { Logger } from '../core/runtime.ts';

/** Tables are spoken to in set-based SQL; their columns are prisma/schema.prisma's. */
// biome-ignore lint/suspicious/noExplicitAny: rows are typed where each statement names its result
export type Database = Record<string, any>;

/** Anything a read can run on: the database itself, or a transaction. */
export interface Queryable {
  readonly kysely: Kysely<Database>;
  readonly inTransaction: boolean;
}

declare const transaction: unique symbol;

/** An open transaction. Writes demand it, so that writing outside one does not compile. */
export interface Tx extends Queryable {
  readonly inTransaction: true;
  readonly [transaction]: true;
}

/** The handles a job queue needs to share our connections. */
export type RawDatabase =
  | { readonly kind: 'pglite'; readonly pglite: PGlite }
  | { readonly kind: 'postgres'; readonly pool: Pool; readonly connectionString: string };

/** The database plug: embedded PostgreSQL (PGlite) or a server, one SQL. */
export interface Db extends Queryable {
  readonly inTransaction: false;
  readonly kind: 'pglite' | 'postgres';
  /** For logs and `doctor`; never a password. */
  readonly description: string;
  readonly raw: RawDatabase;
  /**
   * Runs `work` in one transaction. Inside, only `tx` may be used: on the embedded database anything else would wait for
   * itself for ever. No network call while it is open.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** PostgreSQL's and the network's names for a database that cannot be reached just now, and for transactions that met. */
const AWAY = /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|08[0-9A-Z]{3}|57P0[1-5]|53300)$/;
const MET = /^(40001|40P01)$/;
/** No room left: there may be again, and what is written until then is refused rather than lost. */
const FULL = '53100';
/** What the driver says of a connection that broke under it has no code. */
const BROKEN =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect)/;

/**
 * What a query failed with, as everybody above should see it: trouble that passes by itself is `unavailable`, with the
 * driver's own error as its `cause`; anything else stays as it is.
 */
export function databaseError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SyncError) return error;
  const { code } = error as { code?: unknown };
  const name = typeof code === 'string' ? code : '';
  if (MET.test(name)) {
    return new SyncError('unavailable', 'two transactions of the database met, and this one lost', { cause: error });
  }
  if (name === FULL) {
    return new SyncError('unavailable', 'the disk of the database is full (no space left)', { cause: error });
  }
  if (!AWAY.test(name) && !BROKEN.test(error.message)) return error;
  return new SyncError('unavailable', 'the database cannot be reached just now', { cause: error });
}

/** Whether a transaction only has to be tried again: it met another one. */
export function hasMet(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  return [code, cause?.code].some((name) => typeof name === 'string' && MET.test(name));
}

type Connection = Awaited<ReturnType<Driver['acquireConnection']>>;

/** Makes every query of a connection, also those that begin and end a transaction, fail with {@link databaseError}. */
export function tellingAway<Kind extends Connection>(connection: Kind): Kind {
  if (telling.has(connection)) return connection;
  telling.add(connection);
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = async (...query) => {
    try {
      return await execute(...query);
    } catch (error) {
      throw databaseError(error);
    }
  };
  return connection;
}

/** A driver hands the same connection out again and again. */
const telling = new WeakSet<Connection>();

/**
 * Opens `postgres://…`, `pglite:<folder>` or `pglite::memory:`.
 *
 * @throws {SyncError} `misconfigured` in one line: unreachable, locked by another process, or not a database address
 */
export async function openDatabase(options: { url: string; logger: Logger }): Promise<Db> {
  const { url } = options;
  if (url.startsWith('pglite:')) {
    const { openPglite } = await import('./pglite.db.ts');
    return openPglite(url.slice('pglite:'.length));
  }
  if (url.startsWith('postgres://') || url.startsWith('postgresql://')) {
    const { openPostgres } = await import('./postgres.db.ts');
    return openPostgres(url, options.logger);
  }
  throw new SyncError(
    'misconfigured',
    'DATABASE_URL must be postgres://user:password@host:5432/name, pglite:<folder> or pglite::memory:',
  );
}
