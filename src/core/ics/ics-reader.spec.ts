import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuTimer } from '../../../test/support/cpu-time.ts';
import type { EventContent } from '../event.ts';
import { datesBetween } from '../recurrence.ts';
import { type IcsRemark, openIcs, readGroup } from './ics-reader.ts';
import { readRule } from './ics-rule.ts';
import { type AssembledSeries, assembleEvent } from './ics-series.ts';

/** A calendar with one event; a test says only what matters to it. */
function ics(lines: readonly string[], more: readonly string[] = []): string {
  const given = (name: string) => lines.some((line) => line.toUpperCase().startsWith(name));
  return [
    'BEGIN:VCALENDAR',
    ...more,
    'BEGIN:VEVENT',
    'UID:a@example.com',
    ...(given('DTSTART') ? [] : ['DTSTART:20260309T090000Z', 'DTEND:20260309T100000Z']),
    ...lines,
    'END:VEVENT',
    'END:VCALENDAR',
  ].join('\r\n');
}

function read(text: string): AssembledSeries {
  const [group] = openIcs(text, 'Europe/Berlin').groups;
  if (!group) throw new Error('there is no event');
  const record = readGroup(group);
  if (!record.master) throw new Error(record.errors.map(({ message }) => message).join('; '));
  const assembled = assembleEvent(group.uid, record.master, record);
  return {
    ...assembled,
    errors: [...record.errors, ...assembled.errors],
    notes: [...record.notes, ...assembled.notes],
  };
}

const content = (lines: readonly string[], more: readonly string[] = []): EventContent =>
  read(ics(lines, more)).content;
const notes = (lines: readonly string[], more: readonly string[] = []): string[] =>
  read(ics(lines, more)).notes.map(({ message }) => message);
const refusals = (text: string): readonly IcsRemark[] =>
  openIcs(text, 'Europe/Berlin').groups.flatMap((group) => readGroup(group).errors);

describe('the times of an event', () => {
  it.each([
    [
      'UTC',
      ['DTSTART:20260309T090000Z', 'DTEND:20260309T100000Z'],
      '2026-03-09T09:00:00 UTC',
      '2026-03-09T10:00:00 UTC',
    ],
    [
      'an IANA zone',
      ['DTSTART;TZID=Europe/Berlin:20260309T090000', 'DURATION:PT1H30M'],
      '2026-03-09T09:00:00 Europe/Berlin',
      '2026-03-09T10:30:00 Europe/Berlin',
    ],
    [
      'a Windows zone',
      ['DTSTART;TZID="W. Europe Standard Time":20260309T090000', 'DURATION:PT1H'],
      '2026-03-09T09:00:00 W. Europe Standard Time',
      '2026-03-09T10:00:00 W. Europe Standard Time',
    ],
    [
      'two zones',
      ['DTSTART;TZID=Europe/Berlin:20260309T090000', 'DTEND;TZID=America/New_York:20260309T100000'],
      '2026-03-09T09:00:00 Europe/Berlin',
      '2026-03-09T10:00:00 America/New_York',
    ],
    ['no end', ['DTSTART:20260309T090000Z'], '2026-03-09T09:00:00 UTC', '2026-03-09T09:00:00 UTC'],
    [
      'a day by the clock, over a change of it',
      ['DTSTART;TZID=Europe/Berlin:20260328T120000', 'DURATION:P1D'],
      '2026-03-28T12:00:00 Europe/Berlin',
      '2026-03-29T12:00:00 Europe/Berlin',
    ],
    [
      'twenty-four hours, over a change of the clock',
      ['DTSTART;TZID=Europe/Berlin:20260328T120000', 'DURATION:PT24H'],
      '2026-03-28T12:00:00 Europe/Berlin',
      '2026-03-29T13:00:00 Europe/Berlin',
    ],
    [
      'an end without a zone',
      ['DTSTART;TZID=America/New_York:20260309T090000', 'DTEND:20260309T100000'],
      '2026-03-09T09:00:00 America/New_York',
      '2026-03-09T10:00:00 America/New_York',
    ],
    ['no zone', ['DTSTART:20260309T090000'], '2026-03-09T09:00:00 Europe/Berlin', '2026-03-09T09:00:00 Europe/Berlin'],
    ['a leap second', ['DTSTART:20161231T235960Z'], '2016-12-31T23:59:59 UTC', '2016-12-31T23:59:59 UTC'],
    [
      'lower case',
      ['dtstart;tzid=Europe/Berlin:20260309t090000'],
      '2026-03-09T09:00:00 Europe/Berlin',
      '2026-03-09T09:00:00 Europe/Berlin',
    ],
  ])('may be in %s', (_case, lines, start, end) => {
    const event = content(lines);
    const shown = ({ dateTime, timeZone }: EventContent['start']) => `${dateTime} ${timeZone}`;
    expect([shown(event.start), shown(event.end), event.isAllDay]).toEqual([start, end, false]);
  });

  it.each([
    ['one day without an end', ['DTSTART;VALUE=DATE:20260309'], '2026-03-10'],
    ['an exclusive end', ['DTSTART;VALUE=DATE:20260309', 'DTEND;VALUE=DATE:20260312'], '2026-03-12'],
    ['an end on its own day', ['DTSTART;VALUE=DATE:20260309', 'DTEND;VALUE=DATE:20260309'], '2026-03-10'],
    ['a number of days', ['DTSTART;VALUE=DATE:20260309', 'DURATION:P1W'], '2026-03-16'],
    ['VALUE=DATE left out', ['DTSTART:20260309'], '2026-03-10'],
  ])('may be whole days: %s', (_case, lines, end) => {
    expect(content(lines)).toMatchObject({
      isAllDay: true,
      start: { dateTime: '2026-03-09T00:00:00' },
      end: { dateTime: `${end}T00:00:00` },
    });
  });

  it.each([
    ['no start', ['DTSTART-NONE:1'], 'no DTSTART'],
    ['a start that is no time', ['DTSTART:Next year'], 'DTSTART is not a date or time'],
    ['a day that does not exist', ['DTSTART:20260230T090000Z'], 'DTSTART is not a date or time'],
    ['an end before the start', ['DTSTART:20260309T090000Z', 'DTEND:20260309T080000Z'], 'ends before it starts'],
    ['a duration that is none', ['DTSTART:20260309T090000Z', 'DURATION:083000'], 'DURATION is not written'],
    ['a negative duration', ['DTSTART:20260309T090000Z', 'DURATION:-PT1H'], 'DURATION is negative'],
    ['hours of a day', ['DTSTART;VALUE=DATE:20260309', 'DURATION:PT5H'], 'not a number of days'],
    [
      'a date and a time',
      ['DTSTART;VALUE=DATE:20260309', 'DTEND:20260310T100000Z'],
      'DTSTART is a date and DTEND is a time',
    ],
    ['a broken line', ['DTSTART;TZID="Europe/Berlin:20260309T090000'], 'DTSTART is not written'],
    [
      'an unknown zone',
      ['DTSTART;TZID=Atlantis/Capital:20260309T090000'],
      '"Atlantis/Capital" is no name anybody knows',
    ],
  ])('are refused with %s', (_case, lines, message) => {
    expect(refusals(ics(lines))).toEqual([{ uid: 'a@example.com', message: expect.stringContaining(message) }]);
  });
});

describe('the time zones of a file', () => {
  const berlinRules = (tzid: string) => [
    'BEGIN:VTIMEZONE',
    `TZID:${tzid}`,
    ...[
      'BEGIN:STANDARD',
      'DTSTART:16011028T030000',
      'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10',
      'TZOFFSETFROM:+0200',
      'TZOFFSETTO:+0100',
      'END:STANDARD',
    ],
    ...[
      'BEGIN:DAYLIGHT',
      'DTSTART:16010325T020000',
      'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3',
      'TZOFFSETFROM:+0100',
      'TZOFFSETTO:+0200',
      'END:DAYLIGHT',
    ],
    'END:VTIMEZONE',
  ];
  const inZone = (tzid: string, more: readonly string[] = [], lines: readonly string[] = []) =>
    read(ics([`DTSTART;TZID="${tzid}":20260709T090000`, ...lines], more));

  it.each([
    ['/mozilla.org/20050126_1/Europe/Berlin', 'Europe/Berlin'],
    ['posix/Europe/Vaduz', 'Europe/Vaduz'],
    ['Europe_Berlin', 'Europe/Berlin'],
    ['America_New_York', 'America/New_York'],
    ['US-Eastern', 'US/Eastern'],
    ['pacific standard time', 'pacific standard time'],
    ['(UTC-05:00) Eastern Time (US & Canada)', 'Eastern Standard Time'],
    ['(UTC-08:00) Pacific Time (US and Canada)', 'Pacific Standard Time'],
    ['(GMT+10:00) Canberra, Melbourne, Sydney', 'Australia/Melbourne'],
    ['Amsterdam, Belgrade, Berlin, Brussels', 'Europe/Amsterdam'],
    ['(UTC+07:00) Bangkok, Hanoi, Jakarta', 'Asia/Bangkok'],
    ['UTC+01', 'Etc/GMT-1'],
    ['GMT -05:00', 'Etc/GMT+5'],
  ])('know "%s" by its name', (tzid, zone) => {
    expect(inZone(tzid).content.start).toEqual({ dateTime: '2026-07-09T09:00:00', timeZone: zone });
  });

  it('know a made-up name by its definition, and say so', () => {
    const { content: event, notes: said } = inZone('Customized Time Zone', berlinRules('Customized Time Zone'));
    expect(event.start.timeZone).toBe('Europe/Berlin');
    expect(said).toEqual([{ uid: 'a@example.com', message: expect.stringContaining('Europe/Berlin') }]);
  });

  it('know a fixed offset, which claims no place', () => {
    const fixed = [
      'BEGIN:VTIMEZONE',
      'TZID:Ship',
      'BEGIN:STANDARD',
      'DTSTART:20200101T000000',
      'TZOFFSETFROM:+0300',
      'TZOFFSETTO:+0300',
      'END:STANDARD',
      'END:VTIMEZONE',
    ];
    expect(inZone('Ship', fixed, ['RRULE:FREQ=DAILY']).content.start.timeZone).toBe('Etc/GMT-3');
  });

  it('keep the instants of a zone like no real one, unless a series would have to follow it', () => {
    const odd = berlinRules('Odd').map((line) => line.replace('+0200', '+0217'));
    const { content: event, notes: said } = inZone('Odd', odd);
    expect(event.start).toEqual({ dateTime: '2026-07-09T06:43:00', timeZone: 'UTC' });
    expect(said).toHaveLength(1);
    expect(() => inZone('Odd', odd, ['RRULE:FREQ=DAILY'])).toThrow('a series needs one to follow');
  });

  it.each([
    ['every second', 'RRULE:FREQ=SECONDLY'],
    ['without a rule nor offsets', 'X-NOTHING:1'],
  ])('take no harm from a definition that changes %s', (_case, rule) => {
    const endless = [
      'BEGIN:VTIMEZONE',
      'TZID:Endless',
      'BEGIN:STANDARD',
      'DTSTART:19700101T000000',
      rule,
      'END:STANDARD',
      'END:VTIMEZONE',
    ];
    const spentMs = cpuTimer();
    try {
      inZone('Endless', endless);
    } catch {
      // Refused or not, it must be over soon.
    }
    expect(spentMs()).toBeLessThan(2_000);
  });

  it('take times without a zone in the zone the file is in', () => {
    expect(content(['DTSTART:20260309T090000'], ['X-WR-TIMEZONE:America/New_York']).start.timeZone).toBe(
      'America/New_York',
    );
    expect(content(['DTSTART:20260309T090000'], ['X-WR-TIMEZONE:Nowhere']).start.timeZone).toBe('Europe/Berlin');
    expect(notes(['DTSTART:20260309T090000'])).toEqual([expect.stringContaining('Europe/Berlin')]);
  });
});

describe('an RRULE', () => {
  const start = { dateTime: '2026-03-10T09:00:00', timeZone: 'Europe/Berlin' };
  const rule = (text: string, at = start, isAllDay = false) => readRule(text, { start: at, isAllDay }, () => {});

  it.each([
    ['FREQ=DAILY;INTERVAL=3', { type: 'daily', interval: 3 }],
    [
      'FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR',
      {
        type: 'weekly',
        interval: 1,
        daysOfWeek: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
        firstDayOfWeek: 'monday',
      },
    ],
    ['FREQ=WEEKLY', { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'], firstDayOfWeek: 'monday' }],
    [
      'FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU',
      { type: 'weekly', interval: 2, daysOfWeek: ['sunday', 'tuesday'], firstDayOfWeek: 'sunday' },
    ],
    ['FREQ=MONTHLY', { type: 'absoluteMonthly', interval: 1, dayOfMonth: 10 }],
    ['FREQ=MONTHLY;BYMONTHDAY=10', { type: 'absoluteMonthly', interval: 1, dayOfMonth: 10 }],
    ['FREQ=MONTHLY;BYDAY=2TU', { type: 'relativeMonthly', interval: 1, daysOfWeek: ['tuesday'], index: 'second' }],
    ['FREQ=MONTHLY;BYDAY=+2TU', { type: 'relativeMonthly', interval: 1, daysOfWeek: ['tuesday'], index: 'second' }],
    [
      'FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2',
      { type: 'relativeMonthly', interval: 1, daysOfWeek: ['tuesday'], index: 'second' },
    ],
    ['FREQ=MONTHLY;BYDAY=TU', { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'], firstDayOfWeek: 'monday' }],
    ['FREQ=YEARLY', { type: 'absoluteYearly', interval: 1, month: 3, dayOfMonth: 10 }],
    [
      'FREQ=YEARLY;BYMONTH=3;BYDAY=2TU',
      { type: 'relativeYearly', interval: 1, month: 3, daysOfWeek: ['tuesday'], index: 'second' },
    ],
    ['FREQ=MONTHLY;BYMONTH=3;BYMONTHDAY=10', { type: 'absoluteYearly', interval: 1, month: 3, dayOfMonth: 10 }],
    ['FREQ=YEARLY;BYMONTHDAY=10', { type: 'absoluteMonthly', interval: 1, dayOfMonth: 10 }],
    ['FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0', { type: 'daily', interval: 1 }],
    ['freq=daily;', { type: 'daily', interval: 1 }],
    ['RSCALE=GREGORIAN;FREQ=DAILY;SKIP=OMIT', { type: 'daily', interval: 1 }],
  ])('%s is a pattern', (text, pattern) => {
    expect(rule(text)).toEqual({ pattern, range: { type: 'noEnd', startDate: '2026-03-10' } });
  });

  it.each([
    [
      'the last day of the month',
      'FREQ=MONTHLY;BYMONTHDAY=-1',
      '2026-03-31',
      ['2026-03-31', '2026-04-30', '2026-05-31'],
    ],
    [
      'the last working day',
      'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1',
      '2026-03-31',
      ['2026-03-31', '2026-04-30', '2026-05-29'],
    ],
    [
      'the 30th or the last',
      'FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1',
      '2026-01-30',
      ['2026-01-30', '2026-02-28', '2026-03-30'],
    ],
    ['the last Friday', 'FREQ=MONTHLY;BYDAY=-1FR', '2026-03-27', ['2026-03-27', '2026-04-24', '2026-05-29']],
    [
      'the 31st where every month has one',
      'FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31',
      '2026-12-31',
      ['2026-12-31', '2027-12-31', '2028-12-31'],
    ],
    [
      'the 30th, as long as no February is in between',
      'FREQ=MONTHLY;COUNT=3',
      '2026-03-30',
      ['2026-03-30', '2026-04-30', '2026-05-30'],
    ],
  ])('%s is dated as RFC 5545 has it', (_case, text, date, expected) => {
    const recurrence = rule(text, { ...start, dateTime: `${date}T09:00:00` });
    expect(datesBetween(recurrence, date, '2099-01-01', 3)).toEqual(expected);
  });

  it.each([
    ['COUNT=5', { type: 'numbered', numberOfOccurrences: 5 }],
    ['UNTIL=20260320', { type: 'endDate', endDate: '2026-03-20' }],
    ['UNTIL=20260320T080000Z', { type: 'endDate', endDate: '2026-03-20' }],
    // Eight o'clock in Berlin is before the occurrence of that day.
    ['UNTIL=20260320T070000Z', { type: 'endDate', endDate: '2026-03-19' }],
    ['UNTIL=20260319T233000Z', { type: 'endDate', endDate: '2026-03-19' }],
    ['UNTIL=20260320T090000', { type: 'endDate', endDate: '2026-03-20' }],
  ])('ends with %s', (end, range) => {
    expect(rule(`FREQ=DAILY;${end}`).range).toEqual({ startDate: '2026-03-10', ...range });
  });

  it('counts further than Outlook by its last date', () => {
    const said: string[] = [];
    const { range } = readRule('FREQ=DAILY;COUNT=1000', { start, isAllDay: false }, (note) => said.push(note));
    expect(range).toEqual({ type: 'endDate', startDate: '2026-03-10', endDate: '2028-12-03' });
    expect(said).toEqual([expect.stringContaining('COUNT=1000')]);
  });

  it.each([
    ['FREQ=HOURLY', 'FREQ=HOURLY'],
    ['FREQ=SECONDLY;COUNT=99999', 'FREQ=SECONDLY'],
    ['FREQ=FORTNIGHTLY', 'no FREQ'],
    ['INTERVAL=2', 'no FREQ'],
    ['FREQ=DAILY;FREQ=WEEKLY', 'not a rule'],
    ['FREQ=DAILY;BYEASTER=1', 'not a rule'],
    ['AnythingRandom;FREQ=DAILY', 'not a rule'],
    ['FREQ=DAILY;INTERVAL=x', 'INTERVAL is not a number'],
    ['FREQ=DAILY;COUNT=0', 'COUNT'],
    ['FREQ=DAILY;UNTIL=tomorrow', 'UNTIL'],
    ['FREQ=DAILY;UNTIL=20260301', 'never occurs'],
    ['FREQ=DAILY;INTERVAL=2;BYDAY=TU', 'BYDAY'],
    ['FREQ=DAILY;BYMONTH=3', 'BYMONTH'],
    ['FREQ=DAILY;BYHOUR=9,12', 'BYHOUR'],
    ['FREQ=DAILY;BYHOUR=10', 'BYHOUR'],
    ['FREQ=DAILY;BYMINUTE=0,30', 'BYMINUTE'],
    ['FREQ=WEEKLY;BYDAY=2TU', 'BYDAY does not name'],
    ['FREQ=WEEKLY;BYDAY=TU;BYSETPOS=1', 'BYSETPOS'],
    ['FREQ=WEEKLY;WKST=XX', 'WKST'],
    ['FREQ=MONTHLY;BYMONTHDAY=10,20', 'several days'],
    ['FREQ=MONTHLY;BYMONTHDAY=-2', 'end of the month'],
    ['FREQ=MONTHLY;BYDAY=1TU,2TU', 'several counted days'],
    ['FREQ=MONTHLY;BYDAY=5TU', 'first to fourth and the last'],
    ['FREQ=MONTHLY;BYDAY=TU;BYSETPOS=1,2', 'first to fourth and the last'],
    ['FREQ=MONTHLY;INTERVAL=2;BYDAY=TU', 'several days in one month'],
    ['FREQ=MONTHLY;BYDAY=TU;BYMONTHDAY=8,9,10', 'BYMONTHDAY'],
    ['FREQ=MONTHLY;INTERVAL=2;BYMONTH=3', 'BYMONTH'],
    ['FREQ=YEARLY;BYMONTH=3,4', 'several months'],
    ['FREQ=YEARLY;BYMONTH=3;BYDAY=TU', 'several days'],
    ['FREQ=YEARLY;BYDAY=20TU', 'through the whole year'],
    ['FREQ=YEARLY;BYWEEKNO=11', 'BYWEEKNO'],
    ['FREQ=YEARLY;BYYEARDAY=69', 'BYYEARDAY'],
    ['RSCALE=HEBREW;FREQ=YEARLY', 'RSCALE=HEBREW'],
    ['FREQ=WEEKLY;BYDAY=WE', 'DTSTART is not one of the dates'],
    ['FREQ=MONTHLY;BYMONTHDAY=31', 'some months have no such day'],
    ['FREQ=DAILY;INTERVAL=1000', 'interval'],
  ])('%s is refused by name', (text, message) => {
    const refused = refusals(ics(['DTSTART;TZID=Europe/Berlin:20260310T090000', `RRULE:${text}`]));
    const problem = refused[0]?.message ?? impossible(text);
    expect(problem).toContain(message);
  });

  /** What is refused only as no event of ours. */
  function impossible(text: string): string {
    return JSON.stringify(rule(text).pattern);
  }

  it.each([
    ['the 31st', '2026-01-31', 'FREQ=MONTHLY'],
    ['the 29th of February', '2028-02-29', 'FREQ=YEARLY'],
    ['the 30th, once February comes', '2026-01-30', 'FREQ=MONTHLY;COUNT=3'],
  ])('of %s is refused, because Outlook would move it to the last day of the month', (_case, date, text) => {
    expect(() => rule(text, { ...start, dateTime: `${date}T09:00:00` })).toThrow('some months have no such day');
  });
});

describe('what else an event says', () => {
  it.each([
    [
      'text',
      ['DESCRIPTION:One\\, two\\nthree\\; \\\\four'],
      { body: { contentType: 'text', content: 'One, two\nthree; \\four' } },
    ],
    [
      'HTML, which is more than text',
      ['DESCRIPTION:plain', 'X-ALT-DESC;FMTTYPE=text/html:<p>One\\, <b>two</b></p>'],
      { body: { contentType: 'html', content: '<p>One, <b>two</b></p>' } },
    ],
    ['nothing', ['DESCRIPTION:'], { body: null }],
    [
      'folded lines of any script',
      ['SUMMARY:Großes Tre', ' ffen 会', '\t議 🎂'],
      { subject: 'Großes Treffen 会議 🎂' },
    ],
    ['no subject', ['SUMMARY:'], { subject: '' }],
    ['a subject of one line', ['SUMMARY: One \\n Two\\n'], { subject: 'One Two' }],
    [
      'a place',
      ['LOCATION:Room 1\\, 2nd floor', 'GEO:52.5;13.4'],
      { locations: [{ displayName: 'Room 1, 2nd floor', coordinates: { latitude: 52.5, longitude: 13.4 } }] },
    ],
    ['categories', ['CATEGORIES:A\\, B,C', 'CATEGORIES:C,D'], { categories: ['A, B', 'C', 'D'] }],
    ['private', ['CLASS:PRIVATE'], { sensitivity: 'private' }],
    ['confidential', ['CLASS:CONFIDENTIAL'], { sensitivity: 'confidential' }],
    ['a class nobody knows', ['CLASS:X-SECRET'], { sensitivity: 'private' }],
    ['transparent', ['TRANSP:TRANSPARENT'], { showAs: 'free' }],
    ['tentative', ['STATUS:TENTATIVE'], { showAs: 'tentative' }],
    ['what Outlook calls it', ['TRANSP:OPAQUE', 'X-MICROSOFT-CDO-BUSYSTATUS:OOF'], { showAs: 'oof' }],
    ['urgent', ['PRIORITY:1'], { importance: 'high' }],
    ['unimportant', ['PRIORITY:9'], { importance: 'low' }],
    ['of no priority', ['PRIORITY:0'], { importance: 'normal' }],
    ['important to Outlook', ['PRIORITY:9', 'X-MICROSOFT-CDO-IMPORTANCE:2'], { importance: 'high' }],
    ['no alarm', [], { isReminderOn: false }],
    [
      'an alarm',
      ['BEGIN:VALARM', 'ACTION:DISPLAY', 'TRIGGER:-PT10M', 'END:VALARM'],
      { isReminderOn: true, reminderMinutesBeforeStart: 10 },
    ],
    [
      'an alarm at the start',
      ['BEGIN:VALARM', 'ACTION:AUDIO', 'TRIGGER:PT0S', 'END:VALARM'],
      { isReminderOn: true, reminderMinutesBeforeStart: 0 },
    ],
    [
      'an alarm a day before',
      ['BEGIN:VALARM', 'TRIGGER;RELATED=START:-P1D', 'END:VALARM'],
      { reminderMinutesBeforeStart: 1440 },
    ],
    [
      'an alarm before the end',
      ['BEGIN:VALARM', 'TRIGGER;RELATED=END:-PT90M', 'END:VALARM'],
      { reminderMinutesBeforeStart: 30 },
    ],
    [
      'the earliest of several alarms that fit',
      [
        ...['BEGIN:VALARM', 'TRIGGER:-PT5M', 'END:VALARM', 'BEGIN:VALARM', 'TRIGGER:PT5M', 'END:VALARM'],
        ...['BEGIN:VALARM', 'TRIGGER:-PT2H', 'END:VALARM', 'BEGIN:VALARM', 'TRIGGER:-PT90S', 'END:VALARM'],
      ],
      { isReminderOn: true, reminderMinutesBeforeStart: 120 },
    ],
    [
      'an alarm at an instant',
      ['BEGIN:VALARM', 'TRIGGER;VALUE=DATE-TIME:20260309T084500Z', 'END:VALARM'],
      { reminderMinutesBeforeStart: 15 },
    ],
  ])('%s', (_case, lines, expected) => {
    expect(content(lines)).toMatchObject(expected);
  });

  it('seconds of a single event, but not of a series, of which Outlook keeps whole minutes', () => {
    const times = ['DTSTART;TZID=Europe/Berlin:20260309T090015', 'DTEND;TZID=Europe/Berlin:20260309T093045'];
    expect(content(times)).toMatchObject({
      start: { dateTime: '2026-03-09T09:00:15' },
      end: { dateTime: '2026-03-09T09:30:45' },
    });
    const series = [...times, 'RRULE:FREQ=DAILY;COUNT=3', 'EXDATE;TZID=Europe/Berlin:20260310T090015'];
    expect(content(series)).toMatchObject({
      start: { dateTime: '2026-03-09T09:00:00' },
      end: { dateTime: '2026-03-09T09:30:00' },
      occurrences: { '2026-03-10': { isCancelled: true } },
    });
    expect(notes(series)).toEqual([expect.stringContaining('whole minutes')]);
  });

  it('whose guests are more than Outlook invites is refused', () => {
    const guests = Array.from({ length: 501 }, (_none, index) => `ATTENDEE:mailto:guest${index}@example.com`);
    expect(refusals(ics(guests))).toEqual([
      expect.objectContaining({ message: expect.stringContaining('501 guests') }),
    ]);
    expect(content(guests.slice(1)).attendees).toHaveLength(500);
  });

  it('who is invited, each once, in their parts', () => {
    expect(
      content([
        'ORGANIZER;CN=Ada:mailto:ada@example.com',
        'ATTENDEE;CN="Ben, Jr";PARTSTAT=ACCEPTED:MAILTO:ben@example.com',
        'ATTENDEE;ROLE=OPT-PARTICIPANT;PARTSTAT=TENTATIVE:mailto:eva@example.com',
        'ATTENDEE;CUTYPE=ROOM:mailto:room@example.com',
        'ATTENDEE:mailto:BEN@example.com',
        'ATTENDEE;EMAIL=chris@example.com:urn:uuid:1',
      ]).attendees,
    ).toEqual([
      {
        type: 'required',
        emailAddress: { name: 'Ben, Jr', address: 'ben@example.com' },
        status: { response: 'accepted' },
      },
      { type: 'optional', emailAddress: { address: 'eva@example.com' }, status: { response: 'tentativelyAccepted' } },
      { type: 'resource', emailAddress: { address: 'room@example.com' } },
      { type: 'required', emailAddress: { address: 'chris@example.com' } },
    ]);
  });

  it.each([
    [
      'properties without a place',
      ['URL:https://example.com', 'ATTACH:https://example.com/a.pdf', 'COMMENT:'],
      'ATTACH, URL',
    ],
    ['lines that cannot be read', ['no colon here'], 'NO'],
    ['guests without a mail address', ['ATTENDEE;CN=Ben:invalid:nomail'], 'guests'],
    ['alarms by mail', ['BEGIN:VALARM', 'ACTION:EMAIL', 'TRIGGER:-PT5M', 'END:VALARM'], 'by mail'],
    ['alarms after the start', ['BEGIN:VALARM', 'TRIGGER:PT5M', 'END:VALARM'], 'not some minutes before'],
    [
      'further alarms',
      ['BEGIN:VALARM', 'TRIGGER:-PT5M', 'END:VALARM', 'BEGIN:VALARM', 'TRIGGER:-PT9M', 'END:VALARM'],
      'the earliest was kept, 9 minutes',
    ],
    ['line breaks of a subject', ['SUMMARY:One\\nTwo\\n'], 'line breaks in SUMMARY'],
    ['a point on the map without a place', ['GEO:52.5;13.4'], 'GEO without a LOCATION'],
    ['the second that is one too many', ['DTSTART:20161231T235960Z'], 'a leap second'],
  ])('leaves out %s, and says so', (_case, lines, message) => {
    expect(notes(lines)).toEqual([expect.stringContaining(message)]);
  });
});

describe('a file', () => {
  it('is read whatever ends its lines, begins it, or cuts it off', () => {
    const text = ics(['SUMMARY:Standup']);
    for (const variant of [
      text.replaceAll('\r\n', '\n'),
      text.replaceAll('\r\n', '\r'),
      `\ufeff${text}`,
      text.replace('\r\nEND:VCALENDAR', ''),
      text.replace('\r\nEND:VEVENT\r\nEND:VCALENDAR', ''),
      text.toLowerCase().replace('standup', 'Standup'),
    ]) {
      expect(read(variant).content.subject).toBe('Standup');
    }
  });

  it('may hold several calendars, and things that are no events', () => {
    const text = `${ics(['SUMMARY:One'])}\r\n${ics(['SUMMARY:Two'], ['BEGIN:VTODO', 'UID:t', 'END:VTODO']).replace('UID:a', 'UID:b')}`;
    const file = openIcs(text, undefined);
    expect(file.groups.map(({ uid }) => uid)).toEqual(['a@example.com', 'b@example.com']);
    expect(file.notes).toEqual([{ uid: null, message: expect.stringContaining('1 VTODO') }]);
  });

  it('keeps the latest of several versions of one event', () => {
    const version = (sequence: number, subject: string) => ics([`SEQUENCE:${sequence}`, `SUMMARY:${subject}`]);
    const [group] = openIcs(`${version(2, 'new')}\r\n${version(1, 'old')}`, undefined).groups;
    const record = group && readGroup(group);
    expect(record?.master?.fields.subject).toBe('new');
    expect(record?.errors).toEqual([{ uid: 'a@example.com', message: expect.stringContaining('same UID') }]);
  });

  it('gives an event without a UID the same name in the next export', () => {
    const keyOf = (text: string) => openIcs(text.replace('UID:a@example.com\r\n', ''), undefined).groups[0]?.key;
    const text = ics(['DTSTAMP:20260101T000000Z', 'SUMMARY:Standup']);
    expect(keyOf(text.replace('20260101T000000Z', '20260201T000000Z'))).toBe(keyOf(text));
    expect(keyOf(text.replace('Standup', 'Other'))).not.toBe(keyOf(text));
  });

  it('is taken in or refused, and nothing else, whatever happened to it on the way', () => {
    const whole = ics(
      [
        ...[
          'DTSTART;TZID=Odd:20260309T090000',
          'DURATION:PT1H',
          'RRULE:FREQ=WEEKLY;UNTIL=20261231T090000Z',
          'EXDATE:20260316T090000Z',
        ],
        ...['SUMMARY:Grüße', 'ATTENDEE;CN="Ben":mailto:ben@example.com', 'BEGIN:VALARM', 'TRIGGER:-PT5M', 'END:VALARM'],
      ],
      [
        'BEGIN:VTIMEZONE',
        'TZID:Odd',
        'BEGIN:STANDARD',
        'DTSTART:19700101T000000',
        'TZOFFSETFROM:+0000',
        'TZOFFSETTO:+0100',
        'END:STANDARD',
        'END:VTIMEZONE',
      ],
    );
    const place = fc.integer({ min: 0, max: whole.length });
    const scrap = fc.constantFrom(
      '',
      ';',
      ':',
      '\r\n',
      '"',
      '=',
      'Z',
      '-',
      '99',
      '\0',
      'BEGIN:VEVENT\r\n',
      'END:VEVENT\r\n',
    );
    const wound = fc.record({ at: place, gone: fc.integer({ min: 0, max: 12 }), scrap });
    fc.assert(
      fc.property(fc.array(wound, { minLength: 1, maxLength: 6 }), (wounds) => {
        const text = wounds.reduce(
          (rest, { at, gone, scrap: put }) => rest.slice(0, at) + put + rest.slice(at + gone),
          whole,
        );
        for (const group of openIcs(`BEGIN:VCALENDAR\r\n${text}`, 'Europe/Berlin').groups) {
          const record = readGroup(group);
          if (record.master) assembleEvent(group.uid, record.master, record);
          expect(record.master !== undefined || record.exceptions.length > 0 || record.errors.length > 0).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['deeply nested', 'BEGIN:VCALENDAR\r\n'.repeat(50_000)],
    ['one endless line', `BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:${'x'.repeat(5_000_000)}\r\nEND:VEVENT`],
    [
      'endless parameters',
      `BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART${';A=1'.repeat(20_000)}:20260309T090000Z\r\nEND:VEVENT`,
    ],
    ['quotes without end', `BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n${'ATTENDEE;CN="'.repeat(50_000)}\r\nEND:VEVENT`],
    ['backslashes', `BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:${'\\'.repeat(1_000_000)}\r\nEND:VEVENT`],
    ['many short folded lines', `BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:${'x\r\n '.repeat(300_000)}\r\nEND:VEVENT`],
  ])('takes no harm that is %s', (_case, text) => {
    const spentMs = cpuTimer();
    try {
      for (const group of openIcs(text, 'Europe/Berlin').groups) readGroup(group);
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid-input' });
    }
    expect(spentMs()).toBeLessThan(3_000);
  });
});
