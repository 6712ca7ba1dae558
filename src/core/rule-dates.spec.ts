import fc from 'fast-check';
import { RRuleTemporal } from 'rrule-temporal';
import { describe, expect, it } from 'vitest';
import { cpuTimer } from '../../test/support/cpu-time.ts';
import { arbitraryPattern } from '../../test/support/events.ts';
import type { PatternedRecurrence, RecurrencePattern, RecurrenceRange } from './event.ts';
import { toRRule } from './recurrence.ts';
import {
  dateOfDay,
  datesBetween,
  dayNumber,
  firstOccurrenceDate,
  lastOccurrenceDate,
  occursOn,
  weekdayOf,
} from './rule-dates.ts';

const endless = (pattern: RecurrencePattern, startDate: string): PatternedRecurrence => ({
  pattern,
  range: { type: 'noEnd', startDate },
});

describe('day numbers', () => {
  it('count days of the calendar, Sunday first in the week', () => {
    expect(dayNumber('1970-01-01')).toBe(0);
    expect(weekdayOf(dayNumber('2026-03-08'))).toBe(0);
    expect(weekdayOf(dayNumber('1899-12-30'))).toBe(6);
    fc.assert(fc.property(fc.integer({ min: -700_000, max: 2_900_000 }), (day) => dayNumber(dateOfDay(day)) === day));
  });
});

describe('every pattern gives its dates', () => {
  it.each<[string, RecurrencePattern, string, string[]]>([
    ['every third day', { type: 'daily', interval: 3 }, '2026-02-26', ['2026-02-26', '2026-03-01', '2026-03-04']],
    [
      'Monday and Thursday of every week, from a Tuesday',
      { type: 'weekly', interval: 1, daysOfWeek: ['thursday', 'monday'] },
      '2026-03-10',
      ['2026-03-12', '2026-03-16', '2026-03-19'],
    ],
    [
      'every second week counted from Monday: Sunday ends the week',
      { type: 'weekly', interval: 2, daysOfWeek: ['sunday', 'tuesday'], firstDayOfWeek: 'monday' },
      '2026-03-10',
      ['2026-03-10', '2026-03-15', '2026-03-24', '2026-03-29'],
    ],
    [
      'every second week counted from Sunday, as when nothing is said',
      { type: 'weekly', interval: 2, daysOfWeek: ['sunday', 'tuesday'] },
      '2026-03-10',
      ['2026-03-10', '2026-03-22', '2026-03-24', '2026-04-05'],
    ],
    [
      'the 31st, which is the last day of a short month',
      { type: 'absoluteMonthly', interval: 1, dayOfMonth: 31 },
      '2026-01-31',
      ['2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30'],
    ],
    [
      'the 30th in a leap year',
      { type: 'absoluteMonthly', interval: 1, dayOfMonth: 30 },
      '2028-01-31',
      ['2028-02-29', '2028-03-30'],
    ],
    [
      'the 29th every third month',
      { type: 'absoluteMonthly', interval: 3, dayOfMonth: 29 },
      '2025-11-29',
      ['2025-11-29', '2026-02-28', '2026-05-29'],
    ],
    [
      'the last Friday of every second month',
      { type: 'relativeMonthly', interval: 2, daysOfWeek: ['friday'], index: 'last' },
      '2026-01-01',
      ['2026-01-30', '2026-03-27', '2026-05-29'],
    ],
    [
      'the first working day',
      {
        type: 'relativeMonthly',
        interval: 1,
        daysOfWeek: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
        index: 'first',
      },
      '2026-07-02',
      ['2026-08-03', '2026-09-01', '2026-10-01'],
    ],
    [
      '29 February, every year',
      { type: 'absoluteYearly', interval: 1, dayOfMonth: 29, month: 2 },
      '2027-01-01',
      ['2027-02-28', '2028-02-29', '2029-02-28'],
    ],
    [
      'the third Thursday of November, every second year',
      { type: 'relativeYearly', interval: 2, daysOfWeek: ['thursday'], index: 'third', month: 11 },
      '2026-01-01',
      ['2026-11-19', '2028-11-16', '2030-11-21'],
    ],
  ])('%s', (_what, pattern, startDate, expected) => {
    expect(datesBetween(endless(pattern, startDate), startDate, '2035-01-01', expected.length)).toEqual(expected);
  });
});

/** A range of any of the three kinds, from a date that need not be on the pattern. */
function arbitraryRange(): fc.Arbitrary<RecurrenceRange> {
  const start = fc.integer({ min: -3_000, max: 30_000 });
  return fc.oneof(
    start.map((day) => ({ type: 'noEnd' as const, startDate: dateOfDay(day) })),
    fc.tuple(start, fc.integer({ min: 1, max: 60 })).map(([day, numberOfOccurrences]) => ({
      type: 'numbered' as const,
      startDate: dateOfDay(day),
      numberOfOccurrences,
    })),
    fc.tuple(start, fc.integer({ min: 0, max: 1500 })).map(([day, length]) => ({
      type: 'endDate' as const,
      startDate: dateOfDay(day),
      endDate: dateOfDay(day + length),
    })),
  );
}

const arbitraryRule = () => fc.record({ pattern: arbitraryPattern(), range: arbitraryRange() });

/** The same rule by a library that knows RFC 5545 and nothing of us. */
function byLibrary(recurrence: PatternedRecurrence, first: string, last: string): string[] {
  const dtstart = recurrence.range.startDate.replaceAll('-', '');
  const rrule = toRRule(recurrence).replace(/UNTIL=(\d{8})/, 'UNTIL=$1T235959Z');
  const rule = new RRuleTemporal({ rruleString: `DTSTART:${dtstart}T000000Z\nRRULE:${rrule}` });
  const dates = rule.between(new Date(`${first}T00:00:00Z`), new Date(`${last}T00:00:00Z`), true);
  return dates.map((date) => String(date).slice(0, 10)).filter((date) => date >= first && date <= last);
}

describe('laws', () => {
  it('agrees with an RFC 5545 library on every rule Graph can say', () => {
    const window = fc.tuple(fc.integer({ min: -100, max: 4_000 }), fc.integer({ min: 0, max: 700 }));
    fc.assert(
      fc.property(arbitraryRule(), window, (recurrence, [offset, length]) => {
        const from = dayNumber(recurrence.range.startDate) + offset;
        const [first, last] = [dateOfDay(from), dateOfDay(from + length)];
        expect(datesBetween(recurrence, first, last)).toEqual(byLibrary(recurrence, first, last));
      }),
      { numRuns: 400 },
    );
  });

  it('gives a window the dates that all windows together give it', () => {
    fc.assert(
      fc.property(arbitraryRule(), fc.integer({ min: 0, max: 800 }), (recurrence, split) => {
        const start = dayNumber(recurrence.range.startDate);
        const [first, middle, last] = [dateOfDay(start), dateOfDay(start + split), dateOfDay(start + 900)];
        const whole = datesBetween(recurrence, first, last);
        const parts = [
          ...datesBetween(recurrence, first, middle),
          ...datesBetween(recurrence, dateOfDay(start + split + 1), last),
        ];
        expect(parts).toEqual(whole);
        expect(whole.every((date) => occursOn(recurrence, date))).toBe(true);
        expect([...new Set(whole)].sort()).toEqual(whole);
      }),
    );
  });

  it('knows the first and the last date, and as many as were counted', () => {
    fc.assert(
      fc.property(arbitraryRule(), (recurrence) => {
        const { range } = recurrence;
        const all = datesBetween(recurrence, range.startDate, '9999-12-31', 100);
        expect(firstOccurrenceDate(recurrence)).toBe(all[0]);
        if (range.type === 'noEnd') expect(lastOccurrenceDate(recurrence)).toBeNull();
        if (range.type === 'numbered') expect(all).toHaveLength(range.numberOfOccurrences ?? 0);
        const ends = range.type === 'numbered' || (range.type === 'endDate' && all.length < 100);
        if (ends) expect(lastOccurrenceDate(recurrence)).toBe(all.at(-1));
      }),
    );
  });
});

describe('at the edges', () => {
  const daily = (range: RecurrenceRange): PatternedRecurrence => ({ pattern: { type: 'daily', interval: 1 }, range });

  it('stops at the end of all calendars', () => {
    expect(datesBetween(daily({ type: 'noEnd', startDate: '9999-12-30' }), '9999-12-30', '9999-12-31')).toEqual([
      '9999-12-30',
      '9999-12-31',
    ]);
    const far: PatternedRecurrence = {
      pattern: { type: 'absoluteYearly', interval: 99, dayOfMonth: 31, month: 3 },
      range: { type: 'numbered', startDate: '2026-03-31', numberOfOccurrences: 999 },
    };
    expect(lastOccurrenceDate(far)).toBe('9946-03-31');
  });

  it('has no dates for a range that ends before the pattern first comes round', () => {
    const never: PatternedRecurrence = {
      pattern: { type: 'absoluteYearly', interval: 1, dayOfMonth: 1, month: 2 },
      range: { type: 'endDate', startDate: '2026-03-09', endDate: '2027-01-31' },
    };
    expect(firstOccurrenceDate(never)).toBeUndefined();
    expect(lastOccurrenceDate(never)).toBeUndefined();
  });

  it.each<[string, PatternedRecurrence]>([
    ['a start that is no date', daily({ type: 'noEnd', startDate: '' })],
    ['a start that is on no calendar', daily({ type: 'noEnd', startDate: '2026-02-30' })],
    ['no days', endless({ type: 'weekly', interval: 1, daysOfWeek: [] }, '2026-03-09')],
    ['no days at all', endless({ type: 'relativeMonthly', interval: 1 }, '2026-03-09')],
    ['an end before the start', daily({ type: 'endDate', startDate: '2026-03-09', endDate: '2026-03-08' })],
  ])('gives nothing, and ends, for %s', (_what, recurrence) => {
    expect(datesBetween(recurrence, '2026-01-01', '2030-01-01')).toEqual([]);
    expect(firstOccurrenceDate(recurrence)).toBeUndefined();
    expect(occursOn(recurrence, '2026-03-09')).toBe(false);
  });

  it('reads an interval that makes no sense as one', () => {
    const rule = endless({ type: 'daily', interval: 0 }, '2026-03-09');
    expect(datesBetween(rule, '2026-03-09', '2026-03-10')).toEqual(['2026-03-09', '2026-03-10']);
  });

  it.each(['nonsense', '', '2026-02-30'])('never occurs on "%s"', (date) => {
    expect(occursOn(daily({ type: 'noEnd', startDate: '2026-01-01' }), date)).toBe(false);
  });

  it('reaches a window centuries away about as fast as the next one', () => {
    const patterns: RecurrencePattern[] = [
      { type: 'daily', interval: 1 },
      { type: 'weekly', interval: 1, daysOfWeek: ['monday', 'friday'] },
      { type: 'relativeMonthly', interval: 1, daysOfWeek: ['sunday'], index: 'last' },
    ];
    const timeFor = (first: string, last: string): number => {
      const spentMs = cpuTimer();
      let found = 0;
      for (let round = 0; round < 300; round += 1) {
        for (const pattern of patterns) found += datesBetween(endless(pattern, '1601-01-01'), first, last).length;
      }
      expect(found).toBeGreaterThan(0);
      return spentMs();
    };
    const near = timeFor('1601-01-01', '1601-02-01');
    // Walking there takes thousands of times as long, a busy machine a few.
    expect(timeFor('9000-01-01', '9000-02-01')).toBeLessThan(20 * near + 1_000);
  });
});
