import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId, JobId, UserId } from '../core/ids.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const HOURS = { start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00') };
const visit = (change: EventInput = {}): EventInput => ({ subject: 'Visit', ...HOURS, ...change });
const there = (graphId: string) => world.mailbox.getEvent(graphId);

async function agreed(change: EventInput = {}): Promise<{ id: EventId; graphId: string }> {
  const id = await world.book(visit(change));
  await world.sync();
  return { id, graphId: (await world.get(id)).graphEventId! };
}

/** Takes a run back, and carries out the run that follows from it. */
async function takeBack(jobId: JobId, eventIds?: readonly string[]) {
  const report = await world.services.journalService.revert(USER, jobId, eventIds ? { eventIds } : {});
  for (const next of report.jobIds) expect((await world.carryOut(next)).status).toBe('COMPLETED');
  return report;
}

describe('a run that is taken back', () => {
  it('brought a change from Outlook: both sides are as they were', async () => {
    const { id, graphId } = await agreed();
    world.mailbox.updateEvent(graphId, {
      subject: 'Moved',
      start: berlin('2026-03-11T09:00:00'),
      end: berlin('2026-03-11T10:00:00'),
    });
    const run = await world.sync();
    expect((await world.get(id)).content.subject).toBe('Moved');

    const { reverted, kept } = await takeBack(run.id);
    expect(reverted).toEqual([{ eventId: id, action: 'restored', fields: ['subject', 'time'], newEventId: null }]);
    expect(kept).toEqual([]);
    expect((await world.get(id)).content).toMatchObject(visit());
    expect(there(graphId)).toMatchObject({
      subject: 'Visit',
      start: { dateTime: expect.stringContaining('2026-03-10') },
    });
    await expectQuiet(world);
  });

  it('sent a change to Outlook: both sides are as they were', async () => {
    const { id, graphId } = await agreed({ categories: ['blue'] });
    await world.edit(id, { categories: ['red'], importance: 'high' });
    const run = await world.sync();
    await takeBack(run.id);
    expect((await world.get(id)).content).toMatchObject({ categories: ['blue'], importance: 'normal' });
    expect(there(graphId)).toMatchObject({ categories: ['blue'], importance: 'normal' });
    await expectQuiet(world);
  });

  it('created events, from either side: they are gone on both', async () => {
    await agreed();
    const id = await world.book(visit({ subject: 'Made here' }));
    world.mailbox.createEvent({ subject: 'Made there', ...HOURS });
    const run = await world.sync();
    const made = await world.bySubject('Made there');
    const { reverted } = await takeBack(run.id);
    expect(reverted.map(({ eventId, action }) => [eventId, action]).sort()).toEqual(
      [
        [id, 'deleted'],
        [made.id, 'deleted'],
      ].sort(),
    );
    expect((await world.all()).map(({ content }) => content.subject)).toEqual(['Visit']);
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['Visit']);
    await expectQuiet(world);
  });

  it.each(['here', 'there'])(
    'deleted what had been deleted %s: it is on both sides again, once, however often it is asked',
    async (side) => {
      const { id, graphId } = await agreed({ body: { contentType: 'text', content: 'Agenda' } });
      if (side === 'here') await world.remove(id);
      else world.mailbox.deleteEvent(graphId);
      const run = await world.sync();
      expect(await world.all()).toEqual([]);

      const { reverted } = await takeBack(run.id);
      expect(reverted).toMatchObject([{ eventId: id, action: 'recreated', newEventId: expect.any(String) }]);
      const again = await takeBack(run.id);
      expect(again).toMatchObject({ reverted: [], kept: [{ eventId: id, why: 'already-as-before' }] });
      expect(await world.differences()).toEqual([]);
      expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['Visit']);
      await world.remove(reverted[0]?.newEventId as EventId);
      await world.sync();
      expect((await takeBack(run.id)).reverted).toEqual([]);
      await expectQuiet(world);
    },
  );

  it('deleted what another run deleted on the other side: taking back both makes one event', async () => {
    const { id } = await agreed();
    const made = (await world.operations.listAllOwn(world.db, USER, { limit: 10 })).find(
      ({ eventId }) => eventId === id,
    );
    const jobIds: JobId[] = [];
    // A run that is at work sends the deletion, and the one queued for it has it in its journal as well.
    world.onRequest(/delta/, async () => {
      jobIds.push(...(await world.services.journalService.revert(USER, made?.runId as JobId)).jobIds);
    });
    const atWork = await world.sync();
    for (const next of jobIds) await world.carryOut(next);
    expect(world.mailbox.listEvents()).toEqual([]);

    for (const runId of [atWork.id, ...jobIds]) await world.services.journalService.revert(USER, runId as JobId);
    await world.sync();
    await world.sync();

    expect(await world.all()).toHaveLength(1);
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectQuiet(world);
  });

  it('was about a deletion that Outlook has not been told of: it is the same event again, with what was changed there', async () => {
    const { id, graphId } = await agreed({ body: { contentType: 'text', content: 'Agenda' } });
    const made = (await world.operations.listAllOwn(world.db, USER, { limit: 10 })).find(
      ({ eventId }) => eventId === id,
    );
    const { jobIds } = await world.services.journalService.revert(USER, made?.runId as JobId);
    world.simulator.failNext({ path: /delta/, status: 403 });
    expect((await world.carryOut(jobIds[0] as JobId)).status).toBe('FAILED');
    expect(await world.find(id)).toBeUndefined();
    world.mailbox.updateEvent(graphId, { subject: 'Visit, renamed there' });

    const { reverted } = await takeBack(jobIds[0] as JobId);
    expect(reverted).toMatchObject([{ eventId: id, action: 'recreated', newEventId: null }]);
    await world.sync();

    expect((await world.all()).map((event) => [event.id, event.content.subject])).toEqual([
      [id, 'Visit, renamed there'],
    ]);
    expect(world.mailbox.listEvents().map(({ id: there }) => there)).toEqual([graphId]);
    expect(await world.allConflicts()).toEqual([]);
    await expectQuiet(world);
  });

  it('was about a deletion that waits for a person’s decision: it is the same event again, and nothing waits', async () => {
    await world.services.settings.put(USER, { conflictResolution: 'manual' });
    const id = await world.book(visit());
    const first = await world.sync();
    const graphId = (await world.get(id)).graphEventId!;
    const { jobIds } = await world.services.journalService.revert(USER, first.id);
    world.mailbox.updateEvent(graphId, { importance: 'high' });
    for (const next of jobIds) await world.carryOut(next);
    expect(await world.allConflicts()).toMatchObject([{ conflictType: 'LOCAL_DELETE_REMOTE_UPDATE' }]);

    const { reverted } = await takeBack(jobIds[0] as JobId);
    expect(reverted).toMatchObject([{ eventId: id, action: 'recreated', newEventId: null }]);
    expect((await world.all()).map((event) => [event.id, event.content.importance])).toEqual([[id, 'high']]);
    expect(world.mailbox.listEvents().map(({ id: there }) => there)).toEqual([graphId]);
    const waiting = (await world.allConflicts()).filter(({ resolvedAt }) => !resolvedAt);
    expect(waiting).toEqual([]);
    await expectQuiet(world);
  });

  it('took out the copy of what was moved away in Outlook: it stays there, and is not made a second time', async () => {
    const { id, graphId } = await agreed();
    world.mailbox.moveEvent(graphId, world.mailbox.addCalendar('Other'));
    const run = await world.sync();
    expect(run.localDeleted).toBe(1);
    expect(await takeBack(run.id)).toEqual({
      jobIds: [],
      reverted: [],
      kept: [{ eventId: id, field: 'event', why: 'still-in-outlook' }],
    });
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectQuiet(world);
  });

  it('changed one date of a series: that date alone is as it was', async () => {
    const { id, graphId } = await agreed({
      recurrence: {
        pattern: { type: 'daily', interval: 1 },
        range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
      },
    });
    world.mailbox.deleteOccurrence(graphId, '2026-03-12');
    world.mailbox.updateOccurrence(graphId, '2026-03-13', { subject: 'Other' });
    await world.sync();
    await world.edit(id, { importance: 'high' });
    const run = await world.sync();
    world.mailbox.updateOccurrence(graphId, '2026-03-13', { subject: 'Third' });
    const second = await world.sync();
    await takeBack(second.id);
    const { content } = await world.get(id);
    expect(content.importance).toBe('high');
    expect(content.occurrences).toMatchObject({
      '2026-03-12': { isCancelled: true },
      '2026-03-13': { fields: { subject: 'Other' } },
    });
    await takeBack(run.id);
    expect((await world.get(id)).content.importance).toBe('normal');
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('cannot bring a date back that Outlook has deleted, and says so', async () => {
    const range = { type: 'numbered' as const, startDate: '2026-03-10', numberOfOccurrences: 5 };
    const { id, graphId } = await agreed({ recurrence: { pattern: { type: 'daily', interval: 1 }, range } });
    world.mailbox.updateEvent(graphId, { importance: 'high' });
    world.mailbox.deleteOccurrence(graphId, '2026-03-12');
    const run = await world.sync();
    const { reverted, kept } = await takeBack(run.id);
    expect(reverted).toMatchObject([{ eventId: id, fields: ['importance'] }]);
    expect(kept).toEqual([{ eventId: id, field: 'occurrence:2026-03-12', why: 'gone-in-outlook' }]);
    expect((await world.get(id)).content.occurrences).toEqual({ '2026-03-12': { isCancelled: true } });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('is older than a later edit, which stays', async () => {
    const { id, graphId } = await agreed();
    world.mailbox.updateEvent(graphId, { subject: 'First', importance: 'high' });
    const run = await world.sync();
    world.mailbox.updateEvent(graphId, { subject: 'Second' });
    await world.sync();
    const { reverted, kept } = await takeBack(run.id);
    expect(reverted).toMatchObject([{ eventId: id, fields: ['importance'] }]);
    expect(kept).toEqual([{ eventId: id, field: 'subject', why: 'changed-since' }]);
    expect(there(graphId)).toMatchObject({ subject: 'Second', importance: 'normal' });
    await expectQuiet(world);
  });

  it('is taken back for the events that are named, and leaves the others', async () => {
    const one = await agreed({ subject: 'One' });
    const two = await agreed({ subject: 'Two' });
    for (const { graphId } of [one, two]) world.mailbox.updateEvent(graphId, { importance: 'high' });
    const run = await world.sync();
    await takeBack(run.id, [two.id]);
    expect(there(one.graphId)).toMatchObject({ importance: 'high' });
    expect(there(two.graphId)).toMatchObject({ importance: 'normal' });
    await expectQuiet(world);
  });

  it('can be taken back again: the taking back is in the journal too', async () => {
    const { id, graphId } = await agreed();
    world.mailbox.updateEvent(graphId, { subject: 'Changed' });
    const run = await world.sync();
    const { jobIds } = await takeBack(run.id);
    const trail = await world.operations.listOwn(world.db, {
      userId: USER,
      runId: jobIds[0] as JobId,
      limit: 10,
      offset: 0,
    });
    expect(trail.items).toMatchObject([
      {
        eventId: id,
        side: 'local',
        operation: 'update',
        fields: ['subject'],
        before: { subject: 'Changed' },
        after: { subject: 'Visit' },
      },
      { eventId: id, side: 'remote', operation: 'update', fields: ['subject'] },
    ]);
    await takeBack(jobIds[0] as JobId);
    expect((await world.get(id)).content.subject).toBe('Changed');
    expect(there(graphId)).toMatchObject({ subject: 'Changed' });
    await expectQuiet(world);
  });

  it.each<[string, (id: EventId, graphId: string) => Promise<void>, object]>([
    ['a deletion', async (_, graphId) => world.mailbox.deleteEvent(graphId), { subject: 'Visit' }],
    [
      'a change',
      async (_, graphId) => {
        world.mailbox.updateEvent(graphId, { subject: 'Changed' });
      },
      { subject: 'Visit' },
    ],
  ])('is not taken forth again by asking twice where no run follows: %s', async (_, act, before) => {
    await world.services.settings.put(USER, { direction: 'pull' });
    world.mailbox.createEvent(visit());
    await world.sync();
    const { id, graphEventId } = await world.bySubject('Visit');
    await act(id, graphEventId as string);
    const run = await world.sync();
    const first = await takeBack(run.id);
    expect(first).toMatchObject({ jobIds: [], reverted: [{ eventId: id }] });
    const trail = await world.operations.listOwn(world.db, { userId: USER, runId: run.id, limit: 10, offset: 0 });
    expect(trail.items.at(-1)).toMatchObject({ side: 'local', reason: expect.stringMatching('taken back') });
    for (let again = 0; again < 2; again += 1) {
      expect(await takeBack(run.id)).toMatchObject({ reverted: [], kept: [{ why: 'already-as-before' }] });
    }
    expect((await world.all()).map(({ content }) => content)).toMatchObject([before]);
  });

  it('leaves nothing half done when the process dies before the run that follows', async () => {
    const { graphId } = await agreed();
    world.mailbox.updateEvent(graphId, { subject: 'Changed' });
    const run = await world.sync();
    await world.services.journalService.revert(USER, run.id);
    await world.dropQueuedRuns();
    await world.sync();
    expect(there(graphId)).toMatchObject({ subject: 'Visit' });
    await expectQuiet(world);
  });
});

describe('taking back', () => {
  it("changes nothing of somebody else's meeting that is not ours to change", async () => {
    world.mailbox.addForeignMeeting({
      subject: 'Board',
      ...HOURS,
      organizer: { emailAddress: { name: 'Eve', address: 'eve@example.com' } },
    });
    await world.sync();
    const event = await world.bySubject('Board');
    world.mailbox.updateByOrganizer(event.graphEventId as string, { subject: 'Board, moved' });
    const run = await world.sync();
    const report = await takeBack(run.id);
    expect(report).toMatchObject({ reverted: [], kept: [{ eventId: event.id, field: 'subject', why: 'not-ours' }] });
    world.mailbox.cancelByOrganizer(event.graphEventId as string);
    await expectSettled();
  });

  it('leaves what a read-only calendar has, and sends the rest back to each calendar it came from', async () => {
    const [team, holidays] = ['Team', 'Holidays'].map((name) => world.mailbox.addCalendar(name)) as [string, string];
    await world.services.calendarService.refresh(USER);
    const made = [undefined, team, holidays].map((calendarId) =>
      world.mailbox.createEvent(visit({ subject: calendarId ?? 'own' }), calendarId ? { calendarId } : {}),
    );
    await world.sync({ calendarId: 'all' });
    for (const { id } of made) world.mailbox.updateEvent(String(id), { importance: 'high' });
    const run = await world.sync({ calendarId: 'all' });
    world.mailbox.setCanEdit(holidays, false);
    const { items } = await world.services.calendarService.refresh(USER);
    const fixed = await world.bySubject(holidays);
    const { jobIds, reverted, kept } = await takeBack(run.id);
    expect(kept).toEqual([{ eventId: fixed.id, field: 'event', why: 'read-only' }]);
    expect(reverted.map(({ action, fields }) => [action, ...fields])).toEqual([
      ['restored', 'importance'],
      ['restored', 'importance'],
    ]);
    const runs = await Promise.all(jobIds.map((id) => world.runs.find(world.db, USER, id)));
    const editable = items.filter(({ canEdit }) => canEdit).map(({ id }) => id);
    expect(runs.map((each) => each?.calendarId).sort()).toEqual(editable.sort());
    expect(made.map(({ id }) => there(String(id))?.importance)).toEqual(['normal', 'normal', 'high']);
    world.simulator.clearLog();
    expect((await world.sync({ calendarId: 'all' })).status).toBe('COMPLETED');
    expect(world.simulator.writes()).toEqual([]);
  });

  it('of a deletion Outlook was never told of brings the event back to the calendar Outlook has moved it to', async () => {
    const teamThere = world.mailbox.addCalendar('Team');
    const { items } = await world.services.calendarService.refresh(USER);
    const team = items.find(({ name }) => name === 'Team')!.id;
    await world.services.calendarService.update(USER, team, { enabled: true });
    await world.sync({ calendarId: 'all' });
    const id = await world.book(visit());
    const first = await world.sync();
    const graphId = (await world.get(id)).graphEventId!;
    const { jobIds } = await world.services.journalService.revert(USER, first.id);
    world.simulator.failNext({ path: /delta/, status: 403 });
    await world.carryOut(jobIds[0] as JobId);
    world.mailbox.moveEvent(graphId, teamThere);
    await world.sync({ calendarId: 'all', direction: 'pull' });

    expect((await takeBack(jobIds[0] as JobId)).reverted).toMatchObject([{ eventId: id, newEventId: null }]);
    expect((await world.get(id)).calendarId).toBe(team);
    world.simulator.clearLog();
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ status: 'COMPLETED', localCreated: 0 });
    expect(world.simulator.writes()).toEqual([]);
  });

  it('is refused for a run at work, another user’s, and an event the run did nothing to', async () => {
    const { id } = await agreed();
    const waiting = await world.enqueue();
    const revert = world.services.journalService.revert.bind(world.services.journalService);
    await expect(revert(USER, waiting)).rejects.toMatchObject({ code: 'conflict-state' });
    const run = await world.carryOut(waiting);
    await expect(revert('eve' as UserId, run.id)).rejects.toMatchObject({ code: 'not-found' });
    await expect(revert(USER, run.id, { eventIds: [id] })).rejects.toMatchObject({ code: 'not-found' });
    await expect(revert(USER, 'a\0b' as JobId)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('of many deletions is stopped by the brake like any mass deletion', async () => {
    await agreed();
    for (let at = 0; at < 40; at += 1) world.mailbox.createEvent({ subject: `Made ${at}`, ...HOURS });
    const run = await world.sync();
    const { jobIds, reverted } = await world.services.journalService.revert(USER, run.id);
    expect(reverted).toHaveLength(40);
    const stopped = await world.carryOut(jobIds[0] as JobId);
    expect(stopped).toMatchObject({ status: 'FAILED', errorCode: 'MASS_DELETE_REFUSED' });
    expect(world.mailbox.listEvents()).toHaveLength(41);
    await world.sync({ confirmDeletions: stopped.confirmationToken as string });
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectQuiet(world);
  });
});

async function expectSettled(): Promise<void> {
  await world.sync();
  expect(world.simulator.outbox).toEqual([]);
}
