import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
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

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const guest = { type: 'required' as const, emailAddress: { address: 'guest@example.com' } };
const visit = (change: EventInput = {}): EventInput => ({
  subject: 'Visit',
  start: berlin('2026-03-10T09:00:00'),
  end: berlin('2026-03-10T10:00:00'),
  ...change,
});
const daily = visit({
  recurrence: {
    pattern: { type: 'daily', interval: 1 },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
  },
});

const baseOf = async (id: EventId) => (await world.bases.findByEventIds(world.db, USER, [id])).get(id);
const graphIdOf = async (id: EventId) => (await world.get(id)).graphEventId!;

function onDate(id: EventId, date: string, override: { isCancelled: true } | { isCancelled: false; fields: object }) {
  return world.editContent(id, (content) => ({
    ...content,
    occurrences: { ...content.occurrences, [date]: override },
  }));
}

describe('guests invited in Outlook between the pull and the push', () => {
  /** Somebody invites a guest just before the series is read to be written. */
  async function inviteMeanwhile(id: EventId): Promise<void> {
    const graphId = await graphIdOf(id);
    world.onRequest(/exceptionOccurrences/, () => {
      world.mailbox.updateEvent(graphId, { attendees: [guest] });
      world.simulator.clearLog();
    });
  }

  it('are not mailed because one date of the series was changed here', async () => {
    const id = await world.book(daily);
    await world.sync();
    await onDate(id, '2026-03-11', { isCancelled: false, fields: { subject: 'Special' } });
    await inviteMeanwhile(id);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    expect(world.simulator.outbox).toEqual([]);
    expect((await baseOf(id))?.heldUnits).toEqual(['occurrence:2026-03-11']);
    await world.sync();
    expect((await world.get(id)).content.attendees).toHaveLength(1);
    expect((await world.get(id)).content.occurrences['2026-03-11']).toMatchObject({ fields: { subject: 'Special' } });
    expect(world.simulator.outbox).toEqual([]);
    await expectQuiet(world);
  });

  it('are not mailed a cancellation because one date was deleted here', async () => {
    const id = await world.book(daily);
    await world.sync();
    await onDate(id, '2026-03-11', { isCancelled: true });
    await inviteMeanwhile(id);
    await world.sync();
    expect(world.simulator.outbox).toEqual([]);
    expect((await baseOf(id))?.heldUnits).toEqual(['occurrence:2026-03-11']);
    expect(world.mailbox.cancelledDates(await graphIdOf(id))).toEqual([]);
  });

  it('are not mailed because exceptions are sent again after the series moved', async () => {
    const id = await world.book(daily);
    await onDate(id, '2026-03-12', { isCancelled: false, fields: { subject: 'Special' } });
    await world.sync();
    await world.edit(id, { start: berlin('2026-03-10T11:00:00'), end: berlin('2026-03-10T12:00:00') });
    await inviteMeanwhile(id);
    await world.sync();
    expect(world.simulator.outbox).toEqual([]);
    expect((await baseOf(id))?.heldUnits).toEqual(['occurrence:2026-03-12']);
  });

  it('leave what mails nobody free to go', async () => {
    const id = await world.book(daily);
    await world.sync();
    await onDate(id, '2026-03-11', { isCancelled: false, fields: { categories: ['Blue'] } });
    await inviteMeanwhile(id);
    await world.sync();
    expect(world.simulator.outbox).toEqual([]);
    await world.sync();
    expect(await world.differences()).toEqual([]);
  });
});
