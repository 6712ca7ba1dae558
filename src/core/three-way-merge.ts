import { sameUnit, type Unit, unchangedUnit, unitsOf, unitValue, withUnit } from './canonical-event.ts';
import type { EventContent } from './event.ts';
import { occursOn } from './rule-dates.ts';

/**
 * What both sides last agreed on, kept per side because Exchange rewrites what it is given: comparing a side with its
 * own former form keeps a rewritten body or an enriched place from ever looking like a person's change.
 */
export interface AgreedContent {
  readonly local: EventContent;
  readonly remote: EventContent;
  /**
   * Units that wait for a person's decision: until somebody decides, both sides hold the same, or a side returns to what
   * was agreed on. Those of an event made on both sides were never agreed on; each side's own value stands for that here.
   */
  readonly conflictUnits: readonly Unit[];
}

/** A unit that both sides changed, differently. The values are the unit's own, as JSON. */
export interface UnitConflict {
  readonly unit: Unit;
  readonly base: unknown;
  readonly local: unknown;
  readonly remote: unknown;
  /** Contradicts another unit rather than the same one: both go the same way, and neither can be merged alone. */
  readonly isEntangled: boolean;
}

/** Every unit of two sides, sorted by who changed it since they last agreed. */
export interface Comparison {
  readonly fromLocal: readonly Unit[];
  readonly fromRemote: readonly Unit[];
  /** Changed on both sides to the same value. */
  readonly settled: readonly Unit[];
  readonly conflicts: readonly UnitConflict[];
}

/** How one unit in conflict ends; `value` brings content whose unit is to be used on both sides. */
export type UnitDecision =
  | { readonly kind: 'local' }
  | { readonly kind: 'remote' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'value'; readonly from: EventContent };

export interface Sides {
  /** `null`: the same event was made on both sides, and nothing was agreed on yet. */
  readonly base: AgreedContent | null;
  readonly local: EventContent;
  readonly remote: EventContent;
}

/** False for a unit of an event made on both sides that still waits: nothing about it was ever agreed on. */
export function wasAgreed({ base }: Pick<Sides, 'base'>, unit: Unit): boolean {
  if (!base) return false;
  return !base.conflictUnits.includes(unit) || sameUnit(base.local, base.remote, unit);
}

export function compareSides(sides: Sides): Comparison {
  const { base, local, remote } = sides;
  const changes = changesOf(sides);
  const entangled = entangledUnits(sides, changes);
  const fromLocal: Unit[] = [];
  const fromRemote: Unit[] = [];
  const settled: Unit[] = [];
  const conflicts: UnitConflict[] = [];
  for (const { unit, isLocal, isRemote } of changes) {
    const isEntangled = entangled.has(unit);
    if (!isEntangled && !isLocal && !isRemote) continue;
    if (!isEntangled && !isLocal) fromRemote.push(unit);
    else if (!isEntangled && !isRemote) fromLocal.push(unit);
    else if (!isEntangled && sameUnit(local, remote, unit)) settled.push(unit);
    else {
      conflicts.push({
        unit,
        base: base && wasAgreed(sides, unit) ? unitValue(base.local, unit) : null,
        local: unitValue(local, unit),
        remote: unitValue(remote, unit),
        isEntangled,
      });
    }
  }
  return { fromLocal, fromRemote, settled, conflicts };
}

interface UnitChange {
  readonly unit: Unit;
  readonly isLocal: boolean;
  readonly isRemote: boolean;
}

function changesOf(sides: Sides): UnitChange[] {
  const { base, local, remote } = sides;
  if (!base) return unitsOf(local, remote).map((unit) => ({ unit, isLocal: true, isRemote: true }));
  return unitsOf(base.local, base.remote, local, remote).map((unit) => {
    const isNew = !wasAgreed(sides, unit);
    const isLocal = isNew || !unchangedUnit(base.local, local, unit);
    return { unit, isLocal, isRemote: isNew || !unchangedUnit(base.remote, remote, unit) };
  });
}

/**
 * What is said about a date lives on the rule that gives it. Where one side changed the rule and the other side changed a
 * date the new rule does not have, one cannot be had without losing the other: rule and date are then decided together, and
 * so is whatever else either side says about dates that only its own rule has. What a side dropped because its new rule does
 * not have the date goes or stays with that rule: a deleted date would come back under the other.
 */
function entangledUnits({ local, remote }: Sides, changes: readonly UnitChange[]): ReadonlySet<Unit> {
  const time = changes.find(({ unit }) => unit === 'time');
  if (!(time?.isLocal || time?.isRemote) || sameUnit(local, remote, 'time')) return new Set();
  const isStrayHere = ({ unit, isLocal }: UnitChange) => isLocal && isStray(local, remote, unit);
  const isStrayThere = ({ unit, isRemote }: UnitChange) => isRemote && isStray(remote, local, unit);
  const isDropped = ({ unit, isLocal, isRemote }: UnitChange) =>
    (time.isLocal && isLocal && isStray(remote, local, unit)) ||
    (time.isRemote && isRemote && isStray(local, remote, unit));
  const stray = changes.filter((change) => isStrayHere(change) || isStrayThere(change) || isDropped(change));
  const differing = stray.filter(({ unit }) => isApart(local, remote, unit));
  const isContested = differing.some(
    (change) =>
      (time.isRemote && isStrayHere(change)) ||
      (time.isLocal && isStrayThere(change)) ||
      (time.isLocal && time.isRemote && isDropped(change)),
  );
  return new Set(isContested ? ['time', ...differing.map(({ unit }) => unit)] : []);
}

/**
 * Whether a date would be said otherwise under the other side's rule. What only one side says would not be said at all, also
 * where a reader sees no difference, in text what the series says in markup: it would be left behind on a rule without it.
 */
function isApart(local: EventContent, remote: EventContent, unit: Unit): boolean {
  const isOfOneSide = (unitValue(local, unit) === null) !== (unitValue(remote, unit) === null);
  return !sameUnit(local, remote, unit) || (isOfOneSide && !unchangedUnit(local, remote, unit));
}

/** Whether one side says something about a date that the other side's rule does not have. */
function isStray(owner: EventContent, other: EventContent, unit: Unit): boolean {
  const date = unit.startsWith('occurrence:') ? unit.slice('occurrence:'.length) : undefined;
  if (date === undefined || !owner.recurrence || !owner.occurrences[date]) return false;
  return !other.recurrence || !occursOn(other.recurrence, date);
}

/**
 * Carries decisions out on paper.
 *
 * An acknowledged remote value goes into both bases: a local value that differs from it is thereby still to be pushed.
 *
 * @param decide  asked once for every unit in conflict
 * @returns the local side as it is to be, and what is agreed on from now on
 */
export function applyDecisions(
  sides: Sides,
  comparison: Comparison,
  decide: (conflict: UnitConflict) => UnitDecision,
): { readonly merged: EventContent; readonly agreed: AgreedContent } {
  const { base, remote } = sides;
  let merged = sides.local;
  let agreedLocal = base?.local ?? sides.local;
  let agreedRemote = base?.remote ?? remote;
  const conflictUnits: Unit[] = [];

  const acknowledge = (unit: Unit): void => {
    agreedLocal = withUnit(agreedLocal, unit, remote);
    agreedRemote = withUnit(agreedRemote, unit, remote);
  };
  for (const unit of comparison.fromRemote) {
    merged = withUnit(merged, unit, remote);
    acknowledge(unit);
  }
  for (const unit of comparison.settled) {
    agreedLocal = withUnit(agreedLocal, unit, sides.local);
    agreedRemote = withUnit(agreedRemote, unit, remote);
  }
  for (const conflict of comparison.conflicts) {
    const decision = decide(conflict);
    if (decision.kind === 'wait') {
      conflictUnits.push(conflict.unit);
      continue;
    }
    if (decision.kind === 'remote') merged = withUnit(merged, conflict.unit, remote);
    if (decision.kind === 'value') merged = withUnit(merged, conflict.unit, decision.from);
    acknowledge(conflict.unit);
  }
  return { merged, agreed: { local: agreedLocal, remote: agreedRemote, conflictUnits } };
}
