import { later, monotonicMs } from '../runtime.ts';

/** What came of one POST to somebody's endpoint. `durationMs` is real time, plus what the endpoint says it took. */
export type WebhookAnswer =
  | { kind: 'answered'; status: number; contentType: string; text: string; durationMs: number }
  | { kind: 'timeout'; durationMs: number }
  | { kind: 'unreachable'; reason: string; durationMs: number };

/** Lets an endpoint under test claim a duration without anybody waiting for it. */
export const DURATION_HEADER = 'x-simulated-duration-ms';

/** POSTs to webhooks: over the network by the global `fetch`, or through whatever a test puts in its place. */
export class WebhookSender {
  readonly #fetch: typeof fetch;

  constructor(webhookFetch?: typeof fetch) {
    // Looked up at each call: an application may replace it after the simulator was made.
    this.#fetch = webhookFetch ?? ((input, init) => fetch(input, init));
  }

  /** Never throws; an endpoint that ignores the abort is left behind after `timeoutMs`. */
  async post(url: string, o: { contentType: string; body: string; timeoutMs: number }): Promise<WebhookAnswer> {
    const startedMs = monotonicMs();
    const giveUp = new AbortController();
    let cancel = () => {};
    const timeout = new Promise<WebhookAnswer>((resolve) => {
      cancel = later(o.timeoutMs, () => {
        resolve({ kind: 'timeout', durationMs: o.timeoutMs });
        giveUp.abort();
      });
    });
    try {
      return await Promise.race([timeout, this.#exchange(url, o, startedMs, giveUp.signal)]);
    } finally {
      cancel();
    }
  }

  async #exchange(
    url: string,
    o: { contentType: string; body: string; timeoutMs: number },
    startedMs: number,
    signal: AbortSignal,
  ): Promise<WebhookAnswer> {
    try {
      const headers = { 'content-type': o.contentType };
      const init: RequestInit = { method: 'POST', headers, body: o.body, signal, redirect: 'manual' };
      const response = await this.#fetch(url, init);
      const text = await response.text();
      const claimed = Number(response.headers.get(DURATION_HEADER) ?? 0) || 0;
      const durationMs = monotonicMs() - startedMs + claimed;
      if (durationMs > o.timeoutMs) return { kind: 'timeout', durationMs };
      const contentType = response.headers.get('content-type') ?? '';
      return { kind: 'answered', status: response.status, contentType, text, durationMs };
    } catch (error) {
      return { kind: 'unreachable', reason: reasonOf(error), durationMs: monotonicMs() - startedMs };
    }
  }
}

/** `fetch failed` says nothing; the cause does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
