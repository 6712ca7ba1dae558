import { attendeeKey, type FixedUnit, type Unit } from './canonical-event.ts';
import type { Attendee, EventContent, EventFields, OccurrenceOverride } from './event.ts';
import { FIELDS_OF_UNIT } from './series.ts';
import { type Sides, wasAgreed } from './three-way-merge.ts';

/** What a merge can unite within one unit: sets of people and words, and the fields of one date of a series. */

/**
 * Both sides' changes to one unit, applied together.
 *
 * @returns local content with the united unit, or `undefined` when the two exclude each other
 */
export function uniteUnit(sides: Sides, unit: Unit): EventContent | undefined {
  const { base, local, remote } = sides;
  const agreed = base && wasAgreed(sides, unit) ? base : undefined;
  if (unit === 'categories') {
    const categories = uniteSets<string>(
      { before: agreed?.local.categories ?? [], now: local.categories },
      { before: agreed?.remote.categories ?? [], now: remote.categories },
      (category) => category,
      () => true,
    );
    return categories && { ...local, categories };
  }
  if (unit === 'attendees') {
    const attendees = uniteSets<Attendee>(
      { before: agreed?.local.attendees ?? [], now: local.attendees },
      { before: agreed?.remote.attendees ?? [], now: remote.attendees },
      attendeeKey,
      (a, b) => a.type === b.type,
    );
    return attendees && { ...local, attendees };
  }
  if (!unit.startsWith('occurrence:')) return undefined;
  const date = unit.slice('occurrence:'.length);
  const override = uniteOverrides(
    { before: agreed?.local.occurrences[date], now: local.occurrences[date] },
    { before: agreed?.remote.occurrences[date], now: remote.occurrences[date] },
  );
  return override && { ...local, occurrences: { ...local.occurrences, [date]: override } };
}

interface SetChange<Item> {
  readonly before: readonly Item[];
  readonly now: readonly Item[];
}

/** @returns `undefined` when one item was changed on both sides differently; an item changed here and removed there stays */
function uniteSets<Item>(
  local: SetChange<Item>,
  remote: SetChange<Item>,
  keyOf: (item: Item) => string,
  isSame: (a: Item, b: Item) => boolean,
): Item[] | undefined {
  const index = (items: readonly Item[]) => new Map(items.map((item) => [keyOf(item), item]));
  const [localBefore, here] = [index(local.before), index(local.now)];
  const [remoteBefore, there] = [index(remote.before), index(remote.now)];
  const isUnchanged = (a: Item | undefined, b: Item | undefined) =>
    a === undefined || b === undefined ? a === b : isSame(a, b);
  const united: Item[] = [];
  for (const key of new Set([...here.keys(), ...there.keys()])) {
    const [mine, theirs] = [here.get(key), there.get(key)];
    const isChangedHere = !isUnchanged(localBefore.get(key), mine);
    const isChangedThere = !isUnchanged(remoteBefore.get(key), theirs);
    if (isChangedHere && isChangedThere && mine !== undefined && theirs !== undefined && !isSame(mine, theirs)) {
      return undefined;
    }
    const kept = isChangedThere
      ? (theirs ?? (isChangedHere ? mine : undefined))
      : (mine ?? (isChangedHere ? undefined : theirs));
    if (kept !== undefined) united.push(kept);
  }
  return united;
}

interface DateChange {
  readonly before: OccurrenceOverride | undefined;
  readonly now: OccurrenceOverride | undefined;
}

/** Two changes of one date: different fields unite, and an edit is kept against a cancellation, as for whole events. */
function uniteOverrides(local: DateChange, remote: DateChange): OccurrenceOverride | undefined {
  if (local.now?.isCancelled) return remote.now?.isCancelled ? local.now : remote.now;
  if (remote.now?.isCancelled) return local.now;
  const united: Record<string, unknown> = {};
  for (const names of Object.values(FIELDS_OF_UNIT) as FieldNames[]) {
    const [here, there] = [pick(local.now, names), pick(remote.now, names)];
    const isChangedHere = !isSameJson(pick(local.before, names), here);
    const isChangedThere = !isSameJson(pick(remote.before, names), there);
    if (isChangedHere && isChangedThere && !isSameJson(here, there)) return undefined;
    Object.assign(united, isChangedThere ? there : here);
  }
  return { isCancelled: false, fields: united as Partial<EventFields> };
}

type FieldNames = (typeof FIELDS_OF_UNIT)[FixedUnit];

function pick(override: OccurrenceOverride | undefined, names: FieldNames): Partial<EventFields> {
  const fields = override && !override.isCancelled ? override.fields : {};
  return Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
}

function isSameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Content with the guests' answers as Graph has them. They are nobody's change to the event and never compared, but the
 * people here want to see who comes.
 *
 * @returns `content` itself when every answer is known already
 */
export function withAnswers(content: EventContent, remote: EventContent): EventContent {
  const answers = new Map(remote.attendees.map((attendee) => [attendeeKey(attendee), attendee.status]));
  let isNews = false;
  const attendees = content.attendees.map((attendee) => {
    const status = answers.get(attendeeKey(attendee));
    if (!status || isSameAnswer(attendee.status, status)) return attendee;
    isNews = true;
    return { ...attendee, status };
  });
  return isNews ? { ...content, attendees } : content;
}

function isSameAnswer(known: Attendee['status'], told: NonNullable<Attendee['status']>): boolean {
  if ((known?.response ?? 'none') !== told.response) return false;
  return told.response === 'none' || (known?.time ?? '') === (told.time ?? '');
}
