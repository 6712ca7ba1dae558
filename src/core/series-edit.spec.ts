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

describe('changing one date of a series', () => {
  it('gives it no rule of its own', () => {
    const { recurrence } = aSeries();
    expect(() => patchOccurrence(aSeries(), '2026-03-16', { recurrence })).toThrow(/cannot recur/);
    const changed = patchOccurrence(aSeries(), '2026-03-16', { recurrence: null, subject: 'Other' });
    expect(changed).toEqual(
      aSeries({ occurrences: { '2026-03-16': { isCancelled: false, fields: { subject: 'Other' } } } }),
    );
  });

  it('keeps its start with its end, and its reminder with its minutes', () => {
    const changed = patchOccurrence(aSeries(), '2026-03-16', { end: at('2026-03-16T11:00:00'), isReminderOn: false });
    expect(changed.occurrences['2026-03-16']).toEqual({
      isCancelled: false,
      fields: {
        ...{ start: at('2026-03-16T09:00:00'), end: at('2026-03-16T11:00:00'), isAllDay: false },
        ...{ isReminderOn: false, reminderMinutesBeforeStart: aSeries().reminderMinutesBeforeStart },
      },
    });
  });
});

describe('changing a series', () => {
  it('to what it says already is no change, whoever asks', () => {
    const series = aSeries({ occurrences: { '2026-03-16': { isCancelled: true } } });
    expect(patchEvent(series, { subject: series.subject })).toBe(series);
    expect(patchEvent(series, {})).toBe(series);
  });

  it('takes from its dates what they and it have come to say alike, and leaves what was cancelled', () => {
    const own = { isCancelled: false as const, fields: { subject: 'New', showAs: 'oof' as const } };
    const alike = { isCancelled: false as const, fields: { subject: 'New' } };
    const gone = { isCancelled: true as const };
    const series = aSeries({ occurrences: { '2026-03-16': own, '2026-03-23': alike, '2026-03-30': gone } });
    expect(patchEvent(series, { subject: 'New' }).occurrences).toEqual({
      '2026-03-16': { isCancelled: false, fields: { showAs: 'oof' } },
      '2026-03-30': gone,
    });
    const single = patchEvent(series, { recurrence: null });
    expect(single).toMatchObject({ recurrence: null, occurrences: {} });
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
    const back = { start: at(`${date}T09:00:00`), end: at(`${date}T10:00:00`) };
    expect(() => patchOccurrence(series, next, back)).toThrow(`must be after ${date}`);
  });

  const moveTo = (series: EventContent, date: string, day: string, zone = 'Europe/Berlin', time = '09:00') =>
    patchOccurrence(series, date, { start: at(`${day}T${time}:00`, zone), end: at(`${day}T23:45:00`, zone) });
  /** Of Mondays from 9 March 2026: where the second may not be moved to, and what is said about it. */
  const refusal = (series: EventContent, day: string, zone?: string, time?: string) => {
    try {
      moveTo(series, '2026-03-16', day, zone, time);
      return 'fits';
    } catch (error) {
      expect(error).toMatchObject({ code: 'impossible-input', graphCode: 'ErrorOccurrenceCrossingBoundary' });
      const { problems } = error as { problems: { path: string; message: string }[] };
      expect(problems).toMatchObject([{ path: 'start' }]);
      return problems[0]?.message.replace(/:.*/, '');
    }
  };

  const [newYork, east] = ['America/New_York', 'Pacific/Kiritimati'];

  it('let it move between their days, and not onto or past them', () => {
    const series = aSeries();
    for (const day of ['2026-03-10', '2026-03-18', '2026-03-22']) expect(refusal(series, day)).toBe('fits');
    const previous = "must be after 2026-03-09, the day of the series' previous occurrence (2026-03-09)";
    const next = "must be before 2026-03-23, the day of the series' next occurrence (2026-03-23)";
    for (const day of ['2026-03-09', '2026-03-01']) expect(refusal(series, day)).toBe(previous);
    for (const day of ['2026-03-23', '2026-05-01']) expect(refusal(series, day)).toBe(next);
  });

  it('count where they stand, and not at all when they are cancelled', () => {
    const moved = moveTo(aSeries(), '2026-03-23', '2026-03-25');
    expect(refusal(moved, '2026-03-24')).toBe('fits');
    expect(refusal(moved, '2026-03-25')).toMatch(/before 2026-03-25, .* \(2026-03-23\)/);
    const cancelled = cancelOccurrence(cancelOccurrence(aSeries(), '2026-03-23'), '2026-03-09');
    for (const day of ['2026-03-01', '2026-03-23', '2026-03-29']) expect(refusal(cancelled, day)).toBe('fits');
    expect(refusal(cancelled, '2026-03-30')).toMatch(/before 2026-03-30/);
  });

  it('are met by the day it is in the series’ zone, and by the day alone where days are whole', () => {
    expect(refusal(aSeries(), '2026-03-22', newYork, '18:59')).toBe('fits');
    expect(refusal(aSeries(), '2026-03-22', newYork, '19:00')).toMatch(/before 2026-03-23/);
    const whole = aSeries({ isAllDay: true, start: at('2026-03-09T00:00:00'), end: at('2026-03-10T00:00:00') });
    for (const series of [whole, aSeries()]) {
      const movedDay = (day: string, until: string) =>
        patchOccurrence(series, '2026-03-16', {
          ...{ isAllDay: true, start: at(`${day}T00:00:00`, east), end: at(`${until}T00:00:00`, east) },
        });
      expect(() => movedDay('2026-03-22', '2026-03-23')).not.toThrow();
      expect(() => movedDay('2026-03-23', '2026-03-24')).toThrow(/before 2026-03-23/);
    }
  });

  it('are the nearest ones, and met also by another zone alone', () => {
    const daily = aSeries({
      recurrence: { pattern: { type: 'daily', interval: 1 }, range: { type: 'noEnd', startDate: '2026-03-09' } },
    });
    expect(refusal(daily, '2026-03-15')).toMatch(/after 2026-03-15/);
    expect(refusal(daily, '2026-03-17')).toMatch(/before 2026-03-17/);
    expect(refusal(daily, '2026-03-16', newYork, '18:59')).toBe('fits');
    expect(refusal(daily, '2026-03-16', newYork, '19:00')).toMatch(/before 2026-03-17/);
  });

  it('are no matter where nothing moves, however Outlook has placed a date', () => {
    const odd = aSeries({
      occurrences: {
        '2026-03-16': {
          isCancelled: false,
          fields: { start: at('2026-03-23T09:00:00'), end: at('2026-03-23T10:00:00'), isAllDay: false },
        },
      },
    });
    expect(crossedNeighbour(odd, '2026-03-16')).toBeDefined();
    expect(patchOccurrence(odd, '2026-03-16', { subject: 'New' }).occurrences['2026-03-16']).toMatchObject({
      fields: { subject: 'New' },
    });
    expect(patchEvent(odd, { subject: 'New' }).subject).toBe('New');
  });

  it('that are cancelled are in nobody’s way when the hours of the series change', () => {
    const moved = moveTo(cancelOccurrence(aSeries(), '2026-03-23'), '2026-03-16', '2026-03-23');
    const later = patchEvent(moved, { start: at('2026-03-09T11:00:00'), end: at('2026-03-09T12:00:00') });
    expect(Object.keys(later.occurrences).sort()).toEqual(['2026-03-16', '2026-03-23']);
  });

  it('are in the way of a new rule that would bring an occurrence to a day another was moved to', () => {
    const moved = moveTo(aSeries(), '2026-03-16', '2026-03-18');
    const rule = (daysOfWeek: ('monday' | 'wednesday' | 'thursday')[]) => ({
      recurrence: {
        pattern: { type: 'weekly' as const, interval: 1, daysOfWeek },
        range: { type: 'noEnd' as const, startDate: '2026-03-09' },
      },
    });
    expect(() => patchEvent(moved, rule(['monday', 'wednesday']))).toThrow(/2026-03-16 cannot be on 2026-03-18/);
    expect(Object.keys(patchEvent(moved, rule(['monday', 'thursday'])).occurrences)).toEqual(['2026-03-16']);
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
