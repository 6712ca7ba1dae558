import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  url: string;
  contentType: string;
  body: string;
}

/** What an endpoint answers to one POST; the right thing unless a test says otherwise. */
export interface WebhookReply {
  status?: number;
  contentType?: string;
  text?: string;
  headers?: Record<string, string>;
}

export type WebhookHandler = (received: Received) => WebhookReply | undefined | Promise<WebhookReply | undefined>;

/** Echoes validation tokens and accepts notifications, except where `handle` answers otherwise. */
export function anEndpoint(handle: WebhookHandler = () => undefined) {
  const received: Received[] = [];
  const validations: Received[] = [];

  async function answer(post: Received): Promise<Required<WebhookReply>> {
    const token = new URL(post.url, 'http://receiver.test').searchParams.get('validationToken');
    (token === null ? received : validations).push(post);
    const usual =
      token === null
        ? { status: 202, contentType: 'text/plain', text: '', headers: {} }
        : { status: 200, contentType: 'text/plain; charset=utf-8', text: token, headers: {} };
    return { ...usual, ...(await handle(post)) };
  }

  const webhookFetch: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    const reply = await answer({
      url: String(input),
      contentType: headers.get('content-type') ?? '',
      body: String(init?.body ?? ''),
    });
    return new Response(reply.text === '' ? null : reply.text, {
      status: reply.status,
      headers: { 'content-type': reply.contentType, ...reply.headers },
    });
  };

  return {
    received,
    validations,
    answer,
    webhookFetch,
    /** Notifications in order of arrival, whatever POST they came in. */
    // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came over the wire
    notifications: (): any[] => received.flatMap(({ body }) => JSON.parse(body).value),
  };
}

/** The same endpoint behind a socket of this machine. */
export async function listenForWebhooks(handle?: WebhookHandler) {
  const endpoint = anEndpoint(handle);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const contentType = request.headers['content-type'] ?? '';
      const body = Buffer.concat(chunks).toString();
      const reply = await endpoint.answer({ url: request.url ?? '/', contentType, body });
      response.writeHead(reply.status, { 'content-type': reply.contentType, ...reply.headers }).end(reply.text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { ...endpoint, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
