import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventId } from '../core/ids.ts';

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

const MINUTE_MS = 60_000;
const at = (day: string, hour: string) => ({ dateTime: `${day}T${hour}:00:00`, timeZone: 'UTC' });
const visit = (subject: string, day = '2026-03-10') => ({ subject, start: at(day, '09'), end: at(day, '10') });
const subjects = async () => (await world.all()).map(({ content }) => content.subject).sort();
const pathOf = (id: string) => new RegExp(`/events/${id.replace(/[^\w-]/g, '.')}`);

async function synced(): Promise<{ ids: EventId[]; graphIds: string[] }> {
  const ids = await world.bookAll(Array.from({ length: 6 }, (_, each) => visit(`visit ${each}`)));
  await world.sync();
  const graphIds: string[] = [];
  for (const id of ids) graphIds.push((await world.get(id)).graphEventId!);
  return { ids, graphIds };
}

function refuseReading(id: string, status: number, code: string): void {
  world.simulator.failNext({ method: 'GET', path: pathOf(id), status, code, count: 'always' });
}

const ANSWERS: [number, string][] = [
  [400, 'ErrorInvalidRequest'],
  [403, 'ErrorAccessDenied'],
  [500, 'ErrorInternalServerError'],
];

describe.each(ANSWERS)(
  'an event that left the view and whose reading Graph answers with %i for ever',
  (status, code) => {
    const WAYS = [
      ['deleted', 0, (id: string) => world.mailbox.deleteEvent(id)],
      ['moved out of the window', 1, (id: string) => world.mailbox.updateEvent(id, visit('far', '2036-03-10'))],
    ] as const;

    it.each(WAYS)('holds up nothing, and is caught up with once it can be read: %s', async (_way, stays, leave) => {
      const { ids, graphIds } = await synced();
      const [lost = '', there = ''] = graphIds;
      leave(lost);
      world.mailbox.updateEvent(there, { subject: 'edited there' });
      await world.edit(ids[2]!, { subject: 'edited here' });
      refuseReading(lost, status, code);

      const preview = world.whileTimePasses(() => world.services.previewService.preview(USER, {}));
      expect(await preview).toMatchObject({ local: { updated: 1, deleted: 0 }, remote: { updated: 1 } });
      expect(await world.syncWhileTimePasses()).toMatchObject({
        ...{ status: 'COMPLETED', localUpdated: 1, localDeleted: 0, remoteUpdated: 1 },
      });
      world.simulator.clearLog();
      expect(await world.syncWhileTimePasses()).toMatchObject({ status: 'COMPLETED', localDeleted: 0 });
      expect(world.simulator.writes()).toEqual([]);
      expect(await subjects()).toEqual(['edited here', 'edited there', 'visit 0', 'visit 3', 'visit 4', 'visit 5']);

      world.simulator.clearFaults();
      expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 1 - stays });
      expect(await world.all()).toHaveLength(5 + stays);
      expect(await world.differences()).toEqual([]);
      await expectQuiet(world);
    });

    it('stays in the calendar it was moved into meanwhile', async () => {
      const team = world.mailbox.addCalendar('Team');
      await world.services.calendarService.refresh(USER);
      const { ids, graphIds } = await synced();
      await world.sync({ calendarId: 'all' });
      world.mailbox.moveEvent(graphIds[0]!, team);
      refuseReading(graphIds[0]!, status, code);
      await world.syncWhileTimePasses({ calendarId: 'all' });
      world.simulator.clearFaults();
      await world.sync({ calendarId: 'all' });
      const { items: calendars } = await world.services.calendarService.list(USER);
      const { id } = calendars.find(({ name }) => name === 'Team')!;
      expect(await world.get(ids[0]!)).toMatchObject({ calendarId: id });
      await world.sync({ calendarId: 'all' });
      expect(await world.get(ids[0]!)).toMatchObject({ calendarId: id });
    });

    it('is not missed by a full reconciliation either', async () => {
      const { graphIds } = await synced();
      world.mailbox.deleteEvent(graphIds[0]!);
      refuseReading(graphIds[0]!, status, code);
      await world.syncWhileTimePasses({ forceFull: true });
      expect(await subjects()).toHaveLength(6);
      world.simulator.clearFaults();
      await world.sync();
      expect(await subjects()).toHaveLength(5);
      await expectQuiet(world);
    });

    it('keeps only its own edit waiting where it is a series, and one of its dates was edited here', async () => {
      const { ids } = await synced();
      const pattern = { type: 'daily' as const, interval: 1 };
      const range = { type: 'numbered' as const, startDate: '2026-03-10', numberOfOccurrences: 5 };
      const id = await world.book({ ...visit('Standup'), recurrence: { pattern, range } });
      await world.sync();
      const { graphEventId } = await world.get(id);
      await world.editContent(id, (content) => ({
        ...content,
        occurrences: { '2026-03-12': { isCancelled: false, fields: { subject: 'Retro' } } },
      }));
      await world.edit(ids[0]!, { subject: 'edited here' });
      refuseReading(graphEventId as string, status, code);
      expect(await world.syncWhileTimePasses()).toMatchObject({
        ...{ status: 'COMPLETED', remoteUpdated: 1, failedEvents: 1 },
      });
      world.simulator.clearFaults();
      world.clock.advance(2 * MINUTE_MS);
      expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 1 });
      expect(await world.differences()).toEqual([]);
      await expectQuiet(world);
    });

    it('keeps only its own edit waiting where both sides edited it', async () => {
      const { ids, graphIds } = await synced();
      // The delta is behind: the write is the first to hear of it.
      world.onRequest(/\$batch|\/events\//, ({ method }) => {
        if (method !== 'GET') world.mailbox.updateEvent(graphIds[0]!, { location: { displayName: 'Room 1' } });
      });
      await world.edit(ids[0]!, { subject: 'edited here' });
      await world.edit(ids[1]!, { subject: 'edited here, too' });
      refuseReading(graphIds[0]!, status, code);
      expect(await world.syncWhileTimePasses()).toMatchObject({
        ...{ status: 'COMPLETED', remoteUpdated: 1, failedEvents: 1 },
      });
      world.simulator.clearFaults();
      world.clock.advance(2 * MINUTE_MS);
      await world.sync();
      expect(await world.differences()).toEqual([]);
      expect((await world.get(ids[0]!)).content).toMatchObject({
        ...{ subject: 'edited here', locations: [{ displayName: 'Room 1' }] },
      });
      await expectQuiet(world);
    });
  },
);

describe('events none of which can be read', () => {
  it.each([
    [401, 'InvalidAuthenticationToken'],
    [500, 'ErrorInternalServerError'],
    [503, 'ErrorServerBusy'],
  ])('are no trouble of their own: %i fails the run, and nothing is deleted', async (status, code) => {
    const { graphIds } = await synced();
    for (const id of graphIds.slice(0, 2)) {
      world.mailbox.deleteEvent(id);
      refuseReading(id, status, code);
    }
    await world.syncWhileTimePasses().catch(() => undefined);
    expect(await subjects()).toHaveLength(6);
    world.simulator.clearFaults();
    world.clock.advance(10 * MINUTE_MS);
    for (let runs = 0; runs < 2; runs += 1) await world.syncWhileTimePasses();
    expect(await subjects()).toHaveLength(4);
    await expectQuiet(world);
  });
});
