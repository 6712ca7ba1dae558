import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../../src/store/db.ts';

/** The service's own tables as a backup has them, to be put back over what has happened since. */
export interface TableBackup {
  restore(): Promise<void>;
}

/** Copies every table, rows and sequences, as `pg_dump` would; the queue's jobs are dropped by a restore. */
export async function backupOf(db: Db): Promise<TableBackup> {
  const tables = await names(
    db,
    sql`select tablename as name from pg_tables where schemaname = 'public' and tablename <> '_prisma_migrations' order by 1`,
  );
  const rows = new Map<string, unknown[]>();
  for (const name of tables) {
    const found = await sql<{ row: unknown }>`select to_jsonb(t) as row from ${sql.table(name)} t`.execute(db.kysely);
    rows.set(
      name,
      found.rows.map(({ row }) => row),
    );
  }
  const sequences = await names(db, sql`select sequencename as name from pg_sequences where schemaname = 'public'`);
  const values = new Map<string, string>();
  for (const name of sequences) {
    const found = await sql<{ last: string }>`select last_value::text as last from ${sql.table(name)}`.execute(
      db.kysely,
    );
    values.set(name, found.rows[0]?.last ?? '1');
  }
  return {
    restore: () =>
      db.transaction(async ({ kysely }) => {
        // Rows come back as they were: no trigger gives them a revision of their own.
        await sql`set local session_replication_role = replica`.execute(kysely);
        await sql.raw(`truncate ${tables.map((name) => `"${name}"`).join(', ')}`).execute(kysely);
        for (const name of tables) {
          const json = JSON.stringify(rows.get(name));
          await sql`insert into ${sql.table(name)} select * from jsonb_populate_recordset(null::${sql.table(name)}, ${json}::jsonb)`.execute(
            kysely,
          );
        }
        for (const [name, value] of values) {
          await sql`select setval(${`"${name}"`}::regclass, ${value}::bigint)`.execute(kysely);
        }
      }),
  };
}

async function names(db: Db, query: RawBuilder<unknown>): Promise<string[]> {
  const { rows } = await query.execute(db.kysely);
  return (rows as { name: string }[]).map(({ name }) => name);
}
