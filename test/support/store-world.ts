import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { type Random, silentLogger } from '../../src/core/runtime.ts';
import { BaseRepository } from '../../src/store/base.repository.ts';
import { CalendarRepository } from '../../src/store/calendar.repository.ts';
import { ChangeFeedRepository } from '../../src/store/change-feed.repository.ts';
import { ConflictRepository } from '../../src/store/conflict.repository.ts';
import { ConnectionRepository } from '../../src/store/connection.repository.ts';
import { CursorRepository } from '../../src/store/cursor.repository.ts';
import { type Db, openDatabase, type Tx } from '../../src/store/db.ts';
import { ContentCipher, KeyRing } from '../../src/store/encryption.ts';
import { EventRepository } from '../../src/store/event.repository.ts';
import { IdempotencyRepository } from '../../src/store/idempotency.repository.ts';
import { LeaseRepository } from '../../src/store/lease.repository.ts';
import { migrate } from '../../src/store/migrator.ts';
import { OperationRepository } from '../../src/store/operation.repository.ts';
import { RunRepository } from '../../src/store/run.repository.ts';
import { SettingsRepository } from '../../src/store/settings.repository.ts';
import { StatisticsRepository } from '../../src/store/statistics.repository.ts';
import { TombstoneRepository } from '../../src/store/tombstone.repository.ts';
import { WebhookRepository } from '../../src/store/webhook.repository.ts';
import { WebhookDeliveryRepository } from '../../src/store/webhook-delivery.repository.ts';
import { systemRandom } from '../../src/system-runtime.ts';
import { openMigrated } from './embedded-database.ts';
import { ManualClock } from './jobs-world.ts';
import { startPostgres } from './postgres-server.ts';

export const TEST_RING = KeyRing.parse(`test:${Buffer.alloc(32, 1).toString('base64')}`);

/** The store over one database, with no service above it. */
export interface StoreWorld {
  readonly kind: Db['kind'];
  readonly db: Db;
  readonly clock: ManualClock;
  readonly random: Random;
  readonly cipher: ContentCipher;
  readonly events: EventRepository;
  readonly tombstones: TombstoneRepository;
  readonly bases: BaseRepository;
  readonly calendars: CalendarRepository;
  readonly connections: ConnectionRepository;
  readonly cursors: CursorRepository;
  readonly conflicts: ConflictRepository;
  readonly operations: OperationRepository;
  readonly runs: RunRepository;
  readonly leases: LeaseRepository;
  readonly feed: ChangeFeedRepository;
  readonly settings: SettingsRepository;
  readonly statistics: StatisticsRepository;
  readonly idempotency: IdempotencyRepository;
  readonly webhooks: WebhookRepository;
  readonly deliveries: WebhookDeliveryRepository;
}

/**
 * Runs the same tests on the embedded database and on a PostgreSQL server. Each spec file has one of both, opened once and
 * emptied between tests; `world` is complete when the first test begins.
 */
export function onEachDatabase(define: (world: StoreWorld) => void): void {
  describe('on the embedded database', () => defineOn(define, embedded));
  describe('on a PostgreSQL server', () => onPostgres(define));
}

/** For what only several connections can show. */
export function onPostgres(define: (world: StoreWorld) => void): void {
  defineOn(define, onServer);
}

/** What the describes of a spec file share, opened by the first and closed by the last of them; the next file opens its own. */
class Shared {
  readonly #open: () => Promise<{ db: Db; close: () => Promise<void> }>;
  #opened: ReturnType<Shared['openOnce']> | undefined;
  #users = 0;

  constructor(open: () => Promise<{ db: Db; close: () => Promise<void> }>) {
    this.#open = open;
  }

  use(): void {
    this.#users += 1;
  }

  async db(): Promise<{ db: Db; tables: readonly string[] }> {
    this.#opened ??= this.openOnce();
    return this.#opened;
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const opened = this.#opened;
    this.#opened = undefined;
    await (await opened)?.close();
  }

  private async openOnce() {
    const { db, close } = await this.#open();
    const clock = new ManualClock('2026-03-02T08:00:00Z');
    await migrate(db, { logger: silentLogger, clock, random: systemRandom });
    return { db, tables: await tablesOf(db), close };
  }
}

const embedded = new Shared(async () => {
  const db = await openMigrated();
  return { db, close: () => db.close() };
});

const onServer = new Shared(async () => {
  const server = await startPostgres();
  const db = await openDatabase({ url: await server.createDatabase('store'), logger: silentLogger });
  return {
    db,
    close: async () => {
      await db.close();
      await server.stop();
    },
  };
});

function defineOn(define: (world: StoreWorld) => void, shared: Shared): void {
  const world = {} as { -readonly [Part in keyof StoreWorld]: StoreWorld[Part] };
  shared.use();
  beforeAll(async () => {
    await shared.db();
  });
  beforeEach(async () => {
    const { db, tables } = await shared.db();
    await empty(db, tables);
    Object.assign(world, storeOver(db, new ManualClock('2026-03-02T08:00:00Z')));
  });
  afterAll(() => shared.release());
  define(world);
}

export function storeOver(db: Db, clock: ManualClock, ring = TEST_RING): StoreWorld {
  const cipher = new ContentCipher(ring, systemRandom);
  return {
    kind: db.kind,
    db,
    clock,
    random: systemRandom,
    cipher,
    events: new EventRepository(cipher),
    tombstones: new TombstoneRepository(cipher),
    bases: new BaseRepository(cipher),
    calendars: new CalendarRepository(cipher),
    connections: new ConnectionRepository(cipher),
    cursors: new CursorRepository(cipher),
    conflicts: new ConflictRepository(cipher),
    operations: new OperationRepository(cipher),
    runs: new RunRepository(),
    leases: new LeaseRepository(),
    feed: new ChangeFeedRepository(),
    settings: new SettingsRepository(),
    statistics: new StatisticsRepository(),
    idempotency: new IdempotencyRepository(),
    webhooks: new WebhookRepository(cipher),
    deliveries: new WebhookDeliveryRepository(),
  };
}

/** Every table of ours, whatever later migrations add. */
export async function tablesOf(db: Db): Promise<string[]> {
  const found = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> '_prisma_migrations' order by 1
  `.execute(db.kysely);
  return found.rows.map(({ name }) => name);
}

/** Deleting from tables that are all but empty is many times faster than truncating them, on either database. */
async function empty(db: Db, tables: readonly string[]): Promise<void> {
  // Deleted events leave tombstones, so theirs comes last.
  const order = tables.toSorted((a, b) => Number(a.endsWith('Tombstone')) - Number(b.endsWith('Tombstone')));
  const statements = order.map((table) => `delete from "${table}";`).join(' ');
  const allowed = `perform set_config('graph_calendar_sync.audit', 'retention', true);`;
  await sql.raw(`do $$ begin ${allowed} ${statements} end $$`).execute(db.kysely);
}

/** The same transaction, with its statements counted. */
export function counting(tx: Tx): { tx: Tx; count: () => number } {
  let statements = 0;
  const kysely = tx.kysely.withPlugin({
    transformQuery: ({ node }) => {
      statements += 1;
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  return { tx: { kysely, inTransaction: true } as unknown as Tx, count: () => statements };
}
