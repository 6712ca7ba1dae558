import { expect } from 'vitest';
import { type Answer, type ApiWorld, type Claims, OWNER } from './api-world.ts';

export const CALLBACK = '/calendar/connection/callback';

export interface Begun {
  readonly authorizationUrl: string;
  readonly adminConsentUrl: string;
}

/** A person who signs in with Microsoft, step by step: where their browser is sent, and what it brings back. */
export class SignInVisits {
  readonly #api: ApiWorld;

  constructor(api: ApiWorld) {
    this.#api = api;
  }

  async begin(as: Claims = OWNER): Promise<{ url: URL; cookie: string; answer: Answer<Begun> }> {
    const answer = await this.#api.call<Begun>('POST', '/calendar/connection/authorize', { as });
    expect(answer.status).toBe(200);
    return {
      url: new URL(answer.body.authorizationUrl),
      cookie: String(answer.headers['set-cookie']).split(';')[0]!,
      answer,
    };
  }

  /** At Microsoft: chooses an account, agrees, and is sent back. @returns the address here, with everything in it */
  async visitMicrosoft(url: URL, account?: string): Promise<string> {
    if (account) url.searchParams.set('login_hint', account);
    const answer = await this.#api.sync.simulator.fetch(url.href, { redirect: 'manual' });
    expect(answer.status).toBe(302);
    const back = new URL(answer.headers.get('location') ?? '');
    expect(back.pathname.endsWith(CALLBACK)).toBe(true);
    return `${CALLBACK}${back.search}`;
  }

  comeBack(address: string, cookie?: string): Promise<Answer<string>> {
    return this.#api.call<string>('GET', address, { as: null, ...(cookie ? { headers: { cookie } } : {}) });
  }

  async signIn(o: { as?: Claims; account?: string; withCookie?: boolean } = {}): Promise<Answer<string>> {
    const { url, cookie } = await this.begin(o.as);
    return this.comeBack(await this.visitMicrosoft(url, o.account), o.withCookie === false ? undefined : cookie);
  }

  /** Presses a button on the question's page. */
  async answer(page: string, connect: 'yes' | 'no'): Promise<Answer<string>> {
    const payload = new URLSearchParams({ token: tokenIn(page), connect }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await this.#api.server.inject({ method: 'POST', url: CALLBACK, headers, payload });
    return this.#api.seen('POST', CALLBACK, answer) as Answer<string>;
  }

  async connection(as: Claims = OWNER): Promise<Record<string, unknown>> {
    return (await this.#api.call('GET', '/calendar/connection', { as })).body;
  }
}

export const tokenIn = (page: string): string => /name="token" value="([^"]+)"/.exec(page)?.[1] ?? '';
