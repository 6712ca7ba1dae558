import { SyncError } from '../core/errors.ts';
import { isStorable, type UserId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { WebhookAddresses } from '../core/webhook-address.ts';
import { PING, type WebhookEvent, writeSecret } from '../core/webhook-event.ts';
import type { AuditAction, AuditRepository } from '../store/audit.repository.ts';
import type { Db, Queryable, Tx } from '../store/db.ts';
import type { StoredWebhook, WebhookRepository } from '../store/webhook.repository.ts';
import type { DeliveryFault, StoredDelivery, WebhookDeliveryRepository } from '../store/webhook-delivery.repository.ts';
import type { Page } from './run.service.ts';

export interface WebhookView {
  readonly id: string;
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  /** `disabled`: nothing is sent until somebody enables it again. */
  readonly status: 'enabled' | 'disabled';
  readonly createdAt: string;
  readonly disabledAt: string | null;
  /** Attempts that have failed in a row. */
  readonly failures: number;
}

export interface DeliveryView {
  readonly id: string;
  readonly type: string;
  readonly status: 'pending' | 'delivered' | 'failed';
  readonly createdAt: string;
  readonly attempts: number;
  readonly nextAttemptAt: string | null;
  readonly deliveredAt: string | null;
  readonly lastStatus: number | null;
  readonly lastError: DeliveryFault | null;
}

/** Who asks, for the audit log. */
export interface WebhookCaller {
  readonly userId: UserId;
  readonly roles: readonly string[];
}

/** Enough for every system of an organization; each costs a request for every change. */
const MAX_WEBHOOKS = 20;
/** As long as the signature's hash; Standard Webhooks ask for 24 to 64. */
const SECRET_BYTES = 32;

/** The application's own webhooks: who wants to be told of what, and what became of it. */
export class WebhookService {
  readonly #db: Db;
  readonly #webhooks: WebhookRepository;
  readonly #deliveries: WebhookDeliveryRepository;
  readonly #audit: AuditRepository;
  readonly #addresses: WebhookAddresses;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onDue: () => void;

  constructor(parts: {
    db: Db;
    webhooks: WebhookRepository;
    deliveries: WebhookDeliveryRepository;
    audit: AuditRepository;
    addresses: WebhookAddresses;
    clock: Clock;
    random: Random;
    /** Told that something is to be sent now. */
    onDue: () => void;
  }) {
    this.#db = parts.db;
    this.#webhooks = parts.webhooks;
    this.#deliveries = parts.deliveries;
    this.#audit = parts.audit;
    this.#addresses = parts.addresses;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#onDue = parts.onDue;
  }

  async list(userId: UserId): Promise<{ items: WebhookView[] }> {
    return { items: (await this.#webhooks.list(this.#db, userId)).map(viewOf) };
  }

  /**
   * The secret is in this answer and in no other. Whether a name leads to a good address is not asked here: that would tell
   * the caller about names inside the network, and may be otherwise tomorrow. Every attempt asks.
   *
   * @throws {SyncError} `impossible-input` for an address that webhooks may not go to; `conflict-state` for one too many
   */
  async create(
    caller: WebhookCaller,
    input: { readonly url: string; readonly events: readonly WebhookEvent[] },
    how: { readonly correlationId?: string } = {},
  ): Promise<WebhookView & { readonly secret: string }> {
    const checked = this.#addresses.check(input.url);
    if (checked.kind === 'refused') {
      throw new SyncError('impossible-input', 'webhooks cannot be sent to this address', {
        problems: [{ path: 'url', message: checked.why }],
      });
    }
    const { userId } = caller;
    const webhook = {
      id: this.#random.id(),
      userId,
      url: checked.url,
      events: [...new Set(input.events)],
      secret: writeSecret(this.#random.bytes(SECRET_BYTES)),
      createdAt: this.#clock.now(),
    };
    await this.#db.transaction(async (tx) => {
      await this.#webhooks.lockList(tx, userId);
      if ((await this.#webhooks.count(tx, userId)) >= MAX_WEBHOOKS) {
        throw new SyncError('conflict-state', `there are ${MAX_WEBHOOKS} webhooks already: delete one first`);
      }
      await this.#webhooks.create(tx, webhook);
      await this.#note(tx, caller, 'webhook.created', webhook.id, how.correlationId);
    });
    return { ...viewOf({ ...webhook, failures: 0 }), secret: webhook.secret };
  }

  /**
   * Changes what is told of, or enables one again that was disabled. What happened meanwhile is not told later.
   *
   * @throws {SyncError} `not-found`
   */
  async update(
    caller: WebhookCaller,
    id: string,
    patch: { readonly events?: readonly WebhookEvent[]; readonly enabled?: boolean },
    how: { readonly correlationId?: string } = {},
  ): Promise<WebhookView> {
    const { userId } = caller;
    return this.#db.transaction(async (tx) => {
      const before = await this.#find(tx, userId, id);
      const { events, enabled } = patch;
      const isSwitched = enabled !== undefined && enabled === (before.disabledAt !== undefined);
      await this.#webhooks.update(tx, userId, id, {
        ...(events ? { events: [...new Set(events)] } : {}),
        ...(isSwitched ? { disabledAt: enabled ? null : this.#clock.now() } : {}),
      });
      if (isSwitched && !enabled) await this.#deliveries.giveUpAll(tx, userId, id);
      await this.#note(tx, caller, 'webhook.changed', id, how.correlationId);
      return viewOf(await this.#find(tx, userId, id));
    });
  }

  /**
   * What was still to be sent to it is not sent.
   *
   * @throws {SyncError} `not-found`
   */
  async delete(caller: WebhookCaller, id: string, how: { readonly correlationId?: string } = {}): Promise<void> {
    const { userId } = caller;
    await this.#db.transaction(async (tx) => {
      await this.#find(tx, userId, id);
      await this.#webhooks.delete(tx, userId, id);
      await this.#deliveries.deleteAll(tx, userId, id);
      await this.#note(tx, caller, 'webhook.deleted', id, how.correlationId);
    });
  }

  /** @throws {SyncError} `not-found` */
  async deliveries(
    userId: UserId,
    id: string,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<Page<DeliveryView>> {
    await this.#find(this.#db, userId, id);
    const { items, total } = await this.#deliveries.list(this.#db, { userId, webhookId: id, ...page });
    return { items: items.map(deliveryView), total, limit: page.limit, offset: page.offset };
  }

  /**
   * Has a `ping` sent, once.
   *
   * @throws {SyncError} `not-found`; `conflict-state` while it is disabled, or another ping is on its way
   */
  async test(userId: UserId, id: string): Promise<DeliveryView> {
    const now = this.#clock.now();
    const delivery = {
      id: `msg_${this.#random.id().replaceAll('-', '')}`,
      userId,
      webhookId: id,
      message: { type: PING, timestamp: now.toISOString(), data: { id } } as const,
      createdAt: now,
    };
    await this.#db.transaction(async (tx) => {
      await this.#webhooks.lockList(tx, userId);
      const webhook = await this.#find(tx, userId, id);
      if (webhook.disabledAt) throw new SyncError('conflict-state', `webhook ${id} is disabled: enable it first`);
      if (await this.#deliveries.isWaiting(tx, userId, id, PING)) {
        throw new SyncError('conflict-state', `a ping to webhook ${id} is on its way already`);
      }
      await this.#deliveries.add(tx, delivery);
    });
    this.#onDue();
    return deliveryView({ ...delivery, nextAttemptAt: now, attempts: 0 });
  }

  async #find(q: Queryable, userId: UserId, id: string): Promise<StoredWebhook> {
    const webhook = isStorable(id) ? await this.#webhooks.find(q, userId, id) : undefined;
    if (!webhook) throw new SyncError('not-found', `there is no webhook ${id}`);
    return webhook;
  }

  #note(
    tx: Tx,
    { userId, roles }: WebhookCaller,
    action: AuditAction,
    target: string,
    correlationId: string | undefined,
  ): Promise<void> {
    const at = this.#clock.now();
    return this.#audit.append(tx, {
      at,
      actor: userId,
      actorRoles: roles,
      action,
      subject: userId,
      target,
      correlationId,
    });
  }
}

function viewOf({
  id,
  url,
  events,
  createdAt,
  disabledAt,
  failures,
}: Omit<StoredWebhook, 'userId' | 'secret'>): WebhookView {
  return {
    id,
    url,
    events,
    status: disabledAt ? 'disabled' : 'enabled',
    createdAt: createdAt.toISOString(),
    disabledAt: disabledAt?.toISOString() ?? null,
    failures,
  };
}

function deliveryView(delivery: StoredDelivery): DeliveryView {
  const { id, message, createdAt, nextAttemptAt, attempts, deliveredAt, lastStatus, lastError } = delivery;
  // New ones are due since ever, so that no clock can hold them back.
  const dueAt = nextAttemptAt && nextAttemptAt < createdAt ? createdAt : nextAttemptAt;
  return {
    id,
    type: message.type,
    status: deliveredAt ? 'delivered' : nextAttemptAt ? 'pending' : 'failed',
    createdAt: createdAt.toISOString(),
    attempts,
    nextAttemptAt: dueAt?.toISOString() ?? null,
    deliveredAt: deliveredAt?.toISOString() ?? null,
    lastStatus: lastStatus ?? null,
    lastError: lastError ?? null,
  };
}
