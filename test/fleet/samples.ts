import type { Sample } from './flatness.ts';
import type { Fleet } from './fleet.ts';
import { askDatabase } from './leftovers.ts';
import type { Load } from './load.ts';
import { pause } from './processes.ts';

const MB = 1024 * 1024;
const LAG_PATIENCE_MS = 30_000;
const TABLES = `
  select format('%I.%I', schemaname, relname) as name, schemaname as schema, relname as table
  from pg_stat_user_tables where schemaname in ('public', 'pgboss') and relname not like '%prisma%'`;

/** Everything that should stay flat, and how quick the service is. */
export async function takeSample(fleet: Fleet, load: Load, began: number): Promise<Sample> {
  const figures: Record<string, number> = { writes: load.writes };
  for (const program of [...fleet.ours, fleet.simulator]) {
    const { name } = program.recipe;
    const used = program.consumption();
    if (!used) continue;
    figures[`${name} rss MB`] = used.rssMb;
    figures[`${name} handles`] = used.handles;
    figures[`${name} cpu s`] = used.cpuSeconds;
  }
  await addHeap(fleet, figures);
  await addTables(fleet, figures);
  figures['lag ms'] = await lagMs(fleet);
  return { ...figures, atS: (Date.now() - began) / 1000 };
}

async function addHeap(fleet: Fleet, figures: Record<string, number>): Promise<void> {
  const { status, body } = await fleet.operate<string>('/metrics');
  if (status !== 200) return;
  const used = /^nodejs_heap_size_used_bytes ([\d.e+]+)/m.exec(body)?.[1];
  if (used) figures['service heap MB'] = Number(used) / MB;
}

async function addTables({ database }: Fleet, figures: Record<string, number>): Promise<void> {
  await database?.ask(async (client) => {
    const tables = await client.query<{ name: string; schema: string; table: string }>(TABLES);
    for (const { name, schema, table } of tables.rows) {
      const counted = await client.query<{ count: number }>(`select count(*)::int as count from ${name}`);
      figures[`rows of ${schema === 'public' ? table : `pgboss.${table}`}`] = counted.rows[0]?.count ?? 0;
    }
    const { rows } = await client.query<{ connections: number; mb: number }>(`
      select count(*)::int as connections, (pg_database_size('fleet') / 1048576.0)::float8 as mb
      from pg_stat_activity where datname = 'fleet'`);
    figures['database connections'] = rows[0]?.connections ?? 0;
    figures['database MB'] = rows[0]?.mb ?? 0;
  });
}

/** Rows of every table; of the embedded database only when its service has ended, for which it is stopped. */
export async function tableSizes(fleet: Fleet): Promise<Record<string, number>> {
  const counted = await askDatabase<{ name: string; count: number }>(
    fleet,
    `select case when schemaname = 'public' then relname else schemaname || '.' || relname end as name,
      (xpath('/row/count/text()', query_to_xml(format('select count(*) from %I.%I', schemaname, relname), false, true, '')))[1]
        ::text::int as count
     from pg_stat_user_tables where schemaname in ('public', 'pgboss') order by 1`,
  );
  return Object.fromEntries(counted.filter(({ count }) => count > 0).map(({ name, count }) => [name, count]));
}

/** From a write of the application to its being in Outlook; the event is taken back afterwards. */
async function lagMs(fleet: Fleet): Promise<number> {
  const person = fleet.people[0];
  if (!person) return Number.NaN;
  const day = new Date(Date.now() + 210 * 86_400_000).toISOString().slice(0, 10);
  const began = Date.now();
  const { status, body } = await fleet.call<{ id: string }>(person, 'POST', '/calendar/events', {
    subject: `lag ${began}`,
    start: { dateTime: `${day}T09:00:00`, timeZone: 'UTC' },
    end: { dateTime: `${day}T09:30:00`, timeZone: 'UTC' },
  });
  if (status !== 201) return LAG_PATIENCE_MS;
  let isThere = false;
  while (!isThere && Date.now() - began < LAG_PATIENCE_MS) {
    await pause(50);
    const path = `/mailboxes/${person.mailbox}/events?subject=${encodeURIComponent(`lag ${began}`)}`;
    const found = await fleet.outlook<unknown[]>('GET', path);
    isThere = found.status === 200 && found.body.length > 0;
  }
  const lag = Date.now() - began;
  await fleet.call(person, 'DELETE', `/calendar/events/${body.id}`);
  return lag;
}
