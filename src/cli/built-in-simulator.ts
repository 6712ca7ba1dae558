import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AppConfig, type Config, dataFolder } from '../config.ts';
import { SAMPLE_ADDRESS, type StartOptions, startGraphSimulator } from '../simulator/index.ts';
import { CommandError } from './terminal.ts';

/** Whose mailbox the demonstration is about; the simulator furnishes it with a sample year. */
export const DEMO_MAILBOX = SAMPLE_ADDRESS;

const STATE_FILE = 'simulator.json';
const PORT_FILE = 'simulator.port';

/** The Microsoft Graph that a service without `GRAPH_*` brings along. */
export interface RunningSimulator {
  /** What the service needs to reach it, in place of `GRAPH_*`. */
  readonly access: Omit<AppConfig['graph'], 'kind'>;
  /** Edits as its owner does in Outlook. */
  editEvent(graphEventId: string, patch: Readonly<Record<string, unknown>>): void;
  stop(): Promise<void>;
}

/**
 * Runs the simulator inside this process, behind a socket of its own: the service speaks to it as it speaks to Microsoft.
 *
 * Its state lies beside the database, so that a killed service finds the mailbox its database knows.
 *
 * @throws {CommandError} when another service has taken the simulator of this folder
 */
export async function startBuiltInSimulator(config: Pick<Config, 'databaseUrl'>): Promise<RunningSimulator> {
  const folder = isKeptNowhere(config) ? undefined : dataFolder(config);
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  const started = await listen(folder, config.databaseUrl.startsWith('pglite:'));
  if (folder !== undefined) writeFileSync(join(folder, PORT_FILE), `${started.port}\n`);
  const { url, client, simulator, mailbox } = started;
  return {
    access: {
      clientId: client.clientId,
      tenantId: client.tenantId,
      credential: { kind: 'secret', secret: client.clientSecret },
      baseUrl: url,
      authorityHost: url,
    },
    editEvent: (graphEventId, patch) => {
      simulator.mailbox(mailbox).updateEvent(graphEventId, patch);
    },
    stop: () => started.close(),
  };
}

/** `pglite::memory:` asks for no trace on disk, the demonstration's included. */
export function isKeptNowhere({ databaseUrl }: Pick<Config, 'databaseUrl'>): boolean {
  return databaseUrl === 'pglite::memory:';
}

/**
 * Delta links carry the address they were made at, and the service follows none to another one. So the simulator comes
 * back on the port it had; should that be taken meanwhile, another one costs a full round.
 *
 * @param isFolderOurs  an embedded database keeps every other service out of its folder; a PostgreSQL server does not
 */
async function listen(folder: string | undefined, isFolderOurs: boolean) {
  const options: StartOptions = folder === undefined ? {} : { stateFile: join(folder, STATE_FILE) };
  const port = folder === undefined ? undefined : lastPort(join(folder, PORT_FILE));
  if (port === undefined) return startGraphSimulator(options);
  try {
    return await startGraphSimulator({ ...options, port });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    if (!isFolderOurs) {
      throw new CommandError(
        `port ${port}, where the built-in simulator of ${folder} listens, is in use: stop the other service, or run "graph-calendar-sync simulator" and give both its GRAPH_ variables`,
        { cause },
      );
    }
    return startGraphSimulator(options);
  }
}

function lastPort(path: string): number | undefined {
  try {
    const port = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(port) && port > 0 && port <= 65_535 ? port : undefined;
  } catch {
    return undefined;
  }
}
