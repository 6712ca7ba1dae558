import { touchItem } from '../mailbox/event-operations.ts';
import { renderBareOccurrence, renderInstance, renderItem, type View } from '../mailbox/event-render.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredCalendar, StoredItem } from '../mailbox/model.ts';
import { type Instance, instanceOf, instancesBetween, overlaps } from '../mailbox/series.ts';
import { extentOf } from '../mailbox/series-extent.ts';
import { lowerBound } from '../mailbox/time-index.ts';
import type { Window } from '../mailbox/window.ts';
import type { World } from '../mailbox/world.ts';
import { DAY_MS } from '../mailbox/zones.ts';
import { lostByMoving, silentSoFar, untidied } from '../misfortunes/delta-misfortunes.ts';
import { changedItems } from './changed-items.ts';
import { type DeltaCursor, type DeltaToken, FIRST_ROUND, nextSerial, readToken, writeToken } from './delta-token.ts';
import type { Row } from './event-filter.ts';
import { rowWriter } from './rendered-events.ts';
import { membersIn } from './row-list.ts';

/**
 * `calendarView/delta` (Microsoft Graph "event: delta", "Get incremental changes to events in a calendar view").
 *
 * A round is a walk over the calendar's items in key order: all of them the first time, those in the change
 * log afterwards. The place in the walk is part of the link, so pages can be asked for again and a change in
 * the middle of a round is never lost: it is in the log behind the round's upper end.
 */
export interface DeltaPage {
  /** Each one written already, as JSON. */
  value: Buffer[];
  token: string;
  /** Whether the token belongs into a nextLink or a deltaLink. */
  isLast: boolean;
}

export interface DeltaRequest {
  world: World;
  mailbox: Mailbox;
  calendar: StoredCalendar;
  view: View;
  pageSize: number;
  /** `events/delta`: single events, masters and exceptions, no occurrences. */
  isOfEvents?: boolean;
}

/** One row of a round. `part`: '' for the item itself, a date for a member of the series. */
interface Entry {
  n: number;
  part: string;
  /** What it shows; a tombstone has none. */
  row?: Row;
  render: () => object;
}

/** The first page of the first round. */
export function openRound(request: DeltaRequest, window: Window): DeltaPage {
  const { world, mailbox, calendar } = request;
  touchSomething(request);
  const until = mailbox.headSeq(calendar.folder, world.now() - world.switches.deltaVisibilityDelayMs);
  const token = {
    mailboxId: mailbox.state.id,
    folder: calendar.folder,
    window,
    since: FIRST_ROUND,
    until,
    page: 0,
    serial: 0,
    ...(request.isOfEvents === true ? { isOfEvents: true } : {}),
  };
  return page(request, token);
}

/** The page behind a nextLink or deltaLink. */
export function continueRound(request: DeltaRequest, text: string): DeltaPage {
  const { world, mailbox, calendar } = request;
  const token = readToken(world, mailbox, calendar.folder, text, request.isOfEvents);
  if (token.cursor !== undefined) return page(request, token);
  touchSomething(request);
  const head = mailbox.headSeq(calendar.folder, world.now() - world.switches.deltaVisibilityDelayMs);
  const silent = silentSoFar(world, token.silent, head > token.until);
  const until = silent === undefined ? Math.max(head, token.until) : token.until;
  const log = mailbox.logBetween(calendar.folder, token.until, until);
  const lost = lostByMoving(world, request.view.form, log, token.lost);
  return page(request, { ...token, since: token.until, until, page: 0, silent, lost });
}

/** The service changes items on its own (reminders, processing): changeKey moves, content does not. */
function touchSomething({ world, mailbox, calendar }: DeltaRequest): void {
  if (!world.switches.spontaneousTouch) return;
  const numbers = mailbox.numbersIn(calendar.folder);
  const item = mailbox.item(numbers[Math.floor(world.next() * numbers.length)] ?? -1);
  if (item !== undefined) touchItem(world, mailbox, item);
}

function page(request: DeltaRequest, token: DeltaToken): DeltaPage {
  const { world, mailbox, pageSize } = request;
  const { switches } = world;
  const isOpening = token.cursor === undefined;
  const empty =
    switches.deltaEmptyPages === 'every' ? token.page % 2 === 0 : switches.deltaEmptyPages === 'first' && isOpening;
  const start: DeltaCursor = token.cursor ?? { n: -1, part: '' };
  const entries: Entry[] = [];
  let more = empty;
  if (!empty) {
    for (const entry of walk(request, token, start)) {
      if (entries.length === pageSize) {
        more = true;
        break;
      }
      entries.push(entry);
    }
  }
  const last = entries.at(-1);
  const write = rowWriter({ world, mailbox, view: request.view, shape: 'delta' });
  const rows = entries.map(({ row, render }) =>
    row === undefined ? Buffer.from(JSON.stringify(render())) : write(row, render),
  );
  const stuck = switches.deltaStuck && entries.length > 0;
  const cursor = stuck
    ? start
    : last === undefined
      ? start
      : replayed(request, entries, { n: last.n, part: last.part });
  const next = { ...token, page: token.page + 1, serial: nextSerial(world, mailbox) };
  const value = untidied(rows, {
    ...{ world, mailbox, folder: token.folder, form: request.view.form, serial: next.serial },
    isFirst: isOpening && token.since === FIRST_ROUND,
  });
  if (more || stuck) return { value, token: writeToken(world, { ...next, cursor }), isLast: false };
  return { value, token: writeToken(world, { ...next, cursor: undefined }), isLast: true };
}

/** With replays on, a page begins with what ended the one before. */
function replayed({ world }: DeltaRequest, entries: Entry[], end: DeltaCursor): DeltaCursor {
  const beforeLast = entries.at(-2);
  if (!world.switches.deltaReplays || beforeLast === undefined) return end;
  return { n: beforeLast.n, part: beforeLast.part };
}

function* walk(request: DeltaRequest, token: DeltaToken, after: DeltaCursor): Generator<Entry> {
  const { mailbox, calendar } = request;
  const isBackwards = request.world.switches.deltaOrder === 'newest-first';
  const isAfter = (entry: Pick<Entry, 'n' | 'part'>) =>
    (isBackwards ? entry.n < after.n : entry.n > after.n) || (entry.n === after.n && entry.part > after.part);
  if (token.since === FIRST_ROUND) {
    for (const n of from(mailbox.numbersIn(calendar.folder), after.n, isBackwards)) {
      const item = mailbox.item(n)!;
      for (const entry of initialEntries(request, item, token.window))
        if (after.n === -1 || isAfter(entry)) yield entry;
    }
    return;
  }
  const changes = changedItems(mailbox, calendar.folder, token.since, token.until);
  for (const n of from(changes.numbers, after.n, isBackwards)) {
    const [item, what] = [mailbox.item(n)!, changes.what.get(n)!];
    if (token.lost?.includes(n)) {
      // Told as gone in the round it came back in, never told of afterwards.
      if (what.has('removed') && (after.n === -1 || isAfter({ n, part: '' }))) yield tombstone(request, item, '');
      continue;
    }
    for (const entry of changedEntries(request, item, what, token.window)) {
      if (after.n === -1 || isAfter(entry)) yield entry;
    }
  }
}

/** The numbers at or after one, without walking over those before; -1 stands for all. */
function* from(numbers: readonly number[], n: number, isBackwards: boolean): Generator<number> {
  if (isBackwards) {
    const end = n === -1 ? numbers.length : lowerBound(numbers, n + 1);
    for (let at = end - 1; at >= 0; at -= 1) yield numbers[at]!;
    return;
  }
  for (let at = lowerBound(numbers, n); at < numbers.length; at += 1) yield numbers[at]!;
}

/** Everything of an item that lies in the window; a master only with members there. */
function initialEntries(request: DeltaRequest, item: StoredItem, window: Window): Entry[] {
  const { world, mailbox, view } = request;
  const byZone = world.switches.allDayWindow === 'zone';
  const whole = {
    n: item.n,
    part: '',
    row: { mailbox, item },
    render: () => typed(renderItem(mailbox, item, view)),
  };
  if (item.recurrence === null) return overlaps(item.content, window.startMs, window.endMs, byZone) ? [whole] : [];
  if (request.isOfEvents === true) return eventEntries(request, whole, item, window);
  const members = membersIn(item, window, byZone);
  return members.length === 0 ? [] : [whole, ...members.map((instance) => memberEntry(request, item, instance))];
}

/** The window of `events/delta` may be open: a series counts as far as it reaches, without being expanded. */
function eventEntries(request: DeltaRequest, whole: Entry, item: StoredItem, window: Window): Entry[] {
  const extent = extentOf(item);
  const { startMs, endMs } = window;
  if (extent.fromMs >= endMs || extent.toMs <= startMs) return [];
  // The extent is rough by days, so at its edges the series is asked itself.
  const isEdge = extent.toMs - startMs < ROUGH_MS || endMs - extent.fromMs < ROUGH_MS;
  if (isEdge && instancesBetween(item, startMs, Math.min(endMs, extent.toMs)).length === 0) return [];
  const changed = exceptionsIn(item, window).map((instance) => memberEntry(request, item, instance));
  return [whole, ...changed];
}

const ROUGH_MS = 8 * DAY_MS;

const exceptionsIn = (item: StoredItem, window: Window): Instance[] =>
  Object.keys(item.exceptions)
    .sort()
    .map((date) => instanceOf(item, date))
    .filter(({ content }) => overlaps(content, window.startMs, window.endMs));

function memberEntry({ mailbox, view }: DeltaRequest, item: StoredItem, instance: Instance): Entry {
  return {
    n: item.n,
    part: instance.date,
    row: { mailbox, item, instance },
    render: () =>
      instance.exception === undefined
        ? renderBareOccurrence(mailbox, item, instance, view)
        : typed(renderInstance(mailbox, item, instance, view)),
  };
}

/** What the log says about one item, as it is to be told now. */
function changedEntries(
  request: DeltaRequest,
  item: StoredItem,
  changes: ReadonlySet<string>,
  window: Window,
): Entry[] {
  const { world, calendar } = request;
  if (item.deleted || item.folder !== calendar.folder) return goneEntries(request, item, window);
  const present = initialEntries(request, item, window);
  // Created, changed or deleted outside the window: a tombstone, whether the id was ever told or not.
  const outside = present.length === 0 ? [tombstone(request, item, '')] : [];
  const dates = [...changes].filter((what) => /^\d/.test(what));
  const cuts =
    world.switches.occurrenceDeleteTombstone === 'emitted'
      ? [...changes].filter((what) => what.startsWith('cut:'))
      : [];
  const cutEntries = [
    ...cuts.map((what) => tombstone(request, item, what.slice(4))),
    ...revived(request, item, changes),
  ];
  if (changes.has('all') || item.recurrence === null) return sorted([...outside, ...present, ...cutEntries]);
  const shown = present.filter((entry) => entry.part === '' || dates.includes(entry.part));
  const left = dates.filter((date) => !shown.some((entry) => entry.part === date) && !item.cancelled.includes(date));
  return sorted([...outside, ...shown, ...left.map((date) => tombstone(request, item, date)), ...cutEntries]);
}

/** Deleted and brought back in one round: under a new default id, so the old one is gone. */
function revived(request: DeltaRequest, item: StoredItem, changes: ReadonlySet<string>): Entry[] {
  const generation = item.generation ?? 0;
  if (request.view.form !== 'default' || generation === 0 || !changes.has('removed')) return [];
  const { render } = tombstone(request, { ...item, generation: generation - 1 }, '');
  // Right behind the item itself in the order of the walk.
  return [{ n: item.n, part: '!', render }];
}

function goneEntries(request: DeltaRequest, item: StoredItem, window: Window): Entry[] {
  if (request.world.switches.seriesDeleteTombstones === 'master') return [tombstone(request, item, '')];
  const members =
    request.isOfEvents === true ? exceptionsIn(item, window) : instancesBetween(item, window.startMs, window.endMs);
  return [tombstone(request, item, ''), ...members.map(({ date }) => tombstone(request, item, date))];
}

/** The id is that of the calendar asked about: an event that has moved on has another default id elsewhere. */
function tombstone({ world, mailbox, calendar, view }: DeltaRequest, item: StoredItem, part: string): Entry {
  const { n, generation } = item;
  return {
    n,
    part,
    render: () => ({
      ...(world.switches.tombstoneType ? { '@odata.type': '#microsoft.graph.event' } : {}),
      id: mailbox.itemId({ n, folder: calendar.folder, generation }, view.form, part),
      '@removed': { reason: 'deleted' },
    }),
  };
}

const typed = (event: object): object => ({ '@odata.type': '#microsoft.graph.event', ...event });

const sorted = (entries: Entry[]): Entry[] => entries.sort((a, b) => (a.part < b.part ? -1 : a.part > b.part ? 1 : 0));
