import { describe, expect, it } from 'vitest';
import { GHOST, GRACE, twoPeople } from '../../../test/support/sharing-world.ts';
import { ADDRESS, type Answer, anEvent, aSeries, at } from '../../../test/support/simulator-client.ts';

const PATH = '~/calendar/getSchedule';
const codeOf = ({ status, body }: Answer) => [status, body.error.code];
/** 4 March 2026, 07:00 to 11:00 UTC. */
const ask = (change: Record<string, unknown> = {}) => ({
  schedules: [ADDRESS],
  startTime: at('2026-03-04T07:00:00', 'UTC'),
  endTime: at('2026-03-04T11:00:00', 'UTC'),
  ...change,
});

describe('getSchedule', () => {
  it('tells the digits, the entries and the working hours', async () => {
    const { call, ada } = twoPeople();
    ada.createEvent(anEvent({ location: { displayName: 'Yard' } }));
    const { status, body } = await call('POST', PATH, ask());
    expect(status).toBe(200);
    expect(body).toMatchObject({
      '@odata.context': 'http://graph.sim.test/v1.0/$metadata#Collection(microsoft.graph.scheduleInformation)',
    });
    expect(body.value).toEqual([
      {
        scheduleId: ADDRESS,
        availabilityView: '00220000',
        scheduleItems: [
          {
            isPrivate: false,
            status: 'busy',
            subject: 'Tile order',
            location: 'Yard',
            start: { dateTime: '2026-03-04T08:00:00.0000000', timeZone: 'UTC' },
            end: { dateTime: '2026-03-04T09:00:00.0000000', timeZone: 'UTC' },
          },
        ],
        workingHours: {
          daysOfWeek: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
          startTime: '08:00:00.0000000',
          endTime: '17:00:00.0000000',
          timeZone: { name: 'W. Europe Standard Time' },
        },
      },
    ]);
  });

  it('writes one digit for each interval, the busiest entry first, members of series included', async () => {
    const { call, ada } = twoPeople();
    const hour = (from: number, showAs: string, minutes = 0) =>
      ada.createEvent(
        anEvent({
          start: at(`2026-03-04T0${from}:00:00`, 'UTC'),
          end: at(`2026-03-04T0${from}:${minutes === 0 ? '30' : minutes}:00`, 'UTC'),
          showAs,
        }),
      );
    hour(7, 'tentative');
    hour(7, 'workingElsewhere', 59);
    hour(8, 'oof');
    hour(8, 'busy', 59);
    hour(9, 'free');
    const view = async (interval: unknown) =>
      (await call('POST', PATH, ask({ availabilityViewInterval: interval }))).body.value[0].availabilityView;
    expect(await view(30)).toBe('14320000');
    expect(await view('60')).toBe('1300');
    expect(await view(15)).toBe('1144332200000000');
    ada.createEvent(aSeries());
    const monday = {
      startTime: at('2026-03-09T07:30:00', 'UTC'),
      endTime: at('2026-03-09T09:00:00', 'UTC'),
      availabilityViewInterval: 30,
    };
    expect((await call('POST', PATH, ask(monday))).body.value[0].availabilityView).toBe('020');
  });

  it('takes names in either case and answers in the preferred zone', async () => {
    const { call, ada } = twoPeople();
    ada.createEvent(anEvent());
    const { schedules, startTime, endTime } = ask();
    const body = { Schedules: schedules, StartTime: startTime, EndTime: endTime, AvailabilityViewInterval: 60 };
    const answer = await call('POST', PATH, body, { prefer: 'outlook.timezone="Asia/Tokyo"' });
    expect(answer.body.value[0]).toMatchObject({
      availabilityView: '0200',
      scheduleItems: [{ start: { dateTime: '2026-03-04T17:00:00.0000000', timeZone: 'Asia/Tokyo' } }],
    });
  });

  it('puts an all-day event into the zone it was made in', async () => {
    const { call, ada } = twoPeople();
    ada.createEvent(anEvent({ isAllDay: true, start: at('2026-03-05T00:00:00'), end: at('2026-03-06T00:00:00') }));
    const day = { startTime: at('2026-03-04T22:00:00', 'UTC'), endTime: at('2026-03-05T01:00:00', 'UTC') };
    const { value } = (await call('POST', PATH, ask({ ...day, availabilityViewInterval: 60 }))).body;
    expect(value[0].availabilityView).toBe('022');
    expect(value[0].scheduleItems[0].start.dateTime).toBe('2026-03-04T23:00:00.0000000');
  });

  it('shows others what they may know', async () => {
    const { asGrace, ada } = twoPeople();
    ada.createEvent(anEvent({ location: { displayName: 'Yard' } }));
    ada.createEvent(anEvent({ subject: 'Secret', sensitivity: 'private' }));
    const rows = async () => (await asGrace('POST', '/me/calendar/getSchedule', ask())).body.value[0];
    const times = await rows();
    expect(times.availabilityView).toBe('00220000');
    expect(Object.keys(times.scheduleItems[0]).sort()).toEqual(['end', 'start', 'status']);
    ada.shareCalendar(ada.defaultCalendarId, GRACE, 'limitedRead');
    expect((await rows()).scheduleItems).toMatchObject([
      { isPrivate: false, subject: 'Tile order', location: 'Yard' },
      { isPrivate: true, subject: '', location: '' },
    ]);
    ada.shareCalendar(ada.defaultCalendarId, GRACE, 'delegateWithPrivateEventAccess');
    expect((await rows()).scheduleItems[1]).toMatchObject({ isPrivate: true, subject: 'Secret' });
    ada.unshareCalendar(ada.defaultCalendarId, GRACE);
    ada.shareCalendar(ada.defaultCalendarId, 'My Organization', 'none');
    expect(await rows()).toMatchObject({ error: { responseCode: 'ErrorNoFreeBusyAccess' }, scheduleItems: null });
  });

  it('has a row of its own for whoever is unknown and for too many entries', async () => {
    const { call, ada, sim } = twoPeople();
    sim.switches.scheduleEntryLimit = 1;
    ada.createEvent(anEvent());
    ada.createEvent(anEvent());
    const { body } = await call('POST', PATH, ask({ schedules: [GHOST, ADDRESS, GRACE] }));
    expect(body.value).toMatchObject([
      { scheduleId: GHOST, availabilityView: '', scheduleItems: null, error: { responseCode: '5016' } },
      { scheduleId: ADDRESS, availabilityView: '', scheduleItems: null, error: { responseCode: '5006' } },
      { scheduleId: GRACE, availabilityView: '00000000', scheduleItems: [] },
    ]);
  });

  it('takes 62 days and refuses 63', async () => {
    const { call } = twoPeople();
    const until = (date: string) => ask({ endTime: at(`${date}T07:00:00`, 'UTC'), availabilityViewInterval: 1440 });
    expect((await call('POST', PATH, until('2026-05-05'))).body.value[0].availabilityView).toHaveLength(62);
    const { status, body } = await call('POST', PATH, until('2026-05-06'));
    expect([status, body.error.code]).toEqual([400, 'ErrorTimeIntervalTooBig']);
    expect(body.error.message).toContain('The allowed limit = 62 days; the actual limit = 63 days.');
  });

  it.each([
    ['an interval under 5 minutes', { availabilityViewInterval: 4 }, 'ErrorInvalidMergedFreeBusyInterval'],
    ['an interval over a day', { availabilityViewInterval: 1441 }, 'ErrorInvalidMergedFreeBusyInterval'],
    ['an interval that is no number', { availabilityViewInterval: 'x' }, 'RequestBodyRead'],
    ['no schedules', { schedules: undefined }, 'RequestBodyRead'],
    ['an empty list', { schedules: [] }, 'BadRequest'],
    ['21 schedules', { schedules: Array(21).fill(ADDRESS) }, 'ErrorInvalidRequest'],
    ['no start', { startTime: undefined }, 'ErrorInvalidParameter'],
    ['an unknown zone', { startTime: at('2026-03-04T07:00:00', 'Mars/Olympus') }, 'TimeZoneNotSupportedException'],
    ['an end before the start', { endTime: at('2026-03-04T06:00:00', 'UTC') }, 'ErrorInvalidParameter'],
    ['another parameter', { timeZone: 'UTC' }, 'RequestBodyRead'],
  ])('refuses %s', async (_what, change, code) => {
    const { call } = twoPeople();
    expect(codeOf(await call('POST', PATH, ask(change)))).toEqual([400, code]);
  });

  it('is a POST', async () => {
    const { call } = twoPeople();
    expect((await call('GET', PATH)).status).toBe(405);
  });
});
