import { restlessUnits } from '../core/convergence.ts';
import { SyncError } from '../core/errors.ts';
import type { EventInput } from '../core/event-input.ts';
import { parseOccurrenceId } from '../core/event-view.ts';
import type { EventId, UserId } from '../core/ids.ts';
import { planOutgoing } from '../core/outgoing-change.ts';
import { occursOn } from '../core/rule-dates.ts';
import { isLeftAlone, ruleAllows } from '../core/rules.ts';
import type { Clock, Random } from '../core/runtime.ts';
import { withoutRevived } from '../core/series-edit.ts';
import { changeFollowing, type SplitSeries, splitSeries } from '../core/series-split.ts';
import { DEFAULT_SETTINGS } from '../core/settings.ts';
import { isCalendarDate } from '../core/time-zones.ts';
import type { AttachmentRepository } from '../store/attachment.repository.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { Tx } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { IdempotencyRepository } from '../store/idempotency.repository.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import { earlierSeriesOf } from './earlier-series.ts';
import { assertMatches } from './event-etag.ts';
import type { EventGate } from './event-gate.ts';
import { takeKey } from './event-idempotency.ts';
import { assertMended } from './event-request.ts';
import { type EventTarget, idsIn, targetOf } from './event-target.ts';
import { agreedContent } from './remote-planner.ts';
import { assertNoneOfDates, copyAttachments } from './series-attachments.ts';

interface SplitOptions {
  readonly ifMatch?: string;
  readonly idempotencyKey?: string;
  readonly correlationId?: string;
}

type DateTarget = EventTarget & { readonly originalDate: string };

/**
 * Changes one date of a series and all that follow. Exchange has no such operation (graph contract 3.2): the series ends
 * before the date, and a new one begins on it. Both are written, and one run is queued, in the caller's transaction.
 */
export class SeriesSplitter {
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #calendars: CalendarRepository;
  readonly #settings: SettingsRepository;
  readonly #idempotency: IdempotencyRepository;
  readonly #attachments: AttachmentRepository;
  readonly #gate: EventGate;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    events: EventRepository;
    bases: BaseRepository;
    calendars: CalendarRepository;
    settings: SettingsRepository;
    idempotency: IdempotencyRepository;
    attachments: AttachmentRepository;
    gate: EventGate;
    clock: Clock;
    random: Random;
  }) {
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#calendars = parts.calendars;
    this.#settings = parts.settings;
    this.#idempotency = parts.idempotency;
    this.#attachments = parts.attachments;
    this.#gate = parts.gate;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /**
   * @returns the series that begins on the date: a new one, or the same where nothing lives before. `isRepeated` when the
   *   same request came under the same key before: the series it made, as it is now
   * @throws {SyncError} `not-found`, `version-mismatch`, `access-denied`, `impossible-input`; `conflict-state` for a key
   *   that another request used, and where Outlook would keep the old series as it is beside the new one
   */
  async change(
    tx: Tx,
    userId: UserId,
    id: string,
    input: EventInput,
    how: SplitOptions,
  ): Promise<{ event: StoredEvent; isRepeated: boolean }> {
    const found = await this.#events.lockMany(tx, userId, idsIn(id));
    const successorId = wholeId(id, found) ?? (this.#random.id() as EventId);
    const earlier = await this.#takeKey(tx, userId, { id, input, key: how.idempotencyKey, successorId });
    if (earlier) return { event: earlier, isRepeated: true };
    const { event, originalDate } = assertOccurrence(id, targetOf(id, found));
    await this.#assertOpen(tx, userId, event, how);
    const changed = changeFollowing(event.content, originalDate, input);
    if (!changed) return { event, isRepeated: false };
    const base = (await this.#bases.findByEventIds(tx, userId, [event.id])).get(event.id);
    const { before, after } = changed;
    const now = this.#clock.now();
    if (before) {
      await assertNoneOfDates(tx, this.#attachments, event, originalDate);
      await this.#assertEndsThere(tx, event, changed, base);
      await this.#save(tx, { ...event, content: before, lastModifiedAt: now });
    }
    const { calendarId } = event;
    const series = await this.#save(
      tx,
      before
        ? {
            ...{ id: successorId, userId, calendarId, content: after, lastModifiedAt: now, createdAt: now },
            follows: earlierSeriesOf(event, base),
          }
        : { ...event, content: withoutRevived(after, base?.remote), lastModifiedAt: now },
    );
    if (before) await copyAttachments(tx, { attachments: this.#attachments, random: this.#random }, event, series);
    await this.#send(tx, event, how);
    return { event: series, isRepeated: false };
  }

  /**
   * The series ends before the date; from its first living date on, it is deleted whole.
   *
   * @throws {SyncError} `not-found`, `version-mismatch`, `access-denied`
   */
  async delete(tx: Tx, userId: UserId, id: string, how: SplitOptions): Promise<void> {
    const found = await this.#events.lockMany(tx, userId, idsIn(id));
    const { event, originalDate } = assertOccurrence(id, targetOf(id, found));
    await this.#assertOpen(tx, userId, event, how);
    const { before } = splitSeries(event.content, originalDate);
    const now = this.#clock.now();
    if (before) await this.#save(tx, { ...event, content: before, lastModifiedAt: now });
    else await this.#events.deleteMany(tx, userId, [event.id], now);
    await this.#send(tx, event, how);
  }

  async #takeKey(
    tx: Tx,
    userId: UserId,
    request: { id: string; input: EventInput; key: string | undefined; successorId: EventId },
  ): Promise<StoredEvent | undefined> {
    const { id, input, key, successorId } = request;
    if (key === undefined) return undefined;
    const parts = { idempotency: this.#idempotency, events: this.#events };
    const at = this.#clock.now();
    return takeKey(tx, parts, { userId, key, eventId: successorId, input: { following: id, input }, at });
  }

  async #assertOpen(tx: Tx, userId: UserId, event: StoredEvent, how: SplitOptions): Promise<void> {
    assertMatches(how.ifMatch, event);
    // Half of a series that cannot be read whole would be made of guesses.
    assertMended(event, {});
    await this.#gate.assertWritable(tx, userId, event.calendarId);
    if (event.facts?.isOrganizer !== false) return;
    throw new SyncError(
      'access-denied',
      `series ${event.id} belongs to somebody else: only its organizer can end it on a date or let another one follow; single dates, and the whole series, can be deleted`,
    );
  }

  /**
   * A new series beside an old one that goes on in Outlook would have every meeting twice.
   *
   * @throws {SyncError} `conflict-state`
   */
  async #assertEndsThere(
    tx: Tx,
    event: StoredEvent,
    { before, after }: SplitSeries,
    base: EventBase | undefined,
  ): Promise<void> {
    const agreed = agreedContent(base);
    if (!agreed || !base || !before) return;
    if (base.conflictUnits.includes('time')) {
      throw new SyncError(
        'conflict-state',
        `the times of series ${event.id} are in conflict: decide that first (GET /calendar/sync/conflicts), then divide it`,
      );
    }
    const calendar = await this.#calendars.find(tx, event.userId, event.calendarId);
    const own = await this.#settings.find(tx, event.userId);
    const { notifyAttendees: policy, rules } = { ...DEFAULT_SETTINGS, ...own, ...calendar?.settings };
    if (isLeftAlone(rules, { local: before, agreed }) && ruleAllows(rules, after)) {
      throw new SyncError(
        'conflict-state',
        `series ${event.id} is left alone by the rules, and the one that follows would not be: with the whole of the old one in Outlook every meeting would be there twice. Change the whole series, or single dates`,
      );
    }
    const { held, units, occurrences } = planOutgoing({ content: before, agreed, facts: event.facts, policy });
    const standing = planOutgoing({ content: event.content, agreed, facts: event.facts, policy });
    const isRefused = base.failedRevision === event.revision && standing.units.length > 0;
    const sent = { content: before, units: [...units, ...occurrences], now: this.#clock.now() };
    if (isRefused || restlessUnits(base.rounds, sent).length > 0) {
      throw new SyncError(
        'conflict-state',
        `Outlook does not take changes of series ${event.id} (see its syncError), so its end might not go there either: with a new series beside it every meeting would be there twice. Mend it first, then divide it`,
      );
    }
    if (!held.includes('time')) return;
    throw new SyncError(
      'conflict-state',
      `series ${event.id} has guests in Outlook, and notifyAttendees "${policy}" keeps its end from going there: with a new series beside it every meeting would be there twice. Allow the mails (PATCH /calendar/calendars/${event.calendarId}), or change single dates`,
    );
  }

  async #save(tx: Tx, saved: Omit<StoredEvent, 'revision'>): Promise<StoredEvent> {
    const revisions = await this.#events.saveMany(tx, saved.userId, [saved]);
    return { ...saved, revision: revisions.get(saved.id) ?? 0n };
  }

  async #send(tx: Tx, { userId, calendarId }: StoredEvent, { correlationId }: SplitOptions): Promise<void> {
    await this.#gate.sendOnItsWay(tx, { userId, calendarId, correlationId });
  }
}

/** @returns the series' own id when nothing lives before the date, so that it goes on under it */
function wholeId(id: string, found: ReadonlyMap<EventId, StoredEvent>): EventId | undefined {
  const { masterId, originalDate = '' } = parseOccurrenceId(id) ?? {};
  const event = found.has(id as EventId) ? undefined : found.get(masterId as EventId);
  const { recurrence } = event?.content ?? {};
  if (!event || !recurrence || !isCalendarDate(originalDate) || !occursOn(recurrence, originalDate)) return undefined;
  return splitSeries(event.content, originalDate).before ? undefined : event.id;
}

function assertOccurrence(id: string, { event, originalDate }: EventTarget): DateTarget {
  if (originalDate !== undefined) return { event, originalDate };
  throw new SyncError('impossible-input', `${id} is no date of a series: scope=following needs one to begin with`, {
    problems: [{ path: 'scope', message: 'following is possible for <master id>_<yyyy-MM-dd> only' }],
  });
}
