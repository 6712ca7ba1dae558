import { touchItem } from '../mailbox/event-operations.ts';
import { renderBareOccurrence, renderInstance, renderItem, type View } from '../mailbox/event-render.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredCalendar, StoredItem } from '../mailbox/model.ts';
import { type Instance, instancesBetween, overlaps } from '../mailbox/series.ts';
import { lowerBound } from '../mailbox/time-index.ts';
import type { Window } from '../mailbox/window.ts';
import type { World } from '../mailbox/world.ts';
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

interface DeltaRequest {
  world: World;
  mailbox: Mailbox;
  calendar: StoredCalendar;
  view: View;
  pageSize: number;
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
  };
  return page(request, token);
}

/** The page behind a nextLink or deltaLink. */
export function continueRound(request: DeltaRequest, text: string): DeltaPage {
  const { world, mailbox, calendar } = request;
  const token = readToken(world, mailbox, calendar.folder, text);
  if (token.cursor !== undefined) return page(request, token);
  touchSomething(request);
  const head = mailbox.headSeq(calendar.folder, world.now() - world.switches.deltaVisibilityDelayMs);
  return page(request, { ...token, since: token.until, until: Math.max(head, token.until), page: 0 });
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
  const value = entries.map(({ row, render }) =>
    row === undefined ? Buffer.from(JSON.stringify(render())) : write(row, render),
  );
  const stuck = switches.deltaStuck && entries.length > 0;
  const cursor = stuck
    ? start
    : last === undefined
      ? start
      : replayed(request, entries, { n: last.n, part: last.part });
  const next = { ...token, page: token.page + 1, serial: nextSerial(world, mailbox) };
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
  const isAfter = (entry: Entry) => entry.n > after.n || (entry.n === after.n && entry.part > after.part);
  if (token.since === FIRST_ROUND) {
    for (const n of from(mailbox.numbersIn(calendar.folder), after.n)) {
      const item = mailbox.item(n)!;
      for (const entry of initialEntries(request, item, token.window))
        if (after.n === -1 || isAfter(entry)) yield entry;
    }
    return;
  }
  const changes = changedItems(mailbox, calendar.folder, token.since, token.until);
  for (const n of from(changes.numbers, after.n)) {
    for (const entry of changedEntries(request, mailbox.item(n)!, changes.what.get(n)!, token.window)) {
      if (after.n === -1 || isAfter(entry)) yield entry;
    }
  }
}

/** The numbers at or after one, without walking over those before. */
function* from(numbers: readonly number[], n: number): Generator<number> {
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
  const members = membersIn(item, window, byZone);
  return members.length === 0 ? [] : [whole, ...members.map((instance) => memberEntry(request, item, instance))];
}

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
  const cutEntries = cuts.map((what) => tombstone(request, item, what.slice(4)));
  if (changes.has('all') || item.recurrence === null) return sorted([...outside, ...present, ...cutEntries]);
  const shown = present.filter((entry) => entry.part === '' || dates.includes(entry.part));
  const left = dates.filter((date) => !shown.some((entry) => entry.part === date) && !item.cancelled.includes(date));
  return sorted([...outside, ...shown, ...left.map((date) => tombstone(request, item, date)), ...cutEntries]);
}

function goneEntries(request: DeltaRequest, item: StoredItem, window: Window): Entry[] {
  const members =
    request.world.switches.seriesDeleteTombstones === 'members'
      ? instancesBetween(item, window.startMs, window.endMs).map((instance) => tombstone(request, item, instance.date))
      : [];
  return [tombstone(request, item, ''), ...members];
}

/** The id is that of the calendar asked about: an event that has moved on has another default id elsewhere. */
function tombstone({ world, mailbox, calendar, view }: DeltaRequest, item: StoredItem, part: string): Entry {
  return {
    n: item.n,
    part,
    render: () => ({
      ...(world.switches.tombstoneType ? { '@odata.type': '#microsoft.graph.event' } : {}),
      id: mailbox.itemId({ n: item.n, folder: calendar.folder }, view.form, part),
      '@removed': { reason: 'deleted' },
    }),
  };
}

const typed = (event: object): object => ({ '@odata.type': '#microsoft.graph.event', ...event });

const sorted = (entries: Entry[]): Entry[] => entries.sort((a, b) => (a.part < b.part ? -1 : a.part > b.part ? 1 : 0));
