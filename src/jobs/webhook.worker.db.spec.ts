import { createHmac } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { HookReceiver } from '../../test/support/hook-receiver.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, onPostgres, type StoreWorld } from '../../test/support/store-world.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type UserId } from '../core/ids.ts';
import { type Logger, silentLogger } from '../core/runtime.ts';
import { WebhookAddresses } from '../core/webhook-address.ts';
import { WEBHOOK_EVENTS } from '../core/webhook-event.ts';
import { MAX_DELIVERY_ATTEMPTS } from '../core/webhook-schedule.ts';
import { AuditRepository } from '../store/audit.repository.ts';
import { WebhookRepository } from '../store/webhook.repository.ts';
import { type StoredDelivery, WebhookDeliveryRepository } from '../store/webhook-delivery.repository.ts';
import { WebhookClient } from './webhook.client.ts';
import { WebhookWorker } from './webhook.worker.ts';

const KEY = Buffer.alloc(32, 9);
const SECRET = `whsec_${KEY.toString('base64')}`;
const DAY_MS = 24 * 3_600_000;
const deliveries = new WebhookDeliveryRepository();
const workers: WebhookWorker[] = [];

let receiver: HookReceiver;

beforeEach(async () => {
  receiver = await HookReceiver.listen();
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  await receiver.close();
});

function workerOf(
  world: StoreWorld,
  more: { client?: Pick<WebhookClient, 'send'>; logger?: Logger } = {},
): WebhookWorker {
  const { db, clock } = world;
  const addresses = new WebhookAddresses({ allowsLoopback: true, allowed: [] });
  const worker = new WebhookWorker({
    ...{ db, clock, random: { ...world.random, next: () => 0 }, logger: more.logger ?? silentLogger },
    ...{ webhooks: new WebhookRepository(world.cipher), deliveries, audit: new AuditRepository() },
    client: (more.client ?? new WebhookClient({ addresses, clock })) as WebhookClient,
  });
  workers.push(worker);
  return worker;
}

async function addWebhook(world: StoreWorld, o: { id?: string; userId?: UserId; url?: string } = {}): Promise<void> {
  const { id = 'hook', userId = ALICE, url = `${receiver.url}/${id}?key=of-the-user` } = o;
  const webhook = { id, userId, url, events: WEBHOOK_EVENTS, secret: SECRET, createdAt: world.clock.now() };
  await world.db.transaction((tx) => new WebhookRepository(world.cipher).create(tx, webhook));
}

/** Something happens: an event is made, each in a transaction of its own. */
async function happen(world: StoreWorld, ids: readonly string[], userId: UserId = ALICE): Promise<void> {
  const at = world.clock.now();
  for (const id of ids) {
    const event = { id: id as EventId, calendarId: DEFAULT_CALENDAR_ID, content: anEvent(), lastModifiedAt: at };
    await world.db.transaction((tx) => world.events.saveMany(tx, userId, [{ ...event, createdAt: at }]));
  }
}

async function outbox(world: StoreWorld, webhookId = 'hook', userId: UserId = ALICE): Promise<StoredDelivery[]> {
  const { items } = await deliveries.list(world.db, { userId, webhookId, limit: 100, offset: 0 });
  return items.toReversed();
}

const webhookOf = (world: StoreWorld, id = 'hook', userId: UserId = ALICE) =>
  new WebhookRepository(world.cipher).find(world.db, userId, id);

/** Where somebody listened, and nobody does any more. */
async function aDeadAddress(): Promise<string> {
  const gone = await HookReceiver.listen();
  const { url } = gone;
  await gone.close();
  return url;
}

const idsOf = (hooks: HookReceiver['hooks']) => hooks.map(({ message }) => message.data['id']);

onEachDatabase((world) => {
  describe('what happened', () => {
    it('is told once, signed, oldest first, and then never again', async () => {
      await addWebhook(world);
      await happen(world, ['e1', 'e2', 'e3']);
      const worker = workerOf(world);
      expect(await worker.tick()).toBe(3);
      expect(idsOf(receiver.hooks)).toEqual(['e1', 'e2', 'e3']);
      const stored = await outbox(world);
      for (const [index, { headers, body, path }] of receiver.hooks.entries()) {
        expect(path).toBe('/hooks/hook?key=of-the-user');
        expect(headers['webhook-id']).toBe(stored[index]?.id);
        expect(headers['webhook-timestamp']).toBe(String(world.clock.now().getTime() / 1000));
        const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
        expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`);
      }
      expect(stored.map(({ attempts, lastStatus, nextAttemptAt }) => [attempts, lastStatus, nextAttemptAt])).toEqual(
        stored.map(() => [1, 204, undefined]),
      );
      world.clock.advance(30 * DAY_MS);
      expect(await worker.tick()).toBe(0);
    });

    it('is told again under the same id until the receiver has taken it', async () => {
      await addWebhook(world);
      await happen(world, ['e1']);
      const worker = workerOf(world);
      for (const status of [500, 404, 302]) receiver.answerNext(status);
      await worker.tick();
      world.clock.advance(4_999);
      expect(await worker.tick()).toBe(0);
      world.clock.advance(1);
      expect(await worker.tick()).toBe(1);
      world.clock.advance(5 * 60_000);
      await worker.tick();
      world.clock.advance(30 * 60_000);
      await worker.tick();
      expect(receiver.hooks).toHaveLength(4);
      const ids = receiver.hooks.map(({ headers, body }) => `${headers['webhook-id']} ${body}`);
      expect(new Set(ids).size).toBe(1);
      expect(new Set(receiver.hooks.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(4);
      expect(await outbox(world)).toMatchObject([{ attempts: 4, lastStatus: 204, deliveredAt: world.clock.now() }]);
      expect(await webhookOf(world)).toMatchObject({ failures: 0 });
    });

    it('is given up after three days, and an endpoint that took nothing else meanwhile is disabled', async () => {
      await addWebhook(world);
      await happen(world, ['e1']);
      receiver.answerAlways(500);
      const worker = workerOf(world);
      const began = world.clock.now().getTime();
      let lastAt = began;
      for (let hour = 0; hour <= 24 * 5; hour++) {
        while ((await worker.tick()) > 0) lastAt = world.clock.now().getTime();
        if (hour === 0) {
          world.clock.advance(6_000);
          await worker.tick();
        }
        world.clock.advance(3_600_000);
      }
      expect(receiver.hooks).toHaveLength(MAX_DELIVERY_ATTEMPTS);
      expect((lastAt - began) / DAY_MS).toBeGreaterThan(3);
      expect(await outbox(world)).toMatchObject([{ attempts: MAX_DELIVERY_ATTEMPTS, lastStatus: 500 }]);
      const webhook = await webhookOf(world);
      expect(webhook?.disabledAt).toBeInstanceOf(Date);
      expect(webhook?.failures).toBe(MAX_DELIVERY_ATTEMPTS);
      const noted = await new AuditRepository().list(world.db, { limit: 10 });
      expect(noted).toMatchObject([{ action: 'webhook.disabled', actor: null, subject: ALICE, target: 'hook' }]);
      // Nothing more is written for it.
      await happen(world, ['e2']);
      expect(await outbox(world)).toHaveLength(1);
    });

    it('is given up, and the endpoint kept, when others got through', async () => {
      await addWebhook(world);
      await happen(world, ['e1']);
      await sql`update "WebhookDelivery" set attempts = ${MAX_DELIVERY_ATTEMPTS - 1}`.execute(world.db.kysely);
      receiver.answerNext(500);
      await workerOf(world).tick();
      expect((await outbox(world))[0]?.nextAttemptAt).toBeUndefined();
      expect((await webhookOf(world))?.disabledAt).toBeUndefined();
    });

    it('is told no more to a receiver that is gone', async () => {
      await addWebhook(world);
      await happen(world, ['e1', 'e2', 'e3']);
      receiver.answerNext(204);
      receiver.answerNext(410);
      const worker = workerOf(world);
      await worker.tick();
      expect(receiver.hooks).toHaveLength(2);
      expect((await webhookOf(world))?.disabledAt).toEqual(world.clock.now());
      expect(
        (await outbox(world)).map(({ lastStatus, lastError, nextAttemptAt }) => [lastStatus, lastError, nextAttemptAt]),
      ).toEqual([
        [204, undefined, undefined],
        [410, 'status', undefined],
        [undefined, 'disabled', undefined],
      ]);
      world.clock.advance(DAY_MS);
      expect(await worker.tick()).toBe(0);
    });

    it('waits as long as the receiver wishes, and so does everything else for it', async () => {
      await addWebhook(world);
      await happen(world, ['e1', 'e2']);
      receiver.answerNext(429, { 'retry-after': '120' });
      const worker = workerOf(world);
      await worker.tick();
      world.clock.advance(119_000);
      expect(await worker.tick()).toBe(0);
      world.clock.advance(1_000);
      expect(await worker.tick()).toBe(2);
      expect(idsOf(receiver.hooks)).toEqual(['e1', 'e1', 'e2']);
      // What was not tried has not cost an attempt.
      expect((await outbox(world)).map(({ attempts }) => attempts)).toEqual([2, 1]);
    });

    it('costs a dead endpoint one attempt at a time, however much waits for it', async () => {
      await addWebhook(world, { url: await aDeadAddress() });
      await happen(
        world,
        Array.from({ length: 12 }, (_, n) => `e${n}`),
      );
      const worker = workerOf(world);
      await worker.tick();
      expect((await outbox(world)).reduce((sum, { attempts }) => sum + attempts, 0)).toBe(1);
      expect((await outbox(world))[0]).toMatchObject({ lastError: 'unreachable', attempts: 1 });
      expect(await worker.tick()).toBe(0);
      world.clock.advance(2_000);
      expect(await worker.tick()).toBeGreaterThan(0);
      expect((await webhookOf(world))?.failures).toBe(2);
    });

    it('of one user does not wait for another’s receiver', async () => {
      await addWebhook(world);
      await addWebhook(world, { id: 'bobs', userId: BOB });
      await happen(world, ['e1']);
      const worker = workerOf(world);
      receiver.meetNext(() => {});
      const stuck = worker.tick();
      await receiver.until(() => receiver.hooks.length === 1);
      await happen(world, ['b1'], BOB);
      expect(await worker.tick()).toBe(1);
      expect(idsOf(receiver.hooks)).toEqual(['e1', 'b1']);
      world.clock.advance(10_000);
      await stuck;
      expect(await outbox(world)).toMatchObject([{ lastError: 'timeout' }]);
    });

    it('is told again by another process when this one dies before it knows the answer', async () => {
      await addWebhook(world);
      await happen(world, ['e1']);
      const sent: string[] = [];
      const dying = workerOf(world, {
        client: {
          send: async ({ headers }) => {
            sent.push(headers['webhook-id'] ?? '');
            throw new Error('killed');
          },
        },
      });
      await dying.tick();
      const next = workerOf(world);
      expect(await next.tick()).toBe(0);
      world.clock.advance(2 * 60_000);
      expect(await next.tick()).toBe(1);
      expect(receiver.hooks.map(({ headers }) => headers['webhook-id'])).toEqual(sent);
      expect(await outbox(world)).toMatchObject([{ attempts: 2, lastStatus: 204 }]);
    });

    it('is not told to endpoints that are deleted, switched off or cannot be read now', async () => {
      for (const id of ['deleted', 'off', 'bobs']) {
        await addWebhook(world, { id, userId: id === 'bobs' ? BOB : ALICE });
      }
      await happen(world, ['e1']);
      await happen(world, ['b1'], BOB);
      await sql`delete from "OutgoingWebhook" where id = 'deleted'`.execute(world.db.kysely);
      await sql`update "OutgoingWebhook" set "disabledAt" = now() where id = 'off'`.execute(world.db.kysely);
      await world.db.transaction((tx) => world.cipher.destroy(tx, BOB));
      await workerOf(world).tick();
      expect(receiver.hooks).toEqual([]);
      expect(await outbox(world, 'deleted')).toEqual([]);
      expect(await outbox(world, 'off')).toMatchObject([{ lastError: 'disabled', nextAttemptAt: undefined }]);
      // A process with an older key ring must not switch off what another one reads: it waits, and costs no attempt.
      const later = new Date(world.clock.now().getTime() + 60 * 60_000);
      expect(await outbox(world, 'bobs', BOB)).toMatchObject([{ attempts: 0, nextAttemptAt: later }]);
    });
  });

  it('a ping is tried once, and an endpoint that fails it is kept', async () => {
    await addWebhook(world);
    const now = world.clock.now();
    const ping = { type: 'ping', timestamp: now.toISOString(), data: { id: 'hook' } } as const;
    await world.db.transaction((tx) =>
      deliveries.add(tx, { id: 'msg_ping', userId: ALICE, webhookId: 'hook', message: ping, createdAt: now }),
    );
    receiver.answerNext(500);
    await workerOf(world).tick();
    expect(receiver.hooks.map(({ message }) => message)).toEqual([ping]);
    expect(await outbox(world)).toMatchObject([{ attempts: 1, lastStatus: 500, nextAttemptAt: undefined }]);
    expect(await webhookOf(world)).toMatchObject({ failures: 0, disabledAt: undefined });
  });

  it('the log tells of failures by ids, never by address, secret or what the network says', async () => {
    const lines: string[] = [];
    const write = (fields: Record<string, unknown>, message: string): void => {
      const shown = Object.entries(fields).map(([name, value]) => [
        name,
        value instanceof Error ? `${value.stack} ${JSON.stringify(value)} ${String(value.cause)}` : value,
      ]);
      lines.push(`${message} ${JSON.stringify(shown)}`);
    };
    const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
    await addWebhook(world, { id: 'dead', url: 'https://dead.invalid/hooks?key=of-the-user' });
    await addWebhook(world, { id: 'refused', url: `${await aDeadAddress()}?key=of-the-user` });
    await addWebhook(world);
    await happen(world, ['e1', 'e2']);
    receiver.answerNext(500);
    receiver.answerNext(410);
    const worker = workerOf(world, { logger });
    await worker.tick();
    expect(lines.length).toBeGreaterThanOrEqual(4);
    expect(lines.join('\n')).toContain('"fault","address"');
    expect(lines.join('\n')).not.toMatch(/of-the-user|dead\.invalid|127\.0\.0\.1|whsec_|CQkJ/);
    const { rows } = await sql<{ row: string }>`select t::text as row from "WebhookDelivery" t`.execute(
      world.db.kysely,
    );
    expect(rows.map(({ row }) => row).join('\n')).not.toMatch(/of-the-user|dead\.invalid|127\.0\.0\.1|whsec_/);
  });

  describe('the worker', () => {
    it('looks every second, at once when it is told to, and not at all once it is stopped', async () => {
      await addWebhook(world);
      const worker = workerOf(world);
      worker.start();
      await happen(world, ['e1']);
      worker.nudge();
      await receiver.until(() => receiver.hooks.length === 1);
      await happen(world, ['e2']);
      // For as long as it takes: a database that is slow to answer must not find all the time gone when the worker lies down.
      while (receiver.hooks.length < 2) {
        await setTimeout(1);
        world.clock.advance(20);
      }
      await worker.stop();
      await happen(world, ['e3']);
      world.clock.advance(60_000);
      await new Promise((resolve) => setImmediate(resolve));
      expect(idsOf(receiver.hooks)).toEqual(['e1', 'e2']);
    });

    it('ends the attempt that is under way, and puts back what it has not tried', async () => {
      await addWebhook(world);
      await happen(world, ['e1', 'e2']);
      const worker = workerOf(world);
      let answer: () => void = () => {};
      receiver.meetNext((response) => {
        answer = () => response.writeHead(200).end();
      });
      const ticking = worker.tick();
      await receiver.until(() => receiver.hooks.length === 1);
      const stopping = worker.stop();
      answer();
      await Promise.all([ticking, stopping]);
      expect((await outbox(world)).map(({ attempts, lastStatus }) => [attempts, lastStatus])).toEqual([
        [1, 200],
        [0, undefined],
      ]);
      expect(await workerOf(world).tick()).toBe(1);
    });
  });
});

onPostgres((world) => {
  it('several workers at once tell everything, and nothing twice', async () => {
    for (const id of ['h1', 'h2', 'h3']) await addWebhook(world, { id });
    await happen(
      world,
      Array.from({ length: 20 }, (_, n) => `e${n}`),
    );
    const several = [workerOf(world), workerOf(world), workerOf(world)];
    for (let round = 0; round < 12; round++) await Promise.all(several.map((worker) => worker.tick()));
    const told = receiver.hooks.map(({ path, message }) => `${path} ${message.data['id']}`);
    expect(told).toHaveLength(60);
    expect(new Set(told).size).toBe(60);
  });
});
