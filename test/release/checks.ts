import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const COMMAND_TIMEOUT_MS = 120_000;

let failures = 0;

const cleanups: (() => void)[] = [];
/** Processes that were started have groups of their own, so whoever ends this program in a hurry does not reach them. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const cleanUp of cleanups.reverse()) cleanUp();
    process.exit(1);
  });
}

/** Done at the end, also when the program is told to end before. */
export async function withTemporaryFolder(prefix: string, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  cleanups.push(remove);
  try {
    await work(folder);
  } finally {
    remove();
  }
}

/** Runs one check, prints how it went, and goes on. */
export async function check(name: string, run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
    console.log(`ok      ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED  ${name}\n${indented(error instanceof Error ? error.message : String(error))}`);
  }
}

/** @returns the exit code for the whole */
export function outcome(): number {
  return failures > 0 ? 1 : 0;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** @returns what it printed; @throws when it ends with anything but 0, or not in time */
export function run(file: string, args: readonly string[], options: CommandOptions): string {
  const { cwd, env, timeoutMs = COMMAND_TIMEOUT_MS } = options;
  const result = spawnSync(file, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0) {
    const how = result.error?.message ?? `exit code ${result.status ?? result.signal}`;
    throw new Error(`${[file, ...args].join(' ')}: ${how}\n${tail(result.stdout)}${tail(result.stderr)}`);
  }
  return result.stdout;
}

/** A process that keeps running: ready once it has said something, ended by `stop`. */
export async function start(
  file: string,
  args: readonly string[],
  options: CommandOptions & { readonly isReady: (out: string) => boolean },
): Promise<{ readonly out: string; readonly err: string; stop: () => Promise<void> }> {
  const { cwd, env, timeoutMs = COMMAND_TIMEOUT_MS, isReady } = options;
  // A group of its own: what is started by npm or a shell is ended together with it.
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let out = '';
  let err = '';
  let hasEnded = false;
  const end = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined && !hasEnded) process.kill(-child.pid, signal);
    } catch {
      // It ended in this very moment.
    }
  };
  cleanups.push(() => end('SIGKILL'));
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => {
      hasEnded = true;
      resolve();
    });
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  const ready = new Promise<boolean>((resolve) => {
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
      if (isReady(out)) resolve(true);
    });
    ended.then(() => resolve(false));
    setTimeout(() => resolve(false), timeoutMs).unref();
  });
  if (!(await ready)) {
    end('SIGKILL');
    await ended;
    throw new Error(`${[file, ...args].join(' ')} did not get ready\n${tail(out)}${tail(err)}`);
  }
  const stop = async (): Promise<void> => {
    end('SIGINT');
    const patience = setTimeout(() => end('SIGKILL'), 30_000);
    await ended;
    clearTimeout(patience);
    if (child.signalCode === 'SIGKILL') throw new Error('it did not end when it was asked to');
  };
  return {
    get out() {
      return out;
    },
    get err() {
      return err;
    },
    stop,
  };
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

function tail(text: string | null): string {
  const lines = (text ?? '').trimEnd().split('\n');
  return `${lines.slice(-30).join('\n')}\n`;
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '        ');
}
