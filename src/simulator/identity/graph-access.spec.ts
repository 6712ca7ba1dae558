import { describe, expect, it } from 'vitest';
import { bodyOf } from '../../../test/support/identity-client.ts';
import { ADDRESS, anEvent, simulate } from '../../../test/support/simulator-client.ts';
import { type ClientRegistration, DEFAULT_CLIENT, type GraphSimulator, type UserTokenRequest } from '../index.ts';
import { requireScope } from './graph-access.ts';

const EVE = 'eve@example.com';

async function ask(
  sim: GraphSimulator,
  of: ClientRegistration | UserTokenRequest | undefined,
  method: string,
  path: string,
  body?: unknown,
) {
  const response = await sim.fetch(`/v1.0${path}`, {
    method,
    headers: { authorization: `Bearer ${sim.accessToken(of)}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came over the wire
  return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as any };
}

const ada = (...scopes: string[]): UserTokenRequest => ({ user: ADDRESS, scopes });

describe('a signed-in user', () => {
  it.each([
    ['Calendars.ReadWrite', 'GET', '/me/events', 200],
    ['Calendars.ReadWrite', 'POST', '/me/events', 201],
    ['https://graph.microsoft.com/Calendars.ReadWrite.Shared', 'POST', '/me/events', 201],
    ['Calendars.Read', 'GET', `/users/${ADDRESS}/calendars`, 200],
    ['Calendars.Read', 'POST', '/me/events', 403],
    ['Calendars.Read.Shared', 'GET', '/me/events', 200],
    ['Calendars.ReadBasic', 'GET', '/me/events', 200],
    ['Calendars.ReadBasic', 'POST', '/me/events', 403],
    ['User.Read', 'GET', '/me/events', 403],
    ['MailboxSettings.Read', 'GET', '/me/mailboxSettings', 200],
    ['Calendars.ReadWrite', 'GET', '/me/mailboxSettings', 403],
    ['MailboxSettings.Read', 'GET', '/me/outlook/masterCategories', 200],
    ['MailboxSettings.Read', 'DELETE', '/me/outlook/masterCategories/x', 403],
    ['User.Read', 'GET', '/me', 200],
    ['Calendars.ReadWrite', 'GET', '/me', 403],
    ['User.Read', 'GET', `/users/${EVE}`, 403],
    ['User.ReadBasic.All', 'GET', `/users/${EVE}`, 200],
    ['Calendars.ReadWrite', 'GET', `/users/${EVE}/events`, 403],
  ])('with %s is answered on %s %s: %i', async (scope, method, path, status) => {
    const { sim } = simulate();
    sim.addMailbox({ address: EVE });
    const answer = await ask(sim, ada(scope), method, path, method === 'POST' ? anEvent() : undefined);
    expect(answer.status).toBe(status);
    if (status !== 403) return;
    const isDirectory = /^\/(me|users\/[^/]+)$/.test(path);
    expect(answer.body.error.code).toBe(isDirectory ? 'Authorization_RequestDenied' : 'ErrorAccessDenied');
  });

  it('sees no bodies with Calendars.ReadBasic', async () => {
    const { sim, mailbox } = simulate();
    const { id } = mailbox.createEvent(anEvent({ body: { contentType: 'text', content: 'Secret' } }));
    const list = await ask(sim, ada('Calendars.ReadBasic'), 'GET', '/me/events');
    expect(list.body.value[0]).toMatchObject({ subject: 'Tile order' });
    expect(JSON.stringify(list.body)).not.toContain('Secret');
    const one = await ask(sim, ada('Calendars.ReadBasic'), 'GET', `/me/events/${id}`);
    expect(one.body).not.toHaveProperty('body');
    expect(one.body).not.toHaveProperty('bodyPreview');
    expect((await ask(sim, ada('Calendars.Read'), 'GET', `/me/events/${id}`)).body.bodyPreview).toBe('Secret');
    expect((await ask(sim, ada('Calendars.ReadBasic'), 'GET', `/me/events/${id}/extensions`)).status).toBe(403);
  });
});

describe('an application', () => {
  const withRoles = (change: Partial<ClientRegistration>) => {
    const { sim } = simulate({ clients: [{ ...DEFAULT_CLIENT, ...change }] });
    sim.addMailbox({ address: EVE });
    return sim;
  };

  it.each([
    [['Calendars.Read'], 'GET', 200],
    [['Calendars.Read'], 'POST', 403],
    [['Calendars.ReadBasic.All'], 'GET', 200],
    [['MailboxSettings.Read'], 'GET', 403],
    [[], 'GET', 403],
  ])('with the roles %j may %s: %i', async (roles, method, status) => {
    const sim = withRoles({ roles });
    const body = method === 'POST' ? anEvent() : undefined;
    expect((await ask(sim, undefined, method, `/users/${EVE}/events`, body)).status).toBe(status);
  });

  it('that a policy restricts opens the mailboxes of the policy alone', async () => {
    const sim = withRoles({ restrictedTo: [EVE] });
    expect((await ask(sim, undefined, 'GET', `/users/${EVE}/events`)).status).toBe(200);
    const answer = await ask(sim, undefined, 'GET', `/users/${ADDRESS}/events`);
    expect(answer.status).toBe(403);
    expect(answer.body.error).toMatchObject({
      code: 'ErrorAccessDenied',
      message: 'Access to OData is disabled.',
    });
    expect((await ask(sim, undefined, 'GET', `/users/${ADDRESS}`)).status).toBe(200);
  });

  it('that Exchange alone authorises has no roles in its token and is let in, to some mailboxes', async () => {
    const sim = withRoles({ roles: [], rbac: { roles: ['Application Calendars.ReadWrite'], mailboxes: [EVE] } });
    const payload = JSON.parse(Buffer.from(sim.accessToken().split('.')[1]!, 'base64url').toString()) as object;
    expect(payload).not.toHaveProperty('roles');
    expect((await ask(sim, undefined, 'POST', `/users/${EVE}/events`, anEvent())).status).toBe(201);
    expect((await ask(sim, undefined, 'GET', `/users/${ADDRESS}/events`)).status).toBe(403);
  });

  it('is scoped by role assignment only while it has no unscoped consent: grants add up', async () => {
    const sim = withRoles({ roles: ['Calendars.Read'], rbac: { roles: ['Calendars.Read'], mailboxes: [EVE] } });
    expect((await ask(sim, undefined, 'GET', `/users/${ADDRESS}/events`)).status).toBe(200);
  });

  it('has its items of a batch looked at one by one', async () => {
    const sim = withRoles({ roles: ['Calendars.Read'] });
    const requests = [
      { id: '1', method: 'GET', url: `/users/${EVE}/events` },
      { id: '2', method: 'DELETE', url: `/users/${EVE}/events/x` },
    ];
    const answer = await ask(sim, undefined, 'POST', '/$batch', { requests });
    const byId = new Map(answer.body.responses.map((each: { id: string; status: number }) => [each.id, each.status]));
    expect([byId.get('1'), byId.get('2')]).toEqual([200, 403]);
  });
});

it('lets routes ask for a permission of their own', () => {
  const caller = { appid: 'a', tid: 't', iat: 0, exp: 1, idtyp: 'user' as const, oid: 'o', scp: 'Mail.Read' };
  expect(() => requireScope(caller, ['Calendars.Read', 'mail.read'])).not.toThrow();
  expect(() => requireScope(caller, ['Calendars.Read'])).toThrow('Access is denied');
});

it('makes tokens of users nobody has into a clear error', async () => {
  const { sim } = simulate();
  expect(() => sim.accessToken({ user: 'nobody@example.com', scopes: [] })).toThrow(/nobody@example.com/);
  const me = await sim.fetch('/v1.0/me', { headers: { authorization: `Bearer ${sim.accessToken()}` } });
  expect(await bodyOf(me)).toMatchObject({ error: { code: 'BadRequest' } });
});
