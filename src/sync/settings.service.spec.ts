import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { UserId } from '../core/ids.ts';
import type { SyncRule, SyncSettings } from '../core/settings.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const service = () => world.services.settings;
const put = (changes: object) => service().put(USER, changes as Partial<SyncSettings>);
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const NO_PRIVATE: readonly SyncRule[] = [{ action: 'exclude', categories: ['Private'] }];

function visit(subject: string, day = '2026-03-10', change: EventInput = {}): EventInput {
  return { subject, start: berlin(`${day}T09:00:00`), end: berlin(`${day}T10:00:00`), ...change };
}

const subjectsHere = async () => (await world.all()).map(({ content }) => content.subject).sort();
const subjectsThere = () =>
  world.mailbox
    .listEvents()
    .map(({ subject }) => subject)
    .sort();

describe('a user’s settings', () => {
  it('are the service’s until they are changed, and keep what is not named', async () => {
    expect(await service().get(USER)).toMatchObject({
      enabled: true,
      direction: 'bidirectional',
      notifyAttendees: 'never',
    });
    await put({ direction: 'pull' });
    expect(await put({ conflictResolution: 'merge' })).toMatchObject({
      direction: 'pull',
      conflictResolution: 'merge',
    });
    expect(await service().get(USER)).toMatchObject({ direction: 'pull', conflictResolution: 'merge' });
    expect(await service().get('bob' as UserId)).toMatchObject({ direction: 'bidirectional' });
  });

  it('stay as they were when a change cannot be read', async () => {
    await put({ direction: 'pull' });
    await expect(put({ direction: 'both', enabled: false })).rejects.toMatchObject({ code: 'invalid-input' });
    expect(await service().get(USER)).toMatchObject({ direction: 'pull', enabled: true });
  });

  it('take a window up to what Graph serves at once', async () => {
    await expect(put({ window: { pastDays: 900, futureDays: 901 } })).rejects.toMatchObject({
      code: 'impossible-input',
    });
    await expect(put({ window: { pastDays: 900, futureDays: 900 } })).resolves.toMatchObject({
      window: { pastDays: 900 },
    });
    await expect(put({ syncIntervalMinutes: 0 })).resolves.toMatchObject({ syncIntervalMinutes: 0 });
  });

  it('bring the next background sync of every calendar forward', async () => {
    await world.db.kysely.updateTable('Calendar').set({ nextSyncAt: '2026-03-03T00:00:00Z' }).execute();
    await put({ syncIntervalMinutes: 5 });
    const due = await world.calendars.listDue(world.db, world.clock.now(), 10);
    expect(due).toEqual([{ userId: USER, id: 'default' }]);
  });
});

describe('a changed window', () => {
  it('is read anew by the next run, also when it only moved and is as long as before', async () => {
    world.mailbox.createEvent(visit('next year', '2027-04-10'));
    await world.sync();
    expect(await subjectsHere()).toEqual([]);
    await put({ window: { pastDays: 5, futureDays: 450 } });
    expect(await world.sync()).toMatchObject({ localCreated: 1, localDeleted: 0 });
    await expectQuiet(world);
  });

  it('deletes nothing that merely lies outside of it now', async () => {
    world.mailbox.createEvent(visit('in autumn', '2026-10-10'));
    await world.book(visit('here in autumn', '2026-10-11'));
    await world.sync();
    await put({ window: { pastDays: 5, futureDays: 30 } });
    expect(await world.sync()).toMatchObject({ localDeleted: 0, remoteDeleted: 0 });
    expect(await subjectsHere()).toEqual(['here in autumn', 'in autumn']);
    expect(subjectsThere()).toEqual(['here in autumn', 'in autumn']);
  });

  it('also counts when it is changed while a run is at it', async () => {
    world.mailbox.createEvent(visit('next year', '2027-04-10'));
    await world.sync();
    const jobId = await world.enqueue();
    world.simulator.failNext({ path: /delta/, status: 429, retryAfter: 30 });
    const working = world.carryOut(jobId);
    await expect.poll(() => world.simulator.requests.some(({ status }) => status === 429)).toBe(true);
    await put({ window: { pastDays: 5, futureDays: 450 } });
    await world.whileTimePasses(() => working);
    expect(await subjectsHere()).toEqual([]);
    expect(await world.syncWhileTimePasses()).toMatchObject({ localCreated: 1 });
  });
});

describe('rules', () => {
  const PRIVATE = { categories: ['Private'] };

  it('keep events on their side, until they let them in', async () => {
    await put({ rules: NO_PRIVATE });
    await world.bookAll([visit('here'), visit('private here', '2026-03-11', PRIVATE)]);
    world.mailbox.createEvent({ ...visit('private there', '2026-03-12'), ...PRIVATE });
    expect(await world.sync()).toMatchObject({ localCreated: 0, remoteCreated: 1 });
    expect(await subjectsThere()).toEqual(['here', 'private there']);
    await expectQuiet(world);
    await put({ rules: [] });
    expect(await world.sync()).toMatchObject({ localCreated: 1, remoteCreated: 1 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('leave what they exclude from now on alone on both sides, and bring it together when they allow it again', async () => {
    const [id] = await world.bookAll([visit('appointment', '2026-03-10', PRIVATE)]);
    await world.sync();
    const { graphEventId } = await world.get(id!);
    await put({ rules: NO_PRIVATE });
    world.mailbox.updateEvent(graphEventId!, { location: { displayName: 'Yard' } });
    await world.edit(id!, { subject: 'renamed here' });
    expect(await world.sync()).toMatchObject({ localUpdated: 0, remoteUpdated: 0, conflictsDetected: 0 });
    expect((await world.get(id!)).content.locations).toEqual([]);
    expect(subjectsThere()).toEqual(['appointment']);
    await expectQuiet(world);
    await put({ rules: [] });
    expect(await world.sync()).toMatchObject({ localUpdated: 1, remoteUpdated: 1, conflictsDetected: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('let the change through that makes an event private, and the one that makes it public again', async () => {
    await put({ rules: NO_PRIVATE });
    const [id] = await world.bookAll([visit('appointment')]);
    await world.sync();
    const { graphEventId } = await world.get(id!);
    world.mailbox.updateEvent(graphEventId!, { categories: ['Private'] });
    expect(await world.sync()).toMatchObject({ localUpdated: 1 });
    expect((await world.get(id!)).content.categories).toEqual(['Private']);
    world.mailbox.updateEvent(graphEventId!, { subject: 'unseen' });
    expect(await world.sync()).toMatchObject({ localUpdated: 0 });
    world.mailbox.updateEvent(graphEventId!, { categories: [] });
    expect(await world.sync()).toMatchObject({ localUpdated: 1 });
    expect((await world.get(id!)).content).toMatchObject({ subject: 'unseen', categories: [] });
    await expectQuiet(world);
  });

  it('are content when both sides made an event private at once', async () => {
    await put({ rules: NO_PRIVATE });
    const [id] = await world.bookAll([visit('appointment')]);
    await world.sync();
    world.clock.advance(60_000);
    const { graphEventId } = await world.get(id!);
    world.mailbox.updateEvent(graphEventId!, { ...PRIVATE, importance: 'high' });
    await world.edit(id!, PRIVATE);
    expect(await world.sync()).toMatchObject({ localUpdated: 1, remoteUpdated: 0, conflictsDetected: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
    await world.edit(id!, { subject: 'stays here' });
    await world.sync();
    expect(subjectsThere()).toEqual(['appointment']);
    await expectQuiet(world);
  });

  it('keep deletions of what they exclude on their side', async () => {
    const [here, there] = await world.bookAll([
      visit('removed here', '2026-03-10', PRIVATE),
      visit('removed there', '2026-03-11', PRIVATE),
    ]);
    await world.sync();
    const { graphEventId } = await world.get(there!);
    await put({ rules: NO_PRIVATE });
    await world.remove(here!);
    world.mailbox.deleteEvent(graphEventId!);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 0, remoteDeleted: 0 });
    expect(await subjectsHere()).toEqual(['removed there']);
    expect(subjectsThere()).toEqual(['removed here']);
    await expectQuiet(world);
    await put({ rules: [] });
    expect(await world.sync()).toMatchObject({ localCreated: 1, remoteCreated: 1 });
    expect(await world.differences()).toEqual([]);
  });
});

describe('the policy for guests', () => {
  it('looks again at what the one before held back', async () => {
    expectMails();
    const guest = { type: 'required', emailAddress: { address: 'guest@example.com', name: 'Guest' } } as const;
    world.mailbox.createEvent({ ...visit('meeting'), attendees: [guest] });
    await world.sync();
    const { id } = await world.bySubject('meeting');
    await world.edit(id, { subject: 'meeting, renamed' });
    await world.sync();
    expect(subjectsThere()).toEqual(['meeting']);
    await put({ notifyAttendees: 'changes' });
    expect(await world.sync()).toMatchObject({ remoteUpdated: 1 });
    expect(subjectsThere()).toEqual(['meeting, renamed']);
  });
});

it('keeps two callers who change different settings at once from losing one of them', async () => {
  await Promise.all([put({ direction: 'pull' }), put({ conflictResolution: 'manual' }), put({ enabled: false })]);
  expect(await service().get(USER)).toMatchObject({ direction: 'pull', conflictResolution: 'manual', enabled: false });
  const rows = await sql`select 1 from "UserSettings"`.execute(world.db.kysely);
  expect(rows.rows).toHaveLength(1);
});
