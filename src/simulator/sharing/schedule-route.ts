import { unknownProperty } from '../calendar/calendar-input.ts';
import { badRequest, GraphError, invalidRequest, unreadableBody } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { ok, type RouteContext, requireMethod } from '../http/routing.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { CalendarRole } from '../mailbox/model.ts';
import { workingHoursOf } from '../mailbox/working-hours.ts';
import { DAY_MS, findZone, parseLocal, requireZone, toInstant, toLocal, wireLocal } from '../mailbox/zones.ts';
import { callerMailbox } from './access.ts';
import { roleOf } from './roles.ts';
import { availabilityView, type BusyTime, busyTimes } from './schedule.ts';

const MAX_SCHEDULES = 20;
const MAX_DAYS = 62;
const DEFAULT_INTERVAL_MINUTES = 30;

interface ScheduleRequest {
  schedules: string[];
  startMs: number;
  endMs: number;
  intervalMs: number;
}

/** `…/getSchedule` (Microsoft Graph "calendar: getSchedule"); parameter names in either case. */
export function answerGetSchedule(context: RouteContext): SimulatedResponse {
  requireMethod(context, 'POST');
  const request = readScheduleRequest(readJson(context.request));
  const value = request.schedules.map((address) => scheduleOf(context, request, address));
  const type = 'Collection(microsoft.graph.scheduleInformation)';
  return ok({ '@odata.context': `${context.request.url.origin}/v1.0/$metadata#${type}`, value });
}

function scheduleOf(context: RouteContext, request: ScheduleRequest, scheduleId: string): object {
  const { world } = context;
  const mailbox = world.findMailbox(scheduleId);
  if (mailbox === undefined) {
    return failed(scheduleId, '5016', `The e-mail address '${scheduleId}' could not be resolved to a mailbox.`);
  }
  const role = roleFor(context, mailbox);
  if (role === 'none') return failed(scheduleId, 'ErrorNoFreeBusyAccess', 'There is no right to read the schedule.');
  const times = busyTimes(mailbox, request, role);
  const limit = world.switches.scheduleEntryLimit;
  if (times.length > limit) {
    return failed(
      scheduleId,
      '5006',
      `The result set contains too many calendar entries. The allowed size = ${limit}; the actual size = ${times.length}.`,
    );
  }
  const { zone } = context.preferences.view;
  return {
    scheduleId,
    availabilityView: availabilityView(times, request, request.intervalMs),
    scheduleItems: times.map((time) => renderTime(time, zone)),
    workingHours: workingHoursOf(mailbox),
  };
}

const failed = (scheduleId: string, responseCode: string, message: string): object => ({
  scheduleId,
  availabilityView: '',
  error: { message, responseCode },
  scheduleItems: null,
});

/** Applications and the mailbox's own user see everything, others what they were given. */
function roleFor(context: RouteContext, mailbox: Mailbox): CalendarRole | 'own' {
  const caller = callerMailbox(context);
  if (context.caller.oid === undefined || caller === mailbox) return 'own';
  return roleOf(mailbox.defaultCalendar, caller?.state.address ?? '');
}

function renderTime({ startMs, endMs, status, details }: BusyTime, zone: string): object {
  const at = (ms: number) => ({ dateTime: wireLocal(toLocal(findZone(zone) ?? 'UTC', ms)), timeZone: zone });
  return { ...details, status, start: at(startMs), end: at(endMs) };
}

const NAMES = ['schedules', 'starttime', 'endtime', 'availabilityviewinterval'];

/** @throws {GraphError} 400 for anything missing, malformed or too much */
function readScheduleRequest(body: unknown): ScheduleRequest {
  if (typeof body !== 'object' || body === null) throw unreadableBody('The request body is empty.');
  const input = new Map<string, unknown>();
  for (const [name, value] of Object.entries(body)) {
    if (!NAMES.includes(name.toLowerCase()))
      throw unreadableBody(
        `The parameter '${name}' in the request payload is not a valid parameter for the operation 'getSchedule'.`,
      );
    input.set(name.toLowerCase(), value);
  }
  const window = {
    startMs: timeOf(input.get('starttime'), 'StartTime'),
    endMs: timeOf(input.get('endtime'), 'EndTime'),
  };
  if (window.endMs <= window.startMs)
    throw new GraphError(400, 'ErrorInvalidParameter', 'The StartTime parameter must be earlier than EndTime.');
  const days = (window.endMs - window.startMs) / DAY_MS;
  if (days > MAX_DAYS) throw windowTooBig(Math.ceil(days));
  return {
    schedules: addressesIn(input.get('schedules')),
    ...window,
    intervalMs: intervalOf(input.get('availabilityviewinterval')),
  };
}

const windowTooBig = (days: number): GraphError =>
  new GraphError(
    400,
    'ErrorTimeIntervalTooBig',
    `The requested time duration specified for FreeBusyViewOptions.TimeWindow is too long. The allowed limit = ${MAX_DAYS} days; the actual limit = ${days} days.`,
  );

function addressesIn(value: unknown): string[] {
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'string'))
    throw unreadableBody("A collection of 'Edm.String' was expected for 'Schedules'.");
  if (value.length === 0) throw badRequest("The parameter 'Schedules' is empty.");
  if (value.length > MAX_SCHEDULES)
    throw invalidRequest(`At most ${MAX_SCHEDULES} schedules can be asked for in one request.`);
  return value as string[];
}

function timeOf(value: unknown, name: string): number {
  const { dateTime, timeZone, ...rest } = (value ?? {}) as { dateTime?: unknown; timeZone?: unknown };
  const [stranger] = Object.keys(rest).filter((key) => !key.includes('@odata.'));
  if (stranger !== undefined) throw unknownProperty(stranger, 'microsoft.graph.dateTimeTimeZone');
  const local = parseLocal(dateTime);
  if (local === undefined)
    throw new GraphError(400, 'ErrorInvalidParameter', `The value of parameter '${name}' is invalid.`);
  return toInstant(requireZone(timeZone ?? 'UTC'), local);
}

/** In milliseconds. Microsoft's own sample sends the minutes as text. */
function intervalOf(value: unknown): number {
  const minutes = value === undefined || value === null ? DEFAULT_INTERVAL_MINUTES : Number(value);
  if (Array.isArray(value) || !Number.isInteger(minutes))
    throw unreadableBody("Cannot convert 'AvailabilityViewInterval' to 'Edm.Int32'.");
  if (minutes < 5 || minutes > 1440)
    throw new GraphError(
      400,
      'ErrorInvalidMergedFreeBusyInterval',
      'The merged free/busy interval must be between 5 and 1440 minutes.',
    );
  return minutes * 60_000;
}
