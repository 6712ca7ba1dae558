import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import type { Pattern, Range, Recurrence } from './model.ts';
import { readRecurrence } from './recurrence-input.ts';
import { DAYS, expandDates, INDEXES } from './recurrence-rule.ts';

const pattern = (change: Partial<Pattern>): Pattern => ({
  type: 'daily',
  interval: 1,
  month: 0,
  dayOfMonth: 0,
  daysOfWeek: [],
  firstDayOfWeek: 'sunday',
  index: 'first',
  ...change,
});

const range = (change: Partial<Range>): Range => ({
  type: 'noEnd',
  startDate: '2026-01-31',
  endDate: '0001-01-01',
  recurrenceTimeZone: 'UTC',
  numberOfOccurrences: 0,
  ...change,
});

const dates = (recurrence: Recurrence, from = '2026-01-01', to = '2027-12-31') => expandDates(recurrence, from, to);

describe('recurrence patterns', () => {
  it('moves day 31 to the last day of short months, where RFC 5545 skips them', () => {
    const monthly = {
      pattern: pattern({ type: 'absoluteMonthly', dayOfMonth: 31 }),
      range: range({ type: 'numbered', numberOfOccurrences: 4 }),
    };
    expect(dates(monthly)).toEqual(['2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30']);
    expect(rfcDates('FREQ=MONTHLY;BYMONTHDAY=31;COUNT=4', '2026-01-31')).toEqual([
      '2026-01-31',
      '2026-03-31',
      '2026-05-31',
      '2026-07-31',
    ]);
  });

  it('keeps 29 February every year, on the 28th', () => {
    const yearly = {
      pattern: pattern({ type: 'absoluteYearly', dayOfMonth: 29, month: 2 }),
      range: range({ startDate: '2024-02-29' }),
    };
    expect(dates(yearly, '2024-01-01', '2028-12-31')).toEqual([
      '2024-02-29',
      '2025-02-28',
      '2026-02-28',
      '2027-02-28',
      '2028-02-29',
    ]);
  });

  it('starts weeks on Sunday unless told otherwise, which decides every second week', () => {
    const biweekly = (firstDayOfWeek: string) => ({
      pattern: pattern({ type: 'weekly', interval: 2, daysOfWeek: ['sunday', 'tuesday'], firstDayOfWeek }),
      range: range({ startDate: '2026-03-03', type: 'numbered', numberOfOccurrences: 3 }),
    });
    expect(dates(biweekly('sunday'))).toEqual(['2026-03-03', '2026-03-15', '2026-03-17']);
    expect(dates(biweekly('monday'))).toEqual(['2026-03-03', '2026-03-08', '2026-03-17']);
  });

  it('takes the first matching day of several in a relative pattern', () => {
    const firstWorkday = {
      pattern: pattern({
        type: 'relativeMonthly',
        daysOfWeek: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
        index: 'first',
      }),
      range: range({ type: 'numbered', numberOfOccurrences: 3 }),
    };
    expect(dates(firstWorkday)).toEqual(['2026-02-02', '2026-03-02', '2026-04-01']);
  });

  it('gives the same dates whether entered at the start or in the middle', () => {
    fc.assert(
      fc.property(arbitraryRecurrence(), fc.integer({ min: 0, max: 900 }), ({ recurrence }, days) => {
        const middle = Temporal.PlainDate.from('2026-01-01').add({ days }).toString();
        const all = dates(recurrence, '2026-01-01', '2029-12-31');
        expect(dates(recurrence, middle, '2029-12-31')).toEqual(all.filter((date) => date >= middle));
      }),
      { numRuns: 200 },
    );
  });

  it('agrees with RFC 5545 where the two can say the same', () => {
    fc.assert(
      fc.property(arbitraryRecurrence(), ({ recurrence, rrule, startDate }) => {
        expect(dates(recurrence, '2026-01-01', '2040-12-31')).toEqual(rfcDates(`${rrule};COUNT=8`, startDate));
      }),
      { numRuns: 150 },
    );
  });

  const published = resolve(import.meta.dirname, '../../../../shared/ics/_expansions/graph-convertible.jsonl');
  it.skipIf(!existsSync(published))(`expands the published rules (${published}; skipped where absent)`, () => {
    const rows = readFileSync(published, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.length).toBeGreaterThan(10);
    for (const { name, graph, expected, complete, timeZone } of rows) {
      const zone = timeZone ?? 'UTC';
      if (expected.length === 0) {
        // A series without any occurrence cannot be made.
        expect(() => readRecurrence(graph, { zone, startDates: [graph.range.startDate] }), name).toThrow();
        continue;
      }
      const recurrence = readRecurrence(graph, { zone, startDates: [graph.range.startDate] });
      const wanted = expected.map((each: string) => each.slice(0, 10));
      const found = dates(recurrence, graph.range.startDate, complete ? '9999-12-31' : wanted.at(-1)).slice(
        0,
        complete ? undefined : wanted.length,
      );
      expect(found, name).toEqual(wanted);
    }
  });
});

describe('recurrence validation', () => {
  const valid = {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['Monday'] },
    range: { type: 'noEnd', startDate: '2026-03-02' },
  };
  const read = (change: { pattern?: object; range?: object }) =>
    readRecurrence(
      { pattern: { ...valid.pattern, ...change.pattern }, range: { ...valid.range, ...change.range } },
      { zone: 'W. Europe Standard Time', startDates: ['2026-03-02'] },
    );

  it('fills what is not said', () => {
    expect(read({})).toEqual({
      pattern: {
        type: 'weekly',
        interval: 1,
        daysOfWeek: ['monday'],
        firstDayOfWeek: 'sunday',
        dayOfMonth: 0,
        month: 0,
        index: 'first',
      },
      range: {
        type: 'noEnd',
        startDate: '2026-03-02',
        endDate: '0001-01-01',
        numberOfOccurrences: 0,
        recurrenceTimeZone: 'W. Europe Standard Time',
      },
    });
  });

  it('accepts the other name of the same zone', () => {
    expect(read({ range: { recurrenceTimeZone: 'Europe/Berlin' } }).range.recurrenceTimeZone).toBe('Europe/Berlin');
  });

  it.each([
    ['another zone', { range: { recurrenceTimeZone: 'Tokyo Standard Time' } }],
    ['another start date', { range: { startDate: '2026-03-03' } }],
    ['no interval', { pattern: { interval: 0 } }],
    ['no weekday', { pattern: { daysOfWeek: [] } }],
    ['a type nobody knows', { pattern: { type: 'hourly' } }],
    ['an index out of the set, though unused', { pattern: { index: 'fifth' } }],
    ['a day of the month out of range, though unused', { pattern: { dayOfMonth: 32 } }],
    ['a month missing from a yearly pattern', { pattern: { type: 'absoluteYearly', dayOfMonth: 3 } }],
    ['an end before the start', { range: { type: 'endDate', endDate: '2026-03-01' } }],
    [
      'an end that leaves no occurrence',
      { pattern: { daysOfWeek: ['sunday'] }, range: { type: 'endDate', endDate: '2026-03-05' } },
    ],
    ['a count of none', { range: { type: 'numbered', numberOfOccurrences: 0 } }],
  ])('refuses %s', (_name, change) => {
    expect(() => read(change)).toThrow(
      expect.objectContaining({ code: 'ErrorPropertyValidationFailure', status: 400 }),
    );
  });
});

const RFC_DAYS = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];

function rfcDates(rrule: string, startDate: string): string[] {
  const rule = new RRuleTemporal({
    rruleString: `DTSTART;TZID=UTC:${startDate.replaceAll('-', '')}T000000\nRRULE:${rrule}`,
  });
  return rule.all().map((date) => date.toPlainDate().toString());
}

/** A pattern with its RFC 5545 twin; days of the month stop at 28, where the two part. */
function arbitraryRecurrence(): fc.Arbitrary<{ recurrence: Recurrence; rrule: string; startDate: string }> {
  const weekdays = fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 });
  return fc
    .record({
      type: fc.constantFrom<Pattern['type']>(
        'daily',
        'weekly',
        'absoluteMonthly',
        'relativeMonthly',
        'absoluteYearly',
        'relativeYearly',
      ),
      interval: fc.integer({ min: 1, max: 3 }),
      dayOfMonth: fc.integer({ min: 1, max: 28 }),
      month: fc.integer({ min: 1, max: 12 }),
      weekdays,
      weekStart: fc.integer({ min: 0, max: 6 }),
      index: fc.integer({ min: 0, max: 4 }),
      start: fc.integer({ min: 0, max: 360 }),
    })
    .map((drawn) => {
      const startDate = Temporal.PlainDate.from('2026-01-01').add({ days: drawn.start }).toString();
      // Yearly intervals are counted differently by different libraries; every year is enough here.
      const interval = drawn.type.endsWith('Yearly') ? 1 : drawn.interval;
      const byDay = drawn.weekdays.map((day) => RFC_DAYS[day]).join(',');
      const position = drawn.index === 4 ? -1 : drawn.index + 1;
      const rrule = {
        daily: `FREQ=DAILY;INTERVAL=${interval}`,
        weekly: `FREQ=WEEKLY;INTERVAL=${interval};WKST=${RFC_DAYS[drawn.weekStart]};BYDAY=${byDay}`,
        absoluteMonthly: `FREQ=MONTHLY;INTERVAL=${interval};BYMONTHDAY=${drawn.dayOfMonth}`,
        relativeMonthly: `FREQ=MONTHLY;INTERVAL=${interval};BYDAY=${byDay};BYSETPOS=${position}`,
        absoluteYearly: `FREQ=YEARLY;INTERVAL=${interval};BYMONTH=${drawn.month};BYMONTHDAY=${drawn.dayOfMonth}`,
        relativeYearly: `FREQ=YEARLY;INTERVAL=${interval};BYMONTH=${drawn.month};BYDAY=${byDay};BYSETPOS=${position}`,
      }[drawn.type];
      const recurrence = {
        pattern: pattern({
          type: drawn.type,
          interval,
          dayOfMonth: drawn.dayOfMonth,
          month: drawn.month,
          daysOfWeek: drawn.weekdays.map((day) => DAYS[day]!),
          firstDayOfWeek: DAYS[drawn.weekStart]!,
          index: INDEXES[drawn.index]!,
        }),
        range: range({ startDate, type: 'numbered', numberOfOccurrences: 8 }),
      };
      return { recurrence, rrule, startDate };
    });
}
