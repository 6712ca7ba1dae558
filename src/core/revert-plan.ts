import { sameUnit, type Unit, unitsOf, withUnit } from './canonical-event.ts';
import type { EventContent } from './event.ts';
import { onOwnDates, withoutRevived } from './series-edit.ts';

/** One line of the journal, as far as taking it back is concerned. */
export interface JournalLine {
  readonly side: 'local' | 'remote';
  readonly operation: 'create' | 'update' | 'delete' | 'adopt' | 'fail' | 'hold';
  /** Units the line changed. */
  readonly fields: readonly string[];
  readonly before?: EventContent | undefined;
  readonly after?: EventContent | undefined;
  /** A copy that went from here alone: Outlook has the event still, where nobody here looks. */
  readonly isStillThere?: boolean | undefined;
}

/** Why something was left as it is. */
export type RevertObstacle =
  /** Somebody changed it after the run did: that is newer than what is to be taken back. */
  | 'changed-since'
  /** A date that was deleted in Outlook, which knows no way to restore one. */
  | 'gone-in-outlook'
  /** It is somebody else's meeting, and only its personal properties are ours to change. */
  | 'not-ours'
  /** It says again what it said before the run. */
  | 'already-as-before'
  /** What it was before is not remembered. */
  | 'not-remembered'
  /** It is in Outlook still, in a calendar that is not synced: made here again, it would be there twice. */
  | 'still-in-outlook'
  /** Its calendar is read-only in Outlook. */
  | 'read-only';

export type Revert =
  | { readonly kind: 'restore'; readonly content: EventContent; readonly units: readonly Unit[] }
  | { readonly kind: 'recreate'; readonly content: EventContent }
  | { readonly kind: 'delete' }
  | { readonly kind: 'nothing' };

export interface RevertPlan {
  readonly revert: Revert;
  readonly kept: readonly { readonly unit: Unit | 'event'; readonly why: RevertObstacle }[];
}

/** What an invited person may change of somebody else's meeting. */
const PERSONAL: ReadonlySet<string> = new Set(['categories', 'reminder', 'showAs', 'sensitivity']);

/**
 * Takes back what a run did to one event, on whichever side: the event here becomes what it was before, unit by unit, and
 * goes to Outlook like any change. What somebody changed after the run is newer, and stays.
 *
 * @param of.lines  what the run did to the event, in the order it was done
 * @param of.current  the event as it is here now; `null` when it is gone
 * @param of.isOurs  false for somebody else's meeting
 * @param of.there  the event as Outlook has it, as far as we know
 */
export function planRevert(of: {
  readonly lines: readonly JournalLine[];
  readonly current: EventContent | null;
  readonly isOurs: boolean;
  readonly there?: EventContent | null | undefined;
}): RevertPlan {
  const { lines, current } = of;
  const work: Work = { isOurs: of.isOurs, there: of.there, kept: [], restored: new Set() };
  let state = current;
  for (const line of lines.toReversed()) state = UNDO[line.operation](state, line, work);
  const revert = revertTo(current, state, work.restored);
  const isAsBefore = revert.kind === 'nothing' && work.kept.length === 0 && lines.some(isChange);
  return { revert, kept: isAsBefore ? [{ unit: 'event', why: 'already-as-before' }] : work.kept };
}

interface Work {
  readonly isOurs: boolean;
  readonly there: EventContent | null | undefined;
  readonly kept: RevertPlan['kept'][number][];
  readonly restored: Set<Unit>;
}

type Undo = (state: EventContent | null, line: JournalLine, work: Work) => EventContent | null;

const asItIs: Undo = (state) => state;

const UNDO: Record<JournalLine['operation'], Undo> = {
  create: undoCreate,
  update: undoUpdate,
  delete: undoDelete,
  adopt: asItIs,
  fail: asItIs,
  hold: asItIs,
};

function undoCreate(state: EventContent | null, { after, side }: JournalLine, { kept }: Work): EventContent | null {
  if (!state) return state;
  // Guests of events made here may never have gone to Outlook: they tell nothing of a change there.
  const units = after ? unitsOf(state, after).filter((unit) => side === 'local' || unit !== 'attendees') : [];
  if (after && units.every((unit) => sameUnit(state, after, unit))) return null;
  kept.push({ unit: 'event', why: after ? 'changed-since' : 'not-remembered' });
  return state;
}

function undoDelete(
  state: EventContent | null,
  { before, isStillThere = false }: JournalLine,
  { kept, isOurs }: Work,
): EventContent | null {
  if (state) return state;
  if (before && isOurs && !isStillThere) return before;
  kept.push({ unit: 'event', why: isStillThere ? 'still-in-outlook' : before ? 'not-ours' : 'not-remembered' });
  return state;
}

function undoUpdate(
  state: EventContent | null,
  { before, after, fields }: JournalLine,
  { isOurs, there, kept, restored }: Work,
): EventContent | null {
  if (!state || !before || !after) {
    kept.push({ unit: 'event', why: state ? 'not-remembered' : 'changed-since' });
    return state;
  }
  let undone = state;
  for (const unit of unitsOf(before, after).filter((each) => fields.includes(each))) {
    if (sameUnit(undone, before, unit)) continue;
    if (!sameUnit(undone, after, unit)) kept.push({ unit, why: 'changed-since' });
    else if (!isOurs && !PERSONAL.has(unit)) kept.push({ unit, why: 'not-ours' });
    else {
      const replaced = withUnit(undone, unit, before);
      const candidate = unit === 'time' ? onOwnDates(replaced) : replaced;
      const dropped = unitsOf(replaced).filter((each) => !unitsOf(candidate).includes(each));
      // What somebody said since about a date that goes with its rule is newer than the rule.
      if (dropped.some((date) => !sameUnit(undone, after, date))) kept.push({ unit, why: 'changed-since' });
      else if (withoutRevived(candidate, there) !== candidate) kept.push({ unit, why: 'gone-in-outlook' });
      else {
        undone = candidate;
        for (const each of [unit, ...dropped]) restored.add(each);
      }
    }
  }
  return undone;
}

function isChange({ operation }: JournalLine): boolean {
  return operation === 'create' || operation === 'update' || operation === 'delete';
}

function revertTo(current: EventContent | null, state: EventContent | null, restored: ReadonlySet<Unit>): Revert {
  if (!state) return current ? { kind: 'delete' } : { kind: 'nothing' };
  if (!current) return { kind: 'recreate', content: state };
  const units = [...restored].filter((unit) => !sameUnit(current, state, unit));
  return units.length > 0 ? { kind: 'restore', content: state, units } : { kind: 'nothing' };
}
