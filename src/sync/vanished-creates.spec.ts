import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import { createContent, type EventInput } from '../core/event-input.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type JobId } from '../core/ids.ts';
import { CONFLICT_STRATEGIES, type ConflictStrategy } from '../core/settings.ts';

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

const VISIT: EventInput = {
  subject: 'Visit',
  start: { dateTime: '2026-03-10T09:00:00', timeZone: 'UTC' },
  end: { dateTime: '2026-03-10T10:00:00', timeZone: 'UTC' },
};
const SERIES: EventInput = {
  ...VISIT,
  recurrence: {
    pattern: { type: 'daily', interval: 1 },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 4 },
  },
};
const KINDS: [string, EventInput][] = [
  ['a single event', VISIT],
  ['a series', SERIES],
];
const EDITED: Record<ConflictStrategy, 'kept' | 'deleted' | 'waits'> = {
  prefer_local: 'kept',
  prefer_remote: 'deleted',
  prefer_latest: 'kept',
  merge: 'kept',
  manual: 'waits',
};

const subjectsThere = () => world.mailbox.listEvents().map(({ subject }) => subject);
const trailOf = async (runId: JobId) =>
  (await world.operations.list(world.db, { userId: USER, runId, limit: 10, offset: 0 })).items;

/** The waits of the broken run may have made a longer look due. */
async function expectNoMore(): Promise<void> {
  await world.sync();
  await expectQuiet(world);
}

async function breakOffCreates(): Promise<void> {
  world.simulator.failNext({ method: 'POST', path: /events$/, like: 'service-not-available', count: 'always' });
  await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
  world.simulator.clearFaults();
}

/** Created at Graph without an answer; somebody in Outlook deletes it before the create is repeated. */
async function createAndLose(id: EventId): Promise<void> {
  world.simulator.failNext({ method: 'POST', path: /events$/, kind: 'drop-after-commit' });
  await breakOffCreates();
  const [made] = world.mailbox.listEvents();
  expect((await world.get(id)).graphEventId).toBeUndefined();
  world.mailbox.deleteEvent(String(made?.['id']));
  expect(subjectsThere()).toEqual([]);
}

describe.each(KINDS)('%s whose create was never answered and that was deleted in Outlook', (_kind, input) => {
  it.each(CONFLICT_STRATEGIES)('is gone here as well when nobody has edited it: %s', async (conflictResolution) => {
    const id = await world.book(input);
    await createAndLose(id);

    const run = await world.sync({ conflictResolution });

    expect(run).toMatchObject({ status: 'COMPLETED', failedEvents: 0, localDeleted: 1, conflictsDetected: 0 });
    expect(await world.find(id)).toBeUndefined();
    expect(subjectsThere()).toEqual([]);
    expect(await trailOf(run.id)).toMatchObject([
      { eventId: id, side: 'local', operation: 'delete', reason: 'deleted in Outlook' },
    ]);
    expect(await world.allConflicts()).toEqual([]);
    await expectNoMore();
  });

  it.each(CONFLICT_STRATEGIES)('becomes what the strategy says when it was edited: %s', async (conflictResolution) => {
    const id = await world.book(input);
    await createAndLose(id);
    await world.edit(id, { subject: 'Visit, moved' });

    expect(await world.sync({ conflictResolution })).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });

    const outcome = EDITED[conflictResolution];
    expect((await world.find(id))?.content.subject).toBe(outcome === 'deleted' ? undefined : 'Visit, moved');
    expect(subjectsThere()).toEqual(outcome === 'kept' ? ['Visit, moved'] : []);
    expect(await world.allConflicts()).toMatchObject([
      {
        conflictType: 'LOCAL_UPDATE_REMOTE_DELETE',
        resolution: outcome === 'waits' ? 'PENDING' : conflictResolution.toUpperCase(),
        data: { base: { subject: 'Visit' }, local: { subject: 'Visit, moved' }, remote: null },
      },
    ]);
    if (outcome === 'kept') expect(await world.differences()).toEqual([]);
    await expectNoMore();
  });

  it('is created anew once a person decides for the edit', async () => {
    const id = await world.book(input);
    await createAndLose(id);
    await world.edit(id, { subject: 'Visit, moved' });
    await world.sync({ conflictResolution: 'manual' });
    const [conflict] = await world.pendingConflicts();
    await world.services.conflicts.resolve(USER, conflict!.id, { resolution: 'PREFER_LOCAL' });
    await world.sync();
    expect(subjectsThere()).toEqual(['Visit, moved']);
    expect(await world.differences()).toEqual([]);
    await expectNoMore();
  });

  it('stays here as it is in a run that only sends, and goes with the next one that reads', async () => {
    const id = await world.book(input);
    await createAndLose(id);
    expect(await world.sync({ direction: 'push' })).toMatchObject({ status: 'COMPLETED', localDeleted: 0 });
    expect(await world.find(id)).toBeDefined();
    expect(subjectsThere()).toEqual([]);
    expect(await world.sync()).toMatchObject({ localDeleted: 1 });
    expect(await world.find(id)).toBeUndefined();
    await expectNoMore();
  });

  it('is created anew by a run that only sends when it was edited', async () => {
    const id = await world.book(input);
    await createAndLose(id);
    await world.edit(id, { subject: 'Visit, moved' });
    await world.sync({ direction: 'push' });
    expect(subjectsThere()).toEqual(['Visit, moved']);
    expect(await world.differences()).toEqual([]);
    await expectNoMore();
  });
});

describe('an event whose create was never answered and that was deleted in Outlook', () => {
  it('is gone here with what was said about single dates before it was sent', async () => {
    const id = await world.book(SERIES);
    await world.editContent(id, (content) => ({ ...content, occurrences: { '2026-03-11': { isCancelled: true } } }));
    await createAndLose(id);
    await world.sync();
    expect(await world.find(id)).toBeUndefined();
    expect(await world.allConflicts()).toEqual([]);
    await expectNoMore();
  });

  it('is kept when a single date was changed since', async () => {
    const id = await world.book(SERIES);
    await createAndLose(id);
    await world.editContent(id, (content) => ({ ...content, occurrences: { '2026-03-11': { isCancelled: true } } }));
    await world.sync();
    expect(subjectsThere()).toEqual(['Visit']);
    expect(await world.allConflicts()).toMatchObject([{ conflictType: 'LOCAL_UPDATE_REMOTE_DELETE' }]);
    expect(await world.differences()).toEqual([]);
    await expectNoMore();
  });

  it('is gone here although its guests were kept from Outlook: nobody would ever have sent them', async () => {
    const id = await world.book({ ...VISIT, attendees: [{ emailAddress: { address: 'guest@example.com' } }] });
    await createAndLose(id);
    await world.sync();
    expect(await world.find(id)).toBeUndefined();
    expect(await world.allConflicts()).toEqual([]);
    await expectNoMore();
  });

  it('leaves what was kept from Outlook of it in the journal', async () => {
    const id = await world.book({ ...VISIT, attendees: [{ emailAddress: { address: 'ann@example.com' } }] });
    await createAndLose(id);
    await world.sync();
    const lines = await world.operations.listAllOwn(world.db, USER, { limit: 20 });
    expect(lines.filter(({ operation }) => operation === 'hold').flatMap(({ fields }) => fields)).toContain(
      'attendees',
    );
    expect(lines.find(({ operation }) => operation === 'delete')?.before?.attendees).toHaveLength(1);
    await expectNoMore();
  });

  it('invites its guests again where it is created anew', async () => {
    expectMails();
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    const id = await world.book({ ...VISIT, attendees: [{ emailAddress: { address: 'guest@example.com' } }] });
    await createAndLose(id);
    await world.edit(id, { subject: 'Visit, moved' });
    await world.sync();
    expect(subjectsThere()).toEqual(['Visit, moved']);
    expect(await world.differences()).toEqual([]);
  });

  it('goes when the process dies between the proof and the deletion', async () => {
    const id = await world.book(VISIT);
    await createAndLose(id);
    // The second look at the event is the reconciling one: its transaction never begins.
    const secondLook = { method: 'GET' as const, path: /\/events\/[^/]+/, after: 1 };
    world.simulator.failNext({ ...secondLook, status: 429, retryAfter: 600 });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'throttled' });
    expect(await world.find(id)).toBeDefined();
    world.clock.advance(600_000);
    await world.sync();
    expect(await world.find(id)).toBeUndefined();
    expect(subjectsThere()).toEqual([]);
    await expectNoMore();
  });

  it('goes after a pause where Graph breaks down over the second look at it', async () => {
    const id = await world.book(VISIT);
    await createAndLose(id);
    const secondLook = { method: 'GET' as const, path: /\/events\/[^/]+/, after: 1 };
    world.simulator.failNext({ ...secondLook, like: 'service-not-available', count: 9 });
    expect(await world.syncWhileTimePasses()).toMatchObject({ status: 'COMPLETED', failedEvents: 1 });
    world.simulator.clearFaults();
    expect(await world.find(id)).toBeDefined();
    world.clock.advance(120_000);
    await world.sync();
    expect(await world.find(id)).toBeUndefined();
    expect(subjectsThere()).toEqual([]);
    await expectNoMore();
  });

  it('is left alone while its calendar cannot be found', async () => {
    const id = await world.book(VISIT);
    await createAndLose(id);
    world.simulator.failNext({ method: 'POST', path: /events$/, like: 'item-not-found', count: 'always' });
    await world.syncWhileTimePasses().catch(() => {});
    world.simulator.clearFaults();
    expect(await world.find(id)).toBeDefined();
    expect(await world.allConflicts()).toEqual([]);
    await world.sync();
    expect(await world.find(id)).toBeUndefined();
    await expectNoMore();
  });
});

describe('an event written again under the id of one that was deleted on both sides', () => {
  it('is created, also when the first answer to its create never came', async () => {
    const id = await world.book(VISIT);
    await world.sync();
    await world.remove(id);
    await world.sync();
    expect(subjectsThere()).toEqual([]);
    const now = world.clock.now();
    const content = createContent({ ...VISIT, subject: 'Visit, once more' });
    const row = { id, calendarId: DEFAULT_CALENDAR_ID, content, lastModifiedAt: now, createdAt: now };
    await world.db.transaction((tx) => world.events.saveMany(tx, USER, [row]));
    await breakOffCreates();
    await world.sync();
    expect(subjectsThere()).toEqual(['Visit, once more']);
    expect(await world.differences()).toEqual([]);
    expect(await world.allConflicts()).toEqual([]);
    await expectNoMore();
  });
});

describe('an event whose create Graph refused although it had carried it out', () => {
  const refuse = (count: number) =>
    world.simulator.failNext({
      ...{ method: 'POST', path: /events$/, kind: 'status-after-commit', like: 'conflict-412', count },
    });

  it('is known again, and not made twice', async () => {
    const id = await world.book(VISIT);
    refuse(2);
    await world.syncWhileTimePasses().catch(() => undefined);
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await world.syncWhileTimePasses();
    expect(await world.get(id)).toMatchObject({ graphEventId: expect.any(String) });
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectNoMore();
  });

  it('is gone here as well when somebody deleted it in Outlook meanwhile', async () => {
    const id = await world.book(VISIT);
    refuse(2);
    await world.syncWhileTimePasses().catch(() => undefined);
    world.mailbox.deleteEvent(String(world.mailbox.listEvents()[0]?.['id']));
    await world.syncWhileTimePasses();
    expect(await world.find(id)).toBeUndefined();
    expect(world.mailbox.listEvents()).toEqual([]);
    await expectNoMore();
  });
});

describe('an event whose create is repeated at once', () => {
  const loseAnswer = () =>
    world.simulator.failNext({ method: 'POST', path: /events$/, kind: 'status-after-commit', like: 'bad-gateway' });
  const deleteBeforeRepetition = () => {
    let seen = 0;
    world.onRequest(
      /events$|batch$/,
      () => {
        seen += 1;
        if (seen === 2) world.mailbox.deleteEvent(String(world.mailbox.listEvents()[0]?.['id']));
      },
      2,
    );
  };

  it.each([1, 2])('is gone here as well when somebody deleted it in Outlook in between, one of %d', async (count) => {
    const ids = await world.bookAll(Array.from({ length: count }, (_, n) => ({ ...VISIT, subject: `Visit ${n}` })));
    loseAnswer();
    deleteBeforeRepetition();

    await world.syncWhileTimePasses();
    await world.syncWhileTimePasses();

    const left = await Promise.all(ids.map((id) => world.find(id)));
    expect(left.filter((event) => event === undefined)).toHaveLength(1);
    expect(world.mailbox.listEvents()).toHaveLength(count - 1);
    expect(await world.differences()).toEqual([]);
    await expectNoMore();
  });
});
