import {
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
  sql,
} from 'kysely';
import pg from 'pg';
import { isSyncError, SyncError } from '../core/errors.ts';
import type { Logger } from '../core/runtime.ts';
import { type Database, type Db, databaseError, hasMet, type Tx, tellingAway } from './db.ts';
import { TextSafeCompiler } from './query-compiler.ts';
import { scopeSetting } from './row-scope.ts';
import { ScopeSetter } from './scoped-connection.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** Enough for the API and a few workers of one process; PostgreSQL's own default allows a hundred. */
const MAX_CONNECTIONS = 20;
/** Two transactions that met are tried again this often; more often means they always meet. */
const MAX_SERIALIZATION_RETRIES = 5;

/** Each session remembers its scope; whoever takes one out of the pool gets it in theirs. */
class ServerDriver extends PostgresDriver {
  readonly #scopes = new ScopeSetter();
  readonly #scopeOf = new WeakMap<DatabaseConnection, string>();

  override async acquireConnection(...how: Parameters<PostgresDriver['acquireConnection']>) {
    const connection = await super.acquireConnection(...how).catch((error: unknown) => {
      throw databaseError(error);
    });
    tellingAway(connection);
    try {
      await this.#enterScope(connection);
    } catch (error) {
      await this.releaseConnection(connection as Parameters<PostgresDriver['releaseConnection']>[0]);
      throw error;
    }
    return connection;
  }

  async #enterScope(connection: DatabaseConnection): Promise<void> {
    const scope = scopeSetting();
    if ((this.#scopeOf.get(connection) ?? '') === scope) return;
    // Not known while it changes: half of a change must not pass for the scope it was to become.
    this.#scopeOf.set(connection, 'changing');
    await this.#scopes.set(connection, scope, { isLocal: false });
    this.#scopeOf.set(connection, scope);
  }
}

class ServerDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig;

  constructor(config: PostgresDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new ServerDriver(this.#config);
  }

  override createQueryCompiler(): TextSafeCompiler {
    return new TextSafeCompiler();
  }
}

/** Opens a PostgreSQL server and proves that it answers. */
export async function openPostgres(url: string, logger: Logger): Promise<Db> {
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  // Its error carries the whole connection with it, which no log needs.
  pool.on('error', (error) => logger.warn({ reason: reasonOf(error) }, 'a database connection broke'));
  // One that breaks while it is in use has only its own listeners. Whoever uses it is told by the query that fails.
  pool.on('connect', (client) => client.on('error', () => {}));
  const description = `PostgreSQL at ${addressOf(url)}`;
  const kysely = new Kysely<Database>({ dialect: new ServerDialect({ pool }) });
  const ping = async (): Promise<void> => {
    await sql`select 1`.execute(kysely);
  };
  try {
    await ping();
  } catch (cause) {
    await kysely.destroy();
    throw new SyncError(
      'misconfigured',
      `${description} is not reachable (${reasonOf(cause)}); check DATABASE_URL and that the server runs`,
      { cause: isSyncError(cause) ? cause.cause : cause },
    );
  }
  return {
    kysely,
    inTransaction: false,
    kind: 'postgres',
    description,
    raw: { kind: 'postgres', pool, connectionString: url },
    transaction: (work) => transactionWithRetry(kysely, work),
    ping,
    close: () => kysely.destroy(),
  };
}

async function transactionWithRetry<T>(kysely: Kysely<Database>, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await kysely.transaction().execute((trx) => work({ kysely: trx, inTransaction: true } as unknown as Tx));
    } catch (error) {
      if (!hasMet(error) || attempt > MAX_SERIALIZATION_RETRIES) throw error;
    }
  }
}

/** Several addresses of one name that all refuse make an error with a code and no message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isSyncError(error, 'unavailable') && error.cause) return reasonOf(error.cause);
  return error.message || String((error as NodeJS.ErrnoException).code ?? error.name);
}

/** Host, port and database; never the password. */
function addressOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return 'an address that cannot be read';
  }
}
