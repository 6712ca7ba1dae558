import { createHash } from 'node:crypto';
import { isSyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Random } from '../core/runtime.ts';
import type { CalendarGraph, RemoteCalendar, RemoteMailbox } from '../graph/calendar-graph.ts';
import type { DelegatedTokenProvider } from '../graph/delegated-token.provider.ts';
import type { SignIn, SignInClient } from '../graph/sign-in.client.ts';
import type { AuditRepository } from '../store/audit.repository.ts';
import type { AuthorizationRepository, StoredAuthorization } from '../store/authorization.repository.ts';
import type { Db } from '../store/db.ts';
import { inScopeOf, withoutScope } from '../store/row-scope.ts';
import type { Caller } from './connection.service.ts';
import { type BindingParts, bindMailbox, unbindMailbox } from './connection-binding.ts';
import { askMailbox } from './mailbox-question.ts';

/** What a sign-in under way knows of itself; encrypted. */
export interface AuthorizationSecret {
  readonly codeVerifier: string;
  /** How the page calls whoever asked. */
  readonly requestedBy: string;
  readonly roles: readonly string[];
  readonly correlationId?: string | undefined;
  /** Present once Microsoft's part is done and a question is open. */
  readonly signedIn?: SignedIn;
}

/** Who signed in, and what their mailbox has. */
interface SignedIn {
  readonly signIn: SignIn;
  readonly mailbox: RemoteMailbox;
  readonly listed: readonly RemoteCalendar[];
}

/** What the person who comes back from Microsoft is told. */
export type CallbackOutcome =
  | { readonly kind: 'connected'; readonly mailbox: string }
  | { readonly kind: 'kept'; readonly mailbox: string | undefined }
  | {
      readonly kind: 'question';
      /** Proof that the page's form is answered; good for one answer. */
      readonly token: string;
      readonly mailbox: string;
      readonly requestedBy: string;
      /** The mailbox that would be let go for it. */
      readonly boundMailbox?: string;
    }
  | { readonly kind: 'refused'; readonly why: Refusal; readonly adminConsentUrl?: string };

/** Why a sign-in came to nothing: the page has a text for each. */
export type Refusal = 'spent' | 'cancelled' | 'consent' | 'policy' | 'code' | 'mailbox' | 'away' | 'operator';

/** What Microsoft adds to the callback's address. */
export interface CallbackQuery {
  readonly state?: string | undefined;
  readonly code?: string | undefined;
  readonly error?: string | undefined;
}

/** Codes of Microsoft's live ten minutes, and nobody signs in for longer. */
const PATIENCE_MS = 10 * 60_000;
const STATE_BYTES = 32;

/**
 * Connecting a mailbox by signing in with Microsoft (authorization code with PKCE).
 *
 * The state is bound to whoever asked, works once and for ten minutes. Two things are never taken for granted. The browser
 * that comes back may not be the one that asked: somebody could have sent the address to another person, to get at *their*
 * mailbox; without the cookie of the asking browser the person is told who would see their calendar, and asked. And the
 * account may not be the one that was connected before: then it is asked which is meant.
 */
export class AuthorizationService {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #signIns: SignInClient;
  readonly #tokens: DelegatedTokenProvider;
  readonly #authorizations: AuthorizationRepository<AuthorizationSecret>;
  readonly #audit: AuditRepository;
  readonly #binding: BindingParts;
  readonly #redirectUri: string;

  constructor(
    parts: BindingParts & {
      db: Db;
      graph: CalendarGraph;
      signIns: SignInClient;
      delegatedTokens: DelegatedTokenProvider;
      authorizations: AuthorizationRepository<AuthorizationSecret>;
      audit: AuditRepository;
      /** `PUBLIC_URL`, as browsers and Microsoft reach this service. */
      publicUrl: string;
    },
  ) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#signIns = parts.signIns;
    this.#tokens = parts.delegatedTokens;
    this.#authorizations = parts.authorizations;
    this.#audit = parts.audit;
    this.#binding = parts;
    this.#redirectUri = `${parts.publicUrl}/calendar/connection/callback`;
  }

  /**
   * @returns where the caller's browser is to go, and what it is to bring back in a cookie; the address for a tenant's
   *   administrator who has to consent first
   */
  async begin(
    caller: Caller,
    how: { readonly correlationId?: string } = {},
  ): Promise<{ authorizationUrl: string; adminConsentUrl: string; browserSecret: string; validSeconds: number }> {
    const { clock, random, connections } = this.#binding;
    const [state, codeVerifier, browserSecret] = [newSecret(random), newSecret(random), newSecret(random)];
    const now = clock.now();
    const { userId } = caller;
    const connection = await this.#db.transaction(async (tx) => {
      await this.#authorizations.deleteEnded(tx, userId, now);
      const requestedBy = caller.mailboxes[0] ?? userId;
      await this.#authorizations.save(tx, {
        stateHash: hashOf(state),
        userId,
        secret: { codeVerifier, requestedBy, roles: caller.roles, correlationId: how.correlationId },
        browserHash: hashOf(browserSecret),
        createdAt: now,
        expiresAt: new Date(now.getTime() + PATIENCE_MS),
      });
      return connections.find(tx, userId);
    });
    const authorizationUrl = await this.#signIns.authorizationUrl({
      state,
      codeChallenge: createHash('sha256').update(codeVerifier).digest('base64url'),
      redirectUri: this.#redirectUri,
      loginHint: connection?.mode === 'delegated' ? connection.mailbox : caller.mailboxes[0],
      claims: connection?.challenge,
    });
    const adminConsentUrl = this.#signIns.adminConsentUrl({ redirectUri: this.#redirectUri, state });
    return { authorizationUrl, adminConsentUrl, browserSecret, validSeconds: PATIENCE_MS / 1000 };
  }

  /** What Microsoft sent the browser back with. Never throws for what a caller could have put into the address. */
  async complete(query: CallbackQuery, browserSecret: string | undefined): Promise<CallbackOutcome> {
    const taken = await this.#take(query.state);
    if (!taken || taken.secret.signedIn) return refused('spent');
    return inScopeOf(taken.userId, async () => {
      if (query.error !== undefined || query.code === undefined) return this.#refusedByMicrosoft(query.error);
      try {
        const signedIn = await this.#signIn(query.code, taken.secret);
        const isKnownBrowser = browserSecret !== undefined && hashOf(browserSecret) === taken.browserHash;
        return await this.#settle({ ...taken.secret, signedIn }, taken.userId, { mayConnect: isKnownBrowser });
      } catch (error) {
        return this.#refusedBy(error);
      }
    });
  }

  /** The answer to the question a callback ended with. */
  async answer(token: string, mayConnect: boolean): Promise<CallbackOutcome> {
    const taken = await this.#take(token);
    const { signedIn, ...secret } = taken?.secret ?? {};
    if (!taken || !signedIn) return refused('spent');
    return inScopeOf(taken.userId, async () => {
      if (!mayConnect) {
        const bound = await this.#binding.connections.find(this.#db, taken.userId);
        return { kind: 'kept', mailbox: bound?.mailbox };
      }
      await this.#connect({ ...(secret as AuthorizationSecret), signedIn }, taken.userId);
      return { kind: 'connected', mailbox: signedIn.mailbox.address };
    });
  }

  async #take(state: string | undefined): Promise<StoredAuthorization<AuthorizationSecret> | undefined> {
    if (state === undefined || state === '') return undefined;
    const stateHash = hashOf(state);
    const userId = await withoutScope(() => this.#authorizations.findOwner(this.#db, stateHash));
    if (userId === undefined) return undefined;
    return inScopeOf(userId, () =>
      this.#db.transaction((tx) => this.#authorizations.take(tx, userId, stateHash, this.#binding.clock.now())),
    );
  }

  async #signIn(code: string, { codeVerifier, correlationId }: AuthorizationSecret): Promise<SignedIn> {
    const signIn = await this.#signIns.redeem({ code, codeVerifier, redirectUri: this.#redirectUri });
    const { value, latest } = await this.#tokens.provisionally(signIn, async (provisional) => {
      const ask = <T>(question: (session: Parameters<CalendarGraph['getMailbox']>[0]) => Promise<T>): Promise<T> =>
        askMailbox(this.#binding, { mailbox: signIn.objectId, signIn: provisional, correlationId }, question);
      const mailbox = await ask((session) => this.#graph.getMailbox(session));
      return { mailbox, listed: await ask((session) => this.#graph.listCalendars(session)) };
    });
    return { signIn: latest, ...value };
  }

  async #settle(
    secret: AuthorizationSecret & { signedIn: SignedIn },
    userId: UserId,
    { mayConnect }: { mayConnect: boolean },
  ): Promise<CallbackOutcome> {
    const { mailbox } = secret.signedIn;
    const bound = await this.#binding.connections.find(this.#db, userId);
    const isOther = bound !== undefined && bound.mailboxId !== mailbox.id;
    if (mayConnect && !isOther) {
      await this.#connect(secret, userId);
      return { kind: 'connected', mailbox: mailbox.address };
    }
    const token = newSecret(this.#binding.random);
    const now = this.#binding.clock.now();
    await this.#db.transaction((tx) =>
      this.#authorizations.save(tx, {
        stateHash: hashOf(token),
        userId,
        secret,
        createdAt: now,
        expiresAt: new Date(now.getTime() + PATIENCE_MS),
      }),
    );
    return {
      kind: 'question',
      token,
      mailbox: mailbox.address,
      requestedBy: secret.requestedBy,
      ...(isOther ? { boundMailbox: bound.mailbox } : {}),
    };
  }

  async #connect(secret: AuthorizationSecret & { signedIn: SignedIn }, userId: UserId): Promise<void> {
    const { signIn, mailbox, listed } = secret.signedIn;
    const { correlationId } = secret;
    const { connections, clock } = this.#binding;
    await this.#db.transaction(async (tx) => {
      const bound = await connections.find(tx, userId);
      if (bound && bound.mailboxId !== mailbox.id) await unbindMailbox(tx, this.#binding, userId);
      await bindMailbox(tx, this.#binding, { userId, mailbox, listed, mode: 'delegated', correlationId });
      await connections.saveSignIn(tx, userId, signIn, clock.now());
      await this.#binding.calendars.bringForward(tx, userId);
      await this.#audit.append(tx, {
        at: clock.now(),
        actor: userId,
        actorRoles: secret.roles,
        action: 'connection.connected',
        subject: userId,
        target: signIn.accountId,
        correlationId,
        details: {
          isOtherMailbox: bound !== undefined && bound.mailboxId !== mailbox.id,
          isAgain: bound !== undefined,
        },
      });
    });
    this.#tokens.forget(userId);
  }

  #refusedByMicrosoft(error: string | undefined): CallbackOutcome {
    if (error === 'access_denied') return refused('cancelled');
    if (error === 'consent_required') return refused('consent', this.#adminConsentUrl());
    if (error === 'temporarily_unavailable' || error === 'server_error') return refused('away');
    if (error === 'unauthorized_client' || error === 'invalid_request' || error === 'invalid_scope')
      return refused('operator');
    return refused('policy');
  }

  #refusedBy(error: unknown): CallbackOutcome {
    if (!isSyncError(error)) throw error;
    if (error.code === 'unauthenticated') {
      return error.details?.['operator'] === true ? refused('operator') : refused('consent', this.#adminConsentUrl());
    }
    if (error.code === 'unavailable' || error.code === 'throttled') return refused('away');
    if (error.code === 'not-found' || error.code === 'forbidden') return refused('mailbox');
    if (error.code === 'rejected') return refused(error.graphCode === 'invalid_grant' ? 'code' : 'mailbox');
    throw error;
  }

  #adminConsentUrl(): string {
    return this.#signIns.adminConsentUrl({ redirectUri: this.#redirectUri, state: newSecret(this.#binding.random) });
  }
}

function refused(why: Refusal, adminConsentUrl?: string): CallbackOutcome {
  return { kind: 'refused', why, ...(adminConsentUrl === undefined ? {} : { adminConsentUrl }) };
}

function newSecret(random: Random): string {
  return Buffer.from(random.bytes(STATE_BYTES)).toString('base64url');
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
