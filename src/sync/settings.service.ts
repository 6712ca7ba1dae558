import { SyncError } from '../core/errors.ts';
import type { CalendarId, UserId } from '../core/ids.ts';
import { DEFAULT_SETTINGS, MAX_WINDOW_DAYS, type SyncSettings } from '../core/settings.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { Db } from '../store/db.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';

/** What a user's calendars are kept in step by: their own settings over the service's, a calendar's over its user's. */
export class SettingsService {
  readonly #db: Db;
  readonly #settings: SettingsRepository;
  readonly #calendars: CalendarRepository;
  readonly #bases: BaseRepository;
  readonly #defaults: SyncSettings;

  constructor(parts: {
    db: Db;
    settings: SettingsRepository;
    calendars: CalendarRepository;
    bases: BaseRepository;
    /** `CALENDAR_SYNC_INTERVAL` */
    syncIntervalMinutes?: number;
  }) {
    this.#db = parts.db;
    this.#settings = parts.settings;
    this.#calendars = parts.calendars;
    this.#bases = parts.bases;
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
   * Changes what is named and keeps the rest.
   *
   * @throws {SyncError} `impossible-input` for a window longer than Graph serves
   */
  async put(userId: UserId, changes: Partial<SyncSettings>): Promise<SyncSettings> {
    const before = await this.#settings.find(this.#db, userId);
    const after = { ...before, ...changes };
    assertWindow({ ...this.#defaults, ...after });
    await this.#db.transaction(async (tx) => {
      await this.#settings.save(tx, userId, after);
      // What the old policy held back may be allowed now.
      if (changes.notifyAttendees && changes.notifyAttendees !== before.notifyAttendees) {
        await this.#bases.reopenHeld(tx, userId);
      }
    });
    return { ...this.#defaults, ...after };
  }

  /** What applies to one calendar. */
  async resolve(userId: UserId, calendarId: CalendarId): Promise<SyncSettings> {
    const calendar = await this.#calendars.find(this.#db, userId, calendarId);
    return { ...(await this.get(userId)), ...calendar?.settings };
  }
}

/** @throws {SyncError} `impossible-input` */
export function assertWindow({ window }: Pick<SyncSettings, 'window'>): void {
  if (window.pastDays + window.futureDays <= MAX_WINDOW_DAYS) return;
  throw new SyncError('impossible-input', `the window is longer than Graph serves at once, ${MAX_WINDOW_DAYS} days`, {
    problems: [{ path: 'window', message: `pastDays + futureDays must be at most ${MAX_WINDOW_DAYS}` }],
  });
}
