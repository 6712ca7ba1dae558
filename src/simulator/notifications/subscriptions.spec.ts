import { afterEach, describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { anEndpoint, listenForWebhooks, type WebhookReply } from '../../../test/support/webhook-receiver.ts';
import type { SimulatorOptions } from '../index.ts';

const HOOK = 'https://sync.example.test/hooks/graph?c=42';
const LIFECYCLE = 'https://sync.example.test/hooks/graph-lifecycle';
const MINUTE = 60_000;
const after = (minutes: number) => new Date(NOW + minutes * MINUTE).toISOString();

const aSubscription = (change: Record<string, unknown> = {}) => ({
  changeType: 'created,updated,deleted',
  resource: `/users/${ADDRESS}/events`,
  notificationUrl: HOOK,
  lifecycleNotificationUrl: LIFECYCLE,
  expirationDateTime: after(4230),
  clientState: 'k3y-128-max',
  ...change,
});

function subscribing(options: SimulatorOptions = {}, reply?: () => WebhookReply | Promise<WebhookReply>) {
  const endpoint = anEndpoint(reply);
  const world = simulate({ webhookFetch: endpoint.webhookFetch, ...options });
  const subscribe = (change?: Record<string, unknown>, headers?: Record<string, string>) =>
    world.call('POST', '/subscriptions', aSubscription(change), headers);
  return { ...world, endpoint, subscribe };
}

describe('POST /subscriptions', () => {
  it('answers 201 with the subscription once both endpoints have sent the token back', async () => {
    const { subscribe, endpoint, call } = subscribing();
    const { status, body, headers } = await subscribe();
    expect(status).toBe(201);
    expect(body).toEqual({
      '@odata.context': 'http://graph.sim.test/v1.0/$metadata#subscriptions/$entity',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      resource: `/users/${ADDRESS}/events`,
      applicationId: '11111111-1111-4111-8111-111111111111',
      changeType: 'created,updated,deleted',
      clientState: 'k3y-128-max',
      notificationUrl: HOOK,
      notificationQueryOptions: null,
      lifecycleNotificationUrl: LIFECYCLE,
      expirationDateTime: '2026-03-05T06:30:00Z',
      creatorId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      includeResourceData: null,
      latestSupportedTlsVersion: 'v1_2',
      encryptionCertificate: null,
      encryptionCertificateId: null,
      notificationUrlAppId: null,
    });
    expect(headers.get('location')).toBe(`http://graph.sim.test/v1.0/subscriptions('${body.id}')`);
    expect(endpoint.validations.map(({ url, contentType, body }) => [url, contentType, body])).toEqual([
      [
        expect.stringMatching(/graph\?c=42&validationToken=Validation%3a\+Testing\+client/),
        'text/plain; charset=utf-8',
        '',
      ],
      [expect.stringMatching(/graph-lifecycle\?validationToken=Validation%3a\+/), 'text/plain; charset=utf-8', ''],
    ]);
    expect((await call('GET', `/subscriptions/${body.id}`)).body).toEqual(body);
    const { '@odata.context': _context, ...entity } = body;
    expect((await call('GET', '/subscriptions')).body).toEqual({
      '@odata.context': 'http://graph.sim.test/v1.0/$metadata#subscriptions',
      value: [entity],
    });
  });

  it('asks twice when both addresses are the same', async () => {
    const { subscribe, endpoint } = subscribing();
    expect((await subscribe({ lifecycleNotificationUrl: HOOK })).status).toBe(201);
    expect(endpoint.validations).toHaveLength(2);
  });

  it.each([
    ['an unknown property', { notificationURL: HOOK }, /creation payload.*spelled and camelCased/],
    ['a time without offset', { expirationDateTime: '2026-03-04T08:00:00' }, /creation payload/],
    ['no time', { expirationDateTime: undefined }, /creation payload/],
    ['a number for text', { clientState: 5 }, /creation payload/],
    ['no change type', { changeType: null }, /creation payload/],
    ['an unknown change type', { changeType: 'created,moved' }, /'moved'/],
    ['a long clientState', { clientState: 'x'.repeat(129) }, /128/],
    ['an unknown TLS version', { latestSupportedTlsVersion: 'v2' }, /TLS/],
    ['plain http elsewhere', { notificationUrl: 'http://sync.example.test/' }, /HTTPS/],
    ['a relative lifecycle address', { lifecycleNotificationUrl: '/hook' }, /HTTPS/],
    ['query options', { notificationQueryOptions: '$filter=x' }, /notificationQueryOptions/],
  ])('refuses %s as InvalidRequest and asks nobody', async (_name, change, message) => {
    const { subscribe, endpoint, sim } = subscribing();
    const { status, body } = await subscribe(change);
    expect([status, body.error.code]).toEqual([400, 'InvalidRequest']);
    expect(body.error.message).toMatch(message);
    expect(endpoint.validations).toEqual([]);
    expect(sim.notifications.list()).toEqual([]);
  });

  it.each([
    '/me/events',
    `/users/${ADDRESS}/messages`,
    `/users/${ADDRESS}/events/x`,
    `/users/${ADDRESS}/events?$filter=isAllDay`,
    `/users/${ADDRESS}/calendars/AAMk=/events`,
    'https://graph.microsoft.com/v1.0/me/events',
    '',
  ])('refuses the resource %s', async (resource) => {
    const { subscribe } = subscribing();
    const { status, body } = await subscribe({ resource });
    expect([status, body.error.code]).toEqual([400, 'ExtensionError']);
    expect(body.error.message).toMatch(/^Operation: Create; Exception: \[Status Code: BadRequest; Reason: /);
  });

  it('refuses a calendar that is gone, an unknown user, an unreachable mailbox', async () => {
    const { subscribe, mailbox } = subscribing();
    const id = mailbox.addCalendar('Gone');
    mailbox.removeCalendar(id);
    const gone = await subscribe({ resource: `users/${ADDRESS}/calendars('${id}')/events` });
    expect(gone).toMatchObject({ status: 400, body: { error: { code: 'ExtensionError' } } });
    expect(gone.body.error.message).toContain("The value of parameter 'Resource' is invalid.");
    expect((await subscribe({ resource: '/users/nobody@example.com/events' })).status).toBe(404);
    mailbox.misfortunes.set({ unreachable: 'store-unavailable' });
    expect((await subscribe()).body.error.message).toMatch(/Status Code: ServiceUnavailable; Reason: Target resource/);
    mailbox.misfortunes.set({ unreachable: 'on-premises' });
    expect((await subscribe()).status).toBe(403);
    mailbox.misfortunes.set({ unreachable: undefined, staleByUpn: true });
    const stale = await subscribe();
    expect([stale.status, stale.body.error.message]).toEqual([503, expect.stringContaining('Mailbox info is stale.')]);
    mailbox.misfortunes.clear();
    expect((await subscribe()).status).toBe(201);
  });

  it('takes calendars of every spelling, and refuses created for the list of calendars', async () => {
    const { subscribe, mailbox } = subscribing();
    const id = mailbox.addCalendar('Work');
    expect((await subscribe({ resource: `users/${mailbox.id}/calendars/${id}/events` })).status).toBe(201);
    const list = await subscribe({ resource: `/users/${ADDRESS}/calendars` });
    expect([list.status, list.body.error.code]).toEqual([400, 'ExtensionError']);
    expect((await subscribe({ resource: `/users/${ADDRESS}/calendars`, changeType: 'updated,deleted' })).status).toBe(
      201,
    );
  });

  it('raises a lifetime under 45 minutes, and refuses one over the limit', async () => {
    const { subscribe, call, sim } = subscribing();
    const { body } = await subscribe({ expirationDateTime: after(5) });
    expect(body.expirationDateTime).toBe(after(45).replace('.000Z', 'Z'));
    const far = await subscribe({ changeType: 'updated', expirationDateTime: after(10_081) });
    expect([far.status, far.body.error.code]).toEqual([400, 'ExtensionError']);
    expect(far.body.error.message).toBe('Subscription expiration can only be 10080 minutes in the future.');
    sim.switches.subscriptionMaxMinutes = 4230;
    const renewed = await call('PATCH', `/subscriptions/${body.id}`, { expirationDateTime: after(4231) });
    expect([renewed.status, renewed.body.error.code]).toEqual([400, 'ErrorInvalidParameter']);
  });

  it('refuses a second one for the same resource and changes with 409, also when both come at once', async () => {
    const { subscribe, sim, mailbox } = subscribing();
    const statuses = (await Promise.all([subscribe(), subscribe()])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([201, 409]);
    const again = await subscribe({ resource: `users/${mailbox.id}/events`, changeType: 'deleted,created,updated' });
    expect(again.status).toBe(409);
    expect(again.body.error.message).toContain(sim.notifications.list()[0]!.id);
    expect((await subscribe({ changeType: 'created' })).status).toBe(201);
  });

  it('refuses with 403 when the mailbox has as many as it can have', async () => {
    const { subscribe } = subscribing({ switches: { subscriptionQuota: 1 } });
    await subscribe();
    expect(await subscribe({ changeType: 'created' })).toMatchObject({
      status: 403,
      body: { error: { code: 'ExtensionError' } },
    });
  });
});

describe('validation handshake', () => {
  const encoded = (url: string) => new URL(url).search.split('validationToken=')[1]!;

  it.each<[string, (url: string) => WebhookReply]>([
    ['a status other than 200', () => ({ status: 202 })],
    ['a redirect', () => ({ status: 302, headers: { location: 'https://elsewhere.example.test/' } })],
    ['another type', () => ({ contentType: 'application/json' })],
    ['another body', () => ({ text: 'hello' })],
    ['a token that is still encoded', (url) => ({ text: encoded(url) })],
    ['an answer that took too long', () => ({ headers: { 'x-simulated-duration-ms': '10001' } })],
  ])('refuses %s', async (_name, reply) => {
    const endpoint = anEndpoint(({ url }) => reply(url));
    const { call, sim } = simulate({ webhookFetch: endpoint.webhookFetch });
    const { status, body } = await call('POST', '/subscriptions', aSubscription());
    expect([status, body.error.code]).toEqual([400, 'ValidationError']);
    expect(body.error.message).toMatch(/^Subscription validation request failed/);
    expect(sim.notifications.list()).toEqual([]);
    expect(sim.notifications.deliveries).toMatchObject([{ kind: 'validation', outcome: 'refused' }]);
  });

  it('gives up on an endpoint that does not answer, and says so when there is none', async () => {
    const silent = subscribing({ switches: { handshakeTimeoutMs: 30 } }, () => new Promise(() => {}));
    expect((await silent.subscribe()).body.error).toMatchObject({ code: 'ValidationError' });
    const none = subscribing({}, () => Promise.reject(new TypeError('fetch failed')));
    const { status, body } = await none.subscribe();
    expect([status, body.error.code]).toEqual([400, 'InvalidRequest']);
    expect(body.error.message).toMatch(/^The underlying connection was closed: /);
  });

  it('holds nothing while the endpoint is asked: it may call the service and write', async () => {
    const { sim, call, mailbox } = simulate();
    const receiver = await listenForWebhooks(async ({ url }) => {
      if (!url.includes('validationToken')) return undefined;
      expect((await call('POST', '~/events', anEvent())).status).toBe(201);
      expect((await call('GET', '/subscriptions')).body.value).toEqual([]);
      return undefined;
    });
    closing.push(receiver.close);
    const hooks = { notificationUrl: `${receiver.url}/hook`, lifecycleNotificationUrl: null };
    expect((await call('POST', '/subscriptions', aSubscription(hooks))).status).toBe(201);
    expect(mailbox.listEvents()).toHaveLength(1);
    await sim.advance(5_000);
    expect(receiver.received).toEqual([]);
  });
});

describe('a subscription', () => {
  it('is renewed by PATCH, which also moves it to an address that wants it', async () => {
    const { subscribe, call, endpoint } = subscribing();
    const { body } = await subscribe();
    const path = `/subscriptions/${body.id}`;
    const renewed = await call('PATCH', path, { expirationDateTime: after(6000) });
    expect([renewed.status, renewed.body.expirationDateTime]).toEqual([200, after(6000).replace('.000Z', 'Z')]);
    const before = endpoint.validations.length;
    expect((await call('PATCH', path, { notificationUrl: 'https://new.example.test/' })).status).toBe(200);
    expect(endpoint.validations).toHaveLength(before + 1);
    for (const change of [{ lifecycleNotificationUrl: HOOK }, { changeType: 'created' }, {}, { nonsense: 1 }]) {
      expect(await call('PATCH', path, change)).toMatchObject({
        status: 400,
        body: { error: { code: 'InvalidRequest' } },
      });
    }
    expect((await call('PATCH', path, { expirationDateTime: '2026-03-04T08:00:00' })).status).toBe(400);
  });

  it('is reauthorised and deleted with 204, and 404 from then on', async () => {
    const { subscribe, call } = subscribing();
    const path = `/subscriptions/${(await subscribe()).body.id}`;
    expect((await call('POST', `${path}/reauthorize`)).status).toBe(204);
    expect((await call('DELETE', path)).status).toBe(204);
    for (const [method, at, body] of [
      ['GET', path],
      ['DELETE', path],
      ['PATCH', path, { expirationDateTime: after(100) }],
      ['POST', `${path}/reauthorize`],
    ] as const) {
      expect(await call(method, at, body)).toMatchObject({
        status: 404,
        body: { error: { code: 'ResourceNotFound' } },
      });
    }
    expect((await call('PUT', path)).status).toBe(405);
    expect((await call('POST', `${path}/other`)).status).toBe(400);
  });

  it('ends by the clock without a word, also when the clock jumps', async () => {
    const { subscribe, call, sim, endpoint } = subscribing({ switches: { reauthorizationLeadMs: 0 } });
    const { body } = await subscribe({ expirationDateTime: after(60) });
    await sim.advance(59 * MINUTE);
    sim.tokenLifetimeSeconds = 360_000;
    const headers = { authorization: `Bearer ${sim.accessToken()}` };
    expect((await call('GET', `/subscriptions/${body.id}`, undefined, headers)).status).toBe(200);
    sim.jumpClock(MINUTE);
    expect((await call('GET', `/subscriptions/${body.id}`, undefined, headers)).status).toBe(404);
    expect(endpoint.received).toEqual([]);
  });
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
