import { GraphSimulator, type SimulatedMailbox, type SimulatorSwitches } from '../../src/simulator/index.ts';

type Body = Record<string, unknown>;

/** One request with its answer, as it went over the wire; the items of a batch are exchanges of their own. */
export interface Exchange {
  readonly method: string;
  /** Below the version root, keys as segments, without the query. */
  readonly path: string;
  readonly query: string;
  readonly request: unknown;
  readonly status: number;
  readonly headers: Headers;
  /** Undefined for none; text where it is no JSON. */
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tour looks at whatever came over the wire
  readonly body: any;
}

export const NOW = '2026-03-02T08:00:00Z';
export const WINDOW = 'startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-06-01T00:00:00Z';
const ORIGIN = 'https://graph.sim.test';

/** Calls the simulator and keeps what was said. */
export class Traveller {
  readonly exchanges: Exchange[] = [];
  /** Notifications that came to the receiver, as they came. */
  readonly notifications: unknown[] = [];
  readonly sim: GraphSimulator;
  readonly mailbox: SimulatedMailbox;
  /** Sent where a call says nothing else. */
  token: string;

  constructor(switches: Partial<SimulatorSwitches> = {}) {
    const now = Date.parse(NOW);
    this.sim = new GraphSimulator({
      now: () => now,
      origin: ORIGIN,
      switches: { requestLimit: 0, ...switches },
      webhookFetch: async (url, init) => this.#receive(String(url), String(init?.body ?? '')),
    });
    this.mailbox = this.sim.addMailbox({
      address: 'ada@example.com',
      name: 'Ada Lemke',
      timeZone: 'W. Europe Standard Time',
    });
    this.sim.addMailbox({ address: 'ben@example.com', name: 'Ben Ode', timeZone: 'Tokyo Standard Time' });
    this.token = this.sim.accessToken();
  }

  /** A token of somebody who signed in, for `/me`. */
  signedIn(user: string): string {
    const scopes = ['Calendars.ReadWrite', 'Calendars.ReadWrite.Shared', 'MailboxSettings.ReadWrite', 'User.ReadWrite'];
    return this.sim.accessToken({ user, scopes });
  }

  get = (path: string, headers: Record<string, string> = {}) => this.call('GET', path, undefined, headers);
  post = (path: string, body?: unknown, headers: Record<string, string> = {}) => this.call('POST', path, body, headers);
  patch = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    this.call('PATCH', path, body, headers);
  delete = (path: string, headers: Record<string, string> = {}) => this.call('DELETE', path, undefined, headers);

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const url = path.startsWith('http') ? path : `${ORIGIN}/v1.0${path}`;
    const response = await this.sim.fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const reply = { status: response.status, headers: response.headers, body: parsed(await response.text()) };
    this.exchanges.push({ method, ...located(url), request: body, ...reply });
    if (path === '/$batch' && response.status === 200) this.#keepItems(body as Body, reply.body as Body);
    return reply;
  }

  /** Follows the pages of a list or a round. @returns the items, and the link to the next round */
  async pages(path: string, headers: Record<string, string> = {}): Promise<{ items: Body[]; deltaLink: string }> {
    const items: Body[] = [];
    let reply = await this.get(path, headers);
    while (reply.status === 200) {
      items.push(...reply.body.value);
      const next: string | undefined = reply.body['@odata.nextLink'];
      if (next === undefined) break;
      reply = await this.get(next, headers);
    }
    return { items, deltaLink: reply.body?.['@odata.deltaLink'] ?? '' };
  }

  /** Passes the handshake, takes everything. */
  #receive(url: string, body: string): Response {
    const token = new URL(url).searchParams.get('validationToken');
    if (token !== null) return new Response(token, { headers: { 'content-type': 'text/plain' } });
    this.notifications.push(JSON.parse(body));
    return new Response(null, { status: 202 });
  }

  #keepItems(batch: Body, answer: Body): void {
    for (const item of answer['responses'] as { id: string; status: number; headers?: Body; body?: unknown }[]) {
      const request = (batch['requests'] as Body[]).find(({ id }) => id === item.id)!;
      this.exchanges.push({
        method: String(request['method']),
        ...located(`${ORIGIN}/v1.0${String(request['url'])}`),
        request: request['body'],
        status: item.status,
        headers: new Headers((item.headers ?? {}) as Record<string, string>),
        body: item.body,
      });
    }
  }
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function located(url: string): { path: string; query: string } {
  const { pathname, search } = new URL(url);
  const path = pathname.replace(/^\/v1\.0/, '').replaceAll(/\('([^'=]+)'\)/g, '/$1');
  return { path: decodeURIComponent(path), query: search };
}
