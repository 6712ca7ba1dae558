import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { SyncError } from '../core/errors.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import { ChangeFeedRepository } from './change-feed.repository.ts';
import type { Db, Tx } from './db.ts';

/** Prisma's own number: one migrates, the others wait, whichever program they are. */
const MIGRATION_LOCK = 72_707_369;

interface Migration {
  readonly name: string;
  readonly script: string;
  readonly checksum: string;
  /** The file's, with either kind of line end: a checkout on another system is not an edit. */
  readonly knownChecksums: readonly string[];
}

interface AppliedMigration {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
  readonly rolled_back_at: Date | null;
}

/**
 * Brings the database to the schema of this version: the files of prisma/migrations, in order, with Prisma's own
 * bookkeeping, so that `npx prisma migrate deploy` and the service may take turns. Safe to call from many processes.
 *
 * @param parts.folder  of the migrations; this version's own unless told
 * @throws {SyncError} `misconfigured` when an applied migration was edited, failed half way, or is newer than this version,
 *   or when one cannot be applied; nothing is changed then
 */
export async function migrate(
  db: Db,
  parts: { logger: Logger; clock: Clock; random: Random; folder?: string },
): Promise<{ applied: string[] }> {
  const migrations = readMigrations(parts.folder ?? join(prismaFolder(), 'migrations'));
  return db.transaction(async (tx) => {
    if (db.kind === 'postgres') await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(tx.kysely);
    await inWords('the table of migrations cannot be made', createBookkeeping(tx));
    const known = await sql<AppliedMigration>`
      select migration_name, checksum, finished_at, rolled_back_at from "_prisma_migrations"
    `.execute(tx.kysely);
    const done = known.rows.filter((row) => row.rolled_back_at === null);
    assertInSync(migrations, done);
    const missing = migrations.filter(({ name }) => !done.some((row) => row.migration_name === name));
    for (const migration of missing) {
      await inWords(`migration ${migration.name} cannot be applied, and nothing was changed`, apply(tx, migration));
      await record(tx, migration, parts);
      parts.logger.info({ migration: migration.name }, 'migration applied');
    }
    await new ChangeFeedRepository().adoptRestored(tx);
    return { applied: missing.map(({ name }) => name) };
  });
}

/** @returns names of migrations the database does not have yet, for `doctor` */
export async function pendingMigrations(db: Db): Promise<string[]> {
  const exists = await sql<{ found: boolean }>`select to_regclass('"_prisma_migrations"') is not null as found`.execute(
    db.kysely,
  );
  const migrations = readMigrations(join(prismaFolder(), 'migrations')).map(({ name }) => name);
  if (!exists.rows[0]?.found) return migrations;
  const known = await sql<{ migration_name: string }>`
    select migration_name from "_prisma_migrations" where rolled_back_at is null and finished_at is not null
  `.execute(db.kysely);
  return migrations.filter((name) => !known.rows.some((row) => row.migration_name === name));
}

export function prismaFolder(): string {
  // From src/store, and from dist/store when published.
  const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'prisma');
  if (!existsSync(folder)) throw new SyncError('misconfigured', `the migrations are missing: no folder ${folder}`);
  return folder;
}

function readMigrations(folder: string): Migration[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const script = readFileSync(join(folder, name, 'migration.sql'), 'utf8');
      const unix = script.replaceAll('\r\n', '\n');
      const knownChecksums = [script, unix, unix.replaceAll('\n', '\r\n')].map(checksumOf);
      return { name, script: unix, checksum: checksumOf(script), knownChecksums };
    });
}

function checksumOf(script: string): string {
  return createHash('sha256').update(script).digest('hex');
}

async function apply(tx: Tx, { script }: Migration): Promise<void> {
  for (const statement of statementsOf(script)) await sql.raw(statement).execute(tx.kysely);
}

/** @throws {SyncError} `misconfigured` with what PostgreSQL says, in one line */
async function inWords(what: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (cause) {
    throw new SyncError('misconfigured', `${what}: ${(cause as Error).message}`, { cause });
  }
}

/** A comment, a text, a quoted name, a body between dollars, the end of a statement, or one character of anything else. */
const SQL_PART =
  /--[^\n]*|\/\*[\s\S]*?\*\/|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|;|[\s\S]/g;

/** One at a time, as the embedded database takes them; what stands in texts, bodies and comments ends no statement. */
function statementsOf(script: string): string[] {
  const statements = [''];
  for (const [part] of script.matchAll(SQL_PART)) {
    if (part === ';') statements.push('');
    else if (!part.startsWith('--') && !part.startsWith('/*')) statements[statements.length - 1] += part;
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '');
}

/** Prisma's own table, column for column. */
async function createBookkeeping(tx: Tx): Promise<void> {
  await sql`
    create table if not exists "_prisma_migrations" (
      "id" varchar(36) primary key not null,
      "checksum" varchar(64) not null,
      "finished_at" timestamptz,
      "migration_name" varchar(255) not null,
      "logs" text,
      "rolled_back_at" timestamptz,
      "started_at" timestamptz not null default now(),
      "applied_steps_count" integer not null default 0
    )
  `.execute(tx.kysely);
}

function assertInSync(migrations: readonly Migration[], done: readonly AppliedMigration[]): void {
  for (const row of done) {
    const own = migrations.find(({ name }) => name === row.migration_name);
    if (row.finished_at === null) {
      throw new SyncError(
        'misconfigured',
        `migration ${row.migration_name} failed half way; repair it and mark it with "npx prisma migrate resolve"`,
      );
    }
    if (!own) {
      throw new SyncError(
        'misconfigured',
        `the database has migration ${row.migration_name}, which this version does not know: start a newer version`,
      );
    }
    if (!own.knownChecksums.includes(row.checksum)) {
      throw new SyncError(
        'misconfigured',
        `migration ${row.migration_name} was edited after it had been applied: restore the file, and put the change into a new migration`,
      );
    }
  }
}

async function record(tx: Tx, migration: Migration, parts: { clock: Clock; random: Random }): Promise<void> {
  const now = parts.clock.now();
  await sql`
    insert into "_prisma_migrations" (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
    values (${parts.random.id()}, ${migration.checksum}, ${now}, ${migration.name}, ${now}, 1)
  `.execute(tx.kysely);
}
