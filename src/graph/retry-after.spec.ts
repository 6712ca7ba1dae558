import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRetryAfter } from './retry-after.ts';

const NOW = new Date('2026-03-02T08:00:00Z');

describe('Retry-After', () => {
  it.each([
    ['7', 7_000],
    [' 7 ', 7_000],
    ['0', 0],
    ['2.128', 2_128],
    [7, 7_000],
    ['0.0004', 1],
    ['Mon, 02 Mar 2026 08:01:00 GMT', 60_000],
    ['Mon, 02 Mar 2026 07:59:00 GMT', 0],
  ])('%j means %i ms', (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected);
  });

  it.each(['', '  ', 'soon', '-5', '1e3', '7 s', null, undefined, {}, [7], -1, Number.NaN])(
    '%j means nothing',
    (header) => {
      expect(parseRetryAfter(header, NOW)).toBeUndefined();
    },
  );

  it.each(['86401', '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT'])(
    '%.40s means a day: no mailbox is silenced for good',
    (header) => {
      expect(parseRetryAfter(header, NOW)).toBe(24 * 60 * 60 * 1000);
    },
  );

  it('is never negative and never shorter than what was asked for', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 86_000, noNaN: true }), (seconds) => {
        const text = seconds.toFixed(4);
        const waitMs = parseRetryAfter(text, NOW);
        expect(waitMs).toBeGreaterThanOrEqual(Math.round(Number(text) * 1000 * 1e6) / 1e6 - 1e-6);
        expect(waitMs).toBeLessThan(Number(text) * 1000 + 1.000001);
      }),
    );
  });
});
