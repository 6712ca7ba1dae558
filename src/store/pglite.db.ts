import { PGlite, types } from '@electric-sql/pglite';
import {
  type CompiledQuery,
  type Driver,
  Kysely,
  PGliteDialect,
  type PGliteDialectConfig,
  PGliteDriver,
  type QueryResult,
  sql,
} from 'kysely';
import { SyncError } from '../core/errors.ts';
import { parseTimestamp } from './columns.ts';
import { type Database, type Db, type Tx, tellingAway } from './db.ts';
import { lockFolder } from './folder-lock.ts';
import { TextSafeCompiler } from './query-compiler.ts';
import { scopeSetting } from './row-scope.ts';
import { ScopeSetter } from './scoped-connection.ts';

/**
 * One session serves everybody, the job queue included, so a scope lasts for one transaction: a statement that stands
 * alone gets one of its own.
 */
class EmbeddedDriver extends PGliteDriver {
  readonly #scopes = new ScopeSetter();
  #inTransaction = false;
  #hasPanicked = false;
  #connection: EmbeddedConnection | undefined;

  override async acquireConnection() {
    if (!this.#connection) {
      const connection = tellingAway((await super.acquireConnection()) as EmbeddedConnection);
      const ask = connection.executeQuery.bind(connection);
      const execute: typeof ask = (query) => this.#untilPanic(() => ask(query));
      connection.executeQuery = (query) =>
        this.#inTransaction || scopeSetting() === '' ? execute(query) : this.#alone(connection, query);
      this.#connection = connection;
    }
    return this.#connection;
  }

  override async beginTransaction(connection: EmbeddedConnection) {
    await this.#untilPanic(() => super.beginTransaction(connection));
    this.#inTransaction = true;
    const scope = scopeSetting();
    if (scope === '') return;
    try {
      await this.#scopes.set(connection, scope, { isLocal: true });
    } catch (error) {
      await this.rollbackTransaction(connection);
      throw error;
    }
  }

  override async commitTransaction(connection: EmbeddedConnection) {
    try {
      await this.#untilPanic(() => super.commitTransaction(connection));
    } finally {
      this.#inTransaction = false;
    }
  }

  override async rollbackTransaction(connection: EmbeddedConnection) {
    try {
      if (!this.#hasPanicked) await super.rollbackTransaction(connection);
    } finally {
      this.#inTransaction = false;
    }
  }

  /** After a panic (no room for its log, say) PostgreSQL answers nothing any more, and whoever asked would wait for ever. */
  async #untilPanic<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#hasPanicked) {
      throw new SyncError(
        'unavailable',
        'the embedded database has stopped and comes back when the service is restarted',
      );
    }
    try {
      return await ask();
    } catch (error) {
      if (hasPanicked(error)) this.#hasPanicked = true;
      throw error;
    }
  }

  async #alone<Row>(connection: EmbeddedConnection, query: CompiledQuery): Promise<QueryResult<Row>> {
    await this.beginTransaction(connection);
    try {
      const result = await connection.executeQuery<Row>(query);
      await this.commitTransaction(connection);
      return result;
    } catch (error) {
      await this.rollbackTransaction(connection);
      throw error;
    }
  }
}

function hasPanicked(error: unknown): boolean {
  const { severity, cause } = error as { severity?: unknown; cause?: { severity?: unknown } };
  return [severity, cause?.severity].includes('PANIC');
}

type EmbeddedConnection = Parameters<PGliteDriver['beginTransaction']>[0];

class EmbeddedDialect extends PGliteDialect {
  readonly #config: PGliteDialectConfig;

  constructor(config: PGliteDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new EmbeddedDriver(this.#config);
  }

  override createQueryCompiler(): TextSafeCompiler {
    return new TextSafeCompiler();
  }
}

/** Opens PostgreSQL inside this process: in a folder, or (`:memory:`) nowhere. One process per folder. */
export async function openPglite(folder: string, template?: Blob): Promise<Db> {
  if (folder === '') throw new SyncError('misconfigured', 'DATABASE_URL must name a folder, e.g. pglite:./data');
  const isInMemory = folder === ':memory:';
  const release = isInMemory ? () => {} : lockFolder(folder);
  try {
    const pglite = await PGlite.create({
      ...(isInMemory ? {} : { dataDir: `${folder}/pgdata` }),
      ...(template ? { loadDataDir: template } : {}),
      // Its own reading takes the year 0001, Exchange's "never", for 2001.
      parsers: { [types.TIMESTAMPTZ]: parseTimestamp },
    });
    return pgliteDb(pglite, isInMemory ? 'PGlite in memory' : `PGlite in ${folder}`, release);
  } catch (cause) {
    release();
    if (cause instanceof SyncError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SyncError('misconfigured', `the embedded database in ${folder} cannot be opened: ${reason}`, { cause });
  }
}

function pgliteDb(pglite: PGlite, description: string, release: () => void): Db {
  const kysely = new Kysely<Database>({ dialect: new EmbeddedDialect({ pglite }) });
  return {
    kysely,
    inTransaction: false,
    kind: 'pglite',
    description,
    raw: { kind: 'pglite', pglite },
    transaction: (work) =>
      kysely.transaction().execute((trx) => work({ kysely: trx, inTransaction: true } as unknown as Tx)),
    ping: async () => {
      await sql`select 1`.execute(kysely);
    },
    close: async () => {
      if (!pglite.closed) await kysely.destroy();
      if (!pglite.closed) await pglite.close();
      release();
    },
  };
}
