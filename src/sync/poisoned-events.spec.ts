import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import { isSyncError } from '../core/errors.ts';
import type { EventId } from '../core/ids.ts';
import type { StoredRun } from '../store/run.repository.ts';

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

const MINUTE_MS = 60_000;
const visit = (subject: string) => ({
  subject,
  start: { dateTime: '2026-03-10T09:00:00', timeZone: 'UTC' },
  end: { dateTime: '2026-03-10T10:00:00', timeZone: 'UTC' },
});
const visits = (count: number) => Array.from({ length: count }, (_, each) => visit(`visit ${each}`));
const view = (id: EventId) => world.services.eventService.get(USER, id);

/** Exchange chokes on one event whenever it is written, for ever. */
function poison(path: RegExp | undefined, status: number, code = 'ErrorInternalServerError'): void {
  world.simulator.failNext({
    ...{ method: path ? 'PATCH' : 'POST', path: path ?? /\/events$/, status, code, count: 'always' },
  });
}

/** As the worker does: a run that is to be tried again is, with the clock moving on. */
async function carriedOut(): Promise<{ run: StoredRun; attempts: number }> {
  const jobId = await world.enqueue();
  for (let attempts = 1; ; attempts += 1) {
    try {
      return { run: await world.whileTimePasses(() => world.carryOut(jobId)), attempts };
    } catch (error) {
      if (!isSyncError(error) || error.recovery !== 'retry' || attempts >= 6) throw error;
    }
  }
}

async function syncedWith(count: number): Promise<{ ids: EventId[]; poisoned: EventId; path: RegExp }> {
  const ids = await world.bookAll(visits(count));
  await world.sync();
  const poisoned = ids[3]!;
  const graphId = (await world.get(poisoned)).graphEventId!;
  return { ids, poisoned, path: pathOf(graphId) };
}

function pathOf(graphId: string): RegExp {
  return new RegExp(graphId.replace(/[^\w-]/g, '.'));
}

describe.each([
  [400, 'ErrorInvalidRequest', false],
  [403, 'ErrorAccessDenied', true],
  [413, 'ErrorMessageSizeExceeded', false],
  [500, 'ErrorInternalServerError', true],
  [504, 'UnknownError', true],
])('an event on which Graph answers %i for ever', (status, code, isRetried) => {
  it('is parked with its error, while all others flow, in its batch and after it', async () => {
    const { ids, poisoned, path } = await syncedWith(45);
    poison(path, status, code);
    for (const id of ids) await world.edit(id, { subject: 'edited' });
    const { run, attempts } = await carriedOut();
    expect({ run, attempts }).toMatchObject({
      run: { status: 'COMPLETED', remoteUpdated: 44, failedEvents: 1 },
      attempts: 1,
    });
    expect(await view(poisoned)).toMatchObject({ syncState: 'error', syncError: { code } });
    expect(await world.differences()).toHaveLength(1);

    world.simulator.clearLog();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 0, failedEvents: 0 });
    expect(world.simulator.writes()).toEqual([]);
    await world.edit(ids[7]!, { subject: 'once more' });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 1 });

    world.simulator.clearFaults();
    world.clock.advance(2 * MINUTE_MS);
    expect(await world.sync()).toMatchObject({ remoteUpdated: isRetried ? 1 : 0 });
    if (!isRetried) {
      await world.edit(poisoned, { subject: 'edited again' });
      expect(await world.sync()).toMatchObject({ remoteUpdated: 1 });
    }
    expect(await world.differences()).toEqual([]);
    expect((await view(poisoned)).syncState).toBe('synced');
    await expectQuiet(world);
  });
});

describe('an event on which Graph breaks down', () => {
  it('alone does not fail its runs for ever: it is parked at the third, and runs are complete without it', async () => {
    const { poisoned, path } = await syncedWith(5);
    poison(path, 500);
    await world.edit(poisoned, { subject: 'edited' });
    const { run, attempts } = await carriedOut();
    expect({ run, attempts }).toMatchObject({ run: { status: 'COMPLETED', failedEvents: 1 }, attempts: 3 });
    expect((await view(poisoned)).syncState).toBe('error');
  });

  it('or that it forbids, alone, keeps nothing else waiting for ever', async () => {
    const { poisoned, path } = await syncedWith(5);
    poison(path, 403, 'ErrorAccessDenied');
    await world.edit(poisoned, { subject: 'edited' });
    const statuses = [(await world.sync()).status, (await world.sync()).status, (await world.sync()).status];
    expect(statuses).toEqual(['FAILED', 'FAILED', 'COMPLETED']);
    expect(await view(poisoned)).toMatchObject({ syncState: 'error', syncError: { code: 'ErrorAccessDenied' } });
    await expectQuiet(world);
    world.simulator.clearFaults();
    world.clock.advance(2 * MINUTE_MS);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 1 });
    await expectQuiet(world);
  });

  it('is not parked when several are forbidden at once: that is the mailbox, and the run says so each time', async () => {
    const { ids } = await syncedWith(5);
    world.simulator.failNext({ method: 'PATCH', status: 403, code: 'ErrorAccessDenied', count: 'always' });
    for (const id of ids) await world.edit(id, { subject: 'edited' });
    for (let run = 1; run <= 5; run += 1) {
      expect(await world.sync()).toMatchObject({ status: 'FAILED', errorCode: 'FORBIDDEN' });
    }
    world.simulator.clearFaults();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 5 });
    await expectQuiet(world);
  });

  it('is tried again after growing pauses, a bounded number of times a day', async () => {
    const { ids, poisoned, path } = await syncedWith(5);
    poison(path, 500);
    await world.edit(poisoned, { subject: 'edited' });
    await world.edit(ids[0]!, { subject: 'edited' });
    await carriedOut();
    let tries = 0;
    for (let quarter = 0; quarter < 96; quarter += 12) {
      world.clock.advance(12 * 15 * MINUTE_MS);
      world.simulator.clearLog();
      const { run } = await carriedOut();
      expect(run.status).toBe('COMPLETED');
      if (world.simulator.writes().length > 0) tries += 1;
    }
    expect(tries).toBeGreaterThanOrEqual(1);
    expect(tries).toBeLessThanOrEqual(6);
    expect((await view(poisoned)).syncState).toBe('error');
  });

  it('is tried at once when it is edited, with its new words', async () => {
    const { ids } = await syncedWith(4);
    const id = await world.book(visit('poison'));
    await world.edit(ids[0]!, { subject: 'edited' });
    poison(undefined, 500);
    const { run } = await carriedOut();
    expect(run).toMatchObject({ status: 'COMPLETED', remoteCreated: 0, remoteUpdated: 1, failedEvents: 1 });
    expect((await view(id)).syncState).toBe('error');
    world.simulator.clearFaults();
    world.simulator.clearLog();
    await world.edit(id, { subject: 'harmless' });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteCreated: 1 });
    expect(world.simulator.writes()).toHaveLength(1);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('although it was created is not doubled, edited meanwhile or not', async () => {
    const { ids } = await syncedWith(4);
    const [same, other] = await world.bookAll([visit('same'), visit('other')]);
    await world.edit(ids[0]!, { subject: 'edited' });
    const fault = { method: 'POST', path: /\/events$/, kind: 'status-after-commit', status: 500 } as const;
    world.simulator.failNext({ ...fault, count: 'always' });
    expect((await carriedOut()).run.status).toBe('COMPLETED');
    world.simulator.clearFaults();
    await world.edit(other!, { subject: 'other, edited' });
    world.clock.advance(2 * MINUTE_MS);
    expect((await carriedOut()).run).toMatchObject({ status: 'COMPLETED' });
    expect(world.mailbox.listEvents()).toHaveLength(6);
    expect(await world.differences()).toEqual([]);
    expect((await world.get(other!)).content.subject).toBe('other, edited');
    expect((await view(same!)).syncState).toBe('synced');
    await expectQuiet(world);
  });

  it('holds up no deletions, nor does one that is deleted here', async () => {
    const { ids, poisoned, path } = await syncedWith(25);
    world.simulator.failNext({
      ...{ method: 'DELETE', path, status: 500, count: 'always' },
    });
    await world.remove(...ids.slice(0, 8));
    await world.edit(ids[20]!, { subject: 'edited' });
    const { run } = await carriedOut();
    expect(run).toMatchObject({ status: 'COMPLETED', remoteDeleted: 7, remoteUpdated: 1, failedEvents: 1 });
    world.simulator.clearFaults();
    world.clock.advance(2 * MINUTE_MS);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteDeleted: 1 });
    expect(await world.find(poisoned)).toBeUndefined();
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});

describe.each([
  [403, 'ErrorAccessDenied'],
  [500, 'ErrorInternalServerError'],
])('a date of a series on which Graph answers %i for ever', (status, code) => {
  const DATES = ['2026-03-11', '2026-03-12'] as const;

  async function edited(dates: readonly string[]): Promise<{ id: EventId; path: RegExp }> {
    const range = { type: 'numbered' as const, startDate: '2026-03-10', numberOfOccurrences: 5 };
    const id = await world.book({
      ...visit('series'),
      recurrence: { pattern: { type: 'daily', interval: 1 }, range },
    });
    await world.sync();
    const own = { isCancelled: false as const, fields: { subject: 'its own' } };
    await world.editContent(id, (content) => ({
      ...content,
      occurrences: Object.fromEntries(dates.map((date) => [date, own])),
    }));
    const master = String(world.mailbox.listEvents()[0]?.id);
    const found = world.mailbox.occurrences(master, '2026-03-10T00:00:00', '2026-03-20T00:00:00');
    const path = pathOf(String(found[1]?.id));
    poison(path, status, code);
    return { id, path };
  }

  it('is parked where others of it go through, and tried again after a pause', async () => {
    const { id } = await edited(DATES);
    await world.book(visit('later'));
    const { run } = await carriedOut();
    expect(run).toMatchObject({ status: 'COMPLETED', remoteCreated: 1, failedEvents: 1 });
    expect(await view(id)).toMatchObject({ syncState: 'error', syncError: { code } });
    await expectQuiet(world);
    world.simulator.clearFaults();
    world.clock.advance(2 * MINUTE_MS);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 1 });
    expect((await view(id)).syncState).toBe('synced');
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('is no trouble where the first write reached it all the same', async () => {
    const { id, path } = await edited(DATES);
    world.simulator.clearFaults();
    world.simulator.failNext({ method: 'PATCH', path, kind: 'drop-after-commit' });
    poison(path, status, code);
    expect((await carriedOut()).run).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    expect((await view(id)).syncState).toBe('synced');
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('alone does not fail its runs for ever, and is tried after growing pauses', async () => {
    const { id } = await edited(DATES.slice(0, 1));
    for (let runs = 1; runs <= 3; runs += 1) await world.syncWhileTimePasses().catch(() => undefined);
    expect((await carriedOut()).run).toMatchObject({ status: 'COMPLETED' });
    expect(await view(id)).toMatchObject({ syncState: 'error', syncError: { code } });
    await world.book(visit('later'));
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteCreated: 1 });
    world.simulator.clearFaults();
    world.clock.advance(10 * MINUTE_MS);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED' });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});

describe('a series that cannot be read', () => {
  it('is kept as it is known and read later, while everything else flows', async () => {
    const daily = {
      ...visit('series'),
      recurrence: {
        pattern: { type: 'daily', interval: 1 },
        range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 3 },
      },
    };
    const bad = String(world.mailbox.createEvent({ ...daily, subject: 'bad' }).id);
    const good = String(world.mailbox.createEvent({ ...daily, subject: 'good' }).id);
    await world.sync();
    const path = pathOf((await world.bySubject('bad')).graphEventId!);
    world.mailbox.updateEvent(bad, { subject: 'bad, edited' });
    world.mailbox.updateEvent(good, { subject: 'good, edited' });
    world.mailbox.createEvent(visit('single'));
    await world.book(visit('here'));
    world.simulator.failNext({
      method: 'GET',
      path,
      status: 500,
      count: 'always',
    });
    for (let times = 0; times < 2; times += 1) {
      const { run } = await carriedOut();
      expect(run).toMatchObject({ status: 'COMPLETED', localDeleted: 0 });
      const subjects = (await world.all()).map(({ content }) => content.subject).sort();
      expect(subjects).toEqual(['bad', 'good, edited', 'here', 'single']);
    }
    world.simulator.clearFaults();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localUpdated: 1 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});

describe('a mailbox on which every request ends in a 504', () => {
  it('gives its runs back at once while it is not asked, is told by health, and goes on once it answers', async () => {
    await syncedWith(4);
    const id = await world.book(visit('new'));
    world.simulator.failNext({ path: /users/, status: 504, code: 'UnknownError', count: 'always' });
    world.simulator.failNext({ path: /batch/, status: 504, code: 'UnknownError', count: 'always' });
    const jobId = await world.enqueue();
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await expect(world.whileTimePasses(() => world.carryOut(jobId))).rejects.toMatchObject({ code: 'unavailable' });
    }
    world.simulator.clearLog();
    // Nobody moves the clock: a run that waited for the mailbox would never end.
    const refused = await world.carryOut(jobId).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'unavailable', details: { isUnasked: true } });
    expect(world.simulator.requests).toHaveLength(0);
    const { status, checks } = await world.services.healthService.check();
    expect([status, checks.graph.message]).toEqual(['degraded', expect.stringContaining('1 mailbox')]);

    world.simulator.clearFaults();
    world.clock.advance((refused as { retryAfterMs: number }).retryAfterMs);
    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED', remoteCreated: 1 });
    expect((await view(id)).syncState).toBe('synced');
    expect((await world.services.healthService.check()).checks.graph.status).toBe('ok');
    await expectQuiet(world);
  });
});
