import { createHash } from 'node:crypto';
import { type ClientRegistration, DEFAULT_CLIENT, type SimulatorOptions } from '../../src/simulator/index.ts';
import { ADDRESS, simulate } from './simulator-client.ts';

export const REDIRECT = 'https://app.example.com/signed-in';
export const VERIFIER = 'a-verifier-of-at-least-forty-three-characters-0123456789';
export const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');
export const SCOPE = 'openid profile email offline_access Calendars.ReadWrite';
const LOGIN = 'https://login.sim.test';

export const WEB_CLIENT: ClientRegistration = {
  ...DEFAULT_CLIENT,
  displayName: 'Calendar <sync>',
  redirectUris: [REDIRECT],
};

type Fields = Record<string, string | undefined>;

const defined = (fields: Fields): [string, string][] =>
  Object.entries(fields).filter((each): each is [string, string] => each[1] !== undefined);

/** A browser and an application in front of a simulated identity platform. */
export function simulateSignIn(options: SimulatorOptions = {}) {
  const world = simulate({ clients: [WEB_CLIENT], ...options });
  const { sim } = world;
  const client = sim.clients[0]!;
  const tenant = client.tenantId;

  const authorizeUrl = (change: Fields = {}, segment: string = tenant): string =>
    `${LOGIN}/${segment}/oauth2/v2.0/authorize?${new URLSearchParams(
      defined({
        client_id: client.clientId,
        response_type: 'code',
        redirect_uri: REDIRECT,
        scope: SCOPE,
        state: 'here & there',
        code_challenge: CHALLENGE,
        code_challenge_method: 'S256',
        ...change,
      }),
    )}`;

  const visit = (change: Fields = {}, o: { segment?: string; headers?: Record<string, string> } = {}) =>
    sim.fetch(authorizeUrl(change, o.segment), { headers: o.headers ?? {} });

  /** Presses a button of the consent page, for the account of `address`. */
  async function press(page: string, decision: 'accept' | 'cancel', address: string = ADDRESS): Promise<Response> {
    const action = /<form method="post" action="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&');
    return sim.fetch(new URL(action ?? '', LOGIN), {
      method: 'POST',
      body: new URLSearchParams({ decision, account: sim.mailbox(address).id }),
    });
  }

  /** Signs in on the page. @returns what came back to the application */
  async function signIn(change: Fields = {}, address: string = ADDRESS): Promise<URLSearchParams> {
    const page = await visit(change);
    return returned(await press(await page.text(), 'accept', address));
  }

  const post = (fields: Fields, o: { segment?: string; headers?: Record<string, string> } = {}) =>
    sim.fetch(`${LOGIN}/${o.segment ?? tenant}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: o.headers ?? {},
      body: new URLSearchParams(defined(fields)),
    });

  const codeForm = (code: string | null, change: Fields = {}): Fields => ({
    grant_type: 'authorization_code',
    client_id: client.clientId,
    client_secret: client.clientSecret,
    code: code ?? '',
    redirect_uri: REDIRECT,
    code_verifier: VERIFIER,
    ...change,
  });

  const refreshForm = (refreshToken: string, change: Fields = {}): Fields => ({
    grant_type: 'refresh_token',
    client_id: client.clientId,
    client_secret: client.clientSecret,
    refresh_token: refreshToken,
    ...change,
  });

  /** The whole way: sign-in, redemption. */
  async function tokens(change: Fields = {}, address: string = ADDRESS, redeem: Fields = {}): Promise<TokenBody> {
    const code = (await signIn(change, address)).get('code');
    return bodyOf(await post(codeForm(code, redeem)));
  }

  const callGraph = (accessToken: string, path = '/me/events') =>
    sim.fetch(`/v1.0${path}`, { headers: { authorization: `Bearer ${accessToken}` } });

  return {
    ...world,
    client,
    tenant,
    authorizeUrl,
    visit,
    press,
    signIn,
    post,
    codeForm,
    refreshForm,
    tokens,
    callGraph,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came over the wire
export type TokenBody = Record<string, any>;

export const bodyOf = async (response: Response): Promise<TokenBody> => (await response.json()) as TokenBody;

/** The parameters of a redirect. */
export function returned(response: Response): URLSearchParams {
  const url = new URL(response.headers.get('location') ?? 'missing:');
  return url.hash === '' ? url.searchParams : new URLSearchParams(url.hash.slice(1));
}
