import { jsonFiles } from '../shared-data.ts';

/** A published example as it lies on disk. */
interface Example {
  readonly doc: string;
  readonly kind: 'request' | 'response' | 'json';
  readonly method?: string;
  readonly url?: string;
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  readonly requestBody?: unknown;
  readonly meta?: { readonly name?: string };
  readonly isExample: boolean;
}

type Named = Example & { readonly file: string };

export interface DocumentedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** A request with the answer the documentation shows for it; either may be missing. */
export interface DocumentedExchange {
  readonly file: string;
  readonly request?: DocumentedRequest;
  readonly response?: { readonly status: number; readonly body: unknown; readonly headers: Record<string, string> };
}

/** Requests of answers that stand alone, by the page they are on, or by their name. */
const BARE: Readonly<Record<string, string>> = {
  create_event: 'POST /me/events',
  event_update: 'PATCH /me/events/{id}',
  get_message: 'GET /me/messages/{id}',
  throttling: 'GET /me/calendar',
  'calendar-list-calendarview':
    'GET /me/calendar/calendarView?startDateTime=2017-01-01T19:00:00Z&endDateTime=2017-01-07T19:00:00Z',
  'user-list-calendarview': 'GET /me/calendarView?startDateTime=2017-01-01T19:00:00Z&endDateTime=2017-01-07T19:00:00Z',
  'group-list-calendarview':
    'GET /groups/{id}/calendarView?startDateTime=2019-08-01T19:00:00Z&endDateTime=2019-10-01T19:00:00Z',
  'calendargroup-list-calendars': 'GET /me/calendarGroups/{id}/calendars',
  'calendarpermission-get': 'GET /users/{id}/calendar/calendarPermissions/{id}',
  'event-delta': 'GET /me/calendarView/delta?startDateTime=2017-01-01T19:00:00Z&endDateTime=2017-01-07T19:00:00Z',
  'event-get': 'GET /me/events/{id}',
  'subscription-list': 'GET /subscriptions',
  'outlook-create-event-in-shared-delegated-calendar': 'GET /me/calendars',
};

/** Every example that is one: answers with the requests they belong to, and requests whose answer is not shown. */
export function documentedExchanges(): DocumentedExchange[] {
  const examples = jsonFiles('graph-examples')
    .map(({ file, content }): Named => ({ file, ...(content as Example) }))
    .filter(({ isExample }) => isExample);
  const answered = new Set<string>();
  const exchanges = examples
    .filter(({ kind }) => kind === 'response')
    .map((response) => {
      const request = requestOf(response, examples);
      if (request !== undefined) answered.add(request.file);
      return exchangeOf(response, request);
    });
  const unanswered = examples.filter(({ kind, file }) => kind === 'request' && !answered.has(file));
  return [...exchanges, ...unanswered.map((request) => ({ file: request.file, request: readRequest(request) }))];
}

/** Bodies without request or answer: fragments of events, the properties of a type. */
export function documentedFragments(): { file: string; body: Record<string, unknown> }[] {
  return jsonFiles('graph-examples')
    .map(({ file, content }): Named => ({ file, ...(content as Example) }))
    .filter(({ isExample, kind }) => isExample && kind === 'json')
    .map(({ file, body }) => ({ file, body: body as Record<string, unknown> }));
}

function exchangeOf(response: Named, request: Named | undefined): DocumentedExchange {
  const { file, status, body, method, url, headers = {} } = response;
  const answer = { status: status ?? 200, body: body ?? undefined, headers };
  if (method !== undefined && url !== undefined) {
    const sent = { method, url: fromRoot(url), headers: {}, body: response.requestBody ?? request?.body ?? undefined };
    return { file, request: sent, response: answer };
  }
  if (request !== undefined) {
    return { file: `${request.file} + ${file}`, request: readRequest(request), response: answer };
  }
  const bare = BARE[response.meta?.name ?? ''] ?? BARE[pageOf(response)];
  if (bare === undefined) return { file, response: answer };
  const [verb, path] = bare.split(' ') as [string, string];
  return { file, request: { method: verb, url: path, headers: {}, body: undefined }, response: answer };
}

const readRequest = ({ method, url, headers, body }: Named): DocumentedRequest => ({
  method: method ?? 'GET',
  url: fromRoot(url ?? ''),
  headers: headers ?? {},
  body: body ?? undefined,
});

const fromRoot = (url: string): string => url.replace(/^https:\/\/graph\.microsoft\.com\/(v1\.0|beta)/, '');

const pageOf = ({ doc }: Named): string => doc.split('/').at(-1)!.replace('.md', '');

/** By name on the same page; otherwise the one right before; otherwise, for a later state of a page, its only one. */
function requestOf(response: Named, all: readonly Named[]): Named | undefined {
  const requests = all.filter(({ kind }) => kind === 'request');
  if (response.method !== undefined) {
    return requests.find(({ method, url, body }) => method === response.method && body && alike(url!, response.url!));
  }
  const { name } = response.meta ?? {};
  const samePage = requests.filter(({ file }) => seriesOf(file) === seriesOf(response.file));
  if (name !== undefined) {
    const byName = samePage.filter((request) => request.meta?.name === name);
    if (byName.length > 0) return byName.find(({ file }) => isLater(file) === isLater(response.file)) ?? byName[0];
  }
  const before = samePage.find(
    ({ file }) => isLater(file) === isLater(response.file) && numberOf(file) === numberOf(response.file) - 1,
  );
  if (before !== undefined) return before;
  return samePage.length === 1 && isLater(response.file) ? samePage[0] : undefined;
}

const seriesOf = (file: string): string => file.replace(/(\.2023)?-\d\d-(request|response|json)$/, '');
const isLater = (file: string): boolean => file.includes('.2023-');
const numberOf = (file: string): number => Number(/-(\d\d)-(request|response)$/.exec(file)?.[1]);

/** The same path when ids are left out. */
function alike(a: string, b: string): boolean {
  const shape = (url: string) =>
    fromRoot(url)
      .split('?')[0]!
      .toLowerCase()
      .split('/')
      .filter((part) => /^[a-z]{2,20}$/.test(part));
  return shape(a).join('/') === shape(b).join('/');
}
