import { changedUnits, type Unit } from '../core/canonical-event.ts';
import type { Attendee, EventContent } from '../core/event.ts';
import { dateOfUnit, isOccurrenceUnit, isSilent } from '../core/outgoing-change.ts';
import { occurrenceContent } from '../core/series.ts';
import { deletionWouldMailGuests } from './outgoing.ts';
import type { Outgoing, OutgoingDeletion } from './outgoing-event.ts';

/** Mail that Exchange sends because of one of our writes (graph contract 6.4). */
export interface Mail {
  readonly operation: 'invite' | 'update' | 'cancel' | 'respond';
  /** Addresses, each once, in order. */
  readonly recipients: readonly string[];
}

/** Who would be mailed what if this were sent. */
export function mailsOf(target: Outgoing): Mail[] {
  return joined(allMailsOf(target));
}

function allMailsOf(target: Outgoing): Mail[] {
  const { operation, base, change, sent, event } = target;
  if (operation?.kind === 'create') {
    const invited = operation.sendAttendees ? addressesOf(sent.attendees) : [];
    // Its dates follow one by one, once the series is there.
    return [{ operation: 'invite', recipients: invited }, ...mailsOfDates(target, { ...sent, occurrences: {} })];
  }
  const known = base?.remote;
  if (!known || event.facts?.isOrganizer === false) return [];
  const wanted = change.units.includes('attendees') ? event.content : known;
  const mails = operation ? mailsBetween(known, wanted, change.units) : [];
  // Dates follow the series, whose guests are the new ones by then.
  const followed = { ...known, attendees: wanted.attendees };
  return [...mails, ...repeatedForDates(known, mails), ...mailsOfDates(target, followed)];
}

/** A series that changes mails once more for each of its dates that differs. */
function repeatedForDates({ occurrences }: EventContent, mails: readonly Mail[]): Mail[] {
  const updates = mails.filter(({ operation }) => operation === 'update');
  return Object.values(occurrences).flatMap(({ isCancelled }) => (isCancelled ? [] : updates));
}

/** The same as a number of mails: who is told of several dates one by one counts once for each. */
export function mailCountOf(target: Outgoing): number {
  return allMailsOf(target).reduce((sum, { recipients }) => sum + recipients.length, 0);
}

export function mailCountOfDeletion(target: OutgoingDeletion): number {
  return mailsOfDeletion(target).reduce((sum, { recipients }) => sum + recipients.length, 0);
}

/** Guests of a meeting of ours that is deleted, and of those of its dates that have guests of their own. */
export function mailsOfDeletion(target: OutgoingDeletion): Mail[] {
  const { remote } = target.base;
  if (!remote || !deletionWouldMailGuests(target)) return [];
  const dates = Object.keys(remote.occurrences).map((date) => occurrenceContent(remote, date));
  const recipients = [remote, ...dates].flatMap(({ attendees }) => addressesOf(attendees));
  return joined([{ operation: 'cancel', recipients }]);
}

/** Only who comes or goes hears of it when nothing but the list changed; otherwise everybody who stays does. */
function mailsBetween(known: EventContent, wanted: EventContent, units: readonly Unit[]): Mail[] {
  const was = addressesOf(known.attendees);
  const is = units.includes('attendees') ? addressesOf(wanted.attendees) : was;
  const added = without(is, was);
  const isNews = units.some((unit) => unit !== 'attendees' && !isSilent(unit));
  return [
    { operation: 'cancel', recipients: without(was, is) },
    { operation: 'invite', recipients: added },
    { operation: 'update', recipients: isNews ? without(is, added) : [] },
  ];
}

function mailsOfDates({ change, event, operation }: Outgoing, known: EventContent): Mail[] {
  const isCreate = operation?.kind === 'create';
  if (isCreate && !operation.sendAttendees) return [];
  return change.occurrences.filter(isOccurrenceUnit).flatMap((unit): Mail[] => {
    const date = dateOfUnit(unit);
    if (!event.content.recurrence || !known.recurrence) return [];
    const before = known.occurrences[date];
    const was = before?.isCancelled ? { ...known, attendees: [] } : occurrenceContent(known, date);
    if (event.content.occurrences[date]?.isCancelled) {
      return before?.isCancelled ? [] : [{ operation: 'cancel', recipients: addressesOf(was.attendees) }];
    }
    const is = occurrenceContent(event.content, date);
    return mailsBetween(was, is, changedUnits(was, is));
  });
}

function addressesOf(attendees: readonly Attendee[]): string[] {
  return attendees.flatMap(({ emailAddress: { address } }) => (address ? [address.toLowerCase()] : []));
}

function without(addresses: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return addresses.filter((address) => !known.has(address));
}

/** One of each kind: a series whose dates are sent one by one mails the same people several times. */
function joined(mails: readonly Mail[]): Mail[] {
  return (['invite', 'update', 'cancel'] as const).flatMap((operation): Mail[] => {
    const of = mails.filter((mail) => mail.operation === operation);
    const recipients = [...new Set(of.flatMap((mail) => mail.recipients))].sort();
    return recipients.length > 0 ? [{ operation, recipients }] : [];
  });
}
