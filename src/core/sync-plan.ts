import { changedUnits, type Unit, unitsOf } from './canonical-event.ts';
import { type Change, PLAN, type SyncAction } from './change.ts';
import { ConflictResolver, type ModificationTimes, type PersonalDecision } from './conflict-resolver.service.ts';
import { assert } from './errors.ts';
import type { EventContent } from './event.ts';
import type { ConflictStrategy } from './settings.ts';
import { type AgreedContent, applyDecisions, compareSides, type UnitConflict, type UnitDecision } from './three-way-merge.ts';

export type ConflictType =
  | 'UPDATE_UPDATE'
  | 'LOCAL_DELETE_REMOTE_UPDATE'
  | 'LOCAL_UPDATE_REMOTE_DELETE'
  | 'DUPLICATE_CREATE';

export type SideState =
  | { readonly state: 'absent' }
  | { readonly state: 'present'; readonly content: EventContent; readonly modifiedAt?: Date | undefined }
  | { readonly state: 'deleted'; readonly deletedAt?: Date | undefined };

export interface PlanInput {
  readonly base: AgreedContent | null;
  readonly local: SideState;
  readonly remote: SideState;
  readonly strategy: ConflictStrategy;
  /** A person's decision; without it the strategy decides. */
  readonly decision?: PersonalDecision;
}

/** A conflict worth a record: `decided` tells how it ended, `pending` that it waits. All three values are kept either way. */
export interface PlannedConflict {
  readonly type: ConflictType;
  readonly status: 'pending' | 'decided';
  readonly units: readonly Unit[];
  readonly base: EventContent | null;
  readonly local: EventContent | null;
  readonly remote: EventContent | null;
}

/** What becomes of the local side. `write` also brings a deleted event back. */
export type LocalStep =
  | { readonly kind: 'keep' }
  | { readonly kind: 'write'; readonly content: EventContent; readonly units: readonly Unit[] }
  | { readonly kind: 'delete' };

/**
 * What is agreed on afterwards.
 * `drop`: the event is gone on both sides. `recreate`: gone at Graph, to be created there again under a new generation.
 */
export type BaseStep =
  | { readonly kind: 'keep' }
  | { readonly kind: 'save'; readonly agreed: AgreedContent }
  | { readonly kind: 'drop' }
  | { readonly kind: 'recreate' };

export interface EventPlan {
  readonly action: SyncAction;
  readonly local: LocalStep;
  readonly base: BaseStep;
  readonly conflict?: PlannedConflict;
  /** The local side is ahead of Graph and is allowed to go there. */
  readonly isPushNeeded: boolean;
}

const resolver = new ConflictResolver();
const NOTHING: EventPlan = { action: 'none', local: { kind: 'keep' }, base: { kind: 'keep' }, isPushNeeded: false };

/** Decides one event from what both sides hold and what they last agreed on. Pure, total, and idempotent. */
export function planEvent(input: PlanInput): EventPlan {
  const action = PLAN[changeOf(input.base?.local, input.local, input)][changeOf(input.base?.remote, input.remote, input)];
  switch (action) {
    case 'none':
      return bothGone(input) ? { ...NOTHING, base: { kind: 'drop' } } : planQuiet(input);
    case 'apply-remote':
    case 'merge':
    case 'push-local':
      return planContent(input, action);
    case 'delete-local':
      return { action, local: { kind: 'delete' }, base: { kind: 'drop' }, isPushNeeded: false };
    case 'delete-remote':
      return { action, local: { kind: 'keep' }, base: { kind: 'keep' }, isPushNeeded: true };
    case 'edit-or-delete':
      return input.local.state === 'deleted' ? planLocalDeletion(input) : planRemoteDeletion(input);
    case 'impossible':
      assert(false, `a side is known to Graph or us without a base (${input.local.state}/${input.remote.state})`);
  }
}

function changeOf(base: EventContent | undefined, side: SideState, { base: agreed }: PlanInput): Change {
  if (side.state === 'absent') return agreed ? 'deleted' : 'absent';
  if (side.state === 'deleted') return agreed ? 'deleted' : 'absent';
  if (!base) return 'changed';
  const isUndecided = (agreed?.conflictUnits.length ?? 0) > 0;
  return isUndecided || changedUnits(base, side.content).length > 0 ? 'changed' : 'unchanged';
}

function bothGone({ base, local, remote }: PlanInput): boolean {
  return base !== null && local.state !== 'present' && remote.state !== 'present';
}

/** Nothing changed in canonical form; the server's newest spelling still becomes the base it is compared with next. */
function planQuiet({ base, remote }: PlanInput): EventPlan {
  if (!base || remote.state !== 'present') return NOTHING;
  return { ...NOTHING, base: { kind: 'save', agreed: { ...base, remote: remote.content } } };
}

function planContent(input: PlanInput, action: SyncAction): EventPlan {
  const { base, local, remote } = input;
  if (local.state === 'absent' && remote.state === 'present') {
    return {
      action,
      local: { kind: 'write', content: remote.content, units: unitsOf(remote.content) },
      base: { kind: 'save', agreed: { local: remote.content, remote: remote.content, conflictUnits: [] } },
      isPushNeeded: false,
    };
  }
  if (remote.state === 'absent') return { action, local: { kind: 'keep' }, base: { kind: 'keep' }, isPushNeeded: true };
  assert(local.state === 'present' && remote.state === 'present', 'content is planned for two present sides');

  const sides = { base, local: local.content, remote: remote.content };
  const comparison = compareSides(sides);
  const times = timesOf(input);
  const { merged, agreed } = applyDecisions(sides, comparison, (conflict): UnitDecision => {
    return input.decision
      ? resolver.decidePersonally(conflict, sides, input.decision, times)
      : resolver.decideUnit(conflict, sides, input.strategy, times);
  });
  const written = changedUnits(local.content, merged);
  const waiting = agreed.conflictUnits;
  return {
    action,
    local: written.length > 0 ? { kind: 'write', content: merged, units: written } : { kind: 'keep' },
    base: { kind: 'save', agreed },
    ...conflictOf(sides, comparison.conflicts, waiting),
    isPushNeeded: changedUnits(agreed.local, merged).some((unit) => !waiting.includes(unit)),
  };
}

function conflictOf(
  sides: { base: AgreedContent | null; local: EventContent; remote: EventContent },
  conflicts: readonly UnitConflict[],
  waiting: readonly Unit[],
): { conflict?: PlannedConflict } {
  if (conflicts.length === 0) return {};
  return {
    conflict: {
      type: sides.base ? 'UPDATE_UPDATE' : 'DUPLICATE_CREATE',
      status: waiting.length > 0 ? 'pending' : 'decided',
      units: conflicts.map((conflict) => conflict.unit),
      base: sides.base?.local ?? null,
      local: sides.local,
      remote: sides.remote,
    },
  };
}

function planLocalDeletion(input: PlanInput): EventPlan {
  const { base, remote } = input;
  assert(base && remote.state === 'present', 'a deletion can only collide with an event that is there');
  const outcome = input.decision
    ? personalOutcome(input.decision, 'remote', () => resolver.decideLocalDeletion('prefer_latest', timesOf(input)))
    : resolver.decideLocalDeletion(input.strategy, timesOf(input));
  const units = changedUnits(base.remote, remote.content);
  const conflict: PlannedConflict = {
    type: 'LOCAL_DELETE_REMOTE_UPDATE',
    status: outcome === 'wait' ? 'pending' : 'decided',
    units: units.length > 0 ? units : base.conflictUnits,
    base: base.local,
    local: null,
    remote: remote.content,
  };
  const action = 'edit-or-delete';
  if (outcome === 'local') {
    const agreed = { local: remote.content, remote: remote.content, conflictUnits: [] };
    return { action, local: { kind: 'keep' }, base: { kind: 'save', agreed }, conflict, isPushNeeded: true };
  }
  if (outcome === 'wait') {
    const agreed = { ...base, conflictUnits: conflict.units };
    return { action, local: { kind: 'keep' }, base: { kind: 'save', agreed }, conflict, isPushNeeded: false };
  }
  const restored = input.decision?.values?.content ?? remote.content;
  const agreed = { local: remote.content, remote: remote.content, conflictUnits: [] };
  return {
    action,
    local: { kind: 'write', content: restored, units: conflict.units },
    base: { kind: 'save', agreed },
    conflict,
    isPushNeeded: changedUnits(remote.content, restored).length > 0,
  };
}

function planRemoteDeletion(input: PlanInput): EventPlan {
  const { base, local } = input;
  assert(base && local.state === 'present', 'a deletion can only collide with an event that is there');
  const outcome = input.decision
    ? personalOutcome(input.decision, 'local', () => 'local')
    : resolver.decideRemoteDeletion(input.strategy);
  const units = changedUnits(base.local, local.content);
  const conflict: PlannedConflict = {
    type: 'LOCAL_UPDATE_REMOTE_DELETE',
    status: outcome === 'wait' ? 'pending' : 'decided',
    units: units.length > 0 ? units : base.conflictUnits,
    base: base.local,
    local: local.content,
    remote: null,
  };
  const action = 'edit-or-delete';
  if (outcome === 'remote') {
    return { action, local: { kind: 'delete' }, base: { kind: 'drop' }, conflict, isPushNeeded: false };
  }
  if (outcome === 'wait') {
    const agreed = { ...base, conflictUnits: conflict.units };
    return { action, local: { kind: 'keep' }, base: { kind: 'save', agreed }, conflict, isPushNeeded: false };
  }
  const kept = input.decision?.values?.content ?? local.content;
  const written = changedUnits(local.content, kept);
  return {
    action,
    local: written.length > 0 ? { kind: 'write', content: kept, units: written } : { kind: 'keep' },
    base: { kind: 'recreate' },
    conflict,
    isPushNeeded: true,
  };
}

/** `merge` and `manual` keep the edit, whichever side it stands on. */
function personalOutcome(
  decision: PersonalDecision,
  editSide: 'local' | 'remote',
  latest: () => 'local' | 'remote' | 'wait',
): 'local' | 'remote' | 'wait' {
  switch (decision.resolution) {
    case 'prefer_local':
      return 'local';
    case 'prefer_remote':
      return 'remote';
    case 'prefer_latest':
      return latest();
    case 'merge':
    case 'manual':
      return editSide;
  }
}

function timesOf({ local, remote }: PlanInput): ModificationTimes {
  const localAt = local.state === 'present' ? local.modifiedAt : local.state === 'deleted' ? local.deletedAt : undefined;
  return {
    localModifiedAt: localAt ?? new Date(0),
    remoteModifiedAt: remote.state === 'present' ? remote.modifiedAt : undefined,
  };
}
