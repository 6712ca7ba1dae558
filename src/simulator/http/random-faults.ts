import { SeededRandom } from '../runtime.ts';
import { DIALECTS, type DialectName } from './dialects.ts';
import { applies, FAULT_KINDS, type FaultKind, type FaultTarget } from './fault-kinds.ts';
import type { ScriptedFault } from './faults.ts';

/** How often each kind is drawn, against the others. */
export type FaultWeights = Partial<Record<FaultKind, number>>;

/** Plain errors as often as all the rest; no `hang`, for a caller without a time limit would wait for ever. */
const ALL: Record<FaultKind, number> = {
  ...(Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 1])) as Record<FaultKind, number>),
  status: 12,
  hang: 0,
};

const READ_ERRORS = [429, 500, 502, 503, 504];
const WRITE_ERRORS = [...READ_ERRORS, 507];
/** Dialects that may come at any time and pass by themselves, by status. */
const PASSING: Record<number, DialectName[]> = {
  429: ['too-many-requests', 'mailbox-concurrency', 'server-busy', 'activity-limit', 'unknown-error-429'],
  500: ['transient-error', 'internal-server-error', 'general-exception'],
  502: ['bad-gateway'],
  503: ['service-not-available', 'service-unavailable', 'mailbox-concurrency-503', 'mailbox-info-stale'],
  504: ['unknown-error'],
  507: ['quota-507'],
};
const DEAD_TOKENS: DialectName[] = [
  ...(['sync-state-not-found', 'sync-state-not-found-camel', 'sync-state-not-found-404'] as const),
  ...(['sync-state-invalid', 'resync-required'] as const),
];
const HOUR_MS = 3_600_000;

/** The draws of one request depend on the seed and on its place in the row alone. */
function diceOf(seed: number, ordinal: number): () => number {
  const random = new SeededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(ordinal, 0x85ebca6b));
  return () => random.next();
}

/**
 * The fault of the request that came as number `ordinal`, or undefined. The same seed gives the same row.
 *
 * @param kinds `errors`: statuses as Microsoft's Dev Proxy picks them, by method; `all`: every kind
 */
export function randomFault(
  target: FaultTarget,
  o: { seed: number; ordinal: number; rate: number; kinds: 'errors' | 'all' | FaultWeights },
): ScriptedFault | undefined {
  const next = diceOf(o.seed, o.ordinal);
  if (next() >= o.rate) return undefined;
  if (o.kinds === 'errors') return devProxyError(target, next);
  const weights = o.kinds === 'all' ? ALL : o.kinds;
  const kind = drawKind(
    FAULT_KINDS.filter((each) => applies(each, target)),
    weights,
    next,
  );
  return kind === undefined ? undefined : { kind, ...detailsOf(kind, target, next) };
}

const pick = <T>(list: readonly T[], next: () => number): T => list[Math.floor(next() * list.length)]!;

function devProxyError({ method }: FaultTarget, next: () => number): ScriptedFault {
  const status = pick(method === 'GET' || method === 'PATCH' ? READ_ERRORS : WRITE_ERRORS, next);
  return status === 429 ? { status, retryAfter: 1 } : { status };
}

function drawKind(kinds: FaultKind[], weights: FaultWeights, next: () => number): FaultKind | undefined {
  let left = next() * kinds.reduce((sum, kind) => sum + (weights[kind] ?? 0), 0);
  for (const kind of kinds) {
    left -= weights[kind] ?? 0;
    if (left < 0) return kind;
  }
  return undefined;
}

function detailsOf(kind: FaultKind, target: FaultTarget, next: () => number): ScriptedFault {
  switch (kind) {
    case 'status':
    case 'status-after-commit':
      return { like: refusalFor(target, next) };
    case 'gateway-html':
    case 'gateway-empty':
      return { status: pick([502, 503, 504], next) };
    case 'slow':
      return { slowMs: Math.floor(next() * 200) };
    case 'resync':
      return { like: pick(DEAD_TOKENS, next), location: next() < 0.2 };
    case 'stale-read':
      return { reads: 1 + Math.floor(next() * 3), deltaRounds: Math.floor(next() * 2) };
    case 'clock-jump':
      return { jumpMs: Math.floor((next() - 0.5) * 48 * HOUR_MS), momentary: true };
    default:
      return {};
  }
}

function refusalFor({ method, path, isIdentity }: FaultTarget, next: () => number): DialectName {
  const isEventWrite = method !== 'GET' && /\/events\b/i.test(path) && !isIdentity;
  if (isEventWrite && next() < 0.15) return pick(['conflict-412', 'conflict-409'], next);
  const status = pick(method === 'GET' || method === 'PATCH' ? READ_ERRORS : WRITE_ERRORS, next);
  const named = PASSING[status]!.filter((name) => DIALECTS[name].status === status);
  return pick(named, next);
}
