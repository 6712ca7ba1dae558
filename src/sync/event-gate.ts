import { SyncError } from '../core/errors.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type UserId } from '../core/ids.ts';
import { DEFAULT_SETTINGS } from '../core/settings.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Queryable, Tx } from '../store/db.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import type { QueuedRun, RunQueue } from './run-queue.ts';

/** Says which calendars the application may write to, and sends what was written on its way. */
export class EventGate {
  readonly #calendars: CalendarRepository;
  readonly #connections: ConnectionRepository;
  readonly #settings: SettingsRepository;
  readonly #queue: RunQueue;

  constructor(parts: {
    calendars: CalendarRepository;
    connections: ConnectionRepository;
    settings: SettingsRepository;
    queue: RunQueue;
  }) {
    this.#calendars = parts.calendars;
    this.#connections = parts.connections;
    this.#settings = parts.settings;
    this.#queue = parts.queue;
  }

  /**
   * The calendar a new event goes into. `default` is always there: without a connection events wait in it for one.
   *
   * @throws {SyncError} `not-found` for a calendar the user does not have (any more); `access-denied` for one that is
   *   read-only in Outlook
   */
  async openForNew(q: Queryable, userId: UserId, wanted: string | undefined): Promise<CalendarId> {
    const id = (wanted ?? DEFAULT_CALENDAR_ID) as CalendarId;
    const calendar = await this.find(q, userId, id);
    if ((!calendar && id !== DEFAULT_CALENDAR_ID) || calendar?.removedAt) throw unknownCalendar(id);
    assertEditable(calendar);
    return id;
  }

  /**
   * A calendar to read from may have left the mailbox: its events are still here.
   *
   * @throws {SyncError} `not-found`
   */
  async assertKnown(q: Queryable, userId: UserId, id: CalendarId): Promise<void> {
    if (id !== DEFAULT_CALENDAR_ID && !(await this.find(q, userId, id))) throw unknownCalendar(id);
  }

  /**
   * Events outlive their calendars' connection; only a calendar known to be read-only is closed to changes.
   *
   * @throws {SyncError} `access-denied`
   */
  async assertWritable(q: Queryable, userId: UserId, id: CalendarId): Promise<void> {
    assertEditable(await this.find(q, userId, id));
  }

  /** Queues the run that carries a change to Outlook, if there is a way there and the calendar's settings want it. */
  async sendOnItsWay(
    tx: Tx,
    change: { userId: UserId; calendarId: CalendarId; correlationId?: string | undefined },
  ): Promise<QueuedRun | undefined> {
    const { userId, calendarId, correlationId } = change;
    const connection = await this.#connections.find(tx, userId);
    // A run without consent would only fail; the one that follows the new consent takes everything pending along.
    if (!connection || connection.status === 'REAUTH_REQUIRED') return undefined;
    const calendar = await this.#calendars.find(tx, userId, calendarId);
    if (!calendar?.graphCalendarId || calendar.removedAt || !calendar.canEdit) return undefined;
    const settings = { ...DEFAULT_SETTINGS, ...(await this.#settings.find(tx, userId)), ...calendar.settings };
    if (!settings.enabled || settings.direction === 'pull') return undefined;
    return this.#queue.enqueue(tx, {
      userId,
      calendarId,
      trigger: 'change',
      ...(correlationId === undefined ? {} : { correlationId }),
    });
  }

  /** @returns the zone the user's mailbox is in, for times that name none */
  async homeZone(q: Queryable, userId: UserId): Promise<string | undefined> {
    return (await this.#connections.find(q, userId))?.timeZone;
  }

  async find(q: Queryable, userId: UserId, id: CalendarId): Promise<StoredCalendar | undefined> {
    // PostgreSQL holds no NUL in a text, so no calendar is called by one.
    return id.includes('\0') ? undefined : this.#calendars.find(q, userId, id);
  }
}

function unknownCalendar(id: string): SyncError {
  return new SyncError('not-found', `there is no calendar ${id}: GET /calendar/calendars lists those there are`, {
    problems: [{ path: 'calendarId', message: 'must be an id from GET /calendar/calendars, or "default"' }],
  });
}

function assertEditable(calendar: StoredCalendar | undefined): void {
  if (!calendar || calendar.canEdit) return;
  throw new SyncError(
    'access-denied',
    `calendar ${calendar.id} is read-only in Outlook: its events can be read here, not made, changed or deleted`,
  );
}
