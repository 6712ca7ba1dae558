import { changedUnits, type Unit, unitsOf } from './canonical-event.ts';
import { ConflictResolver, type EditOrDeleteOutcome, type PersonalDecision } from './conflict-resolver.service.ts';
import type { EventContent } from './event.ts';
import { type EventPlan, type PlanInput, type PlannedConflict, timesOf } from './event-plan.ts';
import type { AgreedContent } from './three-way-merge.ts';

/** One side deleted the event, the other side changed it. */

const resolver = new ConflictResolver();
const action = 'edit-or-delete';

export function planLocalDeletion(input: PlanInput, base: AgreedContent, remote: EventContent): EventPlan {
  const outcome = input.decision
    ? personalOutcome(input.decision, 'remote', () => resolver.decideLocalDeletion('prefer_latest', timesOf(input)))
    : resolver.decideLocalDeletion(input.strategy, timesOf(input));
  const conflict: PlannedConflict = {
    type: 'LOCAL_DELETE_REMOTE_UPDATE',
    status: outcome === 'wait' ? 'pending' : 'decided',
    units: unitsBetween(base.remote, remote, base),
    base: base.local,
    local: null,
    remote,
  };
  if (outcome === 'wait') {
    const agreed = { ...base, conflictUnits: conflict.units };
    return { action, local: { kind: 'keep' }, base: { kind: 'save', agreed }, conflict, isPushNeeded: false };
  }
  const agreed = { local: remote, remote, conflictUnits: [] };
  if (outcome === 'local') {
    return { action, local: { kind: 'keep' }, base: { kind: 'save', agreed }, conflict, isPushNeeded: true };
  }
  const restored = input.decision?.values?.content ?? remote;
  return {
    action,
    local: { kind: 'write', content: restored, units: unitsOf(restored) },
    base: { kind: 'save', agreed },
    conflict,
    isPushNeeded: changedUnits(remote, restored).length > 0,
  };
}

export function planRemoteDeletion(input: PlanInput, base: AgreedContent, local: EventContent): EventPlan {
  if (!input.decision && !input.hasUnsentFiles && isOnlyHeld(input, base, local)) {
    return { action: 'delete-local', local: { kind: 'delete' }, base: { kind: 'drop' }, isPushNeeded: false };
  }
  const outcome = input.decision
    ? personalOutcome(input.decision, 'local', () => 'local')
    : resolver.decideRemoteDeletion(input.strategy);
  const conflict: PlannedConflict = {
    type: 'LOCAL_UPDATE_REMOTE_DELETE',
    status: outcome === 'wait' ? 'pending' : 'decided',
    units: unitsBetween(base.local, local, base),
    base: base.local,
    local,
    remote: null,
  };
  if (outcome === 'remote') {
    return { action, local: { kind: 'delete' }, base: { kind: 'drop' }, conflict, isPushNeeded: false };
  }
  if (outcome === 'wait') {
    const agreed = { ...base, conflictUnits: conflict.units };
    return { action, local: { kind: 'keep' }, base: { kind: 'save', agreed }, conflict, isPushNeeded: false };
  }
  const kept = input.decision?.values?.content ?? local;
  const written = changedUnits(local, kept);
  return {
    action,
    local: written.length > 0 ? { kind: 'write', content: kept, units: written } : { kind: 'keep' },
    base: { kind: 'recreate' },
    conflict,
    isPushNeeded: true,
  };
}

/**
 * What the edit is about; for one that has been taken back by now, what the waiting record is about; for files, which are no
 * field of their own, whether the event is there at all.
 */
function unitsBetween(before: EventContent, after: EventContent, base: AgreedContent): readonly Unit[] {
  const units = changedUnits(before, after);
  if (units.length > 0) return units;
  return base.conflictUnits.length > 0 ? base.conflictUnits : unitsOf(after);
}

function isOnlyHeld({ heldUnits = [] }: PlanInput, base: AgreedContent, local: EventContent): boolean {
  return base.conflictUnits.length === 0 && changedUnits(base.local, local).every((unit) => heldUnits.includes(unit));
}

/** `merge` and `manual` keep the edit, whichever side it stands on. */
function personalOutcome(
  decision: PersonalDecision,
  editSide: 'local' | 'remote',
  latest: () => EditOrDeleteOutcome,
): EditOrDeleteOutcome {
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
