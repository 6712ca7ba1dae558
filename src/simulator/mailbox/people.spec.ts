import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, at, MARCH_TO_MAY, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { GraphSimulator, generateMailbox, loadSampleMailbox } from '../index.ts';

const attendee = (address: string) => ({ type: 'required', emailAddress: { address, name: address } });
const mails = (sim: GraphSimulator) => sim.outbox.map(({ kind, to }) => `${kind} ${to.join(' ')}`);

describe('mail side effects', () => {
  it('invites, updates and cancels as Exchange would', async () => {
    const { sim, call } = simulate();
    const created = await call('POST', '~/events', anEvent({ attendees: [attendee('x@example.net')] }));
    const patch = (body: object) => call('PATCH', `~/events/${created.body.id}`, body);
    expect(created.body.responseStatus.response).toBe('organizer');
    await patch({ categories: ['Blue'], isReminderOn: false });
    await patch({ subject: 'Moved' });
    await patch({ attendees: [attendee('x@example.net'), attendee('y@example.net')] });
    await patch({ attendees: [attendee('y@example.net')] });
    await call('DELETE', `~/events/${created.body.id}`);
    expect(mails(sim)).toEqual([
      'invitation x@example.net',
      'update x@example.net',
      'invitation y@example.net',
      'cancellation x@example.net',
      'cancellation y@example.net',
    ]);
  });

  it('mails once for the master and once for each changed member', () => {
    const { sim, mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries({ attendees: [attendee('x@example.net')] }));
    mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    mailbox.updateEvent(id, { location: { displayName: 'Yard' } });
    mailbox.deleteOccurrence(id, '2026-03-16');
    expect(mails(sim).map((mail) => mail.split(' ')[0])).toEqual([
      'invitation',
      'update',
      'update',
      'update',
      'cancellation',
    ]);
  });

  it('mails nobody about an appointment, nor when an attendee deletes', () => {
    const { sim, mailbox } = simulate();
    mailbox.deleteEvent(mailbox.createEvent(anEvent()).id);
    mailbox.deleteEvent(
      mailbox.addForeignMeeting({ ...anEvent(), organizer: { emailAddress: { address: 'x@example.net' } } }).id,
    );
    expect(sim.outbox).toEqual([]);
  });
});

describe('meetings', () => {
  it('puts a copy into the mailbox of an attendee who lives here, and keeps it up to date', () => {
    const { sim, mailbox } = simulate();
    const bob = sim.addMailbox({ address: 'bob@example.com' });
    const own = mailbox.createEvent(anEvent({ attendees: [attendee('bob@example.com')] }));
    const copy = () => bob.listEvents()[0]!;
    expect(copy()).toMatchObject({
      iCalUId: own.iCalUId,
      isOrganizer: false,
      organizer: { emailAddress: { address: ADDRESS } },
    });
    expect(copy().id).not.toBe(own.id);
    expect(copy().attendees.map(({ emailAddress }) => emailAddress.address)).toEqual([ADDRESS, 'bob@example.com']);
    bob.updateEvent(copy().id, { subject: 'My title', reminderMinutesBeforeStart: 5 });
    mailbox.updateEvent(own.id, { location: { displayName: 'Yard' } });
    expect(copy()).toMatchObject({
      subject: 'Tile order',
      reminderMinutesBeforeStart: 5,
      location: { displayName: 'Yard' },
    });
    bob.respond(copy().id, 'accept');
    expect(mailbox.getEvent(own.id)!.attendees[0]!.status.response).toBe('accepted');
    mailbox.deleteEvent(own.id);
    expect(copy()).toMatchObject({ isCancelled: true, showAs: 'free', subject: 'Canceled: Tile order' });
  });

  it('lets the invited respond and the organiser cancel, not the other way round', async () => {
    const { call, mailbox, round, sim } = simulate();
    const invited = mailbox.addForeignMeeting({
      ...anEvent(),
      organizer: { emailAddress: { address: 'x@example.net' } },
    });
    expect(invited).toMatchObject({ isOrganizer: false, responseStatus: { response: 'notResponded' } });
    const own = mailbox.createEvent(anEvent());
    expect((await call('POST', `~/events/${invited.id}/cancel`, { comment: 'no' })).body.error.message).toContain(
      'You need to be an organizer',
    );
    expect((await call('POST', `~/events/${own.id}/accept`, {})).body.error.code).toBe('ErrorInvalidRequest');
    expect(
      (
        await call('POST', `~/events/${invited.id}/tentativelyAccept`, {
          sendResponse: false,
          proposedNewTime: { start: at('2026-03-05T09:00:00') },
        })
      ).body.error.code,
    ).toBe('ErrorInvalidParameter');
    expect((await call('POST', `~/events/${invited.id}/accept`, { sendResponse: true })).status).toBe(202);
    expect(mailbox.getEvent(invited.id)).toMatchObject({ showAs: 'busy', responseStatus: { response: 'accepted' } });
    const { link } = await round(`~/calendarView/delta?${MARCH_TO_MAY}`);
    expect((await call('POST', `~/events/${invited.id}/decline`, {})).status).toBe(202);
    expect((await call('GET', `~/events/${invited.id}`)).body.error.code).toBe('ErrorItemNotFound');
    expect((await round(link)).items).toMatchObject([{ '@removed': { reason: 'deleted' } }]);
    expect(mails(sim)).toEqual(['response x@example.net', 'response x@example.net']);
    expect((await call('POST', `~/events/${own.id}/cancel`, {})).status).toBe(202);
    expect(mailbox.listEvents()).toEqual([]);
  });

  it('leaves a cancelled copy behind, and touches without changing', () => {
    const { mailbox } = simulate();
    const invited = mailbox.addForeignMeeting({
      ...anEvent(),
      organizer: { emailAddress: { address: 'x@example.net' } },
    });
    expect(mailbox.cancelByOrganizer(invited.id)).toMatchObject({ isCancelled: true, subject: 'Canceled: Tile order' });
    const { changeKey, lastModifiedDateTime, '@odata.etag': etag, ...before } = mailbox.getEvent(invited.id)!;
    mailbox.touch(invited.id);
    const after = mailbox.getEvent(invited.id)!;
    expect(after).toMatchObject(before);
    expect([after.changeKey, after['@odata.etag']]).not.toEqual([changeKey, etag]);
  });
});

describe('furnished mailboxes', () => {
  it('looks like a person’s year, the same one every time, and mailed nobody', () => {
    const sim = new GraphSimulator({ now: () => NOW });
    const mailbox = loadSampleMailbox(sim, { now: NOW });
    const events = mailbox.listEvents();
    const count = (test: (event: (typeof events)[number]) => boolean) => events.filter(test).length;
    expect(events.length).toBeGreaterThan(200);
    expect(count(({ type }) => type === 'seriesMaster')).toBeGreaterThan(8);
    expect(count(({ isAllDay }) => isAllDay)).toBeGreaterThan(4);
    expect(count(({ isOrganizer }) => !isOrganizer)).toBeGreaterThan(4);
    expect(count(({ isOrganizer, attendees }) => isOrganizer && attendees.length > 0)).toBeGreaterThan(2);
    expect(count(({ isCancelled }) => isCancelled)).toBe(1);
    expect(count(({ isOnlineMeeting }) => isOnlineMeeting)).toBe(1);
    expect(count(({ sensitivity }) => sensitivity === 'private')).toBeGreaterThan(3);
    expect(new Set(events.map(({ originalStartTimeZone }) => originalStartTimeZone)).size).toBeGreaterThan(4);
    const standup = events.find(({ subject }) => subject === 'Standup')!;
    const members = mailbox.occurrences(standup.id, '2025-06-01T00:00:00Z', '2026-12-01T00:00:00Z');
    expect(members.filter(({ type }) => type === 'exception')).toHaveLength(2);
    expect(mailbox.cancelledDates(standup.id)).toHaveLength(2);
    expect(mailbox.listCalendars().map(({ name }) => name)).toEqual(['Calendar', 'Family']);
    expect(sim.outbox).toEqual([]);
    const other = loadSampleMailbox(new GraphSimulator({ now: () => NOW }), { now: NOW });
    expect(other.listEvents()).toEqual(events);
  });

  it('can be of any size', () => {
    const { sim } = simulate();
    const mailbox = generateMailbox(sim, { address: 'big@example.com', events: 300, now: NOW });
    expect(new Set(mailbox.listEvents().map(({ subject }) => subject)).size).toBe(300);
  });
});
