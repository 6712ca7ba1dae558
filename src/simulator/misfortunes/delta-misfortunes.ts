import { refuseLike } from '../http/dialects.ts';
import type { IdForm } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { LogEntry } from '../mailbox/model.ts';
import type { World } from '../mailbox/world.ts';
import { seededRandom } from '../runtime.ts';

/** So many endless series, and pages smaller than this, were enough for a gateway timeout that never went away. */
const ENDLESS_SERIES = 5;
const TINY_PAGE = 50;
/** Of an event nobody ever had. */
const NOBODYS_NUMBER = 0x7fffffff;

/** @throws {GraphError} 504 `UnknownError` on calendars with endless series that are read in small pages */
export function requirePatience(world: World, mailbox: Mailbox, o: { folder: number; pageSize: number }): void {
  if (!world.switches.endlessSeriesTimeouts || o.pageSize >= TINY_PAGE) return;
  let endless = 0;
  for (const { recurrence } of mailbox.itemsIn(o.folder)) if (recurrence?.range.type === 'noEnd') endless += 1;
  if (endless >= ENDLESS_SERIES) throw refuseLike('unknown-error');
}

/**
 * How many rounds in a row have told nothing although there was something to tell, this one included; undefined when
 * this round tells.
 */
export function silentSoFar(world: World, before: number | undefined, hasNews: boolean): number | undefined {
  const silent = before ?? 0;
  return hasNews && silent < world.switches.deltaSilentRounds ? silent + 1 : undefined;
}

/**
 * Items that left a calendar and came back within one round: with immutable ids they are reported as removed, and
 * never again (reported for mail folders, the same machinery).
 *
 * @param log the round's changes in one calendar
 * @param before those lost in earlier rounds
 */
export function lostByMoving(
  world: World,
  form: IdForm,
  log: readonly LogEntry[],
  before: readonly number[] | undefined,
): readonly number[] | undefined {
  if (!world.switches.immutableMoveLoss || form !== 'immutable') return before;
  const left = new Set<number>();
  const lost = new Set(before);
  for (const { n, what } of log) {
    if (what === 'removed') left.add(n);
    else if (left.has(n)) lost.add(n);
  }
  return lost.size === 0 ? undefined : [...lost];
}

interface PageAbout {
  world: World;
  mailbox: Mailbox;
  folder: number;
  form: IdForm;
  serial: number;
  isFirst: boolean;
}

/** A page as the less tidy service sends it: in any order, items twice, tombstones where nothing can have gone. */
export function untidied(page: Buffer[], about: PageAbout): Buffer[] {
  const { deltaItemsTwice, deltaInitialTombstones, deltaOrder } = about.world.switches;
  let value = page;
  if (deltaItemsTwice === 'same') value = [...value, ...value];
  if (deltaItemsTwice === 'tombstone-first') value = value.flatMap((item) => [tombstoneOf(item), item]);
  // What is told twice keeps its order, or the last word on an item would be another.
  else if (deltaOrder === 'shuffled') value = shuffled(value, about.serial);
  if (deltaInitialTombstones && about.isFirst) value = [neverSeen(about), ...value];
  return value;
}

function tombstoneOf(item: Buffer): Buffer {
  const { id } = JSON.parse(item.toString()) as { id: string };
  return tombstone(id);
}

function neverSeen({ mailbox, folder, form }: PageAbout): Buffer {
  return tombstone(mailbox.itemId({ n: NOBODYS_NUMBER, folder }, form));
}

const tombstone = (id: string): Buffer =>
  Buffer.from(JSON.stringify({ '@odata.type': '#microsoft.graph.event', id, '@removed': { reason: 'deleted' } }));

function shuffled<T>(list: T[], seed: number): T[] {
  const next = seededRandom(seed);
  return list
    .map((item) => ({ item, place: next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
