import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import type { SyncSettings } from '../core/settings.ts';
import { json } from './columns.ts';
import type { Queryable, Tx } from './db.ts';

/** What a user set for all their calendars; what they did not set is left out. */
export class SettingsRepository {
  async find(q: Queryable, userId: UserId): Promise<Partial<SyncSettings>> {
    const found = await sql<{ settings: Partial<SyncSettings> }>`
      select settings from "UserSettings" where "userId" = ${userId}
    `.execute(q.kysely);
    return found.rows[0]?.settings ?? {};
  }

  async save(tx: Tx, userId: UserId, settings: Partial<SyncSettings>): Promise<void> {
    await sql`
      insert into "UserSettings" ("userId", settings) values (${userId}, ${json(settings)})
      on conflict ("userId") do update set settings = excluded.settings, "updatedAt" = now()
    `.execute(tx.kysely);
  }
}
