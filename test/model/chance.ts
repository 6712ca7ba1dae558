import type { Random } from '../../src/core/runtime.ts';
import { seededRandom } from '../../src/simulator/runtime.ts';

/** Everything that is drawn in a world: ids and filler bytes too. Two with the same seed draw the same. */
export class Chance implements Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(mixed(seed));
  }

  next(): number {
    return this.#next();
  }

  id(): string {
    const hex = Buffer.from(this.bytes(16)).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }

  /** A whole number from 0 on, below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  isLucky(share: number): boolean {
    return this.#next() < share;
  }

  pick<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)];
    if (found === undefined) throw new RangeError('nothing can be picked from an empty list');
    return found;
  }

  /** @param weights  how often each is drawn, against the others */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const all = Object.entries(weights) as [Name, number][];
    let left = this.#next() * all.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of all) {
      left -= weight;
      if (left < 0) return name;
    }
    throw new RangeError('nothing can be drawn without weights');
  }

  /** A seed for something with a chance of its own. */
  seed(): number {
    return this.below(2 ** 31);
  }
}

/** Neighbours must not begin alike. */
function mixed(seed: number): number {
  let hash = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** One seed out of several numbers, in their order. */
export function seedOf(...parts: readonly number[]): number {
  return parts.reduce((seed, part) => mixed((Math.imul(seed, 31) + part) | 0), 17);
}
