import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ALICE,
  connect,
  type EventServiceWorld,
  emptyTables,
  openEventServiceWorld,
  queuedRuns,
} from '../../test/support/event-service-world.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres-server.ts';
import { isSyncError } from '../core/errors.ts';
import type { EventInput } from '../core/event-input.ts';

let server: PostgresServer;
let world: EventServiceWorld;
let other: EventServiceWorld;

beforeAll(async () => {
  server = await startPostgres();
  const url = await server.createDatabase('events');
  world = await openEventServiceWorld(url);
  other = await openEventServiceWorld(url);
});
beforeEach(() => emptyTables(world));
afterAll(async () => {
  await Promise.all([world?.close(), other?.close()]);
  await server?.stop();
});

const INPUT: EventInput = {
  subject: 'Standup',
  start: { dateTime: '2026-03-09T09:00:00', timeZone: 'Europe/Berlin' },
  end: { dateTime: '2026-03-09T10:00:00', timeZone: 'Europe/Berlin' },
};

/** The same work, many times at once, in two processes. */
function atOnce<T>(count: number, work: (service: EventServiceWorld['service'], index: number) => Promise<T>) {
  return Promise.allSettled(
    Array.from({ length: count }, (_none, index) => work((index % 2 === 0 ? world : other).service, index)),
  );
}

function values<T>(outcomes: readonly PromiseSettledResult<T>[]): T[] {
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

async function listed() {
  return (await world.service.list(ALICE, { limit: 100 })).items;
}

describe('the application’s events on a PostgreSQL server, with two processes at once', () => {
  it('makes one event under one Idempotency-Key', async () => {
    await connect(world);
    const outcomes = await atOnce(16, (service) => service.create(ALICE, INPUT, { idempotencyKey: 'k' }));
    const answers = values(outcomes);
    expect(answers).toHaveLength(16);
    expect(new Set(answers.map(({ event }) => event.id)).size).toBe(1);
    expect(answers.filter(({ isRepeated }) => !isRepeated)).toHaveLength(1);
    expect(await listed()).toHaveLength(1);
    expect(await queuedRuns(world)).toHaveLength(1);
  });

  it('lets one of two requests with one key through when they differ', async () => {
    const outcomes = await atOnce(8, (service, index) =>
      service.create(ALICE, { ...INPUT, subject: `number ${index}` }, { idempotencyKey: 'k' }),
    );
    expect(values(outcomes)).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(isSyncError(outcome.reason, 'conflict-state')).toBe(true);
    }
  });

  it('gives the key back when the request that had it fails', async () => {
    const bad = atOnce(4, (service) =>
      service.create(ALICE, { ...INPUT, calendarId: 'nowhere' }, { idempotencyKey: 'k' }),
    );
    const good = atOnce(4, (service) => service.create(ALICE, INPUT, { idempotencyKey: 'k' }));
    expect(values(await bad)).toEqual([]);
    expect(new Set(values(await good).map(({ event }) => event.id)).size).toBe(1);
    expect(await listed()).toHaveLength(1);
  });

  it('lets one of many writers through who saw the same version', async () => {
    const { event } = await world.service.create(ALICE, INPUT);
    const outcomes = await atOnce(8, (service, index) =>
      service.update(ALICE, event.id, { subject: `number ${index}` }, { ifMatch: event.etag }),
    );
    expect(values(outcomes)).toHaveLength(1);
    expect((await listed())[0]?.subject).toBe(values(outcomes)[0]?.subject);
  });

  it('keeps every one of many changes to different fields and dates of one series', async () => {
    const { event } = await world.service.create(ALICE, {
      ...INPUT,
      recurrence: { pattern: { type: 'daily', interval: 1 }, range: { type: 'noEnd', startDate: '2026-03-09' } },
    });
    const dates = Array.from({ length: 12 }, (_none, index) => `2026-03-${10 + index}`);
    const outcomes = await atOnce<unknown>(dates.length, (service, index) =>
      index % 3 === 0
        ? service.delete(ALICE, `${event.id}_${dates[index]}`)
        : service.update(ALICE, `${event.id}_${dates[index]}`, { subject: `number ${index}` }),
    );
    expect(values(outcomes)).toHaveLength(dates.length);
    const [series] = await listed();
    expect(series?.exceptionOccurrences).toHaveLength(8);
    expect(series?.cancelledOccurrences).toHaveLength(4);
  });

  it('takes a file in once', async () => {
    const vevent = (uid: number) =>
      `BEGIN:VEVENT\r\nUID:${uid}@example.com\r\nDTSTART:20260309T090000Z\r\nEND:VEVENT\r\n`;
    const events = Array.from({ length: 120 }, (_none, index) => vevent(index));
    const files = [events, events.toReversed()].map((all) => `BEGIN:VCALENDAR\r\n${all.join('')}END:VCALENDAR\r\n`);
    const results = values(await atOnce(4, (service, index) => service.importIcs(ALICE, files[index % 2] ?? '')));
    expect(results).toHaveLength(4);
    expect(results.reduce((sum, { created }) => sum + created, 0)).toBe(120);
    expect(await world.service.list(ALICE, { limit: 200 })).toMatchObject({ items: { length: 120 }, nextCursor: null });
  });

  it('lists and pages as the embedded database does', async () => {
    for (const hour of ['08', '09', '10', '11', '12']) {
      const at = (minute: string) => ({ dateTime: `2026-03-09T${hour}:${minute}:00`, timeZone: 'UTC' });
      await world.service.create(ALICE, { subject: hour, start: at('00'), end: at('30') });
    }
    for (const expand of [{}, { expand: 'occurrences' as const }]) {
      const range = { start: '2026-03-09T08:30:00Z', end: '2026-03-09T12:00:00Z', ...expand, limit: 2 };
      const first = await world.service.list(ALICE, range);
      const second = await other.service.list(ALICE, { ...range, cursor: first.nextCursor ?? '' });
      expect([...first.items, ...second.items].map(({ subject }) => subject)).toEqual(['09', '10', '11']);
      expect(second.nextCursor).toBeNull();
    }
  });

  it('skips no change in the feed while many write', async () => {
    const { cursor } = await world.service.changes(ALICE, { limit: 10 });
    const writes = atOnce(30, (service, index) => service.create(ALICE, { ...INPUT, subject: `number ${index}` }));
    const seen = new Set<string>();
    let position = cursor;
    const drain = async () => {
      for (;;) {
        const page = await other.service.changes(ALICE, { cursor: position, limit: 7 });
        for (const { id } of page.items) seen.add(id);
        position = page.cursor;
        if (!page.hasMore) return;
      }
    };
    await Promise.all([drain(), drain(), writes]);
    const created = values(await writes).map(({ event }) => event.id);
    await expect.poll(async () => drain().then(() => seen.size)).toBe(30);
    expect(new Set(created)).toEqual(seen);
  });
});
