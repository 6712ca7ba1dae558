import { GraphError } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { noContent, noSuchSegment, ok, type RootContext } from '../http/routing.ts';
import { renderSubscription, type Subscription } from './subscription.ts';

/** Everything below `/subscriptions`. */
export async function answerSubscriptions(context: RootContext, segments: string[]): Promise<SimulatedResponse> {
  const [id, action, ...rest] = segments;
  if (id === undefined) return answerCollection(context);
  if (action === undefined) return answerOne(context, id);
  if (action.toLowerCase() !== 'reauthorize' || rest.length > 0) throw noSuchSegment(rest[0] ?? action);
  requireMethod(context, 'POST');
  context.notifications.reauthorize(context.caller, id);
  return noContent();
}

async function answerCollection(context: RootContext): Promise<SimulatedResponse> {
  requireMethod(context, 'GET', 'POST');
  const { caller, notifications, preferences, request } = context;
  if (request.method === 'GET') {
    const value = notifications.visibleTo(caller).map(renderSubscription);
    return ok({ '@odata.context': `${request.url.origin}/v1.0/$metadata#subscriptions`, value });
  }
  const created = await notifications.create(caller, {
    body: readJson(request),
    idForm: preferences.view.form,
    origin: request.url.origin,
  });
  return entity(context, created, 201, { location: `${request.url.origin}/v1.0/subscriptions('${created.id}')` });
}

async function answerOne(context: RootContext, id: string): Promise<SimulatedResponse> {
  requireMethod(context, 'GET', 'PATCH', 'DELETE');
  const { caller, notifications, request } = context;
  switch (request.method) {
    case 'PATCH':
      return entity(context, await notifications.renew(caller, { id, body: readJson(request) }));
    case 'DELETE':
      notifications.delete(caller, id);
      return noContent();
    default:
      return entity(context, notifications.get(caller, id));
  }
}

function entity(
  { request }: RootContext,
  subscription: Subscription,
  status = 200,
  headers: Record<string, string> = {},
): SimulatedResponse {
  const context = `${request.url.origin}/v1.0/$metadata#subscriptions/$entity`;
  return ok({ '@odata.context': context, ...renderSubscription(subscription) }, status, headers);
}

function requireMethod({ request }: RootContext, ...methods: string[]): void {
  if (!methods.includes(request.method)) {
    throw new GraphError(405, 'ErrorMethodNotAllowed', 'The OData request is not supported.');
  }
}
