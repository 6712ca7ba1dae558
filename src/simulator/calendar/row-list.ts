import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredItem } from '../mailbox/model.ts';
import { type Instance, instanceOf, instancesBetween, overlaps } from '../mailbox/series.ts';
import { extentOf } from '../mailbox/series-extent.ts';
import type { Window } from '../mailbox/window.ts';
import type { Row } from './event-filter.ts';
import type { EventQuery } from './event-query.ts';

/** The rows of a list, made one by one as they are asked for: a page does not cost the whole mailbox. */
export interface RowList {
  readonly length: number;
  slice(from: number, to: number): Row[];
}

/** A list before filter and order. */
export interface RowSource {
  mailbox: Mailbox;
  /** Tells the source from every other one of the mailbox. */
  key: string;
  rows(): Iterable<Row>;
  /** The same rows without walking there, where that is possible. */
  direct?: RowList;
}

/** Single events and masters of one calendar. */
export function itemRows(mailbox: Mailbox, folder: number): RowSource {
  const numbers = mailbox.numbersIn(folder);
  return {
    mailbox,
    key: `items ${folder}`,
    *rows() {
      for (const item of mailbox.itemsIn(folder)) yield { mailbox, item };
    },
    direct: {
      length: numbers.length,
      slice: (from, to) => numbers.slice(from, to).map((n) => ({ mailbox, item: mailbox.item(n)! })),
    },
  };
}

/** Single events, occurrences and exceptions of a window. */
export function viewRows(mailbox: Mailbox, folder: number, window: Window, allDayByZone: boolean): RowSource {
  const { startMs, endMs } = window;
  return {
    mailbox,
    key: `view ${folder} ${startMs} ${endMs} ${allDayByZone}`,
    *rows() {
      for (const item of mailbox.itemsNear(folder, startMs, endMs)) {
        if (item.recurrence !== null) {
          for (const instance of membersIn(item, window, allDayByZone)) yield { mailbox, item, instance };
        } else if (overlaps(item.content, startMs, endMs, allDayByZone)) yield { mailbox, item };
      }
    },
  };
}

/** Members of one series in a window. */
export function memberRows(mailbox: Mailbox, item: StoredItem, window: Window): RowSource {
  return {
    mailbox,
    key: `members ${item.n} ${window.startMs} ${window.endMs}`,
    rows: () => membersIn(item, window, false).map((instance) => ({ mailbox, item, instance })),
  };
}

/** {@link instancesBetween} for a window that may lie far away from the series. */
export function membersIn(item: StoredItem, window: Window, allDayByZone: boolean): Instance[] {
  const extent = extentOf(item);
  if (extent.fromMs > window.endMs || extent.toMs < window.startMs) return [];
  return instancesBetween(item, window.startMs, window.endMs, allDayByZone);
}

/** The rows a query finds, in its order. */
export function findRows(source: RowSource, query: EventQuery, text: { filter: string; order: string }): RowList {
  if (source.direct !== undefined && query.filter === undefined && query.orderBy === undefined) return source.direct;
  const { mailbox } = source;
  const key = `${source.key} ${text.filter} by ${text.order}`;
  return remembered(mailbox, key, () => {
    let rows: Row[] = [];
    for (const row of source.rows()) if (query.filter === undefined || query.filter(row)) rows.push(row);
    if (query.orderBy !== undefined) rows = query.orderBy(rows);
    return compact(mailbox, rows);
  });
}

/** Keeps who is in the list, not what they look like. */
function compact(mailbox: Mailbox, rows: Row[]): RowList {
  const numbers = Uint32Array.from(rows, ({ item }) => item.n);
  const dates = rows.some(({ instance }) => instance !== undefined)
    ? rows.map(({ instance }) => instance?.date ?? '')
    : undefined;
  const row = (at: number): Row => {
    const item = mailbox.item(numbers[at]!)!;
    const date = dates?.[at] ?? '';
    if (date === '') return { mailbox, item };
    // Computed when it is looked at: a row that was told before is not.
    return {
      mailbox,
      item,
      date,
      get instance() {
        return instanceOf(item, date);
      },
    };
  };
  return {
    length: numbers.length,
    slice: (from, to) =>
      Array.from({ length: Math.max(0, Math.min(to, numbers.length) - from) }, (_, at) => row(from + at)),
  };
}

interface Remembered {
  list: RowList;
  seq: number;
}

/** Lists whose next pages are likely to be asked for: one of each caller walking through a calendar. */
const LISTS_KEPT = 100;
/** Rows in all of them together; one list may be longer. */
const ROWS_KEPT = 500_000;
const lists = new WeakMap<Mailbox, Map<string, Remembered>>();

/** A list is good until the mailbox's next change; whoever pages on then gets the rows that moved. */
function remembered(mailbox: Mailbox, key: string, make: () => RowList): RowList {
  let known = lists.get(mailbox);
  if (known === undefined) {
    known = new Map();
    lists.set(mailbox, known);
  }
  const seq = mailbox.state.nextSeq;
  const before = known.get(key);
  known.delete(key);
  const entry = before?.seq === seq ? before : { list: make(), seq };
  known.set(key, entry);
  if (entry !== before) forgetOldest(known);
  return entry.list;
}

function forgetOldest(known: Map<string, Remembered>): void {
  let rows = 0;
  for (const { list } of known.values()) rows += list.length;
  for (const [key, { list }] of known) {
    if (known.size === 1 || (known.size <= LISTS_KEPT && rows <= ROWS_KEPT)) return;
    rows -= list.length;
    known.delete(key);
  }
}
