import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const LAUNCHER = join(import.meta.dirname, '../../bin/graph-calendar-sync.js');
const START_PATIENCE_MS = 60_000;

type JsonLine = Record<string, unknown>;

/** A service in a process of its own, as an operator runs it, and what it said. */
export class ServiceProcess {
  readonly lines: JsonLine[] = [];
  stderr = '';
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #hasExited = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = new Promise((resolve) =>
      child.once('close', (code) => {
        this.#hasExited = true;
        resolve(code);
        this.#wake();
      }),
    );
    child.stderr?.on('data', (chunk) => {
      this.stderr += String(chunk);
    });
    if (child.stdout) {
      createInterface(child.stdout).on('line', (line) => {
        this.lines.push(JSON.parse(line) as JsonLine);
        this.#wake();
      });
    }
  }

  static start(folder: string, args: readonly string[] = [], env: Record<string, string> = {}): ServiceProcess {
    const child = spawn(process.execPath, [LAUNCHER, 'serve', '--json', ...args], {
      env: {
        PATH: process.env['PATH'] ?? '',
        DATABASE_URL: `pglite:${folder}`,
        PORT: '0',
        LOG_LEVEL: 'warn',
        CALENDAR_SYNC_INTERVAL: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new ServiceProcess(child);
  }

  /** Resolves with the first line that fits; rejects with what the process said when it ends before. */
  async line(isWanted: (line: JsonLine) => boolean): Promise<JsonLine> {
    const until = AbortSignal.timeout(START_PATIENCE_MS);
    until.addEventListener('abort', () => this.#wake());
    for (;;) {
      const found = this.lines.find(isWanted);
      if (found) return found;
      if (this.#hasExited || until.aborted) throw new Error(`the service did not say it; it said:\n${this.stderr}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** @returns its address, once it listens */
  async url(): Promise<string> {
    return String((await this.line((line) => line['ready'] === true))['url']);
  }

  async signal(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.#hasExited) this.#child.kill(signal);
    return this.exited;
  }

  #wake(): void {
    for (const resume of this.#waiting) resume();
    this.#waiting.clear();
  }
}

/** Runs one command of the command line to its end. */
export function runCli(
  folder: string,
  args: readonly string[],
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: `pglite:${folder}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}
