/**
 * Scripted faults. `drop-*`: the connection is cut before the request is looked at, or after it was carried out
 * (the answer is lost). `status-after-commit`: carried out, but the answer says it failed. `hang`: no answer
 * until the caller gives up.
 */
export type FaultKind =
  | 'status'
  | 'status-after-commit'
  | 'drop-before'
  | 'drop-after-commit'
  | 'truncated-json'
  | 'gateway-html'
  | 'slow'
  | 'hang';

export interface ScriptedFault {
  method?: string;
  /** Matched against the percent-decoded path with its query. */
  path?: RegExp;
  /** Address or id. */
  mailbox?: string;
  /** How many requests it hits; 1 unless said otherwise. */
  count?: number;
  /** Lets so many matching requests pass first. */
  after?: number;
  /** true: items of a batch only; false: never an item. */
  batchItem?: boolean;
  kind?: FaultKind;
  status?: number;
  code?: string;
  message?: string;
  /** `Retry-After`, as it is to be sent. */
  retryAfter?: string | number;
  /** Further headers of the answer. */
  headers?: Record<string, string>;
  /** Real milliseconds of a slow answer. */
  slowMs?: number;
}

export interface FaultTarget {
  method: string;
  path: string;
  mailboxes: string[];
  batchItem: boolean;
  isIdentity: boolean;
}

const DEFAULTS: Record<number, [code: string, message: string]> = {
  401: ['InvalidAuthenticationToken', 'Lifetime validation failed, the token is expired.'],
  403: ['ErrorAccessDenied', 'Access is denied. Check credentials and try again.'],
  404: ['ErrorItemNotFound', 'The specified object was not found in the store.'],
  409: [
    'ErrorIrresolvableConflict',
    'The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.',
  ],
  410: ['SyncStateNotFound', 'The sync state generation is not found; generation=1;[highest=2][2].'],
  412: [
    'ErrorIrresolvableConflict',
    'The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.',
  ],
  429: ['TooManyRequests', 'Please retry again later.'],
  500: ['ErrorInternalServerTransientError', 'An internal server error occurred. Try again later.'],
  502: ['UnknownError', ''],
  503: ['serviceNotAvailable', 'The service is temporarily unavailable.'],
  504: ['UnknownError', ''],
  507: ['QuotaExceededException', 'Target mailbox quota exceeded.'],
};

export function faultBody(fault: ScriptedFault): { status: number; code: string; message: string } {
  const status = fault.status ?? 503;
  const [code, message] = DEFAULTS[status] ?? ['UnknownError', ''];
  return { status, code: fault.code ?? code, message: fault.message ?? message };
}

/** The script: first match wins, each fault is used up. */
export class FaultScript {
  #faults: { fault: ScriptedFault; passes: number; left: number }[] = [];

  add(fault: ScriptedFault): void {
    this.#faults.push({ fault, passes: fault.after ?? 0, left: fault.count ?? 1 });
  }

  clear(): void {
    this.#faults = [];
  }

  take(target: FaultTarget): ScriptedFault | undefined {
    for (const scripted of this.#faults) {
      if (!matches(scripted.fault, target)) continue;
      if (scripted.passes > 0) {
        scripted.passes -= 1;
        continue;
      }
      scripted.left -= 1;
      if (scripted.left === 0) this.#faults = this.#faults.filter((each) => each !== scripted);
      return scripted.fault;
    }
    return undefined;
  }
}

function matches(fault: ScriptedFault, target: FaultTarget): boolean {
  // A fault that names no path is meant for Graph, not for the token endpoint.
  if (target.isIdentity && fault.path === undefined) return false;
  if (fault.method !== undefined && fault.method.toUpperCase() !== target.method) return false;
  if (fault.path !== undefined && target.path.search(fault.path) === -1) return false;
  if (fault.batchItem !== undefined && fault.batchItem !== target.batchItem) return false;
  return fault.mailbox === undefined || target.mailboxes.includes(fault.mailbox.toLowerCase());
}

const READ_ERRORS = [429, 500, 502, 503, 504];
const WRITE_ERRORS = [...READ_ERRORS, 507];

/** A random error, as Microsoft's Dev Proxy picks them: by method, 429 with seconds to wait. */
export function randomFault(method: string, next: () => number): ScriptedFault {
  const choice = method === 'GET' || method === 'PATCH' ? READ_ERRORS : WRITE_ERRORS;
  const status = choice[Math.floor(next() * choice.length)]!;
  return status === 429 ? { status, retryAfter: 1 } : { status };
}
