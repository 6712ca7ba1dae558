import { answerUser } from '../calendar/user-routes.ts';
import { requireAccess, withoutBodies } from '../identity/graph-access.ts';
import type { Caller } from '../identity/tokens.ts';
import { requireReachable } from '../misfortunes/reach.ts';
import { answerSubscriptions } from '../notifications/subscription-routes.ts';
import { badRequest, GraphError } from './graph-error.ts';
import { readPath, readQuery, type SimulatedRequest, type SimulatedResponse } from './http-types.ts';
import { readPreferences } from './prefer.ts';
import type { RootContext, RouteContext } from './routing.ts';

/** Everything below `/v1.0`, once the caller is known and the limits let the request in. */
export async function answerGraph(
  { world, notifications }: Pick<RootContext, 'world' | 'notifications'>,
  caller: Caller,
  request: SimulatedRequest,
): Promise<SimulatedResponse> {
  if (!/^\/v1\.0(\/|$)/i.test(request.url.pathname)) throw badRequest('Invalid version.');
  const { segments, parameters } = readPath(request.url.pathname.slice('/v1.0'.length));
  const preferences = readPreferences(request.headers['prefer']);
  preferences.view.inlineAttachmentsCount = world.switches.inlineAttachmentsCount;
  const query = new Map([...parameters, ...readQuery(request.url)]);
  const response = await answerRoot({ world, caller, request, query, preferences, notifications }, segments);
  if (preferences.applied.length === 0) return response;
  return { ...response, headers: { ...response.headers, 'preference-applied': preferences.applied.join(', ') } };
}

async function answerRoot(context: RootContext, segments: string[]): Promise<SimulatedResponse> {
  const [root = '', id, ...rest] = segments;
  switch (root.toLowerCase()) {
    case 'me': {
      const { caller, world } = context;
      if (caller.oid === undefined) throw badRequest('/me request is only valid with delegated authentication flow.');
      return answerAllowed({ ...context, mailbox: world.mailbox(caller.oid), isMe: true }, segments.slice(1));
    }
    case 'users':
      if (id !== undefined) return answerUserOf(context, id, rest);
      break;
    case 'subscriptions':
      return answerSubscriptions(context, segments.slice(1));
  }
  throw badRequest(`Resource not found for the segment '${root}'.`);
}

async function answerUserOf(context: RootContext, id: string, rest: string[]): Promise<SimulatedResponse> {
  const mailbox = context.world.findMailbox(id);
  if (mailbox === undefined && rest.length === 0) {
    throw new GraphError(
      404,
      'Request_ResourceNotFound',
      `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
    );
  }
  return answerAllowed({ ...context, mailbox: mailbox ?? context.world.mailbox(id), isMe: false }, rest);
}

/** Permissions are looked at before anything else of the request. */
async function answerAllowed(context: RouteContext, segments: string[]): Promise<SimulatedResponse> {
  const { caller, mailbox, request } = context;
  requireAccess(caller, { method: request.method, segments, mailbox });
  requireReachable(context, segments);
  return withoutBodies(caller, await answerUser(context, segments), mailbox);
}
