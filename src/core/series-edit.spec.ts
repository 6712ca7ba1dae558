import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anEvent, arbitrarySeries, arbitrarySubject, aSeries, at } from '../../test/support/events.ts';
import { equalContent, unchangedUnit } from './canonical-event.ts';
import type { EventContent } from './event.ts';
import { inheritedFields } from './occurrence-fields.ts';
import { datesBetween, occurrenceOn } from './recurrence.ts';
import { occurrenceContent } from './series.ts';
import {
  cancelOccurrence,
  crossedNeighbour,
  occurrenceState,
  overrideFor,
  patchEvent,
  patchOccurrence,
  withoutRevived,
} from './series-edit.ts';

function datesOf(series: EventContent): string[] {
  return series.recurrence ? datesBetween(series.recurrence, '0001-01-01', '9999-12-31', 12) : [];
}

/** A series and one of its dates that lives. */
const seriesAndDate = arbitrarySeries().chain((series) => {
  const living = datesOf(series).filter((date) => occurrenceState(series, date) === 'living');
  return living.length === 0 ? fc.constant(undefined) : fc.constantFrom(...living).map((date) => ({ series, date }));
});

describe('changing one date of a series', () => {
  it('says what was asked on that date, and nothing else on any other', () => {
    fc.assert(
      fc.property(
        seriesAndDate,
        arbitrarySubject(),
        fc.constantFrom('free' as const, 'oof' as const),
        (given, subject, showAs) => {
          fc.pre(given !== undefined);
          const { series, date } = given as { series: EventContent; date: string };
          const changed = patchOccurrence(series, date, { subject, showAs });
          expect(occurrenceOn(changed, date)?.fields).toMatchObject({ showAs });
          expect(occurrenceOn(changed, date)?.fields.subject.trim()).toBe(subject.trim());
          for (const other of datesOf(series).filter((one) => one !== date)) {
            expect(occurrenceOn(changed, other)).toEqual(occurrenceOn(series, other));
          }
          const { occurrences: _before, ...master } = series;
          expect(changed).toMatchObject(master);
        },
      ),
    );
  });

  it('is undone by saying what the series says', () => {
    fc.assert(
      fc.property(seriesAndDate, arbitrarySubject(), (given, subject) => {
        fc.pre(given !== undefined);
        const { series, date } = given as { series: EventContent; date: string };
        const changed = patchOccurrence(series, date, { subject, importance: 'high' });
        const inherited = inheritedFields(series, date);
        const undone = patchOccurrence(changed, date, inherited);
        expect(undone.occurrences[date]).toBeUndefined();
        expect(equalContent(undone, patchOccurrence(series, date, inherited))).toBe(true);
      }),
    );
  });

  it('keeps what it holds as small as it can be: an override is what the two do not say alike', () => {
    fc.assert(
      fc.property(seriesAndDate, (given) => {
        fc.pre(given !== undefined);
        const { series, date } = given as { series: EventContent; date: string };
        const override = overrideFor(series, date, occurrenceContent(series, date));
        const rebuilt = {
          ...series,
          occurrences: { ...series.occurrences, ...(override ? { [date]: override } : {}) },
        };
        expect(unchangedUnit(series, rebuilt, `occurrence:${date}`)).toBe(true);
        expect(overrideFor(series, date, inheritedFields(series, date))).toBeUndefined();
      }),
    );
  });

  it('cancels it alone', () => {
    fc.assert(
      fc.property(seriesAndDate, (given) => {
        fc.pre(given !== undefined);
        const { series, date } = given as { series: EventContent; date: string };
        const without = cancelOccurrence(series, date);
        expect(occurrenceState(without, date)).toBe('cancelled');
        for (const other of datesOf(series).filter((one) => one !== date)) {
          expect(occurrenceState(without, other)).toBe(occurrenceState(series, other));
        }
      }),
    );
  });
});

describe('the neighbours of a date', () => {
  it('are crossed by no date that stays on its own day', () => {
    fc.assert(
      fc.property(seriesAndDate, (given) => {
        fc.pre(given !== undefined);
        const { series, date } = given as { series: EventContent; date: string };
        expect(crossedNeighbour(series, date)).toBeUndefined();
      }),
    );
  });

  it.each([
    ['daily', { type: 'daily', interval: 200 } as const, '2026-03-09', '2026-09-25'],
    [
      'yearly, far apart',
      { type: 'absoluteYearly', interval: 99, dayOfMonth: 9, month: 3 } as const,
      '2026-03-09',
      '2125-03-09',
    ],
  ])('are found however far they are: %s', (_case, pattern, date, next) => {
    const series = aSeries({ recurrence: { pattern, range: { type: 'noEnd', startDate: date } } });
    const moved = { start: at(`${next}T09:00:00`), end: at(`${next}T10:00:00`) };
    expect(() => patchOccurrence(series, date, moved)).toThrow(next);
  });

  it('are none beyond the ends of the series', () => {
    const [pattern, startDate] = [{ type: 'daily', interval: 1 } as const, '2026-03-09'];
    const series = aSeries({ recurrence: { pattern, range: { type: 'numbered', startDate, numberOfOccurrences: 1 } } });
    for (const day of ['1990-01-01', '2080-01-01']) {
      const moved = patchOccurrence(series, startDate, { start: at(`${day}T09:00:00`), end: at(`${day}T10:00:00`) });
      expect(crossedNeighbour(moved, startDate)).toBeUndefined();
    }
  });
});

describe('what is left of a date', () => {
  it('is nothing for an event that does not recur, and on a date that is none', () => {
    expect(occurrenceState(anEvent(), '2026-03-09')).toBe('none');
    expect(occurrenceState(aSeries(), '2026-02-30')).toBe('none');
    expect(occurrenceState(aSeries(), '2026-03-10')).toBe('none');
    expect(occurrenceState(aSeries(), '2026-03-16')).toBe('living');
  });

  it('stays deleted where it was deleted in Outlook, unless the rule does not have it any more', () => {
    const gone = aSeries({ occurrences: { '2026-03-16': { isCancelled: true } } });
    expect(withoutRevived(aSeries(), gone).occurrences).toEqual(gone.occurrences);
    expect(withoutRevived(gone, gone)).toBe(gone);
    const renamed = aSeries({ occurrences: { '2026-03-16': { isCancelled: false, fields: { subject: 'Back' } } } });
    expect(withoutRevived(renamed, gone).occurrences).toEqual(gone.occurrences);
    const tuesdays = patchEvent(gone, {
      recurrence: {
        pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'] },
        range: { type: 'noEnd', startDate: '2026-03-09' },
      },
    });
    expect(withoutRevived(tuesdays, gone)).toBe(tuesdays);
    expect(withoutRevived(anEvent(), gone)).toEqual(anEvent());
    expect(withoutRevived(aSeries(), null)).toEqual(aSeries());
  });
});
