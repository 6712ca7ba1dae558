import { createHmac } from 'node:crypto';

/** What an application can be told of, by the names it subscribes to. */
export const WEBHOOK_EVENTS = [
  'event.created',
  'event.updated',
  'event.deleted',
  'conflict.detected',
  'conflict.resolved',
  'sync.completed',
  'sync.failed',
  'connection.reauthorization_required',
] as const;

export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** Nobody subscribes to it: it is sent when somebody asks whether an endpoint can be reached. */
export const PING = 'ping';

/** What is sent: ids and kinds. What stands behind an id is fetched from the API, by who may see it. */
export interface WebhookMessage {
  readonly type: WebhookEvent | typeof PING;
  /** When it happened, which is not when it is sent. */
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const SECRET_PREFIX = 'whsec_';

/** A secret as Standard Webhooks write it. */
export function writeSecret(key: Uint8Array): string {
  return SECRET_PREFIX + Buffer.from(key).toString('base64');
}

/** The same text for every attempt, however the database orders the members of an object. */
export function bodyOf({ type, timestamp, data }: WebhookMessage): string {
  return JSON.stringify({ type, timestamp, data });
}

/**
 * The headers a delivery carries, as Standard Webhooks say.
 *
 * @param sent.id  the same for every attempt: the receiver's key against doing a thing twice
 * @param sent.at  when this attempt is made
 */
export function signatureHeaders(
  secret: string,
  sent: { readonly id: string; readonly at: Date; readonly body: string },
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  const seconds = String(Math.floor(sent.at.getTime() / 1000));
  const signature = createHmac('sha256', key).update(`${sent.id}.${seconds}.${sent.body}`).digest('base64');
  return { 'webhook-id': sent.id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` };
}
