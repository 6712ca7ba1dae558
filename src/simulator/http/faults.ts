import { SeededRandom } from '../runtime.ts';
import { type DialectName, isDialect } from './dialects.ts';
import { applies, FAULT_KINDS, type FaultKind, type FaultTarget } from './fault-kinds.ts';

/** A fault to come. Everything but `when` can be sent as JSON; a path is then the source of a regular expression. */
export interface ScriptedFault {
  method?: string;
  /** Matched against the percent-decoded path with its query. */
  path?: RegExp | string;
  /** Address or id. */
  mailbox?: string;
  /** How many requests it hits; 1 unless said otherwise. */
  count?: number | 'always';
  /** Lets so many matching requests pass first. */
  after?: number;
  /** true: items of a batch only; false: never an item. */
  batchItem?: boolean;
  /** The item with this id within its batch. */
  batchItemId?: string;
  /** Share (0 to 1) of the matching requests it hits. */
  probability?: number;
  when?: (target: FaultTarget) => boolean;
  /** `status` unless said otherwise. */
  kind?: FaultKind;
  /** The refusal by its name; `status`, `code`, `message`, `retryAfter`, `headers` change it. */
  like?: DialectName;
  status?: number;
  code?: string;
  message?: string;
  /** A JSON body to send instead of Graph's envelope. */
  body?: unknown;
  /** A body that is no JSON; '' for none. */
  text?: string;
  /** `Retry-After`, as it is to be sent; null: none. */
  retryAfter?: string | number | null;
  /** Further headers of the answer. */
  headers?: Record<string, string>;
  /** Real milliseconds of a slow answer. */
  slowMs?: number;
  /** `slow`, `hang`: the request is carried out at once, only its answer is late or never comes. */
  afterCommit?: boolean;
  /** `resync`: with a `Location` that starts the round again, its token empty. */
  location?: boolean;
  /** `stale-read`: how many reads of the event show the old state, and how many delta rounds do. */
  reads?: number;
  deltaRounds?: number;
  /** `clock-jump`: milliseconds, back as well. */
  jumpMs?: number;
  /** `clock-jump`: only this answer's `Date` jumps, and nothing stored is of another time. */
  momentary?: boolean;
}

/** A fault that still waits. */
export interface PendingFault {
  id: number;
  fault: ScriptedFault;
  /** Matching requests it still lets pass. */
  passes: number;
  /** Requests it still hits. */
  left: number;
  /** Requests it has hit. */
  hits: number;
}

/** The script: first match wins, each fault is used up. */
export class FaultScript {
  #faults: PendingFault[] = [];
  #lastId = 0;
  /** Of its own: what is stored must not depend on the weather. */
  readonly #random: SeededRandom;

  constructor(seed = 1) {
    this.#random = new SeededRandom(seed);
  }

  /** @throws {TypeError} for a fault that could never strike, or not as it says */
  add(fault: ScriptedFault): PendingFault {
    checkFault(fault);
    this.#lastId += 1;
    const left = fault.count === 'always' ? Number.MAX_SAFE_INTEGER : (fault.count ?? 1);
    const pending = { id: this.#lastId, fault, passes: fault.after ?? 0, left, hits: 0 };
    this.#faults.push(pending);
    return pending;
  }

  /** Those that have not struck as often as they should. */
  get pending(): readonly PendingFault[] {
    return this.#faults;
  }

  /** The pending ones as JSON can carry them. */
  list(): PendingFault[] {
    return this.#faults.map((pending) => {
      const { when: _when, path, ...fault } = pending.fault;
      return { ...pending, fault: path === undefined ? fault : { ...fault, path: sourceOf(path) } };
    });
  }

  /** @returns whether there was one with this id */
  remove(id: number): boolean {
    const before = this.#faults.length;
    this.#faults = this.#faults.filter((each) => each.id !== id);
    return this.#faults.length < before;
  }

  clear(): void {
    this.#faults = [];
  }

  take(target: FaultTarget): ScriptedFault | undefined {
    for (const pending of this.#faults) {
      const { fault } = pending;
      if (!matches(fault, target)) continue;
      if (pending.passes > 0) {
        pending.passes -= 1;
        continue;
      }
      if (fault.probability !== undefined && this.#random.next() >= fault.probability) continue;
      pending.hits += 1;
      pending.left -= 1;
      if (pending.left === 0) this.remove(pending.id);
      return fault;
    }
    return undefined;
  }
}

const sourceOf = (path: RegExp | string): string => (typeof path === 'string' ? path : path.source);

function matches(fault: ScriptedFault, target: FaultTarget): boolean {
  // A fault that names no path is meant for Graph, not for the token endpoint.
  if (target.isIdentity && fault.path === undefined) return false;
  if (fault.method !== undefined && fault.method.toUpperCase() !== target.method) return false;
  if (fault.path !== undefined && target.path.search(fault.path) === -1) return false;
  if (fault.batchItem !== undefined && fault.batchItem !== target.batchItem) return false;
  if (fault.batchItemId !== undefined && fault.batchItemId !== target.batchItemId) return false;
  if (fault.mailbox !== undefined && !target.mailboxes.includes(fault.mailbox.toLowerCase())) return false;
  return applies(fault.kind ?? 'status', target) && (fault.when?.(target) ?? true);
}

const CHECKS: readonly [name: keyof ScriptedFault, isFine: (value: unknown) => boolean, wanted: string][] = [
  ['kind', (value) => FAULT_KINDS.includes(value as FaultKind), `one of ${FAULT_KINDS.join(', ')}`],
  ['like', isDialect, 'the name of a refusal'],
  ['method', (value) => typeof value === 'string', 'a string'],
  ['path', (value) => value instanceof RegExp || isPattern(value), 'a regular expression'],
  ['mailbox', (value) => typeof value === 'string', 'an address or an id'],
  ['count', (value) => value === 'always' || (isWhole(value) && value > 0), "a whole number above 0, or 'always'"],
  ['after', isWhole, 'a whole number'],
  ['probability', (value) => typeof value === 'number' && value >= 0 && value <= 1, 'a number from 0 to 1'],
  ['status', (value) => isWhole(value) && value >= 200 && value <= 599, 'an HTTP status'],
  ['slowMs', (value) => typeof value === 'number' && value >= 0, 'milliseconds'],
  ['reads', isWhole, 'a whole number'],
  ['deltaRounds', isWhole, 'a whole number'],
  ['jumpMs', (value) => Number.isFinite(value), 'milliseconds'],
  ['when', (value) => typeof value === 'function', 'a function'],
];

/** @throws {TypeError} that names what is wrong */
function checkFault(fault: ScriptedFault): void {
  for (const [name, isFine, wanted] of CHECKS) {
    const value = fault[name];
    if (value !== undefined && !isFine(value)) throw new TypeError(`fault: ${name} must be ${wanted}`);
  }
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

function isPattern(value: unknown): boolean {
  try {
    return typeof value === 'string' && new RegExp(value) instanceof RegExp;
  } catch {
    return false;
  }
}
