import { type DialectName, refuseLike } from '../http/dialects.ts';
import { readJson, readPath } from '../http/http-types.ts';
import type { RouteContext } from '../http/routing.ts';
import { findEvent } from '../mailbox/event-operations.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { MailboxMisfortunes } from './state.ts';

const UNREACHABLE: Record<NonNullable<MailboxMisfortunes['unreachable']>, DialectName> = {
  'on-premises': 'not-enabled-for-rest',
  unlicensed: 'not-enabled-for-rest',
  'soft-deleted': 'not-enabled-for-rest',
  moving: 'move-in-progress',
  'store-unavailable': 'store-unavailable',
  gone: 'non-existent-mailbox',
};

/** POSTs that write nothing. */
const READING = new Set(['getschedule', 'findmeetingtimes', 'translateexchangeids']);

/**
 * Whether a request gets to its mailbox, and may do there what it wants to. The person's own page is the
 * directory's, and answers whatever happened to the mailbox.
 *
 * @throws {GraphError} in the words of each misfortune
 */
export function requireReachable(context: RouteContext, segments: string[]): void {
  const { caller, mailbox, world, request, isMe } = context;
  const misfortunes = mailbox.state.misfortunes;
  if (misfortunes === undefined || segments.length === 0) return;
  const { unreachable, staleByUpn, accessPolicy, full, sendingLimit } = misfortunes;
  if (unreachable !== undefined) throw refuseLike(UNREACHABLE[unreachable]);
  // `/me` goes by object id.
  const key = isMe ? '' : (readPath(request.url.pathname).segments[2] ?? '');
  if (staleByUpn === true && key.includes('@')) {
    throw refuseLike('mailbox-info-stale', {
      message: `Target resource '${key}' hosted on database '${mailbox.state.id}' is currently on backend 'Unknown'`,
    });
  }
  if (accessPolicy === true && caller.oid === undefined) throw refuseLike('access-policy');
  if (full === true) requireRoom(context, segments);
  if (sendingLimit === true && wouldMail(context, segments)) {
    throw refuseLike('message-limit', { status: world.switches.sendingLimitStatus });
  }
}

function requireRoom({ request, world }: RouteContext, segments: string[]): void {
  const lower = segments.map((segment) => segment.toLowerCase());
  const last = lower.at(-1) ?? '';
  if (last === 'delta') {
    throw refuseLike('quota-exceeded', {
      status: world.switches.quotaStatus,
      message: 'Mailbox has exceeded maximum mailbox size.',
    });
  }
  // Deleting makes room.
  if (!['POST', 'PATCH', 'PUT'].includes(request.method) || READING.has(last) || last === 'permanentdelete') return;
  if (lower.includes('attachments') || lower.includes('extensions')) throw refuseLike('quota-507');
  throw refuseLike('quota-exceeded', { status: world.switches.quotaStatus });
}

/** Whether a write would tell others: as far as the request shows. Deleting is never held up by it. */
function wouldMail({ request, mailbox }: RouteContext, segments: string[]): boolean {
  const at = segments.findIndex((segment) => segment.toLowerCase() === 'events');
  if (at === -1 || !['POST', 'PATCH'].includes(request.method)) return false;
  const id = segments[at + 1];
  const action = segments[at + 2]?.toLowerCase();
  const body = (readJson(request) ?? {}) as { attendees?: unknown; sendResponse?: unknown };
  const invites = Array.isArray(body.attendees) && body.attendees.length > 0;
  if (action === 'cancel' || action === 'forward') return true;
  if (action === 'accept' || action === 'decline' || action === 'tentativelyaccept') return body.sendResponse !== false;
  if (action !== undefined || id === undefined || request.method === 'POST') return invites && action === undefined;
  return invites || hasGuests(mailbox, id);
}

function hasGuests(mailbox: Mailbox, id: string): boolean {
  try {
    const { item } = findEvent(mailbox, id);
    return item.isOrganizer && item.content.attendees.length > 0;
  } catch {
    return false;
  }
}
