import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SyncError } from '../core/errors.ts';

const LOCK_FILE = 'graph-calendar-sync.lock';
/** Tells people who holds the lock; it is not the lock. */
const HOLDER_FILE = 'graph-calendar-sync.pid';
const SQLITE_BUSY = 5;
/** Keeps a lock from the garbage collector, which would let go of it, where nobody kept what releases it. */
const held = new Set<DatabaseSync>();

/**
 * Keeps a second process out of an embedded database's folder, where two would destroy each other's writes.
 *
 * The lock is the operating system's, which lets go of it when the process ends, however it ends: there are no stale ones,
 * and other containers' processes, whose ids mean nothing here, are kept out too. Node has no call for it; an empty SQLite
 * file opened for writing is one.
 *
 * @returns releases the lock
 * @throws {SyncError} `misconfigured` naming the process that holds the folder
 */
export function lockFolder(folder: string): () => void {
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(folder, { recursive: true });
    lock = new DatabaseSync(join(folder, LOCK_FILE), { timeout: 0 });
    lock.exec('begin exclusive');
    writeFileSync(join(folder, HOLDER_FILE), `${process.pid}\n`);
  } catch (cause) {
    lock?.close();
    const { errcode } = cause as { errcode?: unknown };
    throw errcode === SQLITE_BUSY ? inUse(folder, cause) : cannotUse(folder, cause);
  }
  const own = lock;
  held.add(own);
  return () => {
    if (!held.delete(own)) return;
    rmSync(join(folder, HOLDER_FILE), { force: true });
    own.close();
  };
}

function inUse(folder: string, cause: unknown): SyncError {
  let holder = 'another process';
  try {
    holder = `process ${readFileSync(join(folder, HOLDER_FILE), 'utf8').trim()}`;
  } catch {
    // It has the lock, and its id is not written yet.
  }
  return new SyncError(
    'misconfigured',
    `the data folder ${folder} is in use by ${holder}; stop it first, or set DATABASE_URL to another folder`,
    { cause },
  );
}

function cannotUse(folder: string, cause: unknown): SyncError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SyncError('misconfigured', `the data folder ${folder} cannot be used: ${reason}`, { cause });
}
