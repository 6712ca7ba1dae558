import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiWorld, OPEN_PATIENCE_MS, STRANGER } from '../../test/support/api-world.ts';
import { CALLBACK, SignInVisits } from '../../test/support/sign-in-visits.ts';
import { MAILBOX } from '../../test/support/sync-world.ts';

const GRACE = 'grace@example.com';

let api: ApiWorld;
let visits: SignInVisits;
beforeAll(async () => {
  api = await ApiWorld.open({ switches: { autoConsent: true } });
  visits = new SignInVisits(api);
  api.sync.simulator.addMailbox({ address: GRACE, name: 'Grace Holm' });
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await api.close();
});
beforeEach(async () => {
  await api.call('DELETE', '/calendar/connection');
  await api.call('DELETE', '/calendar/connection', { as: STRANGER });
});

const begin: SignInVisits['begin'] = (...o) => visits.begin(...o);
const visitMicrosoft: SignInVisits['visitMicrosoft'] = (...o) => visits.visitMicrosoft(...o);
const comeBack: SignInVisits['comeBack'] = (...o) => visits.comeBack(...o);
const signIn: SignInVisits['signIn'] = (...o) => visits.signIn(...o);
const connection: SignInVisits['connection'] = (...o) => visits.connection(...o);
const answerWith: SignInVisits['answer'] = (...o) => visits.answer(...o);

describe('signing in with Microsoft', () => {
  it('connects the mailbox, and the sync works with the person’s own token', async () => {
    const page = await signIn();
    expect(page.status).toBe(200);
    expect(page.body).toContain(MAILBOX);
    expect(await connection()).toMatchObject({ mode: 'delegated', mailbox: MAILBOX, status: 'CONNECTED' });
    api.sync.simulator.clearLog();
    const subject = 'From Outlook, by a person’s token';
    api.sync.mailbox.createEvent({
      subject,
      start: { dateTime: '2026-03-10T09:00:00', timeZone: 'UTC' },
      end: { dateTime: '2026-03-10T10:00:00', timeZone: 'UTC' },
    });
    await api.runNow();
    const { body } = await api.call<{ items: { subject: string }[] }>('GET', '/calendar/events');
    expect(body.items.map((event) => event.subject)).toContain(subject);
    const tokenRequests = api.sync.simulator.requests.filter(({ path }) => path.endsWith('/token'));
    expect(tokenRequests.map(({ body: form }) => new URLSearchParams(String(form)).get('grant_type'))).toEqual([
      'refresh_token',
    ]);
  });

  it('asks for nothing that it does not need, and brings nobody anywhere else', async () => {
    const { url, answer } = await begin();
    expect(url.searchParams.get('scope')).not.toMatch(/Mail\.|Files|Directory|\.All/);
    expect(url.searchParams.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/calendar\/connection\/callback$/);
    expect(answer.headers['set-cookie']).toMatch(/HttpOnly; SameSite=Lax; Max-Age=600$/);
    expect(new URL(answer.body.adminConsentUrl).pathname).toMatch(/\/adminconsent$/);
    const page = await comeBack(
      `${CALLBACK}?state=x&code=y&returnTo=https://evil.example&redirect_uri=https://evil.example`,
    );
    expect([page.status, page.headers['location']]).toEqual([400, undefined]);
    expect(page.body).not.toContain('evil.example');
  });

  it('asks a person whose browser did not begin this whether they mean it', async () => {
    // Somebody else begins, and gets Ada to follow the address.
    const page = await signIn({ as: STRANGER, account: MAILBOX, withCookie: false });
    expect(page.body).toContain('Is this what you want?');
    expect(page.body).toContain('mallory@example.com');
    expect((await api.call('GET', '/calendar/connection', { as: STRANGER })).status).toBe(404);
    expect((await answerWith(page.body, 'no')).body).toContain('Nothing was changed');
    expect((await api.call('GET', '/calendar/connection', { as: STRANGER })).status).toBe(404);
    // The question is answered once.
    expect((await answerWith(page.body, 'yes')).status).toBe(400);
    expect((await api.call('GET', '/calendar/connection', { as: STRANGER })).status).toBe(404);
  });

  it('connects when such a person says yes', async () => {
    const page = await signIn({ withCookie: false });
    expect((await answerWith(page.body, 'yes')).body).toContain('Your calendar is connected');
    expect(await connection()).toMatchObject({ mode: 'delegated', status: 'CONNECTED' });
  });

  it('asks when another account signs in than the one that is connected, and loses nothing either way', async () => {
    await signIn();
    const kept = await signIn({ account: GRACE });
    expect(kept.body).toContain(GRACE);
    expect(kept.body).toContain(MAILBOX);
    expect((await answerWith(kept.body, 'no')).body).toContain(MAILBOX);
    expect(await connection()).toMatchObject({ mailbox: MAILBOX });
    await api.runNow();
    const before = (await api.call<{ items: unknown[] }>('GET', '/calendar/events')).body.items.length;
    const changed = await signIn({ account: GRACE });
    await answerWith(changed.body, 'yes');
    expect(await connection()).toMatchObject({ mailbox: GRACE });
    expect((await api.call<{ items: unknown[] }>('GET', '/calendar/events')).body.items.length).toBe(before);
  });

  it('leads an administrator to agree for everybody, and takes nothing from the sign-in for it', async () => {
    const { answer, url, cookie } = await begin();
    const consent = await api.sync.simulator.fetch(answer.body.adminConsentUrl, { redirect: 'manual' });
    const back = new URL(consent.headers.get('location') ?? '');
    expect((await comeBack(`${back.pathname}${back.search}`)).body).toContain('Your organisation has agreed');
    expect((await comeBack(await visitMicrosoft(url), cookie)).body).toContain('Your calendar is connected');
  });

  it('works once', async () => {
    const { url, cookie } = await begin();
    const address = await visitMicrosoft(url);
    expect((await comeBack(address, cookie)).status).toBe(200);
    expect((await comeBack(address, cookie)).status).toBe(400);
  });

  it('works for ten minutes', async () => {
    const { url, cookie } = await begin();
    const address = await visitMicrosoft(url);
    api.sync.clock.advance(10 * 60_000);
    expect((await comeBack(address, cookie)).status).toBe(400);
  });

  it.each([
    ['a state nobody was given', `${CALLBACK}?state=made-up&code=x`],
    ['no state', `${CALLBACK}?code=x`],
    ['nothing', CALLBACK],
    ['markup', `${CALLBACK}?state=%3Cscript%3E&error=%3Cscript%3Ealert(1)%3C/script%3E`],
  ])('shrugs at %s', async (_what, address) => {
    const page = await comeBack(address);
    expect(page.status).toBe(400);
    expect(page.body).not.toContain('<script');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  });

  it.each([
    ['access_denied', 'Nothing was connected'],
    ['consent_required', 'An administrator has to agree first'],
    ['interaction_required', 'Microsoft did not let you in'],
    ['temporarily_unavailable', 'Microsoft does not answer just now'],
    ['unauthorized_client', 'This service is not set up rightly'],
  ])('tells the person what became of it: %s', async (error, title) => {
    const { url, cookie } = await begin();
    const page = await comeBack(`${CALLBACK}?state=${url.searchParams.get('state')}&error=${error}`, cookie);
    expect(page.body).toContain(title);
  });

  it('does not take another sign-in’s code', async () => {
    const mine = await begin();
    const theirs = await begin(STRANGER);
    const code = new URLSearchParams((await visitMicrosoft(theirs.url, MAILBOX)).split('?')[1]).get('code');
    const page = await comeBack(`${CALLBACK}?state=${mine.url.searchParams.get('state')}&code=${code}`, mine.cookie);
    expect(page.body).toContain('The sign-in could not be completed');
    expect((await api.call('GET', '/calendar/connection')).status).toBe(404);
  });
});

describe('a sign-in that died', () => {
  it('pauses the sync, says so, and goes on where it was after the person has signed in again', async () => {
    await signIn();
    await api.runNow();
    api.sync.simulator.identity.revokeSessions(MAILBOX);
    api.sync.clock.advance(2 * 24 * 60 * 60_000);
    const { body } = await api.call<{ jobId: string }>('POST', '/calendar/sync/start', { body: {} });
    await api.sync.carryOut(body.jobId as never).catch(() => {});
    expect(await connection()).toMatchObject({ status: 'REAUTH_REQUIRED', error: expect.stringContaining('sign-in') });
    const written = await api.call('POST', '/calendar/events', {
      body: {
        subject: 'Written meanwhile',
        start: { dateTime: '2026-03-11T09:00:00', timeZone: 'UTC' },
        end: { dateTime: '2026-03-11T10:00:00', timeZone: 'UTC' },
      },
    });
    expect(written.body['syncState']).toBe('pending');
    await signIn();
    expect(await connection()).toMatchObject({ status: 'CONNECTED', error: null });
    await api.runNow();
    const event = await api.call('GET', `/calendar/events/${written.body['id']}`);
    expect(event.body['syncState']).toBe('synced');
    expect(api.sync.mailbox.listEvents().map(({ subject }) => subject)).toContain('Written meanwhile');
  });

  it('is the operator’s trouble when the application’s secret expired: nobody has to sign in again', async () => {
    await signIn();
    await api.runNow();
    const secret = api.sync.simulator.clients[0]!.clientSecret;
    api.sync.simulator.identity.expireSecret();
    api.sync.clock.advance(2 * 24 * 60 * 60_000);
    const { body } = await api.call<{ jobId: string }>('POST', '/calendar/sync/start', { body: {} });
    await api.sync.carryOut(body.jobId as never).catch(() => {});
    expect(await connection()).toMatchObject({ status: 'ERROR' });
    api.sync.simulator.identity.rotateSecret(undefined, { secret });
    await api.runNow();
    expect(await connection()).toMatchObject({ status: 'CONNECTED', error: null });
  });
});
