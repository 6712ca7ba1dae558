import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventId } from '../../src/core/ids.ts';
import { CONFLICT_STRATEGIES, type ConflictStrategy } from '../../src/core/settings.ts';
import { expectQuiet } from '../support/quiet.ts';
import { SyncWorld, USER } from '../support/sync-world.ts';

const EVENTS = 1_000;
const EDITS_A_SIDE = 300;
const COLLIDING = 60;
const MINUTE_MS = 60_000;

let world: SyncWorld;
let ids: EventId[];

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const dayOf = (each: number) => String(1 + (each % 28)).padStart(2, '0');
const hourOf = (each: number) => String(8 + (each % 10)).padStart(2, '0');

beforeAll(async () => {
  // A page holds all echoes of a run, so that the run after it costs one request.
  world = await SyncWorld.open({ env: { GRAPH_PAGE_SIZE: '1000' } });
  ids = await world.bookAll(
    Array.from({ length: EVENTS / 2 }, (_, each) => ({
      subject: `here ${each}`,
      start: berlin(`2026-03-${dayOf(each)}T${hourOf(each)}:00:00`),
      end: berlin(`2026-03-${dayOf(each)}T${hourOf(each)}:30:00`),
    })),
  );
  for (let each = 0; each < EVENTS / 2; each += 1) {
    world.mailbox.createEvent({
      subject: `there ${each}`,
      start: berlin(`2026-04-${dayOf(each)}T${hourOf(each)}:00:00`),
      end: berlin(`2026-04-${dayOf(each)}T${hourOf(each)}:30:00`),
    });
  }
  await world.sync();
  ids = (await world.all()).map(({ id }) => id);
}, 120_000);
afterAll(async () => {
  await world.close();
});

/** Who is later: the collisions alternate, so that `prefer_latest` has to look at each of them. */
const isLocalLater = (each: number) => each % 2 === 0;

describe(`${EVENTS} events, ${EDITS_A_SIDE} edits on each side, ${COLLIDING} of them colliding`, () => {
  it.each(CONFLICT_STRATEGIES)('%s gives what it promises, and keeps the losing values', async (strategy) => {
    expect(ids).toHaveLength(EVENTS);
    // 0..59 collide, 60..299 are edited here only, 300..539 there only.
    const graphIds = new Map<EventId, string>();
    for (const { id, graphEventId } of await world.all()) graphIds.set(id, graphEventId!);
    const editHere = (each: number) => world.edit(ids[each]!, { subject: `${strategy} here ${each}` });
    const editThere = (each: number) =>
      world.mailbox.updateEvent(graphIds.get(ids[each]!)!, { subject: `${strategy} there ${each}` });
    world.clock.advance(MINUTE_MS);
    for (let each = 0; each < COLLIDING; each += 1) {
      if (isLocalLater(each)) editThere(each);
      else await editHere(each);
    }
    world.clock.advance(MINUTE_MS);
    for (let each = 0; each < COLLIDING; each += 1) {
      if (isLocalLater(each)) await editHere(each);
      else editThere(each);
    }
    for (let each = COLLIDING; each < EDITS_A_SIDE; each += 1) {
      await editHere(each);
      editThere(each + EDITS_A_SIDE - COLLIDING);
    }
    world.clock.advance(MINUTE_MS);
    const recordsBefore = new Set((await world.allConflicts()).map(({ id }) => id));
    const run = await world.sync({ conflictResolution: strategy });
    expect(run).toMatchObject({ status: 'COMPLETED', failedEvents: 0, conflictsDetected: COLLIDING });

    const records = (await world.allConflicts()).filter(({ id }) => !recordsBefore.has(id));
    expect(records).toHaveLength(COLLIDING);
    const local = new Map((await world.all()).map(({ id, content }) => [id, content.subject]));
    for (let each = 0; each < COLLIDING; each += 1) {
      const id = ids[each]!;
      const here = `${strategy} here ${each}`;
      const there = `${strategy} there ${each}`;
      const record = records.find(({ eventId }) => eventId === id);
      // Nothing anybody wrote is lost: both values stand in the record, whoever won.
      expect(record?.data).toMatchObject({ local: { subject: here }, remote: { subject: there } });
      expect(record?.data.base?.subject).toBeDefined();
      const inOutlook = world.mailbox.getEvent(graphIds.get(id)!)?.subject;
      expect([local.get(id), inOutlook]).toEqual(expectedSubjects(strategy, each, here, there));
    }
    for (let each = COLLIDING; each < EDITS_A_SIDE; each += 1) {
      const other = each + EDITS_A_SIDE - COLLIDING;
      expect(world.mailbox.getEvent(graphIds.get(ids[each]!)!)?.subject).toBe(`${strategy} here ${each}`);
      expect(local.get(ids[other]!)).toBe(`${strategy} there ${other}`);
    }
    await expectQuiet(world);

    const pending = await world.pendingConflicts();
    expect(pending).toHaveLength(strategy === 'merge' || strategy === 'manual' ? COLLIDING : 0);
    for (const { id } of pending) await world.services.conflicts.resolve(USER, id, { resolution: 'PREFER_REMOTE' });
    await world.dropQueuedRuns();
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect(await world.pendingConflicts()).toEqual([]);
    await expectQuiet(world);
  });
});

function expectedSubjects(strategy: ConflictStrategy, each: number, here: string, there: string): [string, string] {
  const bothHold = (subject: string): [string, string] => [subject, subject];
  switch (strategy) {
    case 'prefer_local':
      return bothHold(here);
    case 'prefer_remote':
      return bothHold(there);
    case 'prefer_latest':
      return bothHold(isLocalLater(each) ? here : there);
    case 'merge':
    case 'manual':
      return [here, there];
  }
}
