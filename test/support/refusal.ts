import { isSyncError, type SyncErrorCode } from '../../src/core/errors.ts';

/** @returns what is wrong with an input, as the caller is told: `path: message` each */
export function refusal(work: () => unknown): { code: SyncErrorCode; problems: string[] } {
  try {
    work();
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return { code: error.code, problems: error.problems.map(({ path, message }) => `${path}: ${message}`) };
  }
  throw new Error('nothing was refused');
}
