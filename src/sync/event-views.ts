import type { EmailAddress, EventContent, EventFields, Location, PatternedRecurrence } from '../core/event.ts';
import { type Notice, noticesOf } from '../core/event-notices.ts';
import { RESPONSE_STATUS, type ResponseKind } from '../core/event-response.ts';
import { joinedLocation, occurrenceId } from '../core/event-view.ts';
import { inheritedFields } from '../core/occurrence-fields.ts';
import { type Occurrence, occurrenceOn } from '../core/recurrence.ts';
import { datePart, toInstant } from '../core/time-zones.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { StoredEvent } from '../store/event.repository.ts';
import type { StoredResponse } from '../store/response.repository.ts';
import { etagOf } from './event-etag.ts';

export type SyncState = 'synced' | 'pending' | 'conflict' | 'error';

/** An event as the application sees it, in Graph's names and shapes; everything is JSON. */
export interface EventView extends EventFields {
  readonly id: string;
  readonly calendarId: string;
  readonly graphEventId: string | null;
  readonly iCalUId: string | null;
  readonly type: 'singleInstance' | 'seriesMaster' | 'occurrence' | 'exception';
  readonly seriesMasterId: string | null;
  /** When the series' rule has the occurrence, an instant; midnight UTC of the date for all-day series. */
  readonly originalStart: string | null;
  /** All places in one, as Graph derives it. */
  readonly location: Location | null;
  readonly recurrence: PatternedRecurrence | null;
  readonly onlineMeeting: { readonly joinUrl?: string } | null;
  readonly organizer: { readonly emailAddress: EmailAddress } | null;
  readonly isOrganizer: boolean;
  readonly isCancelled: boolean;
  readonly responseStatus: { readonly response: string; readonly time?: string } | null;
  /** An answer given here that the organizer has not got yet. */
  readonly pendingResponse: { readonly response: ResponseKind; readonly requestedAt: string } | null;
  readonly webLink: string | null;
  readonly hasAttachments: boolean;
  readonly createdDateTime: string;
  readonly lastModifiedDateTime: string;
  readonly syncedAt: string | null;
  readonly syncState: SyncState;
  readonly syncError: { readonly code: string; readonly message: string } | null;
  /** Changed fields that the calendar's policy, or the event's organizer, keeps from going to Outlook. */
  readonly held: readonly string[];
  /** What a person should know although nothing is wrong. */
  readonly notices: readonly Notice[];
  readonly etag: string;
  /** Of a series master only. */
  readonly exceptionOccurrences?: readonly EventView[];
  /** Of a series master only: ids of the dates that were cancelled. */
  readonly cancelledOccurrences?: readonly string[];
}

/** A single event, or a series master with its exceptions and cancelled dates. */
export function eventView(
  event: StoredEvent,
  base: EventBase | undefined,
  responses: readonly StoredResponse[] = [],
): EventView {
  const { content } = event;
  const view: EventView = {
    ...sharedView(event, base, answerTo(responses)),
    ...fieldsOf(content),
    id: event.id,
    type: content.recurrence ? 'seriesMaster' : 'singleInstance',
    seriesMasterId: null,
    originalStart: null,
    recurrence: content.recurrence,
  };
  if (!content.recurrence) return view;
  const overrides = Object.entries(content.occurrences).sort(([a], [b]) => (a < b ? -1 : 1));
  const cancelled = overrides.filter(([, override]) => override.isCancelled);
  return {
    ...view,
    exceptionOccurrences: overrides.flatMap(([date]) => {
      const occurrence = occurrenceOn(content, date);
      return occurrence ? [occurrenceView(event, base, occurrence, responses)] : [];
    }),
    cancelledOccurrences: cancelled.map(([date]) => occurrenceId(event.id, date)),
  };
}

/** One date of a series; what stands in the series' row only is shown as the series has it. */
export function occurrenceView(
  event: StoredEvent,
  base: EventBase | undefined,
  { originalDate, isException, fields }: Occurrence,
  responses: readonly StoredResponse[] = [],
): EventView {
  return {
    ...sharedView(event, base, answerTo(responses, originalDate)),
    ...fieldsOf(fields),
    id: occurrenceId(event.id, originalDate),
    // Graph derives an occurrence's id from its series; nobody here needs it before it is written to.
    graphEventId: null,
    type: isException ? 'exception' : 'occurrence',
    seriesMasterId: event.id,
    originalStart: originalStart(event.content, originalDate),
    recurrence: null,
  };
}

/**
 * Where an event stands between the two sides, the most urgent first: refused for good and not changed since, waiting for
 * a person, waiting for a run, in step.
 */
export function syncStateOf(
  event: Pick<StoredEvent, 'revision' | 'problem'>,
  base: EventBase | undefined,
): { state: SyncState; error: EventView['syncError'] } {
  if (event.problem) return { state: 'error', error: { code: 'unreadable', message: event.problem } };
  if (base?.failedRevision !== undefined && base.failedRevision >= event.revision) {
    const code = base.errorCode ?? 'rejected';
    return { state: 'error', error: { code, message: base.errorMessage ?? 'Outlook refused this event' } };
  }
  if (base && base.conflictUnits.length > 0) return { state: 'conflict', error: null };
  const isPending = event.revision > (base?.agreedRevision ?? 0n);
  return { state: isPending ? 'pending' : 'synced', error: null };
}

/** The answer to the event; to a date, its own before that to the whole series. */
function answerTo(responses: readonly StoredResponse[], date = ''): StoredResponse | undefined {
  const whole = responses.find(({ originalDate }) => originalDate === '');
  return responses.find(({ originalDate }) => originalDate === date) ?? whole;
}

function sharedView(event: StoredEvent, base: EventBase | undefined, answer: StoredResponse | undefined) {
  const { facts, content } = event;
  const settled = syncStateOf(event, base);
  const isOwed = answer?.state === 'pending' || answer?.state === 'sending';
  const refusal = answer && refusalOf(answer, event);
  const isRefused = refusal !== undefined && settled.state === 'synced';
  const state = isOwed && settled.state === 'synced' ? 'pending' : isRefused ? 'error' : settled.state;
  const error = isRefused ? refusal : settled.error;
  return {
    calendarId: event.calendarId,
    graphEventId: event.graphEventId ?? base?.graphEventId ?? null,
    iCalUId: event.iCalUId ?? facts?.iCalUId ?? null,
    organizer: facts?.organizer ? { emailAddress: facts.organizer } : null,
    isOrganizer: facts?.isOrganizer ?? true,
    isCancelled: facts?.isCancelled ?? false,
    responseStatus: facts?.responseStatus ?? null,
    pendingResponse: isOwed ? { response: answer.response, requestedAt: answer.requestedAt.toISOString() } : null,
    webLink: facts?.webLink ?? null,
    onlineMeeting: facts?.onlineMeeting ?? null,
    hasAttachments: event.hasAttachments ?? false,
    createdDateTime: event.createdAt.toISOString(),
    lastModifiedDateTime: event.lastModifiedAt.toISOString(),
    syncedAt: event.syncedAt?.toISOString() ?? null,
    syncState: state,
    syncError: error,
    held: base?.heldUnits ?? [],
    notices: noticesOf({
      ...{ facts, content, agreed: base, heldUnits: base?.heldUnits ?? [], errorCode: base?.errorCode },
      refusedResponse: refusal,
    }),
    etag: etagOf(event.revision),
  };
}

/** Until it is answered again, or Outlook has the same answer from elsewhere. */
function refusalOf(answer: StoredResponse, { facts }: StoredEvent): { code: string; message: string } | undefined {
  if (answer.state !== 'failed' || facts?.responseStatus?.response === RESPONSE_STATUS[answer.response])
    return undefined;
  const { errorCode: code = 'rejected', errorMessage: message = 'Outlook refused the answer' } = answer;
  return { code, message };
}

function fieldsOf(fields: EventFields): EventFields & { location: Location | null } {
  const { subject, body, start, end, isAllDay, locations, attendees, showAs, sensitivity, importance } = fields;
  const { categories, isReminderOn, reminderMinutesBeforeStart, isOnlineMeeting } = fields;
  return {
    ...{ subject, body, start, end, isAllDay, location: joinedLocation(locations), locations, attendees, showAs },
    ...{ sensitivity, importance, categories, isReminderOn, reminderMinutesBeforeStart, isOnlineMeeting },
  };
}

function originalStart(series: EventContent, date: string): string | null {
  const { start } = inheritedFields(series, date);
  if (series.isAllDay) return `${datePart(start.dateTime)}T00:00:00.000Z`;
  return toInstant(start)?.toISOString() ?? null;
}
