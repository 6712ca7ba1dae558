import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { WINDOWS_TO_IANA_MAP } from 'windows-iana';
import {
  atInstant,
  canonicalZone,
  datePart,
  ianaZone,
  inZone,
  isCalendarDate,
  isKnownZone,
  isReadableDateTime,
  normalDateTime,
  sameZone,
  toInstant,
  windowsZone,
} from './time-zones.ts';

describe('zone names', () => {
  it.each([
    ['W. Europe Standard Time', 'Europe/Berlin'],
    ['w. europe standard time', 'Europe/Berlin'],
    ['gmt standard time', 'Europe/London'],
    ['US EASTERN STANDARD TIME', 'America/Indianapolis'],
    ['central standard time (mexico)', 'America/Mexico_City'],
    ['utc-11', 'Etc/GMT+11'],
    ['europe/berlin', 'Europe/Berlin'],
    [' Europe/Berlin ', 'Europe/Berlin'],
    ['US/Pacific', 'America/Los_Angeles'],
    ['UTC', 'UTC'],
    ['Etc/UTC', 'UTC'],
    ['tzone://Microsoft/Utc', 'UTC'],
    ['TZONE://MICROSOFT/UTC', 'UTC'],
  ])('reads %s as %s', (name, iana) => {
    expect(ianaZone(name)).toBe(iana);
    expect(isKnownZone(name)).toBe(true);
  });

  it.each(['', '  ', 'tzone://Microsoft/Custom', 'Customized Time Zone', '+02:00', 'UTC+1', 'Z', 'Europe/Nowhere'])(
    'finds no zone in "%s"',
    (name) => {
      expect(ianaZone(name)).toBeUndefined();
      expect(isKnownZone(name)).toBe(false);
    },
  );

  it('knows every Windows name of CLDR', () => {
    const unknown = WINDOWS_TO_IANA_MAP.filter(({ windowsName }) => !isKnownZone(windowsName));
    expect(unknown).toEqual([]);
  });

  it('knows every IANA zone of the runtime, and a Windows name for all but a few', () => {
    const zones = Intl.supportedValuesOf('timeZone');
    expect(zones.filter((zone) => !isKnownZone(zone))).toEqual([]);
    const withoutWindowsName = zones.filter((zone) => windowsZone(ianaZone(zone) ?? '') === undefined);
    expect(withoutWindowsName.length).toBeLessThan(10);
  });

  it.each([
    ['Asia/Kolkata', 'Asia/Calcutta'],
    ['Asia/Kolkata', 'India Standard Time'],
    ['Europe/Kyiv', 'FLE Standard Time'],
    ['Europe/Amsterdam', 'W. Europe Standard Time'],
    ['UTC', 'tzone://Microsoft/Utc'],
    ['America/Ciudad_Juarez', 'america/ciudad_juarez'],
  ])('takes %s and %s for the same zone', (a, b) => {
    expect(sameZone(a, b)).toBe(true);
    expect(canonicalZone(a)).toBe(canonicalZone(b));
  });

  it('reads every name of CLDR in both directions, in any case', () => {
    for (const { windowsName, iana } of WINDOWS_TO_IANA_MAP) {
      const zone = ianaZone(windowsName);
      expect(zone, windowsName).toBeDefined();
      expect(ianaZone(windowsName.toUpperCase()), windowsName).toBe(zone);
      expect(ianaZone(` ${windowsName.toLowerCase()} `), windowsName).toBe(zone);
      expect(canonicalZone(windowsName)).toBe(windowsName);
      for (const name of iana) {
        expect(canonicalZone(name), name).toBe(windowsName);
        expect(canonicalZone(name.toLowerCase()), name).toBe(windowsName);
        expect(sameZone(name, windowsName), name).toBe(true);
      }
    }
  });

  it.each([
    ['Kamchatka Standard Time', '2026-07-01T12:00:00', '2026-07-01T00:00:00.000Z'],
    ['mid-atlantic standard time', '2026-07-01T12:00:00', '2026-07-01T14:00:00.000Z'],
  ])('reads %s, which Windows and Graph list and CLDR does not', (timeZone, dateTime, instant) => {
    expect(toInstant({ dateTime, timeZone })?.toISOString()).toBe(instant);
    expect(toInstant({ dateTime, timeZone: canonicalZone(timeZone) })?.toISOString()).toBe(instant);
  });

  it.each([
    ['Europe/Berlin', 'Europe/London'],
    ['America/Phoenix', 'America/Denver'],
    ['tzone://Microsoft/Custom', 'UTC'],
    ['My Zone', 'Your Zone'],
    ['America/Ciudad_Juarez', 'America/Coyhaique'],
  ])('keeps %s and %s apart', (a, b) => {
    expect(sameZone(a, b)).toBe(false);
  });
});

describe('wall clocks', () => {
  it.each([
    ['2026-03-09T09:00:00.0000000', '2026-03-09T09:00:00'],
    ['2026-03-09T09:00', '2026-03-09T09:00:00'],
    ['2026-03-09 09:00:00', '2026-03-09T09:00:00'],
    ['2026-03-09', '2026-03-09T00:00:00'],
    ['2026-03-09T09:00:12.8650000', '2026-03-09T09:00:12.865'],
    ['0001-01-01T00:00:00.0000000Z', '0001-01-01T00:00:00'],
    ['9999-12-31T23:59:59.9999999', '9999-12-31T23:59:59.9999999'],
    ['next Tuesday', 'next Tuesday'],
  ])('spells %s as %s', (given, normal) => {
    expect(normalDateTime(given)).toBe(normal);
  });

  it.each(['2026-03-09T09:00:00', '2024-02-29', '0001-01-01T00:00:00', '9999-12-31T23:59:59.9999999'])(
    'takes %s from a caller',
    (given) => {
      expect(isReadableDateTime(given)).toBe(true);
    },
  );

  it.each([
    '2026-03-09T09:00:00+02:00',
    '2026-03-09T09:00:00Z',
    '2026-02-30T09:00:00',
    '2025-02-29',
    '2026-13-01T00:00:00',
    '2026-03-09T24:00:00',
    '2026-03-09T09:60:00',
    'March 5, 2026',
    '',
  ])('refuses "%s" from a caller', (given) => {
    expect(isReadableDateTime(given)).toBe(false);
  });

  it('tells dates from times', () => {
    expect(isCalendarDate('2026-03-09')).toBe(true);
    expect(isCalendarDate('2026-02-31')).toBe(false);
    expect(isCalendarDate('2026-03-09T00:00:00')).toBe(false);
    expect(datePart('2026-03-09T09:00:00')).toBe('2026-03-09');
  });
});

describe('toInstant', () => {
  it.each([
    ['winter', '2026-01-15T09:00:00', 'Europe/Berlin', '2026-01-15T08:00:00.000Z'],
    ['summer', '2026-07-15T09:00:00', 'W. Europe Standard Time', '2026-07-15T07:00:00.000Z'],
    ['a gap: the later reading', '2026-03-29T02:30:00', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
    ['an overlap: the earlier reading', '2026-10-25T02:30:00', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
    ['the hour before a gap', '2026-03-29T01:59:59', 'Europe/Berlin', '2026-03-29T00:59:59.000Z'],
    ['half an hour of daylight saving', '2026-01-15T12:00:00', 'Australia/Lord_Howe', '2026-01-15T01:00:00.000Z'],
    ['quarter hours', '2026-01-15T12:00:00', 'Asia/Katmandu', '2026-01-15T06:15:00.000Z'],
    ['a fraction', '2026-01-15T09:00:00.1250000', 'UTC', '2026-01-15T09:00:00.125Z'],
  ])('reads %s', (_what, dateTime, timeZone, instant) => {
    expect(toInstant({ dateTime, timeZone })?.toISOString()).toBe(instant);
  });

  it('survives the dates Exchange uses for "never"', () => {
    for (const dateTime of ['0001-01-01T00:00:00.0000000Z', '9999-12-31T23:59:59.9999999']) {
      for (const timeZone of ['UTC', 'Europe/Berlin', 'Pacific Standard Time', 'Pacific/Kiritimati']) {
        expect(toInstant({ dateTime, timeZone })).toBeInstanceOf(Date);
      }
    }
  });

  it('has no answer for an unreadable wall clock or an unknown zone', () => {
    expect(toInstant({ dateTime: '2026-02-30T00:00:00', timeZone: 'UTC' })).toBeUndefined();
    expect(toInstant({ dateTime: 'March 5, 2026', timeZone: 'Europe/Berlin' })).toBeUndefined();
    expect(toInstant({ dateTime: '2026-03-09T09:00:00', timeZone: 'tzone://Microsoft/Custom' })).toBeUndefined();
  });

  it('agrees with Temporal for every zone and time', () => {
    const zone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
    const time = fc.date({ min: new Date('1950-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(zone, time, (timeZone, date) => {
        const dateTime = date.toISOString().slice(0, 19);
        const expected = Temporal.PlainDateTime.from(dateTime).toZonedDateTime(timeZone).epochMilliseconds;
        expect(toInstant({ dateTime, timeZone })?.getTime()).toBe(expected);
      }),
      { numRuns: 400 },
    );
  });

  it('agrees with Temporal hour by hour around a change of the clocks', () => {
    for (const timeZone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca']) {
      for (const day of ['2026-03-28', '2026-03-29', '2026-10-25', '2026-11-01', '2026-04-05', '2026-02-15']) {
        for (let hour = 0; hour < 24; hour += 1) {
          const dateTime = `${day}T${String(hour).padStart(2, '0')}:30:00`;
          const expected = Temporal.PlainDateTime.from(dateTime).toZonedDateTime(timeZone).epochMilliseconds;
          expect(toInstant({ dateTime, timeZone })?.getTime(), `${dateTime} ${timeZone}`).toBe(expected);
        }
      }
    }
  });
});

describe('one instant on several wall clocks', () => {
  it('comes back to the instant it started from', () => {
    const zone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
    const time = fc.date({ min: new Date('1975-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(zone, time, (timeZone, date) => {
        const expected = Temporal.Instant.fromEpochMilliseconds(date.getTime()).toZonedDateTimeISO(timeZone);
        expect(atInstant(date, timeZone)?.dateTime).toBe(normalDateTime(expected.toPlainDateTime().toString()));
      }),
      { numRuns: 400 },
    );
  });

  it('keeps the wall clock between two names of one zone', () => {
    const given = { dateTime: '2026-10-25T02:30:00.0000000', timeZone: 'Europe/Berlin' };
    expect(inZone(given, 'W. Europe Standard Time')).toEqual({
      dateTime: '2026-10-25T02:30:00',
      timeZone: 'W. Europe Standard Time',
    });
  });

  it('moves the wall clock between zones', () => {
    const given = { dateTime: '2026-07-15T09:00:00', timeZone: 'Europe/Berlin' };
    expect(inZone(given, 'Tokyo Standard Time')).toEqual({
      dateTime: '2026-07-15T16:00:00',
      timeZone: 'Tokyo Standard Time',
    });
    expect(inZone(given, 'tzone://Microsoft/Custom')).toBeUndefined();
  });
});
