import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { answer, answers, id, limit, offset, Strict } from '../schemas/common.ts';
import {
  CreatedWebhook,
  NewWebhook,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookList,
  WebhookPatch,
} from '../schemas/webhook.ts';
import type { ServerParts } from '../services.ts';

/** The application's own subscriptions: where it wants to be told of what. */
export function webhookRoutes(app: ApiInstance, { webhookService }: ServerParts): void {
  app.get(
    '/calendar/webhooks',
    {
      schema: {
        operationId: 'listWebhooks',
        tags: ['Webhooks'],
        summary: 'Where the application is told of what',
        response: answers({ 200: answer('the webhooks', WebhookList) }),
      },
    },
    async (request) => webhookService.list(callerOf(request).userId),
  );

  app.post(
    '/calendar/webhooks',
    {
      schema: {
        operationId: 'createWebhook',
        tags: ['Webhooks'],
        summary: 'Be told of what happens',
        description:
          'Deliveries are signed as Standard Webhooks say, hold ids and kinds only, and are retried for three days.',
        body: NewWebhook,
        response: answers({ 201: answer('the webhook, with its secret', CreatedWebhook) }, 409, 413, 415, 422),
      },
    },
    async (request, reply) => {
      const webhook = await webhookService.create(callerOf(request), request.body, { correlationId: request.id });
      return reply.code(201).send(webhook);
    },
  );

  app.patch(
    '/calendar/webhooks/:id',
    {
      schema: {
        operationId: 'updateWebhook',
        tags: ['Webhooks'],
        summary: 'Change what it is told of, or enable it again',
        params: id('id', 'the webhook'),
        body: WebhookPatch,
        response: answers({ 200: answer('the webhook', Webhook) }, 404, 413, 415),
      },
    },
    async (request) =>
      webhookService.update(callerOf(request), request.params.id, request.body, { correlationId: request.id }),
  );

  app.delete(
    '/calendar/webhooks/:id',
    {
      schema: {
        operationId: 'deleteWebhook',
        tags: ['Webhooks'],
        summary: 'Be told no more',
        params: id('id', 'the webhook'),
        response: answers({ 204: answer('deleted') }, 404),
      },
    },
    async (request, reply) => {
      await webhookService.delete(callerOf(request), request.params.id, { correlationId: request.id });
      return reply.code(204).send();
    },
  );

  app.get(
    '/calendar/webhooks/:id/deliveries',
    {
      schema: {
        operationId: 'listWebhookDeliveries',
        tags: ['Webhooks'],
        summary: 'What became of its deliveries, newest first',
        params: id('id', 'the webhook'),
        querystring: Strict({ limit: limit(20, 100), offset }),
        response: answers({ 200: answer('a page of deliveries', WebhookDeliveryPage) }, 404),
      },
    },
    async (request) => webhookService.deliveries(callerOf(request).userId, request.params.id, request.query),
  );

  app.post(
    '/calendar/webhooks/:id/test',
    {
      schema: {
        operationId: 'testWebhook',
        tags: ['Webhooks'],
        summary: 'Send it a ping, once',
        params: id('id', 'the webhook'),
        response: answers({ 202: answer('the ping, on its way', WebhookDelivery) }, 404, 409),
      },
    },
    async (request, reply) => {
      const ping = await webhookService.test(callerOf(request).userId, request.params.id);
      return reply.code(202).send(ping);
    },
  );
}
