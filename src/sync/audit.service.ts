import { SyncError } from '../core/errors.ts';
import type { Clock } from '../core/runtime.ts';
import type { AuditAction, AuditEntry, AuditRepository } from '../store/audit.repository.ts';
import type { Db } from '../store/db.ts';
import type { RetentionRepository } from '../store/retention.repository.ts';
import { readInstant } from './event-cursor.ts';

export interface AuditLogQuery {
  /** Whose data it was about. */
  readonly userId?: string;
  readonly actor?: string;
  readonly action?: AuditAction;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export interface AuditEntryView extends Omit<AuditEntry, 'at'> {
  readonly at: string;
}

/** Who did what to whose data, for administrators; the caller sees to it that nobody else asks. */
export class AuditService {
  readonly #db: Db;
  readonly #audit: AuditRepository;
  readonly #retention: RetentionRepository;
  readonly #clock: Clock;

  constructor(parts: { db: Db; audit: AuditRepository; retention: RetentionRepository; clock: Clock }) {
    this.#db = parts.db;
    this.#audit = parts.audit;
    this.#retention = parts.retention;
    this.#clock = parts.clock;
  }

  /**
   * Newest first.
   *
   * @throws {SyncError} `invalid-input` for a cursor or an instant that cannot be read
   */
  async list(query: AuditLogQuery): Promise<{ items: AuditEntryView[]; nextCursor: string | null }> {
    const { userId: subject, actor, action, limit } = query;
    if (subject?.includes('\0') || actor?.includes('\0')) return { items: [], nextCursor: null };
    const found = await this.#audit.list(this.#db, {
      subject,
      actor,
      action,
      from: query.from === undefined ? undefined : readInstant(query.from, 'from'),
      to: query.to === undefined ? undefined : readInstant(query.to, 'to'),
      before: query.cursor === undefined ? undefined : readCursor(query.cursor),
      limit: limit + 1,
    });
    const items = found.slice(0, limit).map((entry) => ({ ...entry, at: entry.at.toISOString() }));
    const last = items.at(-1);
    return { items, nextCursor: found.length > limit && last ? writeCursor(last.id) : null };
  }

  /** @param refused.origin  stands for where the request came from, and is no address */
  async noteRefusedLogin(refused: { origin: string; reason: string; correlationId: string }): Promise<void> {
    const { origin, reason, correlationId } = refused;
    await this.#db.transaction((tx) =>
      this.#audit.append(tx, {
        at: this.#clock.now(),
        actor: null,
        action: 'login.refused',
        target: origin,
        outcome: 'refused',
        correlationId,
        details: { reason },
      }),
    );
  }

  /** When old rows were last deleted, and how many of each kind. */
  async lastRetention(): Promise<{ at: Date; counts: Readonly<Record<string, number>> } | undefined> {
    return this.#retention.lastRun(this.#db);
  }
}

function writeCursor(id: string): string {
  return Buffer.from(`audit.${id}`, 'utf8').toString('base64url');
}

function readCursor(text: string): string {
  const match = /^audit\.(\d{1,18})$/.exec(Buffer.from(text, 'base64url').toString('utf8'));
  if (match?.[1] && writeCursor(match[1]) === text) return match[1];
  throw new SyncError('invalid-input', 'the cursor is not one this list gave out', {
    problems: [{ path: 'cursor', message: 'must be the nextCursor of an earlier answer to the same query' }],
  });
}
