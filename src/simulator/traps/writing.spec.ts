import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at, simulate } from '../../../test/support/simulator-client.ts';

/** What goes wrong for a client that writes calendars, each under the number it has in docs/simulator.md. */
const IMMUTABLE = { prefer: 'IdType="ImmutableId"' };
const guests = (...addresses: string[]) =>
  addresses.map((address) => ({ type: 'required', emailAddress: { address } }));
const code = ({ body }: { body: { error?: { code: string } } | undefined }) => body?.error?.code;

describe('traps of writing', () => {
  it('18: a text body comes back as another document, as HTML', async () => {
    const { call } = simulate();
    const sent = { contentType: 'text', content: 'Bring samples\nand a <ruler>' };
    const { body } = await call('POST', '~/events', anEvent({ body: sent }));
    expect(body.body.contentType).toBe('html');
    expect(body.body.content).toMatch(/^<html>\r\n<head>[\s\S]*converted from text[\s\S]*PlainText/);
    const text = await call('GET', `~/events/${body.id}`, undefined, { prefer: 'outlook.body-content-type="text"' });
    expect(text.body.body.content.trim()).toBe('Bring samples\r\nand a <ruler>');
  });

  it('19: a location comes back enriched and mirrored into locations', async () => {
    const { call } = simulate();
    const { body } = await call('POST', '~/events', anEvent({ location: { displayName: 'Yard' } }));
    expect(body.location).toEqual({
      displayName: 'Yard',
      locationType: 'default',
      uniqueId: 'Yard',
      uniqueIdType: 'private',
    });
    expect(body.locations).toEqual([body.location]);
  });

  it('20: a body without its join block ends the online meeting', async () => {
    const { call } = simulate();
    const online = { isOnlineMeeting: true, onlineMeetingProvider: 'teamsForBusiness' };
    const { body } = await call('POST', '~/events', anEvent(online));
    expect(body.onlineMeeting.joinUrl).toContain('https://');
    const patched = await call('PATCH', `~/events/${body.id}`, {
      body: { contentType: 'html', content: '<p>New</p>' },
    });
    expect(patched.body).toMatchObject({ isOnlineMeeting: false, onlineMeeting: null });
  });

  it('23: a series sent in UTC drifts by an hour when summer time begins', async () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(
      aSeries({ start: at('2026-03-02T08:00:00', 'UTC'), end: at('2026-03-02T08:30:00', 'UTC') }),
    );
    const [before, after] = mailbox
      .occurrences(id, '2026-03-23T00:00:00Z', '2026-03-31T00:00:00Z')
      .map(({ start }) => new Date(`${start.dateTime}Z`).toLocaleTimeString('de', { timeZone: 'Europe/Berlin' }));
    expect([before, after]).toEqual(['09:00:00', '10:00:00']);
  });

  it('24: unknown, empty and custom zone names are refused', async () => {
    const { call } = simulate();
    for (const zone of ['Mars/Olympus', '', 'tzone://Microsoft/Custom']) {
      const refused = await call('POST', '~/events', anEvent({ start: at('2026-03-04T09:00:00', zone) }));
      expect(refused).toMatchObject({ status: 400, body: { error: { code: 'TimeZoneNotSupportedException' } } });
    }
    const preferred = await call('GET', '~/events', undefined, { prefer: 'outlook.timezone="Mars/Olympus"' });
    expect(code(preferred)).toBe('TimeZoneNotSupportedException');
  });

  it('25: a recurrenceTimeZone other than the event’s is refused, also when only the start is changed later', async () => {
    const { call } = simulate();
    const { recurrence } = aSeries() as { recurrence: { pattern: object; range: object } };
    const range = { ...recurrence.range, recurrenceTimeZone: 'Tokyo Standard Time' };
    const refused = await call('POST', '~/events', aSeries({ recurrence: { ...recurrence, range } }));
    expect(code(refused)).toBe('ErrorPropertyValidationFailure');
    const sameZone = { ...recurrence.range, recurrenceTimeZone: 'Europe/Berlin' };
    const { body } = await call('POST', '~/events', aSeries({ recurrence: { ...recurrence, range: sameZone } }));
    const later = await call('PATCH', `~/events/${body.id}`, {
      start: at('2026-03-02T09:00:00', 'Asia/Tokyo'),
      end: at('2026-03-02T09:30:00', 'Asia/Tokyo'),
    });
    expect(code(later)).toBe('ErrorPropertyValidationFailure');
  });

  it('26: without firstDayOfWeek the week begins on Sunday, and every other week is another one', async () => {
    const { mailbox } = simulate();
    const dates = (firstDayOfWeek: object) => {
      const { id } = mailbox.createEvent(
        aSeries({
          start: at('2026-03-03T09:00:00'),
          end: at('2026-03-03T09:30:00'),
          recurrence: {
            pattern: { type: 'weekly', interval: 2, daysOfWeek: ['tuesday', 'sunday'], ...firstDayOfWeek },
            range: { type: 'numbered', startDate: '2026-03-03', numberOfOccurrences: 4 },
          },
        }),
      );
      return mailbox
        .occurrences(id, '2026-03-01T00:00:00Z', '2026-05-01T00:00:00Z')
        .map(({ start }) => start.dateTime.slice(0, 10));
    };
    expect(dates({ firstDayOfWeek: 'monday' })).toEqual(['2026-03-03', '2026-03-08', '2026-03-17', '2026-03-22']);
    expect(dates({})).toEqual(['2026-03-03', '2026-03-15', '2026-03-17', '2026-03-29']);
  });

  it('27: monthly on the 31st means the last day of short months', async () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(
      aSeries({
        start: at('2026-01-31T09:00:00'),
        end: at('2026-01-31T09:30:00'),
        recurrence: {
          pattern: { type: 'absoluteMonthly', interval: 1, dayOfMonth: 31 },
          range: { type: 'numbered', startDate: '2026-01-31', numberOfOccurrences: 4 },
        },
      }),
    );
    const days = mailbox.occurrences(id, '2026-01-01T00:00:00Z', '2026-06-01T00:00:00Z');
    expect(days.map(({ start }) => start.dateTime.slice(0, 10))).toEqual([
      '2026-01-31',
      '2026-02-28',
      '2026-03-31',
      '2026-04-30',
    ]);
  });

  it('28: an occurrence cannot be moved to the day of its neighbour', async () => {
    const { mailbox, call } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    const second = mailbox.occurrences(id, '2026-03-09T00:00:00Z', '2026-03-10T00:00:00Z')[0]!;
    const times = { start: at('2026-03-16T15:00:00'), end: at('2026-03-16T15:30:00') };
    expect(code(await call('PATCH', `~/events/${second.id}`, times))).toBe('ErrorOccurrenceCrossingBoundary');
  });

  it('29: a new time for the master drops exceptions and brings deleted dates back', async () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    mailbox.deleteOccurrence(id, '2026-03-16');
    mailbox.updateEvent(id, { start: at('2026-03-02T11:00:00'), end: at('2026-03-02T11:30:00') });
    const after = mailbox.occurrences(id, '2026-03-09T00:00:00Z', '2026-03-17T00:00:00Z');
    expect(after.map(({ subject, type }) => [subject, type])).toEqual([
      ['Standup', 'occurrence'],
      ['Standup', 'occurrence'],
    ]);
  });

  it('30: a create whose answer was lost and that is sent again makes two events, unless it has a transactionId', async () => {
    const { sim, mailbox, call } = simulate();
    const lost = { method: 'POST', kind: 'drop-after-commit' as const };
    sim.failNext(lost);
    await expect(call('POST', '~/events', anEvent())).rejects.toThrow('fetch failed');
    await call('POST', '~/events', anEvent());
    expect(mailbox.listEvents().length).toBe(2);
    const once = anEvent({ subject: 'Once', transactionId: '6d1a0d0e-0000-4000-8000-000000000001' });
    sim.failNext(lost);
    await expect(call('POST', '~/events', once)).rejects.toThrow('fetch failed');
    const again = await call('POST', '~/events', once);
    expect(again.status).toBe(201);
    expect(mailbox.listEvents().filter(({ subject }) => subject === 'Once').length).toBe(1);
  });

  it('31: a used transactionId with another content is refused, and names the event that has it', async () => {
    const { call } = simulate();
    const transactionId = '6d1a0d0e-0000-4000-8000-000000000002';
    const first = await call('POST', '~/events', anEvent({ transactionId }));
    const refused = await call('POST', '~/events', anEvent({ subject: 'Other', transactionId }));
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'ErrorDuplicateTransactionId' } } });
    expect(refused.body.error['@event.existingEventId']).toBe(first.body.id);
  });

  it('32: 412 comes without If-Match, for no visible reason, and passes', async () => {
    const { sim, mailbox, call } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    sim.failNext({ method: 'PATCH', status: 412 });
    const patch = () => call('PATCH', `~/events/${id}`, { subject: 'New' });
    expect(await patch()).toMatchObject({ status: 412, body: { error: { code: 'ErrorIrresolvableConflict' } } });
    expect((await patch()).status).toBe(200);
  });

  it('34: guests are mailed on create, on the change of one occurrence, and on delete', async () => {
    const { sim, mailbox, call } = simulate();
    const created = await call('POST', '~/events', aSeries({ attendees: guests('grace@example.com') }), IMMUTABLE);
    const second = mailbox.occurrences(created.body.id, '2026-03-09T00:00:00Z', '2026-03-10T00:00:00Z')[0]!;
    await call('PATCH', `~/events/${second.id}`, { subject: 'Special' });
    await call('DELETE', `~/events/${created.body.id}`);
    expect(sim.outbox.map(({ kind }) => kind)).toEqual(['invitation', 'update', 'cancellation']);
  });

  it('35: what an attendee changes on a meeting is gone with the organiser’s next update', async () => {
    const { sim, mailbox, call } = simulate();
    const grace = sim.addMailbox({ address: 'grace@example.com' });
    const { id } = grace.createEvent(anEvent({ attendees: guests(mailbox.address) }));
    const [copy] = mailbox.listEvents();
    await call('PATCH', `~/events/${copy!.id}`, { subject: 'Mine', categories: ['Private'] });
    expect(mailbox.getEvent(copy!.id)!.subject).toBe('Mine');
    grace.updateEvent(id, { location: { displayName: 'Yard' } });
    expect(mailbox.getEvent(copy!.id)).toMatchObject({ subject: 'Tile order', categories: ['Private'] });
  });

  it('44: a batch answers 200 and hides what failed inside', async () => {
    const { sim, mailbox, call } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    sim.failNext({ method: 'PATCH', batchItem: true, status: 429, retryAfter: 4 });
    const headers = { 'Content-Type': 'application/json' };
    const url = `/users/${mailbox.address}/events`;
    const { status, body } = await call('POST', '/$batch', {
      requests: [
        { id: '1', method: 'PATCH', url: `${url}/${id}`, headers, body: { subject: 'New' } },
        { id: '2', method: 'GET', url: `${url}/${id}`, dependsOn: ['1'] },
        { id: '3', method: 'GET', url: `${url}?$top=1` },
      ],
    });
    expect(status).toBe(200);
    const statuses = Object.fromEntries(
      body.responses.map((each: { id: string; status: number }) => [each.id, each.status]),
    );
    expect(statuses).toEqual({ 1: 429, 2: 424, 3: 200 });
    expect(body.responses.find((each: { id: string }) => each.id === '1').headers['Retry-After']).toBe('4');
  });

  it('54: a create succeeds and silently lacks the online meeting', async () => {
    const { mailbox, call } = simulate();
    const other = mailbox.addCalendar('Projects', { allowsOnlineMeetings: false });
    const { status, body } = await call('POST', `~/calendars/${other}/events`, anEvent({ isOnlineMeeting: true }));
    expect(status).toBe(201);
    expect(body.onlineMeeting).toBeNull();
  });

  it('55: holiday calendars refuse writes', async () => {
    const { mailbox, call } = simulate();
    const holidays = mailbox.addCalendar('Holidays', { canEdit: false });
    expect((await call('GET', `~/calendars/${holidays}`)).body.canEdit).toBe(false);
    const refused = await call('POST', `~/calendars/${holidays}/events`, anEvent());
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'ErrorAccessDenied' } } });
  });

  it('60: a calendar whose creation answered 5xx exists; the retry is told that its name is taken', async () => {
    const { sim, call } = simulate();
    sim.failNext({ method: 'POST', path: /\/calendars$/, kind: 'status-after-commit', status: 503 });
    expect((await call('POST', '~/calendars', { name: 'Projects' })).status).toBe(503);
    const again = await call('POST', '~/calendars', { name: 'Projects' });
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'ErrorFolderExists' } } });
  });
});
