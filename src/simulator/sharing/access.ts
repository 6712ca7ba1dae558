import { accessDenied, GraphError, itemNotFound } from '../http/graph-error.ts';
import type { RootContext, RouteContext } from '../http/routing.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { CalendarRole, StoredCalendar } from '../mailbox/model.ts';
import type { Blinds } from './masking.ts';
import { listedCalendars, targetOf } from './permissions.ts';
import { openingRole, rightsOf, roleOf } from './roles.ts';
import { seenMailbox } from './seen-mailbox.ts';

/** What a request may do with a calendar. `own`: everything, as its owner or as an application. */
export interface Access {
  role: CalendarRole | 'own';
  /** Where the calendar lies, and the calendar itself: behind an entry, its owner's. */
  mailbox: Mailbox;
  calendar: StoredCalendar;
  /** The entry of the addressed mailbox's list the way leads through. */
  entry: StoredCalendar | undefined;
}

/** A signed-in user under another user's path. Applications are at home everywhere. */
const isVisitor = ({ caller, mailbox }: Pick<RouteContext, 'caller' | 'mailbox'>): boolean =>
  caller.oid !== undefined && caller.oid.toLowerCase() !== mailbox.state.id.toLowerCase();

/** The mailbox of the signed-in user, when there is one. */
export const callerMailbox = ({ world, caller }: RootContext): Mailbox | undefined =>
  caller.oid === undefined ? undefined : world.findMailbox(caller.oid);

const hasScope = ({ caller }: RootContext, ...scopes: string[]): boolean => {
  const granted = (caller.scp ?? '').toLowerCase().split(' ');
  return scopes.some((scope) => granted.includes(scope.toLowerCase()));
};

const isWrite = ({ request }: RootContext): boolean => request.method !== 'GET';

/** How another user's calendar without rights is refused. */
const notShared = ({ world }: RootContext): GraphError =>
  world.switches.foreignCalendarRefusal === 404 ? itemNotFound() : accessDenied();

/**
 * Decides what the caller may do with a calendar of the addressed mailbox, an entry of its list included.
 *
 * @throws {GraphError} 404 `ErrorItemNotFound` for an entry whose calendar is gone or no longer shared;
 *   403 `ErrorAccessDenied` or 404 where the caller has no rights at all
 */
export function accessTo(context: RouteContext, calendar: StoredCalendar): Access {
  const { world, mailbox } = context;
  if (calendar.link !== undefined) {
    // What is shared with somebody is not theirs to show around.
    if (isVisitor(context)) throw notShared(context);
    const target = targetOf(world, mailbox, calendar);
    if (target === undefined) throw itemNotFound();
    const role = roleOf(target.calendar, mailbox.state.address);
    return { role, mailbox: target.mailbox, calendar: target.calendar, entry: calendar };
  }
  if (!isVisitor(context)) return { role: 'own', mailbox, calendar, entry: undefined };
  const role = openingRole(calendar, callerMailbox(context)?.state.address ?? '');
  const isAllowed = hasScope(context, 'Calendars.ReadWrite.Shared', ...(isWrite(context) ? [] : SHARED_READING));
  if (role === 'none' || !isAllowed) throw notShared(context);
  return { role, mailbox, calendar, entry: undefined };
}

const SHARED_READING = ['Calendars.Read.Shared', 'Calendars.ReadBasic.Shared'];

/** @throws {GraphError} 403 `ErrorAccessDenied` unless the caller owns the calendar */
export function requireOwn(context: RouteContext, calendar: StoredCalendar): void {
  if (accessTo(context, calendar).role !== 'own') throw accessDenied();
}

/** @throws {GraphError} 403 `ErrorAccessDenied` for a signed-in user under another user's path */
export function refuseVisitors(context: RouteContext): void {
  if (isVisitor(context)) throw accessDenied();
}

/** The calendars of the addressed mailbox the caller may see. @throws {GraphError} when there are none for them */
export function visibleCalendars(context: RouteContext): StoredCalendar[] {
  const calendars = listedCalendars(context.world, context.mailbox);
  if (!isVisitor(context)) return calendars;
  const visible = calendars.filter((calendar) => {
    try {
      accessTo(context, calendar);
      return true;
    } catch (error) {
      if (error instanceof GraphError) return false;
      throw error;
    }
  });
  if (visible.length === 0) throw notShared(context);
  return visible;
}

/** The calendar whose events a request is about, and the context to answer it in. */
export interface Reached {
  context: RouteContext;
  calendar: StoredCalendar;
}

/**
 * Goes to a calendar's events: the mailbox of the resulting context is the one they lie in, seen with the
 * caller's rights.
 *
 * @param isOne whether one event is asked for rather than a list
 * @throws {GraphError} as {@link accessTo}; 403 `ErrorAccessDenied` for a write without that right;
 *   500 `ErrorInternalServerTransientError` for a calendar shared in the old style
 */
export function reachEvents(context: RouteContext, at: StoredCalendar, isOne: boolean): Reached {
  const { role, mailbox, calendar, entry } = accessTo(context, at);
  if (role === 'own') return { context, calendar };
  if (entry?.link?.isOldStyle) throw oldStyle();
  const { sight, isWriter } = rightsOf(role);
  const { partialReaders, privateItems } = context.world.switches;
  if (sight === 'nothing' || (sight !== 'details' && partialReaders === 'denied')) throw accessDenied();
  if (isWrite(context) && !isWriter) throw accessDenied();
  const seen = seenMailbox(mailbox, {
    seen: { role, entry },
    holder: context.mailbox,
    blinds: { sight, privateItems: privateItemsFor(context, role, isOne) },
    isWrite: isWrite(context),
    refusesPrivateLists: privateItems === 'list-404' && !isOne && !rightsOf(role).seesPrivate,
  });
  return { context: { ...context, mailbox: seen, addressed: context.mailbox }, calendar };
}

/** A private item alone is not found, however lists show it. */
function privateItemsFor(context: RouteContext, role: CalendarRole, isOne: boolean): Blinds['privateItems'] {
  if (rightsOf(role).seesPrivate) return 'shown';
  return context.world.switches.privateItems === 'blanked' && !isOne ? 'blanked' : 'hidden';
}

const oldStyle = (): GraphError =>
  new GraphError(500, 'ErrorInternalServerTransientError', 'An internal server error occurred. Try again later.');
