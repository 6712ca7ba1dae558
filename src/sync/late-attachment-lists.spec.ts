import { sql } from 'kysely';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';
import type { Fetch } from '../core/runtime.ts';
import { SETTLING_MS } from './attachment-settling.ts';

let world: SyncWorld;
/** What a server that is behind answers to the next so many questions for a list, of this event if it names one. */
let old: { readonly value: readonly unknown[] | undefined; left: number; readonly of?: string } | undefined;
beforeAll(async () => {
  await openWorldDatabase();
});
beforeEach(async () => {
  old = undefined;
  world = await SyncWorld.open({ wrapFetch: answeringOldLists });
});
afterEach(async () => {
  await world.close();
});

const at = (dateTime: string) => ({ dateTime: `2026-03-${dateTime}:00`, timeZone: 'UTC' });
const VISIT = { subject: 'Visit', start: at('10T09:00'), end: at('10T10:00') };
const DAILY: EventInput = {
  ...VISIT,
  recurrence: {
    pattern: { type: 'daily', interval: 1 },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 4 },
  },
};
const service = () => world.services.attachmentService;
const listed = async (id: string) => (await service().list(USER, id)).items;
const names = async (id: string) => (await listed(id)).map(({ name }) => name).sort();
const graphIdOf = async (id: EventId) => (await world.get(id)).graphEventId ?? '';
const there = async (id: EventId) =>
  world.mailbox
    .attachments(await graphIdOf(id))
    .map(({ name }) => name)
    .sort();
const both = async (id: EventId) => [await names(id), await there(id)];
const add = (id: string, name: string) =>
  service().add(USER, id, { name, contentType: 'text/plain', content: new TextEncoder().encode(name) });
const takeOff = async (id: string, name: string) => {
  const { id: attachment } = (await listed(id)).find((each) => each.name === name)!;
  await service().remove(USER, id, attachment);
};
const late = (method: 'POST' | 'DELETE', more: { reads?: number; deltaRounds?: number; after?: number } = {}) =>
  world.simulator.failNext({
    ...{ kind: 'stale-read', method, path: /\/attachments/, reads: 3, deltaRounds: 1 },
    ...more,
  });
const downloads = () => world.simulator.requests.filter(({ path }) => /\/attachments\/./.test(path));
const marks = async () =>
  (await sql<{ written: unknown }>`select written from "AttachmentMark"`.execute(world.db.kysely)).rows;

async function booked(input: EventInput = VISIT, ...files: string[]): Promise<EventId> {
  const id = await world.book(input);
  for (const file of files) await add(id, file);
  await world.sync();
  world.clock.advance(SETTLING_MS);
  await world.sync();
  world.simulator.clearLog();
  return id;
}

/** Whatever a late server said has been looked at again. */
async function settled(): Promise<void> {
  for (let runs = 0; runs < 3; runs += 1) await world.sync();
  expect(old?.left ?? 0).toBe(0);
  world.clock.advance(SETTLING_MS);
  // A server that is behind even now is asked once more.
  await world.sync();
  await world.sync();
}

describe('a file sent from here that a late server does not list yet', () => {
  it.each([
    [1, 0],
    [3, 0],
    [3, 1],
    [3, 2],
  ])('stays on both sides: %s late reads, %s late rounds', async (reads, deltaRounds) => {
    const id = await booked();
    await add(id, 'agenda.txt');
    late('POST', { reads, deltaRounds });
    await world.sync();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    await settled();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    expect(await listed(id)).toMatchObject([{ syncState: 'synced', isCarried: true }]);
    await expectQuiet(world);
  });

  it('stays when nobody asks before the minutes have passed, and the server is still behind then', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    late('POST', { reads: 3, deltaRounds: 0 });
    await world.sync({ direction: 'push' });
    world.clock.advance(9 * 24 * 60 * 60_000);
    await world.sync();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    await world.sync();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    expect(await marks()).toEqual([{ written: null }]);
    await expectQuiet(world);
  });

  it('costs nothing while it waits, and one look afterwards', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    late('POST', { reads: 2, deltaRounds: 0 });
    await world.sync();
    await world.sync();
    await expectQuiet(world);
    world.clock.advance(SETTLING_MS);
    await world.sync();
    await expectQuiet(world);
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
  });

  it('stays beside one that it lists', async () => {
    const id = await booked();
    await add(id, 'first.txt');
    world.clock.advance(1000);
    await add(id, 'second.txt');
    late('POST', { after: 1 });
    await world.sync();
    await settled();
    const all = ['first.txt', 'second.txt'];
    expect(await both(id)).toEqual([all, all]);
    await expectQuiet(world);
  });

  it('stays when the event is as new as the file', async () => {
    const id = await world.book(VISIT);
    await add(id, 'agenda.txt');
    world.simulator.failNext({ kind: 'stale-read', method: 'POST', path: /\/events$/, reads: 4, deltaRounds: 1 });
    await world.sync();
    await settled();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    await expectQuiet(world);
  });

  it('stays when a later list is late again', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    await world.sync();
    world.mailbox.updateEvent(await graphIdOf(id), { subject: 'Visit, later' });
    // Another server answers than the one that had it.
    old = { value: [], left: 1 };
    await settled();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    await expectQuiet(world);
  });

  it('stays when a later list is of a server that does not even have the event', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    await world.sync();
    for (const value of [undefined, []]) {
      world.mailbox.updateEvent(await graphIdOf(id), { subject: `Visit, ${value?.length ?? 'gone'}` });
      old = { value, left: 1 };
      await world.sync();
      expect(old.left).toBe(0);
    }
    await settled();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    await expectQuiet(world);
  });

  it('is still there when the process died before its answer was kept', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    world.simulator.failNext({ kind: 'drop-after-commit', method: 'POST', path: /\/attachments$/ });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    // The next run finds it; the one after that asks a server that does not have it yet.
    await world.sync();
    world.mailbox.updateEvent(await graphIdOf(id), { subject: 'Visit, later' });
    old = { value: [], left: 1 };
    await settled();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    await expectQuiet(world);
  });

  it('is not sent twice when the process died before its answer was kept', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    world.simulator.failNext({ kind: 'drop-after-commit', method: 'POST', path: /\/attachments$/ });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    old = { value: [], left: 2 };
    await world.sync();
    old = undefined;
    await settled();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    await expectQuiet(world);
  });

  it('is not sent twice when Graph broke down after it had it', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    const path = /\/attachments$/;
    world.simulator.failNext({ kind: 'status-after-commit', status: 500, method: 'POST', path, count: 1 });
    await world.syncWhileTimePasses();
    world.clock.advance(2 * 60_000);
    old = { value: [], left: 2 };
    await world.sync();
    old = undefined;
    await settled();
    expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
    await expectQuiet(world);
  });

  it('keeps one whose answer was lost from being sent twice, however late', async () => {
    const id = await booked();
    await add(id, 'lost.txt');
    world.simulator.failNext({ kind: 'drop-after-commit', method: 'POST', path: /\/attachments$/ });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    old = { value: [], left: 1 };
    await world.sync();
    world.clock.advance(SETTLING_MS - 1000);
    await add(id, 'other.txt');
    old = { value: [], left: 2 };
    await world.sync({ direction: 'push' });
    // Time to send it again; but the server that is asked does not even have the other one.
    world.clock.advance(1000);
    await world.sync({ direction: 'push' });
    const all = ['lost.txt', 'other.txt'];
    expect(await there(id)).toEqual(all);
    await settled();
    expect(await both(id)).toEqual([all, all]);
    await expectQuiet(world);
  });
});

describe('a file taken off here that a late server still lists', () => {
  it.each([[[]], [['other.txt']]])('does not come back, beside %j', async (others: string[]) => {
    const id = await booked(VISIT, 'agenda.txt', ...others);
    await takeOff(id, 'agenda.txt');
    late('DELETE');
    await world.sync();
    expect(await both(id)).toEqual([others, others]);
    await settled();
    expect(await both(id)).toEqual([others, others]);
    await expectQuiet(world);
  });

  it('does not come back when the last was taken off and a later list is late', async () => {
    const id = await booked(VISIT, 'agenda.txt');
    const before = await rawList(await graphIdOf(id));
    await takeOff(id, 'agenda.txt');
    await world.sync();
    world.mailbox.attachFile(await graphIdOf(id), { name: 'theirs.txt', content: 'theirs' });
    old = { value: before, left: 1 };
    await settled();
    expect(await both(id)).toEqual([['theirs.txt'], ['theirs.txt']]);
    await expectQuiet(world);
  });

  it('does not come back when the process died before its answer was kept', async () => {
    const id = await booked(VISIT, 'agenda.txt', 'other.txt');
    const before = await rawList(await graphIdOf(id));
    await takeOff(id, 'agenda.txt');
    world.simulator.failNext({ kind: 'drop-after-commit', method: 'DELETE', path: /\/attachments/, count: 'always' });
    await expect(world.syncWhileTimePasses()).rejects.toMatchObject({ code: 'unavailable' });
    world.simulator.clearFaults();
    // Found to be gone, and then shown once more.
    await world.sync();
    world.mailbox.updateEvent(await graphIdOf(id), { subject: 'Visit, later' });
    old = { value: before, left: 1 };
    world.simulator.clearLog();
    await settled();
    // Nor is it looked for.
    expect(downloads()).toEqual([]);
    expect(await both(id)).toEqual([['other.txt'], ['other.txt']]);
    await expectQuiet(world);
  });
});

describe('what a person does in Outlook right after a write of ours', () => {
  it('arrives at once where it does not look like a late list', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    await world.sync();
    world.mailbox.attachFile(await graphIdOf(id), { name: 'theirs.txt', content: 'theirs' });
    await world.sync();
    expect(await names(id)).toEqual(['agenda.txt', 'theirs.txt']);
    await expectQuiet(world);
  });

  it('takes off here what was taken off there, once the minutes have passed', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    await world.sync();
    world.mailbox.detachFile(await graphIdOf(id), 'agenda.txt');
    await world.sync();
    expect(await both(id)).toEqual([['agenda.txt'], []]);
    await expectQuiet(world);
    world.clock.advance(SETTLING_MS - 1);
    await expectQuiet(world);
    world.clock.advance(1);
    // The server may be the one that was behind: it is asked once more.
    await world.sync();
    await world.sync();
    expect(await both(id)).toEqual([[], []]);
    expect(await marks()).toEqual([]);
    await expectQuiet(world);
  });

  it('brings a file of theirs at the latest then, also where a list is late', async () => {
    const id = await booked();
    await add(id, 'agenda.txt');
    late('POST', { reads: 2, deltaRounds: 0 });
    await world.sync();
    world.mailbox.attachFile(await graphIdOf(id), { name: 'theirs.txt', content: 'theirs' });
    world.mailbox.detachFile(await graphIdOf(id), 'agenda.txt');
    await world.sync();
    expect(await names(id)).toEqual(['agenda.txt']);
    world.clock.advance(SETTLING_MS);
    await world.sync();
    await world.sync();
    expect(await both(id)).toEqual([['theirs.txt'], ['theirs.txt']]);
    expect(await marks()).toEqual([{ written: null }]);
    await expectQuiet(world);
  });

  it('counts as soon as five minutes have passed since the last write, not since the last look', async () => {
    const id = await booked(VISIT, 'old.txt');
    await add(id, 'agenda.txt');
    await world.sync();
    world.clock.advance(SETTLING_MS);
    world.mailbox.detachFile(await graphIdOf(id), 'agenda.txt');
    await world.sync();
    expect(await both(id)).toEqual([['old.txt'], ['old.txt']]);
    await expectQuiet(world);
  });
});

describe('a series on which a file was hung, with a date that shows other files', () => {
  const ownOfDates = async () =>
    (await sql`select id from "EventAttachment" where "originalDate" is not null`.execute(world.db.kysely)).rows;

  it.each(['series', 'date', 'both'] as const)(
    'gives the date no file of its own because a list is late: of %s',
    async (which) => {
      const id = await booked(DAILY);
      const graphId = await graphIdOf(id);
      await add(id, 'agenda.txt');
      await world.sync();
      world.mailbox.updateOccurrence(graphId, '2026-03-11', { subject: 'Visit, moved' });
      old = { value: [], left: 1, ...(await lateOf(graphId, which)) };
      await world.sync();
      expect(await ownOfDates()).toEqual([]);
      await settled();
      expect(await both(id)).toEqual([['agenda.txt'], ['agenda.txt']]);
      expect(await ownOfDates()).toEqual([]);
      await expectQuiet(world);
    },
  );

  it.each(['series', 'date', 'both'] as const)(
    'gives the date none that was taken off the series because a list is late: of %s',
    async (which) => {
      const id = await booked(DAILY, 'agenda.txt', 'other.txt');
      const graphId = await graphIdOf(id);
      const value = await rawList(graphId);
      await takeOff(id, 'agenda.txt');
      await world.sync();
      world.mailbox.updateOccurrence(graphId, '2026-03-11', { subject: 'Visit, moved' });
      old = { value, left: 1, ...(await lateOf(graphId, which)) };
      world.simulator.clearLog();
      await world.sync();
      expect([await ownOfDates(), downloads()]).toEqual([[], []]);
      await settled();
      expect(await both(id)).toEqual([['other.txt'], ['other.txt']]);
      expect(await ownOfDates()).toEqual([]);
      await expectQuiet(world);
    },
  );

  it('leaves the date what is its own while both lists are late', async () => {
    const id = await booked(DAILY);
    const graphId = await graphIdOf(id);
    world.mailbox.updateOccurrence(graphId, '2026-03-11', { subject: 'Visit, moved' });
    const dates = world.mailbox.occurrences(graphId, '2026-03-10T00:00:00Z', '2026-03-20T00:00:00Z');
    world.mailbox.attachFile(String(dates[1]?.['id']), { name: 'that day.txt', content: 'special' });
    await world.sync();
    await add(id, 'agenda.txt');
    await world.sync();
    world.mailbox.updateOccurrence(graphId, '2026-03-11', { subject: 'Visit, moved again' });
    old = { value: [], left: 1 };
    await world.sync();
    expect(await names(`${id}_2026-03-11`)).toContain('that day.txt');
    await settled();
    expect(await names(`${id}_2026-03-11`)).toContain('that day.txt');
    await expectQuiet(world);
  });

  it('brings files of the date within the minutes', async () => {
    const id = await booked(DAILY);
    await add(id, 'agenda.txt');
    await world.sync();
    const graphId = await graphIdOf(id);
    world.mailbox.updateOccurrence(graphId, '2026-03-12', { subject: 'Visit, moved' });
    const dates = world.mailbox.occurrences(graphId, '2026-03-10T00:00:00Z', '2026-03-20T00:00:00Z');
    world.mailbox.attachFile(dates[1]!['id'] as string, { name: 'that day.txt', content: 'special' });
    await settled();
    expect(await names(id)).toEqual(['agenda.txt']);
    expect(await names(`${id}_2026-03-11`)).toEqual(['agenda.txt', 'that day.txt']);
    expect(await names(`${id}_2026-03-12`)).toEqual(['agenda.txt']);
    await expectQuiet(world);
  });
});

const NOT_FOUND = { code: 'ErrorItemNotFound', message: 'The specified object was not found in the store.' };

/** Lists of attachments alone or in a batch; those of `old` are answered as they were. */
function answeringOldLists(fetch: Fetch): Fetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (!old || old.left === 0) return response;
    const { value, of = '' } = old;
    const isList = (path: string) => /\/attachments\?/.test(path) && decodeURIComponent(path).includes(of);
    if (isList(url)) {
      old.left -= 1;
      if (value === undefined) return Response.json({ error: NOT_FOUND }, { status: 404 });
      return Response.json({ value });
    }
    if (!url.endsWith('/$batch')) return response;
    const { requests } = JSON.parse(String(init?.body)) as { requests: { id: string; url: string }[] };
    const lists = new Set(requests.filter((each) => isList(each.url)).map(({ id }) => id));
    if (lists.size > 0) old.left -= 1;
    const { responses } = (await response.json()) as { responses: { id: string; body: object }[] };
    return Response.json({
      responses: responses.map((each) => (lists.has(each.id) ? { ...each, body: { value } } : each)),
    });
  };
}

async function lateOf(graphId: string, which: 'series' | 'date' | 'both'): Promise<{ of?: string }> {
  if (which === 'both') return {};
  if (which === 'series') return { of: decodeURIComponent(graphId) };
  const dates = world.mailbox.occurrences(graphId, '2026-03-10T00:00:00Z', '2026-03-20T00:00:00Z');
  return { of: decodeURIComponent(String(dates[1]?.['id'])) };
}

async function rawList(graphId: string): Promise<unknown[]> {
  const address = `/v1.0/users/${world.mailbox.id}/events/${graphId}/attachments`;
  const response = await world.simulator.fetch(`http://127.0.0.1:1${address}`, {
    headers: { authorization: `Bearer ${world.simulator.accessToken()}`, prefer: 'IdType="ImmutableId"' },
  });
  return ((await response.json()) as { value: unknown[] }).value;
}

describe('a server that has not heard of an event or a file yet', () => {
  it.each([
    ['lists', /\/attachments$|\/attachments\?/],
    ['contents', /\/attachments\/./],
  ])('is asked again for %s: what hangs on the event arrives', async (_what, path) => {
    const { id } = world.mailbox.createEvent({ ...VISIT, subject: 'Made there' });
    await world.sync();
    world.mailbox.attachFile(String(id), { name: 'plan.txt', content: 'plan' });
    world.simulator.failNext({ status: 404, code: 'ErrorItemNotFound', path, count: 1 });
    await world.sync();
    await world.sync();
    const event = await world.bySubject('Made there');
    expect(await both(event.id)).toEqual([['plan.txt'], ['plan.txt']]);
    await expectQuiet(world);
  });
});
