import type { AccessToken } from '../identity/tokens.ts';
import type { IdForm } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { LogEntry } from '../mailbox/model.ts';
import type { World } from '../mailbox/world.ts';
import { CalendarWatch } from './calendar-watch.ts';
import { ChangeFeed } from './change-feed.ts';
import { DeliveryLog, type DeliveryLogEntry } from './delivery-log.ts';
import {
  type Collection,
  DeliveryQueue,
  type NotificationKind,
  type QueuedNotification,
  type QueueState,
} from './delivery-queue.ts';
import { calendarNotification, eventNotification, type LifecycleEvent, lifecycleNotification } from './payload.ts';
import type { Subscription } from './subscription.ts';
import {
  createSubscription,
  deleteSubscription,
  getSubscription,
  type MailboxTrouble,
  reauthorizeSubscription,
  renewSubscription,
  type ServiceParts,
  visibleTo,
} from './subscription-service.ts';
import { SubscriptionStore } from './subscription-store.ts';
import { WebhookSender } from './webhook-sender.ts';

interface NotificationsState {
  subscriptions: Subscription[];
  queue: QueueState;
  troubles: Record<string, MailboxTrouble>;
}

const PART = 'notifications';

/**
 * The change notification service: subscriptions, what they are told, and how it gets there.
 *
 * The first half is what applications reach over HTTP, the second what a test or an operator may do.
 */
export class Notifications {
  readonly #world: World;
  readonly #commit: () => void;
  readonly #store: SubscriptionStore;
  readonly #queue: DeliveryQueue;
  readonly #log: DeliveryLog;
  readonly #feed: ChangeFeed;
  readonly #calendars = new CalendarWatch();
  readonly #parts: ServiceParts;
  #troubles: Record<string, MailboxTrouble> = {};

  /** @param o.commit keeps what changed outside of any request */
  constructor(o: { world: World; commit: () => void; seed: number; webhookFetch?: typeof fetch | undefined }) {
    const { world } = o;
    this.#world = world;
    this.#commit = o.commit;
    this.#log = new DeliveryLog(world.now);
    const sender = new WebhookSender(o.webhookFetch);
    const onChanged = () => world.markPartDirty(PART);
    this.#store = new SubscriptionStore({
      world,
      onChanged,
      onSettled: o.commit,
      remind: (subscription) => this.#tell(subscription, 'reauthorizationRequired'),
    });
    this.#queue = new DeliveryQueue({
      world,
      sender,
      log: this.#log,
      seed: o.seed,
      owner: {
        verdictOn: (item, kind) => this.#verdictOn(item, kind),
        collect: (items) => this.#collect(items),
        onAccepted: (url) => this.#reached(url),
        onLost: (items, kind) => this.#lost(items, kind),
        onChanged,
        onSettled: o.commit,
      },
    });
    this.#feed = new ChangeFeed(world);
    this.#parts = {
      world,
      store: this.#store,
      handshake: () => ({ sender, log: this.#log, timeoutMs: world.switches.handshakeTimeoutMs }),
      troubleOf: (mailbox) => this.#troubles[mailbox],
    };
    world.register(PART, { save: () => this.#save(), restore: (state) => this.#restore(state) });
    const before = world.onLogged;
    world.onLogged = (mailbox, entry) => {
      before?.(mailbox, entry);
      this.#changed(mailbox, entry);
    };
  }

  // --- for applications

  async create(caller: AccessToken, o: { body: unknown; idForm: IdForm }): Promise<Subscription> {
    const subscription = await createSubscription(this.#parts, caller, o);
    this.observeCalendars();
    return subscription;
  }

  visibleTo(caller: AccessToken): Subscription[] {
    return this.#store.living.filter(visibleTo(caller));
  }

  get(caller: AccessToken, id: string): Subscription {
    return getSubscription(this.#parts, caller, id);
  }

  renew(caller: AccessToken, o: { id: string; body: unknown }): Promise<Subscription> {
    return renewSubscription(this.#parts, caller, o);
  }

  reauthorize(caller: AccessToken, id: string): void {
    reauthorizeSubscription(this.#parts, caller, id);
  }

  delete(caller: AccessToken, id: string): void {
    deleteSubscription(this.#parts, caller, id);
  }

  // --- for tests and operators

  /** Living subscriptions of every application, in order of creation. */
  list(): Subscription[] {
    return structuredClone(this.#store.living);
  }

  /** It is gone and nobody is told, as after a password reset. @throws {Error} when there is none */
  vanish(id: string): void {
    this.#store.remove(this.#known(id).id);
    this.#commit();
  }

  /** The service deletes it, and says so. @throws {Error} when there is none */
  remove(id: string): void {
    const subscription = this.#known(id);
    this.#store.remove(id);
    this.#tell(subscription, 'subscriptionRemoved');
    this.#commit();
  }

  /**
   * Asks for a new authorisation.
   *
   * @param o.lapse the old one is over at once: nothing is delivered before the application reacts
   * @throws {Error} when there is no such subscription
   */
  requireReauthorization(id: string, o: { lapse?: boolean } = {}): void {
    const subscription = this.#known(id);
    subscription.isLapsed = o.lapse ?? false;
    this.#tell(subscription, 'reauthorizationRequired');
    this.#world.markPartDirty(PART);
    this.#commit();
  }

  /** Says that notifications were lost. @throws {Error} when there is no such subscription */
  missed(id: string): void {
    this.#tell(this.#known(id), 'missed');
    this.#commit();
  }

  /** Nothing is sent until {@link resume}; what happens meanwhile is collected. */
  pause(): void {
    this.#queue.pause();
    this.#commit();
  }

  resume(): void {
    this.#queue.resume();
    this.#commit();
  }

  get isPaused(): boolean {
    return this.#queue.isPaused;
  }

  /** Notifications raised and neither accepted nor lost yet. */
  get outstanding(): number {
    return this.#queue.outstanding;
  }

  /** What was POSTed to whom, handshakes included, and what came back. */
  get deliveries(): readonly DeliveryLogEntry[] {
    return this.#log.entries;
  }

  clearDeliveries(): void {
    this.#log.clear();
  }

  /** From now on subscriptions on a mailbox are refused as if it were elsewhere; undefined ends it. */
  setMailboxTrouble(addressOrId: string, trouble: MailboxTrouble | undefined): void {
    const { id } = this.#world.mailbox(addressOrId).state;
    if (trouble === undefined) delete this.#troubles[id];
    else this.#troubles[id] = trouble;
    this.#world.markPartDirty(PART);
    this.#commit();
  }

  #known(id: string): Subscription {
    const found = this.#store.find(id);
    if (found === undefined) throw new Error(`there is no subscription ${id}`);
    return found;
  }

  // --- what subscribers are told

  #changed(mailbox: Mailbox, entry: LogEntry): void {
    const changes = this.#feed.changesIn(mailbox, entry);
    for (const subscription of this.#store.living) {
      if (!this.#feed.covers(subscription, mailbox, entry.folder)) continue;
      for (const change of changes) {
        if (!subscription.changes.includes(change.change)) continue;
        this.#queue.add(subscription.notificationUrl, 'change', {
          subscriptionId: subscription.id,
          body: eventNotification(mailbox, subscription, change),
          ...(subscription.includeResourceData === true ? { about: { n: change.n, date: change.date } } : {}),
        });
      }
    }
  }

  /** Tells subscribers of calendar lists what changed there since the last call: always `updated`. */
  observeCalendars(): void {
    const watching = this.#store.living.filter(({ target }) => target.what === 'calendars');
    for (const id of new Set(watching.map(({ target }) => target.mailbox))) {
      const mailbox = this.#world.findMailbox(id);
      if (mailbox === undefined) continue;
      for (const calendar of this.#calendars.look(mailbox)) {
        for (const subscription of watching) {
          if (subscription.target.mailbox !== id || !subscription.changes.includes('updated')) continue;
          const body = calendarNotification(mailbox, subscription, calendar);
          this.#queue.add(subscription.notificationUrl, 'change', { subscriptionId: subscription.id, body });
        }
      }
    }
  }

  #tell(subscription: Subscription, event: LifecycleEvent): void {
    const url = subscription.lifecycleNotificationUrl;
    if (url === null) return;
    if (event === 'missed') subscription.hasMissed = false;
    const body = lifecycleNotification(subscription, event, this.#resourcePath(subscription));
    this.#queue.add(url, 'lifecycle', { subscriptionId: subscription.id, body });
  }

  #resourcePath({ target }: Subscription): string {
    const user = `Users/${target.mailbox}`;
    if (target.what === 'calendars') return `${user}/Calendars`;
    if (target.folder === undefined) return `${user}/Events`;
    const id = this.#world.findMailbox(target.mailbox)?.calendarId(target.folder) ?? '';
    return `${user}/Calendars/${id}/Events`;
  }

  // --- what the queue asks and tells

  #verdictOn(item: QueuedNotification, kind: NotificationKind): 'send' | 'wait' | 'drop' {
    if (kind === 'lifecycle') return 'send';
    const subscription = this.#store.find(item.subscriptionId);
    if (subscription === undefined) return 'drop';
    return subscription.isLapsed ? 'wait' : 'send';
  }

  async #collect(items: readonly QueuedNotification[]): Promise<Collection> {
    return { value: items.map(({ body }) => body) };
  }

  /** `missed` is told at once, and again once the endpoint answers, should that be lost as well. */
  #lost(items: readonly QueuedNotification[], kind: NotificationKind): void {
    for (const id of new Set(items.map(({ subscriptionId }) => subscriptionId))) {
      const subscription = this.#store.find(id);
      if (subscription === undefined) continue;
      if (kind === 'change' && !subscription.hasMissed) this.#tell(subscription, 'missed');
      else subscription.hasMissed = true;
    }
    this.#world.markPartDirty(PART);
  }

  #reached(url: string): void {
    for (const subscription of this.#store.living) {
      const isIts = [subscription.notificationUrl, subscription.lifecycleNotificationUrl].includes(url);
      if (isIts && subscription.hasMissed) this.#tell(subscription, 'missed');
    }
  }

  // --- state

  #save(): NotificationsState {
    return structuredClone({
      subscriptions: this.#store.save(),
      queue: this.#queue.save(),
      troubles: this.#troubles,
    });
  }

  #restore(state: unknown): void {
    const saved = state as NotificationsState | undefined;
    this.#store.restore(saved?.subscriptions ?? []);
    this.#queue.restore(saved?.queue);
    this.#troubles = saved?.troubles ?? {};
    this.#feed.reset();
    this.#calendars.reset();
    this.observeCalendars();
  }
}
