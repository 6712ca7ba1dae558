import { readFileSync } from 'node:fs';
import { generateMailbox } from './furnish/generated-mailbox.ts';
import { type IcsLoaded, loadIcs } from './furnish/ics-mailbox.ts';
import type { MailboxShape } from './furnish/mailbox-shape.ts';
import { loadSampleMailbox } from './furnish/sample-mailbox.ts';
import { GraphSimulator, type SimulatorOptions } from './graph-simulator.ts';
import type { ClientRegistration } from './identity/tokens.ts';
import { StateFile } from './state-file.ts';

export interface StartOptions
  extends Pick<SimulatorOptions, 'now' | 'seed' | 'clients' | 'switches' | 'tokenLifetimeSeconds' | 'controlKey'> {
  host?: string;
  /** 0 or nothing: any free port. */
  port?: number;
  /** Over TLS, with a certificate made at the start. */
  https?: boolean;
  /** Address of the mailbox to furnish. */
  mailbox?: string;
  /** Furnish with so many generated events instead of the sample year. */
  events?: number;
  /** Of this shape; plain events and weekly series without one. */
  shape?: Partial<MailboxShape>;
  /** Furnish with the events of these calendar files (paths) instead of the sample year. */
  ics?: readonly string[];
  /** Share of requests (0 to 1) that fail at random. */
  faults?: number;
  /** Where the state is kept across restarts; nothing is kept without it. */
  stateFile?: string;
}

export interface RunningSimulator {
  url: string;
  /** Where it is steered over HTTP. */
  controlUrl: string;
  port: number;
  /** PEM to trust (`NODE_EXTRA_CA_CERTS`), when it speaks HTTPS. */
  ca?: string;
  simulator: GraphSimulator;
  /** Credentials that get a token. */
  client: ClientRegistration;
  mailbox: string;
  /** What became of the calendar files, when there were any to load. */
  ics?: IcsLoaded;
  /** Whether an earlier run's state was found and resumed. */
  isResumed: boolean;
  close(): Promise<void>;
}

export const SAMPLE_ADDRESS = 'ada@example.com';

/**
 * A simulator as a program: a furnished mailbox behind a socket, resumed from `stateFile` when there is one.
 *
 * @throws the listen error of the port, the read error of a damaged state file
 */
export async function startGraphSimulator(options: StartOptions = {}): Promise<RunningSimulator> {
  const {
    host,
    port,
    https,
    events,
    shape,
    ics,
    faults,
    stateFile,
    mailbox: address = SAMPLE_ADDRESS,
    switches,
    ...rest
  } = options;
  const simulator = new GraphSimulator({ ...rest, switches: { faultRate: faults ?? 0, ...switches } });
  const state = stateFile === undefined ? undefined : new StateFile(simulator, stateFile);
  const isResumed = state?.open() ?? false;
  let loaded: IcsLoaded | undefined;
  if (!simulator.mailboxes.some((mailbox) => mailbox.address.toLowerCase() === address.toLowerCase())) {
    loaded = furnish(simulator, { address, events, shape, ics, seed: rest.seed });
    state?.compact();
  }
  const server = await simulator.listen({
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(https === undefined ? {} : { https }),
  });
  return {
    url: server.url,
    controlUrl: `${server.url}/simulator`,
    port: server.port,
    ...(server.ca === undefined ? {} : { ca: server.ca }),
    simulator,
    client: simulator.clients[0]!,
    mailbox: address,
    ...(loaded === undefined ? {} : { ics: loaded }),
    isResumed,
    close: async () => {
      await server.close();
      state?.close();
    },
  };
}

interface Furniture {
  address: string;
  events: number | undefined;
  shape: Partial<MailboxShape> | undefined;
  ics: readonly string[] | undefined;
  seed: number | undefined;
}

/** Generated events, calendar files, both, or the sample year. */
function furnish(simulator: GraphSimulator, { address, events, shape, ics, seed }: Furniture): IcsLoaded | undefined {
  if (events === undefined && ics === undefined) {
    loadSampleMailbox(simulator, { address });
    return undefined;
  }
  const texts = ics?.map((path) => readFileSync(path, 'utf8'));
  const about = {
    ...(shape === undefined || events === undefined ? {} : { shape }),
    ...(seed === undefined ? {} : { seed }),
  };
  const mailbox = generateMailbox(simulator, { address, events: events ?? 0, ...about });
  if (texts === undefined) return undefined;
  const loaded = texts.map((text) => loadIcs(mailbox, text));
  return {
    loaded: loaded.reduce((sum, each) => sum + each.loaded, 0),
    refused: loaded.flatMap(({ refused }) => refused),
  };
}
