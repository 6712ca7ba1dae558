import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventId } from '../core/ids.ts';
import { syncStateOf } from './event-views.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const HOURS = { start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00') };
const MINUTE_MS = 60_000;

async function stateOf(id: EventId) {
  const base = (await world.bases.findByEventIds(world.db, USER, [id])).get(id);
  return syncStateOf(await world.get(id), base);
}

/** The application insists on `ours`, something in Outlook on `theirs`. */
async function quarrel(id: EventId, graphId: string, rounds: number): Promise<number> {
  let sent = 0;
  for (let round = 0; round < rounds; round += 1) {
    await world.edit(id, { subject: 'ours' });
    sent += (await world.sync()).remoteUpdated;
    world.clock.advance(MINUTE_MS);
    if (world.mailbox.getEvent(graphId)?.['subject'] !== 'theirs') {
      world.mailbox.updateEvent(graphId, { subject: 'theirs' });
    }
    await world.sync();
    world.clock.advance(MINUTE_MS);
  }
  return sent;
}

describe('an event that two programs write differently', () => {
  it('is frozen after three rounds, with the fields that keep differing, and costs no more writes', async () => {
    const id = await world.book({ subject: 'Visit', ...HOURS });
    await world.sync();
    const graphId = (await world.get(id)).graphEventId!;
    expect(await quarrel(id, graphId, 10)).toBe(3);
    await world.edit(id, { subject: 'ours' });
    world.simulator.clearLog();
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'COMPLETED', failedEvents: 1 });
    expect(world.simulator.writes()).toEqual([]);
    expect(await stateOf(id)).toMatchObject({
      state: 'error',
      error: { code: 'NOT_SETTLING', message: expect.stringContaining('subject') },
    });
    expect((await world.get(id)).content.subject).toBe('ours');
    await expectQuiet(world);
  });

  it('flows again once something else is written, and a day later', async () => {
    const id = await world.book({ subject: 'Visit', ...HOURS });
    await world.sync();
    const graphId = (await world.get(id)).graphEventId!;
    await quarrel(id, graphId, 4);
    await world.edit(id, { subject: 'agreed at last' });
    await world.sync();
    expect(world.mailbox.getEvent(graphId)).toMatchObject({ subject: 'agreed at last' });
    expect(await stateOf(id)).toEqual({ state: 'synced', error: null });
    await expectQuiet(world);
    world.clock.advance(25 * 60 * MINUTE_MS);
    await world.edit(id, { subject: 'ours' });
    await world.sync();
    expect(world.mailbox.getEvent(graphId)).toMatchObject({ subject: 'ours' });
    await expectQuiet(world);
  });

  it('is not divided when it is a series: its end would not go to Outlook, and every date after it be there twice', async () => {
    const recurrence = {
      pattern: { type: 'daily' as const, interval: 1 },
      range: { type: 'numbered' as const, startDate: '2026-03-10', numberOfOccurrences: 6 },
    };
    const id = await world.book({ subject: 'ours', ...HOURS, recurrence });
    await world.sync();
    await quarrel(id, (await world.get(id)).graphEventId!, 4);
    await world.edit(id, { subject: 'ours' });
    const yard = { location: { displayName: 'Yard' } };
    const updateFollowing = () => world.services.eventService.updateFollowing(USER, `${id}_2026-03-13`, yard);
    await expect(updateFollowing()).rejects.toMatchObject({ code: 'conflict-state' });
    await world.sync();
    expect(await stateOf(id)).toMatchObject({ state: 'error' });
    await expect(updateFollowing()).rejects.toMatchObject({ code: 'conflict-state' });
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectQuiet(world);
    await world.edit(id, { subject: 'agreed at last' });
    await updateFollowing();
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect(world.mailbox.listEvents()).toHaveLength(2);
    await expectQuiet(world);
  });

  it('holds up no other event', async () => {
    const id = await world.book({ subject: 'Visit', ...HOURS });
    await world.sync();
    await quarrel(id, (await world.get(id)).graphEventId!, 3);
    await world.edit(id, { subject: 'ours' });
    const other = await world.book({ subject: 'Other', ...HOURS });
    await world.sync();
    expect((await world.get(other)).graphEventId).toBeTruthy();
    await expectQuiet(world);
  });

  it('may be one date of a series', async () => {
    const id = await world.book({
      subject: 'Daily',
      ...HOURS,
      recurrence: {
        pattern: { type: 'daily', interval: 1 },
        range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
      },
    });
    await world.sync();
    const graphId = (await world.get(id)).graphEventId!;
    const ours = { isCancelled: false as const, fields: { subject: 'ours' } };
    let sent = 0;
    for (let round = 0; round < 6; round += 1) {
      await world.editContent(id, (content) => ({ ...content, occurrences: { '2026-03-12': ours } }));
      sent += (await world.sync()).remoteUpdated;
      world.clock.advance(MINUTE_MS);
      world.mailbox.updateOccurrence(graphId, '2026-03-12', { subject: 'theirs' });
      await world.sync();
      world.clock.advance(MINUTE_MS);
    }
    expect(sent).toBe(3);
    expect(await stateOf(id)).toMatchObject({ state: 'error', error: { code: 'NOT_SETTLING' } });
    expect((await world.get(id)).content.occurrences['2026-03-12']).toEqual(ours);
    await expectQuiet(world);
  });
});

describe('a person who changes their mind', () => {
  it('is followed however often', async () => {
    const id = await world.book({ subject: 'Visit', ...HOURS });
    await world.sync();
    const graphId = (await world.get(id)).graphEventId!;
    for (let round = 0; round < 10; round += 1) {
      await world.edit(id, { showAs: round % 2 === 0 ? 'free' : 'busy' });
      expect((await world.sync()).remoteUpdated).toBe(1);
      world.clock.advance(MINUTE_MS);
    }
    expect(world.mailbox.getEvent(graphId)).toMatchObject({ showAs: 'busy' });
    await expectQuiet(world);
  });
});
