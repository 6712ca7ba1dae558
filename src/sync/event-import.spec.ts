import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ALICE,
  BOB,
  connect,
  type EventServiceWorld,
  emptyTables,
  markSynced,
  openEventServiceWorld,
  queuedRuns,
} from '../../test/support/event-service-world.ts';
import { isSyncError, type SyncErrorCode } from '../core/errors.ts';
import type { EventId, GraphEventId, UserId } from '../core/ids.ts';

let world: EventServiceWorld;

beforeAll(async () => {
  world = await openEventServiceWorld();
});
beforeEach(() => emptyTables(world));
afterAll(() => world.close());

function calendar(...vevents: string[]): string {
  return ['BEGIN:VCALENDAR', 'VERSION:2.0', ...vevents, 'END:VCALENDAR', ''].join('\r\n');
}

function vevent(uid: string, ...lines: string[]): string {
  const given = (name: string) => lines.some((line) => line.startsWith(name));
  return [
    'BEGIN:VEVENT',
    ...(uid === '' ? [] : [`UID:${uid}`]),
    'DTSTAMP:20260301T000000Z',
    ...(given('SUMMARY') ? [] : ['SUMMARY:Standup']),
    ...(given('DTSTART')
      ? []
      : ['DTSTART;TZID=Europe/Berlin:20260309T090000', 'DTEND;TZID=Europe/Berlin:20260309T100000']),
    ...lines,
    'END:VEVENT',
  ].join('\r\n');
}

const importIcs = (ics: string, how: { calendarId?: string } = {}, userId: UserId = ALICE) =>
  world.service.importIcs(userId, ics, how);

async function listed(userId: UserId = ALICE) {
  return (await world.service.list(userId, { limit: 100 })).items;
}

async function refusal(work: Promise<unknown>, code: SyncErrorCode): Promise<Error> {
  const error = await work.then(
    () => expect.fail(`should have been refused with ${code}`),
    (reason: unknown) => reason,
  );
  if (!isSyncError(error)) throw error;
  expect(error.code).toBe(code);
  return error;
}

const counts = (created: number, updated: number, unchanged: number, failed = 0) => ({
  created,
  updated,
  unchanged,
  failed,
});

const WEEKLY = 'RRULE:FREQ=WEEKLY;BYDAY=MO';

describe('importing a file', () => {
  it('takes its events in, on their way to Outlook in one run', async () => {
    await connect(world);
    const result = await importIcs(calendar(vevent('a@example.com'), vevent('b@example.com', WEEKLY)));
    expect(result).toEqual({ ...counts(2, 0, 0), errors: [], notes: [] });
    expect(await listed()).toEqual([
      expect.objectContaining({ iCalUId: expect.anything(), syncState: 'pending', subject: 'Standup' }),
      expect.objectContaining({ iCalUId: expect.anything(), syncState: 'pending' }),
    ]);
    expect(await queuedRuns(world)).toHaveLength(1);
  });

  it('changes nothing the second time, and asks for no run', async () => {
    const ics = calendar(
      vevent('a@example.com', 'DESCRIPTION:Bring samples\\, please', 'LOCATION:Room 1'),
      vevent('b@example.com', WEEKLY, 'EXDATE;TZID=Europe/Berlin:20260316T090000'),
      vevent(
        'b@example.com',
        'RECURRENCE-ID;TZID=Europe/Berlin:20260323T090000',
        'SUMMARY:Special',
        'DTSTART;TZID=Europe/Berlin:20260323T110000',
        'DTEND;TZID=Europe/Berlin:20260323T120000',
      ),
      vevent('', 'SUMMARY:No UID'),
      vevent('c@example.com', 'DTSTART;VALUE=DATE:20260309'),
      vevent('d@example.com', 'DTSTART:20260309T090000', 'SUMMARY:Floating'),
    );
    expect(await importIcs(ics)).toMatchObject(counts(5, 0, 0));
    const before = await listed();
    await connect(world);
    world.clock.advance(60_000);
    expect(await importIcs(ics)).toMatchObject(counts(0, 0, 5));
    expect(await listed()).toEqual(before);
    expect(await queuedRuns(world)).toEqual([]);
  });

  it('knows its events again after Outlook gave them other UIDs', async () => {
    const ics = calendar(vevent('a@example.com'));
    await importIcs(ics);
    const [event] = await listed();
    await world.db.transaction((tx) =>
      world.events.linkMany(tx, ALICE, [
        {
          id: event?.id as EventId,
          graphEventId: 'g1' as GraphEventId,
          iCalUId: '040000008200E00074C5B7101A82E008',
          syncedAt: world.clock.now(),
        },
      ]),
    );
    expect(await importIcs(ics)).toMatchObject(counts(0, 0, 1));
    expect(await listed()).toHaveLength(1);
  });

  it('joins an event that came from Outlook under the same UID', async () => {
    const uid = '040000008200E00074C5B7101A82E008000000001';
    const { event } = await world.service.create(ALICE, {
      subject: 'Standup',
      start: { dateTime: '2026-03-09T09:00:00', timeZone: 'W. Europe Standard Time' },
      end: { dateTime: '2026-03-09T10:00:00', timeZone: 'W. Europe Standard Time' },
      location: { displayName: 'Room 1', address: { street: '1 Main St' } },
      isReminderOn: false,
    });
    await world.db.transaction((tx) =>
      world.events.linkMany(tx, ALICE, [{ id: event.id as EventId, iCalUId: uid, syncedAt: world.clock.now() }]),
    );
    expect(await importIcs(calendar(vevent(uid, 'LOCATION:Room 1')))).toMatchObject(counts(0, 0, 1));
    expect(await importIcs(calendar(vevent(uid, 'LOCATION:Room 1', 'SUMMARY:Daily')))).toMatchObject(counts(0, 1, 0));
    const [only, ...others] = await listed();
    expect(others).toEqual([]);
    // What a file cannot say is not taken away by it.
    expect(only).toMatchObject({
      id: event.id,
      subject: 'Daily',
      location: { address: { street: '1 Main St' } },
      start: { timeZone: 'W. Europe Standard Time' },
    });
  });

  it('is each user’s own', async () => {
    const ics = calendar(vevent('a@example.com'));
    await importIcs(ics);
    expect(await importIcs(ics, {}, BOB)).toMatchObject(counts(1, 0, 0));
    expect((await listed(BOB))[0]?.id).not.toBe((await listed())[0]?.id);
  });

  it('makes an event once when the same file comes ten times at once', async () => {
    const ics = calendar(vevent('a@example.com'), vevent('b@example.com'));
    const results = await Promise.all(Array.from({ length: 10 }, () => importIcs(ics)));
    expect(results.reduce((sum, { created }) => sum + created, 0)).toBe(2);
    expect(await listed()).toHaveLength(2);
  });

  it('makes a deleted event anew, under another id, because Outlook would take it for the old one', async () => {
    const ics = calendar(vevent('a@example.com'));
    await importIcs(ics);
    const ids = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const [event] = await listed();
      ids.add(event?.id ?? '');
      await world.service.delete(ALICE, event?.id ?? '');
      expect(await importIcs(ics)).toMatchObject(counts(1, 0, 0));
      expect(await importIcs(ics)).toMatchObject(counts(0, 0, 1));
    }
    expect(ids.size).toBe(3);
  });

  it('replaces what a newer file says otherwise, and is pending again', async () => {
    await importIcs(calendar(vevent('a@example.com', WEEKLY, 'EXDATE;TZID=Europe/Berlin:20260316T090000')));
    const [before] = await listed();
    await markSynced(world, before?.id ?? '');
    world.clock.advance(60_000);
    const result = await importIcs(calendar(vevent('a@example.com', WEEKLY, 'SUMMARY:Daily', 'SEQUENCE:1')));
    expect(result).toMatchObject(counts(0, 1, 0));
    expect(result.notes).toEqual([{ uid: 'a@example.com', message: expect.stringContaining('cannot restore') }]);
    expect((await listed())[0]).toMatchObject({
      id: before?.id,
      subject: 'Daily',
      // Outlook knows that the date is gone, and knows no way back.
      cancelledOccurrences: [`${before?.id}_2026-03-16`],
      syncState: 'pending',
      lastModifiedDateTime: world.clock.now().toISOString(),
    });
  });

  it('brings a date back that a newer file has again, as long as Outlook does not know it was gone', async () => {
    await importIcs(calendar(vevent('a@example.com', WEEKLY, 'EXDATE;TZID=Europe/Berlin:20260316T090000')));
    const result = await importIcs(calendar(vevent('a@example.com', WEEKLY)));
    expect(result).toMatchObject({ ...counts(0, 1, 0), notes: [] });
    expect((await listed())[0]?.cancelledOccurrences).toEqual([]);
  });

  it('goes into the calendar that is named', async () => {
    await connect(world, ALICE, { id: 'work' });
    await importIcs(calendar(vevent('a@example.com')), { calendarId: 'work' });
    expect((await listed())[0]?.calendarId).toBe('work');
    expect(await queuedRuns(world, ALICE, 'work')).toHaveLength(1);
  });

  it('leaves an event in the calendar it is in already, and says so', async () => {
    await connect(world, ALICE, { id: 'work' });
    await importIcs(calendar(vevent('a@example.com')));
    const result = await importIcs(calendar(vevent('a@example.com', 'SUMMARY:Daily')), { calendarId: 'work' });
    expect(result).toMatchObject({
      ...counts(0, 1, 0),
      notes: [{ uid: 'a@example.com', message: expect.stringContaining('calendar default') }],
    });
    expect(await listed()).toHaveLength(1);
  });

  it('does not change events of a calendar that is read-only by now', async () => {
    await connect(world, ALICE, { id: 'shared' });
    await importIcs(calendar(vevent('a@example.com')), { calendarId: 'shared' });
    await connect(world, ALICE, { id: 'shared', canEdit: false });
    const result = await importIcs(calendar(vevent('a@example.com', 'SUMMARY:Daily'), vevent('b@example.com')));
    expect(result).toMatchObject({
      ...counts(1, 0, 0, 1),
      errors: [{ uid: 'a@example.com', message: expect.stringContaining('read-only') }],
    });
    await refusal(importIcs(calendar(vevent('c@example.com')), { calendarId: 'shared' }), 'access-denied');
    await refusal(importIcs(calendar(vevent('c@example.com')), { calendarId: 'nowhere' }), 'not-found');
  });

  it('takes times without a zone in the zone of the mailbox, or of the file', async () => {
    await connect(world, ALICE, { timeZone: 'Pacific Standard Time' });
    const floating = vevent('a@example.com', 'DTSTART:20260309T090000');
    const { notes } = await importIcs(calendar(floating, floating.replace('a@', 'b@')));
    expect((await listed())[0]?.start.timeZone).toBe('Pacific Standard Time');
    expect(notes).toHaveLength(2);
    await importIcs(calendar('X-WR-TIMEZONE:Europe/Madrid', floating.replace('a@', 'c@')));
    expect((await listed()).map(({ start }) => start.timeZone).sort()).toEqual([
      'Europe/Madrid',
      'Pacific Standard Time',
      'Pacific Standard Time',
    ]);
  });

  it.each([
    ['nothing', ''],
    ['a web page', '<html></html>'],
    ['a task', 'BEGIN:VTODO\r\nEND:VTODO'],
  ])('refuses %s as no iCalendar file', async (_case, text) => {
    await refusal(importIcs(text), 'invalid-input');
  });

  it('takes what can be held and refuses the rest by name, without a word of its content', async () => {
    const secret = 'SUMMARY:Secret merger';
    const result = await importIcs(
      calendar(
        vevent('good@example.com'),
        vevent('hourly@example.com', 'RRULE:FREQ=HOURLY', secret),
        vevent('rdate@example.com', 'RDATE:20260310T090000Z', secret),
        vevent('two@example.com', WEEKLY, 'RRULE:FREQ=DAILY', secret),
        vevent('no-start@example.com', 'DTSTARTED:1', secret).replace(/DTSTART;.*\r\n/, ''),
        vevent('wrong-way@example.com', 'DTSTART:20260309T090000Z', 'DTEND:20260309T080000Z', secret),
        vevent('cancelled@example.com', 'STATUS:CANCELLED', secret),
        vevent('', 'RRULE:FREQ=HOURLY', secret),
      ),
    );
    expect(result).toMatchObject(counts(1, 0, 0, 7));
    expect(result.errors.map(({ uid }) => uid)).toEqual([
      'hourly@example.com',
      'rdate@example.com',
      'two@example.com',
      'no-start@example.com',
      'wrong-way@example.com',
      'cancelled@example.com',
      null,
    ]);
    expect(JSON.stringify(result)).not.toContain('Secret');
  });

  it.each(['CANCEL', 'REPLY', 'COUNTER'])(
    'keeps no event of a file that only talks about one (METHOD:%s)',
    async (method) => {
      const result = await importIcs(calendar(`METHOD:${method}`, vevent('a@example.com')));
      expect(result).toMatchObject({ ...counts(0, 0, 0, 1), errors: [{ uid: 'a@example.com' }] });
    },
  );

  it('takes a large file in step by step', async () => {
    const events = Array.from({ length: 1_000 }, (_none, index) =>
      vevent(`${index}@example.com`, `DESCRIPTION:${'x'.repeat(1_000)}`),
    );
    const ics = calendar(...events);
    expect(ics.length).toBeGreaterThan(1_000_000);
    expect(await importIcs(ics)).toMatchObject(counts(1_000, 0, 0));
    expect(await importIcs(ics)).toMatchObject(counts(0, 0, 1_000));
  });
});

describe('the dates of a series in a file', () => {
  const exception = (date: string, ...lines: string[]) =>
    vevent('s@example.com', `RECURRENCE-ID;TZID=Europe/Berlin:${date}T090000`, ...lines);
  const times = (date: string, from: string, to: string) => [
    `DTSTART;TZID=Europe/Berlin:${date}T${from}`,
    `DTEND;TZID=Europe/Berlin:${date}T${to}`,
  ];
  const series = vevent('s@example.com', WEEKLY, 'SUMMARY:Weekly');

  it('are changed on the series that is here already', async () => {
    await importIcs(calendar(series));
    const ics = calendar(
      exception('20260316', 'SUMMARY:Special', ...times('20260316', '090000', '100000')),
      exception('20260323', 'STATUS:CANCELLED', ...times('20260323', '090000', '100000')),
    );
    expect(await importIcs(ics)).toMatchObject(counts(0, 1, 0));
    expect(await importIcs(ics)).toMatchObject(counts(0, 0, 1));
    const [master, ...others] = await listed();
    expect(others).toEqual([]);
    expect(master?.exceptionOccurrences?.map(({ subject }) => subject)).toEqual(['Special']);
    expect(master?.cancelledOccurrences).toEqual([`${master?.id}_2026-03-23`]);
  });

  it('are events of their own while their series is nowhere', async () => {
    const ics = calendar(
      exception('20260316', 'SUMMARY:Special', ...times('20260317', '110000', '120000')),
      exception('20260323', 'STATUS:CANCELLED', ...times('20260323', '090000', '100000')),
    );
    const result = await importIcs(ics);
    expect(result).toMatchObject({
      ...counts(1, 0, 0, 1),
      errors: [{ uid: 's@example.com', recurrenceId: 'Europe/Berlin:20260323T090000' }],
      notes: [{ uid: 's@example.com', recurrenceId: 'Europe/Berlin:20260316T090000' }],
    });
    expect(await importIcs(ics)).toMatchObject(counts(0, 0, 1, 1));
    // Under the series' UID it would be taken for the series in Outlook.
    expect(await listed()).toEqual([
      expect.objectContaining({ type: 'singleInstance', subject: 'Special', iCalUId: null }),
    ]);
  });

  it('are events of their own where Outlook lets no occurrence be', async () => {
    const ics = calendar(series, exception('20260316', 'SUMMARY:Special', ...times('20260325', '110000', '120000')));
    const result = await importIcs(ics);
    expect(result).toMatchObject({
      ...counts(2, 0, 0),
      errors: [],
      notes: [{ recurrenceId: 'Europe/Berlin:20260316T090000', message: expect.stringContaining('2026-03-25') }],
    });
    expect(await importIcs(ics)).toMatchObject(counts(0, 0, 2));
    const { items } = await world.service.list(ALICE, {
      limit: 10,
      expand: 'occurrences',
      start: '2026-03-09T00:00:00Z',
      end: '2026-03-31T00:00:00Z',
    });
    expect(items.map(({ subject, start }) => `${start.dateTime.slice(5, 10)} ${subject}`)).toEqual([
      '03-09 Weekly',
      '03-23 Weekly',
      '03-25 Special',
      '03-30 Weekly',
    ]);
  });

  it('are refused by name when the series has no such date, or was refused itself', async () => {
    const result = await importIcs(
      calendar(
        series,
        exception('20260317', ...times('20260317', '110000', '120000')),
        vevent('h@example.com', 'RRULE:FREQ=HOURLY'),
        vevent('h@example.com', 'RECURRENCE-ID:20260316T090000Z', 'DTSTART:20260316T090000Z'),
      ),
    );
    expect(result).toMatchObject({
      ...counts(1, 0, 0, 3),
      errors: expect.arrayContaining([
        {
          uid: 's@example.com',
          recurrenceId: 'Europe/Berlin:20260317T090000',
          message: expect.stringContaining('no date'),
        },
        { uid: 'h@example.com', message: expect.stringContaining('HOURLY') },
        { uid: 'h@example.com', recurrenceId: '20260316T090000Z', message: expect.stringContaining('refused') },
      ]),
    });
  });
});

describe('exporting', () => {
  it('writes what importing reads as the same', async () => {
    await importIcs(
      calendar(
        vevent(
          'a@example.com',
          'DESCRIPTION:Grüße\\nund mehr',
          'CATEGORIES:A\\, B,C',
          'ATTENDEE;CN=Ben:mailto:ben@example.com',
        ),
        vevent('s@example.com', WEEKLY, 'EXDATE;TZID=Europe/Berlin:20260316T090000'),
      ),
    );
    await world.service.create(ALICE, {
      subject: 'Made here',
      body: { contentType: 'html', content: '<p>One; two, <b>three</b>\\n</p>' },
      start: { dateTime: '2026-03-09T09:00:00', timeZone: 'Tokyo Standard Time' },
      end: { dateTime: '2026-03-09T10:00:00', timeZone: 'Tokyo Standard Time' },
    });
    const before = await listed();
    const ics = await world.service.exportIcs(ALICE);
    expect(await importIcs(ics)).toMatchObject({ ...counts(0, 0, 3), errors: [], notes: [] });
    expect(await listed()).toEqual(before);

    await emptyTables(world);
    expect(await importIcs(ics)).toMatchObject({ ...counts(3, 0, 0), errors: [], notes: [] });
    const content = (event: object) => ({
      ...event,
      id: '',
      etag: '',
      iCalUId: '',
      exceptionOccurrences: [],
      cancelledOccurrences: [],
    });
    expect((await listed()).map(content).sort(byText)).toEqual(before.map(content).sort(byText));
  });

  const byText = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

  it('is of one calendar when one is named, and of the user only', async () => {
    await connect(world, ALICE, { id: 'work' });
    await importIcs(calendar(vevent('mine@example.com')));
    await importIcs(calendar(vevent('work@example.com')), { calendarId: 'work' });
    await importIcs(calendar(vevent('bob@example.com')), {}, BOB);
    const uids = async (calendarId?: string) => {
      const ics = await world.service.exportIcs(ALICE, calendarId === undefined ? {} : { calendarId });
      return [...ics.matchAll(/^UID:(.*)\r$/gm)].map(([, uid]) => uid).sort();
    };
    expect(await uids()).toEqual(['mine@example.com', 'work@example.com']);
    expect(await uids('work')).toEqual(['work@example.com']);
    expect(await uids('default')).toEqual(['mine@example.com']);
    await refusal(world.service.exportIcs(ALICE, { calendarId: 'nowhere' }), 'not-found');
    await refusal(world.service.exportIcs(BOB, { calendarId: 'work' }), 'not-found');
  });

  it('is a calendar without events when there are none', async () => {
    const ics = await world.service.exportIcs(ALICE);
    expect(ics).toMatch(/^BEGIN:VCALENDAR\r\n[\s\S]*END:VCALENDAR\r\n$/);
    expect(await importIcs(ics)).toMatchObject(counts(0, 0, 0));
  });
});
