import { sql } from 'kysely';
import type { Db } from '../../src/store/db.ts';

/** Everything in the database, as text: every row of every table, the job queue's included. */
export async function dumpOf(db: Db): Promise<string> {
  const tables = await sql<{ name: string }>`
    select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname in ('public', 'pgboss') order by 1
  `.execute(db.kysely);
  const lines: string[] = [];
  for (const { name } of tables.rows) {
    const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.raw(name)} t`.execute(db.kysely);
    lines.push(...rows.map(({ row }) => `${name} ${row}`));
  }
  return lines.join('\n');
}
