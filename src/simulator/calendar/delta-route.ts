import { badRequest, GraphError } from '../http/graph-error.ts';
import type { SimulatedResponse } from '../http/http-types.ts';
import { type RouteContext, requireMethod, userUrl } from '../http/routing.ts';
import type { StoredCalendar } from '../mailbox/model.ts';
import { readOpenWindow, readWindow } from '../mailbox/window.ts';
import { requirePatience } from '../misfortunes/delta-misfortunes.ts';
import { continueRound, type DeltaPage, type DeltaRequest, openRound } from './delta.ts';
import { restartUrl } from './delta-token.ts';
import { documentWith } from './rendered-events.ts';

const UNSUPPORTED = ['$select', '$expand', '$filter', '$orderby', '$search', '$top'];
/** More than this on one page is cut, as `odata.maxpagesize` is an upper bound only. */
const MAX_PAGE = 1000;

/** `…/calendarView/delta`. The window counts on the first request only; links carry it from then on. */
export function answerDelta(context: RouteContext, calendar: StoredCalendar): SimulatedResponse {
  return answer(context, calendar, false);
}

/** `…/events/delta`, undocumented on v1.0: `startDateTime` is required, `endDateTime` may be left out. */
export function answerEventsDelta(context: RouteContext, calendar: StoredCalendar): SimulatedResponse {
  if (context.world.switches.eventsDelta === 'not-implemented') {
    throw new GraphError(501, 'NotImplemented', 'This operation is not supported.');
  }
  return answer(context, calendar, true);
}

function answer(context: RouteContext, calendar: StoredCalendar, isOfEvents: boolean): SimulatedResponse {
  requireMethod(context, 'GET');
  const { world, mailbox, query, preferences } = context;
  if (calendar.deleted) throw new GraphError(404, 'ErrorSyncFolderNotFound', 'The folder was not found.');
  const refused = UNSUPPORTED.find((option) => query.has(option));
  if (refused !== undefined && world.switches.deltaQueryOptions === '400') {
    throw badRequest(`The query parameter '${refused}' is not supported in track changes queries.`);
  }
  const pageSize = Math.min(preferences.maxPageSize ?? world.switches.deltaPageSize, MAX_PAGE);
  const request = { world, mailbox, calendar, view: preferences.view, pageSize, isOfEvents };
  const readRange = isOfEvents ? readOpenWindow : readWindow;
  requirePatience(world, mailbox, { folder: calendar.folder, pageSize });
  // An empty token is what a dead one's `Location` has: a round from the beginning.
  const token = query.get('$deltatoken') || query.get('$skiptoken') || undefined;
  const page = token === undefined ? openRound(request, readRange(query)) : continued(context, request, token);
  preferences.applied.push('odata.track-changes');
  const before = { '@odata.context': `${context.request.url.origin}/v1.0/$metadata#Collection(event)` };
  const json = documentWith(
    before,
    page.value,
    linkOf(context, calendar, page, isOfEvents ? 'events' : 'calendarView'),
  );
  return { status: 200, headers: { 'cache-control': 'private' }, json };
}

function continued({ world, request }: RouteContext, round: DeltaRequest, token: string): DeltaPage {
  try {
    return continueRound(round, token);
  } catch (error) {
    const isDead = error instanceof GraphError && error.status === 410;
    if (!isDead || !world.switches.deltaDeathLocation) throw error;
    throw new GraphError(410, error.code, error.message, { headers: { location: restartUrl(request.url) } });
  }
}

function linkOf(
  context: RouteContext,
  calendar: StoredCalendar,
  page: DeltaPage,
  path: 'events' | 'calendarView',
): object {
  const { mailbox } = context;
  const below =
    calendar.isDefault && mailbox.seen?.entry === undefined
      ? ''
      : `/calendars('${encodeURIComponent(mailbox.calendarId(calendar.folder))}')`;
  const url = `${userUrl(context)}${below}/${path}/delta`;
  return page.isLast
    ? { '@odata.deltaLink': `${url}?$deltatoken=${page.token}` }
    : { '@odata.nextLink': `${url}?$skiptoken=${page.token}` };
}
