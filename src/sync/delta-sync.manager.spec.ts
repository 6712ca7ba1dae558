import { sql } from 'kysely';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectQuiet, NOTHING } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, type SyncWorldOptions } from '../../test/support/sync-world.ts';

let world: SyncWorld;
beforeAll(async () => {
  await openWorldDatabase();
});
afterEach(async () => {
  await world.close();
});

const DAY_MS = 24 * 60 * 60_000;
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'W. Europe Standard Time' });
const lunch = (subject: string, day = '2026-03-11', change: object = {}) => ({
  subject,
  start: berlin(`${day}T12:00:00`),
  end: berlin(`${day}T13:00:00`),
  ...change,
});
const standup = (range: object = { type: 'noEnd', startDate: '2026-03-02' }) =>
  lunch('Standup', '2026-03-02', {
    recurrence: { pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' }, range },
  });

async function openWith(events: number, options: SyncWorldOptions = {}): Promise<void> {
  world = await SyncWorld.open({
    furnish: (mailbox) => {
      for (let each = 0; each < events; each += 1) mailbox.createEvent(lunch(`there ${each}`));
    },
    ...options,
  });
}

const deltaRequests = () => world.simulator.requests.filter(({ path }) => path.includes('delta'));
const subjects = async () => (await world.all()).map(({ content }) => content.subject).sort();

describe('a delta round', () => {
  it('goes on from the last committed page after a crash, and reads no page twice', async () => {
    await openWith(30, { env: { GRAPH_PAGE_SIZE: '10' } });
    world.simulator.failNext({ path: /skiptoken/i, after: 1, kind: 'hang' });
    const jobId = await world.enqueue();
    const crash = new AbortController();
    const crashed = world.carryOutOnce(jobId, crash.signal);
    await expect.poll(() => deltaRequests().length).toBe(3);
    await expect.poll(async () => (await world.all()).length).toBe(20);
    crash.abort(new Error('killed'));
    await expect(crashed).rejects.toThrow();

    world.simulator.clearLog();
    const run = await world.carryOut(jobId);
    expect(run.status).toBe('COMPLETED');
    expect(deltaRequests()).toHaveLength(1);
    expect(await world.all()).toHaveLength(30);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it.each([
    { deltaEmptyPages: 'first' as const },
    { deltaEmptyPages: 'every' as const },
    { deltaReplays: true },
    { seriesDeleteTombstones: 'master' as const },
    { occurrenceDeleteTombstone: 'emitted' as const },
    { deltaQueryOptions: '400' as const },
    { tombstoneType: false },
    { storedZoneNames: 'windows' as const },
    { allDayWindow: 'zone' as const },
  ])('comes to the same whatever the service is like: %j', async (switches) => {
    await openWith(25, { env: { GRAPH_PAGE_SIZE: '10' }, switches });
    const series = world.mailbox.createEvent(standup());
    world.mailbox.createEvent(
      lunch('Fair', '2026-03-20', {
        isAllDay: true,
        start: berlin('2026-03-20T00:00:00'),
        end: berlin('2026-03-21T00:00:00'),
      }),
    );
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localCreated: 27 });
    expect(await world.differences()).toEqual([]);
    world.mailbox.deleteOccurrence(series.id, '2026-03-16');
    world.mailbox.updateOccurrence(series.id, '2026-03-23', { subject: 'Standup, outside' });
    const [first] = world.mailbox.listEvents();
    world.mailbox.deleteEvent(first!.id);
    expect(await world.sync()).toMatchObject({
      status: 'COMPLETED',
      localUpdated: 1,
      localDeleted: 1,
      localCreated: 0,
    });
    expect(await world.differences()).toEqual([]);
    // An empty page on the way is a request more, and nothing else.
    const graphRequests = 'deltaEmptyPages' in switches ? 2 : 1;
    await expectQuiet(world, { graphRequests });
    world.mailbox.deleteEvent(series.id);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 1 });
    await expectQuiet(world, { graphRequests });
  });

  it('gives a round up whose pages repeat for ever, says so, and recovers when Graph does', async () => {
    await openWith(30, { env: { GRAPH_PAGE_SIZE: '10' }, switches: { deltaStuck: true } });
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'FAILED', errorCode: 'CURSOR_EXPIRED' });
    expect(deltaRequests().length).toBeLessThan(20);
    world.simulator.switches.deltaStuck = false;
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED' });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('begins anew after pages that repeated for ever: what was deleted since they were read goes here too', async () => {
    await openWith(5, { env: { GRAPH_PAGE_SIZE: '10' } });
    world.simulator.failNext({ kind: 'repeat-page', path: /delta/, count: 'always' });
    expect(await world.sync()).toMatchObject({ status: 'FAILED', errorCode: 'CURSOR_EXPIRED' });
    const [read] = await world.all();
    world.mailbox.deleteEvent(read!.graphEventId!);
    world.simulator.clearFaults();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 1 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it.each([
    ['410 SyncStateNotFound', { status: 410, code: 'SyncStateNotFound' }],
    ['410 with a code in another case', { status: 410, code: 'syncStateNotFound' }],
    ['400 resyncRequired', { status: 400, code: 'resyncRequired' }],
    ['400 Badly formed token', { status: 400, code: 'BadRequest' }],
    ['404 syncStateInvalid', { status: 404, code: 'SyncStateInvalid' }],
  ])('that dies (%s) becomes a full one, reconciled as a difference: edits made here survive', async (_name, fault) => {
    await openWith(5);
    await world.sync();
    const [first, second] = await world.all();
    await world.edit(first!.id, { subject: 'edited here' });
    world.mailbox.deleteEvent(second!.graphEventId!);
    world.mailbox.createEvent(lunch('new there'));
    world.simulator.failNext({ path: /deltatoken/i, ...fault });
    const run = await world.sync();
    expect(run).toMatchObject({
      status: 'COMPLETED',
      localCreated: 1,
      localDeleted: 1,
      localUpdated: 0,
      remoteUpdated: 1,
    });
    expect(await world.differences()).toEqual([]);
    expect(await subjects()).toContain('edited here');
    await expectQuiet(world);
  });

  it('does not trust a token older than CALENDAR_DELTA_TOKEN_EXPIRY, and rewrites nothing when it starts over', async () => {
    await openWith(5, { env: { CALENDAR_DELTA_TOKEN_EXPIRY: '24' } });
    await world.sync();
    world.clock.advance(25 * 60 * 60_000);
    world.simulator.clearLog();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(deltaRequests()[0]?.url).toContain('startDateTime');
    await expectQuiet(world);
  });

  it('trusts a token that was issued a while ago, however long ago everything was read', async () => {
    await openWith(5, { env: { CALENDAR_DELTA_TOKEN_EXPIRY: '24' } });
    await world.sync();
    for (let half = 0; half < 4; half += 1) {
      world.clock.advance(12 * 60 * 60_000);
      await world.sync();
    }
    world.simulator.clearLog();
    await expectQuiet(world);
    expect(deltaRequests().filter(({ url }) => url.includes('startDateTime'))).toEqual([]);
  });

  it('is started over when the window of the settings changes, and takes in what was outside', async () => {
    await openWith(1);
    world.mailbox.createEvent(lunch('next year', '2027-05-03'));
    await world.sync();
    expect(await subjects()).toEqual(['there 0']);
    await world.services.settings.put('ada' as never, { window: { pastDays: 90, futureDays: 700 } });
    await world.sync();
    expect(await subjects()).toEqual(['next year', 'there 0']);
    await expectQuiet(world);
  });

  it('moves its window on as the days pass', async () => {
    await openWith(1);
    world.mailbox.createEvent(lunch('next spring', '2027-03-20'));
    await world.sync();
    expect(await subjects()).toEqual(['there 0']);
    world.clock.advance(30 * DAY_MS);
    await world.sync();
    expect(await subjects()).toEqual(['next spring', 'there 0']);
  });

  it('reads everything again when it is forced to, and changes nothing by it', async () => {
    await openWith(12);
    await world.sync();
    world.simulator.clearLog();
    expect(await world.sync({ forceFull: true })).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(deltaRequests()[0]?.url).toContain('startDateTime');
    await expectQuiet(world);
  });

  it('counts a touched event as unchanged: only content matters', async () => {
    await openWith(3);
    await world.sync();
    for (const { id } of world.mailbox.listEvents()) world.mailbox.touch(id);
    const revisions = (await world.all()).map(({ revision }) => revision);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect((await world.all()).map(({ revision }) => revision)).toEqual(revisions);
    await expectQuiet(world);
  });

  it('takes no notice of its own writes when they come back', async () => {
    await openWith(0);
    await world.bookContents([]);
    const ids = await world.bookAll(
      Array.from({ length: 25 }, (_, each) => ({
        subject: `here ${each}`,
        body: { contentType: 'text' as const, content: 'Bring samples' },
        start: berlin('2026-03-10T09:00:00'),
        end: berlin('2026-03-10T10:00:00'),
      })),
    );
    await world.sync();
    await world.edit(ids[0]!, { location: { displayName: 'Yard' } });
    await world.sync();
    await expectQuiet(world);
    await expectQuiet(world);
  });
});

describe('a tombstone', () => {
  it('of an event that was moved out of the window is no deletion', async () => {
    await openWith(2);
    await world.sync();
    const [event] = world.mailbox.listEvents();
    world.mailbox.updateEvent(event!.id, {
      start: berlin('2029-03-11T12:00:00'),
      end: berlin('2029-03-11T13:00:00'),
    });
    expect(await world.sync()).toMatchObject({ localDeleted: 0, localUpdated: 1 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('of an event never seen costs nothing', async () => {
    await openWith(1);
    await world.sync();
    world.simulator.clearLog();
    const far = world.mailbox.createEvent(lunch('far away', '2031-01-01'));
    world.mailbox.deleteEvent(far.id);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', graphRequests: 1, ...NOTHING });
  });

  it('is proven by asking for that very event before anything is deleted here', async () => {
    await openWith(3);
    await world.sync();
    const [event] = world.mailbox.listEvents();
    world.mailbox.deleteEvent(event!.id);
    world.simulator.clearLog();
    expect(await world.sync()).toMatchObject({ localDeleted: 1 });
    const asked = world.simulator.requests.filter(({ method, path }) => method === 'GET' && path.endsWith(event!.id));
    expect(asked).toHaveLength(1);
    expect(asked[0]?.status).toBe(404);
    await expectQuiet(world);
  });

  it('whose proof fails in passing deletes nothing; the next run settles it', async () => {
    await openWith(3);
    await world.sync();
    const [event] = world.mailbox.listEvents();
    world.mailbox.deleteEvent(event!.id);
    world.simulator.failNext({ method: 'GET', path: new RegExp(event!.id.slice(-30)), status: 403 });
    const failed = await world.sync();
    expect(failed.localDeleted).toBe(0);
    expect(await world.all()).toHaveLength(3);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 1 });
    await expectQuiet(world);
  });
});

describe('a tombstone of one date of a series', () => {
  /** A service that tells of the date, and leaves the tag of the series as it was. */
  const keepTag = (id: string) =>
    sql`update "EventBase" set etag = ${String(world.mailbox.getEvent(id)?.['@odata.etag'])} where "graphEventId" = ${id}`.execute(
      world.db.kysely,
    );

  it('that was changed before makes the series be read again', async () => {
    await openWith(1, { switches: { occurrenceDeleteTombstone: 'emitted' } });
    const series = world.mailbox.createEvent(standup());
    world.mailbox.updateOccurrence(series.id, '2026-03-09', { subject: 'With guests' });
    await world.sync();
    world.mailbox.deleteOccurrence(series.id, '2026-03-09');
    await keepTag(series.id);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localUpdated: 1, localDeleted: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('costs nothing when it is our own doing', async () => {
    await openWith(1, { switches: { occurrenceDeleteTombstone: 'emitted' } });
    const series = world.mailbox.createEvent(standup());
    world.mailbox.updateOccurrence(series.id, '2026-03-09', { subject: 'With guests' });
    await world.sync();
    const { id } = await world.bySubject('Standup');
    await world.editContent(id, (content) => ({
      ...content,
      occurrences: { ...content.occurrences, '2026-03-09': { isCancelled: true } },
    }));
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 1 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('is one of the deleted series, which is asked for once', async () => {
    await openWith(1);
    const series = world.mailbox.createEvent(standup());
    world.mailbox.updateOccurrence(series.id, '2026-03-09', { subject: 'With guests' });
    await world.sync();
    world.mailbox.deleteEvent(series.id);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 1, graphRequests: 2 });
    await expectQuiet(world);
  });
});

describe('an id Graph cannot make sense of', () => {
  const malformed = { status: 400, code: 'ErrorInvalidIdMalformed' };
  const farAway = { start: berlin('2036-03-11T12:00:00'), end: berlin('2036-03-11T13:00:00') };

  it('is no proof of a deletion: the event of a tombstone is left alone until Graph knows more', async () => {
    await openWith(2);
    await world.sync();
    const [event] = world.mailbox.listEvents();
    world.mailbox.updateEvent(event!.id, farAway);
    world.simulator.failNext({ method: 'GET', path: /events\/[^/]+$/, ...malformed });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(await subjects()).toEqual(['there 0', 'there 1']);
    await expectQuiet(world);
    expect(world.mailbox.listEvents()).toHaveLength(2);
  });

  it('ends the search of a full round, however often it is met, and deletes nothing', async () => {
    await openWith(2, { env: { CALENDAR_DELTA_TOKEN_EXPIRY: '24' } });
    await world.sync();
    const [event, other] = world.mailbox.listEvents();
    for (const { id } of [event!, other!]) world.mailbox.updateEvent(id, farAway);
    world.simulator.failNext({ path: /deltatoken/i, status: 410, code: 'SyncStateNotFound' });
    world.simulator.failNext({ method: 'GET', path: /events\/[^/]+$/, ...malformed, count: 2 });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(await subjects()).toEqual(['there 0', 'there 1']);
    await expectQuiet(world);
    world.clock.advance(25 * 60 * 60_000);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localUpdated: 2, localDeleted: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('keeps a series as it is known here', async () => {
    await openWith(0);
    const series = world.mailbox.createEvent(standup());
    await world.sync();
    world.mailbox.updateEvent(series.id, { subject: 'Standup, outside' });
    world.simulator.failNext({ method: 'GET', path: /events\/[^/]+$/, ...malformed });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(await subjects()).toEqual(['Standup']);
    world.mailbox.touch(series.id);
    expect(await world.sync()).toMatchObject({ localUpdated: 1, localDeleted: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('keeps an edit made here waiting', async () => {
    await openWith(1);
    await world.sync();
    const [event] = await world.all();
    await world.edit(event!.id, { subject: 'edited here' });
    world.simulator.failNext({ path: /events\/[^/]+$/, ...malformed, count: 20 });
    await world.sync();
    expect(await subjects()).toEqual(['edited here']);
    world.simulator.clearFaults();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 1, remoteCreated: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});

describe('series', () => {
  it('are one event here: master, exceptions and cancelled dates, never their occurrences', async () => {
    await openWith(0);
    const series = world.mailbox.createEvent(standup());
    world.mailbox.updateOccurrence(series.id, '2026-03-09', {
      subject: 'Standup with guests',
      start: berlin('2026-03-09T15:00:00'),
      end: berlin('2026-03-09T16:00:00'),
    });
    world.mailbox.deleteOccurrence(series.id, '2026-03-16');
    await world.sync();
    const stored = await world.all();
    expect(stored).toHaveLength(1);
    expect(stored[0]?.content.occurrences).toMatchObject({
      '2026-03-09': { isCancelled: false, fields: { subject: 'Standup with guests' } },
      '2026-03-16': { isCancelled: true },
    });
    await expectQuiet(world);
  });

  it('are read twenty to a request, each once a run', async () => {
    await openWith(0);
    for (let each = 0; each < 45; each += 1) world.mailbox.createEvent({ ...standup(), subject: `series ${each}` });
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'COMPLETED', localCreated: 45 });
    const batches = world.simulator.requests.filter(({ path }) => path.includes('$batch'));
    expect(batches).toHaveLength(3);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('change as one: a date deleted, a date changed, the rule changed, in Outlook', async () => {
    await openWith(0);
    const series = world.mailbox.createEvent(standup());
    await world.sync();
    world.mailbox.deleteOccurrence(series.id, '2026-03-23');
    expect(await world.sync()).toMatchObject({ localUpdated: 1, localCreated: 0 });
    world.mailbox.updateOccurrence(series.id, '2026-03-30', { location: { displayName: 'Yard' } });
    expect(await world.sync()).toMatchObject({ localUpdated: 1, localCreated: 0 });
    expect(await world.differences()).toEqual([]);
    world.mailbox.updateEvent(series.id, {
      recurrence: {
        pattern: { type: 'daily', interval: 2 },
        range: { type: 'numbered', startDate: '2026-03-02', numberOfOccurrences: 10 },
      },
    });
    expect(await world.sync()).toMatchObject({ localUpdated: 1, localCreated: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('become single events and back without being doubled', async () => {
    await openWith(0);
    const single = world.mailbox.createEvent(lunch('Lunch', '2026-03-09'));
    await world.sync();
    world.mailbox.updateEvent(single.id, {
      recurrence: {
        pattern: { type: 'daily', interval: 1 },
        range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 5 },
      },
    });
    await world.sync();
    expect(await world.all()).toHaveLength(1);
    expect((await world.all())[0]?.content.recurrence).not.toBeNull();
    world.mailbox.updateEvent(single.id, { recurrence: null });
    await world.sync();
    expect(await world.all()).toHaveLength(1);
    expect((await world.all())[0]?.content.recurrence).toBeNull();
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('whose beginning lies years before the window are taken in whole', async () => {
    await openWith(0);
    world.mailbox.createEvent({
      ...standup({ type: 'noEnd', startDate: '2019-01-07' }),
      start: berlin('2019-01-07T09:00:00'),
      end: berlin('2019-01-07T09:30:00'),
    });
    await world.sync();
    expect(await world.all()).toHaveLength(1);
    expect((await world.all())[0]?.content.start.dateTime).toContain('2019-01-07');
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});
