import { SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { CalendarGraph } from '../graph/calendar-graph.ts';
import type { AuditAction, AuditRepository } from '../store/audit.repository.ts';
import type { AuthorizationRepository } from '../store/authorization.repository.ts';
import type { StoredConnection } from '../store/connection.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import { type BindingParts, bindMailbox, unbindMailbox } from './connection-binding.ts';
import { askMailbox } from './mailbox-question.ts';

/** Who asks, as their token says. */
export interface Caller {
  readonly userId: UserId;
  readonly roles: readonly ('user' | 'operator' | 'admin')[];
  /** The addresses the token vouches for, in lower case. */
  readonly mailboxes: readonly string[];
}

export interface ConnectionView {
  readonly mode: 'application' | 'delegated';
  readonly mailbox: string;
  readonly status: string;
  readonly error: string | null;
  readonly timeZone: string | null;
  readonly connectedAt: string;
  /** Graph asked for silence until then. */
  readonly pausedUntil: string | null;
}

/** An address, or a mailbox's object id. */
const MAILBOX = /^[^\s@]+@[^\s@]+$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAX_ADDRESS_LENGTH = 320;

/**
 * Which mailbox a user's calendars are in.
 *
 * Several users may be bound to one mailbox (a shared one, by an admin): each has events, settings and history of their
 * own, and what one changes reaches the other through Outlook.
 */
export class ConnectionService {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #audit: AuditRepository;
  readonly #authorizations: Pick<AuthorizationRepository<unknown>, 'deleteAll'>;
  readonly #binding: BindingParts;
  readonly #forgetTokens: (userId: UserId) => void;
  readonly #unsubscribe: (userId: UserId) => Promise<void>;

  constructor(
    parts: BindingParts & {
      db: Db;
      graph: CalendarGraph;
      audit: AuditRepository;
      authorizations: Pick<AuthorizationRepository<unknown>, 'deleteAll'>;
      /** Told that somebody's sign-in is gone. */
      forgetTokens: (userId: UserId) => void;
      /** Ends the subscription at Microsoft. */
      unsubscribe: (userId: UserId) => Promise<void>;
    },
  ) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#audit = parts.audit;
    this.#authorizations = parts.authorizations;
    this.#binding = parts;
    this.#forgetTokens = parts.forgetTokens;
    this.#unsubscribe = parts.unsubscribe;
  }

  /** @throws {SyncError} `not-found` without one */
  async get(userId: UserId): Promise<ConnectionView> {
    const connection = await this.#binding.connections.find(this.#db, userId);
    if (!connection) throw notConnected();
    return viewOf(connection, this.#binding.clock.now());
  }

  /**
   * Binds a mailbox with the service's own permissions and queues its first run. The same mailbox again is a fresh start
   * after trouble and changes nothing else.
   *
   * @param input.userId  for whom; only an admin may bind for somebody else, or a mailbox their token does not name
   * @throws {SyncError} `access-denied`; `invalid-input`; `not-found` or `rejected` for a mailbox Graph does not serve;
   *   `unavailable` and `throttled`; `conflict-state` while another mailbox is bound
   */
  async connectApplication(
    caller: Caller,
    input: { mailbox: string; userId?: string; correlationId?: string },
  ): Promise<ConnectionView> {
    const userId = (input.userId ?? caller.userId) as UserId;
    const address = input.mailbox.trim();
    assertAllowed(caller, userId, address);
    const { correlationId } = input;
    // Graph may know an alias under another address; requests go to the object id, which never changes.
    const found = await askMailbox(this.#binding, { mailbox: address, correlationId }, (session) =>
      this.#graph.getMailbox(session),
    );
    const listed = await askMailbox(this.#binding, { mailbox: found.id, correlationId }, (session) =>
      this.#graph.listCalendars(session),
    );
    await this.#db.transaction(async (tx) => {
      await bindMailbox(tx, this.#binding, { userId, mailbox: found, listed, mode: 'application', correlationId });
      await this.#note(tx, caller, 'connection.bound', userId, correlationId);
    });
    this.#forgetTokens(userId);
    return this.get(userId);
  }

  /**
   * Forgets the mailbox: what was agreed on with it, where its delta streams were, and what waited to be decided. The
   * application's own events stay as they are; nothing is deleted on either side, also not when the mailbox is connected
   * again: then what exists on both sides is joined, as at the very first time.
   *
   * @throws {SyncError} `not-found` when none is connected
   */
  async disconnect(
    userId: UserId,
    how: { readonly caller?: Pick<Caller, 'userId' | 'roles'>; readonly correlationId?: string } = {},
  ): Promise<void> {
    // While the mailbox can still be reached: Microsoft must not tell of a calendar nobody here has any business with.
    await this.#unsubscribe(userId);
    await this.#db.transaction(async (tx) => {
      if (!(await this.#binding.connections.find(tx, userId))) throw notConnected();
      // Whoever is at Microsoft to sign in for this user comes back to nothing.
      await this.#authorizations.deleteAll(tx, userId);
      await unbindMailbox(tx, this.#binding, userId);
      const caller = how.caller ?? { userId, roles: [] };
      await this.#note(tx, caller, 'connection.disconnected', userId, how.correlationId);
    });
    this.#forgetTokens(userId);
  }

  #note(
    tx: Tx,
    caller: Pick<Caller, 'userId' | 'roles'>,
    action: AuditAction,
    subject: UserId,
    correlationId: string | undefined,
  ): Promise<void> {
    const at = this.#binding.clock.now();
    return this.#audit.append(tx, {
      at,
      actor: caller.userId,
      actorRoles: caller.roles,
      action,
      subject,
      correlationId,
    });
  }
}

/** Judged by what the token says, before anything is asked: whether a mailbox exists is nobody else's business. */
function assertAllowed(caller: Caller, userId: UserId, address: string): void {
  const isAdmin = caller.roles.includes('admin');
  if (userId !== caller.userId && !isAdmin) {
    throw new SyncError('access-denied', 'only an admin may connect a mailbox for somebody else');
  }
  if (!isAdmin && !caller.mailboxes.includes(address.toLowerCase())) {
    throw new SyncError(
      'access-denied',
      'the mailbox is not one your token names (email, preferred_username, upn); an admin may connect others',
    );
  }
  if (address.length > MAX_ADDRESS_LENGTH || !MAILBOX.test(address)) {
    throw new SyncError('invalid-input', 'the mailbox cannot be read', {
      problems: [{ path: 'mailbox', message: "must be an address, e.g. ada@example.com, or a mailbox's object id" }],
    });
  }
}

function notConnected(): SyncError {
  return new SyncError('not-found', 'no mailbox is connected: PUT /calendar/connection first');
}

function viewOf(connection: StoredConnection, now: Date): ConnectionView {
  const { pausedUntil } = connection;
  return {
    mode: connection.mode,
    mailbox: connection.mailbox,
    status: connection.status,
    error: connection.errorMessage ?? null,
    timeZone: connection.timeZone ?? null,
    connectedAt: connection.createdAt.toISOString(),
    pausedUntil: pausedUntil && pausedUntil > now ? pausedUntil.toISOString() : null,
  };
}
