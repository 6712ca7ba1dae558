import type { StoredItem } from './model.ts';
import { lowerBound, TimeIndex } from './time-index.ts';

/** A few are cut out of the list one by one; more are left out in one go. */
const CUT_SINGLY = 32;

/** The living items of one calendar: by number, which is the order of paging, and by time. */
export class CalendarIndex {
  readonly #item: (n: number) => StoredItem | undefined;
  readonly #time: TimeIndex;
  #numbers: number[] = [];
  /** Still in the list, to be left out before anybody reads it. */
  #gone = new Set<number>();

  constructor(item: (n: number) => StoredItem | undefined) {
    this.#item = item;
    this.#time = new TimeIndex(() => this.items());
  }

  /** In ascending order. */
  get numbers(): readonly number[] {
    if (this.#gone.size > CUT_SINGLY) this.#numbers = this.#numbers.filter((n) => !this.#gone.has(n));
    else for (const n of this.#gone) this.#numbers.splice(lowerBound(this.#numbers, n), 1);
    if (this.#gone.size > 0) this.#gone = new Set();
    return this.#numbers;
  }

  *items(): Generator<StoredItem> {
    for (const n of this.numbers) yield this.#item(n)!;
  }

  /** Living items that may lie in a window, in order of number. */
  *itemsNear(startMs: number, endMs: number): Generator<StoredItem> {
    const numbers = this.numbers;
    for (const n of this.#time.candidates(startMs, endMs)) {
      if (numbers[lowerBound(numbers, n)] === n) yield this.#item(n)!;
    }
  }

  /** An item that is new here or has changed. */
  put(n: number): void {
    this.#time.note(n);
    if (this.#gone.delete(n)) return;
    if (n > (this.#numbers.at(-1) ?? -1)) {
      this.#numbers.push(n);
      return;
    }
    const at = lowerBound(this.#numbers, n);
    if (this.#numbers[at] !== n) this.#numbers.splice(at, 0, n);
  }

  remove(n: number): void {
    if (this.#numbers[lowerBound(this.#numbers, n)] === n) this.#gone.add(n);
  }
}
