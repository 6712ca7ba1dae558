import { GraphError, invalidRequest, unreadableBody } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { metadataUrl, noContent, ok, type RouteContext, requireMethod } from '../http/routing.ts';
import { DEFAULT_GROUP, groupId, isInGroup } from '../mailbox/calendar-groups.ts';
import { addCalendar, makeDefault, removeCalendar, requireFreeName } from '../mailbox/calendar-operations.ts';
import { encodeChangeKey } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Seen, StoredCalendar } from '../mailbox/model.ts';
import { type Access, accessTo, refuseVisitors, requireOwn, visibleCalendars } from '../sharing/access.ts';
import { rightsOf } from '../sharing/roles.ts';
import { hexColorOf, readCalendar } from './calendar-input.ts';
import { answerCollection, answerCount, type Collection, selected } from './collection.ts';

const CALENDAR: Omit<Collection, 'path'> = {
  type: 'microsoft.graph.calendar',
  properties: [
    ...['id', 'name', 'color', 'hexColor', 'isDefaultCalendar', 'changeKey', 'canShare', 'canViewPrivateItems'],
    ...['canEdit', 'allowedOnlineMeetingProviders', 'defaultOnlineMeetingProvider', 'isTallyingResponses'],
    ...['isRemovable', 'owner'],
  ],
  expandable: [
    ...['events', 'calendarView', 'calendarPermissions'],
    ...['singleValueExtendedProperties', 'multiValueExtendedProperties'],
  ],
};

const providersOf = (calendar: StoredCalendar): string[] => (calendar.withoutMeetings ? [] : ['teamsForBusiness']);

/** A calendar as whoever looks at the mailbox sees it: its owner, unless the mailbox is seen by somebody else. */
export function renderCalendar(
  mailbox: Mailbox,
  calendar: StoredCalendar,
  provisional = false,
): Record<string, unknown> {
  const providers = providersOf(calendar);
  const own = {
    id: mailbox.calendarId(calendar.folder, provisional),
    name: calendar.name,
    color: calendar.color,
    hexColor: hexColorOf(calendar.color),
    isDefaultCalendar: calendar.isDefault,
    changeKey: encodeChangeKey(mailbox.state.id, calendar.version),
    canShare: true,
    canViewPrivateItems: true,
    canEdit: calendar.canEdit,
    allowedOnlineMeetingProviders: providers,
    defaultOnlineMeetingProvider: calendar.defaultOnlineMeetingProvider ?? providers[0] ?? 'unknown',
    isTallyingResponses: calendar.isDefault,
    isRemovable: !calendar.isDefault,
    owner: { name: mailbox.state.name, address: mailbox.state.address },
  };
  return mailbox.seen === undefined ? own : { ...own, ...seenAs(calendar, mailbox.seen) };
}

/** What is different for others: their rights, and in their own list the entry's looks. The sharer stays the owner. */
function seenAs(calendar: StoredCalendar, { role, entry }: Seen): Record<string, unknown> {
  const { isWriter, seesPrivate } = rightsOf(role);
  const rights = { canShare: false, canEdit: calendar.canEdit && isWriter, canViewPrivateItems: seesPrivate };
  if (entry === undefined) return rights;
  const { name, color } = entry;
  // Tallying was seen on calendars merely shared with somebody, whatever the documentation says of primary ones.
  const looks = { name, color, hexColor: hexColorOf(color), isDefaultCalendar: false };
  return { ...rights, ...looks, isTallyingResponses: true, isRemovable: true };
}

function renderAccessible(holder: Mailbox, { role, mailbox, calendar, entry }: Access): Record<string, unknown> {
  const own = renderCalendar(mailbox, calendar);
  if (role === 'own') return own;
  const seen = { ...own, ...seenAs(calendar, { role, entry }) };
  if (entry === undefined) return seen;
  const changeKey = encodeChangeKey(holder.state.id, entry.version);
  return { ...seen, id: holder.calendarId(entry.folder), changeKey };
}

const collectionOf = (mailbox: Mailbox, group: number): Collection => ({
  ...CALENDAR,
  path:
    group === DEFAULT_GROUP
      ? 'calendars'
      : `calendarGroups('${encodeURIComponent(groupId(mailbox, group))}')/calendars`,
});

/** `/calendars`, the default group's, and `/calendarGroups/{id}/calendars`; with `/$count` when `isCount`. */
export function answerCalendars(context: RouteContext, group = DEFAULT_GROUP, isCount = false): SimulatedResponse {
  requireMethod(context, 'GET', 'POST');
  const { mailbox, request } = context;
  if (request.method === 'POST' && !isCount) return create(context, group);
  const rows = visibleCalendars(context)
    .filter((calendar) => isInGroup(calendar, group))
    .map((calendar) => renderAccessible(mailbox, accessTo(context, calendar)));
  const about = collectionOf(mailbox, group);
  return isCount ? answerCount(context, rows, about) : answerCollection(context, rows, about);
}

function create(context: RouteContext, group: number): SimulatedResponse {
  const { mailbox, world, request } = context;
  refuseVisitors(context);
  const input = readCalendar(readJson(request), world.switches);
  if (input.name === undefined) throw unreadableBody('The name of the calendar is missing.');
  const calendar = addCalendar(mailbox, {
    name: input.name,
    color: input.color,
    renumbered: world.switches.calendarIdChangesAfterCreate,
    group,
  });
  const body = renderCalendar(mailbox, calendar, calendar.renumbered);
  const { path } = collectionOf(mailbox, group);
  return ok({ '@odata.context': metadataUrl(context, `${path}/$entity`), ...body }, 201);
}

/** `/calendar` and `/calendars/{id}`. An entry for a shared calendar is its holder's: renamed and removed as such. */
export function answerCalendar(context: RouteContext, calendar: StoredCalendar): SimulatedResponse {
  requireMethod(context, 'GET', 'PATCH', 'DELETE');
  const { mailbox, request } = context;
  const access = accessTo(context, calendar);
  if (request.method !== 'GET' && access.entry === undefined) requireOwn(context, calendar);
  if (request.method === 'DELETE') {
    removeCalendar(mailbox, calendar);
    return noContent();
  }
  if (request.method === 'PATCH') update(context, calendar);
  const body = renderAccessible(mailbox, access);
  const shown = request.method === 'GET' ? selected(context, body, { ...CALENDAR, path: '' }) : body;
  return ok({ '@odata.context': metadataUrl(context, 'calendars/$entity'), ...shown });
}

function update(context: RouteContext, calendar: StoredCalendar): void {
  const { mailbox, request, world } = context;
  const { isDefaultCalendar, ...input } = readCalendar(readJson(request), world.switches);
  if (input.name !== undefined) requireFreeName(mailbox, input.name, calendar);
  const provider = input.defaultOnlineMeetingProvider;
  if (provider !== undefined && provider !== 'unknown' && !providersOf(calendar).includes(provider))
    throw invalidRequest(`The online meeting provider '${provider}' is not allowed in this calendar.`);
  if (isDefaultCalendar === false && calendar.isDefault) throw invalidRequest('There must be a default calendar.');
  if (isDefaultCalendar === true) {
    if (calendar.link !== undefined) throw invalidRequest('A shared calendar cannot be the default calendar.');
    makeDefault(mailbox, calendar);
  }
  Object.assign(calendar, input, { version: mailbox.nextVersion() });
  mailbox.markDirty();
}

/** `POST …/calendars/{id}/permanentDelete`: the calendar with its events, past Deleted Items. */
export function answerPermanentDelete(context: RouteContext, calendar: StoredCalendar): SimulatedResponse {
  requireMethod(context, 'POST');
  const { request, mailbox } = context;
  if (accessTo(context, calendar).entry === undefined) requireOwn(context, calendar);
  if (request.body === '' && request.headers['content-length'] === undefined) {
    throw new GraphError(411, 'LengthRequired', 'A Content-Length header is required.');
  }
  removeCalendar(mailbox, calendar);
  return noContent();
}
