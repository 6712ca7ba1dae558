import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A network that can be cut at its worst moment: the request has gone through and was carried out, and the answer is lost.
 *
 * Bytes are passed on as they are. While it is rough, the first bytes of some answers end their connection instead.
 */
export class CutProxy {
  cuts = 0;
  /** Share of answers that are lost, 0 to 1. */
  roughness = 0;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #draw: () => number;

  private constructor(targetPort: number, draw: () => number) {
    this.#draw = draw;
    this.#server = createServer((caller) => this.#join(caller, connect(targetPort, '127.0.0.1')));
  }

  static async listen(targetPort: number, draw: () => number): Promise<CutProxy> {
    const proxy = new CutProxy(targetPort, draw);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(caller: Socket, target: Socket): void {
    const both = [caller, target];
    const end = (): void => both.forEach((socket) => void socket.destroy());
    for (const socket of both) {
      socket.setNoDelay(true);
      this.#open.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        this.#open.delete(socket);
        end();
      });
    }
    let isAnswering = false;
    caller.on('data', (bytes) => {
      isAnswering = false;
      target.write(bytes);
    });
    target.on('data', (bytes) => {
      const isFirst = !isAnswering;
      isAnswering = true;
      if (isFirst && this.#draw() < this.roughness) {
        this.cuts += 1;
        end();
        return;
      }
      caller.write(bytes);
    });
    caller.on('end', () => target.end());
    target.on('end', () => caller.end());
  }
}
