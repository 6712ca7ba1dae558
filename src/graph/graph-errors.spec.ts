import { describe, expect, it } from 'vitest';
import type { SyncErrorCode } from '../core/errors.ts';
import { classify, isDoubtful, isGone, isTokenDeath, readFailure, toSyncError } from './graph-errors.ts';

const failure = (status: number, code: string, retryAfterMs?: number) => ({ status, code, retryAfterMs });

/** Codes met by calendar clients (graph contract 9.3), and what each of them means to us. */
const MET: readonly [code: string, status: number, meaning: SyncErrorCode][] = [
  ['ErrorItemNotFound', 404, 'not-found'],
  ['ErrorItemNotFound', 400, 'not-found'],
  ['ErrorInvalidIdMalformed', 400, 'not-found'],
  ['ErrorCalendarOccurrenceIsDeletedFromRecurrence', 400, 'not-found'],
  ['ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange', 400, 'not-found'],
  ['ErrorInvalidParameter', 400, 'rejected'],
  ['ErrorInvalidRequest', 400, 'rejected'],
  ['ErrorPropertyValidationFailure', 400, 'rejected'],
  ['ErrorOccurrenceCrossingBoundary', 400, 'rejected'],
  ['ErrorDuplicateTransactionId', 400, 'duplicate-transaction'],
  ['ErrorDuplicateTransactionId', 409, 'duplicate-transaction'],
  ['TimeZoneNotSupportedException', 400, 'rejected'],
  ['ErrorInvalidPropertySet', 400, 'rejected'],
  ['ErrorCalendarInvalidRecurrence', 400, 'rejected'],
  ['ErrorCalendarEndDateIsEarlierThanStartDate', 400, 'rejected'],
  ['ErrorCalendarDurationIsTooLong', 400, 'rejected'],
  ['ErrorIrresolvableConflict', 412, 'precondition-failed'],
  ['ErrorIrresolvableConflict', 409, 'precondition-failed'],
  ['ErrorFolderExists', 409, 'precondition-failed'],
  ['ErrorAccessDenied', 403, 'forbidden'],
  ['ErrorInvalidUser', 404, 'not-found'],
  ['ErrorNonExistentMailbox', 404, 'not-found'],
  ['ErrorMailboxMoveInProgress', 503, 'unavailable'],
  ['ErrorMailboxStoreUnavailable', 503, 'unavailable'],
  ['MailboxNotEnabledForRESTAPI', 404, 'rejected'],
  ['MailboxInfoStale', 503, 'unavailable'],
  ['ErrorQuotaExceeded', 400, 'rejected'],
  ['ErrorQuotaExceeded', 500, 'rejected'],
  ['QuotaExceededException', 507, 'rejected'],
  ['ErrorExceededMessageLimit', 429, 'throttled'],
  ['ErrorExceededMessageLimit', 403, 'forbidden'],
  ['ErrorInternalServerTransientError', 500, 'unavailable'],
  ['InvalidAuthenticationToken', 401, 'unauthenticated'],
  ['AuthenticationError', 401, 'unauthenticated'],
  ['Authorization_RequestDenied', 403, 'forbidden'],
  ['Request_ResourceNotFound', 404, 'not-found'],
  ['UnknownError', 504, 'unavailable'],
  ['UnknownError', 412, 'precondition-failed'],
  ['UnknownError', 429, 'throttled'],
  ['ApplicationThrottled', 429, 'throttled'],
  ['TooManyRequests', 429, 'throttled'],
  ['activityLimitReached', 429, 'throttled'],
  ['ErrorTooManyRequests', 429, 'throttled'],
  ['serviceNotAvailable', 503, 'unavailable'],
  ['resourceModified', 409, 'precondition-failed'],
  ['BadRequest', 400, 'rejected'],
  ['RequestBroker--ParseUri', 400, 'rejected'],
  ['NotImplemented', 501, 'rejected'],
  ['notSupported', 400, 'rejected'],
];

describe('what an error means', () => {
  it.each(MET)('%s with %i is %s', (code, status, meaning) => {
    expect(classify(failure(status, code))).toBe(meaning);
    expect(classify(failure(status, code.toUpperCase()))).toBe(meaning);
    expect(classify(failure(status, code.toLowerCase()))).toBe(meaning);
  });

  it.each<[number, SyncErrorCode]>([
    ...[400, 402, 405, 406, 411, 413, 415, 416, 422, 501, 507].map((status): [number, SyncErrorCode] => [
      status,
      'rejected',
    ]),
    ...[408, 423, 424, 500, 502, 503, 504, 520, 599].map((status): [number, SyncErrorCode] => [status, 'unavailable']),
    [401, 'unauthenticated'],
    [403, 'forbidden'],
    [404, 'not-found'],
    [409, 'precondition-failed'],
    [410, 'not-found'],
    [412, 'precondition-failed'],
    [429, 'throttled'],
    [509, 'throttled'],
  ])('an unknown code goes by its status: %i is %s', (status, meaning) => {
    expect(classify(failure(status, 'SomethingNew'))).toBe(meaning);
  });

  it('a 503 that names a wait is a throttle', () => {
    expect(classify(failure(503, 'serviceNotAvailable', 1_000))).toBe('throttled');
    expect(classify(failure(503, 'serviceNotAvailable', 0))).toBe('throttled');
  });

  it.each([404, 410])('a %i without a code comes from something between us and Graph', (status) => {
    expect(classify(failure(status, ''))).toBe('unavailable');
  });

  it('a code that is the name of an object property is still only a code', () => {
    expect(classify(failure(400, 'constructor'))).toBe('rejected');
  });
});

describe('proof that an event is gone', () => {
  const error = (status: number, code: string) => toSyncError(readFailure(status, { error: { code } }, {}), 'GET');

  it.each([
    [404, 'ErrorItemNotFound'],
    [400, 'ErrorItemNotFound'],
    [410, 'ErrorItemNotFound'],
    [404, 'itemNotFound'],
    [404, 'ErrorEventNotFound'],
    [400, 'ErrorCalendarOccurrenceIsDeletedFromRecurrence'],
    [400, 'ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange'],
  ])('is %i %s', (status, code) => {
    expect(isGone(error(status, code))).toBe(true);
    expect(isDoubtful(error(status, code))).toBe(false);
  });

  it.each([
    [400, 'ErrorInvalidIdMalformed'],
    [404, 'ErrorInvalidIdMalformed'],
    [400, 'ErrorIdDoesNotMatchFolder'],
    [404, 'SomethingNew'],
  ])('is not %i %s: the id may be another by now, and the event still there', (status, code) => {
    expect(isGone(error(status, code))).toBe(false);
    expect(isDoubtful(error(status, code))).toBe(true);
  });

  it.each([
    [404, 'ErrorInvalidUser'],
    [404, 'ErrorNonExistentMailbox'],
    [404, 'Request_ResourceNotFound'],
    [404, 'ResourceNotFound'],
    [404, 'MailboxNotEnabledForRESTAPI'],
    [404, ''],
    [400, 'ErrorInvalidRequest'],
    [403, 'ErrorAccessDenied'],
    [401, 'InvalidAuthenticationToken'],
    [500, 'ErrorInternalServerTransientError'],
  ])('is not %i %s', (status, code) => {
    expect(isGone(error(status, code))).toBe(false);
    expect(isDoubtful(error(status, code))).toBe(false);
  });
});

describe('the death of a delta token', () => {
  it.each([
    [410, 'SyncStateNotFound'],
    [410, 'syncStateNotFound'],
    [410, ''],
    [404, 'syncStateNotFound'],
    [400, 'SyncStateInvalid'],
    [400, 'ErrorInvalidSyncStateData'],
    [409, 'resyncApplyDifferences'],
    [409, 'ResyncRequired'],
    [404, 'ErrorSyncFolderNotFound'],
    [400, 'BadRequest'],
    [400, 'ErrorInvalidUrlQuery'],
    [400, 'ErrorInvalidIdMalformed'],
  ])('is announced by %i %s', (status, code) => {
    expect(isTokenDeath({ status, code })).toBe(true);
  });

  it.each([
    [404, 'ErrorItemNotFound'],
    [403, 'ErrorAccessDenied'],
    [400, 'ErrorQuotaExceeded'],
    [400, 'activityLimitReached'],
    [429, 'TooManyRequests'],
    [503, 'serviceNotAvailable'],
    [504, 'UnknownError'],
  ])('is not announced by %i %s', (status, code) => {
    expect(isTokenDeath({ status, code })).toBe(false);
  });
});

describe('an error body', () => {
  it('is read with its ids, whichever way the inner error is spelled', () => {
    for (const name of ['innerError', 'innererror']) {
      const body = { error: { code: 'X', message: 'm', [name]: { 'request-id': 'r-1' } } };
      expect(readFailure(400, body, {})).toMatchObject({ code: 'X', message: 'm', requestId: 'r-1' });
    }
  });

  it('gives way to the headers where both name the request', () => {
    const body = { error: { code: 'X', innerError: { 'request-id': 'body' } } };
    expect(readFailure(400, body, { requestId: 'header' }).requestId).toBe('header');
  });

  it.each([
    undefined,
    null,
    '',
    'text',
    7,
    [],
    {},
    { error: null },
    { error: [] },
    { error: { code: 5, innerError: null } },
  ])('may be anything, e.g. %j', (body) => {
    expect(readFailure(502, body, {})).toMatchObject({ status: 502, code: '', message: '' });
  });

  it('is read in the dialect of the identity platform, too', () => {
    expect(readFailure(400, { error: 'invalid_client' }, {}).code).toBe('invalid_client');
  });

  it('hands on the event a repeated transaction belongs to', () => {
    const body = { error: { code: 'ErrorDuplicateTransactionId', '@event.existingEventId': 'AAMk1' } };
    expect(toSyncError(readFailure(400, body, {}), 'POST').details).toEqual({ existingEventId: 'AAMk1' });
  });

  it('leaves its message out of ours, as it may quote what was sent', () => {
    const body = { error: { code: 'BadRequest', message: "Cannot convert 'Divorce lawyer'" } };
    expect(toSyncError(readFailure(400, body, { requestId: 'r-1' }), 'PATCH').message).toBe(
      'Graph answered PATCH with 400 BadRequest, request-id r-1',
    );
  });
});
