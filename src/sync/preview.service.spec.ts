import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId, UserId } from '../core/ids.ts';
import type { PreviewView } from './preview.service.ts';
import type { SyncRequest } from './run-request.ts';

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

const EVERY_MONDAY = {
  recurrence: {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
    range: { type: 'endDate', startDate: '2026-03-09', endDate: '2026-06-01' },
  },
} as const;
const guest = { type: 'required', emailAddress: { address: 'guest@example.com', name: 'Guest' } } as const;

/** Every row of every table and every event in Outlook, as text. */
async function everything(): Promise<string[]> {
  const tables = await sql<{ name: string }>`
    select quote_ident(table_name) as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by 1
  `.execute(world.db.kysely);
  const dumps: string[] = [JSON.stringify(world.mailbox.listEvents())];
  for (const name of [...tables.rows.map((table) => table.name), 'pgboss.job']) {
    const rows = await sql<{ row: unknown }>`select to_jsonb(t) as row from ${sql.raw(name)} t`.execute(
      world.db.kysely,
    );
    const texts = rows.rows.map(({ row }) => JSON.stringify(row)).sort();
    dumps.push(`${name} ${texts.join(' ')}`);
  }
  return dumps;
}

/** Previews, proves that nothing changed anywhere, runs, and proves that the run did just what was told. */
async function previewThenRun(request: SyncRequest = {}): Promise<PreviewView> {
  const before = await everything();
  world.simulator.clearLog();
  const preview = await world.services.previewService.preview(USER, request);
  expect(preview.graphRequests).toBe(world.simulator.requests.filter(({ path }) => path.startsWith('/v1.0')).length);
  expect(world.simulator.writes()).toEqual([]);
  expect(await everything()).toEqual(before);
  const { jobId } = await world.services.runService.start(USER, request);
  const run = await world.services.runService.status(USER, (await world.carryOut(jobId)).id);
  const { local, remote, conflicts } = preview;
  expect({ local, remote, conflicts }).toEqual({
    local: run.result.local,
    remote: run.result.remote,
    conflicts: run.result.conflictsDetected,
  });
  expect(run.status).toBe('COMPLETED');
  return preview;
}

describe('a preview', () => {
  it('tells what the first sync would create and join, and changes nothing', async () => {
    await world.bookAll([visit('here'), visit('on both', '2026-03-12'), visit('series', '2026-03-09', EVERY_MONDAY)]);
    world.mailbox.createEvent(visit('there', '2026-03-11'));
    world.mailbox.createEvent(visit('on both', '2026-03-12'));
    world.mailbox.createEvent(visit('series there', '2026-03-09', EVERY_MONDAY));
    const preview = await previewThenRun();
    expect(preview).toMatchObject({ local: { created: 2 }, remote: { created: 2 }, conflicts: 0, wouldRefuse: null });
    expect(preview.items.filter(({ operation }) => operation === 'adopt')).toHaveLength(1);
    expect(preview.items.find(({ side, operation }) => side === 'local' && operation === 'create')).toMatchObject({
      eventId: null,
      graphEventId: expect.any(String),
      reason: 'new in Outlook',
      mailsGuests: false,
    });
    expect(await previewThenRun()).toMatchObject({ items: [], graphRequests: 1 });
  });

  it('tells every kind of change on both sides', async () => {
    const [edited, removed, both] = await world.bookAll([
      visit('edited'),
      visit('removed', '2026-03-11'),
      visit('on both', '2026-03-12'),
    ]);
    const series = world.mailbox.createEvent(visit('series', '2026-03-09', EVERY_MONDAY));
    const there = world.mailbox.createEvent(visit('there', '2026-03-13'));
    const goneThere = world.mailbox.createEvent(visit('gone there', '2026-03-14'));
    const movedOut = world.mailbox.createEvent(visit('moved out of the window', '2026-03-15'));
    await world.sync();
    world.clock.advance(60_000);
    await world.edit(edited!, { subject: 'edited here' });
    await world.remove(removed!);
    await world.edit(both!, { subject: 'renamed here' });
    await world.book(visit('new here', '2026-03-16'));
    world.mailbox.updateEvent((await world.get(both!)).graphEventId!, { location: { displayName: 'Yard' } });
    world.mailbox.updateEvent(there.id, { subject: 'renamed there' });
    world.mailbox.deleteEvent(goneThere.id);
    world.mailbox.updateEvent(movedOut.id, {
      start: berlin('2029-03-15T09:00:00'),
      end: berlin('2029-03-15T10:00:00'),
    });
    world.mailbox.updateOccurrence(series.id, '2026-03-16', { subject: 'this one differs' });
    world.mailbox.deleteOccurrence(series.id, '2026-03-23');
    const preview = await previewThenRun();
    expect(preview).toMatchObject({
      local: { created: 0, updated: 4, deleted: 1 },
      remote: { created: 1, updated: 2, deleted: 1 },
      conflicts: 0,
    });
    expect(preview.items.find(({ eventId, side }) => eventId === both && side === 'remote')).toMatchObject({
      operation: 'update',
      fields: ['subject'],
    });
  });

  it.each(['prefer_local', 'prefer_remote', 'prefer_latest', 'merge', 'manual'] as const)(
    'tells what %s makes of edits and deletions that collide',
    async (conflictResolution) => {
      const ids = await world.bookAll([
        visit('a'),
        visit('b', '2026-03-11'),
        visit('c', '2026-03-12'),
        visit('d', '2026-03-13'),
      ]);
      await world.sync();
      world.clock.advance(60_000);
      const graphIds = await Promise.all(ids.map(async (id) => (await world.get(id)).graphEventId!));
      world.mailbox.updateEvent(graphIds[0]!, { subject: 'a there' });
      world.mailbox.updateEvent(graphIds[1]!, { subject: 'b there' });
      world.mailbox.deleteEvent(graphIds[2]!);
      world.clock.advance(60_000);
      await world.edit(ids[0]!, { subject: 'a here', importance: 'high' });
      await world.remove(ids[1]!);
      await world.edit(ids[2]!, { subject: 'c here' });
      const preview = await previewThenRun({ conflictResolution });
      expect(preview.conflicts).toBe(3);
      expect(preview.items.filter(({ operation }) => operation === 'conflict')).toHaveLength(3);
      // Undecided ones edited again, and a decision taken back, are told as well.
      await world.edit(ids[0]!, { subject: 'a here again' });
      await previewThenRun({ conflictResolution });
    },
  );

  it('tells nothing more of an event whose waiting conflict the run decides by deleting it here', async () => {
    const id = await world.book(visit('gone there'));
    await world.sync();
    await world.edit(id, { subject: 'edited here' });
    world.mailbox.deleteEvent((await world.get(id)).graphEventId!);
    await world.sync({ conflictResolution: 'manual' });
    await world.edit(id, { categories: ['Travel'] });
    const preview = await previewThenRun({ conflictResolution: 'prefer_remote' });
    expect(preview).toMatchObject({ local: { deleted: 1 }, remote: { created: 0, updated: 0, deleted: 0 } });
    expect(await world.find(id)).toBeUndefined();
  });

  it('tells what is held back, and what would make Exchange mail guests', async () => {
    expectMails();
    const meeting = world.mailbox.createEvent(visit('meeting', '2026-03-11', { attendees: [guest] }));
    await world.sync();
    const { id } = await world.bySubject('meeting');
    await world.edit(id, { subject: 'meeting, renamed' });
    const held = await previewThenRun();
    expect(held.items).toMatchObject([{ eventId: id, operation: 'hold', fields: ['subject'], mailsGuests: false }]);
    await world.services.settings.put(USER, { notifyAttendees: 'changes' });
    const sent = await previewThenRun();
    expect(sent.items).toMatchObject([{ eventId: id, operation: 'update', mailsGuests: true }]);
    await world.remove(id);
    const deleted = await world.services.previewService.preview(USER, {});
    expect(deleted.items).toMatchObject([{ graphEventId: meeting.id, operation: 'delete', mailsGuests: true }]);
  });

  it('tells what inviting would do under the widest policy', async () => {
    expectMails();
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    await world.book(visit('invitation', '2026-03-11', { attendees: [guest] }));
    expect((await previewThenRun()).items).toMatchObject([{ operation: 'create', mailsGuests: true }]);
  });

  it('tells that single dates of a series go out, with their series or alone', async () => {
    const ids = await world.bookAll([
      visit('alone', '2026-03-09', EVERY_MONDAY),
      visit('with it', '2026-03-09', EVERY_MONDAY),
    ]);
    await world.sync();
    const cancelled = { '2026-03-16': { isCancelled: true } } as const;
    await world.editContent(ids[0]!, (content) => ({ ...content, occurrences: cancelled }));
    await world.editContent(ids[1]!, (content) => ({ ...content, subject: 'renamed', occurrences: cancelled }));
    const preview = await previewThenRun();
    expect(preview.items).toMatchObject([
      { eventId: ids[0], operation: 'update', fields: ['occurrence:2026-03-16'] },
      { eventId: ids[1], operation: 'update', fields: ['subject', 'occurrence:2026-03-16'] },
    ]);
    expect(preview.remote.updated).toBe(2);
  });

  it('keeps to the direction and the range that are asked for', async () => {
    await world.bookAll([visit('here'), visit('here in May', '2026-05-05')]);
    world.mailbox.createEvent(visit('there', '2026-03-11'));
    world.mailbox.createEvent(visit('there in May', '2026-05-06'));
    const dateRange = { start: '2026-05-01T00:00:00Z', end: '2026-06-01T00:00:00Z' };
    expect(await previewThenRun({ direction: 'push', dateRange })).toMatchObject({
      local: { created: 0 },
      remote: { created: 1 },
    });
    expect(await previewThenRun({ direction: 'pull', dateRange })).toMatchObject({
      local: { created: 1 },
      remote: { created: 0 },
    });
    expect(await previewThenRun({ direction: 'pull' })).toMatchObject({
      local: { created: 1 },
      remote: { created: 0 },
    });
    expect(await previewThenRun({ direction: 'push' })).toMatchObject({
      local: { created: 0 },
      remote: { created: 1 },
    });
  });

  it('reads everything again when asked to, and when the token has died, and finds what the deltas did not tell', async () => {
    await world.bookAll([visit('here'), visit('gone', '2026-03-11')]);
    await world.sync();
    const gone = await world.bySubject('gone');
    world.mailbox.deleteEvent(gone.graphEventId!);
    world.simulator.expireDeltaTokens();
    const preview = await world.services.previewService.preview(USER, {});
    expect(preview).toMatchObject({ local: { deleted: 1 } });
    expect(await previewThenRun({ forceFull: true })).toMatchObject({ local: { created: 0, updated: 0, deleted: 1 } });
  });

  it('goes on from an interrupted round as the run would', async () => {
    await world.close();
    world = await SyncWorld.open({ env: { GRAPH_PAGE_SIZE: '5', CALENDAR_MAX_EVENTS_PER_SYNC: '5' } });
    for (let index = 0; index < 12; index += 1) world.mailbox.createEvent(visit(`there ${index}`, '2026-03-11'));
    await world.book(visit('here'));
    await world.carryOutOnce(await world.enqueue());
    expect(await world.all()).toHaveLength(6);
    const preview = await world.services.previewService.preview(USER, {});
    expect(preview).toMatchObject({ local: { created: 7 }, remote: { created: 1 } });
    await world.sync();
    expect(await world.all()).toHaveLength(13);
    expect(await world.differences()).toEqual([]);
  });

  it.each(['local', 'remote'] as const)('tells that the brake would stop a mass deletion, %s', async (side) => {
    const ids = await world.bookAll(Array.from({ length: 30 }, (_, index) => visit(`visit ${index}`)));
    await world.sync();
    if (side === 'local') for (const { id } of world.mailbox.listEvents().slice(0, 25)) world.mailbox.deleteEvent(id);
    else await world.remove(...(ids.slice(0, 25) as EventId[]));
    const preview = await world.services.previewService.preview(USER, {});
    expect(preview.wouldRefuse).toEqual({ side, count: 25, of: 30 });
    expect(preview[side].deleted).toBe(25);
    const run = await world.sync();
    expect(run).toMatchObject({
      status: 'FAILED',
      errorCode: 'MASS_DELETE_REFUSED',
      errorDetails: { side, count: 25, of: 30 },
    });
    const confirmDeletions = run.confirmationToken!;
    expect(await previewThenRun({ confirmDeletions })).toMatchObject({ wouldRefuse: null, [side]: { deleted: 25 } });
  });

  it('leaves alone what the rules exclude', async () => {
    await world.services.settings.put(USER, { rules: [{ action: 'exclude', categories: ['Private'] }] });
    await world.book(visit('private here', '2026-03-10', { categories: ['Private'] }));
    world.mailbox.createEvent({ ...visit('private there', '2026-03-11'), categories: ['Private'] });
    world.mailbox.createEvent(visit('there', '2026-03-12'));
    expect(await previewThenRun()).toMatchObject({ local: { created: 1 }, remote: { created: 0 } });
  });

  it('leaves an event deleted here alone that Outlook has put among what the rules exclude', async () => {
    const id = await world.book(visit('private now'));
    await world.sync();
    await world.services.settings.put(USER, { rules: [{ action: 'exclude', categories: ['Private'] }] });
    world.mailbox.updateEvent((await world.get(id)).graphEventId!, { categories: ['Private'] });
    await world.remove(id);
    const preview = await previewThenRun({ conflictResolution: 'prefer_local' });
    expect(preview.remote).toEqual({ created: 0, updated: 0, deleted: 0 });
  });

  it('covers all calendars, and shows at most two hundred items', async () => {
    world.mailbox.addCalendar('Second');
    await world.services.calendarService.refresh(USER);
    const second = (await world.services.calendarService.list(USER)).items[1]!;
    await world.bookAll(Array.from({ length: 150 }, (_, index) => visit(`first ${index}`)));
    await world.bookAll(
      Array.from({ length: 150 }, (_, index) => visit(`second ${index}`)),
      second.id,
    );
    const preview = await previewThenRun({ calendarId: 'all' });
    expect(preview).toMatchObject({ remote: { created: 300 }, truncated: true });
    expect(preview.items).toHaveLength(200);
  });

  it('counts what was moved to another calendar and deleted there once, with the calendar it is known in', async () => {
    const team = world.mailbox.addCalendar('Team');
    await world.services.calendarService.refresh(USER);
    const second = (await world.services.calendarService.list(USER)).items[1]!;
    for (const subject of ['moved', 'moved too']) world.mailbox.createEvent(visit(subject));
    world.mailbox.createEvent(visit('series', '2026-03-09', EVERY_MONDAY));
    await world.sync({ calendarId: 'all' });
    for (const { id } of world.mailbox.listEvents()) {
      world.mailbox.moveEvent(String(id), team);
      world.mailbox.deleteEvent(String(id));
    }
    expect((await world.services.previewService.preview(USER, { calendarId: 'all' })).local.deleted).toBe(3);
    expect(await previewThenRun({ calendarId: second.id })).toMatchObject({ local: { deleted: 0 } });
    expect(await previewThenRun({ calendarId: 'all' })).toMatchObject({ local: { deleted: 3 } });
  });

  it('tells what connecting the mailbox again would join and create', async () => {
    await world.bookAll([visit('here'), visit('long past', '2024-05-06'), visit('removed there', '2026-03-12')]);
    await world.sync();
    await world.services.connectionService.disconnect(USER);
    const removed = await world.bySubject('removed there');
    world.mailbox.deleteEvent(removed.graphEventId!);
    await world.connect();
    expect(await previewThenRun()).toMatchObject({ local: { created: 0 }, remote: { created: 1 } });
  });

  it('is refused as the run would be', async () => {
    const { previewService } = world.services;
    await expect(previewService.preview('bob' as UserId, {})).rejects.toMatchObject({ code: 'not-connected' });
    await expect(previewService.preview(USER, { calendarId: 'other' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(previewService.preview(USER, { confirmDeletions: 'x' })).rejects.toMatchObject({
      code: 'invalid-input',
    });
  });
});
