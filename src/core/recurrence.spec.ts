import { existsSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anEvent, arbitrarySeries, aSeries, at } from '../../test/support/events.ts';
import type { EventContent, PatternedRecurrence, RecurrencePattern } from './event.ts';
import {
  datesBetween,
  expandOccurrences,
  type Occurrence,
  occurrenceOn,
  occursOn,
  seriesEndsAt,
  toRRule,
} from './recurrence.ts';
import { toInstant } from './time-zones.ts';

const range = (start: string, end: string) => ({ start: new Date(start), end: new Date(end) });
const startsOf = (occurrences: readonly Occurrence[]) =>
  occurrences.map(({ fields }) => toInstant(fields.start)?.toISOString().slice(0, 16));

/** Daily at one wall clock. */
const daily = (dateTime: string, timeZone: string, overrides: Partial<EventContent> = {}): EventContent =>
  anEvent({
    start: at(dateTime, timeZone),
    end: at(`${dateTime.slice(0, 11)}${dateTime.slice(11, 13)}:45:00`, timeZone),
    recurrence: { pattern: { type: 'daily', interval: 1 }, range: { type: 'noEnd', startDate: dateTime.slice(0, 10) } },
    ...overrides,
  });

describe('published expansions', () => {
  const file = resolve(import.meta.dirname, '../../../shared/ics/_expansions/graph-convertible.jsonl');
  const where = relative(resolve(import.meta.dirname, '../..'), file);
  const isThere = existsSync(file);

  interface Row {
    readonly name: string;
    readonly expected: readonly string[];
    readonly complete: boolean;
    readonly graph: PatternedRecurrence;
  }
  const rows: Row[] = isThere
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Row)
    : [];

  it.skipIf(!isThere)(`are all agreed with${isThere ? '' : ` (skipped: ${where} is not there)`}`, () => {
    expect(rows.length).toBeGreaterThan(0);
    for (const { name, expected, complete, graph } of rows) {
      const days = expected.map((value) => value.slice(0, 10));
      const limit = complete ? days.length + 1 : days.length;
      expect(datesBetween(graph, graph.range.startDate, '9999-12-31', limit), name).toEqual(days);
    }
  });
});

describe('expanding across a change of the clocks', () => {
  it.each<[string, EventContent, string, string, string[]]>([
    [
      'nine o’clock in Berlin stays nine o’clock',
      daily('2026-03-27T09:00:00', 'Europe/Berlin'),
      '2026-03-28T00:00:00Z',
      '2026-03-31T00:00:00Z',
      ['2026-03-28T08:00', '2026-03-29T07:00', '2026-03-30T07:00'],
    ],
    [
      'an hour that is left out is held an hour later',
      daily('2026-03-28T02:30:00', 'W. Europe Standard Time'),
      '2026-03-28T00:00:00Z',
      '2026-03-31T00:00:00Z',
      ['2026-03-28T01:30', '2026-03-29T01:30', '2026-03-30T00:30'],
    ],
    [
      'an hour that comes twice is held the first time',
      daily('2026-10-24T02:30:00', 'Europe/Berlin'),
      '2026-10-24T00:00:00Z',
      '2026-10-27T00:00:00Z',
      ['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30'],
    ],
    [
      'New York changes on another Sunday',
      daily('2026-03-07T18:00:00', 'America/New_York'),
      '2026-03-07T00:00:00Z',
      '2026-03-10T00:00:00Z',
      ['2026-03-07T23:00', '2026-03-08T22:00', '2026-03-09T22:00'],
    ],
    [
      'Sydney changes the other way',
      daily('2026-10-03T09:00:00', 'AUS Eastern Standard Time'),
      '2026-10-02T12:00:00Z',
      '2026-10-05T12:00:00Z',
      ['2026-10-02T23:00', '2026-10-03T22:00', '2026-10-04T22:00'],
    ],
    [
      'Lord Howe changes by half an hour',
      daily('2026-10-03T09:00:00', 'Australia/Lord_Howe'),
      '2026-10-02T12:00:00Z',
      '2026-10-04T12:00:00Z',
      ['2026-10-02T22:30', '2026-10-03T22:00'],
    ],
    [
      'Tokyo never changes',
      daily('2026-03-28T09:00:00', 'Tokyo Standard Time'),
      '2026-03-28T00:00:00Z',
      '2026-03-30T12:00:00Z',
      ['2026-03-28T00:00', '2026-03-29T00:00', '2026-03-30T00:00'],
    ],
  ])('%s', (_what, series, start, end, expected) => {
    expect(startsOf(expandOccurrences(series, range(start, end)))).toEqual(expected);
  });

  it('keeps dates in zones a day ahead or behind', () => {
    const early = daily('2026-03-09T00:30:00', 'Pacific/Kiritimati');
    const found = expandOccurrences(early, range('2026-03-09T10:00:00Z', '2026-03-09T11:00:00Z'));
    expect(found.map(({ originalDate }) => originalDate)).toEqual(['2026-03-10']);
    const late = daily('2026-03-09T23:00:00', 'Pacific/Honolulu');
    const next = expandOccurrences(late, range('2026-03-10T09:00:00Z', '2026-03-10T10:00:00Z'));
    expect(next.map(({ originalDate }) => originalDate)).toEqual(['2026-03-09']);
  });
});

describe('the range asked for', () => {
  const series = daily('2026-03-09T09:00:00', 'UTC');

  it.each<[string, string, string, number]>([
    ['ends when an occurrence begins', '2026-03-10T00:00:00Z', '2026-03-10T09:00:00Z', 0],
    ['begins when one ends', '2026-03-10T09:45:00Z', '2026-03-11T00:00:00Z', 0],
    ['begins just before one ends', '2026-03-10T09:44:59Z', '2026-03-11T00:00:00Z', 1],
    ['is inside one', '2026-03-10T09:10:00Z', '2026-03-10T09:20:00Z', 1],
    ['lies before the series', '2026-01-01T00:00:00Z', '2026-03-09T09:00:00Z', 0],
    ['is wide open at the front', '0001-01-01T00:00:00Z', '2026-03-11T00:00:00Z', 2],
  ])('%s', (_what, start, end, count) => {
    expect(expandOccurrences(series, range(start, end))).toHaveLength(count);
  });

  it('may be wide open at the back: an endless series is not expanded whole', () => {
    const found = expandOccurrences(series, range('2026-03-09T00:00:00Z', '9999-12-31T23:59:59Z'));
    expect(found).toHaveLength(5_000);
    const open = { start: new Date('2026-03-09T00:00:00Z'), end: new Date(8.64e15) };
    expect(expandOccurrences(series, open)).toHaveLength(5_000);
  });

  it('includes what began long before and still goes on', () => {
    const long = aSeries({ end: at('2026-03-14T09:00:00') });
    const found = expandOccurrences(long, range('2026-03-20T00:00:00Z', '2026-03-20T01:00:00Z'));
    expect(found.map(({ originalDate }) => originalDate)).toEqual(['2026-03-16']);
  });

  it('includes an event without duration at its very instant, and only there', () => {
    const instant = anEvent({ end: at('2026-03-09T09:00:00') });
    expect(expandOccurrences(instant, range('2026-03-09T08:00:00Z', '2026-03-09T09:00:00Z'))).toHaveLength(1);
    expect(expandOccurrences(instant, range('2026-03-09T08:00:01Z', '2026-03-09T09:00:00Z'))).toHaveLength(0);
  });
});

describe('dates that differ from the rule', () => {
  const series = aSeries({
    occurrences: {
      '2026-03-16': { isCancelled: true },
      '2026-03-23': { isCancelled: false, fields: { subject: 'Special' } },
      '2026-03-30': {
        isCancelled: false,
        fields: { start: at('2026-04-02T15:00:00'), end: at('2026-04-02T16:00:00') },
      },
    },
  });

  it('are left out, rewritten and moved', () => {
    const found = expandOccurrences(series, range('2026-03-09T00:00:00Z', '2026-04-07T00:00:00Z'));
    expect(found.map(({ originalDate, isException }) => [originalDate, isException])).toEqual([
      ['2026-03-09', false],
      ['2026-03-23', true],
      ['2026-03-30', true],
      ['2026-04-06', false],
    ]);
    expect(found[1]?.fields).toMatchObject({ subject: 'Special', start: at('2026-03-23T09:00:00') });
    expect(found[2]?.fields).toMatchObject({ subject: 'Weekly', start: at('2026-04-02T15:00:00') });
  });

  it('are found where they were moved to, and not where they came from', () => {
    const there = expandOccurrences(series, range('2026-04-02T00:00:00Z', '2026-04-03T00:00:00Z'));
    expect(there.map(({ originalDate }) => originalDate)).toEqual(['2026-03-30']);
    expect(expandOccurrences(series, range('2026-03-30T00:00:00Z', '2026-03-31T00:00:00Z'))).toEqual([]);
  });

  it('are read one by one', () => {
    expect(occurrenceOn(series, '2026-03-09')).toMatchObject({ isException: false });
    expect(occurrenceOn(series, '2026-03-23')).toMatchObject({ isException: true });
    expect(occurrenceOn(series, '2026-03-16')).toBeUndefined();
  });

  it.each(['2026-03-10', '2026-03-02', '2026-02-30', 'nonsense'])('do not exist on %s', (date) => {
    expect(occurrenceOn(series, date)).toBeUndefined();
  });

  it('do not exist in an event that is no series', () => {
    expect(occurrenceOn(anEvent(), '2026-03-09')).toBeUndefined();
  });
});

describe('laws of expansion', () => {
  it('gives every date of the rule once, but for those that are cancelled', () => {
    fc.assert(
      fc.property(arbitrarySeries(), (series) => {
        const start = toInstant(series.start)!;
        const window = { start, end: new Date(start.getTime() + 120 * 86_400_000) };
        const found = expandOccurrences(series, window);
        const dates = found.map(({ originalDate }) => originalDate);
        expect(new Set(dates).size).toBe(dates.length);
        for (const { originalDate, fields } of found) {
          expect(occursOn(series.recurrence!, originalDate)).toBe(true);
          expect(series.occurrences[originalDate]?.isCancelled ?? false).toBe(false);
          expect(toInstant(fields.start)!.getTime()).toBeLessThan(window.end.getTime());
        }
        expect(found.map(({ originalDate }) => occurrenceOn(series, originalDate))).toEqual(found);
      }),
    );
  });

  it('has nothing after the instant at which the series ends', () => {
    fc.assert(
      fc.property(arbitrarySeries(), (series) => {
        const endsAt = seriesEndsAt(series);
        if (series.recurrence?.range.type === 'noEnd') expect(endsAt).toBeNull();
        if (!endsAt) return;
        const after = { start: endsAt, end: new Date('9999-12-31T00:00:00Z') };
        expect(expandOccurrences(series, after).filter(({ fields }) => toInstant(fields.end)! > endsAt)).toEqual([]);
      }),
    );
  });
});

describe('seriesEndsAt', () => {
  const ending = (rest: Partial<PatternedRecurrence['range']>) =>
    aSeries({
      recurrence: {
        pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'] },
        range: { type: 'endDate', startDate: '2026-03-09', ...rest },
      },
    });

  it.each<[string, EventContent, string | undefined]>([
    ['a single event', anEvent(), '2026-03-09T09:00:00.000Z'],
    ['a series without end', aSeries(), undefined],
    ['the last date counted', ending({ type: 'numbered', numberOfOccurrences: 5 }), '2026-04-06T08:00:00.000Z'],
    ['the last date before the end', ending({ endDate: '2026-04-10' }), '2026-04-06T08:00:00.000Z'],
    [
      'an exception moved behind all others',
      {
        ...ending({ endDate: '2026-03-16' }),
        occurrences: {
          '2026-03-16': {
            isCancelled: false,
            fields: { start: at('2026-03-20T09:00:00'), end: at('2026-03-20T10:00:00') },
          },
        },
      },
      '2026-03-20T09:00:00.000Z',
    ],
    ['a time nobody can read', anEvent({ end: at('2026-03-09T10:00:00', 'tzone://Microsoft/Custom') }), undefined],
  ])('is that of %s', (_what, content, expected) => {
    expect(seriesEndsAt(content)?.toISOString()).toBe(expected);
  });
});

describe('toRRule', () => {
  const monthly: RecurrencePattern = { type: 'absoluteMonthly', interval: 1, dayOfMonth: 31 };

  it.each<[PatternedRecurrence, string]>([
    [
      {
        pattern: { type: 'weekly', interval: 2, daysOfWeek: ['monday'] },
        range: { type: 'noEnd', startDate: '2026-03-09' },
      },
      'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU',
    ],
    [
      { pattern: monthly, range: { type: 'numbered', startDate: '2026-03-31', numberOfOccurrences: 3 } },
      'FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=28,29,30,31;BYSETPOS=-1;COUNT=3',
    ],
    [
      {
        pattern: { type: 'relativeYearly', interval: 1, daysOfWeek: ['thursday'], index: 'last', month: 11 },
        range: { type: 'endDate', startDate: '2026-11-26', endDate: '2030-12-31' },
      },
      'FREQ=YEARLY;INTERVAL=1;BYMONTH=11;BYDAY=TH;BYSETPOS=-1;UNTIL=20301231',
    ],
  ])('says %j as RFC 5545 does', (recurrence, expected) => {
    expect(toRRule(recurrence)).toBe(expected);
  });

  it('ends with the last day of the zone, so that an evening in New York is not cut off', () => {
    const until = (start: string, timeZone: string, isAllDay = false) =>
      toRRule(
        {
          pattern: { type: 'daily', interval: 1 },
          range: { type: 'endDate', startDate: '2026-03-09', endDate: '2026-06-29' },
        },
        { start: at(start, timeZone), isAllDay },
      ).replace(/^.*UNTIL=/, '');
    expect(until('2026-03-09T20:00:00', 'America/New_York')).toBe('20260630T035959Z');
    expect(until('2026-03-09T08:00:00', 'Australia/Sydney')).toBe('20260629T135959Z');
    expect(until('2026-03-09T00:00:00', 'America/New_York', true)).toBe('20260629');
  });
});
