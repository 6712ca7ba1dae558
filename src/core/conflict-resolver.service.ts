import type { EventContent } from './event.ts';
import type { ConflictStrategy } from './settings.ts';
import { type Sides, type UnitConflict, type UnitDecision, wasAgreed } from './three-way-merge.ts';
import { uniteUnit } from './unit-merge.ts';

/** When each side was last changed, by one clock: the remote instant is already corrected by the offset to Graph's. */
export interface ModificationTimes {
  readonly localModifiedAt: Date;
  /** Unknown for a deletion at Outlook. */
  readonly remoteModifiedAt?: Date | undefined;
}

/** Which side an edit that met a deletion ends on; `wait` leaves it to a person. */
export type EditOrDeleteOutcome = 'local' | 'remote' | 'wait';

/** How a person decides a conflict; the same words as the strategies, with their own values under `manual`. */
export interface PersonalDecision {
  readonly resolution: ConflictStrategy;
  /** Under `manual`: content holding the values to keep, and which units it brings. */
  readonly values?: { readonly content: EventContent; readonly units: readonly string[] };
}

/**
 * Decides what becomes of two changes that exclude each other. Pure: the five strategies as tables, no I/O, no clock.
 *
 * A unit only one side changed never reaches this class, whatever the strategy: it simply flows.
 */
export class ConflictResolver {
  /** The automatic decision for one unit both sides changed differently. */
  decideUnit(conflict: UnitConflict, sides: Sides, strategy: ConflictStrategy, times: ModificationTimes): UnitDecision {
    switch (strategy) {
      case 'prefer_local':
        return { kind: 'local' };
      case 'prefer_remote':
        return { kind: 'remote' };
      case 'prefer_latest':
        return { kind: latestSide(times) };
      case 'merge':
        return this.#mergeUnit(conflict, sides) ?? { kind: 'wait' };
      case 'manual':
        return { kind: 'wait' };
    }
  }

  /**
   * Local deletion against a remote edit: which side's will is done. `merge` keeps the edit, and so does `prefer_latest` as
   * long as nobody knows when it was made.
   */
  decideLocalDeletion(strategy: ConflictStrategy, times: ModificationTimes): EditOrDeleteOutcome {
    const table: Record<ConflictStrategy, EditOrDeleteOutcome> = {
      prefer_local: 'local',
      prefer_remote: 'remote',
      prefer_latest: times.remoteModifiedAt ? latestSide(times) : 'remote',
      merge: 'remote',
      manual: 'wait',
    };
    return table[strategy];
  }

  /** Remote deletion against a local edit. The instant of a deletion at Outlook is unknown, so the edit counts as later. */
  decideRemoteDeletion(strategy: ConflictStrategy): EditOrDeleteOutcome {
    const table: Record<ConflictStrategy, EditOrDeleteOutcome> = {
      prefer_local: 'local',
      prefer_remote: 'remote',
      prefer_latest: 'local',
      merge: 'local',
      manual: 'wait',
    };
    return table[strategy];
  }

  /**
   * A person's decision for one unit. It always decides: what `merge` cannot unite, and what a manual decision does not
   * mention, goes to the side changed last, as the record shows.
   */
  decidePersonally(
    conflict: UnitConflict,
    sides: Sides,
    decision: PersonalDecision,
    times: ModificationTimes,
  ): UnitDecision {
    if (decision.resolution === 'manual' && decision.values?.units.includes(conflict.unit)) {
      return { kind: 'value', from: decision.values.content };
    }
    const strategy = decision.resolution === 'manual' ? 'merge' : decision.resolution;
    const decided = this.decideUnit(conflict, sides, strategy, times);
    return decided.kind === 'wait' ? { kind: latestSide(times) } : decided;
  }

  #mergeUnit(conflict: UnitConflict, sides: Sides): UnitDecision | undefined {
    if (conflict.isEntangled) return undefined;
    const united = uniteUnit(sides, conflict.unit);
    if (united) return { kind: 'value', from: united };
    if (wasAgreed(sides, conflict.unit)) return undefined;
    // Made on both sides: what only one of them filled in is no contradiction.
    if (isEmptyValue(conflict.local)) return { kind: 'remote' };
    if (isEmptyValue(conflict.remote)) return { kind: 'local' };
    return undefined;
  }
}

/** Ties go to remote: Outlook is where people look first. */
function latestSide({ localModifiedAt, remoteModifiedAt }: ModificationTimes): 'local' | 'remote' {
  if (!remoteModifiedAt) return 'local';
  return localModifiedAt.getTime() > remoteModifiedAt.getTime() ? 'local' : 'remote';
}

function isEmptyValue(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}
