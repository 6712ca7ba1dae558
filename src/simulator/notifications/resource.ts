import { GraphError } from '../http/graph-error.ts';
import { readPath } from '../http/http-types.ts';
import type { AccessToken } from '../identity/tokens.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { World } from '../mailbox/world.ts';
import type { SubscriptionTarget } from './subscription.ts';
import { extensionError, invalidResource } from './subscription-errors.ts';

/** Application and delegated permissions that let a caller subscribe; the `.Shared` ones are not among them. */
const PERMISSIONS = /^Calendars\.(Read|ReadWrite)$/i;

/**
 * What a `resource` means for this caller.
 *
 * A delegated token subscribes to its own mailbox only, whatever was shared with the user
 * (Microsoft Graph "outlook-change-notifications-overview").
 *
 * @throws {GraphError} `ExtensionError`: 400 for an unknown resource or a calendar that is gone, 403 without
 *   permission, 404 for an unknown user
 */
export function readResource(world: World, caller: AccessToken, resource: string): SubscriptionTarget {
  const [path = '', ...options] = resource.split('?');
  const segments = segmentsOf(path);
  const isMe = segments[0]?.toLowerCase() === 'me';
  const [collection, calendarId, ...rest] = segments.slice(isMe ? 1 : 2);
  if (!isMe && segments[0]?.toLowerCase() !== 'users') throw invalidResource();
  const mailbox = isMe ? ownMailbox(world, caller) : mailboxOf(world, segments[1] ?? '');
  requirePermission(caller, mailbox);
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

function ownMailbox(world: World, caller: AccessToken): Mailbox {
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

function requirePermission(caller: AccessToken, mailbox: Mailbox): void {
  const isDelegated = caller.oid !== undefined;
  // An application authorised by Exchange alone (RBAC) has no roles in its token.
  const granted = isDelegated ? (caller.scp ?? '').split(' ') : (caller.roles ?? ['Calendars.Read']);
  const isForeign = isDelegated && caller.oid !== mailbox.state.id;
  if (!isForeign && granted.some((permission) => PERMISSIONS.test(permission))) return;
  throw extensionError(403, 'Access is denied. Check credentials and try again.');
}

function folderOf(mailbox: Mailbox, id: string, _caller: AccessToken): number {
  try {
    return mailbox.calendarById(id).folder;
  } catch (error) {
    if (error instanceof GraphError) throw invalidResource();
    throw error;
  }
}

/** `$select` alone is known here; the rest belongs to lists, not to notifications. */
function readOptions(query: string): string[] {
  if (query === '') return [];
  const options = [...new URLSearchParams(query)];
  const select = options.find(([name]) => name.toLowerCase() === '$select')?.[1];
  if (select === undefined || options.length > 1) throw invalidResource();
  const names = select.split(',').map((name) => name.trim());
  if (names.some((name) => !/^\w+$/.test(name) || name.toLowerCase() === 'body')) throw invalidResource();
  return names;
}
