import {
  ConfidentialClientApplication,
  type INetworkModule,
  InteractionRequiredAuthError,
  type NetworkRequestOptions,
  ServerError,
} from '@azure/msal-node';
import { describe, expect, it } from 'vitest';
import { bodyOf, REDIRECT, simulateSignIn, WEB_CLIENT } from '../../../test/support/identity-client.ts';
import { twoPeople } from '../../../test/support/sharing-world.ts';
import { ADDRESS, anEvent, aSeries, at, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';

/** What goes wrong with accounts, mailboxes and shared calendars, each under the number it has in docs/simulator.md. */
const DAY_MS = 86_400_000;
const DELTA = `~/calendarView/delta?${MARCH_TO_MAY}`;
const IMMUTABLE = { prefer: 'IdType="ImmutableId"' };
const code = ({ body }: { body: { error?: { code: string } } | undefined }) => body?.error?.code;

describe('traps of accounts and mailboxes', () => {
  it('40: a shared calendar and its events have other ids in each mailbox', async () => {
    const { ada, asAda, asGrace } = twoPeople();
    const event = ada.createEvent(anEvent());
    const entry = ada.shareCalendar(ada.defaultCalendarId, 'grace@example.com', 'write');
    expect(entry).not.toBe(ada.defaultCalendarId);
    const seen = await asGrace('GET', `/me/calendars/${entry}/events`);
    const [copy] = seen.body.value;
    expect(copy.subject).toBe(event.subject);
    expect((await asAda('GET', `/me/events/${copy.id}`)).status).toBe(404);
    expect((await asGrace('GET', `/me/events/${event.id}`)).status).toBe(404);
    expect((await asAda('GET', `/me/calendars/${entry}/events`)).status).toBe(404);
  });

  it('41: private items of a shared calendar answer 404, alone or for the whole list', async () => {
    const { sim, ada, asGrace } = twoPeople();
    ada.createEvent(anEvent());
    const hidden = ada.createEvent(anEvent({ subject: 'Doctor', sensitivity: 'private' }));
    ada.shareCalendar(ada.defaultCalendarId, 'grace@example.com', 'read');
    const path = `/users/${ADDRESS}/calendar/events`;
    const list = await asGrace('GET', path);
    expect(list.body.value.map(({ subject }: { subject: string }) => subject)).toEqual(['Tile order']);
    const own = await asGrace('GET', `${path}/${hidden.id}`);
    expect([own.status, code(own)]).toEqual([404, 'ErrorItemNotFound']);
    sim.switches.privateItems = 'list-404';
    expect((await asGrace('GET', path)).status).toBe(404);
  });

  it('49: a mailbox is stale by its address, or not in the cloud at all', async () => {
    const { mailbox, call } = simulate();
    mailbox.misfortunes.set({ staleByUpn: true });
    expect(await call('GET', '~/events')).toMatchObject({ status: 503, body: { error: { code: 'MailboxInfoStale' } } });
    expect((await call('GET', `/users/${mailbox.id}/events`)).status).toBe(200);
    mailbox.misfortunes.set({ unreachable: 'on-premises' });
    const gone = await call('GET', `/users/${mailbox.id}/events`);
    expect([gone.status, code(gone)]).toEqual([404, 'MailboxNotEnabledForRESTAPI']);
  });

  it('50: a refresh token dies silently after ninety days of rest, and of a single-page application after one', async () => {
    const { tokens, post, refreshForm, clock } = simulateSignIn();
    const { refresh_token: first } = await tokens();
    clock.now += 89 * DAY_MS;
    const second = await bodyOf(await post(refreshForm(first)));
    clock.now += 91 * DAY_MS;
    const dead = await post(refreshForm(second['refresh_token']));
    expect(dead.status).toBe(400);
    expect(await bodyOf(dead)).toMatchObject({ error: 'invalid_grant', error_codes: [700082] });

    const page = simulateSignIn({ clients: [{ ...WEB_CLIENT, redirectUris: [], spaRedirectUris: [REDIRECT] }] });
    const code = (await page.signIn()).get('code');
    const noSecret = { client_secret: undefined };
    const asPage = { headers: { origin: 'https://app.example.com' } };
    const { refresh_token: ofPage } = await bodyOf(await page.post(page.codeForm(code, noSecret), asPage));
    page.clock.now += DAY_MS;
    const late = await page.post(page.refreshForm(ofPage, noSecret), asPage);
    expect(await bodyOf(late)).toMatchObject({ error_codes: [700084] });
  });

  it('51: MSAL hides invalid_grant behind two classes, and refuses by itself after one 5xx', async () => {
    const { sim, application, tokens } = clientOfMsal();
    const { refresh_token: refreshToken } = await tokens();
    const refresh = () => application.acquireTokenByRefreshToken({ refreshToken, scopes: SCOPES });
    sim.identity.failTokens({ name: 'revoked' });
    await expect(refresh()).rejects.toThrow(ServerError);
    sim.identity.failTokens({ name: 'revoked', suberror: 'bad_token' });
    await expect(refresh()).rejects.toThrow(InteractionRequiredAuthError);
    sim.identity.failTokens({ name: 'unavailable' });
    await expect(refresh()).rejects.toThrow();
    const before = sim.requests.length;
    await expect(refresh()).rejects.toThrow();
    expect(sim.requests.length).toBe(before);
  });

  it('52: the years 1 and 9999 stand in real calendars', async () => {
    const { mailbox, round } = simulate();
    const first = mailbox.createEvent(anEvent());
    mailbox.misfortunes.corrupt(first.id, 'end-of-time');
    const second = mailbox.createEvent(anEvent());
    mailbox.misfortunes.corrupt(second.id, 'year-one');
    const { items } = await round(DELTA, IMMUTABLE);
    const times = items.map(({ start, end }) => [start.dateTime.slice(0, 4), end.dateTime.slice(0, 4)]);
    expect(times).toEqual([
      ['2026', '9999'],
      ['0001', '2026'],
    ]);
  });

  it('53: a changed occurrence reads back unchanged', async () => {
    const { sim, mailbox, call } = simulate();
    const master = mailbox.createEvent(aSeries());
    const second = mailbox.occurrences(master.id, '2026-03-09T00:00:00Z', '2026-03-10T00:00:00Z')[0]!;
    sim.failNext({ kind: 'stale-read', method: 'PATCH', reads: 1 });
    const written = await call('PATCH', `~/events/${second.id}`, { subject: 'Special' }, IMMUTABLE);
    expect([written.status, written.body.subject]).toEqual([200, 'Special']);
    expect((await call('GET', `~/events/${second.id}`, undefined, IMMUTABLE)).body.subject).toBe('Standup');
    expect((await call('GET', `~/events/${second.id}`, undefined, IMMUTABLE)).body.subject).toBe('Special');
  });

  it('56: on a full mailbox even reading the delta fails', async () => {
    const { mailbox, call } = simulate();
    mailbox.misfortunes.set({ full: true });
    expect(code(await call('GET', DELTA))).toBe('ErrorQuotaExceeded');
    expect((await call('GET', '~/events')).status).toBe(200);
  });

  it('57: every new name of an extension is used up for ever', async () => {
    const { call } = simulate({ switches: { namedPropertyQuota: 2 } });
    const { body } = await call('POST', '~/events', anEvent());
    const extend = (extensionName: string) =>
      call('POST', `~/events/${body.id}/extensions`, {
        extensionName,
        '@odata.type': 'microsoft.graph.openTypeExtension',
      });
    expect((await extend('Com.Example.One')).status).toBe(201);
    expect((await extend('Com.Example.Two')).status).toBe(201);
    await call('DELETE', `~/events/${body.id}/extensions/Com.Example.One`);
    expect((await extend('Com.Example.Three')).status).toBe(507);
    expect((await extend('Com.Example.One')).status).toBe(201);
  });

  it('59: after a restore every id is another one, and delta is dead; iCalUIds stay', async () => {
    const { mailbox, call, round } = simulate();
    const before = mailbox.createEvent(anEvent());
    const { link } = await round(DELTA, IMMUTABLE);
    mailbox.misfortunes.restoreFromBackup();
    expect((await call('GET', `~/events/${before.id}`)).status).toBe(404);
    expect((await round(link, IMMUTABLE)).failed?.status).toBe(410);
    const [after] = mailbox.listEvents();
    expect(after).toMatchObject({ iCalUId: before.iCalUId, subject: before.subject });
    expect(after!.id).not.toBe(before.id);
  });
});

describe('traps of delta and lists that need a hand', () => {
  it('14: moved away and back between two rounds, an event is gone for whoever uses immutable ids', async () => {
    const { mailbox, round } = simulate({ switches: { immutableMoveLoss: true } });
    const other = mailbox.addCalendar('Projects');
    const { id } = mailbox.createEvent(anEvent());
    const { link } = await round(DELTA, IMMUTABLE);
    mailbox.moveEvent(id, other);
    mailbox.moveEvent(id, mailbox.defaultCalendarId);
    const { items } = await round(link, IMMUTABLE);
    expect(items).toMatchObject([{ id, '@removed': { reason: 'deleted' } }]);
    expect(mailbox.getEvent(id)).toBeDefined();
  });

  it('24: zones without a name, and of a name nobody knows, are stored', async () => {
    const { mailbox, call } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    mailbox.misfortunes.corrupt(id, 'custom-zone');
    const zone = async () => (await call('GET', `~/events/${id}`)).body.originalStartTimeZone;
    expect(await zone()).toBe('tzone://Microsoft/Custom');
    mailbox.misfortunes.corrupt(id, 'empty-zone');
    expect(await zone()).toBe('');
    mailbox.misfortunes.corrupt(id, { content: { startZone: 'Mars/Olympus' } });
    expect(await zone()).toBe('Mars/Olympus');
  });

  it('33: an open extension inside the create answers 409, now and then', async () => {
    const { sim, mailbox, call } = simulate({ switches: { extensionOnCreate: 'conflict' } });
    const extensions = [
      { '@odata.type': 'microsoft.graph.openTypeExtension', extensionName: 'Com.Example.Sync', key: 'e1' },
    ];
    const refused = await call('POST', '~/events', anEvent({ extensions }));
    expect([refused.status, code(refused)]).toEqual([409, 'ErrorIrresolvableConflict']);
    expect(mailbox.listEvents()).toEqual([]);
    sim.switches.extensionOnCreate = 'accepted';
    expect((await call('POST', '~/events', anEvent({ extensions }))).status).toBe(201);
  });

  it('43: tiny pages over endless series time out for ever', async () => {
    const { mailbox, call } = simulate({ switches: { endlessSeriesTimeouts: true } });
    for (let made = 0; made < 5; made += 1) {
      mailbox.createEvent(aSeries({ start: at('2026-03-02T09:00:00') }, { type: 'noEnd' }));
    }
    const tiny = await call('GET', DELTA, undefined, { prefer: 'odata.maxpagesize=2' });
    expect([tiny.status, code(tiny)]).toEqual([504, 'UnknownError']);
    expect((await call('GET', DELTA, undefined, { prefer: 'odata.maxpagesize=50' })).status).toBe(200);
  });
});

const SCOPES = ['https://graph.microsoft.com/Calendars.ReadWrite'];

function clientOfMsal() {
  const world = simulateSignIn({ now: () => Date.now(), clients: [WEB_CLIENT] });
  const { sim } = world;
  const send = async (method: string, url: string, options?: NetworkRequestOptions) => {
    const response = await sim.fetch(url, {
      method,
      headers: options?.headers ?? {},
      ...(options?.body ? { body: options.body } : {}),
    });
    return { headers: Object.fromEntries(response.headers), body: await response.json(), status: response.status };
  };
  const networkClient: INetworkModule = {
    sendGetRequestAsync: (url, options) => send('GET', url, options) as never,
    sendPostRequestAsync: (url, options) => send('POST', url, options) as never,
  };
  const { clientId, clientSecret, tenantId } = WEB_CLIENT;
  const authority = `https://login.sim.test/${tenantId}`;
  const application = new ConfidentialClientApplication({
    auth: { clientId, clientSecret, authority, knownAuthorities: ['login.sim.test'] },
    system: { networkClient },
  });
  return { ...world, application };
}
