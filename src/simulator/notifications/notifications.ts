import type { SigningKey } from '../identity/signing-keys.ts';
import type { Caller } from '../identity/tokens.ts';
import type { World } from '../mailbox/world.ts';
import { Announcer } from './announcer.ts';
import { DeliveryLog, type DeliveryLogEntry } from './delivery-log.ts';
import type { DeliveryQueue, QueueState } from './delivery-queue.ts';
import { ResourceData } from './resource-data.ts';
import type { Subscription } from './subscription.ts';
import {
  type CreateRequest,
  createSubscription,
  deleteSubscription,
  getSubscription,
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
  readonly #announcer: Announcer;
  readonly #queue: DeliveryQueue;
  readonly #log: DeliveryLog;
  readonly #parts: ServiceParts;

  /**
   * @param o.commit      keeps what changed outside of any request
   * @param o.signingKey  the identity platform's: it signs what proves the sender of rich notifications
   */
  constructor(o: {
    world: World;
    commit: () => void;
    signingKey: () => SigningKey;
    seed: number;
    webhookFetch?: typeof fetch | undefined;
  }) {
    const { world, commit: onSettled } = o;
    const onChanged = () => world.markPartDirty(PART);
    const sender = new WebhookSender(o.webhookFetch);
    this.#world = world;
    this.#commit = o.commit;
    this.#log = new DeliveryLog(world.now);
    this.#store = new SubscriptionStore({
      world,
      onChanged,
      onSettled,
      remind: (subscription) => this.#announcer.tell(subscription, 'reauthorizationRequired'),
    });
    const resourceData = new ResourceData({ ...o, seed: o.seed + 1 });
    this.#announcer = new Announcer({
      ...{ world, sender, resourceData, onChanged, onSettled },
      ...{ store: this.#store, log: this.#log, seed: o.seed },
    });
    this.#queue = this.#announcer.queue;
    this.#parts = {
      world,
      store: this.#store,
      handshake: () => ({ sender, log: this.#log, timeoutMs: world.switches.handshakeTimeoutMs }),
    };
    world.register(PART, { save: () => this.#save(), restore: (state) => this.#restore(state) });
    const { onLogged, onReplaced } = world;
    world.onLogged = (mailbox, entry) => {
      onLogged?.(mailbox, entry);
      this.#announcer.announce(mailbox, entry);
    };
    world.onReplaced = (mailbox) => {
      onReplaced?.(mailbox);
      this.#forget(mailbox.state.id);
    };
  }

  // --- for applications

  async create(caller: Caller, o: CreateRequest): Promise<Subscription> {
    const subscription = await createSubscription(this.#parts, caller, o);
    // The first look only takes notes.
    this.observeCalendars();
    return subscription;
  }

  visibleTo(caller: Caller): Subscription[] {
    return this.#store.living.filter(visibleTo(caller));
  }

  get(caller: Caller, id: string): Subscription {
    return getSubscription(this.#parts, caller, id);
  }

  renew(caller: Caller, o: { id: string; body: unknown }): Promise<Subscription> {
    return renewSubscription(this.#parts, caller, o);
  }

  reauthorize(caller: Caller, id: string): void {
    reauthorizeSubscription(this.#parts, caller, id);
  }

  delete(caller: Caller, id: string): void {
    deleteSubscription(this.#parts, caller, id);
  }

  /** To be called when calendars may have changed: they have no change log of their own. */
  observeCalendars(): void {
    this.#announcer.announceCalendars();
  }

  /** To be called when mailboxes hold more than they logged here: a journal played, a mailbox put back. */
  catchUp(): void {
    this.#announcer.catchUp();
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
    this.#announcer.tell(subscription, 'subscriptionRemoved');
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
    this.#announcer.tell(subscription, 'reauthorizationRequired');
    this.#world.markPartDirty(PART);
    this.#commit();
  }

  /** Says that notifications were lost. @throws {Error} when there is no such subscription */
  missed(id: string): void {
    this.#announcer.tell(this.#known(id), 'missed');
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

  #known(id: string): Subscription {
    const found = this.#store.find(id);
    if (found === undefined) throw new Error(`there is no subscription ${id}`);
    return found;
  }

  /** What a mailbox from a backup no longer knows of. */
  #forget(mailboxId: string): void {
    for (const { id, target } of this.#store.living) if (target.mailbox === mailboxId) this.#store.remove(id);
  }

  // --- state

  /** Not copied: it is asked for with every change, and written down at once. */
  #save(): NotificationsState {
    return { subscriptions: this.#store.save(), queue: this.#queue.save() };
  }

  #restore(state: unknown): void {
    const saved = state as NotificationsState | undefined;
    this.#store.restore(saved?.subscriptions ?? []);
    this.#queue.restore(saved?.queue);
    this.#announcer.reset();
  }
}
