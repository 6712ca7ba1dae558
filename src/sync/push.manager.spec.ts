import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet, NOTHING } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });

function visit(change: EventInput = {}): EventInput {
  return { subject: 'Visit', start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00'), ...change };
}

const visits = (count: number) => Array.from({ length: count }, (_, each) => visit({ subject: `here ${each}` }));
const graphIdOf = async (id: EventId) => (await world.get(id)).graphEventId!;
const subjects = () =>
  world.mailbox
    .listEvents()
    .map(({ subject }) => subject)
    .sort();

describe('pushing', () => {
  it('sends twenty events to a request, and a single one as it is', async () => {
    await world.bookAll(visits(41));
    await world.sync();
    const posts = world.simulator.requests.filter(({ method, batchItem }) => method === 'POST' && !batchItem);
    const sent = posts.filter(({ path }) => !path.includes('oauth2')).map(({ path }) => path.replace(/^.*\//, ''));
    expect(sent).toEqual(['$batch', '$batch', 'events']);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('never has more than four requests at a time at one mailbox', async () => {
    await world.bookAll(visits(60));
    await world.sync();
    expect(world.simulator.concurrencyHighWater('ada@example.com')).toBeLessThanOrEqual(4);
  });

  it.each([
    ['the answer is lost after it was carried out', { kind: 'drop-after-commit' as const }],
    ['it is carried out and reported as failed', { kind: 'status-after-commit' as const, status: 504 }],
    ['the answer is cut off', { kind: 'truncated-json' as const }],
    ['a gateway answers in HTML', { kind: 'gateway-html' as const, status: 502 }],
    ['the connection breaks before it arrives', { kind: 'drop-before' as const }],
    ['Graph is throttled', { status: 429, retryAfter: '2.5' }],
    ['Graph is down for a moment', { status: 503 }],
  ])('makes one event of each creation when %s', async (_what, fault) => {
    await world.bookAll(visits(3));
    world.simulator.failNext({ method: 'POST', path: /\$batch/, ...fault });
    expect(await world.syncWhileTimePasses()).toMatchObject({ status: 'COMPLETED', remoteCreated: 3, failedEvents: 0 });
    expect(subjects()).toEqual(['here 0', 'here 1', 'here 2']);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it.each([
    ['throttled', { status: 429, retryAfter: 1 }],
    ['unavailable', { status: 503 }],
    ['refused because another one failed', { status: 424 }],
    ['carried out and reported as failed', { kind: 'status-after-commit' as const, status: 500 }],
  ])('tries single items of a batch again that were %s', async (_what, fault) => {
    await world.bookAll(visits(5));
    world.simulator.failNext({ batchItem: true, after: 2, count: 2, ...fault });
    expect(await world.syncWhileTimePasses()).toMatchObject({ status: 'COMPLETED', remoteCreated: 5 });
    expect(subjects()).toHaveLength(5);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('recognises what it created before it was killed, and sends on what was edited since', async () => {
    const ids = await world.bookAll(visits(3));
    world.simulator.failNext({ method: 'POST', path: /\$batch/, kind: 'drop-after-commit', count: 50 });
    const jobId = await world.enqueue();
    const kill = new AbortController();
    const killed = world.carryOutOnce(jobId, kill.signal);
    await expect.poll(() => world.mailbox.listEvents().length).toBe(3);
    kill.abort(new Error('killed'));
    await expect(killed).rejects.toThrow();
    world.simulator.clearFaults();
    await world.edit(ids[0]!, { subject: 'edited before the restart' });
    world.mailbox.updateEvent(world.mailbox.listEvents().find(({ subject }) => subject === 'here 1')!.id, {
      importance: 'high',
    });

    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED' });
    expect(subjects()).toEqual(['edited before the restart', 'here 1', 'here 2']);
    expect((await world.get(ids[1]!)).content.importance).toBe('high');
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('merges and tries again when Outlook was faster', async () => {
    const ids = await world.bookAll(visits(2));
    await world.sync();
    const graphId = await graphIdOf(ids[0]!);
    await world.edit(ids[0]!, { subject: 'renamed here' });
    await world.edit(ids[1]!, { subject: 'other here' });
    // Between our reading and our writing, somebody moves the meeting in Outlook.
    world.onRequest(/\$batch/, () => world.mailbox.updateEvent(graphId, { location: { displayName: 'Yard' } }));
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    expect(world.mailbox.getEvent(graphId)).toMatchObject({
      subject: 'renamed here',
      location: { displayName: 'Yard' },
    });
    expect((await world.get(ids[0]!)).content.locations).toMatchObject([{ displayName: 'Yard' }]);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('makes a conflict of a write that Outlook forestalls again and again, instead of trying for ever', async () => {
    const id = await world.book(visit());
    await world.sync();
    const graphId = await graphIdOf(id);
    await world.edit(id, { subject: 'here' });
    world.simulator.clearLog();
    let edits = 0;
    world.onRequest(
      /events\//,
      ({ method }) => {
        if (method !== 'PATCH') return;
        edits += 1;
        world.mailbox.updateEvent(graphId, { subject: `there ${edits}` });
      },
      100,
    );
    const run = await world.sync({ conflictResolution: 'prefer_local' });
    expect(run.status).toBe('COMPLETED');
    expect(edits).toBeLessThanOrEqual(3);
    expect(world.simulator.writes().length).toBeLessThanOrEqual(3);
    expect(await world.pendingConflicts()).toHaveLength(1);
    world.stopWatching();
    await expectQuiet(world);
  });

  it('parks an event Graph refuses for good, names the reason, and lets all others through', async () => {
    const ids = await world.bookAll(visits(5));
    world.simulator.failNext({
      method: 'POST',
      batchItem: true,
      after: 1,
      status: 400,
      code: 'ErrorPropertyValidationFailure',
    });
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'COMPLETED', failedEvents: 1, remoteCreated: 4 });
    const bases = await world.bases.findByEventIds(world.db, USER, ids);
    const parked = [...bases.values()].filter(({ errorCode }) => errorCode !== undefined);
    expect(parked).toMatchObject([{ errorCode: 'ErrorPropertyValidationFailure' }]);
    // It is not tried again until somebody changes it.
    expect(await world.sync()).toMatchObject({ ...NOTHING, graphRequests: 1, failedEvents: 0 });
    await world.edit(parked[0]!.eventId, { showAs: 'free' });
    expect(await world.sync()).toMatchObject({ remoteCreated: 1 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('parks a row that plain SQL left unreadable, says what is wrong with it, and sends nothing of it', async () => {
    const id = await world.book(visit());
    await world.db.transaction(async (tx) => {
      await tx.kysely
        .updateTable('CalendarEvent' as never)
        .set({ start: JSON.stringify(12) } as never)
        .where('id' as never, '=', id as never)
        .execute();
    });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 1, remoteCreated: 0 });
    const base = (await world.bases.findByEventIds(world.db, USER, [id])).get(id);
    expect(base).toMatchObject({ errorCode: 'UNREADABLE_EVENT', errorMessage: expect.stringContaining('start') });
    expect(world.mailbox.listEvents()).toEqual([]);
    expect(await world.sync()).toMatchObject({ ...NOTHING, failedEvents: 0 });
  });

  it('counts an event that somebody else deleted first as deleted', async () => {
    const id = await world.book(visit());
    await world.sync();
    const graphId = await graphIdOf(id);
    await world.remove(id);
    world.onRequest(/events\//, ({ method }) => {
      if (method === 'DELETE') world.mailbox.deleteEvent(graphId);
    });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    await expectQuiet(world);
  });

  it('sends an event back that was deleted, edited and wanted again, as a new one', async () => {
    const id = await world.book(visit());
    await world.sync();
    const first = await graphIdOf(id);
    world.mailbox.deleteEvent(first);
    await world.edit(id, { subject: 'still wanted' });
    await world.sync({ conflictResolution: 'prefer_local' });
    const [now, ...others] = world.mailbox.listEvents();
    expect(others).toEqual([]);
    expect(now).toMatchObject({ subject: 'still wanted' });
    expect(now?.id).not.toBe(first);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});

describe('pushing series', () => {
  const series = (change: EventInput = {}) =>
    visit({
      subject: 'Daily',
      recurrence: {
        pattern: { type: 'daily', interval: 1 },
        range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 10 },
      },
      ...change,
    });

  const withDates = async (id: EventId) =>
    world.editContent(id, (content) => ({
      ...content,
      occurrences: {
        '2026-03-12': { isCancelled: true },
        '2026-03-13': { isCancelled: false, fields: { subject: 'Daily, outside', location: undefined } as never },
      },
    }));

  it('creates the master, then its exceptions and cancelled dates', async () => {
    const id = await world.book(series());
    await withDates(id);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    expect(await world.differences()).toEqual([]);
    const graphId = await graphIdOf(id);
    expect(world.mailbox.cancelledDates(graphId)).toEqual(['2026-03-12']);
    await expectQuiet(world);
  });

  it('changes and cancels single dates of a series that is there already', async () => {
    const id = await world.book(series());
    await world.sync();
    await withDates(id);
    await world.sync();
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
    // And back again to what the rule says.
    await world.editContent(id, (content) => {
      const { '2026-03-13': _dropped, ...rest } = content.occurrences;
      return { ...content, occurrences: rest };
    });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('re-applies exceptions that Exchange drops when the time of the master changes', async () => {
    const id = await world.book(series());
    await withDates(id);
    await world.sync();
    await world.edit(id, { start: berlin('2026-03-10T11:00:00'), end: berlin('2026-03-10T12:00:00') });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect(world.mailbox.cancelledDates(await graphIdOf(id))).toEqual(['2026-03-12']);
    await expectQuiet(world);
  });

  it('goes on where it was killed between the master and its dates', async () => {
    const id = await world.book(series());
    await withDates(id);
    world.simulator.failNext({ path: /instances|exceptionOccurrences/i, kind: 'hang', count: 50 });
    const jobId = await world.enqueue();
    const kill = new AbortController();
    const killed = world.carryOutOnce(jobId, kill.signal);
    await expect.poll(() => world.mailbox.listEvents().length).toBe(1);
    kill.abort(new Error('killed'));
    await expect(killed).rejects.toThrow();
    world.simulator.clearFaults();
    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED' });
    expect(world.mailbox.listEvents()).toHaveLength(1);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});
