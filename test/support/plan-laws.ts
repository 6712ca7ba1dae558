import { expect } from 'vitest';
import { changedUnits, sameUnit, type Unit, unchangedUnit, unitsOf, withUnit } from '../../src/core/canonical-event.ts';
import type { EventContent } from '../../src/core/event.ts';
import { withSilencedDates } from '../../src/core/idle-dates.ts';
import { planOutgoing } from '../../src/core/outgoing-change.ts';
import type { EventPlan, PlanInput, PlannedConflict } from '../../src/core/sync-plan.ts';
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
    expectValues(plan, { local: local.content, remote: null, base: base.local });
  } else if (base && remote.state === 'present') {
    const deletes = plan.local.kind === 'keep' && plan.isPushNeeded;
    expectDeletionLawful(plan, { isEdited: isEdited(base, 'remote', remote.content), deletes });
    expectValues(plan, { local: null, remote: remote.content, base: base.local });
  }
}

function expectValues({ conflict }: EventPlan, values: Pick<PlannedConflict, 'base' | 'local' | 'remote'>): void {
  const { base, local, remote } = conflict ?? values;
  expect(base === values.base && local === values.local && remote === values.remote).toBe(true);
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
  // What is said about a date means what it means beside the rest of the event, as it will be.
  const become = (there: EventContent) =>
    [...sent, ...agreed.conflictUnits].reduce((all, unit) => withUnit(all, unit, merged), there);
  const after = become(remote);
  // A date that fell silent there says what it said again where the series it fell silent beside does not prevail, or waits.
  const afterAll = base ? become(withSilencedDates(base.remote, remote)) : after;
  const unsilenced = (content: EventContent) =>
    withSilencedDates(local, base ? withSilencedDates(base.local, content) : content);
  const broken: string[] = [];
  for (const unit of unitsOf(local, remote, ...(base ? [base.local, base.remote] : []))) {
    const isHere = isNew(base, unit) || !isUntouched(base!.local, local, unit);
    const isThere = isNew(base, unit) || !isUntouched(base!.remote, remote, unit);
    const isKeptHere = unchangedUnit(merged, local, unit) || unchangedUnit(unsilenced(merged), unsilenced(local), unit);
    // Silent on one of the sides because of its series: to say again what was said there changes nothing.
    const isSilenced =
      !isNew(base, unit) && !(unchangedUnit(base!.local, local, unit) && unchangedUnit(base!.remote, remote, unit));
    // A date that fell silent there because its series changed may have to say what it said, where that series does not prevail.
    const asSaidThere = base ? withUnit(merged, unit, withSilencedDates(base.remote, remote)) : remote;
    const isSame = sameUnit(merged, remote, unit) || (!isFixedUnit(unit) && sameUnit(merged, asSaidThere, unit));
    const isAlike = sameUnit(merged, after, unit) || (!isFixedUnit(unit) && sameUnit(merged, afterAll, unit));
    const isRecorded = recorded.includes(unit);
    const law = (what: string, holds: boolean) => {
      if (!holds) broken.push(`${unit} (changed${isHere ? ' here' : ''}${isThere ? ' there' : ''}): ${what}`);
    };
    law('what was changed here is overwritten only with a record', !isHere || isKeptHere || isRecorded);
    law(
      'what was changed there is overwritten only with a record',
      !isThere || !sent.includes(unit) || isSame || isRecorded,
    );
    law('only what was seen is written over', !named.includes(unit) || isUntouched(agreed.remote, remote, unit));
    if (agreed.conflictUnits.includes(unit)) {
      law('what waits has a record and stays as it is', isRecorded && isKeptHere && !sent.includes(unit));
    } else {
      law('what does not wait becomes the same', isAlike || (!isHere && !isThere));
    }
    if (isRecorded) continue;
    law('a change here is followed', !isHere || isThere || isKeptHere);
    law('a change there is followed', !isThere || isHere || isAlike);
    law(
      'what nobody changed is left alone',
      isHere || isThere || (isKeptHere && (!named.includes(unit) || isSilenced)),
    );
  }
  expect(broken).toEqual([]);
  expectRecordLawful(input, plan, agreed);
  expect(plan.isPushNeeded).toBe(named.length > 0);
}

function expectRecordLawful({ base, local, remote }: PlanInput, { conflict }: EventPlan, agreed: AgreedContent): void {
  if (!conflict) {
    expect(agreed.conflictUnits).toEqual([]);
    return;
  }
  expect(conflict.status).toBe(agreed.conflictUnits.length > 0 ? 'pending' : 'decided');
  expect(local.state === 'present' && conflict.local === local.content).toBe(true);
  expect(remote.state === 'present' && conflict.remote === remote.content).toBe(true);
  if (conflict.type === 'UPDATE_UPDATE') expect(conflict.base === base?.local).toBe(true);
  else if (!base) expect(conflict.base).toBeNull();
}

function outgoing(agreed: AgreedContent, content: EventContent): readonly Unit[] {
  const change = planOutgoing({ content, agreed, facts: undefined, policy: 'all' });
  return [...change.units, ...change.occurrences, ...change.held];
}

function isEdited(base: AgreedContent, side: 'local' | 'remote', content: EventContent): boolean {
  return base.conflictUnits.some((unit) => isNew(base, unit)) || changedUnits(base[side], content).length > 0;
}

/** A date that says the same, or has fallen silent because its series has come to say it. */
function isUntouched(before: EventContent, after: EventContent, unit: Unit): boolean {
  return unchangedUnit(before, after, unit) || unchangedUnit(before, withSilencedDates(before, after), unit);
}

function isFixedUnit(unit: Unit): boolean {
  return !unit.startsWith('occurrence:');
}

/** Of an event made on both sides, as long as nobody decided. */
function isNew(base: AgreedContent | null, unit: Unit): boolean {
  return !base || (base.conflictUnits.includes(unit) && !sameUnit(base.local, base.remote, unit));
}
