import type { FastifyInstance } from 'fastify';
import { createServer } from './api/server.ts';
import { createGraph, createIdentity, keptSignIns } from './app-graph.ts';
import { createServices, createWebhooks } from './app-services.ts';
import { createStore, sharedCounts } from './app-store.ts';
import { certificateEnd } from './certificate.ts';
import type { AppConfig, Config, Environment } from './config.ts';
import { SyncError } from './core/errors.ts';
import type { Clock, Fetch, Logger, Random } from './core/runtime.ts';
import { diagnose, type Finding } from './diagnosis.ts';
import { DelegatedTokenProvider, TokenRouter } from './graph/delegated-token.provider.ts';
import { MailboxLimiter } from './graph/mailbox-limiter.ts';
import { OperatorAlarm } from './graph/operator-alarm.ts';
import { createPooledFetch } from './graph/pooled-fetch.ts';
import { SignInClient } from './graph/sign-in.client.ts';
import { ApplicationTokenProvider } from './graph/token.provider.ts';
import { createBoss, startBoss } from './jobs/boss.ts';
import { PauseKeeper } from './jobs/pause-keeper.ts';
import type { PgBossRunQueue } from './jobs/queue.ts';
import { RetentionWorker } from './jobs/retention.worker.ts';
import { Scheduler } from './jobs/scheduler.ts';
import { SyncWorker } from './jobs/sync.worker.ts';
import type { Resolve } from './jobs/webhook.client.ts';
import { AuditRepository } from './store/audit.repository.ts';
import { type Db, openDatabase } from './store/db.ts';
import { ContentCipher, KeyRing } from './store/encryption.ts';
import { KeyRotation, type RotationOutcome, type RotationProgress } from './store/key-rotation.ts';
import type { LeaseRepository } from './store/lease.repository.ts';
import { migrate } from './store/migrator.ts';
import { withoutScope } from './store/row-scope.ts';
import { createLogger } from './system-logger.ts';
import { systemClock, systemRandom } from './system-runtime.ts';

export { migrate } from './store/migrator.ts';
export { type Db, openDatabase };

/** The outside world, as tests and embedding applications may replace it. */
export interface AppPlugs {
  /** An open database; otherwise `DATABASE_URL` is opened, and closed by `stop`. */
  readonly db?: Db;
  readonly clock?: Clock;
  readonly random?: Random;
  /** The network to Graph and its identity platform. */
  readonly fetch?: Fetch;
  /** How the names of webhooks' receivers become addresses. */
  readonly resolve?: Resolve;
  readonly logger?: Logger;
}

export interface AppRoles {
  /** Listens on `HOST` and `PORT`. */
  readonly isApi: boolean;
  /** Carries runs out and starts those that are due. */
  readonly isWorker: boolean;
}

/** The whole service, put together; nothing runs before `start`. */
export interface App {
  readonly db: Db;
  readonly server: FastifyInstance;
  readonly services: Services;
  /** Where it listens; `undefined` while it does not. */
  readonly url: string | undefined;
  start(roles?: AppRoles): Promise<void>;
  /** Takes no new work, lets what runs reach its next safe point, and puts it back for the next process. */
  stop(): Promise<void>;
}

export type Services = ReturnType<typeof createServices> & Pick<ReturnType<typeof createWebhooks>, 'webhookService'>;

/** Mailboxes a process works on at a time; each has at most four requests of its own under way. */
const WORKER_CONCURRENCY = 4;
/** A run that does not reach a safe point in this time is left to its lease, as if the process had been killed. */
const STOP_PATIENCE_MS = 15_000;

/**
 * Constructs everything; nothing else calls `new` on a service.
 *
 * @throws {SyncError} `misconfigured` in one line: database unreachable or in use, secrets that cannot be right
 */
export async function createApp(config: AppConfig, plugs: AppPlugs = {}): Promise<App> {
  const clock = plugs.clock ?? systemClock;
  const random = plugs.random ?? systemRandom;
  const logger = plugs.logger ?? createLogger(config.logLevel);
  const pooled = plugs.fetch ? undefined : createPooledFetch();
  const fetch = plugs.fetch ?? (pooled as { fetch: Fetch }).fetch;
  const db = plugs.db ?? (await openDatabase({ url: config.databaseUrl, logger }));
  const ring = KeyRing.parse(config.encryptionKeys);
  const cipher = new ContentCipher(ring, random);
  const store = createStore(cipher);
  const limiter = new MailboxLimiter({
    clock,
    concurrency: config.graphLimits.mailboxConcurrency,
    onPause: (mailboxId, until) => {
      // Whoever else is bound to the mailbox is to wait as well.
      withoutScope(() => db.transaction((tx) => store.connections.savePause(tx, mailboxId, until))).catch((err) =>
        logger.warn({ err, mailboxId }, 'a pause Graph asked for was not written down; it ends with this process'),
      );
    },
  });
  const operatorAlarm = new OperatorAlarm(logger);
  const platform = createIdentity(config.graph, fetch, clock, operatorAlarm);
  const signIns = new SignInClient({ platform });
  const delegated = new DelegatedTokenProvider({ signIns, store: keptSignIns(db, store.connections), clock });
  const tokens = new TokenRouter({ application: new ApplicationTokenProvider({ platform, clock }), delegated });
  const { client, graph } = createGraph(config, { clock, random, logger, fetch, limiter, tokens });
  const signedIn = { signIns, delegatedTokens: delegated, operatorAlarm };
  const boss = createBoss(db, logger);
  const { resolve } = plugs;
  const { webhookService, webhookWorker } = createWebhooks(config, { ...store, db, resolve, clock, random, logger });
  const engineServices = createServices({
    config,
    db,
    cipher,
    store,
    client,
    graph,
    ...signedIn,
    boss,
    clock,
    random,
    logger,
  });
  const services: Services = { ...engineServices, webhookService };
  const { queue, sync, settings, signInKeeper } = services;
  const worker = new SyncWorker({
    db,
    boss,
    queue,
    engine: sync,
    runs: store.runs,
    leases: store.leases,
    connections: store.connections,
    outageAt: (mailboxId) => client.breakers.outageAt(mailboxId),
    clock,
    random,
    logger,
    concurrency: WORKER_CONCURRENCY,
  });
  const scheduler = new Scheduler({
    db,
    calendars: store.calendars,
    settings,
    queue,
    recover: () => queue.recover(db, { isAlone: false }),
    clock,
    random,
    logger,
    isOn: config.syncIntervalMinutes > 0,
    chores: [{ name: 'subscriptions', run: () => services.subscriptionManager.tick() }],
  });
  const { connections } = store;
  const pauseKeeper = new PauseKeeper({ db, connections, limiter, clock, logger });
  const { retention: periods } = config;
  const retentionWorker = new RetentionWorker({ ...store, db, periods, clock, logger });
  const rateCounts = sharedCounts(db, ring);
  const server = await createServer({ config, ...services, ...rateCounts, fetch, clock, random, logger });
  let url: string | undefined;
  let isStarted = false;
  return {
    db,
    server,
    services,
    get url() {
      return url;
    },
    start: async (roles = { isApi: true, isWorker: config.workers === 'inline' }) => {
      await migrate(db, { logger, clock, random });
      await cipher.verify(db);
      await pauseKeeper.look();
      await startBoss(boss, db);
      isStarted = true;
      // An embedded database has one process, which hears of every pause itself.
      if (db.kind === 'postgres') pauseKeeper.start();
      if (roles.isWorker) {
        await resumeAfterCrash(db, store.leases, queue, logger);
        await worker.start();
        scheduler.start();
        retentionWorker.start();
        signInKeeper.start();
        webhookWorker.start();
      }
      if (roles.isApi) url = await listen(server, config);
    },
    stop: async () => {
      await server.close();
      await Promise.all([scheduler.stop(), retentionWorker.stop(), signInKeeper.stop(), pauseKeeper.stop()]);
      const patience = new AbortController();
      const stopped = Promise.all([worker.stop(), webhookWorker.stop()]);
      await Promise.race([stopped, clock.sleep(STOP_PATIENCE_MS, patience.signal).catch(() => {})]);
      patience.abort();
      if (isStarted) await boss.stop({ graceful: false, close: true });
      await pooled?.close();
      if (!plugs.db) await db.close();
    },
  };
}

/** @returns what `doctor` finds, one after the other */
export function runDiagnosis(env: Environment): AsyncGenerator<Finding> {
  const { fetch } = createPooledFetch();
  const clock = systemClock;
  return diagnose({
    env,
    fetch,
    clock,
    logger: createLogger('silent'),
    certificateEnd,
    acquireToken: (graph) =>
      new ApplicationTokenProvider({ platform: createIdentity(graph, fetch, clock), clock }).getToken(),
  });
}

/**
 * Wraps every user's key with the key ring's first entry; see {@link KeyRotation}.
 *
 * @throws {SyncError} `decryption-failed` when the ring lacks a key that is in use; nothing is changed
 */
export async function rotateKeys(
  db: Db,
  encryptionKeys: string,
  how: { onProgress?: (progress: RotationProgress) => void; signal?: AbortSignal } = {},
): Promise<RotationOutcome> {
  const rotation = new KeyRotation({ ring: KeyRing.parse(encryptionKeys), random: systemRandom });
  const outcome = await rotation.run(db, how);
  const { rewrapped, failed, currentKey: target } = outcome;
  await db.transaction((tx) =>
    new AuditRepository().append(tx, {
      ...{ at: systemClock.now(), actor: null, action: 'keys.rotated', target, details: { rewrapped, failed } },
      outcome: outcome.mayRemoveOldKeys ? 'done' : 'failed',
    }),
  );
  return outcome;
}

/** What a killed process has left behind is taken up at once where no other process can be at it. */
async function resumeAfterCrash(db: Db, leases: LeaseRepository, queue: PgBossRunQueue, logger: Logger): Promise<void> {
  const isAlone = db.kind === 'pglite';
  if (isAlone) await db.transaction((tx) => leases.releaseAll(tx));
  const resumed = await queue.recover(db, { isAlone });
  if (resumed > 0) logger.info({ runs: resumed }, 'interrupted runs go on');
}

async function listen(server: FastifyInstance, { host, port }: Config): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new SyncError('misconfigured', `port ${port} of ${host} is in use: stop the other program, or set PORT`, {
        cause,
      });
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      throw new SyncError('misconfigured', `cannot listen on ${host}:${port} (${code}): set HOST and PORT`, { cause });
    }
    throw cause;
  }
}
