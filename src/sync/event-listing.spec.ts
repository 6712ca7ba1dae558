import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ALICE,
  BOB,
  connect,
  type EventServiceWorld,
  emptyTables,
  insertPlainRow,
  openEventServiceWorld,
} from '../../test/support/event-service-world.ts';
import { arbitraryEvent, arbitrarySeries } from '../../test/support/events.ts';
import { isSyncError, type SyncErrorCode } from '../core/errors.ts';
import type { EventContent } from '../core/event.ts';
import type { EventInput } from '../core/event-input.ts';
import type { CalendarId, EventId } from '../core/ids.ts';
import { expandOccurrences } from '../core/recurrence.ts';
import { toInstant } from '../core/time-zones.ts';
import type { EventQuery } from './event.service.ts';

let world: EventServiceWorld;

beforeAll(async () => {
  world = await openEventServiceWorld();
});
beforeEach(() => emptyTables(world));
afterAll(() => world.close());

const utc = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const DAY = { start: '2026-03-09T00:00:00Z', end: '2026-03-10T00:00:00Z' };

async function create(subject: string, start: string, end: string, more: EventInput & { calendarId?: string } = {}) {
  const { event } = await world.service.create(ALICE, { subject, start: utc(start), end: utc(end), ...more });
  return event;
}

/** Every page, one after the other. */
async function subjects(query: Omit<EventQuery, 'limit'> & { limit?: number }): Promise<string[]> {
  return (await all(query)).map(({ subject }) => subject);
}

async function all(query: Omit<EventQuery, 'limit'> & { limit?: number }) {
  const items = [];
  let cursor: string | null | undefined;
  do {
    const page = await world.service.list(ALICE, { limit: 3, ...query, ...(cursor ? { cursor } : {}) });
    expect(page.items.length).toBeLessThanOrEqual(query.limit ?? 3);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor);
  return items;
}

async function refusal(work: Promise<unknown>, code: SyncErrorCode): Promise<Error> {
  const error = await work.then(
    () => expect.fail(`should have been refused with ${code}`),
    (reason: unknown) => reason,
  );
  if (!isSyncError(error)) throw error;
  expect(error.code).toBe(code);
  return error;
}

/** Straight into the table, many at once. */
async function save(contents: readonly EventContent[]): Promise<EventId[]> {
  const now = world.clock.now();
  const events = contents.map((content) => ({
    id: world.random.id() as EventId,
    calendarId: 'default' as CalendarId,
    content,
    lastModifiedAt: now,
    createdAt: now,
  }));
  await world.db.transaction((tx) => world.events.saveMany(tx, ALICE, events));
  return events.map(({ id }) => id);
}

const DAILY: EventInput = {
  recurrence: { pattern: { type: 'daily', interval: 1 }, range: { type: 'noEnd', startDate: '2026-03-01' } },
};

describe('listing events', () => {
  it('takes what overlaps a half-open range, by start', async () => {
    await create('ends as it begins', '2026-03-08T22:00:00', '2026-03-09T00:00:00');
    await create('into it', '2026-03-08T22:00:00', '2026-03-09T00:01:00');
    await create('late', '2026-03-09T23:00:00', '2026-03-10T03:00:00');
    await create('inside', '2026-03-09T09:00:00', '2026-03-09T10:00:00');
    await create('begins as it ends', '2026-03-10T00:00:00', '2026-03-10T01:00:00');
    await create('around it', '2026-03-01T00:00:00', '2026-03-20T00:00:00');
    await create('no length, at its start', '2026-03-09T00:00:00', '2026-03-09T00:00:00');
    await create('no length, at its end', '2026-03-10T00:00:00', '2026-03-10T00:00:00');

    const found = ['around it', 'into it', 'no length, at its start', 'inside', 'late'];
    expect(await subjects(DAY)).toEqual(found);
    expect(await subjects({ ...DAY, limit: 1 })).toEqual(found);
    const fromThen = ['around it', 'begins as it ends', 'late', 'no length, at its end'];
    expect((await subjects({ start: DAY.end })).sort()).toEqual(fromThen);
    expect((await subjects({ end: DAY.start })).sort()).toEqual(['around it', 'ends as it begins', 'into it']);
  });

  it('shows a series in every range it may reach, as one event with its exceptions', async () => {
    const series = await create('daily', '2026-03-01T09:00:00', '2026-03-01T10:00:00', DAILY);
    await world.service.delete(ALICE, `${series.id}_2026-03-09`);
    for (const range of [{}, DAY, { start: '2030-01-01', end: '2030-01-02' }]) {
      const [item, ...rest] = await all(range);
      expect(rest).toEqual([]);
      expect(item).toMatchObject({ type: 'seriesMaster', cancelledOccurrences: [`${series.id}_2026-03-09`] });
    }
    expect(await all({ end: '2026-03-01' })).toEqual([]);
  });

  it('shows a series in the range one of its dates was moved to, before its start and after its end', async () => {
    const series = await create('twice', '2026-03-09T09:00:00', '2026-03-09T10:00:00', {
      recurrence: {
        pattern: { type: 'daily', interval: 1 },
        range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 2 },
      },
    });
    const move = (date: string) => ({ start: utc(`${date}T18:00:00`), end: utc(`${date}T19:00:00`) });
    await world.service.update(ALICE, `${series.id}_2026-03-09`, move('2026-02-01'));
    await world.service.update(ALICE, `${series.id}_2026-03-10`, move('2026-05-01'));
    for (const day of ['2026-02-01', '2026-05-01']) {
      const range = { start: `${day}T00:00:00Z`, end: `${day}T23:00:00Z` };
      expect(await subjects(range)).toEqual(['twice']);
      expect(await subjects({ ...range, expand: 'occurrences' })).toEqual(['twice']);
    }
  });

  it('is of one calendar when one is named, and never of another user', async () => {
    await connect(world, ALICE, { id: 'work' });
    await create('mine', '2026-03-09T09:00:00', '2026-03-09T10:00:00');
    await create('work', '2026-03-09T09:00:00', '2026-03-09T10:00:00', { calendarId: 'work' });
    expect(await subjects({ calendarId: 'work' })).toEqual(['work']);
    expect(await subjects({ calendarId: 'none' })).toEqual([]);
    expect(await subjects({ calendarId: 'a\0b' })).toEqual([]);
    expect((await world.service.list(BOB, { limit: 10 })).items).toEqual([]);
  });

  it('puts first what nobody can place in time, in whatever range', async () => {
    await create('placed', '2026-03-09T09:00:00', '2026-03-09T10:00:00');
    await insertPlainRow(world, { id: 'bad', subject: 'unreadable', start: null, end: 17 });
    expect(await subjects(DAY)).toEqual(['unreadable', 'placed']);
    expect(await subjects({ ...DAY, limit: 1 })).toEqual(['unreadable', 'placed']);
    expect(await subjects({ ...DAY, expand: 'occurrences' })).toEqual(['placed']);
  });

  it('places rows written by plain SQL by the time they hold, also after an update', async () => {
    await insertPlainRow(world, { id: 'by-sql', start: utc('2026-03-09T09:00:00'), end: utc('2026-03-09T10:00:00') });
    await insertPlainRow(world, { id: 'point', start: utc('2026-03-08T09:00:00'), end: utc('2026-03-08T09:00:00') });
    expect(await subjects(DAY)).toEqual(['By SQL']);
    expect(await subjects({ start: '2026-04-01', end: '2026-04-02' })).toEqual([]);
    expect(await subjects({ start: '2026-04-01', end: '2026-04-02', expand: 'occurrences' })).toEqual([]);
  });

  it('goes on where it was, whatever was added or removed meanwhile', async () => {
    for (const hour of ['08', '09', '10', '11']) {
      await create(hour, `2026-03-09T${hour}:00:00`, `2026-03-09T${hour}:30:00`);
    }
    for (const expand of [{}, { expand: 'occurrences' as const }]) {
      const first = await world.service.list(ALICE, { ...DAY, ...expand, limit: 2 });
      expect(first.items.map(({ subject }) => subject)).toEqual(['08', '09']);
      const early = await create('earlier', '2026-03-09T07:00:00', '2026-03-09T07:30:00');
      const late = await create('10a', '2026-03-09T10:15:00', '2026-03-09T10:30:00');
      const rest = await world.service.list(ALICE, { ...DAY, ...expand, limit: 9, cursor: first.nextCursor as string });
      expect(rest.items.map(({ subject }) => subject)).toEqual(['10', '10a', '11']);
      expect(rest.nextCursor).toBeNull();
      await world.service.delete(ALICE, early.id);
      await world.service.delete(ALICE, late.id);
    }
  });

  it('does not lose an event when many share one start', async () => {
    const contents = Array.from({ length: 450 }, (_none, index) => ({
      ...arbitraryContent(),
      subject: `event ${index}`,
      start: utc('2026-03-09T09:00:00'),
      end: utc('2026-03-09T10:00:00'),
    }));
    await save(contents);
    const wanted = contents.map(({ subject }) => subject).sort();
    for (const expand of [{}, { expand: 'occurrences' as const }]) {
      expect((await subjects({ ...DAY, ...expand, limit: 100 })).sort()).toEqual(wanted);
    }
  });

  function arbitraryContent(): EventContent {
    const [sample] = fc.sample(arbitraryEvent(), { numRuns: 1, seed: 7 });
    return { ...(sample as EventContent), isAllDay: false };
  }

  it.each([
    ['a limit of nothing', { limit: 0 }, 'invalid-input'],
    ['a limit beyond bounds', { limit: 1001 }, 'invalid-input'],
    ['half a limit', { limit: 1.5 }, 'invalid-input'],
    ['an unreadable start', { limit: 10, start: 'yesterday' }, 'invalid-input'],
    ['an end before the start', { limit: 10, start: DAY.end, end: DAY.start }, 'impossible-input'],
    ['a cursor of its own making', { limit: 10, cursor: 'abc' }, 'invalid-input'],
    ['a cursor with a wrong time', { limit: 10, cursor: encoded(['events', 'x', 'y']) }, 'invalid-input'],
    ['a cursor of the other kind of list', { limit: 10, cursor: encoded(['occurrences', 1, 'y']) }, 'invalid-input'],
    ['a cursor with what no id has', { limit: 10, cursor: encoded(['events', 1, 'a\0']) }, 'invalid-input'],
    ['occurrences without a range', { limit: 10, expand: 'occurrences' }, 'invalid-input'],
    ['occurrences without an end', { limit: 10, expand: 'occurrences', start: DAY.start }, 'invalid-input'],
    [
      'occurrences for years',
      { limit: 10, expand: 'occurrences', start: '2026-01-01', end: '2029-01-01' },
      'invalid-input',
    ],
  ] as const)('refuses %s', async (_case, query, code) => {
    await refusal(world.service.list(ALICE, query), code);
  });

  function encoded(value: unknown): string {
    return Buffer.from(JSON.stringify(value)).toString('base64url');
  }
});

describe('listing occurrences', () => {
  it('mixes single events and dates of series by start', async () => {
    const series = await create('daily', '2026-03-01T09:00:00', '2026-03-01T10:00:00', DAILY);
    await create('before', '2026-03-09T08:00:00', '2026-03-09T08:30:00');
    await create('between', '2026-03-09T12:00:00', '2026-03-09T13:00:00');
    await create('after', '2026-03-11T12:00:00', '2026-03-11T13:00:00');
    await world.service.delete(ALICE, `${series.id}_2026-03-10`);
    await world.service.update(ALICE, `${series.id}_2026-03-11`, {
      subject: 'moved',
      start: utc('2026-03-11T14:00:00'),
      end: utc('2026-03-11T15:00:00'),
    });
    const range = { start: '2026-03-09T00:00:00Z', end: '2026-03-12T00:00:00Z', expand: 'occurrences' as const };
    for (const limit of [1, 2, 100]) {
      expect(await subjects({ ...range, limit })).toEqual(['before', 'daily', 'between', 'after', 'moved']);
    }
    const items = await all(range);
    expect(items.map(({ id, type }) => [type, id.slice(-11)])).toEqual([
      ['singleInstance', expect.anything()],
      ['occurrence', '_2026-03-09'],
      ['singleInstance', expect.anything()],
      ['singleInstance', expect.anything()],
      ['exception', '_2026-03-11'],
    ]);
    for (const item of items) expect(await world.service.get(ALICE, item.id)).toEqual(item);
  });

  it('gives, page by page, what expanding everything at once gives', async () => {
    const contents = [
      ...fc.sample(arbitraryEvent(), { numRuns: 150, seed: 11 }),
      ...fc.sample(arbitrarySeries(), { numRuns: 60, seed: 12 }),
    ];
    const ids = await save(contents);
    for (const [start, end] of [
      ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'],
      ['2025-06-01T00:00:00Z', '2026-06-01T00:00:00Z'],
      ['2027-03-01T00:00:00Z', '2027-03-02T00:00:00Z'],
    ] as const) {
      const range = { start: new Date(start), end: new Date(end) };
      const expected = contents
        .flatMap((content, index) =>
          expandOccurrences(content, range).map(({ originalDate, fields }) => ({
            at: toInstant(fields.start)?.getTime() ?? 0,
            id: content.recurrence ? `${ids[index]}_${originalDate}` : (ids[index] as string),
          })),
        )
        .sort((a, b) => a.at - b.at || (a.id > b.id ? 1 : -1))
        .map(({ id }) => id);
      for (const limit of [1000, 37, 7].filter((size) => expected.length / size < 60)) {
        const items = await all({ start, end, expand: 'occurrences', limit });
        expect(items.map(({ id }) => id)).toEqual(expected);
      }
      expect(expected.length).toBeGreaterThan(0);
    }
  });
});
