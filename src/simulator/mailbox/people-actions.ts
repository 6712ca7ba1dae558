import { itemNotFound, malformedId, validationFailure } from '../http/graph-error.ts';
import {
  type Actor,
  createEvent,
  deleteItem,
  type FoundEvent,
  requireEditable,
  updateItem,
} from './event-operations.ts';
import { decodeId } from './ids.ts';
import { meetingCreated } from './meetings.ts';
import { NEVER, type Range, type ResponseStatus, type StoredCalendar, type StoredItem } from './model.ts';
import { updateOccurrence } from './occurrence-operations.ts';
import { expandDates } from './recurrence-rule.ts';
import { instanceOf } from './series.ts';
import type { World } from './world.ts';
import { DAY_MS, dateOf, parseDate } from './zones.ts';

/** What people do in Outlook and no Graph request does, or not in one step. */

/** Runs something that mails nobody: furnishing, or what somebody else does. */
export function quietly<T>(world: World, action: () => T): T {
  const before = world.quiet;
  world.quiet = true;
  try {
    return action();
  } finally {
    world.quiet = before;
  }
}

/** Changes whatever was found: an event, a series, one occurrence. */
export function changeFound(actor: Actor, { item, date }: FoundEvent, patch: object): void {
  if (date === '') updateItem(actor, item, patch);
  else updateOccurrence(actor, item, date, patch);
}

/** Graph has no move. The default id changes, the immutable one stays. */
export function moveItem({ world, mailbox }: Actor, item: StoredItem, target: StoredCalendar): void {
  requireEditable(mailbox, target.folder);
  item.version = mailbox.nextVersion();
  item.contentVersion = item.version;
  item.modifiedMs = world.now();
  mailbox.move(item, target.folder, world.now());
}

/**
 * Takes an event out of Deleted Items, back into its calendar, or into the default one when that is gone.
 *
 * @throws {GraphError} 404 for what was never here, 400 for what is not deleted and for a single occurrence
 */
export function restoreItem({ world, mailbox }: Actor, id: string): StoredItem {
  const decoded = decodeId(mailbox.state.id, id);
  if (decoded.kind !== 'item') throw malformedId();
  const item = mailbox.item(decoded.n);
  if (item === undefined || item.purged === true) throw itemNotFound();
  if (!item.deleted) throw validationFailure();
  const now = world.now();
  if (mailbox.calendarByFolder(item.folder)?.deleted !== false) item.folder = mailbox.defaultCalendar.folder;
  item.deleted = false;
  item.generation = (item.generation ?? 0) + 1;
  item.version = mailbox.nextVersion();
  item.contentVersion = item.version;
  item.modifiedMs = now;
  mailbox.put(item, 'all', now);
  return item;
}

/**
 * "This and all following": Outlook ends the series before `date` and makes a new one of the rest, with an id of its own.
 * From the first date on it is an edit of the whole series.
 *
 * @returns the series that now holds `date`
 * @throws {GraphError} 404 when the series has no such date; what the change itself can be refused for
 */
export function updateFollowing(actor: Actor, item: StoredItem, date: string, change: object): StoredItem {
  const { world, mailbox } = actor;
  requireEditable(mailbox, item.folder);
  if (isFirst(item, date)) return updateItem(actor, item, change);
  const rest = restOf(actor, item, date);
  // Stores it as well, and first: a refused change must leave the series in one piece.
  quietly(world, () => updateItem(actor, rest, change));
  endBefore(actor, item, date);
  meetingCreated({ world, mailbox, item: rest });
  return rest;
}

/** Deletes an occurrence and all after it: the series ends before. From the first date on, the whole series goes. */
export function deleteFollowing(actor: Actor, item: StoredItem, date: string): void {
  requireEditable(actor.mailbox, item.folder);
  if (isFirst(item, date)) deleteItem(actor, item);
  else endBefore(actor, item, date);
}

function isFirst(item: StoredItem, date: string): boolean {
  instanceOf(item, date);
  return expandDates(item.recurrence!, '0001-01-02', date).length <= 1;
}

/** The part of a series from `date` on, as a series of its own that is not stored yet. */
function restOf({ world, mailbox }: Actor, item: StoredItem, date: string): StoredItem {
  const recurrence = item.recurrence!;
  const { content } = instanceOf({ ...item, exceptions: {} }, date);
  const passed = expandDates(recurrence, '0001-01-02', date).length - 1;
  const version = mailbox.nextVersion();
  return structuredClone({
    ...item,
    n: mailbox.nextItemNumber(),
    content,
    recurrence: {
      pattern: recurrence.pattern,
      range: {
        ...recurrence.range,
        startDate: date,
        numberOfOccurrences: Math.max(0, recurrence.range.numberOfOccurrences - passed),
      },
    },
    exceptions: Object.fromEntries(Object.entries(item.exceptions).filter(([each]) => each >= date)),
    cancelled: item.cancelled.filter((each) => each >= date),
    version,
    contentVersion: version,
    createdMs: world.now(),
    modifiedMs: world.now(),
    uid: world.hex(32).toUpperCase(),
    transactionId: null,
    transactionHash: '',
  });
}

/** Ends a series on the day before `date`; exceptions before it stay. */
function endBefore(actor: Actor, item: StoredItem, date: string): void {
  const { range, pattern } = item.recurrence!;
  const ended: Range = {
    ...range,
    type: 'endDate',
    endDate: dateOf(parseDate(date)! - DAY_MS),
    numberOfOccurrences: 0,
  };
  updateItem(actor, item, { recurrence: { pattern, range: ended } });
}

/** An invitation from somebody outside: `isOrganizer` false, this mailbox among the attendees. */
export function receiveInvitation(
  actor: Actor,
  calendar: StoredCalendar,
  event: Record<string, unknown> & {
    organizer: { emailAddress: { name?: string; address: string } };
    responseStatus?: ResponseStatus;
  },
): StoredItem {
  const { organizer, responseStatus, ...rest } = event;
  const { name, address } = actor.mailbox.state;
  const sent = (rest as { attendees?: { emailAddress?: { address?: string } }[] }).attendees ?? [];
  const invited = sent.some(({ emailAddress }) => emailAddress?.address?.toLowerCase() === address.toLowerCase());
  const own = { type: 'required', emailAddress: { name, address } };
  const item = quietly(actor.world, () =>
    createEvent(actor, calendar, { showAs: 'tentative', ...rest, attendees: invited ? sent : [...sent, own] }),
  );
  item.isOrganizer = false;
  item.organizer = {
    name: organizer.emailAddress.name ?? organizer.emailAddress.address,
    address: organizer.emailAddress.address,
  };
  item.response = responseStatus ?? { response: 'notResponded', time: NEVER };
  return item;
}
