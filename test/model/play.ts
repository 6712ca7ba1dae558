import { sql } from 'kysely';
import { type AppConfig, readConfig } from '../../src/config.ts';
import { silentLogger } from '../../src/core/runtime.ts';
import { DEFAULT_CLIENT } from '../../src/simulator/index.ts';
import type { Db } from '../../src/store/db.ts';
import { migrate } from '../../src/store/migrator.ts';
import { systemClock, systemRandom } from '../../src/system-runtime.ts';
import { openEmbedded } from '../support/embedded-database.ts';
import { seedOf } from './chance.ts';
import { drawHistory, type History } from './history.ts';
import { speedUp } from './quick-database.ts';
import type { Sabotage } from './sabotage.ts';
import { type Outcome, World } from './world.ts';

/** Small pages and steps, so that few events make several of them. */
const CONFIG = readConfig({
  DATABASE_URL: 'pglite::memory:',
  GRAPH_CLIENT_ID: DEFAULT_CLIENT.clientId,
  GRAPH_TENANT_ID: DEFAULT_CLIENT.tenantId,
  GRAPH_CLIENT_SECRET: DEFAULT_CLIENT.clientSecret,
  GRAPH_BASE_URL: 'http://127.0.0.1:1',
  GRAPH_AUTHORITY_HOST: 'http://127.0.0.1:1',
  JWT_SECRET: 'a secret for tests that is long enough for HS256',
  CALENDAR_ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
  CALENDAR_SYNC_INTERVAL: '0',
  GRAPH_PAGE_SIZE: '5',
}) as AppConfig;

/** Rows of histories that are over slow the database down; of so many they are kept. */
const KEPT_HISTORIES = 50;

/** One database for all histories of a process; each has a user of its own in it. */
export class Theatre {
  readonly #db: Db;
  /** Ids are drawn, so a history that is played again has those it had. */
  readonly #kept = new Set<number>();

  private constructor(db: Db) {
    this.#db = db;
  }

  static async open(): Promise<Theatre> {
    const db = await openEmbedded();
    await migrate(db, { logger: silentLogger, clock: systemClock, random: systemRandom });
    if (db.raw.kind === 'pglite') await speedUp(db.raw.pglite);
    return new Theatre(db);
  }

  async play(history: History, o: { sabotage?: Sabotage } = {}): Promise<Outcome> {
    if (this.#kept.size >= KEPT_HISTORIES || this.#kept.has(history.seed)) await this.#makeRoom();
    this.#kept.add(history.seed);
    const name = `user-${history.seed}`;
    return World.play(history, { db: this.#db, config: CONFIG, name, ...o });
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  async #makeRoom(): Promise<void> {
    this.#kept.clear();
    const { rows } = await sql<{ name: string }>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname = 'public' and tablename <> '_prisma_migrations'
    `.execute(this.#db.kysely);
    await sql.raw(`truncate ${rows.map(({ name }) => name).join(', ')}`).execute(this.#db.kysely);
  }
}

export const historyOf = (seed: number, index: number): History => drawHistory(seedOf(seed, index));
