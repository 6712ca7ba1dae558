import { GraphError, validationFailure } from '../http/graph-error.ts';
import { writeContent } from './event-content.ts';
import {
  type Actor,
  checkIfMatch,
  deleteItem,
  type FoundEvent,
  refuseTransactionId,
  requireEditable,
  rulesFor,
} from './event-operations.ts';
import { readEventInput } from './event-schema.ts';
import { extendedAfter } from './hanging-input.ts';
import { changedKeys, meetingChanged, meetingRemoved } from './meetings.ts';
import type { Content, StoredException, StoredItem } from './model.ts';
import { instanceOf, neighbourDays, startDateOf, zoneOf } from './series.ts';
import { dateOf, toLocal } from './zones.ts';

/** PATCH of one occurrence: it becomes (or stays) an exception. */
export function updateOccurrence(actor: Actor, item: StoredItem, date: string, body: unknown): void {
  const { world, mailbox } = actor;
  requireEditable(mailbox, item.folder);
  const instance = instanceOf(item, date);
  checkIfMatch(actor, instance.exception?.version ?? item.contentVersion);
  const input = readEventInput(body, world.switches.readOnlyInPatch);
  refuseTransactionId(input);
  if (input['recurrence'] !== undefined && input['recurrence'] !== null) throw validationFailure();
  const content = writeContent(instance.content, input, rulesFor(world));
  if (content.startMs !== instance.content.startMs) checkBoundaries(item, date, content);
  const changed = changedKeys(instance.content, content);
  const extended = extendedAfter(actor, { ...item, ...instance.exception }, input);
  saveException(actor, item, date, Object.fromEntries(changed.map((key) => [key, content[key]])), extended);
  meetingChanged({ world, mailbox, item }, instance.content, content, { date });
}

/** Stores what differs from the master for one date; the master's changeKey moves with it. */
export function saveException(
  actor: Actor,
  item: StoredItem,
  date: string,
  change: Partial<Content>,
  more: Partial<Omit<StoredException, 'override' | 'version'>> = {},
): void {
  const { world, mailbox } = actor;
  const now = world.now();
  const before = item.exceptions[date];
  item.exceptions[date] = {
    ...before,
    ...more,
    override: { ...before?.override, ...change },
    version: mailbox.nextVersion(),
    createdMs: before?.createdMs ?? item.createdMs,
    modifiedMs: now,
    isCancelled: more.isCancelled ?? before?.isCancelled ?? item.isCancelled,
  };
  item.version = mailbox.nextVersion();
  item.modifiedMs = now;
  mailbox.put(item, date, now);
}

/**
 * An occurrence may not reach the day of a neighbour, so two can never share a day
 * (Microsoft Graph "Update event").
 */
function checkBoundaries(item: StoredItem, date: string, content: Content): void {
  const day = item.content.isAllDay ? startDateOf(content) : dateOf(toLocal(zoneOf(item.content), content.startMs));
  const { before, after } = neighbourDays(item, date);
  if ((before === undefined || day > before) && (after === undefined || day < after)) return;
  throw new GraphError(
    400,
    'ErrorOccurrenceCrossingBoundary',
    "Your request can't be completed. Modified occurrence is crossing or overlapping adjacent occurrence.",
  );
}

/** DELETE of one occurrence: an exclusion on the master. There is no undelete. */
export function deleteOccurrence(actor: Actor, item: StoredItem, date: string): void {
  const { world, mailbox } = actor;
  requireEditable(mailbox, item.folder);
  const instance = instanceOf(item, date);
  checkIfMatch(actor, instance.exception?.version ?? item.contentVersion);
  delete item.exceptions[date];
  item.cancelled = [...item.cancelled, date].sort();
  item.version = mailbox.nextVersion();
  item.modifiedMs = world.now();
  mailbox.put(item, `cut:${date}`, world.now());
  meetingRemoved({ world, mailbox, item, comment: actor.comment }, instance.content, date);
}

/** DELETE of whatever an id stands for: an event, a series, one occurrence. */
export function removeEvent(actor: Actor, { item, date }: FoundEvent): void {
  if (date === '') deleteItem(actor, item);
  else deleteOccurrence(actor, item, date);
}
