import { sql } from 'kysely';
import { type App, createApp, type Services } from '../../src/app.ts';
import { type AppConfig, readConfig } from '../../src/config.ts';
import { changedUnits, equalContent, type Unit } from '../../src/core/canonical-event.ts';
import type { EventContent } from '../../src/core/event.ts';
import { createContent, type EventInput, patchContent } from '../../src/core/event-input.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type EventId, type JobId, type UserId } from '../../src/core/ids.ts';
import { type Fetch, silentLogger } from '../../src/core/runtime.ts';
import type { SyncSettings } from '../../src/core/settings.ts';
import { GraphSimulator, type SimulatedMailbox, type SimulatorSwitches } from '../../src/simulator/index.ts';
import { BaseRepository } from '../../src/store/base.repository.ts';
import { CalendarRepository } from '../../src/store/calendar.repository.ts';
import { ConflictRepository, type StoredConflict } from '../../src/store/conflict.repository.ts';
import type { Db } from '../../src/store/db.ts';
import { ContentCipher, KeyRing } from '../../src/store/encryption.ts';
import { EventRepository, type StoredEvent } from '../../src/store/event.repository.ts';
import { LeaseRepository } from '../../src/store/lease.repository.ts';
import { OperationRepository } from '../../src/store/operation.repository.ts';
import { RunRepository, type StoredRun } from '../../src/store/run.repository.ts';
import { SubscriptionRepository } from '../../src/store/subscription.repository.ts';
import type { RunRequest } from '../../src/sync/run-queue.ts';
import { systemRandom } from '../../src/system-runtime.ts';
import { openMigrated } from './embedded-database.ts';
import { ManualClock } from './jobs-world.ts';
import { expectMails, watchOutbox } from './outbox-watch.ts';
import { readMailbox } from './read-mailbox.ts';

export const USER = 'ada' as UserId;
export const MAILBOX = 'ada@example.com';
const KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`;
/** Longer than a test waits, and no longer than a lease can be. */
const LEASE_MS = 5 * 60_000;

export interface SyncWorldOptions {
  /** Where the clock starts. */
  readonly now?: string;
  readonly env?: Record<string, string>;
  readonly switches?: Partial<SimulatorSwitches>;
  /** How Graph reaches our webhook. */
  readonly webhookFetch?: typeof fetch;
  /** Stands between the service and Graph. */
  readonly wrapFetch?: (fetch: Fetch) => Fetch;
  /** How far Graph's clock is ahead of ours. */
  readonly graphClockAheadMs?: number;
  /** Furnishes the mailbox before it is connected. */
  readonly furnish?: (mailbox: SimulatedMailbox, simulator: GraphSimulator) => void;
  readonly settings?: Partial<SyncSettings>;
  /** The test is about sending: it fails when nobody is mailed, as others do when somebody is. */
  readonly mailsAreExpected?: boolean;
}

/**
 * One user, one mailbox, the whole service between them: the real engine and store (embedded), a simulated Graph in the
 * same process, and a clock that is moved by hand.
 */
export class SyncWorld {
  readonly clock: ManualClock;
  readonly simulator: GraphSimulator;
  readonly mailbox: SimulatedMailbox;
  readonly db: Db;
  readonly app: App;
  readonly services: Services;
  readonly events: EventRepository;
  readonly bases: BaseRepository;
  readonly calendars: CalendarRepository;
  readonly conflicts: ConflictRepository;
  readonly operations = new OperationRepository(new ContentCipher(KeyRing.parse(KEYS), systemRandom));
  readonly runs = new RunRepository();
  readonly leases = new LeaseRepository();
  readonly subscriptions = new SubscriptionRepository();

  private constructor(parts: {
    clock: ManualClock;
    simulator: GraphSimulator;
    mailbox: SimulatedMailbox;
    db: Db;
    app: App;
  }) {
    this.clock = parts.clock;
    this.simulator = parts.simulator;
    this.mailbox = parts.mailbox;
    this.db = parts.db;
    this.app = parts.app;
    this.services = parts.app.services;
    const cipher = new ContentCipher(KeyRing.parse(KEYS), systemRandom);
    this.events = new EventRepository(cipher);
    this.bases = new BaseRepository(cipher);
    this.calendars = new CalendarRepository(cipher);
    this.conflicts = new ConflictRepository(cipher);
  }

  static async open(options: SyncWorldOptions = {}): Promise<SyncWorld> {
    const clock = new ManualClock(options.now ?? '2026-03-02T08:00:00Z');
    const simulator = new GraphSimulator({
      now: () => clock.now().getTime() + (options.graphClockAheadMs ?? 0),
      ...(options.switches ? { switches: options.switches } : {}),
      ...(options.webhookFetch ? { webhookFetch: options.webhookFetch } : {}),
    });
    watchOutbox(simulator);
    if (options.mailsAreExpected) expectMails();
    const db = await emptyDatabase();
    const mailbox = simulator.addMailbox({ address: MAILBOX, name: 'Ada Lemke', timeZone: 'W. Europe Standard Time' });
    options.furnish?.(mailbox, simulator);
    let world: SyncWorld | undefined;
    const { wrapFetch = (fetch: Fetch) => fetch } = options;
    const app = await createApp(configFor(simulator, options.env), {
      db,
      clock,
      logger: silentLogger,
      fetch: wrapFetch(async (url, init) => {
        await world?.look(url, init?.method ?? 'GET');
        return simulator.fetch(url, init);
      }),
    });
    await app.start({ isApi: false, isWorker: false });
    world = new SyncWorld({ clock, simulator, mailbox, db, app });
    await world.connect();
    if (options.settings) await world.services.settings.put(USER, options.settings);
    simulator.clearLog();
    return world;
  }

  async close(): Promise<void> {
    await this.app.stop();
  }

  async connect(): Promise<void> {
    await this.services.connectionService.connectApplication(
      { userId: USER, roles: ['user'], mailboxes: [MAILBOX] },
      { mailbox: MAILBOX },
    );
    // The run that connecting queues is the test's own business.
    await this.dropQueuedRuns();
  }

  // --- the way to Graph

  #watch: { path: RegExp; left: number; act: (request: { method: string; url: string }) => unknown } | undefined;

  /** Does something just before a request reaches Graph, such as somebody in Outlook being faster; a promise is waited for. */
  onRequest(path: RegExp, act: (request: { method: string; url: string }) => unknown, times = 1): void {
    this.#watch = { path, act, left: times };
  }

  stopWatching(): void {
    this.#watch = undefined;
  }

  async look(url: string, method: string): Promise<void> {
    const watch = this.#watch;
    if (!watch || watch.left === 0 || !watch.path.test(decodeURIComponent(url))) return;
    watch.left -= 1;
    await watch.act({ method, url });
  }

  // --- runs

  /** Queues a run and carries it, and what continues it, to the end. */
  async sync(request: Partial<RunRequest> = {}): Promise<StoredRun> {
    return this.carryOut(await this.enqueue(request));
  }

  async enqueue(request: Partial<RunRequest> = {}): Promise<JobId> {
    const { jobId } = await this.db.transaction((tx) =>
      this.services.queue.enqueue(tx, { userId: USER, calendarId: DEFAULT_CALENDAR_ID, trigger: 'api', ...request }),
    );
    return jobId;
  }

  /** @returns the last run of the chain */
  async carryOut(jobId: JobId, signal: AbortSignal = new AbortController().signal): Promise<StoredRun> {
    for (let id = jobId; ; ) {
      const { continuation } = await this.carryOutOnce(id, signal);
      const run = await this.run(id);
      if (!continuation) return run;
      id = (await this.continuationOf(id)).id;
    }
  }

  async carryOutOnce(
    jobId: JobId,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<{ continuation: boolean }> {
    const lease = await this.db.transaction((tx) =>
      this.leases.claim(tx, USER, `test ${systemRandom.id()}`, this.clock.now(), LEASE_MS),
    );
    if (!lease) throw new Error('the mailbox is claimed by another run');
    try {
      return await this.services.sync.run({ jobId, lease, signal });
    } finally {
      await this.db.transaction((tx) => this.leases.release(tx, lease));
    }
  }

  /** A run that has to wait in between: the clock moves on until it is through. */
  async syncWhileTimePasses(request: Partial<RunRequest> = {}): Promise<StoredRun> {
    const jobId = await this.enqueue(request);
    return this.whileTimePasses(() => this.carryOut(jobId));
  }

  async whileTimePasses<T>(work: () => Promise<T>, stepMs = 1_000): Promise<T> {
    let isDone = false;
    const done = work().finally(() => {
      isDone = true;
    });
    done.catch(() => {});
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(stepMs / 50);
    }
    return done;
  }

  async run(jobId: JobId): Promise<StoredRun> {
    const run = await this.runs.find(this.db, USER, jobId);
    if (!run) throw new Error(`there is no run ${jobId}`);
    return run;
  }

  async continuationOf(jobId: JobId): Promise<StoredRun> {
    const { items } = await this.runs.list(this.db, { userId: USER, limit: 100, offset: 0 });
    const found = items.find((run) => run.parentId === jobId);
    if (!found) throw new Error(`run ${jobId} has no continuation`);
    return found;
  }

  async dropQueuedRuns(): Promise<void> {
    const { items } = await this.runs.list(this.db, { userId: USER, status: 'PENDING', limit: 100, offset: 0 });
    for (const { id } of items) {
      await this.db.transaction((tx) =>
        this.runs.update(tx, id, { status: 'CANCELLED', completedAt: this.clock.now() }),
      );
    }
  }

  // --- the application's side

  async book(input: EventInput, calendarId: CalendarId = DEFAULT_CALENDAR_ID): Promise<EventId> {
    const [id] = await this.bookAll([input], calendarId);
    return id as EventId;
  }

  async bookAll(inputs: readonly EventInput[], calendarId: CalendarId = DEFAULT_CALENDAR_ID): Promise<EventId[]> {
    return this.bookContents(inputs.map(createContent), calendarId);
  }

  async bookContents(
    contents: readonly EventContent[],
    calendarId: CalendarId = DEFAULT_CALENDAR_ID,
  ): Promise<EventId[]> {
    const now = this.clock.now();
    const rows = contents.map((content) => ({
      id: systemRandom.id() as EventId,
      calendarId,
      content,
      lastModifiedAt: now,
      createdAt: now,
    }));
    await this.db.transaction((tx) => this.events.saveMany(tx, USER, rows));
    return rows.map(({ id }) => id);
  }

  async edit(id: EventId, input: EventInput): Promise<void> {
    await this.editContent(id, (content) => patchContent(content, input));
  }

  async editContent(id: EventId, change: (content: EventContent) => EventContent): Promise<void> {
    await this.db.transaction(async (tx) => {
      const stored = (await this.events.lockMany(tx, USER, [id])).get(id);
      if (!stored) throw new Error(`there is no event ${id}`);
      await this.events.saveMany(tx, USER, [
        { ...stored, content: change(stored.content), lastModifiedAt: this.clock.now() },
      ]);
    });
  }

  async remove(...ids: EventId[]): Promise<void> {
    await this.db.transaction((tx) => this.events.deleteMany(tx, USER, ids, this.clock.now()));
  }

  async find(id: EventId): Promise<StoredEvent | undefined> {
    return this.events.find(this.db, USER, id);
  }

  async get(id: EventId): Promise<StoredEvent> {
    const event = await this.find(id);
    if (!event) throw new Error(`there is no event ${id}`);
    return event;
  }

  /** Everything the application holds, oldest first. */
  async all(calendarId?: CalendarId): Promise<StoredEvent[]> {
    const found = await this.events.listWindow(this.db, USER, {
      limit: 1_000_000,
      ...(calendarId ? { calendarId } : {}),
    });
    return found.map(({ event }) => event);
  }

  async bySubject(subject: string): Promise<StoredEvent> {
    const found = (await this.all()).filter(({ content }) => content.subject === subject);
    if (found.length !== 1 || !found[0]) throw new Error(`${found.length} events are called ${subject}`);
    return found[0];
  }

  async pendingConflicts(): Promise<StoredConflict[]> {
    return (await this.conflicts.list(this.db, { userId: USER, status: 'pending', limit: 1000, offset: 0 })).items;
  }

  async allConflicts(): Promise<StoredConflict[]> {
    return (await this.conflicts.list(this.db, { userId: USER, status: 'all', limit: 1000, offset: 0 })).items;
  }

  // --- both sides

  /**
   * Where the two sides do not say the same, in canonical form: every event of the application's default calendar against
   * the mailbox's, read through our own client, series whole.
   */
  async differences(): Promise<{ subject: string; units: readonly Unit[] | 'only here' | 'only in Outlook' }[]> {
    const local = await this.all(DEFAULT_CALENDAR_ID);
    const remote = this.remoteContents();
    const found: { subject: string; units: readonly Unit[] | 'only here' | 'only in Outlook' }[] = [];
    for (const { content, graphEventId } of local) {
      const there = graphEventId ? remote.get(graphEventId) : undefined;
      if (!there) found.push({ subject: content.subject, units: 'only here' });
      else if (!equalContent(content, there)) {
        found.push({ subject: content.subject, units: changedUnits(content, there) });
      }
      if (graphEventId) remote.delete(graphEventId);
    }
    for (const content of remote.values()) found.push({ subject: content.subject, units: 'only in Outlook' });
    return found;
  }

  /** What Outlook holds in the default calendar, by immutable id. */
  remoteContents(): Map<string, EventContent> {
    return readMailbox(this.mailbox);
  }
}

let shared: Promise<Db> | undefined;

/** For a hook of a spec file: the first database takes its time, which no single test should have to bring along. */
export async function openWorldDatabase(): Promise<Db> {
  shared ??= openMigrated();
  return shared;
}

/** One embedded database for all worlds of a process, emptied for each; it ends with the process. */
async function emptyDatabase(): Promise<Db> {
  const db = await openWorldDatabase();
  const found = await sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname = 'public' and tablename <> '_prisma_migrations'
      or schemaname = 'pgboss' and tablename like 'job%'
  `.execute(db.kysely);
  const emptied = found.rows.map(({ name }) => `delete from ${name};`).join(' ');
  // Triggers leave traces of what goes, or forbid it; truncating makes files anew for every index of forty tables.
  await sql.raw(`do $$ begin set local session_replication_role = replica; ${emptied} end $$`).execute(db.kysely);
  return db;
}

export function configFor(simulator: GraphSimulator, env: Record<string, string> = {}): AppConfig {
  const client = simulator.clients[0];
  const config = readConfig({
    DATABASE_URL: 'pglite::memory:',
    GRAPH_CLIENT_ID: client?.clientId ?? '',
    GRAPH_TENANT_ID: client?.tenantId ?? '',
    GRAPH_CLIENT_SECRET: client?.clientSecret ?? '',
    GRAPH_BASE_URL: 'http://127.0.0.1:1',
    GRAPH_AUTHORITY_HOST: 'http://127.0.0.1:1',
    JWT_SECRET: 'a secret for tests that is long enough for HS256',
    CALENDAR_ENCRYPTION_KEYS: KEYS,
    CALENDAR_SYNC_INTERVAL: '0',
    ...env,
  });
  return config as AppConfig;
}
