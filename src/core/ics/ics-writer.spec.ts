import fc from 'fast-check';
import ICAL from 'ical.js';
import { RRuleTemporal } from 'rrule-temporal';
import { describe, expect, it } from 'vitest';
import {
  aGuest,
  anAllDayEvent,
  anEvent,
  arbitraryEvent,
  arbitrarySeries,
  aSeries,
  at,
} from '../../../test/support/events.ts';
import { equalContent } from '../canonical-event.ts';
import type { EventContent } from '../event.ts';
import { expandOccurrences } from '../recurrence.ts';
import { ianaZone, toInstant } from '../time-zones.ts';
import { openIcs, readGroup } from './ics-reader.ts';
import { assembleEvent } from './ics-series.ts';
import { vtimezone } from './ics-vtimezone.ts';
import { type IcsSource, IcsWriter } from './ics-writer.ts';

const NOW = new Date('2026-03-01T00:00:00Z');

function write(content: EventContent, more: Partial<IcsSource> = {}): string {
  const writer = new IcsWriter(NOW);
  writer.add({ uid: 'a@example.com', content, createdAt: NOW, lastModifiedAt: NOW, ...more });
  return writer.end();
}

function readBack(text: string): EventContent {
  const [group] = openIcs(text, 'Europe/Berlin').groups;
  if (!group) throw new Error('there is no event');
  const record = readGroup(group);
  if (!record.master) throw new Error(JSON.stringify(record.errors));
  const { content, errors, notes, detached } = assembleEvent(group.uid, record.master, record);
  expect([...record.errors, ...errors, ...record.notes, ...notes, ...detached]).toEqual([]);
  return content;
}

const unfolded = (text: string) => text.replaceAll('\r\n ', '').split('\r\n');

describe('writing iCalendar', () => {
  it.each([
    ['single events', arbitraryEvent()],
    ['series', arbitrarySeries()],
  ])('reads back what it wrote: %s', (_case, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (content) => {
        const text = write(content);
        for (const line of text.split('\r\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75);
        expect(equalContent(readBack(text), withoutFebruary30(content))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('folds at 75 octets, the space that begins a continued line among them (RFC 5545, 3.1)', () => {
    const text = write({
      ...anEvent({ subject: 'x'.repeat(400) }),
      locations: [{ displayName: 'Zürich '.repeat(60) }],
    });
    expect(Math.max(...text.split('\r\n').map((line) => Buffer.byteLength(line)))).toBe(75);
  });

  /** To Exchange the 30th and 31st of February are what the 29th is: the month's last day. */
  function withoutFebruary30(content: EventContent): EventContent {
    const { recurrence } = content;
    if (recurrence?.pattern.type !== 'absoluteYearly' || recurrence.pattern.month !== 2) return content;
    const dayOfMonth = Math.min(recurrence.pattern.dayOfMonth ?? 1, 29);
    return { ...content, recurrence: { ...recurrence, pattern: { ...recurrence.pattern, dayOfMonth } } };
  }

  it('gives other programs the same occurrences: another reader expands what was written to the same instants', () => {
    const range = { start: new Date('2025-05-01T00:00:00Z'), end: new Date('2027-06-01T00:00:00Z') };
    fc.assert(
      fc.property(arbitrarySeries(), (series) => {
        // Clocks that are put forward skip an hour of the night: RFC 5545 leaves out what starts in it, Exchange does not.
        fc.pre(series.start.dateTime.slice(11, 13) > '03');
        const ours = expandOccurrences({ ...series, isAllDay: false }, range)
          .map(({ fields }) => toInstant(fields.start)?.getTime() ?? 0)
          .sort((a, b) => a - b);
        const theirs = expandedElsewhere(write({ ...series, isAllDay: false }), range);
        expect(theirs.filter((ms) => ms < range.end.getTime())).toEqual(ours);
      }),
      { numRuns: 60 },
    );
  });

  /** With nothing but what the file says: its rule, its exceptions and its cancelled dates. */
  function expandedElsewhere(text: string, range: { start: Date; end: Date }): number[] {
    const vevents = new ICAL.Component(ICAL.parse(text) as unknown[]).getAllSubcomponents('vevent');
    const instantOf = (property: ICAL.Property): number => {
      const wallClock = String(property.getFirstValue());
      const timeZone = property.getFirstParameter('tzid') || 'UTC';
      return toInstant({ dateTime: wallClock.slice(0, 19), timeZone })?.getTime() ?? Number.NaN;
    };
    const instantsOf = (vevent: ICAL.Component, name: string) => vevent.getAllProperties(name).map(instantOf);
    const [master, ...exceptions] = vevents as [ICAL.Component, ...ICAL.Component[]];
    const gone = new Set([
      ...instantsOf(master, 'exdate'),
      ...exceptions.flatMap((one) => instantsOf(one, 'recurrence-id')),
    ]);
    const start = master.getFirstProperty('dtstart') as ICAL.Property;
    const zone = ianaZone(start.getFirstParameter('tzid') || 'UTC');
    const rule = master.getFirstProperty('rrule')?.toICALString();
    const rruleString = `DTSTART;TZID=${zone}:${String(start.getFirstValue()).slice(0, 19).replace(/[-:]/g, '')}\n${rule}`;
    const regular = new RRuleTemporal({ rruleString })
      .between(new Date(range.start.getTime() - 6 * 3_600_000), range.end, true)
      .map(({ epochMilliseconds }) => epochMilliseconds)
      .filter((ms) => !gone.has(ms));
    return [...regular, ...exceptions.flatMap((one) => instantsOf(one, 'dtstart'))].sort((a, b) => a - b);
  }

  it('says everything in RFC 5545’s words, and beside them in Outlook’s', () => {
    const lines = unfolded(
      write(
        anEvent({
          subject: 'Ümläut, semi; back\\slash\nand a line',
          body: { contentType: 'html', content: '<p>One; <b>two</b></p>\r\n' },
          locations: [{ displayName: 'Room 1', coordinates: { latitude: 52.5, longitude: 13.4 } }],
          attendees: [
            aGuest('ben@example.com', { emailAddress: { name: 'Ben "B", Jr', address: 'ben@example.com' } }),
            aGuest('room@example.com', { type: 'resource' }),
          ],
          showAs: 'workingElsewhere',
          sensitivity: 'personal',
          importance: 'high',
          categories: ['A, B', 'C'],
          reminderMinutesBeforeStart: 0,
          isOnlineMeeting: true,
        }),
        { organizer: { name: 'Ada', address: 'ada@example.com' }, joinUrl: 'https://example.com/j?a=1;b,c' },
      ),
    );
    for (const line of [
      'SUMMARY:Ümläut\\, semi\\; back\\\\slash\\nand a line',
      'X-ALT-DESC;FMTTYPE=text/html:<p>One\\; <b>two</b></p>\\n',
      'DESCRIPTION:One\\; two',
      'LOCATION:Room 1',
      'GEO:52.5;13.4',
      'ORGANIZER;CN=Ada:mailto:ada@example.com',
      `ATTENDEE;CN="Ben ^'B^', Jr";ROLE=REQ-PARTICIPANT:mailto:ben@example.com`,
      'ATTENDEE;CN=room;CUTYPE=RESOURCE;ROLE=REQ-PARTICIPANT:mailto:room@example.com',
      'TRANSP:OPAQUE',
      'X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE',
      'CLASS:PRIVATE',
      'PRIORITY:1',
      'CATEGORIES:A\\, B,C',
      'TRIGGER:PT0S',
      'DTSTART;TZID=Europe/Berlin:20260309T090000',
      'X-MICROSOFT-SKYPETEAMSMEETINGURL:https://example.com/j?a=1\\;b\\,c',
    ]) {
      expect(lines).toContain(line);
    }
  });

  it('begins as programs expect it, in the words that those use which have no RFC', () => {
    const writer = new IcsWriter(NOW, { name: 'Team; "A"', timeZone: 'W. Europe Standard Time' });
    const content = anEvent({ start: at('2026-03-09T09:00:00', 'W. Europe Standard Time') });
    writer.add({ uid: 'a@example.com', content, createdAt: NOW, lastModifiedAt: NOW });
    const text = writer.end();
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    expect(unfolded(text).slice(0, 10)).toEqual([
      ...['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//graph-calendar-sync//iCalendar export//EN'],
      ...['CALSCALE:GREGORIAN', 'METHOD:PUBLISH', 'X-WR-CALNAME:Team\\; "A"', 'X-WR-TIMEZONE:Europe/Berlin'],
      ...['BEGIN:VTIMEZONE', 'TZID:W. Europe Standard Time', 'X-LIC-LOCATION:Europe/Berlin'],
    ]);
    expect(unfolded(text)).toContain('DTSTART;TZID=W. Europe Standard Time:20260309T090000');
    expect(unfolded(text)).toContain('DTSTAMP:20260301T000000Z');
    expect(unfolded(text)).toContain('UID:a@example.com');
    expect(readBack(text).start.timeZone).toBe('W. Europe Standard Time');
  });

  it('writes exceptions as RECURRENCE-ID and cancelled dates as EXDATE, on the clock of the series', () => {
    const series = aSeries({
      occurrences: {
        '2026-03-30': { isCancelled: true },
        '2026-04-06': {
          isCancelled: false,
          fields: { subject: 'Special', start: at('2026-04-07T11:00:00'), end: at('2026-04-07T12:00:00') },
        },
      },
    });
    const lines = unfolded(write(series));
    expect(lines).toContain('EXDATE;TZID=Europe/Berlin:20260330T090000');
    expect(lines).toContain('RECURRENCE-ID;TZID=Europe/Berlin:20260406T090000');
    expect(lines.filter((line) => line === 'UID:a@example.com')).toHaveLength(2);
  });

  it('writes whole days as dates, and UTC as UTC', () => {
    const allDay = unfolded(write(anAllDayEvent()));
    expect(allDay).toContain('DTSTART;VALUE=DATE:20260309');
    expect(allDay).toContain('DTEND;VALUE=DATE:20260310');
    const utc = unfolded(
      write(anEvent({ start: at('2026-03-09T09:00:00', 'UTC'), end: at('2026-03-09T10:00:00', 'UTC') })),
    );
    expect(utc).toContain('DTSTART:20260309T090000Z');
    expect([...allDay, ...utc]).not.toContain('BEGIN:VTIMEZONE');
  });

  it('lets the last day of a series end in its own zone', () => {
    const until = (timeZone: string) =>
      unfolded(
        write(
          aSeries({
            start: at('2026-03-09T23:00:00', timeZone),
            end: at('2026-03-09T23:30:00', timeZone),
            recurrence: {
              pattern: { type: 'daily', interval: 1 },
              range: { type: 'endDate', startDate: '2026-03-09', endDate: '2026-03-11' },
            },
          }),
        ),
      ).find((line) => line.startsWith('RRULE:FREQ=DAILY'));
    expect(until('Europe/Berlin')).toContain('UNTIL=20260311T225959Z');
    expect(until('America/New_York')).toContain('UNTIL=20260312T035959Z');
  });

  it('starts a series on its first date, where Graph keeps a start that does not fit', () => {
    const series = aSeries({
      start: at('2026-03-04T09:00:00'),
      end: at('2026-03-04T10:00:00'),
      recurrence: {
        pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
        range: { type: 'numbered', startDate: '2026-03-04', numberOfOccurrences: 3 },
      },
    });
    const text = write(series);
    expect(unfolded(text)).toContain('DTSTART;TZID=Europe/Berlin:20260309T090000');
    const range = { start: new Date('2026-01-01T00:00:00Z'), end: new Date('2027-01-01T00:00:00Z') };
    const startsOf = (content: EventContent) =>
      expandOccurrences(content, range).map(({ fields }) => fields.start.dateTime);
    expect(startsOf(readBack(text))).toEqual(startsOf(series));
  });

  it('leaves out an event that has no readable time, and characters no calendar file can hold', () => {
    const writer = new IcsWriter(NOW);
    const source = { uid: 'a', createdAt: NOW, lastModifiedAt: NOW };
    expect(
      writer.add({ ...source, content: anEvent({ start: at('2026-03-09T09:00:00', 'tzone://Microsoft/Custom') }) }),
    ).toBe(false);
    expect(writer.add({ ...source, content: anEvent({ subject: 'bell\u0007 and\r\nline' }) })).toBe(true);
    const text = writer.end();
    expect(text.match(/BEGIN:VEVENT/g)).toHaveLength(1);
    expect(text).toContain('SUMMARY:bell and\\nline\r\n');
  });
});

describe('a VTIMEZONE', () => {
  it.each([
    'Europe/Berlin',
    'W. Europe Standard Time',
    'America/New_York',
    'America/Sao_Paulo',
    'Asia/Kolkata',
    'Asia/Tehran',
    'Africa/Casablanca',
    'Africa/Cairo',
    'Australia/Lord_Howe',
    'Pacific/Apia',
    'Pacific/Auckland',
    'Europe/Istanbul',
    'America/St_Johns',
  ])('has the offsets of %s for years, and goes on with the rule that still holds', (tzid) => {
    const component = vtimezone(tzid, { from: 2008, to: 2031 });
    const zone = new ICAL.Timezone(new ICAL.Component(ICAL.parse(String(component)) as unknown[]));
    // What follows Ramadan, or the night after a last Thursday, is no rule of RFC 5545: it is listed year by year.
    const last = tzid.startsWith('Africa/C') ? 2031 : 2040;
    for (let day = Date.UTC(2008, 0, 2); day < Date.UTC(last, 11, 30); day += 5 * 86_400_000) {
      const wallClock = new Date(day + 43_200_000).toISOString().slice(0, 19);
      const instant = toInstant({ dateTime: wallClock, timeZone: tzid }) as Date;
      const seconds = (Date.parse(`${wallClock}Z`) - instant.getTime()) / 1000;
      expect([wallClock, zone.utcOffset(ICAL.Time.fromDateTimeString(wallClock))]).toEqual([wallClock, seconds]);
    }
  });

  it('is short where the rules are regular', () => {
    expect(
      String(vtimezone('Europe/Berlin', { from: 2020, to: 2031 })).match(/BEGIN:(STANDARD|DAYLIGHT)/g),
    ).toHaveLength(3);
    expect(
      String(vtimezone('Asia/Kolkata', { from: 2020, to: 2031 })).match(/BEGIN:(STANDARD|DAYLIGHT)/g),
    ).toHaveLength(1);
  });

  it('is not to be had for what is no zone', () => {
    expect(vtimezone('tzone://Microsoft/Custom', { from: 2020, to: 2021 })).toBeUndefined();
  });
});
