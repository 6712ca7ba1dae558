import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { anEndpoint } from '../../../test/support/webhook-receiver.ts';
import { DEFAULT_CLIENT } from '../index.ts';

const OTHER = 'ben@example.com';

/** Two mailboxes, and callers with any token. */
function tenant(roles?: readonly string[]) {
  const endpoint = anEndpoint();
  const clients = [{ ...DEFAULT_CLIENT, ...(roles === undefined ? {} : { roles }) }];
  const world = simulate({ webhookFetch: endpoint.webhookFetch, clients });
  const ben = world.sim.addMailbox({ address: OTHER });
  const subscription = (resource: string) => ({
    changeType: 'updated',
    resource,
    notificationUrl: 'https://sync.example.test/hook',
    expirationDateTime: new Date(NOW + 7_200_000).toISOString(),
  });
  const as = (user: string, scopes: readonly string[]) => {
    const headers = { authorization: `Bearer ${world.sim.accessToken({ user, scopes })}` };
    return {
      subscribe: (resource: string) => world.call('POST', '/subscriptions', subscription(resource), headers),
      call: (method: string, path: string, body?: unknown) => world.call(method, path, body, headers),
    };
  };
  const subscribe = (resource: string) => world.call('POST', '/subscriptions', subscription(resource));
  return { ...world, ben, as, subscribe, endpoint };
}

const denied = { status: 403, body: { error: { code: 'ExtensionError' } } };

describe('who may subscribe', () => {
  it('is a signed-in user on their own mailbox, by either path', async () => {
    const { as, mailbox, sim, endpoint } = tenant();
    const ada = as(ADDRESS, ['Calendars.Read']);
    const { status, body } = await ada.subscribe('me/events');
    expect([status, body.creatorId, body.resource]).toEqual([201, mailbox.id, 'me/events']);
    expect((await ada.subscribe(`/users/${ADDRESS}/events`)).status).toBe(409);
    mailbox.createEvent(anEvent());
    await sim.advance(1000);
    expect(endpoint.notifications()).toMatchObject([
      { resource: expect.stringContaining(`Users/${mailbox.id}/Events/`) },
    ]);
  });

  it('is no signed-in user on the mailbox or the shared calendar of somebody else', async () => {
    const { as, sim, ben, subscribe, mailbox } = tenant();
    const shared = ben.addCalendar('Team');
    const entry = ben.shareCalendar(shared, ADDRESS, 'write');
    const ada = as(ADDRESS, ['Calendars.ReadWrite', 'Calendars.ReadWrite.Shared']);
    expect(await ada.subscribe(`/users/${OTHER}/events`)).toMatchObject(denied);
    expect(await ada.subscribe(`/users/${OTHER}/calendars/${shared}/events`)).toMatchObject(denied);
    expect(await ada.subscribe(`/me/calendars/${entry}/events`)).toMatchObject(denied);
    expect((await subscribe(`/users/${OTHER}/calendars/${shared}/events`)).status).toBe(201);
    expect((await subscribe(`/users/${mailbox.id}/calendars/${entry}/events`)).status).toBe(400);
    expect(sim.notifications.list()).toHaveLength(1);
  });

  it('is nobody without a permission to read calendars', async () => {
    const { as } = tenant();
    expect(await as(ADDRESS, ['User.Read']).subscribe('/me/events')).toMatchObject(denied);
    expect(await as(ADDRESS, ['Calendars.ReadBasic']).subscribe('/me/events')).toMatchObject(denied);
    const { subscribe } = tenant(['User.Read.All']);
    expect(await subscribe(`/users/${ADDRESS}/events`)).toMatchObject(denied);
  });

  it('sees their own subscriptions only, an application all it made', async () => {
    const { as, call, subscribe } = tenant();
    const ada = as(ADDRESS, ['Calendars.Read']);
    const ben = as(OTHER, ['Calendars.Read']);
    const { body: hers } = await ada.subscribe('/me/events');
    const { body: his } = await ben.subscribe('/me/events');
    const { body: applications } = await subscribe(`/users/${ADDRESS}/calendars`);
    const ids = async (of: { call: typeof call }) =>
      (await of.call('GET', '/subscriptions')).body.value.map(({ id }: { id: string }) => id);
    expect(await ids(ada)).toEqual([hers.id]);
    expect(await ids(ben)).toEqual([his.id]);
    expect(await ids({ call })).toEqual([hers.id, his.id, applications.id]);
    expect((await ada.call('DELETE', `/subscriptions/${his.id}`)).status).toBe(404);
    expect((await ada.call('GET', `/subscriptions/${applications.id}`)).status).toBe(404);
  });
});
