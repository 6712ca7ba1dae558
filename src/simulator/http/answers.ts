import type { GraphError } from './graph-error.ts';
import { GRAPH_JSON, type SimulatedRequest, type SimulatedResponse } from './http-types.ts';
import type { RequestLogEntry } from './request-log.ts';

/** A refusal in Graph's envelope (Microsoft Graph "Error responses and resource types"). */
export function refusal(
  error: GraphError,
  o: { request: SimulatedRequest; entry: RequestLogEntry; nowMs: number },
): SimulatedResponse {
  const { request, entry, nowMs } = o;
  entry.code = error.code;
  const date = new Date(nowMs).toISOString().slice(0, 19);
  const ids = {
    'request-id': entry.requestId,
    'client-request-id': request.headers['client-request-id'] ?? entry.requestId,
  };
  return {
    status: error.status,
    headers: error.headers,
    body: {
      error: { code: error.code, message: error.message, ...error.extra, innerError: { ...error.inner, date, ...ids } },
    },
  };
}

const DIAGNOSTIC =
  '{"ServerInfo":{"DataCenter":"Simulated","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"SIM0001"}}';

/** The headers every answer has. */
export function finished(
  response: SimulatedResponse,
  o: { request: SimulatedRequest; entry: RequestLogEntry; nowMs: number },
): SimulatedResponse {
  const { request, entry, nowMs } = o;
  entry.status = response.status;
  const hasJson = response.body !== undefined || response.json !== undefined;
  const headers = {
    ...(hasJson ? { 'content-type': GRAPH_JSON } : {}),
    'request-id': entry.requestId,
    'client-request-id': request.headers['client-request-id'] ?? entry.requestId,
    'x-ms-ags-diagnostic': DIAGNOSTIC,
    date: new Date(nowMs).toUTCString(),
    'strict-transport-security': 'max-age=31536000',
    ...response.headers,
  };
  return { ...response, headers };
}

/** The body as it goes over the wire; '' for none. */
export const bodyText = ({ text, json, body }: SimulatedResponse): string =>
  text ?? (json === undefined ? undefined : jsonText(json)) ?? (body === undefined ? '' : JSON.stringify(body));

const jsonText = (json: string | readonly Buffer[]): string =>
  typeof json === 'string' ? json : Buffer.concat(json).toString();

/** The body as it goes over the wire, files included. */
export function bodyPayload(response: SimulatedResponse): string | Uint8Array<ArrayBuffer> {
  if (response.bytes !== undefined) return new Uint8Array(response.bytes);
  const { text, json } = response;
  return text === undefined && typeof json === 'object' ? Buffer.concat(json) : bodyText(response);
}

/** Whether a request's body is part of a file and must not be read as text. */
export const isFileBody = (headers: Record<string, string>): boolean => headers['content-range'] !== undefined;

/** The body as a value, for a batch answer. */
export function bodyValue({ text, json, body, bytes }: SimulatedResponse): unknown {
  if (bytes !== undefined) return Buffer.from(bytes).toString('base64');
  if (body !== undefined) return body;
  if (json !== undefined) return JSON.parse(jsonText(json));
  return text === undefined ? undefined : Buffer.from(text).toString('base64url');
}
