import type { World } from '../mailbox/world.ts';
import { SeededRandom } from '../runtime.ts';
import type { DeliveryLog } from './delivery-log.ts';
import { EndpointHealth, type HealthState } from './endpoint-health.ts';
import type { WebhookAnswer, WebhookSender } from './webhook-sender.ts';

export type NotificationKind = 'change' | 'lifecycle';

export interface QueuedNotification {
  subscriptionId: string;
  /** As it was when it was raised. */
  body: Record<string, unknown>;
  /** The event a rich notification carries, encrypted anew with each try. */
  about?: { n: number; date: string };
}

/** What goes to one address in one POST. */
interface Parcel {
  id: number;
  url: string;
  kind: NotificationKind;
  /** Notifications wait together only with those that wait as long. */
  delayMs: number;
  dueMs: number;
  /** When the first try was made, or 0. */
  firstMs: number;
  attempts: number;
  items: QueuedNotification[];
}

export interface QueueState {
  parcels: Parcel[];
  nextParcel: number;
  isPaused: boolean;
  health: HealthState;
}

export interface Collection {
  value: Record<string, unknown>[];
  validationTokens?: string[];
}

/** What the queue asks and tells the rest of the service. */
export interface QueueOwner {
  /** `wait`: the authorisation is over, which is tried again without a POST; `drop`: nobody is owed it any more. */
  verdictOn(item: QueuedNotification, kind: NotificationKind): 'send' | 'wait' | 'drop';
  collect(items: readonly QueuedNotification[]): Collection;
  onAccepted(url: string): void;
  /** @param againInMs when the endpoint will be told anything again; 0: now */
  onLost(items: readonly QueuedNotification[], kind: NotificationKind, againInMs: number): void;
  /** The state changed and is to be kept. */
  onChanged(): void;
  /** One try is over: what it changed belongs on disk. */
  onSettled(): void;
}

/** First wait before another try; doubles each time. The pages say "exponential backoff" and no number. */
const RETRY_BASE_MS = 10_000;
/** How long a notification is tried (Microsoft Graph "change-notifications-delivery-webhooks"). */
export const RETRY_FOR_MS = 4 * 3_600_000;
/** A full parcel goes out without waiting for more: a flood of changes keeps both the POST and the state small. */
const MOST_PER_POST = 100;
/** Longer than any threshold: an answer that never came. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;

/** Notifications on their way: collected per address, sent, tried again, given up. */
export class DeliveryQueue {
  readonly #world: World;
  readonly #sender: WebhookSender;
  readonly #log: DeliveryLog;
  readonly #owner: QueueOwner;
  readonly #health: EndpointHealth;
  /** Weather: of its own, so that it does not change what is stored. */
  readonly #random: SeededRandom;
  #parcels = new Map<number, Parcel>();
  readonly #plans = new Map<number, () => void>();
  #nextParcel = 1;
  #isPaused = false;

  constructor(o: { world: World; sender: WebhookSender; log: DeliveryLog; owner: QueueOwner; seed: number }) {
    this.#world = o.world;
    this.#sender = o.sender;
    this.#log = o.log;
    this.#owner = o.owner;
    this.#health = new EndpointHealth(o.world.switches);
    this.#random = new SeededRandom(o.seed);
  }

  /** Notifications raised and neither accepted nor lost yet. */
  get outstanding(): number {
    return [...this.#parcels.values()].reduce((sum, { items }) => sum + items.length, 0);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether a lifecycle notification of this kind waits for its first try. */
  hasWaiting(subscriptionId: string, lifecycleEvent: string): boolean {
    return [...this.#parcels.values()].some(
      ({ attempts, items }) =>
        attempts === 0 &&
        items.some((item) => item.subscriptionId === subscriptionId && item.body['lifecycleEvent'] === lifecycleEvent),
    );
  }

  /** @param extraDelayMs beyond the usual time from a change to its notification */
  add(url: string, kind: NotificationKind, item: QueuedNotification, extraDelayMs = 0): void {
    const { switches } = this.#world;
    const delayMs = switches.notificationDelayMs + extraDelayMs;
    if (kind === 'lifecycle') {
      this.#put(url, kind, item, delayMs);
      return;
    }
    const treatment = this.#health.treatmentOf(url, this.#world.now());
    if (treatment.kind === 'drop') {
      this.#owner.onLost([item], kind, treatment.forMs);
      return;
    }
    const usualMs = delayMs + (treatment.kind === 'slow' ? treatment.delayMs : 0);
    // A second later than three times the usual: behind what is told meanwhile, however short the usual time is.
    const lateMs = 3 * usualMs + 1000;
    const isLate = switches.notificationReordering && this.#random.next() < 0.5;
    this.#put(url, kind, item, isLate ? lateMs : usualMs);
    const share = switches.notificationDuplicates;
    if (share > 0 && this.#random.next() < share) this.#put(url, kind, item, lateMs);
  }

  #put(url: string, kind: NotificationKind, item: QueuedNotification, delayMs: number): void {
    const open = [...this.#parcels.values()].find(
      (each) =>
        each.url === url &&
        each.kind === kind &&
        each.delayMs === delayMs &&
        each.attempts === 0 &&
        each.items.length < MOST_PER_POST,
    );
    if (open !== undefined) this.#join(open, item);
    else
      this.#newParcel({
        url,
        kind,
        delayMs,
        dueMs: this.#world.now() + delayMs,
        firstMs: 0,
        attempts: 0,
        items: [item],
      });
    this.#owner.onChanged();
  }

  #join(parcel: Parcel, item: QueuedNotification): void {
    parcel.items.push(item);
    if (parcel.items.length < MOST_PER_POST) return;
    parcel.dueMs = this.#world.now();
    this.#plan(parcel);
  }

  #newParcel(o: Omit<Parcel, 'id'>): void {
    const parcel = { ...o, id: this.#nextParcel++ };
    this.#parcels.set(parcel.id, parcel);
    this.#plan(parcel);
  }

  #plan(parcel: Parcel): void {
    this.#plans.get(parcel.id)?.();
    this.#plans.set(
      parcel.id,
      this.#world.agenda.at(parcel.dueMs, () => this.#send(parcel).finally(() => this.#owner.onSettled())),
    );
  }

  async #send(parcel: Parcel): Promise<void> {
    if (this.#isPaused) return;
    this.#sort(parcel);
    if (parcel.items.length === 0) return this.#finish(parcel);
    parcel.firstMs ||= this.#world.now();
    parcel.attempts += 1;
    this.#owner.onChanged();
    // Without authorisation nothing is sent; the time goes by all the same.
    if (this.#owner.verdictOn(parcel.items[0]!, parcel.kind) === 'wait') return this.#again(parcel);
    const body = this.#owner.collect(parcel.items);
    const timeoutMs = this.#world.switches.deliveryTimeoutMs;
    const contentType = 'application/json; charset=utf-8';
    const answer = await this.#sender.post(parcel.url, { contentType, body: JSON.stringify(body), timeoutMs });
    this.#settle(parcel, body, answer);
  }

  /** Drops what nobody is owed, splits off what has to wait, and mixes the rest if the weather says so. */
  #sort(parcel: Parcel): void {
    const { send = [], wait = [] } = Object.groupBy(parcel.items, (item) => this.#owner.verdictOn(item, parcel.kind));
    if (send.length > 0 && wait.length > 0) this.#newParcel({ ...parcel, items: wait });
    parcel.items = send.length > 0 ? send : wait;
    if (!this.#world.switches.notificationReordering || parcel.kind === 'lifecycle') return;
    for (let last = parcel.items.length - 1; last > 0; last -= 1) {
      const other = Math.floor(this.#random.next() * (last + 1));
      [parcel.items[last], parcel.items[other]] = [parcel.items[other]!, parcel.items[last]!];
    }
  }

  #settle(parcel: Parcel, body: Collection, answer: WebhookAnswer): void {
    // A state put back meanwhile knows nothing of this parcel.
    const isKnown = this.#parcels.get(parcel.id) === parcel;
    const isAccepted = answer.kind === 'answered' && answer.status >= 200 && answer.status < 300;
    const isLast = this.#world.now() >= parcel.firstMs + RETRY_FOR_MS;
    const outcome = isAccepted ? 'accepted' : isLast ? 'lost' : 'retry';
    this.#log.add({ url: parcel.url, kind: parcel.kind, attempt: parcel.attempts, body, answer, outcome });
    if (!isKnown) return;
    // Only an answer, or waiting for one in vain, tells how fast an endpoint is.
    if (answer.kind !== 'unreachable') {
      const durationMs = answer.kind === 'timeout' ? NEVER_MS : answer.durationMs;
      this.#health.record(parcel.url, this.#world.now(), durationMs);
    }
    if (isAccepted) {
      this.#finish(parcel);
      this.#owner.onAccepted(parcel.url);
    } else {
      this.#again(parcel);
    }
  }

  /** Another try after twice the wait, the last one when the time is over. */
  #again(parcel: Parcel): void {
    const lastMs = parcel.firstMs + RETRY_FOR_MS;
    const now = this.#world.now();
    if (now >= lastMs) {
      this.#finish(parcel);
      this.#owner.onLost(parcel.items, parcel.kind, 0);
      return;
    }
    parcel.dueMs = Math.min(lastMs, now + RETRY_BASE_MS * 2 ** (parcel.attempts - 1));
    this.#plan(parcel);
    this.#owner.onChanged();
  }

  #finish(parcel: Parcel): void {
    this.#parcels.delete(parcel.id);
    this.#plans.delete(parcel.id);
    this.#owner.onChanged();
  }

  /** What falls due meanwhile stays; changes go on being collected. */
  pause(): void {
    this.#isPaused = true;
    this.#owner.onChanged();
  }

  resume(): void {
    this.#isPaused = false;
    for (const parcel of this.#parcels.values()) this.#plan(parcel);
    this.#owner.onChanged();
  }

  save(): QueueState {
    return {
      parcels: [...this.#parcels.values()],
      nextParcel: this.#nextParcel,
      isPaused: this.#isPaused,
      health: this.#health.save(),
    };
  }

  restore(state: QueueState | undefined): void {
    for (const cancel of this.#plans.values()) cancel();
    this.#plans.clear();
    this.#parcels = new Map(state?.parcels.map((parcel) => [parcel.id, parcel]));
    this.#nextParcel = state?.nextParcel ?? 1;
    this.#isPaused = state?.isPaused ?? false;
    this.#health.restore(state?.health ?? {});
    for (const parcel of this.#parcels.values()) this.#plan(parcel);
  }
}
