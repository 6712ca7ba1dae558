import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres-server.ts';
import { configFor } from '../../test/support/sync-world.ts';
import { dumpOf } from '../../test/support/table-dump.ts';
import { type App, createApp } from '../app.ts';
import type { UserId } from '../core/ids.ts';
import { type Fetch, silentLogger } from '../core/runtime.ts';
import { GraphSimulator } from '../simulator/index.ts';

const USER = 'grace-4711' as UserId;
const MAILBOX = 'grace@example.com';
const CALLER = { userId: USER, roles: ['user'] as const, mailboxes: [MAILBOX] };

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
}, 120_000);
afterAll(() => server?.stop());

/** Waits for what a process does in its own time. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it never came about');
}

describe('erasing somebody while another process works on their mailbox', () => {
  it('stops that process, and leaves no trace of either', async () => {
    const url = await server.createDatabase('erasure');
    const clock = new ManualClock('2026-03-02T08:00:00Z');
    const simulator = new GraphSimulator({ now: () => clock.now().getTime() });
    const mailbox = simulator.addMailbox({ address: MAILBOX, name: 'Grace', timeZone: 'UTC' });
    const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
    mailbox.createEvent({ subject: 'Dentist', start: at('2026-03-09T09:00:00'), end: at('2026-03-09T09:30:00') });
    const isAtWork = Promise.withResolvers<void>();
    const mayGoOn = Promise.withResolvers<void>();
    let answered = 0;
    const open = async (fetch: Fetch): Promise<App> =>
      createApp(configFor(simulator, { DATABASE_URL: url }), { clock, logger: silentLogger, fetch });
    const api = await open((...request) => simulator.fetch(...request));
    const worker = await open(async (address, init) => {
      if (/delta/.test(address)) {
        isAtWork.resolve();
        await mayGoOn.promise;
        answered += 1;
      }
      return simulator.fetch(address, init);
    });
    try {
      await api.start({ isApi: false, isWorker: false });
      await worker.start({ isApi: false, isWorker: true });
      await api.services.connectionService.connectApplication(CALLER, { mailbox: MAILBOX });
      await isAtWork.promise;
      expect(await dumpOf(api.db)).toContain(USER);

      await api.services.privacyService.erase(CALLER, USER);
      expect(await dumpOf(api.db)).not.toMatch(/grace/);
      mayGoOn.resolve();
      await until(() => answered > 0);
      await until(async () => {
        const jobs = await sql`select 1 from pgboss.job where state < 'completed'`.execute(api.db.kysely);
        return jobs.rows.length === 0;
      });
    } finally {
      // Stopping waits until what the worker was at has come to its end.
      await worker.stop();
    }
    expect(await dumpOf(api.db)).not.toMatch(/grace/);
    await api.stop();
  }, 60_000);
});
