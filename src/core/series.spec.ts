import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anEvent, arbitraryEvent, arbitrarySeries, aSeries, at } from '../../test/support/events.ts';
import { changedUnits } from './canonical-event.ts';
import type { EventContent } from './event.ts';
import { expandOccurrences } from './recurrence.ts';
import { FIELDS_OF_UNIT, occurrenceContent, overlaps, unitsOfFields } from './series.ts';
import { toInstant } from './time-zones.ts';

const range = (start: string, end: string) => ({ start: new Date(start), end: new Date(end) });

describe('units of fields', () => {
  it('place every field in exactly one unit', () => {
    fc.assert(
      fc.property(arbitraryEvent(), (event) => {
        const { recurrence: _rule, occurrences: _dates, ...fields } = event;
        expect(Object.values(FIELDS_OF_UNIT).flat().sort()).toEqual(Object.keys(fields).sort());
      }),
      { numRuns: 1 },
    );
  });

  it('are those that comparing finds changed', () => {
    fc.assert(
      fc.property(arbitraryEvent(), arbitraryEvent(), (a, b) => {
        for (const [unit, names] of Object.entries(FIELDS_OF_UNIT)) {
          const fields = Object.fromEntries(names.map((name) => [name, b[name]])) as Partial<EventContent>;
          expect(unitsOfFields(fields)).toEqual([unit]);
          expect([unit, undefined]).toContain(changedUnits(a, { ...a, ...fields })[0]);
        }
      }),
    );
  });

  it('count one of several fields for all', () => {
    expect(unitsOfFields({ end: at('2026-03-09T11:00:00') })).toEqual(['time']);
    expect(unitsOfFields({ isReminderOn: false, isAllDay: false })).toEqual(['time', 'reminder']);
  });

  it('count a field that is emptied, not one that is not there', () => {
    expect(unitsOfFields({ body: null, subject: '' })).toEqual(['subject', 'body']);
    expect(unitsOfFields({})).toEqual([]);
  });
});

describe('occurrenceContent', () => {
  const series = aSeries({
    occurrences: {
      '2026-03-16': { isCancelled: false, fields: { subject: 'Special' } },
      '2026-03-23': { isCancelled: true },
    },
  });

  it('is a single event with what its date inherits and overrides', () => {
    expect(occurrenceContent(series, '2026-03-16')).toEqual(
      anEvent({ subject: 'Special', start: at('2026-03-16T09:00:00'), end: at('2026-03-16T10:00:00') }),
    );
    expect(occurrenceContent(series, '2026-03-23').subject).toBe('Weekly');
  });

  it('says what expanding says', () => {
    fc.assert(
      fc.property(arbitrarySeries(), (any) => {
        const start = toInstant(any.start)!;
        const window = { start, end: new Date(start.getTime() + 60 * 86_400_000) };
        for (const { originalDate, fields } of expandOccurrences(any, window)) {
          expect(occurrenceContent(any, originalDate)).toEqual({ ...fields, recurrence: null, occurrences: {} });
        }
      }),
    );
  });
});

describe('overlaps', () => {
  const moved = (date: string, to: string) =>
    aSeries({
      occurrences: {
        [date]: { isCancelled: false, fields: { start: at(`${to}T09:00:00`), end: at(`${to}T10:00:00`) } },
      },
    });
  const instant = anEvent({ end: at('2026-03-09T09:00:00') });

  it.each<[string, EventContent, [string, string], boolean]>([
    ['an event inside', anEvent(), ['2026-03-09T00:00:00Z', '2026-03-10T00:00:00Z'], true],
    ['an event that ends as the range begins', anEvent(), ['2026-03-09T09:00:00Z', '2026-03-10T00:00:00Z'], false],
    ['an event that begins as the range ends', anEvent(), ['2026-03-09T00:00:00Z', '2026-03-09T08:00:00Z'], false],
    ['an instant inside', instant, ['2026-03-09T08:00:00Z', '2026-03-09T08:00:01Z'], true],
    ['an instant before', instant, ['2026-03-09T08:00:01Z', '2026-03-09T09:00:00Z'], false],
    ['an endless series, years later', aSeries(), ['2036-03-09T00:00:00Z', '2036-03-10T00:00:00Z'], true],
    ['a series that has not begun', aSeries(), ['2026-03-01T00:00:00Z', '2026-03-09T00:00:00Z'], false],
    [
      'a series whose first date was moved forward',
      moved('2026-03-09', '2026-03-07'),
      ['2026-03-07T00:00:00Z', '2026-03-08T00:00:00Z'],
      true,
    ],
    [
      'a series of which a date is cancelled',
      aSeries({ occurrences: { '2026-03-16': { isCancelled: true } } }),
      ['2026-03-01T00:00:00Z', '2026-03-09T00:00:00Z'],
      false,
    ],
    [
      'a start nobody can read',
      anEvent({ start: at('2026-03-09T09:00:00', 'tzone://Microsoft/Custom') }),
      ['2026-03-09T00:00:00Z', '2026-03-10T00:00:00Z'],
      true,
    ],
    [
      'a series whose start nobody can read, and a date that was moved',
      aSeries({
        start: at('2026-03-09T09:00:00', 'tzone://Microsoft/Custom'),
        occurrences: {
          '2026-03-16': {
            isCancelled: false,
            fields: { start: at('2026-03-17T09:00:00'), end: at('2026-03-17T10:00:00') },
          },
        },
      }),
      ['2026-03-17T00:00:00Z', '2026-03-18T00:00:00Z'],
      true,
    ],
    [
      'a series that is over',
      {
        ...aSeries(),
        recurrence: {
          ...aSeries().recurrence!,
          range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 2 },
        },
      },
      ['2026-03-16T09:00:00Z', '2026-03-30T00:00:00Z'],
      false,
    ],
    [
      'a time nobody can read',
      anEvent({ end: at('2026-03-09T10:00:00', 'tzone://Microsoft/Custom') }),
      ['2030-01-01T00:00:00Z', '2030-01-02T00:00:00Z'],
      true,
    ],
  ])('says of %s', (_what, content, [start, end], expected) => {
    expect(overlaps(content, range(start, end))).toBe(expected);
  });

  it('never misses what expanding finds', () => {
    const length = fc.integer({ min: 1, max: 30 });
    fc.assert(
      fc.property(
        fc.oneof(arbitraryEvent(), arbitrarySeries()),
        fc.integer({ min: -40, max: 80 }),
        length,
        (any, day, days) => {
          const start = new Date(toInstant(any.start)!.getTime() + day * 86_400_000);
          const window = { start, end: new Date(start.getTime() + days * 86_400_000) };
          if (expandOccurrences(any, window).length > 0) expect(overlaps(any, window)).toBe(true);
        },
      ),
    );
  });
});
