import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiWorld, OPEN_PATIENCE_MS, STRANGER } from '../../test/support/api-world.ts';
import { HookReceiver } from '../../test/support/hook-receiver.ts';
import { USER } from '../../test/support/sync-world.ts';
import { WEBHOOK_EVENTS } from '../core/webhook-event.ts';
import { AuditRepository } from '../store/audit.repository.ts';

interface Webhook {
  readonly id: string;
  readonly secret: string;
}

const URL_OF_APP = 'https://app.example.com/hooks?key=of-the-user';
const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const EVENT = { subject: 'Biopsy', start: at('2026-03-09T09:00:00'), end: at('2026-03-09T09:30:00') };

let api: ApiWorld;
let receiver: HookReceiver;

beforeEach(async () => {
  receiver = await HookReceiver.listen();
  api = await ApiWorld.open();
}, OPEN_PATIENCE_MS);
afterEach(async () => {
  await api?.close();
  await receiver.close();
});

async function subscribe(events: readonly string[] = WEBHOOK_EVENTS, url = URL_OF_APP): Promise<Webhook> {
  const { status, body } = await api.call<Webhook & { secret: string }>('POST', '/calendar/webhooks', {
    body: { url, events },
  });
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
}

async function deliveriesOf(id: string): Promise<{ type: string; status: string; id: string }[]> {
  const { body } = await api.call<{ items: { type: string; status: string; id: string }[] }>(
    'GET',
    `/calendar/webhooks/${id}/deliveries?limit=100`,
  );
  return body.items;
}

const typesOf = async (id: string) => (await deliveriesOf(id)).map(({ type }) => type).toSorted();

describe('/calendar/webhooks', () => {
  it('makes one, shows its secret once, and lists it', async () => {
    const { secret, ...shown } = await subscribe(['event.created', 'sync.failed', 'event.created']);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(shown).toMatchObject({
      ...{ url: URL_OF_APP, events: ['event.created', 'sync.failed'], status: 'enabled' },
      ...{ createdAt: api.sync.clock.now().toISOString(), disabledAt: null, failures: 0 },
    });
    const { body } = await api.call('GET', '/calendar/webhooks');
    expect(body).toEqual({ items: [shown] });
    expect((await api.call('GET', '/calendar/webhooks', { as: STRANGER })).body).toEqual({ items: [] });
    expect((await subscribe()).secret).not.toBe(secret);
  });

  it.each([
    ['url', { url: 'http://app.example.com/hooks' }],
    ['url', { url: 'https://10.0.0.1/hooks' }],
    ['url', { url: 'https://0xa9fea9fe/latest' }],
    ['url', { url: 'https://ada:secret@app.example.com/' }],
  ])('refuses an address nothing may be sent to, by name and without repeating it: %s', async (path, more) => {
    const { status, body } = await api.call<{ errors: { path: string }[] }>('POST', '/calendar/webhooks', {
      body: { events: ['event.created'], ...more },
    });
    expect([status, body.errors.map((error) => error.path)]).toEqual([422, [path]]);
    expect(JSON.stringify(body)).not.toContain(more.url);
  });

  it.each([
    { events: ['event.created'] },
    { url: URL_OF_APP },
    { url: URL_OF_APP, events: [] },
    { url: URL_OF_APP, events: ['event.moved'] },
    { url: URL_OF_APP, events: ['ping'] },
    { url: URL_OF_APP, events: ['event.created'], secret: 'whsec_mine' },
  ])('refuses what is not of the shape: %j', async (body) => {
    expect((await api.call('POST', '/calendar/webhooks', { body })).status).toBe(400);
  });

  it('takes twenty of one user, and no more until one is deleted', async () => {
    const made = [];
    for (let n = 0; n < 20; n++) made.push(await subscribe(['sync.failed']));
    const body = { url: URL_OF_APP, events: ['sync.failed'] };
    expect((await api.call('POST', '/calendar/webhooks', { body })).status).toBe(409);
    expect((await api.call('POST', '/calendar/webhooks', { body, as: STRANGER })).status).toBe(201);
    expect((await api.call('DELETE', `/calendar/webhooks/${made[0]?.id}`)).status).toBe(204);
    await subscribe();
  });

  it('deletes one with everything that waited for it', async () => {
    const { id } = await subscribe();
    await api.call('POST', '/calendar/events', { body: EVENT });
    expect(await typesOf(id)).toEqual(['event.created']);
    await api.call('DELETE', `/calendar/webhooks/${id}`);
    expect((await api.call('DELETE', `/calendar/webhooks/${id}`)).status).toBe(404);
    expect((await api.call('GET', `/calendar/webhooks/${id}/deliveries`)).status).toBe(404);
    const left = await sql`select * from "WebhookDelivery"`.execute(api.sync.db.kysely);
    expect(left.rows).toEqual([]);
  });

  it('switches one off and on again; what happened meanwhile is not told', async () => {
    const { id } = await subscribe(['sync.failed']);
    const patch = (body: object) => api.call('PATCH', `/calendar/webhooks/${id}`, { body });
    expect((await patch({ events: ['event.created'] })).body).toMatchObject({ events: ['event.created'] });
    const off = await patch({ enabled: false });
    expect(off.body).toMatchObject({ status: 'disabled', disabledAt: api.sync.clock.now().toISOString() });
    expect((await api.call('POST', `/calendar/webhooks/${id}/test`)).status).toBe(409);
    await api.call('POST', '/calendar/events', { body: EVENT });
    expect((await patch({ enabled: true })).body).toMatchObject({ status: 'enabled', disabledAt: null });
    await api.call('POST', '/calendar/events', { body: EVENT });
    expect(await typesOf(id)).toEqual(['event.created']);
  });

  it('writes into the audit log who made, changed and deleted which, and no address', async () => {
    const { id } = await subscribe();
    await api.call('PATCH', `/calendar/webhooks/${id}`, { body: { enabled: false } });
    await api.call('DELETE', `/calendar/webhooks/${id}`);
    const noted = (await new AuditRepository().list(api.sync.db, { limit: 100 })).filter(({ target }) => target === id);
    expect(noted.map(({ action, actor, subject }) => [action, actor, subject])).toEqual([
      ['webhook.deleted', USER, USER],
      ['webhook.changed', USER, USER],
      ['webhook.created', USER, USER],
    ]);
    expect(JSON.stringify(noted)).not.toContain('example.com');
  });
});

describe('what an application is told', () => {
  it('is what it does itself, once for each change', async () => {
    const { id } = await subscribe();
    const { body } = await api.call<{ id: string }>('POST', '/calendar/events', { body: EVENT });
    await api.call('PATCH', `/calendar/events/${body.id}`, { body: { subject: 'Moved' } });
    await api.call('DELETE', `/calendar/events/${body.id}`);
    expect(await typesOf(id)).toEqual(['event.created', 'event.deleted', 'event.updated']);
  });

  it('is what comes from Outlook, once for each change, and how the run ended', async () => {
    const { id } = await subscribe();
    const { mailbox } = api.sync;
    const made = mailbox.createEvent(EVENT);
    await api.runNow();
    expect(await typesOf(id)).toEqual(['event.created', 'sync.completed']);
    mailbox.updateEvent(made.id, { subject: 'Moved' });
    await api.runNow();
    await api.runNow();
    expect(await typesOf(id)).toEqual(['event.created', 'event.updated', ...Array(3).fill('sync.completed')]);
  });

  it('is not what the service notes for itself: pushing an event does not change it', async () => {
    await api.call('POST', '/calendar/events', { body: EVENT });
    const { id } = await subscribe();
    await api.runNow();
    expect(await typesOf(id)).toEqual(['sync.completed']);
  });

  it('is conflicts, when they begin to wait and when a person has decided', async () => {
    await api.call('PUT', '/calendar/sync/settings', { body: { conflictResolution: 'manual' } });
    const { body } = await api.call<{ id: string }>('POST', '/calendar/events', { body: EVENT });
    await api.runNow();
    const { id } = await subscribe(['conflict.detected', 'conflict.resolved']);
    const contested = await api.sync.get(body.id as never);
    api.sync.mailbox.updateEvent(contested.graphEventId ?? '', { subject: 'There' });
    await api.sync.edit(contested.id, { subject: 'Here' });
    await api.runNow();
    expect(await typesOf(id)).toEqual(['conflict.detected']);
    const [conflict] = await api.sync.pendingConflicts();
    const decision = { resolution: 'PREFER_LOCAL' };
    await api.call('PUT', `/calendar/sync/conflicts/${conflict?.id}/resolve`, { body: decision });
    expect(await typesOf(id)).toEqual(['conflict.detected', 'conflict.resolved']);
  });

  it('costs nothing for who wants to hear nothing', async () => {
    await api.call('POST', '/calendar/events', { body: EVENT });
    await api.runNow();
    const written = await sql`select * from "WebhookDelivery"`.execute(api.sync.db.kysely);
    expect(written.rows).toEqual([]);
  });
});

describe('POST /calendar/webhooks/{id}/test', () => {
  it('has a ping sent at once, and shows what became of it', async () => {
    const { id } = await subscribe(['sync.failed'], receiver.url);
    await api.sync.app.start({ isApi: false, isWorker: true });
    const { status, body } = await api.call<{ id: string }>('POST', `/calendar/webhooks/${id}/test`);
    expect([status, body]).toEqual([202, expect.objectContaining({ type: 'ping', status: 'pending', attempts: 0 })]);
    await receiver.until(() => receiver.hooks.length === 1);
    expect(receiver.hooks[0]).toMatchObject({
      headers: { 'webhook-id': body.id, 'content-type': 'application/json' },
      message: { type: 'ping', data: { id } },
    });
    await expect.poll(() => deliveriesOf(id)).toMatchObject([{ id: body.id, status: 'delivered', lastStatus: 204 }]);
  });

  it('sends one at a time', async () => {
    const { id } = await subscribe();
    expect((await api.call('POST', `/calendar/webhooks/${id}/test`)).status).toBe(202);
    expect((await api.call('POST', `/calendar/webhooks/${id}/test`)).status).toBe(409);
  });
});
