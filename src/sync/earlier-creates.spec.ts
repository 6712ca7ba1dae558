import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { SyncError } from '../core/errors.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type GraphEventId, type UserId } from '../core/ids.ts';
import type { RemoteEvent, WriteOutcome } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import { recognised } from './earlier-creates.ts';
import type { Outgoing } from './outgoing-event.ts';
import type { RunContext } from './run-context.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
/** Graph's clock is half an hour ahead of ours. */
const AHEAD_MS = 30 * 60_000;
const minutesAgo = (minutes: number) => new Date(NOW.getTime() + AHEAD_MS - minutes * 60_000);
const context = {
  userId: 'ada' as UserId,
  now: NOW,
  clockOffsetMs: () => AHEAD_MS,
} as Partial<RunContext> as RunContext;

function target(id: string, kind: 'create' | 'update' = 'create', isResent = false): Outgoing {
  const shared = { userId: 'ada' as UserId, calendarId: DEFAULT_CALENDAR_ID, lastModifiedAt: NOW, createdAt: NOW };
  return {
    ...{ event: { ...shared, id: id as EventId, content: anEvent(), revision: 1n }, base: undefined },
    change: { units: [], occurrences: [], held: [], sendAttendees: false },
    operation: { kind } as Outgoing['operation'],
    ...{ sent: anEvent(), isResent },
  };
}
const answered = (key: string, createdAt: Date | undefined): WriteOutcome => ({
  ...{ key, ok: true, event: { id: `there ${key}` as GraphEventId, createdAt } as RemoteEvent },
});

/** What is made of the answers, where Graph's events are known here under these ids. */
async function judged(
  sent: readonly Outgoing[],
  outcomes: readonly WriteOutcome[],
  linked: Record<string, string> = {},
) {
  const bases: Pick<BaseRepository, 'findByGraphIds'> = {
    findByGraphIds: async (_q, _user, ids) =>
      new Map(
        ids.flatMap((id): [GraphEventId, EventBase][] =>
          linked[id] === undefined ? [] : [[id, { eventId: linked[id] } as EventBase]],
        ),
      ),
  };
  const parts = { db: {} as Db, bases: bases as BaseRepository };
  const result = await recognised(parts, context, { sent, outcomes });
  return {
    resent: result.sent.filter(({ isResent }) => isResent).map(({ event }) => event.id),
    refused: result.outcomes.flatMap((outcome) => (outcome.ok ? [] : [[outcome.key, outcome.error.graphCode]])),
    keys: result.outcomes.map(({ key }) => key),
  };
}

describe('a first create', () => {
  it('that is answered with an event of just now made it, also when the request was repeated for minutes', async () => {
    for (const minutes of [-1, 0, 10]) {
      expect(await judged([target('a')], [answered('a', minutesAgo(minutes))])).toMatchObject({ resent: [] });
    }
    expect(await judged([target('a')], [answered('a', undefined)])).toMatchObject({ resent: [] });
  });

  it('that is answered with an older event has met one of an earlier life', async () => {
    const outcomes = [answered('a', minutesAgo(11)), answered('b', minutesAgo(0))];
    expect(await judged([target('a'), target('b')], outcomes)).toEqual({
      ...{ resent: ['a'], refused: [], keys: ['a', 'b'] },
    });
  });

  it('is refused where that event is another one here by now, and settles where it is this one', async () => {
    const outcomes = [answered('a', minutesAgo(11)), answered('b', minutesAgo(11)), answered('c', minutesAgo(0))];
    const sent = [target('a'), target('b'), target('c')];
    const linked = { 'there a': 'other', 'there b': 'b', 'there c': 'other' };
    expect(await judged(sent, outcomes, linked)).toEqual({
      resent: ['a', 'b'],
      refused: [['a', 'ALREADY_LINKED']],
      keys: ['a', 'b', 'c'],
    });
  });
});

it('makes nothing of an old event in the answer to a change, to a repeated create, or of a refusal', async () => {
  const error = new SyncError('rejected', 'said by Graph');
  const outcomes = [
    answered('a', minutesAgo(60)),
    answered('b', minutesAgo(60)),
    { key: 'c', ok: false as const, error },
  ];
  const linked = { 'there a': 'other', 'there b': 'other' };
  expect(await judged([target('a', 'update'), target('b', 'create', true), target('c')], outcomes, linked)).toEqual({
    resent: ['b'],
    refused: [['c', undefined]],
    keys: ['a', 'b', 'c'],
  });
});
