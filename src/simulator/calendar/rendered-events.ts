import type { View } from '../mailbox/event-render.ts';
import type { StoredItem } from '../mailbox/model.ts';
import type { World } from '../mailbox/world.ts';
import type { Row } from './event-filter.ts';
import { type EventQuery, renderRow } from './event-query.ts';

interface Rendered {
  item: StoredItem;
  version: number;
  bytes: Buffer;
}

/** Bytes of one of two generations: when the younger is full, the older is forgotten. */
const GENERATION_BYTES = 128 * 1024 * 1024;

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
      number = this.#variants.size;
      this.#variants.set(text, number);
    }
    return number;
  }

  get({ item, instance }: Row, variant: number, render: () => object): Buffer {
    const key = `${variant} ${item.n} ${instance?.date ?? ''}`;
    const young = this.#young.get(key);
    // Every change of an item, those of its exceptions included, moves its version.
    if (young !== undefined && young.item === item && young.version === item.version) return young.bytes;
    const old = this.#old.get(key);
    const isGood = old !== undefined && old.item === item && old.version === item.version;
    const rendered = isGood ? old : { item, version: item.version, bytes: Buffer.from(JSON.stringify(render())) };
    this.#keep(key, rendered);
    return rendered.bytes;
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
  return renderKept(world, rows, `list ${viewText(view)} ${select}`, render);
}

/** The same for rows of another shape; `shape` names it together with the view. */
export function renderKept(world: World, rows: readonly Row[], shape: string, render: (row: Row) => object): Buffer[] {
  const first = rows[0];
  if (first === undefined) return [];
  const cache = cacheOf(world);
  const variant = cache.variant(`${first.mailbox.state.id} ${shape} ${JSON.stringify(world.switches)}`);
  return rows.map((row) => cache.get(row, variant, () => render(row)));
}

export const viewText = ({ form, zone, bodyType }: View): string => `${form} ${zone} ${bodyType}`;

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
