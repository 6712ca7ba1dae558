import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { SyncError, type SyncErrorCode } from '../core/errors.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type GraphEventId, type UserId } from '../core/ids.ts';
import type { RemoteEvent, WriteOutcome } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import { FAILURES_ALONE } from './item-trouble.ts';
import type { Outgoing, OutgoingDeletion } from './outgoing-event.ts';
import { sortDeleted, sortWrites } from './push-step.ts';

const [A, B, C] = ['a', 'b', 'c'] as [EventId, EventId, EventId];
const NOW = new Date('2026-03-02T08:00:00Z');
const USER = 'alice' as UserId;
const graphIdOf = (id: EventId) => `g-${id}` as GraphEventId;

function baseOf(eventId: EventId, more: Partial<EventBase> = {}): EventBase {
  return {
    ...{ eventId, userId: USER, calendarId: DEFAULT_CALENDAR_ID, graphEventId: graphIdOf(eventId) },
    ...{ agreedRevision: 0n, local: null, remote: null, generation: 0, conflictUnits: [], heldUnits: [], ...more },
  };
}

function outgoing(id: EventId, more: Partial<Outgoing> = {}): Outgoing {
  const content = anEvent();
  const event = { id, userId: USER, calendarId: DEFAULT_CALENDAR_ID, content, revision: 7n };
  return {
    event: { ...event, lastModifiedAt: NOW, createdAt: NOW },
    base: baseOf(id),
    change: { units: [], occurrences: [], held: [], stale: [], sendAttendees: false } as unknown as Outgoing['change'],
    operation: undefined,
    sent: content,
    isResent: false,
    ...more,
  };
}

function deletion(id: EventId, more: Partial<EventBase> = {}): OutgoingDeletion {
  const tombstone = { eventId: id, userId: USER, calendarId: DEFAULT_CALENDAR_ID, revision: 7n, deletedAt: NOW };
  return { tombstone, base: baseOf(id, more) };
}

const done = (key: EventId): WriteOutcome => ({ key, ok: true, event: { id: graphIdOf(key) } as RemoteEvent });
const failed = (key: EventId, code: SyncErrorCode, details?: Record<string, unknown>): WriteOutcome => ({
  key,
  ok: false,
  error: new SyncError(code, 'no', { httpStatus: 503, ...(details ? { details } : {}) }),
});

describe('the writes of a step', () => {
  it('are settled where Graph took them or refused them for good', () => {
    const sent = [outgoing(A), outgoing(B)];
    const outcomes = [done(A), failed(B, 'rejected')];
    const sorted = sortWrites(sent, outcomes);
    expect(sorted.settled).toEqual([
      { target: sent[0], outcome: outcomes[0] },
      { target: sent[1], outcome: outcomes[1] },
    ]);
    expect(sorted).toMatchObject({ counted: [], fatal: undefined, reborn: [], vanished: [], stale: new Map() });
  });

  it.each<SyncErrorCode>(['precondition-failed', 'not-found'])('are stale after %s', (code) => {
    const sorted = sortWrites([outgoing(A)], [failed(A, code)]);
    expect(sorted.stale).toEqual(new Map([[A, graphIdOf(A)]]));
    expect(sorted.settled).toEqual([]);
  });

  it('are nothing to look at again where no id at Graph is known', () => {
    const sorted = sortWrites(
      [outgoing(A, { base: baseOf(A, { graphEventId: undefined }) })],
      [failed(A, 'not-found')],
    );
    expect(sorted.stale.size).toBe(0);
    expect(sorted.fatal?.code).toBe('not-found');
  });

  it('that repeat a create are settled and compared with what Graph answers: somebody may have edited it', () => {
    const sorted = sortWrites([outgoing(A, { isResent: true })], [done(A)]);
    expect(sorted.settled).toHaveLength(1);
    expect(sorted.stale).toEqual(new Map([[A, graphIdOf(A)]]));
  });

  it('that create under a used marker begin another life, or, repeated, tell of an event that is gone', () => {
    const [fresh, again] = [outgoing(A), outgoing(B, { isResent: true })];
    const sorted = sortWrites(
      [fresh, again],
      [failed(A, 'duplicate-transaction'), failed(B, 'duplicate-transaction', { existingEventId: 'g-old' })],
    );
    expect(sorted.reborn).toEqual([fresh]);
    expect(sorted.vanished).toEqual([{ target: again, graphEventId: 'g-old' }]);
    expect(sorted.settled).toEqual([]);
  });

  it('end the run with the first error that is nobody’s in particular', () => {
    const sorted = sortWrites([outgoing(A), outgoing(B)], [failed(A, 'throttled'), failed(B, 'unauthenticated')]);
    expect(sorted.fatal?.code).toBe('throttled');
    expect(sorted).toMatchObject({ settled: [], counted: [] });
  });

  it('are counted where Graph broke down on nothing else, and blamed at the last of so many times', () => {
    const first = sortWrites([outgoing(A)], [failed(A, 'unavailable')]);
    expect(first.counted.map(({ eventId }) => eventId)).toEqual([A]);
    expect(first.fatal?.code).toBe('unavailable');
    const last = sortWrites(
      [outgoing(A, { base: baseOf(A, { failures: FAILURES_ALONE - 1 }) })],
      [failed(A, 'unavailable')],
    );
    expect(last).toMatchObject({ counted: [], fatal: undefined });
    expect(last.settled).toHaveLength(1);
  });

  it('are counted without a base too, as of an event that is not at Graph', () => {
    const { counted } = sortWrites([outgoing(A, { base: undefined })], [failed(A, 'unavailable')]);
    expect(counted).toMatchObject([{ eventId: A, agreedRevision: 0n }]);
    expect(counted[0]?.graphEventId).toBeUndefined();
  });

  it('are left pending where no answer came', () => {
    expect(sortWrites([outgoing(A)], [])).toMatchObject({ settled: [], counted: [], fatal: undefined });
  });
});

describe('the deletions of a step', () => {
  it('are settled where Graph took them, refused them, or never had the event', () => {
    const step = [deletion(A), deletion(B), deletion(C, { graphEventId: undefined })];
    const outcomes = [done(A), failed(B, 'rejected')];
    const sorted = sortDeleted(step, outcomes);
    expect(sorted.settled).toEqual([
      { target: step[0], outcome: outcomes[0] },
      { target: step[1], outcome: outcomes[1] },
      { target: step[2], outcome: undefined },
    ]);
    expect(sorted).toMatchObject({ counted: [], fatal: undefined, stale: new Map() });
  });

  it.each<SyncErrorCode>(['precondition-failed', 'not-found'])('are stale after %s, and wait', (code) => {
    const sorted = sortDeleted([deletion(A)], [failed(A, code)]);
    expect(sorted.stale).toEqual(new Map([[A, graphIdOf(A)]]));
    expect(sorted.settled).toEqual([]);
  });

  it('are counted where Graph broke down on nothing else, and end the run', () => {
    const sorted = sortDeleted([deletion(A)], [failed(A, 'unavailable')]);
    expect(sorted.counted.map(({ eventId }) => eventId)).toEqual([A]);
    expect(sorted.fatal?.code).toBe('unavailable');
    expect(sorted.settled).toEqual([]);
  });

  it('are blamed alone where others went through', () => {
    const sorted = sortDeleted([deletion(A), deletion(B)], [failed(A, 'unavailable'), done(B)]);
    expect(sorted.settled).toHaveLength(2);
    expect(sorted).toMatchObject({ counted: [], fatal: undefined });
  });
});
