import { addAttachment, removeAttachment } from '../event-resources/attachments.ts';
import { hangingOn } from '../event-resources/hangings.ts';
import { GraphError } from '../http/graph-error.ts';
import type { WireDateTime, WireEvent } from '../wire-types.ts';
import { createEvent, deleteItem, type FoundEvent, findEvent, touchItem } from './event-operations.ts';
import { renderInstance, renderItem, type View } from './event-render.ts';
import { markCancelled } from './meetings.ts';
import type { ResponseStatus } from './model.ts';
import { deleteOccurrence, removeEvent, updateOccurrence } from './occurrence-operations.ts';
import {
  changeFound,
  deleteFollowing,
  moveItem,
  quietly,
  receiveInvitation,
  restoreItem,
  updateFollowing,
} from './people-actions.ts';
import { cancelMeeting, respond } from './responses.ts';
import { instanceOf, instancesBetween } from './series.ts';
import { SimulatedCalendars } from './simulated-calendars.ts';
import { parseInstant } from './zones.ts';

export interface ResponseOptions {
  sendResponse?: boolean;
  comment?: string;
  proposedNewTime?: { start: WireDateTime; end: WireDateTime };
}

/**
 * A person at this mailbox in Outlook. The same rules as over HTTP, without `If-Match`; refusals are thrown
 * as {@link GraphError}. Ids are immutable ones, so that they stay good when the person moves an event;
 * default ids are accepted as well.
 */
export class SimulatedMailbox extends SimulatedCalendars {
  // --- events

  createEvent(event: object, o: { calendarId?: string } = {}): WireEvent {
    const item = createEvent(this.actor, this.calendar(o.calendarId), event);
    return this.#done({ item, date: '' });
  }

  /** Runs something that mails nobody: putting there what was before anybody looked. */
  quietly<T>(action: () => T): T {
    return quietly(this.world, action);
  }

  /** Many at once, for furnishing: none is rendered. @returns their ids */
  createEvents(events: Iterable<object>, o: { calendarId?: string } = {}): string[] {
    const calendar = this.calendar(o.calendarId);
    const ids: string[] = [];
    for (const event of events) {
      const item = createEvent(this.actor, calendar, event);
      ids.push(this.mailbox.itemId(item, 'immutable'));
    }
    this.commit();
    return ids;
  }

  updateEvent(id: string, patch: object): WireEvent {
    const found = findEvent(this.mailbox, id);
    changeFound(this.actor, found, patch);
    return this.#done(found);
  }

  /** Changes a meeting in Outlook and closes it without sending the update: attendees know nothing, `isDraft` says so. */
  editWithoutSending(id: string, patch: object): WireEvent {
    const found = findEvent(this.mailbox, id);
    quietly(this.world, () => changeFound(this.actor, found, patch));
    found.item.isDraft = true;
    return this.#done(found);
  }

  /** Hangs a file of any size on an event, or on one occurrence. @returns the attachment's number on its event */
  attachFile(
    id: string,
    file: { name: string; content: string | Uint8Array; isInline?: boolean; contentType?: string; contentId?: string },
  ): number {
    const { name, content, isInline = false, contentType = 'application/octet-stream', contentId = null } = file;
    const bytes = Buffer.from(content);
    const { k } = addAttachment(this.actor, findEvent(this.mailbox, id), {
      ...{ type: 'file', name, contentType, isInline, contentId, contentLocation: null },
      ...{ size: bytes.length, bytes: bytes.toString('base64') },
    });
    this.commit();
    return k;
  }

  /** What hangs on an event or occurrence, oldest first; content as text. */
  attachments(id: string): { name: string; type: 'file' | 'item' | 'reference'; isInline: boolean; content: string }[] {
    const { item, date } = findEvent(this.mailbox, id);
    return hangingOn(item, date).attachments.map(({ name, type, isInline, bytes = '' }) => {
      return { name, type, isInline, content: Buffer.from(bytes, 'base64').toString('utf8') };
    });
  }

  /** Takes a file off again. */
  detachFile(id: string, name: string): void {
    const found = findEvent(this.mailbox, id);
    const attachment = hangingOn(found.item, found.date).attachments.find((each) => each.name === name);
    if (attachment === undefined) throw new TypeError(`detachFile: there is no attachment ${name}`);
    removeAttachment(this.actor, found, attachment);
    this.commit();
  }

  /** Drags an event, or one occurrence, to another time. */
  reschedule(id: string, times: { start: WireDateTime; end: WireDateTime }): WireEvent {
    return this.updateEvent(id, { start: times.start, end: times.end });
  }

  /** Also takes the id of an occurrence. */
  deleteEvent(id: string): void {
    removeEvent(this.actor, findEvent(this.mailbox, id));
    this.commit();
  }

  /** The whole series, also by the id of one of its members. */
  deleteSeries(id: string): void {
    deleteItem(this.actor, findEvent(this.mailbox, id).item);
    this.commit();
  }

  /** "This and all following": the series ends before the date, the rest becomes a new one, which is returned. */
  updateFollowing(masterId: string, originalDate: string, change: object): WireEvent {
    const { item } = findEvent(this.mailbox, masterId);
    return this.#done({ item: updateFollowing(this.actor, item, originalDate, change), date: '' });
  }

  deleteFollowing(masterId: string, originalDate: string): void {
    deleteFollowing(this.actor, findEvent(this.mailbox, masterId).item, originalDate);
    this.commit();
  }

  /** @param originalDate `yyyy-MM-dd`, in the series' zone */
  deleteOccurrence(masterId: string, originalDate: string): void {
    deleteOccurrence(this.actor, findEvent(this.mailbox, masterId).item, originalDate);
    this.commit();
  }

  updateOccurrence(masterId: string, originalDate: string, patch: object): WireEvent {
    const { item } = findEvent(this.mailbox, masterId);
    updateOccurrence(this.actor, item, originalDate, patch);
    return this.#done({ item, date: originalDate });
  }

  /** Graph has no move; people do it in Outlook. The default id changes, the immutable one stays. */
  moveEvent(id: string, calendarId: string): WireEvent {
    const { item } = findEvent(this.mailbox, id);
    moveItem(this.actor, item, this.mailbox.calendarById(calendarId));
    return this.#done({ item, date: '' });
  }

  /** What is in Deleted Items, oldest deletion first; what was deleted for good is not. */
  deletedEvents(): WireEvent[] {
    return this.mailbox.deletedItems.map((item) => this.#render({ item, date: '' }, OWN_VIEW));
  }

  /** Takes a deleted event out of Deleted Items, back to where it was. */
  restoreEvent(id: string): WireEvent {
    return this.#done({ item: restoreItem(this.actor, id), date: '' });
  }

  /** changeKey and lastModifiedDateTime move, content does not. */
  touch(id: string): void {
    touchItem(this.world, this.mailbox, findEvent(this.mailbox, id).item);
    this.commit();
  }

  getEvent(id: string, o: { bodyText?: boolean; idForm?: 'default' | 'immutable' } = {}): WireEvent | undefined {
    const view: View = { ...OWN_VIEW, bodyType: o.bodyText ? 'text' : 'html', form: o.idForm ?? 'immutable' };
    try {
      return this.#render(findEvent(this.mailbox, id), view);
    } catch (error) {
      if (error instanceof GraphError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Single events and series masters of one calendar, or of all. */
  listEvents(o: { calendarId?: string; bodyText?: boolean } = {}): WireEvent[] {
    const calendars = o.calendarId === undefined ? this.mailbox.calendars : [this.mailbox.calendarById(o.calendarId)];
    const view: View = { ...OWN_VIEW, bodyType: o.bodyText ? 'text' : 'html' };
    return calendars.flatMap(({ folder }) =>
      [...this.mailbox.itemsIn(folder)].map((item) => this.#render({ item, date: '' }, view)),
    );
  }

  /** Single events and series in all calendars. */
  get eventCount(): number {
    return this.mailbox.calendars.reduce((sum, { folder }) => sum + [...this.mailbox.itemsIn(folder)].length, 0);
  }

  /** Members of a series that overlap [start, end), ISO instants. */
  occurrences(masterId: string, start: string, end: string): WireEvent[] {
    const { item } = findEvent(this.mailbox, masterId);
    const [from, to] = [parseInstant(start), parseInstant(end)];
    if (from === undefined || to === undefined) throw new TypeError('occurrences: start and end must be ISO 8601');
    return instancesBetween(item, from, to).map((instance) =>
      structuredClone(renderInstance(this.mailbox, item, instance, OWN_VIEW)),
    );
  }

  /** Original dates of a series that were deleted. */
  cancelledDates(masterId: string): string[] {
    return [...findEvent(this.mailbox, masterId).item.cancelled];
  }

  // --- meetings of others

  /** An invitation from somebody outside: `isOrganizer` false, this mailbox among the attendees. */
  addForeignMeeting(
    event: Record<string, unknown> & {
      organizer: { emailAddress: { name?: string; address: string } };
      responseStatus?: ResponseStatus;
    },
    o: { calendarId?: string } = {},
  ): WireEvent {
    const item = receiveInvitation(this.actor, this.calendar(o.calendarId), event);
    return this.#done({ item, date: '' });
  }

  /** The organiser changes a meeting this person attends; any property, personal ones stay out of it. */
  updateByOrganizer(id: string, patch: object): WireEvent {
    return quietly(this.world, () => this.updateEvent(id, patch));
  }

  /** The organiser calls it off: the copy stays, free and "Canceled: ". */
  cancelByOrganizer(id: string): WireEvent {
    const { item } = findEvent(this.mailbox, id);
    markCancelled(this.world, this.mailbox, item);
    return this.#done({ item, date: '' });
  }

  /** The organiser's own "Cancel meeting", of a whole one or of one occurrence; attendees are told. */
  cancelMeeting(id: string, comment = ''): void {
    cancelMeeting(this.actor, findEvent(this.mailbox, id), { comment });
    this.commit();
  }

  /** Declining takes the event off the calendar; `proposedNewTime` is for the other two answers than accept. */
  respond(id: string, verb: 'accept' | 'decline' | 'tentativelyAccept', o: ResponseOptions = {}): void {
    const lower = verb.toLowerCase() as 'accept' | 'decline' | 'tentativelyaccept';
    respond(this.actor, findEvent(this.mailbox, id), lower, { ...o, sendResponse: o.sendResponse ?? true });
    this.commit();
  }

  #done(found: FoundEvent): WireEvent {
    this.commit();
    return this.#render(found, OWN_VIEW);
  }

  /** A copy: the caller may do with it what it likes. */
  #render({ item, date }: FoundEvent, view: View): WireEvent {
    return structuredClone(
      date === ''
        ? renderItem(this.mailbox, item, view)
        : renderInstance(this.mailbox, item, instanceOf(item, date), view),
    );
  }
}

const OWN_VIEW: View = { form: 'immutable', zone: 'UTC', bodyType: 'html' };
