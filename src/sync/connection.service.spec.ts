import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { configFor, MAILBOX, SyncWorld, USER } from '../../test/support/sync-world.ts';
import { type App, createApp } from '../app.ts';
import type { EventInput } from '../core/event-input.ts';
import { DEFAULT_CALENDAR_ID, type UserId } from '../core/ids.ts';
import { silentLogger } from '../core/runtime.ts';
import type { Caller } from './connection.service.ts';

const ADA: Caller = { userId: USER, roles: ['user'], mailboxes: [MAILBOX] };
const ADMIN: Caller = { userId: 'root' as UserId, roles: ['admin'], mailboxes: [] };

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });

function visit(subject: string, day = '2026-03-10', change: EventInput = {}): EventInput {
  return { subject, start: berlin(`${day}T09:00:00`), end: berlin(`${day}T10:00:00`), ...change };
}

const connect = (caller: Caller = ADA, mailbox = MAILBOX, userId?: string) =>
  world.services.connectionService.connectApplication(caller, { mailbox, ...(userId ? { userId } : {}) });
const disconnect = () => world.services.connectionService.disconnect(USER);

describe('connecting a mailbox', () => {
  it('saves the mailbox by its object id, its calendars, and the first run, all together', async () => {
    await disconnect();
    world.clock.advance(1_000);
    expect(await connect()).toEqual({
      mode: 'application',
      mailbox: MAILBOX,
      status: 'CONNECTED',
      error: null,
      timeZone: 'W. Europe Standard Time',
      connectedAt: world.clock.now().toISOString(),
      pausedUntil: null,
    });
    const stored = await sql<{ mailboxId: string }>`select "mailboxId" from "CalendarConnection"`.execute(
      world.db.kysely,
    );
    expect(stored.rows).toEqual([{ mailboxId: world.mailbox.id }]);
    const { items } = await world.services.calendarService.list(USER);
    expect(items.map(({ id, isDefault }) => ({ id, isDefault }))).toEqual([{ id: 'default', isDefault: true }]);
    const { items: runs } = await world.services.runService.history({
      userId: USER,
      status: 'PENDING',
      limit: 9,
      offset: 0,
    });
    expect(runs).toMatchObject([{ calendarId: 'default', trigger: 'change', startedAt: null }]);
  });

  it('takes a mailbox the token names in any case, and refuses any other before Graph is asked', async () => {
    await expect(connect(ADA, 'ADA@Example.com')).resolves.toMatchObject({ mailbox: MAILBOX });
    world.simulator.addMailbox({ address: 'bob@example.com' });
    world.simulator.clearLog();
    await expect(connect(ADA, 'bob@example.com')).rejects.toMatchObject({ code: 'access-denied' });
    await expect(connect(ADA, MAILBOX, 'bob')).rejects.toMatchObject({ code: 'access-denied' });
    await expect(connect({ ...ADA, roles: ['operator'] }, 'bob@example.com')).rejects.toMatchObject({
      code: 'access-denied',
    });
    expect(world.simulator.requests).toEqual([]);
  });

  it('lets an admin bind any mailbox for anybody, also one that is bound to somebody else', async () => {
    await expect(connect(ADMIN, MAILBOX, 'bob')).resolves.toMatchObject({ mailbox: MAILBOX, status: 'CONNECTED' });
    await expect(world.services.connectionService.get('bob' as UserId)).resolves.toMatchObject({ mailbox: MAILBOX });
    await expect(world.services.connectionService.get('root' as UserId)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('says in clear words that a mailbox does not exist, or that its name is none', async () => {
    await expect(connect(ADMIN, 'nobody@example.com', 'bob')).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('no such mailbox'),
    });
    await expect(connect(ADMIN, 'ada', 'bob')).rejects.toMatchObject({
      code: 'invalid-input',
      problems: [{ path: 'mailbox' }],
    });
    await expect(world.services.connectionService.get('bob' as UserId)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is unavailable, with nothing saved, while Graph does not answer', async () => {
    world.simulator.failNext({ kind: 'hang', count: 99 });
    const asked = world.whileTimePasses(() => connect(ADMIN, MAILBOX, 'bob'));
    await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
    await expect(world.services.connectionService.get('bob' as UserId)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is a fresh start when the same mailbox is connected again, and refuses another one', async () => {
    await world.db.transaction((tx) =>
      sql`update "CalendarConnection" set status = 'REAUTH_REQUIRED', "errorMessage" = 'x'`.execute(tx.kysely),
    );
    await expect(world.services.connectionService.get(USER)).resolves.toMatchObject({
      status: 'REAUTH_REQUIRED',
      error: 'x',
    });
    await expect(connect()).resolves.toMatchObject({ status: 'CONNECTED', error: null });
    world.simulator.addMailbox({ address: 'ada.lemke@example.com' });
    await expect(
      connect({ ...ADA, mailboxes: ['ada.lemke@example.com'] }, 'ada.lemke@example.com'),
    ).rejects.toMatchObject({
      code: 'conflict-state',
    });
    await expect(world.services.connectionService.get(USER)).resolves.toMatchObject({ mailbox: MAILBOX });
  });
});

/** Through another process; time passes while it waits. */
function connectElsewhere(process: App, mailbox: string): Promise<unknown> {
  const { connectionService } = process.services;
  return world.whileTimePasses(() => connectionService.connectApplication(ADMIN, { mailbox, userId: 'bob' }));
}

describe('a pause Graph asked for', () => {
  it('shows, and is kept by the next process too', async () => {
    world.simulator.failNext({ path: /delta/, status: 429, retryAfter: 90 });
    const jobId = await world.enqueue();
    const working = world.carryOut(jobId).catch(() => {});
    const until = new Date(world.clock.now().getTime() + 90_000).toISOString();
    await expect.poll(async () => (await world.services.connectionService.get(USER)).pausedUntil).toBe(until);
    await world.services.runService.cancel(USER, jobId);
    world.clock.advance(2_000);
    await working;

    const next = await createApp(configFor(world.simulator), {
      db: world.db,
      clock: world.clock,
      logger: silentLogger,
      fetch: (url, init) => world.simulator.fetch(url, init),
    });
    await next.start({ isApi: false, isWorker: false });
    world.simulator.clearLog();
    const refused = { code: 'throttled', retryAfterMs: 88_000 };
    await expect(next.services.calendarService.refresh(USER)).rejects.toMatchObject(refused);
    await expect(next.services.previewService.preview(USER, {})).rejects.toMatchObject(refused);
    // Also what does not look at the connection first is kept back.
    const mailbox = world.mailbox.id;
    await expect(connectElsewhere(next, mailbox)).rejects.toMatchObject({ code: 'unavailable' });
    expect(world.simulator.requests.filter(({ mailbox }) => mailbox !== undefined)).toEqual([]);
    world.clock.advance(90_000);
    await expect(next.services.calendarService.refresh(USER)).resolves.toMatchObject({ items: [{ id: 'default' }] });
    await expect(world.services.connectionService.get(USER)).resolves.toMatchObject({ pausedUntil: null });
    await next.stop();
  });
});

describe('disconnecting', () => {
  it('keeps every event on both sides, and cancels what was queued', async () => {
    await world.book(visit('here'));
    world.mailbox.createEvent(visit('there', '2026-03-11'));
    await world.sync();
    const queued = await world.enqueue();
    await disconnect();
    expect(await world.run(queued)).toMatchObject({ status: 'CANCELLED' });
    expect(await world.carryOutOnce(queued)).toEqual({ continuation: false });
    expect((await world.all()).map(({ content }) => content.subject).sort()).toEqual(['here', 'there']);
    expect(world.mailbox.listEvents()).toHaveLength(2);
    await expect(world.services.connectionService.get(USER)).rejects.toMatchObject({ code: 'not-found' });
    await expect(disconnect()).rejects.toMatchObject({ code: 'not-found' });
    await expect(world.services.runService.start(USER, {})).rejects.toMatchObject({ code: 'not-connected' });
  });

  it('doubles nothing when the mailbox is connected again: single events, series, and events long past', async () => {
    const series = visit('series', '2026-03-09', {
      recurrence: {
        pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
        range: { type: 'endDate', startDate: '2026-03-09', endDate: '2026-06-01' },
      },
    });
    await world.bookAll([visit('here'), series, visit('long past', '2024-05-06')]);
    world.mailbox.createEvent(visit('there', '2026-03-11'));
    world.mailbox.createEvent({ ...series, subject: 'series there' });
    await world.sync();
    expect(await world.differences()).toEqual([]);

    await disconnect();
    await world.connect();
    const run = await world.sync();
    expect(run).toMatchObject({
      status: 'COMPLETED',
      localCreated: 0,
      remoteCreated: 0,
      remoteDeleted: 0,
      localDeleted: 0,
    });
    expect(world.mailbox.listEvents()).toHaveLength(5);
    expect(await world.all()).toHaveLength(5);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('joins both sides anew afterwards: what was changed or deleted on one side meanwhile is lost on neither', async () => {
    const [edited, removed] = await world.bookAll([visit('edited'), visit('removed here', '2026-03-12')]);
    const there = world.mailbox.createEvent(visit('removed there', '2026-03-13'));
    await world.sync();
    await disconnect();
    world.clock.advance(60_000);
    await world.edit(edited!, { subject: 'edited here' });
    await world.remove(removed!);
    world.mailbox.deleteEvent(there.id);
    await world.connect();
    await world.sync();
    const subjects = (await world.all()).map(({ content }) => content.subject).sort();
    expect(subjects).toEqual(['edited here', 'removed here', 'removed there']);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('moves to another mailbox: own events go there, meetings of others do not become ours', async () => {
    await world.bookAll([visit('mine'), visit('mine long past', '2024-05-06')]);
    world.mailbox.addForeignMeeting({
      ...visit('their meeting', '2026-03-12'),
      organizer: { emailAddress: { address: 'boss@example.com' } },
    });
    await world.sync();
    expect(await world.all()).toHaveLength(3);
    await disconnect();
    const other = world.simulator.addMailbox({ address: 'ada.lemke@example.com', timeZone: 'W. Europe Standard Time' });
    await connect({ ...ADA, mailboxes: ['ada.lemke@example.com'] }, 'ada.lemke@example.com');
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteCreated: 2, failedEvents: 0 });
    expect(
      other
        .listEvents()
        .map(({ subject }) => subject)
        .sort(),
    ).toEqual(['mine', 'mine long past']);
    expect(await world.all()).toHaveLength(3);
    // Graph tells of the one outside the window as if it had been removed, and it is looked for once.
    await world.sync();
    await expectQuiet(world);
  });

  it.each([true, false])(
    'knows an event again that was moved to another calendar meanwhile (that one first: %s)',
    async (isTeamFirst) => {
      const teamId = world.mailbox.addCalendar('Team');
      const [, team] = (await world.services.calendarService.refresh(USER)).items;
      const [id] = await world.bookAll([visit('moved')]);
      await world.sync({ calendarId: 'all' });
      const { graphEventId } = await world.get(id!);
      await disconnect();
      world.mailbox.moveEvent(graphEventId!, teamId);
      await world.connect();
      const order = [DEFAULT_CALENDAR_ID, team!.id];
      for (const calendarId of isTeamFirst ? order.reverse() : order) await world.sync({ calendarId });
      expect(await world.all()).toMatchObject([{ id, calendarId: team!.id }]);
      expect(world.mailbox.listEvents()).toHaveLength(1);
    },
  );

  it('takes the mailbox away from a run at work, which then changes nothing more', async () => {
    await world.bookAll([visit('one'), visit('two', '2026-03-11')]);
    const jobId = await world.enqueue();
    const lease = await world.db.transaction((tx) => world.leases.claim(tx, USER, 'worker', world.clock.now(), 60_000));
    await disconnect();
    const carriedOut = world.services.sync.run({ jobId, lease: lease!, signal: new AbortController().signal });
    await expect(carriedOut).resolves.toEqual({ continuation: false });
    expect(world.mailbox.listEvents()).toEqual([]);
    expect(await world.run(jobId)).toMatchObject({ status: 'CANCELLED' });
  });

  it('closes what waited for a decision and keeps its values on record', async () => {
    await world.services.settings.put(USER, { conflictResolution: 'manual' });
    const [id] = await world.bookAll([visit('booked')]);
    await world.sync();
    const { graphEventId } = await world.get(id!);
    world.mailbox.updateEvent(graphEventId!, { subject: 'renamed there' });
    await world.edit(id!, { subject: 'renamed here' });
    await world.sync();
    expect(await world.pendingConflicts()).toHaveLength(1);
    await disconnect();
    expect(await world.pendingConflicts()).toEqual([]);
    expect(await world.allConflicts()).toMatchObject([
      { data: { local: { subject: 'renamed here' }, remote: { subject: 'renamed there' } } },
    ]);
    expect((await world.get(id!)).content.subject).toBe('renamed here');
    expect((await world.bases.findByEventIds(world.db, USER, [id!])).get(id!)?.graphEventId).toBeUndefined();
    expect((await world.calendars.find(world.db, USER, DEFAULT_CALENDAR_ID))?.lastSyncedAt).toBeUndefined();
  });
});
