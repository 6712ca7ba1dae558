import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { DateTimeTimeZone } from '../core/event.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';
import { expandOccurrences } from '../core/recurrence.ts';
import { atInstant, toInstant } from '../core/time-zones.ts';

let world: SyncWorld;
beforeAll(async () => {
  await openWorldDatabase();
});
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const at = (dateTime: string, timeZone = 'Europe/Berlin'): DateTimeTimeZone => ({ dateTime, timeZone });
const YEAR = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2027-03-01T00:00:00Z') };
const everyMonday = (zone: string): EventInput => ({
  subject: 'Weekly',
  start: at('2026-03-09T09:00:00', zone),
  end: at('2026-03-09T10:00:00', zone),
  recurrence: {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
    range: { type: 'noEnd', startDate: '2026-03-09' },
  },
});

async function graphIdOf(id: EventId): Promise<string> {
  return String((await world.get(id)).graphEventId);
}

/** Hours at which a series occurs in a year, on its own zone's clock: here, and in Outlook. */
async function hoursOf(id: EventId, zone: string): Promise<{ here: string[]; there: string[] }> {
  const hours = (instants: readonly Date[]) => [
    ...new Set(instants.map((each) => atInstant(each, zone)!.dateTime.slice(11))),
  ];
  const here = expandOccurrences((await world.get(id)).content, YEAR).map(({ fields }) => toInstant(fields.start)!);
  const there = world.mailbox
    .occurrences(await graphIdOf(id), YEAR.start.toISOString(), YEAR.end.toISOString())
    .map(({ start }) => toInstant(start)!);
  expect(there.length).toBeGreaterThan(40);
  expect(there.map(Number)).toEqual(here.map(Number));
  return { here: hours(here), there: hours(there) };
}

const zonesInOutlook = (id: string) => {
  const { originalStartTimeZone, originalEndTimeZone, recurrence } = world.mailbox.getEvent(id)!;
  return [originalStartTimeZone, originalEndTimeZone, recurrence?.range.recurrenceTimeZone];
};

describe('a series made in March', () => {
  const NOVEMBER = Date.parse('2026-11-16T08:00:00Z');

  it.each(['Europe/Berlin', 'America/New_York', 'Australia/Sydney', 'America/St_Johns', 'Asia/Kolkata'])(
    'here, in %s, is at nine all year, whoever edits it in November',
    async (zone) => {
      const id = await world.book(everyMonday(zone));
      await world.sync();
      const graphId = await graphIdOf(id);
      const zones = zonesInOutlook(graphId);
      world.clock.advance(NOVEMBER - world.clock.now().getTime());
      world.mailbox.updateEvent(graphId, { subject: 'Edited there' });
      await world.sync();
      await world.edit(id, { subject: 'Edited here' });
      world.simulator.clearLog();
      await world.sync();
      expect(world.simulator.writes().map(({ body }) => Object.keys(body as object))).toEqual([['subject']]);
      expect(zonesInOutlook(graphId)).toEqual(zones);
      expect(await hoursOf(id, zone)).toEqual({ here: ['09:00:00'], there: ['09:00:00'] });
      await expectQuiet(world);
    },
  );

  it.each(['Pacific Standard Time', 'GMT Standard Time', 'Lord Howe Standard Time'])(
    'in Outlook, in %s, keeps Graph’s name of the zone when its time is changed here',
    async (zone) => {
      const { id: graphId } = world.mailbox.createEvent(everyMonday(zone));
      await world.sync();
      const { id } = await world.bySubject('Weekly');
      expect(await hoursOf(id, zone)).toEqual({ here: ['09:00:00'], there: ['09:00:00'] });
      world.clock.advance(NOVEMBER - world.clock.now().getTime());
      await world.edit(id, {
        subject: 'Later',
        start: at('2026-03-09T11:00:00', zone),
        end: at('2026-03-09T12:00:00', zone),
      });
      await world.sync();
      expect(zonesInOutlook(graphId)).toEqual([zone, zone, zone]);
      expect(await hoursOf(id, zone)).toEqual({ here: ['11:00:00'], there: ['11:00:00'] });
      await expectQuiet(world);
    },
  );

  it('in a zone nobody knows keeps its instants, says so, and is not written to', async () => {
    const { id: graphId } = world.mailbox.createEvent(everyMonday('W. Europe Standard Time'));
    world.mailbox.misfortunes.corrupt(graphId, 'custom-zone');
    await world.sync();
    const { id, content, facts } = await world.bySubject('Weekly');
    expect(facts?.unknownTimeZone).toBe('tzone://Microsoft/Custom');
    expect((await world.services.eventService.get(USER, id)).notices).toMatchObject([{ code: 'TIME_ZONE_UNKNOWN' }]);
    expect(content.start).toEqual(at('2026-03-09T09:00:00', 'W. Europe Standard Time'));
    await world.edit(id, { subject: 'Renamed' });
    world.simulator.clearLog();
    await world.sync();
    expect(world.simulator.writes().map(({ body }) => body)).toEqual([{ subject: 'Renamed' }]);
    expect(zonesInOutlook(graphId)).toEqual(Array(3).fill('tzone://Microsoft/Custom'));
    await expectQuiet(world);
  });
});

describe('the night the clocks change', () => {
  it('half past two that is skipped, and both of those that come twice, stay the same moment on both sides', async () => {
    const gap = await world.book({ subject: 'gap', start: at('2026-03-29T02:30:00'), end: at('2026-03-29T03:30:00') });
    const first = await world.book({
      subject: 'first',
      start: at('2026-10-25T02:30:00'),
      end: at('2026-10-25T04:00:00'),
    });
    const { id: second } = world.mailbox.createEvent({
      subject: 'second',
      start: at('2026-10-25T01:30:00', 'UTC'),
      end: at('2026-10-25T03:00:00', 'UTC'),
      originalStartTimeZone: 'W. Europe Standard Time',
    });
    world.mailbox.misfortunes.corrupt(second, {
      content: { startZone: 'W. Europe Standard Time', endZone: 'W. Europe Standard Time' },
    });
    await world.sync();
    const moment = async (id: EventId) => toInstant((await world.get(id)).content.start)?.toISOString();
    const there = async (id: EventId) => world.mailbox.getEvent(await graphIdOf(id))?.start.dateTime.slice(0, 16);
    const { id: read } = await world.bySubject('second');
    expect([await moment(gap), await there(gap)]).toEqual(['2026-03-29T01:30:00.000Z', '2026-03-29T01:30']);
    expect([await moment(first), await there(first)]).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-25T00:30']);
    expect([await moment(read), await there(read)]).toEqual(['2026-10-25T01:30:00.000Z', '2026-10-25T01:30']);
    expect(await world.differences()).toEqual([]);
    await world.edit(read, { subject: 'second, renamed' });
    await world.sync();
    expect([await moment(read), await there(read)]).toEqual(['2026-10-25T01:30:00.000Z', '2026-10-25T01:30']);
    await expectQuiet(world);
  });
});

describe('whole days', () => {
  /** From twelve hours west of UTC to fourteen east; the mailbox is in Berlin. */
  const ZONES = [
    ...['Etc/GMT+12', 'Pacific/Pago_Pago', 'America/Los_Angeles', 'America/St_Johns', 'UTC', 'Europe/Berlin'],
    ...['Asia/Kolkata', 'Asia/Tokyo', 'Pacific/Auckland', 'Pacific/Chatham', 'Pacific/Apia', 'Pacific/Kiritimati'],
  ];
  /** A day, the days the clocks change, the end of February, a year's end, and the edges of the window. */
  const SPANS: [string, string][] = [
    ['2026-03-09', '2026-03-10'],
    ['2026-03-28', '2026-03-31'],
    ['2026-10-24', '2026-10-26'],
    ['2026-02-28', '2026-03-01'],
    ['2026-12-31', '2027-01-02'],
    ['2025-12-02', '2025-12-03'],
    ['2025-12-01', '2025-12-03'],
    ['2027-03-01', '2027-03-02'],
  ];

  it('are the same dates on both sides, whatever zone they were made in, and stay so as the window moves', async () => {
    const made = ZONES.flatMap((zone) =>
      SPANS.map(([from, to]) => ({
        subject: `${zone} ${from} ${to}`,
        isAllDay: true,
        start: at(`${from}T00:00:00`, zone),
        end: at(`${to}T00:00:00`, zone),
      })),
    );
    await world.bookAll(made.map((each) => ({ ...each, subject: `here ${each.subject}` })));
    world.mailbox.createEvents(made.map((each) => ({ ...each, subject: `there ${each.subject}` })));
    await world.sync();
    await expectQuiet(world);
    for (let days = 0; days < 3; days += 1) {
      world.clock.advance(24 * 60 * 60 * 1000);
      expect(await world.sync({ direction: 'bidirectional' })).toMatchObject({
        status: 'COMPLETED',
        localDeleted: 0,
        remoteDeleted: 0,
      });
    }
    const dates = (subject: string, start: DateTimeTimeZone, end: DateTimeTimeZone) => {
      const [, , from, to] = subject.split(' ');
      expect([start.dateTime.slice(0, 19), end.dateTime.slice(0, 19)], subject).toEqual([
        `${from}T00:00:00`,
        `${to}T00:00:00`,
      ]);
    };
    const here = await world.all();
    expect(here.filter(({ content }) => content.subject.startsWith('there')).length).toBeGreaterThan(made.length / 2);
    for (const { content } of here) dates(content.subject, content.start, content.end);
    const there = world.mailbox.listEvents();
    expect(there).toHaveLength(2 * made.length);
    for (const { subject, start, end } of there) dates(subject, start, end);
  });

  it.each(['Pacific/Kiritimati', 'America/Los_Angeles', 'Europe/Berlin'])(
    'that repeat, in %s, may have one date with hours, one that moved, and one that is longer',
    async (zone) => {
      const daysOf = (from: string, to: string) => ({
        isAllDay: true,
        start: at(`${from}T00:00:00`, zone),
        end: at(`${to}T00:00:00`, zone),
      });
      const id = await world.book({ ...everyMonday(zone), ...daysOf('2026-03-09', '2026-03-10') });
      await world.sync();
      const graphId = await graphIdOf(id);
      const withHours = {
        isAllDay: false,
        start: at('2026-03-16T09:00:00', zone),
        end: at('2026-03-16T10:00:00', zone),
      };
      const own = (fields: object) => ({ isCancelled: false as const, fields });
      await world.editContent(id, (content) => ({
        ...content,
        occurrences: {
          '2026-03-16': own(withHours),
          '2026-03-23': own(daysOf('2026-03-25', '2026-03-26')),
          '2026-03-30': { isCancelled: true },
        },
      }));
      world.mailbox.updateOccurrence(graphId, '2026-04-06', daysOf('2026-04-06', '2026-04-09'));
      await world.sync();
      await world.sync();
      expect(await world.differences()).toEqual([]);
      const { occurrences } = (await world.get(id)).content;
      expect(Object.keys(occurrences).sort()).toEqual(['2026-03-16', '2026-03-23', '2026-03-30', '2026-04-06']);
      expect(occurrences['2026-04-06']).toMatchObject({ fields: { end: { dateTime: '2026-04-09T00:00:00' } } });
      await expectQuiet(world);
    },
  );
});
