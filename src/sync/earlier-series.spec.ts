import { afterEach, describe, expect, it } from 'vitest';
import { aGuest } from '../../test/support/events.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, type SyncWorldOptions, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
afterEach(async () => {
  await world?.close();
});

const at = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const DAY_MS = 24 * 60 * 60_000;
/** Mondays at nine, from 9 March 2026, six times. */
const WEEKLY: EventInput = {
  subject: 'Weekly',
  start: at('2026-03-09T09:00:00'),
  end: at('2026-03-09T10:00:00'),
  recurrence: {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
    range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 6 },
  },
};

async function synced(options: SyncWorldOptions, input: EventInput = WEEKLY): Promise<EventId> {
  world = await SyncWorld.open(options);
  const id = await world.book(input);
  expect((await world.sync()).status).toBe('COMPLETED');
  return id;
}
const divided = async (id: EventId, date = '2026-03-23', input: EventInput = { subject: 'New' }) =>
  (await world.services.eventService.updateFollowing(USER, `${id}_${date}`, input)).event.id as EventId;
const view = (id: EventId) => world.services.eventService.get(USER, id);
const notices = async (id: EventId) => (await view(id)).notices.map(({ code }) => code);
/** All dates that stand in Outlook. */
const dates = () =>
  world.mailbox
    .listEvents()
    .map(({ id }) => world.mailbox.occurrences(id, '2026-03-01T00:00:00Z', '2026-05-01T00:00:00Z').length)
    .reduce((sum, count) => sum + count, 0);
const pathOf = async (id: EventId) => new RegExp((await world.get(id)).graphEventId!.replace(/[^\w-]/g, '.'));

describe('a series that goes on from another', () => {
  it('is created in the same run that ends the other, after it', async () => {
    const id = await synced({});
    await divided(id);
    const run = await world.sync();
    expect(run.status).toBe('COMPLETED');
    expect(await world.differences()).toEqual([]);
    expect(dates()).toBe(6);
    await expectQuiet(world);
  });

  it('is created in the same run where several follow one another, and the first was changed last', async () => {
    const id = await synced({});
    const next = await divided(id);
    await divided(next, '2026-04-06', { subject: 'Newer' });
    await world.edit(id, { subject: 'Changed' });
    expect((await world.sync()).status).toBe('COMPLETED');
    expect(await world.differences()).toEqual([]);
    expect(world.mailbox.listEvents()).toHaveLength(3);
    expect(dates()).toBe(6);
    await expectQuiet(world);
  });

  it('waits for a series that may be in Outlook, because nobody knows the answer to its create', async () => {
    world = await SyncWorld.open({});
    const id = await world.book(WEEKLY);
    world.simulator.failNext({ method: 'POST', path: /\/events$/, kind: 'drop-after-commit', count: 50 });
    const jobId = await world.enqueue();
    const kill = new AbortController();
    const killed = world.carryOutOnce(jobId, kill.signal);
    killed.catch(() => undefined);
    await expect.poll(dates).toBe(6);
    kill.abort(new Error('killed'));
    await expect(killed).rejects.toThrow();
    world.simulator.clearFaults();
    await divided(id);
    world.simulator.failNext({ method: 'PATCH', status: 400, code: 'ErrorInvalidRequest', count: 'always' });
    await world.carryOut(jobId);
    expect(dates()).toBe(6);
    world.simulator.clearFaults();
    await world.edit(id, { subject: 'Mended' });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect(dates()).toBe(6);
    await expectQuiet(world);
  });

  it('waits while a policy that was changed before the run holds the other’s end back', async () => {
    const options = { settings: { notifyAttendees: 'all' as const }, mailsAreExpected: true };
    const id = await synced(options, { ...WEEKLY, attendees: [aGuest('guest@example.org')] });
    const next = await divided(id);
    await world.services.settings.put(USER, { notifyAttendees: 'never' });
    const { items } = await world.services.previewService.preview(USER, {});
    expect(items.map(({ operation }) => operation)).toEqual(['hold']);
    await world.sync();
    expect(dates()).toBe(6);
    expect(world.mailbox.listEvents()).toHaveLength(1);
    expect(await view(next)).toMatchObject({ syncState: 'pending', graphEventId: null });
    expect(await notices(next)).toEqual(['EARLIER_SERIES_FIRST']);
    await expectQuiet(world);
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect(dates()).toBe(6);
    expect(await notices(next)).toEqual([]);
    await expectQuiet(world);
  });

  it('waits while the other’s end waits for the day’s mails', async () => {
    const guests = ['a', 'b', 'c'].map((name) => aGuest(`${name}@example.org`));
    const env = { CALENDAR_GUEST_MAILS_PER_DAY: '4' };
    const options = { env, settings: { notifyAttendees: 'all' as const }, mailsAreExpected: true };
    const id = await synced(options, { ...WEEKLY, attendees: guests });
    const next = await divided(id, '2026-03-23', { subject: 'New', attendees: guests.slice(0, 1) });
    expect(await world.sync()).toMatchObject({ status: 'FAILED', errorCode: 'GUEST_MAIL_BUDGET' });
    expect(dates()).toBe(6);
    expect(await view(next)).toMatchObject({ syncState: 'pending', notices: [] });
    for (let day = 0; day < 2; day += 1) {
      world.clock.advance(DAY_MS + 60 * 60_000);
      await world.sync();
      expect(dates()).toBeLessThanOrEqual(6);
    }
    expect(await world.differences()).toEqual([]);
    expect(dates()).toBe(6);
    await expectQuiet(world);
  });

  it('waits when Outlook refuses the other’s end for good, until that is mended', async () => {
    const id = await synced({});
    const next = await divided(id);
    world.simulator.failNext({
      ...{ method: 'PATCH', path: await pathOf(id), status: 400, code: 'ErrorInvalidRequest', count: 'always' },
    });
    await world.sync();
    expect((await view(id)).syncState).toBe('error');
    expect(world.mailbox.listEvents()).toHaveLength(1);
    expect(await notices(next)).toEqual(['EARLIER_SERIES_FIRST']);
    await expectQuiet(world);
    // One that goes on from it in turn, while none of it is there, waits as well; also once the one between is gone.
    const last = await divided(next, '2026-04-06', { subject: 'Newer' });
    await world.sync();
    await world.remove(next);
    await world.sync();
    expect(world.mailbox.listEvents()).toHaveLength(1);
    expect(await notices(last)).toEqual(['EARLIER_SERIES_FIRST']);
    world.simulator.clearFaults();
    await world.edit(id, { subject: 'Mended' });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect(dates()).toBe(4);
    await expectQuiet(world);
  });

  it('waits while the times of the other are in conflict, and follows once that is decided', async () => {
    const id = await synced({});
    const { graphEventId } = await world.get(id);
    await divided(id);
    world.mailbox.updateEvent(graphEventId!, { start: at('2026-03-09T11:00:00'), end: at('2026-03-09T12:00:00') });
    await world.sync({ conflictResolution: 'manual' });
    const [conflict] = await world.pendingConflicts();
    expect(conflict).toBeDefined();
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectQuiet(world);
    await world.services.conflicts.resolve(USER, conflict!.id, { resolution: 'PREFER_LOCAL' });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect(dates()).toBe(6);
    await expectQuiet(world);
  });

  it('is not there yet when a run is killed before the other’s end is known to be', async () => {
    const id = await synced({});
    await divided(id);
    const path = await pathOf(id);
    world.simulator.failNext({ method: 'PATCH', path, kind: 'hang', count: 50 });
    const jobId = await world.enqueue();
    const kill = new AbortController();
    const killed = world.carryOutOnce(jobId, kill.signal);
    killed.catch(() => undefined);
    const hasAsked = () => world.simulator.requests.some(({ method }) => method === 'PATCH');
    await expect.poll(hasAsked).toBe(true);
    kill.abort(new Error('killed'));
    await expect(killed).rejects.toThrow();
    expect(world.mailbox.listEvents()).toHaveLength(1);
    world.simulator.clearFaults();
    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED' });
    expect(await world.differences()).toEqual([]);
    expect(dates()).toBe(6);
    await expectQuiet(world);
  });

  it('is created after a run was killed between the two', async () => {
    const id = await synced({});
    await divided(id);
    world.simulator.failNext({ method: 'POST', path: /\/events$/, kind: 'hang', count: 50 });
    const jobId = await world.enqueue();
    const kill = new AbortController();
    const killed = world.carryOutOnce(jobId, kill.signal);
    killed.catch(() => undefined);
    await expect.poll(dates).toBe(2);
    kill.abort(new Error('killed'));
    await expect(killed).rejects.toThrow();
    world.simulator.clearFaults();
    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED' });
    expect(await world.differences()).toEqual([]);
    expect(dates()).toBe(6);
    await expectQuiet(world);
  });

  it.each(['deleted', 'disconnected'] as const)('waits for nothing once the other is %s', async (how) => {
    const id = await synced({});
    const next = await divided(id);
    if (how === 'deleted') await world.remove(id);
    else {
      await world.services.connectionService.disconnect(USER);
      world.mailbox.deleteEvent(world.mailbox.listEvents()[0]!.id);
      await world.connect();
    }
    await world.sync();
    expect((await view(next)).syncState).toBe('synced');
    expect(dates()).toBe(how === 'deleted' ? 4 : 6);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});
