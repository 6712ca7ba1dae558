import { GraphError, unreadableBody } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { metadataUrl, noContent, ok, type RouteContext, requireMethod } from '../http/routing.ts';
import { addCalendar, removeCalendar, requireFreeName } from '../mailbox/calendar-operations.ts';
import { encodeChangeKey } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredCalendar } from '../mailbox/model.ts';

const COLORS = [
  'auto',
  'lightBlue',
  'lightGreen',
  'lightOrange',
  'lightGray',
  'lightYellow',
  'lightTeal',
  'lightPink',
  'lightBrown',
  'lightRed',
  'maxColor',
];
const READ_ONLY = new Set([
  'id',
  'hexColor',
  'changeKey',
  'canEdit',
  'canShare',
  'canViewPrivateItems',
  'isRemovable',
  'isTallyingResponses',
  'owner',
  'isDefaultCalendar',
  'allowedOnlineMeetingProviders',
  'defaultOnlineMeetingProvider',
]);

export function renderCalendar(
  mailbox: Mailbox,
  calendar: StoredCalendar,
  provisional = false,
): Record<string, unknown> {
  return {
    id: mailbox.calendarId(calendar.folder, provisional),
    name: calendar.name,
    color: calendar.color,
    hexColor: '',
    isDefaultCalendar: calendar.isDefault,
    changeKey: encodeChangeKey(mailbox.state.id, calendar.version),
    canShare: true,
    canViewPrivateItems: true,
    canEdit: calendar.canEdit,
    allowedOnlineMeetingProviders: calendar.isDefault ? ['teamsForBusiness'] : [],
    defaultOnlineMeetingProvider: calendar.isDefault ? 'teamsForBusiness' : 'unknown',
    isTallyingResponses: calendar.isDefault,
    isRemovable: !calendar.isDefault,
    owner: { name: mailbox.state.name, address: mailbox.state.address },
  };
}

/** `/calendars`: the default calendar group. */
export function answerCalendars(context: RouteContext): SimulatedResponse {
  requireMethod(context, 'GET', 'POST');
  const { mailbox, request } = context;
  if (request.method === 'POST') return create(context);
  const top = Number(context.query.get('$top') ?? 100);
  const value = mailbox.calendars.slice(0, top).map((calendar) => renderCalendar(mailbox, calendar));
  return ok({ '@odata.context': metadataUrl(context, 'calendars'), value });
}

function create(context: RouteContext): SimulatedResponse {
  const { mailbox, world, request } = context;
  const input = readCalendar(readJson(request));
  if (input.name === undefined) throw unreadableBody('The name of the calendar is missing.');
  const calendar = addCalendar(mailbox, {
    name: input.name,
    color: input.color,
    renumbered: world.switches.calendarIdChangesAfterCreate,
  });
  const body = renderCalendar(mailbox, calendar, calendar.renumbered);
  return ok({ '@odata.context': metadataUrl(context, 'calendars/$entity'), ...body }, 201);
}

/** `/calendar` and `/calendars/{id}`. */
export function answerCalendar(context: RouteContext, calendar: StoredCalendar): SimulatedResponse {
  requireMethod(context, 'GET', 'PATCH', 'DELETE');
  const { mailbox, request } = context;
  if (request.method === 'DELETE') {
    removeCalendar(mailbox, calendar);
    return noContent();
  }
  if (request.method === 'PATCH') {
    const input = readCalendar(readJson(request));
    if (input.name !== undefined) requireFreeName(mailbox, input.name, calendar);
    Object.assign(calendar, input, { version: mailbox.nextVersion() });
    mailbox.markDirty();
  }
  return ok({ '@odata.context': metadataUrl(context, 'calendars/$entity'), ...renderCalendar(mailbox, calendar) });
}

function readCalendar(body: unknown): { name?: string; color?: string } {
  if (typeof body !== 'object' || body === null) throw unreadableBody('A calendar was expected.');
  const input: { name?: string; color?: string } = {};
  for (const [name, value] of Object.entries(body)) {
    if (name.includes('@odata.') || READ_ONLY.has(name)) continue;
    if (name !== 'name' && name !== 'color') {
      throw unreadableBody(
        `The property '${name}' does not exist on type 'microsoft.graph.calendar'. Make sure to only use property names that are defined by the type.`,
      );
    }
    if (typeof value !== 'string')
      throw unreadableBody(`Cannot convert the value of '${name}' to the expected type 'Edm.String'.`);
    input[name] = value;
  }
  if (input.name !== undefined && input.name.trim() === '')
    throw new GraphError(400, 'ErrorInvalidRequest', 'The calendar has no name.');
  if (input.color !== undefined && !COLORS.includes(input.color)) {
    throw unreadableBody(`Requested value '${input.color}' was not found.`);
  }
  return input;
}
