import { textOf } from './body.ts';
import type { Exception, Item, ItemData } from './item.ts';
import { dateOfDay, dayNumber } from './recurrence.ts';
import { occurrenceICalUId, occurrenceItemId } from './ids.ts';
import { instantOf, wallClockAt, windowsOf } from './zones.ts';

/** What a request asked for in its `Prefer` header. */
export interface Preferences {
  readonly zone: string;
  readonly isText: boolean;
  readonly isImmutable: boolean;
}

export type WireEvent = Record<string, unknown> & { readonly id: string };

const NEVER = '0001-01-01T00:00:00Z';

export function idOf(item: Item, { isImmutable }: Pick<Preferences, 'isImmutable'>): string {
  return isImmutable ? item.immutableId : item.defaultId;
}

export function etagOf(changeKey: string): string {
  return `W/"${changeKey}"`;
}

/** A single event or a series' master, complete. */
export function renderItem(item: Item, prefer: Preferences): WireEvent {
  const { data } = item;
  return {
    '@odata.etag': etagOf(item.changeKey),
    id: idOf(item, prefer),
    ...body(item, data, item.changeKey, prefer),
    type: data.recurrence ? 'seriesMaster' : 'singleInstance',
    seriesMasterId: null,
    occurrenceId: null,
    iCalUId: item.iCalUId,
    recurrence: data.recurrence,
  };
}

/** One date of a series, complete: an occurrence, or an exception with what it says for itself. */
export function renderOccurrence(item: Item, date: string, prefer: Preferences): WireEvent {
  const exception = item.exceptions[date];
  const data = occurrenceData(item, date);
  const masterId = idOf(item, prefer);
  return {
    '@odata.etag': etagOf(exception?.changeKey ?? item.changeKey),
    id: occurrenceItemId(masterId, date),
    ...body(item, data, exception?.changeKey ?? item.changeKey, prefer),
    type: exception ? 'exception' : 'occurrence',
    seriesMasterId: masterId,
    occurrenceId: `OID.${masterId}.${date}`,
    iCalUId: occurrenceICalUId(item.iCalUId, date),
    recurrence: null,
  };
}

/** What delta sends of an occurrence: seven properties, the zone by its Windows name. */
export function renderBareOccurrence(item: Item, date: string, prefer: Preferences): WireEvent {
  const data = occurrenceData(item, date);
  const windows = windowsOf(prefer.zone);
  const { start, end } = times(data, prefer.zone);
  return {
    '@odata.type': '#microsoft.graph.event',
    '@odata.etag': etagOf(item.changeKey),
    seriesMasterId: idOf(item, prefer),
    type: 'occurrence',
    id: occurrenceItemId(idOf(item, prefer), date),
    start: { ...start, timeZone: windows },
    end: { ...end, timeZone: windows },
  };
}

/** The content of one date: the master's, at its own times, with what the exception changes. */
export function occurrenceData(item: Item, date: string): ItemData {
  const { data } = item;
  const shift = dayNumber(date) - dayNumber(data.start.wallClock.slice(0, 10));
  const moved = (time: ItemData['start']) => ({
    ...time,
    wallClock: dateOfDay(dayNumber(time.wallClock.slice(0, 10)) + shift) + time.wallClock.slice(10),
  });
  const exception: Exception | undefined = item.exceptions[date];
  return { ...data, start: moved(data.start), end: moved(data.end), ...exception?.data, recurrence: null };
}

/** The instant an occurrence was meant for by its rule. */
export function originalStartOf(item: Item, date: string): string {
  const { start } = item.data;
  const wallClock = date + start.wallClock.slice(10);
  return `${new Date(instantOf(wallClock, start.zone)).toISOString().slice(0, 19)}Z`;
}

function body(item: Item, data: ItemData, changeKey: string, prefer: Preferences): Record<string, unknown> {
  const preview = textOf(data.body);
  const isMeeting = data.attendees.length > 0;
  return {
    createdDateTime: instant(item.createdAt),
    lastModifiedDateTime: instant(item.modifiedAt),
    changeKey,
    categories: data.categories,
    transactionId: item.transactionId,
    originalStartTimeZone: data.start.zone,
    originalEndTimeZone: data.end.zone,
    uid: item.iCalUId,
    reminderMinutesBeforeStart: data.reminderMinutesBeforeStart,
    isReminderOn: data.isReminderOn,
    hasAttachments: false,
    subject: data.subject,
    bodyPreview: preview.slice(0, 255),
    importance: data.importance,
    sensitivity: data.sensitivity,
    isAllDay: data.isAllDay,
    isCancelled: item.isCancelled,
    isOrganizer: item.isOrganizer,
    responseRequested: data.responseRequested,
    showAs: data.showAs,
    webLink: `https://outlook.office365.com/owa/?itemid=${encodeURIComponent(item.defaultId)}&exvsurl=1&path=/calendar/item`,
    onlineMeetingUrl: null,
    isOnlineMeeting: data.isOnlineMeeting,
    onlineMeetingProvider: data.isOnlineMeeting ? 'teamsForBusiness' : 'unknown',
    allowNewTimeProposals: data.allowNewTimeProposals,
    isDraft: false,
    hideAttendees: data.hideAttendees,
    onlineMeeting: data.isOnlineMeeting && item.joinUrl ? { joinUrl: item.joinUrl } : null,
    responseStatus: { response: item.isOrganizer ? (isMeeting ? 'organizer' : 'none') : item.response, time: NEVER },
    body: prefer.isText ? { contentType: 'text', content: preview } : { contentType: 'html', content: data.body.html },
    ...times(data, prefer.zone),
    location: joined(data.locations),
    locations: data.locations,
    attendees: data.attendees,
    organizer: { emailAddress: item.organizer },
  };
}

/** All-day events float: midnight to midnight, whatever zone was asked for. */
function times(data: ItemData, zone: string) {
  const render = (time: ItemData['start']) => ({
    dateTime: `${data.isAllDay ? time.wallClock : wallClockAt(instantOf(time.wallClock, time.zone), zone)}.0000000`,
    timeZone: zone,
  });
  return { start: render(data.start), end: render(data.end) };
}

function joined(locations: ItemData['locations']): Record<string, unknown> {
  const [first] = locations;
  if (!first) return { displayName: '', locationType: 'default', uniqueIdType: 'unknown', address: {}, coordinates: {} };
  if (locations.length === 1) return first;
  const displayName = locations.map((location) => location['displayName']).join('; ');
  return { displayName, locationType: 'default', uniqueId: displayName, uniqueIdType: 'private' };
}

function instant(time: number): string {
  return new Date(time).toISOString().replace(/\.000Z$/, 'Z').replace(/0+Z$/, 'Z');
}
