import type { JobId } from '../../src/core/ids.ts';
import type { Engine } from './engine.ts';
import { DatabaseFaults, Delays } from './plugs.ts';
import { ModelProcess } from './process.ts';
import type { Story } from './story.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface Worker {
  readonly engine: Engine;
  readonly process: ModelProcess;
  readonly database: DatabaseFaults;
  readonly network: Delays;
}

/** Starts a process on the same store. */
export type Open = (of: Omit<Worker, 'engine'>) => Promise<Engine>;

/** Queues a run as the scheduler does. @returns its id */
export type Enqueue = (asked: { forceFull?: boolean }) => Promise<string>;

/** A worker that is not heard of for so long loses its job to another. */
const HEARTBEAT_MS = 30_000;

/** The processes that work on runs, and the doorbells that call them. */
export class Crew {
  readonly #time: VirtualTime;
  readonly #story: Story;
  readonly #open: Open;
  readonly #enqueue: Enqueue;
  readonly #doorbells: { runId: string; atMs: number; isAgain: boolean }[] = [];
  readonly #stalled: { worker: Worker; work: Promise<void> }[] = [];
  readonly #aside: Promise<void>[] = [];
  #count = 0;
  #worker: Worker | undefined;

  constructor(parts: {
    time: VirtualTime;
    story: Story;
    open: Open;
    enqueue: Enqueue;
  }) {
    this.#time = parts.time;
    this.#story = parts.story;
    this.#open = parts.open;
    this.#enqueue = parts.enqueue;
  }

  get worker(): Worker {
    if (!this.#worker) throw new Error('nobody works yet');
    return this.#worker;
  }

  /** A run has begun, and is not over: it is at work, or is to go on where it stopped. */
  get hasBegun(): boolean {
    return this.isAtWorkNow || this.#doorbells.some(({ isAgain }) => isAgain);
  }

  /** Somebody has begun a run, and may go on with it. */
  get isAtWorkNow(): boolean {
    return this.worker.process.onInstant !== undefined || this.#stalled.length > 0 || this.#aside.length > 0;
  }

  get nextBellMs(): number | undefined {
    return this.#doorbells.length === 0 ? undefined : Math.min(...this.#doorbells.map(({ atMs }) => atMs));
  }

  ring(runId: string, delayMs: number): void {
    // Whoever asks for a run wants it at once.
    this.#doorbells.push({ runId, atMs: this.#time.nowMs + delayMs, isAgain: delayMs > 0 });
  }

  silence(): void {
    this.#doorbells.length = 0;
  }

  async replace(): Promise<void> {
    this.#worker = await this.#newWorker();
  }

  async #newWorker(): Promise<Worker> {
    this.#count += 1;
    const process = new ModelProcess(`worker ${this.#count}`, this.#time);
    const worker = { process, database: new DatabaseFaults(), network: new Delays() };
    return { ...worker, engine: await this.#open(worker) };
  }

  /** The run whose bell is due, or one that is queued for it. */
  async nextRun(): Promise<string> {
    return this.takeDue() ?? this.queued();
  }

  /** A run as the scheduler queues it; nobody else is called to it. */
  async queued(asked: { forceFull?: boolean } = {}): Promise<string> {
    const runId = await this.#enqueue(asked);
    const at = this.#doorbells.findIndex((bell) => bell.runId === runId);
    if (at !== -1) this.#doorbells.splice(at, 1);
    return runId;
  }

  takeDue(): string | undefined {
    const at = this.#doorbells.findIndex(({ atMs }) => atMs <= this.#time.nowMs);
    return at === -1 ? undefined : this.#doorbells.splice(at, 1)[0]?.runId;
  }

  /** Lets the worker work until it is through, dead, or stalled; the world goes on with another then. */
  async carry(runId: string): Promise<void> {
    const { worker } = this;
    const { process } = worker;
    this.#story.counts.runs += 1;
    // No two runs happen in the same millisecond: a person's word is about what was before it.
    this.#time.advance(1);
    let isDone = false;
    const work = this.#handle(worker, runId).finally(() => {
      isDone = true;
    });
    await this.#time.passUntil(() => isDone || process.isKilled || process.isFrozen);
    if (isDone) return;
    // What its other calls are doing, they do until they look up.
    await this.#time.passUntil(() => this.#time.busy === 0 || isDone);
    this.ring(runId, HEARTBEAT_MS);
    if (process.isFrozen) this.#stalled.push({ worker, work });
    await this.replace();
  }

  /** Another process takes a run of the same mailbox at the same time. */
  async startSecond(): Promise<void> {
    const second = await this.#newWorker();
    const runId = await this.nextRun();
    this.#story.tell(`${second.process.name} takes run ${shortId(runId)} at the same time`);
    this.#story.counts.runs += 1;
    this.#aside.push(this.#handle(second, runId));
  }

  /** The stalled ones wake up, long after somebody else took over; those at work aside come to their end. */
  async thaw(): Promise<void> {
    for (const { worker, work } of this.#stalled.splice(0)) {
      if (worker.process.isKilled) continue;
      this.#story.tell(`${worker.process.name} wakes up`);
      worker.process.onInstant = undefined;
      worker.database.clear();
      worker.network.clear();
      worker.process.thaw();
      this.#aside.push(work);
    }
    let isDone = false;
    Promise.all(this.#aside.splice(0)).then(() => {
      isDone = true;
    });
    await this.#time.passUntil(() => isDone);
  }

  async #handle({ engine, process }: Worker, runId: string): Promise<void> {
    try {
      await engine.worker.handle(runId as JobId);
    } catch (error) {
      this.#story.tell(`${process.name} gave up: ${error instanceof Error ? error.message : error}`);
      // The queue gives the job to somebody else.
      this.ring(runId, HEARTBEAT_MS);
    }
  }
}

export function shortId(runId: string): string {
  return runId.slice(0, 8);
}
