import { describe, expect, it } from 'vitest';
import { GRACE, twoPeople } from '../../../test/support/sharing-world.ts';
import { ADDRESS, type Answer, anEvent, aSeries, MARCH_TO_MAY, NOW } from '../../../test/support/simulator-client.ts';
import { type CalendarRole, GraphSimulator } from '../index.ts';

const VIEW = `calendarView?${MARCH_TO_MAY}`;
const DELTA = `calendarView/delta?${MARCH_TO_MAY}`;
const codeOf = ({ status, body }: Answer) => [status, body.error.code];
const subjectsOf = ({ body }: Answer) => body.value.map(({ subject }: { subject: string }) => subject);

function shared(role: CalendarRole, options: Parameters<typeof twoPeople>[0] = {}) {
  const people = twoPeople(options);
  const entry = people.ada.shareCalendar(people.ada.defaultCalendarId, GRACE, role)!;
  return { ...people, entry };
}

describe('a calendar shared with somebody', () => {
  it('stands in their list with an id of their own, its owner the sharer', async () => {
    const { asGrace, entry, ada } = shared('write');
    const { body } = await asGrace('GET', '/me/calendars');
    expect(body.value[1]).toMatchObject({
      id: entry,
      name: 'Ada Lemke',
      owner: { name: 'Ada Lemke', address: ADDRESS },
      isDefaultCalendar: false,
      canEdit: true,
      canShare: false,
      canViewPrivateItems: false,
      isTallyingResponses: true,
      isRemovable: true,
    });
    expect(entry).not.toBe(ada.defaultCalendarId);
    expect((await asGrace('GET', `/me/calendars/${entry}`)).body.id).toBe(entry);
  });

  it('is renamed and coloured by its sharee for themselves alone', async () => {
    const { asGrace, call, entry } = shared('read');
    const patched = await asGrace('PATCH', `/me/calendars/${entry}`, { name: 'Calendar', color: 'lightRed' });
    expect(patched.body).toMatchObject({ id: entry, name: 'Calendar', color: 'lightRed', owner: { address: ADDRESS } });
    expect((await call('GET', '~/calendar')).body.color).toBe('auto');
    expect((await asGrace('POST', '/me/calendars', { name: 'Ada Lemke' })).status).toBe(201);
  });

  it('has ids on each side that are not found on the other', async () => {
    const { asGrace, call, entry, ada } = shared('read');
    const own = ada.createEvent(anEvent());
    const seen = (await asGrace('GET', `/me/calendars/${entry}/events`)).body.value[0];
    expect(seen.subject).toBe('Tile order');
    expect((await asGrace('GET', `/me/calendars/${entry}/events/${seen.id}`)).status).toBe(200);
    expect((await asGrace('GET', `/me/events/${seen.id}`)).body.id).toBe(seen.id);
    for (const [path, caller] of [
      [`~/events/${seen.id}`, call],
      [`~/calendars/${entry}/events`, call],
      [`/me/calendars/${entry}/events/${own.id}`, asGrace],
      [`/me/calendars/${ada.defaultCalendarId}/events`, asGrace],
      [`/me/calendar/events/${seen.id}`, asGrace],
    ] as const) {
      expect(codeOf(await caller('GET', path))).toEqual([404, 'ErrorItemNotFound']);
    }
  });

  it('keeps immutable ids apart as well, and masters, occurrences and links in the id space they are read in', async () => {
    const { asGrace, entry, ada } = shared('read');
    ada.createEvent(aSeries());
    const headers = { prefer: 'IdType="ImmutableId"' };
    for (const prefer of [{}, headers]) {
      const view = await asGrace('GET', `/me/calendars/${entry}/${VIEW}`, undefined, prefer);
      const [first] = view.body.value;
      const master = await asGrace('GET', `/me/calendars/${entry}/events/${first.seriesMasterId}`, undefined, prefer);
      expect(master.body).toMatchObject({ type: 'seriesMaster', id: first.seriesMasterId });
      const members = await asGrace('GET', `/me/events/${master.body.id}/instances?${MARCH_TO_MAY}`, undefined, prefer);
      expect(members.body.value[0].id).toBe(first.id);
      expect(() => ada.updateEvent(master.body.id, { subject: 'x' })).toThrow(/not found/);
    }
  });

  it('is written through the entry, and what is written is in the owner’s mailbox and delta', async () => {
    const { asGrace, asAda, entry, ada, grace, round } = shared('write');
    const { link } = await round(`~/${DELTA}`);
    const created = await asGrace('POST', `/me/calendars/${entry}/events`, anEvent({ subject: 'From Grace' }));
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ organizer: { emailAddress: { address: ADDRESS } }, isOrganizer: true });
    expect(created.headers.get('location')).toContain(`users('${GRACE}')/events('${created.body.id}')`);
    const patched = await asGrace('PATCH', `/me/calendars/${entry}/events/${created.body.id}`, { subject: 'Again' });
    expect(patched.body).toMatchObject({ id: created.body.id, subject: 'Again' });
    expect((await round(link)).items).toMatchObject([{ subject: 'Again' }]);
    expect(ada.listEvents().map(({ subject }) => subject)).toEqual(['Again']);
    expect(grace.listEvents()).toEqual([]);
    const stale = { 'if-match': created.body['@odata.etag'] };
    expect((await asGrace('PATCH', `/me/events/${created.body.id}`, { subject: 'x' }, stale)).status).toBe(412);
    expect((await asGrace('DELETE', `/me/calendars/${entry}/events/${created.body.id}`)).status).toBe(204);
    expect((await asAda('GET', '/me/events')).body.value).toEqual([]);
  });

  it('has delta through the entry, links and tombstones included', async () => {
    const { asGrace, entry, ada } = shared('read');
    const { id } = ada.createEvent(anEvent());
    const first = await asGrace('GET', `/me/calendars/${entry}/${DELTA}`);
    const link = first.body['@odata.deltaLink'];
    expect(link).toContain(
      `users('${GRACE}')/calendars('${encodeURIComponent(entry)}')/calendarView/delta?$deltatoken=`,
    );
    ada.updateEvent(id, { subject: 'Changed' });
    const second = await asGrace('GET', link);
    expect(second.body.value).toMatchObject([{ id: first.body.value[0].id, subject: 'Changed' }]);
    ada.deleteEvent(id);
    const third = await asGrace('GET', second.body['@odata.deltaLink']);
    expect(third.body.value).toMatchObject([{ id: first.body.value[0].id, '@removed': { reason: 'deleted' } }]);
  });

  it('never shows one side’s rendering to the other', async () => {
    const { asGrace, asAda, entry, ada } = shared('read');
    const own = ada.createEvent(anEvent());
    const mine = async () => (await asAda('GET', `/me/${VIEW}`, undefined)).body.value[0].id;
    const hers = async () => (await asGrace('GET', `/me/calendars/${entry}/${VIEW}`)).body.value[0].id;
    const [a, b] = [await mine(), await hers()];
    expect(a).not.toBe(b);
    expect([await mine(), await hers()]).toEqual([a, b]);
    expect(ada.getEvent(a)!.id).toBe(own.id);
  });

  it('has what hangs on its events, and leads from an event back to the entry', async () => {
    const { asGrace, entry, ada, call } = shared('write');
    ada.createEvent(anEvent());
    const [{ id }] = (await asGrace('GET', `/me/calendars/${entry}/events`)).body.value;
    const file = { '@odata.type': '#microsoft.graph.fileAttachment', name: 'a.txt', contentBytes: 'YQ==' };
    const path = `/me/calendars/${entry}/events/${id}/attachments`;
    const attached = await asGrace('POST', path, file);
    expect(attached.status).toBe(201);
    expect((await asGrace('GET', `${path}/${attached.body.id}`)).body.name).toBe('a.txt');
    const [own] = (await call('GET', '~/events')).body.value;
    expect(own.hasAttachments).toBe(true);
    expect((await call('GET', `~/events/${own.id}/attachments/${attached.body.id}`)).status).toBe(404);
    expect((await asGrace('GET', `/me/events/${id}/calendar`)).body).toMatchObject({ id: entry, name: 'Ada Lemke' });
  });

  it('works inside a batch', async () => {
    const { asGrace, entry, ada } = shared('write');
    ada.createEvent(anEvent());
    const { body } = await asGrace('POST', '/$batch', {
      requests: [
        { id: '1', method: 'GET', url: `/me/calendars/${entry}/events` },
        {
          id: '2',
          method: 'POST',
          url: `/me/calendars/${entry}/events`,
          headers: { 'content-type': 'application/json' },
          body: anEvent({ subject: 'Batched' }),
          dependsOn: ['1'],
        },
      ],
    });
    const statuses = Object.fromEntries(body.responses.map((each: Answer & { id: string }) => [each.id, each.status]));
    expect(statuses).toEqual({ '1': 200, '2': 201 });
    expect(ada.listEvents()).toHaveLength(2);
  });

  it.each<[CalendarRole, boolean, boolean]>([
    ['read', false, false],
    ['write', true, false],
    ['delegateWithoutPrivateEventAccess', true, false],
    ['delegateWithPrivateEventAccess', true, true],
    ['custom', false, false],
  ])('lets %s write: %s, see private items: %s', async (role, canWrite, seesPrivate) => {
    const { asGrace, entry, ada } = shared(role);
    const open = ada.createEvent(anEvent({ subject: 'Open' }));
    ada.createEvent(anEvent({ subject: 'Secret', sensitivity: 'private' }));
    const list = await asGrace('GET', `/me/calendars/${entry}/events`);
    expect(subjectsOf(list)).toEqual(seesPrivate ? ['Open', 'Secret'] : ['Open']);
    expect((await asGrace('GET', `/me/calendars/${entry}`)).body).toMatchObject({
      canEdit: canWrite,
      canViewPrivateItems: seesPrivate,
      canShare: false,
    });
    const path = `/me/calendars/${entry}/events/${list.body.value[0].id}`;
    for (const answer of [
      await asGrace('PATCH', path, { subject: 'New' }),
      await asGrace('POST', `/me/calendars/${entry}/events`, anEvent()),
      await asGrace('DELETE', path),
    ]) {
      if (canWrite) expect(answer.status).toBeLessThan(300);
      else expect(codeOf(answer)).toEqual([403, 'ErrorAccessDenied']);
    }
    expect(ada.getEvent(open.id) === undefined).toBe(canWrite);
  });

  it('disappears when it is no longer shared, when the owner removes it, and from the list only when the sharee does', async () => {
    const { asGrace, entry, ada } = shared('read');
    const delta = await asGrace('GET', `/me/calendars/${entry}/${DELTA}`);
    ada.unshareCalendar(ada.defaultCalendarId, GRACE);
    expect((await asGrace('GET', '/me/calendars')).body.value).toHaveLength(1);
    expect(codeOf(await asGrace('GET', `/me/calendars/${entry}/events`))).toEqual([404, 'ErrorItemNotFound']);
    expect(codeOf(await asGrace('GET', delta.body['@odata.deltaLink']))).toEqual([404, 'ErrorSyncFolderNotFound']);

    const family = ada.addCalendar('Family');
    const other = ada.shareCalendar(family, GRACE, 'write')!;
    expect((await asGrace('GET', `/me/calendars/${other}`)).body.name).toBe('Family');
    ada.removeCalendar(family);
    expect((await asGrace('GET', `/me/calendars/${other}`)).status).toBe(404);

    const again = ada.shareCalendar(ada.defaultCalendarId, GRACE, 'read')!;
    expect(again).not.toBe(entry);
    expect((await asGrace('DELETE', `/me/calendars/${again}`)).status).toBe(204);
    expect((await asGrace('GET', '/me/calendars')).body.value).toHaveLength(1);
    expect((await asGrace('GET', '~/events')).status).toBe(200);
  });

  it('follows a change of role without changing its id', async () => {
    const { asGrace, entry, ada } = shared('read');
    expect(ada.shareCalendar(ada.defaultCalendarId, GRACE, 'write')).toBe(entry);
    expect((await asGrace('POST', `/me/calendars/${entry}/events`, anEvent())).status).toBe(201);
    expect(ada.shareCalendar(ada.defaultCalendarId, GRACE, 'none')).toBeUndefined();
    expect((await asGrace('GET', `/me/calendars/${entry}/events`)).status).toBe(404);
  });

  it('fails with 500 in the old style of sharing until it is shared again', async () => {
    const { asGrace, ada } = twoPeople();
    const entry = ada.shareCalendar(ada.defaultCalendarId, GRACE, 'read', { oldStyle: true })!;
    expect((await asGrace('GET', '/me/calendars')).body.value).toHaveLength(2);
    for (const path of ['events', VIEW, DELTA]) {
      expect(codeOf(await asGrace('GET', `/me/calendars/${entry}/${path}`))).toEqual([
        500,
        'ErrorInternalServerTransientError',
      ]);
    }
    ada.shareCalendar(ada.defaultCalendarId, GRACE, 'read');
    expect((await asGrace('GET', `/me/calendars/${entry}/events`)).status).toBe(200);
  });

  it('mails as the owner, and invites the sharee like anybody else', async () => {
    const { asGrace, entry, sim, grace } = shared('write');
    const attendees = [{ type: 'required', emailAddress: { name: 'Grace', address: GRACE } }];
    await asGrace('POST', `/me/calendars/${entry}/events`, anEvent({ attendees }));
    expect(sim.outbox).toMatchObject([{ kind: 'invitation', from: ADDRESS, to: [GRACE] }]);
    expect(grace.listEvents()).toMatchObject([{ isOrganizer: false }]);
  });

  it('invites nobody to their own meeting', async () => {
    const { asGrace, entry, ada } = shared('write');
    const attendees = [{ type: 'required', emailAddress: { name: 'Ada', address: ADDRESS } }];
    await asGrace('POST', `/me/calendars/${entry}/events`, anEvent({ attendees }));
    expect(ada.listEvents()).toMatchObject([{ isOrganizer: true, attendees: [{ emailAddress: { name: 'Ada' } }] }]);
    expect(ada.listEvents()[0]!.attendees).toHaveLength(1);
  });

  it('survives in a snapshot', async () => {
    const { sim, ada, entry } = shared('write');
    ada.createEvent(anEvent());
    const other = new GraphSimulator({ now: () => NOW, seed: 5 });
    other.restore(sim.snapshot());
    const authorization = `Bearer ${other.accessToken({ user: GRACE, scopes: ['Calendars.Read'] })}`;
    const answer = await other.fetch(`/v1.0/me/calendars/${entry}/events`, { headers: { authorization } });
    expect((await answer.json()).value).toMatchObject([{ subject: 'Tile order' }]);
    expect(other.mailbox(GRACE).listCalendars()).toMatchObject([{ canEdit: true }, { id: entry, canEdit: true }]);
  });

  it('is no place for its sharee to act in from outside', () => {
    const { grace, entry, ada } = shared('write');
    expect(() => grace.createEvent(anEvent(), { calendarId: entry })).toThrow(/another mailbox/);
    expect(() => ada.shareCalendar(ada.defaultCalendarId, ADDRESS, 'read')).toThrow(/its owner/);
    expect(() => ada.unshareCalendar(ada.defaultCalendarId, 'nobody@example.com')).toThrow(/not found/);
  });
});

describe('private items', () => {
  const secret = { subject: 'Secret', sensitivity: 'private', location: { displayName: 'Clinic' } };

  it('are hidden from lists and delta, and not found', async () => {
    const { asGrace, entry, ada } = shared('read');
    const { id } = ada.createEvent(anEvent());
    const delta = await asGrace('GET', `/me/calendars/${entry}/${DELTA}`);
    const seenId = delta.body.value[0].id;
    ada.updateEvent(id, secret);
    expect((await asGrace('GET', `/me/calendars/${entry}/${VIEW}`)).body.value).toEqual([]);
    expect((await asGrace('GET', `/me/calendars/${entry}/events/${seenId}`)).status).toBe(404);
    const next = await asGrace('GET', delta.body['@odata.deltaLink']);
    expect(next.body.value).toMatchObject([{ id: seenId, '@removed': { reason: 'deleted' } }]);
  });

  it('are blank blocks in lists by switch, and still not found', async () => {
    const { asGrace, entry, ada } = shared('write', { switches: { privateItems: 'blanked' } });
    ada.createEvent(anEvent(secret));
    const { value } = (await asGrace('GET', `/me/calendars/${entry}/${VIEW}`)).body;
    expect(value).toMatchObject([{ subject: 'Private Appointment', location: { displayName: '' }, showAs: 'busy' }]);
    const path = `/me/calendars/${entry}/events/${value[0].id}`;
    expect((await asGrace('GET', path)).status).toBe(404);
    expect((await asGrace('PATCH', path, { subject: 'x' })).status).toBe(404);
    expect(ada.listEvents()[0]!.subject).toBe('Secret');
  });

  it('end a list with 404 by switch', async () => {
    const { asGrace, entry, ada } = shared('read', { switches: { privateItems: 'list-404' } });
    ada.createEvent(anEvent());
    expect((await asGrace('GET', `/me/calendars/${entry}/${VIEW}`)).status).toBe(200);
    ada.createEvent(anEvent(secret));
    expect(codeOf(await asGrace('GET', `/me/calendars/${entry}/${VIEW}`))).toEqual([404, 'ErrorItemNotFound']);
  });

  it('include a private member of an open series', async () => {
    const { asGrace, entry, ada } = shared('read');
    const { id } = ada.createEvent(aSeries());
    ada.updateOccurrence(id, '2026-03-09', { sensitivity: 'private', subject: 'Doctor' });
    expect((await asGrace('GET', `/me/calendars/${entry}/${VIEW}`)).body.value).toHaveLength(7);
    expect(ada.occurrences(id, '2026-03-01T00:00:00Z', '2026-06-01T00:00:00Z')).toHaveLength(8);
  });
});

describe('a private member of a series', () => {
  it('is not found by a writer, and outlives what they do to the rest', async () => {
    const { asGrace, entry, ada } = shared('write');
    const { id } = ada.createEvent(aSeries());
    const members = (await asGrace('GET', `/me/calendars/${entry}/${VIEW}`)).body.value;
    ada.updateOccurrence(id, '2026-03-09', { sensitivity: 'private', subject: 'Doctor' });
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? { subject: 'x' } : undefined;
      expect(codeOf(await asGrace(method, `/me/events/${members[1].id}`, body))).toEqual([404, 'ErrorItemNotFound']);
    }
    const master = `/me/calendars/${entry}/events/${members[0].seriesMasterId}`;
    expect((await asGrace('PATCH', master, { subject: 'Weekly' })).body.subject).toBe('Weekly');
    expect((await asGrace('PATCH', `/me/events/${members[2].id}`, { subject: 'Third' })).status).toBe(200);
    const subjects = ada.occurrences(id, '2026-03-01T00:00:00Z', '2026-03-20T00:00:00Z').map(({ subject }) => subject);
    expect(subjects).toEqual(['Weekly', 'Doctor', 'Third']);
  });
});

describe('readers of titles or busy times', () => {
  const full = {
    body: { contentType: 'text', content: 'Details' },
    location: { displayName: 'Yard' },
    categories: ['Red'],
    attendees: [{ type: 'required', emailAddress: { name: 'Bo', address: 'bo@example.com' } }],
    showAs: 'oof',
  };

  it('see no more than their role says', async () => {
    for (const [role, subject, place] of [
      ['limitedRead', 'Tile order', 'Yard'],
      ['freeBusyRead', 'Away', ''],
    ] as const) {
      const { asGrace, entry, ada } = shared(role);
      ada.createEvent(anEvent(full));
      const [seen] = (await asGrace('GET', `/me/calendars/${entry}/${VIEW}`)).body.value;
      expect(seen).toMatchObject({
        subject,
        location: { displayName: place },
        showAs: 'oof',
        attendees: [],
        categories: [],
      });
      expect(seen.bodyPreview).toBe('');
      const [told] = (await asGrace('GET', `/me/calendars/${entry}/${DELTA}`)).body.value;
      expect(told).toMatchObject({ id: seen.id, subject, attendees: [] });
    }
  });

  it('are refused by switch', async () => {
    const { asGrace, entry } = shared('limitedRead', { switches: { partialReaders: 'denied' } });
    expect(codeOf(await asGrace('GET', `/me/calendars/${entry}/events`))).toEqual([403, 'ErrorAccessDenied']);
    expect((await asGrace('GET', `/me/calendars/${entry}`)).status).toBe(200);
  });
});

describe("another user's path", () => {
  it.each([403, 404] as const)('is closed with %s without rights or without a Shared scope', async (status) => {
    const { asGrace, callerOf, ada } = twoPeople({ switches: { foreignCalendarRefusal: status } });
    const code = status === 403 ? 'ErrorAccessDenied' : 'ErrorItemNotFound';
    for (const path of ['~/calendar', '~/calendar/events', `~/${VIEW}`, '~/events', '~/calendars']) {
      expect(codeOf(await asGrace('GET', path))).toEqual([status, code]);
    }
    ada.shareCalendar(ada.defaultCalendarId, GRACE, 'read');
    const without = callerOf(GRACE, ['Calendars.ReadWrite']);
    expect((await without('GET', '~/calendar/events')).status).toBe(403);
    expect((await asGrace('GET', '~/calendar/events')).status).toBe(200);
  });

  it("has the owner's ids, and the rights given", async () => {
    const { asGrace, call, ada } = shared('read');
    ada.createEvent(anEvent());
    ada.createEvent(anEvent({ sensitivity: 'private' }));
    const other = ada.addCalendar('Family');
    const [own] = (await call('GET', '~/events')).body.value;
    const seen = await asGrace('GET', `~/${VIEW}`);
    expect(seen.body.value.map(({ id }: { id: string }) => id)).toEqual([own.id]);
    expect((await asGrace('GET', `~/events/${own.id}`)).body.id).toBe(own.id);
    expect((await asGrace('GET', '~/calendar')).body).toMatchObject({
      canEdit: false,
      canShare: false,
      name: 'Calendar',
    });
    expect((await asGrace('GET', '~/calendars')).body.value).toHaveLength(1);
    expect(codeOf(await asGrace('GET', `~/calendars/${other}/events`))).toEqual([403, 'ErrorAccessDenied']);
    const inOther = ada.createEvent(anEvent(), { calendarId: other });
    expect((await asGrace('GET', `~/events/${inOther.id}`)).status).toBe(403);
    for (const [method, path, body] of [
      ['PATCH', `~/events/${own.id}`, { subject: 'x' }],
      ['PATCH', '~/calendar', { color: 'lightRed' }],
      ['POST', '~/calendars', { name: 'Mine' }],
      ['GET', '~/calendar/calendarPermissions', undefined],
      ['GET', '~/calendarGroups', undefined],
    ] as const) {
      expect(codeOf(await asGrace(method, path, body))).toEqual([403, 'ErrorAccessDenied']);
    }
  });

  it('is written by those who may, and read by the organisation when it may', async () => {
    const { asGrace, ada } = shared('write');
    expect((await asGrace('POST', '~/calendar/events', anEvent())).status).toBe(201);
    ada.unshareCalendar(ada.defaultCalendarId, GRACE);
    expect((await asGrace('GET', '~/events')).status).toBe(403);
    ada.shareCalendar(ada.defaultCalendarId, 'My Organization', 'read');
    expect((await asGrace('GET', '~/events')).body.value).toHaveLength(1);
    expect((await asGrace('GET', '/me/calendars')).body.value).toHaveLength(1);
  });

  it('is open to applications', async () => {
    const { call, grace } = twoPeople();
    grace.createEvent(anEvent({ sensitivity: 'private' }));
    expect((await call('GET', `/users/${GRACE}/events`)).body.value).toHaveLength(1);
  });
});
