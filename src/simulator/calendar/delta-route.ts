import { badRequest, GraphError } from '../http/graph-error.ts';
import type { SimulatedResponse } from '../http/http-types.ts';
import { type RouteContext, requireMethod, userUrl } from '../http/routing.ts';
import type { StoredCalendar } from '../mailbox/model.ts';
import { readWindow } from '../mailbox/window.ts';
import { continueRound, type DeltaPage, openRound } from './delta.ts';
import { documentWith } from './rendered-events.ts';

const UNSUPPORTED = ['$select', '$expand', '$filter', '$orderby', '$search', '$top'];
/** More than this on one page is cut, as `odata.maxpagesize` is an upper bound only. */
const MAX_PAGE = 1000;

/** `…/calendarView/delta`. The window counts on the first request only; links carry it from then on. */
export function answerDelta(context: RouteContext, calendar: StoredCalendar): SimulatedResponse {
  requireMethod(context, 'GET');
  const { world, mailbox, query, preferences } = context;
  if (calendar.deleted) throw new GraphError(404, 'ErrorSyncFolderNotFound', 'The folder was not found.');
  const refused = UNSUPPORTED.find((option) => query.has(option));
  if (refused !== undefined && world.switches.deltaQueryOptions === '400') {
    throw badRequest(`The query parameter '${refused}' is not supported in track changes queries.`);
  }
  const pageSize = Math.min(preferences.maxPageSize ?? world.switches.deltaPageSize, MAX_PAGE);
  const request = { world, mailbox, calendar, view: preferences.view, pageSize };
  const token = query.get('$deltatoken') ?? query.get('$skiptoken');
  const page = token === undefined ? openRound(request, readWindow(query)) : continueRound(request, token);
  preferences.applied.push('odata.track-changes');
  const before = { '@odata.context': `${context.request.url.origin}/v1.0/$metadata#Collection(event)` };
  const json = documentWith(before, page.value, linkOf(context, calendar, page));
  return { status: 200, headers: { 'cache-control': 'private' }, json };
}

function linkOf(context: RouteContext, calendar: StoredCalendar, page: DeltaPage): object {
  const { mailbox } = context;
  const below =
    calendar.isDefault && mailbox.seen?.entry === undefined
      ? ''
      : `/calendars('${encodeURIComponent(mailbox.calendarId(calendar.folder))}')`;
  const url = `${userUrl(context)}${below}/calendarView/delta`;
  return page.isLast
    ? { '@odata.deltaLink': `${url}?$deltatoken=${page.token}` }
    : { '@odata.nextLink': `${url}?$skiptoken=${page.token}` };
}
