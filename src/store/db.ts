import type { PGlite } from '@electric-sql/pglite';
import type { Kysely } from 'kysely';
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
