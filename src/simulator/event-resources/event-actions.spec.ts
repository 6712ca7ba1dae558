import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, at, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';

const BERTA = 'berta@example.com';
const CARL = 'carl@example.com';
const invited = (...addresses: string[]) => ({
  attendees: addresses.map((address) => ({ emailAddress: { address } })),
});
const to = (address: string) => ({ toRecipients: [{ emailAddress: { address } }] });

/** Ada's meeting with Berta, who lives here too. */
async function aMeeting(options: Parameters<typeof simulate>[0] = {}, change: object = {}) {
  const tools = simulate(options);
  const berta = tools.sim.addMailbox({ address: BERTA });
  const carl = tools.sim.addMailbox({ address: CARL });
  const { id } = (await tools.call('POST', '~/events', anEvent({ ...invited(BERTA), ...change }))).body;
  const copyId = berta.listEvents()[0]!.id;
  tools.sim.clearLog();
  return { ...tools, berta, carl, id, copyId, copy: `/users/${BERTA}/events/${copyId}` };
}

describe('forwarding', () => {
  it('by an attendee mails the recipients and the organiser, who has them invited', async () => {
    const { sim, call, copy, mailbox, id, carl } = await aMeeting();
    const forwarded = await call('POST', `${copy}/forward`, { ...to(CARL), comment: 'Come along' });
    expect(forwarded.status).toBe(202);
    expect(sim.outbox).toMatchObject([
      { kind: 'forward', from: BERTA, to: [CARL], subject: 'FW: Tile order', comment: 'Come along' },
      { kind: 'forward', from: BERTA, to: [ADDRESS], subject: 'Meeting Forward Notification: Tile order' },
    ]);
    const attendees = mailbox.getEvent(id)!.attendees.map(({ emailAddress }) => emailAddress.address);
    expect(attendees).toEqual([BERTA, CARL]);
    expect(carl.listEvents()).toMatchObject([{ subject: 'Tile order', isOrganizer: false }]);
  });

  it('by the organiser notifies nobody else', async () => {
    const { sim, call, id } = await aMeeting();
    expect((await call('POST', `~/events/${id}/forward`, to(CARL))).status).toBe(202);
    expect(sim.outbox.map((mail) => mail.to)).toEqual([[CARL]]);
  });

  it.each([
    ['no recipients', {}, 'ErrorInvalidRecipients'],
    ['a recipient without address', { toRecipients: [{ emailAddress: { name: 'Carl' } }] }, 'ErrorInvalidRecipients'],
    ['a parameter it does not have', { ...to(CARL), subject: 'x' }, 'RequestBodyRead'],
  ])('is refused with %s', async (_name, body, code) => {
    const { sim, call, id } = await aMeeting();
    expect((await call('POST', `~/events/${id}/forward`, body)).body.error.code).toBe(code);
    expect(sim.outbox).toHaveLength(0);
  });
});

describe('answers and cancellations', () => {
  it('carry their comment in the mail', async () => {
    const { sim, call, copy, id } = await aMeeting();
    await call('POST', `${copy}/accept`, { comment: 'Gladly' });
    await call('POST', `~/events/${id}/cancel`, { Comment: 'Rain' });
    expect(sim.outbox).toMatchObject([
      { kind: 'response', comment: 'Gladly' },
      { kind: 'cancellation', comment: 'Rain' },
    ]);
  });

  it('bring a proposed time to the organiser, until another answer takes it back', async () => {
    const { call, copy, id, mailbox } = await aMeeting();
    const proposedNewTime = { start: at('2026-03-04T11:00:00'), end: at('2026-03-04T12:00:00') };
    expect((await call('POST', `${copy}/tentativelyAccept`, { proposedNewTime })).status).toBe(202);
    const wire = (dateTime: string) => ({ dateTime: `${dateTime}.0000000`, timeZone: 'UTC' });
    expect(mailbox.getEvent(id)!.attendees).toMatchObject([
      {
        status: { response: 'tentativelyAccepted' },
        proposedNewTime: { start: wire('2026-03-04T10:00:00'), end: wire('2026-03-04T11:00:00') },
      },
    ]);
    const prefer = { prefer: 'outlook.timezone="W. Europe Standard Time"' };
    const seen = (await call('GET', `~/events/${id}`, undefined, prefer)).body.attendees[0];
    expect(seen.proposedNewTime.start).toEqual(at('2026-03-04T11:00:00.0000000'));
    await call('PATCH', `~/events/${id}`, { ...invited(BERTA, CARL) });
    expect(mailbox.getEvent(id)!.attendees[0]).toHaveProperty('proposedNewTime');
    await call('POST', `${copy}/accept`, {});
    expect(mailbox.getEvent(id)!.attendees[0]).not.toHaveProperty('proposedNewTime');
  });

  it('refuse a proposal that ends before it starts', async () => {
    const { call, copy } = await aMeeting();
    const proposedNewTime = { start: at('2026-03-04T11:00:00'), end: at('2026-03-04T10:00:00') };
    const refused = await call('POST', `${copy}/decline`, { proposedNewTime });
    expect(refused.body.error.code).toBe('ErrorInvalidParameter');
  });

  it.each([
    [false, 200],
    [true, 404],
  ])('give the accepted copy another id as the switch says: %s', async (acceptReplacesEvent, status) => {
    const { call, copy, berta, round } = await aMeeting({ switches: { acceptReplacesEvent } });
    const { link } = await round(`/users/${BERTA}/calendarView/delta?${MARCH_TO_MAY}`);
    await call('POST', `${copy}/accept`, {});
    expect((await call('GET', copy)).status).toBe(status);
    expect(berta.listEvents()).toMatchObject([{ responseStatus: { response: 'accepted' } }]);
    const { items } = await round(link);
    expect(items.filter((each) => each['@removed'] !== undefined)).toHaveLength(acceptReplacesEvent ? 1 : 0);
  });
});

describe('reminders', () => {
  const view = "~/reminderView(startDateTime='2026-03-01T00:00:00Z',endDateTime='2026-03-20T00:00:00Z')";

  it('are listed, put off and dismissed', async () => {
    const { call } = simulate();
    const { id } = (await call('POST', '~/events', anEvent({ reminderMinutesBeforeStart: 30 }))).body;
    await call('POST', '~/events', anEvent({ subject: 'Silent', isReminderOn: false }));
    const listed = await call('GET', view);
    expect(listed.body.value).toMatchObject([
      {
        eventId: id,
        eventSubject: 'Tile order',
        eventStartTime: { dateTime: '2026-03-04T08:00:00.0000000', timeZone: 'UTC' },
        reminderFireTime: { dateTime: '2026-03-04T07:30:00.0000000', timeZone: 'UTC' },
      },
    ]);
    const later = { newReminderTime: at('2026-03-04T08:50:00') };
    expect((await call('POST', `~/events/${id}/snoozeReminder`, later)).status).toBe(200);
    const snoozed = (await call('GET', view)).body.value[0];
    expect(snoozed.reminderFireTime.dateTime).toBe('2026-03-04T07:50:00.0000000');
    expect(snoozed.changeKey).not.toBe(listed.body.value[0].changeKey);
    expect((await call('POST', `~/events/${id}/dismissReminder`)).status).toBe(200);
    expect((await call('GET', view)).body.value).toEqual([]);
  });

  it('of one occurrence are its own', async () => {
    const { call } = simulate();
    await call('POST', '~/events', aSeries());
    const before = (await call('GET', view)).body.value;
    expect(before).toHaveLength(3);
    await call('POST', `~/events/${before[1].eventId}/dismissReminder`);
    const after = (await call('GET', view)).body.value.map((each: { eventId: string }) => each.eventId);
    expect(after).toEqual([before[0].eventId, before[2].eventId]);
  });

  it.each([{}, { newReminderTime: { dateTime: 'soon', timeZone: 'UTC' } }, { newReminderTime: null, extra: 1 }])(
    'cannot be put off to %j',
    async (body) => {
      const { call } = simulate();
      const { id } = (await call('POST', '~/events', anEvent())).body;
      expect((await call('POST', `~/events/${id}/snoozeReminder`, body)).status).toBe(400);
    },
  );
});

describe('meeting times', () => {
  const slot = { start: at('2026-03-04T08:00:00'), end: at('2026-03-04T12:00:00') };
  const wish = (change: object = {}) => ({
    attendees: [{ type: 'required', emailAddress: { address: BERTA } }],
    timeConstraint: { activityDomain: 'work', timeSlots: [slot] },
    meetingDuration: 'PT1H',
    minimumAttendeePercentage: 100,
    ...change,
  });

  it('are those at which the organiser and the attendees are free', async () => {
    const { call } = await aMeeting({}, { start: at('2026-03-04T09:00:00'), end: at('2026-03-04T11:00:00') });
    const { status, body } = await call('POST', '~/findMeetingTimes', wish());
    expect(status).toBe(200);
    expect(body.emptySuggestionsReason).toBe('');
    const starts = body.meetingTimeSuggestions.map(
      (each: { meetingTimeSlot: { start: { dateTime: string } } }) => each.meetingTimeSlot.start.dateTime,
    );
    expect(starts).toEqual(['2026-03-04T07:00:00.0000000', '2026-03-04T10:00:00.0000000']);
    expect(body.meetingTimeSuggestions[0]).toMatchObject({
      confidence: 100,
      order: 1,
      organizerAvailability: 'free',
      attendeeAvailability: [{ availability: 'free' }],
    });
  });

  it('say why there are none, and refuse what is no duration', async () => {
    const { call } = await aMeeting({}, { start: at('2026-03-04T08:00:00'), end: at('2026-03-04T12:00:00') });
    const none = (await call('POST', '~/findMeetingTimes', wish())).body;
    expect(none).toMatchObject({ meetingTimeSuggestions: [], emptySuggestionsReason: 'organizerUnavailable' });
    expect((await call('POST', '~/findMeetingTimes', wish({ meetingDuration: 'an hour' }))).status).toBe(400);
  });
});

describe('master categories', () => {
  it('begin with six, and are added, coloured and removed', async () => {
    const { call } = simulate();
    const url = '~/outlook/masterCategories';
    expect((await call('GET', url)).body.value).toHaveLength(6);
    const added = await call('POST', url, { displayName: 'Garden', color: 'preset9' });
    expect([added.status, added.body]).toMatchObject([201, { displayName: 'Garden', color: 'preset9' }]);
    expect((await call('POST', url, { displayName: 'garden', color: 'preset1' })).status).toBe(409);
    expect((await call('POST', url, { displayName: 'Yard', color: 'pink' })).body.error.code).toBe('RequestBodyRead');
    const one = `${url}/${added.body.id}`;
    expect((await call('PATCH', one, { color: 'preset2' })).body.color).toBe('preset2');
    expect((await call('PATCH', one, { displayName: 'Yard' })).status).toBe(400);
    expect((await call('DELETE', one)).status).toBe(204);
    expect((await call('GET', one)).status).toBe(404);
    expect((await call('GET', url)).body.value).toHaveLength(6);
  });
});

describe('what a meeting shows of others', () => {
  it('is only oneself when the organiser hides the attendees', async () => {
    const { berta, mailbox, id } = await aMeeting({}, { ...invited(BERTA, CARL), hideAttendees: true });
    const shown = berta.listEvents()[0]!.attendees.map(({ emailAddress }) => emailAddress.address);
    expect(shown).toEqual([ADDRESS, BERTA]);
    expect(mailbox.getEvent(id)!.attendees).toHaveLength(2);
  });

  it('is a draft while the organiser’s change in Outlook has not been sent', async () => {
    const { sim, berta, mailbox, id, call } = await aMeeting();
    expect(mailbox.editWithoutSending(id, { subject: 'New' })).toMatchObject({ subject: 'New', isDraft: true });
    expect(berta.listEvents()[0]!.subject).toBe('Tile order');
    expect(sim.outbox).toHaveLength(0);
    expect((await call('PATCH', `~/events/${id}`, { subject: 'Newer' })).body.isDraft).toBe(false);
    expect(berta.listEvents()[0]!.subject).toBe('Newer');
  });
});

describe('a PATCH of what only the service sets', () => {
  it.each([
    ['ignored', 200],
    ['refused', 400],
  ] as const)('is %s', async (readOnlyInPatch, status) => {
    const { call } = simulate({ switches: { readOnlyInPatch } });
    const { id } = (await call('POST', '~/events', anEvent({ hasAttachments: true }))).body;
    const answer = await call('PATCH', `~/events/${id}`, { hasAttachments: true });
    expect(answer.status).toBe(status);
    expect((await call('GET', `~/events/${id}`)).body.hasAttachments).toBe(false);
  });
});
