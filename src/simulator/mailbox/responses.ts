import { GraphError, invalidRequest, unreadableBody } from '../http/graph-error.ts';
import { type Actor, deleteItem, type FoundEvent } from './event-operations.ts';
import { responseSent } from './meetings.ts';
import { deleteOccurrence, saveException } from './occurrence-operations.ts';

type Input = Record<string, unknown>;
type Verb = 'accept' | 'decline' | 'tentativelyaccept';

const RESPONSES = { accept: 'accepted', decline: 'declined', tentativelyaccept: 'tentativelyAccepted' } as const;

/** `cancel`: the organiser calls a meeting, or one occurrence, off. */
export function cancelMeeting(actor: Actor, { item, date }: FoundEvent, input: Input): void {
  allow(input, ['comment']);
  if (!item.isOrganizer) throw invalidRequest('You need to be an organizer to cancel a meeting.');
  const unguarded = { ...actor, ifMatch: undefined };
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
  const response = RESPONSES[verb];
  responseSent({ world, mailbox, item }, response, { send, date });
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
  mailbox.put(item, 'all', world.now());
}

function allow(input: Input, names: string[]): void {
  for (const name of Object.keys(input)) {
    if (!names.includes(name.toLowerCase())) {
      throw unreadableBody(
        `The parameter '${name}' in the request payload is not a valid parameter for the operation.`,
      );
    }
  }
}
