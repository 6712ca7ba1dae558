import { describe, expect, it } from 'vitest';
import { judgeFlatness, type Sample, slopeOf } from './flatness.ts';

/** Twenty minutes, a sample every ten seconds. */
function samplesOf(name: string, at: (seconds: number) => number): Sample[] {
  return Array.from({ length: 120 }, (_, index) => ({ atS: index * 10, [name]: at(index * 10) }));
}
const judged = (name: string, at: (seconds: number) => number) => judgeFlatness(samplesOf(name, at))[0];

describe('what is flat', () => {
  it('is what warms up in the first half and then stays', () => {
    const trend = judged('service rss MB', (seconds) => Math.min(300, 100 + seconds));
    expect(trend).toMatchObject({ isFlat: true, atHalf: 300, atEnd: 300 });
    expect(trend?.perHour).toBeCloseTo(0);
  });

  it('is memory that breathes with the garbage collector', () => {
    expect(judged('service heap MB', (seconds) => 80 + 30 * Math.sin(seconds / 40))).toMatchObject({ isFlat: true });
  });

  it('is what took a step and came to rest', () => {
    const step = (seconds: number) => 190 + 110 * Math.min(1, Math.max(0, (seconds - 700) / 150));
    const trend = judged('service rss MB', step);
    expect(trend?.perHour).toBeGreaterThan(trend?.bound ?? 0);
    expect(trend).toMatchObject({ isFlat: true });
  });

  it('is memory that falls back to the same, with more garbage at each moment of looking than at the one before', () => {
    const garbage = (seconds: number) => (seconds % 130 === 0 ? 0 : seconds / 20);
    const trend = judged('service heap MB', (seconds) => 60 + garbage(seconds));
    expect(Math.min(trend?.perHour ?? 0, trend?.restPerHour ?? 0)).toBeGreaterThan(trend?.bound ?? 0);
    expect(trend).toMatchObject({ isFlat: true });
  });

  it('is not memory that falls back to more and more', () => {
    const garbage = (seconds: number) => (seconds % 130 === 0 ? 0 : seconds / 20);
    expect(judged('service heap MB', (seconds) => 60 + seconds / 50 + garbage(seconds))).toMatchObject({
      isFlat: false,
    });
  });

  it('is not memory, handles or connections that go on growing', () => {
    expect(judged('service rss MB', (seconds) => 200 + seconds / 20)).toMatchObject({ isFlat: false });
    expect(judged('worker 1 handles', (seconds) => 30 + seconds / 60)).toMatchObject({ isFlat: false });
    expect(judged('database connections', (seconds) => 12 + seconds / 60)).toMatchObject({ isFlat: false });
  });

  it('is not asked of what may grow, such as history', () => {
    expect(judged('rows of SyncOperation', (seconds) => seconds)).toMatchObject({ isFlat: true, bound: undefined });
  });

  it('has the slope of the straight line that fits best', () => {
    expect(
      slopeOf([
        [0, 1],
        [1, 3],
        [2, 5],
      ]),
    ).toBeCloseTo(2);
    expect(
      slopeOf([
        [3, 1],
        [3, 9],
      ]),
    ).toBe(0);
  });
});
