import { afterEach, describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, simulate } from '../../../test/support/simulator-client.ts';
import {
  expirationDateTime,
  HOOK,
  HOUR,
  MINUTE,
  SECOND,
  subscribed,
} from '../../../test/support/subscribed-mailbox.ts';
import { listenForWebhooks } from '../../../test/support/webhook-receiver.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe('a notification', () => {
  it('has exactly the properties Graph sends, and the ids of the kind the creator asked for', async () => {
    const { mailbox, sim, endpoint, id } = await subscribed();
    const event = mailbox.createEvent(anEvent());
    await sim.advance(SECOND);
    const defaultId = mailbox.getEvent(event.id!, { idForm: 'default' })!.id;
    expect(endpoint.received).toHaveLength(1);
    expect(endpoint.received[0]).toMatchObject({ url: HOOK, contentType: expect.stringContaining('application/json') });
    expect(JSON.parse(endpoint.received[0]!.body)).toEqual({
      value: [
        {
          subscriptionId: id,
          subscriptionExpirationDateTime: '2026-03-05T06:30:00+00:00',
          clientState: 'k3y',
          changeType: 'created',
          tenantId: '22222222-2222-4222-8222-222222222222',
          resource: `Users/${mailbox.id}/Events/${defaultId}`,
          resourceData: {
            '@odata.type': '#Microsoft.Graph.Event',
            '@odata.id': `Users/${mailbox.id}/Events/${defaultId}`,
            '@odata.etag': event['@odata.etag'],
            id: defaultId,
          },
        },
      ],
    });
    const immutable = await subscribed({ prefer: 'IdType="ImmutableId"' });
    const other = immutable.mailbox.createEvent(anEvent());
    await immutable.sim.advance(SECOND);
    expect(immutable.endpoint.notifications()[0].resourceData.id).toBe(other.id);
  });

  it('is raised for what happens to an event, over HTTP as well', async () => {
    const { call, sim, told } = await subscribed();
    const { body } = await call('POST', '~/events', anEvent());
    await sim.advance(SECOND);
    await call('PATCH', `~/events/${body.id}`, { subject: 'x' });
    await sim.advance(SECOND);
    await call('DELETE', `~/events/${body.id}`);
    await sim.advance(SECOND);
    expect(told()).toEqual(['created', 'updated', 'deleted']);
  });

  it('says created and updated of a new event, and updated as often as the service likes', async () => {
    const { mailbox, sim, told } = await subscribed({
      options: { switches: { createdIsAlsoUpdated: true, updatedPerEdit: 3 } },
    });
    const { id } = mailbox.createEvent(anEvent());
    mailbox.updateEvent(id!, { subject: 'x' });
    await sim.advance(SECOND);
    expect(told()).toEqual(['created', 'updated', 'updated', 'updated', 'updated']);
  });

  it('says deleted and created of a move, each with the id of its calendar', async () => {
    const { mailbox, sim, endpoint, subscribe } = await subscribed({ change: { changeType: 'created' } });
    const work = mailbox.addCalendar('Work');
    await subscribe({ changeType: 'deleted' });
    const { id } = mailbox.createEvent(anEvent());
    const before = mailbox.getEvent(id!, { idForm: 'default' })!.id;
    await sim.advance(SECOND);
    mailbox.moveEvent(id!, work);
    await sim.advance(SECOND);
    const after = mailbox.getEvent(id!, { idForm: 'default' })!.id;
    const moves = endpoint.notifications().slice(1);
    expect(moves.map(({ changeType, resourceData }) => [changeType, resourceData.id])).toEqual([
      ['deleted', before],
      ['created', after],
    ]);
  });

  it('says created of an event that comes out of Deleted Items, under the id it has then', async () => {
    const { mailbox, sim, endpoint, told } = await subscribed();
    const { id } = mailbox.createEvent(anEvent());
    await sim.advance(SECOND);
    mailbox.deleteEvent(id!);
    await sim.advance(SECOND);
    mailbox.restoreEvent(id!);
    await sim.advance(SECOND);
    expect(told()).toEqual(['created', 'deleted', 'created']);
    const ids = endpoint.notifications().map(({ resourceData }) => resourceData.id);
    expect(ids).toEqual([ids[0], ids[0], mailbox.getEvent(id!, { idForm: 'default' })!.id]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('tells no old event of a mailbox put back as new', async () => {
    const { mailbox, sim, told } = await subscribed();
    const { id } = mailbox.createEvent(anEvent());
    await sim.advance(SECOND);
    const snapshot = sim.snapshotMailbox(ADDRESS);
    sim.restoreMailbox(snapshot);
    sim.mailbox(ADDRESS).updateEvent(id!, { subject: 'x' });
    await sim.advance(SECOND);
    expect(told()).toEqual(['created', 'updated']);
  });

  it('names the master for a changed or removed occurrence', async () => {
    const { mailbox, sim, endpoint } = await subscribed({ prefer: 'IdType="ImmutableId"' });
    const { id } = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(id!, '2026-03-09', { subject: 'Special' });
    mailbox.deleteOccurrence(id!, '2026-03-16');
    sim.switches.exceptionNotifications = 'exception';
    const exception = mailbox.updateOccurrence(id!, '2026-03-09', { subject: 'Very special' });
    await sim.advance(SECOND);
    expect(endpoint.notifications().map(({ changeType, resourceData }) => [changeType, resourceData.id])).toEqual([
      ['created', id],
      ['updated', id],
      ['updated', id],
      ['updated', exception.id],
    ]);
    expect(endpoint.notifications()[3].resourceData['@odata.etag']).toBe(exception['@odata.etag']);
  });

  it('comes for the calendar subscribed to, or for the scope /events has', async () => {
    const { mailbox, sim, endpoint, subscribe, id } = await subscribed();
    const work = mailbox.addCalendar('Work');
    const onWork = await subscribe({ resource: `/users/${ADDRESS}/calendars/${work}/events` });
    mailbox.createEvent(anEvent());
    mailbox.createEvent(anEvent(), { calendarId: work });
    sim.switches.userEventsScope = 'default-calendar';
    mailbox.createEvent(anEvent(), { calendarId: work });
    await sim.advance(SECOND);
    expect(endpoint.notifications().map(({ subscriptionId }) => subscriptionId)).toEqual([id, id, onWork, onWork]);
    expect(endpoint.received).toHaveLength(1);
  });

  it('comes as updated for whatever happens to the list of calendars', async () => {
    const { mailbox, sim, endpoint, call } = await subscribed({
      change: { resource: `/users/${ADDRESS}/calendars`, changeType: 'updated' },
    });
    const { body } = await call('POST', '~/calendars', { name: 'Work' });
    await call('PATCH', `~/calendars/${body.id}`, { name: 'Job' });
    mailbox.createEvent(anEvent());
    await call('DELETE', `~/calendars/${body.id}`);
    await sim.advance(SECOND);
    const resource = `Users/${mailbox.id}/Calendars/${body.id}`;
    const update = {
      changeType: 'updated',
      resource,
      resourceData: { '@odata.type': '#Microsoft.Graph.Calendar', '@odata.id': resource, id: body.id },
    };
    expect(endpoint.notifications()).toMatchObject([update, update, update]);
  });

  it('waits with others for the same address, and only as long as the service likes', async () => {
    const { mailbox, sim, endpoint } = await subscribed({ options: { switches: { notificationDelayMs: 5 * SECOND } } });
    mailbox.createEvent(anEvent());
    await sim.advance(3 * SECOND);
    mailbox.createEvent(anEvent());
    expect(sim.notifications.outstanding).toBe(2);
    await sim.advance(2 * SECOND);
    expect(sim.notifications.outstanding).toBe(0);
    mailbox.createEvent(anEvent());
    await sim.advance(5 * SECOND);
    expect(endpoint.received.map(({ body }) => JSON.parse(body).value.length)).toEqual([2, 1]);
  });

  it('does not wait any longer once a hundred are together', async () => {
    const { mailbox, sim, endpoint } = await subscribed({ options: { switches: { notificationDelayMs: MINUTE } } });
    for (let made = 0; made < 120; made += 1) mailbox.createEvent(anEvent());
    await sim.settled();
    const sizes = () => endpoint.received.map(({ body }) => JSON.parse(body).value.length);
    expect(sizes()).toEqual([100]);
    await sim.advance(MINUTE);
    expect(sizes()).toEqual([100, 20]);
  });

  it('may come twice, and in any order', async () => {
    const doubled = await subscribed({ options: { switches: { notificationDuplicates: 1 } } });
    doubled.mailbox.createEvent(anEvent());
    await doubled.sim.advance(MINUTE);
    const [first, second] = doubled.endpoint.notifications();
    expect(second).toEqual(first);
    expect(doubled.endpoint.received).toHaveLength(2);

    const mixed = await subscribed({ options: { switches: { notificationReordering: true } } });
    const ids = Array.from({ length: 12 }, (_, at) => mixed.mailbox.createEvent(anEvent({ subject: String(at) })).id);
    await mixed.sim.advance(MINUTE);
    const sent = mixed.endpoint.notifications().map(({ resourceData }) => resourceData.id);
    const stored = ids.map((id) => mixed.mailbox.getEvent(id!, { idForm: 'default' })!.id);
    expect(sent).not.toEqual(stored);
    expect(sent.sort()).toEqual(stored.sort());
  });

  it('reaches a real receiver, which may call back', async () => {
    const { sim, call, mailbox } = simulate();
    const seen: number[] = [];
    const receiver = await listenForWebhooks(async ({ body }) => {
      if (body !== '') seen.push((await call('GET', '~/events')).status);
      return undefined;
    });
    closing.push(receiver.close);
    const { status } = await call('POST', '/subscriptions', {
      changeType: 'created',
      resource: `/users/${ADDRESS}/events`,
      notificationUrl: `${receiver.url}/hook?c=1`,
      expirationDateTime,
    });
    expect(status).toBe(201);
    mailbox.createEvent(anEvent());
    await sim.advance(SECOND);
    expect(receiver.received.map(({ url }) => url)).toEqual(['/hook?c=1']);
    expect(receiver.notifications()[0]).not.toHaveProperty('clientState');
    expect(seen).toEqual([200]);
  });

  it('goes out by itself when the clock runs by itself', async () => {
    const { mailbox, endpoint } = await subscribed({
      options: { now: () => Date.now(), switches: { notificationDelayMs: 5 } },
      change: { expirationDateTime: new Date(Date.now() + HOUR).toISOString() },
    });
    mailbox.createEvent(anEvent());
    await expect.poll(() => endpoint.received.length, { interval: 5 }).toBe(1);
  });
});
