import { describe, expect, it } from 'vitest';
import { isStaleChange, STALE_AFTER_MS, STALE_ONCE_OVER_MS } from './stale-change.ts';

const madeAt = new Date('2026-03-02T08:00:00Z');
const after = (ms: number) => new Date(madeAt.getTime() + ms);

describe('a change', () => {
  it('is too old to mail anybody about after two weeks, and not a moment before', () => {
    for (const endsAt of [null, undefined, after(10 * STALE_AFTER_MS)]) {
      expect(isStaleChange({ madeAt, endsAt, now: after(STALE_AFTER_MS) })).toBe(false);
      expect(isStaleChange({ madeAt, endsAt, now: after(STALE_AFTER_MS + 1) })).toBe(true);
    }
  });

  it('is too old a day later when the meeting is over by then', () => {
    const endsAt = after(60_000);
    expect(isStaleChange({ madeAt, endsAt, now: after(STALE_ONCE_OVER_MS) })).toBe(false);
    expect(isStaleChange({ madeAt, endsAt, now: after(STALE_ONCE_OVER_MS + 1) })).toBe(true);
  });

  it('to a meeting that was over already is as good as any', () => {
    const endsAt = after(-60_000);
    expect(isStaleChange({ madeAt, endsAt, now: after(STALE_ONCE_OVER_MS + 1) })).toBe(false);
  });
});
