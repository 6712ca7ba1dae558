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

/** Bytes of one of two generations: when the younger is full, the older is forgotten. */
const GENERATION_BYTES = 64 * 1024 * 1024;

const SLAB_BYTES = 1024 * 1024;
const COMMA_CODE = 0x2c;
/** Selections are the caller's free choice, so their names are forgotten as well. */
const VARIANTS_MAX = 1000;

/** Rendered events as JSON in UTF-8, so that a page that was told before is put together, not written again. */
class RenderedEvents {
  readonly #variants = new Map<string, number>();
  #young = new Map<string, Rendered>();
  #old = new Map<string, Rendered>();
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
    const key = `${variant} ${item.n} ${row.date ?? row.instance?.date ?? ''}`;
    const young = this.#young.get(key);
    const stamp = mailbox.stampOf(item.n);
    if (young !== undefined && young.item === item && young.stamp === stamp) return young.bytes;
    const old = this.#old.get(key);
    const isGood = old !== undefined && old.item === item && old.stamp === stamp;
    const text = isGood ? old.bytes : JSON.stringify(render());
    const rendered = { item, stamp, bytes: this.#write(text) };
    this.#keep(key, rendered);
    return rendered.bytes;
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

  #keep(key: string, rendered: Rendered): void {
    this.#young.set(key, rendered);
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
  for (const [at, each] of value.entries()) {
    const joined = at === 0 ? undefined : joinedByComma(pieces.at(-1)!, each);
    if (joined !== undefined) pieces[pieces.length - 1] = joined;
    else if (at === 0) pieces.push(each);
    else pieces.push(COMMA, each);
  }
  pieces.push(Buffer.from(tail === '}' ? `]${tail}` : `],${tail}`));
  return pieces;
}

/** Two pieces as one, when they lie in one buffer with nothing but a comma between. */
function joinedByComma(a: Buffer, b: Buffer): Buffer | undefined {
  if (a.buffer !== b.buffer || a.byteOffset + a.length + 1 !== b.byteOffset) return undefined;
  const both = Buffer.from(a.buffer, a.byteOffset, a.length + 1 + b.length);
  return both[a.length] === COMMA_CODE ? both : undefined;
}
