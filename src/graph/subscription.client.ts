import { isSyncError, SyncError } from '../core/errors.ts';
import type { GraphSession } from './calendar-graph.ts';
import type { GraphClient } from './graph.client.ts';
import { itemsOf } from './graph-access.ts';
import { members, text } from './wire-values.ts';

/** A change-notification subscription, as Graph tells of it (Microsoft Graph "subscription"). */
export interface RemoteSubscription {
  readonly id: string;
  readonly resource: string;
  readonly notificationUrl: string;
  readonly expiresAt: Date;
}

/** What to be told of, and where. */
export interface SubscriptionWish {
  /** Takes change and lifecycle notifications alike; a lifecycle address cannot be added later (graph contract 10.1). */
  readonly notificationUrl: string;
  /** At most 128 characters; comes back with every notification. */
  readonly clientState: string;
  readonly expiresAt: Date;
}

/** Subscriptions to the events of a mailbox: all its calendars. */
export class SubscriptionClient {
  readonly #client: GraphClient;

  constructor(parts: { client: GraphClient }) {
    this.#client = parts.client;
  }

  /**
   * Subscribes. While the request is open, Graph asks `notificationUrl` whether it is ours.
   *
   * A subscription of ours that is there already, of which nothing is known here, would be refused as a duplicate: it is
   * deleted, because its secret is not known any more.
   */
  async create(session: GraphSession, wish: SubscriptionWish): Promise<RemoteSubscription> {
    try {
      return await this.#post(session, wish);
    } catch (error) {
      if (!isSyncError(error) || error.httpStatus !== 409) throw error;
      for (const { id, resource, notificationUrl } of await this.#list(session)) {
        if (resource.endsWith(resourceOf(session)) && notificationUrl === wish.notificationUrl)
          await this.delete(session, id);
      }
      return this.#post(session, wish);
    }
  }

  /** @throws {SyncError} `not-found` when it is gone, in whatever way */
  async renew(session: GraphSession, id: string, expiresAt: Date): Promise<RemoteSubscription> {
    const body = { expirationDateTime: expiresAt.toISOString() };
    const answer = await this.#client.send(session, { method: 'PATCH', path: pathOf(id), body });
    return subscriptionOf(answer.body);
  }

  /** Gone already is as good. */
  async delete(session: GraphSession, id: string): Promise<void> {
    try {
      await this.#client.send(session, { method: 'DELETE', path: pathOf(id) });
    } catch (error) {
      if (!isSyncError(error, 'not-found')) throw error;
    }
  }

  async #post(session: GraphSession, wish: SubscriptionWish): Promise<RemoteSubscription> {
    const { notificationUrl, clientState, expiresAt } = wish;
    const body = {
      changeType: 'created,updated,deleted',
      resource: resourceOf(session),
      notificationUrl,
      lifecycleNotificationUrl: notificationUrl,
      clientState,
      expirationDateTime: expiresAt.toISOString(),
    };
    const answer = await this.#client.send(session, { method: 'POST', path: '/subscriptions', body });
    return subscriptionOf(answer.body);
  }

  async #list(session: GraphSession): Promise<RemoteSubscription[]> {
    const { body } = await this.#client.send(session, { method: 'GET', path: '/subscriptions' });
    return itemsOf(body).map(subscriptionOf);
  }
}

const resourceOf = ({ mailbox }: GraphSession): string => `/users/${mailbox}/events`;

const pathOf = (id: string): string => `/subscriptions/${encodeURIComponent(id)}`;

function subscriptionOf(body: unknown): RemoteSubscription {
  const { id, resource, notificationUrl, expirationDateTime } = members(body);
  const expiresAt = new Date(text(expirationDateTime));
  if (typeof id !== 'string' || Number.isNaN(expiresAt.getTime())) {
    throw new SyncError('unavailable', 'Graph answered without the subscription');
  }
  return { id, resource: text(resource), notificationUrl: text(notificationUrl), expiresAt };
}
