import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import type { WebhookMessage } from '../core/webhook-event.ts';
import { json, optional, textList, toBigInt, toDate, toOptionalDate } from './columns.ts';
import type { Queryable, Tx } from './db.ts';

/**
 * Why an attempt failed, in words of a closed list: what a receiver or a resolver says itself is never kept. `address`: the
 * name leads nowhere, or to where webhooks may not go; which of the two would tell about names inside the network.
 */
export const DELIVERY_FAULTS = [
  ...(['status', 'timeout', 'unreachable', 'certificate', 'address'] as const),
  // Not tried any more: the endpoint is switched off, or its secret went with its user's key.
  ...(['disabled', 'unreadable'] as const),
] as const;
export type DeliveryFault = (typeof DELIVERY_FAULTS)[number];

export interface StoredDelivery {
  /** The `webhook-id` of all its attempts. */
  readonly id: string;
  readonly userId: UserId;
  readonly webhookId: string;
  readonly message: WebhookMessage;
  readonly createdAt: Date;
  /** `undefined` once it is delivered or given up. */
  readonly nextAttemptAt?: Date | undefined;
  /** Attempts begun. */
  readonly attempts: number;
  readonly deliveredAt?: Date | undefined;
  readonly lastStatus?: number | undefined;
  readonly lastError?: DeliveryFault | undefined;
}

/** How an attempt ended. */
export interface AttemptOutcome {
  /** `undefined`: there will be no other. */
  readonly nextAttemptAt?: Date | undefined;
  readonly deliveredAt?: Date | undefined;
  readonly status?: number | undefined;
  readonly fault?: DeliveryFault | undefined;
}

interface DeliveryRow {
  readonly id: string;
  readonly userId: string;
  readonly webhookId: string;
  readonly payload: WebhookMessage;
  readonly createdAt: unknown;
  readonly nextAttemptAt: unknown;
  readonly attempts: number;
  readonly deliveredAt: unknown;
  readonly lastStatus: number | null;
  readonly lastError: DeliveryFault | null;
}

/**
 * The outbox. The database puts deliveries into it by itself (see the migration `webhook_outbox`); here they are taken out.
 *
 * Taking one is a promise for a while: its next attempt is put off, and the attempt counted, before anything is sent. Who
 * dies in between has made an attempt, and the delivery is taken again when the while is over.
 */
export class WebhookDeliveryRepository {
  async add(
    tx: Tx,
    delivery: Pick<StoredDelivery, 'id' | 'userId' | 'webhookId' | 'message' | 'createdAt'>,
  ): Promise<void> {
    const at = delivery.createdAt.toISOString();
    await sql`
      insert into "WebhookDelivery" (id, "userId", "webhookId", "eventType", payload, "createdAt", "nextAttemptAt")
      values (${delivery.id}, ${delivery.userId}, ${delivery.webhookId}, ${delivery.message.type},
        ${json(delivery.message)}, ${at}::timestamptz, ${at}::timestamptz)
    `.execute(tx.kysely);
  }

  /**
   * Takes what is due, oldest endpoints first, for as many endpoints as are wanted. No endpoint's backlog, and no user's,
   * keeps the others waiting.
   *
   * @param want.busy  endpoints and users that are not to be served now
   * @param want.until  when what is taken and not settled is due again
   * @returns by endpoint, each one's oldest first
   */
  async claim(
    tx: Tx,
    want: {
      readonly now: Date;
      readonly until: Date;
      readonly lanes: number;
      readonly lanesPerUser: number;
      readonly perLane: number;
      readonly busy: { readonly webhooks: readonly string[]; readonly users: readonly UserId[] };
    },
  ): Promise<StoredDelivery[][]> {
    const now = sql`${want.now.toISOString()}::timestamptz`;
    const found = await sql<DeliveryRow>`
      with due as (
        select "webhookId", "userId", min("createdAt") as oldest from "WebhookDelivery"
        where "nextAttemptAt" <= ${now} and "webhookId" not in ${textList(want.busy.webhooks)}
          and "userId" not in ${textList(want.busy.users)}
        group by 1, 2
      ), ranked as (
        select *, row_number() over (partition by "userId" order by oldest) as lane from due
      ), lanes as (
        select * from ranked where lane <= ${want.lanesPerUser} order by oldest limit ${want.lanes}
      ), chosen as (
        select d.id from lanes l cross join lateral (
          select id from "WebhookDelivery" d
          where d."webhookId" = l."webhookId" and d."userId" = l."userId" and d."nextAttemptAt" <= ${now}
          order by d."createdAt", d.id limit ${want.perLane}
          for update skip locked
        ) d
      )
      update "WebhookDelivery" d set "nextAttemptAt" = ${want.until.toISOString()}::timestamptz, attempts = attempts + 1
      from chosen where d.id = chosen.id
      returning d.*
    `.execute(tx.kysely);
    const taken = found.rows.map(fromRow).sort(byAge);
    return [...Map.groupBy(taken, ({ webhookId }) => webhookId).values()];
  }

  /** Writes down how an attempt ended, unless somebody else has made a later one. */
  async settle(
    tx: Tx,
    { id, userId, attempts }: Pick<StoredDelivery, 'id' | 'userId' | 'attempts'>,
    outcome: AttemptOutcome,
  ): Promise<boolean> {
    const settled = await sql`
      update "WebhookDelivery" set "nextAttemptAt" = ${outcome.nextAttemptAt?.toISOString() ?? null}::timestamptz,
        "deliveredAt" = ${outcome.deliveredAt?.toISOString() ?? null}::timestamptz,
        "lastStatus" = ${outcome.status ?? null}, "lastError" = ${outcome.fault ?? null}
      where id = ${id} and "userId" = ${userId} and attempts = ${attempts} and "nextAttemptAt" is not null
    `.execute(tx.kysely);
    return (settled.numAffectedRows ?? 0n) > 0n;
  }

  /** Gives back what was taken and not tried: no attempt was made. */
  async putBack(tx: Tx, taken: readonly StoredDelivery[], at: Date): Promise<void> {
    if (taken.length === 0) return;
    await sql`
      update "WebhookDelivery" d set "nextAttemptAt" = ${at.toISOString()}::timestamptz, attempts = d.attempts - 1
      from jsonb_to_recordset(${json(taken.map(({ id, attempts }) => ({ id, attempts })))}) as r(id text, attempts integer)
      where d.id = r.id and d.attempts = r.attempts and d."nextAttemptAt" is not null
    `.execute(tx.kysely);
  }

  /** Whatever is due for an endpoint waits until then. */
  async pause(
    tx: Tx,
    userId: UserId,
    webhookId: string,
    span: { readonly now: Date; readonly until: Date },
  ): Promise<void> {
    await sql`
      update "WebhookDelivery" set "nextAttemptAt" = ${span.until.toISOString()}::timestamptz
      where "webhookId" = ${webhookId} and "userId" = ${userId} and "nextAttemptAt" <= ${span.now.toISOString()}::timestamptz
    `.execute(tx.kysely);
  }

  /** Gives up whatever waits for an endpoint. */
  async giveUpAll(tx: Tx, userId: UserId, webhookId: string): Promise<void> {
    await sql`
      update "WebhookDelivery" set "nextAttemptAt" = null, "lastError" = ${'disabled' satisfies DeliveryFault}
      where "webhookId" = ${webhookId} and "userId" = ${userId} and "nextAttemptAt" is not null
    `.execute(tx.kysely);
  }

  /** Whether a delivery of this kind waits for the endpoint. */
  async isWaiting(q: Queryable, userId: UserId, webhookId: string, type: WebhookMessage['type']): Promise<boolean> {
    const found = await sql`
      select from "WebhookDelivery" where "webhookId" = ${webhookId} and "userId" = ${userId}
        and "nextAttemptAt" is not null and "eventType" = ${type} limit 1
    `.execute(q.kysely);
    return found.rows.length > 0;
  }

  /** Newest first. */
  async list(
    q: Queryable,
    query: { readonly userId: UserId; readonly webhookId: string; readonly limit: number; readonly offset: number },
  ): Promise<{ items: StoredDelivery[]; total: number }> {
    const { userId, webhookId, limit, offset } = query;
    const found = await sql<DeliveryRow>`
      select * from "WebhookDelivery" where "userId" = ${userId} and "webhookId" = ${webhookId}
      order by "createdAt" desc, id desc limit ${limit} offset ${offset}
    `.execute(q.kysely);
    const counted = await sql<{ count: unknown }>`
      select count(*) as count from "WebhookDelivery" where "userId" = ${userId} and "webhookId" = ${webhookId}
    `.execute(q.kysely);
    return { items: found.rows.map(fromRow), total: Number(toBigInt(counted.rows[0]?.count)) };
  }

  async deleteAll(tx: Tx, userId: UserId, webhookId: string): Promise<void> {
    await sql`
      delete from "WebhookDelivery" where "webhookId" = ${webhookId} and "userId" = ${userId}
    `.execute(tx.kysely);
  }
}

function byAge(a: StoredDelivery, b: StoredDelivery): number {
  return a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
}

function fromRow(row: DeliveryRow): StoredDelivery {
  return {
    id: row.id,
    userId: row.userId as UserId,
    webhookId: row.webhookId,
    message: row.payload,
    createdAt: toDate(row.createdAt),
    nextAttemptAt: toOptionalDate(row.nextAttemptAt),
    attempts: row.attempts,
    deliveredAt: toOptionalDate(row.deliveredAt),
    lastStatus: optional(row.lastStatus),
    lastError: optional(row.lastError),
  };
}
