import { GraphError, invalidRequest, unreadableBody } from '../http/graph-error.ts';
import { type Actor, deleteItem, type FoundEvent } from './event-operations.ts';
import { checkParameter } from './event-schema.ts';
import { responseSent } from './meetings.ts';
import type { StoredItem } from './model.ts';
import { deleteOccurrence, saveException } from './occurrence-operations.ts';
import { parseLocal, requireZone, toInstant, wireLocal } from './zones.ts';

type Input = Record<string, unknown>;
type Verb = 'accept' | 'decline' | 'tentativelyaccept';

const RESPONSES = { accept: 'accepted', decline: 'declined', tentativelyaccept: 'tentativelyAccepted' } as const;

/** `cancel`: the organiser calls a meeting, or one occurrence, off. */
export function cancelMeeting(actor: Actor, { item, date }: FoundEvent, input: Input): void {
  allow(input, ['comment']);
  if (!item.isOrganizer) throw invalidRequest('You need to be an organizer to cancel a meeting.');
  const unguarded = { ...actor, ifMatch: undefined, comment: readComment(input) };
  if (date === '') deleteItem(unguarded, item);
  else deleteOccurrence(unguarded, item, date);
}

/**
 * `accept`, `decline`, `tentativelyAccept` (Microsoft Graph "event: decline"). Declining takes the event off the
 * calendar. A matching `If-Match` is ignored, a malformed one breaks the service, as recorded.
 */
export function respond(actor: Actor, { item, date }: FoundEvent, verb: Verb, input: Input): void {
  const { world, mailbox } = actor;
  allow(input, ['comment', 'sendresponse', ...(verb === 'accept' ? [] : ['proposednewtime'])]);
  if (actor.ifMatch !== undefined && !/^(\*|W\/"[^"]+")$/.test(actor.ifMatch)) {
    throw new GraphError(500, 'ErrorInternalServerError', 'An internal server error occurred. The operation failed.');
  }
  if (item.isOrganizer) throw invalidRequest("You can't respond to this meeting because you're the meeting organizer.");
  const read = (name: string) => Object.entries(input).find(([key]) => key.toLowerCase() === name)?.[1];
  const send = read('sendresponse') !== false;
  if (
    read('proposednewtime') !== undefined &&
    read('proposednewtime') !== null &&
    (!send || !item.content.allowNewTimeProposals)
  ) {
    throw new GraphError(400, 'ErrorInvalidParameter', 'The proposedNewTime parameter is not valid for this response.');
  }
  const proposedNewTime = readProposal(read('proposednewtime'));
  const response = RESPONSES[verb];
  const comment = readComment(input);
  responseSent({ world, mailbox, item, comment }, response, {
    send,
    date,
    ...(proposedNewTime === undefined ? {} : { proposedNewTime }),
  });
  const unguarded = { ...actor, ifMatch: undefined };
  if (verb === 'decline') {
    if (date === '') deleteItem(unguarded, item);
    else deleteOccurrence(unguarded, item, date);
    return;
  }
  const status = { response, time: new Date(world.now()).toISOString() };
  const showAs = verb === 'accept' ? 'busy' : 'tentative';
  if (date !== '') {
    saveException(actor, item, date, { showAs }, { response: status });
    return;
  }
  item.response = status;
  item.content = { ...item.content, showAs };
  item.version = mailbox.nextVersion();
  item.contentVersion = item.version;
  item.modifiedMs = world.now();
  if (verb === 'accept' && world.switches.acceptReplacesEvent) replaceCopy(actor, item);
  else mailbox.put(item, 'all', world.now());
}

/** The store deletes the tentative copy and makes another one: same meeting, new ids. */
function replaceCopy({ world, mailbox }: Actor, item: StoredItem): void {
  const copy: StoredItem = { ...structuredClone(item), n: mailbox.nextItemNumber(), generation: 0 };
  item.deleted = true;
  item.purged = true;
  mailbox.put(item, 'removed', world.now());
  mailbox.put(copy, 'all', world.now());
}

/** @throws {GraphError} 400 unless the proposal has a start before its end */
function readProposal(value: unknown): object | undefined {
  if (value === undefined || value === null) return undefined;
  const { start, end } = value as { start?: DateTimeInput; end?: DateTimeInput };
  const [from, to] = [instantOf(start), instantOf(end)];
  if (from === undefined || to === undefined || to <= from) {
    throw new GraphError(400, 'ErrorInvalidParameter', 'The proposedNewTime parameter is not valid for this response.');
  }
  const wire = (ms: number) => ({ dateTime: wireLocal(ms), timeZone: 'UTC' });
  return { start: wire(from), end: wire(to) };
}

interface DateTimeInput {
  dateTime?: string;
  timeZone?: string;
}

/** @throws {GraphError} 400 for a zone nobody knows */
export function instantOf(value: DateTimeInput | null | undefined): number | undefined {
  const local = parseLocal(value?.dateTime);
  return local === undefined ? undefined : toInstant(requireZone(value?.timeZone), local);
}

/** The `comment` of an action, in any case of its name. */
export function readComment(input: Input): string {
  const value = Object.entries(input).find(([key]) => key.toLowerCase() === 'comment')?.[1] ?? '';
  if (typeof value !== 'string')
    throw unreadableBody("Cannot convert the value of 'comment' to the expected type 'Edm.String'.");
  return value;
}

/** @throws {GraphError} 400 for a parameter the action does not have, or a value of another type */
export function allow(input: Input, names: string[]): void {
  for (const [name, value] of Object.entries(input)) {
    if (!names.includes(name.toLowerCase())) {
      throw unreadableBody(
        `The parameter '${name}' in the request payload is not a valid parameter for the operation.`,
      );
    }
    checkParameter(name, value);
  }
}
