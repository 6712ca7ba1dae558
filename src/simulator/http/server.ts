import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { bodyPayload, isFileBody } from './answers.ts';
import { makeCertificate } from './certificate.ts';
import { ConnectionDropped } from './fault-injection.ts';
import { GRAPH_JSON, isControlPath, type SimulatedRequest, type SimulatedResponse } from './http-types.ts';

export interface RunningServer {
  url: string;
  port: number;
  /** PEM of the authority to trust (`NODE_EXTRA_CA_CERTS`), of an HTTPS server. */
  ca?: string;
  close(): Promise<void>;
}

export interface ListenOptions {
  host?: string;
  /** 0 or nothing: any free port. */
  port?: number;
  /** With a certificate of its own for this machine, made now. */
  https?: boolean;
}

/** Larger than any calendar request; Graph's own limit is 4 MB. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** A snapshot that is put back is as large as what was in it. */
const MAX_CONTROL_BODY_BYTES = 512 * 1024 * 1024;

/** HTTP or HTTPS for the simulator. A dropped connection is a destroyed socket; a defect of ours says that it is one. */
export async function startServer(
  handle: (request: SimulatedRequest) => Promise<SimulatedResponse>,
  o: ListenOptions,
): Promise<RunningServer> {
  const host = o.host ?? '127.0.0.1';
  const scheme = o.https ? 'https' : 'http';
  const listener: RequestListener = (incoming, outgoing) => {
    answer(handle, incoming, outgoing, scheme).catch((error: unknown) => {
      const isDropped = error instanceof ConnectionDropped || outgoing.headersSent || outgoing.destroyed;
      if (isDropped) incoming.socket.destroy();
      else sendError(outgoing, 500, 'SimulatorDefect', `A defect of the simulator: ${String(error)}`);
    });
  };
  const certificate = o.https ? await makeCertificate(host) : undefined;
  const server = certificate === undefined ? createServer(listener) : createTlsServer(certificate, listener);
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(o.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    ...(certificate === undefined ? {} : { ca: certificate.ca }),
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
  ownScheme: string,
): Promise<void> {
  const body = await readBody(incoming);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const aborted = new AbortController();
  // Giving up is for whoever waits in vain; an abort that nobody needs costs more than a small answer.
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) aborted.abort();
  });
  outgoing.sendDate = false;
  if (body === undefined) {
    // The rest of it is not read.
    outgoing.setHeader('connection', 'close');
    sendError(outgoing, 413, 'RequestEntityTooLarge', 'The request body is larger than 4 MB.');
    return;
  }
  const url = addressOf(incoming, headers, ownScheme);
  if (url === undefined) {
    sendError(outgoing, 400, 'BadRequest', 'The address of the request cannot be read.');
    return;
  }
  const content = isFileBody(headers) ? { body: '', bytes: body } : { body: body.toString('utf8') };
  const method = incoming.method ?? 'GET';
  const { remoteAddress } = incoming.socket;
  const response = await handle({ method, url, headers, ...content, remoteAddress, signal: aborted.signal });
  if (typeof response.json === 'object' && response.isCutShort !== true) {
    sendPieces(outgoing, response, response.json);
    return;
  }
  const payload = bodyPayload(response);
  outgoing.writeHead(response.status, { ...response.headers, 'content-length': Buffer.byteLength(payload) });
  if (response.isCutShort === true) {
    const half = Buffer.from(payload).subarray(0, Math.floor(Buffer.byteLength(payload) / 2));
    outgoing.write(half, () => incoming.socket.destroy());
    return;
  }
  outgoing.end(payload);
}

/** Behind a TLS proxy links and metadata must carry the outer address; of several proxies, the outermost one's. */
function addressOf(incoming: IncomingMessage, headers: Record<string, string>, ownScheme: string): URL | undefined {
  const outermost = (name: string) => headers[name]?.split(',', 1)[0]?.trim();
  const scheme = outermost('x-forwarded-proto') ?? ownScheme;
  const host = outermost('x-forwarded-host') ?? headers['host'] ?? 'localhost';
  const origin = `${scheme}://${host}`;
  // Put together, not resolved: a path that begins with two slashes is no host.
  const text = /^https?:\/\//i.test(incoming.url ?? '') ? incoming.url! : `${origin}${incoming.url ?? '/'}`;
  return /^https?$/i.test(scheme) && URL.canParse(origin) && URL.canParse(text) ? new URL(text) : undefined;
}

/** For what never became a request: Graph's envelope, without a log entry. */
function sendError(outgoing: ServerResponse, status: number, code: string, message: string): void {
  const body = JSON.stringify({ error: { code, message } });
  const headers = {
    'content-type': GRAPH_JSON,
    'request-id': NO_REQUEST_ID,
    'content-length': Buffer.byteLength(body),
  };
  outgoing.writeHead(status, headers).end(body);
}

/** What never got into the log has no id to be found by. */
const NO_REQUEST_ID = '00000000-0000-4000-a000-000000000000';

/** As they are, in one go: a page that was told before is not copied once more. */
function sendPieces(outgoing: ServerResponse, response: SimulatedResponse, pieces: readonly Buffer[]): void {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  outgoing.cork();
  outgoing.writeHead(response.status, { ...response.headers, 'content-length': length });
  for (const piece of pieces) outgoing.write(piece);
  outgoing.end();
  outgoing.uncork();
}

const NO_BODY = Buffer.alloc(0);

/** The whole body, or undefined when it is too large. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const { headers } = incoming;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return NO_BODY;
  const limit = isControlPath(incoming.url ?? '') ? MAX_CONTROL_BODY_BYTES : MAX_BODY_BYTES;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > limit) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
