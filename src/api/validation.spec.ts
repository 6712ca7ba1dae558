import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RecordingServer } from '../../test/support/recording-server.ts';

let server: RecordingServer;
beforeAll(async () => {
  server = await RecordingServer.open();
});
afterAll(async () => {
  await server?.close();
});
beforeEach(() => {
  server.received.length = 0;
});

const send: RecordingServer['send'] = (...request) => server.send(...request);

const JSON_TYPE = { 'content-type': 'application/json' };
const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const TIMES = { start: at('2026-03-09T09:00:00'), end: at('2026-03-09T10:00:00') };
const PATTERN = { type: 'daily', interval: 1 };

describe('bodies of the wrong shape', () => {
  it.each<[what: string, method: string, url: string, body: unknown, path: string, message: RegExp]>([
    [
      'a property with a slip',
      'POST',
      '/calendar/sync/start',
      { directon: 'pull' },
      'directon',
      /did you mean direction\?/,
    ],
    ['a property of nowhere', 'POST', '/calendar/sync/start', { xyzzy: 1 }, 'xyzzy', /known are direction, calendarId/],
    [
      'a word that is none of the list',
      'POST',
      '/calendar/sync/start',
      { direction: 'sideways' },
      'direction',
      /one of pull, push, bidirectional/,
    ],
    ['text for a truth value', 'POST', '/calendar/sync/start', { forceFull: 'true' }, 'forceFull', /a boolean/],
    ['a number for text', 'POST', '/calendar/sync/start', { calendarId: 7 }, 'calendarId', /a string/],
    [
      'half a range',
      'POST',
      '/calendar/sync/start',
      { dateRange: { start: '2026-01-01T00:00:00Z' } },
      'dateRange.end',
      /required/,
    ],
    [
      'an instant without offset',
      'POST',
      '/calendar/sync/preview',
      { dateRange: { start: '2026-01-01T00:00:00', end: '2026-02-01T00:00:00Z' } },
      'dateRange.start',
      /an instant.*e\.g\. 2026/,
    ],
    ['a list for an object', 'POST', '/calendar/sync/start', [], 'body', /an object/],
    ['null for an object', 'POST', '/calendar/events', 'null', 'body', /an object/],
    ['an event without an end', 'POST', '/calendar/events', { start: TIMES.start }, 'end', /required/],
    ['a field that is read-only', 'POST', '/calendar/events', { ...TIMES, etag: '"1"' }, 'etag', /^is read-only$/],
    [
      'a calendar for an event that exists',
      'PATCH',
      '/calendar/events/e1',
      { calendarId: 'default' },
      'calendarId',
      /^is read-only$/,
    ],
    [
      'a property deep inside',
      'POST',
      '/calendar/events',
      { ...TIMES, body: { contentType: 'text', contents: 'x' } },
      'body.contents',
      /did you mean content\?/,
    ],
    [
      'a text where null may be',
      'POST',
      '/calendar/events',
      { ...TIMES, body: 'x' },
      'body',
      /^must be an object or null$/,
    ],
    [
      'an item of a list',
      'POST',
      '/calendar/events',
      { ...TIMES, attendees: [{ emailAddress: {} }, { emailAddress: 'x' }] },
      'attendees.1.emailAddress',
      /an object/,
    ],
    [
      'an unknown kind of recurrence',
      'POST',
      '/calendar/events',
      { ...TIMES, recurrence: { pattern: { ...PATTERN, type: 'hourly' }, range: { type: 'noEnd' } } },
      'recurrence.pattern.type',
      /one of daily, weekly/,
    ],
    [
      'a date that is none',
      'POST',
      '/calendar/events',
      { ...TIMES, recurrence: { pattern: PATTERN, range: { type: 'endDate', endDate: 'never' } } },
      'recurrence.range.endDate',
      /a date, e\.g\./,
    ],
    [
      'a subject without end',
      'POST',
      '/calendar/events',
      { ...TIMES, subject: 'x'.repeat(5000) },
      'subject',
      /0 to 1024 characters/,
    ],
    [
      'the character NUL',
      'POST',
      '/calendar/events',
      { ...TIMES, locations: [{ displayName: 'a\0b' }] },
      'locations.0.displayName',
      /NUL/,
    ],
    [
      'half a day',
      'PUT',
      '/calendar/sync/settings',
      { window: { pastDays: 1.5, futureDays: 1 } },
      'window.pastDays',
      /whole number from 0 to 1800/,
    ],
    [
      'a rule without action',
      'PUT',
      '/calendar/sync/settings',
      { rules: [{ categories: ['x'] }] },
      'rules.0.action',
      /required/,
    ],
    [
      'an interval of less than nothing',
      'PUT',
      '/calendar/sync/settings',
      { syncIntervalMinutes: -1 },
      'syncIntervalMinutes',
      /number from 0 to 10080/,
    ],
    [
      'a setting of a calendar that is none',
      'PATCH',
      '/calendar/calendars/c1',
      { colour: 'red' },
      'colour',
      /known are enabled/,
    ],
    ['a body where none belongs', 'POST', '/calendar/calendars/refresh', { full: true }, 'full', /there are none/],
    [
      'a decision of nobody',
      'PUT',
      '/calendar/sync/conflicts/c1/resolve',
      { resolution: 'COIN' },
      'resolution',
      /one of PREFER_LOCAL/,
    ],
    ['no decision', 'PUT', '/calendar/sync/conflicts/c1/resolve', {}, 'resolution', /required/],
    [
      'another way to connect',
      'PUT',
      '/calendar/connection',
      { mode: 'delegated', mailbox: 'a@example.com' },
      'mode',
      /one of application/,
    ],
  ])('%s', async (_what, method, url, body, path, message) => {
    const json = typeof body === 'string' ? { 'content-type': 'application/json' } : {};
    const { status, problem, type } = await send(method, url, body, json);
    expect(status).toBe(400);
    expect(type).toContain('application/problem+json');
    expect(problem.code).toBe('INVALID_INPUT');
    expect(problem.errors?.find((error) => error.path === path)?.message).toMatch(message);
    expect(server.received).toEqual([]);
  });

  it('says all at once, of body and address together', async () => {
    const { status, problem } = await send('PUT', '/calendar/connection?userid=bob&x=1', {
      mode: 'x',
      mailbx: 'a@example.com',
    });
    expect(status).toBe(400);
    expect(problem.errors?.map(({ path }) => path).sort()).toEqual(['mailbox', 'mailbx', 'mode', 'userid', 'x']);
    expect(problem.detail).toMatch(/\(and 4 more\)$/);
  });

  it('says it in words that never repeat what the caller wrote', async () => {
    const { problem } = await send('POST', '/calendar/events', {
      ...TIMES,
      subject: ['biopsy'],
      showAs: 'biopsy',
      body: { contentType: 'biopsy', content: 1 },
    });
    expect(problem.errors).toHaveLength(4);
    expect(JSON.stringify(problem)).not.toContain('biopsy');
  });

  it('stops counting somewhere', async () => {
    const attendees = Array.from({ length: 400 }, () => ({ emailAddress: 7 }));
    const { problem } = await send('POST', '/calendar/events', { ...TIMES, attendees });
    expect(problem.errors).toHaveLength(50);
  });
});

describe('bodies of any shape at all', () => {
  it.each([
    ['POST', '/calendar/sync/start'],
    ['POST', '/calendar/events'],
    ['PATCH', '/calendar/events/e1'],
    ['PUT', '/calendar/sync/settings'],
    ['PATCH', '/calendar/calendars/c1'],
    ['PUT', '/calendar/sync/conflicts/c1/resolve'],
    ['PUT', '/calendar/connection'],
  ])('%s %s is served or told what is wrong, and never falls over', async (method, url) => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), async (body) => {
        server.received.length = 0;
        const { status, problem } = await send(method, url, JSON.stringify(body), JSON_TYPE);
        if (status < 300) return;
        expect(server.received).toEqual([]);
        // Names that would poison a prototype are refused by the parser already.
        if (/"(__proto__|constructor)":/.test(JSON.stringify(body)) && problem.code === 'INVALID_JSON') return;
        expect([status, problem.code]).toEqual([400, 'INVALID_INPUT']);
        expect(problem.errors?.length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe('addresses of the wrong shape', () => {
  it.each<[url: string, path: string, message: RegExp]>([
    ['/calendar/sync/history?limit=abc', 'limit', /whole number from 1 to 100/],
    ['/calendar/sync/history?limit=0', 'limit', /whole number from 1 to 100/],
    ['/calendar/sync/history?limit=101', 'limit', /whole number from 1 to 100/],
    ['/calendar/sync/history?limit=1.5', 'limit', /whole number/],
    ['/calendar/sync/history?limit=', 'limit', /whole number/],
    ['/calendar/sync/history?limit=1e1', 'limit', /whole number/],
    ['/calendar/sync/history?limit=0x10', 'limit', /whole number/],
    ['/calendar/sync/history?limit=+1', 'limit', /whole number/],
    ['/calendar/sync/history?limit=1&limit=2', 'limit', /whole number/],
    ['/calendar/sync/history?offset=-1', 'offset', /whole number from 0/],
    ['/calendar/sync/history?Limit=1', 'Limit', /did you mean limit\?/],
    ['/calendar/sync/history?status=completed', 'status', /one of PENDING/],
    ['/calendar/sync/history?userId=', 'userId', /1 to 255 characters/],
    ['/calendar/sync/history?calendarId=a%00b', 'calendarId', /NUL/],
    ['/calendar/sync/metrics?days=0', 'days', /whole number from 1 to 366/],
    ['/calendar/sync/metrics?days=400', 'days', /whole number from 1 to 366/],
    ['/calendar/sync/conflicts?status=open', 'status', /one of pending, resolved, all/],
    ['/calendar/sync/settings?verbose=1', 'verbose', /not a query parameter known here: there are none/],
    ['/calendar/events?start=yesterday', 'start', /an instant/],
    ['/calendar/events?expand=all', 'expand', /one of occurrences/],
    ['/calendar/events?__proto__=1', '__proto__', /not a query parameter/],
    ['/calendar/sync/health?verbose=1', 'verbose', /not a query parameter/],
  ])('%s', async (url, path, message) => {
    const { status, problem } = await send('GET', url);
    expect(status).toBe(400);
    expect(problem.errors?.find((error) => error.path === path)?.message).toMatch(message);
    expect(server.received).toEqual([]);
  });

  it('fills in what has a default, and reads numbers as numbers', async () => {
    await send('GET', '/calendar/sync/history?offset=20');
    await send('GET', '/calendar/sync/conflicts');
    expect(server.received).toEqual([
      [{ limit: 10, offset: 20, userId: 'ada' }],
      ['ada', { status: 'pending', limit: 20, offset: 0 }],
    ]);
  });

  it.each([
    ['a date', '2026-03-01'],
    ['no offset', '2026-03-01T08:00:00'],
    ['an offset whose plus was not encoded', '2026-03-01T08:00:00+01:00'],
    ['UTC', '2026-03-01T08:00:00.123Z'],
  ])('leaves it to the service what %s in an address means', async (_what, start) => {
    expect((await send('GET', `/calendar/events?start=${start}`)).status).toBe(200);
    expect(server.received).toMatchObject([['ada', { start: start.replace('+', ' ') }]]);
  });
});
