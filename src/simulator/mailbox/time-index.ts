import type { StoredItem } from './model.ts';
import { DAY_MS } from './zones.ts';

/** Few events last longer; those stand apart, so that a window has to look back no further than this. */
const ORDINARY_MS = 7 * DAY_MS;
/** All-day dates float: read in a zone they move by less than this. */
const FLOAT_MS = DAY_MS;
/** So many changes are looked through one by one before sorting again pays. */
const CHANGES_KEPT = 1024;

/**
 * Where to look for the events of a window: single ones by start, series and long ones apart. Names candidates
 * only; whoever asks tests them, so an entry that has become wrong does no harm, only a missing one would.
 */
export class TimeIndex {
  readonly #items: () => Iterable<StoredItem>;
  #starts = new Float64Array();
  #numbers = new Uint32Array();
  #apart = new Set<number>();
  /** Added or changed since the sorting. */
  #changed = new Set<number>();
  #isSorted = false;

  constructor(items: () => Iterable<StoredItem>) {
    this.#items = items;
  }

  note(n: number): void {
    if (!this.#isSorted) return;
    this.#changed.add(n);
    if (this.#changed.size > CHANGES_KEPT) this.#isSorted = false;
  }

  /** Numbers in ascending order, each once; some of them may be gone. */
  candidates(startMs: number, endMs: number): Uint32Array {
    if (!this.#isSorted) this.#sort();
    const from = lowerBound(this.#starts, startMs - ORDINARY_MS - FLOAT_MS);
    const to = lowerBound(this.#starts, endMs + FLOAT_MS);
    const inside = this.#numbers.subarray(from, Math.max(from, to));
    const further = new Set([...this.#apart, ...this.#changed]);
    const found = new Uint32Array(inside.length + further.size);
    let length = 0;
    for (const n of inside) if (!this.#changed.has(n)) found[length++] = n;
    for (const n of further) found[length++] = n;
    return found.subarray(0, length).sort();
  }

  #sort(): void {
    this.#apart = new Set();
    this.#changed = new Set();
    const singles: StoredItem[] = [];
    for (const item of this.#items()) {
      const { startMs, endMs } = item.content;
      if (item.recurrence !== null || endMs - startMs > ORDINARY_MS) this.#apart.add(item.n);
      else singles.push(item);
    }
    // Places are sorted, not events: comparing reads one dense array.
    const unsorted = Float64Array.from(singles, ({ content }) => content.startMs);
    const places = new Uint32Array(singles.length).map((_, at) => at).sort((a, b) => unsorted[a]! - unsorted[b]!);
    this.#starts = Float64Array.from(places, (at) => unsorted[at]!);
    this.#numbers = places.map((at) => singles[at]!.n);
    this.#isSorted = true;
  }
}

/** The first position that holds `value` or more. */
export function lowerBound(sorted: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
