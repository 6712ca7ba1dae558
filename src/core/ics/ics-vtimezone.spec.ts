import { Temporal } from 'temporal-polyfill';
import { describe, expect, it, vi } from 'vitest';
import { vtimezone } from './ics-vtimezone.ts';

/** How often the zone was asked for a change of its clocks, or for its clock. */
function costOf(years: { from: number; to: number }): { cost: number; lines: string[] } {
  const asked = vi.spyOn(Temporal.ZonedDateTime.prototype, 'getTimeZoneTransition');
  const read = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts');
  const lines = String(vtimezone('America/New_York', years)).split('\r\n');
  const cost = asked.mock.calls.length + read.mock.calls.length;
  vi.restoreAllMocks();
  return { cost, lines };
}

describe('a VTIMEZONE for times far away', () => {
  it('is no longer and no dearer for an event that ends in the year 9999', () => {
    costOf({ from: 2025, to: 2100 });
    const [near, far] = [costOf({ from: 2025, to: 2100 }), costOf({ from: 2025, to: 9999 })];
    expect(far.cost).toBe(near.cost);
    expect(far.lines).toEqual(near.lines);
  });

  it('is no dearer for an event before there were any time zones, and says what held then', () => {
    // What is asked once is remembered for the next time.
    costOf({ from: 1830, to: 2031 });
    const [late, early] = [costOf({ from: 1830, to: 2031 }), costOf({ from: 1001, to: 2031 })];
    expect(early.cost).toBeLessThan(late.cost + 20);
    expect(early.lines.filter((line) => line.startsWith('DTSTART:1001'))).toHaveLength(1);
    const others = (lines: readonly string[]) => lines.filter((line) => !/^DTSTART:(1001|1830)/.test(line));
    expect(others(early.lines)).toEqual(others(late.lines));
  });

  it('covers an event that begins there', () => {
    const text = String(vtimezone('Europe/Berlin', { from: 2998, to: 9999 }));
    expect(text).toContain('RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n');
    expect(text).toContain('DTSTART:29980325T020000');
  });
});
