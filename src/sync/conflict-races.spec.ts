import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId, JobId } from '../core/ids.ts';

let world: SyncWorld;
beforeAll(async () => {
  await openWorldDatabase();
});
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const there = (graphId: string) => world.mailbox.getEvent(graphId);

async function waiting(change: EventInput = {}): Promise<{ id: EventId; graphId: string }> {
  const id = await world.book({
    subject: 'Visit',
    start: berlin('2026-03-10T09:00:00'),
    end: berlin('2026-03-10T10:00:00'),
    ...change,
  });
  await world.sync();
  const graphId = (await world.get(id)).graphEventId!;
  await world.edit(id, { subject: 'here' });
  world.mailbox.updateEvent(graphId, { subject: 'there' });
  await world.sync({ conflictResolution: 'manual' });
  return { id, graphId };
}

const resolve = async (resolution: string): Promise<JobId> => {
  const [pending] = await world.pendingConflicts();
  return (await world.services.conflicts.resolve(USER, pending!.id, { resolution })).jobId;
};

describe('an event of which one field waits for a decision', () => {
  it('keeps what is edited in its other fields, edit after edit', async () => {
    const { id, graphId } = await waiting();
    await world.edit(id, { showAs: 'oof' });
    await world.sync({ conflictResolution: 'manual' });
    await world.edit(id, { categories: ['Travel'] });
    await world.sync({ conflictResolution: 'manual' });
    expect((await world.get(id)).content).toMatchObject({ showAs: 'oof', categories: ['Travel'], subject: 'here' });
    expect(there(graphId)).toMatchObject({ showAs: 'oof', categories: ['Travel'], subject: 'there' });
    await expectQuiet(world);
  });

  it.each(['PREFER_LOCAL', 'PREFER_REMOTE'])('keeps them when the field is decided (%s)', async (resolution) => {
    const { id, graphId } = await waiting({ body: { contentType: 'text', content: 'old words' } });
    await world.edit(id, { body: { contentType: 'text', content: 'new words' } });
    await world.sync({ conflictResolution: 'manual' });
    await world.carryOut(await resolve(resolution));
    expect((await world.get(id)).content.body?.content).toBe('new words');
    expect(there(graphId)?.body.content).toContain('new words');
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('is decided for good also while a run is sending another field of it', async () => {
    const { id, graphId } = await waiting();
    await world.edit(id, { showAs: 'oof' });
    let decided: Promise<JobId> | undefined;
    world.onRequest(
      /events\/[^/]+$/,
      ({ method }) => {
        if (method === 'PATCH') decided ??= resolve('PREFER_LOCAL');
      },
      50,
    );
    await world.sync({ conflictResolution: 'manual' });
    world.stopWatching();
    await world.carryOut((await decided)!);
    expect(there(graphId)).toMatchObject({ subject: 'here', showAs: 'oof' });
    const base = (await world.bases.findByEventIds(world.db, USER, [id])).get(id);
    expect(base?.conflictUnits).toEqual([]);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('tells of a deletion in Outlook as soon as a run sees it, and can be deleted here too', async () => {
    const { id, graphId } = await waiting();
    world.mailbox.deleteEvent(graphId);
    await world.sync({ conflictResolution: 'manual' });
    expect(await world.pendingConflicts()).toMatchObject([
      { conflictType: 'LOCAL_UPDATE_REMOTE_DELETE', data: { local: { subject: 'here' }, remote: null } },
    ]);
    await expectQuiet(world);
    await world.carryOut(await resolve('PREFER_REMOTE'));
    expect(await world.find(id)).toBeUndefined();
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});

describe('a policy that changes while a run is at work', () => {
  it('lets what was held back be looked at again all the same', async () => {
    expectMails();
    world.simulator.quietly(() =>
      world.mailbox.createEvent({
        subject: 'Board',
        start: berlin('2026-03-12T09:00:00'),
        end: berlin('2026-03-12T10:00:00'),
        attendees: [{ type: 'required', emailAddress: { address: 'guest@example.com' } }],
      }),
    );
    await world.sync();
    const board = await world.bySubject('Board');
    await world.edit(board.id, { subject: 'Board, moved' });
    await world.sync();
    await world.edit(board.id, { categories: ['Travel'] });
    let put: Promise<unknown> | undefined;
    world.onRequest(
      /events\/[^/]+$/,
      ({ method }) => {
        if (method === 'PATCH') put ??= world.services.settings.put(USER, { notifyAttendees: 'changes' });
      },
      50,
    );
    await world.sync();
    world.stopWatching();
    await put;
    await world.sync();
    expect(there(board.graphEventId!)?.subject).toBe('Board, moved');
  });
});

describe('a run that only pushes', () => {
  it('writes nothing here when Outlook was faster, loses neither edit, and the next pull brings the other one', async () => {
    const id = await world.book({
      subject: 'Visit',
      start: berlin('2026-03-10T09:00:00'),
      end: berlin('2026-03-10T10:00:00'),
    });
    await world.sync();
    const graphId = (await world.get(id)).graphEventId!;
    world.mailbox.updateEvent(graphId, { location: { displayName: 'Yard' } });
    await world.edit(id, { subject: 'here' });
    expect(await world.sync({ direction: 'push' })).toMatchObject({ status: 'COMPLETED', localUpdated: 0 });
    expect((await world.get(id)).content.locations).toEqual([]);
    expect(there(graphId)).toMatchObject({ subject: 'here', location: { displayName: 'Yard' } });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localUpdated: 1 });
    expect((await world.get(id)).content.locations).toMatchObject([{ displayName: 'Yard' }]);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('deletes nothing here, whatever the strategy: what Outlook deleted and was edited here is created again', async () => {
    const id = await world.book({
      subject: 'Visit',
      start: berlin('2026-03-10T09:00:00'),
      end: berlin('2026-03-10T10:00:00'),
    });
    await world.sync();
    world.mailbox.deleteEvent((await world.get(id)).graphEventId!);
    await world.edit(id, { subject: 'here' });
    const run = await world.sync({ direction: 'push', conflictResolution: 'prefer_remote' });
    expect(run).toMatchObject({ status: 'COMPLETED', localDeleted: 0 });
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['here']);
    expect(await world.allConflicts()).toMatchObject([{ conflictType: 'LOCAL_UPDATE_REMOTE_DELETE' }]);
    await world.sync();
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});
