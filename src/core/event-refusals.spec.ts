import { describe, expect, it } from 'vitest';
import { at } from '../../test/support/events.ts';
import { refusal } from '../../test/support/refusal.ts';
import type { PatternedRecurrence } from './event.ts';
import { createContent, type EventInput } from './event-input.ts';

const times = { start: at('2026-03-09T09:00:00'), end: at('2026-03-09T10:00:00') };
const mondays: PatternedRecurrence = {
  pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'] },
  range: { type: 'noEnd', startDate: '2026-03-09' },
};

const rule = (pattern: Partial<PatternedRecurrence['pattern']>, range: Partial<PatternedRecurrence['range']> = {}) => ({
  ...times,
  recurrence: { pattern: { ...mondays.pattern, ...pattern }, range: { ...mondays.range, ...range } },
});

describe('refuses, naming the place and what would be right', () => {
  const allDay = { isAllDay: true, start: at('2026-03-09T00:00:00'), end: at('2026-03-10T00:00:00') };

  it.each<[string, EventInput, string, RegExp]>([
    ['an offset', { ...times, start: at('2026-03-09T09:00:00+02:00') }, 'start.dateTime', /without offset, e\.g\./],
    ['a Z', { ...times, end: at('2026-03-09T10:00:00Z', 'UTC') }, 'end.dateTime', /without offset/],
    ['a day that does not exist', { ...times, end: at('2026-02-30T10:00:00') }, 'end.dateTime', /wall clock/],
    [
      'an unknown zone',
      { ...times, start: at('2026-03-09T09:00:00', 'Europe/Nowhere') },
      'start.timeZone',
      /Windows or IANA/,
    ],
    [
      'a custom zone',
      { ...times, end: at('2026-03-09T10:00:00', 'tzone://Microsoft/Custom') },
      'end.timeZone',
      /e\.g\. "W\. Europe/,
    ],
    ['an end before the start', { ...times, end: at('2026-03-09T08:59:59') }, 'end', /not be before start/],
    [
      'an end before the start across zones',
      { ...times, end: at('2026-03-09T09:30:00', 'Asia/Tokyo') },
      'end',
      /not be before start/,
    ],
    [
      'a whole day from nine',
      { ...allDay, start: at('2026-03-09T09:00:00') },
      'start.dateTime',
      /midnight.*e\.g\. 2026-03-09T00:00:00/,
    ],
    [
      'a whole day without length',
      { ...allDay, end: at('2026-03-09T00:00:00') },
      'end.dateTime',
      /the day after start/,
    ],
    [
      'a whole day in two zones',
      { ...allDay, end: at('2026-03-10T00:00:00', 'Europe/London') },
      'end.timeZone',
      /zone of start/,
    ],
    ['no interval', rule({ interval: 0 }), 'recurrence.pattern.interval', /1 to 99 for weekly/],
    ['half an interval', rule({ interval: 1.5 }), 'recurrence.pattern.interval', /whole number/],
    [
      'too many days between',
      rule({ type: 'daily', interval: 1000 }),
      'recurrence.pattern.interval',
      /1 to 999 for daily/,
    ],
    ['no days', rule({ daysOfWeek: [] }), 'recurrence.pattern.daysOfWeek', /e\.g\. \["monday"\]/],
    ['an unknown day', rule({ daysOfWeek: ['Montag' as 'monday'] }), 'recurrence.pattern.daysOfWeek', /sunday, monday/],
    [
      'an unknown first day',
      rule({ firstDayOfWeek: 'mo' as 'monday' }),
      'recurrence.pattern.firstDayOfWeek',
      /one of sunday/,
    ],
    [
      'an unknown index',
      rule({ type: 'relativeMonthly', index: 'fifth' as 'last' }),
      'recurrence.pattern.index',
      /first, second/,
    ],
    [
      'no day of the month',
      rule({ type: 'absoluteMonthly' }),
      'recurrence.pattern.dayOfMonth',
      /1 to 31 for absoluteMonthly/,
    ],
    ['the 32nd', rule({ type: 'absoluteMonthly', dayOfMonth: 32 }), 'recurrence.pattern.dayOfMonth', /1 to 31/],
    [
      'no month',
      rule({ type: 'absoluteYearly', dayOfMonth: 9 }),
      'recurrence.pattern.month',
      /1 to 12 for absoluteYearly/,
    ],
    ['month 13', rule({ type: 'relativeYearly', month: 13 }), 'recurrence.pattern.month', /1 to 12/],
    [
      'another first day than the start',
      rule({}, { startDate: '2026-03-10' }),
      'recurrence.range.startDate',
      /date of start, 2026-03-09/,
    ],
    ['an end without date', rule({}, { type: 'endDate' }), 'recurrence.range.endDate', /yyyy-MM-dd/],
    [
      'an end that is no date',
      rule({}, { type: 'endDate', endDate: '2026-99-99' }),
      'recurrence.range.endDate',
      /yyyy-MM-dd/,
    ],
    [
      'an end before the start of the rule',
      rule({}, { type: 'endDate', endDate: '2026-03-08' }),
      'recurrence.range.endDate',
      /not before/,
    ],
    ['no number', rule({}, { type: 'numbered' }), 'recurrence.range.numberOfOccurrences', /1 to 999/],
    [
      'a thousand',
      rule({}, { type: 'numbered', numberOfOccurrences: 1000 }),
      'recurrence.range.numberOfOccurrences',
      /1 to 999/,
    ],
    [
      'an unknown zone of the rule',
      rule({}, { recurrenceTimeZone: 'x' }),
      'recurrence.range.recurrenceTimeZone',
      /Windows or IANA/,
    ],
    [
      'another zone of the rule',
      rule({}, { recurrenceTimeZone: 'UTC' }),
      'recurrence.range.recurrenceTimeZone',
      /zone of start, Europe\/Berlin/,
    ],
    [
      'a rule that never occurs',
      rule({ daysOfWeek: ['friday'] }, { type: 'endDate', endDate: '2026-03-12' }),
      'recurrence.range.endDate',
      /no date on which/,
    ],
  ])('%s', (_what, input, path, message) => {
    const refused = refusal(() => createContent(input));
    expect(refused.code).toBe('impossible-input');
    expect(refused.problems).toEqual([expect.stringMatching(new RegExp(`^${path}: .*${message.source}`))]);
  });

  it('everything at once', () => {
    const both = { start: at('x', 'y'), end: at('2026-03-09T10:00:00', '') };
    expect(refusal(() => createContent(both)).problems).toHaveLength(3);
  });

  it('without repeating what the person wrote', () => {
    const secret = { ...times, subject: 'secret', end: at('2026-03-01T00:00:00') };
    expect(() => createContent(secret)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    );
  });

  it.each<[string, EventInput]>([
    ['no duration', { ...times, end: times.start }],
    ['the same zone under another name', rule({}, { recurrenceTimeZone: 'W. Europe Standard Time' })],
    ['30 February, which Exchange moves to the last day', rule({ type: 'absoluteYearly', dayOfMonth: 30, month: 2 })],
    ['several whole days', { ...allDay, end: at('2026-03-12T00:00:00') }],
  ])('but takes %s', (_what, input) => {
    expect(() => createContent(input)).not.toThrow();
  });
});
