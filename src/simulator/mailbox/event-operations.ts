import { createHash } from 'node:crypto';
import {
  accessDenied,
  GraphError,
  invalidRequest,
  itemNotFound,
  malformedId,
  validationFailure,
} from '../http/graph-error.ts';
import { type ContentRules, writeContent } from './event-content.ts';
import { etag } from './event-render.ts';
import { type EventInput, readEventInput } from './event-schema.ts';
import { extendedAfter, hangingOnCreate, refuseAfterCreate } from './hanging-input.ts';
import type { Mailbox } from './mailbox.ts';
import { changedKeys, meetingChanged, meetingCreated, meetingRemoved } from './meetings.ts';
import { type Content, NEVER, type Recurrence, type StoredCalendar, type StoredItem } from './model.ts';
import { readRecurrence } from './recurrence-input.ts';
import { expandDates } from './recurrence-rule.ts';
import { startDateOf, startOnPattern } from './series.ts';
import { mended } from './shown-instead.ts';
import type { World } from './world.ts';
import { sameZone, windowsName } from './zones.ts';

/** Who writes, where, and on which condition. */
export interface Actor {
  world: World;
  mailbox: Mailbox;
  /** `If-Match`, when the request carried one. */
  ifMatch?: string | undefined;
  /** What the person writes along in the mails this causes. */
  comment?: string | undefined;
}

export interface FoundEvent {
  item: StoredItem;
  /** Original date when an occurrence was addressed, '' otherwise. */
  date: string;
}

/**
 * The event behind an id. A default id of an event that has moved is dead, an immutable one is not.
 *
 * @throws {GraphError} 404 `ErrorItemNotFound`, 400 `ErrorInvalidIdMalformed`
 */
export function findEvent(mailbox: Mailbox, id: string, calendar?: StoredCalendar): FoundEvent {
  const decoded = mailbox.decodeId(id);
  if (decoded.kind !== 'item' && decoded.kind !== 'occurrence') throw malformedId();
  const item = mailbox.item(decoded.n);
  if (item === undefined || item.deleted) throw itemNotFound();
  const isStale = decoded.folder !== item.folder || (decoded.generation ?? 0) !== (item.generation ?? 0);
  if (decoded.form === 'default' && isStale) throw itemNotFound();
  if (calendar !== undefined && calendar.folder !== item.folder) throw itemNotFound();
  return { item, date: decoded.date };
}

/** @throws {GraphError} 412 `ErrorIrresolvableConflict` when the condition names another version */
export function checkIfMatch(actor: Actor, version: number): void {
  const { ifMatch, world, mailbox } = actor;
  if (ifMatch === undefined || world.switches.ifMatch === 'ignore' || ifMatch.trim() === '*') return;
  if (ifMatch.trim() === etag(mailbox, version)) return;
  throw new GraphError(
    412,
    'ErrorIrresolvableConflict',
    'The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.',
  );
}

export function rulesFor(world: World, teams = true): ContentRules {
  return {
    teams,
    storedZoneNames: world.switches.storedZoneNames,
    newJoinUrl: () => `https://teams.microsoft.com/l/meetup-join/19%3ameeting_${world.hex(32)}%40thread.v2/0`,
  };
}

export function requireEditable(mailbox: Mailbox, folder: number): void {
  if (mailbox.calendarByFolder(folder)?.canEdit === false) throw accessDenied();
}

/** @throws {GraphError} everything a create can be refused for; nothing is stored then */
export function createEvent(actor: Actor, calendar: StoredCalendar, body: unknown): StoredItem {
  const { world, mailbox } = actor;
  requireEditable(mailbox, calendar.folder);
  const input = readEventInput(body);
  const transactionId = (input['transactionId'] as string | null | undefined) ?? null;
  const transactionHash = transactionId === null ? '' : hashOf(input, calendar.folder);
  if (transactionId !== null) {
    const earlier = findDuplicate(actor, transactionId, transactionHash);
    if (earlier !== undefined) return earlier;
  }
  let content = writeContent(undefined, input, rulesFor(world, calendar.withoutMeetings !== true));
  const recurrence = readRecurrenceOf(actor, input, content, [startDateOf(content)]);
  if (recurrence !== null) content = startOnPattern(content, recurrence);
  const hanging = hangingOnCreate(actor, input);
  const now = world.now();
  const version = mailbox.nextVersion();
  const item: StoredItem = {
    n: mailbox.nextItemNumber(),
    folder: calendar.folder,
    deleted: false,
    content,
    recurrence,
    exceptions: {},
    cancelled: [],
    version,
    contentVersion: version,
    createdMs: now,
    modifiedMs: now,
    uid: world.hex(32).toUpperCase(),
    transactionId,
    transactionHash,
    isOrganizer: true,
    organizer: { name: mailbox.state.name, address: mailbox.state.address },
    response: { response: 'none', time: NEVER },
    isCancelled: false,
    ...hanging,
  };
  mailbox.put(item, 'all', now);
  meetingCreated({ world, mailbox, item });
  refuseAfterCreate(actor, input);
  return item;
}

/** The event an earlier POST with this `transactionId` made, or undefined when it was never used. */
function findDuplicate(actor: Actor, transactionId: string, hash: string): StoredItem | undefined {
  const { mailbox, world } = actor;
  const earlier = mailbox.itemByTransaction(transactionId);
  if (earlier === undefined) return undefined;
  const policy = world.switches.duplicateTransaction;
  if (policy === 'same-id' && !earlier.deleted && earlier.transactionHash === hash) return earlier;
  throw new GraphError(
    policy === '409' ? 409 : 400,
    'ErrorDuplicateTransactionId',
    "Your request can't be completed. The TransactionId specified in the request has already been used to create a different event.",
    { extra: { '@event.existingEventId': mailbox.itemId(earlier, 'default') } },
  );
}

function hashOf(input: EventInput, folder: number): string {
  return createHash('sha256')
    .update(JSON.stringify([folder, sorted(input)]))
    .digest('base64');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

function readRecurrenceOf(actor: Actor, input: EventInput, content: Content, startDates: string[]): Recurrence | null {
  const sent = input['recurrence'] as Record<string, unknown> | null | undefined;
  if (sent === undefined || sent === null) return null;
  const recurrence = readRecurrence(sent, { zone: content.startZone, startDates });
  if (actor.world.switches.storedZoneNames === 'windows') {
    recurrence.range.recurrenceTimeZone = windowsName(recurrence.range.recurrenceTimeZone);
  }
  return recurrence;
}

/** What a write says of when an event is. */
const TIMES = ['start', 'end', 'recurrence'] as const;

/** PATCH of a single event or of a series master. */
export function updateItem(actor: Actor, item: StoredItem, body: unknown): StoredItem {
  const { world, mailbox } = actor;
  requireEditable(mailbox, item.folder);
  checkIfMatch(actor, item.version);
  const input = readEventInput(body, world.switches.readOnlyInPatch);
  refuseTransactionId(input);
  const before = item.content;
  let content = writeContent(before, input, rulesFor(world));
  const recurrence = input['recurrence'] === null ? null : recurrenceAfter(actor, item, input, content);
  const isMoved = TIMES.some((name) => input[name] !== undefined);
  if (recurrence !== null && isMoved) content = startOnPattern(content, recurrence);
  const extended = extendedAfter(actor, item, input);

  const seriesBefore = JSON.stringify(item.recurrence);
  const keep = recurrence === null ? { exceptions: {}, cancelled: [] } : membersAfter(actor, item, content, recurrence);
  const version = mailbox.nextVersion();
  Object.assign(item, {
    ...keep,
    content,
    recurrence,
    ...extended,
    ...(item.shown === undefined ? {} : { shown: mended(item.shown, input) }),
    version,
    contentVersion: version,
    modifiedMs: world.now(),
    isDraft: false,
  });
  mailbox.put(item, 'all', world.now());
  meetingChanged({ world, mailbox, item }, before, content, {
    seriesChanged: seriesBefore !== JSON.stringify(recurrence),
  });
  return item;
}

export function refuseTransactionId(input: EventInput): void {
  if (input['transactionId'] !== undefined) throw invalidRequest('The TransactionId is immutable.');
}

/** The series after a PATCH: the one sent, or the one there was, which the event's new times must still fit. */
function recurrenceAfter(actor: Actor, item: StoredItem, input: EventInput, content: Content): Recurrence | null {
  const current = item.recurrence;
  if (input['recurrence'] !== undefined) {
    const moved = content.startMs !== item.content.startMs;
    const also = current === null || moved ? [] : [current.range.startDate];
    return readRecurrenceOf(actor, input, content, [startDateOf(content), ...also]);
  }
  if (current === null || input['start'] === undefined) return current;
  // Without the recurrence alongside, a master may change its clock, not its zone nor its date.
  if (!sameZone(current.range.recurrenceTimeZone, content.startZone)) throw validationFailure();
  if (![current.range.startDate, startDateOf(item.content)].includes(startDateOf(content))) throw validationFailure();
  return current;
}

/** Exchange rebuilds a series whose pattern, start or time changed: its exceptions and exclusions go. */
function membersAfter(actor: Actor, item: StoredItem, content: Content, recurrence: Recurrence) {
  const { exceptions, cancelled } = item;
  const before = item.recurrence;
  if (before === null) return { exceptions: {}, cancelled: [] };
  const times: (keyof Content)[] = ['startMs', 'endMs', 'startZone', 'isAllDay'];
  const rebuilt =
    JSON.stringify(before.pattern) !== JSON.stringify(recurrence.pattern) ||
    before.range.startDate !== recurrence.range.startDate ||
    changedKeys(item.content, content).some((key) => times.includes(key));
  if (rebuilt && actor.world.switches.patternChangeDropsExceptions) return { exceptions: {}, cancelled: [] };
  const stands = (date: string) => expandDates(recurrence, date, date).length > 0;
  return {
    exceptions: Object.fromEntries(Object.entries(exceptions).filter(([date]) => stands(date))),
    cancelled: cancelled.filter(stands),
  };
}

/** DELETE of a single event or of a whole series: to Deleted Items, where no path reaches it. */
export function deleteItem(actor: Actor, item: StoredItem): void {
  const { world, mailbox } = actor;
  requireEditable(mailbox, item.folder);
  checkIfMatch(actor, item.version);
  meetingRemoved({ world, mailbox, item, comment: actor.comment }, item.content);
  item.deleted = true;
  item.modifiedMs = world.now();
  mailbox.put(item, 'removed', world.now());
}

/** changeKey and lastModifiedDateTime move, content does not. */
export function touchItem(world: World, mailbox: Mailbox, item: StoredItem): void {
  item.version = mailbox.nextVersion();
  item.contentVersion = item.version;
  item.modifiedMs = world.now();
  mailbox.put(item, 'all', world.now());
}
