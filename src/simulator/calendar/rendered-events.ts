import type { View } from '../mailbox/event-render.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredItem } from '../mailbox/model.ts';
import type { World } from '../mailbox/world.ts';
import type { Row } from './event-filter.ts';
import { type EventQuery, renderRow } from './event-query.ts';

interface Rendered {
  item: StoredItem;
  stamp: number;
  bytes: Buffer;
}

/** Bytes of one of two generations: when the younger is full, the older is forgotten. Together with 100,000 events they stay below 1 GB. */
const GENERATION_BYTES = 80 * 1024 * 1024;

const SLAB_BYTES = 1024 * 1024;
const COMMA_CODE = 0x2c;
/** Selections are the caller's free choice, so their names are forgotten as well. */
const VARIANTS_MAX = 1000;

/** Renderings of one variety: of whole items by number, of members of series by number and date. */
class Variety {
  readonly #items = new Map<number, Rendered>();
  readonly #members = new Map<string, Rendered>();

  get(n: number, date: string): Rendered | undefined {
    return date === '' ? this.#items.get(n) : this.#members.get(`${n} ${date}`);
  }

  set(n: number, date: string, rendered: Rendered): void {
    if (date === '') this.#items.set(n, rendered);
    else this.#members.set(`${n} ${date}`, rendered);
  }
}

/** Rendered events as JSON in UTF-8, so that a page that was told before is put together, not written again. */
class RenderedEvents {
  readonly #variants = new Map<string, number>();
  #young = new Map<number, Variety>();
  #old = new Map<number, Variety>();
  #youngBytes = 0;
  #slab = Buffer.alloc(0);
  #at = 0;

  /** A short name for everything besides the row that the rendering depends on. */
  variant(text: string): number {
    let number = this.#variants.get(text);
    if (number === undefined) {
      if (this.#variants.size === VARIANTS_MAX) this.#forget();
      number = this.#variants.size;
      this.#variants.set(text, number);
    }
    return number;
  }

  get(row: Row, variant: number, render: () => object): Buffer {
    const { mailbox, item } = row;
    const date = row.date ?? row.instance?.date ?? '';
    const young = this.#young.get(variant)?.get(item.n, date);
    const stamp = mailbox.stampOf(item.n);
    if (young !== undefined && young.item === item && young.stamp === stamp) return young.bytes;
    const old = this.#old.get(variant)?.get(item.n, date);
    const isGood = old !== undefined && old.item === item && old.stamp === stamp;
    const bytes = this.#write(isGood ? old.bytes : JSON.stringify(render()));
    this.#keep(variant, date, { item, stamp, bytes });
    return bytes;
  }

  /** One after the other with commas between, so that a page that was told before mostly is one piece of a slab. */
  #write(rendered: string | Buffer): Buffer {
    const length = Buffer.byteLength(rendered);
    if (this.#at + 1 + length > this.#slab.length) {
      // Few big ones: each allocation outside the heap brings the next full collection nearer.
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, length + 1));
      this.#at = 0;
    }
    const slab = this.#slab;
    const from = this.#at + 1;
    slab[this.#at] = COMMA_CODE;
    if (typeof rendered === 'string') slab.write(rendered, from);
    else rendered.copy(slab, from);
    this.#at = from + length;
    return slab.subarray(from, this.#at);
  }

  #forget(): void {
    this.#variants.clear();
    this.#young.clear();
    this.#old.clear();
    this.#youngBytes = 0;
  }

  #keep(variant: number, date: string, rendered: Rendered): void {
    let variety = this.#young.get(variant);
    if (variety === undefined) {
      variety = new Variety();
      this.#young.set(variant, variety);
    }
    variety.set(rendered.item.n, date, rendered);
    this.#youngBytes += rendered.bytes.length;
    if (this.#youngBytes < GENERATION_BYTES) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}

const caches = new WeakMap<World, RenderedEvents>();

function cacheOf(world: World): RenderedEvents {
  let cache = caches.get(world);
  if (cache === undefined) {
    cache = new RenderedEvents();
    caches.set(world, cache);
  }
  return cache;
}

/**
 * Rows as JSON. What is expanded belongs to other resources, whose changes leave the event's version alone, so
 * only rows without it are kept.
 */
export function renderRows(
  world: World,
  rows: readonly Row[],
  o: { view: View; query: Pick<EventQuery, 'select' | 'expand'> },
): Buffer[] {
  const { view, query } = o;
  const render = (row: Row) => renderRow(row, view, query);
  if (query.expand.size > 0) return rows.map((row) => Buffer.from(JSON.stringify(render(row))));
  const select = query.select === undefined ? '' : [...query.select].join();
  const mailbox = rows[0]?.mailbox;
  if (mailbox === undefined) return [];
  const write = rowWriter({ world, mailbox, view, shape: `list ${select}` });
  return rows.map((row) => write(row, render));
}

/**
 * Writes rows of one shape as JSON, those it has written before without calling `render`.
 *
 * @param o.shape names everything `render` depends on besides the row, the view and the switches
 */
export function rowWriter(o: {
  world: World;
  mailbox: Mailbox;
  view: View;
  shape: string;
}): (row: Row, render: (row: Row) => object) => Buffer {
  const cache = cacheOf(o.world);
  const variant = cache.variant(JSON.stringify([o.mailbox.idSpace, o.view, o.shape, o.world.switches]));
  return (row, render) => cache.get(row, variant, () => render(row));
}

const COMMA = Buffer.from(',');

/** A JSON document whose `value` is written already, in pieces; properties in the order given. */
export function documentWith(before: object, value: readonly Buffer[], after: object): Buffer[] {
  const head = JSON.stringify(before).slice(0, -1);
  const tail = JSON.stringify(after).slice(1);
  const pieces: Buffer[] = [Buffer.from(`${head}${head === '{' ? '' : ','}"value":[`)];
  joinByCommas(value, pieces);
  pieces.push(Buffer.from(tail === '}' ? `]${tail}` : `],${tail}`));
  return pieces;
}

/** Puts a comma between each two; neighbours that lie in one buffer with nothing but a comma between become one piece. */
function joinByCommas(value: readonly Buffer[], pieces: Buffer[]): void {
  let slab: Buffer | undefined;
  let from = 0;
  let to = 0;
  const end = () => {
    if (slab !== undefined) pieces.push(slab.subarray(from, to));
  };
  for (const each of value) {
    if (slab !== undefined && slab.buffer === each.buffer && each.byteOffset === to + 1 && slab[to] === COMMA_CODE) {
      to += 1 + each.length;
      continue;
    }
    if (slab !== undefined) {
      end();
      pieces.push(COMMA);
    }
    if (slab?.buffer !== each.buffer) slab = Buffer.from(each.buffer);
    from = each.byteOffset;
    to = from + each.length;
  }
  end();
}
