import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { anAllDayEvent, arbitrarySeries, arbitraryZone, aSeries, at } from '../../test/support/events.ts';
import { daysBetween, inheritedFields, onLaterDay } from './occurrence-fields.ts';
import { datePart, toInstant } from './time-zones.ts';

const anyDay = () => fc.integer({ min: -200_000, max: 200_000 });

describe('inheritedFields', () => {
  it('moves the times to the date and keeps everything else', () => {
    const series = aSeries({ subject: 'Weekly', occurrences: { '2026-03-30': { isCancelled: true } } });
    const { recurrence: _rule, occurrences: _dates, ...fields } = series;
    expect(inheritedFields(series, '2026-03-30')).toEqual({
      ...fields,
      start: at('2026-03-30T09:00:00'),
      end: at('2026-03-30T10:00:00'),
    });
  });

  it('keeps the wall clock across a change of the clocks, not the instant', () => {
    const series = aSeries();
    const before = toInstant(inheritedFields(series, '2026-03-23').start);
    const after = toInstant(inheritedFields(series, '2026-03-30').start);
    expect(before?.toISOString()).toBe('2026-03-23T08:00:00.000Z');
    expect(after?.toISOString()).toBe('2026-03-30T07:00:00.000Z');
  });

  it('keeps an end on a later day, or in another zone, as far away in days as it was', () => {
    const flight = aSeries({ start: at('2026-03-09T23:00:00'), end: at('2026-03-10T02:00:00', 'America/New_York') });
    expect(inheritedFields(flight, '2026-03-16').end).toEqual(at('2026-03-17T02:00:00', 'America/New_York'));
    expect(inheritedFields(anAllDayEvent(), '2026-12-31').end).toEqual(at('2027-01-01T00:00:00'));
  });

  it('says of its first date what the series says', () => {
    fc.assert(
      fc.property(arbitrarySeries(), (series) => {
        const { recurrence: _rule, occurrences: _dates, ...fields } = series;
        expect(inheritedFields(series, datePart(series.start.dateTime))).toEqual(fields);
      }),
    );
  });

  it.each(['nonsense', '', '2026-02-30'])('survives "%s" for a date', (date) => {
    expect(inheritedFields(aSeries(), date).start).toEqual(aSeries().start);
  });

  it('survives times that are none', () => {
    const spoilt = aSeries({ end: at('whenever') });
    expect(inheritedFields(spoilt, '2026-03-16').end).toEqual(at('whenever'));
  });
});

describe('days', () => {
  it('are counted and added as Temporal does', () => {
    fc.assert(
      fc.property(anyDay(), anyDay(), arbitraryZone(), (a, b, zone) => {
        const epoch = Temporal.PlainDate.from('1970-01-01');
        const [from, to] = [epoch.add({ days: a }), epoch.add({ days: b })];
        expect(daysBetween(from.toString(), to.toString())).toBe(from.until(to, { largestUnit: 'days' }).days);
        const value = at(`${from}T13:15:00.1250000`, zone);
        expect(onLaterDay(value, b)).toEqual(b === 0 ? value : at(`${from.add({ days: b })}T13:15:00.125`, zone));
      }),
    );
  });

  it('come back', () => {
    fc.assert(
      fc.property(anyDay(), fc.integer({ min: 1, max: 9_000 }), (day, days) => {
        const value = at(`${Temporal.PlainDate.from('1970-01-01').add({ days: day })}T09:00:00`);
        expect(onLaterDay(onLaterDay(value, days), -days)).toEqual(value);
      }),
    );
  });
});
