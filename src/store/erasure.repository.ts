import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import type { Tx } from './db.ts';
import type { ContentCipher } from './encryption.ts';

/**
 * Every table with somebody's rows, in the order they are emptied. Leases first: whoever works on the mailbox writes
 * nothing more. Then keys, for which every open transaction that writes with one is waited for. Events leave tombstones,
 * so those come after them. A test holds the list against the database's own catalog.
 */
export const USER_TABLES = [
  'MailboxLease',
  'UserKey',
  'CalendarSyncState',
  'AuthorizationRequest',
  'CalendarConnection',
  'CalendarEvent',
  'CalendarEventTombstone',
  'EventBase',
  'DeltaCursor',
  'DirtySeries',
  'CalendarSyncConflict',
  'SyncOperation',
  'Calendar',
  'UserSettings',
  'IdempotencyKey',
  'OutgoingWebhook',
  'WebhookDelivery',
] as const;

/** Takes a person out of the database. What is in Outlook stays there. */
export class ErasureRepository {
  readonly #cipher: ContentCipher;

  constructor(cipher: ContentCipher) {
    this.#cipher = cipher;
  }

  /** @returns how many rows were theirs */
  async eraseRows(tx: Tx, userId: UserId): Promise<number> {
    let erased = 0;
    for (const table of USER_TABLES) {
      const deleted = await sql`delete from ${sql.table(table)} where "userId" = ${userId}`.execute(tx.kysely);
      erased += Number(deleted.numAffectedRows ?? 0n);
      if (table === 'UserKey') await this.#cipher.destroy(tx, userId);
    }
    // Counts of a minute, under names that may hold an id; another user's that is lost with them begins anew.
    await sql`delete from "RateCount" where strpos(key, ${userId}) > 0`.execute(tx.kysely);
    return erased;
  }
}
