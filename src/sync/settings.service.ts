import { SyncError } from '../core/errors.ts';
import { type CalendarId, isStorable, type UserId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import { DEFAULT_SETTINGS, type SyncSettings } from '../core/settings.ts';
import type { AuditNote, AuditRepository } from '../store/audit.repository.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import { assertSettings } from './settings-check.ts';

/** What a calendar is to set for itself; `null` gives a setting back to its user's. */
export type CalendarSettingsPatch = { readonly [Name in keyof SyncSettings]?: SyncSettings[Name] | null };

/** By which request. */
interface Asked {
  readonly correlationId?: string;
}

/** What a user's calendars are kept in step by: their own settings over the service's, a calendar's over its user's. */
export class SettingsService {
  readonly #db: Db;
  readonly #settings: SettingsRepository;
  readonly #calendars: CalendarRepository;
  readonly #bases: BaseRepository;
  readonly #audit: AuditRepository;
  readonly #clock: Clock;
  readonly #defaults: SyncSettings;

  constructor(parts: {
    db: Db;
    settings: SettingsRepository;
    calendars: CalendarRepository;
    bases: BaseRepository;
    audit: AuditRepository;
    clock: Clock;
    /** `CALENDAR_SYNC_INTERVAL` */
    syncIntervalMinutes?: number;
  }) {
    this.#db = parts.db;
    this.#settings = parts.settings;
    this.#calendars = parts.calendars;
    this.#bases = parts.bases;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
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
  async put(userId: UserId, changes: Partial<SyncSettings>, how: Asked = {}): Promise<SyncSettings> {
    assertSettings(changes);
    return this.#db.transaction(async (tx) => {
      await this.#calendars.lockList(tx, userId);
      const own = await this.#settings.find(tx, userId);
      const before = { ...this.#defaults, ...own };
      await this.#settings.save(tx, userId, { ...own, ...changes });
      const after = { ...before, ...changes };
      await this.#reopen(tx, userId, before, after);
      await this.#calendars.bringForward(tx, userId);
      await this.#note(tx, userId, { action: 'settings.changed', changes, ...how });
      return after;
    });
  }

  /**
   * The same for one calendar.
   *
   * @throws {SyncError} `not-found`; else as `put`
   */
  async putForCalendar(
    userId: UserId,
    calendarId: CalendarId,
    patch: CalendarSettingsPatch,
    how: Asked = {},
  ): Promise<void> {
    const given = Object.entries(patch).filter(([, value]) => value !== undefined);
    assertSettings(Object.fromEntries(given.filter(([, value]) => value !== null)));
    await this.#db.transaction(async (tx) => {
      await this.#calendars.lockList(tx, userId);
      const calendar = isStorable(calendarId) ? await this.#calendars.find(tx, userId, calendarId) : undefined;
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
      await this.#reopen(tx, userId, before, after);
      const changes = Object.fromEntries(given);
      await this.#note(tx, userId, { action: 'calendar.settings_changed', target: calendarId, changes, ...how });
    });
  }

  /** What applies to one calendar. */
  async resolve(userId: UserId, calendarId: CalendarId): Promise<SyncSettings> {
    const calendar = await this.#calendars.find(this.#db, userId, calendarId);
    return { ...(await this.get(userId)), ...calendar?.settings };
  }

  /** Which settings, never to what: rules quote what people write. */
  async #note(
    tx: Tx,
    userId: UserId,
    { changes, ...what }: Pick<AuditNote, 'action' | 'target'> & Asked & { readonly changes: object },
  ): Promise<void> {
    const names = Object.keys(changes).sort();
    if (names.length === 0) return;
    const details = { settings: names.join(' ') };
    await this.#audit.append(tx, { at: this.#clock.now(), actor: userId, subject: userId, details, ...what });
  }

  /**
   * What the old policy or the old rules held back is looked at again. What they left out in Outlook is as well, by the
   * next run: it sees that the last round was read by others.
   */
  async #reopen(tx: Tx, userId: UserId, before: SyncSettings, after: SyncSettings): Promise<void> {
    if (before.notifyAttendees !== after.notifyAttendees || !isSame(before.rules, after.rules)) {
      await this.#bases.reopenHeld(tx, userId);
    }
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
