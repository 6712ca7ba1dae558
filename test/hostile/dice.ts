import fc from 'fast-check';

/**
 * Hostile input by the number of a roll: the same number makes the same input. `HOSTILE_RUNS` multiplies how much is tried,
 * `HOSTILE_SEED` says which; what fails names its seed.
 */

const TIMES = Number(process.env['HOSTILE_RUNS'] ?? 1);
const SEED = process.env['HOSTILE_SEED'];

export interface Dice {
  /** @returns a whole number from 0 up to, but without, `below` */
  below(below: number): number;
  oneOf<T>(values: readonly T[]): T;
  /** @param chance  in [0, 1] */
  is(chance: number): boolean;
}

/** How often a property is tried; all of them follow from the printed seed. */
export function tries(usual: number): fc.Parameters<unknown> {
  return {
    numRuns: Math.max(1, Math.round(usual * TIMES)),
    endOnFailure: true,
    verbose: fc.VerbosityLevel.None,
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
  };
}

/** Rolls; smaller ones are no simpler, so nothing is gained by shrinking them. */
export const rolls = (): fc.Arbitrary<Dice> => fc.noShrink(fc.nat(2 ** 31 - 1)).map(diceOf);

/** A small generator of numbers (mulberry32), which needs no state but one number. */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    oneOf: <T>(values: readonly T[]) => values[below(values.length)] as T,
    is: (chance) => next() < chance,
    toString: () => `dice ${seed}`,
  } as Dice;
}
