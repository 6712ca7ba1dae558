import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';
import { CONFLICT_STRATEGIES, type ConflictStrategy } from '../core/settings.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const MINUTE_MS = 60_000;

function visit(change: EventInput = {}): EventInput {
  return { subject: 'Visit', start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00'), ...change };
}

/** An event both sides agree on. */
async function agreed(change: EventInput = {}): Promise<{ id: EventId; graphId: string }> {
  const id = await world.book(visit(change));
  await world.sync();
  return { id, graphId: (await world.get(id)).graphEventId! };
}

const there = (graphId: string) => world.mailbox.getEvent(graphId);
const last = <T>(items: readonly T[]): T => items.at(-1) as T;

/** Who is to be the later one under `prefer_latest`. */
type Later = 'local' | 'remote';

describe.each(CONFLICT_STRATEGIES)('%s', (strategy) => {
  const expected: Record<ConflictStrategy, Record<Later, 'local' | 'remote' | 'waits'>> = {
    prefer_local: { local: 'local', remote: 'local' },
    prefer_remote: { local: 'remote', remote: 'remote' },
    prefer_latest: { local: 'local', remote: 'remote' },
    merge: { local: 'waits', remote: 'waits' },
    manual: { local: 'waits', remote: 'waits' },
  };

  it.each(['local', 'remote'] as const)('decides an edit on both sides, the %s one later', async (later) => {
    const { id, graphId } = await agreed({ body: { contentType: 'text', content: 'Agenda' } });
    const edits = {
      local: () => world.edit(id, { subject: 'here', categories: ['Travel'] }),
      remote: async () => {
        world.mailbox.updateEvent(graphId, { subject: 'there', location: { displayName: 'Yard' } });
      },
    };
    const earlier = later === 'local' ? 'remote' : 'local';
    world.clock.advance(MINUTE_MS);
    await edits[earlier]();
    world.clock.advance(MINUTE_MS);
    await edits[later]();
    world.clock.advance(MINUTE_MS);
    const run = await world.sync({ conflictResolution: strategy });
    expect(run).toMatchObject({ status: 'COMPLETED', conflictsDetected: 1 });

    const outcome = expected[strategy][later];
    const record = last(await world.allConflicts());
    expect(record).toMatchObject({
      conflictType: 'UPDATE_UPDATE',
      units: ['subject'],
      data: { base: { subject: 'Visit' }, local: { subject: 'here' }, remote: { subject: 'there' } },
      resolution: outcome === 'waits' ? 'PENDING' : strategy.toUpperCase(),
    });
    // What does not collide flows whatever is decided about the rest.
    expect((await world.get(id)).content).toMatchObject({
      locations: [{ displayName: 'Yard' }],
      categories: ['Travel'],
    });
    expect(there(graphId)).toMatchObject({ location: { displayName: 'Yard' }, categories: ['Travel'] });
    if (outcome === 'waits') {
      expect((await world.get(id)).content.subject).toBe('here');
      expect(there(graphId)?.subject).toBe('there');
    } else {
      expect((await world.get(id)).content.subject).toBe(outcome === 'local' ? 'here' : 'there');
      expect(there(graphId)?.subject).toBe(outcome === 'local' ? 'here' : 'there');
    }
    await expectQuiet(world);
  });

  it('decides a deletion here against an edit in Outlook', async () => {
    const { id, graphId } = await agreed();
    world.clock.advance(MINUTE_MS);
    await world.remove(id);
    world.clock.advance(MINUTE_MS);
    world.mailbox.updateEvent(graphId, { subject: 'there' });
    await world.sync({ conflictResolution: strategy });
    const outcome = {
      prefer_local: 'deleted',
      prefer_remote: 'kept',
      prefer_latest: 'kept',
      merge: 'kept',
      manual: 'waits',
    }[strategy];
    expect(last(await world.allConflicts())).toMatchObject({
      conflictType: 'LOCAL_DELETE_REMOTE_UPDATE',
      data: { base: { subject: 'Visit' }, local: null, remote: { subject: 'there' } },
    });
    expect((await world.find(id))?.content.subject).toBe(outcome === 'kept' ? 'there' : undefined);
    expect(there(graphId)?.subject).toBe(outcome === 'deleted' ? undefined : 'there');
    await expectQuiet(world);
  });

  it('decides an edit here against a deletion in Outlook', async () => {
    const { id, graphId } = await agreed();
    await world.edit(id, { subject: 'here' });
    world.mailbox.deleteEvent(graphId);
    await world.sync({ conflictResolution: strategy });
    const outcome = {
      prefer_local: 'kept',
      prefer_remote: 'deleted',
      prefer_latest: 'kept',
      merge: 'kept',
      manual: 'waits',
    }[strategy];
    expect(last(await world.allConflicts())).toMatchObject({
      conflictType: 'LOCAL_UPDATE_REMOTE_DELETE',
      data: { base: { subject: 'Visit' }, local: { subject: 'here' }, remote: null },
    });
    expect((await world.find(id))?.content.subject).toBe(outcome === 'deleted' ? undefined : 'here');
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(outcome === 'kept' ? ['here'] : []);
    await expectQuiet(world);
  });

  it('decides what was made on both sides differently', async () => {
    const when = { start: berlin('2026-03-12T09:00:00'), end: berlin('2026-03-12T10:00:00') };
    const id = await world.book(
      visit({ subject: 'Same', ...when, showAs: 'free', location: { displayName: 'Room 1' } }),
    );
    world.clock.advance(MINUTE_MS);
    const { id: graphId } = world.mailbox.createEvent({ subject: 'Same', ...when, showAs: 'oof' });
    await world.sync({ conflictResolution: strategy });
    const outcome = {
      prefer_local: 'free',
      prefer_remote: 'oof',
      prefer_latest: 'oof',
      merge: 'waits',
      manual: 'waits',
    }[strategy];
    const record = last(await world.allConflicts());
    expect(record).toMatchObject({ conflictType: 'DUPLICATE_CREATE', data: { base: null } });
    expect(record.units).toContain('showAs');
    expect((await world.get(id)).content.showAs).toBe(outcome === 'waits' ? 'free' : outcome);
    expect(there(graphId)?.showAs).toBe(outcome === 'waits' ? 'oof' : outcome);
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectQuiet(world);
  });
});

describe('prefer_latest', () => {
  it('compares instants by one clock, whatever Graph’s says', async () => {
    await world.close();
    // Graph's clock runs ten minutes ahead of ours: its edit only looks later.
    world = await SyncWorld.open({ graphClockAheadMs: 10 * MINUTE_MS });
    const { id, graphId } = await agreed();
    world.clock.advance(MINUTE_MS);
    world.mailbox.updateEvent(graphId, { subject: 'there' });
    world.clock.advance(MINUTE_MS);
    await world.edit(id, { subject: 'here' });
    await world.sync({ conflictResolution: 'prefer_latest' });
    expect(there(graphId)?.subject).toBe('here');
    await expectQuiet(world);
  });
});

describe('a person who prefers the latest', () => {
  it('gets the later edit by one clock, whatever Graph’s says', async () => {
    await world.close();
    world = await SyncWorld.open({ graphClockAheadMs: 10 * MINUTE_MS });
    const { id, graphId } = await agreed();
    world.clock.advance(MINUTE_MS);
    world.mailbox.updateEvent(graphId, { subject: 'there' });
    world.clock.advance(MINUTE_MS);
    await world.edit(id, { subject: 'here' });
    await world.sync({ conflictResolution: 'manual' });
    const [pending] = await world.pendingConflicts();
    const { jobId } = await world.services.conflicts.resolve(USER, pending!.id, { resolution: 'PREFER_LATEST' });
    await world.carryOut(jobId);
    expect(there(graphId)?.subject).toBe('here');
    await expectQuiet(world);
  });
});

describe('merge', () => {
  it('unites additions to and removals from categories', async () => {
    const { id, graphId } = await agreed({ categories: ['both', 'gone here', 'gone there'] });
    await world.edit(id, { categories: ['both', 'gone there', 'new here'] });
    world.mailbox.updateEvent(graphId, { categories: ['both', 'gone here', 'new there'] });
    expect(await world.sync({ conflictResolution: 'merge' })).toMatchObject({ status: 'COMPLETED' });
    const united = ['both', 'new here', 'new there'];
    expect([...(await world.get(id)).content.categories].sort()).toEqual(united);
    expect([...(there(graphId)?.categories ?? [])].sort()).toEqual(united);
    await expectQuiet(world);
  });

  it('treats start, end, zone and all-day as one: no half of one meeting with half of another', async () => {
    const { id, graphId } = await agreed();
    await world.edit(id, { end: berlin('2026-03-10T12:00:00') });
    world.mailbox.updateEvent(graphId, { start: berlin('2026-03-10T08:00:00'), end: berlin('2026-03-10T09:00:00') });
    await world.sync({ conflictResolution: 'merge' });
    expect(last(await world.pendingConflicts())).toMatchObject({ units: ['time'] });
    expect((await world.get(id)).content.end.dateTime).toContain('12:00:00');
    expect(there(graphId)?.end.dateTime).toContain('T08:00:00');
    await expectQuiet(world);
  });

  it('merges a series date by date', async () => {
    const { id, graphId } = await agreed({
      recurrence: {
        pattern: { type: 'daily', interval: 1 },
        range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 10 },
      },
    });
    await world.editContent(id, (content) => ({
      ...content,
      occurrences: { ...content.occurrences, '2026-03-12': { isCancelled: false, fields: { subject: 'here' } } },
    }));
    world.mailbox.updateOccurrence(graphId, '2026-03-13', { subject: 'there' });
    world.mailbox.deleteOccurrence(graphId, '2026-03-14');
    await world.sync({ conflictResolution: 'merge' });
    expect(await world.allConflicts()).toEqual([]);
    expect((await world.get(id)).content.occurrences).toMatchObject({
      '2026-03-12': { fields: { subject: 'here' } },
      '2026-03-13': { fields: { subject: 'there' } },
      '2026-03-14': { isCancelled: true },
    });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});

describe('a conflict that waits', () => {
  async function waiting(): Promise<{ id: EventId; graphId: string }> {
    const event = await agreed();
    await world.edit(event.id, { subject: 'here' });
    world.mailbox.updateEvent(event.graphId, { subject: 'there' });
    await world.sync({ conflictResolution: 'manual' });
    return event;
  }

  it('is one record however often the sides change again, and every other field keeps flowing', async () => {
    const { id, graphId } = await waiting();
    await world.edit(id, { subject: 'here again', showAs: 'oof' });
    await world.sync({ conflictResolution: 'manual' });
    world.mailbox.updateEvent(graphId, { subject: 'there again', importance: 'high' });
    await world.sync({ conflictResolution: 'manual' });
    const records = await world.allConflicts();
    expect(records).toHaveLength(1);
    expect(records[0]?.data).toMatchObject({ local: { subject: 'here again' }, remote: { subject: 'there again' } });
    expect(there(graphId)).toMatchObject({ subject: 'there again', showAs: 'oof' });
    expect((await world.get(id)).content).toMatchObject({ subject: 'here again', importance: 'high' });
    await expectQuiet(world);
  });

  it('settles by itself when both sides come to say the same', async () => {
    const { graphId } = await waiting();
    world.mailbox.updateEvent(graphId, { subject: 'here' });
    await world.sync({ conflictResolution: 'manual' });
    expect(await world.pendingConflicts()).toEqual([]);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it.each([
    ['PREFER_LOCAL', 'here'],
    ['PREFER_REMOTE', 'there'],
    ['prefer_latest', 'there'],
    ['MERGE', 'there'],
  ])('ends as the person decides: %s', async (resolution, subject) => {
    const event = await agreed();
    world.clock.advance(MINUTE_MS);
    await world.edit(event.id, { subject: 'here' });
    world.clock.advance(MINUTE_MS);
    world.mailbox.updateEvent(event.graphId, { subject: 'there' });
    await world.sync({ conflictResolution: 'manual' });
    const [pending] = await world.pendingConflicts();
    const { jobId, conflict } = await world.services.conflicts.resolve(USER, pending!.id, {
      resolution,
      resolvedData: { reason: 'asked' },
    });
    expect(conflict).toMatchObject({ resolution: resolution.toUpperCase(), resolutionData: { reason: 'asked' } });
    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED' });
    expect((await world.get(event.id)).content.subject).toBe(subject);
    expect(there(event.graphId)?.subject).toBe(subject);
    await expectQuiet(world);
    await expect(world.services.conflicts.resolve(USER, pending!.id, { resolution })).rejects.toMatchObject({
      code: 'conflict-state',
    });
  });

  it('takes the person’s own words', async () => {
    const { id, graphId } = await waiting();
    const [pending] = await world.pendingConflicts();
    const { jobId } = await world.services.conflicts.resolve(USER, pending!.id, {
      resolution: 'MANUAL',
      resolvedData: { event: { subject: 'both', location: { displayName: 'Yard' } }, reason: 'a compromise' },
    });
    await world.carryOut(jobId);
    expect(there(graphId)).toMatchObject({ subject: 'both', location: { displayName: 'Yard' } });
    expect((await world.get(id)).content).toMatchObject({ subject: 'both', locations: [{ displayName: 'Yard' }] });
    await expectQuiet(world);
  });

  it('keeps in its record what was written here after it was shown, and the decision overwrites', async () => {
    const { id } = await waiting();
    const [pending] = await world.pendingConflicts();
    await world.edit(id, { subject: 'here, again' });
    const { jobId } = await world.services.conflicts.resolve(USER, pending!.id, {
      resolution: 'MANUAL',
      resolvedData: { event: { subject: 'both' } },
    });
    await world.carryOut(jobId);
    expect((await world.get(id)).content.subject).toBe('both');
    const records = await world.allConflicts();
    expect(records.map(({ id: recordId, data }) => [recordId, data.local?.subject])).toEqual([
      [pending!.id, 'here, again'],
    ]);
    await expectQuiet(world);
  });

  it('of a deletion here can be decided either way', async () => {
    for (const [resolution, isKept] of [
      ['PREFER_LOCAL', false],
      ['PREFER_REMOTE', true],
    ] as const) {
      const { id, graphId } = await agreed();
      await world.remove(id);
      world.mailbox.updateEvent(graphId, { subject: `there ${resolution}` });
      await world.sync({ conflictResolution: 'manual' });
      const [pending] = await world.pendingConflicts();
      const { jobId } = await world.services.conflicts.resolve(USER, pending!.id, { resolution });
      await world.carryOut(jobId);
      expect((await world.find(id)) !== undefined).toBe(isKept);
      expect(there(graphId) !== undefined).toBe(isKept);
      expect(await world.differences()).toEqual([]);
      await expectQuiet(world);
    }
  });

  it('of a deletion in Outlook can be decided either way', async () => {
    for (const [resolution, isKept] of [
      ['PREFER_LOCAL', true],
      ['PREFER_REMOTE', false],
    ] as const) {
      const { id, graphId } = await agreed({ subject: resolution });
      await world.edit(id, { subject: `here ${resolution}` });
      world.mailbox.deleteEvent(graphId);
      await world.sync({ conflictResolution: 'manual' });
      const [pending] = await world.pendingConflicts();
      const { jobId } = await world.services.conflicts.resolve(USER, pending!.id, { resolution });
      await world.carryOut(jobId);
      expect((await world.find(id)) !== undefined).toBe(isKept);
      expect(await world.differences()).toEqual([]);
      await expectQuiet(world);
    }
  });
});
