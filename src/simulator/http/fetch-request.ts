import { isFileBody } from './answers.ts';
import type { SimulatedRequest } from './http-types.ts';

/** What `fetch` was called with, as a request to the simulator. `origin`: base of relative addresses. */
export async function fetchRequest(
  input: string | URL | Request,
  init: RequestInit,
  origin: string,
): Promise<SimulatedRequest> {
  const source = input instanceof Request ? new Request(input, init) : undefined;
  const url = new URL(source?.url ?? String(input), origin);
  const headers = Object.fromEntries(new Headers(source?.headers ?? init.headers));
  const isFile = isFileBody(headers);
  const given = source === undefined ? (init.body ?? '') : isFile ? await source.arrayBuffer() : await source.text();
  const bytes = isFile ? new Uint8Array(await new Response(given).arrayBuffer()) : undefined;
  const body = isFile ? '' : typeof given === 'string' ? given : await new Response(given).text();
  if (body !== '' || init.body !== undefined) {
    headers['content-length'] ??= String(bytes?.length ?? Buffer.byteLength(body));
  }
  if (init.body instanceof URLSearchParams)
    headers['content-type'] ??= 'application/x-www-form-urlencoded;charset=UTF-8';
  const method = (source?.method ?? init.method ?? 'GET').toUpperCase();
  // What every HTTP client does for a POST without body.
  if (method === 'POST') headers['content-length'] ??= '0';
  return { method, url, headers, body, bytes, signal: source?.signal ?? init.signal };
}
