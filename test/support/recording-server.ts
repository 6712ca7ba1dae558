import type { FastifyInstance } from 'fastify';
import { bearer, serverWith } from './api-world.ts';

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: { path: string; message: string }[];
}

/** The HTTP API over services that take everything and remember it: input that is refused must not get there. */
export class RecordingServer {
  /** What services were given, call by call. */
  readonly received: unknown[][];
  readonly #server: FastifyInstance;
  readonly #headers: { readonly authorization: string };

  private constructor(server: FastifyInstance, headers: { authorization: string }, received: unknown[][]) {
    this.#server = server;
    this.#headers = headers;
    this.received = received;
  }

  static async open(): Promise<RecordingServer> {
    const received: unknown[][] = [];
    const taking =
      (answer: unknown) =>
      async (...input: unknown[]) => {
        received.push(input);
        return answer as never;
      };
    const server = await serverWith({
      eventService: {
        list: taking({ items: [], nextCursor: null }),
        create: taking({ event: { id: 'e1', etag: '"1"' }, isRepeated: false }),
        update: taking({ id: 'e1', etag: '"2"' }),
        importIcs: taking({}),
      },
      runService: { start: taking({ jobId: 'r1', status: 'started' }), history: taking({ items: [] }) },
      settings: { get: taking({}), put: taking({}) },
      calendarService: { update: taking({}), refresh: taking({ items: [] }) },
      conflicts: { list: taking({ items: [] }), resolve: taking({ conflict: {}, jobId: 'r1' }) },
      connectionService: { connectApplication: taking({}) },
      statisticsService: { metrics: taking({}) },
    });
    return new RecordingServer(server, await bearer(), received);
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  async send(
    method: string,
    url: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; problem: Problem; type: string }> {
    const answer = await this.#server.inject({
      method: method as 'GET',
      url,
      ...(body === undefined ? {} : { payload: body as object }),
      headers: { ...this.#headers, ...headers },
    });
    const type = String(answer.headers['content-type']);
    return { status: answer.statusCode, problem: answer.body === '' ? ({} as Problem) : answer.json(), type };
  }
}
