import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import { toDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';

/** What the audit log tells of, as a closed list. */
export const AUDIT_ACTIONS = [
  'login.refused',
  'connection.connected',
  'connection.disconnected',
  'connection.reauth_required',
  'connection.bound',
  'conflict.resolved',
  'settings.changed',
  'calendar.settings_changed',
  'webhook.created',
  'webhook.deleted',
  'webhook.changed',
  'webhook.disabled',
  'privacy.exported',
  'privacy.erased',
  'run.cancelled',
  'run.reverted',
  'keys.rotated',
  'retention.began',
  'retention.ran',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** One line: who did what to whose data. Ids and counts, never content, addresses or tokens. */
export interface AuditNote {
  readonly at: Date;
  /** A user's id; `null`: the service by itself. */
  readonly actor: string | null;
  readonly actorRoles?: readonly string[];
  readonly action: AuditAction;
  /** Whose data it was about. */
  readonly subject?: string | undefined;
  /** The id of what it was done to. */
  readonly target?: string | undefined;
  readonly outcome?: 'done' | 'refused' | 'failed';
  readonly correlationId?: string | undefined;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

export interface AuditQuery {
  readonly subject?: string | undefined;
  readonly actor?: string | undefined;
  readonly action?: AuditAction | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly limit: number;
  /** Entries older than this one, for the next page. */
  readonly before?: string | undefined;
}

export interface AuditEntry extends Required<Omit<AuditNote, 'subject' | 'target' | 'correlationId' | 'details'>> {
  readonly id: string;
  readonly subject: string | null;
  readonly target: string | null;
  readonly correlationId: string | null;
  readonly details: AuditNote['details'] | null;
}

/** The audit log. The database takes new lines from everybody and lets nobody change one. */
export class AuditRepository {
  async append(tx: Tx, note: AuditNote): Promise<void> {
    await sql`
      insert into "AuditEntry" (at, actor, "actorRoles", action, subject, target, outcome, "correlationId", details)
      values (${note.at.toISOString()}::timestamptz, ${note.actor}, ${[...(note.actorRoles ?? [])]}::text[],
        ${note.action}, ${note.subject ?? null}, ${note.target ?? null}, ${note.outcome ?? 'done'},
        ${note.correlationId ?? null}, ${note.details === undefined ? null : JSON.stringify(note.details)}::jsonb)
    `.execute(tx.kysely);
  }

  /** Newest first. */
  async list(q: Queryable, query: AuditQuery): Promise<AuditEntry[]> {
    const { subject, actor, action, from, to, limit, before } = query;
    const found = await sql<Omit<AuditEntry, 'at'> & { at: unknown }>`
      select id::text, at, actor, "actorRoles", action, subject, target, outcome, "correlationId", details
      from "AuditEntry"
      where (${subject ?? null}::text is null or subject = ${subject ?? null})
        and (${actor ?? null}::text is null or actor = ${actor ?? null})
        and (${action ?? null}::text is null or action = ${action ?? null})
        and (${from?.toISOString() ?? null}::timestamptz is null or at >= ${from?.toISOString() ?? null}::timestamptz)
        and (${to?.toISOString() ?? null}::timestamptz is null or at < ${to?.toISOString() ?? null}::timestamptz)
        and (${before ?? null}::bigint is null or id < ${before ?? null}::bigint)
      order by id desc limit ${limit}
    `.execute(q.kysely);
    return found.rows.map((row) => ({ ...row, at: toDate(row.at) }));
  }

  /** What tells of one person, whoever did it, and what they did to others; the oldest first. */
  async listAbout(
    q: Queryable,
    userId: UserId,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<AuditEntry[]> {
    const found = await sql<Omit<AuditEntry, 'at'> & { at: unknown }>`
      select id::text, at, actor, "actorRoles", action, subject, target, outcome, "correlationId", details
      from "AuditEntry"
      where (subject = ${userId} or actor = ${userId}) and id > ${page.after ?? '0'}::bigint
      order by id limit ${page.limit}
    `.execute(q.kysely);
    return found.rows.map((row) => ({ ...row, at: toDate(row.at) }));
  }

  /** Deletes what is older than `before`, up to `limit` lines. @returns how many */
  async deleteBefore(tx: Tx, before: Date, limit: number): Promise<number> {
    await sql`select set_config('graph_calendar_sync.audit', 'retention', true)`.execute(tx.kysely);
    const deleted = await sql`
      delete from "AuditEntry" where id in (
        select id from "AuditEntry" where at < ${before.toISOString()}::timestamptz order by at limit ${limit})
    `.execute(tx.kysely);
    return Number(deleted.numAffectedRows ?? 0n);
  }

  /**
   * Takes a person out of the log: their lines stay, under a name that means nobody, and without what they were about.
   *
   * @returns how many lines there were
   */
  async forgetPerson(tx: Tx, userId: string, pseudonym: string): Promise<number> {
    await sql`select set_config('graph_calendar_sync.audit', 'erasure', true)`.execute(tx.kysely);
    const changed = await sql`
      update "AuditEntry" set actor = case when actor = ${userId} then ${pseudonym} else actor end,
        target = case when subject = ${userId} then null else target end,
        details = case when subject = ${userId} then null else details end,
        "correlationId" = null,
        subject = case when subject = ${userId} then ${pseudonym} else subject end
      where actor = ${userId} or subject = ${userId}
    `.execute(tx.kysely);
    return Number(changed.numAffectedRows ?? 0n);
  }
}
