import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open({ settings: { conflictResolution: 'manual' } });
});
afterEach(async () => {
  await world.close();
});

const guest = (name: string) => ({ type: 'required' as const, emailAddress: { name, address: `${name}@example.com` } });
const at = (time: string) => ({ dateTime: `2026-03-10T${time}:00`, timeZone: 'Europe/Berlin' });
const VISIT = { subject: 'Visit', start: at('09:00'), end: at('10:00') };
const there = () => world.mailbox.listEvents()[0];
const held = async (id: EventId) => (await world.bases.findByEventIds(world.db, USER, [id])).get(id)?.heldUnits;

/** Guests were asked on either side, others on each, and a person is to say which. */
async function undecided(): Promise<EventId> {
  const id = await world.book(VISIT);
  await world.sync();
  await world.edit(id, { attendees: [guest('ann')] });
  // A person in Outlook mails whom they invite: that is not what is looked at.
  world.mailbox.quietly(() => world.mailbox.updateEvent(String(there()?.id), { attendees: [guest('ben')] }));
  await world.sync();
  expect(await world.pendingConflicts()).toHaveLength(1);
  return id;
}

describe('while nobody has decided whom of the guests to keep', () => {
  it('a change made here mails none of those Outlook has, and is shown as held', async () => {
    const id = await undecided();
    await world.edit(id, { subject: 'Renamed' });
    await world.sync();
    expect(world.simulator.outbox).toEqual([]);
    expect(there()).toMatchObject({ subject: 'Visit' });
    expect(await held(id)).toContain('subject');
    await expectQuiet(world);
  });

  it('a change that met the invitation on its way mails nobody either', async () => {
    const id = await world.book(VISIT);
    await world.sync();
    await world.edit(id, { attendees: [guest('ann')], subject: 'Renamed' });
    world.onRequest(/\/events\//, () =>
      world.mailbox.quietly(() => world.mailbox.updateEvent(String(there()?.id), { attendees: [guest('ben')] })),
    );
    await world.sync();
    expect(world.simulator.outbox).toEqual([]);
    expect(there()).toMatchObject({ subject: 'Visit', attendees: [{ emailAddress: { name: 'ben' } }] });
    await world.sync();
    expect(world.simulator.outbox).toEqual([]);
    await expectQuiet(world);
  });

  it('a change is held no longer than the guests are there', async () => {
    const id = await undecided();
    await world.edit(id, { subject: 'Renamed' });
    await world.sync();
    world.mailbox.quietly(() => world.mailbox.updateEvent(String(there()?.id), { attendees: [] }));
    await world.sync();
    const [conflict] = await world.pendingConflicts();
    if (conflict) {
      await world.services.conflicts.resolve(USER, conflict.id, { resolution: 'PREFER_REMOTE' });
      await world.sync();
    }
    expect(there()).toMatchObject({ subject: 'Renamed' });
    await expectQuiet(world);
  });

  it('a policy that lets changes go lets them go', async () => {
    expectMails();
    const id = await undecided();
    await world.services.settings.put(USER, { notifyAttendees: 'changes' });
    await world.edit(id, { subject: 'Renamed' });
    await world.sync();
    expect(there()).toMatchObject({ subject: 'Renamed' });
    expect(world.simulator.outbox).toMatchObject([{ kind: 'update', to: ['ben@example.com'] }]);
  });
});

describe('guests somebody invited in Outlook, where a run only pushes', () => {
  it.each([
    ['an event', {}],
    [
      'a series',
      {
        recurrence: {
          pattern: { type: 'daily', interval: 1 },
          range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 3 },
        },
      },
    ],
  ] as const)('are mailed nothing of what was changed here: %s waits for a run that reads', async (_, more) => {
    const id = await world.book({ ...VISIT, ...more });
    await world.sync();
    world.mailbox.quietly(() => world.mailbox.updateEvent(String(there()?.id), { attendees: [guest('ben')] }));
    await world.edit(id, { subject: 'Renamed' });

    await world.sync({ direction: 'push' });
    expect(world.simulator.outbox).toEqual([]);
    expect(there()).toMatchObject({ subject: 'Visit' });

    await world.sync();
    await world.sync();
    expect(world.simulator.outbox).toEqual([]);
    expect((await world.get(id)).content).toMatchObject({ subject: 'Renamed', attendees: [guest('ben')] });
    expect(await held(id)).toContain('subject');
  });
});
