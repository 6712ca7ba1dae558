import type { IdForm } from '../mailbox/ids.ts';

export type ChangeType = 'created' | 'updated' | 'deleted';

/** What a subscription watches, read from its `resource`. */
export interface SubscriptionTarget {
  /** Mailbox id. */
  mailbox: string;
  what: 'events' | 'calendars';
  /** The calendar the path names; absent for `/me/events` and `/users/{id}/events`. */
  folder?: number;
  /** Properties of rich notifications; empty without `$select`. */
  select: string[];
}

/** One subscription as the service keeps it (Microsoft Graph "subscription resource type"). Plain JSON. */
export interface Subscription {
  id: string;
  applicationId: string;
  tenantId: string;
  /** The signed-in user, or the application's service principal. */
  creatorId: string;
  isDelegated: boolean;
  /** Who signs for rich notifications. */
  issuer: string;
  /** As the creator spelled it. */
  resource: string;
  target: SubscriptionTarget;
  changeType: string;
  changes: ChangeType[];
  notificationUrl: string;
  lifecycleNotificationUrl: string | null;
  clientState: string | null;
  createdMs: number;
  expiresMs: number;
  latestSupportedTlsVersion: string;
  /** Notifications carry ids of the form the create request asked for, whatever later requests say. */
  idForm: IdForm;
  includeResourceData: boolean | null;
  encryptionCertificate: string | null;
  encryptionCertificateId: string | null;
  notificationUrlAppId: string | null;
  /** Notifications were lost and the owner has not been told yet. */
  hasMissed: boolean;
  /** The authorisation is over: deliveries wait for reauthorisation, at most as long as retries last. */
  isLapsed: boolean;
  /** The `expiresMs` a reminder to reauthorise was sent for; 0 before the first. */
  remindedForMs: number;
}

/** The entity as the API shows it. */
export function renderSubscription(subscription: Subscription): Record<string, unknown> {
  return {
    id: subscription.id,
    resource: subscription.resource,
    applicationId: subscription.applicationId,
    changeType: subscription.changeType,
    clientState: subscription.clientState,
    notificationUrl: subscription.notificationUrl,
    notificationQueryOptions: null,
    lifecycleNotificationUrl: subscription.lifecycleNotificationUrl,
    expirationDateTime: new Date(subscription.expiresMs).toISOString().replace('.000Z', 'Z'),
    creatorId: subscription.creatorId,
    includeResourceData: subscription.includeResourceData,
    latestSupportedTlsVersion: subscription.latestSupportedTlsVersion,
    encryptionCertificate: subscription.encryptionCertificate,
    encryptionCertificateId: subscription.encryptionCertificateId,
    notificationUrlAppId: subscription.notificationUrlAppId,
  };
}
