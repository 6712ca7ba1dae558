import { SyncError } from '../core/errors.ts';
import type { CalendarId, UserId } from '../core/ids.ts';
import { DEFAULT_SETTINGS, type SyncSettings } from '../core/settings.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import { assertSettings } from './settings-check.ts';

/** What a calendar is to set for itself; `null` gives a setting back to its user's. */
export type CalendarSettingsPatch = { readonly [Name in keyof SyncSettings]?: SyncSettings[Name] | null };

/** What a user's calendars are kept in step by: their own settings over the service's, a calendar's over its user's. */
export class SettingsService {
  readonly #db: Db;
  readonly #settings: SettingsRepository;
  readonly #calendars: CalendarRepository;
  readonly #bases: BaseRepository;
  readonly #cursors: CursorRepository;
  readonly #defaults: SyncSettings;

  constructor(parts: {
    db: Db;
    settings: SettingsRepository;
    calendars: CalendarRepository;
    bases: BaseRepository;
    cursors: CursorRepository;
    /** `CALENDAR_SYNC_INTERVAL` */
    syncIntervalMinutes?: number;
  }) {
    this.#db = parts.db;
    this.#settings = parts.settings;
    this.#calendars = parts.calendars;
    this.#bases = parts.bases;
    this.#cursors = parts.cursors;
    this.#defaults = {
      ...DEFAULT_SETTINGS,
      syncIntervalMinutes: parts.syncIntervalMinutes ?? DEFAULT_SETTINGS.syncIntervalMinutes,
    };
  }

  /** The user's settings, complete. */
  async get(userId: UserId): Promise<SyncSettings> {
    return { ...this.#defaults, ...(await this.#settings.find(this.#db, userId)) };
  }

  /**
   * Changes what is named and keeps the rest. The next background sync of every calendar is brought forward.
   *
   * @throws {SyncError} `invalid-input` naming each place; `impossible-input` for a window longer than Graph serves
   */
  async put(userId: UserId, changes: Partial<SyncSettings>): Promise<SyncSettings> {
    assertSettings(changes);
    return this.#db.transaction(async (tx) => {
      await this.#calendars.lockList(tx, userId);
      const own = await this.#settings.find(tx, userId);
      const before = { ...this.#defaults, ...own };
      await this.#settings.save(tx, userId, { ...own, ...changes });
      const after = { ...before, ...changes };
      await this.#reopen(tx, userId, before, after, () => this.#cursors.deleteAll(tx, userId));
      await this.#calendars.bringForward(tx, userId);
      return after;
    });
  }

  /**
   * The same for one calendar.
   *
   * @throws {SyncError} `not-found`; else as `put`
   */
  async putForCalendar(userId: UserId, calendarId: CalendarId, patch: CalendarSettingsPatch): Promise<void> {
    const given = Object.entries(patch).filter(([, value]) => value !== undefined);
    assertSettings(Object.fromEntries(given.filter(([, value]) => value !== null)));
    await this.#db.transaction(async (tx) => {
      await this.#calendars.lockList(tx, userId);
      const calendar = await this.#calendars.find(tx, userId, calendarId);
      if (!calendar)
        throw new SyncError('not-found', `there is no calendar ${calendarId}; see GET /calendar/calendars`);
      const inherited = { ...this.#defaults, ...(await this.#settings.find(tx, userId)) };
      const own = { ...calendar.settings, ...Object.fromEntries(given) };
      const kept = Object.fromEntries(
        Object.entries(own).filter(([, value]) => value !== null),
      ) as Partial<SyncSettings>;
      await this.#calendars.saveSettings(tx, userId, calendarId, kept);
      const before = { ...inherited, ...calendar.settings };
      const after = { ...inherited, ...kept };
      await this.#reopen(tx, userId, before, after, () => this.#cursors.delete(tx, userId, calendarId));
    });
  }

  /** What applies to one calendar. */
  async resolve(userId: UserId, calendarId: CalendarId): Promise<SyncSettings> {
    const calendar = await this.#calendars.find(this.#db, userId, calendarId);
    return { ...(await this.get(userId)), ...calendar?.settings };
  }

  /**
   * Other rules or another window: the next run reads everything again, because what the old ones left out was never
   * looked at. Another policy or other rules: what the old ones held back is looked at again.
   */
  async #reopen(
    tx: Tx,
    userId: UserId,
    before: SyncSettings,
    after: SyncSettings,
    forgetCursors: () => Promise<void>,
  ): Promise<void> {
    if (!isSame(before.window, after.window) || !isSame(before.rules, after.rules)) await forgetCursors();
    if (before.notifyAttendees !== after.notifyAttendees || !isSame(before.rules, after.rules)) {
      await this.#bases.reopenHeld(tx, userId);
    }
  }
}

/** Whether two runs with these settings read and leave out the same. */
export function readsTheSame(
  a: Pick<SyncSettings, 'window' | 'rules'>,
  b: Pick<SyncSettings, 'window' | 'rules'>,
): boolean {
  return isSame(a.window, b.window) && isSame(a.rules, b.rules);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
