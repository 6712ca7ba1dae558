import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ADMIN,
  ApiWorld,
  bearer,
  OPEN_PATIENCE_MS,
  OWNER,
  SECRET,
  STRANGER,
  serverWith,
} from '../../test/support/api-world.ts';
import { CALLBACK, SignInVisits, tokenIn } from '../../test/support/sign-in-visits.ts';
import { MAILBOX, USER } from '../../test/support/sync-world.ts';

const GRACE = 'grace@example.com';
const MARKUP = '<img src=x onerror=alert(1)>';
const BIND = { mode: 'application', mailbox: MAILBOX };

let api: ApiWorld;
let visits: SignInVisits;
beforeAll(async () => {
  api = await ApiWorld.open({ switches: { autoConsent: true } });
  api.sync.simulator.addMailbox({ address: GRACE, name: 'Grace Holm' });
  visits = new SignInVisits(api);
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await api?.close();
});
beforeEach(async () => {
  api.sync.simulator.identity.clearFailures();
  api.sync.stopWatching();
  await api.call('DELETE', '/calendar/connection');
  await api.call('DELETE', '/calendar/connection', { as: STRANGER });
});

const isConnected = async (as = OWNER) => (await api.call('GET', '/calendar/connection', { as })).status === 200;

/** Something that happens while the service reads the mailbox. */
function meanwhile(happen: () => Promise<unknown>): () => Promise<void> {
  let done: Promise<unknown> | undefined;
  api.sync.onRequest(/\/calendars/, () => {
    done = happen();
  });
  return async () => {
    expect(done).toBeDefined();
    await done;
  };
}

describe('a sign-in that somebody meddles with', () => {
  it('is not completed with the cookie of another one', async () => {
    const mine = await visits.begin();
    const theirs = await visits.begin(STRANGER);
    const page = await visits.comeBack(await visits.visitMicrosoft(theirs.url, MAILBOX), mine.cookie);
    expect(page.body).toContain('Is this what you want?');
    expect(await isConnected(STRANGER)).toBe(false);
  });

  it('is completed once when the browser comes back twice at the same time', async () => {
    const { url, cookie } = await visits.begin();
    const address = await visits.visitMicrosoft(url);
    const pages = await Promise.all([1, 2, 3].map(() => visits.comeBack(address, cookie)));
    expect(pages.map(({ status }) => status).sort()).toEqual([200, 400, 400]);
  });

  it('has its question answered once when both buttons are pressed at the same time', async () => {
    const page = await visits.signIn({ withCookie: false });
    const answers = await Promise.all([visits.answer(page.body, 'yes'), visits.answer(page.body, 'no')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
  });

  it('works in two windows at a time, and leaves no more than ten open', async () => {
    const first = await visits.begin();
    const second = await visits.begin();
    expect((await visits.comeBack(await visits.visitMicrosoft(second.url), second.cookie)).body).toContain(
      'is connected',
    );
    expect((await visits.comeBack(await visits.visitMicrosoft(first.url), first.cookie)).body).toContain(
      'is connected',
    );
    for (let index = 0; index < 14; index += 1) await visits.begin();
    const { rows } = await sql<{ open: number }>`
      select count(*)::int as open from "AuthorizationRequest" where "userId" = ${USER}
    `.execute(api.sync.db.kysely);
    expect(rows[0]?.open).toBe(10);
  });

  it('believes an error more than a code beside it', async () => {
    const { url, cookie } = await visits.begin();
    const address = `${await visits.visitMicrosoft(url)}&error=access_denied&error_description=${encodeURIComponent(MARKUP)}`;
    const page = await visits.comeBack(address, cookie);
    expect(page.body).toContain('Nothing was connected');
    expect(page.body).not.toContain('onerror');
    expect(await isConnected()).toBe(false);
  });

  it.each([
    ['a state as long as an address can be', `${CALLBACK}?state=${'s'.repeat(9_000)}&code=x`],
    ['two states', `${CALLBACK}?state=a&state=b&code=x`],
    ['the character NUL', `${CALLBACK}?state=%00&code=%00`],
    ['an error nobody knows', `${CALLBACK}?error=${'e'.repeat(500)}`],
  ])('answers %s without a fault of its own', async (_what, address) => {
    const page = await visits.comeBack(address);
    expect(page.status).toBe(400);
    expect(JSON.stringify(page.body)).not.toContain('<script');
  });

  it('does not take the answer to a question for a sign-in, nor a sign-in for an answer', async () => {
    const question = await visits.signIn({ withCookie: false });
    const { url, cookie } = await visits.begin();
    const state = url.searchParams.get('state') ?? '';
    expect((await visits.answer(`name="token" value="${state}"`, 'yes')).status).toBe(400);
    expect((await visits.comeBack(`${CALLBACK}?state=${tokenIn(question.body)}&code=x`, cookie)).status).toBe(400);
    expect(await isConnected()).toBe(false);
  });
});

describe('what happens while a person is at Microsoft', () => {
  it('ends the sign-in when the mailbox is disconnected', async () => {
    await visits.signIn();
    const { url, cookie } = await visits.begin();
    const question = await visits.signIn({ withCookie: false });
    await api.call('DELETE', '/calendar/connection');
    expect((await visits.comeBack(await visits.visitMicrosoft(url), cookie)).status).toBe(400);
    expect((await visits.answer(question.body, 'yes')).status).toBe(400);
    expect(await isConnected()).toBe(false);
  });

  it('ends it as well when the service is talking with Microsoft already', async () => {
    await visits.signIn();
    const { url, cookie } = await visits.begin();
    const address = await visits.visitMicrosoft(url);
    const settled = meanwhile(() => api.call('DELETE', '/calendar/connection'));
    const page = await visits.comeBack(address, cookie);
    await settled();
    expect(page.body).toContain('This sign-in is over');
    expect(await isConnected()).toBe(false);
  });

  it('asks when another mailbox was connected meanwhile, although nothing was connected at first', async () => {
    const { url, cookie } = await visits.begin();
    const address = await visits.visitMicrosoft(url, GRACE);
    await api.call('PUT', '/calendar/connection', { body: BIND });
    const page = await visits.comeBack(address, cookie);
    expect(page.body).toContain(MAILBOX);
    expect(page.body).toContain('It would be let go');
    expect(await visits.connection()).toMatchObject({ mode: 'application', mailbox: MAILBOX });
  });

  it('asks again when the answer was about something else than what is connected by then', async () => {
    const question = await visits.signIn({ account: GRACE, withCookie: false });
    expect(question.body).not.toContain('let go');
    await api.call('PUT', '/calendar/connection', { body: BIND });
    const again = await visits.answer(question.body, 'yes');
    expect(again.body).toContain('It would be let go');
    expect(await visits.connection()).toMatchObject({ mailbox: MAILBOX });
    expect((await visits.answer(again.body, 'yes')).body).toContain('is connected');
    expect(await visits.connection()).toMatchObject({ mailbox: GRACE, mode: 'delegated' });
  });
});

describe('who can be connected', () => {
  it('is nobody whose consent does not go far enough', async () => {
    const { identity } = api.sync.simulator;
    const { url, cookie } = await visits.begin();
    const scope = url.searchParams.get('scope') ?? '';
    url.searchParams.set('scope', scope.replace(/\S*MailboxSettings\.Read/, ''));
    identity.revokeConsent(MAILBOX);
    const page = await visits.comeBack(await visits.visitMicrosoft(url), cookie);
    expect(page.body).toContain('An administrator has to agree first');
    expect(await isConnected()).toBe(false);
    identity.revokeConsent(MAILBOX);
  });

  it.each([
    ['has no mailbox', { status: 404, code: 'MailboxNotEnabledForRESTAPI' }],
    ['is a guest here', { status: 404, code: 'ErrorInvalidUser' }],
    ['may not be served', { status: 403, code: 'ErrorAccessDenied' }],
  ])('is nobody whose account %s', async (_what, refusal) => {
    const { url, cookie } = await visits.begin();
    const address = await visits.visitMicrosoft(url);
    api.sync.simulator.failNext({ path: /\/calendars/, ...refusal });
    const page = await visits.comeBack(address, cookie);
    expect(page.body).toContain('This account has no calendar here');
    expect(await isConnected()).toBe(false);
  });

  it('is nobody of another tenant', async () => {
    const { url, cookie } = await visits.begin();
    const address = await visits.visitMicrosoft(url);
    api.sync.simulator.identity.failTokens({ name: 'user-of-other-tenant', user: MAILBOX });
    expect((await visits.comeBack(address, cookie)).body).toContain('could not be completed');
    expect(await isConnected()).toBe(false);
  });

  it('is nobody whom a policy stands against, and they are told so', async () => {
    const { url, cookie } = await visits.begin();
    const address = await visits.visitMicrosoft(url);
    api.sync.simulator.identity.failTokens({ name: 'conditional-access', user: MAILBOX });
    expect((await visits.comeBack(address, cookie)).body).toContain('Microsoft did not let you in');
  });

  it('is the operator’s business when the application itself is refused', async () => {
    const { url, cookie } = await visits.begin();
    const address = await visits.visitMicrosoft(url);
    api.sync.simulator.identity.failTokens({ name: 'secret-expired' });
    const page = await visits.comeBack(address, cookie);
    expect([page.status, page.body.includes('not set up rightly')]).toEqual([500, true]);
    const health = await api.call<{ checks: { graph: { status: string; message: string } } }>(
      'GET',
      '/calendar/sync/health',
      { as: null },
    );
    expect(health.body.checks.graph).toMatchObject({
      status: 'degraded',
      message: expect.stringContaining('invalid_client'),
    });
    await visits.signIn();
    const after = await api.call<typeof health.body>('GET', '/calendar/sync/health', { as: null });
    expect(after.body.checks.graph.status).toBe('ok');
  });

  it('is called by their name, whatever is in it', async () => {
    const page = await visits.signIn({ as: { sub: MARKUP, email: `"${MARKUP}"@example.com` }, withCookie: false });
    expect(page.body).toContain('&lt;img src=x');
    expect(page.body).not.toContain('<img');
  });

  it('is no other mailbox than the person’s while they are signed in, not even for an administrator', async () => {
    await visits.signIn();
    const url = `/calendar/connection?userId=${USER}`;
    const other = await api.call('PUT', url, { as: ADMIN, body: { mode: 'application', mailbox: GRACE } });
    expect([other.status, other.body['code']]).toEqual([409, 'CONFLICT_STATE']);
    expect(await visits.connection()).toMatchObject({ mode: 'delegated', mailbox: MAILBOX });
  });
});

describe('the way a mailbox is reached', () => {
  it('changes without touching what was agreed on, and forgets the sign-in that is not used any more', async () => {
    await visits.signIn();
    await api.runNow();
    const books = () => api.call<{ items: { id: string; graphEventId: string }[] }>('GET', '/calendar/events');
    const before = (await books()).body.items;
    for (const [mode, change] of [
      ['application', () => api.call('PUT', '/calendar/connection', { body: BIND })],
      ['delegated', () => visits.signIn()],
    ] as const) {
      await change();
      expect(await visits.connection()).toMatchObject({ mode, status: 'CONNECTED' });
      const { rows } = await sql<{ tokenCache: string | null; accountId: string | null; scopes: unknown }>`
        select "tokenCache", "accountId", scopes from "CalendarConnection" where "userId" = ${USER}
      `.execute(api.sync.db.kysely);
      expect(rows[0]?.tokenCache === null).toBe(mode === 'application');
      expect(rows[0]?.accountId === null).toBe(mode === 'application');
      api.sync.simulator.clearLog();
      const jobId = await api.runNow();
      expect(await api.sync.run(jobId)).toMatchObject({ status: 'COMPLETED' });
      // The cursor stays: one request is enough to learn that nothing has changed.
      const graph = api.sync.simulator.requests.filter(({ path }) => path.startsWith('/v1.0'));
      expect(graph).toHaveLength(1);
      expect(api.sync.simulator.writes()).toEqual([]);
    }
    expect((await books()).body.items).toEqual(before);
  });

  it('leaves nothing of the sign-in behind when it is let go', async () => {
    await visits.signIn();
    await visits.begin();
    await api.call('DELETE', '/calendar/connection');
    const { rows } = await sql<{ left: number }>`
      select (select count(*) from "CalendarConnection" where "userId" = ${USER})
        + (select count(*) from "AuthorizationRequest" where "userId" = ${USER}) as left
    `.execute(api.sync.db.kysely);
    expect(Number(rows[0]?.left)).toBe(0);
  });
});

describe('an address of the service’s own', () => {
  it('with https gives the cookie to this very host alone, and below a path leads the form there', async () => {
    const server = await serverWith(
      {
        authorizationService: {
          begin: async () => ({
            authorizationUrl: 'https://login.example.com/a',
            adminConsentUrl: 'https://login.example.com/b',
            browserSecret: 'secret',
            validSeconds: 600,
          }),
          complete: async (_query, browserSecret) => ({
            kind: 'question',
            token: 'token',
            mailbox: String(browserSecret),
            requestedBy: 'somebody',
          }),
        },
      },
      {
        config: {
          jwt: { secret: SECRET, jwksUrl: undefined, issuer: undefined, audience: undefined },
          publicUrl: 'https://example.com/sync',
        } as never,
      },
    );
    try {
      const begun = await server.inject({
        method: 'POST',
        url: '/calendar/connection/authorize',
        headers: await bearer(),
      });
      expect(begun.headers['set-cookie']).toBe(
        '__Host-calendar-sign-in=secret; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure',
      );
      const page = await server.inject({
        method: 'GET',
        url: `${CALLBACK}?state=s&code=c`,
        headers: { cookie: 'calendar-sign-in=planted; __Host-calendar-sign-in=real' },
      });
      expect(page.body).toContain('action="/sync/calendar/connection/callback"');
      expect(page.body).toContain('<strong>real</strong>');
      expect(page.headers['content-security-policy']).toContain("form-action 'self'");
    } finally {
      await server.close();
    }
  });
});
