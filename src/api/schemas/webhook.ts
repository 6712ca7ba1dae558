import { Type } from 'typebox';
import { WEBHOOK_EVENTS } from '../../core/webhook-event.ts';
import { DELIVERY_FAULTS } from '../../store/webhook-delivery.repository.ts';
import { Count, Instant, listOf, Nullable, OneOf, pageOf, Strict } from './common.ts';

const Events = Type.Array(OneOf(WEBHOOK_EVENTS), {
  minItems: 1,
  maxItems: WEBHOOK_EVENTS.length,
  description: 'what it is told of',
});

export const NewWebhook = Strict(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 2048,
      description: 'https:, reachable from the internet; plain http: to this machine only, and not in production',
      examples: ['https://app.example.com/hooks/calendar'],
    }),
    events: Events,
  },
  { title: 'NewWebhook' },
);

export const WebhookPatch = Strict(
  {
    events: Type.Optional(Events),
    enabled: Type.Optional(Type.Boolean({ description: 'true: again, after it was disabled' })),
  },
  { title: 'WebhookPatch' },
);

const WEBHOOK = {
  id: Type.String(),
  url: Type.String(),
  events: Type.Array(OneOf(WEBHOOK_EVENTS)),
  status: OneOf(['enabled', 'disabled'], {
    description: 'disabled: switched off, or its receiver said 410, or did not take anything for three days',
  }),
  createdAt: Instant,
  disabledAt: Nullable(Instant),
  failures: Type.Integer({ minimum: 0, description: 'attempts that have failed in a row' }),
};

export const Webhook = Type.Object(WEBHOOK, { title: 'Webhook' });
export const WebhookList = listOf('WebhookList', Webhook);
export const CreatedWebhook = Type.Object(
  {
    ...WEBHOOK,
    secret: Type.String({ pattern: '^whsec_', description: 'what it signs with; shown here and never again' }),
  },
  { title: 'CreatedWebhook' },
);

export const WebhookDelivery = Type.Object(
  {
    id: Type.String({ description: 'its webhook-id' }),
    type: OneOf([...WEBHOOK_EVENTS, 'ping']),
    status: OneOf(['pending', 'delivered', 'failed']),
    createdAt: Instant,
    attempts: Count,
    nextAttemptAt: Nullable(Instant),
    deliveredAt: Nullable(Instant),
    lastStatus: Nullable(Type.Integer({ description: 'the receiver’s HTTP status' })),
    lastError: Nullable(
      OneOf(DELIVERY_FAULTS, {
        description: 'address: the name leads nowhere, or to where webhooks may not go; unreadable: the key is gone',
      }),
    ),
  },
  { title: 'WebhookDelivery' },
);
export const WebhookDeliveryPage = pageOf('WebhookDeliveryPage', WebhookDelivery);
