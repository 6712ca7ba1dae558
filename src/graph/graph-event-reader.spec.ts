import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedUnits } from '../core/canonical-event.ts';
import {
  fromWire,
  needsMailboxZone,
  seriesFromWire,
  statedOriginalDate,
  type WireEvent,
} from './graph-event-reader.ts';

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

describe('times', () => {
  it('are those of the zone the person chose, not of the answer', () => {
    expect(fromWire(wire()).content.start).toEqual({
      dateTime: '2026-03-04T09:00:00',
      timeZone: 'W. Europe Standard Time',
    });
  });

  it('may end in another zone than they begin in', () => {
    const { start, end } = fromWire(wire({ originalEndTimeZone: 'Asia/Tokyo' })).content;
    expect([start.timeZone, end]).toEqual([
      'W. Europe Standard Time',
      { dateTime: '2026-03-04T18:00:00', timeZone: 'Asia/Tokyo' },
    ]);
  });

  it('of a series are those of the rule’s zone', () => {
    const odd = master({ originalStartTimeZone: 'UTC', originalEndTimeZone: 'UTC' });
    const { start, end, recurrence } = fromWire(odd).content;
    expect([start, end, recurrence?.range.recurrenceTimeZone]).toEqual([
      { dateTime: '2026-03-02T09:00:00', timeZone: 'W. Europe Standard Time' },
      { dateTime: '2026-03-02T09:30:00', timeZone: 'W. Europe Standard Time' },
      'W. Europe Standard Time',
    ]);
  });

  it.each([
    ['tzone://Microsoft/Custom', 'Tokyo Standard Time'],
    ['', 'Tokyo Standard Time'],
    ['Customized Time Zone', 'Tokyo Standard Time'],
    // UTC under another name, which Graph would not take back.
    ['tzone://Microsoft/Utc', 'UTC'],
    ['Eastern Standard Time', 'Eastern Standard Time'],
    ['America/New_York', 'America/New_York'],
  ])('in zone %j are read in %s when the mailbox is in Tokyo', (named, zone) => {
    const event = wire({ originalStartTimeZone: named, originalEndTimeZone: named });
    expect(fromWire(event, 'Tokyo Standard Time').content.start.timeZone).toBe(zone);
    expect(needsMailboxZone(event)).toBe(zone.startsWith('Tokyo'));
  });

  it('fall back step by step: rule, start, end, mailbox, UTC', () => {
    const custom = 'tzone://Microsoft/Custom';
    const zoneOf = (rule: string, start: string, end: string, mailbox?: string) => {
      const recurrence = { pattern: pattern(), range: range({ recurrenceTimeZone: rule }) };
      const event = master({ recurrence, originalStartTimeZone: start, originalEndTimeZone: end });
      return fromWire(event, mailbox).content.start.timeZone;
    };
    expect(zoneOf('Asia/Tokyo', 'UTC', 'UTC')).toBe('Asia/Tokyo');
    expect(zoneOf('', 'Asia/Tokyo', 'UTC')).toBe('Asia/Tokyo');
    expect(zoneOf(custom, custom, 'Asia/Tokyo')).toBe('Asia/Tokyo');
    expect(zoneOf(custom, '', '', 'Asia/Tokyo')).toBe('Asia/Tokyo');
    expect(zoneOf(custom, '', '', custom)).toBe('UTC');
    expect(zoneOf('', '', '')).toBe('UTC');
  });

  it('of whole days are dates, whatever zone they are labelled with', () => {
    const event = wire({
      isAllDay: true,
      start: { dateTime: '2026-03-04T00:00:00.0000000', timeZone: 'Tokyo Standard Time' },
      end: { dateTime: '2026-03-06T00:00:00.0000000', timeZone: 'Tokyo Standard Time' },
      originalStartTimeZone: 'Pacific Standard Time',
      originalEndTimeZone: 'Pacific Standard Time',
    });
    expect(fromWire(event).content).toMatchObject({
      isAllDay: true,
      start: { dateTime: '2026-03-04T00:00:00', timeZone: 'Pacific Standard Time' },
      end: { dateTime: '2026-03-06T00:00:00', timeZone: 'Pacific Standard Time' },
    });
  });

  it.each([
    ['0001-01-01T00:00:00.0000000Z', '1601-01-01T00:00:00'],
    ['0001-01-01T00:00:00.0000000', '1601-01-01T00:00:00'],
    ['9999-12-31T23:59:59.9999999', '4500-09-01T00:00:00'],
  ])('that mean never, %s, are years one can compute with', (dateTime, read) => {
    const zone = 'tzone://Microsoft/Utc';
    const event = wire({ start: { dateTime, timeZone: zone }, originalStartTimeZone: zone, originalEndTimeZone: zone });
    expect(fromWire(event).content.start).toEqual({ dateTime: read, timeZone: 'UTC' });
  });

  it('of a modification may be never', () => {
    expect(fromWire(wire({ lastModifiedDateTime: '0001-01-01T00:00:00Z' })).lastModifiedAt).toBeUndefined();
    expect(fromWire(wire({ lastModifiedDateTime: '2026-03-02T08:15:07.204Z' })).lastModifiedAt).toEqual(
      new Date('2026-03-02T08:15:07.204Z'),
    );
  });
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

describe('properties', () => {
  it('that are missing read as what Graph means by that', () => {
    expect(fromWire({ id: 'AAMk1', changeKey: 'key1' })).toMatchObject({
      etag: 'W/"key1"',
      type: 'singleInstance',
      content: {
        subject: '',
        body: null,
        locations: [],
        attendees: [],
        showAs: 'busy',
        categories: [],
        recurrence: null,
      },
      facts: { isOrganizer: true, isCancelled: false, hasAttachments: false },
    });
  });

  it('may be anything: whatever comes over the wire, reading it does not fail', () => {
    const names = [
      ...Object.keys(master()),
      'body',
      'location',
      'locations',
      'attendees',
      'organizer',
      'categories',
      'iCalUId',
      'originalStart',
      'occurrenceId',
      'responseStatus',
      'onlineMeeting',
      'lastModifiedDateTime',
    ];
    const anything = fc.oneof(
      fc.constant(null),
      fc.jsonValue(),
      fc.constantFrom(utc('2026-03-04T08:00:00'), '9999-12-31T23:59:59.9999999'),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), anything), (odd) => {
        const event = fromWire({ ...master(), ...odd });
        expect(typeof event.content.subject).toBe('string');
        expect(changedUnits(event.content, fromWire({ ...master(), ...odd }).content)).toEqual([]);
      }),
    );
  });

  it('Exchange adds to a place are left out, a place’s own are kept', () => {
    const enriched = {
      displayName: 'Yard',
      locationType: 'default',
      uniqueId: 'Yard',
      uniqueIdType: 'private',
      address: {},
      coordinates: {},
    };
    const place = {
      displayName: 'Room 1',
      locationEmailAddress: 'room1@example.com',
      locationUri: 'https://example.com/room1',
      address: { street: 'Hauptstr. 1', city: 'Berlin', state: '', countryOrRegion: null },
      coordinates: { latitude: 52.5, longitude: 13.4 },
    };
    expect(fromWire(wire({ location: enriched, locations: [enriched, place] })).content.locations).toEqual([
      { displayName: 'Yard' },
      { ...place, address: { street: 'Hauptstr. 1', city: 'Berlin' } },
    ]);
    expect(fromWire(wire({ location: enriched, locations: [] })).content.locations).toEqual([{ displayName: 'Yard' }]);
    expect(fromWire(wire({ location: { ...enriched, displayName: '' }, locations: [] })).content.locations).toEqual([]);
  });

  it('of guests keep their answer, and survive without an address', () => {
    const attendees = [
      {
        type: 'optional',
        status: { response: 'accepted', time: '0001-01-01T00:00:00Z' },
        emailAddress: { name: 'Ben', address: 'ben@example.com' },
      },
      { type: 'required', emailAddress: { name: 'somebody' } },
      { type: 'resource' },
    ];
    expect(fromWire(wire({ attendees })).content.attendees).toEqual([
      attendees[0],
      { type: 'required', emailAddress: { name: 'somebody' } },
      { type: 'resource', emailAddress: {} },
    ]);
  });

  it('that nobody here writes are kept as facts', () => {
    const event = wire({
      iCalUId: '0400',
      organizer: { emailAddress: { name: 'Ada', address: 'ada@example.com' } },
      isOrganizer: false,
      isCancelled: true,
      responseStatus: { response: 'accepted', time: '2026-03-01T00:00:00Z' },
      webLink: 'https://outlook.example.com/1',
      onlineMeeting: { joinUrl: 'https://teams.example.com/1', conferenceId: '7' },
      hasAttachments: true,
    });
    expect(fromWire(event).facts).toEqual({
      iCalUId: '0400',
      organizer: { name: 'Ada', address: 'ada@example.com' },
      isOrganizer: false,
      isCancelled: true,
      responseStatus: { response: 'accepted', time: '2026-03-01T00:00:00Z' },
      webLink: 'https://outlook.example.com/1',
      onlineMeeting: { joinUrl: 'https://teams.example.com/1' },
      hasAttachments: true,
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
  ])('of whole days does not slip when it is told as %s', (_, originalStart, zone) => {
    expect(statedOriginalDate(member({ isAllDay: true, originalStart }), zone)).toBe('2026-03-16');
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
