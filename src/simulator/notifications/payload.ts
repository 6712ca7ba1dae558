import { etag } from '../mailbox/event-render.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { ChangeType, Subscription } from './subscription.ts';

export type LifecycleEvent = 'reauthorizationRequired' | 'subscriptionRemoved' | 'missed';

/** What happened to one event, or to one member of a series. */
export interface EventChange {
  change: ChangeType;
  n: number;
  /** The calendar it happened in: after a move, the old one for `deleted`. */
  folder: number;
  /** Part of default ids: an event taken out of Deleted Items has another. */
  generation: number | undefined;
  /** Original date of a member, '' otherwise. */
  date: string;
  version: number;
}

/** Notifications write instants the way .NET does: an offset, and seven digits if any. */
export function offsetTime(ms: number): string {
  const [seconds = '', fraction = '000'] = new Date(ms).toISOString().slice(0, -1).split('.');
  return `${seconds}${fraction === '000' ? '' : `.${fraction}0000`}+00:00`;
}

export function eventNotification(
  mailbox: Mailbox,
  subscription: Subscription,
  change: EventChange,
): Record<string, unknown> {
  const id = mailbox.itemId(change, subscription.idForm, change.date);
  return resourceNotification(subscription, {
    changeType: change.change,
    path: `Users/${mailbox.state.id}/Events/${id}`,
    data: { '@odata.type': '#Microsoft.Graph.Event', '@odata.etag': etag(mailbox, change.version), id },
  });
}

export function calendarNotification(
  mailbox: Mailbox,
  subscription: Subscription,
  calendar: { folder: number; version: number },
) {
  const id = mailbox.calendarId(calendar.folder);
  return resourceNotification(subscription, {
    changeType: 'updated',
    path: `Users/${mailbox.state.id}/Calendars/${id}`,
    data: { '@odata.type': '#Microsoft.Graph.Calendar', '@odata.etag': etag(mailbox, calendar.version), id },
  });
}

function resourceNotification(
  subscription: Subscription,
  o: { changeType: ChangeType; path: string; data: { '@odata.type': string; '@odata.etag': string; id: string } },
): Record<string, unknown> {
  const { '@odata.type': type, ...rest } = o.data;
  return {
    subscriptionId: subscription.id,
    subscriptionExpirationDateTime: offsetTime(subscription.expiresMs),
    ...clientStateOf(subscription),
    changeType: o.changeType,
    tenantId: subscription.tenantId,
    resource: o.path,
    resourceData: { '@odata.type': type, '@odata.id': o.path, ...rest },
  };
}

export function lifecycleNotification(
  subscription: Subscription,
  lifecycleEvent: LifecycleEvent,
  resource: string,
): Record<string, unknown> {
  return {
    lifecycleEvent,
    subscriptionId: subscription.id,
    subscriptionExpirationDateTime: offsetTime(subscription.expiresMs),
    ...clientStateOf(subscription),
    tenantId: subscription.tenantId,
    resource,
    organizationId: subscription.tenantId,
  };
}

const clientStateOf = ({ clientState }: Subscription) => (clientState === null ? {} : { clientState });
