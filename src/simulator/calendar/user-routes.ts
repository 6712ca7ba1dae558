import { badRequest, GraphError } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { metadataUrl, noSuchSegment, ok, type RouteContext, requireMethod } from '../http/routing.ts';
import { decodeId, encodeId } from '../mailbox/ids.ts';
import type { StoredCalendar } from '../mailbox/model.ts';
import { windowsNames } from '../mailbox/zones.ts';
import { answerCalendar, answerCalendars } from './calendar-routes.ts';
import { answerDelta } from './delta-route.ts';
import { answerCalendarView, answerEvent, answerEvents } from './event-routes.ts';

/** Everything below `/users/{id}`. */
export function answerUser(context: RouteContext, segments: string[]): SimulatedResponse {
  const [first, second, ...rest] = segments;
  switch (first?.toLowerCase()) {
    case undefined:
      return user(context);
    case 'mailboxsettings':
      return mailboxSettings(context, second);
    case 'outlook':
      return supportedTimeZones(context, second);
    case 'translateexchangeids':
      return translateIds(context);
    case 'calendars': {
      if (second === undefined) return answerCalendars(context);
      return below(context, findCalendar(context, second, rest), rest, true);
    }
    case 'calendar':
      return below(context, context.mailbox.defaultCalendar, segments.slice(1), true);
    default:
      return below(context, context.mailbox.defaultCalendar, segments, false);
  }
}

function findCalendar(context: RouteContext, id: string, rest: string[]): StoredCalendar {
  const { mailbox } = context;
  try {
    return mailbox.calendarById(id);
  } catch (error) {
    const isDelta = rest.at(-1)?.toLowerCase() === 'delta';
    if (!isDelta || !(error instanceof GraphError) || error.status !== 404) throw error;
    throw new GraphError(404, 'ErrorSyncFolderNotFound', 'The folder to be synchronized was not found.');
  }
}

/** Below one calendar. `named`: the path names it, so an event elsewhere is not found through it. */
function below(context: RouteContext, calendar: StoredCalendar, segments: string[], named: boolean): SimulatedResponse {
  const [first, second, ...rest] = segments;
  switch (first?.toLowerCase()) {
    case undefined:
      return answerCalendar(context, calendar);
    case 'events':
      if (second === undefined) return answerEvents(context, calendar);
      if (second.toLowerCase() === 'delta')
        throw new GraphError(501, 'NotImplemented', 'events/delta is not simulated.');
      return answerEvent(context, second, rest, named ? calendar : undefined);
    case 'calendarview':
      if (second === undefined) return answerCalendarView(context, calendar);
      if (second.toLowerCase() === 'delta' && rest.length === 0) return answerDelta(context, calendar);
      throw noSuchSegment(second);
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
    workingHours: {
      daysOfWeek: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
      startTime: '08:00:00.0000000',
      endTime: '17:00:00.0000000',
      timeZone: { name: timeZone },
    },
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

/** `translateExchangeIds` between the two forms of REST ids. */
function translateIds(context: RouteContext): SimulatedResponse {
  requireMethod(context, 'POST');
  const { mailbox, request } = context;
  const input = readJson(request) as { inputIds?: string[]; sourceIdType?: string; targetIdType?: string } | undefined;
  const ids = input?.inputIds ?? [];
  if (ids.length > 1000) throw badRequest('At most 1000 ids can be translated in one call.');
  const form = input?.targetIdType === 'restImmutableEntryId' ? 'immutable' : 'default';
  const value = ids.map((sourceId) => {
    const id = decodeId(mailbox.state.id, sourceId);
    const folder = mailbox.item(id.n)?.folder ?? id.folder;
    return { sourceId, targetId: encodeId(mailbox.state.id, { ...id, folder, form }) };
  });
  return ok({ '@odata.context': metadataUrl(context, 'translateExchangeIds'), value });
}
