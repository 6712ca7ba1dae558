import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, type SyncWorldOptions, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { CalendarId, JobId } from '../core/ids.ts';
import type { StoredRun } from '../store/run.repository.ts';
import type { RunRequest } from './run-queue.ts';

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

async function reopen(options: SyncWorldOptions): Promise<void> {
  await world.close();
  world = await SyncWorld.open(options);
}

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });

function visit(change: EventInput = {}): EventInput {
  return { subject: 'Visit', start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00'), ...change };
}

const inOutlook = (subject: string, change: object = {}) => ({
  subject,
  start: berlin('2026-03-11T14:00:00'),
  end: berlin('2026-03-11T15:00:00'),
  ...change,
});

const twoTuesdays = (subject: string) => ({
  subject,
  start: berlin('2026-03-10T09:00:00'),
  end: berlin('2026-03-10T10:00:00'),
  recurrence: {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'] },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 2 },
  },
});

/** A run and what continues it, the first one first; a chain that does not come to an end is cut off. */
async function chainOf(request: Partial<RunRequest>, most = 12): Promise<StoredRun[]> {
  const runs: StoredRun[] = [];
  let id = await world.enqueue(request);
  while (runs.length < most) {
    const { continuation } = await world.carryOutOnce(id);
    runs.push(await world.run(id));
    if (!continuation) return runs;
    id = (await world.continuationOf(id)).id;
  }
  throw new Error(`the chain has not ended after ${most} runs`);
}

const subjectsThere = () => world.mailbox.listEvents().map(({ subject }) => subject);

async function waitingRuns(): Promise<StoredRun[]> {
  return (await world.runs.list(world.db, { userId: USER, status: 'PENDING', limit: 50, offset: 0 })).items;
}

const SMALL = { CALENDAR_MAX_EVENTS_PER_SYNC: '10', GRAPH_PAGE_SIZE: '5' };

/** Two calendars with events of Outlook's, and runs that stop after ten. */
async function twoCalendars(events: { default: number; side: number }): Promise<CalendarId> {
  await reopen({ env: SMALL });
  const side = world.mailbox.addCalendar('Side jobs');
  await world.services.calendarService.refresh(USER);
  for (let each = 0; each < events.default; each += 1) world.mailbox.createEvent(inOutlook(`there ${each}`));
  for (let each = 0; each < events.side; each += 1) {
    world.mailbox.createEvent(inOutlook(`side ${each}`), { calendarId: side });
  }
  const calendars = await world.calendars.list(world.db, USER);
  const found = calendars.find(({ graphCalendarId }) => graphCalendarId === side);
  if (!found) throw new Error('the side calendar is not listed');
  return found.id;
}

describe('a mailbox that is disconnected while its run works', () => {
  it('leaves the run CANCELLED, and nothing is queued to go on with it', async () => {
    await twoCalendars({ default: 40, side: 1 });
    let seen = 0;
    let disconnected: Promise<unknown> | undefined;
    world.onRequest(
      /delta/i,
      () => {
        seen += 1;
        // The default calendar has used the capacity up by now, and the other one is about to be refused.
        if (seen === 3) disconnected = world.services.connectionService.disconnect(USER);
        return disconnected;
      },
      10,
    );
    world.simulator.failNext({ path: /delta/i, status: 403, after: 2, count: 1 });
    const jobId = await world.enqueue({ calendarId: 'all' });
    expect(await world.carryOutOnce(jobId)).toEqual({ continuation: false });
    await disconnected;
    expect(seen).toBe(3);
    const run = await world.run(jobId);
    expect(run).toMatchObject({ status: 'CANCELLED' });
    expect(run.errorCode).toBeUndefined();
    expect(await waitingRuns()).toEqual([]);
  });

  it('keeps a run that ended otherwise as it ended, however late the engine reports', async () => {
    const jobId = await world.enqueue();
    await world.db.transaction((tx) => world.runs.cancelAll(tx, USER, world.clock.now()));
    await world.services.sync.fail(jobId, new Error('too late'));
    const run = await world.run(jobId);
    expect(run).toMatchObject({ status: 'CANCELLED' });
    expect(run.errorCode).toBeUndefined();
  });
});

describe('a run over all calendars', () => {
  it('goes on with those that are not through, also when another is in trouble', async () => {
    const side = await twoCalendars({ default: 1, side: 40 });
    world.simulator.failNext({ path: /delta/i, status: 403, count: 1 });
    const runs = await chainOf({ calendarId: 'all' });
    expect(runs[0]).toMatchObject({ status: 'FAILED', errorCode: 'FORBIDDEN' });
    expect(runs.at(-1)).toMatchObject({ status: 'COMPLETED' });
    expect(await world.all(side)).toHaveLength(40);
    expect(await world.all()).toHaveLength(41);
  });
});

describe('a run that stops at its capacity', () => {
  const MARCH = { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z' };
  const furnish = (events: number) => (mailbox: SyncWorld['mailbox']) => {
    for (let each = 0; each < events; each += 1) mailbox.createEvent(inOutlook(`there ${each}`));
  };
  const bookMany = (count: number) =>
    world.bookAll(Array.from({ length: count }, (_, each) => visit({ subject: `here ${each}` })));
  const deltaRequests = () => world.simulator.requests.filter(({ path }) => /delta/i.test(path)).length;

  it('over a date range pushes, however much there is to read in it', async () => {
    await reopen({ env: SMALL, furnish: furnish(23) });
    await bookMany(1);
    const runs = await chainOf({ dateRange: MARCH });
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({ localCreated: 23, remoteCreated: 1, processedEvents: 24 });
    expect(await world.differences()).toEqual([]);
  });

  it('over a date range is continued by runs that only push on', async () => {
    await reopen({ env: SMALL, furnish: furnish(23) });
    await bookMany(45);
    const [first, ...others] = await chainOf({ dateRange: MARCH });
    const pages = deltaRequests();
    expect(first).toMatchObject({ localCreated: 23 });
    expect(others.length).toBeGreaterThan(0);
    expect(pages).toBe(5);
    expect(await world.differences()).toEqual([]);
    // Another run over the range reads it again: only the chain knows that it has.
    expect(await chainOf({ dateRange: MARCH })).toHaveLength(1);
    expect(deltaRequests()).toBeGreaterThan(pages);
  });

  it('is not taken for a new one that asks for the same', async () => {
    await reopen({ env: SMALL, furnish: furnish(3) });
    await bookMany(25);
    const jobId = await world.enqueue({ dateRange: MARCH });
    expect(await world.carryOutOnce(jobId)).toEqual({ continuation: true });
    const next = await world.continuationOf(jobId);
    expect(await world.enqueue({ dateRange: MARCH })).not.toBe(next.id);
  });

  it('pushes to a mailbox that it meets for the first time, however full that is', async () => {
    await reopen({ env: SMALL, furnish: furnish(23) });
    await bookMany(25);
    const runs = await chainOf({ direction: 'push' });
    expect(runs.reduce((sum, run) => sum + run.remoteCreated, 0)).toBe(25);
    expect(deltaRequests()).toBe(5);
    expect(world.mailbox.listEvents()).toHaveLength(48);
    await chainOf({});
    expect(await world.differences()).toEqual([]);
  });

  it('reads everything once when it is forced to, and then pushes on', async () => {
    await reopen({ env: SMALL, furnish: furnish(20) });
    await bookMany(15);
    const runs = await chainOf({ forceFull: true });
    expect(runs.reduce((sum, run) => sum + run.localCreated, 0)).toBe(20);
    expect(runs.reduce((sum, run) => sum + run.remoteCreated, 0)).toBe(15);
    expect(await world.differences()).toEqual([]);
    world.simulator.clearLog();
    // The next one that is forced reads it all again.
    await chainOf({ forceFull: true });
    expect(deltaRequests()).toBeGreaterThanOrEqual(7);
  });

  it('reads each calendar of the mailbox once when it is forced to', async () => {
    await twoCalendars({ default: 20, side: 20 });
    await bookMany(15);
    const runs = await chainOf({ calendarId: 'all', forceFull: true });
    expect(runs.at(-1)).toMatchObject({ status: 'COMPLETED' });
    expect(runs.reduce((sum, run) => sum + run.localCreated, 0)).toBe(40);
    expect(runs.reduce((sum, run) => sum + run.remoteCreated, 0)).toBe(15);
  });
});

describe('series marked by a first sync that is not through', () => {
  const SERIES = 30;
  const furnish = (mailbox: SyncWorld['mailbox']) => {
    for (let each = 0; each < SERIES; each += 1) mailbox.createEvent(twoTuesdays(`series ${each}`));
  };
  const env = { CALENDAR_MAX_EVENTS_PER_SYNC: '4', GRAPH_PAGE_SIZE: '5' };

  /** Carries the chain on until some series are here and some still marked. */
  async function untilSomeAreHere(): Promise<JobId> {
    let id = await world.enqueue();
    for (;;) {
      const { continuation } = await world.carryOutOnce(id);
      if (!continuation) throw new Error('the first sync was through at once');
      id = (await world.continuationOf(id)).id;
      if ((await world.all()).length > 0) return id;
    }
  }

  it.each([
    ['only pushes', { direction: 'push' } as const],
    ['goes over a date range', { dateRange: { start: '2026-03-01T00:00:00Z', end: '2026-03-05T00:00:00Z' } }],
  ])('are read by it, also when a run comes between that %s', async (_what, request) => {
    await reopen({ env, furnish });
    const next = await untilSomeAreHere();
    expect((await world.all()).length).toBeLessThan(SERIES);
    await chainOf(request);
    await world.carryOut(next);
    expect(await world.all()).toHaveLength(SERIES);
    expect(await world.differences()).toEqual([]);
  });

  it('are joined by a run that only pushes, not doubled', async () => {
    await reopen({ env, furnish });
    const { recurrence, start, end } = twoTuesdays('series 7');
    await world.book({ subject: 'series 7', recurrence, start, end } as EventInput);
    const id = await world.enqueue();
    await world.carryOutOnce(id);
    await chainOf({ direction: 'push' });
    await world.carryOut((await world.continuationOf(id)).id);
    expect(world.mailbox.listEvents()).toHaveLength(SERIES);
    expect(await world.all()).toHaveLength(SERIES);
    expect(await world.differences()).toEqual([]);
  });

  it('are read once, however many runs it takes', async () => {
    await reopen({ env: { ...env, CALENDAR_MAX_EVENTS_PER_SYNC: '20', GRAPH_PAGE_SIZE: '50' }, furnish });
    const runs = await chainOf({});
    expect(runs.length).toBeGreaterThan(1);
    const asked = world.simulator.requests
      .flatMap((request) => [request, ...request.children])
      .filter(({ method, path }) => method === 'GET' && /\/events\/[^/]+$/.test(path))
      .map(({ path }) => path);
    expect(new Set(asked).size).toBe(SERIES);
    expect(asked).toHaveLength(SERIES);
  });
});

describe('a mass deletion in Outlook that nobody has confirmed', () => {
  const THERE = 30;

  async function withMassDeletion(env: Record<string, string> = {}): Promise<string[]> {
    await reopen({ env });
    const ids = Array.from({ length: THERE }, (_, each) => world.mailbox.createEvent(inOutlook(`there ${each}`)).id);
    await chainOf({});
    for (const id of ids.slice(0, 25)) world.mailbox.deleteEvent(id);
    return ids;
  }
  const REFUSED = { status: 'FAILED', errorCode: 'MASS_DELETE_REFUSED', localDeleted: 0 };

  it('does not keep anything else from being carried both ways, in that run and in those that follow', async () => {
    await withMassDeletion();
    world.mailbox.createEvent(inOutlook('new there'));
    await world.book(visit({ subject: 'new here' }));
    expect(await world.sync()).toMatchObject({ ...REFUSED, localCreated: 1, remoteCreated: 1 });

    world.mailbox.createEvent(inOutlook('newer there'));
    await world.book(visit({ subject: 'newer here' }));
    const refused = await world.sync();
    expect(refused).toMatchObject({ ...REFUSED, localCreated: 1, remoteCreated: 1 });
    expect(refused.errorDetails).toMatchObject({ side: 'local', count: 25 });
    expect(await world.all()).toHaveLength(THERE + 4);

    const confirmed = await world.sync({ confirmDeletions: refused.confirmationToken! });
    expect(confirmed).toMatchObject({ status: 'COMPLETED', localDeleted: 25 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('costs one delta request a run while it waits', async () => {
    await withMassDeletion();
    await world.sync();
    world.simulator.clearLog();
    expect(await world.sync()).toMatchObject({ ...REFUSED, graphRequests: 1 });
  });

  it('is over for events that were edited here: the edit wins, and the rest is few enough', async () => {
    const ids = await withMassDeletion();
    await world.sync();
    for (const event of await world.all()) {
      if (!ids.slice(0, 20).includes(event.graphEventId ?? '')) continue;
      await world.edit(event.id, { subject: `${event.content.subject}, edited here` });
    }
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 5, remoteCreated: 20 });
    expect(subjectsThere().filter((subject) => subject?.endsWith('edited here'))).toHaveLength(20);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('is over once the events are back', async () => {
    await reopen({});
    const ids = Array.from({ length: THERE }, (_, each) => world.mailbox.createEvent(inOutlook(`there ${each}`)).id);
    await world.sync();
    const later = { start: berlin('2036-03-11T14:00:00'), end: berlin('2036-03-11T15:00:00') };
    for (const id of ids.slice(0, 25)) world.mailbox.updateEvent(id, later);
    world.simulator.failNext({ method: 'GET', path: /\/events\/[^/]+$/, status: 404, batchItem: true, count: 25 });
    expect(await world.sync()).toMatchObject({ ...REFUSED, errorDetails: { count: 25 } });
    const { start, end } = inOutlook('');
    for (const id of ids.slice(0, 25)) world.mailbox.updateEvent(id, { start, end });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('does not end a chain of runs that has more to push', async () => {
    await withMassDeletion({ CALENDAR_MAX_EVENTS_PER_SYNC: '40' });
    await world.bookAll(Array.from({ length: 90 }, (_, each) => visit({ subject: `here ${each}` })));
    const runs = await chainOf({});
    expect(runs.length).toBeGreaterThan(1);
    for (const run of runs) expect(run).toMatchObject(REFUSED);
    expect(runs.reduce((sum, run) => sum + run.remoteCreated, 0)).toBe(90);
  });
});

describe('a database that is away for a moment', () => {
  it.each([
    ['the server shuts down', { code: '57P01' }],
    ['two transactions met', { code: '40001' }],
    ['the connection broke', { message: 'Connection terminated unexpectedly' }],
  ])('leaves the run to be tried again: %s', async (_what, failure) => {
    await world.book(visit({ subject: 'new here' }));
    world.mailbox.createEvent(inOutlook('new there'));
    const cause = Object.assign(new Error('message' in failure ? failure.message : 'refused'), failure);
    const { raw } = world.db;
    if (raw.kind !== 'pglite') throw new Error('the world runs on the embedded database');
    const begin = vi.spyOn(raw.pglite, 'transaction');
    const jobId = await world.enqueue();
    world.onRequest(/delta/i, () => {
      begin.mockImplementationOnce(async (work) => {
        await work({ query: () => Promise.reject(cause), exec: () => Promise.reject(cause) } as never);
        throw cause;
      });
    });
    await expect(world.carryOutOnce(jobId)).rejects.toMatchObject({ code: 'unavailable', recovery: 'retry', cause });
    expect(await world.run(jobId)).toMatchObject({ status: 'IN_PROGRESS', attempts: 0 });
    begin.mockRestore();
    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED', localCreated: 1, remoteCreated: 1 });
    await expectQuiet(world);
  });
});
