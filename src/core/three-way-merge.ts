import { sameUnit, type Unit, unchangedUnit, unitsOf, unitValue, withUnit } from './canonical-event.ts';
import type { Attendee, EventContent } from './event.ts';

/**
 * What both sides last agreed on, kept per side because Exchange rewrites what it is given: comparing a side with its
 * own former form keeps a rewritten body or an enriched place from ever looking like a person's change.
 */
export interface AgreedContent {
  readonly local: EventContent;
  readonly remote: EventContent;
  /** Units that wait for a person's decision: in conflict until both sides hold the same or somebody decides. */
  readonly conflictUnits: readonly Unit[];
}

/** A unit that both sides changed, differently. The values are the unit's own, as JSON. */
export interface UnitConflict {
  readonly unit: Unit;
  readonly base: unknown;
  readonly local: unknown;
  readonly remote: unknown;
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

export function compareSides({ base, local, remote }: Sides): Comparison {
  const fromLocal: Unit[] = [];
  const fromRemote: Unit[] = [];
  const settled: Unit[] = [];
  const conflicts: UnitConflict[] = [];
  const units = base ? unitsOf(base.local, base.remote, local, remote) : unitsOf(local, remote);
  for (const unit of units) {
    const isWaiting = base?.conflictUnits.includes(unit) ?? false;
    const localChanged = !base || isWaiting || !unchangedUnit(base.local, local, unit);
    const remoteChanged = !base || isWaiting || !unchangedUnit(base.remote, remote, unit);
    if (!localChanged && !remoteChanged) continue;
    if (!localChanged) fromRemote.push(unit);
    else if (!remoteChanged) fromLocal.push(unit);
    else if (sameUnit(local, remote, unit)) settled.push(unit);
    else {
      conflicts.push({
        unit,
        base: base ? unitValue(base.local, unit) : null,
        local: unitValue(local, unit),
        remote: unitValue(remote, unit),
      });
    }
  }
  return { fromLocal, fromRemote, settled, conflicts };
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
      if (!base) acknowledge(conflict.unit);
      continue;
    }
    if (decision.kind === 'remote') merged = withUnit(merged, conflict.unit, remote);
    if (decision.kind === 'value') merged = withUnit(merged, conflict.unit, decision.from);
    acknowledge(conflict.unit);
  }
  return { merged, agreed: { local: agreedLocal, remote: agreedRemote, conflictUnits } };
}

/**
 * Both sides' additions and removals of attendees or categories, applied together.
 *
 * @returns local content with the merged set, or `undefined` for a unit that is not a set
 */
export function mergeAsSet({ base, local, remote }: Sides, unit: Unit): EventContent | undefined {
  if (unit === 'attendees') {
    const attendees = mergeSets<Attendee>(
      base?.remote.attendees ?? [],
      local.attendees,
      remote.attendees,
      (attendee) => attendee.emailAddress.address?.toLowerCase() ?? attendee.emailAddress.name ?? '',
    );
    return { ...local, attendees };
  }
  if (unit === 'categories') {
    const categories = mergeSets<string>(
      base?.remote.categories ?? [],
      local.categories,
      remote.categories,
      (category) => category,
    );
    return { ...local, categories };
  }
  return undefined;
}

function mergeSets<Item>(
  base: readonly Item[],
  local: readonly Item[],
  remote: readonly Item[],
  keyOf: (item: Item) => string,
): Item[] {
  const before = new Set(base.map(keyOf));
  const there = new Set(remote.map(keyOf));
  const here = new Set(local.map(keyOf));
  const removedThere = (item: Item) => before.has(keyOf(item)) && !there.has(keyOf(item));
  const addedThere = (item: Item) => !before.has(keyOf(item)) && !here.has(keyOf(item));
  return [...local.filter((item) => !removedThere(item)), ...remote.filter(addedThere)];
}
