import type { AccessToken } from '../identity/tokens.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { World } from '../mailbox/world.ts';
import type { Notifications } from '../notifications/notifications.ts';
import { badRequest, GraphError } from './graph-error.ts';
import type { SimulatedRequest, SimulatedResponse } from './http-types.ts';
import type { Preferences } from './prefer.ts';

/** What is known of a request before its path says whose mailbox it is about. */
export interface RootContext {
  world: World;
  caller: AccessToken;
  request: SimulatedRequest;
  query: Map<string, string>;
  preferences: Preferences;
  notifications: Notifications;
}

/** What a route needs to answer one Graph request. */
export interface RouteContext extends RootContext {
  /** The mailbox the path addresses, which need not be the caller's; through a shared calendar, its owner's. */
  mailbox: Mailbox;
  /** The mailbox the path addresses, where that is not the one the calendar lies in. */
  addressed?: Mailbox;
  /** Whether the path began with `/me`. */
  isMe: boolean;
}

export const ok = (body: unknown, status = 200, headers: Record<string, string> = {}): SimulatedResponse => ({
  status,
  headers,
  body,
});

export const noContent = (status = 204): SimulatedResponse => ({ status, headers: {} });

/** @throws {GraphError} 405 unless the method is one of those the path knows */
export function requireMethod(context: RouteContext, ...methods: string[]): void {
  if (!methods.includes(context.request.method)) {
    throw new GraphError(405, 'ErrorMethodNotAllowed', 'The OData request is not supported.');
  }
}

export const noSuchSegment = (segment: string): GraphError =>
  badRequest(`Resource not found for the segment '${segment}'.`);

/** `@odata.context` of a collection or entity below a user. */
export function metadataUrl({ request, mailbox, addressed = mailbox }: RouteContext, path: string): string {
  return `${request.url.origin}/v1.0/$metadata#users('${addressed.state.id}')/${path}`;
}

/** The address of a user's resources, as links returned by the service are written. */
export const userUrl = ({ request, mailbox, addressed = mailbox }: RouteContext): string =>
  `${request.url.origin}/v1.0/users('${encodeURIComponent(addressed.state.address).replaceAll('%40', '@')}')`;
