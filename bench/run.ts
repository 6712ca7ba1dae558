import { parseArgs } from 'node:util';
import { getJson, type Measured, measure, start } from './load.ts';
import { ADDRESS, DAY_MS, NOW } from './scene.ts';
import type { Memory, Ready } from './simulator-process.ts';

/** Measures the simulator beside a server that does nothing; see README.md. */
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '5' },
  },
});
const seconds = Number(values.seconds);
const events = Number(values.events);
const PAGE = 50;

const simulator = await start<Ready>('simulator-process.ts', values.events);
const { url, token } = simulator.ready;
const headers = { authorization: `Bearer ${token}` };
const user = `/v1.0/users/${ADDRESS}`;
const paged = { ...headers, prefer: `odata.maxpagesize=${PAGE}` };

const spread = (count: number, path: (at: number) => string) => Array.from({ length: count }, (_, at) => path(at));
const day = (offset: number) => new Date(NOW + offset * DAY_MS).toISOString().slice(0, 10);
/** Every page once in a shuffled-looking order: a step that shares no factor with their number. */
const pages = Math.max(1, Math.floor(events / PAGE));
const eventsPage = (at: number) => `${user}/events?$top=${PAGE}&$skip=${((at * 7919) % pages) * PAGE}`;
const weekPage = (at: number) =>
  `${user}/calendarView?startDateTime=${day((at % 40) * 7 - 140)}&endDateTime=${day((at % 40) * 7 - 133)}&$top=${PAGE}&$skip=${(at % 7) * PAGE}`;

const sample = await fetch(url + eventsPage(0), { headers });
const size = (await sample.arrayBuffer()).byteLength;
const constant = await start<{ url: string }>('constant-process.ts', String(size));
const rows: Record<string, string | number>[] = [];
let ceiling = 0;

async function scenario(name: string, paths: readonly string[], more: Record<string, string> = headers) {
  note(name, await measure(simulator, paths, { seconds, headers: more }));
}

function note(name: string, measured: Measured): void {
  rows.push({
    what: name,
    'requests/s': Math.round(measured.perSecond),
    'CPU ms each': Number(measured.cpuMs.toFixed(3)),
    'p50 ms': measured.p50Ms,
    'p99 ms': measured.p99Ms,
    'MB/s': Math.round(measured.megabytesPerSecond),
    'share of ceiling': (measured.perSecond / ceiling).toFixed(2),
  });
}

/** Follows a round from page to page and gives the addresses it passed. */
async function roundOf(first: string): Promise<{ links: string[]; last: string; perSecond: number }> {
  const links: string[] = [];
  const began = performance.now();
  let next: string | undefined = first;
  let last = '';
  while (next !== undefined) {
    links.push(next.slice(url.length));
    const page: Record<string, unknown> = await getJson(next, paged);
    next = page['@odata.nextLink'] as string | undefined;
    last = (page['@odata.deltaLink'] as string | undefined) ?? last;
  }
  return { links, last, perSecond: (links.length / (performance.now() - began)) * 1000 };
}

const bare = await measure(constant, ['/'], { seconds });
ceiling = bare.perSecond;
note('node:http, constant document', bare);
await scenario('events, first pages again and again', spread(20, eventsPage));
await scenario('events, all pages', spread(pages, eventsPage));
await scenario(
  'events, $select of 6',
  spread(pages, (at) => `${eventsPage(at)}&$select=subject,start,end,type,isAllDay,showAs`),
);
await scenario('calendarView, pages of weeks', spread(280, weekPage));
await scenario(
  'calendarView, ordered',
  spread(280, (at) => `${weekPage(at)}&$orderby=start/dateTime`),
);
const first = await roundOf(`${url}${user}/calendarView/delta?startDateTime=${day(-365)}&endDateTime=${day(365)}`);
await scenario('delta, pages of the first round', first.links.slice(1, 2000), paged);
await simulator.ask({ change: Math.min(20_000, events) });
const second = await roundOf(first.last);
await scenario('delta, pages after 20,000 changes', second.links.slice(1, 500), paged);

const after = await simulator.ask<Memory>('memory');
const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;
console.log(`${events} events, pages of ${PAGE} (${Math.round(size / 1024)} KB), ${seconds} s each`);
console.table(rows);
console.log(
  `generated in ${(simulator.ready.generatedMs / 1000).toFixed(1)} s; resident ${megabytes(simulator.ready.rssBytes)} then, ${megabytes(after.rssBytes)} after the load`,
);
console.log(
  `whole first delta round: ${first.links.length} pages, ${Math.round(first.perSecond)} pages/s one after the other`,
);
await Promise.all([simulator.stop(), constant.stop()]);
