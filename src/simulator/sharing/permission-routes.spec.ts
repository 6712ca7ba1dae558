import { describe, expect, it } from 'vitest';
import { GHOST, GRACE, twoPeople } from '../../../test/support/sharing-world.ts';
import { ADDRESS, type Answer } from '../../../test/support/simulator-client.ts';

const LIST = '~/calendar/calendarPermissions';
const codeOf = ({ status, body }: Answer) => [status, body.error.code];
const sharee = (address: string, role: string) => ({
  emailAddress: { name: 'Somebody', address },
  isInsideOrganization: true,
  isRemovable: true,
  role,
});

describe('calendarPermissions', () => {
  it('begin with what the organisation may do, which cannot be removed', async () => {
    const { call } = twoPeople();
    const { body } = await call('GET', LIST);
    expect(body.value).toEqual([
      {
        id: 'RGVmYXVsdA==',
        isRemovable: false,
        isInsideOrganization: true,
        role: 'freeBusyRead',
        allowedRoles: ['none', 'freeBusyRead', 'limitedRead', 'read', 'write'],
        emailAddress: { name: 'My Organization', address: null },
      },
    ]);
    expect(body['@odata.context']).toMatch(/#users\('[^']+'\)\/calendar\/calendarPermissions$/);
    expect((await call('PATCH', `${LIST}/RGVmYXVsdA==`, { role: 'write' })).body.role).toBe('write');
    expect((await call('GET', `${LIST}/RGVmYXVsdA==`)).body.role).toBe('write');
    expect(codeOf(await call('PATCH', `${LIST}/RGVmYXVsdA==`, { role: 'custom' }))).toEqual([
      400,
      'ErrorInvalidRequest',
    ]);
    expect(codeOf(await call('DELETE', `${LIST}/RGVmYXVsdA==`))).toEqual([403, 'ErrorAccessDenied']);
  });

  it('are given, changed in role, and taken away, and the sharee’s list follows', async () => {
    const { call, asGrace } = twoPeople();
    const created = await call('POST', LIST, sharee(GRACE, 'read'));
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      isRemovable: true,
      isInsideOrganization: true,
      role: 'read',
      emailAddress: { name: 'Somebody', address: GRACE },
    });
    expect(created.body.allowedRoles).toContain('delegateWithPrivateEventAccess');
    expect((await asGrace('GET', '/me/calendars')).body.value[1]).toMatchObject({ canEdit: false });
    const one = `${LIST}/${encodeURIComponent(created.body.id)}`;
    const patched = await call('PATCH', one, { role: 'delegateWithPrivateEventAccess' });
    expect(patched).toMatchObject({
      status: 200,
      body: { id: created.body.id, role: 'delegateWithPrivateEventAccess' },
    });
    expect((await call('GET', one)).body.role).toBe('delegateWithPrivateEventAccess');
    expect((await asGrace('GET', '/me/calendars')).body.value[1]).toMatchObject({
      canEdit: true,
      canViewPrivateItems: true,
    });
    expect((await call('DELETE', one)).status).toBe(204);
    expect((await asGrace('GET', '/me/calendars')).body.value).toHaveLength(1);
    expect(codeOf(await call('GET', one))).toEqual([404, 'ErrorItemNotFound']);
    expect(codeOf(await call('DELETE', one))).toEqual([404, 'ErrorItemNotFound']);
  });

  it('of other calendars know no delegates, and the organisation has none by default', async () => {
    const { call, ada } = twoPeople();
    const list = `~/calendars/${ada.addCalendar('Family')}/calendarPermissions`;
    expect((await call('GET', list)).body.value[0].role).toBe('none');
    expect(codeOf(await call('POST', list, sharee(GRACE, 'delegateWithPrivateEventAccess')))).toEqual([
      400,
      'ErrorInvalidRequest',
    ]);
    expect((await call('POST', list, sharee(GRACE, 'write'))).body.allowedRoles).toEqual([
      'freeBusyRead',
      'limitedRead',
      'read',
      'write',
    ]);
  });

  it('let people outside read only', async () => {
    const { call } = twoPeople();
    const { body } = await call('POST', LIST, sharee(GHOST, 'read'));
    expect(body).toMatchObject({ isInsideOrganization: false, allowedRoles: ['freeBusyRead', 'limitedRead', 'read'] });
    expect(codeOf(await call('PATCH', `${LIST}/${body.id}`, { role: 'write' }))).toEqual([400, 'ErrorInvalidRequest']);
  });

  it.each([
    ['an unknown property', { ...sharee(GRACE, 'read'), colour: 'red' }, 'RequestBodyRead'],
    ['an unknown role', sharee(GRACE, 'owner'), 'RequestBodyRead'],
    ['no address', { role: 'read' }, 'RequestBodyRead'],
    ['something that is no address', sharee('grace', 'read'), 'RequestBodyRead'],
    ['no role', { emailAddress: { address: GRACE } }, 'RequestBodyRead'],
    ['the role custom', sharee(GRACE, 'custom'), 'ErrorInvalidRequest'],
    ['the owner', sharee(ADDRESS, 'read'), 'ErrorInvalidRequest'],
  ])('refuse %s', async (_what, body, code) => {
    const { call } = twoPeople();
    expect(codeOf(await call('POST', LIST, body))).toEqual([400, code]);
    expect((await call('GET', LIST)).body.value).toHaveLength(1);
  });

  it('refuse somebody who is there already, and are the owner’s alone', async () => {
    const { call, asGrace, ada } = twoPeople();
    const entry = ada.shareCalendar(ada.defaultCalendarId, GRACE, 'delegateWithPrivateEventAccess');
    expect((await call('POST', LIST, sharee(GRACE, 'read'))).status).toBe(400);
    expect(codeOf(await asGrace('GET', `/me/calendars/${entry}/calendarPermissions`))).toEqual([
      403,
      'ErrorAccessDenied',
    ]);
    expect(codeOf(await asGrace('GET', LIST))).toEqual([403, 'ErrorAccessDenied']);
  });

  it('have roles to choose from, by user', async () => {
    const { call } = twoPeople();
    const roles = async (user: string) =>
      (await call('GET', `~/calendar/allowedCalendarSharingRoles(User='${user}')`)).body.value;
    expect(await roles(GHOST)).toEqual(['freeBusyRead', 'limitedRead', 'read']);
    expect(await roles(GRACE)).toEqual([
      ...['freeBusyRead', 'limitedRead', 'read', 'write'],
      ...['delegateWithoutPrivateEventAccess', 'delegateWithPrivateEventAccess'],
    ]);
  });
});
