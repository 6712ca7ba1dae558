import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { PgBoss } from 'pg-boss';
import { createServer } from './api/server.ts';
import type { ServerParts } from './api/services.ts';
import { certificateEnd, readCertificate } from './certificate.ts';
import type { AppConfig, Config, Environment } from './config.ts';
import { SyncError } from './core/errors.ts';
import type { Clock, Fetch, Logger, Random } from './core/runtime.ts';
import { WebhookAddresses } from './core/webhook-address.ts';
import { diagnose, type Finding } from './diagnosis.ts';
import type { CalendarGraph } from './graph/calendar-graph.ts';
import { DelegatedTokenProvider, type SignInStore, TokenRouter } from './graph/delegated-token.provider.ts';
import { GraphClient } from './graph/graph.client.ts';
import { GraphCalendarClient } from './graph/graph-calendar.client.ts';
import { IdentityPlatform } from './graph/identity-platform.ts';
import { MailboxLimiter } from './graph/mailbox-limiter.ts';
import { OperatorAlarm } from './graph/operator-alarm.ts';
import { createPooledFetch } from './graph/pooled-fetch.ts';
import { SignInClient } from './graph/sign-in.client.ts';
import { SubscriptionClient } from './graph/subscription.client.ts';
import { ApplicationTokenProvider, type TokenProvider } from './graph/token.provider.ts';
import { createBoss, startBoss } from './jobs/boss.ts';
import { PgBossRunQueue } from './jobs/queue.ts';
import { RetentionWorker } from './jobs/retention.worker.ts';
import { Scheduler } from './jobs/scheduler.ts';
import { SignInKeeper } from './jobs/sign-in-keeper.ts';
import { SyncWorker } from './jobs/sync.worker.ts';
import { type Resolve, WebhookClient } from './jobs/webhook.client.ts';
import { WebhookWorker } from './jobs/webhook.worker.ts';
import { AuditRepository } from './store/audit.repository.ts';
import { AuthorizationRepository } from './store/authorization.repository.ts';
import { BaseRepository } from './store/base.repository.ts';
import { CalendarRepository } from './store/calendar.repository.ts';
import { ChangeFeedRepository } from './store/change-feed.repository.ts';
import { ConflictRepository } from './store/conflict.repository.ts';
import { ConnectionRepository } from './store/connection.repository.ts';
import { CursorRepository } from './store/cursor.repository.ts';
import { type Db, openDatabase } from './store/db.ts';
import { ContentCipher, KeyRing } from './store/encryption.ts';
import { ErasureRepository } from './store/erasure.repository.ts';
import { EventRepository } from './store/event.repository.ts';
import { IdempotencyRepository } from './store/idempotency.repository.ts';
import { KeyRotation, type RotationOutcome, type RotationProgress } from './store/key-rotation.ts';
import { LeaseRepository } from './store/lease.repository.ts';
import { migrate } from './store/migrator.ts';
import { OperationRepository } from './store/operation.repository.ts';
import { RateCountRepository } from './store/rate-count.repository.ts';
import { RetentionRepository } from './store/retention.repository.ts';
import { inScopeOf, withoutScope } from './store/row-scope.ts';
import { RunRepository } from './store/run.repository.ts';
import { SettingsRepository } from './store/settings.repository.ts';
import { StatisticsRepository } from './store/statistics.repository.ts';
import { SubscriptionRepository } from './store/subscription.repository.ts';
import { WebhookRepository } from './store/webhook.repository.ts';
import { WebhookDeliveryRepository } from './store/webhook-delivery.repository.ts';
import { WebhookExportRepository } from './store/webhook-export.repository.ts';
import { AbsenceManager } from './sync/absence.manager.ts';
import { AuditService } from './sync/audit.service.ts';
import { type AuthorizationSecret, AuthorizationService } from './sync/authorization.service.ts';
import { CalendarService } from './sync/calendar.service.ts';
import { CalendarSyncService } from './sync/calendar-sync.service.ts';
import { ConflictService } from './sync/conflict.service.ts';
import { ConnectionService } from './sync/connection.service.ts';
import { ConnectionState } from './sync/connection-state.ts';
import { DeltaSyncManager } from './sync/delta-sync.manager.ts';
import { EventService } from './sync/event.service.ts';
import { HealthService } from './sync/health.service.ts';
import { PlanApplier } from './sync/plan-applier.ts';
import { PreviewService } from './sync/preview.service.ts';
import { PrivacyService } from './sync/privacy.service.ts';
import { PushManager } from './sync/push.manager.ts';
import { PushRecorder } from './sync/push-recorder.ts';
import { Reconciler } from './sync/reconciler.ts';
import { RelinkManager } from './sync/relink.manager.ts';
import { RemotePlanner } from './sync/remote-planner.ts';
import { RunService } from './sync/run.service.ts';
import { RunRecorder } from './sync/run-recorder.ts';
import { SeriesManager } from './sync/series.manager.ts';
import { SeriesPusher } from './sync/series-pusher.ts';
import { SettingsService } from './sync/settings.service.ts';
import { StatisticsService } from './sync/statistics.service.ts';
import { SubscriptionManager } from './sync/subscription.manager.ts';
import { WebhookService } from './sync/webhook.service.ts';
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
      for (const { mailboxId, until } of await store.connections.listPauses(db, clock.now())) {
        limiter.pause(mailboxId, until.getTime() - clock.now().getTime());
      }
      await startBoss(boss, db);
      isStarted = true;
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
      await Promise.all([scheduler.stop(), retentionWorker.stop(), signInKeeper.stop()]);
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

type Store = ReturnType<typeof createStore>;

function createStore(cipher: ContentCipher) {
  return {
    events: new EventRepository(cipher),
    bases: new BaseRepository(cipher),
    calendars: new CalendarRepository(cipher),
    connections: new ConnectionRepository(cipher),
    cursors: new CursorRepository(cipher),
    conflicts: new ConflictRepository(cipher),
    operations: new OperationRepository(cipher),
    runs: new RunRepository(),
    leases: new LeaseRepository(),
    changeFeed: new ChangeFeedRepository(),
    idempotency: new IdempotencyRepository(),
    settings: new SettingsRepository(),
    audit: new AuditRepository(),
    retention: new RetentionRepository(),
    erasure: new ErasureRepository(cipher),
    webhookExport: new WebhookExportRepository(cipher),
    subscriptions: new SubscriptionRepository(),
    authorizations: new AuthorizationRepository<AuthorizationSecret>(cipher),
    statistics: new StatisticsRepository(),
    webhooks: new WebhookRepository(cipher),
    deliveries: new WebhookDeliveryRepository(),
  };
}

/** The embedded database has one process at a time, whose own memory counts as well and does not hold up anybody. */
function sharedCounts(db: Db, ring: KeyRing): Pick<ServerParts, 'rateCounts'> {
  if (db.kind === 'pglite') return {};
  const counts = new RateCountRepository(ring.derived('rate counts'));
  return {
    rateCounts: {
      add: (caller, now, windowMs) => counts.add(db, caller, now, windowMs),
      deleteBefore: (before) => counts.deleteBefore(db, before),
    },
  };
}

/** People's sign-ins, encrypted in their connections. */
function keptSignIns(db: Db, connections: ConnectionRepository): SignInStore {
  return {
    load: (userId) => inScopeOf(userId, () => connections.findSignIn(db, userId)),
    save: (signIn, cache, o) =>
      inScopeOf(signIn.userId, () => db.transaction((tx) => connections.saveTokens(tx, signIn, cache, o))),
  };
}

function createIdentity(
  graph: AppConfig['graph'],
  fetch: Fetch,
  clock: Clock,
  operatorAlarm?: OperatorAlarm,
): IdentityPlatform {
  const { clientId, tenantId, credential } = graph;
  return new IdentityPlatform({
    credentials: {
      clientId,
      tenantId,
      ...(credential.kind === 'secret'
        ? { secret: credential.secret }
        : { certificate: readCertificate(credential.path) }),
    },
    fetch,
    clock,
    authorityHost: graph.authorityHost,
    graphOrigin: graph.baseUrl,
    operatorAlarm,
  });
}

function createGraph(
  config: AppConfig,
  plugs: {
    clock: Clock;
    random: Random;
    logger: Logger;
    fetch: Fetch;
    limiter: MailboxLimiter;
    tokens: TokenProvider;
  },
): { client: GraphClient; graph: CalendarGraph } {
  const { batchSize, pageSize } = config.graphLimits;
  const client = new GraphClient({
    ...plugs,
    tokens: plugs.tokens,
    baseUrl: config.graph.baseUrl,
  });
  return { client, graph: new GraphCalendarClient({ client, batchSize, pageSize }) };
}

/** The application's own webhooks: who wants to hear, and the worker that tells them. */
function createWebhooks(
  config: Config,
  common: Store & { db: Db; resolve: Resolve | undefined; clock: Clock; random: Random; logger: Logger },
) {
  const { isProduction, webhookAllowedHosts: allowed } = config;
  const addresses = new WebhookAddresses({ allowsLoopback: !isProduction, allowed });
  const webhookWorker = new WebhookWorker({ ...common, client: new WebhookClient({ ...common, addresses }) });
  const webhookService = new WebhookService({ ...common, addresses, onDue: () => webhookWorker.nudge() });
  return { webhookService, webhookWorker };
}

function createServices(parts: {
  config: Config;
  db: Db;
  cipher: ContentCipher;
  store: Store;
  client: GraphClient;
  graph: CalendarGraph;
  signIns: SignInClient;
  delegatedTokens: DelegatedTokenProvider;
  operatorAlarm: OperatorAlarm;
  boss: PgBoss;
  clock: Clock;
  random: Random;
  logger: Logger;
}) {
  const {
    config,
    db,
    cipher,
    store,
    client,
    graph,
    signIns,
    delegatedTokens,
    operatorAlarm,
    boss,
    clock,
    random,
    logger,
  } = parts;
  const { settings: settingsRepository, ...repositories } = store;
  const plain = { ...repositories, db, graph, clock, random, logger };
  const connectionState = new ConnectionState(plain);
  const common = { ...plain, connectionState };
  const settings = new SettingsService({
    ...common,
    settings: settingsRepository,
    syncIntervalMinutes: config.syncIntervalMinutes,
  });
  const queue = new PgBossRunQueue({ ...common, boss, settings: settingsRepository });
  const recorder = new RunRecorder(common);
  const planner = new RemotePlanner(common);
  const applier = new PlanApplier(common);
  const absences = new AbsenceManager({ ...common, planner, applier, recorder });
  const series = new SeriesManager({ ...common, planner, applier, absences, recorder });
  const delta = new DeltaSyncManager({
    ...common,
    planner,
    applier,
    series,
    absences,
    relinks: new RelinkManager({ ...common, planner, applier, absences, recorder }),
    recorder,
    tokenExpiryMs: config.deltaTokenExpiryMs,
  });
  const push = new PushManager({
    ...common,
    recorder: new PushRecorder({ ...common, recorder }),
    reconciler: new Reconciler({ ...common, planner, applier, recorder }),
    series: new SeriesPusher({ ...common, recorder }),
  });
  const sync = new CalendarSyncService({
    ...common,
    settings,
    queue,
    delta,
    push,
    maxEventsPerRun: config.maxEventsPerSync,
  });
  const conflicts = new ConflictService({ ...common, applier, queue });
  const binding = { ...common, conflicts: store.conflicts, queue };
  const connectionService = new ConnectionService({
    ...binding,
    forgetTokens: (userId) => delegatedTokens.forget(userId),
    unsubscribe: (userId) => subscriptionManager.unsubscribe(userId),
  });
  const authorizationService = new AuthorizationService({
    ...binding,
    signIns,
    delegatedTokens,
    unsubscribe: (userId) => subscriptionManager.unsubscribe(userId),
    publicUrl: config.publicUrl ?? `http://127.0.0.1:${config.port}`,
  });
  const subscriptionManager = new SubscriptionManager({
    ...common,
    queue,
    remote: new SubscriptionClient({ client }),
    notificationUrl: notificationUrlOf(config),
  });
  const signInKeeper = new SignInKeeper({ ...common, keepAlive: (signIn) => delegatedTokens.keepAlive(signIn) });
  const calendarService = new CalendarService({ ...common, settings });
  const { tombstonesDays } = config.retention;
  const eventService = new EventService({ ...common, settings: settingsRepository, queue, tombstonesDays });
  const runService = new RunService({ ...common, queue });
  const auditService = new AuditService(common);
  const privacyService = new PrivacyService({
    ...common,
    settings: settingsRepository,
    forgetJobs: (tx, userId) => queue.forget(tx, userId),
    forgetTokens: (userId) => delegatedTokens.forget(userId),
    unsubscribe: (userId) => subscriptionManager.unsubscribe(userId),
  });
  const previewService = new PreviewService({
    ...common,
    conflicts: store.conflicts,
    settings,
    planner,
    absences,
    tokenExpiryMs: config.deltaTokenExpiryMs,
  });
  const statisticsService = new StatisticsService(common);
  const healthService = new HealthService({
    ...common,
    oldestWaitMs: () => queue.oldestWaitMs(db),
    graphState: () => client.breakerState,
    refusal: () => operatorAlarm.reason,
    hasTrouble: () => store.connections.hasTrouble(db),
    verifyKeys: () => cipher.verify(db),
    version: packageVersion(),
  });
  return {
    queue,
    sync,
    settings,
    conflicts,
    eventService,
    connectionService,
    authorizationService,
    subscriptionManager,
    signInKeeper,
    operatorAlarm,
    calendarService,
    runService,
    auditService,
    privacyService,
    previewService,
    statisticsService,
    healthService,
  };
}

/**
 * Where Microsoft can tell of changes: a public https address, or, for a simulated Graph on this machine, this machine's.
 */
function notificationUrlOf({ publicUrl, graph, port }: Config): string | undefined {
  const path = '/calendar/sync/webhooks/graph';
  if (publicUrl?.startsWith('https:')) return `${publicUrl}${path}`;
  const own = publicUrl ?? `http://127.0.0.1:${port}`;
  const isLocal = (address: string) => /^http:\/\/(127\.|localhost[:/]|\[::1\])/.test(`${address}/`);
  const isSimulated = graph.kind === 'microsoft' && isLocal(graph.baseUrl);
  return isSimulated && isLocal(own) && !own.endsWith(':0') ? `${own}${path}` : undefined;
}

/** From src, and from dist when published. */
function packageVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
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
