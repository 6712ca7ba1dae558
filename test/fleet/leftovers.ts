import { sql } from 'kysely';
import { silentLogger } from '../../src/core/runtime.ts';
import { openDatabase } from '../../src/store/db.ts';
import type { Fleet } from './fleet.ts';
import { pause } from './processes.ts';

/** What a killed process can leave behind in the database, each of which somebody must have taken up by now. */
export interface Leftovers {
  /** Runs that are neither ended nor at work on a living lease. */
  readonly stuckRuns: number;
  readonly leasesHeld: number;
  readonly jobsWaiting: number;
  /** Deliveries to the application's webhooks that have not got through. */
  readonly outbox: number;
  readonly failedRuns: number;
}

export const LEFTOVERS = ['stuckRuns', 'leasesHeld', 'jobsWaiting', 'outbox'] as const;

const QUERY = `
  select
    (select count(*)::int from "CalendarSyncState" where status in ('PENDING', 'IN_PROGRESS')) as "stuckRuns",
    (select count(*)::int from "MailboxLease" where holder is not null) as "leasesHeld",
    (select count(*)::int from pgboss.job where name = 'calendar-sync' and state < 'completed') as "jobsWaiting",
    (select count(*)::int from "WebhookDelivery" where "nextAttemptAt" is not null) as "outbox",
    (select count(*)::int from "CalendarSyncState" where status = 'FAILED') as "failedRuns"`;

/** A worker's heartbeat, the lease and the supervisor's round all pass within this. */
const PATIENCE_MS = 120_000;

/**
 * Looks until nothing is left. On a server it looks from beside the service; the embedded database belongs to one process,
 * so there the service ends first (and is to be started again by whoever needs it).
 */
export async function lookForLeftovers(
  fleet: Fleet,
  names: readonly (typeof LEFTOVERS)[number][] = LEFTOVERS,
): Promise<{ leftovers: Leftovers; tookMs: number }> {
  const began = Date.now();
  for (;;) {
    const [leftovers] = await askDatabase<Leftovers>(fleet, QUERY);
    if (!leftovers) throw new Error('the database did not answer');
    const tookMs = Date.now() - began;
    if (names.every((name) => leftovers[name] === 0) || tookMs > PATIENCE_MS) return { leftovers, tookMs };
    if (!fleet.database) await fleet.service.start();
    await pause(2_000);
  }
}

/** Asks a server from beside the service; the embedded database only once its service has ended. */
export async function askDatabase<Row>(fleet: Fleet, query: string): Promise<readonly Row[]> {
  if (fleet.database) {
    const found = await fleet.database.ask((client) => client.query(query));
    return found.rows as Row[];
  }
  await fleet.service.stop();
  const db = await openDatabase({ url: fleet.databaseUrl, logger: silentLogger });
  try {
    return (await sql.raw<Row>(query).execute(db.kysely)).rows;
  } finally {
    await db.close();
  }
}
