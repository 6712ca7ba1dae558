import { SyncError } from '../core/errors.ts';
import { RESPONSE_STATUS, type ResponseKind } from '../core/event-response.ts';
import type { UserId } from '../core/ids.ts';
import { occurrenceOn } from '../core/recurrence.ts';
import type { Clock, Random } from '../core/runtime.ts';
import { DEFAULT_SETTINGS } from '../core/settings.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { ResponseRepository, StoredResponse } from '../store/response.repository.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import { assertMatches } from './event-etag.ts';
import { EventGate } from './event-gate.ts';
import { idsIn, targetOf } from './event-target.ts';
import { type EventView, eventView, occurrenceView } from './event-views.ts';
import type { RunQueue } from './run-queue.ts';

export interface ResponseInput {
  readonly response: ResponseKind;
  readonly comment?: string;
  /** Whether the organizer is mailed; `true` when left out. */
  readonly sendResponse?: boolean;
}

/**
 * Answers to other people's meetings. An answer is stored and the run that sends it is queued in one transaction; it is
 * explicit consent to the mail it causes, so `notifyAttendees` does not hold it back.
 */
export class ResponseService {
  readonly #db: Db;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #responses: ResponseRepository;
  readonly #calendars: CalendarRepository;
  readonly #settings: SettingsRepository;
  readonly #gate: EventGate;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    db: Db;
    events: EventRepository;
    bases: BaseRepository;
    responses: ResponseRepository;
    calendars: CalendarRepository;
    connections: ConnectionRepository;
    settings: SettingsRepository;
    queue: RunQueue;
    clock: Clock;
    random: Random;
  }) {
    this.#db = parts.db;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#responses = parts.responses;
    this.#calendars = parts.calendars;
    this.#settings = parts.settings;
    this.#gate = new EventGate(parts);
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /**
   * Takes an answer in, in place of an earlier one; the same answer again is the one there is.
   *
   * @param id  of an event, a series, or one occurrence
   * @throws {SyncError} `not-found`, `version-mismatch`, `access-denied`; `conflict-state` for what cannot be answered
   */
  async respond(
    userId: UserId,
    id: string,
    input: ResponseInput,
    how: { ifMatch?: string; correlationId?: string } = {},
  ): Promise<EventView> {
    return this.#db.transaction(async (tx) => {
      const { event, originalDate = '' } = targetOf(id, await this.#events.lockMany(tx, userId, idsIn(id)));
      assertMatches(how.ifMatch, event);
      await this.#gate.assertWritable(tx, userId, event.calendarId);
      const base = (await this.#bases.findByEventIds(tx, userId, [event.id])).get(event.id);
      assertAnswerable(event, base);
      await this.#assertPushed(tx, event);
      const before = await this.#responses.findByEventIds(tx, userId, [event.id]);
      const earlier = before.get(event.id)?.find((answer) => answer.originalDate === originalDate);
      if (!isSame(earlier, event, originalDate, input)) {
        await this.#save(tx, event, originalDate, input);
        const { correlationId } = how;
        await this.#gate.sendOnItsWay(tx, { userId, calendarId: event.calendarId, correlationId });
      }
      const answers = (await this.#responses.findByEventIds(tx, userId, [event.id])).get(event.id);
      const occurrence = originalDate === '' ? undefined : occurrenceOn(event.content, originalDate);
      return occurrence ? occurrenceView(event, base, occurrence, answers) : eventView(event, base, answers);
    });
  }

  async #save(tx: Tx, event: StoredEvent, originalDate: string, input: ResponseInput): Promise<void> {
    const { response, comment, sendResponse = true } = input;
    await this.#responses.save(tx, {
      ...{ id: this.#random.id(), userId: event.userId, eventId: event.id, calendarId: event.calendarId, originalDate },
      ...{ response, sendResponse, requestedAt: this.#clock.now() },
      comment: comment === undefined || comment === '' ? undefined : comment,
    });
  }

  /** An answer that no run would ever send is refused instead of being kept for ever. */
  async #assertPushed(tx: Tx, { userId, calendarId }: StoredEvent): Promise<void> {
    const calendar = await this.#calendars.find(tx, userId, calendarId);
    const settings = { ...DEFAULT_SETTINGS, ...(await this.#settings.find(tx, userId)), ...calendar?.settings };
    if (!settings.enabled) {
      const message = `calendar ${calendarId} is not synced: answer in Outlook, or switch it on (PATCH /calendar/calendars/${calendarId})`;
      throw new SyncError('conflict-state', message);
    }
    if (settings.direction !== 'pull') return;
    throw new SyncError(
      'conflict-state',
      `calendar ${calendarId} is only read from Outlook (direction "pull"): answer there, or let the calendar sync both ways`,
    );
  }
}

function assertAnswerable({ id, facts }: StoredEvent, base: EventBase | undefined): void {
  if (facts?.isOrganizer !== false) {
    throw new SyncError('conflict-state', `event ${id} is no invitation: only other people's meetings can be answered`);
  }
  if (facts.isCancelled) {
    throw new SyncError('conflict-state', `the organizer has cancelled meeting ${id}: there is nothing left to answer`);
  }
  if (!base?.graphEventId) {
    throw new SyncError('conflict-state', `meeting ${id} is not in a connected mailbox: there is no way to answer it`);
  }
}

/** Whether the answer is on its way already, or is what Outlook has. */
function isSame(
  earlier: StoredResponse | undefined,
  { facts }: StoredEvent,
  originalDate: string,
  { response, comment = '', sendResponse = true }: ResponseInput,
): boolean {
  const isRepeated =
    earlier?.response === response && (earlier.comment ?? '') === comment && earlier.sendResponse === sendResponse;
  if (earlier && (earlier.state === 'pending' || earlier.state === 'sending')) return isRepeated;
  // What Graph says of single dates is not kept: an answer to one that was given here stands until there is another.
  if (originalDate !== '') return isRepeated && earlier.state === 'sent';
  const isKnown = facts?.responseStatus?.response === RESPONSE_STATUS[response];
  return isKnown && (comment === '' || isRepeated);
}
