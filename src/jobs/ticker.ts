import type { Clock } from '../core/runtime.ts';

/**
 * Does one thing again and again until it is stopped: a tick, a pause, the next tick. Ticks never overlap, and one that
 * fails does not keep the next from coming, because what is not there now, a database say, may be there then.
 */
export class Ticker {
  readonly #tick: () => Promise<unknown>;
  readonly #onError: (error: unknown) => void;
  readonly #pauseMs: number;
  readonly #pausesFirst: boolean;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(parts: {
    tick: () => Promise<unknown>;
    /** Says it; also for a tick that was under way when all was stopped. */
    onError: (error: unknown) => void;
    /** From the end of one tick to the beginning of the next. */
    pauseMs: number;
    /** Whoever starts it has just done the first tick, or may wait for it. */
    pausesFirst?: boolean;
    clock: Clock;
  }) {
    this.#tick = parts.tick;
    this.#onError = parts.onError;
    this.#pauseMs = parts.pauseMs;
    this.#pausesFirst = parts.pausesFirst ?? false;
    this.#clock = parts.clock;
  }

  /** Aborted by `stop`: a long tick looks at it to end early. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Once; to be started again does nothing. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends a pause at once, and waits for the tick under way. For good. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    if (this.#pausesFirst) await this.#pause();
    while (!this.signal.aborted) {
      try {
        await this.#tick();
      } catch (error) {
        this.#onError(error);
      }
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    await this.#clock.sleep(this.#pauseMs, this.signal).catch(() => {});
  }
}
