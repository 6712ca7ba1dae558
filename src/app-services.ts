import { readFileSync } from 'node:fs';
import type { PgBoss } from 'pg-boss';
import type { Store } from './app-store.ts';
import type { Config } from './config.ts';
import type { Clock, Logger, Random } from './core/runtime.ts';
import { WebhookAddresses } from './core/webhook-address.ts';
import { AttachmentClient } from './graph/attachment.client.ts';
import type { CalendarGraph } from './graph/calendar-graph.ts';
import type { DelegatedTokenProvider } from './graph/delegated-token.provider.ts';
import type { GraphClient } from './graph/graph.client.ts';
import type { OperatorAlarm } from './graph/operator-alarm.ts';
import type { SignInClient } from './graph/sign-in.client.ts';
import { SubscriptionClient } from './graph/subscription.client.ts';
import { PgBossRunQueue } from './jobs/queue.ts';
import { SignInKeeper } from './jobs/sign-in-keeper.ts';
import { type Resolve, WebhookClient } from './jobs/webhook.client.ts';
import { WebhookWorker } from './jobs/webhook.worker.ts';
import type { Db } from './store/db.ts';
import type { ContentCipher } from './store/encryption.ts';
import { AbsenceManager } from './sync/absence.manager.ts';
import { AttachmentManager } from './sync/attachment.manager.ts';
import { AttachmentService } from './sync/attachment.service.ts';
import { AttachmentPusher } from './sync/attachment-pusher.ts';
import { AttachmentReader } from './sync/attachment-reader.ts';
import { AuditService } from './sync/audit.service.ts';
import { AuthorizationService } from './sync/authorization.service.ts';
import { CalendarService } from './sync/calendar.service.ts';
import { CalendarExchange } from './sync/calendar-exchange.ts';
import { CalendarSyncService } from './sync/calendar-sync.service.ts';
import { ConflictService } from './sync/conflict.service.ts';
import { ConnectionService } from './sync/connection.service.ts';
import { ConnectionState } from './sync/connection-state.ts';
import { DeletionGuard } from './sync/deletion-guard.ts';
import { DeletionPusher } from './sync/deletion-pusher.ts';
import { DeltaSyncManager } from './sync/delta-sync.manager.ts';
import { DepartureManager } from './sync/departure.manager.ts';
import { EventService } from './sync/event.service.ts';
import { GuestMailBudget } from './sync/guest-mail-budget.ts';
import { HealthService } from './sync/health.service.ts';
import { JournalService } from './sync/journal.service.ts';
import { PlanApplier } from './sync/plan-applier.ts';
import { PreviewService } from './sync/preview.service.ts';
import { PrivacyService } from './sync/privacy.service.ts';
import { PushManager } from './sync/push.manager.ts';
import { PushRecorder } from './sync/push-recorder.ts';
import { Reconciler } from './sync/reconciler.ts';
import { RelinkManager } from './sync/relink.manager.ts';
import { RemotePlanner } from './sync/remote-planner.ts';
import { ResponseManager } from './sync/response.manager.ts';
import { ResponseService } from './sync/response.service.ts';
import { ResponseRecorder } from './sync/response-recorder.ts';
import { RunService } from './sync/run.service.ts';
import { RunRecorder } from './sync/run-recorder.ts';
import { RungManager } from './sync/rung.manager.ts';
import { SeriesManager } from './sync/series.manager.ts';
import { SeriesPushRecorder } from './sync/series-push-recorder.ts';
import { SeriesPusher } from './sync/series-pusher.ts';
import { SettingsService } from './sync/settings.service.ts';
import { StatisticsService } from './sync/statistics.service.ts';
import { SubscriptionManager } from './sync/subscription.manager.ts';
import { WebhookService } from './sync/webhook.service.ts';

/** The application's own webhooks: who wants to hear, and the worker that tells them. */
export function createWebhooks(
  config: Config,
  common: Store & { db: Db; resolve: Resolve | undefined; clock: Clock; random: Random; logger: Logger },
) {
  const { isProduction, webhookAllowedHosts: allowed } = config;
  const addresses = new WebhookAddresses({ allowsLoopback: !isProduction, allowed });
  const webhookWorker = new WebhookWorker({ ...common, client: new WebhookClient({ ...common, addresses }) });
  const webhookService = new WebhookService({ ...common, addresses, onDue: () => webhookWorker.nudge() });
  return { webhookService, webhookWorker };
}

/** The use cases, each over what it needs. */
export function createServices(parts: {
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
  const departures = new DepartureManager(common);
  const guard = new DeletionGuard(common);
  const absences = new AbsenceManager({ ...common, guard, departures, planner, applier, recorder });
  const series = new SeriesManager({ ...common, planner, applier, absences, recorder });
  const delta = new DeltaSyncManager({
    ...common,
    rungs: new RungManager({ ...common, planner, applier, absences, recorder }),
    series,
    absences,
    relinks: new RelinkManager({ ...common, planner, applier, absences, recorder }),
    tokenExpiryMs: config.deltaTokenExpiryMs,
  });
  const mails = new GuestMailBudget({ ...common, guestMailsPerDay: config.guestMailsPerDay });
  const pushing = {
    ...common,
    recorder: new PushRecorder({ ...common, recorder }),
    reconciler: new Reconciler({ ...common, planner, applier, recorder }),
    mails,
  };
  const push = new PushManager({
    ...pushing,
    series: new SeriesPusher({ ...common, recorder: new SeriesPushRecorder({ ...common, recorder }) }),
    deletions: new DeletionPusher({ ...pushing, guard }),
  });
  const responseManager = new ResponseManager({ ...common, recorder: new ResponseRecorder(common) });
  const attachmentGraph = new AttachmentClient({ client, batchSize: config.graphLimits.batchSize });
  const reader = new AttachmentReader({ ...common, attachmentGraph });
  const pusher = new AttachmentPusher({ ...common, attachmentGraph, reader });
  const attachmentManager = new AttachmentManager({ ...common, reader, pusher });
  const exchange = new CalendarExchange({ ...common, delta, push, mails, responseManager, attachmentManager });
  const sync = new CalendarSyncService({
    ...common,
    settings,
    queue,
    exchange,
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
  const responseService = new ResponseService({ ...common, settings: settingsRepository, queue });
  const attachmentService = new AttachmentService({ ...common, settings: settingsRepository, queue });
  const runService = new RunService({ ...common, queue });
  const journalService = new JournalService({ ...common, settings: settingsRepository, queue });
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
    guard,
    absences,
    departures,
    responseManager,
    tokenExpiryMs: config.deltaTokenExpiryMs,
  });
  const statisticsService = new StatisticsService(common);
  const healthService = new HealthService({
    ...common,
    oldestWaitMs: () => queue.oldestWaitMs(db),
    graphState: () => client.breakers.state,
    troubledMailboxes: () => client.breakers.troubledMailboxes,
    refusal: () => operatorAlarm.reason,
    hasTrouble: () => store.connections.hasTrouble(db),
    outagesElsewhere: () => queue.outages(db),
    verifyKeys: () => cipher.verify(db),
    version: packageVersion(),
  });
  return {
    queue,
    sync,
    settings,
    conflicts,
    eventService,
    attachmentService,
    responseService,
    connectionService,
    authorizationService,
    subscriptionManager,
    signInKeeper,
    operatorAlarm,
    calendarService,
    runService,
    journalService,
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
