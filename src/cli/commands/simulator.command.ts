import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import {
  type RunningSimulator,
  SAMPLE_ADDRESS,
  type StartOptions,
  startGraphSimulator,
} from '../../simulator/index.ts';
import { type JsonOption, jsonCommand, wholeNumber } from '../options.ts';
import { CommandError, printJson, printLine, type Terminal, untilInterrupted } from '../terminal.ts';

const DEFAULT_PORT = 4000;

interface SimulatorOptions extends JsonOption {
  readonly host: string;
  readonly port: number;
  readonly mailbox: string;
  readonly events?: number;
  readonly varied?: boolean;
  readonly ics?: string[];
  readonly faults?: number;
  readonly state?: string;
  readonly seed?: number;
  readonly https?: boolean;
  readonly caFile?: string;
  readonly autoConsent?: boolean;
  readonly controlKey?: string;
}

/** A simulator whose certificate authority can be read from a file. */
interface TrustedSimulator extends RunningSimulator {
  readonly caFile?: string;
}

export function simulatorCommand(terminal: Terminal): Command {
  return jsonCommand('simulator', 'a strict Microsoft Graph calendar of its own, for development and tests')
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--port <number>', '0 = any free port', wholeNumber(0, 65_535), DEFAULT_PORT)
    .option('--mailbox <address>', 'whose mailbox it furnishes', mailAddress, SAMPLE_ADDRESS)
    .option('--events <count>', 'so many generated events instead of the sample year', wholeNumber(0, 1_000_000))
    .option('--varied', 'generated events of every kind: all patterns, exceptions, meetings, zones, calendars')
    .option('--ics <file...>', 'the events of calendar files instead of the sample year')
    .option('--faults <share>', 'share of requests that fail at random, 0 to 1', share)
    .option('--state <file>', 'keeps its state there across restarts')
    .option('--seed <number>', 'makes its ids and its faults repeatable', wholeNumber(0, 2 ** 31 - 1))
    .option('--https', 'over TLS, with a certificate of its own for this machine')
    .option('--ca-file <path>', 'where it writes the certificate authority to trust; a temporary file unless given')
    .option('--control-key <key>', 'lets whoever sends it steer from elsewhere; without one only this machine may')
    .option('--auto-consent', 'signing in asks nobody: the mailbox accepts at once')
    .action(async (options: SimulatorOptions) => {
      const running = await start(options);
      try {
        if (options.json) printJson(terminal.out, { ready: true, ...describe(running) });
        else printForPeople(running, terminal);
        await untilInterrupted(terminal.interrupted);
      } finally {
        await running.close();
      }
    });
}

async function start(options: SimulatorOptions): Promise<TrustedSimulator> {
  const { host, port, mailbox, events, varied, ics, faults, state, seed, https, autoConsent, controlKey } = options;
  const settings: StartOptions = {
    host,
    port,
    mailbox,
    ...(events === undefined ? {} : { events }),
    ...(varied === true ? { shape: {} } : {}),
    ...(ics === undefined ? {} : { ics }),
    ...(faults === undefined ? {} : { faults }),
    ...(state === undefined ? {} : { stateFile: state }),
    ...(seed === undefined ? {} : { seed }),
    ...(https === undefined ? {} : { https }),
    ...(autoConsent === undefined ? {} : { switches: { autoConsent } }),
    ...(controlKey === undefined ? {} : { controlKey }),
  };
  try {
    if (state !== undefined) mkdirSync(dirname(state), { recursive: true });
    return await withCaFile(await startGraphSimulator(settings), options.caFile);
  } catch (cause) {
    throw cause instanceof CommandError ? cause : new CommandError(whatPrevents(cause, options), { cause });
  }
}

/** Node reads `NODE_EXTRA_CA_CERTS` from a file, once, when it starts. */
async function withCaFile(running: RunningSimulator, path: string | undefined): Promise<TrustedSimulator> {
  if (running.ca === undefined) return running;
  const caFile = resolve(path ?? join(tmpdir(), `graph-simulator-${running.port}-ca.pem`));
  try {
    mkdirSync(dirname(caFile), { recursive: true });
    writeFileSync(caFile, running.ca);
  } catch (cause) {
    await running.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`cannot write ${caFile}: ${reason}; give another --ca-file`, { cause });
  }
  return { ...running, caFile };
}

function whatPrevents(cause: unknown, { host, port, state }: SimulatorOptions): string {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return `port ${port} of ${host} is in use: stop the other program, or choose another --port`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (syscall === 'listen' || syscall === 'getaddrinfo') return `cannot listen on ${host}:${port}: ${reason}`;
  if (state !== undefined) return `the state in ${state} cannot be used: ${reason}; give another --state`;
  return reason;
}

/** Everything a service needs to use it as its Graph, by the names of its environment. */
function environmentFor({ url, client, caFile }: TrustedSimulator): Record<string, string> {
  return {
    GRAPH_CLIENT_ID: client.clientId,
    GRAPH_CLIENT_SECRET: client.clientSecret,
    GRAPH_TENANT_ID: client.tenantId,
    GRAPH_BASE_URL: url,
    GRAPH_AUTHORITY_HOST: url,
    ...(caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile }),
  };
}

function describe(running: TrustedSimulator) {
  const mailbox = running.simulator.mailbox(running.mailbox);
  return {
    url: running.url,
    controlUrl: running.controlUrl,
    mailbox: running.mailbox,
    calendars: mailbox.listCalendars().map(({ name }) => name),
    events: mailbox.listEvents().length,
    ...(running.ics === undefined ? {} : { ics: running.ics }),
    isResumed: running.isResumed,
    environment: environmentFor(running),
  };
}

function printForPeople(running: TrustedSimulator, { out }: Terminal): void {
  const { url, controlUrl, mailbox, calendars, events, isResumed, environment } = describe(running);
  printLine(out, `A simulated Microsoft Graph listens on ${url}${isResumed ? ', going on from its last state' : ''}`);
  printLine(out, `  mailbox    ${mailbox}: ${events} events and series in ${calendars.join(', ')}`);
  for (const { uid, reason } of running.ics?.refused ?? []) printLine(out, `  left out   ${uid}: ${reason}`);
  printLine(out, `  control    ${controlUrl}\n`);
  printLine(out, 'A service that starts in this environment uses it:\n');
  for (const [name, value] of Object.entries(environment)) printLine(out, `export ${name}=${value}`);
  printLine(out, '\nCtrl+C stops it.');
}

function mailAddress(text: string): string {
  if (/^[^\s@]+@[^\s@]+$/.test(text)) return text;
  throw new InvalidArgumentError(`It must be a mail address, e.g. ${SAMPLE_ADDRESS}.`);
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('It must be a share from 0 to 1, e.g. 0.1.');
}
