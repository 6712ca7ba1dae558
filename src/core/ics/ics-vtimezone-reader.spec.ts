import { describe, expect, it } from 'vitest';
import { toInstant } from '../time-zones.ts';
import { type IcsComponent, readComponents } from './ics-text.ts';
import { vtimezone } from './ics-vtimezone.ts';
import { readDefinition, type ZoneDefinition } from './ics-vtimezone-reader.ts';

function defined(...lines: readonly string[]): ZoneDefinition | undefined {
  const [component] = readComponents(['BEGIN:VTIMEZONE', 'TZID:x', ...lines, 'END:VTIMEZONE'].join('\r\n'));
  return component && readDefinition(component);
}

function observance(kind: string, from: string, to: string, ...lines: readonly string[]): string[] {
  return [`BEGIN:${kind}`, `TZOFFSETFROM:${from}`, `TZOFFSETTO:${to}`, ...lines, `END:${kind}`];
}

function hoursAt(definition: ZoneDefinition | undefined, ...wallClocks: readonly string[]): number[] {
  return wallClocks.map((wallClock) => (definition?.offsetSecondsAt(wallClock) ?? Number.NaN) / 3600);
}

const WINTER = observance(
  'STANDARD',
  '+0200',
  '+0100',
  'DTSTART:16011028T030000',
  'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10',
);
const SUMMER = observance(
  'DAYLIGHT',
  '+0100',
  '+0200',
  'DTSTART:16010325T020000',
  'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3',
);

describe('reading a VTIMEZONE', () => {
  it.each([
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Tehran',
    'Africa/Casablanca',
    'Pacific/Apia',
    'Asia/Kolkata',
  ])('finds the offsets of %s in what was written of it', (zone) => {
    const [component] = readComponents(String(vtimezone(zone, { from: 2008, to: 2031 }))) as [IcsComponent];
    const definition = readDefinition(component);
    for (let day = Date.UTC(2008, 0, 2); day < Date.UTC(2031, 11, 30); day += 3 * 86_400_000) {
      const wallClock = new Date(day + 43_200_000).toISOString().slice(0, 19);
      const instant = toInstant({ dateTime: wallClock, timeZone: zone }) as Date;
      const seconds = (Date.parse(`${wallClock}Z`) - instant.getTime()) / 1000;
      expect([wallClock, definition?.offsetSecondsAt(wallClock)]).toEqual([wallClock, seconds]);
    }
  });

  it('changes on the clock that is changed', () => {
    const berlin = defined(...WINTER, ...SUMMER);
    expect(hoursAt(berlin, '2026-03-29T01:59:59', '2026-03-29T03:00:00')).toEqual([1, 2]);
    expect(hoursAt(berlin, '2026-10-25T02:59:59', '2026-10-25T03:00:00')).toEqual([2, 1]);
    // There is no half past two that night; it is half an hour after two.
    expect(hoursAt(berlin, '2026-03-29T02:30:00')).toEqual([1]);
    expect(hoursAt(berlin, '1601-06-01T00:00:00', '9999-07-01T00:00:00', '1500-01-01T00:00:00')).toEqual([2, 2, 1]);
    expect(berlin?.since).toBe('1601-03-25');
  });

  it('ends a rule where it ends, and begins the next', () => {
    const changed = defined(
      ...observance(
        'STANDARD',
        '-0400',
        '-0500',
        'DTSTART:19671029T020000',
        'RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;UNTIL=20061029T060000Z',
      ),
      ...observance('STANDARD', '-0400', '-0500', 'DTSTART:20071104T020000', 'RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU'),
      ...observance(
        'DAYLIGHT',
        '-0500',
        '-0400',
        'DTSTART:19870405T020000',
        'RRULE:FREQ=YEARLY;BYMONTH=4;BYDAY=1SU;UNTIL=20060402T070000Z',
      ),
      ...observance('DAYLIGHT', '-0500', '-0400', 'DTSTART:20070311T020000', 'RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU'),
    );
    expect(
      hoursAt(changed, '2006-10-30T00:00:00', '2006-03-15T00:00:00', '2007-10-30T00:00:00', '2007-03-15T00:00:00'),
    ).toEqual([-5, -5, -4, -4]);
  });

  it('knows rules by weekday among days, by day, every other year, and single dates', () => {
    const among = observance(
      'DAYLIGHT',
      '+0000',
      '+0100',
      'DTSTART:20100101T020000',
      'RRULE:FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=21,22,23,24,25,26,27;BYDAY=SU',
    );
    expect(hoursAt(defined(...among), '2025-10-25T12:00:00', '2025-10-26T12:00:00')).toEqual([1, 1]);
    const winter = observance(
      'STANDARD',
      '+0100',
      '+0000',
      'DTSTART:20100401T020000',
      'RRULE:FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=1',
    );
    expect(
      hoursAt(defined(...among, ...winter), '2025-10-25T12:00:00', '2025-10-26T12:00:00', '2025-04-01T12:00:00'),
    ).toEqual([0, 1, 0]);
    const dates = defined(
      ...observance('STANDARD', '+0000', '+0100', 'DTSTART:20100101T000000', 'RDATE:20120101T000000,20140101T000000'),
      ...observance('DAYLIGHT', '+0100', '+0000', 'DTSTART:20110101T000000', 'RRULE:FREQ=YEARLY;INTERVAL=2'),
    );
    expect(
      hoursAt(
        dates,
        '2010-06-01T00:00:00',
        '2011-06-01T00:00:00',
        '2012-06-01T00:00:00',
        '2013-06-01T00:00:00',
        '2014-06-01T00:00:00',
      ),
    ).toEqual([1, 0, 1, 0, 1]);
  });

  it.each([
    ['nothing', []],
    ['no offset', ['BEGIN:STANDARD', 'DTSTART:20100101T000000', 'END:STANDARD']],
    ['no beginning', observance('STANDARD', '+0000', '+0100')],
    [
      'a change every second',
      observance('STANDARD', '+0000', '+0100', 'DTSTART:20100101T000000', 'RRULE:FREQ=SECONDLY'),
    ],
    ['a count', observance('STANDARD', '+0000', '+0100', 'DTSTART:20100101T000000', 'RRULE:FREQ=YEARLY;COUNT=3')],
    [
      'a month that is none',
      observance('STANDARD', '+0000', '+0100', 'DTSTART:20100101T000000', 'RRULE:FREQ=YEARLY;BYMONTH=13'),
    ],
    [
      'a day that is none',
      observance('STANDARD', '+0000', '+0100', 'DTSTART:20100101T000000', 'RRULE:FREQ=YEARLY;BYDAY=XX'),
    ],
    [
      'an interval of nothing',
      observance('STANDARD', '+0000', '+0100', 'DTSTART:20100101T000000', 'RRULE:FREQ=YEARLY;INTERVAL=0'),
    ],
    ['a date that is none', observance('STANDARD', '+0000', '+0100', 'DTSTART:20100101T000000', 'RDATE:soon')],
  ])('knows nothing from a definition with %s', (_case, lines) => {
    expect(defined(...lines)).toBeUndefined();
  });
});
