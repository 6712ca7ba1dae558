import type { WebhookAnswer } from './webhook-sender.ts';

/** One POST the service made to somebody's endpoint, or one it gave up. */
export interface DeliveryLogEntry {
  /** ISO instant of the simulator's clock. */
  at: string;
  url: string;
  kind: 'validation' | 'change' | 'lifecycle';
  /** 1 for the first try. */
  attempt: number;
  /** The collection that was sent; undefined for a validation. */
  body?: { value: Record<string, unknown>[]; validationTokens?: string[] };
  /** Undefined when nobody answered in time. */
  status?: number;
  durationMs: number;
  /** Why there is no status. */
  error?: string;
  /** `accepted`: a 2xx, or the right token. `retry`: another try follows. `lost`: none does. */
  outcome: 'accepted' | 'refused' | 'retry' | 'lost';
}

/** A long-running simulator forgets its oldest deliveries. */
const KEPT = 1_000;

export class DeliveryLog {
  readonly entries: DeliveryLogEntry[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add({
    answer,
    ...entry
  }: Omit<DeliveryLogEntry, 'at' | 'status' | 'durationMs' | 'error'> & { answer: WebhookAnswer }): void {
    const error = answer.kind === 'unreachable' ? answer.reason : answer.kind === 'timeout' ? 'timeout' : undefined;
    this.entries.push({
      at: new Date(this.#now()).toISOString(),
      ...entry,
      ...(answer.kind === 'answered' ? { status: answer.status } : {}),
      durationMs: answer.durationMs,
      ...(error === undefined ? {} : { error }),
    });
    if (this.entries.length > KEPT) this.entries.splice(0, KEPT / 10);
  }

  clear(): void {
    this.entries.length = 0;
  }
}
