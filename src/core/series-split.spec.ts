import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aGuest,
  anEvent,
  arbitrarySeries,
  arbitrarySubject,
  aSeries,
  at,
  SOME_ZONES,
} from '../../test/support/events.ts';
import type { EventContent, PatternedRecurrence } from './event.ts';
import { createContent } from './event-input.ts';
import { datesBetween, expandOccurrences, type Occurrence, occurrenceOn, validateRecurrence } from './recurrence.ts';
import { changeFollowing, splitSeries } from './series-split.ts';

const EVER = { start: new Date('2020-01-01T00:00:00Z'), end: new Date('2032-01-01T00:00:00Z') };

function datesOf(series: EventContent): string[] {
  return series.recurrence ? datesBetween(series.recurrence, '0001-01-01', '9999-12-31', 15) : [];
}

function expansion(...parts: (EventContent | null)[]): Occurrence[] {
  return within(EVER, ...parts);
}

function within(range: typeof EVER, ...parts: (EventContent | null)[]): Occurrence[] {
  return parts
    .flatMap((part) => (part ? expandOccurrences(part, range) : []))
    .sort((a, b) => (a.originalDate < b.originalDate ? -1 : 1));
}

const seriesAndDate = arbitrarySeries().chain((series) =>
  fc.constantFrom(...datesOf(series)).map((date) => ({ series, date })),
);

const PATTERNS: PatternedRecurrence['pattern'][] = [
  { type: 'daily', interval: 3 },
  { type: 'weekly', interval: 2, daysOfWeek: ['monday', 'thursday', 'sunday'], firstDayOfWeek: 'monday' },
  { type: 'weekly', interval: 2, daysOfWeek: ['monday', 'thursday', 'sunday'], firstDayOfWeek: 'sunday' },
  { type: 'absoluteMonthly', interval: 1, dayOfMonth: 31 },
  { type: 'relativeMonthly', interval: 2, daysOfWeek: ['friday'], index: 'last' },
  { type: 'absoluteYearly', interval: 1, dayOfMonth: 29, month: 2 },
  { type: 'relativeYearly', interval: 1, daysOfWeek: ['sunday'], index: 'fourth', month: 10 },
];
const RANGES: PatternedRecurrence['range'][] = [
  { type: 'noEnd', startDate: '2024-02-26' },
  { type: 'numbered', startDate: '2024-02-26', numberOfOccurrences: 7 },
  { type: 'endDate', startDate: '2024-02-26', endDate: '2030-05-17' },
];

describe('a series split at one of its dates', () => {
  it('says, in two parts, on every date what it said', () => {
    fc.assert(
      fc.property(seriesAndDate, ({ series, date }) => {
        const { before, after } = splitSeries(series, date);
        expect(expansion(before, after)).toEqual(expansion(series));
        expect(validateRecurrence(after.recurrence!, after.start)).toEqual([]);
        if (before) expect(validateRecurrence(before.recurrence!, before.start)).toEqual([]);
      }),
    );
  });

  it('says nothing twice, and keeps what was cancelled cancelled', () => {
    fc.assert(
      fc.property(seriesAndDate, ({ series, date }) => {
        const { before, after } = splitSeries(series, date);
        const rest = datesOf(after);
        expect(rest[0]).toBe(date);
        if (before) expect(datesBetween(before.recurrence!, date, '9999-12-31', 1)).toEqual([]);
        const said = { ...before?.occurrences, ...after.occurrences };
        expect(Object.keys(said).every((each) => each in series.occurrences)).toBe(true);
        if (before) expect(said).toEqual(series.occurrences);
      }),
    );
  });

  describe.each(PATTERNS.map((pattern) => [pattern.type, pattern] as const))('with a %s rule', (_type, pattern) => {
    it.each(RANGES.map((range) => [range.type, range] as const))('and range %s, in every zone', (_kind, range) => {
      for (const zone of SOME_ZONES) {
        const series = createContent({
          start: at('2024-02-26T09:30:00', zone),
          end: at('2024-02-26T10:15:00', zone),
          recurrence: { pattern, range },
        });
        const [, second = '', third = '', fourth = ''] = datesOf(series);
        const withDates: EventContent = {
          ...series,
          occurrences: {
            [second]: { isCancelled: true },
            [third]: { isCancelled: false, fields: { subject: 'Other' } },
            [fourth]: { isCancelled: true },
          },
        };
        // Rules that give many dates are as telling within a year.
        const isDense = pattern.type === 'daily' || pattern.type === 'weekly';
        const shown = isDense ? { ...EVER, end: new Date('2024-09-01T00:00:00Z') } : EVER;
        const whole = within(shown, withDates);
        datesOf(withDates).forEach((date, nth) => {
          if (nth > 5 && nth !== 11) return;
          const { before, after } = splitSeries(withDates, date);
          expect(before === null).toBe(nth === 0);
          expect(within(shown, before, after)).toEqual(whole);
        });
      }
    });
  });

  it('counts on where it is counted, and ends the day before where it is not', () => {
    const weekly = (range: object) =>
      aSeries({ recurrence: { ...aSeries().recurrence!, range: { startDate: '2026-03-09', ...range } as never } });
    const ranges = (series: EventContent) => {
      const { before, after } = splitSeries(series, '2026-03-23');
      return [before?.recurrence?.range, after.recurrence?.range];
    };
    expect(ranges(weekly({ type: 'numbered', numberOfOccurrences: 5 }))).toEqual([
      { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 2 },
      { type: 'numbered', startDate: '2026-03-23', numberOfOccurrences: 3 },
    ]);
    expect(ranges(weekly({ type: 'noEnd' }))).toEqual([
      { type: 'endDate', startDate: '2026-03-09', endDate: '2026-03-22' },
      { type: 'noEnd', startDate: '2026-03-23' },
    ]);
    expect(ranges(weekly({ type: 'endDate', endDate: '2026-06-01' }))).toEqual([
      { type: 'endDate', startDate: '2026-03-09', endDate: '2026-03-22' },
      { type: 'endDate', startDate: '2026-03-23', endDate: '2026-06-01' },
    ]);
  });

  it('has no first part when it begins there, or when all before is cancelled', () => {
    expect(splitSeries(aSeries(), '2026-03-09')).toEqual({ before: null, after: aSeries() });
    const begun = aSeries({ occurrences: { '2026-03-09': { isCancelled: true } } });
    const { before, after } = splitSeries(begun, '2026-03-16');
    expect(before).toBeNull();
    expect(after).toMatchObject({ start: at('2026-03-16T09:00:00'), occurrences: {} });
  });

  it.each(['2026-03-10', '2026-03-02', 'soon'])('is impossible on %s, which is not its date', (date) => {
    expect(() => splitSeries(aSeries(), date)).toThrow(/cannot be split/);
    expect(() => splitSeries(anEvent(), date)).toThrow(/cannot be split/);
  });
});

describe('a change of one date and all that follow', () => {
  it('leaves what was before as it was, and says the new on every later date that said nothing of its own', () => {
    fc.assert(
      fc.property(seriesAndDate, arbitrarySubject(), ({ series, date }, subject) => {
        const changed = changeFollowing(series, date, { subject: `${subject}!` });
        if (!changed) return;
        const { before, after } = changed;
        const isEarlier = ({ originalDate }: Occurrence) => originalDate < date;
        expect(expansion(before)).toEqual(before ? expansion(series).filter(isEarlier) : []);
        for (const other of datesOf(after)) {
          const own = series.occurrences[other];
          const expected =
            own && !own.isCancelled && other !== date ? (own.fields.subject ?? `${subject}!`) : `${subject}!`;
          if (!own?.isCancelled) expect(occurrenceOn(after, other)?.fields.subject.trim()).toBe(expected.trim());
        }
      }),
    );
  });

  it('wins over what was said about that date alone, and not over what was said about later ones', () => {
    const own = (subject: string) => ({ isCancelled: false as const, fields: { subject, showAs: 'oof' as const } });
    const series = aSeries({ occurrences: { '2026-03-16': own('this'), '2026-03-23': own('next') } });
    const changed = changeFollowing(series, '2026-03-16', { subject: 'New' });
    expect(changed?.after.occurrences).toEqual({
      '2026-03-16': { isCancelled: false, fields: { showAs: 'oof' } },
      '2026-03-23': own('next'),
    });
  });

  it('wins over a place of that date alone, however the new one is named, and leaves it one that is not named', () => {
    const own = { isCancelled: false as const, fields: { locations: [{ displayName: 'Attic' }] } };
    const series = aSeries({ occurrences: { '2026-03-16': own } });
    for (const input of [{ location: { displayName: 'Yard' } }, { locations: [{ displayName: 'Yard' }] }]) {
      const changed = changeFollowing(series, '2026-03-16', input)?.after;
      expect(changed).toMatchObject({ locations: [{ displayName: 'Yard' }] });
      expect(changed?.occurrences).toEqual({});
    }
    expect(changeFollowing(series, '2026-03-16', { subject: 'New' })?.after.occurrences).toEqual({ '2026-03-16': own });
  });

  it('is one also where it says what the series says, and the date alone said otherwise', () => {
    const own = { isCancelled: false as const, fields: { subject: 'this' } };
    const series = aSeries({ occurrences: { '2026-03-16': own } });
    expect(changeFollowing(series, '2026-03-16', { subject: 'Weekly' })).toMatchObject({
      after: { subject: 'Weekly', occurrences: {} },
    });
  });

  it('takes exceptions and cancelled dates along when it moves the rest, and drops those a new rule does not have', () => {
    const series = aSeries({
      occurrences: {
        '2026-03-23': { isCancelled: true },
        '2026-03-30': { isCancelled: false, fields: { subject: 'Other' } },
      },
    });
    const moved = changeFollowing(series, '2026-03-16', {
      start: at('2026-03-17T14:00:00'),
      end: at('2026-03-17T15:00:00'),
    });
    expect(moved?.after.recurrence?.pattern.daysOfWeek).toEqual(['tuesday']);
    expect(Object.keys(moved?.after.occurrences ?? {})).toEqual(['2026-03-24', '2026-03-31']);
    const rarer = changeFollowing(series, '2026-03-16', {
      recurrence: {
        pattern: { type: 'weekly', interval: 2, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
        range: { type: 'noEnd' } as never,
      },
    });
    expect(rarer?.after.recurrence?.range.startDate).toBe('2026-03-16');
    expect(Object.keys(rarer?.after.occurrences ?? {})).toEqual(['2026-03-30']);
  });

  it('can make one event of all the rest', () => {
    const single = changeFollowing(aSeries(), '2026-03-16', { recurrence: null })?.after;
    expect(single).toMatchObject({ recurrence: null, occurrences: {}, start: at('2026-03-16T09:00:00') });
  });

  it('is none when it says what is there', () => {
    expect(changeFollowing(aSeries(), '2026-03-16', { subject: 'Weekly' })).toBeUndefined();
    expect(changeFollowing(aSeries(), '2026-03-16', {})).toBeUndefined();
    const own = { isCancelled: false as const, fields: { showAs: 'oof' as const } };
    const series = aSeries({ occurrences: { '2026-03-16': own } });
    expect(changeFollowing(series, '2026-03-16', { subject: 'Weekly' })).toBeUndefined();
  });

  it('is another meeting, whose guests have not answered yet', () => {
    const guest = aGuest('ben@example.com', { status: { response: 'accepted' } });
    const series = aSeries({ attendees: [guest] });
    const changed = changeFollowing(series, '2026-03-16', { subject: 'New' });
    expect(changed?.after.attendees).toEqual([aGuest('ben@example.com')]);
    expect(changed?.before?.attendees).toEqual([guest]);
  });

  it('is another meeting on the dates that have guests of their own, too', () => {
    const [ben, eva] = ['ben@example.com', 'eva@example.com'].map((address) =>
      aGuest(address, { status: { response: 'accepted' } }),
    );
    const own = { isCancelled: false as const, fields: { subject: 'Special', attendees: [ben!, eva!] } };
    const gone = { isCancelled: true as const };
    const plain = { isCancelled: false as const, fields: { showAs: 'oof' as const } };
    const occurrences = { '2026-03-16': own, '2026-03-30': own, '2026-04-06': gone, '2026-04-13': plain };
    const series = aSeries({ attendees: [ben!], occurrences });
    const changed = changeFollowing(series, '2026-03-23', { subject: 'New' });
    expect(changed?.before?.occurrences).toEqual({ '2026-03-16': own });
    expect(changed?.after.occurrences).toEqual({
      '2026-03-30': {
        isCancelled: false,
        fields: { subject: 'Special', attendees: [aGuest('ben@example.com'), aGuest('eva@example.com')] },
      },
      '2026-04-06': gone,
      '2026-04-13': plain,
    });
  });
});
