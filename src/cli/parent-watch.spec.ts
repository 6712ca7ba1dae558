import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const WATCH = JSON.stringify(join(import.meta.dirname, 'parent-watch.ts'));
const RUNTIME = JSON.stringify(join(import.meta.dirname, '../system-runtime.ts'));
/** Says that it runs, with its own process id, and ends when its parent has. */
const WATCHER = `
  const { parentIsGone } = await import(${WATCH});
  const { systemClock } = await import(${RUNTIME});
  const gone = parentIsGone(systemClock, new AbortController().signal);
  console.log('watching ' + process.pid);
  await gone;
  console.log('gone');`;

let parent: ChildProcess | undefined;
let watcher: number | undefined;

afterEach(() => {
  parent?.kill('SIGKILL');
  try {
    if (watcher !== undefined) process.kill(watcher, 'SIGKILL');
  } catch {
    // It has ended, as it should have.
  }
});

/** A process that starts `command` as npm starts a script: with `sh -c`, or without a shell in between. */
function startParent(how: { shell: boolean }): { out: () => string } {
  const node = JSON.stringify(process.execPath);
  const watch = JSON.stringify(WATCHER);
  // Something after the program keeps the shell from replacing itself by it.
  const child = how.shell
    ? `spawn('sh', ['-c', '"$NODE" --input-type=module --eval "$WATCHER"; exit $?'], options)`
    : `spawn(${node}, ['--input-type=module', '--eval', ${watch}], options)`;
  const script = `
    const { spawn } = require('node:child_process');
    const options = { stdio: 'inherit', env: { ...process.env, NODE: ${node}, WATCHER: ${watch} } };
    ${child};
    setInterval(() => {}, 1000);`;
  parent = spawn(process.execPath, ['--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  parent.stdout?.on('data', (chunk) => {
    out += String(chunk);
  });
  return { out: () => out };
}

describe('watching the parent', () => {
  it.each([
    ['', { shell: false }],
    [' through the shell that npm runs scripts with', { shell: true }],
  ])('ends when the parent is killed%s', async (_, how) => {
    // The second needs a system that tells about other processes.
    if (how.shell && !existsSync('/proc/self/stat')) return;
    const { out } = startParent(how);
    await expect.poll(out, { timeout: 20_000 }).toMatch(/^watching \d+$/m);
    watcher = Number(/watching (\d+)/.exec(out())?.[1]);
    expect(out()).not.toContain('gone');
    parent?.kill('SIGKILL');
    await expect.poll(out, { timeout: 20_000 }).toContain('gone');
  });
});
