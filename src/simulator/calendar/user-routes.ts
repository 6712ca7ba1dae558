import { answerMasterCategories } from '../event-resources/master-categories.ts';
import { answerFindMeetingTimes } from '../event-resources/meeting-times.ts';
import { answerReminderView } from '../event-resources/reminder-view.ts';
import { badRequest, GraphError, itemNotFound, unreadableBody } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { metadataUrl, noSuchSegment, ok, type RouteContext, requireMethod } from '../http/routing.ts';
import { DEFAULT_GROUP, findGroup, groupNumbered, isInGroup } from '../mailbox/calendar-groups.ts';
import { encodeId, readId } from '../mailbox/ids.ts';
import type { StoredCalendar, StoredGroup } from '../mailbox/model.ts';
import { workingHoursOf } from '../mailbox/working-hours.ts';
import { windowsNames } from '../mailbox/zones.ts';
import { accessTo, reachEvents, refuseVisitors, requireOwn } from '../sharing/access.ts';
import { answerAllowedRoles, answerPermissions } from '../sharing/permission-routes.ts';
import type { Place } from '../sharing/permissions.ts';
import { answerGetSchedule } from '../sharing/schedule-route.ts';
import { answerCalendarGroup, answerCalendarGroups } from './calendar-group-routes.ts';
import { answerCalendar, answerCalendars, answerPermanentDelete } from './calendar-routes.ts';
import { answerDelta, answerEventsDelta } from './delta-route.ts';
import { answerCalendarView, answerEvent, answerEventCount, answerEvents } from './event-routes.ts';
import { calendarOfEvent } from './holder.ts';

/** Everything below `/users/{id}`. */
export function answerUser(context: RouteContext, segments: string[]): SimulatedResponse {
  const [first, second, ...rest] = segments;
  if (first !== undefined && !OPEN_TO_VISITORS.has(first.toLowerCase())) refuseVisitors(context);
  switch (first?.toLowerCase()) {
    case undefined:
      return user(context);
    case 'mailboxsettings':
      return mailboxSettings(context, second);
    case 'outlook':
      if (second?.toLowerCase() === 'mastercategories') return answerMasterCategories(context, rest);
      return supportedTimeZones(context, second);
    case 'findmeetingtimes':
      return answerFindMeetingTimes(context);
    case 'reminderview':
      return answerReminderView(context);
    case 'translateexchangeids':
      return translateIds(context);
    case 'calendars':
      return calendars(context, segments.slice(1));
    case 'calendargroups':
      return calendarGroups(context, second, rest);
    case 'calendargroup':
      return calendarGroup(context, groupNumbered(context.mailbox, DEFAULT_GROUP), segments.slice(1));
    case 'calendar':
      return below(context, context.mailbox.defaultCalendar, segments.slice(1), true);
    default:
      return below(context, context.mailbox.defaultCalendar, segments, false);
  }
}

/** What another user's sharing and the access check of each calendar can open; everything else is the owner's alone. */
const OPEN_TO_VISITORS = new Set(['calendar', 'calendars', 'calendarview', 'events']);

/** `/calendars` of the default group, or of the group named. */
function calendars(context: RouteContext, segments: string[], group = DEFAULT_GROUP): SimulatedResponse {
  const [id, ...rest] = segments;
  if (id === undefined) return answerCalendars(context, group);
  if (id === '$count') return answerCalendars(context, group, true);
  try {
    const calendar = context.mailbox.calendarById(id);
    if (group !== DEFAULT_GROUP && !isInGroup(calendar, group)) throw itemNotFound();
    accessTo(context, calendar);
    return below(context, calendar, rest, true);
  } catch (error) {
    const isDelta = rest.at(-1)?.toLowerCase() === 'delta';
    if (!isDelta || !(error instanceof GraphError) || error.code !== 'ErrorItemNotFound') throw error;
    throw new GraphError(404, 'ErrorSyncFolderNotFound', 'The folder to be synchronized was not found.');
  }
}

function calendarGroups(context: RouteContext, id: string | undefined, rest: string[]): SimulatedResponse {
  if (id === undefined || id === '$count') return answerCalendarGroups(context, id !== undefined);
  return calendarGroup(context, findGroup(context.mailbox, id), rest);
}

function calendarGroup(context: RouteContext, group: StoredGroup, rest: string[]): SimulatedResponse {
  const [first, ...segments] = rest;
  if (first === undefined) return answerCalendarGroup(context, group);
  if (first.toLowerCase() !== 'calendars') throw noSuchSegment(first);
  return calendars(context, segments, group.n);
}

/** Below one calendar. `named`: the path names it, so an event elsewhere is not found through it. */
function below(context: RouteContext, calendar: StoredCalendar, segments: string[], named: boolean): SimulatedResponse {
  const [first, second] = segments;
  switch (first?.toLowerCase()) {
    case undefined:
      return answerCalendar(context, calendar);
    case 'permanentdelete':
      return answerPermanentDelete(context, calendar);
    case 'getschedule':
      return answerGetSchedule(context);
    case 'calendarpermissions':
      return answerPermissions(context, ownPlace(context, calendar), segments.slice(1));
    case 'allowedcalendarsharingroles':
      return answerAllowedRoles(context, ownPlace(context, calendar));
  }
  const isId = second !== undefined && second.toLowerCase() !== 'delta';
  const holder = named || !isId ? calendar : (calendarOfEvent(context.mailbox, second) ?? calendar);
  const reached = reachEvents(context, holder, first?.toLowerCase() === 'events' && second !== undefined);
  return belowReached(reached.context, reached.calendar, segments, named);
}

function ownPlace(context: RouteContext, calendar: StoredCalendar): Place {
  requireOwn(context, calendar);
  return { world: context.world, mailbox: context.mailbox, calendar };
}

/** The events of one calendar, in the mailbox they lie in. */
function belowReached(
  context: RouteContext,
  calendar: StoredCalendar,
  segments: string[],
  named: boolean,
): SimulatedResponse {
  const [first, second, ...rest] = segments;
  switch (first?.toLowerCase()) {
    case 'events':
      if (second === undefined) return answerEvents(context, calendar);
      if (second === '$count' && rest.length === 0) return answerEventCount(context, calendar);
      if (second.toLowerCase() === 'delta' && rest.length === 0) return answerEventsDelta(context, calendar);
      return answerEvent(context, second, rest, named ? calendar : undefined);
    case 'calendarview':
      if (second === undefined) return answerCalendarView(context, calendar);
      if (second.toLowerCase() === 'delta' && rest.length === 0) return answerDelta(context, calendar);
      return answerEvent(context, second, rest, calendar);
    default:
      throw noSuchSegment(first ?? '');
  }
}

function user(context: RouteContext): SimulatedResponse {
  requireMethod(context, 'GET');
  const { id, name, address } = context.mailbox.state;
  const all: Record<string, unknown> = { id, displayName: name, mail: address, userPrincipalName: address };
  const select = context.query.get('$select')?.split(',');
  const shown =
    select === undefined
      ? all
      : Object.fromEntries(select.filter((each) => each in all).map((each) => [each, all[each]]));
  return ok({ '@odata.context': `${context.request.url.origin}/v1.0/$metadata#users/$entity`, ...shown });
}

function mailboxSettings(context: RouteContext, part: string | undefined): SimulatedResponse {
  requireMethod(context, 'GET');
  const { timeZone } = context.mailbox.state;
  if (part?.toLowerCase() === 'timezone') {
    return ok({ '@odata.context': metadataUrl(context, 'mailboxSettings/timeZone'), value: timeZone });
  }
  return ok({
    '@odata.context': metadataUrl(context, 'mailboxSettings'),
    timeZone,
    dateFormat: 'yyyy-MM-dd',
    timeFormat: 'HH:mm',
    language: { locale: 'en-GB', displayName: 'English (United Kingdom)' },
    workingHours: workingHoursOf(context.mailbox),
  });
}

function supportedTimeZones(context: RouteContext, segment: string | undefined): SimulatedResponse {
  requireMethod(context, 'GET');
  if (segment?.toLowerCase() !== 'supportedtimezones') throw noSuchSegment(segment ?? 'outlook');
  const standard = context.query.get('timezonestandard') ?? 'Windows';
  const names = /iana/i.test(standard) ? Intl.supportedValuesOf('timeZone') : windowsNames();
  const value = names.map((name) => ({ alias: name, displayName: name }));
  return ok({
    '@odata.context': `${context.request.url.origin}/v1.0/$metadata#Collection(microsoft.graph.timeZoneInformation)`,
    value,
  });
}

const isTextList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

/** `translateExchangeIds` between the two forms of REST ids. */
function translateIds(context: RouteContext): SimulatedResponse {
  requireMethod(context, 'POST');
  const { mailbox, request } = context;
  const input = readJson(request) as { inputIds?: unknown; targetIdType?: unknown } | null | undefined;
  const ids: unknown = input?.inputIds ?? [];
  if (!isTextList(ids)) throw unreadableBody('A collection of Edm.String was expected as inputIds.');
  if (ids.length > 1000) throw badRequest('At most 1000 ids can be translated in one call.');
  const form = input?.targetIdType === 'restImmutableEntryId' ? 'immutable' : 'default';
  const value = ids.map((sourceId) => {
    const id = readId(mailbox.state.id, sourceId);
    const folder = id.isLinked ? id.folder : (mailbox.item(id.n)?.folder ?? id.folder);
    return { sourceId, targetId: encodeId(mailbox.state.id, { ...id, folder, form }) };
  });
  return ok({ '@odata.context': metadataUrl(context, 'translateExchangeIds'), value });
}
