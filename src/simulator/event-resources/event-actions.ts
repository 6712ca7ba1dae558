import { GraphError, unreadableBody, validationFailure } from '../http/graph-error.ts';
import { type Actor, type FoundEvent, touchItem } from '../mailbox/event-operations.ts';
import { mail, shareWithAttendees } from '../mailbox/meetings.ts';
import { type Address, NEVER, type StoredAttendee, type StoredItem } from '../mailbox/model.ts';
import { allow, instantOf, readComment } from '../mailbox/responses.ts';

type Input = Record<string, unknown>;

const member = (input: Input, name: string): unknown =>
  Object.entries(input).find(([key]) => key.toLowerCase() === name)?.[1];

/**
 * `forward`: the meeting request goes to others; the organiser is told and has them among the attendees from
 * then on (Microsoft Graph "event: forward").
 */
export function forwardEvent(actor: Actor, { item, date }: FoundEvent, input: Input): void {
  const { world, mailbox } = actor;
  allow(input, ['torecipients', 'comment']);
  const recipients = readRecipients(member(input, 'torecipients'));
  const comment = readComment(input);
  const subject = item.content.subject;
  const addresses = recipients.map(({ address }) => address);
  mail({ world, mailbox, item, comment }, 'forward', addresses, `FW: ${subject}`, date);
  if (item.isOrganizer) {
    if (item.content.attendees.length > 0) invite(actor, item, recipients);
    return;
  }
  mail({ world, mailbox, item }, 'forward', [item.organizer.address], `Meeting Forward Notification: ${subject}`, date);
  const organiser = world.findMailbox(item.organizer.address);
  const original = organiser?.itemByUid(item.uid);
  if (organiser !== undefined && original?.isOrganizer) invite({ world, mailbox: organiser }, original, recipients);
}

/** The organiser's copy gets the new attendees, and they get theirs; the mail has gone out already. */
function invite({ world, mailbox }: Actor, item: StoredItem, recipients: readonly Address[]): void {
  const known = new Set(item.content.attendees.map(({ emailAddress }) => emailAddress.address.toLowerCase()));
  const added = recipients
    .filter(({ address }) => !known.has(address.toLowerCase()))
    .map(
      (emailAddress): StoredAttendee => ({
        type: 'required',
        status: { response: 'none', time: NEVER },
        emailAddress,
      }),
    );
  if (added.length === 0) return;
  item.content = { ...item.content, attendees: [...item.content.attendees, ...added] };
  touchItem(world, mailbox, item);
  shareWithAttendees({ world, mailbox, item });
}

/** @throws {GraphError} 400 without a recipient that has an address */
function readRecipients(value: unknown): Address[] {
  if (value !== undefined && value !== null && !Array.isArray(value)) {
    throw unreadableBody('A collection was expected.');
  }
  const recipients = ((value ?? []) as { emailAddress?: { name?: string; address?: string } }[]).map((recipient) => {
    const address = recipient?.emailAddress?.address;
    if (typeof address !== 'string' || !/^[^\s@]+@[^\s@]+$/.test(address)) throw invalidRecipients();
    return { name: recipient.emailAddress?.name ?? address, address };
  });
  if (recipients.length === 0) throw invalidRecipients();
  return recipients;
}

const invalidRecipients = (): GraphError =>
  new GraphError(400, 'ErrorInvalidRecipients', 'At least one recipient is not valid.');

/** `dismissReminder`: the event stays as it is, and reminds nobody any more. */
export function dismissReminder(actor: Actor, found: FoundEvent, input: Input): void {
  allow(input, []);
  remind(actor, found, { dismissed: true, fireMs: null });
}

/** `snoozeReminder`: reminds again at `newReminderTime`. @throws {GraphError} 400 without a time */
export function snoozeReminder(actor: Actor, found: FoundEvent, input: Input): void {
  allow(input, ['newremindertime']);
  const fireMs = instantOf(member(input, 'newremindertime') as { dateTime?: string; timeZone?: string } | undefined);
  if (fireMs === undefined) throw validationFailure();
  remind(actor, found, { dismissed: false, fireMs });
}

/** The store keeps the next reminder with the event, so its changeKey moves. */
function remind(
  { world, mailbox }: Actor,
  { item, date }: FoundEvent,
  reminder: { dismissed: boolean; fireMs: number | null },
): void {
  item.reminders = { ...item.reminders, [date]: reminder };
  touchItem(world, mailbox, item);
}
