import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';

const FROM = 'startDateTime=2026-03-01T00:00:00Z';
const typesOf = (items: { type: string }[]) => items.map(({ type }) => type).sort();

describe('events/delta', () => {
  it('tells single events, masters and exceptions, complete, and no occurrences', async () => {
    const { mailbox, round } = simulate();
    mailbox.createEvent(anEvent());
    const { id } = mailbox.createEvent(aSeries({}, { type: 'noEnd' }));
    mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    const { items, link } = await round(`~/events/delta?${FROM}`);
    expect(typesOf(items)).toEqual(['exception', 'seriesMaster', 'singleInstance']);
    expect(items.every((item) => item.subject !== undefined)).toBe(true);
    expect(link).toContain('/events/delta?$deltatoken=');
    mailbox.updateEvent(id, { subject: 'Renamed' });
    const next = await round(link);
    expect(typesOf(next.items)).toEqual(['exception', 'seriesMaster']);
    mailbox.deleteEvent(id);
    expect((await round(next.link)).items.map((item) => item['@removed'])).toEqual([
      { reason: 'deleted' },
      { reason: 'deleted' },
    ]);
  });

  it('leaves out what ended before its start, and what begins after an end that is given', async () => {
    const { mailbox, round } = simulate();
    const on = (date: string) => ({ start: at(`${date}T09:00:00`), end: at(`${date}T10:00:00`) });
    mailbox.createEvent(anEvent({ subject: 'before', ...on('2026-02-27') }));
    mailbox.createEvent(
      aSeries({ subject: 'ended', ...on('2026-02-23') }, { startDate: '2026-02-23', numberOfOccurrences: 1 }),
    );
    mailbox.createEvent(anEvent({ subject: 'in' }));
    mailbox.createEvent(anEvent({ subject: 'far', ...on('2033-05-02') }));
    const subjects = async (url: string) => (await round(url)).items.map((item) => item.subject);
    expect(await subjects(`~/events/delta?${FROM}`)).toEqual(['in', 'far']);
    expect(await subjects(`~/events/delta?${FROM}&endDateTime=2026-04-01T00:00:00Z`)).toEqual(['in']);
  });

  it('needs a start, and its links fit no other delta', async () => {
    const { call, round } = simulate();
    expect((await call('GET', '~/events/delta')).body.error.code).toBe('ErrorInvalidParameter');
    const { link } = await round(`~/events/delta?${FROM}`);
    expect((await call('GET', link.replace('/events/', '/calendarView/'))).status).toBe(400);
    const view = await round(`~/calendarView/delta?${MARCH_TO_MAY}`);
    expect((await call('GET', view.link.replace('/calendarView/', '/events/'))).status).toBe(400);
  });

  it('can be missing, as instances/delta is', async () => {
    const { call, mailbox } = simulate({ switches: { eventsDelta: 'not-implemented' } });
    const { id } = mailbox.createEvent(aSeries());
    expect((await call('GET', `~/events/delta?${FROM}`)).status).toBe(501);
    expect((await call('GET', `~/events/${id}/instances/delta?${MARCH_TO_MAY}`)).status).toBe(501);
  });
});

describe('Deleted Items', () => {
  it('give an event back under a new default id and the same immutable one, and delta tells', async () => {
    const { call, mailbox, round } = simulate();
    const { id } = (await call('POST', '~/events', anEvent())).body;
    const immutable = mailbox.listEvents()[0]!.id;
    const url = `~/calendarView/delta?${MARCH_TO_MAY}`;
    const { link } = await round(url);
    expect((await call('DELETE', `~/events/${id}`)).status).toBe(204);
    expect(mailbox.deletedEvents()).toMatchObject([{ id: immutable, subject: 'Tile order' }]);
    const gone = await round(link);
    expect(gone.items).toMatchObject([{ id, '@removed': { reason: 'deleted' } }]);
    expect(mailbox.restoreEvent(immutable).id).toBe(immutable);
    expect(mailbox.deletedEvents()).toEqual([]);
    expect((await call('GET', `~/events/${id}`)).status).toBe(404);
    const back = await round(gone.link);
    expect(back.items).toMatchObject([{ subject: 'Tile order' }]);
    expect(back.items[0].id).not.toBe(id);
    expect((await call('GET', `~/events/${back.items[0].id}`)).status).toBe(200);
    const both = await round(link);
    expect(both.items.map((item) => [item.id, item['@removed'] !== undefined])).toEqual([
      [back.items[0].id, false],
      [id, true],
    ]);
  });

  it('do not have what was deleted for good', async () => {
    const { call, mailbox } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    expect((await call('POST', `~/events/${id}/permanentDelete`)).status).toBe(204);
    expect(mailbox.deletedEvents()).toEqual([]);
    expect(() => mailbox.restoreEvent(id)).toThrow(/not found/);
  });
});

describe('further views of events', () => {
  it('lead to the calendar, through the view, and to the instances', async () => {
    const { call } = simulate();
    const { id } = (await call('POST', '~/events', aSeries())).body;
    expect((await call('GET', `~/events/${id}/calendar`)).body).toMatchObject({ name: 'Calendar' });
    expect((await call('GET', `~/events/${id}?$expand=calendar`)).body.calendar).toMatchObject({ name: 'Calendar' });
    const member = (await call('GET', `~/calendarView?${MARCH_TO_MAY}`)).body.value[0];
    expect((await call('GET', `~/calendarView/${member.id}`)).body).toMatchObject({ id: member.id });
    const expanded = await call('GET', `~/events/${id}?$expand=instances&${MARCH_TO_MAY}`);
    expect(expanded.body.instances).toHaveLength(8);
    expect((await call('GET', `~/events/${id}?$expand=instances`)).body.error.code).toBe('ErrorInvalidParameter');
  });

  it('show what is excluded from a series only on a GET of its master', async () => {
    const { call, mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    mailbox.deleteOccurrence(id, '2026-03-09');
    mailbox.updateOccurrence(id, '2026-03-16', { subject: 'Special' });
    const asked = '$select=subject,cancelledOccurrences,exceptionOccurrences&$expand=exceptionOccurrences';
    const master = (await call('GET', `~/events/${id}?${asked}`)).body;
    expect(master.cancelledOccurrences).toHaveLength(1);
    expect(master.exceptionOccurrences).toMatchObject([{ subject: 'Special' }]);
    const listed = (await call('GET', `~/events?${asked}`)).body.value[0];
    expect(listed).not.toHaveProperty('cancelledOccurrences');
    expect(listed).not.toHaveProperty('exceptionOccurrences');
  });
});
