import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const guest = { type: 'required' as const, emailAddress: { address: 'guest@example.com' } };
const daily: EventInput = {
  subject: 'Round',
  start: berlin('2026-03-10T09:00:00'),
  end: berlin('2026-03-10T10:00:00'),
  recurrence: {
    pattern: { type: 'daily', interval: 1 },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
  },
};

const heldOf = async (id: EventId) => (await world.bases.findByEventIds(world.db, USER, [id])).get(id)?.heldUnits;

function onDate(id: EventId, fields: object): Promise<void> {
  return world.editContent(id, (content) => ({
    ...content,
    occurrences: { ...content.occurrences, '2026-03-12': { isCancelled: false, fields } },
  }));
}

describe('guests of a series', () => {
  it('are still shown as held after one of its dates was sent', async () => {
    const id = await world.book({ ...daily, attendees: [guest] });
    await world.sync();
    await onDate(id, { subject: 'Special' });
    await world.sync();
    expect(await heldOf(id)).toEqual(['attendees']);
    await expectQuiet(world);
  });

  it('of one date alone are held like all others, and the rest goes its way', async () => {
    const id = await world.book(daily);
    await world.sync();
    await onDate(id, { attendees: [guest] });
    await world.edit(id, { subject: 'Renamed' });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    expect(await heldOf(id)).toEqual(['occurrence:2026-03-12']);
    expect(world.mailbox.getEvent((await world.get(id)).graphEventId!)?.subject).toBe('Renamed');
    expect(world.simulator.outbox).toEqual([]);
    await expectQuiet(world);
  });

  it('of one date alone are invited when the policy says so', async () => {
    expectMails();
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    const id = await world.book(daily);
    await world.sync();
    await onDate(id, { attendees: [guest] });
    await world.sync();
    expect(await heldOf(id)).toEqual([]);
    expect(await world.differences()).toEqual([]);
  });
});
