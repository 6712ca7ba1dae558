import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Runs `action` with the address of a receiver of notifications that passes Graph's handshake. */
export async function withReceiver(action: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    const token = new URL(request.url ?? '/', 'http://receiver').searchParams.get('validationToken');
    request.resume();
    if (token === null) response.writeHead(202).end();
    else response.writeHead(200, { 'content-type': 'text/plain' }).end(token);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await action(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/graph`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
