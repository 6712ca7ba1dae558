import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Hook {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Parsed. */
  readonly message: { readonly type: string; readonly timestamp: string; readonly data: Record<string, unknown> };
}

/** An application that is told of things: an HTTP server of this machine that keeps what it gets. */
export class HookReceiver {
  readonly hooks: Hook[] = [];
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();
  /** Of the next answers; then 204. */
  readonly #replies: ((response: ServerResponse) => void)[] = [];
  #usual: (response: ServerResponse) => void = (response) => response.writeHead(204).end();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(): Promise<HookReceiver> {
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { url: path = '', headers } = request;
      receiver.hooks.push({ path, headers, body, message: JSON.parse(body) });
      (receiver.#replies.shift() ?? receiver.#usual)(response);
      for (const wake of receiver.#waiting) wake();
    });
    const receiver = new HookReceiver(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hooks`;
  }

  get types(): string[] {
    return this.hooks.map(({ message }) => message.type);
  }

  answerNext(status: number, headers: Record<string, string> = {}): void {
    this.#replies.push((response) => response.writeHead(status, headers).end());
  }

  answerAlways(status: number, headers: Record<string, string> = {}): void {
    this.#usual = (response) => response.writeHead(status, headers).end();
  }

  /** Does something else with the next request than answering it. */
  meetNext(reply: (response: ServerResponse) => void): void {
    this.#replies.push(reply);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  clear(): void {
    this.hooks.length = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
