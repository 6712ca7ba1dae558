import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedUnits } from '../core/canonical-event.ts';
import { expandOccurrences } from '../core/recurrence.ts';
import { toInstant } from '../core/time-zones.ts';
import { fromWire, needsMailboxZone, type WireEvent } from './graph-event-reader.ts';

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

const _exception = (date: string, change: Record<string, unknown> = {}) =>
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

  it('tell the second half past two of a night in autumn from the first', () => {
    const at = (start: string) => {
      const { content } = fromWire(wire({ start: utc(start), end: utc('2026-10-25T03:00:00') }));
      return [toInstant(content.start)?.toISOString(), content.start];
    };
    expect(at('2026-10-25T00:30:00')).toEqual([
      '2026-10-25T00:30:00.000Z',
      { dateTime: '2026-10-25T02:30:00', timeZone: 'W. Europe Standard Time' },
    ]);
    expect(at('2026-10-25T01:30:00')).toEqual([
      '2026-10-25T01:30:00.000Z',
      { dateTime: '2026-10-25T01:30:00', timeZone: 'UTC' },
    ]);
  });

  it('are the instants Graph tells, in every zone and at every hour', () => {
    const zone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
    const time = fc.date({ min: new Date('1975-01-01'), max: new Date('2060-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(zone, zone, time, (originalStartTimeZone, originalEndTimeZone, start) => {
        const told = utc(start.toISOString().slice(0, 19));
        const { content } = fromWire(wire({ originalStartTimeZone, originalEndTimeZone, start: told, end: told }));
        expect([toInstant(content.start), toInstant(content.end)]).toEqual([toInstant(told), toInstant(told)]);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<[string | undefined, string]>([
    ['Pacific Standard Time', 'the evening before there'],
    ['Line Islands Standard Time', 'the same day there'],
    [undefined, 'no zone at all'],
  ])('of a series whose zone nobody knows are on the dates of its rule (%s: %s)', (mailboxZone, _why) => {
    const custom = 'tzone://Microsoft/Custom';
    // Midnight to one in the morning of Tuesdays, nine hours east of UTC.
    const recurrence = {
      pattern: pattern({ daysOfWeek: ['tuesday'] }),
      range: range({ startDate: '2026-03-03', recurrenceTimeZone: custom }),
    };
    const zones = { originalStartTimeZone: custom, originalEndTimeZone: custom };
    const times = { start: utc('2026-03-02T15:00:00'), end: utc('2026-03-02T16:00:00') };
    const { content } = fromWire(master({ recurrence, ...zones, ...times }), mailboxZone);
    const shown = expandOccurrences(content, { start: new Date('2026-03-01'), end: new Date('2026-03-15') });
    expect(shown.map(({ originalDate, fields }) => [originalDate, toInstant(fields.start)?.toISOString()])).toEqual([
      ['2026-03-03', '2026-03-02T15:00:00.000Z'],
      ['2026-03-10', '2026-03-09T15:00:00.000Z'],
    ]);
  });

  it('whose zone nobody knows say so, and keep its name for people to see', () => {
    const custom = 'tzone://Microsoft/Custom';
    const odd = { originalStartTimeZone: custom, originalEndTimeZone: custom };
    expect(fromWire(wire(odd), 'Tokyo Standard Time').facts.unknownTimeZone).toBe(custom);
    const recurrence = { pattern: pattern(), range: range({ recurrenceTimeZone: '' }) };
    const nameless = { originalStartTimeZone: '', originalEndTimeZone: '', recurrence };
    expect(fromWire(master(nameless), 'Tokyo Standard Time').facts.unknownTimeZone).toBe('');
    // One moment is the same in every zone, so that no name is no loss.
    expect(fromWire(wire({ ...nameless, recurrence: null })).facts).not.toHaveProperty('unknownTimeZone');
    expect(fromWire(wire({ ...odd, originalEndTimeZone: 'Asia/Tokyo' })).facts).not.toHaveProperty('unknownTimeZone');
    expect(fromWire(wire({ ...odd, isAllDay: true })).facts).not.toHaveProperty('unknownTimeZone');
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

  it.each(['soon', '', '2026-02-30T08:00:00', null, 7])(
    'that are none, such as %j, are those the store keeps of them',
    (odd) => {
      const start = { dateTime: odd, timeZone: 'UTC' };
      expect(fromWire(wire({ start })).content.start.dateTime).toBe('1970-01-01T01:00:00');
      expect(fromWire(wire({ start, isAllDay: true })).content.start.dateTime).toBe('1970-01-01T00:00:00');
    },
  );

  it('of a modification may be never', () => {
    expect(fromWire(wire({ lastModifiedDateTime: '0001-01-01T00:00:00Z' })).lastModifiedAt).toBeUndefined();
    expect(fromWire(wire({ lastModifiedDateTime: '2026-03-02T08:15:07.204Z' })).lastModifiedAt).toEqual(
      new Date('2026-03-02T08:15:07.204Z'),
    );
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
