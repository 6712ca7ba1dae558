import { afterEach, describe, expect, it, vi } from 'vitest';
import { anEvent, at } from '../../test/support/events.ts';
import type { RecurrencePattern } from './event.ts';
import { expandOccurrences } from './recurrence.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** How many dates were made or read while a series was expanded: what work there is goes through them. */
function costOf(pattern: RecurrencePattern, start: string, end: string): { dates: number; occurrences: number } {
  const series = anEvent({
    start: at('1990-01-01T09:00:00'),
    end: at('1990-01-01T10:00:00'),
    recurrence: { pattern, range: { type: 'noEnd', startDate: '1990-01-01' } },
  });
  const asked = [vi.spyOn(Date, 'parse'), vi.spyOn(Date.prototype, 'toISOString'), vi.spyOn(Date.prototype, 'getTime')];
  const occurrences = expandOccurrences(series, { start: new Date(start), end: new Date(end) }).length;
  const dates = asked.reduce((sum, { mock }) => sum + mock.calls.length, 0);
  vi.restoreAllMocks();
  return { dates, occurrences };
}

describe('the work of expanding an endless series', () => {
  it.each<[string, RecurrencePattern, number]>([
    ['daily', { type: 'daily', interval: 1 }, 7],
    ['every third day', { type: 'daily', interval: 3 }, 3],
    ['weekly', { type: 'weekly', interval: 1, daysOfWeek: ['monday', 'friday'], firstDayOfWeek: 'monday' }, 2],
    ['monthly', { type: 'absoluteMonthly', interval: 1, dayOfMonth: 6 }, 1],
    ['monthly on a kind of day', { type: 'relativeMonthly', interval: 1, daysOfWeek: ['monday'], index: 'first' }, 1],
    ['yearly', { type: 'absoluteYearly', interval: 1, month: 3, dayOfMonth: 6 }, 1],
  ])('is that of the week asked for, a century later as well: %s', (_name, pattern, atMost) => {
    const early = costOf(pattern, '1990-03-05T00:00:00Z', '1990-03-12T00:00:00Z');
    const late = costOf(pattern, '2090-03-06T00:00:00Z', '2090-03-13T00:00:00Z');
    for (const { occurrences, dates } of [early, late]) {
      expect(occurrences).toBeLessThanOrEqual(atMost);
      expect(dates).toBeGreaterThan(0);
      expect(dates).toBeLessThan(400);
    }
    expect(late.occurrences).toBeGreaterThan(0);
  });

  it('grows with the days asked for, and not with those before them', () => {
    const daily: RecurrencePattern = { type: 'daily', interval: 1 };
    const week = costOf(daily, '2090-03-06T00:00:00Z', '2090-03-13T00:00:00Z');
    const year = costOf(daily, '2090-03-06T00:00:00Z', '2091-03-06T00:00:00Z');
    expect(year.dates / week.dates).toBeLessThan(60);
  });
});
