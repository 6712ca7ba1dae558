import { SyncError } from '../core/errors.ts';
import { DEFAULT_CALENDAR_ID, type UserId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { CalendarGraph, RemoteCalendar, RemoteMailbox } from '../graph/calendar-graph.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { ConflictRepository } from '../store/conflict.repository.ts';
import type { ConnectionRepository, StoredConnection } from '../store/connection.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { RunRepository } from '../store/run.repository.ts';
import { saveCalendarList } from './calendar-list.ts';
import { askMailbox } from './mailbox-question.ts';
import type { RunQueue } from './run-queue.ts';

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
  readonly #connections: ConnectionRepository;
  readonly #calendars: CalendarRepository;
  readonly #cursors: CursorRepository;
  readonly #bases: BaseRepository;
  readonly #conflicts: ConflictRepository;
  readonly #runs: RunRepository;
  readonly #leases: LeaseRepository;
  readonly #queue: RunQueue;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    connections: ConnectionRepository;
    calendars: CalendarRepository;
    cursors: CursorRepository;
    bases: BaseRepository;
    conflicts: ConflictRepository;
    runs: RunRepository;
    leases: LeaseRepository;
    queue: RunQueue;
    clock: Clock;
    random: Random;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#connections = parts.connections;
    this.#calendars = parts.calendars;
    this.#cursors = parts.cursors;
    this.#bases = parts.bases;
    this.#conflicts = parts.conflicts;
    this.#runs = parts.runs;
    this.#leases = parts.leases;
    this.#queue = parts.queue;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /** @throws {SyncError} `not-found` without one */
  async get(userId: UserId): Promise<ConnectionView> {
    const connection = await this.#connections.find(this.#db, userId);
    if (!connection) throw notConnected();
    return viewOf(connection, this.#clock.now());
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
    const parts = { clock: this.#clock, random: this.#random };
    const { correlationId } = input;
    // Graph may know an alias under another address; requests go to the object id, which never changes.
    const found = await askMailbox(parts, { mailbox: address, correlationId }, (session) =>
      this.#graph.getMailbox(session),
    );
    const listed = await askMailbox(parts, { mailbox: found.id, correlationId }, (session) =>
      this.#graph.listCalendars(session),
    );
    await this.#db.transaction((tx) => this.#save(tx, userId, found, listed, correlationId));
    return this.get(userId);
  }

  /**
   * Forgets the mailbox: what was agreed on with it, where its delta streams were, and what waited to be decided. The
   * application's own events stay as they are; nothing is deleted on either side, also not when the mailbox is connected
   * again: then what exists on both sides is joined, as at the very first time.
   *
   * @throws {SyncError} `not-found` when none is connected
   */
  async disconnect(userId: UserId): Promise<void> {
    await this.#db.transaction(async (tx) => {
      if (!(await this.#connections.find(tx, userId))) throw notConnected();
      const at = this.#clock.now();
      // First of all, so that a run at work writes nothing more.
      await this.#leases.revoke(tx, userId);
      await this.#runs.cancelAll(tx, userId, at);
      await this.#conflicts.closePending(tx, userId, { at, reason: 'the mailbox was disconnected' });
      await this.#bases.unlinkAll(tx, userId);
      await this.#calendars.forgetProgress(tx, userId);
      await this.#connections.delete(tx, userId);
    });
  }

  async #save(
    tx: Tx,
    userId: UserId,
    mailbox: RemoteMailbox,
    listed: readonly RemoteCalendar[],
    correlationId: string | undefined,
  ): Promise<void> {
    await this.#calendars.lockList(tx, userId);
    const bound = await this.#connections.find(tx, userId);
    if (bound && bound.mailboxId !== mailbox.id) {
      throw new SyncError(
        'conflict-state',
        'another mailbox is connected: DELETE /calendar/connection first (no event is lost)',
      );
    }
    const now = this.#clock.now();
    const { id: mailboxId, address, timeZone } = mailbox;
    await this.#connections.save(tx, { userId, mailbox: address, mailboxId, mode: 'application', timeZone }, now);
    const parts = {
      calendars: this.#calendars,
      cursors: this.#cursors,
      leases: this.#leases,
      random: this.#random,
    };
    await saveCalendarList(tx, parts, userId, listed, now);
    await this.#queue.enqueue(tx, {
      userId,
      calendarId: DEFAULT_CALENDAR_ID,
      trigger: 'change',
      ...(correlationId ? { correlationId } : {}),
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
