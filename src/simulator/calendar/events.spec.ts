import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, at, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';

describe('events over HTTP', () => {
  it('answers a create with 201, its location, and more than was sent', async () => {
    const { call } = simulate();
    const { status, headers, body } = await call('POST', '~/events', anEvent({ location: { displayName: 'Yard' } }));
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`http://graph.sim.test/v1.0/users('${ADDRESS}')/events('${body.id}')`);
    expect(headers.get('content-type')).toBe(
      'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
    );
    expect(body).toMatchObject({
      '@odata.etag': `W/"${body.changeKey}"`,
      type: 'singleInstance',
      start: { dateTime: '2026-03-04T08:00:00.0000000', timeZone: 'UTC' },
      end: { dateTime: '2026-03-04T09:00:00.0000000', timeZone: 'UTC' },
      originalStartTimeZone: 'W. Europe Standard Time',
      location: { displayName: 'Yard', locationType: 'default', uniqueId: 'Yard', uniqueIdType: 'private' },
      locations: [{ displayName: 'Yard', locationType: 'default', uniqueId: 'Yard', uniqueIdType: 'private' }],
      isOrganizer: true,
      isReminderOn: true,
      reminderMinutesBeforeStart: 15,
      showAs: 'busy',
      recurrence: null,
      createdDateTime: '2026-03-02T08:00:00Z',
    });
    expect(body.id).toMatch(/^AAMk[A-Za-z0-9_-]{100,}=$/);
    expect(body).not.toHaveProperty('originalStart');
  });

  it('shows times in the preferred zone, all-day events floating', async () => {
    const { call } = simulate();
    const timed = (await call('POST', '~/events', anEvent())).body;
    const allDay = (
      await call(
        'POST',
        '~/events',
        anEvent({ isAllDay: true, start: at('2026-03-04T00:00:00'), end: at('2026-03-05T00:00:00') }),
      )
    ).body;
    const prefer = { prefer: 'outlook.timezone="Asia/Tokyo"' };
    const shown = await call('GET', `~/events/${timed.id}`, undefined, prefer);
    expect(shown.body.start).toEqual({ dateTime: '2026-03-04T17:00:00.0000000', timeZone: 'Asia/Tokyo' });
    expect(shown.headers.get('preference-applied')).toBe('outlook.timezone="Asia/Tokyo"');
    const floating = await call('GET', `~/events/${allDay.id}`, undefined, prefer);
    expect(floating.body.start).toEqual({ dateTime: '2026-03-04T00:00:00.0000000', timeZone: 'Asia/Tokyo' });
    expect(
      (await call('GET', `~/events/${timed.id}`, undefined, { prefer: 'outlook.timezone="Mars/Olympus"' })).body.error
        .code,
    ).toBe('TimeZoneNotSupportedException');
  });

  it('stores a document of its own making and renders text from it', async () => {
    const { call } = simulate();
    const body = { contentType: 'Text', content: 'a < b\n  indented\n\nend' };
    const { id, body: html } = (await call('POST', '~/events', anEvent({ body }))).body;
    expect(html.contentType).toBe('html');
    expect(html.content).toContain('<!-- converted from text -->');
    expect(html.content).not.toMatch(/[^\r]\n/);
    const text = await call('GET', `~/events/${id}`, undefined, { prefer: 'outlook.body-content-type="text"' });
    expect(text.body.body).toEqual({ contentType: 'text', content: 'a < b\r\n  indented\r\n\r\nend\r\n' });
    const malformed = await call('GET', `~/events/${id}`, undefined, { prefer: 'outlook.body-content-type=' });
    expect(malformed.body.body.contentType).toBe('html');
    expect(malformed.headers.get('preference-applied')).toBeNull();
    const again = await call('PATCH', `~/events/${id}`, { body: html });
    expect(again.body.body).toEqual(html);
  });

  it.each([
    ['an unknown property', anEvent({ colour: 'red' }), 'RequestBodyRead'],
    ['an unknown nested property', anEvent({ location: { name: 'Yard' } }), 'RequestBodyRead'],
    ['a value of the wrong type', anEvent({ isAllDay: 'yes' }), 'RequestBodyRead'],
    ['an enumeration value nobody knows', anEvent({ showAs: 'sleeping' }), 'RequestBodyRead'],
    ['malformed JSON', '{"subject":', 'BadRequest'],
    [
      'an end before the start',
      anEvent({ end: at('2026-03-04T08:59:00') }),
      'ErrorCalendarEndDateIsEarlierThanStartDate',
    ],
    ['no start', { subject: 'x', end: at('2026-03-04T10:00:00') }, 'ErrorPropertyValidationFailure'],
    ['an unknown zone', anEvent({ start: at('2026-03-04T09:00:00', 'Nowhere') }), 'TimeZoneNotSupportedException'],
    ['an empty zone', anEvent({ start: at('2026-03-04T09:00:00', '') }), 'TimeZoneNotSupportedException'],
    ['an all-day event off midnight', anEvent({ isAllDay: true }), 'ErrorPropertyValidationFailure'],
    [
      'an all-day event of no length',
      anEvent({ isAllDay: true, start: at('2026-03-04T00:00:00'), end: at('2026-03-04T00:00:00') }),
      'ErrorPropertyValidationFailure',
    ],
  ])('refuses %s and stores nothing', async (_name, event, code) => {
    const { call, mailbox } = simulate();
    const { status, body } = await call('POST', '~/events', event);
    expect([status, body.error.code]).toEqual([400, code]);
    expect(body.error.innerError['request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(mailbox.listEvents()).toEqual([]);
  });

  it('accepts an event without length and ignores what only the service sets', async () => {
    const { call } = simulate();
    const { status, body } = await call(
      'POST',
      '~/events',
      anEvent({ end: at('2026-03-04T09:00:00'), id: 'mine', iCalUId: 'mine', isOrganizer: false, '@odata.type': 'x' }),
    );
    expect(status).toBe(201);
    expect(body).toMatchObject({ isOrganizer: true });
    expect([body.id, body.iCalUId]).not.toContain('mine');
  });

  it('guards PATCH and DELETE by If-Match, and not without it', async () => {
    const { call } = simulate();
    const created = (await call('POST', '~/events', anEvent())).body;
    const stale = created['@odata.etag'];
    const patched = await call('PATCH', `~/events/${created.id}`, { subject: 'Moved' }, { 'if-match': stale });
    expect(patched.status).toBe(200);
    expect(patched.body['@odata.etag']).not.toBe(stale);
    for (const [method, body] of [
      ['PATCH', { subject: 'Lost' }],
      ['DELETE', undefined],
    ] as const) {
      const refused = await call(method, `~/events/${created.id}`, body, { 'if-match': stale });
      expect([refused.status, refused.body.error.code]).toEqual([412, 'ErrorIrresolvableConflict']);
    }
    expect((await call('GET', `~/events/${created.id}`)).body.subject).toBe('Moved');
    expect((await call('DELETE', `~/events/${created.id}`)).status).toBe(204);
    expect((await call('DELETE', `~/events/${created.id}`)).body.error.code).toBe('ErrorItemNotFound');
  });

  it('answers a second DELETE with 400 when switched so', async () => {
    const { call } = simulate({ switches: { secondDelete: 400 } });
    const { id } = (await call('POST', '~/events', anEvent())).body;
    await call('DELETE', `~/events/${id}`);
    const second = await call('DELETE', `~/events/${id}`);
    expect([second.status, second.body.error.code]).toEqual([400, 'ErrorInvalidRequest']);
  });

  it('treats a repeated transactionId as its documentation and reports say', async () => {
    const { call, mailbox } = simulate();
    const event = anEvent({ transactionId: 'sync:1' });
    const first = await call('POST', '~/events', event);
    expect(first.body.transactionId).toBe('sync:1');
    const again = await call('POST', '~/events', event);
    expect([again.status, again.body.id]).toEqual([201, first.body.id]);
    expect(mailbox.listEvents()).toHaveLength(1);
    const other = await call('POST', '~/events', anEvent({ transactionId: 'sync:1', subject: 'Other' }));
    expect([other.status, other.body.error.code]).toEqual([400, 'ErrorDuplicateTransactionId']);
    expect(other.body.error['@event.existingEventId']).toBe(first.body.id);
    expect((await call('PATCH', `~/events/${first.body.id}`, { transactionId: 'x' })).status).toBe(400);
    await call('DELETE', `~/events/${first.body.id}`);
    expect((await call('POST', '~/events', event)).body.error.code).toBe('ErrorDuplicateTransactionId');
  });

  it('changes the default id when the event moves, never the immutable one', async () => {
    const { call, mailbox } = simulate();
    const other = mailbox.addCalendar('Family');
    const created = (await call('POST', '~/events', anEvent())).body;
    const stable = { prefer: 'IdType="ImmutableId"' };
    const immutable = (await call('GET', `~/events/${created.id}`, undefined, stable)).body.id;
    expect(immutable).not.toBe(created.id);
    mailbox.moveEvent(created.id, other);
    expect((await call('GET', `~/events/${created.id}`)).body.error.code).toBe('ErrorItemNotFound');
    expect((await call('GET', `~/events/${immutable}`)).status).toBe(200);
    expect((await call('GET', `~/calendars/${other}/events/${immutable}`)).status).toBe(200);
    expect((await call('GET', `~/calendar/events/${immutable}`)).status).toBe(404);
  });

  it('takes ids to the letter', async () => {
    const { call, sim } = simulate();
    const { id } = (await call('POST', '~/events', anEvent())).body;
    const swapped = id.replace(/[a-z]/, (letter: string) => letter.toUpperCase());
    for (const wrong of [swapped, id.slice(0, -1), `${id.slice(0, 40)}${id.slice(41)}`, 'nonsense']) {
      expect((await call('GET', `~/events/${wrong}`)).body.error.code, wrong).toBe('ErrorInvalidIdMalformed');
    }
    sim.addMailbox({ address: 'bob@example.com' });
    expect((await call('GET', `/users/bob@example.com/events/${id}`)).body.error.code).toBe('ErrorItemNotFound');
    expect((await call('GET', '/users/nobody@example.com/events')).body.error.code).toBe('ErrorInvalidUser');
    expect((await call('GET', '/me/events')).status).toBe(400);
  });

  it('kills the online meeting when its join block is dropped', async () => {
    const { call } = simulate();
    const created = (
      await call(
        'POST',
        '~/events',
        anEvent({ isOnlineMeeting: true, body: { contentType: 'html', content: '<p>Hi</p>' } }),
      )
    ).body;
    expect(created.onlineMeeting.joinUrl).toContain('teams.microsoft.com');
    const kept = await call('PATCH', `~/events/${created.id}`, {
      body: { contentType: 'html', content: created.body.content.replace('Hi', 'Hello') },
    });
    expect(kept.body).toMatchObject({ isOnlineMeeting: true, onlineMeeting: created.onlineMeeting });
    const dropped = await call('PATCH', `~/events/${created.id}`, {
      body: { contentType: 'html', content: '<p>Hello</p>' },
    });
    expect(dropped.body).toMatchObject({ isOnlineMeeting: false, onlineMeeting: null });
  });

  it('lists ten a page by $skip links, selected, filtered and ordered', async () => {
    const { call, mailbox } = simulate();
    for (let hour = 23; hour >= 0; hour -= 1) {
      const clock = String(hour).padStart(2, '0');
      mailbox.createEvent(
        anEvent({
          subject: `at ${clock}`,
          start: at(`2026-03-04T${clock}:00:00`, 'UTC'),
          end: at(`2026-03-04T${clock}:30:00`, 'UTC'),
        }),
      );
    }
    const first = await call('GET', '~/events?$select=subject&$orderby=start/dateTime');
    expect(first.body.value).toHaveLength(10);
    expect(Object.keys(first.body.value[0]).sort()).toEqual(['@odata.etag', 'id', 'subject']);
    const second = await call('GET', first.body['@odata.nextLink']);
    expect(second.body.value[0].subject).toBe('at 10');
    const filter = encodeURIComponent("start/dateTime ge '2026-03-04T20:00' and startswith(subject,'at 2')");
    const found = await call('GET', `~/events?$filter=${filter}&$top=50&$count=true`);
    expect(found.body.value.map((event: { subject: string }) => event.subject)).toEqual([
      'at 23',
      'at 22',
      'at 21',
      'at 20',
    ]);
    expect(found.body['@odata.count']).toBe(4);
    expect((await call('GET', `~/events/$count?$filter=${filter}`)).body).toBe(4);
    const uid = mailbox.listEvents()[0]!.iCalUId;
    expect(
      (await call('GET', `~/events?$filter=${encodeURIComponent(`iCalUId eq '${uid}'`)}`)).body.value,
    ).toHaveLength(1);
    expect((await call('GET', '~/events?$select=nonsense')).status).toBe(400);
    expect((await call('GET', "~/events?$filter=body/content eq 'x'")).status).toBe(400);
    expect((await call('GET', '~/events?$search="x"')).status).toBe(400);
  });

  it('keeps what identifies a place when it was sent with it', async () => {
    const { call } = simulate();
    const hall = { displayName: 'Hall', uniqueId: '79e60b5c', uniqueIdType: 'locationStore' };
    const { body } = await call('POST', '~/events', anEvent({ locations: [hall, { displayName: 'Yard' }] }));
    expect(body.locations).toMatchObject([hall, { displayName: 'Yard', uniqueIdType: 'unknown' }]);
    expect(body.location).toMatchObject({ displayName: 'Hall; Yard', uniqueIdType: 'private' });
  });

  it('finds events by extended property, which no answer shows unasked', async () => {
    const { call } = simulate();
    const id = 'String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Sync';
    const created = await call('POST', '~/events', anEvent({ singleValueExtendedProperties: [{ id, value: 'E-1' }] }));
    expect(created.body).not.toHaveProperty('singleValueExtendedProperties');
    const filter = encodeURIComponent(`singleValueExtendedProperties/Any(ep: ep/id eq '${id}' and ep/value eq 'e-1')`);
    const expand = encodeURIComponent(`singleValueExtendedProperties($filter=id eq '${id}')`);
    const { body } = await call('GET', `~/events?$filter=${filter}&$expand=${expand}`);
    expect(body.value).toMatchObject([{ id: created.body.id, singleValueExtendedProperties: [{ id, value: 'E-1' }] }]);
  });
});

describe('calendar views', () => {
  it('wants a window, a valid one, and none over 1825 days', async () => {
    const { call } = simulate();
    const code = async (query: string) => (await call('GET', `~/calendarView?${query}`)).body.error?.code;
    expect(await code('')).toBe('ErrorInvalidParameter');
    expect(await code('startDateTime=&endDateTime=2026-01-01T00:00:00Z')).toBe('ErrorInvalidParameter');
    expect(await code('startDateTime=2026-01-01T00:00:00Z&endDateTime=2031-01-01T00:00:00Z')).toBe(
      'ErrorInvalidRequest',
    );
    expect(await code('startdatetime=2026-01-01T00:00:00Z&enddatetime=2030-12-31T00:00:00Z')).toBeUndefined();
  });

  it('shows occurrences and exceptions, never masters, and neighbours of the day', async () => {
    const { call, mailbox } = simulate();
    const series = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(series.id, '2026-03-09', { subject: 'Special' });
    mailbox.createEvent(anEvent({ isAllDay: true, start: at('2026-03-10T00:00:00'), end: at('2026-03-11T00:00:00') }));
    const { body } = await call(
      'GET',
      '~/calendarView?startDateTime=2026-03-09T00:00:00%2B01:00&endDateTime=2026-03-11T00:00:00%2B01:00&$select=type,originalStart',
    );
    expect(body.value.map(({ type, originalStart }: Record<string, string>) => [type, originalStart])).toEqual([
      ['exception', '2026-03-09T08:00:00Z'],
      ['singleInstance', null],
    ]);
    // A Tokyo day sees the all-day event of the day before it: midnights are UTC here.
    const tokyo = await call(
      'GET',
      '~/calendarView?startDateTime=2026-03-11T00:00:00%2B09:00&endDateTime=2026-03-12T00:00:00%2B09:00',
    );
    expect(tokyo.body.value).toHaveLength(1);
  });
});

describe('calendars', () => {
  it('creates, renames and removes them; names are unique', async () => {
    const { call } = simulate();
    const created = await call('POST', '~/calendars', { name: 'Family' });
    expect(created.status).toBe(201);
    expect((await call('POST', '~/calendars', { name: 'family' })).body.error.code).toBe('ErrorFolderExists');
    expect((await call('PATCH', `~/calendars/${created.body.id}`, { name: 'Home' })).body.name).toBe('Home');
    const list = (await call('GET', '~/calendars')).body.value;
    expect(list.map(({ name, isDefaultCalendar }: Record<string, unknown>) => [name, isDefaultCalendar])).toEqual([
      ['Calendar', true],
      ['Home', false],
    ]);
    expect((await call('DELETE', `~/calendars('${created.body.id}')`)).status).toBe(204);
    expect((await call('GET', `~/calendars/${created.body.id}/events`)).status).toBe(404);
    expect(
      (await call('GET', `~/calendars/${created.body.id}/calendarView/delta?${MARCH_TO_MAY}`)).body.error.code,
    ).toBe('ErrorSyncFolderNotFound');
    expect((await call('DELETE', '~/calendar')).status).toBe(403);
  });

  it('refuses writes where canEdit is false', async () => {
    const { call, mailbox } = simulate();
    const id = mailbox.addCalendar('Holidays', { canEdit: false });
    expect((await call('POST', `~/calendars/${id}/events`, anEvent())).body.error.code).toBe('ErrorAccessDenied');
  });

  it('answers what is known of the user', async () => {
    const { call } = simulate();
    expect((await call('GET', '~')).body).toMatchObject({ displayName: 'Ada Lemke', mail: ADDRESS });
    expect((await call('GET', '~/mailboxSettings')).body.timeZone).toBe('W. Europe Standard Time');
    const zones = await call(
      'GET',
      "~/outlook/supportedTimeZones(TimeZoneStandard=microsoft.graph.timeZoneStandard'Iana')",
    );
    expect(zones.body.value.some(({ alias }: { alias: string }) => alias === 'Europe/Berlin')).toBe(true);
  });
});
