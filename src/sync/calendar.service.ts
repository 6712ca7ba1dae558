import { SyncError } from '../core/errors.ts';
import type { CalendarId, UserId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { SyncSettings } from '../core/settings.ts';
import type { CalendarGraph } from '../graph/calendar-graph.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import { type ConnectionRepository, signInOf } from '../store/connection.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import { saveCalendarList } from './calendar-list.ts';
import { assertUsable, type ConnectionState } from './connection-state.ts';
import { askMailbox } from './mailbox-question.ts';
import type { CalendarSettingsPatch, SettingsService } from './settings.service.ts';

/** A calendar with what applies to it: its own settings over its user's. */
export interface CalendarView extends SyncSettings {
  readonly id: CalendarId;
  readonly name: string;
  readonly isDefault: boolean;
  readonly canEdit: boolean;
  readonly color: string | null;
  /** Whose calendar it is: for one shared with the user, the address of who shares it. */
  readonly owner: string | null;
  /** When it was found missing from the mailbox. */
  readonly removedAt: string | null;
  readonly lastSyncedAt: string | null;
  readonly nextSyncAt: string | null;
  /** What of the calendar has been read at least once and is followed; null before the first run is through. */
  readonly coverage: { readonly start: string; readonly end: string } | null;
}

type Coverage = { readonly start: Date; readonly end: Date } | undefined;

/** The calendars of a user's mailbox, and how each is kept in step. */
export class CalendarService {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #calendars: CalendarRepository;
  readonly #connections: ConnectionRepository;
  readonly #connectionState: ConnectionState;
  readonly #cursors: CursorRepository;
  readonly #leases: LeaseRepository;
  readonly #settings: SettingsService;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    calendars: CalendarRepository;
    connections: ConnectionRepository;
    connectionState: ConnectionState;
    cursors: CursorRepository;
    leases: LeaseRepository;
    settings: SettingsService;
    clock: Clock;
    random: Random;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#calendars = parts.calendars;
    this.#connections = parts.connections;
    this.#connectionState = parts.connectionState;
    this.#cursors = parts.cursors;
    this.#leases = parts.leases;
    this.#settings = parts.settings;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /** The mailbox's default calendar first. */
  async list(userId: UserId): Promise<{ items: CalendarView[] }> {
    const settings = await this.#settings.get(userId);
    const calendars = await this.#calendars.list(this.#db, userId);
    const coverage = await this.#cursors.listCoverage(this.#db, userId);
    return { items: calendars.map((calendar) => viewOf(calendar, settings, coverage.get(calendar.id))) };
  }

  /**
   * Reads the list of calendars from the mailbox again. A run at work loses the mailbox when ids change under it, and starts
   * again with the new ones.
   *
   * @throws {SyncError} `not-connected`; `reauth-required`; and what Graph says, in the caller's words (`unavailable`, `throttled`, `rejected`)
   */
  async refresh(userId: UserId, how: { correlationId?: string } = {}): Promise<{ items: CalendarView[] }> {
    const connection = await this.#connections.find(this.#db, userId);
    if (!connection) throw new SyncError('not-connected', 'no mailbox is connected: PUT /calendar/connection first');
    const { mailboxId: mailbox, pausedUntil } = connection;
    const parts = { clock: this.#clock, random: this.#random };
    assertUsable(connection);
    const whom = { mailbox, signIn: signInOf(connection), pausedUntil, ...how };
    const listed = await this.#connectionState.watched(connection, how.correlationId, () =>
      askMailbox(parts, whom, (session) => this.#graph.listCalendars(session)),
    );
    await this.#db.transaction(async (tx) => {
      const current = await this.#connections.find(tx, userId);
      if (current?.mailboxId !== mailbox) {
        throw new SyncError('conflict-state', 'the mailbox was disconnected meanwhile; ask again');
      }
      const saving = {
        calendars: this.#calendars,
        cursors: this.#cursors,
        leases: this.#leases,
        random: this.#random,
      };
      await saveCalendarList(tx, saving, userId, listed, this.#clock.now());
    });
    return this.list(userId);
  }

  /**
   * Changes how one calendar is kept in step; what is not named stays, `null` gives a setting back to the user's.
   *
   * @throws {SyncError} `not-found`; `invalid-input` or `impossible-input` for settings that cannot be
   */
  async update(
    userId: UserId,
    calendarId: string,
    patch: CalendarSettingsPatch,
    how: { correlationId?: string } = {},
  ): Promise<CalendarView> {
    const id = calendarId as CalendarId;
    await this.#settings.putForCalendar(userId, id, patch, how);
    const settings = await this.#settings.get(userId);
    const calendar = await this.#calendars.find(this.#db, userId, id);
    if (!calendar) throw new SyncError('not-found', `there is no calendar ${id}; see GET /calendar/calendars`);
    const coverage = await this.#cursors.listCoverage(this.#db, userId);
    return viewOf(calendar, settings, coverage.get(id));
  }
}

function viewOf(calendar: StoredCalendar, settings: SyncSettings, coverage: Coverage): CalendarView {
  return {
    ...settings,
    ...calendar.settings,
    id: calendar.id,
    name: calendar.name,
    isDefault: calendar.isDefault,
    canEdit: calendar.canEdit,
    color: calendar.color ?? null,
    owner: calendar.ownerAddress ?? null,
    removedAt: calendar.removedAt?.toISOString() ?? null,
    lastSyncedAt: calendar.lastSyncedAt?.toISOString() ?? null,
    nextSyncAt: calendar.nextSyncAt?.toISOString() ?? null,
    coverage: coverage ? { start: coverage.start.toISOString(), end: coverage.end.toISOString() } : null,
  };
}
