import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import { createContent } from '../core/event-input.ts';
import { DEFAULT_CALENDAR_ID, type EventId } from '../core/ids.ts';
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

const HOUR_MS = 60 * 60_000;
const visit = (subject: string) => ({
  subject,
  start: { dateTime: '2026-03-10T09:00:00', timeZone: 'UTC' },
  end: { dateTime: '2026-03-10T10:00:00', timeZone: 'UTC' },
});
const visits = (count: number, what = 'visit') => Array.from({ length: count }, (_, each) => visit(`${what} ${each}`));
const REFUSED = { status: 'FAILED', errorCode: 'MASS_DELETE_REFUSED' };

type Side = 'local' | 'remote';
const SIDES: readonly Side[] = ['local', 'remote'];

/** Deletes events where `side`, the other one, is to follow. */
async function removeOpposite(side: Side, ids: readonly EventId[]): Promise<void> {
  if (side === 'remote') return world.remove(...ids);
  for (const id of ids) world.mailbox.deleteEvent((await world.get(id)).graphEventId!);
}

async function synced(count: number): Promise<EventId[]> {
  const ids = await world.bookAll(visits(count));
  await world.sync();
  return ids;
}

const deletedIn = (run: StoredRun, side: Side) => (side === 'local' ? run.localDeleted : run.remoteDeleted);
const thereOn = async (side: Side) => (side === 'local' ? await world.all() : world.mailbox.listEvents()).length;

describe.each(SIDES)('at the edges of the brake, %s', (side) => {
  it.each([
    ['exactly 20 of 30', 20, 30, false],
    ['21 of 30', 21, 30, true],
    ['exactly a third, 22 of 66', 22, 66, false],
    ['a third and one, 23 of 66', 23, 66, true],
  ])('%s: is a person asked?', async (_what, deletions, of, isAsked) => {
    const ids = await synced(of);
    await removeOpposite(side, ids.slice(0, deletions));
    const run = await world.sync();
    expect(run.status).toBe(isAsked ? 'FAILED' : 'COMPLETED');
    expect(deletedIn(run, side)).toBe(isAsked ? 0 : deletions);
    expect(await thereOn(side)).toBe(isAsked ? of : of - deletions);
  });
});

describe.each(SIDES)('a wipe so slow that no single run deletes too much, %s', (side) => {
  it('is stopped once more than 20 and more than a third are gone within a day', async () => {
    const ids = await synced(40);
    const runs: StoredRun[] = [];
    for (let from = 0; from < 40; from += 8) {
      await removeOpposite(side, ids.slice(from, from + 8));
      world.clock.advance(HOUR_MS / 8);
      runs.push(await world.sync());
    }
    expect(runs.map((run) => deletedIn(run, side))).toEqual([8, 8, 0, 0, 0]);
    expect(runs[2]).toMatchObject({
      ...REFUSED,
      errorDetails: { side, count: 8, of: 24, deletedBefore: 16, confirmationToken: expect.any(String) },
    });
    expect(await thereOn(side)).toBe(24);
    const last = runs[4]!;
    expect(last.errorDetails).toMatchObject({ count: 24 });
    const confirmed = await world.sync({ confirmDeletions: last.confirmationToken! });
    expect(deletedIn(confirmed, side)).toBe(24);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('does not go on by itself when the day is over', async () => {
    const ids = await synced(40);
    await removeOpposite(side, ids.slice(0, 15));
    await world.sync();
    await removeOpposite(side, ids.slice(15, 25));
    expect(await world.sync()).toMatchObject(REFUSED);
    world.clock.advance(26 * HOUR_MS);
    const run = await world.sync();
    expect(run).toMatchObject({ ...REFUSED, errorDetails: { count: 10 } });
    expect(await thereOn(side)).toBe(25);
  });

  it('is none when the days are far enough apart', async () => {
    const ids = await synced(60);
    for (let from = 0; from < 60; from += 20) {
      await removeOpposite(side, ids.slice(from, from + 20));
      expect(deletedIn(await world.sync(), side)).toBe(20);
      world.clock.advance(25 * HOUR_MS);
    }
    expect(await thereOn(side)).toBe(0);
  });

  it('is none where as much comes as goes: a busy calendar that stays as large as it was', async () => {
    let ids = await synced(40);
    for (let round = 0; round < 4; round += 1) {
      await removeOpposite(side, ids.slice(0, 10));
      const fresh = await world.bookAll(visits(10, `round ${round},`));
      const run = await world.sync();
      expect(run).toMatchObject({ status: 'COMPLETED', remoteCreated: 10 });
      expect(deletedIn(run, side)).toBe(10);
      ids = [...ids.slice(10), ...fresh];
      world.clock.advance(HOUR_MS);
    }
    expect(await thereOn(side)).toBe(40);
  });

  it('is not made of what a person confirmed: ordinary deletions go on the same day', async () => {
    const ids = await synced(60);
    await removeOpposite(side, ids.slice(0, 30));
    const refused = await world.sync();
    const confirmed = await world.sync({ confirmDeletions: refused.confirmationToken! });
    expect(deletedIn(confirmed, side)).toBe(30);
    await removeOpposite(side, ids.slice(30, 35));
    const after = await world.sync();
    expect(after.status).toBe('COMPLETED');
    expect(deletedIn(after, side)).toBe(5);
  });
});

describe.each(SIDES)('a confirmation, %s', (side) => {
  async function refused(count = 30, of = 40): Promise<{ ids: EventId[]; token: string }> {
    const ids = await synced(of);
    await removeOpposite(side, ids.slice(0, count));
    const run = await world.sync();
    expect(run).toMatchObject({ ...REFUSED, errorDetails: { side, count, of } });
    return { ids, token: run.confirmationToken! };
  }

  it('carries exactly what it was given for, and asks again for as many that came after', async () => {
    const ids = await synced(90);
    await removeOpposite(side, ids.slice(0, 40));
    const first = await world.sync();
    await removeOpposite(side, ids.slice(40, 70));
    const second = await world.sync({ confirmDeletions: first.confirmationToken! });
    expect(deletedIn(second, side)).toBe(40);
    expect(second).toMatchObject({ ...REFUSED, errorDetails: { side, count: 30, of: 50 } });
    expect(await thereOn(side)).toBe(50);
  });

  it('of an earlier refusal covers what was deleted then, not what a later one listed', async () => {
    const ids = await synced(100);
    await removeOpposite(side, ids.slice(0, 40));
    const old = await world.sync();
    await removeOpposite(side, ids.slice(40, 75));
    const newer = await world.sync();
    expect(newer.errorDetails).toMatchObject({ count: 75 });
    const run = await world.sync({ confirmDeletions: old.confirmationToken! });
    expect(deletedIn(run, side)).toBe(40);
    expect(run).toMatchObject({ ...REFUSED, errorDetails: { count: 35 } });
    const rest = await world.sync({ confirmDeletions: newer.confirmationToken! });
    expect(deletedIn(rest, side)).toBe(35);
    await expectQuiet(world);
  });

  it('used a second time confirms nothing: an event that came back is asked for again', async () => {
    const { ids, token } = await refused();
    await world.sync({ confirmDeletions: token });
    // The application writes the same events again, under the ids they had.
    const now = world.clock.now();
    const again = ids.slice(0, 30).map((id, each) => ({
      ...{ id, calendarId: DEFAULT_CALENDAR_ID, lastModifiedAt: now, createdAt: now },
      content: createContent(visit(`again ${each}`)),
    }));
    world.clock.advance(HOUR_MS);
    await world.db.transaction((tx) => world.events.saveMany(tx, USER, again));
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteCreated: 30 });
    await removeOpposite(side, ids.slice(0, 30));
    const run = await world.sync({ confirmDeletions: token });
    expect(run).toMatchObject({ ...REFUSED, errorDetails: { count: 30 } });
    expect(deletedIn(run, side)).toBe(0);
  });

  it('holds after a restart, and through runs that go on where the last one had to end', async () => {
    await world.close();
    world = await SyncWorld.open({ env: { CALENDAR_MAX_EVENTS_PER_SYNC: '10' } });
    const { token } = await refused();
    const jobId = await world.enqueue({ confirmDeletions: token });
    await world.carryOut(jobId);
    expect(await thereOn(side)).toBe(10);
    expect(await world.differences()).toEqual([]);
  });

  it('is of no use to anybody else', async () => {
    const { token } = await refused();
    const bob = world.services.runService.start('bob' as typeof USER, { confirmDeletions: token });
    await expect(bob).rejects.toMatchObject({ code: expect.stringMatching(/not-connected|invalid-input/) });
    for (const wrong of [`${token}x`, token.split('.')[0]!, `${token.split('.')[0]}.`]) {
      const asked = world.services.runService.start(USER, { confirmDeletions: wrong });
      await expect(asked).rejects.toMatchObject({ code: 'invalid-input' });
      expect(await world.sync({ confirmDeletions: wrong })).toMatchObject(REFUSED);
    }
    expect(await thereOn(side)).toBe(40);
  });
});

describe('what else a run with refused deletions does', () => {
  it('is everything but the deletions, in Outlook as here', async () => {
    const ids = await synced(40);
    await world.remove(...ids.slice(0, 30));
    await world.edit(ids[35]!, { subject: 'edited' });
    await world.book(visit('new here'));
    expect(await world.sync()).toMatchObject({ ...REFUSED, remoteCreated: 1, remoteUpdated: 1, remoteDeleted: 0 });
    expect(world.mailbox.listEvents()).toHaveLength(41);
  });
});

describe('a run of all calendars with several refusals', () => {
  async function twoWiped() {
    world.mailbox.addCalendar('Team');
    await world.services.calendarService.refresh(USER);
    const second = (await world.calendars.list(world.db, USER)).find(({ name }) => name === 'Team')!;
    const own = await world.bookAll(visits(40));
    const others = await world.bookAll(visits(40, 'team visit'), second.id);
    await world.sync({ calendarId: 'all' });
    expect(world.mailbox.listEvents()).toHaveLength(80);
    await world.remove(...own.slice(0, 30));
    for (const id of own.slice(30, 40)) await world.edit(id, { subject: 'stays' });
    for (const id of others.slice(0, 25)) world.mailbox.deleteEvent((await world.get(id)).graphEventId!);
    return { second, own, others };
  }

  it('names each with a token of its own, and each token carries its own calendar only', async () => {
    const { second } = await twoWiped();
    const run = await world.sync({ calendarId: 'all' });
    expect(run).toMatchObject({
      ...REFUSED,
      errorDetails: {
        ...{ side: 'remote', count: 30, of: 40, confirmationToken: run.confirmationToken },
        others: [{ calendarId: second.id, side: 'local', count: 25, of: 40, confirmationToken: expect.any(String) }],
      },
    });
    const view = await world.services.runService.status(USER, run.id);
    const others = view.error?.details?.['others'] as { confirmationToken: string }[];
    const { jobId } = await world.services.runService.start(USER, { confirmDeletions: others[0]!.confirmationToken });
    const confirmed = await world.carryOut(jobId);
    expect(confirmed).toMatchObject({ status: 'COMPLETED', calendarId: second.id, localDeleted: 25, remoteDeleted: 0 });
    const first = await world.sync({ calendarId: 'all', confirmDeletions: run.confirmationToken! });
    expect(first).toMatchObject({ status: 'COMPLETED', remoteDeleted: 30, localDeleted: 0 });
  });

  it('names both sides of one calendar', async () => {
    const ids = await synced(100);
    await world.remove(...ids.slice(0, 40));
    for (const id of ids.slice(50, 90)) world.mailbox.deleteEvent((await world.get(id)).graphEventId!);
    const run = await world.sync();
    const other = { calendarId: DEFAULT_CALENDAR_ID, side: 'remote', count: 40 };
    expect(run).toMatchObject({ ...REFUSED, errorDetails: { side: 'local', count: 40, others: [other] } });
    const [{ confirmationToken }] = run.errorDetails!['others'] as [{ confirmationToken: string }];
    expect(await world.sync({ confirmDeletions: confirmationToken })).toMatchObject({
      localDeleted: 0,
      remoteDeleted: 40,
    });
    expect(await world.sync({ confirmDeletions: run.confirmationToken! })).toMatchObject({ localDeleted: 40 });
    await expectQuiet(world);
  });

  it('shows an operator counts only', async () => {
    const { own, others } = await twoWiped();
    const run = await world.sync({ calendarId: 'all' });
    const { items } = await world.services.runService.history({ limit: 10, offset: 0 });
    const told = JSON.stringify([await world.services.runService.status(undefined, run.id), items]);
    expect(told).toContain('MASS_DELETE_REFUSED');
    for (const id of [...own, ...others]) expect(told).not.toContain(id);
  });
});

describe.each(SIDES)('a preview while a refusal stands, %s', (side) => {
  it('says so, as the run then does, although the calendar has grown', async () => {
    const ids = await synced(40);
    await removeOpposite(side, ids.slice(0, 30));
    expect(await world.sync()).toMatchObject(REFUSED);
    await world.bookAll(visits(80, 'more'));
    expect(await world.sync()).toMatchObject({ ...REFUSED, remoteCreated: 80 });
    const preview = await world.services.previewService.preview(USER, {});
    const run = await world.sync();
    expect(run).toMatchObject({ ...REFUSED, errorDetails: { side, count: 30, of: 120 } });
    expect(preview.wouldRefuse).toEqual({ side, count: 30, of: 120 });
  });

  it('says that a slow wipe would be stopped', async () => {
    const ids = await synced(40);
    await removeOpposite(side, ids.slice(0, 15));
    await world.sync();
    await removeOpposite(side, ids.slice(15, 25));
    const preview = await world.services.previewService.preview(USER, {});
    expect(preview.wouldRefuse).toEqual({ side, count: 10, of: 25 });
    expect(await world.sync()).toMatchObject({ ...REFUSED, errorDetails: { side, count: 10, of: 25 } });
  });
});

describe('an event that is put back in Outlook after it was proven to be gone', () => {
  it('is the same event still, and what was written here meanwhile reaches it', async () => {
    const [id] = (await synced(1)) as [EventId];
    const graphId = (await world.get(id)).graphEventId!;
    world.mailbox.deleteEvent(graphId);
    await world.edit(id, { subject: 'written here' });
    world.onRequest(/iCalUId/, () => world.mailbox.restoreEvent(graphId));

    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 0, remoteCreated: 0 });

    expect((await world.all()).map((event) => [event.id, event.graphEventId])).toEqual([[id, graphId]]);
    expect(world.mailbox.listEvents().map((event) => [event.id, event.subject])).toEqual([[graphId, 'written here']]);
    expect(await world.allConflicts()).toEqual([]);
    await expectQuiet(world);
  });
});
