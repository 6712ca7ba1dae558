import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet, NOTHING } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type GraphCalendarId, type UserId } from '../core/ids.ts';
import type { RemoteCalendar } from '../graph/calendar-graph.ts';
import { CursorRepository } from '../store/cursor.repository.ts';
import { ContentCipher, KeyRing } from '../store/encryption.ts';
import type { Lease } from '../store/lease.repository.ts';
import { systemRandom } from '../system-runtime.ts';
import type { CalendarView } from './calendar.service.ts';
import { saveCalendarList } from './calendar-list.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const service = () => world.services.calendarService;
const refresh = async () => (await service().refresh(USER)).items;
const named = (items: readonly CalendarView[], name: string) => items.find((calendar) => calendar.name === name);

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const visit = (subject: string, day = '2026-03-10') => ({
  subject,
  start: berlin(`${day}T09:00:00`),
  end: berlin(`${day}T10:00:00`),
});

/** What Graph might list, without a mailbox behind it. */
function listed(id: string, change: Partial<RemoteCalendar> = {}): RemoteCalendar {
  return {
    id: id as GraphCalendarId,
    name: id,
    isDefault: false,
    canEdit: true,
    ownerAddress: 'ada@example.com',
    ...change,
  };
}

async function save(...calendars: RemoteCalendar[]): Promise<readonly CalendarView[]> {
  const cursors = new CursorRepository(
    new ContentCipher(KeyRing.parse(`test:${Buffer.alloc(32, 7).toString('base64')}`), systemRandom),
  );
  await world.db.transaction((tx) =>
    saveCalendarList(
      tx,
      { calendars: world.calendars, cursors, random: systemRandom },
      USER,
      calendars,
      world.clock.now(),
    ),
  );
  return (await service().list(USER)).items;
}

describe('the list of calendars', () => {
  it('shows each with what applies to it', async () => {
    const holidays = world.mailbox.addCalendar('Holidays', { canEdit: false });
    const items = await refresh();
    expect(items).toHaveLength(2);
    expect(items[0]).toEqual({
      id: 'default',
      name: 'Calendar',
      isDefault: true,
      canEdit: true,
      color: 'auto',
      owner: 'ada@example.com',
      enabled: true,
      direction: 'bidirectional',
      conflictResolution: 'prefer_latest',
      syncIntervalMinutes: 0,
      window: { pastDays: 90, futureDays: 365 },
      rules: [],
      notifyAttendees: 'never',
      removedAt: null,
      lastSyncedAt: null,
      nextSyncAt: null,
      coverage: null,
    });
    expect(items[1]).toMatchObject({ name: 'Holidays', isDefault: false, canEdit: false });
    expect(items[1]?.id).not.toBe(holidays);
    await world.sync();
    expect((await service().list(USER)).items).toMatchObject([
      {
        lastSyncedAt: world.clock.now().toISOString(),
        coverage: { start: '2025-12-02T00:00:00.000Z', end: '2027-03-03T00:00:00.000Z' },
      },
      { coverage: null },
    ]);
  });

  it('is read again with the same ids: new ones come, lost ones are marked, and come back as themselves', async () => {
    const id = world.mailbox.addCalendar('Team');
    const team = named(await refresh(), 'Team')!;
    expect(named(await refresh(), 'Team')?.id).toBe(team.id);
    world.mailbox.removeCalendar(id);
    expect(named(await refresh(), 'Team')).toMatchObject({ id: team.id, removedAt: world.clock.now().toISOString() });
    await expect(world.services.runService.start(USER, { calendarId: team.id })).rejects.toMatchObject({
      code: 'not-found',
    });
    world.mailbox.addCalendar('Team');
    const back = await refresh();
    expect(back.filter(({ name }) => name === 'Team')).toMatchObject([{ id: team.id, removedAt: null }]);
    await expect(world.services.runService.start(USER, { calendarId: team.id })).resolves.toMatchObject({
      status: 'started',
    });
  });

  it('needs a mailbox, and says in clear words when it cannot be asked', async () => {
    await expect(service().refresh('bob' as UserId)).rejects.toMatchObject({ code: 'not-connected' });
    world.simulator.failNext({ path: /calendars/, status: 403, code: 'ErrorAccessDenied', count: 9 });
    await expect(service().refresh(USER)).rejects.toMatchObject({
      code: 'rejected',
      graphCode: 'ErrorAccessDenied',
      message: expect.stringContaining('Calendars.ReadWrite'),
    });
    expect((await service().list('bob' as UserId)).items).toEqual([]);
  });
});

describe('calendars that change their ids or names', () => {
  const main = listed('main', { isDefault: true });

  it('keep ours when they are renamed, and when Graph gives them another', async () => {
    const team = named(await save(main, listed('t1', { name: 'Team' })), 'Team')!;
    expect(named(await save(main, listed('t1', { name: 'Crew' })), 'Crew')?.id).toBe(team.id);
    const renumbered = await save(main, listed('t2', { name: 'Crew' }));
    expect(named(renumbered, 'Crew')).toMatchObject({ id: team.id, removedAt: null });
    expect(renumbered).toHaveLength(2);
  });

  it('are read from the beginning after that, because the stored link is of another folder', async () => {
    await world.sync();
    const cursors = () => sql<{ n: number }>`select count(*)::int as n from "DeltaCursor"`.execute(world.db.kysely);
    expect((await cursors()).rows[0]?.n).toBe(1);
    await save(listed('another id', { isDefault: true, name: 'Calendar' }));
    expect((await cursors()).rows[0]?.n).toBe(0);
  });

  it('are not mixed up when two have the same name', async () => {
    const before = await save(main, listed('a', { name: 'Team' }), listed('b', { name: 'Team' }));
    const ids = before.filter(({ name }) => name === 'Team').map(({ id }) => id);
    const after = await save(main, listed('c', { name: 'Team' }), listed('d', { name: 'Team' }));
    const present = after.filter(({ name, removedAt }) => name === 'Team' && removedAt === null).map(({ id }) => id);
    expect(present.some((id) => ids.includes(id))).toBe(false);
    // Shared by somebody else under the same name: another calendar.
    const shared = await save(
      main,
      listed('c', { name: 'Team' }),
      listed('e', { name: 'Team', ownerAddress: 'bob@example.com' }),
    );
    expect(shared.filter(({ name, removedAt }) => name === 'Team' && removedAt === null)).toHaveLength(2);
  });

  it('swap names when another one becomes the default of the mailbox, with everything in them', async () => {
    const before = await save(main, listed('second'));
    const second = named(before, 'second')!;
    await world.book(visit('in main'));
    await world.book(visit('in second'), second.id);
    await service().update(USER, second.id, { direction: 'pull' });
    const after = await save(listed('main'), listed('second', { isDefault: true }));
    expect(named(after, 'second')).toMatchObject({ id: 'default', isDefault: true, direction: 'pull' });
    const former = named(after, 'main')!;
    expect(former).toMatchObject({ isDefault: false, removedAt: null });
    expect(former.id).not.toBe('default');
    expect((await world.all(DEFAULT_CALENDAR_ID)).map(({ content }) => content.subject)).toEqual(['in second']);
    expect((await world.all(former.id)).map(({ content }) => content.subject)).toEqual(['in main']);
    expect(after).toHaveLength(2);
  });
});

describe('a run at work', () => {
  const claim = async () =>
    (await world.db.transaction((tx) => world.leases.claim(tx, USER, 'a run', world.clock.now(), 60_000)))!;
  const assert = (lease: Lease) => world.db.transaction((tx) => world.leases.assert(tx, lease));

  /** Outlook's owner makes another calendar the mailbox's default one. */
  function makeDefault(name: string): void {
    const state = JSON.parse(world.simulator.snapshot());
    for (const calendar of state.mailboxes[0].state.calendars) calendar.isDefault = calendar.name === name;
    world.simulator.restore(JSON.stringify(state));
  }

  it('loses the mailbox when its calendars change their ids under it, and only then', async () => {
    const team = world.mailbox.addCalendar('Team');
    await refresh();
    const lease = await claim();
    world.mailbox.addCalendar('Holidays');
    await refresh();
    await assert(lease);
    makeDefault('Team');
    const items = await refresh();
    expect(named(items, 'Team')).toMatchObject({ id: 'default', isDefault: true });
    await expect(assert(lease)).rejects.toMatchObject({ code: 'lease-lost' });
    const next = await claim();
    await refresh();
    await assert(next);
    await world.db.transaction((tx) => sql`update "Calendar" set "graphCalendarId" = 'old ' || id`.execute(tx.kysely));
    await refresh();
    await expect(assert(next)).rejects.toMatchObject({ code: 'lease-lost' });
    expect(world.mailbox.defaultCalendarId).toBe(team);
  });

  it('also when the mailbox is connected once more', async () => {
    world.mailbox.addCalendar('Team');
    await refresh();
    const lease = await claim();
    makeDefault('Team');
    await world.connect();
    await expect(assert(lease)).rejects.toMatchObject({ code: 'lease-lost' });
  });

  it('that finds out by itself starts again, with every event where it was', async () => {
    const former = world.mailbox.defaultCalendarId;
    const team = world.mailbox.addCalendar('Team');
    world.mailbox.createEvent(visit('in main'));
    world.mailbox.createEvent(visit('in team'), { calendarId: team });
    await refresh();
    await world.sync({ calendarId: 'all' });
    await world.book(visit('for main', '2026-03-12'));
    makeDefault('Team');
    const jobId = await world.enqueue();
    world.simulator.failNext({ path: /delta/i, status: 404, code: 'ErrorItemNotFound' });
    await expect(world.carryOutOnce(jobId)).rejects.toMatchObject({ code: 'lease-lost' });
    expect((await world.run(jobId)).status).toBe('IN_PROGRESS');
    expect(await world.carryOut(jobId)).toMatchObject({ status: 'COMPLETED', localCreated: 0, remoteCreated: 0 });
    await world.sync({ calendarId: 'all' });
    expect(world.mailbox.listEvents({ calendarId: team }).map(({ subject }) => subject)).toEqual(['in team']);
    expect(world.mailbox.listEvents({ calendarId: former }).map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(['in main', 'for main']),
    );
    expect(await world.all()).toHaveLength(3);
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ ...NOTHING, graphRequests: 2 });
  });
});

describe('the default calendar', () => {
  const ids = (items: readonly CalendarView[]) => items.map(({ id, name }) => [id, name]);

  it('stays the one we know when Graph marks none, or several', async () => {
    const main = listed('main', { isDefault: true });
    const before = ids(await save(main, listed('second')));
    expect(before[0]).toEqual(['default', 'main']);
    expect(ids(await save(listed('main'), listed('second')))).toEqual(before);
    expect(ids(await save(listed('second', { isDefault: true }), main))).toEqual(before);
  });
});

describe('a calendar of its own', () => {
  it('is synced apart from the default one, both ways', async () => {
    const id = world.mailbox.addCalendar('Team');
    const team = named(await refresh(), 'Team')!;
    world.mailbox.createEvent(visit('there'), { calendarId: id });
    await world.book(visit('here', '2026-03-11'), team.id);
    expect(await world.sync({ calendarId: team.id })).toMatchObject({ localCreated: 1, remoteCreated: 1 });
    expect(world.mailbox.listEvents({ calendarId: id })).toHaveLength(2);
    expect(await world.sync({ calendarId: team.id })).toMatchObject({
      localCreated: 0,
      remoteCreated: 0,
      graphRequests: 1,
    });
    await world.sync();
    expect(await world.all(DEFAULT_CALENDAR_ID)).toEqual([]);
  });

  it.each(['single', 'series'])('receives what is moved to it in Outlook, as the same event: %s', async (kind) => {
    const id = world.mailbox.addCalendar('Team');
    const team = named(await refresh(), 'Team')!;
    const recurrence = {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'], firstDayOfWeek: 'monday' },
      range: { type: 'endDate', startDate: '2026-03-10', endDate: '2026-05-05' },
    };
    const there = world.mailbox.createEvent({ ...visit('moved'), ...(kind === 'series' ? { recurrence } : {}) });
    await world.sync({ calendarId: 'all' });
    const before = await world.bySubject('moved');
    world.mailbox.moveEvent(there.id, id);
    await world.sync({ calendarId: 'all' });
    expect(await world.all()).toMatchObject([{ id: before.id, calendarId: team.id }]);
    const base = (await world.bases.findByEventIds(world.db, USER, [before.id])).get(before.id);
    expect(base?.calendarId).toBe(team.id);
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({
      localUpdated: 0,
      remoteUpdated: 0,
      graphRequests: 2,
    });
    await world.edit(before.id, { subject: 'edited here' });
    expect(await world.sync({ calendarId: team.id })).toMatchObject({ remoteUpdated: 1 });
    expect(world.mailbox.listEvents({ calendarId: id })).toMatchObject([{ subject: 'edited here' }]);
  });

  it('is left out of a run over all while it is switched off', async () => {
    const id = world.mailbox.addCalendar('Team');
    world.mailbox.createEvent(visit('there'), { calendarId: id });
    const team = named(await refresh(), 'Team')!;
    await service().update(USER, team.id, { enabled: false });
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ status: 'COMPLETED', localCreated: 0 });
    await service().update(USER, team.id, { enabled: true });
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ status: 'COMPLETED', localCreated: 1 });
    await expectQuiet(world);
  });
});

describe('settings of one calendar', () => {
  it('win over those of the user, until they are given back', async () => {
    await world.services.settings.put(USER, { direction: 'push', syncIntervalMinutes: 30 });
    const changed = await service().update(USER, 'default', {
      direction: 'pull',
      rules: [{ action: 'exclude', showAs: ['free'] }],
    });
    expect(changed).toMatchObject({ direction: 'pull', syncIntervalMinutes: 30, rules: [{ action: 'exclude' }] });
    expect(await service().update(USER, 'default', { direction: null })).toMatchObject({
      direction: 'push',
      rules: [{ action: 'exclude' }],
    });
  });

  it('are refused for a calendar that is not there, and when they cannot be', async () => {
    await expect(service().update(USER, 'other', { enabled: false })).rejects.toMatchObject({ code: 'not-found' });
    await expect(service().update('bob' as UserId, 'default', { enabled: false })).rejects.toMatchObject({
      code: 'not-found',
    });
    await expect(service().update(USER, 'a\0b', { enabled: false })).rejects.toMatchObject({ code: 'not-found' });
    await expect(
      service().update(USER, 'default', { window: { pastDays: 1000, futureDays: 1000 } }),
    ).rejects.toMatchObject({ code: 'impossible-input', problems: [{ path: 'window' }] });
  });

  it('bring the next background sync forward', async () => {
    await world.db.transaction((tx) =>
      world.calendars.saveNextSync(tx, USER, 'default' as CalendarId, new Date('2026-03-03T00:00:00Z')),
    );
    expect(await service().update(USER, 'default', { syncIntervalMinutes: 5 })).toMatchObject({ nextSyncAt: null });
  });
});
