import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';

const attendee = { type: 'required', emailAddress: { address: 'x@example.net', name: 'X' } };
const SPRING = ['2026-03-01T00:00:00Z', '2026-06-01T00:00:00Z'] as const;
const days = (events: { start: { dateTime: string } }[]) => events.map(({ start }) => start.dateTime.slice(0, 10));

describe('this and all following', () => {
  it('ends the series before the date and makes a new one of the rest', async () => {
    const { mailbox, round, sim } = simulate();
    const { id } = mailbox.createEvent(aSeries({ attendees: [attendee] }));
    mailbox.deleteOccurrence(id, '2026-03-09');
    mailbox.deleteOccurrence(id, '2026-04-06');
    mailbox.updateOccurrence(id, '2026-04-13', { subject: 'Special' });
    const { link } = await round(`~/calendarView/delta?${MARCH_TO_MAY}`);
    sim.clearLog();
    const rest = mailbox.updateFollowing(id, '2026-03-23', { location: { displayName: 'Yard' } });
    expect(days(mailbox.occurrences(id, ...SPRING))).toEqual(['2026-03-02', '2026-03-16']);
    expect(rest).toMatchObject({ type: 'seriesMaster', location: { displayName: 'Yard' }, subject: 'Standup' });
    expect(rest.iCalUId).not.toBe(mailbox.getEvent(id)!.iCalUId);
    expect(rest.recurrence!.range).toMatchObject({ type: 'numbered', startDate: '2026-03-23', numberOfOccurrences: 5 });
    const members = mailbox.occurrences(rest.id, ...SPRING);
    expect(days(members)).toEqual(['2026-03-23', '2026-03-30', '2026-04-13', '2026-04-20']);
    expect(members[2]!.subject).toBe('Special');
    expect(mailbox.getEvent(id)!.location.displayName).toBe('');
    expect(sim.outbox.map(({ kind }) => kind)).toEqual(['update', 'invitation']);
    const { items } = await round(link);
    expect(items.filter(({ type }: { type?: string }) => type === 'seriesMaster')).toHaveLength(2);
  });

  it('is an edit of the whole series from its first date on', () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    expect(mailbox.updateFollowing(id, '2026-03-02', { subject: 'Daily' })).toMatchObject({ id, subject: 'Daily' });
    mailbox.deleteFollowing(id, '2026-03-02');
    expect(mailbox.listEvents()).toEqual([]);
  });

  it('leaves the series in one piece when the change is refused', () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    const before = mailbox.listEvents();
    expect(() => mailbox.updateFollowing(id, '2026-03-23', { subjekt: 'x' })).toThrow(/subjekt/);
    expect(() => mailbox.updateFollowing(id, '2026-03-24', { subject: 'x' })).toThrow(/not found/);
    expect(mailbox.listEvents()).toEqual(before);
  });

  it('deletes what follows a date', () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries({}, { type: 'noEnd' }));
    mailbox.deleteFollowing(id, '2026-03-16');
    expect(days(mailbox.occurrences(id, ...SPRING))).toEqual(['2026-03-02', '2026-03-09']);
  });
});

describe('a person in Outlook', () => {
  it('drags an event and one occurrence to another time', () => {
    const { mailbox } = simulate();
    const event = mailbox.createEvent(anEvent());
    const series = mailbox.createEvent(aSeries());
    const moved = mailbox.reschedule(event.id, { start: at('2026-03-05T11:00:00'), end: at('2026-03-05T12:00:00') });
    expect(moved.start.dateTime).toBe('2026-03-05T10:00:00.0000000');
    const second = mailbox.occurrences(series.id, ...SPRING)[1]!;
    expect(
      mailbox.reschedule(second.id, { start: at('2026-03-10T09:00:00'), end: at('2026-03-10T09:30:00') }),
    ).toMatchObject({ type: 'exception', start: { dateTime: '2026-03-10T08:00:00.0000000' } });
  });

  it('takes a deleted event back out of Deleted Items', async () => {
    const { mailbox, round } = simulate();
    const event = mailbox.createEvent(anEvent({ attendees: [attendee] }));
    expect(() => mailbox.restoreEvent(event.id)).toThrow();
    const { link } = await round(`~/calendarView/delta?${MARCH_TO_MAY}`);
    mailbox.deleteEvent(event.id);
    const gone = await round(link);
    expect(gone.items).toMatchObject([{ '@removed': {} }]);
    expect(mailbox.restoreEvent(event.id)).toMatchObject({ id: event.id, iCalUId: event.iCalUId });
    expect((await round(gone.link)).items).toMatchObject([{ subject: 'Tile order' }]);
  });

  it('puts an event whose calendar is gone into the default one', () => {
    const { mailbox } = simulate();
    const family = mailbox.addCalendar('Family');
    const event = mailbox.createEvent(anEvent(), { calendarId: family });
    mailbox.removeCalendar(family);
    mailbox.restoreEvent(event.id);
    expect(mailbox.listEvents({ calendarId: mailbox.defaultCalendarId })).toHaveLength(1);
  });

  it('deletes a whole series by one of its members', () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    mailbox.deleteSeries(mailbox.occurrences(id, ...SPRING)[2]!.id);
    expect(mailbox.listEvents()).toEqual([]);
  });

  it('calls a meeting off as its organiser, never as a guest', () => {
    const { mailbox, sim } = simulate();
    const own = mailbox.createEvent(anEvent({ attendees: [attendee] }));
    mailbox.cancelMeeting(own.id, 'Rain');
    expect(sim.outbox.map(({ kind }) => kind)).toEqual(['invitation', 'cancellation']);
    const invited = mailbox.addForeignMeeting({
      ...anEvent(),
      organizer: { emailAddress: { address: 'x@example.net' } },
    });
    expect(() => mailbox.cancelMeeting(invited.id)).toThrow(/organizer/);
    const proposal = { start: at('2026-03-05T11:00:00'), end: at('2026-03-05T12:00:00') };
    expect(() => mailbox.respond(invited.id, 'accept', { proposedNewTime: proposal })).toThrow(/proposedNewTime/i);
    mailbox.respond(invited.id, 'tentativelyAccept', { proposedNewTime: proposal, comment: 'Later?' });
    expect(mailbox.getEvent(invited.id)!.responseStatus.response).toBe('tentativelyAccepted');
  });
});
