import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../core/runtime.ts';
import { HEARTBEAT_MS } from './limits.ts';
import { tooMany } from './rate-limits.ts';

/** Clients that lost the connection wait this long before they ask again. */
const RECONNECT_MS = 2_000;

/**
 * Server-sent events: one for every value, a comment now and then so that nobody takes the silence for a dead line.
 * Streams end with their source, with their client, and with the server.
 */
export class EventStreams {
  readonly #clock: Clock;
  readonly #perUser: number;
  readonly #open = new Map<string, Set<AbortController>>();
  #isClosed = false;

  constructor(parts: { clock: Clock; perUser: number }) {
    this.#clock = parts.clock;
    this.#perUser = parts.perUser;
  }

  /**
   * @param source  opens the values; must end soon after its signal is aborted
   * @throws {HttpProblem} 429 when the user has too many streams open
   */
  send(reply: FastifyReply, userId: string, name: string, source: (signal: AbortSignal) => AsyncGenerator<unknown>) {
    // The client went while its question was looked at: its connection closes once, and has done so already.
    if (reply.raw.destroyed || reply.request.raw.socket.destroyed) return reply.hijack();
    const end = new AbortController();
    this.#register(userId, end);
    // It was asked for while the server was closing: it would keep it from that for ever.
    if (this.#isClosed) end.abort();
    reply.raw.once('close', () => {
      end.abort();
      this.#forget(userId, end);
    });
    const chunks = withHeartbeats(source(end.signal), { name, clock: this.#clock, signal: end.signal });
    return reply
      .type('text/event-stream; charset=utf-8')
      .headers({ 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' })
      .send(Readable.from(chunks, { objectMode: false }));
  }

  /** Ends all streams, so that the server can close. */
  close(): void {
    this.#isClosed = true;
    for (const streams of this.#open.values()) for (const end of streams) end.abort();
  }

  #register(userId: string, end: AbortController): void {
    const streams = this.#open.get(userId) ?? new Set();
    if (streams.size >= this.#perUser) throw tooMany(`more than ${this.#perUser} open streams`, RECONNECT_MS / 1000);
    this.#open.set(userId, streams.add(end));
  }

  #forget(userId: string, end: AbortController): void {
    const streams = this.#open.get(userId);
    streams?.delete(end);
    if (streams?.size === 0) this.#open.delete(userId);
  }
}

async function* withHeartbeats(
  values: AsyncGenerator<unknown>,
  { name, clock, signal }: { name: string; clock: Clock; signal: AbortSignal },
): AsyncGenerator<string> {
  yield `retry: ${RECONNECT_MS}\n\n`;
  let next = settled(values.next());
  try {
    while (!signal.aborted) {
      const outcome = await firstOf(next, clock, signal);
      if (outcome === 'silence') yield ': still here\n\n';
      else if (outcome === 'aborted' || 'error' in outcome || outcome.done) return;
      else {
        yield `event: ${name}\ndata: ${JSON.stringify(outcome.value)}\n\n`;
        next = settled(values.next());
      }
    }
  } finally {
    // Not waited for: a source that is asleep returns when its signal wakes it.
    void values.return(undefined).catch(() => {});
  }
}

type Next = IteratorResult<unknown> | { readonly error: unknown };

/** A source that fails in the middle ends the stream; what the client does then is ask again, and is told why. */
function settled(next: Promise<IteratorResult<unknown>>): Promise<Next> {
  return next.catch((error: unknown) => ({ error }));
}

async function firstOf(next: Promise<Next>, clock: Clock, signal: AbortSignal): Promise<Next | 'silence' | 'aborted'> {
  const heard = new AbortController();
  const either = AbortSignal.any([signal, heard.signal]);
  const silence = clock.sleep(HEARTBEAT_MS, either).then(
    () => 'silence' as const,
    () => 'aborted' as const,
  );
  try {
    return await Promise.race([next, silence]);
  } finally {
    heard.abort();
  }
}
