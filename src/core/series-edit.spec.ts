import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryDetails, arbitrarySeries, aSeries, at } from '../../test/support/events.ts';
import { refusal } from '../../test/support/refusal.ts';
import { changedUnits } from './canonical-event.ts';
import type { EventContent } from './event.ts';
import { datesBetween, occurrenceOn } from './recurrence.ts';
import { occurrenceContent } from './series.ts';
import {
  cancelOccurrence,
  crossedNeighbour,
  occurrenceState,
  overrideFor,
  patchEvent,
  patchOccurrence,
} from './series-edit.ts';

const date = '2026-03-16';
const series = aSeries();
const on = (day: string, hour = '09') => ({ start: at(`${day}T${hour}:00:00`), end: at(`${day}T${hour}:45:00`) });
const overrideOf = (content: EventContent) => content.occurrences[date];

describe('one date', () => {
  it('is living, cancelled, or none', () => {
    const cancelled = cancelOccurrence(series, date);
    expect(occurrenceState(series, date)).toBe('living');
    expect(occurrenceState(cancelled, date)).toBe('cancelled');
    for (const other of ['2026-03-17', '2026-03-02', '2026-02-30', 'nonsense']) {
      expect(occurrenceState(series, other)).toBe('none');
    }
    expect(occurrenceState(aSeries({ recurrence: null }), date)).toBe('none');
  });

  it('keeps what differs from the series, so that the rest goes on following it', () => {
    const changed = patchOccurrence(series, date, { subject: 'Special', showAs: 'busy' });
    expect(overrideOf(changed)).toEqual({ isCancelled: false, fields: { subject: 'Special' } });
    const renamed = patchEvent(changed, { subject: 'Renamed', importance: 'high' });
    expect(occurrenceOn(renamed, date)?.fields).toMatchObject({ subject: 'Special', importance: 'high' });
  });

  it('is the rule’s again when nothing differs any more', () => {
    const changed = patchOccurrence(series, date, { subject: 'Special' });
    expect(patchOccurrence(changed, date, { subject: 'Weekly' })).toEqual(series);
  });

  it('keeps start and end together when it moves', () => {
    const moved = patchOccurrence(series, date, on('2026-03-17', '15'));
    expect(overrideOf(moved)).toEqual({ isCancelled: false, fields: { ...on('2026-03-17', '15'), isAllDay: false } });
    const later = patchEvent(moved, { start: at('2026-03-09T11:00:00'), end: at('2026-03-09T12:00:00') });
    expect(occurrenceOn(later, date)?.fields).toMatchObject(on('2026-03-17', '15'));
  });

  it('cannot recur', () => {
    const refused = refusal(() => patchOccurrence(series, date, { recurrence: series.recurrence }));
    expect(refused).toMatchObject({
      code: 'impossible-input',
      problems: [expect.stringMatching(/^recurrence: must be left out/)],
    });
    expect(() => patchOccurrence(series, date, { recurrence: null, subject: 'x' })).not.toThrow();
  });

  it('says exactly what it was given', () => {
    fc.assert(
      fc.property(arbitrarySeries(), arbitraryDetails(), fc.nat(), (any, details, nth) => {
        const { startDate } = any.recurrence!.range;
        const dates = datesBetween(any.recurrence!, startDate, '9999-12-31', 6);
        const chosen = dates[nth % dates.length]!;
        if (occurrenceState(any, chosen) === 'cancelled') return;
        const changed = patchOccurrence(any, chosen, details);
        const wanted = { ...occurrenceContent(any, chosen), ...details };
        expect(changedUnits(occurrenceContent(changed, chosen), wanted)).toEqual([]);
        const untouched = changedUnits(any, changed).filter((unit) => unit !== `occurrence:${chosen}`);
        expect(untouched).toEqual([]);
      }),
    );
  });

  it('has no override for content that says what the date inherits', () => {
    expect(overrideFor(series, date, occurrenceContent(series, date))).toBeUndefined();
  });
});

describe('no occurrence reaches the day of its neighbour', () => {
  it.each<[string, string, string | undefined]>([
    ['the same day', '2026-03-16', undefined],
    ['the day after the previous one', '2026-03-10', undefined],
    ['the day before the next one', '2026-03-22', undefined],
    ['the day of the previous one', '2026-03-09', 'must be after 2026-03-09'],
    ['the day of the next one', '2026-03-23', 'must be before 2026-03-23'],
    ['far past the next one', '2026-05-01', 'must be before 2026-03-23'],
  ])('%s', (_what, day, message) => {
    const move = () => patchOccurrence(series, date, on(day));
    if (message === undefined) expect(move).not.toThrow();
    else expect(refusal(move)).toMatchObject({ problems: [expect.stringContaining(message)] });
  });

  it('nor of where its neighbour was moved to, but a cancelled neighbour is none', () => {
    const moved = patchOccurrence(series, '2026-03-23', on('2026-03-20'));
    expect(refusal(() => patchOccurrence(moved, date, on('2026-03-20'))).problems).toHaveLength(1);
    const cancelled = cancelOccurrence(series, '2026-03-23');
    expect(() => patchOccurrence(cancelled, date, on('2026-03-25'))).not.toThrow();
  });

  it('also not when the series is moved under an exception', () => {
    const moved = patchOccurrence(series, date, on('2026-03-20'));
    const everyDay = { pattern: { type: 'daily' as const, interval: 1 }, range: series.recurrence!.range };
    expect(refusal(() => patchEvent(moved, { recurrence: everyDay })).problems).toHaveLength(1);
  });

  it('has no neighbour before the first and after the last', () => {
    const short = aSeries({
      recurrence: {
        pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'] },
        range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 2 },
      },
    });
    expect(crossedNeighbour(patchOccurrence(short, '2026-03-09', on('2026-01-05')), '2026-03-09')).toBeUndefined();
    expect(crossedNeighbour(patchOccurrence(short, date, on('2027-01-05')), date)).toBeUndefined();
  });
});
