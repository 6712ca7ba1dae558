import { expect } from 'vitest';
import { changedUnits, sameUnit, type Unit, unchangedUnit, unitsOf } from '../../src/core/canonical-event.ts';
import type { EventContent } from '../../src/core/event.ts';
import { planOutgoing } from '../../src/core/outgoing-change.ts';
import type { EventPlan, PlanInput } from '../../src/core/sync-plan.ts';
import type { AgreedContent } from '../../src/core/three-way-merge.ts';

/** What must hold of every plan without a person's decision, whatever the strategy: nothing anybody wrote is lost unseen. */
export function expectLawful(input: PlanInput, plan: EventPlan): void {
  const { base, local, remote } = input;
  if (local.state === 'present' && remote.state === 'present') {
    expectContentLawful(input, plan, local.content, remote.content);
  } else if (base && local.state === 'present') {
    expectDeletionLawful(plan, {
      isEdited: isEdited(base, 'local', local.content),
      deletes: plan.local.kind === 'delete',
    });
    if (plan.conflict) expect(plan.conflict).toMatchObject({ local: local.content, remote: null, base: base.local });
  } else if (base && remote.state === 'present') {
    const deletes = plan.local.kind === 'keep' && plan.isPushNeeded;
    expectDeletionLawful(plan, { isEdited: isEdited(base, 'remote', remote.content), deletes });
    if (plan.conflict) expect(plan.conflict).toMatchObject({ local: null, remote: remote.content, base: base.local });
  }
}

/** An edit that meets a deletion leaves a record; without one the deletion is simply done. */
function expectDeletionLawful(plan: EventPlan, { isEdited, deletes }: { isEdited: boolean; deletes: boolean }): void {
  expect(plan.conflict !== undefined).toBe(isEdited);
  if (!isEdited) expect(deletes).toBe(true);
  if (plan.conflict?.status === 'pending') {
    expect(plan).toMatchObject({ local: { kind: 'keep' }, isPushNeeded: false });
    expect(plan.conflict.units.length).toBeGreaterThan(0);
  }
}

function expectContentLawful(input: PlanInput, plan: EventPlan, local: EventContent, remote: EventContent): void {
  const { base } = input;
  const merged = plan.local.kind === 'write' ? plan.local.content : local;
  if (plan.base.kind !== 'save') throw new Error('two present sides always agree on something');
  const { agreed } = plan.base;
  const named = outgoing(agreed, merged);
  // A new rule or time goes with what is said about its dates: Exchange drops what stood there.
  const dates = unitsOf(merged, remote).filter((unit) => unit.startsWith('occurrence:'));
  const sent = named.includes('time')
    ? [...named, ...dates.filter((date) => !agreed.conflictUnits.includes(date))]
    : named;
  const recorded = plan.conflict?.units ?? [];
  const contents = base ? [base.local, base.remote] : [];
  for (const unit of unitsOf(local, remote, ...contents)) {
    const isHere = isNew(base, unit) || !unchangedUnit(base!.local, local, unit);
    const isThere = isNew(base, unit) || !unchangedUnit(base!.remote, remote, unit);
    const isKeptHere = unchangedUnit(merged, local, unit);
    const isWaiting = agreed.conflictUnits.includes(unit);
    const where = `${unit} (${isHere ? 'here' : ''}${isThere ? 'there' : ''})`;
    // Nothing is written over what was not seen, on either side.
    if (isHere && !isKeptHere) expect(recorded, where).toContain(unit);
    if (isThere && sent.includes(unit) && !sameUnit(merged, remote, unit)) expect(recorded, where).toContain(unit);
    if (named.includes(unit)) expect(unchangedUnit(agreed.remote, remote, unit), where).toBe(true);
    if (isWaiting) {
      expect(recorded, where).toContain(unit);
      expect(isKeptHere, where).toBe(true);
      expect(sent, where).not.toContain(unit);
    } else {
      // What does not wait is the same on both sides once it is sent.
      expect(sent.includes(unit) || sameUnit(merged, remote, unit) || (!isHere && !isThere), where).toBe(true);
    }
    if (recorded.includes(unit)) continue;
    if (isHere && !isThere) expect(isKeptHere, where).toBe(true);
    if (isThere && !isHere) expect(sameUnit(merged, remote, unit), where).toBe(true);
    if (!isHere && !isThere) expect(isKeptHere && !named.includes(unit), where).toBe(true);
  }
  expectRecordLawful(input, plan, agreed);
  expect(plan.isPushNeeded).toBe(named.length > 0);
}

function expectRecordLawful({ base, local, remote }: PlanInput, { conflict }: EventPlan, agreed: AgreedContent): void {
  if (!conflict) {
    expect(agreed.conflictUnits).toEqual([]);
    return;
  }
  const contents = {
    local: local.state === 'present' && local.content,
    remote: remote.state === 'present' && remote.content,
  };
  expect(conflict).toMatchObject({ status: agreed.conflictUnits.length > 0 ? 'pending' : 'decided', ...contents });
  if (conflict.type === 'UPDATE_UPDATE') expect(conflict.base).toBe(base?.local);
  else if (!base) expect(conflict.base).toBeNull();
}

function outgoing(agreed: AgreedContent, content: EventContent): readonly Unit[] {
  const change = planOutgoing({ content, agreed, facts: undefined, policy: 'all' });
  return [...change.units, ...change.occurrences, ...change.held];
}

function isEdited(base: AgreedContent, side: 'local' | 'remote', content: EventContent): boolean {
  return base.conflictUnits.some((unit) => isNew(base, unit)) || changedUnits(base[side], content).length > 0;
}

/** Of an event made on both sides, as long as nobody decided. */
function isNew(base: AgreedContent | null, unit: Unit): boolean {
  return !base || (base.conflictUnits.includes(unit) && !sameUnit(base.local, base.remote, unit));
}
