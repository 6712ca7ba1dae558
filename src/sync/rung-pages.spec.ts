import { describe, expect, it } from 'vitest';
import { SyncError } from '../core/errors.ts';
import type { GraphCalendarId, GraphEventId } from '../core/ids.ts';
import type { CalendarGraph, DeltaItem, DeltaOutcome, DeltaStart, RemoteEvent } from '../graph/calendar-graph.ts';
import type { DeltaCursor } from '../store/cursor.repository.ts';
import type { RunContext } from './run-context.ts';
import { FirstPages, isRead } from './rung-pages.ts';
import type { Rung } from './window-ladder.ts';

const window = { start: new Date('2026-01-01T00:00:00Z'), end: new Date('2026-06-01T00:00:00Z') };
const context = { graphCalendarId: 'calendar' as GraphCalendarId } as RunContext;
const ids = (...names: string[]) => names as GraphEventId[];

/** A rung with a link; a new one without. */
const rung = (number: number, cursor?: Partial<DeltaCursor>): Rung => ({
  number,
  cursor: cursor && ({ link: `link ${number}`, linkKind: 'delta', completedAt: new Date(), ...cursor } as DeltaCursor),
  round: { window } as Rung['round'],
});
const page = (...items: DeltaItem[]): DeltaOutcome => ({ ok: true, page: { items } as never });
const failure = (code: 'cursor-expired' | 'unavailable'): DeltaOutcome & { ok: false } => ({
  ...{ ok: false, error: new SyncError(code, 'said by Graph') },
});
const single = (id: string): DeltaItem => ({ kind: 'event', event: { id, type: 'singleInstance' } as RemoteEvent });
const removed = (id: string): DeltaItem => ({ kind: 'removed', id: id as GraphEventId });

async function fetched(rungs: readonly Rung[], outcomes: readonly DeltaOutcome[]) {
  const asked: DeltaStart[][] = [];
  const graph: Pick<CalendarGraph, 'fetchDeltaPages'> = {
    fetchDeltaPages: async (_session, starts) => {
      asked.push([...starts]);
      return [...outcomes];
    },
  };
  return { pages: await FirstPages.fetch(graph as CalendarGraph, context, rungs), asked };
}

describe('the first pages of several rungs', () => {
  it('come in one request: by link where there is one, over the window where there is none', async () => {
    const { pages, asked } = await fetched([rung(0, {}), rung(3)], [page(single('a')), page(single('b'))]);
    expect(asked).toEqual([[{ link: 'link 0' }, { calendarId: 'calendar', window }]]);
    expect(pages.pageOf(0)?.items).toEqual([single('a')]);
    expect(pages.pageOf(3)?.items).toEqual([single('b')]);
    expect(pages.pageOf(1)).toBeUndefined();
    expect(pages.failureOf(0)).toBeUndefined();
  });

  it('are not fetched together for one alone, nor of what is read to its end', async () => {
    const read = rung(1, { completedAt: undefined });
    expect(isRead(read)).toBe(true);
    expect(isRead(rung(1, { completedAt: undefined, linkKind: 'next' }))).toBe(false);
    expect(isRead(rung(1, {}))).toBe(false);
    expect(isRead(rung(1))).toBe(false);
    expect((await fetched([rung(0, {})], [])).asked).toEqual([]);
    expect((await fetched([read, read], [])).asked).toEqual([]);
    const { pages, asked } = await fetched([read, rung(2, {})], [page(single('a'))]);
    expect(asked).toEqual([[{ link: 'link 2' }]]);
    expect(pages.pageOf(1)).toBeUndefined();
    expect(pages.pageOf(2)?.items).toEqual([single('a')]);
  });

  it('that fail fail alone', async () => {
    const dead = failure('cursor-expired');
    const { pages } = await fetched([rung(0, {}), rung(1, {}), rung(2)], [dead, failure('unavailable'), page()]);
    expect(pages.failureOf(0)).toBe(dead.error);
    expect(pages.failureOf(1)?.code).toBe('unavailable');
    expect(() => pages.pageOf(0)).toThrow(dead.error);
    expect(pages.failureOf(2)).toBeUndefined();
    expect(pages.failureOf(7)).toBeUndefined();
  });

  it('are all to be read again once all tokens are dead, also beside a slice that never had one', async () => {
    const dead = failure('cursor-expired');
    await expect(fetched([rung(0, {}), rung(1, {})], [dead, dead])).rejects.toBe(dead.error);
    await expect(fetched([rung(0, {}), rung(1)], [dead, page()])).rejects.toBe(dead.error);
    await expect(fetched([rung(0), rung(1)], [page(), page()])).resolves.toBeDefined();
    await expect(fetched([rung(0, {}), rung(1, {})], [failure('unavailable'), dead])).resolves.toBeDefined();
  });
});

describe('what one rung says is removed', () => {
  it('is asked about once, by the first that says so, and again by the same one', async () => {
    const { pages } = await fetched([rung(0, {}), rung(1, {})], [page(removed('a')), page(removed('a'))]);
    expect(pages.unexplained(0, ids('a'))).toEqual(['a']);
    expect(pages.unexplained(1, ids('a', 'b'))).toEqual(['b']);
    expect(pages.unexplained(0, ids('a', 'b'))).toEqual(['a']);
  });

  it('is explained by another that shows it: as itself, as a date of a series, or as the series of one', async () => {
    const shown: DeltaItem[] = [
      single('event'),
      { kind: 'occurrence', ...{ id: 'date' as GraphEventId, seriesMasterId: 'series' as GraphEventId, etag: '' } },
      { kind: 'event', event: { id: 'exception', type: 'exception', seriesMasterId: 'other series' } as RemoteEvent },
    ];
    const { pages } = await fetched([rung(0, {}), rung(1, {})], [page(...shown), page()]);
    const all = ids('event', 'date', 'series', 'exception', 'other series', 'gone');
    expect(pages.unexplained(1, all)).toEqual(['gone']);
    // What a rung shows itself is no explanation of its own tombstone.
    expect(pages.unexplained(0, ids('event', 'series'))).toEqual(['event', 'series']);
  });

  it('is not explained by one that showed it and took it back in the same page, nor by one that failed', async () => {
    const taken = page(single('a'), removed('a'));
    const { pages } = await fetched([rung(0, {}), rung(1, {}), rung(2, {})], [taken, page(), failure('unavailable')]);
    expect(pages.unexplained(1, ids('a'))).toEqual(['a']);
  });
});
