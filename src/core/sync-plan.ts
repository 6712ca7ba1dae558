import { changedUnits, type Unit, unitsOf, withUnit } from './canonical-event.ts';
import { type Change, PLAN, type SyncAction } from './change.ts';
import { ConflictResolver, type PersonalDecision } from './conflict-resolver.service.ts';
import { planLocalDeletion, planRemoteDeletion } from './deletion-plan.ts';
import { assert } from './errors.ts';
import type { EventContent } from './event.ts';
import { type EventPlan, type LocalStep, type PlanInput, type PlannedConflict, timesOf } from './event-plan.ts';
import { withoutIdleDates, withSilencedDates } from './idle-dates.ts';
import { onOwnDates } from './series-edit.ts';
import {
  type AgreedContent,
  applyDecisions,
  compareSides,
  type Sides,
  type UnitConflict,
  type UnitDecision,
  wasAgreed,
} from './three-way-merge.ts';
import { withAnswers } from './unit-merge.ts';

export type * from './event-plan.ts';

const resolver = new ConflictResolver();
const NOTHING: EventPlan = { action: 'none', local: { kind: 'keep' }, base: { kind: 'keep' }, isPushNeeded: false };

/** Decides one event from what both sides hold and what they last agreed on. Pure, total, and idempotent. */
export function planEvent(input: PlanInput): EventPlan {
  const { base, local, remote } = input;
  const action = actionFor(input);
  switch (action) {
    case 'none':
      return base && local.state !== 'present' ? { ...NOTHING, base: { kind: 'drop' } } : planQuiet(input);
    case 'apply-remote':
    case 'merge':
    case 'push-local':
      return planContent(input, action);
    case 'delete-local':
      return { action, local: { kind: 'delete' }, base: { kind: 'drop' }, isPushNeeded: false };
    case 'delete-remote':
      return planDeletionThere(input);
    case 'edit-or-delete':
      if (base && remote.state === 'present') return planLocalDeletion(input, base, remote.content);
      assert(base && local.state === 'present', 'a deletion can only collide with an event that is there');
      return planRemoteDeletion(input, base, local.content);
    case 'impossible':
      assert(false, `a side is known to Graph or us without a base (${local.state}/${remote.state})`);
  }
}

function actionFor(input: PlanInput): SyncAction | 'impossible' {
  const { base, local, remote, decision } = input;
  const isHere = local.state === 'present';
  const isThere = remote.state === 'present';
  // A person decided about what they were shown, also when the edit has been taken back since.
  if (decision && base && isHere !== isThere) return 'edit-or-delete';
  if (decision?.values && isHere && isThere) return 'merge';
  return PLAN[changeOf(input, 'local')][changeOf(input, 'remote')];
}

function changeOf(input: PlanInput, side: 'local' | 'remote'): Change {
  const { base } = input;
  const { [side]: state } = input;
  if (state.state !== 'present') return base ? 'deleted' : 'absent';
  if (!base) return 'changed';
  if (side === 'local' && input.hasUnsentFiles && input.remote.state !== 'present') return 'changed';
  const isUndecided = base.conflictUnits.some((unit) => !wasAgreed({ base }, unit));
  return isUndecided || changedUnits(base[side], state.content).length > 0 ? 'changed' : 'unchanged';
}

/**
 * Nothing changed in canonical form; the server's newest spelling still becomes the base it is compared with next. What
 * waited for a decision has been taken back on both sides.
 */
function planQuiet({ base, local, remote }: PlanInput): EventPlan {
  if (!base || local.state !== 'present' || remote.state !== 'present') return NOTHING;
  return {
    ...NOTHING,
    local: writing(local.content, withAnswers(local.content, remote.content)),
    base: { kind: 'save', agreed: { ...base, remote: remote.content, conflictUnits: [] } },
  };
}

/** The base is saved so that the deletion is guarded by the tag Graph has now. */
function planDeletionThere({ base, remote }: PlanInput): EventPlan {
  assert(base && remote.state === 'present', 'only an event that was agreed on and is there is deleted there');
  const agreed = { ...base, remote: remote.content, conflictUnits: [] };
  return { action: 'delete-remote', local: { kind: 'keep' }, base: { kind: 'save', agreed }, isPushNeeded: true };
}

function planContent(input: PlanInput, action: SyncAction): EventPlan {
  const { base, local, remote } = input;
  if (local.state !== 'present' && remote.state === 'present') {
    return {
      action,
      local: { kind: 'write', content: remote.content, units: unitsOf(remote.content) },
      base: { kind: 'save', agreed: { local: remote.content, remote: remote.content, conflictUnits: [] } },
      isPushNeeded: false,
    };
  }
  if (remote.state !== 'present') {
    return { action, local: { kind: 'keep' }, base: { kind: 'keep' }, isPushNeeded: true };
  }
  assert(local.state === 'present', 'content is planned for two present sides');

  const seen = { base, local: local.content, remote: remote.content };
  const sides = base ? sayingAgain(base, seen) : seen;
  const comparison = compareSides(sides);
  const times = timesOf(input);
  const { merged: decided, agreed } = applyDecisions(sides, comparison, (conflict): UnitDecision => {
    return input.decision
      ? resolver.decidePersonally(conflict, sides, input.decision, times)
      : resolver.decideUnit(conflict, sides, input.strategy, times);
  });
  const merged = withAnswers(withoutIdleDates(withPersonalValues(decided, input.decision)), remote.content);
  const waiting = agreed.conflictUnits;
  const asAgreed = { ...agreed, local: withoutIdleDates(agreed.local), remote: withoutIdleDates(agreed.remote) };
  const unsilenced = withSilencedDates(asAgreed.local, merged, (unit) => waiting.includes(unit));
  return {
    action,
    local: writing(local.content, merged),
    base: { kind: 'save', agreed: asAgreed },
    ...conflictOf(seen, comparison.conflicts, waiting),
    isPushNeeded: changedUnits(asAgreed.local, unsilenced).some((unit) => !waiting.includes(unit)),
  };
}

/** What a date fell silent about because its series came to say the same was changed by nobody. */
function sayingAgain(base: AgreedContent, { local, remote }: Sides): Sides {
  return { base, local: withSilencedDates(base.local, local), remote: withSilencedDates(base.remote, remote) };
}

function writing(before: EventContent, after: EventContent): LocalStep {
  if (before === after) return { kind: 'keep' };
  const units = changedUnits(before, after);
  if (units.length > 0) return { kind: 'write', content: after, units };
  // Answers of guests count as no change, but are written down.
  const isNews = before.attendees !== after.attendees;
  return isNews ? { kind: 'write', content: after, units: ['attendees'] } : { kind: 'keep' };
}

/** A person may name more fields than those in conflict: theirs are kept as well, as an edit made here. */
function withPersonalValues(merged: EventContent, decision: PersonalDecision | undefined): EventContent {
  const values = decision?.resolution === 'manual' ? decision.values : undefined;
  if (!values) return merged;
  const decided = values.units.reduce((content, unit) => withUnit(content, unit as Unit, values.content), merged);
  // A rule of the person's own has no place for what was said about dates it does not give; the record keeps that.
  return values.units.includes('time') ? onOwnDates(decided) : decided;
}

function conflictOf(
  sides: Sides,
  conflicts: readonly UnitConflict[],
  waiting: readonly Unit[],
): { conflict?: PlannedConflict } {
  if (conflicts.length === 0) return {};
  const agreedOn = conflicts.filter(({ unit }) => wasAgreed(sides, unit));
  return {
    conflict: {
      type: agreedOn.length === conflicts.length ? 'UPDATE_UPDATE' : 'DUPLICATE_CREATE',
      status: waiting.length > 0 ? 'pending' : 'decided',
      units: conflicts.map(({ unit }) => unit),
      base: agreedOn.length > 0 ? (sides.base?.local ?? null) : null,
      local: sides.local,
      remote: sides.remote,
    },
  };
}
