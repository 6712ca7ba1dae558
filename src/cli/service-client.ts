import { createWriteStream, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { readConfig } from '../config.ts';
import { CommandError, type Terminal } from './terminal.ts';
import { developmentToken } from './token.ts';

export interface ServiceOptions {
  readonly url?: string;
  readonly token?: string;
  readonly user: string;
}

interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly errors?: readonly { path: string; message: string }[];
}

/** Talks to a running service as one of its users. */
export class ServiceClient {
  readonly url: string;
  readonly #token: string;
  readonly #signal: AbortSignal;

  private constructor(url: string, token: string, signal: AbortSignal) {
    this.url = url;
    this.#token = token;
    this.#signal = signal;
  }

  /** @throws {CommandError} when there is no token and none can be made */
  static async connect(options: ServiceOptions, terminal: Terminal): Promise<ServiceClient> {
    const url = (options.url ?? defaultUrl(terminal)).replace(/\/+$/, '');
    if (!URL.canParse(url)) throw new CommandError(`--url ${url} is not an address, e.g. --url http://127.0.0.1:3000`);
    const token =
      options.token ?? (await developmentToken(terminal.env, { user: options.user, days: 1 }, terminal.clock));
    return new ServiceClient(url, token, terminal.interrupted);
  }

  /** @throws {CommandError} with the service's own words for what is wrong */
  async json<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const answer = await this.#send(method, path, {
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body), contentType: 'application/json' }),
    });
    return answer.status === 204 ? (undefined as T) : ((await answer.json()) as T);
  }

  async text(method: string, path: string, upload?: { body: string; contentType: string }): Promise<string> {
    return (await this.#send(method, path, upload ?? {})).text();
  }

  /**
   * Writes an answer to a file as it comes, however large it is.
   *
   * @throws {CommandError} when it did not come whole; then there is no file
   */
  async download(path: string, file: string): Promise<void> {
    const { body } = await this.#send('GET', path, {});
    const chunks = body ? Readable.fromWeb(body as WebStream) : Readable.from([]);
    try {
      await pipeline(chunks, createWriteStream(file), { signal: this.#signal });
    } catch (cause) {
      // Half a file would pass for a whole one.
      rmSync(file, { force: true });
      if (this.#signal.aborted) throw new CommandError('interrupted');
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CommandError(`${file} could not be written whole: ${reason}`, { cause });
    }
  }

  /** Server-sent events, each one's data as JSON. */
  async *stream<T>(path: string): AsyncGenerator<T> {
    const answer = await this.#send('GET', path, { accept: 'text/event-stream' });
    if (!answer.body) return;
    let buffer = '';
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      buffer += chunk;
      const events = buffer.split(/\r?\n\r?\n/);
      buffer = events.pop() ?? '';
      for (const event of events) {
        const data = event
          .split(/\r?\n/)
          .filter((line) => line.startsWith('data:'))
          .map((line) => line.slice('data:'.length).trimStart())
          .join('\n');
        if (data !== '') yield JSON.parse(data) as T;
      }
    }
  }

  async #send(
    method: string,
    path: string,
    request: { body?: string; contentType?: string; accept?: string; headers?: Record<string, string> },
  ): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(`${this.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(request.contentType ? { 'content-type': request.contentType } : {}),
          ...(request.accept ? { accept: request.accept } : {}),
          ...request.headers,
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        signal: this.#signal,
      });
    } catch (cause) {
      if (this.#signal.aborted) throw new CommandError('interrupted');
      // A request that cannot be made at all (a header that is none) says nothing about the service.
      if (!(cause instanceof Error) || cause.cause === undefined) throw cause;
      throw new CommandError(
        `no service answers at ${this.url}: start it with "npm start" (or graph-calendar-sync serve), or give its address with --url`,
        { cause },
      );
    }
    if (!answer.ok) throw new CommandError(await problemOf(answer));
    return answer;
  }
}

function defaultUrl({ env }: Terminal): string {
  const config = readConfig(env);
  return config.publicUrl ?? `http://${config.host}:${config.port}`;
}

async function problemOf(answer: Response): Promise<string> {
  const text = await answer.text();
  try {
    const problem = JSON.parse(text) as Problem;
    const places = problem.errors?.map(({ path, message }) => `\n  ${path}: ${message}`).join('') ?? '';
    return `${problem.detail ?? problem.title ?? 'refused'} (${answer.status}${problem.code ? ` ${problem.code}` : ''})${places}`;
  } catch {
    return `${answer.url} answered ${answer.status}: is a graph-calendar-sync service behind this address?`;
  }
}
