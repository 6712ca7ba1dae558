import type { FetchInit } from '../../src/core/runtime.ts';

/** Defects the model can give the service, to see that it would notice them. */
export type Sabotage = 'no If-Match' | 'no marker' | 'no immutable ids' | 'unrecorded reverts';

/** Headers that a service with the defect does not send. */
const LEFT_OUT: Readonly<Record<Sabotage, string | undefined>> = {
  'no If-Match': 'If-Match',
  'no immutable ids': 'Prefer',
  'no marker': undefined,
  'unrecorded reverts': undefined,
};

interface BatchItem {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The same request, as a service with that defect would send it. */
export function sabotaged(init: FetchInit, sabotage: Sabotage): FetchInit {
  const { requests, ...body } = readBody(init);
  const damage = (sent: unknown) => (sabotage === 'no marker' ? without(sent, 'transactionId') : sent);
  const left = LEFT_OUT[sabotage];
  const unguarded = (headers: unknown) => (left ? without(headers, left) : headers);
  return {
    ...init,
    headers: unguarded(init.headers ?? {}) as Record<string, string>,
    ...(init.body === undefined
      ? {}
      : {
          body: JSON.stringify(
            requests
              ? {
                  requests: requests.map((item) => ({
                    ...item,
                    ...(item.headers ? { headers: unguarded(item.headers) } : {}),
                    ...(item.body === undefined ? {} : { body: damage(item.body) }),
                  })),
                }
              : damage(body),
          ),
        }),
  };
}

/** Which resources a request is about, a batch's one by one. */
export function pathsIn(url: string, init: FetchInit): string[] {
  if (!url.endsWith('/$batch')) return [decodeURIComponent(url)];
  return (readBody(init).requests ?? []).map((item) => decodeURIComponent(item.url));
}

function readBody({ body }: FetchInit): { requests?: BatchItem[] } {
  return body === undefined ? {} : (JSON.parse(body) as { requests?: BatchItem[] });
}

function without(of: unknown, name: string): unknown {
  const entries = Object.entries(of as Record<string, unknown>);
  return Object.fromEntries(entries.filter(([key]) => key.toLowerCase() !== name.toLowerCase()));
}
