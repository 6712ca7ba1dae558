import { createHash } from 'node:crypto';
import { GraphError, invalidProperty, notFound } from './graph-error.ts';
import { type IdMaker, isIdShaped, parseOccurrenceItemId } from './ids.ts';
import { applyInput, assertKnownProperties, type Item, type ItemData, newData } from './item.ts';
import { datesOf, dateOfDay, dayNumber } from './recurrence.ts';
import { etagOf, occurrenceData } from './render.ts';
import type { SimulatorSwitches } from './switches.ts';
import { instantOf } from './zones.ts';

export interface CalendarFolder {
  id: string;
  name: string;
  color: string;
  changeKey: string;
  isDefault: boolean;
  canEdit: boolean;
  isDeleted: boolean;
}

/** A mail Exchange would have sent. */
export interface OutboxMail {
  readonly mailbox: string;
  readonly kind: 'invitation' | 'update' | 'cancellation' | 'response';
  readonly to: readonly string[];
  readonly subject: string;
  readonly eventId: string;
}

/** What a mailbox shares with the world around it. */
export interface MailboxWorld {
  readonly now: () => number;
  readonly ids: IdMaker;
  readonly switches: SimulatorSwitches;
  readonly outbox: OutboxMail[];
  /** Called before a change is answered, so that it can be made durable. */
  readonly changed: (mailbox: Mailbox, change: { item?: Item; calendar?: CalendarFolder }) => void;
}

/** One item, or one date of a series. */
export type Target = { readonly item: Item; readonly date: string | undefined };

const DAY_MS = 86_400_000;

/** One mailbox's store: calendars, items and the change log that delta reads (the order of `seq`). */
export class Mailbox {
  readonly id: string;
  readonly address: string;
  readonly name: string;
  readonly timeZone: string;
  readonly calendars = new Map<string, CalendarFolder>();
  /** By immutable id, in the order of their last change. */
  readonly items = new Map<string, Item>();
  /** Items that left a calendar by a move: a deletion in that calendar's stream. */
  readonly departures: { id: string; defaultId: string; calendarId: string; seq: number }[] = [];
  readonly #byDefaultId = new Map<string, Item>();
  readonly #byTransactionId = new Map<string, Item>();
  readonly #world: MailboxWorld;
  seq = 0;

  constructor(world: MailboxWorld, of: { id: string; address: string; name: string; timeZone: string }) {
    this.#world = world;
    this.id = of.id;
    this.address = of.address;
    this.name = of.name;
    this.timeZone = of.timeZone;
  }

  get defaultCalendar(): CalendarFolder {
    for (const calendar of this.calendars.values()) if (calendar.isDefault) return calendar;
    throw notFound();
  }

  addCalendar(name: string, how: { isDefault?: boolean; canEdit?: boolean; color?: string } = {}): CalendarFolder {
    const isTaken = [...this.calendars.values()].some((calendar) => !calendar.isDeleted && calendar.name === name);
    if (isTaken) throw new GraphError(409, 'ErrorFolderExists', 'A folder with the specified name already exists.');
    const { ids } = this.#world;
    const calendar: CalendarFolder = {
      id: ids.calendar(),
      name,
      color: how.color ?? 'auto',
      changeKey: ids.changeKey(),
      isDefault: how.isDefault ?? false,
      canEdit: how.canEdit ?? true,
      isDeleted: false,
    };
    this.calendars.set(calendar.id, calendar);
    this.#world.changed(this, { calendar });
    return calendar;
  }

  calendar(id: string): CalendarFolder {
    const calendar = this.calendars.get(id);
    if (calendar && !calendar.isDeleted) return calendar;
    throw isIdShaped(id) ? notFound() : new GraphError(400, 'ErrorInvalidIdMalformed', 'Id is malformed.');
  }

  removeCalendar(id: string): void {
    const calendar = this.calendar(id);
    if (calendar.isDefault) throw new GraphError(400, 'ErrorDeleteDistinguishedFolder', 'Distinguished folders cannot be deleted.');
    calendar.isDeleted = true;
    for (const item of this.items.values()) if (item.calendarId === id && !item.isDeleted) this.#deleteItem(item);
    this.#world.changed(this, { calendar });
  }

  /** @throws {GraphError} 404 for what is gone, 400 for what never was an id */
  find(id: string): Target {
    if (!isIdShaped(id)) throw new GraphError(400, 'ErrorInvalidIdMalformed', 'Id is malformed.');
    const occurrence = parseOccurrenceItemId(id);
    const item = this.#item(occurrence?.masterId ?? id);
    if (!item || item.isDeleted || this.calendars.get(item.calendarId)?.isDeleted) throw notFound();
    if (!occurrence) return { item, date: undefined };
    if (!item.data.recurrence || !this.hasOccurrence(item, occurrence.date)) throw notFound();
    return { item, date: occurrence.date };
  }

  hasOccurrence(item: Item, date: string): boolean {
    if (item.exclusions.includes(date)) return false;
    if (item.exceptions[date]) return true;
    return item.data.recurrence !== null && datesOf(item.data.recurrence, date, date).length > 0;
  }

  /** The dates of a series that overlap a window of instants, cancelled ones left out. */
  occurrenceDates(item: Item, window: { start: number; end: number }): string[] {
    const { recurrence, start, end } = item.data;
    if (!recurrence) return [];
    const span = Math.ceil((Date.parse(`${end.wallClock}Z`) - Date.parse(`${start.wallClock}Z`)) / DAY_MS) + 1;
    const from = dateOfDay(Math.floor(window.start / DAY_MS) - span - 1);
    const to = dateOfDay(Math.floor(window.end / DAY_MS) + 1);
    const dates = new Set([...datesOf(recurrence, from, to), ...Object.keys(item.exceptions)]);
    return [...dates]
      .filter((date) => !item.exclusions.includes(date) && isInWindow(occurrenceData(item, date), window))
      .sort();
  }

  /** The same request again under its `transactionId` answers with what it made the first time. */
  create(input: Record<string, unknown>, calendarId: string, by: { address: string; name: string } | undefined): Item {
    assertKnownProperties(input);
    const calendar = this.calendar(calendarId);
    if (!calendar.canEdit) throw new GraphError(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.');
    const transactionId = typeof input['transactionId'] === 'string' ? input['transactionId'] : null;
    const createHash = hashOf(input);
    const known = transactionId ? this.#byTransactionId.get(transactionId) : undefined;
    if (known) return this.#repeated(known, createHash);
    const { ids, now } = this.#world;
    const at = now();
    const data = applyInput(newData(`${new Date(at).toISOString().slice(0, 16)}:00`), input);
    const organizer = by ?? { name: this.name, address: this.address };
    const item: Item = {
      immutableId: ids.immutableItem(),
      defaultId: ids.item(),
      calendarId,
      seq: 0,
      changeKey: ids.changeKey(),
      createdAt: at,
      modifiedAt: at,
      isDeleted: false,
      data,
      exceptions: {},
      exclusions: [],
      iCalUId: ids.iCalUId(),
      transactionId,
      createHash,
      isOrganizer: by === undefined,
      organizer,
      isCancelled: false,
      response: by ? 'notResponded' : 'organizer',
      joinUrl: null,
      extendedProperties: readExtended(input),
    };
    if (data.isOnlineMeeting && this.#world.switches.onlineMeetings) this.#putOnline(item);
    this.#changed(item);
    this.#mail(item, 'invitation', guestsOf(data));
    return item;
  }

  update({ item, date }: Target, input: Record<string, unknown>, ifMatch?: string): Item {
    this.assertMatch({ item, date }, ifMatch);
    if ('transactionId' in input) throw new GraphError(400, 'ErrorInvalidRequest', 'TransactionId is immutable.');
    if (date === undefined) this.#updateItem(item, input);
    else this.#updateOccurrence(item, date, input);
    this.#mail(item, 'update', item.isOrganizer ? guestsOf(item.data) : []);
    return item;
  }

  delete({ item, date }: Target, ifMatch?: string): void {
    this.assertMatch({ item, date }, ifMatch);
    const guests = item.isOrganizer && !item.isCancelled ? guestsOf(item.data) : [];
    if (date === undefined) this.#deleteItem(item);
    else {
      const { [date]: _gone, ...others } = item.exceptions;
      item.exceptions = others;
      item.exclusions = [...item.exclusions, date].sort();
      this.#changed(item);
    }
    this.#mail(item, 'cancellation', guests);
  }

  /** As a person drags it in Outlook: the item keeps its immutable id, its default id is a new one. */
  move(item: Item, calendarId: string): void {
    this.calendar(calendarId);
    this.departures.push({ id: item.immutableId, defaultId: item.defaultId, calendarId: item.calendarId, seq: ++this.seq });
    this.#byDefaultId.delete(item.defaultId);
    item.defaultId = this.#world.ids.item();
    item.calendarId = calendarId;
    this.#changed(item);
  }

  /** The version moves and nothing else does: reminders, server-side processing. */
  touch(item: Item): void {
    this.#changed(item);
  }

  /** An invited copy whose organiser cancelled. */
  cancel(item: Item): void {
    item.isCancelled = true;
    item.data = { ...item.data, subject: `Canceled: ${item.data.subject}`, showAs: 'free' };
    this.#changed(item);
  }

  respond(item: Item, response: 'accepted' | 'tentativelyAccepted' | 'declined', sendResponse: boolean): void {
    if (item.isOrganizer) {
      throw new GraphError(400, 'ErrorInvalidRequest', "Your request can't be completed. You can't respond to this meeting because you're the meeting organizer.");
    }
    if (sendResponse) this.#mail(item, 'response', [item.organizer.address]);
    if (response === 'declined') return this.#deleteItem(item);
    item.response = response;
    this.#changed(item);
  }

  assertMatch({ item, date }: Target, ifMatch: string | undefined): void {
    if (ifMatch === undefined || ifMatch === '*' || this.#world.switches.ifMatch === 'ignore') return;
    const changeKey = (date ? item.exceptions[date]?.changeKey : undefined) ?? item.changeKey;
    if (ifMatch === etagOf(changeKey)) return;
    throw new GraphError(
      412,
      'ErrorIrresolvableConflict',
      'The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.',
    );
  }

  /** Puts an item back as it was stored, for a restart. */
  restore(item: Item): void {
    this.items.delete(item.immutableId);
    this.items.set(item.immutableId, item);
    this.#byDefaultId.set(item.defaultId, item);
    if (item.transactionId) this.#byTransactionId.set(item.transactionId, item);
    this.seq = Math.max(this.seq, item.seq);
  }

  #item(id: string): Item | undefined {
    return this.items.get(id) ?? this.#byDefaultId.get(id);
  }

  #repeated(known: Item, createHash: string): Item {
    const { duplicateTransaction } = this.#world.switches;
    if (duplicateTransaction === 'same-id' && known.createHash === createHash && !known.isDeleted) return known;
    throw new GraphError(
      duplicateTransaction === 'conflict' ? 409 : 400,
      'ErrorDuplicateTransactionId',
      "Your request can't be completed. The TransactionId specified in the request has already been used to create a different event.",
      { extra: { '@event.existingEventId': known.immutableId } },
    );
  }

  #updateItem(item: Item, input: Record<string, unknown>): void {
    const before = item.data;
    const data = applyInput(before, input);
    // A meeting whose body lost the join block is online no more (event-update).
    if (before.isOnlineMeeting && item.joinUrl && input['body'] && !data.body.html.includes(item.joinUrl)) {
      item.joinUrl = null;
      item.data = { ...data, isOnlineMeeting: false };
    } else item.data = data;
    if (data.isOnlineMeeting && !before.isOnlineMeeting && this.#world.switches.onlineMeetings) this.#putOnline(item);
    const isRebuilt = JSON.stringify([before.start, before.end, before.recurrence, before.isAllDay]) !==
      JSON.stringify([item.data.start, item.data.end, item.data.recurrence, item.data.isAllDay]);
    if (isRebuilt && (this.#world.switches.patternChange === 'drops-exceptions' || !item.data.recurrence)) {
      item.exceptions = {};
      item.exclusions = [];
    }
    item.extendedProperties = { ...item.extendedProperties, ...readExtended(input) };
    this.#changed(item);
  }

  #updateOccurrence(item: Item, date: string, input: Record<string, unknown>): void {
    if ('recurrence' in input && input['recurrence'] !== null) throw invalidProperty();
    const before = occurrenceData(item, date);
    const { recurrence: _none, ...plain } = applyInput(before, { ...input, recurrence: null });
    this.#assertBetweenNeighbours(item, date, plain.start.wallClock.slice(0, 10));
    const inherited = occurrenceData({ ...item, exceptions: {} }, date) as unknown as Record<string, unknown>;
    const changed = Object.entries(plain).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(inherited[name]));
    const changeKey = this.#world.ids.changeKey();
    item.exceptions = { ...item.exceptions, [date]: { data: Object.fromEntries(changed) as Partial<ItemData>, changeKey } };
    this.#changed(item);
  }

  #assertBetweenNeighbours(item: Item, date: string, newDate: string): void {
    const { recurrence } = item.data;
    if (!recurrence || newDate === date) return;
    const around = datesOf(recurrence, dateOfDay(dayNumber(date) - 400), dateOfDay(dayNumber(date) + 400))
      .filter((other) => other !== date && !item.exclusions.includes(other))
      .map((other) => ({ rule: other, actual: (item.exceptions[other]?.data.start?.wallClock ?? other).slice(0, 10) }));
    const previous = around.filter(({ rule }) => rule < date).at(-1)?.actual;
    const next = around.find(({ rule }) => rule > date)?.actual;
    if ((previous && newDate <= previous) || (next && newDate >= next)) {
      throw new GraphError(400, 'ErrorOccurrenceCrossingBoundary', 'Modified occurrence is crossing or overlapping adjacent occurrence.');
    }
  }

  #deleteItem(item: Item): void {
    item.isDeleted = true;
    this.#changed(item);
  }

  #putOnline(item: Item): void {
    item.joinUrl = `https://teams.microsoft.com/l/meetup-join/${item.immutableId.slice(8, 40)}`;
    const block = `<div class="me-email-text"><a href="${item.joinUrl}">Join the meeting now</a></div>`;
    const { html } = item.data.body;
    const joined = html.includes('</body>') ? html.replace('</body>', `${block}\r\n</body>`) : `<html>\r\n<body>\r\n${block}\r\n</body>\r\n</html>\r\n`;
    item.data = { ...item.data, body: { html: joined } };
  }

  #changed(item: Item): void {
    item.seq = ++this.seq;
    item.changeKey = this.#world.ids.changeKey();
    item.modifiedAt = this.#world.now();
    this.restore(item);
    this.#world.changed(this, { item });
  }

  #mail(item: Item, kind: OutboxMail['kind'], to: readonly string[]): void {
    if (to.length === 0) return;
    const { subject } = item.data;
    this.#world.outbox.push({ mailbox: this.address, kind, to, subject, eventId: item.immutableId });
  }
}

/** Half-open, as views are; an event of no length counts at its instant. All-day events float at UTC. */
export function isInWindow(data: ItemData, window: { start: number; end: number }): boolean {
  const zone = (time: ItemData['start']) => (data.isAllDay ? 'UTC' : time.zone);
  const start = instantOf(data.start.wallClock, zone(data.start));
  const end = instantOf(data.end.wallClock, zone(data.end));
  return start < window.end && (end > window.start || (end === start && start >= window.start));
}

function guestsOf(data: ItemData): string[] {
  return data.attendees.flatMap(({ emailAddress }) => {
    const { address } = emailAddress as { address?: string };
    return address ? [address] : [];
  });
}

function hashOf(input: Record<string, unknown>): string {
  const sorted = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(sorted)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a.localeCompare(b)).map(([key, member]) => [key, sorted(member)]))
        : value;
  return createHash('sha256').update(JSON.stringify(sorted(input))).digest('base64url');
}

function readExtended(input: Record<string, unknown>): Record<string, string> {
  const properties = input['singleValueExtendedProperties'];
  if (!Array.isArray(properties)) return {};
  return Object.fromEntries(properties.map(({ id, value }) => [String(id), String(value)]));
}
