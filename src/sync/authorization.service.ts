import { createHash } from 'node:crypto';
import { isSyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Random } from '../core/runtime.ts';
import type { CalendarGraph, RemoteCalendar, RemoteMailbox } from '../graph/calendar-graph.ts';
import type { DelegatedTokenProvider } from '../graph/delegated-token.provider.ts';
import type { SignIn, SignInClient } from '../graph/sign-in.client.ts';
import type { AuditRepository } from '../store/audit.repository.ts';
import type { AuthorizationRepository, StoredAuthorization } from '../store/authorization.repository.ts';
import type { StoredConnection } from '../store/connection.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import { inScopeOf, withoutScope } from '../store/row-scope.ts';
import {
  type CallbackOutcome,
  type CallbackQuery,
  type Refusal,
  refusalByMicrosoft,
  refusalOf,
} from './callback-outcome.ts';
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
  /** The object id of the mailbox that the question said would be let go. */
  readonly replaces?: string;
}

/** Who signed in, and what their mailbox has. */
interface SignedIn {
  readonly signIn: SignIn;
  readonly mailbox: RemoteMailbox;
  readonly listed: readonly RemoteCalendar[];
}

type Taken = StoredAuthorization<AuthorizationSecret>;

interface Permission {
  readonly mayConnect: boolean;
  /** The mailbox the person agreed to let go. */
  readonly mayReplace?: string | undefined;
}

/** Codes of Microsoft's live ten minutes, and nobody signs in for longer. */
const PATIENCE_MS = 10 * 60_000;
const STATE_BYTES = 32;
/** Sign-ins a user may have open at a time, in several windows; the oldest make room. */
const MAX_OPEN = 10;
const MAX_ATTEMPTS = 3;

/**
 * Connecting a mailbox by signing in with Microsoft (authorization code with PKCE).
 *
 * The state is bound to whoever asked, works once and for ten minutes. Two things are never taken for granted. The browser
 * that comes back may not be the one that asked: somebody could have sent the address to another person, to get at *their*
 * mailbox; without the cookie of the asking browser the person is told who would see their calendar, and asked. And the
 * account may not be the one that was connected before: then it is asked which is meant, and the answer holds for that one
 * mailbox only. Disconnecting and erasing end what is under way: who is at Microsoft meanwhile comes back to nothing.
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
  readonly #unsubscribe: (userId: UserId) => Promise<void>;

  constructor(
    parts: BindingParts & {
      db: Db;
      graph: CalendarGraph;
      signIns: SignInClient;
      delegatedTokens: DelegatedTokenProvider;
      authorizations: AuthorizationRepository<AuthorizationSecret>;
      audit: AuditRepository;
      /** Ends what Microsoft tells of the mailbox that is bound now. */
      unsubscribe: (userId: UserId) => Promise<void>;
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
    this.#unsubscribe = parts.unsubscribe;
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
      await this.#authorizations.tidy(tx, userId, { now, keep: MAX_OPEN - 1 });
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
    if (!taken) return refused('spent');
    return inScopeOf(taken.userId, async () => {
      const outcome = await this.#completeTaken(taken, query, browserSecret);
      if (outcome.kind === 'refused') await this.#discard(taken);
      return outcome;
    });
  }

  /** The answer to the question a callback ended with. */
  async answer(token: string, mayConnect: boolean): Promise<CallbackOutcome> {
    const taken = await this.#take(token);
    const { signedIn, replaces } = taken?.secret ?? {};
    if (!taken || !signedIn) return refused('spent');
    return inScopeOf(taken.userId, async () => {
      if (mayConnect) return this.#settle(taken, signedIn, { mayConnect, mayReplace: replaces });
      await this.#discard(taken);
      const bound = await this.#binding.connections.find(this.#db, taken.userId);
      return { kind: 'kept', mailbox: bound?.mailbox };
    });
  }

  async #completeTaken(
    taken: Taken,
    query: CallbackQuery,
    browserSecret: string | undefined,
  ): Promise<CallbackOutcome> {
    if (taken.secret.signedIn) return refused('spent');
    // Whatever else is in the address: an error is no consent.
    if (query.error !== undefined || query.code === undefined) return this.#refused(refusalByMicrosoft(query.error));
    try {
      const signedIn = await this.#signIn(query.code, taken.secret);
      const isKnownBrowser = browserSecret !== undefined && hashOf(browserSecret) === taken.browserHash;
      return await this.#settle(taken, signedIn, { mayConnect: isKnownBrowser });
    } catch (error) {
      const why = refusalOf(error);
      if (why === undefined) throw error;
      return this.#refused(why);
    }
  }

  async #discard({ userId, stateHash }: Taken): Promise<void> {
    await this.#db.transaction((tx) => this.#authorizations.finish(tx, userId, stateHash));
  }

  async #take(state: string | undefined): Promise<Taken | undefined> {
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

  /** Connects, or asks first. Somebody may connect another mailbox at that very moment: then it is looked at again. */
  async #settle(taken: Taken, signedIn: SignedIn, may: Permission): Promise<CallbackOutcome> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#settleOnce(taken, signedIn, may);
      } catch (error) {
        if (!isSyncError(error, 'conflict-state') || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** @throws {SyncError} `conflict-state` when another mailbox has come in between; nothing is written then */
  async #settleOnce(taken: Taken, signedIn: SignedIn, may: Permission): Promise<CallbackOutcome> {
    const { userId, stateHash } = taken;
    // While the mailbox that is let go can still be reached; should it stay after all, it is subscribed to again.
    if (may.mayReplace !== undefined) await this.#unsubscribe(userId);
    const outcome = await this.#db.transaction(async (tx): Promise<CallbackOutcome> => {
      if (!(await this.#authorizations.finish(tx, userId, stateHash))) return refused('spent');
      const bound = await this.#binding.connections.find(tx, userId);
      const other = bound?.mailboxId === signedIn.mailbox.id ? undefined : bound;
      if (!may.mayConnect || (other && other.mailboxId !== may.mayReplace)) {
        return this.#ask(tx, taken, signedIn, other);
      }
      if (other) await unbindMailbox(tx, this.#binding, userId);
      await this.#connect(tx, taken, signedIn, bound);
      return { kind: 'connected', mailbox: signedIn.mailbox.address };
    });
    if (outcome.kind === 'connected') this.#tokens.forget(userId);
    return outcome;
  }

  async #ask(
    tx: Tx,
    { userId, secret }: Taken,
    signedIn: SignedIn,
    other: StoredConnection | undefined,
  ): Promise<CallbackOutcome> {
    const token = newSecret(this.#binding.random);
    const now = this.#binding.clock.now();
    const { replaces: _before, ...rest } = secret;
    await this.#authorizations.save(tx, {
      stateHash: hashOf(token),
      userId,
      secret: { ...rest, signedIn, ...(other ? { replaces: other.mailboxId } : {}) },
      createdAt: now,
      expiresAt: new Date(now.getTime() + PATIENCE_MS),
    });
    return {
      kind: 'question',
      token,
      mailbox: signedIn.mailbox.address,
      requestedBy: secret.requestedBy,
      ...(other ? { boundMailbox: other.mailbox } : {}),
    };
  }

  async #connect(
    tx: Tx,
    { userId, secret }: Taken,
    { signIn, mailbox, listed }: SignedIn,
    before: StoredConnection | undefined,
  ): Promise<void> {
    const { roles, correlationId } = secret;
    const { connections, clock, calendars, queue } = this.#binding;
    await bindMailbox(tx, this.#binding, { userId, mailbox, listed, mode: 'delegated', correlationId });
    await connections.saveSignIn(tx, userId, signIn, clock.now());
    await calendars.bringForward(tx, userId);
    if (before?.status === 'REAUTH_REQUIRED') {
      // What waited may be in any calendar, and background syncs may be off.
      await queue.enqueue(tx, {
        userId,
        calendarId: 'all',
        trigger: 'change',
        ...(correlationId ? { correlationId } : {}),
      });
    }
    await this.#audit.append(tx, {
      at: clock.now(),
      actor: userId,
      actorRoles: roles,
      action: 'connection.connected',
      subject: userId,
      target: signIn.accountId,
      correlationId,
      details: {
        isOtherMailbox: before !== undefined && before.mailboxId !== mailbox.id,
        isAgain: before !== undefined,
      },
    });
  }

  #refused(why: Refusal): CallbackOutcome {
    return why === 'consent' ? refused(why, this.#adminConsentUrl()) : refused(why);
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
