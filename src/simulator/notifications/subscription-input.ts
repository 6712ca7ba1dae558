import { parseInstant } from '../mailbox/zones.ts';
import type { SimulatorSwitches } from '../switches.ts';
import type { ChangeType } from './subscription.ts';
import { invalidSubscription, unreadablePayload } from './subscription-errors.ts';

/** A create request, read: every property has the right type, nothing is said about the world yet. */
export interface SubscriptionInput {
  resource: string;
  changeType: string;
  changes: ChangeType[];
  notificationUrl: string;
  lifecycleNotificationUrl: string | null;
  expiresMs: number;
  clientState: string | null;
  latestSupportedTlsVersion: string;
  includeResourceData: boolean | null;
  encryptionCertificate: string | null;
  encryptionCertificateId: string | null;
  notificationUrlAppId: string | null;
}

export interface RenewalInput {
  expiresMs?: number;
  notificationUrl?: string;
}

const TEXTS = [
  'resource',
  'changeType',
  'notificationUrl',
  'lifecycleNotificationUrl',
  'expirationDateTime',
  'clientState',
  'latestSupportedTlsVersion',
  'encryptionCertificate',
  'encryptionCertificateId',
  'notificationQueryOptions',
  'notificationUrlAppId',
];
const READ_ONLY = ['id', 'applicationId', 'creatorId'];
const UPDATABLE = ['expirationDateTime', 'notificationUrl'];
const REQUIRED = ['changeType', 'notificationUrl', 'resource', 'expirationDateTime'] as const;
const CHANGES: readonly string[] = ['created', 'updated', 'deleted'];
const TLS_VERSIONS = ['v1_0', 'v1_1', 'v1_2', 'v1_3'];
/** Longest `clientState` and `encryptionCertificateId` (Microsoft Graph "subscription resource type"). */
const MAX_TEXT = 128;

/** @throws {GraphError} 400 `InvalidRequest` */
export function readSubscription(body: unknown, switches: SimulatorSwitches): SubscriptionInput {
  const sent = readProperties(body, TEXTS);
  for (const name of REQUIRED) {
    if (text(sent, name) === null) throw unreadablePayload(`The property '${name}' is required.`);
  }
  if (text(sent, 'notificationQueryOptions') !== null) {
    throw invalidSubscription("The property 'notificationQueryOptions' is not supported for this resource.");
  }
  const changeType = text(sent, 'changeType')!;
  return {
    resource: text(sent, 'resource')!,
    changeType,
    changes: readChanges(changeType),
    notificationUrl: readUrl('notificationUrl', text(sent, 'notificationUrl')!, switches),
    lifecycleNotificationUrl: readLifecycleUrl(text(sent, 'lifecycleNotificationUrl'), switches),
    expiresMs: readExpiration(text(sent, 'expirationDateTime')!),
    clientState: short(sent, 'clientState'),
    latestSupportedTlsVersion: readTlsVersion(text(sent, 'latestSupportedTlsVersion')),
    includeResourceData: (sent['includeResourceData'] as boolean | null | undefined) ?? null,
    encryptionCertificate: text(sent, 'encryptionCertificate'),
    encryptionCertificateId: short(sent, 'encryptionCertificateId'),
    notificationUrlAppId: text(sent, 'notificationUrlAppId'),
  };
}

/**
 * A renewal changes when it ends and where it goes; a lifecycle URL cannot be added later.
 *
 * @throws {GraphError} 400 `InvalidRequest`
 */
export function readRenewal(body: unknown, switches: SimulatorSwitches): RenewalInput {
  const sent = readProperties(body, TEXTS);
  const fixed = Object.keys(sent).find((name) => !UPDATABLE.includes(name));
  if (fixed !== undefined) throw invalidSubscription(`The property '${fixed}' of a subscription cannot be updated.`);
  const expiration = text(sent, 'expirationDateTime');
  const url = text(sent, 'notificationUrl');
  if (expiration === null && url === null) throw unreadablePayload("The property 'expirationDateTime' is required.");
  return {
    ...(expiration === null ? {} : { expiresMs: readExpiration(expiration) }),
    ...(url === null ? {} : { notificationUrl: readUrl('notificationUrl', url, switches) }),
  };
}

function readProperties(body: unknown, texts: readonly string[]): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw unreadablePayload('A JSON object is expected.');
  const sent: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    if (name.startsWith('@odata.') || READ_ONLY.includes(name)) continue;
    const type = texts.includes(name) ? 'string' : name === 'includeResourceData' ? 'boolean' : undefined;
    if (type === undefined) throw unreadablePayload(`The property '${name}' is unknown.`);
    if (value !== null && typeof value !== type) throw unreadablePayload(`The property '${name}' has a wrong type.`);
    sent[name] = value;
  }
  return sent;
}

function text(sent: Record<string, unknown>, name: string): string | null {
  return (sent[name] as string | null | undefined) ?? null;
}

function short(sent: Record<string, unknown>, name: string): string | null {
  const value = text(sent, name);
  if (value !== null && value.length > MAX_TEXT) {
    throw invalidSubscription(`The property '${name}' cannot be longer than ${MAX_TEXT} characters.`);
  }
  return value;
}

function readChanges(changeType: string): ChangeType[] {
  const names = changeType.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !CHANGES.includes(name));
  if (wrong !== undefined) throw invalidSubscription(`The change type '${wrong}' is not supported.`);
  return [...new Set(names as ChangeType[])];
}

function readExpiration(value: string): number {
  const ms = parseInstant(value);
  if (ms === undefined || !/T.*(Z|[+-]\d\d:?\d\d)$/i.test(value)) {
    throw unreadablePayload("The property 'expirationDateTime' must be an ISO 8601 time with an offset.");
  }
  return ms;
}

function readTlsVersion(value: string | null): string {
  if (value !== null && !TLS_VERSIONS.includes(value)) {
    throw invalidSubscription(`The TLS version '${value}' is not supported.`);
  }
  return value ?? 'v1_2';
}

const readLifecycleUrl = (value: string | null, switches: SimulatorSwitches): string | null =>
  value === null ? null : readUrl('lifecycleNotificationUrl', value, switches);

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/i;

function readUrl(name: string, value: string, switches: SimulatorSwitches): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isPlain = url?.protocol === 'http:';
  const isLet =
    isPlain && (switches.webhookUrls === 'any' || (switches.webhookUrls === 'loopback' && LOOPBACK.test(url.hostname)));
  if (url?.protocol !== 'https:' && !isLet) {
    throw invalidSubscription(`The '${name}' must be an absolute address that uses HTTPS.`);
  }
  return value;
}
