import { describe, expect, it } from 'vitest';
import { MAX_DELIVERY_ATTEMPTS, pauseMs, readRetryAfter, redeliveryDelayMs } from './webhook-schedule.ts';

const HOUR_MS = 3_600_000;

describe('when a delivery is tried again', () => {
  it('follows Standard Webhooks’ schedule, over a little more than three days', () => {
    const delays = Array.from({ length: MAX_DELIVERY_ATTEMPTS - 1 }, (_, n) =>
      redeliveryDelayMs({ attempts: n + 1, jitter: 0 }),
    );
    expect(delays.slice(0, 3)).toEqual([5_000, 300_000, 1_800_000]);
    const hours = delays.reduce<number>((sum, delay) => sum + (delay ?? 0), 0) / HOUR_MS;
    expect(hours).toBeCloseTo(75.58, 1);
  });

  it('ends after the last attempt', () => {
    expect(redeliveryDelayMs({ attempts: MAX_DELIVERY_ATTEMPTS, jitter: 0 })).toBeUndefined();
  });

  it('is spread out by chance, and never before its time', () => {
    expect(redeliveryDelayMs({ attempts: 2, jitter: 0.5 })).toBe(330_000);
    expect(redeliveryDelayMs({ attempts: 2, jitter: 0.999 })).toBeLessThan(360_000);
  });

  it('is as late as the receiver wishes, up to a day, and no sooner than our own wait', () => {
    expect(redeliveryDelayMs({ attempts: 1, retryAfterMs: 60_000, jitter: 0 })).toBe(60_000);
    expect(redeliveryDelayMs({ attempts: 3, retryAfterMs: 1_000, jitter: 0 })).toBe(1_800_000);
    expect(redeliveryDelayMs({ attempts: 1, retryAfterMs: 10 ** 12, jitter: 0 })).toBe(24 * HOUR_MS);
  });
});

describe('how long an endpoint is left alone', () => {
  it('doubles with each failure, up to five minutes', () => {
    expect([1, 2, 3, 9, 5000].map((failures) => pauseMs({ failures, jitter: 0 }))).toEqual([
      ...[2_000, 4_000, 8_000, 300_000, 300_000],
    ]);
  });

  it('is as long as it asks, within the same bound', () => {
    expect(pauseMs({ failures: 1, retryAfterMs: 90_000, jitter: 0 })).toBe(90_000);
    expect(pauseMs({ failures: 1, retryAfterMs: 10 ** 9, jitter: 0 })).toBe(300_000);
  });
});

describe('Retry-After', () => {
  const now = new Date('2026-03-02T08:00:00Z');

  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Mon, 02 Mar 2026 08:01:00 GMT', 60_000],
    ['Mon, 02 Mar 2026 07:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['1e9', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (header, ms) => {
    expect(readRetryAfter(header, now)).toBe(ms);
  });
});
