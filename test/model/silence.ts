import { parseRetryAfter } from '../../src/graph/retry-after.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Watches that nobody speaks to a mailbox before the silence Graph asked for is over. One process cannot know another's. */
export class Silence {
  readonly #time: VirtualTime;
  readonly #untilMs = new Map<string, number>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** A clock that was set makes every wait a different one. */
  forget(): void {
    this.#untilMs.clear();
  }

  check(process: string): string | undefined {
    const leftMs = (this.#untilMs.get(process) ?? 0) - this.#time.nowMs;
    return leftMs > 0 ? `${process} asked ${leftMs} ms before its Retry-After was over` : undefined;
  }

  note(process: string, response: Response): void {
    if (response.status !== 429) return;
    const waitMs = parseRetryAfter(response.headers.get('retry-after'), new Date(this.#time.nowMs));
    if (waitMs === undefined) return;
    this.#untilMs.set(process, Math.max(this.#untilMs.get(process) ?? 0, this.#time.nowMs + waitMs));
  }
}
