import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NOTHING } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type JobId } from '../core/ids.ts';

let world: SyncWorld;
/** A second calendar of the mailbox, by its ids there and here. */
let teamThere: string;
let team: CalendarId;

beforeAll(async () => {
  await openWorldDatabase();
});
beforeEach(async () => {
  world = await SyncWorld.open();
  teamThere = world.mailbox.addCalendar('Team');
  const { items } = await world.services.calendarService.refresh(USER);
  team = items.find(({ name }) => name === 'Team')!.id;
});
afterEach(async () => {
  await world.close();
});

const DAY_MS = 24 * 60 * 60_000;
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'W. Europe Standard Time' });
const visit = (subject: string, day = '2026-03-11', change: object = {}) => ({
  subject,
  start: berlin(`${day}T12:00:00`),
  end: berlin(`${day}T13:00:00`),
  ...change,
});
const KINDS = {
  'a single event': {},
  'a series': {
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['wednesday'], firstDayOfWeek: 'monday' },
      range: { type: 'endDate', startDate: '2026-03-11', endDate: '2026-05-06' },
    },
  },
};
const BOTH = Object.entries(KINDS).map(([kind, change]) => ({ kind, change }));

const enableTeam = (enabled: boolean) => world.services.calendarService.update(USER, team, { enabled });
const syncAll = () => world.sync({ calendarId: 'all' });
const defaultThere = () => String(world.mailbox.listCalendars().find(({ name }) => name === 'Calendar')?.id);
const operationsOf = async (runId: JobId) =>
  (await world.operations.list(world.db, { userId: USER, runId, limit: 10, offset: 0 })).items;

/** A further run over all calendars: no write on either side, one request for each. */
async function expectQuietAll(calendars: number): Promise<void> {
  world.simulator.clearLog();
  expect(await syncAll()).toMatchObject({ status: 'COMPLETED', graphRequests: calendars, failedEvents: 0, ...NOTHING });
  expect(world.simulator.writes()).toEqual([]);
}

describe.each(BOTH)('$kind', ({ change }) => {
  it('that leaves the window and comes back stays linked, and is edited from both sides meanwhile', async () => {
    const there = world.mailbox.createEvent(visit('moved', '2026-03-11', change));
    await syncAll();
    const { id } = await world.bySubject('moved');
    const far =
      'recurrence' in change
        ? {
            recurrence: {
              ...KINDS['a series'].recurrence,
              range: { type: 'endDate', startDate: '2029-03-14', endDate: '2029-05-09' },
            },
          }
        : {};
    world.mailbox.updateEvent(there.id, visit('moved', '2029-03-14', far));
    expect(await syncAll()).toMatchObject({ localUpdated: 1, localDeleted: 0, localCreated: 0 });
    await expectQuietAll(2);
    world.mailbox.updateEvent(there.id, { subject: 'renamed there' });
    expect(await syncAll()).toMatchObject({ localUpdated: 1 });
    await world.edit(id, { location: { displayName: 'Yard' } });
    expect(await syncAll()).toMatchObject({ remoteUpdated: 1 });
    // Out there our own write comes back as a tombstone, which is asked about once.
    expect(await syncAll()).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    await expectQuietAll(2);
    world.mailbox.updateEvent(there.id, visit('back', '2026-03-11', change));
    expect(await syncAll()).toMatchObject({ localUpdated: 1, localDeleted: 0, localCreated: 0 });
    expect(await world.all()).toMatchObject([
      { id, content: { subject: 'back', locations: [{ displayName: 'Yard' }] } },
    ]);
    expect(await world.differences()).toEqual([]);
    await expectQuietAll(2);
  });

  it('that goes to another synced calendar and back between two runs is the same, once', async () => {
    const there = world.mailbox.createEvent(visit('moved', '2026-03-11', change));
    await syncAll();
    const { id } = await world.bySubject('moved');
    world.mailbox.moveEvent(there.id, teamThere);
    world.mailbox.moveEvent(there.id, defaultThere());
    await syncAll();
    expect(await world.all()).toMatchObject([{ id, calendarId: DEFAULT_CALENDAR_ID }]);
    world.mailbox.moveEvent(there.id, teamThere);
    await syncAll();
    expect(await world.all()).toMatchObject([{ id, calendarId: team }]);
    world.mailbox.moveEvent(there.id, defaultThere());
    await syncAll();
    expect(await world.all()).toMatchObject([{ id, calendarId: DEFAULT_CALENDAR_ID }]);
    expect(world.simulator.writes()).toEqual([]);
    await expectQuietAll(2);
  });

  it('that goes to another synced calendar and is deleted there before that one is read goes here too', async () => {
    const there = world.mailbox.createEvent(visit('moved', '2026-03-11', change));
    await syncAll();
    world.mailbox.moveEvent(there.id, teamThere);
    // The first calendar's run has found it elsewhere by then, and leaves it to the second one's.
    const path = new RegExp(`${teamThere.replace(/[^\\w]/g, '.')}.*calendarView/delta`);
    world.onRequest(path, () => world.mailbox.deleteEvent(there.id));
    await syncAll();
    expect(world.mailbox.listEvents()).toEqual([]);
    await syncAll();
    expect(await world.all()).toEqual([]);
    await expectQuietAll(2);
  });

  it('that goes to a calendar that is switched off goes here, stays there, and comes back as itself', async () => {
    await enableTeam(false);
    const there = world.mailbox.createEvent(visit('moved', '2026-03-11', change));
    await syncAll();
    const { id } = await world.bySubject('moved');
    world.mailbox.moveEvent(there.id, teamThere);
    const run = await syncAll();
    expect(run).toMatchObject({ status: 'COMPLETED', localDeleted: 1, remoteDeleted: 0 });
    expect(await world.all()).toEqual([]);
    expect(world.mailbox.listEvents({ calendarId: teamThere })).toHaveLength(1);
    expect(await operationsOf(run.id)).toMatchObject([
      { eventId: id, side: 'local', operation: 'delete', reason: 'moved-out-of-sync' },
    ]);
    await expectQuietAll(1);
    world.mailbox.moveEvent(there.id, defaultThere());
    expect(await syncAll()).toMatchObject({ localCreated: 1, remoteCreated: 0 });
    expect(await world.all()).toMatchObject([{ id, calendarId: DEFAULT_CALENDAR_ID }]);
    expect(await world.differences()).toEqual([]);
    await world.edit(id, { subject: 'edited here' });
    expect(await syncAll()).toMatchObject({ remoteUpdated: 1, remoteCreated: 0 });
    await expectQuietAll(1);
  });

  it('comes back when its calendar is switched on', async () => {
    await enableTeam(false);
    const there = world.mailbox.createEvent(visit('moved', '2026-03-11', change));
    await syncAll();
    const { id } = await world.bySubject('moved');
    world.mailbox.moveEvent(there.id, teamThere);
    await syncAll();
    await enableTeam(true);
    expect(await syncAll()).toMatchObject({ localCreated: 1, remoteCreated: 0 });
    expect(await world.all()).toMatchObject([{ id, calendarId: team }]);
    await expectQuietAll(2);
  });

  it('that goes to a calendar nobody here has heard of goes here and stays there', async () => {
    const there = world.mailbox.createEvent(visit('moved', '2026-03-11', change));
    await syncAll();
    const other = world.mailbox.addCalendar('Since yesterday');
    world.mailbox.moveEvent(there.id, other);
    expect(await syncAll()).toMatchObject({ localDeleted: 1, remoteDeleted: 0 });
    expect(world.mailbox.listEvents({ calendarId: other })).toHaveLength(1);
    await expectQuietAll(2);
  });

  it('that is edited here while it goes keeps its edit: it is written to where the event is', async () => {
    await enableTeam(false);
    const there = world.mailbox.createEvent(visit('moved', '2026-03-11', change));
    await syncAll();
    const { id } = await world.bySubject('moved');
    await world.edit(id, { subject: 'edited here' });
    world.mailbox.moveEvent(there.id, teamThere);
    expect(await syncAll()).toMatchObject({ remoteUpdated: 1, remoteDeleted: 0, localDeleted: 0 });
    expect(world.mailbox.listEvents({ calendarId: teamThere })).toMatchObject([{ subject: 'edited here' }]);
    await expectQuietAll(1);
    // The next reconciliation finds it settled, and elsewhere.
    expect(await world.sync({ calendarId: 'all', forceFull: true })).toMatchObject({
      localDeleted: 1,
      remoteDeleted: 0,
    });
    expect(world.mailbox.listEvents({ calendarId: teamThere })).toHaveLength(1);
    await expectQuietAll(1);
  });

  it('that was in a calendar removed in Outlook is kept here, also when it was moved out just before', async () => {
    const saved = world.mailbox.createEvent(visit('saved', '2026-03-11', change), { calendarId: teamThere });
    world.mailbox.createEvent(visit('lost', '2026-03-11', change), { calendarId: teamThere });
    await syncAll();
    const { id } = await world.bySubject('saved');
    world.mailbox.moveEvent(saved.id, defaultThere());
    world.mailbox.removeCalendar(teamThere);
    await syncAll();
    expect((await world.get(id)).calendarId).toBe(DEFAULT_CALENDAR_ID);
    expect(await world.all()).toHaveLength(2);
    await expectQuietAll(1);
  });
});

describe('an event whose calendar Graph does not tell', () => {
  it('is left as it is', async () => {
    await enableTeam(false);
    const there = world.mailbox.createEvent(visit('moved'));
    await syncAll();
    world.mailbox.moveEvent(there.id, teamThere);
    world.simulator.failNext({ method: 'GET', path: /\/calendar$/, status: 403, code: 'ErrorAccessDenied' });
    expect(await syncAll()).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(await world.all()).toHaveLength(1);
    await expectQuietAll(1);
  });
});

describe('an all-day event at an edge of the window', () => {
  it.each(
    ['utc', 'zone'].flatMap((allDayWindow) => [
      { allDayWindow, zone: 'Etc/GMT+12' },
      { allDayWindow, zone: 'Pacific/Kiritimati' },
    ]),
  )('does not flap, whatever zone it was made in: %j', async ({ allDayWindow, zone }) => {
    world.simulator.switches.allDayWindow = allDayWindow as 'utc' | 'zone';
    await world.services.settings.put(USER, { window: { pastDays: 3, futureDays: 10 } });
    for (const day of ['2026-02-26', '2026-02-27', '2026-02-28', '2026-03-12', '2026-03-13', '2026-03-14']) {
      const at = (date: Date) => ({ dateTime: `${date.toISOString().slice(0, 10)}T00:00:00`, timeZone: zone });
      const start = new Date(`${day}T00:00:00Z`);
      const times = { isAllDay: true, start: at(start), end: at(new Date(start.getTime() + DAY_MS)) };
      world.mailbox.createEvent({ subject: day, ...times });
    }
    await world.sync();
    for (let day = 0; day < 9; day += 1) {
      world.clock.advance(DAY_MS - 60_000);
      expect(await world.sync()).toMatchObject({
        status: 'COMPLETED',
        localUpdated: 0,
        localDeleted: 0,
        remoteUpdated: 0,
      });
      world.simulator.clearLog();
      expect(await world.sync()).toMatchObject({ status: 'COMPLETED', graphRequests: 1, ...NOTHING });
    }
    const here = (await world.all()).map(({ content }) => content.subject);
    expect(here).toContain('2026-02-28');
    expect(here).toContain('2026-03-14');
    expect(new Set(here).size).toBe(here.length);
    expect(world.simulator.writes()).toEqual([]);
  });
});
