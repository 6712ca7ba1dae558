import { expect } from 'vitest';
import type { SimulatorOptions } from '../../src/simulator/index.ts';
import { ADDRESS, NOW, simulate } from './simulator-client.ts';
import { anEndpoint, type WebhookHandler } from './webhook-receiver.ts';

export const HOOK = 'https://sync.example.test/hooks/graph?c=42';
export const LIFECYCLE = 'https://sync.example.test/hooks/graph-lifecycle';
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const expirationDateTime = new Date(NOW + 4230 * MINUTE).toISOString();

/** A mailbox, an endpoint that takes everything unless told otherwise, and a subscription on all changes. */
export async function subscribed(
  o: { options?: SimulatorOptions; change?: Record<string, unknown>; handle?: WebhookHandler; prefer?: string } = {},
) {
  const endpoint = anEndpoint(o.handle);
  const world = simulate({
    webhookFetch: endpoint.webhookFetch,
    ...o.options,
    switches: { createdIsAlsoUpdated: false, reauthorizationLeadMs: 0, ...o.options?.switches },
  });
  const body = {
    changeType: 'created,updated,deleted',
    resource: `/users/${ADDRESS}/events`,
    notificationUrl: HOOK,
    lifecycleNotificationUrl: LIFECYCLE,
    expirationDateTime,
    clientState: 'k3y',
    ...o.change,
  };
  const subscribe = async (change: Record<string, unknown> = {}) => {
    const prefer = o.prefer === undefined ? {} : { prefer: o.prefer };
    const answer = await world.call('POST', '/subscriptions', { ...body, ...change }, prefer);
    expect(answer.status).toBe(201);
    return answer.body.id as string;
  };
  const id = await subscribe();
  const told = () => endpoint.notifications().map(({ changeType, lifecycleEvent }) => changeType ?? lifecycleEvent);
  return { ...world, endpoint, id, subscribe, told };
}
