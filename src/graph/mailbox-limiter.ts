import { assert, SyncError } from '../core/errors.ts';
import type { Clock } from '../core/runtime.ts';
import { Slots } from './slots.ts';

/** Gates that nobody used lately are forgotten beyond this many. */
const MAX_GATES = 5_000;

interface Gate {
  readonly slots: Slots;
  pausedUntilMs: number;
}

export interface GateRequest {
  readonly signal?: AbortSignal | undefined;
  /** How many of Graph's requests this one is: a `$batch` is carried out several items at a time. */
  readonly slots?: number;
  /** A longer pause is not sat out. */
  readonly patienceMs?: number;
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
    assert(parts.concurrency >= 1, 'a gate lets at least one request through');
    this.#clock = parts.clock;
    this.#concurrency = parts.concurrency;
    this.#onPause = parts.onPause;
  }

  /**
   * Runs `work` once slots are free and no pause is on, in the order of the callers.
   *
   * @throws {SyncError} `throttled`, with the time left, when the pause is longer than the caller's patience
   */
  async run<T>(mailbox: string, request: GateRequest, work: () => Promise<T>): Promise<T> {
    const { signal, patienceMs = Number.POSITIVE_INFINITY } = request;
    const gate = this.#gate(mailbox);
    const release = await gate.slots.take(Math.min(request.slots ?? 1, this.#concurrency), signal);
    try {
      for (;;) {
        signal?.throwIfAborted();
        const waitMs = gate.pausedUntilMs - this.#clock.now().getTime();
        if (waitMs <= 0) return await work();
        if (waitMs > patienceMs) throw pausedFor(waitMs);
        await this.#clock.sleep(waitMs, signal);
      }
    } finally {
      release();
    }
  }

  /** Nothing goes to the mailbox before this is over. A shorter pause never cuts a longer one. */
  pause(mailbox: string, durationMs: number): void {
    const gate = this.#gate(mailbox);
    const untilMs = this.#clock.now().getTime() + durationMs;
    if (untilMs <= gate.pausedUntilMs) return;
    gate.pausedUntilMs = untilMs;
    this.#onPause?.(mailbox, new Date(untilMs));
  }

  /** As {@link pause}, of what another process was asked: nobody is told of it again. */
  pauseUntil(mailbox: string, until: Date): void {
    const gate = this.#gate(mailbox);
    gate.pausedUntilMs = Math.max(gate.pausedUntilMs, until.getTime());
  }

  pausedUntil(mailbox: string): Date | undefined {
    const untilMs = this.#gates.get(mailbox)?.pausedUntilMs ?? 0;
    return untilMs > this.#clock.now().getTime() ? new Date(untilMs) : undefined;
  }

  #gate(mailbox: string): Gate {
    const known = this.#gates.get(mailbox);
    if (known) return known;
    if (this.#gates.size >= MAX_GATES) this.#forgetIdle();
    const gate: Gate = { slots: new Slots(this.#concurrency), pausedUntilMs: 0 };
    this.#gates.set(mailbox, gate);
    return gate;
  }

  #forgetIdle(): void {
    const now = this.#clock.now().getTime();
    for (const [mailbox, gate] of this.#gates) {
      if (gate.slots.isIdle && gate.pausedUntilMs <= now) this.#gates.delete(mailbox);
    }
  }
}

function pausedFor(waitMs: number): SyncError {
  const seconds = Math.ceil(waitMs / 1000);
  return new SyncError('throttled', `Graph asked for silence on this mailbox for another ${seconds} s`, {
    retryAfterMs: waitMs,
  });
}
