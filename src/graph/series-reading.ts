import type { Event as PublishedEvent } from '@microsoft/microsoft-graph-types';
import { assert, isSyncError, SyncError } from '../core/errors.ts';
import type { GraphEventId } from '../core/ids.ts';
import { expandOccurrences } from '../core/recurrence.ts';
import type { GraphSession, RemoteEvent, RemoteSeries, Unread } from './calendar-graph.ts';
import { batch, type GraphAccess, getEvents, readList, toRemoteEvent } from './graph-access.ts';
import type { BatchItem, BatchOutcome } from './graph-batch.ts';
import { isDoubtful, isGone } from './graph-errors.ts';
import { fromWire, seriesFromWire, statedOriginalDate, type WireEvent } from './graph-event-reader.ts';
import { eventPath, query } from './graph-paths.ts';
import { isOwnTrouble } from './item-reading.ts';
import { members, text } from './wire-values.ts';

/**
 * Series read whole. `cancelledOccurrences` and `exceptionOccurrences` come only when both are selected and the latter
 * expanded, of one master at a time (graph contract 3.3); where Graph does not give them, its list of instances is
 * compared with the rule.
 */

interface Window {
  readonly start: Date;
  readonly end: Date;
}

type SeriesById = Map<GraphEventId, RemoteSeries | 'gone'>;

/** What of an event we read; selecting anything means selecting everything, in the names of the published schema. */
const SELECTED: readonly (keyof PublishedEvent)[] = [
  'changeKey',
  'createdDateTime',
  'lastModifiedDateTime',
  'type',
  'seriesMasterId',
  'transactionId',
  'iCalUId',
  'subject',
  'body',
  'start',
  'end',
  'isAllDay',
  'originalStart',
  'originalStartTimeZone',
  'originalEndTimeZone',
  'recurrence',
  'location',
  'locations',
  'attendees',
  'organizer',
  'isOrganizer',
  'responseStatus',
  'categories',
  'showAs',
  'sensitivity',
  'importance',
  'isReminderOn',
  'reminderMinutesBeforeStart',
  'isOnlineMeeting',
  'onlineMeetingProvider',
  'onlineMeeting',
  'isCancelled',
  'hasAttachments',
  'webLink',
];
const WITH_MEMBERS = query({
  $select: [...SELECTED, 'cancelledOccurrences', 'exceptionOccurrences'].join(','),
  $expand: 'exceptionOccurrences',
});
/** All that is needed to know which date an instance stands for; exceptions are read whole afterwards. */
const INSTANCE_SELECT = 'id,type,start,end,isAllDay,originalStart,iCalUId,seriesMasterId';
const INSTANCES_PER_PAGE = '500';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Graph refuses longer windows: five years without leap days. */
const MAX_WINDOW_MS = 1825 * DAY_MS;
/** An exception may have been moved out of the window, though not past its neighbour; months are the usual rules' widest gap. */
const MARGIN_MS = 62 * DAY_MS;

/**
 * @returns series by id, without those Graph says nothing certain of; a former series that became a single event comes as such, without a rule; the id of an occurrence
 *   or exception is answered under its master's id
 */
export async function readSeriesWhole(
  access: GraphAccess,
  session: GraphSession,
  ids: readonly GraphEventId[],
  { window, unread }: { window: Window; unread?: Unread | undefined },
): Promise<SeriesById> {
  const found: SeriesById = new Map();
  const masterIds = await readExpanded(access, session, [...new Set(ids)], { window, found, unread });
  const further = masterIds.filter((id) => !found.has(id));
  if (further.length > 0) await readExpanded(access, session, [...new Set(further)], { window, found, unread });
  return found;
}

/** @returns the masters of those ids that turned out to be members of a series */
async function readExpanded(
  access: GraphAccess,
  session: GraphSession,
  ids: readonly GraphEventId[],
  to: { window: Window; found: SeriesById; unread: Unread | undefined },
): Promise<GraphEventId[]> {
  const items = ids.map((id): BatchItem => ({ key: id, method: 'GET', path: eventPath(session, id) + WITH_MEMBERS }));
  const outcomes = await batch(access, session, items);
  const refused = ids.filter((id) => isRefused(outcomes.get(id)));
  const plain = refused.length > 0 ? await getEvents(access, session, refused) : new Map<string, BatchOutcome>();
  const masterIds: GraphEventId[] = [];
  const leave = (id: GraphEventId, error: unknown): void => {
    if (!isSyncError(error) || !to.unread || !isOwnTrouble(error, [...outcomes.values()])) throw error;
    to.unread.set(id, error);
  };
  for (const id of ids) {
    const outcome = plain.get(id) ?? outcomes.get(id);
    assert(outcome, 'a batch answers every item');
    if (!outcome.ok) {
      if (isGone(outcome.error)) to.found.set(id, 'gone');
      else if (!isDoubtful(outcome.error)) leave(id, outcome.error);
      continue;
    }
    const wire = members(outcome.body);
    const event = await toRemoteEvent(access, session, wire);
    if (event.seriesMasterId && event.seriesMasterId !== id) {
      masterIds.push(event.seriesMasterId);
      continue;
    }
    try {
      to.found.set(id, await withMembers(access, session, { id, wire, event, window: to.window }));
    } catch (error) {
      // Without one of its members a series would seem to have lost it.
      if (!isSyncError(error) || !isDoubtful(error)) leave(id, error);
    }
  }
  return masterIds;
}

/** Refused as a request, not as an event: the same without `$expand` may well be answered. */
function isRefused(outcome: BatchOutcome | undefined): boolean {
  return outcome?.ok === false && outcome.error.code === 'rejected';
}

async function withMembers(
  access: GraphAccess,
  session: GraphSession,
  master: { id: GraphEventId; wire: WireEvent; event: RemoteEvent; window: Window },
): Promise<RemoteSeries> {
  const { id, wire, event, window } = master;
  if (!event.content.recurrence) return { ...event, type: 'singleInstance', occurrenceIds: {} };
  const { cancelledOccurrences, exceptionOccurrences } = wire;
  if (!Array.isArray(cancelledOccurrences) || !Array.isArray(exceptionOccurrences)) {
    return fromInstances(access, session, { id, event, window });
  }
  const rest = wire['exceptionOccurrences@odata.nextLink'];
  const further = typeof rest === 'string' ? await readList(access, session, { path: rest }) : [];
  const exceptions = [...exceptionOccurrences.map(members), ...further];
  const cancelled = cancelledOccurrences.flatMap((name) => /\d{4}-\d{2}-\d{2}$/.exec(text(name))?.[0] ?? []);
  return seriesFromWire(event, await toExceptions(access, session, event, exceptions), cancelled);
}

/** The rule's dates that no instance stands for are the cancelled ones. */
async function fromInstances(
  access: GraphAccess,
  session: GraphSession,
  master: { id: GraphEventId; event: RemoteEvent; window: Window },
): Promise<RemoteSeries> {
  const { id, event, window } = master;
  const { start, isAllDay } = event.content;
  const instances = await listInstances(access, session, id, {
    start: new Date(window.start.getTime() - MARGIN_MS),
    end: new Date(window.end.getTime() + MARGIN_MS),
  });
  const present = new Set(instances.map((instance) => dateOfInstance(instance, start.timeZone, isAllDay)));
  // A date that cannot be read would pass for one that was cancelled.
  if (present.has('')) throw new SyncError('unavailable', 'Graph listed an instance of a series without its date');
  const expected = expandOccurrences(event.content, window).map(({ originalDate }) => originalDate);
  const exceptionIds = instances
    .filter(({ type }) => type === 'exception')
    .map((instance) => text(instance['id']) as GraphEventId)
    .filter((exceptionId) => exceptionId !== '');
  const outcomes = [...(await getEvents(access, session, exceptionIds)).values()];
  const failed = outcomes.find((outcome) => !outcome.ok && !isGone(outcome.error));
  if (failed && !failed.ok) throw failed.error;
  const exceptions = outcomes.flatMap((outcome) => (outcome.ok ? [members(outcome.body)] : []));
  const cancelled = expected.filter((date) => !present.has(date));
  const series = seriesFromWire(event, await toExceptions(access, session, event, exceptions), cancelled);
  return { ...series, seenWithin: window };
}

/** Instances of one series with their original dates selected, in windows Graph accepts. */
async function listInstances(
  access: GraphAccess,
  session: GraphSession,
  id: GraphEventId,
  window: Window,
): Promise<WireEvent[]> {
  const instances = new Map<unknown, WireEvent>();
  for (let from = window.start.getTime(); from < window.end.getTime(); from += MAX_WINDOW_MS) {
    const end = Math.min(from + MAX_WINDOW_MS, window.end.getTime());
    const path = instancesPath(session, id, { start: new Date(from), end: new Date(end) });
    for (const instance of await readList(access, session, { path })) instances.set(instance['id'], instance);
  }
  return [...instances.values()];
}

export function instancesPath(session: GraphSession, id: GraphEventId, window: Window): string {
  const options = {
    startDateTime: window.start.toISOString(),
    endDateTime: window.end.toISOString(),
    $select: INSTANCE_SELECT,
    $top: INSTANCES_PER_PAGE,
  };
  return `${eventPath(session, id)}/instances${query(options)}`;
}

/** An unmoved occurrence has the date it starts on; `originalStart` was selected, so moved ones state theirs. */
export function dateOfInstance(instance: WireEvent, zone: string, isSeriesAllDay: boolean | undefined): string {
  const { dateTime } = members(instance['start']);
  const started = { ...instance, originalStart: instance['originalStart'] ?? dateTime };
  return statedOriginalDate(started, zone, isSeriesAllDay) ?? '';
}

/** Maps exceptions with their original dates in the series' zone; one that does not state its date is asked for it. */
async function toExceptions(
  access: GraphAccess,
  session: GraphSession,
  master: RemoteEvent,
  exceptions: readonly WireEvent[],
): Promise<RemoteEvent[]> {
  if (exceptions.some(({ id }) => text(id) === '')) {
    throw new SyncError('unavailable', 'Graph answered an exception of a series without its id');
  }
  const { isAllDay } = master.content;
  const zone = master.content.start.timeZone;
  const dateOf = (exception: WireEvent) => statedOriginalDate(exception, zone, isAllDay);
  const unstated = exceptions.filter((exception) => dateOf(exception) === undefined);
  const items = unstated.map((exception): BatchItem => {
    const id = text(exception['id']) as GraphEventId;
    return { key: id, method: 'GET', path: eventPath(session, id) + query({ $select: 'id,isAllDay,originalStart' }) };
  });
  const answers = await batch(access, session, items);
  const stated = exceptions.map((exception): WireEvent => {
    const answer = answers.get(text(exception['id']));
    if (answer && !answer.ok && !isGone(answer.error)) throw answer.error as SyncError;
    const { originalStart } = members(answer?.ok ? answer.body : undefined);
    return originalStart ? { ...exception, originalStart } : exception;
  });
  return stated.map((exception): RemoteEvent => {
    // Without a usable zone of its own an exception is in its series'.
    const event = fromWire(exception, zone);
    return { ...event, originalDate: dateOf(exception) ?? event.originalDate };
  });
}
