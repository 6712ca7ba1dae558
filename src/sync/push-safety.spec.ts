import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
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

describe('a date that Outlook keeps changing back', () => {
  /** Something there, such as an add-in, undoes the change each time before the series is read. */
  function undoAlways(graphId: string, subject: string): void {
    world.onRequest(
      /exceptionOccurrences/,
      () => {
        const [there] = world.mailbox.occurrences(graphId, '2026-03-12T00:00:00Z', '2026-03-13T00:00:00Z');
        if (there?.['type'] !== 'exception') return;
        world.mailbox.updateOccurrence(graphId, '2026-03-12', { subject });
      },
      1_000,
    );
  }

  async function meetingWithGuests(): Promise<EventId> {
    expectMails();
    await world.services.settings.put(USER, { notifyAttendees: 'changes' });
    world.mailbox.createEvent({ ...daily, attendees: [guest] });
    await world.sync();
    return (await world.bySubject('Visit')).id;
  }

  it.each([
    ['to what it was', 'Visit'],
    ['to something else', 'Undone'],
  ])('is parked with its error %s, and guests are not mailed run after run', async (_case, subject) => {
    const id = await meetingWithGuests();
    await onDate(id, '2026-03-12', { isCancelled: false, fields: { subject: 'Special' } });
    undoAlways(await graphIdOf(id), subject);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 1 });
    for (let run = 0; run < 2; run += 1) {
      world.simulator.clearLog();
      expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0, remoteUpdated: 0 });
      expect(world.simulator.writes()).toEqual([]);
      const view = await world.services.eventService.get(USER, id);
      expect(view.syncState).toBe('error');
      expect(view.syncError).toEqual({ code: 'UNSETTLED', message: expect.stringContaining('2026-03-12') });
    }
    expect((await world.get(id)).content.occurrences['2026-03-12']).toMatchObject({ fields: { subject: 'Special' } });
  });

  it('is tried again once the event changes here, and settles when Outlook lets it', async () => {
    const id = await meetingWithGuests();
    await onDate(id, '2026-03-12', { isCancelled: false, fields: { subject: 'Special' } });
    undoAlways(await graphIdOf(id), 'Visit');
    await world.sync();
    world.stopWatching();
    await onDate(id, '2026-03-12', { isCancelled: false, fields: { subject: 'More special' } });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect((await world.services.eventService.get(USER, id)).syncState).toBe('synced');
  });

  it('is tried no more often in a run that has to be continued', async () => {
    await world.close();
    world = await SyncWorld.open({ env: { CALENDAR_MAX_EVENTS_PER_SYNC: '1' } });
    const id = await world.book(daily);
    await world.sync();
    await onDate(id, '2026-03-12', { isCancelled: false, fields: { subject: 'Special' } });
    undoAlways(await graphIdOf(id), 'Visit');
    world.simulator.clearLog();
    await world.sync();
    expect((await baseOf(id))?.errorCode).toBe('UNSETTLED');
    expect(world.simulator.writes()).toHaveLength(3);
  });
});

describe('somebody else’s meeting deleted here', () => {
  it('is deleted in Outlook as well, for that mails nobody', async () => {
    world.mailbox.addForeignMeeting({ ...visit(), organizer: { emailAddress: { address: 'boss@example.com' } } });
    await world.sync();
    const [meeting] = await world.all();
    expect(meeting?.facts?.isOrganizer).toBe(false);
    await world.remove(meeting!.id);
    expect(await world.sync()).toMatchObject({ remoteDeleted: 1 });
    expect(world.mailbox.listEvents()).toEqual([]);
    expect(world.simulator.outbox).toEqual([]);
    await expectQuiet(world);
  });

  it('is told from one’s own, whose guests would get a cancellation', async () => {
    world.mailbox.createEvent({ ...visit(), attendees: [guest] });
    await world.sync();
    world.simulator.clearLog();
    await world.remove((await world.bySubject('Visit')).id);
    expect(await world.sync()).toMatchObject({ remoteDeleted: 0 });
    expect(world.mailbox.listEvents()).toHaveLength(1);
    expect(world.simulator.outbox).toEqual([]);
  });
});

describe('an event deleted here before Graph answered its create', () => {
  /** Graph commits the create, nobody hears of it, and the process dies. */
  async function createUnheard(input: EventInput): Promise<EventId> {
    const id = await world.book(input);
    world.simulator.failNext({ method: 'POST', path: /events/, kind: 'drop-after-commit', count: 50 });
    const kill = new AbortController();
    const killed = world.carryOutOnce(await world.enqueue(), kill.signal).catch(() => {});
    await expect.poll(() => world.mailbox.listEvents().length).toBe(1);
    kill.abort(new Error('killed'));
    await killed;
    world.simulator.clearFaults();
    await world.dropQueuedRuns();
    world.simulator.clearLog();
    return id;
  }
  const farAway = { start: berlin('2036-03-10T09:00:00'), end: berlin('2036-03-10T10:00:00') };

  it('does not come back: what Graph has of it is deleted', async () => {
    await world.remove(await createUnheard(visit()));
    expect(await world.sync()).toMatchObject({
      status: 'COMPLETED',
      localCreated: 0,
      remoteCreated: 0,
      remoteDeleted: 1,
    });
    expect(await world.all()).toEqual([]);
    expect(world.mailbox.listEvents()).toEqual([]);
    await expectQuiet(world);
  });

  it('stays in Outlook no more where no pull would ever find it', async () => {
    await world.remove(await createUnheard(visit(farAway)));
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteCreated: 0, remoteDeleted: 1 });
    expect(world.mailbox.listEvents()).toEqual([]);
    await expectQuiet(world);
  });

  it('is brought back here with what somebody has written in Outlook since', async () => {
    const id = await createUnheard(visit());
    await world.remove(id);
    world.clock.advance(60_000);
    world.mailbox.updateEvent(String(world.mailbox.listEvents()[0]?.['id']), { subject: 'Edited there' });
    await world.sync();
    expect((await world.get(id)).content.subject).toBe('Edited there');
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('with what somebody has written in Outlook since, is brought back also where no pull would find it', async () => {
    const id = await createUnheard(visit(farAway));
    await world.remove(id);
    world.clock.advance(60_000);
    world.mailbox.updateEvent(String(world.mailbox.listEvents()[0]?.['id']), { subject: 'Edited there' });
    await world.sync();
    expect((await world.get(id)).content.subject).toBe('Edited there');
    expect(world.mailbox.listEvents()).toHaveLength(1);
  });

  it('is not created a second time to find it where that might invite guests', async () => {
    // The one invitation is that of the create nobody heard of.
    expectMails();
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    const id = await createUnheard(visit({ ...farAway, attendees: [guest] }));
    await world.remove(id);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteCreated: 0, remoteDeleted: 0 });
    expect(world.simulator.writes()).toEqual([]);
    const graphId = String(world.mailbox.listEvents()[0]?.['id']);
    world.mailbox.updateEvent(graphId, { start: visit().start, end: visit().end });
    await world.sync();
    // It has come into sight, under the same identity, and was edited there since: the edit is kept.
    expect((await world.all()).map(({ id: found }) => found)).toEqual([id]);
    expect(await world.differences()).toEqual([]);
  });
});

describe('a date of a series that somebody changes in Outlook between the pull and the push', () => {
  it('is a conflict like any other, whose values are both kept', async () => {
    const id = await world.book(daily);
    await world.sync();
    const graphId = await graphIdOf(id);
    await onDate(id, '2026-03-11', { isCancelled: false, fields: { subject: 'Special' } });
    world.onRequest(/exceptionOccurrences/, () => {
      world.mailbox.updateOccurrence(graphId, '2026-03-11', { subject: 'Yard duty' });
    });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', conflictsDetected: 1 });
    expect(await world.differences()).toEqual([]);
    const [conflict, ...more] = await world.allConflicts();
    expect(more).toEqual([]);
    expect(conflict?.data.local?.occurrences['2026-03-11']).toMatchObject({ fields: { subject: 'Special' } });
    expect(conflict?.data.remote?.occurrences['2026-03-11']).toMatchObject({ fields: { subject: 'Yard duty' } });
    await expectQuiet(world);
  });
});

describe.each([
  ['a request', false],
  ['one of a batch', true],
])('a create that was carried out without an answer, %s, and repeated at once', (_, isBatch) => {
  it('finds what somebody in Outlook wrote in between', async () => {
    const ids = [await world.book(visit({ subject: 'One' }))];
    if (isBatch) ids.push(await world.book(visit({ subject: 'Two' })));
    const made = () => world.mailbox.listEvents().find(({ subject }) => subject === 'One');
    world.simulator.failNext({
      ...{ method: 'POST', path: /events$/, kind: 'drop-after-commit', count: 1, batchItem: isBatch },
    });
    const running = world.carryOut(await world.enqueue());
    await expect.poll(made).toBeDefined();
    world.mailbox.updateEvent(String(made()?.id), { subject: 'Renamed there' });
    await world.whileTimePasses(() => running);
    await world.sync();
    expect((await world.get(ids[0]!)).content.subject).toBe('Renamed there');
    expect(world.mailbox.listEvents()).toHaveLength(ids.length);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });
});

it('a create repeated at once that shows nothing but what was sent is known by its tag, and not looked at again', async () => {
  const id = await world.book(visit());
  world.simulator.failNext({ method: 'POST', path: /events$/, kind: 'drop-after-commit', count: 1 });
  await world.syncWhileTimePasses();
  expect(await baseOf(id)).toMatchObject({ etag: expect.any(String) });
  expect(world.mailbox.listEvents()).toHaveLength(1);
  await expectQuiet(world);
});
