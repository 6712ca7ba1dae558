import type { Mailbox } from '../mailbox/mailbox.ts';
import type { World } from '../mailbox/world.ts';
import { strike } from './fault-injection.ts';
import type { FaultTarget } from './fault-kinds.ts';
import { FaultScript, type ScriptedFault } from './faults.ts';
import type { SimulatedRequest, SimulatedResponse } from './http-types.ts';
import { randomFault } from './random-faults.ts';
import type { RequestLogEntry } from './request-log.ts';
import { StaleReads } from './stale-reads.ts';

/** What goes wrong on the way, by script or at random. Its dice are its own: what is stored does not depend on them. */
export class Weather {
  readonly script: FaultScript;
  readonly #world: World;
  readonly #seed: number;
  readonly #stale = new StaleReads();
  /** Requests chance was asked about. */
  #ordinal = 0;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#seed = seed;
    this.script = new FaultScript(seed);
  }

  /** Carries a request out, or whatever a fault makes of that. */
  async around(
    request: SimulatedRequest,
    entry: RequestLogEntry,
    o: { isIdentity: boolean; mailbox: Mailbox | undefined },
    answer: () => Promise<SimulatedResponse>,
  ): Promise<SimulatedResponse> {
    const state = o.mailbox?.state;
    const target: FaultTarget = {
      method: request.method,
      path: entry.path + request.url.search,
      mailboxes: state === undefined ? [] : [state.address.toLowerCase(), state.id.toLowerCase()],
      batchItem: entry.batchItem,
      batchItemId: entry.batchItemId,
      isIdentity: o.isIdentity,
    };
    const fault = this.script.take(target) ?? this.#random(target);
    if (fault === undefined) return answer();
    entry.fault = fault.kind ?? 'status';
    const struck = { request, mailbox: o.mailbox, world: this.#world, script: this.script, stale: this.#stale };
    const response = await strike(fault, { ...struck, isBatchItem: entry.batchItem }, answer);
    entry.code ??= codeOf(fault, response);
    return response;
  }

  /** Runs a read, which a write before may have left behind. */
  reading<T>(mailbox: Mailbox | undefined, request: SimulatedRequest, read: () => Promise<T>): Promise<T> {
    return this.#stale.reading(mailbox, request, read);
  }

  /** No more scripted faults, and every read sees what is stored. */
  clear(): void {
    this.script.clear();
    this.#stale.clear();
  }

  #random(target: FaultTarget): ScriptedFault | undefined {
    const { faultRate: rate, faultKinds: kinds, faultSeed } = this.#world.switches;
    if (target.isIdentity || rate <= 0) return undefined;
    this.#ordinal += 1;
    return randomFault(target, { seed: faultSeed || this.#seed, ordinal: this.#ordinal, rate, kinds });
  }
}

/** The code of a refusal whose body a fault has made up. */
function codeOf(fault: ScriptedFault, { status, body }: SimulatedResponse): string | undefined {
  if (status < 400 || fault.body === undefined) return undefined;
  return (body as { error?: { code?: string } } | null)?.error?.code;
}
