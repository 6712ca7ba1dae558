import { GraphSimulator, type SimulatorOptions } from '../../src/simulator/index.ts';

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came over the wire
  body: any;
}

export const ADDRESS = 'ada@example.com';
export const NOW = Date.parse('2026-03-02T08:00:00Z');

/** A simulator with one mailbox and a clock of its own, and a plain caller with a token. */
export function simulate(options: SimulatorOptions = {}) {
  const clock = { now: NOW };
  const sim = new GraphSimulator({ now: () => clock.now, ...options });
  const mailbox = sim.addMailbox({ address: ADDRESS, name: 'Ada Lemke', timeZone: 'W. Europe Standard Time' });
  const token = sim.accessToken();

  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const url = path.startsWith('http') ? path : `http://graph.sim.test/v1.0${path.replace(/^~/, `/users/${ADDRESS}`)}`;
    const response = await sim.fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** Follows a delta round to its end. */
  async function round(url: string, headers: Record<string, string> = {}) {
    const pages: Answer[] = [];
    let next: string | undefined = url;
    while (next !== undefined && pages.length < 200) {
      const page: Answer = await call('GET', next, undefined, headers);
      if (page.status !== 200) return { pages, items: [], link: '', failed: page };
      pages.push(page);
      next = page.body['@odata.nextLink'];
    }
    const items = pages.flatMap((page) => page.body.value);
    return { pages, items, link: pages.at(-1)?.body['@odata.deltaLink'] as string, failed: undefined };
  }

  return { sim, mailbox, clock, call, round, token };
}

/** An hour on a March morning in Berlin, with whatever a test cares about. */
export function anEvent(change: Record<string, unknown> = {}): Record<string, unknown> {
  return { subject: 'Tile order', start: at('2026-03-04T09:00:00'), end: at('2026-03-04T10:00:00'), ...change };
}

export const at = (dateTime: string, timeZone = 'W. Europe Standard Time') => ({ dateTime, timeZone });

/** Mondays from 2 March 2026 on. */
export function aSeries(
  change: Record<string, unknown> = {},
  range: Record<string, unknown> = {},
): Record<string, unknown> {
  return anEvent({
    subject: 'Standup',
    start: at('2026-03-02T09:00:00'),
    end: at('2026-03-02T09:30:00'),
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
      range: { type: 'numbered', startDate: '2026-03-02', numberOfOccurrences: 8, ...range },
    },
    ...change,
  });
}

export const MARCH_TO_MAY = 'startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-06-01T00:00:00Z';
