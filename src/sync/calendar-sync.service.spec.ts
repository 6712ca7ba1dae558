import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet, NOTHING } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { CalendarId } from '../core/ids.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });

function visit(change: EventInput = {}): EventInput {
  return { subject: 'Visit', start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00'), ...change };
}

const inOutlook = (subject: string, day = '2026-03-11', change: object = {}) => ({
  subject,
  start: berlin(`${day}T14:00:00`),
  end: berlin(`${day}T15:00:00`),
  ...change,
});

describe('a run over one calendar', () => {
  it('brings both calendars to hold the same at the first sync, and asks once when nothing has changed', async () => {
    await world.book(visit());
    world.mailbox.createEvent(inOutlook('Lunch'));
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'COMPLETED', localCreated: 1, remoteCreated: 1, failedEvents: 0 });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('carries creations, changes and deletions both ways', async () => {
    const [kept, edited, removed] = await world.bookAll([
      visit({ subject: 'kept' }),
      visit({ subject: 'edited' }),
      visit({ subject: 'removed' }),
    ]);
    const there = world.mailbox.createEvent(inOutlook('there edited'));
    const goneThere = world.mailbox.createEvent(inOutlook('there removed'));
    await world.sync();

    await world.edit(edited!, { subject: 'edited here' });
    await world.remove(removed!);
    await world.book(visit({ subject: 'new here' }));
    world.mailbox.updateEvent(there.id, { subject: 'there renamed', location: { displayName: 'Yard' } });
    world.mailbox.deleteEvent(goneThere.id);
    world.mailbox.createEvent(inOutlook('new there'));
    const run = await world.sync();

    expect(run).toMatchObject({
      status: 'COMPLETED',
      localCreated: 1,
      localUpdated: 1,
      localDeleted: 1,
      remoteCreated: 1,
      remoteUpdated: 1,
      remoteDeleted: 1,
      conflictsDetected: 0,
    });
    expect((await world.all()).map(({ content }) => content.subject).sort()).toEqual(
      ['edited here', 'kept', 'new here', 'new there', 'there renamed'].sort(),
    );
    expect(await world.differences()).toEqual([]);
    expect((await world.get(kept!)).graphEventId).toBeDefined();
    await expectQuiet(world);
  });

  it('sends only what was changed, guarded by the tag of what was last seen', async () => {
    const id = await world.book(visit({ body: { contentType: 'text', content: 'Bring samples' } }));
    await world.sync();
    const tag = world.mailbox.getEvent((await world.get(id)).graphEventId!)?.['@odata.etag'];
    world.simulator.clearLog();
    await world.edit(id, { subject: 'Visit, moved' });
    await world.sync();
    const [patch, ...others] = world.simulator.writes();
    expect(others).toEqual([]);
    expect(patch).toMatchObject({ method: 'PATCH', body: { subject: 'Visit, moved' }, headers: { 'if-match': tag } });
    expect(Object.keys(patch?.body as object)).toEqual(['subject']);
    await expectQuiet(world);
  });

  it('joins what already exists on both sides instead of doubling it', async () => {
    const id = await world.book({ ...visit(), ...inOutlook('Same meeting') });
    world.mailbox.createEvent(inOutlook('Same meeting'));
    const run = await world.sync();
    expect(run).toMatchObject({ ...NOTHING, status: 'COMPLETED' });
    expect(world.mailbox.listEvents()).toHaveLength(1);
    expect((await world.get(id)).graphEventId).toBe(world.mailbox.listEvents()[0]?.id);
    await expectQuiet(world);
  });

  it('only reads when it pulls, only writes when it pushes', async () => {
    await world.book(visit());
    world.mailbox.createEvent(inOutlook('Lunch'));
    expect(await world.sync({ direction: 'pull' })).toMatchObject({ localCreated: 1, remoteCreated: 0 });
    expect(world.simulator.writes()).toEqual([]);
    world.mailbox.createEvent(inOutlook('Dinner'));
    expect(await world.sync({ direction: 'push' })).toMatchObject({ localCreated: 0, remoteCreated: 1 });
    expect((await world.all()).map(({ content }) => content.subject).sort()).toEqual(['Lunch', 'Visit']);
    expect(await world.sync()).toMatchObject({ localCreated: 1, remoteCreated: 0 });
    await expectQuiet(world);
  });

  it('joins before it creates when the very first run only pushes', async () => {
    await world.book({ ...visit(), ...inOutlook('Same meeting') });
    await world.book(visit({ subject: 'only here' }));
    world.mailbox.createEvent(inOutlook('Same meeting'));
    world.mailbox.createEvent(inOutlook('only there'));
    expect(await world.sync({ direction: 'push' })).toMatchObject({ remoteCreated: 1, localCreated: 0 });
    expect(
      world.mailbox
        .listEvents()
        .map(({ subject }) => subject)
        .sort(),
    ).toEqual(['Same meeting', 'only here', 'only there'].sort());
    await world.sync();
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('limits itself to a date range when it is given one', async () => {
    await world.book(visit({ subject: 'in March' }));
    await world.book(
      visit({ subject: 'in May', start: berlin('2026-05-10T09:00:00'), end: berlin('2026-05-10T10:00:00') }),
    );
    world.mailbox.createEvent(inOutlook('March there'));
    world.mailbox.createEvent(inOutlook('May there', '2026-05-11'));
    const run = await world.sync({ dateRange: { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z' } });
    expect(run).toMatchObject({ localCreated: 1, remoteCreated: 1 });
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toContain('in March');
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).not.toContain('in May');
    await world.sync();
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('notices what plain SQL writes into the application’s own table', async () => {
    const id = await world.book(visit());
    await world.sync();
    await world.db.transaction(async (tx) => {
      await tx.kysely
        .updateTable('CalendarEvent' as never)
        .set({ subject: 'Renamed by a script' } as never)
        .where('id' as never, '=', id as never)
        .execute();
    });
    await world.sync();
    expect(world.mailbox.listEvents().map(({ subject }) => subject)).toEqual(['Renamed by a script']);
    await expectQuiet(world);
  });

  it('writes an audit line for each thing it does on either side', async () => {
    const id = await world.book(visit());
    world.mailbox.createEvent(inOutlook('Lunch'));
    const run = await world.sync();
    const { items } = await world.operations.list(world.db, {
      userId: run.userId,
      runId: run.id,
      limit: 10,
      offset: 0,
    });
    expect(items.map(({ side, operation, reason }) => ({ side, operation, reason }))).toEqual([
      { side: 'local', operation: 'create', reason: 'new in Outlook' },
      { side: 'remote', operation: 'create', reason: 'new here' },
    ]);
    expect(items[1]?.eventId).toBe(id);
  });
});

describe('what makes Exchange mail people', () => {
  it('is not sent unless the policy allows it: guests of events made here stay here', async () => {
    const id = await world.book(visit({ attendees: [{ emailAddress: { address: 'guest@example.com' } }] }));
    await world.sync();
    expect(world.simulator.outbox).toEqual([]);
    expect(world.mailbox.listEvents()[0]?.attendees).toEqual([]);
    expect((await world.get(id)).content.attendees).toHaveLength(1);
    await expectQuiet(world);
  });

  it('is in the journal as held also when something else of the event goes', async () => {
    const id = await world.book(visit());
    await world.sync();
    await world.edit(id, { attendees: [{ emailAddress: { address: 'guest@example.com' } }], categories: ['Travel'] });
    const { id: runId } = await world.sync();
    const { items } = await world.operations.list(world.db, { userId: USER, runId, limit: 10, offset: 0 });
    expect(items).toHaveLength(2);
    expect(items).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ operation: 'update', fields: ['categories'] }),
        expect.objectContaining({ operation: 'hold', fields: ['attendees'] }),
      ]),
    );
    await expectQuiet(world);
  });

  it('is kept and shown as held when somebody here changes or deletes a meeting with guests', async () => {
    world.simulator.quietly(() =>
      world.mailbox.createEvent(
        inOutlook('Board', '2026-03-12', {
          attendees: [{ type: 'required', emailAddress: { address: 'guest@example.com', name: 'Guest' } }],
        }),
      ),
    );
    await world.sync();
    const board = await world.bySubject('Board');
    await world.edit(board.id, { subject: 'Board, moved', categories: ['Travel'] });
    await world.sync();
    expect(world.simulator.outbox).toEqual([]);
    expect(world.mailbox.listEvents()[0]).toMatchObject({ subject: 'Board', categories: ['Travel'] });
    const base = (await world.bases.findByEventIds(world.db, board.userId, [board.id])).get(board.id);
    expect(base?.heldUnits).toEqual(['subject']);
    await expectQuiet(world);

    expectMails();
    await world.services.settings.put(board.userId, { notifyAttendees: 'changes' });
    await world.sync();
    expect(world.mailbox.listEvents()[0]?.subject).toBe('Board, moved');
    expect(world.simulator.outbox.length).toBeGreaterThan(0);
    await expectQuiet(world);
  });

  it('leaves a meeting of somebody else alone but for what is personal', async () => {
    world.mailbox.addForeignMeeting({
      ...inOutlook('Their meeting'),
      organizer: { emailAddress: { address: 'boss@example.com', name: 'Boss' } },
    });
    await world.sync();
    const meeting = await world.bySubject('Their meeting');
    await world.edit(meeting.id, { subject: 'My words', showAs: 'free', isReminderOn: false });
    await world.sync();
    expect(world.mailbox.listEvents()[0]).toMatchObject({
      subject: 'Their meeting',
      showAs: 'free',
      isReminderOn: false,
    });
    expect(world.simulator.outbox).toEqual([]);
    await expectQuiet(world);
  });
});

describe('runs', () => {
  it('stop at their capacity and queue their continuation, until everything is done', async () => {
    await world.close();
    world = await SyncWorld.open({
      env: { CALENDAR_MAX_EVENTS_PER_SYNC: '10', GRAPH_PAGE_SIZE: '5' },
      furnish: (mailbox) => {
        for (let each = 0; each < 33; each += 1) mailbox.createEvent(inOutlook(`there ${each}`));
      },
    });
    await world.bookAll(Array.from({ length: 24 }, (_, each) => visit({ subject: `here ${each}` })));
    const last = await world.sync();
    expect(last.status).toBe('COMPLETED');
    const { items } = await world.runs.list(world.db, {
      userId: last.userId,
      status: 'COMPLETED',
      limit: 100,
      offset: 0,
    });
    expect(items.length).toBeGreaterThan(4);
    expect(Math.max(...items.map(({ processedEvents }) => processedEvents))).toBeLessThanOrEqual(30);
    expect(items.reduce((sum, run) => sum + run.localCreated, 0)).toBe(33);
    expect(items.reduce((sum, run) => sum + run.remoteCreated, 0)).toBe(24);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('end as CANCELLED with what they did in order, and the next one finishes the rest', async () => {
    await world.bookAll(Array.from({ length: 50 }, (_, each) => visit({ subject: `here ${each}` })));
    const jobId = await world.enqueue();
    const cancellation = new AbortController();
    world.simulator.failNext({ method: 'POST', path: /\$batch/, after: 1, kind: 'hang' });
    const carried = world.carryOutOnce(jobId, cancellation.signal);
    await expect.poll(() => world.simulator.requests.filter(({ path }) => path.includes('$batch')).length).toBe(2);
    await world.db.transaction((tx) => world.runs.update(tx, jobId, { cancelRequestedAt: world.clock.now() }));
    world.clock.advance(10_000);
    await carried;
    const run = await world.run(jobId);
    expect(run).toMatchObject({ status: 'CANCELLED', remoteCreated: 20 });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteCreated: 30 });
    expect(world.mailbox.listEvents()).toHaveLength(50);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('fail with a code and words when there is no mailbox, and change nothing', async () => {
    await world.book(visit());
    const [booked] = await world.all();
    await world.services.connectionService.disconnect(booked!.userId);
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'FAILED', errorCode: 'NOT_CONNECTED' });
    expect(run.error).toContain('/calendar/connection');
    expect(await world.all()).toHaveLength(1);
  });

  it('go through every calendar of the mailbox, and one in trouble does not hold up the others', async () => {
    const side = world.mailbox.addCalendar('Side jobs');
    await world.services.calendarService.refresh(USER);
    const calendars = await world.calendars.list(world.db, USER);
    const sideId = calendars.find(({ graphCalendarId }) => graphCalendarId === side)?.id as CalendarId;
    await world.book(visit({ subject: 'here, side' }), sideId);
    world.mailbox.createEvent(inOutlook('there, side'), { calendarId: side });
    world.mailbox.createEvent(inOutlook('there, default'));
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ localCreated: 2, remoteCreated: 1 });

    world.mailbox.createEvent(inOutlook('later, side'), { calendarId: side });
    world.simulator.failNext({ path: /Delta|delta/i, status: 403, count: 1 });
    const run = await world.sync({ calendarId: 'all' });
    expect(run).toMatchObject({ status: 'FAILED', errorCode: 'FORBIDDEN', localCreated: 1 });
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ status: 'COMPLETED' });
  });
});

describe('a calendar over which Graph breaks down', () => {
  it('holds up no other in a run through all, which is tried again', async () => {
    const side = world.mailbox.addCalendar('Side jobs');
    await world.services.calendarService.refresh(USER);
    await world.sync({ calendarId: 'all' });
    world.mailbox.createEvent(inOutlook('in the first'));
    world.mailbox.createEvent(inOutlook('in the second'), { calendarId: side });
    world.simulator.failNext({ path: /users[^/]*\/calendarView\/delta/, status: 500, count: 'always' });
    await expect(world.syncWhileTimePasses({ calendarId: 'all' })).rejects.toMatchObject({ code: 'unavailable' });
    expect((await world.all()).map(({ content }) => content.subject)).toEqual(['in the second']);
    world.simulator.clearFaults();
    await world.syncWhileTimePasses({ calendarId: 'all' });
    expect(await world.all()).toHaveLength(2);
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ ...NOTHING, graphRequests: 2 });
  });
});

describe('a calendar that Graph does not find', () => {
  async function withSideCalendar(): Promise<{ graphId: string; id: CalendarId }> {
    const graphId = world.mailbox.addCalendar('Side jobs');
    await world.services.calendarService.refresh(USER);
    const id = (await world.calendars.list(world.db, USER)).find((it) => it.graphCalendarId === graphId)!.id;
    world.mailbox.createEvent(inOutlook('there, side'), { calendarId: graphId });
    await world.book(visit({ subject: 'here, side' }), id);
    await world.sync({ calendarId: id });
    return { graphId, id };
  }

  it('because somebody deleted it is marked as removed, and its events stay here', async () => {
    const { graphId, id } = await withSideCalendar();
    world.mailbox.removeCalendar(graphId);
    const run = await world.sync({ calendarId: id });
    expect(run).toMatchObject({ status: 'FAILED', errorCode: 'NOT_FOUND', localDeleted: 0 });
    expect(run.error).toContain('not in the mailbox any more');
    expect((await world.calendars.find(world.db, USER, id))?.removedAt).toBeDefined();
    expect(await world.all(id)).toHaveLength(2);
    expect(await world.sync({ calendarId: 'all' })).toMatchObject({ status: 'COMPLETED' });
  });

  it('because it has another id by now is found by its name, and nothing is doubled', async () => {
    const { id } = await withSideCalendar();
    await world.db.transaction((tx) =>
      tx.kysely
        .updateTable('Calendar' as never)
        .set({ graphCalendarId: 'AAMkAGone=' } as never)
        .where('id' as never, '=', id as never)
        .execute(),
    );
    expect(await world.sync({ calendarId: id, forceFull: true })).toMatchObject({ status: 'COMPLETED', ...NOTHING });
    expect(await world.all(id)).toHaveLength(2);
  });
});

describe('wrong credentials of the application', () => {
  it('are the operator’s trouble: the run says so, nobody is disconnected, and it heals by itself', async () => {
    await world.book(visit());
    const { identity, clients } = world.simulator;
    const { clientSecret } = clients[0]!;
    identity.rotateSecret(undefined, { secret: 'another one by now' });
    // Tokens of clients that take claims challenges live for a day and more.
    world.clock.advance(30 * 60 * 60_000);
    const failed = await world.sync();
    expect(failed).toMatchObject({ status: 'FAILED', errorCode: 'UNAUTHENTICATED' });
    expect(failed.error).toContain('GRAPH_CLIENT_SECRET');
    expect(await world.services.connectionService.get(USER)).toMatchObject({ status: 'ERROR' });
    identity.rotateSecret(undefined, { secret: clientSecret });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteCreated: 1 });
    expect(await world.services.connectionService.get(USER)).toMatchObject({ status: 'CONNECTED' });
  });
});

describe('mass deletion', () => {
  const THERE = 40;

  it('in Outlook is stopped, explained, and carried out only when a person confirms it', async () => {
    const ids = Array.from({ length: THERE }, (_, each) => world.mailbox.createEvent(inOutlook(`there ${each}`)).id);
    await world.sync();
    for (const id of ids.slice(0, 30)) world.mailbox.deleteEvent(id);
    const refused = await world.sync();
    expect(refused).toMatchObject({
      status: 'FAILED',
      errorCode: 'MASS_DELETE_REFUSED',
      localDeleted: 0,
      errorDetails: { side: 'local', count: 30, of: THERE, confirmationToken: expect.any(String) },
    });
    expect(await world.all()).toHaveLength(THERE);
    expect(await world.sync()).toMatchObject({ status: 'FAILED', errorCode: 'MASS_DELETE_REFUSED' });

    const confirmed = await world.sync({ confirmDeletions: refused.confirmationToken! });
    expect(confirmed).toMatchObject({ status: 'COMPLETED', localDeleted: 30 });
    expect(await world.all()).toHaveLength(THERE - 30);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('here is stopped before anything is deleted in Outlook, and goes ahead with exactly what was confirmed', async () => {
    const ids = await world.bookAll(Array.from({ length: THERE }, (_, each) => visit({ subject: `here ${each}` })));
    await world.sync();
    await world.remove(...ids.slice(0, 30));
    const refused = await world.sync();
    expect(refused).toMatchObject({
      errorCode: 'MASS_DELETE_REFUSED',
      errorDetails: { side: 'remote', count: 30, of: THERE },
      remoteDeleted: 0,
    });
    expect(world.mailbox.listEvents()).toHaveLength(THERE);
    await world.remove(ids[31]!);
    const confirmed = await world.sync({ confirmDeletions: refused.confirmationToken! });
    expect(confirmed).toMatchObject({ status: 'COMPLETED', remoteDeleted: 31 });
    expect(world.mailbox.listEvents()).toHaveLength(THERE - 31);
    await expectQuiet(world);
  });
});
