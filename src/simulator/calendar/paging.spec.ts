import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anEvent, at, simulate } from '../../../test/support/simulator-client.ts';
import { GraphSimulator, generateMailbox } from '../index.ts';
import { documentWith } from './rendered-events.ts';

const NOW = Date.parse('2026-03-02T08:00:00Z');
const DAY_MS = 86_400_000;
const day = (offset: number) => new Date(NOW + offset * DAY_MS).toISOString().slice(0, 10);

/** A mailbox with something of everything, and the text of whatever is asked for. */
function varied(events: number, seed = 3) {
  const sim = new GraphSimulator({ now: () => NOW, switches: { requestLimit: 0 } });
  const mailbox = generateMailbox(sim, { address: 'ada@example.com', events, seed, now: NOW, shape: { calendars: 0 } });
  return { sim, mailbox, text: reader(sim) };
}

function reader(sim: GraphSimulator): (path: string, prefer?: string) => Promise<string> {
  const authorization = `Bearer ${sim.accessToken()}`;
  return async (path, prefer) => {
    const headers = { authorization, ...(prefer === undefined ? {} : { prefer }) };
    return (await sim.fetch(`/v1.0/users/ada@example.com${path}`, { headers })).text();
  };
}

/** The same mailbox in a simulator that has rendered nothing yet. */
function afresh(sim: GraphSimulator): (path: string, prefer?: string) => Promise<string> {
  const other = new GraphSimulator({ now: () => NOW, switches: { ...sim.switches } });
  other.restore(sim.snapshot());
  return reader(other);
}

const VIEW = `startDateTime=${day(-30)}&endDateTime=${day(30)}`;
const PATHS = [
  '/events?$top=40',
  '/events?$top=40&$select=subject,start',
  `/calendarView?${VIEW}&$top=60&$count=true`,
  `/calendarView?${VIEW}&$orderby=start/dateTime desc&$top=60`,
  '/events?$filter=isAllDay eq true&$top=20',
];
const PREFERENCES = [
  undefined,
  'outlook.timezone="Tokyo Standard Time"',
  'IdType="ImmutableId", outlook.body-content-type="text"',
];

describe('pages', () => {
  it('are the same bytes whether rendered before or now, through changes of every kind', async () => {
    const { sim, mailbox, text } = varied(120);
    const readAll = async (read: typeof text) => {
      const answers: string[] = [];
      for (const path of PATHS) for (const prefer of PREFERENCES) answers.push(await read(path, prefer));
      return answers;
    };
    await readAll(text);
    const events = mailbox.listEvents();
    const series = events.find(({ type, isOrganizer, recurrence }) => {
      return type === 'seriesMaster' && isOrganizer && recurrence?.pattern.type === 'weekly';
    })!;
    const plain = events.filter(({ type, isOrganizer }) => type === 'singleInstance' && isOrganizer);
    const dates = mailbox.occurrences(series.id, `${day(-720)}T00:00:00Z`, `${day(720)}T00:00:00Z`);
    const date = dates
      .filter(({ type }) => type === 'occurrence')
      .at(-1)!
      .start.dateTime.slice(0, 10);
    const changes = [
      () => mailbox.updateEvent(plain[0]!.id, { subject: 'Changed' }),
      () => mailbox.updateOccurrence(series.id, date, { subject: 'Only this one' }),
      () => mailbox.deleteOccurrence(series.id, date),
      () => mailbox.deleteEvent(plain[1]!.id),
      () => mailbox.touch(plain[2]!.id),
      () => mailbox.createEvent(anEvent()),
      () => mailbox.moveEvent(plain[3]!.id, mailbox.addCalendar('Elsewhere')),
    ];
    for (const change of changes) {
      change();
      expect(await readAll(text)).toEqual(await readAll(afresh(sim)));
    }
  });

  it('follow a switch that changes what is shown', async () => {
    const { sim, text } = varied(40);
    const before = await text(`/calendarView?${VIEW}`);
    sim.switches.allDayWindow = 'zone';
    expect(await text(`/calendarView?${VIEW}`)).toBe(await afresh(sim)(`/calendarView?${VIEW}`));
    sim.switches.allDayWindow = 'utc';
    expect(await text(`/calendarView?${VIEW}`)).toBe(before);
  });

  it('of a window hold exactly what lies in it, wherever the window is', async () => {
    const { mailbox, text } = varied(200);
    const singles = mailbox.listEvents().filter(({ type }) => type === 'singleInstance');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -400, max: 400 }), fc.integer({ min: 0, max: 60 }), async (from, days) => {
        const [start, end] = [day(from), day(from + days)];
        const answer = await text(
          `/calendarView?startDateTime=${start}&endDateTime=${end}&$top=1000&$select=subject,type`,
        );
        const shown = (JSON.parse(answer).value as { subject: string; type: string }[])
          .filter(({ type }) => type === 'singleInstance')
          .map(({ subject }) => subject);
        const wanted = singles
          .filter((event) => event.start.dateTime < end && event.end.dateTime > `${start}T00:00:00.0000000`)
          .map(({ subject }) => subject);
        expect(shown.sort()).toEqual(wanted.sort());
      }),
      { numRuns: 30 },
    );
  });

  it('see an event that is moved into the window and out of it', async () => {
    const { call, mailbox } = simulate();
    const event = mailbox.createEvent(anEvent());
    const count = async (window: string) => (await call('GET', `~/calendarView?${window}`)).body.value.length;
    const march = 'startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z';
    const july = 'startDateTime=2026-07-01T00:00:00Z&endDateTime=2026-08-01T00:00:00Z';
    expect([await count(march), await count(july)]).toEqual([1, 0]);
    mailbox.updateEvent(event.id, { start: at('2026-07-04T09:00:00'), end: at('2026-07-04T10:00:00') });
    expect([await count(march), await count(july)]).toEqual([0, 1]);
    mailbox.updateEvent(event.id, { start: at('2026-02-01T09:00:00'), end: at('2026-09-04T10:00:00') });
    expect([await count(march), await count(july)]).toEqual([1, 1]);
    mailbox.deleteEvent(event.id);
    expect([await count(march), await count(july)]).toEqual([0, 0]);
  });

  it('are put together as JSON.stringify would write them', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()), (before, value) => {
        const { value: _value, ...head } = before;
        const pieces = documentWith(
          head,
          value.map((each) => Buffer.from(JSON.stringify(each))),
          { last: 1 },
        );
        expect(JSON.parse(Buffer.concat(pieces).toString())).toEqual(
          JSON.parse(JSON.stringify({ ...head, value, last: 1 })),
        );
      }),
    );
    expect(Buffer.concat(documentWith({ a: 1 }, [], {})).toString()).toBe('{"a":1,"value":[]}');
  });
});
