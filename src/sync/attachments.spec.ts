import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { MAILBOX, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';
import { SETTLING_MS } from './attachment-settling.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const MB = 1024 * 1024;
const at = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const VISIT = { subject: 'Visit', start: at('2026-03-10T09:00:00'), end: at('2026-03-10T10:00:00') };
const text = (content: string) => new TextEncoder().encode(content);

const service = () => world.services.attachmentService;
const listed = async (id: string) => (await service().list(USER, id)).items;
const names = async (id: string) => (await listed(id)).map(({ name }) => name);
const graphIdOf = async (id: EventId) => (await world.get(id)).graphEventId ?? '';
const there = async (id: EventId) => world.mailbox.attachments(await graphIdOf(id)).map(({ name }) => name);
const add = (id: string, name: string, content = `content of ${name}`) =>
  service().add(USER, id, { name, contentType: 'text/plain', content: text(content) });
const textOf = async (id: string, attachment: string) =>
  new TextDecoder().decode((await service().content(USER, id, attachment)).content);
const requestsTo = (pattern: RegExp) => world.simulator.requests.filter(({ path }) => pattern.test(path));

async function both(input: EventInput = VISIT): Promise<EventId> {
  const id = await world.book(input);
  await world.sync();
  world.simulator.clearLog();
  return id;
}

describe('attachments from Outlook', () => {
  it('arrive whole, and are asked for only once', async () => {
    const { id: graphId } = world.mailbox.createEvent(VISIT);
    world.mailbox.attachFile(graphId as string, { name: 'Plan ✓.txt', content: 'grüße', contentType: 'text/plain' });
    await world.sync();
    const { id } = await world.bySubject('Visit');
    const [plan] = await listed(id);
    expect(plan).toMatchObject({ name: 'Plan ✓.txt', contentType: 'text/plain', kind: 'file', isCarried: true });
    expect(plan).toMatchObject({ syncState: 'synced', reason: null, size: 7, isInline: false });
    expect(await textOf(id, plan!.id)).toBe('grüße');
    expect(await world.services.eventService.get(USER, id)).toMatchObject({ hasAttachments: true });
    expect(requestsTo(/\/attachments/)).toHaveLength(2);
    await expectQuiet(world);
  });

  it('cost no request where there are none', async () => {
    world.mailbox.createEvents(Array.from({ length: 30 }, (_, n) => ({ ...VISIT, subject: `Visit ${n}` })));
    await world.sync();
    expect(requestsTo(/\/attachments/)).toEqual([]);
    await expectQuiet(world);
  });

  it('are listed twenty events to a batch', async () => {
    for (let n = 0; n < 25; n += 1) {
      const { id } = world.mailbox.createEvent({ ...VISIT, subject: `Visit ${n}` });
      world.mailbox.attachFile(id as string, { name: 'a.txt', content: `${n}` });
    }
    await world.sync();
    const batches = world.simulator.requests.filter(({ path }) => path.endsWith('/$batch'));
    const lists = batches.map(({ body }) => (body as { requests: { url: string }[] }).requests.map(({ url }) => url));
    expect(lists.map(({ length }) => length)).toEqual([20, 5]);
    expect(lists.flat().every((url) => /\/attachments\?/.test(url) && !url.includes('contentBytes'))).toBe(true);
    await expectQuiet(world);
  });

  it('come and go one by one', async () => {
    const id = await both();
    const graphId = await graphIdOf(id);
    world.mailbox.attachFile(graphId, { name: 'first.txt', content: 'one' });
    world.mailbox.attachFile(graphId, { name: 'second.txt', content: 'two' });
    await world.sync();
    expect(await names(id)).toEqual(['first.txt', 'second.txt']);
    world.mailbox.detachFile(graphId, 'first.txt');
    world.mailbox.attachFile(graphId, { name: 'third.txt', content: 'three' });
    world.simulator.clearLog();
    await world.sync();
    expect(await names(id)).toEqual(['second.txt', 'third.txt']);
    // What is here already is not fetched again.
    expect(requestsTo(/\/attachments\/./)).toHaveLength(1);
    for (const name of ['second.txt', 'third.txt']) world.mailbox.detachFile(graphId, name);
    await world.sync();
    expect(await names(id)).toEqual([]);
    expect((await world.get(id)).hasAttachments ?? false).toBe(false);
    await expectQuiet(world);
  });

  it('are listed with the reason where they cannot be carried', async () => {
    const { id: graphId } = world.mailbox.createEvent({
      ...VISIT,
      attachments: [
        { '@odata.type': '#microsoft.graph.referenceAttachment', name: 'in the cloud' },
        {
          '@odata.type': '#microsoft.graph.itemAttachment',
          name: 'a message',
          item: { '@odata.type': '#microsoft.graph.message', subject: 'Hello' },
        },
      ],
    });
    world.mailbox.attachFile(graphId as string, { name: 'film.mp4', content: new Uint8Array(4 * MB) });
    await world.sync();
    const { id } = await world.bySubject('Visit');
    const items = await listed(id);
    expect(items.map(({ name, kind, isCarried }) => [name, kind, isCarried])).toEqual(
      expect.arrayContaining([
        ['in the cloud', 'reference', false],
        ['a message', 'item', false],
        ['film.mp4', 'file', false],
      ]),
    );
    for (const { reason, id: attachment } of items) {
      expect(reason).toMatch(/^it is .+ stays in Outlook/);
      await expect(service().content(USER, id, attachment)).rejects.toMatchObject({ code: 'conflict-state' });
    }
    expect(requestsTo(/\/attachments\/./)).toEqual([]);
    await expectQuiet(world);
  });

  it('are seen when they are pictures in a body, which Graph does not count', async () => {
    const body = { contentType: 'html', content: '<html><body><img src="cid:logo"></body></html>' };
    const { id: graphId } = world.mailbox.createEvent({ ...VISIT, body });
    world.mailbox.attachFile(graphId as string, {
      name: 'logo.png',
      content: 'png',
      isInline: true,
      contentId: 'logo',
    });
    await world.sync();
    const { id } = await world.bySubject('Visit');
    expect(await listed(id)).toMatchObject([{ name: 'logo.png', isInline: true, contentId: 'logo', isCarried: true }]);
    await expectQuiet(world);
  });

  it('are there once a run that was cut off is carried out again', async () => {
    const { id: graphId } = world.mailbox.createEvent(VISIT);
    world.mailbox.attachFile(graphId as string, { name: 'first.txt', content: 'one' });
    world.mailbox.attachFile(graphId as string, { name: 'second.txt', content: 'two' });
    world.simulator.failNext({
      kind: 'drop-before',
      method: 'GET',
      path: /\/attachments\/./,
      after: 1,
      count: 'always',
    });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    world.simulator.clearFaults();
    const { id } = await world.bySubject('Visit');
    const { rows } = await sql`select 1 from "EventAttachment" where content is not null`.execute(world.db.kysely);
    expect(rows).toHaveLength(1);
    world.simulator.clearLog();
    await world.sync();
    expect(requestsTo(/\/attachments/)).toHaveLength(1);
    for (const item of await listed(id))
      expect(await textOf(id, item.id)).toBe(item.name === 'first.txt' ? 'one' : 'two');
    await expectQuiet(world);
  });

  it('stay in Outlook when there is no room for them here', async () => {
    const id = await both();
    await add(id, 'large.txt');
    await world.sync();
    await sql`update "EventAttachment" set size = ${1024 * MB}`.execute(world.db.kysely);
    world.mailbox.attachFile(await graphIdOf(id), { name: 'more.txt', content: 'more' });
    await world.sync();
    expect((await listed(id)).find(({ name }) => name === 'more.txt')).toMatchObject({
      isCarried: false,
      reason: expect.stringContaining('reached their limit'),
    });
    await expect(add(id, 'too much.txt')).rejects.toMatchObject({ code: 'impossible-input' });
    await expectQuiet(world);
  });

  it('are worked off within the capacity of runs', async () => {
    await world.close();
    world = await SyncWorld.open({ env: { CALENDAR_MAX_EVENTS_PER_SYNC: '5' } });
    for (let n = 0; n < 4; n += 1) {
      const { id } = world.mailbox.createEvent({ ...VISIT, subject: `Visit ${n}` });
      for (let k = 0; k < 3; k += 1) world.mailbox.attachFile(id as string, { name: `${k}.txt`, content: `${n}/${k}` });
    }
    await world.sync();
    const { items: runs } = await world.runs.list(world.db, { userId: USER, limit: 100, offset: 0 });
    expect(runs.length).toBeGreaterThan(3);
    for (const { id } of await world.all()) {
      const items = await listed(id);
      expect(items).toHaveLength(3);
      for (const item of items) expect(await textOf(id, item.id)).toMatch(/^\d\/\d$/);
    }
    await expectQuiet(world);
  });
});

describe('attachments from here', () => {
  it('are added in Outlook, and the echo costs nothing', async () => {
    const id = await both();
    const { id: attachment, syncState } = await add(id, 'agenda.txt', 'first point');
    expect(syncState).toBe('pending');
    await world.sync();
    expect(world.mailbox.attachments(await graphIdOf(id))).toEqual([
      { name: 'agenda.txt', type: 'file', isInline: false, content: 'first point' },
    ]);
    expect(await listed(id)).toMatchObject([{ id: attachment, syncState: 'synced', reason: null }]);
    await expectQuiet(world);
  });

  it('go with a new event in the run that creates it', async () => {
    const id = await world.book(VISIT);
    await add(id, 'agenda.txt');
    await world.sync();
    expect(await there(id)).toEqual(['agenda.txt']);
    await expectQuiet(world);
  });

  it('are deleted in Outlook', async () => {
    const id = await both();
    const { id: attachment } = await add(id, 'agenda.txt');
    await add(id, 'map.txt');
    await world.sync();
    await service().remove(USER, id, attachment);
    expect(await names(id)).toEqual(['map.txt']);
    await world.sync();
    expect(await there(id)).toEqual(['map.txt']);
    expect(await names(id)).toEqual(['map.txt']);
    await expectQuiet(world);
  });

  it('unite with those of the other side', async () => {
    const id = await both();
    const graphId = await graphIdOf(id);
    world.mailbox.attachFile(graphId, { name: 'old here.txt', content: '1' });
    world.mailbox.attachFile(graphId, { name: 'old there.txt', content: '2' });
    await world.sync();
    const old = (await listed(id)).find(({ name }) => name === 'old here.txt')!;
    await service().remove(USER, id, old.id);
    await add(id, 'new here.txt');
    await add(id, 'on both.txt', 'the same');
    world.mailbox.detachFile(graphId, 'old there.txt');
    world.mailbox.attachFile(graphId, { name: 'new there.txt', content: '3' });
    world.mailbox.attachFile(graphId, { name: 'on both.txt', content: 'the same' });
    await world.sync();
    const expected = ['new here.txt', 'new there.txt', 'on both.txt'];
    expect((await names(id)).sort()).toEqual(expected);
    expect((await there(id)).sort()).toEqual(expected);
    await expectQuiet(world);
  });

  it('are not doubled when the answer is lost', async () => {
    const id = await both();
    await add(id, 'agenda.txt');
    world.simulator.failNext({ kind: 'drop-after-commit', method: 'POST', path: /\/attachments$/ });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await there(id)).toEqual(['agenda.txt']);
    await world.sync();
    expect(await there(id)).toEqual(['agenda.txt']);
    expect(await listed(id)).toMatchObject([{ name: 'agenda.txt', syncState: 'synced' }]);
    await expectQuiet(world);
  });

  it('are not doubled when the answer is lost and the next run only pushes', async () => {
    const id = await both();
    await add(id, 'agenda.txt');
    world.simulator.failNext({ kind: 'drop-after-commit', method: 'POST', path: /\/attachments$/ });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    world.clock.advance(SETTLING_MS);
    await world.sync({ direction: 'push' });
    expect(await there(id)).toEqual(['agenda.txt']);
    await world.sync();
    await expectQuiet(world);
  });

  it('are sent once when the process died before they left', async () => {
    const id = await both();
    await add(id, 'agenda.txt');
    world.simulator.failNext({ kind: 'drop-before', method: 'POST', path: /\/attachments$/ });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await there(id)).toEqual([]);
    // Graph may have it all the same, on a server that nobody has asked yet.
    await world.sync();
    expect(await there(id)).toEqual([]);
    await expectQuiet(world);
    world.clock.advance(SETTLING_MS);
    await world.sync();
    expect(await there(id)).toEqual(['agenda.txt']);
    await expectQuiet(world);
  });

  it('are deleted there when they were deleted here while an answer was out', async () => {
    const id = await both();
    const { id: attachment } = await add(id, 'agenda.txt');
    world.simulator.failNext({ kind: 'drop-after-commit', method: 'POST', path: /\/attachments$/ });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    await service().remove(USER, id, attachment);
    await world.sync();
    expect(await names(id)).toEqual([]);
    expect(await there(id)).toEqual([]);
    // The run that was cut off first is carried to its end as well.
    await world.sync();
    await expectQuiet(world);
  });

  it('go on waiting while an edit of the event in Outlook is taken in', async () => {
    const id = await both();
    await add(id, 'agenda.txt');
    const graphId = await graphIdOf(id);
    world.onRequest(/\/attachments$/, () => world.mailbox.updateEvent(graphId, { subject: 'Visit, moved' }));
    await world.sync();
    await world.sync();
    expect((await world.get(id)).content.subject).toBe('Visit, moved');
    expect(await there(id)).toEqual(['agenda.txt']);
    await expectQuiet(world);
  });

  it('wait beside the others when Graph refuses one for good', async () => {
    const id = await both();
    await add(id, 'refused.txt');
    world.clock.advance(1000);
    await add(id, 'fine.txt');
    world.simulator.failNext({ status: 400, code: 'ErrorInvalidProperty', method: 'POST', path: /\/attachments$/ });
    await world.sync();
    expect((await listed(id)).map(({ name, syncState }) => [name, syncState])).toEqual([
      ['refused.txt', 'error'],
      ['fine.txt', 'synced'],
    ]);
    expect((await listed(id))[0]?.reason).toMatch(/^Outlook refused it/);
    expect(await there(id)).toEqual(['fine.txt']);
    await expectQuiet(world);
  });

  it('are held on a meeting with guests, until the policy allows them', async () => {
    const attendees = [{ type: 'required', emailAddress: { address: 'guest@example.com' } }];
    world.mailbox.quietly(() => world.mailbox.createEvent({ ...VISIT, attendees }));
    await world.sync();
    const { id } = await world.bySubject('Visit');
    await add(id, 'agenda.txt');
    world.simulator.clearLog();
    await world.sync();
    expect(await listed(id)).toMatchObject([{ syncState: 'held', reason: expect.stringContaining('notifyAttendees') }]);
    expect(world.simulator.outbox).toEqual([]);
    await expectQuiet(world);
    const { graphEventId = '' } = await world.get(id);
    world.mailbox.quietly(() => world.mailbox.attachFile(graphEventId, { name: 'theirs.txt', content: 'theirs' }));
    await world.sync();
    await service().remove(USER, id, (await listed(id)).find(({ name }) => name === 'theirs.txt')!.id);
    await world.sync();
    expect((await listed(id)).find(({ name }) => name === 'theirs.txt')).toMatchObject({
      ...{ syncState: 'held', isCarried: false, reason: expect.stringContaining('stays in Outlook') },
    });
    expect(await there(id)).toEqual(['theirs.txt']);
    await world.services.settings.put(USER, { notifyAttendees: 'changes' });
    await world.sync();
    expect(await there(id)).toEqual(['agenda.txt']);
    expect(await listed(id)).toMatchObject([{ syncState: 'synced', reason: null }]);
    world.simulator.clearLog();
    await expectQuiet(world);
  });

  it('are somebody else’s business on somebody else’s meeting', async () => {
    world.mailbox.addForeignMeeting({ ...VISIT, organizer: { emailAddress: { address: 'boss@example.com' } } });
    await world.sync();
    const { id } = await world.bySubject('Visit');
    await expect(add(id, 'agenda.txt')).rejects.toMatchObject({ code: 'conflict-state' });
  });

  it('go to where the event is when it was moved out of sync meanwhile', async () => {
    const id = await both();
    const graphId = await graphIdOf(id);
    const other = world.mailbox.addCalendar('Other');
    await add(id, 'plan.txt');
    world.mailbox.moveEvent(graphId, other);
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', localDeleted: 0 });
    const [moved] = world.mailbox.listEvents({ calendarId: other });
    expect(world.mailbox.attachments(moved!.id).map(({ name }) => name)).toEqual(['plan.txt']);
    // The next reconciliation finds it settled, and elsewhere.
    expect(await world.sync({ forceFull: true })).toMatchObject({ localDeleted: 1, remoteDeleted: 0 });
    expect(world.mailbox.listEvents({ calendarId: other })).toHaveLength(1);
    await expectQuiet(world);
  });

  it.each([
    ['prefer_local', 'stays'],
    ['prefer_remote', 'goes'],
    ['prefer_latest', 'stays'],
    ['merge', 'stays'],
    ['manual', 'waits'],
  ] as const)('are an edit that a deletion in Outlook collides with: under %s it %s', async (strategy, outcome) => {
    const id = await both();
    await add(id, 'agenda.txt', 'hours of work');
    world.mailbox.deleteEvent(await graphIdOf(id));
    await world.sync({ conflictResolution: strategy });
    await world.sync({ conflictResolution: strategy });
    const [conflict] = await world.allConflicts();
    expect(conflict).toMatchObject({ conflictType: 'LOCAL_UPDATE_REMOTE_DELETE', data: { remote: null } });
    expect((await world.pendingConflicts()).length).toBe(outcome === 'waits' ? 1 : 0);
    expect((await world.find(id)) !== undefined).toBe(outcome !== 'goes');
    if (outcome === 'waits') {
      expect(world.mailbox.listEvents()).toEqual([]);
      expect(requestsTo(/\/attachments/)).toEqual([]);
      await world.services.conflicts.resolve(USER, conflict!.id, { resolution: 'PREFER_LOCAL' });
      await world.sync();
      await world.sync();
    }
    if (outcome !== 'goes') {
      expect(world.mailbox.attachments(await graphIdOf(id))).toMatchObject([{ content: 'hours of work' }]);
    }
    await expectQuiet(world);
  });

  it('go with an event that Outlook deletes when a person decides so', async () => {
    const id = await both();
    await add(id, 'agenda.txt');
    world.mailbox.deleteEvent(await graphIdOf(id));
    await world.sync({ conflictResolution: 'manual' });
    await world.edit(id, { subject: 'Visit, after all' });
    await world.sync({ conflictResolution: 'manual' });
    await world.edit(id, { subject: 'Visit' });
    await world.sync({ conflictResolution: 'manual' });
    const [conflict] = await world.pendingConflicts();
    expect(await names(id)).toEqual(['agenda.txt']);
    await world.services.conflicts.resolve(USER, conflict!.id, { resolution: 'PREFER_REMOTE' });
    await world.sync();
    expect(await world.find(id)).toBeUndefined();
    await expectQuiet(world);
  });

  it('go again to an event that is made anew', async () => {
    const id = await both();
    await add(id, 'agenda.txt', 'kept');
    await world.sync();
    world.mailbox.deleteEvent(await graphIdOf(id));
    await world.edit(id, { subject: 'Visit, later' });
    await world.sync();
    await world.sync();
    expect(world.mailbox.attachments(await graphIdOf(id))).toMatchObject([{ name: 'agenda.txt', content: 'kept' }]);
    await expectQuiet(world);
  });
});

describe('an attachment on which Graph breaks down', () => {
  const DAY_MS = 24 * 60 * 60_000;

  it.each([
    ['read', 'GET', /attachments\/[^/]+$/],
    ['sent', 'POST', /attachments$/],
  ] as const)(
    'when it is %s holds up no other, fails no run, and is tried again after a pause',
    async (_, method, path) => {
      const id = await both();
      const other = await both({ ...VISIT, subject: 'Other' });
      const attach = async (to: EventId, name: string) => {
        if (method === 'POST') await add(to, name);
        else world.mailbox.attachFile(await graphIdOf(to), { name, content: name });
      };
      await attach(id, 'poison.txt');
      const poisoned = decodeURIComponent(await graphIdOf(id));
      world.simulator.failNext({
        ...{ method, status: 500, code: 'ErrorInternalServerError', count: 'always' },
        path: new RegExp(`${poisoned.replace(/[^\w-]/g, '.')}.*${path.source}`),
      });
      await attach(other, 'plan.txt');
      expect(await world.syncWhileTimePasses()).toMatchObject({ status: 'COMPLETED', failedEvents: 1 });
      expect([await names(other), await there(other)]).toEqual([['plan.txt'], ['plan.txt']]);
      // Whatever was announced is looked for once.
      await world.sync();
      await expectQuiet(world);

      world.simulator.clearFaults();
      world.clock.advance(DAY_MS);
      expect((await world.sync()).status).toBe('COMPLETED');
      expect(await there(id)).toEqual(['poison.txt']);
      expect(await textOf(id, (await listed(id))[0]!.id)).toContain('poison.txt');
      expect(await listed(id)).toMatchObject([{ syncState: 'synced' }]);
    },
  );
});

describe('an attachment for which Graph never knows the event', () => {
  it('is tried twice, and then after pauses', async () => {
    const id = await both();
    await add(id, 'agenda.txt');
    world.simulator.failNext({
      ...{ method: 'POST', path: /\/attachments$/, like: 'item-not-found', count: 'always' },
    });
    const tries = async () => {
      world.simulator.clearLog();
      await world.sync();
      return world.simulator.requests.filter(({ method, path }) => method === 'POST' && /attachments$/.test(path))
        .length;
    };
    expect([await tries(), await tries(), await tries(), await tries()]).toEqual([1, 1, 0, 0]);
    await expectQuiet(world);
    world.clock.advance(61_000);
    expect([await tries(), await tries()]).toEqual([1, 0]);
    world.simulator.clearFaults();
    world.clock.advance(5 * 60_000);
    expect(await tries()).toBe(1);
    expect(await there(id)).toEqual(['agenda.txt']);
    await world.sync();
    await expectQuiet(world);
  });
});

describe('an event of which Graph does not list the attachments', () => {
  it('holds up no other and fails no run, and is read once Graph does', async () => {
    const [id, other] = [await both(), await both({ ...VISIT, subject: 'Other' })];
    for (const each of [id, other]) world.mailbox.attachFile(await graphIdOf(each), { name: 'plan.txt', content: 'x' });
    const poisoned = decodeURIComponent(await graphIdOf(id)).replace(/[^\w-]/g, '.');
    world.simulator.failNext({
      status: 500,
      path: new RegExp(`${poisoned}.*/attachments`),
      count: 'always',
    });
    expect((await world.syncWhileTimePasses()).status).toBe('COMPLETED');
    expect([await names(id), await names(other)]).toEqual([[], ['plan.txt']]);
    // A pause of a minute at first, in which it costs nothing.
    await expectQuiet(world);
    world.clock.advance(61_000);
    world.simulator.clearLog();
    await world.syncWhileTimePasses();
    expect(requestsTo(/\/attachments/)).not.toEqual([]);
    await expectQuiet(world);
    world.simulator.clearFaults();
    world.clock.advance(5 * 60_000);
    await world.sync();
    expect(await names(id)).toEqual(['plan.txt']);
    await expectQuiet(world);
  });

  it('is asked again before the pause is over once it changes', async () => {
    const id = await both();
    world.mailbox.attachFile(await graphIdOf(id), { name: 'plan.txt', content: 'x' });
    world.simulator.failNext({ status: 500, path: /\/attachments/, count: 'always' });
    await world.syncWhileTimePasses();
    world.simulator.clearFaults();
    world.mailbox.updateEvent(await graphIdOf(id), { subject: 'Visit, later' });
    await world.sync();
    expect(await names(id)).toEqual(['plan.txt']);
    await expectQuiet(world);
  });
});

describe('attachments of a series', () => {
  const daily: EventInput = {
    ...VISIT,
    recurrence: {
      pattern: { type: 'daily', interval: 1 },
      range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
    },
  };

  it('are its own, and of one date where that has others', async () => {
    const id = await both(daily);
    await add(id, 'every day.txt');
    await world.sync();
    const graphId = await graphIdOf(id);
    const [, second] = world.mailbox.occurrences(graphId, '2026-03-10T00:00:00Z', '2026-03-20T00:00:00Z');
    world.mailbox.updateOccurrence(graphId, '2026-03-12', { subject: 'Visit, moved' });
    world.mailbox.attachFile(second?.['id'] as string, { name: 'that day.txt', content: 'special' });
    await world.sync();
    expect(await names(id)).toEqual(['every day.txt']);
    expect(await names(`${id}_2026-03-10`)).toEqual(['every day.txt']);
    expect(await names(`${id}_2026-03-12`)).toEqual(['every day.txt']);
    expect((await names(`${id}_2026-03-11`)).sort()).toEqual(['every day.txt', 'that day.txt']);
    const special = (await listed(`${id}_2026-03-11`)).find(({ name }) => name === 'that day.txt');
    expect(await textOf(`${id}_2026-03-11`, special!.id)).toBe('special');
    await expect(add(`${id}_2026-03-11`, 'no.txt')).rejects.toMatchObject({ code: 'impossible-input' });
    await world.sync();
    await expectQuiet(world);
  });
});

describe('a file hung on a series in Outlook while its dates are sent', () => {
  it('arrives here all the same', async () => {
    const id = await both({
      ...VISIT,
      recurrence: {
        pattern: { type: 'daily', interval: 1 },
        range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 4 },
      },
    });
    const graphId = await graphIdOf(id);
    await world.editContent(id, (content) => ({ ...content, occurrences: { '2026-03-11': { isCancelled: true } } }));
    world.onRequest(/instances|batch/, () => world.mailbox.attachFile(graphId, { name: 'plan.txt', content: 'plan' }));
    await world.sync();
    await world.sync();
    expect(await there(id)).toEqual(['plan.txt']);
    expect(await names(id)).toEqual(['plan.txt']);
    await expectQuiet(world);
  });
});

describe('attachments of a series that is divided', () => {
  const daily: EventInput = {
    ...VISIT,
    recurrence: {
      pattern: { type: 'daily', interval: 1 },
      range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
    },
  };
  const divide = (id: EventId) =>
    world.services.eventService.updateFollowing(USER, `${id}_2026-03-12`, { subject: 'From now on' });

  it('hang on both halves, here and there', async () => {
    const id = await both(daily);
    await add(id, 'agenda.txt', 'the same');
    await world.sync();
    const following = (await divide(id)).event.id as EventId;
    const [copy] = await listed(following);
    expect(await textOf(following, copy!.id)).toBe('the same');
    await world.sync();
    expect([await there(id), await there(following)]).toEqual([['agenda.txt'], ['agenda.txt']]);
    expect(await world.differences()).toEqual([]);
    await world.sync();
    expect([await names(id), await names(following)]).toEqual([['agenda.txt'], ['agenda.txt']]);
    await expectQuiet(world);
  });

  it('keep it whole where a later date has some of its own: Outlook would drop them', async () => {
    const id = await both(daily);
    const graphId = await graphIdOf(id);
    world.mailbox.updateOccurrence(graphId, '2026-03-13', { subject: 'Visit, other' });
    const dates = world.mailbox.occurrences(graphId, '2026-03-10T00:00:00Z', '2026-03-20T00:00:00Z');
    world.mailbox.attachFile(dates[3]!.id, { name: 'of that day.txt', content: 'x' });
    await world.sync();
    await expect(divide(id)).rejects.toMatchObject({ code: 'conflict-state' });
    expect(await names(`${id}_2026-03-13`)).toEqual(['of that day.txt']);
    await expectQuiet(world);
  });
});

describe('what hangs on an event', () => {
  it('goes with it, on both sides', async () => {
    const [gone, deleted] = [await both(), await both({ ...VISIT, subject: 'Second visit' })];
    await add(gone, 'a.txt');
    await add(deleted, 'b.txt');
    await world.sync();
    world.mailbox.deleteEvent(await graphIdOf(gone));
    await world.remove(deleted);
    await world.sync();
    for (const table of ['EventAttachment', 'AttachmentMark']) {
      expect((await sql`select * from ${sql.table(table)}`.execute(world.db.kysely)).rows).toEqual([]);
    }
    await expectQuiet(world);
  });

  it('is encrypted, content and name', async () => {
    const id = await both();
    await add(id, 'biopsy.txt', 'the finding');
    const { rows } = await sql`select details, content from "EventAttachment"`.execute(world.db.kysely);
    const [row] = rows as { details: unknown; content: Uint8Array }[];
    expect(JSON.stringify(row?.details)).not.toContain('biopsy');
    expect(Buffer.from(row!.content).toString('latin1')).not.toContain('finding');
  });

  it('leaves no name in the audit trail', async () => {
    const id = await both();
    await add(id, 'biopsy.txt');
    await world.sync();
    const { rows } = await sql`select * from "SyncOperation" where fields = '{attachments}'`.execute(world.db.kysely);
    expect(rows).toMatchObject([{ side: 'remote', operation: 'update', before: null, after: null }]);
    expect(JSON.stringify(rows)).not.toContain('biopsy');
  });

  it('survives every write of ours, with extensions and properties', async () => {
    const extension = {
      '@odata.type': 'microsoft.graph.openTypeExtension',
      extensionName: 'Com.Example.Crm',
      deal: { number: 7, name: 'Häuser' },
    };
    const property = { id: 'String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Color', value: 'Green' };
    const { id: graphId } = world.mailbox.createEvent({
      ...VISIT,
      extensions: [extension],
      singleValueExtendedProperties: [property],
    });
    world.mailbox.attachFile(graphId as string, { name: 'plan.txt', content: 'plan' });
    await world.sync();
    expectMails();
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    const before = await hangingOn(graphId as string);
    expect(JSON.stringify(before)).toContain('Häuser');
    const { id } = await world.bySubject('Visit');
    const edits: EventInput[] = [
      { body: { contentType: 'html', content: '<p>new</p>' } },
      { start: at('2026-03-11T09:00:00'), end: at('2026-03-11T10:00:00') },
      { attendees: [{ type: 'required', emailAddress: { address: 'guest@example.com' } }] },
      {
        recurrence: {
          pattern: { type: 'daily', interval: 1 },
          range: { type: 'numbered', startDate: '2026-03-11', numberOfOccurrences: 3 },
        },
      },
    ];
    for (const edit of edits) {
      await world.edit(id, edit);
      await world.sync();
      expect(await hangingOn(graphId as string)).toEqual(before);
    }
    expect(await textOf(id, (await listed(id))[0]!.id)).toBe('plan');
    world.simulator.clearLog();
    await expectQuiet(world);
  });
});

/** Everything beside the content, as another program reads it. */
async function hangingOn(graphId: string): Promise<unknown> {
  const property = "id eq 'String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Color'";
  const expand = encodeURIComponent(`extensions,singleValueExtendedProperties($filter=${property})`);
  const address = `/v1.0/users/${MAILBOX}/events/${graphId}?$select=id&$expand=${expand}`;
  const response = await world.simulator.fetch(`http://127.0.0.1:1${address}`, {
    headers: { authorization: `Bearer ${world.simulator.accessToken()}`, prefer: 'IdType="ImmutableId"' },
  });
  const { extensions, singleValueExtendedProperties } = (await response.json()) as Record<string, unknown>;
  return { extensions, singleValueExtendedProperties, attachments: world.mailbox.attachments(graphId) };
}
