import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { ALICE, BOB } from '../../test/support/jobs-world.ts';
import { onEachDatabase, onPostgres, type StoreWorld } from '../../test/support/store-world.ts';
import { type ConflictId, DEFAULT_CALENDAR_ID, type EventId, type JobId, type UserId } from '../core/ids.ts';
import { WEBHOOK_EVENTS, type WebhookEvent } from '../core/webhook-event.ts';
import type { Tx } from './db.ts';
import { inScopeOf } from './row-scope.ts';
import { WebhookRepository } from './webhook.repository.ts';
import { type StoredDelivery, WebhookDeliveryRepository } from './webhook-delivery.repository.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const deliveries = new WebhookDeliveryRepository();

async function addWebhook(
  world: StoreWorld,
  o: { id?: string; userId?: UserId; events?: readonly WebhookEvent[] } = {},
): Promise<void> {
  const { id = 'hook', userId = ALICE, events = WEBHOOK_EVENTS } = o;
  const url = `https://${id}.example.com/secret-path`;
  await world.db.transaction((tx) =>
    new WebhookRepository(world.cipher).create(tx, {
      id,
      userId,
      url,
      events,
      secret: 'whsec_c2VjcmV0',
      createdAt: NOW,
    }),
  );
}

function eventOf(id: string, subject = 'Standup') {
  return {
    ...{ id: id as EventId, calendarId: DEFAULT_CALENDAR_ID, content: anEvent({ subject }) },
    ...{ lastModifiedAt: NOW, createdAt: NOW },
  };
}

function save(world: StoreWorld, ids: readonly string[], subject?: string, userId = ALICE): Promise<unknown> {
  return world.db.transaction((tx) =>
    world.events.saveMany(
      tx,
      userId,
      ids.map((id) => eventOf(id, subject)),
    ),
  );
}

/** What is in the outbox, as `type id`, in the order of the ids. */
async function told(world: StoreWorld, webhookId = 'hook'): Promise<string[]> {
  const found = await sql<{ type: string; data: { id: string } }>`
    select payload ->> 'type' as type, payload -> 'data' as data from "WebhookDelivery"
    where "webhookId" = ${webhookId} and "eventType" = payload ->> 'type' order by payload -> 'data' ->> 'id', "createdAt", 1
  `.execute(world.db.kysely);
  return found.rows.map(({ type, data }) => `${type} ${data.id}`);
}

async function clear(world: StoreWorld): Promise<void> {
  await sql`delete from "WebhookDelivery"`.execute(world.db.kysely);
}

async function addRun(world: StoreWorld, tx: Tx, id: string): Promise<void> {
  await world.runs.create(tx, {
    ...{ id: id as JobId, userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, direction: 'bidirectional', request: {} },
    ...{ requestHash: id, trigger: 'api', queuedAt: NOW },
  });
}

function conflictOf(id: string, resolution: 'PENDING' | 'MERGE') {
  return {
    ...{ id, userId: ALICE, calendarId: DEFAULT_CALENDAR_ID, syncStateId: 'run' as JobId, eventId: 'e1' as EventId },
    ...{ conflictType: 'UPDATE_UPDATE' as const, units: ['subject' as const], resolution, at: NOW },
    data: { base: anEvent(), local: anEvent(), remote: anEvent() },
  };
}

onEachDatabase((world) => {
  describe('the outbox', () => {
    it('tells of events that are made, changed and deleted, each once', async () => {
      await addWebhook(world);
      await save(world, ['e1', 'e2']);
      await save(world, ['e1', 'e2', 'e3'], 'Daily standup');
      await world.db.transaction((tx) => world.events.deleteMany(tx, ALICE, ['e2' as EventId], NOW));
      expect((await told(world)).toSorted()).toEqual([
        ...['event.created e1', 'event.created e2', 'event.created e3', 'event.deleted e2'],
        ...['event.updated e1', 'event.updated e2'],
      ]);
    });

    it('tells what plain SQL does as well', async () => {
      await addWebhook(world);
      await save(world, ['e1']);
      await clear(world);
      await sql`update "CalendarEvent" set subject = 'By hand' where id = 'e1'`.execute(world.db.kysely);
      expect(await told(world)).toEqual(['event.updated e1']);
    });

    it('says nothing of writes that change nothing: it goes by the revision, as the change feed does', async () => {
      await addWebhook(world);
      await save(world, ['e1']);
      await clear(world);
      const link = { id: 'e1' as EventId, graphEventId: 'g1' as never, syncedAt: NOW };
      await world.db.transaction((tx) => world.events.linkMany(tx, ALICE, [link]));
      expect(await told(world)).toEqual([]);
    });

    it('tells once of what one transaction does to an event in several steps', async () => {
      await addWebhook(world);
      await save(world, ['old', 'moved']);
      await clear(world);
      await world.db.transaction(async (tx) => {
        await world.events.saveMany(tx, ALICE, [eventOf('new'), eventOf('old', 'Once')]);
        await world.events.saveMany(tx, ALICE, [eventOf('new', 'Twice'), eventOf('old', 'Twice')]);
        await world.events.deleteMany(tx, ALICE, ['moved' as EventId, 'old' as EventId], NOW);
        await world.events.saveMany(tx, ALICE, [eventOf('moved', 'Again')]);
      });
      expect(await told(world)).toEqual(['event.updated moved', 'event.created new', 'event.deleted old']);
    });

    it('keeps nothing of what was rolled back', async () => {
      await addWebhook(world);
      await world.db
        .transaction(async (tx) => {
          await world.events.saveMany(tx, ALICE, [eventOf('e1')]);
          throw new Error('rolled back');
        })
        .catch(() => {});
      expect(await told(world)).toEqual([]);
    });

    it('tells of conflicts that wait, are decided later, or at once', async () => {
      await addWebhook(world);
      await world.db.transaction((tx) => world.conflicts.record(tx, [conflictOf('c1', 'PENDING')]));
      // The one that waits is brought up to date, which is no new conflict.
      await world.db.transaction((tx) => world.conflicts.record(tx, [conflictOf('c2', 'PENDING')]));
      expect(await told(world)).toEqual(['conflict.detected c1']);
      await world.db.transaction((tx) =>
        world.conflicts.resolve(tx, {
          ...{ id: 'c1' as ConflictId, userId: ALICE, resolution: 'MERGE', resolutionData: null, at: NOW },
        }),
      );
      await world.db.transaction((tx) => world.conflicts.record(tx, [conflictOf('c3', 'MERGE')]));
      expect((await told(world)).toSorted()).toEqual([
        ...['conflict.detected c1', 'conflict.detected c3', 'conflict.resolved c1', 'conflict.resolved c3'],
      ]);
    });

    it('tells how runs ended, once, and nothing of those that were cancelled', async () => {
      await addWebhook(world);
      await world.db.transaction(async (tx) => {
        for (const id of ['good', 'bad', 'cancelled']) await addRun(world, tx, id);
        const end = (id: string, status: 'COMPLETED' | 'FAILED' | 'CANCELLED') =>
          world.runs.end(tx, id as JobId, { status, completedAt: NOW });
        await end('good', 'COMPLETED');
        await end('bad', 'FAILED');
        await end('bad', 'COMPLETED');
        await end('cancelled', 'CANCELLED');
      });
      expect(await told(world)).toEqual(['sync.failed bad', 'sync.completed good']);
    });

    it('tells once that somebody has to sign in again', async () => {
      await addWebhook(world);
      const connection = { userId: ALICE, mailbox: 'alice@example.com', mailboxId: 'm1', timeZone: 'UTC' };
      await world.db.transaction((tx) => world.connections.save(tx, { ...connection, mode: 'delegated' }, NOW));
      for (const status of ['ERROR', 'REAUTH_REQUIRED', 'REAUTH_REQUIRED'] as const) {
        await sql`update "CalendarConnection" set status = ${status}`.execute(world.db.kysely);
      }
      expect(await told(world)).toEqual(['connection.reauthorization_required m1']);
    });

    it('asks each endpoint what it wants to hear, and whose it is', async () => {
      await addWebhook(world, { id: 'all' });
      await addWebhook(world, { id: 'deletions', events: ['event.deleted'] });
      await addWebhook(world, { id: 'bobs', userId: BOB });
      await addWebhook(world, { id: 'off' });
      await sql`update "OutgoingWebhook" set "disabledAt" = now() where id = 'off'`.execute(world.db.kysely);
      await inScopeOf(ALICE, () => save(world, ['e1']));
      await inScopeOf(BOB, () => save(world, ['b1'], 'His', BOB));
      await inScopeOf(ALICE, () => world.db.transaction((tx) => world.events.deleteMany(tx, ALICE, ['e1' as EventId])));
      const each = await Promise.all(['all', 'deletions', 'bobs', 'off'].map((id) => told(world, id)));
      expect(each.map((lines) => lines.toSorted())).toEqual([
        ['event.created e1', 'event.deleted e1'],
        ['event.deleted e1'],
        ['event.created b1'],
        [],
      ]);
    });

    it('holds ids and kinds, and nothing anybody wrote', async () => {
      await addWebhook(world);
      await save(world, ['e1'], 'biopsy of Mr Harlow');
      await world.db.transaction((tx) => world.conflicts.record(tx, [conflictOf('c1', 'PENDING')]));
      const { items } = await deliveries.list(world.db, { userId: ALICE, webhookId: 'hook', limit: 10, offset: 0 });
      const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(items.map(({ message }) => message)).toEqual(
        expect.arrayContaining([
          { type: 'event.created', timestamp, data: { id: 'e1', calendarId: 'default' } },
          {
            ...{ type: 'conflict.detected', timestamp: NOW.toISOString() },
            data: { id: 'c1', calendarId: 'default', eventId: 'e1', conflictType: 'UPDATE_UPDATE', resolution: null },
          },
        ]),
      );
      expect(items).toHaveLength(2);
    });

    it('has addresses and secrets nowhere in the clear', async () => {
      await addWebhook(world);
      const { rows } = await sql<{ row: string }>`select t::text as row from "OutgoingWebhook" t`.execute(
        world.db.kysely,
      );
      expect(rows[0]?.row).not.toMatch(/secret-path|whsec_|c2VjcmV0/);
      expect(await new WebhookRepository(world.cipher).find(world.db, ALICE, 'hook')).toMatchObject({
        ...{ url: 'https://hook.example.com/secret-path', secret: 'whsec_c2VjcmV0', failures: 0 },
      });
    });
  });

  describe('what is due', () => {
    const want = { now: NOW, until: new Date(NOW.getTime() + 60_000), lanes: 10, lanesPerUser: 2, perLane: 2 };
    const claim = (more: Partial<Parameters<WebhookDeliveryRepository['claim']>[1]> = {}) =>
      world.db.transaction((tx) => deliveries.claim(tx, { ...want, busy: { webhooks: [], users: [] }, ...more }));

    it('is taken a few at a time for each endpoint, and not again before the promise has run out', async () => {
      await addWebhook(world);
      await addWebhook(world, { id: 'bobs', userId: BOB });
      await save(world, ['e1', 'e2', 'e3']);
      await save(world, ['b1'], 'His', BOB);
      const first = await claim();
      expect(first.map((lane) => [lane[0]?.webhookId, lane.length]).toSorted()).toEqual([
        ['bobs', 1],
        ['hook', 2],
      ]);
      expect((await claim()).map((lane) => lane.length)).toEqual([1]);
      expect(await claim()).toEqual([]);
      const again = await claim({ now: want.until });
      expect(again.flat().map(({ attempts }) => attempts)).toEqual([2, 2, 2]);
    });

    it('leaves busy endpoints and crowded users alone, and no user takes all the room', async () => {
      for (const id of ['h1', 'h2', 'h3']) await addWebhook(world, { id });
      await addWebhook(world, { id: 'bobs', userId: BOB });
      await save(world, ['e1']);
      await save(world, ['b1'], 'His', BOB);
      const busy = { webhooks: ['h1'], users: [BOB] };
      expect((await claim({ busy })).map((lane) => lane[0]?.webhookId).toSorted()).toEqual(['h2', 'h3']);
      expect((await claim()).map((lane) => lane[0]?.webhookId).toSorted()).toEqual(['bobs', 'h1']);
    });

    it('is settled by whoever took it last', async () => {
      await addWebhook(world);
      await save(world, ['e1']);
      const dead = (await claim()).flat()[0] as StoredDelivery;
      const alive = (await claim({ now: want.until })).flat()[0] as StoredDelivery;
      const settle = (of: StoredDelivery, status: number) =>
        world.db.transaction((tx) => deliveries.settle(tx, of, { deliveredAt: NOW, status }));
      expect(await settle(dead, 500)).toBe(false);
      expect(await settle(alive, 200)).toBe(true);
      expect(await settle(alive, 500)).toBe(false);
    });
  });
});

onPostgres((world) => {
  it('two workers never take the same delivery', async () => {
    await addWebhook(world);
    await save(
      world,
      Array.from({ length: 60 }, (_, n) => `e${n}`),
    );
    const until = new Date(NOW.getTime() + 60_000);
    const take = () =>
      world.db.transaction((tx) =>
        deliveries.claim(tx, {
          ...{ now: NOW, until, lanes: 4, lanesPerUser: 4, perLane: 5, busy: { webhooks: [], users: [] } },
        }),
      );
    const taken: string[] = [];
    for (let round = 0; round < 12; round++) {
      const lanes = (await Promise.all([take(), take(), take()])).flat(2);
      taken.push(...lanes.map(({ id }) => id));
    }
    expect(taken).toHaveLength(60);
    expect(new Set(taken).size).toBe(60);
  });

  it('a login that may write events, and nothing else, fills the outbox and cannot look into it', async () => {
    await addWebhook(world);
    const run = (statement: string) => sql.raw(statement).execute(world.db.kysely);
    await run(`
      do $$ begin
        create role event_writer;
      exception when duplicate_object then null; end $$
    `);
    await run('grant usage on schema public to event_writer');
    await run('grant all on "CalendarEvent", "CalendarEventTombstone" to event_writer');
    await run('grant usage on sequence calendar_event_revision to event_writer');
    await world.db.transaction(async (tx) => {
      await sql.raw('set local role event_writer').execute(tx.kysely);
      // What the caller has made for itself is not taken for ours.
      await sql.raw('create temporary table "OutgoingWebhook" (id text)').execute(tx.kysely);
      await sql`
        insert into "CalendarEvent" (id, "userId", subject, start, "end", "lastModifiedDateTime", "createdDateTime")
        values ('e1', ${ALICE}, 'By hand', '{}', '{}', '', '')
      `.execute(tx.kysely);
      await sql.raw('drop table pg_temp."OutgoingWebhook"').execute(tx.kysely);
    });
    expect(await told(world)).toEqual(['event.created e1']);
    const asWriter = (statement: string) =>
      world.db.transaction(async (tx) => {
        await sql.raw('set local role event_writer').execute(tx.kysely);
        await sql.raw(statement).execute(tx.kysely);
      });
    await expect(asWriter('select * from "WebhookDelivery"')).rejects.toThrow('permission denied');
    await expect(asWriter(`select webhook_emit('alice', 'ping', '{}', now())`)).rejects.toThrow('permission denied');
  });
});
