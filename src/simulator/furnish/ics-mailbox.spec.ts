import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GraphSimulator, loadIcs } from '../index.ts';

const NOW = Date.parse('2026-03-02T08:00:00Z');
const CORPUS = resolve(import.meta.dirname, '../../../../shared/ics');

function aMailbox() {
  const simulator = new GraphSimulator({ now: () => NOW });
  const mailbox = simulator.addMailbox({ address: 'ada@example.com', timeZone: 'W. Europe Standard Time' });
  return { simulator, mailbox };
}

function load(...events: string[][]) {
  const { simulator, mailbox } = aMailbox();
  const lines = events.flatMap((event) => ['BEGIN:VEVENT', ...event, 'END:VEVENT']);
  const text = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:test', ...lines, 'END:VCALENDAR', ''].join('\r\n');
  const result = loadIcs(mailbox, text);
  return { simulator, mailbox, result, events: mailbox.listEvents() };
}

const HOUR = ['DTSTART;TZID=Europe/Berlin:20260302T090000', 'DTEND;TZID=Europe/Berlin:20260302T100000'];

describe('loading .ics', () => {
  it('reads what an event says of itself', () => {
    const { events, result } = load([
      ...['UID:1', 'SUMMARY:Tile order\\, large', 'DESCRIPTION:Two lines:\\nfirst', 'LOCATION:Room 1', ...HOUR],
      ...['CATEGORIES:Blue,Red', 'CLASS:PRIVATE', 'TRANSP:TRANSPARENT'],
      ...['BEGIN:VALARM', 'ACTION:DISPLAY', 'TRIGGER:-PT30M', 'END:VALARM'],
    ]);
    expect(result).toEqual({ loaded: 1, refused: [] });
    expect(events[0]).toMatchObject({
      ...{ subject: 'Tile order, large', categories: ['Blue', 'Red'], sensitivity: 'private', showAs: 'free' },
      ...{ isReminderOn: true, reminderMinutesBeforeStart: 30, originalStartTimeZone: 'Europe/Berlin' },
      start: { dateTime: '2026-03-02T08:00:00.0000000', timeZone: 'UTC' },
      location: { displayName: 'Room 1' },
    });
  });

  it('reads days, durations, floating times, Windows zones and zones of the file’s own', () => {
    const { events, result } = load(
      ['UID:1', 'DTSTART;VALUE=DATE:20260302'],
      ['UID:2', 'DTSTART:20260302T090000', 'DURATION:PT90M'],
      ['UID:3', 'DTSTART;TZID=Tokyo Standard Time:20260302T090000', 'DURATION:PT1H'],
      ['UID:4', 'DTSTART;TZID=Nowhere:20260302T090000', 'DURATION:PT1H'],
    );
    expect(
      events.map(({ isAllDay, start, end }) => [isAllDay, start.dateTime.slice(0, 16), end.dateTime.slice(0, 16)]),
    ).toEqual([
      [true, '2026-03-02T00:00', '2026-03-03T00:00'],
      [false, '2026-03-02T08:00', '2026-03-02T09:30'],
      [false, '2026-03-02T00:00', '2026-03-02T01:00'],
    ]);
    expect(result.refused).toEqual([{ uid: '4', reason: "the zone 'Nowhere' is not described" }]);
    const own = aMailbox();
    loadIcs(
      own.mailbox,
      [
        ...['BEGIN:VCALENDAR', 'BEGIN:VTIMEZONE', 'TZID:Nowhere', 'BEGIN:STANDARD', 'DTSTART:19700101T000000'],
        ...['TZOFFSETFROM:+0300', 'TZOFFSETTO:+0300', 'END:STANDARD', 'END:VTIMEZONE', 'BEGIN:VEVENT', 'UID:5'],
        ...['DTSTART;TZID=Nowhere:20260302T090000', 'DURATION:PT1H', 'END:VEVENT', 'END:VCALENDAR'],
      ].join('\n'),
    );
    expect(own.mailbox.listEvents()[0]?.start.dateTime).toBe('2026-03-02T06:00:00.0000000');
  });

  it.each([
    ['FREQ=DAILY;INTERVAL=2;COUNT=4', { type: 'daily', interval: 2 }],
    ['FREQ=WEEKLY;BYDAY=MO,WE;WKST=MO', { type: 'weekly', daysOfWeek: ['monday', 'wednesday'] }],
    ['FREQ=MONTHLY', { type: 'absoluteMonthly', dayOfMonth: 2 }],
    ['FREQ=MONTHLY;BYDAY=1MO', { type: 'relativeMonthly', index: 'first', daysOfWeek: ['monday'] }],
    ['FREQ=YEARLY', { type: 'absoluteYearly', month: 3, dayOfMonth: 2 }],
    ['FREQ=YEARLY;BYMONTH=3;BYDAY=MO;BYSETPOS=1', { type: 'relativeYearly', month: 3, index: 'first' }],
  ])('keeps the rule %s', (rule, pattern) => {
    const { events, result } = load(['UID:1', ...HOUR, `RRULE:${rule}`]);
    expect(result.refused).toEqual([]);
    expect(events[0]?.recurrence?.pattern).toMatchObject(pattern);
  });

  it.each([
    ['FREQ=HOURLY', 'Outlook has no pattern for this HOURLY rule'],
    ['FREQ=MONTHLY;BYMONTHDAY=2,16', 'Outlook has no pattern with several days of a month'],
    ['FREQ=WEEKLY;BYDAY=TU', 'the first date does not follow the rule'],
    ['FREQ=YEARLY;BYWEEKNO=10', 'Outlook has no pattern with BYWEEKNO'],
  ])('refuses the rule %s', (rule, reason) => {
    const { result } = load(['UID:1', ...HOUR, `RRULE:${rule}`], ['UID:2', ...HOUR]);
    expect(result).toEqual({ loaded: 1, refused: [{ uid: '1', reason }] });
  });

  it('takes exclusions and changed dates into the series', () => {
    const { mailbox, events, result } = load(
      [
        ...['UID:1', 'SUMMARY:Standup', ...HOUR, 'RRULE:FREQ=DAILY;UNTIL=20260306T080000Z'],
        'EXDATE;TZID=Europe/Berlin:20260303T090000',
      ],
      [
        ...['UID:1', 'SUMMARY:Standup – long', 'RECURRENCE-ID:20260304T080000Z'],
        ...['DTSTART;TZID=Europe/Berlin:20260304T110000', 'DURATION:PT2H'],
      ],
    );
    expect(result).toEqual({ loaded: 1, refused: [] });
    const members = mailbox.occurrences(events[0]!.id, '2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z');
    expect(members.map(({ subject, start }) => [subject, start.dateTime.slice(0, 16)])).toEqual([
      ['Standup', '2026-03-02T08:00'],
      ['Standup – long', '2026-03-04T10:00'],
      ['Standup', '2026-03-05T08:00'],
      ['Standup', '2026-03-06T08:00'],
    ]);
  });

  it('tells own meetings from those of others, and mails nobody', () => {
    const guests = [
      'ATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@example.com',
      'ATTENDEE;ROLE=OPT-PARTICIPANT:mailto:b@example.com',
    ];
    const { simulator, events } = load(
      ['UID:1', ...HOUR, 'ORGANIZER:mailto:ADA@example.com', ...guests],
      ['UID:2', ...HOUR, 'ORGANIZER;CN=Grace:mailto:grace@example.com', ...guests],
    );
    expect(events.map(({ isOrganizer, responseStatus }) => [isOrganizer, responseStatus?.response])).toEqual([
      [true, 'organizer'],
      [false, 'accepted'],
    ]);
    expect(events[1]?.organizer?.emailAddress).toEqual({ name: 'Grace', address: 'grace@example.com' });
    expect(simulator.outbox).toEqual([]);
  });

  it('names a broken event and loads its neighbours', () => {
    const { result } = load(['UID:1', 'SUMMARY no colon', ...HOUR], ['UID:2', 'SUMMARY:No start'], ['UID:3', ...HOUR]);
    expect(result.loaded).toBe(1);
    expect(result.refused.map(({ uid }) => uid)).toEqual(['1', '2']);
    expect(load().result).toEqual({ loaded: 0, refused: [] });
  });

  it.skipIf(!existsSync(CORPUS))('gets through every file of the collection (skipped where there is none)', () => {
    let loaded = 0;
    const reasons = new Map<string, number>();
    const files = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ics'));
    for (const name of files) {
      const result = loadIcs(aMailbox().mailbox, readFileSync(join(CORPUS, name), 'utf8'));
      loaded += result.loaded;
      for (const { reason } of result.refused) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    const refused = [...reasons.values()].reduce((sum, count) => sum + count, 0);
    console.info(`${files.length} files: ${loaded} events loaded, ${refused} refused`);
    expect(loaded).toBeGreaterThan(refused);
  });
});
