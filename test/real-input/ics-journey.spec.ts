import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { equalContent } from '../../src/core/canonical-event.ts';
import { isSyncError } from '../../src/core/errors.ts';
import type { EventContent } from '../../src/core/event.ts';
import type { IcsRemark } from '../../src/core/ics/ics-reader.ts';
import { DEFAULT_CALENDAR_ID, type UserId } from '../../src/core/ids.ts';
import { expandOccurrences } from '../../src/core/recurrence.ts';
import { toInstant } from '../../src/core/time-zones.ts';
import type { StoredEvent } from '../../src/store/event.repository.ts';
import { expectMails } from '../support/outbox-watch.ts';
import { expectQuiet } from '../support/quiet.ts';
import { MAILBOX, SyncWorld, USER } from '../support/sync-world.ts';
import { calendarFiles, hasShared } from './examples.ts';

/** Looks at the same mailbox as the user who imported the files. */
const READER = 'berta' as UserId;
/** Has no mailbox, and takes in what the reader exports. */
const HEIR = 'carl' as UserId;

/** The window follows the files' events through the decades. */
const FIRST_YEAR = 1971;
const LAST_YEAR = 2040;
const YEARS_A_WINDOW = 4;
const DAY_MS = 86_400_000;
const LEASE_MS = 60 * 60_000;

const isThere = hasShared('ics');
if (!isThere) console.log('skipped: the calendar files of other projects (../shared/ics) are not beside this checkout');

describe.skipIf(!isThere)('calendar files of other projects, on their way through Outlook to another user', () => {
  let world: SyncWorld;
  const taken = new Map<string, StoredEvent>();
  const refusals: { file: string; message: string }[] = [];
  const notes: { file: string; message: string }[] = [];
  let files = 0;

  beforeAll(async () => {
    world = await SyncWorld.open({
      now: `${FIRST_YEAR}-06-01T08:00:00Z`,
      env: { GRAPH_PAGE_SIZE: '1000', CALENDAR_MAX_EVENTS_PER_SYNC: '100000' },
      settings: { window: { pastDays: 900, futureDays: 900 }, notifyAttendees: 'all' },
    });
  }, 300_000);
  afterAll(async () => {
    await world?.close();
  });

  it('are taken in; what is not is refused by name', async () => {
    for (const { file, ics } of calendarFiles()) {
      files += 1;
      try {
        const result = await world.services.eventService.importIcs(USER, underOwnUids(ics, files));
        const say = (remarks: readonly IcsRemark[]) => remarks.map(({ message }) => ({ file, message }));
        expect(result.failed, file).toBe(result.errors.length);
        refusals.push(...say(result.errors));
        notes.push(...say(result.notes));
      } catch (error) {
        if (!isSyncError(error, 'invalid-input')) throw error;
        refusals.push({ file, message: error.message });
      }
    }
    for (const event of await world.all()) taken.set(event.id, event);
    await world.dropQueuedRuns();
    console.log(summary());
    expect(taken.size).toBeGreaterThan(1_000);
    for (const { message } of [...refusals, ...notes]) expect(message).not.toBe('');
  }, 300_000);

  it('say the same in Outlook', async () => {
    // Under the policy that lets guests be invited, so that their lists make the journey too.
    expectMails();
    const run = await world.sync();
    expect(run).toMatchObject({
      ...{ status: 'COMPLETED', failedEvents: 0, conflictsDetected: 0 },
      ...{ remoteCreated: taken.size, localCreated: 0, localUpdated: 0, localDeleted: 0, remoteDeleted: 0 },
    });
    expect(await world.differences()).toEqual([]);
    const remote = world.remoteContents();
    for (const { id, content, graphEventId } of await world.all()) {
      const imported = taken.get(id)?.content;
      expectSame(imported, content, 'here, after the run');
      expectSame(imported, remote.get(graphEventId ?? ''), 'in Outlook');
    }
  }, 600_000);

  it('say the same to another user of the mailbox, in their export, and to whoever imports that', async () => {
    await world.services.connectionService.connectApplication(
      { userId: READER, roles: ['user'], mailboxes: [MAILBOX] },
      { mailbox: MAILBOX },
    );
    await world.services.settings.put(READER, { window: { pastDays: 900, futureDays: 900 } });
    for (const year of yearsWith([...taken.values()])) {
      moveTo(year);
      await syncReader();
    }
    const here = new Map((await world.all()).map((event) => [event.graphEventId, event]));
    const read = await allOf(READER);
    expect(read).toHaveLength(taken.size);
    for (const { graphEventId, content } of read) {
      expectSame(here.get(graphEventId)?.content, content, 'with the reader');
    }

    const exported = await world.services.eventService.exportIcs(READER);
    const result = await world.services.eventService.importIcs(HEIR, exported);
    expect(result.errors).toEqual([]);
    expect(result.notes).toEqual([]);
    expect(result.created).toBe(read.length);
    const inherited = new Map((await allOf(HEIR)).map((event) => [event.iCalUId, event]));
    for (const { iCalUId, content } of read) expectSame(content, inherited.get(iCalUId)?.content, 'with the heir');

    expect(await world.services.eventService.importIcs(HEIR, exported)).toMatchObject({
      created: 0,
      updated: 0,
      unchanged: read.length,
    });
    await world.sync();
    await expectQuiet(world);
    await syncReader();
  }, 600_000);

  function moveTo(year: number): void {
    world.clock.advance(Date.parse(`${year}-06-01T08:00:00Z`) - world.clock.now().getTime());
  }

  async function syncReader(): Promise<void> {
    const { jobId } = await world.db.transaction((tx) =>
      world.services.queue.enqueue(tx, { userId: READER, calendarId: DEFAULT_CALENDAR_ID, trigger: 'api' }),
    );
    const lease = await world.db.transaction((tx) =>
      world.leases.claim(tx, READER, 'test', world.clock.now(), LEASE_MS),
    );
    if (!lease) throw new Error('the mailbox is claimed by another run');
    await world.services.sync.run({ jobId, lease, signal: new AbortController().signal });
    await world.db.transaction((tx) => world.leases.release(tx, lease));
    const run = await world.runs.find(world.db, READER, jobId);
    expect(run).toMatchObject({ status: 'COMPLETED', failedEvents: 0, remoteCreated: 0, remoteUpdated: 0 });
  }

  async function allOf(userId: UserId): Promise<StoredEvent[]> {
    return (await world.events.listWindow(world.db, userId, { limit: 1_000_000 })).map(({ event }) => event);
  }

  function summary(): string {
    const lines = (said: readonly { message: string }[]) => {
      const counts = new Map<string, number>();
      for (const { message } of said) {
        const family = message.replace(/"[^"]*"|\d[\d-]*/g, '…');
        counts.set(family, (counts.get(family) ?? 0) + 1);
      }
      return [...counts].sort(([, a], [, b]) => b - a).map(([message, count]) => `  ${count} × ${message}`);
    };
    return [
      `${files} files, ${taken.size} events taken in, ${refusals.length} refused, ${notes.length} notes`,
      'refused:',
      ...lines(refusals),
      'notes:',
      ...lines(notes),
    ].join('\n');
  }
});

/** Files of one project repeat each other's UIDs; here each is a calendar of its own. */
function underOwnUids(ics: string, number: number): string {
  return ics.replace(/^(UID[^:\r\n]*:)/gim, `$1file ${number}: `);
}

/** The middle of each window in which something begins. */
function yearsWith(events: readonly StoredEvent[]): number[] {
  const begun = new Set(events.map(({ content }) => Number(content.start.dateTime.slice(0, 4))));
  const all = Array.from(
    { length: Math.floor((LAST_YEAR - FIRST_YEAR) / YEARS_A_WINDOW) + 1 },
    (_none, index) => FIRST_YEAR + index * YEARS_A_WINDOW,
  );
  return all.filter((year) => [-2, -1, 0, 1, 2].some((offset) => begun.has(year + offset)));
}

function expectSame(one: EventContent | undefined, other: EventContent | undefined, where: string): void {
  expect(one && other, where).toBeDefined();
  if (!one || !other) return;
  expect(occurrencesOf(other), `${one.subject} ${where}`).toEqual(occurrencesOf(one));
  expect(equalContent(one, other), `${one.subject} ${where}`).toBe(true);
}

/** Three years from its beginning, and a month when whoever wrote it is retired: instants, and dates of whole days. */
function occurrencesOf(content: EventContent): string[] {
  const startMs = toInstant(content.start)?.getTime() ?? Number.NaN;
  const windows = [
    { start: new Date(startMs - 30 * DAY_MS), end: new Date(startMs + 3 * 366 * DAY_MS) },
    { start: new Date('2060-03-01T00:00:00Z'), end: new Date('2060-04-05T00:00:00Z') },
  ];
  return windows.flatMap((window) =>
    expandOccurrences(content, window).map(({ fields }) => {
      const { start, end, isAllDay, subject } = fields;
      const times = isAllDay
        ? [start.dateTime.slice(0, 10), end.dateTime.slice(0, 10)]
        : [toInstant(start)?.toISOString(), toInstant(end)?.toISOString()];
      return `${times.join(' to ')} ${subject}`;
    }),
  );
}
