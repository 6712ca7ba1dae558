import { type BulkheadPolicy, bulkhead } from 'cockatiel';
import type { Clock } from '../core/runtime.ts';

/** Requests that may wait for their turn at one mailbox; more means somebody forgot to wait for answers. */
const MAX_WAITING = 10_000;
/** Gates that nobody used lately are forgotten beyond this many. */
const MAX_GATES = 5_000;

interface Gate {
  readonly slots: BulkheadPolicy;
  pausedUntilMs: number;
}

/**
 * One gate per mailbox, shared by everything that talks to it: never more requests at a time than Graph allows (four per
 * application and mailbox), and silence for as long as Graph asked for it, for all of them.
 */
export class MailboxLimiter {
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #gates = new Map<string, Gate>();
  readonly #onPause: ((mailbox: string, until: Date) => void) | undefined;

  constructor(parts: { clock: Clock; concurrency: number; onPause?: (mailbox: string, until: Date) => void }) {
    this.#clock = parts.clock;
    this.#concurrency = parts.concurrency;
    this.#onPause = parts.onPause;
  }

  /** Runs `work` once a slot is free and no pause is on. */
  async run<T>(mailbox: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const gate = this.#gate(mailbox);
    return gate.slots.execute(async () => {
      for (;;) {
        signal?.throwIfAborted();
        const waitMs = gate.pausedUntilMs - this.#clock.now().getTime();
        if (waitMs <= 0) return work();
        await this.#clock.sleep(waitMs, signal);
      }
    }, signal);
  }

  /** Nothing goes to the mailbox before this is over. A shorter pause never cuts a longer one. */
  pause(mailbox: string, durationMs: number): void {
    const gate = this.#gate(mailbox);
    const untilMs = this.#clock.now().getTime() + durationMs;
    if (untilMs <= gate.pausedUntilMs) return;
    gate.pausedUntilMs = untilMs;
    this.#onPause?.(mailbox, new Date(untilMs));
  }

  pausedUntil(mailbox: string): Date | undefined {
    const untilMs = this.#gates.get(mailbox)?.pausedUntilMs ?? 0;
    return untilMs > this.#clock.now().getTime() ? new Date(untilMs) : undefined;
  }

  #gate(mailbox: string): Gate {
    const known = this.#gates.get(mailbox);
    if (known) return known;
    if (this.#gates.size >= MAX_GATES) this.#forgetIdle();
    const gate: Gate = { slots: bulkhead(this.#concurrency, MAX_WAITING), pausedUntilMs: 0 };
    this.#gates.set(mailbox, gate);
    return gate;
  }

  #forgetIdle(): void {
    const now = this.#clock.now().getTime();
    for (const [mailbox, gate] of this.#gates) {
      if (gate.slots.executionSlots === this.#concurrency && gate.pausedUntilMs <= now) this.#gates.delete(mailbox);
    }
  }
}
