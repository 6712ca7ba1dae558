import type { WireAttendee, WireDateTime, WireEvent, WireRecurrence } from '../wire-types.ts';
import { previewOf, renderText } from './bodies.ts';
import { encodeChangeKey, type IdForm, iCalUId } from './ids.ts';
import type { Mailbox } from './mailbox.ts';
import {
  type Content,
  NEVER,
  type Recurrence,
  type StoredAttachment,
  type StoredAttendee,
  type StoredItem,
} from './model.ts';
import type { Instance } from './series.ts';
import { shownInstead } from './shown-instead.ts';
import { findZone, parseLocal, toLocal, windowsName, wireInstant, wireLocal } from './zones.ts';

/** How a caller asked to see events: what its `Prefer` header says. */
export interface View {
  form: IdForm;
  /** Zone name as the caller spelled it, and as it comes back; UTC unless preferred otherwise. */
  zone: string;
  bodyType: 'html' | 'text';
  /** Whether a picture in the body makes `hasAttachments` true. */
  inlineAttachmentsCount?: boolean;
}

/** A single event or a master, complete; the properties Graph sends unasked. */
export function renderItem(mailbox: Mailbox, item: StoredItem, view: View): WireEvent {
  return render(mailbox, item, view, {
    content: item.content,
    id: mailbox.itemId(item, view.form),
    version: item.version,
    type: item.recurrence === null ? 'singleInstance' : 'seriesMaster',
    createdMs: item.createdMs,
    modifiedMs: item.modifiedMs,
    date: '',
    isCancelled: item.isCancelled,
    response: item.response,
    attachments: item.attachments,
  });
}

/** An occurrence or exception, complete. */
export function renderInstance(mailbox: Mailbox, item: StoredItem, instance: Instance, view: View): WireEvent {
  const { exception } = instance;
  return render(mailbox, item, view, {
    content: instance.content,
    id: mailbox.itemId(item, view.form, instance.date),
    version: exception?.version ?? item.contentVersion,
    type: exception === undefined ? 'occurrence' : 'exception',
    createdMs: exception?.createdMs ?? item.createdMs,
    modifiedMs: exception?.modifiedMs ?? item.modifiedMs,
    date: instance.date,
    isCancelled: exception?.isCancelled ?? item.isCancelled,
    response: exception?.response ?? item.response,
    attachments: exception?.attachments ?? item.attachments,
  });
}

/** The seven properties delta gives an unchanged occurrence; the zone is always a Windows name. */
export function renderBareOccurrence(mailbox: Mailbox, item: StoredItem, instance: Instance, view: View) {
  const windowsView = { ...view, zone: windowsName(view.zone) };
  return {
    '@odata.type': '#microsoft.graph.event',
    '@odata.etag': etag(mailbox, item.contentVersion),
    seriesMasterId: mailbox.itemId(item, view.form),
    type: 'occurrence',
    id: mailbox.itemId(item, view.form, instance.date),
    start: wireTime(instance.content.startMs, instance.content.isAllDay, windowsView),
    end: wireTime(instance.content.endMs, instance.content.isAllDay, windowsView),
  };
}

/** `OID.{masterId}.{date}`: how `occurrenceId` and `cancelledOccurrences` name a member. */
export const occurrenceId = (mailbox: Mailbox, item: StoredItem, date: string, view: View): string =>
  `OID.${mailbox.itemId(item, view.form)}.${date}`;

export const etag = (mailbox: Mailbox, version: number): string => `W/"${encodeChangeKey(mailbox.state.id, version)}"`;

/** Wall clock in the wanted zone; all-day dates float, only their label changes. */
function wireTime(utcMs: number, isAllDay: boolean, view: View): WireDateTime {
  const zone = isAllDay ? 'UTC' : (findZone(view.zone) ?? 'UTC');
  return { dateTime: wireLocal(toLocal(zone, utcMs)), timeZone: view.zone };
}

interface Facts {
  content: Content;
  id: string;
  version: number;
  type: string;
  createdMs: number;
  modifiedMs: number;
  date: string;
  isCancelled: boolean;
  response: { response: string; time: string };
  attachments: readonly StoredAttachment[] | undefined;
}

function render(mailbox: Mailbox, item: StoredItem, view: View, facts: Facts): WireEvent {
  const { content, date, id } = facts;
  const isMember = date !== '';
  const changeKey = encodeChangeKey(mailbox.state.id, facts.version);
  return shownInstead(item, {
    '@odata.etag': `W/"${changeKey}"`,
    id,
    createdDateTime: wireInstant(facts.createdMs),
    lastModifiedDateTime: wireInstant(facts.modifiedMs),
    changeKey,
    categories: content.categories,
    transactionId: isMember ? null : item.transactionId,
    originalStartTimeZone: content.startZone,
    originalEndTimeZone: content.endZone,
    iCalUId: iCalUId(item.uid, date),
    uid: iCalUId(item.uid),
    reminderMinutesBeforeStart: content.reminderMinutesBeforeStart,
    isReminderOn: content.isReminderOn,
    hasAttachments:
      facts.attachments?.some(({ isInline }) => !isInline || view.inlineAttachmentsCount === true) ?? false,
    subject: content.subject,
    bodyPreview: previewOf(content.bodyHtml),
    importance: content.importance,
    sensitivity: content.sensitivity,
    isAllDay: content.isAllDay,
    isCancelled: facts.isCancelled,
    isOrganizer: item.isOrganizer,
    responseRequested: content.responseRequested,
    seriesMasterId: isMember ? mailbox.itemId(item, view.form) : null,
    showAs: content.showAs,
    type: facts.type,
    webLink: `https://outlook.office365.com/owa/?itemid=${encodeURIComponent(id)}&exvsurl=1&path=/calendar/item`,
    onlineMeetingUrl: null,
    isOnlineMeeting: content.isOnlineMeeting,
    onlineMeetingProvider: content.onlineMeetingProvider,
    allowNewTimeProposals: content.allowNewTimeProposals,
    occurrenceId: isMember ? occurrenceId(mailbox, item, date, view) : null,
    isDraft: item.isDraft ?? false,
    hideAttendees: content.hideAttendees,
    responseStatus: responseOf(item, facts),
    body: {
      contentType: view.bodyType,
      content: view.bodyType === 'text' ? renderText(content.bodyHtml) : content.bodyHtml,
    },
    start: wireTime(content.startMs, content.isAllDay, view),
    end: wireTime(content.endMs, content.isAllDay, view),
    location: content.location,
    locations: content.locations,
    recurrence: facts.type === 'seriesMaster' ? wireRecurrence(item.recurrence!) : null,
    attendees: content.attendees.map((attendee) => wireAttendee(attendee, view)),
    organizer: { emailAddress: item.organizer },
    onlineMeeting: content.onlineMeeting,
  });
}

/** A proposed time is stored in UTC and shown in the zone asked for, as the event's own times are. */
function wireAttendee(attendee: StoredAttendee, view: View): WireAttendee {
  if (attendee.proposedNewTime === undefined) return attendee;
  const { start, end } = attendee.proposedNewTime as { start: WireDateTime; end: WireDateTime };
  const shown = ({ dateTime }: WireDateTime) => wireTime(parseLocal(dateTime) ?? 0, false, view);
  return { ...attendee, proposedNewTime: { start: shown(start), end: shown(end) } } as WireAttendee;
}

/** Of the organiser: `organizer` on a meeting, `none` on an appointment without attendees. */
function responseOf(item: StoredItem, facts: Facts): { response: string; time: string } {
  if (!item.isOrganizer) return facts.response;
  return { response: facts.content.attendees.length > 0 ? 'organizer' : 'none', time: NEVER };
}

function wireRecurrence({ pattern, range }: Recurrence): WireRecurrence {
  const { daysOfWeek, ...rest } = pattern;
  return { pattern: daysOfWeek.length === 0 ? rest : { ...rest, daysOfWeek }, range };
}
