import type { Clock } from '../../src/core/runtime.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Where a process meets the outside: the instants at which the world may strike. */
export type InstantKind = 'request' | 'answer' | 'begin' | 'statement' | 'commit' | 'committed';

/** Inside of a transaction others of the embedded database wait: nobody may act or stall there. */
export const isOutside = (kind: InstantKind): boolean => kind !== 'statement' && kind !== 'commit';

/** Makes an open transaction of a killed process roll back, as the database does when the connection breaks. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/**
 * One process of the service, as far as it can be killed and held up. A killed one is never answered again, whatever it
 * waits for; what it had stored or sent by then stays.
 */
export class ModelProcess {
  readonly name: string;
  readonly #time: VirtualTime;
  #isKilled = false;
  #thaw: (() => void) | undefined;
  #frozen: Promise<void> | undefined;
  /** Asked at every instant. */
  onInstant: ((kind: InstantKind) => Promise<void>) | undefined;

  constructor(name: string, time: VirtualTime) {
    this.name = name;
    this.#time = time;
  }

  get isKilled(): boolean {
    return this.#isKilled;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  kill(): void {
    this.#isKilled = true;
    this.#thaw?.();
    this.#frozen = undefined;
  }

  /** It stalls, as a machine that sleeps or swaps: nothing of it moves until `thaw`, its lease's renewal neither. */
  freeze(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#frozen = promise;
    this.#thaw = resolve;
  }

  thaw(): void {
    this.#frozen = undefined;
    this.#thaw?.();
  }

  async at(kind: InstantKind): Promise<void> {
    await this.alive(kind);
    await this.onInstant?.(kind);
    await this.alive(kind);
  }

  /** @throws {Killed} inside of a transaction; elsewhere a killed process hears nothing at all */
  async alive(kind: InstantKind): Promise<void> {
    if (isOutside(kind)) await this.#frozen;
    if (!this.#isKilled) return;
    if (!isOutside(kind)) throw new Killed(`${this.name} was killed`);
    await never();
  }

  /** The world's time, as this process can feel it. */
  get clock(): Clock {
    return {
      now: () => this.#time.now(),
      sleep: async (ms, signal) => {
        if (this.#isKilled) await never();
        await this.#time.sleep(ms, signal);
        await this.alive('request');
      },
    };
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}
