import { GraphError } from '../http/graph-error.ts';

const STATUS_NAMES = { 400: 'BadRequest', 403: 'Forbidden', 404: 'NotFound', 503: 'ServiceUnavailable' } as const;

/** A refusal of the workload behind the subscription, wrapped by the notification service. */
export const extensionError = (status: keyof typeof STATUS_NAMES, reason: string): GraphError =>
  new GraphError(
    status,
    'ExtensionError',
    `Operation: Create; Exception: [Status Code: ${STATUS_NAMES[status]}; Reason: ${reason}]`,
  );

export const invalidResource = (): GraphError => extensionError(400, "The value of parameter 'Resource' is invalid.");

/** What every payload the service cannot read is answered, whichever property is to blame. */
export const unreadablePayload = (detail: string): GraphError =>
  new GraphError(
    400,
    'InvalidRequest',
    `Could not process subscription creation payload. Are all property names spelled and camelCased properly? ${detail}`,
  );

export const invalidSubscription = (message: string): GraphError => new GraphError(400, 'InvalidRequest', message);

export const subscriptionNotFound = (): GraphError =>
  new GraphError(404, 'ResourceNotFound', 'The object was not found.');
