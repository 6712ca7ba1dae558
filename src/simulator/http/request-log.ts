import { isTooDeep } from './json-depth.ts';

/** One request as the simulator saw it. Batch items are children of their batch. */
export interface RequestLogEntry {
  seq: number;
  /** ISO instant of the simulator's clock. */
  at: string;
  method: string;
  /** Path without host and query, percent-decoded. */
  path: string;
  url: string;
  query: Record<string, string>;
  /** Names in lower case; Authorization is not kept. */
  headers: Record<string, string>;
  body: unknown;
  /** 0 while open, or when the connection was dropped. */
  status: number;
  /** Graph's error code of a refused request. */
  code: string | undefined;
  requestId: string;
  mailbox: string | undefined;
  batchItem: boolean;
  /** The item's id within its batch. */
  batchItemId: string | undefined;
  /** Scripted fault that hit the request. */
  fault: string | undefined;
  children: RequestLogEntry[];
}

/** A long-running simulator forgets its oldest requests. */
const KEPT = 20_000;
/** Nor does it keep more of their bodies than this: clients attach files. */
const KEPT_BYTES = 64 * 1024 * 1024;

export class RequestLog {
  readonly entries: RequestLogEntry[] = [];
  #seq = 0;
  #bytes = 0;

  open(
    o: Pick<RequestLogEntry, 'method' | 'headers' | 'body' | 'requestId' | 'mailbox' | 'at'> & { url: URL },
    batch?: RequestLogEntry,
    batchItemId?: string,
  ): RequestLogEntry {
    const { url } = o;
    const { authorization: _secret, ...headers } = o.headers;
    const entry: RequestLogEntry = {
      ...o,
      // Such a body was refused; kept as it came, the log could not be told any more.
      body: isTooDeep(o.body) ? 'JSON nested too deeply to be kept' : o.body,
      url: url.href,
      headers,
      seq: ++this.#seq,
      path: decoded(url.pathname),
      query: Object.fromEntries(url.searchParams),
      status: 0,
      code: undefined,
      batchItem: batch !== undefined,
      batchItemId,
      fault: undefined,
      children: [],
    };
    if (batch !== undefined) batch.children.push(entry);
    else {
      this.entries.push(entry);
      this.#bytes += sizeOf(entry);
      if (this.entries.length > KEPT) this.#forget(KEPT / 10);
      while (this.#bytes > KEPT_BYTES && this.entries.length > 1) this.#forget(1);
    }
    return entry;
  }

  clear(): void {
    this.entries.length = 0;
    this.#bytes = 0;
  }

  #forget(count: number): void {
    for (const entry of this.entries.splice(0, count)) this.#bytes -= sizeOf(entry);
  }

  /** Every attempt to write an event, batch items included, in order of arrival. */
  writes(): RequestLogEntry[] {
    return this.entries
      .flatMap((entry) => [entry, ...entry.children])
      .filter(({ method, path }) => ['POST', 'PATCH', 'DELETE'].includes(method) && /\/events\b/i.test(path));
  }
}

/** As the client said it; a batch holds its items' bodies a second time. */
const sizeOf = ({ headers }: RequestLogEntry): number => Number(headers['content-length'] ?? 0) || 0;

/** Percent-decoded, or as it stands when it is no valid encoding. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
