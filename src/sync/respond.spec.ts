import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { MAILBOX, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';
import type { ResponseInput } from './response.service.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const BOSS = 'boss@example.com';
const organizer = { emailAddress: { address: BOSS, name: 'Boss' } };
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const visit: EventInput = {
  subject: 'Visit',
  start: berlin('2026-03-10T09:00:00'),
  end: berlin('2026-03-10T10:00:00'),
};
const daily: EventInput = {
  ...visit,
  recurrence: {
    pattern: { type: 'daily', interval: 1 },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
  },
};

/** An invitation that is known on both sides. */
async function invited(event: EventInput = visit): Promise<EventId> {
  world.mailbox.addForeignMeeting({ ...event, organizer });
  await world.sync();
  world.simulator.clearLog();
  return (await world.bySubject('Visit')).id;
}

const answer = (id: string, input: ResponseInput, how: { ifMatch?: string } = {}) =>
  world.services.responseService.respond(USER, id, input, how);
const view = (id: string) => world.services.eventService.get(USER, id);
const graphIdOf = async (id: EventId) => (await world.get(id)).graphEventId ?? '';
const mails = () => world.simulator.outbox.map(({ kind, to, subject, comment }) => ({ kind, to, subject, comment }));
const posts = () => world.simulator.writes().filter(({ method }) => method === 'POST');

/** The run that answering queued. */
async function runQueued(): Promise<void> {
  const { items } = await world.runs.list(world.db, { userId: USER, status: 'PENDING', limit: 10, offset: 0 });
  expect(items).toHaveLength(1);
  await world.carryOut(items[0]!.id);
}

describe('answering somebody else’s meeting', () => {
  it.each([
    ['accept', 'accepted', 'Accepted: Visit'],
    ['tentative', 'tentativelyAccepted', 'Tentative: Visit'],
  ] as const)('sends %s to the organizer once, whatever notifyAttendees says', async (response, status, subject) => {
    expectMails();
    const id = await invited();
    const shown = await answer(id, { response, comment: 'With pleasure' });
    expect(shown.pendingResponse).toEqual({ response, requestedAt: '2026-03-02T08:00:00.000Z' });
    expect(shown).toMatchObject({ responseStatus: { response: 'notResponded' }, syncState: 'pending' });
    await runQueued();
    expect(mails()).toEqual([{ kind: 'response', to: [BOSS], subject, comment: 'With pleasure' }]);
    expect(await view(id)).toMatchObject({
      responseStatus: { response: status },
      pendingResponse: null,
      syncState: 'synced',
      notices: [],
    });
    expect(await world.differences()).toEqual([]);
    await world.sync();
    await expectQuiet(world);
  });

  it('keeps the comment encrypted', async () => {
    const id = await invited();
    await answer(id, { response: 'accept', comment: 'With pleasure' });
    const { rows } = await sql<object>`select * from "EventResponse"`.execute(world.db.kysely);
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain('pleasure');
  });

  it('mails nobody when the person wants no mail', async () => {
    const id = await invited();
    await answer(id, { response: 'accept', sendResponse: false });
    await runQueued();
    expect(mails()).toEqual([]);
    expect(posts()).toHaveLength(1);
    expect((await view(id)).responseStatus?.response).toBe('accepted');
  });

  it('sends the same answer once, however often it is given', async () => {
    expectMails();
    const id = await invited();
    await answer(id, { response: 'accept' });
    await answer(id, { response: 'accept' });
    await runQueued();
    expect((await answer(id, { response: 'accept' })).pendingResponse).toBeNull();
    await world.sync();
    expect(mails()).toHaveLength(1);
  });

  it('sends only the latest of several answers', async () => {
    expectMails();
    const id = await invited();
    await answer(id, { response: 'accept' });
    await answer(id, { response: 'tentative', comment: 'Perhaps' });
    await runQueued();
    expect(mails()).toMatchObject([{ subject: 'Tentative: Visit', comment: 'Perhaps' }]);
    await answer(id, { response: 'accept' });
    await world.sync();
    expect((await view(id)).responseStatus?.response).toBe('accepted');
  });

  it('sends nothing when the person answered the same in Outlook meanwhile', async () => {
    const id = await invited();
    await answer(id, { response: 'accept' });
    world.mailbox.respond(await graphIdOf(id), 'accept');
    world.simulator.clearLog();
    await runQueued();
    expect(mails()).toEqual([]);
    expect(await view(id)).toMatchObject({ responseStatus: { response: 'accepted' }, pendingResponse: null });
  });

  it('is refused in a calendar that is switched off, where no run would send it', async () => {
    const id = await invited();
    await world.services.calendarService.update(USER, (await world.get(id)).calendarId, { enabled: false });
    await expect(answer(id, { response: 'accept' })).rejects.toMatchObject({ code: 'conflict-state' });
    expect((await view(id)).pendingResponse).toBeNull();
  });

  it('honours If-Match', async () => {
    const id = await invited();
    await expect(answer(id, { response: 'accept' }, { ifMatch: '"1"' })).rejects.toMatchObject({
      code: 'version-mismatch',
    });
    await answer(id, { response: 'accept' }, { ifMatch: (await view(id)).etag });
  });

  it('is refused for one’s own meeting, a cancelled one, and a calendar that is only read', async () => {
    const own = await world.book({ ...visit, subject: 'Own' });
    const id = await invited();
    const refused = { code: 'conflict-state' };
    await expect(answer(own, { response: 'accept' })).rejects.toMatchObject(refused);
    await world.services.settings.put(USER, { direction: 'pull' });
    await expect(answer(id, { response: 'accept' })).rejects.toMatchObject(refused);
    await world.services.settings.put(USER, { direction: 'bidirectional' });
    world.mailbox.cancelByOrganizer(await graphIdOf(id));
    await world.sync();
    await expect(answer(id, { response: 'accept' })).rejects.toMatchObject(refused);
    expect(world.simulator.outbox).toEqual([]);
  });

  it('leaves what was changed here meanwhile to go its own way', async () => {
    expectMails();
    const id = await invited();
    await answer(id, { response: 'accept' });
    await world.edit(id, { categories: ['Blue'], subject: 'Mine' });
    await world.sync();
    expect(mails()).toHaveLength(1);
    expect(await view(id)).toMatchObject({ held: ['subject'], responseStatus: { response: 'accepted' } });
    expect(world.mailbox.getEvent(await graphIdOf(id))).toMatchObject({ categories: ['Blue'], subject: 'Visit' });
  });
});

describe('declining', () => {
  it('takes the meeting out here as well: no conflict, no deletion to be careful about', async () => {
    expectMails();
    const id = await invited();
    await answer(id, { response: 'decline' });
    await world.edit(id, { subject: 'Edited here' });
    const run = await world.sync();
    expect(run).toMatchObject({ status: 'COMPLETED', conflictsDetected: 0, localDeleted: 1 });
    expect(mails()).toMatchObject([{ subject: 'Declined: Visit' }]);
    expect(await world.find(id)).toBeUndefined();
    expect(await world.allConflicts()).toEqual([]);

    const { items } = await world.operations.list(world.db, { runId: run.id, limit: 10, offset: 0 });
    expect(items.map(({ side, operation, reason }) => ({ side, operation, reason }))).toEqual(
      expect.arrayContaining([{ side: 'local', operation: 'delete', reason: 'declined' }]),
    );
    await expectQuiet(world);
  });

  it('is no bar to the meeting coming back, when the person takes it out of Deleted Items', async () => {
    expectMails();
    const id = await invited();
    const graphId = await graphIdOf(id);
    await answer(id, { response: 'decline' });
    await world.sync();
    world.mailbox.restoreEvent(graphId);
    await world.sync();
    expect((await world.bySubject('Visit')).facts?.isOrganizer).toBe(false);
    await expectQuiet(world);
  });
});

describe('one date of a series', () => {
  it('is accepted by itself', async () => {
    expectMails();
    const id = await invited(daily);
    await answer(`${id}_2026-03-12`, { response: 'accept' });
    expect((await view(`${id}_2026-03-12`)).pendingResponse).toMatchObject({ response: 'accept' });
    expect((await view(`${id}_2026-03-11`)).pendingResponse).toBeNull();
    await world.sync();
    expect(mails()).toMatchObject([{ kind: 'response', to: [BOSS] }]);
    expect(await view(`${id}_2026-03-12`)).toMatchObject({ showAs: 'busy', pendingResponse: null });
    expect(await world.differences()).toEqual([]);
    await answer(`${id}_2026-03-12`, { response: 'accept' });
    await world.sync();
    expect(mails()).toHaveLength(1);
    await expectQuiet(world);
  });

  it('is declined by itself, and is gone here', async () => {
    expectMails();
    const id = await invited(daily);
    await answer(`${id}_2026-03-12`, { response: 'decline' });
    await world.sync();
    expect(mails()).toHaveLength(1);
    expect((await world.get(id)).content.occurrences['2026-03-12']).toEqual({ isCancelled: true });
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('and the whole of it are answered once each', async () => {
    expectMails();
    const id = await invited(daily);
    await answer(id, { response: 'accept' });
    expect((await view(`${id}_2026-03-11`)).pendingResponse).toMatchObject({ response: 'accept' });
    await world.sync();
    expect(mails()).toHaveLength(1);
    expect((await view(id)).responseStatus?.response).toBe('accepted');
    expect(await world.differences()).toEqual([]);
  });
});

describe('an answer whose receipt is unknown', () => {
  it.each(['accept', 'tentative', 'decline'] as const)(
    'is looked for, and %s is not mailed twice',
    async (response) => {
      expectMails();
      const id = await invited();
      await answer(id, { response, comment: 'Once' });
      world.simulator.failNext({ method: 'POST', path: /(accept|decline)$/i, kind: 'drop-after-commit' });
      expect(await world.sync()).toMatchObject({ status: 'COMPLETED', conflictsDetected: 0 });
      expect(mails()).toHaveLength(1);
      if (response === 'decline') expect(await world.find(id)).toBeUndefined();
      else expect((await view(id)).pendingResponse).toBeNull();
      expect(await world.differences()).toEqual([]);
    },
  );

  it.each(['accept', 'decline'] as const)(
    'is looked for by the next run when this one dies, and %s is not mailed twice',
    async (response) => {
      expectMails();
      const id = await invited();
      await answer(id, { response });
      const kill = new AbortController();
      world.onRequest(/(accept|decline)$/, () => {
        // Carried out by Graph, and then the process is gone.
        world.onRequest(/./, () => kill.abort(new Error('killed')));
      });
      await world.carryOutOnce(await world.enqueue(), kill.signal).catch(() => {});
      expect(mails()).toHaveLength(1);
      await world.dropQueuedRuns();
      expect(await world.sync()).toMatchObject({ status: 'COMPLETED', conflictsDetected: 0 });
      expect(mails()).toHaveLength(1);
      expect(await world.differences()).toEqual([]);
      expect((await world.all()).length).toBe(response === 'accept' ? 1 : 0);
    },
  );

  it('is sent again when it did not arrive', async () => {
    expectMails();
    const id = await invited();
    await answer(id, { response: 'accept' });
    world.simulator.failNext({ method: 'POST', path: /accept$/, kind: 'drop-before' });
    await expect(world.sync()).rejects.toMatchObject({ code: 'unavailable' });
    expect(mails()).toEqual([]);
    expect((await view(id)).pendingResponse).toMatchObject({ response: 'accept' });
    await world.dropQueuedRuns();
    await world.sync();
    expect(mails()).toHaveLength(1);
  });

  it.each([
    ['throttled', { status: 429, code: 'TooManyRequests', retryAfter: 3600 }],
    ['unauthenticated', { status: 401, code: 'InvalidAuthenticationToken', count: 10 }],
  ] as const)(
    'is sent with its comment when Graph did not get as far (%s), although the same was answered before',
    async (_, fault) => {
      expectMails();
      const id = await invited();
      await answer(id, { response: 'accept' });
      await world.sync();
      await world.dropQueuedRuns();
      await answer(id, { response: 'accept', comment: 'Later, perhaps' });
      world.simulator.failNext({ method: 'POST', path: /accept$/, ...fault });
      await world.sync().catch(() => {});
      world.simulator.clearFaults();
      await world.dropQueuedRuns();
      world.clock.advance(2 * 60 * 60_000);
      await world.connect();
      await world.sync();
      expect(mails().map(({ comment }) => comment)).toEqual([undefined, 'Later, perhaps']);
      expect((await view(id)).pendingResponse).toBeNull();
      await expectQuiet(world);
    },
  );

  it('is sent again also where the meeting was moved out of sync meanwhile', async () => {
    expectMails();
    const id = await invited();
    const other = world.mailbox.addCalendar('Other');
    await answer(id, { response: 'accept' });
    world.mailbox.moveEvent(await graphIdOf(id), other);
    world.simulator.failNext({ method: 'POST', path: /accept$/, kind: 'drop-before' });
    await expect(world.sync()).rejects.toMatchObject({ code: 'unavailable' });
    await world.dropQueuedRuns();
    await world.sync();
    expect(mails()).toHaveLength(1);
    await world.sync();
    await expectQuiet(world);
  });

  it('blocks nothing else, and is given up with an error in the end', async () => {
    const id = await invited();
    await answer(id, { response: 'accept' });
    world.simulator.failNext({ method: 'POST', path: /accept$/, kind: 'drop-before', count: 50 });
    for (let run = 1; run <= 5; run += 1) {
      await world.edit(id, { categories: [`run ${run}`] });
      await world.sync().catch(() => {});
      await world.dropQueuedRuns();
      expect(world.mailbox.getEvent(await graphIdOf(id))?.categories).toEqual([`run ${run}`]);
    }
    expect(await view(id)).toMatchObject({ syncState: 'error', pendingResponse: null });
    world.simulator.clearFaults();
    await world.sync();
    expect(mails()).toEqual([]);
  });
});

describe('an answer Graph refuses for good', () => {
  it('is parked with its error, blocks nothing, and makes room for another', async () => {
    expectMails();
    const id = await invited();
    const other = await world.book({ ...visit, subject: 'Other' });
    await answer(id, { response: 'accept' });
    world.simulator.failNext({
      method: 'POST',
      path: /accept$/,
      kind: 'status',
      status: 400,
      code: 'ErrorInvalidRequest',
    });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 1, remoteCreated: 1 });
    expect((await world.get(other)).graphEventId).toBeDefined();
    expect(await view(id)).toMatchObject({
      syncState: 'error',
      syncError: { code: 'ErrorInvalidRequest' },
      pendingResponse: null,
      notices: [{ code: 'RESPONSE_REFUSED' }],
    });
    await expectQuiet(world);
    await answer(id, { response: 'accept' });
    await world.sync();
    expect(await view(id)).toMatchObject({ syncState: 'synced', notices: [] });
    expect(mails()).toHaveLength(1);
  });

  it('is one to a meeting that was cancelled meanwhile', async () => {
    const id = await invited();
    await answer(id, { response: 'accept' });
    world.mailbox.cancelByOrganizer(await graphIdOf(id));
    await world.sync();
    expect(mails()).toEqual([]);
    expect(await view(id)).toMatchObject({ isCancelled: true, syncError: { code: 'MEETING_CANCELLED' } });
  });

  it('is one that waited for weeks', async () => {
    const id = await invited({ ...visit, start: berlin('2026-06-10T09:00:00'), end: berlin('2026-06-10T10:00:00') });
    await answer(id, { response: 'accept' });
    world.clock.advance(15 * 24 * 60 * 60_000);
    await world.sync();
    expect(mails()).toEqual([]);
    expect((await view(id)).syncError?.code).toBe('STALE_RESPONSE');
  });
});

describe('an invitee’s copy that gets another id by being accepted', () => {
  beforeEach(async () => {
    await world.close();
    world = await SyncWorld.open({ switches: { acceptReplacesEvent: true } });
  });

  it('stays the event it was', async () => {
    expectMails();
    const id = await invited();
    const before = await graphIdOf(id);
    await answer(id, { response: 'accept' });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localCreated: 0, localDeleted: 0 });
    expect(await graphIdOf(id)).not.toBe(before);
    expect((await world.all()).map((event) => event.id)).toEqual([id]);
    expect(mails()).toHaveLength(1);
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('also when the answer to that was lost', async () => {
    expectMails();
    const id = await invited();
    await answer(id, { response: 'accept' });
    world.simulator.failNext({ method: 'POST', path: /accept$/, kind: 'drop-after-commit' });
    await world.sync();
    expect((await world.all()).map((event) => event.id)).toEqual([id]);
    expect(mails()).toHaveLength(1);
    expect(await world.differences()).toEqual([]);
  });
});

describe('the same meeting in two mailboxes', () => {
  it('has a copy for each, and the organizer’s learns the answer', async () => {
    expectMails();
    const boss = world.simulator.addMailbox({ address: BOSS, name: 'Boss', timeZone: 'W. Europe Standard Time' });
    const theirs = boss.createEvent({
      ...visit,
      attendees: [{ type: 'required', emailAddress: { address: MAILBOX, name: 'Ada' } }],
    });
    await world.sync();
    world.simulator.clearLog();
    const mine = await world.bySubject('Visit');
    expect(mine.iCalUId).toBe(theirs.iCalUId);
    expect(mine.graphEventId).not.toBe(theirs.id);
    await answer(mine.id, { response: 'accept' });
    await world.sync();
    expect(boss.getEvent(theirs.id)?.attendees).toMatchObject([{ status: { response: 'accepted' } }]);
    expect(await world.all()).toHaveLength(1);
    await expectQuiet(world);
  });
});
