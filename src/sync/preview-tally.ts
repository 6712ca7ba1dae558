import type { EventId, GraphEventId } from '../core/ids.ts';
import type { PendingEvent } from '../store/event.repository.ts';
import type { PlannedResponse } from './invitation-copy.ts';
import { deletionWouldMailGuests, hasOccurrencesToPush, wouldMailGuests } from './outgoing.ts';
import type { Outgoing, OutgoingDeletion } from './outgoing-event.ts';
import { type Mail, mailsOf, mailsOfDeletion } from './outgoing-mails.ts';
import { countPlanned, localOperation, type PlannedEvent } from './planned-event.ts';
import { isNewlyHeld } from './pushed-base.ts';
import { RunCounters } from './run-counters.ts';

/** What a run would do to one event on one side. */
export interface PreviewItem {
  /** `null` for an event that does not exist here yet. */
  readonly eventId: EventId | null;
  readonly graphEventId: GraphEventId | null;
  readonly side: 'local' | 'remote';
  readonly operation: 'create' | 'update' | 'delete' | 'adopt' | 'hold' | 'conflict';
  /** Parts of the event, by name. */
  readonly fields: readonly string[];
  readonly reason: string;
  /** Exchange would send mail to the event's guests. */
  readonly mailsGuests: boolean;
}

/** Mail that Exchange would send because of the run. */
export interface PreviewMail extends Mail {
  readonly eventId: EventId;
  /** What the mail would be about; left out of an event that is gone here. */
  readonly subject?: string;
}

export interface Refusal {
  readonly side: 'local' | 'remote';
  readonly count: number;
  readonly of: number;
}

/** Enough for a person to look through; the counts tell the rest. */
const MAX_ITEMS = 200;
const MAX_MAILS = 200;

/** Counts, as the run would, what it would do; remembers the first items. */
export class PreviewTally {
  readonly counters = new RunCounters(Number.POSITIVE_INFINITY);
  readonly items: PreviewItem[] = [];
  /** The first of them; `mailsTotal` counts all. */
  readonly mails: PreviewMail[] = [];
  mailsTotal = 0;
  isTruncated = false;
  /** The first deletion too many, over all calendars. */
  wouldRefuse: Refusal | null = null;
  /** By how many the events linked to Graph grow through the pull of this calendar: the brake counts against them. */
  linked = 0;

  /** One to go on counting from, or to throw away. */
  copy(): PreviewTally {
    const copy = new PreviewTally();
    Object.assign(copy.counters.local, this.counters.local);
    Object.assign(copy.counters.remote, this.counters.remote);
    copy.counters.conflicts = this.counters.conflicts;
    copy.items.push(...this.items);
    copy.mails.push(...this.mails);
    copy.mailsTotal = this.mailsTotal;
    copy.isTruncated = this.isTruncated;
    copy.wouldRefuse = this.wouldRefuse;
    return copy;
  }

  addLocal(planned: PlannedEvent): void {
    const { plan, stored, base, graphEventId, reason } = planned;
    const operation = localOperation(planned);
    const where = {
      eventId: stored || base ? planned.eventId : null,
      graphEventId: graphEventId ?? null,
      side: 'local',
      mailsGuests: false,
    } as const;
    countPlanned(this, [planned]);
    if (operation === 'create' || operation === 'adopt') this.linked += 1;
    if (operation === 'delete') this.linked -= 1;
    if (operation) {
      this.#add({ ...where, operation, fields: plan.local.kind === 'write' ? [...plan.local.units] : [], reason });
    }
    if (!plan.conflict) return;
    const outcome = plan.conflict.status === 'pending' ? 'waits for a decision' : 'decided by the strategy';
    this.#add({
      ...where,
      operation: 'conflict',
      fields: [...plan.conflict.units],
      reason: `${plan.conflict.type}, ${outcome}`,
    });
  }

  addOutgoing(target: Outgoing): void {
    const { event, base, change, operation } = target;
    const where = { eventId: event.id, graphEventId: base?.graphEventId ?? null, side: 'remote' } as const;
    const isSeries = hasOccurrencesToPush(target);
    if (!operation && !isSeries) {
      if (!isNewlyHeld(change, base)) return;
      const reason = heldReason(target);
      this.#add({ ...where, operation: 'hold', fields: [...change.held], reason, mailsGuests: false });
      return;
    }
    this.#addMails(event.id, event.content.subject, mailsOf(target));
    const fields = [...change.units, ...change.occurrences];
    const mailsGuests = wouldMailGuests(target);
    if (operation?.kind === 'create') {
      this.counters.remote.created += 1;
      this.#add({ ...where, operation: 'create', fields, reason: 'new here', mailsGuests });
    } else {
      this.counters.remote.updated += 1;
      this.#add({ ...where, operation: 'update', fields, reason: 'changed here', mailsGuests });
    }
  }

  /** A row that something else wrote and nobody can read: it stays here until it is written again. */
  addUnreadable({ event, base }: PendingEvent): void {
    this.#add({
      eventId: event.id,
      graphEventId: base?.graphEventId ?? null,
      side: 'remote',
      operation: 'hold',
      fields: [],
      reason: `the stored event cannot be read: ${event.problem}`,
      mailsGuests: false,
    });
  }

  addDeletion(target: OutgoingDeletion, operation: 'delete' | 'hold'): void {
    const { base } = target;
    // Never sent, or its answer never came: nothing of it is known at Graph.
    if (!base.graphEventId) return;
    if (operation === 'delete') {
      this.counters.remote.deleted += 1;
      this.#addMails(base.eventId, base.remote?.subject, mailsOfDeletion(target));
    }
    this.#add({
      eventId: base.eventId,
      graphEventId: base.graphEventId,
      side: 'remote',
      operation,
      fields: [],
      reason:
        operation === 'delete' ? 'deleted here' : 'deleted here, kept in Outlook: deleting it would mail its guests',
      mailsGuests: operation === 'delete' && deletionWouldMailGuests(target),
    });
  }

  /** An answer to an invitation, and what would become of it. */
  addResponse({ response, copy, step, organizer, base }: PlannedResponse): void {
    const { eventId, sendResponse } = response;
    if (step.do === 'settle' && copy.event !== 'gone') return;
    const address = organizer?.address?.toLowerCase();
    const isMailed = step.do === 'send' && sendResponse && address !== undefined;
    if (isMailed && copy.event !== 'gone') {
      this.#addMails(eventId, copy.event.content.subject, [{ operation: 'respond', recipients: [address] }]);
    }
    this.#add({
      ...{ eventId, graphEventId: base?.graphEventId ?? null, side: 'remote', fields: ['responseStatus'] },
      operation: step.do === 'refuse' ? 'hold' : 'update',
      reason: step.do === 'refuse' ? step.message : `answered here: ${response.response}`,
      mailsGuests: false,
    });
  }

  refuse(refusal: Refusal): void {
    this.wouldRefuse ??= refusal;
  }

  #addMails(eventId: EventId, subject: string | undefined, mails: readonly Mail[]): void {
    this.mailsTotal += mails.length;
    for (const mail of mails) {
      if (this.mails.length >= MAX_MAILS) return;
      this.mails.push({ eventId, ...(subject === undefined ? {} : { subject }), ...mail });
    }
  }

  #add(item: PreviewItem): void {
    if (this.items.length < MAX_ITEMS) this.items.push(item);
    else this.isTruncated = true;
  }
}

function heldReason({ change, event }: Outgoing): string {
  if (event.facts?.isOrganizer === false)
    return 'kept here: the event belongs to its organizer, or the rules exclude it';
  if ((change.stale?.length ?? 0) > 0) return 'kept here: changed too long ago to mail its guests about it now';
  return 'kept here: notifyAttendees does not allow mailing its guests, or the rules exclude it';
}
