import { describe, expect, it } from 'vitest';
import { databaseError } from './db.ts';

/** As drivers report: an error with PostgreSQL's code. */
function errorOf(code: string): Error {
  return Object.assign(new Error(`as the database says it (${code})`), { code });
}

describe('what a query failed with', () => {
  it('is trouble that passes when the disk is full, and says so', () => {
    const error = errorOf('53100');
    expect(databaseError(error)).toMatchObject({
      ...{ name: 'SyncError', code: 'unavailable', recovery: 'retry', cause: error },
      message: 'the disk of the database is full (no space left)',
    });
  });

  it.each(['ECONNREFUSED', '57P01', '08006', '53300', '40001'])('is trouble that passes: %s', (code) => {
    expect(databaseError(errorOf(code))).toMatchObject({ code: 'unavailable', recovery: 'retry' });
  });

  it.each(['23505', '42601', '22P02'])('stays what it is when it would not pass: %s', (code) => {
    const error = errorOf(code);
    expect(databaseError(error)).toBe(error);
  });
});
