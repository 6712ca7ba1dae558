import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aSeries, at } from '../../test/support/events.ts';
import type { EventContent, OccurrenceOverride } from './event.ts';
import { inWritableOrder } from './occurrence-order.ts';
import { crossedNeighbour } from './series-edit.ts';

const DAYS = Array.from({ length: 40 }, (_none, index) =>
  new Date(Date.UTC(2026, 2, 1 + index)).toISOString().slice(0, 10),
);
/** Every third day; an occurrence may stand on any of the two days on either side of its own. */
const DATES = DAYS.filter((_day, index) => index % 3 === 0).slice(2, 10);

function series(occurrences: Record<string, OccurrenceOverride>): EventContent {
  const [startDate = ''] = DATES;
  return aSeries({
    start: at(`${startDate}T09:00:00`),
    end: at(`${startDate}T10:00:00`),
    recurrence: {
      pattern: { type: 'daily', interval: 3 },
      range: { type: 'numbered', startDate, numberOfOccurrences: DATES.length },
    },
    occurrences,
  });
}

function on(day: string): OccurrenceOverride {
  return { isCancelled: false, fields: { start: at(`${day}T11:00:00`), end: at(`${day}T12:00:00`), isAllDay: false } };
}

/** Any placing of the dates, some of them cancelled, in which none reaches its neighbour. */
function arbitraryPlacing(): fc.Arbitrary<Record<string, OccurrenceOverride>> {
  const place = fc.oneof(
    { weight: 1, arbitrary: fc.constant('gone' as const) },
    { weight: 4, arbitrary: fc.integer({ min: -6, max: 6 }) },
  );
  return fc
    .array(place, { minLength: DATES.length, maxLength: DATES.length })
    .map((places) =>
      Object.fromEntries(
        places.flatMap((shift, index): [string, OccurrenceOverride][] => {
          const date = DATES[index] ?? '';
          if (shift === 'gone') return [[date, { isCancelled: true }]];
          const day = DAYS[DAYS.indexOf(date) + shift];
          return shift === 0 || day === undefined ? [] : [[date, on(day)]];
        }),
      ),
    )
    .filter((occurrences) => isPossible(series(occurrences)));
}

/** All dates, in whatever order they are looked at. */
const arbitraryOrder = fc.shuffledSubarray(DATES, { minLength: DATES.length });

function isPossible(content: EventContent): boolean {
  return DATES.every((date) => content.occurrences[date]?.isCancelled || !crossedNeighbour(content, date));
}

describe('writing dates of a series one after the other', () => {
  it('never steps on a neighbour on the way, from any placing of them to any other', () => {
    fc.assert(
      fc.property(arbitraryPlacing(), arbitraryPlacing(), arbitraryOrder, (from, to, order) => {
        // What is cancelled there stays cancelled: Exchange knows no way back.
        const gone = Object.entries(from).filter(([, override]) => override.isCancelled);
        const wanted = { ...to, ...Object.fromEntries(gone) };
        fc.pre(isPossible(series(wanted)));
        const changed = order.filter((date) => JSON.stringify(from[date]) !== JSON.stringify(wanted[date]));
        let present = from;
        for (const date of inWritableOrder(changed, series(wanted), series(from))) {
          const { [date]: _before, ...others } = present;
          const override = wanted[date];
          present = override ? { ...others, [date]: override } : others;
          expect([date, isPossible(series(present))]).toEqual([date, true]);
        }
        expect(present).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });

  it('makes room first, by what is cancelled', () => {
    const [first = '', second = '', third = ''] = DATES;
    const wanted = series({ [first]: on(second), [second]: { isCancelled: true } });
    expect(inWritableOrder([first, second], wanted, series({}))).toEqual([second, first]);
    const later = series({ [first]: on(second), [second]: on(third), [third]: { isCancelled: true } });
    expect(inWritableOrder([first, second, third], later, series({}))).toEqual([third, second, first]);
  });
});
