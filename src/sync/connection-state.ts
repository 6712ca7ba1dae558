import { isSyncError, SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Clock, Logger } from '../core/runtime.ts';
import type { AuditRepository } from '../store/audit.repository.ts';
import type { ConnectionRepository, StoredConnection } from '../store/connection.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import { inScopeOf } from '../store/row-scope.ts';

/** Whether only the person who signed in can help: everything else about tokens is the operator's, or passes. */
export function isPersonsTrouble(error: unknown): error is SyncError {
  return isSyncError(error, 'unauthenticated') && error.details?.['operator'] !== true;
}

/** @returns what a caller is told about a connection that waits for its person */
export function signInAgain(cause?: unknown): SyncError {
  return new SyncError(
    'reauth-required',
    'Microsoft wants a new sign-in for this mailbox: POST /calendar/connection/authorize (nothing is lost meanwhile)',
    cause === undefined ? {} : { cause },
  );
}

/** @throws {SyncError} `reauth-required` while the person has to sign in again */
export function assertUsable({ status }: Pick<StoredConnection, 'status'>): void {
  if (status === 'REAUTH_REQUIRED') throw signInAgain();
}

/** The one place that decides what a refused token means for a connection. */
export class ConnectionState {
  readonly #db: Db;
  readonly #connections: ConnectionRepository;
  readonly #audit: AuditRepository;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(parts: {
    db: Db;
    connections: ConnectionRepository;
    audit: AuditRepository;
    clock: Clock;
    logger: Logger;
  }) {
    this.#db = parts.db;
    this.#connections = parts.connections;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
  }

  /**
   * Writes down what an error says of the way to the mailbox, if it says anything. A connection that is another one by now
   * (somebody signed in anew meanwhile) is left alone.
   */
  async noteTrouble(connection: StoredConnection, error: unknown, correlationId?: string): Promise<void> {
    if (!isSyncError(error, 'unauthenticated')) return;
    if (connection.mode === 'delegated' && isPersonsTrouble(error)) {
      await this.#requireSignIn(connection, error, correlationId);
      return;
    }
    // The application's own credentials are the operator's trouble: nobody is asked to sign in again for them.
    await this.#inScope(connection.userId, (tx) => this.#connections.markTroubled(tx, connection, error.message));
  }

  /**
   * Does something with a mailbox while somebody waits for it.
   *
   * @throws {SyncError} `reauth-required` when it shows that the person has to sign in again
   */
  async watched<T>(
    connection: StoredConnection,
    correlationId: string | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const refusal = isSyncError(error, 'reauth-required') ? error.cause : error;
      if (connection.mode !== 'delegated' || !isPersonsTrouble(refusal)) throw error;
      await this.noteTrouble(connection, refusal, correlationId);
      throw signInAgain(refusal);
    }
  }

  /** The mailbox was reached. */
  async noteWell(connection: StoredConnection): Promise<void> {
    if (connection.status !== 'ERROR') return;
    await this.#inScope(connection.userId, (tx) => this.#connections.markWell(tx, connection));
  }

  async #requireSignIn(connection: StoredConnection, error: SyncError, correlationId?: string): Promise<void> {
    const { userId, accountId } = connection;
    const version = error.details?.['tokenVersion'];
    await this.#inScope(userId, async (tx) => {
      const isNews = await this.#connections.markReauthRequired(tx, connection, {
        message: error.message,
        challenge: challengeOf(error),
        ...(typeof version === 'number' ? { tokenVersion: version } : {}),
      });
      if (!isNews) return;
      await this.#audit.append(tx, {
        at: this.#clock.now(),
        actor: null,
        action: 'connection.reauth_required',
        subject: userId,
        target: accountId,
        correlationId,
        details: { reason: error.graphCode ?? null },
      });
      this.#logger.warn({ userId, reason: error.graphCode }, 'a sign-in has ended; its mailbox waits for a new one');
    });
  }

  #inScope<T>(userId: UserId, work: (tx: Tx) => Promise<T>): Promise<T> {
    return inScopeOf(userId, () => this.#db.transaction(work));
  }
}

/** The identity platform says its claims as they are, Graph in base64; whatever is no JSON is of no use to anybody. */
function challengeOf({ details }: SyncError): string | undefined {
  const claims = details?.['claims'];
  if (typeof claims !== 'string') return undefined;
  for (const text of [claims, Buffer.from(claims, 'base64').toString('utf8')]) {
    if (isJsonObject(text)) return text;
  }
  return undefined;
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
