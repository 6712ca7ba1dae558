import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyText } from './answers.ts';
import type { SimulatedRequest, SimulatedResponse } from './http-types.ts';

export interface RunningServer {
  url: string;
  port: number;
  close(): Promise<void>;
}

/** Larger than any calendar request; Graph's own limit is 4 MB. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Plain HTTP for the simulator. Anything thrown by `handle` destroys the socket: that is what a dropped connection is. */
export async function startServer(
  handle: (request: SimulatedRequest) => Promise<SimulatedResponse>,
  o: { host?: string; port?: number },
): Promise<RunningServer> {
  const host = o.host ?? '127.0.0.1';
  const server = createServer((incoming, outgoing) => {
    answer(handle, incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(o.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  handle: (request: SimulatedRequest) => Promise<SimulatedResponse>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const body = await readBody(incoming);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const aborted = new AbortController();
  outgoing.on('close', () => aborted.abort());
  outgoing.sendDate = false;
  if (body === undefined) {
    outgoing.writeHead(413).end();
    return;
  }
  // Behind a TLS proxy links and metadata must carry the outer address.
  const scheme = headers['x-forwarded-proto'] ?? 'http';
  const host = headers['x-forwarded-host'] ?? headers['host'] ?? 'localhost';
  const url = new URL(incoming.url ?? '/', `${scheme}://${host}`);
  const response = await handle({ method: incoming.method ?? 'GET', url, headers, body, signal: aborted.signal });
  const text = bodyText(response);
  outgoing.writeHead(response.status, { ...response.headers, 'content-length': Buffer.byteLength(text) });
  outgoing.end(text);
}

/** The body as text, or undefined when it is too large. */
async function readBody(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
