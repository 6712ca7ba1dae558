import { describe, expect, it } from 'vitest';
import { assert, isSyncError, type Recovery, SyncError, type SyncErrorCode } from './errors.ts';

describe('what a caller does about an error', () => {
  it.each<[Recovery, SyncErrorCode[]]>([
    ['retry', ['throttled', 'unavailable']],
    ['reauthorize', ['unauthenticated']],
    ['refetch', ['precondition-failed', 'duplicate-transaction', 'version-mismatch']],
    ['resync', ['cursor-expired']],
    ['abandon', ['lease-lost', 'cancelled']],
    ['ask', ['mass-delete-refused', 'not-connected', 'reauth-required']],
    ['give-up', ['forbidden', 'not-found', 'rejected', 'invalid-input', 'impossible-input', 'access-denied']],
  ])('%s: %j', (recovery, codes) => {
    for (const code of codes) expect(new SyncError(code, 'x').recovery).toBe(recovery);
  });
});

describe('SyncError', () => {
  it('keeps its cause and everything it was told', () => {
    const cause = new Error('socket closed');
    const told = {
      cause,
      retryAfterMs: 1_500,
      graphCode: 'ErrorX',
      httpStatus: 503,
      graphRequestId: 'r1',
      details: { count: 2 },
    };
    const error = new SyncError('unavailable', 'Graph does not answer', told);
    expect(error).toMatchObject({ name: 'SyncError', message: 'Graph does not answer', ...told, problems: [] });
    expect(error.cause).toBe(cause);
    expect('cause' in new SyncError('unavailable', 'x')).toBe(false);
  });

  it('is told from other errors, and one code from another', () => {
    const error: unknown = new SyncError('not-found', 'x');
    expect([isSyncError(error), isSyncError(error, 'not-found'), isSyncError(error, 'rejected')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(isSyncError(new Error('not-found'))).toBe(false);
    expect(isSyncError(undefined)).toBe(false);
  });
});

describe('assert', () => {
  it('calls what cannot be a bug, which nobody retries', () => {
    expect(() => assert(true, 'x')).not.toThrow();
    expect(() => assert(0, 'a lease without an owner')).toThrow(new Error('bug: a lease without an owner'));
    try {
      assert(false, 'x');
    } catch (error) {
      expect(isSyncError(error)).toBe(false);
    }
  });
});
