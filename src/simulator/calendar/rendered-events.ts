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
const GENERATION_BYTES = 128 * 1024 * 1024;

/** Selections are the caller's free choice, so their names are forgotten as well. */
const VARIANTS_MAX = 1000;

/** Rendered events as JSON in UTF-8, so that a page that was told before is put together, not written again. */
class RenderedEvents {
  readonly #variants = new Map<string, number>();
  #young = new Map<string, Rendered>();
  #old = new Map<string, Rendered>();
  #youngBytes = 0;

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

  get({ mailbox, item, instance }: Row, variant: number, render: () => object): Buffer {
    const key = `${variant} ${item.n} ${instance?.date ?? ''}`;
    const young = this.#young.get(key);
    const stamp = mailbox.stampOf(item.n);
    if (young !== undefined && young.item === item && young.stamp === stamp) return young.bytes;
    const old = this.#old.get(key);
    const isGood = old !== undefined && old.item === item && old.stamp === stamp;
    const rendered = isGood ? old : { item, stamp, bytes: Buffer.from(JSON.stringify(render())) };
    this.#keep(key, rendered);
    return rendered.bytes;
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

const OPEN = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']');

/** A JSON document whose `value` is written already; properties in the order given. */
export function documentWith(before: object, value: readonly Buffer[], after: object): Buffer<ArrayBuffer> {
  const head = JSON.stringify(before).slice(0, -1);
  const tail = JSON.stringify(after).slice(1);
  const parts: Buffer[] = [Buffer.from(`${head}${head === '{' ? '' : ','}"value":`), OPEN];
  for (const [at, each] of value.entries()) {
    if (at > 0) parts.push(COMMA);
    parts.push(each);
  }
  parts.push(CLOSE, Buffer.from(tail === '}' ? tail : `,${tail}`));
  return Buffer.concat(parts);
}
