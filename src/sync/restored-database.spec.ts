import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import { backupOf, type TableBackup } from '../../test/support/table-backup.ts';
import { createContent } from '../core/event-input.ts';
import { DEFAULT_CALENDAR_ID, type EventId } from '../core/ids.ts';

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

const HOUR_MS = 60 * 60_000;
const visit = (subject: string, day = 10) => ({
  subject,
  start: { dateTime: `2026-03-${day}T09:00:00`, timeZone: 'UTC' },
  end: { dateTime: `2026-03-${day}T10:00:00`, timeZone: 'UTC' },
});
const here = async () => (await world.all()).map(({ content }) => content.subject).sort();
const there = () =>
  world.mailbox
    .listEvents()
    .map((event) => String(event['subject']))
    .sort();
const graphIdOf = async (id: EventId) => (await world.get(id)).graphEventId!;

/** The application writes an event again under the id it had, with its own words. */
async function writeAgain(id: EventId, subject: string, day?: number): Promise<void> {
  const now = world.clock.now();
  const content = createContent(visit(subject, day));
  const row = { id, calendarId: DEFAULT_CALENDAR_ID, content, lastModifiedAt: now, createdAt: now };
  await world.db.transaction((tx) => world.events.saveMany(tx, USER, [row]));
}

/** A day's work on both sides after a backup was made. */
async function aDayAfterTheBackup(): Promise<{ backup: TableBackup; made: EventId }> {
  const [kept, editedHere, editedThere, deletedHere, deletedThere] = await world.bookAll(
    ['kept', 'edited here', 'edited there', 'deleted here', 'deleted there'].map((subject) => visit(subject)),
  );
  await world.sync();
  const pending = await world.book(visit('pending at the backup'));
  const backup = await backupOf(world.db);
  world.clock.advance(2 * HOUR_MS);
  await world.sync();
  expect(await world.find(pending)).toBeDefined();
  await world.edit(editedHere!, { subject: 'edited here, since' });
  world.mailbox.updateEvent(await graphIdOf(editedThere!), { subject: 'edited there, since' });
  await world.remove(deletedHere!);
  world.mailbox.deleteEvent(await graphIdOf(deletedThere!));
  const made = await world.book(visit('made here', 11));
  world.mailbox.createEvent(visit('made there', 12));
  await world.sync();
  expect(await world.differences()).toEqual([]);
  expect(kept).toBeDefined();
  world.clock.advance(20 * HOUR_MS);
  return { backup, made };
}
const AFTER = ['edited here, since', 'edited there, since', 'kept', 'made here', 'made there', 'pending at the backup'];

describe('the service’s database restored from a backup', () => {
  it.each([
    ['with its delta tokens alive', false],
    ['with its delta tokens dead', true],
  ])('is brought up to date from Outlook: nothing lost, doubled or back from the dead, %s', async (_what, isDead) => {
    const { backup } = await aDayAfterTheBackup();
    await backup.restore();
    if (isDead) world.simulator.expireDeltaTokens();
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    expect(there()).toEqual(AFTER);
    expect(await here()).toEqual(AFTER);
    expect(await world.differences()).toEqual([]);
    expect(await world.allConflicts()).toEqual([]);
    await expectQuiet(world);
  });

  it('keeps an edit that was pending in the backup and one made in Outlook since', async () => {
    const id = await world.book(visit('both'));
    await world.sync();
    await world.edit(id, { categories: ['Pending'] });
    const backup = await backupOf(world.db);
    await world.sync();
    world.clock.advance(HOUR_MS);
    world.mailbox.updateEvent(await graphIdOf(id), { subject: 'both, edited there' });
    await world.sync();
    await backup.restore();
    await world.sync();
    expect((await world.get(id)).content).toMatchObject({
      subject: 'both, edited there',
      categories: ['Pending'],
    });
    expect(await world.differences()).toEqual([]);
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectQuiet(world);
  });

  it('knows an event again that the application writes again under its id before the next run', async () => {
    const { backup, made } = await aDayAfterTheBackup();
    await backup.restore();
    await writeAgain(made, 'made here', 11);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    expect(there()).toEqual(AFTER);
    expect(await here()).toEqual(AFTER);
    expect((await world.bySubject('made here')).id).toBe(made);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it.each([
    ['as it was', 'made here'],
    ['otherwise', 'made here, in other words'],
  ])('does not double an event in Outlook that is written again after the run, %s', async (_what, subject) => {
    const { backup, made } = await aDayAfterTheBackup();
    await backup.restore();
    await world.sync();
    const found = await world.bySubject('made here');
    expect(found.id).not.toBe(made);
    await writeAgain(made, subject, 11);
    for (let times = 0; times < 2; times += 1) {
      expect((await world.sync()).status).toBe('COMPLETED');
      expect(there()).toEqual(AFTER);
    }
    const view = await world.services.eventService.get(USER, made);
    expect(view).toMatchObject({ syncState: 'error', syncError: { code: 'ALREADY_LINKED' } });
    expect(view.syncError?.message).toContain(found.id);
    // Whoever drops the copy has the event under its old id alone.
    await world.remove(made);
    await world.sync();
    expect(there()).toEqual(AFTER);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('creates an event under another marker that was written again after it was deleted everywhere', async () => {
    const id = await world.book(visit('lives twice'));
    const backup = await backupOf(world.db);
    await world.sync();
    await world.remove(id);
    await world.sync();
    expect(there()).toEqual([]);
    await backup.restore();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteCreated: 1, failedEvents: 0 });
    expect(there()).toEqual(['lives twice']);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('asks before it follows a deletion of many that the backup does not know', async () => {
    const ids = await world.bookAll(Array.from({ length: 40 }, (_, each) => visit(`visit ${each}`)));
    await world.sync();
    const backup = await backupOf(world.db);
    for (const id of ids.slice(0, 30)) world.mailbox.deleteEvent(await graphIdOf(id));
    const { confirmationToken } = await world.sync();
    await world.sync({ confirmDeletions: confirmationToken! });
    await backup.restore();
    expect(await world.sync({ confirmDeletions: confirmationToken! })).toMatchObject({
      status: 'FAILED',
      errorCode: 'MASS_DELETE_REFUSED',
      localDeleted: 0,
    });
  });

  it('lets nobody who read the change feed before miss a change', async () => {
    const { backup } = await aDayAfterTheBackup();
    const feed = (cursor?: string) =>
      world.services.eventService.changes(USER, { limit: 100, ...(cursor ? { cursor } : {}) } as never);
    const { cursor } = await feed();
    await backup.restore();
    await expect(feed(cursor)).rejects.toMatchObject({ code: 'cursor-expired' });
    await world.sync();
    const whole = await feed();
    expect(whole.items).toHaveLength(AFTER.length);
    expect((await feed(whole.cursor)).items).toEqual([]);
  });
});
