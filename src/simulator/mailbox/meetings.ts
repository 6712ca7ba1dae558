import type { Mailbox } from './mailbox.ts';
import {
  type Content,
  NEVER,
  type OutboxMail,
  type ResponseStatus,
  type StoredAttendee,
  type StoredException,
  type StoredItem,
} from './model.ts';
import type { World } from './world.ts';

/**
 * What Exchange does with people: mails (into the outbox) and copies in the attendees' mailboxes. All copies
 * share the `iCalUId`; an attendee's copy lists the organiser too, and keeps its personal properties.
 */

/** Changing only these concerns nobody else (Graph has no "do not notify" for the rest). */
const PERSONAL: readonly (keyof Content)[] = [
  'categories',
  'isReminderOn',
  'reminderMinutesBeforeStart',
  'showAs',
  'sensitivity',
];

const addressesOf = (content: Content): string[] =>
  content.attendees.map(({ emailAddress }) => emailAddress.address).filter((address) => address !== '');

export interface Meeting {
  world: World;
  mailbox: Mailbox;
  item: StoredItem;
  /** What the sender wrote along. */
  comment?: string | undefined;
}

export function mail(meeting: Meeting, kind: OutboxMail['kind'], to: string[], subject: string, date = ''): void {
  const { world, mailbox, item, comment } = meeting;
  world.mail({
    kind,
    mailbox: mailbox.state.address,
    from: mailbox.state.address,
    to,
    subject,
    eventId: mailbox.itemId(item, 'immutable', date),
    ...(comment === undefined || comment === '' ? {} : { comment }),
  });
}

/** Invitations of a new meeting. */
export function meetingCreated(meeting: Meeting): void {
  const { item, world } = meeting;
  if (!item.isOrganizer || world.quiet) return;
  const to = addressesOf(item.content);
  if (to.length === 0) return;
  mail(meeting, 'invitation', to, item.content.subject);
  deliver(meeting, to);
}

/**
 * Mails after a change by the organiser: everybody when the meeting itself changed, only those added or
 * removed when nothing but the list did (Microsoft Graph "Update event").
 */
export function meetingChanged(
  meeting: Meeting,
  before: Content,
  after: Content,
  o: { date?: string; seriesChanged?: boolean },
): void {
  const { item, world } = meeting;
  if (!item.isOrganizer || world.quiet) return;
  const date = o.date ?? '';
  const was = addressesOf(before);
  const is = addressesOf(after);
  const lower = (list: string[]) => new Set(list.map((address) => address.toLowerCase()));
  const added = is.filter((address) => !lower(was).has(address.toLowerCase()));
  const removed = was.filter((address) => !lower(is).has(address.toLowerCase()));
  const changed = changedKeys(before, after).filter((key) => key !== 'attendees' && !PERSONAL.includes(key));
  mail(meeting, 'cancellation', removed, `Canceled: ${before.subject}`, date);
  mail(meeting, 'invitation', added, after.subject, date);
  const stay = is.filter((address) => !added.includes(address));
  if (changed.length > 0 || o.seriesChanged === true) {
    mail(meeting, 'update', stay, after.subject, date);
    // A series with separately changed members mails once more for each of them.
    if (date === '')
      for (const member of Object.keys(item.exceptions)) mail(meeting, 'update', stay, after.subject, member);
  }
  if (date === '') cancelCopies(meeting, removed);
  if (changed.length > 0 || added.length > 0 || o.seriesChanged === true) deliver(meeting, is);
}

export function changedKeys(before: Content, after: Content): (keyof Content)[] {
  return (Object.keys(after) as (keyof Content)[]).filter(
    (key) => before[key] !== after[key] && JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
}

/** Cancellations of a whole meeting, or of one occurrence. */
export function meetingRemoved(meeting: Meeting, content: Content, date = ''): void {
  const { item, world } = meeting;
  if (!item.isOrganizer || world.quiet) return;
  const to = addressesOf(content);
  mail(meeting, 'cancellation', to, `Canceled: ${content.subject}`, date);
  if (date === '') cancelCopies(meeting, to);
  else deliver(meeting, to);
}

/** Brings the attendees' copies up to date without a mail. */
export function shareWithAttendees(meeting: Meeting): void {
  const { item, world } = meeting;
  if (item.isOrganizer && !world.quiet) deliver(meeting, addressesOf(item.content));
}

/** A reply to the organiser, whose copy learns it when they live here. */
export function responseSent(
  meeting: Meeting,
  response: string,
  o: { send: boolean; date?: string; proposedNewTime?: object },
): void {
  const { world, mailbox, item } = meeting;
  if (!o.send) return;
  const verb = { accepted: 'Accepted', declined: 'Declined', tentativelyAccepted: 'Tentative' }[response] ?? 'Response';
  mail(meeting, 'response', [item.organizer.address], `${verb}: ${item.content.subject}`, o.date);
  const organiser = world.findMailbox(item.organizer.address);
  const original = organiser?.itemByUid(item.uid);
  if (organiser === undefined || original === undefined || o.date) return;
  const own = mailbox.state.address.toLowerCase();
  const attendees = original.content.attendees.map((attendee) =>
    attendee.emailAddress.address.toLowerCase() === own
      ? answered(attendee, { response, time: new Date(world.now()).toISOString() }, o.proposedNewTime)
      : attendee,
  );
  original.content = { ...original.content, attendees };
  original.version = organiser.nextVersion();
  original.modifiedMs = world.now();
  organiser.put(original, original.recurrence === null ? 'all' : 'master', world.now());
}

/** A later answer takes an earlier proposal back. */
function answered(attendee: StoredAttendee, status: ResponseStatus, proposedNewTime?: object): StoredAttendee {
  const { proposedNewTime: _earlier, ...rest } = attendee;
  return { ...rest, status, ...(proposedNewTime === undefined ? {} : { proposedNewTime }) };
}

function* copies(meeting: Meeting, addresses: string[]): Generator<Mailbox> {
  for (const address of new Set(addresses.map((each) => each.toLowerCase()))) {
    const mailbox = meeting.world.findMailbox(address);
    if (mailbox !== undefined && mailbox.state.id !== meeting.mailbox.state.id) yield mailbox;
  }
}

function deliver(meeting: Meeting, addresses: string[]): void {
  const { world, item, mailbox: from } = meeting;
  const now = world.now();
  const organiserAsAttendee: StoredAttendee = {
    type: 'required',
    status: { response: 'none', time: NEVER },
    emailAddress: { name: from.state.name, address: from.state.address },
  };
  for (const mailbox of copies(meeting, addresses)) {
    const known = mailbox.itemByUid(item.uid);
    const shared = { ...item.content, attendees: [organiserAsAttendee, ...attendeesFor(mailbox, item.content)] };
    const copy: StoredItem = structuredClone({
      ...item,
      n: known?.n ?? mailbox.nextItemNumber(),
      folder: known?.folder ?? mailbox.defaultCalendar.folder,
      content: { ...shared, ...personalOf(known?.content ?? { ...shared, categories: [], showAs: 'tentative' }) },
      version: mailbox.nextVersion(),
      contentVersion: mailbox.nextVersion(),
      createdMs: known?.createdMs ?? now,
      modifiedMs: now,
      transactionId: null,
      transactionHash: '',
      isOrganizer: false,
      response: known?.response ?? { response: 'notResponded', time: NEVER },
      // Properties and reminders are everybody's own; attachments come from the organiser.
      extended: known?.extended ?? [],
      multiExtended: known?.multiExtended ?? [],
      extensions: known?.extensions ?? [],
      attachments: item.attachments ?? [],
      reminders: known?.reminders ?? {},
      generation: known?.generation ?? 0,
      exceptions: Object.fromEntries(
        Object.entries(item.exceptions).map(([date, each]) => [date, withOwn(each, known?.exceptions[date])]),
      ),
    });
    for (const exception of Object.values(copy.exceptions)) exception.version = mailbox.nextVersion();
    if (known !== undefined) mailbox.put(Object.assign(known, copy), 'all', now);
    else mailbox.put(copy, 'all', now);
  }
}

/** With `hideAttendees`, each one sees only themselves. */
function attendeesFor(mailbox: Mailbox, { attendees, hideAttendees }: Content): StoredAttendee[] {
  if (!hideAttendees) return attendees;
  const own = mailbox.state.address.toLowerCase();
  return attendees.filter(({ emailAddress }) => emailAddress.address.toLowerCase() === own);
}

/** The organiser's exception with what the attendee had hung on theirs. */
function withOwn(sent: StoredException, known: StoredException | undefined): StoredException {
  const { extended: _e, multiExtended: _m, extensions: _x, ...shared } = sent;
  return {
    ...shared,
    ...(known?.extended === undefined ? {} : { extended: known.extended }),
    ...(known?.multiExtended === undefined ? {} : { multiExtended: known.multiExtended }),
    ...(known?.extensions === undefined ? {} : { extensions: known.extensions }),
  };
}

const personalOf = (content: Content): Partial<Content> =>
  Object.fromEntries(PERSONAL.map((key) => [key, content[key]])) as Partial<Content>;

function cancelCopies(meeting: Meeting, addresses: string[]): void {
  for (const mailbox of copies(meeting, addresses)) {
    const copy = mailbox.itemByUid(meeting.item.uid);
    if (copy !== undefined) markCancelled(meeting.world, mailbox, copy);
  }
}

/** What an attendee is left with: the copy stays, free, with a prefixed subject. */
export function markCancelled(world: World, mailbox: Mailbox, copy: StoredItem): void {
  copy.isCancelled = true;
  copy.content = { ...copy.content, subject: `Canceled: ${copy.content.subject}`, showAs: 'free', isReminderOn: false };
  copy.version = mailbox.nextVersion();
  copy.contentVersion = copy.version;
  copy.modifiedMs = world.now();
  mailbox.put(copy, 'all', world.now());
}
