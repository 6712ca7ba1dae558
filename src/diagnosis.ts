import { type Config, dataFolder, type Environment, readConfig } from './config.ts';
import { isManyTenants } from './core/clouds.ts';
import { isSyncError } from './core/errors.ts';
import type { Clock, Fetch, Logger } from './core/runtime.ts';
import { openDatabase } from './store/db.ts';
import { pendingMigrations } from './store/migrator.ts';

/** One thing `doctor` looked at: how it is and, when it is not well, what to do about it. */
export interface Finding {
  readonly check: 'configuration' | 'database' | 'certificate' | 'graph token' | 'graph' | 'clock';
  readonly isOk: boolean;
  readonly message: string;
  readonly whatToDo?: string;
}

/** Microsoft refuses tokens and assertions that are this far off; so do most verifiers of JWTs. */
const TOLERABLE_CLOCK_OFFSET_MS = 60_000;
const ANSWER_TIMEOUT_MS = 10_000;
const DAY_MS = 24 * 60 * 60_000;
/** Time enough to make another certificate, and to upload it. */
const CERTIFICATE_NOTICE_DAYS = 30;

/**
 * Looks at everything the service leans on, one after the other, changing nothing.
 *
 * @param parts.acquireToken  gets an app-only token for Graph, or rejects
 * @param parts.certificateEnd  until when the registration's certificate holds
 */
export async function* diagnose(parts: {
  env: Environment;
  fetch: Fetch;
  clock: Clock;
  logger: Logger;
  acquireToken: (graph: Extract<Config['graph'], { kind: 'microsoft' }>) => Promise<string>;
  certificateEnd?: (path: string) => Date | undefined;
}): AsyncGenerator<Finding> {
  let config: Config;
  try {
    config = readConfig(parts.env);
    yield { check: 'configuration', isOk: true, message: describeConfig(config) };
  } catch (error) {
    yield {
      check: 'configuration',
      isOk: false,
      message: reasonOf(error),
      whatToDo: 'correct the variables named above',
    };
    return;
  }
  yield await checkDatabase(config, parts);
  yield* checkGraph(config, parts);
}

function describeConfig(config: Config): string {
  const secrets =
    config.jwt.secret || config.jwt.jwksUrl ? 'its own secrets' : `development secrets in ${dataFolder(config)}`;
  return `${config.isProduction ? 'production' : 'development'}, port ${config.port}, ${secrets}`;
}

async function checkDatabase(config: Config, parts: { fetch: Fetch; logger: Logger }): Promise<Finding> {
  const check = 'database';
  try {
    const db = await openDatabase({ url: config.databaseUrl, logger: parts.logger });
    try {
      const missing = await pendingMigrations(db);
      const state =
        missing.length === 0
          ? 'its schema is up to date'
          : `${missing.length} migrations are applied at the next start`;
      return { check, isOk: true, message: `${db.description}; ${state}` };
    } finally {
      await db.close();
    }
  } catch (error) {
    const isLocked = reasonOf(error).includes('in use by process');
    if (isLocked && (await isServiceWell(config, parts.fetch))) {
      return { check, isOk: true, message: `in use by the service at ${addressOf(config)}, which says it is well` };
    }
    const whatToDo = isLocked
      ? 'stop that process, if it is not meant to run'
      : 'start the server, or correct DATABASE_URL';
    return { check, isOk: false, message: reasonOf(error), whatToDo };
  }
}

async function isServiceWell(config: Config, fetch: Fetch): Promise<boolean> {
  try {
    const url = `${addressOf(config)}/calendar/sync/health`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

function addressOf({ publicUrl, host, port }: Config): string {
  return publicUrl ?? `http://${host}:${port}`;
}

async function* checkGraph(config: Config, parts: Parameters<typeof diagnose>[0]): AsyncGenerator<Finding> {
  if (config.graph.kind === 'simulator') {
    yield { check: 'graph', isOk: true, message: 'no GRAPH_ variables: serve brings the built-in simulator' };
    return;
  }
  const { graph } = config;
  const { credential } = graph;
  const end = credential.kind === 'certificate' ? parts.certificateEnd?.(credential.path) : undefined;
  if (end) yield certificateFinding(end, parts.clock.now());
  yield await checkToken(graph, parts);
  try {
    const url = `${graph.baseUrl}/v1.0/$metadata`;
    const answer = await parts.fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    await answer.body?.cancel();
    // Any answer proves that Graph is reached; an anonymous caller may well be refused.
    yield { check: 'graph', isOk: true, message: `${graph.baseUrl} answers (${answer.status})` };
    const sentAt = Date.parse(answer.headers.get('date') ?? '');
    if (!Number.isNaN(sentAt)) yield clockFinding(sentAt - parts.clock.now().getTime());
  } catch (error) {
    yield {
      check: 'graph',
      isOk: false,
      message: `${graph.baseUrl} does not answer: ${reasonOf(error)}`,
      whatToDo: 'check GRAPH_BASE_URL, the network, proxies and firewalls',
    };
  }
}

/** Says as well which ways of connecting a mailbox there are (`POST …/authorize`, `PUT /calendar/connection`). */
async function checkToken(
  graph: Extract<Config['graph'], { kind: 'microsoft' }>,
  parts: Pick<Parameters<typeof diagnose>[0], 'acquireToken'>,
): Promise<Finding> {
  const check = 'graph token';
  if (isManyTenants(graph.tenantId)) {
    const message = `people of any organisation can sign in (GRAPH_TENANT_ID=${graph.tenantId}); the secret is tried by the first who does, and application mode needs one tenant’s id`;
    return { check, isOk: true, message };
  }
  try {
    await parts.acquireToken(graph);
    const message = `application ${graph.clientId} gets tokens from ${graph.authorityHost}: people of tenant ${graph.tenantId} can sign in, and application mode works for mailboxes that an administrator opened to it`;
    return { check, isOk: true, message };
  } catch (error) {
    return {
      check,
      isOk: false,
      message: `no mailbox can be connected, in neither mode: ${reasonOf(error)}`,
      whatToDo:
        'check GRAPH_CLIENT_ID, GRAPH_TENANT_ID and the secret or certificate (they expire) of the app registration',
    };
  }
}

function certificateFinding(end: Date, now: Date): Finding {
  const days = Math.floor((end.getTime() - now.getTime()) / DAY_MS);
  const isOk = days >= CERTIFICATE_NOTICE_DAYS;
  const message = days < 0 ? `it expired ${end.toISOString()}` : `it holds for ${days} more days`;
  const whatToDo = 'make a new certificate, upload it to the app registration, and change the file';
  return { check: 'certificate', isOk, message, ...(isOk ? {} : { whatToDo }) };
}

function clockFinding(offsetMs: number): Finding {
  const isOk = Math.abs(offsetMs) <= TOLERABLE_CLOCK_OFFSET_MS;
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  return {
    check: 'clock',
    isOk,
    message: `this machine is ${seconds} s ${offsetMs >= 0 ? 'behind' : 'ahead of'} Graph`,
    ...(isOk ? {} : { whatToDo: 'synchronise the clock (NTP): tokens are refused, and "latest" is decided wrongly' }),
  };
}

function reasonOf(error: unknown): string {
  if (isSyncError(error)) return error.message;
  if (!(error instanceof Error)) return String(error);
  const cause =
    error.cause instanceof Error ? ` (${error.cause.message || (error.cause as NodeJS.ErrnoException).code})` : '';
  return `${error.message}${cause}`;
}
