import { describe, expect, it } from 'vitest';
import {
  bodyOf,
  REDIRECT,
  returned,
  SCOPE,
  simulateSignIn,
  WEB_CLIENT,
} from '../../../test/support/identity-client.ts';
import { ADDRESS } from '../../../test/support/simulator-client.ts';

describe('the sign-in page', () => {
  it('shows the accounts and what is asked for, escaped and without scripts', async () => {
    const { sim, visit } = simulateSignIn();
    sim.addMailbox({ address: 'eve@example.com', name: '<script>alert(1)</script>' });
    const page = await visit();
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const html = await page.text();
    expect(html).toContain('Ada Lemke &lt;ada@example.com&gt;');
    expect(html).toContain('Calendar &lt;sync&gt; would like to');
    expect(html).toContain('<li>Calendars.ReadWrite</li>');
    expect(html).not.toMatch(/<script/i);
  });

  it('sends a code and the state back when somebody accepts', async () => {
    const { visit, press } = simulateSignIn();
    const answer = await press(await (await visit()).text(), 'accept');
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toMatch(`${REDIRECT}?code=`);
    expect(returned(answer).get('state')).toBe('here & there');
  });

  it('says access_denied when somebody cancels', async () => {
    const { visit, press } = simulateSignIn();
    const back = returned(await press(await (await visit()).text(), 'cancel'));
    expect(Object.fromEntries(back)).toMatchObject({
      error: 'access_denied',
      error_subcode: 'cancel',
      error_description: expect.stringMatching(/^AADSTS65004: .* Timestamp: 2026-03-02 08:00:00Z$/),
      state: 'here & there',
    });
  });

  it('marks the account of login_hint, and lists those of the tenant alone', async () => {
    const { sim, visit } = simulateSignIn();
    sim.addMailbox({ address: 'eve@example.com' });
    sim.addMailbox({ address: 'private@outlook.com' });
    const marked = await (await visit({ login_hint: 'eve@example.com' })).text();
    expect(marked).toContain(`value="${sim.mailbox('eve@example.com').id}" checked`);
    expect(marked).not.toContain('private@outlook.com');
    expect(await (await visit({}, { segment: 'common' })).text()).toMatch(/ada@example[\s\S]*private@outlook/);
    expect(await (await visit({}, { segment: 'consumers' })).text()).not.toContain('ada@example.com');
    expect(await (await visit({ domain_hint: 'consumers' }, { segment: 'common' })).text()).not.toContain(ADDRESS);
  });

  it.each(['example.com', 'organizations', 'common', WEB_CLIENT.tenantId.toUpperCase()])(
    'is there under %s',
    async (segment) => {
      const { visit } = simulateSignIn();
      expect((await visit({}, { segment })).status).toBe(200);
    },
  );

  it('answers as a fragment or as a form to post', async () => {
    const { visit, press } = simulateSignIn();
    const fragment = await press(await (await visit({ response_mode: 'fragment' })).text(), 'accept');
    expect(fragment.headers.get('location')).toMatch(`${REDIRECT}#code=`);
    const form = await press(await (await visit({ response_mode: 'form_post', state: '"><b>' })).text(), 'accept');
    expect(form.status).toBe(200);
    const html = await form.text();
    expect(html).toContain(`action="${REDIRECT}"`);
    expect(html).toMatch(/name="code" value="[^"]+"/);
    expect(html).toContain('name="state" value="&quot;&gt;&lt;b&gt;"');
  });

  it('lets nobody in whose account is disabled', async () => {
    const { sim, visit, press } = simulateSignIn();
    sim.identity.disableUser(ADDRESS);
    const answer = await press(await (await visit()).text(), 'accept');
    expect(answer.headers.get('location')).toBeNull();
    expect(await answer.text()).toContain('AADSTS50057');
  });
});

describe('a request that must not be sent back', () => {
  it.each([
    ['an unknown application', { client_id: '99999999-9999-4999-8999-999999999999' }, undefined, 700016],
    ['no application', { client_id: undefined }, undefined, 900144],
    ['an unknown tenant', {}, 'elsewhere.example', 90002],
    ['a redirect URI nobody registered', { redirect_uri: 'https://evil.example/x' }, undefined, 50011],
    ['a redirect URI that differs in a slash', { redirect_uri: `${REDIRECT}/` }, undefined, 50011],
    ['a loopback address, where others are registered', { redirect_uri: 'http://localhost:1/' }, undefined, 50011],
  ])('is shown: %s', async (_name, change, segment, number) => {
    const { sim, visit } = simulateSignIn();
    sim.switches.autoConsent = true;
    const answer = await visit(change, segment === undefined ? {} : { segment });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('location')).toBeNull();
    expect(await answer.text()).toContain(`AADSTS${number}:`);
  });

  it('takes any loopback address while none is registered, and any port of a registered one', async () => {
    const { redirectUris: _, ...open } = WEB_CLIENT;
    const one = simulateSignIn({ clients: [open] });
    expect((await one.visit({ redirect_uri: 'http://127.0.0.1:9/x' })).status).toBe(200);
    expect((await one.visit()).status).toBe(400);
    const other = simulateSignIn({ clients: [{ ...WEB_CLIENT, redirectUris: ['http://localhost/x'] }] });
    expect((await other.visit({ redirect_uri: 'http://localhost:8080/x' })).status).toBe(200);
    expect((await other.visit({ redirect_uri: 'http://localhost:8080/y' })).status).toBe(400);
  });
});

describe('a request that is refused at the redirect', () => {
  const spa = { ...WEB_CLIENT, redirectUris: [], spaRedirectUris: [REDIRECT] };
  it.each([
    ['another response type', { response_type: 'token' }, 'unsupported_response_type', 700054],
    ['no response type', { response_type: undefined }, 'invalid_request', 900144],
    ['another response mode', { response_mode: 'pigeon' }, 'invalid_request', 70007],
    ['no scope', { scope: undefined }, 'invalid_request', 900144],
    ['a permission that does not exist', { scope: 'openid Dreams.Read' }, 'invalid_client', 650053],
    ['.default among others', { scope: '.default Calendars.Read' }, 'invalid_scope', 70011],
    ['another prompt', { prompt: 'please' }, 'invalid_request', 90023],
    ['a short challenge', { code_challenge: 'short' }, 'invalid_request', 501491],
    ['claims that are no JSON', { claims: '{' }, 'invalid_request', 9002313],
  ])('because of %s', async (_name, change, error, number) => {
    const back = returned(await simulateSignIn().visit(change));
    expect(Object.fromEntries(back)).toMatchObject({ error, state: 'here & there' });
    expect(back.get('error_description')).toMatch(`AADSTS${number}:`);
  });

  it('because a single-page application brings no proof key', async () => {
    const back = returned(await simulateSignIn({ clients: [spa] }).visit({ code_challenge: undefined }));
    expect(back.get('error_description')).toContain('AADSTS9002325');
  });
});

describe('prompt=none', () => {
  it('wants a session', async () => {
    const { visit } = simulateSignIn();
    expect(returned(await visit({ prompt: 'none' })).get('error')).toBe('login_required');
  });

  it('answers at once to a signed-in browser that has consented', async () => {
    const { sim, visit, press } = simulateSignIn();
    sim.addMailbox({ address: 'eve@example.com' });
    const signedIn = await press(await (await visit()).text(), 'accept');
    const headers = { cookie: signedIn.headers.get('set-cookie')!.split(';')[0]! };
    expect(returned(await visit({ prompt: 'none' }, { headers })).get('code')).toBeTruthy();
    expect(returned(await visit({}, { headers })).get('code')).toBeTruthy();
    expect((await visit({ prompt: 'select_account' }, { headers })).status).toBe(200);
    const more = await visit({ prompt: 'none', scope: `${SCOPE} MailboxSettings.Read` }, { headers });
    expect(returned(more).get('error')).toBe('consent_required');
    const other = await visit({ prompt: 'none', login_hint: 'eve@example.com' }, { headers });
    expect(returned(other).get('error')).toBe('interaction_required');
    sim.identity.revokeSessions(ADDRESS);
    expect(returned(await visit({ prompt: 'none' }, { headers })).get('error')).toBe('login_required');
  });
});

describe('signing in without a page', () => {
  it('takes the mailbox of login_hint, else the first', async () => {
    const { sim, visit, post, codeForm } = simulateSignIn({ switches: { autoConsent: true } });
    const eve = sim.addMailbox({ address: 'eve@example.com' });
    const whose = async (change: Record<string, string>) => {
      const code = returned(await visit(change)).get('code');
      const { client_info } = await bodyOf(await post(codeForm(code, { client_info: '1' })));
      return JSON.parse(Buffer.from(client_info, 'base64url').toString()).uid;
    };
    expect(await whose({})).toBe(sim.mailbox(ADDRESS).id);
    expect(await whose({ login_hint: 'eve@example.com' })).toBe(eve.id);
    expect((await visit({ login_hint: 'nobody@example.com' })).status).toBe(400);
  });
});

describe('administrators', () => {
  it('are asked for approval where users may not consent', async () => {
    const { sim, visit, press } = simulateSignIn({ switches: { userConsent: 'admin-only' } });
    const page = await (await visit()).text();
    expect(page).toContain('Need admin approval');
    expect(page).not.toContain('value="accept"');
    expect(returned(await press(page, 'accept')).get('error')).toBe('access_denied');
    sim.identity.grantAdminConsent(SCOPE.split(' '));
    sim.addMailbox({ address: 'eve@example.com' });
    expect(returned(await press(await (await visit()).text(), 'accept')).get('code')).toBeTruthy();
  });

  it('consent for everybody', async () => {
    const { sim, tenant, client, press } = simulateSignIn({ switches: { userConsent: 'admin-only' } });
    const query = new URLSearchParams({
      client_id: client.clientId,
      redirect_uri: REDIRECT,
      state: '7',
      scope: 'https://graph.microsoft.com/Calendars.Read',
    });
    const address = `https://login.sim.test/${tenant}/v2.0/adminconsent?${query}`;
    const page = await (await sim.fetch(address)).text();
    expect(Object.fromEntries(returned(await press(page, 'cancel')))).toMatchObject({
      error: 'access_denied',
      admin_consent: 'True',
      state: '7',
    });
    expect(Object.fromEntries(returned(await press(page, 'accept')))).toMatchObject({
      admin_consent: 'True',
      tenant,
      state: '7',
    });
    expect(sim.identity.consents(ADDRESS)).toEqual(['Calendars.Read']);
  });
});

describe('signing out', () => {
  it('forgets the session and goes where the application says, if it may', async () => {
    const { sim, tenant } = simulateSignIn();
    const leave = (target: string) =>
      sim.fetch(
        `https://login.sim.test/${tenant}/oauth2/v2.0/logout?post_logout_redirect_uri=${encodeURIComponent(target)}&state=1`,
      );
    const home = await leave(REDIRECT);
    expect(home.headers.get('location')).toBe(`${REDIRECT}?state=1`);
    expect(home.headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await leave('https://evil.example/')).status).toBe(200);
  });
});
