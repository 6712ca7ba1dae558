import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectQuiet, NOTHING } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, type SyncWorldOptions, USER } from '../../test/support/sync-world.ts';
import { DEFAULT_CALENDAR_ID } from '../core/ids.ts';

let world: SyncWorld;
beforeAll(async () => {
  await openWorldDatabase();
});
afterEach(async () => {
  await world.close();
});

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'W. Europe Standard Time' });
const lunch = (subject: string, day = '2026-03-11', change: object = {}) => ({
  subject,
  start: berlin(`${day}T12:00:00`),
  end: berlin(`${day}T13:00:00`),
  ...change,
});
const weekly = (subject: string, startDate: string, range: object = { type: 'noEnd' }) =>
  lunch(subject, startDate, {
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
      range: { ...range, startDate },
    },
  });
/** The window ends with 2027-03-02 when the clock starts; the next day it takes this one in. */
const FIRST_NEW_DAY = '2027-03-03';

async function openWith(events: number, options: SyncWorldOptions = {}): Promise<void> {
  world = await SyncWorld.open({
    furnish: (mailbox) => {
      for (let each = 0; each < events; each += 1) mailbox.createEvent(lunch(`there ${each}`));
    },
    env: { CALENDAR_DELTA_TOKEN_EXPIRY: '48' },
    ...options,
  });
}

const subjects = async () => (await world.all()).map(({ content }) => content.subject).sort();
const sent = () => world.simulator.requests.filter(({ batchItem }) => !batchItem);
const asked = () => [...world.simulator.requests, ...world.simulator.requests.flatMap(({ children }) => children)];
const listings = () => asked().filter(({ path, url }) => path.includes('delta') && url.includes('startDateTime'));
const rungs = async () => (await world.app.services.calendarService.list(USER)).items[0]?.coverage;

async function nextDay(): Promise<void> {
  world.clock.advance(DAY_MS);
  world.simulator.clearLog();
}

describe('as a day passes, the window', () => {
  it('takes the new day in at the cost of one request, without reading 300 events again', async () => {
    await openWith(300);
    await world.sync();
    await expectQuiet(world);
    await nextDay();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', graphRequests: 1, totalEvents: 0, ...NOTHING });
    expect(sent()).toHaveLength(1);
    expect(listings()).toHaveLength(1);
    await expectQuiet(world);
    expect(sent()).toHaveLength(1);
  });

  it('brings what lies in the new day, and tells what is covered', async () => {
    await openWith(2);
    world.mailbox.createEvent(lunch('next spring', FIRST_NEW_DAY));
    await world.sync();
    expect(await rungs()).toEqual({ start: '2025-12-02T00:00:00.000Z', end: '2027-03-03T00:00:00.000Z' });
    await nextDay();
    expect(await world.sync()).toMatchObject({ localCreated: 1, localUpdated: 0, localDeleted: 0 });
    expect(await subjects()).toEqual(['next spring', 'there 0', 'there 1']);
    expect(await rungs()).toEqual({ start: '2025-12-02T00:00:00.000Z', end: '2027-03-04T00:00:00.000Z' });
    await expectQuiet(world);
  });

  it('moves on for two weeks, one request a quiet run, and everything is listed again at least weekly', async () => {
    await openWith(5);
    await world.sync();
    let lastListed = 0;
    for (let day = 1; day <= 15; day += 1) {
      world.mailbox.createEvent(lunch(`new ${day}`, `2027-03-${String(day + 2).padStart(2, '0')}`));
      await nextDay();
      const run = await world.sync();
      expect(run).toMatchObject({ status: 'COMPLETED', localCreated: 1, localUpdated: 0, localDeleted: 0 });
      if (run.totalEvents > 4) lastListed = day;
      expect(day - lastListed).toBeLessThanOrEqual(7);
      await expectQuiet(world);
    }
    expect(lastListed).toBeGreaterThan(0);
    expect(await world.differences()).toEqual([]);
  });

  it('asks no second time for a series edited here that the new day does not show, and is told of as gone from it', async () => {
    await openWith(1, { switches: { deltaEmptyPages: 'first' } });
    world.mailbox.createEvent(weekly('series', '2026-03-09', { type: 'endDate', endDate: '2026-04-20' }));
    await world.sync();
    await nextDay();
    const { id } = await world.bySubject('series');
    await world.edit(id, { subject: 'renamed here' });
    expect(await world.sync()).toMatchObject({ remoteUpdated: 1 });
    await world.sync();
    world.simulator.clearLog();
    await world.sync();
    expect(asked().filter(({ path }) => path.includes('/events/'))).toEqual([]);
    expect(await world.differences()).toEqual([]);
  });

  it('keeps what falls behind it: linked, and edited from both sides', async () => {
    await openWith(0, { settings: { window: { pastDays: 1, futureDays: 30 } } });
    world.mailbox.createEvent(lunch('soon past', '2026-03-03'));
    await world.sync();
    for (let day = 0; day < 9; day += 1) {
      await nextDay();
      expect(await world.sync()).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    }
    const past = await world.bySubject('soon past');
    await world.edit(past.id, { location: { displayName: 'Yard' } });
    expect(await world.sync()).toMatchObject({ remoteUpdated: 1 });
    world.mailbox.updateEvent(past.graphEventId!, { subject: 'renamed there' });
    expect(await world.sync()).toMatchObject({ localUpdated: 1, localDeleted: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('reads an endless series, and one that ended long ago, neither again nor twice', async () => {
    await openWith(1);
    world.mailbox.createEvent(weekly('for ever', '2020-01-06'));
    world.mailbox.createEvent(weekly('for years', '2019-01-07', { type: 'endDate', endDate: '2032-01-05' }));
    const changed = world.mailbox.createEvent(weekly('changed', '2026-03-02'));
    world.mailbox.updateOccurrence(changed.id, '2026-03-16', { subject: 'changed once' });
    await world.sync();
    expect(await world.all()).toHaveLength(4);
    for (let day = 0; day < 5; day += 1) {
      await nextDay();
      expect(await world.sync()).toMatchObject({ status: 'COMPLETED', graphRequests: 1, ...NOTHING });
    }
    expect(await world.all()).toHaveLength(4);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});

describe('with several tokens', () => {
  async function openRolled(days = 2): Promise<void> {
    await openWith(3);
    await world.sync();
    for (let day = 0; day < days; day += 1) {
      await nextDay();
      await world.sync();
    }
    world.simulator.clearLog();
  }

  it('a change, a deletion and a move from one slice into another cost no more than they did', async () => {
    await openRolled();
    const [first, second, third] = world.mailbox.listEvents();
    world.mailbox.updateEvent(first!.id, { subject: 'renamed' });
    expect(await world.sync()).toMatchObject({ localUpdated: 1, graphRequests: 1 });
    world.mailbox.updateEvent(second!.id, {
      start: berlin(`${FIRST_NEW_DAY}T12:00:00`),
      end: berlin(`${FIRST_NEW_DAY}T13:00:00`),
    });
    expect(await world.sync()).toMatchObject({ localUpdated: 1, localDeleted: 0, graphRequests: 1 });
    world.mailbox.deleteEvent(third!.id);
    expect(await world.sync()).toMatchObject({ localDeleted: 1, graphRequests: 2 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('a series that shows in two slices is read once, and our own writes come back for nothing', async () => {
    await openRolled();
    const series = world.mailbox.createEvent(weekly('for ever', '2026-03-02'));
    expect(await world.sync()).toMatchObject({ localCreated: 1 });
    expect(asked().filter(({ path }) => path.includes(series.id))).toHaveLength(1);
    const { id } = await world.bySubject('for ever');
    await world.edit(id, { subject: 'renamed here' });
    await world.sync();
    await expectQuiet(world);
  });

  it('one that dies is replaced alone: its slice is listed, what is missing from it proven, the others read on', async () => {
    await openRolled();
    const [gone] = world.mailbox.listEvents();
    world.simulator.failNext({ path: /deltatoken/i, batchItem: true, status: 410, code: 'SyncStateNotFound' } as never);
    world.mailbox.deleteEvent(gone!.id);
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'COMPLETED', localDeleted: 1, localCreated: 0, localUpdated: 0 });
    expect(listings()).toHaveLength(1);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('that all die become one again', async () => {
    await openRolled();
    world.simulator.expireDeltaTokens();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(listings()).toHaveLength(1);
    expect(await rungs()).toEqual({ start: '2025-12-04T00:00:00.000Z', end: '2027-03-05T00:00:00.000Z' });
    await expectQuiet(world);
  });

  it('one that fails in passing keeps none of the others from being read', async () => {
    await openRolled();
    world.mailbox.createEvent(lunch('new there'));
    world.simulator.failNext({ path: /delta/i, after: 1, status: 403, code: 'ErrorAccessDenied', count: 2 });
    expect(await world.sync()).toMatchObject({ status: 'FAILED' });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED' });
    expect(await subjects()).toContain('new there');
    await world.sync();
    await expectQuiet(world);
  });

  it.each([1, 2, 3])('a crash at request %i loses nothing and doubles nothing', async (crashAt) => {
    await openWith(25, { env: { GRAPH_PAGE_SIZE: '10', CALENDAR_DELTA_TOKEN_EXPIRY: '48' } });
    await world.sync();
    for (let each = 0; each < 25; each += 1) world.mailbox.createEvent(lunch(`new ${each}`, FIRST_NEW_DAY));
    await nextDay();
    const crash = new AbortController();
    let requests = 0;
    const count = () => {
      requests += 1;
      if (requests === crashAt) crash.abort(new Error('killed'));
    };
    world.onRequest(/delta|batch/, count, 100);
    const jobId = await world.enqueue();
    await expect(world.carryOutOnce(jobId, crash.signal)).rejects.toThrow();
    world.stopWatching();
    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED' });
    expect(await world.all()).toHaveLength(50);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('a run of little capacity goes on in its continuation, slice by slice', async () => {
    await openWith(25, {
      env: { GRAPH_PAGE_SIZE: '10', CALENDAR_MAX_EVENTS_PER_SYNC: '10', CALENDAR_DELTA_TOKEN_EXPIRY: '48' },
    });
    await world.sync();
    for (let each = 0; each < 25; each += 1) world.mailbox.createEvent(lunch(`new ${each}`, FIRST_NEW_DAY));
    for (let each = 0; each < 15; each += 1) world.mailbox.createEvent(lunch(`more ${each}`));
    await nextDay();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED' });
    expect(await world.all()).toHaveLength(65);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('forced and dated runs, and those that only push, read as they always did and leave the tokens alone', async () => {
    await openRolled();
    const dateRange = { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z' };
    expect(await world.sync({ dateRange })).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(await world.sync({ direction: 'push' })).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    await expectQuiet(world);
    world.simulator.clearLog();
    expect(await world.sync({ forceFull: true })).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(listings()).toHaveLength(1);
    await expectQuiet(world);
    expect(sent()[0]?.path).not.toContain('batch');
  });

  it('a preview tells the same, and moves none of them', async () => {
    await openRolled();
    world.mailbox.createEvent(lunch('next spring', '2027-03-05'));
    world.clock.advance(DAY_MS);
    const preview = await world.app.services.previewService.preview(USER, { calendarId: DEFAULT_CALENDAR_ID });
    expect(preview).toMatchObject({ local: { created: 1 } });
    expect(await world.sync()).toMatchObject({ localCreated: 1 });
    await expectQuiet(world);
  });
});
