import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';
import { ODDITIES, type Oddity } from './odd-data.ts';

const ALL = Object.keys(ODDITIES) as Oddity[];
const DELTA = `~/calendarView/delta?${MARCH_TO_MAY}`;

describe('stored data no request could have written', () => {
  it('24: a custom zone, on the event and on its series', async () => {
    const { mailbox, call } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    mailbox.misfortunes.corrupt(id, 'custom-zone');
    const custom = 'tzone://Microsoft/Custom';
    const { body } = await call('GET', `~/events/${id}`);
    expect([body.originalStartTimeZone, body.originalEndTimeZone]).toEqual([custom, custom]);
    expect(body.recurrence.range.recurrenceTimeZone).toBe(custom);
    const view = await call('GET', `~/calendarView?${MARCH_TO_MAY}&$top=50`);
    expect(view.body.value).toHaveLength(8);
    expect(view.body.value[0]).toMatchObject({ recurrence: null, originalStartTimeZone: custom });
  });

  it('an empty zone of the series alone, and of everything', async () => {
    const { mailbox, call } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    mailbox.misfortunes.corrupt(id, 'empty-recurrence-zone');
    const get = async () => (await call('GET', `~/events/${id}`)).body;
    expect((await get()).recurrence.range).toMatchObject({ recurrenceTimeZone: '', startDate: '2026-03-02' });
    expect((await get()).originalStartTimeZone).toBe('W. Europe Standard Time');
    mailbox.misfortunes.corrupt(id, 'empty-zone');
    expect((await get()).originalStartTimeZone).toBe('');
  });

  it('52: times of the years 1 and 9999, with a Z where none belongs', async () => {
    const { mailbox, call, round } = simulate();
    const odd = (oddity: Oddity) => {
      const { id } = mailbox.createEvent(anEvent({ subject: oddity }));
      mailbox.misfortunes.corrupt(id, oddity);
      return call('GET', `~/events/${id}`, undefined, { prefer: 'outlook.timezone="Pacific Standard Time"' });
    };
    expect((await odd('year-one')).body.start.dateTime).toBe('0001-01-01T00:00:00.0000000');
    expect((await odd('end-of-time')).body.end).toEqual({
      dateTime: '9999-12-31T23:59:59.9999999',
      timeZone: 'Pacific Standard Time',
    });
    expect((await odd('utc-zone-with-z')).body).toMatchObject({
      start: { dateTime: '0001-01-01T00:00:00.0000000Z', timeZone: 'tzone://Microsoft/Utc' },
      originalStartTimeZone: 'tzone://Microsoft/Utc',
    });
    const { items, failed } = await round(DELTA);
    expect(failed).toBeUndefined();
    expect(items.map(({ subject }) => subject).sort()).toEqual(['end-of-time', 'utc-zone-with-z', 'year-one']);
  });

  it('a guest without an address, an item of a type nobody knows', async () => {
    const { mailbox, call } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    mailbox.misfortunes.corrupt(id, 'guest-without-address');
    mailbox.misfortunes.corrupt(id, 'unknown-type');
    const { body } = await call('GET', `~/events/${id}`);
    expect(body.attendees[0].emailAddress).toEqual({ name: 'Somebody' });
    expect(body.type).toBe('unknownFutureValue');
  });

  it('seconds in the start of a series: on the master, while its members begin at whole minutes', async () => {
    const { mailbox, call } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    const startMs = Date.parse('2026-03-02T08:00:37Z');
    mailbox.misfortunes.corrupt(id, { content: { startMs, endMs: startMs + 1_800_000 } });
    expect((await call('GET', `~/events/${id}`)).body.start.dateTime).toBe('2026-03-02T08:00:37.0000000');
    const view = await call('GET', `~/calendarView?${MARCH_TO_MAY}`);
    expect(view.body.value[0].start.dateTime).toBe('2026-03-02T08:00:00.0000000');
  });

  it('is a change like any other: a new etag, and an item of the next delta round', async () => {
    const { mailbox, round } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    const first = await round(DELTA);
    mailbox.misfortunes.corrupt(id, { shown: { subject: null } });
    const second = await round(first.link);
    expect(second.items).toMatchObject([{ subject: null }]);
    expect(second.items[0]['@odata.etag']).not.toBe(first.items[0]['@odata.etag']);
  });

  it('is mended by a write of the property, and of that alone', async () => {
    const { mailbox, call } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    mailbox.misfortunes.corrupt(id, { shown: { subject: '\uFFFD', type: 'unknownFutureValue' } });
    const { body } = await call('PATCH', `~/events/${id}`, { subject: 'New' });
    expect(body).toMatchObject({ subject: 'New', type: 'unknownFutureValue' });
  });

  it.each(ALL)('%s is left as it is, times and all, by a write of something else', async (oddity) => {
    const allDay = { isAllDay: true, start: at('2026-03-02T00:00:00'), end: at('2026-03-03T00:00:00') };
    for (const event of [anEvent(), anEvent(allDay), aSeries(), aSeries(allDay)]) {
      const { mailbox, call } = simulate();
      const { id } = mailbox.createEvent(event);
      mailbox.misfortunes.corrupt(id, oddity);
      const { start, end, recurrence } = (await call('GET', `~/events/${id}`)).body;
      const answer = await call('PATCH', `~/events/${id}`, { subject: 'New', isAllDay: event['isAllDay'] === true });
      expect(answer).toMatchObject({ status: 200, body: { subject: 'New', start, end, recurrence } });
    }
  });

  it.each(ALL)('%s on a series breaks neither lists nor delta, whatever the zone', async (oddity) => {
    const { mailbox, call, round } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    mailbox.misfortunes.corrupt(id, oddity);
    for (const zone of ['UTC', 'Pacific Standard Time', 'Asia/Tokyo']) {
      const headers = { prefer: `outlook.timezone="${zone}", odata.maxpagesize=50` };
      expect((await call('GET', `~/events/${id}`, undefined, headers)).status).toBe(200);
      for (const path of [`~/calendarView?${MARCH_TO_MAY}`, '~/events', `~/events/${id}/instances?${MARCH_TO_MAY}`]) {
        expect((await call('GET', path, undefined, headers)).status).toBe(200);
      }
      expect((await round(DELTA, headers)).failed).toBeUndefined();
    }
    expect((await call('PATCH', `~/events/${id}`, { subject: 'New' })).status).toBe(200);
    expect((await call('DELETE', `~/events/${id}`)).status).toBe(204);
  });

  it.each([{ subject: null }, { attendees: 'x' }, { startMs: 1e300 }, { unknown: 1 }, { location: [] }])(
    'is refused as %o, which no store could hold',
    (content) => {
      const { mailbox } = simulate();
      const { id } = mailbox.createEvent(anEvent());
      expect(() => mailbox.misfortunes.corrupt(id, { content: content as object })).toThrow(TypeError);
      expect(mailbox.getEvent(id)).toMatchObject({ subject: 'Tile order' });
    },
  );

  it('is refused for an oddity or an event nobody knows', () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    expect(() => mailbox.misfortunes.corrupt(id, 'toString' as Oddity)).toThrow(TypeError);
    expect(() => mailbox.misfortunes.corrupt('x', 'empty-zone')).toThrow('Id is malformed.');
    expect(mailbox.misfortunes.oddities).toContain('custom-zone');
  });
});
