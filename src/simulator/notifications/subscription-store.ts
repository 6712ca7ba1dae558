import type { World } from '../mailbox/world.ts';
import type { Subscription } from './subscription.ts';

/** Living subscriptions, and what happens to them by the clock alone. */
export class SubscriptionStore {
  readonly #world: World;
  readonly #onChanged: () => void;
  readonly #onSettled: () => void;
  readonly #remind: (subscription: Subscription) => void;
  #byId = new Map<string, Subscription>();
  readonly #plans = new Map<string, (() => void)[]>();

  /** @param o.remind the owner is to be asked to reauthorise before the end */
  constructor(o: {
    world: World;
    onChanged: () => void;
    onSettled: () => void;
    remind: (subscription: Subscription) => void;
  }) {
    this.#world = o.world;
    this.#onChanged = o.onChanged;
    this.#onSettled = o.onSettled;
    this.#remind = o.remind;
  }

  /** In order of creation. */
  get living(): Subscription[] {
    return [...this.#byId.values()].filter((each) => this.#isLiving(each));
  }

  find(id: string): Subscription | undefined {
    const found = this.#byId.get(id);
    return found !== undefined && this.#isLiving(found) ? found : undefined;
  }

  /** Adds a subscription, or plans anew one whose end moved. */
  put(subscription: Subscription): void {
    this.#byId.set(subscription.id, subscription);
    this.#plan(subscription);
    this.#onChanged();
  }

  /** It is gone, and nobody is told. */
  remove(id: string): void {
    this.#cancel(id);
    this.#byId.delete(id);
    this.#onChanged();
  }

  /** The clock may jump without anything falling due, so the end is looked at each time. */
  #isLiving(subscription: Subscription): boolean {
    return subscription.expiresMs > this.#world.now();
  }

  #plan(subscription: Subscription): void {
    const { id, expiresMs } = subscription;
    this.#cancel(id);
    const plans = [this.#world.agenda.at(expiresMs, () => this.#expire(subscription))];
    const leadMs = this.#world.switches.reauthorizationLeadMs;
    const isDue = leadMs > 0 && subscription.remindedForMs !== expiresMs;
    if (isDue) plans.push(this.#world.agenda.at(expiresMs - leadMs, () => this.#reminder(subscription)));
    this.#plans.set(id, plans);
  }

  #reminder(subscription: Subscription): void {
    if (this.find(subscription.id) !== subscription) return;
    subscription.remindedForMs = subscription.expiresMs;
    this.#remind(subscription);
    this.#onChanged();
    this.#onSettled();
  }

  #expire(subscription: Subscription): void {
    if (this.#isLiving(subscription)) {
      this.#plan(subscription);
    } else {
      this.remove(subscription.id);
      this.#onSettled();
    }
  }

  #cancel(id: string): void {
    for (const cancel of this.#plans.get(id) ?? []) cancel();
    this.#plans.delete(id);
  }

  save(): Subscription[] {
    return [...this.#byId.values()];
  }

  restore(subscriptions: Subscription[]): void {
    for (const id of [...this.#plans.keys()]) this.#cancel(id);
    this.#byId = new Map(subscriptions.map((each) => [each.id, each]));
    for (const each of this.#byId.values()) this.#plan(each);
  }
}
