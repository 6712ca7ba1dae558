import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const LAUNCHER = join(import.meta.dirname, '../../bin/graph-calendar-sync.js');
/** Machines are shared; a start that takes this long is none. */
const START_PATIENCE_MS = 180_000;
/** What one start has compiled, the next need not. */
const COMPILED = join(tmpdir(), 'gcs-fleet-compiled');
const LOOK_EVERY_MS = 50;
/** What a process said last is enough to see why it ended. */
const KEPT_CHARACTERS = 200_000;

/** What to run: a command of the command line, in an environment of its own. */
export interface Recipe {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Consumption {
  readonly rssMb: number;
  readonly handles: number;
  /** Processor time used so far, seconds. */
  readonly cpuSeconds: number;
}

const running = new Set<ChildProcess>();
/** Nothing outlives the harness, however that ends. */
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One process after the other for one recipe: killed as nobody would, and started again as an operator's supervisor would. */
export class Program {
  readonly recipe: Recipe;
  starts = 0;
  kills = 0;
  /** Ends that nobody asked for. */
  readonly crashes: string[] = [];
  output = '';
  #child: ChildProcess | undefined;
  #ready: Record<string, unknown> | undefined;
  #isEndWanted = false;

  constructor(recipe: Recipe) {
    this.recipe = recipe;
  }

  get pid(): number | undefined {
    return this.isRunning ? this.#child?.pid : undefined;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it; it need not be ready yet. */
  launch(): void {
    const { args, env = {} } = this.recipe;
    this.starts += 1;
    this.#ready = undefined;
    this.#isEndWanted = false;
    const child = spawn(process.execPath, [LAUNCHER, ...args], {
      env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: COMPILED, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    running.add(child);
    child.stderr.on('data', (chunk) => this.#note(String(chunk)));
    createInterface(child.stdout).on('line', (line) => {
      this.#note(`${line}\n`);
      const said = parsed(line);
      if (said?.['ready'] === true && this.#child === child) this.#ready = said;
    });
    child.once('exit', (code, signal) => {
      running.delete(child);
      if (!this.#isEndWanted && this.#child === child)
        this.crashes.push(`${this.recipe.name} ended (${code ?? signal})`);
    });
  }

  /** @returns what it said when it was ready */
  async ready(): Promise<Record<string, unknown>> {
    for (const until = Date.now() + START_PATIENCE_MS; Date.now() < until; ) {
      if (this.#ready) return this.#ready;
      if (!this.isRunning) break;
      await pause(LOOK_EVERY_MS);
    }
    throw new Error(`${this.recipe.name} did not become ready; it said:\n${this.output.slice(-2_000)}`);
  }

  async start(): Promise<Record<string, unknown>> {
    this.launch();
    return this.ready();
  }

  /** `kill -9`, whatever it is doing. */
  async kill(): Promise<void> {
    this.kills += 1;
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  consumption(): Consumption | undefined {
    const { pid } = this;
    if (pid === undefined) return undefined;
    try {
      const rssKb = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return {
        rssMb: rssKb / 1024,
        handles: readdirSync(`/proc/${pid}/fd`).length,
        cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
      };
    } catch {
      return undefined;
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || !this.isRunning) return;
    this.#isEndWanted = true;
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill(signal);
    await ended;
  }

  #note(text: string): void {
    this.output = (this.output + text).slice(-KEPT_CHARACTERS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
