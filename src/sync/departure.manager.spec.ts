import { describe, expect, it } from 'vitest';
import { anEvent, at } from '../../test/support/events.ts';
import { type CalendarId, DEFAULT_CALENDAR_ID, type GraphCalendarId, type GraphEventId } from '../core/ids.ts';
import type { CalendarGraph, RemoteEvent } from '../graph/calendar-graph.ts';
import type { AttachmentRepository } from '../store/attachment.repository.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Tx } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { ResponseRepository } from '../store/response.repository.ts';
import { DepartureManager, MOVED_OUT } from './departure.manager.ts';
import type { RemoteState } from './remote-planner.ts';
import type { RunContext } from './run-context.ts';

const window = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-04-01T00:00:00Z') };

interface There {
  /** Which calendar each event is in, as far as Graph says. */
  readonly in: Record<string, string>;
  /** Of the calendars that are known here: whether they are synced. `here` is the one that is read. */
  readonly known?: Record<string, boolean>;
  /** All that Graph lists. */
  readonly listed?: readonly string[];
}

/** Which of the missing events left, and what Graph was asked for. */
async function left(there: There, missing: { singles?: RemoteState[]; series?: string[] }) {
  const asked: unknown[] = [];
  const graph: Pick<CalendarGraph, 'findCalendars' | 'listCalendars'> = {
    findCalendars: async (_session, ids) => {
      asked.push([...ids]);
      const found = ids.flatMap((id): [GraphEventId, GraphCalendarId][] =>
        there.in[id] === undefined ? [] : [[id, there.in[id] as GraphCalendarId]],
      );
      return new Map(found);
    },
    listCalendars: async () => {
      asked.push('calendars');
      return (there.listed ?? []).map((id) => ({ id }) as never);
    },
  };
  const known = Object.entries({ here: true, ...there.known }) as [GraphCalendarId, boolean][];
  const context = {
    graphCalendarId: 'here' as GraphCalendarId,
    syncedCalendars: async () => new Map(known),
  } as Partial<RunContext> as RunContext;
  const manager = new DepartureManager({ graph } as never);
  const series = (missing.series ?? []).map((id) => ({ graphEventId: id as GraphEventId, suspicious: false }));
  const { away, here } = await manager.whereabouts(context, { singles: missing.singles ?? [], series }, window);
  return { left: away, here: [...here], asked };
}

const single = (id: string, start = '2026-03-10T09:00:00', end = '2026-03-10T10:00:00'): RemoteState => ({
  id: id as GraphEventId,
  event: { id, content: anEvent({ start: at(start, 'UTC'), end: at(end, 'UTC') }) } as RemoteEvent,
});

describe('an event that is missing and exists all the same', () => {
  it('is doubted when it is not found a moment later', async () => {
    const { left: away, here } = await left(
      { in: { a: 'gone', b: 'on' } },
      { singles: ['a', 'b'].map((id) => single(id)) },
    );
    expect([away, here]).toEqual([[], ['a']]);
  });

  it('left when it is in a calendar that is not synced', async () => {
    const there = { in: { a: 'off', b: 'on', c: 'here', s: 'off' }, known: { off: false, on: true } };
    expect(await left(there, { singles: ['a', 'b', 'c', 'd'].map((id) => single(id)), series: ['s'] })).toEqual({
      left: ['a', 's'],
      here: ['c'],
      asked: [['a', 'b', 'c', 'd', 's']],
    });
  });

  it('left when it is in a calendar nobody here has heard of, if Graph lists that', async () => {
    const there = { in: { a: 'new', b: 'unlisted', c: 'on' }, known: { on: true }, listed: ['here', 'on', 'new'] };
    expect(await left(there, { singles: ['a', 'b', 'c'].map((id) => single(id)) })).toEqual({
      left: ['a'],
      here: [],
      asked: [['a', 'b', 'c'], 'calendars'],
    });
  });

  it('costs nothing to look at when none is missing, and one question when all are in their calendar', async () => {
    expect(await left({ in: {} }, {})).toEqual({ left: [], here: [], asked: [] });
    expect(await left({ in: { a: 'here' } }, { singles: [single('a'), single('gone')] })).toEqual({
      left: [],
      here: ['a'],
      asked: [['a', 'gone']],
    });
    expect((await left({ in: {} }, { singles: [{ id: 'x' as GraphEventId, event: 'gone' }] })).asked).toEqual([]);
  });

  it('is asked for where it would have to be in the slice, a day more or less', async () => {
    const cases = {
      'ends just within a day before': single('a', '2026-02-27T09:00:00', '2026-02-28T00:00:01'),
      'ends a day before': single('b', '2026-02-27T09:00:00', '2026-02-28T00:00:00'),
      'begins just within a day after': single('c', '2026-04-01T23:59:59', '2026-04-02T09:00:00'),
      'begins a day after': single('d', '2026-04-02T00:00:00', '2026-04-02T09:00:00'),
      'lasts all the time': single('e', '2026-01-01T00:00:00', '2026-12-01T00:00:00'),
    };
    const { asked } = await left({ in: {} }, { singles: Object.values(cases) });
    expect(asked).toEqual([['a', 'c', 'e']]);
  });
});

describe('the copy of an event that left', () => {
  interface Here {
    readonly event?: Partial<StoredEvent> | null;
    readonly base?: Partial<EventBase> | null;
    readonly file?: string;
    readonly response?: string;
  }
  async function planned({ event = {}, base = {}, file, response }: Here) {
    const known = base && ({ eventId: 'a', calendarId: DEFAULT_CALENDAR_ID, agreedRevision: 3n, ...base } as EventBase);
    const settled = { conflictUnits: [], heldUnits: [] };
    const bases: Pick<BaseRepository, 'findByGraphIds' | 'lockByEventIds'> = {
      findByGraphIds: async () => new Map(known ? [['there' as GraphEventId, known]] : []),
      lockByEventIds: async () => new Map(known ? [[known.eventId, { ...settled, ...known }]] : []),
    };
    const events: Pick<EventRepository, 'lockMany'> = {
      lockMany: async () => new Map(event ? [['a' as never, { id: 'a', revision: 3n, ...event } as StoredEvent]] : []),
    };
    const attachments: Pick<AttachmentRepository, 'listOf'> = {
      listOf: async () => (file ? [{ eventId: 'a', state: file } as never] : []),
    };
    const responses: Pick<ResponseRepository, 'findByEventIds'> = {
      findByEventIds: async () =>
        new Map(response ? [['a' as never, [{ eventId: 'a', state: response } as never]]] : []),
    };
    const manager = new DepartureManager({ bases, events, attachments, responses } as never);
    const context = { calendarId: DEFAULT_CALENDAR_ID, userId: 'ada' } as RunContext;
    const plans = await manager.plan({} as Tx, context, ['there' as GraphEventId]);
    for (const { plan, reason } of plans) {
      expect(reason).toBe(MOVED_OUT);
      expect(plan).toMatchObject({ local: { kind: 'delete' }, base: { kind: 'drop' }, isPushNeeded: false });
    }
    return plans.length === 1 ? 'goes' : 'stays';
  }

  it.each<[string, Here]>([
    ['is in step', {}],
    ['has files and answers that Outlook knows', { file: 'synced', response: 'sent' }],
  ])('goes when it %s', async (_what, here) => {
    expect(await planned(here)).toBe('goes');
  });

  it.each<[string, Here]>([
    ['has an edit that was not sent', { event: { revision: 4n } }],
    ['is in conflict', { base: { conflictUnits: ['subject'] } }],
    ['has something that is held', { base: { heldUnits: ['attendees'] } }],
    ['cannot be read', { event: { problem: 'no start' } }],
    ['has a file that was not sent', { file: 'pending' }],
    ['owes an answer', { response: 'pending' }],
    ['owes an answer that may have been sent', { response: 'sending' }],
    ['is in another calendar by now', { base: { calendarId: 'other' as CalendarId } }],
    ['is not known', { base: null }],
    ['is gone', { event: null }],
  ])('stays as it is when it %s', async (_what, here) => {
    expect(await planned(here)).toBe('stays');
  });
});
