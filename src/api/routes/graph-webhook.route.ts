import { Type } from 'typebox';
import type { ApiInstance } from '../api-instance.ts';
import { acceptNotifications } from '../body-parsers.ts';
import { answer, publicAnswers } from '../schemas/common.ts';
import type { ServerParts } from '../services.ts';

/** More than Graph puts into one request by far. */
const MOST_NOTIFICATIONS = 1_000;

const Notifications = Type.Object({
  value: Type.Optional(
    Type.Array(
      Type.Object({
        subscriptionId: Type.Optional(Type.String()),
        clientState: Type.Optional(Type.Unknown()),
        lifecycleEvent: Type.Optional(Type.Unknown()),
      }),
      { maxItems: MOST_NOTIFICATIONS },
    ),
  ),
});

/**
 * Where Microsoft tells of changes (Microsoft Graph "Receive change notifications through webhooks"). Anybody can call it: what
 * is believed is decided by the secret each notification brings, and even then it only means "look soon".
 */
export function graphWebhookRoutes(app: ApiInstance, { subscriptionManager }: ServerParts): void {
  acceptNotifications(app);
  app.post(
    '/calendar/sync/webhooks/graph',
    {
      config: { access: 'public', isUncounted: true },
      schema: {
        operationId: 'receiveGraphNotifications',
        tags: ['Sync'],
        summary: 'Microsoft’s change and lifecycle notifications',
        description:
          'Answered at once with 202 and worked off later. With `validationToken`, Microsoft asks whether the address is this service’s: the token comes back as plain text.',
        security: [],
        querystring: Type.Object(
          { validationToken: Type.Optional(Type.String({ maxLength: 2_048 })) },
          { additionalProperties: true },
        ),
        body: Notifications,
        response: publicAnswers(
          {
            200: answer('the token', Type.String(), { mediaType: 'text/plain' }),
            202: answer('taken in'),
          },
          413,
          415,
        ),
      },
    },
    async (request, reply) => {
      const { validationToken } = request.query;
      if (validationToken !== undefined) {
        // Plain text that no browser takes for anything else: whoever sends somebody here must not speak in our name.
        return reply.code(200).type('text/plain; charset=utf-8').send(validationToken);
      }
      await subscriptionManager.receive(request.body?.value ?? []);
      return reply.code(202).send();
    },
  );
}
