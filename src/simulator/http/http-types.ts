import { GraphError } from './graph-error.ts';
import { isTooDeep } from './json-depth.ts';

export interface SimulatedRequest {
  method: string;
  url: URL;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string;
  /** A body that is not text: a part of an uploaded file. `body` is '' then. */
  bytes?: Uint8Array | undefined;
  /** Who is at the other end of the socket; undefined in-process. */
  remoteAddress?: string | undefined;
  signal?: AbortSignal | null | undefined;
}

export interface SimulatedResponse {
  status: number;
  headers: Record<string, string>;
  /** A JSON value, or text for what is not JSON; undefined for no content. */
  body?: unknown;
  /** A JSON document that is written already, as text or in pieces of UTF-8: pages of rendered events. */
  json?: string | readonly Buffer[];
  /** What is no text at all: a file; the route gives its content type. */
  bytes?: Uint8Array;
  text?: string;
  /** The connection is cut in the middle of the body. */
  isCutShort?: boolean;
}

/** Paths that steer the simulator and are no part of Graph (see control/). */
export const isControlPath = (path: string): boolean => /^\/simulator(?:[/?]|$)/i.test(path);

/** Body type of every Graph answer. */
export const GRAPH_JSON =
  'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8';

/** @throws {GraphError} 400 `BadRequest` for malformed or absurdly deep JSON, 415 for a body of another type */
export function readJson(request: SimulatedRequest): unknown {
  if (request.body === '') return undefined;
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\b/i.test(type)) {
    throw new GraphError(
      415,
      'RequestBodyRead',
      'A supported MIME type could not be found that matches the content type of the request.',
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(request.body);
  } catch {
    throw unreadableJson();
  }
  if (isTooDeep(value)) throw unreadableJson();
  return value;
}

const unreadableJson = (): GraphError =>
  new GraphError(
    400,
    'BadRequest',
    'Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.',
  );

/** Query parameters by lower-case name: Graph takes `startDateTime` in any case. */
export function readQuery(url: URL): Map<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of url.searchParams) query.set(name.toLowerCase(), value);
  return query;
}

export interface GraphPath {
  segments: string[];
  /** Arguments of a function segment, such as `delta(startDateTime='…')`. */
  parameters: Map<string, string>;
}

/** Splits a path into segments; keys may stand in parentheses (`calendars('AAMk…')`), functions may be qualified. */
export function readPath(pathname: string): GraphPath {
  const segments: string[] = [];
  const parameters = new Map<string, string>();
  for (const raw of pathname.split('/')) {
    if (raw === '') continue;
    const text = decodeSegment(raw);
    const call = /^([^()]+)\((.*)\)$/s.exec(text);
    segments.push((call?.[1] ?? text).replace(/^microsoft\.graph\./i, ''));
    const inner = call?.[2] ?? '';
    if (inner === '') continue;
    const named = [...inner.matchAll(/(\w+)\s*=\s*(?:[\w.]+)?'((?:[^']|'')*)'/g)];
    if (named.length === 0) segments.push(inner.replace(/^'(.*)'$/s, '$1').replaceAll("''", "'"));
    for (const [, name, value] of named) parameters.set(name!.toLowerCase(), value!);
  }
  return { segments, parameters };
}

function decodeSegment(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new GraphError(400, 'BadRequest', `Resource not found for the segment '${raw}'.`);
  }
}
