import { type Command, Option } from 'commander';
import type { App, Db } from '../../app.ts';
import { type AppConfig, type Config, dataFolder, type Environment, readConfig } from '../../config.ts';
import { isSyncError } from '../../core/errors.ts';
import type { Logger } from '../../core/runtime.ts';
import { createLogger } from '../../system-logger.ts';
import { DEMO_MAILBOX, isKeptNowhere, type RunningSimulator, startBuiltInSimulator } from '../built-in-simulator.ts';
import { showDemo } from '../demo.ts';
import { completeConfig, withDevelopmentSecrets } from '../development.ts';
import { DEMO_USER, type JsonOption, jsonCommand } from '../options.ts';
import { parentIsGone } from '../parent-watch.ts';
import { printRun } from '../run-view.ts';
import { ServiceClient } from '../service-client.ts';
import { CommandError, printJson, printLine, type Terminal, untilInterrupted } from '../terminal.ts';
import { DEVELOPMENT_TOKEN_DAYS, signToken } from '../token.ts';

const LOCK_ATTEMPTS = 6;
const LOCK_WAIT_MS = 500;

interface ServeOptions extends JsonOption {
  readonly host?: string;
  readonly port?: string;
  readonly demo: boolean;
}

export function serveCommand(terminal: Terminal): Command {
  return jsonCommand('serve', 'the service: HTTP API, and (unless WORKERS=none) the syncs themselves')
    .option('--host <address>', 'instead of HOST')
    .option('--port <number>', 'instead of PORT')
    .addOption(new Option('--no-demo', 'without the demonstration that the built-in simulator comes with'))
    .action(async (options: ServeOptions) => {
      const env: Environment = {
        ...terminal.env,
        ...(options.host ? { HOST: options.host } : {}),
        ...(options.port ? { PORT: options.port } : {}),
      };
      const config = readConfig(env);
      await runService(config, terminal, { isApi: true, isWorker: config.workers === 'inline' }, async (service) => {
        await announce(service, options, terminal);
      });
    });
}

export function workerCommand(terminal: Terminal): Command {
  return jsonCommand('worker', 'syncs only, beside services that run with WORKERS=none').action(
    async ({ json }: JsonOption) => {
      const config = readConfig(terminal.env);
      if (config.databaseUrl.startsWith('pglite:')) {
        throw new CommandError(
          'a worker of its own needs a PostgreSQL server (DATABASE_URL=postgres://…): the embedded database belongs to one process, so use serve',
        );
      }
      if (config.graph.kind === 'simulator') {
        throw new CommandError(
          'a worker of its own needs the Graph its services use (GRAPH_CLIENT_ID and the rest): the built-in simulator belongs to one process, so run "graph-calendar-sync simulator" and give all of them its variables',
        );
      }
      await runService(config, terminal, { isApi: false, isWorker: true }, async ({ app }) => {
        if (json) printJson(terminal.out, { ready: true, database: app.db.description });
        else printLine(terminal.out, `Working on ${app.db.description}`);
      });
    },
  );
}

interface Service {
  readonly app: App;
  readonly config: AppConfig;
  readonly simulator: RunningSimulator | undefined;
}

/** Brings everything up in order, waits until it is asked to end, and takes it down in the opposite order. */
async function runService(
  config: Config,
  terminal: Terminal,
  roles: { isApi: boolean; isWorker: boolean },
  whenReady: (service: Service) => Promise<void>,
): Promise<void> {
  const logger = createLogger(config.logLevel);
  // First of all: it locks the data folder, and nothing else in there may be touched before.
  const db = await openPatiently(config.databaseUrl, logger, terminal);
  let simulator: RunningSimulator | undefined;
  let app: App | undefined;
  try {
    const secured = withDevelopmentSecrets(config, terminal.random);
    if (config.graph.kind === 'simulator') simulator = await startBuiltInSimulator(config);
    const appConfig = completeConfig(secured, simulator);
    const { createApp } = await import('../../app.ts');
    app = await createApp(appConfig, { db, logger });
    await app.start(roles);
    const parentGone = terminal.env['npm_lifecycle_event']
      ? parentIsGone(terminal.clock, terminal.interrupted)
      : undefined;
    await whenReady({ app, config: appConfig, simulator });
    await Promise.race([untilInterrupted(terminal.interrupted), ...(parentGone ? [parentGone] : [])]);
  } catch (error) {
    if (!terminal.interrupted.aborted) throw error;
  } finally {
    await app?.stop();
    await simulator?.stop();
    await db.close();
  }
}

/** A predecessor that is just being stopped (a restart, a killed npm) needs a moment to let go of the data folder. */
async function openPatiently(url: string, logger: Logger, terminal: Terminal): Promise<Db> {
  const { openDatabase } = await import('../../app.ts');
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await openDatabase({ url, logger });
    } catch (error) {
      const isLocked = isSyncError(error, 'misconfigured') && error.message.includes('in use by process');
      if (!isLocked || attempt >= LOCK_ATTEMPTS || terminal.interrupted.aborted) throw error;
      await terminal.clock.sleep(LOCK_WAIT_MS, terminal.interrupted).catch(() => {});
    }
  }
}

async function announce(service: Service, options: ServeOptions, terminal: Terminal): Promise<void> {
  const { app, config, simulator } = service;
  const url = app.url ?? '';
  const isDevelopment = !config.isProduction && config.jwt.secret !== undefined;
  const token = isDevelopment
    ? await signToken(
        config.jwt.secret ?? '',
        { user: DEMO_USER, email: simulator ? DEMO_MAILBOX : undefined, days: DEVELOPMENT_TOKEN_DAYS },
        config.jwt,
        terminal.clock,
      )
    : undefined;
  if (options.json) {
    printJson(terminal.out, { ready: true, url, database: app.db.description, graph: config.graph.baseUrl });
  } else {
    const where = simulator ? `the built-in simulator at ${config.graph.baseUrl}` : config.graph.baseUrl;
    printLine(terminal.out, `graph-calendar-sync listens on ${url}`);
    printLine(terminal.out, `  database   ${app.db.description}`);
    printLine(terminal.out, `  Graph      ${where}\n`);
  }
  if (simulator && token && options.demo && config.workers === 'inline') {
    await demonstrate(service, { simulator, token, isJson: options.json === true }, terminal);
  }
  if (!options.json) printAddresses(url, token, terminal);
}

/** Whatever becomes of the demonstration (its mailbox unbound, its events deleted by the user), the service stays up. */
async function demonstrate(
  { app, config }: Service,
  how: { simulator: RunningSimulator; token: string; isJson: boolean },
  terminal: Terminal,
): Promise<void> {
  try {
    await showDemo({
      client: await ServiceClient.connect({ url: app.url ?? '', token: how.token, user: DEMO_USER }, terminal),
      simulator: how.simulator,
      folder: isKeptNowhere(config) ? undefined : dataFolder(config),
      database: app.db.description,
      terminal,
      report: ({ headline, run }) => {
        if (how.isJson) {
          if (run) printJson(terminal.out, { step: headline, run });
        } else if (run) printRun(terminal.out, run);
        else printLine(terminal.out, headline);
      },
    });
  } catch (error) {
    if (!(error instanceof CommandError) || terminal.interrupted.aborted) throw error;
    printLine(terminal.err, `the demonstration stopped: ${error.message}`);
  }
}

function printAddresses(url: string, token: string | undefined, terminal: Terminal): void {
  printLine(terminal.out, `\n  API        ${url}/docs  (OpenAPI: ${url}/openapi.json)`);
  printLine(terminal.out, `  health     ${url}/calendar/sync/health`);
  if (token) {
    printLine(
      terminal.out,
      `\nTry it as user "${DEMO_USER}" (development token, good for ${DEVELOPMENT_TOKEN_DAYS} days):\n`,
    );
    printLine(
      terminal.out,
      `curl -s -H "Authorization: Bearer ${token}" "${url}/calendar/sync/conflicts?status=all"\n`,
    );
  }
  printLine(terminal.out, 'Ctrl+C stops it; the next start goes on from the same data.');
}
