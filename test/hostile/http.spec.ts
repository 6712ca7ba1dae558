import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, ApiWorld, OPEN_PATIENCE_MS, OWNER, sign } from '../support/api-world.ts';
import { openWorldDatabase } from '../support/sync-world.ts';
import { dumpOf } from '../support/table-dump.ts';
import { type Dice, rolls, tries } from './dice.ts';
import { misfit, mutatedBytes, mutatedJson, nestedText } from './mutations.ts';
import { type Operation, operationsOf, sampleOf } from './openapi-samples.ts';

/** A request may take so long, milliseconds of processor time, whatever is in it. */
const PATIENCE_MS = 5_000;

let world: ApiWorld;
let operations: Operation[];
let authorization: string;
let eventId: string;

beforeAll(async () => {
  await openWorldDatabase();
  world = await ApiWorld.open();
  const document = await world.server.inject('/openapi.json');
  operations = operationsOf(document.json());
  const token = await sign({ ...OWNER, roles: ['admin'] }, world.sync.clock.now(), { validSeconds: 10 ** 9 });
  authorization = `Bearer ${token}`;
  const at = { dateTime: '2026-03-09T09:00:00', timeZone: 'UTC' };
  const made = await world.call('POST', '/calendar/events', { body: { subject: 'Kept', start: at, end: at } });
  eventId = String(made.body['id']);
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await world?.close();
});

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly payload?: string | Buffer;
  /** For a person's browser: what is wrong is said in HTML. */
  readonly isPage?: boolean;
}

/** What must be true of every answer, whatever was asked. */
async function ask(request: Request): Promise<number> {
  // So that nobody is refused for asking so often.
  world.sync.clock.advance(1_000);
  const startedAt = process.cpuUsage();
  const { method, url, headers, payload } = request;
  const answer = await world.server.inject({
    method: method as 'GET',
    url,
    headers: { authorization, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
  const place = `${method} ${url.slice(0, 200)} ${JSON.stringify(headers)} ${String(payload).slice(0, 600)}`;
  const used = process.cpuUsage(startedAt);
  expect((used.user + used.system) / 1000, place).toBeLessThan(PATIENCE_MS);
  if (answer.statusCode >= 500 && answer.statusCode !== 503)
    throw new Error(`${answer.statusCode} ${answer.body}: ${place}`);
  if (answer.statusCode >= 400 && !request.isPage) {
    expect(answer.headers['content-type'], place).toMatch(/^application\/problem\+json/);
    expect(answer.json(), place).toMatchObject({ status: answer.statusCode, code: expect.stringMatching(/^[A-Z_]+$/) });
    expect(answer.body, place).not.toMatch(/node_modules|\bat .+\.ts:\d+/);
  }
  return answer.statusCode;
}

const PATH_IDS = [
  ...['%00', '%2F', '..%2F..%2Fetc%2Fpasswd', '%25', '%ff', '%', '%u0041', '%ED%A0%80', '*', "'%20or%201=1--"],
  ...[
    '__proto__',
    'constructor',
    'undefined',
    'null',
    '-1',
    '1e400',
    '%E2%80%AE',
    ' ',
    '%0d%0aX-Evil:%201',
    'x'.repeat(10_240),
  ],
  ...['00000000-0000-0000-0000-000000000000', '2026-03-09', '_2026-03-09', 'a_2026-99-99', '.', '%2e%2e'],
];
const QUERIES = [
  ...[
    '__proto__=1',
    'constructor=1',
    'limit=1e400',
    'limit=-1',
    'limit=1&limit=2',
    'limit[]=1',
    'limit=%00',
    'cursor=%00',
  ],
  ...[
    'offset=999999999999999999',
    'start=2026-13-45T99:99:99Z&end=9999-12-31T23:59:59Z',
    'start=%ff',
    '%',
    '&&&=',
    'x'.repeat(10_000),
  ],
  ...[
    'start=0000-01-01&end=9999-12-31&expand=occurrences',
    'calendarId=%00',
    'calendarId=%ED%A0%80',
    'cursor=eyJ9',
    'cursor=e30',
    'cursor=W10',
  ],
  ...[
    'cursor=bnVsbA',
    'userId=*',
    'userId=%00',
    'days=366',
    'scope=following',
    'state=x&code=y',
    'error=x&error_description=%3Cscript%3E',
  ],
  ...[
    'since=%2B275760-09-13T00:00:00Z',
    'since=',
    'images=TRUE',
    Array.from({ length: 2_000 }, (_, at) => `a${at}=1`).join('&'),
  ],
];
const TYPES = [
  ...[
    'application/json',
    'application/json; charset=utf-16',
    'application/json;charset=latin1',
    'APPLICATION/JSON',
    'text/plain',
    '',
  ],
  ...[
    'text/calendar',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json/x',
    ';',
    'x'.repeat(5_000),
  ],
];
const HEADERS: readonly Record<string, string>[] = [
  { 'if-match': '*' },
  { 'if-match': 'W/"'.repeat(1_000) },
  { 'idempotency-key': 'k'.repeat(10_000) },
  { 'idempotency-key': '\u00ff' },
  { 'x-correlation-id': 'x'.repeat(5_000) },
  { 'content-encoding': 'gzip' },
  { 'transfer-encoding': 'gzip, chunked' },
  { 'content-length': '-1' },
  { range: 'bytes=0-99999999999' },
  { 'last-event-id': '999999999999999999999' },
  { expect: '100-continue' },
  { accept: 'x'.repeat(5_000) },
  { origin: 'null', 'access-control-request-method': 'TRACE' },
  { 'x-forwarded-for': 'x,'.repeat(2_000) },
  { prefer: 'x', upgrade: 'websocket' },
];

function requestTo(operation: Operation, dice: Dice): Request {
  const { method, path, type, schema, isPage } = operation;
  // What is deleted is there for nobody any more.
  const ids = () =>
    method !== 'DELETE' && dice.is(0.4) ? eventId : dice.is(0.2) ? `${eventId}_2026-03-09` : dice.oneOf(PATH_IDS);
  const query = dice.is(0.3) ? `?${dice.oneOf(QUERIES)}` : operation.query;
  const url = path.replaceAll(/\{\w+\}/g, ids) + query;
  const headers = dice.is(0.3) ? { ...dice.oneOf(HEADERS) } : {};
  if (type === undefined && dice.is(0.8)) return { method, url, headers, isPage };
  const payload = payloadOf(type, schema, dice);
  return {
    method,
    url,
    headers: { 'content-type': dice.is(0.9) ? (type ?? 'application/json') : dice.oneOf(TYPES), ...headers },
    payload,
    isPage,
  };
}

function payloadOf(type: string | undefined, schema: unknown, dice: Dice): string | Buffer {
  if (type !== undefined && type !== 'application/json')
    return Buffer.from(mutatedBytes(Buffer.from('BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\nstate=x&connect=yes'), dice));
  const right = sampleOf(schema, dice);
  const how = dice.below(10);
  if (how === 0) return Buffer.from(mutatedBytes(Buffer.from(JSON.stringify(right) ?? ''), dice));
  if (how === 1) return JSON.stringify(misfit(dice)) ?? '';
  if (how === 2)
    return JSON.stringify(right).replace(
      '{',
      dice.oneOf(['{"__proto__":{"x":1},', '{"constructor":{"prototype":{}},', '{"a":1,"a":2,', '{"toString":1,']),
    );
  if (how === 3) return JSON.stringify(right) ?? '';
  return JSON.stringify(mutatedJson(right, dice)) ?? '';
}

/** Long answers that have no end are for their own specs. */
const isStream = ({ path }: Operation) => path.endsWith('/stream') || path.endsWith('/feed');
/** Ends what the others are tried on. */
const isEnd = ({ method, path }: Operation) => method === 'DELETE' && !path.includes('{');

describe('every route of the document', () => {
  it('answers whatever it is sent with what it means, and with a problem where it cannot', async () => {
    await fc.assert(
      fc.asyncProperty(rolls(), async (dice) => {
        await ask(requestTo(dice.oneOf(operations.filter((each) => !isStream(each) && !isEnd(each))), dice));
      }),
      tries(600),
    );
  });

  it('refuses nesting without end, wherever it is put, and writes nothing', async () => {
    const before = rowsOf(await dumpOf(world.sync.db));
    const lists = nestedText(100_000);
    const objects = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    for (const operation of operations.filter(({ type }) => type === 'application/json')) {
      const { method, path } = operation;
      for (const text of [objects, `{"value":[{"clientState":${lists}}],"subject":${lists},"extra":1}`]) {
        const url = path.replaceAll(/\{\w+\}/g, eventId) + operation.query;
        const status = await ask({ method, url, headers: { 'content-type': 'application/json' }, payload: text });
        expect([400, 404, 413, 415, 202], `${method} ${path}`).toContain(status);
      }
    }
    expect(rowsOf(await dumpOf(world.sync.db))).toEqual(before);
  });

  it('refuses what is not let in, and writes nothing', async () => {
    const before = await dumpOf(world.sync.db);
    for (const { method, path, query } of operations) {
      for (const header of ['', 'Bearer x', `Bearer ${'A'.repeat(20_000)}`, 'Bearer a.b.c']) {
        const answer = await world.server.inject({
          method: method as 'GET',
          url: path.replaceAll(/\{\w+\}/g, eventId) + query,
          headers: { ...(header ? { authorization: header } : {}), 'content-type': 'application/x-nonsense' },
          payload: '\0',
        });
        expect(answer.statusCode, `${method} ${path}`).not.toBe(500);
      }
    }
    expect(rowsOf(await dumpOf(world.sync.db))).toEqual(rowsOf(before));
  });
});

/** Refused sign-ins are written down and requests counted, which is what audit and limits are for. */
const rowsOf = (dump: string) =>
  dump.split('\n').filter((row) => !/^public\.\S*(Audit|Rate)|^pgboss\.(?!job)/.test(row));

describe('bodies without measure', () => {
  const MEGABYTE = Buffer.alloc(2 ** 20, 0x20);

  it.each([
    ['with their length', `content-length: ${50 * 2 ** 20}`],
    ['in chunks', 'transfer-encoding: chunked'],
  ])('%s are refused before they are in', async (_what, length) => {
    const { port } = new URL(await listening());
    const before = process.memoryUsage().rss;
    for (const [method, path, type] of [
      ['POST', '/calendar/events', 'application/json'],
      ['POST', '/calendar/events/import', 'text/calendar'],
      ['POST', '/calendar/sync/webhooks/graph', 'application/json'],
    ] as const) {
      const head = [
        `${method} ${path} HTTP/1.1`,
        'host: x',
        `authorization: ${authorization}`,
        `content-type: ${type}`,
        length,
      ];
      const answer = await poured(Number(port), head, length.includes('chunked'));
      // A door that is closed while somebody pours may cut the answer off on its way.
      if (answer.text !== '' || !length.includes('chunked')) {
        expect(answer.text.split('\r\n', 1)[0]).toBe('HTTP/1.1 413 Payload Too Large');
        expect(answer.text).toContain('application/problem+json');
      }
      expect(answer.megabytes).toBeLessThan(40);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
  });

  let address: string | undefined;
  async function listening(): Promise<string> {
    address ??= await world.server.listen({ host: '127.0.0.1', port: 0 });
    return address;
  }

  /** Pours fifty megabytes in until somebody closes the door, or answers. */
  async function poured(port: number, head: readonly string[], isChunked: boolean) {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    let isOver = false;
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('error', () => {});
    const over = new Promise<void>((resolve) => socket.once('close', () => resolve())).then(() => {
      isOver = true;
    });
    socket.write([...head, '', ''].join('\r\n'));
    const answered = expect.poll(() => text, { timeout: 20_000 }).toContain('\r\n\r\n');
    // Who says beforehand how much it is need not begin.
    if (!isChunked) await answered;
    let megabytes = 0;
    for (; isChunked && megabytes < 50 && !isOver && text === ''; megabytes += 1) {
      const piece = Buffer.concat([Buffer.from(`${(2 ** 20).toString(16)}\r\n`), MEGABYTE, Buffer.from('\r\n')]);
      await Promise.race([new Promise<void>((resolve) => socket.write(piece, () => resolve())), over]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.race([answered, over]);
    socket.destroy();
    answered.catch(() => {});
    return { text, megabytes };
  }
});

describe('roles', () => {
  it('are not given by what a body says', async () => {
    const { status } = await world.call('PUT', '/calendar/sync/settings', {
      body: JSON.parse('{"__proto__":{"roles":["admin"]},"constructor":{"prototype":{"roles":["admin"]}}}'),
      as: OWNER,
    });
    expect(status).toBe(400);
    expect(({} as { roles?: unknown }).roles).toBeUndefined();
    expect(ADMIN.roles).toEqual(['admin']);
  });
});
