import type { FaultKind, GraphSimulator, ScriptedFault } from '../../src/simulator/index.ts';
import type { Chance } from './chance.ts';
import type { DatabaseFault } from './plugs.ts';

/** Every kind that passes in no time; what is slow or hangs is the model's own, in its own time. */
const KINDS: Readonly<Record<Exclude<FaultKind, 'slow' | 'hang'>, number>> = {
  status: 6,
  'status-after-commit': 3,
  'drop-before': 2,
  'drop-after-commit': 4,
  'reset-in-body': 2,
  'truncated-json': 2,
  'gateway-html': 1,
  'gateway-empty': 1,
  'claims-challenge': 0,
  resync: 2,
  'repeat-page': 1,
  'silent-delta': 1,
  'duplicate-items': 1,
  'stale-read': 2,
  'clock-jump': 1,
};
const PASSING: NonNullable<ScriptedFault['like']>[] = [
  ...(['too-many-requests', 'mailbox-concurrency', 'server-busy', 'activity-limit', 'unknown-error-429'] as const),
  ...(['transient-error', 'internal-server-error', 'general-exception', 'bad-gateway'] as const),
  ...(['service-not-available', 'service-unavailable', 'mailbox-concurrency-503', 'unknown-error'] as const),
];
const DEAD_TOKENS: NonNullable<ScriptedFault['like']>[] = [
  ...(['sync-state-not-found', 'sync-state-not-found-camel', 'sync-state-not-found-404'] as const),
  ...(['sync-state-invalid', 'resync-required'] as const),
];
/** Silences Graph asks for: such as a run sits out, and such as it does not. */
const PAUSES_SECONDS = [30, 90, 300, 1_800];
const HOUR_MS = 3_600_000;

/** Lets one of the requests to come meet a fault. @returns what, for the script */
export function breakRequest(simulator: GraphSimulator, chance: Chance): { kind: FaultKind; text: string } {
  const kind = chance.weighted(KINDS);
  const where = chance.weighted({ any: 3, item: 2, whole: 1, write: 2, create: 1 });
  const fault: ScriptedFault = {
    kind,
    ...detailsOf(kind, chance),
    ...(where === 'item' ? { batchItem: true } : {}),
    ...(where === 'whole' ? { batchItem: false } : {}),
    ...(where === 'write' ? { path: '/events/' } : {}),
    ...(where === 'create' ? { method: 'POST', path: '/events$' } : {}),
    after: chance.isLucky(0.7) ? 0 : chance.below(6),
    count: chance.isLucky(0.8) ? 1 : 1 + chance.below(6),
  };
  simulator.failNext(fault);
  return { kind, text: JSON.stringify(fault) };
}

function detailsOf(kind: FaultKind, chance: Chance): ScriptedFault {
  switch (kind) {
    case 'status':
    case 'status-after-commit':
      if (chance.isLucky(0.1)) return { like: 'conflict-412' };
      if (chance.isLucky(0.15)) return { like: 'too-many-requests', retryAfter: chance.pick(PAUSES_SECONDS) };
      return { like: chance.pick(PASSING) };
    case 'resync':
      return { like: chance.pick(DEAD_TOKENS), location: chance.isLucky(0.2) };
    case 'stale-read':
      return { reads: 1 + chance.below(3), deltaRounds: chance.below(2) };
    case 'clock-jump':
      return { jumpMs: Math.floor((chance.next() - 0.5) * 48 * HOUR_MS), momentary: true };
    default:
      return {};
  }
}

export function drawDatabaseFault(chance: Chance): DatabaseFault {
  return chance.weighted({
    'statement-fails': 2,
    'transactions-meet': 2,
    'commit-fails': 2,
    'commit-answer-lost': 3,
    'slow-commit': 1,
  });
}
