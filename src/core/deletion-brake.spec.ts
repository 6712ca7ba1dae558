import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BRAKE_MIN_DELETIONS, isMassDeletion } from './deletion-brake.ts';

describe('a run that would delete suspiciously much', () => {
  it.each([
    [0, 0, false],
    [1, 1, false],
    [20, 20, false],
    [21, 21, true],
    [21, 62, true],
    [21, 63, false],
    [21, 64, false],
    [34, 100, true],
    [33, 100, false],
    [5_000, 10_000, true],
    [3_334, 10_000, true],
    [3_333, 10_000, false],
  ])('%i of %i: stops? %s', (deletions, synced, expected) => {
    expect(isMassDeletion({ deletions, synced })).toBe(expected);
  });

  it('is one that deletes more than 20 and more than a third, exactly', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1_000_000 }), fc.nat({ max: 1_000_000 }), (deletions, synced) => {
        const expected = deletions > BRAKE_MIN_DELETIONS && BigInt(deletions) * 3n > BigInt(synced);
        expect(isMassDeletion({ deletions, synced })).toBe(expected);
      }),
    );
    fc.assert(
      fc.property(fc.nat({ max: 10_000_000 }), (third) => {
        expect(isMassDeletion({ deletions: third, synced: 3 * third })).toBe(false);
      }),
    );
  });
});
