import { accessDenied, GraphError } from '../http/graph-error.ts';
import { readPath } from '../http/http-types.ts';
import { requireAccess, requireScope } from '../identity/graph-access.ts';
import type { Caller } from '../identity/tokens.ts';
import { EVENT_PROPERTIES } from '../mailbox/event-schema.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredCalendar } from '../mailbox/model.ts';
import type { World } from '../mailbox/world.ts';
import type { SubscriptionTarget } from './subscription.ts';
import { extensionError, invalidResource } from './subscription-errors.ts';

const PERMISSIONS = ['Calendars.Read', 'Calendars.ReadWrite'];

/**
 * What a `resource` means for this caller.
 *
 * A delegated token subscribes to its own mailbox only, whatever was shared with the user
 * (Microsoft Graph "outlook-change-notifications-overview").
 *
 * @throws {GraphError} `ExtensionError`: 400 for an unknown resource or a calendar that is gone, 403 without
 *   permission, 404 for an unknown user
 */
export function readResource(world: World, caller: Caller, resource: string): SubscriptionTarget {
  const [path = '', ...options] = resource.split('?');
  const segments = segmentsOf(path);
  const isMe = segments[0]?.toLowerCase() === 'me';
  const [collection, calendarId, ...rest] = segments.slice(isMe ? 1 : 2);
  if (!isMe && segments[0]?.toLowerCase() !== 'users') throw invalidResource();
  const mailbox = isMe ? ownMailbox(world, caller) : mailboxOf(world, segments[1] ?? '');
  requirePermission(caller, mailbox);
  requireReachable(mailbox, isMe ? '' : (segments[1] ?? ''));
  const target = { mailbox: mailbox.state.id, select: readOptions(options.join('?')) };
  switch (collection?.toLowerCase()) {
    case 'events':
      if (calendarId !== undefined) throw invalidResource();
      return { ...target, what: 'events' };
    case 'calendars':
      if (calendarId === undefined) return { ...target, what: 'calendars' };
      if (rest.length !== 1 || rest[0]?.toLowerCase() !== 'events') throw invalidResource();
      return { ...target, what: 'events', folder: folderOf(mailbox, calendarId, caller) };
    default:
      throw invalidResource();
  }
}

function segmentsOf(path: string): string[] {
  try {
    const { segments, parameters } = readPath(path);
    if (parameters.size === 0) return segments;
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
  }
  throw invalidResource();
}

function ownMailbox(world: World, caller: Caller): Mailbox {
  if (caller.oid === undefined) {
    throw extensionError(400, '/me request is only valid with delegated authentication flow.');
  }
  return mailboxOf(world, caller.oid);
}

function mailboxOf(world: World, id: string): Mailbox {
  const mailbox = world.findMailbox(id);
  if (mailbox === undefined) throw extensionError(404, `The requested user '${id}' is invalid.`);
  return mailbox;
}

function requirePermission(caller: Caller, mailbox: Mailbox): void {
  const isForeign = caller.oid !== undefined && caller.oid !== mailbox.state.id;
  if (isForeign) throw forbidden();
  try {
    requireAccess(caller, { method: 'GET', segments: ['events'], mailbox });
    if (mailbox.state.misfortunes?.accessPolicy === true && caller.oid === undefined) {
      throw extensionError(403, 'Access to OData is disabled.');
    }
    requireScope(caller, PERMISSIONS, { mailbox });
  } catch (error) {
    if (error instanceof GraphError) throw extensionError(403, error.message);
    throw error;
  }
}

/** A mailbox that is elsewhere or away, in the words of the notification service. */
function requireReachable({ state }: Mailbox, addressedAs: string): void {
  const { unreachable, staleByUpn } = state.misfortunes ?? {};
  if (staleByUpn === true && addressedAs.includes('@')) throw extensionError(503, 'Mailbox info is stale.');
  switch (unreachable) {
    case undefined:
      return;
    case 'on-premises':
    case 'unlicensed':
    case 'soft-deleted':
      throw extensionError(403, 'REST API is not yet supported for this mailbox.');
    default:
      throw extensionError(
        503,
        `Target resource '${state.id}' hosted on database '${state.id}' is currently on backend 'Unknown'`,
      );
  }
}

const forbidden = (): GraphError => extensionError(403, accessDenied().message);

function folderOf(mailbox: Mailbox, id: string, caller: Caller): number {
  const calendar = calendarOf(mailbox, id);
  // Somebody else's, seen through an entry of this mailbox's list: to be subscribed to where it lies, by an application.
  if (calendar.link !== undefined) throw caller.oid === undefined ? invalidResource() : forbidden();
  return calendar.folder;
}

function calendarOf(mailbox: Mailbox, id: string): StoredCalendar {
  try {
    return mailbox.calendarById(id);
  } catch (error) {
    if (error instanceof GraphError) throw invalidResource();
    throw error;
  }
}

/** `$select` alone is known here, without the body; the rest belongs to lists, not to notifications. */
function readOptions(query: string): string[] {
  if (query === '') return [];
  const options = [...new URLSearchParams(query)];
  const select = options.find(([name]) => name.toLowerCase() === '$select')?.[1];
  if (select === undefined || options.length > 1) throw invalidResource();
  const names = select.split(',').map((name) => name.trim());
  if (names.some((name) => !EVENT_PROPERTIES.has(name) || name === 'body')) throw invalidResource();
  return names;
}
