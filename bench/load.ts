import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import autocannon from 'autocannon';

export interface Measured {
  perSecond: number;
  /** Processor time of the server for one request: unlike the rest, no matter what else the machine does. */
  cpuMs: number;
  p50Ms: number;
  p99Ms: number;
  megabytesPerSecond: number;
}

export interface Helper<Ready> {
  ready: Ready;
  ask<Answer>(message: object | string): Promise<Answer>;
  stop(): Promise<void>;
}

/** Starts a program of this folder and waits for its first message. */
export async function start<Ready>(file: string, ...args: string[]): Promise<Helper<Ready>> {
  const child: ChildProcess = fork(resolve(import.meta.dirname, file), args, { execArgv: ['--expose-gc'] });
  const message = async <T>(): Promise<T> => {
    const stopped = new AbortController();
    const { signal } = stopped;
    const failed = once(child, 'exit', { signal }).then(() => Promise.reject(new Error(`${file} ended`)));
    try {
      return (await Promise.race([once(child, 'message', { signal }), failed]))[0] as T;
    } finally {
      failed.catch(() => {});
      stopped.abort();
    }
  };
  const ready = await message<Ready>();
  return {
    ready,
    ask: <Answer>(question: object | string) => {
      child.send(question);
      return message<Answer>();
    },
    stop: async () => {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** Connections at a time: enough that the server never waits for the next request. */
const CONNECTIONS = 8;
const WARM_UP_SECONDS = 3;

/** Asks for the paths in turn, over and over, for some seconds. */
export async function measure(
  server: Helper<{ url: string }>,
  paths: readonly string[],
  o: { seconds: number; headers?: Record<string, string> },
): Promise<Measured> {
  const requests = paths.map((path) => ({ method: 'GET' as const, path }));
  const run = (duration: number) =>
    autocannon({
      url: server.ready.url,
      connections: CONNECTIONS,
      duration,
      requests,
      ...(o.headers === undefined ? {} : { headers: o.headers }),
    });
  // What is done once, such as sorting a calendar by time, is no part of a page.
  await run(WARM_UP_SECONDS);
  const cpuBefore = await server.ask<number>('cpu');
  const result = await run(o.seconds);
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${result.non2xx} answers were refusals, ${result.errors} requests failed: ${paths[0]}`);
  }
  return {
    perSecond: result.requests.average,
    cpuMs: ((await server.ask<number>('cpu')) - cpuBefore) / result.requests.total,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    megabytesPerSecond: result.throughput.average / 1e6,
  };
}

export async function getJson(url: string, headers: Record<string, string>): Promise<Record<string, unknown>> {
  const response = await fetch(url, { headers });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as Record<string, unknown>;
}
