import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SyncError } from '../core/errors.ts';

const LOCK_FILE = 'graph-calendar-sync.lock';

/**
 * Keeps a second process out of an embedded database's folder, where two would destroy each other's writes.
 * A lock left behind by a killed process is taken over: its process id is gone, or belongs to a process that started later.
 *
 * @returns releases the lock
 * @throws {SyncError} `misconfigured` naming the process that holds the folder
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, LOCK_FILE);
  const own = JSON.stringify({ pid: process.pid, startedAt: processStart(process.pid) });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      writeFileSync(path, own, { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw cannotUse(folder, error);
    }
    const holder = readHolder(path);
    if (holder && isAlive(holder)) {
      throw new SyncError(
        'misconfigured',
        `the data folder ${folder} is in use by process ${holder.pid}; stop it first, or set DATABASE_URL to another folder`,
      );
    }
    rmSync(path, { force: true });
  }
  throw new SyncError('misconfigured', `the data folder ${folder} could not be locked; another process keeps taking it`);
}

interface Holder {
  readonly pid: number;
  readonly startedAt: string | undefined;
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, startedAt }: Holder): boolean {
  // Our own id in a file we did not just write: left by a killed process of the same number.
  if (pid === process.pid && startedAt !== processStart(pid)) return false;
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = processStart(pid);
  return now === undefined || startedAt === undefined || now === startedAt;
}

/** When a process started, as the kernel counts it; where that cannot be read, the id alone must do. */
function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold blanks and parentheses; the fields that follow it do not.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function cannotUse(folder: string, cause: unknown): SyncError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SyncError('misconfigured', `the data folder ${folder} cannot be used: ${reason}`, { cause });
}
