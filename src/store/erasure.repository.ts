import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import type { Tx } from './db.ts';
import type { ContentCipher } from './encryption.ts';

/**
 * Every table with somebody's rows, in the order they are emptied. Leases first: whoever works on the mailbox writes
 * nothing more. Then keys, for which every open transaction that writes with one is waited for, and webhooks, so that none
 * is told of what goes. Connection and calendars come before runs, because whoever queues one holds one of them. Events leave
 * tombstones, and all kinds of things deliveries, so those come after them. A test holds the list against the database's own
 * catalog.
 */
export const USER_TABLES = [
  'MailboxLease',
  'UserKey',
  'OutgoingWebhook',
  'CalendarConnection',
  'Calendar',
  'CalendarSyncState',
  'AuthorizationRequest',
  'GraphSubscription',
  'AttachmentMark',
  'EventAttachment',
  'CalendarEvent',
  'EventResponse',
  'CalendarEventTombstone',
  'EventBase',
  'DeltaCursor',
  'DirtySeries',
  'CalendarSyncConflict',
  'SyncOperation',
  'UserSettings',
  'IdempotencyKey',
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
    // A worker that held the run may have claimed the mailbox before the run went.
    await sql`delete from "MailboxLease" where "userId" = ${userId}`.execute(tx.kysely);
    return erased;
  }
}
