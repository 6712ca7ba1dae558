import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALICE, type EventServiceWorld, openEventServiceWorld } from '../../test/support/event-service-world.ts';
import type { EventView } from './event-views.ts';

/** Rules with their dates as other projects expand them; they are not part of this one. */
const FOLDER = resolve(import.meta.dirname, '../../../shared/ics/_expansions');
const isThere = existsSync(FOLDER);
if (!isThere) console.log('skipped: published expansions (../shared/ics/_expansions) are not beside this checkout');

interface Row {
  readonly dtstart: string;
  readonly timeZone: string | null;
  readonly rrule: string;
  readonly expected: readonly string[];
  /** Whether `expected` is the whole set. */
  readonly complete: boolean;
}

const FIRST_DAY = '1997-06-01';
const WINDOWS = 4;
const WINDOW_DAYS = 400;
const DAY_MS = 86_400_000;
const dayAfter = (days: number) =>
  new Date(Date.parse(`${FIRST_DAY}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

describe.skipIf(!isThere)('listing many series by their occurrences', () => {
  let world: EventServiceWorld;
  beforeAll(async () => {
    world = await openEventServiceWorld();
  }, 120_000);
  afterAll(() => world?.close());

  it('agrees, page by page, with what other projects expand', async () => {
    const rows = ['dateutil', 'ical.net', 'graph-convertible'].flatMap(readRows);
    const ics = ['BEGIN:VCALENDAR', ...rows.flatMap(vevent), 'END:VCALENDAR'].join('\r\n');
    const { created } = await world.service.importIcs(ALICE, ics);
    expect(created).toBeGreaterThan(40);

    const listed = new Map<string, string[]>();
    for (let window = 0; window < WINDOWS; window += 1) {
      for (const item of await occurrencesIn(window)) {
        const dates = listed.get(item.subject) ?? [];
        listed.set(item.subject, dates);
        dates.push(item.start.dateTime.slice(0, 10));
      }
    }

    const lastDay = dayAfter(WINDOWS * WINDOW_DAYS - 2);
    const masters = await world.service.list(ALICE, { limit: 1000 });
    let compared = 0;
    for (const { subject } of masters.items) {
      const row = rows[Number(subject)] as Row;
      const dates = [...new Set(row.expected.map((date) => date.slice(0, 10)))];
      const until = row.complete ? lastDay : ([lastDay, dates.at(-1) ?? ''].sort()[0] ?? '');
      const inside = (date: string) => date > FIRST_DAY && date <= until;
      expect((listed.get(subject) ?? []).filter(inside), row.rrule).toEqual(dates.filter(inside));
      compared += dates.some(inside) ? 1 : 0;
    }
    expect(compared).toBeGreaterThan(25);
  }, 120_000);

  async function occurrencesIn(window: number): Promise<EventView[]> {
    const [start, end] = [window, window + 1].map((index) => `${dayAfter(index * WINDOW_DAYS)}T00:00:00Z`) as [
      string,
      string,
    ];
    const found: EventView[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const query = { start, end, expand: 'occurrences' as const, limit: 700 };
      const page: { items: EventView[]; nextCursor: string | null } = await world.service.list(ALICE, {
        ...query,
        ...(cursor === undefined ? {} : { cursor }),
      });
      found.push(...page.items);
      cursor = page.nextCursor;
    }
    // What goes on over midnight is in both windows.
    return found.filter((item) => `${item.start.dateTime}Z` >= start);
  }
});

function readRows(name: string): Row[] {
  return readFileSync(resolve(FOLDER, `${name}.jsonl`), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Row);
}

function vevent({ dtstart, timeZone, rrule }: Row, index: number): string[] {
  const text = dtstart.slice(0, 19).replace(/[-:]/g, '');
  const isDate = dtstart.length === 10;
  const start = isDate
    ? `DTSTART;VALUE=DATE:${text}`
    : timeZone
      ? `DTSTART;TZID=${timeZone}:${text}`
      : `DTSTART:${text}Z`;
  return ['BEGIN:VEVENT', `UID:${index}@example.com`, `SUMMARY:${index}`, start, `RRULE:${rrule}`, 'END:VEVENT'];
}
