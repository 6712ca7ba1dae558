import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld } from '../../test/support/sync-world.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const MINUTE_MS = 60_000;
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const visit = { subject: 'Visit', start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00') };

describe('what counts as an edit made here', () => {
  it('guests that are kept from Outlook do not bring back an event deleted there', async () => {
    const id = await world.book({ ...visit, attendees: [{ emailAddress: { address: 'guest@example.com' } }] });
    await world.sync();
    const { graphEventId } = await world.get(id);
    world.mailbox.deleteEvent(graphEventId!);
    await world.sync();
    expect(await world.find(id)).toBeUndefined();
    expect(await world.allConflicts()).toEqual([]);
    expect(world.mailbox.listEvents()).toEqual([]);
    await expectQuiet(world);
  });

  it('but a real edit made since does, with a record', async () => {
    const id = await world.book({ ...visit, attendees: [{ emailAddress: { address: 'guest@example.com' } }] });
    await world.sync();
    const { graphEventId } = await world.get(id);
    await world.edit(id, { subject: 'here' });
    world.mailbox.deleteEvent(graphEventId!);
    await world.sync();
    expect((await world.get(id)).content.subject).toBe('here');
    expect(await world.allConflicts()).toMatchObject([{ conflictType: 'LOCAL_UPDATE_REMOTE_DELETE' }]);
    await expectQuiet(world);
  });

  it.each([
    ['the same', 0],
    ['ten minutes ahead', 10 * MINUTE_MS],
  ])(
    'a run writing what came from Outlook does not make our older edit the later one; Graph’s clock: %s',
    async (_clock, graphClockAheadMs) => {
      await world.close();
      world = await SyncWorld.open({ env: { GRAPH_PAGE_SIZE: '1' }, graphClockAheadMs });
      const id = await world.book(visit);
      await world.sync();
      const graphId = (await world.get(id)).graphEventId!;
      world.clock.advance(MINUTE_MS);
      await world.edit(id, { subject: 'here' });
      world.clock.advance(MINUTE_MS);
      world.mailbox.updateEvent(graphId, { location: { displayName: 'Yard' } });
      world.clock.advance(MINUTE_MS);
      // While the run reads on, somebody in Outlook changes the subject as well; only then is the page with the place applied.
      world.mailbox.createEvent({ ...visit, subject: 'Another' });
      world.onRequest(/skipToken/i, () => {
        world.mailbox.updateEvent(graphId, { subject: 'there' });
        world.clock.advance(MINUTE_MS);
      });
      await world.sync({ conflictResolution: 'prefer_latest' });
      expect((await world.get(id)).content).toMatchObject({ subject: 'there', locations: [{ displayName: 'Yard' }] });
      await expectQuiet(world);
    },
  );

  it('a guest’s answer arrives and is nobody’s edit', async () => {
    await world.close();
    world = await SyncWorld.open({ settings: { notifyAttendees: 'all' }, mailsAreExpected: true });
    const guest = world.simulator.addMailbox({ address: 'guest@example.com', name: 'Guest' });
    const id = await world.book({ ...visit, attendees: [{ emailAddress: { address: 'guest@example.com' } }] });
    await world.sync();
    guest.respond(guest.listEvents()[0]!.id, 'accept');
    await world.sync();
    expect((await world.get(id)).content.attendees).toMatchObject([{ status: { response: 'accepted' } }]);
    await expectQuiet(world);
  });
});
