import { isSyncError, SyncError } from '../../src/core/errors.ts';
import type { UserId } from '../../src/core/ids.ts';
import type { FetchInit } from '../../src/core/runtime.ts';
import type { SignInClient } from '../../src/graph/sign-in.client.ts';
import type { GraphSimulator, SimulatedMailbox } from '../../src/simulator/index.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import type { Engine } from './engine.ts';

const MINUTE_MS = 60_000;
const USABLE_MS = 50 * MINUTE_MS;
const SCOPES = ['Calendars.ReadWrite', 'MailboxSettings.Read', 'User.Read'];

/**
 * Microsoft's side of a person's sign-in, as far as it is about being let in: MSAL and its signatures go by the machine's
 * clock and chance, and are left out. What the service keeps of a sign-in is its number here.
 */
export class SignInDesk {
  readonly #simulator: GraphSimulator;
  readonly #mailbox: SimulatedMailbox;
  #current = 0;
  #isRevoked = false;

  constructor(parts: { simulator: GraphSimulator; mailbox: SimulatedMailbox }) {
    this.#simulator = parts.simulator;
    this.#mailbox = parts.mailbox;
  }

  get isRevoked(): boolean {
    return this.#isRevoked;
  }

  /** Everything the person signed in to is signed out; tokens that were issued are refused from now on as well. */
  revoke(): void {
    this.#isRevoked = true;
  }

  /**
   * The person signs in, as a browser is led through it.
   *
   * @returns false when their mailbox cannot be looked at just now: they have to come again
   */
  async signIn(engine: Engine, userId: UserId): Promise<boolean> {
    const before = { current: this.#current, isRevoked: this.#isRevoked };
    this.#current += 1;
    this.#isRevoked = false;
    const { authorizationService } = engine.services;
    const caller = { userId, roles: ['user'] as const, mailboxes: [this.#mailbox.address] };
    const { authorizationUrl, browserSecret } = await inScopeOf(userId, () => authorizationService.begin(caller));
    const state = new URL(authorizationUrl).searchParams.get('state') ?? '';
    try {
      const outcome = await authorizationService.complete({ state, code: `code ${this.#current}` }, browserSecret);
      if (outcome.kind === 'connected') return true;
      if (outcome.kind !== 'refused' || outcome.why !== 'away') throw new Error(`${JSON.stringify(outcome)}`);
    } catch (error) {
      // Graph answers a read with 412, which no mailbox can mean: the browser shows an error.
      if (!isSyncError(error, 'precondition-failed')) throw error;
    }
    this.#current = before.current;
    this.#isRevoked = before.isRevoked;
    return false;
  }

  /** @returns Graph's answer to a token of somebody who is signed out */
  refusal(init: FetchInit): Response | undefined {
    if (!this.#isRevoked || init.headers === undefined) return undefined;
    const body = { error: { code: 'InvalidAuthenticationToken', message: 'The user signed out everywhere.' } };
    return new Response(JSON.stringify(body), { status: 401, headers: { 'content-type': 'application/json' } });
  }

  /** Stands in for MSAL in a process. */
  get client(): SignInClient {
    const account = { accountId: `${this.#mailbox.id}.tenant`, objectId: this.#mailbox.id };
    const stub: Pick<SignInClient, 'authorizationUrl' | 'adminConsentUrl' | 'redeem' | 'refresh'> = {
      authorizationUrl: async ({ state }) => `https://login.example/?state=${encodeURIComponent(state)}`,
      adminConsentUrl: () => 'https://login.example/admin',
      redeem: async () => ({
        ...{ ...account, username: this.#mailbox.address, scopes: SCOPES, cache: String(this.#current) },
      }),
      refresh: async ({ cache }) => {
        if (this.#isRevoked || cache !== String(this.#current)) {
          throw new SyncError('unauthenticated', 'the sign-in was revoked', { details: { operator: false } });
        }
        const value = this.#simulator.accessToken({ user: this.#mailbox.address, scopes: SCOPES });
        return { value, usableMs: USABLE_MS, cache };
      },
    };
    return stub as SignInClient;
  }
}
