import type { Mailbox } from '../mailbox/mailbox.ts';
import type { LogEntry } from '../mailbox/model.ts';
import type { World } from '../mailbox/world.ts';
import { CalendarWatch } from './calendar-watch.ts';
import { ChangeFeed } from './change-feed.ts';
import type { DeliveryLog } from './delivery-log.ts';
import {
  type Collection,
  DeliveryQueue,
  type NotificationKind,
  type QueuedNotification,
  type QueueOwner,
} from './delivery-queue.ts';
import { calendarNotification, eventNotification, type LifecycleEvent, lifecycleNotification } from './payload.ts';
import type { ResourceData } from './resource-data.ts';
import type { Subscription } from './subscription.ts';
import type { SubscriptionStore } from './subscription-store.ts';
import type { WebhookSender } from './webhook-sender.ts';

/** Decides what subscribers are told, and what becomes of it on the way. */
export class Announcer implements QueueOwner {
  readonly queue: DeliveryQueue;
  readonly onChanged: () => void;
  readonly onSettled: () => void;
  readonly #world: World;
  readonly #store: SubscriptionStore;
  readonly #feed: ChangeFeed;
  readonly #calendars = new CalendarWatch();
  readonly #resourceData: ResourceData;

  constructor(o: {
    world: World;
    store: SubscriptionStore;
    sender: WebhookSender;
    log: DeliveryLog;
    resourceData: ResourceData;
    seed: number;
    onChanged: () => void;
    onSettled: () => void;
  }) {
    this.#world = o.world;
    this.#store = o.store;
    this.#resourceData = o.resourceData;
    this.onChanged = o.onChanged;
    this.onSettled = o.onSettled;
    this.#feed = new ChangeFeed(o.world);
    this.queue = new DeliveryQueue({ world: o.world, sender: o.sender, log: o.log, seed: o.seed, owner: this });
  }

  /** The mailboxes were replaced by others. */
  reset(): void {
    this.#feed.reset();
    this.#calendars.reset();
    this.announceCalendars();
  }

  /** The mailboxes hold more than was announced, and it is no news. */
  catchUp(): void {
    this.#feed.catchUp();
  }

  announce(mailbox: Mailbox, entry: LogEntry): void {
    const changes = this.#feed.changesIn(mailbox, entry);
    for (const subscription of this.#store.living) {
      if (!this.#feed.covers(subscription, mailbox, entry.folder)) continue;
      for (const change of changes) {
        if (!subscription.changes.includes(change.change)) continue;
        const isRich = subscription.includeResourceData === true && change.change !== 'deleted';
        this.queue.add(subscription.notificationUrl, 'change', {
          subscriptionId: subscription.id,
          body: eventNotification(mailbox, subscription, change),
          ...(isRich ? { about: { n: change.n, date: change.date } } : {}),
        });
      }
    }
  }

  /** Tells subscribers of calendar lists what changed there since the last call: always `updated`. */
  announceCalendars(): void {
    const watching = this.#store.living.filter(({ target }) => target.what === 'calendars');
    for (const id of new Set(watching.map(({ target }) => target.mailbox))) {
      const mailbox = this.#world.findMailbox(id);
      if (mailbox === undefined) continue;
      for (const calendar of this.#calendars.look(mailbox)) {
        for (const subscription of watching) {
          if (subscription.target.mailbox !== id || !subscription.changes.includes('updated')) continue;
          const body = calendarNotification(mailbox, subscription, calendar);
          this.queue.add(subscription.notificationUrl, 'change', { subscriptionId: subscription.id, body });
        }
      }
    }
  }

  /** Nothing is told to who gave no address for it. */
  tell(subscription: Subscription, event: LifecycleEvent, inMs = 0): void {
    const url = subscription.lifecycleNotificationUrl;
    if (url === null) return;
    if (event === 'missed') subscription.hasMissed = false;
    const body = lifecycleNotification(subscription, event, this.#resourcePath(subscription));
    this.queue.add(url, 'lifecycle', { subscriptionId: subscription.id, body }, inMs);
  }

  #resourcePath({ target }: Subscription): string {
    const user = `Users/${target.mailbox}`;
    if (target.what === 'calendars') return `${user}/Calendars`;
    if (target.folder === undefined) return `${user}/Events`;
    const id = this.#world.findMailbox(target.mailbox)?.calendarId(target.folder) ?? '';
    return `${user}/Calendars/${id}/Events`;
  }

  // --- on the way

  verdictOn(item: QueuedNotification, kind: NotificationKind): 'send' | 'wait' | 'drop' {
    if (kind === 'lifecycle') return 'send';
    const subscription = this.#store.find(item.subscriptionId);
    if (subscription === undefined) return 'drop';
    return subscription.isLapsed ? 'wait' : 'send';
  }

  collect(items: readonly QueuedNotification[]): Collection {
    const rich = items.map((item) => {
      const subscription = this.#store.find(item.subscriptionId);
      return subscription === undefined ? item.body : this.#resourceData.complete(subscription, item);
    });
    const subscriptions = items.map(({ subscriptionId }) => this.#store.find(subscriptionId));
    const tokens = this.#resourceData.validationTokens(subscriptions.filter((each) => each !== undefined));
    return { value: rich, ...(tokens.length === 0 ? {} : { validationTokens: tokens }) };
  }

  /** `missed` is told once for all that is lost meanwhile, and again once the endpoint answers, should that be lost as well. */
  onLost(items: readonly QueuedNotification[], kind: NotificationKind, againInMs: number): void {
    for (const id of new Set(items.map(({ subscriptionId }) => subscriptionId))) {
      const subscription = this.#store.find(id);
      if (subscription === undefined || this.queue.hasWaiting(id, 'missed')) continue;
      if (kind === 'change' && !subscription.hasMissed) this.tell(subscription, 'missed', againInMs);
      else subscription.hasMissed = true;
    }
    this.onChanged();
  }

  onAccepted(url: string): void {
    for (const subscription of this.#store.living) {
      const isIts = [subscription.notificationUrl, subscription.lifecycleNotificationUrl].includes(url);
      if (isIts && subscription.hasMissed) this.tell(subscription, 'missed');
    }
  }
}
