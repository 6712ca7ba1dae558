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
    const leftovers = fleet.database ? await onServer(fleet) : await inFolder(fleet);
    const tookMs = Date.now() - began;
    if (names.every((name) => leftovers[name] === 0) || tookMs > PATIENCE_MS) return { leftovers, tookMs };
    if (!fleet.database) await fleet.service.start();
    await pause(2_000);
  }
}

async function onServer(fleet: Fleet): Promise<Leftovers> {
  const found = await fleet.database?.ask((client) => client.query<Leftovers>(QUERY));
  return found?.rows[0] as Leftovers;
}

async function inFolder(fleet: Fleet): Promise<Leftovers> {
  await fleet.service.stop();
  const db = await openDatabase({ url: fleet.databaseUrl, logger: silentLogger });
  try {
    return (await sql.raw<Leftovers>(QUERY).execute(db.kysely)).rows[0] as Leftovers;
  } finally {
    await db.close();
  }
}
