import { readFileSync } from 'node:fs';
import type { Clock } from '../core/runtime.ts';

const LOOK_EVERY_MS = 250;

/**
 * Under `npm start` the program is npm's child, and `kill -9` of npm would leave it behind with the port and the data
 * folder. So it looks whether its parent is still the one it began with; and, where a shell stands between the two (`sh`
 * that does not replace itself by its last command survives npm as well), whether the shell's is.
 *
 * @returns resolves when the parent is gone; never rejects
 */
export async function parentIsGone(clock: Clock, signal: AbortSignal): Promise<void> {
  const parent = process.ppid;
  const shellsParent = isScriptShell(parent) ? parentOf(parent) : undefined;
  const isThere = (): boolean =>
    process.ppid === parent && (shellsParent === undefined || parentOf(parent) === shellsParent);
  while (isThere() && !signal.aborted) await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {});
}

/** npm runs scripts with `sh -c`. Any other parent's parent is nobody's business: it may end as it likes. */
function isScriptShell(pid: number): boolean {
  const [program, option] = readProcess(pid, 'cmdline').split('\0');
  return program === 'sh' && option === '-c';
}

/** @returns `undefined` where the system does not tell */
function parentOf(pid: number): number | undefined {
  const stat = readProcess(pid, 'stat');
  // The command's name may hold blanks and parentheses; the fields that follow it do not.
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  return Number.isInteger(parent) ? parent : undefined;
}

function readProcess(pid: number, file: 'cmdline' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
