import { describe, expect, it } from 'vitest';
import { fromWire, seriesFromWire, statedOriginalDate, type WireEvent } from './graph-event-reader.ts';

const utc = (dateTime: string) => ({ dateTime: `${dateTime}.0000000`, timeZone: 'UTC' });

/** An event as Graph sends it; a test says what is odd about it. */
function wire(change: Record<string, unknown> = {}): WireEvent {
  return {
    '@odata.etag': 'W/"key1"',
    id: 'AAMk1',
    changeKey: 'key1',
    type: 'singleInstance',
    subject: 'Tile order',
    start: utc('2026-03-04T08:00:00'),
    end: utc('2026-03-04T09:00:00'),
    originalStartTimeZone: 'W. Europe Standard Time',
    originalEndTimeZone: 'W. Europe Standard Time',
    isAllDay: false,
    ...change,
  };
}

const pattern = (change: Record<string, unknown> = {}) => ({
  type: 'weekly',
  interval: 1,
  month: 0,
  dayOfMonth: 0,
  daysOfWeek: ['monday'],
  firstDayOfWeek: 'sunday',
  index: 'first',
  ...change,
});
const range = (change: Record<string, unknown> = {}) => ({
  type: 'noEnd',
  startDate: '2026-03-02',
  endDate: '0001-01-01',
  recurrenceTimeZone: 'W. Europe Standard Time',
  numberOfOccurrences: 0,
  ...change,
});

/** Mondays at nine in Berlin. */
const master = (change: Record<string, unknown> = {}) =>
  wire({
    id: 'AAMkMaster',
    type: 'seriesMaster',
    start: utc('2026-03-02T08:00:00'),
    end: utc('2026-03-02T08:30:00'),
    recurrence: { pattern: pattern(), range: range() },
    ...change,
  });

const exception = (date: string, change: Record<string, unknown> = {}) =>
  master({
    '@odata.etag': `W/"of ${date}"`,
    id: `AAMk${date}`,
    type: 'exception',
    seriesMasterId: 'AAMkMaster',
    occurrenceId: `OID.AAMkMaster.${date}`,
    recurrence: null,
    start: utc(`${date}T08:00:00`),
    end: utc(`${date}T08:30:00`),
    ...change,
  });

describe('a rule', () => {
  const ruleOf = (change: Record<string, unknown>, ranged: Record<string, unknown> = {}) =>
    fromWire(master({ recurrence: { pattern: pattern(change), range: range(ranged) } })).content.recurrence;

  it.each([
    ['daily', {}, { type: 'daily', interval: 1 }],
    ['weekly', {}, { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'sunday' }],
    ['absoluteMonthly', { dayOfMonth: 31 }, { type: 'absoluteMonthly', interval: 1, dayOfMonth: 31 }],
    ['relativeMonthly', {}, { type: 'relativeMonthly', interval: 1, daysOfWeek: ['monday'], index: 'first' }],
    ['absoluteYearly', { dayOfMonth: 9, month: 3 }, { type: 'absoluteYearly', interval: 1, dayOfMonth: 9, month: 3 }],
    [
      'relativeYearly',
      { month: 3, index: 'last' },
      { type: 'relativeYearly', interval: 1, daysOfWeek: ['monday'], month: 3, index: 'last' },
    ],
  ])('of type %s is read without the fillers of the others', (type, change, read) => {
    expect(ruleOf({ type, ...change })?.pattern).toEqual(read);
  });

  it.each([
    [{ type: 'noEnd' }, {}],
    [{ type: 'endDate', endDate: '2026-06-29' }, { endDate: '2026-06-29' }],
    [{ type: 'numbered', numberOfOccurrences: 8 }, { numberOfOccurrences: 8 }],
  ])('with range %j is read without fillers', (ranged, read) => {
    const recurrenceTimeZone = 'W. Europe Standard Time';
    expect(ruleOf({}, ranged)?.range).toEqual({
      type: ranged.type,
      startDate: '2026-03-02',
      recurrenceTimeZone,
      ...read,
    });
  });

  it('is read in whatever case it is written', () => {
    expect(ruleOf({ type: 'Weekly', daysOfWeek: ['THURSDAY', 'Monday'], firstDayOfWeek: 'Monday' })?.pattern).toEqual({
      type: 'weekly',
      interval: 1,
      daysOfWeek: ['monday', 'thursday'],
      firstDayOfWeek: 'monday',
    });
  });
});

describe('the original date of an exception', () => {
  const member = (change: Record<string, unknown>) =>
    exception('2026-03-16', {
      occurrenceId: null,
      start: utc('2026-03-18T08:00:00'),
      end: utc('2026-03-18T08:30:00'),
      ...change,
    });
  const uid = (date: string) => `040000008200E00074C5B7101A82E008${date}00000000000000000000000010000000ABCDEF`;

  it('is named by its occurrenceId', () => {
    expect(fromWire(member({ occurrenceId: 'OID.AAMkMaster.2026-03-16' })).originalDate).toBe('2026-03-16');
  });

  it('else stands in the bytes of its iCalUId', () => {
    expect(fromWire(member({ iCalUId: uid('07EA0310') })).originalDate).toBe('2026-03-16');
  });

  it.each(['00000000', '07EA0D10', '07EA0300'])('does not when these are %s', (bytes) => {
    expect(statedOriginalDate(member({ iCalUId: uid(bytes) }), 'UTC')).toBeUndefined();
  });

  it('else is its originalStart, on the wall clock of the series', () => {
    const late = member({ originalStart: '2026-03-15T16:30:00Z' });
    expect(statedOriginalDate(late, 'Tokyo Standard Time')).toBe('2026-03-16');
    expect(statedOriginalDate(late, 'W. Europe Standard Time')).toBe('2026-03-15');
  });

  it.each([
    ['UTC midnight', '2026-03-16T00:00:00Z', 'Pacific Standard Time'],
    ['midnight there, west', '2026-03-16T07:00:00Z', 'Pacific Standard Time'],
    ['midnight there, east', '2026-03-15T15:00:00Z', 'Tokyo Standard Time'],
    ['midnight there, farthest east', '2026-03-15T10:00:00Z', 'Pacific/Kiritimati'],
    ['midnight there, farthest west', '2026-03-16T12:00:00Z', 'Etc/GMT+12'],
    ['midnight in a mailbox far from there', '2026-03-15T15:00:00Z', 'Pacific Standard Time'],
    ['midnight in a mailbox far from there', '2026-03-16T08:00:00Z', 'Tokyo Standard Time'],
  ])('of whole days does not slip when it is told as %s', (_, originalStart, zone) => {
    expect(statedOriginalDate(member({ isAllDay: true, originalStart }), zone)).toBe('2026-03-16');
  });

  it('of a series of whole days is a date also for the one that has hours', () => {
    const withHours = member({ originalStart: '2026-03-16T00:00:00Z' });
    expect(statedOriginalDate(withHours, 'Pacific Standard Time', true)).toBe('2026-03-16');
  });

  it('of a series with hours is on its clock also for the one that is a whole day', () => {
    // Seven in the evening in New York is midnight in UTC.
    const wholeDay = member({ isAllDay: true, originalStart: '2026-03-17T00:00:00Z' });
    expect(statedOriginalDate(wholeDay, 'Eastern Standard Time', false)).toBe('2026-03-16');
  });

  it('else is unknown, and taken to be the day it is on', () => {
    expect(statedOriginalDate(member({}), 'UTC')).toBeUndefined();
    expect(fromWire(member({})).originalDate).toBe('2026-03-18');
  });
});

describe('a series', () => {
  const series = (exceptions: WireEvent[], cancelled: string[] = [], of = master()) => {
    const event = fromWire(of);
    return seriesFromWire(
      event,
      exceptions.map((each) => fromWire(each, event.content.start.timeZone)),
      cancelled,
    );
  };

  it('holds of its exceptions only what differs from what their dates inherit', () => {
    const moved = { start: utc('2026-03-18T10:00:00'), end: utc('2026-03-18T10:30:00') };
    const { content, occurrenceIds, type } = series(
      [exception('2026-03-09', { subject: 'Special' }), exception('2026-03-16', moved)],
      ['2026-03-23'],
    );
    expect(type).toBe('seriesMaster');
    expect(content.occurrences).toEqual({
      '2026-03-09': { isCancelled: false, fields: { subject: 'Special' } },
      '2026-03-16': {
        isCancelled: false,
        fields: {
          start: { dateTime: '2026-03-18T11:00:00', timeZone: 'W. Europe Standard Time' },
          end: { dateTime: '2026-03-18T11:30:00', timeZone: 'W. Europe Standard Time' },
          isAllDay: false,
        },
      },
      '2026-03-23': { isCancelled: true },
    });
    expect(occurrenceIds).toEqual({
      '2026-03-09': { id: 'AAMk2026-03-09', etag: 'W/"of 2026-03-09"' },
      '2026-03-16': { id: 'AAMk2026-03-16', etag: 'W/"of 2026-03-16"' },
    });
  });

  it('knows an exception that says nothing of its own, but does not count it', () => {
    const { content, occurrenceIds } = series([exception('2026-03-09')]);
    expect(content.occurrences).toEqual({});
    expect(Object.keys(occurrenceIds)).toEqual(['2026-03-09']);
  });

  it('keeps its hour across the change of the clocks: such an exception did not move', () => {
    // 6 April is summer time in Berlin: nine o'clock is seven in UTC.
    const april = { start: utc('2026-04-06T07:00:00'), end: utc('2026-04-06T07:30:00') };
    expect(series([exception('2026-04-06', april)]).content.occurrences).toEqual({});
  });

  it.each(['tzone://Microsoft/Custom', '', 'UTC', 'tzone://Microsoft/Utc'])(
    'does not take an exception for moved because its zone is %j',
    (zone) => {
      const odd = exception('2026-03-09', { originalStartTimeZone: zone, originalEndTimeZone: zone });
      expect(series([odd]).content.occurrences).toEqual({});
    },
  );

  it('of whole days compares dates', () => {
    const days = { isAllDay: true, start: utc('2026-03-02T00:00:00'), end: utc('2026-03-03T00:00:00') };
    const same = { isAllDay: true, start: utc('2026-03-09T00:00:00'), end: utc('2026-03-10T00:00:00') };
    const longer = { ...same, end: utc('2026-03-11T00:00:00') };
    expect(series([exception('2026-03-09', same)], [], master(days)).content.occurrences).toEqual({});
    expect(series([exception('2026-03-09', longer)], [], master(days)).content.occurrences['2026-03-09']).toBeDefined();
  });
});
