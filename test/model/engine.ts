import type { PgBoss } from 'pg-boss';
import { createGraph, keptSignIns } from '../../src/app-graph.ts';
import { createServices } from '../../src/app-services.ts';
import { createStore } from '../../src/app-store.ts';
import type { AppConfig } from '../../src/config.ts';
import type { Fetch, Logger, Random } from '../../src/core/runtime.ts';
import { DelegatedTokenProvider, TokenRouter } from '../../src/graph/delegated-token.provider.ts';
import { MailboxLimiter } from '../../src/graph/mailbox-limiter.ts';
import { OperatorAlarm } from '../../src/graph/operator-alarm.ts';
import type { SignInClient } from '../../src/graph/sign-in.client.ts';
import { SyncWorker } from '../../src/jobs/sync.worker.ts';
import type { Db } from '../../src/store/db.ts';
import { ContentCipher, KeyRing } from '../../src/store/encryption.ts';
import { withoutScope } from '../../src/store/row-scope.ts';
import type { ModelProcess } from './process.ts';

export type Engine = Awaited<ReturnType<typeof openEngine>>;

/** Mailboxes a process works on at a time. */
const WORKER_CONCURRENCY = 4;

/**
 * The service as `createApp` puts it together, in one process of the model: everything but the HTTP server, the sign-in
 * and the job queue, whose doorbells the world rings itself, by its own clock.
 */
export async function openEngine(parts: {
  process: ModelProcess;
  config: AppConfig;
  db: Db;
  fetch: Fetch;
  random: Random;
  logger: Logger;
  token: () => string;
  signIns: SignInClient;
  ring: (runId: string, delayMs: number) => void;
}) {
  const { process, config, db, fetch, random, logger } = parts;
  const { clock } = process;
  const cipher = new ContentCipher(KeyRing.parse(config.encryptionKeys), random);
  const store = createStore(cipher);
  const limiter = new MailboxLimiter({
    clock,
    concurrency: config.graphLimits.mailboxConcurrency,
    onPause: (mailboxId, until) => {
      withoutScope(() => db.transaction((tx) => store.connections.savePause(tx, mailboxId, until))).catch(() => {});
    },
  });
  const { signIns } = parts;
  const delegated = new DelegatedTokenProvider({ signIns, store: keptSignIns(db, store.connections), clock });
  const tokens = new TokenRouter({ application: { getToken: async () => parts.token() }, delegated });
  const { client, graph } = createGraph(config, { clock, random, logger, fetch, limiter, tokens });
  const boss = {
    send: async (_queue: string, doorbell: { runId: string }, o: { startAfter?: number } = {}) => {
      parts.ring(doorbell.runId, (o.startAfter ?? 0) * 1000);
      return null;
    },
  } as unknown as PgBoss;
  const services = createServices({
    config,
    db,
    cipher,
    store,
    client,
    graph,
    signIns,
    delegatedTokens: delegated,
    operatorAlarm: new OperatorAlarm(logger),
    boss,
    clock,
    random,
    logger,
  });
  const worker = new SyncWorker({
    db,
    boss,
    queue: services.queue,
    engine: services.sync,
    runs: store.runs,
    leases: store.leases,
    connections: store.connections,
    clock,
    random,
    logger,
    concurrency: WORKER_CONCURRENCY,
  });
  // A pause Graph asked for outlives the process that heard of it.
  for (const { mailboxId, until } of await store.connections.listPauses(db, clock.now())) {
    limiter.pause(mailboxId, until.getTime() - clock.now().getTime());
  }
  return { process, db, store, services, worker };
}
