import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import type { MigrationList } from '@prisma/schema-engine-wasm';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openEmbedded } from '../../test/support/embedded-database.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres-server.ts';
import { openPrismaEngine } from '../../test/support/prisma-engine.ts';
import { silentLogger } from '../core/runtime.ts';
import { systemClock, systemRandom } from '../system-runtime.ts';
import { type Db, openDatabase } from './db.ts';
import { migrate, pendingMigrations, prismaFolder } from './migrator.ts';

const FOLDER = join(prismaFolder(), 'migrations');
const NAMES = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

/** What the product's models had from the beginning; applications read these columns by name. */
const FIRST_FIELDS = {
  CalendarEvent: [
    ...['id', 'userId', 'graphEventId', 'calendarId', 'subject', 'body', 'start', 'end', 'location', 'isAllDay'],
    ...['recurrence', 'lastModifiedDateTime', 'createdDateTime', 'syncedAt', 'createdAt', 'updatedAt'],
  ],
  CalendarSyncState: [
    ...['id', 'userId', 'calendarId', 'status', 'direction', 'deltaToken', 'lastSyncTime', 'totalEvents'],
    ...['processedEvents', 'createdEvents', 'updatedEvents', 'deletedEvents', 'conflictsDetected', 'startedAt'],
    ...['completedAt', 'error'],
  ],
  CalendarSyncConflict: [
    ...['id', 'syncStateId', 'eventId', 'conflictType', 'conflictData', 'resolution', 'resolvedAt', 'resolutionData'],
  ],
};

let server: PostgresServer;
let serverUrl: string;
let copies: string[] = [];

beforeAll(async () => {
  server = await startPostgres();
  serverUrl = await server.createDatabase('migrations');
});
afterAll(() => server?.stop());
afterEach(() => {
  for (const copy of copies) rmSync(copy, { recursive: true });
  copies = [];
});

describe.each([
  ['the embedded database', openEmbedded],
  ['a PostgreSQL server', () => openServer()],
])('migrations on %s', (_name, open) => {
  let db: Db;
  beforeAll(async () => {
    db = await open();
  });
  beforeEach(() => startAfresh(db));
  afterAll(() => db?.close());

  it('are applied in order, with Prisma’s own bookkeeping', async () => {
    expect(await pendingMigrations(db)).toEqual(NAMES);
    expect(await apply(db)).toEqual(NAMES);
    const rows = await query(
      db,
      `select migration_name, checksum, finished_at is not null as done, rolled_back_at, applied_steps_count, length(id) as id
       from _prisma_migrations order by migration_name`,
    );
    expect(rows).toEqual(
      NAMES.map((migration_name) => ({
        migration_name,
        checksum: createHash('sha256').update(scriptOf(migration_name)).digest('hex'),
        done: true,
        rolled_back_at: null,
        applied_steps_count: 1,
        id: 36,
      })),
    );
    expect(await pendingMigrations(db)).toEqual([]);
  });

  it('are applied once: a second start changes nothing', async () => {
    await apply(db);
    const before = await query(db, 'select * from _prisma_migrations order by id');
    expect(await apply(db)).toEqual([]);
    expect(await query(db, 'select * from _prisma_migrations order by id')).toEqual(before);
  });

  it('leave every column the product started with under its name', async () => {
    await apply(db);
    const columns = await query(
      db,
      `select table_name || '.' || column_name as name, column_default from information_schema.columns where table_schema = 'public'`,
    );
    const names = columns.map(({ name }) => name);
    for (const [table, fields] of Object.entries(FIRST_FIELDS)) {
      expect(names).toEqual(expect.arrayContaining(fields.map((field) => `${table}.${field}`)));
    }
    const defaults = columns.filter(
      ({ name }) => String(name).endsWith('.calendarId') && /Event$|State$/.test(String(name).split('.')[0] ?? ''),
    );
    expect(defaults.map((column) => column['column_default'])).toEqual(["'default'::text", "'default'::text"]);
  });

  it('are refused when one that was applied has been edited', async () => {
    await apply(db);
    await query(db, `update _prisma_migrations set checksum = repeat('0', 64) where migration_name = '${NAMES[0]}'`);
    await expect(apply(db)).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringMatching(`^migration ${NAMES[0]} was edited after it had been applied`),
    });
  });

  it('are the same files with the line ends of another system', async () => {
    await apply(db);
    const windows = copyOfMigrations((script) => script.replaceAll('\n', '\r\n'));
    expect(await apply(db, windows)).toEqual([]);
    await startAfresh(db);
    expect(await apply(db, windows)).toEqual(NAMES);
    expect(await apply(db)).toEqual([]);
  });

  it('are refused when the database comes from a newer version', async () => {
    await apply(db);
    await noteMigration(db, { name: '20990101000000_future', finished: true });
    await expect(apply(db)).rejects.toMatchObject({
      code: 'misconfigured',
      message:
        'the database has migration 20990101000000_future, which this version does not know: start a newer version',
    });
  });

  it('are refused while one stands half applied, until somebody resolves it', async () => {
    await apply(db);
    await noteMigration(db, { name: '20990101000000_half', finished: false });
    await expect(apply(db)).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('migration 20990101000000_half failed half way'),
    });
    await query(db, `update _prisma_migrations set rolled_back_at = now() where finished_at is null`);
    expect(await apply(db)).toEqual([]);
  });

  it('are applied all or none: one that cannot be leaves nothing behind, and says why in one line', async () => {
    const folder = copyOfMigrations((script) => script, {
      '20990101000000_broken': 'CREATE TABLE "Half" (id TEXT);\nALTER TABLE "Nowhere" ADD COLUMN x TEXT;\n',
    });
    await expect(apply(db, folder)).rejects.toMatchObject({
      code: 'misconfigured',
      message:
        'migration 20990101000000_broken cannot be applied, and nothing was changed: relation "Nowhere" does not exist',
    });
    expect(await query(db, `select table_name from information_schema.tables where table_schema = 'public'`)).toEqual(
      [],
    );
    expect(await apply(db)).toEqual(NAMES);
  });

  it('do not touch tables that somebody else made under the same names', async () => {
    await query(db, 'create table "CalendarEvent" (id text)');
    await expect(apply(db)).rejects.toMatchObject({
      code: 'misconfigured',
      message: `migration ${NAMES[0]} cannot be applied, and nothing was changed: relation "CalendarEvent" already exists`,
    });
  });

  it('may hold functions with bodies, comments, and semicolons in texts', async () => {
    const script = `-- a comment; with a semicolon
CREATE TABLE "Word" (
  text TEXT -- another;
    NOT NULL, /* and; another */
  "odd;name" TEXT DEFAULT 'it''s; --'
);
CREATE FUNCTION "shout"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- a comment inside
  NEW.text := upper(NEW.text) || '; -- !';
  RETURN NEW;
END
$$;
CREATE TRIGGER "shout" BEFORE INSERT ON "Word" FOR EACH ROW EXECUTE FUNCTION "shout"();
INSERT INTO "Word" (text) VALUES ('hello'); ;
CREATE FUNCTION "whisper"() RETURNS text LANGUAGE sql AS $body$ SELECT '$$; quiet' $body$`;
    await apply(
      db,
      copyOfMigrations((own) => own, { '20990101000000_words': script }),
    );
    expect(await query(db, 'select *, whisper() from "Word"')).toEqual([
      { text: 'HELLO; -- !', 'odd;name': "it's; --", whisper: '$$; quiet' },
    ]);
  });
});

describe('several programs at once on a PostgreSQL server', () => {
  it('apply the migrations once, whoever comes first', async () => {
    const processes = await Promise.all([openServer(), openServer(), openServer()]);
    await startAfresh(processes[0] as Db);
    const applied = await Promise.all(processes.map((db) => apply(db)));
    expect(applied.filter((names) => names.length > 0)).toEqual([NAMES]);
    await Promise.all(processes.map((db) => db.close()));
  });

  it('wait for one another, Prisma’s command line included', async () => {
    const db = await openServer();
    await startAfresh(db);
    let isDone = false;
    const prisma = await openServer();
    await prisma.kysely.connection().execute(async (session) => {
      await sql`select pg_advisory_lock(72707369)`.execute(session);
      const migrated = apply(db).then(() => {
        isDone = true;
      });
      await expect.poll(() => isWaitingForLock(prisma)).toBe(true);
      expect(isDone).toBe(false);
      await sql`select pg_advisory_unlock(72707369)`.execute(session);
      await migrated;
    });
    await Promise.all([db.close(), prisma.close()]);
  });
});

describe('Prisma’s own engine', () => {
  const schema = readFileSync(join(prismaFolder(), 'schema.prisma'), 'utf8');
  const files = { files: [{ path: 'schema.prisma', content: schema }] };
  const filters = { externalTables: [], externalEnums: [] };
  let db: Db;
  let pglite: PGlite;
  beforeAll(async () => {
    db = await openEmbedded();
    if (db.raw.kind === 'pglite') pglite = db.raw.pglite;
  });
  beforeEach(() => startAfresh(db));
  afterAll(() => db?.close());

  it('finds the history in sync, and nothing to apply, after the service has migrated', async () => {
    await apply(db);
    const engine = await openPrismaEngine(pglite, schema);
    const input = { migrationsList: migrationList(), optInToShadowDatabase: false, filters };
    expect(await engine.diagnoseMigrationHistory(input)).toEqual({
      editedMigrationNames: [],
      failedMigrationNames: [],
      hasMigrationsTable: true,
      history: null,
    });
    expect(await engine.applyMigrations({ migrationsList: migrationList(), filters })).toEqual({
      appliedMigrationNames: [],
    });
  });

  it('finds no difference between schema.prisma and the migrated database', async () => {
    await apply(db);
    const engine = await openPrismaEngine(pglite, schema);
    const difference = await engine.diff({
      from: { tag: 'schemaDatasource', ...files, configDir: prismaFolder() },
      to: { tag: 'schemaDatamodel', ...files },
      script: true,
      exitCode: true,
      filters,
    });
    expect(difference).toEqual({ exitCode: 0, stdout: '-- This is an empty migration.\n' });
  });

  it('would find one: the comparison is able to fail', async () => {
    await apply(db);
    await query(db, 'alter table "CalendarEvent" drop column "iCalUId"');
    const engine = await openPrismaEngine(pglite, schema);
    const difference = await engine.diff({
      from: { tag: 'schemaDatasource', ...files, configDir: prismaFolder() },
      to: { tag: 'schemaDatamodel', ...files },
      script: true,
      exitCode: true,
      filters,
    });
    expect(difference.exitCode).toBe(2);
    expect(difference.stdout).toContain('"iCalUId"');
  });

  it('migrates a new database, and the service goes on from there', async () => {
    const engine = await openPrismaEngine(pglite, schema);
    expect(await engine.applyMigrations({ migrationsList: migrationList(), filters })).toEqual({
      appliedMigrationNames: NAMES,
    });
    expect(await apply(db)).toEqual([]);
  });
});

async function openServer(): Promise<Db> {
  return openDatabase({ url: serverUrl, logger: silentLogger });
}

async function apply(db: Db, folder?: string): Promise<string[]> {
  const parts = { logger: silentLogger, clock: systemClock, random: systemRandom, ...(folder ? { folder } : {}) };
  return (await migrate(db, parts)).applied;
}

async function startAfresh(db: Db): Promise<void> {
  await query(db, 'drop schema public cascade');
  await query(db, 'create schema public');
}

async function query(db: Db, statement: string): Promise<Record<string, unknown>[]> {
  return (await sql.raw<Record<string, unknown>>(statement).execute(db.kysely)).rows;
}

async function isWaitingForLock(db: Db): Promise<boolean> {
  const rows = await query(db, `select 1 from pg_locks where locktype = 'advisory' and not granted`);
  return rows.length > 0;
}

async function noteMigration(db: Db, of: { name: string; finished: boolean }): Promise<void> {
  await query(
    db,
    `insert into _prisma_migrations (id, checksum, migration_name, finished_at)
     values ('${systemRandom.id()}', repeat('a', 64), '${of.name}', ${of.finished ? 'now()' : 'null'})`,
  );
}

function scriptOf(name: string): string {
  return readFileSync(join(FOLDER, name, 'migration.sql'), 'utf8');
}

function copyOfMigrations(edit: (script: string) => string, more: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'gcs-migrations-'));
  copies.push(folder);
  cpSync(FOLDER, folder, { recursive: true });
  for (const name of NAMES) writeFileSync(join(folder, name, 'migration.sql'), edit(scriptOf(name)));
  for (const [name, script] of Object.entries(more)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'migration.sql'), script);
  }
  return folder;
}

function migrationList(): MigrationList {
  return {
    baseDir: FOLDER,
    lockfile: { path: 'migration_lock.toml', content: readFileSync(join(FOLDER, 'migration_lock.toml'), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: NAMES.map((name) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: scriptOf(name) } },
    })),
  };
}
