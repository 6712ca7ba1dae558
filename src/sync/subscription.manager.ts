import { createHash, timingSafeEqual } from 'node:crypto';
import { isSyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { GraphSession } from '../graph/calendar-graph.ts';
import { newGraphStats } from '../graph/graph-stats.ts';
import type { SubscriptionClient } from '../graph/subscription.client.ts';
import { type ConnectionRepository, type StoredConnection, signInOf } from '../store/connection.repository.ts';
import type { Db } from '../store/db.ts';
import { inScopeOf, withoutScope } from '../store/row-scope.ts';
import type { StoredSubscription, SubscriptionRepository } from '../store/subscription.repository.ts';
import type { RunQueue } from './run-queue.ts';

/** Graph's present limit is just under seven days; pages until 2024 said this much, and some mailboxes still hold to it. */
const LIFETIME_MS = 4_200 * 60_000;
/** Renewing tells as well whether it is still there: subscriptions vanish without a word (graph contract 10.4). */
const RENEW_EVERY_MS = 6 * 60 * 60_000;
/** A mailbox that was just connected is being read for the first time, and needs nobody to tell of changes in it. */
const FIRST_LOOK_MS = 30_000;
/** Whoever has claimed one and dies leaves it to the next after this. */
const CLAIM_MS = 5 * 60_000;
const AT_A_TIME = 20;
const RETRY_BASE_MS = 60_000;
const RETRY_CEILING_MS = 6 * 60 * 60_000;
/** One edit yields several notifications; they are waited for, and answered with one run. */
const DEBOUNCE_MS = 3_000;
const CLIENT_STATE_BYTES = 32;
/** Somebody waits for the mailbox to be let go; a subscription that outlives it ends by itself within days. */
const DELETE_PATIENCE_MS = 10_000;

/** One notification as Graph sends it, change or lifecycle; nothing in it is believed but that something happened. */
export interface GraphNotification {
  readonly subscriptionId?: unknown;
  readonly clientState?: unknown;
  readonly lifecycleEvent?: unknown;
}

/**
 * Being told of changes in Outlook at once (Microsoft Graph change notifications).
 *
 * A notification means "look at this mailbox soon" and nothing more: the delta query tells what happened. The interval's runs
 * go on beside it, because notifications are late, lost and stop without a word.
 */
export class SubscriptionManager {
  readonly #db: Db;
  readonly #remote: SubscriptionClient;
  readonly #subscriptions: SubscriptionRepository;
  readonly #connections: ConnectionRepository;
  readonly #queue: RunQueue;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #notificationUrl: string | undefined;

  constructor(parts: {
    db: Db;
    remote: SubscriptionClient;
    subscriptions: SubscriptionRepository;
    connections: ConnectionRepository;
    queue: RunQueue;
    clock: Clock;
    random: Random;
    logger: Logger;
    /** Where Microsoft reaches this service; without one nothing is subscribed to. */
    notificationUrl: string | undefined;
  }) {
    this.#db = parts.db;
    this.#remote = parts.remote;
    this.#subscriptions = parts.subscriptions;
    this.#connections = parts.connections;
    this.#queue = parts.queue;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
    this.#notificationUrl = parts.notificationUrl;
  }

  /** Makes what is missing and renews what is due, for everybody; several processes may do this at once. @returns how many */
  async tick(): Promise<number> {
    const notificationUrl = this.#notificationUrl;
    if (notificationUrl === undefined) return 0;
    const now = this.#clock.now();
    const due = await this.#db.transaction(async (tx) => {
      await this.#subscriptions.wishForMissing(tx, { now, dueAt: new Date(now.getTime() + FIRST_LOOK_MS) });
      const until = new Date(now.getTime() + CLAIM_MS);
      return this.#subscriptions.claimDue(tx, { now, until, limit: AT_A_TIME });
    });
    for (const subscription of due) {
      await inScopeOf(subscription.userId, () => this.#tend(subscription, notificationUrl));
    }
    return due.length;
  }

  /**
   * Takes notifications in: each is checked against the secret of its subscription, and every user concerned gets a run.
   * Unknown subscriptions are ignored: Microsoft would send them again for hours otherwise.
   *
   * @returns how many were believed
   */
  async receive(notifications: readonly GraphNotification[]): Promise<number> {
    const ids = notifications.map(({ subscriptionId }) => subscriptionId).filter((id) => typeof id === 'string');
    const known = await withoutScope(() => this.#subscriptions.findMany(this.#db, [...new Set(ids)]));
    const byId = new Map(known.map((subscription) => [subscription.subscriptionId, subscription]));
    const kinds = new Map<string, Set<string>>();
    let believed = 0;
    for (const { subscriptionId, clientState, lifecycleEvent } of notifications) {
      const subscription = byId.get(String(subscriptionId));
      if (!subscription || !isSecretOf(subscription, clientState)) continue;
      believed += 1;
      const seen = kinds.get(subscription.mailboxId) ?? new Set();
      kinds.set(subscription.mailboxId, seen.add(typeof lifecycleEvent === 'string' ? lifecycleEvent : 'change'));
    }
    if (believed === 0) return 0;
    const users = await withoutScope(() => this.#subscriptions.listUsers(this.#db, [...kinds.keys()]));
    for (const { userId, mailboxId } of users) {
      await inScopeOf(userId, () => this.#react(userId, kinds.get(mailboxId) ?? new Set()));
    }
    return believed;
  }

  /** Ends it at Microsoft, as far as that can be done just now. To be called before the sign-in is forgotten. */
  async unsubscribe(userId: UserId): Promise<void> {
    const subscription = await this.#subscriptions.find(this.#db, userId);
    if (!subscription?.subscriptionId) return;
    const patience = new AbortController();
    const answered = new AbortController();
    this.#clock.sleep(DELETE_PATIENCE_MS, answered.signal).then(
      () => patience.abort(new Error('no answer in time')),
      () => {},
    );
    try {
      // It may not be readable any more, which must keep nobody from being erased.
      const connection = await this.#connections.find(this.#db, userId);
      if (connection)
        await this.#remote.delete(this.#session(connection, patience.signal), subscription.subscriptionId);
    } catch (err) {
      this.#logger.warn({ userId, err }, 'a subscription could not be ended at Microsoft; it expires by itself');
    } finally {
      answered.abort();
    }
    const now = this.#clock.now();
    await withoutScope(() =>
      this.#db.transaction(async (tx) => {
        await this.#subscriptions.delete(tx, userId);
        await this.#subscriptions.markMailboxDue(tx, subscription.mailboxId, now);
      }),
    );
  }

  async #tend(subscription: StoredSubscription, notificationUrl: string): Promise<void> {
    const { userId } = subscription;
    try {
      const connection = await this.#connections.find(this.#db, userId);
      if (!connection) return await this.#db.transaction((tx) => this.#subscriptions.delete(tx, userId));
      await this.#makeOrRenew(subscription, connection, notificationUrl);
    } catch (error) {
      const code = isSyncError(error) ? (error.graphCode ?? error.code) : 'unknown';
      this.#logger.warn({ userId, err: error }, 'a subscription could not be kept; the interval goes on');
      const waitMs = Math.min(RETRY_BASE_MS * 2 ** Math.min(subscription.failures, 10), RETRY_CEILING_MS);
      const dueAt = new Date(this.#clock.now().getTime() + waitMs);
      await this.#db.transaction((tx) => this.#subscriptions.saveFailure(tx, userId, { code, dueAt }));
    }
  }

  async #makeOrRenew(
    subscription: StoredSubscription,
    connection: StoredConnection,
    notificationUrl: string,
  ): Promise<void> {
    const { userId, subscriptionId, clientStateHash, mailboxId } = subscription;
    const session = this.#session(connection);
    const now = this.#clock.now();
    const wanted = new Date(now.getTime() + LIFETIME_MS);
    const active = await withoutScope(() => this.#subscriptions.findActive(this.#db, connection.mailboxId, now));
    if (active && active.userId !== userId) {
      const dueAt = new Date(now.getTime() + RENEW_EVERY_MS);
      return this.#db.transaction((tx) =>
        this.#subscriptions.saveShared(tx, userId, { mailboxId: connection.mailboxId, dueAt }),
      );
    }
    if (subscriptionId !== undefined && clientStateHash !== undefined && mailboxId === connection.mailboxId) {
      try {
        const { expiresAt } = await this.#remote.renew(session, subscriptionId, wanted);
        await this.#keep(userId, { subscriptionId, clientStateHash, mailboxId, expiresAt });
        return;
      } catch (error) {
        if (!isSyncError(error, 'not-found')) throw error;
      }
    }
    const clientState = Buffer.from(this.#random.bytes(CLIENT_STATE_BYTES)).toString('base64url');
    const made = await this.#remote.create(session, { notificationUrl, clientState, expiresAt: wanted });
    const isWanted = await this.#keep(userId, {
      subscriptionId: made.id,
      clientStateHash: hashOf(clientState),
      mailboxId: connection.mailboxId,
      expiresAt: made.expiresAt,
    });
    // Disconnected or erased while Microsoft was asked.
    if (!isWanted) return this.#remote.delete(session, made.id);
    // What happened before it was there, nobody told.
    await this.#react(userId, new Set(['missed']));
  }

  async #keep(
    userId: UserId,
    active: { subscriptionId: string; clientStateHash: string; mailboxId: string; expiresAt: Date },
  ): Promise<boolean> {
    const nowMs = this.#clock.now().getTime();
    // A short-lived one is renewed at half its life.
    const waitMs = Math.min(RENEW_EVERY_MS, Math.max(0, (active.expiresAt.getTime() - nowMs) / 2));
    const dueAt = new Date(nowMs + waitMs);
    return this.#db.transaction((tx) => this.#subscriptions.saveActive(tx, userId, { ...active, dueAt }));
  }

  async #react(userId: UserId, kinds: ReadonlySet<string>): Promise<void> {
    const now = this.#clock.now();
    await this.#db.transaction(async (tx) => {
      // Gone since it was looked for: then nothing is to be left of it.
      if (!(await this.#connections.hold(tx, userId))) return;
      if (kinds.has('subscriptionRemoved')) await this.#subscriptions.saveLost(tx, userId, now);
      if (kinds.has('reauthorizationRequired')) await this.#subscriptions.markDue(tx, userId, now);
      // Renewing is all that is asked for there; everything else means that something may have changed.
      if ([...kinds].every((kind) => kind === 'reauthorizationRequired')) return;
      await this.#subscriptions.markNotified(tx, userId, now);
      await this.#queue.enqueue(tx, { userId, calendarId: 'all', trigger: 'notification', delayMs: DEBOUNCE_MS });
    });
  }

  #session(connection: StoredConnection, signal?: AbortSignal): GraphSession {
    return {
      mailbox: connection.mailboxId,
      signIn: signInOf(connection),
      correlationId: this.#random.id(),
      signal,
      stats: newGraphStats(),
    };
  }
}

function isSecretOf({ clientStateHash }: StoredSubscription, clientState: unknown): boolean {
  if (clientStateHash === undefined || typeof clientState !== 'string') return false;
  return timingSafeEqual(Buffer.from(hashOf(clientState)), Buffer.from(clientStateHash));
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
