import { generateMailbox } from './furnish/generated-mailbox.ts';
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
    faults,
    stateFile,
    mailbox: address = SAMPLE_ADDRESS,
    switches,
    ...rest
  } = options;
  const simulator = new GraphSimulator({ ...rest, switches: { faultRate: faults ?? 0, ...switches } });
  const state = stateFile === undefined ? undefined : new StateFile(simulator, stateFile);
  const isResumed = state?.open() ?? false;
  if (!simulator.mailboxes.some((mailbox) => mailbox.address.toLowerCase() === address.toLowerCase())) {
    if (events === undefined) loadSampleMailbox(simulator, { address });
    else generateMailbox(simulator, { address, events });
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
    isResumed,
    close: async () => {
      await server.close();
      state?.close();
    },
  };
}
