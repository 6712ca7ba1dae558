import { answerEventPart } from '../event-resources/event-parts.ts';
import { GraphError, invalidRequest, itemNotFound, unreadableBody } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import {
  metadataUrl,
  noContent,
  noSuchSegment,
  ok,
  type RouteContext,
  requireMethod,
  userUrl,
} from '../http/routing.ts';
import { type Actor, createEvent, type FoundEvent, findEvent, updateItem } from '../mailbox/event-operations.ts';
import type { StoredCalendar } from '../mailbox/model.ts';
import { removeEvent, updateOccurrence } from '../mailbox/occurrence-operations.ts';
import { cancelMeeting, respond } from '../mailbox/responses.ts';
import { instanceOf, instancesBetween } from '../mailbox/series.ts';
import { readWindow } from '../mailbox/window.ts';
import { renderCalendar } from './calendar-routes.ts';
import { type EventQuery, readEventQuery, renderRow } from './event-query.ts';
import { documentWith, renderRows } from './rendered-events.ts';
import { findRows, itemRows, memberRows, type RowSource, viewRows } from './row-list.ts';

const actorOf = ({ world, mailbox, request }: RouteContext): Actor => ({
  world,
  mailbox,
  ifMatch: request.headers['if-match'],
});

/** `…/events`: single events and masters, never occurrences. */
export function answerEvents(context: RouteContext, calendar: StoredCalendar): SimulatedResponse {
  requireMethod(context, 'GET', 'POST');
  const { mailbox, request, preferences } = context;
  if (request.method === 'GET') {
    return list(context, itemRows(mailbox, calendar.folder), 'events');
  }
  const body = readJson(request);
  if (body === undefined) throw unreadableBody('The request body is empty.');
  const item = createEvent(actorOf(context), calendar, body);
  const event = renderRow({ mailbox, item }, preferences.view, ALL);
  const headers = {
    location: `${userUrl(context)}/events('${event['id'] as string}')`,
    etag: event['@odata.etag'] as string,
  };
  return ok({ '@odata.context': metadataUrl(context, 'events/$entity'), ...event }, 201, headers);
}

/** `…/events/$count`: a number as plain text, of what `$filter` lets through. */
export function answerEventCount(context: RouteContext, calendar: StoredCalendar): SimulatedResponse {
  requireMethod(context, 'GET');
  const { mailbox, query, world } = context;
  const filter = query.get('$filter') ?? '';
  const found = findRows(itemRows(mailbox, calendar.folder), readEventQuery(query, world.switches), {
    filter,
    order: '',
  });
  return { status: 200, headers: { 'content-type': 'text/plain' }, text: String(found.length) };
}

const ALL: Pick<EventQuery, 'select' | 'expand'> = { select: undefined, expand: new Map() };

/** `…/calendarView`: singles, occurrences and exceptions of a window; no masters. */
export function answerCalendarView(context: RouteContext, calendar: StoredCalendar): SimulatedResponse {
  requireMethod(context, 'GET');
  const { mailbox, world } = context;
  const window = readWindow(context.query);
  const byZone = world.switches.allDayWindow === 'zone';
  return list(context, viewRows(mailbox, calendar.folder, window, byZone), 'calendarView');
}

/** `…/events/{id}/instances`: the members of one series in a window. */
function answerInstances(context: RouteContext, { item }: FoundEvent): SimulatedResponse {
  requireMethod(context, 'GET');
  const window = readWindow(context.query);
  if (item.recurrence === null) throw invalidRequest('The instances of an event that does not recur cannot be listed.');
  return list(context, memberRows(context.mailbox, item, window), 'events');
}

function list(context: RouteContext, source: RowSource, path: string): SimulatedResponse {
  const { request, world, preferences } = context;
  const query = readEventQuery(context.query, world.switches);
  const found = findRows(source, query, {
    filter: context.query.get('$filter') ?? '',
    order: context.query.get('$orderby') ?? '',
  });
  const size = context.query.has('$top')
    ? query.top
    : Math.min(preferences.maxPageSize ?? query.top, world.switches.maxTop);
  const before: Record<string, unknown> = { '@odata.context': metadataUrl(context, path) };
  if (query.count) before['@odata.count'] = found.length;
  const value = renderRows(world, found.slice(query.skip, query.skip + size), { view: preferences.view, query });
  const after: Record<string, unknown> = {};
  if (query.skip + size < found.length) {
    // Not a snapshot: a link counts rows, and rows move under it.
    const next = new URL(request.url);
    next.searchParams.set('$skip', String(query.skip + size));
    after['@odata.nextLink'] = next.href;
  }
  return { status: 200, headers: {}, json: documentWith(before, value, after) };
}

/** `…/events/{id}` and everything below. */
export function answerEvent(
  context: RouteContext,
  id: string,
  rest: string[],
  calendar?: StoredCalendar,
): SimulatedResponse {
  const { mailbox, request } = context;
  const action = rest[0]?.toLowerCase();
  const found = findForRequest(context, id, calendar);
  const part = answerEventPart(context, actorOf(context), found, rest);
  if (part !== undefined) return part;
  if (action === 'instances' && rest[1]?.toLowerCase() === 'delta') {
    throw new GraphError(501, 'NotImplemented', 'instances/delta is not simulated.');
  }
  if (rest.length > 1) throw noSuchSegment(rest[1]!);
  if (action === undefined) return answerEntity(context, found);
  if (action === 'instances') return answerInstances(context, found);
  if (action === 'calendar') return answerCalendarOf(context, found);
  requireMethod(context, 'POST');
  const actor = actorOf(context);
  if (action === 'permanentdelete') {
    if (request.body === '' && request.headers['content-length'] === undefined) {
      throw new GraphError(411, 'LengthRequired', 'A Content-Length header is required.');
    }
    removeEvent(actor, found);
    if (found.date === '') found.item.purged = true;
    return noContent();
  }
  const input = (readJson(request) ?? {}) as Record<string, unknown>;
  if (action === 'cancel') cancelMeeting(actor, found, input);
  else if (action === 'accept' || action === 'decline' || action === 'tentativelyaccept')
    respond(actor, found, action, input);
  else throw noSuchSegment(rest[0]!);
  if (!found.item.deleted) mailbox.markDirty();
  return noContent(202);
}

/** `…/events/{id}/calendar`: the one it is in. */
function answerCalendarOf(context: RouteContext, { item }: FoundEvent): SimulatedResponse {
  requireMethod(context, 'GET');
  const { mailbox } = context;
  const calendar = mailbox.calendarByFolder(item.folder);
  if (calendar === undefined) throw itemNotFound();
  return ok({ '@odata.context': metadataUrl(context, 'calendars/$entity'), ...renderCalendar(mailbox, calendar) });
}

function findForRequest(context: RouteContext, id: string, calendar: StoredCalendar | undefined): FoundEvent {
  const { mailbox, request, world } = context;
  try {
    const found = findEvent(mailbox, id, calendar);
    if (found.date !== '') instanceOf(found.item, found.date);
    return found;
  } catch (error) {
    const again = request.method === 'DELETE' && world.switches.secondDelete === 400;
    if (again && error instanceof GraphError && error.status === 404)
      throw invalidRequest('The item was already deleted.');
    throw error;
  }
}

function answerEntity(context: RouteContext, found: FoundEvent): SimulatedResponse {
  requireMethod(context, 'GET', 'PATCH', 'DELETE');
  const { mailbox, request, preferences, world } = context;
  const actor = actorOf(context);
  if (request.method === 'DELETE') {
    removeEvent(actor, found);
    return noContent();
  }
  const query = request.method === 'GET' ? { ...readEventQuery(context.query, world.switches), isEntity: true } : ALL;
  if (request.method === 'PATCH') {
    const body = readJson(request);
    if (body === undefined) throw unreadableBody('The request body is empty.');
    if (found.date === '') updateItem(actor, found.item, body);
    else updateOccurrence(actor, found.item, found.date, body);
  }
  const instance = found.date === '' ? undefined : instanceOf(found.item, found.date);
  if (found.item.deleted) throw itemNotFound();
  const event = renderRow({ mailbox, item: found.item, instance }, preferences.view, query);
  if (query.expand.has('instances')) event['instances'] = expandInstances(context, found);
  const headers = { etag: event['@odata.etag'] as string };
  return ok({ '@odata.context': metadataUrl(context, 'events/$entity'), ...event }, 200, headers);
}

/** `$expand=instances` needs the window `/instances` needs; an event that does not recur has none. */
function expandInstances(context: RouteContext, { item, date }: FoundEvent): object[] {
  const window = readWindow(context.query);
  if (item.recurrence === null || date !== '') return [];
  const { mailbox, preferences } = context;
  return instancesBetween(item, window.startMs, window.endMs).map((instance) =>
    renderRow({ mailbox, item, instance }, preferences.view, ALL),
  );
}
