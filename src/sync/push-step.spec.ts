import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { SyncError, type SyncErrorCode } from '../core/errors.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type GraphEventId, type UserId } from '../core/ids.ts';
import type { RemoteEvent, WriteOutcome } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { Outgoing, OutgoingDeletion } from './outgoing-event.ts';
import { sortDeleted, sortWrites } from './push-step.ts';

const shared = { userId: 'ada' as UserId, calendarId: DEFAULT_CALENDAR_ID };
const at = new Date('2026-03-02T08:00:00Z');
const thereAs = (id: string) => `there ${id}` as GraphEventId;

function baseOf(id: string, more: Partial<EventBase> = {}): EventBase {
  return {
    ...{ ...shared, eventId: id as EventId, graphEventId: thereAs(id), agreedRevision: 1n, generation: 0 },
    ...{ local: anEvent(), remote: anEvent(), conflictUnits: [], heldUnits: [], ...more },
  };
}
function sent(id: string, more: Partial<Outgoing> = {}): Outgoing {
  const event = { ...shared, id: id as EventId, content: anEvent(), revision: 2n, lastModifiedAt: at, createdAt: at };
  const change = { units: ['subject' as const], occurrences: [], held: [], sendAttendees: false };
  const operation = { kind: 'update', key: id, id: thereAs(id), content: anEvent() } as never;
  return { event, base: baseOf(id), change, operation, sent: anEvent(), isResent: false, ...more };
}
const ok = (key: string, event?: RemoteEvent): WriteOutcome => ({ key, ok: true, event });
const refused = (key: string, code: SyncErrorCode, httpStatus = 400, details = {}): WriteOutcome => ({
  ...{ key, ok: false, error: new SyncError(code, 'said by Graph', { httpStatus, details }) },
});

/** Which event came to what. */
function sortedWrites(targets: readonly Outgoing[], outcomes: readonly WriteOutcome[]) {
  const { settled, stale, counted, fatal, reborn, vanished } = sortWrites(targets, outcomes);
  return {
    settled: settled.map(({ target }) => target.event.id),
    stale: [...stale],
    counted: counted.map(({ eventId }) => eventId),
    fatal: fatal?.code,
    reborn: reborn.map(({ event }) => event.id),
    vanished: vanished.map(({ target, graphEventId }) => [target.event.id, graphEventId]),
  };
}
const nothing = { settled: [], stale: [], counted: [], fatal: undefined, reborn: [], vanished: [] };

describe('what Graph’s answers to creates and changes mean', () => {
  it('settles what was done and what was refused for good, and nothing that was not answered', () => {
    const outcomes = [ok('done'), refused('refused', 'rejected')];
    expect(sortedWrites([sent('done'), sent('refused'), sent('silent')], outcomes)).toEqual({
      ...nothing,
      settled: ['done', 'refused'],
    });
  });

  it.each(['precondition-failed', 'not-found'] as const)('reads what was refused with %s again', (code) => {
    expect(sortedWrites([sent('moved on')], [refused('moved on', code)])).toEqual({
      ...nothing,
      stale: [['moved on', 'there moved on']],
    });
  });

  it('has nothing to read again of what was never there: the calendar is gone, and the run ends', () => {
    const created = sent('new', { base: undefined });
    expect(sortedWrites([created], [refused('new', 'not-found', 404)])).toEqual({ ...nothing, fatal: 'not-found' });
  });

  it('settles a repeated create and looks at what it met, which somebody may have changed since', () => {
    const met = { id: thereAs('again') } as RemoteEvent;
    expect(sortedWrites([sent('again', { base: undefined, isResent: true })], [ok('again', met)])).toEqual({
      ...nothing,
      settled: ['again'],
      stale: [['again', 'there again']],
    });
    expect(sortedWrites([sent('first')], [ok('first', met)])).toEqual({ ...nothing, settled: ['first'] });
  });

  it('tells a marker used up by an earlier life from one whose event is gone', () => {
    const gone = refused('create', 'duplicate-transaction', 409, { existingEventId: 'gone there' });
    expect(sortedWrites([sent('create')], [gone])).toEqual({ ...nothing, reborn: ['create'] });
    expect(sortedWrites([sent('create', { isResent: true })], [gone])).toEqual({
      ...nothing,
      vanished: [['create', 'gone there']],
    });
    // Graph does not say which it was: nothing is made of it.
    const unnamed = refused('create', 'duplicate-transaction', 409);
    expect(sortedWrites([sent('create', { isResent: true })], [unnamed])).toEqual({ ...nothing, settled: ['create'] });
  });

  it('counts a breakdown against an event that is alone, also one that was never there, and ends the run', () => {
    const outcomes = [refused('known', 'unavailable', 503), refused('new', 'unavailable', 503)];
    expect(sortedWrites([sent('known'), sent('new', { base: undefined })], outcomes)).toEqual({
      ...nothing,
      counted: ['known', 'new'],
      fatal: 'unavailable',
    });
    const base = baseOf('known', { failures: 2 });
    expect(sortedWrites([sent('known', { base })], outcomes)).toEqual({ ...nothing, settled: ['known'] });
    expect(sortedWrites([sent('known'), sent('done')], [...outcomes, ok('done')])).toEqual({
      ...nothing,
      settled: ['known', 'done'],
    });
  });

  it('ends the run with the first of what concerns all', () => {
    const outcomes = [refused('a', 'throttled', 429), refused('b', 'unauthenticated', 401)];
    expect(sortedWrites([sent('a'), sent('b')], outcomes)).toEqual({ ...nothing, fatal: 'throttled' });
  });
});

describe('what Graph’s answers to deletions mean', () => {
  const deletion = (id: string, more: Partial<EventBase> = {}): OutgoingDeletion => ({
    ...{ base: baseOf(id, more), tombstone: { eventId: id } as never },
  });
  function sorted(targets: readonly OutgoingDeletion[], outcomes: readonly WriteOutcome[]) {
    const { settled, stale, counted, fatal } = sortDeleted(targets, outcomes);
    return {
      settled: settled.map(({ target, outcome }) => [target.base.eventId, outcome?.ok]),
      ...{ stale: [...stale], counted: counted.map(({ eventId }) => eventId), fatal: fatal?.code },
    };
  }
  const none = { settled: [], stale: [], counted: [], fatal: undefined };

  it('settles what was deleted, what was never there, and what was refused for good', () => {
    const never = deletion('never', { graphEventId: undefined });
    const outcomes = [ok('done'), refused('refused', 'rejected')];
    expect(sorted([deletion('done'), never, deletion('refused')], outcomes)).toEqual({
      ...none,
      settled: [
        ['done', true],
        ['never', undefined],
        ['refused', false],
      ],
    });
  });

  it.each(['precondition-failed', 'not-found'] as const)('looks again at what was refused with %s', (code) => {
    expect(sorted([deletion('a')], [refused('a', code)])).toEqual({ ...none, stale: [['a', 'there a']] });
  });

  it('counts a breakdown against an event that is alone, until it is its own doing', () => {
    const broken = refused('a', 'unavailable', 503);
    expect(sorted([deletion('a')], [broken])).toEqual({ ...none, counted: ['a'], fatal: 'unavailable' });
    expect(sorted([deletion('a', { failures: 2 })], [broken])).toEqual({ ...none, settled: [['a', false]] });
    expect(sorted([deletion('a'), deletion('b')], [broken, ok('b')])).toMatchObject({ counted: [], fatal: undefined });
  });

  it('ends the run with the first of what concerns all', () => {
    const outcomes = [refused('a', 'throttled', 429), refused('b', 'unauthenticated', 401)];
    expect(sorted([deletion('a'), deletion('b')], outcomes)).toEqual({ ...none, fatal: 'throttled' });
  });
});
