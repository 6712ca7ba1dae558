import { isSyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import { bodyOf, PING, signatureHeaders } from '../core/webhook-event.ts';
import { MAX_DELIVERY_ATTEMPTS, pauseMs, redeliveryDelayMs } from '../core/webhook-schedule.ts';
import type { AuditRepository } from '../store/audit.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import { inScopeOf, withoutScope } from '../store/row-scope.ts';
import type { StoredWebhook, WebhookRepository } from '../store/webhook.repository.ts';
import type { StoredDelivery, WebhookDeliveryRepository } from '../store/webhook-delivery.repository.ts';
import type { SendOutcome, WebhookClient } from './webhook.client.ts';

const MINUTE_MS = 60_000;
const POLL_MS = 1_000;
/** Until somebody has put the key ring right. */
const UNREADABLE_PAUSE_MS = 60 * MINUTE_MS;
/** The database may be away for a while. */
const ERROR_PAUSE_MS = 10_000;
/** Endpoints served at a time, each with one request under way; slow ones of one user leave room for the others. */
const LANES = 16;
const LANES_PER_USER = 4;
/** Deliveries of one endpoint that are taken together, and sent one after the other. */
const PER_LANE = 5;
/** Longer than a whole lane of timeouts: what is not settled by then was taken by a process that died. */
const CLAIM_MS = 2 * MINUTE_MS;

/** Answers that ask for less, and those of a proxy whose receiver is down: it is left alone as a whole. */
const PAUSING = new Set([429, 502, 503, 504]);
/** The receiver does not want to hear from us any more. */
const GONE = 410;

/**
 * Sends what is in the outbox. Several processes may each have one.
 *
 * An endpoint's deliveries go out one after the other, oldest first; that is an effort, not a promise, because a failed one
 * waits and does not hold up the rest. Each is sent at least once, under the same id every time.
 */
export class WebhookWorker {
  readonly #db: Db;
  readonly #webhooks: WebhookRepository;
  readonly #deliveries: WebhookDeliveryRepository;
  readonly #audit: AuditRepository;
  readonly #client: WebhookClient;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  readonly #lanes = new Map<string, { readonly userId: UserId; readonly done: Promise<void> }>();
  #nap = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(parts: {
    db: Db;
    webhooks: WebhookRepository;
    deliveries: WebhookDeliveryRepository;
    audit: AuditRepository;
    client: WebhookClient;
    clock: Clock;
    random: Random;
    logger: Logger;
  }) {
    this.#db = parts.db;
    this.#webhooks = parts.webhooks;
    this.#deliveries = parts.deliveries;
    this.#audit = parts.audit;
    this.#client = parts.client;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
  }

  start(): void {
    this.#loop ??= withoutScope(() => this.#run());
  }

  /** Takes nothing new, waits for the attempts under way, and gives back what was not tried. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.nudge();
    await this.#loop;
    await Promise.all([...this.#lanes.values()].map(({ done }) => done));
  }

  /** There is something to be sent: looks at once. */
  nudge(): void {
    this.#nap.abort();
  }

  /** Sends what is due now. @returns how many deliveries were taken */
  async tick(): Promise<number> {
    const { taken, lanes } = await withoutScope(() => this.#fill());
    await Promise.all(lanes);
    return taken;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      this.#nap = new AbortController();
      let napMs = POLL_MS;
      try {
        await this.#fill();
      } catch (error) {
        this.#logger.error({ err: error }, 'webhook deliveries could not be looked for');
        napMs = ERROR_PAUSE_MS;
      }
      const isStopped = this.#stopped.signal.aborted;
      if (!isStopped) await this.#clock.sleep(napMs, this.#nap.signal).catch(() => {});
    }
  }

  async #fill(): Promise<{ taken: number; lanes: readonly Promise<void>[] }> {
    const free = LANES - this.#lanes.size;
    if (free <= 0) return { taken: 0, lanes: [] };
    const now = this.#clock.now();
    const users = [...this.#lanes.values()].map(({ userId }) => userId);
    const claimed = await this.#db.transaction((tx) =>
      this.#deliveries.claim(tx, {
        now,
        until: new Date(now.getTime() + CLAIM_MS),
        lanes: free,
        lanesPerUser: LANES_PER_USER,
        perLane: PER_LANE,
        busy: {
          webhooks: [...this.#lanes.keys()],
          users: users.filter((user) => users.filter((other) => other === user).length >= LANES_PER_USER),
        },
      }),
    );
    const lanes = claimed.map((deliveries) => this.#open(deliveries));
    return { taken: claimed.flat().length, lanes };
  }

  #open(deliveries: readonly StoredDelivery[]): Promise<void> {
    const { webhookId, userId } = deliveries[0] as StoredDelivery;
    const done = inScopeOf(userId, () => this.#serve(userId, webhookId, deliveries))
      .catch((err) => {
        // What was taken is due again when its time is over.
        this.#logger.error({ err, webhookId, userId }, 'webhook deliveries could not be carried out');
      })
      .finally(() => {
        this.#lanes.delete(webhookId);
        this.nudge();
      });
    this.#lanes.set(webhookId, { userId, done });
    return done;
  }

  async #serve(userId: UserId, webhookId: string, deliveries: readonly StoredDelivery[]): Promise<void> {
    const webhook = await this.#readable(userId, webhookId, deliveries);
    if (!webhook) return;
    for (const [index, delivery] of deliveries.entries()) {
      const rest = deliveries.slice(index + 1);
      if (this.#stopped.signal.aborted) {
        return this.#db.transaction((tx) => this.#deliveries.putBack(tx, [delivery, ...rest], this.#clock.now()));
      }
      const outcome = await this.#send(webhook, delivery);
      const until = await this.#db.transaction((tx) => this.#settle(tx, webhook, delivery, outcome));
      if (!until) continue;
      return this.#db.transaction((tx) => this.#deliveries.putBack(tx, rest, until));
    }
  }

  /**
   * An endpoint that is gone or switched off gets nothing, now or later. One that this process cannot read may be readable to
   * another, or after the key ring is put right: what is due for it waits.
   */
  async #readable(
    userId: UserId,
    webhookId: string,
    deliveries: readonly StoredDelivery[],
  ): Promise<StoredWebhook | undefined> {
    let webhook: StoredWebhook | undefined;
    try {
      webhook = await this.#webhooks.find(this.#db, userId, webhookId);
    } catch (error) {
      if (!isSyncError(error, 'decryption-failed')) throw error;
      this.#logger.error(
        { err: error, webhookId, userId },
        'the address of a webhook cannot be read; it waits an hour',
      );
      const later = new Date(this.#clock.now().getTime() + UNREADABLE_PAUSE_MS);
      await this.#db.transaction((tx) => this.#deliveries.putBack(tx, deliveries, later));
      return undefined;
    }
    if (webhook && !webhook.disabledAt) return webhook;
    await this.#db.transaction(async (tx) => {
      if (webhook) await this.#deliveries.giveUpAll(tx, userId, webhookId);
      else await this.#deliveries.deleteAll(tx, userId, webhookId);
    });
    return undefined;
  }

  #send({ url, secret }: StoredWebhook, { id, message }: StoredDelivery): Promise<SendOutcome> {
    const body = bodyOf(message);
    return this.#client.send({ url, body, headers: signatureHeaders(secret, { id, at: this.#clock.now(), body }) });
  }

  /** @returns until when the endpoint is to be left alone, if it is */
  async #settle(
    tx: Tx,
    { id: webhookId, userId }: StoredWebhook,
    delivery: StoredDelivery,
    outcome: SendOutcome,
  ): Promise<Date | undefined> {
    const now = this.#clock.now();
    const status = outcome.kind === 'answered' ? outcome.status : undefined;
    if (status !== undefined && status >= 200 && status < 300) {
      await this.#deliveries.settle(tx, delivery, { deliveredAt: now, status });
      await this.#webhooks.forgetFailures(tx, userId, webhookId);
      return undefined;
    }
    const fault = outcome.kind === 'failed' ? outcome.fault : 'status';
    const retryAfterMs = outcome.kind === 'answered' ? outcome.retryAfterMs : undefined;
    const isPing = delivery.message.type === PING;
    const isLast = isPing || status === GONE;
    const jitter = this.#random.next();
    const delayMs = isLast ? undefined : redeliveryDelayMs({ attempts: delivery.attempts, retryAfterMs, jitter });
    const nextAttemptAt = delayMs === undefined ? undefined : new Date(now.getTime() + delayMs);
    await this.#deliveries.settle(tx, delivery, { nextAttemptAt, status, fault });
    const { attempts } = delivery;
    this.#logger.info({ userId, webhookId, deliveryId: delivery.id, status, fault, attempts }, 'a webhook failed');
    const failures = isPing ? 1 : await this.#webhooks.countFailure(tx, userId, webhookId);
    // Three days for this one, and nothing else has got through lately: nobody is there.
    const isDead = !isLast && nextAttemptAt === undefined && failures >= MAX_DELIVERY_ATTEMPTS;
    if (status === GONE || isDead) {
      await this.#disable(tx, userId, webhookId);
      return now;
    }
    if (status !== undefined && !PAUSING.has(status)) return undefined;
    const until = new Date(now.getTime() + pauseMs({ failures, retryAfterMs, jitter }));
    await this.#deliveries.pause(tx, userId, webhookId, { now, until });
    return until;
  }

  async #disable(tx: Tx, userId: UserId, webhookId: string): Promise<void> {
    const at = this.#clock.now();
    await this.#webhooks.update(tx, userId, webhookId, { disabledAt: at });
    await this.#deliveries.giveUpAll(tx, userId, webhookId);
    await this.#audit.append(tx, { at, actor: null, action: 'webhook.disabled', subject: userId, target: webhookId });
    this.#logger.warn({ userId, webhookId }, 'a webhook is disabled: its receiver is gone');
  }
}
