import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { CalendarId, EventId, JobId, UserId } from '../core/ids.ts';
import type { RunView } from './run-view.ts';

const BOB = 'bob' as UserId;

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const runs = () => world.services.runService;
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });

function visit(subject: string, day = '2026-03-10', change: EventInput = {}): EventInput {
  return { subject, start: berlin(`${day}T09:00:00`), end: berlin(`${day}T10:00:00`), ...change };
}

/** Something both sides hold, many times over, and then one side loses. */
async function emptiedOutlook(count: number): Promise<EventId[]> {
  const ids = await world.bookAll(Array.from({ length: count }, (_, index) => visit(`visit ${index}`)));
  await world.sync();
  for (const { id } of world.mailbox.listEvents()) world.mailbox.deleteEvent(id);
  return ids;
}

describe('starting a run', () => {
  it('queues it for the default calendar unless another is named, and joins one that does the same', async () => {
    const first = await runs().start(USER, {}, { correlationId: 'c-1' });
    expect(first.status).toBe('started');
    expect(await world.run(first.jobId)).toMatchObject({ calendarId: 'default', trigger: 'api', correlationId: 'c-1' });
    expect(await runs().start(USER, { calendarId: 'default' })).toEqual({
      jobId: first.jobId,
      status: 'already_running',
    });
    const other = await runs().start(USER, { direction: 'pull' });
    expect(other).toMatchObject({ status: 'started' });
    expect(other.jobId).not.toBe(first.jobId);
    expect(await runs().start(USER, { calendarId: 'all' })).toMatchObject({ status: 'started' });
  });

  it('keeps what was asked for and leaves the rest to the settings at run time', async () => {
    const dateRange = { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00+02:00' };
    const { jobId } = await runs().start(USER, { dateRange, conflictResolution: 'merge', forceFull: true });
    const run = await world.run(jobId);
    expect(run.request).toEqual({ dateRange, conflictResolution: 'merge', forceFull: true });
    expect(run.direction).toBe('bidirectional');
  });

  it.each([
    ['a date without a zone', { start: '2026-03-01T00:00:00', end: '2026-03-02T00:00:00Z' }, 'dateRange.start'],
    ['a bare date', { start: '2026-03-01T00:00:00Z', end: '2026-03-02' }, 'dateRange.end'],
    ['no date at all', { start: 'yesterday', end: '2026-03-02T00:00:00Z' }, 'dateRange.start'],
    ['a day that does not exist', { start: '2026-13-01T00:00:00Z', end: '2026-03-02T00:00:00Z' }, 'dateRange.start'],
  ])('refuses a range with %s', async (_case, dateRange, path) => {
    await expect(runs().start(USER, { dateRange })).rejects.toMatchObject({
      code: 'invalid-input',
      problems: [{ path }],
    });
  });

  it('refuses a range that ends before it starts, and one longer than Graph serves', async () => {
    const ends = { start: '2026-03-02T00:00:00Z', end: '2026-03-02T01:00:00+01:00' };
    await expect(runs().start(USER, { dateRange: ends })).rejects.toMatchObject({ code: 'impossible-input' });
    const long = { start: '2020-01-01T00:00:00Z', end: '2026-01-01T00:00:00Z' };
    await expect(runs().start(USER, { dateRange: long })).rejects.toMatchObject({ code: 'impossible-input' });
  });

  it('refuses a calendar that is not in the mailbox, and a user without one', async () => {
    await expect(runs().start(USER, { calendarId: 'other' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(runs().start(USER, { calendarId: 'a\0b' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(runs().start(BOB, {})).rejects.toMatchObject({ code: 'not-connected' });
  });
});

describe('a run stopped by the brake', () => {
  it('shows what it would have deleted, and goes ahead with just that once confirmed', async () => {
    const ids = await emptiedOutlook(25);
    const stopped = await world.sync();
    const view = await runs().status(USER, stopped.id);
    expect(view).toMatchObject({
      status: 'FAILED',
      error: {
        code: 'MASS_DELETE_REFUSED',
        details: { side: 'local', count: 25, of: 25, confirmationToken: expect.any(String) },
      },
    });
    expect(JSON.stringify(view)).not.toContain(ids[0]);
    const confirmDeletions = String(view.error?.details?.['confirmationToken']);
    const { jobId } = await runs().start(USER, { confirmDeletions });
    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED', localDeleted: 25 });
    expect(await world.all()).toEqual([]);
  });

  it('takes a confirmation only from the user whose run it was, and only for a run that was stopped', async () => {
    await emptiedOutlook(25);
    const { id } = await world.sync();
    const { error } = await runs().status(USER, id);
    const token = String(error?.details?.['confirmationToken']);
    await expect(runs().start(USER, { confirmDeletions: `${id}.guessed` })).rejects.toMatchObject({
      code: 'invalid-input',
      problems: [{ path: 'confirmDeletions' }],
    });
    await expect(runs().start(USER, { confirmDeletions: 'a\0b' })).rejects.toMatchObject({ code: 'invalid-input' });
    await world.services.connectionService.connectApplication(
      { userId: BOB, roles: ['admin'], mailboxes: [] },
      { mailbox: world.mailbox.address },
    );
    await expect(runs().start(BOB, { confirmDeletions: token })).rejects.toMatchObject({ code: 'invalid-input' });
  });
});

describe('the status of a run', () => {
  it('has every member of the contract from the beginning, and no start before the work begins', async () => {
    const { jobId } = await runs().start(USER, {});
    expect(await runs().status(USER, jobId)).toEqual({
      jobId,
      status: 'PENDING',
      direction: 'bidirectional',
      calendarId: 'default',
      progress: { total: 0, processed: 0, percentage: 0 },
      startedAt: null,
      completedAt: null,
      result: {
        totalEvents: 0,
        createdEvents: 0,
        updatedEvents: 0,
        deletedEvents: 0,
        conflictsDetected: 0,
        failedEvents: 0,
        local: { created: 0, updated: 0, deleted: 0 },
        remote: { created: 0, updated: 0, deleted: 0 },
        graphRequests: 0,
        durationMs: null,
      },
      error: null,
    });
  });

  it('tells at the end what was done on each side', async () => {
    await world.bookAll([visit('here'), visit('here too', '2026-03-12')]);
    world.mailbox.createEvent(visit('there', '2026-03-11'));
    const { id } = await world.sync();
    expect(await runs().status(USER, id)).toMatchObject({
      status: 'COMPLETED',
      progress: { percentage: 100 },
      startedAt: '2026-03-02T08:00:00.000Z',
      completedAt: '2026-03-02T08:00:00.000Z',
      result: { createdEvents: 3, local: { created: 1 }, remote: { created: 2 }, durationMs: 0 },
      error: null,
    });
  });

  it('is for its user and operators only', async () => {
    const { jobId } = await runs().start(USER, {});
    await expect(runs().status(BOB, jobId)).rejects.toMatchObject({ code: 'not-found' });
    await expect(runs().status(USER, 'no\0job' as JobId)).rejects.toMatchObject({ code: 'not-found' });
    await expect(runs().status(undefined, jobId)).resolves.toMatchObject({ jobId });
  });

  it('never goes back in percent, also while the total grows', async () => {
    const { jobId } = await runs().start(USER, {});
    const shown: number[] = [];
    for (const [processedEvents, totalEvents] of [
      [0, 0],
      [50, 100],
      [50, 400],
      [390, 400],
      [400, 400],
      [400, 800],
    ] as const) {
      await world.db.transaction((tx) =>
        world.runs.update(tx, jobId, { status: 'IN_PROGRESS', processedEvents, totalEvents }),
      );
      const { progress } = await runs().status(USER, jobId);
      expect(progress).toMatchObject({ total: totalEvents, processed: processedEvents });
      shown.push(progress.percentage);
    }
    expect(shown).toEqual([0, 50, 50, 97, 99, 99]);
    await world.db.transaction((tx) => world.runs.update(tx, jobId, { status: 'FAILED' }));
    expect((await runs().status(USER, jobId)).progress.percentage).toBe(99);
    await world.db.transaction((tx) => world.runs.update(tx, jobId, { status: 'COMPLETED' }));
    expect((await runs().status(USER, jobId)).progress.percentage).toBe(100);
  });

  it('goes on counting when an interrupted run is taken up again', async () => {
    world = await reopen({ GRAPH_PAGE_SIZE: '5' });
    for (let index = 0; index < 12; index += 1) world.mailbox.createEvent(visit(`there ${index}`, '2026-03-11'));
    const jobId = await world.enqueue();
    world.simulator.failNext({ path: /delta/, after: 2, count: 50, status: 503 });
    await expect(world.whileTimePasses(() => world.carryOut(jobId))).rejects.toMatchObject({ code: 'unavailable' });
    const interrupted = await runs().status(USER, jobId);
    expect(interrupted).toMatchObject({
      status: 'IN_PROGRESS',
      progress: { processed: 10, total: 15, percentage: 66 },
      result: { local: { created: 10 } },
    });
    world.simulator.clearFaults();
    await world.whileTimePasses(() => world.carryOut(jobId));
    const ended = await runs().status(USER, jobId);
    expect(ended).toMatchObject({ status: 'COMPLETED', result: { totalEvents: 12, local: { created: 12 } } });
    expect(ended.result.graphRequests).toBeGreaterThan(interrupted.result.graphRequests);
  });
});

describe('cancelling', () => {
  it('ends a waiting run at once, whose turn then does nothing', async () => {
    await world.book(visit('here'));
    const { jobId } = await runs().start(USER, {});
    world.clock.advance(5_000);
    expect(await runs().cancel(USER, jobId)).toMatchObject({
      status: 'CANCELLED',
      startedAt: null,
      completedAt: '2026-03-02T08:00:05.000Z',
    });
    expect(await world.carryOutOnce(jobId)).toEqual({ continuation: false });
    expect(world.mailbox.listEvents()).toEqual([]);
    await expect(runs().cancel(USER, jobId)).rejects.toMatchObject({ code: 'conflict-state' });
    expect(await runs().start(USER, {})).toMatchObject({ status: 'started' });
  });

  it('asks a run at work, which ends at its next safe point with what it has done', async () => {
    world = await reopen({ GRAPH_PAGE_SIZE: '5' });
    for (let index = 0; index < 12; index += 1) world.mailbox.createEvent(visit(`there ${index}`, '2026-03-11'));
    const jobId = await world.enqueue();
    // The third page makes it wait, long enough to be cancelled meanwhile.
    world.simulator.failNext({ path: /delta/, after: 2, status: 429, retryAfter: 60 });
    const working = world.carryOut(jobId);
    await expect.poll(async () => (await world.run(jobId)).localCreated).toBe(10);
    expect(await runs().cancel(USER, jobId)).toMatchObject({ status: 'IN_PROGRESS' });
    expect(await world.whileTimePasses(() => working)).toMatchObject({ status: 'CANCELLED', localCreated: 10 });
    expect(await world.all()).toHaveLength(10);
    expect(await world.syncWhileTimePasses()).toMatchObject({ status: 'COMPLETED', localCreated: 2 });
  });

  it('ends a run at once that waits for another try, because nobody is at work on it', async () => {
    const { jobId } = await runs().start(USER, {});
    await world.db.transaction((tx) =>
      world.runs.update(tx, jobId, { status: 'IN_PROGRESS', startedAt: world.clock.now() }),
    );
    world.clock.advance(30_000);
    expect(await runs().cancel(USER, jobId)).toMatchObject({ status: 'CANCELLED', result: { durationMs: 30_000 } });
  });

  it('does not come too late for a run that is just about to begin', async () => {
    const { jobId } = await runs().start(USER, {});
    await runs().cancel(USER, jobId);
    expect(await world.db.transaction((tx) => world.runs.begin(tx, jobId, world.clock.now()))).toBe(false);
    expect(await world.run(jobId)).toMatchObject({ status: 'CANCELLED' });
  });

  it('is for the user and admins only', async () => {
    const { jobId } = await runs().start(USER, {});
    await expect(runs().cancel(BOB, jobId)).rejects.toMatchObject({ code: 'not-found' });
    await expect(runs().cancel(undefined, jobId)).resolves.toMatchObject({ status: 'CANCELLED' });
  });
});

describe('watching', () => {
  const watched: RunView[] = [];
  async function watch(jobId: JobId, signal = new AbortController().signal): Promise<void> {
    watched.length = 0;
    for await (const view of runs().watch(USER, jobId, signal)) watched.push(view);
  }

  it('tells the status at once, every change, and ends with the last', async () => {
    const { jobId } = await runs().start(USER, {});
    const ended = watch(jobId);
    await expect.poll(() => watched.length).toBe(1);
    await world.db.transaction((tx) =>
      world.runs.update(tx, jobId, { status: 'IN_PROGRESS', processedEvents: 1, totalEvents: 4 }),
    );
    world.clock.advance(300);
    await expect.poll(() => watched.length).toBe(2);
    world.clock.advance(300);
    await world.db.transaction((tx) =>
      world.runs.update(tx, jobId, { status: 'COMPLETED', completedAt: world.clock.now() }),
    );
    await world.whileTimePasses(() => ended);
    expect(watched.map(({ status, progress }) => [status, progress.percentage])).toEqual([
      ['PENDING', 0],
      ['IN_PROGRESS', 25],
      ['COMPLETED', 100],
    ]);
  });

  it('ends when nobody listens any more, and when the run is erased', async () => {
    const { jobId } = await runs().start(USER, {});
    const listener = new AbortController();
    const left = watch(jobId, listener.signal);
    await expect.poll(() => watched.length).toBe(1);
    listener.abort();
    await left;

    const erased = watch(jobId);
    await expect.poll(() => watched.length).toBe(1);
    await world.db.kysely.deleteFrom('CalendarSyncState').execute();
    await world.whileTimePasses(() => erased);
    expect(watched).toHaveLength(1);
    await expect(watch(jobId)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('history and the audit trail', () => {
  it('lists runs newest first, by calendar and status, a page at a time', async () => {
    const first = await world.sync();
    world.clock.advance(1_000);
    const { jobId } = await runs().start(USER, { calendarId: 'all' });
    const all = await runs().history({ userId: USER, limit: 1, offset: 0 });
    expect(all).toMatchObject({
      limit: 1,
      offset: 0,
      items: [{ jobId, userId: USER, trigger: 'api', queuedAt: '2026-03-02T08:00:01.000Z' }],
    });
    expect(all.total).toBe((await runs().history({ limit: 100, offset: 0 })).items.length);
    const completed = await runs().history({
      userId: USER,
      status: 'COMPLETED',
      calendarId: 'default',
      limit: 9,
      offset: 0,
    });
    expect(completed.items.map((run) => run.jobId)).toEqual([first.id]);
    expect(await runs().history({ userId: BOB, limit: 9, offset: 0 })).toMatchObject({ items: [], total: 0 });
    expect(await runs().history({ userId: USER, calendarId: 'a\0b', limit: 9, offset: 0 })).toMatchObject({
      items: [],
      total: 0,
    });
  });

  it('shows the contents before and after to the owner and never to an operator', async () => {
    const [id] = await world.bookAll([visit('secret')]);
    await world.sync();
    await world.edit(id!, { subject: 'still secret' });
    const run = await world.sync();
    const own = await runs().operations(USER, run.id, { limit: 10, offset: 0 });
    expect(own).toMatchObject({
      total: 1,
      items: [
        {
          eventId: id,
          graphEventId: (await world.get(id!)).graphEventId,
          calendarId: 'default' as CalendarId,
          side: 'remote',
          operation: 'update',
          fields: ['subject'],
          before: { subject: 'secret' },
          after: { subject: 'still secret' },
          errorCode: null,
        },
      ],
    });
    const operators = await runs().operations(undefined, run.id, { limit: 10, offset: 0 });
    expect(operators).toMatchObject({ total: 1, items: [{ eventId: id, operation: 'update' }] });
    expect(JSON.stringify(operators)).not.toContain('secret');
    await expect(runs().operations(BOB, run.id, { limit: 10, offset: 0 })).rejects.toMatchObject({ code: 'not-found' });
  });
});

async function reopen(env: Record<string, string>): Promise<SyncWorld> {
  await world.close();
  return SyncWorld.open({ env });
}
