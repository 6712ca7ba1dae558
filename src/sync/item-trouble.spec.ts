import { describe, expect, it } from 'vitest';
import { SyncError, type SyncErrorCode } from '../core/errors.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import { blame, FAILURES_ALONE } from './item-trouble.ts';

const failed = (error: SyncError, key = 'this'): WriteOutcome => ({ key, ok: false, error });
const written: WriteOutcome = { key: 'other', ok: true };
const error = (code: SyncErrorCode, httpStatus?: number) =>
  new SyncError(code, 'said by Graph', httpStatus === undefined ? {} : { httpStatus });
const timeout = () => {
  const cause = new Error('no answer in time');
  cause.name = 'TimeoutError';
  return new SyncError('unavailable', 'said by nobody', { cause });
};

/** Whose doing it is when nothing else was written beside it, and when something was. */
function blamed(of: SyncError, failures?: number) {
  const alone = blame(of, { outcomes: [failed(of), failed(of, 'other')], failures });
  return { alone, besideOthers: blame(of, { outcomes: [failed(of), written], failures }) };
}

describe('a write that failed', () => {
  it.each(['rejected', 'duplicate-transaction'] as const)('for good (%s) is the event’s own doing', (code) => {
    expect(blamed(error(code, 400))).toEqual({ alone: 'event', besideOthers: 'event' });
  });

  it('because it is forbidden is the event’s doing where others are allowed, and where none is the rest of the run tells', () => {
    for (const failures of [undefined, FAILURES_ALONE]) {
      expect(blamed(error('forbidden', 403), failures)).toEqual({ alone: 'unknown', besideOthers: 'event' });
    }
  });

  it('because it is forbidden is the event’s doing where anything was written in the run, if more than nothing', () => {
    const forbidden = error('forbidden', 403);
    const beside = (other: WriteOutcome, isServed: boolean) =>
      blame(forbidden, { outcomes: [failed(forbidden), other], failures: undefined, isServed });
    expect(beside(failed(forbidden, 'other'), true)).toBe('event');
    expect(beside({ key: 'other', ok: true, wasGone: true }, false)).toBe('unknown');
  });

  it.each([
    ['with a server error', error('unavailable', 503)],
    ['without an answer in time', timeout()],
  ])('%s is counted while it is alone, and the event’s doing at the third time or beside others', (_how, broken) => {
    for (const failures of [undefined, 0, 1]) {
      expect(blamed(broken, failures)).toEqual({ alone: 'count', besideOthers: 'event' });
    }
    for (const failures of [2, 3, 1000]) {
      expect(blamed(broken, failures)).toEqual({ alone: 'event', besideOthers: 'event' });
    }
  });

  it.each([
    error('throttled', 429),
    error('unauthenticated', 401),
    error('lease-lost'),
    // No connection at all: nothing was ever asked.
    error('unavailable'),
  ])('with $code is nobody’s doing: the others would fail as well', (of) => {
    expect(blamed(of)).toEqual({ alone: 'all', besideOthers: 'all' });
    expect(blamed(of, FAILURES_ALONE)).toEqual({ alone: 'all', besideOthers: 'all' });
  });
});
