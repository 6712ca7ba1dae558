import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitrarySeries, aSeries, at } from '../../test/support/events.ts';
import type { EventContent, PatternedRecurrence, RecurrencePattern, RecurrenceRange } from './event.ts';
import { patchContent } from './event-input.ts';
import { daysBetween, onLaterDay } from './occurrence-fields.ts';
import { datesBetween, firstOccurrenceDate, occursOn } from './recurrence.ts';
import { datePart } from './time-zones.ts';

/** A series from Monday, 9 March 2026, nine to ten. */
const series = (pattern: RecurrencePattern, rest: Partial<EventContent> = {}, range?: Partial<RecurrenceRange>) =>
  aSeries({ recurrence: { pattern, range: { type: 'noEnd', startDate: '2026-03-09', ...range } }, ...rest });
const mondays: RecurrencePattern = { type: 'weekly', interval: 1, daysOfWeek: ['monday'] };

const movedTo = (content: EventContent, date: string, hour = '09'): EventContent =>
  patchContent(content, { start: at(`${date}T${hour}:00:00`), end: at(`${date}T${hour}:45:00`) });
const ruleOf = (content: EventContent): PatternedRecurrence => content.recurrence!;

describe('a series moved to a date that is not its own', () => {
  it.each<[string, RecurrencePattern, string, Partial<RecurrencePattern>]>([
    ['Mondays become Tuesdays', mondays, '2026-03-10', { daysOfWeek: ['tuesday'] }],
    ['Mondays become Fridays of the week before', mondays, '2026-03-06', { daysOfWeek: ['friday'] }],
    [
      'several days of the week move together',
      { type: 'weekly', interval: 1, daysOfWeek: ['monday', 'saturday'] },
      '2026-03-10',
      { daysOfWeek: ['tuesday', 'sunday'] },
    ],
    [
      'where weeks are skipped, the week moves as well',
      { type: 'weekly', interval: 2, daysOfWeek: ['monday', 'thursday'], firstDayOfWeek: 'monday' },
      '2026-03-14',
      { daysOfWeek: ['saturday', 'tuesday'], firstDayOfWeek: 'saturday' },
    ],
    [
      'the 9th becomes the 12th',
      { type: 'absoluteMonthly', interval: 1, dayOfMonth: 9 },
      '2026-03-12',
      { dayOfMonth: 12 },
    ],
    [
      '9 March becomes 1 April',
      { type: 'absoluteYearly', interval: 1, dayOfMonth: 9, month: 3 },
      '2026-04-01',
      { dayOfMonth: 1, month: 4 },
    ],
    [
      'the second Monday becomes the third Wednesday',
      { type: 'relativeMonthly', interval: 1, daysOfWeek: ['monday'], index: 'second' },
      '2026-03-18',
      { daysOfWeek: ['wednesday'], index: 'third' },
    ],
    [
      'the fifth of a kind is the last',
      { type: 'relativeMonthly', interval: 1, daysOfWeek: ['monday'], index: 'second' },
      '2026-03-31',
      { daysOfWeek: ['tuesday'], index: 'last' },
    ],
    [
      'the second Monday of March becomes the first Thursday of April',
      { type: 'relativeYearly', interval: 1, daysOfWeek: ['monday'], index: 'second', month: 3 },
      '2026-04-02',
      { daysOfWeek: ['thursday'], index: 'first', month: 4 },
    ],
  ])('%s', (_what, pattern, date, expected) => {
    const moved = movedTo(series(pattern), date);
    expect(ruleOf(moved)).toEqual({ pattern: { ...pattern, ...expected }, range: { type: 'noEnd', startDate: date } });
    expect(firstOccurrenceDate(ruleOf(moved))).toBe(date);
  });

  it('keeps the last of a month the last', () => {
    const lastMonday: RecurrencePattern = {
      type: 'relativeMonthly',
      interval: 1,
      daysOfWeek: ['monday'],
      index: 'last',
    };
    const april = aSeries({
      start: at('2026-04-27T09:00:00'),
      end: at('2026-04-27T10:00:00'),
      recurrence: { pattern: lastMonday, range: { type: 'noEnd', startDate: '2026-04-27' } },
    });
    expect(ruleOf(movedTo(april, '2026-04-24')).pattern).toMatchObject({ daysOfWeek: ['friday'], index: 'last' });
    // One that is the last no more is called by its number, and so is one that only happens to be the last.
    expect(ruleOf(movedTo(april, '2026-04-14')).pattern).toMatchObject({ daysOfWeek: ['tuesday'], index: 'second' });
    const second: RecurrencePattern = { ...lastMonday, index: 'second' };
    expect(ruleOf(movedTo(series(second), '2026-03-25')).pattern).toMatchObject({ index: 'fourth' });
  });

  it('moves its end by as much, so that it loses no occurrence', () => {
    const ending = series(mondays, {}, { type: 'endDate', endDate: '2026-03-23' });
    const moved = movedTo(ending, '2026-03-10');
    expect(datesBetween(ruleOf(moved), '2026-01-01', '2027-01-01')).toEqual(['2026-03-10', '2026-03-17', '2026-03-24']);
    const counted = movedTo(series(mondays, {}, { type: 'numbered', numberOfOccurrences: 2 }), '2026-03-11');
    expect(datesBetween(ruleOf(counted), '2026-01-01', '2027-01-01')).toEqual(['2026-03-11', '2026-03-18']);
  });

  it('takes along what was said about its dates, with the times of those that had their own', () => {
    const dated = series(mondays, {
      occurrences: {
        '2026-03-16': { isCancelled: true },
        '2026-03-23': { isCancelled: false, fields: { subject: 'Special' } },
        '2026-03-30': {
          isCancelled: false,
          fields: { start: at('2026-03-31T15:00:00'), end: at('2026-03-31T16:00:00') },
        },
      },
    });
    expect(movedTo(dated, '2026-03-11').occurrences).toEqual({
      '2026-03-18': { isCancelled: true },
      '2026-03-25': { isCancelled: false, fields: { subject: 'Special' } },
      '2026-04-01': {
        isCancelled: false,
        fields: { start: at('2026-04-02T15:00:00'), end: at('2026-04-02T16:00:00'), isAllDay: false },
      },
    });
  });

  it('keeps as many dates as it had, each as far from the one before, by days and weeks', () => {
    const byWeeks = arbitrarySeries().filter(({ recurrence }) =>
      ['daily', 'weekly'].includes(recurrence?.pattern.type ?? ''),
    );
    fc.assert(
      fc.property(byWeeks, fc.integer({ min: -40, max: 40 }), (any, days) => {
        const moved = patchContent(any, { start: onLaterDay(any.start, days), end: onLaterDay(any.end, days) });
        const [from, to] = [datePart(any.start.dateTime), datePart(moved.start.dateTime)];
        expect(daysBetween(from, to)).toBe(days);
        if (any.recurrence?.range.type === 'endDate') return;
        const dates = (rule: PatternedRecurrence) => datesBetween(rule, rule.range.startDate, '9999-12-31', 12);
        const gaps = (all: string[]) => all.slice(1).map((date, index) => daysBetween(all[index] ?? date, date));
        const isShifted = !occursOn(ruleOf(any), to) && days > 0;
        if (isShifted) expect(gaps(dates(ruleOf(moved)))).toEqual(gaps(dates(ruleOf(any))));
        expect(firstOccurrenceDate(ruleOf(moved))).toBe(to);
      }),
    );
  });
});

describe('a series moved to another of its own dates', () => {
  const dated = series(mondays, {
    occurrences: {
      '2026-03-09': { isCancelled: false, fields: { subject: 'First' } },
      '2026-03-30': { isCancelled: true },
    },
  });

  it('begins there, and keeps its rule and what was said about the dates it still has', () => {
    const later = movedTo(dated, '2026-03-23');
    expect(ruleOf(later)).toEqual({ pattern: mondays, range: { type: 'noEnd', startDate: '2026-03-23' } });
    expect(later.occurrences).toEqual({ '2026-03-30': { isCancelled: true } });
  });

  it('also earlier', () => {
    const earlier = movedTo(dated, '2026-03-02');
    expect(ruleOf(earlier)).toEqual({ pattern: mondays, range: { type: 'noEnd', startDate: '2026-03-02' } });
    expect(earlier.occurrences).toEqual(dated.occurrences);
  });

  it('but past its last date it moves as a whole', () => {
    const ending = series(mondays, {}, { type: 'endDate', endDate: '2026-03-23' });
    const moved = movedTo(ending, '2026-04-06');
    expect(ruleOf(moved).range).toEqual({ type: 'endDate', startDate: '2026-04-06', endDate: '2026-04-20' });
  });

  it('but every second week moved by one is another series', () => {
    const fortnightly: RecurrencePattern = { ...mondays, interval: 2 };
    const moved = movedTo(series(fortnightly, { occurrences: { '2026-03-23': { isCancelled: true } } }), '2026-03-16');
    expect(moved.occurrences).toEqual({ '2026-03-30': { isCancelled: true } });
  });
});

describe('a series whose hours change', () => {
  const dated = series(mondays, {
    occurrences: {
      '2026-03-16': { isCancelled: true },
      '2026-03-23': {
        isCancelled: false,
        fields: { start: at('2026-03-23T15:00:00'), end: at('2026-03-23T16:00:00') },
      },
      '2026-03-30': { isCancelled: false, fields: { subject: 'Special' } },
    },
  });

  it('keeps its dates: times of their own stay, the others follow', () => {
    const later = movedTo(dated, '2026-03-09', '11');
    expect(later.recurrence).toEqual(dated.recurrence);
    expect(later.occurrences).toEqual({
      '2026-03-16': { isCancelled: true },
      '2026-03-23': {
        isCancelled: false,
        fields: { start: at('2026-03-23T15:00:00'), end: at('2026-03-23T16:00:00'), isAllDay: false },
      },
      '2026-03-30': { isCancelled: false, fields: { subject: 'Special' } },
    });
  });

  it('keeps what is a date’s own whole, whichever of its times was said', () => {
    const [start, end] = [at('2026-03-16T08:00:00'), at('2026-03-16T12:00:00')];
    const inherited = { start: at('2026-03-16T09:00:00'), end: at('2026-03-16T10:00:00'), isAllDay: false };
    for (const fields of [{ start }, { end }, { isAllDay: false }]) {
      const one = series(mondays, { occurrences: { '2026-03-16': { isCancelled: false, fields } } });
      expect(movedTo(one, '2026-03-09', '11').occurrences).toEqual({
        '2026-03-16': { isCancelled: false, fields: { ...inherited, ...fields } },
      });
    }
  });

  it('keeps dates Outlook knows and our reading of the rule does not, as long as the rule stays', () => {
    const odd = { ...dated, occurrences: { '2026-03-17': { isCancelled: true as const } } };
    expect(movedTo(odd, '2026-03-09', '11').occurrences).toEqual(odd.occurrences);
  });

  it('takes the zone of its rule along', () => {
    const zoned = series(mondays, {}, { recurrenceTimeZone: 'Europe/Berlin' });
    const moved = patchContent(zoned, {
      start: at('2026-03-09T09:00:00', 'Europe/London'),
      end: at('2026-03-09T10:00:00', 'Europe/London'),
    });
    expect(ruleOf(moved).range.recurrenceTimeZone).toBe('Europe/London');
  });
});

describe('a series given another rule', () => {
  const dated = series(mondays, {
    occurrences: { '2026-03-16': { isCancelled: true }, '2026-03-23': { isCancelled: true } },
  });

  it('keeps what was said about dates that are on it too', () => {
    const fortnightly = { pattern: { ...mondays, interval: 2 }, range: ruleOf(dated).range };
    expect(patchContent(dated, { recurrence: fortnightly }).occurrences).toEqual({
      '2026-03-23': { isCancelled: true },
    });
  });

  it('begins with the first date the new rule gives', () => {
    const fridays = { pattern: { ...mondays, daysOfWeek: ['friday' as const] }, range: ruleOf(dated).range };
    const changed = patchContent(dated, { recurrence: fridays });
    expect(changed).toMatchObject({
      start: at('2026-03-13T09:00:00'),
      end: at('2026-03-13T10:00:00'),
      occurrences: {},
    });
    expect(ruleOf(changed).range.startDate).toBe('2026-03-13');
  });
});
