import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryDelayMs } from './retry-policy.ts';

const jitter = () => fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the wait before trying again', () => {
  it.each([0, 1, 1_500, 30_000, 3_600_000])('obeys Retry-After in full: %i ms', (retryAfterMs) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), jitter(), (attempt, drawn) => {
        expect(retryDelayMs({ attempt, retryAfterMs, jitter: drawn })).toBe(retryAfterMs);
      }),
    );
  });

  it.each([
    [1, 250, 500],
    [2, 500, 1_000],
    [3, 1_000, 2_000],
    [7, 16_000, 32_000],
    [8, 30_000, 60_000],
    [1_000, 30_000, 60_000],
  ])(
    'doubles with every attempt up to a minute, and is spread over its upper half: attempt %i',
    (attempt, least, most) => {
      expect(retryDelayMs({ attempt, jitter: 0 })).toBe(least);
      fc.assert(
        fc.property(jitter(), (drawn) => {
          const delay = retryDelayMs({ attempt, jitter: drawn });
          expect(delay).toBeGreaterThanOrEqual(least);
          expect(delay).toBeLessThanOrEqual(most);
          expect(Number.isInteger(delay)).toBe(true);
        }),
      );
    },
  );

  it('is not asked for before the first attempt', () => {
    expect(() => retryDelayMs({ attempt: 0, jitter: 0 })).toThrow('bug: ');
  });
});
