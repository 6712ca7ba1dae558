import { get } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bearer, OWNER, STRANGER, serverWith } from '../../test/support/api-world.ts';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { SyncError } from '../core/errors.ts';
import type { JobId } from '../core/ids.ts';
import type { RunAnswer } from './services.ts';

/** What a run does, told by the spec; whoever watches hears all of it. */
class Script {
  readonly #runs: RunAnswer[] = [];
  #end: 'open' | 'ended' | Error = 'open';
  #changed = Promise.withResolvers<void>();

  push(run: RunAnswer): void {
    this.#runs.push(run);
    this.#wake();
  }

  end(failure?: Error): void {
    this.#end = failure ?? 'ended';
    this.#wake();
  }

  async *watch(signal: AbortSignal): AsyncGenerator<RunAnswer> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    for (let told = 0; !signal.aborted; ) {
      const changed = this.#changed.promise;
      for (; told < this.#runs.length; told += 1) yield this.#runs[told] as RunAnswer;
      if (this.#end instanceof Error) throw this.#end;
      if (this.#end === 'ended') return;
      await Promise.race([changed, aborted]);
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

const RUN = { jobId: 'r1' as JobId, status: 'IN_PROGRESS' } as const;
const DONE = { jobId: 'r1' as JobId, status: 'COMPLETED' } as const;

let clock: ManualClock;
let server: FastifyInstance;
let url: string;
let script: Script;
let signals: AbortSignal[];
/** What looking a run up waits for. */
let found: Promise<void>;

beforeEach(async () => {
  clock = new ManualClock('2026-03-02T08:00:00Z');
  signals = [];
  script = new Script();
  found = Promise.resolve();
  server = await serverWith(
    {
      runService: {
        status: async (_userId, jobId) => {
          await found;
          if (jobId !== 'r1') throw new SyncError('not-found', 'there is no such run');
          return RUN;
        },
        watch: (_userId, _jobId, signal) => {
          signals.push(signal);
          return script.watch(signal);
        },
      },
    },
    { clock, limits: { userStreams: 2 } },
  );
  url = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await server.close();
});

interface Listener {
  readonly answer: Response;
  /** What has arrived so far. */
  heard(): string;
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>;
  leave(): void;
}

async function listen(as = OWNER, path = '/calendar/sync/status/r1/stream'): Promise<Listener> {
  const leaving = new AbortController();
  const headers = { ...(await bearer(as, clock.now())), 'x-correlation-id': 'mine' };
  const answer = await fetch(`${url}${path}`, { headers, signal: leaving.signal });
  let heard = '';
  const read = async () => {
    if (!answer.body) return;
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) heard += chunk;
  };
  const ended = read();
  ended.catch(() => {});
  return { answer, heard: () => heard, ended, leave: () => leaving.abort() };
}

const eventOf = (run: unknown) => `event: status\ndata: ${JSON.stringify(run)}\n\n`;

describe('event streams', () => {
  it('tells every change as it comes, and ends with the run', async () => {
    const listener = await listen();
    expect(listener.answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(listener.answer.headers.get('cache-control')).toContain('no-store');
    expect(listener.answer.headers.get('x-accel-buffering')).toBe('no');
    expect(listener.answer.headers.get('x-correlation-id')).toBe('mine');
    script.push(RUN);
    await expect.poll(listener.heard).toBe(`retry: 2000\n\n${eventOf(RUN)}`);
    script.push(DONE);
    script.end();
    await listener.ended;
    expect(listener.heard()).toBe(`retry: 2000\n\n${eventOf(RUN)}${eventOf(DONE)}`);
  });

  it('breaks the silence, in words that are no event', async () => {
    const listener = await listen();
    script.push(RUN);
    await expect.poll(listener.heard).toContain('IN_PROGRESS');
    clock.advance(14_999);
    clock.advance(1);
    await expect.poll(listener.heard).toContain(': still here\n\n');
    clock.advance(15_000);
    await expect.poll(() => listener.heard().split(': still here').length).toBe(3);
    expect(listener.heard().match(/^data:/gm)).toHaveLength(1);
    script.end();
    await listener.ended;
  });

  it('stops its source when the client goes, and makes room for the next', async () => {
    const [one, two] = [await listen(), await listen()];
    const third = await listen();
    expect(third.answer.status).toBe(429);
    expect(third.answer.headers.get('retry-after')).toBe('2');
    expect((await listen(STRANGER)).answer.status).toBe(200);
    expect(signals).toHaveLength(3);
    one.leave();
    await expect.poll(() => signals[0]?.aborted).toBe(true);
    expect(signals[1]?.aborted).toBe(false);
    await expect.poll(async () => (await listen()).answer.status).toBe(200);
    two.leave();
  });

  it('keeps no place for a client that went while its run was looked for', async () => {
    const lookup = Promise.withResolvers<void>();
    found = lookup.promise;
    const sockets: Socket[] = [];
    server.server.on('connection', (socket: Socket) => sockets.push(socket));
    const headers = await bearer(OWNER, clock.now());
    const requests = [1, 2].map(() => get(`${url}/calendar/sync/status/r1/stream`, { headers, agent: false }));
    for (const request of requests) request.on('error', () => {});
    await expect.poll(() => sockets.length).toBe(2);
    await expect.poll(() => sockets.every(({ bytesRead }) => bytesRead > 0)).toBe(true);
    for (const request of requests) request.destroy();
    await expect.poll(() => sockets.every(({ closed }) => closed)).toBe(true);
    lookup.resolve();
    const [one, two] = [await listen(), await listen()];
    expect([one.answer.status, two.answer.status]).toEqual([200, 200]);
    expect(signals).toHaveLength(2);
    expect((await listen()).answer.status).toBe(429);
  });

  it('ends, with nothing that could be taken for the run’s end, when its source fails', async () => {
    const listener = await listen();
    script.push(RUN);
    await expect.poll(listener.heard).toContain('IN_PROGRESS');
    script.end(new Error('the database is away'));
    await listener.ended;
    expect(listener.heard()).toBe(`retry: 2000\n\n${eventOf(RUN)}`);
  });

  it('ends with the server', async () => {
    const listener = await listen();
    const closed = server.close();
    await listener.ended;
    await closed;
    expect(signals[0]?.aborted).toBe(true);
  });

  it('says in an ordinary answer that there is no such run', async () => {
    const { answer } = await listen(OWNER, '/calendar/sync/status/other/stream');
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(signals).toEqual([]);
  });
});
